"""What a layout is judged by: weights of the squared error by frequency."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skhrmel._moments import is_audible
from skhrmel.filterbank import fft_frequencies
from skhrmel.metrics import BARK_BANDS, PAPER_BANDS, ErrorSpectrum

Bands = Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Criteria:
    """Relative squared errors, and what each counts in the objective.

    Attributes
    ----------
    bands : mapping of str to (float, float)
        The analysis bands, Hz.
    n_bands : int
        The first so many criteria are the errors of the analysis bands.
    weights : ndarray of shape (n_criteria, n_freqs)
        Weights of the squared error of each frequency.
    importance : ndarray of shape (n_criteria,)
        Factor of each in the objective; adds up to 1.
    """

    bands: Bands
    weights: NDArray
    importance: NDArray

    @property
    def n_bands(self) -> int:
        """Number of analysis bands."""
        return len(self.bands)

    def errors(self, spectra: Iterable[ErrorSpectrum]) -> NDArray:
        """Mean over tracks of the relative squared errors.

        Parameters
        ----------
        spectra : iterable of ErrorSpectrum
            One a track.

        Returns
        -------
        errors : ndarray of shape (n_criteria,)
            The means over the tracks that sound under a criterion.
        """
        total, count = np.zeros(len(self.weights)), np.zeros(len(self.weights))
        for spectrum in spectra:
            energies = self.weights @ spectrum.energy
            audible = is_audible(energies, spectrum.energy, self.weights)
            squared = self.weights[audible] @ spectrum.squared_error
            total[audible] += squared / energies[audible]
            count += audible
        return total / np.maximum(count, 1)


def make_criteria(
    objective: Any, analysis_bands: Any, sr: float, n_freqs: int
) -> Criteria:
    """Make the criteria of an objective.

    Parameters
    ----------
    objective : {"balanced", "overall"} or array-like of shape (n_freqs,)
        What is minimised.
    analysis_bands : {"paper", "bark"} or mapping of str to (float, float)
        The analysis bands.
    sr : float
        Sampling rate in Hz.
    n_freqs : int
        Number of frequencies of a frame.

    Returns
    -------
    criteria : Criteria
        The criteria.

    Raises
    ------
    ValueError
        If a band is impossible, or the weights are not one non-negative number a
        frequency.
    """
    bands = find_bands(analysis_bands)
    frequencies = fft_frequencies(sr, 2 * (n_freqs - 1))
    weights = np.array(
        [(frequencies >= low) & (frequencies < high) for low, high in bands.values()],
        dtype=np.float64,
    )
    # A band between two FFT bins says nothing.
    heard = weights.any(axis=1)
    if isinstance(objective, str) and objective == "balanced":
        return Criteria(bands, weights, heard / max(1, heard.sum()))
    own = (
        np.ones(n_freqs) if isinstance(objective, str) else _weights(objective, n_freqs)
    )
    return Criteria(
        bands, np.vstack([weights, own]), np.append(np.zeros(len(bands)), 1.0)
    )


def find_bands(analysis_bands: Any) -> Bands:
    """Give the analysis bands that a parameter names.

    Parameters
    ----------
    analysis_bands : {"paper", "bark"} or mapping of str to (float, float)
        The parameter.

    Returns
    -------
    bands : mapping of str to (float, float)
        Names and half-open ranges ``low <= f < high`` in Hz.

    Raises
    ------
    ValueError
        If a range is empty.
    """
    if isinstance(analysis_bands, str):
        return {"paper": PAPER_BANDS, "bark": BARK_BANDS}[analysis_bands]
    if not analysis_bands:
        raise ValueError("analysis_bands must name at least one range, got none.")
    for name, band in analysis_bands.items():
        try:
            low, high = band
        except (TypeError, ValueError):
            raise ValueError(
                f"analysis_bands: {name!r} must be a lower and a higher frequency in "
                f"Hz, got {band!r}."
            ) from None
        if not low < high:
            raise ValueError(
                f"analysis_bands: {name!r} must go from a lower to a higher frequency, "
                f"got {low!r} to {high!r} Hz."
            )
    return dict(analysis_bands)


def _weights(objective: ArrayLike, n_freqs: int) -> NDArray:
    weights = np.asarray(objective, dtype=np.float64)
    if weights.shape != (n_freqs,):
        raise ValueError(
            f"objective must weigh each of the {n_freqs} frequencies of X, got an "
            f"array of shape {weights.shape}."
        )
    # Written so that NaN fails as well.
    if not (weights.min() >= 0 and 0 < weights.max() < np.inf):
        raise ValueError(
            "objective must be finite weights that are not negative and not all 0, got "
            f"{weights.min():g} to {weights.max():g}."
        )
    return weights
