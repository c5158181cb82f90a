"""Boxes and edges: what every level of detail is drawn with, and how they are written as DOT."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from autograd_lite.drawing.scene import palette
from autograd_lite.drawing.scene.palette import NUMBER_FONT, TEXT_FONT, Colour
from autograd_lite.drawing.scene.typesetting import html, short_number, width

if TYPE_CHECKING:
    import graphviz

_SWATCH: Final = 17  # points
COMPACT: Final = 134  # points: the width of a compact box, so that they stand in line
_LARGE: Final = 100  # boxes
_LAYOUTS: Final = {
    "graph": "ranksep=0.42 nodesep=0.16",
    "net": "ranksep=0.75 nodesep=0.16",
    "dense net": "ranksep=1.7 nodesep=0.07 splines=line",
}
_PORTS: Final = {"LR": ("e", "w"), "RL": ("w", "e"), "TB": ("s", "n"), "BT": ("n", "s")}  # where edges leave and enter
ROW_COLOURS: Final = {"data": palette.DATA, "grad": palette.GRAD}


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
    heat: float | None = None  # the number that the fill shows, instead of the role
    compact: bool = False  # its numbers on one line, without captions
    is_bold: bool = False  # highlighted
    room: float = 0.0  # points: how wide it is at least, for numbers that change


@dataclass(slots=True)
class Edge:
    """One edge of a picture, between the ids of two boxes."""

    id: str
    tail: str
    head: str
    label: str = ""
    tooltip: str = ""
    weight: float | None = None  # the number that its colour and width show
    is_bold: bool = False  # highlighted


@dataclass(slots=True)
class Scene:
    """All that a picture shows."""

    title: str
    boxes: list[Box]
    edges: list[Edge]
    notes: list[str] = field(default_factory=list)  # a line each, under the legend
    heat: str | None = None  # "data" or "grad": what the fills show, instead of the roles
    layout: str = "graph"  # or "net": edges leave and enter a box at one point; "dense net": many straight ones

    def tooltips(self) -> dict[str, str]:
        """The tooltip of each box and edge that has one, by its id."""
        parts: list[Box | Edge] = [*self.boxes, *self.edges]
        return {part.id: part.tooltip for part in parts if part.tooltip}


def to_digraph(scene: Scene, direction: str) -> graphviz.Digraph:
    """Write a scene as DOT."""
    import graphviz

    digraph = graphviz.Digraph("autograd_lite")
    # The lines are ours, with ids of ours and escaped labels: writing them is ten times faster than having each
    # attribute quoted.
    digraph.body += [
        f'\trankdir={direction} ordering=in pad=0.14 bgcolor="{palette.PAPER.light}"\n',
        f"\t{_LAYOUTS[scene.layout]}\n",
        f"\tlabelloc=t labeljust=l {_font(TEXT_FONT, 12, palette.INK)}\n",
        f"\tlabel=<{_header(scene)}>\n",
        f'\tnode [shape=box margin="0.1,0.06" height=0.3 width=0.3 {_font(TEXT_FONT, 12, palette.INK)}]\n',
        f"\tedge [arrowsize=0.6 {_font(NUMBER_FONT, 11, palette.GRAD)}]\n",
    ]
    if len(scene.boxes) > _LARGE:  # a good layout in good time, instead of the best one
        digraph.body.append("\tnslimit=1 mclimit=0.3\n")
    if scene.layout != "graph":
        tail, head = _PORTS[direction]
        digraph.body.append(f"\tedge [tailport={tail} headport={head}]\n")
    digraph.body += [_box(box, scene.heat) for box in scene.boxes]
    digraph.body += [_edge(edge, scene.heat or "data") for edge in scene.edges]
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
    wide = f' WIDTH="{width(text, 13.0):.0f}"' if not text.isascii() else ""
    return f'<TD ALIGN="LEFT"{wide}>{content}</TD>'


def _box(box: Box, heat: str | None) -> str:
    role = palette.ROLES[box.role]
    heading = _span(box.heading, 11 if box.compact else 13, bold=True) if box.heading else ""
    name = (
        _span(
            box.name,
            10 if box.compact else 13,
            palette.MUTED if heading and not heat else palette.INK,
            bold=not heading,
        )
        if box.name
        else ""
    )
    top = f"{heading}  {name}" if heading and name else heading or name
    room = COMPACT if box.compact else box.room
    rows = [f'<TD ALIGN="LEFT" WIDTH="{room:.0f}">{top}</TD>' if room else _cell(top, box.heading + box.name)]
    numbers = [
        (caption, _span(text, 11 if box.compact else 12, _row_colour(caption, heat), mono=True))
        for caption, text in box.rows
    ]
    if box.compact and numbers:
        rows.append(_cell("  ".join(text for _, text in numbers)))
    elif not box.compact:
        caption_colour = palette.INK if heat else palette.MUTED
        rows += [_cell(f"{_span(caption, 10, caption_colour)} {text}") for caption, text in numbers]
    fill, dashed = box_fill(box, heat)
    outline = box_outline(box)
    styles = [*(["rounded"] if role.rounded else []), "filled", *(["dashed"] if dashed else [])]
    return (
        f'\t{box.id} [id={box.id} class={box.role} style="{",".join(styles)}" fillcolor="{fill.light}"'
        f' color="{outline.colour.light}" penwidth={outline.width} label=<{_table(rows)}>]\n'
    )


def box_fill(box: Box, heat: str | None) -> tuple[Colour, bool]:
    """What a box is filled with, and whether its outline is dashed."""
    if heat is None:
        return palette.ROLES[box.role].fill, False
    return (palette.PAPER, False) if box.heat is None else (palette.HEATS[heat].fill(box.heat), box.heat == 0.0)


def box_outline(box: Box) -> Stroke:
    """The outline of a box: by its role, or bold where it is highlighted."""
    role = palette.ROLES[box.role]
    return Stroke(palette.INK, _BOLD) if box.is_bold else Stroke(role.line, role.width)


def _row_colour(caption: str, heat: str | None) -> Colour:
    # On a strong fill only ink is readable.
    return palette.INK if heat else ROW_COLOURS.get(caption, palette.INK)


class Stroke(NamedTuple):
    """How an edge looks."""

    colour: Colour = palette.EDGE
    width: float = 1.1
    dashes: str = ""  # as SVG writes them
    arrow: bool = True
    label: Colour = palette.GRAD


_BOLD: Final = 4.2
_DASHED: Final = "5,2"
_DOTTED: Final = "1,5"


def edge_stroke(edge: Edge, shown: str) -> Stroke:
    """How an edge looks: by the number that it shows, if it shows one."""
    if edge.weight is None:
        return Stroke(palette.INK, _BOLD / 1.5) if edge.is_bold else Stroke()
    heat = palette.HEATS[shown]
    width = 0.5 + 2.5 * heat.strength(edge.weight) ** 2
    dashes = _DASHED if edge.weight < 0.0 else _DOTTED if edge.weight == 0.0 else ""
    colour = heat.edge(edge.weight)
    if edge.label:
        return Stroke(colour, max(width, 1.0), dashes, label=ROW_COLOURS[shown])
    return Stroke(colour, width, dashes, arrow=False)  # there are many


def _edge(edge: Edge, shown: str) -> str:
    stroke = edge_stroke(edge, shown)
    style = {_DASHED: " style=dashed", _DOTTED: " style=dotted"}.get(stroke.dashes, "")
    style += "" if stroke.arrow else " arrowhead=none"
    font = "" if stroke.label == palette.GRAD else f' fontcolor="{stroke.label.light}"'
    label = f' label="{edge.label}"{font}' if edge.label else ""
    return f'\t{edge.tail} -> {edge.head} [id={edge.id} color="{stroke.colour.light}" penwidth={stroke.width:.2g}{style}{label}]\n'


# --- the header: a title and a legend ---------------------------------------------------------------------------------


def _header(scene: Scene) -> str:
    rows = [
        _cell(_span(scene.title, 13, mono=True, bold=True), scene.title),
        *(_cell(_legend(parts)) for parts in legend(scene)),
        *(_cell(_span(note, 10, palette.MUTED), note) for note in scene.notes),
        '<TD HEIGHT="5"></TD>',
    ]
    return _table(rows)


def legend(scene: Scene) -> list[list[Swatch | str]]:
    """What the fills mean: lines of swatches and texts."""
    roles = [name for name in palette.ROLES if any(box.role == name for box in scene.boxes)]
    rows = [[part for name in roles for part in (_role_swatch(name, scene.heat), f" {name}    ")]]
    return [*rows, _heat_legend(scene.heat)] if scene.heat else rows


def _role_swatch(name: str, heat: str | None) -> Swatch:
    role = palette.ROLES[name]
    return Swatch(palette.PAPER if heat else role.fill, role.line, round(role.width), role.rounded)


def _heat_legend(shown: str) -> list[Swatch | str]:
    heat = palette.HEATS[shown]
    scale = [Swatch(heat.fill(x)) for x in heat.steps()]
    low, high = short_number(10.0**heat.lowest), short_number(10.0**heat.highest)
    return [
        f"|{shown}|  {low} ", *scale, f" {high}    ", Swatch(palette.ZERO), " 0    ",
        Swatch(palette.NOT_FINITE), " inf, nan",
    ]  # fmt: skip


class Swatch(NamedTuple):
    """A small piece of a fill and its outline."""

    fill: Colour
    line: Colour = palette.EDGE
    border: int = 1
    rounded: bool = False
    width: float = _SWATCH


def _legend(parts: Sequence[Swatch | str]) -> str:
    """A line of swatches and texts."""
    cells, wide = "", 0.0
    for part in parts:
        if isinstance(part, str):
            cells += _cell(_span(part, 10, palette.MUTED))
            wide += width(part, 10.0)
        else:
            rounded = ' STYLE="ROUNDED"' if part.rounded else ""
            cells += (
                f'<TD BORDER="{part.border}" COLOR="{part.line.light}" BGCOLOR="{part.fill.light}"{rounded}'
                f' WIDTH="{_SWATCH}" HEIGHT="12" FIXEDSIZE="TRUE"></TD>'
            )
            wide += part.width
    # Of a fixed size, so that it does not stretch to the width of the title.
    return _table([cells], f' ALIGN="LEFT" FIXEDSIZE="TRUE" WIDTH="{wide:.0f}" HEIGHT="18"')
