"""The arrays of a program: what they are called, and how they are made."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.compiler.ir.program import Program
from autograd_lite.compiler.ir.rows import Index, Rows, strides_of

SAMPLES = -1  # in a shape: the size of the batch
Shape = tuple[int, ...]


class StridedView:
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


class Operands:
    """Names the operands of a program and records how to make them. Rows that are not evenly spaced are gathered by a line."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.lines: list[str] = []
        self.views: dict[str, StridedView] = {}
        self.buffers: dict[str, Shape] = {}
        self.constants: dict[str, Any] = {}
        self._names: dict[Any, str] = {}
        self._gathered: dict[Any, str] = {}
        self._free: dict[Shape, list[str]] = {}
        self._counts: dict[str, int] = {}
        self._block_at = {True: np.full(program.rows, -1), False: np.full(program.places, -1)}
        for number, block in enumerate(program.blocks):
            self._block_at[block.batched][block.start : block.start + block.size] = number
        self._parameters: dict[bytes, str] = {}
        for s in program.statements:
            for part in s.parts if s.block.name[0] == "z" else []:
                for rows in part.factors:
                    if not rows.batched:
                        self._parameters[rows.index.tobytes()] = ("W" if part.spec else "b") + s.block.name[1:]
                if part.with_bias is not None:
                    self._parameters[part.with_bias[1].index.tobytes()] = "Wb" + s.block.name[1:]

    def fresh(self, stem: str) -> str:
        """A new name."""
        while True:
            self._counts[stem] = self._counts.get(stem, 0) + 1
            name = f"{stem}_{self._counts[stem]}"
            if self._is_free(name):
                return name

    def _is_free(self, name: str) -> bool:
        return name not in self.views and name not in self.buffers and name not in self.constants

    def stem(self, rows: Rows) -> str:
        """The beginning of an operand's name: the block that it is in, or the weights that it is."""
        d = "d_" if rows.gradient else ""
        if not rows.batched and (known := self._parameters.get(rows.index.tobytes())) is not None:
            return d + known
        ends = [rows.index.flat[0]] * 2 if rows.index.size == 1 else [rows.index.min(), rows.index.max()]
        lowest, highest = self._block_at[rows.batched][ends].tolist()
        return d + (self.program.blocks[lowest].name if lowest == highest >= 0 else "rows" if rows.batched else "p")

    def view(self, rows: Rows, samples: str | None = None, index: Index | None = None) -> str:
        """The name of an operand. `index` are the same rows with their axes in another order."""
        index = rows.index if index is None else index
        samples = samples or ("last" if rows.batched else "none")
        base = ("d_" if rows.gradient else "") + ("values" if rows.batched else "parameters")
        if strides_of(index) is None:
            return self._gather(rows, base, index, samples)
        return self.view_of(
            base,
            index,
            samples,
            self.stem(rows) + ("_T" if samples == "before last" or not _same_order(rows.index, index) else ""),
        )

    def view_of(self, base: str, index: Index, samples: str, stem: str) -> str:
        """The name of evenly spaced rows of an array or a buffer."""
        key = (base, samples, index.shape, index.tobytes())
        if key not in self._names:
            name = stem if self._is_free(stem) else self.fresh(stem)
            self._names[key] = name
            self.views[name] = StridedView(base, index, samples)
        return self._names[key]

    def _gather(self, rows: Rows, base: str, index: Index, samples: str) -> str:
        """Rows that are not evenly spaced are copied into a buffer, once."""
        wanted, positions = np.unique(index.ravel(), return_inverse=True)
        if (
            len(wanted) == index.size or strides_of(positions.reshape(index.shape)) is None
        ):  # no row twice: in the order of use
            wanted, positions = index.ravel(), np.arange(index.size)
        key = (base, wanted.tobytes())
        if key not in self._gathered:
            name = self.fresh(f"{self.stem(rows)}_rows")
            self.buffers[name] = (len(wanted), SAMPLES) if rows.batched else (len(wanted),)
            where = self.constant(wanted, f"{name}_at")
            self.lines.append(f'{base}.take({where}, 0, {name}, "clip")')
            self._gathered[key] = name
        return self.view_of(self._gathered[key], positions.reshape(index.shape), samples, self._gathered[key] + "_as")

    def constant(self, value: Any, stem: str) -> str:
        """A name for an object that the program refers to."""
        name = self.fresh(stem)
        self.constants[name] = value
        return name

    def take_buffer(self, shape: Shape) -> str:
        """The name of a buffer that nothing else uses until it is given back."""
        free = self._free.setdefault(shape, [])
        if free:
            return free.pop()
        name = self.fresh("t")
        self.buffers[name] = shape
        return name

    def give_back(self, name: str, shape: Shape) -> None:
        """Let others use a buffer."""
        self._free.setdefault(shape, []).append(name)


def _same_order(index: Index, moved: Index) -> bool:
    return index is moved or np.array_equal(index.ravel(), moved.ravel())
