"""The table as functions, and operations of your own."""

import inspect
import math
import pickle

import numpy as np
import pytest

from autograd_lite import Graph, Value, cos, define_op, exp, functions, hypot, log, maximum, no_grad, ops, sin

ONE_NUMBER = [op.name for op in ops.TABLE.values() if op.public and op.arity == 1 and op.name not in ("neg", "abs")]


@pytest.mark.parametrize("name", ONE_NUMBER)
def test_a_function_of_a_float_is_a_float_and_of_a_value_its_method(name):
    function = getattr(functions, name)
    x = 1.5 if name == "acosh" else 0.5
    assert type(function(x)) is float
    node = function(Value(x))
    assert (node.data, node.op.name) == (function(x), name)
    assert getattr(Value(x), name)().data == function(x)


@pytest.mark.parametrize("name", ["atan2", "hypot", "maximum", "minimum", "greater", "less", "equal"])
def test_a_function_of_two_numbers_takes_values_and_floats_in_any_mix(name):
    function = getattr(functions, name)
    expected = function(0.5, 2.0)
    assert type(expected) is float
    for x, y in ((Value(0.5), Value(2.0)), (Value(0.5), 2.0), (0.5, Value(2.0)), (Value(0.5), 2)):
        assert function(x, y).data == expected
    assert getattr(Value(0.5), name)(2).data == expected


def test_ints_give_floats():
    assert type(maximum(1, 2)) is float
    assert type(exp(0)) is float


@pytest.mark.parametrize("name", ONE_NUMBER)
def test_functions_serve_arrays(name):
    x = np.array([[0.25, 0.5], [0.75, 0.9]]) + (1 if name == "acosh" else 0)
    expected = [[getattr(functions, name)(float(t)) for t in row] for row in x]
    np.testing.assert_allclose(getattr(functions, name)(x), expected, rtol=1e-14)


@pytest.mark.parametrize("name", [name for name in dir(functions) if not name.startswith("_")])
def test_functions_are_documented_and_show_their_arguments(name):
    function = getattr(functions, name)
    if getattr(function, "__module__", "") == functions.__name__ and callable(function) and name != "Number":
        assert function.__doc__
        assert inspect.signature(function).parameters


@pytest.mark.parametrize("thing", ["a", None, [1.0]], ids=repr)
def test_functions_refuse_what_is_not_a_number(thing):
    with pytest.raises(TypeError, match="exp"):
        exp(thing)
    with pytest.raises(TypeError, match="maximum"):
        maximum(Value(1.0), thing)


def test_errors_of_plain_floats_are_pythons_own():
    with pytest.raises(ValueError, match="math domain error"):
        log(-1.0)


# --- define_op --------------------------------------------------------------------------------------------------------


def cube_forward(x):
    return x**3


def cube_partials(x, y):
    return 3 * x**2


cube = define_op("cube", cube_forward, cube_partials)
swirl = define_op("swirl", lambda x, y: x * math.sin(y), lambda x, y, z: (sin(y), x * cos(y)), symbol="§")
norm3 = define_op("norm3", lambda x, y, z: math.hypot(x, y, z), lambda x, y, z, n: (x / n, y / n, z / n))
product = define_op(
    "product",
    lambda *xs: math.prod(xs),
    lambda *xs: [math.prod(x for j, x in enumerate(xs[:-1]) if j != i) for i in range(len(xs) - 1)],
)


def test_an_operation_of_your_own_is_differentiated():
    x = Value(2.0, "x")
    y = cube(x)
    assert y.data == 8.0
    y.backward()
    assert x.grad == 12.0
    x.data = 3.0
    assert y.forward() == 27.0
    assert y.partials == (27.0,)


def test_it_takes_floats_arrays_and_constants():
    assert cube(2) == 8.0
    np.testing.assert_array_equal(cube(np.array([1.0, 2.0])), [1.0, 8.0])
    x = Value(2.0)
    assert swirl(x, 0.5).partials == (math.sin(0.5),)


def test_it_takes_two_three_or_any_number_of_operands():
    x, y, z = Value(2.0), Value(3.0), Value(6.0)
    assert swirl(x, y).partials == (math.sin(3.0), 2.0 * math.cos(3.0))
    assert norm3(x, y, z).partials == (2 / 7, 3 / 7, 6 / 7)
    p = product(x, y, z, 2)
    p.backward()
    assert (p.data, x.grad) == (72.0, 36.0)
    assert product(x).partials == (1.0,)


def test_its_symbol_stands_in_formulas():
    assert Graph(swirl(Value(1.0, "a"), cube(Value(2.0, "b")))).expression() == "§(a, cube(b))"


def test_it_pickles_when_its_rules_do():
    y = pickle.loads(pickle.dumps(cube(Value(2.0))))
    y.backward()
    assert y.parents[0].grad == 12.0


def test_where_its_derivative_raises_the_slope_is_nan():
    root = define_op("root", math.sqrt, lambda x, y: 1 / (2 * y))
    (slope,) = root(Value(0.0)).partials
    assert math.isnan(slope)


def test_its_forward_errors_name_it():
    root = define_op("root", math.sqrt, lambda x, y: 1 / (2 * y))
    with pytest.raises(ValueError, match=r"root\(x=-1.0\)"):
        root(Value(-1.0, "x"))


def test_it_records_nothing_under_no_grad():
    with no_grad():
        assert cube(Value(2.0)).is_leaf


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: define_op("", math.sqrt, math.sqrt), "name"),
        (lambda: define_op("f", 3, math.sqrt), "as forward, got int"),
        (lambda: define_op("f", math.sqrt, None), "as partials, got NoneType"),
        (lambda: define_op("f", lambda x: "a", lambda x, y: 1.0)(Value(1.0)), "forward rule of f.*got str"),
        (
            lambda: define_op("f", lambda x: x, lambda x, y: (1.0, 2.0))(Value(1.0)),
            "partials of f must be one for each",
        ),
        (lambda: cube(Value(1.0), 2.0), "cube takes 1 operands, got 2"),
    ],
)
def test_rules_of_the_wrong_kind_are_a_type_error(make, message):
    with pytest.raises(TypeError, match=message):
        make()


def test_a_length_of_a_vector_is_hypot():
    x, y = Value(3.0), Value(4.0)
    hypot(x, y).backward()
    assert (x.grad, y.grad) == (0.6, 0.8)


def test_an_operation_of_c_that_does_not_tell_its_arguments_takes_any_number():
    largest = define_op("largest", max, lambda *xs: [float(x == xs[-1]) for x in xs[:-1]])
    xs = [Value(1.0), Value(3.0), Value(2.0)]
    y = largest(*xs)
    y.backward()
    assert (y.data, [x.grad for x in xs]) == (3.0, [0.0, 1.0, 0.0])


@pytest.mark.parametrize("function", [functions.softmax, functions.log_softmax])
def test_numbers_of_numpy_are_taken_for_floats(function):
    given = function([1.296875, np.float32(0.25), np.float16(2.0), np.int64(1)])
    assert given == function([1.296875, 0.25, 2.0, 1.0])
    assert {type(x) for x in given} == {float}
