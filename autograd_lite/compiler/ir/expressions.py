"""Expressions of the operations table as sequences of array functions."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np

from autograd_lite import ops
from autograd_lite.compiler.front.trace import DETACH
from autograd_lite.ops import Op
from autograd_lite.value import Value

# NumPy's names for rows of the table, where they differ from the row's own.
_NUMPY_NAMES = {
    "sub": "subtract",
    "mul": "multiply",
    "div": "divide",
    "pow": "power",
    "neg": "negative",
    "abs": "absolute",
}


# NumPy's own of these names say nan if either operand is nan; Python's and ours return the first.
_EXTREMES = {ops.MAXIMUM: ("fmax", ">"), ops.MINIMUM: ("fmin", "<")}


class ArrayCall(NamedTuple):
    """One array function applied to operands: names of arrays, numbers, or earlier calls by number."""

    function: str
    operands: tuple[str | float | int, ...]


def numpy_name(op: Op) -> str | None:
    """The name of the NumPy function of a row of the table, or None."""
    if op is DETACH:
        return "positive"  # NumPy's name for doing nothing
    name = _NUMPY_NAMES.get(op.name, op.name)
    known = ops.TABLE.get(op.name) is op and (op.formula is None or op in _EXTREMES) and hasattr(np, name)
    return name if known else None


@cache
def formula_of(op: Op, operands: tuple[float | None, ...]) -> tuple[Value | float, tuple[Value | float, ...]] | None:
    """The formula of a row as an expression, with its leaves, one for each operand that is None and no constant.

    None if it has none.
    """
    if op.formula is None:
        return None
    leaves = tuple([Value(1.0) if x is None else x for x in operands])
    return op.formula(*leaves), leaves


def calls_of(
    root: Value, names: dict[Value, str], function: Callable[[Op], str | None], other: Callable[[Op], str]
) -> tuple[list[ArrayCall], str | float | int]:
    """The array functions that compute an expression, in order.

    Parameters
    ----------
    root : Value
        The expression.
    names : dict
        What its leaves are called.
    function : callable
        The name of the array function of a row, if there is one. A row without is replaced by its formula.
    other : callable
        The name to call for a row that has neither.

    Returns
    -------
    calls : list of ArrayCall
    result : str, float or int
        The result: a name, a number or the number of a call.
    """
    calls: list[ArrayCall] = []
    known: dict[Any, int] = {}

    def call(name: str, operands: tuple[Any, ...]) -> int:
        key = (name, *[(type(x), x) for x in operands])
        if key not in known:
            known[key] = len(calls)
            calls.append(ArrayCall(name, operands))
        return known[key]

    def run(result: Value, results: dict[Value, Any]) -> Any:
        for node in result.topological_order():
            if node in results:
                continue
            op = node.op
            if op is None:
                results[node] = node.data
                continue
            operands = tuple([results[x] if isinstance(x, Value) else x for x in node.operands])
            name = function(op)
            formula = None if name else formula_of(op, tuple([x if isinstance(x, float) else None for x in operands]))
            if formula is not None:
                root, leaves = formula
                given = {leaf: x for leaf, x in zip(leaves, operands, strict=True) if isinstance(leaf, Value)}
                results[node] = run(root, given) if isinstance(root, Value) else root
            elif op is ops.TOTAL or op is ops.MEAN or op is ops.DOT:
                raise AssertionError("sums are normalised")
            else:
                results[node] = call(name or other(op), operands)
        return results[result]

    result = run(root, dict(names))
    return calls, result


def plus(left: Value | float, right: Value | float, c: float = 1.0) -> Value:
    """left + c * right, in the shortest form."""
    if c == -1.0 and not (isinstance(left, float) and left == 0.0):
        return left - right  # type: ignore[return-value]
    if c != 1.0:
        right = -right if c == -1.0 else right * c
    if isinstance(left, float) and left == 0.0:
        return right  # type: ignore[return-value]
    if isinstance(right, float) and right == 0.0:
        return left  # type: ignore[return-value]
    return left + right  # type: ignore[return-value]


def call_text(function: str, operands: list[str], out: str) -> str:
    """The line that applies a function and writes its result into an array."""
    if function in ("maximum", "minimum"):
        return _extreme_text(ops.TABLE[function], operands[0], operands[1], out)
    if function == "where":
        return f"copyto({out}, where({', '.join(operands)}))"
    if hasattr(np, function):
        return f"{function}({', '.join(operands)}, out={out})"
    return f"{out}[...] = {function}({', '.join(operands)})"


def _extreme_text(op: Op, x: str, y: str, out: str) -> str:
    other, relation = _EXTREMES[op]
    if _is_number(y):  # only x can be nan, which is the first
        return f"{op.name}({x}, {y}, out={out})"
    if _is_number(x):  # only y can be nan
        return f"{other}({x}, {y}, out={out})"
    return f"copyto({out}, where({y} {relation} {x}, {y}, {x}))"


def _is_number(text: str) -> bool:
    return text[0] in "-.0123456789" or text == "inf"  # and not nan


def partial_on_arrays(op: Op, operand: int) -> Any:
    """The local derivative towards one operand, as a function of arrays that goes number by number."""
    return partial(_one_by_one, op, operand)  # which can be pickled if the operation can


def _one_by_one(op: Op, operand: int, *arrays: Any) -> Any:
    def rule(*numbers: float) -> float:
        return float(op.partials(*[float(x) for x in numbers])[operand])

    return np.frompyfunc(rule, len(arrays), 1)(*arrays).astype(float)
