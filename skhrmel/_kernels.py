"""Power, mel power and new phases of frames of 2048 float32 samples, compiled.

Window, FFT and what follows are done while a frame is in the first-level cache, and
every loop runs over contiguous numbers, so that the compiler turns it into vector
instructions. It can because all lengths are constants; that is why there is one frame
size, the most used by far. The kernels need no lock of Python's, so threads run them
side by side.

The real FFT of 2048 samples is a complex FFT of 1024 pairs (even sample, odd sample),
which five passes of radix 4 do, 1024 = 4**5. A pass combines numbers a quarter of the
remaining length apart:

- passes 1 and 2 cut the sequence into 4 and 16 interleaved ones. They are decimations
  in frequency with contiguous reads; the second writes the 16 sequences side by side;
- passes 3 to 5 work on the 16, then 64, then 256 sequences at once, after Stockham's
  scheme, which leaves the result in order (C. Van Loan, "Computational Frameworks for
  the Fast Fourier Transform", SIAM, 1992, section 1.7).
"""

import numpy as np
from numpy.typing import NDArray

from skhrmel._compiler import compiled, compiled_sum

N_FFT = 2048
_M = N_FFT // 2
_QUARTER = _M // 4
_SIXTEENTH = _M // 16
_HALF = _M // 2
_ONE_HALF, _ONE = np.float32(0.5), np.float32(1)
_INVERSE_M = np.float32(1 / _M)
_TINY = np.finfo(np.float32).tiny


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


@compiled
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


@compiled
def _times(z, w_re, w_im):
    """Multiply two complex numbers."""
    return z[0] * w_re - z[1] * w_im, z[0] * w_im + z[1] * w_re


@compiled
def _first_pass(x_re, x_im, y_re, y_im):
    for p in range(_QUARTER):
        p1, p2, p3 = p + _QUARTER, p + 2 * _QUARTER, p + 3 * _QUARTER
        z0, z1, z2, z3 = _butterfly(
            (x_re[p], x_im[p]),
            (x_re[p1], x_im[p1]),
            (x_re[p2], x_im[p2]),
            (x_re[p3], x_im[p3]),
        )
        y_re[p], y_im[p] = z0
        y_re[p1], y_im[p1] = _times(z1, _W_RE[p], _W_IM[p])
        y_re[p2], y_im[p2] = _times(z2, _W_RE[p1], _W_IM[p1])
        y_re[p3], y_im[p3] = _times(z3, _W_RE[p2], _W_IM[p2])


@compiled
def _second_pass(x_re, x_im, y_re, y_im):
    for r in range(4):
        for p in range(_SIXTEENTH):
            i, o = r * _QUARTER + p, r * _QUARTER + 4 * p
            j, k, m = i + _SIXTEENTH, i + 2 * _SIXTEENTH, i + 3 * _SIXTEENTH
            z0, z1, z2, z3 = _butterfly(
                (x_re[i], x_im[i]),
                (x_re[j], x_im[j]),
                (x_re[k], x_im[k]),
                (x_re[m], x_im[m]),
            )
            p1, p2 = p + _SIXTEENTH, p + 2 * _SIXTEENTH
            y_re[o], y_im[o] = z0
            y_re[o + 1], y_im[o + 1] = _times(z1, _V_RE[p], _V_IM[p])
            y_re[o + 2], y_im[o + 2] = _times(z2, _V_RE[p1], _V_IM[p1])
            y_re[o + 3], y_im[o + 3] = _times(z3, _V_RE[p2], _V_IM[p2])


@compiled
def _interleave(x, y):
    """Put four sequences side by side."""
    for p in range(_QUARTER):
        y[4 * p], y[4 * p + 1] = x[p], x[p + _QUARTER]
        y[4 * p + 2], y[4 * p + 3] = x[p + 2 * _QUARTER], x[p + 3 * _QUARTER]


@compiled
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


@compiled
def _pass_16(x_re, x_im, y_re, y_im):
    _pass_of(16, x_re, x_im, y_re, y_im)


@compiled
def _pass_64(x_re, x_im, y_re, y_im):
    _pass_of(64, x_re, x_im, y_re, y_im)


