import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from skhrmel.datasets import make_music
from skhrmel.spectrum import power_frames

# No deadline: the first example also pays for imports and compilation. In CI the
# examples are the same at every run.
settings.register_profile("skhrmel", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("skhrmel")


@pytest.fixture(scope="session")
def clips():
    """Six synthetic clips of 1.5 s, one of each style."""
    return make_music(6, duration=1.5)[0]


@pytest.fixture(scope="session")
def frames(clips):
    """Their power-spectrum frames, float32, read-only."""
    stacked = np.vstack([power_frames(clip) for clip in clips])
    stacked.flags.writeable = False
    return stacked


@pytest.fixture(scope="session")
def groups(clips, frames):
    """The clip each frame comes from."""
    return np.repeat(np.arange(len(clips)), len(frames) // len(clips))


@pytest.fixture(scope="session")
def recordings():
    """Folder of recordings that the environment variable SKHRMEL_MUSIC names."""
    return _path_from_environment("SKHRMEL_MUSIC")


@pytest.fixture(scope="session")
def reference():
    """Measurements of an independent prototype, named by SKHRMEL_REFERENCE."""
    return _path_from_environment("SKHRMEL_REFERENCE")


def _path_from_environment(name):
    if name not in os.environ:
        pytest.skip(f"needs recordings: {name} is not set")
    return Path(os.environ[name])


@pytest.fixture
def in_terminal():
    """Run a command in a terminal of 100 columns, and give what it shows."""
    # Not on every system.
    import pty

    def run(command):
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            command,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"},
        )
        os.close(theirs)
        chunks = []
        try:
            while chunk := os.read(ours, 4096):
                chunks.append(chunk)
        except OSError:
            # Linux says so when the other end of a terminal is closed.
            pass
        os.close(ours)
        assert process.wait(timeout=60) == 0
        return b"".join(chunks).decode()

    return run
