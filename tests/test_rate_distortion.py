import numpy as np
import pytest
from numpy.testing import assert_allclose

from skhrmel import HRMelTransformer, LogMelTransformer
from skhrmel.metrics import log_spectral_distance, relative_error
from skhrmel.rate_distortion import RatePoint, mean_rates, measure_rates


@pytest.fixture(scope="module")
def points(frames):
    measured = measure_rates(frames[::3], [4, 8, 16])
    return {(point.compression, point.n_bits): point for point in measured}


def test_figures_are_those_of_rounded_features(frames, points):
    """Steps, rounding and decoding written out for one compression."""
    S = frames[::3].astype(np.float64)
    basis = HRMelTransformer().fit(S).mel_basis_
    values = np.cbrt(S @ basis.T)
    for band in (slice(0, 40), slice(40, 72), slice(72, 96)):
        low, high = values[:, band].min(), values[:, band].max()
        step = (high - low) / 15
        values[:, band] = low + np.round((values[:, band] - low) / step) * step
    decoded = np.maximum(values**3 @ np.linalg.pinv(basis).T, 0)
    point = points["cbrt", 4]
    # A value that float32 puts on the other side of a step makes the difference.
    assert point.errors["overall"] == pytest.approx(
        relative_error(S, decoded), rel=1e-3
    )
    distance = log_spectral_distance(S, decoded)
    assert point.distances["overall"] == pytest.approx(distance, rel=1e-2)


def test_more_bits_lose_less_and_sixteen_nothing(points):
    for compression in ("log1p", "sqrt_log1p", "sqrt", "cbrt", "identity"):
        errors = [points[compression, n].errors["overall"] for n in (4, 8, 16, None)]
        assert errors[0] > errors[1]
        assert errors[2] == pytest.approx(errors[3], rel=1e-3)


def test_unquantised_an_invertible_compression_changes_nothing(points):
    expected = points["log1p", None]
    for compression in ("sqrt_log1p", "sqrt", "cbrt", "identity"):
        found = points[compression, None]
        assert_allclose(list(found.errors.values()), list(expected.errors.values()))


def test_means_of_tracks_with_other_settings_are_refused():
    first = RatePoint("cbrt", 8, {}, {})
    second = RatePoint("cbrt", 4, {}, {})
    with pytest.raises(ValueError, match="measured with the same settings"):
        mean_rates([[first], [second]])


def test_an_unknown_compression_is_refused(frames):
    with pytest.raises(ValueError, match="compression must be one of"):
        measure_rates(frames[:9], [8], compressions=["loudness"])
    with pytest.raises(ValueError, match="n_bits"):
        measure_rates(frames[:9], [17], compressions=["cbrt"])
    with pytest.raises(ValueError, match="list of names, got 'cbrt'"):
        measure_rates(frames[:9], [8], compressions="cbrt")
    with pytest.raises(ValueError, match="list of numbers, got 8"):
        measure_rates(frames[:9], 8)


def test_a_decoder_learns_of_other_frames_only(frames):
    """Or of none: what is measured must not be what was learned."""
    hrmel = HRMelTransformer(decoder="kl")
    test, train = frames[:400:4], frames[400:]
    found = measure_rates(test, [], transformer=hrmel, compressions=["cbrt"])
    untrained = hrmel.set_params(compression="cbrt").fit(0 * test[:1])
    decoded = untrained.inverse_transform(untrained.transform(test))
    assert found[0].errors["overall"] == relative_error(test, decoded)
    found = measure_rates(
        test, [], transformer=hrmel, compressions=["cbrt"], train=train
    )
    decoded = hrmel.fit(train).inverse_transform(hrmel.transform(test))
    assert found[0].errors["overall"] == relative_error(test, decoded)


def test_other_rates_and_a_single_band():
    frames = np.random.default_rng(0).exponential(size=(20, 129))
    logmel = LogMelTransformer(8000, n_mels=16, fmax=4000.0)
    bands = {"speech": (300, 3400)}
    point, _ = measure_rates(
        frames, [8], transformer=logmel, compressions=["cbrt"], bands=bands
    )
    assert list(point.errors) == ["overall", "speech"]
