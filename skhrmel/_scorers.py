"""Scorers: how much of their input transformers lose."""

from collections.abc import Mapping
from typing import Any

from numpy.typing import ArrayLike

from skhrmel._error_spectrum import PAPER_BANDS, ErrorSpectrum


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
