"""What may stand beside a Value, and what a Value does as a float, an array element or micrograd's Value does."""

import itertools
import math
import operator
import unittest.mock
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from helpers import BINARY, bits, name_of, outcome

from autograd_lite import Value, define_op, dot, hypot, ops, sigmoid

SCALARS = [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64]
SCALARS += [np.float16, np.float32, np.float64, np.longdouble, np.bool_]
KINDS = [*SCALARS, np.array, Fraction, Decimal, int, float]
COMPARISONS = [operator.lt, operator.le, operator.gt, operator.ge]
OPERATORS = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "pow": operator.pow,
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_of_number_compares_as_in_python_on_either_side(kind):
    for compare, (x, y) in itertools.product(COMPARISONS, [(2.0, 3), (3.0, 3), (0.5, 0), (-1.5, 1)]):
        assert compare(Value(x), kind(y)) is compare(x, float(kind(y)))
        assert compare(kind(y), Value(x)) is compare(float(kind(y)), x)


@pytest.mark.parametrize(
    "big", [2**53 + 1, np.int64(2**53 + 1), Fraction(2**53 + 1), Decimal(2**53 + 1), 10**400], ids=repr
)
def test_comparisons_are_exact(big):
    below = Value(2.0**53)
    assert below < big and big > below
    assert not below >= big and not big <= below


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("op", BINARY, ids=name_of)
def test_every_kind_of_number_is_an_operand_with_the_float_s_bits(op, kind):
    for x, y in itertools.product([-1.5, 0.0, 2.0, math.inf], [0, 1, 3]):
        as_float = float(kind(y))
        expected, swapped = outcome(op.forward, x, as_float), outcome(op.forward, as_float, x)
        assert outcome(op, Value(x), kind(y)) == expected
        assert outcome(op, kind(y), Value(x)) == swapped
        assert outcome(op, kind(y), x) == swapped
        if op.public and hasattr(Value, op.name):
            assert outcome(getattr(Value(x), op.name), kind(y)) == expected
        if op.name in OPERATORS:
            assert outcome(OPERATORS[op.name], Value(x), kind(y)) == expected
            assert outcome(OPERATORS[op.name], kind(y), Value(x)) == swapped


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.longdouble], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("op", [op for op in ops.TABLE.values() if op.arity == 1], ids=name_of)
def test_functions_compute_with_a_numpy_scalar_as_a_float(op, kind):
    for x in (-2.0, -0.3, 0.0, 0.7, 1.0, 800.0, math.inf, math.nan):
        assert outcome(op, kind(x)) == outcome(op.forward, float(kind(x)))


@pytest.mark.parametrize(
    "thing", ["2", b"2", None, 1j, np.complex128(1), {}, np.timedelta64(3, "s"), np.array("a")], ids=repr
)
def test_what_is_not_a_number_is_refused_everywhere(thing):
    v = Value(2.0)
    for do in [
        *(lambda f=f: f(v, thing) for f in (*COMPARISONS, *OPERATORS.values())),
        *(lambda f=f: f(thing, v) for f in (*COMPARISONS, *OPERATORS.values())),
        lambda: v.maximum(thing),
        lambda: hypot(thing, v),
        lambda: sigmoid(thing),
        lambda: dot([v], [thing]),
        lambda: setattr(v, "data", thing),
        lambda: v.backward(thing),
        lambda: Value(thing),
        lambda: Value(1.0, thing if not isinstance(thing, str) else 0),
    ]:
        with pytest.raises(TypeError):
            do()


def test_an_int_too_large_for_a_float_overflows_as_in_python():
    for do in (sigmoid, Value, Value(1.0).maximum, Value(1.0).__add__, lambda x: dot([x], [1.0])):
        with pytest.raises(OverflowError):
            do(10**400)
    assert Value(1.0) < 10**400


def test_functions_compute_with_floats_whichever_numbers_they_are_given():
    assert bits(dot([2**53 + 1], [2**53 + 1])) == bits(float(2**53 + 1) ** 2)
    largest = np.iinfo(np.int64).max
    assert dot([np.int64(largest)], [np.int64(largest)]) == float(largest) ** 2


class Tensor:
    """A number of no dimensions as other libraries have it."""

    ndim = 0
    dtype = "float32"

    def __init__(self, item):
        self.item = lambda: item


def test_a_tensor_of_another_library_counts_as_its_number():
    assert Value(Tensor(2.5)).data == 2.5
    with pytest.raises(TypeError, match="got Tensor"):
        Value(Tensor("a"))


# --- a Value's attributes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in dir(Value) if not name.startswith("__")])
def test_no_attribute_can_be_deleted(name):
    v = Value(3.0, "v")
    if not name.startswith("_") or (hasattr(type(v), name) and isinstance(getattr(type(v), name), property)):
        with pytest.raises(AttributeError):
            delattr(v, name)
    assert (v.data, v.grad, v.label, v.op) == (3.0, 0.0, "v", None)


def test_mocking_an_attribute_leaves_the_value_usable():
    v = Value(2.0)
    with pytest.raises(AttributeError), unittest.mock.patch.object(v, "data", 3.0):
        assert v.data == 3.0
    v.data = 4.0
    assert (v * v).data == 16.0


def test_an_object_without_its_number_is_an_error():
    for make in (lambda: Value.__new__(Value), lambda: object.__new__(Value)):
        with pytest.raises((TypeError, AttributeError)):
            make().data  # noqa: B018


@pytest.mark.parametrize("label", [None, 0, 1.5, b"w", ["w"]], ids=repr)
def test_a_label_is_a_str(label):
    for give in (
        lambda: Value(1.0, label),
        lambda: Value(1.0, label=label),
        lambda: setattr(Value(1.0), "label", label),
    ):
        with pytest.raises(TypeError, match="a label is a str"):
            give()


