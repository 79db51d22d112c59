"""Clips as streams of samples: files, open files and arrays, at one rate."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
import soundfile
import soxr
from numpy.typing import ArrayLike, NDArray

Clip = str | os.PathLike[str] | BinaryIO | ArrayLike
Channels = Literal["mono", "each", "mid_side"]

#: Qualities of resampling, best first, as librosa and soxr name them.
RESAMPLERS = ("soxr_vhq", "soxr_hq", "soxr_mq", "soxr_lq", "soxr_qq")

# Samples of each channel that are decoded, mixed and resampled at a time; and those of
# an array, of which fewer pieces mean less waiting for other threads.
_BLOCK_SAMPLES = 1 << 16
_ARRAY_SAMPLES = 1 << 20

# Bytes of a name, of which libsndfile has room for a thousand.
_LONGEST_NAME = 1000

# A header that claims 1 Hz would turn a second into half a day.
_PLAUSIBLE_RATES = (1_000, 1_000_000)

_FULL_SCALE = {np.dtype(np.int16): 2**15, np.dtype(np.int32): 2**31}


class AudioError(ValueError):
    """A clip that cannot be used; the message names it and says why."""


@dataclass(frozen=True)
class ClipReader:
    """Reads clips of all kinds as blocks of samples.

    Attributes
    ----------
    sr : float
        Sampling rate wanted, in Hz.
    channels : {"mono", "each", "mid_side"}, default="mono"
        ``"mono"`` averages the channels, ``"each"`` keeps them, ``"mid_side"`` makes
        half the sum and half the difference of two.
    resample : str or None, default=None
        Quality at which soxr resamples files at another rate, one of `RESAMPLERS`;
        None refuses them.
    dtype : {"float32", "float64"}, default="float32"
        Type of the samples.

    Raises
    ------
    ValueError
        If `sr` is not positive, or `channels` or `resample` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from skhrmel.audio import ClipReader
    >>> blocks = ClipReader(44100, channels="mid_side").blocks(np.ones((2, 100)))
    >>> [block[:, 0] for block in blocks]
    [array([1., 0.], dtype=float32)]
    """

    sr: float
    channels: Channels = "mono"
    resample: str | None = None
    dtype: str = "float32"

    def __post_init__(self) -> None:
        """Check the rate and the names."""
        if not 0 < self.sr < np.inf:
            raise ValueError(f"sr must be a positive rate in Hz, got {self.sr!r}.")
        if self.channels not in ("mono", "each", "mid_side"):
            raise ValueError(
                f"channels must be 'mono', 'each' or 'mid_side', got {self.channels!r}."
            )
        if self.resample is not None and self.resample not in RESAMPLERS:
            raise ValueError(
                f"resample must be None or one of {RESAMPLERS}, got {self.resample!r}."
            )

    def blocks(
        self,
        clip: Clip,
        name: str = "clip",
        *,
        inspect: Callable[[soundfile.SoundFile], None] | None = None,
    ) -> Iterator[NDArray]:
        """Read a clip to its end.

        What is read counts, not what a header promises.

        Parameters
        ----------
        clip : path-like, binary file or array-like
            A file in a format that libsndfile reads, by path or opened; or samples,
            shape (n_samples,) or (n_channels, n_samples), at the rate `sr`: floats, or
            int16 and int32, which are scaled to [-1, 1).
        name : str, default="clip"
            What messages call a clip that has no path.
        inspect : callable or None, default=None
            Called with the opened file before anything is decoded.

        Yields
        ------
        block : ndarray of shape (n_channels, n_block_samples)
            The next samples of each channel.

        Raises
        ------
        AudioError
            If the clip cannot be read, is at another rate and may not be resampled, has
            not two channels where ``"mid_side"`` needs them, or holds no sample.
        """
        label = str(clip) if isinstance(clip, str | os.PathLike) else name
        if isinstance(clip, str | os.PathLike) or hasattr(clip, "read"):
            raw = self._decoded(clip, label, inspect)
        else:
            raw = _cut(as_channels(clip, label), label)
        n_samples = 0
        for block in raw:
            mixed = self.mix(block, label)
            n_samples += mixed.shape[1]
            yield mixed
        if n_samples == 0:
            raise AudioError(f"{label}: contains no samples")

    def _decoded(
        self,
        clip: Any,
        label: str,
        inspect: Callable[[soundfile.SoundFile], None] | None,
    ) -> Iterator[NDArray]:
        with _opened(clip, label) as file:
            if inspect is not None:
                inspect(file)
            if file.samplerate == self.sr:
                yield from _decode(file, self.dtype)
                return
            if self.resample is None:
                raise AudioError(
                    f"{label}: sampled at {file.samplerate} Hz, expected "
                    f"sr={self.sr:g} Hz; set resample='soxr_hq' to convert it"
                )
            low, high = _PLAUSIBLE_RATES
            if not low <= file.samplerate <= high:
                raise AudioError(
                    f"{label}: sampled at {file.samplerate} Hz by its header; rates "
                    f"from {low} to {high} Hz can be resampled"
                )
            yield from self._resampled(file)

    def _resampled(self, file: soundfile.SoundFile) -> Iterator[NDArray]:
        quality = str(self.resample).removeprefix("soxr_").upper()
        stream = soxr.ResampleStream(
            file.samplerate, self.sr, file.channels, dtype=self.dtype, quality=quality
        )
        for block in _decode(file, self.dtype):
            yield stream.resample_chunk(block.T).T
        rest = np.empty((0, file.channels), dtype=self.dtype)
        yield stream.resample_chunk(rest, last=True).T

    def mix(self, block: NDArray, label: str = "clip") -> NDArray:
        """Scale samples to floating point and mix their channels.

        Parameters
        ----------
        block : ndarray of shape (n_channels, n_samples)
            Samples: floats, int16 or int32.
        label : str, default="clip"
            What messages call the clip.

        Returns
        -------
        mixed : ndarray of shape (n_mixed_channels, n_samples)
            One channel for ``"mono"``, two for ``"mid_side"``.

        Raises
        ------
        AudioError
            If ``"mid_side"`` does not get two channels.
        """
        if block.dtype in _FULL_SCALE:
            scale = np.dtype(self.dtype).type(1 / _FULL_SCALE[block.dtype])
            block = block.astype(self.dtype) * scale
        block = block.astype(self.dtype, copy=False)
        if self.channels == "each":
            return block
        if self.channels == "mono":
            return _average(block)
        if len(block) != 2:
            raise AudioError(
                f"{label}: channels='mid_side' needs 2 channels, got {len(block)}"
            )
        left, right = block
        return np.stack([left + right, left - right]) * block.dtype.type(0.5)


@dataclass(frozen=True)
class Waveform:
    """A decoded, down-mixed and resampled file.

    Attributes
    ----------
    samples : ndarray of shape (n_samples,)
        Mono waveform, float32.
    sr : int
        Sampling rate of `samples` in Hz.
    file_sr : int
        Sampling rate of the file in Hz.
    n_channels : int
        Number of channels of the file.
    n_missing : int
        Number of frames that the header promises and the file does not hold.
    """

    samples: NDArray
    sr: int
    file_sr: int
    n_channels: int
    n_missing: int


def load_mono(path: str | os.PathLike[str], *, sr: int = 44100) -> Waveform:
    """Decode an audio file to a mono waveform at a given rate.

    The channels are averaged. A file at another rate is resampled by soxr at its
    ``"HQ"`` quality; compare `file_sr` with `sr` to tell.

    Parameters
    ----------
    path : path-like
        A file in a format that libsndfile reads.
    sr : int, default=44100
        Sampling rate wanted, in Hz.

    Returns
    -------
    waveform : Waveform
        The samples and what the file was like.

    Raises
    ------
    AudioError
        If the file cannot be opened or decoded, is empty, or has samples that are not
        finite.

    Examples
    --------
    >>> import tempfile, numpy, soundfile
    >>> from skhrmel.audio import load_mono
    >>> with tempfile.NamedTemporaryFile(suffix=".wav") as file:
    ...     soundfile.write(file.name, numpy.zeros((4800, 2)), 48000)
    ...     waveform = load_mono(file.name)
    >>> waveform.samples.shape, waveform.file_sr, waveform.n_channels
    ((4410,), 48000, 2)
    """
    reader = ClipReader(sr, resample="soxr_hq")
    with _opened(path, str(path)) as file:
        file_sr, n_channels, n_promised = file.samplerate, file.channels, file.frames
        blocks = [block[0] for block in reader.blocks(path)]
        n_missing = max(0, n_promised - round(sum(map(len, blocks)) * file_sr / sr))
    samples = np.concatenate(blocks)
    if not np.all(np.isfinite(samples)):
        first = int(np.argmin(np.isfinite(samples)))
        raise AudioError(f"{path}: sample {first} is {samples[first]}")
    # Resampling rounds the length.
    n_missing = 0 if n_missing < 2 + file_sr / sr else n_missing
    return Waveform(samples, sr, file_sr, n_channels, n_missing)


@contextmanager
def _opened(clip: Any, label: str) -> Iterator[soundfile.SoundFile]:
    """Open a file, and give every error of decoding it the file's name."""
    try:
        if hasattr(clip, "read"):
            clip.seek(0)
        else:
            _check_regular(Path(clip))
            # As bytes, since soundfile refuses names that are not valid text.
            clip = os.fsencode(clip) if os.name == "posix" else os.fspath(clip)
            if len(clip) > _LONGEST_NAME:
                clip = os.open(clip, os.O_RDONLY)
        with soundfile.SoundFile(clip) as file:
            yield file
    except TypeError as error:
        # What soundfile raises where a format has no header.
        raise AudioError(f"{label}: {error}") from error
    except soundfile.LibsndfileError as error:
        reason = str(error.error_string).rstrip(".").lower()
        # libsndfile's words for a file that one of its decoders refuses.
        if "does not exist" in reason:
            reason = "cannot be decoded"
        raise AudioError(f"{label}: {reason}") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise AudioError(f"{label}: {reason}") from error


