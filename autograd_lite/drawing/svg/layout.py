"""Where to put boxes and edges, for the places where no Graphviz runs, such as a browser.

In the three steps of Sugiyama, Tagawa and Toda (1981): each box gets a layer, each layer an order, each box a place. All
is told by two coordinates: how far along the flow, and how far across it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

_BETWEEN: Final = 11.0  # points, across
_ROUNDS: Final = 25  # an odd number: the last one goes along with the flow
_MOST_EDGES: Final = 600  # with more of them the order stays as it was found


class Point(NamedTuple):
    """A point, or how far something reaches."""

    along: float
    across: float


class Layout(NamedTuple):
    """The centre of each box by its id, and for each edge the points that it runs through.

    A route begins at its tail and runs straight to the end of that layer; there a curve leads to the next layer, which
    it crosses straight, and so on. It is empty for an edge from a box to itself.
    """

    centres: dict[str, Point]
    routes: list[list[Point]]


def lay_out(
    sizes: Mapping[str, Point], edges: Sequence[tuple[str, str]], gap: float, *, spread_ports: bool = True
) -> Layout:
    """Point boxes of known sizes, joined by edges from tail to head, in layers with a gap between.

    With `spread_ports` the edges into a box end side by side in their order, else all at its middle.

    Examples
    --------
    >>> size = Point(40.0, 18.0)
    >>> centres, routes = lay_out({"x": size, "y": size, "sum": size}, [("x", "sum"), ("y", "sum")], gap=10.0)
    >>> centres["sum"]
    Point(along=70.0, across=23.5)
    >>> routes[0][0], routes[0][-1]
    (Point(along=40.0, across=9.0), Point(along=50.0, across=20.5))
    """
    layer_of = _layers(list(sizes), edges)
    chains = [_chain(i, tail, head, layer_of) for i, (tail, head) in enumerate(edges)]
    layers = _orders(sizes, edges, chains, layer_of)
    ports = _ports(sizes, edges) if spread_ports else [0.0] * len(edges)
    across = _places(layers, chains, ports, {box: size.across for box, size in sizes.items()})
    starts, ends = [], []
    position = 0.0
    for layer in layers:
        starts.append(position)
        ends.append(position + max([sizes[box].along for box in layer if isinstance(box, str)], default=0.0))
        position = ends[-1] + gap
    centres = {box: Point((starts[k] + ends[k]) / 2.0, across[box]) for box, k in layer_of.items()}
    routes: list[list[Point]] = []
    for (tail, head), chain, port in zip(edges, chains, ports):
        if tail == head:
            routes.append([])
            continue
        forward = layer_of[tail] < layer_of[head]  # or back, in a net that feeds itself
        route = []
        for item in chain:
            k = item.layer if isinstance(item, _Bend) else layer_of[item]
            sides = [starts[k], ends[k]]
            if isinstance(item, str):
                near, half = centres[item].along, sizes[item].along / 2.0
                if (item == tail) == forward:
                    sides[0] = near + half
                else:
                    sides[1] = near - half
            shift = port if item == head else 0.0
            route += [Point(along, across[item] + shift) for along in (sides if forward else sides[::-1])]
        routes.append(route)
    return Layout(centres, routes)


class _Bend(NamedTuple):
    """Where an edge passes through a layer."""

    edge: int
    layer: int


_Item = str | _Bend  # of a layer


def _layers(boxes: Sequence[str], edges: Sequence[tuple[str, str]]) -> dict[str, int]:
    """The layer of each box: after all that it is made from; what is made from nothing, right before its first use."""
    heads = defaultdict(list)
    waits_for = dict.fromkeys(boxes, 0)
    for tail, head in edges:
        if tail != head:
            heads[tail].append(head)
            waits_for[head] += 1
    sources = {box for box, count in waits_for.items() if not count}
    layer = dict.fromkeys(boxes, 0)
    order: dict[str, None] = {}
    ready = [box for box in boxes if box in sources]
    while len(order) < len(layer):
        if not ready:  # a circle, which is cut before its first box
            ready = [next(box for box in boxes if box not in order)]
        box = ready.pop()
        order[box] = None
        for head in heads[box]:
            waits_for[head] -= 1
            if head not in order:
                layer[head] = max(layer[head], layer[box] + 1)
                if not waits_for[head]:
                    ready.append(head)
    for box in sources:
        layer[box] = min([layer[head] - 1 for head in heads[box]], default=0)
    return layer


def _chain(number: int, tail: str, head: str, layer_of: Mapping[str, int]) -> list[_Item]:
    """What an edge runs through, from its tail to its head."""
    if tail == head:
        return [tail]
    first, last = layer_of[tail], layer_of[head]
    step = 1 if last > first else -1
    return [tail, *[_Bend(number, k) for k in range(first + step, last, step)], head]


def _orders(
    sizes: Mapping[str, Point],
    edges: Sequence[tuple[str, str]],
    chains: Sequence[list[_Item]],
    layer_of: Mapping[str, int],
) -> list[list[_Item]]:
    """The items of each layer in order: operands in theirs, and with few crossings of edges."""
    chains_to = defaultdict(list)
    for (_, head), chain in zip(edges, chains):
        chains_to[head].append(chain)
    tails = {tail for tail, head in edges if tail != head}
    layers: list[list[_Item]] = [[] for _ in range(1 + max(layer_of.values()))]
    # From each result towards what it is made from, so that what belongs together stands together.
    boxes = list(sizes)[::-1]
    stack: list[_Item] = [*boxes, *[box for box in boxes if box not in tails]]
    seen: set[_Item] = set()
    while stack:
        item = stack.pop()
        if item in seen:
            continue
        seen.add(item)
        if isinstance(item, _Bend):
            layers[item.layer].append(item)
            continue
        layers[layer_of[item]].append(item)
        for chain in reversed(chains_to[item]):
            stack += chain[:-1]
    if len(edges) <= _MOST_EDGES:
        _uncross(layers, chains, _operand_order(chains_to, layers))
    return layers


def _operand_order(chains_to: Mapping[str, list[list[_Item]]], layers: list[list[_Item]]) -> set[tuple[_Item, _Item]]:
    """Pairs of items of a layer that are to stand in this order, as they lead into one box."""
    layer_of = {item: k for k, layer in enumerate(layers) for item in layer}
    pairs: set[tuple[_Item, _Item]] = set()
    for chains in chains_to.values():
        operands: dict[int, dict[_Item, None]] = defaultdict(dict)
        for chain in chains:
            if len(chain) > 1:
                operands[layer_of[chain[-2]]][chain[-2]] = None
        for alike in operands.values():
            pairs.update(pairwise(alike))
    return pairs


def _uncross(layers: list[list[_Item]], chains: Sequence[list[_Item]], fixed: set[tuple[_Item, _Item]]) -> None:
    """Exchange neighbours in a layer as long as operands come into order, or fewer edges cross then."""
    neighbours = _neighbours(layers, chains)
    place = {item: i for layer in layers for i, item in enumerate(layer)}

    def crossings(a: _Item, b: _Item) -> int:
        """How many more edges cross with a before b than with b before a."""
        count = 0
        for side in (0, 1):
            for x in neighbours[a][side]:
                for y in neighbours[b][side]:
                    count += (place[x] > place[y]) - (place[x] < place[y])
        return count

    for _ in range(_ROUNDS):
        changed = False
        for layer in layers:
            for i in range(len(layer) - 1):
                a, b = layer[i], layer[i + 1]
                right, wrong = (a, b) in fixed, (b, a) in fixed
                if wrong if right != wrong else crossings(a, b) > 0:
                    layer[i], layer[i + 1] = b, a
                    place[a], place[b] = i + 1, i
                    changed = True
        if not changed:
            break


def _neighbours(
    layers: list[list[_Item]], chains: Sequence[list[_Item]]
) -> dict[_Item, tuple[list[_Item], list[_Item]]]:
    """What each item is joined to in the layer before, and in the layer after."""
    layer_of = {item: k for k, layer in enumerate(layers) for item in layer}
    found: dict[_Item, tuple[list[_Item], list[_Item]]] = {item: ([], []) for item in layer_of}
    for chain in chains:
        for a, b in pairwise(chain):
            first, second = (a, b) if layer_of[a] < layer_of[b] else (b, a)
            found[first][1].append(second)
            found[second][0].append(first)
    return found


def _places(
    layers: list[list[_Item]],
    chains: Sequence[list[_Item]],
    ports: Sequence[float],
    breadths: Mapping[_Item, float],
) -> dict[_Item, float]:
    """How far across each item stands: so that its edges run as straight as can be."""
    layer_of = {item: k for k, layer in enumerate(layers) for item in layer}
    # For each item, on both of its sides: what it is joined to, and how far from there a straight edge would have it.
    joined: dict[_Item, tuple[list[tuple[_Item, float]], ...]] = {item: ([], []) for item in layer_of}
    for chain, port in zip(chains, ports):
        for a, b in pairwise(chain):
            shift = port if b is chain[-1] else 0.0
            side = int(layer_of[a] < layer_of[b])
            joined[a][side].append((b, shift))
            joined[b][1 - side].append((a, -shift))
    across: dict[_Item, float] = {}
    for layer in layers:
        _stack(layer, breadths, [0.0] * len(layer), across)
    for turn in range(_ROUNDS):
        for layer in layers if turn % 2 == 0 else layers[::-1]:
            wanted = []
            for item in layer:
                sides = joined[item]
                others = (
                    sides[0] + sides[1]
                    if _ROUNDS // 2 <= turn < _ROUNDS - 1
                    else sides[turn % 2] or sides[1 - turn % 2]
                )
                wanted.append(sum(across[x] + d for x, d in others) / len(others) if others else across[item])
            _stack(layer, breadths, wanted, across)
    lowest = min(across[item] - breadths.get(item, 0.0) / 2.0 for item in across)
    return {item: place - lowest for item, place in across.items()}


def _stack(
    layer: Sequence[_Item], breadths: Mapping[_Item, float], wanted: Sequence[float], across: dict[_Item, float]
) -> None:
    """Put the items of a layer as near as can be, in least squares, to where they want to be, none on another.

    Measured from where they would stand if packed, the places must not fall: an isotonic regression, which pools what
    would.
    """
    offsets, end = [], 0.0
    for item in layer:
        breadth = breadths.get(item, 0.0)
        offsets.append(end + breadth / 2.0)
        end += breadth + _BETWEEN
    pools: list[tuple[float, int]] = []  # a mean, and of how many
    for want, offset in zip(wanted, offsets):
        mean, count = want - offset, 1
        while pools and pools[-1][0] > mean:
            other, n = pools.pop()
            mean, count = (mean * count + other * n) / (count + n), count + n
        pools.append((mean, count))
    places = [mean for mean, count in pools for _ in range(count)]
    across.update({item: offset + place for item, offset, place in zip(layer, offsets, places)})


def _ports(sizes: Mapping[str, Point], edges: Sequence[tuple[str, str]]) -> list[float]:
    """How far from the middle of its head each edge ends."""
    into = defaultdict(list)
    for i, (_, head) in enumerate(edges):
        into[head].append(i)
    ports = [0.0] * len(edges)
    for head, numbers in into.items():
        for k, i in enumerate(numbers):
            ports[i] = sizes[head].across * ((k + 1) / (len(numbers) + 1) - 0.5)
    return ports
