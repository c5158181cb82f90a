"""The engine of the page against the engine in Python: every row of the table, and random graphs, in Node."""

from __future__ import annotations

import json
import math
import random
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from helpers import a_new_row

from autograd_lite import Graph, Value, define_op, ops
from autograd_lite.drawing import pages
from autograd_lite.drawing.pages.program import program_of

ENGINE = (Path(pages.__file__).parent / "engine.js").read_text(encoding="utf-8")
RUN = """
const text = (x) => (Object.is(x, -0) ? "-0" : String(x));
const cases = JSON.parse(require("fs").readFileSync(0, "utf8"));
const results = cases.map(({ program, settings }) => settings.map((leaves) => {
  const engine = new AutogradEngine.Engine(program);
  for (const [place, x] of leaves) engine.data[place] = Number(x);
  try {
    engine.forward();
    engine.backward();
  } catch (error) {
    if (error instanceof AutogradEngine.DomainError) return null;
    throw error;
  }
  return [engine.data, engine.grad].map((numbers) => Array.from(numbers.subarray(0, engine.size), text));
}));
process.stdout.write(JSON.stringify(results));
"""
NASTY = [
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, 1e-300, 1e300, -1e300, 700.0, -745.0, 1000.0, -1000.0, 5e-324, 27.0,
    math.inf, -math.inf, math.nan,
]  # fmt: skip
EXACT = {
    "add", "sub", "mul", "div", "mod", "floor_divide", "neg", "abs", "sqrt", "sign", "relu", "leaky_relu", "maximum", "minimum",
    "greater", "less", "equal", "where", "clip", "total", "sum", "mean", "dot", "prod", "largest", "ieee_div",
}  # fmt: skip
# Units in the last place between the two: where it is more than 2, the C library is off by as much.
ULP = {"cbrt": 3, "tanh": 3, "erfc": 5, "normal_cdf": 5}
# Sums, differences and products of such functions.
COMPOSED = {"gelu", "logsumexp", "cross_entropy", "silu", "softplus"}


