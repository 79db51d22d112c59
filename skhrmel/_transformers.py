"""Mel transformers of power-spectrum frames."""

import warnings
from abc import ABC, abstractmethod
from itertools import groupby
from numbers import Integral, Real
from typing import Any, ClassVar, NoReturn, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils import Tags, check_array, gen_batches
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import (
    _check_feature_names_in,
    check_is_fitted,
    validate_data,
)

from skhrmel._banded import BandedMatrix
from skhrmel.compression import Compression, get_band_compressions
from skhrmel.decoding import PseudoInverse
from skhrmel.filterbank import BandLayout, MelScale, Norm

# Frames worked on at a time: 256 frames of 1025 float32 bins are 1 MB, which stay in
# the second-level cache from the check of the values to the compression.
_BLOCK_FRAMES = 256

_DTYPES = [np.float64, np.float32]


class EmptyFilterWarning(UserWarning):
    """Some mel filters lie between two FFT bins and catch nothing."""


class _BaseMelTransformer(TransformerMixin, BaseEstimator, ABC):
    """Everything `HRMelTransformer` and `LogMelTransformer` share."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "sr": [Interval(Real, 0, None, closed="neither")],
        "gain": [Interval(Real, 0, None, closed="neither")],
        "mel_scale": [StrOptions({"slaney", "htk"})],
        "norm": [StrOptions({"slaney"}), None],
        "decoder": [StrOptions({"pinv"})],
    }

    sr: float
    compression: Any
    gain: float
    mel_scale: MelScale
    norm: Norm
    decoder: str

    @abstractmethod
    def _layout(self) -> BandLayout:
        """Lay out the bands, or say which parameter makes that impossible."""

    @abstractmethod
    def _band_prefix(self, band: int) -> str:
        """Begin the feature names of a band."""

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: None = None) -> Self:  # noqa: ARG002
        """Build the mel basis and the decoder for the frame size of `X`.

        Parameters
        ----------
        X : array-like of shape (n_frames, n_freqs)
            Power-spectrum frames, one STFT frame a row: non-negative and finite, with
            ``n_freqs = 1 + n_fft // 2`` of an even ``n_fft``. Their values are checked,
            but nothing is learned from them.
        y : None
            Ignored; part of scikit-learn's interface.

        Returns
        -------
        self : object
            The fitted transformer.

        Raises
        ------
        ValueError
            If the bands or the compression are impossible, or if `X` holds negative or
            non-finite values.

        Warns
        -----
        EmptyFilterWarning
            If filters contain no FFT bin.
        """
        layout = self._layout()
        compressions = get_band_compressions(self.compression, layout.n_bands)
        frames = validate_data(
            self, X, dtype=_DTYPES, ensure_all_finite=False, ensure_min_features=2
        )
        for rows in gen_batches(len(frames), _BLOCK_FRAMES):
            self._check_power(frames, rows)

        self.n_fft_ = 2 * (frames.shape[1] - 1)
        self._gain = float(self.gain)
        self.mel_basis_ = layout.basis(self.n_fft_)
        self.mel_frequencies_ = layout.frequencies()
        _warn_of_empty_filters(self.mel_basis_, layout, self.n_fft_)
        self._encoder = BandedMatrix(self.mel_basis_.T)
        self._decoder = PseudoInverse(self.mel_basis_, layout.band_slices)
        self._compressions = _merge_equal(compressions, layout.band_slices)
        self._band_slices = layout.band_slices
        return self

    def transform(self, X: ArrayLike) -> NDArray:
        r"""Compute compressed mel power.

        .. math:: Y = C(g B S)

        with the mel basis :math:`B`, the `gain` :math:`g` and each band's
        `compression` :math:`C`.

        Parameters
        ----------
        X : array-like of shape (n_frames, n_freqs)
            Power-spectrum frames, non-negative and finite.

        Returns
        -------
        features : ndarray of shape (n_frames, n_mels)
            Features, band after band; float32 if `X` is float32, else float64.

        Raises
        ------
        ValueError
            If `X` holds negative or non-finite values, or has not as many frequencies
            as in `fit`.
        """
        check_is_fitted(self)
        frames = validate_data(
            self, X, dtype=_DTYPES, ensure_all_finite=False, reset=False
        )
        features = np.empty((len(frames), len(self.mel_basis_)), dtype=frames.dtype)
        for rows in gen_batches(len(frames), _BLOCK_FRAMES):
            self._check_power(frames, rows)
            self._encode(frames[rows], features[rows])
        return features

    def inverse_transform(self, X: ArrayLike) -> NDArray:
        r"""Reconstruct the power spectrum from features.

        .. math:: \hat{S} = \max(B^\dagger C^{-1}(Y) / g, 0)

        Values below what silence compresses to, which only a lossy step between
        `transform` and here can make, decode as silence.

        Parameters
        ----------
        X : array-like of shape (n_frames, n_mels)
            Features as `transform` gives them.

        Returns
        -------
        power : ndarray of shape (n_frames, n_freqs)
            Non-negative power-spectrum frames; float32 if `X` is float32, else float64.

        Raises
        ------
        ValueError
            If `X` is not finite, has not as many features as `transform` gives, or
            holds values so large that the power overflows its dtype.
        """
        check_is_fitted(self)
        features = check_array(X, dtype=_DTYPES, estimator=self, input_name="X")
        n_mels, n_freqs = self.mel_basis_.shape
        if features.shape[1] != n_mels:
            raise ValueError(
                f"X has {features.shape[1]} features, but {type(self).__name__} makes "
                f"{n_mels} features of each frame."
            )
        power = np.empty((len(features), n_freqs), dtype=features.dtype)
        # What overflows is found afterwards and refused.
        with np.errstate(all="ignore"):
            for rows in gen_batches(len(features), _BLOCK_FRAMES):
                self._decoder.decode(self._decompress(features[rows]), power[rows])
                _check_overflow(power[rows], features[rows], "decoded")
        return power

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray:
        """Name each feature by its place and its filter's centre frequency in Hz.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Only checked against the names and the number of features seen in `fit`.

        Returns
        -------
        feature_names_out : ndarray of shape (n_mels,)
            Names such as ``"band0_mel07_271.8Hz"`` or, with a single filter bank,
            ``"mel07_322.1Hz"``.
        """
        check_is_fitted(self, "mel_basis_")
        _check_feature_names_in(self, input_features)
        names = []
        for band, filters in enumerate(self._band_slices):
            frequencies = self.mel_frequencies_[filters]
            digits = len(str(len(frequencies) - 1))
            names += [
                f"{self._band_prefix(band)}mel{k:0{digits}d}_{frequency:.1f}Hz"
                for k, frequency in enumerate(frequencies)
            ]
        return np.array(names, dtype=object)

    def __sklearn_tags__(self) -> Tags:
        """Say that power is never negative and that float32 stays float32."""
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _encode(self, power: NDArray, features: NDArray) -> None:
        """Write the features of a block of frames."""
        # What overflows is found afterwards and refused.
        with np.errstate(all="ignore"):
            self._encoder.multiply(power, features)
            if self._gain != 1:
                features *= self._gain
            for filters, compression in self._compressions:
                features[:, filters] = compression.function(features[:, filters])
        _check_overflow(features, power, "encoded")

    def _decompress(self, features: NDArray) -> NDArray:
        """Give the mel power of a block of features."""
        # A copy, so that a compression that works in place changes nothing of the user.
        mel_power = features.copy()
        for filters, compression in self._compressions:
            mel_power[:, filters] = compression.inverse(mel_power[:, filters])
        np.maximum(mel_power, 0, out=mel_power)
        if self._gain != 1:
            mel_power /= self._gain
        _check_overflow(mel_power, features, "decompressed")
        return mel_power

    def _check_power(self, frames: NDArray, rows: slice) -> None:
        """Check a block of frames while it is on its way through the cache."""
        block = frames[rows]
        # One comparison finds all: the minimum of an array with a NaN is NaN.
        if not (block.min() >= 0 and block.max() < np.inf):
            self._raise_bad_power(block, rows.start)

    def _raise_bad_power(self, block: NDArray, first_row: int) -> NoReturn:
        row, column = np.argwhere(~((block >= 0) & (block < np.inf)))[0]
        value = block[row, column]
        if -np.inf < value < 0:
            problem = f"Negative values in data passed to {type(self).__name__}"
        else:
            kind = "NaN" if np.isnan(value) else "infinity"
            problem = f"Input X of {type(self).__name__} contains {kind}"
        raise ValueError(
            f"{problem}: X[{first_row + row}, {column}] is {value:g}. Expected power, "
            "|STFT|**2, which is finite and not negative; a logarithmic spectrogram "
            "must be converted back to power."
        )


class HRMelTransformer(_BaseMelTransformer):
    """Mel power in several bands, each with its own bins and compression (HR-Mel).

    The spectrum is cut into adjoining bands. Each is a mel filter bank of its own,
    so that bins can be spent where the music needs them, and each is compressed by its
    own function. Compression is undone exactly; the power spectrum is reconstructed by
    the pseudo-inverse of the filter bank. The default is the paper's: 40 bins below
    1.5 kHz, 32 up to 6 kHz and 24 up to 20 kHz [1]_.

    Parameters
    ----------
    sr : float, default=44100
        Sampling rate in Hz of the audio behind the frames.
    n_mels : sequence of int, default=(40, 32, 24)
        Number of mel bins in each band.
    band_edges : sequence of float, default=(0.0, 1500.0, 6000.0, 20000.0)
        Edges of the adjoining bands in Hz, one more than there are bands.
    compression : str, pair of callables, or a sequence of them, \
            default=("log1p", "log1p", "sqrt_log1p")
        Compression of all bands, or one for each: a name in
        `skhrmel.compression.COMPRESSIONS` or a pair ``(function, inverse)``.
    gain : float, default=1.0
        Factor on the mel power before it is compressed: with ``"log1p"``, the
        features are ``log(1 + gain * M)``.
    mel_scale : {"slaney", "htk"}, default="slaney"
        The mel scale, see `skhrmel.filterbank.hz_to_mel`.
    norm : {"slaney"} or None, default="slaney"
        ``"slaney"`` gives all filters the same area, None the same height.
    decoder : {"pinv"}, default="pinv"
        How `inverse_transform` goes from mel power to the power spectrum: ``"pinv"``
        is the pseudo-inverse clipped at zero.

    Attributes
    ----------
    mel_basis_ : ndarray of shape (n_mels_total, n_freqs)
        The filters of all bands, one a row, float64.
    mel_frequencies_ : ndarray of shape (n_mels_total,)
        Centre frequency of each filter in Hz.
    n_fft_ : int
        Length in samples of the FFT behind the frames, ``2 * (n_features_in_ - 1)``.
    n_features_in_ : int
        Number of frequencies seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the frequencies seen in `fit`, where all are strings.

    See Also
    --------
    LogMelTransformer : One mel filter bank over the whole range.
    skhrmel.metrics.neg_reconstruction_error : Score for a grid search.

    References
    ----------
    .. [1] Kio, "HR-Mel: High-Resolution Mel Spectrogram with Frequency-Dependent
       Compression for Music Representation - A Preliminary Study", 2025.

    Examples
    --------
    >>> from skhrmel import HRMelTransformer
    >>> from skhrmel.datasets import make_music
    >>> from skhrmel.metrics import relative_error
    >>> from skhrmel.spectrum import power_frames
    >>> clips, _ = make_music(n_tracks=1, duration=2.0)
    >>> frames = power_frames(clips[0])
    >>> hrmel = HRMelTransformer().fit(frames)
    >>> features = hrmel.transform(frames)
    >>> features.shape
    (201, 96)
    >>> bool(relative_error(frames, hrmel.inverse_transform(features)) < 0.5)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **_BaseMelTransformer._parameter_constraints,
        "n_mels": ["array-like"],
        "band_edges": ["array-like"],
        "compression": [str, Compression, "array-like"],
    }

    def __init__(
        self,
        sr: float = 44100,
        *,
        n_mels: Any = (40, 32, 24),
        band_edges: Any = (0.0, 1500.0, 6000.0, 20000.0),
        compression: Any = ("log1p", "log1p", "sqrt_log1p"),
        gain: float = 1.0,
        mel_scale: MelScale = "slaney",
        norm: Norm = "slaney",
        decoder: str = "pinv",
    ) -> None:
        self.sr = sr
        self.n_mels = n_mels
        self.band_edges = band_edges
        self.compression = compression
        self.gain = gain
        self.mel_scale = mel_scale
        self.norm = norm
        self.decoder = decoder

    def _layout(self) -> BandLayout:
        return BandLayout(
            self.sr, self.band_edges, self.n_mels, self.mel_scale, self.norm
        )

    def _band_prefix(self, band: int) -> str:
        return f"band{band}_"


