"""Value: one node of a computation graph, its arithmetic, and the passes over the graph.

A `Value` is a float that remembers how it was made: the operation (a row of `ops.TABLE`), the parents, and the local
derivative towards each parent. With that, the chain rule is one multiply-add for each edge, and `backward()` is a loop
of them from the result back to the leaves.

Two things keep it fast and safe at any size. A node holds its parents and never its children, so a graph has no
reference cycles and is released as soon as it is dropped. And no pass recurses: each walks the graph with a list.

This file is typed Python that mypyc compiles to a native extension; it runs unchanged, only slower, as plain Python.
"""

from __future__ import annotations

import math
import operator
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, final

from autograd_lite import ops
from autograd_lite._support.mypyc import i64, mypyc_attr
from autograd_lite._support.text import escaped, quoted
from autograd_lite.contexts import current_inspector, is_recording, open_blocks, setting_of, tell_watcher
from autograd_lite.ops import (
    ADD,
    COS,
    DIV,
    DOT,
    EXP,
    LOG,
    MUL,
    NEG,
    POW,
    RELU,
    SIGMOID,
    SIN,
    SQRT,
    SUB,
    TANH,
    Op,
    ieee_divide,
    ieee_power,
    in_words,
    is_number,
    power,
    sigmoid,
)


@final
class _Shared:
    """What all Values of the process share."""

    __slots__ = ("calls", "created", "latest_call", "objector")

    def __init__(self) -> None:
        # How many Values were ever made: while it stands still, no parameter can have been replaced by a new one.
        self.created: i64 = 0
        # How many calls of functions that are differentiated run now, and the number of the latest one. What a leaf is
        # older than, the function did not make itself: it captured the leaf.
        self.calls: i64 = 0
        self.latest_call: i64 = 0
        # Called where such a function takes a Value for a plain number, because no derivative goes through that.
        self.objector: Callable[[str, Value, object], None] | None = None


@final
class _Passes:
    """The passes over graphs: one at a time, because two graphs may share nodes, and a pass writes into its nodes."""

    __slots__ = ("gradients", "lock", "next_mark", "nodes")

    def __init__(self) -> None:
        self.lock = threading.RLock()
        # A pass counts with marks on the nodes, from a base that no earlier pass has reached.
        self.next_mark: i64 = 1
        # Nodes, and the gradients that they get when the pass ends. It may end early: by an interrupt, or because the
        # process is forked by another thread.
        self.nodes: list[Value] = []
        self.gradients: list[float] = []

    def set_aside(self, nodes: list[Value]) -> None:
        """Keep what the nodes hold for the end of the pass, and let their gradients start from zero."""
        self.gradients = [node._grad for node in nodes]
        self.nodes = nodes
        for node in nodes:
            node._grad = 0.0

    def add_what_was_set_aside(self) -> None:
        """Let each node have at the end what the pass computed, added to what it held before.

        This is one assignment: before it an interrupted pass has done nothing, and after it everything.
        """
        self.gradients = [node._grad + held for node, held in zip(self.nodes, self.gradients)]
        for node in self.nodes:
            if node._extra is not None:
                node._extra.changed = False

    def end(self) -> None:
        """Give the nodes their gradients; a second call goes on where an interrupt stopped the first."""
        for node, gradient in zip(self.nodes, self.gradients):
            node._grad = gradient
        self.nodes = []
        self.gradients = []


_shared: Final = _Shared()
_passes: Final = _Passes()

_NO_CLOSURES: Final = (
    "a Value has no _backward: backward() applies the rules of the operations table, and define_op(name, forward, partials)"
    " adds an operation of your own"
)

# Called as any function: an id that mypyc keeps as a number ends the process where there is no memory to show it.
_id: Final[Callable[[object], Any]] = id


def set_objector(objector: Callable[[str, Value, object], None]) -> None:
    """Have `objector("float()", value, None)` or `("==", value, number)` called while a function is differentiated."""
    _shared.objector = objector


def _object_to(what: str, value: Value, other: object) -> None:
    objector = _shared.objector
    if objector is not None:
        objector(what, value, other)


def changed_since_backward(leaf: Value) -> bool:
    """Whether a leaf got other data after the pass that computed its gradient."""
    return leaf._extra is not None and leaf._extra.changed


def count_of_values() -> int:
    """How many Values were made in this process until now."""
    return _shared.created


def add_gradients(nodes: list[Value], gradients: list[float]) -> None:
    """Add to the gradient of each node, as a pass does: while no other pass runs, so that no thread's share is lost."""
    with _passes.lock:
        _passes.gradients = [node._grad + gradient for node, gradient in zip(nodes, gradients)]
        _passes.nodes = nodes
        try:
            _passes.end()
        except BaseException:  # an interrupt: all or nothing
            _passes.end()
            raise


# --- after a fork -----------------------------------------------------------------------------------------------------

_BEYOND: Final = 1 << 40  # more marks than a pass can have set


def _begin_in_child() -> None:
    """Begin in a forked process: the threads of its parent are gone, and with them a pass that one of them ran."""
    if _passes.lock.acquire(False):  # nobody's, or of the thread that forked: its pass goes on
        _passes.lock.release()
        return
    _passes.lock = threading.RLock()
    _passes.next_mark += _BEYOND
    _passes.end()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_in_child)


# The data of a new node, for the operation that makes it.
_BLANK: Final = object()


@final
@mypyc_attr(acyclic=True)
class _Extra:
    """What only some nodes have, kept apart so that the others stay small."""

    __slots__ = ("call", "changed", "factors", "label", "operands", "order", "origin", "partials")

    def __init__(self) -> None:
        self.label: str = ""
        # An operation of a sequence, or of more than two numbers, keeps its operands here (Values and constants) and
        # their partials. `dot` keeps the first factors here and the second ones below, as two tuples: the neurons of a
        # layer share one of them. Its partials are the data of the other factors, and are not stored; its bias has the
        # right slot of the node.
        self.operands: tuple[object, ...] | None = None
        self.factors: tuple[object, ...] | None = None
        self.partials: tuple[float, ...] | None = None
        # The number of the call that made this leaf, if a function that is being differentiated did.
        self.call: i64 = 0
        # Whether this leaf got other data after the pass that computed its gradient.
        self.changed: bool = False
        # The operations to replay, once forward() has been called: without the node itself, which would be a cycle.
        self.order: list[Value] | None = None
        # Where the user's program built the node, if an inspector has noted it.
        self.origin: object = None


