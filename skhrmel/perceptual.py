"""How good reconstructed music sounds, by ViSQOL; needs ``skhrmel[perceptual]``."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import soxr
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from skhrmel._front_end import AudioFrontEnd
from skhrmel.audio import Clip

# The rate at which ViSQOL compares music, Hz.
_SR = 48000


def visqol(y: ArrayLike, y_hat: ArrayLike, *, sr: float = 44100) -> float:
    """Predict how good listeners find a reconstruction, by ViSQOL in its audio mode.

    ViSQOL [1]_ compares gammatone spectrograms patch by patch, and maps their
    similarity to what listeners said of codecs. Waveforms are resampled to 48 kHz.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Original waveform, of samples of about -1 to 1.
    y_hat : array-like of shape (n_samples,)
        Reconstructed waveform.
    sr : float, default=44100
        Sampling rate of both in Hz.

    Returns
    -------
    score : float
        Mean opinion score (MOS-LQO) from 1, bad, to about 4.75, excellent.

    Raises
    ------
    ImportError
        If ``visqol-python`` is not installed.
    ValueError
        If a waveform is silent, not finite, not one-dimensional or too short.

    References
    ----------
    .. [1] M. Chinen et al., "ViSQOL v3: an open source production ready objective
       speech and audio metric", QoMEX, 2020.

    Examples
    --------
    >>> from skhrmel.datasets import make_music
    >>> from skhrmel.perceptual import visqol
    >>> clips, _ = make_music(1, duration=3.0)
    >>> visqol(clips[0], clips[0]) > 4.5
    True
    """
    api = _visqol_api()
    original, reconstruction = (
        _resampled(array, name, sr) for array, name in ((y, "y"), (y_hat, "y_hat"))
    )
    if not original.any() or not reconstruction.any():
        raise ValueError("ViSQOL cannot judge silence: y or y_hat is all zeros.")
    try:
        result = api.measure_from_arrays(original, reconstruction, _SR)
    except (ValueError, IndexError, RuntimeError) as error:
        raise ValueError(
            f"ViSQOL cannot compare waveforms of {len(original) / _SR:.2f} s and "
            f"{len(reconstruction) / _SR:.2f} s: {error}"
        ) from error
    return float(result.moslqo)


def mean_opinion_score(
    estimator: AudioFrontEnd,
    X: Sequence[Clip],
    y: None = None,  # noqa: ARG001
) -> float:
    """Score a front end by how good its reconstruction of clips sounds.

    Encodes and decodes clips, finds a phase by Griffin-Lim, and compares with the
    originals by `visqol`. A scorer for ``GridSearchCV`` over clips.

    Parameters
    ----------
    estimator : AudioFrontEnd
        A fitted front end with ``channels="mono"``.
    X : sequence of clips
        As for `AudioFrontEnd.transform`.
    y : None
        Ignored; part of scikit-learn's interface.

    Returns
    -------
    score : float
        Mean over clips of the predicted opinion score, 1 to about 4.75.

    Raises
    ------
    ImportError
        If ``visqol-python`` is not installed.
    ValueError
        If the front end keeps several channels, or a clip is silent or too short.

    Examples
    --------
    >>> from skhrmel import AudioFrontEnd
    >>> from skhrmel.datasets import make_music
    >>> from skhrmel.perceptual import mean_opinion_score
    >>> clips, _ = make_music(1, duration=3.0)
    >>> 1 < mean_opinion_score(AudioFrontEnd(n_iter=8).fit(clips), clips) < 4.75
    True
    """
    check_is_fitted(estimator)
    if estimator.channels != "mono":
        raise ValueError(
            "The opinion score compares one channel: expected channels='mono', got "
            f"{estimator.channels!r}."
        )
    reader = estimator._reader
    scores = []
    for number, clip in enumerate(X):
        (features,) = estimator.transform([clip])
        (reconstruction,) = estimator.inverse_transform([features])
        original = np.concatenate(list(reader.blocks(clip, f"clip {number}")), axis=1)
        # The reconstruction ends with the last whole hop.
        original = original[0, : len(reconstruction)]
        scores.append(visqol(original, reconstruction, sr=estimator.sr))
    return float(np.mean(scores))


@cache
def _visqol_api() -> Any:
    try:
        from visqol import VisqolApi
    except ImportError as error:
        raise ImportError(
            "ViSQOL needs the package visqol-python: "
            "pip install 'skhrmel[perceptual]' or pip install visqol-python."
        ) from error
    api = VisqolApi()
    api.create(mode="audio")
    return api


def _resampled(waveform: ArrayLike, name: str, sr: float) -> NDArray:
    samples = check_array(waveform, dtype=np.float64, ensure_2d=False, input_name=name)
    if samples.ndim != 1:
        raise ValueError(
            f"{name} must be one waveform of shape (n_samples,), got {samples.shape}."
        )
    return np.asarray(soxr.resample(samples, sr, _SR))
