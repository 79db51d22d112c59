"""The page of ``skhrmel report``: one file of HTML that needs nothing else."""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

import numpy as np

from skhrmel._page_audio import MEDIA_TYPES, Codec, encode
from skhrmel._page_plots import (
    SPECTROGRAM_LEFT,
    SPECTROGRAM_WIDTH,
    as_svg,
    page_style,
    spectrogram,
)
from skhrmel._report_tables import measured_tables, metrics_table, table
from skhrmel.ablation import ERROR_NAMES, HOP_LENGTH, SR, TrackResult, stack_errors
from skhrmel.comparison import mean_interval
from skhrmel.report import N_ITER, Excerpt

_LISTENING = """\
<p>Press play, then switch: every version of an excerpt plays at the same time, and
all but one are silent. Keys: <kbd>Space</kbd> plays and pauses, <kbd>1</kbd> to
<kbd>9</kbd> switch, arrows move. Levels are matched: all versions have the A-weighted
level of the original, by the gain in the table. “Original magnitude, new phase” is what
Griffin–Lim ({n_iter} iterations) makes of the original's own spectrogram. Features hold
no phase, so that is as good as what is below can be expected to sound.</p>
"""


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
    title = f"{n_tracks} {'synthetic ' if synthetic else ''}track{'s'[: n_tracks > 1]}"
    players = [
        _player(k, excerpt, document, codec) for k, excerpt in enumerate(excerpts)
    ]
    parts = {
        "title": title,
        "css": Template(css).substitute(left=SPECTROGRAM_LEFT, width=SPECTROGRAM_WIDTH),
        "js": js,
        "summary": _summary(document),
        "listen": _LISTENING.format(n_iter=N_ITER) + "\n".join(players),
        "tables": measured_tables(document),
        "plots": _plots(results),
        "how": _how(document),
        # Nothing inside may end the element.
        "data": json.dumps(document).replace("<", "\\u003c"),
    }
    sound = "FLAC, 16 bits" if codec == "flac" else "Opus, which itself loses a little"
    text = Template(page).substitute(parts, footer="$footer")
    size = len(text.encode("utf-8", "backslashreplace")) / 1e6
    return text.replace(
        "$footer",
        f"This page is {size:.1f} MB, sound in {sound}, and needs no network. Made by "
        f"skhrmel {document['versions']['skhrmel']}.",
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


def _player(
    number: int, excerpt: Excerpt, document: Mapping[str, Any], codec: Codec
) -> str:
    reference = float(excerpt.versions[0].power.max())
    choices, pictures, files_ = [], [], []
    for k, version in enumerate(excerpt.versions):
        name = escape(version.name)
        key = f" <kbd>{k + 1}</kbd>" if k < 9 else ""
        checked = "" if k else " checked"
        choices.append(
            f'<label class="choice"><input type="radio" name="version-{number}"'
            f"{checked}><span>{name}</span>{key}</label>"
        )
        with page_style():
            figure = spectrogram(version.power, reference, SR, HOP_LENGTH)
            svg = as_svg(figure, f"e{number}v{k}", dpi=90)
        hidden = " hidden" if k else ""
        pictures.append(
            f'<div class="picture" role="img"{hidden} aria-label="Spectrogram of '
            f'{name}, 80 dB from the loudest down">{svg}</div>'
        )
        data = b64encode(encode(version.samples, SR, codec)).decode("ascii")
        files_.append(
            f'<li>{name} <audio controls preload="none" data-name="{name}" '
            f'src="data:{MEDIA_TYPES[codec]};base64,{data}"></audio></li>'
        )
    start, end = excerpt.start, excerpt.start + excerpt.seconds
    all_gain = f", all versions {excerpt.gain:+.1f} dB" if excerpt.gain < -0.05 else ""
    figures = metrics_table(document["excerpts"][number]["versions"], number)
    return f"""
<section class="player" aria-labelledby="excerpt-{number}" data-rate="{SR}"
  data-seconds="{excerpt.seconds:.6f}">
<h3 id="excerpt-{number}">{escape(excerpt.track)}</h3>
<p class="note">{_clock(start)} to {_clock(end)} min{all_gain}. The kl decoders have
learned of {escape(excerpt.learned)}.</p>
<div class="transport">
<button type="button" class="play">Play</button>
<input type="range" class="seek" min="0" max="{excerpt.seconds:.6f}" step="0.01"
  value="0" aria-label="Position in seconds">
<output class="time"></output>
<label class="check"><input type="checkbox" class="loop" checked> Repeat</label>
<label class="check"><input type="checkbox" class="hide"> Blind: shuffled,
without names</label>
</div>
<fieldset><legend>Version</legend>{"".join(choices)}</fieldset>
<p class="status" role="status"></p>
<div class="pictures secret">{"".join(pictures)}<div class="playhead"></div></div>
<p class="note blind-hint">Pictures and figures are hidden until “Blind” is off.</p>
<div class="secret">{figures}</div>
<div class="fallback"><p>As plain files:</p><ul>{"".join(files_)}</ul></div>
</section>"""


def _clock(seconds: float) -> str:
    return f"{int(seconds // 60)}:{seconds % 60:04.1f}"


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
                _clock(track["seconds"]),
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
