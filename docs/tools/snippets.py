"""The Python snippets of a Markdown page: the tests run them, and the site shows what they make.

A page's snippets share one namespace, top to bottom. An `output` fence right after a snippet is what the snippet prints.
A fence marked `python picture` ends with an expression. The site shows its value, live. A plain Markdown viewer shows
what follows the fence: an image, which `pictures.py` makes of the value, or an `output` fence with the value as text.
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
    r"(?P<shown>\s*^(?P=indent)(?:```output\n(?P<output>.*?)^(?P=indent)```\n|!\[[^\]]*\]\((?P<image>[^)]+)\)\n))?",
    re.MULTILINE | re.DOTALL,
)


class Snippet(NamedTuple):
    """One fence of a page."""

    code: str
    line: int  # where the code starts in its file, counted from 1
    picture: bool
    output: str | None
    image: str | None  # the path of the image below a picture's fence, relative to the page
    end: int  # the offset in the page of what follows the code's fence
    shown_end: int  # and of what follows the output or the image


def find(page: str) -> list[Snippet]:
    """The snippets of a page, in order."""
    found = []
    for match in _FENCE.finditer(page):
        output = None if match["output"] is None else textwrap.dedent(match["output"])
        picture = match["picture"] is not None
        found.append(
            Snippet(
                code=textwrap.dedent(match["code"]),
                line=page.count("\n", 0, match.start("code")) + 1,
                picture=picture,
                output=output,
                image=match["image"] if picture else None,
                end=match.end("code") + len(match["indent"]) + len("```\n"),
                shown_end=match.end(),
            )
        )
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
