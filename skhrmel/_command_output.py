"""What commands print about tracks."""

from collections.abc import Sequence

from rich.console import Console

from skhrmel import _ablation_report as report
from skhrmel._terminal import printable
from skhrmel.ablation import TrackResult
from skhrmel.folders import AudioSearch

# Wider than any table, whose own width is what is printed.
_CONSOLE_WIDTH = 200


def make_console() -> Console:
    """Make a console wide enough that no digit of a table is cut off."""
    console = Console(highlight=False)
    console.width = max(console.width, _CONSOLE_WIDTH)
    return console


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
