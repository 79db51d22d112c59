"""Measure the speed and memory of AudioFrontEnd beside other packages.

Single-threaded unless it says otherwise, 44.1 kHz, ``n_fft=2048``, ``hop_length=441``,
96 mel bins, ``log(1 + M)`` included. All candidates take turns in every round, so that
a busy machine disturbs them alike; printed are medians in microseconds a frame, and how
many times as long as skhrmel's each takes. Peers that are not installed are left out;
``make benchmark`` installs those that come as small wheels. audioflux scales its
filters in another way, which takes the same time. Run by ``make benchmark``.
"""

import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from unittest.mock import patch

import librosa
import numpy as np
import scipy.fft
import soundfile
from numpy.lib.stride_tricks import sliding_window_view
from threadpoolctl import threadpool_limits

from skhrmel import AudioFrontEnd, HRMelTransformer, LogMelTransformer, _routes
from skhrmel.datasets import make_music
from skhrmel.griffin_lim import griffin_lim
from skhrmel.metrics import spectral_convergence
from skhrmel.spectrum import power_frames

SR, N_FFT, HOP, N_MELS, FMAX = 44100, 2048, 441, 96, 20000.0


def fft_alone(y: np.ndarray) -> None:
    """Do the FFTs of SciPy and nothing else: the floor of any route that uses them."""
    frames = sliding_window_view(y, N_FFT)[::HOP]
    for start in range(0, len(frames), 128):
        scipy.fft.rfft(frames[start : start + 128], axis=1)


def of_librosa(y: np.ndarray) -> np.ndarray:
    """Compute log-mel features with librosa."""
    mel = librosa.feature.melspectrogram(
        y=y,
        sr=SR,
        n_fft=N_FFT,
        hop_length=HOP,
        n_mels=N_MELS,
        fmax=FMAX,
        pad_mode="constant",
    )
    return np.log1p(mel, out=mel)


def of_auvux() -> Callable:
    """Compute log-mel features with auvux-dsp."""
    dsp = import_module("auvux.dsp")
    dsp.set_num_threads(1)
    mel = dsp.MelSpectrogram(
        sr=SR, n_fft=N_FFT, hop_length=HOP, n_mels=N_MELS, fmax=FMAX
    )
    return lambda y: np.log1p(mel(y))


def of_audioflux() -> Callable:
    """Compute log-mel features with audioflux."""
    audioflux = import_module("audioflux")
    mel = audioflux.MelSpectrogram(
        num=N_MELS,
        samplate=SR,
        low_fre=0.0,
        high_fre=FMAX,
        radix2_exp=11,
        slide_length=HOP,
        window_type=audioflux.type.WindowType.HANN,
    )
    return lambda y: np.log1p(mel.spectrogram(y))


def of_torch() -> Callable:
    """Compute log-mel features with PyTorch, by the steps that torchaudio takes."""
    torch = import_module("torch")
    torch.set_num_threads(1)
    window = torch.hann_window(N_FFT)
    filters = librosa.filters.mel(sr=SR, n_fft=N_FFT, n_mels=N_MELS, fmax=FMAX)
    basis = torch.from_numpy(filters)

    def features(y: np.ndarray) -> object:
        spectrum = torch.stft(
            torch.from_numpy(y),
            N_FFT,
            HOP,
            window=window,
            pad_mode="constant",
            return_complex=True,
        )
        return torch.log1p(basis @ spectrum.abs().square())

    return features


PEERS = {"auvux-dsp": of_auvux, "audioflux": of_audioflux, "torch": of_torch}


def without_the_compiler(front_end: AudioFrontEnd) -> Callable:
    """Compute features with NumPy and SciPy alone."""

    def features(y: np.ndarray) -> np.ndarray:
        with patch("skhrmel._power_spectrum.find_route", _routes.scipy_route):
            return front_end.transform([y])

    return features


def take_turns(candidates: dict[str, Callable], rounds: int) -> dict[str, float]:
    """Give the median seconds of each candidate."""
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for call in candidates.values():
        call()
    for _ in range(rounds):
        for name, call in candidates.items():
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    return {name: float(np.median(times)) for name, times in seconds.items()}


def show(title: str, medians: dict[str, float], n_frames: int) -> None:
    """Print medians a frame, and ratios to the first."""
    first = next(iter(medians.values()))
    print(f"\n{title}")
    for name, median in medians.items():
        print(f"  {name:<32}{1e6 * median / n_frames:8.2f} µs {median / first:7.2f}x")


