"""Formulas: how an operation is written as Python, as plain text for people, and as LaTeX.

One table says how tightly each operator binds, so that a formula has the parentheses it needs, and no others, in each of
the three notations.
"""

from __future__ import annotations

import functools
import math
import re
import unicodedata
from enum import Enum
from typing import Final, NamedTuple

from autograd_lite import ops
from autograd_lite._support.text import escaped, quoted
from autograd_lite.ops import Op

_SUM, _PRODUCT, _SIGN, _POWER, _ATOM = range(1, 6)


class Notation(Enum):
    """A way to write formulas."""

    PYTHON = 0  # w * x**2: valid Python, every digit
    PLAIN = 1  # 2 × 3²: for people, in any typeface
    LATEX = 2  # w \cdot x^{2}: math mode


class Text(NamedTuple):
    """A piece of a formula, and how tightly its outermost operator binds."""

    text: str
    binding: int = _ATOM

    def within(self, binding: int, notation: Notation) -> str:
        """The piece as an operand of an operator that needs operands to bind as tightly as `binding`."""
        return self.text if self.binding >= binding else _parenthesised(self.text, notation)


class _Infix(NamedTuple):
    """An operator: its binding, what its left and right operands need to do without parentheses, its three signs."""

    binding: int
    left: int
    right: int
    signs: tuple[str, str, str]


_INFIX: Final[dict[Op, _Infix]] = {
    ops.ADD: _Infix(_SUM, _SUM, _PRODUCT, (" + ", " + ", " + ")),
    ops.SUB: _Infix(_SUM, _SUM, _PRODUCT, (" - ", " − ", " - ")),
    ops.MUL: _Infix(_PRODUCT, _PRODUCT, _SIGN, (" * ", " × ", r" \cdot ")),
    ops.DIV: _Infix(_PRODUCT, _PRODUCT, _SIGN, (" / ", " / ", "")),
    ops.IEEE_DIV: _Infix(_PRODUCT, _PRODUCT, _SIGN, (" / ", " / ", "")),
    ops.MOD: _Infix(_PRODUCT, _PRODUCT, _SIGN, (" % ", " mod ", r" \;\mathrm{mod}\; ")),
    ops.FLOOR_DIVIDE: _Infix(_PRODUCT, _PRODUCT, _SIGN, (" // ", " // ", "")),
    ops.POW: _Infix(_POWER, _ATOM, _SIGN, ("**", "^", "")),
    ops.IEEE_POW: _Infix(_POWER, _ATOM, _SIGN, ("**", "^", "")),
}

# Where LaTeX has a name or a shape of its own for a function; the others are written \operatorname{name}(...).
_LATEX_FUNCTION: Final[dict[Op, str]] = {
    **{op: rf"\{op.name}" for op in (ops.LOG, ops.SIN, ops.COS, ops.TAN, ops.SINH, ops.COSH, ops.TANH)},
    ops.IEEE_LOG: r"\log",
    ops.LOG2: r"\log_2",
    ops.LOG10: r"\log_{10}",
    ops.ASIN: r"\arcsin",
    ops.ACOS: r"\arccos",
    ops.ATAN: r"\arctan",
    ops.SIGMOID: r"\sigma",
    ops.MAXIMUM: r"\max",
    ops.MINIMUM: r"\min",
    ops.LARGEST: r"\max",
    ops.NORMAL_CDF: r"\Phi",
    ops.NORMAL_PDF: r"\varphi",
}
_LATEX_ENCLOSING: Final[dict[Op, tuple[str, int]]] = {
    ops.EXP: (r"e^{%s}", _POWER),
    ops.SQRT: (r"\sqrt{%s}", _ATOM),
    ops.EXP2: (r"2^{%s}", _POWER),
    ops.CBRT: (r"\sqrt[3]{%s}", _ATOM),
    ops.ABS: (r"\left|%s\right|", _ATOM),
}


