"""The arguments of a compiled function: checked, and named."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite.compiler.libraries import RESERVED

# Names that programs have for themselves, besides those that end in a digit and those of gradients, d_….
_TAKEN = {*dir(np), *RESERVED, "values", "d_values", "d_parameters", "forward", "backward"}


def as_batch(arguments: tuple[Any, ...]) -> list[Any]:
    """The arguments as arrays of numbers with the same first axis."""
    batch = []
    for i, argument in enumerate(arguments):
        if np.ma.is_masked(argument):
            raise ValueError(f"argument {i + 1} has masked entries: fill them or leave out their samples")
        try:
            array = np.asarray(argument)
        except ValueError as error:
            raise ValueError(f"argument {i + 1} is ragged: its rows differ in length ({error})") from None
        if array.dtype.kind not in "biuf":
            hint = ": convert it with numpy.asarray(argument, dtype=float)" if array.dtype.kind == "O" else ""
            raise TypeError(f"argument {i + 1} must be an array of real numbers, got one of {array.dtype}{hint}")
        if array.ndim == 0:
            raise ValueError(f"argument {i + 1} is a single number; its first axis must be the batch")
        batch.append(array)
    if not batch:
        raise TypeError("a compiled function takes at least one argument, whose first axis is the batch")
    lengths = [len(array) for array in batch]
    if len(set(lengths)) > 1:
        raise ValueError(f"the arguments must have the same number of samples, got {lengths}")
    if lengths[0] == 0:
        raise ValueError("the batch is empty: its arrays have no rows")
    return batch


def argument_names(function: Callable[..., Any], count: int) -> list[str]:
    """What a function calls its arguments, as far as these names can stand in a program."""
    try:
        given = [p.name for p in inspect.signature(function).parameters.values() if p.kind is not p.VAR_POSITIONAL]
    except (TypeError, ValueError):
        given = []
    names = (given + [f"x{i}" for i in range(count)])[:count]
    return [f"{name}_" if name in _TAKEN or name[-1].isdigit() or name[:2] == "d_" else name for name in names]
