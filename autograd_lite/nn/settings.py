"""What an optimiser is given, checked: its parameters and its numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable

from autograd_lite import ops
from autograd_lite.value import Value


def check_parameters(params: Iterable[Value]) -> list[Value]:
    """The parameters as a list: leaves, each once.

    Raises
    ------
    TypeError
        If one is not a Value.
    ValueError
        If there are none, one is not a leaf, or one comes twice.
    """
    if hasattr(params, "named_parameters"):
        raise TypeError("an optimiser takes the parameters, not the net: give net.parameters()")
    if not isinstance(params, Iterable):
        raise TypeError(
            f"an optimiser takes net.parameters(), or a list of Values, got {type(params).__name__}: {params!r}"
        )
    values = [params] if isinstance(params, Value) else list(params)
    if not values:
        raise ValueError("there are no parameters to optimise: give net.parameters(), or a list of Values")
    for i, p in enumerate(values):
        if not isinstance(p, Value):
            raise TypeError(f"parameter {i} must be a Value, got {type(p).__name__}: {p!r}")
        if not p.is_leaf:
            raise ValueError(f"parameter {i}, {p!r}, is computed by an operation: only a leaf can be optimised")
    if len(set(values)) != len(values):
        raise ValueError("a parameter comes twice in the list, and would be changed twice in a step")
    return values


def not_negative(name: str, number: float) -> float:
    """A finite number that is not negative, as a float."""
    if not 0.0 <= _real(name, number) < math.inf:
        raise ValueError(f"{name} must be finite and not negative, got {number!r}")
    return float(number)


def positive(name: str, number: float) -> float:
    """A positive number, as a float."""
    if not _real(name, number) > 0.0:
        raise ValueError(f"{name} must be positive, got {number!r}")
    return float(number)


def fraction(name: str, number: float) -> float:
    """A number in [0, 1), as a float."""
    if not 0.0 <= _real(name, number) < 1.0:
        raise ValueError(f"{name} must be in [0, 1), got {number!r}")
    return float(number)


def _real(name: str, number: object) -> float:
    if not ops.is_number(number):
        raise TypeError(f"{name} must be a number, got {type(number).__name__}: {number!r}")
    return float(number)  # type: ignore[arg-type]
