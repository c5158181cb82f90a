"""Graph.program: the code of a graph runs by itself and computes what the graph does. Graph.from_dict reads to_dict back."""

from __future__ import annotations

import json
import math
import random
import shutil
import subprocess

import pytest
from helpers import a_new_row

from autograd_lite import Graph, Value, define_op, nn, ops


def run_python(code, arguments):
    namespace = {}
    exec(compile(code, "program", "exec"), namespace)
    return namespace["f"](*arguments)


def run_javascript(cases):
    node = shutil.which("node") or pytest.skip("there is no node on the PATH")
    text = "".join(
        [f"{{\n{code}\nresults.push(f({', '.join(map(repr, arguments))}));\n}}\n" for code, arguments in cases]
    )
    script = f"const results = [];\n{text}console.log(JSON.stringify(results));"
    run = subprocess.run([node, "-"], input=script, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    return json.loads(run.stdout)


def run_c(code, arguments, folder):
    compiler = shutil.which("cc") or pytest.skip("there is no C compiler on the PATH")
    n = len(arguments)
    main = f"""
#include <stdio.h>
int main(void) {{
    double gradient[{n}];
    double value = f({", ".join(map(repr, arguments))}, gradient);
    printf("%.17g\\n", value);
    for (int i = 0; i < {n}; i++) printf("%.17g\\n", gradient[i]);
}}
"""
    (folder / "program.c").write_text(code + main)
    build = [compiler, "-O2", "-ffp-contract=off", "-std=c99", "-o", folder / "program", folder / "program.c", "-lm"]
    subprocess.run(build, check=True, timeout=120)
    value, *gradient = map(
        float,
        subprocess.run([folder / "program"], capture_output=True, text=True, check=True, timeout=60).stdout.split(),
    )
    return value, gradient


def random_graph(numbers, size):
    rows = [op for op in ops.TABLE.values() if op is not ops.POWER_DERIVATIVE]
    pool = [Value(numbers.uniform(0.2, 2.0)) for _ in range(numbers.randint(1, 5))]
    for _ in range(size):
        op = numbers.choice(rows)
        n = op.arity or (2 * numbers.randint(1, 3) if op is ops.CROSS_ENTROPY else 2 * numbers.randint(1, 2) + 1)
        operands = [
            numbers.uniform(0.5, 2.0) if numbers.random() < 0.2 else numbers.choice(pool[-8:]) for _ in range(n)
        ]
        try:
            node = op(*operands)
        except (ArithmeticError, ValueError):
            continue
        if isinstance(node, Value) and abs(node.data) < 1e3:
            pool.append(node)
    root = pool[-1] * 1.0
    root.zero_grad()
    root.backward()
    return Graph(root, {})


def expected(graph):
    return graph.root.data, [leaf.grad for leaf in graph.leaves]


def same(a, b):
    return repr(a) == repr(b) or (a == b == 0.0)


@pytest.mark.parametrize("seed", range(150))
def test_the_python_program_computes_the_bits_of_the_graph(seed):
    graph = random_graph(random.Random(seed), 25)
    value, gradient = run_python(graph.program(), [leaf.data for leaf in graph.leaves])
    assert same(value, graph.root.data)
    assert all(map(same, gradient, expected(graph)[1]))


def test_the_defaults_are_the_data_of_the_leaves():
    w, x = Value(2.0, "w"), Value(-3.0, "x")
    assert run_python(Graph((w * x).tanh() + w).program(gradient=False), []) == (w * x).tanh().data + 2.0


def test_the_javascript_programs_compute_the_graphs():
    graphs = [random_graph(random.Random(seed), 15) for seed in range(100)]
    found = run_javascript([(graph.program("javascript"), [leaf.data for leaf in graph.leaves]) for graph in graphs])
    for graph, (value, gradient) in zip(graphs, found, strict=True):
        if value is not None and None not in gradient:  # JSON has no infinity
            scale = max([1.0, *map(abs, expected(graph)[1])])
            assert value == pytest.approx(graph.root.data, rel=1e-9, abs=1e-12)
            assert gradient == pytest.approx(expected(graph)[1], rel=1e-6, abs=1e-9 * scale)


def test_the_c_program_computes_the_graph(tmp_path):
    for seed in range(8):
        graph = random_graph(random.Random(seed), 25)
        value, gradient = run_c(graph.program("c"), [leaf.data for leaf in graph.leaves], tmp_path)
        assert value == pytest.approx(graph.root.data, rel=1e-12)
        assert gradient == pytest.approx(expected(graph)[1], rel=1e-9, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize(
    "op", [op for op in ops.TABLE.values() if op is not ops.POWER_DERIVATIVE], ids=lambda op: op.name
)
def test_every_row_is_written_in_every_language(op):
    leaves = [Value(1.5 if op is ops.ACOSH else 0.5) for _ in range(op.arity or (4 if op is ops.CROSS_ENTROPY else 3))]
    root = op(*leaves)
    if not isinstance(root, Value):
        return
    root.backward()
    graph = Graph(root, {})
    assert same(run_python(graph.program(), [leaf.data for leaf in graph.leaves])[0], root.data)
    ((value, gradient),) = run_javascript([(graph.program("javascript"), [leaf.data for leaf in graph.leaves])])
    assert value == pytest.approx(root.data, rel=1e-12)
    assert gradient == pytest.approx([leaf.grad for leaf in graph.leaves], rel=1e-12)
    assert graph.program("c").count("{") == graph.program("c").count("}")


def test_labels_that_are_no_names_get_one():
    a, b, c = Value(2.0, "for"), Value(3.0, "two words"), Value(4.0, "double")
    code = Graph(a * b + c, {}).program()
    assert run_python(code, [2.0, 3.0, 4.0])[0] == 10.0
    assert "two words" not in code


def test_an_operation_of_the_users_own_is_refused():
    cube = define_op("cube_to_write", lambda x: x**3, lambda x, y: 3.0 * x * x)
    with pytest.raises(ValueError, match="cube_to_write is one of your own"):
        Graph(cube(Value(2.0))).program()


def test_another_language_is_refused():
    with pytest.raises(ValueError, match="language must be one of python, c, javascript, got 'rust'"):
        Graph(Value(2.0) * 3.0).program("rust")


# --- from_dict --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_a_graph_comes_back_from_its_dict(seed):
    graph = random_graph(random.Random(seed), 25)
    parts = json.loads(json.dumps(graph.to_dict()))
    assert json.dumps(Graph.from_dict(parts).to_dict()) == json.dumps(graph.to_dict())


def test_several_results_come_back():
    x = Value(2.0, "x")
    a, b = x * 2.0, x + 1.0
    a.label, b.label = "a", "b"
    graph = Graph.from_dict(Graph([a, b]).to_dict())
    assert [graph.name(root) for root in graph.roots] == ["a", "b"]


def test_a_graph_that_came_back_computes():
    net = nn.MLP(2, [3, 1], seed=0)
    graph = Graph.from_dict(Graph(net([0.5, -1.0])).to_dict())
    graph.leaves[0].data = 0.25
    assert math.isfinite(graph.root.forward())


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({}, "at least one node"),
        ({"nodes": [{"data": 1.0}]}, "an id of its own"),
        ({"nodes": [{"id": 0}]}, "must have its data"),
        ({"nodes": [{"id": 0, "op": "frobnicate", "operands": []}]}, "not in the table"),
        ({"nodes": [{"id": 0, "op": "exp", "operands": [{"node": 1}]}]}, "neither a constant nor a node before it"),
        ({"nodes": [{"id": 0, "data": -1.0}, {"id": 1, "op": "log", "operands": [{"node": 0}]}]}, "cannot be computed"),
        ({"nodes": [{"id": 0, "op": "exp", "operands": [{"constant": 1.0}]}]}, "no node among its operands"),
    ],
)
def test_what_is_not_a_graph_is_refused(parts, message):
    with pytest.raises(ValueError, match=message):
        Graph.from_dict(parts)


def test_an_operation_that_a_language_does_not_have_is_written_by_its_formula(monkeypatch):
    x = Value(-0.7, "x")
    y = a_new_row(monkeypatch)(3.0 * x) * x
    y.backward()
    namespace = {}
    exec(compile(Graph(y).program("python"), "program", "exec"), namespace)
    assert namespace["f"]() == (y.data, [x.grad])
    for language in ("c", "javascript"):
        assert "softsign" not in Graph(y).program(language)
