"""Named, invertible point-wise compressions of mel power.

All are exactly invertible but decibels, which lose what lies below their floor.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

ArrayFunction = Callable[[NDArray], NDArray]


@dataclass(frozen=True)
class Compression:
    """A point-wise function of mel power and its inverse.

    Attributes
    ----------
    function : callable
        Maps non-negative power (ndarray, float32 or float64) to an array of the same
        shape. Must be increasing.
    inverse : callable
        Maps compressed values back to power. Values below ``function(0)``, which no
        power compresses to but a lossy step may produce, should map to zero or less;
        decoders clip negative power to zero.

    Examples
    --------
    >>> import numpy as np
    >>> from skhrmel.compression import Compression
    >>> fourth_root = Compression(lambda power: power**0.25, lambda value: value**4)
    >>> fourth_root.inverse(fourth_root.function(np.array([16.0])))
    array([16.])
    """

    function: ArrayFunction
    inverse: ArrayFunction


def _identity(values: NDArray) -> NDArray:
    return values


def _square(values: NDArray) -> NDArray:
    # Squaring alone would turn a slightly negative feature into positive power.
    return np.square(np.maximum(values, 0))


def _cube(values: NDArray) -> NDArray:
    return values * values * values


def _sqrt_log1p(power: NDArray) -> NDArray:
    return np.sqrt(np.log1p(power))


def _expm1_square(values: NDArray) -> NDArray:
    return np.expm1(_square(values))


def _power_to_db(power: NDArray, *, floor: float) -> NDArray:
    return 10 * np.log10(np.maximum(power, floor))


def _db_to_power(values: NDArray) -> NDArray:
    return np.power(10, values / 10)


def decibel(floor: float = 1e-10) -> Compression:
    r"""Make the decibel compression with a floor.

    .. math:: C(M) = 10 \log_{10} \max(M, \text{floor})

    Lossy below the floor: all power under it decodes to the floor itself.

    Parameters
    ----------
    floor : float, default=1e-10
        Smallest power kept apart from silence. The default is -100 dB, the `amin` of
        ``librosa.power_to_db``.

    Returns
    -------
    compression : Compression
        The pair of functions, in dB relative to a power of 1.

    Raises
    ------
    ValueError
        If `floor` is not a positive finite number.

    Examples
    --------
    >>> import numpy as np
    >>> from skhrmel.compression import decibel
    >>> decibel(floor=1e-6).function(np.array([0.0, 1.0, 100.0]))
    array([-60.,   0.,  20.])
    """
    if not 0 < floor < np.inf:
        raise ValueError(f"floor must be a positive finite power, got {floor!r}.")
    return Compression(partial(_power_to_db, floor=floor), _db_to_power)


#: The compressions that estimators know by name. Add a `Compression` to name yours; the
#: name is known in this process, so give parallel workers the `Compression` itself.
COMPRESSIONS: dict[str, Compression] = {
    "identity": Compression(_identity, _identity),
    "log1p": Compression(np.log1p, np.expm1),
    "sqrt_log1p": Compression(_sqrt_log1p, _expm1_square),
    "sqrt": Compression(np.sqrt, _square),
    "cbrt": Compression(np.cbrt, _cube),
    "db": decibel(),
}


CompressionLike = str | Compression | tuple[ArrayFunction, ArrayFunction]


# Where a compression is tried out: from quiet to loud, one value every 10 dB.
_TRIAL_POWER = 10.0 ** np.arange(-3, 7)


def get_compression(spec: CompressionLike) -> Compression:
    """Look up one compression and try it out.

    Parameters
    ----------
    spec : str, Compression or pair of callables
        A name in `COMPRESSIONS`, or the functions themselves as
        ``(function, inverse)``.

    Returns
    -------
    compression : Compression
        The function and its inverse.

    Raises
    ------
    ValueError
        If `spec` is neither a known name nor a pair of callables, or if the function
        changes the shape or is not finite from silence to a power of 1e6.

    Warns
    -----
    UserWarning
        If `inverse` does not undo `function` for powers from 1e-3 to 1e6.

    Examples
    --------
    >>> from skhrmel.compression import get_compression
    >>> get_compression("sqrt").inverse(3.0)
    np.float64(9.0)
    """
    if isinstance(spec, str) and spec in COMPRESSIONS:
        return COMPRESSIONS[spec]
    if isinstance(spec, Compression):
        compression = spec
    elif _is_pair_of_functions(spec):
        compression = Compression(*spec)
    else:
        raise ValueError(
            f"compression must be one of {sorted(COMPRESSIONS)} or a pair of callables "
            f"(function, inverse), got {spec!r}."
        )
    _try_out(compression, spec)
    return compression


def _is_pair_of_functions(spec: object) -> bool:
    return (
        isinstance(spec, Sequence)
        and len(spec) == 2
        and all(callable(item) for item in spec)
    )


def _try_out(compression: Compression, spec: CompressionLike) -> None:
    # Silence, then the trial, in frames of several features.
    power = np.tile(np.append(0.0, _TRIAL_POWER), (2, 1))
    for dtype in (np.float32, np.float64):
        with np.errstate(all="ignore"):
            values = np.asarray(compression.function(power.astype(dtype)))
        if (
            values.shape != power.shape
            or values.dtype.kind != "f"
            or not np.all(np.isfinite(values))
        ):
            raise ValueError(
                "A compression must map an array of non-negative power to finite real "
                f"values of the same shape: {spec!r} maps {power[0]} of "
                f"{np.dtype(dtype)} to {values}."
            )
    with np.errstate(all="ignore"):
        restored = np.asarray(compression.inverse(values))
    # Silence is left out: a floor in decibels does not give it back.
    if restored.shape != power.shape or not np.allclose(
        restored[:, 1:], power[:, 1:], rtol=1e-5, atol=0
    ):
        warnings.warn(
            f"The functions of the compression {spec!r} are not inverse to each other: "
            f"the power {power[0]} comes back as {restored}.",
            UserWarning,
            stacklevel=3,
        )


def get_band_compressions(
    spec: CompressionLike | Sequence[CompressionLike], n_bands: int
) -> list[Compression]:
    """Look up the compression of every band.

    Parameters
    ----------
    spec : str, Compression, pair of callables, or sequence of them
        One compression for all bands, or a sequence with one a band.
    n_bands : int
        Number of bands.

    Returns
    -------
    compressions : list of Compression
        One a band.

    Raises
    ------
    ValueError
        If a sequence has not one entry a band, or an entry is unknown.

    Examples
    --------
    >>> from skhrmel.compression import COMPRESSIONS, get_band_compressions
    >>> pair = get_band_compressions(("log1p", "sqrt_log1p"), 2)
    >>> pair[1] is COMPRESSIONS["sqrt_log1p"]
    True
    """
    # Whether a pair is two functions or two bands is known here, but not to mypy.
    if isinstance(spec, str | Compression) or _is_pair_of_functions(spec):
        return [get_compression(spec)] * n_bands  # type: ignore[arg-type]
    if not isinstance(spec, Sequence | np.ndarray):
        raise ValueError(
            "compression must be one for all bands or a sequence with one a band, got "
            f"{spec!r}."
        )
    if len(spec) != n_bands:
        raise ValueError(
            f"compression has {len(spec)} entries for {n_bands} bands: give one for "
            f"all bands or one a band, got {spec!r}."
        )
    return [get_compression(item) for item in spec]  # type: ignore[arg-type]
