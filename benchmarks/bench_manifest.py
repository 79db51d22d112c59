"""What going on with a large folder of features costs: time and memory.

    .venv/bin/python benchmarks/bench_manifest.py [N_CLIPS]

Makes a folder in which so many clips are done, each of one frame, and then runs the
command on it, which has to find that nothing is left to do: with paths from a text
file, and again by searching the folders. Then `load_features`.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from skhrmel import AudioFrontEnd
from skhrmel._clip_line import stamp
from skhrmel._feature_files import npy_header
from skhrmel.extraction import extract_features

CLIPS_A_FOLDER = 100
TITLE = "a song of an ordinary name, {:03d}.wav"

# Each in a process of its own, whose memory is its alone.
IDLE = "import skhrmel.cli, skhrmel.extraction"
COMMAND = "from skhrmel.cli import main; status = main({!r}); assert status == 0"
LOAD = """
from skhrmel.extraction import load_features
names, arrays, _ = load_features({!r})
assert len(names) == len(arrays) == {}
"""


def make_folder(folder: Path, n_clips: int) -> None:
    """Do one clip, and write the lines and files of all others after it."""
    music, out = folder / "music", folder / "out"
    music.mkdir()
    first = music / "000000" / TITLE.format(0)
    first.parent.mkdir()
    soundfile.write(first, np.zeros(440), 44100)
    extract_features(AudioFrontEnd(), [first], out, root=music)
    line = json.loads((out / "manifest.jsonl").read_text())
    content = npy_header((1, 96), np.dtype("<f4")) + bytes(96 * 4)
    encoded = first.read_bytes()
    with (
        (folder / "list.txt").open("w") as listed,
        (out / "manifest.jsonl").open("w") as manifest,
    ):
        for number in range(n_clips):
            album, track = divmod(number, CLIPS_A_FOLDER)
            name = f"{album:06d}/{TITLE.format(track)}"
            path = music / name
            features = out / "features" / f"{name}.npy"
            if track == 0:
                # One file on disk for each folder, under a hundred names.
                path.parent.mkdir(exist_ok=True)
                features.parent.mkdir(exist_ok=True)
                path.write_bytes(encoded)
                features.write_bytes(content)
                originals = path, features
            else:
                path.hardlink_to(originals[0])
                features.hardlink_to(originals[1])
            line |= {"name": name, "path": str(path), "mtime_ns": stamp(str(path))[1]}
            line["features"] = f"features/{name}.npy"
            manifest.write(json.dumps(line) + "\n")
            listed.write(f"{path}\n")


def measure(name: str, code: str) -> None:
    """Run code in a process; print its seconds, of the processor too, and memory."""
    report = (
        "import resource\nprint(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    start, busy = time.perf_counter(), busy_seconds()
    process = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    seconds, busy = time.perf_counter() - start, busy_seconds() - busy
    megabytes = int(process.stdout.splitlines()[-1]) / 1024
    print(
        f"  {name:<32}{seconds:8.1f} s{busy:8.1f} s of a core{megabytes:8.0f} MB",
        flush=True,
    )


def busy_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Run everything."""
    n_clips = int(sys.argv[1]) if len(sys.argv) > 1 else 300_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_folder(folder, n_clips)
        size = (folder / "out" / "manifest.jsonl").stat().st_size
        print(f"{n_clips} clips, all done; manifest of {size / 1e6:.0f} MB")
        out = ["--out", str(folder / "out"), "--quiet"]
        root = ["--root", str(folder / "music")]
        listed = ["extract", "--list", str(folder / "list.txt"), *root, *out]
        searched = ["extract", str(folder / "music"), *out]
        measure("imports alone", IDLE)
        measure("extract --list, nothing to do", COMMAND.format(listed))
        measure("extract FOLDER, nothing to do", COMMAND.format(searched))
        measure("load_features", LOAD.format(str(folder / "out"), n_clips))


if __name__ == "__main__":
    main()
