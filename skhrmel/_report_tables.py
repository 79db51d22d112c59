"""The tables of a report, as HTML."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from skhrmel._ablation_report import (
    BASELINE,
    PAPER_ABLATION,
    PAPER_BY_BAND,
    PAPER_OVERALL,
    reduction,
)
from skhrmel.comparison import FEWEST_TRACKS
from skhrmel.metrics import PAPER_BANDS

BAND_TITLES = {
    "overall": "overall",
    "low": "low <1.5 kHz",
    "mid": "mid 1.5–6 kHz",
    "high": "high ≥6 kHz",
}
_METRIC_TITLES = {
    **{name: name for name in BAND_TITLES},
    "log_distance": "log distance",
    "convergence": "convergence",
    "visqol": "ViSQOL",
}


def measured_tables(document: Mapping[str, Any]) -> str:
    """Write the paper's tables, with intervals and the paper's own figures.

    Parameters
    ----------
    document : mapping
        What ``skhrmel ablate --json`` writes, and ``"intervals"``.

    Returns
    -------
    html : str
        Tables and a note on what they are.
    """
    n_tracks = _n_tracks(document)
    over = "mean ± standard deviation over tracks" if n_tracks > 1 else "of this track"
    if n_tracks >= FEWEST_TRACKS:
        over += ", and below the 95% bootstrap interval of the mean"
    few = (
        f" A 95% interval of the mean takes {FEWEST_TRACKS} tracks or more."
        if n_tracks < FEWEST_TRACKS
        else ""
    )
    return "\n".join(
        [
            f"<p>Relative Frobenius error of the power spectrum, {over}: 0 is perfect, "
            f"1 as bad as silence.{few}</p>",
            _overall(document),
            _by_band(document),
            _paired(document),
        ]
    )


def _overall(document: Mapping[str, Any]) -> str:
    summary = document["summary"]
    baseline = summary[BASELINE]["overall"]["mean"]
    best = min(summary, key=lambda name: summary[name]["overall"]["mean"])
    rows = []
    for name, errors in summary.items():
        bins = document["representations"][name]["n_mels"]
        paper = PAPER_OVERALL.get(name)
        cells = [
            str(sum(bins) if isinstance(bins, list | tuple) else bins),
            _error(document, name, "overall"),
            f"{reduction(baseline, errors['overall']['mean']):+.1f}%"
            if name != BASELINE
            else "",
            f"{paper[0]:.4f} ± {paper[1]:.4f}" if paper else "",
        ]
        rows.append((name, cells, "best" if name == best else ""))
    return table(
        f"1. Overall error, and its reduction Δ against {BASELINE}",
        ["representation", "bins", "error", "Δ", "paper"],
        rows,
        "t1",
    )


def _by_band(document: Mapping[str, Any]) -> str:
    """Write tables 2 and 3 of the paper as one: the error of each band."""
    rows = []
    for name in document["summary"]:
        cells = [_error(document, name, band) for band in PAPER_BANDS]
        rows.append((name, cells, ""))
        printed = None
        if name in PAPER_BY_BAND:
            figures = [PAPER_BY_BAND[name][band] for band in PAPER_BANDS]
            printed = [f"{mean:.4f} ± {std:.4f}" for mean, std in figures]
        elif name in PAPER_ABLATION:
            printed = [f"{mean:.4f}" for mean in PAPER_ABLATION[name][0]]
        if printed:
            rows.append((f"{name} in the paper", printed, "paper"))
    titles = [BAND_TITLES[band] for band in PAPER_BANDS]
    return table("2. Error by band", ["representation", *titles], rows, "t2")


def _paired(document: Mapping[str, Any]) -> str:
    rows = []
    for name, by_error in document["paired_differences"].items():
        cells = []
        for difference in by_error.values():
            cell = f"{difference['mean']:+.4f}"
            if difference["low"] is not None:
                low, high = difference["low"], difference["high"]
                cell += f"<small>{low:+.4f} to {high:+.4f}</small>"
            if _n_tracks(document) > 1:
                cell += f"<small>{difference['wins']} : {difference['losses']}</small>"
            cells.append(cell)
        rows.append((name, cells, ""))
    n_tracks = _n_tracks(document)
    parts = [
        f"3. Difference to {BASELINE}",
        " on the same tracks: mean" if n_tracks > 1 else "",
        ", 95% interval" if n_tracks >= FEWEST_TRACKS else "",
        ", and on how many the error is smaller : larger" if n_tracks > 1 else "",
    ]
    return table(
        "".join(parts),
        ["representation", *BAND_TITLES.values()],
        rows,
        "t3",
    )


def metrics_table(versions: Iterable[Mapping[str, Any]], number: int) -> str:
    """Write the figures of the versions of an excerpt.

    Parameters
    ----------
    versions : iterable of mapping
        Versions with ``"name"``, ``"metrics"`` and ``"gain"``.
    number : int
        Number of the excerpt.

    Returns
    -------
    html : str
        The table.
    """
    listed = list(versions)
    shown = [n for n in _METRIC_TITLES if any(n in v["metrics"] for v in listed)]
    rows = []
    for version in listed:
        metrics = version["metrics"]
        cells = [
            f"{metrics[name]:.{1 if name == 'log_distance' else 3}f}"
            if name in metrics
            else "–"
            for name in shown
        ]
        rows.append((version["name"], [*cells, f"{version['gain']:+.1f}"], ""))
    columns = ["version", *(_METRIC_TITLES[name] for name in shown), "gain"]
    caption = (
        "Relative error of the decoded power; log-spectral distance in dB; spectral "
        "convergence of the sound; gain in dB that matched its level"
    )
    if "visqol" in shown:
        caption += "; opinion predicted by ViSQOL, 1 to 5"
    return table(caption, columns, rows, f"m{number}")


def table(
    caption: str,
    columns: Sequence[str],
    rows: Iterable[tuple[str, Sequence[str], str]],
    identifier: str,
) -> str:
    """Write a table that scrolls on a small screen.

    Parameters
    ----------
    caption : str
        Its caption.
    columns : sequence of str
        Titles of the columns.
    rows : iterable of (str, sequence of str, str)
        Title, cells in HTML and class of each row.
    identifier : str
        Its name on the page.

    Returns
    -------
    html : str
        The table.
    """
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    body = "\n".join(
        f'<tr class="{kind}"><th scope="row">{escape(title)}</th>'
        + "".join(f"<td>{cell}</td>" for cell in cells)
        + "</tr>"
        for title, cells, kind in rows
    )
    return (
        f'<div class="scroll" role="region" aria-labelledby="{identifier}-caption" '
        f'tabindex="0"><table id="{identifier}">'
        f'<caption id="{identifier}-caption">{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table></div>"
    )


def _error(document: Mapping[str, Any], name: str, error: str) -> str:
    figures = document["summary"][name][error]
    text = f"{figures['mean']:.4f}"
    if _n_tracks(document) > 1:
        text += f" ± {figures['std']:.4f}"
    interval = document["intervals"][name][error]
    if interval[0] is not None:
        text += f"<small>{interval[0]:.4f} to {interval[1]:.4f}</small>"
    return text


def _n_tracks(document: Mapping[str, Any]) -> int:
    return len(document["tracks"])
