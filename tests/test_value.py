"""Value: a float that remembers. What it can be made of, how it reads, and that it behaves like a float."""

import copy
import math
import operator
import pickle
import sys
import traceback
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from helpers import ANY_FLOAT, outcome
from hypothesis import given
from hypothesis import strategies as st

from autograd_lite import Graph, Value, define_op, dot, exp, logsumexp, mean, no_grad, ops, tanh, total
from autograd_lite.contexts import Context
from autograd_lite.value import application

OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv]
ROWS = dict(zip([*OPERATORS, operator.pow], [ops.ADD, ops.SUB, ops.MUL, ops.DIV, ops.POW]))
COMPARISONS = [operator.lt, operator.le, operator.gt, operator.ge]


@pytest.mark.parametrize(
    "number",
    [
        3,
        True,
        3.0,
        np.float64(3),
        np.float32(3),
        np.int64(3),
        np.bool_(True),
        np.array(3.0),
        Fraction(3, 2),
        Decimal("3.5"),
    ],
    ids=repr,
)
def test_any_real_number_becomes_a_float(number):
    v = Value(number)
    assert type(v.data) is float
    assert v.data == float(number)


@pytest.mark.parametrize(
    ("thing", "hint"),
    [
        ("3", r"got str '3'.*float"),
        (None, "got NoneType"),
        (1j, "got complex.*real"),
        ([1], "got list.*one Value for each"),
        (np.array([1.0, 2.0]), "got ndarray.*one Value for each"),
        (np.array("x"), "got ndarray"),
        (Value(1), "got Value.*detach"),
        (np.complex128(1j), "got complex128"),
        (object, "got type"),
    ],
    ids=lambda x: type(x).__name__,
)
def test_anything_else_is_a_type_error_that_says_what_to_do(thing, hint):
    with pytest.raises(TypeError, match=hint):
        Value(thing)


@pytest.mark.parametrize("attribute", ["data", "grad"])
def test_data_and_grad_take_numbers_only_and_stay_as_they_were(attribute):
    v = Value(2.0, "v")
    with pytest.raises(TypeError, match=f"{attribute} of Value.*label='v'.*got str 'x'"):
        setattr(v, attribute, "x")
    assert (v.data, v.grad) == (2.0, 0.0)


def test_data_and_grad_become_floats():
    v = Value(1)
    v.data, v.grad = 2, Fraction(1, 2)
    assert (v.data, v.grad) == (2.0, 0.5)
    assert type(v.data) is type(v.grad) is float


def test_a_label_is_text():
    v = Value(1.0)
    assert v.label == ""
    v.label = "w"
    assert v.label == "w"
    with pytest.raises(TypeError):
        v.label = 3
    with pytest.raises(TypeError):
        Value(1.0, 3)


def test_an_unknown_attribute_is_refused():
    with pytest.raises(AttributeError):
        Value(1.0).gradient = 3.0
    with pytest.raises(AttributeError, match="gradient"):
        _ = Value(1.0).gradient


def test_a_subclass_is_refused():
    with pytest.raises(TypeError, match="define_op"):
        type("Mine", (Value,), {})


def test_repr_shows_data_grad_and_label():
    assert repr(Value(2.0)) == "Value(data=2.0, grad=0.0)"
    w = Value(2.0, "w")
    w.grad = -4.0
    assert repr(w) == "Value(data=2.0, grad=-4.0, label='w')"


def test_it_converts_as_a_float_does():
    v = Value(2.56789)
    assert (float(v), int(v), round(v), round(v, 2), f"{v:.3f}", bool(v)) == (2.56789, 2, 3, 2.57, "2.568", True)
    assert [bool(Value(x)) for x in (0.0, -0.0, 5e-324, -3.0, math.nan)] == [False, False, True, True, True]
    assert f"{v}" == str(v) == repr(v)
    assert math.floor(v) == 2


def test_nodes_know_their_operation_operands_parents_and_partials():
    x, y = Value(3.0), Value(4.0)
    z = x * y
    assert (z.op.name, z.parents, z.partials, z.is_leaf) == ("mul", (x, y), (4.0, 3.0), False)
    assert (x.op, x.parents, x.partials, x.is_leaf) == (None, (), (), True)


def test_a_constant_is_kept_in_its_node():
    x = Value(3.0)
    assert ((x * 3).parents, (x * 3).operands) == ((x,), (x, 3.0))
    assert ((2 - x).operands, (2 - x).partials) == ((2.0, x), (-1.0,))


