"""Derivatives written as nodes: that they are right, to any order, and that they look as one writes them by hand."""

import itertools
import math

import mpmath
import numpy as np
import pytest
import sympy
from helpers import BINARY, SEQUENCE, UNARY, name_of
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from oracles import JUMPS, domain

from autograd_lite import Graph, Value, derivative, dot, exp, gradients, hessian, mean, ops, relu, sin, sqrt, tanh
from autograd_lite.ops import TABLE

SMOOTH_UNARY = [op for op in UNARY if op not in JUMPS]
SMOOTH_BINARY = [op for op in BINARY if op not in JUMPS and op is not ops.MOD]


# --- against SymPy and mpmath -----------------------------------------------------------------------------------------


def exact(expression, point):
    """A SymPy expression at a point of floats, to 40 digits."""
    return expression.subs({name: sympy.Float(x, 50) for name, x in point.items()}).evalf(40)


def numbers_of(op, data):
    if op.arity == 1:
        return [data.draw(domain(op))]
    size = op.arity or (4 if op is ops.CROSS_ENTROPY else 3)
    return data.draw(st.lists(st.floats(0.1, 3.0), min_size=size, max_size=size))


@pytest.mark.parametrize("op", SMOOTH_UNARY, ids=name_of)
@given(data=st.data())
@settings(max_examples=3)
def test_derivatives_of_one_number_up_to_order_four_equal_sympys(op, data):
    (x,) = numbers_of(op, data)
    assume(abs(x) > 1e-3)  # away from kinks
    leaf = Value(x, "x")
    node = op(leaf)
    expression = Graph(node).to_sympy()
    for order in range(1, 5):
        (node,) = gradients(node, [leaf])
        expression = expression.diff("x")
        expected = exact(expression, {"x": x})
        assert node.data == pytest.approx(float(expected), rel=1e-9, abs=1e-13), order


@pytest.mark.parametrize("op", [*SMOOTH_BINARY, *SEQUENCE], ids=name_of)
@given(data=st.data())
@settings(max_examples=3)
def test_mixed_partials_up_to_order_four_equal_sympys(op, data):
    numbers = numbers_of(op, data)
    if op.arity:
        assume(abs(numbers[0] - numbers[1]) > 1e-3)  # away from the tie of max and min
    leaves = [Value(x, f"a{i}") for i, x in enumerate(numbers)]
    point = {leaf.label: leaf.data for leaf in leaves}
    path = data.draw(st.lists(st.sampled_from(range(len(leaves))), min_size=4, max_size=4))
    node, expression = op(*leaves), Graph(op(*leaves)).to_sympy()
    for i in path:
        (node,) = gradients(node, [leaves[i]])
        expression = expression.diff(f"a{i}")
        assert node.data == pytest.approx(float(exact(expression, point)), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    "op",
    [ops.EXP, ops.LOG, ops.SQRT, ops.SIN, ops.TAN, ops.ASIN, ops.ACOSH, ops.ATANH, ops.ERF, ops.GELU, ops.TANH],
    ids=name_of,
)
@given(data=st.data())
@settings(max_examples=3)
def test_derivatives_equal_the_taylor_series_of_mpmath(op, data):
    x = data.draw(domain(op))
    function = {"gelu": lambda x: x * mpmath.ncdf(x)}.get(op.name) or getattr(mpmath, op.name)
    with mpmath.workdps(40):
        series = mpmath.taylor(function, mpmath.mpf(x), 4)
    for order in range(5):
        expected = float(series[order]) * math.factorial(order)
        assert derivative(op, order)(x) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("x", [0.0, 0.5, -1.7])
def test_tenth_derivative_of_exp_sin(x):
    with mpmath.workdps(50):
        series = mpmath.taylor(lambda x: mpmath.exp(mpmath.sin(x)), mpmath.mpf(x), 10)
        expected = float(series[10] * mpmath.factorial(10))
    assert derivative(lambda x: exp(sin(x)), order=10)(x) == pytest.approx(expected, rel=1e-12)


def random_expression(draw, leaves):
    """A smooth expression over all the leaves."""
    parts = list(leaves)
    for _ in range(draw(st.integers(3, 8))):
        x, y = draw(st.sampled_from(parts)), draw(st.sampled_from(parts))
        parts.append(
            draw(
                st.sampled_from([lambda x, y: x * y, lambda x, y: x + y, lambda x, y: x - 3 * y, lambda x, y: sin(x)])
            )(x, y)
        )
        x, y = draw(st.sampled_from(parts)), draw(st.sampled_from(parts))
        parts.append(
            draw(st.sampled_from([lambda x, y: tanh(x * y), lambda x, y: x / (2 + y * y), lambda x, y: (x - y) ** 2]))(
                x, y
            )
        )
    return dot(parts[-5:], [1.0, -2.0, 0.5, 1.5, 1.0]) * parts[-1]


expressions = st.composite(lambda draw, leaves: random_expression(draw, leaves))
points = st.lists(st.floats(-1.5, 1.5), min_size=5, max_size=5)


