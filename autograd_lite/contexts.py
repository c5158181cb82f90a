"""Contexts of a task: `no_grad`, and those in which someone looks on while a program runs.

What holds inside a `with` block holds for the task that entered it, and for no other: the blocks that a task is in
stand in a context variable. A new node only asks whether any block is open at all, in any task, because nearly always
none is (`open_blocks.count`).

mypyc compiles this file together with `value.py`, which asks it at every operation.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Final, final

from autograd_lite._support.mypyc import i64


@final
class _OpenBlocks:
    """The blocks that run in all tasks of the process."""

    __slots__ = ("count", "watching")

    def __init__(self) -> None:
        # How many of them a new node has to know of: whether it is recorded, and who is shown it.
        self.count: i64 = 0
        # Those whose watcher is told where a program reads or stops what no graph records.
        self.watching: Final[list[_Block]] = []


open_blocks: Final = _OpenBlocks()


@final
class _Block:
    """A block of the program that runs inside a context: from where it was entered to where it is left."""

    __slots__ = ("context", "generator", "is_open", "outer", "thread")

    def __init__(self, context: Context, outer: _Block | None) -> None:
        self.context: Final = context
        self.outer: Final = outer
        self.generator: Any = _generator()
        self.thread: Any = threading.get_ident()
        self.is_open: bool = True
        if context.kind == "watcher":
            open_blocks.watching.append(self)
        elif context.setting is not True:
            open_blocks.count += 1

    def close(self) -> None:
        """Leave the block."""
        if self.is_open:
            self.is_open = False
            self.generator = None
            if self.context.kind == "watcher":
                open_blocks.watching.remove(self)
            elif self.context.setting is not True:
                open_blocks.count -= 1

    def holds(self) -> bool:
        """Whether the block is running: not left, and no paused generator."""
        if not self.is_open:
            return False
        if self.generator is None:
            return True
        return self.generator.f_back is not None and self.thread == threading.get_ident()

    def __del__(self) -> None:
        self.close()  # of a thread that ended inside the block


def _generator() -> Any:
    """The frame of the generator whose body enters or leaves a context, if it is one.

    A generator shares the context variables of its caller, so what it enters holds only while it runs. One that is the
    body of a context manager is paused for all of the caller's block: there, what counts is where that block stands.
    """
    frame: Any = sys._getframe()
    while frame is not None:
        caller = frame.f_back
        module = frame.f_globals.get("__name__")
        is_manager = module in _MANAGERS or frame.f_code.co_name in _MANAGING or module == __name__
        if not is_manager:
            if not frame.f_code.co_flags & _CO_GENERATORS:
                return None
            if caller is None or caller.f_globals.get("__name__") not in _MANAGERS:
                return frame
        frame = caller
    return None


_MANAGERS: Final = ("contextlib", "_pytest.fixtures")  # they run generators as context managers
_MANAGING: Final = ("__enter__", "__exit__", "__aenter__", "__aexit__")
_CO_GENERATORS: Final = 0x20 | 0x200  # inspect.CO_GENERATOR and CO_ASYNC_GENERATOR

# The innermost block of the running task: each thread has its own, and each task of asyncio.
_blocks: Final[ContextVar[_Block | None]] = ContextVar("_blocks", default=None)


def setting_of(kind: str) -> Any:
    """What the innermost block of a kind that the running task is in says; None if there is none."""
    block = _blocks.get()
    while block is not None:
        if block.context.kind == kind and block.holds():
            return block.context.setting
        block = block.outer
    return None


class Context:
    """A context that holds for the task which enters it: for its thread, or within asyncio for its coroutine.

    It may be entered again, while it is open and afterwards, and by several tasks.

    Parameters
    ----------
    kind : str
        "recording": the setting is whether operations are recorded. "inspector": it is called as `setting(what, node)`
        with each node that was just made ("build"), computed again ("forward"), or sent its gradient to its parents
        ("backward"). "watcher": it is called as `setting(what, value)` where a graph would lose track of a Value: `what`
        says how the program reads a number: "comparison", "bool()", "float()", "hash()", "the text", ".data", … For
        "detach()" it may return the node to use as result, and for "no_grad()" something true to keep the node.
    setting : bool or callable
    """

    __slots__ = ("blocks", "kind", "setting")

    def __init__(self, kind: str, setting: object) -> None:
        self.kind: Final = kind
        self.setting: Any = setting
        self.blocks: list[_Block] = []

    def __enter__(self) -> None:
        block = _Block(self, _innermost())
        self.blocks.append(block)
        _blocks.set(block)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        generator = _generator()
        block = _blocks.get()
        while block is not None:
            if block.context is self and block.is_open and block.generator is generator:
                break
            block = block.outer
        if block is None:  # a generator that is closed by another task
            if not self.blocks:
                raise RuntimeError(f"{type(self).__name__} is left, but was not entered")
            block = self.blocks[-1]
        block.close()
        self.blocks.remove(block)
        _blocks.set(_innermost())

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function as one that runs inside this context."""
        from autograd_lite._support.decorators import inside

        return inside(self, function)


def _innermost() -> _Block | None:
    """The innermost block of the running task that was not left."""
    block = _blocks.get()
    while block is not None and not block.is_open:
        block = block.outer
    return block


@final
class no_grad(Context):
    """A context in which operations of the current task record nothing: their results are leaves.

    The task is the thread, or within asyncio the coroutine and what it starts inside the block. A generator that is
    paused inside the block silences nobody. As a decorator, `@no_grad()` runs every call of a function inside the
    context: of a generator each step, of a coroutine function until it has returned.

    Examples
    --------
    >>> from autograd_lite import Value
    >>> w = Value(2.0)
    >>> with no_grad():
    ...     y = w * w
    >>> y.is_leaf
    True
    >>> @no_grad()
    ... def predict(x):
    ...     return w * x
    >>> predict(3.0).is_leaf
    True
    """

    def __init__(self, *arguments: object) -> None:
        if arguments:
            raise TypeError("no_grad takes no arguments; as a decorator it is written with parentheses, @no_grad()")
        super().__init__("recording", False)


@final
class recording(Context):
    """A context in which operations of the current task are recorded, even inside `no_grad()`."""

    def __init__(self) -> None:
        super().__init__("recording", True)


def is_recording() -> bool:
    """Whether operations of the current task are recorded: it is not inside `no_grad()`."""
    return open_blocks.count == 0 or setting_of("recording") is not False


def current_inspector() -> Any:
    """What inspects the nodes of the current task, see `Context`; None if nothing does."""
    return None if open_blocks.count == 0 else setting_of("inspector")


def tell_watcher(what: str, value: object) -> object:
    """Tell the watcher what a program does with a Value, and return the answer.

    It is the watcher of the current task. Where there is none, those of other tasks are told: the function that one of
    them watches may have started a thread, which has its own context variables. Each knows the Values that it watches.
    """
    watcher = setting_of("watcher")
    if watcher is not None:
        return watcher(what, value)
    for block in open_blocks.watching.copy():
        answer = block.context.setting(what, value)
        if answer is not None:
            return answer
    return None
