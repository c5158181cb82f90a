"""explain and the formulas it writes, against the worked examples and against the engine."""

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.mathtext import MathTextParser

from autograd_lite import Graph, Value, define_op, dot, draw, explain, log, ops, relu, sigmoid, steps, total
from autograd_lite.drawing.pages.walk import Walk


def named(value, label):
    value.label = label
    return value


def small_graph():
    """Worked example 1."""
    w, x, b, y = Value(2.0, "w"), Value(-2.0, "x"), Value(8.0, "b"), Value(2.0, "y")
    d = named(named(named(w * x, "c") + b, "a") - y, "d")
    return named(0.5 * d**2, "J")


def two_layers():
    """Worked example 2."""
    x, y, w1, b1 = Value(1.0, "x"), Value(5.0, "y"), Value(2.0, "w1"), Value(0.0, "b1")
    w2, b2 = Value(3.0, "w2"), Value(1.0, "b2")
    a1 = named(relu(named(w1 * x + b1, "z1")), "a1")
    a2 = named(relu(named(named(w2 * a1, "t2") + b2, "z2")), "a2")
    return named(0.5 * (a2 - y) ** 2, "J")


def sigmoid_network():
    """Worked example 5."""
    w = [Value(x, f"w{i}") for i, x in enumerate([0.15, 0.20, 0.25, 0.30, 0.40, 0.45, 0.50, 0.55], 1)]
    inputs, b1, b2 = [Value(0.05, "i1"), Value(0.10, "i2")], Value(0.35, "b1"), Value(0.60, "b2")
    hidden = [named(sigmoid(dot(w[i : i + 2], inputs, b1)), f"h{i // 2 + 1}") for i in (0, 2)]
    outputs = [named(sigmoid(dot(w[i : i + 2], hidden, b2)), f"o{i // 2 - 1}") for i in (4, 6)]
    return named(0.5 * (0.01 - outputs[0]) ** 2 + 0.5 * (0.99 - outputs[1]) ** 2, "E")


def lines(explanation):
    """The lines of the text, with the alignment taken out."""
    return [" ".join(line.split()) for line in str(explanation).splitlines()]


def results(explanation):
    """What stands left and right in each line of the text."""
    found = {}
    for line in lines(explanation):
        if " = " in line and ":" not in line:
            left, *_, right = re.split(" where | the sum", line)[0].split(" = ")
            found[left] = float(right.replace("−", "-"))
    return found


# --- the worked examples ----------------------------------------------------------------------------------------------


def test_small_graph_forward_lines_are_those_of_the_example():
    text = lines(explain(small_graph()))
    assert "c = w * x = 2 × −2 = −4" in text
    assert "a = c + b = −4 + 8 = 4" in text
    assert "d = a - y = 4 − 2 = 2" in text
    assert "J = 0.5 * v1 = 0.5 × 4 = 2" in text


def test_small_graph_backward_lines_are_those_of_the_example():
    text = lines(explain(small_graph()))
    assert "dJ/dc = dJ/da · ∂a/∂c = 2 × 1 = 2 where ∂a/∂c = 1" in text
    assert "dJ/dw = dJ/dc · ∂c/∂w = 2 × −2 = −4 where ∂c/∂w = x = −2" in text
    assert "dJ/dd = dJ/dv1 · ∂v1/∂d = 0.5 × 4 = 2 where ∂v1/∂d = 2·d = 2·2 = 4" in text


def test_small_graph_nudges_are_those_of_the_example():
    text = lines(explain(small_graph(), epsilon=0.001))
    assert "w: 2 → 2.001, J: 2 → 1.996002, ΔJ/ε = −3.998 ≈ −4" in text
    assert "b: 8 → 8.001, J: 2 → 2.0020005, ΔJ/ε = 2.0005 ≈ 2" in text


def test_two_layers_match():
    found = results(explain(two_layers()))
    names = [
        "z1",
        "a1",
        "t2",
        "z2",
        "a2",
        "J",
        *(f"dJ/d{x}" for x in ["a2", "z2", "b2", "t2", "w2", "a1", "z1", "w1", "b1"]),
    ]
    assert [found[name] for name in names] == [2, 2, 6, 7, 7, 2, 2, 2, 2, 2, 4, 6, 6, 6, 6]


