"""Tables of figures as commands print them."""

from collections.abc import Sequence

from rich import box
from rich.table import Table

#: What the errors are of, with the frequencies.
RANGE_TITLES = {
    "overall": "overall",
    "low": "low <1.5 kHz",
    "mid": "mid 1.5-6 kHz",
    "high": "high >=6 kHz",
}


def make_table(title: str, columns: Sequence[str]) -> Table:
    """Make a table of names, which stand on the left, and figures.

    Parameters
    ----------
    title : str
        What it shows.
    columns : sequence of str
        Titles of the columns, that of the names first.

    Returns
    -------
    table : rich Table
        The table, without rows.
    """
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column(columns[0], no_wrap=True)
    for column in columns[1:]:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def mean_std(mean: float, std: float | None = None) -> str:
    """Write a mean with its standard deviation, if there is one.

    Parameters
    ----------
    mean : float
        The mean.
    std : float or None, default=None
        The standard deviation.

    Returns
    -------
    text : str
        Both, with four decimals.
    """
    return f"{mean:.4f}" if std is None else f"{mean:.4f} ± {std:.4f}"
