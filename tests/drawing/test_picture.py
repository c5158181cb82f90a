"""The picture of a graph: what it shows, with each renderer and without one, and how it is saved."""

from __future__ import annotations

import base64
import os
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_lite import Graph, Value, define_op, dot, draw, maximum, tanh, total
from autograd_lite.drawing.scene import palette
from autograd_lite.drawing.scene.scalar import View
from autograd_lite.drawing.scene.typesetting import operation, short_number
from autograd_lite.drawing.svg import graphviz as render

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(params=["dot", "embedded", "none"])
def renderer(request, monkeypatch):
    if request.param == "embedded":
        request.getfixturevalue("embedded")
    elif request.param == "none":
        monkeypatch.setenv("PATH", "")
        monkeypatch.setattr(render, "_embedded_renderer", lambda: None)
    elif shutil.which("dot") is None:
        pytest.skip("the system has no Graphviz: there is no `dot` on the PATH")


# For what only a program can do: draw pixels.
with_a_program = pytest.mark.parametrize("renderer", ["dot", "embedded"], indirect=True)


@pytest.fixture
def embedded(monkeypatch):
    monkeypatch.setenv("PATH", "")
    if render._embedded_renderer() is None:
        pytest.skip("graphviz-pure is not installed")


def lecture():
    w, x, b, y = Value(2.0, "w"), Value(-2.0, "x"), Value(8.0, "b"), Value(2.0, "y")
    c = w * x
    c.label = "c"
    J = 0.5 * (c + b - y) ** 2
    J.label = "J"
    return J


def parse(picture):
    return ElementTree.fromstring(picture.svg())


def groups(picture, kind):
    """The ids of the nodes or edges, with the texts in each."""
    return {
        g.get("id"): ["".join(t.itertext()) for t in g.iter(f"{SVG}text")]
        for g in parse(picture).iter(f"{SVG}g")
        if kind in g.get("class", "").split()
    }


def tooltip(picture, id):
    return next(g.find(f"{SVG}title").text for g in parse(picture).iter(f"{SVG}g") if g.get("id") == id)


# --- what a picture shows -------------------------------------------------------------------------------------------


def test_each_node_has_symbol_name_data_and_gradient(renderer):
    J = lecture()
    J.backward()
    nodes = groups(draw(J), "node")
    c = next(i for i, node in enumerate(Graph(J).nodes) if node.label == "c")
    words = " ".join(nodes[f"n{c}"]).split()
    assert words == ["×", "c", "data", "-4", "grad", "2"]


def test_ids_of_boxes_and_edges_are_places_in_the_graph(renderer):
    graph = Graph(lecture())
    picture = draw(graph.root)
    assert set(groups(picture, "node")) == {f"n{i}" for i in range(len(graph.nodes))}
    assert set(groups(picture, "edge")) == {f"e{i}" for i in range(len(graph.edges))}


def test_repeated_operand_draws_two_edges(renderer):
    x = Value(3.0, "x")
    assert len(groups(draw(x * x), "edge")) == 2


def test_gradient_is_a_dash_until_backward(renderer):
    x = Value(3.0, "x")
    y = x * 2.0
    assert "–" in groups(draw(y), "node")["n0"]
    y.backward()
    assert "–" not in groups(draw(y), "node")["n0"]


def test_gradients_older_than_the_data_beside_them_are_not_shown(renderer):
    J = lecture()
    J.backward()
    w = next(leaf for leaf in Graph(J).leaves if leaf.label == "w")
    w.data = 3.0
    J.forward()
    picture = draw(J)
    assert all("–" in texts for texts in groups(picture, "node").values())
    assert "grad –: changed since backward()" in picture.svg()
    assert "grad –, changed since backward()" in tooltip(picture, "n0")
    J.backward()
    assert "–" not in groups(draw(J), "node")["n0"]


