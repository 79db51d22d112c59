import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
from sklearn.model_selection import GridSearchCV, LeaveOneGroupOut

import skhrmel
from skhrmel import HRMelTransformer
from skhrmel.audio import load_mono
from skhrmel.cli import main
from skhrmel.metrics import neg_band_reconstruction_errors
from skhrmel.spectrum import power_frames

COMMAND = [sys.executable, "-m", "skhrmel"]


@pytest.fixture(scope="session")
def folder(clips, tmp_path_factory):
    """Three clips in three formats, one of them in a subfolder."""
    folder = tmp_path_factory.mktemp("music")
    (folder / "sub").mkdir()
    for clip, name in zip(clips, ("a.wav", "b.flac", "sub/c.ogg"), strict=False):
        soundfile.write(folder / name, clip, 44100)
    return folder


def run(*arguments, **options):
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        **options,
    )


@pytest.fixture(scope="session")
def measured(folder, tmp_path_factory):
    """One run of the real command, with what it wrote."""
    out = tmp_path_factory.mktemp("out")
    process = run(
        "ablate", folder, "--allocation", "48/28/20", "--edges", "0,1000,4000,20000",
        "--mel-scale", "htk", "--n-jobs", "2",
        "--json", out / "errors.json", "--csv", out / "errors.csv",
    )  # fmt: skip
    assert process.stderr == ""
    assert process.returncode == 0
    return process.stdout, out


def rows_of(text, title):
    """Cells of the rows of one printed table, by their first cell."""
    table = re.split(r"\n(?=\d\. |Relative)", text.split(title)[1])[0]
    lines = [line for line in table.splitlines() if re.search(r"\d\.\d{4}", line)]
    cells = [re.split(r"\s{2,}", line.strip()) for line in lines]
    return [(row[0], row[1:]) for row in cells]


def test_grid_search_reproduces_the_tables(folder, measured):
    """Mean and std of the test scores are what the command prints, n_jobs=2."""
    text, out = measured
    tracks = [load_mono(folder / name) for name in ("a.wav", "b.flac", "sub/c.ogg")]
    frames = [power_frames(track.samples) for track in tracks]
    groups = np.repeat(np.arange(3), list(map(len, frames)))
    grid = [(40, 32, 24), (32, 32, 32), (24, 32, 40)]
    search = GridSearchCV(
        HRMelTransformer(),
        {"n_mels": grid},
        scoring=neg_band_reconstruction_errors,
        refit="overall",
        cv=LeaveOneGroupOut(),
        n_jobs=2,
    ).fit(np.vstack(frames), groups=groups)

    summary = json.loads((out / "errors.json").read_text())["summary"]
    for k, bins in enumerate(grid):
        name = f"HR-Mel {'/'.join(map(str, bins))}"
        for error in ("overall", "low", "mid", "high"):
            mean = -search.cv_results_[f"mean_test_{error}"][k]
            std = search.cv_results_[f"std_test_{error}"][k]
            # Float32 products are added in blocks of another size.
            assert summary[name][error]["mean"] == pytest.approx(mean, rel=1e-5)
            assert summary[name][error]["std"] == pytest.approx(std, rel=1e-3)
        printed = dict(rows_of(text, "1. Overall"))[name][1]
        overall = summary[name]["overall"]
        assert printed == f"{overall['mean']:.4f} ± {overall['std']:.4f}"


def test_tables_stand_beside_the_papers_figures(measured):
    text, out = measured
    summary = json.loads((out / "errors.json").read_text())["summary"]
    overall = dict(rows_of(text, "1. Overall"))
    assert overall["Mel-80"][3] == "0.4438 ± 0.0404"
    assert overall["Log-Mel-96"][3] == "0.3810 ± 0.0395"
    assert overall["HR-Mel 40/32/24"][3] == "0.2845 ± 0.0410"

    low, paper = rows_of(text, "2. Error by band")[:2]
    mel, hrmel = (summary[n]["low"]["mean"] for n in ("Mel-96", "HR-Mel 40/32/24"))
    assert low[0] == "low <1.5 kHz"
    assert low[1][2] == f"{100 * (mel - hrmel) / mel:+.1f}%"
    assert paper[1] == ["0.3737 ± 0.0391", "0.2729 ± 0.0345", "+27.0%"]

    ablation = rows_of(text, "3. Ablation")
    names = [name for name, _ in ablation]
    assert names[:4] == ["Mel-96", "HR-Mel 40/32/24", "paper, Δ", "HR-Mel 32/32/32"]
    balanced = ["0.4007", "-7.4%", "0.6780", "-1.2%", "0.7159", "+0.3%"]
    assert ablation[4][1] == balanced
    assert len(dict(ablation)["HR-Mel 48/28/20 at 0,1000,4000,20000 HTK"]) == 3


