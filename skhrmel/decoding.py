"""Decoders: from mel power back to the power spectrum."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skhrmel._banded import BandedMatrix


class PseudoInverse:
    r"""Clipped Moore-Penrose pseudo-inverse, equation 8 of the HR-Mel paper.

    .. math:: \hat{S} = \max(B^\dagger \hat{M}, 0)

    The filters of different bands share no FFT bin, so the pseudo-inverse of the
    stacked basis is the pseudo-inverse of each band, block by block. Filters without an
    FFT bin contribute nothing.

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
        for rows in band_slices:
            # FFT bins outside the filters stay zero, free of rounding noise.
            covered = basis[rows].any(axis=0)
            band = basis[rows, covered]
            if band.size > 0:
                # The transpose leaves the result in the layout of the basis.
                pinv[rows, covered] = np.linalg.pinv(band.T, rcond=rcond)
        self._matrix = BandedMatrix(_without_rounding_noise(pinv))

    def decode(self, mel_power: NDArray, out: NDArray) -> None:
        """Write the power spectrum of each frame to `out`.

        Parameters
        ----------
        mel_power : ndarray of shape (n_frames, n_mels)
            Decompressed mel power, float32 or float64.
        out : ndarray of shape (n_frames, n_freqs)
            Receives the non-negative power spectrum; of the dtype of `mel_power`.
        """
        self._matrix.multiply(mel_power, out)
        np.maximum(out, 0, out=out)


def _without_rounding_noise(pinv: NDArray) -> NDArray:
    """Set entries below the rounding error of their column to zero.

    The inverse of a band of overlapping triangles decays by a factor of three to four
    a filter away from the diagonal: a float64 decomposition leaves noise there.
    """
    noise = np.finfo(pinv.dtype).eps * np.abs(pinv).max(axis=0)
    return np.where(np.abs(pinv) > noise, pinv, 0)
