import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from skhrmel.decoding import PseudoInverse
from skhrmel.filterbank import BandLayout


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
