"""Saving a net to a file and loading it: JSON, with the structure and every parameter to the last bit.

Each module says by its `config()` which arguments make it again. A file holds these and the parameters. It only ever
names classes of `nn`, or classes that the caller of `load` gives; nothing in it is executed.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any, Final

from autograd_lite import ops
from autograd_lite._support.files import write_atomically
from autograd_lite._support.text import escaped, quoted
from autograd_lite.nn.layers import (
    ACTIVATIONS,
    MLP,
    Activation,
    Dropout,
    Layer,
    LayerNorm,
    Neuron,
    Sequential,
    at_most_weights,
)
from autograd_lite.nn.module import Module, signature_of

FORMAT = "autograd-lite network"
VERSION = 2  # 1 was that of 0.1.0, whose structure was another
_LARGEST: Final = 2**30  # bytes: ten million parameters. What is larger is not even read.
_PART: Final = 2**20
# A module takes a few bytes of a file and some kilobytes of memory, and each level within another takes its frames on
# Python's stack whenever the net is called, copied or shown: so a file has bounds for both.
_MOST_MODULES: Final = 10_000
_DEEPEST: Final = 100

Classes = dict[str, type[Module]]
_OWN: Final[Classes] = {
    module.__name__: module for module in (Activation, Dropout, Layer, LayerNorm, MLP, Neuron, Sequential)
}
for _module in _OWN.values():
    signature_of(_module)  # is read now, so that load() then looks at nothing but its file


def save(net: Module, path: str | os.PathLike[str]) -> None:
    """Write a net to a file: either the whole file is written, or the old one stays.

    Parameters
    ----------
    net : Module
        Of modules whose `config()` makes them again: those of `nn`, with activations by name, and your own.
    path : str or path
        Usually ends in `.json`.

    Raises
    ------
    TypeError
        If the net that `load` would make is a different one, because an argument cannot be written (a function, a Value),
        or a part was changed after it was made; or if there are more than 10 000 modules or 100 of them within one
        another. The message names the part. `net.state_dict()` can still be saved in your own way.
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
    if not isinstance(net, Module):
        raise TypeError(f"save() writes a Module, got {type(net).__name__}: {net!r:.80}")
    classes = dict(_OWN)
    structure = _written(net, "net", classes)
    try:
        _check_bounds(structure, "net")
    except ValueError as error:
        raise TypeError(f"save() writes smaller nets, and {error}: {_INSTEAD}") from None
    _check_that_it_loads(net, structure, classes)
    parameters = {name: _plain_number(data) for name, data in net.state_dict().items()}
    content = {"format": FORMAT, "version": VERSION, "structure": structure, "parameters": parameters}
    text = json.dumps(content, indent=1, allow_nan=False)
    write_atomically(Path(path), f"{text}\n".encode())


def load(path: str | os.PathLike[str], *, modules: Iterable[type[Module]] = ()) -> Module:
    """Read a net that `save` wrote.

    Parameters
    ----------
    path : str or path
    modules : iterable of type, optional
        Your own classes of modules in it. Their constructors are called with what the file says.

    Raises
    ------
    ValueError
        If the file is broken, is something else, has a module that is neither of `nn` nor in `modules`, or comes from a
        newer version. The message names it and says where.
    OSError
        If it cannot be read.

    Examples
    --------
    >>> import os, tempfile
    >>> from autograd_lite import nn, tanh
    >>> class Wave(nn.Module):
    ...     def __init__(self, n_inputs, seed=None):
    ...         self.n_inputs = n_inputs
    ...         self.inner = nn.Neuron(n_inputs, None, seed=seed)
    ...         self.name_parameters()
    ...
    ...     def __call__(self, x):
    ...         return self.inner(x).sin()
    >>> path = os.path.join(tempfile.mkdtemp(), "wave.json")
    >>> wave = Wave(2, seed=0)
    >>> save(wave, path)
    >>> load(path, modules=[Wave])([1.0, 2.0]).data == wave([1.0, 2.0]).data
    True
    """
    classes = _known(modules)
    content = bytearray()
    with Path(path).open("rb") as file:
        while len(content) <= _LARGEST and (
            part := file.read(_PART)
        ):  # at once, read() would take memory for the largest
            content += part
    try:
        return _read(bytes(content), classes)
    except UnicodeDecodeError as error:
        raise ValueError(f"cannot load {os.fspath(path)!r}: it is not UTF-8 text, at byte {error.start}") from None
    except RecursionError:
        raise ValueError(f"cannot load {os.fspath(path)!r}: it is nested too deeply") from None
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"cannot load {os.fspath(path)!r}: {escaped(str(error), 400)}") from None


