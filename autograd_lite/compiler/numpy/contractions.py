"""Sums of products along axes, as calls of `matmul`, `multiply` or `einsum`."""

from __future__ import annotations

from collections.abc import Callable

from autograd_lite.compiler.ir.program import Part
from autograd_lite.compiler.ir.rows import Index, Rows
from autograd_lite.compiler.numpy.operands import SAMPLES, Operands


class Contractions:
    """Writes the lines of contractions. Their axes are letters, as for `einsum`; n is the axis of the samples."""

    def __init__(self, operands: Operands) -> None:
        self.operands = operands

    def write(self, part: Part, base: str, out_index: Index, batched: bool, target: Rows | None = None) -> str:
        """One `matmul` where the axes allow it, else `multiply` or `einsum`."""
        inputs, out = part.spec.split("->")
        letters = inputs.split(",")
        sizes: dict[str, int] = {}
        for axes, rows in zip(letters, part.factors, strict=True):
            sizes.update(zip(axes, rows.index.shape))
        a, b, out = ["".join([x for x in axes if x == "n" or sizes[x] > 1]) for axes in (*letters, out)]
        index = out_index.reshape([sizes[x] for x in out if x != "n"])
        stem = self.operands.stem(target) if target is not None else base + "_as"
        flat = self._reshaped_base(base, batched)
        summed = [x for x in a if x in b and x not in out]

        def out_view(order: str) -> str:
            axes = order.replace("n", "")
            moved = _moved(index, out.replace("n", ""), axes)
            samples = ("last" if order.endswith("n") else "before last") if batched else "none"
            return self.operands.view_of(flat, moved, samples, stem)

        (rows_a, rows_b) = part.factors
        if not summed:
            x, y = self._aligned(rows_a, a, out), self._aligned(rows_b, b, out)
            result = out_view(out)
            self.operands.lines.append(f"multiply({x}, {y}, out={result})")
        elif "n" in a and "n" in b and "n" in out:
            result = out_view(out)
            x, y = self._aligned(rows_a, a, a), self._aligned(rows_b, b, b)
            self.operands.lines.append(f'einsum("{a},{b}->{out}", {x}, {y}, out={result})')
        else:
            result = self._matmul(rows_a, a, rows_b, b, out, summed, sizes, out_view)
        return result

    def _reshaped_base(self, base: str, batched: bool) -> str:
        """A buffer with several axes, seen as rows."""
        if base not in self.operands.buffers:
            return base
        name = base + "_flat"
        self.operands.constants[name] = ("flat", base, batched)
        return name

    def _matmul(
        self,
        rows_a: Rows,
        a: str,
        rows_b: Rows,
        b: str,
        out: str,
        summed: list[str],
        sizes: dict[str, int],
        out_view: Callable[[str], str],
    ) -> str:
        """The product over one axis by `matmul`; `out_view` names the result with its axes in a given order."""
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
        result = out_view(order)
        if extra:
            shape = tuple([SAMPLES if z == "n" else 1 if z == "1" else sizes[z] for z in [*batch, p or "1", q or "1"]])
            buffer = self.operands.take_buffer(shape)
            self.operands.lines.append(f"matmul({x}, {y}, out={buffer})")
            axes = "0" if len(extra) == 1 else repr(tuple(range(len(extra))))
            self.operands.lines.append(f"add.reduce({buffer}, axis={axes}, out={result})")
            self.operands.give_back(buffer, shape)
        else:
            self.operands.lines.append(f"matmul({x}, {y}, out={result})")
        return result

    def _aligned(self, rows: Rows, axes: str, order: str) -> str:
        """An operand with its axes in this order; axes that it does not have get the size 1."""
        index = rows.index.reshape([n for n in rows.index.shape if n > 1])
        moved = _moved(index, axes.replace("n", ""), "".join([x for x in order if x != "n"]))
        if not rows.batched:
            samples = "one" if order.endswith("n") and "n" not in axes else "none"
            return self.operands.view(rows, samples, moved)
        return self.operands.view(rows, "last" if order.endswith("n") else "before last", moved)


def _moved(index: Index, axes: str, order: str) -> Index:
    """An index array with its axes in another order; a letter of `order` that is not in `axes` is a new axis."""
    index = index.transpose([axes.index(x) for x in order if x in axes])
    return index.reshape([index.shape[[y for y in order if y in axes].index(x)] if x in axes else 1 for x in order])
