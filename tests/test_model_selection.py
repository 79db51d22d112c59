from itertools import product
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import GridSearchCV, LeaveOneGroupOut

from skhrmel import HRMelTransformer
from skhrmel.metrics import neg_reconstruction_error
from skhrmel.model_selection import allocations


@given(
    n_steps=st.integers(1, 12),
    n_bands=st.integers(1, 4),
    step=st.integers(1, 5),
    minimum=st.integers(1, 9),
)
def test_all_allocations_and_no_other(n_steps, n_bands, step, minimum):
    total = n_steps * step
    multiples = range(step, total + 1, step)
    expected = [
        bins
        for bins in product(multiples, repeat=n_bands)
        if sum(bins) == total and min(bins) >= minimum
    ]
    if not expected:
        with pytest.raises(ValueError, match="too few"):
            allocations(total, n_bands, step=step, minimum=minimum)
        return
    assert allocations(total, n_bands, step=step, minimum=minimum) == expected


@given(total=st.integers(1, 60), n_bands=st.integers(1, 4))
def test_their_number_is_that_of_compositions(total, n_bands):
    if total >= n_bands:
        assert len(allocations(total, n_bands, step=1)) == comb(total - 1, n_bands - 1)


def test_small_integers_of_numpy_do_not_wrap_around():
    eight = np.uint8(8)
    assert allocations(96, 3, step=eight, minimum=eight) == allocations(96, 3)


def test_the_papers_allocations_are_among_them():
    assert {(40, 32, 24), (32, 32, 32), (24, 32, 40)} <= set(allocations(96, 3))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"total": 0}, "total must be an integer of at least 1, got 0"),
        ({"total": 96.0}, "total must be an integer of at least 1, got 96.0"),
        ({"n_bands": 0}, "n_bands must be an integer of at least 1"),
        ({"step": 0}, "step must be an integer of at least 1"),
        ({"minimum": 0}, "minimum must be an integer of at least 1"),
        ({"step": 7}, "total=96 is not a multiple of step=7"),
        ({"n_bands": 13}, "too few for 13 bands of at least 8 bins"),
    ],
)
def test_impossible_requests_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        allocations(**{"total": 96, "n_bands": 3} | arguments)


def test_grid_search_over_bins_and_edges_in_parallel(frames, groups):
    grid = {
        "n_mels": allocations(96, 3, step=16),
        "band_edges": [(0.0, 1500.0, 6000.0, 20000.0), (0.0, 1000.0, 4000.0, 20000.0)],
    }

    def search(n_jobs):
        return GridSearchCV(
            HRMelTransformer(),
            grid,
            scoring=neg_reconstruction_error,
            cv=LeaveOneGroupOut(),
            n_jobs=n_jobs,
            error_score="raise",
        ).fit(frames, groups=groups)

    sequential, parallel = search(1), search(2)
    assert len(sequential.cv_results_["params"]) == 20
    # The number of BLAS threads may change the order of a sum.
    for key in ("mean_test_score", "std_test_score"):
        np.testing.assert_allclose(
            parallel.cv_results_[key], sequential.cv_results_[key], rtol=1e-5
        )
    assert parallel.best_params_ == sequential.best_params_
