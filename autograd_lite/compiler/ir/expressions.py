"""Expressions of the operations table as sequences of array functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from autograd_lite import ops
from autograd_lite.compiler.front.trace import DETACH
from autograd_lite.compiler.ir.program import Statement
from autograd_lite.compiler.ir.rows import Rows
from autograd_lite.graph.rules import Symbol
from autograd_lite.ops import Op

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


class Expression(NamedTuple):
    """An expression of array operands, which is computed number by number.

    Parameters
    ----------
    root : Symbol or float
        Its symbols without an operation stand for operands: `Symbol(i)` for the operand i.
    operands : tuple of Rows
    """

    root: Symbol | float
    operands: tuple[Rows, ...] = ()

    def used(self) -> dict[int, Rows]:
        """The operands that the expression does depend on, by number."""
        numbers = [node.name for node in in_order(self.root) if node.op is None]
        return {i: self.operands[i] for i in numbers if isinstance(i, int)}


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


def applied(statement: Statement) -> Expression:
    """The operation of a statement, applied to its operands."""
    assert statement.op is not None
    arrays = [x for x in statement.operands if isinstance(x, Rows)]
    numbers = count()
    root = statement.op(*[Symbol(next(numbers)) if isinstance(x, Rows) else x for x in statement.operands])
    return Expression(root, tuple(arrays))


def in_order(root: Symbol | float) -> list[Symbol]:
    """The symbols of an expression, each once and after its operands."""
    found: list[Symbol] = []
    seen: set[int] = set()
    stack: list[Symbol | float] = [root]
    while stack:
        symbol = stack[-1]
        if not isinstance(symbol, Symbol) or id(symbol) in seen:
            stack.pop()
            continue
        waiting = [x for x in symbol.operands if isinstance(x, Symbol) and id(x) not in seen]
        if waiting:
            stack += reversed(waiting)
        else:
            seen.add(id(symbol))
            found.append(symbol)
            stack.pop()
    return found


@cache
def formula_of(op: Op, operands: tuple[float | None, ...]) -> Symbol | float | None:
    """The formula of a row as an expression of `Symbol(i)` for each operand i that is None and no constant.

    None if it has none.
    """
    if op.formula is None:
        return None
    root: Symbol | float = op.formula(*[Symbol(i) if x is None else x for i, x in enumerate(operands)])
    return root


def calls_of(
    root: Symbol | float,
    names: Mapping[int, Any],
    function: Callable[[Op], str | None],
    other: Callable[[Op, int], str],
) -> tuple[list[ArrayCall], str | float | int]:
    """The array functions that compute an expression, in order.

    Parameters
    ----------
    root : Symbol or float
        The expression.
    names : mapping
        The names of its operands by number.
    function : callable
        The name of the array function of a row, if there is one. A row without is replaced by its formula.
    other : callable
        The name to call for a row that has neither, given the row and the number of operands.

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

    def run(root: Symbol | float, given: Mapping[Any, Any]) -> Any:
        results: dict[int, Any] = {}
        for symbol in in_order(root):
            op = symbol.op
            if op is None:
                results[id(symbol)] = given[symbol.name]
                continue
            operands = tuple([results[id(x)] if isinstance(x, Symbol) else x for x in symbol.operands])
            name = function(op)
            formula = None if name else formula_of(op, tuple([x if isinstance(x, float) else None for x in operands]))
            if formula is not None:
                results[id(symbol)] = run(formula, dict(enumerate(operands)))
            elif op is ops.TOTAL or op is ops.MEAN or op is ops.DOT:
                raise AssertionError("sums are normalised")
            else:
                results[id(symbol)] = call(name or other(op, len(operands)), operands)
        return results[id(root)] if isinstance(root, Symbol) else root

    result = run(root, names)
    return calls, result


def plus(left: Symbol | float, right: Symbol | float, c: float = 1.0) -> Symbol | float:
    """left + c * right, in the shortest form."""
    if c == -1.0 and not (isinstance(left, float) and left == 0.0):
        return left - right
    if c != 1.0:
        right = -right if c == -1.0 else right * c
    if isinstance(left, float) and left == 0.0:
        return right
    if isinstance(right, float) and right == 0.0:
        return left
    return left + right


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
