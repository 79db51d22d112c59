"""FilterBankDisplay: the filters of a representation over frequency."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from skhrmel._drawing import (
    FrequencyScale,
    colour,
    require_pyplot,
    set_frequency_axis,
)
from skhrmel._plotted import frame_transformer
from skhrmel.filterbank import BandLayout, fft_frequencies

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.lines import Line2D


class FilterBankDisplay:
    """Mel filters over frequency, each band in its colour.

    Made by `from_estimator` or `from_layout`; both also draw. The filters are drawn as
    they are applied, at the bins of the FFT: where they are narrower than a few bins,
    they are no longer triangles.

    Parameters
    ----------
    frequencies : ndarray of shape (n_freqs,)
        Frequencies of the FFT bins in Hz.
    mel_basis : ndarray of shape (n_mels, n_freqs)
        The filters, one a row, band after band.
    band_edges : sequence of float
        Edges of the adjoining bands in Hz.
    n_mels : sequence of int
        Number of filters in each band.

    Attributes
    ----------
    lines_ : list of Line2D
        One line for each filter.
    ax_ : matplotlib Axes
        Axes drawn on.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    SpectrogramDisplay : What the filters give.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from skhrmel import FilterBankDisplay
    >>> from skhrmel.filterbank import BandLayout
    >>> layout = BandLayout(44100, (0, 1500, 6000, 20000), (40, 32, 24))
    >>> display = FilterBankDisplay.from_layout(layout)
    >>> len(display.lines_)
    96
    """

    lines_: "list[Line2D]"
    ax_: "Axes"
    figure_: "Figure | SubFigure"

    def __init__(
        self,
        frequencies: NDArray,
        mel_basis: NDArray,
        *,
        band_edges: Sequence[float],
        n_mels: Sequence[int],
    ) -> None:
        self.frequencies = frequencies
        self.mel_basis = mel_basis
        self.band_edges = band_edges
        self.n_mels = n_mels

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        normalize: bool = True,
        frequency_scale: FrequencyScale = "symlog",
        ax: "Axes | None" = None,
        **line_kw: Any,
    ) -> Self:
        """Draw the filters of a fitted transformer or front end.

        Parameters
        ----------
        estimator : estimator
            A fitted `HRMelTransformer`, `LogMelTransformer` or `AudioFrontEnd` of one.
        normalize : bool, default=True
            As for `plot`.
        frequency_scale : {"symlog", "log", "linear"}, default="symlog"
            As for `plot`.
        ax : matplotlib Axes or None, default=None
            Axes to draw on; None makes a figure.
        **line_kw : dict
            Passed to ``ax.plot``.

        Returns
        -------
        display : FilterBankDisplay
            What was drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        transformer = frame_transformer(estimator)
        check_is_fitted(transformer)
        return cls.from_layout(
            transformer._layout(),
            n_fft=transformer.n_fft_,
            normalize=normalize,
            frequency_scale=frequency_scale,
            ax=ax,
            **line_kw,
        )

    @classmethod
    def from_layout(
        cls,
        layout: BandLayout,
        *,
        n_fft: int = 2048,
        normalize: bool = True,
        frequency_scale: FrequencyScale = "symlog",
        ax: "Axes | None" = None,
        **line_kw: Any,
    ) -> Self:
        """Draw the filters of a layout.

        Parameters
        ----------
        layout : BandLayout
            The bands and their bins.
        n_fft : int, default=2048
            Length of the FFT in samples.
        normalize : bool, default=True
            As for `plot`.
        frequency_scale : {"symlog", "log", "linear"}, default="symlog"
            As for `plot`.
        ax : matplotlib Axes or None, default=None
            Axes to draw on; None makes a figure.
        **line_kw : dict
            Passed to ``ax.plot``.

        Returns
        -------
        display : FilterBankDisplay
            What was drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        display = cls(
            fft_frequencies(layout.sr, n_fft),
            layout.basis(n_fft),
            band_edges=layout.band_edges,
            n_mels=layout.n_mels,
        )
        return display.plot(
            ax, normalize=normalize, frequency_scale=frequency_scale, **line_kw
        )

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        normalize: bool = True,
        frequency_scale: FrequencyScale = "symlog",
        **line_kw: Any,
    ) -> Self:
        """Draw the filters.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to draw on; None makes a figure.
        normalize : bool, default=True
            Whether every filter is drawn with a peak of 1. Filters of the same area,
            ``norm="slaney"``, are forty times lower at 15 kHz than in the bass.
        frequency_scale : {"symlog", "log", "linear"}, default="symlog"
            Axis of Hz; ``"symlog"`` is linear below 1 kHz.
        **line_kw : dict
            Passed to ``ax.plot``.

        Returns
        -------
        display : FilterBankDisplay
            This display, with `ax_`, `figure_` and `lines_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        pyplot = require_pyplot(f"{type(self).__name__}.plot")
        if ax is None:
            _, ax = pyplot.subplots(figsize=(8, 3), layout="constrained")
        weights = self.mel_basis
        if normalize:
            peaks = weights.max(axis=1, keepdims=True)
            weights = weights / np.where(peaks > 0, peaks, 1)
        bands = np.repeat(np.arange(len(self.n_mels)), self.n_mels)
        drawn = set()
        self.lines_ = []
        for filter_weights, band in zip(weights, bands.tolist(), strict=True):
            # The bins next to the filter show where it reaches zero.
            inside = np.flatnonzero(filter_weights)
            shown = slice(max(inside.min(initial=1) - 1, 0), inside.max(initial=0) + 2)
            style = {"color": colour(band), "linewidth": 1.0, **line_kw}
            label = None if band in drawn else self._band_label(band)
            drawn.add(band)
            self.lines_ += ax.plot(
                self.frequencies[shown], filter_weights[shown], label=label, **style
            )
        for edge in self.band_edges[1:-1]:
            ax.axvline(edge, color="0.5", linestyle=":", linewidth=1)
        set_frequency_axis(ax, "x", frequency_scale, 0.0, float(self.frequencies[-1]))
        ax.set_ylim(bottom=0)
        ax.set_ylabel("Weight relative to peak" if normalize else "Weight")
        # Above, since filters are everywhere.
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, frameon=False)
        self.ax_ = ax
        self.figure_ = ax.figure
        return self

    def _band_label(self, band: int) -> str:
        low, high = self.band_edges[band : band + 2]
        return f"{low:g}–{high:g} Hz: {self.n_mels[band]} bins"
