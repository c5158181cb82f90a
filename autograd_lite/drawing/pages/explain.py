"""explain: both passes over a graph as a table of formulas with their numbers."""

from __future__ import annotations

import math
import os
import unicodedata
from collections.abc import Iterable, Mapping
from html import escape
from itertools import zip_longest
from typing import Final, NamedTuple

from autograd_lite import ops
from autograd_lite._support.browser import show_in_browser
from autograd_lite._support.files import target_of, write_atomically
from autograd_lite.drawing.pages.walk import Contribution, Walk
from autograd_lite.drawing.scene.typesetting import left_to_right
from autograd_lite.graph import notation as formula
from autograd_lite.graph.notation import Notation, Text
from autograd_lite.value import Value

_PLAIN: Final = Notation.PLAIN
_LATEX: Final = Notation.LATEX
_DIGITS: Final = 10  # what a pocket calculator shows
_MOST_PATHS = 8  # a longer sum over paths shows its first and its last terms
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
        for title, rows in self._sections(_PLAIN):
            parts.append("\n".join([title, *_aligned([_chained(cells) for cells in rows])]))
        if self.nudges:
            parts.append("\n".join([self._nudge_title(), *_aligned(self._nudge_rows(_PLAIN))]))
        return left_to_right("\n\n".join(parts))

    __repr__ = __str__

    def html(self) -> str:
        """The explanation as an HTML fragment: one table for each pass."""
        parts = [_STYLE]
        for kind, (title, rows) in zip(("forward", "backward"), self._sections(_PLAIN)):
            parts.append(_html_table(kind, title, [_chained(cells) for cells in rows]))
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
        parts = []
        for _, rows in self._sections(_LATEX):
            parts.append([cells[0] + " &= " + " = ".join([cell for cell in cells[1:] if cell]) for cells in rows])
        if self.nudges:
            parts.append([r" & \quad ".join([row[0], r" \quad ".join(row[1:])]) for row in self._nudge_rows(_LATEX)])
        body = " \\\\[1em]\n".join([" \\\\\n".join(lines) for lines in parts])
        return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"

    # --- the lines: name, symbols, numbers, result --------------------------------------------------------------------

    def _sections(self, notation: Notation) -> list[tuple[str, list[list[str]]]]:
        nodes = self._walk.graph.nodes
        given = [node for node in nodes if node.is_leaf] + [node for node in nodes if not node.is_leaf]
        return [
            ("Forward: values, left to right", [forward_line(self._walk, node, notation) for node in given]),
            (
                "Backward: gradients, right to left",
                [backward_line(self._walk, node, notation) for node in reversed(nodes)],
            ),
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
            moved = _number(nudge.before, notation) + arrow + _number(nudge.after, notation)
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
                f"{root}: {_number(walk.data[walk.root], notation)}{arrow}{_number(nudge.result, notation)},",
                f"{change % root} = {_number(slope, notation)}",
                f"{sign} {_number(gradient, notation)}",
            ]
            rows.append(row)
        return rows


