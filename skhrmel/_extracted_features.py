"""Reading a folder of features."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from skhrmel._clip_names import feature_file
from skhrmel._manifest import NAME as MANIFEST
from skhrmel._manifest import read_lines
from skhrmel._output_folder import SettingsError, read_settings
from skhrmel._settings import NAME as SETTINGS


class FeatureArrays(Sequence[NDArray]):
    """Arrays in files, each mapped into memory when it is asked for.

    Parameters
    ----------
    out : Path
        The folder of features.
    lines : sequence of tuple
        File and shape of each array.
    """

    def __init__(self, out: Path, lines: Sequence[tuple[str, tuple[int, ...]]]) -> None:
        self._out = out
        self._lines = lines

    def __len__(self) -> int:
        """Count the arrays."""
        return len(self._lines)

    @overload
    def __getitem__(self, key: int) -> NDArray: ...

    @overload
    def __getitem__(self, key: slice) -> "FeatureArrays": ...

    def __getitem__(self, key: int | slice) -> "NDArray | FeatureArrays":
        """Map one array, or give some of the sequence."""
        if isinstance(key, slice):
            return FeatureArrays(self._out, self._lines[key])
        file, shape = self._lines[key]
        array = np.load(self._out / file, mmap_mode="r", allow_pickle=False)
        if array.shape != shape:
            raise ValueError(
                f"{self._out / file}: shape {array.shape}, but {shape} in the manifest"
            )
        return array


class ExtractedFeatures(NamedTuple):
    """What a folder of features holds.

    Attributes
    ----------
    names : list of str
        Name of each clip: its path below the root.
    arrays : sequence of ndarray of shape (n_frames, n_features)
        Features of each clip, memory-mapped when they are asked for; of shape
        ``(n_channels, n_frames, n_features)`` unless the channels were mixed.
    feature_names : list of str
        Name of each feature.
    """

    names: list[str]
    arrays: FeatureArrays
    feature_names: list[str]


def load_features(out: str | os.PathLike[str]) -> ExtractedFeatures:
    """Open a folder of features.

    Parameters
    ----------
    out : path-like
        A folder that `extract_features` has written, or is writing.

    Returns
    -------
    features : ExtractedFeatures
        Names, arrays and feature names, in the order of the manifest; only of clips
        that are done.

    Raises
    ------
    ValueError
        If it is no such folder.
    SettingsError
        If a line is of other settings than ``front_end.json``.

    Examples
    --------
    See `extract_features`.
    """
    folder = Path(out)
    settings = read_settings(folder / SETTINGS)
    found: dict[str, tuple[str, tuple[int, ...]]] = {}
    if not (folder / MANIFEST).exists():
        return ExtractedFeatures(
            [], FeatureArrays(folder, []), settings["feature_names"]
        )
    for line, _ in read_lines(folder / MANIFEST):
        # Of an interrupted run, there may be a later line of the same clip.
        found.pop(line["name"], None)
        if line["front_end"] != settings["hash"]:
            raise SettingsError(
                f"{folder}: {line['name']!r} was made by the front end "
                f"{line['front_end']}, but {SETTINGS} describes "
                f"{settings['hash']}: these features do not belong together"
            )
        if line["status"] == "done":
            file = feature_file(line["name"])
            found[line["name"]] = file, tuple(line["shape"])
    return ExtractedFeatures(
        list(found),
        FeatureArrays(folder, list(found.values())),
        settings["feature_names"],
    )
