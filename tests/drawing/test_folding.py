"""Folded pictures: neurons, layers, unfolded dots and heat, found in hand-written networks."""

from __future__ import annotations

import itertools
import random
import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_lite import Graph, Value, dot, draw, log, maximum, mean, nn, relu, softmax, tanh, total
from autograd_lite.drawing.scene import folding as network
from autograd_lite.drawing.scene import palette
from autograd_lite.drawing.scene.folding import fold
from autograd_lite.drawing.scene.scalar import View, scalar_scene


def make_net(*sizes, label=True, seed=0):
    """Layers of (weights, bias), labelled as modules label them."""
    numbers = random.Random(seed)

    def value(name):
        return Value(numbers.uniform(-1.0, 1.0), name if label else "")

    return [
        [
            ([value(f"layers[{k}].neurons[{j}].w[{i}]") for i in range(n)], value(f"layers[{k}].neurons[{j}].b"))
            for j in range(m)
        ]
        for k, (n, m) in enumerate(itertools.pairwise(sizes))
    ]


def weighted_dot(weights, inputs, bias):
    return dot(weights, inputs, bias)


def weighted_sum(weights, inputs, bias):
    return sum((w * x for w, x in zip(weights, inputs, strict=True)), bias)


def weighted_sum_bias_last(weights, inputs, bias):
    return sum(x * w for w, x in zip(weights, inputs, strict=True)) + bias


def weighted_total(weights, inputs, bias):
    return total([*(w * x for w, x in zip(weights, inputs, strict=True)), bias])


FORMS = [weighted_dot, weighted_sum, weighted_sum_bias_last, weighted_total]


def run(net, inputs, form=weighted_dot, activation=tanh):
    for layer in net[:-1]:
        inputs = [activation(form(w, inputs, b)) for w, b in layer]
    return [form(w, inputs, b) for w, b in net[-1]]


def batch_loss(samples=100, *sizes):
    net = make_net(*(sizes or (2, 16, 16, 1)))
    numbers = random.Random(1)
    losses = []
    for _ in range(samples):
        (output,) = run(net, [numbers.gauss(0.0, 1.0) for _ in net[0][0][0]], activation=relu)
        losses.append((output - Value(1.0, "y")) ** 2)
    loss = mean(losses)
    loss.label = "loss"
    return loss


def folded(root, detail, **options):
    scene = fold(View(Graph(root), **options), detail, 500)
    assert scene is not None
    return scene


def headings(scene, role):
    return [box.heading for box in scene.boxes if box.role == role]


def joined(scene):
    """The edges as pairs of boxes."""
    boxes = {box.id: box for box in scene.boxes}
    return [(boxes[edge.tail], boxes[edge.head], edge) for edge in scene.edges]


# --- neurons --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("constant_inputs", [True, False])
def test_neuron_is_one_box_however_it_is_written(form, constant_inputs):
    net = make_net(2, 3, 1)
    inputs = [0.5, -1.5] if constant_inputs else [Value(0.5, "x0"), Value(-1.5, "x1")]
    (output,) = run(net, inputs, form)
    scene = folded(output.tanh(), "neuron")
    assert Counter(box.role for box in scene.boxes) == {"input": 2, "neuron": 3, "output": 1}
    assert [box.heading for box in scene.boxes if box.role == "output"] == ["tanh"]


@pytest.mark.parametrize("form", FORMS)
def test_weights_stand_on_the_edges(form):
    (weights, bias), *_ = make_net(3, 1)[0]
    scene = folded(form(weights, [1.0, 2.0, 3.0], bias), "neuron")
    assert [edge.weight for edge in scene.edges] == [w.data for w in weights]
    assert [tail.name for tail, _, _ in joined(scene)] == ["x[0]", "x[1]", "x[2]"]


def test_neuron_shows_its_result_and_its_gradient():
    (weights, bias), *_ = make_net(2, 1)[0]
    a = dot(weights, [1.0, 2.0], bias).tanh()
    y = a * a
    y.backward()
    (neuron,) = (box for box in folded(y, "neuron").boxes if box.role == "neuron")
    assert neuron.rows[:2] == View(Graph(y)).rows(a.data, a.grad)


def test_relu_written_as_maximum_belongs_to_its_neuron():
    (weights, bias), *_ = make_net(2, 1)[0]
    y = maximum(dot(weights, [1.0, 2.0], bias), 0.0) * 2.0
    assert headings(folded(y, "neuron"), "neuron") == ["relu"]


