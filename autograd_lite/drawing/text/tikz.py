"""A picture as TikZ, for LaTeX: nodes at their places, with the document's fonts."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from autograd_lite.drawing.scene import palette
from autograd_lite.drawing.scene.boxes import Box, Scene
from autograd_lite.drawing.svg.sketch import places

_SIGNS: Final = {
    "×": r"$\times$", "−": "$-$", "÷": r"$\div$", "…": r"\ldots{}", "–": "--", "→": r"$\to$", "Σ": r"$\Sigma$",
    "∂": r"$\partial$", "\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
    **{sign: f"\\{sign}" for sign in "{}$&#%_"},
}  # fmt: skip


def to_tikz(scene: Scene, direction: str) -> str:
    r"""Write a scene as a `tikzpicture`, to `\input` where the preamble has `\usepackage{tikz}`.

    Parameters
    ----------
    scene : Scene
    direction : {"LR", "TB", "RL", "BT"}
        Where values flow.
    """
    lines = [
        rf"% {_escaped(scene.title)}",
        r"% needs \usepackage{tikz}",
        r"\begin{tikzpicture}[x=1pt,y=-1pt,>=latex,font=\small]",
    ]
    roles = [name for name in palette.ROLES if any(box.role == name for box in scene.boxes)]
    for name in roles:
        role = palette.ROLES[name]
        for what, colour in (("fill", role.fill), ("line", role.line)):
            lines.append(rf"\definecolor{{{name}-{what}}}{{HTML}}{{{colour.light[1:].upper()}}}")
        corners = "rounded corners=5pt," if role.rounded else ""
        lines.append(
            rf"\tikzset{{{name}/.style={{draw={name}-line,fill={name}-fill,{corners}line width={role.width / 1.5:.2g}pt,"
            "align=left,inner sep=4pt}}"
        )
    for what, colour in (("data", palette.DATA), ("grad", palette.GRAD)):
        lines.append(rf"\definecolor{{{what}}}{{HTML}}{{{colour.light[1:].upper()}}}")
    for box, (x, y) in zip(scene.boxes, places(scene, direction)):
        bold = ",line width=2.2pt" if box.is_bold else ""
        lines.append(rf"\node[{box.role}{bold}] ({box.id}) at ({x:.1f},{y:.1f}) {{{_text(box)}}};")
    beside = Counter((edge.tail, edge.head) for edge in scene.edges)
    bends = {pair: iter(range(-10 * (count - 1), 10 * count, 20)) for pair, count in beside.items()}
    for edge in scene.edges:
        bend = next(bends[edge.tail, edge.head])
        style = f"->,bend left={bend}" if bend else "->"
        label = (
            rf" node[midway,above,sloped,text=grad,font=\scriptsize] {{{_escaped(edge.label)}}}" if edge.label else ""
        )
        lines.append(rf"\draw ({edge.tail}) edge[{style}]{label} ({edge.head});")
    return "\n".join([*lines, r"\end{tikzpicture}"]) + "\n"


def _text(box: Box) -> str:
    top = "  ".join(
        [part for part in (rf"\textbf{{{_escaped(box.heading)}}}" if box.heading else "", _escaped(box.name)) if part]
    )
    rows = [f"{_escaped(caption)} {_row_of_number(caption, number)}" for caption, number in box.rows]
    return r"\\".join([top, *rows])


def _row_of_number(caption: str, number: str) -> str:
    text = rf"\texttt{{{_escaped(number)}}}"
    return rf"\textcolor{{{caption}}}{{{text}}}" if caption in ("data", "grad") else text


def _escaped(text: str) -> str:
    return re.sub(r"[×−÷…–→Σ∂\\^~{}$&#%_]", lambda match: _SIGNS[match[0]], text)
