"""From power-spectrum frames back to a waveform: phase reconstruction."""

from typing import Literal, Protocol

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray
from scipy.fft import irfft, rfft
from sklearn.utils import check_array, check_random_state, gen_batches

from skhrmel._routes import TILE_FRAMES
from skhrmel.framing import Framing

InitialPhase = Literal["random", "zero"]


def griffin_lim(
    power: ArrayLike,
    framing: Framing | None = None,
    *,
    n_iter: int = 32,
    momentum: float = 0.99,
    init: InitialPhase = "random",
    random_state: int | RandomState | None = 0,
) -> NDArray:
    r"""Find a waveform that has given power-spectrum frames.

    The fast Griffin-Lim algorithm [1]_, which adds a momentum :math:`\alpha` to the
    alternating projections of Griffin and Lim [2]_:

    .. math::
        t_n &= \mathcal{G} \mathcal{G}^{+} c_{n-1} \\
        c_n &= \sqrt{S} \, e^{i \angle (t_n + \alpha (t_n - t_{n-1}))}

    with the STFT :math:`\mathcal{G}` and its inverse :math:`\mathcal{G}^{+}`. Both
    Fourier transforms and the new phase of a frame are done while it is in cache; no
    spectrogram is kept but the magnitudes.

    Parameters
    ----------
    power : array-like of shape (n_frames, 1 + n_fft // 2)
        Power-spectrum frames.
    framing : Framing or None, default=None
        How the frames were cut; None is ``Framing()``.
    n_iter : int, default=32
        Number of iterations.
    momentum : float, default=0.99
        The momentum :math:`\alpha`; 0 is the original algorithm, above 1 it may not
        converge.
    init : {"random", "zero"}, default="random"
        Phase to begin with.
    random_state : int, RandomState instance or None, default=0
        Seed of the random phase; None draws another at every call.

    Returns
    -------
    y : ndarray of shape (n_samples,)
        Waveform of the dtype of `power`, ``n_samples = (n_frames - 1) * hop_length``
        if the frames are centred and ``n_fft`` more if not.

    Raises
    ------
    ValueError
        If `power` is negative, not finite or of another number of frequencies than the
        framing has, or a parameter is impossible.

    References
    ----------
    .. [1] N. Perraudin, P. Balazs and P. L. Søndergaard, "A fast Griffin-Lim
       algorithm", IEEE WASPAA, 2013.
    .. [2] D. W. Griffin and J. S. Lim, "Signal estimation from modified short-time
       Fourier transform", IEEE Transactions on Acoustics, Speech, and Signal
       Processing, vol. 32, no. 2, 1984.

    Examples
    --------
    >>> from skhrmel.datasets import make_music
    >>> from skhrmel.griffin_lim import griffin_lim
    >>> from skhrmel.metrics import spectral_convergence
    >>> from skhrmel.spectrum import power_frames
    >>> power = power_frames(make_music(1, duration=2.0)[0][0])
    >>> y = griffin_lim(power)
    >>> bool(spectral_convergence(power, power_frames(y)) < 0.2)
    True
    """
    framing = framing or Framing()
    frames = check_array(
        power,
        dtype=[np.float64, np.float32],
        ensure_non_negative=True,
        estimator="griffin_lim",
        input_name="power",
    )
    if frames.shape[1] != framing.n_fft // 2 + 1:
        raise ValueError(
            f"power has {frames.shape[1]} frequencies, but n_fft={framing.n_fft} makes "
            f"{framing.n_fft // 2 + 1}."
        )
    if int(n_iter) != n_iter or n_iter < 0:
        raise ValueError(f"n_iter must be a whole number from 0 on, got {n_iter!r}.")
    # Written so that NaN fails as well.
    if not 0 <= momentum < np.inf:
        raise ValueError(f"momentum must be finite and from 0 on, got {momentum!r}.")
    if init not in ("random", "zero"):
        raise ValueError(f"init must be 'random' or 'zero', got {init!r}.")
    rng = check_random_state(random_state) if init == "random" else None
    magnitude = np.sqrt(frames)
    # Very quiet and very loud frames alike: no square of a number leaves its range.
    scale = magnitude.dtype.type(np.exp2(np.frexp(magnitude.max())[1]))
    search = _PhaseSearch(magnitude / scale, framing, momentum)
    search.begin(rng)
    for _ in range(n_iter):
        search.iterate()
    return search.waveform() * scale


