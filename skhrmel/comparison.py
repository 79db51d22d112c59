"""Comparing representations on the same tracks."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import bootstrap
from sklearn.utils import check_array

# Of fewer tracks a bootstrap interval is much too narrow: of three, one that should
# hold the true mean in 95 of 100 cases holds it in 71.
FEWEST_TRACKS = 5
# Differences below are rounding errors of float32 power: neither side wins.
_TIE = 1e-6


class PairedDifference(NamedTuple):
    """How the errors of one representation differ from another's, track by track.

    Attributes
    ----------
    mean : float
        Mean over tracks of the first error minus the second.
    low : float
        Lower end of the bootstrap interval of the mean; NaN below five tracks.
    high : float
        Upper end.
    wins : int
        Tracks on which the first error is smaller.
    losses : int
        Tracks on which it is larger.
    """

    mean: float
    low: float
    high: float
    wins: int
    losses: int


def paired_difference(
    errors: ArrayLike,
    others: ArrayLike,
    *,
    confidence_level: float = 0.95,
    n_resamples: int = 9999,
    random_state: int = 0,
) -> PairedDifference:
    """Compare errors that were measured on the same tracks.

    Tracks differ far more than representations do, so two means with their standard
    deviations tell little. The differences on each track tell more: their mean, its
    bias-corrected and accelerated bootstrap interval [1]_ over tracks, and on how many
    tracks which side is better. There is no interval below five tracks, and one of a
    dozen is still a little too narrow.

    Parameters
    ----------
    errors : array-like of shape (n_tracks,)
        Errors of one representation.
    others : array-like of shape (n_tracks,)
        Errors of the other, of the same tracks in the same order.
    confidence_level : float, default=0.95
        Probability that the interval should cover the true mean.
    n_resamples : int, default=9999
        Number of bootstrap samples.
    random_state : int, default=0
        Seed of the bootstrap.

    Returns
    -------
    difference : PairedDifference
        Negative where `errors` are smaller. Differences below 1e-6 are ties.

    Raises
    ------
    ValueError
        If the lengths differ, a value is not finite, or the level is impossible.

    References
    ----------
    .. [1] B. Efron, "Better bootstrap confidence intervals", Journal of the American
       Statistical Association, vol. 82, no. 397, 1987.

    Examples
    --------
    >>> from skhrmel.comparison import paired_difference
    >>> difference = paired_difference([0.2, 0.3, 0.4], [0.3, 0.5, 0.5])
    >>> round(difference.mean, 3), difference.wins, difference.losses
    (-0.133, 3, 0)
    """
    first, second = (
        check_array(array, dtype=np.float64, ensure_2d=False, input_name=name)
        for array, name in ((errors, "errors"), (others, "others"))
    )
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(
            "errors and others must have the same shape, (n_tracks,), got "
            f"{first.shape} and {second.shape}."
        )
    differences = first - second
    low, high = _interval(differences, confidence_level, n_resamples, random_state)
    return PairedDifference(
        float(differences.mean()),
        low,
        high,
        int(np.sum(differences < -_TIE)),
        int(np.sum(differences > _TIE)),
    )


def mean_interval(
    errors: ArrayLike,
    *,
    confidence_level: float = 0.95,
    n_resamples: int = 9999,
    random_state: int = 0,
) -> tuple[float, float]:
    """Say how well some tracks tell the mean error of all music like them.

    The bias-corrected and accelerated bootstrap interval of the mean over tracks. To
    compare two representations, use `paired_difference`: two such intervals may
    overlap although one error is smaller on every track.

    Parameters
    ----------
    errors : array-like of shape (n_tracks,)
        Errors of one representation.
    confidence_level : float, default=0.95
        Probability that the interval should cover the true mean.
    n_resamples : int, default=9999
        Number of bootstrap samples.
    random_state : int, default=0
        Seed of the bootstrap.

    Returns
    -------
    low, high : float
        Ends of the interval; NaN below five tracks.

    Raises
    ------
    ValueError
        If `errors` has not one dimension, a value is not finite, or the level is
        impossible.

    Examples
    --------
    >>> from skhrmel.comparison import mean_interval
    >>> low, high = mean_interval([0.2, 0.25, 0.3, 0.35, 0.4])
    >>> 0.2 <= low < 0.3 < high <= 0.4
    True
    """
    values = check_array(errors, dtype=np.float64, ensure_2d=False, input_name="errors")
    if values.ndim != 1:
        raise ValueError(f"errors must have shape (n_tracks,), got {values.shape}.")
    return _interval(values, confidence_level, n_resamples, random_state)


def pareto_front(costs: ArrayLike) -> NDArray:
    """Find the rows that no other row beats.

    A row beats another if none of its costs is higher and one is lower.

    Parameters
    ----------
    costs : array-like of shape (n_configurations, n_costs)
        Costs of each configuration, for instance its errors in two bands.

    Returns
    -------
    on_front : ndarray of shape (n_configurations,)
        Whether each row is on the front, bool.

    Raises
    ------
    ValueError
        If `costs` has not two dimensions, or a value is not finite.

    Examples
    --------
    >>> from skhrmel.comparison import pareto_front
    >>> pareto_front([[0.3, 0.7], [0.2, 0.8], [0.3, 0.9]])
    array([ True,  True, False])
    """
    values = check_array(costs, dtype=np.float64, input_name="costs")
    # A row at a time: all pairs at once would not fit for a large grid.
    on_front = [
        not np.any(np.all(values <= row, axis=1) & np.any(values < row, axis=1))
        for row in values
    ]
    return np.array(on_front)


def _interval(
    values: NDArray, confidence_level: float, n_resamples: int, random_state: int
) -> tuple[float, float]:
    if not 0 < confidence_level < 1:
        raise ValueError(
            f"confidence_level must be between 0 and 1, got {confidence_level!r}."
        )
    if len(values) < FEWEST_TRACKS:
        return float("nan"), float("nan")
    if np.ptp(values) < _TIE:
        return float(values.mean()), float(values.mean())
    low, high = bootstrap(
        (values,),
        np.mean,
        confidence_level=confidence_level,
        n_resamples=n_resamples,
        rng=np.random.default_rng(random_state),
    ).confidence_interval
    return float(low), float(high)