@pytest.fixture(scope="session", params=[1, 3, 5])
def counted(request, clips, tmp_path_factory):
    """Tables and JSON of one, three and five tracks, and how many there are."""
    folder = tmp_path_factory.mktemp("counted")
    for k, clip in enumerate(clips[: request.param]):
        soundfile.write(folder / f"{k}.wav", clip, 44100)
    json_file = folder / "errors.json"
    process = run(
        *("ablate", folder, "--mel-scale", "htk", "--bits", 4, "--json", json_file)
    )
    assert (process.returncode, process.stderr) == (0, "")
    return request.param, process.stdout, json.loads(json_file.read_text())


def test_tables_fit_eighty_columns(counted):
    _, text, _ = counted
    tables = text.split("\n1. Overall")[1]
    assert "5. Few bits: 4 bits" in tables
    assert max(map(len, tables.splitlines())) <= 80


def test_one_track_has_no_deviation(counted):
    n_tracks, text, document = counted
    deviations = [
        row[1][column]
        for title, columns in (
            ("1. Overall", [1]),
            ("2. Error by band", [0, 1]),
            ("3. Ablation", [0, 1, 2]),
        )
        for row in rows_of(text, title)
        if "paper" not in row[0]
        for column in columns
    ]
    assert len(deviations) > 20
    assert {"±" in cell for cell in deviations} == {n_tracks > 1}
    overall = dict(rows_of(text, "1. Overall"))["Log-Mel-96 HTK"][1]
    mean = document["summary"]["Log-Mel-96 HTK"]["overall"]["mean"]
    assert float(overall.split(" ± ")[0]) == pytest.approx(mean, abs=6e-5)
    # To the programs that read it, the deviation of one track stays what it was.
    assert all("std" in e["overall"] for e in document["summary"].values())


def test_intervals_and_wins_are_printed_where_there_are_any(counted):
    """Below each difference stands what so many tracks tell of it, and no blank."""
    n_tracks, text, document = counted
    table = text.split("4. Difference to Mel-96")[1].split("\nRelative")[0]
    title, _, _, _, *lines = table.splitlines()
    assert title.strip() == (", paired over tracks" if n_tracks > 1 else "")
    expected = []
    for name, by_error in document["paired_differences"].items():
        found = list(by_error.values())
        expected.append([name, *(f"{d['mean']:+.4f}" for d in found)])
        if n_tracks == 5:
            expected.append(["95% from", *(f"{d['low']:+.4f}" for d in found)])
            expected.append(["95% to", *(f"{d['high']:+.4f}" for d in found)])
        if n_tracks > 1:
            wins = [f"{d['wins']} : {d['losses']}" for d in found]
            expected.append(["smaller : larger", *wins])
    rows = [re.split(r"\s{2,}", line.strip()) for line in lines[:-1]]
    assert rows == expected
    assert lines[-1].strip() == ""
    legend = text.split("\nRelative")[1]
    assert ("95% bootstrap" in legend) == (n_tracks == 5)
    assert ("takes 5 tracks" in legend) == (n_tracks == 3)
    assert ("One track has no standard deviation" in legend) == (n_tracks == 1)


