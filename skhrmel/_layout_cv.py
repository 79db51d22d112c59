"""HRMelTransformerCV: the best band layout of all, found exactly."""

from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.model_selection import check_cv
from sklearn.utils import Tags, gen_batches
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import (
    _check_feature_names_in,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from skhrmel._base import BaseMelTransformer, check_power
from skhrmel._candidates import as_numbers_of_bands, find_edges, inner_edges
from skhrmel._criteria import make_criteria
from skhrmel._layout_choice import Choice, LayoutProblem, cross_validate, tabulate
from skhrmel._layout_search import Found
from skhrmel._moments import MeanMoments, second_moment
from skhrmel._pareto import pareto_front
from skhrmel._transformers import HRMelTransformer
from skhrmel.compression import Compression
from skhrmel.filterbank import BandLayout, MelScale, Norm

_DTYPES = [np.float64, np.float32]
# Frames whose values are checked at a time.
_BLOCK_FRAMES = 256


def _needs_no_frames_again(search: "HRMelTransformerCV") -> bool:
    return search.cv is None and search.decoder != "kl"


class HRMelTransformerCV(TransformerMixin, BaseEstimator):
    """HR-Mel with the best band layout of all on a grid of candidate edges.

    Finds, among all layouts of `total_mels` bins in `n_bands` bands between candidate
    edges, millions to billions of them, the one of least error on the frames it is
    fitted on, exactly and in seconds. Then it is the `HRMelTransformer` of that layout.

    The error is that of the pseudo-inverse before it is clipped at zero. It depends on
    a track's second moment only, and since filters of different bands share no FFT bin,
    it is a sum over bands: each band's error is worked out once, and a shortest path
    tells which bands to join.

    Parameters
    ----------
    sr : float, default=44100
        Sampling rate in Hz of the audio behind the frames.
    total_mels : int, default=96
        Number of mel bins of all bands together.
    n_bands : int or sequence of int, default=3
        Number of bands, or several to choose from. Four lose less than three on music
        that the search has not seen, and sound better.
    candidate_edges : sequence of float or None, default=None
        Frequencies in Hz where bands may begin and end. The first and the last are the
        edges of the whole. None is 24 of them, evenly spaced on the mel scale from 0 Hz
        to 20 kHz or ``sr / 2``.
    objective : {"balanced", "overall"} or array-like of shape (n_freqs,), \
            default="balanced"
        What is minimised, a mean over tracks. ``"balanced"``: the squared relative
        error of each of the `analysis_bands`, all counting the same. ``"overall"``: the
        squared relative error of the whole spectrum, equation 9 of the paper. **It
        spends nearly all bins on the bass, where the energy is, and music then sounds
        broken.** Weights, one a frequency: the weighted squared error relative to the
        energy weighted the same.
    analysis_bands : {"paper", "bark"} or mapping of str to (float, float), \
            default="paper"
        Ranges ``low <= f < high`` in Hz in which errors are measured: the paper's
        three, the 24 critical bands of hearing and what lies above them, or your own.
        By ViSQOL, layouts balanced over the paper's sound better than over Bark bands,
        most of which lie in the bass, see ``benchmarks/choose_objective.py``.
    no_worse_than : HRMelTransformer, LogMelTransformer or None, default=None
        A reference: no analysis band may have a larger error than with its layout,
        which protects the sound whatever the objective. The edges of the analysis
        bands, which must adjoin, then are edges of every layout.
    kept_edges : sequence of float, default=()
        Frequencies in Hz that must be edges.
    min_mels : int, default=4
        Fewest bins of a band. With fewer, a search gives a whole range away to a bin or
        two, which pays on its own tracks and may fail on others.
    max_amplification : float, default=100.0
        Largest factor by which decoding may amplify relative errors of the features.
        Narrow filters that share nearly the same FFT bins can be told apart exactly,
        but not from features of seven digits, let alone of fewer. Of filters that
        depend on others, as more filters than FFT bins must, the upper ones are left
        out of this.
    frame_step : int, default=1
        The search looks at every so manyth frame of a track. Neighbouring frames
        overlap and are alike, and nearly all of the time that the pass over them takes
        is spent on their second moment. `cv` measures on all.
    compression : str or pair of callables, default="log1p"
        Compression of all bands, see `HRMelTransformer`. It does not change errors.
    gain : float, default=1.0
        Factor on the mel power before it is compressed.
    mel_scale : {"slaney", "htk"}, default="slaney"
        The mel scale, see `skhrmel.filterbank.hz_to_mel`.
    norm : {"slaney"} or None, default="slaney"
        ``"slaney"`` gives all filters the same area, None the same height.
    decoder : {"pinv", "kl"}, default="pinv"
        How `inverse_transform` decodes, see `HRMelTransformer`. The search always
        assumes ``"pinv"``; `cv` measures with the decoder itself.
    cv : int, cross-validation generator, iterable or None, default=None
        How to split tracks, not frames, for choosing the number of bands: layouts found
        on some tracks are judged on the others, with the true, clipped error of the
        decoder. None compares numbers of bands by the error that was minimised, which
        more bands hardly ever raise. Only for `fit`.
    n_best : int, default=3
        Number of layouts in `cv_results_` for each number of bands.
    n_jobs : int or None, default=None
        Number of tracks, then of bands, worked on at the same time, in threads unless
        a ``joblib.parallel_config`` says otherwise.

    Attributes
    ----------
    band_edges_ : tuple of float
        Edges of the bands in Hz.
    n_mels_ : tuple of int
        Number of bins of each band.
    best_score_ : float
        Minus the objective: of the chosen layout on all tracks, or, with `cv`, its mean
        over the splits. Higher is better.
    transformer_ : HRMelTransformer
        The fitted transformer of that layout.
    cv_results_ : dict of str to ndarray
        A row for each number of bands and rank: ``"n_bands"``, ``"rank"`` (1 is the
        best), ``"params"`` for `HRMelTransformer`, ``"score"`` (minus the objective on
        all tracks), ``"error_NAME"`` for each analysis band (root of the mean over
        tracks of its squared relative error). With `cv` also ``"split0_test_score"``
        and so on, ``"mean_test_score"`` and ``"std_test_score"``: there, a row is
        what comes of searching for the layout of that rank on the other tracks.
    pareto_front_ : list of dict
        All layouts that no other of an allowed number of bands beats, by being nowhere
        worse and somewhere better in the analysis bands, with keys ``"band_edges"``,
        ``"n_mels"`` and ``"errors"`` (as ``"error_NAME"`` above), by ascending error in
        the first band; of equally good ones, one. Squared errors count in steps of
        1e-9: less is rounding. `no_worse_than` fixes edges of these layouts too, but
        limits no errors. Found when it is first asked for: seconds for four bands,
        minutes for twelve. ValueError if there are too many: beyond a handful of
        analysis bands, as with ``"bark"``, nearly all layouts are better somewhere.
    n_features_in_ : int
        Number of frequencies seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the frequencies seen in `fit`, where all are strings.

    See Also
    --------
    HRMelTransformer : The transformer of one layout.
    skhrmel.model_selection.allocations : Bins for a grid search, which can search for
        anything.

    Examples
    --------
    >>> import numpy as np
    >>> from skhrmel import HRMelTransformerCV
    >>> from skhrmel.datasets import make_music
    >>> from skhrmel.spectrum import power_frames
    >>> clips, _ = make_music(n_tracks=3, duration=2.0)
    >>> frames = [power_frames(clip) for clip in clips]
    >>> track = np.repeat(np.arange(3), [len(f) for f in frames])
    >>> edges = (0, 500, 1000, 2000, 4000, 8000, 20000)
    >>> search = HRMelTransformerCV(candidate_edges=edges, n_bands=(2, 3))
    >>> search.fit_transform(np.vstack(frames), groups=track).shape
    (603, 96)
    >>> search.band_edges_, search.n_mels_
    ((0.0, 1000.0, 2000.0, 20000.0), (41, 43, 12))
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseMelTransformer._parameter_constraints,
        "total_mels": [Interval(Integral, 1, None, closed="left")],
        "n_bands": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "candidate_edges": ["array-like", None],
        "objective": [StrOptions({"balanced", "overall"}), "array-like"],
        "analysis_bands": [StrOptions({"paper", "bark"}), Mapping],
        "no_worse_than": [BaseMelTransformer, None],
        "kept_edges": ["array-like"],
        "min_mels": [Interval(Integral, 1, None, closed="left")],
        "max_amplification": [Interval(Real, 1, None, closed="left")],
        "frame_step": [Interval(Integral, 1, None, closed="left")],
        "compression": [str, Compression, tuple],
        "cv": ["cv_object"],
        "n_best": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Integral, None],
    }

    _choice: Choice | None
    _front: list[Found] | None

    def __init__(
        self,
        sr: float = 44100,
        *,
        total_mels: int = 96,
        n_bands: Any = 3,
        candidate_edges: Any = None,
        objective: Any = "balanced",
        analysis_bands: Any = "paper",
        no_worse_than: BaseMelTransformer | None = None,
        kept_edges: Any = (),
        min_mels: int = 4,
        max_amplification: float = 100.0,
        frame_step: int = 1,
        compression: Any = "log1p",
        gain: float = 1.0,
        mel_scale: MelScale = "slaney",
        norm: Norm = "slaney",
        decoder: str = "pinv",
        cv: Any = None,
        n_best: int = 3,
        n_jobs: int | None = None,
    ) -> None:
        self.sr = sr
        self.total_mels = total_mels
        self.n_bands = n_bands
        self.candidate_edges = candidate_edges
        self.objective = objective
        self.analysis_bands = analysis_bands
        self.no_worse_than = no_worse_than
        self.kept_edges = kept_edges
        self.min_mels = min_mels
        self.max_amplification = max_amplification
        self.frame_step = frame_step
        self.compression = compression
        self.gain = gain
        self.mel_scale = mel_scale
        self.norm = norm
        self.decoder = decoder
        self.cv = cv
        self.n_best = n_best
        self.n_jobs = n_jobs

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: None = None, *, groups: Any = None) -> Self:  # noqa: ARG002
        """Find the best layout for the frames of some tracks.

        Parameters
        ----------
        X : array-like of shape (n_frames, n_freqs)
            Power-spectrum frames as in `HRMelTransformer.fit`.
        y : None
            Ignored; part of scikit-learn's interface.
        groups : array-like of shape (n_frames,) or None, default=None
            The track of each frame; None takes all frames for one track.

        Returns
        -------
        self : object
            The fitted transformer.

        Raises
        ------
        ValueError
            If a parameter is impossible, no layout satisfies all of them, or `X` holds
            negative or non-finite values.

        Warns
        -----
        EmptyFilterWarning
            If the best layout has filters that contain no FFT bin.
        """
        frames = self._check_frames(X, first=True)
        tracks = _split_tracks(frames, groups)
        problem = self._begin()
        moments = Parallel(n_jobs=self.n_jobs, prefer="threads", return_as="generator")(
            delayed(second_moment)([track], self._frame_step, problem.count_used())
            for track in tracks
        )
        if self.cv is None:
            self._choice = problem.choose(self._add_all(moments))
        else:
            self._choice = cross_validate(
                problem,
                check_cv(self.cv),
                tracks,
                list(moments),
                self._transformer_of,
            )
        self._finish(frames)
        return self

    @available_if(_needs_no_frames_again)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self,
        X: ArrayLike,
        y: None = None,  # noqa: ARG002
        *,
        groups: Any = None,
    ) -> Self:
        """Add tracks; the layout is searched for when it is first needed.

        Takes 8 MB a criterion however many tracks come, for only their mean second
        moments are kept. There is no such method where frames are needed again once
        layouts are known: with `cv` and with ``decoder="kl"``. Parameters set after the
        first call have no effect on what is minimised.

        Parameters
        ----------
        X : array-like of shape (n_frames, n_freqs)
            All frames of a track, or of several.
        y : None
            Ignored; part of scikit-learn's interface.
        groups : array-like of shape (n_frames,) or None, default=None
            The track of each frame; None takes all frames for one track.

        Returns
        -------
        self : object
            The transformer.

        Raises
        ------
        ValueError
            As `fit`.
        """
        first = not hasattr(self, "_moments")
        frames = self._check_frames(X, first=first)
        if first:
            self._begin()
        self._choice = None
        self._add_all(
            second_moment([track], self._frame_step, self._problem.count_used())
            for track in _split_tracks(frames, groups)
        )
        return self

    def transform(self, X: ArrayLike) -> NDArray:
        """Compute compressed mel power in the bands chosen.

        Parameters
        ----------
        X : array-like of shape (n_frames, n_freqs)
            Power-spectrum frames, non-negative and finite.

        Returns
        -------
        features : ndarray of shape (n_frames, total_mels)
            Features, band after band; float32 if `X` is float32, else float64.

        Raises
        ------
        ValueError
            As `HRMelTransformer.transform`.
        """
        check_is_fitted(self)
        frames = validate_data(
            self, X, dtype=_DTYPES, ensure_all_finite=False, reset=False
        )
        return np.asarray(self.transformer_.transform(frames))

    def inverse_transform(self, X: ArrayLike) -> NDArray:
        """Reconstruct the power spectrum from features.

        Parameters
        ----------
        X : array-like of shape (n_frames, total_mels)
            Features as `transform` gives them.

        Returns
        -------
        power : ndarray of shape (n_frames, n_freqs)
            Non-negative power-spectrum frames; float32 if `X` is float32, else float64.

        Raises
        ------
        ValueError
            As `HRMelTransformer.inverse_transform`.
        """
        check_is_fitted(self)
        return self.transformer_.inverse_transform(X)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray:
        """Name each feature by its place and its filter's centre frequency in Hz.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Only checked against the names and the number of features seen in `fit`.

        Returns
        -------
        feature_names_out : ndarray of shape (total_mels,)
            Names such as ``"band0_mel07_271.8Hz"``.
        """
        check_is_fitted(self)
        _check_feature_names_in(self, input_features)
        return self.transformer_.get_feature_names_out()

    @property
    def band_edges_(self) -> tuple[float, ...]:
        """Edges of the bands in Hz."""
        return self._best().band_edges

    @property
    def n_mels_(self) -> tuple[int, ...]:
        """Number of bins of each band."""
        return self._best().n_mels

    @property
    def best_score_(self) -> float:
        """Minus the objective of the chosen layout."""
        return self._solved().best_score

    @property
    def transformer_(self) -> HRMelTransformer:
        """The fitted transformer of the chosen layout."""
        self._solved()
        return self._transformer

    @property
    def cv_results_(self) -> dict[str, NDArray]:
        """The best layouts of each number of bands."""
        return tabulate(self._solved(), self._problem, self._parameters_of)

    @property
    def pareto_front_(self) -> list[dict[str, Any]]:
        """Layouts that no other beats in every analysis band."""
        bands = self._solved().bands
        if self._front is None:
            n_analysis = self._problem.criteria.n_bands
            self._front = pareto_front(bands, n_analysis, self._problem.n_bands)
        names = list(self._problem.criteria.bands)
        return [
            {
                "band_edges": found.band_edges,
                "n_mels": found.n_mels,
                "errors": dict(
                    zip(names, np.sqrt(found.errors).tolist(), strict=False)
                ),
            }
            for found in self._front
        ]

    def __sklearn_is_fitted__(self) -> bool:
        """Whether there are frames to have found a layout for."""
        return hasattr(self, "_choice")

    def __sklearn_tags__(self) -> Tags:
        """Say that power is never negative and that float32 stays float32."""
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _prepare(self, n_freqs: int) -> Self:
        """Make ready for `_add`: what gets moments of tracks, needs no frames."""
        self._validate_params()
        self.n_features_in_ = n_freqs
        self._begin()
        return self

    def _add(self, moment: NDArray) -> None:
        """Add the second moment of a track."""
        self._choice = None
        self._moments.add(moment)

    def _begin(self) -> LayoutProblem:
        """Turn the parameters into a problem, and forget earlier tracks."""
        criteria = make_criteria(
            self.objective, self.analysis_bands, self.sr, self.n_features_in_
        )
        kept = [float(edge) for edge in self.kept_edges]
        edges, inner = find_edges(self.candidate_edges, kept, self.sr, self.mel_scale)
        reference = self._reference_layout()
        if reference is not None:
            kept += inner_edges(list(criteria.bands.values()), edges)
            edges, inner = find_edges(edges, kept, self.sr, self.mel_scale)
        self._problem = LayoutProblem(
            sr=self.sr,
            criteria=criteria,
            edges=edges,
            kept=inner,
            n_bands=as_numbers_of_bands(self.n_bands),
            total_mels=self.total_mels,
            min_mels=self.min_mels,
            mel_scale=self.mel_scale,
            norm=self.norm,
            reference=reference,
            max_amplification=self.max_amplification,
            n_best=self.n_best,
            n_jobs=self.n_jobs,
        )
        self._problem.check()
        self._frame_step = self.frame_step
        self._moments = MeanMoments(criteria.weights)
        self._front = None
        return self._problem

    def _reference_layout(self) -> BandLayout | None:
        if self.no_worse_than is None:
            return None
        if self.no_worse_than.sr != self.sr:
            raise ValueError(
                f"no_worse_than has sr={self.no_worse_than.sr!r}, expected "
                f"sr={self.sr!r}."
            )
        return self.no_worse_than._layout()

    def _check_frames(self, X: ArrayLike, *, first: bool) -> NDArray:
        frames = validate_data(
            self,
            X,
            dtype=_DTYPES,
            ensure_all_finite=False,
            ensure_min_features=2 if first else 1,
            reset=first,
        )
        for rows in gen_batches(len(frames), _BLOCK_FRAMES):
            check_power(frames, rows, type(self).__name__)
        return frames

    def _add_all(self, moments: Iterable[NDArray]) -> MeanMoments:
        for moment in moments:
            self._moments.add(moment)
        return self._moments

    def _solved(self) -> Choice:
        check_is_fitted(self)
        if self._choice is None:
            self._choice = self._problem.choose(self._moments)
            # That of fewer tracks, if it was asked for between them.
            self._front = None
            self._finish(None)
        return self._choice

    def _finish(self, frames: NDArray | None) -> None:
        """Fit the transformer of the chosen layout."""
        if frames is None:
            frames = np.zeros((1, self.n_features_in_), dtype=np.float32)
        self._transformer = self._transformer_of(self._best(), frames)

    def _best(self) -> Found:
        choice = self._solved()
        return choice.rows[choice.best].found

    def _parameters_of(self, found: Found) -> dict[str, Any]:
        return {"n_mels": found.n_mels, "band_edges": found.band_edges}

    def _transformer_of(self, found: Found, frames: NDArray) -> HRMelTransformer:
        problem = self._problem
        transformer = HRMelTransformer(
            problem.sr,
            **self._parameters_of(found),
            compression=self.compression,
            gain=self.gain,
            mel_scale=problem.mel_scale,
            norm=problem.norm,
            decoder=self.decoder,
        )
        return transformer.set_output(transform="default").fit(frames)


def _split_tracks(frames: NDArray, groups: Any) -> list[NDArray]:
    """Give the frames of each track, in the order in which tracks begin."""
    if groups is None:
        return [frames]
    groups = column_or_1d(groups)
    check_consistent_length(frames, groups)
    starts = np.flatnonzero(np.append(True, groups[1:] != groups[:-1]))
    runs = np.split(frames, starts[1:])
    tracks: dict[Any, list[NDArray]] = {}
    for start, run in zip(starts, runs, strict=True):
        tracks.setdefault(groups[start], []).append(run)
    # Without a copy where a track's frames follow each other, as they mostly do.
    return [
        track[0] if len(track) == 1 else np.concatenate(track)
        for track in tracks.values()
    ]
