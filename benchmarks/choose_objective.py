"""Find out which objective gives layouts that sound good on music it never saw.

``python benchmarks/choose_objective.py FOLDER`` parts the tracks of a folder into
folds, finds layouts of 96 bins for all but one fold under each objective of
``HRMelTransformerCV``, and decodes the tracks of that fold: by the pseudo-inverse, and
by ``kl`` as taught by the tracks of the search. Errors are those of every eighth frame.
8 s from the middle of each track go through Griffin-Lim, and what comes out is compared
with the original by ViSQOL and by the log-spectral distance. Prints Markdown: means
over tracks, and differences to HR-Mel 40/32/24, paired over tracks. Needs
``skhrmel[perceptual]``.
"""

import argparse
import platform
import time
from importlib.metadata import version

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from skhrmel import HRMelTransformer, HRMelTransformerCV, LogMelTransformer
from skhrmel._moments import second_moment
from skhrmel._threads import one_blas_thread
from skhrmel.audio import load_mono
from skhrmel.comparison import paired_difference
from skhrmel.datasets import make_music
from skhrmel.folders import find_audio
from skhrmel.griffin_lim import griffin_lim
from skhrmel.metrics import PAPER_BANDS, ErrorSpectrum, band_log_spectral_distances
from skhrmel.perceptual import visqol
from skhrmel.spectrum import power_blocks, power_frames

SR, STEP, SECONDS = 44100, 8, 8
RANGES = {"overall": (0.0, np.inf), **PAPER_BANDS}
DECODERS = ("pinv", "kl")

OBJECTIVES = {
    "overall": {"objective": "overall"},
    "overall, no range worse than Log-Mel-96": {
        "objective": "overall",
        "no_worse_than": LogMelTransformer(),
    },
    "balanced over the paper's three ranges": {"objective": "balanced"},
    "balanced, no range worse than Log-Mel-96": {
        "objective": "balanced",
        "no_worse_than": LogMelTransformer(),
    },
    "balanced over Bark bands": {"objective": "balanced", "analysis_bands": "bark"},
}
REFERENCE = "HR-Mel 40/32/24"
FIXED = {REFERENCE: HRMelTransformer(), "Log-Mel-96": LogMelTransformer()}
ORIGINAL = "the true magnitude"


def load(folder: str | None) -> list[NDArray]:
    """Give the waveform of each track."""
    if folder is None:
        return make_music(6, duration=float(SECONDS))[0]
    return [load_mono(file).samples for file in find_audio([folder]).files]