def test_sum_that_others_use_keeps_its_activation_apart():
    (weights, bias), *_ = make_net(2, 1)[0]
    z = dot(weights, [1.0, 2.0], bias)
    scene = folded(z.tanh() + z, "neuron")
    assert headings(scene, "neuron") == ["Σ"]
    assert headings(scene, "operation") == ["tanh"]


def test_net_without_labels_is_found_where_inputs_are_numbers():
    (output,) = run(make_net(2, 4, 1, label=False), [0.5, -1.5])
    assert headings(folded(output, "layer"), "layer") == ["2 → 4  tanh"]


@pytest.mark.parametrize("form", FORMS)
def test_inputs_may_be_called_a_b_and_c(form):
    inputs = [Value(0.1, "a"), Value(0.2, "b"), Value(0.3, "c")]
    (output,) = run(make_net(3, 4, 1), inputs, form)
    assert headings(folded(output, "layer"), "layer") == ["3 → 4  tanh"]


def test_leaves_without_names_are_weights_and_inputs_in_the_order_of_dot():
    y = tanh(dot([Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)], Value(0.5)))
    scene = folded(y, "neuron")
    assert [len(headings(scene, role)) for role in ("neuron", "output", "input")] == [0, 1, 2]


def test_one_input_beyond_the_few_shown_is_not_a_group():
    (output,) = run(make_net(17, 2, 1), [0.1 * i for i in range(17)])
    names = headings(folded(output, "neuron"), "input")
    assert (len(names), names[-1]) == (9, "… 9 more")


def test_errors_dotted_with_themselves_are_not_a_neuron():
    errors = [Value(1.0, "x").tanh(), Value(2.0, "y").tanh()]
    assert fold(View(Graph(dot(errors, errors))), "neuron", 500) is None


def test_sum_of_squared_weights_is_not_a_neuron():
    weights = [Value(1.0, "w1"), Value(2.0, "w2")]
    assert fold(View(Graph(total([w * w for w in weights]))), "neuron", 500) is None


def test_group_of_more_than_sixteen_equals_shows_a_few_and_the_count():
    (output,) = run(make_net(2, 40, 1), [0.5, -1.5])
    neurons = headings(folded(output, "neuron"), "neuron")
    assert len(neurons) == 9
    assert neurons[-1] == "… 32 more"


def test_neurons_stand_in_the_order_of_their_numbers():
    (output,) = run(make_net(2, 12, 1), [0.5, -1.5])
    names = [box.name for box in folded(output, "neuron").boxes if box.role == "neuron"]
    assert names == [f"neurons[{i}]" for i in range(12)]


def test_net_2_16_16_1_fits_a_slide(monkeypatch):
    monkeypatch.setenv("PATH", "")
    (output,) = run(make_net(2, 16, 16, 1), [Value(0.5, "x0"), Value(-1.5, "x1")], activation=relu)
    svg = draw(output, detail="neuron").svg()
    width, height = (float(size) for size in re.search(r'width="([\d.]+)" height="([\d.]+)"', svg).groups())
    assert width < 1600
    assert height < 900
    assert svg.count('class="node neuron"') == 32


# --- layers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_layer_is_the_neurons_with_the_same_inputs(form):
    (output,) = run(make_net(2, 16, 16, 1), [Value(0.5, "x0"), Value(-1.5, "x1")], form, relu)
    scene = folded(output, "layer")
    assert headings(scene, "layer") == ["2 → 16  relu", "16 → 16  relu"]
    assert headings(scene, "output") == ["16 → 1"]
    assert headings(scene, "input") == ["2 inputs"]
    assert [dict(box.rows).get("parameters") for box in scene.boxes] == [None, "48", "272", "17"]
    assert [(a.heading, b.heading) for a, b, _ in joined(scene)] == [
        ("2 inputs", "2 → 16  relu"), ("2 → 16  relu", "16 → 16  relu"), ("16 → 16  relu", "16 → 1")
    ]  # fmt: skip


def test_modules_fold_to_their_layers():
    net = nn.MLP(2, [16, 16, 1], seed=0)
    scene = folded(net([0.5, -1.5]), "layer")
    layers = [(box.heading, box.name) for box in scene.boxes if box.role in ("layer", "output")]
    assert layers == [("2 → 16  relu", "layers[0]"), ("16 → 16  relu", "layers[1]"), ("16 → 1", "layers[2]")]


