import pickle

import librosa
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.utils import estimator_html_repr, get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from skhrmel import EmptyFilterWarning, HRMelTransformer, LogMelTransformer
from skhrmel.compression import COMPRESSIONS, Compression

TWO_BANDS = {"n_mels": (5, 4), "band_edges": (0.0, 8000.0, 22050.0)}


def fourth_root(power):
    return power**0.25


def fourth_power(values):
    return values**4


# The checks of scikit-learn fit frames of a few frequencies, where most of the filters
# are empty: that warning is tested below.
@pytest.mark.filterwarnings("ignore::skhrmel.EmptyFilterWarning")
@parametrize_with_checks(
    [
        HRMelTransformer(),
        LogMelTransformer(),
        HRMelTransformer(mel_scale="htk", norm=None),
        LogMelTransformer(mel_scale="htk", norm=None),
        HRMelTransformer(decoder="kl"),
        LogMelTransformer(decoder="kl"),
        HRMelTransformer(**TWO_BANDS, compression="log1p", decoder="kl"),
        HRMelTransformer(n_mels=(7,), band_edges=(0, 22050), compression="log1p"),
        HRMelTransformer(**TWO_BANDS, compression=("cbrt", "sqrt")),
        HRMelTransformer(**TWO_BANDS, compression="log1p", gain=100.0),
        HRMelTransformer(
            8000,
            n_mels=[3, 2, 2, 1],
            band_edges=[100, 500, 1000, 2000, 4000],
            compression=[
                "identity",
                "log1p",
                "sqrt_log1p",
                (fourth_root, fourth_power),
            ],
        ),
        *(
            HRMelTransformer(**TWO_BANDS, compression=name)
            for name in sorted(COMPRESSIONS)
        ),
        *(
            LogMelTransformer(n_mels=4, compression=name)
            for name in sorted(COMPRESSIONS)
        ),
        LogMelTransformer(n_mels=4, compression=(fourth_root, fourth_power)),
    ]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@st.composite
def transformers(draw):
    """A transformer of any layout, scale and exact compression."""
    sr = draw(st.sampled_from([8000, 44100, 48000]))
    n_bands = draw(st.integers(1, 4))
    exact = sorted(set(COMPRESSIONS) - {"db"})
    common = {
        "sr": sr,
        "gain": draw(st.sampled_from([1, 1.0, 1e-3, 1e4])),
        "mel_scale": draw(st.sampled_from(["slaney", "htk"])),
        "norm": draw(st.sampled_from(["slaney", None])),
    }
    if draw(st.booleans()):
        return LogMelTransformer(
            n_mels=draw(st.integers(1, 100)),
            # Whole Hz: an edge a rounding error away from an FFT bin makes a filter of
            # weight 1e-14, and whether that is noise is a matter of taste.
            fmin=draw(st.integers(0, sr // 4)),
            fmax=draw(st.integers(sr // 4 + 1, sr // 2)),
            compression=draw(st.sampled_from(exact)),
            **common,
        )
    edges = draw(
        st.lists(
            st.integers(0, sr // 2),
            min_size=n_bands + 1,
            max_size=n_bands + 1,
            unique=True,
        )
    )
    return HRMelTransformer(
        n_mels=tuple(draw(st.integers(1, 40)) for _ in range(n_bands)),
        band_edges=tuple(sorted(edges)),
        compression=tuple(draw(st.sampled_from(exact)) for _ in range(n_bands)),
        **common,
    )


def compressions_by_feature(transformer):
    """The compression of every feature, from the parameters alone."""
    if isinstance(transformer, LogMelTransformer):
        return [transformer.compression] * transformer.n_mels
    pairs = zip(transformer.compression, transformer.n_mels, strict=True)
    return [name for name, n_mels in pairs for _ in range(n_mels)]


@pytest.mark.filterwarnings("ignore::skhrmel.EmptyFilterWarning")
@pytest.mark.parametrize(("dtype", "rtol"), [(np.float32, 2e-5), (np.float64, 1e-12)])
@given(
    transformer=transformers(),
    n_freqs=st.sampled_from([3, 65, 1025]),
    seed=st.integers(0, 99),
)
def test_decompressed_features_are_the_mel_power(
    dtype, rtol, transformer, n_freqs, seed
):
    rng = np.random.default_rng(seed)
    X = 10 ** rng.uniform(-3, 3, size=(5, n_freqs)).astype(dtype)
    features = transformer.fit_transform(X)
    mel_power = X.astype(np.float64) @ transformer.mel_basis_.T
    assert features.dtype == dtype
    restored = [
        COMPRESSIONS[name].inverse(column) / transformer.gain
        for name, column in zip(
            compressions_by_feature(transformer), features.T, strict=True
        )
    ]
    # Largest error of the exponential of a logarithm up to log(1e9), see
    # test_compression; relative to what a gain of 1e-3 makes of the 1 in log(1 + x).
    assert_allclose(np.transpose(restored), mel_power, rtol, atol=rtol)


@pytest.mark.filterwarnings("ignore::skhrmel.EmptyFilterWarning")
@given(transformer=transformers(), n_freqs=st.sampled_from([65, 1025]))
def test_inverse_is_the_clipped_pseudo_inverse(transformer, n_freqs):
    rng = np.random.default_rng(0)
    X = rng.exponential(size=(4, n_freqs))
    power = transformer.inverse_transform(transformer.fit_transform(X))
    basis = transformer.mel_basis_
    eps = np.finfo(float).eps
    rcond = max(basis.shape) * eps
    exact = np.maximum(X @ basis.T @ np.linalg.pinv(basis, rcond=rcond).T, 0)
    # Errors of the features times the condition of what the pseudo-inverse keeps.
    values = np.linalg.svd(basis, compute_uv=False)
    condition = values[0] / min(values[values > rcond * values[0]], default=1)
    assert_allclose(power, exact, rtol=0, atol=1e3 * eps * condition * exact.max())
    assert power.min() >= 0


def test_one_band_over_everything_is_the_log_mel_transformer(frames):
    one_band = HRMelTransformer(
        n_mels=(96,), band_edges=(0.0, 20000.0), compression="log1p"
    ).fit(frames)
    log_mel = LogMelTransformer().fit(frames)
    features = log_mel.transform(frames)
    assert_array_equal(one_band.transform(frames), features)
    assert_array_equal(
        one_band.inverse_transform(features), log_mel.inverse_transform(features)
    )


def test_features_are_librosas_mel_spectrogram(clips, frames):
    mel_power = librosa.feature.melspectrogram(
        y=np.asarray(clips[0]),
        sr=44100,
        n_fft=2048,
        hop_length=441,
        n_mels=96,
        fmax=20000.0,
        pad_mode="constant",
    )
    n_frames = mel_power.shape[1]
    features = LogMelTransformer().fit_transform(frames[:n_frames])
    # librosa works in float32 as well, in another order.
    assert_allclose(features, np.log1p(mel_power.T), rtol=1e-4, atol=1e-6)


def test_bands_are_independent(frames):
    """The low band's features and reconstruction do not depend on the others."""
    whole = HRMelTransformer().fit(frames)
    low = HRMelTransformer(
        n_mels=(40,), band_edges=(0.0, 1500.0), compression="log1p"
    ).fit(frames)
    features = whole.transform(frames)
    assert_allclose(low.transform(frames), features[:, :40], rtol=1e-5)
    below = np.flatnonzero(low.mel_basis_.any(axis=0))
    reconstruction = low.inverse_transform(features[:, :40])
    assert_allclose(
        whole.inverse_transform(features)[:, below],
        reconstruction[:, below],
        rtol=1e-4,
        atol=1e-6 * reconstruction.max(),
    )
    outside = np.setdiff1d(np.arange(1025), below)
    assert not reconstruction[:, outside].any()


@pytest.mark.parametrize("n_frames", [1, 2, 255, 256, 257, 800])
def test_frames_do_not_depend_on_their_neighbours(frames, n_frames):
    hrmel = HRMelTransformer().fit(frames)
    features = hrmel.transform(frames[:n_frames])
    assert features.shape == (n_frames, 96)
    single = hrmel.transform(frames[n_frames - 1 : n_frames])
    assert_allclose(features[-1:], single, rtol=1e-5)
    power = hrmel.inverse_transform(features)
    assert_allclose(
        power[-1:], hrmel.inverse_transform(single), rtol=1e-3, atol=1e-5 * power.max()
    )


def test_input_is_not_written_to(frames, tmp_path):
    hrmel = HRMelTransformer(compression="identity").fit(frames)
    original = frames.copy()
    features = hrmel.transform(frames)
    features.flags.writeable = False
    kept = features.copy()
    hrmel.inverse_transform(features)
    assert_array_equal(frames, original)
    assert_array_equal(features, kept)

    path = tmp_path / "frames.npy"
    np.save(path, frames)
    mapped = np.load(path, mmap_mode="r")
    assert_array_equal(hrmel.fit(mapped).transform(mapped), features)


@pytest.mark.parametrize("order", ["C", "F"])
def test_other_memory_layouts_and_integers_give_the_same(frames, order):
    hrmel = HRMelTransformer().fit(frames)
    expected = hrmel.transform(frames)
    assert_allclose(hrmel.transform(np.array(frames, order=order)), expected, 1e-5)
    strided = np.repeat(frames, 2, axis=1)[:, ::2]
    assert_allclose(hrmel.transform(strided), expected, 1e-5)
    counts = np.arange(20 * 1025).reshape(20, 1025)
    assert hrmel.transform(counts).dtype == np.float64


def test_feature_names_say_band_and_frequency(frames):
    hrmel = HRMelTransformer().fit(frames)
    names = hrmel.get_feature_names_out()
    first = librosa.mel_frequencies(42, fmax=1500)[1]
    assert names[0] == f"band0_mel00_{first:.1f}Hz"
    assert names[40].startswith("band1_mel00_")
    assert names[-1].startswith("band2_mel23_")
    assert len(set(names)) == 96
    frequencies = [float(name.split("_")[-1].removesuffix("Hz")) for name in names]
    # Names are rounded to 0.1 Hz.
    assert_allclose(frequencies, hrmel.mel_frequencies_, atol=0.0501)
    assert LogMelTransformer(n_mels=4).fit(frames).get_feature_names_out()[3] == (
        f"mel3_{librosa.mel_frequencies(6, fmax=20000)[4]:.1f}Hz"
    )


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_set_output(frames, container):
    hrmel = HRMelTransformer().set_output(transform=container)
    table = hrmel.fit_transform(frames)
    assert list(table.columns) == list(hrmel.get_feature_names_out())
    features = HRMelTransformer().fit_transform(frames)
    assert_array_equal(table.to_numpy(), features)
    # scikit-learn reads a polars table as float64.
    power = hrmel.inverse_transform(features)
    assert_allclose(
        hrmel.inverse_transform(table), power, rtol=0, atol=1e-5 * power.max()
    )


def test_names_of_frequencies_are_checked(frames):
    columns = [f"{k * 44100 / 2048:.0f} Hz" for k in range(1025)]
    table = pd.DataFrame(frames, columns=columns)
    hrmel = HRMelTransformer().fit(table)
    assert_array_equal(hrmel.feature_names_in_, columns)
    with pytest.raises(ValueError, match="feature names"):
        hrmel.transform(table[columns[::-1]])


def test_clone_pickle_and_html(frames):
    hrmel = HRMelTransformer(
        compression=("log1p", (fourth_root, fourth_power), "db"), gain=10.0
    ).fit(frames)
    restored = pickle.loads(pickle.dumps(hrmel))
    assert_array_equal(restored.transform(frames), hrmel.transform(frames))
    assert clone(hrmel).get_params() == hrmel.get_params()
    assert "HRMelTransformer" in estimator_html_repr(hrmel)


def test_tags_tell_the_truth(frames):
    tags = get_tags(HRMelTransformer())
    assert tags.input_tags.positive_only
    assert not tags.input_tags.sparse
    assert not tags.input_tags.allow_nan
    assert tags.transformer_tags.preserves_dtype == ["float64", "float32"]
    assert not tags.target_tags.required


def test_gain_is_in_front_of_the_logarithm(frames):
    plain = LogMelTransformer(compression="identity").fit_transform(frames)
    loud = LogMelTransformer(gain=1e4).fit_transform(frames)
    assert_allclose(loud, np.log1p(1e4 * plain), rtol=1e-5)


def test_own_compression(frames):
    pair = LogMelTransformer(compression=(fourth_root, fourth_power))
    features = pair.fit_transform(frames)
    plain = LogMelTransformer(compression="identity").fit_transform(frames)
    assert_allclose(features, plain**0.25, rtol=1e-5)
    single = LogMelTransformer(compression=Compression(fourth_root, fourth_power))
    assert_array_equal(single.fit_transform(frames), features)


def test_silence_gives_silence():
    silence = np.zeros((3, 1025), dtype=np.float32)
    for transformer in (HRMelTransformer(), LogMelTransformer()):
        features = transformer.fit_transform(silence)
        assert not features.any()
        assert not transformer.inverse_transform(features).any()


def test_empty_filters_are_named():
    with pytest.warns(EmptyFilterWarning) as caught:
        hrmel = HRMelTransformer().fit(np.ones((2, 129)))
    messages = [str(warning.message) for warning in caught]
    empty = np.flatnonzero(~hrmel.mel_basis_.any(axis=1))
    low, mid = empty[empty < 40], empty[empty >= 40] - 40
    assert len(messages) == 2
    assert messages[0].startswith(f"Band 0 (0-1500 Hz): {len(low)} of its 40")
    assert ", ".join(map(str, low)) in messages[0]
    assert "172.3 Hz apart at n_fft=256; use fewer n_mels" in messages[0]
    assert messages[1].startswith(f"Band 1 (1500-6000 Hz): {len(mid)} of its 32")


def set_value(X, value):
    X = X.copy()
    X[300, 7] = value
    return X


@pytest.mark.parametrize("method", ["fit", "transform"])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            -0.5,
            r"Negative values in data passed to HRMel.*X\[300, 7\] is -0\.5\. Expected",
        ),
        (np.nan, r"contains NaN: X\[300, 7\]"),
        (np.inf, r"contains infinity: X\[300, 7\]"),
        (-np.inf, r"contains infinity: X\[300, 7\]"),
    ],
)
def test_impossible_power_is_refused(frames, method, value, message):
    hrmel = HRMelTransformer().fit(frames)
    with pytest.raises(ValueError, match=message):
        getattr(hrmel, method)(set_value(frames, value))


def test_features_that_cannot_be_decoded_are_refused(frames):
    hrmel = HRMelTransformer().fit(frames)
    features = hrmel.transform(frames)
    with pytest.raises(ValueError, match="NaN"):
        hrmel.inverse_transform(set_value(features, np.nan))
    # exp(100) is beyond float32.
    with pytest.raises(
        ValueError, match="to 100 cannot be decompressed in float32: col"
    ):
        hrmel.inverse_transform(set_value(features, 100.0))
    with pytest.raises(ValueError, match="95 features, but HRMelTransformer makes 96"):
        hrmel.inverse_transform(features[:, :-1])


@pytest.mark.parametrize(
    ("params", "value"), [({}, 3e38), ({"gain": 1e-40}, 10.0), ({"gain": 1e-46}, 1.0)]
)
def test_overflow_in_decoding_is_refused(frames, params, value):
    plain = LogMelTransformer(compression="identity", **params).fit(frames)
    features = np.full((1, 96), value, dtype=np.float32)
    with pytest.raises(
        ValueError, match=r"cannot be (decoded|decompressed) in float32"
    ):
        plain.inverse_transform(features)


def test_overflow_in_encoding_is_refused(frames):
    loud = LogMelTransformer(gain=1e38).fit(frames)
    with pytest.raises(ValueError, match="cannot be encoded in float32: column"):
        loud.transform(np.float32(1e6) * frames)


def test_parameters_set_after_fit_wait_for_the_next(frames):
    hrmel = HRMelTransformer().fit(frames)
    features = hrmel.transform(frames)
    hrmel.set_params(gain=np.nan, n_mels=(1, 1, 1), compression="identity")
    assert_array_equal(hrmel.transform(frames), features)


def in_place_exp(values):
    return np.expm1(values, out=values)


def test_compressions_that_work_in_place_change_nothing_of_the_user(frames):
    careless = LogMelTransformer(compression=(np.log1p, in_place_exp)).fit(frames)
    features = careless.transform(frames)
    kept = features.copy()
    power = careless.inverse_transform(features)
    assert_array_equal(features, kept)
    assert_array_equal(power, LogMelTransformer().fit(frames).inverse_transform(kept))


def test_another_frame_size_than_in_fit_is_refused(frames):
    hrmel = HRMelTransformer().fit(frames)
    with pytest.raises(ValueError, match="X has 513 features, but HRMelTransformer is"):
        hrmel.transform(frames[:, :513])


@pytest.mark.parametrize(
    ("transformer", "message"),
    [
        (HRMelTransformer(n_mels=(40, 32)), "n_mels has 2 entries"),
        (HRMelTransformer(n_mels=96), "'n_mels' parameter"),
        (HRMelTransformer(8000), "sr / 2 = 4000 Hz"),
        (HRMelTransformer(compression=("log1p", "log1p")), "2 entries for 3 bands"),
        (HRMelTransformer(compression="log"), "compression must be one of"),
        (HRMelTransformer(mel_scale="bark"), "'mel_scale' parameter"),
        (HRMelTransformer(decoder="magic"), "'decoder' parameter"),
        (HRMelTransformer(gain=0), "'gain' parameter"),
        (HRMelTransformer(sr=-1), "'sr' parameter"),
        (LogMelTransformer(n_mels=0), "'n_mels' parameter"),
        (
            LogMelTransformer(8000),
            r"fmin < fmax <= sr / 2 = 4000 Hz, got fmin=0, fmax=2",
        ),
        (LogMelTransformer(fmin=30000), "got fmin=30000, fmax=20000"),
    ],
)
def test_impossible_parameters_are_named(frames, transformer, message):
    with pytest.raises(ValueError, match=message):
        transformer.fit(frames)
