"""Where each scalar of a program lives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from autograd_lite.compiler.front.scalars import Scalar
from autograd_lite.compiler.ir.grids import FactorList
from autograd_lite.compiler.ir.program import Block, Statement
from autograd_lite.compiler.ir.rows import Rows


class Addresses:
    """Gives rows of the array and places of the parameter vector to scalars, as they are scheduled.

    Parameters
    ----------
    scalars : list of Scalar
        All scalars, by number.
    """

    def __init__(self, scalars: list[Scalar]) -> None:
        self.scalars = scalars
        count = len(self.scalars)
        self.address = [-1] * count
        self.block_of = [-1] * count  # -1: the parameters
        self.cell_of = [(0, 0)] * count  # the coordinates (l, r) of the scalar in the grid that computes it
        self.rows = 0
        self.next_leaf = 0  # parameters come first in their vector, then what is computed from them
        self.places = sum(t.kind == "parameter" for t in self.scalars)
        self.blocks: list[Block] = []
        self.statements: list[Statement] = []
        self.names: Counter[str] = Counter()
        self.ones: list[int] = []
        self.fillers: dict[float, Scalar] = {}  # rows of one number, which fill up operands of different lengths

    def new_block(
        self, name: str, scalars: Sequence[Scalar | None], coordinates: list[tuple[int, int]] | None = None
    ) -> Rows:
        """Give rows to scalars, one after the other; None leaves a gap. `coordinates` are their (l, r) in a grid."""
        batched = next((scalar.batched for scalar in scalars if scalar is not None), True)
        start = self.rows if batched else self.places
        index = np.arange(start, start + len(scalars))
        number = len(self.blocks)
        for i, scalar in enumerate(scalars):
            if scalar is None:
                continue
            self.address[scalar.index] = start + i
            self.block_of[scalar.index] = number
            self.cell_of[scalar.index] = coordinates[i] if coordinates else (0, i)
        if batched:
            self.rows += len(scalars)
        else:
            self.places += len(scalars)
        self.blocks.append(Block(name, batched, start, len(scalars)))
        return Rows(batched, index)

    def row_of_ones(self) -> None:
        """Add a row of ones, which biases are multiplied by."""
        self.ones.append(self.rows)
        self.rows += 1

    def filler(self, number: float) -> Scalar:
        """A row that holds one number."""
        if number not in self.fillers:
            scalar = Scalar(len(self.scalars), "filler", batched=True, active=False)
            self.scalars.append(scalar)
            self.address.append(self.rows)
            self.block_of.append(-2)
            self.cell_of.append((0, 0))
            self.rows += 1
            self.fillers[number] = scalar
        return self.fillers[number]

    def address_of(self, scalar: Scalar) -> int:
        """The address of a scalar; a parameter gets the next place of the vector at its first use."""
        if self.address[scalar.index] < 0 and scalar.kind == "parameter":
            self.address[scalar.index] = self.next_leaf
            self.next_leaf += 1
        elif self.address[scalar.index] < 0:
            self.address[scalar.index] = self.places
            self.places += 1
        return self.address[scalar.index]

    def rows_of(self, scalars: list[Scalar]) -> Rows:
        """The rows of scalars as an operand."""
        return Rows(scalars[0].batched, np.array([self.address_of(t) for t in scalars], dtype=np.intp))

    def name(self, stem: str) -> str:
        """A new name for a block."""
        self.names[stem] += 1
        return f"{stem}{self.names[stem]}" if stem in ("z", "s") else f"{stem}_{self.names[stem]}"

    def sort_key(self, indices: FactorList | list[int]) -> list[int]:
        """The addresses of scalars by number; parameters without one come last, in their own order."""
        return [a if (a := self.address[i]) >= 0 else 1_000_000_000 + i for i in indices]

    def block_for(
        self, group: Sequence[Scalar | None], stem: str, coordinates: list[tuple[int, int]] | None = None
    ) -> Block:
        """A new block. Its name begins with the stem, or is the stem if that ends in a digit."""
        self.new_block(stem if stem[-1].isdigit() else self.name(stem), group, coordinates)
        return self.blocks[-1]

    def side(self, i: int) -> tuple[bool, int, int, int]:
        """What orders the two factors of a product: the lesser one is the left one."""
        return self.scalars[i].batched, self.block_of[i], *self.cell_of[i]
