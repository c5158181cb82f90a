"""draw: a graph as a picture that shows itself, scales, and saves by file ending."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from autograd_lite.drawing.boxes import Box, Scene, Wire, to_digraph
from autograd_lite.drawing.render import finish_svg, render, write_atomically
from autograd_lite.drawing.text import NO_GRADIENT, clean, number, operation
from autograd_lite.graph import Graph
from autograd_lite.value import Value

if TYPE_CHECKING:
    import graphviz

MAX_NODES: Final = 500
_LONGEST_TITLE: Final = 80
_DIRECTIONS: Final = ("LR", "TB", "RL", "BT")
_SHOWN: Final = ("data", "grad")
_ENDINGS: Final = (".svg", ".png", ".pdf", ".dot")


class Picture:
    """A drawn graph, as `draw()` returns it. In a notebook it displays itself, as wide as the cell at most.

    Attributes
    ----------
    digraph : graphviz.Digraph
        The graph in the words of the graphviz package.
    title : str
        The formula, or what the picture is of.

    Examples
    --------
    >>> from autograd_lite import Value, draw
    >>> x = Value(3.0, "x")
    >>> picture = draw(x * x)
    >>> picture.source.count("n0 -> n1"), "<svg" in picture.svg()
    (2, True)
    """

    def __init__(self, digraph: graphviz.Digraph, title: str, tooltips: Mapping[str, str]) -> None:
        self.digraph = digraph
        self.title = title
        self._tooltips = dict(tooltips)
        self._svg = ""

    def __repr__(self) -> str:
        return f"<Picture of {self.title}>"

    @property
    def source(self) -> str:
        """The graph in the DOT language."""
        return str(self.digraph.source)

    def svg(self) -> str:
        """The picture as one `<svg>` element: for a file, or to put into a page.

        The box of a node has the id `n` and the edge the id `e` with its place in `Graph.nodes` and `Graph.edges`; a
        box also has the class of its role, and its numbers the classes `data` and `grad`.
        """
        if not self._svg:  # the layout is computed once
            self._svg = finish_svg(render(self.source, "svg").decode(), self.title, self._tooltips)
        return self._svg

    def png(self) -> bytes:
        """The picture as a PNG file, on white."""
        return render(self.source, "png")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture to a file, in the format of its ending: .svg, .png, .pdf or .dot.

        There is never a half-written file: it appears whole, or not at all.

        Raises
        ------
        ValueError
            If the ending is another one.
        FileNotFoundError
            If the directory is not there.
        RuntimeError
            If a PDF is asked for where the system has no Graphviz.
        """
        path = Path(path)
        ending = path.suffix.lower()
        if ending not in _ENDINGS:
            raise ValueError(f"cannot save {path.name!r}: the file's ending must be one of {', '.join(_ENDINGS)}")
        if not path.parent.is_dir():  # before the work of drawing
            raise FileNotFoundError(f"cannot save {path.name!r}: there is no directory {str(path.parent)!r}")
        if ending == ".svg":
            content = self.svg().encode()
        elif ending == ".dot":
            content = self.source.encode()
        else:
            content = render(self.source, ending[1:])
        write_atomically(path, content)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        svg = self.svg()
        return {"text/html": svg, "image/svg+xml": svg, "text/plain": repr(self)}


def draw(
    root: Value,
    *,
    direction: str = "LR",
    partials: bool = False,
    show: Collection[str] = _SHOWN,
    names: Mapping[str, object] | None = None,
    detail: str = "auto",
    expand: bool = False,
    color_by: str | None = None,
    max_nodes: int = MAX_NODES,
) -> Picture:
    """Draw the graph that a Value was computed from.

    Values flow from the leaves on the left to the result on the right; each box shows its operation, its name, its
    data and its gradient. A gradient shows as "–" as long as `backward()` has not been called on `root`. Constants
    stand in the box of their operation. Hover for all digits.

    A leaf is drawn as a *parameter* where its name says so: the last part of the label is `w`, `b`, `theta`, `weight`
    or `bias`, with or without an index (`w1`, `b_out`, `layers[0].neurons[2].w[1]`), though `b` alone means a bias
    only in a graph that has weights. Every other leaf is an *input*.

    Parameters
    ----------
    root : Value
        The result.
    direction : {"LR", "TB", "RL", "BT"}
        Where values flow: left to right, top to bottom, or the reverse.
    partials : bool
        Whether to write on each edge its local derivative ∂child/∂parent.
    show : collection of {"data", "grad"}
        The numbers in the boxes.
    names : mapping of str to anything, optional
        A namespace, such as `globals()`, that names the Values without a label.
    max_nodes : int
        Refuse to draw more boxes than this.

    Raises
    ------
    TypeError
        If `root` is no Value.
    ValueError
        If the graph has more than `max_nodes` nodes, or an option is unknown.

    Examples
    --------
    >>> from autograd_lite import Value
    >>> w, x, b, y = Value(2.0, "w"), Value(-2.0, "x"), Value(8.0, "b"), Value(2.0, "y")
    >>> draw(0.5 * (w * x + b - y) ** 2)
    <Picture of 0.5 * (w * x + b - y)**2>
    """
    if direction not in _DIRECTIONS:
        raise ValueError(f"direction must be one of {', '.join(_DIRECTIONS)}, got {direction!r}")
    if isinstance(show, str) or any(part not in _SHOWN for part in show):
        raise ValueError(f'show must be a collection of "data" and "grad", got {show!r}')
    graph = Graph(root, names)
    if len(graph) > max_nodes:
        raise ValueError(
            f"this graph has {len(graph)} nodes, more than max_nodes={max_nodes}: draw a part of it (any inner node is"
            ' a root), fold it with detail="neuron" or detail="layer", or raise max_nodes'
        )
    scene = _scalar_scene(graph, partials, tuple(part for part in _SHOWN if part in show))
    return Picture(to_digraph(scene, direction), scene.title, scene.tooltips())