def test_two_layers_nudge_matches():
    assert "w1: 2 → 2.001, J: 2 → 2.0060045, ΔJ/ε = 6.0045 ≈ 6" in lines(explain(two_layers(), epsilon=0.001))


def test_sigmoid_network_matches_to_ten_digits():
    found = results(explain(sigmoid_network()))
    outcome = [0.5932699921, 0.5968843783, 0.7513650696, 0.7729284653, 0.2983711088]
    assert [round(found[name], 10) for name in ("h1", "h2", "o1", "o2", "E")] == outcome
    late = [0.0821670406, 0.0826676278, -0.0226025405, -0.0227402422]
    assert [round(found[f"dE/dw{i}"], 10) for i in (5, 6, 7, 8)] == late
    early = [0.0004385677, 0.0008771355, 0.0004977127, 0.0009954255]
    assert [round(found[f"dE/dw{i}"], 10) for i in (1, 2, 3, 4)] == early


def test_a_shared_node_shows_the_sum_over_its_paths():
    text = lines(explain(sigmoid_network()))
    first = text.index("along v7: dE/dv7 · ∂v7/∂h1 = −0.03809823652 × 0.5 = −0.01904911826 where ∂v7/∂h1 = w7 = 0.5")
    assert text[first + 1 : first + 3] == [
        "along v3: dE/dv3 · ∂v3/∂h1 = 0.1384985616 × 0.4 = 0.05539942465 where ∂v3/∂h1 = w5 = 0.4",
        "dE/dh1 = −0.01904911826 + 0.05539942465 = 0.03635030639 the sum over all paths",
    ]


def test_both_uses_of_one_operand_are_two_paths():
    x = Value(3.0, "x")
    assert lines(explain(named(x * x, "y")))[-3:] == [
        "along y, operand 1: dy/dy · ∂y/∂x⁽¹⁾ = 1 × 3 = 3 where ∂y/∂x⁽¹⁾ = x = 3",
        "along y, operand 2: dy/dy · ∂y/∂x⁽²⁾ = 1 × 3 = 3 where ∂y/∂x⁽²⁾ = x = 3",
        "dy/dx = 3 + 3 = 6 the sum over all paths",
    ]


def test_a_long_sum_over_paths_says_how_many_terms_it_leaves_out():
    x = Value(2.0, "x")
    y = total([x * float(i) for i in range(12)])
    line = next(line for line in lines(explain(y)) if line.startswith("dy/dx"))
    assert "+ … 8 more … +" in line
    assert line.endswith("= 66 the sum over all paths")


# --- every line can be checked ----------------------------------------------------------------------------------------


def numeric_lines(explanation):
    for line in lines(explanation):
        for part in re.split(" where | the sum over all paths", line.split(": ")[-1]):
            *_, numbers, result = ["", *part.split(" = ")]
            if re.search("[0-9]", numbers) and not re.search(
                "[a-zA-Z∂]", re.sub("sigmoid|relu|log|exp|if|else", "", numbers)
            ):
                yield numbers, result


