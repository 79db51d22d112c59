"""What storing features in few bits costs on your music: disk, error, distance.

    .venv/bin/python benchmarks/bench_storage.py FOLDER...

Extracts every file in each type of numbers, decodes what was stored by the
pseudo-inverse, and compares it with the true power spectrum: errors of what
`skhrmel extract --dtype` leaves on disk, not of a simulation. Then one range is learned
from three files for all, and what lies outside is counted.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from skhrmel import AudioFrontEnd, HRMelTransformer, UniformQuantizer
from skhrmel.audio import load_mono
from skhrmel.extraction import extract_features, load_features
from skhrmel.folders import find_audio
from skhrmel.metrics import log_spectral_distance, relative_error
from skhrmel.spectrum import power_frames

COMPRESSIONS = ("paper", "cbrt", "db")
TYPES = ("float32", "float16", "uint8", "uint16")
N_JOBS = 2
# Of the frames that are decoded and compared; the features are of all.
EVERY = 8
BAND_OF_FEATURE = np.repeat([0, 1, 2], HRMelTransformer().n_mels)


def make_front_end(compression: str) -> AudioFrontEnd:
    if compression == "paper":
        return AudioFrontEnd(HRMelTransformer()).fit([])
    return AudioFrontEnd(HRMelTransformer(compression=compression)).fit([])


def measure(front_end: AudioFrontEnd, files: list[Path], out: Path, stored_as: object):
    """Extract, and compare what comes back; means over files."""
    start = time.perf_counter()
    extraction = extract_features(
        front_end, files, out, stored_as=stored_as, n_jobs=N_JOBS
    )
    seconds = time.perf_counter() - start
    size = sum(path.stat().st_size for path in out.rglob("*.npy"))
    figures = []
    for file, array in zip(files, load_features(out).arrays, strict=True):
        power = power_frames(load_mono(file).samples)[::EVERY]
        stored = np.asarray(array[::EVERY], dtype=np.float32)
        decoded = front_end.transformer_.inverse_transform(stored)
        figures.append(
            (relative_error(power, decoded), log_spectral_distance(power, decoded))
        )
    error, distance = np.mean(figures, axis=0)
    return size, error, distance, seconds, extraction


def main() -> None:
    """Run everything."""
    files = sorted(find_audio(sys.argv[1:]).files)
    print(f"{len(files)} files, every {EVERY}th frame compared, means over files")
    print(f"{'compression':<12}{'stored as':<12}{'MB':>7}{'error':>9}{'dB':>7}{'s':>7}")
    for compression in COMPRESSIONS:
        front_end = make_front_end(compression)
        with tempfile.TemporaryDirectory() as name:
            for stored_as in TYPES:
                size, error, distance, seconds, _ = measure(
                    front_end, files, Path(name, stored_as), stored_as
                )
                print(
                    f"{compression:<12}{stored_as:<12}{size / 1e6:7.1f}{error:9.4f}"
                    f"{distance:7.2f}{seconds:7.1f}",
                    flush=True,
                )
            quantizer = UniformQuantizer(8, groups=BAND_OF_FEATURE)
            for array in load_features(Path(name, "float32")).arrays[:3]:
                quantizer.partial_fit(array)
            size, error, distance, seconds, extraction = measure(
                front_end, files, Path(name, "shared"), quantizer
            )
            n_values = size - 128 * len(files)
            print(
                f"{compression:<12}{'one range':<12}{size / 1e6:7.1f}{error:9.4f}"
                f"{distance:7.2f}{seconds:7.1f}  {extraction.n_clipped} of {n_values} "
                f"values clipped ({extraction.n_clipped / n_values:.4%})",
                flush=True,
            )


if __name__ == "__main__":
    main()
