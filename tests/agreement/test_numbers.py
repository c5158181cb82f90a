"""Numbers where ways to compute them part: shifted logits, powers at zero, nan in a choice, remainders."""

# ruff: noqa: B023 (a lambda made in a loop is called in that turn of it)

import itertools
import math

import mpmath
import numpy as np
import pytest
import sympy

from autograd_lite import (
    Value,
    clip,
    compile,
    derivative,
    gradients,
    greater,
    hessian,
    log_softmax,
    logsumexp,
    losses,
    maximum,
    mean,
    minimum,
    softmax,
    where,
)

inf, nan = math.inf, math.nan

# Distances that are floats next to each of the shifts: 16 is the step at 1e17.
DISTANCES = [(0.0,), (0.0, 0.0), (0.0, -16.0), (16.0, 0.0, -32.0), (0.0, 0.0, 0.0, -16.0)]
SHIFTS = [1.0, -1.0, 1e4, 1e8, 1e12, 1e16, 1e17, -1e17]
TARGETS = [lambda n: n - 1, lambda n: [0.0] * (n - 1) + [1.0], lambda n: [1.0 / n] * n]


def slopes_of(f, logits):
    leaves = [Value(x) for x in logits]
    y = f(leaves)
    y.backward()
    return y.data, [leaf.grad for leaf in leaves]


@pytest.mark.parametrize("shift", SHIFTS)
@pytest.mark.parametrize("distances", DISTANCES, ids=str)
def test_softmax_and_its_derivatives_do_not_change_under_a_shift(distances, shift):
    shifted = [shift + d for d in distances]
    for function in (softmax, log_softmax):
        assert function(shifted) == function(distances)
        assert [p.data for p in function([Value(x) for x in shifted])] == function(distances)
        for i in range(len(distances)):
            assert slopes_of(lambda xs: function(xs)[i], shifted) == slopes_of(lambda xs: function(xs)[i], distances)
    assert slopes_of(logsumexp, shifted)[1] == slopes_of(logsumexp, distances)[1]
    assert slopes_of(logsumexp, shifted)[1] == softmax(distances)
    for f in (logsumexp, lambda xs: softmax(xs)[0], lambda xs: log_softmax(xs)[-1]):
        assert hessian(f)(shifted) == hessian(f)(list(distances))


@pytest.mark.parametrize("shift", SHIFTS)
@pytest.mark.parametrize("distances", DISTANCES, ids=str)
@pytest.mark.parametrize("target", TARGETS, ids=["class", "one-hot", "uniform"])
def test_cross_entropy_and_its_derivatives_do_not_change_under_a_shift(distances, shift, target):
    def loss(xs):
        return losses.cross_entropy(xs, target(len(xs)))

    shifted = [shift + d for d in distances]
    assert loss(shifted) == loss(distances)
    assert slopes_of(loss, shifted) == slopes_of(loss, distances)
    assert hessian(loss)(shifted) == hessian(loss)(list(distances))


@pytest.mark.parametrize(
    ("dtype", "shifts", "tolerance"), [(float, SHIFTS, 1e-14), (np.float32, [0.0, 1e4, 1e6, 1e7], 1e-6)]
)
@pytest.mark.parametrize("distances", DISTANCES[1:], ids=str)
def test_a_program_does_not_change_under_a_shift(distances, dtype, shifts, tolerance):
    n = len(distances)
    scales = [Value(1.0) for _ in distances]
    one_hot = [0.0] * (n - 1) + [1.0]
    for f in (
        lambda x: losses.cross_entropy([w * t for w, t in zip(scales, x, strict=True)], n - 1),
        lambda x: losses.cross_entropy([w * t for w, t in zip(scales, x, strict=True)], one_hot),
        lambda x: softmax([w * t for w, t in zip(scales, x, strict=True)])[0],
        lambda x: log_softmax([w * t for w, t in zip(scales, x, strict=True)])[-1],
    ):
        X = np.add.outer(shifts, distances).astype(dtype)
        program = compile(f)
        np.testing.assert_allclose(program(X), [f(list(distances)).data] * len(X), rtol=tolerance, atol=tolerance)
        for row in X:
            for w in scales:
                w.grad = 0.0
            program.backward(row[None])
            found = np.array([w.grad for w in scales])
            expected = slopes_by(scales, f, row)
            np.testing.assert_allclose(found, expected, rtol=10 * tolerance, atol=tolerance * max(1.0, abs(row[0])))


def slopes_by(scales, f, row):
    for w in scales:
        w.grad = 0.0
    f([Value(x) for x in row]).backward()
    return [w.grad for w in scales]


