"""Numerical gradients, and the check of exact ones against them."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_lite import (
    GradientError,
    Value,
    check_gradients,
    define_op,
    exp,
    log,
    numerical_gradient,
    ops,
    relu,
    sin,
    tanh,
)


@given(st.floats(-3.0, 3.0), st.floats(-3.0, 3.0))
@settings(max_examples=30)
def test_differences_are_near_the_derivative(x, y):
    by_x, by_y = numerical_gradient(lambda x, y: sin(x) * exp(y), [x, y])
    assert by_x == pytest.approx(math.cos(x) * math.exp(y), rel=1e-8, abs=1e-8)
    assert by_y == pytest.approx(math.sin(x) * math.exp(y), rel=1e-8, abs=1e-8)


@pytest.mark.parametrize("x", [1e-9, 1e-3, 1.0, 1e6, 1e12])
def test_the_step_suits_the_argument(x):
    assert numerical_gradient(log, [x])[0] == pytest.approx(1 / x, rel=1e-7)


def test_a_given_step_is_used():
    assert numerical_gradient(lambda x: x**3, [0.0], epsilon=0.1)[0] == pytest.approx(0.01)
    with pytest.raises(ValueError, match="log"):
        numerical_gradient(log, [0.05], epsilon=0.1)


def test_differences_of_methods_and_of_plain_functions():
    assert numerical_gradient(lambda x: x.tanh(), [0.0])[0] == pytest.approx(1.0)
    assert numerical_gradient(math.sin, [0.0])[0] == pytest.approx(1.0)


def test_a_function_that_raises_around_the_point_raises_here():
    with pytest.raises(ValueError, match="log"):
        numerical_gradient(lambda x: log(x), [-1.0])


def test_a_smaller_step_is_tried_where_the_larger_one_leaves_the_domain():
    assert numerical_gradient(lambda x: log(x), [1e-6]) == pytest.approx([1e6], rel=1e-5)


def test_arguments_may_be_values_and_nested():
    slopes = numerical_gradient(lambda w, b: w[0] * w[1] + b, [[Value(2.0), 3.0], 1.0])
    assert slopes == pytest.approx([3.0, 2.0, 1.0])
    assert numerical_gradient(lambda x: (x * x).sum(), [np.array([1.0, 2.0])]) == pytest.approx([2.0, 4.0])


def test_a_right_gradient_passes():
    check_gradients(lambda x, y: tanh(x) * exp(y) + x / y, [0.3, 1.7])
    check_gradients(lambda p: relu(p["w"]) ** 2 + p["b"], [{"w": 2.0, "b": -1.0}])
    check_gradients(lambda x: 3.0, [1.0])


def brown(x, y):  # Brown's badly scaled function (Moré, Garbow, Hillstrom 1981, no. 4)
    return (x - 1e6) ** 2 + (y - 2e-6) ** 2 + (x * y - 2) ** 2


def powell(x, y):  # Powell's badly scaled function (no. 3)
    return (1e4 * x * y - 1) ** 2 + (exp(-x) + exp(-y) - 1.0001) ** 2


@pytest.mark.parametrize(
    ("f", "xs"),
    [
        (brown, [1.0, 1.0]),
        (brown, [1e6, 2e-6]),
        (brown, [-1.2, 3.0]),
        (lambda v: brown(*v), [[1.0, 1.0]]),
        (powell, [0.0, 1.0]),
        (lambda x: (1e16 + x) - 1e16, [3.0]),
        (lambda x: (1e8 + x) ** 2 - 1e16, [3.0]),
        (lambda x, y: 1e6 * (x - y) ** 2 + exp(1e-8 * x), [1e4, 1.0]),
        (lambda x: sin(1e6 * x), [0.3]),
    ],
)
def test_a_right_gradient_of_a_badly_scaled_function_passes(f, xs):
    check_gradients(f, xs)


@pytest.mark.parametrize("factor", [0.0, 0.5, 1.001, -1.0])
@pytest.mark.parametrize(
    "row", [op for op in ops.TABLE.values() if op.arity == 1 and op.public], ids=lambda op: op.name
)
def test_a_wrong_rule_is_found(row, factor):
    x = 1.3 if row.name == "acosh" else 0.6
    if row.partials(x, row.forward(x))[0] == 0.0:
        pytest.skip("a step: factors of 0 are right")
    slip = define_op("slip", row.forward, lambda x, y: factor * row.partials(x, y)[0])
    check_gradients(lambda x, y: 3.0 * row(x) * y + y, [x, 0.7])
    with pytest.raises(GradientError):
        check_gradients(lambda x, y: 3.0 * slip(x) * y + y, [x, 0.7])


def test_a_wrong_rule_is_found_in_a_badly_scaled_function():
    with pytest.raises(GradientError):
        check_gradients(lambda x, y: wrong(1e3 * x, y) - 1e12, [2.0, 1e-6])


wrong = define_op("wrong", lambda x, y: x * x + y, lambda x, y, z: (3 * x, 1.0))


def test_the_error_shows_which_input_ours_numerical_and_the_difference():
    with pytest.raises(GradientError) as caught:
        check_gradients(lambda v, y: wrong(v[1], v[0]) + y, [[1.0, 2.0], Value(5.0, "y")])
    head, columns, *rows = str(caught.value).splitlines()
    assert "in 1 of 3 inputs" in head
    assert columns.split() == ["input", "x", "ours", "numerical", "difference"]
    assert [row.split() for row in rows] == [["xs[0][1]", "2.0", "6.0", "4.0", "2.0"]]


def test_the_error_names_an_input_by_its_label():
    with pytest.raises(GradientError, match=r"\n  w "):
        check_gradients(lambda w: wrong(w, 1.0), [Value(2.0, "w")])


def test_the_error_is_an_assertion_error():
    assert issubclass(GradientError, AssertionError)


def test_tolerances_are_respected():
    check_gradients(lambda w: wrong(w, 1.0), [2.0], rtol=0.6)
    check_gradients(lambda w: wrong(w, 1.0), [2.0], rtol=0.0, atol=2.1)


@pytest.mark.parametrize("slope", [math.nan, math.inf])
def test_a_gradient_that_is_not_a_number_does_not_pass(slope):
    broken = define_op("broken", lambda x: x, lambda x, y: slope)
    with pytest.raises(GradientError):
        check_gradients(broken, [1.0], rtol=1.0, atol=1.0)


def test_checking_leaves_the_values_as_they_were():
    x = Value(2.0)
    x.grad = 7.0
    check_gradients(lambda x: x * x, [x])
    assert (x.data, x.grad) == (2.0, 7.0)


@pytest.mark.parametrize("check", [numerical_gradient, check_gradients])
@pytest.mark.parametrize(
    ("f", "xs"),
    [
        (lambda x: [x], [1.0]),
        (lambda x: None, [1.0]),
        (lambda x: x, 1.0),
        (lambda x: x, Value(1.0)),
        (lambda x: x, ["1"]),
        (lambda x: x, [{1.0}]),
    ],
)
def test_what_is_not_a_number_is_a_type_error(check, f, xs):
    with pytest.raises(TypeError):
        check(f, xs)


def test_without_a_better_step_the_last_difference_is_the_answer():
    (slope,) = numerical_gradient(lambda x: x * math.inf, [1.0])
    assert math.isnan(slope)