def _check_regular(path: Path) -> None:
    """Refuse what libsndfile has no words for, and what it would wait for forever."""
    if path.is_symlink() and not path.exists():
        raise OSError("broken link")
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise OSError("is a folder")
    if not stat.S_ISREG(status.st_mode):
        raise OSError("not a regular file")
    if status.st_size == 0:
        raise OSError("file of 0 bytes")
    if not os.access(path, os.R_OK):
        raise OSError("permission denied")


def _decode(file: soundfile.SoundFile, dtype: str) -> Iterator[NDArray]:
    while len(block := file.read(_BLOCK_SAMPLES, dtype=dtype, always_2d=True)):
        yield block.T


def as_channels(clip: Any, label: str = "clip") -> NDArray:
    """Check samples and give them their channel axis.

    Parameters
    ----------
    clip : array-like of shape (n_samples,) or (n_channels, n_samples)
        Samples: floats, int16 or int32.
    label : str, default="clip"
        What messages call the clip.

    Returns
    -------
    samples : ndarray of shape (n_channels, n_samples)
        The same samples.

    Raises
    ------
    AudioError
        If the shape or the type is another.
    """
    samples = np.asarray(clip)
    label = f"{label} of shape {samples.shape}"
    if samples.dtype not in _FULL_SCALE and samples.dtype.kind != "f":
        raise AudioError(
            f"{label}: expected floating-point, int16 or int32 samples, got "
            f"{samples.dtype}"
        )
    if samples.ndim == 1:
        return samples[None, :]
    if samples.ndim != 2:
        raise AudioError(f"{label}: expected (n_samples,) or (n_channels, n_samples)")
    return samples


def _cut(samples: NDArray, label: str) -> Iterator[NDArray]:
    if samples.shape[0] > samples.shape[1] > 0:
        raise AudioError(
            f"{label} of shape {samples.shape}: more channels than samples; expected "
            "(n_channels, n_samples)"
        )
    for start in range(0, samples.shape[1], _ARRAY_SAMPLES):
        yield samples[:, start : start + _ARRAY_SAMPLES]


def _average(block: NDArray) -> NDArray:
    # Adding rows is many times faster than a mean over a short axis.
    mono = block[0].copy() if len(block) > 1 else block[0]
    for channel in block[1:]:
        mono += channel
    if len(block) > 1:
        mono *= block.dtype.type(1 / len(block))
    return mono[None, :]