def test_json_and_csv_hold_figures_settings_and_versions(folder, measured):
    _, out = measured
    document = json.loads((out / "errors.json").read_text())
    assert document["versions"]["skhrmel"] == skhrmel.__version__
    assert document["versions"]["numpy"] == np.__version__
    assert document["settings"]["n_fft"] == 2048
    extra = document["representations"]["HR-Mel 48/28/20 at 0,1000,4000,20000 HTK"]
    assert extra["class"] == "HRMelTransformer"
    assert extra["band_edges"] == [0, 1000, 4000, 20000]
    assert extra["mel_scale"] == "htk"

    with (out / "errors.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * len(document["representations"])
    by_key = {(row["track"], row["representation"]): row for row in rows}
    for track in document["tracks"]:
        for name, errors in track["errors"].items():
            row = by_key[track["name"], name]
            assert {k: float(row[k]) for k in errors} == errors
            assert row["version_skhrmel"] == skhrmel.__version__
            assert row["setting_hop_length"] == "441"
    assert by_key[str(folder / "a.wav"), "HR-Mel 40/32/24"]["n_mels"] == "40/32/24"


def test_synthetic_music_is_called_synthetic(capsys, monkeypatch):
    monkeypatch.setattr("skhrmel._tracks.SYNTHETIC_TRACKS", 2)
    monkeypatch.setattr("skhrmel._tracks.SYNTHETIC_SECONDS", 1.0)
    assert main(["ablate"]) == 0
    assert "2 synthetic tracks (skhrmel.datasets.make_music, not recordings), 0:02" in (
        capsys.readouterr().out
    )


def test_few_bits(folder, tmp_path, capsys):
    """The table of each rate shows what the JSON file holds of each track."""
    json_file = tmp_path / "errors.json"
    arguments = ["ablate", str(folder), "--bits", "4,8", "--json", str(json_file)]
    assert main(arguments) == 0
    text = capsys.readouterr().out
    for rate in ("not quantised", "4 bits a feature", "8 bits a feature"):
        assert f"5. Few bits: {rate}" in text
    tracks = json.loads(json_file.read_text())["tracks"]
    errors = [
        point["errors"]["overall"]
        for track in tracks
        for point in track["rates"]
        if (point["compression"], point["n_bits"]) == ("cbrt", 4)
    ]
    assert len(errors) == len(tracks)
    assert f"cbrt          {np.mean(errors):.4f}" in text.split("Few bits: 4 bits")[1]


def test_differences_to_the_baseline_are_paired(folder, tmp_path, capsys):
    json_file = tmp_path / "errors.json"
    assert main(["ablate", str(folder), "--json", str(json_file)]) == 0
    document = json.loads(json_file.read_text())
    difference = document["paired_differences"]["HR-Mel 40/32/24"]["low"]
    found = [
        track["errors"]["HR-Mel 40/32/24"]["low"] - track["errors"]["Mel-96"]["low"]
        for track in document["tracks"]
    ]
    assert difference["mean"] == pytest.approx(np.mean(found))
    assert difference["wins"] == np.sum(np.array(found) < 0)
    # Log-Mel-96 decodes to the same as Mel-96.
    assert "Log-Mel-96" not in document["paired_differences"]
    assert (
        f"{difference['wins']} : {difference['losses']}"
        in (capsys.readouterr().out.split("4. Difference to Mel-96")[1])
    )


def test_a_messy_folder(folder, tmp_path, clips, capsys):
    """What can be measured is; everything else is named with its reason; status 1."""
    (tmp_path / "fake [bold].wav").write_text("I am no audio file" * 9)
    (tmp_path / "cover.jpg").write_bytes(b"x")
    soundfile.write(tmp_path / "silence.wav", np.zeros(4410), 44100)
    soundfile.write(tmp_path / "tape.wav", clips[0][:32000], 32000)
    soundfile.write(tmp_path / "click.wav", np.ones(1), 44100)
    status = main(["ablate", str(folder), str(tmp_path), "/no/such/song.mp3"])
    text = capsys.readouterr().out
    assert status == 1
    assert "5 tracks" in text
    for line in (
        f"{tmp_path}/tape.wav: resampled from 32000 Hz to 44100 Hz, so it holds "
        "nothing above 16000 Hz",
        f"Skipped: {tmp_path}/fake [bold].wav: format not recognised",
        f"Skipped: {tmp_path}/silence.wav: silent, with a peak of 0, so it has no "
        "relative error",
        "Skipped: /no/such/song.mp3: no such file or folder",
        "Ignored in folders, not audio by their names: 1 x .jpg",
    ):
        assert line in text.splitlines()


def test_nothing_to_measure(tmp_path, capsys):
    json_file = tmp_path / "errors.json"
    arguments = ["ablate", "/no/such/song.mp3", "--json", str(json_file)]
    assert main(arguments) == 1
    assert "Nothing could be measured." in capsys.readouterr().out
    document = json.loads(json_file.read_text())
    assert document["skipped"] == [
        {"name": "/no/such/song.mp3", "reason": "no such file or folder"}
    ]
    assert main(["ablate", str(tmp_path)]) == 1
    assert f"Skipped: {tmp_path}: no audio files in this fol" in capsys.readouterr().out


def test_a_full_disk_is_reported(folder, capsys):
    assert main(["ablate", str(folder), "--csv", "/dev/full"]) == 1
    assert "/dev/full: could not be written" in capsys.readouterr().err


def test_a_track_that_cannot_be_measured_costs_no_other(folder, tmp_path, capsys):
    """Overflow, a header that claims 1 Hz, a headerless file, underflow, bad names."""
    soundfile.write(tmp_path / "loud.wav", np.full(9000, 1e30), 44100, subtype="FLOAT")
    soundfile.write(tmp_path / "slow.wav", np.ones(9000), 1)
    soundfile.write(
        tmp_path / "quiet.wav", np.full(9000, 1e-30), 44100, subtype="FLOAT"
    )
    (tmp_path / "headerless.raw").write_bytes(b"x" * 999)
    soundfile.write(tmp_path / "good.wav", np.ones(9000), 44100)
    strange = os.fsencode(tmp_path) + b"/\xff\x1b[2J.wav"
    (tmp_path / "good.wav").rename(os.fsdecode(strange))
    os.mkfifo(tmp_path / "pipe.wav")
    out = tmp_path / "errors.json"
    paths = [folder, tmp_path, tmp_path / "headerless.raw", "x" * 300, ""]
    outputs = ["--json", out, "--csv", tmp_path / "errors.csv"]
    status = main(["ablate", *map(str, paths + outputs)])
    text = capsys.readouterr().out
    assert status == 1
    assert "4 tracks" in text
    assert "\x1b" not in text
    skipped = {
        item["name"]: item["reason"] for item in json.loads(out.read_text())["skipped"]
    }
    names = {
        name: skipped[str(tmp_path / name)]
        for name in ("loud.wav", "slow.wav", "quiet.wav", "headerless.raw", "pipe.wav")
    }
    assert names["loud.wav"].startswith("sample 0 is 1.0000000150474662e+30")
    assert names["slow.wav"].startswith("sampled at 1 Hz by its header")
    assert names["quiet.wav"].startswith("silent, with a peak of 1e-30")
    assert names["headerless.raw"].startswith("samplerate must be specified")
    assert names["pipe.wav"] == "not a regular file"
    assert skipped["x" * 300] == "file name too long"
    assert skipped["''"] == "no such file or folder"


def test_a_closed_or_full_output_is_no_traceback(folder):
    command = " ".join([*COMMAND, "ablate", str(folder)])
    for redirection in (">&-", ">/dev/full"):
        process = subprocess.run(
            ["sh", "-c", f"{command} {redirection}"], stderr=subprocess.PIPE, timeout=60
        )
        assert b"Traceback" not in process.stderr


def test_layouts_of_different_numbers_of_bands(folder, tmp_path):
    arguments = ["--allocation", "48/48", "--allocation", "20/20/20/20"]
    arguments += ["--edges", "0,3000,20000", "--edges", "0,1000,3000,8000,20000"]
    out = tmp_path / "errors.json"
    assert main(["ablate", str(folder), *arguments, "--json", str(out)]) == 0
    names = list(json.loads(out.read_text())["representations"])[-2:]
    assert names == [
        "HR-Mel 48/48 at 0,3000,20000",
        "HR-Mel 20/20/20/20 at 0,1000,3000,8000,20000",
    ]


def test_empty_filters_are_reported_once(folder, capsys):
    assert main(["ablate", str(folder), "--allocation", "140/5/1"]) == 0
    assert capsys.readouterr().out.count("mel filters contain no FFT bin") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: COMMAND"),
        (["ablate", "--allocation", "40-32"], "such as 40/32/24, got '40-32'"),
        (["ablate", "--allocation", "60/36"], "same number of bands for (60, 36)"),
        (["ablate", "--edges", "0,x"], "such as 0,1500,6000,20000, got '0,x'"),
        (["ablate", "--edges", "0,9000,6000,20000"], "band_edges must increase"),
        (["ablate", "--edges", "0,1500,6000,30000"], "sr / 2 = 22050 Hz"),
        (["ablate", "--mel-scale", "bark"], "invalid choice: 'bark'"),
        (["ablate", "--bits", "4,17"], "from 1 to 16 such as 4,6,8, got '4,17'"),
        (["ablate", "--n-jobs", "0"], "integer other than 0, got '0'"),
        (["ablate", "--json", "/no/such/folder/x.json"], "/no/such/folder does not e"),
        (["ablate", "--csv", "/"], "is a folder, not a file to write"),
        (["ablate", "--n-jobs", "²"], "integer other than 0, got '²'"),
        (["ablate", "--allocation", "2000/1/1"], "2002 bins are more than the 1025"),
        (["ablate", "--edges", "0,1500,1500.000001,20000"], "too narrow for 32 mel"),
        (["ablate", "--json", "x", "--csv", "./x"], "would overwrite an input or ano"),
        (["ablate", __file__, "--csv", __file__], "would overwrite an input or ano"),
    ],
)
def test_wrong_usage_is_explained_with_status_2(arguments, message, capsys):
    with pytest.raises(SystemExit) as error:
        main(arguments)
    assert error.value.code == 2
    assert message in capsys.readouterr().err


