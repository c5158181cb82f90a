"""The statements of a program as text: named matrices and whole-array expressions, with no unnecessary parentheses."""

from __future__ import annotations

import math

import numpy as np

from autograd_lite import ops
from autograd_lite.compiler.front.trace import DETACH
from autograd_lite.compiler.ir.differentiate import Formula, Partial, Send
from autograd_lite.compiler.ir.expressions import calls_of, formula_of
from autograd_lite.compiler.ir.program import Part, Program, Statement
from autograd_lite.compiler.ir.rows import Rows
from autograd_lite.compiler.text.libraries import Library
from autograd_lite.compiler.text.names import Names, shape_text
from autograd_lite.ops import Op
from autograd_lite.value import Value

_INFIX = {
    "add": ("+", 1),
    "sub": ("-", 1),
    "mul": ("*", 2),
    "div": ("/", 2),
    "pow": ("**", 4),
    "mod": ("%", 2),
    "floor_divide": ("//", 2),
    "greater": (">", 0),
    "less": ("<", 0),
    "equal": ("==", 0),
}
_INFIX |= {"ieee_div": ("/", 2), "ieee_pow": ("**", 4)}
_ATOM = 9
_MATRIX_PRODUCTS = {  # with the axes that are of size 1 left out
    "lk,kn->ln": "{0} @ {1}",
    "k,kn->n": "{0} @ {1}",
    "lk,ln->kn": "{0}.T @ {1}",
    "ln,kn->lk": "{0} @ {1}.T",
    "n,kn->k": "{1} @ {0}",
    "k,n->kn": "outer({0}, {1})",
    "lk,k->l": "{0} @ {1}",
    "n,n->": "{0} @ {1}",
    "l,n->ln": "outer({0}, {1})",
    "ln,n->l": "{0} @ {1}",
    "l,ln->n": "{0} @ {1}",
}