def _known(modules: Iterable[type[Module]]) -> Classes:
    classes = dict(_OWN)
    if not isinstance(modules, Iterable) or isinstance(modules, str):
        raise TypeError(f"modules takes a list of classes, such as [MyNet], got {modules!r:.80}")
    for module in modules:
        if not (isinstance(module, type) and issubclass(module, Module)):
            raise TypeError(f"modules takes classes of modules, such as [MyNet], got {module!r:.80}")
        if classes.setdefault(module.__name__, module) is not module:
            raise ValueError(f"modules has two classes called {module.__name__}, or one called as in nn: rename one")
    return classes


def _read(file: bytes, classes: Classes) -> Module:
    if len(file) > _LARGEST:
        raise ValueError(f"it is larger than {_LARGEST} bytes, which save() never writes")
    most = 4 * _MOST_MODULES  # objects and lists: each takes memory as soon as it is read, whatever it means
    if sum(1 for _ in islice(_OPENING_BRACKET.finditer(file), most + 1)) > most:
        raise ValueError(f"it has more than {_MOST_MODULES} modules, which save() never writes")
    content = json.loads(file.decode("utf-8"), object_pairs_hook=_once_each, parse_constant=_no_number)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError("it does not say that it is a network of autograd-lite")
    version = content.get("version")
    if type(version) is not int or version < 1:
        raise ValueError(f"invalid format version {version!r:.80}")
    if version < VERSION:
        raise ValueError(f"it has format version {version}, which this autograd-lite does not read any more")
    if version > VERSION:
        raise ValueError(f"it has format version {version}, and this autograd-lite reads up to {VERSION}: upgrade it")
    _check_names(content, ("format", "version", "structure", "parameters"), "it")
    structure, parameters = content["structure"], content["parameters"]
    if not isinstance(parameters, dict):
        raise ValueError("it has no parameters")
    _check_bounds(structure, "structure")
    with at_most_weights(len(parameters)):
        net = _made(structure, "structure", classes)
    if not isinstance(net, Module):
        raise ValueError(f"structure is {structure!r:.80}, and not a module")
    if _canonical(_written(net, "net", dict(classes))) != _canonical(structure):
        raise ValueError("its structure says something that save() does not write")
    net.load_state_dict({name: _parsed_number(name, data) for name, data in parameters.items()})
    return net


# A bracket that opens an object or a list of JSON, and not the index in a name such as `layers[0].neurons[1].w[2]`.
_OPENING_BRACKET: Final = re.compile(rb"(?<![^\s,:\[{])[\[{]")


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for name, data in pairs:
        if name in content:
            raise ValueError(f"it says {quoted(name)} twice")
        content[name] = data
    return content


def _no_number(constant: str) -> Any:
    raise ValueError(f"{constant} is not valid JSON")


def _check_names(content: dict[str, Any], known: Iterable[str], where: str) -> None:
    for name in content:
        if name not in known:
            raise ValueError(f"{where} has an unknown {quoted(name)}")
    for name in known:
        if name not in content:
            raise ValueError(f"{where} has no {name!r}")


# --- structure --------------------------------------------------------------------------------------------------------
# A module is {"module": its class, "config": its arguments}. An argument is a number, a text, None, a module, or a list of
# these. Two more objects stand for what JSON lacks: {"float": "inf"} and {"dict": {…}}.


