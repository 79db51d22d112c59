"""How much of a power spectrum a representation loses."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

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

_BARK_EDGES = (
    *(0, 100, 200, 300, 400, 510, 630, 770, 920, 1080, 1270, 1480, 1720, 2000, 2320),
    *(2700, 3150, 3700, 4400, 5300, 6400, 7700, 9500, 12000, 15500, np.inf),
)
#: Zwicker's 24 critical bands of hearing, Hz, and all above them as a 25th.
BARK_BANDS: Mapping[str, tuple[float, float]] = {
    f"bark{number:02d}": (float(low), float(high))
    for number, (low, high) in enumerate(pairwise(_BARK_EDGES), start=1)
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
        originals, reconstructions = _check_pair(S, S_hat)
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
        """Give the error over all frequencies, see `relative_error`.

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
        """Give the error of frequency ranges, see `band_relative_errors`.

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
        if not (0 < sr < np.inf and len(self.energy) > 1):
            raise ValueError(
                "Bands need sr > 0 and at least 2 frequencies, got "
                f"sr={sr!r} and {len(self.energy)} frequencies."
            )
        frequencies = fft_frequencies(sr, 2 * (len(self.energy) - 1))
        errors = {}
        for name, (low, high) in bands.items():
            inside = (frequencies >= low) & (frequencies < high)
            if not inside.any():
                raise ValueError(
                    f"bands: {name!r} ({low:g}-{high:g} Hz) contains no FFT bin; the "
                    f"{len(frequencies)} bins go from 0 to {sr / 2:g} Hz."
                )
            errors[name] = _ratio(
                self.squared_error[inside].sum(), self.energy[inside].sum()
            )
        return errors


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
    if not 0 < floor < np.inf:
        raise ValueError(f"floor must be a positive finite power, got {floor!r}.")
    originals, reconstructions = _check_pair(S, S_hat, ensure_non_negative=True)
    total = 0.0
    for rows in gen_batches(len(originals), _BLOCK_FRAMES):
        original = originals[rows].astype(np.float64) + floor
        reconstruction = reconstructions[rows].astype(np.float64) + floor
        decibels = 10 * np.log10(original / reconstruction)
        total += float(np.sqrt(np.mean(decibels**2, axis=1)).sum())
    return total / len(originals)


def neg_reconstruction_error(estimator: Any, X: ArrayLike, y: None = None) -> float:  # noqa: ARG001
    """Score a transformer by what ``inverse_transform(transform(X))`` loses.

    A scorer for ``GridSearchCV(scoring=neg_reconstruction_error)`` and its like. With
    a track as a group and ``cv=LeaveOneGroupOut()``, `mean_test_score` is minus the
    paper's mean error over tracks.

    Parameters
    ----------
    estimator : object
        Anything fitted that has `transform` and `inverse_transform`: a transformer of
        skhrmel, ``PCA``, ``NMF``, a ``Pipeline``.
    X : array-like of shape (n_frames, n_freqs)
        Power-spectrum frames.
    y : None
        Ignored; part of scikit-learn's interface.

    Returns
    -------
    score : float
        Minus the `relative_error`: higher is better, 0 is perfect.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.decomposition import PCA
    >>> from skhrmel.metrics import neg_reconstruction_error
    >>> X = np.random.default_rng(0).random((20, 5))
    >>> pca = PCA(n_components=5).fit(X)
    >>> round(abs(neg_reconstruction_error(pca, X)), 9)
    0.0
    """
    return -_reconstruct(estimator, X).relative_error()


def neg_band_reconstruction_errors(
    estimator: Any,
    X: ArrayLike,
    y: None = None,  # noqa: ARG001
    *,
    sr: float = 44100,
    bands: Mapping[str, tuple[float, float]] = PAPER_BANDS,
) -> dict[str, float]:
    """Score a transformer overall and in each frequency range.

    A scorer with several metrics, for
    ``GridSearchCV(scoring=neg_band_reconstruction_errors, refit="overall")``. All come
    from one reconstruction. For another rate or other ranges, pass
    ``functools.partial(neg_band_reconstruction_errors, sr=22050)``.

    Parameters
    ----------
    estimator : object
        Anything fitted that has `transform` and `inverse_transform`.
    X : array-like of shape (n_frames, n_freqs)
        Power-spectrum frames.
    y : None
        Ignored; part of scikit-learn's interface.
    sr : float, default=44100
        Sampling rate in Hz.
    bands : mapping of str to (float, float), default=PAPER_BANDS
        Names and half-open ranges ``low <= f < high`` in Hz.

    Returns
    -------
    scores : dict of str to float
        Minus the relative error: ``"overall"`` and every range of `bands`.

    Raises
    ------
    ValueError
        If the estimator, or a step of it, has a parameter `sr` of another value, or a
        band is named ``"overall"``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.decomposition import PCA
    >>> from skhrmel.metrics import neg_band_reconstruction_errors
    >>> X = np.random.default_rng(0).random((20, 33))
    >>> sorted(neg_band_reconstruction_errors(PCA(3).fit(X), X))
    ['high', 'low', 'mid', 'overall']
    """
    if "overall" in bands:
        raise ValueError("bands: the name 'overall' is that of the whole spectrum.")
    _check_rate(estimator, sr)
    spectrum = _reconstruct(estimator, X)
    errors = {"overall": spectrum.relative_error()}
    errors |= spectrum.band_relative_errors(sr=sr, bands=bands)
    return {name: -error for name, error in errors.items()}


def _reconstruct(estimator: Any, X: ArrayLike) -> ErrorSpectrum:
    reconstruction = estimator.inverse_transform(estimator.transform(X))
    return ErrorSpectrum.between(X, reconstruction)


def _check_rate(estimator: Any, sr: float) -> None:
    """Refuse to look for bands at another rate than the transformer's own."""
    params = estimator.get_params() if hasattr(estimator, "get_params") else {}
    for name, value in params.items():
        if (name == "sr" or name.endswith("__sr")) and value != sr:
            raise ValueError(
                f"The estimator has {name}={value!r}, but the scorer looks for its "
                f"bands at sr={sr!r}: pass functools.partial("
                f"neg_band_reconstruction_errors, sr={value!r}) as the scorer."
            )


def _check_pair(
    S: ArrayLike, S_hat: ArrayLike, *, ensure_non_negative: bool = False
) -> tuple[NDArray, NDArray]:
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
