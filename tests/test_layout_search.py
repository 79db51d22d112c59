"""The search against every layout, each measured frame by frame."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skhrmel._criteria import make_criteria
from skhrmel._layout_choice import LayoutProblem
from skhrmel._moments import MeanMoments, second_moment
from skhrmel._pareto import pareto_front
from skhrmel.filterbank import BandLayout
from skhrmel.metrics import ErrorSpectrum
from skhrmel.model_selection import allocations

SR, N_FFT = 8000, 128
BANDS = {"low": (0.0, 1000.0), "mid": (1000.0, 2500.0), "high": (2500.0, np.inf)}


def make_tracks(seed):
    """Tracks of peaks, spread over 40 dB as music is, none of them silent."""
    rng = np.random.default_rng(seed)
    slope = 10 ** (-rng.uniform(0, 2, size=(3, 1, 1)) * np.arange(65) / 32)
    return list(rng.exponential(size=(3, 20, 65)) ** 2 * slope)


def measured_errors(criteria, layout, tracks):
    """Unclipped error of a layout, by the pseudo-inverse and a loop over tracks.

    And its amplification: the largest product of the lengths of a filter and its column
    of the pseudo-inverse, of the filters that do not depend on those before.
    """
    basis = layout.basis(N_FFT)
    decoder = np.linalg.pinv(basis, rcond=65 * np.finfo(float).eps)
    spectra = [ErrorSpectrum.between(t, t @ (decoder @ basis).T) for t in tracks]
    errors = [
        criteria.weights @ s.squared_error / (criteria.weights @ s.energy)
        for s in spectra
    ]
    independent = [
        k for k in range(len(basis)) if rank(basis[: k + 1]) > rank(basis[:k])
    ]
    inverse = np.linalg.pinv(basis[independent], rcond=1e-15)
    lengths = np.linalg.norm(basis[independent], axis=1) * np.linalg.norm(
        inverse, axis=0
    )
    return np.mean(errors, axis=0), lengths.max()


def rank(basis):
    return np.linalg.matrix_rank(basis, rtol=1e-12) if len(basis) else 0


def all_layouts(problem):
    first, *inner, last = problem.edges
    for k in problem.n_bands:
        for some in combinations(inner, k - 1):
            if (
                set(problem.kept) <= set(some)
                and k * problem.min_mels <= problem.total_mels
            ):
                for bins in allocations(
                    problem.total_mels, k, step=1, minimum=problem.min_mels
                ):
                    yield BandLayout(
                        SR, (first, *some, last), bins, problem.mel_scale, problem.norm
                    )


@st.composite
def problems(draw, objective, constraint, mel_scale):
    if objective == "weights":
        seed = draw(st.integers(0, 99))
        objective = np.random.default_rng(seed).uniform(size=65) ** 4
    criteria = make_criteria(objective, BANDS, SR, 65)
    inner = draw(st.sets(st.integers(2, 38), min_size=1, max_size=2))
    # Whole multiples of 100 Hz, some of them on an FFT bin, and both joins of bands.
    edges = sorted({100.0 * edge for edge in inner} | {1000.0, 2500.0})
    first, last = draw(st.sampled_from([(0.0, 4000.0), (60.0, 3900.0)]))
    kept = {"kept": (edges[0],), "reference": (1000.0, 2500.0)}.get(constraint, ())
    total = draw(st.integers(8, 10))
    reference = None
    if constraint == "reference":
        fewer = draw(st.integers(2, 4))
        reference = BandLayout(SR, (0, 4000), (total - fewer,), mel_scale)
    return LayoutProblem(
        sr=SR,
        criteria=criteria,
        edges=(first, *edges, last),
        kept=kept,
        n_bands=(1, 2, 3, 4),
        total_mels=total,
        min_mels=2 if constraint == "min_mels" else 1,
        mel_scale=mel_scale,
        norm=draw(st.sampled_from(["slaney", None])),
        reference=reference,
        max_amplification=draw(st.sampled_from([3.0, 100.0, np.inf])),
        n_best=draw(st.integers(1, 3)),
        n_jobs=1,
    )


@pytest.mark.parametrize("mel_scale", ["slaney", "htk"])
@pytest.mark.parametrize("constraint", ["none", "kept", "min_mels", "reference"])
@pytest.mark.parametrize("objective", ["overall", "balanced", "weights"])
@settings(max_examples=2)
@given(data=st.data())
def test_nothing_among_all_layouts_is_better(data, objective, constraint, mel_scale):
    problem = data.draw(problems(objective, constraint, mel_scale))
    tracks = make_tracks(data.draw(st.integers(0, 99)))
    criteria, importance = problem.criteria, problem.criteria.importance
    limits = np.full(3, np.inf)
    if problem.reference is not None:
        limits = measured_errors(criteria, problem.reference, tracks)[0][:3]
    by_number = {k: [] for k in problem.n_bands}
    possible = []
    for layout in all_layouts(problem):
        errors, amplification = measured_errors(criteria, layout, tracks)
        if amplification > problem.max_amplification:
            continue
        possible.append(errors[:3])
        if np.all(errors[:3] <= limits * (1 + 1e-9)):
            by_number[layout.n_bands].append(importance @ errors)
    expected = {k: np.sort(costs)[: problem.n_best] for k, costs in by_number.items()}

    moments = MeanMoments(criteria.weights)
    for track in tracks:
        moments.add(second_moment([track]))
    if not any(map(len, expected.values())):
        with pytest.raises(ValueError, match="There is no layout of total_mels="):
            problem.choose(moments)
        return
    choice = problem.choose(moments)
    for k, costs in expected.items():
        found = [row.found for row in choice.rows if row.n_bands == k]
        # The spectra go over 40 dB, the square of power over 80: 1e-16 times 1e8 is
        # what rounding may make of a band of little energy beside one of much.
        assert_allclose([layout.cost for layout in found], costs, rtol=1e-7, atol=1e-9)
        for layout in found:
            errors, _ = measured_errors(
                criteria,
                BandLayout(
                    SR,
                    layout.band_edges,
                    layout.n_mels,
                    problem.mel_scale,
                    problem.norm,
                ),
                tracks,
            )
            assert_allclose(layout.errors, errors, rtol=1e-7, atol=1e-9)
    best = choice.rows[choice.best].found
    assert best.cost == min(row.found.cost for row in choice.rows)
    assert sum(best.n_mels) == problem.total_mels
    front = np.array([x.errors for x in pareto_front(choice.bands, 3, problem.n_bands)])
    # All that is possible has one on the front that is nowhere worse, and those of the
    # front none that is better, but for rounding as above, and to steps of 1e-9.
    measured = np.array(possible)[:, None]
    slack = 1e-6 * front + 1e-8
    assert np.all(measured >= front - slack, axis=2).any(axis=1).all()
    assert not np.all(measured < front - slack, axis=2).any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_second_moment_of_blocks(dtype):
    rng = np.random.default_rng(0)
    frames = rng.exponential(size=(3000, 9)).astype(dtype) * dtype(1e-25)
    blocks = np.split(frames, [5, 1700, 1701])
    exact = frames.T.astype(float) @ frames.astype(float)
    # Squares of 1e-25 are beyond float32; sums of a thousand positive terms in it.
    assert_allclose(
        second_moment(blocks), exact, rtol=1e-5 if dtype == np.float32 else 1e-13
    )


def test_products_of_what_no_layout_represents_are_left_out():
    frames = np.random.default_rng(0).exponential(size=(5000, 6)).astype(np.float32)
    expected = frames.T.astype(float) @ frames
    found = second_moment([frames], n_used=4)
    # Sums of thousands of positive terms in float32.
    assert_allclose(found[:4, :4], expected[:4, :4], rtol=1e-5)
    assert_allclose(found[4:, 4:], np.diag(np.diag(expected)[4:]), rtol=1e-5)
    assert not found[:4, 4:].any()
    assert not found[4:, :4].any()
    assert_array_equal(second_moment([frames], n_used=9), second_moment([frames]))


def test_every_third_frame_of_blocks_of_any_size():
    frames = np.random.default_rng(0).exponential(size=(3000, 5))
    blocks = np.split(frames, [1, 2, 7, 300, 301, 2600])
    some = frames[::3]
    assert_allclose(second_moment(blocks, 3), some.T @ some, rtol=1e-13)


def test_a_band_where_a_track_is_silent_says_nothing_of_it():
    weights = np.repeat(np.eye(2), [2, 2], axis=1)
    loud, dull = np.ones((5, 4)), np.ones((5, 4))
    dull[:, 2:] = 1e-11
    moments = MeanMoments(weights)
    for track in (loud, dull):
        moments.add(second_moment([track]))
    means = moments.means()
    assert_allclose(np.diag(means[0])[:2], 0.5)
    # Of the loud track alone.
    assert_allclose(means[1], second_moment([loud]) / 10)