def test_a_leaf_given_other_data_and_back_needs_a_new_pass():
    x = Value(3.0, "x")
    y = x * x
    y.backward()
    x.data = 4.0
    x.data = 3.0
    assert "changed since backward()" in draw(y).svg()
    y.zero_grad()
    assert "backward() has not been called" in draw(y).svg()


def test_the_callers_variables_name_what_has_no_label(renderer):
    w, x = Value(2.0), Value(-2.0, "input")
    product = w * x
    loss = product**2
    picture = draw(loss)
    assert picture.title == "loss = (w * input)**2"
    assert next("w" in texts for texts in groups(picture, "node").values())
    assert (w.label, loss.label) == ("", "")


def test_no_variables_name_anything_if_names_is_empty():
    weight = Value(2.0)
    assert draw(weight * 3.0, names={}).title == "2 * 3"


def test_several_results_are_one_picture(renderer):
    x = Value(3.0, "x")
    a, b = x * 2.0, x + 1.0
    picture = draw([a, b])
    assert picture.title == "a, b: 3 nodes"
    assert [g.get("class") for g in parse(picture).iter(f"{SVG}g")].count("node output") == 2


def test_highlighted_nodes_are_bold_and_so_is_the_edge_between_them(renderer):
    J = lecture()
    bold = {
        line.split("[")[0].strip()
        for line in draw(J, highlight=["c", "w"]).source.splitlines()
        if "penwidth=4.2" in line
    }
    ids = {node.label: f"n{i}" for i, node in enumerate(Graph(J).nodes)}
    assert bold == {ids["c"], ids["w"]}
    edge = next(
        line for line in draw(J, highlight=["c", "w"]).source.splitlines() if f"{ids['w']} -> {ids['c']}" in line
    )
    assert "penwidth=2.8" in edge


def test_highlight_takes_values_too_and_refuses_what_is_not_in_the_graph():
    J = lecture()
    assert "penwidth=4.2" in draw(J, highlight=J).source
    with pytest.raises(ValueError, match="'q' is not one of them"):
        draw(J, highlight="q")
    with pytest.raises(TypeError, match="highlight takes Values or their names, got int"):
        draw(J, highlight=[3])


def test_show_opens_a_page_with_the_picture(monkeypatch, tmp_path):
    opened = []
    monkeypatch.setattr("webbrowser.open", lambda url: opened.append(url) or True)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    draw(lecture()).show()
    (page,) = tmp_path.iterdir()
    assert opened == [page.as_uri()]
    assert "<svg" in page.read_text(encoding="utf-8")


def test_show_says_where_the_page_is_if_no_browser_opens(monkeypatch, tmp_path):
    monkeypatch.setattr("webbrowser.open", lambda url: False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(RuntimeError, match="no browser could be opened: the page is"):
        draw(lecture()).show()


def test_legend_tells_what_the_dash_means():
    x = Value(3.0, "x")
    y = x * 2.0
    assert "backward() has not been called" in draw(y).source
    assert "backward() has not been called" not in draw(y, show=["data"]).source


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda x: x * 0.5, "× 0.5"),
        (lambda x: 0.5 * x, "× 0.5"),
        (lambda x: x - 1.0, "− 1"),
        (lambda x: 1.0 - x, "1 −"),
        (lambda x: 1.0 / x, "1 ÷"),
        (lambda x: x**2, "** 2"),
        (lambda x: 2.0**x, "2 **"),
        (lambda x: -x, "−"),
        (lambda x: tanh(x), "tanh"),
        (lambda x: maximum(x, 0.1), "maximum(…, 0.1)"),
        (lambda x: dot([x, x], [1.0, 2.0]), "dot(…, 1, 2)"),
        (lambda x: total([x, 1.0, 2.0, 3.0, 4.0]), "total(…, 1, 2, 3, …)"),
    ],
)
def test_constants_stand_in_the_text_of_their_operation(make, text):
    x = Value(3.0, "x")
    assert operation(make(x)) == text
    assert len(View(Graph(make(x))).graph.nodes) == 2


