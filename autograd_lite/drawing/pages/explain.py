"""explain: both passes over a graph as a table of formulas with their numbers."""

from __future__ import annotations

import math
import os
import unicodedata
from collections.abc import Iterable, Mapping
from html import escape
from itertools import zip_longest
from typing import Final, NamedTuple

from autograd_lite._support.browser import show_in_browser
from autograd_lite._support.files import target_of, write_atomically
from autograd_lite.drawing.pages.lines import Lines
from autograd_lite.drawing.pages.walk import Contribution, Walk
from autograd_lite.drawing.scene.typesetting import left_to_right
from autograd_lite.graph import notation as formula
from autograd_lite.graph.notation import Notation
from autograd_lite.value import Value

_PLAIN: Final = Notation.PLAIN
_LATEX: Final = Notation.LATEX
_DIGITS: Final = 10  # what a pocket calculator shows
_MOST_PATHS = 8  # a longer sum over paths shows its first and its last terms
_LONGEST_RULE: Final = 72
_WIDEST_CELL = 48  # a longer formula does not push the others' columns


class Nudge(NamedTuple):
    """What became of the result when one leaf was moved."""

    leaf: Value
    before: float
    after: float
    result: float | None  # None where the graph cannot be computed,
    error: str  # and why


class Explanation:
    """The forward and the backward pass of a graph, each line with its formula, its numbers and its result.

    It shows itself: as text in a terminal, as a table in a notebook. `explain` makes one.
    """

    def __init__(self, walk: Walk, epsilon: float | None = None) -> None:
        self._walk: Final = walk
        self._epsilon: Final = epsilon
        #: The nudge experiments, one for each leaf; empty without an epsilon.
        self.nudges: Final = [] if epsilon is None else _nudge_each_leaf(walk, epsilon)

    def __str__(self) -> str:
        parts = []
        for title, rows in self._sections():
            parts.append("\n".join([title, *_aligned(rows)]))
        if self.nudges:
            parts.append("\n".join([self._nudge_title(), *_aligned(self._nudge_rows(_PLAIN))]))
        return left_to_right("\n\n".join(parts))

    __repr__ = __str__

    def html(self) -> str:
        """The explanation as an HTML fragment: one table for each pass."""
        parts = [_STYLE]
        for kind, (title, rows) in zip(("forward", "backward"), self._sections()):
            parts.append(_html_table(kind, title, rows))
        if self.nudges:
            parts.append(_html_table("nudge", self._nudge_title(), self._nudge_rows(_PLAIN)))
        return left_to_right(f'<div class="autograd-explain">{"".join(parts)}</div>')

    def _repr_html_(self) -> str:
        return self.html()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the explanation to a file, in the format of its ending: .html, .tex or .txt.

        Raises
        ------
        ValueError
            If the ending is another one.
        FileNotFoundError
            If the directory is not there.
        """
        target = target_of(path, (".html", ".tex", ".txt"))
        write = {".html": self._page, ".tex": self.latex, ".txt": self.__str__}[target.suffix.lower()]
        write_atomically(target, f"{write().rstrip()}\n".encode())

    def show(self) -> None:
        """Show the explanation in the system's browser, from a terminal or a script."""
        show_in_browser(self._page())

    def _page(self) -> str:
        title = escape(self._walk.names[self._walk.root])
        style = "html{color-scheme:light dark}body{margin:16px}"
        return f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{title}</title><style>{style}</style>\n{self.html()}</html>'

    def latex(self) -> str:
        """The explanation as LaTeX for math mode: an `aligned` environment, as amsmath, MathJax and KaTeX have it."""
        lines = Lines(self._walk, _LATEX)
        parts = [[_latex_chain(lines.forward(node)) for node in self._given()]]
        parts.append([line for node in self._walk.graph.nodes[::-1] for line in _latex_backward(lines, node)])
        if self.nudges:
            parts.append([r" & \quad ".join([row[0], r" \quad ".join(row[1:])]) for row in self._nudge_rows(_LATEX)])
        body = " \\\\[1em]\n".join([" \\\\\n".join(lines) for lines in parts])
        return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"

    # --- the lines: name, symbols, numbers, result --------------------------------------------------------------------

    def _given(self) -> list[Value]:
        nodes = self._walk.graph.nodes
        return [node for node in nodes if node.is_leaf] + [node for node in nodes if not node.is_leaf]

    def _sections(self) -> list[tuple[str, list[list[str]]]]:
        lines = Lines(self._walk, _PLAIN)
        backward = [row for node in self._walk.graph.nodes[::-1] for row in _backward_rows(lines, node)]
        return [
            ("Forward: values, left to right", [_chained(lines.forward(node)) for node in self._given()]),
            ("Backward: gradients, right to left", backward),
        ]

    def _nudge_title(self) -> str:
        assert self._epsilon is not None
        root = self._walk.names[self._walk.root]
        step = formula.number(self._epsilon, _PLAIN).text
        return f"Check: nudge one leaf by ε = {step} and see what {root} does"

    def _nudge_rows(self, notation: Notation) -> list[list[str]]:
        walk = self._walk
        latex = notation is _LATEX
        arrow, change = (r" \to ", r"\frac{\Delta %s}{\varepsilon}") if latex else (" → ", "Δ%s/ε")
        root = formula.name(walk.names[walk.root], notation).text
        rows = []
        for nudge in self.nudges:
            moved = _text_of(nudge.before, notation) + arrow + _text_of(nudge.after, notation)
            row = [f"{formula.name(walk.names[nudge.leaf], notation).text}: {moved},"]
            if nudge.result is None:
                why = formula.name(nudge.error, notation).text
                rows.append([*row, f"{root}: {why}"])
                continue
            assert self._epsilon is not None
            slope = (nudge.result - walk.data[walk.root]) / self._epsilon
            gradient = walk.gradient[nudge.leaf]
            agree = math.isclose(slope, gradient, rel_tol=0.1, abs_tol=10.0 * abs(self._epsilon))
            sign = ("≈" if agree else "≠") if not latex else (r"\approx" if agree else r"\neq")
            row += [
                f"{root}: {_text_of(walk.data[walk.root], notation)}{arrow}{_text_of(nudge.result, notation)},",
                f"{change % root} = {_text_of(slope, notation)}",
                f"{sign} {_text_of(gradient, notation)}",
            ]
            rows.append(row)
        return rows


