"""A folder of audio in, a folder of features out: parallel, resumable, journalled."""

import os
import pickle
import shutil
import threading
import time
import uuid
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from joblib import Parallel, delayed, wrap_non_picklable_objects
from sklearn.base import clone

from skhrmel import _manifest, _settings
from skhrmel._base import BaseMelTransformer
from skhrmel._clip_line import Line, stamp
from skhrmel._extracted_features import ExtractedFeatures, load_features
from skhrmel._feature_files import PARTIAL, clip_name, size_on_disk
from skhrmel._folder_lock import FolderInUseError, FolderLock
from skhrmel._front_end import AudioFrontEnd
from skhrmel._manifest import Manifest
from skhrmel._output_folder import TIMINGS, SettingsError, open_folder
from skhrmel._settings import front_end_from_parameters
from skhrmel._supervisor import WorkerError, dismiss, extract_clip, pack_setup

__all__ = [
    "ExtractedFeatures",
    "Extraction",
    "FolderInUseError",
    "SettingsError",
    "WorkerError",
    "extract_features",
    "front_end_from_parameters",
    "load_features",
]

_STORED_AS = ("float32", "float16")
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
    seconds : float
        Seconds since the run began.
    failures : dict of str to str
        Path and reason of the first 100 clips that failed.
    """

    n_done: int = 0
    n_earlier: int = 0
    n_failed: int = 0
    duration: float = 0.0
    seconds: float = 0.0
    failures: dict[str, str] = field(default_factory=dict)

    def _count(self, line: Line) -> None:
        if line["status"] == "done":
            self.n_done += 1
            self.duration += line["duration"]
            return
        self.n_failed += 1
        if len(self.failures) < _MOST_FAILURES:
            self.failures[line["path"]] = line["error"]


def extract_features(
    front_end: AudioFrontEnd,
    clips: Iterable[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    root: str | os.PathLike[str] | None = None,
    stored_as: str = "float32",
    sha256: bool = False,
    n_jobs: int | None = None,
    timeout: float | None = None,
    overwrite: bool = False,
    callback: Callable[[Line, Extraction], None] | None = None,
) -> Extraction:
    """Extract the features of files into a folder.

    Writes a .npy file a clip to ``features/`` in `out`, in a tree like that of the
    clips; ``manifest.jsonl`` with a line a clip, in the order of `clips`;
    ``front_end.json`` with all settings and versions; and ``timings.jsonl``, the
    seconds that each clip took. All but the last are the same to the last byte for any
    `n_jobs` and however often the run was killed and started again.

    A second run into the same folder does what is missing: clips that are new, have
    changed or failed. Each clip is decoded in a process of its worker, which may crash
    or be killed; a clip that ends two of them has failed.

    Parameters
    ----------
    front_end : AudioFrontEnd
        Makes the features. Its `n_jobs` is not used. It need not be fitted unless its
        transformer learns from frames.
    clips : iterable of path-like
        Audio files. May be a generator: a few clips for each job are asked for in
        advance. A file that comes twice is done once.
    out : path-like
        Folder for the features: new, empty, or of an earlier run.
    root : path-like or None, default=None
        Folder that the tree of features begins at; None is the root of the file system.
        Clips elsewhere go to ``features/_outside/`` by their absolute path.
    stored_as : {"float32", "float16"}, default="float32"
        Type of the numbers on disk.
    sha256 : bool, default=False
        Whether the manifest holds the digest of each audio file, beside its size and
        time of change.
    n_jobs : int or None, default=None
        Worker processes; -1 uses every core. None is 1, unless a
        ``joblib.parallel_config`` says otherwise: with that of dask, the cluster's
        workers read the clips and write to `out` themselves, over storage they share.
    timeout : float or None, default=None
        Seconds after which the process of a clip is ended, and the clip has failed.
    overwrite : bool, default=False
        Whether to empty the folder of an earlier run first.
    callback : callable or None, default=None
        Called as ``callback(line, extraction)`` with the manifest's line of each clip
        that this run has worked on, in the order in which they are done.

    Returns
    -------
    extraction : Extraction
        What was done.

    Raises
    ------
    SettingsError
        If the folder holds features of other settings or versions.
    FolderInUseError
        If another run writes to the folder.
    ValueError
        If a parameter is impossible, the folder is of another kind, or two clips have
        the same place in it.
    OSError
        If the folder cannot be written to. What was done stays, and another run
        continues.
    WorkerError
        If no worker can be started.

    Examples
    --------
    >>> import tempfile, soundfile
    >>> from pathlib import Path
    >>> from skhrmel import AudioFrontEnd
    >>> from skhrmel.datasets import make_music
    >>> from skhrmel.extraction import extract_features, load_features
    >>> clips, _ = make_music(1, duration=1.0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     soundfile.write(f"{folder}/song.wav", clips[0], 44100)
    ...     files = Path(folder).glob("*.wav")
    ...     extraction = extract_features(
    ...         AudioFrontEnd(), files, f"{folder}/out", root=folder
    ...     )
    ...     names, arrays, feature_names = load_features(f"{folder}/out")
    ...     print(extraction.n_done, names, arrays[0].shape)
    1 ['song.wav'] (101, 96)
    """
    _check(stored_as, timeout)
    prepared = _settings.prepare(front_end)
    settings = _settings.describe(front_end, prepared, stored_as)
    folder = Path(out).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    with FolderLock(folder):
        open_folder(folder, settings, overwrite=overwrite)
        setup = pack_setup(
            versions=settings["versions"],
            front_end=_packed(prepared),
            out=str(folder),
            stored_as=stored_as,
            sha256=sha256,
        )
        run = _Run(folder, settings["hash"], None if root is None else _absolute(root))
        try:
            # Closed in any case, so that nobody works for a run that is over.
            with closing(run.answers(clips, setup, n_jobs, timeout)) as answers:
                for answer in answers:
                    line = run.take(answer)
                    if callback is not None:
                        callback(line, run.extraction)
            run.manifest.finish()
        finally:
            run.close()
    return run.extraction


class _Run:
    """One call of `extract_features`, from clips to lines."""

    def __init__(self, out: Path, settings: str, root: str | None) -> None:
        self.extraction = Extraction()
        self.manifest = Manifest(out)
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
        """Give the answers of workers as they come."""
        # Threads wait for worker processes. A backend that the user has configured has
        # its own way to run tasks, each of which waits for a process over there.
        parallel = Parallel(
            n_jobs=n_jobs,
            prefer="threads",
            batch_size=1,
            pre_dispatch="2 * n_jobs",
            return_as="generator_unordered",
        )
        answers = parallel(
            delayed(extract_clip)(self._id, setup, request, timeout)
            for request in self._requests(clips)
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
        path = _absolute(clip)
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
        size, _ = stamp(str(self._out / line["features"]))
        return (line["size"], line["mtime_ns"]) == stamp(line["path"]) and (
            size == size_on_disk(line["shape"], line["dtype"])
        )

    def take(self, answer: dict[str, Any]) -> Line:
        """Enter an answer in the manifest."""
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


def _check(stored_as: str, timeout: float | None) -> None:
    if stored_as not in _STORED_AS:
        raise ValueError(f"stored_as must be one of {_STORED_AS}, got {stored_as!r}.")
    if timeout is not None and not 0 < timeout < float("inf"):
        raise ValueError(f"timeout must be positive seconds or None, got {timeout!r}.")


def _absolute(path: str | os.PathLike[str]) -> str:
    """Make a path absolute; one that goes up by ``..`` is followed through links."""
    if not isinstance(path, str | os.PathLike):
        raise TypeError(
            f"clips must be paths of files, got {type(path).__name__}; features of "
            "arrays are what AudioFrontEnd.transform gives."
        )
    place = Path(os.fsdecode(path))
    if ".." in place.parts:
        try:
            followed = (place if place.name == ".." else place.parent).resolve()
        except (OSError, RuntimeError, ValueError):
            # No such path can be; reading the clip will say why.
            return os.path.normpath(place.absolute())
        place = followed if place.name == ".." else followed / place.name
    return str(place.absolute())


def _packed(prepared: AudioFrontEnd) -> bytes:
    """Pack a front end for workers."""
    if isinstance(prepared.transformer_, BaseMelTransformer):
        # A few hundred bytes, of which a worker makes the matrices itself.
        return pickle.dumps(clone(prepared))
    # Classes of a script or notebook, which a worker cannot import, are sent along.
    return pickle.dumps(wrap_non_picklable_objects(prepared, keep_wrapper=False))
