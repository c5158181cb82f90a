"""Fourth pass: the program as straight-line NumPy code that writes into arrays made beforehand."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite import ops
from autograd_lite.compiler.differentiate import Formula, Partial, Send
from autograd_lite.compiler.formulas import Call, calls_of, numpy_name
from autograd_lite.compiler.program import Part, Program, Statement
from autograd_lite.compiler.rows import Index, Rows, strides_of
from autograd_lite.ops import Op
from autograd_lite.value import Value

SAMPLES = -1  # in a shape: the size of the batch
_LARGEST_MATRIX = 4_000_000  # entries of a matrix of zeros and ones that adds rows up
Shape = tuple[int, ...]


class View:
    """How to make an operand from one of the four arrays, or from a buffer, once they exist."""

    def __init__(self, base: str, index: Index, samples: str) -> None:
        self.base = base
        self.start = int(index.flat[0])
        self.shape = index.shape
        self.steps = strides_of(index)
        self.samples = samples  # where the axis of the samples is: "last", "before last", "one" (of size 1), "none"

    def make(self, arrays: dict[str, Any]) -> Any:
        """The array itself."""
        base = arrays[self.base]
        assert self.steps is not None
        strides = tuple([step * base.strides[0] for step in self.steps])
        if base.ndim == 1:
            shape, strides = (self.shape, strides) if self.samples == "none" else ((*self.shape, 1), (*strides, 0))
        else:
            shape, strides = (*self.shape, base.shape[1]), (*strides, base.strides[1])
        view = np.lib.stride_tricks.as_strided(base[self.start :], shape, strides)
        return view.swapaxes(-1, -2) if self.samples == "before last" else view


class Emitter:
    """Writes the lines of one program, and notes the arrays that they need."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.lines: list[str] = []
        self.views: dict[str, View] = {}
        self.buffers: dict[str, Shape] = {}
        self.constants: dict[str, Any] = {}
        self._names: dict[Any, str] = {}
        self._gathered: dict[Any, str] = {}
        self._free: dict[Shape, list[str]] = {}
        self._counts: dict[str, int] = {}
        self._active = {True: program.active_rows, False: program.active_places}

    # --- names --------------------------------------------------------------------------------------------------------

    def _fresh(self, stem: str) -> str:
        self._counts[stem] = self._counts.get(stem, 0) + 1
        return f"{stem}_{self._counts[stem]}"

    def _stem(self, rows: Rows) -> str:
        lowest, highest = int(rows.index.min()), int(rows.index.max())
        for block in self.program.blocks:
            if block.lane == rows.lane and block.start <= lowest and highest < block.start + block.size:
                return block.name
        return "rows" if rows.lane else "p"

    def view(self, rows: Rows, samples: str | None = None, index: Index | None = None) -> str:
        """The name of an operand. `index` are the same rows with their axes in another order."""
        index = rows.index if index is None else index
        samples = samples or ("last" if rows.lane else "none")
        base = ("d_" if rows.gradient else "") + ("values" if rows.lane else "parameters")
        if strides_of(index) is None:
            return self._gather(rows, base, index, samples)
        return self._view_of(base, index, samples, ("d_" if rows.gradient else "") + self._stem(rows))

    def _view_of(self, base: str, index: Index, samples: str, stem: str) -> str:
        key = (base, samples, index.shape, index.tobytes())
        if key not in self._names:
            name = stem if stem not in self.views and stem not in self.buffers else self._fresh(stem)
            self._names[key] = name
            self.views[name] = View(base, index, samples)
        return self._names[key]

    def _gather(self, rows: Rows, base: str, index: Index, samples: str) -> str:
        """Rows that are not evenly spaced are copied into a buffer, once; the index of the copy is `places`."""
        wanted, places = np.unique(index.ravel(), return_inverse=True)
        if (
            len(wanted) == index.size or strides_of(places.reshape(index.shape)) is None
        ):  # none twice: in the order of use
            wanted, places = index.ravel(), np.arange(index.size)
        key = (base, wanted.tobytes())
        if key not in self._gathered:
            name = self._fresh(f"{self._stem(rows)}_rows")
            self.buffers[name] = (len(wanted), SAMPLES) if rows.lane else (len(wanted),)
            where = self.constant(wanted, f"{name}_at")
            self.lines.append(f'{base}.take({where}, 0, {name}, "clip")')
            self._gathered[key] = name
        return self._view_of(self._gathered[key], places.reshape(index.shape), samples, self._gathered[key] + "_as")

    def constant(self, value: Any, stem: str) -> str:
        """A name for an object that the program refers to."""
        name = self._fresh(stem)
        self.constants[name] = value
        return name

    def _take_buffer(self, shape: Shape) -> str:
        free = self._free.setdefault(shape, [])
        if free:
            return free.pop()
        name = self._fresh("t")
        self.buffers[name] = shape
        return name

    def _give_back(self, name: str, shape: Shape) -> None:
        self._free.setdefault(shape, []).append(name)

    # --- forward ------------------------------------------------------------------------------------------------------

    def statement(self, s: Statement) -> None:
        """The lines of one forward instruction."""
        target = s.target
        if s.op is ops.LOGSUMEXP and len(s.operands) == 1:
            (rows,) = s.operands
            assert isinstance(rows, Rows)
            out = self.view(target)
            self.lines.append(f"logsumexp({self.view(rows)}, {len(s.shape)}, {out})")
            return
        if s.op is not None:
            operands = [Value(n) if isinstance(x, Rows) else x for x, n in zip(s.operands, s.sample, strict=False)]
            leaves = {o: x for o, x in zip(operands, s.operands) if isinstance(o, Value) and isinstance(x, Rows)}
            self._formula(Formula(s.op(*operands), leaves), target, s.shape, target.lane)
            return
        parts = sorted(s.parts, key=lambda part: (not part.spec, part.coefficient < 0.0))
        if parts[0].with_bias is not None:
            bias, weights, inputs = parts[0].with_bias
            main = Part(1.0, (weights, inputs), parts[0].spec)
            parts = [main, *[part for part in parts[1:] if part is not bias]]
        out = ""
        root: Value | float = s.constant
        leaves = {}
        for i, part in enumerate(parts):
            if part.spec and i == 0:
                out = self._contraction_into(part, target, s.shape)
                term = Value(1.0)
                leaves[term] = target
                root = _plus(term, root)
            elif part.spec:
                shape = self._full(s.shape, target.lane)
                buffer = self._take_buffer(shape)
                self._reduce_or_multiply(part, buffer, s.shape, target.lane)
                here = self.view(target)
                self.lines.append(f"add({here}, {buffer}, out={here})")
                self._give_back(buffer, shape)
            else:
                factors = [Value(1.0) for _ in part.factors]
                leaves.update(zip(factors, part.factors, strict=True))
                product = factors[0] if len(factors) == 1 else factors[0] * factors[1]
                root = _plus(root, product, part.coefficient)
        assert isinstance(root, Value)
        if root.op is not None or not out:
            self._formula(Formula(root, leaves), target, s.shape, target.lane)

    def _contraction_into(self, part: Part, target: Rows, shape: Shape) -> str:
        out = self.view(target)
        self._reduce_or_multiply(part, None, shape, target.lane, target)
        return out

    def _full(self, shape: Shape, lane: bool) -> Shape:
        return (*shape, SAMPLES) if lane else shape

    def _reduce_or_multiply(
        self, part: Part, buffer: str | None, shape: Shape, lane: bool, target: Rows | None = None
    ) -> None:
        """Write a sum or a contraction into a buffer, or straight to its target."""
        if part.spec == "sum":
            (rows,) = part.factors
            out = buffer or self.view(target)  # type: ignore[arg-type]
            self.lines.append(f"add.reduce({self.view(rows)}, axis={len(shape)}, out={out})")
            scaled = out
        else:
            if target is None:
                assert buffer is not None
                size = int(np.prod(shape, dtype=int))
                scaled = self._contraction(part, buffer, np.arange(size).reshape(shape), lane)
            else:
                base = ("d_" if target.gradient else "") + ("values" if lane else "parameters")
                scaled = self._contraction(part, base, target.index, lane, target)
        if part.coefficient != 1.0:
            self.lines.append(f"multiply({scaled}, {part.coefficient!r}, out={scaled})")

    # --- contractions -------------------------------------------------------------------------------------------------

    def _contraction(self, part: Part, base: str, out_index: Index, lane: bool, target: Rows | None = None) -> str:
        """One `matmul` where the axes allow it, else `multiply` or `einsum`."""
        inputs, out = part.spec.split("->")
        letters = inputs.split(",")
        sizes: dict[str, int] = {}
        for axes, rows in zip(letters, part.factors, strict=True):
            sizes.update(zip(axes, rows.index.shape))
        a, b, out = ["".join([x for x in axes if x == "n" or sizes[x] > 1]) for axes in (*letters, out)]
        index = out_index.reshape([sizes[x] for x in out if x != "n"])
        stem = ("d_" if target.gradient else "") + self._stem(target) if target is not None else base + "_as"
        flat = self._reshaped_base(base, index, lane)
        summed = [x for x in a if x in b and x not in out]

        def out_view(order: str) -> str:
            axes = order.replace("n", "")
            moved = _moved(index, out.replace("n", ""), axes)
            samples = ("last" if order.endswith("n") else "before last") if lane else "none"
            return self._view_of(flat, moved, samples, stem)

        (rows_a, rows_b) = part.factors
        if not summed:
            x, y = self._aligned(rows_a, a, out), self._aligned(rows_b, b, out)
            result = out_view(out)
            self.lines.append(f"multiply({x}, {y}, out={result})")
        elif "n" in a and "n" in b and "n" in out:
            result = out_view(out)
            x, y = self._aligned(rows_a, a, a), self._aligned(rows_b, b, b)
            self.lines.append(f'einsum("{a},{b}->{out}", {x}, {y}, out={result})')
        else:
            result = self._matmul(rows_a, a, rows_b, b, out, summed, sizes, out_view, lane)
        return result

    def _reshaped_base(self, base: str, index: Index, lane: bool) -> str:
        """A buffer with several axes, seen as rows."""
        if base not in self.buffers:
            return base
        name = base + "_flat"
        self.constants[name] = ("flat", base, lane)
        return name

    def _matmul(
        self,
        rows_a: Rows,
        a: str,
        rows_b: Rows,
        b: str,
        out: str,
        summed: list[str],
        sizes: Any,
        out_view: Any,
        lane: bool,
    ) -> str:
        inner = "n" if "n" in summed else summed[0]
        extra = [x for x in summed if x != inner]  # summed after the product
        q = next((x for x in reversed(out) if (x in a) != (x in b)), "")
        if q and q in a:
            rows_a, a, rows_b, b = rows_b, b, rows_a, a
        p = next((x for x in reversed(out) if x in a and x not in b), "")
        batch = [*extra, *[x for x in out if x not in (p, q)]]
        x = self._aligned(rows_a, a, "".join([*batch, p or "1", inner]))
        y = self._aligned(rows_b, b, "".join([*batch, inner, q or "1"]))
        order = "".join([*[z for z in batch if z not in extra], p or "1", q or "1"])
        result: str = out_view(order)
        if extra:
            shape = tuple([SAMPLES if z == "n" else 1 if z == "1" else sizes[z] for z in [*batch, p or "1", q or "1"]])
            buffer = self._take_buffer(shape)
            self.lines.append(f"matmul({x}, {y}, out={buffer})")
            axes = "0" if len(extra) == 1 else repr(tuple(range(len(extra))))
            self.lines.append(f"add.reduce({buffer}, axis={axes}, out={result})")
            self._give_back(buffer, shape)
        else:
            self.lines.append(f"matmul({x}, {y}, out={result})")
        return result

    def _aligned(self, rows: Rows, axes: str, order: str) -> str:
        """An operand with its axes in this order; those that it does not have are of size 1."""
        index = rows.index.reshape([n for n in rows.index.shape if n > 1])
        moved = _moved(index, axes.replace("n", ""), "".join([x for x in order if x != "n"]))
        if not rows.lane:
            samples = "one" if order.endswith("n") and "n" not in axes else "none"
            return self.view(rows, samples, moved)
        return self.view(rows, "last" if order.endswith("n") else "before last", moved)

    # --- number by number ---------------------------------------------------------------------------------------------

    def _formula(self, formula: Formula, target: Rows | None, shape: Shape, lane: bool, buffer: str = "") -> str:
        """Compute an expression into its target or into a buffer; return the name of the result."""
        names = {leaf: self._operand(rows, lane) for leaf, rows in formula.leaves.items() if _uses(formula.root, leaf)}
        calls, result = calls_of(formula.root, names, numpy_name, self._other)
        if isinstance(result, str) and target is None:
            return result
        out = buffer if target is None else self.view(target)
        if not isinstance(result, int):
            self.lines.append(f"{out}[...] = {result}")
            return out
        self._run(calls, result, out, self._full(shape, lane))
        return out

    def _operand(self, rows: Rows, lane: bool) -> str:
        return self.view(rows, "one" if lane and not rows.lane else None)

    def _run(self, calls: list[Call], result: int, out: str, shape: Shape) -> None:
        last_use = {operand: i for i, call in enumerate(calls) for operand in call.operands if type(operand) is int}
        place: dict[int, str] = {}
        read_later = {x for call in calls[1:] for x in call.operands if isinstance(x, str)}
        free = [] if out in read_later else [out]
        taken: list[str] = []
        for i, call in enumerate(calls):
            texts = [x if isinstance(x, str) else place[x] if type(x) is int else repr(x) for x in call.operands]
            for operand in {x for x in call.operands if type(x) is int and last_use[x] == i}:
                free.append(place[operand])
            if i == result:
                to = out
            elif free:
                to = free.pop()
            else:
                to = self._take_buffer(shape)
                taken.append(to)
            place[i] = to
            self.lines.append(_call_text(call.function, texts, to))
        for name in taken:
            self._give_back(name, shape)

    def _other(self, op: Op) -> str:
        """A row that NumPy has no function for, applied number by number."""
        for name, known in self.constants.items():
            if known is op:
                return name
        return self.constant(op, "own")

    # --- backward -----------------------------------------------------------------------------------------------------

    def send(self, send: Send) -> None:
        """The lines of one instruction of the backward pass."""
        if send.in_weights:
            return
        send = send.with_bias or send
        base = "d_values" if send.target.lane else "d_parameters"
        if len(send.clear):
            rows = Rows(send.target.lane, send.clear, True)
            if strides_of(send.clear) is not None:
                self.lines.append(f"{self.view(rows)}[...] = 0.0")
            else:
                self.lines.append(f"{base}[{self.constant(send.clear, 'unused')}] = 0.0")
        if send.shape == (0,):
            return
        index = send.target.index.reshape(send.shape)
        axes = [i for i, n in enumerate(send.shape) if n > 1 and (index == index.take([0], axis=i)).all()]
        reduced = index[tuple([0 if i in axes else slice(None) for i in range(index.ndim)])]
        if send.lane and not send.target.lane and not _sums_samples(send.value):
            axes.append(len(send.shape))
        lane_value = send.target.lane or (send.lane and not _sums_samples(send.value))
        target = Rows(send.target.lane, reduced, True)
        unique = len(np.unique(reduced)) == reduced.size
        direct = unique and strides_of(reduced) is not None
        if direct and not axes and not send.add:
            self._value(send, target, "", lane_value)
            return
        full = self._full(send.shape, lane_value)
        buffer = self._take_buffer(full)
        value = self._value(send, None, buffer, lane_value)
        self._deliver(send, target, value, axes, direct, unique, base)
        self._give_back(buffer, full)

    def _value(self, send: Send, target: Rows | None, buffer: str, lane: bool) -> str:
        value = send.value
        if isinstance(value, Formula):
            return self._formula(value, target, send.shape, lane, buffer)
        if isinstance(value, Partial):
            texts = [self._operand(x, lane) if isinstance(x, Rows) else repr(x) for x in value.operands]
            rule = self.constant(_partial_on_arrays(value.op, value.operand), f"d_{value.op.name}")
            out = buffer if target is None else self.view(target)
            self.lines.append(f"{out}[...] = {rule}({', '.join(texts)})")
            self.lines.append(f"multiply({out}, {self._operand(value.gradient, lane)}, out={out})")
            return out
        self._reduce_or_multiply(value, buffer or None, send.shape, lane, target)
        return buffer

    def _deliver(
        self, send: Send, target: Rows, value: str, axes: list[int], direct: bool, unique: bool, base: str
    ) -> None:
        """Add up what goes to the same place, and write it there or add it."""
        shape = self._full(target.index.shape, target.lane)
        buffer = ""
        if axes:
            which = str(axes[0]) if len(axes) == 1 else repr(tuple(axes))
            if direct and not send.add:
                self.lines.append(f"add.reduce({value}, axis={which}, out={self.view(target)})")
                return
            buffer = self._take_buffer(shape)
            # A reduction to a single number has no array to write to but a buffer of no axes.
            self.lines.append(f"add.reduce({value}, axis={which}, out={buffer})")
            value = buffer
        if direct:
            here = self.view(target)
            self.lines.append(f"add({here}, {value}, out={here})")
        elif unique:
            where = self.constant(target.index, "at")
            self.lines.append(f"{base}[{where}] {'+=' if send.add else '='} {value}")
        else:
            self._scatter(send, target, value, base)
        if buffer:
            self._give_back(buffer, shape)

    def _scatter(self, send: Send, target: Rows, value: str, base: str) -> None:
        """Several numbers for one row: added up by a matrix of zeros and ones."""
        flat = target.index.ravel()
        wanted = np.array([row in self._active[target.lane] for row in flat.tolist()])
        rows, places = np.unique(flat[wanted], return_inverse=True)
        if len(rows) == len(places):  # only rows that need no gradient came several times
            last = f"({len(flat)}, -1)" if target.lane else f"({len(flat)},)"
            chosen = self.constant(np.flatnonzero(wanted), "wanted")
            at = self.constant(flat[wanted], "at")
            self.lines.append(f"{base}[{at}] {'+=' if send.add else '='} {value}.reshape{last}[{chosen}]")
            return
        if len(rows) * len(flat) > _LARGEST_MATRIX:
            if not send.add:
                self.lines.append(f"{base}[{self.constant(rows, 'at')}] = 0.0")
            self.lines.append(f"add.at({base}, {self.constant(target.index, 'at')}, {value})")
            return
        matrix = np.zeros((len(rows), len(flat)))
        matrix[places, np.flatnonzero(wanted)] = 1.0
        adder = self.constant(matrix, "adder")
        last = f"({len(flat)}, -1)" if target.lane else f"({len(flat)},)"
        to = Rows(target.lane, rows, True)
        if strides_of(rows) is not None and not send.add:
            self.lines.append(f"matmul({adder}, {value}.reshape{last}, out={self.view(to)})")
        elif strides_of(rows) is not None:
            here = self.view(to)
            self.lines.append(f"add({here}, matmul({adder}, {value}.reshape{last}), out={here})")
        else:
            sign = "+=" if send.add else "="
            self.lines.append(f"{base}[{self.constant(rows, 'at')}] {sign} matmul({adder}, {value}.reshape{last})")


