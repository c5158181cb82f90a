"""Sums and products as text, with the signs, coefficients and parentheses that one writes by hand."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

# How tightly a text binds: as a comparison, a sum, a product, a power, or a name.
COMPARISON, SUM, PRODUCT, POWER, ATOM = 0, 1, 2, 4, 9

_LONGEST_COEFFICIENT: Final = 6  # characters; instead of a longer one a sum is divided by an integer


class Factor(NamedTuple):
    """A text that is multiplied or divided by."""

    text: str
    binding: int = ATOM

    def within(self, binding: int) -> str:
        """The text, in parentheses if it does not bind more tightly than this."""
        return self.text if self.binding > binding else f"({self.text})"


@dataclass(frozen=True)
class Product:
    """A coefficient times the factors above the line, divided by those below it.

    Examples
    --------
    >>> x, y = Product((Factor("x"),)), Product((Factor("y"),))
    >>> print(-x.times(x).times(Product(coefficient=0.5)))
    -0.5 * x**2
    >>> print(x.over(y))
    x / y
    """

    above: tuple[Factor, ...] = ()
    below: tuple[Factor, ...] = ()
    coefficient: float = 1.0

    def __neg__(self) -> Product:
        return replace(self, coefficient=-self.coefficient)

    def __abs__(self) -> Product:
        return -self if self.is_negative else self

    @property
    def is_negative(self) -> bool:
        """Whether it begins with a minus sign."""
        return math.copysign(1.0, self.coefficient) < 0.0

    @property
    def is_number(self) -> bool:
        """Whether it is a number alone."""
        return not self.above and not self.below

    def times(self, other: Product, regroup: bool = True) -> Product:
        """The product of two. `regroup`: whether `(a / b) * (c / d)` may change its order."""
        if self.below and not regroup:
            return product_of(*self.factor()).times(other, regroup)
        if other.below and (self.below or not regroup):
            return replace(self, above=(*self.above, other.factor()))
        coefficient = self.coefficient * other.coefficient
        return Product((*self.above, *other.above), (*self.below, *other.below), coefficient)

    def over(self, other: Product) -> Product:
        """The quotient of two."""
        if other.is_negative and not other.is_number:
            return -self.over(-other)
        return replace(self, below=(*self.below, other.factor()))

    def summed(self, axes: Iterable[int]) -> Product:
        """The sum along some axes, with the coefficient outside."""
        chosen = tuple(axes)
        if not chosen:
            return self
        inner = replace(self, coefficient=1.0).factor().within(POWER)
        which = str(chosen[0]) if len(chosen) == 1 else str(chosen)
        return Product((Factor(f"{inner}.sum({which})"),), (), self.coefficient)

    def factor(self) -> Factor:
        """The whole as one text."""
        c = abs(self.coefficient)
        divisor = _divisor(c)
        powers = _with_powers(self.above)
        numbers = [] if (c == 1.0 and powers) or divisor else [Factor(short(c))]
        factors = [*numbers, *powers]
        below = [*self.below, *([Factor(divisor)] if divisor else [])]
        if not factors:
            factors = [Factor("1")]
        if len(factors) == 1 and not below:
            text, binding = factors[0]
            if not self.is_negative:
                return factors[0]
            return Factor(f"-{text if binding > PRODUCT else f'({text})'}", PRODUCT)
        text = " * ".join([factor.within(PRODUCT) for factor in factors])
        text += "".join([f" / {factor.within(PRODUCT)}" for factor in below])
        return Factor(f"-{text}" if self.is_negative else text, PRODUCT)

    def __str__(self) -> str:
        return self.factor().text


class Sum(NamedTuple):
    """A sum of products, in the order in which it is written."""

    products: tuple[Product, ...]

    def __str__(self) -> str:
        first, *rest = self.products
        if not rest:
            return str(first)
        begin = str(first) if first.is_negative else _summand(first)
        return begin + "".join([f" {'-' if p.is_negative else '+'} {_summand(abs(p))}" for p in rest])

    def product(self) -> Product:
        """The sum as a factor of a product, or its one product itself."""
        return self.products[0] if len(self.products) == 1 else Product((Factor(str(self), SUM),))

    def ordered(self) -> Sum:
        """The same sum, in the order of a textbook: first what is added, then what is subtracted, and numbers last."""

        def key(product: Product) -> tuple[bool, bool, int]:
            return product.is_negative, product.is_number, -len(product.above) - len(product.below)

        return Sum(tuple(sorted(self.products, key=key)))


def _summand(product: Product) -> str:
    return product.factor().within(SUM)


def product_of(text: str, binding: int = ATOM) -> Product:
    """A text as a product of one factor."""
    return Product((Factor(text, binding),))


def constant(x: float) -> Product:
    """A number as a product without factors."""
    return Product(coefficient=x)


def _with_powers(factors: tuple[Factor, ...]) -> list[Factor]:
    """The factors, each once: a square is written as one."""
    counts: dict[Factor, int] = {}
    for factor in factors:
        counts[factor] = counts.get(factor, 0) + 1
    return [f if n == 1 else Factor(f"{f.within(POWER)}**{n}", POWER) for f, n in counts.items()]


def _divisor(coefficient: float) -> str:
    """The integer to divide by instead of multiplying with a long coefficient; "" for any other."""
    if coefficient == 0.0 or len(short(coefficient)) <= _LONGEST_COEFFICIENT:
        return ""
    inverse = round(1.0 / coefficient) if 1e-6 < coefficient < 1.0 else 0
    return str(inverse) if inverse and 1.0 / inverse == coefficient else ""


def short(number: float) -> str:
    """A number as Python reads it back, without the ".0" of a whole one."""
    text = repr(float(number)).removesuffix(".0")
    return text if math.isfinite(number) else "-float('inf')" if number < 0.0 else f"float('{text}')"
