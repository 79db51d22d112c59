"""A transformer that does to its process what broken decoders do.

It takes its orders from the clip: a constant of so many thousands, which no music is.
"""

import ctypes
import os
import signal
from pathlib import Path

import numpy as np
import soundfile
from sklearn.base import BaseEstimator, TransformerMixin

SEGFAULT, STUCK, EXIT, RAISE, MEMORY, KILLED_ONCE, CLUSTER = range(1, 8)


def parent(pid):
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    (line,) = (line for line in status if line.startswith("PPid"))
    return int(line.split()[1])


class Hostile(TransformerMixin, BaseEstimator):
    def __init__(self, marker=None):
        self.marker = marker

    def fit(self, X, y=None):
        self.n_features_ = 4
        return self

    def transform(self, X):
        # The frames of a constant hold the sum of the window at 0 Hz.
        order = round(float(np.sqrt(X.max())) / (X.shape[1] - 1) / 1000)
        if order == SEGFAULT:
            signal.signal(signal.SIGSEGV, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGSEGV)
        if order == STUCK:
            # Native code that never returns and lets no other thread run.
            ctypes.PyDLL(None).pause()
        if order == EXIT:
            os._exit(7)
        if order == RAISE:
            raise KeyError("no such thing")
        if order == MEMORY:
            raise MemoryError
        if order == KILLED_ONCE and not Path(self.marker).exists():
            Path(self.marker).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if order == CLUSTER:
            # The worker of the cluster, which has started what forks ours.
            os.kill(parent(parent(parent(os.getpid()))), signal.SIGKILL)
            signal.pause()
        return X[:, :4]


def write_order(path, order):
    soundfile.write(path, np.full(9000, order * 1000.0), 44100, subtype="FLOAT")
