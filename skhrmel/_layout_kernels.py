r"""Errors of mel filter banks from second moments, compiled.

The unclipped pseudo-inverse projects a frame onto the span of the filters. Neighbouring
triangles overlap pairwise, so Gram and Schmidt need to look back by one filter only:
with the rows :math:`b_k` of the basis,

.. math:: r_k = b_k - \alpha_k r_{k-1}, \qquad
          \alpha_k = \frac{b_k \cdot b_{k-1}}{d_{k-1}}, \qquad d_k = \| r_k \|^2,

are orthogonal, and the projection is :math:`P = \sum_k r_k r_k^T / d_k`. A moment
:math:`C` enters by the products :math:`b_j^T C b_k` alone. Weights of a filter lie on two
straight lines, so :math:`C b_k` is made of differences of sums of rows of :math:`C`
that all filter banks share: it costs the same however wide the filter is.
"""

import numpy as np

from skhrmel._compiler import compiled


def _compiled_loops(function):
    """Let sums be added up in any order, eight terms at a time."""
    return compiled(function, fastmath={"reassoc", "contract"})


# How much the columns of the pseudo-inverse may amplify squared rounding errors where
# they are used themselves.
_MOST_AMPLIFICATION = 1e4

# Bins up to which a sum over them is faster than a difference of two sums.
_FEW_BINS = 4


@_compiled_loops
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


@_compiled_loops
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


@_compiled_loops
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


@_compiled_loops
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


@_compiled_loops
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


@_compiled_loops
def _sum_from_above(moment, sums, placed):
    """Sums of the rows from each row on, plain and times the number of the row.

    A difference of two of them is what a straight line over some rows makes of them,
    however many they are. From above, since spectra fall: what is small is not the
    difference of what is large.
    """
    n = len(moment)
    sums[n], placed[n] = 0.0, 0.0
    for f in range(n - 1, -1, -1):
        for g in range(n):
            sums[f, g] = sums[f + 1, g] + moment[f, g]
            placed[f, g] = placed[f + 1, g] + f * moment[f, g]


@_compiled_loops
def _invert_gram(back, pivot, used, inverse):
    """Inverse of the products of filters that do not depend on those before.

    `used` receives their numbers. Returns how many they are.
    """
    n_used = 0
    for k in range(len(pivot)):
        if pivot[k] > 0:
            used[n_used] = k
            n_used += 1
    for a in range(n_used - 1, -1, -1):
        k = used[a]
        inverse[a, a] = 1 / pivot[k]
        # What depends on others separates them.
        alpha = back[k + 1] if a + 1 < n_used and used[a + 1] == k + 1 else 0.0
        for j in range(a + 1, n_used):
            inverse[a, j] = inverse[j, a] = -alpha * inverse[a + 1, j]
        if alpha != 0:
            inverse[a, a] += alpha * alpha * inverse[a + 1, a + 1]
    return n_used


@_compiled_loops
def _multiply_segment(moment, sums, placed, first, last, rise, fall, low, up, down):
    """Write the rising half's product to `up`, add the falling half's to `down`.

    From the bin `low` on.
    """
    up, down = up[low:], down[low:]
    n = len(up)
    if last - first <= _FEW_BINS:
        up[:] = 0.0
        for f in range(first, last):
            row, r, d = moment[f, low:], rise[f], fall[f]
            for g in range(n):
                up[g] += r * row[g]
                down[g] += d * row[g]
        return
    # Straight lines through the weights of the outermost bins.
    span = last - 1 - first
    r1, d1 = (
        (rise[last - 1] - rise[first]) / span,
        (fall[last - 1] - fall[first]) / span,
    )
    r0, d0 = rise[first] - r1 * first, fall[first] - d1 * first
    sums_first, sums_last = sums[first, low:], sums[last, low:]
    placed_first, placed_last = placed[first, low:], placed[last, low:]
    for g in range(n):
        up[g] = r0 * (sums_first[g] - sums_last[g]) + r1 * (
            placed_first[g] - placed_last[g]
        )
    for g in range(n):
        down[g] += d0 * (sums_first[g] - sums_last[g]) + d1 * (
            placed_first[g] - placed_last[g]
        )


@_compiled_loops
def _dot_filter(vector, k, starts, rise, fall):
    """Dot product of a filter with a vector."""
    first, middle, last = starts[k], starts[k + 1], starts[k + 2]
    v, w = vector[first:middle], rise[first:middle]
    dot = 0.0
    for f in range(len(v)):
        dot += w[f] * v[f]
    v, w = vector[middle:last], fall[middle:last]
    for f in range(len(v)):
        dot += w[f] * v[f]
    return dot


