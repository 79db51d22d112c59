"""Multiplicative updates of power spectra towards mel power, compiled.

Every FFT bin lies in at most two filters, one that falls and one that rises. So an
update of a bin takes two products, and the mel power of the new spectrum two more. Many
frames are worked on side by side, for numbers next to each other in memory make vector
instructions: bin `f` of frame `i` lies at ``f * FRAMES + i``.

No number of a frame depends on another frame.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skhrmel._compiler import compiled

# Frames side by side. 16 take a third longer, 64 no less.
FRAMES = 32
_WIDTH = np.uint64(FRAMES)

# Part of a frame's largest mel power below which power is nothing: numbers that float32
# holds with fewer digits take the processor a hundred times as long.
_NOTHING = np.float32(1e-34)

# A squared factor may not take power out of the range of numbers.
_MOST = np.float32(8)


class TwoFilters(NamedTuple):
    """Which filters each FFT bin lies in, for compiled code.

    Attributes
    ----------
    segments : ndarray of shape (n_segments, 4), uint64
        Neighbouring bins of the same filters: first bin, last bin + 1, the filter that
        falls and the one that rises. ``n_mels`` stands for none.
    falling : ndarray of shape (n_freqs,), float
        Weight in the filter that falls, as part of the weight in both.
    rising : ndarray of shape (n_freqs,), float
        Weight in the filter that rises, as part of the weight in both.
    weight : ndarray of shape (n_freqs,), float
        Weight in both filters, 0 outside of all.
    """

    segments: NDArray
    falling: NDArray
    rising: NDArray
    weight: NDArray


def find_two_filters(basis: NDArray, dtype: np.dtype) -> TwoFilters:
    """Take a mel basis apart.

    Parameters
    ----------
    basis : ndarray of shape (n_mels, n_freqs)
        Filters of which at most two share a bin.
    dtype : dtype
        Precision of the weights.

    Returns
    -------
    filters : TwoFilters
        The parts.
    """
    n_mels, n_freqs = basis.shape
    bins = np.arange(n_freqs)
    occupied = basis != 0
    weight = basis.sum(axis=0)
    covered = weight > 0
    lower = np.where(covered, occupied.argmax(axis=0), n_mels)
    upper = np.where(covered, n_mels - 1 - occupied[::-1].argmax(axis=0), n_mels)
    upper[upper == lower] = n_mels
    padded = np.vstack([basis, np.zeros(n_freqs)]) / np.where(covered, weight, 1)
    starts = np.flatnonzero(
        np.append(True, (np.diff(lower) != 0) | (np.diff(upper) != 0))
    )
    stops = np.append(starts[1:], n_freqs)
    segments = np.column_stack([starts, stops, lower[starts], upper[starts]])
    return TwoFilters(
        segments[covered[starts]].astype(np.uint64),
        padded[lower, bins].astype(dtype),
        padded[upper, bins].astype(dtype),
        weight.astype(dtype),
    )


@compiled
def _update(weighted, ratio, falls, rises, filters, squared):
    """Multiply all bins by their factors; add the new mel power to `falls`, `rises`."""
    segments, falling, rising, _ = filters
    zero = np.float32(0)
    for s in range(len(segments)):
        a, b = segments[s, 2] * _WIDTH, segments[s, 3] * _WIDTH
        for f in range(segments[s, 0], segments[s, 1]):
            x, y, o = falling[f], rising[f], f * _WIDTH
            for i in range(_WIDTH):
                factor = x * ratio[a + i] + y * ratio[b + i]
                if squared:
                    factor *= min(factor, _MOST)
                power = weighted[o + i] * factor
                power = power if power > _NOTHING else zero
                weighted[o + i] = power
                falls[a + i] += x * power
                rises[b + i] += y * power


@compiled
def _compare(mel_power, falls, rises, ratio):
    """Divide the mel power wanted by that of the spectrum, and forget the latter."""
    zero = np.float32(0)
    for i in range(len(mel_power)):
        found = falls[i] + rises[i]
        ratio[i] = mel_power[i] / found if found > zero else zero
        falls[i], rises[i] = zero, zero


@compiled
def richardson_lucy(mel_power, filters, squares, power):
    """Make power spectra fit mel power by multiplicative updates.

    Parameters
    ----------
    mel_power : ndarray of shape (n_frames, n_mels)
        Mel power wanted, float32 or float64, of about 1.
    filters : TwoFilters
        Parts of the mel basis.
    squares : ndarray of shape (n_iter,), bool
        Which updates use the square of their factors.
    power : ndarray of shape (n_frames, n_freqs)
        Spectra to start from, and the result, of the dtype of `mel_power`.
    """
    weight = filters[3]
    n_frames, n_mels = mel_power.shape
    n_freqs, dtype = power.shape[1], power.dtype
    weighted = np.zeros(n_freqs * FRAMES, dtype)
    wanted = np.zeros((n_mels + 1) * FRAMES, dtype)
    ratio, falls, rises = np.ones_like(wanted), wanted.copy(), wanted.copy()
    for first in range(0, n_frames, FRAMES):
        n = min(FRAMES, n_frames - first)
        wanted[:] = 0
        for i in range(n):
            for k in range(n_mels):
                wanted[k * FRAMES + i] = mel_power[first + i, k]
            for f in range(n_freqs):
                weighted[f * FRAMES + i] = power[first + i, f] * weight[f]
        ratio[:], falls[:], rises[:] = 1, 0, 0
        # By factors of 1: only the mel power is computed.
        _update(weighted, ratio, falls, rises, filters, False)
        for squared in squares:
            _compare(wanted, falls, rises, ratio)
            _update(weighted, ratio, falls, rises, filters, squared)
        for i in range(n):
            for f in range(n_freqs):
                if weight[f] > 0:
                    power[first + i, f] = weighted[f * FRAMES + i] / weight[f]
                else:
                    power[first + i, f] = 0
