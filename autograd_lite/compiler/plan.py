"""A function taken through all passes, for arguments of one shape."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite.compiler.arguments import argument_names
from autograd_lite.compiler.bind import Bound, Code
from autograd_lite.compiler.normalise import normalise
from autograd_lite.compiler.program import Program
from autograd_lite.compiler.schedule import schedule
from autograd_lite.compiler.terms import NormalForm
from autograd_lite.compiler.trace import Trace, TraceError, compiling, flatten, trace
from autograd_lite.value import Value

_KEPT_SIZES = 8  # of batches, with the arrays for them


class Plan:
    """A function compiled for arguments of certain shapes: what each of the passes made of it.

    Parameters
    ----------
    function : callable
        The function of scalars.
    batch : list of arrays
        Its arguments; the first sample is traced and some more are compared with the function itself.
    """

    def __init__(self, function: Callable[..., Any], batch: list[Any]) -> None:
        self._bound: dict[Any, Bound] = {}
        with compiling():
            self._compile(function, batch)
            self._check(function, batch)

    def _compile(self, function: Callable[..., Any], batch: list[Any]) -> None:
        self.trace: Trace = trace(function, tuple([array[0].tolist() for array in batch]))
        self.form: NormalForm = normalise(self.trace)
        self.names = argument_names(function, len(batch))
        sizes = [int(np.prod(array.shape[1:], dtype=int)) for array in batch]
        self.program: Program = schedule(self.form, list(zip(self.names, sizes, strict=True)))
        self.code = Code(self.program, with_backward=self.trace.shape == ())

    def bound(self, batch: list[Any]) -> Bound:
        """The program with arrays for this size of batch."""
        single = all([array.dtype.kind != "f" or array.dtype.itemsize <= 4 for array in batch])
        dtype = np.float32 if single and any([array.dtype.kind == "f" for array in batch]) else np.float64
        size = len(batch[0])
        bound = self._bound.pop((size, dtype), None) or Bound(self.code, size, dtype)
        self._bound[size, dtype] = bound  # the last one used
        if len(self._bound) > _KEPT_SIZES:
            del self._bound[next(iter(self._bound))]
        return bound

    def run(self, batch: list[Any]) -> tuple[Bound, Any]:
        """The forward pass over a batch: the program with its arrays, and the result for each sample.

        Raises
        ------
        FloatingPointError
            If a result is not finite.
        """
        bound = self.bound(batch)
        outputs = self._forward(bound, batch)
        self.check_finite(bound, outputs)
        return bound, outputs

    def _forward(self, bound: Bound, batch: list[Any]) -> Any:
        with np.errstate(all="ignore"):
            self.load(bound, batch)
            bound.forward()
        return self.outputs(bound)

    def load(self, bound: Bound, batch: list[Any]) -> None:
        """Write the inputs and the parameters' data into the program's arrays."""
        for rows, array in zip(self.program.inputs, batch, strict=True):
            bound.values[rows] = array.reshape(len(array), -1).T
        bound.parameters[self.program.parameters] = [parameter.data for parameter in self.trace.parameters]

    def outputs(self, bound: Bound) -> Any:
        """The results of the last forward pass, one for each sample."""
        columns = np.empty((bound.samples, len(self.program.outputs)), bound.values.dtype)
        for i, (output, row) in enumerate(self.program.outputs):
            columns[:, i] = (
                output if isinstance(output, float) else (bound.values if output.lane else bound.parameters)[row]
            )
        return columns.reshape(bound.samples, *self.trace.shape)

    def check_finite(self, bound: Bound, outputs: Any) -> None:
        """Raise if a result is infinite or no number, naming what made it so."""
        if np.isfinite(outputs).all():
            return
        for name, own in zip(self.names, self.program.inputs, strict=True):
            unfit = np.argwhere(~np.isfinite(bound.values[own]))
            if len(unfit):
                row, sample = unfit[0].tolist()
                number = bound.values[own[row], sample]
                raise FloatingPointError(f"{name} holds {number} for sample {sample}, so the result is not finite")
        for s in self.program.statements:
            rows = slice(s.block.start, s.block.start + s.block.size)
            values = (bound.values if s.block.lane else bound.parameters)[rows]
            if not np.isfinite(values).all():
                where = np.argwhere(~np.isfinite(values))[0].tolist()
                what = s.op.name if s.op is not None else "a sum of products"
                sample = f" for sample {where[1]}" if s.block.lane else ""
                raise FloatingPointError(
                    f"{s.block.name}[{where[0]}] ({what}) is {values[tuple(where)]}{sample}, so the result is not finite"
                )
        raise FloatingPointError("the result is not finite, because a parameter is not")

    def _check(self, function: Callable[..., Any], batch: list[Any]) -> None:
        """Compare a few samples with what the function itself computes."""
        samples = len(batch[0])
        chosen = sorted({0, samples // 2, samples - 1})
        few = [array[chosen].astype(np.float64) for array in batch]
        compiled = self._forward(Bound(self.code, len(chosen), np.float64), few)
        for i in range(len(chosen)):
            if not np.isfinite(compiled[i]).all():
                continue  # the function itself may raise here; __call__ says what is not finite
            results: list[Value | float] = []
            flatten(function(*[_to_values(array[i].tolist()) for array in few]), results, function)
            numbers = [float(x) for x in results]
            if np.allclose(compiled[i].ravel(), numbers, rtol=1e-7, atol=1e-9, equal_nan=True):
                continue
            # It may be that large numbers cancel out, which leaves of each way to compute them other last digits.
            rounding = 1e-12 * _largest(results)
            if not np.allclose(compiled[i].ravel(), numbers, rtol=1e-7, atol=rounding, equal_nan=True):
                raise TraceError(
                    f"compiled for one sample, {getattr(function, '__name__', 'the function')} gives {compiled[i].tolist()}"
                    f" for sample {chosen[i]} of the batch, but itself it computes {numbers}. It must do the same operations"
                    " for every sample: what it reads from .data, or decides by it, is frozen into the program"
                )


def _to_values(sample: Any) -> Any:
    return [_to_values(item) for item in sample] if isinstance(sample, list) else Value(sample)


def _largest(results: list[Value | float]) -> float:
    """The largest number that they were computed from."""
    nodes = [node for x in results if isinstance(x, Value) for node in x.topological_order()]
    return max([abs(node.data) for node in nodes if math.isfinite(node.data)], default=0.0)
