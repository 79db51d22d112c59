import os
import subprocess
import sys

import librosa
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skhrmel._banded import BandedMatrix
from skhrmel._routes import find_route, scipy_route
from skhrmel.filterbank import BandLayout
from skhrmel.spectrum import power_blocks, power_frames


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float32, 1e-6), (np.float64, 1e-13)])
@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("pad_mode", ["constant", "edge", "reflect"])
@pytest.mark.parametrize("window", ["hann", "hamming"])
@pytest.mark.parametrize(("n_fft", "hop_length"), [(2048, 441), (512, 600), (64, 1)])
def test_frames_are_librosas(
    clips, dtype, rtol, center, window, pad_mode, n_fft, hop_length
):
    y = clips[3][:9000].astype(dtype)
    expected = librosa.stft(
        y,
        n_fft=n_fft,
        hop_length=hop_length,
        window=window,
        center=center,
        win_length=n_fft * 3 // 4,
        pad_mode=pad_mode,
    )
    frames = power_frames(
        y,
        n_fft=n_fft,
        hop_length=hop_length,
        win_length=n_fft * 3 // 4,
        window=window,
        center=center,
        pad_mode=pad_mode,
    )
    assert frames.dtype == dtype
    power = np.abs(expected.T) ** 2
    # Two FFTs differ by rounding of the largest partial, everywhere in the spectrum.
    assert_allclose(frames, power, rtol=rtol, atol=10 * rtol * power.max())


@given(n_samples=st.integers(1, 300_000), hop_length=st.integers(200, 5000))
def test_number_of_frames(n_samples, hop_length):
    y = np.zeros(n_samples, dtype=np.float32)
    blocks = list(power_blocks(y, hop_length=hop_length))
    assert sum(map(len, blocks)) == 1 + n_samples // hop_length
    assert all(len(block) == 128 for block in blocks[:-1])


def test_blocks_are_the_frames(clips):
    assert_array_equal(np.vstack(list(power_blocks(clips[0]))), power_frames(clips[0]))


@given(
    seed=st.integers(0, 999),
    exponent=st.floats(-12, 12),
    hop=st.integers(1, 3000),
    n_frames=st.integers(1, 20),
)
def test_the_compiled_route_is_scipys_to_rounding(seed, exponent, hop, n_frames):
    rng = np.random.default_rng(seed)
    samples = rng.standard_normal(2048 + (n_frames - 1) * hop) * 10**exponent
    samples = samples.astype(np.float32)
    weights = rng.uniform(0, 1, 2048).astype(np.float32)
    new = slice(0, n_frames)
    power, exact = np.empty((128, 1025), np.float32), np.empty((128, 1025))
    route, _ = find_route(weights, None, hop)
    peer, _ = scipy_route(weights.astype(float), None, hop)
    assert type(route) is not type(peer)
    route(samples, hop, power, new)
    peer(samples.astype(float), hop, exact, new)
    # The error of a float32 FFT of 2048 points is some units in the last place of the
    # root of its energy, which is that of a typical bin here.
    error = np.sqrt(power[new]) - np.sqrt(exact[new])
    assert np.abs(error).max() < 2e-6 * np.sqrt(exact[new].max())

    # From power to mel power, only the order of float32 sums of positive numbers.
    basis = BandLayout(44100, (0, 1500, 20000), (40, 24)).basis(2048)
    route, _ = find_route(weights, BandedMatrix(basis.T), hop)
    assert type(route) is not type(peer)
    mel_power = np.empty((128, 64), dtype=np.float32)
    route(samples, hop, mel_power, new)
    assert_allclose(mel_power[new], power[new] @ basis.T, rtol=1e-5)


