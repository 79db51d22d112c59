"""Windowed power spectra of frames of 2048 float32 samples, compiled.

About half the time of the FFT alone in SciPy: window, FFT and power of a frame are done
while it is in the first-level cache, and every loop runs over contiguous numbers, so
that the compiler turns it into vector instructions. It can because all lengths are
constants; that is why there is one frame size, the most used by far.

The real FFT of 2048 samples is a complex FFT of 1024 pairs (even sample, odd sample),
which five passes of radix 4 do, 1024 = 4**5. A pass combines numbers a quarter of the
remaining length apart:

- passes 1 and 2 cut the sequence into 4 and 16 interleaved ones. They are decimations
  in frequency with contiguous reads; the second writes the 16 sequences side by side;
- passes 3 to 5 work on the 16, then 64, then 256 sequences at once, after Stockham's
  scheme, which leaves the result in order (C. Van Loan, "Computational Frameworks for
  the Fast Fourier Transform", SIAM, 1992, section 1.7).
"""

from collections.abc import Callable

import numpy as np
from numba import njit
from numpy.typing import NDArray

N_FFT = 2048
_M = N_FFT // 2
_QUARTER = _M // 4
_SIXTEENTH = _M // 16
_HALF = _M // 2
_ONE_HALF = np.float32(0.5)


def _roots(length: int, powers: NDArray) -> tuple[NDArray, NDArray]:
    """Real and imaginary parts of ``exp(-2j * pi * powers / length)``."""
    roots = np.exp(-2j * np.pi * powers / length).ravel()
    return roots.real.astype(np.float32), roots.imag.astype(np.float32)


_FACTORS = np.array([[1], [2], [3]])
# Twiddle factors of passes over the whole length and over a quarter of it.
_W_RE, _W_IM = _roots(_M, _FACTORS * np.arange(_QUARTER))
_V_RE, _V_IM = _roots(_QUARTER, _FACTORS * np.arange(_SIXTEENTH))
# What turns the complex FFT into that of real samples.
_R_RE, _R_IM = _roots(N_FFT, np.arange(1, _HALF + 1))


def _compiled(function: Callable) -> Callable:
    """Compile a function and keep the machine code for the next process."""
    # Without fastmath: what rounds where may not depend on the compiler's mood, which
    # differs between code that was just compiled and the same code from its cache.
    try:
        return njit(cache=True, nogil=True)(function)
    except RuntimeError:
        # No folder to keep it in can be written to.
        return njit(nogil=True)(function)


@_compiled
def _butterfly(a, b, c, d):
    """Transform four complex numbers."""
    s, t = (a[0] + c[0], a[1] + c[1]), (a[0] - c[0], a[1] - c[1])
    u, v = (b[0] + d[0], b[1] + d[1]), (b[0] - d[0], b[1] - d[1])
    return (
        (s[0] + u[0], s[1] + u[1]),
        (t[0] + v[1], t[1] - v[0]),
        (s[0] - u[0], s[1] - u[1]),
        (t[0] - v[1], t[1] + v[0]),
    )


@_compiled
def _times(z, w_re, w_im):
    """Multiply two complex numbers."""
    return z[0] * w_re - z[1] * w_im, z[0] * w_im + z[1] * w_re


@_compiled
def _window_and_first_pass(y, window, re, im):
    for p in range(_QUARTER):
        i, j = 2 * p, 2 * (p + _QUARTER)
        k, m = 2 * (p + 2 * _QUARTER), 2 * (p + 3 * _QUARTER)
        z0, z1, z2, z3 = _butterfly(
            (y[i] * window[i], y[i + 1] * window[i + 1]),
            (y[j] * window[j], y[j + 1] * window[j + 1]),
            (y[k] * window[k], y[k + 1] * window[k + 1]),
            (y[m] * window[m], y[m + 1] * window[m + 1]),
        )
        re[p], im[p] = z0
        p1, p2, p3 = p + _QUARTER, p + 2 * _QUARTER, p + 3 * _QUARTER
        re[p1], im[p1] = _times(z1, _W_RE[p], _W_IM[p])
        re[p2], im[p2] = _times(z2, _W_RE[p1], _W_IM[p1])
        re[p3], im[p3] = _times(z3, _W_RE[p2], _W_IM[p2])


