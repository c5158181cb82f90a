"""Saving a net to a file and loading it: JSON, with the structure and every parameter to the last bit.

A file only ever names modules and activations of this package, and is checked before anything is built from it. Nothing
in it is executed.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

from autograd_lite.files import write_atomically
from autograd_lite.nn import ACTIVATIONS, MLP, Activation, Dropout, Layer, LayerNorm, Module, Neuron, Sequential
from autograd_lite.value import Value

FORMAT = "autograd-lite network"
VERSION = 1


def save(net: Module, path: str | os.PathLike[str]) -> None:
    """Write a net to a file: either the whole file is written, or the old one stays.

    Parameters
    ----------
    net : Module
        Made of the modules of `nn`, with activations by name.
    path : str or path
        Usually ends in `.json`.

    Raises
    ------
    TypeError
        If a module is of a class of your own, or an activation a function of your own: a file cannot hold these. Save
        `net.state_dict()` as you like instead.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import os, tempfile
    >>> from autograd_lite import nn
    >>> path = os.path.join(tempfile.mkdtemp(), "net.json")
    >>> net = nn.MLP(2, [3, 1], seed=0)
    >>> save(net, path)
    >>> load(path).state_dict() == net.state_dict()
    True
    """
    structure, state = _structure(net, "the net"), net.state_dict()
    if _size(structure) != len(state):
        raise TypeError(f"save() writes nets whose parts are all different, and this one uses a part twice: {net!r}")
    parameters = {name: _number(data) for name, data in state.items()}
    content = {"format": FORMAT, "version": VERSION, "structure": structure, "parameters": parameters}
    text = json.dumps(content, indent=1, allow_nan=False)
    write_atomically(Path(path), f"{text}\n".encode())


def load(path: str | os.PathLike[str]) -> Module:
    """Read a net that `save` wrote.

    Raises
    ------
    ValueError
        If the file is broken, is something else, or comes from a newer version.
    OSError
        If it cannot be read.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise ValueError("it does not say that it is a network of autograd-lite")
        version = content.get("version")
        if not isinstance(version, int) or version > VERSION:
            raise ValueError(
                f"it has format version {version!r}, and this autograd-lite reads up to {VERSION}: upgrade it"
            )
        structure, parameters = content.get("structure"), content.get("parameters")
        if not isinstance(parameters, dict):
            raise ValueError("it has no parameters")
        n = _size(structure)
        if n != len(parameters):
            raise ValueError(f"its structure has {n} parameters, and it holds {len(parameters)}")
        net: Module = _build(structure)
        net.load_state_dict({name: _parsed(name, data) for name, data in parameters.items()})
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise ValueError(f"cannot load {os.fspath(path)!r}: {error}") from error
    return net


# --- structure --------------------------------------------------------------------------------------------------------
# What a file says of each module: {"type": "Layer", …} with what its constructor needs; seeds and initial weights are not
# needed. `_structure` writes it, `_size` counts its parameters before anything is built, `_build` makes the module.


def _structure(module: Any, where: str) -> dict[str, Any]:
    kind = type(module)
    if kind in (MLP, Sequential):
        layers = [_structure(layer, f"layers[{i}] of {where}") for i, layer in enumerate(module.layers)]
        return {"type": kind.__name__, "layers": layers}
    if kind is Layer:
        shape = {"n_inputs": module.n_inputs, "n_neurons": len(module.neurons)}
        return {"type": "Layer"} | shape | _neuron(module.neurons[0], where, shared="b" in vars(module))
    if kind is Neuron:
        return {"type": "Neuron", "n_inputs": len(module.w)} | _neuron(module, where, shared=False)
    if kind is Dropout:
        return {"type": "Dropout", "probability": module.probability}
    if kind is LayerNorm:
        return {"type": "LayerNorm", "n_inputs": len(module.gain), "epsilon": module.epsilon}
    if kind is Activation:
        return {"type": "Activation", "activation": _name(module.activation, where)}
    raise TypeError(
        f"save() writes the modules of autograd_lite.nn, and {where} is {module!r}: save its state_dict() in your own way"
    )


def _neuron(neuron: Neuron, where: str, shared: bool) -> dict[str, Any]:
    bias = "shared" if shared else "own" if isinstance(neuron.b, Value) else "none"
    return {"activation": _name(neuron.activation, where), "bias": bias, "frozen_bias": "b" in neuron._frozen}


def _name(activation: Any, where: str) -> str | None:
    if activation is None or isinstance(activation, str):
        return activation
    raise TypeError(
        f"save() writes activations by name, and that of {where} is the function {activation!r}:"
        f" use one of {', '.join(ACTIVATIONS)}, or save its state_dict() in your own way"
    )


def _size(structure: Any) -> int:
    """The number of parameters, frozen ones included: a broken file must not make us build something huge."""
    kind = structure["type"]
    if kind in ("MLP", "Sequential"):
        return sum(_size(layer) for layer in structure["layers"])
    if kind in ("Dropout", "Activation"):
        return 0
    n_inputs = _whole(structure["n_inputs"])
    if kind == "LayerNorm":
        return 2 * n_inputs
    if kind not in ("Neuron", "Layer"):
        raise ValueError(f"it names a module {kind!r}, which is none")
    n_neurons = _whole(structure["n_neurons"]) if kind == "Layer" else 1
    n_biases = {"own": n_neurons, "shared": 1, "none": 0}[structure["bias"]]
    return n_inputs * n_neurons + n_biases


def _build(structure: Any) -> Any:
    kind = structure["type"]
    if kind == "Sequential":
        return Sequential(*[_build(layer) for layer in structure["layers"]])
    if kind == "MLP":
        net = MLP(1, [1])
        net.layers = [_build(layer) for layer in structure["layers"]]
        net.name_parameters()
        return net
    if kind == "Activation":
        return Activation(structure["activation"])
    if kind == "Dropout":
        return Dropout(structure["probability"])
    if kind == "LayerNorm":
        return LayerNorm(structure["n_inputs"], structure["epsilon"])
    activation, bias, frozen = structure["activation"], structure["bias"], bool(structure["frozen_bias"])
    if kind == "Neuron":
        return Neuron(structure["n_inputs"], activation, bias=bias != "none", frozen_bias=frozen)
    return Layer(
        structure["n_inputs"],
        structure["n_neurons"],
        activation,
        bias=bias != "none",
        shared_bias=bias == "shared",
        frozen_bias=frozen,
    )


def _whole(n: Any) -> int:
    if not isinstance(n, int) or n < 1:
        raise ValueError(f"it gives {n!r} as a number of inputs or neurons")
    return n


# --- numbers ----------------------------------------------------------------------------------------------------------


def _number(data: float) -> float | str:
    """A number as JSON has it; JSON has no infinity."""
    return data if math.isfinite(data) else repr(data)


def _parsed(name: str, data: Any) -> float:
    if isinstance(data, (int, float)) and not isinstance(data, bool):
        return float(data)
    if data in ("inf", "-inf", "nan"):
        return float(data)
    raise ValueError(f"the parameter {name} is {data!r}")
