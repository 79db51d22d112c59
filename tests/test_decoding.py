import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV

from skhrmel import AudioFrontEnd, HRMelTransformer, LogMelTransformer
from skhrmel.decoding import KullbackLeibler, PseudoInverse, RootRegression
from skhrmel.filterbank import BandLayout
from skhrmel.metrics import (
    neg_reconstruction_error,
    relative_error,
)
from skhrmel.spectrum import power_frames


def decode(layout, n_fft, mel_power):
    basis = layout.basis(n_fft)
    out = np.full((len(mel_power), basis.shape[1]), np.nan, dtype=mel_power.dtype)
    PseudoInverse(basis, layout.band_slices).decode(mel_power, out)
    return out


# From well resolved to hopeless: more filters than FFT bins, most of them empty.
LAYOUTS = [
    (BandLayout(44100, (0, 1500, 6000, 20000), (40, 32, 24)), 2048),
    (BandLayout(44100, (0, 20000), (96,)), 2048),
    (BandLayout(44100, (0, 20000), (96,), "htk", None), 2048),
    (BandLayout(44100, (0, 1500, 6000, 20000), (60, 20, 16), "htk"), 2048),
    (BandLayout(44100, (0, 1500, 6000, 20000), (40, 32, 24)), 1024),
    (BandLayout(44100, (0, 1500, 6000, 20000), (40, 32, 24)), 256),
    (BandLayout(8000, (100, 200, 300, 4000), (3, 1, 7)), 64),
    (BandLayout(8000, (0, 4000), (5,)), 2),
]


