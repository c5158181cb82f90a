"""One call of a function that is being differentiated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any

from autograd_lite import ops
from autograd_lite._support.text import escaped
from autograd_lite.contexts import is_recording, recording
from autograd_lite.derivatives.objections import current_call
from autograd_lite.derivatives.passes import gradients, substitute
from autograd_lite.derivatives.trees import Tree, as_number, to_array
from autograd_lite.functions import FloatOrValue
from autograd_lite.value import (
    Value,
    begin_call,
    count_values,
    depends_on_older,
    end_call,
    fresh_leaves,
    gradients_of,
    gradients_of_newer,
    leaf_of_call,
)


class Call:
    """One call of a function, with fresh leaves instead of some arguments.

    The leaves are fresh so that a variable which the function also captures is not taken for its argument.
    """

    __slots__ = ("f", "given", "is_quiet", "leaves", "number", "outer", "output", "positions", "trees")

    def __init__(
        self, f: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], positions: Sequence[int]
    ) -> None:
        self.f = f
        self.is_quiet = not is_recording()
        if len(positions) == 1:
            self.positions = positions
            self.trees = [Tree(args[positions[0]], f"argument {positions[0]}")]
            self.given = self.trees[0].numbers
        else:
            self.positions = list(dict.fromkeys(positions))  # one may be asked for twice
            self.trees = [Tree(args[i], f"argument {i}") for i in self.positions]
            self.given = [number for tree in self.trees for number in tree.numbers]
        self.number = begin_call()
        try:
            self.leaves = fresh_leaves(self.given)
            lifted = list(args)
            if len(self.trees) == 1:
                lifted[positions[0]] = self.trees[0].fill(self.leaves)
            else:
                for i, part in self.parts(self.leaves).items():
                    lifted[i] = part
            self.outer = current_call.get()
            try:
                current_call.set(self)
                if self.is_quiet:
                    with recording():
                        self.output = f(*lifted, **kwargs)
                else:
                    self.output = f(*lifted, **kwargs)
            finally:
                current_call.set(self.outer)  # also after an interrupt that came just when it was set
        finally:
            end_call()

    @property
    def name(self) -> str:
        """What messages call the function."""
        return escaped(getattr(self.f, "__name__", "the function"))

    def scalar(self, transform: str) -> Value:
        """What the function returned, which is to be one number."""
        y = self.output
        if isinstance(y, Value):
            return y
        if y is None:
            raise TypeError(f"{transform} takes a function that returns one number, but {self.name} returned None")
        try:
            number = as_number(y, "the result")
            return number if isinstance(number, Value) else leaf_of_call(number, self.number)
        except TypeError:
            hint = ": use jacobian" if transform == "grad" else ""
            raise TypeError(
                f"{transform} takes a function that returns one number, but {self.name} returned"
                f" {type(y).__name__} {y!r:.80}{hint}"
            ) from None

    def outputs(self) -> Tree:
        """What the function returned, which may be any structure of numbers."""
        return Tree(self.output, f"what {self.name} returned")

    def remembers(self, *outputs: FloatOrValue) -> bool:
        """Whether results are Values: an argument is one, or an output depends on one that the function captured.

        What an outer transform differentiates by is captured, too. A leaf that the function made itself is not.
        """
        if self.takes_values:
            return True
        return any(isinstance(output, Value) and depends_on_older(output, self.number) for output in outputs)

    @property
    def takes_values(self) -> bool:
        """Whether an argument is a Value."""
        return count_values(self.given) > 0

    def float_gradient(self, y: Value) -> list[float] | None:
        """The derivatives of `y` by the leaves, if results are floats."""
        return None if self.takes_values else gradients_of_newer(y, self.leaves, self.number)

    def results(self, numbers: Sequence[FloatOrValue], remembers: bool) -> list[FloatOrValue]:
        """Results in terms of the leaves, in terms of the arguments; in no_grad() Values are leaves."""
        if not remembers:
            return list(plain(numbers))
        if self.is_quiet:
            return [Value(number) for number in plain(numbers)]
        return [as_value(x) for x in substitute(numbers, dict(zip(self.leaves, self.given, strict=True)))]

    def gradient(self, y: Value, remembers: bool) -> list[FloatOrValue]:
        """The derivatives of `y` by the leaves, as results."""
        if remembers and not self.is_quiet:
            return self.results(gradients(y, self.leaves), remembers)
        numbers = gradients_of(y, self.leaves)
        return [Value(number) for number in numbers] if remembers else list(numbers)

    def parts(self, numbers: Sequence[FloatOrValue]) -> dict[int, Any]:
        """One number for each leaf, in the structure of the arguments, by their position."""
        if len(self.positions) == 1:
            return {self.positions[0]: self.trees[0].fill(numbers)}
        rest = iter(numbers)
        return {
            i: tree.fill(islice(rest, len(tree.numbers))) for i, tree in zip(self.positions, self.trees, strict=True)
        }

    def parts_of_rows(self, numbers: Sequence[FloatOrValue], shape: tuple[int, ...]) -> dict[int, Any]:
        """For each number of an array one for each leaf, in the structure of the arguments, by their position."""
        width = len(self.leaves)
        parts = {}
        start = 0
        for i, tree in zip(self.positions, self.trees, strict=True):
            contents = []
            for part in tree.parts:
                stop = start + len(part.numbers)
                columns = [x for row in range(0, len(numbers), width or 1) for x in numbers[row + start : row + stop]]
                contents.append(to_array(columns, (*shape, *part.shape)))
                start = stop
            parts[i] = tree.map_parts(contents)
        return parts

    def gradient_as_nodes(self, y: Value) -> list[Value]:
        """The derivatives of `y` by the leaves, to be differentiated further."""
        with recording():
            return gradients(y, self.leaves)


def plain(numbers: Sequence[FloatOrValue]) -> list[float]:
    """The numbers as floats."""
    return [number.data if isinstance(number, Value) else number for number in numbers]


def as_value(y: FloatOrValue) -> Value:
    """The number as a Value, which is a leaf if it was a float."""
    return y if isinstance(y, Value) else Value(y)


def total(ys: Sequence[FloatOrValue]) -> Value:
    """A Value whose graph holds all the numbers."""
    with recording():
        return as_value(ops.TOTAL(*ys, 0.0))
