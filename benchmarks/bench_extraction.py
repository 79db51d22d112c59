"""Throughput of extraction against decoding and front end without the machinery.

    .venv/bin/python benchmarks/bench_extraction.py [N_CLIPS]

What remains of the speed once features are written, journalled and fsynced, and what a
joblib loop over librosa and the command of afx-audio do with the same folder; and what
each survives.
"""

import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import librosa
import numpy as np
import soundfile
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from skhrmel import AudioFrontEnd
from skhrmel.datasets import make_music
from skhrmel.extraction import extract_features

SR, SECONDS, N_JOBS, ROUNDS = 44100, 60, 2, 3


def make_folder(folder: Path, n_clips: int) -> list[Path]:
    """Write stereo files of a minute, a third each WAV, FLAC and Ogg Vorbis."""
    song = np.concatenate(make_music(6, duration=SECONDS / 6)[0])
    files = []
    for k in range(n_clips):
        suffix = ("wav", "flac", "ogg")[k % 3]
        stereo = np.stack([np.roll(song, 999 * k), song], axis=1)
        files.append(folder / f"{k}.{suffix}")
        with soundfile.SoundFile(files[-1], "w", SR, 2) as file:
            # Writing a minute of Vorbis at once overflows libsndfile's stack.
            for start in range(0, len(stereo), SR):
                file.write(stereo[start : start + SR])
    return files


def transform(front_end: AudioFrontEnd, file: Path) -> int:
    """Decode and transform, and keep nothing."""
    with threadpool_limits(limits=1, user_api="blas"):
        return len(front_end.transform([file])[0])


def decode(file: Path) -> int:
    """Decode alone."""
    return sum(len(b) for b in soundfile.blocks(file, 1 << 16, dtype="float32"))


def librosa_loop(file: Path, out: Path) -> None:
    """Do what people write."""
    y, _ = librosa.load(file, sr=None)
    mel = librosa.feature.melspectrogram(
        y=y, sr=SR, n_fft=2048, hop_length=441, n_mels=96
    )
    np.save(out / f"{file.name}.npy", np.log1p(mel).T)


AFX_CONFIG = {
    "sample_rate": SR,
    "features": {
        "melspectrogram": {"frame_size": 2048, "hop_length": 441, "n_mels": 96}
    },
    "aggregation": "summary",
}


def afx_command(folder: Path, out: Path) -> list[str]:
    """Write the command of afx-audio, which keeps statistics of mel power a file."""
    config = out.with_suffix(".config")
    config.write_text(json.dumps(AFX_CONFIG))
    code = "from afx_audio.cli import main; raise SystemExit(main())"
    options = ["--config", str(config), "--output", str(out), "--jobs", str(N_JOBS)]
    return [sys.executable, "-c", code, str(folder), *options]


def bench_speed(folder: Path, files: list[Path]) -> None:
    """Take turns, so that all meet the same machine."""
    front_end = AudioFrontEnd().fit([])
    processes = Parallel(n_jobs=N_JOBS)

    def machinery() -> None:
        out = tempfile.mkdtemp(dir=folder)
        extract_features(front_end, files, out, n_jobs=N_JOBS)

    def with_librosa() -> None:
        (folder / "librosa").mkdir(exist_ok=True)
        processes(delayed(librosa_loop)(f, folder / "librosa") for f in files)

    runs: dict[str, Callable[[], object]] = {
        "decoding and front end alone": lambda: processes(
            delayed(transform)(front_end, f) for f in files
        ),
        "extract_features": machinery,
        "decoding alone": lambda: processes(delayed(decode)(f) for f in files),
        "librosa in a joblib loop": with_librosa,
    }
    if find_spec("afx_audio") is not None:
        clips = folder / "clips"
        clips.mkdir()
        for file in files:
            os.link(file, clips / file.name)
        command = afx_command(clips, folder / "afx.csv")
        runs["afx-audio"] = lambda: subprocess.run(
            command, check=True, capture_output=True
        )
    # Once beforehand: processes start, code is compiled.
    for run in runs.values():
        run()
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(values) for name, values in times.items()}
    alone = medians["decoding and front end alone"]
    print(f"\n{len(files)} files of {SECONDS} s, {N_JOBS} processes, medians")
    for name, seconds in medians.items():
        print(
            f"  {name:<32}{seconds:7.2f} s{len(files) / seconds / N_JOBS:8.2f} files "
            f"a second and core{alone / seconds:8.0%} of the speed of the first"
        )
    pairs = zip(
        times["decoding and front end alone"], times["extract_features"], strict=True
    )
    print(f"  ratios by round: {', '.join(f'{a / b:.0%}' for a, b in pairs)}")


