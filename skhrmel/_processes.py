"""Starting worker processes, watching them and ending them."""

import atexit
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO

# Libraries read these when they are loaded.
_ONE_THREAD = {
    f"{name}_NUM_THREADS": "1"
    for name in ("OMP", "OPENBLAS", "MKL", "BLIS", "NUMEXPR", "NUMBA")
} | {"VECLIB_MAXIMUM_THREADS": "1"}


class WorkerProcess:
    """A process that runs `skhrmel._worker`.

    Attributes
    ----------
    requests : binary file
        What it reads.
    answers : binary file
        What it writes.
    """

    requests: IO[bytes]
    answers: IO[bytes]

    def __init__(self) -> None:
        # What decoders print is of interest only if the process ends; to a file, since
        # a pipe that nobody reads fills up.
        self._words = tempfile.TemporaryFile("a+b")  # noqa: SIM115

    def is_alive(self) -> bool:
        """Say whether it still runs.

        Returns
        -------
        alive : bool
            False once it has ended.
        """
        raise NotImplementedError

    def kill(self) -> int | None:
        """End it, whatever it does, and wait for that.

        Returns
        -------
        status : int or None
            Exit status, or minus the signal that ended it; None if it never began.
        """
        raise NotImplementedError

    def forget_words(self) -> None:
        """Make room for what it prints."""
        os.ftruncate(self._words.fileno(), 0)

    def last_words(self) -> str:
        """Give the end of what it printed.

        Returns
        -------
        words : str
            Up to 2000 bytes of text.
        """
        size = self._words.seek(0, os.SEEK_END)
        self._words.seek(max(0, size - 2000))
        return self._words.read().decode(errors="replace").strip()

    def close(self) -> None:
        """End it and close what leads to it."""
        self.kill()
        # A request that it did not take is left in the pipe.
        with suppress(OSError):
            self.requests.close()
        self._words.close()


class _StartedProcess(WorkerProcess):
    """A process that has to import everything itself."""

    def __init__(self) -> None:
        super().__init__()
        self._process = _start(
            "skhrmel._worker",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.requests, self.answers = self._process.stdin, self._process.stdout

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> int | None:
        self._process.kill()
        return self._process.wait()


class _ForkedProcess(WorkerProcess):
    """A process that the nursery forks."""

    def __init__(self) -> None:
        super().__init__()
        requests, ours = os.pipe()
        theirs, answers = os.pipe()
        news, status = os.pipe()
        self.requests, self.answers = os.fdopen(ours, "wb"), os.fdopen(theirs, "rb")
        self._status: int | None = None
        self._pid: int | None = None
        self._began = threading.Event()
        self._ended = threading.Event()
        threading.Thread(target=self._watch, args=(news,), daemon=True).start()
        try:
            _nursery.fork((requests, answers, self._words.fileno(), status))
        finally:
            for descriptor in (requests, answers, status):
                os.close(descriptor)

    def _watch(self, news: int) -> None:
        with os.fdopen(news, "rb") as lines:
            pid = lines.readline()
            self._pid = int(pid) if pid else None
            self._began.set()
            status = lines.readline()
            self._status = int(status) if status else None
            self._ended.set()

    def is_alive(self) -> bool:
        return not self._ended.is_set()

    def kill(self) -> int | None:
        self._began.wait()
        # If nobody could say how it ended, it may not have.
        if self._pid is not None and self._status is None:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
        self._ended.wait()
        return self._status

    def last_words(self) -> str:
        return _nursery.last_words() + super().last_words()


class _Nursery:
    """The process `skhrmel._nursery`, started when it is needed."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._process: subprocess.Popen | None = None
        self._words: IO[bytes] | None = None
        self._socket: socket.socket | None = None
        self._owner = 0

    def fork(self, descriptors: tuple[int, int, int, int]) -> None:
        """Have a worker forked."""
        with self._mutex:
            mine = self._owner == os.getpid()
            if self._process is None or (mine and self._process.poll() is not None):
                self._begin()
            try:
                self._send(descriptors)
            except OSError:
                # It was idle for too long, a moment ago.
                self._begin()
                self._send(descriptors)

    def last_words(self) -> str:
        """Give what it printed, if it had to say something."""
        if self._words is None:
            return ""
        self._words.seek(0)
        return self._words.read(2000).decode(errors="replace").strip()

    def close(self) -> None:
        """End it, unless it belongs to the process that has forked this one."""
        if self._process is None or self._owner != os.getpid():
            return
        assert self._socket is not None
        assert self._words is not None
        self._process.kill()
        self._process.wait()
        self._socket.close()
        self._words.close()

    def _send(self, descriptors: tuple[int, int, int, int]) -> None:
        assert self._socket is not None
        # One way, and in whole or not at all: whoever is killed leaves nothing halfway.
        socket.send_fds(self._socket, [b"fork"], descriptors)

    def _begin(self) -> None:
        self.close()
        self._owner = os.getpid()
        self._words = tempfile.TemporaryFile("a+b")  # noqa: SIM115
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = _start(
                "skhrmel._nursery",
                str(theirs.fileno()),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._words,
                pass_fds=(theirs.fileno(),),
            )


_nursery = _Nursery()
atexit.register(_nursery.close)


def start_worker() -> WorkerProcess:
    """Start a process that runs `skhrmel._worker`.

    Returns
    -------
    process : WorkerProcess
        It has a session of its own, so that Ctrl-C does not reach it, and a single
        thread for linear algebra.
    """
    # Elsewhere, some libraries cannot be forked, or nothing can.
    return _ForkedProcess() if sys.platform == "linux" else _StartedProcess()


def _start(module: str, *arguments: str, **options: object) -> subprocess.Popen:
    """Start a Python process that finds what this one finds, with one thread each."""
    paths = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
    return subprocess.Popen(
        # "-P", so that nothing in the current folder is found before.
        [sys.executable, "-P", "-m", module, *arguments],
        env=os.environ | _ONE_THREAD | {"PYTHONPATH": paths},
        # Ctrl-C is for the process that was started by hand, which ends this one.
        start_new_session=True,
        # Which of Popen's forms the options make is known to the callers only.
        **options,  # type: ignore[call-overload]
    )
