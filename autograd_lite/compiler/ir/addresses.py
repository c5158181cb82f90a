"""Where each term of a program lives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from autograd_lite.compiler.front.terms import Term
from autograd_lite.compiler.ir.grids import FactorList
from autograd_lite.compiler.ir.program import Block, Statement
from autograd_lite.compiler.ir.rows import Rows


class Layout:
    """Gives rows of the array and places of the parameter vector to terms, as they are scheduled.

    Parameters
    ----------
    terms : list of Term
        All terms, by number.
    """

    def __init__(self, terms: list[Term]) -> None:
        self.terms = terms
        count = len(self.terms)
        self.address = [-1] * count
        self.block_of = [-1] * count  # -1: the parameters
        self.place_in = [(0, 0)] * count  # the coordinates (l, r) of a row in the grid that made it
        self.rows = 0
        self.next_leaf = 0  # parameters come first in their vector, then what is computed from them
        self.places = sum(t.kind == "parameter" for t in self.terms)
        self.blocks: list[Block] = []
        self.statements: list[Statement] = []
        self.names: Counter[str] = Counter()
        self.ones: list[int] = []
        self.fillers: dict[float, Term] = {}  # rows of one number, to bring operands of different length to the same

    def new_block(
        self, name: str, terms: Sequence[Term | None], coordinates: list[tuple[int, int]] | None = None
    ) -> Rows:
        """Give rows to terms, one after the other; None leaves a gap. Coordinates (l, r) are theirs in a grid."""
        lane = next((term.lane for term in terms if term is not None), True)
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

    def row_of_ones(self) -> None:
        """Leave a row of ones, which biases are multiplied by."""
        self.ones.append(self.rows)
        self.rows += 1

    def filler(self, number: float) -> Term:
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

    def place(self, term: Term) -> int:
        """The address of a term; a parameter gets the next place of the vector at its first use."""
        if self.address[term.index] < 0 and term.kind == "parameter":
            self.address[term.index] = self.next_leaf
            self.next_leaf += 1
        elif self.address[term.index] < 0:
            self.address[term.index] = self.places
            self.places += 1
        return self.address[term.index]

    def rows_of(self, terms: list[Term]) -> Rows:
        """The rows of terms as an operand."""
        return Rows(terms[0].lane, np.array([self.place(t) for t in terms], dtype=np.intp))

    def name(self, stem: str) -> str:
        """A new name for a block."""
        self.names[stem] += 1
        return f"{stem}{self.names[stem]}" if stem in ("z", "s") else f"{stem}_{self.names[stem]}"

    def sort_key(self, indices: FactorList | list[int]) -> list[int]:
        """The addresses of terms by number; parameters without one come last, in their own order."""
        return [a if (a := self.address[i]) >= 0 else 1_000_000_000 + i for i in indices]

    def block_for(
        self, group: Sequence[Term | None], stem: str, coordinates: list[tuple[int, int]] | None = None
    ) -> Block:
        """A new block, named by a stem unless that is a whole name already."""
        self.new_block(stem if stem[-1].isdigit() else self.name(stem), group, coordinates)
        return self.blocks[-1]

    def side(self, i: int) -> tuple[bool, int, int, int]:
        """By which the two factors of a product are told apart: the lesser one is the left one."""
        return self.terms[i].lane, self.block_of[i], *self.place_in[i]
