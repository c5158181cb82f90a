"""draw: a graph as a picture that shows itself, scales, and saves by file ending."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, Final

from autograd_lite._support.browser import show_in_browser
from autograd_lite._support.files import target_of, write_atomically
from autograd_lite.drawing.scene import palette
from autograd_lite.drawing.scene.boxes import Scene, to_digraph
from autograd_lite.drawing.scene.folding import fold
from autograd_lite.drawing.scene.nets import SupportsParameters, graph_of_net
from autograd_lite.drawing.scene.scalar import View, scalar_scene
from autograd_lite.drawing.svg.graphviz import NoRendererError, finish_svg, render
from autograd_lite.drawing.svg.sketch import sketch
from autograd_lite.drawing.text.mermaid import to_mermaid
from autograd_lite.drawing.text.terminal import to_text
from autograd_lite.drawing.text.tikz import to_tikz
from autograd_lite.graph.view import Graph
from autograd_lite.value import Value

if TYPE_CHECKING:
    import graphviz

MAX_NODES: Final = 500
_LARGEST_SCALE: Final = 20.0
_LARGE: Final = 400  # lines of DOT: a PNG of more would take longer to compress than to lay out
_DETAILS: Final = ("auto", "scalar", "neuron", "layer")
_DIRECTIONS: Final = ("LR", "TB", "RL", "BT")
_SHOWN: Final = ("data", "grad")
_ENDINGS: Final = (".svg", ".png", ".pdf", ".dot", ".tex", ".mmd", ".txt")


class Picture:
    """A drawn graph, as `draw()` returns it. In a notebook it displays itself, as wide as the cell at most.

    Attributes
    ----------
    digraph : graphviz.Digraph
        The graph in the words of the graphviz package.
    title : str
        The formula, or what the picture is of.
    scene : Scene
        The boxes and the edges with their texts.
    direction : str
        Where values flow.

    Examples
    --------
    >>> from autograd_lite import Value, draw
    >>> x = Value(3.0, "x")
    >>> picture = draw(x * x)
    >>> picture.source.count("n0 -> n1"), "<svg" in picture.svg()
    (2, True)
    """

    def __init__(self, scene: Scene, direction: str, theme: str = "auto") -> None:
        if theme not in palette.THEMES:
            raise ValueError(f"theme must be one of {', '.join(palette.THEMES)}, got {theme!r}")
        self._theme = theme
        self.digraph: graphviz.Digraph = to_digraph(scene, direction)
        self.title = scene.title
        self.scene = scene
        self.direction = direction
        self._drawn = self.source
        self._finished: dict[str, str] = {}  # by theme
        self._rendered = ("", "")  # a source and its SVG, as the renderer gave it

    def __repr__(self) -> str:
        return f"<Picture of {self.title}>"

    def __str__(self) -> str:
        return to_text(self.scene)

    @property
    def source(self) -> str:
        """The graph in the DOT language."""
        return str(self.digraph.source)

    def svg(self, theme: str | None = None) -> str:
        """The picture as one `<svg>` element: for a file, or to put into a page.

        The box of a node has the id `n` and the edge the id `e` with its place in `Graph.nodes` and `Graph.edges`; a
        box also has the class of its role, and its numbers the classes `data` and `grad`. Where no Graphviz runs, as in a
        browser, the layout is a simpler one of our own.

        Parameters
        ----------
        theme : {"auto", "light", "dark"}, optional
            The colours: those of the page or the system, or fixed ones in plain attributes; if not given, as `draw` was told.
        """
        theme = self._theme if theme is None else theme
        if theme not in palette.THEMES:
            raise ValueError(f"theme must be one of {', '.join(palette.THEMES)}, got {theme!r}")
        plain = self._plain_svg()
        if theme not in self._finished:
            self._finished[theme] = finish_svg(plain, self.title, self.scene.tooltips(), theme)
        return self._finished[theme]

    def _plain_svg(self) -> str:
        """The picture as the renderer gives it."""
        source = self.source
        if source != self._rendered[0]:  # a layout is computed once, unless `digraph` was changed
            try:
                svg = render(source, "svg").decode()
            except NoRendererError as error:
                if source != self._drawn:
                    message = (
                        "there is neither `dot` nor the embedded renderer, and without them a changed digraph cannot"
                    )
                    raise NoRendererError(f"{message} be drawn: undo the change") from error
                svg = sketch(self.scene, self.direction)
            self._rendered = source, svg
            self._finished.clear()
        return self._rendered[1]

    def html(self) -> str:
        """The picture as a page of its own."""
        return (
            f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{escape(self.title)}</title>'
            f"<style>html{{color-scheme:light dark}}body{{margin:16px}}</style>\n{self.svg()}</html>\n"
        )

    def show(self) -> None:
        """Show the picture in the system's browser, from a terminal or a script."""
        show_in_browser(self.html())

    def png(self, *, theme: str | None = None, scale: float = 2.0) -> bytes:
        """The picture as a PNG file.

        Parameters
        ----------
        theme : {"auto", "light", "dark"}, optional
            The colours; light ones unless "dark" is asked for here or was in `draw`.
        scale : float
            The pixels to a point; at most one where the graph is large.
        """
        if not 0.0 < scale <= _LARGEST_SCALE:
            raise ValueError(f"scale must be in (0, {_LARGEST_SCALE:g}], got {scale!r}")
        large = len(self.digraph.body) > _LARGE
        source = palette.dot_in_theme(self.source, self._theme if theme is None else theme)
        return render(source, "png", resolution=round(72 * (min(scale, 1.0) if large else scale)))

    def save(self, path: str | os.PathLike[str], *, theme: str | None = None, scale: float = 2.0) -> None:
        """Write the picture to a file, in the format of its ending.

        These are .svg, .png, .pdf, .dot (Graphviz), .tex (TikZ, for LaTeX), .mmd (Mermaid, for Markdown), and .txt (as
        `print` shows it).

        There is never a half-written file: it appears whole, or not at all.

        Parameters
        ----------
        path : str or path-like
        theme : {"auto", "light", "dark"}, optional
            The colours of an SVG or a PNG. "auto" follows the page that shows an SVG, and is light in a PNG.
        scale : float
            The pixels of a PNG to a point.

        Raises
        ------
        ValueError
            If the ending is another one.
        FileNotFoundError
            If the directory is not there.
        RuntimeError
            If a PDF is asked for where the system has no Graphviz, or a PNG where nothing can draw one.
        """
        target = target_of(path, _ENDINGS)
        ending = target.suffix.lower()
        if ending == ".svg":
            content = self.svg(theme).encode()
        elif ending in _AS_TEXT:
            content = _AS_TEXT[ending](self).encode()
        elif ending == ".png":
            content = self.png(theme=theme, scale=scale)
        else:
            content = render(self.source, "pdf")
        write_atomically(target, content)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        svg = self.svg()
        return {
            "text/html": with_still(svg, self.svg("light"), self.title),
            "image/svg+xml": svg,
            "text/plain": repr(self),
        }


