"""A graph from plain lists and dicts, as `Graph.to_dict` gives them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autograd_lite import ops
from autograd_lite._support.text import quoted
from autograd_lite.value import Value


def nodes_of(parts: Mapping[str, Any]) -> list[Value]:
    """The results of a graph: the nodes that no other one is made from, or the last one."""
    if not isinstance(parts, Mapping) or not isinstance(parts.get("nodes"), (list, tuple)) or not parts["nodes"]:
        raise ValueError('a graph is read from {"nodes": [...]}, with at least one node')
    nodes: dict[Any, Value] = {}
    used: set[Value] = set()
    for position, part in enumerate(parts["nodes"]):
        node = _node(part, nodes, position)
        used.update(node.parents)
        nodes[part["id"]] = node
    for part, node in zip(parts["nodes"], nodes.values(), strict=True):
        node.grad = float(part.get("grad", 0.0))
    return [node for node in nodes.values() if node not in used]


def _node(part: Any, nodes: Mapping[Any, Value], position: int) -> Value:
    where = f"node {position} of the graph"
    if not isinstance(part, Mapping) or part.get("id") is None or part["id"] in nodes:
        raise ValueError(f"{where} must be a dict with an id of its own")
    label, name = part.get("label", ""), part.get("op")
    if name is None:
        if "data" not in part:
            raise ValueError(f"{where} is a leaf, and must have its data")
        return Value(float(part["data"]), label)
    op = ops.TABLE.get(name)
    if op is None:
        raise ValueError(f"{where} has the operation {quoted(str(name))}, which is not in the table")
    operands: list[Value | float] = []
    for operand in part.get("operands", []):
        if "constant" in operand:
            operands.append(float(operand["constant"]))
        elif operand.get("node") in nodes:
            operands.append(nodes[operand["node"]])
        else:
            raise ValueError(f"{where} has an operand that is neither a constant nor a node before it: {operand!r}")
    try:
        node = op(*operands)
    except (ArithmeticError, TypeError, ValueError) as error:
        raise ValueError(f"{where} cannot be computed: {error}") from error
    if not isinstance(node, Value):
        raise ValueError(f"{where} has no node among its operands")
    node.label = label
    return node
