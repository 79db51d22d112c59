"""Tiles of power-spectrum or mel frames of a waveform that arrives in pieces.

The place of a frame in a tile depends on nothing but its number, so a frame comes out
the same to the last bit whether the waveform arrives at once or in pieces.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skhrmel._banded import BandedMatrix
from skhrmel._routes import TILE_FRAMES, find_route
from skhrmel.framing import Framing, PadMode


class Tiles(NamedTuple):
    """Some tiles of 128 frames each; only the rows `new` are meant.

    Attributes
    ----------
    values : ndarray of shape (n_tiles * 128, n_values)
        Power, or mel power. Rows that are not new are finite and not negative.
        Overwritten by the next tiles.
    new : slice
        Rows that hold frames that no earlier tiles held.
    """

    values: NDArray
    new: slice


class PowerSpectrum:
    """Make frames of power, or mel power, from pieces of a waveform as they arrive.

    Parameters
    ----------
    framing : Framing
        How to cut the waveform into frames.
    dtype : {"float32", "float64"}, default="float32"
        Precision of the samples, the FFT and the power.
    filters : BandedMatrix of shape (1 + n_fft // 2, n_mels) or None, default=None
        Mel filters; None for the power itself.
    eager : bool, default=False
        If True, a frame is made as soon as its last sample is there, though a whole
        tile may cost no more; if False, once tiles are full or the waveform ends.

    Examples
    --------
    >>> import numpy as np
    >>> from skhrmel._power_spectrum import PowerSpectrum
    >>> from skhrmel.framing import Framing
    >>> spectrum = PowerSpectrum(Framing(), eager=True)
    >>> [tiles.new for tiles in spectrum.push(np.zeros(1464))]
    [slice(0, 1, None)]
    >>> [tiles.new for tiles in spectrum.push(np.zeros(441))]
    [slice(1, 2, None)]
    """

    def __init__(
        self,
        framing: Framing,
        dtype: str = "float32",
        filters: BandedMatrix | None = None,
        *,
        eager: bool = False,
    ) -> None:
        self.framing = framing
        self.eager = eager
        self.dtype = np.dtype(dtype)
        # Samples beyond this could make power beyond the largest number.
        self._limit = np.sqrt(np.finfo(dtype).max) / framing.weights.sum() / 2
        self._padder = _Padder(framing.padding, framing.pad_mode, self.dtype)
        hop, n_fft = framing.hop_length, framing.n_fft
        self._route, n_tiles = find_route(framing.weights.astype(dtype), filters, hop)
        self._room = n_tiles * TILE_FRAMES
        n_values = n_fft // 2 + 1 if filters is None else filters.shape[1]
        # Rows that no frame has filled yet must be finite.
        self._values = np.zeros((self._room, n_values), dtype=dtype)
        self._pending = np.empty(n_fft + (self._room - 1) * hop, dtype=dtype)
        self._n_pending = 0
        self._skip = 0
        self._n_samples = 0
        self._n_frames = 0

    def push(self, samples: ArrayLike) -> Iterator[Tiles]:
        """Take the next samples and make the frames they complete.

        Parameters
        ----------
        samples : array-like of shape (n_samples,)
            Any number of samples.

        Yields
        ------
        tiles : Tiles
            New frames; use them before asking for the next.

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

    def finish(self) -> Iterator[Tiles]:
        """End the waveform and make the frames that reach into the padding.

        Yields
        ------
        tiles : Tiles
            New frames; use them before asking for the next.
        """
        for padded in self._padder.finish():
            yield from self._advance(padded)
        if self._n_pending >= self.framing.n_fft:
            yield self._make_tiles()

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

    def _advance(self, samples: NDArray) -> Iterator[Tiles]:
        """Cut off frames, as many at a time as there is room for."""
        position = min(self._skip, len(samples))
        self._skip -= position
        while position < len(samples):
            missing = self._room - self._n_frames % self._room
            span = self.framing.n_fft + (missing - 1) * self.framing.hop_length
            taken = samples[position : position + span - self._n_pending]
            self._pending[self._n_pending :][: len(taken)] = taken
            self._n_pending += len(taken)
            position += len(taken)
            enough = self.framing.n_fft if self.eager else span
            if self._n_pending >= enough:
                yield self._make_tiles()
                skipped = min(self._skip, len(samples) - position)
                self._skip -= skipped
                position += skipped

    def _make_tiles(self) -> Tiles:
        hop = self.framing.hop_length
        n_new = 1 + (self._n_pending - self.framing.n_fft) // hop
        start = self._n_frames % self._room
        stop = start + n_new
        self._route(
            self._pending[: self._n_pending], hop, self._values, slice(start, stop)
        )
        self._drop(n_new * hop)
        self._n_frames += n_new
        # Whole tiles, wherever the new frames begin and end.
        first = start // TILE_FRAMES * TILE_FRAMES
        last = -(-stop // TILE_FRAMES) * TILE_FRAMES
        return Tiles(self._values[first:last], slice(start - first, stop - first))

    def _drop(self, n_samples: int) -> None:
        """Forget samples that no later frame needs."""
        # With a hop longer than a frame, samples between two frames belong to neither.
        self._skip = max(0, n_samples - self._n_pending)
        rest = self._pending[n_samples : self._n_pending]
        self._pending[: len(rest)] = rest
        self._n_pending = len(rest)


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
