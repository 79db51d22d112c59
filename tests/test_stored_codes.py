"""Features that are stored as codes of 8 or 16 bits."""

import json
import sys

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from skhrmel import AudioFrontEnd, HRMelTransformer, LogMelTransformer, UniformQuantizer
from skhrmel._quantized_files import QuantizedWriter, decode
from skhrmel.extraction import SettingsError, extract_features, load_features

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="as extraction's tests")

BANDS = np.repeat([0, 1, 2], [40, 32, 24])


@pytest.fixture(scope="module")
def music(clips, tmp_path_factory):
    """A loud clip, a quiet one, and silence."""
    folder = tmp_path_factory.mktemp("music")
    for name, gain in (("loud", 1.0), ("quiet", 0.01), ("silence", 0.0)):
        stereo = gain * np.stack([clips[0], clips[1]], axis=1)
        soundfile.write(folder / f"{name}.wav", stereo, 44100, subtype="FLOAT")
    return folder


@pytest.fixture(scope="module")
def files(music):
    return sorted(music.iterdir())


def in_band(band):
    return slice(*np.searchsorted(BANDS, [band, band + 1]))


def lines_of(out):
    return list(map(json.loads, (out / "manifest.jsonl").read_text().splitlines()))


@pytest.mark.parametrize("channels", ["mono", "mid_side"])
@pytest.mark.parametrize(("stored_as", "n_codes"), [("uint8", 256), ("uint16", 65536)])
def test_each_clip_over_its_own_range(files, tmp_path, channels, stored_as, n_codes):
    front_end = AudioFrontEnd(channels=channels)
    extraction = extract_features(front_end, files, tmp_path, stored_as=stored_as)
    assert (extraction.n_done, extraction.n_clipped) == (3, 0)
    _, arrays, _ = load_features(tmp_path)
    codes = load_features(tmp_path, decoded=False).arrays
    pairs = zip(arrays, codes, front_end.fit_transform(files), strict=True)
    for array, code, expected in pairs:
        assert array.dtype == np.float32
        assert isinstance(code, np.memmap)
        assert code.dtype == np.dtype(stored_as)
        assert array.shape == code.shape == expected.shape
        for band in range(3):
            # Half a step of the band's range in this clip, and rounding to float32.
            step = np.ptp(expected[..., in_band(band)]) / (n_codes - 1)
            rounding = np.spacing(np.float32(expected[..., in_band(band)].max()))
            error = np.abs(array - expected)[..., in_band(band)].max()
            assert error <= step / 2 * (1 + 1e-6) + rounding
            if step > 0:
                assert np.ptp(code[..., in_band(band)]) == n_codes - 1
    assert not arrays[2].any()  # silence


def test_reading_without_skhrmel(files, tmp_path):
    """NumPy and JSON alone, as the guide shows it."""
    extract_features(AudioFrontEnd(), files, tmp_path, stored_as="uint8")
    described = json.loads((tmp_path / "front_end.json").read_text())
    groups = described["quantizer"]["groups"]
    for number, line in enumerate(lines_of(tmp_path)):
        scale = described["quantizer"]["scale"] or line["scale"]
        low, step = (np.array(scale[key])[groups] for key in ("low", "step"))
        codes = np.load(tmp_path / line["features"])
        features = (low + codes * step).astype(np.float32)
        np.testing.assert_array_equal(load_features(tmp_path).arrays[number], features)


def test_the_files_take_a_quarter(files, tmp_path):
    sizes = {}
    for stored_as in ("float32", "uint8"):
        out = tmp_path / stored_as
        extract_features(AudioFrontEnd(), files[:1], out, stored_as=stored_as)
        (file,) = out.rglob("*.npy")
        sizes[stored_as] = file.stat().st_size - 128  # less the header
    assert sizes["float32"] == 4 * sizes["uint8"]


def test_a_range_that_all_clips_share(music, files, tmp_path):
    """Equal codes mean the same in all clips; what lies outside is counted."""
    front_end = AudioFrontEnd().fit([])
    loud, quiet, silence = front_end.transform(files)
    for n_bits, labels in ((8, list("abc")), (12, [3, 1, 2])):
        groups = np.repeat(labels, [40, 32, 24])
        quantizer = UniformQuantizer(n_bits, groups=groups).fit(quiet)
        out = tmp_path / str(n_bits)
        extraction = extract_features(front_end, files, out, stored_as=quantizer)
        _, arrays, _ = load_features(out)
        for array, expected in zip(arrays, (loud, quiet, silence), strict=True):
            codes = quantizer.transform(expected)
            np.testing.assert_array_equal(array, quantizer.inverse_transform(codes))
        outside = [
            int(np.sum((x < quantizer.data_min_) | (x > quantizer.data_max_)))
            for x in (loud, quiet, silence)
        ]
        assert outside[0] > outside[1] == 0
        assert extraction.n_clipped == sum(outside)
        assert [line["clipped"] for line in lines_of(out)] == outside
        low, _ = load_features(out, decoded=False).arrays.scale(0)
        np.testing.assert_array_equal(low, quantizer.data_min_)
    other = UniformQuantizer(12, groups=groups).fit(loud)
    with pytest.raises(SettingsError, match=r"quantizer.scale.low"):
        extract_features(front_end, files, out, stored_as=other)


