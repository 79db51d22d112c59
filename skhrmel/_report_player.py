"""The players of a report: excerpts to switch between, as HTML."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from skhrmel._page_audio import MEDIA_TYPES, Codec, encode
from skhrmel._page_plots import as_svg, page_style, spectrogram
from skhrmel._report_tables import metrics_table
from skhrmel.ablation import HOP_LENGTH, SR
from skhrmel.report import N_ITER, PROPOSED, USUAL, Excerpt

_LISTENING = f"""\
<p>Press play, then switch: all versions of an excerpt play at the same time and at the
same level, and all but one are silent. <b>{USUAL}</b> is the usual mel spectrogram,
<b>{PROPOSED}</b> has as many bins in three bands. Both are turned back into power by
the <b>pseudo-inverse</b>, as in the paper, and by <b>kl</b>, which takes longer and
mostly loses less.</p>
<details><summary>What to listen for, levels, and keys</summary>
<p>“Original magnitude, new phase” is what Griffin–Lim ({N_ITER} iterations) makes of
the original's own spectrogram. Features hold no phase, so that is as good as the
versions after it can be expected to sound. If they all sound alike to you, you need not
be wrong: ViSQOL, which predicts what listeners say, hardly tells them apart. A layout
that sounds broken is added by <code>--allocation 90/5/1</code>.</p>
<p>All versions have the A-weighted level of the original, by the gain in the table.</p>
<p><kbd>Space</kbd> plays and pauses, <kbd>1</kbd> to <kbd>9</kbd> switch, and so do
arrows where a version has the focus; where the position has it, they move it.</p>
</details>
"""


def players(
    document: Mapping[str, Any], excerpts: Sequence[Excerpt], codec: Codec
) -> str:
    """Write all excerpts, and how to listen to them.

    Parameters
    ----------
    document : mapping
        What `skhrmel._report_page.add_report_figures` gives.
    excerpts : sequence of Excerpt
        What can be heard.
    codec : {"flac", "opus"}
        How sound is compressed.

    Returns
    -------
    html : str
        A paragraph and a section an excerpt.
    """
    sections = [
        _player(k, excerpt, document, codec) for k, excerpt in enumerate(excerpts)
    ]
    return _LISTENING + "\n".join(sections)


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
    notes = {track["name"]: track["note"] for track in document["tracks"]}
    note = f" The file: {escape(notes[excerpt.track])}." if notes[excerpt.track] else ""
    figures = metrics_table(document["excerpts"][number]["versions"], number)
    return f"""
<section class="player" aria-labelledby="excerpt-{number}" data-rate="{SR}"
  data-codec="{codec}" data-seconds="{excerpt.seconds:.6f}">
<h3 id="excerpt-{number}">{escape(excerpt.track)}</h3>
<p class="note">{clock(start)} to {clock(end)} min{all_gain}.{note} The kl decoders
have learned of {escape(excerpt.learned)}.</p>
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


def clock(seconds: float) -> str:
    """Write a time as minutes and seconds.

    Parameters
    ----------
    seconds : float
        The time in seconds.

    Returns
    -------
    text : str
        For instance ``"1:02.5"``.
    """
    return f"{int(seconds // 60)}:{seconds % 60:04.1f}"
