"""Walks over nested lists, tuples and dicts: what is in them, and the same structure with other contents.

Anything that is not a list, a tuple or a dict is an item, arrays too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any


def items(structure: Any) -> Iterator[Any]:
    """Each item, in order.

    Examples
    --------
    >>> list(items({"w": [1.0, (2.0, 3.0)], "b": 4.0}))
    [1.0, 2.0, 3.0, 4.0]
    """
    if not isinstance(structure, (list, tuple, dict)):
        yield structure
        return
    for part in structure.values() if isinstance(structure, dict) else structure:
        if isinstance(part, (list, tuple, dict)):
            yield from items(part)
        else:
            yield part


def named_items(structure: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Each item with its place, as one would write it in Python.

    Examples
    --------
    >>> list(named_items({"w": [1.0, 2.0], "b": 3.0}, "net"))
    [("net['w'][0]", 1.0), ("net['w'][1]", 2.0), ("net['b']", 3.0)]
    """
    if isinstance(structure, (list, tuple)):
        for i, part in enumerate(structure):
            yield from named_items(part, f"{name}[{i}]")
    elif isinstance(structure, dict):
        for key, part in structure.items():
            yield from named_items(part, f"{name}[{key!r}]")
    else:
        yield name, structure


def refilled(structure: Any, contents: Iterable[Any]) -> Any:
    """The same structure with other items, in order.

    Examples
    --------
    >>> refilled({"w": [1.0, (2.0, 3.0)], "b": 4.0}, "abcd")
    {'w': ['a', ('b', 'c')], 'b': 'd'}
    """
    rest = iter(contents)
    return mapped(lambda _: next(rest), structure)


def mapped(function: Callable[[Any], Any], structure: Any) -> Any:
    """The same structure with what a function makes of each item.

    Examples
    --------
    >>> mapped(abs, [-1.0, (2.0, -3.0)])
    [1.0, (2.0, 3.0)]
    """
    if isinstance(structure, list):
        return [mapped(function, part) for part in structure]
    if isinstance(structure, tuple):
        parts = [mapped(function, part) for part in structure]
        return type(structure)(*parts) if hasattr(structure, "_fields") else tuple(parts)
    if isinstance(structure, dict):
        return {key: mapped(function, part) for key, part in structure.items()}
    return function(structure)
