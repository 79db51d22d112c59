r"""Errors of mel filter banks from second moments, compiled.

The unclipped pseudo-inverse projects a frame onto the span of the filters. Neighbouring
triangles overlap pairwise, so Gram and Schmidt need to look back by one filter only:
with the rows :math:`b_k` of the basis,

.. math:: r_k = b_k - \alpha_k r_{k-1}, \qquad
          \alpha_k = \frac{b_k \cdot b_{k-1}}{d_{k-1}}, \qquad d_k = \| r_k \|^2,

are orthogonal, and the projection is :math:`P = \sum_k r_k r_k^T / d_k`. The same
recurrence gives :math:`u_k = C r_k` of a moment :math:`C` from the products
:math:`C b_k`, which take two multiplications an entry of :math:`C` for all filters
together, since an FFT bin lies in two filters.
"""

import numpy as np

from skhrmel._compiler import compiled


def _compiled_loops(function):
    """Let sums be added up in any order, eight terms at a time."""
    return compiled(function, fastmath={"reassoc", "contract"})


# How much the columns of the pseudo-inverse may amplify squared rounding errors where
# they are used themselves.
_MOST_AMPLIFICATION = 1e4


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
def _explained_by_duals(moment, weights, starts, rise, fall, back, pivot):  # noqa: C901
    """As `_explained`, of filters far from dependent: a third of the time.

    The columns :math:`z_k` of the pseudo-inverse follow from the orthogonal filters
    from the last to the first, and so does :math:`C z_k`. An FFT bin lies in two
    filters, so its error needs products of neighbours only.
    """
    n_mels, n = len(pivot), len(weights)
    product, following = np.zeros(n), np.zeros(n)
    moved, orthogonal = np.zeros((n_mels + 1, n)), np.zeros((n_mels + 1, n))
    _add_segment(moment, starts[0], starts[1], rise, fall, product, following)
    for k in range(n_mels):
        following[:] = 0.0
        _add_segment(
            moment, starts[k + 1], starts[k + 2], rise, fall, following, product
        )
        product, following = following, product
        u, r, alpha = moved[k], orthogonal[k], back[k]
        u_before, r_before = moved[k - 1], orthogonal[k - 1]
        for g in range(n):
            u[g] = following[g] - alpha * u_before[g]
            r[g] = -alpha * r_before[g]
        for f in range(starts[k], starts[k + 1]):
            r[f] += rise[f]
        for f in range(starts[k + 1], starts[k + 2]):
            r[f] += fall[f]
    moved[n_mels], orthogonal[n_mels] = 0.0, 0.0
    explained = 0.0
    for k in range(n_mels - 1, -1, -1):
        v, z, v_above, z_above = (
            moved[k],
            orthogonal[k],
            moved[k + 1],
            orthogonal[k + 1],
        )
        alpha = back[k + 1] if k + 1 < n_mels else 0.0
        scale = 1 / pivot[k] if pivot[k] > 0 else 0.0
        alpha = alpha if pivot[k] > 0 else 0.0
        for g in range(n):
            v[g] = v[g] * scale - alpha * v_above[g]
            z[g] = z[g] * scale - alpha * z_above[g]
        size, shared, kept = 0.0, 0.0, 0.0
        for f in range(starts[k], starts[k + 1]):
            size += weights[f] * rise[f] * rise[f]
            kept += weights[f] * rise[f] * v[f]
        for f in range(starts[k + 1], starts[k + 2]):
            size += weights[f] * fall[f] * fall[f]
            kept += weights[f] * fall[f] * v[f]
            shared += weights[f] * fall[f] * rise[f]
        if size == 0:
            continue
        own, neighbours = 0.0, 0.0
        for g in range(n):
            own += z[g] * v[g]
            neighbours += z_above[g] * v[g]
        explained += 2 * kept - size * own - 2 * shared * neighbours
    return explained


@_compiled_loops
def interval_errors(
    moments, weights, bins, corners, n_mels, slaney, step, rcond, most, out
):
    """Weighted squared errors of mel filter banks of several sizes in one interval.

    Parameters
    ----------
    moments : ndarray of shape (n_criteria, n_bins, n_bins)
        Second moments of the bins of the interval, one a criterion.
    weights : ndarray of shape (n_criteria, n_bins)
        Weights of the squared error of each bin.
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
    out : ndarray of shape (n_criteria, n_sizes)
        Receives the errors; infinity for what is impossible.
    """
    n_criteria, n = weights.shape
    rise, fall = np.zeros(n), np.zeros(n)
    starts = np.zeros(corners.shape[1], np.int64)
    for i in range(len(n_mels)):
        m = n_mels[i]
        if m == 0:
            out[:, i] = np.inf
            continue
        c = corners[i, : m + 2]
        back, pivot = np.zeros(m), np.zeros(m)
        _weigh(bins, c, slaney, starts, rise, fall)
        amplification = _orthogonalize(
            starts, rise, fall, c, step, slaney, rcond, back, pivot
        )
        if amplification > most * most:
            out[:, i] = np.inf
            continue
        far = amplification < _MOST_AMPLIFICATION
        for q in range(n_criteria):
            total, heaviest, lightest = 0.0, 0.0, np.inf
            for f in range(n):
                total += weights[q, f] * moments[q, f, f]
                heaviest = max(heaviest, weights[q, f])
                lightest = min(lightest, weights[q, f])
            even = heaviest == lightest
            if far and not even:
                total -= _explained_by_duals(
                    moments[q], weights[q], starts, rise, fall, back, pivot
                )
            elif heaviest > 0:
                total -= _explained(
                    moments[q], weights[q], even, starts, rise, fall, back, pivot
                )
            # Rounding may leave less than nothing of what is explained completely.
            out[q, i] = max(0.0, total)
