import pickle
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import NMF, PCA
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, LeaveOneGroupOut
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer

from skhrmel import HRMelTransformer, LogMelTransformer
from skhrmel.metrics import (
    ErrorSpectrum,
    band_relative_errors,
    log_spectral_distance,
    neg_band_reconstruction_errors,
    neg_reconstruction_error,
    relative_error,
    scale_invariant_sdr,
    spectral_convergence,
)


@pytest.fixture(scope="module")
def pair(frames):
    hrmel = HRMelTransformer().fit(frames)
    return frames, hrmel.inverse_transform(hrmel.transform(frames))


def test_relative_error_is_a_ratio_of_frobenius_norms(pair):
    S, S_hat = (array.astype(np.float64) for array in pair)
    expected = np.linalg.norm(S - S_hat) / np.linalg.norm(S)
    assert relative_error(S, S_hat) == pytest.approx(expected, rel=1e-12)


def test_relative_error_and_r2_score(pair):
    """R² against a prediction of zero, which is what r2_score says of centred data."""
    S, S_hat = (array.astype(np.float64) for array in pair)
    both = np.concatenate([S.ravel(), -S.ravel()])
    both_hat = np.concatenate([S_hat.ravel(), -S_hat.ravel()])
    assert r2_score(both, both_hat) == pytest.approx(1 - relative_error(S, S_hat) ** 2)


def test_bands_mask_both_spectra(pair):
    S, S_hat = (array.astype(np.float64) for array in pair)
    frequencies = np.arange(1025) * 44100 / 2048
    errors = band_relative_errors(S, S_hat)
    assert list(errors) == ["low", "mid", "high"]
    for name, inside in {
        "low": frequencies < 1500,
        "mid": (frequencies >= 1500) & (frequencies < 6000),
        "high": frequencies >= 6000,
    }.items():
        expected = np.linalg.norm((S - S_hat) * inside) / np.linalg.norm(S * inside)
        assert errors[name] == pytest.approx(expected, rel=1e-12)


def test_band_edges_belong_to_the_upper_band():
    # Bins at 0, 1500, 3000, ... Hz.
    S = np.ones((1, 9))
    S_hat = S.copy()
    S_hat[0, [1, 4]] = 0
    errors = band_relative_errors(S, S_hat, sr=24000)
    assert errors == {"low": 0.0, "mid": np.sqrt(1 / 3), "high": np.sqrt(1 / 5)}


def test_error_spectra_of_blocks_add_up(pair):
    S, S_hat = pair
    whole = ErrorSpectrum.between(S, S_hat)
    parts = ErrorSpectrum.between(S[:300], S_hat[:300]) + ErrorSpectrum.between(
        S[300:], S_hat[300:]
    )
    assert_allclose(parts.squared_error, whole.squared_error, rtol=1e-12)
    assert_allclose(parts.energy, whole.energy, rtol=1e-12)


def test_large_float32_power_does_not_overflow():
    S = np.full((2, 3), 1e25, dtype=np.float32)
    assert relative_error(S, np.float32(0.5) * S) == pytest.approx(0.5)


def test_silence_has_finite_errors(frames):
    silence = np.zeros((2, 1025))
    assert relative_error(silence, silence) == 0.0
    assert relative_error(silence, silence + 1e-9) == 1.0
    half = frames[:5].astype(np.float64).copy()
    half[:, 279:] = 0
    assert band_relative_errors(half, half)["high"] == 0.0
    assert log_spectral_distance(silence, silence) == 0.0
    for compression in ("log1p", "db"):
        log_mel = LogMelTransformer(compression=compression).fit(silence)
        scores = neg_band_reconstruction_errors(log_mel, silence)
        assert all(np.isfinite(score) for score in scores.values())


def test_log_spectral_distance_of_a_constant_factor():
    S = np.random.default_rng(0).exponential(size=(10, 20)) + 1
    assert log_spectral_distance(S, 10 * S) == pytest.approx(10, abs=1e-8)
    assert log_spectral_distance(S, S / 100) == pytest.approx(20, abs=1e-6)


def test_log_spectral_distance_is_a_mean_over_frames():
    S = np.ones((2, 4))
    S_hat = np.array([[10.0, 1, 1, 1], [1, 1, 1, 1]])
    assert log_spectral_distance(S, S_hat) == pytest.approx((5 + 0) / 2, abs=1e-8)


@given(st.floats(1e-12, 1e3))
def test_the_floor_is_what_silence_is_compared_at(floor):
    silence, tone = np.zeros((1, 1)), np.full((1, 1), 9 * floor)
    assert log_spectral_distance(tone, silence, floor=floor) == pytest.approx(10)


@pytest.mark.parametrize(
    "transformer",
    [
        HRMelTransformer(),
        PCA(n_components=8),
        NMF(n_components=4, init="nndsvda", max_iter=500, tol=1e-2),
        make_pipeline(HRMelTransformer(), PCA(n_components=8)),
        make_pipeline(
            HRMelTransformer(),
            KBinsDiscretizer(16, encode="ordinal", strategy="uniform"),
        ),
        HRMelTransformer().set_output(transform="pandas"),
    ],
    ids=lambda transformer: type(transformer).__name__,
)
def test_scorers_take_anything_with_an_inverse(frames, transformer):
    X = frames[::10]
    transformer.fit(X)
    error = relative_error(X, transformer.inverse_transform(transformer.transform(X)))
    assert neg_reconstruction_error(transformer, X) == pytest.approx(-error)
    scores = neg_band_reconstruction_errors(transformer, X)
    assert scores["overall"] == pytest.approx(-error)
    assert list(scores) == ["overall", "low", "mid", "high"]


