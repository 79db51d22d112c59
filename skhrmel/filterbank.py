"""Mel filter banks: from band edges and bins to the matrix that makes mel power."""

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

MelScale = Literal["slaney", "htk"]
Norm = Literal["slaney"] | None

# Slaney's Auditory Toolbox: linear to 1 kHz, then 27 mel for every factor of 6.4.
_SLANEY_HZ_PER_MEL = 200 / 3
_SLANEY_KNEE_HZ = 1000.0
_SLANEY_KNEE_MEL = _SLANEY_KNEE_HZ / _SLANEY_HZ_PER_MEL
_SLANEY_LOG_STEP = np.log(6.4) / 27

_HTK_MEL_PER_DECADE = 2595.0
_HTK_KNEE_HZ = 700.0


def hz_to_mel(frequencies: ArrayLike, mel_scale: MelScale = "slaney") -> NDArray:
    r"""Convert frequencies to mel.

    ``"htk"`` is the formula of O'Shaughnessy [1]_ used by the HTK toolkit,

    .. math:: m = 2595 \log_{10}(1 + f / 700)

    and ``"slaney"`` the scale of the Auditory Toolbox [2]_: :math:`3 f / 200` up to
    1 kHz and :math:`15 + 27 \ln(f / 1000) / \ln 6.4` above.

    Parameters
    ----------
    frequencies : array-like of float
        Frequencies in Hz.
    mel_scale : {"slaney", "htk"}, default="slaney"
        The scale.

    Returns
    -------
    mels : ndarray of float64
        The same frequencies in mel.

    Raises
    ------
    ValueError
        If the scale is unknown.

    References
    ----------
    .. [1] D. O'Shaughnessy, "Speech Communication: Human and Machine", 1987.
    .. [2] M. Slaney, "Auditory Toolbox, Version 2", Interval Research Corporation
       Technical Report 1998-010.

    Examples
    --------
    >>> from skhrmel.filterbank import hz_to_mel
    >>> hz_to_mel([1000.0, 6400.0])
    array([15., 42.])
    """
    _check_scale(mel_scale)
    hz = np.asarray(frequencies, dtype=np.float64)
    if mel_scale == "htk":
        return _HTK_MEL_PER_DECADE * np.log10(1 + hz / _HTK_KNEE_HZ)
    above = np.log(np.maximum(hz, _SLANEY_KNEE_HZ) / _SLANEY_KNEE_HZ)
    return np.where(
        hz < _SLANEY_KNEE_HZ,
        hz / _SLANEY_HZ_PER_MEL,
        _SLANEY_KNEE_MEL + above / _SLANEY_LOG_STEP,
    )


def mel_to_hz(mels: ArrayLike, mel_scale: MelScale = "slaney") -> NDArray:
    """Convert mel to frequencies, the inverse of `hz_to_mel`.

    Parameters
    ----------
    mels : array-like of float
        Positions on the mel scale.
    mel_scale : {"slaney", "htk"}, default="slaney"
        The scale.

    Returns
    -------
    frequencies : ndarray of float64
        The same positions in Hz.

    Raises
    ------
    ValueError
        If the scale is unknown.

    Examples
    --------
    >>> from skhrmel.filterbank import mel_to_hz
    >>> mel_to_hz([15.0, 42.0])
    array([1000., 6400.])
    """
    _check_scale(mel_scale)
    mel = np.asarray(mels, dtype=np.float64)
    if mel_scale == "htk":
        return _HTK_KNEE_HZ * (10 ** (mel / _HTK_MEL_PER_DECADE) - 1)
    above = np.maximum(mel, _SLANEY_KNEE_MEL) - _SLANEY_KNEE_MEL
    return np.where(
        mel < _SLANEY_KNEE_MEL,
        mel * _SLANEY_HZ_PER_MEL,
        _SLANEY_KNEE_HZ * np.exp(above * _SLANEY_LOG_STEP),
    )


def fft_frequencies(sr: float, n_fft: int) -> NDArray:
    """Compute the frequencies of the bins of a real FFT.

    Parameters
    ----------
    sr : float
        Sampling rate in Hz.
    n_fft : int
        Length of the FFT in samples.

    Returns
    -------
    frequencies : ndarray of shape (1 + n_fft // 2,)
        Bin frequencies in Hz, from 0 to ``sr / 2``.

    Examples
    --------
    >>> from skhrmel.filterbank import fft_frequencies
    >>> fft_frequencies(8000, 4)
    array([   0., 2000., 4000.])
    """
    return np.fft.rfftfreq(n_fft, d=1 / sr)


