"""First pass: run a function of scalars once on fresh leaves, and read off the graph that it builds."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Final, NoReturn

from autograd_lite import ops
from autograd_lite.callers import is_own, user_line
from autograd_lite.ops import Op
from autograd_lite.text import escaped, quoted
from autograd_lite.value import Value, recording, watch_decisions

_one_at_a_time = threading.RLock()  # the watcher is one for all threads

# What detach() is in a program: the number itself, towards which nothing is sent back.
DETACH: Final = Op("detach", "detach", 1, lambda x: x, lambda x, y: (0.0,), public=False)

_is_compiling: Final[ContextVar[bool]] = ContextVar("_is_compiling", default=False)


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
    stopped : set of int
        The ids of the nodes that were computed under `no_grad()`: nothing is sent back through them.
    """

    nodes: list[Value]
    inputs: list[Value]
    parameters: list[Value]
    outputs: list[Value | float]
    shape: tuple[int, ...]
    stopped: set[int] = field(default_factory=set)

    def __str__(self) -> str:
        return (
            f"{len(self.nodes)} nodes: {len(self.inputs)} inputs, {len(self.parameters)} parameters,"
            f" {len(self.outputs)} outputs"
        )


Sample = Callable[[Callable[[Any], Any]], tuple[list[Any], dict[str, Any]]]


def trace(function: Callable[..., Any], sample: Sample) -> Trace:
    """Run `function` on leaves instead of the numbers of a sample, and return the graph.

    Parameters
    ----------
    function : callable
        A function of Values, or of structures of them.
    sample : callable
        `sample(convert) -> (args, kwargs)`: the arguments for one sample, where `convert` is applied to each array's
        numbers, a float or nested lists of floats.

    Raises
    ------
    TraceError
        If the function decides on the data (`if`, `max()`, `float()`, a key of a dict), or returns no Value.
    """
    inputs: list[Value] = []
    args, kwargs = sample(lambda numbers: _to_leaves(numbers, inputs))
    with _watching() as watch:
        try:
            result = function(*args, **kwargs)
        except Exception as error:
            if watch.refused is None or error is watch.refused:
                raise
            raise watch.refused from error
    if watch.refused is not None:  # the function itself has caught the error
        raise watch.refused
    outputs: list[Value | float] = []
    shape = flatten(result, outputs, function)
    roots = [output for output in outputs if isinstance(output, Value)]
    if not roots:
        raise TraceError(f"{name_of(function)} returned no Value: {result!r}")
    nodes = ops.TOTAL(*roots).topological_order()[:-1]
    given = {id(leaf) for leaf in inputs}
    parameters = [node for node in nodes if node.op is None and id(node) not in given]
    return Trace(nodes, inputs, parameters, outputs, shape, {id(node) for node in watch.stopped})


def _to_leaves(numbers: Any, leaves: list[Value]) -> Any:
    if isinstance(numbers, list):
        items = [_to_leaves(item, leaves) for item in numbers]
        return OneNumber(items) if len(items) == 1 and isinstance(items[0], Value) else items
    leaf = Value(numbers)
    leaves.append(leaf)
    return leaf


class OneNumber(list[Any]):
    """A sample of shape (1,), which the function is not to take for the number in it: `[v] * 2` is `[v, v]`."""

    def _refuse(self, *others: object) -> NoReturn:
        raise TraceError(
            f"{user_line()}: arithmetic with a sequence of one number. An array of shape (n, 1) has samples that are"
            " sequences: take the number out of it with [0], or give an array of shape (n,)"
        )

    __mul__ = __rmul__ = __imul__ = __sub__ = __rsub__ = __truediv__ = __rtruediv__ = __pow__ = __rpow__ = _refuse
    __neg__ = __abs__ = __float__ = __mod__ = __rmod__ = __floordiv__ = __rfloordiv__ = _refuse


