"""A picture as a Mermaid flowchart, which GitHub, GitLab and many editors draw in Markdown."""

from __future__ import annotations

import re

from autograd_lite.drawing.scene import palette
from autograd_lite.drawing.scene.boxes import Box, Scene


def to_mermaid(scene: Scene, direction: str) -> str:
    """Write a scene as a flowchart.

    Parameters
    ----------
    scene : Scene
    direction : {"LR", "TB", "RL", "BT"}
        Where values flow.
    """
    lines = [f"flowchart {direction}"]
    lines += [f"  {box.id}{_shape(box)}" for box in scene.boxes]
    for edge in scene.edges:
        label = f'|"{_escaped(edge.label)}"|' if edge.label else ""
        lines.append(f"  {edge.tail} -->{label} {edge.head}")
    for name, role in palette.ROLES.items():
        members = [box.id for box in scene.boxes if box.role == name]
        if members:
            style = (
                f"fill:{role.fill.light},stroke:{role.line.light},color:{palette.INK.light},stroke-width:{role.width}px"
            )
            lines += [f"  classDef {name} {style}", f"  class {','.join(members)} {name}"]
    bold = [box.id for box in scene.boxes if box.is_bold]
    lines += [f"  style {place} stroke:{palette.INK.light},stroke-width:4px" for place in bold]
    return "\n".join(lines) + "\n"


def _shape(box: Box) -> str:
    top = "  ".join(filter(None, (box.heading, box.name)))
    text = "<br/>".join([_escaped(top), *[_escaped(f"{caption} {number}") for caption, number in box.rows]])
    return f'("{text}")' if palette.ROLES[box.role].rounded else f'["{text}"]'


def _escaped(text: str) -> str:
    """Text in quotes, in which no character is markup: each that could be is written by its number."""
    return re.sub(r"[^\w .,+/()=−×÷–…∂→-]|\n", lambda match: f"#{ord(match[0])};", text)
