"""Extraction by the schedulers and workers of real clusters on this machine."""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hostile import CLUSTER, write_order

from skhrmel import AudioFrontEnd
from skhrmel.extraction import extract_features

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture(scope="module")
def music(clips, tmp_path_factory):
    folder = tmp_path_factory.mktemp("music")
    for number in range(12):
        file = folder / f"{number:02d}.wav"
        soundfile.write(file, np.roll(clips[number % 6], number), 44100)
    return folder


@pytest.fixture(scope="module")
def undisturbed(music, tmp_path_factory):
    """What one process writes."""
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    extract_features(AudioFrontEnd(), sorted(music.iterdir()), out, root=music)
    return contents(out)


def contents(out):
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name != "timings.jsonl"
    }


def run(code, tmp_path, *arguments):
    """Run a script in a process of its own; give what it printed last, as JSON."""
    script = tmp_path / "script.py"
    script.write_text(code)
    process = subprocess.run(
        [sys.executable, str(script), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=240,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
    )
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout.splitlines()[-1])


DASK = """
import json, os, signal, sys
from pathlib import Path
import dask
from distributed import Client, LocalCluster
from hostile import Hostile
from joblib import parallel_config
from skhrmel import AudioFrontEnd
from skhrmel.extraction import extract_features

music, hostile, out = map(Path, sys.argv[1:])
if __name__ == "__main__":
    dask.config.set({"distributed.scheduler.allowed-failures": 0})
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster, Client(cluster) as client, parallel_config("dask"):
        workers = client.run(os.getpid)
        lines = []

        def kill(line, extraction):
            lines.append(line)
            if len(lines) == 3:
                os.kill(list(workers.values())[0], signal.SIGKILL)

        killed = extract_features(
            AudioFrontEnd(), sorted(music.iterdir()), out / "killed", root=music,
            callback=kill,
        )
        clips = sorted(hostile.iterdir())
        front_end = AudioFrontEnd(Hostile()).fit(clips[:1])
        given_up = extract_features(front_end, clips, out / "given up", root=hostile)
        print(json.dumps([
            len({os.getpid(), *workers.values()}), killed.n_done, given_up.n_done,
            given_up.failures,
        ]))
"""


def test_dask_workers_that_are_killed(music, undisturbed, tmp_path):
    """One at random; and every one that has a certain clip, until dask gives it up."""
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    for number in range(8):
        order = CLUSTER if number == 2 else 0
        write_order(hostile / f"{number}.wav", order)
    processes, n_killed, n_good, failures = run(
        DASK, tmp_path, music, hostile, tmp_path / "out"
    )
    assert processes == 3
    assert n_killed == 12
    assert contents(tmp_path / "out" / "killed") == undisturbed
    assert n_good == 7
    assert list(failures) == [str(hostile / "2.wav")]
    assert (
        "dask lost every worker that had it, 1 in all" in failures[f"{hostile}/2.wav"]
    )


RAY = """
import json, os, signal, sys
from pathlib import Path
import psutil, ray
from joblib import parallel_config
from ray.util.joblib import register_ray
from skhrmel import AudioFrontEnd
from skhrmel.extraction import extract_features

music, out = map(Path, sys.argv[1:])
ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
register_ray()
lines, killed = [], []

def kill(line, extraction):
    lines.append(line)
    if len(lines) == 3:
        for process in psutil.process_iter():
            if process.name().startswith("ray::extract_clip"):
                process.kill()
                killed.append(process.pid)
                break

with parallel_config("ray"):
    extraction = extract_features(
        AudioFrontEnd(), sorted(music.iterdir()), out, root=music, callback=kill
    )
print(json.dumps([len(killed), extraction.n_done]))
"""


@pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed")
def test_a_ray_worker_that_is_killed(music, undisturbed, tmp_path):
    assert run(RAY, tmp_path, music, tmp_path / "out") == [1, 12]
    assert contents(tmp_path / "out") == undisturbed


GUIDE = Path(__file__).parents[1] / "docs" / "guide" / "extraction.md"


def block_of_the_guide(word):
    """The lines of Python in the guide that hold a word."""
    blocks = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(), re.M | re.S)
    (block,) = (block for block in blocks if word in block)
    return block


def slurm_answers():
    if shutil.which("sbatch") is None:
        return False
    try:
        process = subprocess.run(["sinfo", "-h"], capture_output=True, timeout=30)
    except subprocess.TimeoutExpired:
        return False
    return process.returncode == 0 and process.stdout != b""


@pytest.mark.skipif(
    find_spec("dask_jobqueue") is None or not slurm_answers(),
    reason="no Slurm answers, or dask-jobqueue is not installed",
)
def test_the_lines_of_the_guide_on_slurm(music, undisturbed, tmp_path):
    """Real jobs, of which one is cancelled while it works."""
    code = block_of_the_guide("SLURMCluster")
    for documented, here in (
        ("cores=16, processes=16", "cores=1, processes=1, interface='lo'"),
        ('memory="32GB", walltime="12:00:00"', 'memory="1GB", walltime="00:10:00"'),
        ("jobs=20", "jobs=2"),
        ('"/shared/features")', f'"out", root="{music}", callback=cancel)'),
    ):
        assert code.count(documented) == 1
        code = code.replace(documented, here)
    cancel = """
import json, subprocess
lines, cancelled = [], []
def cancel(line, extraction):
    lines.append(line)
    jobs = subprocess.check_output(
        ["squeue", "-h", "-n", "dask-worker", "-t", "R", "-o", "%i"], text=True
    ).split()
    if not cancelled and len(jobs) == 2:
        subprocess.run(["scancel", jobs[0]], check=True)
        cancelled.append(jobs[0])
"""
    report = "    print(json.dumps([len(cancelled), len(lines)]))\n"
    listed = "".join(f"{path}\n" for path in sorted(music.iterdir()))
    (tmp_path / "songs.txt").write_text(listed)
    assert run(f"{cancel}\n{code}\n{report}", tmp_path)[1] == 12
    assert contents(tmp_path / "out") == undisturbed


def test_the_lines_of_the_guide_on_kubernetes():
    """What can be checked without one: the description of the cluster."""
    pytest.importorskip("dask_kubernetes", reason="dask-kubernetes is not installed")
    code = block_of_the_guide("KubeCluster").partition("cluster = ")[0]
    names = {}
    exec(code, names)
    spec = names["spec"]
    assert (spec["kind"], spec["spec"]["worker"]["replicas"]) == ("DaskCluster", 320)
    pod = spec["spec"]["worker"]["spec"]
    (mount,) = pod["containers"][0]["volumeMounts"]
    (volume,) = pod["volumes"]
    assert mount["name"] == volume["name"]
    json.dumps(spec)