@compiled
def _pass_256(x_re, x_im, y_re, y_im):
    _pass_of(256, x_re, x_im, y_re, y_im)


@compiled
def _fft(a_re, a_im, b_re, b_im):
    """Transform the 1024 complex numbers in `a`; `b` is overwritten.

    With real and imaginary parts swapped, it is the inverse but for a factor 1 / 1024.
    """
    _first_pass(a_re, a_im, b_re, b_im)
    _second_pass(b_re, b_im, a_re, a_im)
    _interleave(a_re, b_re)
    _interleave(a_im, b_im)
    _pass_16(b_re, b_im, a_re, a_im)
    _pass_64(a_re, a_im, b_re, b_im)
    _pass_256(b_re, b_im, a_re, a_im)


@compiled
def _pairs(y, window, re, im):
    """Window a frame and part its even samples from its odd ones."""
    for p in range(_M):
        re[p] = y[2 * p] * window[2 * p]
        im[p] = y[2 * p + 1] * window[2 * p + 1]


@compiled
def _take_back_half(x, out):
    """Read numbers M - 1, M - 2, ... so that loops over both ends run forwards."""
    for k in range(_HALF):
        out[k] = x[_M - 1 - k]


@compiled
def _put_back_half(x, out):
    """Write numbers M - 1, M - 2, ..."""
    for k in range(_HALF):
        out[_M - 1 - k] = x[k]


@compiled
def _unravel(z_re, z_im, v_re, v_im):
    """Turn the FFT `z` of pairs into that of the real samples.

    Bins 1 to M / 2 replace those of `z`; the conjugates of bins M - 1, M - 2, ... M / 2
    are written to `v`. Bins 0 and M, which are real, remain as the sum and the
    difference of the parts of ``z[0]``.
    """
    _take_back_half(z_re, v_re)
    _take_back_half(z_im, v_im)
    for k in range(_HALF):
        even_re = _ONE_HALF * (z_re[k + 1] + v_re[k])
        even_im = _ONE_HALF * (z_im[k + 1] - v_im[k])
        odd_re = _ONE_HALF * (z_im[k + 1] + v_im[k])
        odd_im = _ONE_HALF * (v_re[k] - z_re[k + 1])
        odd_re, odd_im = _times((odd_re, odd_im), _R_RE[k], _R_IM[k])
        z_re[k + 1], z_im[k + 1] = even_re + odd_re, even_im + odd_im
        v_re[k], v_im[k] = even_re - odd_re, even_im - odd_im


@compiled
def _ravel(z_re, z_im, v_re, v_im):
    """Undo `_unravel`."""
    for k in range(_HALF):
        even_re = _ONE_HALF * (z_re[k + 1] + v_re[k])
        even_im = _ONE_HALF * (z_im[k + 1] + v_im[k])
        odd_re = _ONE_HALF * (z_re[k + 1] - v_re[k])
        odd_im = _ONE_HALF * (z_im[k + 1] - v_im[k])
        odd_re, odd_im = _times((odd_re, odd_im), _R_RE[k], -_R_IM[k])
        z_re[k + 1], z_im[k + 1] = even_re - odd_im, even_im + odd_re
        v_re[k], v_im[k] = even_re + odd_im, odd_re - even_im
    _put_back_half(v_re, z_re)
    _put_back_half(v_im, z_im)


@compiled
def _power(z_re, z_im, v_re, v_im, out):
    """Write the power of real samples whose pairs have the FFT `z`."""
    first, last = z_re[0] + z_im[0], z_re[0] - z_im[0]
    out[0], out[_M] = first * first, last * last
    _unravel(z_re, z_im, v_re, v_im)
    for k in range(_HALF):
        out[k + 1] = z_re[k + 1] * z_re[k + 1] + z_im[k + 1] * z_im[k + 1]
    for k in range(_HALF):
        v_re[k] = v_re[k] * v_re[k] + v_im[k] * v_im[k]
    _put_back_half(v_re, out)


@compiled
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
        _pairs(samples[start : start + N_FFT], window, a_re, a_im)
        _fft(a_re, a_im, b_re, b_im)
        _power(a_re, a_im, b_re, b_im, out[k])


