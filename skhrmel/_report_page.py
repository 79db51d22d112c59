"""The page of ``skhrmel report``: one file of HTML that needs nothing else."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import PurePath
from string import Template
from typing import Any

import numpy as np

from skhrmel._page_audio import Codec
from skhrmel._page_plots import (
    SPECTROGRAM_LEFT,
    SPECTROGRAM_WIDTH,
    as_svg,
    page_style,
)
from skhrmel._report_player import clock, players
from skhrmel._report_tables import BAND_TITLES, measured_tables, table
from skhrmel.ablation import ERROR_NAMES, TrackResult, stack_errors
from skhrmel.comparison import mean_interval
from skhrmel.metrics import PAPER_BANDS
from skhrmel.report import PROPOSED, USUAL, Excerpt


def add_report_figures(
    document: dict[str, Any],
    results: Sequence[TrackResult],
    excerpts: Sequence[Excerpt],
) -> dict[str, Any]:
    """Add what only a report has to the figures of an ablation.

    Parameters
    ----------
    document : dict
        What ``skhrmel ablate --json`` writes.
    results : sequence of TrackResult
        What was measured.
    excerpts : sequence of Excerpt
        What can be heard.

    Returns
    -------
    document : dict
        The same, with ``"intervals"`` of the means and ``"excerpts"``.
    """
    intervals = {
        name: {
            error: [
                None if np.isnan(end) else end
                for end in mean_interval(stack_errors(results, name)[error])
            ]
            for error in ERROR_NAMES
        }
        for name in document["summary"]
    }
    heard = [
        {
            "track": excerpt.track,
            "start": excerpt.start,
            "seconds": excerpt.seconds,
            "learned": excerpt.learned,
            "gain": excerpt.gain,
            "versions": [
                {"name": v.name, "metrics": v.metrics, "gain": v.gain}
                for v in excerpt.versions
            ],
        }
        for excerpt in excerpts
    ]
    return {**document, "intervals": intervals, "excerpts": heard}


def build_page(
    document: Mapping[str, Any],
    results: Sequence[TrackResult],
    excerpts: Sequence[Excerpt],
    *,
    codec: Codec = "flac",
) -> str:
    """Write the page.

    Parameters
    ----------
    document : mapping
        What `add_report_figures` gives.
    results : sequence of TrackResult
        What was measured.
    excerpts : sequence of Excerpt
        What can be heard.
    codec : {"flac", "opus"}, default="flac"
        How sound is compressed.

    Returns
    -------
    page : str
        The page, ASCII but for its text.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    resources = files("skhrmel") / "_page"
    page, css, js = (
        (resources / f"report.{kind}").read_text("utf-8")
        for kind in ("html", "css", "js")
    )
    n_tracks = len(document["tracks"])
    synthetic = document["settings"]["source"].startswith("synthetic")
    if n_tracks == 1:
        title = escape(PurePath(document["tracks"][0]["name"]).name)
    else:
        title = f"{n_tracks} {'synthetic ' if synthetic else ''}tracks"
    parts = {
        "title": title,
        "css": Template(css).substitute(left=SPECTROGRAM_LEFT, width=SPECTROGRAM_WIDTH),
        "js": js,
        "finding": _finding(document),
        "summary": _summary(document),
        "listen": players(document, excerpts, codec),
        "tables": measured_tables(document),
        "plots": _plots(results),
        "how": _how(document),
        # Nothing inside may end the element.
        "data": json.dumps(document).replace("<", "\\u003c"),
    }
    sound = {
        "flac": "FLAC of 16 bits, which Chrome, Edge, Firefox and Safari play",
        "opus": "Opus, which itself loses a little, and Safari plays from 18.4 on",
    }[codec]
    text = Template(page).substitute(parts, footer="$footer")
    size = len(text.encode("utf-8", "backslashreplace")) / 1e6
    return text.replace(
        "$footer",
        f"This page is {size:.1f} MB, sound in {sound}, and needs no network. Made by "
        f"skhrmel {document['versions']['skhrmel']}.",
    )


