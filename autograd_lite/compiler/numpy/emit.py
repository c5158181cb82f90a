"""Fourth pass: the program as straight-line NumPy code that writes into arrays made beforehand."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.compiler.ir.differentiate import Partial, Send
from autograd_lite.compiler.ir.expressions import (
    ArrayCall,
    Expression,
    applied,
    call_text,
    calls_of,
    numpy_name,
    partial_on_arrays,
    plus,
)
from autograd_lite.compiler.ir.program import Part, Program, Statement
from autograd_lite.compiler.ir.rows import Rows, strides_of
from autograd_lite.compiler.numpy.contractions import Contractions
from autograd_lite.compiler.numpy.operands import SAMPLES, Operands, Shape
from autograd_lite.graph.rules import Symbol
from autograd_lite.ops import Op

_LARGEST_MATRIX = 4_000_000  # entries of a matrix of zeros and ones that adds rows up


class Emitter:
    """Writes the lines of one program, into `operands.lines`."""

    def __init__(self, program: Program) -> None:
        self.operands = Operands(program)
        self._contractions = Contractions(self.operands)
        self._active = {True: program.active_rows, False: program.active_places}

    # --- forward ------------------------------------------------------------------------------------------------------

    def statement(self, s: Statement) -> None:
        """The lines of one forward instruction."""
        target = s.target
        if s.along_axis:
            (rows,) = s.operands
            assert isinstance(rows, Rows)
            reduction = "maximum" if s.op is ops.LARGEST else "add"
            view, out = self.operands.view(rows), self.operands.view(target)
            self.operands.lines.append(f"{reduction}.reduce({view}, axis={len(s.shape)}, out={out})")
            return
        if s.op is not None:
            self._expression(applied(s), target, s.shape, target.batched)
            return
        parts = sorted(s.parts, key=lambda part: (not part.spec, part.coefficient < 0.0))
        if parts[0].with_bias is not None:
            bias, weights, inputs = parts[0].with_bias
            main = Part(1.0, (weights, inputs), parts[0].spec)
            parts = [main, *[part for part in parts[1:] if part is not bias]]
        out = ""
        root: Symbol | float = s.constant
        arrays: list[Rows] = []
        for i, part in enumerate(parts):
            if part.spec and i == 0:
                out = self._contraction_into(part, target, s.shape)
                arrays.append(target)
                root = plus(Symbol(0), root)
            elif part.spec:
                shape = self._full(s.shape, target.batched)
                buffer = self.operands.take_buffer(shape)
                self._reduce_or_multiply(part, buffer, s.shape, target.batched)
                here = self.operands.view(target)
                self.operands.lines.append(f"add({here}, {buffer}, out={here})")
                self.operands.give_back(buffer, shape)
            else:
                factors = [Symbol(len(arrays) + i) for i in range(len(part.factors))]
                arrays += part.factors
                product = factors[0] if len(factors) == 1 else factors[0] * factors[1]
                root = plus(root, product, part.coefficient)
        if not out or not isinstance(root, Symbol) or root.op is not None:
            self._expression(Expression(root, tuple(arrays)), target, s.shape, target.batched)

    def _contraction_into(self, part: Part, target: Rows, shape: Shape) -> str:
        out = self.operands.view(target)
        self._reduce_or_multiply(part, None, shape, target.batched, target)
        return out

    def _full(self, shape: Shape, batched: bool) -> Shape:
        return (*shape, SAMPLES) if batched else shape

    def _reduce_or_multiply(
        self, part: Part, buffer: str | None, shape: Shape, batched: bool, target: Rows | None = None
    ) -> None:
        """Write a sum or a contraction into a buffer, or straight to its target."""
        if part.spec == "sum":
            (rows,) = part.factors
            out = buffer or self.operands.view(target)  # type: ignore[arg-type]
            self.operands.lines.append(f"add.reduce({self.operands.view(rows)}, axis={len(shape)}, out={out})")
            scaled = out
        else:
            if target is None:
                assert buffer is not None
                size = int(np.prod(shape, dtype=int))
                scaled = self._contractions.write(part, buffer, np.arange(size).reshape(shape), batched)
            else:
                base = ("d_" if target.gradient else "") + ("values" if batched else "parameters")
                scaled = self._contractions.write(part, base, target.index, batched, target)
        if part.coefficient != 1.0:
            self.operands.lines.append(f"multiply({scaled}, {part.coefficient!r}, out={scaled})")

    # --- number by number ---------------------------------------------------------------------------------------------

    def _expression(
        self, expression: Expression, target: Rows | None, shape: Shape, batched: bool, buffer: str = ""
    ) -> str:
        """Compute an expression into its target or into a buffer; return the name of the result."""
        names = {i: self._operand(rows, batched) for i, rows in expression.used().items()}
        calls, result = calls_of(expression.root, names, numpy_name, self._other)
        if isinstance(result, str) and target is None:
            return result
        out = buffer if target is None else self.operands.view(target)
        if not isinstance(result, int):
            self.operands.lines.append(f"{out}[...] = {result}")
            return out
        self._run(calls, result, out, self._full(shape, batched))
        return out

    def _operand(self, rows: Rows, batched: bool) -> str:
        return self.operands.view(rows, "one" if batched and not rows.batched else None)

    def _run(self, calls: list[ArrayCall], result: int, out: str, shape: Shape) -> None:
        last_use = {operand: i for i, call in enumerate(calls) for operand in call.operands if type(operand) is int}
        result_of: dict[int, str] = {}
        read_later = {x for call in calls[1:] for x in call.operands if isinstance(x, str)}
        free = [] if out in read_later else [out]
        taken: list[str] = []
        for i, call in enumerate(calls):
            texts = [x if isinstance(x, str) else result_of[x] if type(x) is int else repr(x) for x in call.operands]
            for operand in {x for x in call.operands if type(x) is int and last_use[x] == i}:
                free.append(result_of[operand])
            if i == result:
                to = out
            elif free:
                to = free.pop()
            else:
                to = self.operands.take_buffer(shape)
                taken.append(to)
            result_of[i] = to
            self.operands.lines.append(call_text(call.function, texts, to))
        for name in taken:
            self.operands.give_back(name, shape)

    def _other(self, op: Op, count: int) -> str:
        """A row that NumPy has no function for, applied number by number."""
        for name, known in self.operands.constants.items():
            if known is op:
                return name
        return self.operands.constant(op, "own")

    # --- backward -----------------------------------------------------------------------------------------------------

    def send(self, send: Send) -> None:
        """The lines of one instruction of the backward pass."""
        if send.in_weights:
            return
        send = send.with_bias or send
        base = "d_values" if send.target.batched else "d_parameters"
        if len(send.clear):
            rows = Rows(send.target.batched, send.clear, True)
            if strides_of(send.clear) is not None:
                self.operands.lines.append(f"{self.operands.view(rows)}[...] = 0.0")
            else:
                self.operands.lines.append(f"{base}[{self.operands.constant(send.clear, 'unused')}] = 0.0")
        if send.shape == (0,):
            return
        index = send.target.index.reshape(send.shape)
        axes = [i for i, n in enumerate(send.shape) if n > 1 and (index == index.take([0], axis=i)).all()]
        reduced = index[tuple([0 if i in axes else slice(None) for i in range(index.ndim)])]
        if send.batched and not send.target.batched and not _sums_samples(send.value):
            axes.append(len(send.shape))
        batched_value = send.target.batched or (send.batched and not _sums_samples(send.value))
        target = Rows(send.target.batched, reduced, True)
        unique = len(np.unique(reduced)) == reduced.size
        direct = unique and strides_of(reduced) is not None
        if direct and not axes and not send.add:
            self._value(send, target, "", batched_value)
            return
        full = self._full(send.shape, batched_value)
        buffer = self.operands.take_buffer(full)
        value = self._value(send, None, buffer, batched_value)
        self._deliver(send, target, value, axes, direct, unique, base)
        self.operands.give_back(buffer, full)

    def _value(self, send: Send, target: Rows | None, buffer: str, batched: bool) -> str:
        value = send.value
        if isinstance(value, Expression):
            return self._expression(value, target, send.shape, batched, buffer)
        if isinstance(value, Partial):
            texts = [self._operand(x, batched) if isinstance(x, Rows) else repr(x) for x in value.operands]
            rule = self.operands.constant(partial_on_arrays(value.op, value.operand), "d_own")
            out = buffer if target is None else self.operands.view(target)
            self.operands.lines.append(f"{out}[...] = {rule}({', '.join(texts)})")
            self.operands.lines.append(f"multiply({out}, {self._operand(value.gradient, batched)}, out={out})")
            return out
        self._reduce_or_multiply(value, buffer or None, send.shape, batched, target)
        return buffer

    def _deliver(
        self, send: Send, target: Rows, value: str, axes: list[int], direct: bool, unique: bool, base: str
    ) -> None:
        """Add up what goes to the same place, and write it there or add it."""
        shape = self._full(target.index.shape, target.batched)
        buffer = ""
        if axes:
            which = str(axes[0]) if len(axes) == 1 else repr(tuple(axes))
            if direct and not send.add:
                self.operands.lines.append(f"add.reduce({value}, axis={which}, out={self.operands.view(target)})")
                return
            buffer = self.operands.take_buffer(shape)
            # A reduction to a single number has no array to write to but a buffer of no axes.
            self.operands.lines.append(f"add.reduce({value}, axis={which}, out={buffer})")
            value = buffer
        if direct:
            here = self.operands.view(target)
            self.operands.lines.append(f"add({here}, {value}, out={here})")
        elif unique:
            where = self.operands.constant(target.index, "at")
            self.operands.lines.append(f"{base}[{where}] {'+=' if send.add else '='} {value}")
        else:
            self._scatter(send, target, value, base)
        if buffer:
            self.operands.give_back(buffer, shape)

    def _scatter(self, send: Send, target: Rows, value: str, base: str) -> None:
        """Several numbers for one row: added up by a matrix of zeros and ones."""
        flat = target.index.ravel()
        wanted = np.array([row in self._active[target.batched] for row in flat.tolist()])
        rows, positions = np.unique(flat[wanted], return_inverse=True)
        if len(rows) == len(positions):  # only rows that need no gradient came several times
            last = f"({len(flat)}, -1)" if target.batched else f"({len(flat)},)"
            chosen = self.operands.constant(np.flatnonzero(wanted), "wanted")
            at = self.operands.constant(flat[wanted], "at")
            self.operands.lines.append(f"{base}[{at}] {'+=' if send.add else '='} {value}.reshape{last}[{chosen}]")
            return
        if len(rows) * len(flat) > _LARGEST_MATRIX:
            if not send.add:
                self.operands.lines.append(f"{base}[{self.operands.constant(rows, 'at')}] = 0.0")
            self.operands.lines.append(f"add.at({base}, {self.operands.constant(target.index, 'at')}, {value})")
            return
        matrix = np.zeros((len(rows), len(flat)))
        matrix[positions, np.flatnonzero(wanted)] = 1.0
        adder = self.operands.constant(matrix, "adder")
        last = f"({len(flat)}, -1)" if target.batched else f"({len(flat)},)"
        to = Rows(target.batched, rows, True)
        if strides_of(rows) is not None and not send.add:
            self.operands.lines.append(f"matmul({adder}, {value}.reshape{last}, out={self.operands.view(to)})")
        elif strides_of(rows) is not None:
            here = self.operands.view(to)
            self.operands.lines.append(f"add({here}, matmul({adder}, {value}.reshape{last}), out={here})")
        else:
            sign = "+=" if send.add else "="
            self.operands.lines.append(
                f"{base}[{self.operands.constant(rows, 'at')}] {sign} matmul({adder}, {value}.reshape{last})"
            )


def _sums_samples(value: Any) -> bool:
    return isinstance(value, Part) and value.spec != "sum" and not value.spec.endswith("n")
