"""Derivative rules as formulas: what is written has the value that the rule computes."""

from __future__ import annotations

import math

import pytest

from autograd_lite import ops
from autograd_lite.graph import rules
from autograd_lite.graph.rules import Symbol

DATA = [0.3, 0.7, 0.45, 0.2]


def value_of(term, data):
    """What a term computes, by the operations that it is made of."""
    if isinstance(term, float):
        return term
    if term.op is None:
        return data[term.name]
    return term.op.forward(*[value_of(x, data) for x in term.operands])


def operands_of(op):
    count = op.arity or (5 if op is ops.DOT else 4)
    data = dict(enumerate([*DATA, 0.9][:count]))
    if op is ops.ACOSH:
        data[0] = 1.5
    if op is ops.POWER_DERIVATIVE:
        data |= {2: 1.0, 3: 0.0}
    return data


@pytest.mark.parametrize("op", ops.TABLE.values(), ids=lambda op: op.name)
def test_a_recorded_rule_computes_the_bits_of_the_rule(op):
    data = operands_of(op)
    result = op.forward(*data.values())
    found = rules.recorded(op, [Symbol(i) for i in data], Symbol("result"))
    assert [value_of(term, data | {"result": result}) for term in found] == list(op.partials(*data.values(), result))


@pytest.mark.parametrize(
    "op", [op for op in ops.TABLE.values() if op is not ops.POWER_DERIVATIVE], ids=lambda op: op.name
)
def test_a_readable_rule_has_the_value_of_the_rule(op):
    data = operands_of(op)
    result = op.forward(*data.values())
    found = rules.readable(op, [Symbol(i) for i in data], Symbol("result"))
    written = [value_of(term, data | {"result": result}) for term in found]
    assert written == pytest.approx(list(op.partials(*data.values(), result)), rel=1e-12)


@pytest.mark.parametrize("exponent", [2.0, 3.0, 1.0, 0.0, -1.0, 0.5])
def test_the_rule_of_a_power_with_a_constant_exponent(exponent):
    by_base = rules.readable(ops.POW, [Symbol("x"), exponent], Symbol("y"))[0]
    assert value_of(by_base, {"x": 0.3}) == pytest.approx(exponent * 0.3 ** (exponent - 1.0))


def test_a_symbol_has_no_number_to_decide_on():
    with pytest.raises(TypeError, match="no number to decide on"):
        bool(Symbol("x"))


def test_a_users_rule_that_needs_numbers_is_not_recorded():
    op = ops.Op("half", "half", 1, lambda x: x / 2.0, lambda x, y: (math.cos(x),))
    assert rules.recorded(op, [Symbol("x")], Symbol("y")) is None
    assert rules.readable(op, [Symbol("x")], Symbol("y")) is None
