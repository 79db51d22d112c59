"""What commands share that measure tracks one by one."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from numpy.typing import NDArray
from rich.console import Console

from skhrmel import _ablation_report as report
from skhrmel._terminal import printable
from skhrmel.ablation import SR, Track, TrackResult
from skhrmel.audio import load_mono
from skhrmel.datasets import make_music
from skhrmel.folders import AudioSearch

MAX_JOBS = 256
# Wider than any table, whose own width is what is printed.
_CONSOLE_WIDTH = 200
SYNTHETIC_TRACKS, SYNTHETIC_SECONDS, SYNTHETIC_SEED = 12, 10.0, 0


def file_tracks(search: AudioSearch) -> list[Track]:
    """Give the files that were found as tracks."""
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
    """Make the tracks that are measured where no file is named."""
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


def make_console() -> Console:
    """Make a console wide enough that no digit of a table is cut off."""
    console = Console(highlight=False)
    console.width = max(console.width, _CONSOLE_WIDTH)
    return console


@contextmanager
def ctrl_c_for_this_process_only() -> Iterator[None]:
    """Start workers that leave Ctrl-C to this process, which then ends them.

    A terminal sends it to all, and workers would each print where it hit them. What is
    ignored when a process starts stays ignored in it. Here it is blocked meanwhile, and
    so waits for the end, where the operating system can do that.
    """
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


def print_remarks(
    console: Console, results: Sequence[TrackResult], search: AudioSearch
) -> None:
    """Say what was done to files and what was left out."""
    remarks = [f"Warning: {text}" for text in report.unique_warnings(results)]
    remarks += [f"{result.name}: {result.note}" for result in results if result.note]
    skipped = report.skipped(results, search.problems)
    remarks += [f"Skipped: {name}: {reason}" for name, reason in skipped.items()]
    if search.ignored:
        kinds = ", ".join(f"{n} x {kind}" for kind, n in sorted(search.ignored.items()))
        remarks.append(f"Ignored in folders, not audio by their names: {kinds}")
    if not (results or search.problems):
        remarks.append("No audio files were found.")
    for remark in remarks:
        # Names of files may look like rich's markup.
        console.print(printable(remark), markup=False, soft_wrap=True)
