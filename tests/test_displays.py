import json
import subprocess
import sys
from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex, to_rgb
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, LeaveOneGroupOut

from skhrmel import (
    AblationDisplay,
    AudioFrontEnd,
    FilterBankDisplay,
    HRMelTransformer,
    LogMelTransformer,
    ReconstructionDisplay,
    SpectrogramDisplay,
)
from skhrmel._drawing import COLOURS
from skhrmel._spectrogram_display import feature_edges
from skhrmel.ablation import Track, TrackResult, measure_tracks, paper_representations
from skhrmel.comparison import mean_interval, pareto_front
from skhrmel.filterbank import BandLayout
from skhrmel.metrics import (
    band_relative_errors,
    neg_band_reconstruction_errors,
    neg_reconstruction_error,
    relative_error,
)
from skhrmel.spectrum import power_frames

mpl.use("agg")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def hrmel(frames):
    return HRMelTransformer().fit(frames)


def tone(frequency, seconds=0.5, sr=44100):
    return np.sin(2 * np.pi * frequency * np.arange(int(seconds * sr)) / sr)


class TestFilterBank:
    def test_lines_are_the_basis(self, hrmel):
        display = FilterBankDisplay.from_estimator(hrmel, normalize=False)
        assert len(display.lines_) == 96
        for line, weights in zip(display.lines_, hrmel.mel_basis_, strict=True):
            x, y = line.get_data()
            # All of the filter and nothing but zeros outside.
            assert np.interp(display.frequencies, x, y, 0, 0) == pytest.approx(weights)
        colours = [to_hex(line.get_color()).upper() for line in display.lines_]
        assert colours == [COLOURS[0]] * 40 + [COLOURS[1]] * 32 + [COLOURS[2]] * 24
        legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
        assert legend[0] == "0–1500 Hz: 40 bins"
        assert len(legend) == 3
        assert "(Hz)" in display.ax_.get_xlabel()

    def test_normalised_peaks_are_one(self, hrmel):
        display = FilterBankDisplay.from_estimator(hrmel)
        peaks = [line.get_ydata().max() for line in display.lines_]
        assert peaks == pytest.approx(np.ones(96))

    def test_front_end_axes_and_style_of_the_caller(self, clips):
        front_end = AudioFrontEnd(LogMelTransformer(n_mels=20)).fit(clips)
        figure, ax = plt.subplots()
        display = FilterBankDisplay.from_estimator(front_end, ax=ax, linewidth=3)
        assert display.ax_ is ax
        assert display.figure_ is figure
        assert {line.get_linewidth() for line in display.lines_} == {3}

    def test_filters_without_an_fft_bin_are_flat(self):
        layout = BandLayout(44100, (0, 1500, 20000), (140, 3))
        display = FilterBankDisplay.from_layout(layout)
        empty = ~layout.basis(2048).any(axis=1)
        flat = [not line.get_ydata().any() for line in display.lines_]
        assert empty.any()
        assert flat == empty.tolist()

    def test_what_is_not_a_mel_transformer_is_refused(self):
        with pytest.raises(NotFittedError):
            FilterBankDisplay.from_estimator(HRMelTransformer())
        with pytest.raises(TypeError, match=r"HRMelTransformer.* got str"):
            FilterBankDisplay.from_estimator("hrmel")
        layout = BandLayout(44100, (0, 1500), (4,))
        with pytest.raises(ValueError, match=r"frequency_scale .* got 'mel'"):
            FilterBankDisplay.from_layout(layout, frequency_scale="mel")


