"""Which line of the user's program is running, for messages."""

from __future__ import annotations

import linecache
import os
import re
import sys
import sysconfig
from types import FrameType
from typing import Final, NamedTuple

from autograd_lite._support.text import escaped

_MODULES: Final = f"{__name__.partition('.')[0]}."
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


class SourceLine(NamedTuple):
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


def user_line() -> SourceLine:
    """The innermost running line of the user's own code; where there is none, the outermost of all."""
    frames: list[tuple[FrameType, int]] = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        frames.append((frame, frame.f_lineno))
        frame = frame.f_back
    return _users(frames)


def line_of(error: BaseException) -> SourceLine:
    """The innermost line of the user's own code that an error came through."""
    frames = []
    traceback = error.__traceback__
    while traceback is not None:
        frames.append((traceback.tb_frame, traceback.tb_lineno))
        traceback = traceback.tb_next
    return _users(frames[::-1])


def _users(frames: list[tuple[FrameType, int]]) -> SourceLine:
    """Of frames, innermost first, the first that is neither of this package nor of a library."""
    others = [(frame, number) for frame, number in frames if not is_own(frame)]
    users = [(frame, number) for frame, number in others if not _is_of_a_library(frame)]
    frame, number = (users or others or frames[-1:])[0]
    return SourceLine(frame.f_code.co_filename, number, frame.f_code.co_name)


def _is_of_a_library(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith((*_LIBRARIES, "<frozen ", "<string>"))


def is_own(frame: FrameType) -> bool:
    """Whether a frame runs code of this package."""
    # (What mypyc compiled has a path of its own.)
    return frame.f_code.co_filename.startswith(_PACKAGE) or frame.f_globals.get("__name__", "").startswith(_MODULES)


def _cell(path: str) -> str:
    """What a notebook calls the cell that it keeps under this path: `cell 3`; empty for a file."""
    if match := _OLD_CELL.match(path):
        return f"cell {match[1]}"
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    named = getattr(getattr(shell, "compile", None), "format_code_name", lambda path: None)(path)
    number = re.search(r"\d+", named[1]) if named else None
    return f"cell {number[0]}" if number else ""