@final
@mypyc_attr(acyclic=True)
class Value:
    """A float that remembers how it was made.

    Parameters
    ----------
    data : real number
        An int, bool, float, NumPy scalar or 0-d array, `Fraction` or `Decimal`; kept as a float.
    label : str, optional
        A name for pictures and messages.

    Raises
    ------
    TypeError
        If `data` is anything else.

    Examples
    --------
    >>> w, x, b, y = Value(2.0, "w"), Value(-2.0, "x"), Value(8.0, "b"), Value(2.0, "y")
    >>> J = 0.5 * (w * x + b - y) ** 2
    >>> J.data
    2.0
    >>> J.backward()
    >>> w.grad, b.grad
    (-4.0, 2.0)
    """

    __slots__ = ("_data", "_extra", "_grad", "_left", "_mark", "_partial_left", "_partial_right", "_right", "_row")

    def __init__(self, data: object, label: object = "") -> None:
        self._data: float = 0.0
        self._grad: float = 0.0
        self._row: Op | None = None
        # One or two operands have a slot each: the parent, and the partial towards it. Where the operand is a constant
        # there is no parent, and the constant stands in the place of the partial.
        self._left: Value | None = None
        self._right: Value | None = None
        self._partial_left: float = 0.0
        self._partial_right: float = 0.0
        self._extra: _Extra | None = None
        self._mark: i64 = 0
        _shared.created += 1
        if data is _BLANK:  # an operation fills in the rest
            return
        self._data = data if type(data) is float else _as_float(data, "Value")
        if _shared.calls > 0:
            self._with_extra().call = _shared.latest_call
        if type(label) is not str or label:
            self._set_label(label)

    def __init_subclass__(cls) -> None:
        raise TypeError("Value cannot be subclassed (it is a native class): add an operation with define_op")

    # --- reading and writing ------------------------------------------------------------------------------------------

    @property
    def data(self) -> float:
        """The number itself. After changing a leaf's, call `forward()` on the result."""
        if open_blocks.watching:
            tell_watcher(".data", self)
        return self._data

    @data.setter
    def data(self, data: object) -> None:
        self._data = data if type(data) is float else _as_float(data, "the data of", self)
        if self._row is None:
            self._with_extra().changed = True

    @property
    def grad(self) -> float:
        """The derivative of the last differentiated result with respect to this node; leaves accumulate it."""
        if open_blocks.watching:
            tell_watcher(".grad", self)
        return self._grad

    @grad.setter
    def grad(self, grad: object) -> None:
        if grad is None:  # as other libraries clear it
            grad = 0.0
        self._grad = grad if type(grad) is float else _as_float(grad, "the grad of", self)

    @property
    def label(self) -> str:
        """A name for pictures and messages; empty if there is none."""
        return "" if self._extra is None else self._extra.label

    @label.setter
    def label(self, label: object) -> None:
        self._set_label(label)

    def _set_label(self, label: object) -> None:
        if not isinstance(label, str):
            raise TypeError(f"a label is a str, got {type(label).__name__}: {label!r:.80}")
        self._with_extra().label = label

    @property
    def op(self) -> Op | None:
        """The row of the operations table that made this node; None on a leaf."""
        return self._row

    @property
    def is_leaf(self) -> bool:
        """Whether this node is an input of the graph: made from a number, not by an operation."""
        return self._row is None

    @property
    def operands(self) -> tuple[Value | float, ...]:
        """What the operation was applied to: parents as `Value` s, constants as floats."""
        operands, _ = self._edges()
        return operands

    @property
    def parents(self) -> tuple[Value, ...]:
        """The operands that are `Value` s, in order; the same one twice in `x * x`."""
        return tuple([operand for operand in self.operands if isinstance(operand, Value)])

    @property
    def partials(self) -> tuple[float, ...]:
        """The local derivatives ∂self/∂parent, in the order of `parents`."""
        if open_blocks.watching:
            tell_watcher(".partials", self)
        operands, partials = self._edges()
        return tuple([partial for operand, partial in zip(operands, partials) if isinstance(operand, Value)])

    def _edges(self) -> tuple[tuple[Value | float, ...], tuple[float, ...]]:
        """Operands and partials side by side, whichever way this node stores them."""
        op = self._row
        if op is None:
            return (), ()
        extra = self._extra
        if extra is not None and extra.operands is not None:
            operands: Any = extra.operands
            if extra.factors is not None:
                bias = self._partial_right if self._right is None else self._right
                operands = (*operands, *extra.factors, bias)
                return operands, op.partials(*[_data_of(x) for x in operands], self._data)
            return operands, extra.partials or ()
        left: Value | float = self._partial_left if self._left is None else self._left
        if op.arity == 1:
            return (left,), (self._partial_left,)
        right: Value | float = self._partial_right if self._right is None else self._right
        return (left, right), (self._partial_left, self._partial_right)

    def _with_extra(self) -> _Extra:
        extra = self._extra
        if extra is None:
            extra = _Extra()
            self._extra = extra
        return extra

    # --- behaving like a float ----------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        if open_blocks.watching:
            tell_watcher("the text", self)
        label = f", label={quoted(self.label)}" if self.label else ""
        return f"Value(data={self._data!r}, grad={self._grad!r}{label})"

    def __format__(self, spec: Any) -> str:
        if open_blocks.watching:
            tell_watcher("the text", self)
        return format(self._data, spec) if spec else repr(self)

    def __float__(self) -> float:
        if open_blocks.watching:
            tell_watcher("float()", self)
        if _shared.calls > 0:
            _object_to("float()", self, None)
        return self._data

    def __int__(self) -> Any:
        if open_blocks.watching:
            tell_watcher("float()", self)
        if _shared.calls > 0:
            _object_to("int()", self, None)
        data: Any = self._data  # whose int() has any size
        return data.__int__()

    def __bool__(self) -> bool:
        if open_blocks.watching:
            tell_watcher("bool()", self)
        return self._data != 0.0

    def __trunc__(self) -> Any:
        return self.__int__()

    def __round__(self, digits: Any = None) -> Any:
        if open_blocks.watching:
            tell_watcher("float()", self)
        if _shared.calls > 0:
            _object_to("round()", self, None)
        data: Any = self._data
        return round(data, digits)

    def is_integer(self) -> bool:
        """Whether the number has no fraction, as of a float."""
        return float(self) % 1.0 == 0.0

    def as_integer_ratio(self) -> Any:
        """Two integers whose ratio is the number, as of a float."""
        number: Any = float(self)
        return number.as_integer_ratio()

    @property
    def real(self) -> Value:
        """The Value itself, as of a float."""
        return self

    @property
    def imag(self) -> float:
        """0.0, as of a float."""
        return 0.0

    def conjugate(self) -> Value:
        """Return the Value itself, as a float does."""
        return self

    def __hash__(self) -> int:
        if open_blocks.watching:
            tell_watcher("hash()", self)
        return object.__hash__(self)

    def __eq__(self, other: object) -> bool:
        if open_blocks.watching and is_number(other):
            tell_watcher("comparison", self)
        if _shared.calls > 0 and is_number(other):
            _object_to("==", self, other)
        return self is other

    def __lt__(self, other: object) -> Any:
        if isinstance(other, Value):
            if open_blocks.watching:
                tell_watcher("comparison", self)
            return self._data < other._data
        return _compare(operator.lt, self, other)

    def __le__(self, other: object) -> Any:
        if isinstance(other, Value):
            if open_blocks.watching:
                tell_watcher("comparison", self)
            return self._data <= other._data
        return _compare(operator.le, self, other)

    def __gt__(self, other: object) -> Any:
        if isinstance(other, Value):
            if open_blocks.watching:
                tell_watcher("comparison", self)
            return self._data > other._data
        return _compare(operator.gt, self, other)

    def __ge__(self, other: object) -> Any:
        if isinstance(other, Value):
            if open_blocks.watching:
                tell_watcher("comparison", self)
            return self._data >= other._data
        return _compare(operator.ge, self, other)

    # --- arithmetic ---------------------------------------------------------------------------------------------------
    # The rows of the table for + - * are written out for speed, here and in `_evaluate`, with a few more; a test holds
    # them equal to their rows. `Any` is what a stranger's class answers (an array of Values, say) when we leave the
    # operation to it.

    def __add__(self, other: object) -> Value | Any:
        if isinstance(other, Value):
            return _node(ADD, self._data + other._data, self, 1.0, other, 1.0)
        if type(other) is float:
            return _node(ADD, self._data + other, self, 1.0, None, other)
        return _operate(ADD, self, other)

    def __radd__(self, other: object) -> Value | Any:
        if type(other) is float:
            return _node(ADD, other + self._data, None, other, self, 1.0)
        return _operate(ADD, other, self)

    def __sub__(self, other: object) -> Value | Any:
        if isinstance(other, Value):
            return _node(SUB, self._data - other._data, self, 1.0, other, -1.0)
        if type(other) is float:
            return _node(SUB, self._data - other, self, 1.0, None, other)
        return _operate(SUB, self, other)

    def __rsub__(self, other: object) -> Value | Any:
        if type(other) is float:
            return _node(SUB, other - self._data, None, other, self, -1.0)
        return _operate(SUB, other, self)

    def __mul__(self, other: object) -> Value | Any:
        if isinstance(other, Value):
            return _node(MUL, self._data * other._data, self, other._data, other, self._data)
        if type(other) is float:
            return _node(MUL, self._data * other, self, other, None, other)
        return _operate(MUL, self, other)

    def __rmul__(self, other: object) -> Value | Any:
        if type(other) is float:
            return _node(MUL, other * self._data, None, other, self, other)
        return _operate(MUL, other, self)

    def __truediv__(self, other: object) -> Value | Any:
        if isinstance(other, Value) and other._data != 0.0:
            z = self._data / other._data
            return _node(DIV, z, self, 1.0 / other._data, other, -(z / other._data))
        if type(other) is float and other != 0.0:
            return _node(DIV, self._data / other, self, 1.0 / other, None, other)
        return _operate(DIV, self, other)

    def __rtruediv__(self, other: object) -> Value | Any:
        if type(other) is float and self._data != 0.0:
            z = other / self._data
            return _node(DIV, z, None, other, self, -(z / self._data))
        return _operate(DIV, other, self)

    def __mod__(self, other: object) -> Value | Any:
        return _operate(ops.MOD, self, other)

    def __rmod__(self, other: object) -> Value | Any:
        return _operate(ops.MOD, other, self)

    def __floordiv__(self, other: object) -> Value | Any:
        return _operate(ops.FLOOR_DIVIDE, self, other)

    def __rfloordiv__(self, other: object) -> Value | Any:
        return _operate(ops.FLOOR_DIVIDE, other, self)

    def __divmod__(self, other: object) -> Any:
        return _divide(self, other)

    def __rdivmod__(self, other: object) -> Any:
        return _divide(other, self)

    def __pow__(self, other: object) -> Value | Any:
        return _operate(POW, self, other)

    def __rpow__(self, other: object) -> Value | Any:
        return _operate(POW, other, self)

    def __neg__(self) -> Value:
        return _node(NEG, -self._data, self, -1.0, None, 0.0)

    def __pos__(self) -> Value:
        return self

    def __abs__(self) -> Value:
        return _apply_unary(ops.ABS, self)

    # --- passes over the graph ----------------------------------------------------------------------------------------

    def backward(self, gradient: object = 1.0) -> None:
        """Compute ∂self/∂node for every node of the graph, right to left.

        Leaves accumulate: what they held before is added to the result, so that a second call doubles it. Inner nodes
        hold the derivative of this pass alone.

        Parameters
        ----------
        gradient : float
            What to start from: the derivative of some outer quantity with respect to this node.

        Examples
        --------
        >>> x = Value(3.0)
        >>> (x * x).backward()
        >>> x.grad
        6.0
        """
        if open_blocks.watching:
            tell_watcher("backward()", self)
        seed = _as_float(gradient, "the gradient given to backward()")
        with _passes.lock:
            order = self._known_order()
            try:
                _passes.set_aside(self._count_uses(True) if order is None else _clear_gradients(order))
                self._grad = seed
                if order is None:
                    self._send_gradients()
                else:
                    self._send_gradients_in_order(order)
                _passes.add_what_was_set_aside()
                _passes.end()
            except BaseException:  # an interrupt: each leaf gets the whole pass or nothing, and keeps what it held
                _passes.end()
                raise

    def _count_uses(self, clears: bool) -> list[Value]:
        """Count for each node of the graph how often it is an operand; return the leaves.

        The count stands in the node's mark, above a base that no earlier pass has reached: so marks need no clearing,
        and a pass that was interrupted does no harm. This node's own mark is the base.

        Parameters
        ----------
        clears : bool
            Whether to set the gradients of inner nodes to zero on the way.
        """
        base = _passes.next_mark
        leaves: list[Value] = []
        waiting: list[Value] = []  # of the parents that a node meets first, the last is simply the next node
        node = self
        self._mark = base
        while True:
            _passes.next_mark += 2  # above all marks, also where an interrupt ends the pass
            following: Value | None = None
            if node._row is None:
                leaves.append(node)
            elif clears:
                node._grad = 0.0
            left = node._left
            if left is not None:
                mark = left._mark
                if mark > base:
                    left._mark = mark + 1
                else:
                    left._mark = base + 1
                    following = left
            right = node._right
            if right is not None:
                mark = right._mark
                if mark > base:
                    right._mark = mark + 1
                else:
                    right._mark = base + 1
                    if following is not None:
                        waiting.append(following)
                    following = right
            extra = node._extra
            if extra is not None and extra.operands is not None:
                _use_all(extra.operands, base, waiting)
                if extra.factors is not None:
                    _use_all(extra.factors, base, waiting)
            if following is not None:
                node = following
            elif waiting:
                node = waiting.pop()
            else:
                return leaves

    def _send_gradients(self) -> None:
        """Send gradients from each node to its parents, in the order that the counts of uses give (Kahn's algorithm).

        A node is ready once all that was made from it has sent its share: then no use of it is left.
        """
        inspector = current_inspector()
        base = self._mark
        ready: list[Value] = []
        node = self
        while True:
            grad = node._grad
            following: Value | None = None
            left = node._left
            if left is not None:
                left._grad += node._partial_left * grad
                mark = left._mark - 1
                left._mark = mark
                if mark == base:
                    following = left
            extra = node._extra
            if extra is not None and extra.operands is not None:
                _send_gradient_of_sequence(extra, grad)
                _count_down_sequence(extra, base, ready)
            right = node._right
            if right is not None:
                right._grad += node._partial_right * grad
                mark = right._mark - 1
                right._mark = mark
                if mark == base:
                    if following is not None:
                        ready.append(following)
                    following = right
            if inspector is not None:
                inspector("backward", node)
            if following is not None:
                node = following
            elif ready:
                node = ready.pop()
            else:
                break

    def _send_gradients_in_order(self, order: list[Value]) -> None:
        """Send gradients from each node to its parents, right to left through a known order."""
        inspector = current_inspector()
        _send_gradient(self)
        if inspector is not None:
            inspector("backward", self)
        for node in reversed(order):
            if node._row is not None:
                _send_gradient(node)
            if inspector is not None:
                inspector("backward", node)

    def forward(self) -> float:
        """Compute the graph again, left to right, from the data that its leaves have now.

        Returns
        -------
        float
            The new data of this node.

        Raises
        ------
        ValueError, ZeroDivisionError, OverflowError
            As the operations do. Mend the leaf and call again.

        Examples
        --------
        >>> w = Value(2.0)
        >>> J = w**2
        >>> w.data = 3.0
        >>> J.forward()
        9.0
        """
        if open_blocks.watching:
            tell_watcher("forward()", self)
        if self._row is None:
            return self._data
        with _passes.lock:
            extra = self._with_extra()
            if extra.order is None:
                extra.order = self._ancestors()
            inspector = current_inspector()
            for node in extra.order:
                if node._row is not None:
                    _evaluate(node, node._row)
                    if inspector is not None:
                        inspector("forward", node)
            _evaluate(self, self._row)
            if inspector is not None:
                inspector("forward", self)
        return self._data

    def zero_grad(self) -> None:
        """Set the gradient of every node of the graph to zero."""
        with _passes.lock:
            for leaf in self._count_uses(True):
                leaf._grad = 0.0

    def detach(self) -> Value:
        """Return a leaf with the same data, outside the graph."""
        if open_blocks.watching:
            stopped = tell_watcher("detach()", self)
            if isinstance(stopped, Value):
                return stopped
        return Value(self._data)

    def topological_order(self) -> list[Value]:
        """Return all nodes of the graph, each after its parents; this one is the last."""
        return [*self._ancestors(), self]

    def _known_order(self) -> list[Value] | None:
        """What `_ancestors` has found for `forward()`; None before."""
        return None if self._extra is None else self._extra.order

    def _ancestors(self) -> list[Value]:
        """All nodes that this one was computed from, each after its parents: the order of `_send_gradients`, reversed."""
        known = self._known_order()
        if known is not None:
            return known
        with _passes.lock:
            self._count_uses(False)
            base = self._mark
            order: list[Value] = []
            ready: list[Value] = [self]
            while ready:
                node = ready.pop()
                order.append(node)
                _count_down(node, base, ready)
        order.reverse()
        order.pop()
        return order

    # --- copies -------------------------------------------------------------------------------------------------------

    def __copy__(self) -> Value:
        return _restore(None, *self._state())

    def __deepcopy__(self, memo: Any) -> Value:
        for node in self.topological_order():
            if _id(node) not in memo:
                op, data, grad, label, operands, partials = node._state()
                copies = tuple([memo[_id(x)] if isinstance(x, Value) else x for x in operands])
                memo[_id(node)] = _restore(None, op, data, grad, label, copies, partials)
        copy: Value = memo[_id(self)]
        return copy

    def __reduce__(self) -> tuple[Any, ...]:
        # A pickler recurses into what a node refers to. So the ancestors come first, oldest first: each then refers
        # only to nodes that the pickler has seen, at any depth of the graph.
        flat: set[int] = getattr(_pickling, "nodes", set())
        ancestors = None if _id(self) in flat or self._row is None else _Ancestors(self._ancestors())
        return _restore, (ancestors, *self._state())

    def _state(self) -> tuple[Op | None, float, float, str, tuple[Value | float, ...], tuple[float, ...]]:
        operands, partials = self._edges()
        return self._row, self._data, self._grad, self.label, operands, partials

    # --- the functions of one or two numbers, as methods --------------------------------------------------------------

    def exp(self) -> Value:
        """The exponential, e to the power of self."""
        return _apply_unary(ops.EXP, self)

    def expm1(self) -> Value:
        """exp(self) - 1, exact near 0."""
        return _apply_unary(ops.EXPM1, self)

    def log(self) -> Value:
        """The natural logarithm."""
        return _apply_unary(ops.LOG, self)

    def exp2(self) -> Value:
        """2 to the power of self."""
        return _apply_unary(ops.EXP2, self)

    def log2(self) -> Value:
        """The logarithm to the base 2."""
        return _apply_unary(ops.LOG2, self)

    def log10(self) -> Value:
        """The logarithm to the base 10."""
        return _apply_unary(ops.LOG10, self)

    def log1p(self) -> Value:
        """log(1 + self), exact near 0."""
        return _apply_unary(ops.LOG1P, self)

    def sqrt(self) -> Value:
        """The square root."""
        return _apply_unary(ops.SQRT, self)

    def cbrt(self) -> Value:
        """The cube root, of negative numbers too."""
        return _apply_unary(ops.CBRT, self)

    def sin(self) -> Value:
        """The sine (self in radians)."""
        return _apply_unary(ops.SIN, self)

    def cos(self) -> Value:
        """The cosine (self in radians)."""
        return _apply_unary(ops.COS, self)

    def tan(self) -> Value:
        """The tangent (self in radians)."""
        return _apply_unary(ops.TAN, self)

    def asin(self) -> Value:
        """The inverse sine, in radians."""
        return _apply_unary(ops.ASIN, self)

    def acos(self) -> Value:
        """The inverse cosine, in radians."""
        return _apply_unary(ops.ACOS, self)

    def atan(self) -> Value:
        """The inverse tangent, in radians."""
        return _apply_unary(ops.ATAN, self)

    def sinh(self) -> Value:
        """The hyperbolic sine."""
        return _apply_unary(ops.SINH, self)

    def cosh(self) -> Value:
        """The hyperbolic cosine."""
        return _apply_unary(ops.COSH, self)

    def tanh(self) -> Value:
        """The hyperbolic tangent."""
        return _apply_unary(ops.TANH, self)

    def asinh(self) -> Value:
        """The inverse hyperbolic sine."""
        return _apply_unary(ops.ASINH, self)

    def acosh(self) -> Value:
        """The inverse hyperbolic cosine."""
        return _apply_unary(ops.ACOSH, self)

    def atanh(self) -> Value:
        """The inverse hyperbolic tangent."""
        return _apply_unary(ops.ATANH, self)

    def erf(self) -> Value:
        """The error function."""
        return _apply_unary(ops.ERF, self)

    def erfc(self) -> Value:
        """1 - erf(self), exact for large numbers too."""
        return _apply_unary(ops.ERFC, self)

    def sign(self) -> Value:
        """1.0 above 0, -1.0 below, 0.0 at 0; its derivative is 0."""
        return _apply_unary(ops.SIGN, self)

    def sigmoid(self) -> Value:
        """1 / (1 + exp(-self)), stable for large numbers."""
        return _apply_unary(ops.SIGMOID, self)

    def softplus(self) -> Value:
        """log(1 + exp(self)), stable for large numbers."""
        return _apply_unary(ops.SOFTPLUS, self)

    def relu(self) -> Value:
        """max(self, 0), with derivative 0 at 0."""
        return _apply_unary(ops.RELU, self)

    def leaky_relu(self) -> Value:
        """The number itself where positive, else 0.01 * self."""
        return _apply_unary(ops.LEAKY_RELU, self)

    def elu(self) -> Value:
        """The number itself where positive, else exp(self) - 1."""
        return _apply_unary(ops.ELU, self)

    def silu(self) -> Value:
        """The sigmoid linear unit, self * sigmoid(self)."""
        return _apply_unary(ops.SILU, self)

    def gelu(self) -> Value:
        """The Gaussian error linear unit, self times the normal distribution function of self."""
        return _apply_unary(ops.GELU, self)

    def atan2(self, other: object) -> Value:
        """The angle of the point (other, self), in radians."""
        return _apply_binary(ops.ATAN2, self, other)

    def hypot(self, other: object) -> Value:
        """sqrt(self**2 + other**2), without overflow."""
        return _apply_binary(ops.HYPOT, self, other)

    def maximum(self, other: object) -> Value:
        """The larger of the two; at a tie each takes half of the gradient."""
        return _apply_binary(ops.MAXIMUM, self, other)

    def minimum(self, other: object) -> Value:
        """The smaller of the two; at a tie each takes half of the gradient."""
        return _apply_binary(ops.MINIMUM, self, other)

    def greater(self, other: object) -> Value:
        """1.0 if self > other, else 0.0; its derivative is 0."""
        return _apply_binary(ops.GREATER, self, other)

    def less(self, other: object) -> Value:
        """1.0 if self < other, else 0.0; its derivative is 0."""
        return _apply_binary(ops.LESS, self, other)

    def equal(self, other: object) -> Value:
        """1.0 if self and other are equal numbers, else 0.0; its derivative is 0."""
        return _apply_binary(ops.EQUAL, self, other)

    def clip(self, low: object = None, high: object = None, out: None = None) -> Value:
        """Self, limited to the interval from `low` to `high`; None means no bound (`out` is there for `np.clip`)."""
        low = -math.inf if low is None else low
        return record_sequence(ops.CLIP, (self, low, math.inf if high is None else high))

    def abs(self) -> Value:
        """The absolute value, `abs(self)`."""
        return _apply_unary(ops.ABS, self)

    def pow(self, exponent: object) -> Value:
        """The power, `self**exponent`."""
        return _apply_binary(POW, self, exponent)

    # --- NumPy, and other libraries' names ----------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        # NumPy comes here with each of its functions that is given a Value itself (and not in an array of objects).
        return _apply_ufunc(ufunc, method, inputs, options)

    # NumPy applies a function to an array of objects by calling the method of its name, and some names are its own. (A
    # `__getattr__` would know them in one line. But with it Python looks up every other attribute the long way, too:
    # 300 instructions more for each call of a method.)

    def arcsin(self) -> Value:
        """NumPy's name of `asin`."""
        return self.asin()

    def arccos(self) -> Value:
        """NumPy's name of `acos`."""
        return self.acos()

    def arctan(self) -> Value:
        """NumPy's name of `atan`."""
        return self.atan()

    def arcsinh(self) -> Value:
        """NumPy's name of `asinh`."""
        return self.asinh()

    def arccosh(self) -> Value:
        """NumPy's name of `acosh`."""
        return self.acosh()

    def arctanh(self) -> Value:
        """NumPy's name of `atanh`."""
        return self.atanh()

    def arctan2(self, other: object) -> Value:
        """NumPy's name of `atan2`."""
        return self.atan2(other)

    @property
    def _prev(self) -> set[Value]:
        """The parents, as a set (micrograd's name)."""
        return set(self.parents)

    @property
    def _children(self) -> tuple[Value, ...]:
        """The parents (microgpt's name)."""
        return self.parents

    @property
    def _op(self) -> str:
        """The symbol of the operation; empty on a leaf (micrograd's name)."""
        return "" if self._row is None else self._row.symbol

    @property
    def _backward(self) -> Any:
        """Not there: micrograd's closures are a table of rules here."""
        raise AttributeError(_NO_CLOSURES)

    @_backward.setter
    def _backward(self, rule: Any) -> None:
        raise AttributeError(_NO_CLOSURES)

    def _record(self, op: Op, operands: tuple[object, ...]) -> Value:
        """Apply any row to any operands; `Op.__call__` comes here when one of them is a Value."""
        if op.arity == 1:
            return _apply_unary(op, self)
        if op.arity == 2:
            return _apply_binary(op, operands[0], operands[1])
        return record_sequence(op, operands)


