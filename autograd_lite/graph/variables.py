"""The variables of the program that asks for a picture: they name the Values that have no label."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Final

_PACKAGE: Final = str(Path(__file__).parents[1])
_DISPLAYS: Final = frozenset(("IPython", "ipykernel"))  # these ask for a picture that shows itself


def variables_of_caller() -> Mapping[str, object]:
    """The variables that the caller of this package sees, its own first; empty where no program called."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not _is_of_a_program(frame):
        frame = frame.f_back
    if frame is None:
        return {}
    own = frame.f_locals
    seen = {**own, **{name: value for name, value in frame.f_globals.items() if name not in own}}
    return {name: value for name, value in seen.items() if name.isidentifier()}  # no helpers of pytest and the like


def _is_of_a_program(frame: FrameType) -> bool:
    module = str(frame.f_globals.get("__name__", ""))
    return not frame.f_code.co_filename.startswith(_PACKAGE) and module.partition(".")[0] not in _DISPLAYS