# --- one box for each node --------------------------------------------------------------------------------------------


def _scalar_scene(graph: Graph, partials: bool, shown: tuple[str, ...]) -> Scene:
    number_of = {node: i for i, node in enumerate(graph.nodes)}
    roles = leaf_roles(graph)
    has_gradient = graph.root.grad != 0.0
    boxes = []
    for node, i in number_of.items():
        name = clean(graph.name(node))
        role = roles[node] if node.op is None else "output" if node is graph.root else "operation"
        box = Box(f"n{i}", role, "" if node.op is None else operation(node), name)
        if not (box.heading or name):
            box.heading = role
        if "data" in shown:
            box.rows.append(("data", number(node.data)))
        if "grad" in shown:
            box.rows.append(("grad", number(node.grad) if has_gradient else NO_GRADIENT))
        box.tooltip = f"{node_text(graph, node)}\ndata {node.data!r}\ngrad {node.grad!r}"
        boxes.append(box)
    wires = []
    for i, (parent, child, partial) in enumerate(graph.edges):
        text = f"∂{node_text(graph, child)} / ∂{node_text(graph, parent)} = {partial!r}"
        if has_gradient:
            text += f"\nsends back {partial!r} × {child.grad!r} = {partial * child.grad!r}"
        label = number(partial) if partials else ""
        wires.append(Wire(f"e{i}", f"n{number_of[parent]}", f"n{number_of[child]}", label, text))
    notes = []
    if partials:
        notes.append("on the edges: the local derivative ∂child/∂parent")
    if "grad" in shown and not has_gradient:
        notes.append(f"grad {NO_GRADIENT}: backward() has not been called")
    return Scene(title_of(graph), boxes, wires, notes)


def node_text(graph: Graph, node: Value) -> str:
    """What to call a node in a sentence."""
    return clean(graph.name(node)) or (number(node.data) if node.op is None else f"({operation(node)})")


def title_of(graph: Graph) -> str:
    """The formula where it is short, else the size."""
    name = graph.name(graph.root)
    try:
        formula = graph.expression(max_length=_LONGEST_TITLE)
    except ValueError:
        return f"{clean(name) or 'graph'}: {len(graph)} nodes, {len(graph.leaves)} leaves"
    if graph.root.op is None or not name:
        return clean(formula, _LONGEST_TITLE)
    return f"{clean(name)} = {clean(formula, _LONGEST_TITLE)}"


_INDEX: Final = r"(\d+|_\w+|\[[^\]]*\])*"
_WEIGHT: Final = re.compile(rf"(.*\.)?(w|weights?|theta|θ){_INDEX}", re.IGNORECASE)
_BIAS: Final = re.compile(rf"(.*\.)?(b|bias|biases){_INDEX}", re.IGNORECASE)


def leaf_roles(graph: Graph) -> dict[Value, str]:
    """Which leaves are parameters, by their names, and which are inputs."""
    leaves = [(leaf, graph.name(leaf)) for leaf in graph.leaves]
    weights = {leaf for leaf, name in leaves if _WEIGHT.fullmatch(name)}
    biases = {leaf for leaf, name in leaves if _BIAS.fullmatch(name) and (weights or "." in name)}
    return {leaf: "parameter" if leaf in weights or leaf in biases else "input" for leaf, _ in leaves}
