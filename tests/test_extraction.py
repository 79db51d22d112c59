import errno
import json
import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hostile import (
    EXIT,
    KILLED_ONCE,
    MEMORY,
    RAISE,
    SEGFAULT,
    STUCK,
    Hostile,
    write_order,
)
from hypothesis import given
from hypothesis import strategies as st
from joblib import parallel_config
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

import skhrmel
from skhrmel import AudioFrontEnd, HRMelTransformer, LogMelTransformer, _processes
from skhrmel._clip_names import clip_name, feature_file
from skhrmel._folder_lock import FolderLock
from skhrmel._output_folder import folds_names
from skhrmel.compression import decibel
from skhrmel.extraction import (
    FolderInUseError,
    SettingsError,
    extract_features,
    front_end_from_parameters,
    load_features,
)

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="kills processes and reads /proc"
)


@pytest.fixture(scope="module")
def music(clips, tmp_path_factory):
    """Twelve clips in three formats and two folders, of equal names."""
    folder = tmp_path_factory.mktemp("music")
    for album in ("Élan", "b"):
        (folder / album).mkdir()
        for number, suffix in enumerate(("wav", "flac", "ogg", "wav", "flac", "ogg")):
            stereo = np.stack([clips[number], clips[number - 1]], axis=1)
            start = 0 if album == "b" else 9999
            file = folder / album / f"{number} ñ.{suffix}"
            soundfile.write(file, stereo[start : 40000 + start], 44100)
    return folder


@pytest.fixture(scope="module")
def files(music):
    return sorted(music.rglob("*.*"))


@pytest.fixture(scope="module")
def undisturbed(music, files, tmp_path_factory):
    """What one run with one worker writes."""
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    extraction = extract_features(AudioFrontEnd(), files, out, root=music)
    assert (extraction.n_done, extraction.n_failed) == (12, 0)
    return out


def contents(out):
    """All that must be the same: every byte of every file but the timings."""
    return {
        str(path.relative_to(out)): path.read_bytes() if path.is_file() else None
        for path in sorted(out.rglob("*"))
        if path.name != "timings.jsonl"
    }


def lines_of(out):
    text = (out / "manifest.jsonl").read_text()
    return {line["name"]: line for line in map(json.loads, text.splitlines())}


def test_features_are_those_of_the_front_end(music, files, undisturbed):
    names, arrays, feature_names = load_features(undisturbed)
    front_end = AudioFrontEnd().fit([])
    assert names == [str(file.relative_to(music)) for file in files]
    assert feature_names == list(front_end.get_feature_names_out())
    for array, expected in zip(arrays, front_end.transform(files), strict=True):
        assert isinstance(array, np.memmap)
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, expected)
    assert [a.shape for a in arrays[2:4]] == [a.shape for a in list(arrays)[2:4]]
    # Without skhrmel: a file where one expects it.
    np.load(undisturbed / "features" / "Élan" / "0 ñ.wav.npy")


def test_the_manifest_tells_what_was_done(files, undisturbed):
    lines = lines_of(undisturbed)
    settings = json.loads((undisturbed / "front_end.json").read_text())
    line = lines["b/2 ñ.ogg"]
    assert line["rate"] == 44100
    assert line["channels"] == 2
    assert line["duration"] == pytest.approx(40000 / 44100, abs=1e-6)
    assert line["frames"] == line["shape"][0] == 1 + 40000 // 441
    assert line["size"] == Path(line["path"]).stat().st_size
    assert line["front_end"] == settings["hash"]
    assert settings["versions"]["skhrmel"] == skhrmel.__version__
    assert settings["versions"]["numpy"] == np.__version__
    assert settings["versions"]["libsndfile"] == soundfile.__libsndfile_version__
    assert settings["parameters"]["transformer"]["n_mels"] == [40, 32, 24]
    timings = (undisturbed / "timings.jsonl").read_text().splitlines()
    assert {json.loads(t)["name"] for t in timings} == set(lines)


def test_bytes_do_not_depend_on_jobs(music, files, undisturbed, tmp_path):
    with parallel_config(n_jobs=3):
        extract_features(AudioFrontEnd(n_jobs=5), iter(files), tmp_path, root=music)
    assert contents(tmp_path) == contents(undisturbed)


