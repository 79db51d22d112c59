"""The exact Pareto front against all layouts, and what is fast about it."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skhrmel import _pareto
from skhrmel._band_errors import BandErrors
from skhrmel._front_kernels import unbeaten
from skhrmel._pareto import pareto_front
from skhrmel.comparison import pareto_front as find_unbeaten
from skhrmel.model_selection import allocations


def make_bands(seed, n_criteria, n_edges, total_mels, levels):
    """Random errors of bands, one in ten impossible; few levels make many ties."""
    rng = np.random.default_rng(seed)
    shape = n_criteria, n_edges, n_edges, total_mels + 1
    # Eighths add up without rounding, so that ties are ties.
    errors = rng.integers(0, levels, size=shape) / 8
    errors[:, rng.uniform(size=shape[1:]) < 0.1] = np.inf
    errors[..., 0] = np.inf
    outside = rng.integers(0, 8, size=n_criteria) / 8
    return BandErrors(np.arange(float(n_edges)), errors, outside)


def all_errors(bands, n_bands):
    """Errors of every possible layout, by its edges and bins."""
    last = len(bands.edges) - 1
    found = {}
    for k in n_bands:
        for inner in combinations(range(1, last), k - 1):
            edges = (0, *inner, last)
            for sizes in allocations(bands.total_mels, k, step=1, minimum=1):
                steps = zip(edges, edges[1:], sizes, strict=False)
                total = bands.outside + sum(
                    bands.errors[:, i, j, m] for i, j, m in steps
                )
                if np.isfinite(total[0]):
                    found[tuple(map(float, edges)), sizes] = total
    return found


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    n_criteria=st.integers(1, 5),
    n_edges=st.integers(2, 6),
    total_mels=st.integers(4, 9),
    n_bands=st.sets(st.integers(1, 4), min_size=1),
    levels=st.sampled_from([4, 100, 10_000]),
)
def test_the_front_is_that_of_all_layouts(
    seed, n_criteria, n_edges, total_mels, n_bands, levels
):
    bands = make_bands(seed, n_criteria, n_edges, total_mels, levels)
    possible = all_errors(bands, n_bands)
    front = pareto_front(bands, n_criteria, sorted(n_bands))
    for layout in front:
        assert_array_equal(layout.errors, possible[layout.band_edges, layout.n_mels])
        assert layout.cost == pytest.approx(layout.errors.mean())
    if not possible:
        assert front == []
        return
    errors = np.array(list(possible.values()))
    expected = np.unique(errors[find_unbeaten(errors)], axis=0)
    # One of those that are equally good, by ascending error.
    assert_array_equal([layout.errors for layout in front], expected)


def test_only_the_first_criteria_count():
    bands = make_bands(0, 3, 6, 12, 100)
    some = BandErrors(bands.edges, bands.errors[:2], bands.outside[:2])
    fronts = [pareto_front(b, 2, (2, 3)) for b in (bands, some)]
    assert len(fronts[0]) > 3
    assert_array_equal(*[[x.errors for x in front] for front in fronts])


def test_slack_changes_how_it_is_found_and_not_what(monkeypatch):
    bands = make_bands(1, 3, 8, 30, 10_000)
    fronts = []
    for slacks in ((1.0,), (2.0, 1.0), (1.1, 1.02, 1.0)):
        monkeypatch.setattr(_pareto, "_SLACKS", slacks)
        fronts.append([x.errors for x in pareto_front(bands, 3, (3, 4, 5))])
    assert len(fronts[0]) > 50
    assert_array_equal(fronts[0], fronts[1])
    assert_array_equal(fronts[0], fronts[2])


def test_too_many_are_an_error(monkeypatch):
    bands = make_bands(2, 6, 8, 20, 10_000)
    monkeypatch.setattr(_pareto, "_MOST_COVERS", 50)
    with pytest.raises(ValueError, match="too many layouts with 6 analysis bands, 3 b"):
        pareto_front(bands, 6, (3,))


@given(
    seed=st.integers(0, 10_000),
    n_rows=st.integers(1, 200),
    n_criteria=st.integers(1, 4),
    levels=st.sampled_from([3, 1000]),
)
def test_rows_left_are_those_that_no_row_beats(seed, n_rows, n_criteria, levels):
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, levels, size=(n_rows, n_criteria)).astype(float)
    kept = unbeaten(rows, np.zeros(n_criteria), np.empty((0, n_criteria)), 1.0, n_rows)
    expected = np.unique(rows[find_unbeaten(rows)], axis=0)
    assert_array_equal(np.unique(rows[kept], axis=0), expected)
    assert len(kept) == len(expected)
    # What is known forbids rows that reach it with what is still to be added.
    known = rows[rng.integers(n_rows, size=1)]
    left = unbeaten(rows, np.ones(n_criteria), known, 1.0, n_rows)
    hopeless = np.all(rows + 1 >= known, axis=1)
    assert set(left) == {k for k in kept if not hopeless[k]}


def test_least_to_go_is_the_least_of_all_ways_on():
    bands = make_bands(3, 2, 5, 7, 100)
    to_go = _pareto._least_to_go(bands.errors, 3)
    last = len(bands.edges) - 1
    for j in range(last):
        for used in range(7):
            ways = (
                [
                    sum(
                        bands.errors[:, a, b, m]
                        for a, b, m in zip(edges, edges[1:], sizes, strict=False)
                    )
                    for inner in combinations(range(j + 1, last), 1)
                    for edges in [(j, *inner, last)]
                    for sizes in allocations(7 - used, 2, step=1, minimum=1)
                ]
                if 7 - used >= 2
                else []
            )
            least = np.min(ways, axis=0) if ways else np.full(2, np.inf)
            assert_allclose(to_go[2, j, used], least)