class Writer:
    """Writes the text of one program.

    Parameters
    ----------
    program : Program
        What to write.
    library : Library
        The array library to write it for.
    """

    def __init__(self, program: Program, library: Library) -> None:
        self.names = Names(program)
        self.library = library
        self.lines: list[str] = list(self.names.preamble)
        self.helpers: dict[str, str] = {}
        self.started: set[str] = set()
        self._temporaries = 0

    # --- expressions --------------------------------------------------------------------------------------------------

    def _expression(
        self, formula: Formula, shape: tuple[int, ...], batched: bool, known: dict[Value, str] | None = None
    ) -> str:
        known = known or {}
        names = {v: known.get(v) or self.names.spread(r, shape, batched) for v, r in formula.operands().items()}
        calls, result = calls_of(formula.root, names, _function_name, self._other)
        if isinstance(result, str):
            return result
        uses: dict[int, int] = {}
        for call in calls:
            for x in call.operands:
                if type(x) is int:
                    uses[x] = uses.get(x, 0) + 1
        texts: dict[int, tuple[str, int]] = {}
        for i, call in enumerate(calls):
            operands = [texts[x] if type(x) is int else _operand(x) for x in call.operands]
            text, binding = self._call(call.function, operands)
            if uses.get(i, 0) > 1:
                self._temporaries += 1
                self.lines.append(f"t{self._temporaries} = {text}")
                text, binding = f"t{self._temporaries}", _ATOM
            texts[i] = text, binding
        return texts[result][0] if isinstance(result, int) else repr(result)

    def _call(self, function: str, operands: list[tuple[str, int]]) -> tuple[str, int]:
        if function in _INFIX and len(operands) == 2:
            symbol, binding = _INFIX[function]
            (a, left), (b, right) = operands
            a = a if (left >= binding and binding not in (0, 4)) or left == _ATOM else f"({a})"
            b = b if right > binding or right == _ATOM else f"({b})"
            # A sign, or a factor before it, would go into a quotient that is rounded: it needs parentheses.
            return f"{a} {symbol} {b}", 1 if symbol in ("%", "//") else binding
        if function == "neg":
            ((a, binding),) = operands
            return f"-{a if binding >= 2 else f'({a})'}", 2
        if function == "where" and operands[0][1] != 0:
            operands = [(f"{operands[0][0]} != 0", 0), *operands[1:]]
        if function in ops.TABLE:
            self._help(ops.TABLE[function])
        elif function == DETACH.name:
            self._help(DETACH)
        return f"{self.library.functions.get(function, function)}({', '.join([a for a, _ in operands])})", _ATOM

    def _help(self, op: Op) -> None:
        """Define a function of the table that the library does not have."""
        name = op.name
        if name in self.library.helpers:
            self.helpers.setdefault(name, self.library.helpers[name])
        elif op.formula is not None and name not in self.helpers and name not in self.library.functions:
            formula = formula_of(op, (None,) * op.arity)
            assert formula is not None
            root, leaves = formula
            assert isinstance(root, Value)
            variables = {leaf: name for leaf, name in zip(leaves, "xyz") if isinstance(leaf, Value)}
            inner = Formula(root, {leaf: Rows(True, np.zeros((), dtype=np.intp)) for leaf in variables})
            before, self.lines = self.lines, []
            text = self._expression(inner, (), True, variables)
            lines, self.lines = self.lines, before
            body = "\n    ".join([*lines, f"return {text}"])
            self.helpers[name] = f"def {name}({', '.join(variables.values())}):\n    {body}"

    def _other(self, op: Op) -> str:
        raise NotImplementedError(
            f"{op.name} is an operation of your own, which no array library knows: to export the program, write it as a"
            " function of Values instead of define_op"
        )

    def _contraction(self, part: Part, shape: tuple[int, ...] | None = None) -> str:
        """A sum of products along axes, in this shape; axes of size 1 are left out."""
        inputs, out = part.spec.split("->")
        letters = inputs.split(",")
        sizes: dict[str, int] = {"n": 0}
        for axes, rows in zip(letters, part.factors, strict=True):
            sizes.update(zip(axes, rows.index.shape))
        texts = [self.names.ref(r, r.index.reshape([n for n in r.index.shape if n > 1])) for r in part.factors]
        a, b, out = ["".join([x for x in axes if sizes[x] != 1]) for axes in (*letters, out)]
        spec = f"{a},{b}->{out}"
        pattern = _MATRIX_PRODUCTS.get(spec)
        if pattern is None and "r" in spec and "l" not in spec:
            pattern = _MATRIX_PRODUCTS.get(spec.replace("r", "l"))
        text = pattern.format(*texts).replace(".T.T", "") if pattern else f'einsum("{spec}", {", ".join(texts)})'
        if shape is not None and shape != tuple([sizes[x] for x in out if x != "n"]):
            text = f"({text}).reshape({shape_text(shape, 'n' in out)})"
        return text if part.coefficient == 1.0 else f"{short(part.coefficient)} * ({text})"

    # --- instructions -------------------------------------------------------------------------------------------------

    def statement(self, s: Statement) -> None:
        """One forward instruction."""
        batched = s.block.batched
        if s.along_axis:
            (rows,) = s.operands
            assert isinstance(rows, Rows)
            text, axis = self.names.ref(rows), len(s.shape)
            text = f"amax({text}, {axis})" if s.op is ops.LARGEST else f"{text}.sum({axis})"
        elif s.op is not None:
            symbols = [Value(n) if isinstance(x, Rows) else x for x, n in zip(s.operands, s.traced)]
            leaves = {v: x for v, x in zip(symbols, s.operands) if isinstance(x, Rows)}
            text = self._expression(Formula(s.op(*symbols), leaves), s.shape, batched)  # type: ignore[arg-type]
            if s.op in (ops.GREATER, ops.LESS, ops.EQUAL):
                text = f"({text}) + zeros(())"  # a number, not a bool
        else:
            text = self._sum(s, batched)
        self.lines.append(f"{s.block.name} = {text}")

    def _sum(self, s: Statement, batched: bool) -> str:
        texts = []
        for part in s.parts:
            c = part.coefficient
            if part.spec == "sum":
                text = f"{self.names.ref(part.factors[0])}.sum({len(s.shape)})"
            elif part.spec:
                texts.append(self._contraction(part, s.shape))
                continue
            else:
                text = " * ".join([self.names.spread(f, s.shape, batched) for f in part.factors])
            texts.append(text if c == 1.0 else f"-{text}" if c == -1.0 else f"{short(c)} * {text}")
        if s.constant:
            texts.append(short(s.constant))
        return " + ".join(texts).replace("+ -", "- ")

    def send(self, send: Send) -> None:
        """One instruction of the backward pass."""
        if send.shape == (0,):
            return
        batched, value, shape = send.batched, send.value, send.shape
        if isinstance(value, Partial):
            self._other(value.op)
        if isinstance(value, Formula):
            text = self._expression(value, shape, batched)
            if not _fills(value, shape, batched):  # each receives the same, as the operands of a sum do
                text = f"broadcast_to({text}, {shape_text(shape, batched)})"
            summed = batched and not send.target.batched
        else:
            assert isinstance(value, Part)
            text, summed = self._contraction(value), False
            shape = tuple([n for n in shape if n > 1])  # as the text has it
        index = send.target.index.reshape(shape)
        axes = [i for i, n in enumerate(shape) if n > 1 and (index == index.take([0], axis=i)).all()]
        index = index[tuple([0 if i in axes else slice(None) for i in range(index.ndim)])]
        axes += [len(shape)] if summed else []
        if axes:
            which = str(axes[0]) if len(axes) == 1 else str(tuple(axes))
            text = f"{text if text.isidentifier() else f'({text})'}.sum({which})"
        self._deliver(Rows(send.target.batched, index, True), text)

    def _deliver(self, target: Rows, text: str) -> None:
        homes, arrays = self.names.homes_of(target.batched, target.index)
        for array in arrays:
            name = "d_" + array.name
            if name in ("d_zero", "d_minus_infinity"):
                continue
            mine = [(i, position) for i, (home, position) in enumerate(homes) if home is array]
            positions = np.array([p for _, p in mine])
            size = len(array.addresses)
            if len(homes) == size and len(mine) == size and (positions == np.arange(size)).all():
                text = text if target.index.shape == array.shape else f"({text}).reshape({array.shape_text})"
                self.lines.append(f"{name} = {name} + {text}" if name in self.started else f"{name} = {text}")
            else:
                self.helpers["add_at"] = self.library.helpers["add_at"]
                start = name if name in self.started else f"zeros({array.shape_text})"
                chosen = "" if len(mine) == len(homes) else self.names.constant(np.array([i for i, _ in mine]))
                values = f"({text}).reshape(({len(homes)}, {'n' if target.batched else 1}))"
                values += f"[{chosen}]" if chosen else ""
                self.lines.append(f"{name} = add_at({start}, {self.names.constant(positions)}, {values})")
            self.started.add(name)


def _function_name(op: Op) -> str | None:
    """The name of a row of the table in the text; None if its formula is written out."""
    is_known = op is DETACH or ops.TABLE.get(op.name) is op
    return op.name if is_known and op.arity in (1, 2, 3) else None


def _fills(formula: Formula, shape: tuple[int, ...], batched: bool) -> bool:
    """Whether the expression has the whole shape without broadcasting: along each axis, some operand changes."""
    operands = formula.operands().values()
    indices = [rows.index.reshape(shape) for rows in operands]
    changes = [n == 1 or any((i != i.take([0], axis=axis)).any() for i in indices) for axis, n in enumerate(shape)]
    return all(changes) and (not batched or any(rows.batched for rows in operands))


def _operand(x: str | float) -> tuple[str, int]:
    return (x, _ATOM) if isinstance(x, str) else (short(x), _ATOM if x >= 0 else 2)


def short(number: float) -> str:
    """A number as Python reads it back, without the ".0" of a whole one."""
    text = repr(float(number)).removesuffix(".0")
    return text if math.isfinite(number) else "-float('inf')" if number < 0.0 else f"float('{text}')"
