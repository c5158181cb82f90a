"""The instructions of a program as text: named matrices and whole-array expressions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from autograd_lite import ops
from autograd_lite.compiler.front.trace import DETACH
from autograd_lite.compiler.ir.differentiate import Partial, Send
from autograd_lite.compiler.ir.expressions import Expression, applied, calls_of, formula_of
from autograd_lite.compiler.ir.program import Program, Statement
from autograd_lite.compiler.ir.rows import Index, Rows
from autograd_lite.compiler.text.algebra import ATOM, COMPARISON, POWER, Factor, Product, Sum, constant, product_of
from autograd_lite.compiler.text.contractions import Contraction
from autograd_lite.compiler.text.libraries import Library
from autograd_lite.compiler.text.names import NamedArray, Names, select, shape_text, transposed
from autograd_lite.graph.rules import Symbol
from autograd_lite.ops import Op

_COMPARISONS = {"greater": ">", "less": "<", "equal": "=="}
_ROUNDED = {"mod": "%", "floor_divide": "//"}
_DIVISIONS = ("div", "ieee_div")
_POWERS = ("pow", "ieee_pow")


class Writer:
    """Writes the text of one program.

    Parameters
    ----------
    program : Program
        What to write.
    library : Library
        The array library to write it for.
    labels : dict
        The labels of parameters by their address.
    name : str
        The name of the function.
    """

    def __init__(self, program: Program, library: Library, labels: dict[int, str], name: str) -> None:
        self.names = Names(program, labels, name)
        self.library = library
        self.lines: list[str] = list(self.names.preamble)
        self.helpers: dict[str, str] = {}
        self.started: set[str] = set()
        self._own: set[str] = set()  # arrays that no other name means, so that they may be changed
        self._own_names: dict[Op, str] = {}  # the functions of operations of the user's
        self._temporaries = 0

    # --- expressions --------------------------------------------------------------------------------------------------

    def _expression(self, root: Symbol | float, names: Mapping[int, str], regroup: bool = True) -> Product:
        """An expression of named operands. `regroup`: whether products may be rearranged; see `Product.times`."""
        calls, result = calls_of(root, names, _function_name, self._users)
        uses: dict[int, int] = {}
        for call in calls:
            for x in call.operands:
                if type(x) is int:
                    uses[x] = uses.get(x, 0) + 1
        sums: dict[int, Sum] = {}
        for i, call in enumerate(calls):
            made = self._call(
                call.function, [sums[x] if type(x) is int else _operand(x) for x in call.operands], regroup
            )
            if uses.get(i, 0) > 1:
                self._temporaries += 1
                self.lines.append(f"t{self._temporaries} = {made}")
                made = Sum((product_of(f"t{self._temporaries}"),))
            sums[i] = made
        return (sums[result] if type(result) is int else _operand(result)).product()

    def _call(self, function: str, operands: list[Sum], regroup: bool) -> Sum:
        products = [operand.product() for operand in operands]
        if function in ("add", "sub"):
            x, y = operands
            return Sum((*x.products, y.product() if function == "add" else -y.product()))
        if function == "neg":
            return Sum((-products[0],))
        if function == "mul":
            return Sum((products[0].times(products[1], regroup),))
        if function in _DIVISIONS:
            return Sum((products[0].over(products[1]),))
        texts = [product.factor() for product in products]
        if function in _POWERS:
            base, exponent = texts
            power = exponent.text if exponent.binding > POWER or products[1].is_number else f"({exponent.text})"
            return Sum((product_of(f"{base.within(POWER)}**{power}", POWER),))
        if function in _ROUNDED:  # in parentheses, so that no sign or factor goes into what is rounded
            left, right = (text.within(POWER) for text in texts)
            return Sum((product_of(f"({left} {_ROUNDED[function]} {right})"),))
        if function in _COMPARISONS:
            left, right = (text.within(COMPARISON) for text in texts)
            return Sum((product_of(f"{left} {_COMPARISONS[function]} {right}", COMPARISON),))
        if function == "where" and texts[0].binding != COMPARISON:
            texts[0] = Factor(f"{texts[0].within(COMPARISON)} != 0")
        if function in ops.TABLE:
            self._help(ops.TABLE[function])
        elif function == DETACH.name:
            self._help(DETACH)
        name = self.library.functions.get(function, function)
        return Sum((product_of(f"{name}({', '.join([text for text, _ in texts])})"),))

    def _help(self, op: Op) -> None:
        """Define a function of the table that the library does not have."""
        name = op.name
        if name in self.library.helpers:
            self.helpers.setdefault(name, self.library.helpers[name])
        elif op.formula is not None and name not in self.helpers and name not in self.library.functions:
            formula = formula_of(op, (None,) * op.arity)
            assert formula is not None
            self.helpers[name] = self._definition(name, formula, op.arity)

    def _definition(self, name: str, root: Symbol | float, count: int) -> str:
        """A function that computes an expression of so many operands."""
        variables = "xyz"[:count] if count <= 3 else [f"x{i}" for i in range(count)]
        before, self.lines = self.lines, []
        text = str(self._expression(root, dict(enumerate(variables)), regroup=False))
        lines, self.lines = self.lines, before
        body = "\n    ".join([*lines, f"return {text}"])
        return f"def {name}({', '.join(variables)}):\n    {body}"

    def _users(self, op: Op, count: int) -> str:
        """The name of a function for an operation of the user's, whose rule is written out."""
        if op not in self._own_names:
            try:
                root = op.forward.rule(*[Symbol(i) for i in range(count)])  # type: ignore[attr-defined]
                root = root if isinstance(root, Symbol) else float(root)
            except Exception as error:  # a rule for floats may raise anything here
                raise _cannot_be_written(op) from error
            name = self._own_names[op] = self.names.name_for(op)
            self.helpers[name] = self._definition(name, root, count)
        return self._own_names[op]

    # --- the forward pass ---------------------------------------------------------------------------------------------

    def statement(self, s: Statement) -> None:
        """One forward instruction."""
        batched, shape = s.block.batched, self.names.shapes[s.block.name]
        if s.along_axis:
            (rows,) = s.operands
            assert isinstance(rows, Rows)
            text, axis = self.names.ref(rows), len(s.shape)
            text = f"amax({text}, {axis})" if s.op is ops.LARGEST else f"{text}.sum({axis})"
        elif s.op is not None:
            expression = applied(s)
            names = {i: self.names.spread(x, shape, batched) for i, x in expression.used().items()}
            text = str(self._expression(expression.root, names))
            if s.op in (ops.GREATER, ops.LESS, ops.EQUAL):
                text = f"({text}) + zeros(())"  # a number, not a bool
        else:
            text = str(self._sum(s, shape))
        self.lines.append(f"{s.block.name} = {text}")

    def _sum(self, s: Statement, shape: tuple[int, ...]) -> Sum:
        products = []
        for part in s.parts:
            if part.spec == "sum":
                product = product_of(f"{self.names.ref(part.factors[0])}.sum({len(s.shape)})")
                products.append(product.times(constant(part.coefficient)))
            elif part.spec:
                contraction = Contraction(part, self.names)
                text = contraction.text()
                if contraction.shape != shape:
                    text = product_of(
                        f"{text.factor().within(POWER)}.reshape({shape_text(shape, contraction.has_samples)})"
                    )
                products.append(text)
            else:
                product = constant(part.coefficient)
                for rows in part.factors:
                    product = product.times(product_of(self.names.spread(rows, shape, s.block.batched)))
                products.append(product)
        if s.constant:
            products.append(constant(s.constant))
        return Sum(tuple(products)).ordered()

    # --- the backward pass --------------------------------------------------------------------------------------------

    def send(self, send: Send) -> None:
        """One instruction of the backward pass."""
        if send.shape == (0,):
            return
        if isinstance(send.value, Partial):
            raise _cannot_be_written(send.value.op)
        elif isinstance(send.value, Expression):
            self._send_expression(send, send.value)
        else:
            contraction = Contraction(send.value, self.names)
            index, axes = _without_repeats(send.target.index.reshape(contraction.shape))
            kept = [axis for i, axis in enumerate(contraction.axes) if i not in axes]
            target = Rows(send.target.batched, index, True)
            order = self._order_of(target)
            self._deliver(target, contraction.text("".join([kept[i] for i in order])), order)

    def _send_expression(self, send: Send, expression: Expression) -> None:
        operands = expression.used()
        shape = self._shape_of(send, operands)
        names = {i: self.names.spread(rows, shape, send.batched) for i, rows in operands.items()}
        value = self._expression(expression.root, names)
        index, axes = _without_repeats(send.target.index.reshape(shape))
        target = Rows(send.target.batched, index, True)
        summed = [*axes, *([len(shape)] if send.batched and not target.batched else [])]
        fills = _fills(operands, shape, send.batched)
        if summed and not fills:
            value = product_of(f"broadcast_to({value}, {shape_text(shape, send.batched)})")
        self._deliver(target, value.summed(summed), tuple(range(index.ndim)), fills or bool(summed))

    def _shape_of(self, send: Send, operands: dict[int, Rows]) -> tuple[int, ...]:
        """The shape in which an expression is written: that of the array that it fills, or of the first operand."""
        for rows in [send.target, *operands.values()]:
            if rows.batched and rows.index.size == int(np.prod(send.shape, dtype=int)):
                home = self.names.home[True][rows.index.flat[0]]
                if home is not None and np.array_equal(home[0].addresses, rows.index.ravel()):
                    return home[0].shape
        return send.shape

    def _order_of(self, target: Rows) -> tuple[int, ...]:
        """The order of the axes in which a contraction is delivered to its target, so that nothing is transposed."""
        homes, arrays = self.names.homes_of(target.batched, target.index)
        if len(arrays) == 1 and target.index.ndim:
            positions = np.array([at for _, at in homes], dtype=np.intp).reshape(target.index.shape)
            found = select(arrays[0].shape, positions)
            if found is not None:
                return found[1]
        return tuple(range(target.index.ndim))

    def _deliver(self, target: Rows, value: Product, order: tuple[int, ...], fills: bool = True) -> None:
        """Write a gradient to its arrays, or add it to what was sent there before.

        Axis i of the value is axis `order[i]` of the target's rows.
        """
        index = target.index.transpose(order) if order else target.index
        homes, arrays = self.names.homes_of(target.batched, index)
        arrays = [array for array in arrays if array.name not in ("zero", "minus_infinity")]
        if len(arrays) > 1:
            self._temporaries += 1
            name = f"t{self._temporaries}"
            self.lines.append(f"{name} = {self._flat(value, index, target.batched, fills)}")
            value, fills = product_of(name), True
        for array in arrays:
            mine = np.array([i for i, (home, _) in enumerate(homes) if home is array], dtype=np.intp)
            positions = np.array([homes[i][1] for i in mine.tolist()], dtype=np.intp)
            part = value
            if len(mine) < len(homes) or len(arrays) > 1:
                flat = value if len(arrays) > 1 else product_of(self._flat(value, index, target.batched, fills))
                chosen = select((len(homes),), mine if len(mine) > 1 else mine.reshape(()))
                text = chosen[0] if chosen is not None else f"[{self.names.constant(mine)}]"
                part, fills = product_of(f"{flat.factor().within(POWER)}{text}"), True
                positions = positions if len(mine) > 1 else positions.reshape(())
            else:
                positions = positions.reshape(index.shape)
            self._add(array, positions, part, fills)

    def _flat(self, value: Product, index: Index, batched: bool, fills: bool) -> str:
        if not fills:
            value = product_of(f"broadcast_to({value}, {shape_text(index.shape, batched)})")
        return f"{value.factor().within(POWER)}.reshape({shape_text((index.size,), batched)})"

    def _add(self, array: NamedArray, positions: Index, value: Product, fills: bool) -> None:
        """Add a value to the gradient of these elements of an array, or begin it with them."""
        name = "d_" + array.name
        size = len(array.addresses)
        if positions.size == size and np.array_equal(positions.ravel(), np.arange(size)):
            if positions.shape != array.shape:
                value = product_of(self._reshaped(value, positions, array, fills))
            elif not fills and name not in self.started:
                value = product_of(f"broadcast_to({value}, {array.shape_text})")
            total = Sum((product_of(name), value)) if name in self.started else value
            self.lines.append(f"{name} = {total}")
            if name in self.started or value.factor().binding != ATOM:
                self._own.add(name)
        else:
            self._make_own(name, array)
            selection = select(array.shape, positions)
            is_in_order = selection is not None and list(selection[1]) == sorted(selection[1])
            if not fills and not is_in_order:
                value = product_of(f"broadcast_to({value}, {shape_text(positions.shape, array.batched)})")
            if selection is not None:
                inner = str(value) if is_in_order else value.factor().within(POWER)
                text = transposed(inner, list(selection[1]), array.batched)
                self.lines.append(self.library.add_to.format(name, selection[0][1:-1], text))
            else:
                self.helpers["add_at"] = self.library.helpers["add_at"]
                at = self.names.constant(positions.ravel())
                values = f"{value.factor().within(POWER)}.reshape(({positions.size}, {'n' if array.batched else 1}))"
                self.lines.append(f"{name} = add_at({name}, {at}, {values})")
        self.started.add(name)

    def _reshaped(self, value: Product, positions: Index, array: NamedArray, fills: bool) -> str:
        if not fills:
            value = product_of(f"broadcast_to({value}, {shape_text(positions.shape, array.batched)})")
        return f"{value.factor().within(POWER)}.reshape({array.shape_text})"

    def _make_own(self, name: str, array: NamedArray) -> None:
        """Let an array exist that may be changed."""
        if name not in self.started:
            self.lines.append(f"{name} = zeros({array.shape_text})")
        elif name not in self._own and self.library.copy:
            self.lines.append(f"{name} = {self.library.copy.format(name)}")
        self._own.add(name)


