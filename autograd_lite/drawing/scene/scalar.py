"""The scalar level of detail: one box for each node, one edge for each operand."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import cached_property
from typing import Final

from autograd_lite import ops
from autograd_lite.drawing.scene.boxes import Box, Edge, Scene
from autograd_lite.drawing.scene.typesetting import NO_GRADIENT, clean, operation, short_number
from autograd_lite.graph.view import Graph
from autograd_lite.value import Value, changed_since_backward

_LONGEST_TITLE: Final = 80


class View:
    """A graph, and what to show of it at any level of detail.

    Parameters
    ----------
    graph : Graph
    show : tuple of {"data", "grad"}
        The numbers in the boxes.
    partials : bool
        Whether edges carry their local derivatives.
    color_by : {None, "data", "grad"}
        The number that the fills show.
    highlight : collection of Value
        The nodes to show in bold.
    net_parameters : sequence of Value, optional
        The parameters of a net of which the graph is a sample with invented inputs: then no result is a number to show,
        and only the parameters have gradients.
    """

    def __init__(
        self,
        graph: Graph,
        show: tuple[str, ...] = ("data", "grad"),
        partials: bool = False,
        color_by: str | None = None,
        highlight: Collection[Value] = (),
        net_parameters: Sequence[Value] | None = None,
    ) -> None:
        self.graph = graph
        self.show = show if net_parameters is None else ()
        self.partials = partials
        self.color_by = color_by
        self.highlight = frozenset(highlight)
        self.net_parameters = net_parameters
        differentiated = graph.roots if net_parameters is None else net_parameters
        was_differentiated = any(node.grad != 0.0 for node in differentiated)
        #: Whether the data beside the gradients changed after they were computed.
        self.gradients_are_old = was_differentiated and any(map(changed_since_backward, graph.leaves))
        self.has_gradient = was_differentiated and not self.gradients_are_old

    # What a graph that is far too large to draw can do without is found at its first use.

    @cached_property
    def number_of(self) -> dict[Value, int]:
        """The place of each node in the graph."""
        return {node: i for i, node in enumerate(self.graph.nodes)}

    @cached_property
    def roles(self) -> dict[Value, str]:
        """Which leaves are parameters, by their names, and which are inputs."""
        return _leaf_roles(self.graph)

    @cached_property
    def parameters(self) -> set[Value]:
        """The leaves that are parameters."""
        return {leaf for leaf, role in self.roles.items() if role == "parameter"}.union(self.net_parameters or ())

    def check_size(self, boxes: int, max_nodes: int, is_folded: bool, is_exact: bool = True) -> None:
        """Refuse to draw more boxes than are wanted.

        Raises
        ------
        ValueError
            If there are more.
        """
        if boxes > max_nodes:
            fold = "" if is_folded else ', fold it with detail="neuron" or detail="layer"'
            raise ValueError(
                f"this graph of {len(self.graph)} nodes would be {boxes} boxes{'' if is_exact else ' or more'}, more than"
                f" max_nodes={max_nodes}: draw a part of it (any inner node can be the root){fold}, or raise max_nodes"
            )

    def title(self) -> str:
        """The formula where it is short, else the name and the size."""
        name = clean(", ".join(filter(None, map(self.graph.name, self.graph.roots))), _LONGEST_TITLE)
        if len(self.graph.roots) > 1:
            return f"{name or f'{len(self.graph.roots)} results'}: {len(self.graph)} nodes"
        text = self.graph.expression(max_length=_LONGEST_TITLE)
        if "\n" in text:  # written in lines, since it is long
            return f"{name or 'graph'}: {len(self.graph)} nodes"
        formula = clean(text, _LONGEST_TITLE)
        return f"{name} = {formula}" if name and self.graph.root.op is not None else formula

    def notes(self) -> list[str]:
        """What the legend must say about gradients."""
        if self.has_gradient or not ("grad" in self.show or self.color_by == "grad"):
            return []
        why = "changed since backward()" if self.gradients_are_old else "backward() has not been called"
        return [f"grad {NO_GRADIENT}: {why}"]

    def hover(self, data: float, grad: float) -> str:
        """Every digit of the numbers of a box."""
        return f"data {data!r}\n{self.hover_grad(grad)}" if self.net_parameters is None else ""

    def hover_grad(self, grad: float) -> str:
        """Every digit of a gradient, or why there is none."""
        if self.has_gradient:
            return f"grad {grad!r}"
        return f"grad {NO_GRADIENT}" + (", changed since backward()" if self.gradients_are_old else "")

    def text_of(self, node: Value) -> str:
        """What to call a node in a sentence."""
        name = clean(self.graph.name(node))
        return name or (short_number(node.data) if node.op is None else f"({operation(node)})")

    def rows(self, data: float, grad: float) -> list[tuple[str, str]]:
        """The captions and numbers of a box."""
        texts = {"data": short_number(data), "grad": short_number(grad) if self.has_gradient else NO_GRADIENT}
        return [(caption, texts[caption]) for caption in self.show]

    def heat(self, data: float, grad: float) -> float | None:
        """The number that the fill of a box shows."""
        if self.color_by == "grad":
            return grad if self.has_gradient else None
        return data if self.color_by == "data" and self.net_parameters is None else None

    def box(self, node: Value) -> Box:
        """The box of one node."""
        name = clean(self.graph.name(node))
        if node.op is None:
            role = "parameter" if node in self.parameters else "input"
            heading = "" if name else role
        else:
            role, heading = "output" if node in self.graph.roots else "operation", operation(node)
        return Box(
            f"n{self.number_of[node]}",
            role,
            heading,
            name,
            self.rows(node.data, node.grad),
            f"{self.text_of(node)}\n{self.hover(node.data, node.grad)}".rstrip(),
            self.heat(node.data, node.grad),
            is_bold=node in self.highlight,
        )


def scalar_scene(view: View, expand: bool) -> Scene:
    """One box for each node; with `expand`, each product of a `dot` apart from its sum."""
    scene = Scene(view.title(), [], [], view.notes(), view.color_by)
    if view.partials:
        scene.notes.insert(0, "on the edges: the local derivative ∂child/∂parent")
    first = 0
    for node in view.graph.nodes:
        box = view.box(node)
        edges = [
            Edge(
                f"e{first + i}",
                f"n{view.number_of[parent]}",
                box.id,
                *_edge_texts(view, node, parent, partial),
                is_bold=parent in view.highlight and node in view.highlight,
            )
            for i, (parent, partial) in enumerate(zip(node.parents, node.partials, strict=True))
        ]
        first += len(edges)
        if expand and node.op is ops.DOT:
            _unfold(scene, view, node, box, edges)
        scene.boxes.append(box)
        scene.edges += edges
    return scene


def _edge_texts(view: View, child: Value, parent: Value, partial: float) -> tuple[str, str]:
    """The label and the tooltip of an edge."""
    text = f"∂{view.text_of(child)} / ∂{view.text_of(parent)} = {partial!r}"
    if view.has_gradient and view.net_parameters is None:
        text += f"\nsends back {partial!r} × {child.grad!r} = {partial * child.grad!r}"
    return short_number(partial) if view.partials else "", text


def _unfold(scene: Scene, view: View, node: Value, box: Box, edges: list[Edge]) -> None:
    """Put a box for each product between a dot and its operands; its own box becomes the sum of them."""
    *factors, bias = node.operands
    constant = 0.0 if isinstance(bias, Value) else bias
    n = len(factors) // 2
    remaining = iter(edges)
    edge_of = [next(remaining) if isinstance(x, Value) else None for x in factors]
    for k in range(n):
        a, b = factors[k], factors[n + k]
        if not isinstance(a, Value) and not isinstance(b, Value):
            constant += a * b
            continue
        fixed = [x for x in (a, b) if not isinstance(x, Value)]
        # The sum hands its gradient on as it is, so the product's is known too.
        data, grad = float(a) * float(b), node.grad
        product = Box(f"{box.id}p{k}", "operation", f"× {short_number(fixed[0])}" if fixed else "×")
        product.rows = view.rows(data, grad)
        product.heat = view.heat(data, grad)
        product.tooltip = view.hover(data, grad)
        scene.boxes.append(product)
        for edge in (edge_of[k], edge_of[n + k]):
            if edge is not None:
                edge.head = product.id
        edges.append(Edge(f"{box.id}s{k}", product.id, box.id, "1" if view.partials else ""))
    box.heading = f"+ {short_number(constant)}" if constant else "+"


_INDEX: Final = r"(\d+|_\w+|\[[^\]]*\])*"
_WEIGHT: Final = re.compile(rf"(.*\.)?(?:w|weights?|gain|theta|θ){_INDEX}", re.IGNORECASE)
_BIAS: Final = re.compile(rf"(.*\.)?(?:b|bias|biases){_INDEX}", re.IGNORECASE)


def _leaf_roles(graph: Graph) -> dict[Value, str]:
    leaves = graph.leaves
    weights = {leaf: match for leaf in leaves if (match := _WEIGHT.fullmatch(graph.name(leaf)))}
    biases = {leaf: match for leaf in leaves if (match := _BIAS.fullmatch(graph.name(leaf)))}
    # A bias is called as the weights beside it are: `b` beside `w`, `layers[0].b` beside `layers[0].w[1]`.
    owners = {match[1] for match in weights.values()}
    parameters = {*weights, *(leaf for leaf, match in biases.items() if match[1] in owners)}
    return {leaf: "parameter" if leaf in parameters else "input" for leaf in leaves}