def evaluate(numbers):
    text = re.sub(r"(.*) if (.*), else (.*)", r"(\1) if (\2) else (\3)", numbers)
    text = text.replace("×", "*").replace("·", "*").replace("−", "-")
    text = re.sub("[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+", lambda m: "**" + m[0].translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")), text)
    return eval(text, {"sigmoid": sigmoid, "relu": relu, "log": log})


@pytest.mark.parametrize("make", [small_graph, two_layers, sigmoid_network])
def test_the_numbers_of_a_line_give_its_result(make):
    checked = 0
    # Numbers are written with ten digits.
    for numbers, result in numeric_lines(explain(make())):
        assert evaluate(numbers) == pytest.approx(float(result.replace("−", "-")), rel=1e-8)
        checked += 1
    assert checked > 10


# --- it computes aside ------------------------------------------------------------------------------------------------


def test_gradients_and_data_stay_as_they_were():
    J = small_graph()
    J.backward()
    for node in J.topological_order():
        node.grad += 0.25
    before = [(node.data, node.grad) for node in J.topological_order()]
    str(explain(J, epsilon=0.001))
    assert [(node.data, node.grad) for node in J.topological_order()] == before


def test_it_explains_the_leaves_present_data():
    x = Value(2.0, "x")
    y = named(x * 3, "y")
    x.data = 5.0
    assert "y = x * 3 = 5 × 3 = 15" in lines(explain(y))
    assert y.data == 6.0


def test_a_nudge_that_cannot_be_computed_says_why_and_the_others_stand():
    p, q = Value(0.5, "p"), Value(1.0, "q")
    J = named(log(p) * q, "J")
    text = lines(explain(J, epsilon=-1.0))
    assert "p: 0.5 → −0.5, J: math domain error, in log(p=-0.5)" in text
    assert any(line.startswith("q: 1 → 0, J:") for line in text)
    assert (p.data, J.data) == (0.5, math.log(0.5))


def test_a_nudge_across_a_kink_is_shown_as_a_disagreement():
    x = Value(0.0, "x")
    assert "x: 0 → 0.01, y: 0 → 0.01, Δy/ε = 1 ≠ 0" in lines(explain(named(relu(x), "y"), epsilon=0.01))


@pytest.mark.parametrize("epsilon", [0.0, math.inf, math.nan])
def test_an_epsilon_that_moves_nothing_is_an_error(epsilon):
    with pytest.raises(ValueError, match="epsilon"):
        explain(Value(1.0), epsilon)


def test_what_cannot_be_computed_raises_as_the_operation_does():
    x = Value(1.0, "x")
    y = log(x)
    x.data = -1.0
    with pytest.raises(ValueError, match=r"math domain error, in log\(x=-1.0\)"):
        explain(y)


def test_only_a_value_can_be_explained():
    with pytest.raises(TypeError, match="Value"):
        explain(3.0)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from("+*-st"), min_size=1, max_size=12), st.floats(-2, 2), st.floats(-2, 2))
def test_the_walk_agrees_with_the_engine_to_the_bit(program, a, b):
    pool = [Value(a), Value(b)]
    for i, step in enumerate(program):
        left, right = pool[-1], pool[(i * 7) % len(pool)]
        pool.append(
            {"+": left + right, "*": left * right, "-": left - right, "s": right.sigmoid(), "t": left.tanh()}[step]
        )
    root = pool[-1]
    walk = Walk(root)
    root.backward()
    for node in walk.graph.nodes:
        assert (walk.data[node], walk.gradient[node]) == (node.data, node.grad)


def test_edges_are_numbered_as_the_graph_numbers_them():
    J = sigmoid_network()
    walk = Walk(J)
    edges = walk.graph.edges
    sent = [contribution for node in walk.graph.nodes for contribution in walk.sent[node]]
    assert sorted(contribution.edge for contribution in sent) == list(range(len(edges)))
    for contribution in sent:
        assert edges[contribution.edge] == (contribution.parent, contribution.child, contribution.partial)


def test_an_operation_of_the_users_own_is_explained():
    cube = define_op("cube_explained", lambda x: x**3, lambda x, y: (3.0 * x * x,))
    x = Value(2.0, "x")
    text = lines(explain(named(cube(x), "y")))
    assert "y = cube_explained(x) = cube_explained(2) = 8" in text
    assert "dy/dx = dy/dy · ∂y/∂x = 1 × 12 = 12 where ∂y/∂x = 3·x·x = 3·2·2 = 12" in text


def test_any_depth_is_explained():
    y = Value(1.0, "x")
    for _ in range(5000):
        y = y + 1.0
    assert str(explain(y)).endswith("= 1 × 1 = 1 where ∂v1/∂x = 1")


# --- names ------------------------------------------------------------------------------------------------------------


def test_unlabelled_nodes_have_names_that_no_label_has():
    x = Value(1.0, "v1")
    y = (x * 2.0) + Value(3.0)
    walk = Walk(y, names={})
    assert [walk.names[node] for node in walk.graph.nodes] == ["v1", "v2", "v3", "v4"]


def test_the_second_node_of_a_name_is_told_apart():
    a, b, c = Value(1.0, "w"), Value(2.0, "w"), Value(3.0, "w#2")
    walk = Walk(a * b * c)
    assert [walk.names[leaf] for leaf in (a, b, c)] == ["w", "w#3", "w#2"]


def test_variable_names_serve_where_there_are_no_labels():
    weight = Value(2.0)
    result = weight * 3.0
    text = lines(explain(result, names={"weight": weight, "result": result}))
    assert "result = weight * 3 = 2 × 3 = 6" in text
    assert weight.label == ""


def test_columns_align_with_wide_characters():
    重み, x = Value(2.0, "重み"), Value(3.0, "x")
    text = str(explain(named(重み * x, "y"))).splitlines()
    assert "  x    = 3" in text
    assert "  重み = 2" in text


