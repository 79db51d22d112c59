"""Clusters: clips are given to dask or ray directly, and come back as they are done.

joblib's own way to dask waits forever for a task that dask has given up, and asks only
once how many workers there are; that to ray gives no answer before the last.
"""

import time
from collections.abc import Callable, Generator, Iterator
from typing import Any, Protocol

from joblib.parallel import get_active_backend

from skhrmel._clip_line import failed_line
from skhrmel._supervisor import WorkerError, extract_clip

# Clusters grow and shrink, but asking takes a message to the scheduler.
_CORES_SECONDS = 5.0
# So that no core waits for its next clip.
_AHEAD = 2

Answer = dict[str, Any]


class Cluster(Protocol):
    """What takes clips and gives answers."""

    def n_cores(self) -> int:
        """Count the cores that there are now.

        Returns
        -------
        n_cores : int
            Zero while there are no workers.
        """

    def submit(self, *arguments: Any) -> Any:
        """Have a clip extracted.

        Parameters
        ----------
        *arguments : Any
            Those of `skhrmel._supervisor.extract_clip`.

        Returns
        -------
        ticket : Any
            What `wait` gives back.
        """

    def wait(self) -> tuple[Any, Answer | str]:
        """Wait for any clip.

        Returns
        -------
        ticket : Any
            That of the clip.
        answer : dict or str
            Its answer, or why the cluster has given it up.

        Raises
        ------
        WorkerError
            If the cluster has lost all that it was given.
        """

    def cancel(self) -> None:
        """Forget what was submitted."""


class DaskCluster:
    """The cluster of a dask client.

    Parameters
    ----------
    backend : joblib's backend for dask
        Holds the client.

    Raises
    ------
    TimeoutError
        If there is no worker, and none comes.
    """

    def __init__(self, backend: Any) -> None:
        from distributed import as_completed

        self._client = backend.client
        self._options = backend.submit_kwargs
        # Waits for a first worker.
        backend.effective_n_jobs(1)
        self._futures: set[Any] = set()
        self._done = as_completed(loop=self._client.loop, raise_errors=False)

    def n_cores(self) -> int:
        return sum(self._client.ncores().values())

    def submit(self, *arguments: Any) -> Any:
        future = self._client.submit(
            extract_clip, *arguments, pure=False, **self._options
        )
        self._futures.add(future)
        self._done.add(future)
        return future

    def wait(self) -> tuple[Any, Answer | str]:
        from distributed import KilledWorker

        future = next(self._done)
        self._futures.remove(future)
        if future.status == "finished":
            return future, future.result()
        if future.status != "error":
            raise WorkerError(f"dask has forgotten a clip, which is {future.status}")
        error = future.exception()
        if not isinstance(error, KilledWorker):
            raise error
        return future, (
            f"dask lost every worker that had it, {error.allowed_failures + 1} in all, "
            "as distributed.scheduler.allowed-failures allows"
        )

    def cancel(self) -> None:
        if self._client.status == "running":
            self._client.cancel(list(self._futures))


class RayCluster:
    """The cluster that ray is connected to.

    Parameters
    ----------
    backend : joblib's backend for ray
        Holds the options of tasks.
    """

    def __init__(self, backend: Any) -> None:
        import ray

        self._ray = ray
        if not ray.is_initialized():
            ray.init()
        options = backend.ray_remote_args or {}
        self._extract = ray.remote(extract_clip).options(**options)
        self._tasks: list[Any] = []

    def n_cores(self) -> int:
        return int(self._ray.cluster_resources().get("CPU", 0))

    def submit(self, *arguments: Any) -> Any:
        task = self._extract.remote(*arguments)
        self._tasks.append(task)
        return task

    def wait(self) -> tuple[Any, Answer | str]:
        (task,), self._tasks = self._ray.wait(self._tasks, num_returns=1)
        errors = self._ray.exceptions
        try:
            return task, self._ray.get(task)
        except errors.RayTaskError as error:
            raise error.as_instanceof_cause() from None
        except errors.RayError as error:
            reason = str(error).strip().splitlines()
            return task, f"ray lost it: {reason[0] if reason else error!r}"

    def cancel(self) -> None:
        for task in self._tasks:
            self._ray.cancel(task, force=False)


_CLUSTERS: dict[str, Callable[[Any], Cluster]] = {
    "DaskDistributedBackend": DaskCluster,
    "RayBackend": RayCluster,
}


def find_cluster() -> Cluster | None:
    """Find the cluster that a ``joblib.parallel_config`` names.

    Returns
    -------
    cluster : Cluster or None
        None if there is none, and this machine does the work.
    """
    backend, _ = get_active_backend(prefer="threads")
    cluster = _CLUSTERS.get(type(backend).__name__)
    return None if cluster is None else cluster(backend)


def cluster_answers(
    cluster: Cluster,
    run: str,
    setup: bytes,
    requests: Iterator[dict[str, Any]],
    timeout: float | None,
) -> Generator[Answer, None, None]:
    """Have clips extracted by a cluster.

    A clip that the cluster gives up, since all workers that had it were lost, may only
    have been beside the one that ended them. So it is tried again when all others are
    done, alone.

    Parameters
    ----------
    cluster : Cluster
        The cluster.
    run, setup : str and bytes
        As for `skhrmel._supervisor.extract_clip`.
    requests : iterator of dict
        The clips; two for each core are asked for in advance.
    timeout : float or None
        Seconds that a clip may take.

    Yields
    ------
    answer : dict
        From `skhrmel._supervisor.extract_clip`, or that of a clip that was given up.
    """
    waiting: dict[Any, dict[str, Any]] = {}
    given_up: list[dict[str, Any]] = []
    room = _Room(cluster)
    try:
        while True:
            while len(waiting) < room.size():
                request = next(requests, None)
                if request is None:
                    break
                waiting[cluster.submit(run, setup, request, timeout)] = request
            if not waiting:
                break
            name, answer = cluster.wait()
            request = waiting.pop(name)
            if isinstance(answer, str):
                given_up.append(request)
            else:
                yield answer
        for request in given_up:
            cluster.submit(run, setup, request, timeout)
            _, answer = cluster.wait()
            if isinstance(answer, str):
                answer = {"line": failed_line(request, answer), "seconds": None}
            yield answer
    finally:
        cluster.cancel()


class _Room:
    """How many clips a cluster may have at a time."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._size = 0
        self._asked = -_CORES_SECONDS

    def size(self) -> int:
        now = time.monotonic()
        if now - self._asked >= _CORES_SECONDS:
            self._size = _AHEAD * max(1, self._cluster.n_cores())
            self._asked = now
        return self._size
