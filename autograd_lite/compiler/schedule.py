"""Third pass: arrange equal scalars as blocks, and sums of products as matrix products.

Level by level, terms of the same kind become one `Statement`, an array instruction that computes a `Block` of rows.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from autograd_lite import ops
from autograd_lite.compiler.grids import FactorList, Grid, find_grids
from autograd_lite.compiler.normalise import NormalForm, Product, Term
from autograd_lite.compiler.rows import Index, Rows, common_shape, pieces, strides_of
from autograd_lite.ops import Op

_MANY = 4  # so many equally weighted terms are added up by one instruction


class Block(NamedTuple):
    """A run of rows that one instruction computes."""

    name: str
    lane: bool
    start: int
    size: int


@dataclass
class Part:
    """One summand of a statement: coefficient × the product of its factors.

    `spec` says, as for `einsum`, along which axes (g, l, r, k; n for the samples) the factors are multiplied and added;
    it is empty for a product number by number.
    """

    coefficient: float
    factors: tuple[Rows, ...]
    spec: str = ""
    with_bias: tuple[Part, Rows, Rows] | None = None  # the bias, if it can be a last column: that column included


@dataclass
class Statement:
    """One array instruction: an operation of the table on operands, or a constant plus a sum of parts."""

    block: Block
    shape: tuple[int, ...]
    op: Op | None = None
    operands: tuple[Rows | float, ...] = ()
    sample: tuple[float, ...] = ()
    constant: float = 0.0
    parts: list[Part] = field(default_factory=list)

    @property
    def target(self) -> Rows:
        """The rows that it computes."""
        rows = np.arange(self.block.start, self.block.start + self.block.size)
        return Rows(self.block.lane, rows.reshape(self.shape))


@dataclass
class Program:
    """The instructions in order, and where everything lives."""

    statements: list[Statement]
    blocks: list[Block]
    inputs: list[Index]
    ones: list[int]
    fillers: dict[float, int]
    outputs: list[tuple[Term | float, int]]
    parameters: Index
    constants: list[tuple[int, float]]
    rows: int
    places: int
    active_rows: set[int]
    active_places: set[int]

    def __str__(self) -> str:
        return "\n".join([f"{s.block.name}[{s.block.size}] = {_describe(s)}" for s in self.statements])


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


class _Scheduler:
    def __init__(self, form: NormalForm) -> None:
        self.form = form
        self.terms = form.terms
        count = len(self.terms)
        self.address = [-1] * count
        self.block_of = [-1] * count  # -1: the parameters
        self.place_in = [(0, 0)] * count  # the coordinates (l, r) of a row in the grid that made it
        self.rows = 0
        self.next_leaf = 0  # parameters come first in their vector, then what is computed from them
        self.places = sum([t.kind == "parameter" for t in self.terms])
        self.blocks: list[Block] = []
        self.statements: list[Statement] = []
        self.names: Counter[str] = Counter()
        self.ones: list[int] = []
        self.fillers: dict[float, Term] = {}  # rows of one number, to bring operands of different length to the same

    def run(self, arguments: list[tuple[str, int]]) -> Program:
        inputs = [t for t in self.terms if t.kind == "input"]
        leaves = [t for t in self.terms if t.kind == "parameter"]
        given: list[Index] = []
        for name, size in arguments:
            given.append(np.array(self._new_block(name, inputs[:size]).index))
            inputs = inputs[size:]
            self._row_of_ones()
        for group in self._groups():
            if group[0].op is not None:
                for same in _partition(group, self._operand_blocks):
                    self._elementwise(same)
            else:
                for same in _partition(group, self._classes_signature):
                    self._sums(same)
        for leaf in leaves:
            self._place(leaf)
        active = [(t.lane, self.address[t.index]) for t in self.terms if t.active]
        return Program(
            self.statements,
            self.blocks,
            given,
            self.ones,
            {number: self.address[term.index] for number, term in self.fillers.items()},
            [(x, self.address[x.index] if isinstance(x, Term) else -1) for x in self.form.outputs],
            np.array([self.address[t.index] for t in leaves], dtype=np.intp),
            [
                (self.address[t.index], t.constant)
                for t in self.terms
                if t.kind == "constant" and self.address[t.index] >= 0
            ],
            self.rows,
            self.places,
            {row for lane, row in active if lane},
            {row for lane, row in active if not lane},
        )

    # --- levels -------------------------------------------------------------------------------------------------------

    def _groups(self) -> list[list[Term]]:
        """Terms that can be computed together, in order: as early as possible or as late, whichever groups better."""
        earliest = [0] * len(self.terms)
        for term in self.terms:
            parents = [earliest[p.index] for p in term.parents(self.terms)]
            earliest[term.index] = 1 + max(parents) if parents else 0
        last = max(earliest)
        latest = [last] * len(self.terms)
        for term in reversed(self.terms):
            for parent in term.parents(self.terms):
                latest[parent.index] = min(latest[parent.index], latest[term.index] - 1)
        signatures = {t.index: self._signature(t) for t in self.terms if t.kind in ("sum", "operation")}
        best: list[list[Term]] = []
        for level in (earliest, latest):
            groups: dict[object, list[Term]] = {}
            for index, signature in signatures.items():
                groups.setdefault((level[index], signature), []).append(self.terms[index])
            ordered = sorted(groups.items(), key=lambda item: item[0][0])  # type: ignore[index]
            if not best or len(ordered) < len(best):
                best = [group for _, group in ordered]
        return best

    def _signature(self, term: Term) -> object:
        terms = self.terms
        if term.op is not None:
            kinds = [x.lane if isinstance(x, Term) else ("constant", x) for x in term.operands]
            if term.op is ops.LOGSUMEXP and all(kind is True for kind in kinds):
                return term.op  # of any length
            return term.op, tuple(kinds), term.lane
        counts = Counter([(c, tuple(sorted([terms[i].lane for i in p]))) for p, c in term.products])
        return (
            term.lane,
            term.constant,
            tuple(sorted([(k, 1 if k[1] == (True, True) else n) for k, n in counts.items()])),
        )

    def _operand_blocks(self, term: Term) -> object:
        if term.op is ops.LOGSUMEXP:
            return tuple(sorted({self.block_of[x.index] for x in term.operands if isinstance(x, Term)}))
        return tuple([self.block_of[x.index] if isinstance(x, Term) else None for x in term.operands])

    def _classes(self, term: Term) -> dict[tuple[float, tuple[int, ...]], list[Product]]:
        """The products of a sum by coefficient and by the blocks that the factors belong to."""
        classes: dict[tuple[float, tuple[int, ...]], list[Product]] = {}
        block_of = self.block_of
        for product, c in term.products:
            classes.setdefault((c, tuple(sorted([block_of[i] for i in product]))), []).append(product)
        return classes

    def _classes_signature(self, term: Term) -> object:
        lane = self.terms
        return tuple(
            sorted(
                [
                    (key, 1 if len(products[0]) == 2 and all(lane[i].lane for i in products[0]) else len(products))
                    for key, products in self._classes(term).items()
                ]
            )
        )

    # --- rows ---------------------------------------------------------------------------------------------------------

    def _new_block(
        self, name: str, terms: Sequence[Term | None], coordinates: list[tuple[int, int]] | None = None
    ) -> Rows:
        lane = terms[0].lane if terms and terms[0] is not None else True
        start = self.rows if lane else self.places
        index = np.arange(start, start + len(terms))
        number = len(self.blocks)
        for i, term in enumerate(terms):
            if term is None:
                continue
            self.address[term.index] = start + i
            self.block_of[term.index] = number
            self.place_in[term.index] = coordinates[i] if coordinates else (0, i)
        if lane:
            self.rows += len(terms)
        else:
            self.places += len(terms)
        self.blocks.append(Block(name, lane, start, len(terms)))
        return Rows(lane, index)

    def _row_of_ones(self) -> int:
        self.ones.append(self.rows)
        self.rows += 1
        return self.rows - 1

    def _filler(self, number: float) -> Term:
        """A row that holds one number."""
        if number not in self.fillers:
            term = Term(len(self.terms), "filler", lane=True, active=False)
            self.terms.append(term)
            self.address.append(self.rows)
            self.block_of.append(-2)
            self.place_in.append((0, 0))
            self.rows += 1
            self.fillers[number] = term
        return self.fillers[number]

    def _place(self, term: Term) -> int:
        """The address of a term; a parameter gets the next place of the vector at its first use."""
        if self.address[term.index] < 0 and term.kind == "parameter":
            self.address[term.index] = self.next_leaf
            self.next_leaf += 1
        elif self.address[term.index] < 0:
            self.address[term.index] = self.places
            self.places += 1
        return self.address[term.index]

    def _rows(self, terms: list[Term]) -> Rows:
        return Rows(terms[0].lane, np.array([self._place(t) for t in terms], dtype=np.intp))

    def _name(self, stem: str) -> str:
        self.names[stem] += 1
        return f"{stem}{self.names[stem]}" if stem in ("z", "s") else f"{stem}_{self.names[stem]}"

    def _sort_key(self, indices: FactorList | list[int]) -> list[int]:
        return [a if (a := self.address[i]) >= 0 else 1_000_000_000 + i for i in indices]

    # --- operations ---------------------------------------------------------------------------------------------------

    def _elementwise(self, group: list[Term]) -> None:
        """Apply one operation to many operands at once."""
        op = group[0].op
        assert op is not None
        slots = [i for i, x in enumerate(group[0].operands) if isinstance(x, Term)]
        slots.sort(key=lambda i: not group[0].operands[i].lane)  # type: ignore[union-attr]
        group.sort(key=lambda t: self._sort_key([t.operands[i].index for i in slots]))  # type: ignore[union-attr]
        columns = {i: self._rows([t.operands[i] for t in group]) for i in slots}  # type: ignore[misc]
        if op is ops.LOGSUMEXP and all(isinstance(x, Term) and x.lane == group[0].lane for x in group[0].operands):
            block = self._block_for(group, op.name)
            longest = max([len(t.operands) for t in group])
            filled = [
                [*t.operands, *[self._filler(-math.inf)] * (longest - len(t.operands))]
                if len(t.operands) < longest
                else t.operands
                for t in group
            ]
            index = np.array([[self._place(x) for x in operands] for operands in filled])  # type: ignore[arg-type]
            rows = Rows(group[0].lane, index if len(group) > 1 else index[0])
            self.statements.append(Statement(block, _full_shape(None, group), op, (rows,), (0.0, 0.0)))
            return
        shape = common_shape([column.index for column in columns.values()])
        if shape is None and 0.7 * len(group) < max([pieces(column.index) for column in columns.values()]):
            for term in group:  # nothing to gain from gathering
                self._elementwise([term])
            return
        shape = _full_shape(shape, group)
        operands = [columns[i].shaped(shape) if i in columns else x for i, x in enumerate(group[0].operands)]
        name = op.name.rstrip("0123456789")
        if len(operands) == 1:
            before = self.blocks[self.block_of[group[0].operands[0].index]]  # type: ignore[union-attr]
            if before.name[0] == "z" and before.size == len(group) and before.name[1:].isdigit():
                activation = "a" + before.name[1:]
                name = activation if all([b.name != activation for b in self.blocks[-8:]]) else name
        block = self._block_for(group, name)
        if block.lane and len(group) > 1:
            self._row_of_ones()
        self.statements.append(Statement(block, shape, op, tuple(operands), group[0].sample))  # type: ignore[arg-type]

    def _block_for(
        self, group: Sequence[Term | None], stem: str, coordinates: list[tuple[int, int]] | None = None
    ) -> Block:
        self._new_block(stem if stem[-1].isdigit() else self._name(stem), group, coordinates)
        return self.blocks[-1]

    # --- sums of products ---------------------------------------------------------------------------------------------

    def _sums(self, group: list[Term]) -> None:
        by_class = [self._classes(term) for term in group]
        longest = {key: max([own[key] for own in by_class], key=len) for key in by_class[0]}
        heavy = [key for key, products in longest.items() if self._is_contraction(products)]
        if not heavy:
            self._plain_sums(group)
            return
        main = max(heavy, key=lambda key: len(longest[key]))
        lists = self._same_length([self._factor_lists(own[main]) for own in by_class])
        others = [{len(own[key]) for own in by_class} for key in heavy if key != main]
        if len({len(left) for left, _ in lists}) > 1 or any([len(lengths) > 1 for lengths in others]):
            parts = _partition(group, lambda t: [len(x) for x in self._classes(t).values()].__repr__())
            for part in parts:
                self._sums(part)
            return
        grids, left_over = find_grids(lists, lambda right: self._sort_key(list(right)))
        for grid in grids:
            self._grid(grid, group, by_class, main, heavy)
        if left_over:
            self._sums([group[i] for i in left_over])

    def _same_length(self, lists: list[tuple[FactorList, FactorList]]) -> list[tuple[FactorList, FactorList]]:
        """Where some left lists are beginnings of others, as under a causal mask: as long as those, with zeros right."""
        if len({len(left) for left, _ in lists}) == 1:
            return lists
        whole: dict[FactorList, FactorList] = {}
        for left in sorted({left for left, _ in lists}, key=len, reverse=True):
            if left not in whole:
                whole.update({left[:n]: left for n in range(1, len(left) + 1)})
        return [
            (whole[left], right + (self._filler(0.0).index,) * (len(whole[left]) - len(left))) for left, right in lists
        ]

    def _is_contraction(self, products: list[Product]) -> bool:
        if len(products[0]) != 2:
            return False
        return len(products) > 1 or len({self.terms[i].lane for i in products[0]}) == 2

    def _factor_lists(self, products: list[Product]) -> tuple[FactorList, FactorList]:
        """The left and the right factors, in the order of the right ones."""
        pairs = []
        for i, j in products:
            if self._side(i) > self._side(j):
                i, j = j, i
            pairs.append((*self._sort_key([j, i]), i, j))
        pairs.sort()
        return tuple([pair[2] for pair in pairs]), tuple([pair[3] for pair in pairs])

    def _side(self, i: int) -> tuple[bool, int, int, int]:
        return self.terms[i].lane, self.block_of[i], *self.place_in[i]

    def _grid(
        self,
        grid: Grid,
        group: list[Term],
        by_class: list[dict[tuple[float, tuple[int, ...]], list[Product]]],
        main: tuple[float, tuple[int, ...]],
        heavy: list[tuple[float, tuple[int, ...]]],
    ) -> None:
        """Compute a stack of grids: one contraction, and whatever else its sums add to it."""
        terms = self.terms
        left_lane = terms[grid.lefts[0][0][0]].lane
        lane = terms[grid.rights[0][0][0]].lane
        inner_left = left_lane == lane  # weights × rows gives rows [g, r, l], anything else [g, l, r]
        cells = [
            (left, right, l, r)
            for lefts, rights in zip(grid.lefts, grid.rights, strict=True)
            for l, r, left, right in (
                [(l, r, left, right) for l, left in enumerate(lefts) for r, right in enumerate(rights)]
                if inner_left
                else [(l, r, left, right) for r, right in enumerate(rights) for l, left in enumerate(lefts)]
            )
        ]
        found = [grid.members.get((left, right)) for left, right, _, _ in cells]
        any_member = next(iter(grid.members.values()))  # computed once more where the grid has a gap
        members = [any_member if m is None else m for m in found]
        sums = [group[m] for m in members]
        g, l, r = len(grid.lefts), len(grid.lefts[0]), len(grid.rights[0])
        shape = (g, l, r) if inner_left else (g, r, l)
        parts = []
        biases = (
            self._biases(sums, [by_class[m] for m in members], heavy)
            if r == 1 and not left_lane and lane and None not in found
            else None
        )
        left = self._list_rows(grid.lefts, biases)
        right = self._list_rows(grid.rights, None)
        spec = f"glk{'n' * left_lane},grk{'n' * lane}->{'glr' if inner_left else 'grl'}{'n' * lane}"
        parts.append(Part(main[0], (left, right), spec))
        for key in heavy:
            if key != main:
                lists = [self._factor_lists(by_class[m][key]) for m in members]
                parts.append(self._arranged(key[0], [x for x, _ in lists], [y for _, y in lists], shape, inner_left))
        shape = tuple([n for n in shape if n > 1])
        parts += self._light_parts(sums, [by_class[m] for m in members], heavy, shape)
        stem = "z" if not left_lane and lane else "s"
        terms_or_gaps = [None if m is None else group[m] for m in found]
        block = self._block_for(terms_or_gaps, stem, [(cell[2], cell[3]) for cell in cells])
        if stem == "z":
            self._row_of_ones()
        if biases:
            parts = self._augmented(parts)
        self.statements.append(Statement(block, shape, constant=sums[0].constant, parts=parts))

    def _augmented(self, parts: list[Part]) -> list[Part]:
        """Make the bias one more column of the weights, if a row of ones follows the inputs: one instruction fewer."""
        main = parts[0]
        bias = next((p for p in parts if not p.spec and len(p.factors) == 1 and not p.factors[0].lane), None)
        left, right = main.factors
        inputs = right.index.ravel()
        step = int(inputs[1] - inputs[0]) if len(inputs) > 1 else 1
        last = int(inputs[-1]) + step
        if (
            bias is None
            or bias.coefficient != 1.0
            or main.coefficient != 1.0
            or left.index.shape[0] != 1
            or last not in self.ones
        ):
            return parts
        weights = np.concatenate([left.index, bias.factors[0].index.reshape(1, -1, 1)], axis=-1)
        with_ones = np.append(inputs, last).reshape(1, 1, -1)
        if strides_of(weights) is None or strides_of(with_ones) is None:
            return parts
        main.with_bias = bias, Rows(False, weights), Rows(True, with_ones)
        return parts

    def _biases(self, sums: list[Term], by_class: list, heavy: list) -> list[Term] | None:  # type: ignore[type-arg]
        """The parameter that each sum adds, if there is just one: it is placed after the sum's weights."""
        single = [key for key in by_class[0] if key not in heavy and key[1] == (-1,) and key[0] == 1.0]
        if len(single) != 1 or len(by_class[0][single[0]]) != 1:
            return None
        found = [self.terms[own[single[0]][0][0]] for own in by_class]
        return found if len(set(found)) == len(found) else None

    def _list_rows(self, lists: list[list[FactorList]], last: list[Term] | None) -> Rows:
        """Addresses [stack, list, factor]; new parameters are placed list by list, each followed by its `last`."""
        following = iter(last or [])
        index = []
        for stack in lists:
            index.append([])
            for factors in stack:
                index[-1].append([self._place(self.terms[i]) for i in factors])
                bias = next(following, None)
                if bias is not None:
                    self._place(bias)
        return Rows(self.terms[lists[0][0][0]].lane, np.array(index, dtype=np.intp))

    def _arranged(
        self, c: float, lefts: list[FactorList], rights: list[FactorList], shape: tuple[int, ...], inner_left: bool
    ) -> Part:
        """A further contraction of the same sums: along the same grid if it fits, else sum by sum."""
        terms = self.terms
        left = Rows(terms[lefts[0][0]].lane, np.array([[self._place(terms[i]) for i in x] for x in lefts]))
        right = Rows(terms[rights[0][0]].lane, np.array([[self._place(terms[i]) for i in x] for x in rights]))
        a = left.index.reshape(*shape, -1)
        b = right.index.reshape(*shape, -1)
        if inner_left:
            fits = (a == a[:, :, :1]).all() and (b == b[:, :1]).all()
            a, b = a[:, :, 0], b[:, 0]
        else:
            fits = (a == a[:, :1]).all() and (b == b[:, :, :1]).all()
            a, b = a[:, 0], b[:, :, 0]
        samples = "n" * right.lane
        if fits:
            spec = f"glk{'n' * left.lane},grk{samples}->{'glr' if inner_left else 'grl'}{samples}"
            return Part(c, (Rows(left.lane, a), Rows(right.lane, b)), spec)
        return Part(c, (left, right), f"mk{'n' * left.lane},mk{samples}->m{samples}")

    def _light_parts(self, sums: list[Term], by_class: list, heavy: list, shape: tuple[int, ...]) -> list[Part]:  # type: ignore[type-arg]
        """What sums add number by number: single terms, single products, and totals of many terms."""
        parts = []
        for key, products in by_class[0].items():
            if key in heavy:
                continue
            columns = [sorted([self._ordered(p) for p in own[key]], key=self._sort_key) for own in by_class]
            if len(products) >= _MANY and len(products[0]) == 1:
                index = np.array([[self._place(self.terms[p[0]]) for p in column] for column in columns])
                lane = self.terms[products[0][0]].lane
                parts.append(Part(key[0], (Rows(lane, index.reshape(*shape, -1)),), "sum"))
                continue
            for slot in range(len(products)):
                factors = [self._rows([self.terms[c[slot][f]] for c in columns]) for f in range(len(products[0]))]
                parts.append(Part(key[0], tuple([f.shaped(shape) for f in factors])))
        return parts

    def _ordered(self, product: Product) -> Product:
        return tuple(sorted(product, key=self._side))

    def _plain_sums(self, group: list[Term]) -> None:
        """Sums without a matrix product in them."""
        group.sort(key=lambda t: [self._sort_key(list(self._ordered(p))) for p, _ in t.products])
        by_class = [self._classes(term) for term in group]
        parts = self._light_parts(group, by_class, [], (len(group),))
        columns = [factor.index for part in parts if not part.spec for factor in part.factors]
        shape = common_shape(columns) if columns else _full_shape(None, group)
        if shape is None and 0.7 * len(group) < max([pieces(column) for column in columns]):
            for term in group:
                self._plain_sums([term])
            return
        shape = _full_shape(shape, group)
        for part in parts:
            part.factors = tuple([f.shaped((*shape, -1) if part.spec else shape) for f in part.factors])
        block = self._block_for(group, "s")
        self.statements.append(Statement(block, shape, constant=group[0].constant, parts=parts))


def _full_shape(shape: tuple[int, ...] | None, group: list[Term]) -> tuple[int, ...]:
    """The given shape, or one axis; a single number has none."""
    return () if len(group) == 1 else shape or (len(group),)


def _partition(group: list[Term], signature: object) -> list[list[Term]]:
    parts: dict[object, list[Term]] = {}
    for term in group:
        parts.setdefault(signature(term), []).append(term)  # type: ignore[operator]
    return list(parts.values())


def _describe(s: Statement) -> str:
    if s.op is not None:
        return s.op.name
    return " + ".join([p.spec or "*".join(["rows"] * len(p.factors)) for p in s.parts])


__all__ = ["Block", "Part", "Program", "Statement", "schedule", "strides_of"]
