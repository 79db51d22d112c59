"""What few bits cost: errors of quantised features, for each compression."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from skhrmel._quantizer import UniformQuantizer
from skhrmel._transformers import HRMelTransformer
from skhrmel.compression import COMPRESSIONS
from skhrmel.metrics import (
    PAPER_BANDS,
    ErrorSpectrum,
    band_log_spectral_distances,
)

# All frequencies, then the paper's ranges.
_BANDS = {"overall": (0.0, np.inf), **PAPER_BANDS}


@dataclass(frozen=True)
class RatePoint:
    """What features of some bits lose.

    Attributes
    ----------
    compression : str
        Name of the compression of all bands.
    n_bits : int or None
        Bits of a feature; None for features that are not quantised.
    errors : dict of str to float
        Relative error, overall and in the paper's ranges.
    distances : dict of str to float
        Log-spectral distance in dB, of the same.
    """

    compression: str
    n_bits: int | None
    errors: dict[str, float]
    distances: dict[str, float]


def measure_rates(
    frames: NDArray,
    n_bits: Sequence[int],
    *,
    transformer: HRMelTransformer | None = None,
    compressions: Iterable[str] = tuple(COMPRESSIONS),
) -> list[RatePoint]:
    """Quantise features after each compression, and reconstruct.

    Without quantisation an invertible compression changes nothing. With it, it says
    which values share a code: even steps of the logarithm are even ratios of power,
    even steps of the power spend all codes on the loudest. The range of a band's
    features is found on the same frames, as when it is stored with them: two numbers a
    band. Bands are decoded apart from each other, so the figures of a band say what a
    compression is worth there.

    Parameters
    ----------
    frames : ndarray of shape (n_frames, n_freqs)
        Power-spectrum frames.
    n_bits : sequence of int
        Bits of a feature, 1 to 16.
    transformer : HRMelTransformer or None, default=None
        The representation; None is the default one. Its own compression is replaced.
    compressions : iterable of str, default=all in `skhrmel.compression.COMPRESSIONS`
        Names of compressions.

    Returns
    -------
    points : list of RatePoint
        For each compression: unquantised, then each of `n_bits`.

    Raises
    ------
    ValueError
        If a name is unknown, a number of bits impossible or a frame not power.

    Examples
    --------
    >>> from skhrmel.datasets import make_music
    >>> from skhrmel.rate_distortion import measure_rates
    >>> from skhrmel.spectrum import power_frames
    >>> frames = power_frames(make_music(1, duration=2.0)[0][0])
    >>> points = measure_rates(frames, [8], compressions=["log1p", "cbrt"])
    >>> [(point.compression, point.n_bits) for point in points]
    [('log1p', None), ('log1p', 8), ('cbrt', None), ('cbrt', 8)]
    """
    hrmel = HRMelTransformer() if transformer is None else transformer
    bands = np.repeat(np.arange(len(hrmel.n_mels)), hrmel.n_mels)
    points = []
    for name in compressions:
        encoder = clone(hrmel).set_params(compression=name).fit(frames)
        features = encoder.transform(frames)
        for n in (None, *n_bits):
            stored = features
            if n is not None:
                quantizer = UniformQuantizer(n, groups=bands).fit(features)
                stored = quantizer.inverse_transform(quantizer.transform(features))
            decoded = encoder.inverse_transform(stored)
            spectrum = ErrorSpectrum.between(frames, decoded)
            errors = spectrum.band_relative_errors(sr=hrmel.sr, bands=_BANDS)
            distances = band_log_spectral_distances(
                frames, decoded, sr=hrmel.sr, bands=_BANDS
            )
            points.append(RatePoint(name, n, errors, distances))
    return points


def mean_rates(tracks: Sequence[Sequence[RatePoint]]) -> list[RatePoint]:
    """Average the points of several tracks.

    Parameters
    ----------
    tracks : sequence of sequence of RatePoint
        What `measure_rates` gives for each track, with the same settings.

    Returns
    -------
    points : list of RatePoint
        Means over tracks.

    Raises
    ------
    ValueError
        If the tracks were measured with different settings.

    Examples
    --------
    >>> from skhrmel.rate_distortion import RatePoint, mean_rates
    >>> first = RatePoint("cbrt", 8, {"overall": 0.2}, {"overall": 4.0})
    >>> second = RatePoint("cbrt", 8, {"overall": 0.4}, {"overall": 6.0})
    >>> mean_rates([[first], [second]])[0].distances
    {'overall': 5.0}
    """
    means = []
    for points in zip(*tracks, strict=True):
        settings = {(point.compression, point.n_bits) for point in points}
        if len(settings) > 1:
            raise ValueError(f"Tracks have different settings: {sorted(settings)}.")
        means.append(
            RatePoint(
                points[0].compression,
                points[0].n_bits,
                _mean([point.errors for point in points]),
                _mean([point.distances for point in points]),
            )
        )
    return means


def _mean(figures: Sequence[dict[str, float]]) -> dict[str, float]:
    return {
        name: float(np.mean([figure[name] for figure in figures]))
        for name in figures[0]
    }
