"""Colours of the pictures: one light and one dark value each, and a scale for heat.

Two hues have a meaning everywhere: values are cool (blue), gradients are warm (orange). Roles differ in their fill and
also in their outline (round or square, thin or bold), so that a grey print and every kind of colour vision keep them
apart. Text on its fill has a contrast of at least 4.5 : 1 in both themes.

Graphviz writes the light colours into a picture. Each is listed here once, so a style sheet can turn the light ones
into the dark ones by their value.
"""

from __future__ import annotations

import math
import re
from typing import Final, NamedTuple


class Colour(NamedTuple):
    """A colour on white paper and the same on dark paper."""

    light: str
    dark: str


class Role(NamedTuple):
    """How one kind of node looks."""

    fill: Colour
    line: Colour
    rounded: bool
    width: float


PAPER: Final = Colour("#ffffff", "#15181e")
INK: Final = Colour("#1f2933", "#e6e9ee")
MUTED: Final = Colour("#5b6673", "#a3adba")
EDGE: Final = Colour("#7b8794", "#8592a3")
DATA: Final = Colour("#1d4fb8", "#8fb8ff")
GRAD: Final = Colour("#b0400a", "#ffb077")

ROLES: Final[dict[str, Role]] = {
    "input": Role(Colour("#e3f3f0", "#12342f"), Colour("#1b7a6c", "#4fb5a5"), True, 1.2),
    "parameter": Role(Colour("#f1e8fa", "#332148"), Colour("#7a3eb1", "#b98be8"), True, 2.4),
    "operation": Role(Colour("#f2f4f7", "#222932"), Colour("#8491a1", "#6f7d8f"), False, 1.2),
    # A box that stands for many nodes holds parameters: it has their hue, and the corners of an operation.
    "neuron": Role(Colour("#f7f2fc", "#2a1f38"), Colour("#7a3eb1", "#b98be8"), False, 1.2),
    "layer": Role(Colour("#f7f2fc", "#2a1f38"), Colour("#7a3eb1", "#b98be8"), False, 1.2),
    "output": Role(Colour("#fcf0cd", "#3d3212"), Colour("#94700f", "#d9b44a"), False, 2.4),
}


class Heat(NamedTuple):
    """A scale of colours for the order of magnitude of a number, from weak to strong.

    The scale is fixed, so that two pictures compare: at 10**lowest and below the colour is the weakest, at 10**highest
    and above the strongest. The sign is in the number, and in an edge's dashes.
    """

    lowest: int
    highest: int
    fill_weak: Colour
    fill_strong: Colour
    edge_weak: Colour
    edge_strong: Colour

    def strength(self, x: float) -> float:
        """In [0, 1]; infinite numbers and nan stand out."""
        if not math.isfinite(x):
            return 1.0
        order = math.log10(abs(x)) if x else -math.inf
        return (min(max(order, self.lowest), self.highest) - self.lowest) / (self.highest - self.lowest)

    def fill(self, x: float) -> Colour:
        """The colour of a box."""
        return self._colour(x, self.fill_weak, self.fill_strong)

    def edge(self, x: float) -> Colour:
        """The colour of an edge."""
        return self._colour(x, self.edge_weak, self.edge_strong)

    def steps(self) -> list[float]:
        """One number for each colour of the scale, weakest first."""
        span = self.highest - self.lowest
        return [10.0 ** (self.lowest + span * step / _HEAT_STEPS) for step in range(_HEAT_STEPS + 1)]

    def _colour(self, x: float, weak: Colour, strong: Colour) -> Colour:
        if not math.isfinite(x):
            return NOT_FINITE
        if x == 0.0:
            return ZERO
        # Few steps, so that each has its dark twin in the style sheet.
        share = round(self.strength(x) * _HEAT_STEPS) / _HEAT_STEPS
        return Colour(_between(weak.light, strong.light, share), _between(weak.dark, strong.dark, share))


