"""AudioFrontEnd: from clips to features and back."""

from collections.abc import Iterable, Iterator, Sequence
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from joblib import effective_n_jobs
from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context, clone
from sklearn.utils import Tags, check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from skhrmel._base import BaseMelTransformer
from skhrmel._extractor import (
    Extractor,
    extract,
    fit_on_frames,
    fit_on_tracks,
    keep_power,
    make_extractor,
    one_thread_in_a_worker,
)
from skhrmel._layout_cv import HRMelTransformerCV
from skhrmel._threads import one_blas_thread
from skhrmel._transformers import HRMelTransformer
from skhrmel.audio import (
    RESAMPLERS,
    AudioError,
    Channels,
    Clip,
    ClipReader,
    as_channels,
)
from skhrmel.framing import Framing, PadMode
from skhrmel.griffin_lim import InitialPhase, griffin_lim


class AudioFrontEnd(  # type: ignore[call-arg]  # mypy sees no scikit-learn
    TransformerMixin, BaseEstimator, auto_wrap_output_keys=None
):
    """Features of audio clips, frame by frame, and audio back from features.

    Reads clips of any length block by block, cuts them into frames, and runs the power
    spectrum of 128 frames at a time through a transformer of frames while it is in
    cache. The spectrogram of a whole clip never exists.

    What a clip's features are depends on nothing but the clip: not on the others, on
    `n_jobs`, or on the pieces in which `stream` gets it, to the last bit.

    Parameters
    ----------
    transformer : estimator or None, default=None
        Transformer of power-spectrum frames; None is ``HRMelTransformer(sr=sr)``. Any
        transformer that treats frames one by one will do.
    sr : float, default=44100
        Sampling rate in Hz that clips must have or are resampled to.
    n_fft : int, default=2048
        Length of a frame and of its FFT in samples; even.
    hop_length : int, default=441
        Distance of neighbouring frames in samples.
    win_length : int or None, default=None
        Length of the window in samples; None is `n_fft`.
    window : str or tuple, default="hann"
        Window that ``scipy.signal.get_window`` knows; periodic.
    center : bool, default=True
        If True, frame ``t`` is centred on sample ``t * hop_length`` and clips are
        padded on both sides; else it begins there.
    pad_mode : {"constant", "edge", "reflect"}, default="constant"
        What is padded: zeros, the outermost sample, or the mirrored clip.
    channels : {"mono", "each", "mid_side"}, default="mono"
        ``"mono"`` averages the channels of a clip; ``"each"`` keeps them;
        ``"mid_side"`` makes half the sum and half the difference of two.
    resample : {"soxr_vhq", "soxr_hq", "soxr_mq", "soxr_lq", "soxr_qq"} or None, \
            default=None
        Quality at which files at another rate are resampled. None refuses them:
        resampling is never silent.
    dtype : {"float32", "float64"}, default="float32"
        Precision of samples, spectra and features.
    n_iter : int, default=32
        Iterations of Griffin-Lim in `inverse_transform`.
    momentum : float, default=0.99
        Momentum of Griffin-Lim, see `skhrmel.griffin_lim.griffin_lim`.
    init : {"random", "zero"}, default="random"
        Initial phase of Griffin-Lim.
    random_state : int, RandomState instance or None, default=0
        Seed of the initial phase, the same for every clip.
    n_jobs : int or None, default=None
        Number of clips worked on at the same time, in threads unless a
        ``joblib.parallel_config`` says otherwise; -1 uses every core. With more jobs
        than clips, files are decoded while what was decoded is worked on.

    Attributes
    ----------
    transformer_ : estimator
        The fitted transformer of frames.
    n_features_out_ : int
        Number of features of a frame.

    See Also
    --------
    FramePooling : Summarise the frames of each clip for a classifier.
    HRMelTransformer : The default transformer of frames.

    Examples
    --------
    >>> from skhrmel import AudioFrontEnd
    >>> from skhrmel.datasets import make_music
    >>> clips, _ = make_music(2, duration=1.0)
    >>> front_end = AudioFrontEnd()
    >>> features = front_end.fit_transform(clips)
    >>> [f.shape for f in features]
    [(101, 96), (101, 96)]
    >>> [y.shape for y in front_end.inverse_transform(features)]
    [(44100,), (44100,)]
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "transformer": [HasMethods(["fit", "transform"]), None],
        "sr": [Interval(Real, 0, None, closed="neither")],
        "n_fft": [Interval(Integral, 2, None, closed="left")],
        "hop_length": [Interval(Integral, 1, None, closed="left")],
        "win_length": [Interval(Integral, 1, None, closed="left"), None],
        "window": [str, tuple],
        "center": ["boolean"],
        "pad_mode": [StrOptions({"constant", "edge", "reflect"})],
        "channels": [StrOptions({"mono", "each", "mid_side"})],
        "resample": [StrOptions(set(RESAMPLERS)), None],
        "dtype": [StrOptions({"float32", "float64"})],
        "n_iter": [Interval(Integral, 0, None, closed="left")],
        "momentum": [Interval(Real, 0, None, closed="left")],
        "init": [StrOptions({"random", "zero"})],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        transformer: Any = None,
        *,
        sr: float = 44100,
        n_fft: int = 2048,
        hop_length: int = 441,
        win_length: int | None = None,
        window: str | tuple = "hann",
        center: bool = True,
        pad_mode: PadMode = "constant",
        channels: Channels = "mono",
        resample: str | None = None,
        dtype: str = "float32",
        n_iter: int = 32,
        momentum: float = 0.99,
        init: InitialPhase = "random",
        random_state: int | RandomState | None = 0,
        n_jobs: int | None = None,
    ) -> None:
        self.transformer = transformer
        self.sr = sr
        self.n_fft = n_fft
        self.hop_length = hop_length
        self.win_length = win_length
        self.window = window
        self.center = center
        self.pad_mode = pad_mode
        self.channels = channels
        self.resample = resample
        self.dtype = dtype
        self.n_iter = n_iter
        self.momentum = momentum
        self.init = init
        self.random_state = random_state
        self.n_jobs = n_jobs

    # The inner transformer checks its own parameters when it is fitted.
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Sequence[Clip], y: Any = None) -> Self:  # noqa: ARG002
        """Fit the transformer of frames.

        Clips are read only if the transformer learns from frames: then all are
        streamed through its `partial_fit`, or, if it has none, their frames are
        gathered in memory for its `fit`. The transformers of skhrmel learn nothing but
        what ``decoder="kl"`` needs and the layout of `HRMelTransformerCV`, for which a
        clip is a track.

        Parameters
        ----------
        X : sequence of clips
            As for `transform`.
        y : None
            Ignored; part of scikit-learn's interface.

        Returns
        -------
        self : object
            The fitted front end.

        Raises
        ------
        ValueError
            If a parameter is impossible, the transformer is made for another rate, or
            a clip is useless.
        """
        _check_sequence(X)
        framing, reader = self._make_framing(), self._make_reader()
        transformer = self._make_transformer()
        silence = np.zeros((1, self.n_fft // 2 + 1), dtype=self.dtype)
        if isinstance(transformer, HRMelTransformerCV):
            extractor = Extractor(reader, framing, keep_power)
            fit_on_tracks(transformer, extractor, X, effective_n_jobs(self.n_jobs))
        elif isinstance(transformer, BaseMelTransformer) and not transformer._learns:
            transformer.fit(silence)
        else:
            fit_on_frames(transformer, Extractor(reader, framing, keep_power), X)
        self.transformer_ = transformer
        self.n_features_out_ = np.asarray(transformer.transform(silence)).shape[1]
        self._framing = framing
        self._reader = reader
        return self

    def transform(self, X: Sequence[Clip]) -> list[NDArray]:
        """Compute the features of clips.

        A file that ends early gives the features of what can be decoded, where its
        format does not tell that something is missing.

        Parameters
        ----------
        X : sequence of clips
            Each a path to an audio file, an open binary file, or samples of shape
            ``(n_samples,)`` or ``(n_channels, n_samples)`` at the rate `sr`: floats, or
            int16 and int32, which are scaled to [-1, 1). A single array of two axes is
            refused, since its rows may be clips or channels.

        Returns
        -------
        features : list of ndarray of shape (n_frames, n_features)
            In the order of `X`; of shape ``(n_channels, n_frames, n_features)`` unless
            `channels` is ``"mono"``.

        Raises
        ------
        ValueError
            If `X` is no sequence of clips.
        AudioError
            If a clip cannot be read, is empty or too short for one frame, has samples
            that are not finite, or is at another rate and may not be resampled. The
            message names the clip.
        """
        check_is_fitted(self)
        _check_sequence(X)
        extractor = self._extractor()
        n_jobs = effective_n_jobs(self.n_jobs)
        open_files = [id(clip) for clip in X if hasattr(clip, "read")]
        if len(set(open_files)) < len(open_files):
            # Two jobs would move one file's position about.
            n_jobs = 1
        ahead = n_jobs > len(X)
        # A single job needs no dispatcher, which looks for results every 10 ms.
        with one_blas_thread():
            return Parallel(n_jobs=min(n_jobs, max(1, len(X))), prefer="threads")(
                delayed(extract)(extractor, clip, k, ahead=ahead)
                for k, clip in enumerate(X)
            )

    def stream(self, blocks: Iterable[ArrayLike]) -> Iterator[NDArray]:
        """Compute features while the samples of one clip arrive.

        Put together, what is yielded equals what `transform` gives for the whole clip,
        to the last bit and however the samples are cut into blocks.

        Parameters
        ----------
        blocks : iterable of array-like of shape (n_samples,) or (n_channels, n_samples)
            Consecutive blocks of samples at the rate `sr`, of any size but all of as
            many channels; need not end.

        Yields
        ------
        features : ndarray of shape (n_new_frames, n_features)
            Features of the frames that a block completes; of shape
            ``(n_channels, n_new_frames, n_features)`` unless `channels` is ``"mono"``.

        Raises
        ------
        AudioError
            As `transform`, naming the sample; or if a block has another number of
            channels than the first.
        """
        check_is_fitted(self)
        mixed = (
            self._reader.mix(block, "stream") for block in _of_equal_channels(blocks)
        )
        for rows in self._extractor().rows(mixed, "stream", eager=True):
            yield self._without_channel_axis(np.stack(rows))

    def inverse_transform(self, X: Sequence[NDArray]) -> list[NDArray]:
        """Reconstruct waveforms from features.

        The transformer's `inverse_transform` gives power-spectrum frames, and the fast
        Griffin-Lim algorithm a waveform that has them.

        Parameters
        ----------
        X : sequence of ndarray of shape (n_frames, n_features)
            Features as `transform` gives them.

        Returns
        -------
        waveforms : list of ndarray of shape (n_samples,)
            In the order of `X`, with ``n_samples = (n_frames - 1) * hop_length`` if the
            frames are centred; of shape ``(n_channels, n_samples)`` unless `channels`
            is ``"mono"``. ``"mid_side"`` gives left and right.

        Raises
        ------
        ValueError
            If an item of `X` has another shape than `transform` gives.
        """
        check_is_fitted(self)
        seed = self.random_state
        if not isinstance(seed, Integral):
            seed = check_random_state(seed).randint(2**31 - 1)
        with one_blas_thread():
            return Parallel(n_jobs=self.n_jobs, prefer="threads")(
                delayed(_reconstruct)(self, features, k, seed)
                for k, features in enumerate(X)
            )

    def get_feature_names_out(self, input_features: None = None) -> NDArray:  # noqa: ARG002
        """Name the features of a frame.

        Parameters
        ----------
        input_features : None
            Ignored; clips have no names of features.

        Returns
        -------
        feature_names_out : ndarray of shape (`n_features_out_`,)
            The names that the transformer gives.
        """
        check_is_fitted(self)
        return self.transformer_.get_feature_names_out()

    def __sklearn_tags__(self) -> Tags:
        """Say that clips are no table."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.no_validation = True
        return tags

    def _make_framing(self) -> Framing:
        return Framing(
            self.n_fft,
            self.hop_length,
            self.win_length,
            self.window,
            self.center,
            self.pad_mode,
        )

    def _make_reader(self) -> ClipReader:
        return ClipReader(self.sr, self.channels, self.resample, self.dtype)

    def _make_transformer(self) -> Any:
        if self.transformer is None:
            return HRMelTransformer(sr=self.sr)
        for name, value in self.transformer.get_params().items():
            if (name == "sr" or name.endswith("__sr")) and value != self.sr:
                raise ValueError(
                    f"transformer has {name}={value!r}, but the front end has "
                    f"sr={self.sr!r}: set both to the rate of the clips."
                )
        return clone(self.transformer)

    def _extractor(self) -> Extractor:
        return make_extractor(self._reader, self._framing, self.transformer_)

    def _without_channel_axis(self, features: NDArray) -> NDArray:
        return features[0] if self.channels == "mono" else features