def test_resumed_with_other_jobs_it_has_the_same_bytes(music, files, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    extract_features(AudioFrontEnd(), files, one, stored_as="uint8")
    extract_features(AudioFrontEnd(), files[1:], two, stored_as="uint8")
    again = extract_features(AudioFrontEnd(), files, two, stored_as="uint8", n_jobs=2)
    assert again.n_earlier == 2
    written = [
        {
            path.relative_to(out): path.read_bytes()
            for path in out.rglob("*")
            if path.is_file() and path.name != "timings.jsonl"
        }
        for out in (one, two)
    ]
    assert written[0] == written[1]
    with pytest.raises(SettingsError, match="stored_as: 'uint8', now 'uint16'"):
        extract_features(AudioFrontEnd(), files, one, stored_as="uint16")


def test_features_of_other_transformers_have_a_range_each(files, tmp_path):
    front_end = AudioFrontEnd(make_pipeline(LogMelTransformer(), PCA(5))).fit(files[:2])
    extract_features(front_end, files, tmp_path, stored_as="uint8")
    expected = front_end.transform(files)
    for array, features in zip(load_features(tmp_path).arrays, expected, strict=True):
        # Half a step, and rounding to float32.
        error = np.abs(array - features).max(axis=0)
        assert np.all(error <= np.ptp(features, axis=0) / 510 * (1 + 1e-5) + 1e-6)


finite = st.floats(-(2.0**100), 2.0**100, width=32)
blocks = st.integers(1, 4).flatmap(
    lambda width: st.lists(
        npst.arrays(
            np.float32, st.tuples(st.integers(1, 5), st.just(width)), elements=finite
        ),
        min_size=1,
        max_size=4,
    )
)


@settings(max_examples=30)
@given(blocks)
def test_any_features_come_back_within_half_a_step(tmp_path_factory, blocks):
    out = tmp_path_factory.mktemp("any")
    (out / ".partial").mkdir()
    features = np.concatenate(blocks)
    quantizer = UniformQuantizer(8, groups=[0] * features.shape[1])
    writer = QuantizedWriter(out, "x.npy", "uint8", quantizer)
    for block in blocks:
        writer.write([block])
    fields = writer.commit(axis_of_channels=False)
    writer.discard()
    assert list((out / ".partial").iterdir()) == []
    low, step = (np.array(fields["scale"][key]) for key in ("low", "step"))
    decoded = decode(np.load(out / "x.npy"), low, step)
    largest = np.abs(features).max(initial=np.finfo(np.float32).tiny)
    assert np.abs(decoded - features).max() <= step[0] / 2 + np.spacing(2 * largest)


def test_what_is_not_finite_is_refused(tmp_path):
    soundfile.write(tmp_path / "x.wav", np.full(9000, 1e30), 44100, subtype="FLOAT")
    front_end = AudioFrontEnd(HRMelTransformer(compression="identity"))
    out = tmp_path / "out"
    extract_features(front_end, [tmp_path / "x.wav"], out, stored_as="uint8")
    (line,) = lines_of(out)
    assert line["status"] == "failed"
    assert "infinity" in line["error"] or "finite" in line["error"]
    assert list((out / "features").iterdir()) == []


def test_quantizers_that_are_refused(files, tmp_path):
    some = np.random.default_rng(0).uniform(size=(9, 96))
    changed = UniformQuantizer(8).fit(some).set_params(n_bits=6)
    for quantizer, error, message in (
        (UniformQuantizer(), NotFittedError, "not fitted"),
        (UniformQuantizer().fit(some[:, :40]), ValueError, "to 40 features, but.* 96"),
        (changed, ValueError, "set after its fit"),
    ):
        with pytest.raises(error, match=message):
            extract_features(AudioFrontEnd(), files, tmp_path, stored_as=quantizer)


def test_a_scale_that_was_lost_is_named(files, tmp_path):
    extract_features(AudioFrontEnd(), files[:1], tmp_path, stored_as="uint8")
    manifest, recorded = tmp_path / "manifest.jsonl", tmp_path / "front_end.json"
    whole, described = manifest.read_text(), recorded.read_text()
    for scale in (None, 3, {"low": [1, 2, 3]}, {"low": ["x"] * 3, "step": [1] * 3}):
        manifest.write_text(json.dumps({**json.loads(whole), "scale": scale}) + "\n")
        with pytest.raises(ValueError, match=r"loud.wav' has no scale of its 3 groups"):
            load_features(tmp_path)
    manifest.write_text(whole)
    recorded.write_text(json.dumps({**json.loads(described), "quantizer": {}}))
    with pytest.raises(ValueError, match="not written by skhrmel"):
        load_features(tmp_path)
    extract_features(AudioFrontEnd(), files[:1], tmp_path / "floats")
    arrays = load_features(tmp_path / "floats").arrays
    with pytest.raises(ValueError, match="not stored as codes"):
        arrays.scale(0)
