"""Checks of what optimisers, schedules, layers and data sets are given. Each returns it in its plain kind."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

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


def check_optimizer_state(state: object) -> None:
    """Raise if this is not what `state_dict()` of an optimiser returns."""
    if not isinstance(state, Mapping):
        raise TypeError(f"load_state_dict() takes the state_dict() of an optimiser, got {type(state).__name__}")
    missing = [key for key in ("optimizer", "steps", "settings", "state") if key not in state]
    if missing:
        raise ValueError(f"this is not the state of an optimiser: it lacks {', '.join(missing)}")
    for key in ("settings", "state"):
        if not isinstance(state[key], Mapping):
            raise TypeError(f"the {key} of an optimiser must be a dict, got {type(state[key]).__name__}")
    for name, values in state["state"].items():
        if not isinstance(values, list):
            raise TypeError(f"{name} must be a list with a number for each parameter, got {type(values).__name__}")


def not_negative(name: str, number: float) -> float:
    """A finite number that is not negative, as a float."""
    if not 0.0 <= real(name, number) < math.inf:
        raise ValueError(f"{name} must be finite and not negative, got {number!r}")
    return float(number)


def positive(name: str, number: float) -> float:
    """A positive number, as a float."""
    if not real(name, number) > 0.0:
        raise ValueError(f"{name} must be positive, got {number!r}")
    return float(number)


def positive_or_none(name: str, number: float | None) -> float | None:
    """A positive number, as a float; or None."""
    return None if number is None else positive(name, number)


def fraction(name: str, number: float) -> float:
    """A number in [0, 1), as a float."""
    if not 0.0 <= real(name, number) < 1.0:
        raise ValueError(f"{name} must be in [0, 1), got {number!r}")
    return float(number)


def pair_of_fractions(name: str, pair: tuple[float, float]) -> tuple[float, float]:
    """Two numbers in [0, 1), as floats."""
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise TypeError(f"{name} must be two numbers, such as (0.9, 0.999), got {pair!r}")
    return fraction(f"{name}[0]", pair[0]), fraction(f"{name}[1]", pair[1])


def positive_integer(name: str, number: int) -> int:
    """A positive integer of any kind, as an int."""
    if isinstance(number, bool) or not hasattr(number, "__index__"):
        raise TypeError(f"{name} must be a positive integer, got {type(number).__name__}: {number!r}")
    if int(number) < 1:
        raise ValueError(f"{name} must be a positive integer, got {number!r}")
    return int(number)


def step_count(name: str, number: int) -> int:
    """A number of steps: an integer that is not negative."""
    if isinstance(number, bool) or not hasattr(number, "__index__"):
        raise TypeError(f"{name} must be an integer, got {type(number).__name__}: {number!r}")
    if int(number) < 0:
        raise ValueError(f"{name} must not be negative, got {number!r}")
    return int(number)


def flag(name: str, value: object) -> bool:
    """Whether a setting is on, as a bool."""
    return bool(value)


def real(name: str, number: object) -> float:
    """A real number of any kind, as a float."""
    if not ops.is_number(number):
        raise TypeError(f"{name} must be a number, got {type(number).__name__}: {number!r}")
    return float(number)  # type: ignore[arg-type]