def test_loss_over_100_samples_is_drawn_at_layer():
    loss = batch_loss()
    scene = folded(loss, "layer")
    assert headings(scene, "layer") == ["2 → 16  relu", "16 → 16  relu", "16 → 1"]
    assert headings(scene, "input") == ["2 inputs", "100 inputs"]
    (output,) = (box for box in scene.boxes if box.role == "output")
    assert (output.heading, output.name) == ("− (100), ** 2 (100), mean", "loss")
    assert dict(output.rows)["data"] == View(Graph(loss)).rows(loss.data, 0.0)[0][1]
    assert draw(loss).source == draw(loss, detail="layer").source


def test_neuron_used_for_many_samples_is_one_box():
    scene = folded(batch_loss(10, 2, 3, 1), "neuron")
    assert len(headings(scene, "neuron")) == 4
    assert sum(edge.weight is not None for edge in scene.edges) == 2 * 3 + 3


def test_recurrent_layer_feeds_itself():
    (weights, bias), *_ = make_net(2, 1)[0]
    state = Value(0.0, "h")
    for x in (1.0, 2.0, 3.0):
        state = dot(weights, [x, state], bias).tanh()
    scene = folded(state, "neuron")
    assert len([box for box in scene.boxes if box.role == "output"]) == 1
    assert any(tail is head for tail, head, _ in joined(scene))
    assert draw(state, detail="layer").svg()


def test_operations_between_layers_do_not_feed_themselves_through_a_layer():
    net = make_net(4, 4, 4, 4)
    x = [Value(0.1 * i, f"x{i}") for i in range(4)]
    for layer in net:
        x = [a + dot(w, x, b).tanh() for a, (w, b) in zip(x, layer, strict=True)]
    scene = folded(total(x), "layer")
    order = {box.id: i for i, box in enumerate(scene.boxes)}
    children = {box.id: {edge.head for edge in scene.edges if edge.tail == box.id} for box in scene.boxes}
    reached = {id: set(heads) for id, heads in children.items()}
    for _ in order:
        reached = {id: heads.union(*(reached[head] for head in heads)) for id, heads in reached.items()}
    assert not any(id in heads for id, heads in reached.items())
    assert "+ (4)" in headings(scene, "operation")


def test_penalty_on_the_weights_is_drawn_too():
    net = make_net(2, 4, 1)
    (output,) = run(net, [0.5, -1.5])
    loss = output**2 + 0.01 * total([w * w for layer in net for ws, _ in layer for w in ws])
    scene = folded(loss, "layer")
    penalty = next(box for box in scene.boxes if "× (12)" in box.heading)
    assert {tail.heading for tail, head, _ in joined(scene) if head is penalty} == {"2 → 4  tanh", "4 → 1"}


def test_labels_keep_layers_with_the_same_inputs_apart():
    x = [Value(1.0, "x0"), Value(2.0, "x1")]
    parts = [dot([Value(0.1, f"{name}.neurons[{j}].w[{i}]") for i in range(2)], x) for name in "qk" for j in range(3)]
    scene = folded(total([a * b for a, b in zip(parts[:3], parts[3:], strict=True)]), "layer")
    assert [box.name for box in scene.boxes if box.role == "layer"] == ["q", "k"]


def test_classifier_with_softmax_folds():
    net = make_net(4, 8, 3)
    loss = -log(softmax(run(net, [0.1, 0.2, 0.3, 0.4]))[1])
    scene = folded(loss, "layer")
    assert headings(scene, "layer") == ["4 → 8  tanh", "8 → 3"]


# --- choosing the level ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sizes", "detail"),
    [((2, 3, 1), "scalar"), ((8, 17, 1), "neuron"), ((2, 16, 16, 1), "layer")],
    ids=["few operations", "18 neurons", "33 neurons"],
)
def test_auto_chooses_by_size(sizes, detail):
    inputs = [Value(0.1 * i, f"x{i}") for i in range(sizes[0])]
    (output,) = run(make_net(*sizes), inputs, weighted_sum)
    assert draw(output).source == draw(output, detail=detail).source


def test_caption_says_that_it_is_folded():
    caption = folded(batch_loss(5), "layer").notes[0]
    assert (
        caption
        == 'folded to layers: 33 neurons, 337 parameters, each used 5 times; detail="scalar" shows every operation'
    )


def test_graph_without_neurons_is_drawn_in_full_and_says_so():
    x = Value(1.0, "x")
    assert "no neurons found" in draw(x.tanh(), detail="neuron").source
    assert "no neurons found" not in draw(x.tanh()).source


def test_folding_and_unfolding_exclude_each_other():
    with pytest.raises(ValueError, match="expand=True unfolds"):
        draw(Value(1.0), detail="layer", expand=True)


