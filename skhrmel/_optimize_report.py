"""What ``skhrmel optimize`` prints: layouts, errors on held-out tracks, code."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from scipy import stats

from skhrmel._layout_cv import HRMelTransformerCV
from skhrmel._optimize_tracks import CHOSEN
from skhrmel._text_tables import RANGE_TITLES, make_table, mean_std
from skhrmel.ablation import TrackResult, stack_errors

_BALANCED = ("low", "mid", "high")
# Three bands; the edges of more stand on more lines, for a terminal is narrow.
_EDGES_WIDTH = len("0, 2050, 11800, 20000")


def print_layouts(console: Console, search: HRMelTransformerCV, n_tracks: int) -> None:
    """Print the best layouts of each number of bands, found on all tracks."""
    results = search.cv_results_
    names = [name for name in results if name.startswith("error_")]
    shown = names if len(names) <= len(_BALANCED) else []
    table = make_table(
        f"Best layouts of {search.total_mels} bins for {n_tracks} "
        f"track{'s' * (n_tracks > 1)}, "
        f"objective {search.objective}",
        ["bands", "bins", "edges, Hz", "objective", *(n[6:] for n in shown)],
    )
    table.collapse_padding = True
    edges = table.columns[2]
    edges.justify, edges.no_wrap, edges.max_width = "left", False, _EDGES_WIDTH
    best = {"n_mels": search.n_mels_, "band_edges": search.band_edges_}
    for row, params in enumerate(results["params"]):
        table.add_row(
            str(results["n_bands"][row]),
            "/".join(map(str, params["n_mels"])),
            ", ".join(f"{edge:g}" for edge in params["band_edges"]),
            f"{-results['score'][row]:.4f}",
            *(f"{results[name][row]:.3f}" for name in shown),
            style="bold" if params == best else "",
        )
    console.print(table)
    console.print(
        "Before negative power is clipped, on the tracks they were found on. The\n"
        "objective is what was minimised; the others are roots of mean squared\n"
        "relative errors. Of each number of bands the best come first.\n",
        soft_wrap=True,
    )


def print_held_out(
    console: Console, results: Sequence[TrackResult], decoder: str
) -> None:
    """Print errors on tracks that the search had not seen, and paired differences."""
    errors = held_out_errors(results)
    differences = held_out_differences(errors)
    # Few representations and more ranges: this way round a table is narrow.
    table = make_table(f"On tracks held out, decoder {decoder}", ["error", *errors])
    paired = make_table(
        "Differences on the same tracks held out",
        ["error", *(f"{CHOSEN} - {name}" for name in differences)],
    )
    for column in errors[CHOSEN]:
        title = RANGE_TITLES.get(column, column)
        figures = [by_range[column] for by_range in errors.values()]
        table.add_row(title, *(mean_std(x.mean(), x.std()) for x in figures))
        found = [by_range[column] for by_range in differences.values()]
        paired.add_row(title, *(f"{d.mean:+.4f}" for d in found))
        # Side by side, large ones are too wide for a terminal.
        cells = (f"{d.low:+.4f} to {d.high:+.4f}" for d in found)
        paired.add_row("  95% interval", *cells)
    console.print(table)
    console.print(paired)
    taught = "\nTaught by the tracks of each search." if decoder == "kl" else ""
    console.print(
        "Relative errors after clipping, mean ± standard deviation over tracks.\n"
        "Balanced: mean over the three ranges of the squared error. Differences:\n"
        f"mean and 95% interval of Student's t over tracks.{taught}\n",
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
