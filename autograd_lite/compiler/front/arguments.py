"""The arguments of a compiled function: taken apart into arrays, checked, and put together again for each sample."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from autograd_lite._support.nested import items
from autograd_lite.value import Value


class Arguments:
    """The arguments of one call.

    An argument is an array whose first axis is the batch, or a dict or a tuple of such arguments. A keyword argument may
    also be a single number, or anything else that is not an array: such an option reaches the function as it is.

    Parameters
    ----------
    args, kwargs
        As given by the caller.

    Attributes
    ----------
    arrays : list of numpy.ndarray
        All arrays, in order.
    names : list of str
        The name of each in messages: `argument 2`, `p['x']`.
    key : hashable
        What selects the program: the structure, the shape of one sample, and the options.
    structure : tuple
        How the arrays were taken out: by argument, then by option.
    has_values : bool
        Whether there is a Value anywhere. Then the function itself is called.

    Raises
    ------
    TypeError, ValueError
        If an argument is not an array of real numbers, or the arrays differ in length.
    """

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.args, self.kwargs = args, kwargs
        self.has_values = any(_holds_value(x) for x in (*args, *kwargs.values()))
        self.arrays: list[Any] = []
        self.names: list[str] = []
        if not self.has_values:
            parts = [self._take_apart(x, f"argument {i + 1}", False) for i, x in enumerate(args)]
            options = [(name, self._take_apart(x, name, True)) for name, x in kwargs.items()]
            self.structure = (tuple(parts), tuple(options))
            self._check()

    @property
    def key(self) -> Any:
        """The structure of the arguments, the shapes of one sample, and the options."""
        return self.structure, tuple([array.shape[1:] for array in self.arrays])

    def _take_apart(self, argument: Any, name: str, may_be_option: bool) -> Any:
        if isinstance(argument, dict):
            return "dict", tuple([(key, self._take_apart(x, f"{name}[{key!r}]", False)) for key, x in argument.items()])
        if isinstance(argument, tuple) and not all(_is_number(x) for x in argument):
            parts = [self._take_apart(x, f"{name}[{i}]", False) for i, x in enumerate(argument)]
            return type(argument), tuple(parts)
        is_array = isinstance(argument, (list, tuple)) or hasattr(argument, "__array__")
        if may_be_option and (_is_number(argument) or not is_array):
            return "option", type(argument), _hashable(argument, name)
        self.names.append(name)
        self.arrays.append(_array(argument, name))
        return None

    def _check(self) -> None:
        if not self.arrays:
            raise TypeError("a compiled function takes at least one argument, whose first axis is the batch")
        lengths = [len(array) for array in self.arrays]
        if len(set(lengths)) > 1:
            raise ValueError(f"the arguments must have the same number of samples, got {lengths}")
        if lengths[0] == 0:
            raise ValueError("the batch is empty: its arrays have no rows")

    def sample(
        self, i: int, convert: Callable[[Any], Any] = lambda numbers: numbers
    ) -> tuple[list[Any], dict[str, Any]]:
        """What the function is given for sample i.

        Parameters
        ----------
        i : int
            Which sample.
        convert : callable
            Takes the numbers of each array, a float or nested lists of floats, and returns what replaces them.

        Returns
        -------
        args : list
        kwargs : dict
        """
        numbers = iter([convert(array[i].astype(float).tolist()) for array in self.arrays])
        parts, options = self.structure
        args = [_rebuilt(part, x, numbers) for part, x in zip(parts, self.args, strict=True)]
        return args, {name: _rebuilt(part, self.kwargs[name], numbers) for name, part in options}


def _rebuilt(part: Any, argument: Any, numbers: Iterator[Any]) -> Any:
    """The argument with numbers instead of its arrays."""
    if part is None:
        return next(numbers)
    kind, *rest = part
    if kind == "option":
        return argument
    if kind == "dict":
        return {key: _rebuilt(item, argument[key], numbers) for key, item in rest[0]}
    items = [_rebuilt(item, x, numbers) for item, x in zip(rest[0], argument, strict=True)]
    return type(argument)(*items) if hasattr(argument, "_fields") else type(argument)(items)


def _array(argument: Any, name: str) -> Any:
    if np.ma.is_masked(argument):
        raise ValueError(f"{name} has masked entries: fill them or leave out their samples")
    try:
        array = np.asarray(argument)
    except ValueError as error:
        raise ValueError(f"{name} is ragged: its rows differ in length ({error})") from None
    if array.dtype.kind not in "biuf":
        hint = ""
        if isinstance(argument, (list, tuple)) or hasattr(argument, "dtype"):
            hint = f": numpy.asarray({name if name.isidentifier() else 'x'}, dtype=float) says which element is not a number"
        raise TypeError(f"{name} must be an array of real numbers, got {_kind(argument, array)}{hint}")
    if array.ndim == 0:
        raise ValueError(f"{name} is a single number: give an array whose first axis is the batch")
    return array


def _kind(argument: Any, array: Any) -> str:
    if isinstance(argument, (list, tuple)) or hasattr(argument, "dtype"):
        return f"one of {array.dtype}"
    return f"{type(argument).__name__}: {argument!r:.80}"


def _hashable(option: Any, name: str) -> Any:
    try:
        hash(option)
    except TypeError:
        raise TypeError(
            f"{name} must be an array of real numbers, or an option that can be hashed, got {type(option).__name__}"
        ) from None
    return option


def _is_number(x: Any) -> bool:
    return isinstance(x, (bool, int, float, complex)) or getattr(x, "ndim", None) == 0


def _holds_value(x: Any) -> bool:
    return any(
        any(isinstance(number, Value) for number in item.flat)
        if isinstance(item, np.ndarray) and item.dtype.kind == "O"
        else isinstance(item, Value)
        for item in items(x)
    )
