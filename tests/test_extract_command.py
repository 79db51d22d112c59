import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile

from skhrmel import AudioFrontEnd, HRMelTransformer, LogMelTransformer
from skhrmel._saved_front_end import read_front_end
from skhrmel.cli import main
from skhrmel.extraction import load_features

COMMAND = [sys.executable, "-m", "skhrmel", "extract"]

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="kills processes and reads /proc"
)


@pytest.fixture(scope="module")
def folder(clips, tmp_path_factory):
    """Three clips, one of them in a subfolder, and a picture."""
    folder = tmp_path_factory.mktemp("music")
    (folder / "sub").mkdir()
    for clip, name in zip(clips, ("a.wav", "b.flac", "sub/c.ogg"), strict=False):
        soundfile.write(folder / name, clip, 44100)
    (folder / "cover.jpg").write_bytes(b"x")
    return folder


def extract(*arguments):
    return main(["extract", *map(str, arguments)])


def test_a_folder(folder, tmp_path, capsys):
    assert extract(folder, "--out", tmp_path, "-j", 2) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert [line.split() for line in out.splitlines() if "done" in line] == [
        ["done", "3"]
    ]
    assert "0:00:04 of audio in" in out
    assert "Ignored in folders, not audio by their names: 1 x .jpg" in out
    names, arrays, _ = load_features(tmp_path)
    assert names == ["a.wav", "b.flac", "sub/c.ogg"]
    expected = AudioFrontEnd().fit_transform([folder / name for name in names])
    for array, features in zip(arrays, expected, strict=True):
        np.testing.assert_array_equal(array, features)

    assert extract(folder, "--out", tmp_path) == 0
    assert "done by earlier runs" in capsys.readouterr().out


def test_failures_are_named_with_status_1(folder, tmp_path, capsys):
    bad = tmp_path / "in [bold]"
    bad.mkdir()
    (bad / "no\x1b[2J.wav").write_text("no audio" * 20)
    out = tmp_path / "out"
    absent = bad / "absent.wav"
    assert extract(folder, bad, absent, "--out", out, "--quiet") == 1
    text, err = capsys.readouterr()
    assert err == ""
    assert text.splitlines() == [
        f"Failed: {absent}: no such file or folder",
        f"Failed: {bad}/no\\x1b[2J.wav: format not recognised",
    ]
    # The tree begins where all folders do.
    common = Path(os.path.commonpath([folder, bad]))
    lines = (out / "manifest.jsonl").read_text().splitlines()
    names = {json.loads(line)["name"] for line in lines}
    assert str((bad / "no\x1b[2J.wav").relative_to(common)) in names

    assert extract(bad, "--out", tmp_path / "second") == 1
    text, err = capsys.readouterr()
    assert err == f"failed: {bad}/no\\x1b[2J.wav: format not recognised\n"


def test_a_list_of_paths(folder, tmp_path, monkeypatch, capsys):
    listed = tmp_path / "list.txt"
    listed.write_bytes(os.fsencode(f"{folder}/a.wav\r\n\n{folder}/sub/c.ogg"))
    arguments = ["--root", folder, "--sha256", "--dtype", "float16"]
    assert extract("--list", listed, *arguments, "--out", tmp_path / "one") == 0
    monkeypatch.setattr("sys.stdin", listed.open())
    assert extract("--list", "-", *arguments, "--out", tmp_path / "two") == 0
    for out in (tmp_path / "one", tmp_path / "two"):
        names, arrays, _ = load_features(out)
        assert names == ["a.wav", "sub/c.ogg"]
        assert arrays[0].dtype == np.float16
    assert len((tmp_path / "one" / "manifest.jsonl").read_text().split("sha256")) == 3
    sys.stdin.close()