def test_filters_without_a_frequency_catch_nothing():
    basis = np.zeros((3, 1025))
    basis[1, 5:9] = 1
    weights = np.hanning(2048).astype(np.float32)
    route, _ = find_route(weights, BandedMatrix(basis.T), 441)
    mel_power = np.full((1, 3), 7, dtype=np.float32)
    route(np.ones(2048, dtype=np.float32), 441, mel_power, slice(0, 1))
    assert mel_power[0, 1] > 0
    assert_array_equal(mel_power[0, [0, 2]], 0)


HASH = """
import hashlib, numpy
from skhrmel import AudioFrontEnd
from skhrmel.spectrum import power_frames
y = numpy.random.default_rng(0).standard_normal(99_999).astype(numpy.float32)
front_end = AudioFrontEnd(n_iter=2).fit([])
features = front_end.transform([y])
for array in power_frames(y), features[0], front_end.inverse_transform(features)[0]:
    print(hashlib.sha256(array.tobytes()).hexdigest())
"""


def test_compiled_now_or_before_gives_the_same_bits(tmp_path):
    """The machine code that is kept is made in another way than that in memory."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    hashes = [
        subprocess.check_output([sys.executable, "-c", HASH], env=environment)
        for _ in range(2)
    ]
    assert hashes[0] == hashes[1]
    assert any(tmp_path.rglob("*.nbc"))


def test_a_place_to_keep_machine_code_is_not_needed(tmp_path):
    """For instance a package that root has installed, and a user without a home."""
    blocked = tmp_path / "file"
    blocked.touch()
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(blocked / "cache")}
    assert subprocess.check_output([sys.executable, "-c", HASH], env=environment)


def test_frames_of_the_compiled_route_stand_alone():
    samples = np.random.default_rng(0).standard_normal(2048 + 441).astype(np.float32)
    fill, _ = find_route(np.hanning(2048).astype(np.float32), None, 441)
    both, second = np.empty((2, 1025), np.float32), np.empty((1, 1025), np.float32)
    fill(samples, 441, both, slice(0, 2))
    fill(samples[441:], 441, second, slice(0, 1))
    assert_array_equal(both[1:], second)


def test_a_sine_has_its_power_where_its_frequency_is():
    n = np.arange(8192)
    y = 0.5 * np.sin(2 * np.pi * 100 * n / 2048)
    frame = power_frames(y, center=False)[1]
    # The Hann window has a mean of 1/2, the sine half its amplitude at +f.
    assert frame[100] == pytest.approx((2048 * 0.5 * 0.5 / 2) ** 2)
    assert frame[103:].max() < 1e-18 * frame[100]


@pytest.mark.parametrize(
    ("y", "params", "message"),
    [
        (np.zeros(0), {}, "0 samples is too short for one frame: expected at least 1"),
        (np.zeros(2047), {"center": False}, "at least n_fft = 2048 samples"),
        (np.zeros((2, 9)), {}, r"shape \(2, 9\); mix the channels down"),
        (np.zeros(9, dtype=np.int16), {}, "got int16; scale integers"),
        (np.array([0, np.nan]), {}, "sample 1 is nan; expected finite"),
        (np.array([0, 0, np.inf]), {}, "sample 2 is inf"),
        (np.zeros(9), {"n_fft": 2047}, "n_fft must be an even number"),
        (np.zeros(9), {"n_fft": 0}, "n_fft must be an even number"),
        (np.zeros(9), {"hop_length": 441.0}, "hop_length must be an integer, got 441"),
        (
            np.zeros(9),
            {"win_length": 4096},
            "win_length must be from 1 to n_fft = 2048",
        ),
        (np.zeros(9), {"pad_mode": "wrap"}, "pad_mode must be"),
        (np.full(9, 1e200), {}, r"sample 0 is 1e\+200; expected finite"),
        (np.zeros(9), {"hop_length": 0}, "hop_length must be at least 1"),
        (np.zeros(9), {"window": "no"}, "[Ww]indow"),
    ],
)
def test_impossible_input_is_refused(y, params, message):
    with pytest.raises(ValueError, match=message):
        power_frames(y, **params)
