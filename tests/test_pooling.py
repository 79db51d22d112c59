import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skhrmel import FramePooling

ORACLES = {
    "mean": lambda x: np.mean(x, axis=0),
    "std": lambda x: np.std(x, axis=0),
    "min": lambda x: np.min(x, axis=0),
    "max": lambda x: np.max(x, axis=0),
    "median": lambda x: np.percentile(x, 50, axis=0),
    "p10": lambda x: np.percentile(x, 10, axis=0),
    "p97.5": lambda x: np.percentile(x, 97.5, axis=0),
    "delta_mean": lambda x: (x[-1] - x[0]) / (len(x) - 1),
    "delta_std": lambda x: np.std(x[1:] - x[:-1], axis=0),
}


@given(
    lengths=st.lists(st.integers(2, 30), min_size=1, max_size=4),
    statistics=st.lists(st.sampled_from(sorted(ORACLES)), min_size=1, unique=True),
    seed=st.integers(0, 99),
)
def test_statistics(lengths, statistics, seed):
    rng = np.random.default_rng(seed)
    clips = [rng.standard_normal((n, 5)) for n in lengths]
    pooling = FramePooling(statistics).fit(clips)
    expected = [
        np.concatenate([ORACLES[s](clip) for s in statistics]) for clip in clips
    ]
    assert_allclose(pooling.transform(clips), expected, rtol=1e-9, atol=1e-12)
    names = pooling.get_feature_names_out(list("abcde"))
    assert list(names) == [f"{f}_{s}" for s in statistics for f in "abcde"]


def test_a_single_frame_has_statistics():
    pooled = FramePooling(("mean", "std", "delta_mean", "delta_std")).fit_transform(
        [np.array([[3.0, 4.0]])]
    )
    assert_array_equal(pooled, [[3, 4, 0, 0, 0, 0, 0, 0]])


def test_channels_follow_each_other():
    clip = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    pooling = FramePooling(("mean", "max")).fit([clip])
    pooled = pooling.transform([clip])
    assert pooled.dtype == np.float32
    assert_array_equal(pooled, [[2, 3, 4, 5, 8, 9, 10, 11]])
    assert list(pooling.get_feature_names_out()[[0, 7]]) == [
        "channel0_x0_mean",
        "channel1_x1_max",
    ]


def test_set_output_and_clone():
    clips = [np.ones((3, 2)), np.zeros((2, 2))]
    table = FramePooling().set_output(transform="pandas").fit_transform(clips)
    assert list(table.columns) == ["x0_mean", "x1_mean", "x0_std", "x1_std"]
    assert clone(FramePooling(("p5",))).statistics == ("p5",)


@pytest.mark.parametrize(
    ("clips", "statistics", "message"),
    [
        ([np.zeros((0, 2))], ("mean",), "Clip 0 has no frame to pool"),
        ([np.ones((3, 2)), np.zeros((0, 2))], ("mean",), "Clip 1 has no frame to pool"),
        (
            [np.ones((3, 2)), np.ones((3, 4))],
            ("mean",),
            r"Clip 1 has shape \(3, 4\), but",
        ),
        ([np.ones((3, 2)), np.ones((1, 3, 2))], ("mean",), "Clip 1 has shape"),
        ([np.ones(3)], ("mean",), r"Clip 0 has shape \(3,\), expected"),
        (
            [np.full((3, 2), np.nan)],
            ("mean",),
            "Clip 0 has features that are not finite",
        ),
        ([], ("mean",), "X holds no clip"),
        ([np.ones((3, 2))], ("mode",), "got 'mode'"),
        ([np.ones((3, 2))], ("p101",), "got 'p101'"),
        ([np.ones((3, 2))], (), "statistics must name at least one"),
    ],
)
def test_impossible_input_is_refused(clips, statistics, message):
    with pytest.raises(ValueError, match=message):
        FramePooling(statistics).fit_transform(clips)


def test_not_fitted():
    with pytest.raises(NotFittedError):
        FramePooling().transform([np.ones((3, 2))])