LOOPS = {
    "skhrmel extract": """
from skhrmel import AudioFrontEnd
from skhrmel.extraction import extract_features
extract_features(AudioFrontEnd(), files, out, n_jobs=2, timeout=20)
""",
    "librosa in a joblib loop": """
from joblib import Parallel, delayed
from benchmarks.bench_extraction import librosa_loop
out.mkdir()
Parallel(n_jobs=2)(delayed(librosa_loop)(f, out) for f in files)
""",
}


def n_done_by_afx(folder: Path, bad: Path, good: list[Path]) -> str:
    """Count the good files in the table of afx-audio for a folder with a bad one."""
    clips = folder / f"afx {bad.name}"
    clips.mkdir()
    for file in good:
        os.link(file, clips / file.name)
    # Sorts before the good ones.
    os.link(bad, clips / "!.wav", follow_symlinks=False)
    out = folder / f"{bad.name}.csv"
    end = survive(afx_command(clips, out))
    rows = out.read_text().splitlines() if out.exists() else []
    return f"{sum(any(f.name in row for f in good) for row in rows)}{end}"


def survive(command: list[str]) -> str:
    """Run a command that may fail; say if it hangs."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parents[1],
        start_new_session=True,
    )
    try:
        process.wait(timeout=60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return " (hangs)"
    return ""


def bench_survival(folder: Path, files: list[Path]) -> None:
    """Put one bad file among good ones and count what is written of the good."""
    good = files[:3]
    bad = folder / "bad"
    bad.mkdir()
    encoded = good[0].read_bytes()
    (bad / "text.wav").write_text("no audio" * 99)
    (bad / "empty.wav").touch()
    (bad / "dangling.wav").symlink_to(bad / "nowhere")
    (bad / "header only.wav").write_bytes(encoded[:44])
    os.mkfifo(bad / "pipe.wav")
    print("\ngood files done of 3 when one bad file comes first (timeout 20 s)")
    for path in sorted(bad.iterdir()):
        row = []
        for name, code in LOOPS.items():
            out = folder / f"survival {path.name} {name}"
            listed = [str(path), *map(str, good)]
            lines = f"from pathlib import Path\nfiles = list(map(Path, {listed!r}))\n"
            lines += f"out = Path({str(out)!r})\n{code}"
            end = survive([sys.executable, "-c", lines])
            names = {p.stem for p in out.rglob("*.npy")} if out.exists() else set()
            row.append(f"{name}: {len(names & {p.name for p in good})}{end}")
        if find_spec("afx_audio") is not None:
            row.append(f"afx-audio: {n_done_by_afx(folder, path, good)}")
        print(f"  {path.name:<18}{'; '.join(row)}", flush=True)


def main() -> None:
    """Run everything."""
    n_clips = int(sys.argv[1]) if len(sys.argv) > 1 else 24
    packages = ", ".join(f"{p} {version(p)}" for p in ("skhrmel", "numpy", "librosa"))
    print(f"{packages}, Python {platform.python_version()}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as name:
        files = make_folder(Path(name), n_clips)
        bench_speed(Path(name), files)
        bench_survival(Path(name), files)


if __name__ == "__main__":
    main()
