"""The manifest: a line a clip, journalled while they are done, sorted at the end."""

import json
import os
import sqlite3
import threading
import time
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO

from skhrmel._clip_line import Line, check_line
from skhrmel._feature_files import sync_folder

NAME = "manifest.jsonl"
# Power may fail at any moment. What a clip's line then loses is done again, so the disk
# need not be waited for after each.
_SYNC_SECONDS = 2.0
# Memory for the table of lines, which a million clips do not quite fill.
_INDEX_KIB = 1 << 16


class Manifest:
    """The lines of a folder of features, on disk as soon as they are added.

    Only the place of each line is remembered, in a table of 64 MB at most, the rest of
    which SQLite moves to a temporary file. All methods may be called from any thread.

    Parameters
    ----------
    out : Path
        The output folder. A manifest in it is continued, without its last line if that
        was torn when a run was killed.
    folds : bool, default=False
        Whether names that differ in no more than case, or in how accents are written,
        are one to the file system.

    Raises
    ------
    ValueError
        If another line than the last cannot be read.
    """

    def __init__(self, out: Path, *, folds: bool = False) -> None:
        self._path = out / NAME
        self._folds = folds
        self._mutex = threading.RLock()
        self._index = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._index.execute("PRAGMA journal_mode = OFF")
        self._index.execute(f"PRAGMA cache_size = -{_INDEX_KIB}")
        self._index.execute(
            "CREATE TABLE line (name BLOB PRIMARY KEY, start INTEGER, place INTEGER,"
            " exact BLOB) WITHOUT ROWID"
        )
        # One transaction without end: nobody else reads this table, nor after a crash.
        self._index.execute("BEGIN")
        self._n_claimed = 0
        self._size = _whole_lines(self._path)
        try:
            self._read()
        except ValueError:
            self._index.close()
            raise
        self._journal: BinaryIO = self._path.open("ab")
        self._journal.truncate(self._size)
        self._lines: BinaryIO = self._path.open("rb")
        self._synced = time.monotonic()

    def _read(self) -> None:
        if self._size == 0:
            return
        start = 0
        for line, length in read_lines(self._path):
            key, exact = self._keys(line["name"])
            self._index.execute(
                "INSERT OR REPLACE INTO line VALUES (?, ?, NULL, ?)",
                (key, start, exact),
            )
            start += length

    def claim(self, name: str) -> tuple[bool, Line | None]:
        """Give the next place to a clip.

        Parameters
        ----------
        name : str
            Name of the clip.

        Returns
        -------
        first : bool
            Whether it is the first clip of this run with this name.
        line : dict or None
            What an earlier run wrote of it.

        Raises
        ------
        ValueError
            If another clip has the same name as far as the file system can tell.
        """
        with self._mutex:
            key, exact = self._keys(name)
            row = self._index.execute(
                "SELECT start, place, exact FROM line WHERE name = ?", (key,)
            ).fetchone()
            start, place, known = row or (None, None, exact)
            if known != exact:
                raise ValueError(
                    f"{name!r} has the place of another clip: the file system of "
                    f"{self._path.parent} does not tell upper from lower case, or how "
                    "accents are written; choose a folder elsewhere"
                )
            if row is None:
                self._index.execute(
                    "INSERT INTO line VALUES (?, NULL, ?, ?)",
                    (key, self._n_claimed, exact),
                )
            elif place is None:
                self._index.execute(
                    "UPDATE line SET place = ? WHERE name = ?", (self._n_claimed, key)
                )
            if place is None:
                self._n_claimed += 1
            return place is None, None if start is None else self._line_at(start)

    def append(self, line: Line) -> None:
        """Add the line of a clip that was claimed.

        Parameters
        ----------
        line : dict
            The line; its ``"name"`` tells the clip.

        Raises
        ------
        OSError
            If it cannot be written; the manifest then ends before it.
        """
        encoded = encode(line)
        with self._mutex:
            try:
                self._journal.write(encoded)
                self._journal.flush()
                if time.monotonic() - self._synced > _SYNC_SECONDS:
                    os.fsync(self._journal.fileno())
                    self._synced = time.monotonic()
            except OSError:
                self._give_up()
                raise
            self._index.execute(
                "UPDATE line SET start = ? WHERE name = ?",
                (self._size, self._keys(line["name"])[0]),
            )
            self._size += len(encoded)

    def finish(self) -> None:
        """Sort the lines as the clips came, one a clip, and replace the journal.

        Clips of earlier runs that did not come again follow in their old order.

        Raises
        ------
        OSError
            If it cannot be written; the journal then stays.
        """
        with self._mutex:
            rows = self._index.execute(
                "SELECT start FROM line WHERE start IS NOT NULL "
                "ORDER BY place IS NULL, place, start"
            )
            temporary = self._path.with_name(f".{NAME}.partial")
            try:
                with self._path.open("rb") as journal, temporary.open("wb") as final:
                    for (start,) in rows:
                        journal.seek(start)
                        final.write(journal.readline())
                    final.flush()
                    os.fsync(final.fileno())
                self._journal.close()
                temporary.replace(self._path)
            finally:
                temporary.unlink(missing_ok=True)
            sync_folder(self._path.parent)

    def close(self) -> None:
        """Close the journal; what was added stays."""
        with self._mutex:
            self._lines.close()
            self._index.close()
            if not self._journal.closed:
                with self._journal:
                    self._journal.flush()
                    os.fsync(self._journal.fileno())

    def _keys(self, name: str) -> tuple[bytes, bytes | None]:
        """Give what names a clip, and what else tells it from others, if need be."""
        if not self._folds:
            return _digest(name), None
        folded = unicodedata.normalize("NFC", name).casefold()
        return _digest(unicodedata.normalize("NFC", folded)), _digest(name)

    def _line_at(self, start: int) -> Line:
        self._lines.seek(start)
        return json.loads(self._lines.readline())

    def _give_up(self) -> None:
        """Cut off what was written of a line, and leave nothing to be flushed later."""
        descriptor = os.dup(self._journal.fileno())
        # The rest of the line does not fit either.
        with suppress(OSError):
            self._journal.close()
        os.ftruncate(descriptor, self._size)
        os.close(descriptor)


