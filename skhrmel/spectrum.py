"""From a waveform to power-spectrum frames, block by block."""

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray
from scipy.fft import rfft
from scipy.signal import get_window
from sklearn.utils import gen_batches

# Frames transformed at a time: the windowed frames and their spectra of a 2048-sample
# FFT take 1 MB each in float32 and stay in the second-level cache.
BLOCK_FRAMES = 128


def power_frames(
    y: ArrayLike,
    *,
    n_fft: int = 2048,
    hop_length: int = 441,
    window: str = "hann",
    center: bool = True,
) -> NDArray:
    r"""Compute the power spectrum of each frame of a waveform.

    .. math:: S_{t, f} = \left| \sum_{n=0}^{N-1} w_n \, y_{t h + n}
              e^{-2 \pi i f n / N} \right|^2

    with the window :math:`w` of :math:`N` samples and the hop :math:`h`. Equal to
    ``numpy.abs(librosa.stft(y, ...)).T ** 2``.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Waveform of floating-point samples, float32 or float64.
    n_fft : int, default=2048
        Length of frame, window and FFT in samples; even.
    hop_length : int, default=441
        Distance of neighbouring frames in samples.
    window : str, default="hann"
        Name of a window that ``scipy.signal.get_window`` knows; periodic.
    center : bool, default=True
        If True, frame ``t`` is centred on sample ``t * hop_length`` and the waveform
        is padded with zeros on both sides; else it begins there.

    Returns
    -------
    frames : ndarray of shape (n_frames, 1 + n_fft // 2)
        Power spectrum of each frame, of the dtype of `y`. With `center`,
        ``n_frames = 1 + n_samples // hop_length``.

    Raises
    ------
    ValueError
        If `y` is not a one-dimensional floating-point array of finite values, is too
        short for one frame, or the frame sizes are impossible.

    See Also
    --------
    power_blocks : The same frames, a block at a time.

    Examples
    --------
    >>> import numpy as np
    >>> from skhrmel.spectrum import power_frames
    >>> power_frames(np.zeros(44100, dtype=np.float32)).shape
    (101, 1025)
    """
    return np.vstack(
        list(
            power_blocks(
                y, n_fft=n_fft, hop_length=hop_length, window=window, center=center
            )
        )
    )


def power_blocks(
    y: ArrayLike,
    *,
    n_fft: int = 2048,
    hop_length: int = 441,
    window: str = "hann",
    center: bool = True,
) -> Iterator[NDArray]:
    """Yield the power-spectrum frames of a waveform a block at a time.

    Takes a few MB however long the waveform is, where `power_frames` takes 1.5 GB for
    an hour.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Waveform of floating-point samples, float32 or float64.
    n_fft : int, default=2048
        Length of frame, window and FFT in samples; even.
    hop_length : int, default=441
        Distance of neighbouring frames in samples.
    window : str, default="hann"
        Name of a window that ``scipy.signal.get_window`` knows; periodic.
    center : bool, default=True
        If True, frame ``t`` is centred on sample ``t * hop_length`` and the waveform
        is padded with zeros on both sides; else it begins there.

    Yields
    ------
    block : ndarray of shape (n_block_frames, 1 + n_fft // 2)
        The next frames, at most 128.

    Raises
    ------
    ValueError
        As `power_frames`.

    See Also
    --------
    power_frames : All frames in one array.

    Examples
    --------
    >>> import numpy as np
    >>> from skhrmel.spectrum import power_blocks
    >>> [len(block) for block in power_blocks(np.zeros(100_000))]
    [128, 99]
    """
    if n_fft < 2 or n_fft % 2:
        raise ValueError(f"n_fft must be an even number of samples, got {n_fft!r}.")
    if hop_length < 1:
        raise ValueError(f"hop_length must be at least 1 sample, got {hop_length!r}.")
    y = _check_waveform(y)
    if center and len(y) > 0:
        y = np.pad(y, n_fft // 2)
    if len(y) < n_fft:
        raise ValueError(
            f"A waveform of {len(y)} samples is too short for one frame: expected at "
            f"least {'1 sample' if center else f'n_fft = {n_fft} samples'}."
        )
    weights = get_window(window, n_fft).astype(y.dtype)
    frames = sliding_window_view(y, n_fft)[::hop_length]
    for rows in gen_batches(len(frames), BLOCK_FRAMES):
        yield _power(frames[rows] * weights)


def _power(frames: NDArray) -> NDArray:
    # The square of the magnitude is faster than the sum of the squared parts, which lie
    # interleaved in memory.
    power = np.abs(rfft(frames, axis=1, overwrite_x=True))
    power *= power
    return power


def _check_waveform(y: ArrayLike) -> NDArray:
    samples = np.asarray(y)
    if samples.ndim != 1:
        raise ValueError(
            "A waveform must have one dimension, (n_samples,), got an array of shape "
            f"{samples.shape}; mix the channels down first."
        )
    if samples.dtype not in (np.float32, np.float64):
        raise ValueError(
            "A waveform must hold float32 or float64 samples, got "
            f"{samples.dtype}; scale integers to [-1, 1) first."
        )
    if not np.all(np.isfinite(samples)):
        first = int(np.argmin(np.isfinite(samples)))
        raise ValueError(f"The waveform is {samples[first]} at sample {first}.")
    return samples
