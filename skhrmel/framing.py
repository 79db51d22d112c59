"""How a waveform is cut into frames."""

import operator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.signal import get_window

PadMode = Literal["constant", "edge", "reflect"]


@dataclass(frozen=True)
class Framing:
    """How a waveform is cut into frames.

    Attributes
    ----------
    n_fft : int, default=2048
        Length of a frame and of its FFT in samples; even.
    hop_length : int, default=441
        Distance of neighbouring frames in samples.
    win_length : int or None, default=None
        Length of the window in samples, padded with zeros to `n_fft`; None is `n_fft`.
    window : str or tuple, default="hann"
        Window that ``scipy.signal.get_window`` knows; periodic.
    center : bool, default=True
        If True, frame ``t`` is centred on sample ``t * hop_length`` and the waveform is
        padded by ``n_fft // 2`` samples on both sides; else it begins there.
    pad_mode : {"constant", "edge", "reflect"}, default="constant"
        What is padded: zeros, the outermost sample, or the mirrored waveform.

    Raises
    ------
    ValueError
        If a length is impossible or a name is unknown.

    Examples
    --------
    >>> from skhrmel.framing import Framing
    >>> Framing(hop_length=512).n_frames(44100)
    87
    """

    n_fft: int = 2048
    hop_length: int = 441
    win_length: int | None = None
    window: str | tuple = "hann"
    center: bool = True
    pad_mode: PadMode = "constant"

    def __post_init__(self) -> None:
        """Check the lengths and names."""
        for name in ("n_fft", "hop_length", "win_length"):
            value = getattr(self, name)
            if not (
                hasattr(value, "__index__") or (name, value) == ("win_length", None)
            ):
                raise ValueError(f"{name} must be an integer, got {value!r}.")
            if value is not None:
                object.__setattr__(self, name, operator.index(value))
        if self.n_fft < 2 or self.n_fft % 2:
            raise ValueError(
                f"n_fft must be an even number of samples, got {self.n_fft!r}."
            )
        if self.hop_length < 1:
            raise ValueError(
                f"hop_length must be at least 1 sample, got {self.hop_length!r}."
            )
        if self.win_length is not None and not 1 <= self.win_length <= self.n_fft:
            raise ValueError(
                f"win_length must be from 1 to n_fft = {self.n_fft} samples, got "
                f"{self.win_length!r}."
            )
        if self.pad_mode not in ("constant", "edge", "reflect"):
            raise ValueError(
                "pad_mode must be 'constant', 'edge' or 'reflect', got "
                f"{self.pad_mode!r}."
            )
        # An unknown window is an error now and not when the first samples arrive.
        _ = self.weights

    @cached_property
    def weights(self) -> NDArray:
        """The window, float64, padded with zeros to `n_fft` samples."""
        win_length = self.win_length or self.n_fft
        window = get_window(self.window, win_length)
        before = (self.n_fft - win_length) // 2
        return np.pad(window, (before, self.n_fft - win_length - before))

    @property
    def padding(self) -> int:
        """Number of samples padded on each side."""
        return self.n_fft // 2 if self.center else 0

    def n_frames(self, n_samples: int) -> int:
        """Count the frames of a waveform.

        Parameters
        ----------
        n_samples : int
            Length of the waveform in samples.

        Returns
        -------
        n_frames : int
            Number of frames, 0 if it is too short for one.
        """
        padded = n_samples + 2 * self.padding
        if n_samples < 1 or padded < self.n_fft:
            return 0
        return 1 + (padded - self.n_fft) // self.hop_length
