"""Which line of the user's program is running, for messages."""

from __future__ import annotations

import linecache
import os
import sys
from typing import Final, NamedTuple

from autograd_lite.text import escaped

_PACKAGE: Final = os.path.dirname(os.path.abspath(__file__)) + os.sep


class Line(NamedTuple):
    """A line of a program: as text, `train.py, line 12, in step, `y = a * b``."""

    path: str
    number: int
    function: str

    def __str__(self) -> str:
        where = f"{escaped(os.path.basename(self.path))}, line {self.number}"
        if not self.function.startswith("<"):
            where += f", in {self.function}"
        text = escaped(linecache.getline(self.path, self.number).strip(), limit=200)
        return f"{where}, `{text}`" if text else where


def user_line() -> Line:
    """The innermost running line outside this package; within it, the outermost."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return Line(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)
