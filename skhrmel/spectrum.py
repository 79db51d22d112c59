"""Power-spectrum frames of a waveform, at once or a block at a time."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skhrmel._power_spectrum import PowerSpectrum
from skhrmel._routes import TILE_FRAMES
from skhrmel.framing import Framing, PadMode


def power_frames(
    y: ArrayLike,
    *,
    n_fft: int = 2048,
    hop_length: int = 441,
    win_length: int | None = None,
    window: str | tuple = "hann",
    center: bool = True,
    pad_mode: PadMode = "constant",
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
        Length of a frame and of its FFT in samples; even.
    hop_length : int, default=441
        Distance of neighbouring frames in samples.
    win_length : int or None, default=None
        Length of the window in samples, padded with zeros to `n_fft`; None is `n_fft`.
    window : str or tuple, default="hann"
        Window that ``scipy.signal.get_window`` knows; periodic.
    center : bool, default=True
        If True, frame ``t`` is centred on sample ``t * hop_length`` and the waveform
        is padded on both sides; else it begins there.
    pad_mode : {"constant", "edge", "reflect"}, default="constant"
        What is padded: zeros, the outermost sample, or the mirrored waveform.

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
    framing = Framing(n_fft, hop_length, win_length, window, center, pad_mode)
    samples = _check_waveform(y, framing)
    frames = np.empty(
        (framing.n_frames(len(samples)), n_fft // 2 + 1), dtype=samples.dtype
    )
    row = 0
    for block in _blocks(samples, framing):
        frames[row : row + len(block)] = block
        row += len(block)
    return frames


def power_blocks(
    y: ArrayLike,
    *,
    n_fft: int = 2048,
    hop_length: int = 441,
    win_length: int | None = None,
    window: str | tuple = "hann",
    center: bool = True,
    pad_mode: PadMode = "constant",
) -> Iterator[NDArray]:
    """Yield the power-spectrum frames of a waveform a block at a time.

    Takes a few MB however long the waveform is, where `power_frames` takes 1.5 GB for
    an hour.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Waveform of floating-point samples, float32 or float64.
    n_fft : int, default=2048
        Length of a frame and of its FFT in samples; even.
    hop_length : int, default=441
        Distance of neighbouring frames in samples.
    win_length : int or None, default=None
        Length of the window in samples, padded with zeros to `n_fft`; None is `n_fft`.
    window : str or tuple, default="hann"
        Window that ``scipy.signal.get_window`` knows; periodic.
    center : bool, default=True
        If True, frame ``t`` is centred on sample ``t * hop_length`` and the waveform
        is padded on both sides; else it begins there.
    pad_mode : {"constant", "edge", "reflect"}, default="constant"
        What is padded: zeros, the outermost sample, or the mirrored waveform.

    Yields
    ------
    block : ndarray of shape (n_block_frames, 1 + n_fft // 2)
        The next frames, 128 in all blocks but the last.

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
    framing = Framing(n_fft, hop_length, win_length, window, center, pad_mode)
    samples = _check_waveform(y, framing)
    block = np.empty((0, n_fft // 2 + 1), dtype=samples.dtype)
    for piece in _blocks(samples, framing):
        # The padding at the end may split a tile in two.
        block = np.concatenate([block, piece])
        if len(block) == TILE_FRAMES:
            yield block
            block = block[:0]
    if len(block):
        yield block


def _blocks(samples: NDArray, framing: Framing) -> Iterator[NDArray]:
    spectrum = PowerSpectrum(framing, str(samples.dtype))
    for tiles in (spectrum.push(samples), spectrum.finish()):
        for power, new in tiles:
            yield power[new]


def _check_waveform(y: ArrayLike, framing: Framing) -> NDArray:
    samples = np.asarray(y)
    if samples.dtype.kind == "f":
        samples = samples.astype(samples.dtype.newbyteorder("="), copy=False)
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
    if framing.n_frames(len(samples)) == 0:
        needed = "1 sample" if framing.center else f"n_fft = {framing.n_fft} samples"
        raise ValueError(
            f"A waveform of {len(samples)} samples is too short for one frame: "
            f"expected at least {needed}."
        )
    return samples
