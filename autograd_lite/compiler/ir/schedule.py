"""Third pass: arrange equal scalars as blocks, and sums of products as matrix products.

Level by level, scalars of the same kind become one `Statement`, an array instruction that computes a `Block` of rows.
"""

from __future__ import annotations

import math
from collections import Counter

import numpy as np

from autograd_lite import ops
from autograd_lite.compiler.front.scalars import NormalForm, Scalar
from autograd_lite.compiler.ir.addresses import Addresses
from autograd_lite.compiler.ir.products import Products
from autograd_lite.compiler.ir.program import Program, Statement
from autograd_lite.compiler.ir.rows import Index, Rows, common_shape, full_shape, partition, pieces
from autograd_lite.ops import Op


def schedule(form: NormalForm, arguments: list[tuple[str, tuple[int, ...]]]) -> Program:
    """Arrange a normalised program as array instructions.

    Parameters
    ----------
    form : NormalForm
        The scalars.
    arguments : list of (name, shape of one sample)
        The inputs, argument by argument.
    """
    return _Scheduler(form).run(arguments)


# Operations along an axis, along which a shorter list is filled up with a number that changes nothing.
_FILLERS = {ops.LARGEST: -math.inf, ops.SUM: 0.0}


class _Scheduler:
    def __init__(self, form: NormalForm) -> None:
        self.form = form
        self.addresses = Addresses(form.scalars)
        self.products = Products(self.addresses)

    def run(self, arguments: list[tuple[str, tuple[int, ...]]]) -> Program:
        inputs = [t for t in self.addresses.scalars if t.kind == "input"]
        leaves = [t for t in self.addresses.scalars if t.kind == "parameter"]
        given: list[Index] = []
        for name, shape in arguments:
            size = math.prod(shape)
            given.append(np.array(self.addresses.new_block(name, inputs[:size]).index))
            inputs = inputs[size:]
            self.addresses.row_of_ones()
        for group in self._groups():
            if group[0].op is not None:
                for same in partition(group, self._operand_blocks):
                    self._elementwise(same)
            else:
                for same in partition(group, self.products.signature):
                    self.products.schedule(same)
        for leaf in leaves:
            self.addresses.address_of(leaf)
        active = [(t.batched, self.addresses.address[t.index]) for t in self.addresses.scalars if t.active]
        return Program(
            self.addresses.statements,
            self.addresses.blocks,
            given,
            [shape for _, shape in arguments],
            self.addresses.ones,
            {number: self.addresses.address[scalar.index] for number, scalar in self.addresses.fillers.items()},
            [(x, self.addresses.address[x.index] if isinstance(x, Scalar) else -1) for x in self.form.outputs],
            np.array([self.addresses.address[t.index] for t in leaves], dtype=np.intp),
            [
                (self.addresses.address[t.index], t.constant)
                for t in self.addresses.scalars
                if t.kind == "constant" and self.addresses.address[t.index] >= 0
            ],
            self.addresses.rows,
            self.addresses.places,
            {row for batched, row in active if batched},
            {row for batched, row in active if not batched},
        )

    # --- levels -------------------------------------------------------------------------------------------------------

    def _groups(self) -> list[list[Scalar]]:
        """Terms that can be computed together, in order: as early or as late as possible, whichever makes fewer groups."""
        earliest = [0] * len(self.addresses.scalars)
        for scalar in self.addresses.scalars:
            parents = [earliest[p.index] for p in scalar.parents(self.addresses.scalars)]
            earliest[scalar.index] = 1 + max(parents) if parents else 0
        last = max(earliest)
        latest = [last] * len(self.addresses.scalars)
        for scalar in reversed(self.addresses.scalars):
            for parent in scalar.parents(self.addresses.scalars):
                latest[parent.index] = min(latest[parent.index], latest[scalar.index] - 1)
        signatures = {t.index: self._signature(t) for t in self.addresses.scalars if t.kind in ("sum", "operation")}
        best: list[list[Scalar]] = []
        for level in (earliest, latest):
            groups: dict[object, list[Scalar]] = {}
            for index, signature in signatures.items():
                groups.setdefault((level[index], signature), []).append(self.addresses.scalars[index])
            ordered = sorted(groups.items(), key=lambda item: item[0][0])  # type: ignore[index]
            if not best or len(ordered) < len(best):
                best = [group for _, group in ordered]
        return best

    def _signature(self, scalar: Scalar) -> object:
        scalars = self.addresses.scalars
        if scalar.op is not None:
            kinds = [x.batched if isinstance(x, Scalar) else ("constant", x) for x in scalar.operands]
            if scalar.op in _FILLERS and all(kind is True for kind in kinds):
                return scalar.op  # of any length
            return scalar.op, tuple(kinds), scalar.batched
        counts = Counter([(c, tuple(sorted([scalars[i].batched for i in p]))) for p, c in scalar.products])
        return (
            scalar.batched,
            scalar.constant,
            tuple(sorted([(k, 1 if k[1] == (True, True) else n) for k, n in counts.items()])),
        )

    def _operand_blocks(self, scalar: Scalar) -> object:
        if scalar.op in _FILLERS:
            return tuple(sorted({self.addresses.block_of[x.index] for x in scalar.operands if isinstance(x, Scalar)}))
        return tuple([self.addresses.block_of[x.index] if isinstance(x, Scalar) else None for x in scalar.operands])

    # --- operations ---------------------------------------------------------------------------------------------------

    def _elementwise(self, group: list[Scalar]) -> None:
        """Apply one operation to many operands at once."""
        op = group[0].op
        assert op is not None
        if op in _FILLERS and all(isinstance(x, Scalar) and x.batched == group[0].batched for x in group[0].operands):
            self._along_axis(op, group)
            return
        slots = [i for i, x in enumerate(group[0].operands) if isinstance(x, Scalar)]
        slots.sort(key=lambda i: not group[0].operands[i].batched)  # type: ignore[union-attr]
        group.sort(key=lambda t: self.addresses.sort_key([t.operands[i].index for i in slots]))  # type: ignore[union-attr]
        columns = {i: self.addresses.rows_of([t.operands[i] for t in group]) for i in slots}  # type: ignore[misc]
        shape = common_shape([column.index for column in columns.values()])
        if shape is None and 0.7 * len(group) < max([pieces(column.index) for column in columns.values()]):
            for scalar in group:  # nothing to gain from gathering
                self._elementwise([scalar])
            return
        shape = full_shape(shape, group)
        operands = [columns[i].shaped(shape) if i in columns else x for i, x in enumerate(group[0].operands)]
        name = op.name.rstrip("0123456789")
        name = name if name.isidentifier() else "own"  # define_op takes any name
        if len(operands) == 1:
            before = self.addresses.blocks[self.addresses.block_of[group[0].operands[0].index]]  # type: ignore[union-attr]
            if before.name[0] == "z" and before.size == len(group) and before.name[1:].isdigit():
                activation = "a" + before.name[1:]
                name = activation if all(b.name != activation for b in self.addresses.blocks[-8:]) else name
        block = self.addresses.block_for(group, name)
        if block.batched and len(group) > 1:
            self.addresses.row_of_ones()
        self.addresses.statements.append(Statement(block, shape, op, tuple(operands)))  # type: ignore[arg-type]

    def _along_axis(self, op: Op, group: list[Scalar]) -> None:
        """Apply an operation along an axis, along which the shorter lists are filled up."""
        lists = [[x for x in scalar.operands if isinstance(x, Scalar)] for scalar in group]
        order = sorted(range(len(group)), key=lambda i: self.addresses.sort_key([x.index for x in lists[i]]))
        group, lists = [group[i] for i in order], [lists[i] for i in order]
        block = self.addresses.block_for(group, op.name)
        longest = max(map(len, lists))
        filled = [
            [*x, *[self.addresses.filler(_FILLERS[op])] * (longest - len(x))] if len(x) < longest else x for x in lists
        ]
        index = np.array([[self.addresses.address_of(x) for x in scalars] for scalars in filled])
        rows = Rows(group[0].batched, index if len(group) > 1 else index[0])
        self.addresses.statements.append(Statement(block, full_shape(None, group), op, (rows,)))