def encode(line: Line) -> bytes:
    """Write a line as JSON, readable for people where its names can be.

    Parameters
    ----------
    line : dict
        The line.

    Returns
    -------
    encoded : bytes
        UTF-8, with the end of the line.
    """
    try:
        return json.dumps(line, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:
        # A name of bytes that are no text.
        return json.dumps(line).encode() + b"\n"


def read_lines(path: Path) -> Iterator[tuple[Line, int]]:
    """Read the lines of a manifest.

    Parameters
    ----------
    path : Path
        The manifest.

    Yields
    ------
    line : dict
        The next line.
    length : int
        Its bytes on disk.

    Raises
    ------
    ValueError
        If a line cannot be read. What follows the last end of a line is passed over.
    """
    with path.open("rb") as file:
        for number, encoded in enumerate(file, start=1):
            if not encoded.endswith(b"\n"):
                return
            try:
                line = json.loads(encoded)
                check_line(line)
            except (ValueError, RecursionError) as error:
                raise ValueError(
                    f"{path}: line {number} is no line of a manifest: "
                    f"{encoded[:60]!r} ({error}). Remove it, and its clip is done "
                    "again."
                ) from error
            yield line, len(encoded)


def _whole_lines(path: Path) -> int:
    """Count the bytes up to the last end of a line that is whole."""
    if not path.exists():
        return 0
    with path.open("rb") as file:
        size = end = file.seek(0, os.SEEK_END)
        block = 1 << 16
        while end > 0:
            start = max(0, end - block)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                return min(size, start + newline + 1)
            end = start
    return 0


def _digest(name: str) -> bytes:
    # As names may hold bytes that are no text, which SQLite would refuse.
    return blake2b(os.fsencode(name), digest_size=16).digest()
