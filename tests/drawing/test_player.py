"""The player: what it plays, and the page that it plays it on. How the page behaves is in test_browser.py."""

import base64
import json
import math
import re
from html.parser import HTMLParser

import pytest
from PIL import Image

from autograd_lite import Value, dot, log, sigmoid, steps, total
from autograd_lite.drawing.pages.gif import _as_wide_as, _fitted, _source_after
from autograd_lite.drawing.pages.player import Player
from autograd_lite.drawing.scene.palette import DATA, GRAD

HOSTILE = ["<script>alert(1)</script>", '"]}', "</script><b>", "%%svg%%", "\u2028&amp;", "]]>-->", "${1}`\\"]


def neuron():
    w, x, b = Value(2.0, "w"), Value(-2.0, "x"), Value(1.0, "b")
    y = sigmoid(w * x + b)
    y.label = "y"
    return y


def passes(page):
    """What the page's script reads."""
    return json.loads(re.search(r'id="passes">(.*?)</script>', page, re.DOTALL)[1])


class Elements(HTMLParser):
    """The start tags of a page, with their attributes, as a browser would find them."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


# --- the steps --------------------------------------------------------------------------------------------------------


def test_a_step_for_each_operation_forward_and_backward():
    phases = [step["phase"] for step in steps(neuron()).steps]
    assert phases == ["start", *["forward"] * 3, *["backward"] * 4, "done"]


def test_forward_shows_each_number_once_and_parents_first():
    y = neuron()
    order = [i for step in steps(y).steps for i in step["data"]]
    assert sorted(order) == list(range(6))
    nodes = y.topological_order()
    for i in order:
        assert all(order.index(nodes.index(parent)) < order.index(i) for parent in nodes[i].parents)


def test_each_step_shows_symbols_numbers_and_result():
    first, *_ = [step for step in steps(neuron()).steps if step["phase"] == "forward"]
    assert first["lines"][0]["cells"] == ["v1", "w * x", "2 × −2", "−4"]
    last = steps(neuron()).steps[-2]
    assert [line["cells"] for line in last["lines"]] == [
        ["∂v1/∂w", "x", "−2"],
        ["dy/dw", "dy/dv1 · ∂v1/∂w", "0.045177 × −2", "−0.090353"],
        ["∂v1/∂x", "w", "2"],
        ["dy/dx", "dy/dv1 · ∂v1/∂x", "0.045177 × 2", "0.090353"],
    ]


def test_a_shared_nodes_gradient_is_seen_to_add_up():
    x = Value(3.0, "x")
    y = x * 2.0 + x.relu() * 5.0
    y.label = "y"
    lines = [line for step in steps(y).steps for line in step["lines"] if line.get("to") == 0]
    assert [line["cells"] for line in lines if line["kind"] != "rule"] == [
        ["dy/dx, along v2: dy/dv2 · ∂v2/∂x", "5 × 1", "5"],
        ["dy/dx, along v1: dy/dv1 · ∂v1/∂x", "1 × 2", "2"],
        ["dy/dx", "5 + 2", "7"],
    ]
    assert [line["note"] for line in lines if line["kind"] != "rule"] == ["path 1 of 2", "", "all paths"]
    assert [entry for step in steps(y).steps for entry in step["grad"] if entry[0] == 0] == [
        (0, "5", False),
        (0, "7", True),
    ]


def test_each_edge_is_used_once_in_each_direction():
    inputs = [Value(1.0, "a"), Value(2.0, "b")]
    y = dot(inputs, inputs, 1.0) * inputs[0]
    for phase in ("forward", "backward"):
        edges = [e for step in steps(y).steps if step["phase"] == phase for e in step["edges"]]
        assert sorted(edges) == list(range(6))


def test_the_last_gradients_are_those_of_backward():
    y = neuron()
    final = {i: text for step in steps(y).steps for i, text, complete in step["grad"] if complete}
    y.backward()
    for i, node in enumerate(y.topological_order()):
        assert float(final[i].replace("−", "-")) == pytest.approx(node.grad, rel=1e-4)


def test_a_single_leaf_can_be_played():
    assert [step["phase"] for step in steps(Value(1.0, "x")).steps] == ["start", "backward", "done"]


def test_the_graph_stays_as_it_is():
    y = neuron()
    y.backward()
    x = y.topological_order()[1]
    x.data = 0.5
    before = [(node.data, node.grad, node.label) for node in y.topological_order()]
    steps(y).html()
    assert [(node.data, node.grad, node.label) for node in y.topological_order()] == before


def test_it_plays_the_leaves_present_data():
    x = Value(2.0, "x")
    y = x * 3.0
    x.data = 5.0
    player = steps(y)
    assert player.steps[1]["lines"][0]["cells"][-1] == "15"
    assert re.search(r'class="mono data"[^>]*>15<', player.picture.svg())


def test_variable_names_serve_where_there_are_no_labels():
    weight = Value(2.0)
    assert "weight" in steps(weight * 2.0, names={"weight": weight}).html()


def test_only_a_value_can_be_played():
    with pytest.raises(TypeError, match="Value"):
        steps([1.0])


def test_a_graph_too_large_to_watch_is_refused():
    y = Value(1.0)
    for _ in range(500):
        y = y + 1.0
    with pytest.raises(ValueError, match="501 nodes"):
        steps(y)


def test_what_cannot_be_computed_raises_as_the_operation_does():
    x = Value(1.0, "x")
    y = log(x)
    x.data = -1.0
    with pytest.raises(ValueError, match="math domain error"):
        steps(y)


@pytest.mark.parametrize("data", [math.inf, math.nan, 1e300, -0.0])
def test_any_number_can_be_shown(data):
    page = steps(Value(data, "x") * 2.0).html()
    assert passes(page)["program"]["data"][0] in ("Infinity", "NaN", 1e300, 0)


# --- the page ---------------------------------------------------------------------------------------------------------


def test_the_page_is_small():
    player = steps(neuron())
    assert len(player.html().encode()) - len(player.picture.svg().encode()) < 100_000


def test_the_page_names_no_address_but_that_of_svg():
    page = steps(neuron()).html()
    assert set(re.findall(r"\w+://[^\"'\s<)]+", page)) <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert not re.search(r"\b(src|href)=\"(?!data:,\")", page)


def test_no_label_becomes_markup():
    plain = steps(sum([Value(1.0, f"x{i}") for i in range(len(HOSTILE))], Value(0.0, "z"))).html()
    hostile = steps(sum([Value(1.0, label) for label in HOSTILE], Value(0.0, "z"))).html()
    assert [tag for tag, _ in Elements(hostile).found] == [tag for tag, _ in Elements(plain).found]


def test_every_label_arrives_whole():
    page = steps(sum([Value(1.0, label) for label in HOSTILE], Value(0.0, "z"))).html()
    names = [node["name"] for node in passes(page)["nodes"]]
    assert [label.replace("\u2028", "�") in names for label in HOSTILE] == [True] * len(HOSTILE)


def test_a_notebook_gets_a_sandboxed_frame():
    frame = steps(neuron())._repr_html_()
    attributes = dict(Elements(frame).found)["iframe"]
    assert attributes["sandbox"] == "allow-scripts"
    assert attributes["srcdoc"] == steps(neuron()).html()


def test_a_notebook_that_strips_styles_and_frames_keeps_a_still_picture():
    frame = steps(neuron())._repr_html_()
    kept = re.sub(r"<style>.*?</style>|<iframe.*?</iframe>", "", frame, flags=re.DOTALL)
    [(tag, attributes)] = [element for element in Elements(kept).found if element[0] != "div"]
    assert tag == "img"
    svg = base64.b64decode(attributes["src"].removeprefix("data:image/svg+xml;base64,")).decode()
    assert svg.startswith("<svg")
    assert "var(" not in svg
    assert "display:none!important" in frame


# --- files ------------------------------------------------------------------------------------------------------------


def test_save_writes_the_page(tmp_path):
    player = steps(neuron())
    player.save(tmp_path / "steps.html")
    assert (tmp_path / "steps.html").read_text("utf-8") == player.html()
    assert [file.name for file in tmp_path.iterdir()] == ["steps.html"]


def test_save_writes_an_animation_with_a_frame_for_each_step(tmp_path):
    player = steps(neuron())
    player.save(tmp_path / "steps.gif")
    with Image.open(tmp_path / "steps.gif") as animation:
        assert animation.n_frames == len(player.steps)
        assert animation.info["loop"] == 0
        for k in range(animation.n_frames):
            animation.seek(k)
            assert animation.convert("RGB").getpixel((1, 1)) == (255, 255, 255)


def test_a_frame_shows_what_is_known_by_then_and_nothing_moves():
    player = steps(neuron())
    frames = [_source_after(player.picture.source, player.steps, k) for k in range(len(player.steps))]
    hidden = [frame.count(f'COLOR="{DATA.light}"') for frame in frames]
    assert hidden == [3, 4, 5, 6, 6, 6, 6, 6, 6]
    assert [frame.count(f'COLOR="{GRAD.light}"') for frame in frames] == [0, 0, 0, 0, 1, 2, 4, 6, 6]
    shape = [re.sub(r'"#\w{6}"|fontcolor=|dir=back|penwidth=[\d.]+| ', "", frame) for frame in frames]
    assert len(set(shape)) == 1


def test_a_sum_that_is_not_complete_yet_takes_the_place_of_the_final_one():
    assert [_as_wide_as("0.04137", text) for text in ("-0.019049", "2", "1.2346e-12")] == [
        "-0.0190",
        "2      ",
        "~~~~~~~",
    ]


def test_the_caption_of_a_frame_holds_what_there_is_room_for():
    assert _fitted([["a", "1"], ["b", "2"], ["c", "3"]], 2, 15) == [["a = 1   b = 2"], ["c = 3"]]
    assert _fitted([["a", "x", "1"]] * 5, 3, 40)[1:] == [["a = x", "1"], ["… and 3 more"]]
    assert _fitted([["a very long product", "x", "1"]], 3, 12) == [["a very …", "1"]]


def test_a_sentence_names_a_few_of_many_parents():
    player = steps(total([Value(float(i), f"x{i}") for i in range(9)]))
    assert player.steps[1]["heading"] == "Forward: v1 is computed from x0, x1, x2, x3, x4 and 4 others"


def test_save_refuses_another_ending(tmp_path):
    with pytest.raises(ValueError, match=r"\.html, \.gif"):
        steps(neuron()).save(tmp_path / "steps.mp4")


def test_save_says_which_directory_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        steps(neuron()).save(tmp_path / "nowhere" / "steps.html")


def test_a_player_shows_itself_shortly():
    assert repr(steps(neuron())) == "<Player of y = sigmoid(w * x + b): 9 steps>"
    assert isinstance(steps(neuron()), Player)
