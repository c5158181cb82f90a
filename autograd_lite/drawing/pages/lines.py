"""The lines of arithmetic of both passes: what explain, the player and its GIF say about a node.

A gradient is written dJ/dw: the derivative of the result by a node, along all paths. A local derivative is written
∂c/∂w: of one operation, by one operand, while its other operands stay as they are. An operation that has a node twice as
an operand has a local derivative by each: ∂y/∂x⁽¹⁾ and ∂y/∂x⁽²⁾.
"""

from __future__ import annotations

import re
from collections.abc import Callable
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
        """A number that is the same whatever the leaves hold."""
        return formula.number(x, self.notation, self.digits).text

    def data(self, node: Value) -> Text:
        """The number of a node."""
        return self._written(self.walk.data[node])

    def slope(self, node: Value) -> Text:
        """The number that is a node's gradient."""
        return self._written(self.walk.gradient[node])

    def partial(self, path: Contribution) -> Text:
        """The number that is a local derivative."""
        return self._written(path.partial)

    def amount(self, path: Contribution) -> Text:
        """The number that a path contributes."""
        return self._written(path.amount)

    def _written(self, x: float) -> Text:
        return formula.number(x, self.notation, self.digits)

    def _operand(self, x: Value | float) -> Text:
        return self.data(x) if isinstance(x, Value) else self._written(x)

    def forward(self, node: Value) -> list[str]:
        """The cells `c`, `w * x`, `2 × −2`, `−4`; the two in the middle are empty on a leaf."""
        result = self.data(node).text
        if node.op is None:
            return [self.name(node), "", "", result]
        operands = node.operands
        symbols = [
            formula.name(self.walk.names[x], self._symbolic)
            if isinstance(x, Value)
            else formula.number(x, self._symbolic)
            for x in operands
        ]
        written = [
            formula.write(node.op, symbols, self._symbolic).text,
            formula.write(node.op, [self._operand(x) for x in operands], self.notation).text,
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
        cells = self.whole_rule(path)
        return [cell for cell, after in zip(cells, [*cells[1:], ""]) if cell != after]

    def whole_rule(self, path: Contribution) -> list[str]:
        """The same with each cell, but for the rules of users' operations that need numbers."""
        term = self._term(path)
        if term is None:
            return [self.local(path), self.partial(path).text]
        child = path.child
        nodes = [*[x for x in child.operands if isinstance(x, Value)], child]
        symbols: dict[object, Text] = {x: formula.name(self.walk.names[x], self.notation) for x in nodes}
        numbers: dict[object, Text] = {x: self.data(x) for x in nodes}
        written = [rules.write(term, texts, self.notation, self.digits) for texts in (symbols, numbers)]
        return [self.local(path), *written, self.partial(path).text]

    def product(self, path: Contribution) -> list[str]:
        """The cells `dJ/da · ∂a/∂c`, `2 × 1`: what one path contributes, in symbols and in numbers."""
        dot = r" \cdot " if self.notation is Notation.LATEX else " · "
        numbers = formula.write(ops.MUL, [self.slope(path.child), self.partial(path)], self.notation)
        return [f"{self.gradient(path.child)}{dot}{self.local(path)}", numbers.text]

    def along(self, path: Contribution) -> str:
        """The words `along c`, and by which operand if there are two."""
        place = self._place(path)
        end = f", operand {place}:" if place else ":"
        if self.notation is Notation.LATEX:
            return rf"\text{{along }} {self.name(path.child)} \text{{{end}}}"
        return f"along {self.name(path.child)}{end}"

    def sum(self, paths: list[Contribution], left_out: int = 0) -> str:
        """What paths contribute with + between; some may be left out before the last one."""
        terms = [self.amount(path) for path in paths]
        if left_out:
            more = rf"\cdots_{{{left_out}}}" if self.notation is Notation.LATEX else f"… {left_out} more …"
            terms.insert(-1, Text(more))
        return formula.write(ops.TOTAL, terms, self.notation).text

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


# --- lines whose numbers are filled in later --------------------------------------------------------------------------

# A number: which one, between two characters that no name has. It is written as a negative one is, and so has parentheses
# around it where a negative number needs them.
SLOT: Final = re.compile("(\\()?−\ue000([a-z][0-9.]*)\ue001(?(1)\\))")
_NEGATIVE: Final = formula.number(-1.0, Notation.PLAIN).binding
_LONGEST_RULE: Final = 400
NUDGE: Final = 0.001


class Templates(Lines):
    """Writes the lines with a slot instead of each number that changes with the leaves, for a page that computes.

    The slots: `d3` is the data of node 3, `g3` its gradient, `p5` the local derivative on edge 5, `a5` what that edge
    contributes, `s5.2` the sum of what edges 5 and 2 contribute, `n3` what a nudge of node 3 makes of the result.
    """

    def __init__(self, walk: Walk, digits: int) -> None:
        super().__init__(walk, Notation.PLAIN, digits)
        self._number_of: Final = {node: i for i, node in enumerate(walk.graph.nodes)}

    def data(self, node: Value) -> Text:
        """The slot of a node's number."""
        return _slot(f"d{self._number_of[node]}")

    def slope(self, node: Value) -> Text:
        """The slot of a node's gradient."""
        return _slot(f"g{self._number_of[node]}")

    def partial(self, path: Contribution) -> Text:
        """The slot of a local derivative."""
        return _slot(f"p{path.edge}")

    def amount(self, path: Contribution) -> Text:
        """The slot of what a path contributes."""
        return _slot(f"a{path.edge}")

    def nudged(self, leaf: Value) -> str:
        """The slot of what a small change of a leaf makes of the result."""
        return _slot(f"n{self._number_of[leaf]}").text

    @staticmethod
    def so_far_slot(edges: list[int]) -> str:
        """The name of the slot of what some edges contribute together."""
        return "s" + ".".join(map(str, edges))

    def so_far(self, paths: list[Contribution]) -> str:
        """The slot of what some paths contribute together."""
        return _slot(self.so_far_slot([path.edge for path in paths])).text

    def rule(self, path: Contribution) -> list[str]:
        """The cells of a rule, all of them: which repeat the next one is seen when the numbers are known."""
        cells = self.whole_rule(path)
        return cells if sum(map(len, cells)) <= _LONGEST_RULE else [cells[0], cells[-1]]

    def numbers(self) -> Callable[[str], float]:
        """The numbers of the slots, as the walk has them."""
        walk, nodes = self.walk, self.walk.graph.nodes
        path_of = {path.edge: path for paths in walk.sent.values() for path in paths}

        def number(slot: str) -> float:
            kind, places = slot[0], [int(place) for place in slot[1:].split(".")]
            if kind in "dg":
                return (walk.data if kind == "d" else walk.gradient)[nodes[places[0]]]
            if kind == "p":
                return path_of[places[0]].partial
            if kind == "n":
                return NUDGE * walk.gradient[nodes[places[0]]]
            return sum((path_of[place].amount for place in places), 0.0)

        return number

    def filled(self, template: str, number: Callable[[str], float]) -> str:
        """A template with its numbers."""

        def write(match: re.Match[str]) -> str:
            text = self.number(number(match[2]))
            return f"({text})" if match[1] and text.startswith("−") else text

        return SLOT.sub(write, template)


def _slot(name: str) -> Text:
    return Text(f"−\ue000{name}\ue001", _NEGATIVE)