def test_a_gradient_of_none_is_zero():
    w = Value(2.0)
    (w * w).backward()
    w.grad = None
    assert w.grad == 0.0


# --- an operation of your own -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("partial", [None, "1", 1j, {}, [None], [1.0, 2.0], np.array([1.0, 2.0]), Value(1.0)], ids=repr)
def test_a_rule_that_gives_no_derivative_is_refused_at_once(partial):
    with pytest.raises(TypeError, match="partials of q must be"):
        define_op("q", abs, lambda x, y: partial)(Value(1.0))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_rules_may_give_every_kind_of_number(kind):
    x = Value(2.0)
    y = define_op("q", lambda x: kind(3), lambda x, y: kind(1))(x)
    y.backward()
    assert (y.data, x.grad) == (float(kind(3)), float(kind(1)))


# --- what a float does --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("x", [2.567, -7.5, 3.0, -0.0, 1e300])
def test_a_value_answers_as_its_float(x):
    v = Value(x)
    assert math.trunc(v) == math.trunc(x)
    assert v.is_integer() is x.is_integer()
    assert v.as_integer_ratio() == x.as_integer_ratio()
    assert (v.real, v.imag, v.conjugate()) == (v, 0.0, v)
    for digits in (0, 1, np.int64(1), np.int8(2)):
        assert bits(round(v, digits)) == bits(round(x, int(digits)))


# --- NumPy --------------------------------------------------------------------------------------------------------------


def test_numpy_s_statistics_of_values_have_their_slopes():
    xs = [1.0, 2.0, 4.0]
    for statistic in (np.mean, np.var, np.std):
        values = np.array([Value(x) for x in xs])
        result = statistic(values)
        assert result.data == pytest.approx(statistic(xs), rel=1e-15)
        result.backward()
        for i, v in enumerate(values):
            nudged = [[*xs[:i], x, *xs[i + 1 :]] for x in (xs[i] + 1e-6, xs[i] - 1e-6)]
            assert v.grad == pytest.approx((statistic(nudged[0]) - statistic(nudged[1])) / 2e-6, rel=1e-6)


def test_numpy_s_functions_of_a_value_and_a_number_record_the_operation():
    v = Value(1.5)
    for function, name, order in [(np.hypot, "hypot", 1), (np.maximum, "maximum", 1), (np.arctan2, "atan2", -1)]:
        y = function(*(2.0, v)[::order])
        assert (y.op.name, y.parents) == (name, (v,))
    assert np.hypot(2.0, v).partials == (0.6,)
    assert np.arcsinh(v).op.name == "asinh"
    assert np.exp(v).op.name == "exp"
    assert (np.float64(2.0) * v).operands == (2.0, v)
    assert (np.array(2.0) - v).operands == (2.0, v)


def test_arrays_and_values_meet_element_by_element():
    v = Value(2.0)
    array = np.array([1.0, 3.0])
    assert [x.data for x in array * v] == [x.data for x in v * array] == [2.0, 6.0]
    assert [x.data for x in np.hypot(np.array([v, v]), v)] == [math.hypot(2.0, 2.0)] * 2
    assert (array > v).tolist() == [False, True]
    assert (array == v).tolist() == [False, False]
    with pytest.raises(TypeError):
        np.longdouble(2.0) << v


def test_numpy_s_comparing_tools_take_values():
    np.testing.assert_almost_equal(Value(1.5), 1.5)
    with pytest.raises(AssertionError):
        np.testing.assert_almost_equal(Value(1.5), 1.6)
    assert max(np.float64(3), Value(2.0)) == 3
    assert sorted([np.float64(3), Value(2.0), np.int64(1)])[1].data == 2.0


# --- micrograd's names --------------------------------------------------------------------------------------------------


def test_micrograd_s_names_read_the_graph():
    a, b = Value(2.0, "a"), Value(-3.0, "b")
    y = a * b + a
    assert y._op == "+" and a._op == ""
    assert y._prev == {y.parents[0], a} and a._prev == set()
    assert y._children == y.parents
    for name in ("_op", "_prev", "_children"):
        with pytest.raises(AttributeError):
            setattr(y, name, None)


def test_micrograd_s_closures_are_explained():
    assert not hasattr(Value(1.0), "_backward")
    for touch in (lambda: Value(1.0)._backward, lambda: setattr(Value(1.0), "_backward", lambda: None)):
        with pytest.raises(AttributeError, match=r"define_op\(name, forward, partials\)"):
            touch()


def test_abs_and_pow_are_methods():
    v = Value(-2.0)
    assert (v.abs().data, v.pow(3).data, v.pow(3).partials) == (2.0, -8.0, (12.0,))


def test_a_walk_written_for_micrograd_s_graphs_runs():
    def trace(root):
        nodes, edges = set(), set()
        todo = [root]
        while todo:
            v = todo.pop()
            if v not in nodes:
                nodes.add(v)
                for child in v._prev:
                    edges.add((child, v))
                    todo.append(child)
        return nodes, edges

    x, w = Value(2.0, "x"), Value(-3.0, "w")
    y = (x * w + 6.7).tanh()
    y.backward()
    nodes, edges = trace(y)
    assert sorted(n._op for n in nodes) == ["", "", "*", "+", "tanh"]
    assert len(edges) == 4
    assert [f"{n.label} | data {n.data:.4f} | grad {n.grad:.4f}" for n in nodes if n.label]
    chain = x
    for _ in range(20_000):
        chain = chain * 1.0
    assert len(trace(chain)[0]) == 20_001
