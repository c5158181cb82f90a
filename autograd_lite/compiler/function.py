"""`compile`: a function of scalars, run on whole batches."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from keyword import iskeyword
from types import MethodType
from typing import Any, Final
from weakref import WeakKeyDictionary

import numpy as np

from autograd_lite._support.locks import Locked
from autograd_lite._support.text import escaped
from autograd_lite.compiler.front.arguments import Arguments
from autograd_lite.compiler.front.trace import TraceError, compiling, is_compiling
from autograd_lite.compiler.plan import Plan, Run
from autograd_lite.compiler.text.libraries import RESERVED
from autograd_lite.compiler.text.source import write_source
from autograd_lite.value import add_gradients

_KEPT_PLANS: Final = 64  # for each function: one for each shape of its arguments and each set of options


def compile(function: Callable[..., Any]) -> CompiledFunction:
    """Turn a function of Values into a program that runs on a whole batch at once.

    Parameters
    ----------
    function : callable
        Takes Values, or nested lists, tuples and dicts of Values, for one sample, and returns a Value or a sequence of
        Values. It may use other Values: these are its parameters. In a class, a method may be decorated.

    Returns
    -------
    CompiledFunction
        ArrayCall it with arrays whose first axis is the batch.

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


class CompiledFunction(Locked):
    """A function of scalars that runs on batches. Made by `compile`.

    It is traced when it is first called, once for each shape of its arguments. The parameters' data are read anew at
    each call. Everything else that the function depends on is frozen when it is traced. At each call the results for a
    few samples are compared with those of the function itself on plain floats; if they differ, it is traced again.

    Results agree with the function's own up to rounding, because sums are taken in another order. The sign of a zero may
    be lost.
    float32 arrays are computed in float32, all others in float64.

    Called with Values, or inside another function that is compiled or differentiated, it is the function itself. It can
    be pickled and copied if the function can.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        if not callable(function):
            raise TypeError(f"compile takes a function of Values, got {type(function).__name__}: {function!r}")
        super().__init__()
        self.function = function
        functools.update_wrapper(self, function, updated=())
        self.__name__ = getattr(function, "__name__", type(function).__name__)
        self._plans: dict[Any, Plan] = {}
        self._of_objects: WeakKeyDictionary[Any, dict[Any, Plan]] = WeakKeyDictionary()

    def __get__(self, instance: Any, owner: type | None = None) -> CompiledFunction:
        """Bind a method to an object, with separate programs for each object."""
        if instance is None:
            return self
        bound = CompiledFunction(MethodType(self.function, instance))
        with suppress(TypeError):  # an object that cannot be a key: its method is compiled each time it is looked up
            bound._plans = self._of_objects.setdefault(instance, bound._plans)
        return bound

    def __reduce__(self) -> str | tuple[Any, ...]:
        function: Any = self.function
        if isinstance(function, MethodType):
            return getattr, (function.__self__, self.__name__)
        module = sys.modules.get(getattr(function, "__module__", None) or "")
        name = getattr(function, "__qualname__", "")
        if name and getattr(module, name, None) is self:  # decorated where it was defined
            return name
        return CompiledFunction, (function,)

    def __repr__(self) -> str:
        if not self._plans:
            return f"<compiled {escaped(self.__name__)}, not called yet>"
        trace = self._latest().trace
        result = "one number" if trace.shape == () else f"an array of shape {trace.shape}"
        return (
            f"<compiled {escaped(self.__name__)}: {len(trace.inputs)} inputs and {len(trace.parameters)} parameters to {result}"
            " for each sample>"
        )

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Return the function's output for each sample.

        Parameters
        ----------
        *arguments : array, or dict or tuple of arrays
            Numbers; the first axis is the batch, the others are the nested lists that the function takes.
        **options
            Arrays by name; or single numbers and other options, which reach the function unchanged.

        Returns
        -------
        array of shape (samples, …)
            The further axes are those of the function's result.

        Raises
        ------
        TraceError
            If the function decides on its data or cannot be traced, or its program computes something else.
        ValueError, TypeError
            If the arguments are not arrays of numbers with the same first axis.
        FloatingPointError
            If a result is not finite.
        """
        given = self._arguments(arguments, options)
        if given is None:
            return self.function(*arguments, **options)
        with self._lock:
            _, run = self._run(given)
        return run.outputs

    def backward(self, *arguments: Any, **options: Any) -> float:
        """Return the mean of the function over the batch, and add its gradient to the parameters' `grad`.

        Raises
        ------
        TypeError
            If the function returns more than one Value. `__call__` lists the others.
        """
        given = self._arguments(arguments, options)
        if given is None:
            raise TypeError("backward() takes arrays, not Values: call the function, and backward() on its result")
        with self._lock:
            plan = self._plan(given)
            if plan.trace.shape != ():
                raise TypeError(
                    f"backward() needs a function of one Value, but {escaped(self.__name__)} returns {plan.trace.shape}"
                )
            plan, run = self._run(given, with_backward=True)
            with np.errstate(all="ignore"):
                mean = float(run.outputs.mean())
            add_gradients(plan.trace.parameters, run.gradient.tolist())
        return mean

    def plan(self, *arguments: Any, **options: Any) -> Plan:
        """The compiled program for arguments of this shape."""
        with self._lock:
            return self._plan(Arguments(arguments, options))

    @property
    def source(self) -> str:
        """The program as NumPy code, forward and backward, as it would be written by hand.

        A parameter is called by its label, if it has one that can be a name.
        """
        plan = self._latest()
        with compiling():
            return write_source(plan.program, plan.backward, self._identifier(), plan.trace.shape, plan.labels, "numpy")

    @property
    def buffered_source(self) -> str:
        """The code that runs: the same program, in which each instruction writes into an array that was made before."""
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
            If the function was not called yet, or the namespace is unknown.
        NotImplementedError
            If it uses an operation made with `define_op` whose rules need plain numbers.
        """
        plan = self._latest()
        data = np.zeros(plan.program.places)
        data[plan.program.parameters] = [parameter.data for parameter in plan.trace.parameters]
        with compiling():
            return write_source(
                plan.program, plan.backward, self._identifier(), plan.trace.shape, plan.labels, namespace, data
            )

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

    @staticmethod
    def _arguments(arguments: tuple[Any, ...], options: dict[str, Any]) -> Arguments | None:
        """The arguments. None if they are those of one sample, for which the function itself is called."""
        if is_compiling():
            return None
        given = Arguments(arguments, options)
        return None if given.has_values else given

    def _plan(self, arguments: Arguments) -> Plan:
        key = arguments.key
        plan = self._plans.pop(key, None) or Plan(self.function, arguments)
        self._plans[key] = plan  # the last one used
        if len(self._plans) > _KEPT_PLANS:
            del self._plans[next(iter(self._plans))]
        return plan

    def _run(self, arguments: Arguments, with_backward: bool = False) -> tuple[Plan, Run]:
        """Run the program and compare it with the function. If they differ, compile again."""
        is_new = arguments.key not in self._plans
        plan = self._plan(arguments)
        try:
            run = plan.run(arguments.arrays, with_backward)
            plan.check(self.function, arguments, run)
        except TraceError:
            del self._plans[arguments.key]
            if is_new:
                raise
            before, plan = plan, self._plan(arguments)
            plan.follow(before)
            run = plan.run(arguments.arrays, with_backward)
            plan.check(self.function, arguments, run)
        return plan, run
