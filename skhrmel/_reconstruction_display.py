"""ReconstructionDisplay: what a representation keeps and loses of a spectrogram."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skhrmel._drawing import (
    COLOURS,
    FrequencyScale,
    decibels,
    require_pyplot,
    set_frequency_axis,
)
from skhrmel._error_spectrum import PAPER_BANDS, ErrorSpectrum, check_pair
from skhrmel._plotted import plotted_frames
from skhrmel._spectrogram_display import SpectrogramDisplay, fft_bin_edges
from skhrmel.filterbank import fft_frequencies

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

# Levels that differ by more are drawn alike, dB.
_MOST_DIFFERENCE = 30.0


class ReconstructionDisplay:
    """Original, reconstruction, their difference in dB, and the error by frequency.

    Made by `from_estimator` or `from_predictions`; both also draw. Both levels are
    relative to the loudest of the original, so that their colours compare.

    Parameters
    ----------
    power : ndarray of shape (n_frames, n_freqs)
        Original power-spectrum frames.
    reconstruction : ndarray of shape (n_frames, n_freqs)
        Reconstructed frames.
    sr : float
        Sampling rate in Hz.
    hop_length : int
        Distance of neighbouring frames in samples.
    dynamic_range : float, default=80.0
        Lowest level shown, in dB below the loudest of the original.

    Attributes
    ----------
    difference : ndarray of shape (n_frames, n_freqs)
        Level of the reconstruction less that of the original in dB, both raised to the
        end of the dynamic range; positive where there is too much.
    frequency_errors : ndarray of shape (n_freqs,)
        Relative Frobenius error of each FFT bin; NaN where the original is silent.
    band_errors : dict of str to float
        That of the paper's frequency ranges.
    relative_error : float
        That of all frequencies.
    ax_ : ndarray of Axes, shape (4,)
        Axes of the original, the reconstruction, the difference and the error.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    skhrmel.metrics.relative_error : The error.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from skhrmel import AudioFrontEnd, ReconstructionDisplay
    >>> from skhrmel.datasets import make_music
    >>> clips, _ = make_music(1, duration=2.0)
    >>> front_end = AudioFrontEnd().fit(clips)
    >>> display = ReconstructionDisplay.from_estimator(front_end, clips[0])
    >>> bool(display.relative_error < 0.5)
    True
    """

    ax_: NDArray
    figure_: "Figure | SubFigure"

    def __init__(
        self,
        power: NDArray,
        reconstruction: NDArray,
        *,
        sr: float,
        hop_length: int,
        dynamic_range: float = 80.0,
    ) -> None:
        self.power = power
        self.reconstruction = reconstruction
        self.sr = sr
        self.hop_length = hop_length
        self.dynamic_range = dynamic_range
        reference = float(power.max())
        self.difference = decibels(reconstruction, reference, dynamic_range)
        self.difference -= decibels(power, reference, dynamic_range)
        spectrum = ErrorSpectrum.between(power, reconstruction)
        energy = np.where(spectrum.energy > 0, spectrum.energy, np.nan)
        self.frequency_errors = np.sqrt(spectrum.squared_error / energy)
        # At low sampling rates there is nothing in the highest.
        bands = {n: r for n, r in PAPER_BANDS.items() if r[0] <= sr / 2}
        self.band_errors = spectrum.band_relative_errors(sr=sr, bands=bands)
        self.relative_error = spectrum.relative_error()

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        hop_length: int = 441,
        dynamic_range: float = 80.0,
        frequency_scale: FrequencyScale = "symlog",
        ax: Any = None,
    ) -> Self:
        """Represent and reconstruct, then draw.

        Parameters
        ----------
        estimator : estimator
            A fitted `HRMelTransformer`, `LogMelTransformer` or `AudioFrontEnd` of one.
        X : array-like of shape (n_frames, n_freqs), or a clip
            Power-spectrum frames for a transformer; one clip, a path for instance, for
            a front end.
        hop_length : int, default=441
            Distance of neighbouring frames in samples; a front end has its own.
        dynamic_range : float, default=80.0
            Lowest level shown, in dB below the loudest of the original.
        frequency_scale : {"symlog", "log", "linear"}, default="symlog"
            Axis of Hz.
        ax : sequence of 4 matplotlib Axes or None, default=None
            Axes to draw on; None makes a figure.

        Returns
        -------
        display : ReconstructionDisplay
            What was drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        transformer, power, hop_length = plotted_frames(estimator, X, hop_length)
        reconstruction = transformer.inverse_transform(transformer.transform(power))
        return cls.from_predictions(
            power,
            reconstruction,
            sr=transformer.sr,
            hop_length=hop_length,
            dynamic_range=dynamic_range,
            frequency_scale=frequency_scale,
            ax=ax,
        )

    @classmethod
    def from_predictions(
        cls,
        S: ArrayLike,
        S_hat: ArrayLike,
        *,
        sr: float = 44100,
        hop_length: int = 441,
        dynamic_range: float = 80.0,
        frequency_scale: FrequencyScale = "symlog",
        ax: Any = None,
    ) -> Self:
        """Draw frames and their reconstruction.

        Parameters
        ----------
        S : array-like of shape (n_frames, n_freqs)
            Original power-spectrum frames.
        S_hat : array-like of shape (n_frames, n_freqs)
            Reconstructed frames.
        sr : float, default=44100
            Sampling rate in Hz.
        hop_length : int, default=441
            Distance of neighbouring frames in samples.
        dynamic_range : float, default=80.0
            Lowest level shown, in dB below the loudest of the original.
        frequency_scale : {"symlog", "log", "linear"}, default="symlog"
            Axis of Hz.
        ax : sequence of 4 matplotlib Axes or None, default=None
            Axes to draw on; None makes a figure.

        Returns
        -------
        display : ReconstructionDisplay
            What was drawn.

        Raises
        ------
        ValueError
            If the shapes differ, or power is negative or not finite.
        ImportError
            If matplotlib is not installed.
        """
        power, reconstruction = check_pair(S, S_hat, ensure_non_negative=True)
        display = cls(
            power,
            reconstruction,
            sr=sr,
            hop_length=hop_length,
            dynamic_range=dynamic_range,
        )
        return display.plot(ax, frequency_scale=frequency_scale)

    def plot(
        self, ax: Any = None, *, frequency_scale: FrequencyScale = "symlog"
    ) -> Self:
        """Draw the four parts.

        Parameters
        ----------
        ax : sequence of 4 matplotlib Axes or None, default=None
            Axes to draw on; None makes a figure.
        frequency_scale : {"symlog", "log", "linear"}, default="symlog"
            Axis of Hz.

        Returns
        -------
        display : ReconstructionDisplay
            This display, with `ax_` and `figure_`.

        Raises
        ------
        ValueError
            If `ax` does not hold four axes.
        ImportError
            If matplotlib is not installed.
        """
        pyplot = require_pyplot(f"{type(self).__name__}.plot")
        if ax is None:
            _, ax = pyplot.subplots(2, 2, figsize=(10, 6), layout="constrained")
        axes = np.ravel(np.asarray(ax, dtype=object))
        if len(axes) != 4:
            raise ValueError(f"ax must hold 4 axes or be None, got {len(axes)}.")
        reference = float(self.power.max())
        parts = {"Original": self.power, "Reconstruction": self.reconstruction}
        for axis, (title, power) in zip(axes[:2], parts.items(), strict=True):
            SpectrogramDisplay.from_power(
                power,
                sr=self.sr,
                hop_length=self.hop_length,
                reference=reference,
                dynamic_range=self.dynamic_range,
                frequency_scale=frequency_scale,
                ax=axis,
            )
            axis.set_title(title)
        SpectrogramDisplay(
            self.difference,
            frequency_edges=fft_bin_edges(self.sr, self.power.shape[1]),
            frame_seconds=self.hop_length / self.sr,
            label="Difference (dB)",
        ).plot(
            axes[2],
            frequency_scale=frequency_scale,
            cmap="PuOr_r",
            vmin=-_MOST_DIFFERENCE,
            vmax=_MOST_DIFFERENCE,
        )
        axes[2].set_title("Reconstruction less original")
        self._plot_errors(axes[3], frequency_scale)
        self.ax_ = axes
        self.figure_ = axes[0].figure
        return self

    def _plot_errors(self, axis: Any, frequency_scale: FrequencyScale) -> None:
        n_freqs = self.power.shape[1]
        frequencies = fft_frequencies(self.sr, 2 * (n_freqs - 1))
        axis.plot(
            frequencies,
            self.frequency_errors,
            color=COLOURS[5],
            linewidth=0.8,
            label="bins",
        )
        for k, (name, error) in enumerate(self.band_errors.items()):
            low, high = PAPER_BANDS[name]
            axis.plot(
                [low, min(high, self.sr / 2)],
                [error, error],
                color=COLOURS[1],
                linewidth=2,
                label=None if k else "ranges",
            )
        axis.axhline(1, color="0.5", linestyle="--", linewidth=1)
        axis.set_title(
            f"Error {self.relative_error:.3f}; "
            + ", ".join(f"{name} {e:.3f}" for name, e in self.band_errors.items())
        )
        axis.set_ylabel("Relative error (1: as silence)")
        # A bin in which little sounds may have a thousand times its power.
        axis.set_yscale("log")
        # Errors are lowest in the bass, nearly always.
        axis.legend(loc="upper left")
        set_frequency_axis(axis, "x", frequency_scale, 0.0, self.sr / 2)
