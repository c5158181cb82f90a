"""The lines of arithmetic of both passes: what explain, the player and its GIF say about a node.

A gradient is written dJ/dw: the derivative of the result by a node, along all paths. A local derivative is written
∂c/∂w: of one operation, by one operand, while its other operands stay as they are. An operation that has a node twice as
an operand has a local derivative by each: ∂y/∂x⁽¹⁾ and ∂y/∂x⁽²⁾.
"""

from __future__ import annotations

from typing import Final

from autograd_lite import ops
from autograd_lite.drawing.pages.walk import Contribution, Walk
from autograd_lite.graph import notation as formula
from autograd_lite.graph import rules
from autograd_lite.graph.notation import Notation, Text
from autograd_lite.graph.rules import Symbol, Term
from autograd_lite.value import Value

_PLACES: Final = str.maketrans("0123456789()", "⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾")


class Lines:
    """Writes the lines of a walk.

    Parameters
    ----------
    walk : Walk
    notation : Notation
        Plain text or LaTeX.
    digits : int
        The significant digits of numbers.

    Examples
    --------
    >>> from autograd_lite import Value
    >>> d = Value(2.0, "d")
    >>> walk = Walk(d**2)
    >>> Lines(walk, Notation.PLAIN).rule(walk.received[d][0])
    ['∂v1/∂d', '2·d', '2·2', '4']
    """

    def __init__(self, walk: Walk, notation: Notation, digits: int = 10) -> None:
        self.walk: Final = walk
        self.notation: Final = notation
        self.digits: Final = digits
        self._symbolic: Final = Notation.PYTHON if notation is Notation.PLAIN else notation
        self._rules: dict[Value, list[Term] | None] = {}
        self._places: dict[Value, list[int]] = {}

    def name(self, node: Value) -> str:
        """The name of a node."""
        return formula.name(self.walk.names[node], self.notation).text

    def number(self, x: float) -> str:
        """A number."""
        return formula.number(x, self.notation, self.digits).text

    def forward(self, node: Value) -> list[str]:
        """The cells `c`, `w * x`, `2 × −2`, `−4`; the two in the middle are empty on a leaf."""
        result = self.number(self.walk.data[node])
        if node.op is None:
            return [self.name(node), "", "", result]
        operands = node.operands
        symbols = [
            formula.name(self.walk.names[x], self._symbolic)
            if isinstance(x, Value)
            else formula.number(x, self._symbolic)
            for x in operands
        ]
        numbers = [self._number_text(self.walk.data[x] if isinstance(x, Value) else x) for x in operands]
        written = [
            formula.write(node.op, symbols, self._symbolic).text,
            formula.write(node.op, numbers, self.notation).text,
        ]
        return [self.name(node), *written, result]

    def gradient(self, node: Value) -> str:
        """The text dJ/dw."""
        top, bottom = self.name(self.walk.root), self.name(node)
        if self.notation is Notation.LATEX:
            return rf"\frac{{\mathrm{{d}} {top}}}{{\mathrm{{d}} {bottom}}}"
        return f"d{top}/d{bottom}"

    def local(self, path: Contribution) -> str:
        """The text ∂c/∂w."""
        top, bottom = self.name(path.child), self.name(path.parent)
        place = self._place(path)
        if self.notation is Notation.LATEX:
            return rf"\frac{{\partial {top}}}{{\partial {bottom}{f'^{{({place})}}' if place else ''}}}"
        return f"∂{top}/∂{bottom}{f'({place})'.translate(_PLACES) if place else ''}"

    def rule(self, path: Contribution) -> list[str]:
        """The cells `∂v1/∂d`, `2·d`, `2·2`, `4`, without those that would only repeat the next one."""
        cells = [self.local(path)]
        term = self._term(path)
        if term is not None:
            child, data = path.child, self.walk.data
            nodes = [*[x for x in child.operands if isinstance(x, Value)], child]
            symbols: dict[object, Text] = {x: formula.name(self.walk.names[x], self.notation) for x in nodes}
            numbers: dict[object, Text] = {x: self._number_text(data[x]) for x in nodes}
            cells += [rules.write(term, texts, self.notation, self.digits) for texts in (symbols, numbers)]
        cells.append(self.number(path.partial))
        return [cell for cell, after in zip(cells, [*cells[1:], ""]) if cell != after]

    def product(self, path: Contribution) -> list[str]:
        """The cells `dJ/da · ∂a/∂c`, `2 × 1`: what one path contributes, in symbols and in numbers."""
        dot = r" \cdot " if self.notation is Notation.LATEX else " · "
        return [f"{self.gradient(path.child)}{dot}{self.local(path)}", self._numeric(path).text]

    def along(self, path: Contribution) -> str:
        """The words `along c`, and by which operand if there are two."""
        place = self._place(path)
        end = f", operand {place}:" if place else ":"
        if self.notation is Notation.LATEX:
            return rf"\text{{along }} {self.name(path.child)} \text{{{end}}}"
        return f"along {self.name(path.child)}{end}"

    def sum(self, amounts: list[float], left_out: int = 0) -> str:
        """Numbers with + between them; some may be left out before the last one."""
        terms = [self._number_text(amount) for amount in amounts]
        if left_out:
            more = rf"\cdots_{{{left_out}}}" if self.notation is Notation.LATEX else f"… {left_out} more …"
            terms.insert(-1, Text(more))
        return formula.write(ops.TOTAL, terms, self.notation).text

    def _numeric(self, path: Contribution) -> Text:
        factors = [self._number_text(x) for x in (path.gradient, path.partial)]
        return formula.write(ops.MUL, factors, self.notation)

    def _number_text(self, x: float) -> Text:
        return formula.number(x, self.notation, self.digits)

    def _place(self, path: Contribution) -> int:
        """Which of its uses as an operand of the child a path is, from 1; 0 where there is one use."""
        uses = [other.edge for other in self.walk.sent[path.child] if other.parent is path.parent]
        return uses.index(path.edge) + 1 if len(uses) > 1 else 0

    def _term(self, path: Contribution) -> Term | None:
        """The rule of a local derivative, its symbols named by the nodes."""
        child = path.child
        assert child.op is not None
        if child not in self._rules:
            operands = [Symbol(x) if isinstance(x, Value) else x for x in child.operands]
            self._rules[child] = rules.readable(child.op, operands, Symbol(child))
            self._places[child] = [i for i, x in enumerate(child.operands) if isinstance(x, Value)]
        found = self._rules[child]
        first = self.walk.sent[child][0].edge
        return None if found is None else found[self._places[child][path.edge - first]]
