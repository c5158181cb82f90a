"""First pass: run a function of scalars once on fresh leaves, and read off the graph that it builds."""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Final, NoReturn

from autograd_lite import ops
from autograd_lite._support.callers import is_own, line_of, user_line
from autograd_lite._support.nested import mapped
from autograd_lite._support.text import escaped, quoted
from autograd_lite.contexts import Context, recording
from autograd_lite.ops import Op
from autograd_lite.value import Value


# detach() in a program: the number itself, with the local derivative 0.
def _same(x: float) -> float:
    return x


def _nothing(x: float, y: float) -> tuple[float]:
    return (0.0,)


DETACH: Final = Op("detach", "detach", 1, _same, _nothing, public=False)

_is_compiling: Final[ContextVar[bool]] = ContextVar("_is_compiling", default=False)


class TraceError(TypeError):
    """A function cannot be compiled: it does something with its Values that no graph records."""

    __module__ = "autograd_lite"


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
        The ids of the nodes that were computed under `no_grad()`: no gradient goes through them.
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
    watch = _Watch()
    watch.inputs = {id(leaf) for leaf in inputs}
    with Context("watcher", watch):
        try:
            result = function(*args, **kwargs)
        except Exception as error:
            if watch.refused is None:
                _refuse_for_floats(function, sample, error)
                raise
            if error is watch.refused:
                raise
            raise watch.refused from error
        if watch.refused is None:
            _try_watched_floats(function, sample, watch)
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
    stopped = {id(node) for node in watch.stopped}
    return Trace(nodes, inputs, parameters, outputs, shape, {id(node) for node in nodes if id(node) in stopped})


def _refuse_for_floats(function: Callable[..., Any], sample: Sample, error: Exception) -> None:
    """Say so where a function takes plain floats, but not the Values that it is traced with."""
    args, kwargs = sample(lambda numbers: numbers)
    try:
        function(*args, **kwargs)
    except Exception:  # whatever it raises, the first error is about the function and not about Values
        return
    raise TraceError(
        f"{line_of(error)}: {name_of(function)} takes plain numbers, but fails with the Values that it is compiled with"
        f" ({type(error).__name__}: {escaped(str(error), limit=200)}). Instead, use the functions of autograd_lite"
    ) from error


def _try_watched_floats(function: Callable[..., Any], sample: Sample, watch: _Watch) -> None:
    """Run the function on floats that are watched as Values are: it may ask for the type before it decides."""
    args, kwargs = sample(lambda numbers: mapped(lambda number: _WatchedFloat(number, watch), numbers))
    with suppress(Exception):  # errors on plain floats are found, or allowed for, when results are compared
        function(*args, **kwargs)


def _to_leaves(numbers: Any, leaves: list[Value]) -> Any:
    if isinstance(numbers, list):
        items = [_to_leaves(item, leaves) for item in numbers]
        return OneNumber(items) if len(items) == 1 and isinstance(items[0], Value) else items
    leaf = Value(numbers)
    leaves.append(leaf)
    return leaf


class OneNumber(list[Any]):
    """A sample of shape (1,), which the function must not treat as a number: `[v] * 2` is `[v, v]`."""

    def _refuse(self, *others: object) -> NoReturn:
        raise TraceError(
            f"{user_line()}: arithmetic with a sequence of one number. An array of shape (n, 1) has samples that are"
            " sequences: take the number out of it with [0], or give an array of shape (n,); [*a, *b] joins two sequences"
        )

    def __add__(self, other: Any) -> Any:
        return self._refuse() if isinstance(other, OneNumber) else super().__add__(other)

    __mul__ = __rmul__ = __imul__ = __sub__ = __rsub__ = __truediv__ = __rtruediv__ = __pow__ = __rpow__ = _refuse
    __neg__ = __abs__ = __float__ = __mod__ = __rmod__ = __floordiv__ = __rfloordiv__ = _refuse


