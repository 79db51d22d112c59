"""What few bits cost, as tables."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from skhrmel.rate_distortion import RatePoint

_COLUMNS = {
    "overall": "overall",
    "low": "low <1.5 kHz",
    "mid": "mid 1.5-6 kHz",
    "high": "high >=6 kHz",
}


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
        "error and log-spectral distance, mean over tracks of every eighth frame."
        + ("\nThe best of a column in bold." if console.is_terminal else ""),
        soft_wrap=True,
    )


def _rate_table(points: Sequence[RatePoint]) -> Table:
    n_bits = points[0].n_bits
    rate = "not quantised" if n_bits is None else f"{n_bits} bits a feature"
    table = Table(
        title=f"5. Few bits: {rate}", title_justify="left", box=box.SIMPLE_HEAD
    )
    table.add_column("compression", no_wrap=True)
    for column in _COLUMNS.values():
        table.add_column(column, justify="right", no_wrap=True)
    least_error = {name: min(p.errors[name] for p in points) for name in _COLUMNS}
    least_distance = {name: min(p.distances[name] for p in points) for name in _COLUMNS}
    for point in points:
        cells = [
            _figure(point.errors[name], least_error[name], "{:.4f}")
            + "  "
            + _figure(point.distances[name], least_distance[name], "{:4.1f} dB")
            for name in _COLUMNS
        ]
        table.add_row(point.compression, *cells)
    return table


def _figure(value: float, least: float, form: str) -> str:
    text = form.format(value)
    # Bold is what prints the same as the best: rounding decides no winner.
    return f"[bold]{text}[/bold]" if text == form.format(least) else text
