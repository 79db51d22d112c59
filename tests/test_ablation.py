import numpy as np
import pytest

from skhrmel import HRMelTransformer
from skhrmel.ablation import (
    ERROR_NAMES,
    Track,
    measure_track,
    measure_tracks,
    paper_representations,
    stack_errors,
)
from skhrmel.metrics import neg_band_reconstruction_errors
from skhrmel.spectrum import power_frames


@pytest.fixture(scope="module")
def tracks(clips):
    return [Track(f"clip {k}", lambda c=c: (c, "")) for k, c in enumerate(clips[:3])]


def test_errors_are_those_of_the_scorer_on_all_frames(clips, tracks):
    result = measure_track(tracks[0], paper_representations())
    frames = power_frames(clips[0])
    assert result.seconds == pytest.approx(1.5)
    for name, transformer in paper_representations().items():
        scores = neg_band_reconstruction_errors(transformer.fit(frames), frames)
        assert set(result.errors[name]) == set(ERROR_NAMES)
        for error_name, score in scores.items():
            # Blocks of other sizes add float32 products in another order.
            assert result.errors[name][error_name] == pytest.approx(-score, rel=1e-5)


def test_compression_is_perfectly_reversible(tracks):
    """The paper's Mel and Log-Mel have identical errors."""
    errors = measure_track(tracks[1], paper_representations()).errors
    for bins in (80, 96):
        # Float32 features carry the mel power to 1e-6.
        assert errors[f"Mel-{bins}"] == pytest.approx(
            errors[f"Log-Mel-{bins}"], rel=1e-5
        )


def test_jobs_give_the_same_in_order(tracks):
    representations = {"HR-Mel": HRMelTransformer()}
    one = list(measure_tracks(tracks, representations))
    two = list(measure_tracks(tracks, representations, n_jobs=2))
    assert [result.name for result in two] == ["clip 0", "clip 1", "clip 2"]
    for a, b in zip(one, two, strict=True):
        assert a.errors["HR-Mel"] == pytest.approx(b.errors["HR-Mel"], rel=1e-5)


def refuse():
    raise ValueError("cannot be read")


def test_what_cannot_be_measured_says_why(tracks):
    representations = {"HR-Mel": HRMelTransformer()}
    broken = measure_track(Track("broken", refuse), representations)
    silent = measure_track(
        Track("silent", lambda: (np.zeros(44100), "from tape")), representations
    )
    assert (broken.errors, broken.problem) == ({}, "cannot be read")
    assert silent.errors == {}
    assert silent.problem.startswith("silent")
    assert silent.note == "from tape"
    assert silent.seconds == 1.0
    measured = measure_track(tracks[0], representations)
    assert len(stack_errors([broken, measured, silent], "HR-Mel")["low"]) == 1


def test_warnings_are_kept_with_the_result(tracks):
    result = measure_track(tracks[0], {"x": HRMelTransformer(n_mels=(140, 5, 1))})
    assert len(result.warnings) == 1
    assert "mel filters contain no FFT bin" in result.warnings[0]
