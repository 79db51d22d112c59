"""Help is true: its examples run, and the defaults that it states are those in use."""

import json
import os
import re
import shlex

import numpy as np
import pytest
import soundfile
from joblib.externals.loky import get_reusable_executor

from skhrmel import AudioFrontEnd, HRMelTransformer, _optimize_command
from skhrmel._saved_front_end import read_front_end
from skhrmel.ablation import TrackResult
from skhrmel.cli import build_parser, main
from skhrmel.datasets import make_music

COMMANDS = ("ablate", "extract", "optimize", "report")


def help_of(*commands):
    """Give the help of a command, as wide as it is written."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "200")
        parser = build_parser()
        for command in commands:
            (subparsers,) = parser._subparsers._group_actions
            parser = subparsers.choices[command]
        return parser.format_help()


def examples_of(*commands):
    lines = re.findall(r"^  (skhrmel .*)$", help_of(*commands), re.MULTILINE)
    # A remark stands two spaces or more away.
    return [re.split(r"  +", line)[0] for line in lines]


EXAMPLES = [
    example for command in ((), *[(c,) for c in COMMANDS])
    for example in examples_of(*command)
]  # fmt: skip


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home with music, and the current folder with the files of the examples."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    # Workers of an earlier test are in another folder.
    get_reusable_executor().shutdown()
    clips = make_music(3, duration=1.0)[0]
    (tmp_path / "music").mkdir()
    for k, clip in enumerate(clips):
        soundfile.write(tmp_path / "music" / f"{k}.wav", clip, 44100)
    soundfile.write(tmp_path / "my-track.mp3", clips[0], 44100, format="MP3")
    soundfile.write(tmp_path / "song.flac", clips[1], 44100)
    (tmp_path / "songs.txt").write_text(f"{tmp_path / 'music' / '0.wav'}\n")
    (tmp_path / "features").mkdir()
    settings = {"transformer": {"class": "LogMelTransformer", "n_mels": 64}}
    (tmp_path / "features" / "front_end.json").write_text(json.dumps(settings))
    monkeypatch.setattr("skhrmel._tracks.SYNTHETIC_TRACKS", 2)
    monkeypatch.setattr("skhrmel._tracks.SYNTHETIC_SECONDS", 1.0)
    return tmp_path


def arguments_of(example):
    program, *arguments = shlex.split(example)
    assert program == "skhrmel"
    return [argument.replace("~", os.environ["HOME"]) for argument in arguments]


def test_every_command_has_examples():
    assert [sum(f" {c}" in e for e in EXAMPLES) >= 4 for c in COMMANDS] == [True] * 4


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_can_be_given(example, home, monkeypatch, capsys):
    """All examples, up to the work itself; those of ``ablate`` also do it."""
    command, *rest = arguments_of(example)
    if command == "extract":
        args = build_parser().parse_args([command, *rest])
        assert args.out.name in ("features", "others", "more")
    elif command == "optimize":
        args = build_parser().parse_args([command, *rest])
        # Refuses what does not fit together.
        search = _optimize_command._make_search(args)
        search._validate_params()
        search._prepare(1025)
    elif command == "report":
        # 2 for wrong usage; and here there is nothing to write about.
        monkeypatch.setattr(
            "skhrmel._report_command.measure_with_progress",
            lambda tracks, *_, **__: [
                TrackResult(track.name, 0.0, {}, problem="not measured")
                for track in tracks
            ],
        )
        assert main([command, *rest]) == 1
        assert "Nothing could be measured." in capsys.readouterr().err
    else:
        assert main([command, *rest]) == 0
        assert "1. Overall error" in capsys.readouterr().out


@pytest.mark.parametrize("example", examples_of("extract"))
def test_examples_of_extract_do_the_work(example, home):
    if "--out features" in example:
        (home / "features" / "front_end.json").unlink()
    assert main(arguments_of(example)) == 0
    out = home / re.search(r"--out (\w+)", example)[1]
    assert list(out.rglob("*.npy"))


def test_an_excerpt_as_in_the_examples_is_made(home, monkeypatch):
    """What `report` does with a file and a second, to the end."""
    monkeypatch.setattr("skhrmel.report.find_spec", lambda _: None)
    monkeypatch.setattr("skhrmel.report.N_ITER", 1)
    # Long enough for the second that the example names.
    long = np.zeros(84 * 44100, np.float32)
    long[76 * 44100 : 77 * 44100] = soundfile.read(home / "song.flac")[0]
    soundfile.write(home / "song.flac", long, 44100)
    example = next(e for e in examples_of("report") if "@75 --seconds 8" in e)
    assert main(arguments_of(example)) == 0
    assert "1:15.0 to 1:23.0 min" in (home / "report.html").read_text("utf-8")


def test_every_option_has_a_default_or_needs_none():
    """What may be left out says what is done then."""
    without = {"--help", "--list", "--out", "--json", "--csv", "--sha256", "--quiet",
               "--overwrite", "--front-end", "--null", "--plot"}  # fmt: skip
    (subparsers,) = build_parser()._subparsers._group_actions
    for parser in subparsers.choices.values():
        for action in parser._actions:
            names = set(action.option_strings)
            if names and not names & without:
                assert "default: " in action.help, names


def test_defaults_that_are_stated_are_those_of_the_estimators():
    text = " ".join(help_of("extract").split())
    front_end, transformer = AudioFrontEnd(), HRMelTransformer()
    for name, value in {
        "--sr HZ": f"{front_end.sr:g}",
        "--n-fft SAMPLES": front_end.n_fft,
        "--hop-length SAMPLES": front_end.hop_length,
        "--n-mels A/B/C": "/".join(map(str, transformer.n_mels)),
        "--edges F0,F1,...": ",".join(f"{e:g}" for e in transformer.band_edges),
    }.items():
        described = text.split("front end:")[1].split(name)[1]
        assert re.search(r"default: ([^)]*)\)", described)[1] == str(value)


def test_the_file_of_parameters_in_the_help_can_be_read(tmp_path):
    text = help_of("extract")
    found = text[text.index('{"sr"') : text.index("}}.") + 2]
    file = tmp_path / "front_end.json"
    file.write_text(found)
    front_end = read_front_end(file)
    assert (front_end.sr, front_end.transformer.n_mels) == (22050, 64)


def test_errors_are_one_line(capsys):
    for arguments, start, message in (
        ([], "skhrmel: ", "COMMAND"),
        (["report", "--seconds", "no"], "skhrmel report: ", "from 0.5 to 60, got 'no'"),
        (["extract", "--out", "x", "\x1b[2J", "--sr", "a"], "skhrmel extract: ", "'a'"),
        (["optimize", "--sideways\x1b[2J"], "skhrmel: ", "--sideways\\x1b[2J"),
    ):
        with pytest.raises(SystemExit, match="2"):
            main(arguments)
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(start)
        assert message in line
        assert line.endswith("--help)")