def _cannot_be_written(op: Op) -> NotImplementedError:
    return NotImplementedError(
        f"{op.name} is an operation of your own with a rule that needs plain numbers, which no array library can run:"
        " write its rules with arithmetic and the functions of autograd_lite"
    )


def _function_name(op: Op) -> str | None:
    """The name of a row of the table in the text; None if its formula is written out."""
    is_known = op is DETACH or ops.TABLE.get(op.name) is op
    return op.name if is_known and op.arity in (1, 2, 3) else None


def _without_repeats(index: Index) -> tuple[Index, list[int]]:
    """Row numbers without the axes along which they are the same, and these axes: what is sent there is summed."""
    axes = [i for i, n in enumerate(index.shape) if n > 1 and (index == index.take([0], axis=i)).all()]
    return index[tuple([0 if i in axes else slice(None) for i in range(index.ndim)])], axes


def _fills(operands: dict[int, Rows], shape: tuple[int, ...], batched: bool) -> bool:
    """Whether an expression has the whole shape without broadcasting: along each axis, some operand changes."""
    indices = [rows.index.reshape(shape) for rows in operands.values()]
    changes = [n == 1 or any((i != i.take([0], axis=axis)).any() for i in indices) for axis, n in enumerate(shape)]
    return all(changes) and (not batched or any(rows.batched for rows in operands.values()))


def _operand(x: str | float) -> Sum:
    return Sum((product_of(x) if isinstance(x, str) else constant(x),))
