"""How functions are compiled: one place for what numba is told."""

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(function: Callable, **options: Any) -> Callable:
    """Compile a function and keep the machine code for the next process.

    Parameters
    ----------
    function : callable
        What numba can compile.
    **options : Any
        More that numba is told.

    Returns
    -------
    function : callable
        The compiled function.
    """
    # Without fastmath: what rounds where may not depend on the compiler's mood, which
    # differs between code that was just compiled and the same code from its cache.
    # A division that checks for zero cannot be turned into a vector instruction.
    options |= {"nogil": True, "error_model": "numpy"}
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:
        # No folder to keep it in can be written to.
        return njit(**options)(function)


def compiled_sum(function: Callable) -> Callable:
    """Compile a sum whose terms may be added in another order: eight at a time.

    Parameters
    ----------
    function : callable
        What numba can compile.

    Returns
    -------
    function : callable
        The compiled function.
    """
    return compiled(function, fastmath={"reassoc"})


def compiled_loops(function: Callable) -> Callable:
    """Compile loops over floats whose products may be fused and added in any order.

    Parameters
    ----------
    function : callable
        What numba can compile.

    Returns
    -------
    function : callable
        The compiled function.
    """
    return compiled(function, fastmath={"reassoc", "contract"})
