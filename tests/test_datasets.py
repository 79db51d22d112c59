import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skhrmel import HRMelTransformer, LogMelTransformer
from skhrmel.datasets import make_music
from skhrmel.metrics import neg_band_reconstruction_errors
from skhrmel.spectrum import power_frames


def test_clips_are_deterministic_and_differ():
    clips, styles = make_music(7, duration=0.5)
    again, _ = make_music(7, duration=0.5)
    for clip, other in zip(clips, again, strict=True):
        assert_array_equal(clip, other)
    assert len({clip.tobytes() for clip in clips}) == 7
    assert len(set(styles)) == 6
    assert styles[6] == styles[0]


def test_a_track_does_not_depend_on_how_many_are_made():
    few, many = make_music(2, duration=0.5)[0], make_music(3, duration=0.5)[0]
    assert_array_equal(few[1], many[1])


def test_the_seed_changes_the_music():
    one, other = (make_music(1, duration=0.5, random_state=s)[0][0] for s in (0, 1))
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("sr", [8000, 44100, 48000])
def test_clips_are_full_scale_audio(sr):
    for clip in make_music(6, duration=0.7, sr=sr)[0]:
        assert clip.shape == (round(0.7 * sr),)
        assert clip.dtype == np.float32
        assert np.abs(clip).max() == pytest.approx(0.8)


def test_energy_is_spread_as_in_music(clips):
    """Most below 1.5 kHz, less above, least above 6 kHz: as on recordings."""
    frequencies = np.fft.rfftfreq(2048, 1 / 44100)
    for clip in clips:
        energy = power_frames(clip).sum(axis=0)
        low = energy[frequencies < 1500].sum()
        mid = energy[(frequencies >= 1500) & (frequencies < 6000)].sum()
        high = energy[frequencies >= 6000].sum()
        assert low > mid > high > 0


def test_the_papers_ordering_of_representations(frames):
    """HR-Mel < Mel-96 < Mel-80 in all, and the ablation's order in every band."""
    transformers = {
        "Mel-80": LogMelTransformer(n_mels=80),
        "Mel-96": LogMelTransformer(),
        "40/32/24": HRMelTransformer(),
        "32/32/32": HRMelTransformer(n_mels=(32, 32, 32)),
        "24/32/40": HRMelTransformer(n_mels=(24, 32, 40)),
    }
    errors = {
        name: neg_band_reconstruction_errors(transformer.fit(frames), frames)
        for name, transformer in transformers.items()
    }

    def ranking(band, *names):
        return sorted(names, key=lambda name: -errors[name][band])

    uniform = ["40/32/24", "Mel-96", "Mel-80"]
    ablation = ["40/32/24", "32/32/32", "24/32/40"]
    assert ranking("overall", *uniform) == uniform
    assert ranking("overall", *ablation) == ablation
    assert ranking("low", *ablation) == ablation
    assert ranking("high", *ablation) == ablation[::-1]


def test_impossible_requests_are_refused():
    with pytest.raises(ValueError, match="n_tracks must be at least 1, got 0"):
        make_music(0)
    for duration in (1e-5, -1, np.inf, np.nan):
        with pytest.raises(ValueError, match=f"duration must be .* got {duration}"):
            make_music(1, duration=duration)
    for sr in (0, 100, np.inf, np.nan):
        with pytest.raises(ValueError, match=f"sr must be .* got {sr}"):
            make_music(1, sr=sr)


def test_the_shortest_tracks_are_audio():
    for clip in make_music(6, duration=1 / 44100)[0]:
        assert clip.shape == (1,)
        assert np.all(np.isfinite(clip))
