"""The steps of a player as an animated GIF: a frame for each step, the graph above and its arithmetic below."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

from autograd_lite.drawing.scene import palette
from autograd_lite.drawing.scene.typesetting import left_to_right
from autograd_lite.drawing.svg.graphviz import render

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

_WIDEST: Final = 1200  # px
_FINEST: Final = 144  # px to an inch of 72 points
_MARGIN: Final = 20
_LINE: Final = 27
_MOST_LINES: Final = 6
_COLOURS: Final = 200
_NEAR_PAPER: Final = 20  # less than the palest fill is away
_STEP_TIME: Final = 1500  # milliseconds
_ENDS_TIME: Final = 3000
_FAINT: Final = "#b9c0c9"
_ACCENT: Final = {"start": palette.DATA, "forward": palette.DATA, "backward": palette.GRAD, "done": palette.GRAD}

Step = dict[str, Any]


def gif(source: str, width: float, steps: Sequence[Step]) -> bytes:
    """The steps as a GIF that repeats for ever.

    Parameters
    ----------
    source : str
        The picture after the last step, as DOT with one line for each node and edge. Each frame only changes colours
        in it and replaces numbers by others of the same width, so that nothing moves.
    width : float
        How wide the picture is, in points.
    steps : sequence of dict
        As `Player.steps`.

    Raises
    ------
    ImportError
        If Pillow or matplotlib is not installed: the one writes GIFs, the other brings a typeface.
    """
    try:
        from matplotlib import font_manager
        from PIL import Image, ImageFont
    except ImportError as error:
        raise ImportError('an animated GIF needs Pillow and matplotlib: pip install "autograd-lite[viz]"') from error

    def font(family: str, size: int, weight: str = "normal") -> FreeTypeFont:
        properties = font_manager.FontProperties(family=family, weight=weight)
        return ImageFont.truetype(font_manager.findfont(properties), size)

    fonts = font("DejaVu Sans", 16, "bold"), font("DejaVu Sans Mono", 18), font("DejaVu Sans Mono", 18, "bold")
    resolution = round(min(_FINEST, 72 * _WIDEST / width))
    with ThreadPoolExecutor(max_workers=4) as pool:
        drawn = list(pool.map(lambda k: render(_source_after(source, steps, k), "png", resolution), range(len(steps))))
    frames = []
    for k, png in enumerate(drawn):
        graph = Image.open(io.BytesIO(png)).convert("RGB")
        frames.append(_with_caption(graph, steps, k, fonts))
    colours = _common_palette(frames[-1])
    frames = [frame.quantize(palette=colours, dither=Image.Dither.NONE) for frame in frames]
    times = [_ENDS_TIME, *[_STEP_TIME] * (len(frames) - 2), _ENDS_TIME]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], duration=times, loop=0, optimize=True)
    return buffer.getvalue()


def _common_palette(frame: Image) -> Image:
    """One palette for all frames, or the paper would flicker; and the paper has exactly its colour."""
    from PIL import ImageColor

    colours = frame.quantize(_COLOURS)
    numbers = colours.getpalette() or []
    paper = ImageColor.getrgb(palette.PAPER.light)
    for i in range(0, len(numbers), 3):
        if sum(abs(x - y) for x, y in zip(numbers[i : i + 3], paper)) < _NEAR_PAPER:
            numbers[i : i + 3] = paper
    colours.putpalette(numbers)
    return colours


# --- the graph --------------------------------------------------------------------------------------------------------

_NODE: Final = re.compile(r"\tn(\d+) \[")
_EDGE: Final = re.compile(r"\tn\d+ -> n\d+ \[id=e(\d+) ")
_FILL: Final = re.compile(r'fillcolor="([^"]*)"')
_OUTLINE: Final = re.compile(r' color="[^"]*" penwidth=[\d.]+')
_GRAD: Final = re.compile(rf'(COLOR="{palette.GRAD.light}"[^>]*>)([^<]*)')


def _source_after(source: str, steps: Sequence[Step], k: int) -> str:
    """The DOT of the picture as it is after step k."""
    known = {i for step in steps[: k + 1] for i in step["data"]}
    grad = {i: text for step in steps[: k + 1] for i, text, _ in step["grad"]}
    carried = {e: step["phase"] for step in steps[: k + 1] for e in step["edges"]}
    lines = []
    for line in source.splitlines(keepends=True):
        if match := _NODE.match(line):
            line = _node_after(line, int(match[1]), steps[k], known, grad)
        elif match := _EDGE.match(line):
            line = _edge_after(line, int(match[1]), steps[k], carried)
        lines.append(line)
    return "".join(lines)


def _node_after(line: str, i: int, step: Step, known: set[int], grad: dict[int, str]) -> str:
    accent = _ACCENT[step["phase"]].light
    match = _FILL.search(line)
    fill = match[1] if match else palette.PAPER.light
    if i not in known:
        line = line.replace(f'COLOR="{palette.DATA.light}"', f'COLOR="{fill}"')
        for colour in (palette.INK, palette.MUTED):
            line = line.replace(f'COLOR="{colour.light}"', f'COLOR="{_FAINT}"')
        line = _OUTLINE.sub(f' color="{_FAINT}" penwidth=1.2', line, count=1)
    if i in grad:
        line = _GRAD.sub(lambda match: match[1] + _as_wide_as(match[2], grad[i]), line)
    else:
        line = line.replace(f'COLOR="{palette.GRAD.light}"', f'COLOR="{fill}"')
    if i == step["node"]:
        line = _OUTLINE.sub(f' color="{accent}" penwidth=4.5', line, count=1)
    return line


def _edge_after(line: str, e: int, step: Step, carried: dict[int, str]) -> str:
    if carried.get(e) != "backward":
        line = line.replace("]\n", f' fontcolor="{palette.PAPER.light}"]\n')
    if e in carried:
        width = 3.2 if e in step["edges"] else 1.4
        line = _OUTLINE.sub(f' color="{_ACCENT[carried[e]].light}" penwidth={width}', line, count=1)
        if carried[e] == "backward":
            line = line.replace("]\n", " dir=back]\n")
    return line


def _as_wide_as(final: str, text: str) -> str:
    """The text with as many characters as the final number has, so that its box keeps its size.

    In ASCII: the embedded renderer cannot measure other characters.
    """
    if len(text) > len(final) and "e" not in text:
        text = text[: len(final)].rstrip(".")
    return text.ljust(len(final)) if len(text) <= len(final) else "~" * len(final)


# --- the caption ------------------------------------------------------------------------------------------------------


def _with_caption(
    graph: Image, steps: Sequence[Step], k: int, fonts: tuple[FreeTypeFont, FreeTypeFont, FreeTypeFont]
) -> Image:
    from PIL import Image, ImageDraw

    heading_font, font, bold = fonts
    step, accent = steps[k], _ACCENT[steps[k]["phase"]].light
    most = min(_MOST_LINES, max([len(step["lines"]) for step in steps if step["phase"] == "backward"]))
    width = max(graph.width, 760)
    top = graph.height + 10
    card = 46 + _LINE * most
    image = Image.new("RGB", (width, top + card + _MARGIN), palette.PAPER.light)
    image.paste(graph, ((width - graph.width) // 2, 0))
    pen = ImageDraw.Draw(image)
    left, right = _MARGIN, width - _MARGIN
    pen.rectangle((left, top, right, top + card), fill=palette.ROLES["operation"].fill.light)
    pen.rectangle((left, top, left + 5, top + card), fill=accent)
    pen.text((left + 18, top + 10), left_to_right(step["heading"]), font=heading_font, fill=palette.MUTED.light)
    y = top + 38.0
    for cells in _fitted(
        [line["cells"] for line in step["lines"]], most, int((right - left - 36) / font.getlength("0"))
    ):
        x = left + 18.0
        *before, result = cells
        text = left_to_right(" = ".join(before))
        pen.text((x, y), text, font=font, fill=palette.INK.light)
        pen.text(
            (x + font.getlength(text), y), left_to_right(f" = {result}" if before else result), font=bold, fill=accent
        )
        y += _LINE
    # Where we are: the forward pass blue, the backward pass orange.
    share = (right - left) / max(1, len(steps) - 1)
    bottom = top + card + 8
    for j in range(k):
        colour = _ACCENT[steps[j + 1]["phase"]].light
        pen.rectangle((left + j * share, bottom, left + (j + 1) * share, bottom + 4), fill=colour)
    return image


def _fitted(lines: list[list[str]], most: int, columns: int) -> list[list[str]]:
    """As many lines as there is room for; short ones stand side by side, and a long one is cut."""
    if all(len(cells) <= 2 for cells in lines):
        texts, rows = [" = ".join(cells) for cells in lines], [""]
        for text in texts:
            if rows[-1] and len(rows[-1]) + 3 + len(text) > columns:
                rows.append("")
            rows[-1] += ("   " if rows[-1] else "") + text
        lines = [[row] for row in rows]
    if len(lines) > most:
        lines = [*lines[: most - 1], [f"… and {len(lines) - most + 1} more"]]
    fitted = []
    for cells in lines:
        *before, result = cells
        text, room = " = ".join(before), columns - len(result) - 3
        fitted.append([text if len(text) <= room else text[: room - 1] + "…", result] if before else [result[:columns]])
    return fitted
