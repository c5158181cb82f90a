"""`compile`: a function of scalars, run on whole batches."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from keyword import iskeyword
from typing import Any

import numpy as np

from autograd_lite.compiler.arguments import as_batch
from autograd_lite.compiler.libraries import RESERVED
from autograd_lite.compiler.plan import Plan
from autograd_lite.compiler.source import write_source
from autograd_lite.compiler.trace import compiling
from autograd_lite.value import add_gradients


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

    Results agree with the function's own to rounding, as sums are taken in another order; the sign of a zero may be lost.
    float32 arrays are computed in float32, all others in float64.
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
        batch = as_batch(arguments)
        with self._lock:
            _, outputs = self._plan(batch).run(batch)
        return outputs

    def backward(self, *arguments: Any) -> float:
        """Return the mean of the function over the batch, and add its gradient to the parameters' `grad`.

        Raises
        ------
        TypeError
            If the function returns more than one Value. For the rest see `__call__`.
        """
        batch = as_batch(arguments)
        with self._lock:
            plan = self._plan(batch)
            if plan.trace.shape != ():
                raise TypeError(
                    f"backward() needs a function of one Value, but {self.__name__} returns {plan.trace.shape}"
                )
            bound, outputs = plan.run(batch)
            with np.errstate(all="ignore"):
                bound.backward()
                mean = float(outputs.mean())
            add_gradients(plan.trace.parameters, bound.d_parameters[plan.program.parameters].tolist())
        return mean

    def plan(self, *arguments: Any) -> Plan:
        """The compiled program for arguments of this shape."""
        with self._lock:
            return self._plan(as_batch(arguments))

    @property
    def source(self) -> str:
        """The program as NumPy code, forward and backward, as it would be written by hand."""
        plan = self._latest()
        with compiling():
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
        with compiling():
            return write_source(plan.program, self._identifier(), plan.trace.shape, namespace, data)

    def _latest(self) -> Plan:
        if not self._plans:
            raise ValueError(
                f"{self!r} has no program yet: call it once, so that the shapes of its arguments are known"
            )
        return list(self._plans.values())[-1]

    def _identifier(self) -> str:
        if not self.__name__.isidentifier() or iskeyword(self.__name__):
            return "f"
        is_taken = self.__name__ in RESERVED or re.fullmatch(r"(at_|c)\d+", self.__name__) is not None
        return self.__name__ + "_" * is_taken

    def _plan(self, batch: list[Any]) -> Plan:
        key = tuple([array.shape[1:] for array in batch])
        if key not in self._plans:
            self._plans[key] = Plan(self.function, batch)
        return self._plans[key]