_AS_TEXT: Final[dict[str, Callable[[Picture], str]]] = {
    ".dot": lambda picture: picture.source,
    ".tex": lambda picture: to_tikz(picture.scene, picture.direction),
    ".mmd": lambda picture: to_mermaid(picture.scene, picture.direction),
    ".txt": lambda picture: f"{picture}\n",
}


def with_still(live: str, still: str, title: str) -> str:
    """HTML with a still picture beside the live part, which hides it where styles are kept.

    A notebook that is not trusted strips styles, frames and scripts: it shows the still.
    """
    name = hashlib.sha256(still.encode()).hexdigest()[:12]
    source = base64.b64encode(still.encode()).decode()
    return (
        f'<div class="autograd-shown"><style>.still-{name}{{display:none!important}}</style>'
        f'<img class="still-{name}" alt="{escape(title)}" src="data:image/svg+xml;base64,{source}">{live}</div>'
    )


def draw(
    root: Value | Sequence[Value] | SupportsParameters,
    *,
    direction: str = "LR",
    partials: bool = False,
    show: Collection[str] = _SHOWN,
    names: Mapping[str, object] | None = None,
    detail: str = "auto",
    expand: bool = False,
    color_by: str | None = None,
    highlight: Value | str | Collection[Value | str] | None = None,
    theme: str = "auto",
    max_nodes: int = MAX_NODES,
) -> Picture:
    """Draw the graph that a Value was computed from, or a net.

    Values flow from the leaves on the left to the result on the right; each box shows its operation, its name, its
    data and its gradient. A gradient shows as "–" as long as `backward()` has not been called on `root`, and when a leaf
    changed since. Constants stand in the box of their operation. Hover for all digits.

    A leaf is drawn as a *parameter* where its name says so: the last part of the label is `w`, `weight`, `gain`,
    `theta`, `b` or `bias`, with or without an index (`w1`, `b_out`, `layers[0].neurons[2].w[1]`), though a `b` is a
    bias only beside a weight. Every other leaf is an *input*.

    Parameters
    ----------
    root : Value, sequence of Value, or Module
        The result, or several; or a net such as `nn.MLP`, of which the neurons or layers are drawn with their weights.
    direction : {"LR", "TB", "RL", "BT"}
        Where values flow: left to right, top to bottom, or the reverse.
    partials : bool
        Whether to write on each edge its local derivative ∂child/∂parent.
    show : collection of {"data", "grad"}
        The numbers in the boxes.
    names : mapping of str to anything, optional
        A Value without a label is called by the variable that holds it: the caller's, or those of this namespace; an
        empty one gives no names.
    detail : {"auto", "scalar", "neuron", "layer"}
        What is one box: a node; a neuron (a `dot`, or a sum of products with weights, and its activation), with its
        weights on its edges; or a layer (the neurons that have the same inputs). What is used for many samples is
        drawn once. "auto" draws neurons where there are more than 60 operations, and layers where there are more than
        20 neurons.
    expand : bool
        Whether to unfold each `dot` into its products and their sum.
    color_by : {None, "data", "grad"}
        Fill the boxes by the order of magnitude of a number, on a fixed scale, instead of the role. At "neuron", the
        edges show the weights' data or gradients; at "layer", the box shows the root mean square of its parameters'.
    highlight : Value, str, or collection of them, optional
        The nodes to draw with a bold outline, themselves or by name; an edge between two of them is bold too.
    theme : {"auto", "light", "dark"}
        The colours: those of the page or the system that shows the picture, or fixed ones.
    max_nodes : int
        Refuse to draw more boxes than this.

    Raises
    ------
    TypeError
        If `root` is not a Value, a sequence of Values or a net.
    ValueError
        If the graph has more than `max_nodes` nodes, an option is unknown, or `highlight` names what is not in the graph.

    Examples
    --------
    >>> from autograd_lite import Value
    >>> w, x, b, y = Value(2.0, "w"), Value(-2.0, "x"), Value(8.0, "b"), Value(2.0, "y")
    >>> draw(0.5 * (w * x + b - y) ** 2)
    <Picture of 0.5 * (w * x + b - y)**2>
    """
    if direction not in _DIRECTIONS:
        raise ValueError(f"direction must be one of {', '.join(_DIRECTIONS)}, got {direction!r}")
    if isinstance(show, str) or not isinstance(show, Collection) or any(part not in _SHOWN for part in show):
        raise ValueError(f'show must be a collection of "data" and "grad", got {show!r}')
    if detail not in _DETAILS:
        raise ValueError(f"detail must be one of {', '.join(_DETAILS)}, got {detail!r}")
    if color_by not in (None, *_SHOWN):
        raise ValueError(f'color_by must be None, "data" or "grad", got {color_by!r}')
    if expand and detail in ("neuron", "layer"):
        raise ValueError(f"expand=True unfolds, detail={detail!r} folds: leave out one of them")
    parameters = None
    if isinstance(root, SupportsParameters):
        graph = graph_of_net(root)
        parameters = [value for _, value in root.named_parameters()]
    else:
        graph = Graph(root, names)
    shown = tuple(part for part in _SHOWN if part in show)
    view = View(graph, shown, partials, color_by, _highlighted(graph, highlight), parameters)
    foldable = detail != "scalar" and not expand
    scene = fold(view, detail, max_nodes) if foldable else None
    if scene is None:
        view.check_size(len(graph), max_nodes, foldable)  # before the work
        scene = scalar_scene(view, expand)
        if detail in ("neuron", "layer"):
            scene.notes.append("no neurons found to fold: neither a dot nor a sum of products with weights")
    if parameters is not None:
        inputs = sum(leaf not in view.parameters for leaf in graph.leaves)
        scene.title = f"{type(root).__name__}: {inputs} inputs, {len(parameters)} parameters"
    view.check_size(len(scene.boxes), max_nodes, foldable)
    return Picture(scene, direction, theme)


def _highlighted(graph: Graph, highlight: Value | str | Collection[Value | str] | None) -> list[Value]:
    """The nodes to highlight."""
    if highlight is None:
        return []
    chosen = [highlight] if isinstance(highlight, (Value, str)) else list(highlight)
    known: dict[Value | str, list[Value]] = {node: [node] for node in graph.nodes}
    for node in graph.nodes:
        if name := graph.name(node):
            known.setdefault(name, []).append(node)
    for item in chosen:
        if not isinstance(item, (Value, str)):
            raise TypeError(f"highlight takes Values or their names, got {type(item).__name__}: {item!r:.80}")
        if item not in known:
            raise ValueError(f"highlight takes nodes of this graph, and {item!r:.80} is not one of them")
    return [node for item in chosen for node in known[item]]
