"""Derivatives along a graph, written as new nodes: the reverse and the forward pass.

Both passes are the chain rule, local derivative times what has come so far, as in `Value.backward()`. But their numbers
are `Value` s: the derivative is a graph again, written in the same operations, which can be drawn, evaluated anew and
differentiated again. No `.grad` changes.

A derivative that is written out should look as one would write it by hand. So the nodes are made by a `Writer`, which
leaves out what has no effect (`* 1`, `+ 0`, `** 1`, a choice that is already made) and makes no node twice.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from autograd_lite import ops
from autograd_lite.graph.operators import Arithmetic
from autograd_lite.ops import Op
from autograd_lite.value import Value, tangents_of

Number = Value | float

# The same operations, but raising: where the graph has such a node, it will do.
_STRICT: Final = {ops.IEEE_DIV: ops.DIV, ops.IEEE_POW: ops.POW, ops.IEEE_LOG: ops.LOG}


def _is_flat(node: Value) -> bool:
    """Whether no gradient flows through a node, because it is constant between its jumps."""
    return node.op is not None and node.op.is_flat


class Writer:
    """Nodes: the rules of the table, written out in Values.

    Parameters
    ----------
    nodes : iterable of Value
        A graph whose nodes may be used again.
    """

    def __init__(self, nodes: Iterable[Value] = ()) -> None:
        self._known: dict[tuple[Any, ...], Value] = {}
        for node in nodes:
            if node.op is not None:
                self._known.setdefault(_key(node.op, node.operands), node)

    def write(self, op: Op, *operands: Number) -> Number:
        """Apply an operation, unless the result is there already."""
        constants = [x for x in operands if isinstance(x, float)]
        if len(constants) == len(operands):
            return op(*operands)  # type: ignore[no-any-return]
        folded = self._fold(op, operands)
        if folded is not None:
            return folded
        if op is ops.MUL and constants:
            operands = (constants[0], operands[0] if isinstance(operands[0], Value) else operands[1])
        key = _key(op, operands)
        node = self._known.get(key)
        if node is None and (op is ops.MUL or op is ops.ADD):
            node = self._known.get(_key(op, operands[::-1]))
        elif node is None and op in _STRICT:
            node = self._known.get(_key(_STRICT[op], operands))
        if node is None:
            node = op(*operands)
            self._known[key] = node
        return node

    def _fold(self, op: Op, operands: tuple[Number, ...]) -> Number | None:
        """What the operation amounts to without a node of its own, if it does."""
        if op is ops.MUL:
            return self._fold_product(*operands)
        if op is ops.ADD or op is ops.SUB:
            return self._fold_sum(op, *operands)
        if op is ops.NEG:
            return _negated(operands[0])
        if op is ops.IEEE_DIV:
            return self._fold_quotient(*operands)
        if op is ops.IEEE_POW and _is(operands[1], 1.0):
            return operands[0]
        if op is ops.IEEE_POW and _is(operands[1], 0.0):
            return 1.0
        if op is ops.WHERE:
            condition, x, y = operands
            if isinstance(condition, float):
                return x if condition else y
            return x if x is y else None
        return None

    def _fold_product(self, x: Number, y: Number) -> Number | None:
        for factor, other in ((x, y), (y, x)):
            if _is(factor, 1.0):
                return other
            if _is(factor, -1.0):
                return self.write(ops.NEG, other)
            # Only of what is always finite: elsewhere 0 * inf must stay nan, as in backward().
            if _is(factor, 0.0) and isinstance(other, Value) and _is_flat(other):
                return 0.0
            negated = _negated(factor)
            if negated is not None:  # (-x) * y is -(x * y), and a sum takes in the sign
                return self.write(ops.NEG, self.write(ops.MUL, negated, other))
            if isinstance(other, Value) and other.op is ops.MUL:
                constant, rest = other.operands
                if isinstance(factor, float) and isinstance(constant, float) and _is_exact(factor, constant):
                    return self.write(ops.MUL, factor * constant, rest)  # 3 * (2 * x), 0.5 * (2 * x)
        return None

    def _fold_quotient(self, x: Number, y: Number) -> Number | None:
        if _is(y, 1.0):
            return x
        negated = _negated(x)
        return None if negated is None else self.write(ops.NEG, self.write(ops.IEEE_DIV, negated, y))

    def _fold_sum(self, op: Op, x: Number, y: Number) -> Number | None:
        if _is(y, 0.0):
            return x
        if _is(x, 0.0):
            return y if op is ops.ADD else self.write(ops.NEG, y)
        negated = _negated(y)
        if negated is not None:  # x + (-y) is x - y
            return self.write(ops.SUB if op is ops.ADD else ops.ADD, x, negated)
        return None

    def multiply(self, x: Number, y: Number) -> Number:
        """The product."""
        return self.write(ops.MUL, x, y)

    def add(self, x: Number, y: Number) -> Number:
        """The sum."""
        return self.write(ops.ADD, x, y)

    def partials(self, node: Value) -> Iterable[tuple[Value, Number]]:
        """Each parent of a node, with the local derivative written out."""
        op = node.op
        assert op is not None
        operands = node.operands
        if ops.TABLE.get(op.name) is op:
            terms = [_Term(x, self) if isinstance(x, Value) else x for x in operands]
            written = [_number(partial) for partial in op.partials(*terms, _Term(node, self))]
        else:
            written = _users_partials(op, operands, node)
        return [(x, partial) for x, partial in zip(operands, written, strict=True) if isinstance(x, Value)]


class _Term(Arithmetic):
    """A Value as the rules of the table see it: what they do with it goes through the writer."""

    __slots__ = ("value", "writer")

    def __init__(self, value: Value, writer: Writer) -> None:
        self.value: Final = value
        self.writer: Final = writer

    def _record(self, op: Op, operands: tuple[Any, ...]) -> _Term | float:
        result = self.writer.write(op, *[_number(x) for x in operands])
        return _Term(result, self.writer) if isinstance(result, Value) else result


def _number(x: Any) -> Number:
    return x.value if isinstance(x, _Term) else x if isinstance(x, Value) else float(x)


def _users_partials(op: Op, operands: Sequence[Number], node: Value) -> list[Number]:
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


def _key(op: Op, operands: Sequence[Number]) -> tuple[Any, ...]:
    for x in operands:
        if isinstance(x, float) and x == 0.0:  # 0.0 and -0.0 are equal, but no equal operands
            return (op, *[repr(x) if isinstance(x, float) else x for x in operands])
    return (op, *operands)


def _is(x: Number, constant: float) -> bool:
    return isinstance(x, float) and x == constant


def _is_exact(x: float, y: float) -> bool:
    """Whether a product with x and y is as good as one with x * y: both are integers, or one only shifts the exponent."""
    if x.is_integer() and y.is_integer():
        return abs(x * y) < 2**53
    moderate = 2.0**-32 < abs(x) < 2.0**32 and 2.0**-32 < abs(y) < 2.0**32
    return moderate and (abs(math.frexp(x)[0]) == 0.5 or abs(math.frexp(y)[0]) == 0.5)


def _negated(x: Number) -> Number | None:
    """The operand of a negation."""
    return x.operands[0] if isinstance(x, Value) and x.op is ops.NEG else None


# --- the passes -------------------------------------------------------------------------------------------------------


def reverse(y: Value, xs: Sequence[Value], writer: Writer) -> list[Number]:
    """∂y/∂x for each x, right to left, over the nodes between them."""
    order = y.topological_order()
    wanted = set(xs)
    between: set[Value] = set()
    for node in order:
        if node in wanted or (not _is_flat(node) and not between.isdisjoint(node.parents)):
            between.add(node)
    adjoint: dict[Value, Number] = {y: 1.0}
    for node in reversed(order):
        if node not in between or between.isdisjoint(node.parents) or node not in adjoint or _is_flat(node):
            continue
        gradient = adjoint[node] if node in wanted else adjoint.pop(node)
        for parent, partial in writer.partials(node):
            if parent in between:
                part = writer.multiply(partial, gradient)
                adjoint[parent] = writer.add(adjoint[parent], part) if parent in adjoint else part
    return [adjoint.get(x, 0.0) for x in xs]


def forward(y: Value, direction: Mapping[Value, Number], writer: Writer) -> dict[Value, Number]:
    """The derivative of every node that `y` was computed from, along a direction, left to right; zeros are left out."""
    tangent: dict[Value, Number] = {}
    for node in y.topological_order():
        moved = direction.get(node)
        if node.op is not None and not _is_flat(node) and any(parent in tangent for parent in node.parents):
            for parent, partial in writer.partials(node):
                if parent in tangent:
                    part = writer.multiply(partial, tangent[parent])
                    moved = part if moved is None else writer.add(moved, part)
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
        If `y` or one of the `xs` is no Value.

    Examples
    --------
    >>> from autograd_lite import Graph
    >>> x = Value(2.0, "x")
    >>> (slope,) = gradients(x**3, [x])
    >>> (curvature,) = gradients(slope, [x])
    >>> Graph(slope).expression(), Graph(curvature).expression()
    ('3 * x**2', '6 * x')
    >>> x.data = 5.0
    >>> curvature.forward()
    30.0
    """
    _check_value(y, "gradients takes a Value to differentiate")
    if isinstance(xs, Value) or not isinstance(xs, Iterable):
        raise TypeError(f"gradients takes a list of Values to differentiate by, got {type(xs).__name__}: {xs!r}")
    xs = list(xs)
    for x in xs:
        _check_value(x, "gradients takes Values to differentiate by")
    derivatives = reverse(y, xs, Writer(y.topological_order()))
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


def substitute(roots: Sequence[Number], new: Mapping[Value, Number]) -> list[Number]:
    """The same expressions, with some nodes replaced."""
    replaced: dict[Value, Number] = dict(new)
    everything = ops.TOTAL(*roots)  # one walk for all of them
    for node in everything.topological_order() if isinstance(everything, Value) else ():
        if node not in replaced and node.op is not None and not replaced.keys().isdisjoint(node.parents):
            operands = [replaced.get(x, x) if isinstance(x, Value) else x for x in node.operands]
            replaced[node] = node.op(*operands)
    return [replaced.get(root, root) if isinstance(root, Value) else root for root in roots]
