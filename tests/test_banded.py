from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from skhrmel._banded import BandedMatrix, _cheapest_blocks, _column_support
from skhrmel.filterbank import BandLayout


def random_banded(rng, n_inputs, n_outputs, width):
    """Dense in a band along the diagonal, with some empty columns."""
    rows, columns = np.indices((n_inputs, n_outputs))
    near = np.abs(rows - columns * n_inputs / n_outputs) <= width
    return near * rng.standard_normal(near.shape) * (rng.random(n_outputs) < 0.8)


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float32, 1e-5), (np.float64, 1e-13)])
@given(
    seed=st.integers(0, 999),
    n_inputs=st.integers(1, 90),
    n_outputs=st.integers(1, 90),
    width=st.floats(0, 100),
)
def test_product_is_the_dense_one(dtype, rtol, seed, n_inputs, n_outputs, width):
    rng = np.random.default_rng(seed)
    matrix = random_banded(rng, n_inputs, n_outputs, width)
    rows = rng.standard_normal((7, n_inputs)).astype(dtype)
    out = np.full((7, n_outputs), np.nan, dtype=dtype)
    BandedMatrix(matrix).multiply(rows, out)
    expected = rows.astype(np.float64) @ matrix
    # Sums of at most 90 products of standard normal numbers.
    assert_allclose(out, expected, rtol, atol=100 * rtol)


@given(seed=st.integers(0, 999), overhead=st.floats(0, 300))
def test_blocks_are_the_cheapest_of_all(seed, overhead):
    rng = np.random.default_rng(seed)
    matrix = random_banded(rng, 12, 7, rng.uniform(0, 6))
    first, last = _column_support(matrix)

    def cost(spans):
        return sum(
            (high - low) * (stop - start) + overhead for low, high, start, stop in spans
        )

    def all_cuts():
        for mask in range(2**6):
            cuts = [0, *(k + 1 for k in range(6) if mask >> k & 1), 7]
            yield [
                (min(first[a:b].min(), last[a:b].max()), last[a:b].max(), a, b)
                for a, b in pairwise(cuts)
            ]

    best = _cheapest_blocks(first, last, overhead)
    assert cost(best) == pytest.approx(min(map(cost, all_cuts())))


def test_blocks_of_a_mel_basis_leave_out_five_of_six_products():
    basis = BandLayout(44100, (0, 1500, 6000, 20000), (40, 32, 24)).basis(2048)
    spans = _cheapest_blocks(*_column_support(basis.T))
    products = sum((high - low) * (stop - start) for low, high, start, stop in spans)
    assert len(spans) < 10
    assert products < basis.size / 6