def _moved(index: Index, axes: str, order: str) -> Index:
    """An index array with its axes in another order; a letter of `order` that is not in `axes` is a new axis."""
    index = index.transpose([axes.index(x) for x in order if x in axes])
    return index.reshape([index.shape[[y for y in order if y in axes].index(x)] if x in axes else 1 for x in order])


def _plus(left: Value | float, right: Value | float, c: float = 1.0) -> Value:
    if c == -1.0 and not (isinstance(left, float) and left == 0.0):
        return left - right  # type: ignore[return-value]
    if c != 1.0:
        right = -right if c == -1.0 else right * c
    if isinstance(left, float) and left == 0.0:
        return right  # type: ignore[return-value]
    if isinstance(right, float) and right == 0.0:
        return left  # type: ignore[return-value]
    return left + right  # type: ignore[return-value]


def _uses(root: Value, leaf: Value) -> bool:
    return any([node is leaf for node in root.topological_order()])


def _sums_samples(value: Any) -> bool:
    return isinstance(value, Part) and value.spec != "sum" and not value.spec.endswith("n")


def _call_text(function: str, operands: list[str], out: str) -> str:
    if function == "where":
        return f"copyto({out}, where({', '.join(operands)}))"
    if hasattr(np, function):
        return f"{function}({', '.join(operands)}, out={out})"
    return f"{out}[...] = {function}({', '.join(operands)})"


def _partial_on_arrays(op: Op, operand: int) -> Any:
    def rule(*numbers: float) -> float:
        return float(op.partials(*[float(x) for x in numbers])[operand])

    def on_arrays(*arrays: Any) -> Any:
        return np.frompyfunc(rule, len(arrays), 1)(*arrays).astype(float)

    return on_arrays
