"""What ``skhrmel optimize`` writes: JSON, and a picture of the Pareto front."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from skhrmel._ablation_files import as_json, describe_run
from skhrmel._ablation_report import skipped, unique_warnings
from skhrmel._layout_cv import HRMelTransformerCV
from skhrmel._optimize_plot import plot_front
from skhrmel._optimize_report import code, held_out_differences, held_out_errors
from skhrmel._tracks import describe_settings
from skhrmel.ablation import TrackResult

_PICTURES = (".png", ".svg", ".pdf")


def check_picture(path: Path, analysis_bands: str) -> None:
    """Refuse a name of a picture that does not tell its format, and too many ranges."""
    if path.suffix.lower() not in _PICTURES:
        raise ValueError(
            f"{path}: expected a picture that ends with {', '.join(_PICTURES)}"
        )
    if analysis_bands != "paper":
        raise ValueError(
            "--plot draws the layouts that no other beats in every range, and of "
            f"--analysis-bands {analysis_bands} nearly all are; it can for the paper's"
        )


def describe_search(
    search: HRMelTransformerCV,
    *,
    synthetic: bool,
    n_folds: int,
    decoder: str,
    no_worse_than: str | None,
) -> dict[str, Any]:
    """Say how the layouts were found and measured, as JSON can hold it."""
    names = "total_mels", "objective", "min_mels", "frame_step", "mel_scale", "norm"
    problem = search._problem
    return {
        **describe_settings(synthetic=synthetic),
        **{name: getattr(search, name) for name in names},
        "max_amplification": search.max_amplification,
        "n_bands": list(problem.n_bands),
        "candidate_edges": list(problem.edges),
        "kept_edges": list(problem.kept),
        "analysis_bands": {
            # JSON has no infinity.
            name: [low, min(high, search.sr / 2)]
            for name, (low, high) in problem.criteria.bands.items()
        },
        "no_worse_than": no_worse_than,
        "folds": n_folds,
        "decoder": decoder,
    }


def make_document(
    search: HRMelTransformerCV,
    folds: Sequence[HRMelTransformerCV],
    results: Sequence[TrackResult],
    held_out: Sequence[TrackResult],
    settings: Mapping[str, Any],
    unsearched: Mapping[str, str],
    front: Sequence[Mapping[str, Any]] | None,
) -> dict[str, Any]:
    """Put layouts, figures, settings and versions into what JSON can hold.

    `results` are of all tracks, `held_out` those measured: the track of number ``k`` by
    the layout of fold ``k % len(folds)``. `front` is the Pareto front, if it was found.
    """
    return {
        "versions": describe_run(),
        "settings": dict(settings),
        "chosen": {**_layout(search), "code": code(search, settings["decoder"])},
        "layouts": _layouts(search),
        "pareto_front": front,
        "folds": [_layout(fold) for fold in folds] if held_out else [],
        "held_out": _held_out(held_out),
        "tracks": [
            {
                "name": result.name,
                "seconds": result.seconds,
                "note": result.note,
                "fold": number % len(folds),
                "errors": result.errors,
            }
            for number, result in enumerate(held_out)
            if result.errors
        ],
        "skipped": [
            {"name": name, "reason": reason}
            for name, reason in skipped(results, unsearched).items()
        ],
        "warnings": unique_warnings(results),
    }


def _layout(search: HRMelTransformerCV) -> dict[str, Any]:
    return {
        "n_mels": search.n_mels_,
        "band_edges": search.band_edges_,
        "objective": -search.best_score_,
    }


def _layouts(search: HRMelTransformerCV) -> list[dict[str, Any]]:
    results = search.cv_results_
    errors = [name for name in results if name.startswith("error_")]
    return [
        {
            "n_bands": int(results["n_bands"][row]),
            "rank": int(results["rank"][row]),
            **params,
            "objective": float(-results["score"][row]),
            "errors": {
                name.removeprefix("error_"): float(results[name][row])
                for name in errors
            },
        }
        for row, params in enumerate(results["params"])
    ]


def _held_out(results: Sequence[TrackResult]) -> dict[str, Any]:
    if not any(result.errors for result in results):
        return {}
    errors = held_out_errors(results)
    return {
        "summary": {
            name: {
                column: {"mean": float(values.mean()), "std": float(values.std())}
                for column, values in figures.items()
            }
            for name, figures in errors.items()
        },
        "paired_differences": {
            name: {column: d._asdict() for column, d in differences.items()}
            for name, differences in held_out_differences(errors).items()
        },
    }


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write a document as one JSON object."""
    path.write_text(as_json(document), "ascii")


def write_plot(path: Path, search: HRMelTransformerCV) -> None:
    """Draw the Pareto front in the format that the name tells."""
    figure = plot_front(search)
    figure.savefig(path, dpi=150)