class _PhaseSearch:
    r"""State of the fast Griffin-Lim algorithm: two waveforms.

    The Fourier transform is linear, so the momentum may as well be given to the
    waveforms :math:`y_n = \mathcal{G}^{+} c_{n-1}`: what
    :math:`t_n + \alpha (t_n - t_{n-1})` is made of is
    :math:`y_n + \alpha (y_n - y_{n-1})`, and no spectrum need be kept.
    """

    def __init__(self, magnitude: NDArray, framing: Framing, momentum: float) -> None:
        self._magnitude = magnitude
        self._framing = framing
        self._momentum = magnitude.dtype.type(momentum)
        self._weights = framing.weights.astype(magnitude.dtype)
        n_samples = (len(magnitude) - 1) * framing.hop_length + framing.n_fft
        self._y = np.zeros(n_samples, dtype=magnitude.dtype)
        self._last = self._y
        self._normalisation = self._inverse_window_power()
        self._project = _find_projection(self._weights)

    def begin(self, rng: RandomState | None) -> None:
        """Make the first waveform from a random phase, or from zero phase."""
        y = np.zeros_like(self._y)
        for rows in gen_batches(len(self._magnitude), TILE_FRAMES):
            magnitude = self._magnitude[rows]
            spectrum = magnitude.astype(np.result_type(magnitude, np.complex64))
            if rng is not None:
                angle = 2 * np.pi * rng.random_sample(magnitude.shape)
                angle = angle.astype(magnitude.dtype)
                np.multiply(magnitude, np.cos(angle), out=spectrum.real)
                np.multiply(magnitude, np.sin(angle), out=spectrum.imag)
            first = rows.start * self._framing.hop_length
            frames = irfft(spectrum, n=self._framing.n_fft, axis=1) * self._weights
            _overlap_add(frames, self._framing.hop_length, y[first:])
        self._accept(y)

    def iterate(self) -> None:
        """Do one step: from the waveform to a new phase and the next waveform."""
        pushed = self._y + self._momentum * (self._y - self._last)
        y = np.zeros_like(self._y)
        hop = self._framing.hop_length
        self._project(pushed, hop, self._weights, self._magnitude, y)
        self._last = self._y
        self._accept(y)

    def waveform(self) -> NDArray:
        """Give the waveform without its padding."""
        padding = self._framing.padding
        return self._y[padding : len(self._y) - padding]

    def _accept(self, y: NDArray) -> None:
        y *= self._normalisation
        padding = self._framing.padding
        if padding:
            # The waveform ends where its padding begins.
            y[:padding] = 0
            y[len(y) - padding :] = 0
        self._y = y

    def _inverse_window_power(self) -> NDArray:
        """Invert the sum of squared windows at each sample.

        Where next to nothing of a window reaches, dividing by it would blow up what is
        no part of the waveform.
        """
        power = np.zeros_like(self._y)
        hop, n_fft = self._framing.hop_length, self._framing.n_fft
        squared = np.broadcast_to(self._weights**2, (TILE_FRAMES, n_fft))
        for rows in gen_batches(len(self._magnitude), TILE_FRAMES):
            n_frames = rows.stop - rows.start
            _overlap_add(squared[:n_frames], hop, power[rows.start * hop :])
        return 1 / np.maximum(power, power.max() * power.dtype.type(1e-3))


class _Projection(Protocol):
    """Gives the frames of a waveform new magnitudes and adds them to another one."""

    def __call__(
        self,
        samples: NDArray,
        hop_length: int,
        window: NDArray,
        magnitude: NDArray,
        out: NDArray,
    ) -> None: ...


def _find_projection(weights: NDArray) -> _Projection:
    """Choose the compiled projection where there is one, which is thrice as fast."""
    if weights.dtype == np.float32 and len(weights) == 2048:
        # Here and not above: importing the compiler takes half a second.
        from skhrmel._kernels import project

        return project
    return _project


def _project(
    samples: NDArray,
    hop_length: int,
    window: NDArray,
    magnitude: NDArray,
    out: NDArray,
) -> None:
    """Project by NumPy and SciPy, in tiles that stay in cache."""
    n_fft = len(window)
    frames = sliding_window_view(samples, n_fft)[::hop_length]
    for rows in gen_batches(len(magnitude), TILE_FRAMES):
        spectrum = rfft(frames[rows] * window, axis=1)
        _set_magnitude(spectrum, magnitude[rows])
        new = irfft(spectrum, n=n_fft, axis=1)
        new *= window
        _overlap_add(new, hop_length, out[rows.start * hop_length :])


def _overlap_add(frames: NDArray, hop_length: int, y: NDArray) -> None:
    """Add overlapping frames in as few steps as pieces of a hop make up a frame."""
    for start in range(0, frames.shape[1], hop_length):
        piece = frames[:, start : start + hop_length]
        length = piece.shape[1]
        # Pieces of the same place in their frames do not overlap.
        rows = y[start : start + (len(frames) - 1) * hop_length + length]
        targets = sliding_window_view(rows, length, writeable=True)[::hop_length]
        targets += piece


def _set_magnitude(spectrum: NDArray, magnitude: NDArray) -> None:
    """Give every bin a magnitude and leave its phase; bins of no phase get phase 0."""
    scale = np.abs(spectrum)
    vanishing = scale <= np.finfo(scale.dtype).tiny
    if vanishing.any():
        spectrum[vanishing] = 1
        scale[vanishing] = 1
    np.divide(magnitude, scale, out=scale)
    # As pairs of real numbers: the product with a complex number takes twice as long.
    spectrum.view(scale.dtype).reshape(*scale.shape, 2)[...] *= scale[:, :, None]
