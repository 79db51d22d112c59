"""A front end from a file, which is read as data and never executed."""

import json
from pathlib import Path

from skhrmel._front_end import AudioFrontEnd
from skhrmel._settings import front_end_from_parameters

# What a saved front end of skhrmel is made of, beside what skops trusts itself:
# scikit-learn, NumPy and SciPy. All of them only hold numbers or compute.
TRUSTED = (
    # What it calls must be in this list as well.
    "functools.partial",
    "skhrmel._banded.BandedMatrix",
    "skhrmel._banded.PackedColumns",
    "skhrmel._banded._Block",
    "skhrmel._front_end.AudioFrontEnd",
    "skhrmel._kullback_leibler.TwoFilters",
    "skhrmel._transformers.HRMelTransformer",
    "skhrmel._transformers.LogMelTransformer",
    "skhrmel.audio.ClipReader",
    "skhrmel.compression.Compression",
    "skhrmel.compression._cube",
    "skhrmel.compression._db_to_power",
    "skhrmel.compression._expm1_square",
    "skhrmel.compression._identity",
    "skhrmel.compression._power_to_db",
    "skhrmel.compression._sqrt_log1p",
    "skhrmel.compression._square",
    "skhrmel.decoding.KullbackLeibler",
    "skhrmel.decoding.PseudoInverse",
    "skhrmel.decoding.RootRegression",
    "skhrmel.framing.Framing",
)


def read_front_end(path: Path) -> AudioFrontEnd:
    """Read a front end.

    Parameters
    ----------
    path : Path
        A .json file of parameters, as for
        `skhrmel.extraction.front_end_from_parameters`; or a .skops file of a saved
        estimator, which may only hold the types in `TRUSTED` and those that skops
        trusts.

    Returns
    -------
    front_end : AudioFrontEnd
        Fitted if it was saved so.

    Raises
    ------
    ValueError
        If the file is of another kind or holds something else.
    OSError
        If it cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix == ".json":
        try:
            return front_end_from_parameters(json.loads(path.read_bytes()))
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path}: {error}") from error
    if suffix == ".skops":
        return _read_skops(path)
    raise ValueError(
        f"{path}: expected a .json file of parameters or a .skops file of a saved "
        "estimator; pickles are not read, since they may hold any code"
    )


def _read_skops(path: Path) -> AudioFrontEnd:
    try:
        import skops.io
    except ImportError:
        raise ValueError(f"{path}: reading it needs skops: pip install skops") from None
    content = path.read_bytes()
    try:
        unknown = set(skops.io.get_untrusted_types(data=content)) - set(TRUSTED)
        if unknown:
            raise ValueError(
                f"holds {', '.join(sorted(unknown))}, which is not trusted"
            )
        front_end = skops.io.loads(content, trusted=list(TRUSTED))
    except Exception as error:
        # A file made with intent may fail in any way.
        raise ValueError(f"{path}: {error}") from error
    if not isinstance(front_end, AudioFrontEnd):
        raise ValueError(
            f"{path}: holds a {type(front_end).__name__}, no AudioFrontEnd"
        )
    return front_end
