"""Sums of products as array instructions: matrix products where there are any."""

from __future__ import annotations

import numpy as np

from autograd_lite.compiler.front.scalars import Product, Scalar
from autograd_lite.compiler.ir.addresses import Addresses
from autograd_lite.compiler.ir.grids import FactorList, Grid, find_grids
from autograd_lite.compiler.ir.program import Part, Statement
from autograd_lite.compiler.ir.rows import Rows, common_shape, full_shape, partition, pieces, strides_of

_MANY = 4  # from this many on, equally weighted scalars are added up by one instruction

# The products of a sum by coefficient and by the blocks that the factors belong to.
ClassKey = tuple[float, tuple[int, ...]]
Classes = dict[ClassKey, list[Product]]


class Products:
    """Schedules sums of products.

    Parameters
    ----------
    addresses : Addresses
        Where everything lives; the instructions are added to it.
    """

    def __init__(self, addresses: Addresses) -> None:
        self.addresses = addresses

    def _classes(self, scalar: Scalar) -> Classes:
        """The products of a sum by coefficient and by the blocks that the factors belong to."""
        classes: Classes = {}
        block_of = self.addresses.block_of
        for product, c in scalar.products:
            classes.setdefault((c, tuple(sorted([block_of[i] for i in product]))), []).append(product)
        return classes

    def signature(self, scalar: Scalar) -> object:
        """What sums that are computed together have in common: classes, and how many products are in each."""
        scalars = self.addresses.scalars
        return tuple(
            sorted(
                [
                    (
                        key,
                        1 if len(products[0]) == 2 and all(scalars[i].batched for i in products[0]) else len(products),
                    )
                    for key, products in self._classes(scalar).items()
                ]
            )
        )

    def schedule(self, group: list[Scalar]) -> None:
        """Add the instructions for sums of one signature."""
        by_class = [self._classes(scalar) for scalar in group]
        longest = {key: max([own[key] for own in by_class], key=len) for key in by_class[0]}
        heavy = [key for key, products in longest.items() if self._is_contraction(products)]
        if not heavy:
            self._plain_sums(group)
            return
        main = max(heavy, key=lambda key: len(longest[key]))
        lists = self._same_length([self._factor_lists(own[main]) for own in by_class])
        others = [{len(own[key]) for own in by_class} for key in heavy if key != main]
        if len({len(left) for left, _ in lists}) > 1 or any(len(lengths) > 1 for lengths in others):
            parts = partition(group, lambda t: tuple(sorted([(k, len(x)) for k, x in self._classes(t).items()])))
            for part in parts:
                self.schedule(part)
            return
        grids, left_over = find_grids(lists, lambda right: self.addresses.sort_key(list(right)))
        for grid in grids:
            self._grid(grid, group, by_class, main, heavy)
        if left_over:
            self.schedule([group[i] for i in left_over])

    def _same_length(self, lists: list[tuple[FactorList, FactorList]]) -> list[tuple[FactorList, FactorList]]:
        """If some left lists are the beginnings of others, as under a causal mask, extend them, with zeros on the right."""
        if len({len(left) for left, _ in lists}) == 1:
            return lists
        whole: dict[FactorList, FactorList] = {}
        for left in sorted({left for left, _ in lists}, key=len, reverse=True):
            if left not in whole:
                whole.update({left[:n]: left for n in range(1, len(left) + 1)})
        return [
            (whole[left], right + (self.addresses.filler(0.0).index,) * (len(whole[left]) - len(left)))
            for left, right in lists
        ]

    def _is_contraction(self, products: list[Product]) -> bool:
        if len(products[0]) != 2:
            return False
        return len(products) > 1 or len({self.addresses.scalars[i].batched for i in products[0]}) == 2

    def _factor_lists(self, products: list[Product]) -> tuple[FactorList, FactorList]:
        """The left and the right factors, in the order of the right ones."""
        pairs = []
        for i, j in products:
            if self.addresses.side(i) > self.addresses.side(j):
                i, j = j, i
            pairs.append((*self.addresses.sort_key([j, i]), i, j))
        pairs.sort()
        return tuple([pair[2] for pair in pairs]), tuple([pair[3] for pair in pairs])

    def _grid(
        self,
        grid: Grid,
        group: list[Scalar],
        by_class: list[Classes],
        main: ClassKey,
        heavy: list[ClassKey],
    ) -> None:
        """Compute a stack of grids: one contraction, and what else its sums add to it."""
        scalars = self.addresses.scalars
        left_batched = scalars[grid.lefts[0][0][0]].batched
        batched = scalars[grid.rights[0][0][0]].batched
        inner_left = left_batched == batched  # weights × rows gives rows [g, r, l], anything else [g, l, r]
        cells = [
            (left, right, i, j)
            for lefts, rights in zip(grid.lefts, grid.rights, strict=True)
            for i, j, left, right in (
                [(i, j, left, right) for i, left in enumerate(lefts) for j, right in enumerate(rights)]
                if inner_left
                else [(i, j, left, right) for j, right in enumerate(rights) for i, left in enumerate(lefts)]
            )
        ]
        found = [grid.members.get((left, right)) for left, right, _, _ in cells]
        any_member = next(iter(grid.members.values()))  # computed again where the grid has a gap
        members = [any_member if m is None else m for m in found]
        sums = [group[m] for m in members]
        sizes = len(grid.lefts), len(grid.lefts[0]), len(grid.rights[0])
        full = sizes if inner_left else (sizes[0], sizes[2], sizes[1])
        parts = []
        biases = (
            self._biases([by_class[m] for m in members], heavy)
            if sizes[2] == 1 and not left_batched and batched and None not in found
            else None
        )
        left = self._list_rows(grid.lefts, biases)
        right = self._list_rows(grid.rights, None)
        spec = f"glk{'n' * left_batched},grk{'n' * batched}->{'glr' if inner_left else 'grl'}{'n' * batched}"
        parts.append(Part(main[0], (left, right), spec))
        for key in heavy:
            if key != main:
                lists = [self._factor_lists(by_class[m][key]) for m in members]
                parts.append(self._arranged(key[0], [x for x, _ in lists], [y for _, y in lists], full, inner_left))
        shape = tuple([n for n in full if n > 1])
        parts += self._light_parts([by_class[m] for m in members], heavy, shape)
        stem = "z" if not left_batched and batched else "s"
        terms_or_gaps = [None if m is None else group[m] for m in found]
        block = self.addresses.block_for(terms_or_gaps, stem, [(cell[2], cell[3]) for cell in cells])
        if stem == "z":
            self.addresses.row_of_ones()
        if biases:
            parts = self._augmented(parts)
        self.addresses.statements.append(Statement(block, shape, constant=sums[0].constant, parts=parts))

    def _augmented(self, parts: list[Part]) -> list[Part]:
        """Make the bias one more column of the weights, if a row of ones follows the inputs: one instruction fewer."""
        main = parts[0]
        bias = next((p for p in parts if not p.spec and len(p.factors) == 1 and not p.factors[0].batched), None)
        left, right = main.factors
        inputs = right.index.ravel()
        step = int(inputs[1] - inputs[0]) if len(inputs) > 1 else 1
        last = int(inputs[-1]) + step
        if (
            bias is None
            or bias.coefficient != 1.0
            or main.coefficient != 1.0
            or left.index.shape[0] != 1
            or last not in self.addresses.ones
        ):
            return parts
        weights = np.concatenate([left.index, bias.factors[0].index.reshape(1, -1, 1)], axis=-1)
        with_ones = np.append(inputs, last).reshape(1, 1, -1)
        if strides_of(weights) is None or strides_of(with_ones) is None:
            return parts
        main.with_bias = bias, Rows(False, weights), Rows(True, with_ones)
        return parts

    def _biases(self, by_class: list[Classes], heavy: list[ClassKey]) -> list[Scalar] | None:
        """The parameter that each sum adds, if there is just one: it is placed after the sum's weights."""
        single = [key for key in by_class[0] if key not in heavy and key[1] == (-1,) and key[0] == 1.0]
        if len(single) != 1 or len(by_class[0][single[0]]) != 1:
            return None
        found = [self.addresses.scalars[own[single[0]][0][0]] for own in by_class]
        return found if len(set(found)) == len(found) else None

    def _list_rows(self, lists: list[list[FactorList]], last: list[Scalar] | None) -> Rows:
        """Addresses [stack, list, factor]; new parameters are placed list by list, each followed by its `last`."""
        following = iter(last or [])
        index: list[list[list[int]]] = []
        for stack in lists:
            index.append([])
            for factors in stack:
                index[-1].append([self.addresses.address_of(self.addresses.scalars[i]) for i in factors])
                bias = next(following, None)
                if bias is not None:
                    self.addresses.address_of(bias)
        return Rows(self.addresses.scalars[lists[0][0][0]].batched, np.array(index, dtype=np.intp))

    def _arranged(
        self, c: float, lefts: list[FactorList], rights: list[FactorList], shape: tuple[int, ...], inner_left: bool
    ) -> Part:
        """A further contraction of the same sums: along the same grid if it fits, otherwise sum by sum."""
        scalars = self.addresses.scalars
        left = Rows(
            scalars[lefts[0][0]].batched, np.array([[self.addresses.address_of(scalars[i]) for i in x] for x in lefts])
        )
        right = Rows(
            scalars[rights[0][0]].batched,
            np.array([[self.addresses.address_of(scalars[i]) for i in x] for x in rights]),
        )
        a = left.index.reshape(*shape, -1)
        b = right.index.reshape(*shape, -1)
        if inner_left:
            fits = (a == a[:, :, :1]).all() and (b == b[:, :1]).all()
            a, b = a[:, :, 0], b[:, 0]
        else:
            fits = (a == a[:, :1]).all() and (b == b[:, :, :1]).all()
            a, b = a[:, 0], b[:, :, 0]
        samples = "n" * right.batched
        if fits:
            spec = f"glk{'n' * left.batched},grk{samples}->{'glr' if inner_left else 'grl'}{samples}"
            return Part(c, (Rows(left.batched, a), Rows(right.batched, b)), spec)
        return Part(c, (left, right), f"mk{'n' * left.batched},mk{samples}->m{samples}")

    def _light_parts(self, by_class: list[Classes], heavy: list[ClassKey], shape: tuple[int, ...]) -> list[Part]:
        """What sums add number by number: single scalars, single products, and totals of many scalars."""
        parts = []
        for key, products in by_class[0].items():
            if key in heavy:
                continue
            columns = [sorted([self._ordered(p) for p in own[key]], key=self.addresses.sort_key) for own in by_class]
            if len(products) >= _MANY and len(products[0]) == 1:
                index = np.array(
                    [[self.addresses.address_of(self.addresses.scalars[p[0]]) for p in column] for column in columns]
                )
                batched = self.addresses.scalars[products[0][0]].batched
                parts.append(Part(key[0], (Rows(batched, index.reshape(*shape, -1)),), "sum"))
                continue
            for slot in range(len(products)):
                factors = [
                    self.addresses.rows_of([self.addresses.scalars[c[slot][f]] for c in columns])
                    for f in range(len(products[0]))
                ]
                parts.append(Part(key[0], tuple([f.shaped(shape) for f in factors])))
        return parts

    def _ordered(self, product: Product) -> Product:
        return tuple(sorted(product, key=self.addresses.side))

    def _plain_sums(self, group: list[Scalar]) -> None:
        """Sums without a matrix product in them."""
        group.sort(key=lambda t: [self.addresses.sort_key(list(self._ordered(p))) for p, _ in t.products])
        by_class = [self._classes(scalar) for scalar in group]
        parts = self._light_parts(by_class, [], (len(group),))
        columns = [factor.index for part in parts if not part.spec for factor in part.factors]
        shape = common_shape(columns) if columns else full_shape(None, group)
        if shape is None and 0.7 * len(group) < max([pieces(column) for column in columns]):
            for scalar in group:
                self._plain_sums([scalar])
            return
        shape = full_shape(shape, group)
        for part in parts:
            part.factors = tuple([f.shaped((*shape, -1) if part.spec else shape) for f in part.factors])
        block = self.addresses.block_for(group, "s")
        self.addresses.statements.append(Statement(block, shape, constant=group[0].constant, parts=parts))
