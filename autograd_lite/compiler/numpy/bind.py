"""A compiled program with the arrays that it works on."""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType
from typing import Any, Final

import numpy as np

from autograd_lite.compiler.ir.differentiate import Backward
from autograd_lite.compiler.ir.program import Program
from autograd_lite.compiler.numpy.emit import Emitter
from autograd_lite.compiler.numpy.operands import SAMPLES

# Lines of a function. A longer one is cut into several, because Python compiles these with less memory and in less time.
_LONGEST: Final = 1000


class Code:
    """The program of one traced function as Python code, with what is needed to make its arrays.

    It keeps nothing of the graph, so it is small. It can be pickled, to run elsewhere.

    Parameters
    ----------
    program : Program
        What to write.
    backward : Backward or None
        Its backward pass, if that is wanted.
    """

    def __init__(self, program: Program, backward: Backward | None) -> None:
        emitter = Emitter(program)
        operands = emitter.operands
        for statement in program.statements:
            emitter.statement(statement)
        forward, operands.lines = operands.lines, []
        for send in backward.sends if backward is not None else []:
            emitter.send(send)
        self.source = "\n\n".join([*_functions("forward", forward), *_functions("backward", operands.lines)])
        self.code: list[CodeType] = _compiled(self.source)
        self.rows, self.places = program.rows, program.places
        self.ones, self.fillers, self.numbers = program.ones, program.fillers, program.constants
        # Each output: whether it is a row of the array, and which; or a constant.
        self.outputs: list[float | tuple[bool, int]] = [
            x if isinstance(x, float) else (x.batched, row) for x, row in program.outputs
        ]
        self.buffers, self.views, self.constants = operands.buffers, operands.views, operands.constants

    def define(self, namespace: dict[str, Any]) -> None:
        """Define `forward` and `backward` in a namespace that holds the arrays."""
        for function in self.code:
            exec(function, namespace)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "code"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.code = _compiled(self.source)


class Bound:
    """A program and its arrays for one batch size. `forward()` and `backward()` run it.

    Parameters
    ----------
    code : Code
        The program.
    samples : int
        The size of the batch.
    dtype : NumPy dtype
        float64 or float32.
    parameters : array, optional
        The vector of the parameters and of what depends on them alone, and `d_parameters` its gradient: shared between
        programs of several batch sizes.
    """

    forward: Callable[[], None]
    backward: Callable[[], None]

    def __init__(self, code: Code, samples: int, dtype: Any, parameters: Any = None, d_parameters: Any = None) -> None:
        self.samples = samples
        self.values = np.zeros((code.rows, samples), dtype)
        self.values[code.ones] = 1.0
        for number, row in code.fillers.items():
            self.values[row] = number
        self.d_values = np.zeros_like(self.values)
        self.parameters = np.zeros(code.places, dtype) if parameters is None else parameters
        self.d_parameters = np.zeros(code.places, dtype) if d_parameters is None else d_parameters
        for place, number in code.numbers:
            self.parameters[place] = number
        arrays: dict[str, Any] = {
            "values": self.values,
            "d_values": self.d_values,
            "parameters": self.parameters,
            "d_parameters": self.d_parameters,
        }
        for name, shape in code.buffers.items():
            arrays[name] = np.zeros([samples if n == SAMPLES else n for n in shape], dtype)
        for name, constant in code.constants.items():
            if isinstance(constant, tuple) and constant[0] == "flat":
                _, buffer, batched = constant
                arrays[name] = arrays[buffer].reshape((-1, samples) if batched else (-1,))
            elif isinstance(constant, np.ndarray) and constant.dtype.kind == "f":
                arrays[name] = constant.astype(dtype)
            else:
                arrays[name] = constant
        for name, view in code.views.items():
            arrays[name] = view.make(arrays)
        namespace: dict[str, Any] = {**_FUNCTIONS, **arrays}
        code.define(namespace)
        self.forward = namespace["forward"]
        self.backward = namespace["backward"]
        for output in code.outputs:
            if isinstance(output, float):
                continue
            batched, row = output
            if batched:
                self.d_values[row] = 1.0 / samples
            else:
                self.d_parameters[row] = 1.0
        output = code.outputs[0]
        if isinstance(output, float):
            self._output = np.array([output])
        elif output[0]:
            self._output = self.values[output[1]]
        else:
            self._output = self.parameters[output[1] : output[1] + 1]
        self._weights = np.full(len(self._output), 1.0 / len(self._output), dtype)

    def mean(self) -> Any:
        """The mean of the first output over the batch."""
        return self._output.dot(self._weights)


def _compiled(source: str) -> list[CodeType]:
    """The functions of a source, each compiled by itself, so that Python holds the syntax tree of one at a time."""
    functions = ["def " + text for text in source.removeprefix("def ").split("\n\ndef ")]
    return [compile(function, "<compiled by autograd_lite>", "exec") for function in functions]


def _functions(name: str, lines: list[str]) -> list[str]:
    """The text of a function without arguments, after those that it calls if it is long."""
    if len(lines) <= _LONGEST:
        return [_function(name, lines or ["pass"])]
    parts = [lines[i : i + _LONGEST] for i in range(0, len(lines), _LONGEST)]
    names = [
        f"_{name}{i}" for i in range(1, len(parts) + 1)
    ]  # no operand is called so: theirs is `…_1`, `z1`, `a1` or `s1`
    return [*map(_function, names, parts), _function(name, [f"{own}()" for own in names])]


def _function(name: str, lines: list[str]) -> str:
    return "\n    ".join([f"def {name}():", *lines])


_FUNCTIONS: dict[str, Any] = {
    **{name: getattr(np, name) for name in dir(np) if isinstance(getattr(np, name), np.ufunc)},
    "einsum": np.einsum,
    "where": np.where,
    "copyto": np.copyto,
    "inf": np.inf,  # numbers are written by their repr
    "nan": np.nan,
}