def test_two_equal_logits_give_one_half_each():
    assert softmax([1.0, 1.0]) == [0.5, 0.5]
    for c in (1e6, 1e16, 1e17):
        assert slopes_of(lambda xs: softmax(xs)[0], [c, c]) == (0.5, [0.25, -0.25])
        for target in (1, [0, 1]):
            loss, slopes = slopes_of(lambda xs: losses.cross_entropy(xs, target), [c, c])
            assert (loss, slopes) == (0.6931471805599453, [0.5, -0.5])


@pytest.mark.parametrize("target", [1, [0, 1], [Value(0.0), Value(1.0)]], ids=["class", "one-hot", "Values"])
def test_an_impossible_class_that_is_not_the_target_costs_nothing(target):
    assert slopes_of(lambda xs: losses.cross_entropy(xs, target), [-inf, 0.0]) == (0.0, [0.0, 0.0])
    assert slopes_of(lambda xs: losses.cross_entropy(xs, target), [0.0, -inf])[0] == inf


def test_a_masked_class_costs_nothing_in_a_program():
    w = Value(2.0)
    program = compile(lambda x, t: losses.cross_entropy([-inf, w * x, 0.5], t))
    X, T = np.array([1.0, -1.0]), np.eye(3)[[1, 2]]
    expected = [losses.cross_entropy([-inf, 2.0 * x, 0.5], t.tolist()) for x, t in zip(X, T, strict=True)]
    np.testing.assert_allclose(program(X, T), expected)


@pytest.mark.parametrize("numbers", list(itertools.permutations([inf, nan, 1.0])), ids=str)
def test_nan_among_logits_is_nan_in_any_order(numbers):
    assert math.isnan(logsumexp(numbers))
    assert math.isnan(logsumexp([Value(x) for x in numbers]).data)
    assert math.isnan(logsumexp([np.array([x]) for x in numbers])[0])


# --- powers -----------------------------------------------------------------------------------------------------------


ORDERS = [(m, n) for m in range(5) for n in range(5 - m) if m + n]


def limit(x, y, m, n):
    """The derivative of x**y, m times by x and n times by y, at x or in the limit from the right."""
    if x < 0.0 and n:
        return nan
    a, b = sympy.symbols("a b")
    expression = (a**b).diff(a, m, b, n) if m and n else (a**b).diff(*((a, m) if m else (b, n)))
    with mpmath.workdps(50):
        at = mpmath.mpf(10) ** -(10**6) if x == 0.0 else mpmath.mpf(x)
        number = sympy.lambdify((a, b), expression, "mpmath")(at, mpmath.mpf(y))
        number = mpmath.re(number)
        if x == 0.0:
            return 0.0 if abs(number) < 1e-300 else math.copysign(inf, number) if abs(number) > 1e5 else float(number)
        return float(number)


@pytest.mark.parametrize("y", [0.0, 1.0, 2.0, 3.0, 0.5, 2.5, -1.0])
@pytest.mark.parametrize("x", [0.0, 0.5, 1.0, 2.0, -1.5])
def test_derivatives_of_a_power_up_to_order_four_follow_the_limits(x, y):
    if (x == 0.0 and y < 0.0) or (x < 0.0 and not y.is_integer()):
        pytest.skip("not defined there")
    for m, n in ORDERS:
        for path in ([0] * m + [1] * n, [1] * n + [0] * m):
            leaves = [Value(x), Value(y)]
            node = leaves[0] ** leaves[1]
            for i in path:
                (node,) = gradients(node, [leaves[i]])
            assert node.data == pytest.approx(limit(x, y, m, n), rel=1e-12, abs=1e-14, nan_ok=True), (m, n, path)


@pytest.mark.parametrize(("y", "order"), list(itertools.product([0.0, 1.0, 2.0, 3.0, 0.5, 2.5], range(1, 5))))
def test_derivatives_at_zero_of_a_power_with_a_constant_exponent_follow_the_limits(y, order):
    assert derivative(lambda x: x**y, order)(0.0) == limit(0.0, y, order, 0)
    assert derivative(lambda x: x ** Value(y), order)(0.0) == limit(0.0, y, order, 0)


def test_hessians_of_a_power_at_zero():
    assert hessian(lambda p: p[0] ** p[1])([0.0, 2.0]) == [[2.0, 0.0], [0.0, 0.0]]
    assert hessian(lambda p: p[0] ** p[1])([1.0, 0.0]) == [[0.0, 1.0], [1.0, 0.0]]


def test_a_derivative_of_a_power_is_compiled():
    X = np.array([[0.5, 2.0], [1.5, -0.5], [2.0, 3.0], [0.0, 2.0]])

    def f(p):
        (slope,) = gradients(p[0] ** p[1], [p[0]])
        return slope + gradients(slope, [p[1]])[0]

    np.testing.assert_allclose(compile(f)(X), [f([Value(x) for x in row]).data for row in X], rtol=1e-12)


# --- choices ----------------------------------------------------------------------------------------------------------

