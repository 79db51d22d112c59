"""What few bits cost, as tables."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from skhrmel._text_tables import RANGE_TITLES, make_table
from skhrmel.rate_distortion import RatePoint


def print_rates(console: Console, points: Sequence[RatePoint]) -> None:
    """Print a table for each number of bits, and what the figures are.

    Parameters
    ----------
    console : Console
        Where to print.
    points : sequence of RatePoint
        Means over tracks.
    """
    rates = dict.fromkeys(point.n_bits for point in points)
    for n_bits in rates:
        console.print(_rate_table([p for p in points if p.n_bits == n_bits]))
    console.print(
        "HR-Mel 40/32/24, the same compression in all bands, pseudo-inverse: relative\n"
        "error and log-spectral distance in dB, mean over tracks of every eighth frame."
        + ("\nThe best of a column in bold." if console.is_terminal else ""),
        soft_wrap=True,
    )


def _rate_table(points: Sequence[RatePoint]) -> Table:
    n_bits = points[0].n_bits
    rate = "not quantised" if n_bits is None else f"{n_bits} bits a feature"
    table = make_table(f"5. Few bits: {rate}", ["compression", *RANGE_TITLES.values()])
    least_error = {name: min(p.errors[name] for p in points) for name in RANGE_TITLES}
    least_distance = {
        name: min(p.distances[name] for p in points) for name in RANGE_TITLES
    }
    for point in points:
        cells = [
            _figure(point.errors[name], least_error[name], "{:.4f}")
            + "  "
            + _figure(point.distances[name], least_distance[name], "{:4.1f}")
            for name in RANGE_TITLES
        ]
        table.add_row(point.compression, *cells)
    return table


def _figure(value: float, least: float, form: str) -> str:
    text = form.format(value)
    # Bold is what prints the same as the best: rounding decides no winner.
    return f"[bold]{text}[/bold]" if text == form.format(least) else text
