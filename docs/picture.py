"""Make the picture at the top of README.md: filters, and what they lose.

``python docs/picture.py [ERRORS.json [PICTURE.png]]``, or ``make picture``. The errors
are those that ``skhrmel ablate --json`` wrote: docs/measured/errors.json unless another
file is named.
"""

import json
import sys
from itertools import pairwise
from pathlib import Path

import matplotlib

matplotlib.use("agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from skhrmel import FilterBankDisplay
from skhrmel._drawing import colour
from skhrmel.filterbank import BandLayout

DOCS = Path(__file__).parent

LAYOUTS = {
    "Log-Mel-96": BandLayout(44100, (0, 20000), (96,)),
    "HR-Mel 40/32/24": BandLayout(44100, (0, 1500, 6000, 20000), (40, 32, 24)),
}
RANGES = {
    "overall": "overall",
    "low": "below\n1.5 kHz",
    "mid": "1.5 to\n6 kHz",
    "high": "6 kHz\nand above",
}
SHADES = ("0.62", colour(0))


def draw(document: dict) -> plt.Figure:
    """Draw filters on the left and errors on the right.

    Parameters
    ----------
    document : dict
        What ``skhrmel ablate --json`` wrote.

    Returns
    -------
    figure : matplotlib Figure
        The picture.
    """
    figure = plt.figure(figsize=(8.6, 4), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(4.8, 3.8))
    axes = left.subplots(2, sharex=True)
    for ax, (name, layout) in zip(axes, LAYOUTS.items(), strict=True):
        _draw_filters(ax, name, layout)
    axes[0].set_xlabel("")
    _draw_errors(right.subplots(), document["summary"])
    return figure


def _draw_filters(ax: Axes, name: str, layout: BandLayout) -> None:
    display = FilterBankDisplay.from_layout(layout, ax=ax, linewidth=0.6)
    ax.get_legend().remove()
    ax.set(yticks=[], ylabel="", ylim=(0, 1.3), xlim=(0, 20000))
    ax.set_title(f"{name}: {len(display.lines_)} filters", loc="left", fontsize=11)
    # How many filters have their centre in each range that errors are measured in.
    centres = layout.frequencies()
    edges = LAYOUTS["HR-Mel 40/32/24"].band_edges
    for low, high in pairwise(edges):
        inside = int(((centres >= low) & (centres < high)).sum())
        middle = sum(ax.transData.transform([(low, 0), (high, 0)])[:, 0]) / 2
        at = ax.transData.inverted().transform((middle, 0))[0]
        ax.text(at, 1.13, inside, ha="center", va="center", fontsize=10)
        if low > 0:
            ax.axvline(low, color="0.3", linewidth=0.8, linestyle=":")


def _draw_errors(ax: Axes, summary: dict) -> None:
    for number, (name, shade) in enumerate(zip(LAYOUTS, SHADES, strict=True)):
        errors = [summary[name][key]["mean"] for key in RANGES]
        places = [x + 0.4 * (number - 0.5) for x in range(len(RANGES))]
        bars = ax.bar(places, errors, 0.37, color=shade, label=name)
        ax.bar_label(bars, fmt="%.2f", fontsize=9, padding=1)
    ax.set_xticks(range(len(RANGES)), RANGES.values())
    ax.set(ylim=(0, 1), yticks=[0, 0.5, 1], ylabel="Relative error of the power")
    ax.set_title("What is lost", loc="left", fontsize=11)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(loc="upper left", frameon=False, fontsize=9)


def main() -> None:
    """Write the picture."""
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS / "measured/errors.json"
    target = Path(sys.argv[2]) if len(sys.argv) > 2 else DOCS / "picture.png"
    figure = draw(json.loads(source.read_text("utf-8")))
    # Without a date or version inside, so that the same figures make the same file.
    figure.savefig(target, dpi=140, metadata={"Software": None})


if __name__ == "__main__":
    main()
