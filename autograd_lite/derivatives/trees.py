"""The structure of arguments: numbers in nested lists, tuples, dicts and NumPy arrays, and the way there and back."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from autograd_lite._support.nested import named_items, refilled
from autograd_lite._support.text import escaped
from autograd_lite.functions import FloatOrValue
from autograd_lite.value import Value, count_values


class Part(NamedTuple):
    """A number by itself (its shape is `()`), or the numbers of one array."""

    name: str
    shape: tuple[int, ...]
    numbers: list[FloatOrValue]


class Tree:
    """The numbers of a nested structure, in order.

    Parameters
    ----------
    structure : number, Value, or nested lists, tuples, dicts and NumPy arrays of them
    name : str
        What messages call the structure.

    Raises
    ------
    TypeError
        If there is anything else in it; the message says where.

    Examples
    --------
    >>> tree = Tree({"w": [1.0, 2.0], "b": 3.0}, "net")
    >>> tree.numbers, tree.names
    ([1.0, 2.0, 3.0], ["net['w'][0]", "net['w'][1]", "net['b']"])
    >>> tree.fill([10.0, 20.0, 30.0])
    {'w': [10.0, 20.0], 'b': 30.0}
    """

    __slots__ = ("_parts", "name", "numbers", "structure")

    def __init__(self, structure: object, name: str) -> None:
        self.structure: Final = structure
        self.name: Final = name
        self._parts: list[Part] | None = None
        if type(structure) is list and count_values(structure) >= 0:  # the usual structures, without parts
            self.numbers: list[FloatOrValue] = structure
        elif type(structure) is float or type(structure) is Value:
            self.numbers = [structure]
        else:
            self.numbers = [number for part in self.parts for number in part.numbers]

    @property
    def parts(self) -> list[Part]:
        """The numbers by themselves and the arrays, in order."""
        if self._parts is None:
            try:
                self._parts = list(_parts(self.structure, self.name))
            except RecursionError:
                raise TypeError(f"{self.name} is nested too deeply, or contains itself") from None
        return self._parts

    @property
    def is_number(self) -> bool:
        """Whether the structure is one number."""
        return [(part.name, part.shape) for part in self.parts] == [(self.name, ())]

    @property
    def names(self) -> list[str]:
        """Where each number stands."""
        return [name for part in self.parts for name in _names(part.name, part.shape)]

    def fill(self, numbers: Iterable[FloatOrValue]) -> Any:
        """Other numbers in the same structure."""
        if self._parts is None:  # one number, or a list of them
            return list(numbers) if type(self.structure) is list else next(iter(numbers))
        return self.map_parts(split(numbers, self.parts, to_array))

    def map_parts(self, contents: Iterable[Any]) -> Any:
        """Anything in the same structure, one thing for each part."""
        return refilled(self.structure, contents)

    def matches(self, other: Tree) -> bool:
        """Whether both have the same places."""
        start, other_start = len(self.name), len(other.name)
        return [name[start:] for name in self.names] == [name[other_start:] for name in other.names]


def split(
    numbers: Iterable[FloatOrValue], parts: Sequence[Part], make: Callable[[list[FloatOrValue], tuple[int, ...]], Any]
) -> Iterator[Any]:
    """Deal numbers out to parts, and make each part's array of its share."""
    rest = iter(numbers)
    for part in parts:
        yield make([next(rest) for _ in part.numbers], part.shape)


def to_array(numbers: Sequence[FloatOrValue], shape: tuple[int, ...]) -> Any:
    """An array of floats, or of objects if some are Values; without a shape, the number by itself."""
    if not shape:
        return numbers[0]
    import numpy

    if not any(isinstance(number, Value) for number in numbers):
        return numpy.array(numbers, dtype=float).reshape(shape)
    array = numpy.empty(len(numbers), dtype=object)
    array[:] = numbers
    return array.reshape(shape)


def as_number(x: object, name: str) -> FloatOrValue:
    """A Value as it is, a real number as a float; `name` says in the error what it was."""
    if getattr(x, "ndim", None) == 0 and hasattr(x, "item"):  # an array without axes, maybe of a Value
        x = x.item()
    if isinstance(x, (Value, float)):
        return x if isinstance(x, Value) else float(x)
    try:
        return Value(x).data
    except TypeError:
        shown = repr(x)
        shown = shown if len(shown) < 80 else "..."
        raise TypeError(
            f"{escaped(name)} is neither a number nor a list, tuple, dict or array of numbers: {type(x).__name__} {shown}"
        ) from None


def _is_array(x: object) -> bool:
    numpy = sys.modules.get("numpy")  # where nobody has loaded NumPy there are no arrays
    return numpy is not None and isinstance(x, numpy.ndarray) and x.ndim > 0


def _parts(structure: Any, name: str) -> Iterator[Part]:
    for place, item in named_items(structure, name):
        if _is_array(item):
            yield _part_of_array(item, place)
        elif isinstance(item, (set, frozenset)):
            raise TypeError(
                f"{escaped(place)} is a {type(item).__name__}, whose numbers have no order: use a list or a tuple"
            )
        else:
            yield Part(place, (), [as_number(item, place)])


def _part_of_array(array: Any, name: str) -> Part:
    flat, places = array.ravel().tolist(), _names(name, array.shape)
    for x, place in zip(flat, places, strict=True):
        if isinstance(x, (list, tuple, dict)) or _is_array(x):
            raise TypeError(
                f"{escaped(name)} is a ragged array: {escaped(place)} is a {type(x).__name__}, not a number"
            )
    return Part(name, array.shape, [as_number(x, place) for x, place in zip(flat, places, strict=True)])


def _names(name: str, shape: tuple[int, ...]) -> list[str]:
    names = [name]
    for length in shape:
        names = [f"{start}[{i}]" for start in names for i in range(length)]
    return names
