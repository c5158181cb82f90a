"""The derivative rules of the operations table as formulas: a rule is run on symbols, and what it computes is written down.

`recorded` gives exactly what a rule computes, for programs. `readable` gives the same as a textbook writes it, for people.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from autograd_lite import ops
from autograd_lite.graph import notation as formula
from autograd_lite.graph.notation import Notation, Text
from autograd_lite.graph.operators import Arithmetic
from autograd_lite.ops import Op

Term = Any  # a Symbol, an Applied or a float


class Symbol(Arithmetic):
    """What stands for a number while a rule is run: a name alone, or an operation of other symbols and numbers.

    Examples
    --------
    >>> y = Symbol("y")
    >>> (1.0 - y * y).op.name
    'sub'
    """

    __slots__ = ("name", "op", "operands")

    def __init__(self, name: object = None, op: Op | None = None, operands: tuple[Term, ...] = ()) -> None:
        self.name: Final = name
        self.op: Final = op
        self.operands: Final = operands

    def _record(self, op: Op, operands: tuple[Any, ...]) -> Symbol:
        return Symbol(None, op, tuple([x if isinstance(x, Symbol) else float(x) for x in operands]))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Symbol):
            return False
        return self is other or (self.name, self.op, self.operands) == (other.name, other.op, other.operands)

    def __hash__(self) -> int:
        return hash((self.name, self.op, self.operands))

    def __bool__(self) -> bool:
        raise TypeError("a symbol has no number to decide on")


def recorded(op: Op, operands: Sequence[Symbol | float], result: Symbol) -> list[Term] | None:
    """The local derivatives of an operation, one for each operand, as its rule computes them.

    None where the rule of a user's operation cannot be run on symbols: it decides on numbers, or calls `math`.

    Examples
    --------
    >>> from autograd_lite import ops
    >>> [by_x] = recorded(ops.TANH, [Symbol("x")], Symbol("y"))
    >>> by_x.op.name, by_x.operands[0]
    ('sub', 1.0)
    """
    if ops.TABLE.get(op.name) is op:
        return list(op.partials(*operands, result))
    try:
        return list(op.partials(*operands, result))
    except Exception:
        return None


# Rules that multiply by `_times`, for which 0 · ∞ is 0.
ZERO_ANNIHILATES: Final = (ops.PROD, ops.CROSS_ENTROPY)


def as_sent(op: Op, operands: Sequence[Any]) -> Sequence[Any]:
    """Operands in the order in which backward() sends to them: those of `dot` in pairs, then the bias."""
    if op is not ops.DOT:
        return operands
    n = len(operands) // 2
    return [x for pair in zip(operands[:n], operands[n:]) for x in pair] + [operands[-1]]


def expanded(term: Term, known: dict[int, Term] | None = None) -> Term:
    """A term in which the derivatives of a power are written by other rows."""
    known = {} if known is None else known
    if not isinstance(term, Symbol) or term.op is None:
        return term
    if id(term) not in known:
        operands = tuple([expanded(x, known) for x in term.operands])
        if term.op is ops.POWER_DERIVATIVE and term.op.formula is not None:
            known[id(term)] = term.op.formula(*operands)
        else:
            known[id(term)] = term if operands == term.operands else Symbol(None, term.op, operands)
    return known[id(term)]


def readable(op: Op, operands: Sequence[Symbol | float], result: Symbol) -> list[Term] | None:
    """The local derivatives of an operation, one for each operand, as a textbook writes them.

    Where a rule uses the result, that is written by its name (1 − a² for a = tanh x), but for roots, quotients and powers,
    which are written out (1 / (2·√x)).
    """
    if op in _WRITTEN_OUT:
        result = Symbol(None, op, tuple(operands))
    found = recorded(op, operands, result)
    return None if found is None else [_simple(term) for term in found]


_WRITTEN_OUT: Final = frozenset((ops.DIV, ops.SQRT, ops.CBRT, ops.EXP, ops.EXP2, ops.IEEE_DIV))
# What rules compute with instead of the operation that it stands for, so that no derivative raises.
_STANDS_FOR: Final = {ops.IEEE_DIV: ops.DIV, ops.IEEE_POW: ops.POW, ops.IEEE_LOG: ops.LOG, ops.SUM: ops.TOTAL}


def _simple(term: Term) -> Term:
    if not isinstance(term, Symbol) or term.op is None:
        return term
    op = _STANDS_FOR.get(term.op, term.op)
    operands = tuple([_simple(x) for x in term.operands])
    shorten = _SHORTEN.get(op)
    short = None if shorten is None else shorten(*operands)
    return Symbol(None, op, operands) if short is None else short


def _apply(op: Op, *operands: Term) -> Term:
    """An operation of simple operands, simplified."""
    if all(isinstance(x, float) for x in operands):
        return float(op.forward(*operands))
    return _simple(Symbol(None, op, operands))


def _is(term: Term, op: Op) -> bool:
    return isinstance(term, Symbol) and term.op is op


def _sum(x: Term, y: Term) -> Term:
    if x == 0.0:
        return y
    if y == 0.0:
        return x
    return _apply(ops.SUB, x, y.operands[0]) if _is(y, ops.NEG) else None


def _difference(x: Term, y: Term) -> Term:
    if y == 0.0:
        return x
    if x == 0.0:
        return _apply(ops.NEG, y)
    return _apply(ops.ADD, x, y.operands[0]) if _is(y, ops.NEG) else None


def _product(x: Term, y: Term) -> Term:
    if isinstance(y, float) and not isinstance(x, float):
        return _apply(ops.MUL, y, x)
    if x == 1.0 or x == -1.0:
        return y if x == 1.0 else _apply(ops.NEG, y)
    if _is(x, ops.NEG):
        return _apply(ops.NEG, _apply(ops.MUL, x.operands[0], y))
    if _is(y, ops.NEG):
        return _apply(ops.NEG, _apply(ops.MUL, x, y.operands[0]))
    if isinstance(x, float) and x < 0.0:
        return _apply(ops.NEG, _apply(ops.MUL, -x, y))
    return _apply(ops.POW, x, 2.0) if x == y else None


def _quotient(x: Term, y: Term) -> Term:
    if y == 1.0:
        return x
    if _is(x, ops.NEG):
        return _apply(ops.NEG, _apply(ops.DIV, x.operands[0], y))
    if _is(x, ops.DIV):
        return _apply(ops.DIV, x.operands[0], _apply(ops.MUL, x.operands[1], y))
    if isinstance(x, float) and x in _INVERSE:
        return _apply(ops.DIV, 1.0, _apply(ops.MUL, _INVERSE[x], y))
    if isinstance(x, float) and x not in (0.0, 1.0) and (1.0 / x).is_integer():
        return _apply(ops.DIV, 1.0, _apply(ops.MUL, 1.0 / x, y))
    return _softmax(x, y)


_INVERSE: Final = {1.0 / math.log(number): math.log(number) for number in (2.0, 10.0)}


def _softmax(x: Term, y: Term) -> Term:
    """exp(a − m) / Σ exp(b − m) without the m, which only keeps the numbers small."""

    def unshifted(term: Term) -> Term:
        is_shifted = (
            _is(term, ops.EXP) and _is(term.operands[0], ops.SUB) and _is(term.operands[0].operands[1], ops.LARGEST)
        )
        return Symbol(None, ops.EXP, (term.operands[0].operands[0],)) if is_shifted else None

    if unshifted(x) is None or not _is(y, ops.TOTAL):
        return None
    terms = [unshifted(term) for term in y.operands]
    return None if None in terms else Symbol(None, ops.DIV, (unshifted(x), Symbol(None, ops.TOTAL, tuple(terms))))


def _power(x: Term, y: Term) -> Term:
    if y == 1.0 or y == 0.0:
        return x if y == 1.0 else 1.0
    if isinstance(y, float) and y < 0.0:
        return _apply(ops.DIV, 1.0, _apply(ops.POW, x, -y))
    return None


def _negative(x: Term) -> Term:
    if _is(x, ops.NEG):
        return x.operands[0]
    if _is(x, ops.MUL) or _is(x, ops.DIV):  # −x / y needs no parentheses
        first, second = x.operands
        negative = -first if isinstance(first, float) else Symbol(None, ops.NEG, (first,))
        return Symbol(None, x.op, (negative, second))
    return None


def _power_derivative(x: Term, y: Term, by_base: Term, by_exponent: Term) -> Term:
    if (by_base, by_exponent) == (1.0, 0.0):
        return _apply(ops.MUL, y, _apply(ops.POW, x, _apply(ops.SUB, y, 1.0)))
    if (by_base, by_exponent) == (0.0, 1.0):
        return _apply(ops.MUL, _apply(ops.POW, x, y), _apply(ops.LOG, x))
    return None


_SHORTEN: Final[dict[Op, Callable[..., Term]]] = {
    ops.ADD: _sum,
    ops.SUB: _difference,
    ops.MUL: _product,
    ops.DIV: _quotient,
    ops.POW: _power,
    ops.NEG: _negative,
    ops.POWER_DERIVATIVE: _power_derivative,
}


# --- writing ----------------------------------------------------------------------------------------------------------

_COMPARISONS: Final = {ops.GREATER: ">", ops.LESS: "<", ops.EQUAL: "="}
_CONSTANTS: Final = {  # plain, LaTeX
    2.0 / math.sqrt(math.pi): ("2/√π", r"\frac{2}{\sqrt{\pi}}"),
    1.0 / math.sqrt(2.0 * math.pi): ("1/√(2π)", r"\frac{1}{\sqrt{2\pi}}"),
    math.log(2.0): ("log(2)", r"\log 2"),
    math.log(10.0): ("log(10)", r"\log 10"),
    **{1.0 / n: (f"1/{n}", rf"\frac{{1}}{{{n}}}") for n in range(3, 1000) if len(str(1.0 / n)) > 10},
}


def write(term: Term, texts: Mapping[object, Text], notation: Notation, digits: int = 10) -> str:
    """A rule as text, its symbols written as `texts` says by their names.

    Examples
    --------
    >>> from autograd_lite import ops
    >>> x, texts = Symbol("x"), {"x": Text("x"), "y": Text("y")}
    >>> [write(readable(op, [x], Symbol("y"))[0], texts, Notation.PLAIN) for op in (ops.TANH, ops.SQRT, ops.ERF)]
    ['1 − y²', '1 / (2·sqrt(x))', '2/√π·exp(−x²)']
    """
    if isinstance(term, Symbol) and term.op in _COMPARISONS:
        term = Symbol(None, ops.WHERE, (term, 1.0, 0.0))
    text = _write(term, texts, notation, digits).text
    if isinstance(term, Symbol) and term.op is ops.WHERE:
        text = text.removeprefix(r"\left").removeprefix("(").removesuffix(")").removesuffix(r"\right")
    return text


def _write(term: Term, texts: Mapping[object, Text], notation: Notation, digits: int) -> Text:
    if isinstance(term, float):
        known = _CONSTANTS.get(abs(term))
        if known is None:
            return formula.number(term, notation, digits)
        text = Text(known[notation is Notation.LATEX])
        return text if term > 0.0 else formula.write(ops.NEG, [text], notation)
    if term.op is None:
        return texts[term.name]
    operands = [_write(x, texts, notation, digits) for x in term.operands]
    if term.op is ops.MUL:
        return formula.write_product(operands[0], operands[1], notation)
    if term.op in _COMPARISONS:
        return Text(f"[{operands[0].text} {_COMPARISONS[term.op]} {operands[1].text}]")
    if term.op is ops.WHERE:
        is_compared = term.operands[0].op in _COMPARISONS
        condition = operands[0].text[1:-1] if is_compared else f"{operands[0].text} ≠ 0"
        if notation is Notation.LATEX:
            return Text(
                rf"\left({operands[1].text} \text{{ if }} {condition} \text{{, else }} {operands[2].text}\right)"
            )
        return Text(f"({operands[1].text} if {condition}, else {operands[2].text})")
    return formula.write(term.op, operands, notation)
