"""The Python snippets of a Markdown page: the tests run them, and the site shows what they make.

A page's snippets share one namespace, top to bottom. A fence marked `python picture` ends with an expression whose
value the site shows below it. An `output` fence right after a snippet is what the snippet prints.
"""

from __future__ import annotations

import ast
import contextlib
import io
import re
import textwrap
from typing import Any, NamedTuple

_FENCE = re.compile(
    r"^(?P<indent> *)```python(?P<picture> picture)?\n(?P<code>.*?)^(?P=indent)```\n"
    r"(?:\s*^(?P=indent)```output\n(?P<output>.*?)^(?P=indent)```\n)?",
    re.MULTILINE | re.DOTALL,
)


class Snippet(NamedTuple):
    """One fence of a page."""

    code: str
    line: int  # where the code starts in its file, from 1
    picture: bool
    output: str | None
    end: int  # the offset in the page of what follows the code's fence


def find(page: str) -> list[Snippet]:
    """The snippets of a page, in order."""
    found = []
    for match in _FENCE.finditer(page):
        output = None if match["output"] is None else textwrap.dedent(match["output"])
        line = page.count("\n", 0, match.start("code")) + 1
        end = match.end("code") + len(match["indent"]) + len("```\n")
        found.append(Snippet(textwrap.dedent(match["code"]), line, match["picture"] is not None, output, end))
    return found


def run(snippet: Snippet, namespace: dict[str, Any], file: str) -> tuple[str, Any]:
    """Run a snippet; return what it prints and, for a picture, the value of its last expression."""
    tree = ast.parse(snippet.code, file)
    ast.increment_lineno(tree, snippet.line - 1)
    last = tree.body.pop() if snippet.picture else None
    value = None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, file, "exec"), namespace)
        if last is not None:
            if not isinstance(last, ast.Expr):
                raise SyntaxError(f"{file}, line {snippet.line}: a picture's snippet ends with an expression")
            value = eval(compile(ast.Expression(last.value), file, "eval"), namespace)
    return printed.getvalue(), value