def explain(root: Value, epsilon: float | None = None, *, names: Mapping[str, object] | None = None) -> Explanation:
    """Explain how a result and its gradients come about, in formulas and in numbers.

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
      ∂a/∂a = 1
      ∂a/∂b = ∂a/∂a · ∂a/∂b = 1 × 1  = 1
      ∂a/∂c = ∂a/∂a · ∂a/∂c = 1 × 1  = 1
      ∂a/∂x = ∂a/∂c · ∂c/∂x = 1 × 2  = 2
      ∂a/∂w = ∂a/∂c · ∂c/∂w = 1 × −2 = −2
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


def forward_line(walk: Walk, node: Value, notation: Notation, digits: int = _DIGITS) -> list[str]:
    """The cells `c`, `w * x`, `2 × −2`, `−4`; the two in the middle are empty on a leaf."""
    name = formula.name(walk.names[node], notation).text
    result = _number(walk.data[node], notation, digits)
    if node.op is None:
        return [name, "", "", result]
    symbolic = Notation.PYTHON if notation is _PLAIN else notation
    symbols = [
        formula.name(walk.names[x], symbolic) if isinstance(x, Value) else formula.number(x, symbolic)
        for x in node.operands
    ]
    numbers = [formula.number(walk.data[x] if isinstance(x, Value) else x, notation, digits) for x in node.operands]
    return [
        name,
        formula.write(node.op, symbols, symbolic).text,
        formula.write(node.op, numbers, notation).text,
        result,
    ]


def backward_line(walk: Walk, node: Value, notation: Notation, digits: int = _DIGITS) -> list[str]:
    """The cells `∂J/∂c`, `∂J/∂a · ∂a/∂c`, `2 × 1`, `2`: a product for each path, and their sum."""
    paths = walk.received[node]
    return [
        derivative(walk, walk.root, node, notation),
        _sum([symbolic_product(walk, path, notation) for path in _shown(paths)], len(paths), notation),
        _sum([numeric_product(path, notation, digits) for path in _shown(paths)], len(paths), notation),
        _number(walk.gradient[node], notation, digits),
    ]


def derivative(walk: Walk, of: Value, by: Value, notation: Notation) -> str:
    """The text ∂of/∂by."""
    top, bottom = [formula.name(walk.names[node], notation).text for node in (of, by)]
    return rf"\frac{{\partial {top}}}{{\partial {bottom}}}" if notation is _LATEX else f"∂{top}/∂{bottom}"


def numeric_product(path: Contribution, notation: Notation, digits: int = _DIGITS) -> Text:
    """Gradient times partial, in numbers."""
    factors = [formula.number(x, notation, digits) for x in (path.gradient, path.partial)]
    return formula.write(ops.MUL, factors, notation)


def symbolic_product(walk: Walk, path: Contribution, notation: Notation) -> Text:
    """Gradient times partial, in symbols."""
    dot = r" \cdot " if notation is _LATEX else " · "
    factors = [(walk.root, path.child), (path.child, path.parent)]
    return Text(dot.join([derivative(walk, of, by, notation) for of, by in factors]))


def _number(x: float, notation: Notation, digits: int = _DIGITS) -> str:
    return formula.number(x, notation, digits).text


def _shown(paths: list[Contribution]) -> list[Contribution]:
    return paths if len(paths) <= _MOST_PATHS else [*paths[:3], paths[-1]]


def _sum(terms: list[Text], count: int, notation: Notation) -> str:
    """The terms as a sum; fewer than `count` of them are the first ones and the last."""
    if len(terms) < count:
        more = rf"\cdots_{{{count - len(terms)}}}" if notation is _LATEX else f"… {count - len(terms)} more …"
        terms = [*terms[:-1], Text(more), terms[-1]]
    return formula.write(ops.TOTAL, terms, notation).text if terms else ""


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
    body = "".join(["<tr>" + "".join([f"<td>{escape(cell)}</td>" for cell in row]) + "</tr>" for row in rows])
    return f'<table class="{kind}"><caption>{escape(title)}</caption><tbody>{body}</tbody></table>'


# The colours stand on white and on black alike, since a notebook's theme need not be the browser's.
_STYLE: Final = (
    "<style>.autograd-explain{overflow-x:auto}"
    ".autograd-explain table{border-collapse:collapse;margin:0 0 1em;font:13px/1.5 ui-monospace,Menlo,Consolas,monospace}"
    ".autograd-explain caption{caption-side:top;text-align:left;font:600 14px/1.8 system-ui,sans-serif;white-space:nowrap}"
    ".autograd-explain td{text-align:left;padding:1px 1.2em 1px 0;white-space:pre;border:0;background:none}"
    ".autograd-explain .forward caption,.autograd-explain .forward td:last-child{color:#2b7de0}"
    ".autograd-explain .backward caption,.autograd-explain .backward td:last-child{color:#d9730d}"
    "</style>"
)