def test_version_and_help(capsys):
    for arguments, expected in (
        (["--version"], skhrmel.__version__),
        (["--help"], "exit status"),
        (["ablate", "--help"], "examples:"),
    ):
        with pytest.raises(SystemExit) as error:
            main(arguments)
        assert error.value.code == 0
        assert expected in capsys.readouterr().out


@pytest.fixture(scope="session")
def long_folder(tmp_path_factory):
    """Ten minutes of noise, which take much longer than the test waits."""
    folder = tmp_path_factory.mktemp("long")
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 44100 * 60)
    for k in range(10):
        soundfile.write(folder / f"{k}.wav", noise, 44100)
    return folder


def wait_until_loaded(process, library):
    """Wait until a process has loaded a library, which shows how far it has come."""
    deadline = time.monotonic() + 60
    while library not in Path(f"/proc/{process.pid}/maps").read_text():
        assert time.monotonic() < deadline, f"{library} was never loaded"
        time.sleep(0.01)


def interrupt(command, library, seconds):
    """Start a command, interrupt it some time after it has loaded a library."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Where the tests run in the background of a shell, Ctrl-C is ignored, and what
        # they start would inherit that.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    wait_until_loaded(process, library)
    time.sleep(seconds)
    # As a terminal does it: to the command and its workers.
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


MANY = [f"--allocation={k}/20/20" for k in range(20, 50)]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to time the signal")
@pytest.mark.parametrize("n_jobs", ["1", "2"])
@pytest.mark.parametrize(
    ("library", "seconds"), [("numpy", 0.0), ("numpy", 0.5), ("libsndfile", 2.0)]
)
def test_ctrl_c_ends_cleanly(long_folder, n_jobs, library, seconds):
    """During the imports, which take two seconds, and while tracks are measured."""
    command = [*COMMAND, "ablate", str(long_folder), "-j", n_jobs, *MANY]
    assert interrupt(command, library, seconds) == (130, "", "interrupted\n")


SLOW_JOBLIB = """
import sys, threading, time
import joblib.externals.loky.backend.synchronize
from joblib.externals.loky.backend import resource_tracker
from skhrmel.cli import main

