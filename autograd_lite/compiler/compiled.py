"""`compile`: a function of scalars, run on whole batches."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite.compiler.bind import Bound, Code
from autograd_lite.compiler.normalise import NormalForm, normalise
from autograd_lite.compiler.program import Program
from autograd_lite.compiler.schedule import schedule
from autograd_lite.compiler.source import write_source
from autograd_lite.compiler.trace import Trace, TraceError, recording, trace
from autograd_lite.value import Value

_CHECKED_SAMPLES = 3


def compile(function: Callable[..., Any]) -> CompiledFunction:
    """Turn a function of Values into a program that runs on a whole batch at once.

    Parameters
    ----------
    function : callable
        Takes Values, or nested lists of Values, for one sample, and returns a Value or a sequence of Values. It may use
        other Values: these are its parameters.

    Returns
    -------
    CompiledFunction
        Call it with arrays whose first axis is the batch.

    Examples
    --------
    >>> from autograd_lite import Value
    >>> w, b = Value(2.0), Value(0.5)
    >>> f = compile(lambda x: w * x + b)
    >>> f([1.0, 2.0, 3.0])
    array([2.5, 4.5, 6.5])
    >>> f.backward([1.0, 2.0, 3.0])
    4.5
    >>> w.grad, b.grad
    (2.0, 1.0)
    """
    return CompiledFunction(function)


class CompiledFunction:
    """A function of scalars that runs on batches. Made by `compile`.

    It is traced when it is first called, once for each shape of its arguments. The parameters' data are read anew at
    each call; what else the function depends on is frozen at the trace.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        if not callable(function):
            raise TypeError(f"compile takes a function of Values, got {type(function).__name__}: {function!r}")
        self.function = function
        self._plans: dict[Any, Plan] = {}
        self._lock = threading.RLock()
        self.__name__ = getattr(function, "__name__", type(function).__name__)

    def __repr__(self) -> str:
        return f"<compiled {self.__name__}>"

    def __call__(self, *arguments: Any) -> Any:
        """Return the function's output for each sample.

        Parameters
        ----------
        *arguments : array
            Numbers; the first axis is the batch, the others are the nested lists that the function takes.

        Returns
        -------
        array of shape (samples, …)
            Whose further axes are those of the function's result.

        Raises
        ------
        TraceError
            If the function decides on its data or cannot be traced.
        ValueError, TypeError
            If the arguments are no arrays of numbers with the same first axis.
        FloatingPointError
            If a result is not finite.
        """
        batch = _as_batch(arguments)
        with self._lock:
            plan = self._plan(batch)
            bound = plan.bound(batch)
            plan.load(bound, batch)
            with np.errstate(all="ignore"):
                bound.forward()
            outputs = plan.outputs(bound)
            plan.check_finite(bound, outputs)
        return outputs

    def backward(self, *arguments: Any) -> float:
        """Return the mean of the function over the batch, and add its gradient to the parameters' `grad`.

        Raises
        ------
        TypeError
            If the function returns more than one Value. For the rest see `__call__`.
        """
        batch = _as_batch(arguments)
        with self._lock:
            plan = self._plan(batch)
            if plan.trace.shape != ():
                raise TypeError(
                    f"backward() needs a function of one Value, but {self.__name__} returns {plan.trace.shape}"
                )
            bound = plan.bound(batch)
            plan.load(bound, batch)
            with np.errstate(all="ignore"):
                bound.forward()
                outputs = plan.outputs(bound)
                plan.check_finite(bound, outputs)
                bound.backward()
            gradient = bound.d_parameters[plan.program.parameters].tolist()
            for parameter, number in zip(plan.trace.parameters, gradient, strict=True):
                parameter.grad += number
        return float(outputs.mean())

    def plan(self, *arguments: Any) -> Plan:
        """The compiled program for arguments of this shape."""
        with self._lock:
            return self._plan(_as_batch(arguments))

    @property
    def source(self) -> str:
        """The program as NumPy code, forward and backward, as it would be written by hand."""
        plan = self._latest()
        with recording():
            return write_source(plan.program, self._identifier(), plan.trace.shape, "numpy")

    @property
    def buffered_source(self) -> str:
        """The code that runs: the same program, each instruction writing into an array made beforehand."""
        return self._latest().code.source

    def to_source(self, namespace: str = "numpy") -> str:
        """Return the program as a module for an array library, with the parameters' present data.

        The module defines `parameters`, a dict of arrays; a function of these and of the arguments, which returns the
        result for each sample; and, for a function of one Value, one that returns the mean and its gradient.

        Parameters
        ----------
        namespace : str
            "numpy", "torch" or "jax".

        Raises
        ------
        ValueError
            If the function was not called yet, or there is no such namespace.
        NotImplementedError
            If it uses an operation made with `define_op`.
        """
        plan = self._latest()
        data = np.zeros(plan.program.places)
        data[plan.program.parameters] = [parameter.data for parameter in plan.trace.parameters]
        with recording():
            return write_source(plan.program, self._identifier(), plan.trace.shape, namespace, data)

    def _latest(self) -> Plan:
        if not self._plans:
            raise ValueError(
                f"{self!r} has no program yet: call it once, so that the shapes of its arguments are known"
            )
        return list(self._plans.values())[-1]

    def _identifier(self) -> str:
        return self.__name__ if self.__name__.isidentifier() else "f"

    def _plan(self, batch: list[Any]) -> Plan:
        key = tuple([array.shape[1:] for array in batch])
        if key not in self._plans:
            self._plans[key] = Plan(self.function, batch)
        return self._plans[key]


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
        with recording():
            self._compile(function, batch)
        self._bound: dict[Any, Bound] = {}
        self._check(function, batch)

    def _compile(self, function: Callable[..., Any], batch: list[Any]) -> None:
        self.trace: Trace = trace(function, tuple([array[0].tolist() for array in batch]))
        self.form: NormalForm = normalise(self.trace)
        names = _argument_names(function, len(batch))
        sizes = [int(np.prod(array.shape[1:], dtype=int)) for array in batch]
        self.program: Program = schedule(self.form, list(zip(names, sizes, strict=True)))
        self.code = Code(self.program, with_backward=self.trace.shape == ())

    def bound(self, batch: list[Any]) -> Bound:
        """The program with arrays for this size of batch."""
        single = all([array.dtype.kind != "f" or array.dtype.itemsize <= 4 for array in batch])
        dtype = np.float32 if single and any([array.dtype.kind == "f" for array in batch]) else np.float64
        key = (len(batch[0]) if batch else 1, dtype)
        if key not in self._bound:
            if len(self._bound) >= 8:  # the arrays of the batch size used longest ago
                del self._bound[next(iter(self._bound))]
            self._bound[key] = self.code.bind(*key)
        return self._bound[key]

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
        raise FloatingPointError("the result is not finite, because an input or a parameter is not")

    def _check(self, function: Callable[..., Any], batch: list[Any]) -> None:
        """Compare a few samples with what the function itself computes."""
        samples = len(batch[0]) if batch else 1
        chosen = sorted({0, samples // 2, samples - 1})[:_CHECKED_SAMPLES]
        few = [array[chosen].astype(np.float64) for array in batch]
        bound = Bound(self.code, len(chosen), np.float64)
        self.load(bound, few)
        with np.errstate(all="ignore"):
            bound.forward()
        compiled = self.outputs(bound)
        for i in range(len(chosen)):
            if not np.isfinite(compiled[i]).all():
                continue  # the function itself may raise here; __call__ says what is not finite
            result = function(*[_to_values(array[i].tolist()) for array in few])
            flat: list[float] = []
            _numbers(result, flat)
            if not np.allclose(compiled[i].ravel(), flat, rtol=1e-7, atol=1e-9, equal_nan=True):
                raise TraceError(
                    f"compiled for one sample, {getattr(function, '__name__', 'the function')} gives {compiled[i].tolist()}"
                    f" for sample {chosen[i]} of the batch, but itself it computes {flat}. It must do the same operations for"
                    " every sample: what it reads from .data, or decides by it, is frozen into the program"
                )


def _to_values(sample: Any) -> Any:
    return [_to_values(item) for item in sample] if isinstance(sample, list) else Value(sample)


def _numbers(result: Any, numbers: list[float]) -> None:
    if isinstance(result, Value):
        numbers.append(result.data)
    elif isinstance(result, (float, int)):
        numbers.append(float(result))
    else:
        for item in result:
            _numbers(item, numbers)


def _as_batch(arguments: tuple[Any, ...]) -> list[Any]:
    """The arguments as arrays of numbers with the same first axis."""
    batch = []
    for i, argument in enumerate(arguments):
        try:
            array = np.asarray(argument)
        except ValueError as error:
            raise ValueError(f"argument {i + 1} is ragged: its rows differ in length ({error})") from None
        if array.dtype.kind not in "biuf":
            raise TypeError(f"argument {i + 1} must be an array of numbers, got one of {array.dtype}")
        if array.ndim == 0:
            raise ValueError(f"argument {i + 1} is a single number; its first axis must be the batch")
        batch.append(array)
    if not batch:
        raise TypeError("a compiled function takes at least one argument, whose first axis is the batch")
    lengths = [len(array) for array in batch]
    if len(set(lengths)) > 1:
        raise ValueError(f"the arguments must have the same number of samples, got {lengths}")
    if lengths[0] == 0:
        raise ValueError("the batch is empty: its arrays have no rows")
    return batch


def _argument_names(function: Callable[..., Any], count: int) -> list[str]:
    try:
        given = [p.name for p in inspect.signature(function).parameters.values() if p.kind is not p.VAR_POSITIONAL]
    except (TypeError, ValueError):
        given = []
    names = (given + [f"x{i}" for i in range(count)])[:count]
    return [f"{name}_" if name[-1].isdigit() or hasattr(np, name) else name for name in names]
