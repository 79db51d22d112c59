"""Plots inside a page: SVG whose text and lines take the page's colour."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numpy.typing import NDArray

from skhrmel._drawing import require_pyplot
from skhrmel._spectrogram_display import SpectrogramDisplay

#: Where the axes of a spectrogram lie in their picture: left end and width.
SPECTROGRAM_LEFT, SPECTROGRAM_WIDTH = 0.12, 0.86
# A colour that is used for nothing else, and becomes the page's.
_INK = "#010203"
_STYLE = {
    "text.color": _INK,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "legend.facecolor": "none",
    "savefig.facecolor": "none",
    # Text stays text, which is small, sharp and can be found.
    "svg.fonttype": "none",
    "svg.hashsalt": "skhrmel",
    "font.family": "sans-serif",
}


@contextmanager
def page_style() -> Iterator[Any]:
    """Let figures that are made inside take the style of the page.

    Yields
    ------
    pyplot : module
        ``matplotlib.pyplot``. Figures are closed at the end.
    """
    pyplot = require_pyplot("skhrmel report")
    before = set(pyplot.get_fignums())
    with pyplot.rc_context(_STYLE):
        try:
            yield pyplot
        finally:
            for number in set(pyplot.get_fignums()) - before:
                pyplot.close(number)


def as_svg(figure: Any, prefix: str, *, dpi: int = 110) -> str:
    """Write a figure as an element of a page.

    Parameters
    ----------
    figure : matplotlib Figure
        The figure, made within `page_style`.
    prefix : str
        What makes the names inside unique on the page.
    dpi : int, default=110
        Resolution of the parts that are pixels.

    Returns
    -------
    svg : str
        The element.
    """
    buffer = io.StringIO()
    # No date and no program: the same figures give the same page.
    metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(buffer, format="svg", dpi=dpi, metadata=metadata)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :].replace(_INK, "currentColor")
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{prefix}-", svg)
    # A description stands beside it.
    return svg.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)


def spectrogram(power: NDArray, reference: float, sr: float, hop_length: int) -> Any:
    """Draw a spectrogram whose place in the picture is known.

    Parameters
    ----------
    power : ndarray of shape (n_frames, n_freqs)
        Power-spectrum frames.
    reference : float
        Power of 0 dB.
    sr : float
        Sampling rate in Hz.
    hop_length : int
        Distance of neighbouring frames in samples.

    Returns
    -------
    figure : matplotlib Figure
        The figure; time 0 to the end of the last frame fills the axes.
    """
    pyplot = require_pyplot("skhrmel report")
    figure = pyplot.figure(figsize=(5.6, 2.3))
    ax = figure.add_axes((SPECTROGRAM_LEFT, 0.2, SPECTROGRAM_WIDTH, 0.77))
    SpectrogramDisplay.from_power(
        power, sr=sr, hop_length=hop_length, reference=reference, ax=ax, colorbar=False
    )
    ax.set_xlim(0, (len(power) - 1) * hop_length / sr)
    return figure
