"""A folder of audio in, a folder of features out: parallel, resumable, journalled."""

import os
import pickle
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from joblib import wrap_non_picklable_objects
from sklearn.base import clone

from skhrmel import _settings
from skhrmel._base import BaseMelTransformer
from skhrmel._clip_line import Line
from skhrmel._extracted_features import ExtractedFeatures, load_features
from skhrmel._extraction_run import Extraction, Run, absolute
from skhrmel._folder_lock import FolderInUseError, FolderLock
from skhrmel._front_end import AudioFrontEnd
from skhrmel._output_folder import SettingsError, open_folder
from skhrmel._quantizer import UniformQuantizer
from skhrmel._settings import front_end_from_parameters
from skhrmel._storage import make_storage
from skhrmel._supervisor import WorkerError, pack_setup

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


def extract_features(
    front_end: AudioFrontEnd,
    clips: Iterable[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    root: str | os.PathLike[str] | None = None,
    stored_as: str | UniformQuantizer = "float32",
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
    stored_as : {"float32", "float16", "uint8", "uint16"} or UniformQuantizer, \
            default="float32"
        Type of the numbers on disk. ``"uint8"`` and ``"uint16"`` quantise each clip
        over its own range in each band, so nothing is clipped and a clip's file
        depends on no other clip. A `UniformQuantizer` that was fitted to features gives
        all clips its range, and equal codes an equal meaning in all of them; values
        beyond it are clipped, and counted in the manifest.
    sha256 : bool, default=False
        Whether the manifest holds the digest of each audio file, beside its size and
        time of change.
    n_jobs : int or None, default=None
        Worker processes; -1 uses every core. None is 1, unless a
        ``joblib.parallel_config`` says otherwise. With that of dask or ray, all cores
        of the cluster are used, whatever `n_jobs` is: its workers read the clips and
        write to `out` themselves, over storage they share.
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
    _check(clips, timeout)
    prepared = _settings.prepare(front_end)
    storage = make_storage(stored_as, prepared)
    settings = _settings.describe(front_end, prepared, storage.described())
    folder = Path(out).absolute()
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder}: not a folder")
    folder.mkdir(parents=True, exist_ok=True)
    with FolderLock(folder):
        open_folder(folder, settings, overwrite=overwrite)
        setup = pack_setup(
            versions=settings["versions"],
            front_end=_packed(prepared),
            out=str(folder),
            storage=storage,
            sha256=sha256,
        )
        run = Run(folder, settings["hash"], None if root is None else absolute(root))
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


def _check(clips: Any, timeout: float | None) -> None:
    if isinstance(clips, str | bytes | os.PathLike) or not hasattr(clips, "__iter__"):
        raise TypeError(
            f"clips must be an iterable of paths, got {clips!r}; put a single path "
            "into a list."
        )
    if timeout is not None and not 0 < timeout < float("inf"):
        raise ValueError(f"timeout must be positive seconds or None, got {timeout!r}.")


def _packed(prepared: AudioFrontEnd) -> bytes:
    """Pack a front end for workers."""
    if isinstance(prepared.transformer_, BaseMelTransformer):
        # A few hundred bytes, of which a worker makes the matrices itself.
        return pickle.dumps(clone(prepared))
    # Classes of a script or notebook, which a worker cannot import, are sent along.
    return pickle.dumps(wrap_non_picklable_objects(prepared, keep_wrapper=False))