def _compare(relation: Callable[[Any, Any], Any], value: Value, other: object) -> Any:
    """Compare with a number as a float does: exactly, whatever the size of an int; leave the rest to `other`."""
    if open_blocks.watching:
        tell_watcher("comparison", value)
    return bool(relation(value._data, _python_number(other))) if is_number(other) else NotImplemented


def _python_number(x: Any) -> Any:
    """The same number without NumPy, which compares large ints as floats and asks Values to compare in turn."""
    if hasattr(x, "dtype"):
        x = x.item()
    return float(x) if hasattr(x, "dtype") else x  # a longdouble is its own item


def _as_float(number: Any, what: str, node: Value | None = None) -> float:
    """Return a real number as a float; `what` and `node` say in the error what it was meant for."""
    if is_number(number):
        return float(number)
    if getattr(number, "ndim", None) == 0 and hasattr(number, "item"):  # another library's tensor of one number
        item = number.item()
        if isinstance(item, (float, int)):
            return float(item)
    kind = type(number).__name__
    if isinstance(number, Value):
        hint = "use it as it is, or detach() it for a leaf with the same data"
    elif isinstance(number, str):
        hint = "convert it with float(...) first"
    elif isinstance(number, complex):
        hint = "take its .real or .imag part"
    elif hasattr(number, "__len__"):
        hint = "make one Value for each element"
    else:
        hint = "give an int, a float or another real number"
    shown = repr(number)
    if node is not None:
        what = f"{what} {node!r}"
    raise TypeError(f"{what} takes a real number, got {kind} {shown if len(shown) < 80 else '...'}: {hint}")


