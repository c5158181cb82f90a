"""detect_anomaly: stop at the first operation that makes a nan or an inf, and say where it was built."""

from __future__ import annotations

import math
from types import TracebackType

from autograd_lite._support.callers import SourceLine, user_line
from autograd_lite._support.text import escaped
from autograd_lite.contexts import Context, current_inspector
from autograd_lite.value import Value, application, origin_of, set_origin


class AnomalyError(FloatingPointError):
    """An operation made a nan or an inf, forward or backward.

    Attributes
    ----------
    node : Value
        The operation's node.
    origin : (path, line number, function) or None
        The line of the user's program that built the node; None if that was outside `detect_anomaly()`.
    """

    __module__ = "autograd_lite"

    def __init__(self, message: str, node: Value, origin: SourceLine | None) -> None:
        super().__init__(message)
        self.node = node
        self.origin = origin


class detect_anomaly:
    """A context in which the first operation that makes a nan or an inf raises `AnomalyError`.

    The error names the operation, its label, its operands, and the line of your program that built it, for results
    (when they are computed, or computed again by `forward()`) as for gradients (in `backward()`).

    Raises
    ------
    AnomalyError
        From the operation or the pass within the context. It is a `FloatingPointError`.

    Notes
    -----
    It holds for the current task, as `no_grad` does, and may be nested. Each operation notes its line, which makes
    building a graph about ten times slower: for finding a fault, not for training. `fit` builds its graphs one Value at
    a time inside it. A compiled function always checks its result, and names the node and the sample.

    A leaf that is nan is not an operation: the first operation that uses it raises. Domain errors, such as `log(0.0)`, raise with
    or without this context.

    Examples
    --------
    >>> from autograd_lite import Value, sqrt
    >>> x = Value(0.0, "x")
    >>> with detect_anomaly():
    ...     y = sqrt(x) * 2.0
    ...     y.backward()
    Traceback (most recent call last):
    ...
    autograd_lite.AnomalyError: backward through sqrt(x=0.0) = 0.0 makes the gradient of x inf: the gradient ...
    """

    def __init__(self) -> None:
        self._context = Context("inspector", _inspect)

    def __enter__(self) -> None:
        self._context.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._context.__exit__(kind, error, traceback)


def is_detecting() -> bool:
    """Whether the current task is inside `detect_anomaly()`."""
    return current_inspector() is _inspect


def _inspect(what: str, node: Value) -> None:
    """What the engine calls after it has made a node, computed it again, or sent its gradient to its parents."""
    if what == "backward":
        for parent, partial in zip(node.parents, node.partials, strict=True):
            if not math.isfinite(parent.grad):
                raise _error(node, _of_gradient(node, parent, partial))
        return
    if what == "build":
        set_origin(node, user_line())
    if not math.isfinite(node.data):
        raise _error(node, _of_result(node))


def _of_result(node: Value) -> str:
    message = f"{_named(node)} is the first result that is not finite"
    given = [x for x in node.operands if not math.isfinite(x.data if isinstance(x, Value) else x)]
    if given:
        operands = [_name(x) if isinstance(x, Value) else repr(x) for x in given[:3]]
        message += f" (not finite already: {', '.join(operands)})"
    return message


def _of_gradient(node: Value, parent: Value, partial: float) -> str:
    return (
        f"backward through {_named(node)} makes the gradient of {_name(parent)} {parent.grad}: the gradient {node.grad}"
        f" arrives, and the local derivative is {partial}"
    )


def _named(node: Value) -> str:
    label = f"{escaped(node.label)}: " if node.label else ""
    return f"{label}{application(node)} = {node.data}"


def _name(node: Value) -> str:
    return escaped(node.label) or application(node)


def _error(node: Value, what: str) -> AnomalyError:
    origin = origin_of(node)
    if not isinstance(origin, SourceLine):
        return AnomalyError(f"{what}; built outside detect_anomaly(), so its line is not known", node, None)
    return AnomalyError(f"{what}; built at {origin}", node, origin)
