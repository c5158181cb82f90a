"""First pass: run a function of scalars once on fresh leaves, and read off the graph that it builds."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from autograd_lite import ops
from autograd_lite.callers import user_line
from autograd_lite.text import quoted
from autograd_lite.value import Value, recording, watch_decisions

_one_at_a_time = threading.RLock()  # the watcher is one for all threads


class TraceError(TypeError):
    """A function cannot be compiled: it does something with its Values that no graph records."""


@dataclass(frozen=True)
class Trace:
    """What a function did with its inputs.

    Parameters
    ----------
    nodes : list of Value
        Everything that the outputs depend on, each node after its parents.
    inputs : list of Value
        The leaves that stood for the scalars of the arguments, in order.
    parameters : list of Value
        Every other leaf, in order of first use.
    outputs : list of Value or float
        The results, flattened.
    shape : tuple of int
        The shape of the results; () for a single Value.
    """

    nodes: list[Value]
    inputs: list[Value]
    parameters: list[Value]
    outputs: list[Value | float]
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return (
            f"{len(self.nodes)} nodes: {len(self.inputs)} inputs, {len(self.parameters)} parameters,"
            f" {len(self.outputs)} outputs"
        )


def trace(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Trace:
    """Run `function` on leaves in place of the floats of `arguments`, and return the graph.

    Parameters
    ----------
    function : callable
        A function of Values, or of nested lists of them.
    arguments : tuple
        One sample: floats, or nested lists of floats.

    Raises
    ------
    TraceError
        If the function decides on the data (`if`, `max()`, `float()`), or returns no Value.
    """
    inputs: list[Value] = []
    with watching():
        result = function(*[_to_leaves(argument, inputs) for argument in arguments])
    outputs: list[Value | float] = []
    shape = flatten(result, outputs, function)
    roots = [output for output in outputs if isinstance(output, Value)]
    if not roots:
        raise TraceError(f"{_name(function)} returned no Value: {result!r}")
    nodes = ops.TOTAL(*roots).topological_order()[:-1]
    given = {id(leaf) for leaf in inputs}
    parameters = [node for node in nodes if node.op is None and id(node) not in given]
    return Trace(nodes, inputs, parameters, outputs, shape)


def _to_leaves(argument: Any, leaves: list[Value]) -> Any:
    if isinstance(argument, list):
        return [_to_leaves(item, leaves) for item in argument]
    leaf = Value(argument)
    leaves.append(leaf)
    return leaf


def flatten(result: Any, outputs: list[Value | float], function: Callable[..., Any]) -> tuple[int, ...]:
    """Add what a function returned to the outputs, in order, and return its shape.

    Raises
    ------
    TraceError
        If it is no Value and no even sequence of them.
    """
    if isinstance(result, (Value, float, int)):
        outputs.append(result)
        return ()
    if not isinstance(result, (list, tuple)) and not hasattr(result, "__array__"):
        raise TraceError(
            f"{_name(function)} must return a Value or a sequence of Values, got {type(result).__name__}: {result!r}"
        )
    shapes = [flatten(item, outputs, function) for item in result]
    if any(shape != shapes[0] for shape in shapes):
        raise TraceError(f"{_name(function)} returned a ragged sequence: its items have the shapes {shapes}")
    return (len(shapes), *(shapes[0] if shapes else ()))


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__qualname__", type(function).__name__)


@contextmanager
def compiling() -> Iterator[None]:
    """Within this context Values record what is done with them, even where the caller is inside no_grad().

    Nor does the garbage collector run: the passes make many objects and no garbage.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        with recording():
            yield
    finally:
        if collects:
            gc.enable()


# --- decisions on data ------------------------------------------------------------------------------------------------

_REMEDY = {
    "comparison": "use maximum, minimum, relu or abs, which the graph records",
    "bool()": "an `if`, `and`, `or` or max() decides on the data: use maximum, minimum or relu, which the graph records",
    "float()": "compute with the Value itself: the functions of autograd_lite take it as it is",
}


@contextmanager
def watching() -> Iterator[None]:
    """Within this context a comparison, bool() or float() of any Value of this thread is a TraceError."""
    thread = threading.get_ident()

    def object_to(what: str, value: Value) -> None:
        if threading.get_ident() == thread:
            label = f" {quoted(value.label)}" if value.label else ""
            raise TraceError(
                f"{user_line()}: {what} of a Value{label} while its function is compiled;"
                f" the outcome would be frozen into the program. Instead, {_REMEDY[what]}"
            )

    with _one_at_a_time:
        before = watch_decisions(object_to)
        try:
            yield
        finally:
            watch_decisions(before)
