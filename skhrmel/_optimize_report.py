"""What ``skhrmel optimize`` prints: layouts, errors on held-out tracks, code."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Table
from scipy import stats

from skhrmel._layout_cv import HRMelTransformerCV
from skhrmel.ablation import TrackResult, stack_errors

#: Name of the layouts found, each on other tracks than it is measured on.
CHOSEN = "found"
_BALANCED = ("low", "mid", "high")


def print_layouts(console: Console, search: HRMelTransformerCV, n_tracks: int) -> None:
    """Print the best layouts of each number of bands, found on all tracks."""
    results = search.cv_results_
    names = [name for name in results if name.startswith("error_")]
    shown = names if len(names) <= len(_BALANCED) else []
    table = _table(
        f"Best layouts of {search.total_mels} bins for {n_tracks} tracks, "
        f"objective {search.objective}",
        ["bands", "rank", "bins", "edges, Hz", "objective", *(n[6:] for n in shown)],
    )
    for row, params in enumerate(results["params"]):
        chosen = params["n_mels"] == search.n_mels_
        table.add_row(
            str(results["n_bands"][row]),
            str(results["rank"][row]),
            "/".join(map(str, params["n_mels"])),
            ", ".join(f"{edge:g}" for edge in params["band_edges"]),
            f"{-results['score'][row]:.4f}",
            *(f"{results[name][row]:.4f}" for name in shown),
            style="bold" if chosen else "",
        )
    console.print(table)
    console.print(
        "Before clipping, on the tracks it was found on: roots of mean squared "
        "relative errors.\n",
        soft_wrap=True,
    )


def print_held_out(console: Console, results: Sequence[TrackResult]) -> None:
    """Print errors on tracks that the search had not seen, and paired differences."""
    representations = next(r.errors for r in results if r.errors)
    errors = {name: _columns(results, name) for name in representations}
    columns = list(errors[CHOSEN])
    table = _table("On tracks held out", ["representation", *columns])
    for name, figures in errors.items():
        cells = (f"{x.mean():.4f} ± {x.std():.4f}" for x in figures.values())
        table.add_row(name, *cells)
    for name, figures in errors.items():
        if name == CHOSEN:
            continue
        cells = (_interval(errors[CHOSEN][c] - figures[c]) for c in columns)
        table.add_row(f"{CHOSEN} - {name}", *cells)
    console.print(table)
    console.print(
        "Relative errors after clipping, mean ± standard deviation over tracks. "
        "Balanced: mean over the\nthree ranges of the squared error. Differences: mean "
        "and 95% interval of Student's t over tracks.\n",
        soft_wrap=True,
    )


def print_code(console: Console, search: HRMelTransformerCV) -> None:
    """Print the transformer to paste."""
    scale = "" if search.mel_scale == "slaney" else f', mel_scale="{search.mel_scale}"'
    console.print(
        f"HRMelTransformer(n_mels={search.n_mels_}, band_edges={search.band_edges_}, "
        f'compression="log1p"{scale})',
        markup=False,
        soft_wrap=True,
    )


def _columns(results: Sequence[TrackResult], name: str) -> dict[str, NDArray]:
    errors = stack_errors(results, name)
    squares = np.square([errors[band] for band in _BALANCED])
    return {**errors, "balanced": squares.mean(axis=0)}


def _interval(differences: NDArray) -> str:
    mean = differences.mean()
    n = len(differences)
    half = stats.t.ppf(0.975, n - 1) * differences.std(ddof=1) / np.sqrt(n)
    return f"{mean:+.4f} ({mean - half:+.4f} to {mean + half:+.4f})"


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column(columns[0], no_wrap=True)
    for column in columns[1:]:
        table.add_column(column, justify="right", no_wrap=True)
    return table