@dataclass(frozen=True)
class BandLayout:
    """Which mel filters a representation has: the bands and the bins in each.

    Every band is a mel filter bank of its own, its filters evenly spaced on the mel
    scale from the band's lower to its upper edge. Filters of two bands never share an
    FFT bin.

    Attributes
    ----------
    sr : float
        Sampling rate in Hz.
    band_edges : sequence of float
        Edges of the adjoining bands in Hz, increasing: one more than there are bands.
    n_mels : sequence of int
        Number of filters in each band.
    mel_scale : {"slaney", "htk"}, default="slaney"
        The mel scale.
    norm : {"slaney"} or None, default="slaney"
        ``"slaney"`` divides each filter by half its width in Hz, so that all have the
        same area; None leaves their peaks at 1.

    Raises
    ------
    ValueError
        If the edges do not increase from 0 Hz or above to ``sr / 2`` or below, if a
        band has not one number of bins, at least 1, or a name is unknown.

    Examples
    --------
    >>> from skhrmel.filterbank import BandLayout
    >>> layout = BandLayout(44100, (0, 1500, 6000, 20000), (40, 32, 24))
    >>> layout.basis(n_fft=2048).shape
    (96, 1025)
    """

    sr: float
    band_edges: Sequence[float]
    n_mels: Sequence[int]
    mel_scale: MelScale = "slaney"
    norm: Norm = "slaney"

    def __post_init__(self) -> None:
        """Check the layout and store plain numbers."""
        edges = _as_edges(self.band_edges, self.sr)
        object.__setattr__(self, "band_edges", edges)
        object.__setattr__(self, "n_mels", _as_bins(self.n_mels, len(edges) - 1))
        _check_scale(self.mel_scale)
        for low, high, n_mels in self._bands():
            # Written so that overflow fails as well.
            corners = self._corners((low, high, n_mels))
            if not np.all(np.diff(corners) > 1e-9 * high):
                raise ValueError(
                    f"band_edges: the band {low!r}-{high!r} Hz is too narrow for "
                    f"{n_mels} mel filters."
                )
        if self.norm not in ("slaney", None):
            raise ValueError(f"norm must be 'slaney' or None, got {self.norm!r}.")

    @property
    def n_bands(self) -> int:
        """Number of bands."""
        return len(self.n_mels)

    @property
    def band_slices(self) -> list[slice]:
        """Where each band's filters lie in the stacked basis."""
        stops = np.cumsum(self.n_mels).tolist()
        return [slice(a, b) for a, b in zip([0, *stops[:-1]], stops, strict=True)]

    def frequencies(self) -> NDArray:
        """Compute the centre frequencies of all filters.

        Returns
        -------
        frequencies : ndarray of shape (sum(n_mels),)
            In Hz, band after band.
        """
        return np.concatenate([self._corners(band)[1:-1] for band in self._bands()])

    def basis(self, n_fft: int) -> NDArray:
        r"""Compute the filters over the bins of an FFT.

        Filter :math:`k` of a band rises from 0 at the corner :math:`f_{k-1}` to 1 at
        its centre :math:`f_k` and falls to 0 at :math:`f_{k+1}`; the corners are
        evenly spaced in mel. Each band equals ``librosa.filters.mel``.

        Parameters
        ----------
        n_fft : int
            Length of the FFT in samples.

        Returns
        -------
        basis : ndarray of shape (sum(n_mels), 1 + n_fft // 2)
            One filter a row, float64.
        """
        bins = fft_frequencies(self.sr, n_fft)
        return np.vstack(
            [_triangles(self._corners(band), bins, self.norm) for band in self._bands()]
        )

    def _bands(self) -> list[tuple[float, float, int]]:
        return list(
            zip(self.band_edges[:-1], self.band_edges[1:], self.n_mels, strict=True)
        )

    def _corners(self, band: tuple[float, float, int]) -> NDArray:
        """Corners of a band's triangles in Hz; filter k spans corners k to k + 2."""
        low, high, n_mels = band
        low_mel, high_mel = hz_to_mel([low, high], self.mel_scale)
        corners = mel_to_hz(np.linspace(low_mel, high_mel, n_mels + 2), self.mel_scale)
        # A rounding error here would let two bands share an FFT bin at their join.
        corners[[0, -1]] = low, high
        return corners


def _triangles(corners: NDArray, bins: NDArray, norm: Norm) -> NDArray:
    low, centre, high = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    rising = (bins - low) / (centre - low)
    falling = (high - bins) / (high - centre)
    filters = np.maximum(0, np.minimum(rising, falling))
    if norm == "slaney":
        filters *= 2 / (high - low)
    return filters


def _check_scale(mel_scale: str) -> None:
    if mel_scale not in ("slaney", "htk"):
        raise ValueError(f"mel_scale must be 'slaney' or 'htk', got {mel_scale!r}.")


def _as_edges(band_edges: Any, sr: float) -> tuple[float, ...]:
    try:
        edges = np.asarray(band_edges, dtype=np.float64)
    except (TypeError, ValueError):
        edges = np.empty(0)
    if edges.ndim != 1 or len(edges) < 2:
        raise ValueError(
            "band_edges must be a sequence of at least two frequencies in Hz, got "
            f"{band_edges!r}."
        )
    # Written so that NaN fails as well.
    if not (np.all(np.diff(edges) > 0) and edges[0] >= 0 and edges[-1] <= sr / 2):
        raise ValueError(
            f"band_edges must increase from 0 Hz or above to sr / 2 = {sr / 2:g} Hz or "
            f"below, got {tuple(edges.tolist())}."
        )
    return tuple(edges.tolist())


def _as_bins(n_mels: Any, n_bands: int) -> tuple[int, ...]:
    try:
        ordered = n_mels if isinstance(n_mels, Sequence | np.ndarray) else ()
        bins = tuple(operator.index(n) for n in ordered)
    except TypeError:
        bins = ()
    if not bins or min(bins) < 1:
        raise ValueError(
            "n_mels must be a sequence of integers of at least 1, one a band, got "
            f"{n_mels!r}."
        )
    if len(bins) != n_bands:
        raise ValueError(
            f"n_mels has {len(bins)} entries, but band_edges define {n_bands} bands: "
            f"got n_mels={bins}."
        )
    return bins
