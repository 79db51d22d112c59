"""What few bits cost: errors of quantised features, for each compression."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from skhrmel._quantizer import UniformQuantizer
from skhrmel._transformers import HRMelTransformer, LogMelTransformer
from skhrmel.compression import COMPRESSIONS
from skhrmel.metrics import (
    PAPER_BANDS,
    ErrorSpectrum,
    band_log_spectral_distances,
)


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
        Relative error, ``"overall"`` and by band.
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
    transformer: HRMelTransformer | LogMelTransformer | None = None,
    compressions: Iterable[str] = tuple(COMPRESSIONS),
    train: NDArray | None = None,
    bands: Mapping[str, tuple[float, float]] = PAPER_BANDS,
) -> list[RatePoint]:
    """Quantise features after each compression, and reconstruct.

    Without quantisation an invertible compression changes nothing (decibels are not
    invertible below their floor). With it, it says
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
    transformer : HRMelTransformer, LogMelTransformer or None, default=None
        The representation; None is the default HR-Mel. Its own compression is replaced.
    compressions : iterable of str, default=all in `skhrmel.compression.COMPRESSIONS`
        Names of compressions.
    train : ndarray of shape (n_train_frames, n_freqs) or None, default=None
        Frames, of other music, for a decoder that learns; None lets it learn nothing.
    bands : mapping of str to (float, float), default=PAPER_BANDS
        Names and half-open ranges ``low <= f < high`` in Hz.

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
    if isinstance(compressions, str):
        raise ValueError(f"compressions must be a list of names, got {compressions!r}.")
    if not isinstance(n_bits, Sequence):
        raise ValueError(f"n_bits must be a list of numbers, got {n_bits!r}.")
    transformer = HRMelTransformer() if transformer is None else transformer
    n_mels = np.atleast_1d(transformer.n_mels)
    filters_of_band = np.repeat(np.arange(len(n_mels)), n_mels)
    all_bands = {"overall": (0.0, np.inf), **bands}
    points = []
    for name in compressions:
        encoder = clone(transformer).set_params(compression=name)
        encoder.fit(0 * frames[:1] if train is None else train)
        features = encoder.transform(frames)
        for n in (None, *n_bits):
            stored = features
            if n is not None:
                quantizer = UniformQuantizer(n, groups=filters_of_band).fit(features)
                stored = quantizer.inverse_transform(quantizer.transform(features))
            decoded = encoder.inverse_transform(stored)
            spectrum = ErrorSpectrum.between(frames, decoded)
            errors = spectrum.band_relative_errors(sr=transformer.sr, bands=all_bands)
            distances = band_log_spectral_distances(
                frames, decoded, sr=transformer.sr, bands=all_bands
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
        If there is no track, or they were measured with different settings.

    Examples
    --------
    >>> from skhrmel.rate_distortion import RatePoint, mean_rates
    >>> first = RatePoint("cbrt", 8, {"overall": 0.2}, {"overall": 4.0})
    >>> second = RatePoint("cbrt", 8, {"overall": 0.4}, {"overall": 6.0})
    >>> mean_rates([[first], [second]])[0].distances
    {'overall': 5.0}
    """
    if (
        len({tuple((p.compression, p.n_bits) for p in points) for points in tracks})
        != 1
    ):
        raise ValueError("Expected tracks that were measured with the same settings.")
    means = []
    for points in zip(*tracks, strict=True):
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
