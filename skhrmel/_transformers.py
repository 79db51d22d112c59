"""Mel transformers of power-spectrum frames."""

from numbers import Integral, Real
from typing import Any, ClassVar

from sklearn.utils._param_validation import Interval

from skhrmel._base import BaseMelTransformer
from skhrmel.compression import Compression
from skhrmel.filterbank import BandLayout, MelScale, Norm


class HRMelTransformer(BaseMelTransformer):
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
        features are ``log(1 + gain * M)``, nearly linear below ``M = 1 / gain``. A
        classifier of waveforms in [-1, 1] may want 1e4.
    mel_scale : {"slaney", "htk"}, default="slaney"
        The mel scale, see `skhrmel.filterbank.hz_to_mel`.
    norm : {"slaney"} or None, default="slaney"
        ``"slaney"`` gives all filters the same area, None the same height.
    decoder : {"pinv", "kl"}, default="pinv"
        How `inverse_transform` goes from mel power to the power spectrum: ``"pinv"``
        is the pseudo-inverse clipped at zero. ``"kl"`` fits the mel power in the sense
        of Kullback and Leibler, starting from what `fit` has learned of the frames of
        training; it loses half as much and takes about five times as long. It wants
        ten tracks or more of the kind to decode; without, fit it to silence.

    Attributes
    ----------
    mel_basis_ : ndarray of shape (n_mels_total, n_freqs)
        The filters of all bands, one a row, float64.
    mel_frequencies_ : ndarray of shape (n_mels_total,)
        Centre frequency of each filter in Hz.
    n_fft_ : int
        Length in samples of the FFT behind the frames, ``2 * (n_features_in_ - 1)``.
    decoder_coef_ : ndarray of shape (n_freqs, n_mels)
        Only with ``decoder="kl"``: coefficients of the fourth root of power by those of
        mel power, see `skhrmel.decoding.RootRegression`.
    n_samples_seen_ : int
        Number of frames seen in `fit` and `partial_fit`.
    n_features_in_ : int
        Number of frequencies seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
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
        **BaseMelTransformer._parameter_constraints,
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


class LogMelTransformer(BaseMelTransformer):
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
        features are ``log(1 + gain * M)``, nearly linear below ``M = 1 / gain``. A
        classifier of waveforms in [-1, 1] may want 1e4.
    mel_scale : {"slaney", "htk"}, default="slaney"
        The mel scale, see `skhrmel.filterbank.hz_to_mel`.
    norm : {"slaney"} or None, default="slaney"
        ``"slaney"`` gives all filters the same area, None the same height.
    decoder : {"pinv", "kl"}, default="pinv"
        How `inverse_transform` goes from mel power to the power spectrum: ``"pinv"``
        is the pseudo-inverse clipped at zero. ``"kl"`` fits the mel power in the sense
        of Kullback and Leibler, starting from what `fit` has learned of the frames of
        training; it loses half as much and takes about five times as long. It wants
        ten tracks or more of the kind to decode; without, fit it to silence.

    Attributes
    ----------
    mel_basis_ : ndarray of shape (n_mels, n_freqs)
        The filters, one a row, float64.
    mel_frequencies_ : ndarray of shape (n_mels,)
        Centre frequency of each filter in Hz.
    n_fft_ : int
        Length in samples of the FFT behind the frames, ``2 * (n_features_in_ - 1)``.
    decoder_coef_ : ndarray of shape (n_freqs, n_mels)
        Only with ``decoder="kl"``: coefficients of the fourth root of power by those of
        mel power, see `skhrmel.decoding.RootRegression`.
    n_samples_seen_ : int
        Number of frames seen in `fit` and `partial_fit`.
    n_features_in_ : int
        Number of frequencies seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
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
        **BaseMelTransformer._parameter_constraints,
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
