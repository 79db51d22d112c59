"""An ablation for programs: JSON and CSV."""

import csv
import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from skhrmel._ablation_report import (
    PAPER_ABLATION,
    PAPER_BY_BAND,
    PAPER_OVERALL,
    Representations,
    compare,
    skipped,
    summarize,
    unique_warnings,
)
from skhrmel.ablation import ERROR_NAMES, TrackResult
from skhrmel.metrics import PAPER_BANDS

_PACKAGES = (
    "skhrmel",
    "numpy",
    "scipy",
    "scikit-learn",
    "joblib",
    "librosa",
    "numba",
    "soundfile",
    "soxr",
)


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
    document = make_document(results, representations, settings, unsearched)
    path.write_text(as_json(document), "ascii")


def as_json(document: Mapping[str, Any]) -> str:
    """Write a document in ASCII, since names of files need not be valid text."""
    return json.dumps(document, indent=1) + "\n"


def make_document(
    results: Sequence[TrackResult],
    representations: Representations,
    settings: Mapping[str, Any],
    unsearched: Mapping[str, str],
) -> dict[str, Any]:
    """Put figures, settings and versions into what JSON can hold."""
    return {
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
        "paired_differences": (
            _paired_document(results, representations)
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
                "rates": [asdict(point) for point in result.rates],
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


def _paired_document(
    results: Sequence[TrackResult], representations: Iterable[str]
) -> dict[str, Any]:
    """Differences to the baseline as JSON can hold them: no NaN."""
    return {
        name: {
            error: {
                key: None if np.isnan(value) else value
                for key, value in difference._asdict().items()
            }
            for error, difference in by_error.items()
        }
        for name, by_error in compare(results, representations).items()
    }


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
