r"""Second moments of power-spectrum frames, all that errors without clipping depend on.

A linear encoder and decoder together multiply each frame :math:`s` by a projection
:math:`P`. The squared error of all frames, weighted by frequency, is

.. math:: \sum_t (s_t - P s_t)^T W (s_t - P s_t)
          = \operatorname{tr}\left( W (I - P) C (I - P)^T \right), \qquad
          C = \sum_t s_t s_t^T.

An error relative to the energy of a track divides that by a number, so that the mean of
relative errors over tracks is the error of one mean moment.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

# Frames of a product, which is added up in float64: many enough that the addition costs
# little beside it.
_BLOCK_FRAMES = 4096

# Peaks of which the squares of a block add up within float32, and so do squares of what
# is a hundred dB smaller. Audio of about -1 to 1 lies within.
_SAFE_PEAKS = 1e-9, 1e16

# Powers of two that float32 holds, and so do their inverses.
_MOST_EXPONENT = 120

# Part of a track's energy, the square of power, below which a range of frequencies is
# silent and has no relative error: power 100 dB below that of the track.
_SILENCE = 1e-20


def second_moment(
    blocks: Iterable[NDArray], step: int = 1, n_used: int | None = None
) -> NDArray:
    """Add up the outer products of all frames of a track.

    Products are made in the precision of the frames and added up in float64, four
    thousand frames at a time.

    Parameters
    ----------
    blocks : iterable of ndarray of shape (n_block_frames, n_freqs)
        Power-spectrum frames, float32 or float64, of any number in all; at least one.
    step : int, default=1
        Every so manyth frame is taken, the first to begin with.
    n_used : int or None, default=None
        Products of the lowest so many frequencies are needed. Of those above, which no
        layout represents, only squares are added up; other products are 0. None is all
        of them.

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
    for frames in _gather(blocks, step):
        if not len(moment):
            n_freqs = frames.shape[1]
            n_used = n_freqs if n_used is None else min(n_used, n_freqs)
            moment = np.zeros((n_freqs, n_freqs))
            diagonal = np.einsum("ff->f", moment)
        scaled, exponent = _scaled(frames)
        used, above = scaled[:, :n_used], scaled[:, n_used:]
        # Of a matrix and its own transpose, NumPy has BLAS work out one half.
        product: NDArray = used.T @ used
        squares = np.square(above, dtype=np.float64).sum(axis=0)
        with np.errstate(over="ignore"):
            if exponent != 0:
                factor = np.float64(4.0) ** exponent
                product, squares = factor * product, factor * squares
            moment[:n_used, :n_used] += product
            diagonal[n_used:] += squares
    if not np.isfinite(np.trace(moment)):
        raise ValueError("The squared power is beyond the range of float64: scale it.")
    return moment


def _gather(blocks: Iterable[NDArray], step: int) -> Iterator[NDArray]:
    """Yield every so manyth frame, four thousand at a time, overwritten by the next."""
    first = filled = 0
    gathered = np.empty((0, 0))
    for block in blocks:
        if not len(gathered):
            gathered = np.empty((_BLOCK_FRAMES, block.shape[1]), block.dtype)
        taken = block[first::step]
        first = (first - len(block)) % step
        while len(taken):
            part = taken[: _BLOCK_FRAMES - filled]
            gathered[filled : filled + len(part)] = part
            taken = taken[len(part) :]
            filled = (filled + len(part)) % _BLOCK_FRAMES
            if filled == 0:
                yield gathered
    if filled:
        yield gathered[:filled]


def _scaled(frames: NDArray) -> tuple[NDArray, int]:
    """Divide frames by a power of two, where squares might leave float32 otherwise."""
    peak = float(frames.max(initial=0))
    if peak == 0 or _SAFE_PEAKS[0] < peak < _SAFE_PEAKS[1]:
        return frames, 0
    # A power of two changes no digit.
    exponent = int(np.clip(np.frexp(peak)[1], -_MOST_EXPONENT, _MOST_EXPONENT))
    return frames * frames.dtype.type(2.0**-exponent), exponent


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
