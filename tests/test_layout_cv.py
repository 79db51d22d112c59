import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import LeaveOneGroupOut
from sklearn.utils.estimator_checks import parametrize_with_checks

from skhrmel import (
    AudioFrontEnd,
    HRMelTransformer,
    HRMelTransformerCV,
    LogMelTransformer,
)
from skhrmel.metrics import ErrorSpectrum

EDGES = (0, 400, 800, 1500, 3000, 6000, 10000, 20000)
SMALL = {"candidate_edges": EDGES, "total_mels": 24}


@pytest.mark.filterwarnings("ignore::skhrmel.EmptyFilterWarning")
@parametrize_with_checks(
    [
        HRMelTransformerCV(**SMALL),
        HRMelTransformerCV(total_mels=12),
        HRMelTransformerCV(**SMALL, objective="overall", n_bands=(1, 2), decoder="kl"),
        HRMelTransformerCV(**SMALL, analysis_bands="bark", mel_scale="htk", norm=None),
        HRMelTransformerCV(**SMALL, no_worse_than=LogMelTransformer(n_mels=2)),
    ]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def search(frames, groups):
    return HRMelTransformerCV(**SMALL, n_bands=(2, 3)).fit(frames, groups=groups)


def test_it_is_the_transformer_of_its_layout(search, frames):
    hrmel = HRMelTransformer(
        n_mels=search.n_mels_, band_edges=search.band_edges_, compression="log1p"
    ).fit(frames)
    features = search.transform(frames)
    assert features.dtype == np.float32
    assert_array_equal(features, hrmel.transform(frames))
    assert_array_equal(
        search.inverse_transform(features), hrmel.inverse_transform(features)
    )
    assert_array_equal(search.get_feature_names_out(), hrmel.get_feature_names_out())
    restored = pickle.loads(pickle.dumps(search))
    assert_array_equal(restored.transform(frames), features)


def test_results_have_a_row_for_each_number_of_bands_and_rank(search):
    results = search.cv_results_
    assert results["n_bands"].tolist() == [2, 2, 2, 3, 3, 3]
    assert results["rank"].tolist() == [1, 2, 3, 1, 2, 3]
    best = results["score"].argmax()
    assert results["params"][best]["n_mels"] == search.n_mels_
    assert results["score"][best] == search.best_score_
    errors = [results[f"error_{name}"] for name in ("low", "mid", "high")]
    assert_allclose(np.mean(np.square(errors), axis=0), -results["score"])


def test_one_track_at_a_time_is_the_same(search, frames, groups):
    partial = HRMelTransformerCV(**SMALL, n_bands=(2, 3))
    for track in range(6):
        partial.partial_fit(frames[groups == track])
    assert (partial.band_edges_, partial.n_mels_) == (
        search.band_edges_,
        search.n_mels_,
    )
    assert partial.best_score_ == pytest.approx(search.best_score_, rel=1e-12)
    # The order of frames and tracks does not matter but for rounding.
    order = np.random.default_rng(0).permutation(len(frames))
    mixed = clone(search).fit(frames[order], groups=groups[order])
    assert mixed.n_mels_ == search.n_mels_
    assert mixed.best_score_ == pytest.approx(search.best_score_, rel=1e-5)


def test_one_group_or_none_is_one_track(frames):
    alone = HRMelTransformerCV(**SMALL).fit(frames)
    grouped = HRMelTransformerCV(**SMALL).fit(frames, groups=np.ones(len(frames)))
    assert alone.best_score_ == grouped.best_score_


def test_the_front_has_no_layout_that_another_beats(search):
    front = [list(layout["errors"].values()) for layout in search.pareto_front_]
    assert len(front) > 10
    for errors in front:
        others = [other for other in front if other != errors]
        assert not any(np.all(np.less_equal(other, errors)) for other in others)
    best = np.mean(np.square(front), axis=1).min()
    assert best == pytest.approx(-search.best_score_, rel=0.05)


def test_a_track_that_is_added_renews_the_front(frames, groups):
    early = HRMelTransformerCV(**SMALL, n_bands=2).partial_fit(frames[groups == 0])
    of_one_track = early.pareto_front_
    early.partial_fit(frames[groups == 1])
    late = HRMelTransformerCV(**SMALL, n_bands=2)
    for track in range(2):
        late.partial_fit(frames[groups == track])
    assert early.pareto_front_ == late.pareto_front_
    assert early.pareto_front_ != of_one_track


def test_no_band_is_worse_than_the_reference(frames, groups):
    reference = LogMelTransformer(n_mels=24)
    search = HRMelTransformerCV(
        **SMALL, n_bands=(3, 4), objective="overall", no_worse_than=reference
    ).fit(frames, groups=groups)
    assert {1500.0, 6000.0} < set(search.band_edges_)

    def errors(transformer):
        fitted = transformer.fit(frames)
        projection = np.linalg.pinv(fitted.mel_basis_) @ fitted.mel_basis_
        return np.mean(
            [
                [
                    error**2
                    for error in ErrorSpectrum.between(track, track @ projection.T)
                    .band_relative_errors()
                    .values()
                ]
                for track in (frames[groups == g] for g in range(6))
            ],
            axis=0,
        )

    # Moments of float32 frames have float32's digits.
    assert np.all(errors(search.transformer_) <= errors(reference) * (1 + 1e-4))


def test_cv_measures_the_decoder_on_tracks_held_out(frames, groups):
    search = HRMelTransformerCV(
        **SMALL, n_bands=(1, 3), n_best=1, cv=LeaveOneGroupOut()
    ).fit(frames, groups=groups)
    results = search.cv_results_
    held_out = groups == 4
    for row, n_bands in enumerate((1, 3)):
        others = HRMelTransformerCV(**SMALL, n_bands=n_bands)
        others.fit(frames[~held_out], groups=groups[~held_out])
        decoded = others.inverse_transform(others.transform(frames[held_out]))
        spectrum = ErrorSpectrum.between(frames[held_out], decoded)
        squared = np.square(list(spectrum.band_relative_errors().values()))
        assert results["split4_test_score"][row] == pytest.approx(-squared.mean())
    assert search.best_score_ == results["mean_test_score"].max()
    assert len(search.n_mels_) == (1, 3)[results["mean_test_score"].argmax()]


def test_names_of_frequencies_are_checked(frames):
    table = pd.DataFrame(frames, columns=[f"{k}" for k in range(1025)])
    search = HRMelTransformerCV(**SMALL).fit(table)
    assert search.transform(table).shape == (len(frames), 24)
    with pytest.raises(ValueError, match="feature names"):
        search.transform(table.iloc[:, ::-1])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_bands": 0}, "n_bands"),
        ({"n_bands": (2, 0)}, "n_bands must be an integer of at least 1"),
        ({"candidate_edges": (0, 30000)}, "candidate_edges must be at least two"),
        ({"kept_edges": (25000,)}, "kept_edges must lie between"),
        ({"min_mels": 9}, "There is no layout of total_mels=24 bins in n_bands=3"),
        ({"objective": np.ones(7)}, "objective must weigh each of the 1025"),
        ({"objective": -np.ones(1025)}, "objective must be finite weights"),
        ({"analysis_bands": {"a": (5, 5)}}, "analysis_bands: 'a' must go from"),
        ({"analysis_bands": {}}, "analysis_bands must name at least one"),
        (
            {"analysis_bands": {"a": (0, 500)}, "no_worse_than": LogMelTransformer()},
            "no_worse_than needs analysis_bands that adjoin",
        ),
        ({"no_worse_than": LogMelTransformer(48000)}, "no_worse_than has sr=48000"),
        (
            {"no_worse_than": LogMelTransformer(n_mels=200)},
            "is no worse than no_worse_than in any analysis band",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore::skhrmel.EmptyFilterWarning")
def test_impossible_requests_are_refused(frames, parameters, message):
    with pytest.raises(ValueError, match=message):
        HRMelTransformerCV(**SMALL | parameters).fit(frames)


def test_there_is_no_partial_fit_where_frames_are_needed_again():
    for parameters in ({"cv": 2}, {"decoder": "kl"}):
        assert not hasattr(HRMelTransformerCV(**parameters), "partial_fit")
    with pytest.raises(NotFittedError):
        _ = HRMelTransformerCV().n_mels_


def test_from_clips_a_clip_is_a_track(clips, frames, groups, search):
    for n_jobs in (1, 2):
        front_end = AudioFrontEnd(clone(search), n_jobs=n_jobs).fit(clips)
        assert front_end.transformer_.n_mels_ == search.n_mels_
        score = front_end.transformer_.best_score_
        # Moments of float32 frames have float32's digits.
        assert score == pytest.approx(search.best_score_, rel=1e-5)
    (features,) = front_end.transform(clips[:1])
    expected = search.transform(frames[groups == 0])
    # Another route to mel power than by way of the power spectrum.
    assert_allclose(features, expected, rtol=1e-4, atol=1e-5)


def test_every_fourth_frame_of_frames_and_of_clips(clips, frames, groups):
    every_fourth = HRMelTransformerCV(**SMALL, frame_step=4)
    some = np.concatenate([frames[groups == g][::4] for g in range(6)])
    names = np.concatenate([groups[groups == g][::4] for g in range(6)])
    expected = HRMelTransformerCV(**SMALL).fit(some, groups=names)
    for n_jobs in (1, 2):
        front_end = AudioFrontEnd(clone(every_fourth), n_jobs=n_jobs).fit(clips)
        score = front_end.transformer_.best_score_
        # Moments of float32 frames have float32's digits.
        assert score == pytest.approx(expected.best_score_, rel=1e-5)
    found = every_fourth.fit(frames, groups=groups)
    assert found.best_score_ == pytest.approx(expected.best_score_, rel=1e-9)


def test_from_clips_with_what_needs_frames_again(clips, frames, groups):
    search = HRMelTransformerCV(**SMALL, n_bands=(1, 2), decoder="kl", cv=2)
    front_end = AudioFrontEnd(search).fit(clips)
    expected = clone(search).fit(frames, groups=groups)
    assert front_end.transformer_.n_mels_ == expected.n_mels_
    assert front_end.transformer_.best_score_ == pytest.approx(expected.best_score_)
    with pytest.raises(ValueError, match="X holds no clip"):
        AudioFrontEnd(search).fit([])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"total_mels": 3, "n_bands": 1}, "at least min_mels=4 bins"),
        ({"total_mels": 11}, "n_bands=3 bands of at least min_mels=4"),
        ({"n_bands": 8, "min_mels": 1}, "between 8 candidate edges"),
        (
            {"analysis_bands": "bark", "no_worse_than": LogMelTransformer()},
            "that keeps the edges 100, 200",
        ),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_read(parameters, message):
    search = HRMelTransformerCV(**SMALL | parameters)
    with pytest.raises(ValueError, match=message):
        search._prepare(1025)