@pytest.mark.parametrize(("layout", "n_fft"), LAYOUTS)
def test_equals_the_clipped_pseudo_inverse_of_the_stacked_basis(layout, n_fft):
    rng = np.random.default_rng(0)
    power = rng.exponential(size=(20, n_fft // 2 + 1))
    basis = layout.basis(n_fft)
    mel_power = power @ basis.T
    pinv = np.linalg.pinv(basis, rcond=max(basis.shape) * np.finfo(float).eps)
    expected = np.maximum(mel_power @ pinv.T, 0)
    # Two decompositions of a basis of condition 3e3 differ by 3e3 units in the last
    # place; the largest power is about 10.
    assert_allclose(decode(layout, n_fft, mel_power), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize(("layout", "n_fft"), LAYOUTS)
def test_float32_loses_no_more_than_the_condition_of_the_basis(layout, n_fft):
    rng = np.random.default_rng(0)
    mel_power = rng.exponential(size=(20, n_fft // 2 + 1)) @ layout.basis(n_fft).T
    single = decode(layout, n_fft, mel_power.astype(np.float32))
    assert single.dtype == np.float32
    # 6e-8, the precision of float32, times a condition of at most 3e3.
    double = decode(layout, n_fft, mel_power)
    assert_allclose(single, double, rtol=0, atol=2e-4 * max(double.max(), 1e-3))


@given(exponent=st.integers(-20, 20), seed=st.integers(0, 99))
def test_scale_of_the_power_scales_the_result(exponent, seed):
    layout, n_fft = LAYOUTS[0]
    power = np.random.default_rng(seed).exponential(size=(3, n_fft // 2 + 1))
    mel_power = power @ layout.basis(n_fft).T
    # A power of two changes no digit.
    scaled = decode(layout, n_fft, mel_power * 2.0**exponent)
    np.testing.assert_array_equal(
        scaled, decode(layout, n_fft, mel_power) * 2.0**exponent
    )


def test_power_in_the_row_space_comes_back_exactly():
    layout, n_fft = LAYOUTS[0]
    basis = layout.basis(n_fft)
    power = np.random.default_rng(0).exponential(size=(5, len(basis))) @ basis
    decoded = decode(layout, n_fft, power @ basis.T)
    assert_allclose(decoded, power, rtol=1e-10, atol=1e-14)


def test_silence_stays_silent():
    layout, n_fft = LAYOUTS[0]
    assert not decode(layout, n_fft, np.zeros((4, 96))).any()


def updated(mel_power, basis, power, n_iter):
    """Do plain updates with dense matrices, in float64."""
    weight = basis.sum(axis=0)
    power = np.where(weight > 0, power, 0)
    for _ in range(n_iter):
        found = power @ basis.T
        ratio = np.where(found > 0, mel_power / np.where(found > 0, found, 1), 0)
        power = power * (ratio @ basis) / np.where(weight > 0, weight, 1)
    return power


@pytest.mark.parametrize(("layout", "n_fft"), LAYOUTS)
@pytest.mark.parametrize(("dtype", "rtol"), [(np.float32, 1e-4), (np.float64, 1e-10)])
def test_updates_are_those_of_richardson_and_lucy(layout, n_fft, dtype, rtol):
    from skhrmel import _kullback_leibler as kernel

    rng = np.random.default_rng(0)
    basis = layout.basis(n_fft)
    start = rng.exponential(size=(40, n_fft // 2 + 1))
    mel_power = rng.exponential(size=start.shape) @ basis.T
    found = start.astype(dtype)
    filters = kernel.find_two_filters(basis, np.dtype(dtype))
    squares = np.zeros(6, dtype=bool)
    kernel.richardson_lucy(mel_power.astype(dtype), filters, squares, found)
    expected = updated(mel_power, basis, start, 6)
    assert found.dtype == dtype
    # Rounding grows from update to update.
    assert_allclose(found, expected, rtol=rtol, atol=rtol * 1e-2)


@pytest.fixture(scope="module")
def music(clips):
    """Frames of every style, from the start for training and the end for testing."""
    frames = [power_frames(clip) for clip in clips]
    half = min(map(len, frames)) // 2
    train = np.vstack([f[:half] for f in frames])
    test = np.vstack([f[half:][::5] for f in frames])
    return train, test


def test_as_good_as_a_hundred_plain_updates(music):
    """Within a percent of what they reach from the same start."""
    train, test = music
    hrmel = HRMelTransformer(decoder="kl").fit(train)
    decoded = hrmel.inverse_transform(hrmel.transform(test))
    basis = hrmel.mel_basis_
    mel_power = test.astype(float) @ basis.T
    start = np.maximum(mel_power**0.25 @ hrmel.decoder_coef_.T, 0) ** 4
    area, weight = basis.sum(axis=1), basis.sum(axis=0)
    flat = (mel_power / area) @ (basis / np.where(weight > 0, weight, 1))
    expected = updated(mel_power, basis, np.maximum(start, flat / 10), 100)
    # And they do not land elsewhere.
    assert relative_error(expected, decoded) < 0.05
    assert relative_error(test, decoded) < 1.01 * relative_error(test, expected)


@pytest.mark.parametrize("transformer", [HRMelTransformer(), LogMelTransformer()])
@pytest.mark.parametrize("mel_scale", ["slaney", "htk"])
def test_better_than_by_the_pseudo_inverse(music, transformer, mel_scale):
    train, test = music
    errors = []
    for decoder in ("kl", "pinv"):
        transformer.set_params(decoder=decoder, mel_scale=mel_scale).fit(train)
        decoded = transformer.inverse_transform(transformer.transform(test))
        errors.append(relative_error(test, decoded))
    assert errors[0] < 0.75 * errors[1]


def test_learning_helps(music):
    train, test = music
    errors = []
    for frames in (train, train[:1]):
        hrmel = HRMelTransformer(decoder="kl").fit(frames)
        decoded = hrmel.inverse_transform(hrmel.transform(test))
        errors.append(relative_error(test, decoded))
    assert errors[0] < 0.9 * errors[1]


def test_frames_that_say_nothing_leave_the_interpolation_of_means():
    layout, n_fft = LAYOUTS[0]
    basis = layout.basis(n_fft)
    untrained, silence = RootRegression(basis), RootRegression(basis)
    silence.learn(np.zeros((500, n_fft // 2 + 1)))
    assert np.array_equal(untrained.solve(), silence.solve())
    # A flat spectrum has roots of 1, and where filters catch all, they tell.
    roots = basis.sum(axis=1) ** 0.25
    covered = basis.any(axis=0)
    assert_allclose((untrained.solve() @ roots)[covered], 1)
    assert not untrained.solve()[~covered].any()


def test_the_regression_is_a_ridge_regression(music):
    """By scikit-learn's own, bin by bin, on roots scaled to the same size."""
    train = music[0][::7].astype(float)
    basis = LAYOUTS[0][0].basis(2048)
    regression = RootRegression(basis)
    for block in np.array_split(train, 3):
        regression.learn(block)
    coef = regression.solve()
    prior = RootRegression(basis).solve()
    roots, mel_roots = train**0.25, (train @ basis.T) ** 0.25
    scale = np.linalg.norm(mel_roots, axis=0)
    for f in (10, 100, 500, 900):
        near = np.flatnonzero(coef[f])
        assert len(near) == 12
        ridge = Ridge(alpha=1e-3 + 100 / len(train), fit_intercept=False)
        ridge.fit(mel_roots[:, near] / scale[near], roots[:, f] - mel_roots @ prior[f])
        expected = prior[f, near] + ridge.coef_ / scale[near]
        assert_allclose(coef[f, near], expected, rtol=1e-6, atol=1e-9)


def test_a_relation_that_holds_is_found():
    """Power that is proportional inside each filter comes back to the last digits."""
    layout = BandLayout(8000, (0, 4000), (6,))
    basis = layout.basis(64)
    rng = np.random.default_rng(0)
    peaks = np.zeros(33)
    peaks[
        np.abs(layout.frequencies()[:, None] - np.arange(33) * 125).argmin(axis=1)
    ] = 1
    levels = rng.exponential(size=(20_000, 33))
    regression = RootRegression(basis)
    regression.learn(levels * peaks)
    test = rng.exponential(size=(9, 33)) * peaks
    out = np.empty_like(test)
    KullbackLeibler(basis, regression.solve()).decode(test @ basis.T, out)
    flat = np.empty_like(test)
    KullbackLeibler(basis, RootRegression(basis).solve()).decode(test @ basis.T, flat)
    assert relative_error(test, out) < 0.5 * relative_error(test, flat)


@given(exponent=st.integers(-60, 60), seed=st.integers(0, 99))
def test_scale_changes_nothing_else(exponent, seed):
    layout, n_fft = LAYOUTS[0]
    basis = layout.basis(n_fft)
    rng = np.random.default_rng(seed)
    power = rng.exponential(size=(3, n_fft // 2 + 1)) ** 4
    decoder = KullbackLeibler(basis, RootRegression(basis).solve())
    decoded, scaled = np.empty_like(power), np.empty_like(power)
    decoder.decode(power @ basis.T, decoded)
    decoder.decode(power @ basis.T * 2.0**exponent, scaled)
    np.testing.assert_array_equal(scaled, decoded * 2.0**exponent)
    louder, as_loud = RootRegression(basis), RootRegression(basis)
    louder.learn(power * 16.0**exponent)
    as_loud.learn(power)
    assert_allclose(louder.solve(), as_loud.solve(), rtol=1e-6, atol=1e-9)


@given(
    seed=st.integers(0, 9999),
    spread=st.floats(0, 12),
    silent=st.floats(0, 1),
    layout=st.sampled_from(LAYOUTS),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_any_mel_power_has_a_spectrum(seed, spread, silent, layout, dtype):
    """Even one that no spectrum has: finite, not negative, and not too much of it."""
    layout, n_fft = layout
    basis = layout.basis(n_fft)
    rng = np.random.default_rng(seed)
    mel_power = np.exp(spread * rng.standard_normal((5, len(basis))))
    mel_power *= rng.uniform(size=mel_power.shape) > silent
    regression = RootRegression(basis)
    regression.learn(rng.exponential(size=(50, basis.shape[1])) ** 3)
    out = np.full((5, basis.shape[1]), np.nan, dtype=dtype)
    KullbackLeibler(basis, regression.solve()).decode(mel_power.astype(dtype), out)
    assert np.all(np.isfinite(out))
    assert out.min() >= 0
    # The last update is a plain one, which keeps the sum of the mel power.
    total = mel_power.sum(axis=1)
    assert np.all((out @ basis.T).sum(axis=1) <= total * (1 + 1e-4))
    assert not out[:, ~basis.any(axis=0)].any()


def test_a_frame_does_not_depend_on_its_neighbours():
    from skhrmel import _kullback_leibler as kernel

    basis = LAYOUTS[0][0].basis(2048)
    rng = np.random.default_rng(0)
    start = rng.exponential(size=(70, 1025)).astype(np.float32)
    mel_power = (rng.exponential(size=start.shape) @ basis.T).astype(np.float32)
    filters = kernel.find_two_filters(basis, np.dtype(np.float32))
    squares = np.array([False, True, True, False])
    order = rng.permutation(70)
    together, shuffled = start.copy(), start[order]
    kernel.richardson_lucy(mel_power, filters, squares, together)
    kernel.richardson_lucy(mel_power[order], filters, squares, shuffled)
    np.testing.assert_array_equal(shuffled, together[order])


def test_learning_in_parts_is_learning_at_once(music):
    train, _ = music
    whole = HRMelTransformer(decoder="kl").fit(train)
    parts = HRMelTransformer(decoder="kl")
    for block in np.array_split(train, 5):
        parts.partial_fit(block)
    assert parts.n_samples_seen_ == whole.n_samples_seen_ == len(train)
    # Sums in another order.
    assert_allclose(parts.decoder_coef_, whole.decoder_coef_, rtol=1e-3, atol=1e-4)
    # A new fit forgets.
    assert whole.fit(train[:9]).n_samples_seen_ == 9


def test_refitting_with_another_decoder(music):
    train, test = music
    hrmel = HRMelTransformer(decoder="kl").fit(train)
    features = hrmel.transform(test)
    learned = hrmel.inverse_transform(features)
    # As ever in scikit-learn, a parameter takes effect at the next fit.
    np.testing.assert_array_equal(
        hrmel.set_params(decoder="pinv").inverse_transform(features), learned
    )
    hrmel.fit(train)
    assert not hasattr(hrmel, "decoder_coef_")
    expected = HRMelTransformer().fit(train).inverse_transform(features)
    np.testing.assert_array_equal(hrmel.inverse_transform(features), expected)


def test_a_front_end_learns_from_clips(clips):
    front_end = AudioFrontEnd(HRMelTransformer(decoder="kl")).fit(clips)
    frames = np.vstack([power_frames(clip) for clip in clips])
    expected = HRMelTransformer(decoder="kl").fit(frames)
    assert front_end.transformer_.n_samples_seen_ == len(frames)
    assert_allclose(
        front_end.transformer_.decoder_coef_,
        expected.decoder_coef_,
        rtol=1e-2,
        atol=1e-3,
    )
    with pytest.raises(ValueError, match="HRMelTransformer has to learn from some"):
        front_end.fit([])


def test_the_decoder_is_a_hyperparameter(music):
    train, _ = music
    search = GridSearchCV(
        HRMelTransformer(),
        {"decoder": ["pinv", "kl"]},
        scoring=neg_reconstruction_error,
        cv=3,
    )
    assert search.fit(train).best_params_ == {"decoder": "kl"}
