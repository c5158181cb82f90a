"""What a function may not do with its arguments while it is differentiated."""

import math
import threading
from math import tanh as ordinary_tanh

import numpy as np
import pytest

from autograd_lite import (
    Value,
    check_gradients,
    derivative,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    minimize,
    numerical_gradient,
    value_and_grad,
    vjp,
)
from autograd_lite.derivatives.objections import current_call


def into_array(x):
    b = np.zeros(2)
    b[0] = x
    return b[0] * x


def into_slice(x):
    b = np.zeros(2)
    b[:] = [x, 2.0]
    return b.sum()


@pytest.mark.parametrize(
    ("f", "taker", "remedy"),
    [
        (lambda x: math.sin(x) * x, r"math.sin\(\)", "use autograd_lite.sin"),
        (lambda x: sum([math.exp(y) for y in [x]]), r"math.exp\(\)", "use autograd_lite.exp"),
        (lambda x: ordinary_tanh(x), r"math.tanh\(\)", "use autograd_lite.tanh"),
        (math.sqrt, r"math.sqrt\(\)", "use autograd_lite.sqrt"),
        (lambda x: math.fabs(x), r"math.fabs\(\)", r"use abs\(\)"),
        (lambda x: math.pow(x, 2.0), r"math.pow\(\)", r"use the operator \*\*"),
        (lambda x: math.floor(x) * x, r"math.floor\(\)", "the functions of autograd_lite"),
        (lambda x: float(x) * x, r"float\(\)", "the functions of autograd_lite .*read .data"),
        (lambda x: int(x) * x, r"int\(\)", "autograd_lite"),
        (lambda x: round(x, 1) * x, r"round\(\)", "autograd_lite"),
        (lambda x: np.float64(x) * x, r"numpy.float64\(\)", "autograd_lite"),
        (lambda x: np.array([x], dtype=float)[0], r"numpy.array\(\)", "autograd_lite"),
        (lambda x: sum(map(math.sin, [x])), r"sum\(\)", "autograd_lite.sin"),
        (lambda x: x * len("%.2f" % x), r"float\(\)", "autograd_lite"),  # noqa: UP031
        (into_array, "the assignment to an item of an array of floats", "dtype=object"),
        (into_slice, "the assignment to an item of an array of floats", "dtype=object"),
    ],
)
def test_a_value_taken_for_a_number_is_an_error_that_says_what_to_write(f, taker, remedy):
    with pytest.raises(
        TypeError, match=rf"test_objections.py, line .*{taker} takes a Value as a plain number.*{remedy}"
    ):
        grad(f)(2.0)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: 10 * x if x == 2.0 else x,
        lambda x: x if x != 2 else 10 * x,
        lambda x: x if x == 2 else 10 * x,
        lambda x: x if x == np.int64(2) else 10 * x,
        lambda x: x if x in [1.0, 2.0] else 10 * x,
    ],
)
def test_equality_with_a_number_is_an_error_that_says_what_to_write(f):
    with pytest.raises(
        TypeError, match=r"test_objections.py, line .*`==` of a Value with the number .*`x.data == 2.0`"
    ):
        value_and_grad(f)(2.0)


def test_a_match_statement_compares_too():
    def f(x):
        match x:
            case 2.0:
                return 10 * x
        return x

    with pytest.raises(TypeError, match=r"in f, `case 2.0:`: .*`==` of the Value 'v' with the number 2.0"):
        grad(f)(Value(2.0, "v"))


@pytest.mark.parametrize(
    "call",
    [
        lambda f: value_and_grad(f)(0.5),
        lambda f: derivative(f, 2)(0.5),
        lambda f: jacobian(f)(0.5),
        lambda f: hessian(f)(0.5),
        lambda f: vjp(f, 0.5),
        lambda f: jvp(f, (0.5,), (1.0,)),
        lambda f: hvp(f, 0.5, 1.0),
        lambda f: minimize(f, 0.5),
        lambda f: jacobian(lambda v: [f(v[0]), v[1]])([0.5, 1.0]),
        lambda f: grad(lambda x: grad(lambda y: f(x) * y)(1.0))(0.5),
        lambda f: grad(grad(f))(0.5),
    ],
)
def test_every_transform_objects(call):
    with pytest.raises(TypeError, match=r"use autograd_lite\.cos"):
        call(math.cos)
    assert current_call.get() is None


def test_a_value_that_does_not_depend_on_an_argument_is_a_number_as_ever():
    w = Value(3.0)
    assert grad(lambda x: float(w) * x if w != 2.0 else math.sin(w) * x)(1.0) == 3.0
    assert grad(lambda x: float(w * 2.0) * x)(1.0) == 6.0


def test_decisions_by_order_are_allowed():
    assert grad(lambda x: 2 * x if x > 1 else x)(2.0) == 2.0
    assert grad(lambda x: max(x, 1.0) if x else x)(2.0) == 1.0
    assert grad(lambda x: 2 * x if x.data == 2.0 else x)(2.0) == 2.0


def test_values_may_be_compared_with_values_and_be_keys():
    assert grad(lambda x: {x: 3.0}[x] * x if x == x and x in [x] else x)(2.0) == 3.0


def test_outside_a_transform_a_value_is_a_number():
    assert (math.sin(Value(0.0)), float(Value(2.0)), Value(2.0) == 2.0) == (0.0, 2.0, False)
    assert numerical_gradient(math.exp, [0.0]) == pytest.approx([1.0])
    with pytest.raises(AssertionError):
        check_gradients(math.exp, [0.0])  # which says that the derivative is 0


def test_only_the_own_threads_calls_count():
    results = []

    def f(x):
        other = threading.Thread(target=lambda: results.append((float(x), x == 3.0)))
        other.start()
        other.join(10)
        return x * x

    assert grad(f)(3.0) == 6.0
    assert results == [(3.0, False)]


def test_an_error_in_the_function_leaves_nothing_behind():
    with pytest.raises(KeyError):
        grad(lambda x: {}[x])(1.0)
    assert current_call.get() is None
    assert float(Value(2.0)) == 2.0
