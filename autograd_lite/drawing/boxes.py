"""Boxes and wires: what every level of detail is drawn with, and how they are written as DOT."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from autograd_lite.drawing import palette
from autograd_lite.drawing.palette import Colour
from autograd_lite.drawing.render import NUMBER_FONT, TEXT_FONT
from autograd_lite.drawing.text import html, width

if TYPE_CHECKING:
    import graphviz

_SWATCH: Final = 17  # points
_ROW_COLOURS: Final = {"data": palette.DATA, "grad": palette.GRAD}


@dataclass(slots=True)
class Box:
    """One node of a picture.

    `heading` is what it does, `name` what it is called, `rows` are captions with their numbers. All texts are plain
    and are escaped here.
    """

    id: str
    role: str
    heading: str
    name: str = ""
    rows: list[tuple[str, str]] = field(default_factory=list)
    tooltip: str = ""
    fill: Colour | None = None  # in place of the role's


@dataclass(slots=True)
class Wire:
    """One edge of a picture, between the ids of two boxes."""

    id: str
    tail: str
    head: str
    label: str = ""
    tooltip: str = ""
    colour: Colour = palette.WIRE
    width: float = 1.1


@dataclass(slots=True)
class Scene:
    """All that a picture shows."""

    title: str
    boxes: list[Box]
    wires: list[Wire]
    notes: list[str] = field(default_factory=list)  # a line each, under the legend
    heat: str = ""  # what the fills show, if not the roles

    def tooltips(self) -> dict[str, str]:
        """The tooltip of each box and wire that has one, by its id."""
        parts: list[Box | Wire] = [*self.boxes, *self.wires]
        return {part.id: part.tooltip for part in parts if part.tooltip}


def to_digraph(scene: Scene, direction: str) -> graphviz.Digraph:
    """Write a scene as DOT."""
    import graphviz

    digraph = graphviz.Digraph("autograd_lite")
    # The lines are ours, with ids of ours and escaped labels: writing them is ten times faster than having each
    # attribute quoted.
    digraph.body += [
        f'\trankdir={direction} ordering=in ranksep=0.42 nodesep=0.16 pad=0.14 bgcolor="{palette.PAPER.light}"\n',
        f"\tlabelloc=t labeljust=l {_font(TEXT_FONT, 12, palette.INK)}\n",
        f"\tlabel=<{_header(scene)}>\n",
        f'\tnode [shape=box margin="0.1,0.06" height=0.3 width=0.3 {_font(TEXT_FONT, 12, palette.INK)}]\n',
        f"\tedge [arrowsize=0.6 {_font(NUMBER_FONT, 11, palette.GRAD)}]\n",
    ]
    digraph.body += [_box(box) for box in scene.boxes]
    digraph.body += [_wire(wire) for wire in scene.wires]
    return digraph


def _font(name: str, size: int, colour: Colour) -> str:
    return f'fontname="{name}" fontsize={size} fontcolor="{colour.light}"'


def _span(text: str, size: int = 12, colour: Colour = palette.INK, mono: bool = False, bold: bool = False) -> str:
    inner = f"<B>{html(text)}</B>" if bold else html(text)
    face = f' FACE="{NUMBER_FONT}"' if mono else ""
    return f'<FONT POINT-SIZE="{size}" COLOR="{colour.light}"{face}>{inner}</FONT>'


def _table(rows: Iterable[str], attributes: str = "") -> str:
    body = "".join(f"<TR>{row}</TR>" for row in rows)
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1"{attributes}>{body}</TABLE>'


def _cell(content: str, text: str = "") -> str:
    # The embedded renderer cannot measure other than ASCII text: say how wide it is.
    wide = f' WIDTH="{width(text, 14.0):.0f}"' if not text.isascii() else ""
    return f'<TD ALIGN="LEFT"{wide}>{content}</TD>'


def _box(box: Box) -> str:
    role = palette.ROLES[box.role]
    heading = _span(box.heading, 14, bold=True) if box.heading else ""
    name = _span(box.name, 13, palette.MUTED if heading else palette.INK, bold=not heading) if box.name else ""
    top = _cell(f"{heading}  {name}" if heading and name else heading or name, box.heading + box.name)
    rows = [
        _cell(f"{_span(caption, 10, palette.MUTED)} {_span(text, 12, _ROW_COLOURS[caption], mono=True)}")
        for caption, text in box.rows
    ]
    style = "rounded,filled" if role.rounded else "filled"
    return (
        f'\t{box.id} [id={box.id} class={box.role} style="{style}" fillcolor="{(box.fill or role.fill).light}"'
        f' color="{role.line.light}" penwidth={role.width} label=<{_table([top, *rows])}>]\n'
    )


def _wire(wire: Wire) -> str:
    label = f' label="{wire.label}"' if wire.label else ""
    return f'\t{wire.tail} -> {wire.head} [id={wire.id} color="{wire.colour.light}" penwidth={wire.width:.2g}{label}]\n'


# --- the header: a title and a legend ---------------------------------------------------------------------------------


def _header(scene: Scene) -> str:
    rows = [
        _cell(_span(scene.title, 13, mono=True, bold=True), scene.title),
        _cell(_legend([name for name in palette.ROLES if any(box.role == name for box in scene.boxes)])),
        *(_cell(_span(note, 10, palette.MUTED)) for note in scene.notes),
        '<TD HEIGHT="5"></TD>',
    ]
    return _table(rows)


def _legend(roles: Sequence[str]) -> str:
    cells = []
    for name in roles:
        role = palette.ROLES[name]
        rounded = ' STYLE="ROUNDED"' if role.rounded else ""
        cells.append(
            f'<TD BORDER="{round(role.width)}" COLOR="{role.line.light}" BGCOLOR="{role.fill.light}"{rounded}'
            f' WIDTH="{_SWATCH}" HEIGHT="12" FIXEDSIZE="TRUE"></TD>{_cell(_span(f" {name}", 10, palette.MUTED))}'
        )
    # Of a fixed size, lest it stretches to the width of the title.
    wide = sum(_SWATCH + 12 + width(name, 10.0) for name in roles)
    return _table(["".join(cells)], f' ALIGN="LEFT" FIXEDSIZE="TRUE" WIDTH="{wide:.0f}" HEIGHT="18"')
