"""From DOT to SVG, PNG and PDF: by the system's Graphviz if there is one, else by the embedded renderer."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Mapping
from html import escape
from importlib import metadata
from pathlib import Path
from typing import Final

from autograd_lite.drawing.scene import palette
from autograd_lite.drawing.scene.typesetting import left_to_right

# Pixels. A picture with a longer side is scaled down to it: it would take longer to compress than to lay out.
_LONGEST_SIDE: Final = 6480


class NoRendererError(RuntimeError):
    """There is no program on this system that could draw a picture."""


def render(source: str, format: str, resolution: int = 72) -> bytes:
    """Render DOT with the system's `dot`, else with the embedded renderer.

    Parameters
    ----------
    source : str
        A graph in the DOT language.
    format : str
        `"svg"`, `"png"` or `"pdf"`.
    resolution : int
        The pixels of a PNG to an inch of 72 points, where that makes no side longer than 6480 pixels.

    Raises
    ------
    NoRendererError
        If a PDF is asked for and there is no `dot`, or if no renderer is there.
    RuntimeError
        If it fails.
    """
    system = shutil.which("dot")
    if format == "pdf" and system is None:
        raise NoRendererError(
            "a PDF needs the system's Graphviz, and there is no `dot` on the PATH (the embedded renderer writes SVG and"
            " PNG only): install Graphviz, or save as .svg or .png"
        )
    renderers = [system] if system else []
    if format != "pdf" and (embedded := _embedded_renderer()):
        renderers.append(embedded)
    if not renderers:
        advice = "" if sys.platform == "emscripten" else ", or pip install graphviz-pure"  # no browser runs it
        raise NoRendererError(
            f"a {format.upper()} needs a renderer, and there is neither `dot` on the PATH nor the embedded one: save as"
            f" .svg, which needs none{advice}"
        )
    problem = ""
    for program in renderers:
        command = [program, f"-T{format}"]
        if format == "png":
            command += [f"-Gdpi={resolution}", f"-Gsize={_LONGEST_SIDE / resolution},{_LONGEST_SIDE / resolution}"]
        try:
            result = subprocess.run(command, input=source.encode(), capture_output=True, check=False)
        except OSError as error:
            problem = str(error)
            continue
        if result.returncode == 0 and result.stdout:
            if format == "png" and program != system:
                _warn_of_missing_glyphs(source)
            return result.stdout
        problem = result.stderr.decode(errors="replace").strip() or f"exit code {result.returncode}"
    raise RuntimeError(f"{Path(renderers[-1]).name} could not draw this graph: {problem}")


def _warn_of_missing_glyphs(source: str) -> None:
    missing = "".join(dict.fromkeys(_NOT_EMBEDDED.findall(source)))
    if missing:
        warnings.warn(
            f"the embedded renderer has no glyphs for {missing[:20]!r} and draws empty boxes: save as .svg, which any"
            " browser shows, or install Graphviz",
            stacklevel=4,
        )


# Beyond the Latin, Greek, Cyrillic and Hebrew scripts, punctuation and signs of mathematics.
_NOT_EMBEDDED: Final = re.compile("[\u0600-\u1dff\u2e80-\ufffc\U00010000-\U0010ffff]")


def _embedded_renderer() -> str | None:
    """The program of the graphviz-pure package, which may stand where no PATH leads."""
    try:
        files = metadata.distribution("graphviz-pure").files or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.stem == "graphviz-pure" and os.access(path := str(file.locate()), os.X_OK):
            return path
    return shutil.which("graphviz-pure")


# --- SVG --------------------------------------------------------------------------------------------------------------

_COMMENT: Final = re.compile(r"<!--.*?-->\n?", re.DOTALL)
_HEAD: Final = re.compile(r'<svg width="([\d.]+)pt" height="([\d.]+)pt"')
_TITLE: Final = re.compile(r'(<g id="([^"]*)"[^>]*>)\n<title>[^<]*</title>')
_TEXT: Final = re.compile(r'<text ([^>]*) font-family="([^"]*)"([^>]*)>')
# Text that a player rewrites, by the colour that Graphviz gave it.
_CLASSES: Final = {palette.DATA.light: "data", palette.GRAD.light: "grad"}


def finish_svg(svg: str, title: str, tooltips: Mapping[str, str], theme: str = "auto") -> str:
    """Make Graphviz's SVG fit for a page: one element, in px, with a theme, tooltips and names for a player.

    Nodes and edges keep their ids (`n0`, `e0` …) and get their tooltip; numbers get the class `data` or `grad`.
    `title` and `tooltips` may hold any text. Of a fixed theme it has no style sheet, but plain attributes alone.
    """
    svg = _COMMENT.sub("", svg[svg.index("<svg ") :]).replace("&#45;", "-")
    svg = _HEAD.sub(
        lambda match: (
            f'<svg class="autograd-lite" role="img" aria-label="{escape(title)}" width="{match[1]}" height="{match[2]}"'
        ),
        svg,
        count=1,
    )
    style = f"\n<style>{palette.style_sheet(svg)}</style>" if theme == "auto" else ""
    svg = svg.replace("\n<g ", f"{style}\n<g ", 1)
    svg = _TEXT.sub(_with_class, svg)
    svg = _TITLE.sub(
        lambda match: (
            f"{match[1]}<title>{escape(tooltips[match[2]], quote=False)}</title>" if match[2] in tooltips else match[1]
        ),
        svg,
    )
    return palette.in_theme(left_to_right(svg), theme)


def _with_class(match: re.Match[str]) -> str:
    """A text element with classes instead of its font, which the style sheet gives."""
    before, font, after = match.groups()
    classes = ["mono"] if font == palette.NUMBER_FONT else []
    classes += [name for colour, name in _CLASSES.items() if f'fill="{colour}"' in after]
    attribute = f' class="{" ".join(classes)}"' if classes else ""
    return f'<text{attribute} {before} font-family="{palette.FAMILIES[font]}"{after}>'
