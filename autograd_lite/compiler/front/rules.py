"""Sums of products while they grow, and which operations of the table become part of one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from autograd_lite import ops
from autograd_lite.compiler.front.scalars import Product, Scalar
from autograd_lite.ops import Op


@dataclass(eq=False, slots=True)
class Sum:
    """A sum that is still growing."""

    products: dict[Product, float] = field(default_factory=dict)
    pairs: int = 0  # how many products of two factors it holds, or a little more
    of_sums: bool = False  # whether sums of products were added to it as separate scalars


Form = float | Scalar | Sum


class Builder(Protocol):
    """Makes scalars of sums and products, for the rules below."""

    def scalar(self, form: Form) -> Scalar | float: ...  # noqa: D102

    def add(self, total: Sum, form: Form, scale: float = 1.0) -> None: ...  # noqa: D102

    def sum_of(self, forms: tuple[Form, ...], scales: tuple[float, ...]) -> Form: ...  # noqa: D102

    def multiply(self, left: Form, right: Form) -> Form: ...  # noqa: D102


def _power(n: Builder, base: Form, exponent: Form) -> Form | None:
    if exponent == 1.0:
        return base
    if exponent == 2.0:
        return n.multiply(base, base)
    if exponent == 3.0:
        return n.multiply(n.scalar(n.multiply(base, base)), base)
    return None


def _quotient(n: Builder, x: Form, y: Form) -> Form | None:
    if isinstance(y, float) and 1e-300 < abs(y) < 1e300:  # outside, the reciprocal is inf or inexact
        return n.multiply(x, 1.0 / y)
    return None


def _dot(n: Builder, *operands: Form) -> Form:
    size = len(operands) // 2
    total = Sum()
    products = total.products
    for left, right in zip(operands[:size], operands[size:-1], strict=True):
        if isinstance(left, Scalar) and isinstance(right, Scalar):  # the usual case, in fewer steps
            i, j = left.index, right.index
            key = (i, j) if i < j else (j, i)
            products[key] = products.get(key, 0.0) + 1.0
            total.pairs += 1
        else:
            n.add(total, n.multiply(left, right))
    n.add(total, operands[-1])
    return total


RULES: dict[Op, Callable[..., Form | None]] = {
    ops.ADD: lambda n, x, y: n.sum_of((x, y), (1.0, 1.0)),
    ops.SUB: lambda n, x, y: n.sum_of((x, y), (1.0, -1.0)),
    ops.NEG: lambda n, x: n.multiply(x, -1.0),
    ops.MUL: lambda n, x, y: n.multiply(x, y),
    ops.DIV: _quotient,
    ops.POW: _power,
    ops.TOTAL: lambda n, *xs: n.sum_of((0.0, *xs), (1.0,) * (len(xs) + 1)),
    # Divided last, so that a total that overflows makes the mean infinite, as in the operation itself.
    ops.MEAN: lambda n, *xs: n.multiply(n.scalar(n.sum_of((0.0, *xs), (1.0,) * (len(xs) + 1))), 1.0 / len(xs)),
    ops.DOT: _dot,
}
