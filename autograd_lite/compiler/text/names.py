"""Named arrays for a program's text: the inputs, the parameters, and what each instruction computes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from keyword import iskeyword
from typing import Any, Final

import numpy as np

from autograd_lite.compiler.front.scalars import Scalar
from autograd_lite.compiler.ir.program import Program, Statement
from autograd_lite.compiler.ir.rows import Index, Rows
from autograd_lite.compiler.text.libraries import RESERVED
from autograd_lite.ops import Op

# Names that the text uses for itself: temporaries, constants, gradients; and those of what instructions compute.
_TEMPORARY: Final = re.compile(r"(t|c|at_)\d+|d_.*")


@dataclass
class NamedArray:
    """A named array of the text: where its numbers live in the program, and its shape for one sample."""

    name: str
    batched: bool
    shape: tuple[int, ...]
    addresses: Index

    @property
    def shape_text(self) -> str:
        """The shape as the text writes it."""
        return shape_text(self.shape, self.batched)


@dataclass(frozen=True)
class Reference:
    """An operand as text, and the order in which its axes come in the array that the text means.

    Parameters
    ----------
    text : str
    order : tuple of int
        Axis i of the text is axis `order[i]` of the operand.
    """

    text: str
    order: tuple[int, ...]


class Names:
    """The array that each row of a program is in, and how an operand is written in terms of these arrays.

    Parameters
    ----------
    program : Program
    labels : dict
        The labels of parameters by their address.
    name : str
        The name of the function that is written.
    """

    def __init__(self, program: Program, labels: dict[int, str], name: str) -> None:
        self.program = program
        self.labels = labels
        self.preamble: list[str] = []
        self.constants: dict[str, Any] = {}
        self.inputs: list[NamedArray] = []
        self.parameters: list[NamedArray] = []
        self.home: dict[bool, list[tuple[NamedArray, int] | None]] = {
            True: [None] * program.rows,
            False: [None] * program.places,
        }
        self.taken = {*RESERVED, name, *[block.name for block in program.blocks]}
        self.shapes: dict[str, tuple[int, ...]] = {}  # of what each statement computes, by name
        self._name_arrays()

    def _add_array(self, name: str, batched: bool, shape: tuple[int, ...], addresses: Index) -> NamedArray:
        array = NamedArray(name, batched, shape, addresses.ravel())
        for position, address in enumerate(array.addresses.tolist()):
            self.home[batched][address] = array, position
        return array

    def _name_arrays(self) -> None:
        program = self.program
        for block, rows, shape in zip(program.blocks, program.inputs, program.input_shapes):
            self.inputs.append(self._add_array(block.name, True, shape if len(rows) != 1 else (), rows))
        for number, row in program.fillers.items():
            name = "zero" if number == 0.0 else "minus_infinity"
            self._add_array(name, True, (), np.array([row]))
            self.preamble.append(f"{name} = zeros((n,))" + ("" if number == 0.0 else " - float('inf')"))
        for s in program.statements:
            shape = self.shapes[s.block.name] = self._shape_of(s)
            self._add_array(s.block.name, s.block.batched, shape, s.target.index)
        uses: list[tuple[str, Index]] = []
        for s in program.statements:
            suffix = s.block.name[1:] if s.block.name[0] == "z" else ""
            for part in s.parts:
                uses += [(("W" if part.spec else "b") + suffix, r.index) for r in part.factors if not r.batched]
            uses += [("p", x.index) for x in s.operands if isinstance(x, Rows) and not x.batched]
        uses += [("p", np.array(row)) for x, row in program.outputs if isinstance(x, Scalar) and not x.batched]
        for row, number in program.constants:
            self.constants[f"c{row}"] = np.array(number)
            self._add_array(f"c{row}", False, (), np.array([row]))
        self._name_parameters([(n, i) for n, i in uses if all(self.home[False][a] is None for a in i.ravel())])

    def _shape_of(self, s: Statement) -> tuple[int, ...]:
        """The shape of what a statement computes: that of its operand, if it goes through a whole array."""
        operands = [x for x in s.operands if isinstance(x, Rows)] + [r for p in s.parts for r in p.factors]
        if s.along_axis or any(p.spec for p in s.parts):
            return s.shape
        for rows in operands:
            home = self.home[rows.batched][rows.index.flat[0]]
            if rows.batched and home is not None and rows.index.size == s.block.size:
                array, _ = home
                if np.array_equal(array.addresses, rows.index.ravel()):
                    return array.shape
        return s.shape

    # --- parameters ---------------------------------------------------------------------------------------------------

    def _name_parameters(self, uses: list[tuple[str, Index]]) -> None:
        """One array for each set of parameters that are used together; sets that overlap become one vector."""
        groups: list[tuple[set[int], list[tuple[str, Index]]]] = []
        for name, index in uses:
            places = set(index.ravel().tolist())
            touched = [group for group in groups if group[0] & places]
            merged = (places.union(*[g[0] for g in touched]), [*[u for g in touched for u in g[1]], (name, index)])
            groups = [group for group in groups if not any(group is t for t in touched)] + [merged]
        taken = self.taken
        for places, members in groups:
            name, index = members[0]
            whole = all(set(i.ravel().tolist()) == places for _, i in members)
            kept = index.reshape([n for n in index.shape if n > 1])
            order = kept if whole and kept.size == len(places) else np.array(sorted(places))
            order = order.reshape(()) if order.size == 1 else order
            unique = self._label_of(places, taken) or _numbered(name, taken)
            taken.add(unique)
            self.parameters.append(self._add_array(unique, False, order.shape, order))
        self.parameters.sort(key=lambda array: int(array.addresses.min()))

    def _label_of(self, places: set[int], taken: set[str]) -> str:
        """The label of a parameter, or what the labels of several begin with; "" if that cannot be a name."""
        labels = {self.labels.get(place, "") for place in places}
        if len(labels) > 1:
            labels = {re.sub(r"_?\d+$", "", label) for label in labels}
        name = labels.pop() if len(labels) == 1 else ""
        if not name.isidentifier() or iskeyword(name) or _TEMPORARY.fullmatch(name):
            return ""
        while name in taken:
            name += "_"
        return name

    def name_for(self, op: Op) -> str:
        """A name for the function of a user's operation."""
        is_name = op.name.isidentifier() and not iskeyword(op.name) and not op.name[-1].isdigit()
        name = op.name if is_name and not op.name.startswith("d_") else "own"
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name

    # --- operands -----------------------------------------------------------------------------------------------------

    def homes_of(self, batched: bool, index: Index) -> tuple[list[tuple[NamedArray, int]], list[NamedArray]]:
        """The array and the position in it of each row; and these arrays, each once."""
        homes = [home for a in index.ravel().tolist() if (home := self.home[batched][a]) is not None]
        assert len(homes) == index.size
        return homes, list({id(array): array for array, _ in homes}.values())

    def reference(self, rows: Rows, index: Index | None = None) -> Reference:
        """An operand of the shape of `index` (and an axis of samples), with its axes in whatever order is the simplest."""
        index = rows.index if index is None else index
        homes, arrays = self.homes_of(rows.batched, index)
        prefix = "d_" if rows.gradient else ""
        order = tuple(range(index.ndim))
        if len(arrays) == 1:
            (array,) = arrays
            name = prefix + array.name
            positions = np.array([position for _, position in homes], dtype=np.intp).reshape(index.shape)
            selection = select(array.shape, positions)
            if selection is not None:
                return Reference(name + selection[0], selection[1])
            if np.array_equal(positions.ravel(), np.arange(len(array.addresses))):
                return Reference(f"{name}.reshape({shape_text(index.shape, rows.batched)})", order)
        offsets = dict(zip(map(id, arrays), np.cumsum([0, *[len(a.addresses) for a in arrays]]).tolist()))
        positions = np.array([offsets[id(array)] + at for array, at in homes], dtype=np.intp).reshape(index.shape)
        flat = [
            prefix
            + a.name
            + (f".reshape({shape_text((len(a.addresses),), rows.batched)})" if len(a.shape) != 1 else "")
            for a in arrays
        ]
        text = flat[0] if len(flat) == 1 else f"concatenate(({', '.join(flat)}))"
        size = sum(len(a.addresses) for a in arrays)
        if np.array_equal(positions, np.arange(size)):
            return Reference(text, order)
        selection = select((size,), positions)
        if selection is not None:
            return Reference(text + selection[0], order)
        return Reference(f"{text}[{self.constant(positions)}]", order)

    def ref(self, rows: Rows, index: Index | None = None) -> str:
        """An operand in the shape of `index` (and an axis of samples)."""
        found = self.reference(rows, index)
        return transposed(found.text, [found.order.index(i) for i in range(len(found.order))], rows.batched)

    def constant(self, value: Any) -> str:
        """The name of an array of numbers that stands at the head of the text."""
        for name, known in self.constants.items():
            if known.shape == value.shape and (known == value).all() and known.dtype == value.dtype:
                return name
        name = f"at_{len(self.constants) + 1}"
        self.constants[name] = value
        return name

    def spread(self, rows: Rows, shape: tuple[int, ...], batched: bool) -> str:
        """An operand of a number-by-number expression: axes along which it does not change are broadcast."""
        index = rows.index.reshape(shape)
        fixed = [n > 1 and bool((index == index.take([0], axis=i)).all()) for i, n in enumerate(shape)]
        text = self.ref(rows, index[tuple([0 if f else slice(None) for f in fixed])])
        return text + spreading([not f for f in fixed] + [rows.batched] * batched)


