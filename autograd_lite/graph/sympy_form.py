"""Graphs as SymPy expressions, for exact algebra."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, Final

from autograd_lite import ops
from autograd_lite._support.text import quoted
from autograd_lite.graph.operators import Arithmetic
from autograd_lite.ops import Op
from autograd_lite.value import Value

# SymPy has no types.
Expression = Any

# A constant such as 0.5 or 3.25 is written as the fraction that it is; 0.1, which is not a short fraction, as a float.
_LARGEST_DENOMINATOR: Final = 1024


def to_sympy(nodes: Sequence[Value], name_of: Callable[[Value], str], max_terms: int) -> Expression:
    """Write the last of some nodes, which are in topological order, as a SymPy expression of the leaves that have a name.

    `Graph.to_sympy` is its public face.
    """
    try:
        import sympy
    except ImportError as error:
        raise ImportError('to_sympy() needs SymPy: pip install "autograd-lite[symbolic]"') from error
    rows = _rows(sympy)
    _check_names(nodes, name_of)
    try:
        return _write(sympy, rows, nodes, name_of, max_terms)
    except RecursionError:
        raise ValueError(
            f"this graph of {len(nodes)} nodes is nested more deeply than SymPy can follow; ask for that of a part of it"
        ) from None


def _write(
    sympy: Any,
    rows: dict[str, Callable[..., Expression]],
    nodes: Sequence[Value],
    name_of: Callable[[Value], str],
    max_terms: int,
) -> Expression:
    terms: dict[Expression, int] = {}
    written: dict[Value, Expression] = {}
    for node in nodes:
        if node.op is None:
            name = name_of(node)
            written[node] = sympy.Symbol(name) if name else _constant(sympy, node.data)
        else:
            operands = [written[x] if isinstance(x, Value) else _constant(sympy, x) for x in node.operands]
            written[node] = _apply(sympy, rows, node.op, operands)
        if _terms(written[node], terms) > max_terms:
            raise ValueError(
                f"the expression of this graph of {len(nodes)} nodes has more than {max_terms} terms, since a shared node"
                " is written out at each use; ask for that of a part of it, or raise max_terms"
            )
    return written[nodes[-1]]


def _terms(expression: Expression, known: dict[Expression, int]) -> int:
    """How many terms SymPy has made of it: x times x is one power, and what cancels is gone."""
    waiting = [expression]
    while waiting:
        part = waiting[-1]
        unknown = [x for x in part.args if x not in known]
        waiting.extend(unknown)
        if not unknown:
            known[waiting.pop()] = 1 + sum(known[x] for x in part.args)
    return known[expression]


def _check_names(nodes: Sequence[Value], name_of: Callable[[Value], str]) -> None:
    named: dict[str, Value] = {}
    for leaf in nodes:
        name = name_of(leaf) if leaf.op is None else ""
        if name and named.setdefault(name, leaf) is not leaf:
            raise ValueError(f"two leaves of the graph are called {quoted(name)}: give each its own label")


def _constant(sympy: Any, x: float) -> Expression:
    if x - x == 0.0 and Fraction(x).denominator <= _LARGEST_DENOMINATOR:
        return sympy.Rational(*x.as_integer_ratio())
    return sympy.Float(x)


def _apply(
    sympy: Any, rows: dict[str, Callable[..., Expression]], op: Op, operands: Sequence[Expression]
) -> Expression:
    is_row = ops.TABLE.get(op.name) is op
    if is_row and op.name in rows:
        return rows[op.name](*operands)
    if is_row and op.formula is not None:
        return _expression(sympy, op.formula(*[_Written(sympy, rows, x) for x in operands]))
    return _named_function(sympy, rows, op)(*operands)


def _rows(sympy: Any) -> dict[str, Callable[..., Expression]]:
    """The rows of the table that SymPy knows by their name, and those that their own formula does not say best.

    Kinks are written so that their derivative is ours where it can be.
    """
    rows: dict[str, Callable[..., Expression]] = {
        op.name: getattr(sympy, op.name)
        for op in ops.TABLE.values()
        if isinstance(getattr(sympy, op.name, None), sympy.FunctionClass)
    }
    exp, log, erf = sympy.exp, sympy.log, sympy.erf

    def where(condition: Expression, x: Expression, y: Expression) -> Expression:
        return sympy.Piecewise((x, condition), (y, True))

    def normal_cdf(x: Expression) -> Expression:
        return (1 + erf(x / sympy.sqrt(2))) / 2

    def hyperbolic(function: Any) -> Callable[[Expression], Expression]:
        # Asked to simplify tanh of tanh of tanh …, SymPy takes a time that grows exponentially.
        return lambda x: function(x, evaluate=isinstance(x, sympy.Number))

    def cbrt(x: Expression) -> Expression:  # SymPy's own is the complex root of a negative number
        third = sympy.Rational(1, 3)
        return sympy.Piecewise((x**third, x >= 0), (-((-x) ** third), True))

    def cross_entropy(*xs: Expression) -> Expression:
        weights, logits = xs[: len(xs) // 2], xs[len(xs) // 2 :]
        log_total = log(sympy.Add(*[exp(x) for x in logits]))
        return sympy.Add(*[weight * (log_total - x) for weight, x in zip(weights, logits) if weight != 0])

    def power_derivative(x: Expression, y: Expression, m: Expression, n: Expression) -> Expression:
        base, exponent = sympy.Dummy(positive=True), sympy.Dummy(real=True)
        power = base**exponent
        return power.diff((base, int(m)), (exponent, int(n))).subs({base: x, exponent: y})

    rows |= {name: hyperbolic(rows[name]) for name in ("tanh", "sinh", "cosh")}
    rows |= {
        "add": lambda x, y: x + y,
        "sub": lambda x, y: x - y,
        "mul": lambda x, y: x * y,
        "neg": lambda x: -x,
        "div": lambda x, y: x / y,
        "pow": lambda x, y: x**y,
        "mod": sympy.Mod,
        "floor_divide": lambda x, y: sympy.floor(x / y),
        "abs": lambda x: sympy.Piecewise((x, x > 0), (-x, x < 0), (0, True)),
        "expm1": lambda x: exp(x) - 1,
        "log1p": lambda x: log(1 + x),
        "exp2": lambda x: sympy.Integer(2) ** x,
        "log2": lambda x: log(x) / log(2),
        "log10": lambda x: log(x) / log(10),
        "sqrt": sympy.sqrt,
        "cbrt": cbrt,
        "softplus": lambda x: log(1 + exp(x)),
        "relu": lambda x: where(x > 0, x, 0),
        "leaky_relu": lambda x: where(x > 0, x, sympy.Float(ops.LEAKY_SLOPE) * x),
        "elu": lambda x: where(x > 0, x, exp(x) - 1),
        "hypot": lambda x, y: sympy.sqrt(x**2 + y**2),
        "maximum": sympy.Max,
        "minimum": sympy.Min,
        "largest": lambda *xs: sympy.Integer(0),  # what is shifted by it depends on it in its rounding only
        "cross_entropy": cross_entropy,
        "power_derivative": power_derivative,
        "sign": lambda x: sympy.Piecewise((1, x > 0), (-1, x < 0), (0, True)),
        "greater": lambda x, y: where(x > y, sympy.Integer(1), sympy.Integer(0)),
        "less": lambda x, y: where(x < y, sympy.Integer(1), sympy.Integer(0)),
        "equal": lambda x, y: where(sympy.Eq(x, y), sympy.Integer(1), sympy.Integer(0)),
        "where": lambda c, x, y: where(sympy.Ne(c, 0), x, y),
        "normal_cdf": normal_cdf,
        "normal_pdf": lambda x: exp(-(x**2) / 2) / sympy.sqrt(2 * sympy.pi),
    }
    return rows


def _named_function(sympy: Any, rows: dict[str, Callable[..., Expression]], op: Op) -> Expression:
    """An operation as a function of SymPy by its name, with its derivative rule and its numerical value."""

    def fdiff(self: Any, argindex: int = 1) -> Expression:
        terms = [_Written(sympy, rows, x) for x in (*self.args, self)]
        return _expression(sympy, op.partials(*terms)[argindex - 1])

    def evaluate(self: Any, precision: int) -> Expression:
        numbers = [x.evalf() for x in self.args]
        return sympy.Float(op.forward(*[float(x) for x in numbers])) if all(x.is_Float for x in numbers) else None

    return type(op.name, (sympy.Function,), {"fdiff": fdiff, "_eval_evalf": evaluate})


class _Written(Arithmetic):
    """A SymPy expression as a rule or a formula sees it: a number to compute with, as a Value is."""

    def __init__(self, sympy: Any, rows: dict[str, Callable[..., Expression]], expression: Expression) -> None:
        self.sympy = sympy
        self.rows = rows
        self.expression = expression

    def _record(self, op: Op, operands: tuple[Any, ...]) -> _Written:
        written = _apply(self.sympy, self.rows, op, [_expression(self.sympy, x) for x in operands])
        return _Written(self.sympy, self.rows, written)


def _expression(sympy: Any, x: Any) -> Expression:
    return x.expression if isinstance(x, _Written) else _constant(sympy, float(x))
