"""What a person sees of an extraction: progress, failures and a summary."""

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from rich import box
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from skhrmel._clip_line import Line
from skhrmel._terminal import printable
from skhrmel.extraction import Extraction
from skhrmel.folders import AudioSearch

T = TypeVar("T")

# Where there is no terminal to draw a bar in.
_LOG_SECONDS = 10.0
# Failures that are listed; the rest is in the manifest.
_MOST_LISTED = 20


class Reporter:
    """Shows how far an extraction has come: a bar in a terminal, else lines of a log.

    Parameters
    ----------
    console : Console
        Where to; shows nothing if it is quiet.
    total : int or None
        Number of clips, if it is known.
    """

    def __init__(self, console: Console, total: int | None) -> None:
        self._console = console
        self._total = total
        self._logged = time.monotonic()
        self._bar: Progress | None = None
        self._task = TaskID(0)
        if console.is_terminal and not console.quiet:
            self._bar = Progress(
                TextColumn("extracting"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(),
                TextColumn("{task.fields[failed]}"),
                console=console,
                transient=True,
            )

    def __enter__(self) -> Self:
        """Show the bar."""
        if self._bar is not None:
            self._bar.start()
            self._task = self._bar.add_task("", total=self._total, rate="", failed="")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.stop()

    def counted(self, clips: Iterable[T]) -> Iterator[T]:
        """Give clips, and learn how many there are if nobody knew."""
        number = 0
        for number, clip in enumerate(clips, start=1):  # noqa: B007
            yield clip
        self._total = number
        if self._bar is not None:
            self._bar.update(self._task, total=number)

    def update(self, line: Line, extraction: Extraction) -> None:
        """Show that a clip is done, or why it failed."""
        n_over = extraction.n_done + extraction.n_earlier + extraction.n_failed
        if line["status"] == "failed":
            self._print(f"failed: {line['path']}: {line['error']}")
        if self._bar is not None:
            self._bar.update(
                self._task,
                completed=n_over,
                rate=_rate(extraction),
                failed=f"{extraction.n_failed} failed" if extraction.n_failed else "",
            )
        elif time.monotonic() - self._logged > _LOG_SECONDS:
            self._logged = time.monotonic()
            of = "" if self._total is None else f" of {self._total}"
            self._print(
                f"{n_over}{of} clips, {extraction.n_failed} failed, {_rate(extraction)}"
                f"{self._time_left(extraction)}"
            )

    def _time_left(self, extraction: Extraction) -> str:
        n_made = extraction.n_done + extraction.n_failed
        if self._total is None:
            return ""
        n_left = self._total - extraction.n_earlier - n_made
        return f", {_clock(extraction.seconds / n_made * n_left)} left"

    def _print(self, text: str) -> None:
        self._console.print(printable(text), markup=False, soft_wrap=True)


def print_summary(
    extraction: Extraction, search: AudioSearch, out: Path, *, quiet: bool
) -> None:
    """Print what was done, and what was not."""
    console = Console(highlight=False)
    if not quiet:
        table = Table(box=box.SIMPLE_HEAD)
        table.add_column("clips")
        table.add_column("number", justify="right")
        table.add_row("done", str(extraction.n_done))
        if extraction.n_earlier:
            table.add_row("done by earlier runs", str(extraction.n_earlier))
        table.add_row("failed", str(extraction.n_failed))
        console.print(table)
        console.print(
            f"{_clock(extraction.duration)} of audio in {_clock(extraction.seconds)}, "
            f"{_rate(extraction)}; features in {printable(str(out))}",
            markup=False,
            soft_wrap=True,
        )
    failures = search.problems | extraction.failures
    remarks = [f"Failed: {path}: {error}" for path, error in failures.items()]
    n_more = extraction.n_failed + len(search.problems) - _MOST_LISTED
    remarks = remarks[:_MOST_LISTED]
    if n_more > 0:
        remarks.append(f"and {n_more} more: see {out / 'manifest.jsonl'}")
    if search.ignored and not quiet:
        kinds = ", ".join(f"{n} x {kind}" for kind, n in sorted(search.ignored.items()))
        remarks.append(f"Ignored in folders, not audio by their names: {kinds}")
    for remark in remarks:
        console.print(printable(remark), markup=False, soft_wrap=True)


def _rate(extraction: Extraction) -> str:
    return f"{extraction.duration / max(extraction.seconds, 1e-9):.0f} x real time"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
