"""The command ``skhrmel optimize`` as a process."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from scipy import stats

from skhrmel import (
    HRMelTransformer,
    HRMelTransformerCV,
    LogMelTransformer,
    _extract_command,
)
from skhrmel.cli import build_parser, main
from skhrmel.metrics import ErrorSpectrum, band_relative_errors
from skhrmel.spectrum import power_frames

EDGES = "0,800,1500,6000,20000"
OPTIONS = ["--total-mels", 20, "--bands", "2/3", "--edges", EDGES, "--every", 4]
OPTIONS += ["--folds", 2]


def run(*arguments, env=None):
    return subprocess.run(
        [sys.executable, "-m", "skhrmel", "optimize", *map(str, arguments)],
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def folder(clips, tmp_path_factory):
    folder = tmp_path_factory.mktemp("music")
    for k, clip in enumerate(clips[:4]):
        soundfile.write(folder / f"{k}.wav", clip, 44100, subtype="FLOAT")
    (folder / "4.wav").write_bytes(b"no audio")
    return folder


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("outputs")
    return folder / "layouts.json", folder / "front.png"


@pytest.fixture(scope="module")
def printed(folder, outputs):
    to_json, to_plot = outputs
    process = run(folder, *OPTIONS, "-j", 2, "--json", to_json, "--plot", to_plot)
    assert process.stderr == ""
    assert process.returncode == 1
    assert "Skipped: " in process.stdout
    return process.stdout


@pytest.fixture(scope="module")
def document(printed, outputs):
    return json.loads(outputs[0].read_text())


@pytest.fixture(scope="module")
def search(clips):
    edges = (0, 800, 1500, 6000, 20000)
    return HRMelTransformerCV(total_mels=20, n_bands=(2, 3), candidate_edges=edges)


def fit(search, clips):
    frames = [power_frames(clip)[::4] for clip in clips]
    groups = np.repeat(np.arange(len(clips)), list(map(len, frames)))
    return search.fit(np.vstack(frames), groups=groups)


def table_of(text, title):
    """What a printed table holds: titles of rows, and cells, of each column."""
    lines = text.split(title)[1].split("\nRelative")[0].splitlines()
    rows = [re.split(r"\s{2,}", line.strip()) for line in lines]
    start = next(k for k, row in enumerate(rows) if row[0] == "error")
    end = next(k for k in range(start, len(rows)) if rows[k] == [""])
    names = rows[start][1:]
    table = {name: [] for name in names}
    for title, *cells in rows[start + 2 : end]:
        for name, cell in zip(names, cells, strict=True):
            table[name].append((title, cell))
    return table


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
    table = table_of(printed, "On tracks held out")
    for name, values in errors.items():
        mean, deviation = dict(table[name])["overall"].split(" ± ")
        assert float(mean) == pytest.approx(np.mean(values), abs=6e-5)
        assert float(deviation) == pytest.approx(np.std(values), abs=6e-5)
    differences = np.subtract(*errors.values())
    rows = table_of(printed, "Differences")["found - Log-Mel-20"]
    (_, mean), (_, ends) = rows[:2]
    low, high = map(float, ends.split(" to "))
    assert float(mean) == pytest.approx(differences.mean(), abs=6e-5)
    expected = stats.ttest_1samp(differences, 0).confidence_interval(0.95)
    assert (low, high) == pytest.approx(tuple(expected), abs=6e-5)


def test_tables_fit_eighty_columns(printed):
    tables = printed.split("\nHRMelTransformer(")[0]
    assert "Differences" in tables
    assert max(map(len, tables.splitlines())) <= 80


def test_json_holds_what_is_printed(printed, document, search, clips):
    fit(search, clips[:4])
    results = search.cv_results_
    for row, layout in enumerate(document["layouts"]):
        assert tuple(layout["n_mels"]) == results["params"][row]["n_mels"]
        assert tuple(layout["band_edges"]) == results["params"][row]["band_edges"]
        assert (layout["n_bands"], layout["rank"]) == (
            results["n_bands"][row],
            results["rank"][row],
        )
        # float32 frames, added up in blocks of other sizes.
        assert layout["objective"] == pytest.approx(-results["score"][row], rel=1e-5)
        assert layout["errors"]["mid"] == pytest.approx(
            results["error_mid"][row], rel=1e-5
        )
    assert len(document["layouts"]) == len(results["params"])
    assert document["chosen"]["code"] in printed.splitlines()
    assert tuple(document["chosen"]["n_mels"]) == search.n_mels_
    front = [tuple(layout["n_mels"]) for layout in document["pareto_front"]]
    assert front == [layout["n_mels"] for layout in search.pareto_front_]
    for k, fold in enumerate(document["folds"]):
        fit(search, [clip for j, clip in enumerate(clips[:4]) if j % 2 != k])
        assert tuple(fold["n_mels"]) == search.n_mels_
    titles = ["overall", "low <1.5 kHz", "mid 1.5-6 kHz", "high >=6 kHz", "balanced"]
    table = table_of(printed, "On tracks held out")
    assert list(table) == list(document["held_out"]["summary"])
    for name, by_range in document["held_out"]["summary"].items():
        cells = [f"{x['mean']:.4f} ± {x['std']:.4f}" for x in by_range.values()]
        assert table[name] == list(zip(titles, cells, strict=True))
        errors = [track["errors"][name]["low"] for track in document["tracks"]]
        assert by_range["low"]["mean"] == pytest.approx(np.mean(errors))
    table = table_of(printed, "Differences")
    assert len(table) == len(document["held_out"]["paired_differences"])
    for name, by_range in document["held_out"]["paired_differences"].items():
        assert table[f"found - {name}"] == [
            row
            for title, d in zip(titles, by_range.values(), strict=True)
            for row in (
                (title, f"{d['mean']:+.4f}"),
                ("95% interval", f"{d['low']:+.4f} to {d['high']:+.4f}"),
            )
        ]
    assert [track["fold"] for track in document["tracks"]] == [0, 1, 0, 1]
    assert [skip["name"].endswith("4.wav") for skip in document["skipped"]] == [True]
    settings = document["settings"]
    assert settings["candidate_edges"] == [float(edge) for edge in EDGES.split(",")]
    assert (settings["total_mels"], settings["n_bands"]) == (20, [2, 3])
    assert (settings["decoder"], settings["folds"]) == ("pinv", 2)


def test_the_picture_is_one(printed, outputs):
    from matplotlib.image import imread

    pixels = imread(outputs[1])
    assert pixels.ndim == 3
    assert pixels.std() > 0


def test_many_ranges_are_written_without_tracks_held_out(folder, tmp_path):
    figures = tmp_path / "layouts.json"
    process = run(
        *(folder / "0.wav", folder / "1.wav", *OPTIONS[:-2], "--folds", 0),
        *("--analysis-bands", "bark", "--json", figures),
    )
    assert (process.returncode, process.stderr) == (0, "")
    document = json.loads(figures.read_text())
    assert document["pareto_front"] is None
    assert document["held_out"] == {}
    assert document["tracks"] == []
    assert len(document["layouts"][0]["errors"]) == 25


def test_the_kl_decoder_is_taught_by_the_tracks_of_the_search(folder, clips, tmp_path):
    path = tmp_path / "layouts.json"
    process = run(folder, *OPTIONS, "--decoder", "kl", "--json", path)
    assert process.stderr == ""
    document = json.loads(path.read_text())
    assert 'decoder="kl"' in document["chosen"]["code"]
    frames = [power_frames(clip) for clip in clips[:4]]
    for k, track in enumerate(document["tracks"]):
        fold = document["folds"][k % 2]
        found = HRMelTransformer(
            n_mels=fold["n_mels"],
            band_edges=fold["band_edges"],
            compression="log1p",
            decoder="kl",
        )
        # Blocks of 128 frames, so every eighth of a block is every eighth of all.
        others = [f[::8] for j, f in enumerate(frames) if j % 2 != k % 2]
        found.fit(np.vstack(others))
        decoded = found.inverse_transform(found.transform(frames[k]))
        error = ErrorSpectrum.between(frames[k], decoded).relative_error()
        # Learned in one go or track by track, in float32.
        assert track["errors"]["found"]["overall"] == pytest.approx(error, rel=1e-3)


@pytest.mark.parametrize("arguments", [["0.wav", "1.wav", "--folds", 0], ["2.wav"]])
def test_with_nothing_held_out_the_layout_is_all_there_is(folder, arguments):
    paths = [folder / a if str(a).endswith(".wav") else a for a in arguments]
    process = run(*OPTIONS, *paths)
    assert process.returncode == 0
    assert "Best layouts of 20 bins" in process.stdout
    assert "On tracks held out" not in process.stdout
    assert "No audio files" not in process.stdout
    assert ("One track" in process.stdout) == (len(arguments) == 1)
    code, flags = process.stdout.strip().splitlines()[-2:]
    bins = re.search(r"n_mels=\(([^)]*)\)", code)[1].replace(", ", "/")
    assert flags.startswith("skhrmel extract PATH --out DIR --n-mels " + bins)
    # What is printed is understood, and gives the same layout.
    args = build_parser().parse_args(flags.split()[1:])
    transformer = _extract_command._front_end(args).transformer
    assert f"band_edges={transformer.band_edges}" in code
    assert transformer.compression == "log1p"


def test_without_matplotlib_it_says_what_to_install(folder, tmp_path):
    # Shadows the package for this process alone.
    (tmp_path / "matplotlib.py").write_text("raise ImportError('none here')")
    process = run(
        *(folder, *OPTIONS, "--plot", tmp_path / "front.png"),
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert process.returncode == 1
    assert "pip install 'skhrmel[plot]'" in process.stderr
    assert process.stdout == ""


def test_the_danger_of_overall_is_told():
    text = run("--help").stdout
    assert "sounds broken" in re.sub(r"\s+", " ", text)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--total-mels", 0), "total_mels"),
        (("--edges", "0,30000"), "candidate_edges must be at least two"),
        (("--bands", "0"), "n_bands must be an integer of at least 1"),
        (("--every", 0), "frame_step"),
        (("--folds", 1), "--folds must be 0 or at least 2, got 1"),
        (("--plot", "front.gif"), "front.gif: expected a picture that ends with .png"),
        (("--plot", "front.svg", "--analysis-bands", "bark"), "nearly all are"),
        (("--json", "no/such/folder.json"), "the folder no/such does not exist"),
    ],
)
def test_wrong_usage(arguments, message):
    process = run(*arguments)
    assert process.returncode == 2
    assert message in process.stderr


def test_usual_layouts_are_drawn_where_they_are(folder, tmp_path, clips, monkeypatch):
    """The picture has layouts that reach beyond the edges of the search."""
    from skhrmel import _optimize_plot

    seen = {}
    find = _optimize_plot._marked
    monkeypatch.setattr(
        _optimize_plot, "_marked", lambda search: seen.update(find(search)) or seen
    )
    arguments = ["optimize", str(folder / "0.wav"), "--edges", "0,500,2000,8000"]
    arguments += ["--bands", "2", "--folds", "0", "--plot", str(tmp_path / "a.svg")]
    assert main(arguments) == 0
    S = power_frames(clips[0]).astype(np.float64)
    basis = HRMelTransformer().fit(S).mel_basis_
    unclipped = S @ (np.linalg.pinv(basis) @ basis).T
    expected = list(band_relative_errors(S, unclipped).values())
    # Products of float32 frames.
    np.testing.assert_allclose(seen["HR-Mel 40/32/24"], expected, rtol=1e-3)


def test_too_many_to_draw_cost_only_the_picture(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("skhrmel._pareto._MOST_COVERS", 20)
    picture, figures = tmp_path / "front.svg", tmp_path / "layouts.json"
    arguments = ["optimize", str(folder / "0.wav"), *map(str, OPTIONS[:-2])]
    arguments += ["--folds", "0", "--plot", str(picture), "--json", str(figures)]
    assert main(arguments) == 1
    assert "front.svg: could not be drawn: pareto_front_" in capsys.readouterr().err
    assert not picture.exists()
    assert json.loads(figures.read_text())["pareto_front"] is None
