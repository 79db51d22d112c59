"""Measure the speed of the mel step, the transformers and their inverse.

Single-threaded, float32, 1025 frequencies. All candidates take turns in every round, so
that a busy machine disturbs them alike; printed are medians in microseconds a frame and
how many times longer each takes than the first. Run by ``make benchmark``.

"in cache" works on the same 256 frames again and again, as a front end does that makes
frames block by block; "in memory" walks through the frames of three minutes, where
reading them from memory is most of the work.
"""

import platform
import time
from collections.abc import Callable
from importlib.metadata import version

import numpy as np
import scipy.sparse
from threadpoolctl import threadpool_limits

from skhrmel import HRMelTransformer, LogMelTransformer, _banded
from skhrmel._banded import BandedMatrix

IN_CACHE, IN_MEMORY = 256, 18_000
ROUNDS = 15


def compare(title: str, n_frames: int, candidates: dict[str, Callable]) -> None:
    """Time the candidates in turns and print a table."""
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    repeats = max(1, 20_000 // n_frames)
    for _ in range(ROUNDS):
        for name, call in candidates.items():
            start = time.perf_counter()
            for _ in range(repeats):
                call()
            seconds[name].append((time.perf_counter() - start) / repeats)
    medians = {name: float(np.median(times)) for name, times in seconds.items()}
    first = next(iter(medians.values()))
    print(f"\n{title}")
    for name, median in medians.items():
        print(f"  {name:<34}{1e6 * median / n_frames:8.2f} µs {median / first:7.2f}x")


def banded_with_overhead(matrix: np.ndarray, overhead: float) -> BandedMatrix:
    """Cut a matrix into blocks for another cost of a block."""
    cheapest = _banded._cheapest_blocks
    try:
        _banded._cheapest_blocks = lambda first, last: cheapest(first, last, overhead)
        return BandedMatrix(matrix)
    finally:
        _banded._cheapest_blocks = cheapest


def bench_mel_step(n_frames: int, where: str) -> None:
    """Compare ways to multiply frames by the mel basis."""
    hrmel = HRMelTransformer()
    frames = np.random.default_rng(0).random((n_frames, 1025), dtype=np.float32)
    basis = hrmel.fit(frames).mel_basis_.astype(np.float32)
    out = np.empty((n_frames, len(basis)), dtype=np.float32)
    dense, csr = np.ascontiguousarray(basis.T), scipy.sparse.csr_array(basis)
    by_band = []
    for band in (slice(0, 40), slice(40, 72), slice(72, 96)):
        columns = np.flatnonzero(basis[band].any(axis=0))
        inputs = slice(columns[0], columns[-1] + 1)
        by_band.append((inputs, band, np.ascontiguousarray(basis[band, inputs].T)))

    def multiply_bands() -> None:
        for inputs, outputs, matrix in by_band:
            np.matmul(frames[:, inputs], matrix, out=out[:, outputs])

    banded = BandedMatrix(basis.T)
    candidates: dict[str, Callable] = {
        "column blocks (skhrmel)": lambda: banded.multiply(frames, out),
        "a block a band": multiply_bands,
        "dense product": lambda: np.matmul(frames, dense, out=out),
    }
    if where == "in cache":
        candidates["scipy.sparse CSR"] = lambda: csr @ frames.T
    for overhead in (300, 1000, 5000, 10000):
        other = banded_with_overhead(basis.T, overhead)
        candidates[f"column blocks, overhead {overhead}"] = lambda other=other: (
            other.multiply(frames, out)
        )
    compare(
        f"mel step, HR-Mel 40/32/24, {n_frames} frames {where}", n_frames, candidates
    )


def bench_estimators(n_frames: int, where: str) -> None:
    """Compare the public methods with the plain NumPy way."""
    frames = np.random.default_rng(0).random((n_frames, 1025), dtype=np.float32)
    for transformer in (HRMelTransformer(), LogMelTransformer()):
        features = transformer.fit_transform(frames)
        basis = transformer.mel_basis_.astype(np.float32)
        pinv = np.linalg.pinv(basis).astype(np.float32)
        name = type(transformer).__name__
        compare(
            f"{name}.transform, {n_frames} frames {where}",
            n_frames,
            {
                "transform": lambda t=transformer: t.transform(frames),
                "np.log1p(frames @ basis.T)": lambda b=basis: np.log1p(frames @ b.T),
            },
        )
        compare(
            f"{name}.inverse_transform, {n_frames} frames {where}",
            n_frames,
            {
                "inverse_transform": lambda t=transformer, f=features: (
                    t.inverse_transform(f)
                ),
                "np.maximum(np.expm1(Y) @ pinv.T, 0)": lambda p=pinv, f=features: (
                    np.maximum(np.expm1(f) @ p.T, 0)
                ),
            },
        )


def main() -> None:
    """Run everything on one thread."""
    packages = ", ".join(f"{p} {version(p)}" for p in ("skhrmel", "numpy", "scipy"))
    print(f"{packages}, Python {platform.python_version()}, {platform.machine()}")
    with threadpool_limits(limits=1):
        for n_frames, where in ((IN_CACHE, "in cache"), (IN_MEMORY, "in memory")):
            bench_mel_step(n_frames, where)
            bench_estimators(n_frames, where)


if __name__ == "__main__":
    main()