synchronize = sys.modules["joblib.externals.loky.backend.synchronize"]
unlink, spawn = synchronize.sem_unlink, resource_tracker.spawnv_passfds

def slow_unlink(name):
    unlink(name)
    if threading.current_thread().name == "QueueFeederThread":
        time.sleep(1.0)

def slow_spawn(*args):
    time.sleep(2.0)
    return spawn(*args)

synchronize.sem_unlink, resource_tracker.spawnv_passfds = slow_unlink, slow_spawn
sys.exit(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to time the signal")
@pytest.mark.parametrize("seconds", [1.0, 4.0], ids=["tracker", "workers"])
def test_ctrl_c_while_joblib_starts_or_ends_slowly(long_folder, tmp_path, seconds):
    """Interrupted in its tracker's start; then with semaphores slow to be removed."""
    script = tmp_path / "slow.py"
    script.write_text(SLOW_JOBLIB)
    command = [sys.executable, str(script), "ablate", str(long_folder), "-j2", *MANY]
    assert interrupt(command, "libsndfile", seconds) == (130, "", "interrupted\n")


def test_a_reader_that_stops_early_is_no_error(folder):
    with subprocess.Popen(
        [*COMMAND, "ablate", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 1


def test_plain_text_in_a_pipe_and_colours_in_a_terminal(folder, measured, in_terminal):
    assert "\x1b[" not in measured[0]
    screen = in_terminal([*COMMAND, "ablate", str(folder)])
    assert "measuring" in screen
    assert "3/3" in screen
    assert "\x1b[" in screen
    # Nothing of a table is cut off in a narrow terminal.
    assert "…" not in screen
    assert screen.count("0.7186") == measured[0].count("0.7186")


def test_an_ascii_terminal_gets_a_replacement(folder):
    process = run("ablate", folder, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert process.returncode == 0
    assert "0.4438 ? 0.0404" in process.stdout
