"""The layout of our own, which draws where no Graphviz runs: nothing overlaps, operands stand in order."""

import re
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_lite import Graph, Value, dot, draw, nn, tanh
from autograd_lite.drawing.scene.folding import fold
from autograd_lite.drawing.scene.scalar import View
from autograd_lite.drawing.svg import graphviz as render
from autograd_lite.drawing.svg.layout import Point, lay_out
from autograd_lite.drawing.svg.sketch import sketch


@pytest.fixture(autouse=True)
def no_renderer(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(render, "_embedded_renderer", lambda: None)


@st.composite
def graphs(draw, circles=False):
    """Sizes of boxes, and edges among them: forward only, or any."""
    sizes = {
        f"n{i}": Point(*draw(st.tuples(st.integers(20, 90), st.integers(20, 60))))
        for i in range(draw(st.integers(1, 9)))
    }
    ends = st.integers(0, len(sizes) - 1)
    pairs = draw(st.lists(st.tuples(ends, ends), max_size=14))
    if not circles:
        pairs = [(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]]
    return sizes, [(f"n{tail}", f"n{head}") for tail, head in pairs]


def apart(a, b, centres, sizes):
    """Whether two boxes share no point."""
    return any(abs(centres[a][i] - centres[b][i]) >= (sizes[a][i] + sizes[b][i]) / 2 - 1e-6 for i in (0, 1))


@given(graphs(circles=True))
@settings(max_examples=150)
def test_no_box_stands_on_another(graph):
    sizes, edges = graph
    centres, _ = lay_out(sizes, edges, gap=20.0)
    assert centres.keys() == sizes.keys()
    assert all(apart(a, b, centres, sizes) for a, b in combinations(sizes, 2))


@given(graphs())
@settings(max_examples=150)
def test_each_edge_leads_forward_from_its_tail_to_its_head(graph):
    sizes, edges = graph
    centres, routes = lay_out(sizes, edges, gap=20.0)
    for (tail, head), route in zip(edges, routes, strict=True):
        assert route[0] == Point(centres[tail].along + sizes[tail].along / 2, centres[tail].across)
        assert route[-1].along == centres[head].along - sizes[head].along / 2
        assert abs(route[-1].across - centres[head].across) < sizes[head].across / 2
        assert [place.along for place in route] == sorted(place.along for place in route)


@given(graphs())
@settings(max_examples=150)
def test_no_edge_runs_through_a_box(graph):
    sizes, edges = graph
    centres, routes = lay_out(sizes, edges, gap=20.0)
    for edge, route in zip(edges, routes, strict=True):
        for first, second in zip(route[::2], route[1::2], strict=True):  # what is straight; curves stay in the gaps
            for box in sizes.keys() - set(edge):
                beside = abs(first.across - centres[box].across) >= sizes[box].across / 2
                reach = sizes[box].along / 2 - 1e-6
                assert beside or not first.along - reach < centres[box].along < second.along + reach


@given(graphs())
@settings(max_examples=50)
def test_a_layout_is_the_same_each_time(graph):
    assert lay_out(*graph, gap=20.0) == lay_out(*graph, gap=20.0)


def test_a_circle_is_laid_out_too():
    size = Point(30.0, 20.0)
    centres, routes = lay_out({"a": size, "b": size}, [("a", "b"), ("b", "a"), ("b", "b")], gap=20.0)
    assert centres["a"].along < centres["b"].along
    assert routes[1][0].along > routes[1][-1].along
    assert routes[2] == []


def test_a_chain_is_straight():
    size = Point(30.0, 20.0)
    boxes = dict.fromkeys("abcd", size)
    centres, _ = lay_out(boxes, [("a", "b"), ("b", "c"), ("c", "d")], gap=20.0)
    assert {place.across for place in centres.values()} == {10.0}


def test_leaves_stand_right_before_their_use():
    size = Point(30.0, 20.0)
    edges = [("w", "mul"), ("x", "mul"), ("mul", "add"), ("b", "add")]
    centres, _ = lay_out(dict.fromkeys(["w", "x", "mul", "b", "add"], size), edges, gap=20.0)
    assert centres["b"].along == centres["mul"].along
    assert centres["w"].across < centres["x"].across
    assert centres["mul"].across < centres["b"].across


@pytest.mark.parametrize("direction", ["LR", "RL", "TB", "BT"])
@pytest.mark.parametrize("detail", ["scalar", "neuron", "layer"])
def test_nothing_reaches_beyond_the_picture(direction, detail):
    net = nn.MLP(2, [4, 3, 1], "tanh", seed=1)
    loss = (net([Value(1.0, "x1"), Value(2.0, "x2")]) - 1) ** 2
    svg = draw(loss, direction=direction, detail=detail, partials=True).svg()
    width, height = map(float, re.search(r'viewBox="0.00 0.00 (\S+) (\S+)"', svg).groups())
    left, top = map(float, re.search(r"translate\((\S+) (\S+)\)", svg).groups())
    points = [tuple(map(float, point)) for point in re.findall(r"[MLCA ](-?[\d.]+),(-?[\d.]+)", svg)]
    assert len(points) > 20
    assert all(0.0 <= x + left <= width and 0.0 <= y + top <= height for x, y in points)


def test_the_weights_on_the_edges_into_a_neuron_stand_apart():
    x, weights = [Value(0.5, "x"), Value(1.5, "y"), Value(2.5, "z")], [Value(0.1 * i, f"w{i}") for i in range(1, 4)]
    scene = fold(View(Graph(tanh(dot(weights, x, Value(0.5, "b"))))), "neuron", 500)
    heights = [float(y) for y in re.findall(r'text-anchor="end"[^>]* y="([-\d.]+)"', sketch(scene, "LR"))]
    assert len(heights) == 3
    assert min(b - a for a, b in pairwise(sorted(heights))) >= 11.0
