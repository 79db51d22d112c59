"""UniformQuantizer: features in few bits."""

from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import (
    BaseEstimator,
    OneToOneFeatureMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

_DTYPES = [np.float64, np.float32]


class UniformQuantizer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    r"""Store features as integers of a few bits, at even steps over their range.

    .. math:: q = \operatorname{round} \frac{x - a}{\Delta}, \qquad
              \Delta = \frac{b - a}{2^n - 1}, \qquad \hat{x} = a + q \Delta

    with the smallest and largest value :math:`a` and :math:`b` seen in `fit`. The error
    of a value between them is at most half a step; one beyond them becomes the nearer.
    It differs from ``sklearn.preprocessing.KBinsDiscretizer(encode="ordinal")`` by its
    speed, by integers of one or two bytes, and by ranges that features can share.

    Parameters
    ----------
    n_bits : int, default=8
        Bits of a value, 1 to 16.
    groups : array-like of shape (n_features,) or None, default=None
        Features of the same label share a range, for instance those of a band; None
        gives each feature its own.

    Attributes
    ----------
    data_min_ : ndarray of shape (n_features,)
        Lower end of each feature's range.
    data_max_ : ndarray of shape (n_features,)
        Upper end.
    n_samples_seen_ : int
        Number of samples seen in `fit` and `partial_fit`.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features seen in `fit`, where all are strings.

    See Also
    --------
    skhrmel.rate_distortion.measure_rates : What it costs, for each compression.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from skhrmel import HRMelTransformer, UniformQuantizer
    >>> from skhrmel.datasets import make_music
    >>> from skhrmel.metrics import relative_error
    >>> from skhrmel.spectrum import power_frames
    >>> frames = power_frames(make_music(1, duration=2.0)[0][0])
    >>> coder = make_pipeline(HRMelTransformer(), UniformQuantizer(n_bits=8))
    >>> codes = coder.fit_transform(frames)
    >>> codes.dtype
    dtype('uint8')
    >>> bool(relative_error(frames, coder.inverse_transform(codes)) < 0.5)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_bits": [Interval(Integral, 1, 16, closed="both")],
        "groups": ["array-like", None],
    }

    def __init__(self, n_bits: int = 8, *, groups: Any = None) -> None:
        self.n_bits = n_bits
        self.groups = groups

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: None = None) -> Self:  # noqa: ARG002
        """Find the range of each feature.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, finite.
        y : None
            Ignored; part of scikit-learn's interface.

        Returns
        -------
        self : object
            The fitted quantizer.

        Raises
        ------
        ValueError
            If `X` is not finite or `groups` has not a label a feature.
        """
        return self._widen(X, first=True)

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: ArrayLike, y: None = None) -> Self:  # noqa: ARG002
        """Widen the ranges to more samples.

        The first call is `fit`; parameters set after it have no effect.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, finite.
        y : None
            Ignored; part of scikit-learn's interface.

        Returns
        -------
        self : object
            The fitted quantizer.

        Raises
        ------
        ValueError
            As `fit`.
        """
        return self._widen(X, first=not hasattr(self, "n_samples_seen_"))

    def _widen(self, X: ArrayLike, *, first: bool) -> Self:
        features = validate_data(self, X, dtype=_DTYPES, reset=first)
        if first:
            self.n_samples_seen_ = 0
            self.data_min_ = np.full(features.shape[1], np.inf)
            self.data_max_ = np.full(features.shape[1], -np.inf)
            self._labels = self._check_groups(features.shape[1])
            self._dtype = features.dtype
            self._n_steps = 2**self.n_bits - 1
        self.n_samples_seen_ += len(features)
        self._check_width(features)
        low = np.minimum(self.data_min_, features.min(axis=0))
        high = np.maximum(self.data_max_, features.max(axis=0))
        for label in np.unique(self._labels):
            shared = self._labels == label
            self.data_min_[shared] = low[shared].min()
            self.data_max_[shared] = high[shared].max()
        return self

    def _check_width(self, features: NDArray) -> None:
        largest = float(np.abs(features).max())
        if largest > np.finfo(np.float64).max / 4:
            raise ValueError(
                f"X holds values up to {largest:g}; a range that wide has no steps "
                "in float64."
            )

    def _check_groups(self, n_features: int) -> NDArray:
        if self.groups is None:
            return np.arange(n_features)
        labels = np.asarray(self.groups)
        if labels.shape != (n_features,):
            raise ValueError(
                f"groups must have a label for each of the {n_features} features, got "
                f"shape {labels.shape}."
            )
        if labels.dtype.kind not in "iufbUS" or np.any(labels != labels):
            raise ValueError(
                f"groups must be numbers or strings, without NaN, got {self.groups!r}."
            )
        return labels

    def transform(self, X: ArrayLike) -> NDArray:
        """Quantise features.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, finite.

        Returns
        -------
        codes : ndarray of shape (n_samples, n_features)
            Whole numbers, uint8 up to 8 bits and else uint16.

        Raises
        ------
        ValueError
            If `X` is not finite or has not as many features as in `fit`.
        """
        check_is_fitted(self)
        features = validate_data(self, X, dtype=_DTYPES, reset=False)
        low, step = self._scale()
        # In float64, where the ends of a range are exact.
        codes = (features - low) / np.where(step > 0, step, 1)
        np.clip(np.rint(codes, out=codes), 0, self._n_steps, out=codes)
        return codes.astype(np.uint8 if self._n_steps < 256 else np.uint16)

    def inverse_transform(self, X: ArrayLike) -> NDArray:
        """Give each code the value it stands for.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Codes as `transform` gives them.

        Returns
        -------
        features : ndarray of shape (n_samples, n_features)
            Features of the dtype seen in `fit`.

        Raises
        ------
        ValueError
            If a code is not a whole number from 0 to ``2 ** n_bits - 1``.
        """
        check_is_fitted(self)
        codes = check_array(X, dtype="numeric", estimator=self, input_name="X")
        if codes.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X has {codes.shape[1]} features, but UniformQuantizer is expecting "
                f"{self.n_features_in_}."
            )
        if (
            codes.min() < 0
            or codes.max() > self._n_steps
            or (codes.dtype.kind == "f" and np.any(codes != np.rint(codes)))
        ):
            raise ValueError(
                f"X must hold codes, whole numbers from 0 to {self._n_steps}, got "
                f"values from {codes.min()} to {codes.max()}."
            )
        low, step = self._scale()
        return (low + codes * step).astype(self._dtype)

    def _scale(self) -> tuple[NDArray, NDArray]:
        return self.data_min_, (self.data_max_ - self.data_min_) / self._n_steps

    def __sklearn_tags__(self) -> Tags:
        """Say that integers come out."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
