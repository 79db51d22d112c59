"""Cheapest paths from edge to edge, compiled."""

import numpy as np

from skhrmel._compiler import compiled


@compiled
def _insert(cost, interval, size, rank, costs, intervals, sizes, ranks):
    """Put a path among the cheapest ones of a state, which end with a dearer one."""
    place = len(costs) - 1
    while place > 0 and cost < costs[place - 1]:
        place -= 1
    for p in range(len(costs) - 1, place, -1):
        costs[p], intervals[p] = costs[p - 1], intervals[p - 1]
        sizes[p], ranks[p] = sizes[p - 1], ranks[p - 1]
    costs[place], intervals[place] = cost, interval
    sizes[place], ranks[place] = size, rank


@compiled
def cheapest_paths(cost, most_bands, most_bins, costs, edges, sizes, ranks):
    """Cheapest ways to cover the edges up to each, for each number of bands and bins.

    A dynamic programme: the cheapest covers up to an edge are the cheapest up to an
    earlier edge and one more band.

    Parameters
    ----------
    cost : ndarray of shape (n_edges, n_edges, n_sizes)
        Cost of a band from one edge to another of so many bins; infinity for none.
    most_bands : int
        Largest number of bands.
    most_bins : int
        Largest number of bins of all bands together.
    costs : ndarray of shape (most_bands + 1, n_edges, most_bins + 1, n_best)
        Receives the costs of the cheapest covers from the first edge on, in ascending
        order, filled up with infinity.
    edges, sizes, ranks : ndarray of the same shape
        Receive where each cover's last band begins, its bins, and the place of the rest
        among the covers up to there.
    """
    n_edges, _, n_sizes = cost.shape
    n_best = costs.shape[3]
    costs[:] = np.inf
    costs[0, 0, 0, 0] = 0.0
    for k in range(1, most_bands + 1):
        for j in range(1, n_edges):
            for i in range(j):
                for m in range(1, min(n_sizes, most_bins + 1)):
                    added = cost[i, j, m]
                    if added == np.inf:
                        continue
                    for n in range(m, most_bins + 1):
                        for r in range(n_best):
                            total = costs[k - 1, i, n - m, r] + added
                            if not total < costs[k, j, n, n_best - 1]:
                                break
                            _insert(
                                total, i, m, r, costs[k, j, n],
                                edges[k, j, n], sizes[k, j, n], ranks[k, j, n],
                            )  # fmt: skip


@compiled
def _survivors(costs, errors, n_best):
    """Labels that fewer than `n_best` others beat in both numbers, by rising cost."""
    order = np.argsort(costs)
    least = np.full(n_best, np.inf)
    kept = np.empty(len(costs), np.int64)
    n_kept = 0
    for label in order:
        if errors[label] >= least[n_best - 1]:
            continue
        kept[n_kept] = label
        n_kept += 1
        place = n_best - 1
        while place > 0 and errors[label] < least[place - 1]:
            least[place] = least[place - 1]
            place -= 1
        least[place] = errors[label]
    return kept[:n_kept]


