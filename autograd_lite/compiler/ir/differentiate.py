"""Backpropagation: for each statement of a program, from the last to the first, the ones that compute its gradient.

Each forward instruction, taken from the last to the first, sends its gradient to its operands. A product of matrices
sends products with the other factor; an operation sends the local derivative of its row of the operations table, which
runs here on symbols and becomes array code like any other expression.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.compiler.ir.expressions import Expression, in_order
from autograd_lite.compiler.ir.program import Part, Program, Statement
from autograd_lite.compiler.ir.rows import Index, Rows, strides_of
from autograd_lite.graph.rules import Symbol, recorded


@dataclass
class Partial:
    """A local derivative that cannot be run on symbols: computed number by number."""

    op: ops.Op
    operand: int
    operands: list[Rows | float]
    gradient: Rows


@dataclass
class Send:
    """One instruction of the backward pass: compute a gradient and write it to, or add it to, that of some operand.

    Parameters
    ----------
    target : Rows
        Where it goes. Rows that occur several times receive the sum.
    value : Expression, Part or Partial
        What is sent, in the shape `shape`.
    batched : bool
        Whether the value has one number for each sample. If the target has only one, it receives the sum over the batch.
    add : bool
        Whether something was sent there before.
    clear : Index
        Rows to set to zero first, where only some were written before.
    """

    target: Rows
    value: Expression | Part | Partial
    shape: tuple[int, ...]
    batched: bool
    add: bool = False
    clear: Index = field(default_factory=lambda: np.zeros(0, dtype=np.intp))
    with_bias: Send | None = None  # the same with the bias as a last column of the weights
    in_weights: bool = False  # whether the gradient of a bias comes with that of the weights

    def __str__(self) -> str:
        array = "d_values" if self.target.batched else "d_parameters"
        rows = np.unique(self.target.index)
        where = f"{rows[0]}" if len(rows) == 1 else f"{rows[0]}:{rows[-1] + 1}"
        return f"{array}[{where}] {'+=' if self.add else '='} {_describe(self.value)}"


@dataclass(frozen=True)
class Backward:
    """The backward pass: its instructions in order."""

    sends: list[Send]

    def __str__(self) -> str:
        return "\n".join([str(send) for send in self.sends])


def _describe(value: Expression | Part | Partial) -> str:
    if isinstance(value, Partial):
        return f"the gradient times a local derivative of {value.op.name}, number by number"
    if isinstance(value, Part):
        return value.spec or " * ".join(["rows"] * len(value.factors))
    if not isinstance(value.root, Symbol):
        return str(value.root)
    return ", ".join([x.op.name for x in in_order(value.root) if x.op is not None]) or "rows"


def differentiate(program: Program) -> Backward:
    """The backward pass of a program, from the gradients of its outputs."""
    return Backward(_Differentiator(program).run())


class _Differentiator:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.sends: list[Send] = []
        # Where the gradient of each row is kept. A row that only one other uses, unchanged, shares that row's gradient.
        self.home = {True: np.arange(program.rows), False: np.arange(program.places)}
        self.uses = _count_uses(program)
        self.written = {True: np.zeros(program.rows, dtype=bool), False: np.zeros(program.places, dtype=bool)}
        self.active = {True: np.zeros(program.rows, dtype=bool), False: np.zeros(program.places, dtype=bool)}
        self.active[True][list(program.active_rows)] = True
        self.active[False][list(program.active_places)] = True

    def run(self) -> list[Send]:
        for scalar, row in self.program.outputs:
            if not isinstance(scalar, float):
                self.written[scalar.batched][row] = True
        for statement in reversed(self.program.statements):
            target = statement.target
            written = self.written[target.batched][target.index.ravel()]
            if not written.any() or not self.active[target.batched][target.index.ravel()].any():
                continue
            gradient = Rows(target.batched, self.home[target.batched][target.index], True)
            self._clear(target.batched, target.index.ravel()[~written])  # what nothing depends on
            if statement.along_axis:
                self._through_sum(statement, gradient)
            elif statement.op is not None:
                self._through_operation(statement, gradient)
            else:
                biases: dict[int, tuple[Part, int]] = {}
                for part in statement.parts:
                    before = len(self.sends)
                    self._through_part(part, gradient, statement.shape)
                    if not self._wanted(part.factors[0]):
                        continue
                    if part.with_bias is not None:
                        biases[id(part.with_bias[0])] = part, before
                    elif id(part) in biases:
                        self._merge_bias(*biases[id(part)], self.sends[before])
        self._clear(False, np.flatnonzero(~self.written[False]))  # parameters that the result does not depend on
        return self.sends

    def _clear(self, batched: bool, rows: Index) -> None:
        """Set the gradient of rows to zero if nothing was sent to them."""
        if len(rows):
            self.sends.append(Send(Rows(batched, rows, True), Expression(0.0), (0,), batched, clear=rows))
            self.written[batched][rows] = True

    def _send(self, to: Rows, value: Expression | Part | Partial, shape: tuple[int, ...], batched: bool) -> None:
        flat = to.index.ravel()
        written = self.written[to.batched][flat]
        if isinstance(value, Expression) and isinstance(value.root, Symbol) and value.root.op is None:
            ((_, sent),) = value.used().items()
            if self._same_rows(to, sent):
                self.home[to.batched][flat] = sent.index.ravel()
                self.written[to.batched][flat] = True
                return
        clear = np.unique(flat[~written]) if written.any() and not written.all() else np.zeros(0, dtype=np.intp)
        self.sends.append(Send(to.gradients(), value, shape, batched, bool(written.any()), clear))
        self.written[to.batched][flat] = True

    def _same_rows(self, to: Rows, sent: Rows) -> bool:
        """Whether a gradient is passed on unchanged, row by row, so that it needs no copy."""
        flat = to.index.ravel()
        if to.batched != sent.batched or to.index.shape != sent.index.shape or not to.batched:
            return False
        return bool((self.uses[flat] == 1).all()) and strides_of(sent.index) is not None

    def _merge_bias(self, part: Part, first: int, bias: Send) -> None:
        """Compute the gradients of weights and bias in one product with the inputs and their row of ones."""
        weights = self.sends[first]
        if part.with_bias is None or weights.add != bias.add or len(weights.clear) or len(bias.clear):
            return
        if any(send.target.overlaps(bias.target) for send in self.sends[first + 1 :] if send is not bias):
            return  # it would be added before the others are there
        _, columns, with_ones = part.with_bias
        assert isinstance(weights.value, Part)
        value = Part(1.0, (weights.value.factors[0], with_ones), weights.value.spec)
        weights.with_bias = Send(columns.gradients(), value, columns.index.shape, False, weights.add)
        bias.in_weights = True

    def _wanted(self, rows: Rows) -> bool:
        return bool(self.active[rows.batched][rows.index.ravel()].any())

    # --- sums ---------------------------------------------------------------------------------------------------------

    def _through_part(self, part: Part, gradient: Rows, shape: tuple[int, ...]) -> None:
        if part.spec == "sum":
            (rows,) = part.factors
            if self._wanted(rows):
                spread = np.broadcast_to(gradient.index[..., None], rows.index.shape)
                value = _scaled(part.coefficient, Rows(gradient.batched, spread, True), None)
                self._send(rows, value, rows.index.shape, gradient.batched)
        elif part.spec:
            self._through_contraction(part, gradient)
        else:
            factors = part.factors
            same = len(factors) == 2 and factors[0].key == factors[1].key
            for i, rows in enumerate(factors[:1] if same else factors):
                if self._wanted(rows):
                    other = factors[1 - i] if len(factors) == 2 else None
                    value = _scaled(part.coefficient * (1.0 + same), gradient, other)
                    self._send(rows, value, shape, gradient.batched)

    def _through_contraction(self, part: Part, gradient: Rows) -> None:
        inputs, out = part.spec.split("->")
        left, right = inputs.split(",")
        a, b = part.factors
        sizes = {**dict(zip(left, a.index.shape)), **dict(zip(right, b.index.shape))}
        shape = [sizes[axis] for axis in out if axis != "n"]
        d = Rows(gradient.batched, gradient.index.reshape(shape), True)
        c = part.coefficient
        if a.key == b.key and left.replace("l", "r") == right and sizes.get("l", 1) == sizes.get("r", 1) == 1:
            self._send(a, Part(2.0 * c, (d, b), f"{out},{right}->{left}"), a.index.shape, a.batched)
            return
        if self._wanted(a):
            self._send(a, Part(c, (d, b), f"{out},{right}->{left}"), a.index.shape, a.batched)
        if self._wanted(b):
            self._send(b, Part(c, (a, d), f"{left},{out}->{right}"), b.index.shape, b.batched)

    # --- operations ---------------------------------------------------------------------------------------------------

    def _through_operation(self, s: Statement, gradient: Rows) -> None:
        op = s.op
        assert op is not None
        operands = tuple([x for x in s.operands if isinstance(x, Rows)])
        numbers = count()
        symbols = [Symbol(next(numbers)) if isinstance(x, Rows) else x for x in s.operands]
        result, sent = Symbol(next(numbers)), Symbol(next(numbers))
        arrays = (*operands, s.target, gradient)
        partials = recorded(op, symbols, result)
        for i, operand in enumerate(s.operands):
            if not isinstance(operand, Rows) or not self._wanted(operand):
                continue
            if partials is None:
                value: Any = Partial(op, i, [*s.operands, s.target], gradient)
            else:
                partial = partials[i]
                if isinstance(partial, float) and partial == 0.0:
                    continue
                value = Expression(sent if isinstance(partial, float) and partial == 1.0 else sent * partial, arrays)
            self._send(operand, value, s.shape, gradient.batched)

    def _through_sum(self, s: Statement, gradient: Rows) -> None:
        """Each of the summands, which lie along the last axis, receives the gradient of their sum."""
        assert s.op is ops.SUM
        (rows,) = s.operands
        assert isinstance(rows, Rows)
        if self._wanted(rows):
            spread = Rows(rows.batched, np.broadcast_to(gradient.index[..., None], rows.index.shape), True)
            self._send(rows, _scaled(1.0, spread, None), rows.index.shape, gradient.batched)


def _count_uses(program: Program) -> Index:
    """How often each row of the array is an operand; an output counts twice, because it must not be overwritten."""
    uses = np.zeros(program.rows, dtype=np.intp)
    for s in program.statements:
        operands = [x for x in s.operands if isinstance(x, Rows)]
        for rows in [*operands, *[factor for part in s.parts for factor in part.factors]]:
            if rows.batched:
                np.add.at(uses, rows.index.ravel(), 1)
    for scalar, row in program.outputs:
        if not isinstance(scalar, float) and scalar.batched:
            uses[row] += 2
    return uses


def _scaled(c: float, gradient: Rows, other: Rows | None) -> Expression:
    sent = Symbol(0)
    root = sent if c == 1.0 else -sent if c == -1.0 else sent * c
    return Expression(root, (gradient,)) if other is None else Expression(root * Symbol(1), (gradient, other))
