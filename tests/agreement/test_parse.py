"""The reader of expressions and Python's own: the same texts are accepted, and compute the same bits or fail alike."""

import ast
import math
import operator
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autograd_lite import ExpressionError, Graph, Value, ops, parse

NAMES = {"w": 0.5, "x": -2.0, "é": 3.0}
OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: ops.POW,
    ast.Mod: operator.mod,
    ast.FloorDiv: operator.floordiv,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}


class Refused(Exception):
    """No expression of arithmetic."""


def by_python(text):
    """The number that Python's syntax tree means, with floats for integers."""
    try:
        tree = ast.parse(text.strip(" \t"), mode="eval").body
    except SyntaxError:
        raise Refused from None
    if not all(is_allowed(part) for part in ast.walk(tree)):  # before anything is computed
        raise Refused
    return walk(tree)


def is_allowed(part):
    match part:
        case ast.Name(id=name):
            return name in NAMES
        case ast.Constant(value=number):
            return type(number) in (int, float)
        case ast.UnaryOp() | ast.BinOp() | ast.Load():
            return True
    return type(part) in OPERATORS


def walk(node):
    match node:
        case ast.Constant(value=number):
            return float(number)
        case ast.Name(id=name):
            return NAMES[name]
        case ast.UnaryOp(op=op, operand=operand):
            return OPERATORS[type(op)](walk(operand))
        case ast.BinOp(op=op, left=left, right=right):
            return OPERATORS[type(op)](walk(left), walk(right))
    raise AssertionError(node)


def outcome(compute):
    """The bits of a result, or the type of the exception."""
    try:
        result = compute()
    except Exception as error:
        return Refused if isinstance(error, (Refused, ExpressionError)) else type(error)
    return math.copysign(1.0, result), repr(result)


def ours(text):
    used = re.findall(r"(?<!\w)[^\W\d]\w*", text)
    values = {name: Value(number, name) for name, number in NAMES.items() if name in used}
    return parse(text, **values)


def compare(text):
    assert outcome(lambda: ours(text).data) == outcome(lambda: by_python(text)), text


EXPRESSIONS = st.recursive(
    st.sampled_from(["w", "x", "é", "0", "1", "2", "3.5", ".5", "1e3", "2.", "1_0", "0x1f", "1e308"]),
    lambda inner: (
        st.tuples(inner, st.sampled_from([" + ", "-", "*", " / ", "**", "%", " // "]), inner).map("".join)
        | inner.map(lambda t: f"({t})")
        | st.tuples(st.sampled_from(["-", "+", "--", "- "]), inner).map("".join)
    ),
    max_leaves=12,
)
TEXTS = st.text(st.sampled_from("wxé0123.e_+-*/%() "), max_size=10)


@given(text=EXPRESSIONS)
@example(text="-w**-x**2")
@example(text="2**3**2")
@example(text="w-x-w/x/w")
@settings(max_examples=300, deadline=None)
def test_an_expression_has_pythons_bits_or_exception(text):
    compare(text)


@given(text=TEXTS)
@example(text="007")
@example(text="00")
@example(text="0_1")
@example(text="0_0")
@example(text="1__0")
@example(text="0x")
@example(text="1.e5")
@example(text="1..2")
@settings(max_examples=300, deadline=None)
def test_any_text_is_accepted_where_python_accepts_it(text):
    compare(text)


@pytest.mark.torture
@given(text=EXPRESSIONS | TEXTS)
@settings(max_examples=20_000, deadline=None)
def test_many_texts(text):
    compare(text)


@given(text=EXPRESSIONS)
@settings(max_examples=200, deadline=None)
def test_what_expression_writes_is_read_to_the_same_bits(text):
    try:
        result = ours(text)
    except (ExpressionError, ArithmeticError, ValueError):
        return
    for length in (1000, 0):
        written = Graph(result, names={}).expression(length)
        if "inf" not in written and "nan" not in written:
            assert outcome(lambda: ours(written).data) == outcome(lambda: result.data)  # noqa: B023
