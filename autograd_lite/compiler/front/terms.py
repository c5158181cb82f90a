"""What normalisation makes of a graph: terms, each a sum of products or an operation of the table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from autograd_lite.ops import Op

# A product is the numbers of its factors, in ascending order: () is the constant's, (i,) a term, (i, j) two of them.
Product = tuple[int, ...]


@dataclass(eq=False, slots=True)
class Term:
    """One scalar of the normalised program.

    Parameters
    ----------
    index : int
        Its number.
    kind : str
        "input", "parameter", "constant", "sum" or "operation".
    lane : bool
        Whether it depends on the inputs, so that each sample of a batch has its own.
    active : bool
        Whether it depends on a parameter, so that it needs a gradient.
    position : int
        Of an input or parameter: which one.
    products, constant :
        Of a sum: pairs of a product and its coefficient, and what is added to them.
    op, operands, sample :
        Of an operation: its row, what it is applied to, and the numbers that flowed through it in the trace.
    """

    index: int
    kind: str
    lane: bool
    active: bool
    position: int = 0
    constant: float = 0.0
    products: tuple[tuple[Product, float], ...] = ()
    op: Op | None = None
    operands: tuple[Term | float, ...] = ()
    sample: tuple[float, ...] = ()

    def parents(self, terms: list[Term]) -> Iterator[Term]:
        """The terms that this one is computed from."""
        for product, _ in self.products:
            for i in product:
                yield terms[i]
        for operand in self.operands:
            if isinstance(operand, Term):
                yield operand


@dataclass(frozen=True)
class NormalForm:
    """The normalised program: all terms, each after its parents, and the outputs."""

    terms: list[Term]
    outputs: list[Term | float]

    def __str__(self) -> str:
        return "\n".join(_write(term) for term in self.terms if term.kind in ("sum", "operation"))


def _write(term: Term) -> str:
    if term.op is not None:
        return f"t{term.index} = {term.op.name}({', '.join([f't{x.index}' if isinstance(x, Term) else str(x) for x in term.operands])})"
    products = ["*".join([*([] if c == 1.0 else [str(c)]), *[f"t{i}" for i in p]]) for p, c in term.products]
    return f"t{term.index} = " + " + ".join([*products, *([] if term.constant == 0.0 else [str(term.constant)])])
