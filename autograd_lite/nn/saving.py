"""Saving a net to a file and loading it: JSON, with the structure and every parameter to the last bit.

A file only ever names modules and activations of this package, and is checked before anything is built from it. Nothing
in it is executed.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from autograd_lite._support.files import write_atomically
from autograd_lite.nn.layers import ACTIVATIONS, MLP, Activation, Dropout, Layer, LayerNorm, Module, Neuron, Sequential
from autograd_lite.value import Value

FORMAT = "autograd-lite network"
VERSION = 1
_LARGEST: Final = 2**30  # bytes: ten million parameters. What is larger is not even read.
_PART: Final = 2**20
# A module takes a few bytes of a file and some kilobytes of memory, and each level within another takes its frames on
# Python's stack whenever the net is called, copied or shown: so a file has bounds for both.
_MOST_MODULES: Final = 10_000
_DEEPEST: Final = 100


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
        If a module is of a class of your own, or an activation a function of your own, or there are more than 10 000
        modules or 100 of them within one another: a file cannot hold these. Save `net.state_dict()` as you like instead.
    OSError
        If the file cannot be written. The message says why and what to do.

    Notes
    -----
    A process that is killed while it saves may leave a draft beside the file, `.autograd-lite-….part.json`. A later save
    removes those that are older than ten minutes.

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
    try:
        _check_bounds(structure, "the net")
    except ValueError as error:
        raise TypeError(f"save() writes smaller nets, and {error}: save its state_dict() in your own way") from None
    if _size(structure, "the net") != len(state):
        raise TypeError(
            "save() writes nets of which each part is used once and has the parameters that it was made with,"
            f" and this one uses a part twice or has other parameters: {net!r}"
        )
    parameters = {name: _number(data) for name, data in state.items()}
    content = {"format": FORMAT, "version": VERSION, "structure": structure, "parameters": parameters}
    text = json.dumps(content, indent=1, allow_nan=False)
    write_atomically(Path(path), f"{text}\n".encode())


def load(path: str | os.PathLike[str]) -> Module:
    """Read a net that `save` wrote.

    Raises
    ------
    ValueError
        If the file is broken, is something else, or comes from a newer version. The message names it and says where.
    OSError
        If it cannot be read.
    """
    content = bytearray()
    with Path(path).open("rb") as file:
        while len(content) <= _LARGEST and (
            part := file.read(_PART)
        ):  # at once, read() would take room for the largest
            content += part
    try:
        return _read(bytes(content))
    except UnicodeDecodeError as error:
        raise ValueError(f"cannot load {os.fspath(path)!r}: it is no text in UTF-8, at byte {error.start}") from None
    except RecursionError:
        raise ValueError(f"cannot load {os.fspath(path)!r}: it is nested too deeply") from None
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"cannot load {os.fspath(path)!r}: {error}") from None


def _read(file: bytes) -> Module:
    if len(file) > _LARGEST:
        raise ValueError(f"it is larger than {_LARGEST} bytes, as no net is")
    if _opening_brackets(file) > 2 * _MOST_MODULES:
        raise ValueError(f"it has more than {_MOST_MODULES} modules, as no net is saved")
    content = json.loads(file.decode("utf-8"), object_pairs_hook=_once_each, parse_constant=_no_number)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError("it does not say that it is a network of autograd-lite")
    version = content.get("version")
    if type(version) is not int or version < 1:
        raise ValueError(f"it has format version {version!r}, which is none")
    if version > VERSION:
        raise ValueError(f"it has format version {version}, and this autograd-lite reads up to {VERSION}: upgrade it")
    _check_names(content, ("format", "version", "structure", "parameters"), "it")
    structure, parameters = content.get("structure"), content.get("parameters")
    if not isinstance(parameters, dict):
        raise ValueError("it has no parameters")
    _check_bounds(structure, "structure")
    n = _size(structure, "structure")
    if n != len(parameters):
        raise ValueError(f"its structure has {n} parameters, and it holds {len(parameters)}")
    net: Module = _build(structure, "structure")
    net.load_state_dict({name: _parsed(name, data) for name, data in parameters.items()})
    return net


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for name, data in pairs:
        if name in content:
            raise ValueError(f"it says {name!r:.80} twice")
        content[name] = data
    return content


def _opening_brackets(file: bytes) -> int:
    """How many objects and lists a file opens, at most: each takes memory as soon as it is read, whatever it means.

    Brackets after a letter are the indices of names, `layers[0].neurons[1].w[2]`; in JSON no list begins there.
    """
    return file.count(b"{") + file.count(b"[") - sum(file.count(end) for end in (b"s[", b"w[", b"n[", b"b["))


def _no_number(constant: str) -> Any:
    raise ValueError(f"it says {constant}, which is no JSON")


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
        kinds = [_neuron(neuron, where, shared="b" in vars(module)) for neuron in module.neurons]
        if any(kind != kinds[0] or len(n.w) != module.n_inputs for kind, n in zip(kinds, module.neurons)):
            raise TypeError(
                f"save() writes layers whose neurons are all of a kind, and {where} has several: {module!r}"
            )
        return {"type": "Layer"} | shape | kinds[0]
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


def _check_bounds(structure: Any, where: str) -> None:
    """Raise if there are more modules than a file may have, or too many within one another."""
    n = 0
    level = [structure]
    for _ in range(_DEEPEST):
        n += len(level)
        if n > _MOST_MODULES:
            raise ValueError(f"{where} has more than {_MOST_MODULES} modules")
        level = [
            layer
            for module in level
            if isinstance(module, dict) and isinstance(module.get("layers"), list)
            for layer in module["layers"]
        ]
        if not level:
            return
    raise ValueError(f"{where} has modules nested more than {_DEEPEST} deep")


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


_NEURON: Final = ("activation", "bias", "frozen_bias")
_FIELDS: Final = {
    "MLP": ("layers",),
    "Sequential": ("layers",),
    "Layer": ("n_inputs", "n_neurons", *_NEURON),
    "Neuron": ("n_inputs", *_NEURON),
    "LayerNorm": ("n_inputs", "epsilon"),
    "Dropout": ("probability",),
    "Activation": ("activation",),
}


def _size(structure: Any, where: str) -> int:
    """The number of parameters, frozen ones included: a broken file must not make us build something huge."""
    kind = _field(structure, "type", where)
    if not isinstance(kind, str) or kind not in _FIELDS:
        raise ValueError(f"{where} is a module {kind!r:.80}, and there is none of that name")
    _check_names(structure, ("type", *_FIELDS[kind]), where)
    if kind in ("MLP", "Sequential"):
        layers = _field(structure, "layers", where)
        if not isinstance(layers, list):
            raise ValueError(f"the layers of {where} are {layers!r:.80}, and not a list")
        return sum(_size(layer, f"layers[{i}] of {where}") for i, layer in enumerate(layers))
    if kind in ("Dropout", "Activation"):
        return 0
    n_inputs = _whole(structure, "n_inputs", where)
    if kind == "LayerNorm":
        return 2 * n_inputs
    n_neurons = _whole(structure, "n_neurons", where) if kind == "Layer" else 1
    n_biases = {"own": n_neurons, "shared": 1, "none": 0}
    return n_inputs * n_neurons + n_biases[_one_of(structure, "bias", n_biases, where)]


def _build(structure: Any, where: str) -> Any:
    kind = structure["type"]
    if kind in ("Sequential", "MLP"):
        layers = [_build(layer, f"layers[{i}] of {where}") for i, layer in enumerate(structure["layers"])]
        return Sequential(*layers) if kind == "Sequential" else _mlp(layers, where)
    if kind == "Dropout":
        return Dropout(_float(structure, "probability", where))
    if kind == "LayerNorm":
        return LayerNorm(structure["n_inputs"], _float(structure, "epsilon", where))
    activation = _field(structure, "activation", where)
    if not isinstance(activation, str) and (activation is not None or kind == "Activation"):
        raise ValueError(f"activation of {where} is {activation!r:.80}, and no name")
    if kind == "Activation":
        return Activation(activation or "")
    bias = structure["bias"]
    frozen = _one_of(structure, "frozen_bias", (False, True), where)
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


def _mlp(layers: list[Any], where: str) -> MLP:
    if not layers or not all(isinstance(layer, Layer) for layer in layers):
        raise ValueError(f"{where} is an MLP, and its layers are not all of the type Layer")
    for i in range(1, len(layers)):
        if layers[i].n_inputs != len(layers[i - 1].neurons):
            raise ValueError(
                f"layers[{i}] of {where} takes {layers[i].n_inputs} inputs, and layers[{i - 1}] gives {len(layers[i - 1].neurons)}"
            )
    net = MLP(1, [1])
    net.layers = layers
    net.name_parameters()
    return net


def _check_names(content: dict[str, Any], known: Iterable[str], where: str) -> None:
    for name in content:
        if name not in known:
            raise ValueError(f"{where} has an unknown {name!r:.80}")


def _field(structure: Any, name: str, where: str) -> Any:
    if not isinstance(structure, dict):
        raise ValueError(f"{where} is {structure!r:.80}, and no module")
    if name not in structure:
        raise ValueError(f"{where} has no {name!r}")
    return structure[name]


def _whole(structure: Any, name: str, where: str) -> int:
    n = _field(structure, name, where)
    if type(n) is not int or not 1 <= n <= 10**15:
        raise ValueError(f"{name} of {where} is {n!r:.80}, and not a number of inputs or neurons")
    return n


def _float(structure: Any, name: str, where: str) -> float:
    x = _field(structure, name, where)
    if type(x) not in (int, float):
        raise ValueError(f"{name} of {where} is {x!r:.80}, and no number")
    return float(x)


def _one_of(structure: Any, name: str, choices: Iterable[Any], where: str) -> Any:
    choice = _field(structure, name, where)
    if not any(choice is each or (isinstance(choice, str) and choice == each) for each in choices):
        raise ValueError(f"{name} of {where} is {choice!r:.80}, and not one of {', '.join(map(str, choices))}")
    return choice


# --- numbers ----------------------------------------------------------------------------------------------------------


def _number(data: float) -> float | str:
    """A number as JSON has it; JSON has no infinity."""
    return data if math.isfinite(data) else repr(data)


def _parsed(name: str, data: Any) -> float:
    if isinstance(data, (int, float)) and not isinstance(data, bool):
        try:
            if math.isfinite(number := float(data)):
                return number
        except OverflowError:
            pass
        raise ValueError(f"the parameter {name!r:.80} is too large for a float")
    if data in ("inf", "-inf", "nan"):
        return float(data)
    raise ValueError(f"the parameter {name!r:.80} is {data!r:.80}")