def write(op: Op, operands: list[Text], notation: Notation) -> Text:
    """One operation applied to operands that are written already."""
    if op in _INFIX:
        return _write_infix(op, operands[0], operands[1], notation)
    if op is ops.NEG:
        sign = "−" if notation is Notation.PLAIN else "-"
        return Text(sign + operands[0].within(_POWER, notation), _SIGN)
    if op is ops.CROSS_ENTROPY:
        return _write_cross_entropy(operands, notation)
    if notation is Notation.PYTHON:
        return _write_python_function(op, operands)
    if op is ops.DOT:
        return _write_dot(operands, notation)
    if op is ops.TOTAL or op is ops.SUM:
        return write_sum(operands, notation)
    if notation is Notation.LATEX:
        return _write_latex_function(op, operands)
    return Text(f"{escaped(op.symbol)}({', '.join([x.text for x in operands])})")


def _write_infix(op: Op, left: Text, right: Text, notation: Notation) -> Text:
    infix = _INFIX[op]
    sign = infix.signs[notation.value]
    if notation is Notation.LATEX and op in (ops.DIV, ops.IEEE_DIV):
        return Text(rf"\frac{{{left.text}}}{{{right.text}}}", _SIGN)
    if notation is Notation.LATEX and op is ops.FLOOR_DIVIDE:
        return Text(rf"\left\lfloor\frac{{{left.text}}}{{{right.text}}}\right\rfloor", _ATOM)
    a = left.within(infix.left, notation)
    if op in (ops.POW, ops.IEEE_POW) and notation is not Notation.PYTHON:
        if notation is Notation.LATEX:
            return Text(f"{a}^{{{right.text}}}", _POWER)
        if right.text.removeprefix("−").isdecimal():
            return Text(a + right.text.translate(_SUPERSCRIPTS), _POWER)
    return Text(a + sign + _right_operand(op, right, notation), infix.binding)


def _right_operand(op: Op, right: Text, notation: Notation) -> str:
    if right.text.startswith(_LOOSE_SIGNS[notation]) and (op is not ops.MUL or notation is Notation.LATEX):
        return _parenthesised(right.text, notation)
    return right.within(_INFIX[op].right, notation)