def flatten(result: Any, outputs: list[Value | float], function: Callable[..., Any]) -> tuple[int, ...]:
    """Add what a function returned to the outputs, in order, and return its shape.

    Raises
    ------
    TraceError
        If it is no Value and no even sequence of them.
    """
    if getattr(result, "ndim", None) == 0 and hasattr(result, "item"):  # of NumPy: a number, or an array of one Value
        result = result.item()
    if isinstance(result, (Value, float, int)):
        outputs.append(result)
        return ()
    if not isinstance(result, (list, tuple)) and not hasattr(result, "__array__"):
        raise TraceError(
            f"{name_of(function)} must return a Value or a sequence of Values, got {type(result).__name__}: {result!r}"
        )
    shapes = [flatten(item, outputs, function) for item in result]
    if any(shape != shapes[0] for shape in shapes):
        raise TraceError(f"{name_of(function)} returned a ragged sequence: its items have the shapes {shapes}")
    return (len(shapes), *(shapes[0] if shapes else ()))


def name_of(function: Callable[..., Any]) -> str:
    """What to call a function in a message."""
    return escaped(getattr(function, "__qualname__", type(function).__name__))


@contextmanager
def compiling() -> Iterator[None]:
    """Within this context Values record what is done with them, even where the caller is inside no_grad().

    Nor does the garbage collector run: the passes make many objects and no garbage.
    """
    collects = gc.isenabled()
    gc.disable()
    token = _is_compiling.set(True)
    try:
        with recording():
            yield
    finally:
        _is_compiling.reset(token)
        if collects:
            gc.enable()


def is_compiling() -> bool:
    """Whether this task is inside `compiling()`: a compiled function that is called then is only a function."""
    return _is_compiling.get()


# --- decisions on data ------------------------------------------------------------------------------------------------

_REMEDY: Final = {
    "comparison": "use maximum, minimum, relu, abs, where or clip, which the graph records",
    "bool()": "an `if`, `and`, `or` or max() decides on the data: use maximum, minimum, relu or where, which the graph records",
    "float()": "compute with the Value itself: the functions of autograd_lite take it as it is",
    "hash()": "a set, or the key of a dict, decides on the data: use where(equal(x, …), …, …), which the graph records",
    ".data": "compute with the Value itself; detach() gives its number without its gradient",
    ".grad": "keep gradients out of the function",
}


class _Watch:
    """What the function that is traced does besides building its graph.

    Attributes
    ----------
    refused : TraceError or None
        The first thing that no graph records.
    stopped : list of Value
        The nodes that were made under `no_grad()`.
    """

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self.refused: TraceError | None = None
        self.stopped: list[Value] = []

    def __call__(self, what: str, value: Value) -> object:
        if threading.get_ident() != self.thread:
            return None
        if what == "detach()":
            return DETACH(value)
        if what == "no_grad()":
            self.stopped.append(value)
            return True
        if what in ("hash()", ".data", ".grad") and self._is_our_own():
            return None
        label = f" {quoted(value.label)}" if value.label else ""
        error = TraceError(
            f"{user_line()}: {what} of a Value{label} while its function is compiled;"
            f" the outcome would be frozen into the program. Instead, {_REMEDY[what]}"
        )
        self.refused = self.refused or error
        raise error

    @staticmethod
    def _is_our_own() -> bool:
        """Whether this package reads the Value for its own purposes, as `parameters()` does."""
        frame: FrameType | None = sys._getframe(2)
        while frame is not None and frame.f_globals.get("__name__") == "autograd_lite.value":
            frame = frame.f_back
        return frame is not None and is_own(frame)


@contextmanager
def _watching() -> Iterator[_Watch]:
    watch = _Watch()
    with _one_at_a_time:
        before = watch_decisions(watch)
        try:
            yield watch
        finally:
            watch_decisions(before)


@contextmanager
def watching() -> Iterator[None]:
    """Within this context what reads the number of a Value of this thread is a TraceError."""
    with _watching():
        yield
