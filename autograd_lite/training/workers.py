"""Who computes the gradients of `fit`: this thread, threads of this process, or the workers of an executor."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from autograd_lite.training.arguments import whole


@dataclass(frozen=True)
class Workers:
    """Who computes the gradients of `fit`, and how many shards each batch is cut into.

    Parameters
    ----------
    executor : int or concurrent.futures.Executor, optional
        A number of threads of this process, which `fit` starts and ends; or an executor, which stays open. If not given,
        the shards are computed one after the other.
    shards : int, optional
        How many shards each batch is cut into. If not given, as many as the work is worth, and at most 8. More workers
        than shards do not help.

    Raises
    ------
    TypeError
        If the executor is neither a positive integer nor an executor.
    ValueError
        If one of the numbers is not positive.

    Examples
    --------
    >>> Workers(2, shards=4)
    Workers(executor=2, shards=4)
    """

    executor: int | Executor | None = None
    shards: int | None = None

    def __post_init__(self) -> None:
        if self.shards is not None:
            whole("shards", self.shards)
        if self.executor is None or isinstance(self.executor, Executor):
            return
        if isinstance(self.executor, bool) or not hasattr(self.executor, "__index__"):
            hint = (
                " (from a Dask client: client.get_executor(pure=False))"
                if hasattr(self.executor, "get_executor")
                else ""
            )
            raise TypeError(
                "workers must be a number of threads, a concurrent.futures.Executor, or Workers(executor, shards=…),"
                f" got {type(self.executor).__name__}{hint}"
            )
        whole("workers", self.executor)

    @contextmanager
    def opened(self) -> Iterator[Executor | None]:
        """The executor, with threads that end with this context; None if there is none."""
        if self.executor is None or isinstance(self.executor, Executor):
            yield self.executor
            return
        with ThreadPoolExecutor(int(self.executor)) as threads:
            yield threads


def as_workers(workers: Any) -> Workers:
    """`workers` as `fit` takes it, as a `Workers`."""
    return workers if isinstance(workers, Workers) else Workers(workers)