def test_folded_boxes_count_against_max_nodes():
    loss = batch_loss(3)
    assert draw(loss, detail="layer", max_nodes=6).source
    with pytest.raises(ValueError, match="max_nodes=5"):
        draw(loss, detail="layer", max_nodes=5)


@pytest.mark.parametrize("unfit", [float("nan"), float("inf")])
def test_a_weight_that_is_not_a_number_has_a_wide_edge(unfit):
    weights = [Value(unfit, "w1"), Value(0.5, "w2")]
    y = dot(weights, [Value(1.0, "x1"), Value(2.0, "x2")])
    edges = re.findall(r'-> \S+ \[.*penwidth=(\S+) label="(\S+)"', draw(y, detail="neuron").source)
    assert (edges[0][0], edges[0][1]) == ("3", str(unfit))


def test_a_chain_of_neurons_is_refused_before_its_boxes_are_made(monkeypatch):
    y = Value(0.5, "x")
    for _ in range(200):
        y = (y * Value(0.1, "w") + 0.1).tanh()
    monkeypatch.setattr(network, "_Folding", None)
    with pytest.raises(ValueError, match=r"200 boxes or more, more than max_nodes=100: draw a part"):
        draw(y, detail="layer", max_nodes=100)


# --- unfolding ------------------------------------------------------------------------------------------------------


def unfold(root):
    return scalar_scene(View(Graph(root)), expand=True)


def test_dot_unfolds_into_products_and_their_sum():
    w, x, b = [Value(2.0, "w1"), Value(3.0, "w2")], [Value(5.0, "x1"), Value(7.0, "x2")], Value(1.0, "b")
    y = dot(w, x, b)
    y.backward(0.5)
    scene = unfold(y)
    assert headings(scene, "operation") == ["×", "×"]
    assert headings(scene, "output") == ["+"]
    assert [box.rows for box in scene.boxes if box.heading == "×"] == [
        [("data", "10"), ("grad", "0.5")],
        [("data", "21"), ("grad", "0.5")],
    ]
    assert len(scene.edges) == 2 * 2 + 2 + 1


def test_unfolded_dot_keeps_constants_in_the_text():
    y = dot([Value(2.0, "w1"), 3.0], [0.5, 4.0], 1.0)
    scene = unfold(y)
    assert headings(scene, "operation") == ["× 0.5"]
    assert headings(scene, "output") == ["+ 13"]


