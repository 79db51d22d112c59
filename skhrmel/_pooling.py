"""FramePooling: from the frames of a clip to one vector."""

import re
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils import Tags
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

Statistic = Callable[[NDArray], NDArray]


def _differences(frames: NDArray) -> NDArray:
    """First differences; a single frame does not change."""
    return np.diff(frames, axis=0) if len(frames) > 1 else np.zeros_like(frames)


_STATISTICS: dict[str, Statistic] = {
    "mean": lambda frames: frames.mean(axis=0, dtype=np.float64),
    "std": lambda frames: frames.std(axis=0, dtype=np.float64),
    "min": lambda frames: frames.min(axis=0),
    "max": lambda frames: frames.max(axis=0),
    "median": lambda frames: np.median(frames, axis=0),
    "delta_mean": lambda frames: _differences(frames).mean(axis=0, dtype=np.float64),
    "delta_std": lambda frames: _differences(frames).std(axis=0, dtype=np.float64),
}


class FramePooling(TransformerMixin, BaseEstimator):
    """Summarise the frames of each clip by statistics over time.

    Stands between `AudioFrontEnd` and a scaler and classifier: clips of any length
    become rows of one length.

    Parameters
    ----------
    statistics : sequence of str, default=("mean", "std")
        Any of ``"mean"``, ``"std"``, ``"min"``, ``"max"``, ``"median"``; percentiles
        such as ``"p10"`` or ``"p97.5"``; and ``"delta_mean"`` and ``"delta_std"`` of
        the first differences of neighbouring frames, which are 0 for a single frame.

    Attributes
    ----------
    n_features_in_ : int
        Number of features of a frame seen in `fit`.
    n_channels_in_ : int or None
        Number of channels seen in `fit`; None if the clips have no channel axis.

    See Also
    --------
    AudioFrontEnd : Makes the frames.

    Examples
    --------
    >>> import numpy as np
    >>> from skhrmel import FramePooling
    >>> clips = [np.array([[0.0], [2.0]]), np.array([[1.0], [4.0], [7.0]])]
    >>> FramePooling(("mean", "delta_mean")).fit_transform(clips)
    array([[1., 2.],
           [4., 3.]])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "statistics": ["array-like"],
    }

    def __init__(self, statistics: Sequence[str] = ("mean", "std")) -> None:
        self.statistics = statistics

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Sequence[NDArray], y: Any = None) -> Self:  # noqa: ARG002
        """Remember the number of features of a frame.

        Parameters
        ----------
        X : sequence of ndarray of shape (n_frames, n_features)
            The frames of each clip; ``(n_channels, n_frames, n_features)`` if channels
            are kept.
        y : None
            Ignored; part of scikit-learn's interface.

        Returns
        -------
        self : object
            The fitted transformer.

        Raises
        ------
        ValueError
            If a statistic is unknown, or `X` is empty or holds no frames.
        """
        for name in self.statistics:
            _statistic(name)
        if len(self.statistics) == 0:
            raise ValueError("statistics must name at least one, got none.")
        if len(X) == 0:
            raise ValueError("X holds no clip; expected at least one.")
        first = np.asarray(X[0])
        if first.ndim not in (2, 3):
            raise ValueError(
                f"Clip 0 has shape {first.shape}, expected (n_frames, n_features) or "
                "(n_channels, n_frames, n_features)."
            )
        self.n_features_in_ = first.shape[-1]
        self.n_channels_in_ = len(first) if first.ndim == 3 else None
        return self

    def transform(self, X: Sequence[NDArray]) -> NDArray:
        """Summarise clips.

        Parameters
        ----------
        X : sequence of ndarray of shape (n_frames, n_features)
            The frames of each clip; ``(n_channels, n_frames, n_features)`` if channels
            are kept.

        Returns
        -------
        pooled : ndarray of shape (n_clips, n_features * n_statistics)
            One row a clip: all features of the first statistic, then of the next; the
            channels one after the other. float32 if all clips are, else float64.

        Raises
        ------
        ValueError
            If a clip has no frame, values that are not finite, or another shape than
            in `fit`. The message names the clip.
        """
        check_is_fitted(self)
        clips = [self._check_clip(np.asarray(clip), k) for k, clip in enumerate(X)]
        statistics = [_statistic(name) for name in self.statistics]
        rows = [
            np.concatenate(
                [np.ravel([s(channel) for s in statistics]) for channel in clip]
            )
            for clip in clips
        ]
        single = all(clip.dtype == np.float32 for clip in clips)
        return np.array(rows, dtype=np.float32 if single else np.float64)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray:
        """Name each summary by its feature and statistic.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the features of a frame; None numbers them.

        Returns
        -------
        feature_names_out : ndarray of str
            Names such as ``"band0_mel00_34.0Hz_mean"``, with ``"channel0_"`` in front
            if channels are kept.
        """
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        pooled = [f"{name}_{s}" for s in self.statistics for name in names]
        if self.n_channels_in_ is not None:
            channels = range(self.n_channels_in_)
            pooled = [f"channel{c}_{name}" for c in channels for name in pooled]
        return np.array(pooled, dtype=object)

    def __sklearn_tags__(self) -> Tags:
        """Say that clips are no table."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.no_validation = True
        return tags

    def _check_clip(self, clip: NDArray, number: int) -> NDArray:
        """Check a clip and give it a channel axis."""
        channels = clip[None] if self.n_channels_in_ is None else clip
        expected = (self.n_channels_in_ or 1, self.n_features_in_)
        if channels.ndim != 3 or (len(channels), channels.shape[2]) != expected:
            lead = "" if self.n_channels_in_ is None else f"{self.n_channels_in_}, "
            raise ValueError(
                f"Clip {number} has shape {clip.shape}, but FramePooling was fitted "
                f"on ({lead}n_frames, {self.n_features_in_})."
            )
        if channels.shape[1] == 0:
            raise ValueError(f"Clip {number} has no frame to pool.")
        if not np.all(np.isfinite(channels)):
            raise ValueError(f"Clip {number} has features that are not finite.")
        return channels


def _statistic(name: str) -> Statistic:
    if name in _STATISTICS:
        return _STATISTICS[name]
    match = re.fullmatch(r"p(\d+(?:\.\d+)?)", str(name))
    if match and float(match[1]) <= 100:
        percentage = float(match[1])
        return lambda frames: np.percentile(frames, percentage, axis=0)
    raise ValueError(
        f"statistics must be among {sorted(_STATISTICS)} or percentiles from 'p0' to "
        f"'p100', got {name!r}."
    )
