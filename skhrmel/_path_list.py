"""Lists of paths, in text files of any length or from a pipe."""

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import BinaryIO

#: Stands for standard input.
STANDARD_INPUT = "-"


def can_be_read_again(name: str) -> bool:
    """Say whether a list may be gone through before it is used.

    Parameters
    ----------
    name : str
        A file, or ``"-"`` for standard input.

    Returns
    -------
    again : bool
        False of standard input and of pipes, such as a shell's ``<(find ...)``.

    Raises
    ------
    OSError
        If there is no such file.
    ValueError
        If it is a folder.
    """
    if name == STANDARD_INPUT:
        return False
    # Not opened, since a pipe that is closed has ended.
    mode = Path(name).stat().st_mode
    if stat.S_ISDIR(mode):
        raise ValueError(f"{name} is a folder, not a list of paths")
    return stat.S_ISREG(mode)


def read_paths(name: str, *, null: bool) -> Iterator[str]:
    """Read a list, a path at a time.

    Parameters
    ----------
    name : str
        A file, or ``"-"`` for standard input.
    null : bool
        Whether each path ends with a null byte; else with the end of a line.

    Yields
    ------
    path : str
        The next path; empty ones are passed over.

    Raises
    ------
    OSError
        If the list cannot be read.
    """
    source = Path(name).open("rb") if name != STANDARD_INPUT else None  # noqa: SIM115
    with source or nullcontext(sys.stdin.buffer) as file:
        for line in _ended_by_null(file) if null else file:
            # Bytes, since a name need not be text; and no more than the end of the line
            # is taken off, since it may end with a space.
            path = line if null else line.removesuffix(b"\n").removesuffix(b"\r")
            if path:
                yield os.fsdecode(path)


def _ended_by_null(file: BinaryIO) -> Iterator[bytes]:
    rest = b""
    while block := file.read(1 << 16):
        *paths, rest = (rest + block).split(b"\0")
        yield from paths
    yield rest
