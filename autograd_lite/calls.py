"""One call of a function that is being differentiated."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from autograd_lite import ops
from autograd_lite.adjoints import Number, substitute
from autograd_lite.trees import Tree, split, to_array
from autograd_lite.value import Value, is_recording, recording


class _Active(threading.local):
    """For each transform that is calling its function in this thread, the leaves that it differentiates by."""

    def __init__(self) -> None:
        self.leaves: list[set[Value]] = []


_active: Final = _Active()


class Call:
    """One call of a function, with fresh leaves in place of some arguments.

    The leaves are fresh so that a variable which the function also captures is not taken for its argument.
    """

    def __init__(
        self, f: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], positions: Sequence[int]
    ) -> None:
        self.trees: Final = [Tree(args[i], f"argument {i}") for i in positions]
        self.given: Final = [number for tree in self.trees for number in tree.numbers]
        self.leaves: Final = [
            Value(number.data, number.label) if isinstance(number, Value) else Value(number) for number in self.given
        ]
        self.name: Final = getattr(f, "__name__", "the function")
        self.quiet: Final = not is_recording()
        fresh = split(self.leaves, [block for tree in self.trees for block in tree.blocks], to_array)
        lifted = list(args)
        for i, tree in zip(positions, self.trees, strict=True):
            lifted[i] = tree.map_blocks(fresh)
        _active.leaves.append(set(self.leaves))
        try:
            with recording():
                self.output: Final = f(*lifted, **kwargs)
        finally:
            _active.leaves.pop()

    def scalar(self, transform: str) -> Value:
        """What the function returned, which is to be one number."""
        y = self.output
        if getattr(y, "ndim", None) == 0 and hasattr(y, "item"):
            y = y.item()
        if isinstance(y, Value):
            return y
        if y is None:
            raise TypeError(f"{transform} takes a function that returns one number, but {self.name} returned None")
        try:
            return Value(y)
        except TypeError:
            hint = ": use jacobian" if transform == "grad" else ""
            raise TypeError(
                f"{transform} takes a function that returns one number, but {self.name} returned"
                f" {type(y).__name__} {y!r:.80}{hint}"
            ) from None

    def remembers(self, outputs: Sequence[Number]) -> bool:
        """Whether the derivatives are Values: an argument is one, or an outer transform differentiates by some node."""
        if any([isinstance(number, Value) for number in self.given]):
            return True
        outer: set[Value] = set().union(*_active.leaves)
        return bool(outer) and not outer.isdisjoint(as_value(ops.TOTAL(*outputs)).topological_order())

    def results(self, numbers: Sequence[Number]) -> list[Number]:
        """Results in terms of the leaves, in terms of the arguments."""
        if all([isinstance(number, float) for number in numbers]):
            return list(numbers)
        numbers = substitute(numbers, dict(zip(self.leaves, self.given, strict=True)))
        if self.quiet:
            return [number.detach() if isinstance(number, Value) else number for number in numbers]
        return [as_value(number) for number in numbers]


def plain(numbers: Sequence[Number]) -> list[Number]:
    """The numbers as floats."""
    return [number.data if isinstance(number, Value) else number for number in numbers]


def as_value(y: Number) -> Value:
    """The number as a Value, which is a leaf if it was a float."""
    return y if isinstance(y, Value) else Value(y)