@pytest.mark.parametrize("channels", ["each", "mid_side"])
def test_channels_and_float16(music, files, tmp_path, channels):
    front_end = AudioFrontEnd(channels=channels)
    extract_features(front_end, files, tmp_path, stored_as="float16", sha256=True)
    _, arrays, _ = load_features(tmp_path)
    for array, expected in zip(arrays, front_end.fit_transform(files), strict=True):
        assert array.shape == expected.shape
        np.testing.assert_array_equal(array, expected.astype(np.float16))
    line = next(iter(lines_of(tmp_path).values()))
    digest = subprocess.check_output(["sha256sum", files[0]], text=True).split()[0]
    assert line["sha256"] == digest.removeprefix("\\")


def test_what_does_not_fit_float16_is_refused(tmp_path):
    soundfile.write(tmp_path / "loud.wav", np.full(9000, 100.0), 44100, subtype="FLOAT")
    front_end = AudioFrontEnd(HRMelTransformer(compression="identity"))
    out = tmp_path / "out"
    extract_features(front_end, [tmp_path / "loud.wav"], out, stored_as="float16")
    (line,) = lines_of(out).values()
    assert line["error"].endswith("does not fit float16")
    assert list((out / "features").iterdir()) == []


def test_a_second_run_does_what_is_missing(music, files, undisturbed, tmp_path):
    out = tmp_path / "out"
    done = []
    extract_features(AudioFrontEnd(), files[:5], out, root=music)
    # A clip whose features were lost, and one that was being written to.
    (out / "features" / "b" / "0 ñ.wav.npy").unlink()
    with (out / "features" / "b" / "1 ñ.flac.npy").open("ab") as file:
        file.write(b"x")
    extraction = extract_features(
        AudioFrontEnd(),
        [*files, files[3]],
        out,
        root=music,
        callback=lambda line, _: done.append(line["name"]),
    )
    assert extraction.n_earlier == 3
    assert len(done) == extraction.n_done == 9
    assert contents(out) == contents(undisturbed)


def test_a_clip_that_has_changed_is_done_again(clips, tmp_path):
    file = tmp_path / "song.wav"
    soundfile.write(file, clips[0], 44100)
    extract_features(AudioFrontEnd(), [file], tmp_path / "out")
    soundfile.write(file, clips[1][:30000], 44100)
    assert extract_features(AudioFrontEnd(), [file], tmp_path / "out").n_done == 1
    (array,) = load_features(tmp_path / "out").arrays
    np.testing.assert_array_equal(array, AudioFrontEnd().fit_transform([file])[0])


