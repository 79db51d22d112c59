"""One run of an extraction, from clips to lines."""

import os
import shutil
import threading
import time
import uuid
import warnings
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from joblib import Parallel, delayed

from skhrmel import _manifest
from skhrmel._clip_line import Line, stamp
from skhrmel._clip_names import clip_name, feature_file
from skhrmel._cluster import cluster_answers, find_cluster
from skhrmel._feature_files import PARTIAL, size_on_disk
from skhrmel._manifest import Manifest
from skhrmel._output_folder import TIMINGS, folds_names
from skhrmel._supervisor import WorkerError, dismiss, extract_clip

# Failures that are kept for the report; all are in the manifest.
_MOST_FAILURES = 100


@dataclass
class Extraction:
    """What a run has done so far.

    Attributes
    ----------
    n_done : int
        Clips whose features this run has made.
    n_earlier : int
        Clips whose features were there.
    n_failed : int
        Clips without features; their lines in the manifest say why.
    duration : float
        Seconds of audio of the clips that this run has done.
    n_clipped : int
        Features that this run has clipped, since they lay outside the range of the
        quantizer that all clips share.
    seconds : float
        Seconds since the run began.
    failures : dict of str to str
        Path and reason of the first 100 clips that failed.
    """

    n_done: int = 0
    n_earlier: int = 0
    n_failed: int = 0
    duration: float = 0.0
    n_clipped: int = 0
    seconds: float = 0.0
    failures: dict[str, str] = field(default_factory=dict)

    def _count(self, line: Line) -> None:
        if line["status"] == "done":
            self.n_done += 1
            self.duration += line["duration"]
            self.n_clipped += line["clipped"] or 0
            return
        self.n_failed += 1
        if len(self.failures) < _MOST_FAILURES:
            self.failures[line["path"]] = line["error"]


class Run:
    """One call of `extract_features`, from clips to lines.

    Parameters
    ----------
    out : Path
        The output folder, which is ready and locked.
    settings : str
        Hash of the front end.
    root : str or None
        Absolute path that the tree of features begins at.
    """

    def __init__(self, out: Path, settings: str, root: str | None) -> None:
        self.extraction = Extraction()
        self.manifest = Manifest(out, folds=folds_names(out))
        self._out = out
        self._settings = settings
        self._root = root
        self._id = uuid.uuid4().hex
        self._started = time.perf_counter()
        self._stopped = threading.Event()
        self._problem: BaseException | None = None
        self._timings = (out / TIMINGS).open("ab")

    def answers(
        self,
        clips: Iterable[str | os.PathLike[str]],
        setup: bytes,
        n_jobs: int | None,
        timeout: float | None,
    ) -> Generator[dict[str, Any], None, None]:
        """Give the answers of workers as they come.

        Parameters
        ----------
        clips : iterable of path-like
            The clips.
        setup : bytes
            From `skhrmel._supervisor.pack_setup`.
        n_jobs : int or None
            As joblib takes it.
        timeout : float or None
            Seconds that a clip may take.

        Yields
        ------
        answer : dict
            From `skhrmel._supervisor.extract_clip`.
        """
        requests = self._requests(clips)
        cluster = find_cluster()
        if cluster is not None:
            answers = cluster_answers(cluster, self._id, setup, requests, timeout)
        else:
            # Threads wait for worker processes. A backend that the user has configured
            # runs tasks in its own way, each of which waits for a process over there.
            answers = Parallel(
                n_jobs=n_jobs,
                prefer="threads",
                batch_size=1,
                pre_dispatch="2 * n_jobs",
                return_as="generator_unordered",
            )(
                delayed(extract_clip)(self._id, setup, request, timeout)
                for request in requests
            )
        try:
            for answer in answers:  # noqa: UP028  # its end must come after ours
                yield answer
        finally:
            # First, so that no task waits for a worker any more.
            self._stopped.set()
            dismiss(self._id)
            with warnings.catch_warnings():
                # That some clips were worked on in vain.
                warnings.simplefilter("ignore", UserWarning)
                answers.close()
        if self._problem is not None:
            raise self._problem

    def _requests(
        self, clips: Iterable[str | os.PathLike[str]]
    ) -> Iterator[dict[str, Any]]:
        """Give the clips that must be worked on.

        joblib asks for them in threads of its own, where an exception would be lost.
        """
        try:
            for clip in clips:
                if self._stopped.is_set():
                    return
                request = self._request(clip)
                if request is not None:
                    yield request
        except Exception as error:
            self._problem = error

    def _request(self, clip: str | os.PathLike[str]) -> dict[str, Any] | None:
        path = absolute(clip)
        name = clip_name(path, self._root)
        first, line = self.manifest.claim(name)
        if line is not None and line["path"] != path:
            raise ValueError(
                f"{path} and {line['path']} would both be {name!r} in {self._out}: "
                "choose a root above both, or another folder"
            )
        if not first:
            return None
        if line is not None and self._is_done(line):
            self.extraction.n_earlier += 1
            return None
        return {"name": name, "path": path, "settings": self._settings}

    def _is_done(self, line: Line) -> bool:
        """Check that neither the clip nor its features have changed since."""
        if line["status"] != "done" or line["front_end"] != self._settings:
            return False
        if line["features"] != feature_file(line["name"]):
            # Somebody has edited the manifest.
            return False
        size, _ = stamp(f"{self._out}/{line['features']}")
        return (line["size"], line["mtime_ns"]) == stamp(line["path"]) and (
            size == size_on_disk(line["shape"], line["dtype"])
        )

    def take(self, answer: dict[str, Any]) -> Line:
        """Enter an answer in the manifest.

        Parameters
        ----------
        answer : dict
            From `answers`.

        Returns
        -------
        line : dict
            The line that was entered.

        Raises
        ------
        OSError
            If the output folder cannot be written to.
        WorkerError
            If no worker can work.
        """
        if "output_error" in answer:
            raise OSError(*answer["output_error"])
        if "worker_error" in answer:
            raise WorkerError(answer["worker_error"])
        line = answer["line"]
        self.manifest.append(line)
        timing = {"name": line["name"], "seconds": answer["seconds"]}
        self._timings.write(_manifest.encode(timing))
        self._timings.flush()
        self.extraction._count(line)
        self.extraction.seconds = time.perf_counter() - self._started
        return line

    def close(self) -> None:
        """Close all files and remove what was not completed."""
        self.extraction.seconds = time.perf_counter() - self._started
        try:
            self.manifest.close()
        finally:
            self._timings.close()
            shutil.rmtree(self._out / PARTIAL, ignore_errors=True)


def absolute(path: str | os.PathLike[str]) -> str:
    """Make a path absolute; one that goes up by ``..`` is followed through links.

    Parameters
    ----------
    path : path-like
        Any path.

    Returns
    -------
    path : str
        From the root of the file system, without ``..``.

    Raises
    ------
    TypeError
        If it is no path.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(
            f"clips must be paths of files, got {type(path).__name__}; features of "
            "arrays are what AudioFrontEnd.transform gives."
        )
    text = os.fsdecode(path)
    if ".." not in text and "\0" not in text:
        return os.path.abspath(text)  # noqa: PTH100  # a million times
    place = Path(text)
    if ".." in place.parts:
        try:
            followed = (place if place.name == ".." else place.parent).resolve()
        except (OSError, RuntimeError, ValueError):
            # No such path can be; reading the clip will say why.
            return os.path.normpath(place.absolute())
        place = followed if place.name == ".." else followed / place.name
    return str(place.absolute())
