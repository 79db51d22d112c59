"""One run at a time in a folder."""

import errno
import os
import socket
import sys
import warnings
from pathlib import Path
from types import TracebackType
from typing import Self

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_NAME = ".lock"
# What says that a file system has no locks, as some of clusters, rather than that
# another run holds it.
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}


class FolderInUseError(RuntimeError):
    """Another run writes to the folder."""


class FolderLock:
    """Keeps other runs out of a folder while the context lasts.

    The operating system holds the lock and gives it up when the process ends in any
    way, so there is never a stale one to remove by hand.

    Parameters
    ----------
    folder : Path
        An existing folder, which may lie on storage that machines share.

    Raises
    ------
    FolderInUseError
        On entry, if another run holds the lock; the message says which.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / _NAME
        self._descriptor = -1

    def __enter__(self) -> Self:
        """Take the lock."""
        while True:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                _lock(descriptor)
            except OSError as error:
                if error.errno in _NO_LOCKS:
                    warnings.warn(
                        f"{self._path.parent}: no file can be locked here "
                        f"({error.strerror}), so see to it that no other run writes to "
                        "this folder",
                        RuntimeWarning,
                        stacklevel=2,
                    )
                    break
                holder = os.read(descriptor, 200).decode(errors="replace").strip()
                os.close(descriptor)
                raise FolderInUseError(
                    f"{self._path.parent}: another run is writing to this folder"
                    f"{f' ({holder})' if holder else ''}; wait for its end or choose "
                    "another folder"
                ) from error
            if self._is_current(descriptor):
                break
            # Its holder removed it between the opening and the locking.
            os.close(descriptor)
        os.ftruncate(descriptor, 0)
        os.write(
            descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode()
        )
        self._descriptor = descriptor
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the lock's file and give the lock up."""
        if sys.platform == "win32":
            # An open file cannot be removed there.
            os.close(self._descriptor)
            self._path.unlink(missing_ok=True)
        else:
            self._path.unlink(missing_ok=True)
            os.close(self._descriptor)

    def _is_current(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self._path.stat())
        except FileNotFoundError:
            return False


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
