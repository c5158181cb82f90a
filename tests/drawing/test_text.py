"""A picture as text: in a terminal, as Mermaid, as TikZ."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from autograd_lite import Graph, Value, draw, nn

HOSTILE = ['a"b', "</script>", "#quot;", "x]|y", "50% {w} $\\alpha$ ~^_&#", "two\nlines", "权重", "`end`"]


def lecture():
    w, x, b, y = Value(2.0, "w"), Value(-2.0, "x"), Value(8.0, "b"), Value(2.0, "y")
    J = 0.5 * (w * x + b - y) ** 2
    J.backward()
    J.label = "J"
    return J


def test_a_terminal_shows_the_result_and_below_it_what_it_is_made_from():
    assert str(draw(lecture())).splitlines() == [
        "J = 0.5 * (w * x + b - y)**2",
        "× 0.5  J          data 2  grad 1",
        "└─ ** 2           data 4  grad 0.5",
        "   └─ −           data 2  grad 2",
        "      ├─ +        data 4  grad 2",
        "      │  ├─ ×     data -4  grad 2",
        "      │  │  ├─ w  data 2  grad -4",
        "      │  │  └─ x  data -2  grad 4",
        "      │  └─ b     data 8  grad 2",
        "      └─ y        data 2  grad -2",
    ]


def test_a_node_that_is_used_twice_is_written_out_once():
    x = Value(3.0, "x")
    square = x * x
    text = str(draw(square + square.tanh()))
    assert text.count("as above") == 1
    assert text.count("x ") >= 2


def test_local_derivatives_stand_before_the_operands():
    x = Value(3.0, "x")
    assert "└─ (6) x" in str(draw(x**2, partials=True))


def test_any_depth_is_written():
    y = Value(1.0, "x")
    for _ in range(400):
        y = y + 1.0
    assert max(map(len, str(draw(y)).splitlines())) < 200


def test_a_folded_net_and_a_circle_are_written_too():
    assert "layers[0]" in str(draw(nn.MLP(2, [3, 1], seed=0)))


def test_mermaid_has_each_node_and_edge(tmp_path):
    J = lecture()
    draw(J, partials=True).save(tmp_path / "J.mmd")
    text = (tmp_path / "J.mmd").read_text(encoding="utf-8")
    graph = Graph(J)
    assert text.startswith("flowchart LR\n")
    assert len(re.findall(r"^  n\d+[(\[]", text, re.MULTILINE)) == len(graph)
    assert text.count("-->") == len(graph.edges)
    assert '|"-2"|' in text


@pytest.mark.parametrize("label", HOSTILE)
def test_no_label_is_markup_in_mermaid(label, tmp_path):
    draw(Value(1.0, label) * 2.0).save(tmp_path / "y.mmd")
    for line in (tmp_path / "y.mmd").read_text(encoding="utf-8").splitlines():
        assert line.count('"') in (0, 2)
        assert not re.search("[<>`{}|]", line.replace("<br/>", "").replace("-->", ""))


@pytest.mark.parametrize("direction", ["LR", "TB", "RL", "BT"])
def test_tikz_has_each_node_at_its_place_and_each_edge(direction, tmp_path):
    J = lecture()
    draw(J, direction=direction).save(tmp_path / "J.tex")
    text = (tmp_path / "J.tex").read_text(encoding="utf-8")
    places = [
        tuple(map(float, place)) for place in re.findall(r"\\node\[\w+\] \(n\d+\) at \(([\d.]+),([\d.]+)\)", text)
    ]
    assert len(places) == len(set(places)) == len(Graph(J))
    assert text.count(r"\draw (") == len(Graph(J).edges)
    axis = 0 if direction in ("LR", "RL") else 1
    assert (places[0][axis] < places[-1][axis]) == (direction in ("LR", "TB"))


def test_two_edges_between_two_nodes_do_not_hide_each_other_in_tikz(tmp_path):
    x = Value(3.0, "x")
    draw(x * x).save(tmp_path / "y.tex")
    text = (tmp_path / "y.tex").read_text(encoding="utf-8")
    assert ("bend left=-10" in text, "bend left=10" in text) == (True, True)


@pytest.mark.parametrize("label", HOSTILE)
def test_no_label_is_a_command_in_tikz(label, tmp_path):
    draw(Value(1.0, label) * 2.0).save(tmp_path / "y.tex")
    (line,) = [
        line for line in (tmp_path / "y.tex").read_text(encoding="utf-8").splitlines() if r"\node[input]" in line
    ]
    plain = re.sub(r"\\[{}$&#%_]|\\text(?:backslash|asciicircum|asciitilde)\{\}", "", line)
    assert plain.count("{") == plain.count("}")
    assert not re.search("[&#%~^_]", plain)
    assert "\n" not in line


def test_latex_sets_the_tikz(tmp_path):
    latex = shutil.which("pdflatex") or pytest.skip("there is no pdflatex on the PATH")
    draw(lecture(), partials=True).save(tmp_path / "J.tex")
    document = r"\documentclass{standalone}\usepackage{tikz}\begin{document}\input{J.tex}\end{document}"
    (tmp_path / "page.tex").write_text(document)
    run = subprocess.run(
        [latex, "-halt-on-error", "page.tex"], cwd=tmp_path, capture_output=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stdout[-2000:]