def _reconstruct(
    front_end: AudioFrontEnd, features: NDArray, number: int, seed: int
) -> NDArray:
    """Compute the waveform of one clip."""
    wanted = 2 if front_end.channels == "mono" else 3
    features = np.asarray(features)
    if features.ndim != wanted or features.shape[-1] != front_end.n_features_out_:
        axes = "n_frames, " if wanted == 2 else "n_channels, n_frames, "
        raise ValueError(
            f"Features of clip {number} have shape {features.shape}, expected "
            f"({axes}{front_end.n_features_out_})."
        )
    channels = features[None] if wanted == 2 else features
    with one_thread_in_a_worker():
        waveforms = np.stack(
            [
                griffin_lim(
                    front_end.transformer_.inverse_transform(channel),
                    front_end._framing,
                    n_iter=front_end.n_iter,
                    momentum=front_end.momentum,
                    init=front_end.init,
                    random_state=seed,
                )
                for channel in channels
            ]
        )
    if front_end.channels == "mid_side":
        mid, side = waveforms
        return np.stack([mid + side, mid - side])
    return waveforms[0] if wanted == 2 else waveforms


def _of_equal_channels(blocks: Iterable[ArrayLike]) -> Iterator[NDArray]:
    """Give blocks their channel axis, and check that it stays as it is."""
    n_channels = None
    for number, block in enumerate(blocks):
        channels = as_channels(block, f"block {number} of the stream")
        n_channels = len(channels) if n_channels is None else n_channels
        if len(channels) != n_channels:
            raise AudioError(
                f"block {number} of the stream has {len(channels)} channels, but the "
                f"first has {n_channels}"
            )
        yield channels


def _check_sequence(X: Any) -> None:
    if isinstance(X, np.ndarray) and X.ndim == 2 and X.dtype.kind in "fiu":
        raise ValueError(
            f"X must be a sequence of clips, got a single array of shape {X.shape}: "
            "give [X] if it is one clip of (n_channels, n_samples), or list(X) if each "
            "row is a clip."
        )
    if isinstance(X, np.ndarray) and X.ndim < 2 and X.dtype.kind in "fiu":
        raise ValueError(
            f"X must be a sequence of clips, got samples of shape {X.shape}; put a "
            "single clip into a list."
        )
    if isinstance(X, str | bytes) or not hasattr(X, "__len__"):
        raise ValueError(
            f"X must be a sequence of clips, got {type(X).__name__}; put a single clip "
            "into a list."
        )