def in_node(cases):
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no node on the PATH")
    run = subprocess.run(
        [node, "-e", ENGINE + RUN], input=json.dumps(cases), capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stderr[-2000:]
    return [
        [result and [[float(x.replace("Infinity", "inf")) for x in row] for row in result] for result in case]
        for case in json.loads(run.stdout)
    ]


def text(x):
    return repr(x) if math.isfinite(x) else "NaN" if math.isnan(x) else "Infinity" if x > 0 else "-Infinity"


def ulps(x, y):
    """How many floats lie between two."""
    if math.isnan(x) or math.isnan(y):
        return 0 if math.isnan(x) and math.isnan(y) else math.inf
    a, b = (struct.unpack("<q", struct.pack("<d", z + 0.0))[0] for z in (x, y))
    return abs((a if a >= 0 else -(a & (2**63 - 1))) - (b if b >= 0 else -(b & (2**63 - 1))))


def in_python(graph, leaves, numbers):
    """Data and gradients of each node; None where Python raises."""
    for leaf, x in zip(leaves, numbers, strict=True):
        leaf.data = x
    try:
        graph.root.forward()
    except (ArithmeticError, ValueError):
        return None
    graph.root.zero_grad()
    graph.root.backward()
    return [[node.data for node in graph], [node.grad for node in graph]]


def compared(graph, leaves, settings):
    """The results of both engines, side by side."""
    place = {node: i for i, node in enumerate(graph)}
    program = program_of(graph, {node: node.data for node in graph})
    case = {
        "program": program,
        "settings": [[[place[leaf], text(x)] for leaf, x in zip(leaves, xs)] for xs in settings],
    }
    return case, [in_python(graph, leaves, xs) for xs in settings]


def row_cases():
    """A graph of one operation for each row and some arities, with numbers to set."""
    numbers = random.Random(7)

    def pick():
        kind = numbers.random()
        if kind < 0.3:
            return numbers.choice(NASTY)
        return (
            numbers.uniform(-3.0, 3.0)
            if kind < 0.7
            else numbers.uniform(0.0, 1.0)
            if kind < 0.8
            else numbers.uniform(-30.0, 30.0)
        )

    for op in ops.TABLE.values():
        sizes = {ops.DOT: (3, 5), ops.CROSS_ENTROPY: (2, 4)}.get(op, (1, 2, 5))
        for n in [op.arity] if op.arity else sizes:
            if op is not ops.POWER_DERIVATIVE:
                leaves = [Value(1.5 if op is ops.ACOSH else 0.5) for _ in range(n)]
                settings = [[pick() for _ in range(n)] for _ in range(300)]
                yield op.name, Graph(op(*leaves), {}), leaves, settings + ([[x] for x in NASTY] if n == 1 else [])


@pytest.fixture(scope="module")
def rows():
    names, cases, expected = [], [], []
    for name, graph, leaves, settings in row_cases():
        case, results = compared(graph, leaves, settings)
        names.append((name, settings))
        cases.append(case)
        expected.append(results)
    return [(*name, python, page) for name, python, page in zip(names, expected, in_node(cases))]


def pairs(rows, kind, allowed):
    for name, settings, expected, found in rows:
        for xs, python, page in zip(settings, expected, found):
            if allowed(name) and python is not None and page is not None:
                for a, b in zip(python[kind], page[kind]):
                    yield name, xs, a, b


def is_a_quirk(name, xs):
    """A negative number to a fractional power: a helper's result where no operation has one."""
    return name == "ieee_pow" and xs[0] < 0.0


def test_the_page_refuses_what_python_refuses(rows):
    differing = [
        (name, xs)
        for name, settings, expected, found in rows
        for xs, python, page in zip(settings, expected, found)
        if (python is None) != (page is None)
    ]
    assert differing == []


def test_arithmetic_is_the_same_to_the_bit(rows):
    assert [pair for pair in pairs(rows, 0, EXACT.__contains__) if ulps(*pair[2:])] == []


def test_the_gradients_of_arithmetic_are_the_same_to_the_bit(rows):
    assert [pair for pair in pairs(rows, 1, EXACT.__contains__) if ulps(*pair[2:])] == []


def test_functions_differ_by_few_units_in_the_last_place(rows):
    functions = pairs(rows, 0, lambda name: name not in COMPOSED)
    assert [p for p in functions if ulps(*p[2:]) > ULP.get(p[0], 2) and not is_a_quirk(*p[:2])] == []


def test_all_results_and_gradients_agree(rows):
    for kind in (0, 1):
        for name, xs, python, page in pairs(rows, kind, lambda name: True):
            if not is_a_quirk(name, xs):
                assert page == pytest.approx(python, rel=1e-11, abs=1e-13, nan_ok=True), (name, xs)


def random_graph(numbers, size, rows):
    """A graph of up to so many nodes, and its leaves."""
    leaves = [Value(numbers.uniform(0.2, 2.0)) for _ in range(numbers.randint(1, 8))]
    pool = list(leaves)
    for _ in range(size):
        op = numbers.choice(rows)
        n = op.arity or 2 * numbers.randint(1, 3) + 1
        operands = [
            numbers.uniform(0.5, 2.0) if numbers.random() < 0.15 else numbers.choice(pool[-12:]) for _ in range(n)
        ]
        try:
            node = op(*operands)
        except (ArithmeticError, ValueError):
            continue
        if isinstance(node, Value) and abs(node.data) < 1e6:
            pool.append(node)
    root = pool[-1] if pool[-1].op else pool[-1] * 2.0
    graph = Graph(root, {})
    return graph, graph.leaves


def test_random_graphs_of_arithmetic_agree_to_the_bit():
    numbers = random.Random(11)
    rows = [
        ops.ADD,
        ops.SUB,
        ops.MUL,
        ops.DIV,
        ops.SQRT,
        ops.NEG,
        ops.ABS,
        ops.MAXIMUM,
        ops.RELU,
        ops.DOT,
        ops.TOTAL,
        ops.MEAN,
    ]
    cases, expected = [], []
    for _ in range(300):
        graph, leaves = random_graph(numbers, numbers.randint(1, 300), rows)
        settings = [[leaf.data for leaf in leaves], [numbers.uniform(0.2, 2.0) for _ in leaves]]
        case, results = compared(graph, leaves, settings)
        cases.append(case)
        expected.append(results)
    for python, page in zip(expected, in_node(cases)):
        assert [result and [[text(x) for x in row] for row in result] for result in page] == [
            result and [[text(x) for x in row] for row in result] for result in python
        ]


def test_random_graphs_of_all_rows_agree():
    numbers = random.Random(12)
    rows = [op for op in ops.TABLE.values() if op.public]
    cases, expected = [], []
    for _ in range(300):
        graph, leaves = random_graph(numbers, numbers.randint(1, 40), rows)
        case, results = compared(graph, leaves, [[leaf.data for leaf in leaves]])
        cases.append(case)
        expected += results
    found = [result for case in in_node(cases) for result in case]
    for python, page in zip(expected, found, strict=True):
        if python is None:
            continue
        scale = max(abs(x) for x in python[1] if math.isfinite(x))
        assert page[0] == pytest.approx(python[0], rel=1e-9, abs=1e-9, nan_ok=True)
        assert page[1] == pytest.approx(python[1], rel=1e-6, abs=1e-9 * max(1.0, scale), nan_ok=True)


def test_an_operation_of_the_users_keeps_its_number_and_its_leaves_are_fixed():
    cube = define_op("cube_in_page", lambda x: x**3, lambda x, y: 3.0 * x * x)
    x, y = Value(2.0, "x"), Value(5.0, "y")
    graph = Graph(cube(x) * y, {})
    program = program_of(graph, {node: node.data for node in graph})
    assert [graph.nodes[i].label for i in program["fixed"]] == ["x"]
    ((result,),) = in_node([{"program": program, "settings": [[[graph.nodes.index(y), "3"]]]}])
    assert result[0][-1] == 24.0
    assert result[1][graph.nodes.index(x)] == 36.0


def test_nodes_of_one_operation_share_its_rule():
    x = Value(0.5)
    y = x.tanh().tanh().tanh() * x
    program = program_of(Graph(y, {}), {node: node.data for node in Graph(y, {})})
    assert len(program["derivatives"]) == 2


def test_an_operation_that_the_engine_does_not_have_is_computed_by_its_formula(monkeypatch):
    x = Value(0.5, "x")
    graph = Graph(a_new_row(monkeypatch)(3.0 * x) * x, {})
    case, expected = compared(graph, [x], [[number] for number in (-2.0, -0.7, 0.0, 0.5, 1e300)])
    assert list(case["program"]["formulas"]) == ["softsign"]
    assert in_node([case]) == [expected]