def spreading(present: list[bool]) -> str:
    """The index that gives an operand the axes which it does not have: `[:, None]`."""
    axes = [":" if p else "None" for p in present]
    while axes and axes[0] == "None":
        axes.pop(0)
    while axes and axes[-1] == ":":
        axes.pop()
    return f"[{', '.join(axes)}]" if "None" in axes else ""


def transposed(text: str, axes: list[int], batched: bool) -> str:
    """A text with its axes in another order, those of the samples staying last."""
    if axes == sorted(axes):
        return text
    if axes == [1, 0] and not batched:
        return f"{text}.T"
    return f"transpose({text}, {(*axes, *[len(axes)] * batched)})"


def select(shape: tuple[int, ...], positions: Index) -> tuple[str, tuple[int, ...]] | None:
    """How to take elements of an array by slices: the index, and which axis of `positions` each axis left is.

    None if no slices take them.

    Examples
    --------
    >>> select((3, 4), np.array([[4, 5], [8, 9]]))
    ('[1:, :2]', (0, 1))
    >>> select((4,), np.array(2))
    ('[2]', ())
    >>> select((2, 3), np.array([[0, 3], [1, 4], [2, 5]]))
    ('', (1, 0))
    """
    if positions.ndim and 1 in positions.shape:
        return None
    texts: list[str] = []
    order: list[int] = []
    for size, coordinate in zip(shape, np.unravel_index(positions, shape) if shape else ()):
        moving = [
            axis for axis in range(positions.ndim) if (coordinate != coordinate.take([0], axis=axis)).any()
        ]  # along which it changes
        if len(moving) > 1:
            return None
        if not moving:
            texts.append(str(int(coordinate.flat[0])))
            continue
        steps = np.moveaxis(coordinate, moving[0], 0).reshape(positions.shape[moving[0]], -1)[:, 0]
        text = _slice(steps, size)
        if text is None:
            return None
        texts.append(text)
        order.append(moving[0])
    if sorted(order) != list(range(positions.ndim)):
        return None
    while texts and texts[-1] == ":":
        texts.pop()
    return f"[{', '.join(texts)}]" if texts else "", tuple(order)


def _slice(steps: Index, size: int) -> str | None:
    """The slice that takes these elements of an axis."""
    step = int(steps[1] - steps[0])
    if step < 1 or (np.diff(steps) != step).any():
        return None
    first, last = int(steps[0]), int(steps[-1])
    begin = "" if first == 0 else str(first)
    end = "" if last + step >= size else str(last + 1)
    return f"{begin}:{end}" + (f":{step}" if step > 1 else "")


def _numbered(name: str, taken: Iterable[str]) -> str:
    """A name that ends in a number and is not taken."""
    stem = name.rstrip("0123456789")
    number = int(name[len(stem) :] or 1)
    while f"{stem}{number}" in taken:
        number += 1
    return f"{stem}{number}"


def shape_text(shape: tuple[int, ...], batched: bool) -> str:
    """Write a shape, with an axis of n samples at its end if there is one."""
    sizes = [*[str(n) for n in shape], *["n"] * batched]
    return f"({', '.join(sizes)}{',' * (len(sizes) == 1)})"
