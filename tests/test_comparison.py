import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_1samp

from skhrmel.comparison import paired_difference


def test_interval_is_close_to_the_t_interval_of_many_normal_differences():
    rng = np.random.default_rng(0)
    errors, others = rng.normal(0.3, 0.1, (2, 200))
    difference = paired_difference(errors, others)
    expected = ttest_1samp(errors - others, 0).confidence_interval(0.95)
    width = expected.high - expected.low
    # 10,000 resamples know the ends of the interval to about a hundredth of its width.
    assert difference.low == pytest.approx(expected.low, abs=0.05 * width)
    assert difference.high == pytest.approx(expected.high, abs=0.05 * width)
    assert difference.wins + difference.losses == 200


def test_tracks_that_differ_more_than_representations():
    """Unpaired, the deviation over tracks would hide a difference on every track."""
    others = np.linspace(0.1, 0.9, 12)
    difference = paired_difference(others - np.tile([0.01, 0.02], 6), others)
    assert difference.mean == pytest.approx(-0.015)
    assert -0.02 < difference.low < difference.high < -0.01
    assert (difference.wins, difference.losses) == (12, 0)


@settings(max_examples=20)
@given(seed=st.integers(0, 999), n_tracks=st.integers(5, 20))
def test_the_other_way_round_all_signs_change(seed, n_tracks):
    errors, others = np.random.default_rng(seed).random((2, n_tracks))
    there, back = paired_difference(errors, others), paired_difference(others, errors)
    assert there.mean == pytest.approx(-back.mean)
    assert (there.wins, there.losses) == (back.losses, back.wins)
    assert there.low <= there.mean <= there.high


def test_ties_and_a_single_track():
    same = paired_difference(np.full(6, 0.1), np.full(6, 0.1 + 1e-9))
    assert same[:] == (pytest.approx(0, abs=1e-9),) * 3 + (0, 0)
    for n_tracks in (1, 4):
        few = paired_difference([0.1] * n_tracks, [0.3] * n_tracks)
        assert few.mean == pytest.approx(-0.2)
        assert np.isnan([few.low, few.high]).all()


def test_impossible_input_is_refused():
    with pytest.raises(ValueError, match=r"same shape, .* got \(2,\) and \(1,\)"):
        paired_difference([0.1, 0.2], [0.1])
    with pytest.raises(ValueError, match="between 0 and 1, got 95"):
        paired_difference([0.1], [0.1], confidence_level=95)
    with pytest.raises(ValueError, match="NaN"):
        paired_difference([np.nan], [0.1])
