"""The names of the arguments of a compiled function in its program."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from autograd_lite.compiler.front.arguments import Arguments
from autograd_lite.compiler.text.libraries import RESERVED

# Names that programs use, besides those that end in a digit and those of gradients, d_….
_TAKEN: Final = {*dir(np), *RESERVED, "values", "d_values", "d_parameters", "forward", "backward"}


def argument_names(arguments: Arguments, function: Callable[..., Any]) -> list[str]:
    """What each array is called in a program: the name of the argument, changed where a program cannot use it."""
    try:
        given = [p.name for p in inspect.signature(function).parameters.values() if p.kind is not p.VAR_POSITIONAL]
    except (TypeError, ValueError):
        given = []
    given += [f"x{i}" for i in range(len(given), len(arguments.args))]
    parts, options = arguments.structure
    names: list[str] = []
    for part, name in [*zip(parts, given, strict=False), *[(part, name) for name, part in options]]:
        names += _names_of(part, name)
    seen: set[str] = set()
    for i, name in enumerate(names):
        if not name.isidentifier() or name in _TAKEN or name[-1].isdigit() or name[:2] == "d_":
            names[i] = name = (name if name.isidentifier() else "x") + "_"
        while names[i] in seen:
            names[i] += "_"
        seen.add(names[i])
    return names


def _names_of(part: Any, name: str) -> list[str]:
    if part is None:
        return [name]
    kind, *rest = part
    if kind == "option":
        return []
    if kind == "dict":
        return [inner for key, item in rest[0] for inner in _names_of(item, f"{name}_{key}")]
    return [inner for i, item in enumerate(rest[0]) for inner in _names_of(item, f"{name}_{'abcdefgh'[i % 8]}")]
