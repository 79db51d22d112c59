import librosa
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skhrmel.framing import Framing
from skhrmel.griffin_lim import griffin_lim, spectral_convergence
from skhrmel.spectrum import power_frames


@pytest.fixture(scope="module")
def power(clips):
    return power_frames(clips[3])


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


def test_spectral_convergence_of_silence():
    silence = np.zeros((2, 3))
    assert spectral_convergence(silence, silence) == 0
    assert spectral_convergence(silence, silence + 1) == 1


@pytest.mark.parametrize(
    ("power", "params", "message"),
    [
        (-np.ones((2, 1025)), {}, "Negative values"),
        (np.full((2, 1025), np.nan), {}, "NaN"),
        (np.ones((2, 513)), {}, "power has 513 frequencies, but n_fft=2048 makes 1025"),
        (np.ones((2, 1025)), {"n_iter": -1}, "n_iter must not be negative"),
        (np.ones((2, 1025)), {"momentum": -0.1}, "momentum must not be negative"),
        (np.ones((2, 1025)), {"init": "best"}, "init must be 'random' or 'zero'"),
    ],
)
def test_impossible_input_is_refused(power, params, message):
    with pytest.raises(ValueError, match=message):
        griffin_lim(power, **params)
