"""What holds for every program: each number is computed once, before it is read, and each gradient is whole when it is read."""

import math

import numpy as np

from autograd_lite.compiler.front.scalars import Scalar
from autograd_lite.compiler.ir.differentiate import Partial
from autograd_lite.compiler.ir.expressions import Expression
from autograd_lite.compiler.ir.rows import Rows


def check_program(program):
    """Raise an AssertionError if the forward pass of a program is not sound."""
    known = {True: np.zeros(program.rows, dtype=bool), False: np.zeros(program.places, dtype=bool)}

    def add(batched, index):
        index = np.unique(np.ravel(index))
        assert not known[batched][index].any(), "a number has two places, or is computed twice"
        known[batched][index] = True

    for rows in program.inputs:
        add(True, rows)
    for row in [*program.ones, *program.fillers.values()]:
        add(True, row)
    add(False, program.parameters)
    add(False, np.array([place for place, _ in program.constants], dtype=np.intp))
    for s in program.statements:
        target = s.target
        assert target.index.shape == s.shape
        for rows in operands_of(s):
            assert known[rows.batched][rows.index].all(), "a number is read before it is computed"
            assert not rows.batched or target.batched, "what is computed once for all samples depends on a sample"
            assert not rows.gradient
        if s.op is not None:
            shapes = [x.index.shape for x in s.operands if isinstance(x, Rows)]
            assert not s.parts
            assert all(shape[: len(s.shape)] == s.shape for shape in shapes)
            assert all(len(shape) == len(s.shape) + s.along_axis for shape in shapes)
        for part in s.parts:
            check_part(part, s.shape, target.batched)
        add(target.batched, target.index)
    assert known[True].all(), "a row is never computed"
    assert known[False].all(), "a place is never computed"
    for output, row in program.outputs:
        assert not isinstance(output, Scalar) or known[output.batched][row]


def check_backward(program, backward):
    """Raise an AssertionError if the backward pass of a program is not sound."""
    written = {True: np.zeros(program.rows, dtype=bool), False: np.zeros(program.places, dtype=bool)}
    is_read = {True: np.zeros(program.rows, dtype=bool), False: np.zeros(program.places, dtype=bool)}
    for output, row in program.outputs:
        if isinstance(output, Scalar):
            written[output.batched][row] = True
    for send in backward.sends:
        target = send.target
        assert target.gradient
        if send.shape == (0,):
            assert not written[target.batched][send.clear].any(), "a gradient is cleared that was sent before"
            written[target.batched][target.index] = True
            continue
        assert target.index.size == math.prod(send.shape)
        for rows in operands_of_value(send.value):
            if rows.gradient:
                assert written[rows.batched][rows.index].all(), "a gradient is read before it is sent"
                is_read[rows.batched][rows.index] = True
        before = written[target.batched][target.index.ravel()]
        assert send.add == before.any()
        assert not np.setdiff1d(target.index.ravel()[~before], send.clear).size or not send.add
        assert not is_read[target.batched][target.index].any(), "a gradient is sent after it was read"
        written[target.batched][target.index] = True
    assert written[False][program.parameters].all(), "a parameter has no gradient"


def check_part(part, shape, batched):
    """Raise an AssertionError if a summand does not fit what it is added to."""
    if part.spec == "sum":
        (rows,) = part.factors
        assert rows.index.shape[:-1] == shape
        return
    if not part.spec:
        assert all(rows.index.shape == shape for rows in part.factors)
        return
    inputs, out = part.spec.split("->")
    sizes = {}
    for axes, rows in zip(inputs.split(","), part.factors, strict=True):
        assert ("n" in axes) == rows.batched
        for axis, size in zip(axes.replace("n", ""), rows.index.shape, strict=True):
            assert sizes.setdefault(axis, size) == size
    assert math.prod([sizes[axis] for axis in out if axis != "n"]) == math.prod(shape)
    assert ("n" in out) == batched


def operands_of(statement):
    """All array operands of a statement."""
    return [x for x in statement.operands if isinstance(x, Rows)] + [r for p in statement.parts for r in p.factors]


def operands_of_value(value):
    """All array operands of what is sent."""
    if isinstance(value, Expression):
        return list(value.used().values())
    if isinstance(value, Partial):
        return [*[x for x in value.operands if isinstance(x, Rows)], value.gradient]
    return list(value.factors)
