"""Layouts that no other beats under every criterion: the Pareto front, exactly."""

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from skhrmel._band_errors import BandErrors
from skhrmel._layout_search import Found, Path, describe

# Factors by which what beats another may be worse, in turn. Few layouts are left at
# first, soon found, and layouts known from earlier make short work of the last turn.
_SLACKS = 1.1, 1.02, 1.0
# Squared errors are rounded to whole steps, a power of two near 1e-9.
_STEP = 2.0**-30
# Covers of one number of bands. Twelve bands on 24 edges need 200,000 under three
# criteria; under dozens, two bands need more, since hardly any layout beats another. A
# tenth may be of one edge and number of bins.
_MOST_COVERS = 500_000


def pareto_front(
    bands: BandErrors, n_criteria: int, n_bands: Sequence[int]
) -> list[Found]:
    """Find all layouts that no other beats under every criterion.

    The covers of the edges up to each are made of shorter ones, a band at a time. A
    cover is dropped if another of as many bins is nowhere worse. It is dropped as well
    if a known layout is nowhere worse than the cover with the least that can follow,
    which is worked out for each criterion alone: a bound, as in branch and bound.

    Parameters
    ----------
    bands : BandErrors
        The error of every possible band.
    n_criteria : int
        The first so many criteria count.
    n_bands : sequence of int
        Numbers of bands allowed.

    Returns
    -------
    layouts : list of Found
        The layouts by ascending error under the first criterion, one of those that are
        equally good; `cost` is the mean of the errors.

    Raises
    ------
    ValueError
        If there are too many.
    """
    # Whole steps add up exactly, so that no layout wins by the rounding of a sum.
    counting = BandErrors(
        bands.edges,
        np.round(bands.errors[:n_criteria] / _STEP) * _STEP,
        np.round(bands.outside[:n_criteria] / _STEP) * _STEP,
    )
    even = np.full(n_criteria, 1 / n_criteria)
    front: list[Found] = []
    # Layouts of fewer bands, found before, are known as well.
    for k, slack in product(sorted(n_bands), _SLACKS):
        known = np.array([x.errors for x in front]).reshape(-1, n_criteria)
        paths = _unbeaten_paths(counting, k, known, slack)
        front = _unbeaten(front + [describe(counting, even, path) for path in paths])
    return front


def _unbeaten(layouts: Sequence[Found]) -> list[Found]:
    from skhrmel._front_kernels import unbeaten

    if not layouts:
        return []
    errors = np.array([x.errors for x in layouts])
    kept = unbeaten(errors, np.zeros(errors.shape[1]), errors[:0], 1.0, len(errors))
    return sorted((layouts[k] for k in kept), key=lambda x: tuple(x.errors))


def _unbeaten_paths(
    bands: BandErrors, n_bands: int, known: NDArray, slack: float
) -> list[Path]:
    """Give the covers of all edges by so many bands that nothing known beats."""
    from skhrmel._front_kernels import extend_covers

    n_edges, total = len(bands.edges), bands.total_mels
    errors = np.ascontiguousarray(np.moveaxis(bands.errors, 0, -1))
    to_go = _least_to_go(bands.errors, n_bands)
    # One cover to begin with, of nothing.
    offsets = np.ones((n_edges, total + 2), dtype=np.int64)
    offsets[0, 0] = 0
    sums = bands.outside[None, :].copy()
    levels = []
    for k in range(1, n_bands + 1):
        offsets, sums, origins, complete = extend_covers(
            errors, offsets, sums, to_go[n_bands - k], known, slack, _MOST_COVERS
        )
        if not complete:
            raise ValueError(
                f"pareto_front_ has too many layouts with {len(known.T)} analysis "
                f"bands, {n_bands} bands and {n_edges} candidate edges: allow fewer. "
                "Beyond a handful of analysis_bands, nearly all are on it."
            )
        levels.append(origins)
    return [_trace(levels, cover, n_edges - 1) for cover in range(len(sums))]


def _trace(levels: Sequence[NDArray], cover: int, j: int) -> Path:
    steps: Path = []
    for origins in reversed(levels):
        cover, i, m = origins[cover].tolist()
        steps.append((i, j, m))
        j = i
    return steps[::-1]


def _least_to_go(errors: NDArray, n_bands: int) -> NDArray:
    """Find the least that some bands from an edge on add, for each criterion alone.

    Returns
    -------
    to_go : ndarray of shape (n_bands + 1, n_edges, total_mels + 1, n_criteria)
        By the bands to come, the edge, and the bins used before it.
    """
    from skhrmel._path_kernels import cheapest_paths

    n_criteria, n_edges, _, n_sizes = errors.shape
    to_go = np.empty((n_bands + 1, n_edges, n_sizes, n_criteria))
    for q, upward in enumerate(errors):
        # With all edges in reverse, it is the cheapest covers from the first edge on.
        downward = np.ascontiguousarray(upward[::-1, ::-1].swapaxes(0, 1))
        costs = np.empty((n_bands + 1, n_edges, n_sizes, 1))
        choices = [np.empty(costs.shape, dtype=np.int16) for _ in range(3)]
        cheapest_paths(downward, n_bands, n_sizes - 1, costs, *choices)
        to_go[..., q] = costs[:, ::-1, ::-1, 0]
    return to_go
