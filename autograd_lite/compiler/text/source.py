"""The program as it would be written by hand, for NumPy, PyTorch or JAX."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from autograd_lite.compiler.front.scalars import Scalar
from autograd_lite.compiler.ir.differentiate import Backward
from autograd_lite.compiler.ir.program import Program
from autograd_lite.compiler.ir.rows import Rows
from autograd_lite.compiler.text.algebra import short
from autograd_lite.compiler.text.libraries import LIBRARIES
from autograd_lite.compiler.text.names import NamedArray
from autograd_lite.compiler.text.writer import Writer


def write_source(
    program: Program,
    backward: Backward | None,
    name: str,
    shape: tuple[int, ...],
    labels: dict[int, str],
    namespace: str,
    parameters: Any = None,
) -> str:
    """The program as text.

    Parameters
    ----------
    program : Program
        What to write.
    backward : Backward or None
        Its backward pass, if the function has one result.
    name : str
        The name of the function.
    shape : tuple of int
        The shape of the function's result for one sample.
    labels : dict
        The labels of parameters by their address.
    namespace : str
        "numpy", "torch" or "jax".
    parameters : array, optional
        The parameters' data in the program's order. If given, the text is a complete module.
    """
    if namespace not in LIBRARIES:
        raise ValueError(f"namespace must be one of {', '.join(LIBRARIES)}, got {namespace!r}")
    library = LIBRARIES[namespace]
    writer = Writer(program, library, labels, name)
    for s in program.statements:
        writer.statement(s)
    forward, writer.lines = writer.lines, []
    result = _result(program, writer, shape)
    gradient = _gradient(program, backward, writer, result) if backward is not None else []
    unpack = [f'{a.name} = parameters["{a.name}"]' for a in writer.names.parameters]
    load = [line for array, given in zip(writer.names.inputs, program.input_shapes) for line in _load(array, given)]
    signature = ", ".join(["parameters", *[a.name for a in writer.names.inputs]])
    samples = [f"n = len({writer.names.inputs[0].name})"]
    parts = [_define(name, signature, unpack, samples, load, [*forward, f"return {result}"])]
    if gradient:
        parts.append(_define(f"{name}_and_gradient", signature, unpack, samples, load, [*forward, *gradient]))
    constants = [f"{n} = {library.array(v)}" for n, v in writer.names.constants.items()]
    if parameters is None:
        return "\n\n\n".join(["\n".join(constants)] * bool(constants) + parts[-1:])
    data = [
        f'    "{a.name}": {library.array(parameters[a.addresses].reshape(a.shape))},' for a in writer.names.parameters
    ]
    head = [library.imports, *writer.helpers.values(), "\n".join([*constants, "parameters = {", *data, "}"])]
    return "\n\n\n".join([*head, *parts]) + "\n"


def _load(array: NamedArray, shape: tuple[int, ...]) -> list[str]:
    """The samples of an argument are its first axis, and in the program the last."""
    if shape == ():
        return []
    if array.shape == ():
        return [f"{array.name} = {array.name}[{', '.join([':', *['0'] * len(shape)])}]"]
    moved = f"{array.name}.T" if len(shape) == 1 else f"moveaxis({array.name}, 0, -1)"
    return [f"{array.name} = {moved}"]


def _result(program: Program, writer: Writer, shape: tuple[int, ...]) -> str:
    """The outputs of all samples."""
    rows = np.array([row for _, row in program.outputs]).reshape(shape)
    if shape and all(isinstance(x, Scalar) and x.batched for x, _ in program.outputs):
        _, arrays = writer.names.homes_of(True, rows)
        if len(arrays) < len(program.outputs) and 1 not in shape:
            found = writer.names.reference(Rows(True, rows))
            order = [len(shape), *[found.order.index(i) for i in range(len(shape))]]
            if len(shape) == 1:
                return f"{found.text}.T"
            if order == [len(shape), *range(len(shape))]:
                return f"moveaxis({found.text}, -1, 0)"
            return f"transpose({found.text}, {tuple(order)})"
    texts = [_output(x, row, writer) for x, row in program.outputs]
    if shape == ():
        return texts[0]
    stacked = f"stack(({', '.join(texts)},), -1)"
    return stacked if len(shape) == 1 else f"{stacked}.reshape((-1, {', '.join(map(str, shape))}))"


def _output(output: Scalar | float, row: int, writer: Writer) -> str:
    """One output of all samples."""
    if isinstance(output, float):
        return f"{short(output)} + zeros((n,))"
    text = writer.names.ref(Rows(output.batched, np.array(row)))
    return text if output.batched else f"{text} + zeros((n,))"


def _gradient(program: Program, backward: Backward, writer: Writer, result: str) -> list[str]:
    (output, row) = program.outputs[0]
    if not isinstance(output, float):
        _, (array,) = writer.names.homes_of(output.batched, np.array(row))
        name = "d_" + array.name
        writer.lines.append(f"{name} = ones({array.shape_text})" + (" / n" if output.batched else ""))
        writer.started.add(name)
    for send in backward.sends:
        writer.send(send)
    for array in writer.names.parameters:
        if "d_" + array.name not in writer.started:
            writer.lines.append(f"d_{array.name} = zeros({array.shape_text})")
    gradient = ", ".join([f'"{a.name}": d_{a.name}' for a in writer.names.parameters])
    lines, writer.lines = writer.lines, []
    mean = result if result.isidentifier() else f"({result})"
    return [*lines, f"return {mean}.mean(), {{{gradient}}}"]


def _define(name: str, signature: str, unpack: list[str], samples: list[str], load: list[str], body: list[str]) -> str:
    uses_samples = any(re.search(r"\bn\b", line) for line in body)
    return "\n    ".join([f"def {name}({signature}):", *unpack, *(samples if uses_samples else []), *load, *body])