# --- making nodes -----------------------------------------------------------------------------------------------------


def _node(
    op: Op, data: float, left: Value | None, partial_left: float, right: Value | None, partial_right: float
) -> Value:
    """Make the node of an operation whose result and partials are known already."""
    node = Value(_BLANK)
    node._data = data
    node._row = op
    node._left = left
    node._right = right
    node._partial_left = partial_left
    node._partial_right = partial_right
    if open_blocks.count > 0:
        _settle(node)
    return node


def _settle(node: Value) -> None:
    """Do with a new node what the contexts that are open ask for: show it to the inspector, make it a leaf."""
    inspector = setting_of("inspector")
    if inspector is not None:
        inspector("build", node)
    if not is_recording() and (not open_blocks.watching or not tell_watcher("no_grad()", node)):
        node._row = None
        node._left = None
        node._right = None
        node._partial_left = 0.0
        node._partial_right = 0.0
        node._extra = None
        if _shared.calls > 0:
            node._with_extra().call = _shared.latest_call


def _apply(op: Op, left: Value | None, left_constant: float, right: Value | None, right_constant: float) -> Value:
    """Make the node of a row with one or two operands; a constant counts where there is no parent."""
    node = Value(_BLANK)
    node._row = op
    node._left = left
    node._right = right
    node._partial_left = left_constant
    node._partial_right = right_constant
    _evaluate(node, op)
    if open_blocks.count > 0:
        _settle(node)
    return node


