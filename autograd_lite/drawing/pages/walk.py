"""Walk: the forward and the backward pass over a graph, kept step by step."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from autograd_lite._support.text import escaped
from autograd_lite.graph.chain import edges_backward, partials_at
from autograd_lite.graph.notation import printable
from autograd_lite.graph.view import Graph
from autograd_lite.ops import in_words
from autograd_lite.value import Value


class Contribution(NamedTuple):
    """What one edge carries backward: to the parent's gradient it adds the child's gradient times the partial."""

    edge: int  # as in Graph.edges
    parent: Value
    child: Value
    gradient: float
    partial: float

    @property
    def amount(self) -> float:
        """The product."""
        return self.partial * self.gradient


class Walk:
    """Both passes over a graph, computed aside from the leaves' present data: no node of it is written to.

    Parameters
    ----------
    root : Value
        The result.
    names : mapping of str to anything, optional
        A namespace, such as `globals()`, for Values without a label.
    changes : mapping of Value to float, optional
        The data of some leaves, instead of what they hold.

    Raises
    ------
    ValueError, ZeroDivisionError, OverflowError
        As the operations do.

    Examples
    --------
    >>> w, x = Value(2.0, "w"), Value(-2.0, "x")
    >>> walk = Walk(w * x + w)
    >>> [walk.names[node] for node in walk.graph.nodes]
    ['w', 'x', 'v1', 'v2']
    >>> walk.gradient[w], [part.amount for part in walk.received[w]], w.grad
    (-1.0, [1.0, -2.0], 0.0)
    """

    def __init__(
        self,
        root: Value,
        names: Mapping[str, object] | None = None,
        changes: Mapping[Value, float] | None = None,
    ) -> None:
        self.graph: Final = Graph(root, names)
        self.names: Final = _unique_names(self.graph)
        self.data: Final = self.forward(changes)
        #: Each node's gradient, and the contributions that it is the sum of, in the order of their arrival.
        self.gradient: Final[dict[Value, float]] = dict.fromkeys(self.graph.nodes, 0.0)
        self.received: Final[dict[Value, list[Contribution]]] = {node: [] for node in self.graph.nodes}
        #: The contributions that each node sends to its parents.
        self.sent: Final[dict[Value, list[Contribution]]] = {}
        self._backward()

    @property
    def root(self) -> Value:
        """The result."""
        return self.graph.root

    def forward(self, changes: Mapping[Value, float] | None = None) -> dict[Value, float]:
        """Each node's number, if the leaves in `changes` had the data given there."""
        changes = changes or {}
        data: dict[Value, float] = {}
        for node in self.graph.nodes:
            if node.op is None:
                data[node] = changes.get(node, node.data)
                continue
            operands = [data[x] if isinstance(x, Value) else x for x in node.operands]
            try:
                data[node] = float(node.op.forward(*operands))
            except (ArithmeticError, ValueError) as error:
                inside = ", ".join(
                    f"{self.names[x]}={data[x]!r}" if isinstance(x, Value) else repr(x) for x in node.operands
                )
                raise type(error)(f"{in_words(error)}, in {node.op.name}({inside})") from None
        return data

    def _backward(self) -> None:
        edge = dict(
            zip(self.graph.nodes, itertools.accumulate(_count_edges(self.graph), initial=0))
        )  # the next of each
        self.gradient[self.root] = 1.0
        self.sent.update({node: [] for node in reversed(self.graph.nodes)})
        for child, parent, partial in edges_backward(self.graph.nodes, lambda node: partials_at(node, self.data)):
            contribution = Contribution(edge[child], parent, child, self.gradient[child], float(partial))
            self.gradient[parent] += contribution.amount
            self.sent[child].append(contribution)
            self.received[parent].append(contribution)
            edge[child] += 1


def _count_edges(graph: Graph) -> Iterator[int]:
    return (len(node.parents) for node in graph.nodes)


def _unique_names(graph: Graph) -> dict[Value, str]:
    """The nodes' labels; v1, v2 … for those without one, and w#2 for the second of the name w."""
    labels = {node: escaped(printable(graph.name(node))) for node in graph.nodes}
    taken = set(labels.values())
    fresh = (name for name in map("v{}".format, itertools.count(1)) if name not in taken)
    names: dict[Value, str] = {}
    count: dict[str, int] = {}
    for node, label in labels.items():
        if not label:
            names[node] = next(fresh)
            continue
        name = label
        count[label] = count.get(label, 0) + 1
        if count[label] > 1:
            while (name := f"{label}#{count[label]}") in taken:
                count[label] += 1
            taken.add(name)
        names[node] = name
    return names
