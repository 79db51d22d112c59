"""An ablation for people and for programs: tables, JSON and CSV."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.base import BaseEstimator

from skhrmel._text_tables import RANGE_TITLES, make_table, mean_std
from skhrmel.ablation import TrackResult, stack_errors
from skhrmel.comparison import FEWEST_TRACKS, PairedDifference, paired_difference
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
_BAND_TITLES = {band: RANGE_TITLES[band] for band in PAPER_BANDS}

Representations = Mapping[str, BaseEstimator]
Summary = dict[str, dict[str, dict[str, float]]]


def print_tables(
    console: Console, results: Sequence[TrackResult], representations: Representations
) -> None:
    """Print the paper's three tables beside the paper's own figures."""
    n_tracks = sum(bool(result.errors) for result in results)
    summary = summarize(results, representations)
    if n_tracks == 1:
        # A deviation of one track is 0, which would look like a finding.
        for errors in summary.values():
            for error in errors.values():
                del error["std"]
    console.print(_overall_table(summary, representations))
    console.print(_band_table(summary))
    console.print(_ablation_table(summary))
    console.print(_paired_table(results, representations, n_tracks))
    console.print(_legend(n_tracks), soft_wrap=True)


def _legend(n_tracks: int) -> str:
    """Say what the figures of so many tracks are."""
    if n_tracks == 1:
        return (
            "Relative Frobenius error of the power spectrum of this track: 0 is\n"
            "perfect, 1 as bad as silence. One track has no standard deviation and no\n"
            "interval; ± of the paper's figures is that of its 12 tracks.\n"
            f"Δ: reduction of the error against {BASELINE}."
        )
    paired = (
        "mean difference, its 95% bootstrap\n"
        "interval, and on how many tracks the error is smaller : larger."
        if n_tracks >= FEWEST_TRACKS
        else "mean difference, and on how many tracks\n"
        "the error is smaller : larger. A 95% interval of the mean takes "
        f"{FEWEST_TRACKS} tracks."
    )
    return (
        "Relative Frobenius error of the power spectrum, mean ± standard deviation\n"
        "over tracks: 0 is perfect, 1 as bad as silence.\n"
        f"Δ: reduction of the mean error against {BASELINE}.\n"
        f"Table 4 compares track by track: {paired}"
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
    table = make_table(
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
            mean_std(**error),
            _percent(reduction(baseline, error["mean"])) if name != BASELINE else "",
            mean_std(*paper) if paper else "",
            style="bold" if name == best else "",
        )
    return table


def _band_table(summary: Summary) -> Table:
    names = (BASELINE, _PROPOSED)
    table = make_table("2. Error by band", ["band", *names, "Δ"])
    # Means stand below each other, of one track too, which has no deviation.
    for column in table.columns[1:3]:
        column.justify = "left"
    for band, title in _BAND_TITLES.items():
        ours = [summary[name][band] for name in names]
        table.add_row(
            title,
            *(mean_std(**error) for error in ours),
            _percent(reduction(*(error["mean"] for error in ours))),
        )
        paper = [PAPER_BY_BAND[name][band] for name in names]
        table.add_row(
            "  paper",
            *(mean_std(*error) for error in paper),
            _percent(reduction(*(mean for mean, _ in paper))),
            style="dim",
        )
    return table


def _ablation_table(summary: Summary) -> Table:
    table = make_table(
        "3. Ablation: bins and bands", ["representation", *_BAND_TITLES.values()]
    )
    baseline = summary[BASELINE]
    for name, errors in summary.items():
        if name != BASELINE and not name.startswith(("HR-Mel", "Log-Mel-96 HTK")):
            continue
        table.add_row(name, *(mean_std(**errors[band]) for band in PAPER_BANDS))
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
    results: Sequence[TrackResult], representations: Iterable[str], n_tracks: int
) -> Table:
    paired = ", paired over tracks" if n_tracks > 1 else ""
    table = make_table(
        f"4. Difference to {BASELINE}{paired}",
        ["representation", *RANGE_TITLES.values()],
    )
    for name, by_error in compare(results, representations).items():
        differences = list(by_error.values())
        table.add_row(name, *(f"{d.mean:+.4f}" for d in differences))
        # Below each other: side by side, the ends are too wide for a terminal.
        if n_tracks >= FEWEST_TRACKS:
            table.add_row("  95% from", *(f"{d.low:+.4f}" for d in differences))
            table.add_row("  95% to", *(f"{d.high:+.4f}" for d in differences))
        if n_tracks > 1:
            cells = (f"{d.wins} : {d.losses}" for d in differences)
            table.add_row("  smaller : larger", *cells)
    return table


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