def test_edges_carry_local_derivatives_if_asked(renderer):
    w, x = Value(2.0, "w"), Value(-3.0, "x")
    labels = groups(draw(w * x, partials=True), "edge").values()
    assert sorted(labels) == [["-3"], ["2"]]
    assert not any(groups(draw(w * x), "edge").values())


def test_hover_shows_every_digit_and_the_contribution():
    x = Value(1 / 3, "x")
    y = 3.0 * x
    y.label = "y"
    y.backward()
    picture = draw(y)
    assert repr(1 / 3) in tooltip(picture, "n0")
    assert tooltip(picture, "e0") == "∂y / ∂x = 3.0\nsends back 3.0 × 1.0 = 3.0"


def test_title_is_the_formula_where_it_is_short():
    assert draw(lecture()).title == "J = 0.5 * (w * x + b - y)**2"
    x = Value(1.0, "x")
    long = total([x] * 50)
    assert draw(long).title == "long: 2 nodes"
    assert draw(long, names={}).title == "graph: 2 nodes"


@pytest.mark.parametrize(("show", "words"), [(["data"], 1), (["grad"], 1), ([], 0), (("grad", "data"), 2)])
def test_show_chooses_the_numbers(show, words):
    source = draw(Value(3.0, "x") * 2.0, show=show).source
    node = next(line for line in source.splitlines() if line.strip().startswith("n0 "))
    assert (">data<" in node) + (">grad<" in node) == words


def test_names_label_the_nodes(embedded):
    speed = Value(3.0)
    assert "speed" in groups(draw(speed * 2.0, names={"speed": speed}), "node")["n0"]


def test_operands_stand_in_order_from_top_to_bottom(renderer):
    a, b, c = Value(1.0, "a"), Value(2.0, "b"), Value(3.0, "c")
    boxes = {}
    for g in parse(draw(total([a, b, c]))).iter(f"{SVG}g"):
        text = g.find(f"{SVG}text")
        if text is not None and "node" in g.get("class"):
            boxes[text.text] = float(text.get("y"))
    assert boxes["a"] < boxes["b"] < boxes["c"]


@pytest.mark.parametrize("direction", ["LR", "TB", "RL", "BT"])
def test_values_flow_in_the_direction_asked_for(direction, embedded):
    x = Value(3.0, "x")
    place = {}
    for g in parse(draw(x.tanh(), direction=direction)).iter(f"{SVG}g"):
        if "node" in g.get("class"):
            text = g.find(f"{SVG}text")
            place[text.text] = float(text.get("x")), float(text.get("y"))
    (x1, y1), (x2, y2) = place["x"], place["tanh"]
    assert {"LR": x1 < x2, "RL": x1 > x2, "TB": y1 < y2, "BT": y1 > y2}[direction]


# --- numbers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (-1e-320, "-9.9999e-321"),
        (1.0, "1"),
        (2 / 3, "0.66667"),
        (0.1 + 0.2, "0.3"),
        (1e-4, "0.0001"),
        (9.9999e-5, "9.9999e-5"),
        (99999.6, "100000"),
        (1e5, "100000"),
        (100001.0, "1e5"),
        (-123456789.0, "-1.2346e8"),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
    ],
)
def test_numbers_are_short(x, text):
    assert short_number(x) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
@settings(max_examples=200)
def test_numbers_keep_five_significant_digits(x):
    text = short_number(x)
    digits = re.sub(r"e.*|[-.]", "", text).lstrip("0")
    assert len(digits.rstrip("0")) <= 5
    assert float(text) == float(f"{x:.4e}")
    assert ("e" in text) == (x != 0.0 and not 1e-4 <= abs(x) <= 1e5)
    assert text != "-0"


# --- roles and colours ----------------------------------------------------------------------------------------------


