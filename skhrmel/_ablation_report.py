"""An ablation for people and for programs: tables, JSON and CSV."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from sklearn.base import BaseEstimator

from skhrmel.ablation import TrackResult, stack_errors
from skhrmel.comparison import PairedDifference, paired_difference
from skhrmel.metrics import PAPER_BANDS

#: Table 1 of the paper: mean and standard deviation over its 12 tracks.
PAPER_OVERALL = {
    "Mel-80": (0.4438, 0.0404),
    "Log-Mel-80": (0.4438, 0.0404),
    "Mel-96": (0.3810, 0.0395),
    "Log-Mel-96": (0.3810, 0.0395),
    "HR-Mel 40/32/24": (0.2845, 0.0410),
}
#: Table 2 of the paper: mean and standard deviation by band.
PAPER_BY_BAND = {
    "Mel-96": {
        "low": (0.3737, 0.0391),
        "mid": (0.6701, 0.0372),
        "high": (0.7186, 0.0548),
    },
    "HR-Mel 40/32/24": {
        "low": (0.2729, 0.0345),
        "mid": (0.6780, 0.0419),
        "high": (0.7372, 0.0557),
    },
}
#: Table 3 of the paper: mean by band, and the reduction in percent as it is printed
#: there, which is not quite that of the printed means.
PAPER_ABLATION = {
    "HR-Mel 40/32/24": ((0.2729, 0.6780, 0.7372), (27.0, -1.2, -2.6)),
    "HR-Mel 32/32/32": ((0.4007, 0.6780, 0.7159), (-7.4, -1.2, 0.3)),
    "HR-Mel 24/32/40": ((0.4840, 0.6780, 0.6958), (-30.5, -1.2, 3.1)),
}
BASELINE = "Mel-96"
_PROPOSED = "HR-Mel 40/32/24"
_BAND_TITLES = {
    "low": "low <1.5 kHz",
    "mid": "mid 1.5-6 kHz",
    "high": "high >=6 kHz",
}

Representations = Mapping[str, BaseEstimator]
Summary = dict[str, dict[str, dict[str, float]]]


def print_tables(
    console: Console, results: Sequence[TrackResult], representations: Representations
) -> None:
    """Print the paper's three tables beside the paper's own figures."""
    summary = summarize(results, representations)
    console.print(_overall_table(summary, representations))
    console.print(_band_table(summary))
    console.print(_ablation_table(summary))
    console.print(_paired_table(results, representations))
    console.print(
        "Relative Frobenius error of the power spectrum, mean ± standard deviation\n"
        "over tracks: 0 is perfect, 1 as bad as silence.\n"
        f"Δ: reduction of the mean error against {BASELINE}.\n"
        "Table 4 compares track by track: mean difference, its 95% bootstrap\n"
        "interval, and on how many tracks the error is smaller : larger.",
        soft_wrap=True,
    )


def summarize(
    results: Sequence[TrackResult], representations: Iterable[str]
) -> Summary:
    """Mean and standard deviation over tracks, by representation and error name."""
    return {
        representation: {
            name: {"mean": float(errors.mean()), "std": float(errors.std())}
            for name, errors in stack_errors(results, representation).items()
        }
        for representation in representations
    }


def _overall_table(summary: Summary, representations: Representations) -> Table:
    table = _table(
        "1. Overall error", ["representation", "bins", "error", "Δ", "paper"]
    )
    baseline = summary[BASELINE]["overall"]["mean"]
    best = min(summary, key=lambda name: summary[name]["overall"]["mean"])
    for name, estimator in representations.items():
        error = summary[name]["overall"]
        paper = PAPER_OVERALL.get(name)
        table.add_row(
            name,
            str(int(np.sum(estimator.get_params()["n_mels"]))),
            _mean_std(**error),
            _percent(reduction(baseline, error["mean"])) if name != BASELINE else "",
            _mean_std(*paper) if paper else "",
            style="bold" if name == best else "",
        )
    return table


def _band_table(summary: Summary) -> Table:
    names = (BASELINE, _PROPOSED)
    table = _table("2. Error by band", ["band", *names, "Δ"])
    for band, title in _BAND_TITLES.items():
        ours = [summary[name][band] for name in names]
        table.add_row(
            title,
            *(_mean_std(**error) for error in ours),
            _percent(reduction(*(error["mean"] for error in ours))),
        )
        paper = [PAPER_BY_BAND[name][band] for name in names]
        table.add_row(
            "  paper",
            *(_mean_std(*error) for error in paper),
            _percent(reduction(*(mean for mean, _ in paper))),
            style="dim",
        )
    return table


def _ablation_table(summary: Summary) -> Table:
    table = _table(
        "3. Ablation: bins and bands", ["representation", *_BAND_TITLES.values()]
    )
    baseline = summary[BASELINE]
    for name, errors in summary.items():
        if name != BASELINE and not name.startswith(("HR-Mel", "Log-Mel-96 HTK")):
            continue
        table.add_row(name, *(_mean_std(**errors[band]) for band in PAPER_BANDS))
        if name != BASELINE:
            deltas = [
                reduction(baseline[band]["mean"], errors[band]["mean"])
                for band in PAPER_BANDS
            ]
            table.add_row("  Δ", *map(_percent, deltas))
        if name in PAPER_ABLATION:
            rows = zip(*PAPER_ABLATION[name], strict=True)
            cells = [f"{mean:.4f}  {_percent(delta)}" for mean, delta in rows]
            table.add_row("  paper, Δ", *cells, style="dim")
    return table


def compare(
    results: Sequence[TrackResult], representations: Iterable[str]
) -> dict[str, dict[str, PairedDifference]]:
    """Compare with the baseline track by track, by representation and error name."""
    baseline = stack_errors(results, BASELINE)
    differences = {
        name: {
            error: paired_difference(values, baseline[error])
            for error, values in stack_errors(results, name).items()
        }
        for name in representations
    }
    # What is the same but for rounding would fill the table with zeros.
    return {
        name: by_error
        for name, by_error in differences.items()
        if any(d.wins + d.losses for d in by_error.values())
    }


def _paired_table(
    results: Sequence[TrackResult], representations: Iterable[str]
) -> Table:
    table = _table(
        f"4. Difference to {BASELINE}, paired over tracks",
        ["representation", "overall", *_BAND_TITLES.values()],
    )
    for name, by_error in compare(results, representations).items():
        cells = []
        for mean, low, high, wins, losses in by_error.values():
            interval = "" if np.isnan(low) else f"{low:+.3f} to {high:+.3f}"
            cells.append(f"{mean:+.4f}\n{interval}\n{wins} : {losses}")
        table.add_row(name, *cells, end_section=True)
    return table


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column(columns[0], no_wrap=True)
    for column in columns[1:]:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _mean_std(mean: float, std: float) -> str:
    return f"{mean:.4f} ± {std:.4f}"


def reduction(baseline: float, error: float) -> float:
    """Reduction of an error in percent; 0 where there is none to reduce."""
    return 100 * (baseline - error) / baseline if baseline else 0.0


def _percent(value: float) -> str:
    return f"{value:+.1f}%"


def skipped(
    results: Iterable[TrackResult], unsearched: Mapping[str, str]
) -> dict[str, str]:
    """Why tracks and paths were left out, by name."""
    reasons = {
        result.name: result.problem.removeprefix(f"{result.name}: ")
        for result in results
        if result.problem
    }
    return reasons | dict(unsearched)


def unique_warnings(results: Iterable[TrackResult]) -> list[str]:
    """Warnings of all tracks, each once."""
    return list(dict.fromkeys(text for result in results for text in result.warnings))
