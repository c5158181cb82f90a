"""The house in one picture, drawn from what the modules import: `python docs/tools/house.py` writes docs/house.svg."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from html import escape
from pathlib import Path

from autograd_lite.drawing import palette
from autograd_lite.drawing.render import finish_svg, render

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "autograd_lite"

# Floor: what it is for, and its modules. The order is that of the house, roof first.
FLOORS: dict[str, tuple[str, str]] = {
    "shell": ("from the shell", "cli __main__"),
    "plots": ("see training; scikit-learn", "scikit estimators plots"),
    "training": ("train a net on data", "training fit_arguments history engine masks parallel shards"),
    "nets": (
        "what is trained, and how",
        "nn module losses metrics optim schedules data prediction seeds serialization",
    ),
    "drawing": ("see it: pictures, tables, a player", "drawing"),
    "compiler": ("scalars at matrix speed", "compiler"),
    "derivatives": ("derivatives as functions, graphs", "transforms adjoints calls objections trees checks minimizing"),
    "graph": ("a read-only view, and its formula", "graph formula symbolic expression"),
    "functions": ("of Values or of floats", "functions define"),
    "anomaly": ("the first nan, and its line", "anomaly"),
    "value": ("one node; forward, backward", "value callers decorators _native"),
    "ops": ("the table of operations", "ops arithmetic"),
    "files": ("whole files, text in columns and on one line, locks", "files tables text notebook locks"),
}


def floor_of(module: str) -> str:
    """The floor of a module of the package, by its first name."""
    for floor, (_, modules) in FLOORS.items():
        if module in modules.split():
            return floor
    raise KeyError(f"put the module {module!r} on a floor of docs/tools/house.py")


def modules() -> set[str]:
    """The package's modules, a folder counting as one."""
    return {
        path.stem
        for path in PACKAGE.iterdir()
        if path.stem not in ("__init__", "__pycache__") and (path.is_dir() or path.suffix == ".py")
    }


def imports(path: Path) -> Iterator[str]:
    """The package's modules that a file imports, at its top or in a function, but not for its annotations alone."""
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.ImportFrom) and node.module == "autograd_lite":
            # The public face gives a name from any floor.
            yield from (alias.name if alias.name in modules() else _ROOM_OF[alias.name] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("autograd_lite."):
            yield (node.module or "").split(".")[1]
        waiting.extend(ast.iter_child_nodes(node))


def edges() -> set[tuple[str, str]]:
    """Which floor imports which other one."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        module = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if module != "__init__":
            found |= {(floor_of(module), floor_of(other)) for other in imports(path)}
    # `Value.draw()` is a convenience that looks upwards, when it is called; it is the only one.
    return {(upper, lower) for upper, lower in found if upper != lower} - {("value", "drawing")}


def arrows() -> set[tuple[str, str]]:
    """The edges that no way around by other floors implies."""
    all_edges = edges()

    def reaches(start: str, goal: str) -> bool:
        return any(a == start and (b == goal or reaches(b, goal)) for a, b in all_edges)

    return {
        (upper, lower)
        for upper, lower in all_edges
        if not any(a == upper and b != lower and reaches(b, lower) for a, b in all_edges)
    }


def picture() -> str:
    """The house as an SVG; an arrow means "imports"."""
    boxes = {}
    for floor, (purpose, names) in FLOORS.items():
        words = names.split()
        boxes[floor] = [purpose, *[" ".join(words[i : i + 4]) for i in range(0, len(words), 4)]]
    wires = {(upper, lower): f"{upper} imports {lower}" for upper, lower in sorted(arrows())}
    return draw_boxes(boxes, wires, "The package's floors; an arrow means that the upper one imports the lower one")


def draw_boxes(
    boxes: dict[str, list[str]], wires: dict[tuple[str, str], str], title: str, direction: str = "TB"
) -> str:
    """An SVG in the package's own style.

    Parameters
    ----------
    boxes : dict
        By name: a line that says what it is for, and further lines in small print.
    wires : dict
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
        f'\tedge [color="{palette.WIRE.light}" arrowsize=0.7]',
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
    for i, ((tail, head), tooltip) in enumerate(wires.items()):
        lines.append(f'\t"{tail}" -> "{head}" [id=e{i}]')
        tooltips[f"e{i}"] = tooltip
    svg = finish_svg(render("\n".join([*lines, "}"]), "svg").decode(), title, tooltips)
    return svg.rstrip() + "\n"


def _rooms() -> dict[str, str]:
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    rooms = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_ROOMS"
    )
    return {name: room for room, names in rooms.items() for name in names.split()}


_ROOM_OF = _rooms()

if __name__ == "__main__":
    os.environ["PATH"] = ""  # the embedded renderer draws the same on every machine
    (ROOT / "docs" / "house.svg").write_text(picture(), encoding="utf-8")
