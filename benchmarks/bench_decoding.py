"""Measure decoders: how much of the power spectrum they lose, and how long they take.

``python benchmarks/bench_decoding.py [FOLDER]`` takes every eighth frame of the tracks
in a folder, or of synthetic music. What a decoder learns, it learns of the other
tracks. The second table compares with librosa's ``mel_to_stft`` and with non-negative
least squares solved to the end (``scipy.optimize.nnls``), on 64 frames a track since
these take milliseconds a frame. Single-threaded. Run by ``make benchmark``.
"""

import argparse
import platform
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version

import librosa
import numpy as np
from scipy.optimize import nnls
from threadpoolctl import threadpool_limits

from skhrmel import HRMelTransformer, LogMelTransformer
from skhrmel.audio import load_mono
from skhrmel.datasets import make_music
from skhrmel.folders import find_audio
from skhrmel.griffin_lim import griffin_lim
from skhrmel.metrics import (
    ErrorSpectrum,
    band_relative_errors,
    log_spectral_distance,
    relative_error,
)
from skhrmel.perceptual import visqol
from skhrmel.spectrum import power_blocks, power_frames

STEP, N_SLOW = 8, 64

REPRESENTATIONS = {
    "Log-Mel-96": LogMelTransformer(),
    "HR-Mel": HRMelTransformer(),
    "HR-Mel, HTK scale": HRMelTransformer(mel_scale="htk"),
}


# What a search for the least overall error alone comes to.
ALL_IN_THE_BASS = {"HR-Mel 90/5/1": HRMelTransformer(n_mels=(90, 5, 1))}


def load(folder: str | None) -> list[np.ndarray]:
    """Give the waveform of each track."""
    if folder is None:
        return make_music(12, duration=10.0)[0]
    return [load_mono(file).samples for file in find_audio([folder]).files]


def every_eighth(y: np.ndarray) -> np.ndarray:
    """Give every eighth frame of a track."""
    return np.vstack([block[::STEP] for block in power_blocks(y)])


def fitted(estimator, others: list[np.ndarray]):
    """Fit by the other tracks, a track at a time."""
    for frames in others:
        estimator.partial_fit(frames)
    return estimator


def decoders(name: str, others: list[np.ndarray]) -> dict[str, Callable]:
    """Give functions from frames to their reconstruction."""
    estimator = (REPRESENTATIONS | ALL_IN_THE_BASS)[name]
    params, make = estimator.get_params(), type(estimator)
    silence = np.zeros((1, 1025), dtype=np.float32)
    kl = {**params, "decoder": "kl"}
    estimators = {
        "pinv": make(**params).fit(silence),
        "kl, untrained": make(**kl).fit(silence),
        "kl": fitted(make(**kl), others),
    }
    return {
        decoder: lambda S, e=estimator: e.inverse_transform(e.transform(S))
        for decoder, estimator in estimators.items()
    }


def bench_errors(tracks: list[np.ndarray]) -> None:
    """Print errors of every decoder, mean over tracks."""
    print("\nmean over tracks: overall, low, mid, high; log-spectral distance")
    for name in REPRESENTATIONS:
        rows: dict[str, list] = {}
        for k, frames in enumerate(tracks):
            others = tracks[:k] + tracks[k + 1 :]
            for decoder, decode in decoders(name, others).items():
                decoded = decode(frames)
                spectrum = ErrorSpectrum.between(frames, decoded)
                bands = spectrum.band_relative_errors().values()
                distance = log_spectral_distance(frames, decoded)
                figures = [spectrum.relative_error(), *bands, distance]
                rows.setdefault(decoder, []).append(figures)
        for decoder, figures in rows.items():
            *errors, distance = np.mean(figures, axis=0)
            cells = "  ".join(f"{error:.4f}" for error in errors)
            print(f"  {name:<20}{decoder:<16}{cells}  {distance:5.1f} dB")


def by_librosa(S: np.ndarray) -> np.ndarray:
    """Decode by librosa's bounded L-BFGS."""
    basis = librosa.filters.mel(sr=44100, n_fft=2048, n_mels=96, fmax=20000.0)
    mel_power = (S @ basis.T).T
    magnitude = librosa.feature.inverse.mel_to_stft(
        mel_power, sr=44100, n_fft=2048, power=2.0, fmax=20000.0
    )
    return (magnitude**2).T


