"""Routes from the samples of a few frames to their power or mel power."""

from typing import Protocol

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.fft import rfft

from skhrmel._banded import BandedMatrix

# Frames worked on at a time: the windowed frames and their spectra of a 2048-sample FFT
# take 1 MB each in float32 and stay in the second-level cache.
TILE_FRAMES = 128

# The compiled route to mel power needs no tile in cache. It does more of them in one
# call, which another thread need not wait for: eight, or as many as 2 MB of samples
# make.
_MOST_TILES = 8
_MOST_SAMPLES = 1 << 19


class Route(Protocol):
    """Writes the power, or mel power, of frames to the rows `new` of `values`.

    Frame ``k`` begins at sample ``k * hop``. Other rows of the same tiles may change,
    but to what is finite and not negative.
    """

    def __call__(
        self, samples: NDArray, hop: int, values: NDArray, new: slice
    ) -> None: ...


def find_route(
    weights: NDArray, filters: BandedMatrix | None, hop: int
) -> tuple[Route, int]:
    """Choose the compiled route where there is one, which is twice as fast.

    Parameters
    ----------
    weights : ndarray of shape (n_fft,)
        Window, float32 or float64.
    filters : BandedMatrix of shape (1 + n_fft // 2, n_mels) or None
        Mel filters; None for the power itself.
    hop : int
        Distance of neighbouring frames in samples.

    Returns
    -------
    route : Route
        Function from samples to values.
    n_tiles : int
        Tiles worth doing in one call.
    """
    if weights.dtype != np.float32 or len(weights) != 2048:
        return scipy_route(weights, filters, hop)
    # Here and not above: importing the compiler takes half a second.
    from skhrmel import _kernels

    if filters is None:

        def power(samples: NDArray, hop: int, values: NDArray, new: slice) -> None:
            _kernels.power_spectra(samples, hop, weights, values[new])

        return power, 1

    packed = filters.packed

    def mel_power(samples: NDArray, hop: int, values: NDArray, new: slice) -> None:
        _kernels.mel_spectra(samples, hop, weights, packed, values[new])

    return mel_power, max(1, min(_MOST_TILES, _MOST_SAMPLES // (hop * TILE_FRAMES)))


def scipy_route(
    weights: NDArray,
    filters: BandedMatrix | None,
    hop: int,  # noqa: ARG001
) -> tuple[Route, int]:
    """Give the route of `find_route` that frames of any size can take.

    Parameters
    ----------
    weights : ndarray of shape (n_fft,)
        Window, float32 or float64.
    filters : BandedMatrix of shape (1 + n_fft // 2, n_mels) or None
        Mel filters; None for the power itself.
    hop : int
        Ignored; it makes no difference here.

    Returns
    -------
    route : Route
        Function from samples to values.
    n_tiles : int
        Tiles worth doing in one call.
    """
    return _SciPyRoute(weights, filters), 1


class _SciPyRoute:
    """Window, FFT, power and mel power by NumPy and SciPy, for frames of any size."""

    def __init__(self, weights: NDArray, filters: BandedMatrix | None = None) -> None:
        n_fft, dtype = len(weights), weights.dtype
        self._weights = weights
        self._filters = filters
        self._frames = np.zeros((TILE_FRAMES, n_fft), dtype=dtype)
        if filters is not None:
            self._power = np.empty((TILE_FRAMES, n_fft // 2 + 1), dtype=dtype)

    def __call__(self, samples: NDArray, hop: int, values: NDArray, new: slice) -> None:
        frames = sliding_window_view(samples, len(self._weights))[::hop]
        np.multiply(frames, self._weights, out=self._frames[new])
        power = values if self._filters is None else self._power
        # The whole tile is transformed even if part of it is old: the shape of a batch
        # and a number's place in it may decide how a library rounds.
        np.abs(rfft(self._frames, axis=1), out=power)
        # The square of the magnitude is faster than the sum of the squared parts, which
        # lie interleaved in memory.
        np.square(power, out=power)
        if self._filters is not None:
            self._filters.multiply(power, values)