def test_a_control_character_in_a_label_does_not_reach_the_terminal():
    text = str(explain(Value(1.0, "a\x1b[2J\nb\u202e") * 2.0))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "a�[2J�b�" in text


# --- HTML -------------------------------------------------------------------------------------------------------------


def test_html_escapes_labels():
    html = explain(Value(1.0, "<script>alert(1)</script>&") * 2.0, epsilon=0.1).html()
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&amp;" in html


def test_html_has_a_table_for_each_pass_and_one_for_the_check():
    assert explain(small_graph(), epsilon=0.1).html().count("<table") == 3
    assert explain(small_graph())._repr_html_().count("<table") == 2


# --- LaTeX ------------------------------------------------------------------------------------------------------------

parse_latex = MathTextParser("path").parse


def test_latex_shows_the_chain_rule():
    latex = explain(small_graph()).latex()
    gradient = (
        r"\frac{\mathrm{d} J}{\mathrm{d} c} &= \frac{\mathrm{d} J}{\mathrm{d} a} \cdot \frac{\partial a}{\partial c}"
    )
    assert rf"{gradient} = 2 \cdot 1 = 2 \quad \text{{where }} \frac{{\partial a}}{{\partial c}} = 1 \\" in latex
    assert r"c &= w \cdot x = 2 \cdot \left(-2\right) = -4 \\" in latex


@pytest.mark.parametrize("make", [small_graph, two_layers, sigmoid_network])
def test_each_line_of_the_latex_parses(make):
    latex = explain(make(), epsilon=0.001).latex()
    body = latex.removeprefix("\\begin{aligned}\n").removesuffix("\n\\end{aligned}")
    for line in body.split("\n"):
        parse_latex("$" + line.replace(r"\\[1em]", "").removesuffix(r" \\").replace("&", "") + "$")


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (lambda a, b, c: a - (b - c), r"a - \left(b - c\right)"),
        (lambda a, b, c: (a + b) * c, r"\left(a + b\right) \cdot c"),
        (lambda a, b, c: a * b / c, r"\frac{a \cdot b}{c}"),
        (lambda a, b, c: (a / b) ** c, r"\left(\frac{a}{b}\right)^{c}"),
        (lambda a, b, c: a ** (b + c), "a^{b + c}"),
        (lambda a, b, c: (a**b) ** c, r"\left(a^{b}\right)^{c}"),
        (lambda a, b, c: -a * -b, r"-a \cdot \left(-b\right)"),
        (lambda a, b, c: (-a) ** 2, r"\left(-a\right)^{2}"),
        (lambda a, b, c: a.sqrt() + abs(b), r"\sqrt{a} + \left|b\right|"),
        (lambda a, b, c: (a + b).exp() ** 2, r"\left(e^{a + b}\right)^{2}"),
        (lambda a, b, c: a.tanh() * b.sigmoid(), r"\tanh\left(a\right) \cdot \sigma\left(b\right)"),
        (lambda a, b, c: dot([a, b], [c, 2.0], 1.0) * a, r"\left(a \cdot c + b \cdot 2 + 1\right) \cdot a"),
        (lambda a, b, c: a * 1e-7, r"a \cdot \left(1 \cdot 10^{-7}\right)"),
    ],
)
def test_latex_has_the_parentheses_it_needs(formula, expected):
    assert Graph(formula(Value(1.0, "a"), Value(2.0, "b"), Value(3.0, "c"))).latex() == expected


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("w", "w"),
        ("w12", "w_{12}"),
        ("w_i", "w_{i}"),
        ("theta1", r"\theta_{1}"),
        ("loss", r"\mathrm{loss}"),
        ("a_b c", r"\mathrm{a\_b\ c}"),
        ("}$\\end", r"\mathrm{\}\$\backslash end}"),
        ("η", "η"),
    ],
)
def test_a_label_in_latex_is_a_name_and_never_a_command(label, expected):
    assert Graph(Value(1.0, label)).latex() == expected
    parse_latex(f"${expected}$")