# Python reads 4 - -2 and people read 4 − (−2).
_LOOSE_SIGNS: Final[dict[Notation, tuple[str, ...]]] = {
    Notation.PYTHON: (),
    Notation.PLAIN: ("−",),
    Notation.LATEX: ("-",),
}
_SUPERSCRIPTS: Final = str.maketrans("−0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def write_sum(terms: list[Text], notation: Notation) -> Text:
    """The terms with + between them."""
    first, *others = terms
    if not others:
        return first
    texts = [first.within(_SUM, notation), *[_right_operand(ops.ADD, term, notation) for term in others]]
    return Text(" + ".join(texts), _SUM)


def write_product(left: Text, right: Text, notation: Notation) -> Text:
    """Two factors with a dot between them, as derivative rules are written."""
    infix = _INFIX[ops.MUL]
    dot = r" \cdot " if notation is Notation.LATEX else "·"
    return Text(left.within(infix.left, notation) + dot + _right_operand(ops.MUL, right, notation), infix.binding)


def _write_dot(operands: list[Text], notation: Notation) -> Text:
    n = len(operands) // 2
    terms = [_write_infix(ops.MUL, operands[i], operands[n + i], notation) for i in range(n)]
    return write_sum(terms if operands[-1].text == "0" and terms else [*terms, operands[-1]], notation)


def _write_cross_entropy(operands: list[Text], notation: Notation) -> Text:
    """logsumexp(logits) less the logit of the class, or less the weighted sum of the logits."""
    n = len(operands) // 2
    weights, logits = operands[:n], operands[n:]
    chosen = [x for weight, x in zip(weights, logits) if weight.text == "1"]
    one_hot = len(chosen) == 1 and sum(weight.text == "0" for weight in weights) == n - 1
    mean = chosen[0] if one_hot else write(ops.DOT, [*weights, *logits, Text("0")], notation)
    return _write_infix(ops.SUB, write(ops.LOGSUMEXP, logits, notation), mean, notation)


def _write_python_function(op: Op, operands: list[Text]) -> Text:
    texts = [operand.text for operand in operands]
    if op is ops.DOT:
        n = len(texts) // 2
        bias = "" if texts[-1] == "0" else f", {texts[-1]}"
        return Text(f"dot([{', '.join(texts[:n])}], [{', '.join(texts[n:-1])}]{bias})")
    if op is ops.LARGEST:
        return Text(functools.reduce(lambda x, y: f"maximum({x}, {y})", texts))
    inside = ", ".join(texts)
    if op.arity == 0 and op in (ops.TOTAL, ops.MEAN, ops.LOGSUMEXP, ops.PROD, ops.SUM):
        inside = f"[{inside}]"
    return Text(f"{escaped(op.symbol)}({inside})")


def _write_latex_function(op: Op, operands: list[Text]) -> Text:
    inside = ", ".join([operand.text for operand in operands])
    if op in _LATEX_ENCLOSING:
        template, binding = _LATEX_ENCLOSING[op]
        return Text(template % inside, binding)
    name = _LATEX_FUNCTION.get(op) or rf"\operatorname{{{_latex_escape(op.name)}}}"
    return Text(name + _parenthesised(inside, Notation.LATEX), _POWER)


def _parenthesised(text: str, notation: Notation) -> str:
    return rf"\left({text}\right)" if notation is Notation.LATEX else f"({text})"


def nesting(text: str) -> int:
    """How deep the brackets of a formula are nested."""
    depth = deepest = 0
    for c in text:
        depth += (c in "([{") - (c in ")]}")
        deepest = max(deepest, depth)
    return deepest


# --- numbers and names ------------------------------------------------------------------------------------------------


def number(x: float, notation: Notation, digits: int = 10) -> Text:
    """A number: every digit in Python, else at most `digits` significant ones, and no minus before a zero."""
    if notation is Notation.PYTHON:
        text = repr(x).removesuffix(".0")
        return Text(text, _SIGN if text.startswith("-") else _ATOM)
    latex = notation is Notation.LATEX
    minus = "-" if latex else "−"
    sign = minus if x < 0.0 else ""
    if math.isnan(x):
        return Text(r"\mathrm{nan}" if latex else "nan")
    if math.isinf(x):
        return Text(sign + (r"\infty" if latex else "∞"), _SIGN if sign else _ATOM)
    mantissa, _, exponent = f"{abs(x):.{digits}g}".partition("e")
    text = sign + mantissa
    if exponent and latex:
        return Text(rf"{text} \cdot 10^{{{int(exponent)}}}", _PRODUCT)
    if exponent:
        text += f"e{int(exponent)}".replace("-", minus)
    return Text(text, _SIGN if sign else _ATOM)


def name(label: str, notation: Notation) -> Text:
    """A label as it stands in a formula: in LaTeX `w12` has an index, and nothing in a label is a command.

    In Python, one that could be read as something else (`a + b`, `2w`) is quoted.
    """
    if notation is Notation.PYTHON:
        return Text(label if label.isprintable() and _UNQUOTED.fullmatch(label) else quoted(label))
    if notation is Notation.PLAIN:
        return Text(escaped(label))
    match = _INDEXED.fullmatch(label)
    if match is None:
        return Text(rf"\mathrm{{{_latex_escape(label)}}}")
    base, index = match[1], match[2] or match[3]
    if len(base) > 1:
        base = "\\" + base
    return Text(f"{base}_{{{index}}}" if index else base)


_GREEK: Final = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi omega"
    " Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
)
_INDEXED: Final = re.compile(rf"([^\W\d_]|{'|'.join(_GREEK.split())})(?:(?:_?([0-9]+))|_([A-Za-z0-9]))?")
# w, layers[0].w[1], ∂J, x₁, two words: without the signs of a formula; in brackets after it, an index.
_WORD: Final = r"[^\s+\-*/%^@=<>!&|~()\[\]{},;:'\"\\`#$?]+"
_UNQUOTED: Final = re.compile(rf"(?![\d.]){_WORD}(?: {_WORD})*(?:\[[\w ,]+\](?:\.{_WORD})?)*")
_LATEX_ESCAPES: Final = {
    **{ord(character): f"\\{character}" for character in "{}$&#%_ "},
    ord("\\"): r"\backslash ",
    ord("^"): r"\wedge ",
    ord("~"): r"\sim ",
}


def _latex_escape(text: str) -> str:
    return escaped(text).translate(_LATEX_ESCAPES)


def printable(text: str) -> str:
    """The text without what moves a cursor or turns the writing direction: control and format characters."""
    if text.isprintable():
        return text
    return "".join(["�" if unicodedata.category(c) in _UNPRINTABLE and c not in _JOINERS else c for c in text])


_UNPRINTABLE: Final = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
_JOINERS: Final = "\u200c\u200d"  # format characters that words and emoji are written with