def explain(root: Value, epsilon: float | None = None, *, names: Mapping[str, object] | None = None) -> Explanation:
    """Explain how a result and its gradients come about, in formulas and in numbers.

    A gradient is written da/dw: the derivative of the result, along all paths. A local derivative is written ∂c/∂w: of one
    operation, by one operand; behind "where" stands its rule. Where several paths lead to a node, each has a line of its
    own, and the gradient is their sum.

    It computes both passes aside, from the leaves' present data: the graph stays as it is, every `.grad` included.

    Parameters
    ----------
    root : Value
        The result.
    epsilon : float, optional
        Also nudge each leaf by this much, and compare the change of the result with the gradient of the leaf.
    names : mapping of str to anything, optional
        A Value without a label is called by the variable that holds it: the caller's, or those of this namespace; an
        empty one gives no names. Nodes with no name at all are v1, v2 …

    Returns
    -------
    Explanation
        Shows itself; `str()`, `.html()` and `.latex()` give the same as text.

    Raises
    ------
    TypeError
        If `root` is not a Value.
    ValueError
        If epsilon is zero, infinite or nan.
    ValueError, ZeroDivisionError, OverflowError
        As the operations do.

    Examples
    --------
    >>> w, x, b = Value(2.0, "w"), Value(-2.0, "x"), Value(8.0, "b")
    >>> c = w * x
    >>> c.label = "c"
    >>> a = c + b
    >>> a.label = "a"
    >>> print(explain(a, epsilon=0.001))
    Forward: values, left to right
      w = 2
      x = −2
      b = 8
      c = w * x = 2 × −2 = −4
      a = c + b = −4 + 8 = 4
    <BLANKLINE>
    Backward: gradients, right to left
      da/da = 1
      da/db = da/da · ∂a/∂b = 1 × 1  = 1  where ∂a/∂b = 1
      da/dc = da/da · ∂a/∂c = 1 × 1  = 1  where ∂a/∂c = 1
      da/dx = da/dc · ∂c/∂x = 1 × 2  = 2  where ∂c/∂x = w = 2
      da/dw = da/dc · ∂c/∂w = 1 × −2 = −2 where ∂c/∂w = x = −2
    <BLANKLINE>
    Check: nudge one leaf by ε = 0.001 and see what a does
      w: 2 → 2.001,   a: 4 → 3.998, Δa/ε = −2 ≈ −2
      x: −2 → −1.999, a: 4 → 4.002, Δa/ε = 2  ≈ 2
      b: 8 → 8.001,   a: 4 → 4.001, Δa/ε = 1  ≈ 1
    """
    if epsilon is not None:
        epsilon = float(epsilon)
        if epsilon == 0.0 or not math.isfinite(epsilon):
            raise ValueError(f"epsilon is how far each leaf is nudged: it must be finite and not 0, got {epsilon!r}")
    return Explanation(Walk(root, names), epsilon)


def _text_of(x: float, notation: Notation) -> str:
    return formula.number(x, notation, _DIGITS).text


def _shown(paths: list[Contribution]) -> list[Contribution]:
    return paths if len(paths) <= _MOST_PATHS else [*paths[:3], paths[-1]]