class TestSpectrogram:
    @pytest.mark.parametrize("scale", ["slaney", "htk"])
    def test_each_feature_lies_where_its_filter_is_the_largest(self, scale):
        """Brute force: the largest of all filters at every Hz."""
        layout = BandLayout(
            44100, (0, 700, 1500, 6000, 20000), (12, 3, 20, 9), scale, norm=None
        )
        # An FFT of 1 s samples the triangles at each Hz.
        largest = layout.basis(44100).argmax(axis=0)
        edges = feature_edges(layout)
        assert len(edges) == 45
        assert np.all(np.diff(edges) > 0)
        inside = np.arange(1, 20000)
        drawn = np.searchsorted(edges, inside, side="right") - 1
        far = np.abs(edges[:, None] - inside).min(axis=0) > 1
        assert (drawn == largest[inside])[far].all()

    @pytest.mark.parametrize("frequency", [100.0, 1400.0, 1600.0, 5900.0, 6200.0, 15e3])
    def test_a_tone_is_drawn_at_its_frequency(self, frames, frequency):
        """Beside the joins, too, where a mel axis would misplace it."""
        power = power_frames(tone(frequency))
        hrmel = HRMelTransformer().fit(frames)
        display = SpectrogramDisplay.from_estimator(hrmel, power)
        drawn = np.asarray(display.mesh_.get_array()).reshape(display.values.T.shape)
        compressed = drawn[:, 25]
        mel_power = power[25] @ hrmel.mel_basis_.T
        loudest = mel_power.argmax()
        edges = display.mesh_.get_coordinates()[:, 0, 1]
        assert edges[loudest] <= frequency <= edges[loudest + 1]
        bands = np.searchsorted([40, 72], loudest, side="right")
        inside = slice(*[(0, 40), (40, 72), (72, 96)][bands])
        assert inside.start + compressed[inside].argmax() == loudest

    def test_power_is_in_decibels_below_the_loudest(self):
        power = np.array([[1.0, 100.0, 0.0], [10.0, 1.0, 1e-9]])
        display = SpectrogramDisplay.from_power(power, sr=8000, hop_length=80)
        expected = [[-20.0, 0.0, -80.0], [-10.0, -20.0, -80.0]]
        assert display.values == pytest.approx(np.array(expected))
        corners = display.mesh_.get_coordinates()
        assert corners[:, 0, 1].tolist() == [0, 1000, 3000, 4000]
        # Frame t is centred on its time.
        assert list(corners[0, :, 0]) == pytest.approx([-0.005, 0.005, 0.015])
        assert display.mesh_.get_clim() == (-80, 0)

    def test_reconstruction_and_front_end(self, clips):
        front_end = AudioFrontEnd(hop_length=512).fit(clips)
        display = SpectrogramDisplay.from_estimator(
            front_end, clips[1], what="reconstruction"
        )
        (features,) = front_end.transform(clips[1:2])
        power = front_end.transformer_.inverse_transform(features)
        expected = 10 * np.log10(np.maximum(power / power.max(), 1e-8))
        # The front end rounds float32 otherwise, and the pseudo-inverse subtracts loud
        # neighbours from each other: quiet bins have few digits left.
        assert display.values == pytest.approx(expected, abs=0.05)
        assert display.frame_seconds == 512 / 44100
        features = SpectrogramDisplay.from_estimator(front_end, clips[1])
        assert features.values == pytest.approx(front_end.transform(clips[1:2])[0])

    def test_many_frames_are_averaged_for_the_picture(self):
        power = np.random.default_rng(0).random((4000, 5))
        display = SpectrogramDisplay.from_power(power)
        drawn = np.asarray(display.mesh_.get_array()).reshape(5, -1)
        assert drawn.shape == (5, 1334)
        assert drawn[:, 7] == pytest.approx(display.values[21:24].mean(axis=0))
        assert drawn[:, -1] == pytest.approx(display.values[-1])
        edges = display.mesh_.get_coordinates()[0, :, 0]
        assert edges[-1] == pytest.approx(3999.5 * 0.01)

    @pytest.mark.parametrize("scale", ["symlog", "log", "linear"])
    def test_axis_is_of_plain_hertz(self, scale):
        display = SpectrogramDisplay.from_power(np.ones((2, 9)), frequency_scale=scale)
        axis = display.ax_
        assert axis.get_yscale() == scale
        labels = [label.get_text() for label in axis.get_yticklabels()]
        ticks = axis.get_yticks()
        if scale != "linear":
            words = {1000.0: "1k", 10_000.0: "10k"}
            assert [labels[list(ticks).index(t)] for t in words] == list(words.values())
        assert axis.get_ylim() == (20 if scale == "log" else 0, 22050)

    def test_silence_and_impossible_input(self, clips):
        silent = SpectrogramDisplay.from_power(np.zeros((3, 5)))
        assert (silent.values == -80).all()
        with pytest.raises(ValueError, match="Negative"):
            SpectrogramDisplay.from_power([[1.0, -1.0]])
        with pytest.raises(
            ValueError, match="dynamic_range must be positive dB, got 0"
        ):
            SpectrogramDisplay.from_power([[1.0, 1.0]], dynamic_range=0)
        each = AudioFrontEnd(channels="each").fit(clips)
        with pytest.raises(ValueError, match="channels='mono', got 'each'"):
            SpectrogramDisplay.from_estimator(each, clips[0])
        with pytest.raises(ValueError, match="what must be"):
            SpectrogramDisplay.from_estimator(each, clips[0], what="power")


