r"""Errors of mel filter banks from second moments, compiled.

The unclipped pseudo-inverse projects a frame onto the span of the filters. Neighbouring
triangles overlap pairwise, so Gram and Schmidt need to look back by one filter only:
with the rows :math:`b_k` of the basis,

.. math:: r_k = b_k - \alpha_k r_{k-1}, \qquad
          \alpha_k = \frac{b_k \cdot b_{k-1}}{d_{k-1}}, \qquad d_k = \| r_k \|^2,

are orthogonal, and the projection is :math:`P = \sum_k r_k r_k^T / d_k`. Filters far
from dependent have a faster way, see `skhrmel._feature_kernels`.
"""

import numpy as np

from skhrmel._compiler import compiled_loops
from skhrmel._feature_kernels import (
    explained_by_features,
    explained_evenly,
    filters_heard,
    invert_gram,
    multiply_filters,
    sum_from_above,
)

# How much the columns of the pseudo-inverse may amplify squared rounding errors where
# they are used themselves.
_MOST_AMPLIFICATION = 1e4


@compiled_loops
def _weigh(bins, corners, slaney, starts, rise, fall):
    """Weight of each bin in the filter that rises there and in the one that falls.

    Segment ``s`` lies between corners ``s`` and ``s + 1``: filter ``s`` rises there and
    filter ``s - 1`` falls. `starts` receives the first bin of each segment.
    """
    n_mels = len(corners) - 2
    f = 0
    for s in range(n_mels + 1):
        starts[s] = f
        low, high = corners[s], corners[s + 1]
        up, down = 1.0, 1.0
        if slaney:
            up = 2 / (corners[min(s + 2, n_mels + 1)] - low)
            down = 2 / (high - corners[max(s - 1, 0)])
        while f < len(bins) and (bins[f] <= high or s == n_mels):
            rise[f] = up * ((bins[f] - low) / (high - low)) if s < n_mels else 0.0
            fall[f] = down * ((high - bins[f]) / (high - low)) if s > 0 else 0.0
            f += 1
    starts[n_mels + 1] = f


@compiled_loops
def _orthogonalize(starts, rise, fall, corners, step, slaney, rcond, back, pivot):
    """Factors `back` and squared lengths `pivot` of the orthogonal filters.

    The length is that of the falling half and of what is left of the rising half. What
    is left follows from Lagrange's identity and not from a difference: of N evenly
    spaced bins of two straight lines, the squares of the products crossed over add up
    to a polynomial of N. So a filter almost parallel to its neighbour keeps its digits.

    A filter that depends on those before it, to the accuracy that `PseudoInverse` asks
    for, has a length of 0. It shares no bin of weight with the next, for a filter and
    all before it cannot make up what lies beyond them.

    Returns by how much, squared, the pseudo-inverse amplifies relative errors of the
    features at most.
    """
    n_mels = len(corners) - 2
    rising, falling = np.zeros(n_mels), np.zeros(n_mels)
    for k in range(n_mels):
        for f in range(starts[k], starts[k + 1]):
            rising[k] += rise[f] * rise[f]
        for f in range(starts[k + 1], starts[k + 2]):
            falling[k] += fall[f] * fall[f]
    least = rcond * rcond * (rising + falling).max()
    left_before = 0.0
    for k in range(n_mels):
        left = rising[k]
        back[k] = 0.0
        if k > 0 and pivot[k - 1] > 0:
            overlap = 0.0
            for f in range(starts[k], starts[k + 1]):
                overlap += rise[f] * fall[f]
            heights = 1.0
            if slaney:
                heights = 2 / (corners[k + 2] - corners[k])
                heights *= 2 / (corners[k + 1] - corners[k - 1])
            slope = step / (corners[k + 1] - corners[k]) * heights
            n = float(starts[k + 1] - starts[k])
            crossed = n * n * (n * n - 1) / 12 * slope * slope
            left = (crossed + rising[k] * left_before) / pivot[k - 1]
            back[k] = overlap / pivot[k - 1]
        left_before = left
        pivot[k] = falling[k] + left
        if pivot[k] <= least:
            pivot[k] = 0.0
    # Squared lengths of the columns of the pseudo-inverse.
    dual, alpha, amplification = 0.0, 0.0, 0.0
    for k in range(n_mels - 1, -1, -1):
        dual = 1 / pivot[k] + alpha * alpha * dual if pivot[k] > 0 else 0.0
        amplification = max(amplification, dual * (rising[k] + falling[k]))
        alpha = back[k]
    return amplification


@compiled_loops
def _add_segment(moment, first, last, rise, fall, up, down):
    """Write the rising half's product to `up`, add the falling half's to `down`."""
    n = len(up)
    up[:] = 0.0
    for f in range(first, last - 1, 2):
        a, b = moment[f], moment[f + 1]
        ra, rb, fa, fb = rise[f], rise[f + 1], fall[f], fall[f + 1]
        for g in range(n):
            up[g] += ra * a[g] + rb * b[g]
            down[g] += fa * a[g] + fb * b[g]
    if (last - first) % 2:
        a, ra, fa = moment[last - 1], rise[last - 1], fall[last - 1]
        for g in range(n):
            up[g] += ra * a[g]
            down[g] += fa * a[g]


