"""An ablation for people and for programs: tables, JSON and CSV."""

import csv
import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from sklearn.base import BaseEstimator

from skhrmel.ablation import ERROR_NAMES, TrackResult, stack_errors
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

_PACKAGES = (
    "skhrmel",
    "numpy",
    "scipy",
    "scikit-learn",
    "joblib",
    "librosa",
    "soundfile",
    "soxr",
)

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
    console.print(
        "Relative Frobenius error of the power spectrum, mean ± standard deviation\n"
        "over tracks: 0 is perfect, 1 as bad as silence.\n"
        f"Δ: reduction of the mean error against {BASELINE}.",
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
            _percent(_reduction(baseline, error["mean"])) if name != BASELINE else "",
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
            _percent(_reduction(*(error["mean"] for error in ours))),
        )
        paper = [PAPER_BY_BAND[name][band] for name in names]
        table.add_row(
            "  paper",
            *(_mean_std(*error) for error in paper),
            _percent(_reduction(*(mean for mean, _ in paper))),
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
                _reduction(baseline[band]["mean"], errors[band]["mean"])
                for band in PAPER_BANDS
            ]
            table.add_row("  Δ", *map(_percent, deltas))
        if name in PAPER_ABLATION:
            rows = zip(*PAPER_ABLATION[name], strict=True)
            cells = [f"{mean:.4f}  {_percent(delta)}" for mean, delta in rows]
            table.add_row("  paper, Δ", *cells, style="dim")
    return table


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column(columns[0], no_wrap=True)
    for column in columns[1:]:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _mean_std(mean: float, std: float) -> str:
    return f"{mean:.4f} ± {std:.4f}"


def _reduction(baseline: float, error: float) -> float:
    """Reduction of an error in percent; 0 where there is none to reduce."""
    return 100 * (baseline - error) / baseline if baseline else 0.0


def _percent(value: float) -> str:
    return f"{value:+.1f}%"


def describe_run() -> dict[str, str]:
    """Versions that a figure may depend on."""
    versions = {package: version(package) for package in _PACKAGES}
    return {"python": platform.python_version(), **versions}


def write_json(
    path: Path,
    results: Sequence[TrackResult],
    representations: Representations,
    settings: Mapping[str, Any],
    unsearched: Mapping[str, str],
) -> None:
    """Write figures, settings and versions as one JSON object."""
    document = {
        "versions": describe_run(),
        "settings": dict(settings),
        "representations": {
            name: {"class": type(estimator).__name__, **estimator.get_params()}
            for name, estimator in representations.items()
        },
        "summary": (
            summarize(results, representations)
            if any(result.errors for result in results)
            else {}
        ),
        "paper": {
            "overall": {
                name: {"mean": mean, "std": std}
                for name, (mean, std) in PAPER_OVERALL.items()
            },
            "by_band": {
                name: {band: errors[band][0] for band in PAPER_BANDS}
                for name, errors in PAPER_BY_BAND.items()
            },
            "ablation": {
                name: dict(zip(PAPER_BANDS, means, strict=True))
                for name, (means, _) in PAPER_ABLATION.items()
            },
        },
        "tracks": [
            {
                "name": result.name,
                "seconds": result.seconds,
                "note": result.note,
                "errors": result.errors,
            }
            for result in results
            if result.errors
        ],
        "skipped": [
            {"name": name, "reason": reason}
            for name, reason in skipped(results, unsearched).items()
        ],
        "warnings": unique_warnings(results),
    }
    # ASCII, since names of files need not be valid text.
    path.write_text(json.dumps(document, indent=1) + "\n", "ascii")


def write_csv(
    path: Path,
    results: Sequence[TrackResult],
    representations: Representations,
    settings: Mapping[str, Any],
) -> None:
    """Write one row for each track and representation, settings and versions in it."""
    constants = {
        **{f"setting_{name}": value for name, value in settings.items()},
        **{f"version_{name}": value for name, value in describe_run().items()},
    }
    params = sorted({p for e in representations.values() for p in e.get_params()})
    columns = ["track", "seconds", "note", "representation", "class", *ERROR_NAMES]
    with path.open(
        "w", newline="", encoding="utf-8", errors="backslashreplace"
    ) as file:
        writer = csv.DictWriter(file, [*columns, *params, *constants])
        writer.writeheader()
        for result in results:
            for name, errors in result.errors.items():
                writer.writerow(
                    {
                        "track": result.name,
                        "seconds": result.seconds,
                        "note": result.note,
                        "representation": name,
                        "class": type(representations[name]).__name__,
                        **errors,
                        **_flat(representations[name].get_params()),
                        **constants,
                    }
                )


def _flat(params: Mapping[str, Any]) -> dict[str, Any]:
    """Write bins as ``a/b`` and edges as ``a,b``, as on the command line."""
    flat = dict(params)
    for name, value in params.items():
        if isinstance(value, tuple):
            mark = "," if name == "band_edges" else "/"
            flat[name] = mark.join(
                f"{item:g}" if isinstance(item, float) else str(item) for item in value
            )
    return flat


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