@compiled_sum
def _dot(x, i, y, j, n):
    total = np.float32(0)
    for k in range(n):
        total += x[i + k] * y[j + k]
    return total


@compiled
def mel_spectra(samples, hop_length, window, filters, out):
    """Write the mel power of frame ``k``, at ``k * hop_length``, to ``out[k]``.

    Parameters
    ----------
    samples : ndarray of shape (n_samples,)
        Waveform, float32, with samples enough for all frames.
    hop_length : int
        Distance of neighbouring frames in samples.
    window : ndarray of shape (2048,)
        Window, float32.
    filters : tuple (first, offsets, values)
        Filter ``m`` has the weights ``values[offsets[m]:offsets[m + 1]]``, float32,
        from frequency ``first[m]`` on. The others are unsigned, so that the compiler
        need not expect indices from the end.
    out : ndarray of shape (n_frames, n_mels)
        Receives the mel power, float32.
    """
    first, offsets, values = filters
    a_re, a_im = np.empty(_M, np.float32), np.empty(_M, np.float32)
    b_re, b_im = np.empty(_M, np.float32), np.empty(_M, np.float32)
    power = np.empty(_M + 1, np.float32)
    for k in range(out.shape[0]):
        start = k * hop_length
        _pairs(samples[start : start + N_FFT], window, a_re, a_im)
        _fft(a_re, a_im, b_re, b_im)
        _power(a_re, a_im, b_re, b_im, power)
        for m in range(out.shape[1]):
            n = offsets[m + 1] - offsets[m]
            out[k, m] = _dot(power, first[m], values, offsets[m], n)


@compiled
def _rescale(re, im, magnitude):
    """Give complex numbers their magnitudes; those of no phase get phase 0."""
    for k in range(_HALF):
        power = re[k] * re[k] + im[k] * im[k]
        vanishing = power <= _TINY
        scale = magnitude[k] / np.sqrt(_ONE if vanishing else power)
        re[k] = magnitude[k] if vanishing else re[k] * scale
        im[k] = im[k] * scale


@compiled
def _set_magnitude(z_re, z_im, v_re, v_im, magnitude, backwards):
    """Change the FFT `z` of pairs so that the real samples' FFT has a magnitude."""
    first = np.copysign(magnitude[0], z_re[0] + z_im[0])
    last = np.copysign(magnitude[_M], z_re[0] - z_im[0])
    z_re[0], z_im[0] = _ONE_HALF * (first + last), _ONE_HALF * (first - last)
    _unravel(z_re, z_im, v_re, v_im)
    _rescale(z_re[1:], z_im[1:], magnitude[1:])
    _take_back_half(magnitude, backwards)
    _rescale(v_re, v_im, backwards)
    _ravel(z_re, z_im, v_re, v_im)


@compiled
def project(samples, hop_length, window, magnitude, out):
    """Give the frames of a waveform new magnitudes and add them up.

    One step of Griffin and Lim's algorithm, but for the division by the sum of the
    squared windows.

    Parameters
    ----------
    samples : ndarray of shape (n_samples,)
        Waveform, float32, with samples enough for all frames.
    hop_length : int
        Distance of neighbouring frames in samples.
    window : ndarray of shape (2048,)
        Window of analysis and synthesis, float32.
    magnitude : ndarray of shape (n_frames, 1025)
        Magnitude that each frame gets, float32.
    out : ndarray of shape (n_samples,)
        Frames are added to it, float32.
    """
    a_re, a_im = np.empty(_M, np.float32), np.empty(_M, np.float32)
    b_re, b_im = np.empty(_M, np.float32), np.empty(_M, np.float32)
    backwards = np.empty(_HALF, np.float32)
    for k in range(magnitude.shape[0]):
        start = k * hop_length
        _pairs(samples[start : start + N_FFT], window, a_re, a_im)
        _fft(a_re, a_im, b_re, b_im)
        _set_magnitude(a_re, a_im, b_re, b_im, magnitude[k], backwards)
        _fft(a_im, a_re, b_im, b_re)
        frame = out[start : start + N_FFT]
        for p in range(_M):
            frame[2 * p] += a_re[p] * window[2 * p] * _INVERSE_M
            frame[2 * p + 1] += a_im[p] * window[2 * p + 1] * _INVERSE_M
