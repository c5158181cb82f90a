"""A picture without Graphviz: the same boxes, edges and header, in a layout of our own, as SVG."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from itertools import pairwise
from typing import Final, NamedTuple

from autograd_lite.drawing.scene import palette
from autograd_lite.drawing.scene.boxes import (
    COMPACT,
    ROW_COLOURS,
    Box,
    Edge,
    Scene,
    Swatch,
    box_fill,
    box_outline,
    edge_stroke,
    legend,
)
from autograd_lite.drawing.scene.palette import NUMBER_FONT, TEXT_FONT, Colour
from autograd_lite.drawing.scene.typesetting import width
from autograd_lite.drawing.svg.layout import Point, lay_out

_MARGIN: Final = 10.0  # points, here and below
_PADDING: Final = Point(8.5, 4.5)
_LINE: Final = 15.0
_ARROW: Final = 6.0
_LABEL: Final = 12.0
_GAPS: Final = {"graph": 34.0, "net": 54.0, "dense net": 122.0}
_MONO: Final = 0.602  # of the size, the width of a character
_BOLD: Final = 1.07
_SANS: Final = dict.fromkeys(" .,:;!/()[]'ijltfrI", 0.29) | dict.fromkeys("cksvxyz", 0.5) | dict.fromkeys("mwMW%", 0.85)


class _Text(NamedTuple):
    text: str
    size: float
    colour: Colour = palette.INK
    mono: bool = False
    bold: bool = False

    @property
    def width(self) -> float:
        if self.mono:
            return max(_MONO * self.size * len(self.text), 0.0 if self.text.isascii() else width(self.text, self.size))
        if not self.text.isascii():
            return width(self.text, self.size)
        return self.size * (_BOLD if self.bold else 1.0) * sum(_SANS.get(c, 0.56) for c in self.text)


_Line = Sequence[_Text | Swatch]


def sketch(scene: Scene, direction: str) -> str:
    """Draw a scene as SVG, in the form that Graphviz gives it: with an id and a class for each box and edge.

    Parameters
    ----------
    scene : Scene
    direction : {"LR", "TB", "RL", "BT"}
        Where values flow.
    """
    placed = _place(scene, direction)
    upright = direction in ("TB", "BT")
    header, reach = _header(scene)
    parts = []
    for box in scene.boxes:
        centre, size = placed.centres[box.id], placed.sizes[box.id]
        reach.append(_beyond(centre, size, 0.5))
        parts += _box(box, scene.heat, centre, size, placed.lines[box.id])
    for edge, route in zip(scene.edges, placed.routes):
        points = route or _circle(placed.centres[edge.head], placed.sizes[edge.head])
        reach += points
        parts += _edge(edge, scene, points, upright or not route, 0.0 if upright else placed.room[edge.head])
    top = len(header) * _LINE + 8.0
    w = max([place.along for place in reach]) + 2.0 * _MARGIN
    h = max([place.across for place in reach[len(header) :]]) + top + 2.0 * _MARGIN
    body = "\n".join([*_write_lines(header, 0.0, -top), *parts])
    return (
        f'<svg width="{w:.0f}pt" height="{h:.0f}pt"\n viewBox="0.00 0.00 {w:.2f} {h:.2f}"'
        ' xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">\n'
        f'<g id="graph0" class="graph" transform="translate({_MARGIN} {_MARGIN + top})">\n<title>autograd_lite</title>\n'
        f'<path fill="{palette.PAPER.light}" d="{_outline(-_MARGIN, -_MARGIN - top, Point(w, h))}"/>\n'
        f"{body}\n</g>\n</svg>\n"
    )


class _Placed(NamedTuple):
    """A scene on paper: points to the right and down."""

    centres: dict[str, Point]
    sizes: dict[str, Point]
    lines: dict[str, list[_Line]]
    routes: list[list[Point]]
    room: dict[str, float]  # before each box, for the labels of the edges that reach it


def places(scene: Scene, direction: str) -> list[Point]:
    """The centre of each box, in points to the right and down."""
    centres = _place(scene, direction).centres
    return [centres[box.id] for box in scene.boxes]


def _place(scene: Scene, direction: str) -> _Placed:
    lines = {box.id: _lines(box, scene.heat) for box in scene.boxes}
    labelled = Counter(edge.head for edge in scene.edges if edge.label)
    sizes = {box.id: _size(box, lines[box.id], labelled[box.id]) for box in scene.boxes}
    upright = direction in ("TB", "BT")
    edges = [(edge.tail, edge.head) for edge in scene.edges]
    room: dict[str, float] = {}
    for edge in scene.edges:
        needed = _LINE if upright else _Text(edge.label, 11.0, mono=True).width + 4.0
        room[edge.head] = max(room.get(edge.head, 0.0), needed if edge.label else 0.0)
    gap = _GAPS[scene.layout] + max(room.values(), default=0.0)
    extents = {box: Point(*size[::-1]) if upright else size for box, size in sizes.items()}
    centres, routes = lay_out(extents, edges, gap, spread_ports=scene.layout != "dense net")
    length = max(centres[box].along + extents[box].along / 2.0 for box in centres)

    def on_paper(place: Point) -> Point:
        """Where a place of the layout is: how far to the right, and how far down."""
        along = length - place.along if direction in ("RL", "BT") else place.along
        return Point(place.across, along) if upright else Point(along, place.across)

    return _Placed(
        {box: on_paper(centre) for box, centre in centres.items()},
        sizes,
        lines,
        [[on_paper(point) for point in route] for route in routes],
        room,
    )


def _beyond(place: Point, size: Point, share: float) -> Point:
    return Point(place.along + share * size.along, place.across + share * size.across)


def _header(scene: Scene) -> tuple[list[_Line], list[Point]]:
    """The lines over the picture, and how far each reaches."""
    title: list[_Text | Swatch] = [_Text(scene.title, 13.0, mono=True, bold=True)]
    keys = [
        [_Text(part, 10.0, palette.MUTED) if isinstance(part, str) else part for part in row] for row in legend(scene)
    ]
    notes = [[_Text(note, 10.0, palette.MUTED)] for note in scene.notes]
    header: list[_Line] = [title, *keys, *notes]
    return header, [Point(sum(part.width for part in line), 0.0) for line in header]


# --- boxes ------------------------------------------------------------------------------------------------------------


def _lines(box: Box, heat: str | None) -> list[_Line]:
    """What a box says: what it does and what it is called, then its numbers."""
    small = box.compact
    top = []
    if box.heading:
        top.append(_Text(box.heading, 11.0 if small else 13.0, bold=True))
    if box.name:
        colour = palette.MUTED if top and not heat else palette.INK
        gap = "  " if top else ""
        top.append(_Text(gap + box.name, 10.0 if small else 13.0, colour, bold=not top))
    number_colours = [palette.INK if heat else ROW_COLOURS.get(caption, palette.INK) for caption, _ in box.rows]
    if small:
        gaps = ["", *["  "] * (len(box.rows) - 1)]
        numbers = [
            _Text(f"{gap}{text}", 11.0, c, mono=True) for gap, (_, text), c in zip(gaps, box.rows, number_colours)
        ]
        return [line for line in (top, numbers) if line]
    caption_colour = palette.INK if heat else palette.MUTED
    return [
        top,
        *[
            [_Text(f"{caption} ", 10.0, caption_colour), _Text(text, 12.0, colour, mono=True)]
            for (caption, text), colour in zip(box.rows, number_colours)
        ],
    ]


def _size(box: Box, lines: list[_Line], labels: int) -> Point:
    """Width and height; as high as so many labels of edges need."""
    widest = max([sum(part.width for part in line) for line in lines], default=0.0)
    height = max(len(lines) * _LINE + 2.0 * _PADDING.across, _LABEL * (labels + 1))
    return Point(max(widest, COMPACT if box.compact else box.room or 20.0) + 2.0 * _PADDING.along, height)


def _box(box: Box, heat: str | None, centre: Point, size: Point, lines: list[_Line]) -> list[str]:
    left, top = _beyond(centre, size, -0.5)
    role = palette.ROLES[box.role]
    fill, dashed = box_fill(box, heat)
    stroke = box_outline(box)
    outline = _outline(left, top, size, 12.0 if role.rounded else 0.0)
    dashes = ' stroke-dasharray="5,2"' if dashed else ""
    return [
        f'<g id="{box.id}" class="node {box.role}">\n<title>{box.id}</title>',
        f'<path fill="{fill.light}" stroke="{stroke.colour.light}" stroke-width="{stroke.width}"{dashes} d="{outline}"/>',
        *_write_lines(lines, left + _PADDING.along, top + _PADDING.across),
        "</g>",
    ]


def _outline(left: float, top: float, size: Point, corner: float = 0.0) -> str:
    """The path around a box, with round corners of some radius."""
    right, bottom = left + size.along, top + size.across
    corners = [(right, top, 0, 1), (right, bottom, -1, 0), (left, bottom, 0, -1), (left, top, 1, 0)]
    path = f"M{left + corner:.2f},{top:.2f}"
    before = (-1, 0), (0, -1), (1, 0), (0, 1)
    for (x, y, dx, dy), (bx, by) in zip(corners, before):
        path += f"L{x + corner * bx:.2f},{y + corner * by:.2f}"
        if corner:
            path += f"A{corner},{corner} 0 0 1 {x + corner * dx:.2f},{y + corner * dy:.2f}"
    return path + "Z"


def _write_lines(lines: Iterable[_Line], left: float, top: float) -> list[str]:
    parts = []
    for number, line in enumerate(lines):
        x, baseline = left, top + (number + 0.76) * _LINE
        for part in line:
            if isinstance(part, Swatch):
                outline = _outline(x + 1.0, baseline - 9.0, Point(part.width - 2.0, 11.0), 3.0 if part.rounded else 0.0)
                parts.append(
                    f'<path fill="{part.fill.light}" stroke="{part.line.light}" stroke-width="{part.border}" d="{outline}"/>'
                )
            else:
                parts.append(_write(part, x, baseline))
            x += part.width
    return parts


def _write(part: _Text, x: float, y: float, more: str = 'text-anchor="start"') -> str:
    font, weight = NUMBER_FONT if part.mono else TEXT_FONT, ' font-weight="bold"' if part.bold else ""
    return (
        f'<text {more} x="{x:.2f}" y="{y:.2f}" font-family="{font}"{weight} font-size="{part.size:.2f}"'
        f' fill="{part.colour.light}">{escape(part.text)}</text>'
    )


# --- edges ------------------------------------------------------------------------------------------------------------


def _edge(edge: Edge, scene: Scene, points: list[Point], upright: bool, room: float) -> list[str]:
    """An edge as SVG; it runs straight below its label, over so much room."""
    line = edge_stroke(edge, scene.heat or "data")
    ahead = _ahead(points, upright)
    tip = points[-1]
    arrow = _ARROW if line.arrow else 0.0
    points = [*points[:-2], _moved(points[-2], ahead, -room - arrow), _moved(tip, ahead, -arrow)]
    path = f"M{points[0].along:.2f},{points[0].across:.2f}"
    for i, (first, second) in enumerate(pairwise(points)):
        curved = i % 2 == 1 and scene.layout != "dense net"
        path += _curve(first, second, upright) if curved else f"L{second.along:.2f},{second.across:.2f}"
    colour = line.colour.light
    dashes = f' stroke-dasharray="{line.dashes}"' if line.dashes else ""
    parts = [
        f'<g id="{edge.id}" class="edge">\n<title>{edge.id}</title>',
        f'<path fill="none" stroke="{colour}" stroke-width="{line.width:.2g}"{dashes} d="{path}"/>',
    ]
    if line.arrow:
        side = Point(ahead.across, ahead.along)
        corners = [_moved(points[-1], side, -0.35 * _ARROW), _moved(points[-1], side, 0.35 * _ARROW), tip]
        text = " ".join([f"{x:.2f},{y:.2f}" for x, y in corners])
        parts.append(f'<polygon fill="{colour}" stroke="{colour}" points="{text}"/>')
    if edge.label:
        parts.append(_label(edge.label, line.label, points, ahead))
    return [*parts, "</g>"]


def _ahead(points: list[Point], upright: bool) -> Point:
    """The direction in which an edge reaches its head: one point of length."""
    first, second = points[0], points[-1]
    if upright:
        return Point(0.0, 1.0 if second.across > first.across else -1.0)
    return Point(1.0 if second.along > first.along else -1.0, 0.0)


def _moved(place: Point, way: Point, distance: float) -> Point:
    return Point(place.along + distance * way.along, place.across + distance * way.across)


def _curve(first: Point, second: Point, upright: bool) -> str:
    """From side to side, setting out and arriving along the flow."""
    if upright:
        middle = (first.across + second.across) / 2.0
        bends = f"{first.along:.2f},{middle:.2f} {second.along:.2f},{middle:.2f}"
    else:
        middle = (first.along + second.along) / 2.0
        bends = f"{middle:.2f},{first.across:.2f} {middle:.2f},{second.across:.2f}"
    return f"C{bends} {second.along:.2f},{second.across:.2f}"


def _label(text: str, colour: Colour, points: list[Point], ahead: Point) -> str:
    """The text of an edge: where it reaches its head, as the ends of edges stand apart there."""
    anchor, x, y = "middle", points[-1].along, points[-1].across
    if ahead.along:
        anchor, x, y = "end" if ahead.along > 0.0 else "start", x - 2.0 * ahead.along, y - 3.0
    else:  # half-way, as there is no room between the ends
        x, y = (points[-3].along + points[-2].along) / 2.0, (points[-3].across + points[-2].across) / 2.0 + 4.0
    halo = f'stroke="{palette.PAPER.light}" stroke-width="3" paint-order="stroke" stroke-linejoin="round"'
    return _write(_Text(text, 11.0, colour, mono=True), x, y, f'text-anchor="{anchor}" {halo}')


def _circle(centre: Point, size: Point) -> list[Point]:
    """An edge from a box to itself: out of its right, and in again at its top."""
    left, top = _beyond(centre, size, -0.5)
    right = left + size.along
    return [
        Point(right, centre.across),
        Point(right + _ARROW, centre.across),
        Point(right - 2.0 * _ARROW, top - 2.0 * _ARROW),
        Point(right - 2.0 * _ARROW, top),
    ]
