"""Deterministic synthetic music for demos and tests."""

from typing import NamedTuple

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray
from scipy.signal import butter, fftconvolve, sosfilt
from sklearn.utils import check_random_state

_MINOR_SCALE = (0, 2, 3, 5, 7, 8, 10)
_PENTATONIC = (0, 3, 5, 7, 10)
# Scale degrees of the chords of four bars.
_PROGRESSIONS = ((0, 5, 2, 6), (0, 3, 4, 0), (0, 6, 5, 4), (0, 2, 3, 4))
_BEATS_A_BAR = 4
_PEAK = 0.8
# A track of a few samples may end before its first note sounds.
_QUIET = 1e-9


class _Instrument(NamedTuple):
    """A sound of decaying partials.

    `rolloff` is the exponent by which the partials weaken with their number, `decay`
    how fast the first one fades (1/s; the higher ones fade faster), `attack` the time
    (s) to full level, `stretch` the inharmonicity of a stiff string and `vibrato` the
    depth of a 5.5 Hz vibrato relative to the frequency.
    """

    rolloff: float
    decay: float
    attack: float = 0.005
    stretch: float = 0.0
    vibrato: float = 0.0


_PIANO = _Instrument(rolloff=1.3, decay=2.0, stretch=4e-4)
_PLUCK = _Instrument(rolloff=1.0, decay=4.0, stretch=1e-4)
_BELL = _Instrument(rolloff=0.6, decay=1.5, stretch=2e-2)
_STRINGS = _Instrument(rolloff=1.2, decay=0.2, attack=0.15, vibrato=0.003)
_ORGAN = _Instrument(rolloff=1.6, decay=0.05, attack=0.03)
_LEAD = _Instrument(rolloff=0.9, decay=0.8, attack=0.02, vibrato=0.005)
_BASS = _Instrument(rolloff=1.5, decay=1.5, attack=0.01)


class _Style(NamedTuple):
    """Who plays, how fast (beats a minute) and how loud (dB)."""

    tempo: float
    chords: _Instrument
    arpeggio: bool
    melody: _Instrument | None
    bass_db: float
    drums_db: float


_STYLES = {
    "chorale": _Style(72, _ORGAN, False, None, -6, -np.inf),
    "piano": _Style(96, _PIANO, True, _PIANO, -8, -np.inf),
    "strings": _Style(80, _STRINGS, False, _LEAD, -6, -np.inf),
    "dance": _Style(126, _PLUCK, True, _LEAD, 0, -2),
    "bells": _Style(88, _BELL, True, _BELL, -12, -20),
    "band": _Style(112, _PLUCK, False, _LEAD, -3, -6),
}


def make_music(
    n_tracks: int = 12,
    *,
    duration: float = 10.0,
    sr: int = 44100,
    random_state: int | RandomState | None = 0,
) -> tuple[list[NDArray], list[str]]:
    """Make synthetic music in several styles.

    Chords, bass, melody and drums from additive synthesis: notes of decaying, slightly
    inharmonic partials, drums of filtered noise, a little reverberation. Synthetic, and
    no replacement for recordings, but its energy is spread over frequency as in music:
    most below 1.5 kHz, in narrow partials. Track ``k`` does not depend on how many
    tracks are made.

    Parameters
    ----------
    n_tracks : int, default=12
        Number of tracks; the styles take turns.
    duration : float, default=10.0
        Length of each track in seconds.
    sr : int, default=44100
        Sampling rate in Hz.
    random_state : int, RandomState instance or None, default=0
        Seed of keys, tunes and rhythms; None makes new music at every call.

    Returns
    -------
    clips : list of ndarray of shape (n_samples,)
        One mono waveform a track, float32 within [-0.8, 0.8].
    styles : list of str
        The style of each track.

    Raises
    ------
    ValueError
        If `n_tracks` is below 1, `sr` below 2 kHz, or `duration` not finite or shorter
        than one sample.

    Examples
    --------
    >>> from skhrmel.datasets import make_music
    >>> clips, styles = make_music(n_tracks=3, duration=0.5)
    >>> [(style, clip.shape) for style, clip in zip(styles, clips)]
    [('chorale', (22050,)), ('piano', (22050,)), ('strings', (22050,))]
    """
    if n_tracks < 1:
        raise ValueError(f"n_tracks must be at least 1, got {n_tracks!r}.")
    if not 2000 <= sr < np.inf:
        raise ValueError(f"sr must be at least 2000 Hz, got {sr!r}.")
    n_samples = round(duration * sr) if np.isfinite(duration) else 0
    if n_samples < 1:
        raise ValueError(
            f"duration must be at least one sample, 1 / sr = {1 / sr:g} s, got "
            f"{duration!r}."
        )
    seeds = check_random_state(random_state)
    styles = [list(_STYLES)[k % len(_STYLES)] for k in range(n_tracks)]
    clips = [
        _make_track(
            _STYLES[style], n_samples, sr, RandomState(seeds.randint(2**31 - 1))
        )
        for style in styles
    ]
    return clips, styles


