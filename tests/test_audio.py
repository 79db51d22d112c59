import os
from collections import Counter

import numpy as np
import pytest
import soundfile
import soxr
from numpy.testing import assert_allclose, assert_array_equal

from skhrmel.audio import AudioError, load_mono
from skhrmel.folders import find_audio


def write(path, samples, sr=44100, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, sr, **options)
    return path


@pytest.fixture
def noise():
    return np.random.default_rng(0).uniform(-0.5, 0.5, size=(100_000, 3))


def test_channels_are_averaged(tmp_path, noise):
    path = write(tmp_path / "a.wav", noise, subtype="DOUBLE")
    waveform = load_mono(path)
    assert waveform.samples.dtype == np.float32
    assert (waveform.file_sr, waveform.n_channels) == (44100, 3)
    # Half a unit in the last place of float32, three times.
    assert_allclose(waveform.samples, noise.mean(axis=1), atol=1e-7)


@pytest.mark.parametrize("sr", [8000, 48000, 192000])
def test_other_rates_are_resampled_by_soxr(tmp_path, noise, sr):
    mono = noise[:, 0].astype(np.float32)
    path = write(tmp_path / "a.flac", mono, sr, subtype="PCM_24")
    waveform = load_mono(path)
    decoded = soundfile.read(path, dtype="float32")[0]
    assert_array_equal(waveform.samples, soxr.resample(decoded, sr, 44100, "HQ"))
    assert (waveform.file_sr, waveform.sr) == (sr, 44100)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3", "aiff", "caf"])
def test_formats(tmp_path, noise, suffix):
    path = write(tmp_path / f"a.{suffix}", noise[:, :2])
    assert load_mono(path).samples.size >= len(noise)


def test_a_truncated_file_gives_what_is_there(tmp_path, noise):
    path = write(tmp_path / "a.wav", noise[:, 0], subtype="PCM_16")
    path.write_bytes(path.read_bytes()[: 44 + 2 * 70_000])
    assert_allclose(load_mono(path).samples, noise[:70_000, 0], atol=1e-4)


def test_a_header_that_promises_more_is_noticed(tmp_path, noise):
    path = write(tmp_path / "a.mp3", noise[:, 0])
    whole = load_mono(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    half = load_mono(path)
    assert whole.n_missing == 0
    assert half.n_missing == len(whole.samples) - len(half.samples) > 40_000


def broken_link(path):
    path.symlink_to(path.with_name("nowhere.wav"))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (
            lambda path: path.write_text("not audio at all\n" * 9),
            "format not recognised",
        ),
        (lambda path: path.write_bytes(b""), "file of 0 bytes"),
        (lambda path: write(path, np.zeros((0, 2))), "contains no samples"),
        (
            lambda path: write(path, np.array([0, np.nan]), subtype="FLOAT"),
            "sample 1 is nan",
        ),
        (broken_link, "broken link"),
        (lambda _: None, "no such file"),
    ],
)
def test_useless_files_are_named_with_the_reason(tmp_path, make, reason):
    path = tmp_path / "song.wav"
    make(path)
    with pytest.raises(AudioError, match=f"song.wav: {reason}"):
        load_mono(path)


def test_a_damaged_stream_is_an_error(tmp_path, noise):
    path = write(tmp_path / "a.ogg", noise[:, :2])
    data = bytearray(path.read_bytes())
    data[4000:] = np.random.default_rng(0).bytes(len(data) - 4000)
    path.write_bytes(data)
    with pytest.raises(AudioError, match=r"a\.ogg: "):
        load_mono(path)


def test_folders_are_searched(tmp_path, noise):
    songs = [
        write(tmp_path / name, noise[:100, 0])
        for name in ("b.wav", "a.flac", "sub/deep/c.WAV", "sub/Ünïcode ♫.ogg")
    ]
    for name in ("cover.jpg", "sub/notes.txt", "sub/README"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "broken.mp3").symlink_to(tmp_path / "nowhere")
    (tmp_path / "linked").symlink_to(tmp_path / "sub")
    search = find_audio([tmp_path, tmp_path / "b.wav", tmp_path / "gone.wav"])
    assert search.files == [
        tmp_path / "a.flac",
        tmp_path / "b.wav",
        tmp_path / "broken.mp3",
        songs[3],
        songs[2],
    ]
    assert search.ignored == Counter(
        {".jpg": 1, ".txt": 1, "no suffix": 1, "links to folders": 1}
    )
    assert search.problems == {str(tmp_path / "gone.wav"): "no such file or folder"}


def test_a_named_file_needs_no_suffix(tmp_path, noise):
    path = write(tmp_path / "song", noise[:100, 0], format="WAV")
    assert find_audio([path]).files == [path]
    assert load_mono(path).samples.size == 100


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_files_and_folders_are_reported(tmp_path, noise):
    path = write(tmp_path / "locked" / "a.wav", noise[:100, 0])
    path.chmod(0)
    with pytest.raises(AudioError, match="permission denied"):
        load_mono(path)
    path.parent.chmod(0)
    try:
        assert find_audio([tmp_path]).problems == {
            str(path.parent): "permission denied"
        }
    finally:
        path.parent.chmod(0o755)
