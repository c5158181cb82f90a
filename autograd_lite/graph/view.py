"""Graph: a read-only view of one expression, from its leaves to its result."""

from __future__ import annotations

import itertools
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from keyword import iskeyword
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from autograd_lite.graph import notation as formula
from autograd_lite.graph import sympy_form
from autograd_lite.graph.notation import Notation, Text
from autograd_lite.graph.program import program
from autograd_lite.graph.reading import nodes_of
from autograd_lite.graph.variables import variables_of_caller
from autograd_lite.value import Value

if TYPE_CHECKING:
    import networkx


_DEEPEST: Final = 50  # levels within one formula; Python's own parser follows about 90 parentheses
_LONGEST_LINE: Final = 500  # characters, after which a part gets a name


class Edge(NamedTuple):
    """One operand of one operation, with the local derivative ∂child/∂parent."""

    parent: Value
    child: Value
    partial: float


class Graph:
    """The nodes and edges that a Value, or several, were computed from.

    Parameters
    ----------
    root : Value or sequence of Value
        The result, or the results.
    names : mapping of str to anything, optional
        A Value without a label is called by the variable that holds it. The variables are those of the caller if this is
        not given, else those of the namespace given here, such as `vars(module)`; an empty one gives no names.

    Raises
    ------
    TypeError
        If `root` is not a Value or a sequence of them, or `names` is not a mapping.
    ValueError
        If the sequence is empty.

    Examples
    --------
    >>> w, x, b = Value(2.0), Value(-2.0), Value(8.0)
    >>> graph = Graph(w * x + b)
    >>> len(graph), graph.expression()
    (5, 'w * x + b')
    >>> [graph.name(leaf) for leaf in graph.leaves]
    ['w', 'x', 'b']
    """

    def __init__(self, root: Value | Sequence[Value], names: Mapping[str, object] | None = None) -> None:
        #: The results, each once.
        self.roots: Final = _roots(root)
        #: The result; the last one of several.
        self.root: Final = self.roots[-1]
        orders = [root.topological_order() for root in self.roots]
        self.nodes: Final = orders[0] if len(orders) == 1 else list(dict.fromkeys(itertools.chain(*orders)))
        if names is None:
            names = variables_of_caller()
        elif not isinstance(names, Mapping):
            raise TypeError(f"names is a mapping from names to Values, such as globals(), got {type(names).__name__}")
        self._names: dict[Value, str] = {}
        for name, value in names.items():
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

    def expression(self, max_length: int = 1000) -> str:
        """The graph as a formula, with no more parentheses than it needs.

        An unlabelled leaf is written as its number. The formula is valid Python where the labels are names, and
        computes the same floats.

        Parameters
        ----------
        max_length : int
            A formula of more characters is written in lines: each shared part once, with a name (its own, or `v1`,
            `v2` …), and in the last line the name of the result.

        Examples
        --------
        >>> w, x = Value(2.0, "w"), Value(-2.0, "x")
        >>> Graph(0.5 * (w * x - (w - 1)) ** 2).expression()
        '0.5 * (w * x - (w - 1))**2'
        >>> y = x
        >>> for _ in range(20):
        ...     y = y * y
        >>> Graph(y).expression().splitlines()[:3]
        ['v1 = x * x', 'v2 = v1 * v1', 'v3 = v2 * v2']
        """
        text = self._formula(Notation.PYTHON, max_length)
        if text is not None:
            return text
        lines = self._lines(Notation.PYTHON)
        results = [name for node, name, _ in lines if node in self.roots]
        return "\n".join([*[f"{name} = {written}" for _, name, written in lines], ", ".join(results)])

    def latex(self, max_length: int = 1000) -> str:
        r"""The graph as a LaTeX formula, in math mode and without the dollar signs.

        A label of one letter (or the name of a Greek one) with an index is written as such: `w12` is `w_{12}`. Numbers
        have at most 10 significant digits.

        Parameters
        ----------
        max_length : int
            A formula of more characters is written in lines (an `aligned` environment), each shared part once, with a
            name.

        Examples
        --------
        >>> w, x = Value(2.0, "w1"), Value(-2.0, "x")
        >>> print(Graph((w * x).sigmoid() / 2).latex())
        \frac{\sigma\left(w_{1} \cdot x\right)}{2}
        """
        text = self._formula(Notation.LATEX, max_length)
        if text is not None:
            return text
        lines = [f"{name} &= {written}" for _, name, written in self._lines(Notation.LATEX)]
        return r"\begin{aligned} " + r" \\ ".join(lines) + r" \end{aligned}"

    def _repr_latex_(self) -> str | None:
        text = self._formula(Notation.LATEX, max_length=1000)
        return None if text is None else rf"$\displaystyle {text}$"  # longer, it is not read as a formula

    def _formula(self, notation: Notation, max_length: int) -> str | None:
        """The graph in one formula, each shared node written out at each use; None if that is too long.

        Several results are lines as well.
        """
        if len(self.roots) > 1:
            return None
        text: dict[Value, Text] = {}
        for node in self.nodes:
            text[node] = self._write(node, text, notation)
            if len(text[node].text) > max_length and node.op is not None:
                return None
        result = text[self.root].text
        return None if formula.nesting(result) > _DEEPEST else result

    def _lines(self, notation: Notation) -> list[tuple[Value, str, str]]:
        """The graph as straight-line code: (node, name, formula), each shared node once, the result last."""
        uses = Counter([parent for node in self.nodes for parent in node.parents])
        labels = Counter([_as_python_reads(self.name(node)) for node in self.nodes])
        symbols = {node.op.symbol for node in self.nodes if node.op is not None}
        fresh = (name for name in map("v{}".format, itertools.count(1)) if name not in labels and name not in symbols)
        text: dict[Value, Text] = {}
        height: dict[Value, int] = {}
        lines: list[tuple[Value, str, str]] = []
        for node in self.nodes:
            text[node] = self._write(node, text, notation)
            height[node] = 1 + max([height[parent] for parent in node.parents], default=-1)
            is_long = height[node] > _DEEPEST or len(text[node].text) > _LONGEST_LINE
            if node in self.roots or (node.op is not None and (uses[node] > 1 or is_long)):
                label = self.name(node)
                is_a_name = label.isidentifier() and not iskeyword(label) and label not in symbols
                own = is_a_name and labels[_as_python_reads(label)] == 1
                name = formula.name(label if own else next(fresh), notation)
                lines.append((node, name.text, text[node].text))
                text[node], height[node] = name, 0
        return lines

    def _write(self, node: Value, text: Mapping[Value, Text], notation: Notation) -> Text:
        """A node as a formula of what is written already."""
        if node.op is None:
            label = self.name(node)
            return formula.name(label, notation) if label else formula.number(node.data, notation)
        operands = [text[x] if isinstance(x, Value) else formula.number(x, notation) for x in node.operands]
        return formula.write(node.op, operands, notation)

    def program(self, language: str = "python", gradient: bool = True) -> str:
        """The graph as straight-line code of a function `f` of its leaves, each part computed once.

        It runs by itself. In Python it computes the bits of this graph; in C and in JavaScript, the functions of the maths
        library may differ in their last bits, and what Python raises on is inf or nan.

        Parameters
        ----------
        language : {"python", "c", "javascript"}
            In Python and JavaScript, the leaves have the data of now as defaults.
        gradient : bool
            Whether it computes the gradient too: `f` returns the value and a list of the derivatives by each leaf, in the
            order of `leaves`; in C they are written to the array that is the last argument.

        Raises
        ------
        ValueError
            If the language is another one, or an operation is one of your own, made by `define_op`.

        Examples
        --------
        >>> w, x = Value(2.0, "w"), Value(-3.0, "x")
        >>> print(Graph(w * x).program())
        import math
        <BLANKLINE>
        def f(w=2.0, x=-3.0):
            v1 = w * x
            d_w = 0.0
            d_x = 0.0
            d_v1 = 1.0
            d_w += x * d_v1
            d_x += w * d_v1
            return v1, [d_w, d_x]
        <BLANKLINE>
        """
        return program(self.nodes, self.root, self.name, language, gradient)

    @classmethod
    def from_dict(cls, parts: Mapping[str, Any]) -> Graph:
        """Build the graph that `to_dict` gave, with its labels, data and gradients.

        Parameters
        ----------
        parts : mapping
            As `to_dict` gives it; the edges may be missing, since the operands of each node tell them.

        Raises
        ------
        ValueError
            If a node comes before an operand, has an operation that is not in the table, or one of its parts is missing; or
            if an operation cannot be computed from its operands.

        Examples
        --------
        >>> w = Value(2.0, "w")
        >>> Graph.from_dict(Graph(w * w + 1).to_dict()).expression()
        'w * w + 1'
        """
        return cls(nodes_of(parts), names={})

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
            If two leaves have the same name, or if SymPy would have more than `max_terms` terms (a shared node is written
            out at each use), or more nested than SymPy can follow.

        Examples
        --------
        >>> w, x = Value(2.0, "w"), Value(-2.0, "x")
        >>> expression = Graph(0.5 * (w * x - 1) ** 2).to_sympy()
        >>> expression, expression.diff("w"), expression.subs({"w": 3, "x": 1})
        ((w*x - 1)**2/2, x*(w*x - 1), 2)
        """
        return sympy_form.to_sympy(self.nodes, self.name, max_terms)


def _roots(root: Value | Sequence[Value]) -> list[Value]:
    if isinstance(root, Value):
        return [root]
    if not isinstance(root, Sequence) or isinstance(root, str):
        raise TypeError(f"a graph starts from a Value, or from a list of them, got {type(root).__name__}: {root!r:.80}")
    if not root:
        raise ValueError("a graph starts from a Value, or from a list of them, got an empty list")
    for value in root:
        if not isinstance(value, Value):
            raise TypeError(f"a graph starts from Values, got {type(value).__name__} in the list: {value!r:.80}")
    return list(dict.fromkeys(root))


def _as_python_reads(name: str) -> str:
    """A name as Python's parser takes it: the µ of a keyboard and the Greek μ are one."""
    return unicodedata.normalize("NFKC", name)
