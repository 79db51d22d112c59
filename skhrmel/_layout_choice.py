"""Choosing among the best layouts: constraints and held-out tracks."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skhrmel._band_errors import BandErrors, band_errors, layout_errors
from skhrmel._criteria import Criteria
from skhrmel._layout_search import SLACK, Found, Limit, best_layouts
from skhrmel._moments import MeanMoments
from skhrmel.filterbank import BandLayout, MelScale, Norm, fft_frequencies
from skhrmel.metrics import ErrorSpectrum


@dataclass(frozen=True)
class LayoutProblem:
    """What layouts there are to choose from, and what they are judged by.

    Attributes
    ----------
    sr : float
        Sampling rate in Hz.
    criteria : Criteria
        What they are judged by.
    edges : tuple of float
        Candidate edges in Hz.
    kept : tuple of float
        Edges that every layout has.
    n_bands : tuple of int
        Numbers of bands allowed.
    total_mels, min_mels : int
        Bins of all bands together, and the fewest of a band.
    mel_scale : {"slaney", "htk"}
        The mel scale.
    norm : {"slaney"} or None
        Normalisation of the filters.
    reference : BandLayout or None
        Layout than which no analysis band may be worse.
    max_amplification : float
        Largest factor by which decoding may amplify relative errors of features.
    n_best : int
        Layouts wanted of each number of bands.
    n_jobs : int or None
        Number of threads.
    """

    sr: float
    criteria: Criteria
    edges: tuple[float, ...]
    kept: tuple[float, ...]
    n_bands: tuple[int, ...]
    total_mels: int
    min_mels: int
    mel_scale: MelScale
    norm: Norm
    reference: BandLayout | None
    max_amplification: float
    n_best: int
    n_jobs: int | None

    def count_used(self) -> int:
        """Count the frequencies, from the lowest on, that a layout may represent.

        Returns
        -------
        n_used : int
            Their number; of those above, `second_moment` need not know products.
        """
        n_freqs = self.criteria.weights.shape[1]
        top = self.edges[-1]
        if self.reference is not None:
            top = max(top, self.reference.band_edges[-1])
        return int(np.searchsorted(fft_frequencies(self.sr, 2 * (n_freqs - 1)), top))

    def choose(self, moments: MeanMoments) -> "Choice":
        """Find the best layouts for some tracks and choose the best of all.

        Parameters
        ----------
        moments : MeanMoments
            Their mean moments under the criteria.

        Returns
        -------
        choice : Choice
            The layouts.

        Raises
        ------
        ValueError
            If there is no layout that satisfies everything.
        """
        means = moments.means()
        bands = band_errors(
            means,
            moments.weights,
            self.edges,
            self.total_mels,
            sr=self.sr,
            mel_scale=self.mel_scale,
            norm=self.norm,
            kept=self.kept,
            min_mels=self.min_mels,
            max_amplification=self.max_amplification,
            n_jobs=self.n_jobs,
        )
        layouts = best_layouts(
            bands,
            self.criteria.importance,
            max(self.n_bands),
            n_best=self.n_best,
            limits=self._limits(means, moments.weights, bands.outside),
        )
        rows = [
            Row(k, rank, found)
            for k in self.n_bands
            for rank, found in enumerate(layouts[k - 1], start=1)
        ]
        if not rows:
            raise ValueError(self._why_none())
        best = min(range(len(rows)), key=lambda row: rows[row].found.cost)
        return Choice(bands, rows, best, -rows[best].found.cost)

    def check(self) -> None:
        """Refuse what no layout can satisfy, whatever the tracks.

        Raises
        ------
        ValueError
            If there are too few bins, edges or bands for any number of bands.
        """
        if not any(
            k * self.min_mels <= self.total_mels
            and len(self.kept) < k < len(self.edges)
            for k in self.n_bands
        ):
            raise ValueError(self._why_none())

    def _limits(
        self, means: NDArray, weights: NDArray, outside: NDArray
    ) -> list[Limit]:
        if self.reference is None:
            return []
        errors = layout_errors(means, weights, self.reference)
        first, last = self.edges[0], self.edges[-1]
        for q, (low, high) in enumerate(self.criteria.bands.values()):
            # No layout represents anything of a range beyond the edges.
            is_beyond = low >= last or high <= first
            if is_beyond and errors[q] * (1 + SLACK) < outside[q]:
                raise ValueError(self._why_none())
        return [
            Limit(max(low, first), min(high, last), q, float(errors[q]))
            for q, (low, high) in sorted(
                enumerate(self.criteria.bands.values()), key=lambda item: item[1]
            )
            if low < last and high > first
        ]

    def _why_none(self) -> str:
        text = (
            f"There is no layout of total_mels={self.total_mels} bins in "
            f"n_bands={', '.join(map(str, self.n_bands))} bands of at least "
            f"min_mels={self.min_mels} bins between {len(self.edges)} candidate edges"
        )
        if self.kept:
            text += f" that keeps the edges {', '.join(f'{e:g}' for e in self.kept)} Hz"
        if self.reference is not None:
            text += " and is no worse than no_worse_than in any analysis band"
        text += f" and has no max_amplification beyond {self.max_amplification:g}"
        text += "; allow more bands or bins"
        return f"{text}."


@dataclass(frozen=True)
class Row:
    """A layout that was found: its number of bands and its rank among them."""

    n_bands: int
    rank: int
    found: Found


@dataclass(frozen=True)
class Choice:
    """The layouts found, and which is the best.

    Attributes
    ----------
    bands : BandErrors
        The error of every possible band.
    rows : list of Row
        The layouts.
    best : int
        The row chosen.
    best_score : float
        Minus its objective.
    test_scores : ndarray of shape (n_splits, n_rows) or None
        Minus the objective on held-out tracks.
    """

    bands: BandErrors
    rows: list[Row]
    best: int
    best_score: float
    test_scores: NDArray | None = None


def cross_validate(
    problem: LayoutProblem,
    splitter: Any,
    tracks: Sequence[NDArray],
    moments: Sequence[NDArray],
    fit: Callable[[Found, NDArray], Any],
) -> Choice:
    """Choose the number of bands by tracks that the search has not seen.

    Parameters
    ----------
    problem : LayoutProblem
        What to choose from.
    splitter : cross-validation generator
        Splits tracks.
    tracks : sequence of ndarray of shape (n_track_frames, n_freqs)
        Frames of each track.
    moments : sequence of ndarray of shape (n_freqs, n_freqs)
        Their second moments.
    fit : callable
        Fits the transformer of a layout on frames.

    Returns
    -------
    choice : Choice
        The layouts for all tracks. Chosen is the number of bands, and the rank, whose
        layouts for the other tracks lost the least on held-out ones.

    Raises
    ------
    ValueError
        If there is no layout that satisfies everything, or a split is useless.
    """
    names = np.arange(len(tracks))
    choice = problem.choose(_mean_moments(problem, moments))
    keys = [(row.n_bands, row.rank) for row in choice.rows]
    scores = []
    with warnings.catch_warnings():
        # Of splitters that split without regard to groups, as they may.
        warnings.filterwarnings("ignore", "The groups parameter is ignored")
        splits = list(splitter.split(names.reshape(-1, 1), groups=names))
    for train, test in splits:
        if len(train) == 0 or len(test) == 0:
            raise ValueError("cv has a split without tracks to learn from or to judge.")
        others = problem.choose(_mean_moments(problem, [moments[t] for t in train]))
        layouts = {(row.n_bands, row.rank): row.found for row in others.rows}
        frames = np.concatenate([tracks[t] for t in train])
        held_out = [tracks[t] for t in test]
        scores.append(
            [
                _score(problem.criteria, fit(layouts[key], frames), held_out)
                if key in layouts
                else np.nan
                for key in keys
            ]
        )
    test_scores = np.array(scores)
    means = test_scores.mean(axis=0)
    if np.isnan(means).all():
        raise ValueError("cv: no layout satisfies all constraints in every split.")
    best = int(np.nanargmax(means))
    return Choice(choice.bands, choice.rows, best, float(means[best]), test_scores)


def _mean_moments(problem: LayoutProblem, moments: Sequence[NDArray]) -> MeanMoments:
    """Average the moments of tracks under the criteria of a problem."""
    mean = MeanMoments(problem.criteria.weights)
    for moment in moments:
        mean.add(moment)
    return mean


def _score(criteria: Criteria, transformer: Any, tracks: Sequence[NDArray]) -> float:
    spectra = (
        ErrorSpectrum.between(
            t, transformer.inverse_transform(transformer.transform(t))
        )
        for t in tracks
    )
    return -float(criteria.importance @ criteria.errors(spectra))


def tabulate(
    choice: Choice, problem: LayoutProblem, describe: Callable[[Found], dict[str, Any]]
) -> dict[str, NDArray]:
    """Make the table `cv_results_` of `HRMelTransformerCV`.

    Parameters
    ----------
    choice : Choice
        The layouts.
    problem : LayoutProblem
        What they were chosen from.
    describe : callable
        Gives the parameters of a layout's transformer.

    Returns
    -------
    table : dict of str to ndarray of shape (n_rows,)
        The columns.
    """
    found = [row.found for row in choice.rows]
    params = np.empty(len(found), dtype=object)
    params[:] = [describe(layout) for layout in found]
    table = {
        "n_bands": np.array([row.n_bands for row in choice.rows]),
        "rank": np.array([row.rank for row in choice.rows]),
        "params": params,
        "score": -np.array([layout.cost for layout in found]),
    }
    errors = np.sqrt([layout.errors for layout in found])
    for q, name in enumerate(problem.criteria.bands):
        table[f"error_{name}"] = errors[:, q]
    if choice.test_scores is not None:
        for split, scores in enumerate(choice.test_scores):
            table[f"split{split}_test_score"] = scores
        table["mean_test_score"] = choice.test_scores.mean(axis=0)
        table["std_test_score"] = choice.test_scores.std(axis=0)
    return table