_HEAT_STEPS: Final = 7
HEATS: Final[dict[str, Heat]] = {
    "data": Heat(-3, 2, Colour("#f4f8fe", "#151c28"), Colour("#5f9df2", "#1f5cae"), Colour("#c9d6ea", "#2f3c50"), DATA),
    "grad": Heat(-6, 1, Colour("#fef7f1", "#231a14"), Colour("#f2913f", "#98490f"), Colour("#ecd6c6", "#4b3728"), GRAD),
}
ZERO: Final = Colour("#c3cbd5", "#4b5562")
NOT_FINITE: Final = Colour("#ffe45c", "#6f5e00")


def _between(first: str, second: str, share: float) -> str:
    parts = [(int(first[i : i + 2], 16), int(second[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in parts)


def _all_colours() -> list[Colour]:
    plain = [PAPER, INK, MUTED, EDGE, DATA, GRAD, ZERO, NOT_FINITE]
    roles = [colour for role in ROLES.values() for colour in (role.fill, role.line)]
    heats = [colour(x) for heat in HEATS.values() for x in heat.steps() for colour in (heat.fill, heat.edge)]
    return list(dict.fromkeys(plain + roles + heats))


THEMES: Final = ("auto", "light", "dark")


def in_theme(svg: str, theme: str) -> str:
    """A picture in the colours of one theme."""
    if theme != "dark":
        return svg
    dark = {colour.light: colour.dark for colour in _all_colours()}
    return _PAINT.sub(lambda match: f'{match[1]}="{dark.get(match[2], match[2])}"', svg)


def dot_in_theme(source: str, theme: str) -> str:
    """DOT in the colours of one theme."""
    if theme != "dark":
        return source
    dark = {colour.light: colour.dark for colour in _all_colours()}
    return _DOT_PAINT.sub(lambda match: f'{match[1]}="{dark.get(match[2], match[2])}"', source)


_DOT_PAINT: Final = re.compile(r'\b((?:font|fill|bg)?color|COLOR|BGCOLOR)="(#[0-9a-f]{6})"')
_PAINT: Final = re.compile(r'\b(fill|stroke)="(#[0-9a-f]{6})"')


def style_sheet(svg: str) -> str:
    """CSS that gives a picture its fonts and, where the page or the system is dark, its dark colours.

    All of it stands in a media rule: programs that know little of CSS pass that over, and show the light colours.
    """
    # A colour has the same number in all pictures, as two may stand on one page.
    used = [(i, colour) for i, colour in enumerate(_all_colours()) if f'"{colour.light}"' in svg]
    light = "".join(f"--a{i}:{colour.light};" for i, colour in used)
    dark = "".join(f"--a{i}:{colour.dark};" for i, colour in used)
    swap = "".join(
        f'.autograd-lite [{what}="{colour.light}"]{{{what}:var(--a{i})}}'
        for i, colour in used
        for what in ("fill", "stroke")
    )
    # A notebook has a theme of its own, which need not be the system's.
    light_pages = (
        '[data-jp-theme-light="true"] .autograd-lite,.vscode-light .autograd-lite,[data-theme="light"] .autograd-lite'
    )
    dark_pages = (
        '[data-jp-theme-light="false"] .autograd-lite,.vscode-dark .autograd-lite,html[theme="dark"] .autograd-lite,'
        '[data-theme="dark"] .autograd-lite'
    )
    return (
        f"@media all{{.autograd-lite{{max-width:100%;height:auto;{light}}}"
        f"@media (prefers-color-scheme:dark){{.autograd-lite{{{dark}}}}}"
        f"{light_pages}{{{light}}}{dark_pages}{{{dark}}}{swap}"
        ".autograd-lite text{white-space:pre;font-family:Arial,Helvetica,'Liberation Sans',Arimo,sans-serif}"
        ".autograd-lite text.mono{font-family:Menlo,Consolas,'Liberation Mono',Cousine,'DejaVu Sans Mono',monospace}}"
    )


# Fonts whose metrics every renderer knows; the style sheet of an SVG names others of the same widths.
TEXT_FONT: Final = "Arial"
NUMBER_FONT: Final = "Courier New"
FAMILIES: Final = {
    TEXT_FONT: "Arial,Helvetica,Liberation Sans,Arimo,sans-serif",
    NUMBER_FONT: "Courier New,Menlo,Consolas,Liberation Mono,DejaVu Sans Mono,monospace",
}