def _apply_unary(op: Op, x: Value) -> Value:
    return _apply(op, x, 0.0, None, 0.0)


def _operate(op: Op, left: object, right: object) -> Any:
    """Apply an operator of Python; where an operand is neither a Value nor a number, leave it to that operand."""
    if (isinstance(left, Value) or is_number(left)) and (isinstance(right, Value) or is_number(right)):
        return _apply_binary(op, left, right)
    return NotImplemented


def _divide(left: object, right: object) -> Any:
    """What `divmod` gives: the whole quotient and the remainder."""
    quotient = _operate(ops.FLOOR_DIVIDE, left, right)
    return quotient if quotient is NotImplemented else (quotient, _operate(ops.MOD, left, right))


def _apply_binary(op: Op, left: object, right: object) -> Value:
    parent_left: Value | None = None
    parent_right: Value | None = None
    constant_left = 0.0
    constant_right = 0.0
    if isinstance(left, Value):
        parent_left = left
    else:
        constant_left = _as_float(left, op.name)
    if isinstance(right, Value):
        parent_right = right
    else:
        constant_right = _as_float(right, op.name)
    return _apply(op, parent_left, constant_left, parent_right, constant_right)


def apply_dot(a: Iterable[object], b: Iterable[object], bias: object) -> Any:
    """Apply `dot`: bias + a₁b₁ + … + aₙbₙ."""
    left = tuple(a)
    right = tuple(b)
    if len(left) != len(right):
        raise ValueError(f"dot takes two sequences of the same length, got {len(left)} and {len(right)} numbers")
    if isinstance(bias, Value) or _has_value(left) or _has_value(right):
        return _record_dot(left, right, bias)
    return DOT(*left, *right, bias)


