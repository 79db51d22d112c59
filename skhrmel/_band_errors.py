"""What every possible band of a layout loses, from second moments."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from skhrmel.filterbank import (
    BandLayout,
    MelScale,
    Norm,
    fft_frequencies,
    hz_to_mel,
    mel_to_hz,
)


@dataclass(frozen=True)
class BandErrors:
    """The error of every possible band.

    Attributes
    ----------
    edges : ndarray of shape (n_edges,)
        Candidate edges in Hz, increasing.
    errors : ndarray of shape (n_criteria, n_edges, n_edges, total_mels + 1)
        Error of a band from one edge to another with so many bins under each
        criterion; infinity where there is none.
    outside : ndarray of shape (n_criteria,)
        Error of the frequencies below the first edge and from the last one on, which
        no layout can represent.
    """

    edges: NDArray
    errors: NDArray
    outside: NDArray

    @property
    def total_mels(self) -> int:
        """Largest number of bins."""
        return self.errors.shape[-1] - 1


def band_errors(
    moments: NDArray,
    weights: NDArray,
    edges: Sequence[float],
    total_mels: int,
    *,
    sr: float,
    mel_scale: MelScale = "slaney",
    norm: Norm = "slaney",
    kept: Sequence[float] = (),
    min_mels: int = 1,
    max_amplification: float = np.inf,
    n_jobs: int | None = None,
) -> BandErrors:
    """Work out what every possible band loses.

    Parameters
    ----------
    moments : ndarray of shape (n_criteria, n_freqs, n_freqs)
        Mean moments of the criteria.
    weights : ndarray of shape (n_criteria, n_freqs)
        Weights of the squared error of each frequency.
    edges : sequence of float
        Candidate edges in Hz, increasing.
    total_mels : int
        Bins of all bands together.
    sr : float
        Sampling rate in Hz.
    mel_scale : {"slaney", "htk"}, default="slaney"
        The mel scale.
    norm : {"slaney"} or None, default="slaney"
        Normalisation of the filters.
    kept : sequence of float, default=()
        Candidate edges that every layout must have: no band lies across them.
    min_mels : int, default=1
        Fewest bins of a band.
    max_amplification : float, default=inf
        Largest factor by which decoding may amplify relative errors of features.
    n_jobs : int or None, default=None
        Number of threads.

    Returns
    -------
    errors : BandErrors
        The errors.
    """
    candidates = np.asarray(edges, dtype=np.float64)
    n_edges, n_criteria = len(edges), len(weights)
    errors = np.full((n_criteria, n_edges, n_edges, total_mels + 1), np.inf)
    sizes = np.arange(min_mels, total_mels + 1)
    pairs = [
        (i, j)
        for i in range(n_edges)
        for j in range(i + 1, n_edges)
        if not any(edges[i] < edge < edges[j] for edge in kept)
    ]
    # The widest first, so that no thread begins with the longest at the end.
    pairs.sort(key=lambda pair: edges[pair[0]] - edges[pair[1]])
    results = Parallel(n_jobs=n_jobs, require="sharedmem")(
        delayed(_errors_between)(
            moments,
            weights,
            candidates[i],
            candidates[j],
            sizes,
            sr,
            mel_scale,
            norm,
            max_amplification,
        )
        for i, j in pairs
    )
    for (i, j), result in zip(pairs, results, strict=True):
        errors[:, i, j, min_mels:] = result
    bins = fft_frequencies(sr, 2 * (weights.shape[1] - 1))
    beyond = (bins < edges[0]) | (bins >= edges[-1])
    energies = weights * np.diagonal(moments, axis1=1, axis2=2)
    return BandErrors(candidates, errors, energies[:, beyond].sum(axis=1))


def _errors_between(
    moments: NDArray,
    weights: NDArray,
    low: float,
    high: float,
    sizes: NDArray,
    sr: float,
    mel_scale: MelScale,
    norm: Norm,
    max_amplification: float = np.inf,
) -> NDArray:
    # Here and not above: importing the compiler takes half a second.
    from skhrmel import _layout_kernels

    n_freqs = weights.shape[1]
    frequencies = fft_frequencies(sr, 2 * (n_freqs - 1))
    first, last = np.searchsorted(frequencies, [low, high])
    inside = slice(first, last)
    corners = _corner_table(low, high, sizes, mel_scale)
    possible = np.all(
        np.diff(corners, axis=1) > 1e-9 * high, axis=1, where=_used(sizes)
    )
    # Criteria that weigh nothing here need not be looked at.
    heard = np.flatnonzero(weights[:, inside].any(axis=1))
    errors = np.zeros((len(weights), len(sizes)))
    errors[:, ~possible] = np.inf
    if len(heard) and last > first:
        for q in heard:
            _layout_kernels.interval_errors(
                np.ascontiguousarray(moments[q, inside, inside]),
                np.ascontiguousarray(weights[q, inside]),
                frequencies[inside],
                corners,
                np.where(possible, sizes, 0),
                norm == "slaney",
                sr / (2 * (n_freqs - 1)),
                # As `PseudoInverse` has it.
                max(n_freqs, int(sizes[-1])) * np.finfo(np.float64).eps,
                max_amplification,
                errors[q],
            )
        errors[:, np.isinf(errors[heard[0]])] = np.inf
    return errors


def _corner_table(
    low: float, high: float, sizes: NDArray, mel_scale: MelScale
) -> NDArray:
    """Corners of the triangles of banks of several sizes, a bank a row, as BandLayout.

    What a row has too much is the upper edge again.
    """
    low_mel, high_mel = hz_to_mel([low, high], mel_scale)
    steps = np.arange(sizes[-1] + 2) * ((high_mel - low_mel) / (sizes[:, None] + 1))
    corners = mel_to_hz(np.minimum(steps + low_mel, high_mel), mel_scale)
    corners[:, 0] = low
    corners[np.arange(len(sizes)), sizes + 1] = high
    return corners


def _used(sizes: NDArray) -> NDArray:
    return np.arange(sizes[-1] + 1) <= sizes[:, None]


def layout_errors(moments: NDArray, weights: NDArray, layout: BandLayout) -> NDArray:
    """Work out what a layout loses under each criterion.

    Parameters
    ----------
    moments : ndarray of shape (n_criteria, n_freqs, n_freqs)
        Mean moments of the criteria.
    weights : ndarray of shape (n_criteria, n_freqs)
        Weights of the squared error of each frequency.
    layout : BandLayout
        The layout.

    Returns
    -------
    errors : ndarray of shape (n_criteria,)
        Its errors.
    """
    edges = layout.band_edges
    bins = fft_frequencies(layout.sr, 2 * (weights.shape[1] - 1))
    beyond = (bins < edges[0]) | (bins >= edges[-1])
    energies = weights * np.diagonal(moments, axis1=1, axis2=2)
    errors = energies[:, beyond].sum(axis=1)
    for low, high, n_mels in zip(edges[:-1], edges[1:], layout.n_mels, strict=True):
        errors += _errors_between(
            moments,
            weights,
            low,
            high,
            np.array([n_mels]),
            layout.sr,
            layout.mel_scale,
            layout.norm,
        )[:, 0]
    return errors
