"""Graphs as SymPy expressions."""

import math

import pytest
import sympy
from helpers import name_of
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from autograd_lite import Graph, Value, define_op, exp, gradients, maximum, ops, relu, sin, tanh


@pytest.mark.parametrize("op", [op for op in ops.TABLE.values() if op is not ops.LARGEST], ids=name_of)
@given(data=st.data())
@settings(max_examples=5)
def test_expression_has_the_value_of_the_operation(op, data):
    n = op.arity or (4 if op is ops.CROSS_ENTROPY else 3)
    numbers = data.draw(st.lists(st.floats(0.1, 0.9) | st.sampled_from([0.5]), min_size=n, max_size=n))
    numbers[0] += 1.0 if op is ops.ACOSH else 0.0
    assume(not any(x == 0.0 for x in numbers))
    if op in (ops.MOD, ops.FLOOR_DIVIDE):  # which jump there; SymPy takes 0.5 / 0.1 for 5
        ratio = numbers[0] / numbers[1]
        assume(abs(ratio - round(ratio)) > 1e-9)
    leaves = [Value(x, f"a{i}") for i, x in enumerate(numbers)]
    constants = [2.0, 1.0] if op is ops.POWER_DERIVATIVE else []  # of which order it is
    y = op(*leaves[: len(leaves) - len(constants)], *constants)
    value = Graph(y).to_sympy().subs({leaf.label: leaf.data for leaf in leaves}).evalf()
    assert float(value) == pytest.approx(y.data, rel=1e-12)


def test_diff_and_subs_work():
    x, y = Value(2.0, "x"), Value(3.0, "y")
    expression = Graph(sin(x * y) + x**3).to_sympy()
    assert expression.diff("x") == sympy.sympify("y*cos(x*y) + 3*x**2")
    assert expression.subs({"x": 0, "y": 1}) == 0


def test_gradients_agree_with_diff_symbolically():
    x, y = Value(0.7, "x"), Value(1.3, "y")
    z = exp(x * y) / (1 + y**2) + tanh(x)
    for leaf, slope in zip((x, y), gradients(z, [x, y]), strict=True):
        difference = Graph(z).to_sympy().diff(leaf.label) - Graph(slope).to_sympy()
        assert sympy.simplify(difference) == 0


def test_names_and_constants():
    x, a = Value(2.0), Value(0.1)
    assert Graph(0.5 * x + a, names={"x": x}).to_sympy() == sympy.Symbol("x") / 2 + sympy.Float(0.1)
    assert Graph(Value(3.0)).to_sympy() == 3


def test_kinks_are_differentiable():
    x = Value(-1.0, "x")
    for y, at_two in ((relu(x), 1), (abs(x), 1), (maximum(x, 1.0), 1), (x.elu(), 1), (x.leaky_relu(), 1)):
        assert Graph(y).to_sympy().diff("x").subs("x", 2) == at_two


def test_user_operation_is_a_function_with_its_derivative_rule():
    cube = define_op("cube", lambda x: x**3, lambda x, y: 3 * x**2)
    x = Value(2.0, "x")
    expression = Graph(cube(sin(x))).to_sympy()
    assert str(expression) == "cube(sin(x))"
    assert expression.diff("x") == sympy.sympify("3*sin(x)**2*cos(x)")
    assert float(Graph(cube(x)).to_sympy().subs("x", 2.0).evalf()) == 8.0


def test_user_rule_may_use_functions_and_its_result():
    mish = define_op("mish", lambda x: float(x), lambda x, y: y * tanh(x) + exp(x) / (1 - x) - abs(-x) ** 2)
    x = Value(2.0, "x")
    slope = Graph(mish(x)).to_sympy().diff("x").subs("x", 2.0).evalf()
    assert float(slope) == pytest.approx(2.0 * math.tanh(2.0) - math.exp(2.0) - 4.0)


def test_user_rule_may_have_numbers_on_either_side():
    odd = define_op("odd", lambda x: x, lambda x, y: 1 + 2 / x - 2**x + (3 - x) * (0.5 + y))
    slope = Graph(odd(Value(4.0, "x"))).to_sympy().diff("x").subs("x", 4.0).evalf()
    assert float(slope) == pytest.approx(1 + 0.5 - 16 - 4.5)


def test_two_leaves_of_one_name_are_refused():
    with pytest.raises(ValueError, match="two leaves of the graph are called 'x'"):
        Graph(Value(1.0, "x") * Value(2.0, "x")).to_sympy()


def test_an_expression_that_would_explode_is_refused():
    x = Value(0.5, "x")
    y = x
    for _ in range(100):
        y = sin(y) + y
    with pytest.raises(ValueError, match="more than 10000 terms"):
        Graph(y).to_sympy()
    with pytest.raises(ValueError, match="more than 3 terms"):
        Graph(x * x + x).to_sympy(max_terms=3)


def test_a_deep_net_of_hyperbolic_functions_is_written_at_once():
    x = Value(0.5, "x")
    y = x
    for _ in range(20):  # SymPy would simplify for years
        y = y.tanh().sinh()
    assert float(Graph(y).to_sympy().subs("x", 0.5).evalf()) == pytest.approx(y.data)


def test_a_graph_too_deep_for_sympy_is_refused():
    y = Value(0.5, "x")
    for _ in range(1000):
        y = y.sin()
    with pytest.raises(ValueError, match="1001 nodes is nested more deeply"):
        Graph(y).to_sympy()


def test_a_graph_that_sympy_keeps_small_is_written_however_often_it_shares():
    x = Value(1.0, "x")
    y = x
    for _ in range(20):
        y = y * y
    assert Graph(y).to_sympy() == sympy.Symbol("x") ** 2**20