def bench_speed(song: np.ndarray) -> None:
    """Compare from waveform to features."""
    front_ends = {
        "skhrmel, log-mel": AudioFrontEnd(LogMelTransformer()).fit([]),
        "skhrmel, HR-Mel": AudioFrontEnd(HRMelTransformer()).fit([]),
    }
    peers = {}
    for name, make in PEERS.items():
        try:
            peers[f"{name} {version(name)}"] = make()
        except (ImportError, PackageNotFoundError):
            print(f"{name} is not installed")
    calls: dict[str, Callable] = {
        name: (lambda y, f=front_end: f.transform([y]))
        for name, front_end in front_ends.items()
    }
    logmel = front_ends["skhrmel, log-mel"]
    calls["skhrmel, NumPy and SciPy alone"] = without_the_compiler(logmel)
    calls["FFT alone, scipy.fft"] = fft_alone
    calls[f"librosa {librosa.__version__}"] = of_librosa
    calls |= peers
    for seconds, rounds in ((180, 9), (10, 60)):
        y = song[: seconds * SR]
        candidates = {name: partial(call, y) for name, call in calls.items()}
        medians = take_turns(candidates, rounds)
        show(f"features of a clip of {seconds} s", medians, 1 + len(y) // HOP)


def bench_jobs(song: np.ndarray) -> None:
    """Compare one job with two, on many arrays, on many files and on one file."""
    arrays = [song[k * SR * 2 :][: SR * 20].copy() for k in range(80)]
    one, two = (AudioFrontEnd(n_jobs=n).fit([]) for n in (1, 2))
    with tempfile.TemporaryDirectory() as folder:
        files = [str(Path(folder, f"{k}.flac")) for k in range(40)]
        for array, file in zip(arrays, files, strict=False):
            soundfile.write(file, array, SR)
        cases = {
            "80 arrays of 20 s": arrays,
            "40 files of 20 s, flac": files,
            "1 file of 20 s, flac": files[:1],
        }
        for title, clips in cases.items():
            calls = {
                "n_jobs=2": partial(two.transform, clips),
                "n_jobs=1": partial(one.transform, clips),
            }
            show(title, take_turns(calls, 9), len(clips) * 2001)


def bench_decoding(song: np.ndarray) -> None:
    """Compare decoding with everything, for each format."""
    front_end = AudioFrontEnd().fit([])
    stereo = np.stack([song[: 60 * SR]] * 2, axis=1)
    with tempfile.TemporaryDirectory() as folder:
        for suffix in ("wav", "flac", "mp3", "ogg"):
            path = Path(folder, f"clip.{suffix}")
            # Second by second: libsndfile's Vorbis encoder cannot take it at once.
            with soundfile.SoundFile(path, "w", SR, 2) as file:
                for start in range(0, len(stereo), SR):
                    file.write(stereo[start : start + SR])
            medians = take_turns(
                {
                    "features from the file": lambda p=path: front_end.transform([p]),
                    "decoding alone": lambda p=path: soundfile.read(p, dtype="float32"),
                },
                5,
            )
            show(f"a file of 60 s stereo, {suffix}", medians, 6001)


MEMORY = """
import sys
import numpy as np
from pathlib import Path
def peak():
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024
if sys.argv[1] == "skhrmel":
    from skhrmel import AudioFrontEnd
    front_end = AudioFrontEnd().fit([])
    front_end.transform([np.zeros(99_999)])
    before = peak()
    front_end.transform([sys.argv[2]])
else:
    import librosa
    def features(y):
        mel = librosa.feature.melspectrogram(
            y=y, sr=44100, n_fft=2048, hop_length=441, n_mels=96)
        return np.log1p(mel, out=mel)
    features(np.zeros(99_999, dtype=np.float32))
    before = peak()
    features(librosa.load(sys.argv[2], sr=None)[0])
print(peak() - before)
"""


def bench_memory(song: np.ndarray) -> None:
    """Compare the memory that an hour of stereo takes beyond an idle process."""
    if not Path("/proc/self/status").exists():
        print("\nmemory: needs /proc")
        return
    print("\nextra memory for a stereo WAV file, features of 132 MB an hour included")
    minute = np.stack([song[: 60 * SR]] * 2, axis=1)
    for hours, package in ((1, "skhrmel"), (1, "librosa"), (2, "skhrmel")):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "long.wav")
            with soundfile.SoundFile(path, "w", SR, 2) as file:
                for _ in range(60 * hours):
                    file.write(minute)
            command = [sys.executable, "-c", MEMORY, package, str(path)]
            megabytes = float(subprocess.check_output(command, env=os.environ))
        print(f"  {package + f', {hours} h':<32}{megabytes:8.0f} MB")


def bench_griffin_lim(song: np.ndarray) -> None:
    """Compare 32 iterations with librosa's, in time and spectral convergence."""
    power = power_frames(song[: 10 * SR])
    magnitude = np.sqrt(power.T)
    found: dict[str, np.ndarray] = {}

    def ours() -> None:
        found["skhrmel"] = griffin_lim(power)

    def theirs() -> None:
        found["librosa"] = librosa.griffinlim(
            magnitude,
            n_iter=32,
            hop_length=HOP,
            n_fft=N_FFT,
            pad_mode="constant",
            random_state=0,
        )

    medians = take_turns({"skhrmel": ours, "librosa": theirs}, 5)
    show("Griffin-Lim, 32 iterations on a clip of 10 s", medians, len(power))
    for name, y in found.items():
        convergence = spectral_convergence(power, power_frames(y))
        print(f"  {name}: spectral convergence {convergence:.3f}")


def main() -> None:
    """Run everything."""
    packages = ", ".join(
        f"{p} {version(p)}" for p in ("skhrmel", "numpy", "scipy", "numba")
    )
    print(f"{packages}, Python {platform.python_version()}, {platform.machine()}")
    song = np.concatenate(make_music(18, duration=10.0)[0])
    with threadpool_limits(limits=1):
        bench_speed(song)
        bench_griffin_lim(song)
    bench_jobs(song)
    bench_decoding(song)
    bench_memory(song)


if __name__ == "__main__":
    main()
