"""Named arrays for a program's text: the inputs, the parameters, and what each instruction computes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_lite.compiler.front.scalars import Scalar
from autograd_lite.compiler.ir.program import Program
from autograd_lite.compiler.ir.rows import Index, Rows


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


class Names:
    """Which array each row of a program is in, and how an operand is written in terms of these arrays."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.preamble: list[str] = []
        self.constants: dict[str, Any] = {}
        self.inputs: list[NamedArray] = []
        self.parameters: list[NamedArray] = []
        self.home: dict[bool, list[tuple[NamedArray, int] | None]] = {
            True: [None] * program.rows,
            False: [None] * program.places,
        }
        self._name_arrays()

    def _add_array(self, name: str, batched: bool, shape: tuple[int, ...], addresses: Index) -> NamedArray:
        array = NamedArray(name, batched, shape, addresses.ravel())
        for position, address in enumerate(array.addresses.tolist()):
            self.home[batched][address] = array, position
        return array

    def _name_arrays(self) -> None:
        program = self.program
        for block, rows in zip(program.blocks, program.inputs):
            self.inputs.append(self._add_array(block.name, True, (len(rows),) if len(rows) != 1 else (), rows))
        for number, row in program.fillers.items():
            name = "zero" if number == 0.0 else "minus_infinity"
            self._add_array(name, True, (1,), np.array([row]))
            self.preamble.append(f"{name} = zeros((1, n))" + ("" if number == 0.0 else " - float('inf')"))
        for s in program.statements:
            self._add_array(s.block.name, s.block.batched, s.shape, s.target.index)
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

    def homes_of(self, batched: bool, index: Index) -> tuple[list[tuple[NamedArray, int]], list[NamedArray]]:
        """The array and the position in it of each row; and these arrays, each once."""
        homes = [home for a in index.ravel().tolist() if (home := self.home[batched][a]) is not None]
        assert len(homes) == index.size
        return homes, list({id(array): array for array, _ in homes}.values())

    def ref(self, rows: Rows, index: Index | None = None) -> str:
        """An operand, in the shape of `index` (and an axis of samples)."""
        index = rows.index if index is None else index
        homes, arrays = self.homes_of(rows.batched, index)
        prefix = "d_" if rows.gradient else ""
        offset = {}
        size = 0
        for array in arrays:
            offset[id(array)] = size
            size += len(array.addresses)
        positions = np.array([offset[id(array)] + position for array, position in homes]).reshape(index.shape)
        (first, *others) = arrays
        name = prefix + first.name
        whole = not others and positions.size == size and (positions.ravel() == np.arange(size)).all()
        shape = shape_text(index.shape, rows.batched)
        if whole:
            return name if index.shape == first.shape else f"{name}.reshape({shape})"
        transposed = not others and not rows.batched and index.shape == first.shape[::-1] and index.ndim == 2
        if transposed and (positions.T.ravel() == np.arange(size)).all():
            return f"{name}.T"
        flat = [
            prefix
            + a.name
            + (f".reshape({shape_text((len(a.addresses),), rows.batched)})" if len(a.shape) != 1 else "")
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
        return self.constant(positions)

    def constant(self, value: Any) -> str:
        """The name of an array of numbers at the head of the text."""
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
        axes = ["None" if f else ":" for f in fixed] + (["None"] if batched and not rows.batched else [])
        while axes and axes[0] == "None":
            axes.pop(0)
        return text if "None" not in axes else f"{text}[{', '.join(axes)}]"


def shape_text(shape: tuple[int, ...], batched: bool) -> str:
    """Write a shape, with an axis of n samples at its end if there is one."""
    sizes = [*[str(n) for n in shape], *["n"] * batched]
    return f"({', '.join(sizes)}{',' * (len(sizes) == 1)})"
