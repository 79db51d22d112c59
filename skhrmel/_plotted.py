"""What is plotted: the transformer behind an estimator, power and time of its input."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from skhrmel._base import BaseMelTransformer
from skhrmel._front_end import AudioFrontEnd
from skhrmel.framing import Framing
from skhrmel.spectrum import power_frames


class PlottedFrames(NamedTuple):
    """Frames to be plotted.

    Attributes
    ----------
    transformer : BaseMelTransformer
        The fitted transformer of frames.
    power : ndarray of shape (n_frames, n_freqs)
        Power-spectrum frames.
    hop_length : int
        Distance of neighbouring frames in samples.
    """

    transformer: BaseMelTransformer
    power: NDArray
    hop_length: int


def frame_transformer(estimator: Any) -> BaseMelTransformer:
    """Find the mel transformer of an estimator.

    Parameters
    ----------
    estimator : estimator
        A mel transformer, or a fitted front end of one.

    Returns
    -------
    transformer : BaseMelTransformer
        The transformer.

    Raises
    ------
    TypeError
        If there is none.
    """
    transformer = estimator
    if isinstance(estimator, AudioFrontEnd):
        check_is_fitted(estimator)
        transformer = estimator.transformer_
    if not isinstance(transformer, BaseMelTransformer):
        raise TypeError(
            "Expected an HRMelTransformer, a LogMelTransformer or an AudioFrontEnd of "
            f"one, got {type(transformer).__name__}."
        )
    return transformer


def plotted_frames(estimator: Any, X: Any, hop_length: int) -> PlottedFrames:
    """Find the frames that `X` stands for.

    Parameters
    ----------
    estimator : estimator
        A fitted mel transformer, or a front end of one.
    X : array-like of shape (n_frames, n_freqs), or a clip
        Power-spectrum frames for a transformer, one clip for a front end.
    hop_length : int
        Distance of neighbouring frames in samples; a front end has its own.

    Returns
    -------
    frames : PlottedFrames
        The frames and their transformer.

    Raises
    ------
    ValueError
        If a front end keeps several channels.
    """
    transformer = frame_transformer(estimator)
    check_is_fitted(transformer)
    if not isinstance(estimator, AudioFrontEnd):
        return PlottedFrames(transformer, np.asarray(X), hop_length)
    if estimator.channels != "mono":
        raise ValueError(
            "A spectrogram shows one channel: expected channels='mono', got "
            f"{estimator.channels!r}."
        )
    framing: Framing = estimator._framing
    samples = np.concatenate(list(estimator._reader.blocks(X)), axis=1)[0]
    power = power_frames(
        samples,
        n_fft=framing.n_fft,
        hop_length=framing.hop_length,
        win_length=framing.win_length,
        window=framing.window,
        center=framing.center,
        pad_mode=framing.pad_mode,
    )
    return PlottedFrames(transformer, power, framing.hop_length)
