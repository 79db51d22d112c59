"""The HR-Mel paper's experiment: what each representation loses of each track."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone

from skhrmel._threads import one_blas_thread
from skhrmel._transformers import HRMelTransformer, LogMelTransformer
from skhrmel.metrics import PAPER_BANDS, ErrorSpectrum
from skhrmel.rate_distortion import RatePoint, measure_rates
from skhrmel.spectrum import power_blocks

#: Sampling rate of the command's figures, Hz.
SR = 44100
#: Length of a frame in the command's figures, samples.
N_FFT = 2048
#: Distance of neighbouring frames in the command's figures, samples.
HOP_LENGTH = 441
#: Peak below which a track has no relative error, where full scale is 1: -300 dB, of
#: which float32 power still holds all digits.
SILENCE = 1e-15
# Neighbouring frames lose the same, and every rate decodes them again.
_RATE_STEP = 8
#: Names of the errors of a track: overall, then those of the paper's frequency ranges.
ERROR_NAMES = ("overall", *PAPER_BANDS)


def paper_representations() -> dict[str, BaseEstimator]:
    """Make the representations of the HR-Mel paper's tables.

    Returns
    -------
    representations : dict of str to estimator
        Unfitted transformers by the paper's names.

    Examples
    --------
    >>> from skhrmel.ablation import paper_representations
    >>> list(paper_representations())[:3]
    ['Mel-80', 'Log-Mel-80', 'Mel-96']
    """
    return {
        "Mel-80": LogMelTransformer(n_mels=80, compression="identity"),
        "Log-Mel-80": LogMelTransformer(n_mels=80),
        "Mel-96": LogMelTransformer(compression="identity"),
        "Log-Mel-96": LogMelTransformer(),
        "HR-Mel 40/32/24": HRMelTransformer(),
        "HR-Mel 32/32/32": HRMelTransformer(n_mels=(32, 32, 32)),
        "HR-Mel 24/32/40": HRMelTransformer(n_mels=(24, 32, 40)),
    }


@dataclass(frozen=True)
class Track:
    """A track to measure: its name and how to get its samples.

    Attributes
    ----------
    name : str
        Name for reports, for instance its path.
    load : callable
        Called without arguments when the track's turn comes; gives the waveform,
        ndarray of shape (n_samples,) at 44.1 kHz, and a note for the report, which may
        be empty. A ValueError it raises becomes the reason why the track is skipped.
    """

    name: str
    load: Callable[[], tuple[NDArray, str]]


@dataclass(frozen=True)
class TrackResult:
    """What was measured on one track.

    Attributes
    ----------
    name : str
        Name of the track.
    seconds : float
        Its duration, 0 if it could not be loaded.
    errors : dict of str to dict of str to float
        By representation, then by the names in `ERROR_NAMES`; empty if it was skipped.
    note : str
        Something the user should know, for instance that it was resampled.
    problem : str
        Why it was skipped, empty if it was not.
    warnings : tuple of str
        Warnings of the representations, for instance of empty filters.
    rates : tuple of RatePoint
        What quantised features lose, if that was asked for.
    """

    name: str
    seconds: float
    errors: dict[str, dict[str, float]]
    note: str = ""
    problem: str = ""
    warnings: tuple[str, ...] = ()
    rates: tuple[RatePoint, ...] = ()


def measure_track(
    track: Track,
    representations: Mapping[str, BaseEstimator],
    *,
    n_fft: int = 2048,
    hop_length: int = 441,
    n_bits: Sequence[int] = (),
) -> TrackResult:
    """Represent and reconstruct one track in every way.

    Works on a block of frames at a time, so that memory is taken up by the waveform
    and not by its spectrogram.

    Parameters
    ----------
    track : Track
        The track.
    representations : mapping of str to estimator
        Transformers with an `inverse_transform`. They are fitted to the first frames,
        unless they are frozen by `sklearn.frozen.FrozenEstimator`.
    n_fft : int, default=2048
        Length of the FFT in samples.
    hop_length : int, default=441
        Distance of neighbouring frames in samples.
    n_bits : sequence of int, default=()
        Bits at which features are quantised too, after each compression; on every
        eighth frame.

    Returns
    -------
    result : TrackResult
        The errors, or the reason why there are none.

    Examples
    --------
    >>> from skhrmel import LogMelTransformer
    >>> from skhrmel.ablation import Track, measure_track
    >>> from skhrmel.datasets import make_music
    >>> clips, _ = make_music(1, duration=1.0)
    >>> track = Track("synthetic", lambda: (clips[0], ""))
    >>> result = measure_track(track, {"Log-Mel-96": LogMelTransformer()})
    >>> sorted(result.errors["Log-Mel-96"])
    ['high', 'low', 'mid', 'overall']
    """
    try:
        samples, note = track.load()
    except ValueError as error:
        return TrackResult(track.name, 0.0, {}, problem=str(error))
    seconds = len(samples) / SR
    peak = float(np.abs(samples).max(initial=0))
    if peak < SILENCE:
        problem = f"silent, with a peak of {peak:g}, so it has no relative error"
        return TrackResult(track.name, seconds, {}, note, problem)
    # Kept with the result: a worker process would print them where nobody looks.
    with warnings.catch_warnings(record=True) as caught, one_blas_thread():
        warnings.simplefilter("always")
        try:
            spectra = _error_spectra(samples, representations, n_fft, hop_length)
            rates = _rates(samples, n_bits, n_fft, hop_length) if n_bits else ()
        except (ValueError, MemoryError) as error:
            # One track must not cost the others.
            problem = str(error) or type(error).__name__
            return TrackResult(track.name, seconds, {}, note, problem)
    errors = {
        name: {
            "overall": spectrum.relative_error(),
            **spectrum.band_relative_errors(sr=SR, bands=PAPER_BANDS),
        }
        for name, spectrum in spectra.items()
    }
    messages = tuple(dict.fromkeys(str(warning.message) for warning in caught))
    return TrackResult(track.name, seconds, errors, note, "", messages, rates)


def _rates(
    samples: NDArray, n_bits: Sequence[int], n_fft: int, hop_length: int
) -> tuple[RatePoint, ...]:
    blocks = power_blocks(samples, n_fft=n_fft, hop_length=hop_length)
    frames = np.vstack([block[::_RATE_STEP] for block in blocks])
    return tuple(measure_rates(frames, n_bits))


def _error_spectra(
    samples: NDArray,
    representations: Mapping[str, BaseEstimator],
    n_fft: int,
    hop_length: int,
) -> dict[str, ErrorSpectrum]:
    fitted: dict[str, BaseEstimator] = {}
    spectra: dict[str, ErrorSpectrum] = {}
    for block in power_blocks(samples, n_fft=n_fft, hop_length=hop_length):
        if not fitted:
            fitted = {
                name: clone(estimator).fit(block, None)
                for name, estimator in representations.items()
            }
        for name, estimator in fitted.items():
            reconstruction = estimator.inverse_transform(estimator.transform(block))
            spectrum = ErrorSpectrum.between(block, reconstruction)
            spectra[name] = spectra[name] + spectrum if name in spectra else spectrum
    return spectra


def measure_tracks(
    tracks: Sequence[Track],
    representations: Mapping[str, BaseEstimator],
    *,
    n_fft: int = 2048,
    hop_length: int = 441,
    n_bits: Sequence[int] = (),
    n_jobs: int | None = None,
) -> Iterator[TrackResult]:
    """Measure many tracks, one in memory for each job.

    The same figures as ``GridSearchCV`` with ``cv=LeaveOneGroupOut()`` and a track a
    group gives, without holding all frames of all tracks.

    Parameters
    ----------
    tracks : sequence of Track
        The tracks.
    representations : mapping of str to estimator
        Transformers with an `inverse_transform`.
    n_fft : int, default=2048
        Length of the FFT in samples.
    hop_length : int, default=441
        Distance of neighbouring frames in samples.
    n_bits : sequence of int, default=()
        Bits at which features are quantised too, see `measure_track`.
    n_jobs : int or None, default=None
        Number of joblib workers; None is 1 unless a ``joblib.parallel_config`` says
        otherwise.

    Returns
    -------
    results : iterator of TrackResult
        The results in the order of `tracks`, each as soon as it is there.

    Examples
    --------
    >>> from skhrmel.ablation import Track, measure_tracks, paper_representations
    >>> from skhrmel.datasets import make_music
    >>> clips, styles = make_music(2, duration=1.0)
    >>> tracks = [Track(s, lambda c=c: (c, "")) for s, c in zip(styles, clips)]
    >>> [r.name for r in measure_tracks(tracks, paper_representations())]
    ['chorale', 'piano']
    """
    parallel = Parallel(n_jobs=n_jobs, return_as="generator")
    results: Iterator[TrackResult] = parallel(
        delayed(measure_track)(
            track,
            representations,
            n_fft=n_fft,
            hop_length=hop_length,
            n_bits=n_bits,
        )
        for track in tracks
    )
    return results


def stack_errors(
    results: Sequence[TrackResult], representation: str
) -> dict[str, NDArray]:
    """Collect the errors of one representation over the tracks that were measured.

    Parameters
    ----------
    results : sequence of TrackResult
        The tracks; skipped ones are left out.
    representation : str
        Name of the representation.

    Returns
    -------
    errors : dict of str to ndarray of shape (n_measured_tracks,)
        One array for each of `ERROR_NAMES`.

    Examples
    --------
    >>> from skhrmel.ablation import TrackResult, stack_errors
    >>> errors = dict(overall=0.3, low=0.2, mid=0.6, high=0.7)
    >>> stack_errors([TrackResult("song", 1.0, {"HR-Mel": errors})], "HR-Mel")["mid"]
    array([0.6])
    """
    measured = [result.errors[representation] for result in results if result.errors]
    return {
        name: np.array([errors[name] for errors in measured]) for name in ERROR_NAMES
    }