def _has_value(operands: tuple[object, ...]) -> bool:
    for operand in operands:
        if isinstance(operand, Value):
            return True
    return False


def _record_dot(left: tuple[object, ...], right: tuple[object, ...], bias: object) -> Value:
    node = Value(_BLANK)
    node._row = DOT
    _keep_factors(node, left, right, bias)
    has_floats = True
    try:
        node._data = _dot(left, right, node._partial_right if node._right is None else node._right._data)
    except TypeError:
        has_floats = False
    if not has_floats:  # some constant is another number, or none
        _keep_factors(node, _constants_as_floats(DOT, left), _constants_as_floats(DOT, right), bias)
        _evaluate(node, DOT)
    if open_blocks.count > 0:
        _settle(node)
    return node


def _keep_factors(node: Value, left: tuple[object, ...], right: tuple[object, ...], bias: object) -> None:
    """Let a node of `dot` have these operands."""
    if isinstance(bias, Value):
        node._right = bias
        node._partial_right = 1.0
    else:
        node._partial_right = _as_float(bias, DOT.name)
    extra = node._with_extra()
    extra.operands = left
    extra.factors = right


def apply_to_sequence(op: Op, operands: tuple[object, ...]) -> Any:
    """Apply a row that takes a sequence, or more than two operands: a node if one of them is a Value."""
    return record_sequence(op, operands) if _has_value(operands) else op(*operands)


def record_sequence(op: Op, operands: tuple[object, ...]) -> Value:
    """Make the node of a row that takes a sequence, or more than two operands."""
    if op is DOT:
        n = len(operands) // 2
        return _record_dot(operands[:n], operands[n : 2 * n], operands[2 * n])
    node = Value(_BLANK)
    node._row = op
    node._with_extra().operands = _constants_as_floats(op, operands)
    _evaluate(node, op)
    if open_blocks.count > 0:
        _settle(node)
    return node


def _constants_as_floats(op: Op, operands: tuple[object, ...]) -> tuple[object, ...]:
    for operand in operands:
        if not isinstance(operand, Value) and type(operand) is not float:
            return tuple([x if isinstance(x, Value) else _as_float(x, op.name) for x in operands])
    return operands


# --- NumPy's functions ------------------------------------------------------------------------------------------------

_COMPARISONS: Final = {
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
    "equal": operator.eq,
    "not_equal": operator.ne,
}


