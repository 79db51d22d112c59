"""How much of a power spectrum, or of a waveform, a representation loses."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array, gen_batches

from skhrmel._error_spectrum import (
    PAPER_BANDS,
    ErrorSpectrum,
    band_masks,
    check_pair,
)
from skhrmel._scorers import neg_band_reconstruction_errors, neg_reconstruction_error

__all__ = [
    "BARK_BANDS",
    "PAPER_BANDS",
    "ErrorSpectrum",
    "band_log_spectral_distances",
    "band_relative_errors",
    "log_spectral_distance",
    "neg_band_reconstruction_errors",
    "neg_reconstruction_error",
    "relative_error",
    "scale_invariant_sdr",
    "spectral_convergence",
]

_BARK_EDGES = (
    *(0, 100, 200, 300, 400, 510, 630, 770, 920, 1080, 1270, 1480, 1720, 2000, 2320),
    *(2700, 3150, 3700, 4400, 5300, 6400, 7700, 9500, 12000, 15500, np.inf),
)
#: Zwicker's 24 critical bands of hearing in Hz, ``"bark01"`` to ``"bark24"``, and
#: what lies above them, ``"bark25"``: 25 ranges.
BARK_BANDS: Mapping[str, tuple[float, float]] = {
    f"bark{number:02d}": (float(low), float(high))
    for number, (low, high) in enumerate(pairwise(_BARK_EDGES), start=1)
}

# Frames compared at a time, in float64: two blocks of 1025 bins fit the cache.
_BLOCK_FRAMES = 128


def relative_error(S: ArrayLike, S_hat: ArrayLike) -> float:
    r"""Relative Frobenius error of a reconstruction, equation 9 of the HR-Mel paper.

    .. math:: \epsilon = \frac{\|S - \hat{S}\|_F}{\|S\|_F}

    Silence has no relative error. As in ``sklearn.metrics.r2_score``, where
    :math:`R^2 = 1 - \epsilon^2` is kept finite, it is 0.0 here if silence is
    reconstructed exactly and 1.0 if not.

    Parameters
    ----------
    S : array-like of shape (n_frames, n_freqs)
        Original power-spectrum frames.
    S_hat : array-like of shape (n_frames, n_freqs)
        Reconstructed frames.

    Returns
    -------
    error : float
        0 for a perfect reconstruction, 1 for silence in place of sound, more if it is
        worse than silence.

    Raises
    ------
    ValueError
        If the shapes differ or a value is not finite.

    Examples
    --------
    >>> from skhrmel.metrics import relative_error
    >>> relative_error([[3.0, 4.0]], [[3.0, 1.0]])
    0.6
    """
    return ErrorSpectrum.between(S, S_hat).relative_error()


def band_relative_errors(
    S: ArrayLike,
    S_hat: ArrayLike,
    *,
    sr: float = 44100,
    bands: Mapping[str, tuple[float, float]] = PAPER_BANDS,
) -> dict[str, float]:
    """Relative Frobenius error of frequency ranges.

    Both spectra are masked to the FFT bins of a range, then compared by
    `relative_error`.

    Parameters
    ----------
    S : array-like of shape (n_frames, n_freqs)
        Original power-spectrum frames.
    S_hat : array-like of shape (n_frames, n_freqs)
        Reconstructed frames.
    sr : float, default=44100
        Sampling rate in Hz.
    bands : mapping of str to (float, float), default=PAPER_BANDS
        Names and half-open ranges ``low <= f < high`` in Hz. The default is the
        paper's: ``"low"`` below 1.5 kHz, ``"mid"``, and ``"high"`` from 6 kHz.

    Returns
    -------
    errors : dict of str to float
        The error of each range.

    Raises
    ------
    ValueError
        If the shapes differ, a value is not finite, or a range has no FFT bin.

    Examples
    --------
    >>> from skhrmel.metrics import band_relative_errors
    >>> bands = {"bass": (0, 100), "rest": (100, 4001)}
    >>> band_relative_errors([[2.0, 4.0]], [[2.0, 3.0]], sr=8000, bands=bands)
    {'bass': 0.0, 'rest': 0.25}
    """
    spectrum = ErrorSpectrum.between(S, S_hat)
    return spectrum.band_relative_errors(sr=sr, bands=bands)


def log_spectral_distance(
    S: ArrayLike, S_hat: ArrayLike, *, floor: float = 1e-10
) -> float:
    r"""Log-spectral distance in dB, mean over frames.

    .. math:: \frac{1}{T} \sum_t \sqrt{\frac{1}{F} \sum_f \left(10 \log_{10}
              \frac{S_{t, f} + \text{floor}}{\hat{S}_{t, f} + \text{floor}}\right)^2}

    The root-mean-square log spectral distance of Gray and Markel [1]_ between power
    spectra, with a floor added to both.

    Parameters
    ----------
    S : array-like of shape (n_frames, n_freqs)
        Original power-spectrum frames, non-negative.
    S_hat : array-like of shape (n_frames, n_freqs)
        Reconstructed frames, non-negative.
    floor : float, default=1e-10
        Power added to both, so that silence has a level: -100 dB by default.

    Returns
    -------
    distance : float
        In dB; 0 for a perfect reconstruction.

    Raises
    ------
    ValueError
        If the shapes differ, a value is negative or not finite, or `floor` is not
        positive.

    References
    ----------
    .. [1] A. H. Gray and J. D. Markel, "Distance measures for speech processing",
       IEEE Transactions on Acoustics, Speech, and Signal Processing, vol. 24, no. 5,
       1976.

    Examples
    --------
    >>> from skhrmel.metrics import log_spectral_distance
    >>> round(log_spectral_distance([[1.0, 10.0]], [[10.0, 1.0]]), 6)
    10.0
    """
    originals, reconstructions = _check_distance(S, S_hat, floor)
    everything = {"all": slice(None)}
    return _log_distances(originals, reconstructions, floor, everything)["all"]


def band_log_spectral_distances(
    S: ArrayLike,
    S_hat: ArrayLike,
    *,
    floor: float = 1e-10,
    sr: float = 44100,
    bands: Mapping[str, tuple[float, float]] = PAPER_BANDS,
) -> dict[str, float]:
    """Log-spectral distance of frequency ranges in dB, mean over frames.

    Both spectra are masked to the FFT bins of a range, then compared as by
    `log_spectral_distance`.

    Parameters
    ----------
    S : array-like of shape (n_frames, n_freqs)
        Original power-spectrum frames, non-negative.
    S_hat : array-like of shape (n_frames, n_freqs)
        Reconstructed frames, non-negative.
    floor : float, default=1e-10
        Power added to both, so that silence has a level: -100 dB by default.
    sr : float, default=44100
        Sampling rate in Hz.
    bands : mapping of str to (float, float), default=PAPER_BANDS
        Names and half-open ranges ``low <= f < high`` in Hz.

    Returns
    -------
    distances : dict of str to float
        The distance of each range in dB.

    Raises
    ------
    ValueError
        As `log_spectral_distance`, or if a range has no FFT bin.

    Examples
    --------
    >>> from skhrmel.metrics import band_log_spectral_distances
    >>> bands = {"bass": (0, 100), "rest": (100, 4001)}
    >>> found = band_log_spectral_distances(
    ...     [[1.0, 1.0]], [[1.0, 0.1]], sr=8000, bands=bands
    ... )
    >>> {name: round(distance, 6) for name, distance in found.items()}
    {'bass': 0.0, 'rest': 10.0}
    """
    originals, reconstructions = _check_distance(S, S_hat, floor)
    masks = band_masks(bands, sr, originals.shape[1])
    return _log_distances(originals, reconstructions, floor, masks)


def spectral_convergence(S: ArrayLike, S_hat: ArrayLike) -> float:
    r"""Relative error of the magnitude of a reconstruction.

    .. math:: \frac{\|\sqrt{S} - \sqrt{\hat{S}}\|_F}{\|\sqrt{S}\|_F}

    What Griffin-Lim minimises: the measure of Sturmel and Daudet [1]_. Frames that only
    one of the two has are left out.

    Parameters
    ----------
    S : array-like of shape (n_frames, n_freqs)
        Power-spectrum frames wanted.
    S_hat : array-like of shape (n_frames, n_freqs)
        Power-spectrum frames of the reconstructed waveform.

    Returns
    -------
    convergence : float
        0 if all magnitudes agree. 0 for silence that stays silent, else 1.

    References
    ----------
    .. [1] N. Sturmel and L. Daudet, "Signal reconstruction from STFT magnitude: a state
       of the art", DAFx, 2011.

    Examples
    --------
    >>> from skhrmel.metrics import spectral_convergence
    >>> spectral_convergence([[9.0, 16.0]], [[9.0, 1.0]])
    0.6
    """
    wanted, found = (
        np.sqrt(check_array(array, ensure_non_negative=True, input_name=name))
        for array, name in ((S, "S"), (S_hat, "S_hat"))
    )
    n_frames = min(len(wanted), len(found))
    norm = np.linalg.norm(wanted[:n_frames])
    error = np.linalg.norm(wanted[:n_frames] - found[:n_frames])
    return float(error / norm) if norm else float(error > 0)


def scale_invariant_sdr(y: ArrayLike, y_hat: ArrayLike) -> float:
    r"""Scale-invariant signal-to-distortion ratio of a waveform, in dB.

    .. math:: 10 \log_{10} \frac{\|\alpha y\|^2}{\|\hat{y} - \alpha y\|^2},
              \qquad \alpha = \frac{\hat{y}^T y}{\|y\|^2}

    by Le Roux et al. [1]_. It compares sample by sample: a waveform with the same
    spectrogram in another phase, which may sound the same, has a low one.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Original waveform.
    y_hat : array-like of shape (n_samples,)
        Reconstructed waveform.

    Returns
    -------
    ratio : float
        In dB; for a perfect reconstruction infinite or, by rounding, above 300; minus
        infinity for one that has nothing of the original.

    Raises
    ------
    ValueError
        If the lengths differ, a value is not finite, or the original is silent.

    References
    ----------
    .. [1] J. Le Roux, S. Wisdom, H. Erdogan and J. R. Hershey, "SDR - half-baked or
       well done?", IEEE ICASSP, 2019.

    Examples
    --------
    >>> from skhrmel.metrics import scale_invariant_sdr
    >>> round(scale_invariant_sdr([1.0, 0.0], [10.0, 1.0]), 6)
    20.0
    """
    original, reconstruction = (
        check_array(array, dtype=np.float64, ensure_2d=False, input_name=name)
        for array, name in ((y, "y"), (y_hat, "y_hat"))
    )
    if original.ndim != 1 or original.shape != reconstruction.shape:
        raise ValueError(
            "y and y_hat must have the same shape, (n_samples,), got "
            f"{original.shape} and {reconstruction.shape}."
        )
    if not original.any():
        raise ValueError("y is silent, so there is no signal to compare with.")
    # By the largest sample, so that no square leaves the range of numbers.
    original = original / np.abs(original).max()
    reconstruction = reconstruction / (np.abs(reconstruction).max() or 1)
    target = original * (original @ reconstruction) / (original @ original)
    distortion = reconstruction - target
    if not target.any():
        return -np.inf
    with np.errstate(divide="ignore"):
        ratio = np.divide(target @ target, distortion @ distortion)
    return float(10 * np.log10(ratio))


def _check_distance(
    S: ArrayLike, S_hat: ArrayLike, floor: float
) -> tuple[NDArray, NDArray]:
    if not 0 < floor < np.inf:
        raise ValueError(f"floor must be a positive finite power, got {floor!r}.")
    return check_pair(S, S_hat, ensure_non_negative=True)


def _log_distances(
    originals: NDArray,
    reconstructions: NDArray,
    floor: float,
    ranges: Mapping[str, slice | NDArray],
) -> dict[str, float]:
    """Log-spectral distance of some columns, for each name."""
    totals = dict.fromkeys(ranges, 0.0)
    for rows in gen_batches(len(originals), _BLOCK_FRAMES):
        original = originals[rows].astype(np.float64) + floor
        reconstruction = reconstructions[rows].astype(np.float64) + floor
        decibels = 10 * np.log10(original / reconstruction)
        for name, inside in ranges.items():
            squares = np.mean(decibels[:, inside] ** 2, axis=1)
            totals[name] += float(np.sqrt(squares).sum())
    return {name: total / len(originals) for name, total in totals.items()}