def excerpt(y: NDArray) -> NDArray:
    """Give 8 s from the middle."""
    first = max(0, len(y) // 2 - SECONDS * SR // 2)
    return y[first : first + SECONDS * SR]


def find_layouts(
    moments: list[NDArray], n_bands: list[int], min_mels: int
) -> dict[str, object]:
    """Find the best layout under each objective, for each number of bands."""
    layouts = dict(FIXED)
    for name, settings in OBJECTIVES.items():
        search = HRMelTransformerCV(
            SR, n_bands=n_bands, min_mels=min_mels, n_best=1, **settings
        )
        search._prepare(moments[0].shape[0])
        for moment in moments:
            search._add(moment)
        results = search.cv_results_
        for k, params in zip(results["n_bands"], results["params"], strict=True):
            layouts[f"{name}, {k} bands"] = HRMelTransformer(
                SR, **params, compression="log1p"
            )
            bins = "/".join(map(str, params["n_mels"]))
            edges = ", ".join(f"{edge:g}" for edge in params["band_edges"])
            print(f"  {name}, {k} bands: {bins} at {edges} Hz", flush=True)
    return layouts


def teach(transformer, decoder: str, tracks: list[NDArray]):
    """Fit a transformer by the tracks of the search."""
    params = {**transformer.get_params(), "decoder": decoder}
    taught = type(transformer)(**params)
    for frames in tracks if decoder == "kl" else [0 * tracks[0][:1]]:
        taught.partial_fit(frames)
    return taught


def measure(transformers: dict, frames: NDArray, y: NDArray) -> dict[str, list[float]]:
    """Measure every representation of one track.

    Gives ViSQOL's score, the log-spectral distances of the ranges, then the relative
    errors of the ranges and the balanced one.
    """
    S = power_frames(y)
    figures = {}
    with one_blas_thread():
        for name, transformer in {ORIGINAL: None, **transformers}.items():
            decoded, heard = frames, S
            if transformer is not None:
                inverse = transformer.inverse_transform
                decoded = inverse(transformer.transform(frames))
                heard = inverse(transformer.transform(S))
            rebuilt = griffin_lim(heard)
            score = visqol(y[: len(rebuilt)], rebuilt)
            again = power_frames(rebuilt)
            distances = band_log_spectral_distances(
                S[: len(again)], again, bands=RANGES
            )
            spectrum = ErrorSpectrum.between(frames, decoded)
            errors = list(spectrum.band_relative_errors(bands=RANGES).values())
            balanced = float(np.mean(np.square(errors[1:])))
            figures[name] = [score, *distances.values(), *errors, balanced]
    return figures


def print_table(title: str, head: list[str], rows: list[list[str]]) -> None:
    """Print a table in Markdown."""
    print(f"\n{title}\n\n| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")


def report(decoder: str, figures: dict[str, NDArray]) -> None:
    """Print means over tracks, and paired differences."""
    head = ["layout", "ViSQOL (least)", *(f"distance, {r}" for r in RANGES)]
    head += [*(f"error, {r}" for r in RANGES), "balanced"]
    rows = []
    for name, values in figures.items():
        score, *means = values.mean(axis=0)
        cells = [f"{score:.2f} ({values[:, 0].min():.2f})"]
        cells += [f"{mean:.1f} dB" for mean in means[:4]]
        cells += [f"{mean:.3f}" for mean in means[4:]]
        rows.append([name, *cells])
    print_table(f"Decoder {decoder}, mean over tracks:", head, rows)
    columns = {"ViSQOL": 0, "distance": 1, "error, overall": 5, "balanced": 9}
    rows = []
    for name, values in figures.items():
        cells = [name]
        for column in columns.values():
            difference = paired_difference(
                values[:, column], figures[REFERENCE][:, column]
            )
            interval = f"{difference.low:+.3f} to {difference.high:+.3f}"
            cells.append(f"{difference.mean:+.3f} ({interval})")
        if name not in (REFERENCE, ORIGINAL):
            rows.append(cells)
    title = f"Decoder {decoder}, difference to {REFERENCE}, with its 95% interval:"
    print_table(title, ["layout", *columns], rows)


def main() -> None:
    """Search, decode, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", help="folder of music")
    parser.add_argument("--bands", default="3/4", help="numbers of bands")
    parser.add_argument("--min-mels", type=int, default=4, help="fewest bins of a band")
    parser.add_argument("--folds", type=int, default=3, help="parts of the tracks")
    parser.add_argument("-j", "--n-jobs", type=int, default=1)
    args = parser.parse_args()
    packages = ", ".join(
        f"{package} {version(package)}"
        for package in ("skhrmel", "numpy", "scipy", "numba", "visqol-python")
    )
    print(f"{packages}, Python {platform.python_version()}, {platform.machine()}")
    start = time.perf_counter()
    waveforms = load(args.folder)
    with one_blas_thread():
        moments = [second_moment(power_blocks(y)) for y in waveforms]
    tracks = [np.vstack([b[::STEP] for b in power_blocks(y)]) for y in waveforms]
    n_bands = [int(k) for k in args.bands.split("/")]

    jobs, names = [], []
    for fold in range(args.folds):
        print(f"fold {fold + 1}:")
        inside = [k for k in range(len(tracks)) if k % args.folds != fold]
        layouts = find_layouts([moments[k] for k in inside], n_bands, args.min_mels)
        # Not every number of bands has a layout that keeps to a constraint.
        names = [name for name in layouts if fold == 0 or name in names]
        taught = {
            (name, decoder): teach(layout, decoder, [tracks[k] for k in inside])
            for name, layout in layouts.items()
            for decoder in DECODERS
        }
        for k in range(fold, len(tracks), args.folds):
            jobs.append((taught, tracks[k], excerpt(waveforms[k])))
    print(f"searched in {time.perf_counter() - start:.0f} s", flush=True)
    results = Parallel(n_jobs=args.n_jobs)(delayed(measure)(*job) for job in jobs)
    for decoder in DECODERS:
        stacked = {ORIGINAL: np.array([result[ORIGINAL] for result in results])}
        for name in names:
            rows = [result[name, decoder] for result in results]
            stacked[name] = np.array(rows)
        report(decoder, stacked)
    print(f"\nall in {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
