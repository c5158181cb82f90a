"""Derivatives along a graph, written as new nodes: the reverse and the forward pass.

Both passes are the chain rule, local derivative times what has come so far, as in `Value.backward()`. But their numbers
are `Value` s: the derivative is a graph again, written in the same operations, which can be drawn, evaluated anew and
differentiated again. No `.grad` changes.

A derivative that is written out should look as one would write it by hand. So the nodes are made by a `Simplifier`, which
leaves out what has no effect (`* 1`, `+ 0`, `** 1`, a choice that is already made) and makes no node twice.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from autograd_lite import ops
from autograd_lite.functions import FloatOrValue
from autograd_lite.graph.chain import edges_backward
from autograd_lite.graph.operators import Arithmetic
from autograd_lite.ops import ADD, MUL, NEG, SUB, Op
from autograd_lite.value import Value, tangents_of


class Simplifier:
    """Applies operations, and makes no node that has no effect or is there already.

    Parameters
    ----------
    nodes : iterable of Value
        A graph whose nodes may be used again.
    """

    __slots__ = ("_known",)

    def __init__(self, nodes: Iterable[Value] = ()) -> None:
        self._known: dict[tuple[Any, ...], Value] = {}  # it keeps them, so that no other node takes their id
        for node in nodes:
            if node.op is not None:
                self._known.setdefault(_key(node.op, node.operands), node)

    def apply(self, op: Op, *operands: FloatOrValue) -> FloatOrValue:
        """The operation of these operands, simplified."""
        if op is MUL:
            return self.multiply(*operands)
        if op is ADD:
            return self.add(*operands)
        if all(isinstance(x, float) for x in operands):
            return op(*operands)  # type: ignore[no-any-return]
        simpler = _SIMPLER.get(op)
        result = None if simpler is None else simpler(self, *operands)
        return self._node(op, operands) if result is None else result

    def multiply(self, x: FloatOrValue, y: FloatOrValue) -> FloatOrValue:
        """The product. A constant factor comes first."""
        if isinstance(x, float):
            return x * y if isinstance(y, float) else self._scale(x, y)
        if isinstance(y, float):
            return self._scale(y, x)
        if x.op is NEG:  # (-x) y = -(x y), and a sum takes in the sign
            return self.negate(self.multiply(x.operands[0], y))
        if y.op is NEG:
            return self.negate(self.multiply(y.operands[0], x))
        return self._node(MUL, (x, y))

    def _scale(self, factor: float, y: Value) -> FloatOrValue:
        if factor == 1.0:
            return y
        if factor == -1.0:
            return self.negate(y)
        if factor == 0.0 and _is_flat(y):  # elsewhere 0 · ∞ must stay nan, as in backward()
            return 0.0
        if y.op is NEG:
            return self.negate(self.multiply(factor, y.operands[0]))
        if y.op is MUL:
            constant, rest = y.operands
            if isinstance(constant, float) and _is_exact(factor, constant):  # 3 (2 x) = 6 x
                return self.multiply(factor * constant, rest)
        return self._node(MUL, (factor, y))

    def add(self, x: FloatOrValue, y: FloatOrValue) -> FloatOrValue:
        """The sum."""
        if isinstance(x, float) and isinstance(y, float):
            return x + y
        if isinstance(y, float):
            return x if y == 0.0 else self._node(ADD, (x, y))
        if isinstance(x, float) and x == 0.0:
            return y
        if y.op is NEG:  # x + (-y) = x - y
            return self.apply(SUB, x, y.operands[0])
        return self._node(ADD, (x, y))

    def negate(self, x: FloatOrValue) -> FloatOrValue:
        """The number with the other sign: -(-x) = x."""
        if isinstance(x, float):
            return -x
        return x.operands[0] if x.op is NEG else self._node(NEG, (x,))

    def _node(self, op: Op, operands: tuple[FloatOrValue, ...]) -> Value:
        """A node, which may be there already."""
        known = self._known
        key = _key(op, operands)
        node = known.get(key)
        if node is None and (op is MUL or op is ADD):
            node = known.get((op, key[2], key[1]))
        elif node is None and op in _RAISING:
            node = known.get((_RAISING[op], *key[1:]))
        if node is None:
            make = _OPERATORS.get(op, op)
            known[key] = node = make(*operands)
        return node

    def partials(self, node: Value) -> Sequence[FloatOrValue]:
        """The local derivatives of a node, written out, one for each operand."""
        op = node.op
        assert op is not None
        operands = node.operands
        if op in _ONLY_SELECTING:
            return op.partials(*operands, node)
        if ops.TABLE.get(op.name) is not op:
            return _users_partials(op, operands, node)
        symbols = [_Symbol(x, self) if isinstance(x, Value) else x for x in operands]
        return [_unwrapped(partial) for partial in op.partials(*symbols, _Symbol(node, self))]


def _subtract(simplifier: Simplifier, x: FloatOrValue, y: FloatOrValue) -> FloatOrValue | None:
    if isinstance(y, float) and y == 0.0:
        return x
    if isinstance(x, float) and x == 0.0:
        return simplifier.negate(y)
    return simplifier.add(x, y.operands[0]) if isinstance(y, Value) and y.op is NEG else None


def _divide(simplifier: Simplifier, x: FloatOrValue, y: FloatOrValue) -> FloatOrValue | None:
    if isinstance(y, float) and y == 1.0:
        return x
    if isinstance(x, Value) and x.op is NEG:
        return simplifier.negate(simplifier.apply(ops.IEEE_DIV, x.operands[0], y))
    return None


def _raise_to(simplifier: Simplifier, x: FloatOrValue, exponent: FloatOrValue) -> FloatOrValue | None:
    if isinstance(exponent, float):
        return x if exponent == 1.0 else 1.0 if exponent == 0.0 else None
    return None


def _choose(simplifier: Simplifier, condition: FloatOrValue, x: FloatOrValue, y: FloatOrValue) -> FloatOrValue | None:
    if isinstance(condition, float):
        return x if condition else y
    return x if x is y else None


# What an operation amounts to without a node of its own, if it does; for products and sums see `Simplifier`.
_SIMPLER: Final[dict[Op, Callable[..., FloatOrValue | None]]] = {
    SUB:          _subtract,   # x - 0 = x        0 - x = -x       x - (-y) = x + y
    NEG:          Simplifier.negate,  # -(-x) = x
    ops.IEEE_DIV: _divide,     # x / 1 = x        (-x) / y = -(x / y)
    ops.IEEE_POW: _raise_to,   # x ** 1 = x       x ** 0 = 1
    ops.WHERE:    _choose,     # of a known condition, or of two equals
}  # fmt: skip

# Quicker ways to call an operation.
_OPERATORS: Final[dict[Op, Callable[..., Any]]] = {ADD: operator.add, SUB: operator.sub, MUL: operator.mul}

# The same operations, but raising: where the graph has such a node, it will do.
_RAISING: Final = {ops.IEEE_DIV: ops.DIV, ops.IEEE_POW: ops.POW, ops.IEEE_LOG: ops.LOG}

# Their local derivatives are operands and constants: nothing is to be simplified.
_ONLY_SELECTING: Final = frozenset({ADD, SUB, MUL, NEG, ops.TOTAL, ops.SUM, ops.MEAN, ops.DOT})


class _Symbol(Arithmetic):
    """A Value as the rules of the table see it: what they do with it goes through the simplifier."""

    __slots__ = ("simplifier", "value")

    def __init__(self, value: Value, simplifier: Simplifier) -> None:
        self.value: Final = value
        self.simplifier: Final = simplifier

    def _record(self, op: Op, operands: tuple[Any, ...]) -> _Symbol | float:
        result = self.simplifier.apply(op, *[_unwrapped(x) for x in operands])
        return _Symbol(result, self.simplifier) if isinstance(result, Value) else result


def _unwrapped(x: Any) -> FloatOrValue:
    return x.value if isinstance(x, _Symbol) else x if isinstance(x, Value) else float(x)


def _users_partials(op: Op, operands: Sequence[FloatOrValue], node: Value) -> list[FloatOrValue]:
    try:
        partials = op.partials(*operands, node)
    except (ArithmeticError, ValueError):  # on floats such a rule counts as nan, so here too
        return [math.nan] * len(operands)
    for partial in partials:
        if not isinstance(partial, (Value, float)):
            raise TypeError(
                f"the partials of {op.name} must be Values or numbers, got {type(partial).__name__}: {partial!r}"
            )
    return list(partials)


def _key(op: Op, operands: Sequence[FloatOrValue]) -> tuple[Any, ...]:
    """What two nodes have in common if they are the same: constants as texts, because 0.0 equals -0.0."""
    return (op, *[id(x) if isinstance(x, Value) else repr(x) for x in operands])


def _is_flat(node: Value) -> bool:
    """Whether no gradient flows through a node, because it is constant between its jumps."""
    return node.op is not None and node.op.is_flat


def _is_exact(x: float, y: float) -> bool:
    """Whether a product with x and y is as good as one with x * y: both are integers, or one only shifts the exponent."""
    if x.is_integer() and y.is_integer():
        return abs(x * y) < 2**53
    moderate = 2.0**-32 < abs(x) < 2.0**32 and 2.0**-32 < abs(y) < 2.0**32
    return moderate and (abs(math.frexp(x)[0]) == 0.5 or abs(math.frexp(y)[0]) == 0.5)


# --- the passes -------------------------------------------------------------------------------------------------------


def reverse(y: Value, xs: Sequence[Value], simplifier: Simplifier) -> list[FloatOrValue]:
    """∂y/∂x for each x, right to left, over the nodes between them."""
    order = y.topological_order()
    between = {id(x) for x in xs}
    children: list[Value] = []  # what has a parent between y and the xs, through which a gradient flows
    for node in order:
        op = node.op
        if op is not None and not op.is_flat:
            for x in node.operands:
                if id(x) in between:
                    between.add(id(node))
                    children.append(node)
                    break
    adjoint: dict[int, FloatOrValue] = {id(y): 1.0}

    def partials(node: Value) -> Sequence[FloatOrValue]:
        return simplifier.partials(node) if id(node) in adjoint else ()

    for child, parent, partial in edges_backward(children, partials):
        at = id(parent)
        if at in between:
            part = simplifier.multiply(partial, adjoint[id(child)])
            adjoint[at] = simplifier.add(adjoint[at], part) if at in adjoint else part
    return [adjoint.get(id(x), 0.0) for x in xs]


def forward(y: Value, direction: Mapping[Value, FloatOrValue], simplifier: Simplifier) -> dict[Value, FloatOrValue]:
    """The derivative of every node that `y` was computed from, along a direction, left to right; zeros are left out."""
    tangent: dict[Value, FloatOrValue] = {}
    for node in y.topological_order():
        moved = direction.get(node)
        if node.op is not None and not _is_flat(node) and any(parent in tangent for parent in node.parents):
            for parent, partial in zip(node.operands, simplifier.partials(node), strict=True):
                if isinstance(parent, Value) and parent in tangent:
                    part = simplifier.multiply(partial, tangent[parent])
                    moved = part if moved is None else simplifier.add(moved, part)
        if moved is not None:
            tangent[node] = moved
    return tangent


def gradients(y: Value, xs: Iterable[Value]) -> list[Value]:
    """The derivatives of `y`, written as new nodes.

    They can be drawn, evaluated again with `forward()` and differentiated again, to any order. No `.grad` changes.

    Parameters
    ----------
    y : Value
        What to differentiate.
    xs : iterable of Value
        With respect to what: leaves, or inner nodes of the graph.

    Returns
    -------
    list of Value
        ∂y/∂x for each x. A derivative that is a node of the graph already, as y is in ∂(x y)/∂x, is that node: read all
        the numbers before you change a leaf. One that is constant is a leaf; where `y` does not depend on x it is 0.

    Raises
    ------
    TypeError
        If `y` or one of the `xs` is not a Value.

    Examples
    --------
    >>> from autograd_lite import Graph
    >>> x = Value(2.0, "x")
    >>> (first,) = gradients(x**3, [x])
    >>> (second,) = gradients(first, [x])
    >>> Graph(first).expression(), Graph(second).expression()
    ('3 * x**2', '6 * x')
    >>> x.data = 5.0
    >>> second.forward()
    30.0
    """
    _check_value(y, "gradients takes a Value to differentiate")
    if isinstance(xs, Value) or not isinstance(xs, Iterable):
        raise TypeError(f"gradients takes a list of Values to differentiate by, got {type(xs).__name__}: {xs!r}")
    xs = list(xs)
    for x in xs:
        _check_value(x, "gradients takes Values to differentiate by")
    derivatives = reverse(y, xs, Simplifier(y.topological_order()))
    return [x if isinstance(x, Value) else Value(x) for x in derivatives]


def tangents(y: Value, direction: Mapping[Value, float]) -> float:
    """The derivative of `y` along a direction, in forward mode: one pass left to right over the graph.

    This is Σ ∂y/∂x · direction[x], the Jacobian-vector product of the graph at hand. (Of a function: `jvp`.)

    Parameters
    ----------
    y : Value
        What to differentiate.
    direction : mapping of Value to number
        How fast each input moves. Inputs that are not named stand still.

    Raises
    ------
    TypeError
        If `y` or a key of `direction` is not a Value, or what stands there is not a number.

    Examples
    --------
    >>> x, y = Value(3.0), Value(4.0)
    >>> tangents(x * y, {x: 1.0}), tangents(x * y, {x: 1.0, y: 2.0})
    (4.0, 10.0)
    """
    _check_value(y, "tangents takes a Value to differentiate (of a function: jvp)")
    if not isinstance(direction, Mapping):
        raise TypeError(
            f"tangents takes a direction as a dict {{x: number}}, got {type(direction).__name__}: {direction!r:.80}"
        )
    for x in direction:
        _check_value(x, "the keys of the direction of tangents are Values")
    return tangents_of([y], list(direction), [Value(number).data for number in direction.values()])[0]


def _check_value(x: object, expected: str) -> None:
    if not isinstance(x, Value):
        raise TypeError(f"{expected}, got {type(x).__name__}: {x!r}")


def substitute(roots: Sequence[FloatOrValue], new: Mapping[Value, FloatOrValue]) -> list[FloatOrValue]:
    """The same expressions, with some nodes replaced."""
    replaced: dict[Value, FloatOrValue] = dict(new)
    everything = ops.TOTAL(*roots)  # one walk for all of them
    for node in everything.topological_order() if isinstance(everything, Value) else ():
        if node not in replaced and node.op is not None and not replaced.keys().isdisjoint(node.parents):
            operands = [replaced.get(x, x) if isinstance(x, Value) else x for x in node.operands]
            replaced[node] = node.op(*operands)
    return [replaced.get(root, root) if isinstance(root, Value) else root for root in roots]
