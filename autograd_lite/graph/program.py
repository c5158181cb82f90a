"""A graph as straight-line code of another language, or of Python: it runs by itself and computes value and gradient."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from keyword import iskeyword
from typing import Final, NamedTuple

from autograd_lite import ops
from autograd_lite.graph import rules
from autograd_lite.graph.rules import Symbol, Term
from autograd_lite.ops import Op
from autograd_lite.value import Value

_MATH: Final = [
    "exp",
    "expm1",
    "log",
    "log1p",
    "exp2",
    "log2",
    "log10",
    "sqrt",
    "cbrt",
    "sin",
    "cos",
    "tan",
    "asin",
    "acos",
    "atan",
    "sinh",
    "cosh",
    "tanh",
    "asinh",
    "acosh",
    "atanh",
    "erf",
    "erfc",
    "atan2",
    "hypot",
]
_SQRT_HALF: Final = repr(math.sqrt(0.5))
_NORMAL: Final = repr(1.0 / math.sqrt(2.0 * math.pi))


class Language(NamedTuple):
    """How a language writes things: `{0}`, `{1}` stand for operands, `{list}` for all of them."""

    rows: Mapping[str, str]
    helpers: Mapping[str, str]  # by name, what the rows call
    constants: tuple[str, str]  # infinity, nan
    assign: str
    add: str
    sequence: str
    head: str  # before the function
    function: str
    end: str


def _conditional(form: str) -> dict[str, str]:
    """The rows that choose; `form` has the condition and the two choices as {0}, {1}, {2}."""
    chosen = {
        "relu": ("{0} <= 0.0", "0.0", "{0}"),
        "leaky_relu": ("{0} > 0.0", "{0}", "0.01 * {0}"),
        "greater": ("{0} > {1}", "1.0", "0.0"),
        "less": ("{0} < {1}", "1.0", "0.0"),
        "equal": ("{0} == {1}", "1.0", "0.0"),
        "where": ("{0} != 0.0", "{1}", "{2}"),
        # As Python's max and min: the first operand, unless the second is beyond it.
        "maximum": ("{1} > {0}", "{1}", "{0}"),
        "minimum": ("{1} < {0}", "{1}", "{0}"),
    }
    parts = re.split(r"([CXY])", form)
    return {
        name: "".join([{"C": condition, "X": x, "Y": y}.get(part, part) for part in parts])
        for name, (condition, x, y) in chosen.items()
    }


_ARITHMETIC: Final = {
    "add": "{0} + {1}", "sub": "{0} - {1}", "mul": "{0} * {1}", "div": "{0} / {1}", "neg": "-{0}",
    "silu": "{0} * sigmoid({0})", "sigmoid": "sigmoid({0})", "softplus": "softplus({0})", "elu": "elu({0})", "sign": "sign({0})",
    "clip": "clip({0}, {1}, {2})", "ieee_div": "{0} / {1}", "ieee_log": "ieee_log({0})", "times": "times({0}, {1})",
}  # fmt: skip
_LISTS: Final = {name: f"{name}({{list}})" for name in ("largest", "logsumexp", "cross_entropy")}

_PYTHON: Final = Language(
    rows={
        **_ARITHMETIC, **_LISTS, **_conditional("X if C else Y"), **{name: f"math.{name}({{0}})" for name in _MATH},
        "atan2": "math.atan2({0}, {1})", "hypot": "math.hypot({0}, {1})", "abs": "abs({0})", "mod": "{0} % {1}",
        "floor_divide": "{0} // {1}", "pow": "power({0}, {1})", "ieee_pow": "ieee_pow({0}, {1})",
        "ieee_div": "ieee_div({0}, {1})", "gelu": f"{{0}} * (0.5 * math.erfc(-{_SQRT_HALF} * {{0}}))",
        "normal_cdf": f"0.5 * math.erfc(-{_SQRT_HALF} * {{0}})", "normal_pdf": f"{_NORMAL} * math.exp(-0.5 * {{0}} * {{0}})",
    },
    helpers={
        "sigmoid": "def sigmoid(x):\n    if x >= 0.0:\n        return 1.0 / (1.0 + math.exp(-x))\n    small = math.exp(x)\n    return small / (1.0 + small)",
        "softplus": "def softplus(x):\n    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))",
        "elu": "def elu(x):\n    return x if x > 0.0 else math.expm1(x)",
        "sign": "def sign(x):\n    return 1.0 if x > 0.0 else -1.0 if x < 0.0 else x * 0.0",
        "clip": "def clip(x, low, high):\n    return min(max(x, low), high)",
        "times": "def times(x, y):\n    return 0.0 if x == 0.0 else x * y",
        "power": "def power(x, y):\n    z = x**y\n    if isinstance(z, complex):\n        raise ValueError(\"a negative number to a fractional power is not real\")\n    return z",
        "ieee_pow": "def ieee_pow(x, y):\n    try:\n        return power(x, y)\n    except ValueError:\n        return math.nan\n    except (ZeroDivisionError, OverflowError):\n        return math.copysign(math.inf, x) if y % 2.0 == 1.0 else math.inf",
        "ieee_log": "def ieee_log(x):\n    return math.log(x) if x > 0.0 else -math.inf if x == 0.0 else math.nan",
        "ieee_div": "def ieee_div(x, y):\n    if y != 0.0:\n        return x / y\n    return math.nan if x == 0.0 or x != x else math.copysign(math.inf, x) * math.copysign(1.0, y)",
        "largest": "def largest(xs):\n    found = xs[0]\n    for x in xs:\n        if x > found or x != x:\n            found = x\n    return found",
        "logsumexp": "def logsumexp(xs):\n    top = largest(xs)\n    if not math.isfinite(top):\n        return top\n    total = 0.0\n    for x in xs:\n        total += math.exp(x - top)\n    return top + math.log(total)",
        "cross_entropy": "def cross_entropy(xs):\n    n = len(xs) // 2\n    top = largest(xs[n:])\n    rest = total = 0.0\n    if not math.isinf(top):\n        for x in xs[n:]:\n            total += math.exp(x - top)\n        rest = math.log(total)\n    loss = 0.0\n    for weight, x in zip(xs[:n], xs[n:]):\n        if weight != 0.0:\n            loss += weight * ((top - x) + rest)\n    return loss",
    },
    constants=("math.inf", "math.nan"),
    assign="    {0} = {1}",
    add="    {0} += {1}",
    sequence="[{0}]",
    head="import math\n",
    function="def {name}({leaves}):",
    end="    return {root}{gradient}",
)  # fmt: skip

_C: Final = Language(
    rows={
        **_ARITHMETIC, **_LISTS, **_conditional("C ? X : Y"), **{name: f"{name}({{0}})" for name in _MATH},
        "atan2": "atan2({0}, {1})", "hypot": "hypot({0}, {1})", "abs": "fabs({0})", "mod": "mod({0}, {1})",
        "floor_divide": "floor_divide({0}, {1})", "pow": "pow({0}, {1})", "ieee_pow": "pow({0}, {1})",
        "gelu": f"{{0}} * (0.5 * erfc(-{_SQRT_HALF} * {{0}}))", "normal_cdf": f"0.5 * erfc(-{_SQRT_HALF} * {{0}})",
        "normal_pdf": f"{_NORMAL} * exp(-0.5 * {{0}} * {{0}})",
    },
    helpers={
        "sigmoid": "static double sigmoid(double x) {\n    if (x >= 0.0) return 1.0 / (1.0 + exp(-x));\n    double small = exp(x);\n    return small / (1.0 + small);\n}",
        "softplus": "static double softplus(double x) { return (0.0 > x ? 0.0 : x) + log1p(exp(-fabs(x))); }",
        "elu": "static double elu(double x) { return x > 0.0 ? x : expm1(x); }",
        "sign": "static double sign(double x) { return x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : x * 0.0; }",
        "clip": "static double clip(double x, double low, double high) {\n    double raised = low > x ? low : x;\n    return high < raised ? high : raised;\n}",
        "times": "static double times(double x, double y) { return x == 0.0 ? 0.0 : x * y; }",
        "ieee_log": "static double ieee_log(double x) { return x > 0.0 ? log(x) : x == 0.0 ? -INFINITY : NAN; }",
        "mod": "static double mod(double x, double y) {\n    double rest = fmod(x, y);\n    if (rest == 0.0) return copysign(0.0, y);\n    return (y < 0.0) != (rest < 0.0) ? rest + y : rest;\n}",
        "floor_divide": "static double floor_divide(double x, double y) {\n    double rest = fmod(x, y), quotient = (x - rest) / y;\n    if (rest != 0.0 && (y < 0.0) != (rest < 0.0)) quotient -= 1.0;\n    if (quotient == 0.0) return copysign(0.0, x / y);\n    double whole = floor(quotient);\n    return quotient - whole > 0.5 ? whole + 1.0 : whole;\n}",
        "largest": "static double largest(int n, const double *x) {\n    double found = x[0];\n    for (int i = 1; i < n; i++) if (x[i] > found || x[i] != x[i]) found = x[i];\n    return found;\n}",
        "logsumexp": "static double logsumexp(int n, const double *x) {\n    double top = largest(n, x), total = 0.0;\n    if (!isfinite(top)) return top;\n    for (int i = 0; i < n; i++) total += exp(x[i] - top);\n    return top + log(total);\n}",
        "cross_entropy": "static double cross_entropy(int n, const double *x) {\n    int half = n / 2;\n    double top = largest(half, x + half), total = 0.0, rest = 0.0, loss = 0.0;\n    if (!isinf(top)) {\n        for (int i = 0; i < half; i++) total += exp(x[half + i] - top);\n        rest = log(total);\n    }\n    for (int i = 0; i < half; i++) if (x[i] != 0.0) loss += x[i] * ((top - x[half + i]) + rest);\n    return loss;\n}",
    },
    constants=("INFINITY", "NAN"),
    assign="    double {0} = {1};",
    add="    {0} += {1};",
    sequence="{n}, (double[]){{{0}}}",
    head="#include <math.h>\n\n/* Compile with -ffp-contract=off, so that each operation is rounded by itself. */\n",
    function="double {name}({leaves}{pointer}) {{",
    end="{gradient}    return {root};\n}}",
)  # fmt: skip

_JAVASCRIPT: Final = Language(
    rows={
        **_ARITHMETIC, **_LISTS, **_conditional("C ? X : Y"), **{name: f"Math.{name}({{0}})" for name in _MATH},
        "atan2": "Math.atan2({0}, {1})", "hypot": "Math.hypot({0}, {1})", "abs": "Math.abs({0})", "exp2": "2 ** {0}",
        "mod": "mod({0}, {1})", "floor_divide": "floorDivide({0}, {1})", "pow": "{0} ** {1}", "ieee_pow": "{0} ** {1}",
        "erf": "(1 - erfc({0}))", "erfc": "erfc({0})", "gelu": f"{{0}} * (0.5 * erfc(-{_SQRT_HALF} * {{0}}))",
        "normal_cdf": f"0.5 * erfc(-{_SQRT_HALF} * {{0}})", "normal_pdf": f"{_NORMAL} * Math.exp(-0.5 * {{0}} * {{0}})",
    },
    helpers={
        "sigmoid": "function sigmoid(x) {\n  if (x >= 0) return 1 / (1 + Math.exp(-x));\n  const small = Math.exp(x);\n  return small / (1 + small);\n}",
        "softplus": "const softplus = (x) => (0 > x ? 0 : x) + Math.log1p(Math.exp(-Math.abs(x)));",
        "elu": "const elu = (x) => (x > 0 ? x : Math.expm1(x));",
        "sign": "const sign = (x) => (x > 0 ? 1 : x < 0 ? -1 : x * 0);",
        "clip": "function clip(x, low, high) {\n  const raised = low > x ? low : x;\n  return high < raised ? high : raised;\n}",
        "times": "const times = (x, y) => (x === 0 ? 0 : x * y);",
        "ieee_log": "const ieee_log = (x) => (x > 0 ? Math.log(x) : x === 0 ? -Infinity : NaN);",
        "mod": "function mod(x, y) {\n  const rest = x % y;\n  if (rest === 0) return y < 0 ? -0 : 0;\n  return y < 0 !== rest < 0 ? rest + y : rest;\n}",
        "floorDivide": "function floorDivide(x, y) {\n  const rest = x % y;\n  let quotient = (x - rest) / y;\n  if (rest !== 0 && y < 0 !== rest < 0) quotient -= 1;\n  const whole = Math.floor(quotient);\n  return quotient - whole > 0.5 ? whole + 1 : whole;\n}",
        "largest": "const largest = (xs) => xs.reduce((found, x) => (x > found || x !== x ? x : found));",
        "logsumexp": "function logsumexp(xs) {\n  const top = largest(xs);\n  if (!Number.isFinite(top)) return top;\n  return top + Math.log(xs.reduce((total, x) => total + Math.exp(x - top), 0));\n}",
        "cross_entropy": "function cross_entropy(xs) {\n  const n = xs.length / 2, top = largest(xs.slice(n));\n  const rest = Math.abs(top) === Infinity ? 0 : Math.log(xs.slice(n).reduce((total, x) => total + Math.exp(x - top), 0));\n  return xs.slice(0, n).reduce((loss, weight, i) => (weight === 0 ? loss : loss + weight * (top - xs[n + i] + rest)), 0);\n}",
        # erfc by the continued fraction of Laplace, and near zero by the series of erf.
        "erfc": "function erfc(x) {\n  if (x < 0) return 2 - erfc(-x);\n  if (x < 2) {\n    let term = x, sum = x;\n    for (let n = 1; Math.abs(term) > 1e-18 * sum && n < 200; n++) {\n      term *= (-x * x) / n;\n      sum += term / (2 * n + 1);\n    }\n    return 1 - (2 / Math.sqrt(Math.PI)) * sum;\n  }\n  let fraction = x;\n  for (let n = 80; n > 0; n--) fraction = x + n / 2 / fraction;\n  return Math.exp(-x * x) / Math.sqrt(Math.PI) / fraction;\n}",
    },
    constants=("Infinity", "NaN"),
    assign="  const {0} = {1};",
    add="  {0} += {1};",
    sequence="[{0}]",
    head="",
    function="function {name}({leaves}) {{",
    end="  return {root}{gradient};\n}}",
)  # fmt: skip

LANGUAGES: Final = {"python": _PYTHON, "c": _C, "javascript": _JAVASCRIPT}
_RESERVED: Final = frozenset(
    [
        "auto",
        "break",
        "case",
        "char",
        "const",
        "continue",
        "default",
        "do",
        "double",
        "else",
        "enum",
        "extern",
        "float",
        "for",
        "goto",
        "if",
        "int",
        "long",
        "register",
        "return",
        "short",
        "signed",
        "sizeof",
        "static",
        "struct",
        "switch",
        "typedef",
        "union",
        "unsigned",
        "void",
        "volatile",
        "while",
        "function",
        "let",
        "var",
        "new",
        "delete",
        "this",
        "typeof",
        "math",
        "Math",
        "total",
        "largest",
        "gradient",
    ]
)


def program(nodes: Sequence[Value], root: Value, name_of: Callable[[Value], str], language: str, gradient: bool) -> str:
    """The code of a graph; `Graph.program` is its public face."""
    if language not in LANGUAGES:
        raise ValueError(f"language must be one of {', '.join(LANGUAGES)}, got {language!r}")
    for node in nodes:
        if node.op is not None and ops.TABLE.get(node.op.name) is not node.op:
            raise ValueError(f"program() writes the operations of the table, and {node.op.name} is one of your own")
    return _Writer(nodes, root, name_of, language).write(gradient)


class _Writer:
    """Writes statements; an expression that is one operand of another has parentheses."""

    def __init__(self, nodes: Sequence[Value], root: Value, name_of: Callable[[Value], str], language: str) -> None:
        self.nodes = nodes
        self.root = root
        self.kind = language
        self.language = LANGUAGES[language]
        self.names = _identifiers(nodes, name_of, self.language)
        self.lines: list[str] = []
        self.parts = map("t{}".format, itertools.count(1))

    def write(self, gradient: bool) -> str:
        """The whole program."""
        language, leaves = self.language, [node for node in self.nodes if node.op is None]
        for node in self.nodes:
            if node.op is not None:
                operands = [self.names[x] if isinstance(x, Value) else self._literal(x) for x in node.operands]
                self.lines.append(language.assign.format(self.names[node], self._apply(node.op, operands)))
        if gradient:
            self._write_backward()
        body = "\n".join(self.lines)
        arguments = [
            f"double {self.names[leaf]}"
            if self.kind == "c"
            else f"{self.names[leaf]}={self._literal(leaf.data).strip('()')}"
            for leaf in leaves
        ]
        results = [f"d_{self.names[leaf]}" for leaf in leaves]
        end = {
            "python": f", [{', '.join(results)}]",
            "javascript": f", [{', '.join(results)}]]",
            "c": "".join([f"    gradient[{i}] = {result};\n" for i, result in enumerate(results)]),
        }[self.kind]
        root = f"[{self.names[self.root]}" if self.kind == "javascript" and gradient else self.names[self.root]
        function = language.function.format(
            name="f", leaves=", ".join(arguments), pointer=", double *gradient" if gradient else ""
        )
        end = language.end.format(root=root, gradient=end if gradient else "")
        code = "\n".join([function, *([body] if body else []), end])
        return "\n\n".join([part for part in (language.head.strip("\n"), *self._helpers(code), code) if part]) + "\n"

    def _write_backward(self) -> None:
        starts = [f"d_{self.names[node]}" for node in self.nodes]
        for start, node in zip(starts, self.nodes):
            text = "1.0" if node is self.root else "0.0"
            form = "  let {0} = {1};" if self.kind == "javascript" else self.language.assign
            self.lines.append(form.format(start, text))
        for node in reversed(self.nodes):
            if node.op is None:
                continue
            operands = rules.as_sent(node.op, node.operands)
            for operand, partial in zip(operands, self._partials(node, node.op)):
                if isinstance(operand, Value):
                    term = f"{_within(partial)} * d_{self.names[node]}"
                    self.lines.append(self.language.add.format(f"d_{self.names[operand]}", term))

    def _partials(self, node: Value, op: Op) -> list[str]:
        """The local derivatives of a node; what its rule uses twice gets a name."""
        symbols = [Symbol(self.names[x]) if isinstance(x, Value) else x for x in node.operands]
        found = rules.recorded(op, symbols, Symbol(self.names[node]))
        assert found is not None, op
        wanted = [
            rules.expanded(term) if isinstance(x, Value) else 0.0
            for x, term in zip(rules.as_sent(op, node.operands), rules.as_sent(op, found), strict=True)
        ]
        uses: Counter[int] = Counter()
        for term in wanted:
            _count(term, uses)
        known: dict[int, str] = {}
        return [self._term(term, uses, known, op) for term in wanted]

    def _term(self, term: Term, uses: Counter[int], known: dict[int, str], op: Op) -> str:
        if not isinstance(term, Symbol):
            return self._literal(term)
        if term.op is None:
            return str(term.name)
        if id(term) in known:
            return known[id(term)]
        operands = [_within(self._term(x, uses, known, op)) for x in term.operands]
        text = self._apply(term.op, operands, "times" if term.op is ops.MUL and op in rules.ZERO_ANNIHILATES else "")
        if uses[id(term)] > 1:
            name = next(self.parts)
            self.lines.append(self.language.assign.format(name, text))
            text = name
        known[id(term)] = text
        return text

    def _apply(self, op: Op, operands: list[str], row: str = "") -> str:
        """One operation as an expression."""
        if op in (ops.TOTAL, ops.SUM):
            return " + ".join(["0.0", *operands])
        if op is ops.MEAN:
            return f"({' + '.join(['0.0', *operands])}) / {len(operands)}.0"
        if op is ops.PROD:
            return " * ".join(["1.0", *operands])
        if op is ops.DOT:
            n = len(operands) // 2
            return " + ".join([operands[-1], *[f"{x} * {y}" for x, y in zip(operands[:n], operands[n:-1])]])
        if op is ops.IEEE_POW and operands[1] == "1.0":
            return operands[0]
        if op is ops.POW and self.kind == "python" and re.fullmatch(r"\d+\.0", operands[1]):  # real for any base
            return f"{operands[0]} ** {operands[1]}"
        name = row or op.name
        if name not in self.language.rows and op.formula is not None:  # written in other operations
            return self._term(op.formula(*[Symbol(operand) for operand in operands]), Counter(), {}, op)
        sequence = self.language.sequence.format(", ".join(operands), n=len(operands))
        return self.language.rows[name].format(*operands, list=sequence)

    def _literal(self, x: float) -> str:
        if math.isfinite(x):
            text = repr(x)
        else:
            infinity, nan = self.language.constants
            text = nan if math.isnan(x) else infinity if x > 0.0 else f"-{infinity}"
        return f"({text})" if text.startswith("-") else text

    def _helpers(self, code: str) -> list[str]:
        """The definitions that the code needs, each before its first use."""
        helpers, needed, waiting = self.language.helpers, [], [code]
        while waiting:
            text = waiting.pop()
            for name, definition in helpers.items():
                if name not in needed and re.search(rf"\b{name}\(", text):
                    needed.append(name)
                    waiting.append(definition)
        return [helpers[name] for name in sorted(needed, key=lambda name: (_depth(name, helpers), name))]


def _depth(name: str, helpers: Mapping[str, str]) -> int:
    """How many helpers stand below one."""
    inner = [other for other in helpers if other != name and re.search(rf"\b{other}\(", helpers[name])]
    return 1 + max([_depth(other, helpers) for other in inner], default=0)


def _within(text: str) -> str:
    return text if re.fullmatch(r"[\w.]+|\([^()]*\)|[\w.]+\([^()]*\)", text) else f"({text})"


def _count(term: Term, uses: Counter[int]) -> None:
    """How often each part of a rule is used."""
    if isinstance(term, Symbol) and term.op is not None:
        uses[id(term)] += 1
        if uses[id(term)] == 1:
            for operand in term.operands:
                _count(operand, uses)


def _identifiers(nodes: Sequence[Value], name_of: Callable[[Value], str], language: Language) -> dict[Value, str]:
    """A name for each node that any of the languages takes: its own where that is one, else v1, v2 …"""
    labels = Counter(name_of(node) for node in nodes)
    taken = {*_RESERVED, *language.helpers, *language.rows, "f"}

    def is_free(label: str) -> bool:
        plain = label.isascii() and label.isidentifier() and not iskeyword(label)
        return plain and labels[label] == 1 and label not in taken and not re.fullmatch(r"[vt]\d+|d_.*", label)

    fresh = map("v{}".format, itertools.count(1))
    return {node: name_of(node) if is_free(name_of(node)) else next(fresh) for node in nodes}