class Identity(TransformerMixin, BaseEstimator):
    """The perfect representation."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X

    def inverse_transform(self, X):
        return X


def test_a_perfect_representation_scores_zero(frames):
    assert neg_reconstruction_error(Identity(), frames) == 0
    assert set(neg_band_reconstruction_errors(Identity(), frames).values()) == {0.0}


def test_multi_metric_search(frames, groups):
    search = GridSearchCV(
        HRMelTransformer(),
        {"n_mels": [(40, 32, 24), (24, 32, 40)]},
        scoring=neg_band_reconstruction_errors,
        refit="overall",
        cv=LeaveOneGroupOut(),
    ).fit(frames, groups=groups)
    assert search.best_params_ == {"n_mels": (40, 32, 24)}
    for name in ("overall", "low", "mid", "high"):
        assert np.all(search.cv_results_[f"mean_test_{name}"] < 0)
    # More bins above 6 kHz do better there.
    assert np.diff(search.cv_results_["mean_test_high"]) > 0


def test_scorer_for_another_rate(frames):
    hrmel = HRMelTransformer(48000).fit(frames)
    with pytest.raises(
        ValueError, match=r"sr=48000, but .* at sr=44100: pass functools"
    ):
        neg_band_reconstruction_errors(hrmel, frames)
    pipeline = make_pipeline(hrmel, PCA(2)).fit(frames)
    with pytest.raises(ValueError, match="hrmeltransformer__sr=48000"):
        neg_band_reconstruction_errors(pipeline, frames)
    scorer = pickle.loads(
        pickle.dumps(
            partial(neg_band_reconstruction_errors, sr=48000, bands={"sub": (0, 100)})
        )
    )
    assert set(scorer(hrmel, frames)) == {"overall", "sub"}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda S: relative_error(S, S[:1]), r"same shape, got \(2, 5\) and \(1, 5\)"),
        (lambda S: relative_error(S, S * np.nan), "Input S_hat contains NaN"),
        (lambda S: log_spectral_distance(S, -S), "Negative values"),
        (lambda S: log_spectral_distance(S, S, floor=0), "floor must be"),
        (
            lambda S: band_relative_errors(S, S, bands={"x": (1, 2)}),
            r"bands: 'x' \(1-2 Hz\) contains no FFT bin",
        ),
        (lambda S: band_relative_errors(S, S, sr=0), "sr > 0"),
        (lambda S: relative_error(1e200 * S, S), "beyond the range of float64"),
        (lambda S: relative_error(1e-200 * S, 0 * S), "beyond the range of float64"),
        (
            lambda S: ErrorSpectrum.between(S, S) + ErrorSpectrum.between(S.T, S.T),
            "5 and 2 frequencies",
        ),
        (
            lambda S: neg_band_reconstruction_errors(
                Identity(), S, bands={"overall": (0, 1)}
            ),
            "the name 'overall'",
        ),
    ],
)
def test_impossible_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.ones((2, 5)))


def test_spectral_convergence_of_silence():
    silence = np.zeros((2, 3))
    assert spectral_convergence(silence, silence) == 0
    assert spectral_convergence(silence, silence + 1) == 1


@given(
    seed=st.integers(0, 99), decibels=st.floats(-60, 60), scale=st.floats(1e-30, 1e30)
)
def test_sdr_is_the_level_of_what_was_added(seed, decibels, scale):
    rng = np.random.default_rng(seed)
    signal, noise = rng.standard_normal((2, 50))
    # What is orthogonal to the signal is distortion, and nothing else is.
    noise -= signal * (noise @ signal) / (signal @ signal)
    noise *= np.linalg.norm(signal) / np.linalg.norm(noise) * 10 ** (-decibels / 20)
    ratio = scale_invariant_sdr(signal, scale * (signal + noise))
    assert ratio == pytest.approx(decibels, abs=1e-6)


def test_sdr_of_all_and_of_nothing():
    signal = np.array([1.0, 2.0, -1.0])
    assert scale_invariant_sdr(signal, -4 * signal) == np.inf
    assert scale_invariant_sdr(signal, 0 * signal) == -np.inf
    assert scale_invariant_sdr([1.0, 0.0], [0.0, 1.0]) == -np.inf


@pytest.mark.parametrize(
    ("y", "y_hat", "message"),
    [
        ([1.0, 2.0], [1.0], r"same shape, \(n_samples,\), got \(2,\) and \(1,\)"),
        ([[1.0]], [[1.0]], r"same shape, \(n_samples,\)"),
        ([0.0, 0.0], [1.0, 2.0], "y is silent"),
        ([np.nan], [1.0], "NaN"),
    ],
)
def test_sdr_refuses(y, y_hat, message):
    with pytest.raises(ValueError, match=message):
        scale_invariant_sdr(y, y_hat)
