"""Layouts that no other beats in every analysis band, drawn."""

from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skhrmel._band_errors import layout_errors
from skhrmel._drawing import MARKERS, colour, require_pyplot
from skhrmel._layout_cv import HRMelTransformerCV
from skhrmel._transformers import HRMelTransformer, LogMelTransformer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Errors above are left out: 1 is as bad as silence.
_MOST_ERROR = 1.2


def plot_front(search: HRMelTransformerCV) -> "Figure":
    """Draw the Pareto front of a search, the layout chosen, and what is usual.

    Errors are those of the search: before clipping, roots of means over tracks of
    squared relative errors.

    Parameters
    ----------
    search : HRMelTransformerCV
        A fitted search, of three analysis bands.

    Returns
    -------
    figure : matplotlib Figure
        Axes for each pair of analysis bands. Errors above 1.2, where 1 is as bad as
        silence, are beyond the axes.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    pyplot = require_pyplot("skhrmel optimize --plot")
    names = list(search._problem.criteria.bands)
    front = np.array([list(x["errors"].values()) for x in search.pareto_front_])
    marked = _marked(search)
    pairs = list(combinations(range(len(names)), 2))
    figure, axes = pyplot.subplots(
        1, len(pairs), figsize=(4.2 * len(pairs), 4.2), layout="constrained"
    )
    for ax, (x, y) in zip(axes, pairs, strict=True):
        _draw_pair(ax, front[:, [x, y]], {n: e[[x, y]] for n, e in marked.items()})
        ax.set_xlabel(f"Relative error, {_range_of(search, x)}")
        ax.set_ylabel(f"Relative error, {_range_of(search, y)}")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, frameon=False)
    return figure


def _marked(search: HRMelTransformerCV) -> dict[str, NDArray]:
    """Errors of the layout chosen and of the usual ones, before clipping."""
    sr, n_mels = search.sr, search.total_mels
    representations: dict[str, Any] = {
        "chosen": search.transformer_,
        "HR-Mel 40/32/24": HRMelTransformer(sr),
        f"Log-Mel-{n_mels}": LogMelTransformer(sr, n_mels=n_mels),
    }
    moments, n_bands = search._moments, search._problem.criteria.n_bands
    means = moments.means()
    return {
        name: np.sqrt(layout_errors(means, moments.weights, r._layout())[:n_bands])
        for name, r in representations.items()
    }


def _range_of(search: HRMelTransformerCV, number: int) -> str:
    low, high = list(search._problem.criteria.bands.values())[number]
    return f"{low:g} to {min(high, search.sr / 2):g} Hz"


def _draw_pair(ax: "Axes", front: NDArray, marked: dict[str, NDArray]) -> None:
    ax.plot(*front.T, "o", color="0.6", markersize=4, label="no other beats it")
    for k, (name, errors) in enumerate(marked.items()):
        ax.plot(*errors, MARKERS[k], color=colour(k), markersize=9, label=name)
    ax.set_xlim(0, _MOST_ERROR)
    ax.set_ylim(0, _MOST_ERROR)
    ax.grid(alpha=0.3)
