"""The program as it would be written by hand, for NumPy, PyTorch or JAX."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.compiler.ir.differentiate import differentiate
from autograd_lite.compiler.ir.program import Program
from autograd_lite.compiler.ir.rows import Rows
from autograd_lite.compiler.text.libraries import LIBRARIES
from autograd_lite.compiler.text.writer import Writer, short


def write_source(program: Program, name: str, shape: tuple[int, ...], namespace: str, parameters: Any = None) -> str:
    """The program as text.

    Parameters
    ----------
    program : Program
        What to write.
    name : str
        The name of the function.
    shape : tuple of int
        The shape of the function's result for one sample.
    namespace : str
        "numpy", "torch" or "jax".
    parameters : array, optional
        The parameters' data in the program's order. If given, the text is a complete module.
    """
    if namespace not in LIBRARIES:
        raise ValueError(f"namespace must be one of {', '.join(LIBRARIES)}, got {namespace!r}")
    library = LIBRARIES[namespace]
    writer = Writer(program, library)
    for s in program.statements:
        writer.statement(s)
    forward, writer.lines = writer.lines, []
    outputs = [(x, row) for x, row in program.outputs]
    texts = [
        short(x) if isinstance(x, float) else writer.names.ref(Rows(x.batched, np.array(row))) for x, row in outputs
    ]
    texts = [t if not isinstance(x, float) and x.batched else f"{t} + zeros((n,))" for t, (x, _) in zip(texts, outputs)]
    backward = _backward(program, writer, outputs, texts) if shape == () else []
    unpack = [f'{a.name} = parameters["{a.name}"]' for a in writer.names.parameters]
    arguments = [a.name for a in writer.names.inputs]
    load = [f"n = len({arguments[0]})"] if arguments else []
    load += [
        f"{a.name} = {a.name}.reshape((n, {len(a.addresses)})).T" if a.shape else f"{a.name} = {a.name}.reshape((n,))"
        for a in writer.names.inputs
    ]
    result = (
        f"return {texts[0]}"
        if shape == ()
        else f"return stack(({', '.join(texts)},), -1).reshape((n, {', '.join(map(str, shape))}))"
    )
    signature = ", ".join(["parameters", *arguments])
    parts = [_define(name, signature, [*unpack, *load, *forward, result])]
    if backward:
        parts.append(_define(f"{name}_and_gradient", signature, [*unpack, *load, *forward, *backward]))
    constants = [f"{n} = {library.array(v)}" for n, v in writer.names.constants.items()]
    if parameters is None:
        return "\n\n\n".join(["\n".join(constants)] * bool(constants) + parts[-1:])
    data = [
        f'    "{a.name}": {library.array(parameters[a.addresses].reshape(a.shape))},' for a in writer.names.parameters
    ]
    head = [library.imports, *writer.helpers.values(), "\n".join([*constants, "parameters = {", *data, "}"])]
    return "\n\n\n".join([*head, *parts]) + "\n"


def _backward(program: Program, writer: Writer, outputs: Any, texts: list[str]) -> list[str]:
    (output, row) = outputs[0]
    if not isinstance(output, float):
        _, (array,) = writer.names.homes_of(output.batched, np.array(row))
        name = "d_" + array.name
        writer.lines.append(f"{name} = ones({array.shape_text})" + (" / n" if output.batched else ""))
        writer.started.add(name)
    for send in differentiate(program):
        writer.send(send)
    for array in writer.names.parameters:
        if "d_" + array.name not in writer.started:
            writer.lines.append(f"d_{array.name} = zeros({array.shape_text})")
    gradient = ", ".join([f'"{a.name}": d_{a.name}' for a in writer.names.parameters])
    lines, writer.lines = writer.lines, []
    mean = texts[0] if texts[0].isidentifier() else f"({texts[0]})"
    return [*lines, f"return {mean}.mean(), {{{gradient}}}"]


def _define(name: str, signature: str, lines: list[str]) -> str:
    return "\n    ".join([f"def {name}({signature}):", *lines])