class LogMelTransformer(_BaseMelTransformer):
    """Compressed mel power of one filter bank, the usual log-mel spectrogram.

    The baseline that HR-Mel is measured against: ``log(1 + M)`` of `n_mels` bins from
    `fmin` to `fmax`. With ``compression="identity"`` it is the plain mel spectrogram.

    Parameters
    ----------
    sr : float, default=44100
        Sampling rate in Hz of the audio behind the frames.
    n_mels : int, default=96
        Number of mel bins.
    fmin : float, default=0.0
        Lower edge of the lowest filter in Hz.
    fmax : float, default=20000.0
        Upper edge of the highest filter in Hz.
    compression : str or pair of callables, default="log1p"
        A name in `skhrmel.compression.COMPRESSIONS` or a pair ``(function, inverse)``.
    gain : float, default=1.0
        Factor on the mel power before it is compressed: with ``"log1p"``, the
        features are ``log(1 + gain * M)``.
    mel_scale : {"slaney", "htk"}, default="slaney"
        The mel scale, see `skhrmel.filterbank.hz_to_mel`.
    norm : {"slaney"} or None, default="slaney"
        ``"slaney"`` gives all filters the same area, None the same height.
    decoder : {"pinv"}, default="pinv"
        How `inverse_transform` goes from mel power to the power spectrum: ``"pinv"``
        is the pseudo-inverse clipped at zero.

    Attributes
    ----------
    mel_basis_ : ndarray of shape (n_mels, n_freqs)
        The filters, one a row, float64.
    mel_frequencies_ : ndarray of shape (n_mels,)
        Centre frequency of each filter in Hz.
    n_fft_ : int
        Length in samples of the FFT behind the frames, ``2 * (n_features_in_ - 1)``.
    n_features_in_ : int
        Number of frequencies seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the frequencies seen in `fit`, where all are strings.

    See Also
    --------
    HRMelTransformer : Several bands, each with its own bins and compression.

    Examples
    --------
    >>> from skhrmel import LogMelTransformer
    >>> from skhrmel.datasets import make_music
    >>> from skhrmel.spectrum import power_frames
    >>> clips, _ = make_music(n_tracks=1, duration=2.0)
    >>> frames = power_frames(clips[0])
    >>> logmel = LogMelTransformer(n_mels=80).set_output(transform="pandas")
    >>> logmel.fit_transform(frames).columns[0]
    'mel00_48.2Hz'
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **_BaseMelTransformer._parameter_constraints,
        "n_mels": [Interval(Integral, 1, None, closed="left")],
        "fmin": [Interval(Real, 0, None, closed="left")],
        "fmax": [Interval(Real, 0, None, closed="neither")],
        "compression": [str, Compression, tuple],
    }

    def __init__(
        self,
        sr: float = 44100,
        *,
        n_mels: int = 96,
        fmin: float = 0.0,
        fmax: float = 20000.0,
        compression: Any = "log1p",
        gain: float = 1.0,
        mel_scale: MelScale = "slaney",
        norm: Norm = "slaney",
        decoder: str = "pinv",
    ) -> None:
        self.sr = sr
        self.n_mels = n_mels
        self.fmin = fmin
        self.fmax = fmax
        self.compression = compression
        self.gain = gain
        self.mel_scale = mel_scale
        self.norm = norm
        self.decoder = decoder

    def _layout(self) -> BandLayout:
        if not self.fmin < self.fmax <= self.sr / 2:
            raise ValueError(
                f"fmin and fmax must satisfy fmin < fmax <= sr / 2 = {self.sr / 2:g} "
                f"Hz, got fmin={self.fmin:g}, fmax={self.fmax:g}."
            )
        return BandLayout(
            self.sr, (self.fmin, self.fmax), (self.n_mels,), self.mel_scale, self.norm
        )

    def _band_prefix(self, band: int) -> str:  # noqa: ARG002
        return ""


def _check_overflow(result: NDArray, source: NDArray, done: str) -> None:
    """Refuse results that are not finite although what they were made of is."""
    # Written so that NaN fails as well.
    if not (result.max() < np.inf and result.min() > -np.inf):
        frame, column = np.argwhere(~np.isfinite(result))[0]
        raise ValueError(
            f"A frame with values from {source[frame].min():g} to "
            f"{source[frame].max():g} cannot be {done} in {source.dtype}: column "
            f"{column} of the result is {result[frame, column]}."
        )


def _merge_equal(
    compressions: list[Compression], band_slices: list[slice]
) -> list[tuple[slice, Compression]]:
    """Join neighbouring bands of the same compression: one call does them all."""
    pairs = zip(compressions, band_slices, strict=True)
    merged = []
    for compression, group in groupby(pairs, key=lambda pair: pair[0]):
        slices = [filters for _, filters in group]
        merged.append((slice(slices[0].start, slices[-1].stop), compression))
    return merged


def _warn_of_empty_filters(basis: NDArray, layout: BandLayout, n_fft: int) -> None:
    for band, filters in enumerate(layout.band_slices):
        empty = np.flatnonzero(~basis[filters].any(axis=1))
        if len(empty) == 0:
            continue
        low, high = layout.band_edges[band : band + 2]
        warnings.warn(
            f"Band {band} ({low:g}-{high:g} Hz): {len(empty)} of its "
            f"{layout.n_mels[band]} mel filters contain no FFT bin, so their features "
            f"carry nothing: {_shorten(empty)}. FFT bins are "
            f"{layout.sr / n_fft:.4g} Hz apart at n_fft={n_fft}; use fewer n_mels in "
            "this band, a wider band or a longer FFT.",
            EmptyFilterWarning,
            stacklevel=4,
        )


def _shorten(numbers: NDArray, most: int = 40) -> str:
    """List numbers, at most so many of them."""
    text = ", ".join(map(str, numbers[:most]))
    return text + (f" and {len(numbers) - most} more" if len(numbers) > most else "")