def roles(*labels):
    root = total([Value(1.0, label) for label in labels])
    return [
        view.roles[leaf]
        for view in [View(Graph(root))]
        for leaf in sorted(view.roles, key=lambda v: labels.index(v.label))
    ]


@pytest.mark.parametrize(
    "label", ["w", "w1", "W", "w_out", "w[0][1]", "weight", "θ", "gain[0]", "theta_2", "layers[0].neurons[2].w[1]"]
)
def test_leaf_is_a_parameter_by_its_name(label):
    assert roles(label) == ["parameter"]


@pytest.mark.parametrize("label", ["x", "y", "width", "wind", "a.x", "layers[0].x", "target", ""])
def test_other_leaves_are_inputs(label):
    assert roles(label) == ["input"]


def test_b_is_a_bias_only_beside_weights():
    assert roles("a", "b", "c") == ["input", "input", "input"]
    assert roles("w", "b", "x") == ["parameter", "parameter", "input"]
    assert roles("n.w[0]", "n.b", "b") == ["parameter", "parameter", "input"]


def test_boxes_have_the_class_of_their_role(renderer):
    classes = [g.get("class") for g in parse(draw(lecture())).iter(f"{SVG}g")]
    counts = {role: classes.count(f"node {role}") for role in ("input", "parameter", "operation", "output")}
    assert counts == {"input": 2, "parameter": 2, "operation": 4, "output": 1}


def test_leaves_are_round_and_operations_square():
    lines = draw(lecture()).source.splitlines()
    for line in lines:
        if " [id=n" in line and "->" not in line:
            leaf = "class=input" in line or "class=parameter" in line
            assert ('style="rounded' in line) == leaf


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(a, b):
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_is_readable_on_every_fill(theme):
    fills = [palette.PAPER, *(role.fill for role in palette.ROLES.values())]
    for text in (palette.INK, palette.MUTED, palette.DATA, palette.GRAD):
        for fill in fills:
            assert contrast(getattr(text, theme), getattr(fill, theme)) >= 4.5
    for heat in palette.HEATS.values():
        for x in (*heat.steps(), 0.0, float("nan")):
            assert contrast(getattr(palette.INK, theme), getattr(heat.fill(x), theme)) >= 4.5


@pytest.mark.parametrize("shown", ["data", "grad"])
def test_heat_is_darker_in_grey_print_where_it_is_stronger(shown):
    shades = [luminance(palette.HEATS[shown].fill(x).light) for x in palette.HEATS[shown].steps()]
    assert shades == sorted(shades, reverse=True)
    assert len(set(shades)) == len(shades)


@pytest.mark.parametrize("color_by", [None, "data", "grad"])
def test_every_colour_of_a_picture_has_a_dark_twin(color_by, renderer):
    J = lecture()
    J.backward()
    svg = draw(J, color_by=color_by).svg()
    used = set(re.findall(r'(?:fill|stroke)="(#[0-9a-f]{6})"', svg[svg.index("</style>") :]))
    swapped = set(re.findall(r'\[(?:fill|stroke)="(#[0-9a-f]{6})"\]', svg))
    assert used
    assert used <= swapped
    assert 'fill="black"' not in svg


def test_heat_shows_magnitude_and_zero():
    x = Value(1e-5, "x")
    y = x * 1e4 + Value(0.0, "z")
    y.backward()
    lines = {line.split()[0]: line for line in draw(y, color_by="data").source.splitlines() if " [id=n" in line}
    by_name = {node.label or "y": lines[f"n{i}"] for i, node in enumerate(Graph(y).nodes)}
    assert palette.HEATS["data"].fill(1e-5).light in by_name["x"]
    assert palette.ZERO.light in by_name["z"]
    assert "dashed" in by_name["z"]


# --- any text -------------------------------------------------------------------------------------------------------

