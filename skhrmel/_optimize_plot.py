"""Layouts that no other beats in every analysis band, drawn."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skhrmel._band_errors import layout_errors
from skhrmel._drawing import MARKERS, colour, require_pyplot
from skhrmel._layout_cv import HRMelTransformerCV
from skhrmel._transformers import HRMelTransformer, LogMelTransformer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.figure import Figure

# Analysis bands on the axes, and the one that the shade tells.
_PAIRS = (0, 1, 2), (0, 2, 1), (1, 2, 0)
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
        Axes for each pair of analysis bands, with the third as the shade. Errors above
        1.2, where 1 is as bad as silence, are beyond the axes.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    pyplot = require_pyplot("skhrmel optimize --plot")
    front = np.array([list(x["errors"].values()) for x in search.pareto_front_])
    marked = _marked(search)
    figure, axes = pyplot.subplots(1, 3, figsize=(13.2, 4.2), layout="constrained")
    for ax, (x, y, other) in zip(axes, _PAIRS, strict=True):
        points = _draw_front(ax, front[:, [x, y, other]])
        for k, (name, errors) in enumerate(marked.items()):
            style = {"color": colour(k), "markeredgecolor": "white"}
            ax.plot(*errors[[x, y]], MARKERS[k], markersize=9, label=name, **style)
        ax.set_xlabel(f"Relative error, {_range_of(search, x)}")
        ax.set_ylabel(f"Relative error, {_range_of(search, y)}")
        ax.set_title(f"shade: {_range_of(search, other)}", size="medium")
    figure.colorbar(points, ax=axes, label="Relative error in the other range")
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


def _draw_front(ax: "Axes", errors: NDArray) -> "PathCollection":
    """Draw layouts by two errors, shaded by a third, what is good in it on top."""
    x, y, other = errors[np.argsort(-errors[:, 2])].T
    points: PathCollection = ax.scatter(
        x,
        y,
        s=8,
        c=other,
        cmap="Greys_r",
        vmin=0,
        vmax=_MOST_ERROR,
        label="no other beats it",
    )
    ax.set_xlim(0, _MOST_ERROR)
    ax.set_ylim(0, _MOST_ERROR)
    ax.grid(alpha=0.3)
    return points
