r"""Second moments of power-spectrum frames, all that errors without clipping depend on.

A linear encoder and decoder together multiply each frame :math:`s` by a projection
:math:`P`. The squared error of all frames, weighted by frequency, is

.. math:: \sum_t (s_t - P s_t)^T W (s_t - P s_t)
          = \operatorname{tr}\left( W (I - P) C (I - P)^T \right), \qquad
          C = \sum_t s_t s_t^T.

An error relative to the energy of a track divides that by a number, so that the mean of
relative errors over tracks is the error of one mean moment.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dsyrk, ssyrk

# Frames of a product, which is added up in float64: many enough that the addition costs
# little beside it.
_BLOCK_FRAMES = 2048

# Powers of two that float32 holds, and so do their inverses.
_MOST_EXPONENT = 120

# Part of a track's energy, the square of power, below which a range of frequencies is
# silent and has no relative error: power 100 dB below that of the track.
_SILENCE = 1e-20


def second_moment(blocks: Iterable[NDArray], step: int = 1) -> NDArray:
    """Add up the outer products of all frames of a track.

    Products are made in the precision of the frames and added up in float64, two
    thousand frames at a time.

    Parameters
    ----------
    blocks : iterable of ndarray of shape (n_block_frames, n_freqs)
        Power-spectrum frames, float32 or float64, of any number in all; at least one.
    step : int, default=1
        Every so manyth frame is taken, the first to begin with.

    Returns
    -------
    moment : ndarray of shape (n_freqs, n_freqs)
        The second moment, float64.

    Raises
    ------
    ValueError
        If the squared power is beyond the range of float64.
    """
    moment = np.zeros((0, 0))
    pending: list[NDArray] = []
    first = 0
    for frames in blocks:
        block = frames[first::step]
        first = (first - len(frames)) % step
        if not len(moment):
            moment = np.zeros((block.shape[1],) * 2)
        # A copy, since blocks may be overwritten by the next.
        pending.append(block.copy() if len(frames) < _BLOCK_FRAMES else block)
        if sum(map(len, pending)) >= _BLOCK_FRAMES:
            _add_product(np.concatenate(pending), moment)
            pending = []
    if pending:
        _add_product(np.concatenate(pending), moment)
    if not np.isfinite(np.trace(moment)):
        raise ValueError("The squared power is beyond the range of float64: scale it.")
    return moment + np.tril(moment, -1).T


def _add_product(frames: NDArray, triangle: NDArray) -> None:
    """Add products of frames to the lower triangle of a moment."""
    for start in range(0, len(frames), _BLOCK_FRAMES):
        block = frames[start : start + _BLOCK_FRAMES]
        peak = float(block.max(initial=0))
        if peak == 0:
            continue
        # By a power of two, which changes no digit, to where squares fit float32.
        exponent = int(np.clip(np.frexp(peak)[1], -_MOST_EXPONENT, _MOST_EXPONENT))
        scaled = block * block.dtype.type(2.0**-exponent)
        # Half of a symmetric product; the transpose is a view in BLAS's own order.
        rank_update = dsyrk if block.dtype == np.float64 else ssyrk
        product = rank_update(1.0, scaled.T).T
        with np.errstate(over="ignore"):
            factor = np.float64(2.0) ** (2 * exponent)
            triangle += np.multiply(product, factor, dtype=np.float64)


class MeanMoments:
    """Means over tracks of moments relative to the energy of each track.

    One mean for each criterion, which weighs the squared error of every frequency and
    is relative to the energy weighed the same.

    Parameters
    ----------
    weights : ndarray of shape (n_criteria, n_freqs)
        Weights, not negative.

    Attributes
    ----------
    weights : ndarray of shape (n_criteria, n_freqs)
        The weights.
    n_tracks : int
        Number of tracks added.
    """

    def __init__(self, weights: NDArray) -> None:
        n_criteria, n_freqs = weights.shape
        self.weights = weights
        self.n_tracks = 0
        self._sums = np.zeros((n_criteria, n_freqs, n_freqs))
        self._counts = np.zeros(n_criteria, dtype=int)

    def add(self, moment: NDArray) -> None:
        """Add a track.

        Parameters
        ----------
        moment : ndarray of shape (n_freqs, n_freqs)
            Its second moment.
        """
        energy = np.diag(moment)
        energies = self.weights @ energy
        for q in np.flatnonzero(is_audible(energies, energy, self.weights)):
            self._sums[q] += moment / energies[q]
            self._counts[q] += 1
        self.n_tracks += 1

    def means(self) -> NDArray:
        """Give the mean moments.

        Returns
        -------
        means : ndarray of shape (n_criteria, n_freqs, n_freqs)
            Means over the tracks that sound under a criterion; 0 where none does.
        """
        return self._sums / np.maximum(self._counts, 1)[:, None, None]


def is_audible(energies: NDArray, energy: NDArray, weights: NDArray) -> NDArray:
    """Tell under which criteria a track sounds, and so has a relative error.

    Parameters
    ----------
    energies : ndarray of shape (n_criteria,)
        Its weighted energies.
    energy : ndarray of shape (n_freqs,)
        Its energy at each frequency, the sum of squared power.
    weights : ndarray of shape (n_criteria, n_freqs)
        The weights.

    Returns
    -------
    audible : ndarray of shape (n_criteria,), bool
        Where the energy is not 100 dB of power or more below the whole.
    """
    return energies > _SILENCE * energy.sum() * weights.max(axis=1, initial=0)
