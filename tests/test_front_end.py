import io
import pickle
from pathlib import Path

import joblib
import librosa
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.decomposition import NMF, PCA, IncrementalPCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr

from skhrmel import AudioFrontEnd, FramePooling, HRMelTransformer, LogMelTransformer
from skhrmel.audio import AudioError
from skhrmel.datasets import make_music
from skhrmel.metrics import spectral_convergence
from skhrmel.spectrum import power_frames

FRAMINGS = [
    {},
    {"center": False},
    {"pad_mode": "reflect"},
    {"pad_mode": "edge", "win_length": 1500, "window": "hamming"},
    {"n_fft": 512, "hop_length": 700, "center": False},
    {"n_fft": 1024, "hop_length": 1024},
]


@pytest.fixture(scope="module")
def stereo(clips):
    return np.stack([clips[0], clips[3]])


@pytest.mark.parametrize("framing", FRAMINGS)
def test_equals_librosa_and_the_transformer(clips, framing):
    front_end = AudioFrontEnd(LogMelTransformer(n_mels=40), **framing).fit([])
    (features,) = front_end.transform([clips[3]])
    expected = librosa.feature.melspectrogram(
        y=clips[3],
        sr=44100,
        **{"n_fft": 2048, "hop_length": 441, "pad_mode": "constant"} | framing,
        n_mels=40,
        fmax=20000.0,
    )
    assert features.dtype == np.float32
    # Rounding of two float32 FFTs, relative to the largest power of about 1e4.
    assert_allclose(features, np.log1p(expected.T), rtol=1e-4, atol=1e-5)


def test_float64_is_kept(clips):
    front_end = AudioFrontEnd(dtype="float64").fit([])
    (features,) = front_end.transform([clips[0]])
    frames = power_frames(clips[0].astype(np.float64))
    assert features.dtype == np.float64
    assert_allclose(features, HRMelTransformer().fit_transform(frames), rtol=1e-9)


@pytest.mark.parametrize("channels", ["mono", "each", "mid_side"])
@given(data=st.data())
@settings(max_examples=25)
def test_streaming_equals_the_batch_to_the_last_bit(stereo, channels, data):
    framing = data.draw(st.sampled_from(FRAMINGS))
    n_samples = data.draw(st.integers(2048, stereo.shape[1]))
    clip = stereo[:, :n_samples]
    cuts = data.draw(st.lists(st.integers(0, n_samples), max_size=12).map(sorted))
    blocks = np.split(clip, cuts, axis=1)
    front_end = AudioFrontEnd(
        LogMelTransformer(n_mels=24), channels=channels, **framing
    ).fit([])
    streamed = list(front_end.stream(blocks))
    (whole,) = front_end.transform([clip])
    assert_array_equal(np.concatenate(streamed, axis=-2), whole)