@given(st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_unfolded_products_add_up_to_the_dot(seed):
    numbers = random.Random(seed)
    n = numbers.randint(1, 6)

    def operand():
        return numbers.choice([Value(numbers.gauss(0, 1), "v"), numbers.gauss(0, 1)])

    y = dot([Value(1.5, "w")] + [operand() for _ in range(n)], [operand() for _ in range(n + 1)], operand())
    view = View(Graph(y), color_by="data")
    scene = scalar_scene(view, expand=True)
    by_id = {box.id: box for box in scene.boxes}
    out = by_id[f"n{len(view.graph) - 1}"]
    parts = [by_id[edge.tail].heat for edge in scene.edges if edge.head == out.id]
    constant = float(out.heading.removeprefix("+") or 0.0)
    assert sum(parts) + constant == pytest.approx(y.data, abs=1e-3)


# --- heat -----------------------------------------------------------------------------------------------------------


def test_dead_relu_is_grey_and_dashed():
    dead = relu(dot([Value(1.0, "n[0].w"), Value(1.0, "n[0].w1")], [-1.0, -2.0]))
    alive = relu(dot([Value(1.0, "n[1].w"), Value(1.0, "n[1].w1")], [1.0, 2.0]))
    y = dead + alive
    y.backward()
    for shown in ("data", "grad"):
        lines = [
            line for line in draw(y, detail="neuron", color_by=shown).source.splitlines() if "class=neuron" in line
        ]
        assert [palette.ZERO.light in line and "dashed" in line for line in lines] == [True, False]


def test_vanishing_gradients_fade_towards_the_first_layers():
    net = make_net(*([4] * 9), 1)
    (output,) = run(net, [0.1, 0.2, 0.3, 0.4], activation=lambda z: (4.0 * z).sigmoid())
    output.backward()
    heats = [box.heat for box in folded(output, "layer", color_by="grad").boxes if dict(box.rows).get("parameters")]
    shades = [palette.HEATS["grad"].fill(heat) for heat in heats]
    assert len(heats) == 9
    assert len(set(shades)) >= 3
    assert heats[0] < 1e-2 * heats[-1]


def test_edges_show_gradients_where_boxes_do():
    (weights, bias), *_ = make_net(2, 1)[0]
    y = dot(weights, [1.0, -2.0], bias)
    assert [edge.weight for edge in folded(y, "neuron", color_by="grad").edges] == [w.data for w in weights]
    y.backward()
    assert [edge.weight for edge in folded(y, "neuron", color_by="grad").edges] == [1.0, -2.0]


def test_negative_weight_is_dashed_and_zero_is_dotted():
    y = dot([Value(1.0, "w0"), Value(-1.0, "w1"), Value(0.0, "w2")], [1.0, 2.0, 3.0])
    edges = [line for line in draw(y, detail="neuron").source.splitlines() if " -> " in line]
    assert ["dashed" in line for line in edges] == [False, True, False]
    assert ["dotted" in line for line in edges] == [False, False, True]


def test_scale_is_the_same_in_every_picture():
    heat = palette.HEATS["grad"]
    assert heat.strength(1e-9) == heat.strength(0.0) == 0.0
    assert heat.strength(1e9) == heat.strength(-10.0) == 1.0
    assert heat.strength(1e-3) < heat.strength(-1e-2) < heat.strength(0.1)


# --- any graph ------------------------------------------------------------------------------------------------------


STEPS = [
    lambda choose, pool: choose(pool) + choose(pool),
    lambda choose, pool: choose(pool) * choose(pool),
    lambda choose, pool: choose(pool) * 0.5,
    lambda choose, pool: -choose(pool),
    lambda choose, pool: choose(pool).tanh(),
    lambda choose, pool: relu(choose(pool)),
    lambda choose, pool: maximum(choose(pool), 0.0),
    lambda choose, pool: total([choose(pool), choose(pool), 1.0]),
    lambda choose, pool: dot([choose(pool), choose(pool)], [choose(pool), choose(pool)], choose(pool)),
    lambda choose, pool: dot([choose(pool[:6]), choose(pool[:6])], [0.5, 1.0]),
]


@given(st.integers(0, 10_000), st.sampled_from(["neuron", "layer"]))
@settings(max_examples=60, deadline=None)
def test_any_graph_folds_to_whole_boxes_and_edges(seed, detail):
    numbers = random.Random(seed)
    pool = [Value(numbers.gauss(0, 1), label) for label in ("w", "x", "b", "", "a[0].w", "a[1].w")]
    for _ in range(numbers.randint(1, 25)):
        pool.append(numbers.choice(STEPS)(numbers.choice, pool))
    graph = Graph(pool[-1])
    scene = fold(View(graph), detail, 500)
    if scene is not None:
        ids = [box.id for box in scene.boxes]
        assert len(set(ids)) == len(ids)
        assert {end for edge in scene.edges for end in (edge.tail, edge.head)} <= set(ids)
        assert sum(box.role == "output" for box in scene.boxes) == 1
        assert all(box.heading or box.name for box in scene.boxes)


# --- nets as such -----------------------------------------------------------------------------------------------------


def test_a_net_is_drawn_with_its_weights_and_no_invented_number():
    net = nn.MLP(2, [3, 1], seed=1)
    picture = draw(net)
    assert picture.title == "MLP: 2 inputs, 13 parameters"
    assert [box.role for box in picture.scene.boxes].count("neuron") == 3
    assert "0.5" not in [text for box in picture.scene.boxes for _, text in box.rows]
    assert {edge.weight for edge in picture.scene.edges} == {w.data for n, w in net.named_parameters() if ".w" in n}
    assert all("data" not in box.tooltip for box in picture.scene.boxes if "bias" not in box.tooltip)


def test_drawing_a_net_leaves_its_mode_and_gradients():
    net = nn.Sequential(nn.Layer(2, 3), nn.Dropout(0.5, seed=0), nn.Layer(3, 1))
    net.train()
    draw(net)
    assert all(module.training for _, module in net.named_modules())
    assert {p.grad for p in net.parameters()} == {0.0}


def test_a_net_that_does_not_say_how_many_inputs_it_takes_says_what_to_draw():
    class Line(nn.Module):
        def __init__(self):
            self.w = Value(2.0)

        def __call__(self, x):
            return self.w * x

    with pytest.raises(TypeError, match=r"Line does not say how many inputs it takes .* draw\(net\(x\)\)"):
        draw(Line())


def test_a_net_highlights_the_neuron_of_a_parameter():
    net = nn.MLP(2, [3, 1], seed=1)
    boxes = draw(net, highlight="layers[0].neurons[1].w[0]").scene.boxes
    assert [box.name for box in boxes if box.is_bold] == ["layers[0].neurons[1]"]
