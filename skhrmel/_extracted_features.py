"""Reading a folder of features."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from skhrmel._clip_names import feature_file
from skhrmel._manifest import NAME as MANIFEST
from skhrmel._manifest import read_lines
from skhrmel._output_folder import SettingsError, read_settings
from skhrmel._quantized_files import decode
from skhrmel._settings import NAME as SETTINGS


class Stored(NamedTuple):
    """What is remembered of a feature file: little, as there may be a million.

    Attributes
    ----------
    name : str
        Name of the clip.
    shape : tuple of int
        Shape of the array.
    scale : bytes
        Low ends and steps of the groups of features, float64, if codes are stored.
    """

    name: str
    shape: tuple[int, ...]
    scale: bytes


class FeatureArrays(Sequence[NDArray]):
    """Arrays in files, each read when it is asked for.

    Parameters
    ----------
    out : Path
        The folder of features.
    stored : sequence of Stored
        The arrays.
    groups : ndarray of shape (n_features,) or None
        The group of each feature, all of which share a scale; None if no codes are
        stored.
    decoded : bool
        Whether codes are turned into the values they stand for.
    """

    def __init__(
        self,
        out: Path,
        stored: Sequence[Stored],
        groups: NDArray | None,
        *,
        decoded: bool,
    ) -> None:
        self._out = out
        self._stored = stored
        self._groups = groups
        self._decoded = decoded

    def __len__(self) -> int:
        """Count the arrays."""
        return len(self._stored)

    @overload
    def __getitem__(self, key: int) -> NDArray: ...

    @overload
    def __getitem__(self, key: slice) -> "FeatureArrays": ...

    def __getitem__(self, key: int | slice) -> "NDArray | FeatureArrays":
        """Read or map one array, or give some of the sequence."""
        if isinstance(key, slice):
            return FeatureArrays(
                self._out, self._stored[key], self._groups, decoded=self._decoded
            )
        name, shape, _ = self._stored[key]
        path = self._out / feature_file(name)
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        if array.shape != shape:
            raise ValueError(
                f"{path}: shape {array.shape}, but {shape} in the manifest"
            )
        if self._groups is None or not self._decoded:
            return array
        return decode(array, *self.scale(key))

    def scale(self, key: int) -> tuple[NDArray, NDArray]:
        """Say what the codes of a clip stand for: ``low + codes * step``.

        Parameters
        ----------
        key : int
            Number of the clip.

        Returns
        -------
        low, step : ndarray of shape (n_features,)
            For each feature, float64.

        Raises
        ------
        ValueError
            If the features are not stored as codes.
        """
        if self._groups is None:
            raise ValueError(f"{self._out}: features are not stored as codes")
        low, step = np.frombuffer(self._stored[key].scale).reshape(2, -1)
        return low[self._groups], step[self._groups]


class ExtractedFeatures(NamedTuple):
    """What a folder of features holds.

    Attributes
    ----------
    names : list of str
        Name of each clip: its path below the root.
    arrays : sequence of ndarray of shape (n_frames, n_features)
        Features of each clip, read when they are asked for: memory-mapped as they are
        stored, or float32 if codes are stored; of shape
        ``(n_channels, n_frames, n_features)`` unless the channels were mixed.
    feature_names : list of str
        Name of each feature.
    """

    names: list[str]
    arrays: FeatureArrays
    feature_names: list[str]


def load_features(
    out: str | os.PathLike[str], *, decoded: bool = True
) -> ExtractedFeatures:
    """Open a folder of features.

    Parameters
    ----------
    out : path-like
        A folder that `extract_features` has written, or is writing.
    decoded : bool, default=True
        Whether features that are stored as ``"uint8"`` or ``"uint16"`` are given as
        float32. If not, their codes are memory-mapped, and ``arrays.scale(k)`` says
        what those of a clip stand for.

    Returns
    -------
    features : ExtractedFeatures
        Names, arrays and feature names, in the order of the manifest; only of clips
        that are done.

    Raises
    ------
    ValueError
        If it is no such folder, or a line of its manifest cannot be read.
    SettingsError
        If a line is of other settings than ``front_end.json``.

    Examples
    --------
    See `extract_features`.
    """
    folder = Path(out)
    settings = read_settings(folder / SETTINGS)
    groups, shared = _quantizer_of(settings, folder / SETTINGS)
    found: dict[str, Stored] = {}
    if (folder / MANIFEST).exists():
        for line, _ in read_lines(folder / MANIFEST):
            name = line["name"]
            # Of an interrupted run, there may be a later line of the same clip.
            found.pop(name, None)
            if line["front_end"] != settings["hash"]:
                raise SettingsError(
                    f"{folder}: {name!r} was made by the front end "
                    f"{line['front_end']}, but {SETTINGS} describes "
                    f"{settings['hash']}: these features do not belong together"
                )
            if line["status"] == "done":
                scale = shared
                if groups is not None and not shared:
                    scale = _packed(line.get("scale"), groups, f"{folder}: {name!r}")
                found[name] = Stored(name, tuple(line["shape"]), scale)
    arrays = FeatureArrays(folder, list(found.values()), groups, decoded=decoded)
    return ExtractedFeatures(list(found), arrays, settings["feature_names"])


def _quantizer_of(settings: dict[str, Any], path: Path) -> tuple[NDArray | None, bytes]:
    """Find the groups of features and the scale that all clips share, if they do."""
    quantizer = settings.get("quantizer")
    if quantizer is None:
        return None, b""
    try:
        groups = np.array(quantizer["groups"], dtype=np.intp)
        scale = quantizer["scale"]
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(f"{path}: not written by skhrmel: {error!r}") from error
    return groups, b"" if scale is None else _packed(scale, groups, str(path))


def _packed(scale: Any, groups: NDArray, label: str) -> bytes:
    """Pack low ends and steps, of which a file may hold anything."""
    try:
        numbers = np.array([scale["low"], scale["step"]], dtype=np.float64)
        if numbers.shape != (2, groups.max() + 1):
            raise ValueError(f"shape {numbers.shape}")
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(
            f"{label} has no scale of its {groups.max() + 1} groups of features, but "
            f"{str(scale)[:60]}"
        ) from error
    return numbers.tobytes()
