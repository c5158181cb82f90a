"""Graph: a read-only view of one expression, from its leaves to its result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from autograd_lite import formula, symbolic
from autograd_lite.formula import Notation, Text
from autograd_lite.value import Value

if TYPE_CHECKING:
    import networkx


class Edge(NamedTuple):
    """One operand of one operation, with the local derivative ∂child/∂parent."""

    parent: Value
    child: Value
    partial: float


class Graph:
    """The nodes and edges that a Value was computed from.

    Parameters
    ----------
    root : Value
        The result.
    names : mapping of str to anything, optional
        A namespace, such as `globals()`: a Value without a label is called by the variable that holds it.

    Raises
    ------
    TypeError
        If `root` is no Value, or `names` no mapping.

    Examples
    --------
    >>> w, x, b = Value(2.0), Value(-2.0), Value(8.0)
    >>> graph = Graph(w * x + b, names={"w": w, "x": x, "b": b})
    >>> len(graph), graph.expression()
    (5, 'w * x + b')
    >>> [graph.name(leaf) for leaf in graph.leaves]
    ['w', 'x', 'b']
    """

    def __init__(self, root: Value, names: Mapping[str, object] | None = None) -> None:
        if not isinstance(root, Value):
            raise TypeError(f"a graph starts from a Value, got {type(root).__name__}: {root!r}")
        self.root: Final = root
        self.nodes: Final = root.topological_order()
        if names is not None and not isinstance(names, Mapping):
            raise TypeError(f"names is a mapping from names to Values, such as globals(), got {type(names).__name__}")
        self._names: dict[Value, str] = {}
        for name, value in (names or {}).items():
            if isinstance(value, Value) and isinstance(name, str) and not name.startswith("_"):
                self._names.setdefault(value, name)

    def __len__(self) -> int:
        return len(self.nodes)

    def __iter__(self) -> Iterator[Value]:
        return iter(self.nodes)

    def __repr__(self) -> str:
        return f"Graph({len(self)} nodes, {len(self.leaves)} leaves, root={self.root!r})"

    def name(self, node: Value) -> str:
        """The label of a node, else its variable's name, else an empty string."""
        return node.label or self._names.get(node, "")

    @property
    def leaves(self) -> list[Value]:
        """The inputs of the graph, in the order of use."""
        return [node for node in self.nodes if node.is_leaf]

    @property
    def edges(self) -> list[Edge]:
        """Every operand of every operation; `x * x` has two edges."""
        return [
            Edge(parent, child, partial)
            for child in self.nodes
            for parent, partial in zip(child.parents, child.partials, strict=True)
        ]

    @property
    def levels(self) -> list[list[Value]]:
        """The nodes by their distance from the leaves: each level depends on earlier levels only."""
        depth: dict[Value, int] = {}
        levels: list[list[Value]] = []
        for node in self.nodes:
            depth[node] = 1 + max((depth[parent] for parent in node.parents), default=-1)
            if depth[node] == len(levels):
                levels.append([])
            levels[depth[node]].append(node)
        return levels

    def expression(self, max_length: int = 10_000) -> str:
        """The graph as a formula, with no more parentheses than it needs.

        An unlabelled leaf is written as its number. The formula is valid Python, and computes the same floats.

        Raises
        ------
        ValueError
            If it would be longer than `max_length` characters: a shared node is written out at each use.

        Examples
        --------
        >>> w, x = Value(2.0, "w"), Value(-2.0, "x")
        >>> Graph(0.5 * (w * x - (w - 1)) ** 2).expression()
        '0.5 * (w * x - (w - 1))**2'
        """
        return self._formula(Notation.PYTHON, max_length)

    def latex(self, max_length: int = 10_000) -> str:
        r"""The graph as a LaTeX formula, in math mode and without the dollar signs.

        A label of one letter (or the name of a Greek one) with an index is written as such: `w12` is `w_{12}`. Numbers
        have at most 10 significant digits.

        Raises
        ------
        ValueError
            If it would be longer than `max_length` characters: a shared node is written out at each use.

        Examples
        --------
        >>> w, x = Value(2.0, "w1"), Value(-2.0, "x")
        >>> print(Graph((w * x).sigmoid() / 2).latex())
        \frac{\sigma\left(w_{1} \cdot x\right)}{2}
        """
        return self._formula(Notation.LATEX, max_length)

    def _repr_latex_(self) -> str | None:
        try:
            return rf"$\displaystyle {self._formula(Notation.LATEX, max_length=1000)}$"
        except ValueError:  # too long to be read as a formula
            return None

    def _formula(self, notation: Notation, max_length: int) -> str:
        text: dict[Value, Text] = {}
        for node in self.nodes:
            if node.op is None:
                label = self.name(node)
                text[node] = formula.name(label, notation) if label else formula.number(node.data, notation)
            else:
                operands = [text[x] if isinstance(x, Value) else formula.number(x, notation) for x in node.operands]
                text[node] = formula.write(node.op, operands, notation)
            if len(text[node].text) > max_length:
                raise ValueError(
                    f"the formula of this graph of {len(self)} nodes is longer than {max_length} characters;"
                    " ask for the formula of a part of it, or raise max_length"
                )
        return text[self.root].text

    def to_dict(self) -> dict[str, list[dict[str, Any]]]:
        """The graph as plain lists and dicts, ready for JSON: nodes by number, edges between the numbers."""
        number = {node: i for i, node in enumerate(self.nodes)}
        nodes = [
            {
                "id": number[node],
                "label": self.name(node),
                "op": None if node.op is None else node.op.name,
                "operands": [{"node": number[x]} if isinstance(x, Value) else {"constant": x} for x in node.operands],
                "data": node.data,
                "grad": node.grad,
            }
            for node in self.nodes
        ]
        edges = [{"parent": number[e.parent], "child": number[e.child], "partial": e.partial} for e in self.edges]
        return {"nodes": nodes, "edges": edges}

    def to_networkx(self) -> networkx.MultiDiGraph[int]:
        """The graph as a `networkx.MultiDiGraph`: nodes and attributes as in `to_dict()`, edges from parent to child.

        Raises
        ------
        ImportError
            If networkx is not installed.
        """
        try:
            import networkx
        except ImportError as error:
            raise ImportError('to_networkx() needs networkx: pip install "autograd-lite[graph]"') from error
        graph: networkx.MultiDiGraph[int] = networkx.MultiDiGraph()
        parts = self.to_dict()
        for node in parts["nodes"]:
            graph.add_node(node.pop("id"), **node)
        for edge in parts["edges"]:
            graph.add_edge(edge["parent"], edge["child"], partial=edge["partial"])
        return graph

    def to_sympy(self, max_terms: int = 10_000) -> Any:
        """The graph as a SymPy expression, on which SymPy's `diff`, `subs` and `simplify` work.

        A leaf is the symbol of its label, or of the variable in `names`; an unlabelled leaf is its number.

        Raises
        ------
        ImportError
            If SymPy is not installed.
        ValueError
            If two leaves have the same name, or if there would be more than `max_terms` terms (a shared node is written
            out at each use), or more nested than SymPy can follow.

        Examples
        --------
        >>> w, x = Value(2.0, "w"), Value(-2.0, "x")
        >>> expression = Graph(0.5 * (w * x - 1) ** 2).to_sympy()
        >>> expression, expression.diff("w"), expression.subs({"w": 3, "x": 1})
        ((w*x - 1)**2/2, x*(w*x - 1), 2)
        """
        return symbolic.to_sympy(self, max_terms)
