"""What ``skhrmel report`` lets people hear: excerpts, decoded in every way."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, clone

from skhrmel.ablation import HOP_LENGTH, N_FFT, SR, Track, TrackResult
from skhrmel.framing import Framing
from skhrmel.griffin_lim import griffin_lim
from skhrmel.metrics import (
    band_relative_errors,
    log_spectral_distance,
    relative_error,
    spectral_convergence,
)
from skhrmel.spectrum import power_blocks, power_frames

#: Number of iterations of Griffin-Lim.
N_ITER = 64
# Decoders learn of every eighth frame of at most so many other tracks.
_LEARN_STEP, _LEARN_TRACKS = 8, 24
# What fewer other tracks teach is worse than nothing in the treble, on eight of ten of
# 12 excerpts of 6 s; the rest of the same track is better there in 11 of 12, from about
# two seconds on.
_LEARN_TRACKS_AT_LEAST, _LEARN_SECONDS_AT_LEAST = 10, 2.0
# What is begun or cut off at once clicks.
_FADE_SECONDS = 0.01
# Largest sample of the loudest version.
_PEAK = 0.97
#: Name of the HR-Mel paper's own layout among the representations.
PROPOSED = "HR-Mel 40/32/24"
#: Name of what it is compared with: as many bins, spread uniformly.
USUAL = "Log-Mel-96"
# Decoders, and what people read.
_DECODERS = {"pinv": "pseudo-inverse", "kl": "kl"}


@dataclass(frozen=True)
class Version:
    """One way in which an excerpt sounds.

    Attributes
    ----------
    name : str
        Name for people.
    samples : ndarray of shape (n_samples,)
        Waveform, level matched with the original.
    power : ndarray of shape (n_frames, n_freqs)
        Power-spectrum frames that were decoded, before a phase was found.
    metrics : dict of str to float
        Figures against the original; empty for the original. ``"visqol"`` where
        `skhrmel.perceptual` is installed and has an opinion.
    gain : float
        Gain in dB that matched its level.
    """

    name: str
    samples: NDArray
    power: NDArray
    metrics: dict[str, float]
    gain: float = 0.0


@dataclass(frozen=True)
class Excerpt:
    """A few seconds of a track in every version.

    Attributes
    ----------
    track : str
        Name of the track.
    start : float
        Where it begins, in seconds.
    seconds : float
        Its duration.
    versions : tuple of Version
        The original first.
    learned : str
        What the decoders have learned from.
    gain : float
        Gain in dB of all versions that keeps the loudest sample in range.
    """

    track: str
    start: float
    seconds: float
    versions: tuple[Version, ...]
    learned: str
    gain: float


def a_weighted_level(y: ArrayLike, *, sr: float = SR) -> float:
    r"""Compute the level of a waveform as the ear weighs frequencies.

    The mean square after the A-weighting of IEC 61672-1 [1]_,

    .. math:: R_A(f) = \frac{12194^2 f^4}{(f^2 + 20.6^2)
              \sqrt{(f^2 + 107.7^2)(f^2 + 737.9^2)} (f^2 + 12194^2)}

    which is 1 at 1 kHz after a factor of 1.2589.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Waveform.
    sr : float, default=44100
        Sampling rate in Hz.

    Returns
    -------
    level : float
        In dB; 0 for a square of mean 1 at 1 kHz, minus infinity for silence.

    References
    ----------
    .. [1] IEC 61672-1:2013, "Electroacoustics - Sound level meters".

    Examples
    --------
    >>> import numpy as np
    >>> from skhrmel.report import a_weighted_level
    >>> tone = np.sin(2 * np.pi * 1000 * np.arange(44100) / 44100)
    >>> round(a_weighted_level(tone), 1)
    -3.0
    """
    samples = np.asarray(y, dtype=np.float64)
    squared = np.fft.rfftfreq(len(samples), 1 / sr) ** 2
    weight = 12194.0**2 * squared**2 / (squared + 20.6**2) / (squared + 12194.0**2)
    weight *= 10**0.1 / np.sqrt((squared + 107.7**2) * (squared + 737.9**2))
    power = np.abs(np.fft.rfft(samples) * weight) ** 2
    # All frequencies but the first and perhaps the last stand for two.
    power[1 : (len(samples) + 1) // 2] *= 2
    with np.errstate(divide="ignore"):
        return float(10 * np.log10(power.sum() / len(samples) ** 2))


def loudest_start(samples: NDArray, n_samples: int, *, step: int = HOP_LENGTH) -> int:
    """Find where an excerpt has the most energy.

    Parameters
    ----------
    samples : ndarray of shape (n_total,)
        Waveform of a track.
    n_samples : int
        Length of the excerpt in samples.
    step : int, default=441
        Distance of starts that are tried, in samples.

    Returns
    -------
    start : int
        First sample of the excerpt; 0 if the track is no longer than it.

    Examples
    --------
    >>> import numpy as np
    >>> from skhrmel.report import loudest_start
    >>> loudest_start(np.array([0, 0, 1, -3, 2, 0]), 2, step=1)
    3
    """
    energy = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    starts = np.arange(0, max(1, len(samples) - n_samples + 1), step)
    ends = np.minimum(starts + n_samples, len(samples))
    return int(starts[np.argmax(energy[ends] - energy[starts])])


def choose_tracks(
    results: Sequence[TrackResult], n_tracks: int, *, first: str, second: str
) -> list[str]:
    """Choose tracks that show the whole range of a difference.

    Parameters
    ----------
    results : sequence of TrackResult
        What was measured.
    n_tracks : int
        Number of tracks to choose.
    first, second : str
        Names of two representations.

    Returns
    -------
    names : list of str
        Tracks from the one on which the first has the least overall error relative to
        the second to the one on which it has the most, evenly spaced by rank.

    Examples
    --------
    >>> from skhrmel.ablation import TrackResult
    >>> from skhrmel.report import choose_tracks
    >>> results = [
    ...     TrackResult(f"{k}", 1.0, {"a": {"overall": k}, "b": {"overall": 1.0}})
    ...     for k in (0.5, 0.2, 0.9)
    ... ]
    >>> choose_tracks(results, 2, first="a", second="b")
    ['0.2', '0.9']
    """
    measured = [result for result in results if result.errors]

    def difference(result: TrackResult) -> float:
        errors = result.errors
        return errors[first]["overall"] - errors[second]["overall"]

    ranked = sorted(measured, key=difference)
    if n_tracks == 1 and ranked:
        return [ranked[len(ranked) // 2].name]
    places = np.linspace(0, len(ranked) - 1, min(n_tracks, len(ranked)))
    return [ranked[round(place)].name for place in places.tolist()]


def make_excerpts(
    tracks: Sequence[Track],
    chosen: Mapping[str, float | None],
    representations: Mapping[str, BaseEstimator],
    *,
    seconds: float = 6.0,
) -> Iterable[Excerpt]:
    """Cut excerpts, and decode them in every way.

    Every representation is decoded by the pseudo-inverse and by ``decoder="kl"``. That
    has learned of the other tracks where there are ten or more. What fewer teach can be
    worse than nothing, so it then learns of the same track outside of the excerpt, or
    nothing where less than two seconds are left. A phase is found by Griffin-Lim, in
    one version for the true magnitude: what that loses, none of the others can have.

    Parameters
    ----------
    tracks : sequence of Track
        All tracks, of which decoders learn. Those that cannot be loaded are left out.
    chosen : mapping of str to (float or None)
        Names of tracks, and where their excerpts begin in seconds; None finds the
        loudest part.
    representations : mapping of str to estimator
        Mel transformers with a parameter `decoder`.
    seconds : float, default=6.0
        Duration of an excerpt.

    Yields
    ------
    excerpt : Excerpt
        The excerpts in the order of `chosen`, each as soon as it is ready.

    Raises
    ------
    ValueError
        If a chosen track is unknown or too short, or a start lies outside of it.
    """
    by_name = {track.name: track for track in tracks}
    lessons: dict[str, NDArray | None] = {}
    for name, start in chosen.items():
        if name not in by_name:
            raise ValueError(f"{name}: not one of the tracks.")
        samples, _ = by_name[name].load()
        n_samples = min(
            max(1, round(seconds * SR / HOP_LENGTH)), len(samples) // HOP_LENGTH
        )
        n_samples *= HOP_LENGTH
        if n_samples == 0:
            raise ValueError(
                f"{name}: {len(samples)} samples are too short; an excerpt has "
                f"at least {HOP_LENGTH}."
            )
        if start is None:
            first = loudest_start(samples, n_samples)
        elif 0 <= start * SR <= len(samples) - n_samples:
            first = round(start * SR)
        else:
            latest = (len(samples) - n_samples) / SR
            raise ValueError(
                f"{name}: an excerpt of {n_samples / SR:g} s begins between 0 and "
                f"{latest:.2f} s, got {start:g} s."
            )
        excerpt = samples[first : first + n_samples]
        rest = [samples[:first], samples[first + n_samples :]]
        others = [track for track in tracks if track.name != name]
        training, learned = _training_frames(others, rest, lessons)
        yield _decode_excerpt(
            Excerpt(name, first / SR, n_samples / SR, (), learned, 0.0),
            excerpt,
            representations,
            training,
        )


def _training_frames(
    others: Sequence[Track],
    rest: Sequence[NDArray],
    lessons: dict[str, NDArray | None],
) -> tuple[list[NDArray], str]:
    """Collect frames to learn from, and say what they are.

    `lessons` keeps those of a track, or None where it cannot be loaded, for the next.
    """
    if len(others) >= _LEARN_TRACKS_AT_LEAST:
        training = _other_frames(others, lessons)
        if len(training) >= _LEARN_TRACKS_AT_LEAST:
            return training, f"every eighth frame of {len(training)} other tracks"
    if sum(map(len, rest)) >= _LEARN_SECONDS_AT_LEAST * SR:
        parts = [part for part in rest if len(part) >= N_FFT]
        return (
            [_every_eighth_frame(part) for part in parts],
            "every eighth frame of this track outside of the excerpt",
        )
    return [], (
        f"nothing: there are fewer than {_LEARN_TRACKS_AT_LEAST} other tracks, and "
        "the rest of this one is too short"
    )


def _other_frames(
    others: Sequence[Track], lessons: dict[str, NDArray | None]
) -> list[NDArray]:
    places = np.linspace(0, len(others) - 1, min(_LEARN_TRACKS, len(others)))
    found = []
    for place in places.round().astype(int).tolist():
        track = others[place]
        if track.name not in lessons:
            try:
                lessons[track.name] = _every_eighth_frame(track.load()[0])
            except ValueError:
                lessons[track.name] = None
        found.append(lessons[track.name])
    return [frames for frames in found if frames is not None]


def _every_eighth_frame(samples: NDArray) -> NDArray:
    blocks = power_blocks(samples, n_fft=N_FFT, hop_length=HOP_LENGTH)
    return np.vstack([block[::_LEARN_STEP] for block in blocks])


def _decode_excerpt(
    excerpt: Excerpt,
    samples: NDArray,
    representations: Mapping[str, BaseEstimator],
    training: Sequence[NDArray],
) -> Excerpt:
    power = power_frames(samples, n_fft=N_FFT, hop_length=HOP_LENGTH)
    decoded = {"Original magnitude, new phase": power}
    for name, estimator in representations.items():
        for decoder, words in _DECODERS.items():
            transformer = clone(estimator).set_params(decoder=decoder)
            # Silence teaches nothing; the pseudo-inverse learns nothing.
            transformer.fit(np.zeros_like(power[:1]))
            for frames in training if decoder == "kl" else ():
                transformer.partial_fit(frames)
            features = transformer.transform(power)
            decoded[f"{name}, {words}"] = transformer.inverse_transform(features)
    versions = [Version("Original", samples, power, {})]
    for name, spectrum in decoded.items():
        versions.append(_sound(name, spectrum, samples, power))
    fade = np.minimum(1, np.arange(len(samples)) / (_FADE_SECONDS * SR))
    fade *= fade[::-1]
    peak = max(np.abs(version.samples).max() for version in versions)
    # Only down: a quiet excerpt stays as quiet as it is.
    factor = _PEAK / peak if peak > _PEAK else 1.0
    faded = [
        replace(version, samples=version.samples * (factor * fade))
        for version in versions
    ]
    return replace(excerpt, versions=tuple(faded), gain=float(20 * np.log10(factor)))


def _sound(name: str, spectrum: NDArray, original: NDArray, power: NDArray) -> Version:
    """Find a waveform, match its level, and measure."""
    framing = Framing(N_FFT, HOP_LENGTH)
    waveform = griffin_lim(spectrum, framing, n_iter=N_ITER)
    gain = a_weighted_level(original) - a_weighted_level(waveform)
    if not np.isfinite(gain):
        # Silence stays silent, at any gain.
        gain = 0.0
    waveform = waveform * 10 ** (gain / 20)
    metrics = {
        "overall": relative_error(power, spectrum),
        **band_relative_errors(power, spectrum, sr=SR),
        "log_distance": log_spectral_distance(power, spectrum),
        "convergence": spectral_convergence(
            power, power_frames(waveform, n_fft=N_FFT, hop_length=HOP_LENGTH)
        ),
    }
    if find_spec("visqol") is not None:
        from skhrmel.perceptual import visqol

        # Silence and excerpts of a second or so have no score.
        with suppress(ValueError):
            metrics["visqol"] = visqol(original, waveform, sr=SR)
    return Version(name, waveform, spectrum, metrics, float(gain))