def flatten(result: Any, outputs: list[Value | float], function: Callable[..., Any]) -> tuple[int, ...]:
    """Add what a function returned to the outputs, in order, and return its shape.

    Raises
    ------
    TraceError
        If it is neither a Value nor a regular sequence of Values.
    """
    if getattr(result, "ndim", None) == 0 and hasattr(result, "item"):  # of NumPy: a number, or an array of one Value
        result = result.item()
    if isinstance(result, Value) or ops.is_number(result):
        outputs.append(result if isinstance(result, Value) else float(result))
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

    The garbage collector is off, because the passes make many objects and no garbage.
    """
    collects = gc.isenabled()
    thread = threading.get_ident()
    token = None
    try:
        if collects:
            _without_collector.add(thread)
        gc.disable()
        token = _is_compiling.set(True)
        with recording():
            yield
    finally:
        if token is not None:
            _is_compiling.reset(token)
        if collects:
            gc.enable()
            _without_collector.discard(thread)


_without_collector: Final[set[int]] = set()  # the threads that compile, and found the collector running


def _begin_in_child() -> None:
    """Turn the collector on in a forked process, if a thread of its parent had turned it off for a while."""
    own = {threading.get_ident()}
    if _without_collector - own:
        gc.enable()
    _without_collector.intersection_update(own)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_in_child)


def is_compiling() -> bool:
    """Whether this task is inside `compiling()`: a compiled function that is called then calls its function."""
    return _is_compiling.get()


# --- decisions on data ------------------------------------------------------------------------------------------------

_REMEDY: Final = {
    "comparison": "use maximum, minimum, relu, abs, where or clip, which the graph records",
    "bool()": "an `if`, `and`, `or` or max() decides on the data: use maximum, minimum, relu or where, which the graph records",
    "float()": "compute with the Value itself: the functions of autograd_lite take it as it is",
    "hash()": "a set, or the key of a dict, decides on the data: use where(equal(x, …), …, …), which the graph records",
    ".data": "compute with the Value itself; detach() gives its number without its gradient",
    ".grad": "keep gradients out of the function",
    ".partials": "keep local derivatives out of the function; gradients() gives them as Values",
    "backward()": "use gradients(), which gives derivatives as Values",
    "forward()": "compute with the Value itself: a program computes it again at each call",
    "the text": "keep what is printed, or decided by the text of a number, out of the function",
}


# This package reads these for its own purposes too: a net's parameters() are the keys of a dict.
_READ_BY_US: Final = frozenset({"hash()", "the text", ".data", ".grad", ".partials", "backward()", "forward()"})


class _Watch:
    """Notices what the traced function does besides building its graph.

    Attributes
    ----------
    refused : TraceError or None
        The first error, if the function did something that no graph records.
    stopped : list of Value
        The nodes that were made under `no_grad()`.
    """

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self.refused: TraceError | None = None
        self.stopped: list[Value] = []
        self.inputs: set[int] = set()

    def __call__(self, what: str, value: Value) -> object:
        if threading.get_ident() != self.thread and (what not in _REMEDY or not self._is_ours(value)):
            return None
        if what == "detach()":
            return DETACH(value)
        if what == "no_grad()":
            self.stopped.append(value)
            return True
        if what in _READ_BY_US and self._is_our_own():
            return None
        self.refuse(what, f" of a Value{f' {quoted(value.label)}' if value.label else ''}")
        return None

    def refuse(self, what: str, of: str) -> NoReturn:
        """Raise an error that names the line which reads a number."""
        error = TraceError(
            f"{user_line()}: {what}{of} while its function is compiled;"
            f" the outcome would be frozen into the program. Instead, {_REMEDY[what]}"
        )
        self.refused = self.refused or error
        raise error

    def _is_ours(self, value: Value) -> bool:
        """Whether a Value of another thread was computed from our inputs."""
        return any(id(node) in self.inputs for node in value.topological_order())

    @staticmethod
    def _is_our_own() -> bool:
        """Whether this package reads the Value for its own purposes, as `parameters()` does."""
        frame: FrameType | None = sys._getframe(2)
        while frame is not None and frame.f_globals.get("__name__") in (
            "autograd_lite.contexts",
            "autograd_lite.value",
        ):
            frame = frame.f_back
        return frame is not None and is_own(frame)


class _WatchedFloat(float):
    """A float that reports decisions on it, as do its sums and products."""

    _watch: _Watch

    def __new__(cls, number: float, watch: _Watch) -> _WatchedFloat:
        self = super().__new__(cls, number)
        self._watch = watch
        return self


def _deciding(name: str, what: str) -> Callable[..., Any]:
    own = getattr(float, name)

    def method(self: _WatchedFloat, *others: Any) -> Any:
        if not is_own(sys._getframe(1)):
            self._watch.refuse(what, " of an input, as a float,")
        return own(self, *others)

    return method


def _computing(name: str) -> Callable[..., Any]:
    own = getattr(float, name)

    def method(self: _WatchedFloat, *others: Any) -> Any:
        result = own(self, *others)
        return _WatchedFloat(result, self._watch) if type(result) is float else result

    return method


for _name in ("lt", "le", "gt", "ge", "eq", "ne"):
    setattr(_WatchedFloat, f"__{_name}__", _deciding(f"__{_name}__", "comparison"))
for _name in ("int", "trunc", "floor", "ceil", "round"):
    setattr(_WatchedFloat, f"__{_name}__", _deciding(f"__{_name}__", "float()"))
for _name in ("is_integer", "as_integer_ratio", "hex"):
    setattr(_WatchedFloat, _name, _deciding(_name, "float()"))
for _name in ("repr", "format", "str"):
    setattr(_WatchedFloat, f"__{_name}__", _deciding(f"__{_name}__", "the text"))
for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
    for _side in ("", "r"):
        setattr(_WatchedFloat, f"__{_side}{_name}__", _computing(f"__{_side}{_name}__"))
for _name in ("neg", "pos", "abs"):
    setattr(_WatchedFloat, f"__{_name}__", _computing(f"__{_name}__"))
setattr(_WatchedFloat, "__bool__", _deciding("__bool__", "bool()"))  # noqa: B010  # as the others above
setattr(_WatchedFloat, "__hash__", _deciding("__hash__", "hash()"))  # noqa: B010


def watching() -> Context:
    """Return a context in which reading the number of a Value of the current task raises a TraceError."""
    return Context("watcher", _Watch())
