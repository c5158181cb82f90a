"""The order of the chain rule, right to left, for passes that compute aside from `Value.backward()`.

What a gradient is differs: a number that the player shows, or a new node of `gradients()`. What is the same stands here:
a node passes on its gradient after all its children have, once for each operand that is a node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from autograd_lite.value import Value

Partial = TypeVar("Partial")


def edges_backward(
    nodes: Sequence[Value], partials: Callable[[Value], Sequence[Partial]]
) -> Iterator[tuple[Value, Value, Partial]]:
    """Each edge from a child to a parent, with its local derivative.

    Parameters
    ----------
    nodes : sequence of Value
        In topological order. Leaves among them have no edges.
    partials : callable
        Gives the local derivatives of a node, one for each operand. It is asked when all edges that lead to the node have
        been given; of a node that gets no gradient, it may return nothing.

    Examples
    --------
    >>> x = Value(3.0, "x")
    >>> y = x * x
    >>> [(child is y, parent is x, partial) for child, parent, partial in edges_backward([x, y], lambda node: node.partials)]
    [(True, True, 3.0), (True, True, 3.0)]
    """
    for child in reversed(nodes):
        if child.op is not None:
            for parent, partial in zip(child.operands, partials(child)):
                if isinstance(parent, Value):
                    yield child, parent, partial


def partials_at(node: Value, data: Mapping[Value, float]) -> Sequence[Any]:
    """The local derivatives of a node, one for each operand, if the nodes had these numbers."""
    op = node.op
    assert op is not None
    return op.partials(*[data[x] if isinstance(x, Value) else x for x in node.operands], data[node])
