"""Every command that README, pages and help show: that it runs, or at least exists."""

import re
import shlex
from pathlib import Path

import pytest
import soundfile

from skhrmel.cli import build_parser, main
from skhrmel.datasets import make_music

ROOT = Path(__file__).parent.parent
TEXTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs" / "guide").glob("*.md")),
]


# What makes commands do the same with less: the last of an option counts.
LESS = {
    "optimize": ["--folds", "2", "--edges", "0,1500,3000,6000,20000"],
    "report": ["--excerpts", "1", "--seconds", "1"],
}


def commands():
    """What stands behind prompts of shells, without comments."""
    found = {}
    for path in TEXTS:
        fences = re.findall(
            r"^```console\n(.*?)^```", path.read_text("utf-8"), re.M | re.S
        )
        for line in "".join(fences).splitlines():
            if line.startswith("$ "):
                command = re.sub(r"\s+#.*", "", line.removeprefix("$ "))
                found.setdefault(command, path.name)
    return found


def of(program):
    pattern = rf"(?:\.venv/bin/)?{program} "
    return [command for command in commands() if re.match(pattern, command)]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home with a folder of music, two tracks of which are used by name."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "music").mkdir()
    clips, styles = make_music(5, duration=1.5)
    for clip, style in zip(clips, styles, strict=True):
        soundfile.write(folder / "music" / f"{style}.wav", clip, 44100)
    (longer,), _ = make_music(1, duration=5.0, random_state=1)
    soundfile.write(folder / "music" / "song.flac", longer, 44100)
    soundfile.write(folder / "my.wav", longer, 44100)
    return folder


@pytest.mark.parametrize("command", of("skhrmel"))
def test_commands_run(command, home, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("HOME", str(home))
    (tmp_path / "my.wav").symlink_to(home / "my.wav")
    (tmp_path / "docs" / "measured").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    words = shlex.split(command.replace("FOLDER", "~/music"))[1:]
    arguments = [
        str(Path(word).expanduser()) if "~" in word else word for word in words
    ]
    arguments += LESS.get(arguments[0], [])
    assert main(arguments) == 0, capsys.readouterr().err
    for option in ("--out", "--json"):
        if option in arguments:
            assert Path(arguments[arguments.index(option) + 1]).exists()


def test_make_has_the_targets_that_are_named():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    named = {
        word
        for command in of("make")
        for word in shlex.split(command)[1:]
        if "=" not in word
    }
    assert {"demo", "test"} <= named
    for target in named:
        assert re.search(rf"^{target}:", makefile, re.M), target


def test_pip_has_the_extras_that_are_named():
    setup = (ROOT / "setup.cfg").read_text("utf-8")
    texts = [path.read_text("utf-8") for path in TEXTS]
    named = set(re.findall(r"(?:'\.|skhrmel|`\.)\[(\w+)\]", "".join(texts)))
    assert {"plot", "perceptual"} <= named
    for extra in named:
        assert re.search(rf"^{extra} =", setup, re.M), extra


def examples_of_help():
    """Commands among the examples that every --help ends with."""
    (subcommands,) = (
        action.choices
        for action in build_parser()._actions
        if isinstance(action.choices, dict)
    )
    for name, parser in subcommands.items():
        examples = re.findall(rf"^  (skhrmel {name}.*)$", parser.epilog, re.M)
        assert len(examples) >= 2, f"skhrmel {name} --help has no examples"
        # Remarks stand behind two spaces or more.
        yield from (re.sub(r"\s{2,}.*", "", example) for example in examples)


@pytest.mark.parametrize("example", [*examples_of_help()])
def test_examples_of_help_are_understood(example):
    args = build_parser().parse_args(shlex.split(example)[1:])
    assert callable(args.run)