def _make_track(style: _Style, n_samples: int, sr: int, rng: RandomState) -> NDArray:
    beat = 60 / (style.tempo * rng.uniform(0.9, 1.1))
    tonic = 48 + rng.randint(12)
    degrees = _PROGRESSIONS[rng.randint(len(_PROGRESSIONS))]
    mix = np.zeros(n_samples)
    melody_step = rng.randint(len(_PENTATONIC))
    for bar in range(int(n_samples / sr / (beat * _BEATS_A_BAR)) + 1):
        start = bar * beat * _BEATS_A_BAR
        chord = [
            tonic + _scale_note(degrees[bar % len(degrees)] + third)
            for third in (0, 2, 4)
        ]
        _play_chord(mix, style, chord, start, beat, sr, rng)
        _play_bass(mix, style, chord[0] - 12, start, beat, sr)
        if style.melody is not None:
            melody_step = _play_melody(
                mix, style.melody, tonic + 12, melody_step, start, beat, sr, rng
            )
        if style.drums_db > -np.inf:
            _play_drums(mix, _db(style.drums_db), start, beat, sr, rng)
    mix = _reverberate(mix, sr, rng)
    mix += _db(-75) * max(np.abs(mix).max(), _QUIET) * rng.standard_normal(n_samples)
    return (mix * (_PEAK / np.abs(mix).max())).astype(np.float32)


def _play_chord(
    mix: NDArray,
    style: _Style,
    chord: list[int],
    start: float,
    beat: float,
    sr: int,
    rng: RandomState,
) -> None:
    if not style.arpeggio:
        for pitch in chord:
            note = _note(style.chords, pitch, beat * _BEATS_A_BAR, sr)
            _add(mix, note, start, sr, 0.3)
        return
    for eighth in range(2 * _BEATS_A_BAR):
        pitch = chord[eighth % 3] + 12 * rng.randint(2)
        note = _note(style.chords, pitch, beat, sr)
        _add(mix, note, start + eighth * beat / 2, sr, 0.4)


def _play_bass(
    mix: NDArray, style: _Style, pitch: int, start: float, beat: float, sr: int
) -> None:
    for half in range(2):
        note = _note(_BASS, pitch, 2 * beat, sr)
        _add(mix, note, start + half * 2 * beat, sr, 0.7 * _db(style.bass_db))


def _play_melody(
    mix: NDArray,
    instrument: _Instrument,
    base: int,
    step: int,
    start: float,
    beat: float,
    sr: int,
    rng: RandomState,
) -> int:
    """Play a bar of a random walk on the pentatonic scale; say where it stopped."""
    for quarter in range(_BEATS_A_BAR):
        step = int(np.clip(step + rng.randint(-2, 3), 0, 9))
        octave, degree = divmod(step, len(_PENTATONIC))
        note = _note(instrument, base + 12 * octave + _PENTATONIC[degree], beat, sr)
        _add(mix, note, start + quarter * beat, sr, 0.35)
    return step


