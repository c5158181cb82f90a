"""A function compiled for arguments of one shape, with the result of each pass."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.compiler.check import Kinds, compare, compare_gradients
from autograd_lite.compiler.front.arguments import Arguments
from autograd_lite.compiler.front.normalise import normalise
from autograd_lite.compiler.front.scalars import NormalForm
from autograd_lite.compiler.front.trace import Trace, compiling, trace
from autograd_lite.compiler.ir.differentiate import Backward, differentiate
from autograd_lite.compiler.ir.program import Program
from autograd_lite.compiler.ir.schedule import schedule
from autograd_lite.compiler.numpy.bind import Bound, Code
from autograd_lite.compiler.text.argument_names import argument_names
from autograd_lite.value import count_of_values

_KEPT_SIZES = 8  # of batches, with the arrays for them
# A larger batch is cut into parts, so that the arrays stay in the cache and the memory does not grow with the batch. A part
# has so many numbers, or more where that would be few samples: each instruction costs a microsecond for a part.
_PART_NUMBERS, _PART_SAMPLES = 2**18, 1024
_FEW = 8  # samples
_FIRST = 4  # calls after which it is settled what a function does
# Rough costs in nanoseconds: of a node of the function itself, of a character of the program's text (each line calls an
# array function, which takes a microsecond), and of a number in its arrays.
_NODE, _CHARACTER, _NUMBER = 150.0, 25.0, 0.5


class Run(NamedTuple):
    """What a run of the program gave.

    Parameters
    ----------
    outputs : array
        The results, one for each sample.
    gradient : array or None
        The gradient of the mean by each parameter, if the backward pass was run.
    bound : Bound or None
        The program with the arrays of the run; None if the batch was cut into parts.
    infinite : list of int
        Some samples in which other numbers than before are not finite.
    """

    outputs: Any
    gradient: Any
    bound: Bound | None
    infinite: list[int]


class Plan:
    """A function compiled for arguments of certain shapes, with the result of each pass.

    Parameters
    ----------
    function : callable
        The function of scalars.
    arguments : Arguments
        The first sample is traced; some are compared with the function itself.

    Raises
    ------
    TraceError
        If the function cannot be compiled, or its program gives a different result.
    """

    def __init__(self, function: Callable[..., Any], arguments: Arguments) -> None:
        self._bound: dict[Any, Bound] = {}
        with compiling():
            self._compile(function, arguments)
            self._kinds = Kinds(sum(map(len, self.program.inputs)))
            self._calls = 0
            self._saved = 0.0
            self._created = 0
            self._infinite: set[int] = set()  # which numbers were not finite, in samples that were compared
            self._check_first(function, arguments)

    def _compile(self, function: Callable[..., Any], arguments: Arguments) -> None:
        self.trace: Trace = trace(function, partial(arguments.sample, 0))
        self.form: NormalForm = normalise(self.trace)
        self.names = argument_names(arguments, function)
        shapes = [array.shape[1:] for array in arguments.arrays]
        self.program: Program = schedule(self.form, list(zip(self.names, shapes, strict=True)))
        self.backward: Backward | None = differentiate(self.program) if self.trace.shape == () else None
        self.code = Code(self.program, self.backward)

    @property
    def labels(self) -> dict[int, str]:
        """The labels of the parameters by their address in the program."""
        return dict(zip(self.program.parameters.tolist(), [p.label for p in self.trace.parameters], strict=True))

    # --- is it right? -------------------------------------------------------------------------------------------------

    def _check_first(self, function: Callable[..., Any], arguments: Arguments) -> None:
        """Compare results, and gradients, for samples of all kinds."""
        samples = self._kinds.new(_columns(arguments.arrays))
        bound, outputs = self.compare(function, arguments, samples)
        if self.trace.shape == () and np.isfinite(outputs).all():
            with np.errstate(all="ignore"):
                bound.backward()
            gradient = bound.d_parameters[self.program.parameters]
            compare_gradients(function, arguments, samples, gradient, self.trace.parameters)

    def compare(self, function: Callable[..., Any], arguments: Arguments, samples: list[int]) -> tuple[Bound, Any]:
        """Run the program on some samples, in double precision, and compare with the function; see `check.compare`.

        Returns
        -------
        bound : Bound
            The program with arrays for these samples.
        outputs : array
        """
        bound = Bound(self.code, len(samples), np.float64)
        outputs = self._forward(bound, [array[samples].astype(np.float64) for array in arguments.arrays])
        compare(function, arguments, samples, outputs, self.trace, is_single=False, largest=_largest(bound.values))
        return bound, outputs

    def check(self, function: Callable[..., Any], arguments: Arguments, run: Run) -> None:
        """Compare the results of a run with the function itself, for samples of new kinds and for one more.

        The one more is a different sample each time. It shows whether the function has changed: a parameter was replaced
        by another Value, or a number that it reads from elsewhere is different now. It is compared at the first calls,
        whenever Values were made since the last call, and otherwise so often that it takes a tenth of the time.

        Raises
        ------
        TraceError
            If they differ.
        Exception
            What the function itself raises, if the program has a finite result.
        """
        count = len(run.outputs)
        samples = set() if self._kinds.are_settled else set(self._kinds.new(_columns(arguments.arrays)))
        cost = _NODE * len(self.trace.nodes)  # of one sample
        self._saved += len(self.code.source) * _CHARACTER + self.code.rows * count * _NUMBER
        if self._calls < _FIRST or count_of_values() != self._created or self._saved > 10.0 * cost:
            samples.add(self._calls % count)
            self._saved = 0.0
        self._calls += 1
        samples.update(run.infinite)
        if samples:
            chosen = sorted(samples)
            is_single = run.outputs.dtype == np.float32
            if run.bound is not None:
                largest = max(_largest(run.bound.values[:, chosen]), _largest(run.bound.parameters))
            else:  # the numbers of these samples are gone: compute them again
                again = Bound(self.code, len(chosen), run.outputs.dtype)
                self._forward(again, [array[chosen] for array in arguments.arrays])
                largest = max(_largest(again.values), _largest(again.parameters))
            with compiling():
                compare(function, arguments, chosen, run.outputs[chosen], self.trace, is_single, largest)
        self._created = count_of_values()

    def _newly_infinite(self, values: Any) -> list[int]:
        """Some samples in which other numbers than before are not finite."""
        infinite = ~np.isfinite(values)
        samples: list[int] = []
        for sample in np.flatnonzero(infinite.any(axis=0)).tolist():
            pattern = hash(infinite[:, sample].tobytes())
            if pattern not in self._infinite and len(samples) < _FEW:
                self._infinite.add(pattern)
                samples.append(sample)
        return samples

    def follow(self, before: Plan) -> None:
        """Replace a program whose last check failed: check the same sample again."""
        self._calls = before._calls - 1

    # --- running it ---------------------------------------------------------------------------------------------------

    def bound(self, batch: list[Any]) -> Bound:
        """The program with arrays for this size of batch."""
        single = all(array.dtype.kind != "f" or array.dtype.itemsize <= 4 for array in batch)
        dtype = np.float32 if single and any(array.dtype.kind == "f" for array in batch) else np.float64
        size = len(batch[0])
        bound = self._bound.pop((size, dtype), None) or Bound(self.code, size, dtype)
        self._bound[size, dtype] = bound  # the last one used
        if len(self._bound) > _KEPT_SIZES:
            del self._bound[next(iter(self._bound))]
        return bound

    def run(self, batch: list[Any], with_backward: bool = False) -> Run:
        """Run the program over a batch, part by part if it is large.

        Raises
        ------
        FloatingPointError
            If a result is not finite.
        """
        cuts = parts(len(batch[0]), self.code.rows)
        outputs: list[Any] = []
        infinite: list[int] = []
        gradient: Any = None
        for cut in cuts:
            part = [array[cut] for array in batch]
            bound = self.bound(part)
            outputs.append(self._forward(bound, part))
            self.check_finite(bound, outputs[-1], cut.start)
            # A number on the way to a finite result is not finite: the function itself may raise an exception there.
            with np.errstate(all="ignore"):
                may_be_infinite = not math.isfinite(bound.values.sum())  # the quick way, which overflows sooner
                if may_be_infinite and len(infinite) < _FEW:
                    infinite += [cut.start + i for i in self._newly_infinite(bound.values)]
                if with_backward:
                    bound.backward()
                    of_part = bound.d_parameters[self.program.parameters]
                    if len(cuts) > 1:
                        of_part = of_part * (bound.samples / len(batch[0]))
                    gradient = of_part if gradient is None else gradient + of_part
        whole = outputs[0] if len(outputs) == 1 else np.concatenate(outputs)
        return Run(whole, gradient, bound if len(cuts) == 1 else None, infinite)

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
                output if isinstance(output, float) else (bound.values if output.batched else bound.parameters)[row]
            )
        return columns.reshape(bound.samples, *self.trace.shape)

    def check_finite(self, bound: Bound, outputs: Any, first: int = 0) -> None:
        """Raise if a result is infinite or nan, and name the first number that is. `first`: the number of the first sample."""
        if np.isfinite(outputs).all():
            return
        for name, own in zip(self.names, self.program.inputs, strict=True):
            unfit = np.argwhere(~np.isfinite(bound.values[own]))
            if len(unfit):
                row, sample = unfit[0].tolist()
                number = bound.values[own[row], sample]
                raise FloatingPointError(
                    f"{name} holds {number} for sample {first + sample}, so the result is not finite"
                )
        for s in self.program.statements:
            rows = slice(s.block.start, s.block.start + s.block.size)
            values = (bound.values if s.block.batched else bound.parameters)[rows]
            if not np.isfinite(values).all():
                where = np.argwhere(~np.isfinite(values))[0].tolist()
                what = s.op.name if s.op is not None else "a sum of products"
                sample = f" for sample {first + where[1]}" if s.block.batched else ""
                raise FloatingPointError(
                    f"{s.block.name}[{where[0]}] ({what}) is {values[tuple(where)]}{sample}, so the result is not finite"
                )
        raise FloatingPointError("the result is not finite, because a parameter is not")


def parts(samples: int, rows: int) -> list[slice]:
    """Where a batch is cut: into parts of about the same size.

    Examples
    --------
    >>> parts(1000, 100)
    [slice(0, 1000, None)]
    >>> parts(5000, 200)
    [slice(0, 1666, None), slice(1666, 3333, None), slice(3333, 5000, None)]
    """
    count = max(1, samples // max(_PART_SAMPLES, _PART_NUMBERS // max(rows, 1)))
    ends = [samples * i // count for i in range(count + 1)]
    return [slice(start, end) for start, end in pairwise(ends)]


def _columns(arrays: list[Any]) -> Any:
    """All numbers of the arguments, one column a sample."""
    return np.concatenate([array.reshape(len(array), -1) for array in arrays], axis=1, dtype=np.float64).T


def _largest(numbers: Any) -> float:
    return float(np.abs(numbers, where=np.isfinite(numbers), out=np.zeros(numbers.shape)).max(initial=0.0))
