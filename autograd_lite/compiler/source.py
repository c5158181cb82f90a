"""The program as it would be written by hand: named matrices, whole-array expressions, for NumPy, PyTorch or JAX."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.compiler.differentiate import Formula, Partial, Send, differentiate
from autograd_lite.compiler.formulas import calls_of, formula_of
from autograd_lite.compiler.libraries import LIBRARIES, Library
from autograd_lite.compiler.program import Part, Program, Statement
from autograd_lite.compiler.rows import Index, Rows
from autograd_lite.ops import Op
from autograd_lite.value import Value

_INFIX = {
    "add": ("+", 1),
    "sub": ("-", 1),
    "mul": ("*", 2),
    "div": ("/", 2),
    "pow": ("**", 4),
    "greater": (">", 0),
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


@dataclass
class _Array:
    """A named array of the text: where its numbers live in the program, and its shape for one sample."""

    name: str
    lane: bool
    shape: tuple[int, ...]
    addresses: Index


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
        self.program = program
        self.library = library
        self.lines: list[str] = []
        self.constants: dict[str, Any] = {}
        self.helpers: dict[str, str] = {}
        self.parameters: list[_Array] = []
        self._home: dict[bool, list[tuple[_Array, int] | None]] = {
            True: [None] * program.rows,
            False: [None] * program.places,
        }
        self._temporaries = 0
        self._started: set[str] = set()
        self._name_arrays()

    # --- names --------------------------------------------------------------------------------------------------------

    def _add_array(self, name: str, lane: bool, shape: tuple[int, ...], addresses: Index) -> _Array:
        array = _Array(name, lane, shape, addresses.ravel())
        for position, address in enumerate(array.addresses.tolist()):
            self._home[lane][address] = array, position
        return array

    def _name_arrays(self) -> None:
        program = self.program
        self.inputs = []
        for block, rows in zip(program.blocks, program.inputs):
            self.inputs.append(self._add_array(block.name, True, (len(rows),) if len(rows) != 1 else (), rows))
        for number, row in program.fillers.items():
            name = "zero" if number == 0.0 else "minus_infinity"
            self._add_array(name, True, (1,), np.array([row]))
            self.lines.append(f"{name} = zeros((1, n))" + ("" if number == 0.0 else " - float('inf')"))
        for s in program.statements:
            self._add_array(s.block.name, s.block.lane, s.shape, s.target.index)
        uses: list[tuple[str, Index]] = []
        for s in program.statements:
            suffix = s.block.name[1:] if s.block.name[0] == "z" else ""
            for part in s.parts:
                uses += [(("W" if part.spec else "b") + suffix, r.index) for r in part.factors if not r.lane]
            uses += [("p", x.index) for x in s.operands if isinstance(x, Rows) and not x.lane]
        for row, number in program.constants:
            self.constants[f"c{row}"] = np.array(number)
            self._add_array(f"c{row}", False, (), np.array([row]))
        self._name_parameters([(n, i) for n, i in uses if all(self._home[False][a] is None for a in i.ravel())])

    def _name_parameters(self, uses: list[tuple[str, Index]]) -> None:
        """One array for each set of parameters that are used together; sets that overlap become one vector."""
        groups: list[tuple[set[int], list[tuple[str, Index]]]] = []
        for name, index in uses:
            places = set(index.ravel().tolist())
            touched = [group for group in groups if group[0] & places]
            merged = (places.union(*[g[0] for g in touched]), [*[u for g in touched for u in g[1]], (name, index)])
            groups = [group for group in groups if not any(group is t for t in touched)] + [merged]
        taken: set[str] = set()
        for places, members in groups:
            name, index = members[0]
            whole = all(set(i.ravel().tolist()) == places for _, i in members)
            kept = index.reshape([n for n in index.shape if n > 1])
            order = kept if whole and kept.size == len(places) else np.array(sorted(places))
            unique = name
            while not unique[-1].isdigit() or unique in taken:
                stem = name.rstrip("0123456789_")
                unique = (
                    f"{stem}_{len(taken) + 1}" if unique in taken or name[-1].isdigit() else f"{name}{len(taken) + 1}"
                )
                if unique not in taken:
                    break
            taken.add(unique)
            self.parameters.append(self._add_array(unique, False, order.shape, order))
        self.parameters.sort(key=lambda array: int(array.addresses.min()))

    # --- operands -----------------------------------------------------------------------------------------------------

    def ref(self, rows: Rows, index: Index | None = None) -> str:
        """An operand, in the shape of `index` (and an axis of samples)."""
        index = rows.index if index is None else index
        homes = [self._home[rows.lane][a] for a in index.ravel().tolist()]
        prefix = "d_" if rows.gradient else ""
        if any(home is None for home in homes):
            return f"ones({_shape_text(index.shape, rows.lane)})"
        arrays = list({id(h[0]): h[0] for h in homes if h is not None}.values())
        offset = {}
        size = 0
        for array in arrays:
            offset[id(array)] = size
            size += len(array.addresses)
        positions = np.array([offset[id(h[0])] + h[1] for h in homes if h is not None]).reshape(index.shape)
        (first, *others) = arrays
        name = prefix + first.name
        whole = not others and positions.size == size and (positions.ravel() == np.arange(size)).all()
        shape = _shape_text(index.shape, rows.lane)
        if whole:
            return name if index.shape == first.shape else f"{name}.reshape({shape})"
        transposed = not others and not rows.lane and index.shape == first.shape[::-1] and index.ndim == 2
        if transposed and (positions.T.ravel() == np.arange(size)).all():
            return f"{name}.T"
        flat = [
            prefix + a.name + (f".reshape({_shape_text((len(a.addresses),), rows.lane)})" if len(a.shape) != 1 else "")
            for a in arrays
        ]
        text = flat[0] if not others else f"concatenate(({', '.join(flat)}))"
        taken = f"{text}[{self._selection(positions.ravel())}]"
        return taken if index.ndim == 1 else f"{taken}.reshape({shape})"

    def _selection(self, positions: Index) -> str:
        steps = set(np.diff(positions).tolist())
        if len(positions) == 1:
            return f"{positions[0]}:{positions[0] + 1}"
        if len(steps) == 1 and (step := steps.pop()) > 0:
            return f"{positions[0]}:{positions[-1] + 1}" + (f":{step}" if step > 1 else "")
        return self._constant(positions)

    def _constant(self, value: Any) -> str:
        for name, known in self.constants.items():
            if known.shape == value.shape and (known == value).all() and known.dtype == value.dtype:
                return name
        name = f"at_{len(self.constants) + 1}"
        self.constants[name] = value
        return name

    def _spread(self, rows: Rows, shape: tuple[int, ...], lane: bool) -> str:
        """An operand of a number-by-number expression: axes along which it does not change are left to broadcasting."""
        index = rows.index.reshape(shape)
        fixed = [n > 1 and bool((index == index.take([0], axis=i)).all()) for i, n in enumerate(shape)]
        text = self.ref(rows, index[tuple([0 if f else slice(None) for f in fixed])])
        axes = ["None" if f else ":" for f in fixed] + (["None"] if lane and not rows.lane else [])
        while axes and axes[0] == "None":
            axes.pop(0)
        return text if "None" not in axes else f"{text}[{', '.join(axes)}]"

    # --- expressions --------------------------------------------------------------------------------------------------

    def _expression(
        self, formula: Formula, shape: tuple[int, ...], lane: bool, known: dict[Value, str] | None = None
    ) -> str:
        known = known or {}
        used = set(formula.root.topological_order())
        names = {v: known.get(v) or self._spread(r, shape, lane) for v, r in formula.leaves.items() if v in used}
        calls, result = calls_of(
            formula.root, names, lambda op: op.name if op in ops.TABLE.values() else None, self._other
        )
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
            return f"{a} {symbol} {b}", binding
        if function == "neg":
            ((a, binding),) = operands
            return f"-{a if binding >= 2 else f'({a})'}", 2
        if function in ops.TABLE:
            self._help(ops.TABLE[function])
        return f"{self.library.functions.get(function, function)}({', '.join([a for a, _ in operands])})", _ATOM

    def _help(self, op: Op) -> None:
        """Define a function of the table that the library does not have."""
        name = op.name
        if name in self.library.helpers:
            self.helpers.setdefault(name, self.library.helpers[name])
        elif op.formula is not None and name not in self.helpers and name not in self.library.functions:
            formula = formula_of(op, max(op.arity, 1))
            assert formula is not None
            variables = dict(zip(formula[1], "xyz"))
            inner = Formula(formula[0], {leaf: Rows(True, np.zeros((), dtype=np.intp)) for leaf in formula[1]})
            before, self.lines = self.lines, []
            text = self._expression(inner, (), True, variables)
            lines, self.lines = self.lines, before
            body = "\n    ".join([*lines, f"return {text}"])
            self.helpers[name] = f"def {name}({', '.join(variables.values())}):\n    {body}"

    def _other(self, op: Op) -> str:
        raise NotImplementedError(
            f"{op.name} is an operation of your own, which no array library knows: its program cannot be exported"
        )

    def _contraction(self, part: Part) -> str:
        inputs, out = part.spec.split("->")
        sizes: dict[str, int] = {}
        texts = []
        letters = []
        for axes, rows in zip(inputs.split(","), part.factors, strict=True):
            sizes.update(zip(axes, rows.index.shape))
        for axes, rows in zip(inputs.split(","), part.factors, strict=True):
            texts.append(self.ref(rows, rows.index.reshape([n for n in rows.index.shape if n > 1])))
            letters.append("".join([x for x in axes if x == "n" or sizes[x] > 1]))
        spec = ",".join(letters) + "->" + "".join([x for x in out if x == "n" or sizes[x] > 1])
        pattern = _MATRIX_PRODUCTS.get(spec)
        if pattern is None and spec.count("r") and not spec.count("l"):
            pattern = _MATRIX_PRODUCTS.get(spec.replace("r", "l"))
        text = pattern.format(*texts) if pattern else f'einsum("{spec}", {", ".join(texts)})'
        return text if part.coefficient == 1.0 else f"{_short(part.coefficient)} * ({text})"

    # --- instructions -------------------------------------------------------------------------------------------------

    def statement(self, s: Statement) -> None:
        """One forward instruction."""
        lane = s.block.lane
        if s.op is ops.LOGSUMEXP and len(s.operands) == 1 and isinstance(s.operands[0], Rows):
            self._help(ops.LOGSUMEXP)
            text = f"logsumexp({self.ref(s.operands[0])}, {len(s.shape)})"
        elif s.op is not None:
            symbols = [Value(n) if isinstance(x, Rows) else x for x, n in zip(s.operands, s.sample)]
            leaves = {v: x for v, x in zip(symbols, s.operands) if isinstance(x, Rows)}
            text = self._expression(Formula(s.op(*symbols), leaves), s.shape, lane)  # type: ignore[arg-type]
        else:
            text = self._sum(s, lane)
        self.lines.append(f"{s.block.name} = {text}")

    def _sum(self, s: Statement, lane: bool) -> str:
        texts = []
        for part in s.parts:
            c = part.coefficient
            if part.spec == "sum":
                text = f"{self.ref(part.factors[0])}.sum({len(s.shape)})"
            elif part.spec:
                texts.append(self._contraction(part))
                continue
            else:
                text = " * ".join([self._spread(f, s.shape, lane) for f in part.factors])
            texts.append(text if c == 1.0 else f"-{text}" if c == -1.0 else f"{_short(c)} * {text}")
        if s.constant:
            texts.append(_short(s.constant))
        return " + ".join(texts).replace("+ -", "- ")

    def send(self, send: Send) -> None:
        """One instruction of the backward pass."""
        if send.shape == (0,):
            return
        lane = send.lane
        value = send.value
        if isinstance(value, Partial):
            self._other(value.op)
        if isinstance(value, Formula):
            text = self._expression(value, send.shape, lane)
            summed = lane and not send.target.lane
        else:
            assert isinstance(value, Part)
            text, summed = self._contraction(value), False
        index = send.target.index.reshape(send.shape)
        axes = [i for i, n in enumerate(send.shape) if n > 1 and (index == index.take([0], axis=i)).all()]
        index = index[tuple([0 if i in axes else slice(None) for i in range(index.ndim)])]
        if isinstance(value, Part):
            index = index.reshape([n for n in index.shape if n > 1])
        axes += [len(send.shape)] if summed else []
        if axes:
            which = str(axes[0]) if len(axes) == 1 else str(tuple(axes))
            text = f"{text if text.isidentifier() else f'({text})'}.sum({which})"
        self._deliver(Rows(send.target.lane, index, True), text)

    def _deliver(self, target: Rows, text: str) -> None:
        homes = [self._home[target.lane][a] for a in target.index.ravel().tolist()]
        arrays = list({id(h[0]): h[0] for h in homes if h is not None}.values())
        for array in arrays:
            name = "d_" + array.name
            if name in ("d_zero", "d_minus_infinity"):
                continue
            mine = [(i, h[1]) for i, h in enumerate(homes) if h is not None and h[0] is array]
            positions = np.array([p for _, p in mine])
            size = len(array.addresses)
            if len(homes) == size and len(mine) == size and (positions == np.arange(size)).all():
                text = text if target.index.shape == array.shape else f"({text}).reshape({self._shape(array)})"
                self.lines.append(f"{name} = {name} + {text}" if name in self._started else f"{name} = {text}")
            else:
                self.helpers["add_at"] = self.library.helpers["add_at"]
                start = name if name in self._started else f"zeros({self._shape(array)})"
                chosen = "" if len(mine) == len(homes) else self._constant(np.array([i for i, _ in mine]))
                values = f"({text}).reshape(({len(homes)}, {'n' if target.lane else 1}))"
                values += f"[{chosen}]" if chosen else ""
                self.lines.append(f"{name} = add_at({start}, {self._constant(positions)}, {values})")
            self._started.add(name)

    def _shape(self, array: _Array) -> str:
        return _shape_text(array.shape, array.lane)


def _shape_text(shape: tuple[int, ...], lane: bool) -> str:
    sizes = [*[str(n) for n in shape], *["n"] * lane]
    return f"({', '.join(sizes)}{',' * (len(sizes) == 1)})"


def _operand(x: str | float) -> tuple[str, int]:
    return (x, _ATOM) if isinstance(x, str) else (_short(x), _ATOM if x >= 0 else 2)


def _short(number: float) -> str:
    return repr(float(number)).removesuffix(".0")


def write_source(program: Program, name: str, shape: tuple[int, ...], namespace: str, parameters: Any = None) -> str:
    """The program as text.

    Parameters
    ----------
    program : Program
        What to write.
    name : str
        What the function is called.
    shape : tuple of int
        Of the function's result for one sample.
    namespace : str
        "numpy", "torch" or "jax".
    parameters : array, optional
        The parameters' data in the program's order. If given, the text is a module that runs by itself.
    """
    if namespace not in LIBRARIES:
        raise ValueError(f"namespace is one of {', '.join(LIBRARIES)}, got {namespace!r}")
    library = LIBRARIES[namespace]
    writer = Writer(program, library)
    for s in program.statements:
        writer.statement(s)
    forward, writer.lines = writer.lines, []
    outputs = [(x, row) for x, row in program.outputs]
    texts = [_short(x) if isinstance(x, float) else writer.ref(Rows(x.lane, np.array(row))) for x, row in outputs]
    texts = [t if not isinstance(x, float) and x.lane else f"{t} + zeros((n,))" for t, (x, _) in zip(texts, outputs)]
    backward = _backward(program, writer, outputs, texts) if shape == () else []
    unpack = [f'{a.name} = parameters["{a.name}"]' for a in writer.parameters]
    arguments = [a.name for a in writer.inputs]
    load = [f"n = len({arguments[0]})"] if arguments else []
    load += [
        f"{a.name} = {a.name}.reshape((n, {len(a.addresses)})).T" if a.shape else f"{a.name} = {a.name}.reshape((n,))"
        for a in writer.inputs
    ]
    result = (
        f"return {texts[0]}"
        if shape == ()
        else f"return stack(({', '.join(texts)},), -1).reshape((n, {', '.join(map(str, shape))}))"
    )
    signature = ", ".join(["parameters", *arguments])
    parts = [_define(name, signature, [*unpack, *load, *forward, result])]
    if backward:
        parts.append(_define(f"{name}_and_gradient", signature, [*unpack, *load, *forward, *backward]))
    constants = [f"{n} = {library.array(v)}" for n, v in writer.constants.items()]
    if parameters is None:
        return "\n\n\n".join(["\n".join(constants)] * bool(constants) + parts[-1:])
    data = [f'    "{a.name}": {library.array(parameters[a.addresses].reshape(a.shape))},' for a in writer.parameters]
    head = [library.imports, *writer.helpers.values(), "\n".join([*constants, "parameters = {", *data, "}"])]
    return "\n\n\n".join([*head, *parts]) + "\n"


def _backward(program: Program, writer: Writer, outputs: Any, texts: list[str]) -> list[str]:
    (output, row) = outputs[0]
    if not isinstance(output, float):
        home = writer._home[output.lane][row]
        assert home is not None
        name = "d_" + home[0].name
        writer.lines.append(f"{name} = ones({writer._shape(home[0])})" + (" / n" if output.lane else ""))
        writer._started.add(name)
    for send in differentiate(program):
        writer.send(send)
    for array in writer.parameters:
        if "d_" + array.name not in writer._started:
            writer.lines.append(f"d_{array.name} = zeros({writer._shape(array)})")
    gradient = ", ".join([f'"{a.name}": d_{a.name}' for a in writer.parameters])
    lines, writer.lines = writer.lines, []
    mean = texts[0] if texts[0].isidentifier() else f"({texts[0]})"
    return [*lines, f"return {mean}.mean(), {{{gradient}}}"]


def _define(name: str, signature: str, lines: list[str]) -> str:
    return "\n    ".join([f"def {name}({signature}):", *lines])
