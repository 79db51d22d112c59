import librosa
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skhrmel.framing import Framing
from skhrmel.griffin_lim import _find_projection, _project, griffin_lim
from skhrmel.metrics import spectral_convergence
from skhrmel.spectrum import power_frames


@pytest.fixture(scope="module")
def power(clips):
    return power_frames(clips[3])


@pytest.mark.parametrize("momentum", [0.0, 0.99])
def test_from_the_same_phase_it_is_librosas(clips, momentum):
    y = clips[0][:30_000].astype(np.float64)
    power = power_frames(y)
    expected = librosa.griffinlim(
        np.sqrt(power.T),
        n_iter=4,
        hop_length=441,
        n_fft=2048,
        pad_mode="constant",
        momentum=momentum,
        init=None,
    )
    rebuilt = griffin_lim(power, n_iter=4, momentum=momentum, init="zero")
    # The phase of a bin of almost nothing is lost to rounding, and spreads.
    assert_allclose(rebuilt, expected, atol=1e-5 * np.abs(expected).max())


@given(seed=st.integers(0, 999), hop=st.integers(1, 3000), n_frames=st.integers(1, 9))
def test_the_compiled_projection_is_scipys_to_rounding(seed, hop, n_frames):
    rng = np.random.default_rng(seed)
    samples = rng.standard_normal(2048 + (n_frames - 1) * hop).astype(np.float32)
    weights = rng.uniform(0, 1, 2048).astype(np.float32)
    magnitude = rng.uniform(0, 1, (n_frames, 1025)).astype(np.float32)
    projection = _find_projection(weights)
    assert projection is not _project
    found, exact = np.zeros(len(samples), np.float32), np.zeros(len(samples))
    projection(samples, hop, weights, magnitude, found)
    _project(samples.astype(float), hop, weights.astype(float), magnitude, exact)
    # The phase of the smallest of thousands of bins is known to some 1e-4.
    assert_allclose(found, exact, atol=1e-4 * np.abs(exact).max())


def test_bins_without_a_phase_get_phase_zero():
    window, magnitude = np.ones(2048, np.float32), np.ones((1, 1025), np.float32)
    found, exact = np.zeros(2048, np.float32), np.zeros(2048, np.float32)
    for projection, out in ((_find_projection(window), found), (_project, exact)):
        projection(np.zeros(2048, np.float32), 441, window, magnitude, out)
    assert_allclose(found, exact, atol=1e-6)
    assert found[0] == pytest.approx(1)


def test_converges_as_far_as_librosa(clips):
    """On every style, within a tenth of librosa's spectral convergence."""
    ours, theirs = [], []
    for clip in clips:
        power = power_frames(clip)
        other = librosa.griffinlim(
            np.sqrt(power.T),
            n_iter=32,
            hop_length=441,
            n_fft=2048,
            pad_mode="constant",
            random_state=0,
        )
        ours.append(spectral_convergence(power, power_frames(griffin_lim(power))))
        theirs.append(spectral_convergence(power, power_frames(other)))
    assert np.mean(ours) <= 1.1 * np.mean(theirs)


def test_more_iterations_and_momentum_help(power):
    errors = [
        spectral_convergence(
            power, power_frames(griffin_lim(power, n_iter=n, momentum=m))
        )
        for n, m in ((0, 0.0), (8, 0.0), (32, 0.0), (32, 0.99))
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.6 * errors[0]


@pytest.mark.parametrize(
    "framing",
    [
        Framing(center=False),
        Framing(n_fft=512, hop_length=128),
        Framing(n_fft=512, hop_length=200, win_length=400, window="hamming"),
        Framing(n_fft=512, hop_length=511),
    ],
)
def test_framings(clips, framing):
    y = clips[1][:20_000].astype(np.float64)
    power = power_frames(
        y,
        n_fft=framing.n_fft,
        hop_length=framing.hop_length,
        win_length=framing.win_length,
        window=framing.window,
        center=framing.center,
    )
    rebuilt = griffin_lim(power, framing, n_iter=5)
    overlap = 0 if framing.center else framing.n_fft
    assert len(rebuilt) == (len(power) - 1) * framing.hop_length + overlap
    assert rebuilt.dtype == np.float64
    assert np.all(np.isfinite(rebuilt))


@pytest.mark.parametrize("hop_length", [1024, 1536, 2048, 3000])
def test_frames_that_hardly_overlap_do_not_blow_up(clips, hop_length):
    y = clips[2][:40_000]
    power = power_frames(y, hop_length=hop_length)
    rebuilt = griffin_lim(power, Framing(hop_length=hop_length), n_iter=4)
    # Half of the window's height is missing where two of them meet.
    assert np.abs(rebuilt).max() < 40 * np.abs(y).max()


def test_seed(power):
    assert_array_equal(griffin_lim(power, n_iter=2), griffin_lim(power, n_iter=2))
    other = griffin_lim(power, n_iter=2, random_state=1)
    assert not np.array_equal(griffin_lim(power, n_iter=2), other)


@pytest.mark.parametrize("exponent", [-30, 30])
def test_scale_of_the_power_scales_the_waveform(power, exponent):
    scaled = griffin_lim(power * np.float32(4.0**exponent), n_iter=3)
    expected = griffin_lim(power, n_iter=3) * np.float32(2.0**exponent)
    assert_allclose(scaled, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("init", ["random", "zero"])
def test_silence_stays_silent(init):
    y = griffin_lim(np.zeros((5, 1025), dtype=np.float32), n_iter=2, init=init)
    assert y.shape == (4 * 441,)
    assert not y.any()


def test_one_frame():
    assert griffin_lim(np.ones((1, 1025))).shape == (0,)
    assert griffin_lim(np.ones((1, 1025)), Framing(center=False)).shape == (2048,)


@pytest.mark.parametrize(
    ("power", "params", "message"),
    [
        (
            -np.ones((2, 1025)),
            {},
            "Negative values in data passed to power in griffin_lim",
        ),
        (np.full((2, 1025), np.nan), {}, "NaN"),
        (np.ones((2, 513)), {}, "power has 513 frequencies, but n_fft=2048 makes 1025"),
        (
            np.ones((2, 1025)),
            {"n_iter": -1},
            "n_iter must be a whole number from 0 on, got -1",
        ),
        (
            np.ones((2, 1025)),
            {"momentum": -0.1},
            "momentum must be finite and from 0 on, got -0.1",
        ),
        (np.ones((2, 1025)), {"n_iter": 2.5}, "whole number from 0 on, got 2.5"),
        (np.ones((2, 1025)), {"momentum": np.nan}, "finite and from 0 on, got nan"),
        (np.ones((2, 1025)), {"init": "best"}, "init must be 'random' or 'zero'"),
    ],
)
def test_impossible_input_is_refused(power, params, message):
    with pytest.raises(ValueError, match=message):
        griffin_lim(power, **params)
