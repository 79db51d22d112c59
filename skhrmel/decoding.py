"""Decoders: from mel power back to the power spectrum."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from skhrmel._banded import BandedMatrix

# Relative size of the numbers that solving the regression must not trust.
_RIDGE = 1e-3
# How many frames the regression weighs as much as knowing nothing.
_DOUBT_FRAMES = 100
# Neighbouring filters that tell the regression of an FFT bin.
_N_NEIGHBOURS = 12
# Part of what a flat spectrum would have that a bin has at least, to begin with.
_FLOOR = 0.1
# Updates with the square of the factors go twice as far. Plain ones at both ends keep
# them from swinging.
_SQUARES = np.array([False] * 2 + [True] * 27 + [False])


class Decoder(Protocol):
    """Goes from mel power to the power spectrum."""

    def decode(self, mel_power: NDArray, out: NDArray) -> None:
        """Write the power spectrum of each frame to `out`.

        Parameters
        ----------
        mel_power : ndarray of shape (n_frames, n_mels)
            Decompressed mel power, float32 or float64.
        out : ndarray of shape (n_frames, n_freqs)
            Receives the non-negative power spectrum; of the dtype of `mel_power`.
        """


class PseudoInverse:
    r"""Clipped Moore-Penrose pseudo-inverse, equation 8 of the HR-Mel paper.

    .. math:: \hat{S} = \max(B^\dagger \hat{M}, 0), \qquad
              B^\dagger = B^T (B B^T)^\dagger

    The two factors are almost empty where the pseudo-inverse itself is not: an FFT bin
    lies in two filters, and filters of different bands share no FFT bin. Where filters
    are hardly wider than an FFT bin, the product of the factors would lose digits that
    the pseudo-inverse itself has; then it is used.

    Parameters
    ----------
    basis : ndarray of shape (n_mels, n_freqs)
        The mel basis.
    band_slices : sequence of slice
        Rows of the basis that belong to each band.
    """

    def __init__(self, basis: NDArray, band_slices: Sequence[slice]) -> None:
        # Relative size under which a singular value is rounding noise, as in SciPy.
        rcond = max(basis.shape) * np.finfo(basis.dtype).eps
        pinv = np.zeros_like(basis)
        gram_inverse = np.zeros((len(basis), len(basis)))
        for rows in band_slices:
            # FFT bins outside the filters stay zero, free of rounding noise.
            covered = basis[rows].any(axis=0)
            if covered.any():
                # The transpose leaves the result in the layout of the basis.
                band = np.linalg.pinv(basis[rows, covered].T, rcond=rcond)
                pinv[rows, covered] = band
                gram_inverse[rows, rows] = band @ band.T
        if all(_is_well_conditioned(basis[rows]) for rows in band_slices):
            factors = [gram_inverse, basis]
        else:
            factors = [pinv]
        self._factors = [BandedMatrix(_without_noise(factor)) for factor in factors]

    def decode(self, mel_power: NDArray, out: NDArray) -> None:
        """Write the power spectrum of each frame to `out`.

        Parameters
        ----------
        mel_power : ndarray of shape (n_frames, n_mels)
            Decompressed mel power, float32 or float64.
        out : ndarray of shape (n_frames, n_freqs)
            Receives the non-negative power spectrum; of the dtype of `mel_power`.
        """
        *first, last = self._factors
        for factor in first:
            weights = np.empty_like(mel_power)
            factor.multiply(mel_power, weights)
            mel_power = weights
        last.multiply(mel_power, out)
        np.maximum(out, 0, out=out)


class KullbackLeibler:
    r"""Spectra that fit the mel power, by multiplicative updates from a good start.

    Updates that never increase the Kullback-Leibler divergence between the mel power
    :math:`M` and that of the spectrum, :math:`B S`: those of Richardson [1]_ and
    Lucy [2]_, known from non-negative matrix factorisation [3]_,

    .. math:: S \leftarrow S \, \left( \frac{B^T (M / B S)}{B^T 1} \right)^\omega

    with :math:`\omega = 2` for most of the 30 updates, which takes half as many as
    :math:`\omega = 1`. Many spectra fit equally well; which is found depends on the
    start,

    .. math:: S_f = \max\left( \Bigl( \sum_k W_{f, k} M_k^{1/4} \Bigr)_+^4, \;
              \tfrac{1}{10} \sum_k \frac{B_{k, f}}{\sum_j B_{j, f}}
              \frac{M_k}{\sum_g B_{k, g}} \right)

    a linear regression of fourth roots of power on fourth roots of mel power, but at
    least a tenth of what spectra that are flat inside each filter would have there.

    Parameters
    ----------
    basis : ndarray of shape (n_mels, n_freqs)
        The mel basis.
    coef : ndarray of shape (n_freqs, n_mels)
        Coefficients :math:`W`, see `RootRegression`.

    References
    ----------
    .. [1] W. H. Richardson, "Bayesian-based iterative method of image restoration",
       Journal of the Optical Society of America, vol. 62, no. 1, 1972.
    .. [2] L. B. Lucy, "An iterative technique for the rectification of observed
       distributions", Astronomical Journal, vol. 79, no. 6, 1974.
    .. [3] D. D. Lee and H. S. Seung, "Algorithms for non-negative matrix
       factorization", Advances in Neural Information Processing Systems 13, 2001.
    """

    def __init__(self, basis: NDArray, coef: NDArray) -> None:
        # Here and not above: importing the compiler takes half a second.
        from skhrmel import _kullback_leibler

        # By letters, as other formats than pickle hold no types as keys.
        self._filters = {
            dtype.char: _kullback_leibler.find_two_filters(basis, dtype)
            for dtype in map(np.dtype, (np.float32, np.float64))
        }
        self._regression = BandedMatrix(coef.T)
        self._floor = BandedMatrix(_FLOOR * _flat_inside_filters(basis))

    def decode(self, mel_power: NDArray, out: NDArray) -> None:
        """Write the power spectrum of each frame to `out`.

        Parameters
        ----------
        mel_power : ndarray of shape (n_frames, n_mels)
            Decompressed mel power, float32 or float64.
        out : ndarray of shape (n_frames, n_freqs)
            Receives the non-negative power spectrum; of the dtype of `mel_power`.
        """
        from skhrmel import _kullback_leibler

        # A loud frame and a quiet one alike: all but their level is the same.
        level = mel_power.max(axis=1, keepdims=True)
        level[level == 0] = 1
        wanted = mel_power / level
        self._regression.multiply(np.sqrt(np.sqrt(wanted)), out)
        np.maximum(out, 0, out=out)
        np.square(out, out=out)
        np.square(out, out=out)
        floor = np.empty_like(out)
        self._floor.multiply(wanted, floor)
        np.maximum(out, floor, out=out)
        filters = self._filters[wanted.dtype.char]
        _kullback_leibler.richardson_lucy(wanted, filters, _SQUARES, out)
        out *= level


class RootRegression:
    r"""Learns fourth roots of power from fourth roots of mel power.

    The loss of a mel spectrum is where in its filters the power lies. The neighbouring
    filters tell: least squares over all frames of training,

    .. math:: \min_W \sum_t \| S_t^{1/4} - W M_t^{1/4} \|^2

    where the row of an FFT bin has coefficients for the 12 filters around it only. A
    frame counts as the square root of its power: loud ones do not dominate, and silence
    says nothing. Scaling all frames changes nothing. What the frames leave open is
    drawn towards an interpolation of the filters' means, as if that had been seen in
    100 frames.

    Parameters
    ----------
    basis : ndarray of shape (n_mels, n_freqs)
        The mel basis.
    """

    def __init__(self, basis: NDArray) -> None:
        n_mels, n_freqs = basis.shape
        self._encoder = BandedMatrix(basis.T)
        self._first = _first_neighbours(basis)
        means = _flat_inside_filters(basis)
        # The power of a flat spectrum inside a filter is its mel power by its area.
        area = np.where(basis.any(axis=1), basis.sum(axis=1), 1)[:, None]
        self._prior = means.T * (area**0.75).T
        self._cross = np.zeros((n_freqs, n_mels))
        self._gram = np.zeros((n_mels, n_mels))
        self._n_frames = 0

    def learn(self, power: NDArray) -> None:
        """Learn from a block of frames.

        Parameters
        ----------
        power : ndarray of shape (n_frames, n_freqs)
            Power-spectrum frames, float32 or float64.
        """
        mel_power = np.empty((len(power), len(self._gram)), dtype=power.dtype)
        self._encoder.multiply(power, mel_power)
        roots = np.sqrt(np.sqrt(power))
        mel_roots = np.sqrt(np.sqrt(mel_power))
        self._cross += roots.T @ mel_roots
        self._gram += mel_roots.T @ mel_roots
        self._n_frames += len(power)

    def solve(self) -> NDArray:
        """Give the coefficients for all frames so far.

        Returns
        -------
        coef : ndarray of shape (n_freqs, n_mels)
            The coefficients, float64.
        """
        n_mels = len(self._gram)
        near = self._first[:, None] + np.arange(min(_N_NEIGHBOURS, n_mels))
        scale = np.sqrt(np.diag(self._gram))
        scale[scale == 0] = 1
        correlation = self._gram / scale[:, None] / scale
        ridge = _RIDGE + _DOUBT_FRAMES / max(1, self._n_frames)
        missing = (self._cross - self._prior @ self._gram) / scale
        # Few of the windows differ: FFT bins between the same filters share theirs.
        windows, which = np.unique(near, axis=0, return_inverse=True)
        systems = correlation[windows[:, :, None], windows[:, None, :]]
        inverses = np.linalg.inv(systems + ridge * np.eye(windows.shape[1]))
        sides = np.take_along_axis(missing, near, axis=1)
        steps = np.einsum("fk,fkj->fj", sides, inverses[which]) / scale[near]
        coef = self._prior.copy()
        np.put_along_axis(
            coef, near, np.take_along_axis(coef, near, axis=1) + steps, axis=1
        )
        # FFT bins outside of all filters have no power.
        coef[~self._prior.any(axis=1)] = 0
        return coef


def _flat_inside_filters(basis: NDArray) -> NDArray:
    """Average the mean power of the filters that each FFT bin lies in."""
    area = basis.sum(axis=1, keepdims=True)
    weight = basis.sum(axis=0)
    means = basis / np.where(area > 0, area, 1)
    return means / np.where(weight > 0, weight, 1)


def _first_neighbours(basis: NDArray) -> NDArray:
    """Find the first of the filters around each FFT bin."""
    n_mels = len(basis)
    occupied = basis != 0
    lower = occupied.argmax(axis=0)
    upper = n_mels - 1 - occupied[::-1].argmax(axis=0)
    first = (lower + upper + 1) // 2 - _N_NEIGHBOURS // 2
    return np.clip(first, 0, max(0, n_mels - _N_NEIGHBOURS))


def _is_well_conditioned(band: NDArray) -> bool:
    """Whether the filters of a band, scaled to the same size, are far from dependent.

    Two triangles that overlap by half have a condition of 2.
    """
    size = np.linalg.norm(band, axis=1, keepdims=True)
    if not size.all():
        return False
    return bool(np.linalg.cond(band / size) < 10)


def _without_noise(matrix: NDArray) -> NDArray:
    """Set entries below the rounding error of their column to zero.

    The inverse of a band of overlapping triangles decays by a factor of three to four
    a filter away from the diagonal: a float64 decomposition leaves noise there.
    """
    noise = np.finfo(matrix.dtype).eps * np.abs(matrix).max(axis=0)
    return np.where(np.abs(matrix) > noise, matrix, 0)
