"""The numbers of a training as arrays: the samples as columns, and the parameters in the order of a program."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd_lite.compiler.front.arguments import Arguments
from autograd_lite.compiler.numpy.bind import Bound
from autograd_lite.compiler.plan import Plan
from autograd_lite.nn.optim import Optimizer
from autograd_lite.training.masks import Masks
from autograd_lite.training.shards import cuts


class SampleArrays:
    """All samples and targets as columns, as the array of a program begins, and the masks of Dropouts drawn for a batch.

    Parameters
    ----------
    plan : Plan
        Its arguments are the samples, the targets and, where there are Dropouts, their masks.
    arguments : Arguments
    masks : Masks

    Attributes
    ----------
    rows, mask_rows : numpy.ndarray of int
        Where the samples and targets, and where the masks stand in the program's array.
    """

    def __init__(self, plan: Plan, arguments: Arguments, masks: Masks) -> None:
        inputs = plan.program.inputs
        self.rows = np.concatenate(inputs[:2])
        self.mask_rows = inputs[2] if len(masks) else np.zeros(0, dtype=np.intp)
        self._masks = masks
        # With the rows of ones that the program has between its inputs.
        self._height = max([int(rows.max()) for rows in inputs if len(rows)], default=-1) + 1
        self._columns = np.ones((self._height, len(arguments.arrays[0])))
        for rows, array in zip(inputs, arguments.arrays, strict=True):
            self._columns[rows] = array.reshape(len(array), -1).T
        self._full: Bound | None = None  # the one that holds all samples

    def load(self, bound: Bound, batch: Sequence[int]) -> None:
        """Write the samples of a batch into a program's array, and draw its masks."""
        size = len(batch)
        if size == self._columns.shape[1]:  # all samples: their order does not matter
            if bound is not self._full:
                bound.values[: self._height] = self._columns
                self._full = bound
        else:
            self._columns.take(batch, 1, bound.values[: self._height], "clip")
        if len(self.mask_rows):
            bound.values[self.mask_rows] = self._masks.drawn(size) / self._masks.keep[:, None]

    def cut(self, batch: Any, sizes: tuple[int, ...]) -> list[tuple[Any, Any]]:
        """The samples of each shard, and what its Dropouts let through."""
        kept = self._masks.drawn(len(batch))
        if len(batch) == self._columns.shape[1]:
            return [(self._columns[self.rows, cut], kept[:, cut]) for cut in cuts(sizes)]
        return [(self._columns[np.ix_(self.rows, batch[cut])], kept[:, cut]) for cut in cuts(sizes)]


class ParameterArrays:
    """The data and the gradients of all parameters of a program, and those of an optimiser among them.

    Parameters
    ----------
    plan : Plan
    optimizer : Optimizer

    Attributes
    ----------
    data, gradient : numpy.ndarray of shape (parameters,)
        As the program's arrays.
    order : list of Value
        The optimiser's parameters in the order of the program; those that it does not know come last.
    """

    def __init__(self, plan: Plan, optimizer: Optimizer) -> None:
        program = plan.program
        self._optimizer = optimizer
        self._places, self._values = program.parameters, plan.trace.parameters
        self.data, self.gradient = np.zeros(program.places), np.zeros(program.places)
        self._count = len(program.parameters)  # they come first in their array
        place = dict(zip(self._values, program.parameters.tolist(), strict=True))
        self._trained = sorted([p for p in optimizer.params if p in place], key=place.__getitem__)
        self._unused = [p for p in optimizer.params if p not in place]
        self.order = [*self._trained, *self._unused]
        places = [place[p] for p in self._trained]
        contiguous = places == list(range(len(places)))
        self._at: Any = slice(0, len(places)) if contiguous else np.array(places, dtype=np.intp)
        self._views = (self.data[self._at], self.gradient[self._at]) if contiguous else None
        self._rest: Any = np.zeros(0)  # the data of those that the program does not know
        self.read()

    @property
    def given(self) -> Any:
        """The data that a shard is computed with."""
        return self.data[: self._count]

    def take(self, gradient: Any) -> None:
        """Keep the gradient that was computed from shards."""
        self.gradient[: self._count] = gradient

    def step(self) -> bool:
        """Let the optimiser use the gradient. Return whether all parameters are finite afterwards."""
        if len(self._rest):
            data = np.concatenate([self.data[self._at], self._rest])
            gradient = np.concatenate([self.gradient[self._at], np.zeros(len(self._rest))])
            data = self._optimizer.step_array(data, gradient, self.order)
            self.data[self._at], self._rest = data[: -len(self._rest)], data[-len(self._rest) :]
        elif self._views is not None:  # all parameters, in the order of the program: nothing to gather
            parameters, gradient = self._views
            data = self._optimizer.step_array(parameters, gradient, self.order)
            parameters[...] = data
        else:
            data = self._optimizer.step_array(self.data[self._at], self.gradient[self._at], self.order)
            self.data[self._at] = data
        # Nearly always finite: one product tells, unless it overflows.
        return math.isfinite(data.dot(data)) or bool(np.isfinite(data).all())

    # --- the net's own Values -----------------------------------------------------------------------------------------

    def snapshot(self) -> Any:
        """Return the data of the optimiser's parameters, and whose they are."""
        return self.order, self.data[self._at].copy(), self._rest

    def restore(self, snapshot: Any) -> None:
        """Set the parameters' data."""
        params, trained, rest = snapshot
        self.write_back()
        for p, data in zip(params, [*trained.tolist(), *rest.tolist()], strict=True):
            p.data = data
        self.read()

    def write_back(self) -> None:
        """Bring the net's own Values up to date."""
        for p, data, grad in zip(self._trained, self.data[self._at].tolist(), self.gradient[self._at].tolist()):
            p.data = data
            p.grad = grad
        for p, data in zip(self._unused, self._rest.tolist()):
            p.data = data
            p.grad = 0.0

    def read(self) -> None:
        """Take the parameters' data from the net's own Values."""
        self.data[self._places] = [p.data for p in self._values]
        self._rest = np.array([p.data for p in self._unused])
