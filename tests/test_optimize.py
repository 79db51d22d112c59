"""The command ``skhrmel optimize`` as a process."""

import re
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from skhrmel import HRMelTransformer, HRMelTransformerCV, LogMelTransformer
from skhrmel.metrics import ErrorSpectrum
from skhrmel.spectrum import power_frames

EDGES = "0,800,1500,6000,20000"
OPTIONS = ["--total-mels", 20, "--bands", "2/3", "--edges", EDGES, "--folds", 2]


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "skhrmel", "optimize", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def printed(clips, tmp_path_factory):
    folder = tmp_path_factory.mktemp("music")
    for k, clip in enumerate(clips[:4]):
        soundfile.write(folder / f"{k}.wav", clip, 44100, subtype="FLOAT")
    (folder / "4.wav").write_bytes(b"no audio")
    process = run(folder, *OPTIONS, "-j", 2)
    assert process.stderr == ""
    assert process.returncode == 1
    assert "Skipped: " in process.stdout
    return process.stdout


@pytest.fixture(scope="module")
def search(clips):
    edges = (0, 800, 1500, 6000, 20000)
    return HRMelTransformerCV(total_mels=20, n_bands=(2, 3), candidate_edges=edges)


def fit(search, clips):
    frames = [power_frames(clip) for clip in clips]
    groups = np.repeat(np.arange(len(clips)), list(map(len, frames)))
    return search.fit(np.vstack(frames), groups=groups)


def test_the_code_to_paste_is_the_best_layout(printed, search, clips):
    code = re.search(r"^HRMelTransformer\(.*\)$", printed, re.MULTILINE)[0]
    pasted = eval(code, {"HRMelTransformer": HRMelTransformer})
    fit(search, clips[:4])
    assert pasted.n_mels == search.n_mels_
    assert pasted.band_edges == search.band_edges_
    assert f"{-search.best_score_:.4f}" in printed


def test_errors_are_those_of_tracks_held_out(printed, search, clips):
    errors = {"found": [], "Log-Mel-20": []}
    for k in range(4):
        others = [clip for j, clip in enumerate(clips[:4]) if j % 2 != k % 2]
        frames = power_frames(clips[k])
        log_mel = LogMelTransformer(n_mels=20).fit(frames)
        found = fit(search, others)
        for name, transformer in (("found", found), ("Log-Mel-20", log_mel)):
            decoded = transformer.inverse_transform(transformer.transform(frames))
            errors[name].append(ErrorSpectrum.between(frames, decoded).relative_error())
    for name, values in errors.items():
        line = re.search(rf"^ *{name} {{2,}}(\S+) ± (\S+)", printed, re.MULTILINE)
        assert float(line[1]) == pytest.approx(np.mean(values), abs=6e-5)
        assert float(line[2]) == pytest.approx(np.std(values), abs=6e-5)
    difference = np.subtract(*errors.values()).mean()
    line = re.search(r"found - Log-Mel-20 {2,}(\S+) \((\S+) to (\S+)\)", printed)
    assert float(line[1]) == pytest.approx(difference, abs=6e-5)
    assert float(line[2]) < float(line[1]) < float(line[3])


def test_the_danger_of_overall_is_told():
    text = run("--help").stdout
    assert "sounds broken" in re.sub(r"\s+", " ", text)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--total-mels", 0), "total_mels"),
        (("--edges", "0,30000"), "candidate_edges must be at least two"),
        (("--bands", "0"), "n_bands must be an integer of at least 1"),
        (("--folds", 1), "--folds must be 0 or at least 2, got 1"),
    ],
)
def test_wrong_usage(arguments, message):
    process = run(*arguments)
    assert process.returncode == 2
    assert message in process.stderr