@given(data=st.data(), point=points)
@settings(max_examples=4)
def test_hessians_of_random_expressions_equal_sympys(data, point):
    leaves = [Value(x, f"a{i}") for i, x in enumerate(point)]
    y = data.draw(expressions(leaves))
    graph = Graph(y)
    assume(graph.root.op is not None and len(graph.expression(10**6)) < 300)
    expression = graph.to_sympy()
    slopes = gradients(y, leaves)
    at = {leaf.label: leaf.data for leaf in leaves}
    for i, j in ((0, 1), (2, 4), (3, 3)):
        ours = gradients(slopes[i], [leaves[j]])[0].data
        expected = exact(expression.diff(f"a{i}").diff(f"a{j}"), at)
        assert ours == pytest.approx(float(expected), rel=1e-9, abs=1e-10)


@given(data=st.data(), point=points)
@settings(max_examples=40)
def test_mixed_partials_are_symmetric(data, point):
    matrix = np.array(hessian(lambda v: data.draw(expressions(v)))(point))
    assert matrix == pytest.approx(matrix.T, rel=1e-12, abs=1e-12 * max(1.0, np.abs(matrix).max()))


# --- against backward() -----------------------------------------------------------------------------------------------


def check_against_backward(y, leaves):
    for leaf in leaves:
        leaf.grad = 0.0
    y.backward()
    for leaf, slope in zip(leaves, gradients(y, leaves), strict=True):
        assert slope.data == pytest.approx(leaf.grad, rel=1e-14, abs=0.0, nan_ok=True)


@pytest.mark.parametrize("op", [op for op in TABLE.values() if op.arity <= 2], ids=name_of)
def test_gradients_equal_backward_also_at_kinks_and_limits(op):
    n = op.arity or (2 if op is ops.CROSS_ENTROPY else 3)
    for numbers in itertools.product([0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 700.0], repeat=n):
        leaves = [Value(x) for x in numbers]
        try:
            y = op(*leaves)
        except (ValueError, ArithmeticError):
            continue  # not defined there
        check_against_backward(y, leaves)


@given(data=st.data(), point=points)
@settings(max_examples=50)
def test_gradients_of_random_expressions_equal_backward(data, point):
    leaves = [Value(x) for x in point]
    check_against_backward(data.draw(expressions(leaves)), leaves)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: sqrt(x * 0.0),
        lambda x: sqrt(relu(x)),
        lambda x: sqrt(abs(x)),
        lambda x: x**0.5 * 0.0,
        lambda x: (x * x) ** 0.0,
    ],
)
def test_gradients_equal_backward_where_zero_meets_infinity(f):
    x = Value(0.0)
    check_against_backward(f(x), [x])


@pytest.mark.parametrize("op", [op for op in TABLE.values() if op.arity == 1], ids=name_of)
def test_no_derivative_raises_where_the_function_is_defined(op):
    for number in (0.0, -0.0, 1.0, -1.0, 2.0, 1e-300, 1e3, -1e3):
        x = Value(number)
        try:
            y = op(x)
        except (ValueError, ArithmeticError):
            continue
        for _ in range(3):
            (y,) = gradients(y, [x])
        assert isinstance(y.data, float)


# --- evaluating again -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("op", [op for op in TABLE.values() if op.arity == 1 and op.public], ids=name_of)
@given(data=st.data())
@settings(max_examples=5)
def test_a_derivative_can_be_evaluated_elsewhere(op, data):
    old, new = data.draw(domain(op)), data.draw(domain(op))
    x = Value(old)
    (slope,) = gradients(op(x), [x])
    (curvature,) = gradients(slope, [x])
    x.data = new
    assert slope.forward() == derivative(op, 1)(new)
    assert curvature.forward() == derivative(op, 2)(new)


def test_derivative_with_a_branch_takes_the_other_branch_when_evaluated_there():
    x = Value(2.0)
    (slope,) = gradients(relu(x) * x, [x])
    assert slope.data == 4.0
    x.data = -2.0
    assert slope.forward() == 0.0


# --- how it looks -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x, y: x**2, ["2 * x", "2", "0"]),
        (lambda x, y: x**3, ["3 * x**2", "6 * x", "6", "0"]),
        (lambda x, y: 5 * x + y, ["5", "0"]),
        (lambda x, y: x * y, ["y", "0"]),
        (lambda x, y: y - x, ["-1"]),
        (lambda x, y: exp(x), ["exp(x)", "exp(x)"]),
        (lambda x, y: sin(x), ["cos(x)", "-sin(x)", "-cos(x)", "sin(x)"]),
        (lambda x, y: x.log(), ["1 / x"]),
        (lambda x, y: 2**x, ["0.6931471805599453 * 2**x"]),
        (lambda x, y: x / y, ["1 / y", "0"]),
        (lambda x, y: (x - y) ** 2, ["2 * (x - y)", "2", "0"]),
        (lambda x, y: 0.5 * (x * y - 3) ** 2, ["y * (x * y - 3)"]),
        (lambda x, y: relu(x), ["greater(x, 0)", "0"]),
        (lambda x, y: dot([x, y], [3.0, x]), ["3 + y"]),
        (lambda x, y: mean([x, y]), ["0.5"]),
    ],
)
def test_constants_fold(f, expected):
    x, y = Value(2.0, "x"), Value(3.0, "y")
    node = f(x, y)
    for text in expected:
        (node,) = gradients(node, [x])
        assert Graph(node, names={}).expression() == text


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x: 0.0 + x, 1.0),
        (lambda x: x - 0.0, 1.0),
        (lambda x: 0.0 - x, -1.0),
        (lambda x: 1.0 * x, 1.0),
    ],
)
def test_neutral_operands_have_the_derivatives_of_what_is_left(f, expected):
    x = Value(0.7)
    (slope,) = gradients(f(x) ** 2, [x])
    assert slope.data == pytest.approx(2.0 * 0.7 * expected**2)