@pytest.mark.parametrize("compression", ["log1p", "db", ("sqrt", "cbrt", "sqrt_log1p")])
def test_streaming_a_long_clip_equals_the_batch(compression):
    """More frames than the compiled route makes in one call, from second to second."""
    (clip,), _ = make_music(1, duration=23.0)
    transformer = HRMelTransformer(compression=compression, gain=3.0)
    front_end = AudioFrontEnd(transformer).fit([])
    (whole,) = front_end.transform([clip])
    for size in (44_101, 449_000, 450_000):
        blocks = (clip[start : start + size] for start in range(0, len(clip), size))
        assert_array_equal(np.concatenate(list(front_end.stream(blocks))), whole)
    # And no frame knows its place.
    frames = power_frames(clip)
    expected = front_end.transformer_.transform(frames)
    assert_allclose(whole, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("channels", ["mono", "each"])
def test_a_stream_that_changes_its_channels(stereo, channels):
    front_end = AudioFrontEnd(channels=channels).fit([])
    message = "block 2 of the stream has 1 channels, but the first has 2"
    with pytest.raises(AudioError, match=message):
        list(front_end.stream([stereo, stereo, stereo[:1]]))


def test_a_single_array_of_two_axes_is_ambiguous(stereo):
    front_end = AudioFrontEnd().fit([])
    for use in (front_end.transform, AudioFrontEnd().fit):
        with pytest.raises(ValueError, match=r"single array of shape .2, .*list.X."):
            use(stereo)
    assert len(front_end.transform([stereo])) == 1
    assert len(front_end.transform(list(stereo))) == 2


def test_streaming_does_not_wait(clips):
    """A frame comes as soon as its last sample is there, from an endless source."""

    def endless():
        yield np.zeros(1024)
        while True:
            yield clips[0][:441]

    features = AudioFrontEnd().fit([]).stream(endless())
    # Frame 0 is centred on the first sample and done with the first 1024.
    assert [len(next(features)) for _ in range(4)] == [1, 1, 1, 1]


def test_clips_of_every_kind_are_the_same(clips, tmp_path):
    integers = np.round(clips[0] * 2**15).astype(np.int16)
    path = tmp_path / "clip.wav"
    soundfile.write(path, integers, 44100)
    kinds = [
        str(path),
        path,
        io.BytesIO(path.read_bytes()),
        path.open("rb"),
        integers,
        integers.astype(np.int32) * 2**16,
        integers / 2**15,
        (integers / 2**15).astype(">f4"),
        np.stack([integers, integers]),
        integers[None],
    ]
    features = AudioFrontEnd().fit_transform(kinds)
    kinds[3].close()
    for other in features[1:]:
        assert_array_equal(other, features[0])


def test_an_open_file_can_be_read_twice(clips, tmp_path):
    soundfile.write(tmp_path / "clip.flac", clips[0], 44100)
    front_end = AudioFrontEnd().fit([])
    with (tmp_path / "clip.flac").open("rb") as file:
        first, second = front_end.transform([file, file])
    assert_array_equal(first, second)


def test_channels(stereo):
    left, right = stereo
    fit = {c: AudioFrontEnd(channels=c).fit([]) for c in ("mono", "each", "mid_side")}

    def mono(samples):
        return fit["mono"].transform([samples])[0]

    (each,) = fit["each"].transform([stereo])
    assert_array_equal(each, np.stack([mono(left), mono(right)]))
    half = np.float32(0.5)
    assert_allclose(mono(stereo), mono((left + right) * half), rtol=1e-6)
    (mid_side,) = fit["mid_side"].transform([stereo])
    sides = [mono((left + right) * half), mono((left - right) * half)]
    assert_array_equal(mid_side, np.stack(sides))
    assert fit["each"].transform([left])[0].shape == (1, 151, 96)
    with pytest.raises(
        AudioError, match="clip 0: channels='mid_side' needs 2 channels"
    ):
        fit["mid_side"].transform([left])


@pytest.mark.parametrize("sr", [8000, 22050, 48000, 192000])
def test_files_at_another_rate_are_resampled_only_on_demand(clips, tmp_path, sr):
    path = tmp_path / "clip.wav"
    soundfile.write(path, clips[0], sr)
    with pytest.raises(
        AudioError, match=rf"clip.wav: sampled at {sr} Hz, expected sr=441"
    ):
        AudioFrontEnd().fit_transform([path])
    (features,) = AudioFrontEnd(resample="soxr_hq").fit_transform([path])
    assert abs(len(features) - (1 + len(clips[0]) / sr * 100)) < 2
    native = AudioFrontEnd(LogMelTransformer(sr, n_mels=24, fmax=4000.0), sr=sr)
    assert len(native.fit_transform([path])[0]) == 1 + len(clips[0]) // 441


def test_eight_channels(clips, tmp_path):
    path = tmp_path / "clip.wav"
    soundfile.write(path, np.stack([clips[0]] * 8, axis=1), 44100, subtype="FLOAT")
    (features,) = AudioFrontEnd(channels="each").fit_transform([path])
    assert features.shape == (8, 151, 96)
    (mono,) = AudioFrontEnd().fit_transform([path])
    # Seven sums are rounded.
    assert_allclose(mono, features[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("clip", "params", "message"),
    [
        (np.zeros(0), {}, "clip 1: contains no samples"),
        (
            np.zeros(2047),
            {"center": False},
            "clip 1: too short for one frame; expected at",
        ),
        (np.array([0, np.nan]), {}, "clip 1: sample 1 is nan"),
        (np.r_[np.zeros(70_000), np.inf], {}, "clip 1: sample 70000 is inf"),
        (np.full(9, 1e30), {}, r"clip 1: sample 0 is 1\.0000000150474662e\+30"),
        (
            np.zeros(9, dtype=np.uint8),
            {},
            r"clip 1 of shape \(9,\): expected floating-po",
        ),
        (np.zeros((9, 2)), {}, "more channels than samples"),
        (
            np.zeros((1, 2, 9)),
            {},
            r"expected \(n_samples,\) or \(n_channels, n_samples\)",
        ),
        ("gone.wav", {}, "gone.wav: no such file"),
        (io.BytesIO(b"not audio"), {}, "clip 1: format not recognised"),
    ],
)
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_useless_clips_are_named(clips, clip, params, message, n_jobs):
    front_end = AudioFrontEnd(n_jobs=n_jobs, **params).fit([])
    with pytest.raises(AudioError, match=message):
        front_end.transform([clips[0], clip])


def test_shortest_and_silent_clips(clips):
    front_end = AudioFrontEnd().fit([])
    click, silence = front_end.transform([np.ones(1), np.zeros(5000)])
    assert click.shape == (1, 96)
    assert silence.shape == (12, 96)
    assert not silence.any()


@pytest.mark.parametrize(
    ("X", "message"),
    [("song.wav", "sequence of clips, got str"), (iter([]), "got list_iterator")],
)
def test_a_single_clip_is_no_sequence(X, message):
    with pytest.raises(ValueError, match=message):
        AudioFrontEnd().fit([]).transform(X)


def test_truncated_and_corrupt_files(clips, tmp_path):
    path = tmp_path / "clip.ogg"
    soundfile.write(path, np.tile(clips[0], 4), 44100)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    (features,) = AudioFrontEnd().fit_transform([path])
    assert 100 < len(features) < 600
    noise = np.random.default_rng(0).bytes(len(data) - 5000)
    path.write_bytes(data[:5000] + noise)
    with pytest.raises(AudioError, match=r"clip\.ogg: "):
        AudioFrontEnd().fit_transform([path])


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_features_depend_on_nothing_but_the_clip(clips, tmp_path, backend):
    path = tmp_path / "clip.wav"
    soundfile.write(path, clips[1], 44100)
    X = [clips[0][:30_000], path, *clips[2:]]
    front_end = AudioFrontEnd().fit(X)
    alone = [front_end.transform([clip])[0] for clip in X]
    front_end.set_params(n_jobs=2)
    with joblib.parallel_config(backend):
        together = front_end.transform(X)
    for a, b in zip(alone, together, strict=True):
        assert_array_equal(a, b)


@pytest.mark.parametrize(
    "transformer",
    [
        IncrementalPCA(n_components=5),
        PCA(n_components=5),
        NMF(n_components=3, init="nndsvda", max_iter=300, tol=1e-2),
        make_pipeline(HRMelTransformer(), StandardScaler()),
        LogMelTransformer().set_output(transform="pandas"),
    ],
    ids=lambda t: type(t).__name__,
)
def test_any_transformer_of_frames(clips, transformer):
    front_end = AudioFrontEnd(transformer).fit(clips[:4])
    features = front_end.transform(clips[:2])
    assert features[0].shape == (151, front_end.n_features_out_)
    expected = np.asarray(front_end.transformer_.transform(power_frames(clips[0])))
    assert_allclose(
        features[0], expected, rtol=1e-2, atol=1e-3 * np.abs(expected).max()
    )


def test_learning_streams_every_frame_once():
    clips, _ = make_music(3, duration=12.0)

    class Counter(IncrementalPCA):
        def partial_fit(self, X, y=None, check_input=True):
            self.sizes_ = [*getattr(self, "sizes_", []), len(X)]
            return super().partial_fit(X, y, check_input)

    front_end = AudioFrontEnd(Counter(n_components=200)).fit(clips)
    sizes = front_end.transformer_.sizes_
    assert sum(sizes) == 3 * 1201
    assert min(sizes) >= 1024
    assert max(sizes) < 2200


def test_nothing_is_read_where_nothing_is_learned():
    AudioFrontEnd().fit(["does-not-exist.wav"])


def test_parameters_clone_pickle_and_html(clips):
    front_end = AudioFrontEnd(HRMelTransformer(gain=10.0), n_iter=2)
    front_end.set_params(transformer__n_mels=(10, 10, 10))
    front_end.fit([])
    copy = pickle.loads(pickle.dumps(front_end))
    assert_array_equal(copy.transform(clips[:1])[0], front_end.transform(clips[:1])[0])
    assert clone(front_end).get_params()["transformer__gain"] == 10.0
    assert "HRMelTransformer" in estimator_html_repr(front_end)
    names = front_end.get_feature_names_out()
    assert_array_equal(names, front_end.transformer_.get_feature_names_out())
    assert len(names) == 30


@pytest.mark.parametrize(
    ("front_end", "message"),
    [
        (
            AudioFrontEnd(HRMelTransformer(48000)),
            "transformer has sr=48000, but the front",
        ),
        (AudioFrontEnd(n_fft=2047), "n_fft must be an even number"),
        (AudioFrontEnd(win_length=4096), "win_length must be from 1 to n_fft"),
        (AudioFrontEnd(hop_length=0), "'hop_length' parameter"),
        (AudioFrontEnd(resample="linear"), "'resample' parameter"),
        (AudioFrontEnd(channels="left"), "'channels' parameter"),
        (AudioFrontEnd(window="no"), "[Ww]indow"),
        (AudioFrontEnd(transformer="mel"), "'transformer' parameter"),
        (AudioFrontEnd(sr=22050), "sr / 2 = 11025 Hz"),
    ],
)
def test_impossible_parameters_are_named(front_end, message):
    with pytest.raises(ValueError, match=message):
        front_end.fit([])


def test_reconstruction(clips, stereo):
    front_end = AudioFrontEnd(HRMelTransformer(mel_scale="htk")).fit([])
    features = front_end.transform(clips[:2])
    waveforms = front_end.inverse_transform(features)
    wanted = front_end.transformer_.inverse_transform(features[0])
    assert waveforms[0].dtype == np.float32
    assert waveforms[0].shape == ((len(features[0]) - 1) * 441,)
    # No waveform has the blurred spectrogram; for the original, the error is 0.1.
    assert spectral_convergence(wanted, power_frames(waveforms[0])) < 0.25
    again = front_end.set_params(n_jobs=2).inverse_transform(features)
    assert_array_equal(again[1], waveforms[1])

    both = AudioFrontEnd(channels="mid_side", n_iter=4).fit([])
    (sides,) = both.inverse_transform(both.transform([stereo]))
    assert sides.shape == (2, 150 * 441)
    with pytest.raises(
        ValueError, match=r"clip 0 have shape \(151, 96\), expected \(n_ch"
    ):
        both.inverse_transform(features)


def test_a_classifier_of_clips_in_a_grid_search():
    """From waveforms to classes, searched over the inner transformer."""
    clips, styles = make_music(24, duration=1.5)
    pipeline = make_pipeline(
        AudioFrontEnd(HRMelTransformer()),
        FramePooling(),
        StandardScaler(),
        LogisticRegression(),
    )
    grid = {
        "audiofrontend__transformer": [HRMelTransformer(), LogMelTransformer()],
        "framepooling__statistics": [("mean", "std")],
    }
    search = GridSearchCV(pipeline, grid, cv=4, n_jobs=2).fit(clips, styles)
    # Guessing among six styles is right once in six times.
    assert np.all(search.cv_results_["mean_test_score"] > 0.5)
    names = search.best_estimator_[:2].get_feature_names_out()
    assert len(names) == 192
    assert names[0].endswith("Hz_mean")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_a_long_file_takes_little_memory(tmp_path):
    """Ten minutes of stereo take no more than their features and a few MB."""
    path = tmp_path / "long.wav"
    rng = np.random.default_rng(0)
    with soundfile.SoundFile(path, "w", 44100, 2) as file:
        for _ in range(60):
            file.write(rng.uniform(-0.5, 0.5, (441_000, 2)))
    front_end = AudioFrontEnd().fit([])
    front_end.transform([np.zeros(100_000)])
    before = peak_memory_reset()
    (features,) = front_end.transform([path])
    extra = peak_memory() - before
    assert len(features) == 60_001
    # Frames of 1025 numbers would take 246 MB, the samples 212 MB.
    assert extra < features.nbytes + 30e6


def peak_memory_reset():
    Path("/proc/self/clear_refs").write_text("5")
    return peak_memory()


def peak_memory():
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return 1024 * int(line.split()[1])


def test_samples_are_no_sequence(clips):
    with pytest.raises(ValueError, match=r"samples of shape \(66150,\); put a single"):
        AudioFrontEnd().fit([]).transform(clips[0])


def test_an_open_file_that_comes_twice_is_read_twice(clips, tmp_path):
    path = tmp_path / "clip.wav"
    soundfile.write(path, np.tile(clips[0], 8), 44100)
    with path.open("rb") as file:
        features = AudioFrontEnd(n_jobs=2).fit([]).transform([file, file, file])
    (expected,) = AudioFrontEnd().fit([]).transform([path])
    for found in features:
        assert_array_equal(found, expected)
