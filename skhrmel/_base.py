"""What the mel transformers share: fitting, encoding, decoding and their checks."""

import warnings
from abc import ABC, abstractmethod
from itertools import groupby
from numbers import Real
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
from skhrmel.decoding import Decoder, KullbackLeibler, PseudoInverse, RootRegression
from skhrmel.filterbank import BandLayout, MelScale, Norm

# Frames worked on at a time: 256 frames of 1025 float32 bins are 1 MB, which stay in
# the second-level cache from the check of the values to the compression.
_BLOCK_FRAMES = 256

_DTYPES = [np.float64, np.float32]


class EmptyFilterWarning(UserWarning):
    """Some mel filters lie between two FFT bins and catch nothing."""


class BaseMelTransformer(TransformerMixin, BaseEstimator, ABC):
    """Everything `HRMelTransformer` and `LogMelTransformer` share."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "sr": [Interval(Real, 0, None, closed="neither")],
        "gain": [Interval(Real, 0, None, closed="neither")],
        "mel_scale": [StrOptions({"slaney", "htk"})],
        "norm": [StrOptions({"slaney"}), None],
        "decoder": [StrOptions({"pinv", "kl"})],
    }

    sr: float
    compression: Any
    gain: float
    mel_scale: MelScale
    norm: Norm
    decoder: str
    decoder_coef_: NDArray
    _decoder: Decoder
    _regression: RootRegression | None

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
            and ``decoder="kl"`` learns from them.
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
        return self._learn(X, first=True)

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: ArrayLike, y: None = None) -> Self:  # noqa: ARG002
        """Learn from more frames.

        The first call is `fit`. Later ones add to what ``decoder="kl"`` has learned, as
        if all frames had come at once; parameters set in between have no effect.

        Parameters
        ----------
        X : array-like of shape (n_frames, n_freqs)
            Power-spectrum frames as in `fit`.
        y : None
            Ignored; part of scikit-learn's interface.

        Returns
        -------
        self : object
            The fitted transformer.

        Raises
        ------
        ValueError
            As `fit`, or if `X` has not as many frequencies as in the first call.

        Warns
        -----
        EmptyFilterWarning
            If filters contain no FFT bin.
        """
        return self._learn(X, first=not hasattr(self, "n_samples_seen_"))

    def _learn(self, X: ArrayLike, *, first: bool) -> Self:
        if first:
            layout = self._layout()
            compressions = get_band_compressions(self.compression, layout.n_bands)
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
        if first:
            self._build(layout, compressions)
        self.n_samples_seen_ += len(frames)
        if self._regression is not None:
            for rows in gen_batches(len(frames), _BLOCK_FRAMES):
                self._regression.learn(frames[rows])
            self.decoder_coef_ = self._regression.solve()
            self._decoder = KullbackLeibler(self.mel_basis_, self.decoder_coef_)
        return self

    def _build(self, layout: BandLayout, compressions: list[Compression]) -> None:
        """Build what depends on the parameters and the frame size."""
        self.n_samples_seen_ = 0
        self.n_fft_ = 2 * (self.n_features_in_ - 1)
        self._gain = float(self.gain)
        self.mel_basis_ = layout.basis(self.n_fft_)
        self.mel_frequencies_ = layout.frequencies()
        _warn_of_empty_filters(self.mel_basis_, layout, self.n_fft_)
        self._encoder = BandedMatrix(self.mel_basis_.T)
        self._compressions = _merge_equal(compressions, layout.band_slices)
        self._band_slices = layout.band_slices
        self._regression = None
        if self.decoder == "kl":
            self._regression = RootRegression(self.mel_basis_)
        else:
            self._decoder = PseudoInverse(self.mel_basis_, layout.band_slices)
            if hasattr(self, "decoder_coef_"):
                # Of an earlier fit with the other decoder.
                del self.decoder_coef_

    @property
    def _learns(self) -> bool:
        """Whether the values of frames matter to `fit`."""
        return self.decoder == "kl"

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
            check_power(frames, rows, type(self).__name__)
            self._encode(frames[rows], features[rows])
        return features

    def inverse_transform(self, X: ArrayLike) -> NDArray:
        r"""Reconstruct the power spectrum from features.

        Decodes the mel power :math:`C^{-1}(Y) / g` by
        `skhrmel.decoding.PseudoInverse` or `skhrmel.decoding.KullbackLeibler`.

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
        self._encoder.multiply(power, features)
        self._compress(features, power)

    def _compress(self, features: NDArray, source: NDArray) -> None:
        """Turn mel power into features, in place; `source` is what it was made of."""
        # What overflows is found afterwards and refused.
        with np.errstate(all="ignore"):
            if self._gain != 1:
                features *= self._gain
            for filters, compression in self._compressions:
                features[:, filters] = compression.function(features[:, filters])
        _check_overflow(features, source, "encoded")

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


def check_power(frames: NDArray, rows: slice, name: str) -> None:
    """Check a block of frames while it is on its way through the cache.

    Parameters
    ----------
    frames : ndarray of shape (n_frames, n_freqs)
        Power-spectrum frames.
    rows : slice
        The block.
    name : str
        Name of the estimator, for the message.

    Raises
    ------
    ValueError
        If a value is negative or not finite.
    """
    block = frames[rows]
    # One comparison finds all: the minimum of an array with a NaN is NaN.
    if not (block.min() >= 0 and block.max() < np.inf):
        _raise_bad_power(block, rows.start, name)


def _raise_bad_power(block: NDArray, first_row: int, name: str) -> NoReturn:
    row, column = np.argwhere(~((block >= 0) & (block < np.inf)))[0]
    value = block[row, column]
    if -np.inf < value < 0:
        problem = f"Negative values in data passed to {name}"
    else:
        kind = "NaN" if np.isnan(value) else "infinity"
        problem = f"Input X of {name} contains {kind}"
    raise ValueError(
        f"{problem}: X[{first_row + row}, {column}] is {value:g}. Expected power, "
        "|STFT|**2, which is finite and not negative; a logarithmic spectrogram "
        "must be converted back to power."
    )


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
            stacklevel=6,
        )


def _shorten(numbers: NDArray, most: int = 40) -> str:
    """List numbers, at most so many of them."""
    text = ", ".join(map(str, numbers[:most]))
    return text + (f" and {len(numbers) - most} more" if len(numbers) > most else "")
