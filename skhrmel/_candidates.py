"""Where bands may begin and end, and how many there may be."""

import operator
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from skhrmel.filterbank import MelScale, hz_to_mel, mel_to_hz

_N_CANDIDATES = 24
_FMAX = 20000.0


def find_edges(
    candidate_edges: Any, kept: Sequence[float], sr: float, mel_scale: MelScale
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Give all candidate edges and those that must be edges.

    Parameters
    ----------
    candidate_edges : sequence of float or None
        Frequencies in Hz; None is 24 of them, evenly spaced in mel.
    kept : sequence of float
        Frequencies in Hz that must be edges.
    sr : float
        Sampling rate in Hz.
    mel_scale : {"slaney", "htk"}
        The mel scale.

    Returns
    -------
    edges : tuple of float
        The candidates and what must be kept, increasing.
    kept : tuple of float
        Those that must be edges, between the first and the last.

    Raises
    ------
    ValueError
        If the edges do not increase within 0 to ``sr / 2`` Hz, or one that must be kept
        lies outside of them.
    """
    if candidate_edges is None:
        top = min(_FMAX, sr / 2)
        mels = np.linspace(0, hz_to_mel(top, mel_scale), _N_CANDIDATES)
        # Frequencies that can be read; three digits are finer than any FFT bin.
        rounded = {float(f"{edge:.3g}") for edge in mel_to_hz(mels, mel_scale)}
        edges = np.array([*sorted(edge for edge in rounded if edge < top), top])
    else:
        edges = np.asarray(candidate_edges, dtype=np.float64)
    # Written so that NaN fails as well.
    if not (
        edges.ndim == 1
        and len(edges) > 1
        and np.all(np.diff(edges) > 0)
        and edges[0] >= 0
        and edges[-1] <= sr / 2
    ):
        raise ValueError(
            "candidate_edges must be at least two frequencies that increase from 0 Hz "
            f"or above to sr / 2 = {sr / 2:g} Hz or below, got {candidate_edges!r}."
        )
    wanted = np.unique(np.asarray(kept, dtype=np.float64))
    if not np.all((wanted >= edges[0]) & (wanted <= edges[-1])):
        raise ValueError(
            f"kept_edges must lie between the first and the last candidate edge, "
            f"{edges[0]:g} and {edges[-1]:g} Hz, got {tuple(wanted.tolist())}."
        )
    inner = wanted[(wanted > edges[0]) & (wanted < edges[-1])]
    return tuple(np.union1d(edges, wanted).tolist()), tuple(inner.tolist())


def inner_edges(bands: Sequence[tuple[float, float]], edges: Any) -> list[float]:
    """Give the frequencies where analysis bands join, which a reference makes edges.

    Parameters
    ----------
    bands : sequence of (float, float)
        Analysis bands in Hz.
    edges : tuple of float
        Candidate edges in Hz.

    Returns
    -------
    joins : list of float
        The joins between the first and the last edge.

    Raises
    ------
    ValueError
        If the bands do not adjoin, or do not reach from the first edge to the last.
    """
    ordered = sorted(bands)
    if any(high != low for (_, high), (low, _) in pairwise(ordered)) or not (
        ordered[0][0] <= edges[0] and edges[-1] <= ordered[-1][1]
    ):
        raise ValueError(
            "no_worse_than needs analysis_bands that adjoin and reach from the first "
            f"candidate edge to the last, {edges[0]:g} to {edges[-1]:g} Hz; got "
            f"{ordered}."
        )
    return [low for low, _ in ordered if edges[0] < low < edges[-1]]


def as_numbers_of_bands(n_bands: Any) -> tuple[int, ...]:
    """Check the parameter `n_bands` of `HRMelTransformerCV`.

    Parameters
    ----------
    n_bands : int or sequence of int
        The parameter.

    Returns
    -------
    numbers : tuple of int
        Numbers of bands, increasing.

    Raises
    ------
    ValueError
        If one is not an integer of at least 1, or there is none.
    """
    try:
        numbers = {operator.index(k) for k in np.atleast_1d(np.asarray(n_bands))}
    except TypeError:
        numbers = set()
    if not numbers or min(numbers) < 1:
        raise ValueError(
            f"n_bands must be an integer of at least 1, or several, got {n_bands!r}."
        )
    return tuple(sorted(numbers))
