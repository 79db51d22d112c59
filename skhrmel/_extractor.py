"""Clips through frames and a transformer of frames, tile by tile."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from skhrmel._banded import BandedMatrix
from skhrmel._base import BaseMelTransformer
from skhrmel._layout_cv import HRMelTransformerCV
from skhrmel._moments import second_moment
from skhrmel._power_spectrum import PowerSpectrum, Tiles
from skhrmel._threads import one_blas_thread
from skhrmel.audio import AudioError, Clip, ClipReader
from skhrmel.framing import Framing

# Frames given to `partial_fit` at a time, at least.
_FIT_FRAMES = 1024

# Features grow by at most this many bytes at a time, so that a long clip's features
# take little more memory than they fill.
_GROWTH = 1 << 24

# Blocks that a thread reads ahead: enough for all frames of one call of a kernel.
_AHEAD = 8

Encode = Callable[[NDArray], NDArray]


@dataclass(frozen=True)
class Extractor:
    """Runs the samples of clips through an `encode` function of tiles.

    Attributes
    ----------
    reader : ClipReader
        Reads the clips.
    framing : Framing
        Cuts them into frames.
    encode : callable
        Turns power, or mel power, of shape (n_frames, n_values) into features.
    filters : BandedMatrix or None, default=None
        Mel filters, if `encode` takes mel power.
    """

    reader: ClipReader
    framing: Framing
    encode: Encode
    filters: BandedMatrix | None = None

    def rows(
        self, blocks: Iterable[NDArray], label: str, *, eager: bool = False
    ) -> Iterator[list[NDArray]]:
        """Give the encoded frames of each channel as they are completed."""
        spectra: list[PowerSpectrum] = []
        n_frames = 0
        try:
            for block in blocks:
                if not spectra:
                    spectra = [
                        PowerSpectrum(
                            self.framing, self.reader.dtype, self.filters, eager=eager
                        )
                        for _ in block
                    ]
                pairs = zip(spectra, block, strict=True)
                for tiles in zip(*(s.push(y) for s, y in pairs), strict=True):
                    n_frames += 1
                    yield self._encode(tiles)
            for tiles in zip(*(s.finish() for s in spectra), strict=True):
                n_frames += 1
                yield self._encode(tiles)
        except AudioError:
            raise
        except ValueError as error:
            raise AudioError(f"{label}: {error}") from error
        if n_frames == 0:
            needed = 1 if self.framing.center else self.framing.n_fft
            raise AudioError(
                f"{label}: too short for one frame; expected at least {needed} samples"
            )

    def _encode(self, tiles: tuple[Tiles, ...]) -> list[NDArray]:
        # All rows are encoded, then the new ones picked: products of other shapes may
        # round differently.
        return [self.encode(values)[new] for values, new in tiles]


class _Rows:
    """An array that grows as rows are appended."""

    def __init__(self, first: NDArray) -> None:
        self._data = np.empty((0, first.shape[1]), dtype=first.dtype)
        self._n_rows = 0
        self.append(first)

    def append(self, rows: NDArray) -> None:
        """Add rows at the end."""
        needed = self._n_rows + len(rows)
        if needed > len(self._data):
            most = max(1, _GROWTH // (rows.itemsize * rows.shape[1]))
            room = max(needed, self._n_rows + min(self._n_rows, most))
            # In place where the operating system can remap pages.
            self._data.resize((room, rows.shape[1]), refcheck=False)
        self._data[self._n_rows : needed] = rows
        self._n_rows = needed

    def take(self) -> NDArray:
        """Give up the array."""
        self._data.resize((self._n_rows, self._data.shape[1]), refcheck=False)
        return self._data


def extract(
    extractor: Extractor, clip: Clip, number: int, *, ahead: bool = False
) -> NDArray:
    """Compute the features of one clip, decoding ahead if a core has nothing to do."""
    label = str(clip) if hasattr(clip, "__fspath__") or isinstance(clip, str) else None
    label = label or f"clip {number}"
    channels: list[_Rows] = []
    with one_thread_in_a_worker():
        blocks = extractor.reader.blocks(clip, label)
        for rows in extractor.rows(_read_ahead(blocks) if ahead else blocks, label):
            if not channels:
                channels = [_Rows(channel) for channel in rows]
                continue
            for channel, new in zip(channels, rows, strict=True):
                channel.append(new)
    features = [channel.take() for channel in channels]
    return features[0] if extractor.reader.channels == "mono" else np.stack(features)


def _read_ahead(blocks: Iterator[NDArray]) -> Iterator[NDArray]:
    """Let another thread read the next blocks while one is worked on."""
    with ThreadPoolExecutor(1) as thread:
        reading = deque(thread.submit(next, blocks, None) for _ in range(_AHEAD))
        while (block := reading.popleft().result()) is not None:
            reading.append(thread.submit(next, blocks, None))
            yield block


def one_thread_in_a_worker() -> AbstractContextManager:
    """Keep BLAS to one thread in a worker process.

    Threads share the limit that their parent has set. If each set and restored its own,
    the last to end would restore another's.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    return one_blas_thread() if in_main_thread else nullcontext()


