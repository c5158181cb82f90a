"""The operations table: every row, in every mode."""

import copy
import itertools
import math
import operator
import pickle

import mpmath
import numpy as np
import pytest
from helpers import ANY_FLOAT, BINARY, SEQUENCE, UNARY, bits, name_of, outcome
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from oracles import JUMPS, ORACLES, domain, in_mpmath

from autograd_lite import Value, functions, gradients, ops

SMOOTH_UNARY = [op for op in UNARY if op not in JUMPS]

SPECIALS = [0.0, 0.5, 1.0, 2.0, 3.0, 1e300, 5e-324, math.inf]
SPECIALS = [*SPECIALS, *[-x for x in SPECIALS], math.nan]


@pytest.mark.parametrize("op", SMOOTH_UNARY, ids=name_of)
@given(data=st.data())
@settings(max_examples=30)
def test_unary_result_and_derivative_equal_mpmath(op, data):
    x = data.draw(domain(op))
    assume(abs(x) > 1e-3)  # away from the kinks at 0
    y = op.forward(x)
    with mpmath.workdps(50):
        expected = in_mpmath(op)(mpmath.mpf(x))
        slope = mpmath.diff(in_mpmath(op), mpmath.mpf(x), h=mpmath.mpf(10) ** -20)
    assert y == pytest.approx(float(expected), rel=1e-14, abs=1e-15)
    assert op.partials(x, y)[0] == pytest.approx(float(slope), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("op", [op for op in BINARY if op not in JUMPS], ids=name_of)
@given(x=st.floats(0.1, 3.0), y=st.floats(-3.0, 3.0))
@settings(max_examples=30)
def test_binary_result_and_derivatives_equal_mpmath(op, x, y):
    assume(abs(x - y) > 1e-3 and abs(y) > 1e-3)
    assume(op is not ops.MOD or abs(x / y - round(x / y)) > 1e-3)
    z = op.forward(x, y)
    with mpmath.workdps(50):
        a, b = mpmath.mpf(x), mpmath.mpf(y)
        expected = in_mpmath(op)(a, b)
        slopes = [mpmath.diff(lambda t: in_mpmath(op)(t, b), a), mpmath.diff(lambda t: in_mpmath(op)(a, t), b)]
    assert z == pytest.approx(float(expected), rel=1e-14)
    assert op.partials(x, y, z) == pytest.approx([float(slope) for slope in slopes], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("op", [op for op in SEQUENCE if op is not ops.LARGEST], ids=name_of)
@given(xs=st.lists(st.floats(-3.0, 3.0), min_size=1, max_size=6))
@settings(max_examples=30)
def test_sequence_derivatives_equal_central_differences(op, xs):
    operands = [*xs, *reversed(xs), 0.5] if op is ops.DOT else [*xs, *xs] if op is ops.CROSS_ENTROPY else xs
    y = op.forward(*operands)
    partials = op.partials(*operands, y)
    assert len(partials) == len(operands)
    for i, partial in enumerate(partials):
        left, right = list(operands), list(operands)
        left[i] -= 1e-5
        right[i] += 1e-5
        assert partial == pytest.approx((op.forward(*right) - op.forward(*left)) / 2e-5, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("op", [*UNARY, *BINARY], ids=name_of)
@given(data=st.data())
@settings(max_examples=50)
def test_derivatives_never_raise_on_floats(op, data):
    operands = [data.draw(ANY_FLOAT) for _ in range(op.arity)]
    try:
        result = op.forward(*operands)
    except (ArithmeticError, ValueError):
        assume(False)
    partials = op.partials(*operands, float(result))
    assert [type(partial) for partial in partials] == [float] * op.arity


@pytest.mark.parametrize("op", [*UNARY, *BINARY], ids=name_of)
@given(data=st.data())
@settings(max_examples=30)
def test_one_rule_serves_floats_values_and_arrays(op, data):
    operands = [data.draw(domain(op) if op.arity == 1 else st.floats(0.1, 3.0)) for _ in range(op.arity)]
    result = float(op.forward(*operands))
    partials = op.partials(*operands, result)

    nodes = [Value(x) for x in operands]
    by_values = op.partials(*nodes, op(*nodes))
    assert [float(p) for p in by_values] == pytest.approx(partials, rel=1e-13, abs=1e-300)

    arrays = [np.array([x, x]) for x in operands]
    array_result = op(*arrays)
    np.testing.assert_allclose(array_result, [result, result], rtol=1e-13, atol=1e-15)
    with np.errstate(all="ignore"):
        by_arrays = op.partials(*arrays, array_result)
    for by_array, partial in zip(by_arrays, partials, strict=True):
        np.testing.assert_allclose(by_array, partial, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("op", [*UNARY, *BINARY], ids=name_of)
@given(data=st.data())
@settings(max_examples=100)
def test_value_mirrors_the_row_bit_for_bit(op, data):
    operands = [data.draw(ANY_FLOAT) for _ in range(op.arity)]
    expected = outcome(op.forward, *operands)
    assert outcome(op, *[Value(x) for x in operands]) == expected
    if op.arity == 2:
        assert outcome(op, Value(operands[0]), operands[1]) == expected
        assert outcome(op, operands[0], Value(operands[1])) == expected


@pytest.mark.parametrize("op", [*UNARY, *BINARY], ids=name_of)
@given(data=st.data())
@settings(max_examples=50)
def test_partials_of_a_node_are_those_of_its_row_bit_for_bit(op, data):
    operands = [data.draw(ANY_FLOAT) for _ in range(op.arity)]
    nodes = [Value(x) for x in operands]
    try:
        node = op(*nodes)
    except (ArithmeticError, ValueError):
        assume(False)
    expected = op.partials(*operands, node.data)
    assert [outcome(float, p) for p in node.partials] == [outcome(float, p) for p in expected]
    node.forward()
    assert [outcome(float, p) for p in node.partials] == [outcome(float, p) for p in expected]


@pytest.mark.parametrize("op", [*UNARY, *BINARY], ids=name_of)
def test_a_node_is_its_row_at_every_special_number_bit_for_bit(op):
    for numbers in itertools.product(SPECIALS, repeat=op.arity):
        expected = outcome(op.forward, *numbers)
        assert outcome(op, *[Value(x) for x in numbers]) == expected, numbers
        if not isinstance(expected, type):
            node = op(*[Value(x) for x in numbers])
            partials = op.partials(*numbers, node.data)
            assert [bits(partial) for partial in node.partials] == [bits(partial) for partial in partials], numbers


@pytest.mark.parametrize("op", SEQUENCE, ids=name_of)
@pytest.mark.parametrize("size", [1, 2, 3, 6])
def test_a_node_of_a_sequence_is_its_row_bit_for_bit(op, size):
    count = {ops.DOT: 2 * size + 1, ops.CROSS_ENTROPY: 2 * size}.get(op, size)
    numbers = [0.3 * i - 1.1 for i in range(count)]
    leaves = [Value(x) for x in numbers]
    node = op(*leaves)
    assert (node.data, node.partials) == (op.forward(*numbers), op.partials(*numbers, node.data))
    node.backward(0.5)
    assert [leaf.grad for leaf in leaves] == [0.5 * partial for partial in node.partials]
    leaves[0].data = numbers[0] = 7.0
    assert node.forward() == op.forward(*numbers)
    assert node.partials == op.partials(*numbers, node.data)


@pytest.mark.parametrize("constant_side", ["left", "right"])
@pytest.mark.parametrize("op", [op for op in BINARY if op.public], ids=name_of)
@given(x=ANY_FLOAT, constant=ANY_FLOAT)
@settings(max_examples=50)
def test_an_operand_that_is_a_constant_changes_no_derivative(op, constant_side, x, constant):
    operands = (constant, x) if constant_side == "left" else (x, constant)
    try:
        result = float(op.forward(*operands))
    except (ArithmeticError, ValueError):
        assume(False)
    expected = op.partials(*operands, result)[1 if constant_side == "left" else 0]
    leaf = Value(x)
    node = op(constant, leaf) if constant_side == "left" else op(leaf, constant)
    assert outcome(float, node.partials[0]) == outcome(float, expected)
    assert node.parents == (leaf,)


def slope(function, *operands):
    node = function(*[Value(x) for x in operands])
    return node.partials if len(operands) > 1 else node.partials[0]


@pytest.mark.parametrize(
    ("function", "operands", "expected"),
    [
        (functions.relu, (0.0,), 0.0),
        (functions.relu, (-0.0,), 0.0),
        (abs, (0.0,), 0.0),
        (functions.maximum, (2.0, 2.0), (0.5, 0.5)),
        (functions.minimum, (2.0, 2.0), (0.5, 0.5)),
        (functions.sqrt, (0.0,), math.inf),
        (lambda x: x**0, (0.0,), 0.0),
        (lambda x: x**1, (0.0,), 1.0),
        (lambda x: x**2, (0.0,), 0.0),
        (lambda x: x**0.5, (0.0,), math.inf),
        (lambda x: x**1.5, (0.0,), 0.0),
        (lambda y: 0.0**y, (2.0,), 0.0),
        (lambda x, y: x**y, (0.0, 2.0), (0.0, 0.0)),
        (lambda x, y: x**y, (0.0, 0.0), (0.0, -math.inf)),
        (lambda x, y: x**y, (0.0, 1.0), (1.0, 0.0)),
        (lambda x, y: x**y, (0.0, 0.5), (math.inf, 0.0)),
        (functions.hypot, (0.0, 0.0), (0.0, 0.0)),
        (lambda x: functions.hypot(x, 0.0), (0.0,), 0.0),
        (lambda x: functions.hypot(0.0, x), (0.0,), 0.0),
        (functions.cbrt, (0.0,), math.inf),
        (functions.maximum, (1.0, math.nan), (1.0, 0.0)),
        (functions.minimum, (math.nan, 1.0), (1.0, 0.0)),
        (functions.clip, (3.0, -1.0, 3.0), (0.5, 0.0, 0.5)),
        (functions.clip, (2.0, -1.0, 3.0), (1.0, 0.0, 0.0)),
        (functions.clip, (5.0, -1.0, 3.0), (0.0, 0.0, 1.0)),
        (functions.sign, (0.0,), 0.0),
        (functions.leaky_relu, (-0.5,), 0.01),
        (functions.asin, (1.0,), math.inf),
        (functions.acos, (-1.0,), -math.inf),
        (functions.acosh, (1.0,), math.inf),
    ],
)
def test_kinks_follow_the_convention(function, operands, expected):
    assert slope(function, *operands) == expected


@pytest.mark.parametrize("op", JUMPS, ids=name_of)
def test_steps_are_flat(op):
    for numbers in itertools.product([-1.0, 0.5, 2.0], repeat=op.arity):
        assert op.partials(*numbers, op(*numbers)) == (0.0,) * op.arity


@pytest.mark.parametrize(("condition", "expected"), [(1.0, (0.0, 1.0, 0.0)), (0.0, (0.0, 0.0, 1.0))])
def test_where_has_the_slope_of_the_number_it_takes(condition, expected):
    assert slope(ops.WHERE, condition, 5.0, 7.0) == expected
    assert [float(p) for p in ops.WHERE.partials(Value(condition), Value(5.0), Value(7.0), 5.0)] == list(expected)


def test_an_angle_has_no_slope_at_the_origin():
    assert all(math.isnan(slope) for slope in functions.atan2(Value(0.0), Value(0.0)).partials)


@pytest.mark.parametrize("numbers", list(itertools.product([0.0, 3.0, -4.0], repeat=3)), ids=str)
def test_a_product_has_its_derivatives_among_zeros(numbers):
    xs = [Value(x) for x in numbers]
    y = functions.prod(xs)
    assert (y.data, functions.prod(numbers)) == (math.prod(numbers), math.prod(numbers))
    for i, slope in enumerate(gradients(y, xs)):
        assert slope.data == y.partials[i] == math.prod([x for k, x in enumerate(numbers) if k != i])
        for j, second in enumerate(gradients(slope, xs)):
            assert second.data == (0.0 if i == j else math.prod([x for k, x in enumerate(numbers) if k not in (i, j)]))


def test_a_power_of_a_negative_number_has_no_slope_by_its_exponent():
    by_base, by_exponent = slope(lambda x, y: x**y, -2.0, 3.0)
    assert by_base == 12.0
    assert math.isnan(by_exponent)


@pytest.mark.parametrize(
    ("function", "x", "expected"),
    [
        (functions.sigmoid, -1000.0, 0.0),
        (functions.sigmoid, 1000.0, 1.0),
        (functions.softplus, 1000.0, 1000.0),
        (functions.softplus, -1000.0, 0.0),
        (functions.tanh, 1000.0, 1.0),
        (functions.silu, -1000.0, 0.0),
        (functions.elu, -1000.0, -1.0),
        (functions.gelu, -1000.0, 0.0),
    ],
)
def test_large_inputs_are_stable(function, x, expected):
    assert function(x) == expected
    node = function(Value(x))
    node.backward()
    assert node.data == expected


def test_logsumexp_and_softmax_do_not_overflow():
    assert functions.logsumexp([1000.0, 1000.0]) == 1000.0 + math.log(2.0)
    assert functions.softmax([-1e308, 1e308]) == [0.0, 1.0]


@pytest.mark.parametrize(
    ("op", "function"),
    [(ops.IEEE_DIV, np.divide), (ops.IEEE_POW, np.float_power), (ops.IEEE_LOG, np.log), (ops.SIGN, np.sign)],
)
def test_the_rows_that_never_raise_go_to_the_limits_that_numpy_goes_to(op, function):
    for operands in itertools.product(SPECIALS, repeat=op.arity):
        with np.errstate(all="ignore"):
            expected = float(function(*operands))
        result = op(*operands)
        assert result == pytest.approx(expected, rel=1e-15, nan_ok=True), operands
        assert op is ops.SIGN or math.isnan(result) or math.copysign(1.0, result) == math.copysign(1.0, expected)


@pytest.mark.parametrize("op", ops.TABLE.values(), ids=name_of)
def test_a_row_pickles_as_itself(op):
    assert pickle.loads(pickle.dumps(op)) is op


def test_every_public_operation_has_its_line_in_the_oracles():
    assert {op.name for op in ops.TABLE.values() if op.public} <= ORACLES.keys()


def test_a_row_is_flat_if_it_is_constant_between_its_jumps():
    assert {op for op in ops.TABLE.values() if op.is_flat} == {*JUMPS, ops.LARGEST}


def test_the_table_holds_every_public_function():
    rows = {op.name for op in ops.TABLE.values() if op.public}
    operators = {"add", "sub", "mul", "div", "pow", "mod", "floor_divide", "neg", "abs"}
    assert {name for name in rows - operators if not hasattr(functions, name)} == set()


def test_a_row_refuses_the_wrong_number_of_operands():
    with pytest.raises(TypeError, match="tanh takes 1 operands, got 2"):
        ops.TANH(1.0, 2.0)
    with pytest.raises(TypeError, match="hypot takes 2 operands, got 1"):
        ops.HYPOT(1.0)


def test_a_users_operation_is_its_own_on_arrays_whatever_numpy_calls_by_its_name():
    own = ops.Op("exp2", "exp2", 1, lambda x: x + 1.0, lambda x, y: (1.0,))
    assert own(np.array([0.5, 3.0])).tolist() == [1.5, 4.0]


def test_a_row_refuses_what_is_not_a_number():
    with pytest.raises(TypeError, match="tanh takes numbers, Values or NumPy arrays, got str: 'a'"):
        ops.TANH("a")


def test_repr_names_the_operation():
    assert repr(ops.TANH) == "<operation tanh>"


@pytest.mark.parametrize("clone", [copy.copy, copy.deepcopy])
def test_there_is_one_row_of_a_name(clone):
    assert clone(ops.TANH) is ops.TANH


def test_a_users_operation_pickles_by_its_parts():
    own = ops.Op("half", "½", 1, abs, operator.neg, math.floor, public=False)
    twin = pickle.loads(pickle.dumps(own))
    assert twin is not own
    for part in ("name", "symbol", "arity", "forward", "partials", "formula", "public"):
        assert getattr(twin, part) == getattr(own, part)


@pytest.mark.parametrize("op", SEQUENCE, ids=name_of)
def test_sequences_of_arrays_are_computed_number_by_number(op):
    columns = np.array([[0.5, -1.0, 2.0], [0.25, 3.0, -2.0], [1.5, 0.0, 0.75], [0.5, -2.0, 1.0]])
    columns = columns if op is ops.CROSS_ENTROPY else columns[:3]
    result = op(*columns)
    assert result.tolist() == pytest.approx([op(*numbers) for numbers in columns.T.tolist()], rel=1e-14)
    partials = [np.broadcast_to(partial, 3) for partial in op.partials(*columns, result)]
    for i, numbers in enumerate(columns.T.tolist()):
        assert [partial[i] for partial in partials] == pytest.approx(op.partials(*numbers, op(*numbers)), rel=1e-13)


def test_logsumexp_of_infinities():
    assert functions.logsumexp([math.inf, 1.0]) == math.inf
    assert functions.logsumexp([-math.inf, -math.inf]) == -math.inf
    assert functions.logsumexp([-math.inf, 1.0]) == 1.0


def test_dot_of_arrays_pairs_each_factor_with_its_own():
    a1, a2, b1, b2, bias = np.array([[0.5, -1.0], [2.0, 3.0], [0.25, 4.0], [-1.5, 0.75], [1.0, -2.0]])
    assert ops.DOT(a1, a2, b1, b2, bias).tolist() == (bias + a1 * b1 + a2 * b2).tolist()


def test_logsumexp_of_arrays_does_not_overflow_wherever_the_largest_stands():
    assert ops.LOGSUMEXP(*np.eye(3) * 1000.0).tolist() == [1000.0] * 3


def test_elu_of_an_array_bends_at_zero():
    assert ops.ELU(np.array([-2.0, -0.5, 0.0, 0.5])).tolist() == [math.expm1(-2.0), math.expm1(-0.5), 0.0, 0.5]