def test_lists_that_can_be_read_only_once(folder, tmp_path, capsys):
    """A shell's <(...), a named pipe, and paths that no line can hold."""
    odd = tmp_path / "in"
    odd.mkdir()
    (odd / "two\nlines .wav").write_bytes((folder / "a.wav").read_bytes())
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    listed = ["find", str(odd), "-name", "*.wav", "-print0"]
    for number, shell in enumerate((f"find ... > {pipe} &", "--list <(find ...)")):
        out = tmp_path / str(number)
        if shell.startswith("find"):
            find = subprocess.Popen(["sh", "-c", f'exec "$@" > {pipe}', "", *listed])
            name = pipe
        else:
            find = subprocess.Popen(listed, stdout=subprocess.PIPE)
            name = f"/dev/fd/{find.stdout.fileno()}"
        with find:
            assert extract("--list", name, "--null", "--root", odd, "--out", out) == 0
        assert load_features(out).names == ["two\nlines .wav"]
    capsys.readouterr()
    assert extract("--list", "/dev/null", "--out", tmp_path / "none", "-q") == 1
    assert capsys.readouterr().out == "Failed: /dev/null: no paths in this list\n"


def test_an_output_folder_among_the_clips(folder, tmp_path, capsys):
    """It is not searched, and may not be the folder of the clips itself."""
    music = tmp_path / "music"
    music.mkdir()
    (music / "a.wav").hardlink_to(folder / "a.wav")
    (music / "loop").symlink_to(music)
    (music / "loop.wav").symlink_to("loop.wav")
    for _ in range(2):
        assert extract(music, "--out", music / "sub", "-q") == 1
        assert capsys.readouterr().out == f"Failed: {music}/loop.wav: broken link\n"
    assert load_features(music / "sub").names == ["a.wav"]
    extract(music, "--out", music / "sub")
    assert "names: 1 x links to folders\n" in capsys.readouterr().out
    with pytest.raises(SystemExit) as error:
        extract(music, "--out", music)
    assert error.value.code == 2


def test_the_front_end_by_flags_and_by_file(folder, tmp_path):
    file, one, two = folder / "a.wav", tmp_path / "one", tmp_path / "two"
    flags = "--hop-length 512 --n-mels 30/20 --edges 0,2000,16000 --mel-scale htk "
    flags += "--compression sqrt,log1p --channels each --sr 44100 --n-fft 1024"
    assert extract(file, "--out", one, *flags.split()) == 0
    front_end = AudioFrontEnd(
        HRMelTransformer(
            n_mels=(30, 20),
            band_edges=(0, 2000, 16000),
            mel_scale="htk",
            compression=("sqrt", "log1p"),
        ),
        hop_length=512,
        n_fft=1024,
        channels="each",
    )
    expected = front_end.fit_transform([file])[0]
    np.testing.assert_array_equal(load_features(one).arrays[0], expected)
    assert extract(file, "--out", two, "--front-end", one / "front_end.json") == 0
    assert (one / "manifest.jsonl").read_bytes() == (
        two / "manifest.jsonl"
    ).read_bytes()
    assert (one / "front_end.json").read_bytes() == (
        two / "front_end.json"
    ).read_bytes()

    flags = "--n-mels 64 --edges 20,16000 --compression db"
    assert extract(file, "--out", tmp_path / "three", *flags.split()) == 0
    logmel = LogMelTransformer(n_mels=64, fmin=20, fmax=16000, compression="db")
    np.testing.assert_array_equal(
        load_features(tmp_path / "three").arrays[0],
        AudioFrontEnd(logmel).fit_transform([file])[0],
    )


