"""How features are stored: as floating-point numbers, or as codes of few bits."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from skhrmel._base import BaseMelTransformer
from skhrmel._feature_files import FeatureWriter
from skhrmel._front_end import AudioFrontEnd
from skhrmel._layout_cv import HRMelTransformerCV
from skhrmel._quantized_files import QuantizedWriter, scale_of_groups
from skhrmel._quantizer import UniformQuantizer

_FLOATS = ("float32", "float16")
_BITS = {"uint8": 8, "uint16": 16}


@dataclass(frozen=True)
class Storage:
    """How features are stored.

    Attributes
    ----------
    dtype : str
        Type of the numbers on disk.
    quantizer : UniformQuantizer or None, default=None
        Makes codes; its groups are numbered from 0. It is fitted if all clips share its
        ranges; else each clip has its own.
    """

    dtype: str
    quantizer: UniformQuantizer | None = None

    def described(self) -> dict[str, Any]:
        """Describe it as data.

        Returns
        -------
        settings : dict
            ``"stored_as"`` and, if codes are stored, ``"quantizer"``: its bits, the
            group of each feature, and the scale of each group if all clips share it.
        """
        described: dict[str, Any] = {"stored_as": self.dtype}
        if self.quantizer is not None:
            described["quantizer"] = {
                "n_bits": self.quantizer.n_bits,
                "groups": list(self.quantizer.groups),
                "scale": scale_of_groups(self.quantizer)
                if hasattr(self.quantizer, "n_samples_seen_")
                else None,
            }
        return described

    def writer(self, out: Path, file: str) -> FeatureWriter:
        """Make what writes the features of a clip.

        Parameters
        ----------
        out : Path
            The output folder.
        file : str
            Path of the feature file relative to it.

        Returns
        -------
        writer : FeatureWriter
            For one clip.
        """
        if self.quantizer is None:
            return FeatureWriter(out, file, self.dtype)
        return QuantizedWriter(out, file, self.dtype, self.quantizer)


def make_storage(stored_as: str | UniformQuantizer, prepared: AudioFrontEnd) -> Storage:
    """Check how features are to be stored.

    Parameters
    ----------
    stored_as : str or UniformQuantizer
        As for `skhrmel.extraction.extract_features`.
    prepared : AudioFrontEnd
        From `skhrmel._settings.prepare`.

    Returns
    -------
    storage : Storage
        What it means.

    Raises
    ------
    ValueError
        If it is unknown, or a quantizer of other features or changed after its fit.
    NotFittedError
        If it is a quantizer that was not fitted.
    """
    if isinstance(stored_as, UniformQuantizer):
        quantizer = _copied(stored_as, prepared.n_features_out_)
        return Storage("uint8" if quantizer.n_bits <= 8 else "uint16", quantizer)
    if stored_as in _BITS:
        groups = _bands(prepared).tolist()
        return Storage(stored_as, UniformQuantizer(_BITS[stored_as], groups=groups))
    if stored_as not in _FLOATS:
        raise ValueError(
            f"stored_as must be one of {(*_FLOATS, *_BITS)} or a UniformQuantizer, got "
            f"{stored_as!r}."
        )
    return Storage(stored_as)


def _bands(prepared: AudioFrontEnd) -> NDArray:
    """Tell the band of each feature; those of an unknown transformer stand alone."""
    transformer = prepared.transformer_
    if isinstance(transformer, HRMelTransformerCV):
        transformer = transformer.transformer_
    if not isinstance(transformer, BaseMelTransformer):
        return np.arange(prepared.n_features_out_)
    sizes = [band.stop - band.start for band in transformer._band_slices]
    return np.repeat(np.arange(len(sizes)), sizes)


def _copied(quantizer: UniformQuantizer, n_features: int) -> UniformQuantizer:
    """Make the same quantizer from nothing but what is recorded of it."""
    check_is_fitted(quantizer)
    if quantizer.n_features_in_ != n_features:
        raise ValueError(
            f"stored_as was fitted to {quantizer.n_features_in_} features, but the "
            f"front end gives {n_features}."
        )
    ranges = np.stack([quantizer.data_min_, quantizer.data_max_])
    labels = np.arange(n_features) if quantizer.groups is None else quantizer.groups
    groups = np.unique(np.asarray(labels), return_inverse=True)[1].tolist()
    copied = UniformQuantizer(int(quantizer.n_bits), groups=groups).fit(ranges)
    if not (
        np.array_equal(copied.data_min_, ranges[0])
        and np.array_equal(copied.data_max_, ranges[1])
        and copied._n_steps == quantizer._n_steps
    ):
        raise ValueError(
            "stored_as has parameters that were set after its fit: fit it."
        )
    return copied
