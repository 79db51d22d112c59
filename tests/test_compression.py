import librosa
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose

from skhrmel.compression import (
    COMPRESSIONS,
    Compression,
    decibel,
    get_band_compressions,
    get_compression,
)

POWER = arrays(
    np.float64,
    st.integers(1, 20),
    elements=st.one_of(st.just(0.0), st.floats(1e-8, 1e8)),
)


@pytest.mark.parametrize("name", sorted(set(COMPRESSIONS) - {"db"}))
@given(power=POWER)
def test_inverse_gives_the_power_back(name, power):
    compression = COMPRESSIONS[name]
    restored = compression.inverse(compression.function(power))
    # The logarithm of 1e8 is 18: an error of half a unit in its last place is 18 units
    # in that of the power, and twice that for the square root of it.
    assert_allclose(restored, power, rtol=1e-13, atol=0)


@pytest.mark.parametrize("name", sorted(set(COMPRESSIONS) - {"db"}))
@given(power=POWER)
def test_inverse_gives_float32_power_back(name, power):
    compression = COMPRESSIONS[name]
    values = compression.function(power.astype(np.float32))
    assert values.dtype == np.float32
    # As above with float32's unit in the last place, 6e-8.
    assert_allclose(
        compression.inverse(values), power.astype(np.float32), rtol=1e-5, atol=0
    )


@pytest.mark.parametrize("name", sorted(COMPRESSIONS))
def test_compressions_increase(name):
    power = np.concatenate([[0.0], np.geomspace(1e-6, 1e6, 50)])
    assert np.all(np.diff(COMPRESSIONS[name].function(power)) > 0)


def test_equations_of_the_paper():
    power = np.array([0.0, 0.1, 1.0, 1e4])
    assert_allclose(COMPRESSIONS["log1p"].function(power), np.log(1 + power))
    assert_allclose(
        COMPRESSIONS["sqrt_log1p"].function(power), np.sqrt(np.log(1 + power))
    )


@given(power=POWER)
def test_decibels_are_librosas_and_exact_above_the_floor(power):
    values = COMPRESSIONS["db"].function(power)
    assert_allclose(values, librosa.power_to_db(power, top_db=None), rtol=1e-14)
    # An error of half a unit in the last place of 100 dB is 2e-15 of the power.
    assert_allclose(
        COMPRESSIONS["db"].inverse(values), np.maximum(power, 1e-10), rtol=1e-13
    )


@pytest.mark.parametrize("name", ["sqrt", "sqrt_log1p", "cbrt", "log1p", "identity"])
def test_less_than_silence_is_no_power(name):
    assert np.all(COMPRESSIONS[name].inverse(np.array([-0.5, -2.0])) <= 0)


@pytest.mark.parametrize("floor", [0, -1, np.inf, np.nan])
def test_decibel_floor_must_be_positive(floor):
    with pytest.raises(ValueError, match="floor must be a positive finite power"):
        decibel(floor)


def test_one_compression_serves_all_bands_and_a_sequence_one_each():
    log1p = COMPRESSIONS["log1p"]
    pair = (np.cbrt, lambda values: values**3)
    assert get_band_compressions("log1p", 2) == [log1p, log1p]
    assert get_band_compressions(log1p, 2) == [log1p, log1p]
    assert get_band_compressions(pair, 3) == [Compression(*pair)] * 3
    assert get_band_compressions([pair, "log1p"], 2) == [Compression(*pair), log1p]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("log10", r"one of \['cbrt', 'db', .*got 'log10'"),
        (("log1p", 3, "log1p"), "got 3"),
        (("log1p", "log1p"), "2 entries for 3 bands"),
        ({"log1p", "sqrt", "cbrt"}, "or a sequence with one a band"),
        ((lambda power: power + 1j, np.real), "finite real values"),
        (decibel(1e-60), "float32"),
        ((np.log, np.exp), "finite real values"),
        ((np.sum, np.exp), "same shape"),
    ],
)
def test_impossible_compressions_are_refused(spec, message):
    with pytest.raises(ValueError, match=message):
        get_band_compressions(spec, 3)


def test_functions_that_are_not_inverse_are_warned_of():
    with pytest.warns(UserWarning, match="not inverse to each other"):
        get_compression((np.sqrt, np.cbrt))


def test_a_new_name_can_be_added(monkeypatch):
    fourth_root = Compression(lambda power: power**0.25, lambda values: values**4)
    monkeypatch.setitem(COMPRESSIONS, "fourth_root", fourth_root)
    assert get_compression("fourth_root") is fourth_root