def _play_drums(
    mix: NDArray, level: float, start: float, beat: float, sr: int, rng: RandomState
) -> None:
    for eighth in range(2 * _BEATS_A_BAR):
        at = start + eighth * beat / 2
        _add(mix, _noise_hit((7000, 16000), 60, sr, rng), at, sr, 0.12 * level)
        if eighth % 4 == 0:
            _add(mix, _kick(sr), at, sr, level)
        if eighth % 4 == 2:
            _add(mix, _noise_hit((400, 6000), 18, sr, rng), at, sr, 0.4 * level)


def _note(instrument: _Instrument, pitch: int, seconds: float, sr: int) -> NDArray:
    """Play one note of a MIDI pitch: the sum of its partials below 0.45 `sr`."""
    time = np.arange(int(seconds * sr)) / sr
    frequency = 440.0 * 2 ** ((pitch - 69) / 12)
    wobble = instrument.vibrato * np.sin(2 * np.pi * 5.5 * time) / (2 * np.pi * 5.5)
    cycles = frequency * (time + wobble)
    slow_decay = np.exp(np.float32(-instrument.decay) * time.astype(np.float32))
    faster = np.sqrt(np.sqrt(slow_decay))
    envelope = slow_decay
    note = np.zeros(len(time), dtype=np.float32)
    for k in range(1, 25):
        ratio = k * np.sqrt(1 + instrument.stretch * k * k)
        if frequency * ratio > 0.45 * sr:
            break
        # Whole cycles are taken off in float64, so that the sine may be float32.
        turn = ratio * cycles
        turn -= np.floor(turn)
        sine = np.sin(np.float32(2 * np.pi) * turn.astype(np.float32))
        note += np.float32(k**-instrument.rolloff) * envelope * sine
        envelope = envelope * faster
    fade_in = np.minimum(1, time / instrument.attack)
    fade_out = np.minimum(1, (seconds - time) / 0.02)
    return note * fade_in * fade_out


def _kick(sr: int) -> NDArray:
    time = np.arange(int(0.3 * sr)) / sr
    # A sine that glides from 150 Hz to 50 Hz; the phase is the glide's integral.
    phase = 2 * np.pi * (50 * time + 100 / 40 * (1 - np.exp(-40 * time)))
    return np.sin(phase) * np.exp(-12 * time)


def _noise_hit(
    band: tuple[float, float], decay: float, sr: int, rng: RandomState
) -> NDArray:
    time = np.arange(int(5 / decay * sr)) / sr
    low, high = np.minimum(band, (0.3 * sr, 0.45 * sr))
    sections = butter(2, [low, high], btype="bandpass", fs=sr, output="sos")
    return sosfilt(sections, rng.standard_normal(len(time))) * np.exp(-decay * time)


def _reverberate(dry: NDArray, sr: int, rng: RandomState) -> NDArray:
    time = np.arange(int(0.5 * sr)) / sr
    tail = rng.standard_normal(len(time)) * np.exp(-9 * time)
    tail *= 0.15 / np.sqrt(np.sum(tail**2))
    return dry + fftconvolve(dry, tail)[: len(dry)]


def _add(mix: NDArray, sound: NDArray, at: float, sr: int, level: float) -> None:
    """Mix a sound in from `at` seconds on, cut where the track ends."""
    first = round(at * sr)
    room = max(0, len(mix) - first)
    mix[first : first + len(sound)] += level * sound[:room]


def _scale_note(degree: int) -> int:
    octave, step = divmod(degree, len(_MINOR_SCALE))
    return 12 * octave + _MINOR_SCALE[step]


def _db(decibels: float) -> float:
    return float(10 ** (decibels / 20))