NASTY = [
    '<script>alert("1")</script>', "a<b>&amp;|{}[]\\N\\G\\n\\", "\"]}'", "two\nlines\ttab", "中文 权重", "😀👩‍👩‍👧",
    "\x00\x07\x1b[31m", "\ud800", "\ufffe", "--> <!--", "]]>", "]", "%s {0}", "   ", "x" * 500, "&#45;", "</title></svg>",
]  # fmt: skip


@pytest.mark.parametrize("label", NASTY)
def test_any_label_is_text_and_nothing_else(label, renderer):
    w = Value(2.0, label)
    y = w * 3.0
    y.label = label
    picture = draw(y, names={label: w})
    elements = {element.tag.removeprefix(SVG) for element in parse(picture).iter()}
    assert elements == {"svg", "style", "g", "polygon", "path", "text", "title"}
    assert len(groups(picture, "node")) == 2


@pytest.mark.parametrize("name", NASTY)
def test_any_name_of_an_operation_is_text_and_nothing_else(name, renderer):
    double = define_op("double", lambda x: 2 * x, lambda x, y: 2.0, symbol=name)
    picture = draw(double(Value(1.0, "x")))
    elements = {element.tag.removeprefix(SVG) for element in parse(picture).iter()}
    assert elements == {"svg", "style", "g", "polygon", "path", "text", "title"}
    assert len(groups(picture, "node")) == 2


@given(st.lists(st.text(max_size=40), min_size=2, max_size=12))
@settings(max_examples=15, deadline=None)
def test_random_labels_survive(labels):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", "")
        picture = draw(total([Value(1.0, label) for label in labels]))
        assert len(groups(picture, "node")) == len(labels) + 1


def test_printable_label_is_shown_letter_by_letter(renderer):
    label = 'a "b" <c> & \\N {d|e} 中'
    assert label in groups(draw(Value(1.0, label).tanh()), "node")["n0"]


# --- showing and saving ---------------------------------------------------------------------------------------------


def test_picture_shows_itself_inline_and_scales():
    bundle = draw(lecture())._repr_mimebundle_()
    assert bundle["image/svg+xml"].startswith("<svg ")
    assert "max-width:100%;height:auto" in bundle["text/html"]
    assert bundle["image/svg+xml"] in bundle["text/html"]


def test_a_viewer_that_strips_styles_and_drawings_keeps_a_still():
    html = draw(lecture())._repr_mimebundle_()["text/html"]
    kept = re.sub(r"<style>.*?</style>|<svg.*?</svg>", "", html, flags=re.DOTALL)
    (source,) = re.findall(r'<img class="[^"]*" alt="[^"]*" src="data:image/svg\+xml;base64,([^"]*)">', kept)
    assert base64.b64decode(source).decode() == draw(lecture()).svg("light")


# --- themes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_fixed_theme_is_plain_attributes(theme, renderer):
    svg = draw(lecture(), theme=theme).svg()
    assert "<style" not in svg
    assert "style=" not in svg
    assert f'fill="{getattr(palette.PAPER, theme)}"' in svg
    others = {getattr(colour, "light" if theme == "dark" else "dark") for colour in palette._all_colours()}
    others -= {getattr(colour, theme) for colour in palette._all_colours()}
    assert not others & set(re.findall("#[0-9a-f]{6}", svg))


def test_programs_that_know_no_media_rules_see_plain_attributes():
    svg = draw(lecture()).svg()
    (style,) = re.findall("<style>(.*?)</style>", svg)
    assert style.startswith("@media all{")
    assert style.endswith("}}")
    assert svg.replace(f"<style>{style}</style>\n", "") == draw(lecture()).svg("light")


def test_an_unknown_theme_names_itself():
    with pytest.raises(ValueError, match="theme must be one of auto, light, dark, got 'blue'"):
        draw(lecture(), theme="blue")
    with pytest.raises(ValueError, match="theme must be one of auto, light, dark, got 'blue'"):
        draw(lecture()).svg("blue")


