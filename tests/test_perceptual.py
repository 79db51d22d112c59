import sys

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

from skhrmel import AudioFrontEnd, HRMelTransformer, LogMelTransformer
from skhrmel.datasets import make_music
from skhrmel.perceptual import _visqol_api, mean_opinion_score, visqol


@pytest.fixture(scope="module")
def music():
    return make_music(2, duration=2.0)[0]


def test_the_same_is_excellent_and_noise_is_bad(music):
    y = music[0]
    noise = np.random.default_rng(0).standard_normal(len(y))
    scores = [visqol(y, y + level * noise) for level in (0, 1e-3, 1e-1)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 4.5
    assert scores[-1] < 3


def test_more_bins_sound_better(music):
    scores = []
    for n_mels in (8, 96):
        front_end = AudioFrontEnd(LogMelTransformer(n_mels=n_mels), n_iter=16)
        scores.append(mean_opinion_score(front_end.fit(music), music))
    assert scores[0] < scores[1] - 0.5


def test_scores_a_grid_search_of_decoders(music):
    search = GridSearchCV(
        AudioFrontEnd(HRMelTransformer(), n_iter=4),
        {"transformer__decoder": ["pinv", "kl"]},
        scoring=mean_opinion_score,
        cv=2,
    )
    search.fit(music)
    assert np.all(search.cv_results_["mean_test_score"] > 1)


@pytest.mark.parametrize(
    ("y", "y_hat", "message"),
    [
        (np.zeros(99_999), np.ones(99_999), "cannot judge silence"),
        (np.ones(99), np.ones(99), "ViSQOL cannot compare waveforms of 0.00 s"),
        (np.ones((2, 9)), np.ones(9), r"y must be one waveform .* got \(2, 9\)"),
        (np.ones(9), np.full(9, np.nan), "y_hat contains NaN"),
    ],
)
def test_impossible_input_is_refused(y, y_hat, message):
    with pytest.raises(ValueError, match=message):
        visqol(y, y_hat)


def test_several_channels_are_refused(music):
    front_end = AudioFrontEnd(channels="each").fit([])
    with pytest.raises(ValueError, match="expected channels='mono', got 'each'"):
        mean_opinion_score(front_end, music)


def test_what_to_install_is_said(monkeypatch):
    _visqol_api.cache_clear()
    monkeypatch.setitem(sys.modules, "visqol", None)
    with pytest.raises(ImportError, match=r"pip install 'skhrmel\[perceptual\]'"):
        visqol(np.ones(9), np.ones(9))
