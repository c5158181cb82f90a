"""Graph: order, levels, edges, names and formulas."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_lite import Graph, Value, dot, functions, maximum, tanh, total


def test_nodes_come_left_to_right_and_end_with_the_root(lecture):
    graph = Graph(lecture.J)
    assert graph.nodes[:7] == [lecture.w, lecture.x, lecture.c, lecture.b, lecture.a, lecture.y, lecture.d]
    assert graph.nodes[-1] is lecture.J
    assert len(graph) == 9
    assert list(graph) == graph.nodes


def test_leaves_are_the_inputs(lecture):
    assert Graph(lecture.J).leaves == [lecture.w, lecture.x, lecture.b, lecture.y]


def test_edges_carry_the_local_derivative(lecture):
    edges = Graph(lecture.c).edges
    assert edges == [(lecture.w, lecture.c, -2.0), (lecture.x, lecture.c, 2.0)]
    assert edges[0].partial == -2.0


def test_an_operand_used_twice_has_two_edges():
    x = Value(3.0)
    assert [(e.parent, e.partial) for e in Graph(x * x).edges] == [(x, 3.0), (x, 3.0)]


def test_levels_depend_on_earlier_ones_only(lecture):
    levels = Graph(lecture.J).levels
    assert levels[0] == Graph(lecture.J).leaves
    assert [len(level) for level in levels] == [4, 1, 1, 1, 1, 1]


def test_a_leaf_is_a_graph():
    x = Value(3.0, "x")
    assert (Graph(x).nodes, Graph(x).edges, Graph(x).expression()) == ([x], [], "x")


def test_names_come_from_labels_then_variables():
    w, x = Value(2.0, "weight"), Value(3.0)
    graph = Graph(w * x, names={"_": x, "w": w, "x": x, "other": 3})
    assert [graph.name(node) for node in graph] == ["weight", "x", ""]
    assert x.label == ""


def test_names_that_are_not_names_are_left_out():
    x = Value(2.0)
    assert Graph(x, names={1: x, None: x, "x": x}).name(x) == "x"


def test_names_must_be_a_mapping():
    with pytest.raises(TypeError, match=r"globals\(\), got list"):
        Graph(Value(2.0), names=["x"])


def test_only_a_value_has_a_graph():
    with pytest.raises(TypeError, match="got int"):
        Graph(3)


def test_to_dict_is_plain_data(lecture):
    lecture.c.backward()
    assert Graph(lecture.c).to_dict() == {
        "nodes": [
            {"id": 0, "label": "w", "op": None, "operands": [], "data": 2.0, "grad": -2.0},
            {"id": 1, "label": "x", "op": None, "operands": [], "data": -2.0, "grad": 2.0},
            {"id": 2, "label": "", "op": "mul", "operands": [{"node": 0}, {"node": 1}], "data": -4.0, "grad": 1.0},
        ],
        "edges": [{"parent": 0, "child": 2, "partial": -2.0}, {"parent": 1, "child": 2, "partial": 2.0}],
    }


def test_to_networkx_keeps_parallel_edges():
    x = Value(3.0, "x")
    graph = Graph(x * x).to_networkx()
    assert graph.nodes[0]["label"] == "x"
    assert [d["partial"] for _, _, d in graph.edges(data=True)] == [3.0, 3.0]


a, b, c = Value(2.0, "a"), Value(3.0, "b"), Value(0.5, "c")


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        (0.5 * (a * b + c - 2) ** 2, "0.5 * (a * b + c - 2)**2"),
        (a + (b + c), "a + (b + c)"),
        (a - (b - c), "a - (b - c)"),
        (a / (b * c), "a / (b * c)"),
        (a * b / c, "a * b / c"),
        ((-a) ** 2, "(-a)**2"),
        (-(a**2), "-a**2"),
        (2**-a, "2**-a"),
        ((a**b) ** c, "(a**b)**c"),
        (a ** (b**c), "a**b**c"),
        (a * -b, "a * -b"),
        (-a * b, "-a * b"),
        (-(a * b), "-(a * b)"),
        (a - -3, "a - -3"),
        (tanh(a + b), "tanh(a + b)"),
        (abs(a), "abs(a)"),
        (maximum(a, 0), "maximum(a, 0)"),
        (dot([a, b], [1.5, c]), "dot([a, b], [1.5, c])"),
        (dot([a], [b], c), "dot([a], [b], c)"),
        (total([a, b]), "total([a, b])"),
        (a * Value(0.25), "a * 0.25"),
    ],
)
def test_formulas_have_no_more_parentheses_than_they_need(root, expected):
    assert Graph(root).expression() == expected


TREES = st.recursive(
    st.sampled_from(["a", "b", "c"]) | st.floats(-2, 2).map(lambda x: f"({x!r})"),
    lambda inner: (
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})")
        | inner.map(lambda t: f"(-{t})")
        | inner.map(lambda t: f"({t}**2)")
        | st.lists(inner, min_size=2, max_size=2).map(lambda t: f"maximum({t[0]}, {t[1]})")
        | st.lists(inner, min_size=4, max_size=4).map(lambda t: f"dot([{t[0]}, {t[1]}], [{t[2]}, {t[3]}])")
    ),
    max_leaves=12,
)


@given(text=TREES)
@settings(max_examples=100)
def test_a_formula_computes_the_same_float(text):
    namespace = {
        "a": a,
        "b": b,
        "c": c,
        "maximum": functions.maximum,
        "dot": functions.dot,
        "inf": math.inf,
        "nan": math.nan,
    }
    try:
        root = eval(text, namespace)
    except (ZeroDivisionError, OverflowError):
        return
    if isinstance(root, Value):
        again = eval(Graph(root).expression(), namespace)
        assert again.data == root.data or math.isnan(root.data)


def run_lines(text, leaves):
    """What the lines of a formula compute, run as Python."""
    *lines, result = text.split("\n")
    namespace = {**vars(functions), "inf": math.inf, "nan": math.nan, **leaves}
    exec("\n".join(lines), namespace)
    return eval(result, namespace)


def test_a_formula_that_would_explode_is_written_in_lines():
    y = Value(1.000001, "x")
    for _ in range(20):
        y = y * y
    lines = Graph(y).expression().split("\n")
    assert lines[:2] == ["v1 = x * x", "v2 = v1 * v1"]
    assert lines[-2:] == ["y = v19 * v19", "y"]
    assert Graph(y, names={}).expression().split("\n")[-2:] == ["v20 = v19 * v19", "v20"]
    assert run_lines("\n".join(lines), {"x": 1.000001}) == y.data


def test_a_formula_in_lines_uses_the_labels_that_are_names_and_avoids_those_taken():
    y = Value(1.0, "v1")
    for label in ["c", "two words", "lambda", "c2"]:
        y = y * y
        y.label = label
    assert Graph(y).expression(20).split("\n") == [
        "c = v1 * v1",
        "v2 = c * c",
        "v3 = v2 * v2",
        "c2 = v3 * v3",
        "c2",
    ]


@pytest.mark.parametrize(
    "grow",
    [tanh, lambda y: y + a, lambda y: a - y * b, lambda y: total([y, a, b]) / 4, lambda y: dot([y, a], [b, y]) / 10],
    ids=["tanh", "sum", "difference", "total", "dot"],
)
def test_a_deep_formula_runs_as_python_to_the_same_bits(grow):
    y = c
    for _ in range(1000):
        y = grow(y) if abs(y.data) < 1e100 else tanh(y)
    text = Graph(y).expression()
    assert max(map(len, text.split("\n"))) < 1000
    again = run_lines(text, {"a": a.data, "b": b.data, "c": c.data})
    assert math.copysign(1, again) == math.copysign(1, y.data)
    assert again == y.data


@pytest.mark.parametrize(
    ("label", "written"),
    [
        ("layers[0].neurons[1].w[2]", "layers[0].neurons[1].w[2]"),
        ("x₁", "x₁"),
        ("权重", "权重"),
        ("two words", "two words"),
        ("two  spaces", "'two  spaces'"),
        ("a + b", "'a + b'"),
        ("2w", "'2w'"),
        ("\x1b[2J\n", r"'\x1b[2J\n'"),
        ("\u202eevil", r"'\u202eevil'"),
    ],
)
def test_a_label_that_could_be_read_as_something_else_is_quoted(label, written):
    assert Graph(Value(2.0, label) * 3.0).expression() == f"{written} * 3"


def test_repr_tells_the_size_and_the_root():
    x = Value(3.0, "x")
    assert repr(Graph(x * x)) == "Graph(2 nodes, 1 leaves, root=Value(data=9.0, grad=0.0))"


# --- several results, and the caller's variables ----------------------------------------------------------------------


def test_a_graph_of_several_results_holds_each_node_once():
    x = Value(3.0, "x")
    a, b = x * 2.0, x + 1.0
    graph = Graph([a, b, a])
    assert graph.roots == [a, b]
    assert graph.nodes == [x, a, b]
    assert graph.expression() == "a = x * 2\nb = x + 1\na, b"


def test_an_empty_list_of_results_is_refused():
    with pytest.raises(ValueError, match="got an empty list"):
        Graph([])


def test_variables_of_the_caller_name_values_without_a_label():
    w = Value(2.0)
    assert Graph(w * 3.0).expression() == "w * 3"
    assert Graph(w * 3.0, names={}).expression() == "2 * 3"


def test_a_local_variable_hides_a_global_one_of_its_name():
    namespace = {"Value": Value, "Graph": Graph, "__name__": "script"}
    program = (
        "w = Value(2.0)\ndef f(x):\n    w = Value(3.0)\n    return Graph(x).name(x), Graph(w).name(w)\nnames = f(w)"
    )
    exec(program, namespace)
    assert namespace["names"] == ("x", "w")
