"""Tracebacks in a notebook: the lines of the user, without those of this package, which say nothing about the mistake.

IPython shows every frame with the lines around it. A script keeps the whole traceback.
"""

from __future__ import annotations

import linecache
import sys
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

_PACKAGE = __name__.partition(".")[0]


def prepare() -> None:
    """Shorten tracebacks in IPython; elsewhere let those of the native build have their source."""
    for name in ("ops", "value"):  # mypyc names the file by its path at build time
        path = Path(__file__).with_name(f"{name}.py")
        linecache.cache.setdefault(f"{_PACKAGE}/{name}.py", (partial(path.read_text, encoding="utf-8"),))
    shorten_tracebacks()


def shorten_tracebacks() -> None:
    """In IPython, leave this package's frames out of tracebacks; does nothing elsewhere, or if a handler is set."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if shell is not None and not getattr(shell, "custom_exceptions", True):
        shell.set_custom_exc((Exception,), _show)


def _show(shell: Any, kind: type, error: BaseException, traceback: TracebackType, tb_offset: int | None = None) -> None:
    """What IPython calls with an error of a cell."""
    part = users_part(traceback)
    cause, is_context_hidden = error.__cause__, error.__suppress_context__
    if part is not traceback:  # an error of ours says all that its cause said
        error.__cause__ = None
    try:
        shell.showtraceback((kind, error, part), tb_offset=tb_offset, running_compiled_code=True)
    finally:
        error.__cause__, error.__suppress_context__ = cause, is_context_hidden


def users_part(traceback: TracebackType | None) -> TracebackType | None:
    """The traceback without the frames of this package, if it was they that raised, or a function of a cell that they called.

    Elsewhere (a library that was called with something unfit) they stay: that may be our fault.
    """
    entries = []
    while traceback is not None:
        entries.append(traceback)
        traceback = traceback.tb_next
    if not entries or not (_is_ours(entries[-1]) or entries[-1].tb_frame.f_globals.get("__name__") == "__main__"):
        return entries[0] if entries else None
    part: TracebackType | None = None
    for entry in reversed(entries):
        if not _is_ours(entry):
            part = TracebackType(part, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return part


def _is_ours(entry: TracebackType) -> bool:
    return str(entry.tb_frame.f_globals.get("__name__")).partition(".")[0] == _PACKAGE
