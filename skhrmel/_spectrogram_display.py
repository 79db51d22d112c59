"""SpectrogramDisplay: power or features over time and frequency."""

from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array

from skhrmel._drawing import (
    FrequencyScale,
    decibels,
    require_pyplot,
    set_frequency_axis,
)
from skhrmel._plotted import plotted_frames
from skhrmel.filterbank import BandLayout

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure, SubFigure

What = Literal["features", "reconstruction"]

# More than the pixels of any notebook; each column drawn is the mean of its frames.
_MAX_COLUMNS = 1500


class SpectrogramDisplay:
    """Power or features over time and frequency, on a true axis of Hz.

    Made by `from_estimator` or `from_power`; both also draw. A feature is drawn where
    its filter is larger than its neighbours: neighbouring filters cross in the middle
    between their centres, and the outermost end at the edges of their band. So every
    feature lies at its frequencies, across the joins of bands, too.

    Parameters
    ----------
    values : ndarray of shape (n_frames, n_rows)
        Features or levels, one frame a row.
    frequency_edges : ndarray of shape (n_rows + 1,)
        Where each row of the picture begins, and where the last ends, in Hz.
    frame_seconds : float
        Distance of neighbouring frames in seconds. A frame is drawn around its time.
    band_edges : sequence of float, default=()
        Edges of bands in Hz; the inner ones are marked.
    label : str, default="Level (dB)"
        What the values are, with their unit.

    Attributes
    ----------
    mesh_ : QuadMesh
        The cells.
    ax_ : matplotlib Axes
        Axes drawn on.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    ReconstructionDisplay : Original and reconstruction beside each other.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from skhrmel import AudioFrontEnd, SpectrogramDisplay
    >>> from skhrmel.datasets import make_music
    >>> clips, _ = make_music(1, duration=2.0)
    >>> front_end = AudioFrontEnd().fit(clips)
    >>> SpectrogramDisplay.from_estimator(front_end, clips[0]).values.shape
    (201, 96)
    """

    mesh_: "QuadMesh"
    ax_: "Axes"
    figure_: "Figure | SubFigure"

    def __init__(
        self,
        values: NDArray,
        *,
        frequency_edges: NDArray,
        frame_seconds: float,
        band_edges: Any = (),
        label: str = "Level (dB)",
    ) -> None:
        self.values = values
        self.frequency_edges = frequency_edges
        self.frame_seconds = frame_seconds
        self.band_edges = band_edges
        self.label = label

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        what: What = "features",
        hop_length: int = 441,
        dynamic_range: float = 80.0,
        frequency_scale: FrequencyScale = "symlog",
        ax: "Axes | None" = None,
        **plot_kw: Any,
    ) -> Self:
        """Draw the features of frames or of a clip, or the power made of them.

        Parameters
        ----------
        estimator : estimator
            A fitted `HRMelTransformer`, `LogMelTransformer` or `AudioFrontEnd` of one.
        X : array-like of shape (n_frames, n_freqs), or a clip
            Power-spectrum frames for a transformer; one clip, a path for instance, for
            a front end.
        what : {"features", "reconstruction"}, default="features"
            Features as they are, of which bands with different compressions do not
            share a unit, or the level of the reconstructed power.
        hop_length : int, default=441
            Distance of neighbouring frames in samples; a front end has its own.
        dynamic_range : float, default=80.0
            Lowest level of power shown, in dB below the highest.
        frequency_scale : {"symlog", "log", "linear"}, default="symlog"
            As for `plot`.
        ax : matplotlib Axes or None, default=None
            Axes to draw on; None makes a figure.
        **plot_kw : dict
            Passed to `plot`.

        Returns
        -------
        display : SpectrogramDisplay
            What was drawn.

        Raises
        ------
        ValueError
            If `what` is unknown, or a front end keeps several channels.
        ImportError
            If matplotlib is not installed.
        """
        if what not in ("features", "reconstruction"):
            raise ValueError(
                f"what must be 'features' or 'reconstruction', got {what!r}."
            )
        transformer, power, hop_length = plotted_frames(estimator, X, hop_length)
        layout = transformer._layout()
        features = transformer.transform(power)
        if what == "reconstruction":
            return cls.from_power(
                transformer.inverse_transform(features),
                sr=layout.sr,
                hop_length=hop_length,
                band_edges=layout.band_edges,
                dynamic_range=dynamic_range,
                frequency_scale=frequency_scale,
                ax=ax,
                **plot_kw,
            )
        display = cls(
            features,
            frequency_edges=feature_edges(layout),
            frame_seconds=hop_length / layout.sr,
            band_edges=layout.band_edges,
            label="Feature",
        )
        return display.plot(ax, frequency_scale=frequency_scale, **plot_kw)

    @classmethod
    def from_power(
        cls,
        power: ArrayLike,
        *,
        sr: float = 44100,
        hop_length: int = 441,
        band_edges: Any = (),
        reference: float | None = None,
        dynamic_range: float = 80.0,
        frequency_scale: FrequencyScale = "symlog",
        ax: "Axes | None" = None,
        **plot_kw: Any,
    ) -> Self:
        """Draw the level of power-spectrum frames.

        Parameters
        ----------
        power : array-like of shape (n_frames, n_freqs)
            Power-spectrum frames.
        sr : float, default=44100
            Sampling rate in Hz.
        hop_length : int, default=441
            Distance of neighbouring frames in samples.
        band_edges : sequence of float, default=()
            Edges of bands in Hz; the inner ones are marked.
        reference : float or None, default=None
            Power of 0 dB; None is the largest.
        dynamic_range : float, default=80.0
            Lowest level shown, in dB below the reference.
        frequency_scale : {"symlog", "log", "linear"}, default="symlog"
            As for `plot`.
        ax : matplotlib Axes or None, default=None
            Axes to draw on; None makes a figure.
        **plot_kw : dict
            Passed to `plot`.

        Returns
        -------
        display : SpectrogramDisplay
            What was drawn.

        Raises
        ------
        ValueError
            If power is negative or not finite, or `dynamic_range` not positive.
        ImportError
            If matplotlib is not installed.
        """
        frames = check_array(
            power,
            dtype=[np.float64, np.float32],
            ensure_non_negative=True,
            ensure_min_features=2,
            input_name="power",
        )
        if reference is None:
            reference = float(frames.max())
        display = cls(
            decibels(frames, reference, dynamic_range),
            frequency_edges=fft_bin_edges(sr, frames.shape[1]),
            frame_seconds=hop_length / sr,
            band_edges=band_edges,
            label="Level (dB)",
        )
        style = {"vmin": -dynamic_range, "vmax": 0.0, **plot_kw}
        return display.plot(ax, frequency_scale=frequency_scale, **style)

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        frequency_scale: FrequencyScale = "symlog",
        colorbar: bool = True,
        **mesh_kw: Any,
    ) -> Self:
        """Draw the cells.

        Of more than 1500 frames, neighbouring ones are averaged for the picture.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to draw on; None makes a figure.
        frequency_scale : {"symlog", "log", "linear"}, default="symlog"
            Axis of Hz; ``"symlog"`` is linear below 1 kHz.
        colorbar : bool, default=True
            Whether to add a bar of the colours.
        **mesh_kw : dict
            Passed to ``ax.pcolormesh``.

        Returns
        -------
        display : SpectrogramDisplay
            This display, with `ax_`, `figure_` and `mesh_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        pyplot = require_pyplot(f"{type(self).__name__}.plot")
        if ax is None:
            _, ax = pyplot.subplots(figsize=(8, 3), layout="constrained")
        columns, first_frames = _at_most(self.values, _MAX_COLUMNS)
        # A frame is centred on its time.
        times = (first_frames - 0.5) * self.frame_seconds
        style = {"cmap": "viridis", "rasterized": True, "shading": "flat", **mesh_kw}
        self.mesh_ = ax.pcolormesh(times, self.frequency_edges, columns.T, **style)
        low, high = self.frequency_edges[[0, -1]]
        set_frequency_axis(ax, "y", frequency_scale, low, high)
        for edge in list(self.band_edges)[1:-1]:
            ax.axhline(edge, color="white", linestyle=":", linewidth=1)
        ax.set_xlim(max(0.0, times[0]), times[-1])
        ax.set_xlabel("Time (s)")
        if colorbar:
            ax.figure.colorbar(self.mesh_, ax=ax, label=self.label)
        self.ax_ = ax
        self.figure_ = ax.figure
        return self


def feature_edges(layout: BandLayout) -> NDArray:
    """Find where features lie: between which frequencies each filter is the largest.

    Parameters
    ----------
    layout : BandLayout
        The bands.

    Returns
    -------
    edges : ndarray of shape (n_mels + 1,)
        In Hz: the edges of the bands, and between them the middles between centres,
        where triangles of the same height cross.
    """
    centres = layout.frequencies()
    edges = [np.array(layout.band_edges[:1])]
    for high, filters in zip(layout.band_edges[1:], layout.band_slices, strict=True):
        within = centres[filters]
        edges += [(within[:-1] + within[1:]) / 2, np.array([high])]
    return np.concatenate(edges)


def fft_bin_edges(sr: float, n_freqs: int) -> NDArray:
    """Find the middles between FFT bins.

    Parameters
    ----------
    sr : float
        Sampling rate in Hz.
    n_freqs : int
        Number of bins, from 0 Hz to ``sr / 2``.

    Returns
    -------
    edges : ndarray of shape (n_freqs + 1,)
        In Hz; the outermost bins end at 0 and ``sr / 2``.
    """
    edges = (np.arange(n_freqs + 1) - 0.5) * sr / (2 * (n_freqs - 1))
    edges[[0, -1]] = 0.0, sr / 2
    return edges


def _at_most(values: NDArray, n_columns: int) -> tuple[NDArray, NDArray]:
    """Average neighbouring frames; also give the first frame of each, and the end."""
    n_joined = -(-len(values) // n_columns)
    starts = np.arange(0, len(values), n_joined)
    edges = np.append(starts, len(values))
    if n_joined == 1:
        return values, edges
    sums = np.add.reduceat(values, starts, axis=0, dtype=np.float64)
    return sums / np.diff(edges)[:, None], edges
