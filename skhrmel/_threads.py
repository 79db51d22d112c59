"""One thread a job for linear algebra."""

from contextlib import AbstractContextManager
from functools import cache

from threadpoolctl import ThreadpoolController


def one_blas_thread() -> AbstractContextManager:
    """Keep BLAS to one thread while the context lasts.

    Products of a tile of frames are too small for several threads to help, and on a
    busy machine they wait for each other.

    Returns
    -------
    limit : context manager
        Restores the number of threads when it ends.
    """
    return _controller().limit(limits=1, user_api="blas")


@cache
def _controller() -> ThreadpoolController:
    # Finding the libraries takes milliseconds. All are loaded with NumPy and SciPy.
    return ThreadpoolController()