@compiled_loops
def _project(vector, starts, rise, fall, back, out):
    """Dot products of all orthogonal filters with a vector."""
    before = 0.0
    for k in range(len(out)):
        dot = 0.0
        for f in range(starts[k], starts[k + 1]):
            dot += rise[f] * vector[f]
        for f in range(starts[k + 1], starts[k + 2]):
            dot += fall[f] * vector[f]
        before = dot - back[k] * before
        out[k] = before


@compiled_loops
def _explained(moment, weights, even, starts, rise, fall, back, pivot):
    """How much of the weighted energy of a moment the projection explains."""
    n_mels, n = len(pivot), len(weights)
    product, following = np.zeros(n), np.zeros(n)
    moved, orthogonal = np.zeros(n), np.zeros(n)
    of_moment, of_weights = np.zeros(n_mels), np.zeros(n_mels)
    explained = 0.0
    _add_segment(moment, starts[0], starts[1], rise, fall, product, following)
    for k in range(n_mels):
        following[:] = 0.0
        _add_segment(
            moment, starts[k + 1], starts[k + 2], rise, fall, following, product
        )
        product, following = following, product
        # `following` is now the moment times filter k.
        for g in range(n):
            moved[g] = following[g] - back[k] * moved[g]
            orthogonal[g] *= -back[k]
        for f in range(starts[k], starts[k + 1]):
            orthogonal[f] += rise[f]
        for f in range(starts[k + 1], starts[k + 2]):
            orthogonal[f] += fall[f]
        if pivot[k] == 0:
            continue
        energy = 0.0
        for g in range(n):
            energy += orthogonal[g] * weights[g] * moved[g]
        if even:
            explained += energy / pivot[k]
            continue
        explained += 2 * energy / pivot[k]
        _project(moved, starts, rise, fall, back, of_moment)
        _project(orthogonal * weights, starts, rise, fall, back, of_weights)
        both = 0.0
        for j in range(n_mels):
            if pivot[j] > 0:
                both += of_moment[j] * of_weights[j] / pivot[j]
        explained -= both / pivot[k]
    return explained


@compiled_loops
def interval_errors(
    moment, weights, bins, corners, n_mels, slaney, step, rcond, most, out
):
    """Weighted squared errors of mel filter banks of several sizes in one interval.

    Parameters
    ----------
    moment : ndarray of shape (n_bins, n_bins)
        Second moment of the bins of the interval.
    weights : ndarray of shape (n_bins,)
        Weights of the squared error of each bin, not all 0.
    bins : ndarray of shape (n_bins,)
        Frequencies of the bins in Hz.
    corners : ndarray of shape (n_sizes, most_mels + 2)
        Corners of the triangles in Hz; rows are filled up at the end.
    n_mels : ndarray of shape (n_sizes,)
        Number of filters of each bank; 0 for one that is impossible.
    slaney : bool
        Whether filters have the same area, and not the same height.
    step : float
        Distance of neighbouring bins in Hz.
    rcond : float
        Relative size below which a filter counts as depending on the others.
    most : float
        Largest amplification of relative errors of features; banks of more are
        impossible.
    out : ndarray of shape (n_sizes,)
        Receives the errors; infinity for what is impossible.
    """
    n, most_mels = len(weights), corners.shape[1] - 2
    rise, fall = np.zeros(n), np.zeros(n)
    starts, used = np.zeros(most_mels + 2, np.int64), np.zeros(most_mels, np.int64)
    back, pivot, moved = np.zeros(most_mels), np.zeros(most_mels), np.zeros(most_mels)
    inverse = np.zeros((most_mels, most_mels))
    seen, weighed = np.zeros_like(inverse), np.zeros_like(inverse)
    sums, placed = np.zeros((n + 1, n)), np.zeros((n + 1, n))
    sum_from_above(moment, sums, placed)
    even = weights.min() == weights.max()
    total = 0.0
    for f in range(n):
        total += weights[f] * moment[f, f]
    for i in range(len(n_mels)):
        m = n_mels[i]
        if m == 0:
            out[i] = np.inf
            continue
        c, s, b, p = corners[i, : m + 2], starts[: m + 2], back[:m], pivot[:m]
        _weigh(bins, c, slaney, s, rise, fall)
        amplification = _orthogonalize(s, rise, fall, c, step, slaney, rcond, b, p)
        if amplification > most * most:
            out[i] = np.inf
            continue
        if amplification < _MOST_AMPLIFICATION:
            u = used[: invert_gram(b, p, used, inverse)]
            heard = (0, 0) if even else filters_heard(weights, s, u)
            multiply_filters(
                moment, sums, placed, weights, heard, s, rise, fall, u, seen, weighed
            )
            if even:
                explained = weights[0] * explained_evenly(len(u), inverse, seen)
            else:
                explained = explained_by_features(
                    weights, heard, s, rise, fall, u, inverse, seen, weighed, moved
                )
        else:
            explained = _explained(moment, weights, even, s, rise, fall, b, p)
        # Rounding may leave less than nothing of what is explained completely.
        out[i] = max(0.0, total - explained)
