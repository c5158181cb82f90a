"""Read an expression over the functions of the table, without running anything it says.

The text is parsed with `ast`, and only what is listed here is computed: arithmetic, numbers, names, lists, and calls of
the package's functions. There is no `eval`, no attribute access and no import.
"""

from __future__ import annotations

import ast
import operator
import re
import unicodedata
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from autograd_lite import functions, ops
from autograd_lite.value import Value

_FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: getattr(functions, name)
    for name in ("softmax", *(op.name for op in ops.TABLE.values() if op.public))
    if hasattr(functions, name)
}
_FUNCTIONS["abs"] = abs
_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: ops.POW,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
_LONGEST = 60  # characters of an expression that a message repeats


class ExpressionError(Exception):
    """A mistake in an expression; the message says where, by column from 1."""


def evaluate(text: str, values: Mapping[str, Value]) -> Value | float:
    """Compute an expression.

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
        If the text is no expression of this kind.
    ValueError, ZeroDivisionError, OverflowError
        As the arithmetic does.

    Examples
    --------
    >>> evaluate("2*w + 1", {"w": Value(3.0)}).data
    7.0
    """
    indent = len(text) - len(text.lstrip())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Python's, about text that is refused or means what it says
            tree = ast.parse(text.lstrip(), mode="eval")
        reader = _Reader(text.lstrip(), indent, values)
        result = reader.read(tree.body)
    except SyntaxError as error:
        before = sum([len(line) for line in _lines(text.lstrip())[: (error.lineno or 1) - 1]])
        column = before + error.offset if error.offset else len(text) - indent + 1  # no offset: it ends too early
        long = "a number has too many digits" if "integer string conversion" in error.msg else error.msg
        raise ExpressionError(f"column {column + indent}: {long}") from None
    except (RecursionError, MemoryError):
        raise ExpressionError("the expression is nested too deeply") from None
    except UnicodeEncodeError as error:  # half a character, as a shell gives for bytes that are no text
        raise ExpressionError(f"column {error.start + indent + 1}: this is not a character") from None
    except ValueError as error:
        if "null byte" in str(error):
            raise ExpressionError("an expression has no null bytes") from None
        raise
    if isinstance(result, list):
        raise ExpressionError("the expression is a sequence; ask for one number, for instance total(…) of it")
    unused = [name for name in values if _as_python_reads(name) not in reader.used]
    if unused:
        raise ExpressionError(f"the expression has no {', '.join(unused)}")
    return result if isinstance(result, Value) else float(result)


def _lines(text: str) -> list[str]:
    """The lines as Python's parser counts them, with their ends."""
    return re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+", text)


def _as_python_reads(name: str) -> str:
    """A name as the parser gives it: the µ of a keyboard and the Greek μ are one."""
    return unicodedata.normalize("NFKC", name)


class _Reader:
    def __init__(self, text: str, indent: int, values: Mapping[str, Value]) -> None:
        self.text = text
        self.lines = _lines(text)
        self.indent = indent
        self.values = {_as_python_reads(name): value for name, value in values.items()}
        self.used: set[str] = set()

    def read(self, node: ast.AST) -> Any:
        if isinstance(node, ast.BinOp):
            return self.operator(node, node.op)(self.number(node.left), self.number(node.right))
        if isinstance(node, ast.UnaryOp):
            return self.operator(node, node.op)(self.number(node.operand))
        if isinstance(node, ast.Call):
            return self.call(node)
        if isinstance(node, ast.Name):
            if node.id not in self.values:
                name = _shown(node.id)
                hint = "it is a function: call it" if node.id in _FUNCTIONS else f"give it as {name}=NUMBER"
                raise self.error(node, f"{name} has no value; {hint}")
            self.used.add(node.id)
            return self.values[node.id]
        if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and type(node.value) is not bool:
            try:
                return float(node.value)
            except OverflowError:
                raise self.error(node, "the number is too large") from None
        if isinstance(node, (ast.List, ast.Tuple)):
            return [self.number(element) for element in node.elts]
        raise self.error(node, f"{self.source(node)} is not allowed in an expression")

    def operator(self, node: ast.AST, op: ast.AST) -> Callable[..., Any]:
        if type(op) not in _OPERATORS:
            raise self.error(node, f"{self.source(node)} uses an operator other than + - * / **")
        return _OPERATORS[type(op)]

    def number(self, node: ast.AST) -> Any:
        value = self.read(node)
        if isinstance(value, list):
            raise self.error(node, f"{self.source(node)} is a sequence where a number is needed")
        return value

    def call(self, node: ast.Call) -> Any:
        if not isinstance(node.func, ast.Name):
            raise self.error(node, f"{self.source(node.func)} is not allowed in an expression")
        function = _FUNCTIONS.get(node.func.id)
        if function is None:
            raise self.error(
                node, f"there is no function {_shown(node.func.id)}; there are {', '.join(sorted(_FUNCTIONS))}"
            )
        positional = [self.read(argument) for argument in node.args]
        keywords = {}
        for keyword in node.keywords:
            if keyword.arg is None:
                raise self.error(node, "** is not allowed in a call")
            keywords[keyword.arg] = self.read(keyword.value)
        try:
            return function(*positional, **keywords)
        except TypeError as error:  # too many arguments, a sequence for a number
            raise self.error(node, str(error)) from None

    def error(self, node: ast.AST, message: str) -> ExpressionError:
        line, offset = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
        # ast counts bytes of UTF-8; people count characters
        before = self.lines[line - 1].encode()[:offset].decode(errors="ignore")
        column = sum([len(earlier) for earlier in self.lines[: line - 1]]) + len(before) + 1 + self.indent
        return ExpressionError(f"column {column}: {message}")

    def source(self, node: ast.AST) -> str:
        return _shown(ast.get_source_segment(self.text, node) or "this")


def _shown(text: str) -> str:
    """A piece of the expression as a message repeats it: on one line, and not too long."""
    text = " ".join(text.split())
    text = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    return "".join([c if c.isprintable() else "\ufffd" for c in text])
