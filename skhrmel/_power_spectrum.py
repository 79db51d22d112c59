"""Tiles of power-spectrum frames from a waveform that arrives in pieces.

The tile of a frame and its place there depend on nothing but its number, so a frame
comes out the same to the last bit whether the waveform arrives at once or in pieces.
"""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray
from scipy.fft import rfft

from skhrmel.framing import Framing, PadMode

# Frames transformed at a time: the windowed frames and their spectra of a 2048-sample
# FFT take 1 MB each in float32 and stay in the second-level cache.
TILE_FRAMES = 128


class Tile(NamedTuple):
    """The power of up to 128 frames; only the rows `new` are meant.

    Attributes
    ----------
    power : ndarray of shape (128, 1 + n_fft // 2)
        Power-spectrum frames. Rows that are not new are finite and not negative.
        Overwritten by the next tile.
    new : slice
        Rows that hold frames that no earlier tile held.
    """

    power: NDArray
    new: slice


class PowerSpectrum:
    """Make tiles of power-spectrum frames from pieces of a waveform as they arrive.

    Parameters
    ----------
    framing : Framing
        How to cut the waveform into frames.
    dtype : {"float32", "float64"}, default="float32"
        Precision of the samples, the FFT and the power.
    eager : bool, default=False
        If True, a frame is made as soon as its last sample is there, at the cost of a
        whole tile; if False, once it is part of a full tile or the waveform ends.

    Examples
    --------
    >>> import numpy as np
    >>> from skhrmel._power_spectrum import PowerSpectrum
    >>> from skhrmel.framing import Framing
    >>> spectrum = PowerSpectrum(Framing(), eager=True)
    >>> [tile.new for tile in spectrum.push(np.zeros(1464))]
    [slice(0, 1, None)]
    >>> [tile.new for tile in spectrum.push(np.zeros(441))]
    [slice(1, 2, None)]
    """

    def __init__(
        self, framing: Framing, dtype: str = "float32", *, eager: bool = False
    ) -> None:
        self.framing = framing
        self.eager = eager
        self.dtype = np.dtype(dtype)
        # Samples beyond this could make power beyond the largest number.
        self._limit = np.sqrt(np.finfo(dtype).max) / framing.weights.sum() / 2
        self._padder = _Padder(framing.padding, framing.pad_mode, self.dtype)
        self._weights = framing.weights.astype(dtype)
        self._pending = np.empty(0, dtype=dtype)
        self._skip = 0
        self._n_samples = 0
        self._n_frames = 0
        # Rows that no frame has filled yet must be finite.
        self._power = np.zeros((TILE_FRAMES, framing.n_fft // 2 + 1), dtype=dtype)
        self._fill = _find_route(self._weights)

    def push(self, samples: ArrayLike) -> Iterator[Tile]:
        """Take the next samples and make the frames they complete.

        Parameters
        ----------
        samples : array-like of shape (n_samples,)
            Any number of samples.

        Yields
        ------
        tile : Tile
            New frames; use them before asking for the next tile.

        Raises
        ------
        ValueError
            If a sample is not finite or so large that the power would overflow.
        """
        piece = np.asarray(samples, dtype=self.dtype)
        self._check(piece)
        self._n_samples += len(piece)
        for padded in self._padder.push(piece):
            yield from self._advance(padded)

    def finish(self) -> Iterator[Tile]:
        """End the waveform and make the frames that reach into the padding.

        Yields
        ------
        tile : Tile
            New frames; use them before asking for the next tile.
        """
        for padded in self._padder.finish():
            yield from self._advance(padded)
        if len(self._pending) >= self.framing.n_fft:
            yield self._make_tile()

    def _check(self, piece: NDArray) -> None:
        # Written so that NaN fails as well.
        if len(piece) and not (
            piece.max() <= self._limit and piece.min() >= -self._limit
        ):
            bad = int(np.argmax(~(np.abs(piece) <= self._limit)))
            raise ValueError(
                f"sample {self._n_samples + bad} is {piece[bad]}; expected finite "
                "samples, of about -1 to 1"
            )

    def _advance(self, samples: NDArray) -> Iterator[Tile]:
        """Cut off frames, as many at a time as the tile has room for."""
        position = min(self._skip, len(samples))
        self._skip -= position
        while position < len(samples):
            missing = TILE_FRAMES - self._n_frames % TILE_FRAMES
            span = self.framing.n_fft + (missing - 1) * self.framing.hop_length
            stop = position + span - len(self._pending)
            self._pending = np.concatenate([self._pending, samples[position:stop]])
            position = min(stop, len(samples))
            enough = self.framing.n_fft if self.eager else span
            if len(self._pending) >= enough:
                yield self._make_tile()
                skipped = min(self._skip, len(samples) - position)
                self._skip -= skipped
                position += skipped

    def _make_tile(self) -> Tile:
        hop = self.framing.hop_length
        n_new = 1 + (len(self._pending) - self.framing.n_fft) // hop
        start = self._n_frames % TILE_FRAMES
        new = slice(start, start + n_new)
        self._fill(self._pending, hop, self._power, new)
        consumed = n_new * hop
        # With a hop longer than a frame, samples between two frames belong to neither.
        self._skip = max(0, consumed - len(self._pending))
        self._pending = self._pending[consumed:]
        self._n_frames += n_new
        return Tile(self._power, new)


class _Route(Protocol):
    """Writes the power of frames, one every `hop` samples, to the rows `new` of a tile.

    Other rows may change, but to what is finite and not negative.
    """

    def __call__(
        self, samples: NDArray, hop: int, power: NDArray, new: slice
    ) -> None: ...


def _find_route(weights: NDArray) -> _Route:
    """Choose the compiled route where there is one, which is twice as fast."""
    if weights.dtype == np.float32 and len(weights) == 2048:
        # Here and not above: importing the compiler takes half a second.
        from skhrmel._power_kernel import power_spectra

        def fill(samples: NDArray, hop: int, power: NDArray, new: slice) -> None:
            power_spectra(samples, hop, weights, power[new])

        return fill
    return _SciPyRoute(weights)


class _SciPyRoute:
    """Window, FFT and power by NumPy and SciPy, for frames of any size."""

    def __init__(self, weights: NDArray) -> None:
        self._weights = weights
        self._frames = np.zeros((TILE_FRAMES, len(weights)), dtype=weights.dtype)

    def __call__(self, samples: NDArray, hop: int, power: NDArray, new: slice) -> None:
        frames = sliding_window_view(samples, len(self._weights))[::hop]
        np.multiply(frames, self._weights, out=self._frames[new])
        # The whole tile is transformed even if part of it is old: the shape of a batch
        # and a number's place in it may decide how a library rounds.
        np.abs(rfft(self._frames, axis=1), out=power)
        # The square of the magnitude is faster than the sum of the squared parts, which
        # lie interleaved in memory.
        np.square(power, out=power)


class _Padder:
    """Pads a waveform that arrives in pieces on both sides."""

    def __init__(self, n_pad: int, mode: PadMode, dtype: np.dtype) -> None:
        self._n_pad = n_pad
        self._mode = mode
        # The last samples, which the padding on the right may mirror.
        self._tail = np.empty(0, dtype=dtype)
        self._n_needed = 1 + n_pad if mode == "reflect" else 1
        self._started = False

    def push(self, samples: NDArray) -> Iterator[NDArray]:
        """Give the samples, padded on the left once there are enough to pad from."""
        if self._n_pad == 0 or self._started:
            self._remember(samples)
            yield samples
            return
        held = self._tail
        self._remember(samples)
        if len(held) + len(samples) < self._n_needed:
            return
        self._started = True
        first = np.concatenate([held, samples[: self._n_needed]])
        yield np.pad(first, (self._n_pad, 0), mode=self._mode)[: self._n_pad]
        yield held
        yield samples

    def finish(self) -> Iterator[NDArray]:
        """Give the padding on the right."""
        if self._n_pad == 0 or len(self._tail) == 0:
            return
        if self._started:
            padded = np.pad(self._tail, (0, self._n_pad), mode=self._mode)
            yield padded[len(self._tail) :]
        else:
            yield np.pad(self._tail, self._n_pad, mode=self._mode)

    def _remember(self, samples: NDArray) -> None:
        n_kept = self._n_pad + 1
        self._tail = np.concatenate([self._tail, samples[-n_kept:]])[-n_kept:]
