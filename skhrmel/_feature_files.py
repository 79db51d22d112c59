"""Writing feature files, whole or not at all."""

import io
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from math import prod
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

#: Folder of files that are being written: on the same disk, so that a finished one can
#: be renamed to its place, and apart, so that what a killed run leaves is soon removed.
PARTIAL = ".partial"

# Bytes of a header of a .npy file of two or three axes of any length.
_HEADER = 128


class OutputError(OSError):
    """The output folder cannot be written to, which is no clip's fault."""


class FeatureWriter:
    """Writes the features of one clip while they are computed.

    They go to temporary files, one a channel, so that memory is taken up by no more
    than a block of frames; `commit` puts the whole file in its place.

    Parameters
    ----------
    out : Path
        The output folder.
    file : str
        Path of the feature file relative to it, from
        `skhrmel._clip_names.feature_file`.
    dtype : str
        Type of the numbers on disk.
    """

    def __init__(self, out: Path, file: str, dtype: str) -> None:
        self._out = out
        self._target = out / file
        self._dtype = np.dtype(dtype).newbyteorder("<")
        self._channels: list[BinaryIO] = []
        self._paths: list[Path] = []
        self._n_frames = 0
        self._n_features = 0

    def write(self, rows: Sequence[NDArray]) -> None:
        """Append the next frames of each channel.

        Parameters
        ----------
        rows : sequence of ndarray of shape (n_new_frames, n_features)
            An array a channel.

        Raises
        ------
        ValueError
            If a value does not fit the type on disk.
        OutputError
            If it cannot be written.
        """
        with writing_to(self._out):
            if not self._channels:
                stem = self._out / PARTIAL / uuid4().hex
                for number in range(len(rows)):
                    self._paths.append(stem.with_suffix(f".{number}"))
                    self._channels.append(self._paths[-1].open("xb"))
                self._channels[0].write(bytes(_HEADER))
        for channel, new in zip(self._channels, rows, strict=True):
            stored = self._converted(new)
            with writing_to(self._out):
                channel.write(stored.data)
        self._n_frames += len(rows[0])
        self._n_features = rows[0].shape[1]

    def _converted(self, rows: NDArray) -> NDArray:
        # What overflows is found below and refused.
        with np.errstate(over="ignore"):
            stored = np.ascontiguousarray(rows, dtype=self._dtype)
        if (
            stored.dtype.itemsize < rows.dtype.itemsize
            and not np.isfinite(stored).all()
        ):
            worst = rows.flat[int(np.argmin(np.isfinite(stored)))]
            raise ValueError(f"a feature of {worst:g} does not fit {self._dtype.name}")
        return stored

    def commit(self, *, axis_of_channels: bool) -> dict[str, Any]:
        """Put the file in its place, complete and on disk.

        Parameters
        ----------
        axis_of_channels : bool
            Whether the array has a first axis of channels.

        Returns
        -------
        fields : dict
            What the manifest's line tells of the file: ``"frames"``, ``"shape"`` and
            ``"dtype"``.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        shape = self._shape(axis_of_channels)
        with writing_to(self._out):
            first = self._channels[0]
            for channel, path in zip(self._channels[1:], self._paths[1:], strict=True):
                channel.close()
                with path.open("rb") as rest:
                    shutil.copyfileobj(rest, first)
            first.seek(0)
            first.write(npy_header(shape, self._dtype))
            self._put_in_place(first, self._paths[0])
        return {
            "frames": self._n_frames,
            "shape": list(shape),
            "dtype": self._dtype.name,
        }

    def _shape(self, axis_of_channels: bool) -> tuple[int, ...]:
        shape = (self._n_frames, self._n_features)
        return (len(self._channels), *shape) if axis_of_channels else shape

    def _put_in_place(self, file: BinaryIO, path: Path) -> None:
        file.flush()
        os.fsync(file.fileno())
        file.close()
        make_folders(self._out, self._target.parent)
        path.replace(self._target)
        sync_folder(self._target.parent)

    def discard(self) -> None:
        """Remove the temporary files that are left."""
        for channel in self._channels:
            # What was still to be written does not fit the disk either; the file is
            # closed nevertheless.
            with suppress(OSError):
                channel.close()
        for path in self._paths:
            path.unlink(missing_ok=True)


def npy_header(shape: tuple[int, ...], dtype: np.dtype) -> bytes:
    """Make the header of a .npy file, as long for any number of frames.

    Parameters
    ----------
    shape : tuple of int
        Shape of the array.
    dtype : dtype
        Its type.

    Returns
    -------
    header : bytes
        The 128 bytes in front of the numbers.
    """
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": dtype.str, "fortran_order": False, "shape": shape}
    )
    if header.tell() != _HEADER:
        raise ValueError(f"header of {header.tell()} bytes for the shape {shape}")
    return header.getvalue()


def size_on_disk(shape: Sequence[int], dtype: str) -> int:
    """Say how large a feature file is.

    Parameters
    ----------
    shape : sequence of int
        Shape of the array.
    dtype : str
        Its type.

    Returns
    -------
    size : int
        In bytes.
    """
    return _HEADER + prod(shape) * np.dtype(dtype).itemsize


def make_folders(out: Path, folder: Path) -> None:
    """Make a folder inside the output folder, but follow no link out of it.

    Parameters
    ----------
    out : Path
        The output folder.
    folder : Path
        The folder below it to make, with all above it.

    Raises
    ------
    OSError
        If it cannot be made, or a link is in its way.
    """
    current = out
    for part in folder.relative_to(out).parts:
        above, current = current, current / part
        try:
            current.mkdir()
        except FileExistsError:
            if current.is_symlink():
                raise NotADirectoryError(
                    20, "a link in the way of the output", str(current)
                ) from None
        else:
            sync_folder(above)


def write_whole(path: Path, content: bytes) -> None:
    """Write a small file so that it is there in whole or not at all.

    Parameters
    ----------
    path : Path
        Where it belongs.
    content : bytes
        What it holds.
    """
    temporary = path.with_name(f".{path.name}.partial")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Have the operating system keep the names in a folder.

    Parameters
    ----------
    folder : Path
        Any folder.
    """
    if sys.platform == "win32":
        # Folders cannot be opened there.
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def writing_to(out: Path) -> Iterator[None]:
    """Tell trouble with the output from trouble with a clip.

    Parameters
    ----------
    out : Path
        The output folder.

    Yields
    ------
    None

    Raises
    ------
    OutputError
        Instead of any OSError.
    """
    try:
        yield
    except OSError as error:
        raise OutputError(
            error.errno, error.strerror, str(error.filename or out)
        ) from error