@_compiled
def _second_pass(x_re, x_im, y_re, y_im):
    for r in range(4):
        for p in range(_SIXTEENTH):
            i = r * _QUARTER + p
            j, k, m = i + _SIXTEENTH, i + 2 * _SIXTEENTH, i + 3 * _SIXTEENTH
            z0, z1, z2, z3 = _butterfly(
                (x_re[i], x_im[i]),
                (x_re[j], x_im[j]),
                (x_re[k], x_im[k]),
                (x_re[m], x_im[m]),
            )
            o, p1, p2 = 16 * p + r, p + _SIXTEENTH, p + 2 * _SIXTEENTH
            y_re[o], y_im[o] = z0
            y_re[o + 4], y_im[o + 4] = _times(z1, _V_RE[p], _V_IM[p])
            y_re[o + 8], y_im[o + 8] = _times(z2, _V_RE[p1], _V_IM[p1])
            y_re[o + 12], y_im[o + 12] = _times(z3, _V_RE[p2], _V_IM[p2])


@_compiled
def _pass_of(n_sequences, x_re, x_im, y_re, y_im):
    """Do a pass over interleaved sequences; compiled once for each number of them."""
    for p in range(_QUARTER // n_sequences):
        w = p * n_sequences
        w1, w2, w3 = w, w + _QUARTER, w + 2 * _QUARTER
        for q in range(n_sequences):
            i, o = w + q, 4 * w + q
            j, k, m = i + _QUARTER, i + 2 * _QUARTER, i + 3 * _QUARTER
            z0, z1, z2, z3 = _butterfly(
                (x_re[i], x_im[i]),
                (x_re[j], x_im[j]),
                (x_re[k], x_im[k]),
                (x_re[m], x_im[m]),
            )
            y_re[o], y_im[o] = z0
            o += n_sequences
            y_re[o], y_im[o] = _times(z1, _W_RE[w1], _W_IM[w1])
            o += n_sequences
            y_re[o], y_im[o] = _times(z2, _W_RE[w2], _W_IM[w2])
            o += n_sequences
            y_re[o], y_im[o] = _times(z3, _W_RE[w3], _W_IM[w3])


@_compiled
def _pass_16(x_re, x_im, y_re, y_im):
    _pass_of(16, x_re, x_im, y_re, y_im)


@_compiled
def _pass_64(x_re, x_im, y_re, y_im):
    _pass_of(64, x_re, x_im, y_re, y_im)


@_compiled
def _pass_256(x_re, x_im, y_re, y_im):
    _pass_of(256, x_re, x_im, y_re, y_im)


@_compiled
def _power(z_re, z_im, v_re, v_im, out):
    """Unravel the FFT of pairs into that of real samples, and square it.

    Bins k and M - k of the one give bins k and M - k of the other. What lies backwards
    in memory is reversed in loops of its own, so that the arithmetic runs forwards.
    """
    first, last = z_re[0] + z_im[0], z_re[0] - z_im[0]
    out[0], out[_M] = first * first, last * last
    for k in range(_HALF):
        v_re[k] = z_re[_M - 1 - k]
    for k in range(_HALF):
        v_im[k] = z_im[_M - 1 - k]
    for k in range(_HALF):
        even_re = _ONE_HALF * (z_re[k + 1] + v_re[k])
        even_im = _ONE_HALF * (z_im[k + 1] - v_im[k])
        odd_re = _ONE_HALF * (z_im[k + 1] + v_im[k])
        odd_im = _ONE_HALF * (v_re[k] - z_re[k + 1])
        turned_re, turned_im = _times((odd_re, odd_im), _R_RE[k], _R_IM[k])
        x_re, x_im = even_re + turned_re, even_im + turned_im
        out[k + 1] = x_re * x_re + x_im * x_im
        x_re, x_im = even_re - turned_re, even_im - turned_im
        v_re[k] = x_re * x_re + x_im * x_im
    for k in range(_HALF):
        out[_M - 1 - k] = v_re[k]


@_compiled
def power_spectra(samples, hop_length, window, out):
    """Write the power spectrum of frame ``k``, at ``k * hop_length``, to ``out[k]``.

    Parameters
    ----------
    samples : ndarray of shape (n_samples,)
        Waveform, float32, with samples enough for all frames.
    hop_length : int
        Distance of neighbouring frames in samples.
    window : ndarray of shape (2048,)
        Window, float32.
    out : ndarray of shape (n_frames, 1025)
        Receives the power, float32.
    """
    a_re, a_im = np.empty(_M, np.float32), np.empty(_M, np.float32)
    b_re, b_im = np.empty(_M, np.float32), np.empty(_M, np.float32)
    for k in range(out.shape[0]):
        start = k * hop_length
        _window_and_first_pass(samples[start : start + N_FFT], window, a_re, a_im)
        _second_pass(a_re, a_im, b_re, b_im)
        _pass_16(b_re, b_im, a_re, a_im)
        _pass_64(a_re, a_im, b_re, b_im)
        _pass_256(b_re, b_im, a_re, a_im)
        _power(a_re, a_im, b_re, b_im, out[k])
