"""The tracks of a command: where they come from, and measuring them with progress."""

import argparse
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from joblib.externals.loky.backend import resource_tracker
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)
from sklearn.base import BaseEstimator

from skhrmel.ablation import (
    HOP_LENGTH,
    N_FFT,
    SR,
    Track,
    TrackResult,
    measure_tracks,
)
from skhrmel.audio import load_mono
from skhrmel.datasets import make_music
from skhrmel.folders import AudioSearch

MAX_JOBS = 256
SYNTHETIC_TRACKS, SYNTHETIC_SECONDS, SYNTHETIC_SEED = 12, 10.0, 0


def add_paths(parser: argparse.ArgumentParser) -> None:
    """Let a command take audio files and folders, or none for synthetic tracks.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        The command's.
    """
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="audio file, or folder to search with its subfolders (default: "
        f"{SYNTHETIC_TRACKS} synthetic tracks of {SYNTHETIC_SECONDS:g} s)",
    )


def check_outputs(outputs: Sequence[Path], inputs: Sequence[Path]) -> None:
    """Find out before the work what cannot be written, or must not be.

    Parameters
    ----------
    outputs : sequence of Path
        Files to write.
    inputs : sequence of Path
        Files to read.

    Raises
    ------
    ValueError
        If a file cannot be written, or is an input or another output.
    """
    taken = {os.path.realpath(file) for file in inputs}
    for path in outputs:
        if path.is_dir():
            raise ValueError(f"{path}: is a folder, not a file to write")
        if not path.absolute().parent.is_dir():
            raise ValueError(f"{path}: the folder {path.parent} does not exist")
        if not os.access(path if path.exists() else path.absolute().parent, os.W_OK):
            raise ValueError(f"{path}: may not be written")
        if os.path.realpath(path) in taken:
            raise ValueError(f"{path}: would overwrite an input or another output")
        taken.add(os.path.realpath(path))


def describe_settings(*, synthetic: bool) -> dict[str, Any]:
    """Say how tracks were measured.

    Parameters
    ----------
    synthetic : bool
        Whether they were made on the spot.

    Returns
    -------
    settings : dict of str to object
        The settings, as JSON can hold them.
    """
    return {
        "source": "synthetic (skhrmel.datasets.make_music)" if synthetic else "files",
        "sr": SR,
        "n_fft": N_FFT,
        "hop_length": HOP_LENGTH,
        "window": "hann",
        "center": True,
    }


def file_tracks(search: AudioSearch) -> list[Track]:
    """Make tracks of files, which are loaded when their turn comes.

    Parameters
    ----------
    search : AudioSearch
        What was found.

    Returns
    -------
    tracks : list of Track
        A track for each file, by its path.
    """
    return [Track(str(file), partial(_load_file, file)) for file in search.files]


def _load_file(file: Path) -> tuple[NDArray, str]:
    waveform = load_mono(file, sr=SR)
    resampled = waveform.file_sr != waveform.sr
    note = f"resampled from {waveform.file_sr} Hz to {SR} Hz" if resampled else ""
    if waveform.file_sr < SR:
        note += f", so it holds nothing above {waveform.file_sr / 2:g} Hz"
    if waveform.n_missing:
        note += f"{'; ' if note else ''}ends {waveform.n_missing} frames early"
    return waveform.samples, note


def synthetic_tracks() -> list[Track]:
    """Make music to measure where no files were named.

    Returns
    -------
    tracks : list of Track
        Tracks named by their style.
    """
    clips, styles = make_music(
        SYNTHETIC_TRACKS,
        duration=SYNTHETIC_SECONDS,
        sr=SR,
        random_state=SYNTHETIC_SEED,
    )
    return [
        Track(f"synthetic {k:02d} {style}", partial(_give_clip, clip))
        for k, (clip, style) in enumerate(zip(clips, styles, strict=True))
    ]


def _give_clip(clip: NDArray) -> tuple[NDArray, str]:
    return clip, ""


def measure_with_progress(
    tracks: Sequence[Track],
    representations: dict[str, BaseEstimator],
    *,
    n_bits: Sequence[int] = (),
    n_jobs: int = 1,
) -> list[TrackResult]:
    """Measure tracks; show how far it is where a person watches.

    Parameters
    ----------
    tracks : sequence of Track
        The tracks.
    representations : dict of str to estimator
        Transformers with an `inverse_transform`.
    n_bits : sequence of int, default=()
        Bits at which features are quantised too.
    n_jobs : int, default=1
        Tracks measured at the same time; -1 uses every core.

    Returns
    -------
    results : list of TrackResult
        The results in the order of the tracks.
    """
    with ctrl_c_for_this_process_only():
        results = measure_tracks(
            tracks,
            representations,
            n_fft=N_FFT,
            hop_length=HOP_LENGTH,
            n_bits=n_bits,
            n_jobs=max(-MAX_JOBS, min(n_jobs, len(tracks), MAX_JOBS)) or 1,
        )
    console = Console(stderr=True)
    if not console.is_terminal:
        return list(results)
    progress = Progress(
        TextColumn("measuring"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[last]}", markup=False),
        console=console,
        transient=True,
    )
    measured = []
    with progress:
        task = progress.add_task("", total=len(tracks), last="")
        for result in results:
            measured.append(result)
            progress.update(task, advance=1, last=result.name)
    return measured


@contextmanager
def ctrl_c_for_this_process_only() -> Iterator[None]:
    """Start workers that leave Ctrl-C to this process, which then ends them.

    A terminal sends it to all, and workers would each print where it hit them. What is
    ignored when a process starts stays ignored in it. Here it is blocked meanwhile, and
    so waits for the end, where the operating system can do that.
    """
    # When it starts, joblib's tracker lets through what is blocked, and what is ignored
    # as well would then be lost. So it starts before.
    resource_tracker.ensure_running()
    can_block = hasattr(signal, "pthread_sigmask")
    if can_block:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if can_block:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
