"""Data-parallel training: the gradient of each batch in shards, through any `concurrent.futures.Executor`.

One step goes like this. The batch is cut into shards, in a way that depends on its size alone. Each shard is a task of
its own: the parameters and the shard's rows go out, its mean loss and gradient come back. They are weighted by the rows
and added in the order of the shards, so that the number of workers, and which of them was quicker, changes no bit of
the sum. The optimiser steps here; no worker keeps anything of a step, and a task that an executor runs twice, because
a worker died, fills the same slot with the same numbers.

What a worker keeps is the compiled program. A task names it by a key; a worker that does not have it says so, and the
task is sent again with the program. That needs nothing of an executor but `submit`, and serves workers that join later
or start anew. Net, loss and optimiser never leave this process: lambdas in them are no matter.
"""

from __future__ import annotations

import os
import pickle
import platform
import threading
import traceback
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from autograd_lite.compiler.bind import Bound, Code
from autograd_lite.compiler.rows import Index
from autograd_lite.engine import CompiledEngine
from autograd_lite.history import History, WorkerError
from autograd_lite.optim import Optimizer

_MOST_SHARDS = 16
_FEWEST_ROWS = 128  # of a shard, for its work to be worth the sending

Gradient = tuple[float, Any]  # a mean loss, and an array of its derivatives by the parameters