def make_extractor(reader: ClipReader, framing: Framing, transformer: Any) -> Extractor:
    """Make what runs clips through a fitted transformer of frames."""
    if isinstance(transformer, HRMelTransformerCV):
        transformer = transformer.transformer_
    if not isinstance(transformer, BaseMelTransformer):
        return Extractor(
            reader, framing, lambda power: np.asarray(transformer.transform(power))
        )

    def encode(mel_power: NDArray) -> NDArray:
        # A copy: rows of the tiles that are not new are met again.
        features = mel_power.copy()
        transformer._compress(features, mel_power)
        return features

    return Extractor(reader, framing, encode, transformer._encoder)


def keep_power(power: NDArray) -> NDArray:
    return power


def fit_on_frames(transformer: Any, extractor: Extractor, X: Sequence[Clip]) -> None:
    """Fit a transformer that learns from frames, in batches if it can."""
    if len(X) == 0:
        raise ValueError(
            f"X holds no clip, but {type(transformer).__name__} has to learn from some."
        )
    batch: list[NDArray] = []
    for number, clip in enumerate(X):
        label = f"clip {number}"
        for rows in extractor.rows(extractor.reader.blocks(clip, label), label):
            batch += [channel.copy() for channel in rows]
            # A batch is held back, so that the last one is not a few frames.
            if hasattr(transformer, "partial_fit"):
                while sum(map(len, batch)) >= 2 * _FIT_FRAMES:
                    frames = np.concatenate(batch)
                    transformer.partial_fit(frames[:_FIT_FRAMES])
                    batch = [frames[_FIT_FRAMES:]]
    frames = np.concatenate(batch)
    if hasattr(transformer, "partial_fit"):
        transformer.partial_fit(frames)
    else:
        transformer.fit(frames)


def fit_on_tracks(
    search: HRMelTransformerCV, extractor: Extractor, X: Sequence[Clip], n_jobs: int
) -> None:
    """Search for a layout, with a clip a track."""
    if len(X) == 0:
        raise ValueError(
            "X holds no clip, but HRMelTransformerCV has to learn from some."
        )
    if hasattr(search, "partial_fit"):
        search._prepare(extractor.framing.n_fft // 2 + 1)
        moments = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")(
            delayed(_clip_moment)(
                extractor, clip, k, search.frame_step, search._problem.count_used()
            )
            for k, clip in enumerate(X)
        )
        for moment in moments:
            search._add(moment)
        return
    tracks = [
        np.concatenate(list(_frames(extractor, clip, k))) for k, clip in enumerate(X)
    ]
    groups = np.repeat(np.arange(len(X)), [len(track) for track in tracks])
    search.fit(np.concatenate(tracks), groups=groups)


def _clip_moment(
    extractor: Extractor, clip: Clip, number: int, step: int, n_used: int
) -> NDArray:
    with one_thread_in_a_worker():
        return second_moment(_frames(extractor, clip, number), step, n_used)


def _frames(extractor: Extractor, clip: Clip, number: int) -> Iterator[NDArray]:
    """Give the frames of all channels of a clip."""
    label = f"clip {number}"
    for rows in extractor.rows(extractor.reader.blocks(clip, label), label):
        for channel in rows:
            yield channel.copy()
