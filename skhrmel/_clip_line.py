"""The manifest's line of one clip."""

from pathlib import Path
from typing import Any

Line = dict[str, Any]


def new_line(request: dict[str, Any]) -> Line:
    """Begin the line of a clip with what is known before it is opened.

    Parameters
    ----------
    request : dict
        ``"name"``, ``"path"`` and ``"settings"``, the hash of the front end.

    Returns
    -------
    line : dict
        All fields, in the order in which they are written.
    """
    size, mtime_ns = stamp(request["path"])
    return {
        "name": request["name"],
        "path": request["path"],
        "status": "failed",
        "error": None,
        "note": None,
        "size": size,
        "mtime_ns": mtime_ns,
        "sha256": None,
        "rate": None,
        "channels": None,
        "duration": None,
        "frames": None,
        "shape": None,
        "dtype": None,
        "features": None,
        "front_end": request["settings"],
    }


def failed_line(request: dict[str, Any], error: str) -> Line:
    """Make the line of a clip that never answered.

    Parameters
    ----------
    request : dict
        As for `new_line`.
    error : str
        What happened.

    Returns
    -------
    line : dict
        All fields.
    """
    return new_line(request) | {"error": error}


def stamp(path: str) -> tuple[int | None, int | None]:
    """Tell one state of a file from another without reading it.

    Parameters
    ----------
    path : str
        The file.

    Returns
    -------
    size : int or None
        In bytes; None if the file cannot be found.
    mtime_ns : int or None
        When it was changed, in nanoseconds since 1970.
    """
    try:
        status = Path(path).stat()
    except (OSError, ValueError):
        return None, None
    return status.st_size, status.st_mtime_ns
