"""A graph as the program that the page's engine (`engine.js`) runs: lists of opcodes, of operands, and of derivative rules."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from autograd_lite import ops
from autograd_lite.graph import rules
from autograd_lite.graph.rules import Symbol, Term
from autograd_lite.graph.view import Graph
from autograd_lite.ops import Op
from autograd_lite.value import Value


def program_of(graph: Graph, data: Mapping[Value, float]) -> dict[str, Any]:
    """A graph as plain lists, ready for JSON; `engine.js` says what each holds.

    An operation of the user's has no rule in the page: its node keeps its number and its local derivatives, which are true
    as long as the leaves that lead to it keep theirs. They are listed as `fixed`.

    Parameters
    ----------
    graph : Graph
    data : mapping of Value to float
        The number of each node.
    """
    return _Writer(graph, data).program()


class _Writer:
    """Numbers the nodes, the constants and the derivative rules."""

    def __init__(self, graph: Graph, data: Mapping[Value, float]) -> None:
        self.graph = graph
        self.data = data
        self.place = {node: i for i, node in enumerate(graph.nodes)}
        self.constants: dict[str, int] = {}
        self.rows: dict[str, int] = {}
        self.rule_of: dict[tuple[Any, ...], int] = {}
        self.derivatives: list[dict[str, Any]] = []

    def program(self) -> dict[str, Any]:
        opcodes, starts, operands, rule_numbers = [], [0], [], []
        for node in self.graph.nodes:
            op = node.op
            sent = () if op is None else rules.as_sent(op, node.operands)
            operands += [self.place[x] if isinstance(x, Value) else self._constant(x) for x in sent]
            starts.append(len(operands))
            opcodes.append(-1 if op is None or not _is_known(op) else self._row(op.name))
            rule_numbers.append(-1 if op is None else self._rule(node, op))
        return {
            "opcodes": opcodes,
            "starts": starts,
            "operands": operands,
            "data": [_plain(self.data[node]) for node in self.graph.nodes] + [_plain(float(x)) for x in self.constants],
            "root": self.place[self.graph.root],
            "rules": rule_numbers,
            "derivatives": self.derivatives,
            "formulas": self._formulas(),
            "rows": list(self.rows),
            "fixed": self._fixed(),
        }

    def _constant(self, x: float) -> int:
        return len(self.place) + self.constants.setdefault(repr(x), len(self.constants))

    def _row(self, name: str) -> int:
        return self.rows.setdefault(name, len(self.rows))

    def _fixed(self) -> list[int]:
        """The leaves that lead to an operation of the user's."""
        fixed: set[Value] = set()
        for node in reversed(self.graph.nodes):
            if node in fixed or (node.op is not None and not _is_known(node.op)):
                fixed.update([node, *node.parents])
        return [self.place[leaf] for leaf in self.graph.leaves if leaf in fixed]

    def _rule(self, node: Value, op: Op) -> int:
        """The number of the derivative rule of a node, which nodes of the same operation share."""
        uses = tuple([isinstance(x, Value) for x in rules.as_sent(op, node.operands)])
        key: tuple[Any, ...] = (op.name, uses) if _is_known(op) else (node,)
        if key not in self.rule_of:
            self.rule_of[key] = len(self.derivatives)
            self.derivatives.append(self._written(op, uses) if _is_known(op) else self._fixed_rule(node))
        return self.rule_of[key]

    def _fixed_rule(self, node: Value) -> dict[str, Any]:
        """The local derivatives of a node as numbers."""
        assert node.op is not None
        operands = [self.data[x] if isinstance(x, Value) else x for x in node.operands]
        partials = [float(partial) for partial in node.op.partials(*operands, self.data[node])]
        n = len(operands)
        places = [0.0] * (n + 1) + [_plain(partial) for partial in partials]
        return {
            "opcodes": [],
            "starts": [0],
            "operands": [],
            "places": places,
            "first": n + 1,
            "results": list(range(n + 1, 2 * n + 1)),
        }

    def _written(self, op: Op, uses: tuple[bool, ...]) -> dict[str, Any]:
        """The derivative rule of a row as a program, for the operands that have a gradient."""
        n = len(uses)
        symbols: list[Symbol | float] = [Symbol(i) for i in range(n)]
        for i, k in enumerate(rules.as_sent(op, range(n))):
            symbols[k] = Symbol(i)
        found = rules.recorded(op, symbols, Symbol(n))
        assert found is not None, op
        found = list(rules.as_sent(op, found))
        wanted = [rules.expanded(term) if used else 0.0 for term, used in zip(found, uses, strict=True)]
        return self._steps(wanted, n, op)

    def _formulas(self) -> dict[str, dict[str, Any]]:
        """The formulas of the rows that the page's engine does not have, and of those that they use."""
        formulas: dict[str, dict[str, Any]] = {}
        waiting = list(self.rows)
        while waiting:
            name = waiting.pop()
            if name not in formulas and name not in _in_page():
                op = ops.TABLE[name]
                assert op.formula is not None, op
                known = len(self.rows)
                term = op.formula(*[Symbol(i) for i in range(op.arity)])
                formulas[name] = self._steps([rules.expanded(term)], op.arity, op)
                waiting += list(self.rows)[known:]
        return formulas

    def _steps(self, wanted: list[Term], n: int, op: Op) -> dict[str, Any]:
        """Terms of an operation's n operands (symbols 0 … n-1) and of its result (symbol n) as a program."""
        order, constants = _instructions(wanted)
        first = n + 1 + len(constants)
        place = {id(term): first + i for i, term in enumerate(order)}

        def place_of(term: Term) -> int:
            if not isinstance(term, Symbol):
                return n + 1 + constants[repr(term)]
            return int(term.name) if term.op is None else place[id(term)]  # type: ignore[call-overload]

        opcodes, starts, operands = [], [0], []
        for term in order:
            assert term.op is not None
            is_times = term.op is ops.MUL and op in rules.ZERO_ANNIHILATES
            opcodes.append(self._row("times" if is_times else term.op.name))
            operands += [place_of(x) for x in rules.as_sent(term.op, term.operands)]
            starts.append(len(operands))
        places = [0.0] * (n + 1) + [_plain(float(x)) for x in constants] + [0.0] * len(order)
        results = [place_of(term) for term in wanted]
        return {
            "opcodes": opcodes,
            "starts": starts,
            "operands": operands,
            "places": places,
            "first": first,
            "results": results,
        }