def by_nnls(S: np.ndarray) -> np.ndarray:
    """Decode by non-negative least squares, solved to the end."""
    basis = librosa.filters.mel(sr=44100, n_fft=2048, n_mels=96, fmax=20000.0)
    rows = [nnls(basis.astype(float), frame)[0] for frame in S.astype(float) @ basis.T]
    return np.array(rows)


def bench_peers(tracks: list[np.ndarray]) -> None:
    """Print errors and time of the decoders of Log-Mel-96."""
    print(f"\nLog-Mel-96, {N_SLOW} frames a track: as above, then time a frame")
    rows: dict[str, list] = {}
    for k, frames in enumerate(tracks):
        S = frames[np.linspace(0, len(frames) - 1, N_SLOW).astype(int)]
        calls = decoders("Log-Mel-96", tracks[:k] + tracks[k + 1 :])
        calls |= {"librosa mel_to_stft": by_librosa, "nnls": by_nnls}
        calls["librosa, power x 1e-6"] = lambda S: (
            by_librosa(S * np.float32(1e-6)) * 1e6
        )
        for decoder, decode in calls.items():
            if k == 0:
                decode(S)
            start = time.perf_counter()
            decoded = decode(S)
            seconds = time.perf_counter() - start
            bands = band_relative_errors(S, decoded).values()
            distance = log_spectral_distance(S, decoded)
            figures = [relative_error(S, decoded), *bands, distance, seconds / len(S)]
            rows.setdefault(decoder, []).append(figures)
    for decoder, figures in rows.items():
        *errors, distance, _ = np.mean(figures, axis=0)
        seconds = np.median([figure[-1] for figure in figures])
        cells = "  ".join(f"{error:.4f}" for error in errors)
        print(f"  {decoder:<22}{cells}  {distance:5.1f} dB {1e6 * seconds:9.1f} µs")


def bench_sound(waveforms: list[np.ndarray], tracks: list[np.ndarray]) -> None:
    """Print ViSQOL's opinion of 8 s from the middle of each track."""
    print("\n8 s of each track through Griffin-Lim: ViSQOL score, mean over tracks")
    scores: dict[str, list[float]] = {}
    for k, waveform in enumerate(waveforms):
        first = max(0, len(waveform) // 2 - 4 * 44100)
        y = waveform[first : first + 8 * 44100]
        S = power_frames(y)
        others = tracks[:k] + tracks[k + 1 :]
        spectra = {"the true magnitude": S}
        for name in REPRESENTATIONS | ALL_IN_THE_BASS:
            for decoder, decode in decoders(name, others).items():
                spectra[f"{name}, {decoder}"] = decode(S)
        for name, power in spectra.items():
            rebuilt = griffin_lim(power)
            score = visqol(y[: len(rebuilt)], rebuilt)
            scores.setdefault(name, []).append(score)
    for name, values in scores.items():
        print(f"  {name:<34}{np.mean(values):.2f} (least {np.min(values):.2f})")


def bench_speed(frames: np.ndarray) -> None:
    """Print the time of `inverse_transform`, beside the dense product."""
    print("\ninverse_transform of HR-Mel, µs a frame, median of 15 interleaved rounds")
    S = frames[: len(frames) // 32 * 32][:2048]
    calls: dict[str, Callable] = {}
    for decoder in ("pinv", "kl"):
        hrmel = HRMelTransformer(decoder=decoder, compression="identity").fit(S)
        features = hrmel.transform(S)
        calls[decoder] = partial(hrmel.inverse_transform, features)
    pinv = np.linalg.pinv(hrmel.mel_basis_).T.astype(np.float32)
    calls["np.maximum(M @ pinv, 0)"] = lambda: np.maximum(features @ pinv, 0)
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(15):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    for name, times in seconds.items():
        print(f"  {name:<26}{1e6 * np.median(times) / len(S):7.2f}")


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", help="folder of music")
    folder = parser.parse_args().folder
    packages = ", ".join(
        f"{p} {version(p)}" for p in ("skhrmel", "numpy", "scipy", "librosa", "numba")
    )
    print(f"{packages}, Python {platform.python_version()}, {platform.machine()}")
    waveforms = load(folder)
    tracks = [every_eighth(y) for y in waveforms]
    with threadpool_limits(limits=1):
        bench_errors(tracks)
        bench_peers(tracks)
        bench_speed(np.vstack(tracks))
        try:
            bench_sound(waveforms, tracks)
        except ImportError as error:
            print(error)


if __name__ == "__main__":
    main()