class TestReconstruction:
    def test_figures_are_those_of_the_metrics(self, hrmel, frames):
        display = ReconstructionDisplay.from_estimator(hrmel, frames[:200])
        S = frames[:200]
        S_hat = hrmel.inverse_transform(hrmel.transform(S))
        assert display.relative_error == relative_error(S, S_hat)
        assert display.band_errors == band_relative_errors(S, S_hat)
        bass = relative_error(S[:, 3:4], S_hat[:, 3:4])
        assert display.frequency_errors[3] == pytest.approx(bass)
        title = display.ax_[3].get_title()
        assert f"{display.relative_error:.3f}" in title
        assert f"high {display.band_errors['high']:.3f}" in title
        curve = display.ax_[3].lines[0].get_ydata()
        np.testing.assert_array_equal(curve, display.frequency_errors)
        steps = [line.get_xydata().tolist() for line in display.ax_[3].lines[1:4]]
        low, mid, high = display.band_errors.values()
        assert steps == [
            [[0, low], [1500, low]],
            [[1500, mid], [6000, mid]],
            [[6000, high], [22050, high]],
        ]

    def test_difference_is_positive_where_there_is_too_much(self):
        S = np.array([[100.0, 1.0, 0.0]])
        display = ReconstructionDisplay.from_predictions(
            S, [[10.0, 2.0, 100.0]], sr=8000
        )
        assert display.difference == pytest.approx(
            np.array([[-10.0, 10 * np.log10(2), 80.0]])
        )
        assert np.isnan(display.frequency_errors[2])
        assert set(display.band_errors) == {"low", "mid"}
        # Levels of both are below the loudest of the original.
        drawn = [ax.collections[0].get_array().ravel() for ax in display.ax_[:2]]
        assert list(drawn[0]) == pytest.approx([0, -20, -80])
        assert list(drawn[1]) == pytest.approx([-10, 10 * np.log10(0.02), 0])

    def test_axes_of_the_caller(self, frames):
        figure, axes = plt.subplots(4)
        display = ReconstructionDisplay.from_predictions(frames, frames, ax=axes)
        assert display.figure_ is figure
        assert display.relative_error == 0
        with pytest.raises(ValueError, match="4 axes or be None, got 2"):
            display.plot(axes[:2])


@pytest.fixture(scope="module")
def results(clips):
    tracks = [Track(f"clip {k}", lambda c=c: (c, "")) for k, c in enumerate(clips[:5])]
    skipped = TrackResult("broken", 0.0, {}, problem="cannot be read")
    return [skipped, *measure_tracks(tracks, paper_representations())]