PAIRS = list(itertools.product([nan, 1.0, -2.0, inf, 0.0], repeat=2))


@pytest.mark.parametrize("function", [maximum, minimum], ids=["maximum", "minimum"])
def test_of_nan_the_larger_and_the_smaller_are_pythons_everywhere(function):
    python = {maximum: max, minimum: min}[function]
    xs, ys = np.array(PAIRS).T
    expected = [python(x, y) for x, y in PAIRS]
    np.testing.assert_array_equal([function(x, y) for x, y in PAIRS], expected)
    np.testing.assert_array_equal([function(Value(x), y).data for x, y in PAIRS], expected)
    np.testing.assert_array_equal(function(xs, ys), expected)
    for (x, y), result in zip(PAIRS, expected, strict=True):
        if not math.isfinite(result):
            continue  # a program refuses a result that is not finite
        w = Value(1.0)
        for program in (
            lambda a, b: function(w * a, b),
            lambda a, b: function(w * a, y),
            lambda a, b: function(w * x, b),
        ):
            w.grad = 0.0
            compiled = compile(program)
            assert compiled.backward(np.array([x]), np.array([y])) == result
            slope, w.grad = w.grad, 0.0
            program(Value(x), Value(y)).backward()
            assert slope == pytest.approx(w.grad, nan_ok=True), (x, y)


def test_clip_is_minimum_of_maximum_with_its_derivatives():
    for numbers in itertools.product([nan, -1.0, 0.0, 1.0, 2.0], repeat=3):
        leaves, again = [Value(x) for x in numbers], [Value(x) for x in numbers]
        y, expected = clip(*leaves), minimum(maximum(again[0], again[1]), again[2])
        y.backward()
        expected.backward()
        np.testing.assert_array_equal([y.data, clip(*numbers)], [expected.data] * 2)
        np.testing.assert_array_equal([v.grad for v in leaves], [v.grad for v in again])


@pytest.mark.parametrize("condition", [True, 1.0, 3, np.True_, Value(1.0), nan], ids=repr)
@pytest.mark.parametrize("negated", [False, True])
def test_a_condition_may_be_any_number(condition, negated):
    x, y = Value(2.0), Value(5.0)
    if negated:
        condition = {bool: False, float: 0.0, int: 0}.get(type(condition), np.False_ if condition is np.True_ else None)
        condition = Value(0.0) if condition is None else condition
    node = where(condition, x, y)
    node.backward()
    assert (node.data, x.grad, y.grad) == ((5.0, 0.0, 1.0) if negated else (2.0, 1.0, 0.0))


def test_a_choice_is_made_anew():
    x = Value(2.0)
    y = where(greater(x, 0.0), x * x, -x)
    y.backward()
    assert (y.data, x.grad) == (4.0, 4.0)
    x.data, x.grad = -3.0, 0.0
    y.forward()
    y.backward()
    assert (y.data, x.grad) == (3.0, -1.0)
    np.testing.assert_array_equal(compile(lambda x: where(greater(x, 0.0), x * x, -x))([2.0, -3.0]), [4.0, 3.0])


def test_a_mean_that_overflows_does_so_in_a_program():
    assert mean([Value(1e308), Value(1e308)]).data == inf
    for rows in ([[1e308, 1e308]], [[1.0, 2.0], [1e308, 1e308]]):
        with pytest.raises(FloatingPointError, match="is inf"):
            compile(lambda x: mean(x))(np.array(rows))


# --- remainders -------------------------------------------------------------------------------------------------------


def result_of(f):
    try:
        return [float(x) for x in np.ravel(f())]
    except (ArithmeticError, ValueError) as error:
        return type(error)


@pytest.mark.parametrize("operator", [lambda x, y: x % y, lambda x, y: x // y, divmod], ids=["%", "//", "divmod"])
def test_remainders_are_pythons(operator):
    numbers = [7.5, -7.5, 2.0, -2.0, 0.1, 1.0, 0.0, -0.0, 1e300, 5e-324, inf, -inf, nan]
    for x, y in itertools.product(numbers, repeat=2):
        expected = repr(result_of(lambda: operator(x, y)))
        for a, b in ((Value(x), Value(y)), (Value(x), y), (x, Value(y))):
            assert repr(result_of(lambda: operator(a, b))) == expected, (x, y)
    assert result_of(lambda: operator(Value(7.5), 2)) == result_of(lambda: operator(7.5, 2))


def test_the_slopes_of_a_remainder():
    for x, y in itertools.product([7.5, -7.5, 3.2, -0.4], [2.0, -2.0, 0.3]):
        assert (Value(x) % Value(y)).partials == (1.0, -(x // y))  # whole times that y is taken off; x / y may round up
        assert (Value(x) // Value(y)).partials == (0.0, 0.0)
