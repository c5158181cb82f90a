"""The program that the passes share: array instructions, and the addresses of their numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from autograd_lite.compiler.front.scalars import Scalar
from autograd_lite.compiler.ir.rows import Index, Rows
from autograd_lite.ops import Op


class Block(NamedTuple):
    """A run of rows that one instruction computes."""

    name: str
    batched: bool
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
    with_bias: tuple[Part, Rows, Rows] | None = (
        None  # the bias, if it can be a last column, and the operands with that column
    )


@dataclass
class Statement:
    """One array instruction: an operation of the table on operands, or a constant plus a sum of parts."""

    block: Block
    shape: tuple[int, ...]
    op: Op | None = None
    operands: tuple[Rows | float, ...] = ()
    constant: float = 0.0
    parts: list[Part] = field(default_factory=list)

    @property
    def along_axis(self) -> bool:
        """Whether its one operand has one axis more, along which the operation goes."""
        return self.op is not None and self.op.arity == 0 and len(self.operands) == 1

    @property
    def target(self) -> Rows:
        """The rows that it computes."""
        rows = np.arange(self.block.start, self.block.start + self.block.size)
        return Rows(self.block.batched, rows.reshape(self.shape))


@dataclass
class Program:
    """The instructions in order, and where everything lives."""

    statements: list[Statement]
    blocks: list[Block]
    inputs: list[Index]
    input_shapes: list[tuple[int, ...]]  # of one sample
    ones: list[int]
    fillers: dict[float, int]
    outputs: list[tuple[Scalar | float, int]]
    parameters: Index
    constants: list[tuple[int, float]]
    rows: int
    places: int
    active_rows: set[int]
    active_places: set[int]

    def __str__(self) -> str:
        return "\n".join([f"{s.block.name}[{s.block.size}] = {_describe(s)}" for s in self.statements])


def _describe(s: Statement) -> str:
    if s.op is not None:
        return s.op.name
    return " + ".join([p.spec or "*".join(["rows"] * len(p.factors)) for p in s.parts])
