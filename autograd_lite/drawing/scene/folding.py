"""Folded levels of detail: a neuron or a layer as one box."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from autograd_lite.drawing.scene.boxes import Box, Edge, Scene
from autograd_lite.drawing.scene.neurons import Neuron, Use, find_layers, find_neurons, path_of
from autograd_lite.drawing.scene.scalar import View
from autograd_lite.drawing.scene.typesetting import clean, operation, short_number
from autograd_lite.functions import FloatOrValue
from autograd_lite.value import Value

# detail="auto" folds larger graphs than these.
_MOST_OPERATIONS: Final = 60
_MOST_NEURONS: Final = 20
_MOST_EQUALS: Final = 16  # of a larger group, the first few are shown, and how many more there are
_FIRST_FEW: Final = 8
_MOST_LABELS: Final = 12  # edges with their number
_MOST_KINDS: Final = 4  # of operations, named in a box
_MOST_TALL: Final = 8  # neurons of a layer that have room for captions

BoxKey = tuple[Any, ...]  # the key of a box


def fold(view: View, detail: str, max_nodes: int) -> Scene | None:
    """The scene of a folded graph; None where "auto" means the scalar level, or where there is nothing to fold.

    Raises
    ------
    ValueError
        If it would have more than `max_nodes` boxes.
    """
    operations = sum(node.op is not None for node in view.graph.nodes)
    if detail == "auto" and operations <= _MOST_OPERATIONS and view.net_parameters is None:
        return None
    neurons = find_neurons(view)
    if not neurons:
        return None
    if detail == "auto":
        detail = "neuron" if len(neurons) <= _MOST_NEURONS else "layer"
    layers = find_layers(view, neurons)
    boxes = sum(1 if detail == "layer" else _slot(len(layer) - 1, len(layer)) + 1 for layer in layers)
    view.check_size(boxes, max_nodes, is_folded=True, is_exact=False)  # before the work
    return _Folding(view, neurons, layers, detail).scene()


# --- the scene --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Group:
    """What one box holds."""

    nodes: list[Value] = field(default_factory=list)
    neurons: list[Neuron] = field(default_factory=list)
    positions: dict[int, FloatOrValue] = field(
        default_factory=dict
    )  # of inputs, with what is there in the first sample


class _Folding:
    """The steps from neurons to a scene: a place for each node, a box for each place, edges between the places."""

    def __init__(self, view: View, neurons: list[Neuron], layers: list[list[Neuron]], detail: str) -> None:
        self.view = view
        self.detail = detail
        self.neurons = neurons
        self.layers = layers
        self.most_uses = max(len(neuron.uses) for neuron in neurons)  # samples, or steps of a recurrent net
        self.compact = detail == "neuron" and max(len(layer) for layer in self.layers) > _MOST_TALL
        self.place: dict[Value, BoxKey] = {}
        self.groups: dict[BoxKey, _Group] = defaultdict(_Group)
        self.flows: dict[tuple[BoxKey, BoxKey], list[Value]] = {}  # with the weights of each edge

    def scene(self) -> Scene:
        """Do the steps."""
        self._place_inputs()
        self._place_neurons()
        self._place_operations()
        self._place_other_leaves()
        self._connect()
        ids = {
            place: f"n{self.view.number_of[place[1]]}" if place[0] == "node" else f"g{i}"
            for i, place in enumerate(self.groups)
        }
        scene = Scene(self.view.title(), [], [], [self._caption(), *self.view.notes()], self.view.color_by)
        scene.boxes = [self._box(ids[place], place, group) for place, group in self.groups.items()]
        scene.edges = self._edges(ids)
        if self.view.color_by is not None and any(box.heat is not None for box in scene.boxes):
            what = {"data": "their results", "grad": "the gradients of their parameters"}[self.view.color_by]
            scene.notes.append(f"the fill of {self.detail}s: root mean square (rms) of {what}")
        if self.detail == "neuron":
            what = "gradients of the weights" if self._edges_show_gradients() else "weights"
            scene.notes.append(f"edges: {what}; wider is larger, dashed is negative, dotted is zero")
            scene.layout = "net" if any(edge.label for edge in scene.edges) else "dense net"
        return scene

    def _caption(self) -> str:
        counts = [_count(len(self.neurons), "neuron"), _count(len(_parameters(self.neurons)), "parameter")]
        if self.most_uses > 1:
            each = all(len(neuron.uses) == self.most_uses for neuron in self.neurons)
            counts.append(f"{'each used' if each else 'used up to'} {self.most_uses} times")
        return f'folded to {self.detail}s: {", ".join(counts)}; detail="scalar" shows every operation'

    # --- places

    def _put(self, node: Value, place: BoxKey) -> None:
        if node not in self.place:
            self.place[node] = place
            self.groups[place].nodes.append(node)

    def _place_of(self, neuron: Neuron) -> BoxKey:
        if self.detail == "layer":
            return "layer", neuron.layer
        return "neuron", neuron.layer, _slot(neuron.position, len(self.layers[neuron.layer]))

    def _input_place(self, neuron: Neuron, use: Use, i: int) -> BoxKey:
        """Where an input of a neuron stands: what all samples have at one position is one box."""
        source = use.inputs[i]
        if isinstance(source, Value) and source in self.place:
            return self.place[source]
        if self.detail == "layer":
            return "inputs", neuron.layer
        if isinstance(source, Value) and len(neuron.uses) == 1 and len(use.inputs) <= _MOST_EQUALS:
            return "node", source
        return "inputs", neuron.layer, _slot(i, len(use.inputs))

    def _place_inputs(self) -> None:
        """Leaves and constants first, so that pictures begin with them."""
        own = set(_parameters(self.neurons))
        for neuron in self.neurons:
            for use in neuron.uses:
                for i, source in enumerate(use.inputs):
                    if isinstance(source, Value) and (source.op is not None or source in own):
                        continue
                    place = self._input_place(neuron, use, i)
                    if isinstance(source, Value):
                        self._put(source, place)
                    self.groups[place].positions.setdefault(i, source)

    def _place_neurons(self) -> None:
        for layer in self.layers:
            for neuron in layer:
                place = self._place_of(neuron)
                self.groups[place].neurons.append(neuron)
                for node in (*neuron.parameters, *(node for use in neuron.uses for node in use.inside)):
                    self._put(node, place)

    def _place_operations(self) -> None:
        """An operation outside the neurons stands for itself, or in one box with the others that are as many neurons deep.

        Of equal depth they feed one another without a neuron between, so no box feeds itself through a layer.
        """
        results = {use.result for neuron in self.neurons for use in neuron.uses}
        depth: dict[Value, int] = {}
        alike: dict[int, list[Value]] = defaultdict(list)
        for node in self.view.graph.nodes:
            depth[node] = max((depth[parent] for parent in node.parents), default=0) + (node in results)
            if node.op is not None and node not in self.place:
                alike[depth[node]].append(node)
        most = _MOST_TALL if self.detail == "neuron" and self.most_uses == 1 else 2
        for d, nodes in alike.items():
            for node in nodes:
                self._put(node, ("operations", d) if len(nodes) > most else ("node", node))

    def _place_other_leaves(self) -> None:
        """Targets and the like: one box for all that go into one box of operations."""
        for node in self.view.graph.nodes:
            for parent in node.parents:
                if parent not in self.place:
                    home = self.place[node]
                    alone = home[0] == "node"
                    self._put(parent, ("node", parent) if alone else ("leaves", self.view.roles[parent], home))

    # --- edges

    def _connect(self) -> None:
        for neuron in self.neurons:
            head = self._place_of(neuron)
            seen: set[tuple[BoxKey, int]] = set()
            for use in neuron.uses:
                for i, weight in enumerate(use.weights):
                    tail = self._input_place(neuron, use, i)
                    if (tail, i) not in seen:
                        seen.add((tail, i))
                        self.flows.setdefault((tail, head), []).append(weight)
        for node in self.view.graph.nodes:
            head = self.place[node]
            if head[0] in ("operations", "node"):
                for parent in node.parents:
                    if self.place[parent] != head:
                        self.flows.setdefault((self.place[parent], head), [])

    def _edges(self, ids: dict[BoxKey, str]) -> list[Edge]:
        view = self.view
        labelled = not self.compact and sum(len(weights) == 1 for weights in self.flows.values()) <= _MOST_LABELS
        edges = []
        for i, ((tail, head), weights) in enumerate(self.flows.items()):
            edge = Edge(f"f{i}", ids[tail], ids[head])
            if self.detail == "neuron" and len(weights) == 1:
                weight = weights[0]
                edge.weight = weight.grad if self._edges_show_gradients() else weight.data
                edge.label = short_number(edge.weight) if labelled else ""
                edge.tooltip = f"{view.text_of(weight)}\ndata {weight.data!r}\n{view.hover_grad(weight.grad)}"
                edge.is_bold = weight in view.highlight
            elif weights:
                edge.tooltip = f"{len(weights)} weights"
            edges.append(edge)
        return edges

    def _edges_show_gradients(self) -> bool:
        return self.view.color_by == "grad" and self.view.has_gradient

    # --- boxes

    def _box(self, id: str, place: BoxKey, group: _Group) -> Box:
        box = self._box_of_kind(id, place, group)
        box.is_bold = not self.view.highlight.isdisjoint(group.nodes)
        return box

    def _box_of_kind(self, id: str, place: BoxKey, group: _Group) -> Box:
        kind = place[0]
        if kind == "node":
            return self.view.box(place[1])
        if kind == "inputs":
            return self._inputs_box(id, group)
        if kind == "leaves":
            return Box(id, place[1], _count(len(group.nodes), place[1]))
        if kind == "operations":
            kinds = Counter(operation(node) for node in group.nodes)
            shown = [f"{name} ({n})" if n > 1 else name for name, n in kinds.most_common(_MOST_KINDS)]
            box = Box(id, "operation", ", ".join(shown) + ", …" * (len(kinds) > _MOST_KINDS))
            box.tooltip = f"{len(group.nodes)} operations"
        elif kind == "layer":
            box = self._layer_box(id, group.neurons)
        else:
            box = self._neuron_box(id, group.neurons)
        for root in self.view.graph.roots:
            if root not in group.nodes:
                continue
            box.role = "output"
            box.name = box.name or clean(self.view.graph.name(root))
            if box.heat is None:
                box.heat = self.view.heat(root.data, root.grad)
            if not any(caption in self.view.show for caption, _ in box.rows):
                box.rows = self.view.rows(root.data, root.grad) + box.rows
        return box

    def _inputs_box(self, id: str, group: _Group) -> Box:
        positions = group.positions
        if self.detail == "layer":
            box = Box(id, "input", _count(len(positions), "input"))
        elif len(positions) > 1:
            box = Box(id, "input", f"… {len(positions)} more")
        else:
            ((i, source),) = positions.items()
            box = Box(id, "input", "", f"x[{i}]")
            if isinstance(source, float) and self.most_uses == 1 and "data" in self.view.show:
                box.rows.append(("data", short_number(source)))
        if self.most_uses > 1 and not self.compact:
            box.rows.append(("uses", str(self.most_uses)))
        box.compact = self.compact
        return box

    def _neuron_box(self, id: str, neurons: list[Neuron]) -> Box:
        if len(neurons) > 1:
            return Box(id, "neuron", f"… {len(neurons)} more", compact=self.compact)
        (neuron,) = neurons
        use = neuron.uses[0]
        name = clean(path_of(self.view, neuron, 1) or self.view.graph.name(use.result))
        short = name.rpartition(".")[2] if self.compact else name
        box = Box(id, "neuron", neuron.activation or "Σ", short, compact=self.compact)
        box.tooltip = f"{name}\n{len(use.weights)} weights" if name else f"{len(use.weights)} weights"
        bias = use.bias
        if isinstance(bias, Value):
            box.tooltip += f"\nbias {bias.data!r}, {self.view.hover_grad(bias.grad)}"
        box.heat = self._heat(neurons)
        if len(neuron.uses) > 1:
            self._add_heat_row(box)
            return box
        box.tooltip = f"{box.tooltip}\n{self.view.hover(use.result.data, use.result.grad)}".rstrip()
        box.rows = self.view.rows(use.result.data, use.result.grad)
        if not self.compact and bias:
            box.rows.append(("bias", short_number(float(bias))))
        return box

    def _layer_box(self, id: str, neurons: list[Neuron]) -> Box:
        first = neurons[0]
        name = clean(path_of(self.view, first, 2)) or f"layer {first.layer + 1}"
        box = Box(id, "layer", f"{len(first.uses[0].inputs)} → {len(neurons)}  {first.activation}".strip(), name)
        box.rows.append(("parameters", str(len(_parameters(neurons)))))
        if len(first.uses) > 1:
            box.rows.append(("uses", str(len(first.uses))))
        box.heat = self._heat(neurons)
        self._add_heat_row(box)
        return box

    def _heat(self, neurons: Sequence[Neuron]) -> float | None:
        """What the fill shows: how large the results are, or the gradients that reach the parameters."""
        results = [use.result.data for neuron in neurons for use in neuron.uses]
        return self.view.heat(_rms(results), _rms([parameter.grad for parameter in _parameters(neurons)]))

    def _add_heat_row(self, box: Box) -> None:
        if box.heat is not None:
            box.rows.append((f"{self.view.color_by} rms", short_number(box.heat)))


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _parameters(neurons: Sequence[Neuron]) -> list[Value]:
    """The parameters of some neurons, each once."""
    return list(dict.fromkeys(parameter for neuron in neurons for parameter in neuron.parameters))


def _slot(i: int, count: int) -> int:
    """The place of the i-th of many equals: the last few dozen share one."""
    return i if count <= _MOST_EQUALS else min(i, _FIRST_FEW)


def _rms(numbers: Sequence[float]) -> float:
    return math.hypot(*numbers) / math.sqrt(len(numbers))
