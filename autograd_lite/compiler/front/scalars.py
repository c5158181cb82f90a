"""What normalisation makes of a graph: scalars, each a sum of products or an operation of the table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from autograd_lite.ops import Op

# A product is the numbers of its factors, in ascending order: () is the constant's, (i,) a scalar, (i, j) two of them.
Product = tuple[int, ...]


@dataclass(eq=False, slots=True)
class Scalar:
    """One scalar of the normalised program.

    Parameters
    ----------
    index : int
        Its number.
    kind : str
        "input", "parameter", "constant", "sum" or "operation".
    batched : bool
        Whether it depends on the inputs, so that there is one number for each sample of the batch.
    active : bool
        Whether it depends on a parameter, so that it needs a gradient.
    position : int
        The number of the input or parameter.
    products, constant :
        For a sum: pairs of a product and its coefficient, and the constant that is added.
    op, operands :
        For an operation: its row of the table and its operands.
    """

    index: int
    kind: str
    batched: bool
    active: bool
    position: int = 0
    constant: float = 0.0
    products: tuple[tuple[Product, float], ...] = ()
    op: Op | None = None
    operands: tuple[Scalar | float, ...] = ()

    def parents(self, scalars: list[Scalar]) -> Iterator[Scalar]:
        """The scalars that this one is computed from."""
        for product, _ in self.products:
            for i in product:
                yield scalars[i]
        for operand in self.operands:
            if isinstance(operand, Scalar):
                yield operand


@dataclass(frozen=True)
class NormalForm:
    """The normalised program: all scalars, each after its parents, and the outputs."""

    scalars: list[Scalar]
    outputs: list[Scalar | float]

    def __str__(self) -> str:
        return "\n".join(_write(scalar) for scalar in self.scalars if scalar.kind in ("sum", "operation"))


def _write(scalar: Scalar) -> str:
    if scalar.op is not None:
        return f"t{scalar.index} = {scalar.op.name}({', '.join([f't{x.index}' if isinstance(x, Scalar) else str(x) for x in scalar.operands])})"
    products = ["*".join([*([] if c == 1.0 else [str(c)]), *[f"t{i}" for i in p]]) for p, c in scalar.products]
    return f"t{scalar.index} = " + " + ".join([*products, *([] if scalar.constant == 0.0 else [str(scalar.constant)])])
