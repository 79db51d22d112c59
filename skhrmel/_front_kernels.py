"""Covers of the edges that no other beats under every criterion, compiled."""

import numpy as np

from skhrmel._compiler import compiled


@compiled
def _find_better(errors, known, n_known, slack, first):
    """Tell which of those known is nowhere larger, -1 for none; try `first` at first.

    With slack, larger by that factor is forgiven.
    """
    n_criteria = len(errors)
    for trial in range(-1, n_known):
        k = trial if trial >= 0 else min(first, n_known - 1)
        q = 0
        while k >= 0 and q < n_criteria and known[k, q] <= slack * errors[q]:
            q += 1
        if q == n_criteria:
            return k
    return -1


@compiled
def unbeaten(errors, to_go, known, slack, most):
    """Tell which rows no other beats, and nothing known once what is to go is added.

    Parameters
    ----------
    errors : ndarray of shape (n_rows, n_criteria)
        The rows, finite.
    to_go : ndarray of shape (n_criteria,)
        The least that is still to be added to a row.
    known : ndarray of shape (n_known, n_criteria)
        Errors of whole layouts.
    slack : float
        1, or the larger factor by which what beats another may be worse.
    most : int
        Number of rows left beyond which the others are not looked at.

    Returns
    -------
    kept : ndarray of shape (n_kept,)
        Numbers of the rows left; of equal ones, one.
    """
    n_rows, n_criteria = errors.shape
    # What beats another has the smaller sum, so that it is met earlier.
    order = np.argsort(errors.sum(axis=1))
    kept = np.empty(n_rows, np.int64)
    best, ends = np.empty((64, n_criteria)), np.empty(n_criteria)
    # What has just beaten one row is likely to beat the next.
    n_kept, last, last_known = 0, 0, 0
    for row in order:
        better = _find_better(errors[row], best, n_kept, slack, last)
        if better >= 0:
            last = better
            continue
        for q in range(n_criteria):
            ends[q] = errors[row, q] + to_go[q]
        better = _find_better(ends, known, len(known), slack, last_known)
        if better >= 0:
            last_known = better
            continue
        if n_kept == len(best):
            best = np.concatenate((best, np.empty_like(best)))
        best[n_kept] = errors[row]
        kept[n_kept] = row
        n_kept += 1
        if n_kept > most:
            break
    return kept[:n_kept]


@compiled
def _gather_covers(errors, offsets, sums, j, n):
    """All covers up to edge `j` with `n` bins, by those of one band less."""
    n_criteria = errors.shape[3]
    most = min(n, errors.shape[2] - 1)
    room = 0
    for i in range(j):
        for m in range(1, most + 1):
            if errors[i, j, m, 0] < np.inf:
                room += offsets[i, n - m + 1] - offsets[i, n - m]
    found, origins = np.empty((room, n_criteria)), np.empty((room, 3), np.int32)
    row = 0
    for i in range(j):
        for m in range(1, most + 1):
            if errors[i, j, m, 0] == np.inf:
                continue
            for cover in range(offsets[i, n - m], offsets[i, n - m + 1]):
                for q in range(n_criteria):
                    found[row, q] = sums[cover, q] + errors[i, j, m, q]
                origins[row, 0], origins[row, 1], origins[row, 2] = cover, i, m
                row += 1
    return found, origins


@compiled
def extend_covers(errors, offsets, sums, to_go, known, slack, most):
    """Add a band to all covers, and keep those that may end unbeaten.

    Parameters
    ----------
    errors : ndarray of shape (n_edges, n_edges, n_sizes, n_criteria)
        Errors of a band from one edge to another of so many bins; infinity for none.
    offsets : ndarray of shape (n_edges, n_bins + 2)
        Covers up to an edge with so many bins lie from its offset to the next.
    sums : ndarray of shape (n_covers, n_criteria)
        Errors of each cover.
    to_go : ndarray of shape (n_edges, n_bins + 1, n_criteria)
        The least that bands from an edge on can add, with so many bins used before it;
        infinity where there is no way on.
    known : ndarray of shape (n_known, n_criteria)
        Errors of whole layouts: what cannot become better than all is dropped.
    slack : float
        1, or the larger factor by which what beats another may be worse.
    most : int
        Number of covers beyond which it is given up, or a tenth of it for one edge and
        number of bins.

    Returns
    -------
    offsets, sums : ndarray
        The longer covers.
    origins : ndarray of shape (n_covers, 3)
        The cover before, the edge where the last band begins, and its bins.
    complete : bool
        False if it was given up.
    """
    n_edges, n_criteria = errors.shape[0], errors.shape[3]
    last = offsets.shape[1] - 1
    longer = np.zeros(offsets.shape, np.int64)
    all_sums = np.empty((1024, n_criteria))
    all_origins = np.empty((1024, 3), np.int32)
    n_covers = 0
    for j in range(1, n_edges):
        for n in range(last):
            longer[j, n] = n_covers
            if to_go[j, n, 0] == np.inf:
                continue
            found, origins = _gather_covers(errors, offsets, sums, j, n)
            kept = unbeaten(found, to_go[j, n], known, slack, most // 10)
            while n_covers + len(kept) > len(all_sums):
                all_sums = np.concatenate((all_sums, np.empty_like(all_sums)))
                all_origins = np.concatenate((all_origins, np.empty_like(all_origins)))
            all_sums[n_covers : n_covers + len(kept)] = found[kept]
            all_origins[n_covers : n_covers + len(kept)] = origins[kept]
            n_covers += len(kept)
            if n_covers > most or len(kept) > most // 10:
                return longer, all_sums[:n_covers], all_origins[:n_covers], False
        longer[j, last] = n_covers
    return longer, all_sums[:n_covers], all_origins[:n_covers], True
