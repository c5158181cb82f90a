"""A compiled program with the arrays that it works on."""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType
from typing import Any

import numpy as np

from autograd_lite.compiler.differentiate import differentiate
from autograd_lite.compiler.emit import Emitter
from autograd_lite.compiler.operands import SAMPLES
from autograd_lite.compiler.program import Program


class Code:
    """The program of one traced function, as text and as Python code.

    Parameters
    ----------
    program : Program
        What to write.
    with_backward : bool
        Whether to write the backward pass as well.
    """

    def __init__(self, program: Program, with_backward: bool) -> None:
        self.program = program
        emitter = Emitter(program)
        self.operands = emitter.operands
        for statement in program.statements:
            emitter.statement(statement)
        forward, self.operands.lines = self.operands.lines, []
        if with_backward:
            for send in differentiate(program):
                emitter.send(send)
        self.source = _function("forward", forward) + "\n\n" + _function("backward", self.operands.lines)
        self.code: CodeType = compile(self.source, "<compiled by autograd_lite>", "exec")


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
        program, operands = code.program, code.operands
        self.samples = samples
        self.values = np.zeros((program.rows, samples), dtype)
        self.values[program.ones] = 1.0
        for number, row in program.fillers.items():
            self.values[row] = number
        self.d_values = np.zeros_like(self.values)
        self.parameters = np.zeros(program.places, dtype) if parameters is None else parameters
        self.d_parameters = np.zeros(program.places, dtype) if d_parameters is None else d_parameters
        for place, number in program.constants:
            self.parameters[place] = number
        arrays: dict[str, Any] = {
            "values": self.values,
            "d_values": self.d_values,
            "parameters": self.parameters,
            "d_parameters": self.d_parameters,
        }
        for name, shape in operands.buffers.items():
            arrays[name] = np.zeros([samples if n == SAMPLES else n for n in shape], dtype)
        for name, constant in operands.constants.items():
            if isinstance(constant, tuple) and constant[0] == "flat":
                _, buffer, lane = constant
                arrays[name] = arrays[buffer].reshape((-1, samples) if lane else (-1,))
            elif isinstance(constant, np.ndarray) and constant.dtype.kind == "f":
                arrays[name] = constant.astype(dtype)
            else:
                arrays[name] = constant
        for name, view in operands.views.items():
            arrays[name] = view.make(arrays)
        namespace: dict[str, Any] = {**_FUNCTIONS, **arrays}
        exec(code.code, namespace)
        self.forward = namespace["forward"]
        self.backward = namespace["backward"]
        for output, row in program.outputs:
            if isinstance(output, float):
                continue
            if output.lane:
                self.d_values[row] = 1.0 / samples
            else:
                self.d_parameters[row] = 1.0
        output, row = program.outputs[0]
        if isinstance(output, float):
            self._output = np.array([output])
        elif output.lane:
            self._output = self.values[row]
        else:
            self._output = self.parameters[row : row + 1]
        self._weights = np.full(len(self._output), 1.0 / len(self._output), dtype)

    def mean(self) -> Any:
        """The mean of the first output over the batch."""
        return self._output.dot(self._weights)


def _function(name: str, lines: list[str]) -> str:
    return "\n    ".join([f"def {name}():", *(lines or ["pass"])])


def _logsumexp(x: Any, axis: int, out: Any) -> None:
    largest = np.maximum.reduce(x, axis)
    np.add.reduce(np.exp(x - np.expand_dims(largest, axis)), axis, out=out)
    np.log(out, out=out)
    np.add(out, largest, out=out)
    np.copyto(out, largest, where=np.isinf(largest))


_FUNCTIONS: dict[str, Any] = {
    **{name: getattr(np, name) for name in dir(np) if isinstance(getattr(np, name), np.ufunc)},
    "einsum": np.einsum,
    "where": np.where,
    "copyto": np.copyto,
    "logsumexp": _logsumexp,
    "inf": np.inf,  # numbers are written by their repr
    "nan": np.nan,
}