@pytest.mark.parametrize("number", [2, 2.0, True, np.float64(2), np.int64(2), Fraction(1, 2)], ids=repr)
@pytest.mark.parametrize("op", [*OPERATORS, operator.pow], ids=lambda op: op.__name__)
def test_a_constant_of_any_kind_is_kept_as_a_float(op, number):
    x = Value(3.0)
    right, left = op(x, number), op(number, x)
    assert right.operands == (x, float(number))
    assert left.operands == (float(number), x)
    assert type(right.operands[1]) is type(left.operands[0]) is float
    assert type(right.data) is type(left.data) is float


@pytest.mark.parametrize("op", ROWS, ids=lambda op: op.__name__)
@pytest.mark.parametrize("b", [4.0, 4])
def test_an_operator_is_its_row_of_the_table(op, b):
    x, y, row = Value(3.0), Value(float(b)), ROWS[op]
    for node, operands in ((op(x, y), (x, y)), (op(x, b), (x, 4.0)), (op(b, x), (4.0, x))):
        numbers = [float(operand) for operand in operands]
        partials = row.partials(*numbers, row.forward(*numbers))
        assert (node.op, node.operands, node.data) == (row, operands, row.forward(*numbers))
        assert node.partials == tuple([p for p, operand in zip(partials, operands) if isinstance(operand, Value)])


def test_the_same_operand_twice_is_two_parents():
    x = Value(3.0)
    assert ((x * x).parents, (x * x).partials) == ((x, x), (3.0, 3.0))


@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.__name__)
@given(a=ANY_FLOAT, b=ANY_FLOAT)
def test_operators_mirror_floats_bit_for_bit(op, a, b):
    expected = outcome(op, a, b)
    assert outcome(op, Value(a), Value(b)) == expected
    assert outcome(op, Value(a), b) == expected
    assert outcome(op, a, Value(b)) == expected


@given(a=ANY_FLOAT, b=ANY_FLOAT)
def test_powers_mirror_floats_and_are_never_complex(a, b):
    def power(x, y):
        result = x**y
        if isinstance(result, complex):
            raise ValueError
        return result

    expected = outcome(power, a, b)
    assert outcome(operator.pow, Value(a), Value(b)) == expected
    assert outcome(operator.pow, Value(a), b) == expected
    assert outcome(operator.pow, a, Value(b)) == expected


@given(a=ANY_FLOAT)
def test_signs_mirror_floats(a):
    assert outcome(operator.neg, Value(a)) == outcome(operator.neg, a)
    assert outcome(operator.pos, Value(a)) == outcome(operator.pos, a)
    assert outcome(abs, Value(a)) == outcome(abs, a)


@pytest.mark.parametrize("compare", COMPARISONS, ids=lambda op: op.__name__)
@given(a=ANY_FLOAT, b=ANY_FLOAT | st.integers())
def test_comparisons_mirror_floats(compare, a, b):
    assert compare(Value(a), b) == compare(a, b)
    assert compare(b, Value(a)) == compare(b, a)


@pytest.mark.parametrize("compare", COMPARISONS, ids=lambda op: op.__name__)
@pytest.mark.parametrize("a", [-1.0, 0.0, 2.0, math.nan])
@pytest.mark.parametrize("b", [-1.0, -0.0, 2.0, math.inf])
def test_two_values_compare_as_their_data(compare, a, b):
    assert compare(Value(a), Value(b)) is compare(a, b)


def test_equality_is_identity_so_that_a_value_can_be_a_key():
    a, b = Value(1.0), Value(1.0)
    assert a == a
    assert a != b
    assert {a: "a", b: "b"}[a] == "a"
    assert a != 1.0


@pytest.mark.parametrize("other", ["a", None, [1], 1j, object], ids=repr)
@pytest.mark.parametrize("op", [*OPERATORS, operator.pow, *COMPARISONS], ids=lambda op: op.__name__)
def test_strangers_are_a_type_error(op, other):
    with pytest.raises(TypeError):
        op(Value(1.0), other)
    if not (isinstance(other, list) and op is operator.mul):
        with pytest.raises(TypeError):
            op(other, Value(1.0))


def test_a_stranger_may_answer_for_itself():
    class Vector:
        def __radd__(self, other):
            return "added"

    assert Value(1.0) + Vector() == "added"


@pytest.mark.parametrize(
    ("compute", "kind", "message"),
    [
        (lambda: Value(1.0, "a") / Value(0.0, "b"), ZeroDivisionError, r"div\(a=1.0, b=0.0\)"),
        (lambda: Value(1.0, "a") / 0, ZeroDivisionError, r"div\(a=1.0, 0.0\)"),
        (lambda: Value(-1.0, "a").log(), ValueError, r"log\(a=-1.0\)"),
        (lambda: Value(1000.0).exp(), OverflowError, r"exp\(1000.0\)"),
        (lambda: Value(-8.0, "x") ** (1 / 3), ValueError, r"pow\(x=-8.0"),
        (lambda: Value(0.0, "x") ** -1, ZeroDivisionError, r"pow\(x=0.0, -1.0\)"),
        (lambda: Value(10.0, "x") ** 400, OverflowError, r"pow\(x=10.0, 400.0\)"),
    ],
)
def test_errors_name_the_operation_and_its_operands(compute, kind, message):
    with pytest.raises(kind, match=message):
        compute()


