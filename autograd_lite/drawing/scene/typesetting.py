"""Text of the pictures: short numbers, symbols of operations, and labels that cannot break anything."""

from __future__ import annotations

import math
import re
import unicodedata
from typing import Final

from autograd_lite import ops
from autograd_lite.ops import Op
from autograd_lite.value import Value

NO_GRADIENT: Final = "–"  # backward() has not been here

_SYMBOLS: Final = {ops.MUL: "×", ops.SUB: "−", ops.NEG: "−", ops.DIV: "÷"}
_MOST_CONSTANTS: Final = 3
_COMMUTATIVE: Final = (ops.ADD, ops.MUL)


def short_number(x: float) -> str:
    """A number with at most five significant digits, with an exponent only outside 1e-4 … 1e5.

    Examples
    --------
    >>> short_number(2.0), short_number(-0.0), short_number(2 / 3), short_number(123456.0), short_number(1.5e-7)
    ('2', '0', '0.66667', '1.2346e5', '1.5e-7')
    """
    if x == 0.0:
        return "0"
    if not math.isfinite(x):
        return str(x)
    text = f"{x:.4e}"
    if 1e-4 <= abs(x) <= 1e5:
        return f"{float(text):.10f}".rstrip("0").rstrip(".")
    mantissa, exponent = text.split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def operation(node: Value) -> str:
    """The symbol of a node's operation, with the constants among its operands: `× 0.5`.

    Examples
    --------
    >>> x = Value(3.0)
    >>> operation(0.5 * x), operation(1.0 - x), operation(x**2), operation(x.maximum(0.0)), operation(x.tanh())
    ('× 0.5', '1 −', '** 2', 'maximum(…, 0)', 'tanh')
    """
    op = node.op
    assert op is not None
    symbol = _SYMBOLS.get(op) or clean(op.symbol)
    operands = node.operands
    constants = [x for x in operands if not isinstance(x, Value)]
    if op is ops.DOT and operands[-1] == 0.0:
        constants.pop()  # no bias
    if not constants:
        return symbol
    if _is_infix(op):
        first = isinstance(operands[0], Value)
        return (
            f"{symbol} {short_number(constants[0])}"
            if first or op in _COMMUTATIVE
            else f"{short_number(constants[0])} {symbol}"
        )
    shown = [short_number(x) for x in constants[:_MOST_CONSTANTS]] + ["…"] * (len(constants) > _MOST_CONSTANTS)
    return f"{symbol}(…, {', '.join(shown)})"


def _is_infix(op: Op) -> bool:
    return op.arity == 2 and not op.symbol[0].isalpha()


def clean(text: str, longest: int = 30) -> str:
    r"""A label on one line, without characters that XML or a terminal cannot bear, and not too long.

    Examples
    --------
    >>> clean("two\nlines"), clean("a" * 40), clean("\x07")
    ('two lines', 'aaaaaaaaaaaaaaaaaaaa…aaaaaaaaaa', '�')
    """
    text = text.strip()
    if len(text) > longest:
        text = f"{text[: 2 * longest // 3]}…{text[-(longest // 3) :]}"
    if text.isascii() and text.isprintable():
        return text
    joiner = "\u200d"  # holds an emoji together
    return "".join(c if c.isprintable() or c == joiner else " " if c.isspace() else "\ufffd" for c in text)


def html(text: str) -> str:
    """Text as it must stand in an HTML-like label of Graphviz, where a backslash is special too."""
    return (
        text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace('"', "&quot;")
        .replace("\\", "&#92;&#92;")
        .replace("]", "&#93;")  # by itself it is a syntax error to Graphviz, which waits for a "]]>"
    )


def left_to_right(text: str) -> str:
    """Text in which words of Arabic or Hebrew stand where a formula has them.

    Unmarked, ∂y/∂שלום is shown as a derivative of שלום, for signs between two such words run as the words do. A mark
    after each, without width, ends that.
    """
    return text if text.isascii() else _WORDS.sub("\\g<0>\u200e", text)


_RTL: Final = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc"
_WORDS: Final = re.compile(f"[{_RTL}]+(?: +[{_RTL}]+)*(?![{_RTL}\u200e])")


def width(text: str, size: float) -> float:
    """About how wide a text of the sans-serif font is, in points: the embedded renderer can measure ASCII only."""
    return size * sum(0.57 if c.isascii() else 1.0 if unicodedata.east_asian_width(c) in "WFA" else 0.7 for c in text)
