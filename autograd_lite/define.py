"""define_op: an operation of your own, beside those of the table."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final, final

from autograd_lite._support.text import escaped
from autograd_lite.ops import Op, is_number


def define_op(
    name: str,
    forward: Callable[..., float],
    partials: Callable[..., Any],
    symbol: str | None = None,
) -> Callable[..., Any]:
    """Add an operation of your own: differentiable, drawable and compilable like those of the table.

    Parameters
    ----------
    name : str
        What it is called in messages.
    forward : callable
        `forward(*xs) -> float`, on floats.
    partials : callable
        `partials(*xs, y)`, y being the result: one local derivative ∂y/∂x for each x, in a sequence (for a single x also
        by itself). Written with arithmetic and the functions of this package, the rule serves floats, Values (for
        derivatives of any order) and arrays. Where it raises on floats the derivative is nan.
    symbol : str, optional
        How pictures and formulas write it; the name if not given.

    Returns
    -------
    callable
        The operation as a function of Values, floats or arrays.

    Raises
    ------
    TypeError
        If `name` or `symbol` is not a str, or `forward` or `partials` cannot be called; on use, if `forward` does not
        return a real number, or `partials` one for each operand.

    Notes
    -----
    A node keeps its operation, and with it the two rules. In the native build nodes are invisible to Python's garbage
    collector: with its header on each node, building a graph takes more than twice as long (`docs/explanation/graph.md`).
    So an object that keeps a result of an operation made of its own methods, or of a lambda that refers to the object, is
    a cycle that is not collected there. Drop the result (`self.out = None`), or keep `self.out.data`, before you drop the
    object; or give `define_op` functions that do not refer to what keeps the result.

    Examples
    --------
    >>> from autograd_lite import Value
    >>> cube = define_op("cube", lambda x: x**3, lambda x, y: 3 * x**2)
    >>> x = Value(2.0)
    >>> cube(x).backward()
    >>> x.grad
    12.0
    """
    if not isinstance(name, str) or not name:
        raise TypeError(f"define_op takes a name, got {name!r}")
    if symbol is not None and not isinstance(symbol, str):
        raise TypeError(f"define_op {name!r} takes a str as symbol, got {type(symbol).__name__}: {symbol!r}")
    for what, rule in (("forward", forward), ("partials", partials)):
        if not callable(rule):
            raise TypeError(f"define_op {name!r} takes a function as {what}, got {type(rule).__name__}: {rule!r}")
    symbol = symbol or name
    name = escaped(name)
    return Op(name, symbol, _arity(forward), _Forward(name, forward), _Partials(name, partials))


def _arity(function: Callable[..., Any]) -> int:
    """The number of arguments; 0 if there may be any number."""
    import inspect

    try:
        parameters = list(inspect.signature(function).parameters.values())
    except ValueError:  # a function of C that does not tell
        return 0
    return 0 if any(p.kind is p.VAR_POSITIONAL for p in parameters) else len(parameters)


@final
class _Forward:
    """A user's forward rule, held to returning a float."""

    def __init__(self, name: str, rule: Callable[..., Any]) -> None:
        self.name: Final = name
        self.rule: Final = rule

    def __call__(self, *xs: float) -> float:
        y = self.rule(*xs)
        if not is_number(y):
            raise TypeError(f"the forward rule of {self.name} must return a real number, got {type(y).__name__}: {y!r}")
        return float(y)


@final
class _Partials:
    """A user's derivative rule, held to one derivative for each operand, and to never raising on floats."""

    def __init__(self, name: str, rule: Callable[..., Any]) -> None:
        self.name: Final = name
        self.rule: Final = rule

    def __call__(self, *operands: Any) -> tuple[Any, ...]:
        # A loop, which makes no function as a generator does: CPython 3.12 does not survive it where there is no memory.
        on_floats = True
        for operand in operands:
            on_floats = on_floats and isinstance(operand, float)
        try:
            result = self.rule(*operands)
        except (ArithmeticError, ValueError):
            if not on_floats:
                raise
            return (math.nan,) * (len(operands) - 1)
        partials = tuple(result) if isinstance(result, (tuple, list)) else (result,)
        if len(partials) != len(operands) - 1:
            raise TypeError(
                f"the partials of {self.name} must be one for each of its {len(operands) - 1} operands, got {result!r}"
            )
        for partial in partials:
            if on_floats and not is_number(partial):
                kind = type(partial).__name__
                raise TypeError(f"the partials of {self.name} must be real numbers, got {kind}: {partial!r}")
        return tuple([float(partial) if is_number(partial) else partial for partial in partials])
