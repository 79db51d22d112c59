"""Audio files: finding them and decoding them to mono waveforms."""

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

# What a folder search takes for audio. Formats that libsndfile cannot read are in the
# list on purpose: a file that is left out must be reported, not passed over.
AUDIO_SUFFIXES = frozenset(
    {".aac", ".ac3", ".aif", ".aifc", ".aiff", ".amr", ".ape", ".au", ".caf", ".flac"}
    | {".m4a", ".mka", ".mp1", ".mp2", ".mp3", ".mpc", ".oga", ".ogg", ".opus", ".rf64"}
    | {".snd", ".tta", ".w64", ".wav", ".wave", ".wma", ".wv"}
)

# Frames decoded at a time.
_BLOCK_FRAMES = 1 << 16


class AudioError(ValueError):
    """A file that cannot be used as audio; the message names it and says why."""


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
    """

    samples: NDArray
    sr: int
    file_sr: int
    n_channels: int


@dataclass
class AudioSearch:
    """What a search for audio files found.

    Attributes
    ----------
    files : list of Path
        Audio files by suffix, and everything that was named itself.
    ignored : Counter of str
        What was left out of folders: files that are not audio, counted by suffix, and
        links to folders.
    problems : dict of str to str
        Paths that could not be searched, with the reason.
    """

    files: list[Path] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    problems: dict[str, str] = field(default_factory=dict)


def find_audio(paths: Iterable[str | os.PathLike[str]]) -> AudioSearch:
    """Find audio files by name.

    Files are taken as they are, folders are searched with all their subfolders for the
    suffixes in `AUDIO_SUFFIXES`. A file that is found twice is listed once. Links to
    files are followed, links to folders inside a folder are not.

    Parameters
    ----------
    paths : iterable of path-like
        Files and folders.

    Returns
    -------
    search : AudioSearch
        Files in the order of `paths`, those of a folder sorted by name.

    Examples
    --------
    >>> from skhrmel.audio import find_audio
    >>> find_audio(["no-such-folder"]).problems
    {'no-such-folder': 'no such file or folder'}
    """
    search = AudioSearch()
    seen: set[str] = set()
    for path in map(Path, paths):
        if path.is_dir():
            found = _search_folder(path, search)
        elif path.exists() or path.is_symlink():
            found = [path]
        else:
            search.problems[str(path)] = "no such file or folder"
            continue
        for file in found:
            target = os.path.realpath(file)
            if target not in seen:
                seen.add(target)
                search.files.append(file)
    return search


def _search_folder(folder: Path, search: AudioSearch) -> list[Path]:
    def report(error: OSError) -> None:
        search.problems[str(error.filename)] = str(error.strerror).lower()

    found = []
    for parent, folders, names in os.walk(folder, onerror=report):
        folders.sort()
        links = [name for name in folders if Path(parent, name).is_symlink()]
        if links:
            search.ignored["links to folders"] += len(links)
        for name in sorted(names):
            file = Path(parent, name)
            if file.suffix.lower() in AUDIO_SUFFIXES:
                found.append(file)
            else:
                search.ignored[file.suffix.lower() or "no suffix"] += 1
    return found


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
    try:
        with soundfile.SoundFile(os.fspath(path)) as file:
            file_sr, n_channels = file.samplerate, file.channels
            samples = _decode_mono(file)
    except (OSError, soundfile.SoundFileError) as error:
        raise AudioError(f"{path}: {_reason(error, path)}") from error
    if len(samples) == 0:
        raise AudioError(f"{path}: contains no samples")
    if not np.all(np.isfinite(samples)):
        first = int(np.argmin(np.isfinite(samples)))
        raise AudioError(f"{path}: sample {first} is {samples[first]}")
    if file_sr != sr:
        samples = soxr.resample(samples, file_sr, sr, quality="HQ")
    return Waveform(samples, sr, file_sr, n_channels)


def _decode_mono(file: soundfile.SoundFile) -> NDArray:
    """Decode to the end: what is read counts, not what the header promises."""
    blocks = [np.zeros(0, dtype=np.float32)]
    while len(block := file.read(_BLOCK_FRAMES, dtype="float32", always_2d=True)):
        blocks.append(_mix_down(block))
    return np.concatenate(blocks)


def _mix_down(block: NDArray) -> NDArray:
    # A sum of columns is many times faster than a mean over a short axis.
    mono = block[:, 0].copy()
    for channel in range(1, block.shape[1]):
        mono += block[:, channel]
    mono /= block.shape[1]
    return mono


def _reason(error: Exception, path: str | os.PathLike[str]) -> str:
    """Say in a few words why a file could not be read."""
    if isinstance(error, soundfile.LibsndfileError):
        file = Path(path)
        if not file.exists():
            return "broken link" if file.is_symlink() else "no such file"
        if not os.access(file, os.R_OK):
            return "permission denied"
        if file.stat().st_size == 0:
            return "file of 0 bytes"
        return str(error.error_string).rstrip(".").lower()
    return str(error)
