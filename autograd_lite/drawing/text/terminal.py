"""A picture for a terminal: the result at the top, and below each node what it is made from."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from autograd_lite.drawing.scene.boxes import Box, Edge, Scene

_DEEPEST: Final = 30  # levels of indentation


def to_text(scene: Scene) -> str:
    """Write a scene as a tree of lines; a node that is used twice is written out once.

    Parameters
    ----------
    scene : Scene
    """
    boxes = {box.id: box for box in scene.boxes}
    into: dict[str, list[Edge]] = defaultdict(list)
    for edge in scene.edges:
        into[edge.head].append(edge)
    tails = {edge.tail for edge in scene.edges if edge.tail != edge.head}
    roots = [box.id for box in scene.boxes if box.id not in tails] or [scene.boxes[-1].id]
    rows: list[tuple[str, str]] = []
    seen: set[str] = set()
    waiting: list[tuple[str, str, str, Edge | None]] = [(root, "", "", None) for root in reversed(roots)]
    while waiting:
        place, before, below, entry = waiting.pop()
        box = boxes[place]
        again = place in seen and bool(into[place])
        label = f"({entry.label}) " if entry is not None and entry.label else ""
        rows.append((f"{before}{label}{_name(box)}", "as above" if again else _numbers(box)))
        if place in seen:
            continue
        seen.add(place)
        if len(below) > 3 * _DEEPEST:  # a long chain goes on from the left
            below = ""
        for i, inner in reversed(list(enumerate(into[place]))):
            is_last = i == len(into[place]) - 1
            waiting.append(
                (inner.tail, below + ("└─ " if is_last else "├─ "), below + ("   " if is_last else "│  "), inner)
            )
    width = max(len(name) for name, _ in rows)
    lines = [f"{name.ljust(width)}  {numbers}".rstrip() for name, numbers in rows]
    return "\n".join([scene.title, *lines, *scene.notes])


def _name(box: Box) -> str:
    return "  ".join(filter(None, (box.heading, box.name)))


def _numbers(box: Box) -> str:
    return "  ".join([f"{caption} {text}" for caption, text in box.rows])
