"""Squared errors and energies of power spectra, which relative errors are made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array, gen_batches

from skhrmel.filterbank import fft_frequencies

#: The HR-Mel paper's frequency ranges, Hz; the lower edge belongs to the range.
PAPER_BANDS: Mapping[str, tuple[float, float]] = {
    "low": (0.0, 1500.0),
    "mid": (1500.0, 6000.0),
    "high": (6000.0, np.inf),
}

# Frames compared at a time, in float64: two blocks of 1025 bins fit the cache.
_BLOCK_FRAMES = 128


@dataclass(frozen=True)
class ErrorSpectrum:
    """Squared error and energy of a reconstruction by frequency, summed over frames.

    What all relative errors are made of. Spectra of blocks, or of tracks, add up, so
    that the error of a long recording needs a block of it at a time.

    Attributes
    ----------
    squared_error : ndarray of shape (n_freqs,)
        Sum over frames of ``(S - S_hat)**2``.
    energy : ndarray of shape (n_freqs,)
        Sum over frames of ``S**2``.

    Examples
    --------
    >>> import numpy as np
    >>> from skhrmel.metrics import ErrorSpectrum
    >>> S = np.array([[3.0, 4.0]])
    >>> (ErrorSpectrum.between(S, 0 * S) + ErrorSpectrum.between(S, S)).energy
    array([18., 32.])
    """

    squared_error: NDArray
    energy: NDArray

    @classmethod
    def between(cls, S: ArrayLike, S_hat: ArrayLike) -> Self:
        """Compare frames with their reconstruction.

        Parameters
        ----------
        S : array-like of shape (n_frames, n_freqs)
            Original power-spectrum frames.
        S_hat : array-like of shape (n_frames, n_freqs)
            Reconstructed frames.

        Returns
        -------
        spectrum : ErrorSpectrum
            Summed in float64.

        Raises
        ------
        ValueError
            If the shapes differ or a value is not finite.
        """
        originals, reconstructions = check_pair(S, S_hat)
        squared_error = np.zeros(originals.shape[1])
        energy = np.zeros(originals.shape[1])
        for rows in gen_batches(len(originals), _BLOCK_FRAMES):
            block = originals[rows].astype(np.float64)
            energy += np.einsum("tf,tf->f", block, block)
            block -= reconstructions[rows]
            squared_error += np.einsum("tf,tf->f", block, block)
        spectrum = cls(squared_error, energy)
        spectrum._check_range(originals, reconstructions)
        return spectrum

    def _check_range(self, originals: NDArray, reconstructions: NDArray) -> None:
        """Refuse power whose square is beyond the range of float64."""
        total = self.energy.sum() + self.squared_error.sum()
        if total == np.inf or (
            total == 0 and (originals.any() or reconstructions.any())
        ):
            raise ValueError(
                "The squared power is beyond the range of float64: S goes up to "
                f"{originals.max():g}, S_hat up to {reconstructions.max():g}. Scale "
                "both."
            )

    def __add__(self, other: Self) -> Self:
        """Join the frames of two spectra."""
        if len(self.energy) != len(other.energy):
            raise ValueError(
                f"Spectra of {len(self.energy)} and {len(other.energy)} frequencies "
                "cannot be added."
            )
        return type(self)(
            self.squared_error + other.squared_error, self.energy + other.energy
        )

    def relative_error(self) -> float:
        """Give the error over all frequencies, see `skhrmel.metrics.relative_error`.

        Returns
        -------
        error : float
            The error.
        """
        return _ratio(self.squared_error.sum(), self.energy.sum())

    def band_relative_errors(
        self,
        *,
        sr: float = 44100,
        bands: Mapping[str, tuple[float, float]] = PAPER_BANDS,
    ) -> dict[str, float]:
        """Give the error of frequency ranges.

        See `skhrmel.metrics.band_relative_errors`.

        Parameters
        ----------
        sr : float, default=44100
            Sampling rate in Hz.
        bands : mapping of str to (float, float), default=PAPER_BANDS
            Names and half-open ranges ``low <= f < high`` in Hz.

        Returns
        -------
        errors : dict of str to float
            The error of each range.
        """
        return {
            name: _ratio(self.squared_error[inside].sum(), self.energy[inside].sum())
            for name, inside in band_masks(bands, sr, len(self.energy)).items()
        }


def band_masks(
    bands: Mapping[str, tuple[float, float]], sr: float, n_freqs: int
) -> dict[str, NDArray]:
    """Find the FFT bins of frequency ranges.

    Parameters
    ----------
    bands : mapping of str to (float, float)
        Names and half-open ranges ``low <= f < high`` in Hz.
    sr : float
        Sampling rate in Hz.
    n_freqs : int
        Number of frequencies of a frame.

    Returns
    -------
    masks : dict of str to ndarray of shape (n_freqs,)
        Whether each bin belongs to the range.

    Raises
    ------
    ValueError
        If a range has no FFT bin.
    """
    if not (0 < sr < np.inf and n_freqs > 1):
        raise ValueError(
            "Bands need sr > 0 and at least 2 frequencies, got "
            f"sr={sr!r} and {n_freqs} frequencies."
        )
    frequencies = fft_frequencies(sr, 2 * (n_freqs - 1))
    masks = {}
    for name, (low, high) in bands.items():
        masks[name] = (frequencies >= low) & (frequencies < high)
        if not masks[name].any():
            raise ValueError(
                f"bands: {name!r} ({low:g}-{high:g} Hz) contains no FFT bin; the "
                f"{len(frequencies)} bins go from 0 to {sr / 2:g} Hz."
            )
    return masks


def check_pair(
    S: ArrayLike, S_hat: ArrayLike, *, ensure_non_negative: bool = False
) -> tuple[NDArray, NDArray]:
    """Check frames and their reconstruction.

    Parameters
    ----------
    S : array-like of shape (n_frames, n_freqs)
        Original power-spectrum frames.
    S_hat : array-like of shape (n_frames, n_freqs)
        Reconstructed frames.
    ensure_non_negative : bool, default=False
        Whether power may not be negative.

    Returns
    -------
    original, reconstruction : ndarray of shape (n_frames, n_freqs)
        The same, float32 or float64.

    Raises
    ------
    ValueError
        If the shapes differ, or a value is not finite or may not be negative.
    """
    original, reconstruction = (
        check_array(
            array,
            dtype=[np.float64, np.float32],
            ensure_non_negative=ensure_non_negative,
            input_name=name,
        )
        for array, name in ((S, "S"), (S_hat, "S_hat"))
    )
    if original.shape != reconstruction.shape:
        raise ValueError(
            "S and S_hat must have the same shape, got "
            f"{original.shape} and {reconstruction.shape}."
        )
    return original, reconstruction


def _ratio(squared_error: float, energy: float) -> float:
    if energy == 0:
        return 0.0 if squared_error == 0 else 1.0
    return float(np.sqrt(squared_error / energy))
