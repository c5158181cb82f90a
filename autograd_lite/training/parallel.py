"""Data-parallel training: the gradient of each batch in shards, through any `concurrent.futures.Executor`.

One step goes like this. The batch is cut into shards, in a way that depends on the batch and the net alone. Each is a
task of its own: the parameters and the shard's rows go out, its mean loss and gradient come back. They are weighted by
the rows and added in the order of the shards, so that the number of workers, and which of them was quicker, changes no
bit of the sum. The optimiser steps here; no worker keeps anything of a step, and a task that an executor runs twice,
because a worker died, fills the same slot with the same numbers.

What a worker keeps is the compiled program. A task names it by a key; a worker that does not have it says so, and the
task is sent again with the program. That needs nothing of an executor but `submit`, and serves workers that join later
or start anew. (As nobody can say which worker takes a task, a copy is sent in vain now and then.) Net, loss and
optimiser never leave this process: so they may be lambdas. The workers need to import the same autograd_lite,
and NumPy.

**Threads of this process.** NumPy computes outside the interpreter's lock, and nothing needs to be copied:

    fit(net, X, y, loss=loss, optimizer=optimizer, batch_size=None, workers=2)

**Processes of this machine**, in a script under `if __name__ == "__main__":`, as always with processes:

    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(2) as executor:
        fit(..., workers=executor)

**Dask.** A worker that dies is replaced, and its shards are computed again. `pure=False` spares the hashing of each
task:

    from dask.distributed import Client

    with Client("tcp://scheduler:8786") as client:  # or Client() for a cluster on this machine
        fit(..., workers=client.get_executor(pure=False))

**MPI**, started by `mpiexec -n 5 python -m mpi4py.futures train.py` for 4 workers:

    from mpi4py.futures import MPIPoolExecutor

    if __name__ == "__main__":
        with MPIPoolExecutor() as executor:
            fit(..., workers=executor)

**Ray** has no executor of its own, but its references give futures:

    import ray

    @ray.remote(max_retries=3)  # how often a task is begun again if its worker dies
    def call(function, *arguments):
        return function(*arguments)

    class RayExecutor(concurrent.futures.Executor):
        def submit(self, function, /, *arguments):
            return call.remote(function, *arguments).future()

    ray.init()
    fit(..., workers=RayExecutor())

Notes
-----
How far it scales, for a step of N samples, P parameters and S shards: 8·S·P bytes of parameters and 8·N·(features +
targets) of samples go out, 8·S·P of gradients come back. With 20 000 samples of a 2-64-64-1 net in 8 shards that is
0.77 MB out and 0.28 MB back. In processor time such a step takes 25 ms alone, or 28 ms in the workers and 4 ms in this
process, of which 0.3 are ours and the rest is what `ProcessPoolExecutor` spends on its tasks. By Amdahl's law the
speed-up with W workers lies between 25 / (4 + 28 / W), if nothing overlaps, and 25 / (28 / W): between 1.4 and 1.8
with 2 workers, 2.3 and 3.6 with 4. With 100 000 samples a step, 140 ms alone, between 1.8 and 2.0, 3.3 and 3.9. Two
threads take hardly more processor time than one alone (25 ms, 160 ms), as long as few wait at the interpreter's lock.
In a network the bytes take their time too, 8 ms of this megabyte at 1 Gbit/s, and each step that of a message and its
answer: so it takes batches of 100 ms and more there. Small batches of small nets are quickest without an executor.
"""

from __future__ import annotations

import os
import pickle
import platform
import traceback
from concurrent.futures import Executor, Future, wait
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from autograd_lite._support.locks import Locked
from autograd_lite.training.history import History, WorkerError
from autograd_lite.training.shards import Result, ShardProgram

Answer = Result | Exception | str  # of a worker: see `run_shard`

# --- in a worker ------------------------------------------------------------------------------------------------------

_at_home: WeakValueDictionary[str, ShardProgram] = WeakValueDictionary()  # of trainings in this very process
_received: dict[str, ShardProgram] = {}
_MOST_RECEIVED = 4  # programs; the one received first makes room
_receiving = Locked()


def run_shard(
    key: str, program: ShardProgram | None, parameters: Any, inputs: Any, kept: Any, ticket: tuple[int, ...]
) -> Answer:
    """The task of a worker.

    Parameters
    ----------
    key : str
        Which program to run.
    program : ShardProgram, optional
        The program itself, if it comes with the task.
    parameters, inputs, kept
        As for `ShardProgram.run`; but of what dropout lets through, eight samples are one byte.
    ticket : tuple
        Tells each task from all others, for executors such as Dask's that answer equal tasks from memory.

    Returns
    -------
    (float, numpy.ndarray)
        The loss and the gradient; or
    Exception
        what the program raised: an answer and not a fault of the worker; or
    str
        the worker's name, if it does not have the program.
    """
    if program is not None and key not in _at_home:
        one_blas_thread()
        with _receiving._lock:
            _received.setdefault(key, program)
            while len(_received) > _MOST_RECEIVED:
                del _received[next(iter(_received))]
    program = _at_home.get(key) or _received.get(key, program)
    if program is None:
        return _own_name()
    try:
        return program.run(parameters, inputs, np.unpackbits(kept, axis=1, count=inputs.shape[1]))
    except Exception as error:
        return _sendable(error) if key not in _at_home else error