def test_the_message_itself_names_the_operation_after_pythons_own_words():
    with pytest.raises(ZeroDivisionError) as caught:
        Value(1.0, "a") / Value(0.0, "b")
    assert str(caught.value) == "float division by zero, in div(a=1.0, b=0.0)"
    assert str(caught.value) in "".join(traceback.format_exception(caught.value))
    assert "".join(traceback.format_exception(caught.value)).count("ZeroDivisionError") == 1


def test_an_error_of_another_type_stays_itself_and_gets_a_note():
    class TooHot(ArithmeticError):
        def __init__(self, degrees, unit):
            super().__init__(f"{degrees} {unit}")

    def heat(x):
        raise TooHot(x, "K")

    with pytest.raises(TooHot) as caught:
        define_op("heat", heat, lambda x, y: 1.0)(Value(9.0, "t"))
    assert (str(caught.value), caught.value.__notes__) == ("9.0 K", ["in heat(t=9.0)"])


def test_a_message_shows_the_first_eight_operands():
    x = Value(1.0, "x")
    assert application(total([x] * 8)) == "total(x=1.0, x=1.0, x=1.0, x=1.0, x=1.0, x=1.0, x=1.0, x=1.0)"
    assert application(total([*[x] * 8, 2.0])) == "total(x=1.0, x=1.0, x=1.0, x=1.0, x=1.0, x=1.0, x=1.0, x=1.0, …)"
    assert [application(leaf) for leaf in (x, Value(1.0))] == ["x", "a leaf"]


def test_an_int_too_large_for_a_float_overflows_as_with_floats():
    with pytest.raises(OverflowError):
        Value(1.0) + 10**400
    assert Value(1.0) < 10**400


DECISIONS = [
    (float, "float()"),
    (int, "float()"),
    (round, "float()"),
    (bool, "bool()"),
    (lambda v: v < 1.0, "comparison"),
    (lambda v: v <= 1.0, "comparison"),
    (lambda v: v > 1.0, "comparison"),
    (lambda v: v >= 1.0, "comparison"),
]


@pytest.mark.parametrize(("decide", "what"), DECISIONS)
def test_a_decision_on_the_data_is_told_to_who_watches(decide, what):
    told, v = [], Value(2.0)
    with Context("watcher", lambda *news: told.append(news)):
        decide(v)
    decide(v)
    assert told == [(what, v)]


def test_the_innermost_watcher_is_told():
    told, v = [], Value(2.0)
    with Context("watcher", lambda *news: told.append(1)):
        with Context("watcher", lambda *news: told.append(2)):
            float(v)
        float(v)
    assert told == [2, 1]


# --- NumPy ------------------------------------------------------------------------------------------------------------


def test_numpy_scalars_stand_on_either_side():
    v = Value(3.0)
    for result in (np.float64(2) * v, v * np.float64(2), np.float32(2) * v, v * np.int64(2), np.int64(2) * v):
        assert isinstance(result, Value)
        assert result.data == 6.0
        assert result.partials == (2.0,)
        assert type(result.operands[0] if result.operands[1] is v else result.operands[1]) is float


def test_arrays_multiply_element_by_element():
    v = Value(3.0)
    for result in (np.array([1.0, 2.0]) * v, v * np.array([1.0, 2.0])):
        assert [x.data for x in result] == [3.0, 6.0]


def test_object_arrays_of_values_do_linear_algebra():
    v = np.array([Value(1.0), Value(2.0)])
    assert (v @ v).data == 5.0
    assert v.sum().data == 3.0
    assert [x.data for x in np.tanh(v)] == [math.tanh(1.0), math.tanh(2.0)]


@pytest.mark.parametrize("name", ["exp", "log", "sqrt", "sin", "arcsin", "arctan", "arcsinh", "expm1", "log1p"])
def test_numpy_functions_apply_to_a_value(name):
    result = getattr(np, name)(Value(0.5))
    assert isinstance(result, Value)
    assert result.data == pytest.approx(getattr(np, name)(0.5))


# --- recording or not -------------------------------------------------------------------------------------------------


def test_no_grad_records_nothing_and_ends_with_its_block():
    x = Value(2.0)
    with no_grad():
        with no_grad():
            assert (x * x).is_leaf
        assert tanh(x).is_leaf
        assert (x + 1).data == 3.0
    assert not (x * x).is_leaf