def test_a_reference_counts_beyond_the_edges_too(frames, groups):
    search = HRMelTransformerCV(
        **SMALL | {"candidate_edges": (0, 500, 1500, 3000, 6000)},
        n_bands=4,
        analysis_bands={"in": (0, 6000), "beyond": (6000, 22050)},
        no_worse_than=LogMelTransformer(n_mels=96, fmax=20000),
    )
    # Nothing of "beyond" can be represented, of which the reference has some.
    with pytest.raises(ValueError, match="no worse than no_worse_than"):
        search.fit(frames, groups=groups)
    search.set_params(no_worse_than=LogMelTransformer(n_mels=1, fmax=6000))
    assert search.fit(frames, groups=groups).band_edges_[-1] == 6000


def test_later_parameters_change_nothing_of_a_search(frames, groups):
    search = HRMelTransformerCV(**SMALL)
    expected = HRMelTransformerCV(**SMALL).fit(frames, groups=groups)
    search.partial_fit(frames[groups == 0])
    search.set_params(frame_step=4, mel_scale="htk")
    for track in range(1, 6):
        search.partial_fit(frames[groups == track])
    assert search.best_score_ == pytest.approx(expected.best_score_, rel=1e-12)
    assert search.transformer_.mel_scale == "slaney"


@pytest.mark.parametrize("band", [5, (0, 1, 2), "ab1"])
def test_an_analysis_band_is_two_frequencies(frames, band):
    search = HRMelTransformerCV(**SMALL, analysis_bands={"odd": band})
    with pytest.raises(ValueError, match="analysis_bands: 'odd' must be a lower and"):
        search.fit(frames)