def shard_sizes(rows: int, shards: int | None = None) -> list[int]:
    """How many rows of a batch go into each shard: as equal as can be, and never none.

    Examples
    --------
    >>> shard_sizes(10, 4), shard_sizes(2, 4)
    ([3, 3, 2, 2], [1, 1])
    >>> shard_sizes(32), shard_sizes(512), len(shard_sizes(100_000))
    ([32], [128, 128, 128, 128], 16)
    """
    count = min(shards, rows) if shards is not None else max(1, min(_MOST_SHARDS, rows // _FEWEST_ROWS))
    return [rows // count + (i < rows % count) for i in range(count)]


# --- in a worker ------------------------------------------------------------------------------------------------------


class WorkerProgram:
    """What a worker keeps: the compiled loss, and where the numbers of a shard go in its arrays.

    Parameters
    ----------
    code : Code
    inputs, masks : Index
        The rows of a program's array that a shard's numbers go to, and its dropout masks.
    keep : numpy.ndarray
        The probability of each mask to let through.
    """

    def __init__(self, code: Code, inputs: Index, masks: Index, keep: Any) -> None:
        self.key = uuid.uuid4().hex
        self.code, self.inputs, self.masks, self.keep = code, inputs, masks, keep
        # The arrays that no thread is using, by the number of samples: a batch has shards of two sizes at most.
        self._idle: dict[int, list[Bound]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_idle": {}}

    def run(self, parameters: Any, rows: Any, kept: Any) -> Gradient:
        """Return the mean loss of a shard, and its gradient.

        Parameters
        ----------
        parameters : numpy.ndarray of shape (parameters,)
        rows : numpy.ndarray of shape (inputs, samples)
        kept : numpy.ndarray of bits, shape (masks, samples / 8), or None
            What dropout lets through.
        """
        samples = rows.shape[1]
        idle = self._idle.setdefault(samples, [])
        try:
            bound = idle.pop()
        except IndexError:
            bound = self.code.bind(samples, np.float64)
        bound.parameters[: len(parameters)] = parameters
        bound.values[self.inputs] = rows
        if kept is not None:
            bound.values[self.masks] = np.unpackbits(kept, axis=1, count=samples) / self.keep[:, None]
        with np.errstate(all="ignore"):  # `fit` looks for itself for what is not finite
            bound.forward()
            bound.backward()
        result = float(bound.mean()), bound.d_parameters[: len(parameters)].copy()
        idle.append(bound)
        return result


_at_home: WeakValueDictionary[str, WorkerProgram] = WeakValueDictionary()  # of trainings in this very process
_received: dict[str, WorkerProgram] = {}
_MOST_RECEIVED = 8  # programs; the one received first makes room
_receiving = threading.Lock()


def run_shard(
    key: str, program: WorkerProgram | None, parameters: Any, rows: Any, kept: Any, ticket: tuple[int, ...]
) -> Gradient | Exception | str:
    """The task of a worker.

    Parameters
    ----------
    key : str
        Which program to run.
    program : WorkerProgram, optional
        The program itself, if it comes with the task.
    parameters, rows, kept
        As for `WorkerProgram.run`.
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
        with _receiving:
            _received.setdefault(key, program)
            while len(_received) > _MOST_RECEIVED:
                del _received[next(iter(_received))]
    program = _at_home.get(key) or _received.get(key)
    if program is None:
        return _own_name()
    try:
        return program.run(parameters, rows, kept)
    except Exception as error:
        error.add_note(f"In a worker:\n{traceback.format_exc()}")
        return error


def _own_name() -> str:
    return f"{platform.node()} {os.getpid()}"


# --- at home ----------------------------------------------------------------------------------------------------------


class ParallelEngine(CompiledEngine):
    """The compiled engine, with the gradients computed by the workers of an executor.

    Parameters
    ----------
    net, loss, optimizer, X, y
        As for `CompiledEngine`.
    executor : concurrent.futures.Executor
        Where the shards are computed. It stays open.
    shards : int, optional
        See `shard_sizes`.
    """

    def __init__(
        self,
        net: Callable[[Any], Any],
        loss: Callable[[Any, Any], Any],
        optimizer: Optimizer,
        X: Any,
        y: Any,
        executor: Executor,
        shards: int | None = None,
    ) -> None:
        super().__init__(net, loss, optimizer, X, y)
        self._executor, self._shards = executor, shards
        program = self._plan.program
        masks = self._mask_rows
        inputs = np.concatenate(program.inputs[: 2 if len(masks) else None])
        self._rows = self._columns[inputs]
        self._count = len(program.parameters)
        self._program = WorkerProgram(self._code, inputs, masks, self._keep)
        _at_home[self._program.key] = self._program
        self._carriers = 1  # how many tasks of the next round bring the program along
        self._rounds = 0

    def loss_and_gradient(self, batch: Sequence[int]) -> float:
        """Return the mean loss over the samples with these numbers, and keep its gradient.

        Raises
        ------
        WorkerError
            If a worker died, or the executor takes no work.
        TypeError
            If the program cannot be sent to a worker.
        """
        if not self._entered:
            self._enter()
        size = len(batch)
        rows = self._rows if size == self._rows.shape[1] else self._rows.take(batch, 1)
        kept = self._drawn(size) if len(self._mask_rows) else None
        sizes = shard_sizes(size, self._shards)
        tasks, start = [], 0
        for n in sizes:
            shard = slice(start, start + n)
            tasks.append((rows[:, shard], None if kept is None else np.packbits(kept[:, shard], axis=1)))
            start += n
        loss, gradient = 0.0, np.zeros(self._count)
        for n, (shard_loss, shard_gradient) in zip(sizes, self._answers(tasks)):
            loss += n / size * shard_loss
            gradient += n / size * shard_gradient
        self._gradient[: self._count] = gradient
        return loss

    def _answers(self, tasks: list[tuple[Any, Any]]) -> list[Gradient]:
        """The answer to each task, in order. Each has one slot, whoever computes it and however often."""
        answers: dict[int, Gradient] = {}
        while len(answers) < len(tasks):
            missing: set[str] = set()
            for i, answer in self._round({i: task for i, task in enumerate(tasks) if i not in answers}):
                if isinstance(answer, str):
                    missing.add(answer)
                elif isinstance(answer, Exception):
                    raise answer
                else:
                    answers[i] = answer
            self._carriers = len(missing)  # a copy for each worker that lacks it
        return [answers[i] for i in range(len(tasks))]

    def _round(self, tasks: dict[int, tuple[Any, Any]]) -> list[tuple[int, Gradient | Exception | str]]:
        """Send tasks, and wait for all that comes back. After an error, or Ctrl-C, those not yet begun are cancelled."""
        self._rounds += 1
        parameters = self._parameters[: self._count]
        futures: dict[int, Future[Gradient | Exception | str]] = {}
        try:
            for i, (rows, kept) in tasks.items():
                program = self._program if len(futures) < self._carriers else None
                ticket = (self._rounds, i)
                futures[i] = self._executor.submit(
                    run_shard, self._program.key, program, parameters, rows, kept, ticket
                )
            return [(i, future.result()) for i, future in futures.items()]
        except Exception as error:
            if isinstance(error, (pickle.PicklingError, TypeError, AttributeError)):
                self._check_that_it_can_be_sent(error)
            raise WorkerError(
                f"a worker or its executor failed ({type(error).__name__}: {error})", History()
            ) from error
        finally:
            for future in futures.values():
                future.cancel()

    def _check_that_it_can_be_sent(self, error: Exception) -> None:
        try:
            pickle.dumps(self._program)
        except Exception as reason:
            raise TypeError(
                f"the compiled program cannot be sent to a worker, because an operation of your own cannot be pickled:"
                f" {reason}. Give define_op functions of a module that the workers can import, in place of lambdas and"
                " inner functions; or take an executor of this process, such as ThreadPoolExecutor"
            ) from error