class TestAblation:
    def test_points_and_intervals_are_those_of_the_tracks(self, results):
        display = AblationDisplay.from_results(results)
        names = list(paper_representations())
        assert display.names == names
        labels = [label.get_text() for label in display.ax_.get_yticklabels()]
        assert labels == names
        for k, error in enumerate(("overall", "low", "mid", "high")):
            points, _, (bars,) = display.ax_.containers[k]
            for row, name in enumerate(names):
                values = [r.errors[name][error] for r in results[1:]]
                assert points.get_xdata()[row] == pytest.approx(np.mean(values))
                segment = bars.get_segments()[row]
                assert segment[:, 0] == pytest.approx(mean_interval(values))
                assert round(segment[0, 1]) == row

    def test_json_of_the_command_gives_the_same(self, results, tmp_path):
        tracks = [
            {"name": r.name, "seconds": r.seconds, "errors": r.errors}
            for r in results[1:]
        ]
        (tmp_path / "errors.json").write_text(json.dumps({"tracks": tracks}))
        display = AblationDisplay.from_json(tmp_path / "errors.json")
        expected = AblationDisplay.from_results(results)
        assert display.names == expected.names
        for name, errors in expected.errors.items():
            np.testing.assert_array_equal(display.errors[name], errors)
        (tmp_path / "other.json").write_text("[]")
        with pytest.raises(ValueError, match=r"other\.json: not a file that"):
            AblationDisplay.from_json(tmp_path / "other.json")

    def test_a_grid_search(self, frames, groups):
        grid = {"n_mels": [(40, 32, 24), (32, 32, 32), (30, 40, 26)]}
        search = GridSearchCV(
            HRMelTransformer(),
            grid,
            scoring=neg_band_reconstruction_errors,
            refit="overall",
            cv=LeaveOneGroupOut(),
        ).fit(frames, groups=groups)
        display = AblationDisplay.from_cv_results(search.cv_results_, kind="pareto")
        assert display.names == [
            "n_mels=40/32/24", "n_mels=32/32/32", "n_mels=30/40/26",
        ]  # fmt: skip
        for name in ("overall", "low", "mid", "high"):
            mean = -search.cv_results_[f"mean_test_{name}"]
            assert display.means[name] == pytest.approx(mean)
        costs = np.column_stack([display.means["low"], display.means["high"]])
        np.testing.assert_array_equal(display.on_front_, pareto_front(costs))
        single = clone(search).set_params(scoring=neg_reconstruction_error, refit=True)
        single.fit(frames, groups=groups)
        display = AblationDisplay.from_cv_results(
            single.cv_results_, max_configurations=1
        )
        assert [display.names[k] for k in display.drawn_] == [
            display.names[single.best_index_]
        ]
        scores = {"split0_test_score": [0.5], "params": [{}]}
        with pytest.raises(ValueError, match="expected negative errors"):
            AblationDisplay.from_cv_results(scores)
        with pytest.raises(ValueError, match="no split0_test_"):
            AblationDisplay.from_cv_results({"params": []})

    def test_front_is_drawn_from_left_to_right(self):
        low = np.array([[0.5], [0.1], [0.3], [0.3], [0.6]])
        high = np.array([[0.1], [0.9], [0.4], [0.5], [0.2]])
        display = AblationDisplay(list("abcde"), {"low": low, "high": high})
        display.plot(kind="pareto")
        assert display.on_front_.tolist() == [True, True, True, False, False]
        beaten, front = display.ax_.lines
        assert front.get_xydata().tolist() == [[0.1, 0.9], [0.3, 0.4], [0.5, 0.1]]
        assert beaten.get_xydata().tolist() == [[0.3, 0.5], [0.6, 0.2]]
        assert [text.get_text() for text in display.ax_.texts] == list("abcde")
        with pytest.raises(ValueError, match=r"x must be one of .* got 'mid'"):
            display.plot(kind="pareto", x="mid")
        with pytest.raises(ValueError, match="kind must be"):
            display.plot(kind="pie")

    def test_one_track_has_no_interval(self, results):
        display = AblationDisplay.from_results(results[:2])
        assert np.isnan(display.intervals_["low"]).all()
        with pytest.raises(ValueError, match="no track was measured"):
            AblationDisplay.from_results(results[:1])


@given(
    st.lists(st.tuples(*[st.integers(0, 5)] * 3), min_size=1, max_size=12).map(np.array)
)
def test_no_point_of_the_front_is_beaten_and_every_other_is(costs):
    on_front = pareto_front(costs)
    assert on_front.any()
    for row, on in zip(costs, on_front, strict=True):
        beaten = any((b <= row).all() and (b < row).any() for b in costs)
        assert on != beaten


def _linear(channel):
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


# Of L, M and S cones: Viénot, Brettel and Mollon's (1999) matrix for linear sRGB.
_LMS = np.array(
    [
        [17.8824, 43.5161, 4.11935],
        [3.45565, 27.1554, 3.86714],
        [0.02996, 0.18431, 1.467],
    ]
)


@pytest.mark.parametrize("missing", ["L", "M"])
def test_neighbouring_colours_differ_for_people_without_a_kind_of_cone(missing):
    """Their simulation replaces a cone's signal by what the other two make of it."""
    simulate = {
        "L": np.array([[0, 2.02344, -2.52581], [0, 1, 0], [0, 0, 1]]),
        "M": np.array([[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]]),
    }[missing]
    seen = []
    for colour in COLOURS:
        linear = np.array([_linear(c) for c in to_rgb(colour)])
        seen.append(np.linalg.solve(_LMS, simulate @ _LMS @ linear))
    for first, second in pairwise(seen):
        assert np.abs(first - second).max() > 0.1


def test_without_matplotlib_the_error_says_what_to_install():
    """The package itself does without, and so does making a display."""
    code = """
import sys
sys.modules["matplotlib"] = None
from skhrmel import FilterBankDisplay
from skhrmel.filterbank import BandLayout
layout = BandLayout(44100, (0, 1500), (4,))
try:
    FilterBankDisplay.from_layout(layout)
except ImportError as error:
    print(error)
"""
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert process.stdout == (
        "FilterBankDisplay.plot needs matplotlib: pip install 'skhrmel[plot]' or "
        "pip install matplotlib.\n"
    )


def test_importing_a_display_does_not_import_matplotlib():
    code = "from skhrmel import AblationDisplay; import sys; print(*sys.modules)"
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    modules = process.stdout.split()
    assert "skhrmel._ablation_display" in modules
    assert "matplotlib" not in modules
