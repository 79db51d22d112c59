"""The manifest's line of one clip."""

import os
from typing import Any

Line = dict[str, Any]

# What the fields hold that somebody relies on, in all lines and in those of clips that
# are done.
_KINDS = {"name": str, "path": str, "status": str, "front_end": str}
_KINDS_IF_DONE = {
    "size": int,
    "mtime_ns": int,
    "duration": int | float,
    "shape": list,
    "dtype": str,
    "features": str,
}
_DTYPES = ("float32", "float16", "uint8", "uint16")


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
        "scale": None,
        "clipped": None,
        "features": None,
        "front_end": request["settings"],
    }


def check_line(line: Any) -> None:
    """Check what was read from a file, which somebody may have edited.

    Parameters
    ----------
    line : Any
        What should be a line.

    Raises
    ------
    ValueError
        If it is none; the message says why.
    """
    if not isinstance(line, dict):
        raise ValueError("not an object")
    _check_kinds(line, _KINDS)
    if not {"", ".", ".."}.isdisjoint(line["name"].split("/")):
        raise ValueError(f"'name' is {line['name']!r}, no path below a folder")
    if line["status"] == "done":
        _check_kinds(line, _KINDS_IF_DONE)
        _check_array(line)
    elif line["status"] != "failed":
        raise ValueError(f"'status' is {line['status']!r}")


def _check_kinds(line: Line, kinds: dict[str, Any]) -> None:
    for key, kind in kinds.items():
        if not isinstance(line.get(key, ...), kind):
            raise ValueError(f"{key!r} is {line.get(key, 'not there')!r}")


def _check_array(line: Line) -> None:
    if line["dtype"] not in _DTYPES:
        raise ValueError(f"'dtype' is {line['dtype']!r}")
    if not all(isinstance(n, int) and n >= 0 for n in line["shape"]):
        raise ValueError(f"'shape' is {line['shape']!r}")


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
        status = os.stat(path)  # noqa: PTH116  # a million times
    except (OSError, ValueError):
        return None, None
    return status.st_size, status.st_mtime_ns
