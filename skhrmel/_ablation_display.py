"""AblationDisplay: errors of many configurations, by band, and their Pareto front."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from skhrmel._drawing import MARKERS, colour, require_pyplot
from skhrmel.ablation import ERROR_NAMES, TrackResult, stack_errors
from skhrmel.comparison import mean_interval, pareto_front

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

Kind = Literal["bands", "pareto"]

_WORDS = {
    "overall": "overall",
    "low": "low <1.5 kHz",
    "mid": "mid 1.5–6 kHz",
    "high": "high ≥6 kHz",
}


class AblationDisplay:
    """Errors of many configurations on the same tracks.

    Made by `from_results`, `from_json` or `from_cv_results`; all also draw.

    Parameters
    ----------
    names : sequence of str
        Names of the configurations.
    errors : mapping of str to ndarray of shape (n_configurations, n_tracks)
        Errors by what they are of: ``"overall"`` and frequency ranges.

    Attributes
    ----------
    means : dict of str to ndarray of shape (n_configurations,)
        Means over tracks.
    intervals_ : dict of str to ndarray of shape (n_drawn, 2)
        With ``kind="bands"``: 95% bootstrap intervals of the means that are drawn.
    drawn_ : ndarray of int
        With ``kind="bands"``: which configurations are drawn, from top to bottom.
    on_front_ : ndarray of bool, shape (n_configurations,)
        With ``kind="pareto"``: which configurations no other beats in both errors.
    ax_ : matplotlib Axes
        Axes drawn on.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    skhrmel.comparison.paired_difference : Compare two configurations.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from skhrmel import AblationDisplay
    >>> from skhrmel.ablation import Track, measure_tracks, paper_representations
    >>> from skhrmel.datasets import make_music
    >>> clips, styles = make_music(2, duration=1.0)
    >>> tracks = [Track(s, lambda c=c: (c, "")) for s, c in zip(styles, clips)]
    >>> results = list(measure_tracks(tracks, paper_representations()))
    >>> AblationDisplay.from_results(results).errors["low"].shape
    (7, 2)
    """

    intervals_: dict[str, NDArray]
    drawn_: NDArray
    on_front_: NDArray
    ax_: "Axes"
    figure_: "Figure | SubFigure"

    def __init__(self, names: Sequence[str], errors: Mapping[str, NDArray]) -> None:
        self.names = list(names)
        self.errors = dict(errors)
        self.means = {name: values.mean(axis=1) for name, values in errors.items()}

    @classmethod
    def from_results(
        cls,
        results: Sequence[TrackResult],
        *,
        ax: "Axes | None" = None,
        **plot_kw: Any,
    ) -> Self:
        """Draw what `skhrmel.ablation.measure_tracks` has measured.

        Parameters
        ----------
        results : sequence of TrackResult
            The tracks; skipped ones are left out.
        ax : matplotlib Axes or None, default=None
            Axes to draw on; None makes a figure.
        **plot_kw : dict
            Passed to `plot`.

        Returns
        -------
        display : AblationDisplay
            What was drawn.

        Raises
        ------
        ValueError
            If no track was measured.
        ImportError
            If matplotlib is not installed.
        """
        measured = [result for result in results if result.errors]
        if not measured:
            raise ValueError("None of the results has errors: no track was measured.")
        names = list(measured[0].errors)
        stacked = [stack_errors(measured, name) for name in names]
        errors = {
            error: np.array([by_error[error] for by_error in stacked])
            for error in ERROR_NAMES
        }
        return cls(names, errors).plot(ax, **plot_kw)

    @classmethod
    def from_json(
        cls, path: str | Path, *, ax: "Axes | None" = None, **plot_kw: Any
    ) -> Self:
        """Draw a file that ``skhrmel ablate --json`` wrote.

        Parameters
        ----------
        path : path-like
            The file.
        ax : matplotlib Axes or None, default=None
            Axes to draw on; None makes a figure.
        **plot_kw : dict
            Passed to `plot`.

        Returns
        -------
        display : AblationDisplay
            What was drawn.

        Raises
        ------
        ValueError
            If the file is another or holds no track.
        ImportError
            If matplotlib is not installed.
        """
        document = json.loads(Path(path).read_text("utf-8"))
        if not isinstance(document, dict) or "tracks" not in document:
            raise ValueError(f"{path}: not a file that skhrmel ablate --json wrote.")
        results = [
            TrackResult(track["name"], track["seconds"], track["errors"])
            for track in document["tracks"]
        ]
        return cls.from_results(results, ax=ax, **plot_kw)

    @classmethod
    def from_cv_results(
        cls,
        cv_results: Mapping[str, Any],
        *,
        ax: "Axes | None" = None,
        **plot_kw: Any,
    ) -> Self:
        """Draw a search over configurations.

        Parameters
        ----------
        cv_results : mapping
            ``cv_results_`` of a ``GridSearchCV`` whose scores are negative errors, as
            those of `skhrmel.metrics.neg_band_reconstruction_errors` with
            ``cv=LeaveOneGroupOut()`` and a track a group.
        ax : matplotlib Axes or None, default=None
            Axes to draw on; None makes a figure.
        **plot_kw : dict
            Passed to `plot`.

        Returns
        -------
        display : AblationDisplay
            What was drawn.

        Raises
        ------
        ValueError
            If there are no scores of splits, or scores that are not negative errors.
        ImportError
            If matplotlib is not installed.
        """
        marks = [k.removeprefix("split0_test_") for k in cv_results if "split0_t" in k]
        marks = [mark for mark in marks if f"split0_test_{mark}" in cv_results]
        if not marks:
            raise ValueError("cv_results has no split0_test_...: expected cv_results_.")
        errors = {}
        for mark in marks:
            n_splits = sum(
                key.startswith("split") and key.endswith(f"_test_{mark}")
                for key in cv_results
            )
            splits = [cv_results[f"split{k}_test_{mark}"] for k in range(n_splits)]
            scores = np.array(splits, dtype=np.float64).T
            # Written so that NaN, of a fit that failed, is refused as well.
            if not np.all(scores <= 0):
                raise ValueError(
                    f"The scores {mark!r} go from {np.min(scores):g} to "
                    f"{np.max(scores):g}; expected negative errors."
                )
            errors["overall" if mark == "score" else mark] = -scores
        names = [_setting_name(params) for params in cv_results["params"]]
        return cls(names, errors).plot(ax, **plot_kw)

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        kind: Kind = "bands",
        x: str = "low",
        y: str = "high",
        max_configurations: int = 20,
    ) -> Self:
        """Draw errors by band, or two errors against each other.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to draw on; None makes a figure.
        kind : {"bands", "pareto"}, default="bands"
            ``"bands"`` draws the mean of each error with its 95% bootstrap interval
            over tracks, a row a configuration. ``"pareto"`` draws a point a
            configuration, and joins those that no other beats in both errors: what is
            not on the front costs error in one range and gains none in the other.
        x, y : str, default="low" and "high"
            With ``"pareto"``: names of the errors on the axes.
        max_configurations : int, default=20
            With ``"bands"``: of more, those with the lowest first error are drawn.

        Returns
        -------
        display : AblationDisplay
            This display, with `ax_` and `figure_`.

        Raises
        ------
        ValueError
            If `kind` or an error is unknown.
        ImportError
            If matplotlib is not installed.
        """
        if kind not in ("bands", "pareto"):
            raise ValueError(f"kind must be 'bands' or 'pareto', got {kind!r}.")
        pyplot = require_pyplot(f"{type(self).__name__}.plot")
        if kind == "bands":
            first = self.means[next(iter(self.means))]
            best = np.argsort(first, kind="stable")[:max_configurations]
            # In the order in which they came.
            self.drawn_ = np.sort(best)
            if ax is None:
                height = 1.5 + 0.45 * len(self.drawn_)
                _, ax = pyplot.subplots(figsize=(8, height), layout="constrained")
            self._plot_bands(ax)
        else:
            for name, value in (("x", x), ("y", y)):
                if value not in self.means:
                    raise ValueError(
                        f"{name} must be one of {list(self.means)}, got {value!r}."
                    )
            if ax is None:
                _, ax = pyplot.subplots(figsize=(7, 5), layout="constrained")
            self._plot_front(ax, x, y)
        self.ax_ = ax
        self.figure_ = ax.figure
        return self

    def _plot_bands(self, ax: "Axes") -> None:
        rows = np.arange(len(self.drawn_))
        self.intervals_ = {}
        for k, (name, values) in enumerate(self.errors.items()):
            shown = values[self.drawn_]
            intervals = np.array([mean_interval(errors) for errors in shown])
            self.intervals_[name] = intervals
            means = shown.mean(axis=1)
            # A single track has no interval. The bootstrap's contains the mean.
            below = np.nan_to_num(means - intervals[:, 0]).clip(min=0)
            above = np.nan_to_num(intervals[:, 1] - means).clip(min=0)
            ax.errorbar(
                means,
                rows + 0.16 * (k - (len(self.errors) - 1) / 2),
                xerr=[below, above],
                color=colour(k),
                marker=MARKERS[k % len(MARKERS)],
                linestyle="none",
                markersize=5,
                capsize=2,
                elinewidth=1,
                label=_WORDS.get(name, name),
            )
        ax.axvline(1, color="0.5", linestyle="--", linewidth=1)
        ax.set_yticks(rows, labels=[self.names[k] for k in self.drawn_])
        ax.set_ylim(len(rows) - 0.5, -0.5)
        ax.set_xlim(left=0)
        ax.set_xlabel(
            "Relative error: mean over tracks and 95% interval (1: as silence)"
        )
        ax.grid(axis="x", alpha=0.3)
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, frameon=False)

    def _plot_front(self, ax: "Axes", x: str, y: str) -> None:
        points = np.column_stack([self.means[x], self.means[y]])
        # Compressions differ by what float32 rounds, which beats nothing.
        self.on_front_ = pareto_front(points.round(6))
        front = np.flatnonzero(self.on_front_)
        front = front[np.lexsort(points[front, ::-1].T)]
        beaten = np.flatnonzero(~self.on_front_)
        ax.plot(
            *points[beaten].T, "o", color="0.5", markerfacecolor="none", label="beaten"
        )
        # Steps: between two points of the front nothing was measured.
        ax.plot(
            *points[front].T,
            color=colour(0),
            marker="o",
            drawstyle="steps-post",
            label="Pareto front",
        )
        labels: dict[tuple[float, float], list[str]] = {}
        if len(points) <= 20:
            for k, point in enumerate(points):
                # What prints the same lies in the same place.
                place = (round(point[0], 4), round(point[1], 4))
                labels.setdefault(place, []).append(self.names[k])
        middle = (points[:, 0].min() + points[:, 0].max()) / 2
        for place, together in labels.items():
            ax.annotate(
                ", ".join(together),
                place,
                # Into the axes on either side.
                xytext=(-5, 5) if place[0] > middle else (5, 5),
                ha="right" if place[0] > middle else "left",
                textcoords="offset points",
                fontsize="small",
            )
        ax.margins(x=0.1, y=0.12)
        ax.set_xlabel(f"Relative error, {_WORDS.get(x, x)}")
        ax.set_ylabel(f"Relative error, {_WORDS.get(y, y)}")
        ax.grid(alpha=0.3)
        ax.legend(loc="upper right")


def _setting_name(params: Mapping[str, Any]) -> str:
    """Write the parameters of a candidate shortly."""
    parts = []
    for name, value in params.items():
        text = str(value)
        if isinstance(value, tuple):
            mark = "," if name.endswith("band_edges") else "/"
            text = mark.join(
                f"{v:g}" if isinstance(v, float) else str(v) for v in value
            )
        parts.append(f"{name.rsplit('__', 1)[-1]}={text}")
    return ", ".join(parts) or "default"