def make_hostile(folder):
    """Files of all kinds that somebody's folder holds; reasons by name."""
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, (44100, 2))
    soundfile.write(folder / "good.wav", noise, 44100)
    whole = (folder / "good.wav").read_bytes()
    # 44 bytes of header that promise 4 GB, and 113 of sound.
    huge = bytearray(whole[:157])
    huge[4:8] = huge[40:44] = (0xFFFFFFF0).to_bytes(4, "little")
    (folder / "huge.wav").write_bytes(huge)
    (folder / "text.wav").write_text("I am no audio file" * 9)
    (folder / "empty.flac").touch()
    (folder / "dangling.wav").symlink_to(folder / "nowhere.wav")
    (folder / "folder.wav").mkdir()
    os.mkfifo(folder / "pipe.wav")
    soundfile.write(folder / "many.wav", np.zeros((19200, 8)), 192000)
    soundfile.write(folder / "whole.ogg", noise, 44100)
    encoded = (folder / "whole.ogg").read_bytes()
    (folder / "truncated.ogg").write_bytes(encoded[: len(encoded) // 2])
    soundfile.write(folder / "whole.mp3", noise, 44100)
    encoded = (folder / "whole.mp3").read_bytes()
    (folder / "truncated.mp3").write_bytes(encoded[: len(encoded) // 2])
    (folder / ("x" * 250 + ".wav")).write_bytes(whole)
    (folder / os.fsdecode(b"\xff\x1b[2J\n.wav")).write_bytes(whole)
    nan = noise.astype(np.float32)
    nan[5] = np.nan
    soundfile.write(folder / "nan.wav", nan, 44100, subtype="FLOAT")
    return {
        "text.wav": "format not recognised",
        "empty.flac": "file of 0 bytes",
        "dangling.wav": "broken link",
        "folder.wav": "is a folder",
        "pipe.wav": "not a regular file",
        "many.wav": "sampled at 192000 Hz, expected sr=44100 Hz",
        "nan.wav": "sample",
        "absent.wav": "no such file",
        "nul\0.wav": "embedded null",
    }


def test_a_folder_of_hostile_files(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    reasons = make_hostile(folder)
    if os.geteuid() != 0:
        (folder / "secret.wav").write_bytes((folder / "good.wav").read_bytes())
        (folder / "secret.wav").chmod(0)
        reasons["secret.wav"] = "permission denied"
    clips = [*sorted(folder.iterdir()), folder / "absent.wav", f"{folder}/nul\0.wav"]
    out = tmp_path / "out"
    extraction = extract_features(AudioFrontEnd(), clips, out, root=folder, n_jobs=2)
    lines = lines_of(out)
    failed = {n: line["error"] for n, line in lines.items() if line["error"]}
    assert failed.keys() == reasons.keys()
    for name, reason in reasons.items():
        assert reason in failed[name], name
    assert extraction.n_failed == len(reasons)
    assert extraction.n_done == len(clips) - len(reasons)
    assert extraction.failures[str(folder / "text.wav")] == "format not recognised"
    assert lines["truncated.ogg"]["status"] == "done"
    assert "before the" in lines["truncated.mp3"]["note"]
    assert lines["huge.wav"]["shape"] == [1, 96]
    names, arrays, _ = load_features(out)
    assert set(names) == lines.keys() - failed.keys()
    assert all(np.isfinite(array).all() for array in arrays)
    # With another rate allowed, the eight channels are mixed and resampled.
    extract_features(
        AudioFrontEnd(resample="soxr_hq"), [folder / "many.wav"], tmp_path / "second"
    )
    assert load_features(tmp_path / "second").arrays[0].shape == (11, 96)


def test_clips_that_end_or_stop_their_process(tmp_path):
    """Each costs itself, its reason is recorded, and all others are done."""
    orders = {
        SEGFAULT: "ended by SIGSEGV and, tried again, by SIGSEGV",
        STUCK: "took longer than the timeout of 2 s",
        EXIT: "ended by exit status 7 and, tried again, by exit status 7",
        RAISE: "KeyError: 'no such thing'",
        MEMORY: "out of memory",
        KILLED_ONCE: None,
    }
    clips = []
    for order in orders:
        for name, kind in ((f"{order} good", 0), (f"{order} bad", order)):
            clips.append(tmp_path / f"{name}.wav")
            write_order(clips[-1], kind)
    transformer = Hostile(marker=str(tmp_path / "marker"))
    front_end = AudioFrontEnd(transformer).fit(clips[:1])
    for out, n_jobs in ((tmp_path / "one", 1), (tmp_path / "two", 2)):
        extraction = extract_features(
            front_end, clips, out, root=tmp_path, n_jobs=n_jobs, timeout=2
        )
        assert (extraction.n_done, extraction.n_failed) == (7, 5)
        lines = lines_of(out)
        for order, error in orders.items():
            assert lines[f"{order} good.wav"]["status"] == "done"
            assert (lines[f"{order} bad.wav"]["error"] or "").endswith(error or "")
        assert sum(line["status"] == "done" for line in lines.values()) == 7
    assert (tmp_path / "marker").exists()
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def workers_of(out):
    """Processes that have the output folder's temporary files open."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            links = [link.readlink() for link in (process / "fd").iterdir()]
        except OSError:
            continue
        if any(str(link).startswith(f"{out}/.partial/") for link in links):
            found.append(int(process.name))
    return found


def test_workers_that_are_killed_cost_nothing(tmp_path, clips):
    """As the operating system does when memory runs out, in the middle of a file."""
    long = tmp_path / "long.wav"
    soundfile.write(long, np.tile(clips[0], 200), 44100)
    out = tmp_path / "out"
    killed = []

    def kill():
        deadline = time.monotonic() + 30
        while not killed and time.monotonic() < deadline:
            for worker in workers_of(out):
                os.kill(worker, signal.SIGKILL)
                killed.append(worker)

    thread = threading.Thread(target=kill)
    thread.start()
    extraction = extract_features(AudioFrontEnd(), [long], out)
    thread.join()
    assert killed
    assert extraction.n_done == 1
    (array,) = load_features(out).arrays
    np.testing.assert_array_equal(array, AudioFrontEnd().fit_transform([long])[0])


KILL = """
import os, random, signal, sys, time
from pathlib import Path
from skhrmel import AudioFrontEnd
from skhrmel.extraction import extract_features
root, out = Path(sys.argv[1]), Path(sys.argv[2])
files = sorted(root.rglob("*.*"))

def extract(files, **options):
    extract_features(
        AudioFrontEnd(), files, out / "out", root=root, n_jobs=2, **options
    )

# Starts what forks workers, which all runs below use: they begin at once.
extract(files[:1])
start = time.perf_counter()
extract(files, overwrite=True)
whole = time.perf_counter() - start
moments = random.Random(0)
n_killed = 0
extract(files[:1], overwrite=True)
while n_killed < 20:
    run = os.fork()
    if run == 0:
        extract(files)
        os._exit(0)
    time.sleep(moments.uniform(0, whole))
    os.kill(run, signal.SIGKILL)
    if os.WIFSIGNALED(os.waitpid(run, 0)[1]):
        n_killed += 1
        print((out / "out" / "manifest.jsonl").read_bytes().count(b'"done"'))
    else:
        # It was faster than its end; the next one begins anew.
        extract(files[:1], overwrite=True)
"""


def test_killed_twenty_times_it_ends_with_the_same_bytes(
    music, files, undisturbed, tmp_path
):
    process = subprocess.run(
        [sys.executable, "-c", KILL, str(music), str(tmp_path)],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    n_done = [int(line) for line in process.stdout.splitlines()]
    assert len(n_done) == 20
    # Some were killed with part of the work done.
    assert any(1 < n < 12 for n in n_done)
    extract_features(AudioFrontEnd(), files, tmp_path / "out", root=music, n_jobs=2)
    assert contents(tmp_path / "out") == contents(undisturbed)


@pytest.mark.parametrize("torn", [b'{"name": "Z', b"\0\0\0\0", b"{}"])
def test_a_torn_last_line_is_dropped(music, files, undisturbed, tmp_path, torn):
    extract_features(AudioFrontEnd(), files[:2], tmp_path, root=music)
    with (tmp_path / "manifest.jsonl").open("ab") as file:
        file.write(torn)
    assert len(load_features(tmp_path).names) == 2
    extraction = extract_features(AudioFrontEnd(), files, tmp_path, root=music)
    assert extraction.n_earlier == 2
    assert contents(tmp_path) == contents(undisturbed)


def test_another_bad_line_is_named(music, files, tmp_path):
    extract_features(AudioFrontEnd(), files[:1], tmp_path, root=music)
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_bytes(b"nonsense\n" + manifest.read_bytes())
    for use in (
        lambda: load_features(tmp_path),
        lambda: extract_features(AudioFrontEnd(), files, tmp_path, root=music),
    ):
        with pytest.raises(
            ValueError, match=r"line 1 is no line of a manifest: b'nons"
        ):
            use()


@pytest.mark.parametrize(
    ("edited", "reason"),
    [
        ({"path": None}, "'path' is None"),
        ({"status": "finished"}, "'status' is 'finished'"),
        ({"name": "../../etc/passwd"}, "no path below a folder"),
        ({"shape": [101, -96]}, "'shape' is .101, -96."),
        ({"shape": None}, "'shape' is None"),
        ({"dtype": "object"}, "'dtype' is 'object'"),
        ({"mtime_ns": "today"}, "'mtime_ns' is 'today'"),
    ],
)
def test_a_line_that_somebody_has_edited(music, files, tmp_path, edited, reason):
    extract_features(AudioFrontEnd(), files[:1], tmp_path, root=music)
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), **edited}))
    with manifest.open("a") as file:
        file.write("\n")
    for use in (
        lambda: load_features(tmp_path),
        lambda: extract_features(AudioFrontEnd(), files, tmp_path, root=music),
    ):
        with pytest.raises(ValueError, match=rf"line 1 is no line .*{reason}"):
            use()


def test_edits_that_cost_no_more_than_the_clip(music, files, undisturbed, tmp_path):
    """Another place, another size, a lost line, a line twice: done again, once."""
    out = tmp_path / "out"
    extract_features(AudioFrontEnd(), files[:5], out, root=music)
    manifest = out / "manifest.jsonl"
    lines = [json.loads(line) for line in manifest.read_text().splitlines()]
    lines[0]["features"] = "features/../../elsewhere.npy"
    lines[1]["size"] += 1
    del lines[2]
    lines.append(lines[3])
    manifest.write_text("".join(json.dumps(line) + "\n" for line in lines))
    extraction = extract_features(AudioFrontEnd(), files, out, root=music)
    assert extraction.n_earlier == 2
    assert lines_of(out) == lines_of(undisturbed)
    assert len(load_features(out).names) == 12


def test_other_settings_are_refused_with_the_difference(music, files, tmp_path):
    extract_features(AudioFrontEnd(), files[:1], tmp_path, root=music)
    before = contents(tmp_path)
    other = AudioFrontEnd(LogMelTransformer(), hop_length=512)
    message = r"(?s)hop_length: 441, now 512.*class: 'HRMelTransformer', now 'LogMelTra"
    with pytest.raises(SettingsError, match=message):
        extract_features(other, files, tmp_path, root=music)
    with pytest.raises(SettingsError, match="stored_as: 'float32', now 'float16'"):
        extract_features(AudioFrontEnd(), files, tmp_path, stored_as="float16")
    assert contents(tmp_path) == before
    # What says nothing about features makes no difference.
    same = AudioFrontEnd(HRMelTransformer(), sr=44100.0, n_jobs=2)
    assert extract_features(same, files[:1], tmp_path, root=music).n_earlier == 1
    assert contents(tmp_path) == before

    recorded = tmp_path / "front_end.json"
    whole = recorded.read_text()
    recorded.write_text(whole.replace(f'"numpy": "{np.__version__}"', '"numpy": "1.0"'))
    with pytest.raises(SettingsError, match=r"versions.numpy: '1.0', now"):
        extract_features(AudioFrontEnd(), files, tmp_path, root=music)

    recorded.write_text(re.sub('"hash": "....', '"hash": "0000', whole))
    with pytest.raises(SettingsError, match=r"hash: '0000"):
        extract_features(AudioFrontEnd(), files, tmp_path, root=music)

    extract_features(other, files[:1], tmp_path, root=music, overwrite=True)
    assert load_features(tmp_path).arrays[0].shape[1] == 96
    assert json.loads(recorded.read_text())["parameters"]["hop_length"] == 512


def test_a_mixture_is_not_loaded(music, files, undisturbed, tmp_path):
    extract_features(AudioFrontEnd(), files[:1], tmp_path, root=music)
    manifest = tmp_path / "manifest.jsonl"
    other = {**json.loads(manifest.read_text()), "name": "other", "front_end": "abc"}
    with manifest.open("a") as file:
        file.write(json.dumps(other) + "\n")
    with pytest.raises(SettingsError, match="'other' was made by the front end abc"):
        load_features(tmp_path)
    with pytest.raises(ValueError, match="not a folder of features"):
        load_features(music)


def test_a_second_run_into_one_folder_is_refused(music, files, tmp_path):
    with FolderLock(tmp_path):
        message = f"another run is writing to this folder .process {os.getpid()} on "
        with pytest.raises(FolderInUseError, match=message):
            extract_features(AudioFrontEnd(), files, tmp_path, root=music)
    assert list(tmp_path.iterdir()) == []


def test_a_file_system_without_locks(music, files, tmp_path, monkeypatch):
    """As that of some clusters: nobody can be kept out, which is said."""

    def flock(descriptor, operation):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", flock)
    with pytest.warns(RuntimeWarning, match="see to it that no other run"):
        extract_features(AudioFrontEnd(), files[:1], tmp_path, root=music)
    assert len(load_features(tmp_path).names) == 1
    assert list(tmp_path.glob(".*")) == []


def test_a_folder_of_something_else_is_left_alone(files, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    for overwrite in (False, True):
        with pytest.raises(ValueError, match=r"neither empty nor .* 'thesis.tex'"):
            extract_features(AudioFrontEnd(), files, tmp_path, overwrite=overwrite)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize(("process", "limit"), [("run", 3000), ("workers", 2000)])
def test_a_quota_that_is_reached(music, files, tmp_path, process, limit):
    """A real limit on the size of files: that of the manifest, or that of features."""
    front_end = AudioFrontEnd(LogMelTransformer(n_mels=8))
    extract_features(front_end, files, tmp_path / "whole", root=music)
    pid = 0 if process == "run" else _processes._nursery._process.pid
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            extract_features(front_end, files, tmp_path / "out", root=music)
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
    assert list((tmp_path / "out").glob(".*")) == []
    # What was done is valid, and with more room the rest follows.
    names = load_features(tmp_path / "out").names
    assert len(names) > 5 if process == "run" else names == []
    extraction = extract_features(front_end, files, tmp_path / "out", root=music)
    assert extraction.n_earlier == len(names)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_a_disk_that_is_full(music, files, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    size = "size=100k"
    mount = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(disk)]
    mounted = subprocess.run(mount, capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"no tmpfs can be mounted: {mounted.stderr.strip()}")
    try:
        with pytest.raises(OSError, match="No space left on device"):
            extract_features(AudioFrontEnd(), files, disk / "out", root=music)
        names, arrays, _ = load_features(disk / "out")
        assert 0 < len(names) < len(files)
        expected = AudioFrontEnd().fit_transform([music / name for name in names])
        for array, features in zip(arrays, expected, strict=True):
            np.testing.assert_array_equal(array, features)
    finally:
        # Lazily, as the arrays are still mapped.
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_paths_are_asked_for_as_they_are_needed(files, tmp_path):
    """A generator of a thousand million paths is not gathered."""
    taken, ahead = [], []

    def endless():
        for number in range(10**9):
            taken.append(number)
            yield files[number % 12].with_name(f"{number}.wav")

    class EnoughError(Exception):
        pass

    def check(line, extraction):
        ahead.append(len(taken) - extraction.n_failed)
        if extraction.n_failed == 200:
            raise EnoughError

    with pytest.raises(EnoughError):
        extract_features(AudioFrontEnd(), endless(), tmp_path, n_jobs=2, callback=check)
    # Two for each job, and what came back before it was counted.
    assert max(ahead) < 100
    assert len(lines_of(tmp_path)) == 200


def test_a_generator_that_fails(music, files, tmp_path):
    def broken():
        yield files[0]
        raise LookupError("the database is gone")

    with pytest.raises(LookupError, match="the database is gone"):
        extract_features(AudioFrontEnd(), broken(), tmp_path, root=music)
    assert len(load_features(tmp_path).names) == 1


part = st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=300)
special = st.sampled_from(["_outside", "_outside_", "x", "x.npy", "x.npy_", "é" * 200])
path = st.lists(part | special, min_size=1, max_size=30).map(
    lambda parts: "/" + "/".join("_" if p in (".", "..") else p for p in parts)
)


@given(path, path, st.sampled_from([None, "/x", "/_outside", "/x/x.npy"]))
def test_different_paths_have_different_places(one, other, root):
    """None a folder of the other, all below the folder, no part too long."""
    files = [feature_file(clip_name(path, root)) for path in (one, other)]
    for file in files:
        parts = file.split("/")
        assert parts[0] == "features"
        assert not {"", ".", ".."} & set(parts)
        assert max(len(os.fsencode(part)) for part in parts) <= 255
        assert len(os.fsencode(file)) <= 2048
    if one != other:
        assert not (files[0] + "/").startswith(files[1] + "/")
        assert files[0] != files[1]


@given(path)
def test_nobody_can_take_the_place_of_another(one):
    """By calling a file what the features of another are called."""
    place = feature_file(clip_name(one, None))
    other = "/" + place.removeprefix("features/").removesuffix(".npy")
    if other != one:
        assert feature_file(clip_name(other, None)) != place


def test_a_path_of_thousands_of_bytes(tmp_path, monkeypatch, clips):
    deep = [f"{number:02d}{'d' * 200}" for number in range(18)]
    monkeypatch.chdir(tmp_path)
    for part in deep:
        Path(part).mkdir()
        os.chdir(part)
    soundfile.write("x.wav", clips[0], 44100)
    clip = "/".join([str(tmp_path), *deep, "x.wav"])
    out = tmp_path / "out"
    assert extract_features(AudioFrontEnd(), [clip], out, root=tmp_path).n_done == 1
    assert load_features(out).names == ["/".join([*deep, "x.wav"])]
    assert load_features(out).arrays[0].shape == (151, 96)


def test_names_that_the_file_system_takes_for_one(tmp_path, monkeypatch):
    """As on disks of macOS and Windows, and memory cards; here they are told apart."""
    (tmp_path / ".partial").mkdir()
    assert not folds_names(tmp_path)
    monkeypatch.setattr("skhrmel._extraction_run.folds_names", bool)
    names = ["Song.wav", "b.wav", "song.WAV", "\u00e9.wav", "e\u0301.wav"]
    for name in names:
        soundfile.write(tmp_path / name, np.zeros(9000), 44100, format="WAV")
    clips = [tmp_path / name for name in names]
    out = tmp_path / "out"
    for first, second in ((0, 2), (3, 4)):
        with pytest.raises(ValueError, match="has the place of another clip"):
            extract_features(AudioFrontEnd(), [clips[first], clips[second]], out)
        # Of another run, too.
        with pytest.raises(ValueError, match="has the place of another clip"):
            extract_features(AudioFrontEnd(), [clips[second]], out)
    extract_features(AudioFrontEnd(), [clips[0], clips[1], clips[0]], out)
    assert len(load_features(out).names) == 3


def test_nothing_is_written_elsewhere(music, files, tmp_path):
    """Neither by names that lead up nor through a link that somebody has laid."""
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    elsewhere.mkdir()
    clips = [f"{music}/b/../Élan/0 ñ.wav", f"{music}/../{music.name}/b/0 ñ.wav"]
    extract_features(AudioFrontEnd(), clips, out, root=music / "b")
    assert sorted(lines_of(out)) == sorted(["0 ñ.wav", f"_outside{music}/Élan/0 ñ.wav"])
    (out / "features" / "trap").symlink_to(elsewhere)
    (music / "b" / "trap").mkdir()
    soundfile.write(music / "b" / "trap" / "x.wav", np.zeros(9000), 44100)
    try:
        with pytest.raises(OSError, match="a link in the way of the output"):
            extract_features(
                AudioFrontEnd(), [music / "b/trap/x.wav"], out, root=music / "b"
            )
    finally:
        (music / "b" / "trap" / "x.wav").unlink()
        (music / "b" / "trap").rmdir()
    assert list(elsewhere.iterdir()) == []
    for name in ("manifest.jsonl", "features"):
        (out / name).rename(elsewhere / name)
        (out / name).symlink_to(elsewhere / name)
        with pytest.raises(ValueError, match=f"{name} is a link, through which"):
            extract_features(AudioFrontEnd(), clips, out, root=music / "b")
        (out / name).unlink()


def test_two_roots_do_not_mix(music, files, tmp_path):
    extract_features(AudioFrontEnd(), [music / "b/0 ñ.wav"], tmp_path, root=music / "b")
    with pytest.raises(
        ValueError, match=r"would both be '0 ñ.wav' in .* root above bo"
    ):
        extract_features(
            AudioFrontEnd(), [music / "Élan/0 ñ.wav"], tmp_path, root=music / "Élan"
        )


def test_a_front_end_that_learns(music, files, tmp_path):
    front_end = AudioFrontEnd(make_pipeline(LogMelTransformer(), PCA(5)))
    with pytest.raises(NotFittedError):
        extract_features(front_end, files, tmp_path / "out", root=music)
    front_end.fit(files[:2])
    extract_features(front_end, files, tmp_path / "out", root=music)
    _, arrays, names = load_features(tmp_path / "out")
    assert names == ["pca0", "pca1", "pca2", "pca3", "pca4"]
    for array, expected in zip(arrays, front_end.transform(files), strict=True):
        np.testing.assert_array_equal(array, expected)
    other = AudioFrontEnd(make_pipeline(LogMelTransformer(), PCA(5))).fit(files[3:])
    with pytest.raises(SettingsError, match="learned: '"):
        extract_features(other, files, tmp_path / "out", root=music)
    front_end.set_params(hop_length=512)
    with pytest.raises(ValueError, match="set after its fit"):
        extract_features(front_end, files, tmp_path / "out", root=music)


def test_parameters_there_and_back(undisturbed):
    front_end = AudioFrontEnd(
        HRMelTransformer(22050, n_mels=(20, 10), band_edges=(0, 1000, 11025.0)),
        sr=22050,
        window=("kaiser", 8.0),
        resample="soxr_vhq",
    )
    front_end.transformer.compression = ("log1p", "sqrt")
    recorded = json.loads((undisturbed / "front_end.json").read_text())
    assert (
        front_end_from_parameters(recorded).transformer.get_params()
        == HRMelTransformer().get_params()
    )
    again = front_end_from_parameters(
        {
            "sr": 22050,
            "window": ["kaiser", 8.0],
            "resample": "soxr_vhq",
            "transformer": {
                "class": "HRMelTransformer",
                "sr": 22050,
                "n_mels": [20, 10],
                "band_edges": [0, 1000, 11025.0],
                "compression": ["log1p", "sqrt"],
            },
        }
    )
    assert repr(again) == repr(front_end)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"transformer": {"class": "os.system"}}, "class 'os.system' cannot be made"),
        ({"class": "HRMelTransformer"}, "HRMelTransformer is no AudioFrontEnd"),
        ({"hops": 3}, "AudioFrontEnd has no parameter 'hops'"),
        ([], "expected an object of parameters, got list"),
        ({"parameters": {}, "learned": "1234"}, "has learned from frames"),
    ],
)
def test_parameters_that_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        front_end_from_parameters(parameters)


def test_compressions_are_recorded_by_name(music, files, tmp_path):
    extract_features(
        AudioFrontEnd(LogMelTransformer(compression=decibel(1e-6))),
        files[:1],
        tmp_path / "out",
    )
    with pytest.raises(SettingsError, match=r"floor: 1e-06, now 0\.001"):
        extract_features(
            AudioFrontEnd(LogMelTransformer(compression=decibel(1e-3))),
            files[:1],
            tmp_path / "out",
        )
    nameless = LogMelTransformer(compression=(lambda x: x, lambda x: x))
    with pytest.raises(ValueError, match=r"transformer.compression\[0\] is <function"):
        extract_features(AudioFrontEnd(nameless), files, tmp_path / "other")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"front_end": LogMelTransformer()}, TypeError, "got LogMelTransformer"),
        ({"stored_as": "float8"}, ValueError, "stored_as must be one of"),
        ({"timeout": 0}, ValueError, "timeout must be positive seconds or None, got 0"),
        ({"clips": [np.zeros(9)]}, TypeError, "must be paths of files, got ndarray"),
        ({"clips": "song.wav"}, TypeError, "got 'song.wav'; put a single path into"),
        ({"clips": Path("song.wav")}, TypeError, "put a single path into a list"),
        ({"front_end": AudioFrontEnd(hop_length=0)}, ValueError, "hop_length"),
    ],
)
def test_wrong_arguments(tmp_path, arguments, error, message):
    defaults = {"front_end": AudioFrontEnd(), "clips": [], "out": tmp_path / "out"}
    with pytest.raises(error, match=message):
        extract_features(**defaults | arguments)
