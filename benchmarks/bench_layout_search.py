"""Measure how many layouts a second the exact search covers, beside GridSearchCV.

``HRMelTransformerCV`` on moments of synthetic tracks: the pass over the frames, the
errors of all bands, and the shortest path. ``GridSearchCV`` fits, transforms and
inverts every candidate, one after the other: it is timed on a few. Run by
``make benchmark``; give folders or files to use recordings.
"""

import platform
import sys
import time
from importlib.metadata import version
from math import comb

import numpy as np
from sklearn.model_selection import GridSearchCV, LeaveOneGroupOut

from skhrmel import HRMelTransformer, HRMelTransformerCV
from skhrmel._moments import second_moment
from skhrmel._threads import one_blas_thread
from skhrmel.audio import load_mono
from skhrmel.datasets import make_music
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


def bench_pass(clips: list[np.ndarray]) -> list[np.ndarray]:
    """Time the spectra alone, then with moments of all frames and of every fourth."""
    seconds = {}
    for name in ("compile", "spectra"):
        start = time.perf_counter()
        for clip in clips[:1] if name == "compile" else clips:
            for _ in power_blocks(clip):
                pass
        seconds[name] = time.perf_counter() - start
    print(f"  spectra alone        {seconds['spectra']:9.2f} s")
    for step in (4, 1):
        start, cpu = time.perf_counter(), time.process_time()
        moments = [
            second_moment(power_blocks(clip, hop_length=step * 441)) for clip in clips
        ]
        both, cpu = time.perf_counter() - start, time.process_time() - cpu
        print(
            f"  moments, every {step}     {both:9.2f} s "
            f"{both / seconds['spectra']:8.2f}x, {cpu:.2f} s of processor time"
        )
    return moments


def bench_search(moments: list[np.ndarray], analysis_bands: str) -> float:
    """Time the search after the pass; give layouts a second."""
    search = HRMelTransformerCV(
        n_bands=range(1, MOST_BANDS + 1), analysis_bands=analysis_bands, n_jobs=N_JOBS
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
    return count_layouts() / wall


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
        moments = bench_pass(clips)
    exact, grid = bench_search(moments, "paper"), bench_grid_search(clips)
    bench_search(moments, "bark")
    print(f"  {count_layouts():,} layouts: {exact:.3g} a second, the grid {grid:.3g}")


if __name__ == "__main__":
    main()
