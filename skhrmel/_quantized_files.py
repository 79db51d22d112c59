"""Feature files of codes: written once the range of a clip's features is known."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from skhrmel._feature_files import FeatureWriter, npy_header, writing_to
from skhrmel._quantizer import UniformQuantizer

# Frames that are quantised at a time, in float64: a few megabytes.
_FRAMES = 4096


class QuantizedWriter(FeatureWriter):
    """Writes the features of one clip as codes.

    They wait on disk as float32 until all of them are there, since the first code
    cannot be made before the last feature is known.

    Parameters
    ----------
    out : Path
        The output folder.
    file : str
        Path of the feature file relative to it.
    dtype : {"uint8", "uint16"}
        Type of the codes.
    quantizer : UniformQuantizer
        Its groups are numbered from 0. Gives its range to the clip if it is fitted;
        else is fitted to the clip, all channels together.
    """

    def __init__(
        self, out: Path, file: str, dtype: str, quantizer: UniformQuantizer
    ) -> None:
        super().__init__(out, file, "float32")
        self._coded = np.dtype(dtype).newbyteorder("<")
        self._quantizer = quantizer

    def commit(self, *, axis_of_channels: bool) -> dict[str, Any]:
        """Quantise, and put the file in its place, complete and on disk.

        Parameters
        ----------
        axis_of_channels : bool
            Whether the array has a first axis of channels.

        Returns
        -------
        fields : dict
            As of `FeatureWriter.commit`; ``"scale"``, from `scale_of_groups`, or None
            if all clips share it; and ``"clipped"``, the number of values outside the
            range.

        Raises
        ------
        ValueError
            If a feature is not finite.
        OutputError
            If it cannot be written.
        """
        with writing_to(self._out):
            for channel in self._channels:
                channel.close()
        quantizer = self._quantizer
        scale = None
        if not hasattr(quantizer, "n_samples_seen_"):
            quantizer = clone(quantizer)
            for features in self._features():
                quantizer.partial_fit(features)
            scale = scale_of_groups(quantizer)
        shape = self._shape(axis_of_channels)
        path = self._paths[0].with_suffix(".codes")
        n_clipped = 0
        with writing_to(self._out):
            file = path.open("xb")
            self._channels.append(file)
            self._paths.append(path)
            file.write(npy_header(shape, self._coded))
        for features in self._features():
            codes = quantizer.transform(features).astype(self._coded, copy=False)
            n_clipped += _count_outside(features, quantizer)
            with writing_to(self._out):
                file.write(codes.data)
        with writing_to(self._out):
            self._put_in_place(file, path)
        return {
            "frames": self._n_frames,
            "shape": list(shape),
            "dtype": self._coded.name,
            "scale": scale,
            "clipped": n_clipped,
        }

    def _features(self) -> Iterator[NDArray]:
        """Read what was written, channel by channel."""
        for path in self._paths:
            if path.suffix == ".codes":
                return
            with path.open("rb") as file:
                if path == self._paths[0]:
                    file.seek(len(npy_header((0, 0), self._dtype)))
                while (
                    rows := np.fromfile(file, self._dtype, _FRAMES * self._n_features)
                ).size:
                    yield rows.reshape(-1, self._n_features)


def _count_outside(features: NDArray, quantizer: UniformQuantizer) -> int:
    below, above = features < quantizer.data_min_, features > quantizer.data_max_
    return int(np.count_nonzero(below)) + int(np.count_nonzero(above))


def scale_of_groups(quantizer: UniformQuantizer) -> dict[str, list[float]]:
    """Say what codes stand for, as data.

    Parameters
    ----------
    quantizer : UniformQuantizer
        Fitted, its groups numbered from 0.

    Returns
    -------
    scale : dict
        ``"low"`` and ``"step"`` of each group: a code stands for
        ``low + code * step``.
    """
    first = np.unique(quantizer.groups, return_index=True)[1]
    low, step = quantizer._scale()
    return {"low": low[first].tolist(), "step": step[first].tolist()}


def decode(codes: NDArray, low: NDArray, step: NDArray) -> NDArray:
    """Give codes the values they stand for.

    Parameters
    ----------
    codes : ndarray of shape (..., n_frames, n_features)
        Codes.
    low, step : ndarray of shape (n_features,)
        Their scale, float64.

    Returns
    -------
    features : ndarray of shape (..., n_frames, n_features)
        Float32.
    """
    features = np.empty(codes.shape, dtype=np.float32)
    flat, coded = (x.reshape(-1, codes.shape[-1]) for x in (features, codes))
    for start in range(0, len(flat), _FRAMES):
        rows = slice(start, start + _FRAMES)
        flat[rows] = low + coded[rows] * step
    return features