@compiled
def limited_paths(cost, error, limit, most_bands, most_bins, n_best):  # noqa: C901
    """Cheapest covers whose sum of a second number keeps to a limit.

    A cover that is beaten in both numbers can be forgotten, the others are kept: a
    programme over labels. As `cheapest_paths`, but a state has any number of covers.

    Parameters
    ----------
    cost, error : ndarray of shape (n_edges, n_edges, n_sizes)
        Both numbers of each band; infinity for none.
    limit : float
        Largest sum of errors.
    most_bands : int
        Largest number of bands.
    most_bins : int
        Largest number of bins of all bands together.
    n_best : int
        Number of covers wanted.

    Returns
    -------
    offsets : ndarray of shape (most_bands + 1, n_edges, most_bins + 2)
        Labels of a state lie from its offset to the next.
    numbers : ndarray of shape (n_labels, 2)
        Cost and error.
    origins : ndarray of shape (n_labels, 3)
        The label before, the edge where the last band begins, and its bins.
    """
    n_edges, _, n_sizes = cost.shape
    offsets = np.zeros((most_bands + 1, n_edges, most_bins + 2), np.int64)
    numbers, origins = np.zeros((1024, 2)), np.zeros((1024, 3), np.int64)
    # One label to begin with: nothing is covered, at no cost.
    n_labels = 1
    offsets[0, 0, 1:] = 1
    offsets[0, 1:] = 1
    for k in range(1, most_bands + 1):
        offsets[k, 0] = n_labels
        for j in range(1, n_edges):
            for n in range(most_bins + 1):
                offsets[k, j, n] = n_labels
                room = 0
                for i in range(j):
                    for m in range(1, min(n, n_sizes - 1) + 1):
                        before = offsets[k - 1, i, n - m : n - m + 2]
                        room += before[1] - before[0]
                found, came = np.empty((room, 2)), np.empty((room, 3), np.int64)
                n_found = 0
                for i in range(j):
                    for m in range(1, min(n, n_sizes - 1) + 1):
                        before = offsets[k - 1, i, n - m : n - m + 2]
                        for label in range(before[0], before[1]):
                            total = numbers[label, 1] + error[i, j, m]
                            if total <= limit and cost[i, j, m] < np.inf:
                                found[n_found, 0] = numbers[label, 0] + cost[i, j, m]
                                found[n_found, 1] = total
                                came[n_found, 0] = label
                                came[n_found, 1], came[n_found, 2] = i, m
                                n_found += 1
                kept = _survivors(found[:n_found, 0], found[:n_found, 1], n_best)
                while n_labels + len(kept) > len(numbers):
                    numbers = np.concatenate((numbers, np.zeros_like(numbers)))
                    origins = np.concatenate((origins, np.zeros_like(origins)))
                numbers[n_labels : n_labels + len(kept)] = found[kept]
                origins[n_labels : n_labels + len(kept)] = came[kept]
                n_labels += len(kept)
            offsets[k, j, most_bins + 1] = n_labels
    return offsets, numbers[:n_labels], origins[:n_labels]


@compiled
def join_covers(below, above, costs, bands, sizes, ranks, ranks_above):  # noqa: C901
    """Cheapest pairs of a cover of one range and a cover of the next.

    Parameters
    ----------
    below, above : ndarray of shape (n_bands + 1, n_bins + 1, n_best)
        Costs of the cheapest covers of both ranges by bands and bins.
    costs : ndarray of the same shape
        Receives the costs of the cheapest pairs.
    bands, sizes, ranks, ranks_above : ndarray of the same shape
        Receive the bands and bins of the upper part and the places of both parts.
    """
    n_bands, n_bins, n_best = costs.shape
    costs[:] = np.inf
    for k in range(n_bands):
        for n in range(n_bins):
            for upper_k in range(k + 1):
                for upper_n in range(n + 1):
                    for s in range(n_best):
                        added = above[upper_k, upper_n, s]
                        if added == np.inf:
                            break
                        for r in range(n_best):
                            total = below[k - upper_k, n - upper_n, r] + added
                            if not total < costs[k, n, n_best - 1]:
                                break
                            place = n_best - 1
                            while place > 0 and total < costs[k, n, place - 1]:
                                place -= 1
                            for p in range(n_best - 1, place, -1):
                                costs[k, n, p] = costs[k, n, p - 1]
                                bands[k, n, p] = bands[k, n, p - 1]
                                sizes[k, n, p] = sizes[k, n, p - 1]
                                ranks[k, n, p] = ranks[k, n, p - 1]
                                ranks_above[k, n, p] = ranks_above[k, n, p - 1]
                            costs[k, n, place] = total
                            bands[k, n, place] = upper_k
                            sizes[k, n, place] = upper_n
                            ranks[k, n, place] = r
                            ranks_above[k, n, place] = s
