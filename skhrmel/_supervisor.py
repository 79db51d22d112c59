"""Worker processes from outside: asking, waiting, ending and replacing them."""

import json
import pickle
import queue
import signal
import sys
import threading
from collections import defaultdict
from pathlib import Path
from typing import Any

from skhrmel._clip_line import failed_line
from skhrmel._processes import start_worker
from skhrmel._worker import send

# Importing everything takes seconds, compiling for the first time ten; a shared file
# system under load may take much longer.
_START_SECONDS = 600.0
# A worker that ends is no proof against its clip: somebody else may have killed it.
_ATTEMPTS = 2
# Workers that end between two clips, or before their first, in a row.
_MOST_STILLBORN = 5


class WorkerError(RuntimeError):
    """Workers cannot work, whatever the clip."""


class _EndedError(Exception):
    """The worker ended instead of answering."""

    def __init__(self, reason: str, began: bool) -> None:
        super().__init__(reason)
        self.began = began


class _TimeoutError(Exception):
    """The worker took too long and was ended."""


class Worker:
    """A worker process.

    Parameters
    ----------
    setup : bytes
        Pickled, what `skhrmel._worker` makes itself ready with.
    """

    def __init__(self, setup: bytes) -> None:
        self._process = start_worker()
        self._answers: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        self._ready = False
        self._setup = setup

    def ask(self, request: dict[str, Any], timeout: float | None) -> dict[str, Any]:
        """Have a clip extracted.

        Parameters
        ----------
        request : dict
            What `skhrmel._worker.ClipExtraction` takes.
        timeout : float or None
            Seconds it may take; the time to start is not counted.

        Returns
        -------
        answer : dict
            What it gives.

        Raises
        ------
        WorkerError
            If the worker says that it cannot work.
        """
        if not self._ready:
            self._send(json.dumps([p or str(Path.cwd()) for p in sys.path]).encode())
            self._send(self._setup)
            try:
                answer = self._receive(_START_SECONDS, began=False)
            except _TimeoutError:
                raise WorkerError(
                    f"a worker was not ready after {_START_SECONDS:g} s"
                ) from None
            if "broken" in answer:
                raise WorkerError(f"a worker could not start: {answer['broken']}")
            self._ready = True
        self._process.forget_words()
        self._send(json.dumps(request).encode())
        # That it began is its first answer, which takes no time.
        self._receive(timeout, began=False)
        return self._receive(timeout, began=True)

    def last_words(self) -> str:
        """Give the end of what the process printed.

        Returns
        -------
        words : str
            Up to 2000 bytes of text.
        """
        return self._process.last_words()

    def is_alive(self) -> bool:
        """Say whether the process still runs.

        Returns
        -------
        alive : bool
            False once it has ended.
        """
        return self._process.is_alive()

    def end(self) -> None:
        """Kill the process, whatever it does."""
        self._process.kill()

    def close(self) -> None:
        """Kill the process and close what leads to it."""
        self._process.close()

    def _listen(self) -> None:
        with self._process.answers as answers:
            for answer in answers:
                self._answers.put(answer)
        self._answers.put(b"")

    def _send(self, content: bytes) -> None:
        try:
            send(self._process.requests, content)
        except (OSError, ValueError):
            raise _EndedError(self._how_it_ended(), began=False) from None

    def _receive(self, timeout: float | None, *, began: bool) -> dict[str, Any]:
        try:
            answer = self._answers.get(timeout=timeout)
        except queue.Empty:
            self.end()
            raise _TimeoutError from None
        if not answer:
            raise _EndedError(self._how_it_ended(), began)
        return json.loads(answer)

    def _how_it_ended(self) -> str:
        status = self._process.kill()
        if status is None:
            return "nobody knows what"
        if status >= 0:
            return f"exit status {status}"
        try:
            name = signal.Signals(-status).name
        except ValueError:
            name = f"signal {-status}"
        hint = ", perhaps for want of memory" if name == "SIGKILL" else ""
        return f"{name}{hint}"


class _Crew:
    """The workers of one process, by run."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._idle: defaultdict[str, list[Worker]] = defaultdict(list)
        self._busy: defaultdict[str, set[Worker]] = defaultdict(set)
        self._dismissed: set[str] = set()

    def take(self, run: str, setup: bytes) -> Worker | None:
        with self._mutex:
            if run in self._dismissed:
                return None
            self._sweep()
            worker = self._idle[run].pop() if self._idle[run] else Worker(setup)
            self._busy[run].add(worker)
            return worker

    def give_back(self, run: str, worker: Worker) -> None:
        with self._mutex:
            self._busy[run].discard(worker)
            if run in self._dismissed or not worker.is_alive():
                worker.close()
            else:
                self._idle[run].append(worker)

    def dismiss(self, run: str) -> None:
        with self._mutex:
            self._dismissed.add(run)
            # Those that are busy are closed when they are given back.
            for worker in self._busy.pop(run, ()):
                worker.end()
            for worker in self._idle.pop(run, ()):
                worker.close()

    def is_dismissed(self, run: str) -> bool:
        return run in self._dismissed

    def _sweep(self) -> None:
        """Forget workers that have ended of themselves."""
        for run, workers in list(self._idle.items()):
            for worker in workers:
                if not worker.is_alive():
                    worker.close()
            self._idle[run] = [worker for worker in workers if worker.is_alive()]


_crew = _Crew()


def extract_clip(
    run: str, setup: bytes, request: dict[str, Any], timeout: float | None
) -> dict[str, Any]:
    """Have a clip extracted by a worker process of this process.

    Parameters
    ----------
    run : str
        Names the run, so that its workers can be dismissed together.
    setup : bytes
        From `pack_setup`. Bytes, since dask would scatter any large object to a single
        worker, and lose it with that.
    request : dict
        ``"name"``, ``"path"`` and ``"settings"``.
    timeout : float or None
        Seconds that the clip may take.

    Returns
    -------
    answer : dict
        ``"line"`` and ``"seconds"``; or ``"output_error"``, or ``"worker_error"`` if
        nothing can be done for any clip; or nothing if the run was dismissed.
    """
    ends: list[str] = []
    n_stillborn = 0
    while len(ends) < _ATTEMPTS:
        worker = _crew.take(run, setup)
        if worker is None:
            return {}
        try:
            return worker.ask(request, timeout)
        except _TimeoutError:
            error = f"took longer than the timeout of {timeout:g} s"
            return {"line": failed_line(request, error), "seconds": timeout}
        except WorkerError as broken:
            return {"worker_error": str(broken)}
        except _EndedError as ended:
            if _crew.is_dismissed(run):
                return {}
            if ended.began:
                ends.append(str(ended))
                continue
            n_stillborn += 1
            if n_stillborn == _MOST_STILLBORN:
                words = worker.last_words()
                return {"worker_error": f"workers end before any work: {ended} {words}"}
        finally:
            _crew.give_back(run, worker)
    error = f"its process was ended by {' and, tried again, by '.join(ends)}"
    return {"line": failed_line(request, error), "seconds": None}


def dismiss(run: str) -> None:
    """End all worker processes of a run that this process has.

    Parameters
    ----------
    run : str
        The run.
    """
    _crew.dismiss(run)


def pack_setup(**content: Any) -> bytes:
    """Pack what a worker needs to become ready.

    Parameters
    ----------
    **content : Any
        ``versions``, ``front_end`` (pickled), ``out``, ``storage`` and ``sha256``.

    Returns
    -------
    setup : bytes
        For `extract_clip`.
    """
    return pickle.dumps(content)
