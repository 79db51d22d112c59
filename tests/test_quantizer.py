import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from skhrmel import HRMelTransformer, UniformQuantizer
from skhrmel.metrics import relative_error


@parametrize_with_checks([UniformQuantizer(), UniformQuantizer(n_bits=12)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@given(
    seed=st.integers(0, 999),
    n_bits=st.integers(1, 16),
    scale=st.floats(1e-6, 1e6),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_the_error_is_at_most_half_a_step(seed, n_bits, scale, dtype):
    X = (np.random.default_rng(seed).standard_normal((50, 3)) * scale).astype(dtype)
    quantizer = UniformQuantizer(n_bits)
    codes = quantizer.fit_transform(X)
    assert codes.dtype == (np.uint8 if n_bits <= 8 else np.uint16)
    restored = quantizer.inverse_transform(codes)
    assert restored.dtype == dtype
    step = np.ptp(X.astype(float), axis=0) / (2**n_bits - 1)
    # Besides, the result is rounded to its dtype.
    rounding = np.finfo(dtype).eps * np.abs(X).max()
    assert np.all(np.abs(restored - X) <= step / 2 * (1 + 1e-9) + rounding)
    # The ends of the range are met, and all codes are used where there are enough.
    assert_allclose(restored.min(axis=0), X.min(axis=0), atol=rounding)
    assert codes.min() == 0
    assert codes.max() == 2**n_bits - 1


def test_what_lies_beyond_the_range_becomes_its_end():
    quantizer = UniformQuantizer(4).fit([[0.0], [1.5]])
    assert_array_equal(quantizer.transform([[-9.0], [0.1], [99.0]]), [[0], [1], [15]])


def test_groups_share_a_range():
    X = np.array([[0.0, 10.0, 5.0], [1.0, 20.0, 5.0]])
    quantizer = UniformQuantizer(groups=["a", "a", "b"]).fit(X)
    assert_array_equal(quantizer.data_min_, [0, 0, 5])
    assert_array_equal(quantizer.data_max_, [20, 20, 5])
    # A feature that never changes costs nothing.
    assert_array_equal(
        quantizer.inverse_transform(quantizer.transform(X))[:, 2], [5, 5]
    )


def test_partial_fit_widens_to_what_fit_finds():
    X = np.random.default_rng(0).standard_normal((90, 4))
    parts = UniformQuantizer(groups=[0, 0, 1, 1])
    for block in np.array_split(X, 4):
        parts.partial_fit(block)
    whole = UniformQuantizer(groups=[0, 0, 1, 1]).fit(X)
    assert_array_equal(parts.data_min_, whole.data_min_)
    assert_array_equal(parts.data_max_, whole.data_max_)
    assert parts.n_samples_seen_ == 90


def test_features_at_a_quarter_of_the_space(frames):
    """One byte for four: the reconstruction from 8 bits is nearly as good."""
    hrmel = HRMelTransformer().fit(frames)
    features = hrmel.transform(frames)
    coder = make_pipeline(HRMelTransformer(), UniformQuantizer(8)).fit(frames)
    codes = coder.transform(frames)
    assert codes.nbytes == features.nbytes / 4
    exact = relative_error(frames, hrmel.inverse_transform(features))
    stored = pickle.loads(pickle.dumps(coder)).inverse_transform(codes)
    assert relative_error(frames, stored) < 1.1 * exact


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: UniformQuantizer(17).fit([[0.0]]), "n_bits"),
        (
            lambda: UniformQuantizer(groups=[0]).fit([[0.0, 1.0]]),
            r"a label for each of the 2 features, got shape \(1,\)",
        ),
        (
            lambda: UniformQuantizer(groups=[1, np.nan]).fit([[0.0, 1.0]]),
            "groups must be numbers or strings, without NaN",
        ),
        (
            lambda: UniformQuantizer(groups=["a", None]).fit([[0.0, 1.0]]),
            "groups must be numbers or strings",
        ),
        (lambda: UniformQuantizer().fit([[np.nan]]), "NaN"),
        (
            lambda: UniformQuantizer().fit([[1e308], [-1e308]]),
            "has no steps in float64",
        ),
        (
            lambda: UniformQuantizer(2).fit([[0.0]]).inverse_transform([[4]]),
            "codes, whole numbers from 0 to 3, got values from 4 to 4",
        ),
        (
            lambda: UniformQuantizer(2).fit([[0.0]]).inverse_transform([[0.5]]),
            "whole numbers from 0 to 3",
        ),
        (
            lambda: UniformQuantizer().fit([[0.0]]).inverse_transform([[1, 2]]),
            "X has 2 features, but UniformQuantizer is expecting 1",
        ),
    ],
)
def test_impossible_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
