"""Colours of the pictures: one light and one dark value each, and a scale for heat.

Two hues have a meaning everywhere: values are cool (blue), gradients are warm (orange). Roles differ in their fill and
also in their outline (round or square, thin or bold), so that a grey print and every kind of colour vision keep them
apart. Text on its fill has a contrast of at least 4.5 : 1 in both themes.

Graphviz writes the light colours into a picture. Each is listed here once, so a style sheet can turn the light ones
into the dark ones by their value.
"""

from __future__ import annotations

import math
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
WIRE: Final = Colour("#7b8794", "#8592a3")
DATA: Final = Colour("#1d4fb8", "#8fb8ff")
GRAD: Final = Colour("#b0400a", "#ffb077")

ROLES: Final[dict[str, Role]] = {
    "input": Role(Colour("#e3f3f0", "#12342f"), Colour("#1b7a6c", "#4fb5a5"), True, 1.2),
    "parameter": Role(Colour("#f1e8fa", "#332148"), Colour("#7a3eb1", "#b98be8"), True, 2.4),
    "operation": Role(Colour("#f2f4f7", "#222932"), Colour("#8491a1", "#6f7d8f"), False, 1.2),
    "output": Role(Colour("#fcf0cd", "#3d3212"), Colour("#94700f", "#d9b44a"), False, 2.4),
}

# Heat runs from negative (violet) over zero (paper) to positive (green): the strength is the number's order of
# magnitude on a fixed scale, so that two pictures compare. The steps are few, so that each has its dark twin here.
HEAT_LOWEST: Final = -6  # at 10**-6 and below, the weakest colour
HEAT_HIGHEST: Final = 1  # at 10**1 and above, the strongest
HEAT_STEPS: Final = HEAT_HIGHEST - HEAT_LOWEST + 1
_HEAT_ENDS: Final = {
    -1: (Colour("#f6f1fb", "#1f1a29"), Colour("#b58be0", "#7a45b3")),
    +1: (Colour("#eef7f1", "#17231c"), Colour("#6cc08b", "#1f7a46")),
}
ZERO: Final = Colour("#d5dae1", "#3a424d")
NOT_FINITE: Final = Colour("#ffe45c", "#7d6a00")


def heat_step(x: float) -> int:
    """The step of a number on the scale: 0 for zero, else ±1 (at most 1e-6 away from it) to ±8 (10 or more)."""
    if x == 0.0:
        return 0
    order = math.ceil(math.log10(abs(x)) - 1e-12)
    step = min(max(order, HEAT_LOWEST), HEAT_HIGHEST) - HEAT_LOWEST + 1
    return step if x > 0.0 else -step


def heat(x: float) -> Colour:
    """The fill that shows the sign and the order of magnitude of a number."""
    return heat_of_step(heat_step(x)) if math.isfinite(x) else NOT_FINITE


def heat_of_step(step: int) -> Colour:
    """The fill of one step of the scale."""
    if step == 0:
        return ZERO
    weak, strong = _HEAT_ENDS[1 if step > 0 else -1]
    share = (abs(step) - 1) / (HEAT_STEPS - 1)
    return Colour(_between(weak.light, strong.light, share), _between(weak.dark, strong.dark, share))


def _between(first: str, second: str, share: float) -> str:
    parts = [(int(first[i : i + 2], 16), int(second[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in parts)


def all_colours() -> list[Colour]:
    """Every colour that a picture may contain."""
    plain = [PAPER, INK, MUTED, WIRE, DATA, GRAD, NOT_FINITE]
    roles = [colour for role in ROLES.values() for colour in (role.fill, role.line)]
    scale = [heat_of_step(step) for step in range(-HEAT_STEPS, HEAT_STEPS + 1)]
    return list(dict.fromkeys(plain + roles + scale))


def style_sheet() -> str:
    """CSS that gives a picture its fonts and, where the page or the system is dark, its dark colours."""
    numbered = list(enumerate(all_colours()))
    light = "".join(f"--a{i}:{colour.light};" for i, colour in numbered)
    dark = "".join(f"--a{i}:{colour.dark};" for i, colour in numbered)
    swap = "".join(
        f'.autograd-lite [{what}="{colour.light}"]{{{what}:var(--a{i})}}'
        for i, colour in numbered
        for what in ("fill", "stroke")
    )
    # A notebook has a theme of its own, which need not be the system's.
    light_pages = '[data-jp-theme-light="true"] .autograd-lite,.vscode-light .autograd-lite'
    dark_pages = (
        '[data-jp-theme-light="false"] .autograd-lite,.vscode-dark .autograd-lite,html[theme="dark"] .autograd-lite'
    )
    return (
        f".autograd-lite{{{light}}}"
        f"@media (prefers-color-scheme:dark){{.autograd-lite{{{dark}}}}}"
        f"{light_pages}{{{light}}}{dark_pages}{{{dark}}}{swap}"
        ".autograd-lite text{font-family:Arial,Helvetica,'Liberation Sans',Arimo,sans-serif}"
        ".autograd-lite text.mono{font-family:Menlo,Consolas,'Liberation Mono',Cousine,'DejaVu Sans Mono',monospace}"
    )