def test_a_saved_estimator(folder, tmp_path, capsys):
    """Through skops, which executes nothing; only what is trusted."""
    skops_io = pytest.importorskip("skops.io")
    from hostile import Hostile

    file = folder / "a.wav"
    front_end = AudioFrontEnd(HRMelTransformer(decoder="kl")).fit([file])
    skops_io.dump(front_end, tmp_path / "good.skops")
    out = tmp_path / "out"
    assert extract(file, "--out", out, "--front-end", tmp_path / "good.skops") == 0
    np.testing.assert_array_equal(
        load_features(out).arrays[0], front_end.transform([file])[0]
    )
    for value, message in (
        (AudioFrontEnd(Hostile()), "holds hostile.Hostile, which is not trusted"),
        (HRMelTransformer(), "holds a HRMelTransformer, no AudioFrontEnd"),
    ):
        skops_io.dump(value, tmp_path / "bad.skops")
        with pytest.raises(ValueError, match=message):
            read_front_end(tmp_path / "bad.skops")
    (tmp_path / "broken.skops").write_bytes(b"PK")
    with pytest.raises(ValueError, match=r"broken.skops"):
        read_front_end(tmp_path / "broken.skops")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "x"], "give at least one PATH or --list"),
        (["a.wav"], "arguments are required: --out"),
        (["a.wav", "--out", "x", "-j", "0"], "integer other than 0, got '0'"),
        (["a.wav", "--out", "x", "--timeout", "-1"], "positive seconds, got '-1'"),
        (["a.wav", "--out", "x", "--n-mels", "40-32"], "such as 40/32/24, got '40-32'"),
        (["a.wav", "--out", "x", "--edges", "0,x"], "such as 0,1500,6000,20000"),
        (["a.wav", "--out", "x", "--n-mels", "9", "--edges", "0,1,2"], "two edges"),
        (["a.wav", "--out", "x", "--sr", "22050"], "sr / 2 = 11025 Hz"),
        (["a.wav", "--out", "x", "--compression", "zip"], "'zip'"),
        (["a.wav", "--out", "x", "--front-end", "/no/such.json"], "No such file"),
        (["a.wav", "--out", "x", "--front-end", "x.pkl"], "pickles are not read"),
        (
            ["a.wav", "--out", "x", "--front-end", "x.json", "--n-fft", "512"],
            "--front-end and --n-fft exclude each other",
        ),
        (["a.wav", "--out", str(Path(__file__).parent)], "nor a folder of features"),
        (["--list", "/no/such.txt", "--out", "x"], "No such file"),
        (["--list", "/", "--out", "x"], "/ is a folder, not a list of paths"),
        (["a.wav", "--out", __file__], "not a folder"),
    ],
)
def test_wrong_usage_has_status_2(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as error:
        extract(*arguments)
    assert error.value.code == 2
    assert message in capsys.readouterr().err


def test_other_settings_have_status_2(folder, tmp_path, capsys):
    assert extract(folder / "a.wav", "--out", tmp_path) == 0
    with pytest.raises(SystemExit) as error:
        extract(folder / "a.wav", "--out", tmp_path, "--hop-length", 512)
    assert error.value.code == 2
    assert "parameters.hop_length: 441, now 512" in capsys.readouterr().err
    assert (
        extract(folder / "a.wav", "--out", tmp_path, "--hop-length", 512, "--overwrite")
        == 0
    )


def test_a_folder_that_cannot_be_written_to(folder, capsys):
    for out in ("/proc/self", "/proc/self/new"):
        assert extract(folder / "a.wav", "--out", out) == 1
        assert "cannot be written to" in capsys.readouterr().err


@pytest.fixture(scope="module")
def long_folder(tmp_path_factory):
    """Minutes of noise, which take longer than the test waits."""
    folder = tmp_path_factory.mktemp("long")
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 44100 * 300)
    soundfile.write(folder / "0.wav", noise, 44100)
    for k in range(1, 30):
        (folder / f"{k}.wav").hardlink_to(folder / "0.wav")
    return folder


def test_ctrl_c_and_then_the_rest(long_folder, tmp_path):
    out = tmp_path / "out"
    process = subprocess.Popen(
        [*COMMAND, str(long_folder), "--out", str(out), "-j", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Where the tests run in the background of a shell, Ctrl-C is ignored, and what
        # they start would inherit that.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    manifest = out / "manifest.jsonl"
    while not manifest.exists() or manifest.stat().st_size == 0:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    # As a terminal does it: to the command and its workers.
    os.killpg(process.pid, signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout, stderr) == (130, "", "interrupted\n")
    assert 0 < len(load_features(out).names) < 30
    assert list(out.glob(".*")) == []


def test_log_lines_where_there_is_no_terminal(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("skhrmel._extract_report._LOG_SECONDS", 0.0)
    assert extract(folder, "--out", tmp_path) == 0
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("1 of 3 clips, 0 failed, ")
    assert lines[2].endswith(" x real time, 0:00:00 left")


def test_a_progress_bar_in_a_terminal(folder, tmp_path, in_terminal):
    screen = in_terminal([*COMMAND, str(folder), "--out", str(tmp_path)])
    assert "extracting" in screen
    assert "3/3" in screen
    assert "x real time" in screen
