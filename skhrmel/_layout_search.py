r"""The best band layouts of all on a grid of edges, found exactly.

Filters of different bands share no FFT bin, so the squared error of a layout without
clipping is a sum over its bands. What each possible band costs is worked out once;
which bands to join is a shortest path.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skhrmel._band_errors import BandErrors

#: Rounding that a limit forgives: a layout keeps to its own errors.
SLACK = 1e-9


class Found(NamedTuple):
    """A layout and what it costs.

    Attributes
    ----------
    band_edges : tuple of float
        Edges of its bands in Hz.
    n_mels : tuple of int
        Bins of each band.
    cost : float
        The objective: weighted mean of the criteria.
    errors : ndarray of shape (n_criteria,)
        Error under each criterion.
    """

    band_edges: tuple[float, ...]
    n_mels: tuple[int, ...]
    cost: float
    errors: NDArray


class Limit(NamedTuple):
    """A range of frequencies whose error under one criterion may not be larger.

    Attributes
    ----------
    low, high : float
        Candidate edges in Hz between which the range lies; every layout has them.
    criterion : int
        The criterion, which weighs nothing outside of the range.
    error : float
        The largest error.
    """

    low: float
    high: float
    criterion: int
    error: float


def best_layouts(
    bands: BandErrors,
    importance: NDArray,
    most_bands: int,
    *,
    n_best: int = 1,
    limits: Sequence[Limit] = (),
) -> list[list[Found]]:
    """Find the best layouts of each number of bands.

    Parameters
    ----------
    bands : BandErrors
        The error of every possible band.
    importance : ndarray of shape (n_criteria,)
        Factor of each criterion in the objective.
    most_bands : int
        Largest number of bands.
    n_best : int, default=1
        Number of layouts wanted of each number of bands.
    limits : sequence of Limit, default=()
        What no layout may exceed: adjoining ranges from the first edge to the last.

    Returns
    -------
    layouts : list of list of Found
        Item ``k - 1`` holds the layouts of ``k`` bands, the best first; fewer than
        `n_best` where there are no more.
    """
    cost = _objective(bands, importance)
    if limits:
        chain = [_limited_range(bands, cost, most_bands, n_best, x) for x in limits]
    else:
        chain = [_free_range(bands, cost, most_bands, n_best)]
    covers = chain[0]
    for above in chain[1:]:
        covers = _joined(covers, above)
    total = bands.total_mels
    layouts = []
    for k in range(1, most_bands + 1):
        n_found = int(np.isfinite(covers.costs[k, total]).sum())
        paths = [covers.path(k, total, rank) for rank in range(n_found)]
        layouts.append([describe(bands, importance, path) for path in paths])
    return layouts


def _objective(bands: BandErrors, importance: NDArray) -> NDArray:
    possible = np.isfinite(bands.errors[0])
    finite = np.where(possible, bands.errors, 0)
    return np.where(possible, np.tensordot(importance, finite, axes=1), np.inf)


# Bands from the first to the last: the edges' numbers and the bins of each.
Path = list[tuple[int, int, int]]


class _Covers(NamedTuple):
    """Costs of the cheapest covers by bands, bins and rank, and what they are."""

    costs: NDArray
    path: Callable[[int, int, int], Path]


def _free_range(
    bands: BandErrors, cost: NDArray, most_bands: int, n_best: int
) -> _Covers:
    from skhrmel import _path_kernels

    n_edges, total = len(bands.edges), bands.total_mels
    shape = (most_bands + 1, n_edges, total + 1, n_best)
    costs = np.empty(shape)
    edges, sizes, ranks = (np.zeros(shape, dtype=np.int16) for _ in range(3))
    _path_kernels.cheapest_paths(cost, most_bands, total, costs, edges, sizes, ranks)

    def path(k: int, n: int, rank: int) -> Path:
        steps: Path = []
        j = n_edges - 1
        while k > 0:
            state = k, j, n, rank
            i, m = int(edges[state]), int(sizes[state])
            steps.append((i, j, m))
            k, j, n, rank = k - 1, i, n - m, int(ranks[state])
        return steps[::-1]

    return _Covers(costs[:, -1], path)


def _limited_range(
    bands: BandErrors, cost: NDArray, most_bands: int, n_best: int, limit: Limit
) -> _Covers:
    from skhrmel import _path_kernels

    first, last = np.searchsorted(bands.edges, [limit.low, limit.high])
    within = slice(first, last + 1)
    total = bands.total_mels
    offsets, numbers, origins = _path_kernels.limited_paths(
        np.ascontiguousarray(cost[within, within]),
        np.ascontiguousarray(bands.errors[limit.criterion, within, within]),
        (limit.error - bands.outside[limit.criterion]) * (1 + SLACK),
        most_bands,
        total,
        n_best,
    )
    costs = np.full((most_bands + 1, total + 1, n_best), np.inf)
    starts, stops = offsets[:, -1, :-1], offsets[:, -1, 1:]
    for rank in range(n_best):
        there = starts + rank < stops
        costs[there, rank] = numbers[(starts + rank)[there], 0]

    def path(k: int, n: int, rank: int) -> Path:
        steps: Path = []
        label, j = int(starts[k, n]) + rank, int(last)
        for _ in range(k):
            label, i, m = origins[label].tolist()
            steps.append((i + int(first), j, m))
            j = i + int(first)
        return steps[::-1]

    return _Covers(costs, path)


def _joined(below: _Covers, above: _Covers) -> _Covers:
    from skhrmel import _path_kernels

    shape = below.costs.shape
    costs = np.empty(shape)
    choices = [np.zeros(shape, dtype=np.int16) for _ in range(4)]
    _path_kernels.join_covers(below.costs, above.costs, costs, *choices)

    def path(k: int, n: int, rank: int) -> Path:
        upper_k, upper_n, r, s = (int(choice[k, n, rank]) for choice in choices)
        return below.path(k - upper_k, n - upper_n, r) + above.path(upper_k, upper_n, s)

    return _Covers(costs, path)


def describe(bands: BandErrors, importance: NDArray, path: Path) -> Found:
    errors = bands.outside + sum(bands.errors[:, i, j, m] for i, j, m in path)
    edges = (bands.edges[path[0][0]], *(bands.edges[j] for _, j, _ in path))
    return Found(
        tuple(float(edge) for edge in edges),
        tuple(m for _, _, m in path),
        float(importance @ errors),
        errors,
    )
