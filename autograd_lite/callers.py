"""Which line of the user's program is running, for messages."""

from __future__ import annotations

import linecache
import os
import re
import sys
import sysconfig
from types import FrameType
from typing import Final, NamedTuple

from autograd_lite.text import escaped

_PACKAGE: Final = os.path.dirname(os.path.abspath(__file__)) + os.sep


# Where Python and what is installed beside it keep their code: NumPy's frames are not the user's.
_LIBRARIES: Final = tuple(
    {
        os.path.join(path, "")
        for name, path in sysconfig.get_paths().items()
        if name in ("stdlib", "platstdlib", "purelib", "platlib")
    }
)
_OLD_CELL: Final = re.compile(r"<ipython-input-(\d+)-")


class Line(NamedTuple):
    """A line of a program: as text, `train.py, line 12, in step, `y = a * b``; of a notebook, `cell 3, line 2, …`."""

    path: str
    number: int
    function: str

    def __str__(self) -> str:
        where = f"{_cell(self.path) or escaped(os.path.basename(self.path))}, line {self.number}"
        if not self.function.startswith("<"):
            where += f", in {self.function}"
        text = escaped(linecache.getline(self.path, self.number).strip(), limit=200)
        return f"{where}, `{text}`" if text else where


def user_line() -> Line:
    """The innermost running line of the user's own code; where there is none, the outermost of all."""
    innermost: FrameType | None = None
    frame = sys._getframe(1)
    while frame.f_back is not None:
        path = frame.f_code.co_filename
        if not path.startswith(_PACKAGE):
            if not path.startswith(_LIBRARIES) and not path.startswith("<frozen "):
                break
            innermost = innermost or frame
        frame = frame.f_back
    else:
        frame = innermost or frame
    return Line(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)


def is_own(frame: FrameType) -> bool:
    """Whether a frame runs code of this package."""
    return frame.f_code.co_filename.startswith(_PACKAGE)


def _cell(path: str) -> str:
    """What a notebook calls the cell that it keeps under this path: `cell 3`; empty for a file."""
    if match := _OLD_CELL.match(path):
        return f"cell {match[1]}"
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    named = getattr(getattr(shell, "compile", None), "format_code_name", lambda path: None)(path)
    number = re.search(r"\d+", named[1]) if named else None
    return f"cell {number[0]}" if number else ""
