"""Read an expression over the package's functions, without running anything it says.

The text is read into a list of steps for a stack machine, which then computes them: so a sum may have any number of terms.
There is arithmetic, numbers, names, lists and calls of the package's functions. There is no `eval`, no attribute access
and no import.
"""

from __future__ import annotations

import math
import operator
import re
import unicodedata
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, Final, NamedTuple, NoReturn

from autograd_lite import functions, ops
from autograd_lite._support.text import escaped
from autograd_lite.value import Value

_FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "abs": abs,
    **{
        name: function
        for name, function in vars(functions).items()
        if isinstance(function, FunctionType) and function.__module__ == functions.__name__ and not name.startswith("_")
    },
}
_SUMS: Final[dict[str, Callable[..., Any]]] = {"+": operator.add, "-": operator.sub}
_PRODUCTS: Final[dict[str, Callable[..., Any]]] = {
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
}
_SIGNS: Final[dict[str, Callable[..., Any]]] = {"+": operator.pos, "-": operator.neg}
_DEEPEST: Final = 100  # brackets within brackets
_LONGEST: Final = 60  # characters of an expression that a message repeats

# What people write, and what to write instead.
_INSTEAD: Final = {
    "^": "write ** for a power, not ^",
    "×": "write * for a product, not ×",
    "·": "write * for a product, not ·",
    "⋅": "write * for a product, not ⋅",
    "÷": "write / for a quotient, not ÷",
    "−": "write - (the hyphen of the keyboard) for minus, not −",
    "–": "write - (the hyphen of the keyboard) for minus, not –",
    "²": "write **2 for a square, not ²",
    "³": "write **3 for a cube, not ³",
    "√": "write sqrt(…) for a root, not √",
    "|": "write abs(…) for an absolute value, not |…|",
    "!": "! is not allowed in an expression",
    "==": "= gives a name to a part, at its beginning; to compare, write equal(…, …)",
    "<": "a comparison is not allowed in an expression: write less(…, …)",
    ">": "a comparison is not allowed in an expression: write greater(…, …)",
}
_OTHER_NAMES: Final = {
    "ln": "log",
    "lg": "log10",
    "max": "maximum",
    "min": "minimum",
    "sum": "total",
    "tg": "tan",
    "sgn": "sign",
    **{f"arc{name}": f"a{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "tan2")},
}

# Numbers are Python's: 1_000, .5, 1e-3, 0x1f, and no zeros in front.
_DIGITS: Final = r"[0-9](?:_?[0-9])*"
_TOKEN: Final = re.compile(
    rf"""
      (?P<space>[ \t\f]+ | \\(?:\r\n|\r|\n))
    | (?P<line>\r\n|\r|\n)
    | (?P<integer>0[xX](?:_?[0-9a-fA-F])+ | 0[oO](?:_?[0-7])+ | 0[bB](?:_?[01])+)
    | (?P<number>(?:{_DIGITS})?\.{_DIGITS}(?:[eE][+-]?{_DIGITS})? | {_DIGITS}\.?(?:[eE][+-]?{_DIGITS})?)
    | (?P<name>[^\W\d]\w*)
    | (?P<sign>\*\* | // | == | [-+*/%()\[\],;=])
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)


class ExpressionError(ValueError):
    """A mistake in an expression; the message says where, by column from 1, and what to write instead.

    Attributes
    ----------
    column : int or None
        Where in the text, from 1; None where it is not at one place.
    """

    __module__ = "autograd_lite"

    def __init__(self, message: str, column: int | None = None) -> None:
        super().__init__(message if column is None else f"column {column}: {message}")
        self.column = column

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (str(self), self.column)


def _restore(message: str, column: int | None) -> ExpressionError:
    error = ExpressionError(message)
    error.column = column
    return error


def parse(text: str, /, **values: Value | float) -> Value:
    """Build the graph of an expression that is given as text.

    Parameters
    ----------
    text : str
        Such as `"0.5*(w*x + b - y)**2"`: arithmetic, numbers, names, lists, and the functions of the package. Assignments
        may come first, with `;` or line breaks between them: `"c = w*x; a = c + b; a**2"`. They label their nodes; the
        last part is the result.
    **values : Value or real number
        What each name stands for: a Value, or a number, which becomes a leaf of that label. Every one must be used.

    Returns
    -------
    Value
        The result, whose graph has the names as leaves.

    Raises
    ------
    ExpressionError
        If the text is not such an expression. It is a `ValueError`; its message is one line that says in which column
        the mistake is and what to write instead.
    ValueError, ZeroDivisionError, OverflowError
        As the arithmetic does.

    Examples
    --------
    >>> J = parse("0.5*(w*x + b - y)**2", w=2, x=-2, b=8, y=2)
    >>> J.data
    2.0
    >>> c = parse("c = w*x; c", w=2, x=-2)
    >>> c.label, [leaf.label for leaf in c.parents]
    ('c', ['w', 'x'])
    >>> parse("w*x^2", w=2, x=-2)
    Traceback (most recent call last):
    ...
    autograd_lite.ExpressionError: column 4: write ** for a power, not ^
    """
    if not isinstance(text, str):
        raise TypeError(f"parse takes an expression as text, got {type(text).__name__}: {text!r:.80}")
    leaves = {name: x if isinstance(x, Value) else Value(x, name) for name, x in values.items()}
    result = evaluate(text, leaves)
    return result if isinstance(result, Value) else Value(result)


def evaluate(text: str, values: Mapping[str, Value]) -> Value | float:
    """Compute an expression, as `parse` does.

    Parameters
    ----------
    text : str
        Such as `"0.5*(w*x + b - y)**2"`.
    values : mapping of str to Value
        What each name stands for. Every one must be used.

    Returns
    -------
    Value or float
        A float if the expression has no names.

    Raises
    ------
    ExpressionError
        If the text is not an expression of this kind.
    ValueError, ZeroDivisionError, OverflowError
        As the arithmetic does.

    Examples
    --------
    >>> evaluate("2*w + 1", {"w": Value(3.0)}).data
    7.0
    """
    given = {_as_python_reads(name): value for name, value in values.items()}
    reader = _Reader(_tokens(text), given)
    try:
        reader.read()
    except RecursionError:  # the caller has used up Python's stack already
        raise ExpressionError("the brackets of the expression are nested too deeply") from None
    unused = [name for name in values if _as_python_reads(name) not in reader.used]
    if unused:
        raise ExpressionError(f"the expression has no {', '.join(map(escaped, unused))}")
    result = _compute(reader.steps, given)
    if isinstance(result, list):
        raise ExpressionError("the expression is a sequence; ask for one number, for instance total(…) of it")
    return result if isinstance(result, Value) else float(result)


def _as_python_reads(name: str) -> str:
    """A name as Python's parser gives it: the µ of a keyboard and the Greek μ are one."""
    return unicodedata.normalize("NFKC", name)


# --- tokens -----------------------------------------------------------------------------------------------------------


class _Token(NamedTuple):
    kind: str  # "number", "name", "sign", "line", "end", or "wrong", whose text says what to write instead
    text: str
    column: int
    value: float = 0.0


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    brackets = 0
    at = 0
    for match in _TOKEN.finditer(text):
        kind, part, column = match.lastgroup or "", match[0], match.start() + 1
        if kind == "space" or (kind == "line" and brackets > 0):
            continue
        if kind == "other" or part == "==":
            tokens.append(_Token("wrong", _what_instead(part, text, match.start()), column))
            break
        if kind in ("integer", "number"):
            tokens.append(_Token("number", part, column, _read_number(part, kind, column)))
        elif kind == "name" and not part.isidentifier():  # w²
            n = next(n for n in range(len(part)) if not part[: n + 1].isidentifier())
            tokens.append(_Token("name", _as_python_reads(part[:n]), column))
            tokens.append(_Token("wrong", _what_instead(part[n], text, match.start() + n), column + n))
            break
        else:
            brackets += (part in "([") - (part in ")]") if kind == "sign" else 0
            tokens.append(_Token(kind, _as_python_reads(part) if kind == "name" else part, column))
        at = match.end()
    tokens.append(_Token("end", "", at + 1))
    return tokens


def _read_number(text: str, kind: str, column: int) -> float:
    digits = text.replace("_", "")
    if kind == "number" and not digits.isdigit():
        return float(text)  # 1e999 is inf, as in Python
    if kind == "number" and digits[0] == "0" and digits.strip("0"):
        raise ExpressionError("a number has no zeros in front", column)
    try:
        number = float(text) if kind == "number" else float(int(text, 0))
    except OverflowError:
        number = math.inf
    if math.isinf(number):
        raise ExpressionError("the number is too large", column)
    return number


def _what_instead(part: str, text: str, at: int) -> str:
    if part in "'\"`":
        return "text in quotes is not allowed in an expression"
    if part == "." and re.match(r"\.\s*[^\W\d]", text[at:]):
        return "an attribute is not allowed in an expression: write a function, such as exp(w)"
    if "\ud800" <= part <= "\udfff":
        return "this is not a character"
    return _INSTEAD.get(part) or f"{escaped(part)} is not allowed in an expression"


# --- grammar ----------------------------------------------------------------------------------------------------------


class _Step(NamedTuple):
    """One step of the stack machine: apply `function` to the `n` numbers on top, or push `value`."""

    column: int
    function: Callable[..., Any] | None = None
    n: int = 0
    keywords: tuple[str, ...] = ()
    value: Any = None
    takes_sequences: bool = False
    assigns: str = ""


class _Reader:
    """Reads `name = sum; …; sum` into steps. A sum is made of products, a product of powers with signs before them."""

    def __init__(self, tokens: list[_Token], values: Mapping[str, Value]) -> None:
        self.tokens = tokens
        self.at = 0
        self.values = values
        self.assigned: set[str] = set()
        self.used: set[str] = set()
        self.steps: list[_Step] = []
        self.depth = 0

    @property
    def token(self) -> _Token:
        return self.tokens[self.at]

    def take(self, *texts: str) -> _Token | None:
        """The next token, if it is one of these signs."""
        token = self.token
        if token.kind != "sign" or token.text not in texts:
            return None
        self.at += 1
        return token

    def fail(self, message: str, token: _Token | None = None) -> NoReturn:
        raise ExpressionError(message, (token or self.token).column)

    # --- parts ---

    def read(self) -> None:
        self.skip_ends()
        while True:
            name = self.assignment()
            self.sum()
            if name is not None:
                self.steps.append(_Step(name.column, assigns=name.text))
                self.assigned.add(name.text)
            if not self.is_at_end_of_part():
                self.fail(self.what_is_wrong())
            start = self.token
            self.skip_ends()
            if self.token.kind == "end":
                return
            if name is None:
                self.fail("only the last part may have no name: write name = before this one", start)
            self.steps.append(_Step(start.column, function=_drop, n=1, takes_sequences=True))

    def is_at_end_of_part(self) -> bool:
        return self.token.kind in ("line", "end") or (self.token.kind == "sign" and self.token.text == ";")

    def skip_ends(self) -> None:
        while self.token.kind == "line" or self.take(";"):
            self.at += self.token.kind == "line"

    def assignment(self) -> _Token | None:
        name = self.token
        if name.kind != "name" or self.tokens[self.at + 1][:2] != ("sign", "="):
            return None
        if name.text in self.values:
            self.fail(f"{escaped(name.text, _LONGEST)} has a value already: take another name here")
        if name.text in self.assigned:
            self.fail(f"{escaped(name.text, _LONGEST)} is assigned twice: take another name here")
        if name.text in _FUNCTIONS:
            self.fail(f"{name.text} is a function: take another name here")
        self.at += 2
        return name

    def sum(self) -> None:
        self.product()
        while sign := self.take(*_SUMS):
            self.product()
            self.steps.append(_Step(sign.column, _SUMS[sign.text], 2))

    def product(self) -> None:
        self.power()
        while sign := self.take(*_PRODUCTS):
            self.power()
            self.steps.append(_Step(sign.column, _PRODUCTS[sign.text], 2))

    def power(self) -> None:
        """Atoms with ** between them, from right to left; a sign binds less than the ** after it: -x**-2 is -(x**(-2))."""
        pending: list[list[_Token]] = []  # the signs before each atom
        powers: list[_Token] = []
        while True:
            signs = []
            while sign := self.take("+", "-"):
                signs.append(sign)
            pending.append(signs)
            self.atom()
            power = self.take("**")
            if power is None:
                break
            powers.append(power)
        while True:
            for sign in reversed(pending.pop()):
                self.steps.append(_Step(sign.column, _SIGNS[sign.text], 1))
            if not powers:
                return
            self.steps.append(_Step(powers.pop().column, ops.POW, 2))

    def atom(self) -> None:
        token = self.token
        if token.kind == "number":
            self.at += 1
            self.steps.append(_Step(token.column, value=token.value))
        elif token.kind == "name":
            self.at += 1
            if self.token[:2] == ("sign", "("):
                self.call(token)
            else:
                self.name(token)
        elif opening := self.take("(", "["):
            self.deeper(opening)
            self.bracket(opening)
            self.depth -= 1
        else:
            self.fail(self.what_is_missing())
        after = self.token
        if after.kind in ("number", "name") or (after.kind == "sign" and after.text in "(["):
            self.fail(self.what_is_wrong(token))

    def name(self, token: _Token) -> None:
        if token.text in self.values:
            self.used.add(token.text)
        elif token.text not in self.assigned:
            name = escaped(token.text, _LONGEST)
            if token.text in _KEYWORDS:
                self.fail(f"{name} is not allowed in an expression", token)
            hint = f"it is a function: write {name}(…)" if token.text in _FUNCTIONS else f"give it as {name}=NUMBER"
            self.fail(f"{name} has no value; {hint}", token)
        self.steps.append(_Step(token.column, value=token.text))

    def bracket(self, opening: _Token) -> None:
        """A sum in parentheses, or a sequence."""
        closing = ")" if opening.text == "(" else "]"
        n = 0
        comma = None
        while not self.take(closing):
            if n and comma is None:
                self.fail(self.what_is_wrong() if self.token.kind != "end" else f"write {closing}: this is not closed")
            self.sum()
            n += 1
            comma = self.take(",")
        if closing == ")" and n == 0:
            self.fail("a number, a name or an expression is missing in ( )", opening)
        if closing == "]" or comma or n > 1:
            self.steps.append(_Step(opening.column, _as_list, n))

    def call(self, name: _Token) -> None:
        function = _FUNCTIONS.get(name.text)
        if function is None:
            shown = escaped(name.text, _LONGEST)
            if name.text in self.values or name.text in self.assigned:
                self.fail(f"{shown} is a number, not a function: write {shown}*(…)", name)
            if name.text in _KEYWORDS:
                self.fail(f"{shown} is not allowed in an expression", name)
            other = _OTHER_NAMES.get(name.text)
            hint = f"write {other}(…)" if other in _FUNCTIONS else f"there are {', '.join(sorted(_FUNCTIONS))}"
            self.fail(f"there is no function {shown}; {hint}", name)
        opening = self.take("(")
        assert opening is not None
        self.deeper(opening)
        n = 0
        keywords: list[str] = []
        comma: _Token | None = opening
        while not self.take(")"):
            if comma is None:
                self.fail(self.what_is_wrong() if self.token.kind != "end" else "write ): this is not closed")
            if self.token.kind == "sign" and self.token.text in ("*", "**"):
                self.fail(f"{self.token.text} is not allowed in a call")
            if self.token.kind == "name" and self.tokens[self.at + 1][:2] == ("sign", "="):
                if self.token.text in keywords:
                    self.fail(f"{escaped(self.token.text, _LONGEST)} is given twice")
                keywords.append(self.token.text)
                self.at += 2
            elif keywords:
                self.fail("an argument without a name stands before those with one")
            self.sum()
            n += 1
            comma = self.take(",")
        self.depth -= 1
        self.steps.append(_Step(name.column, function, n, tuple(keywords), takes_sequences=True))

    def deeper(self, opening: _Token) -> None:
        self.depth += 1
        if self.depth > _DEEPEST:
            self.fail(f"brackets are nested more than {_DEEPEST} deep: give a part a name first, name = …;", opening)

    # --- messages ---

    def what_is_missing(self) -> str:
        token = self.token
        if token.kind in ("end", "line") or token.text in ("*", "/", "%", "//", "**", ")", "]", ",", ";"):
            return "invalid syntax: a number, a name or ( is missing here"
        return self.what_is_wrong()

    def what_is_wrong(self, before: _Token | None = None) -> str:
        """What a token that cannot stand here should be."""
        token = self.token
        if token.kind == "wrong":
            return token.text
        if token.text in _KEYWORDS:
            return f"{token.text} is not allowed in an expression"
        if token.text == "=" and token.kind == "sign":
            return "= gives a name to a part: write it after a single name at the beginning, name = …;"
        if token.kind == "sign" and token.text in ")]":
            return f"this {token.text} has no partner before it"
        if token.kind == "sign" and token.text == ",":
            return "a comma separates arguments only; write a decimal point, 0.5"
        if before is None or before.kind == "end":
            return "invalid syntax: an operator is missing here"
        if token.text == "[":
            return "an index is not allowed in an expression"
        if before.kind == "number" and token.kind == "name" and token.text in ("j", "J"):
            return "a complex number is not allowed in an expression"
        left = escaped(before.text, 20) if before.kind in ("number", "name") else "…"
        if before.kind == "name" and self.tokens[self.at - 1] is not before:
            left = f"{left}(…)"
        right = "(…)" if token.text == "(" else escaped(token.text, 20)
        return f"an operator is missing here: for a product write {left}*{right}"


_KEYWORDS: Final = frozenset(
    [
        "True",
        "False",
        "None",
        "and",
        "or",
        "not",
        "in",
        "is",
        "if",
        "else",
        "for",
        "while",
        "lambda",
        "import",
        "def",
        "return",
    ]
)


# --- the stack machine ------------------------------------------------------------------------------------------------


def _compute(steps: list[_Step], values: Mapping[str, Value]) -> Any:
    names: dict[str, Any] = dict(values)
    stack: list[tuple[Any, int]] = []  # numbers and sequences, each with the column where it begins
    for step in steps:
        if step.assigns:
            result, column = stack.pop()
            names[step.assigns] = _labelled(result, step.assigns)
            stack.append((names[step.assigns], column))
        elif step.function is None:
            stack.append((names[step.value] if isinstance(step.value, str) else step.value, step.column))
        else:
            operands = stack[len(stack) - step.n :]
            del stack[len(stack) - step.n :]
            if not step.takes_sequences:
                for operand, column in operands:
                    if isinstance(operand, list):
                        raise ExpressionError("this is a sequence where a number is needed", column)
            result = _apply(step, [operand for operand, _ in operands])
            if step.function is not _drop:
                begins_before = step.n == 2 and not step.takes_sequences and step.function is not _as_list
                stack.append((result, operands[0][1] if begins_before else step.column))
    ((result, _),) = stack
    return result


def _apply(step: _Step, operands: list[Any]) -> Any:
    assert step.function is not None
    positional = operands[: len(operands) - len(step.keywords)]
    keywords = dict(zip(step.keywords, operands[len(positional) :], strict=True))
    try:
        return step.function(*positional, **keywords)
    except TypeError as error:  # too many arguments, a sequence for a number
        raise ExpressionError(escaped(str(error), 300), step.column) from None


def _labelled(result: Any, name: str) -> Any:
    """What is assigned to a name: a new node gets it as its label, and a number becomes a leaf."""
    if isinstance(result, float):
        return Value(result, name)
    if isinstance(result, Value) and not result.label and not result.is_leaf:
        result.label = name
    return result


def _as_list(*numbers: Any) -> list[Any]:
    return list(numbers)


def _drop(_: Any) -> None:
    """Take a result off the stack: it has a name."""