def _nudge_each_leaf(walk: Walk, epsilon: float) -> list[Nudge]:
    nudges = []
    for leaf in walk.graph.leaves:
        before = walk.data[leaf]
        result, error = None, ""
        try:
            result = walk.forward({leaf: before + epsilon})[walk.root]
        except (ArithmeticError, ValueError) as problem:
            error = str(problem)
        nudges.append(Nudge(leaf, before, before + epsilon, result, error))
    return nudges


def _backward_rows(lines: Lines, node: Value) -> list[list[str]]:
    """The rows of a node's gradient: a single path in one, else one for each path, and their sum."""
    walk = lines.walk
    paths = walk.received[node]
    gradient, result = lines.gradient(node), f"= {lines.number(walk.gradient[node])}"
    if not paths:
        return [[gradient, result]]
    shown = _shown(paths)
    products = [lines.product(path) for path in shown]
    where = ["where " + " = ".join([_cut(cell) for cell in lines.rule(path)]) for path in shown]
    if len(paths) == 1:
        return [[gradient, *[f"= {cell}" for cell in products[0]], result, where[0]]]
    rows = []
    for path, (symbols, numbers), rule in zip(shown, products, where):
        rows.append([lines.along(path), f"  {symbols}", f"= {numbers}", f"= {lines.number(path.amount)}", rule])
    total = lines.sum(shown, len(paths) - len(shown))
    return [*rows, [gradient, f"= {total}", "", result, "the sum over all paths"]]


def _cut(cell: str) -> str:
    """The rule of an operation with many operands without its middle."""
    half = _LONGEST_RULE // 2
    return cell if len(cell) <= _LONGEST_RULE else f"{cell[:half]}…{cell[-half:]}"


def _latex_backward(lines: Lines, node: Value) -> list[str]:
    """The same as LaTeX."""
    walk = lines.walk
    paths = walk.received[node]
    gradient, result = lines.gradient(node), lines.number(walk.gradient[node])
    if not paths:
        return [_latex_chain([gradient, result])]
    shown = _shown(paths)
    rows = []
    for path in shown:
        cells = [*lines.product(path), lines.number(path.amount)]
        start = gradient + " &= " if len(paths) == 1 else lines.along(path) + r" &\quad "
        rows.append(start + " = ".join(cells) + r" \quad \text{where } " + " = ".join(lines.rule(path)))
    if len(paths) > 1:
        rows.append(_latex_chain([gradient, lines.sum(shown, len(paths) - len(shown)), result]))
    return rows


def _latex_chain(cells: list[str]) -> str:
    return cells[0] + " &= " + " = ".join([cell for cell in cells[1:] if cell])


# --- text and HTML ----------------------------------------------------------------------------------------------------


def _chained(cells: list[str]) -> list[str]:
    """The cells of a line as a chain of equations, without the cells that are empty."""
    return [cells[0], *["= " + cell for cell in cells[1:] if cell]]


def _aligned(rows: list[list[str]]) -> Iterable[str]:
    """The rows as lines, each column as wide as its widest cell."""
    columns = zip_longest(*rows, fillvalue="")
    widths = [max([w for w in map(_width, column) if w <= _WIDEST_CELL], default=0) for column in columns]
    for row in rows:
        cells = [cell + " " * (width - _width(cell)) for cell, width in zip(row, widths)]
        yield ("  " + " ".join(cells)).rstrip()


def _width(text: str) -> int:
    """How many columns of a terminal the text takes."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(unicodedata.combining(character) > 0 for character in text)


def _html_table(kind: str, title: str, rows: list[list[str]]) -> str:
    body = "".join([f"<tr>{''.join(_html_cells(row))}</tr>" for row in rows])
    return f'<table class="{kind}"><caption>{escape(title)}</caption><tbody>{body}</tbody></table>'


def _html_cells(row: list[str]) -> Iterable[str]:
    """The cells of a row; the result stands out, and what comes after it says why."""
    is_why = [cell.startswith(("where ", "the sum ")) for cell in row]
    result = len(row) - 1 - any(is_why)
    for i, cell in enumerate(row):
        kind = ' class="why"' if is_why[i] else ' class="result"' if i == result else ""
        yield f"<td{kind}>{escape(cell)}</td>"


# The colours stand on white and on black alike, since a notebook's theme need not be the browser's.
_STYLE: Final = (
    "<style>.autograd-explain{overflow-x:auto}"
    ".autograd-explain table{border-collapse:collapse;margin:0 0 1em;font:13px/1.5 ui-monospace,Menlo,Consolas,monospace}"
    ".autograd-explain caption{caption-side:top;text-align:left;font:600 14px/1.8 system-ui,sans-serif;white-space:nowrap}"
    ".autograd-explain td{text-align:left;padding:1px 1.2em 1px 0;white-space:pre;border:0;background:none}"
    ".autograd-explain .forward caption,.autograd-explain .forward td.result{color:#2b7de0}"
    ".autograd-explain .backward caption,.autograd-explain .backward td.result{color:#d9730d}"
    ".autograd-explain td.why{opacity:.75}"
    "</style>"
)
