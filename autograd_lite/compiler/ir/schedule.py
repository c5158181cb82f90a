"""Third pass: arrange equal scalars as blocks, and sums of products as matrix products.

Level by level, terms of the same kind become one `Statement`, an array instruction that computes a `Block` of rows.
"""

from __future__ import annotations

import math
from collections import Counter

import numpy as np

from autograd_lite import ops
from autograd_lite.compiler.front.terms import NormalForm, Term
from autograd_lite.compiler.ir.addresses import Layout
from autograd_lite.compiler.ir.products import Products
from autograd_lite.compiler.ir.program import Program, Statement
from autograd_lite.compiler.ir.rows import Index, Rows, common_shape, full_shape, partition, pieces
from autograd_lite.ops import Op


def schedule(form: NormalForm, arguments: list[tuple[str, int]]) -> Program:
    """Arrange a normalised program as array instructions.

    Parameters
    ----------
    form : NormalForm
        The terms.
    arguments : list of (name, number of scalars)
        The inputs, argument by argument.
    """
    return _Scheduler(form).run(arguments)


# Operations along an axis, on which a shorter list is filled up with what changes nothing.
_FILLERS = {ops.LARGEST: -math.inf, ops.SUM: 0.0}


class _Scheduler:
    def __init__(self, form: NormalForm) -> None:
        self.form = form
        self.layout = Layout(form.terms)
        self.products = Products(self.layout)

    def run(self, arguments: list[tuple[str, int]]) -> Program:
        inputs = [t for t in self.layout.terms if t.kind == "input"]
        leaves = [t for t in self.layout.terms if t.kind == "parameter"]
        given: list[Index] = []
        for name, size in arguments:
            given.append(np.array(self.layout.new_block(name, inputs[:size]).index))
            inputs = inputs[size:]
            self.layout.row_of_ones()
        for group in self._groups():
            if group[0].op is not None:
                for same in partition(group, self._operand_blocks):
                    self._elementwise(same)
            else:
                for same in partition(group, self.products.signature):
                    self.products.schedule(same)
        for leaf in leaves:
            self.layout.place(leaf)
        active = [(t.lane, self.layout.address[t.index]) for t in self.layout.terms if t.active]
        return Program(
            self.layout.statements,
            self.layout.blocks,
            given,
            self.layout.ones,
            {number: self.layout.address[term.index] for number, term in self.layout.fillers.items()},
            [(x, self.layout.address[x.index] if isinstance(x, Term) else -1) for x in self.form.outputs],
            np.array([self.layout.address[t.index] for t in leaves], dtype=np.intp),
            [
                (self.layout.address[t.index], t.constant)
                for t in self.layout.terms
                if t.kind == "constant" and self.layout.address[t.index] >= 0
            ],
            self.layout.rows,
            self.layout.places,
            {row for lane, row in active if lane},
            {row for lane, row in active if not lane},
        )

    # --- levels -------------------------------------------------------------------------------------------------------

    def _groups(self) -> list[list[Term]]:
        """Terms that can be computed together, in order: as early as possible or as late, whichever groups better."""
        earliest = [0] * len(self.layout.terms)
        for term in self.layout.terms:
            parents = [earliest[p.index] for p in term.parents(self.layout.terms)]
            earliest[term.index] = 1 + max(parents) if parents else 0
        last = max(earliest)
        latest = [last] * len(self.layout.terms)
        for term in reversed(self.layout.terms):
            for parent in term.parents(self.layout.terms):
                latest[parent.index] = min(latest[parent.index], latest[term.index] - 1)
        signatures = {t.index: self._signature(t) for t in self.layout.terms if t.kind in ("sum", "operation")}
        best: list[list[Term]] = []
        for level in (earliest, latest):
            groups: dict[object, list[Term]] = {}
            for index, signature in signatures.items():
                groups.setdefault((level[index], signature), []).append(self.layout.terms[index])
            ordered = sorted(groups.items(), key=lambda item: item[0][0])  # type: ignore[index]
            if not best or len(ordered) < len(best):
                best = [group for _, group in ordered]
        return best

    def _signature(self, term: Term) -> object:
        terms = self.layout.terms
        if term.op is not None:
            kinds = [x.lane if isinstance(x, Term) else ("constant", x) for x in term.operands]
            if term.op in _FILLERS and all(kind is True for kind in kinds):
                return term.op  # of any length
            return term.op, tuple(kinds), term.lane
        counts = Counter([(c, tuple(sorted([terms[i].lane for i in p]))) for p, c in term.products])
        return (
            term.lane,
            term.constant,
            tuple(sorted([(k, 1 if k[1] == (True, True) else n) for k, n in counts.items()])),
        )

    def _operand_blocks(self, term: Term) -> object:
        if term.op in _FILLERS:
            return tuple(sorted({self.layout.block_of[x.index] for x in term.operands if isinstance(x, Term)}))
        return tuple([self.layout.block_of[x.index] if isinstance(x, Term) else None for x in term.operands])

    # --- operations ---------------------------------------------------------------------------------------------------

    def _elementwise(self, group: list[Term]) -> None:
        """Apply one operation to many operands at once."""
        op = group[0].op
        assert op is not None
        if op in _FILLERS and all(isinstance(x, Term) and x.lane == group[0].lane for x in group[0].operands):
            self._along_axis(op, group)
            return
        slots = [i for i, x in enumerate(group[0].operands) if isinstance(x, Term)]
        slots.sort(key=lambda i: not group[0].operands[i].lane)  # type: ignore[union-attr]
        group.sort(key=lambda t: self.layout.sort_key([t.operands[i].index for i in slots]))  # type: ignore[union-attr]
        columns = {i: self.layout.rows_of([t.operands[i] for t in group]) for i in slots}  # type: ignore[misc]
        shape = common_shape([column.index for column in columns.values()])
        if shape is None and 0.7 * len(group) < max([pieces(column.index) for column in columns.values()]):
            for term in group:  # nothing to gain from gathering
                self._elementwise([term])
            return
        shape = full_shape(shape, group)
        operands = [columns[i].shaped(shape) if i in columns else x for i, x in enumerate(group[0].operands)]
        name = op.name.rstrip("0123456789")
        name = name if name.isidentifier() else "own"  # define_op takes any name
        if len(operands) == 1:
            before = self.layout.blocks[self.layout.block_of[group[0].operands[0].index]]  # type: ignore[union-attr]
            if before.name[0] == "z" and before.size == len(group) and before.name[1:].isdigit():
                activation = "a" + before.name[1:]
                name = activation if all(b.name != activation for b in self.layout.blocks[-8:]) else name
        block = self.layout.block_for(group, name)
        if block.lane and len(group) > 1:
            self.layout.row_of_ones()
        self.layout.statements.append(Statement(block, shape, op, tuple(operands), group[0].sample))  # type: ignore[arg-type]

    def _along_axis(self, op: Op, group: list[Term]) -> None:
        """Apply an operation along an axis, on which the shorter lists are filled up."""
        lists = [[x for x in term.operands if isinstance(x, Term)] for term in group]
        order = sorted(range(len(group)), key=lambda i: self.layout.sort_key([x.index for x in lists[i]]))
        group, lists = [group[i] for i in order], [lists[i] for i in order]
        block = self.layout.block_for(group, op.name)
        longest = max(map(len, lists))
        filled = [
            [*x, *[self.layout.filler(_FILLERS[op])] * (longest - len(x))] if len(x) < longest else x for x in lists
        ]
        index = np.array([[self.layout.place(x) for x in terms] for terms in filled])
        rows = Rows(group[0].lane, index if len(group) > 1 else index[0])
        self.layout.statements.append(Statement(block, full_shape(None, group), op, (rows,), (0.0, 0.0)))
