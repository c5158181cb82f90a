"""The architecture in one picture, drawn from the folders: `python docs/tools/architecture.py` writes docs/architecture.svg."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from html import escape
from pathlib import Path

from autograd_lite.drawing.scene import palette
from autograd_lite.drawing.svg.graphviz import finish_svg, render

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "autograd_lite"

# The files that lie beside the folders; all others are thin faces, which only pass on the names of a folder.
ENGINE = ("ops", "contexts", "value", "functions", "define")
SHELL = ("cli", "__main__")
PURPOSES = {
    "engine": "the table, one node, its functions",
    "shell": "the command line",
    "public names": "loaded lazily",
}


def modules() -> dict[str, Path]:
    """The package's modules by their dotted names below it; the package itself is the empty name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def group_of(module: str) -> str:
    """The box of a module: its folder, or one of three for the files that lie beside the folders."""
    first = module.partition(".")[0]
    if (PACKAGE / first).is_dir() and first:
        return first
    return "engine" if first in ENGINE else "shell" if first in SHELL else "public names"


def imports(module: str) -> Iterator[str]:
    """The package's modules that a module imports: at its top or in a function, by `import_module`, or for types alone."""
    known = modules()
    for node in ast.walk(ast.parse(known[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            names = [str(name.value) for name in node.args if isinstance(name, ast.Constant)]
        else:
            continue
        for name in names:
            if name.partition(".")[0] == "autograd_lite":
                inner = name.partition(".")[2]
                while inner not in known:  # a name in a module
                    inner = inner.rpartition(".")[0]
                if inner != module:
                    yield inner


def module_edges() -> set[tuple[str, str]]:
    """Which module imports which other one."""
    return {(module, other) for module in modules() for other in imports(module)}


def edges() -> set[tuple[str, str]]:
    """Which group imports which other one."""
    found = {(group_of(module), group_of(other)) for module, other in module_edges()}
    return {(upper, lower) for upper, lower in found if upper != lower}


def arrows() -> set[tuple[str, str]]:
    """The edges that no way around by other groups implies."""
    all_edges = edges()

    def reaches(start: str, goal: str) -> bool:
        return any(a == start and (b == goal or reaches(b, goal)) for a, b in all_edges)

    return {
        (upper, lower)
        for upper, lower in all_edges
        if not any(a == upper and b != lower and reaches(b, lower) for a, b in all_edges)
    }


def contents() -> dict[str, list[str]]:
    """By group: what it is for, then a line for each folder or a few for its files."""
    found: dict[str, dict[str, list[str]]] = {}
    purposes = dict(PURPOSES)
    for module, path in modules().items():
        group, folder = group_of(module), path.parent.relative_to(PACKAGE).as_posix().partition("/")[2]
        if path.stem == "__init__" and module == group:
            text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            purposes[group] = text.partition("\n")[0].rstrip(".")
        if path.stem != "__init__":
            found.setdefault(group, {}).setdefault(folder, []).append(path.stem)
    lines = {}
    for group, folders in found.items():
        small = []
        for folder, names in sorted(folders.items()):
            rows = [" ".join(names[i : i + 4]) for i in range(0, len(names), 4)]
            small += [f"{folder}/ {rows[0]}" if folder else rows[0], *rows[1:]]
        lines[group] = [purposes[group], *small]
    return lines


def picture() -> str:
    """The architecture as an SVG; an arrow means "imports"."""
    edges = {(upper, lower): f"{upper} imports {lower}" for upper, lower in sorted(arrows())}
    return draw_boxes(
        contents(), edges, "The package's folders; an arrow means that the upper one imports the lower one"
    )


def draw_boxes(
    boxes: dict[str, list[str]], edges: dict[tuple[str, str], str], title: str, direction: str = "TB"
) -> str:
    """An SVG in the package's own style.

    Parameters
    ----------
    boxes : dict
        By name: a line that says what it is for, and further lines in small print.
    edges : dict
        From which box to which other one, and the tooltip.
    title : str
        For a screen reader.
    direction : str
        Graphviz's rankdir.
    """
    role = palette.ROLES["operation"]
    lines = [
        "digraph {",
        f'\tgraph [bgcolor=transparent nodesep=0.3 ranksep=0.4 margin="0.1,0.1" rankdir={direction}]',
        f'\tnode [shape=plain fontname=Arial fontsize=12 fontcolor="{palette.INK.light}"]',
        f'\tedge [color="{palette.EDGE.light}" arrowsize=0.7]',
    ]
    for name, (purpose, *small) in boxes.items():
        rows = [f"<B>{escape(name)}</B>", f'<FONT POINT-SIZE="11">{escape(purpose)}</FONT>']
        rows += [
            f'<FONT FACE="Courier New" POINT-SIZE="10" COLOR="{palette.MUTED.light}">{escape(line)}</FONT>'
            for line in small
        ]
        table = "".join(f"<TR><TD>&#160;{row}&#160;</TD></TR>" for row in rows)
        lines.append(
            f'\t"{name}" [id="{name}" label=<<TABLE BORDER="1" CELLBORDER="0" CELLSPACING="0" CELLPADDING="3" '
            f'COLOR="{role.line.light}" BGCOLOR="{role.fill.light}">{table}</TABLE>>]'
        )
    tooltips = {}
    for i, ((tail, head), tooltip) in enumerate(edges.items()):
        lines.append(f'\t"{tail}" -> "{head}" [id=e{i}]')
        tooltips[f"e{i}"] = tooltip
    svg = finish_svg(render("\n".join([*lines, "}"]), "svg").decode(), title, tooltips)
    return svg.rstrip() + "\n"


if __name__ == "__main__":
    os.environ["PATH"] = ""  # the embedded renderer draws the same on every machine
    (ROOT / "docs" / "architecture.svg").write_text(picture(), encoding="utf-8")