def _sendable(error: Exception) -> Exception:
    """An error with where it came from; one that cannot be pickled would break the executor."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        error = RuntimeError(f"{type(error).__name__}: {error}")
    error.add_note(f"In a worker:\n{traceback.format_exc()}")
    return error


def _own_name() -> str:
    return f"{platform.node()} {os.getpid()}"


@cache
def _controller() -> Any:
    """What knows the BLAS that NumPy uses; None where threadpoolctl is not installed."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    return ThreadpoolController()


def one_blas_thread() -> AbstractContextManager[object]:
    """Let matrix products of this process run in one thread, from now on or until the end of the context.

    Several workers on one machine would fight for its cores; and a product that is shared among threads is added up in
    another order.
    """
    controller = _controller()
    limits: AbstractContextManager[object] = (
        nullcontext() if controller is None else controller.limit(limits=1, user_api="blas")
    )
    return limits


# --- at home ----------------------------------------------------------------------------------------------------------

_GRACE = 1.0  # seconds


def _settle(futures: list[Future[Answer]]) -> None:
    """Cancel what has not begun; but not at once.

    When a worker dies, of an accident or of the Ctrl-C that reaches all processes of a terminal, a ProcessPoolExecutor
    tells all its futures. In Python 3.11 it hangs if one of them was cancelled just before; so it is given the time to.
    """
    if not all(future.done() for future in futures):
        wait(futures, timeout=_GRACE)
    for future in futures:
        future.cancel()


class InWorkers:
    """The workers of an executor, who compute the shards.

    Parameters
    ----------
    executor : concurrent.futures.Executor
        It stays open.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._carriers = 1  # how many tasks of the next round bring the program along
        self._rounds = 0

    def running(self) -> AbstractContextManager[object]:
        """Around the steps of an epoch, matrix products run in one thread."""
        return one_blas_thread()

    def results(self, program: ShardProgram, parameters: Any, shards: list[tuple[Any, Any]]) -> list[Result]:
        """The result of each shard, in order. Each has one slot, whoever computes it and however often.

        Raises
        ------
        WorkerError
            If a worker died, or the executor takes no work.
        TypeError
            If the program cannot be sent to a worker.
        """
        _at_home[program.key] = program
        tasks = [(inputs, np.packbits(kept, axis=1)) for inputs, kept in shards]
        results: dict[int, Result] = {}
        while len(results) < len(tasks):
            missing: set[str] = set()
            left = {i: task for i, task in enumerate(tasks) if i not in results}
            for i, answer in self._round(program, parameters, left):
                if isinstance(answer, str):
                    missing.add(answer)
                elif isinstance(answer, Exception):
                    raise answer
                else:
                    results[i] = answer
            self._carriers = len(missing)  # a copy for each worker that lacks it
        return [results[i] for i in range(len(tasks))]

    def _round(
        self, program: ShardProgram, parameters: Any, tasks: dict[int, tuple[Any, Any]]
    ) -> list[tuple[int, Answer]]:
        """Send tasks, and wait for all that comes back. After an error, or Ctrl-C, those not yet begun are cancelled."""
        self._rounds += 1
        futures: dict[int, Future[Answer]] = {}
        try:
            for i, task in tasks.items():
                carried = program if len(futures) < self._carriers else None
                ticket = (self._rounds, i)
                futures[i] = self._executor.submit(run_shard, program.key, carried, parameters, *task, ticket)
            return [(i, future.result()) for i, future in futures.items()]
        except Exception as error:
            if isinstance(error, (pickle.PicklingError, TypeError, AttributeError)):
                _check_that_it_can_be_sent(program, error)
            raise WorkerError(
                f"a worker or its executor failed ({type(error).__name__}: {error})", History()
            ) from error
        finally:
            _settle(list(futures.values()))


def _check_that_it_can_be_sent(program: ShardProgram, error: Exception) -> None:
    try:
        pickle.dumps(program)
    except Exception as reason:
        raise TypeError(
            f"the compiled program cannot be sent to a worker, because an operation of your own cannot be pickled:"
            f" {reason}. Give define_op functions of a module that the workers can import instead of lambdas and"
            " inner functions; or take an executor of this process, such as ThreadPoolExecutor"
        ) from error