@given(data=st.data(), point=points)
@settings(max_examples=40)
def test_no_operation_without_effect_is_written(data, point):
    leaves = [Value(x) for x in point]
    y = data.draw(expressions(leaves))
    before = set(y.topological_order())
    for slope in gradients(y, leaves):
        for node in slope.topological_order():
            if node in before:
                continue
            if node.op is ops.MUL:
                assert not {1.0, -1.0} & set(node.operands)
            if node.op in (ops.ADD, ops.SUB):
                assert 0.0 not in node.operands
            if node.op in (ops.POW, ops.IEEE_POW):
                assert node.operands[1] not in (0.0, 1.0)
            if node.op is ops.WHERE:
                assert isinstance(node.operands[0], Value)


def test_nothing_is_written_twice():
    x = Value(0.5)
    y = sin(x) * exp(x) + sin(x) / exp(x)
    (slope,) = gradients(gradients(y, [x])[0], [x])
    written = [(node.op, node.operands) for node in slope.topological_order() if node.op and node not in Graph(y).nodes]
    assert len(written) == len(set(written))


def test_derivative_that_is_in_the_graph_already_is_that_node():
    x, y = Value(2.0), Value(3.0)
    assert gradients(x * y, [x, y]) == [y, x]
    z = exp(x)
    assert gradients(z, [x]) == [z]


# --- what it depends on -----------------------------------------------------------------------------------------------


def test_zero_where_nothing_depends():
    x, other = Value(2.0), Value(1.0)
    assert [slope.data for slope in gradients(x * x, [other, x])] == [0.0, 4.0]
    assert gradients(Value(1.0), [x])[0].data == 0.0


def test_derivative_by_itself_is_one():
    x = Value(2.0)
    y = x * x
    assert gradients(y, [y])[0].data == 1.0
    assert gradients(x, [x])[0].data == 1.0


def test_derivative_by_an_inner_node_and_by_what_it_depends_on():
    x = Value(2.0)
    y = x * x
    z = y * y + x
    assert [slope.data for slope in gradients(z, [y, x])] == [8.0, 33.0]


def test_the_same_variable_may_be_asked_for_twice():
    x = Value(2.0)
    assert [slope.data for slope in gradients(x * x, [x, x])] == [4.0, 4.0]


def test_no_variables_no_gradients():
    assert gradients(Value(1.0), []) == []


def test_gradients_changes_no_node_of_the_graph():
    x = Value(2.0)
    y = x**3
    y.backward()
    gradients(y, [x])
    assert (x.grad, y.grad, y.data) == (12.0, 1.0, 8.0)


# --- cost -------------------------------------------------------------------------------------------------------------


@given(
    steps=st.lists(
        st.tuples(st.sampled_from("+-*/^n"), st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=40
    )
)
@settings(max_examples=60)
def test_at_most_six_nodes_are_added_for_each_node_of_a_polynomial(steps):
    nodes = [Value(x) for x in (1.1, 0.7, -0.3)]
    for kind, i, j in steps:
        x, y = nodes[i % len(nodes)], nodes[j % len(nodes)]
        nodes.append({"+": x + y, "-": x - y, "*": x * y, "/": x * 0.5, "^": x**3, "n": -x}[kind])
        assume(abs(nodes[-1].data) < 1e100)
    graph = set(nodes[-1].topological_order())
    written = set().union(*[slope.topological_order() for slope in gradients(nodes[-1], nodes[:3])])
    assert len(written - graph) <= 6 * len(graph)


@pytest.mark.slow
def test_a_chain_of_a_hundred_thousand_is_differentiated_in_linear_size():
    x = Value(0.5)
    y = x
    for _ in range(50_000):
        y = sin(y) + x
    (slope,) = gradients(y, [x])
    assert len(slope.topological_order()) <= 4 * 100_000
    y.backward()
    assert slope.data == x.grad


def test_every_higher_order_shares_what_the_lower_ones_wrote():
    x = Value(0.5)
    y = exp(sin(x))
    for _ in range(10):
        (y,) = gradients(y, [x])
    assert len(y.topological_order()) < 4000
