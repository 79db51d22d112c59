"""Measure how many layouts a second the exact search covers, beside GridSearchCV.

``HRMelTransformerCV`` on moments of synthetic tracks: the pass over the frames, the
errors of all bands, the shortest path, and the whole Pareto front. The pass is compared
with what the power spectrum alone takes librosa and SciPy. ``GridSearchCV`` fits,
transforms and inverts every candidate, one after the other: it is timed on a few. Run
by ``make benchmark``; give folders or files to use recordings.
"""

import platform
import sys
import time
from functools import partial
from importlib.metadata import version
from math import comb
from statistics import median

import librosa
import numpy as np
from scipy.signal import ShortTimeFFT, get_window
from sklearn.model_selection import GridSearchCV, LeaveOneGroupOut

from skhrmel import HRMelTransformer, HRMelTransformerCV, LogMelTransformer
from skhrmel._band_errors import layout_errors
from skhrmel._moments import second_moment
from skhrmel._threads import one_blas_thread
from skhrmel.audio import load_mono
from skhrmel.datasets import make_music
from skhrmel.filterbank import fft_frequencies
from skhrmel.folders import find_audio
from skhrmel.metrics import neg_reconstruction_error
from skhrmel.model_selection import allocations
from skhrmel.spectrum import power_blocks, power_frames

N_EDGES, TOTAL_MELS, MOST_BANDS = 24, 96, 4
N_JOBS = 2


def load_clips() -> list[np.ndarray]:
    if len(sys.argv) > 1:
        return [load_mono(file).samples for file in find_audio(sys.argv[1:]).files]
    return make_music(12, duration=10.0)[0]


def count_layouts() -> int:
    """Count the layouts of up to four bands on 24 edges, empty filters included."""
    return sum(
        comb(N_EDGES - 2, k - 1) * comb(TOTAL_MELS - 1, k - 1)
        for k in range(1, MOST_BANDS + 1)
    )


def skhrmel_power(clip: np.ndarray) -> None:
    for _ in power_blocks(clip):
        pass


def librosa_power(clip: np.ndarray) -> None:
    spectrum = librosa.stft(clip, n_fft=2048, hop_length=441)
    np.square(spectrum.real) + np.square(spectrum.imag)


def scipy_power(clip: np.ndarray) -> None:
    window = get_window("hann", 2048).astype(np.float32)
    ShortTimeFFT(window, 441, 44100).spectrogram(clip)


def bench_pass(clips: list[np.ndarray], n_used: int) -> list[np.ndarray]:
    """Time spectra alone, ours and of peers, then with moments of all frames."""
    moments: list[np.ndarray] = []

    def add_moment(clip: np.ndarray, step: int = 1) -> None:
        blocks = power_blocks(clip, hop_length=step * 441)
        moments.append(second_moment(blocks, n_used=n_used))

    passes = {
        "spectra alone": skhrmel_power,
        "librosa's": librosa_power,
        "SciPy's": scipy_power,
        "moments, every 4": partial(add_moment, step=4),
        "moments, all frames": add_moment,
    }
    seconds = {name: [] for name in passes}
    skhrmel_power(clips[0])
    for _ in range(3):
        for name, work in passes.items():
            moments.clear()
            start = time.perf_counter()
            for clip in clips:
                work(clip)
            seconds[name].append(time.perf_counter() - start)
    medians = {name: median(times) for name, times in seconds.items()}
    reference = list(medians.values())[:3]
    print(f"  {'':<21}{'median':>11}{'by ours':>11}{'librosa':>11}{'SciPy':>11}")
    for name, taken in medians.items():
        ratios = "".join(f"{taken / other:10.2f}x" for other in reference)
        print(f"  {name:<21}{taken:9.2f} s{ratios}")
    return moments


def bench_search(moments: list[np.ndarray], analysis_bands: str) -> float:
    """Time the search after the pass; give layouts a second."""
    search = HRMelTransformerCV(
        n_bands=range(1, MOST_BANDS + 1),
        min_mels=1,
        analysis_bands=analysis_bands,
        n_jobs=N_JOBS,
    )
    for attempt in ("with compilation", f"search, {analysis_bands}"):
        search._prepare(1025)
        for moment in moments:
            search._add(moment)
        start, cpu = time.perf_counter(), time.process_time()
        score = search.best_score_
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
        print(f"  {attempt:<21}{wall:9.2f} s, {cpu:.2f} s of processor time")
    print(f"  found {search.n_mels_} at {search.band_edges_}, {score:.4f}")
    if analysis_bands == "paper":
        bench_front(search)
    return count_layouts() / wall


def bench_front(search: HRMelTransformerCV) -> None:
    """Time the Pareto front, and count what on it is better than usual layouts."""
    start = time.perf_counter()
    front = search.pareto_front_
    print(f"  front, compiled too  {time.perf_counter() - start:9.2f} s")
    search._front = None
    start = time.perf_counter()
    front = search.pareto_front_
    seconds = time.perf_counter() - start
    print(f"  front                {seconds:9.2f} s for {len(front)} layouts")
    errors = np.array([list(layout["errors"].values()) for layout in front])
    moments = search._moments
    for usual in (HRMelTransformer(), LogMelTransformer(n_mels=TOTAL_MELS)):
        squared = layout_errors(moments.means(), moments.weights, usual._layout())
        better = np.all(errors <= np.sqrt(squared), axis=1).sum()
        print(f"  {better} of them nowhere worse than {usual}")


def bench_grid_search(clips: list[np.ndarray]) -> float:
    """Time a grid search; give layouts a second."""
    frames = [power_frames(clip) for clip in clips]
    groups = np.repeat(np.arange(len(frames)), [len(f) for f in frames])
    grid = {"n_mels": allocations(TOTAL_MELS, 3, step=32)}
    search = GridSearchCV(
        HRMelTransformer(),
        {"n_mels": [*grid["n_mels"], (40, 32, 24)]},
        scoring=neg_reconstruction_error,
        cv=LeaveOneGroupOut(),
        n_jobs=N_JOBS,
        refit=False,
    )
    start = time.perf_counter()
    search.fit(np.vstack(frames), groups=groups)
    seconds = time.perf_counter() - start
    n_layouts = len(search.cv_results_["params"])
    print(f"  GridSearchCV         {seconds:9.2f} s for {n_layouts} layouts")
    return n_layouts / seconds


def main() -> None:
    packages = ", ".join(f"{p} {version(p)}" for p in ("skhrmel", "numpy", "numba"))
    print(f"{packages}, Python {platform.python_version()}, {platform.machine()}")
    clips = load_clips()
    minutes = sum(map(len, clips)) / 44100 / 60
    print(f"{len(clips)} tracks, {minutes:.1f} minutes, n_jobs={N_JOBS}")
    with one_blas_thread():
        n_used = int(np.searchsorted(fft_frequencies(44100, 2048), 20000))
        moments = bench_pass(clips, n_used)
    exact, grid = bench_search(moments, "paper"), bench_grid_search(clips)
    bench_search(moments, "bark")
    print(f"  {count_layouts():,} layouts: {exact:.3g} a second, the grid {grid:.3g}")


if __name__ == "__main__":
    main()
