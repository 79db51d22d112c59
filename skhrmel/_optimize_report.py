"""What ``skhrmel optimize`` prints: layouts, errors on held-out tracks, code."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Table
from scipy import stats

from skhrmel._layout_cv import HRMelTransformerCV
from skhrmel._optimize_tracks import CHOSEN
from skhrmel.ablation import TrackResult, stack_errors

_BALANCED = ("low", "mid", "high")


def print_layouts(console: Console, search: HRMelTransformerCV, n_tracks: int) -> None:
    """Print the best layouts of each number of bands, found on all tracks."""
    results = search.cv_results_
    names = [name for name in results if name.startswith("error_")]
    shown = names if len(names) <= len(_BALANCED) else []
    table = _table(
        f"Best layouts of {search.total_mels} bins for {n_tracks} "
        f"track{'s' * (n_tracks > 1)}, "
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


def print_held_out(
    console: Console, results: Sequence[TrackResult], decoder: str
) -> None:
    """Print errors on tracks that the search had not seen, and paired differences."""
    errors = held_out_errors(results)
    columns = list(errors[CHOSEN])
    table = _table(f"On tracks held out, decoder {decoder}", ["layout", *columns])
    for name, figures in errors.items():
        cells = (f"{x.mean():.4f} ± {x.std():.4f}" for x in figures.values())
        table.add_row(name, *cells)
    for name, differences in held_out_differences(errors).items():
        cells = (
            f"{d.mean:+.4f} ({d.low:+.4f} to {d.high:+.4f})"
            for d in differences.values()
        )
        table.add_row(f"{CHOSEN} - {name}", *cells)
    console.print(table)
    taught = " Taught by the tracks of each search." if decoder == "kl" else ""
    console.print(
        "Relative errors after clipping, mean ± standard deviation over tracks. "
        "Balanced: mean over the\nthree ranges of the squared error. Differences: mean "
        f"and 95% interval of Student's t over tracks.{taught}\n",
        soft_wrap=True,
    )


def code(search: HRMelTransformerCV, decoder: str) -> str:
    """Write the transformer of the chosen layout as Python has it."""
    defaults = {"mel_scale": "slaney", "decoder": "pinv"}
    chosen = {"mel_scale": search.mel_scale, "decoder": decoder}
    others = [f', {k}="{v}"' for k, v in chosen.items() if v != defaults[k]]
    return (
        f"HRMelTransformer(n_mels={search.n_mels_}, band_edges={search.band_edges_}, "
        f'compression="log1p"{"".join(others)})'
    )


def flags(search: HRMelTransformerCV) -> str:
    """Write the chosen layout as options of ``skhrmel extract``."""
    scale = "" if search.mel_scale == "slaney" else f" --mel-scale {search.mel_scale}"
    return (
        f"skhrmel extract PATH --out DIR --n-mels {'/'.join(map(str, search.n_mels_))} "
        f"--edges {','.join(f'{edge:g}' for edge in search.band_edges_)} "
        f"--compression log1p{scale}"
    )


def held_out_errors(
    results: Sequence[TrackResult],
) -> dict[str, dict[str, NDArray]]:
    """Errors of every track, by representation, then by what they are of."""
    errors = {}
    for name in next(result.errors for result in results if result.errors):
        by_range = stack_errors(results, name)
        squares = np.square([by_range[band] for band in _BALANCED])
        errors[name] = {**by_range, "balanced": squares.mean(axis=0)}
    return errors


class Difference(NamedTuple):
    """Mean over tracks of a difference, and its 95% interval of Student's t."""

    mean: float
    low: float
    high: float


def held_out_differences(
    errors: Mapping[str, Mapping[str, NDArray]],
) -> dict[str, dict[str, Difference]]:
    """Errors of the layouts found minus those of each other representation."""
    return {
        name: {
            column: _difference(errors[CHOSEN][column] - values)
            for column, values in figures.items()
        }
        for name, figures in errors.items()
        if name != CHOSEN
    }


def _difference(differences: NDArray) -> Difference:
    mean, n = float(differences.mean()), len(differences)
    half = float(stats.t.ppf(0.975, n - 1) * differences.std(ddof=1) / np.sqrt(n))
    return Difference(mean, mean - half, mean + half)


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column(columns[0], no_wrap=True)
    for column in columns[1:]:
        table.add_column(column, justify="right", no_wrap=True)
    return table