def _written(thing: Any, where: str, classes: Classes) -> Any:
    """What a file says of a module or an argument. Adds the classes of modules to `classes`."""
    if isinstance(thing, Module):
        kind = type(thing)
        if classes.setdefault(kind.__name__, kind) is not kind:
            raise TypeError(f"two classes in {where} are called {kind.__name__}, or one as in nn: rename one")
        config = {name: _written(part, f"{where}.{name}", classes) for name, part in kind.config(thing).items()}
        return {"module": kind.__name__, "config": config}
    if thing is None or isinstance(thing, (bool, str)):
        return thing
    if ops.is_number(thing):
        return int(thing) if hasattr(thing, "__index__") else _plain_float(float(thing))
    if isinstance(thing, (list, tuple)):
        return [_written(part, f"{where}[{i}]", classes) for i, part in enumerate(thing)]
    if isinstance(thing, dict) and all(isinstance(key, str) for key in thing):
        return {"dict": {key: _written(part, f"{where}[{key!r}]", classes) for key, part in thing.items()}}
    if callable(thing):
        raise TypeError(
            f"save() writes functions by name, and {escaped(where)} is the function {thing!r}: use one of"
            f" {', '.join(ACTIVATIONS)}; or {_INSTEAD}"
        )
    kind = type(thing)
    raise TypeError(f"save() writes numbers, text, lists, dicts and modules, and {escaped(where)} is a {kind.__name__}")


def _made(structure: Any, where: str, classes: Classes) -> Any:
    """The module or the argument of which a file says this."""
    if isinstance(structure, list):
        return [_made(part, f"{where}[{i}]", classes) for i, part in enumerate(structure)]
    if not isinstance(structure, dict):
        return structure
    if "float" in structure:
        _check_names(structure, ["float"], where)
        return _parsed_number(where, structure["float"])
    if "dict" in structure:
        _check_names(structure, ["dict"], where)
        return {key: _made(part, f"{where}[{key!r}]", classes) for key, part in _object(structure, "dict", where)}
    _check_names(structure, ("module", "config"), where)
    name = structure["module"]
    if not isinstance(name, str) or name not in classes:
        shown = quoted(name) if isinstance(name, str) else repr(name)[:80]
        raise ValueError(f"{where} is a module {shown}, which is not in nn: load(path, modules=[…]) takes your classes")
    config = {key: _made(part, f"{where}.{key}", classes) for key, part in _object(structure, "config", where)}
    try:
        return _called(classes[name], config)
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"{escaped(where)} cannot be made: {escaped(str(error), 200)}") from None


def _object(structure: dict[str, Any], name: str, where: str) -> Iterable[tuple[str, Any]]:
    if not isinstance(structure[name], dict):
        raise ValueError(f"{name} of {escaped(where)} must be {{…}}, got {structure[name]!r:.80}")
    content: dict[str, Any] = structure[name]
    return content.items()


def _called(module: type[Module], config: dict[str, Any]) -> Module:
    """The module with these arguments."""
    parameters = signature_of(module).parameters
    for name in config:
        if name not in parameters:
            raise ValueError(f"{module.__name__} has no argument {quoted(name)}")
    arguments = signature_of(module).bind_partial()
    for name, parameter in parameters.items():
        if name in config:
            arguments.arguments[name] = config[name]
        elif parameter.default is parameter.empty and name not in module._initial:
            raise ValueError(f"{module.__name__} lacks its argument {name!r}")
        if parameter.kind is parameter.VAR_POSITIONAL and not isinstance(config[name], list):
            raise ValueError(f"{name} of {module.__name__} must be a list, got {config[name]!r:.80}")
    return module(*arguments.args, **arguments.kwargs)


def _canonical(structure: Any) -> str:
    """The same text for what is the same: 1 is 1.0, but not true."""
    return json.dumps(json.loads(json.dumps(structure), parse_int=float), sort_keys=True)


def _check_bounds(structure: Any, where: str) -> None:
    """Raise if there are more modules than a file may have, or too many within one another."""
    n = 0
    modules = _modules_in([structure])
    for _ in range(_DEEPEST):
        n += len(modules)
        if n > _MOST_MODULES:
            raise ValueError(f"{where} has more than {_MOST_MODULES} modules")
        modules = _modules_in([module["config"] for module in modules])
        if not modules:
            return
    raise ValueError(f"{where} has modules nested more than {_DEEPEST} deep")


