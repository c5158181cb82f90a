"""Sums of products along axes as text: broadcast products, matrix products, or `einsum`."""

from __future__ import annotations

import numpy as np

from autograd_lite.compiler.ir.program import Part
from autograd_lite.compiler.ir.rows import Rows
from autograd_lite.compiler.text.algebra import PRODUCT, Factor, Product, constant, product_of
from autograd_lite.compiler.text.names import Names, spreading

_FURTHER_AXES = "abcdefhijopqstuvwxyz"  # the compiler's own are g, k, l, m, n and r


class Contraction:
    """A sum of products along axes, which are letters as for `einsum`; axes of the size 1 are left out.

    Parameters
    ----------
    part : Part
    names : Names

    Attributes
    ----------
    axes : str
        Those of the result without that of the samples, which is n.
    shape : tuple of int
        Their sizes.
    has_samples : bool
        Whether the result has one number for each sample.
    """

    def __init__(self, part: Part, names: Names) -> None:
        self.coefficient = part.coefficient
        self._names = names
        letters, out = part.spec.split("->")
        self._operands = [_Operand(rows, own) for rows, own in zip(part.factors, letters.split(","), strict=True)]
        self._sizes = {axis: n for operand in self._operands for axis, n in operand.sizes.items()}
        self.has_samples = "n" in out
        self.axes = "".join([axis for axis in out if axis in self._sizes])
        for operand in self._operands:
            self._keep_axes_of_array(operand)
        self.shape = tuple([self._sizes[axis] for axis in self.axes])

    def _keep_axes_of_array(self, operand: _Operand) -> None:
        """Where an operand is a whole array of several axes as a vector, keep the axes of the array."""
        if len(operand.axes) != 1:
            return
        home = self._names.home[operand.rows.batched][operand.index.flat[0]]
        if home is None or len(home[0].shape) < 2 or not np.array_equal(home[0].addresses, operand.index):
            return
        axis, shape = operand.axes, home[0].shape
        letters = "".join([x for x in _FURTHER_AXES if x not in self._sizes][: len(shape)])
        for each in self._operands:
            each.split(axis, shape, letters)
        self._sizes.update(zip(letters, shape))
        self.axes = self.axes.replace(axis, letters)

    def text(self, axes: str | None = None) -> Product:
        """The result with these axes in this order, summed over the others."""
        out = (self.axes if axes is None else axes) + "n" * self.has_samples
        (x, a), (y, b) = [operand.written(self._names) for operand in self._operands]
        return constant(self.coefficient).times(_written(x, a, y, b, out))


class _Operand:
    """A factor of a contraction: its rows, and a letter for each of their axes."""

    def __init__(self, rows: Rows, axes: str) -> None:
        index = rows.index
        self.rows = rows
        self.index = index.reshape([n for n in index.shape if n > 1])
        self.axes = "".join([axis for axis, n in zip(axes.replace("n", ""), index.shape, strict=True) if n > 1])

    @property
    def sizes(self) -> dict[str, int]:
        return dict(zip(self.axes, self.index.shape))

    def split(self, axis: str, shape: tuple[int, ...], letters: str) -> None:
        """Replace an axis by several."""
        at = self.axes.find(axis)
        if at >= 0:
            sizes = self.index.shape
            self.index = self.index.reshape(*sizes[:at], *shape, *sizes[at + 1 :])
            self.axes = self.axes.replace(axis, letters)

    def written(self, names: Names) -> tuple[str, str]:
        """The text, and the letters of its axes, with n for that of the samples."""
        found = names.reference(self.rows, self.index)
        return found.text, "".join([self.axes[i] for i in found.order]) + "n" * self.rows.batched


def _written(x: str, a: str, y: str, b: str, out: str) -> Product:
    """The simplest text for the product of x, with the axes a, and y, with the axes b, summed over all but `out`."""
    summed = [axis for axis in dict.fromkeys(a + b) if axis not in out]
    if not summed:
        if len(a) == len(b) == 1 and a != b:
            return product_of(f"outer({x}, {y})" if a + b == out else f"outer({y}, {x})")
        return _aligned(x, a, out).times(_aligned(y, b, out))
    matrices = _matrix_product(x, a, y, b, out, summed)
    if matrices is not None:
        return matrices
    if set(a) == set(b) and [axis for axis in a if axis in out] == list(out):
        return _aligned(x, a, a).times(_aligned(y, b, a)).summed([a.index(axis) for axis in summed])
    return product_of(f'einsum("{a},{b}->{out}", {x}, {y})')


def _aligned(text: str, axes: str, out: str) -> Product:
    """An operand with its axes in the order of `out`; axes that it does not have are broadcast."""
    order = sorted(axes, key=out.index)
    if order != list(axes):
        text = f"{text}.T" if len(axes) == 2 else f"transpose({text}, {tuple([axes.index(x) for x in order])})"
    return product_of(text + spreading([axis in axes for axis in out]))


def _matrix_product(x: str, a: str, y: str, b: str, out: str, summed: list[str]) -> Product | None:
    """A product of matrices, of stacks of them, or of a matrix and a vector, with as few transposes as possible."""
    if len(summed) != 1:
        return None
    (axis,) = summed
    candidates = []
    for first, of_first, second, of_second in ((x, a, y, b), (y, b, x, a)):
        first_turned = len(of_first) == 2 and of_first[0] == axis
        second_turned = len(of_second) == 2 and of_second[1] == axis
        left = of_first[::-1] if first_turned else of_first
        right = of_second[::-1] if second_turned else of_second
        if axis not in left or axis not in right or left[-1] != axis or right[max(0, len(right) - 2)] != axis:
            continue
        stacks = {left[:-2], right[:-2]} - {""}
        rows, columns = left[:-1][-1:], right[1:] if len(right) < 3 else right[-1]
        if len(stacks) <= 1 and "".join(stacks) + rows + columns == out:
            text = f"{first}{'.T' * first_turned} @ {second}{'.T' * second_turned}"
            candidates.append((first_turned + second_turned, text))
    return Product((Factor(min(candidates)[1].replace(".T.T", ""), PRODUCT),)) if candidates else None