@pytest.mark.parametrize("op", ops.TABLE.values(), ids=lambda op: op.name)
def test_each_row_of_the_table_is_written_in_latex_that_parses(op):
    operands = [
        Value(x, f"x{i}")
        for i, x in enumerate([1.5, 2.0, 2.5, 1.0][: op.arity or (4 if op is ops.CROSS_ENTROPY else 3)])
    ]
    if op.name in ("asin", "acos", "atanh"):
        operands = [Value(0.5, "x")]
    for y in (op(*operands), op(*operands) ** 2):
        parse_latex(f"${Graph(y).latex()}$")


def test_a_graph_shows_itself_as_its_formula():
    assert Graph(Value(1.0, "a") + 1)._repr_latex_() == r"$\displaystyle a + 1$"


def test_a_graph_too_large_for_a_formula_shows_itself_as_text():
    y = Value(1.0, "a")
    for _ in range(12):
        y = y + y
    assert Graph(y)._repr_latex_() is None
    lines = Graph(y).latex().split(r" \\ ")
    assert lines[0] == r"\begin{aligned} v_{1} &= a + a"
    assert lines[-1] == r"y &= v_{11} + v_{11} \end{aligned}"


def test_words_written_from_right_to_left_stay_where_the_formula_has_them():
    x = Value(2.0, "שלום עולם")
    y = x * Value(3.0, "مرحبا")
    text = str(explain(y))
    assert "dy/dשלום עולם\u200e = dy/dy · ∂y/∂שלום עולם\u200e = 1 × 3 = 3" in text
    assert "dשלום עולם\u200e</td>" in explain(y).html()
    assert "שלום עולם\u200e * مرحبا\u200e" in draw(y).svg()
    assert steps(y).html().count("\u200e\u200e") == 0


# --- gradients and local derivatives ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (lambda x, y: x**3, "3·x² = 3·2² = 12"),
        (lambda x, y: x**y, "y·x^(y − 1) = 3·2^(3 − 1) = 12"),
        (lambda x, y: x / y, "1 / y = 1 / 3 = 0.3333333333"),
        (lambda x, y: y / x, "−y / x² = −3 / 2² = −0.75"),
        (lambda x, y: x.sqrt(), "1 / (2·sqrt(x)) = 1 / (2·sqrt(2)) = 0.3535533906"),
        (lambda x, y: x.tanh(), "1 − z² = 1 − 0.9640275801² = 0.07065082485"),
        (lambda x, y: x.erf(), "2/√π·exp(−x²) = 2/√π·exp(−2²) = 0.02066698535"),
        (lambda x, y: x.log(), "1 / x = 1 / 2 = 0.5"),
        (lambda x, y: x.relu(), "1 if x > 0, else 0 = 1 if 2 > 0, else 0 = 1"),
        (lambda x, y: x * y, "y = 3"),
        (lambda x, y: x - y, "1"),
    ],
)
def test_a_local_derivative_says_its_rule_before_its_number(make, rule):
    x, y = Value(2.0, "x"), Value(3.0, "y")
    z = make(x, y)
    line = next(line for line in lines(explain(z)) if line.startswith("dz/dx"))
    assert line.partition("where ")[2] == f"∂z/∂x = {rule}"


def test_a_rule_that_decides_on_numbers_shows_its_number_alone():
    step = define_op("step", lambda x: max(x, 0.0), lambda x, y: 1.0 if x > 0.0 else 0.0)
    x = Value(2.0, "x")
    z = step(x)
    assert "where ∂z/∂x = 1" in str(explain(z))


def test_no_text_stands_for_a_gradient_and_for_a_local_derivative():
    x = Value(2.0, "x")
    y = x * x.tanh() + x
    found = {}
    for line in lines(explain(y)):
        for part in filter(lambda part: " = " in part, line.split(" where ")):
            left, *_, right = part.split(": ")[-1].split(" the sum")[0].split(" = ")
            if re.fullmatch("[d∂].+/[d∂][^ ]+", left):
                assert found.setdefault(left, right) == right
    assert found["∂v2/∂x"] != found["dy/dx"]


def test_explanations_are_saved_by_their_ending(tmp_path):
    explanation = explain(small_graph())
    for ending, start in ((".html", "<!doctype html>"), (".tex", r"\begin{aligned}"), (".txt", "Forward")):
        explanation.save(tmp_path / f"J{ending}")
        assert (tmp_path / f"J{ending}").read_text(encoding="utf-8").startswith(start)
    with pytest.raises(ValueError, match=r"must be one of \.html, \.tex, \.txt"):
        explanation.save(tmp_path / "J.png")
