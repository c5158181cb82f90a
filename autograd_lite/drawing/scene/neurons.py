"""Finding the neurons and the layers in a scalar graph.

A neuron is found by its form, not by a class: a `dot`, or a sum of products, of weights (leaves) with inputs, plus a
bias if there is one, and the activation that alone consumes the sum. Neurons with the same weights are one neuron that
is used for several samples, and neurons with the same inputs are a layer. So hand-written networks are found as well.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from autograd_lite import ops
from autograd_lite.drawing.scene.scalar import View
from autograd_lite.functions import FloatOrValue
from autograd_lite.value import Value

_ACTIVATIONS: Final = {
    ops.TANH, ops.SIGMOID, ops.RELU, ops.LEAKY_RELU, ops.ELU, ops.SILU, ops.GELU, ops.SOFTPLUS
}  # fmt: skip


@dataclass(slots=True)
class Use:
    """One evaluation of a neuron, for one sample."""

    weights: list[Value]
    inputs: list[FloatOrValue]
    bias: FloatOrValue
    inside: list[Value]  # all that the box hides
    result: Value


@dataclass(slots=True, eq=False)
class Neuron:
    """A set of weights, with every sample that it is used for."""

    uses: list[Use]
    layer: int = 0
    position: int = 0  # in its layer

    @property
    def parameters(self) -> list[Value]:
        """Its weights, then its bias if it has one."""
        first = self.uses[0]
        return [*first.weights, *([first.bias] if isinstance(first.bias, Value) else [])]

    @property
    def activation(self) -> str:
        """The name of its activation; empty if it has none."""
        op = self.uses[0].result.op
        return "relu" if op is ops.MAXIMUM else op.name if op in _ACTIVATIONS else ""


def find_neurons(view: View) -> list[Neuron]:
    """The neurons of a graph, in topological order."""
    if not any(node.op is ops.DOT or (node.op is ops.MUL and _has_leaf(node)) for node in view.graph.nodes):
        return []  # quickly, for a graph that is far too large to draw
    uses_of: Counter[Value] = Counter()
    user: dict[Value, Value] = {}
    for node in view.graph.nodes:
        for parent in node.parents:
            uses_of[parent] += 1
            user[parent] = node
    sums = _sums_of_products(view, uses_of)
    found: dict[tuple[Any, ...], Neuron] = {}
    hidden: set[Value] = set()
    # Right to left, so that a sum is met before the sums inside it.
    for node in reversed(view.graph.nodes):
        use = None
        if node.op is ops.DOT:
            use = _dot_use(view, node)
        elif node in sums and node.op is not ops.MUL and node not in hidden:
            use = _sum_use(view, node)
        if use is None or not use.weights:
            continue
        after = user.get(node)
        if after is not None and uses_of[node] == 1 and _is_activation(after):
            use.inside.append(after)
            use.result = after
        hidden.update(use.inside)
        found.setdefault((*use.weights, use.bias), Neuron([])).uses.append(use)
    neurons = list(found.values())
    neurons.reverse()
    for neuron in neurons:
        neuron.uses.reverse()
    return neurons


def _is_activation(node: Value) -> bool:
    return node.op in _ACTIVATIONS or (node.op is ops.MAXIMUM and 0.0 in node.operands)


def _dot_use(view: View, node: Value) -> Use | None:
    *factors, bias = node.operands
    n = len(factors) // 2
    sides = _weights_and_inputs(view, factors[:n], factors[n:])
    if sides is None and all(_is_leaf(x) for x in factors) and view.parameters.isdisjoint(factors):
        sides = [x for x in factors[:n] if isinstance(x, Value)], factors[n:]  # as one writes it: dot(weights, inputs)
    return None if sides is None else Use(*sides, bias, [node], node)


def _sums_of_products(view: View, uses_of: Counter[Value]) -> dict[Value, int]:
    """Products of a weight with an input, and sums of such products with at most one bias: how many biases each has.

    A sum is written with + or `total`, in one piece or in several; its parts are used nowhere else.
    """
    sums: dict[Value, int] = {}
    for node in view.graph.nodes:
        if node.op is ops.MUL and uses_of[node] == 1 and _sides_of_product(view, node) is not None:
            sums[node] = 0
        elif node.op in (ops.ADD, ops.TOTAL):
            biases = 0
            for term in node.operands:
                if isinstance(term, Value) and term.op is not None:
                    biases += sums[term] if term in sums and uses_of[term] == 1 else 2  # neither part nor bias
                elif isinstance(term, Value) or term != 0.0:  # sum() starts with 0
                    biases += 1
            if biases <= 1:
                sums[node] = biases
    return sums


def _sum_use(view: View, node: Value) -> Use:
    """Take a sum of products apart."""
    use = Use([], [], 0.0, [], node)
    pending: list[FloatOrValue] = [node]
    while pending:
        term = pending.pop()
        if isinstance(term, Value) and term.op is not None:
            use.inside.append(term)
            sides = _sides_of_product(view, term) if term.op is ops.MUL else None
            if sides is None:
                pending += reversed(term.operands)
            else:
                use.weights += sides[0]
                use.inputs += sides[1]
        elif isinstance(term, Value) or term != 0.0:
            use.bias = term
    return use


def _has_leaf(product: Value) -> bool:
    return any(map(_is_leaf, product.parents))


def _sides_of_product(view: View, product: Value) -> tuple[list[Value], list[FloatOrValue]] | None:
    return _weights_and_inputs(view, product.operands[:1], product.operands[1:])


def _weights_and_inputs(
    view: View, a: Sequence[FloatOrValue], b: Sequence[FloatOrValue]
) -> tuple[list[Value], list[FloatOrValue]] | None:
    """Which side of a product the weights are: all parameters by name, else all leaves where the others are none."""
    parameters = view.parameters.__contains__
    a_fits, b_fits = all(map(parameters, a)), all(map(parameters, b))
    if not (a_fits or b_fits):
        a_leaves, b_leaves = [_is_leaf(x) for x in a], [_is_leaf(x) for x in b]
        a_fits, b_fits = all(a_leaves) and not any(b_leaves), all(b_leaves) and not any(a_leaves)
    if a_fits == b_fits:  # neither, or both, as in w * w
        return None
    weights, inputs = (a, b) if a_fits else (b, a)
    return [x for x in weights if isinstance(x, Value)], list(inputs)


def _is_leaf(x: FloatOrValue) -> bool:
    return isinstance(x, Value) and x.op is None


# --- layers -----------------------------------------------------------------------------------------------------------


def find_layers(view: View, neurons: list[Neuron]) -> list[list[Neuron]]:
    """Group the neurons that have, for some sample, the same inputs; labels keep apart what they call different."""
    leader: dict[Neuron, Neuron] = {neuron: neuron for neuron in neurons}

    def find(neuron: Neuron) -> Neuron:
        while leader[neuron] is not neuron:
            leader[neuron] = leader[leader[neuron]]
            neuron = leader[neuron]
        return neuron

    first_with: dict[tuple[Any, ...], Neuron] = {}
    for neuron in neurons:
        for use in neuron.uses:
            key = (path_of(view, neuron, 2), *use.inputs)
            leader[find(neuron)] = find(first_with.setdefault(key, neuron))
    layers: dict[Neuron, list[Neuron]] = defaultdict(list)
    for neuron in neurons:
        layers[find(neuron)].append(neuron)
    for i, layer in enumerate(layers.values()):
        layer.sort(key=lambda neuron: _natural(path_of(view, neuron, 1)))
        for position, neuron in enumerate(layer):
            neuron.layer, neuron.position = i, position
    return list(layers.values())


def path_of(view: View, neuron: Neuron, parts: int) -> str:
    """The label of a neuron's first weight without its last parts: `layers[0].neurons[2].w[1]` → `layers[0]`."""
    label = view.graph.name(neuron.uses[0].weights[0])
    for _ in range(parts):
        label = label.rpartition(".")[0]
    return label


def _natural(text: str) -> tuple[int | str, ...]:
    """A sort key in which neuron 2 comes before neuron 10."""
    digits = "".join(c if c.isdigit() and c.isascii() else " " for c in text).split()
    return tuple(int(part) for part in digits)