@with_a_program
def test_a_png_has_the_theme_and_the_scale_that_are_asked_for(renderer, tmp_path):
    picture = draw(lecture())
    picture.save(tmp_path / "J.png", theme="dark", scale=1.0)
    Image = pytest.importorskip("PIL.Image")
    with Image.open(tmp_path / "J.png") as image:
        assert image.convert("RGB").getpixel((1, 1)) == tuple(bytes.fromhex(palette.PAPER.dark[1:]))
        width = image.width
    picture.save(tmp_path / "J.png", scale=3.0)
    with Image.open(tmp_path / "J.png") as image:
        assert image.width == pytest.approx(3 * width, abs=3)


@pytest.mark.parametrize("scale", [0.0, -1.0, 100.0, float("nan")])
def test_a_scale_without_a_picture_is_refused(scale):
    with pytest.raises(ValueError, match="scale must be in"):
        draw(lecture()).png(scale=scale)


@with_a_program
def test_png_has_two_pixels_to_a_point(renderer):
    picture = draw(lecture())
    width = int.from_bytes(picture.png()[16:20])
    points = float(re.search(r'width="([\d.]+)"', picture.svg())[1])
    assert width == pytest.approx(2 * points, rel=0.02)


def test_svg_refers_to_nothing_outside_itself(renderer):
    svg = draw(lecture()).svg()
    assert set(re.findall(r"https?://[^\"' )]+", svg)) <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert "<script" not in svg


@with_a_program
@pytest.mark.parametrize(
    ("ending", "start"), [("svg", b"<svg "), ("png", b"\x89PNG"), ("dot", b"digraph"), ("SVG", b"<svg ")]
)
def test_save_writes_the_format_of_the_ending(ending, start, tmp_path, renderer):
    path = tmp_path / f"graph.{ending}"
    draw(lecture()).save(path)
    assert path.read_bytes().startswith(start)
    assert os.listdir(tmp_path) == [path.name]


def test_save_writes_pdf_where_the_system_has_graphviz(tmp_path):
    if shutil.which("dot") is None:
        pytest.skip("the system has no Graphviz: there is no `dot` on the PATH")
    draw(lecture()).save(tmp_path / "graph.pdf")
    assert (tmp_path / "graph.pdf").read_bytes().startswith(b"%PDF")


def test_pdf_without_graphviz_says_what_is_missing(tmp_path, embedded):
    with pytest.raises(RuntimeError, match="a PDF needs the system's Graphviz, and there is no `dot`"):
        draw(lecture()).save(tmp_path / "graph.pdf")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["graph.gif", "graph", "graph.svgz", ".svg.bak"])
def test_unknown_ending_is_refused_with_the_known_ones(name, tmp_path):
    with pytest.raises(ValueError, match=r"\.svg, \.png, \.pdf, \.dot"):
        draw(lecture()).save(tmp_path / name)


def test_missing_directory_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        draw(lecture()).save(tmp_path / "nowhere" / "graph.svg")