def _apply_ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Apply a function of NumPy that was given a Value.

    Of numbers alone it is the operation of the table with that name, or Python's comparison; with an array it is applied
    to each element, which for an array of objects calls the method of that name.
    """
    import numpy

    operands: list[Any] = [x[()] if isinstance(x, numpy.ndarray) and x.ndim == 0 else x for x in inputs]
    operands = [_python_number(x) if is_number(x) else x for x in operands]  # NumPy's own would come back here
    are_numbers = True
    for x in operands:
        are_numbers = are_numbers and (isinstance(x, Value) or is_number(x))
    if method == "__call__" and not options and are_numbers:
        name = ufunc.__name__
        if name in _COMPARISONS:
            return _COMPARISONS[name](*operands)
        if name == "divmod":
            return _divide(*operands)
        op = ops.TABLE.get(_TABLE_NAMES.get(name, name))
        if op is not None and op.public and op.arity == len(operands):
            return op(*operands)
    for i, x in enumerate(operands):
        if isinstance(x, Value):
            operands[i] = numpy.empty((), dtype=object)
            operands[i][()] = x
    return getattr(ufunc, method)(*operands, **options)


# NumPy's names of operations that the table calls otherwise.
_TABLE_NAMES: Final = {
    "subtract": "sub",
    "multiply": "mul",
    "divide": "div",
    "power": "pow",
    "float_power": "pow",
    "negative": "neg",
    "absolute": "abs",
    "fabs": "abs",
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "arcsinh": "asinh",
    "arccosh": "acosh",
    "arctanh": "atanh",
    "arctan2": "atan2",
    "remainder": "mod",
}


# --- one node of a pass -----------------------------------------------------------------------------------------------


def _use_all(operands: tuple[object, ...], base: i64, waiting: list[Value]) -> None:
    """Count one use of each operand that is a Value; the list takes those that are met for the first time."""
    _passes.next_mark += len(operands)
    for operand in operands:
        if isinstance(operand, Value):
            mark = operand._mark
            if mark > base:
                operand._mark = mark + 1
            else:
                operand._mark = base + 1
                waiting.append(operand)


def _count_down(node: Value, base: i64, ready: list[Value]) -> None:
    """Take one use of each parent; one without further uses is ready."""
    left = node._left
    if left is not None:
        left._mark -= 1
        if left._mark == base:
            ready.append(left)
    extra = node._extra
    if extra is not None and extra.operands is not None:
        _count_down_sequence(extra, base, ready)
    right = node._right
    if right is not None:
        right._mark -= 1
        if right._mark == base:
            ready.append(right)


def _count_down_sequence(extra: _Extra, base: i64, ready: list[Value]) -> None:
    if extra.operands is not None:
        _count_down_all(extra.operands, base, ready)
    if extra.factors is not None:
        _count_down_all(extra.factors, base, ready)


def _count_down_all(operands: tuple[object, ...], base: i64, ready: list[Value]) -> None:
    for operand in operands:
        if isinstance(operand, Value):
            mark = operand._mark - 1
            operand._mark = mark
            if mark == base:
                ready.append(operand)


def _send_gradient(node: Value) -> None:
    """The chain rule at one node: add partial times gradient to each parent's gradient."""
    grad = node._grad
    left = node._left
    if left is not None:
        left._grad += node._partial_left * grad
    extra = node._extra
    if extra is not None and extra.operands is not None:
        _send_gradient_of_sequence(extra, grad)
    right = node._right
    if right is not None:
        right._grad += node._partial_right * grad


def _send_gradient_of_sequence(extra: _Extra, grad: float) -> None:
    operands = extra.operands
    factors = extra.factors
    partials = extra.partials
    if operands is not None and factors is not None:
        for a, b in zip(operands, factors):
            if isinstance(a, Value):
                if isinstance(b, Value):
                    a._grad += b._data * grad
                    b._grad += a._data * grad
                else:
                    a._grad += _data_of(b) * grad
            elif isinstance(b, Value):
                b._grad += _data_of(a) * grad
    elif operands is not None and partials is not None:
        for operand, partial in zip(operands, partials):
            if isinstance(operand, Value):
                operand._grad += partial * grad


def _clear_gradients(nodes: list[Value]) -> list[Value]:
    """Set the gradients of inner nodes to zero, and return the leaves."""
    leaves: list[Value] = []
    for node in nodes:
        if node._row is None:
            leaves.append(node)
        else:
            node._grad = 0.0
    return leaves


def _evaluate(node: Value, op: Op) -> None:
    """Compute a node's data and partials from its operands' data."""
    try:
        extra = node._extra
        if extra is not None and extra.operands is not None:
            if extra.factors is not None:
                bias = node._partial_right if node._right is None else node._right._data
                node._data = _dot(extra.operands, extra.factors, bias)
            else:
                data = [_data_of(operand) for operand in extra.operands]
                node._data = op.forward(*data)
                extra.partials = op.partials(*data, node._data)
        elif op.arity == 1:
            _evaluate_unary(node, op)
        else:
            _evaluate_binary(node, op)
    except (ArithmeticError, ValueError) as error:
        where = f"in {application(node)}"
        if type(error) in (ValueError, ZeroDivisionError, OverflowError):
            described = type(error)(f"{in_words(error)}, {where}")
            described.__suppress_context__ = True  # it says all that the first one said: one message, not two
            raise described  # noqa: B904
        error.add_note(where)
        raise


def application(node: Value) -> str:
    """What a node computes, for messages: `log(x=2.0)`; the label, or `a leaf`, where no operation made it."""
    if node._row is None:
        return escaped(node.label) or "a leaf"
    operands = node.operands
    shown = [
        f"{escaped(x.label)}={x._data!r}" if isinstance(x, Value) and x.label else repr(_data_of(x))
        for x in operands[:8]
    ]
    return f"{node._row.name}({', '.join(shown)}{', …' if len(operands) > len(shown) else ''})"


def origin_of(node: Value) -> object:
    """What `set_origin` noted; None if nothing."""
    return None if node._extra is None else node._extra.origin


def set_origin(node: Value, origin: object) -> None:
    """Note where the user's program built a node."""
    node._with_extra().origin = origin


def _evaluate_unary(node: Value, op: Op) -> None:
    x = node._partial_left if node._left is None else node._left._data
    if op is NEG:
        y = -x
        partial = -1.0
    elif op is RELU:
        y = 0.0 if x <= 0.0 else x
        partial = 1.0 if x > 0.0 else 0.0
    elif op is TANH:
        y = op.forward(x)
        partial = 1.0 - y * y
    elif op is EXP:
        y = math.exp(x)
        partial = y
    elif op is LOG:
        y = math.log(x)
        partial = ieee_divide(1.0, x)
    elif op is SIGMOID:
        y = sigmoid(x)
        partial = y * (1.0 - y)
    elif op is SQRT:
        y = math.sqrt(x)
        partial = ieee_divide(0.5, y)
    elif op is SIN:
        y = math.sin(x)
        partial = math.cos(x)
    elif op is COS:
        y = math.cos(x)
        partial = -math.sin(x)
    else:
        y = op.forward(x)
        (partial,) = op.partials(x, y)
    node._data = y
    node._partial_left = partial


def _evaluate_binary(node: Value, op: Op) -> None:
    left = node._left
    right = node._right
    x = node._partial_left if left is None else left._data
    y = node._partial_right if right is None else right._data
    by_left = 1.0
    by_right = 1.0
    if op is ADD:
        z = x + y
    elif op is MUL:
        z = x * y
        by_left = y
        by_right = x
    elif op is SUB:
        z = x - y
        by_right = -1.0
    elif op is DIV:
        z = x / y
        by_left = 1.0 / y
        by_right = -(z / y)
    elif op is POW and right is None:
        z = power(x, y)
        by_left = y * ieee_power(x, y - 1.0) if y != 0.0 else 0.0
    else:
        z = op.forward(x, y)
        by_left, by_right = op.partials(x, y, z)
    node._data = z
    if left is not None:
        node._partial_left = by_left
    if right is not None:
        node._partial_right = by_right


