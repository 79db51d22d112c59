import librosa
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skhrmel.filterbank import BandLayout, fft_frequencies, hz_to_mel, mel_to_hz

SCALES = ["slaney", "htk"]

# float64 arithmetic in another order: a few hundred units in the last place.
RTOL = 1e-12


def test_unknown_scales_are_refused():
    for convert in (hz_to_mel, mel_to_hz):
        with pytest.raises(ValueError, match=r"mel_scale must be .* got 'HTK'"):
            convert([3000.0], mel_scale="HTK")


@pytest.mark.parametrize("scale", SCALES)
def test_mel_scale_is_librosas(scale):
    frequencies = np.concatenate([[0.0, 1e-3, 999.999, 1000.0], np.geomspace(20, 9e4)])
    mels = hz_to_mel(frequencies, scale)
    assert_allclose(mels, librosa.hz_to_mel(frequencies, htk=scale == "htk"), RTOL)
    assert_allclose(
        mel_to_hz(mels, scale), librosa.mel_to_hz(mels, htk=scale == "htk"), RTOL
    )
    # The HTK formula adds 1 to f / 700, which rounds off 1e-16 * 700 Hz.
    assert_allclose(mel_to_hz(mels, scale), frequencies, RTOL, atol=1e-12)


@st.composite
def layouts(draw):
    sr = draw(st.sampled_from([8000, 22050, 44100, 48000, 96000.5]))
    n_bands = draw(st.integers(1, 5))
    cuts = draw(
        st.lists(
            st.floats(0, sr / 2),
            min_size=n_bands + 1,
            max_size=n_bands + 1,
            unique_by=round,
        )
    )
    return BandLayout(
        sr,
        sorted(cuts),
        draw(st.lists(st.integers(1, 60), min_size=n_bands, max_size=n_bands)),
        draw(st.sampled_from(SCALES)),
        draw(st.sampled_from(["slaney", None])),
    )


@pytest.mark.filterwarnings("ignore:Empty filters detected in mel:UserWarning")
@given(layouts(), st.sampled_from([4, 64, 512, 2048]))
def test_every_band_is_librosas_filter_bank(layout, n_fft):
    basis = layout.basis(n_fft)
    centres = layout.frequencies()
    edges = zip(layout.band_edges[:-1], layout.band_edges[1:], strict=True)
    for (low, high), n_mels, rows in zip(
        edges, layout.n_mels, layout.band_slices, strict=True
    ):
        htk = layout.mel_scale == "htk"
        expected = librosa.filters.mel(
            sr=layout.sr,
            n_fft=n_fft,
            n_mels=n_mels,
            fmin=low,
            fmax=high,
            htk=htk,
            norm=layout.norm,
            dtype=np.float64,
        )
        # Where a corner falls on an FFT bin, a weight is the difference of two equal
        # frequencies divided by the width of the slope, which may be below 1 Hz here:
        # rounding errors of the frequencies, not of the weight, decide.
        width = (high - low) / (n_mels + 1)
        scale = (
            np.finfo(float).eps * layout.sr / width * (2 / width if layout.norm else 1)
        )
        assert_allclose(basis[rows], expected, RTOL, atol=max(RTOL, 1e3 * scale))
        corners = librosa.mel_frequencies(n_mels + 2, fmin=low, fmax=high, htk=htk)
        assert_allclose(centres[rows], corners[1:-1], RTOL)


@given(layouts(), st.sampled_from([64, 512, 2048]))
def test_bands_share_no_fft_bin(layout, n_fft):
    basis = layout.basis(n_fft)
    owners = sum(basis[rows].any(axis=0).astype(int) for rows in layout.band_slices)
    assert owners.max() <= 1


def test_bands_share_no_fft_bin_at_an_edge_on_a_bin():
    # 1500 Hz and 6000 Hz are bins 64 and 256 of this FFT.
    basis = BandLayout(48000, (0, 1500, 6000, 20000), (40, 32, 24)).basis(2048)
    assert not basis[:, [64, 256]].any()


@given(layouts(), st.sampled_from([64, 512, 2048]))
def test_an_fft_bin_touches_at_most_two_filters(layout, n_fft):
    assert np.count_nonzero(layout.basis(n_fft), axis=0).max() <= 2


def test_slaney_filters_have_unit_area():
    n_fft = 1 << 18
    layout = BandLayout(44100, (0, 1500, 6000, 20000), (40, 32, 24))
    # The trapezoidal rule on triangles errs at three corners, by less than one bin of
    # their 0.2 Hz spacing against a width of 70 Hz and more.
    assert_allclose(layout.basis(n_fft).sum(axis=1) * 44100 / n_fft, 1, rtol=1e-4)


def test_fft_frequencies_are_librosas():
    assert_array_equal(
        fft_frequencies(44100, 2048), librosa.fft_frequencies(sr=44100, n_fft=2048)
    )


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"band_edges": (0, 1500, 1500, 20000)}, r"band_edges must increase .*1500\.0"),
        ({"band_edges": (0, 6000, 1500, 20000)}, "band_edges must increase"),
        ({"band_edges": (-1, 1500, 6000, 20000)}, "from 0 Hz or above"),
        ({"band_edges": (0, 1500, 6000, 23000)}, r"to sr / 2 = 22050 Hz .*23000"),
        ({"band_edges": (0, np.nan, 6000, 20000)}, "band_edges must increase"),
        ({"band_edges": (1500,)}, "at least two frequencies"),
        ({"band_edges": 1500.0}, "at least two frequencies"),
        ({"n_mels": (40, 32)}, "n_mels has 2 entries, but band_edges define 3 bands"),
        ({"n_mels": (40, 0, 24)}, r"at least 1, one a band, got \(40, 0, 24\)"),
        ({"n_mels": (40, 32.5, 24)}, "sequence of integers"),
        ({"n_mels": 96}, "sequence of integers"),
        ({"n_mels": {40, 32, 24}}, "sequence of integers"),
        ({"band_edges": (0, "low", 6000, 20000)}, "at least two frequencies in Hz"),
        ({"band_edges": (0, 1500, 1500.0000001, 20000)}, "too narrow for 32 mel"),
        ({"mel_scale": "bark"}, "mel_scale must be 'slaney' or 'htk', got 'bark'"),
        ({"norm": 2}, "norm must be 'slaney' or None, got 2"),
    ],
)
def test_impossible_layouts_name_parameter_and_value(params, message):
    layout = {
        "sr": 44100,
        "band_edges": (0, 1500, 6000, 20000),
        "n_mels": (40, 32, 24),
    }
    with pytest.raises(ValueError, match=message):
        BandLayout(**layout | params)