def _modules_in(parts: list[Any]) -> list[Any]:
    """The objects with a `config` in these parts, without those inside them."""
    modules = []
    while parts:
        part = parts.pop()
        if isinstance(part, dict) and "config" in part:
            modules.append(part)
        elif isinstance(part, dict):
            parts.extend(part.values())
        elif isinstance(part, list):
            parts.extend(part)
    return modules


# --- whether a file says all that there is ----------------------------------------------------------------------------

_INSTEAD: Final = "save its state_dict() in your own way"


def _check_that_it_loads(net: Module, structure: Any, classes: Classes) -> None:
    """Raise if `load` would make another net: make it, and compare.

    The configs may leave out a part that was changed after it was made, or an attribute that is not an argument.
    """
    try:
        again = _made(structure, "net", classes)
    except ValueError as error:
        raise _lost(str(error)) from None
    for name, value in net._each_value():
        if not value.is_leaf:
            raise _lost(f"net.{escaped(name)} is computed by an operation, and would be a number")
    modules, others = dict(net.named_modules()), dict(again.named_modules())
    for name, module in modules.items():
        where = f"net.{escaped(name)}" if name else "net"
        if type(others.get(name)) is not type(module):
            raise _lost(f"{where} is {module!r:.80}, and would be {others.get(name)!r:.80}")
        if type(module).config is Module.config:
            theirs = _plain_attributes(others[name])
            for attribute, data in _plain_attributes(module).items():
                if attribute not in theirs or theirs[attribute] != data:
                    raise _lost(f"{where}.{attribute} is {data!r:.80}, and would be {theirs.get(attribute)!r:.80}")
    for what, names, other_names in (
        ("modules", modules.keys(), others.keys()),
        ("parameters", net.state_dict().keys(), again.state_dict().keys()),
        ("frozen parameters", _frozen_names(net), _frozen_names(again)),
    ):
        if names != other_names:
            different = ", ".join([escaped(name) for name in sorted(names ^ other_names)[:3]])
            raise _lost(f"a part is used twice, or {what} were added or removed: {different}")


def _lost(what: str) -> TypeError:
    return TypeError(
        f"save() writes what config() says of each module, and load() would make another net of it: {what}."
        f" Have config() give what differs, put the parts into a Sequential, or {_INSTEAD}"
    )


def _plain_attributes(module: Module) -> dict[str, Any]:
    """The attributes that are numbers, texts and containers of these, as a file would have them."""
    attributes = {name: thing for name, thing in vars(module).items() if name not in ("training", "_path")}
    for name, thing in attributes.items():
        if getattr(getattr(thing, "dtype", None), "kind", "O") in "biuf":
            attributes[name] = thing.tolist()
    return {name: _written(thing, name, {}) for name, thing in attributes.items() if _is_plain(thing)}


def _is_plain(thing: Any) -> bool:
    if isinstance(thing, (list, tuple)):
        return all(_is_plain(part) for part in thing)
    if isinstance(thing, dict):
        return all(isinstance(key, str) and _is_plain(part) for key, part in thing.items())
    return thing is None or isinstance(thing, (bool, str)) or ops.is_number(thing)


def _frozen_names(net: Module) -> set[str]:
    return net.state_dict().keys() - {name for name, _ in net.named_parameters()}


# --- numbers ----------------------------------------------------------------------------------------------------------


def _plain_number(data: float) -> float | str:
    """A number as JSON has it; JSON has no infinity."""
    return data if math.isfinite(data) else repr(data)


def _plain_float(data: float) -> Any:
    return data if math.isfinite(data) else {"float": repr(data)}


def _parsed_number(name: str, data: Any) -> float:
    if isinstance(data, (int, float)) and not isinstance(data, bool):
        try:
            if math.isfinite(number := float(data)):
                return number
        except OverflowError:
            pass
        raise ValueError(f"the parameter {quoted(name)} is too large for a float")
    if data in ("inf", "-inf", "nan"):
        return float(data)
    raise ValueError(f"the parameter {quoted(name)} is {data!r:.80}")
