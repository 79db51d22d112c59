"""What the displays share: matplotlib when it is needed, colours, a frequency axis."""

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FrequencyScale = Literal["symlog", "log", "linear"]

#: Okabe and Ito's colours, which people who see few colours tell apart, without black
#: and their light yellow; in the order in which neighbours differ most.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
#: A second cue beside each colour.
MARKERS = ("o", "s", "^", "D", "v", "P")

# Where a frequency axis turns from linear to logarithmic, as the ear does, and the part
# of a decade that all below takes up.
_KNEE_HZ, _KNEE_DECADES = 1000.0, 0.6
_TICKS_HZ = (0, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000)


def require_pyplot(caller: str) -> Any:
    """Import ``matplotlib.pyplot``.

    Parameters
    ----------
    caller : str
        What needs it, for the message.

    Returns
    -------
    pyplot : module
        The module.

    Raises
    ------
    ImportError
        If matplotlib is not installed; the message says how to install it.
    """
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            f"{caller} needs matplotlib: pip install 'skhrmel[plot]' or "
            "pip install matplotlib."
        ) from error
    return pyplot


def set_frequency_axis(
    ax: "Axes",
    which: Literal["x", "y"],
    scale: FrequencyScale,
    low: float,
    high: float,
) -> None:
    """Give an axis of Hz its scale, limits, ticks and label.

    The axis is one of plain Hz, linear, logarithmic, or linear below 1 kHz and
    logarithmic above. None of them depends on a layout of bands, so nothing is
    displaced where two bands join.

    Parameters
    ----------
    ax : Axes
        The axes.
    which : {"x", "y"}
        Which axis of them.
    scale : {"symlog", "log", "linear"}
        Its scale.
    low, high : float
        Limits in Hz; a logarithmic axis begins at 20 Hz at least.
    """
    if scale not in ("symlog", "log", "linear"):
        raise ValueError(
            f"frequency_scale must be 'symlog', 'log' or 'linear', got {scale!r}."
        )
    options: dict[str, Any] = {}
    if scale == "symlog":
        options = {"linthresh": _KNEE_HZ, "linscale": _KNEE_DECADES}
    if scale == "log":
        low = max(low, 20.0)
    getattr(ax, f"set_{which}scale")(scale, **options)
    getattr(ax, f"set_{which}lim")(low, high)
    getattr(ax, f"set_{which}label")("Frequency (Hz)")
    if scale != "linear":
        ticks = [tick for tick in _TICKS_HZ if low <= tick <= high]
        if scale == "symlog":
            # Below the knee there is room for few.
            ticks = [tick for tick in ticks if tick == 0 or tick >= _KNEE_HZ / 2]
        getattr(ax, f"set_{which}ticks")(ticks, labels=[_in_words(t) for t in ticks])
        getattr(ax, f"set_{which}ticks")([], minor=True)


def _in_words(frequency: float) -> str:
    return f"{frequency / 1000:g}k" if frequency >= 1000 else f"{frequency:g}"


def colour(number: int) -> str:
    """Give the colour of a band or a series; they repeat after six.

    Parameters
    ----------
    number : int
        Number of the band.

    Returns
    -------
    colour : str
        A colour in hexadecimal notation.
    """
    return COLOURS[number % len(COLOURS)]


def decibels(power: NDArray, reference: float, dynamic_range: float) -> NDArray:
    """Convert power to dB below a reference, down to the end of a range.

    Parameters
    ----------
    power : ndarray
        Non-negative power.
    reference : float
        Power of 0 dB; 0 stands for silence, of which all is at the end of the range.
    dynamic_range : float
        Lowest level shown, in dB below the reference.

    Returns
    -------
    levels : ndarray of the same shape
        From ``-dynamic_range`` up, float64.
    """
    if not 0 < dynamic_range < np.inf:
        raise ValueError(f"dynamic_range must be positive dB, got {dynamic_range!r}.")
    if reference == 0:
        return np.full(power.shape, -dynamic_range)
    floor = 10 ** (-dynamic_range / 10)
    relative = np.maximum(power.astype(np.float64) / reference, floor)
    return np.asarray(10 * np.log10(relative))
