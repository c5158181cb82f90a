"""Module: something with parameters, and what can be done with any of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from autograd_lite._support.nested import named_items
from autograd_lite._support.text import escaped
from autograd_lite.nn.predict import predict
from autograd_lite.value import Value


class Module:
    """Something with parameters.

    Your own class sets its parameters (`Value` s) and inner modules as attributes, alone or in lists, tuples, dicts and
    NumPy arrays of objects; all methods here then find them. A module that is met twice, because two others share it or it
    knows the one that holds it, counts once. Call `name_parameters()` at the end of `__init__` to see the names in
    pictures.

    Attributes
    ----------
    training : bool
        Whether modules such as `Dropout` behave as in training. Changed by `train()` and `eval()`.

    Examples
    --------
    >>> class Line(Module):
    ...     def __init__(self):
    ...         self.slope, self.shift = Value(2.0), Value(1.0)
    ...         self.name_parameters()
    ...
    ...     def __call__(self, x):
    ...         return self.slope * x + self.shift
    >>> Line().named_parameters()
    [('slope', Value(data=2.0, grad=0.0, label='slope')), ('shift', Value(data=1.0, grad=0.0, label='shift'))]
    """

    training: bool = True
    # The attributes whose Values are kept as they are: no parameters, but part of the state.
    _frozen: tuple[str, ...] = ()
    # Whether summary() and repr() show the module as one thing, without the modules inside it.
    _is_atom: bool = False
    # Where the module stands in the outermost one, for messages.
    _path: str = ""
    # The arguments of the constructor that only say how the parameters start: `config()` leaves them out.
    _initial: tuple[str, ...] = ("seed",)

    def __call__(self, x: Any) -> Any:
        """Apply the module to one sample."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it computes: define __call__(self, x)")

    def predict(self, X: Any) -> Any:
        """Return the outputs for many samples, as in use: `autograd_lite.predict(module, X)`.

        Examples
        --------
        >>> from autograd_lite import nn
        >>> nn.MLP(2, [3, 1], seed=0).predict([[0.0, 0.0], [1.0, 1.0]]).shape
        (2,)
        """
        return predict(self, X)

    # --- parameters ---------------------------------------------------------------------------------------------------

    def parameters(self) -> list[Value]:
        """The Values to be learnt, each once."""
        # In the order of the attributes; without names, because this is called at every step.
        values: dict[Value, None] = {}
        frozen: set[Value] = set()
        _collect(self, values, frozen, set())
        return [value for value in values if value not in frozen] if frozen else list(values)

    def named_parameters(self) -> list[tuple[str, Value]]:
        """The Values to be learnt, with names such as `layers[0].neurons[2].w[1]`; a shared one by its first name."""
        learnt = set(self.parameters())
        return [(name, value) for name, value in self._each_value() if value in learnt]

    def name_parameters(self) -> None:
        """Label each parameter with its name, and tell each inner module where it stands."""
        for name, value in self._each_value():
            value.label = name
        for path, module in self.named_modules():
            module._path = path

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Set the gradients of all parameters to zero, of frozen ones too.

        Whatever `set_to_none` says: here a gradient is always a number.
        """
        values: dict[Value, None] = {}
        _collect(self, values, set(), set())
        for value in values:
            value.grad = 0.0

    def state_dict(self) -> dict[str, float]:
        """The data of all parameters by name, frozen ones included."""
        return {name: value.data for name, value in self._each_value()}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Set the data of all parameters by name. Either all are set or, after an error, none.

        Raises
        ------
        ValueError
            If a name is missing or unknown.
        TypeError
            If it is not a dict, or one is not a real number.
        """
        if not isinstance(state, Mapping):
            raise TypeError(
                f"load_state_dict() takes a dict of numbers by name, got {type(state).__name__}: {state!r:.80}"
            )
        values = dict(self._each_value())
        missing = [name for name in values if name not in state]
        unknown = [name for name in state if name not in values]
        if missing or unknown:
            said = [
                f"{what}: {_some(names)}" for what, names in (("missing", missing), ("unexpected", unknown)) if names
            ]
            raise ValueError(f"the state does not fit this {type(self).__name__}; {'; '.join(said)}")
        data = {name: Value(state[name]).data for name in values}
        for name, value in values.items():
            value.data = data[name]

    def _each_value(self) -> Iterator[tuple[str, Value]]:
        seen: set[Value] = set()
        for name, part in _walk("", self, set()):
            if isinstance(part, Value) and part not in seen:
                seen.add(part)
                yield name, part

    def _parts(self) -> Iterator[tuple[str, Value | Module]]:
        for attribute, thing in vars(self).items():
            yield from _parts_of(attribute, thing)

    # --- structure ----------------------------------------------------------------------------------------------------

    def config(self) -> dict[str, Any]:
        """Return the arguments that make this module again, by name: what `save` writes of it, besides its parameters.

        These are the arguments of `__init__` but for `seed`, each read from the attribute of the same name. A class whose
        attributes have other names defines its own `config`.

        Returns
        -------
        dict
            Of numbers, texts, None, modules, and lists and dicts of these.

        Raises
        ------
        TypeError
            If there is no attribute with the name of an argument.

        Examples
        --------
        >>> from autograd_lite import nn
        >>> nn.LayerNorm(3).config()
        {'n_inputs': 3, 'epsilon': 1e-05}
        """
        kind = type(self)
        arguments = {}
        for name, parameter in signature_of(kind).parameters.items():
            if name in self._initial:
                continue
            if parameter.kind is parameter.VAR_KEYWORD or not hasattr(self, name):
                raise TypeError(
                    f"{kind.__name__} does not say how it was made: set self.{name} in its __init__, which takes {name},"
                    " or define config(self) to return the arguments that make it again, by name"
                )
            arguments[name] = getattr(self, name)
        return arguments

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """All modules, each once, outer before inner: the module itself, named with an empty string, and those inside it."""
        for name, part in _walk("", self, set()):
            if isinstance(part, Module):
                yield name, part

    def _all_modules(self) -> list[Module]:
        """The modules of `named_modules()`, in some order: without names, which take longer."""
        modules: set[Module] = set()
        _collect(self, {}, set(), modules)
        return list(modules)

    def train(self, mode: bool = True) -> None:
        """Switch this and all inner modules to behave as in training (`mode` False: as in use)."""
        for module in self._all_modules():
            module.training = mode

    def eval(self) -> None:
        """Switch this and all inner modules to behave as in use: `Dropout` then lets everything through."""
        self.train(False)

    def summary(self) -> str:
        """A table of the structure with the number of parameters of each part.

        Examples
        --------
        >>> from autograd_lite import nn
        >>> print(nn.MLP(2, [3, 1], seed=0).summary())
        MLP(2 → 3 → 1)                          13 parameters
          layers[0]  Layer(2 → 3, relu)          9
          layers[1]  Layer(3 → 1, linear)        4
        """
        rows = [(self._headline(), _count(self))]
        if not self._is_atom:
            rows += [(f"  {escaped(name)}  {part._headline()}", _count(part)) for name, part in self._inner_modules()]
        width = max(len(text) for text, _ in rows)
        notes = ["parameters", *[""] * (len(rows) - 1)]
        lines = []
        for (text, (n, n_frozen)), note in zip(rows, notes):
            frozen = f"({n_frozen} of them frozen)" if n_frozen else ""
            lines.append(f"{text:{width}}  {n + n_frozen:>7} {note:10} {frozen}".rstrip())
        return "\n".join(lines)

    def _inner_modules(self) -> list[tuple[str, Module]]:
        return [(name, part) for name, part in self._parts() if isinstance(part, Module)]

    def _headline(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        return self._shown(())

    def _shown(self, outer: tuple[Module, ...]) -> str:
        """The structure as text; of a module that is inside itself, only the headline the second time."""
        parts = [] if self._is_atom or self in outer else self._inner_modules()
        if not parts:
            return self._headline()
        inner = [f"  {escaped(name)}: " + part._shown((*outer, self)).replace("\n", "\n  ") for name, part in parts]
        return "\n".join([f"{type(self).__name__}(", *inner, ")"])

    def _where(self) -> str:
        return f"{escaped(self._path)}, {self._headline()}," if self._path else self._headline()


# --- helpers ----------------------------------------------------------------------------------------------------------


# What the constructor of a class takes.
signature_of: Callable[[Any], inspect.Signature] = lru_cache(maxsize=256)(inspect.signature)


def _parts_of(name: str, thing: object) -> Iterator[tuple[str, Value | Module]]:
    """The Values and modules in an attribute, which may hold them in lists, tuples, dicts and arrays of objects."""
    for place, item in named_items(thing, name):
        if isinstance(item, (Value, Module)):
            yield place, item
        elif _is_object_array(item):
            yield from _parts_of(place, item.tolist())


def _walk(name: str, module: Module, seen: set[Module]) -> Iterator[tuple[str, Value | Module]]:
    """A module, and all that is inside it, in the order of the attributes; each module once."""
    if module in seen:
        return
    seen.add(module)
    yield name, module
    for inner, part in module._parts():
        path = f"{name}.{inner}" if name else inner
        if isinstance(part, Module):
            yield from _walk(path, part, seen)
        else:
            yield path, part


def _is_object_array(thing: Any) -> bool:
    return getattr(getattr(thing, "dtype", None), "kind", None) == "O" and hasattr(thing, "tolist")


def _some(names: list[str]) -> str:
    return ", ".join([escaped(name) for name in names[:3]]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


_PLAIN = frozenset([bool, int, float, str, type(None)])


def _collect(thing: object, values: dict[Value, None], frozen: set[Value], seen: set[Module]) -> None:
    """Add the Values in an attribute, and in the modules in it that were not seen yet.

    A separate walk, because it is called at every step: it takes half the time of one over `named_items`.
    """
    if type(thing) in _PLAIN:  # most attributes that hold no parameters
        return
    if isinstance(thing, Value):
        values[thing] = None
    elif isinstance(thing, (list, tuple)):
        for item in thing:
            if isinstance(item, Value):
                values[item] = None
            else:
                _collect(item, values, frozen, seen)
    elif isinstance(thing, dict):
        _collect(list(thing.values()), values, frozen, seen)
    elif isinstance(thing, Module):
        if thing in seen:
            return
        seen.add(thing)
        for inner in vars(thing).values():
            _collect(inner, values, frozen, seen)
        for attribute in thing._frozen:
            kept: dict[Value, None] = {}
            _collect(vars(thing)[attribute], kept, frozen, seen)
            frozen.update(kept)
    elif _is_object_array(thing):
        _collect(thing.tolist(), values, frozen, seen)  # type: ignore[attr-defined]


def _count(module: Module) -> tuple[int, int]:
    """The number of parameters, and of frozen ones."""
    n = len(module.parameters())
    return n, len(module.state_dict()) - n
