"""What a function may not do with its arguments while it is differentiated: take them for plain numbers.

`math.sin(x)` and `float(x)` give a float that has lost its connection to x, and `x == 2.0` is always False. Either would
make the derivative wrong in silence. So they are errors here, which name the line and what to write instead.
"""

from __future__ import annotations

import dis
import sys
from contextvars import ContextVar
from types import FrameType, ModuleType
from typing import Any, Final

from autograd_lite._support.callers import user_line
from autograd_lite._support.text import quoted
from autograd_lite.ops import TABLE
from autograd_lite.value import Value, set_objector

# The innermost `Call` of a function that is being differentiated in this task; each knows the one around it.
current_call: Final[ContextVar[Any]] = ContextVar("current_call", default=None)


def _object_to(what: str, value: Value, other: object) -> None:
    leaves = set()
    call = current_call.get()
    while call is not None:
        leaves.update([id(leaf) for leaf in call.leaves])
        call = call.outer
    if not leaves or not any(id(node) in leaves for node in value.topological_order()):
        return
    name = f"the Value {quoted(value.label)}" if value.label else "a Value"
    if what == "==":
        reason = (
            f"`==` of {name} with the number {other!r} is always False, because Values compare by identity;"
            " compare the data, as in `x.data == 2.0`, or use < and >="
        )
    else:
        reader = _reader()
        reason = f"{_title(reader, what)} takes {name} as a plain number, and the derivative is lost; {_remedy(reader)}"
    raise TypeError(f"{user_line()}: while its function is differentiated, {reason}")


set_objector(_object_to)


class _Assignment:
    """Stands for `array[i] = value` where a function is expected."""


def _reader() -> object:
    """What takes the Value as a number: a function, where the running instruction shows it."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        module = frame.f_globals.get("__name__")
        if module == "autograd_lite.derivatives.call":
            call = current_call.get()
            return None if call is None else call.f
        if module != "autograd_lite.value":
            return _running(frame)
        frame = frame.f_back
    return None


def _running(frame: FrameType) -> object:
    """The function that a frame is calling.

    The byte code knows where in the text each instruction stands: what is called begins where the call does.
    """
    instructions = list(dis.get_instructions(frame.f_code))
    running = next(i for i in instructions if i.offset == frame.f_lasti)
    if running.opname in ("STORE_SUBSCR", "STORE_SLICE"):
        return _Assignment
    if "CALL" not in running.opname or _start(running) is None:
        return None
    function: object = None
    for i in instructions:
        if i.offset < running.offset and _start(i) == _start(running):
            if i.opname in ("LOAD_ATTR", "LOAD_METHOD"):
                function = getattr(function, i.argval, None) if isinstance(function, ModuleType) else None
            elif i.opname.startswith("LOAD_") and isinstance(i.argval, str):
                for names in (frame.f_locals, frame.f_globals, frame.f_builtins):
                    if i.argval in names:
                        function = names[i.argval]
                        break
    return function


def _start(instruction: dis.Instruction) -> tuple[int, int] | None:
    places = instruction.positions
    if places is None or places.lineno is None or places.col_offset is None:
        return None
    return places.lineno, places.col_offset


def _title(reader: object, what: str) -> str:
    if reader is _Assignment:
        return "the assignment to an item of an array of floats"
    name = getattr(reader, "__name__", "")
    module = getattr(reader, "__module__", "")
    if not name or not module:
        return what
    return f"{name}()" if module == "builtins" else f"{module}.{name}()"


def _remedy(reader: object) -> str:
    if reader is _Assignment:
        return "autograd_lite's Values need a list, or an array of objects: np.zeros(2, dtype=object)"
    if getattr(reader, "__module__", "") == "math":
        name = getattr(reader, "__name__", "")
        row = TABLE.get(_NAMES.get(name, name))
        if row is not None and row.public:
            return f"use {_OPERATORS.get(row.name) or f'autograd_lite.{row.name}'}"
    return (
        "compute with the Value itself, with operators and the functions of autograd_lite (autograd_lite.sin, …);"
        " to look at its number, read .data"
    )


# What has another name here than in `math`, or is an operator.
_NAMES: Final = {"fabs": "abs", "fsum": "total", "sumprod": "dot"}
_OPERATORS: Final = {"abs": "abs()", "pow": "the operator **"}