@_compiled_loops
def _filters_heard(weights, starts, used):
    """Range of the filters used that reach bins of weight."""
    first, last = len(used), 0
    for a in range(len(used)):
        for f in range(starts[used[a]], starts[used[a] + 2]):
            if weights[f] > 0:
                first, last = min(first, a), a + 1
                break
    return min(first, last), last


@_compiled_loops
def _multiply_filters(
    moment, sums, placed, weights, heard, starts, rise, fall, used, seen, weighed
):
    """Moments of features, and of weighed features with the others.

    Of the filters `used`, in this order: row j of `seen` holds b_i C b_j, row j of
    `weighed` b_i W C b_j for those `heard`, a range of them.
    """
    n = len(weights)
    n_used = len(used)
    product, following, weighty = np.zeros(n), np.zeros(n), np.zeros(n)
    bins_heard = n
    if heard[1] > heard[0]:
        bins_heard = starts[used[heard[0]]]
    for a in range(n_used):
        j = used[a]
        # Below filter j, only what is heard; the rest is symmetric.
        low = min(starts[j], bins_heard)
        if a == 0 or used[a - 1] != j - 1:
            _multiply_segment(
                moment, sums, placed, starts[j], starts[j + 1], rise, fall, low,
                product, following,
            )  # fmt: skip
        _multiply_segment(
            moment, sums, placed, starts[j + 1], starts[j + 2], rise, fall, low,
            following, product,
        )  # fmt: skip
        product, following = following, product
        # `following` is now the moment times filter j.
        for i in range(a, n_used):
            dot = _dot_filter(following, used[i], starts, rise, fall)
            seen[i, a] = seen[a, i] = dot
        if heard[1] == heard[0]:
            continue
        for g in range(bins_heard, starts[used[heard[1] - 1] + 2]):
            weighty[g] = weights[g] * following[g]
        for i in range(heard[0], heard[1]):
            weighed[a, i] = _dot_filter(weighty, used[i], starts, rise, fall)


@_compiled_loops
def _explained_by_features(
    weights, even, heard, starts, rise, fall, used, inverse, seen, weighed, moved
):
    """As `_explained`, of filters far from dependent, by moments of features.

    Decoding multiplies features by the inverse :math:`G` of the filters' products, then
    by filters. An FFT bin lies in two filters, so its error needs neighbours only.
    """
    n_used = len(used)
    explained = 0.0
    if even:
        # A projection along itself: the trace of G times the features' moments.
        for a in range(n_used):
            for i in range(n_used):
                explained += inverse[a, i] * seen[a, i]
        return weights[0] * explained
    for a in range(heard[0], heard[1]):
        k = used[a]
        size, shared = 0.0, 0.0
        for f in range(starts[k], starts[k + 1]):
            size += weights[f] * rise[f] * rise[f]
        for f in range(starts[k + 1], starts[k + 2]):
            size += weights[f] * fall[f] * fall[f]
            shared += weights[f] * fall[f] * rise[f]
        moved[:n_used] = 0.0
        for j in range(n_used):
            x, row = inverse[a, j], seen[j]
            for i in range(n_used):
                moved[i] += x * row[i]
        kept, own, neighbours = 0.0, 0.0, 0.0
        for j in range(n_used):
            kept += inverse[a, j] * weighed[j, a]
            own += inverse[a, j] * moved[j]
        if a + 1 < n_used and used[a + 1] == k + 1:
            for j in range(n_used):
                neighbours += inverse[a + 1, j] * moved[j]
        explained += 2 * kept - size * own - 2 * shared * neighbours
    return explained


@_compiled_loops
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
    _sum_from_above(moment, sums, placed)
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
            u = used[: _invert_gram(b, p, used, inverse)]
            heard = (0, 0) if even else _filters_heard(weights, s, u)
            _multiply_filters(
                moment, sums, placed, weights, heard, s, rise, fall, u, seen, weighed
            )
            explained = _explained_by_features(
                weights, even, heard, s, rise, fall, u, inverse, seen, weighed, moved
            )
        else:
            explained = _explained(moment, weights, even, s, rise, fall, b, p)
        # Rounding may leave less than nothing of what is explained completely.
        out[i] = max(0.0, total - explained)