def _finding(document: Mapping[str, Any]) -> str:
    """Say in words what most readers want to know first."""
    ours, usual = (
        {error: figures["mean"] for error, figures in document["summary"][name].items()}
        for name in (PROPOSED, USUAL)
    )
    change = 1 - ours["overall"] / max(usual["overall"], 1e-12)
    tracks = document["tracks"]
    less = sum(
        track["errors"][PROPOSED]["overall"] < track["errors"][USUAL]["overall"]
        for track in tracks
    )
    compared = f"loses {abs(change):.1%} {'less' if change > 0 else 'more'} than"
    if abs(change) < 0.005:
        compared = "loses as much as"
    over = f" on the mean, less on {less} of {len(tracks)} tracks" if tracks[1:] else ""
    bands = ", ".join(
        f"{BAND_TITLES[band]} {ours[band]:.3f} against {usual[band]:.3f}"
        for band in PAPER_BANDS
    )
    return escape(
        f"With as many bins, {PROPOSED} {compared} {USUAL}{over}: "
        f"{ours['overall']:.3f} against {usual['overall']:.3f} by the pseudo-inverse, "
        f"where 0 is perfect and 1 as bad as silence; {bands}."
    )


def _summary(document: Mapping[str, Any]) -> str:
    settings, versions = document["settings"], document["versions"]
    seconds = round(sum(track["seconds"] for track in document["tracks"]))
    return escape(
        f"{seconds // 60}:{seconds % 60:02d} min in all, mono, {settings['sr']} Hz, "
        f"n_fft={settings['n_fft']}, hop_length={settings['hop_length']}, "
        f"{settings['window']} window; {len(document['representations'])} "
        f"representations, pseudo-inverse. skhrmel {versions['skhrmel']}, numpy "
        f"{versions['numpy']}, scipy {versions['scipy']}."
    )


def _plots(results: Sequence[TrackResult]) -> str:
    # Here and not above: these need matplotlib only when they draw.
    from skhrmel._ablation_display import AblationDisplay
    from skhrmel._filter_bank_display import FilterBankDisplay
    from skhrmel._transformers import HRMelTransformer

    parts = []
    captions = {
        "bands": "Error of each representation by band: mean over tracks and its 95% "
        "bootstrap interval. At 1, silence would be as good.",
        "pareto": "Error below 1.5 kHz against error from 6 kHz: on the line, less in "
        "one range costs more in the other; beside it, another is better in both.",
        "filters": "Filters of HR-Mel 40/32/24 at the bins of the FFT, each with a "
        "peak of 1; dotted where bands join.",
    }
    for kind, caption in captions.items():
        with page_style():
            if kind == "bands":
                figure = AblationDisplay.from_results(results).figure_
            elif kind == "pareto":
                figure = AblationDisplay.from_results(results, kind="pareto").figure_
            else:
                layout = HRMelTransformer()._layout()
                figure = FilterBankDisplay.from_layout(layout).figure_
            svg = as_svg(figure, kind)
        parts.append(
            f'<figure id="{kind}"><div class="scroll" role="img" tabindex="0" '
            f'aria-label="{caption}">{svg}</div><figcaption>{caption}</figcaption>'
            "</figure>"
        )
    return "\n".join(parts)


def _how(document: Mapping[str, Any]) -> str:
    rows = [
        (
            track["name"],
            [
                clock(track["seconds"]),
                *(f"{e['overall']:.4f}" for e in track["errors"].values()),
                escape(track["note"]),
            ],
            "",
        )
        for track in document["tracks"]
    ]
    columns = ["track", "min", *document["summary"], "note"]
    parts = [table("4. Overall error of each track", columns, rows, "t4")]
    remarks = [f"Warning: {text}" for text in document["warnings"]]
    remarks += [f"Skipped: {s['name']}: {s['reason']}" for s in document["skipped"]]
    if remarks:
        items = "".join(f"<li>{escape(remark)}</li>" for remark in remarks)
        parts.append(f"<h3>Left out, and warnings</h3><ul>{items}</ul>")
    settings = document["settings"] | {
        f"version of {name}": version for name, version in document["versions"].items()
    }
    pairs = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>"
        for name, value in settings.items()
    )
    listed = "".join(
        f"<dt>{escape(name)}</dt><dd><code>{escape(_as_code(parameters))}</code></dd>"
        for name, parameters in document["representations"].items()
    )
    parts.append(
        f"<details><summary>Settings and versions</summary><dl>{pairs}</dl></details>"
        f"<details><summary>Representations</summary><dl>{listed}</dl></details>"
    )
    return "\n".join(parts)


def _as_code(parameters: Mapping[str, Any]) -> str:
    values = ", ".join(f"{k}={v!r}" for k, v in parameters.items() if k != "class")
    return f"{parameters['class']}({values})"
