r"""Products of mel features that errors of a filter bank are made of, compiled.

Of filters far from dependent, the projection is :math:`P = B^T G B` with
:math:`G = (B B^T)^{-1}`, and a second moment :math:`C` enters by the products
:math:`B C B^T` alone. The weights of a filter lie on two straight lines, so
:math:`C b_k` is made of differences of sums of rows of :math:`C`, plain and times the
number of the row, that all filter banks share: it costs the same however wide the
filter is.
"""

import numpy as np

from skhrmel._compiler import compiled_loops

# Bins up to which a sum over them is faster than a difference of two sums.
_FEW_BINS = 4


@compiled_loops
def sum_from_above(moment, sums, placed):
    """Add up the rows from each row on, plain and times the number of the row.

    A difference of two such sums is what a straight line over some rows makes of them,
    however many they are. From above, since spectra fall: what is small is not the
    difference of what is large.

    Parameters
    ----------
    moment : ndarray of shape (n_bins, n_bins)
        Second moment.
    sums, placed : ndarray of shape (n_bins + 1, n_bins)
        Receive the sums.
    """
    n = len(moment)
    sums[n], placed[n] = 0.0, 0.0
    for f in range(n - 1, -1, -1):
        for g in range(n):
            sums[f, g] = sums[f + 1, g] + moment[f, g]
            placed[f, g] = placed[f + 1, g] + f * moment[f, g]


@compiled_loops
def invert_gram(back, pivot, used, inverse):
    """Invert the matrix of products of filters that do not depend on those before.

    Parameters
    ----------
    back, pivot : ndarray of shape (n_mels,)
        Factors and squared lengths of the orthogonal filters.
    used : ndarray of shape (at least n_mels,)
        Receives the numbers of the filters that do not depend on those before.
    inverse : ndarray of shape (at least n_mels, at least n_mels)
        Receives the inverse for these.

    Returns
    -------
    n_used : int
        How many they are.
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


@compiled_loops
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


@compiled_loops
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


@compiled_loops
def filters_heard(weights, starts, used):
    """Find the filters that reach bins of weight.

    Parameters
    ----------
    weights : ndarray of shape (n_bins,)
        Weights of the bins.
    starts : ndarray of shape (n_mels + 2,)
        First bin of each segment.
    used : ndarray of shape (n_used,)
        Numbers of the filters used.

    Returns
    -------
    first, last : int
        Range of them, by their places in `used`.
    """
    first, last = len(used), 0
    for a in range(len(used)):
        for f in range(starts[used[a]], starts[used[a] + 2]):
            if weights[f] > 0:
                first, last = min(first, a), a + 1
                break
    return min(first, last), last


@compiled_loops
def multiply_filters(
    moment, sums, placed, weights, heard, starts, rise, fall, used, seen, weighed
):
    """Work out moments of features, and of weighed features with the others.

    Parameters
    ----------
    moment : ndarray of shape (n_bins, n_bins)
        Second moment :math:`C` of the bins.
    sums, placed : ndarray of shape (n_bins + 1, n_bins)
        Its sums from above.
    weights : ndarray of shape (n_bins,)
        Weights :math:`W` of the bins.
    heard : (int, int)
        Range of the filters used whose weighed features are wanted.
    starts : ndarray of shape (n_mels + 2,)
        First bin of each segment between corners.
    rise, fall : ndarray of shape (n_bins,)
        Weight of each bin in the filter that rises there and in the one that falls.
    used : ndarray of shape (n_used,)
        Numbers of the filters used.
    seen : ndarray of shape (at least n_used, at least n_used)
        Receives :math:`B C B^T` of these.
    weighed : ndarray of the same shape
        Receives :math:`B C W B^T` in the columns `heard`.
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


@compiled_loops
def explained_evenly(n_used, inverse, seen):
    """Work out how much of the energy of a moment the projection explains.

    Parameters
    ----------
    n_used : int
        Number of filters.
    inverse : ndarray of shape (at least n_used, at least n_used)
        Inverse :math:`G` of the matrix of their products.
    seen : ndarray of the same shape
        Moments of their features.

    Returns
    -------
    explained : float
        The trace of :math:`G B C B^T`.
    """
    explained = 0.0
    for a in range(n_used):
        for i in range(n_used):
            explained += inverse[a, i] * seen[a, i]
    return explained


@compiled_loops
def explained_by_features(
    weights, heard, starts, rise, fall, used, inverse, seen, weighed, moved
):
    """Work out how much of the weighted energy of a moment the projection explains.

    Decoding multiplies features by the inverse :math:`G` of the filters' products, then
    by filters. An FFT bin lies in two filters, so its error needs neighbours only.

    Parameters
    ----------
    weights : ndarray of shape (n_bins,)
        Weights of the bins.
    heard : (int, int)
        Range of the filters used that reach bins of weight.
    starts : ndarray of shape (n_mels + 2,)
        First bin of each segment between corners.
    rise, fall : ndarray of shape (n_bins,)
        Weight of each bin in the filter that rises there and in the one that falls.
    used : ndarray of shape (n_used,)
        Numbers of the filters used.
    inverse, seen, weighed : ndarray of shape (at least n_used, at least n_used)
        The inverse :math:`G`, and what `multiply_filters` gives.
    moved : ndarray of shape (at least n_used,)
        Room to work in.

    Returns
    -------
    explained : float
        The energy explained.
    """
    n_used = len(used)
    explained = 0.0
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