def _dot(a: tuple[object, ...], b: tuple[object, ...], bias: float) -> float:
    """The sum of the products; a TypeError if an operand is neither a Value nor a float."""
    total = bias
    for x, y in zip(a, b):
        if isinstance(x, Value):
            left = x._data
        elif type(x) is float:
            left = x
        else:
            raise TypeError
        if isinstance(y, Value):
            right = y._data
        elif type(y) is float:
            right = y
        else:
            raise TypeError
        total += left * right
    return total


def _data_of(operand: object) -> float:
    if isinstance(operand, Value):
        return operand._data
    assert isinstance(operand, float)
    return operand


# --- derivatives without a trace --------------------------------------------------------------------------------------
# For derivatives as functions: the same passes, but every `.grad` stays as it was.


def gradients_of(y: Value, xs: list[Value]) -> list[float]:
    """∂y/∂x for each x: to the bit what `y.backward()` computes."""
    with _passes.lock:
        return _gradients_of(y, xs, y._ancestors())


def gradients_of_newer(y: Value, xs: list[Value], call: int) -> list[float] | None:
    """`gradients_of(y, xs)`, if `y` was computed from no leaf that is older than the call."""
    with _passes.lock:
        order = y._ancestors()
        return None if _has_older(order, call) or _has_older([y], call) else _gradients_of(y, xs, order)


def _gradients_of(y: Value, xs: list[Value], order: list[Value]) -> list[float]:
    try:
        _passes.set_aside([*order, y, *xs])  # y may not depend on some x
        y._grad = 1.0
        y._send_gradients_in_order(order)
        gradients = [x._grad for x in xs]
        _passes.end()
        return gradients
    except BaseException:
        _passes.end()
        raise


def tangents_of(ys: list[Value], xs: list[Value], speeds: list[float]) -> list[float]:
    """How fast each y moves while each x moves at its speed, in forward mode: one pass left to right."""
    with _passes.lock:
        nodes = ys[0].topological_order() if len(ys) == 1 else record_sequence(ops.TOTAL, tuple(ys)).topological_order()
        moves = _passes.next_mark  # the mark of what moves: elsewhere even an infinite partial counts as nothing
        _passes.next_mark = moves + 1
        try:
            _passes.set_aside(nodes + xs + ys)
            for x, speed in zip(xs, speeds):
                if speed != 0.0:
                    x._grad = speed
                    x._mark = moves
            for node in nodes:
                if node._row is not None:
                    _receive_tangent(node, moves)
            tangents = [y._grad for y in ys]
            _passes.end()
            return tangents
        except BaseException:
            _passes.end()
            raise


def _receive_tangent(node: Value, moves: i64) -> None:
    """The chain rule at one node, forward: add partial times tangent of each parent that moves."""
    extra = node._extra
    if extra is not None and extra.operands is not None:
        for parent, partial in zip(node.parents, node.partials):
            if parent._mark == moves:
                node._grad += partial * parent._grad
                node._mark = moves
        return
    left = node._left
    if left is not None and left._mark == moves:
        node._grad += node._partial_left * left._grad
        node._mark = moves
    right = node._right
    if right is not None and right._mark == moves:
        node._grad += node._partial_right * right._grad
        node._mark = moves


def begin_call() -> int:
    """Begin a call of a function that is differentiated; return the number of the call."""
    _shared.latest_call += 1
    _shared.calls += 1
    return _shared.latest_call


def count_values(numbers: list[Any]) -> int:
    """How many of them are Values; -1 if something is neither that nor a float."""
    count = 0
    for number in numbers:
        if isinstance(number, Value):
            count += 1
        elif type(number) is not float:
            return -1
    return count


def fresh_leaves(numbers: list[Any]) -> list[Value]:
    """Leaves with the same data and labels."""
    leaves = []
    for number in numbers:
        leaf = Value(number._data if isinstance(number, Value) else number)
        if isinstance(number, Value) and number._extra is not None:
            leaf.label = number.label
        leaves.append(leaf)
    return leaves


def leaf_of_call(data: float, call: int) -> Value:
    """A leaf that counts as made in a call, also after the call has ended."""
    leaf = Value(data)
    leaf._with_extra().call = call
    return leaf


def end_call() -> None:
    """End what `begin_call` began."""
    _shared.calls -= 1


def depends_on_older(y: Value, call: int) -> bool:
    """Whether `y` was computed from a leaf that is older than the call."""
    with _passes.lock:
        return _has_older(y._count_uses(False), call)


def _has_older(nodes: list[Value], call: i64) -> bool:
    for node in nodes:
        if node._row is None and (node._extra is None or node._extra.call < call):
            return True
    return False


# --- pickling ---------------------------------------------------------------------------------------------------------

_pickling: Final = threading.local()


@final
class _Ancestors:
    """Pickles as the list of the nodes given, each of them without its own ancestors."""

    __slots__ = ("nodes",)

    def __init__(self, nodes: list[Value]) -> None:
        self.nodes: Final = nodes

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (), None, self._each()

    def _each(self) -> Iterator[Value]:
        _pickling.nodes = {_id(node) for node in self.nodes}
        try:
            yield from self.nodes
        finally:
            _pickling.nodes = set()


def _restore(
    ancestors: object,
    op: Op | None,
    data: float,
    grad: float,
    label: str,
    operands: tuple[Any, ...],
    partials: tuple[float, ...],
) -> Value:
    """Make a node from its parts, as `Value._state` gives them."""
    node = Value(data, label)
    node._grad = grad
    node._row = op
    if op is None:
        return node
    if op is DOT:
        n = len(operands) // 2
        _keep_factors(node, operands[:n], operands[n : 2 * n], operands[2 * n])
    elif op.arity == 1 or op.arity == 2:
        left = operands[0]
        node._left = left if isinstance(left, Value) else None
        node._partial_left = partials[0] if isinstance(left, Value) else left
        if op.arity == 2:
            right = operands[1]
            node._right = right if isinstance(right, Value) else None
            node._partial_right = partials[1] if isinstance(right, Value) else right
    else:
        extra = node._with_extra()
        extra.operands = operands
        extra.partials = partials
    return node


if sys.platform == "emscripten" and sys.version_info >= (3, 14):
    # To release a chain of objects, CPython asks since 3.14 how much of the stack is left, and in a browser it is wrong:
    # there JavaScript's stack ends first, and the interpreter with it. So release the parents in a loop.
    _dying: list[object] = []
    _releases = False

    def _release(node: Value) -> None:
        global _releases
        if node._left is not None or node._right is not None or node._extra is not None:
            _dying.extend((node._left, node._right, node._extra))
            node._left = node._right = node._extra = None
            if not _releases:
                _releases = True
                try:
                    while _dying:
                        _dying.pop()  # and if that was a Value's last place, it comes here in turn
                finally:  # whatever interrupts: the next one goes on
                    _releases = False

    Value.__del__ = _release