def test_failed_write_leaves_the_old_file_alone(tmp_path, monkeypatch):
    path = tmp_path / "graph.dot"
    path.write_text("old")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        draw(lecture()).save(path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["graph.dot"]


def test_pixels_without_a_renderer_say_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(render, "_embedded_renderer", lambda: None)
    with pytest.raises(RuntimeError, match=r"a PNG needs a renderer.*save as \.svg"):
        draw(lecture()).save(tmp_path / "graph.png")
    assert os.listdir(tmp_path) == []


def test_a_changed_digraph_without_a_renderer_is_not_drawn_as_if_unchanged(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(render, "_embedded_renderer", lambda: None)
    picture = draw(lecture())
    picture.digraph.node("mine", label="my own box")
    with pytest.raises(RuntimeError, match="a changed digraph cannot be drawn"):
        picture.svg()


def test_broken_dot_falls_back_to_the_embedded_renderer(tmp_path, monkeypatch):
    broken = tmp_path / "dot"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert draw(lecture()).svg().startswith("<svg ")


def test_a_program_that_cannot_be_run_is_passed_over(tmp_path, monkeypatch):
    (tmp_path / "dot").write_bytes(b"\x7fELF no program")
    (tmp_path / "dot").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert draw(lecture()).svg().startswith("<svg ")


def test_when_every_renderer_fails_the_last_complaint_is_told(tmp_path, monkeypatch):
    broken = tmp_path / "dot"
    broken.write_text("#!/bin/sh\necho out of ink >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    monkeypatch.setattr(render, "_embedded_renderer", lambda: None)
    with pytest.raises(RuntimeError, match="dot could not draw this graph: out of ink"):
        draw(lecture()).svg()


def test_the_embedded_renderer_is_found_on_the_path_if_its_package_is_not_registered(monkeypatch):
    found = render._embedded_renderer()
    monkeypatch.setattr(render.metadata, "distribution", raise_not_found)
    monkeypatch.setenv("PATH", str(Path(found).parent))
    assert render._embedded_renderer() == found


def raise_not_found(name):
    raise render.metadata.PackageNotFoundError(name)


def test_digraph_and_source_are_the_same_graph():
    picture = draw(lecture())
    assert picture.digraph.source == picture.source
    assert repr(picture) == "<Picture of J = 0.5 * (w * x + b - y)**2>"


def test_digraph_can_be_changed(embedded):
    picture = draw(lecture())
    assert picture.svg() is picture.svg()
    picture.digraph.node("mine", label="my own box")
    assert "my own box" in picture.svg()


# --- bad input and size ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("root", [3, None, "x", [Value(1.0), 2.0], {"a": Value(1.0)}])
def test_only_values_can_be_drawn(root):
    with pytest.raises(TypeError, match="a graph starts from"):
        draw(root)


@pytest.mark.parametrize(
    "option",
    [
        {"direction": "up"},
        {"show": "data"},
        {"show": ["value"]},
        {"show": None},
        {"detail": "fine"},
        {"color_by": "size"},
    ],
)
def test_unknown_option_names_itself(option):
    with pytest.raises(ValueError, match=next(iter(option))):
        draw(Value(1.0), **option)


def test_large_graph_is_refused_with_its_size_and_the_ways_out():
    x = Value(1.0, "x")
    for _ in range(10_000):
        x = x.tanh()
    with pytest.raises(ValueError, match=r"10001 nodes.*max_nodes=500.*any inner node.*detail=.*raise max_nodes"):
        draw(x, detail="scalar")
    with pytest.raises(ValueError, match=r"10001 nodes.*max_nodes=500.*any inner node can be the root\), or raise"):
        draw(x)  # which has looked for neurons, and found none


def test_max_nodes_is_the_largest_that_is_drawn():
    x = Value(1.0, "x")
    y = x.tanh().tanh()
    assert draw(y, max_nodes=3).source
    with pytest.raises(ValueError, match="max_nodes=2"):
        draw(y, max_nodes=2)


def test_the_embedded_renderer_says_which_glyphs_it_lacks(embedded):
    x = Value(2.0, "重み")
    with pytest.warns(UserWarning, match="no glyphs for '重み'.*save as .svg"):
        draw(x * 2.0).png()
    assert "重み" in draw(x * 2.0).svg()
    draw(Value(2.0, "λ ∂ש é →") * 2.0).png()


def test_lone_leaf_is_a_picture_too(renderer):
    nodes = groups(draw(Value(2.0)), "node")
    assert " ".join(nodes["n0"]).split() == ["input", "data", "2", "grad", "–"]


def test_a_picture_of_many_boxes_is_laid_out_in_good_time():
    x = Value(1.0, "x")
    few, many = (draw(total([x * i for i in range(n)]), detail="scalar").source for n in (50, 150))
    assert ("nslimit" in few, "nslimit" in many) == (False, True)