def _instructions(terms: list[Term]) -> tuple[list[Symbol], dict[str, int]]:
    """The operations that terms are made of, each once and after its operands, and their constants."""
    order: dict[int, Symbol] = {}
    constants: dict[str, int] = {}
    waiting: list[tuple[Term, bool]] = [(term, False) for term in reversed(terms)]
    while waiting:
        term, is_ready = waiting.pop()
        if not isinstance(term, Symbol):
            constants.setdefault(repr(term), len(constants))
        elif term.op is not None and id(term) not in order:
            if is_ready:
                order[id(term)] = term
                continue
            waiting.append((term, True))
            waiting += [(x, False) for x in reversed(term.operands)]
    return list(order.values()), constants


def _is_known(op: Op) -> bool:
    """Whether the page can compute an operation: by its engine, or by its formula."""
    return ops.TABLE.get(op.name) is op and (op.name in _in_page() or (op.formula is not None and op.arity > 0))


@cache
def _in_page() -> frozenset[str]:
    """The operations that are written in the page's engine."""
    script = files("autograd_lite.drawing.pages").joinpath("engine.js").read_text("utf-8")
    table = script[script.index("const FORWARD = {") : script.index("// --- the engine")]
    return frozenset(re.findall(r"^    (\w+)[:,]", table, re.MULTILINE))


def _plain(x: float) -> float | str:
    """A number as JSON has it, and JavaScript's `Number` reads it."""
    if math.isfinite(x):
        return x
    return "NaN" if math.isnan(x) else "Infinity" if x > 0.0 else "-Infinity"
