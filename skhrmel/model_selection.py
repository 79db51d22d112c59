"""Choosing the layout of the bands."""

import operator
from importlib import import_module
from itertools import combinations
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skhrmel._layout_cv import HRMelTransformerCV

__all__ = ["HRMelTransformerCV", "allocations"]


def __getattr__(name: str) -> Any:
    """Import the estimator when it is first asked for."""
    if name == "HRMelTransformerCV":
        return getattr(import_module("skhrmel._layout_cv"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def allocations(
    total: int, n_bands: int, *, step: int = 8, minimum: int = 1
) -> list[tuple[int, ...]]:
    """List every way to share out bins among bands, ready for a parameter grid.

    Parameters
    ----------
    total : int
        Number of bins of all bands together; a multiple of `step`.
    n_bands : int
        Number of bands.
    step : int, default=8
        Every band gets a multiple of this many bins.
    minimum : int, default=1
        Fewest bins of a band.

    Returns
    -------
    allocations : list of tuple of int
        All tuples of `n_bands` multiples of `step` of at least `minimum` that add up
        to `total`, in ascending order.

    Raises
    ------
    ValueError
        If an argument is not an integer of at least 1, `total` is not a multiple of
        `step`, or `total` is not enough for `minimum` bins a band.

    Examples
    --------
    >>> from skhrmel.model_selection import allocations
    >>> allocations(32, 3, step=8)
    [(8, 8, 16), (8, 16, 8), (16, 8, 8)]
    >>> len(allocations(96, 3, step=4, minimum=8))
    190
    """
    total, n_bands, step, minimum = (
        _positive(name, value)
        for name, value in (
            ("total", total),
            ("n_bands", n_bands),
            ("step", step),
            ("minimum", minimum),
        )
    )
    if total % step:
        raise ValueError(f"total={total} is not a multiple of step={step}.")
    smallest = -(-minimum // step)
    spare = total // step - n_bands * smallest
    if spare < 0:
        raise ValueError(
            f"total={total} bins are too few for {n_bands} bands of at least "
            f"{smallest * step} bins (minimum={minimum}, step={step})."
        )
    # Spare steps in a row with bars between the bands: the gaps are the shares.
    n_places = spare + n_bands - 1
    return [
        tuple(
            (right - left - 1 + smallest) * step
            for left, right in zip((-1, *bars), (*bars, n_places), strict=True)
        )
        for bars in combinations(range(n_places), n_bands - 1)
    ]


def _positive(name: str, value: Any) -> int:
    """Check a count, and free it from the range of NumPy's small integers."""
    try:
        count = operator.index(value)
    except TypeError:
        count = 0
    if count < 1:
        raise ValueError(f"{name} must be an integer of at least 1, got {value!r}.")
    return count
