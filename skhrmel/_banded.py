"""Products with matrices whose non-zeros lie along a diagonal, block by block.

A mel basis and its pseudo-inverse are almost empty: 1-2% and 10-20% of their entries
are not zero, in a band along the diagonal. Multiplying a sparse matrix visits each of
them one by one, a dense product multiplies the zeros as well. Cutting the columns into
a handful of dense blocks keeps the speed of BLAS and leaves out most of the zeros.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# What one more block costs, in multiplications a row: the call of a matrix product and
# its poorer use of the processor when the block is small. Chosen by
# benchmarks/bench_transform.py: frames in cache want less, frames read from memory want
# more, and from 1000 to 5000 neither changes much.
BLOCK_OVERHEAD = 2500


class _Block(NamedTuple):
    """Columns `outputs` of the product need the columns `inputs` of the left factor."""

    inputs: slice
    outputs: slice
    matrix: NDArray


class PackedColumns(NamedTuple):
    """Columns from their first to their last non-zero, one behind the other.

    Column ``k`` holds ``values[offsets[k]:offsets[k + 1]]`` from row ``first[k]`` on.
    What compiled code reads: uint64, uint64 and float32.
    """

    first: NDArray
    offsets: NDArray
    values: NDArray


class BandedMatrix:
    """A matrix as dense blocks of neighbouring columns, in float32 and float64.

    Parameters
    ----------
    matrix : ndarray of shape (n_inputs, n_outputs)
        The matrix; fastest where the non-zeros of neighbouring columns overlap.

    Attributes
    ----------
    shape : tuple of int
        ``(n_inputs, n_outputs)``.
    packed : PackedColumns
        The same columns in float32, for compiled code.
    """

    def __init__(self, matrix: NDArray) -> None:
        self.shape = matrix.shape
        first, last = _column_support(matrix)
        self.packed = _pack(matrix, first, last)
        spans = _cheapest_blocks(first, last)
        # By letters, as other formats than pickle hold no types as keys.
        self._blocks = {
            np.dtype(dtype).char: [
                _Block(
                    slice(low, high),
                    slice(start, stop),
                    np.ascontiguousarray(matrix[low:high, start:stop], dtype=dtype),
                )
                for low, high, start, stop in spans
            ]
            for dtype in (np.float32, np.float64)
        }

    def multiply(self, rows: NDArray, out: NDArray) -> None:
        """Write ``rows @ matrix`` to `out`.

        Parameters
        ----------
        rows : ndarray of shape (n_rows, n_inputs)
            Left factor, float32 or float64.
        out : ndarray of shape (n_rows, n_outputs)
            Receives the product; of the dtype of `rows`.
        """
        for inputs, outputs, matrix in self._blocks[rows.dtype.char]:
            np.matmul(rows[:, inputs], matrix, out=out[:, outputs])


def _column_support(matrix: NDArray) -> tuple[NDArray, NDArray]:
    """Rows between which each column has its non-zeros; (n, 0) for an empty one."""
    nonzero = matrix != 0
    n_rows = len(matrix)
    occupied = nonzero.any(axis=0)
    first = np.where(occupied, nonzero.argmax(axis=0), n_rows)
    last = np.where(occupied, n_rows - nonzero[::-1].argmax(axis=0), 0)
    return first, last


def _pack(matrix: NDArray, first: NDArray, last: NDArray) -> PackedColumns:
    rows = np.arange(len(matrix))[:, None]
    inside = (rows >= first) & (rows < last)
    offsets = np.append(0, np.cumsum(inside.sum(axis=0)))
    return PackedColumns(
        first.astype(np.uint64),
        offsets.astype(np.uint64),
        matrix.T[inside.T].astype(np.float32),
    )


def _cheapest_blocks(
    first: NDArray, last: NDArray, overhead: float = BLOCK_OVERHEAD
) -> list[tuple[int, int, int, int]]:
    """Cut the columns where the blocks cost the fewest multiplications in all.

    A block of columns multiplies the rows between the lowest and the highest non-zero
    of any of them. The cheapest cut of the first `stop` columns is the cheapest cut of
    the first `start` plus the block between them: a shortest path.
    """
    n_columns = len(first)
    cost = np.zeros(n_columns + 1)
    best_start = np.zeros(n_columns + 1, dtype=int)
    for stop in range(1, n_columns + 1):
        low, high = _rows_of_blocks(stop, first, last)
        width = stop - np.arange(stop)
        costs = cost[:stop] + width * np.maximum(high - low, 0) + overhead
        best_start[stop] = costs.argmin()
        cost[stop] = costs[best_start[stop]]

    spans = []
    stop = n_columns
    while stop > 0:
        start = int(best_start[stop])
        top, bottom = int(first[start:stop].min()), int(last[start:stop].max())
        # A block of empty columns needs no rows; its product is zero.
        spans.append((min(top, bottom), bottom, start, stop))
        stop = start
    return spans[::-1]


def _rows_of_blocks(
    stop: int, first: NDArray, last: NDArray
) -> tuple[NDArray, NDArray]:
    """Lowest and highest row that the columns ``start:stop`` need, for every start."""
    low = np.minimum.accumulate(first[:stop][::-1])[::-1]
    high = np.maximum.accumulate(last[:stop][::-1])[::-1]
    return low, high
