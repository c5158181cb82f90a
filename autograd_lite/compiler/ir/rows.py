"""Where the numbers of a program live: rows of one array for what each sample has, places of one vector for the rest.

Every value that depends on the inputs is a row of an array `values[row, sample]`; parameters and what is computed from
them alone are entries of a vector. An operand of an array instruction is then an array of row numbers. If these are
evenly spaced along every axis the operand is a view, made once; otherwise its rows are gathered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.intp]
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Rows:
    """An array operand: row numbers, in the shape that the operand has for one sample.

    Parameters
    ----------
    batched : bool
        Whether these are rows of the array, with one number a sample, or entries of the parameter vector.
    index : array of int
        The row numbers.
    gradient : bool
        Whether the gradient of these rows is meant, and not their value.
    """

    batched: bool
    index: Index
    gradient: bool = False

    def shaped(self, shape: tuple[int, ...]) -> Rows:
        """The same rows in another shape."""
        return Rows(self.batched, self.index.reshape(shape), self.gradient)

    def gradients(self) -> Rows:
        """The gradient of these rows."""
        return Rows(self.batched, self.index, True)

    def overlaps(self, other: Rows) -> bool:
        """Whether some row belongs to both."""
        same_array = (self.batched, self.gradient) == (other.batched, other.gradient)
        return same_array and bool(np.isin(self.index, other.index).any())

    @property
    def key(self) -> tuple[Any, ...]:
        """What distinguishes it from other operands."""
        return self.batched, self.gradient, self.index.shape, self.index.tobytes()


def strides_of(index: Index) -> tuple[int, ...] | None:
    """The step along each axis if the row numbers are evenly spaced along all of them, else None.

    Examples
    --------
    >>> import numpy
    >>> strides_of(numpy.array([[4, 5, 6], [14, 15, 16]]))
    (10, 1)
    >>> strides_of(numpy.array([1, 2, 4])) is None
    True
    """
    if index.size == 1:  # most operands of many programs
        return (0,) * index.ndim
    start = index.flat[0]
    steps = tuple(
        [
            int(index[(0,) * axis + (1,) + (0,) * (index.ndim - axis - 1)] - start) if n > 1 else 0
            for axis, n in enumerate(index.shape)
        ]
    )
    expected = np.full(index.shape, start)
    for axis, step in enumerate(steps):
        expected += (np.arange(index.shape[axis]) * step).reshape([-1 if a == axis else 1 for a in range(index.ndim)])
    return steps if np.array_equal(index, expected) else None


def common_shape(indices: list[Index]) -> tuple[int, ...] | None:
    """A shape in which all of several one-dimensional index arrays are evenly spaced along every axis.

    Examples
    --------
    >>> import numpy
    >>> common_shape([numpy.arange(6), numpy.array([0, 1, 2, 0, 1, 2])])
    (2, 3)
    """
    size = len(indices[0])
    shape: list[int] = []
    while size > 1:
        run = size
        for index in indices:
            steps = np.diff(index)
            breaks = np.flatnonzero(steps != steps[0])
            if len(breaks):
                run = min(run, int(breaks[0]) + 1)
        if size % run:
            return None
        grids = [index.reshape(size // run, run) for index in indices]
        if any((grid - grid[:, :1] != grid[0] - grid[0, 0]).any() for grid in grids):
            return None
        shape.insert(0, run)
        indices = [grid[:, 0] for grid in grids]
        size //= run
    return tuple(shape)


def pieces(index: Index) -> int:
    """How many evenly spaced pieces a one-dimensional index array falls into."""
    return 1 + int(np.count_nonzero(np.diff(index, 2))) if len(index) > 2 else 1


def full_shape(shape: tuple[int, ...] | None, group: list[Any]) -> tuple[int, ...]:
    """The given shape, or one axis; a single number has none."""
    return () if len(group) == 1 else shape or (len(group),)


def partition(group: list[T], signature: Callable[[T], object]) -> list[list[T]]:
    """Group items by the result of a function, in order of first appearance."""
    parts: dict[object, list[T]] = {}
    for item in group:
        parts.setdefault(signature(item), []).append(item)
    return list(parts.values())