def test_no_grad_ends_when_its_block_raises():
    with pytest.raises(KeyError), no_grad():
        raise KeyError
    assert not (Value(1.0) + 1).is_leaf


@pytest.mark.parametrize("make", [lambda x: x * 2.0, lambda x: 2.0 * x, lambda x: x * x, tanh, lambda x: total([x, x])])
def test_what_no_grad_made_leads_nowhere(make):
    x = Value(2.0)
    before = sys.getrefcount(x)
    with no_grad():
        y = make(x)
    assert sys.getrefcount(x) == before
    y.backward()
    assert (x.grad, y.grad) == (0.0, 1.0)


def test_a_message_cuts_what_is_too_long_to_show():
    with pytest.raises(TypeError, match=r"got str '\.{77}'"):
        Value("." * 77)
    with pytest.raises(TypeError, match=r"got str \.\.\.: convert"):
        Value("." * 78)
    with pytest.raises(TypeError, match=r"got str \.\.\.: convert"):
        Value("." * 200)


def test_detach_gives_a_leaf_with_the_same_data():
    x = Value(2.0)
    y = (x * x).detach()
    assert (y.data, y.is_leaf) == (4.0, True)


# --- copies -----------------------------------------------------------------------------------------------------------


def some_graph():
    x = Value(0.5, "x")
    shared = exp(x)
    return x, shared * shared + x, shared / (x + 2) ** 3


def test_copy_shares_the_parents():
    x = Value(0.5, "x")
    y = x * x
    twin = copy.copy(y)
    assert twin is not y
    assert (twin.data, twin.op, twin.parents, twin.partials) == (y.data, y.op, y.parents, y.partials)


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["deepcopy", "pickle"])
def test_a_cloned_structure_keeps_what_is_shared(clone):
    original = some_graph()
    original[1].backward()
    x, a, b = clone(original)
    assert [x.data, x.grad, x.label] == [original[0].data, original[0].grad, "x"]
    nodes = set(Graph(a)) & set(Graph(b))
    assert x in nodes
    assert len(nodes) == 2  # x and exp(x)
    assert Graph(a, names={}).to_dict() == Graph(original[1], names={}).to_dict()
    x.data = 1.0
    original[0].data = 1.0
    assert b.forward() == original[2].forward()
    assert original[0].grad == x.grad


def product_plus(x, y, z):
    return x * y + z


def partials_of_product_plus(x, y, z, result):
    return y, x, 1.0


ternary = define_op("ternary", product_plus, partials_of_product_plus)


@pytest.mark.parametrize("clone", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
@pytest.mark.parametrize(
    "make",
    [
        lambda x: -x,
        lambda x: x * x,
        lambda x: 3.0 - x,
        lambda x: x / 3.0,
        lambda x: dot([x, 2.0], [x, x], x),
        lambda x: total([x, 1.0, x]),
        lambda x: mean([x, 1.0, x]),
        lambda x: logsumexp([x, 1.0]),
        lambda x: ternary(x, 2.0, x),
        lambda x: ternary(x, x, 2.0),
    ],
)
def test_a_clone_computes_and_differentiates_as_the_original_does(make, clone):
    original = make(Value(0.5, "x"))
    twin = clone(original)
    assert Graph(twin, names={}).to_dict() == Graph(original, names={}).to_dict()
    assert twin.partials == original.partials
    slopes = []
    for y in (twin, original):
        y.zero_grad()
        y.backward()
        slopes.append(y.parents[0].grad)
    assert slopes[0] == slopes[1]
    for y in (twin, original):
        y.parents[0].data = 2.0
        y.forward()
        y.zero_grad()
        y.backward()
    assert (twin.data, twin.parents[0].grad) == (original.data, original.parents[0].grad)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_pickle_protocol_works(protocol):
    _, y, _ = some_graph()
    assert Graph(pickle.loads(pickle.dumps(y, protocol)), names={}).to_dict() == Graph(y, names={}).to_dict()


def test_a_node_pickles_on_its_own_after_its_graph_did():
    x, y, _ = some_graph()
    pickle.dumps([y, x])
    shared = y.parents[0]
    assert pickle.loads(pickle.dumps(shared)).parents[0].parents[0].label == "x"


def long_chain(length):
    y = Value(0.5)
    for _ in range(length):
        y = y * 0.5
    return y


def test_a_node_deep_in_a_graph_pickles_on_its_own_after_its_graph_did():
    y = long_chain(5000)
    pickle.dumps(y)
    assert len(Graph(pickle.loads(pickle.dumps(y.parents[0])))) == 5000


def test_a_pickle_grows_as_its_graph_does():
    short, long = (len(pickle.dumps(long_chain(length))) for length in (500, 1000))
    assert long < 2.2 * short
