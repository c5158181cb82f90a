"""The engines that are compared: how each makes a leaf, applies a function, and runs backward."""

import importlib
import importlib.machinery
import sys
from collections.abc import Callable
from dataclasses import dataclass
from operator import methodcaller
from pathlib import Path
from typing import Any

import two_tuples


@dataclass
class Engine:
    name: str
    leaf: Callable[[float], Any]
    functions: dict[str, Callable[[Any], Any]]
    backward: Callable[[Any], None] = methodcaller("backward")
    dot: Callable[[Any, Any, Any], Any] = lambda w, x, b: sum((a * c for a, c in zip(w, x, strict=True)), b)
    zero: Callable[[list[Any]], None] | None = None


def methods(*names):
    return {name: methodcaller(name) for name in names}


def ours():
    import autograd_lite as ag

    name = f"autograd-lite ({'native' if ag.NATIVE else 'plain'})"
    return Engine(name, ag.Value, methods("tanh", "exp", "log", "relu"), dot=ag.dot)


def ours_in_pure_python():
    """The plain build of the same source, beside the native one in this process."""
    import autograd_lite

    if not autograd_lite.NATIVE:
        raise ImportError("the installed engine is the pure one")
    folder = str(Path(autograd_lite.__file__).parent)
    native = {name: sys.modules.pop(name) for name in list(sys.modules) if name.startswith("autograd_lite")}
    source_only = importlib.machinery.FileFinder.path_hook((importlib.machinery.SourceFileLoader, [".py"]))
    sys.path_hooks.insert(0, source_only)
    sys.path_importer_cache.pop(folder, None)
    try:
        pure = importlib.import_module("autograd_lite")
        value, dot = pure.Value, pure.dot
        assert not pure.NATIVE
    finally:
        sys.path_hooks.remove(source_only)
        sys.path_importer_cache.pop(folder, None)
        for name in [name for name in sys.modules if name.startswith("autograd_lite")]:
            del sys.modules[name]
        sys.modules.update(native)
    return Engine("autograd-lite (plain)", value, methods("tanh", "exp", "log", "relu"), dot=dot)


def micrograd():
    from micrograd.engine import Value

    return Engine("micrograd", Value, methods("relu"))  # it has no exp, log or tanh


def two_tuple():
    return Engine("two tuples (as microgpt)", two_tuples.Value, methods("exp", "log", "relu"))


def scalargrad():
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from scalargrad.core import Scalar

    return Engine("scalargrad", Scalar, methods("tanh", "exp", "log", "relu"))


def torch():
    import torch

    torch.set_num_threads(1)
    leaf = lambda x: torch.tensor(float(x), dtype=torch.float64, requires_grad=True)
    return Engine("PyTorch scalars", leaf, {name: getattr(torch, name) for name in ("tanh", "exp", "log", "relu")})


PEERS = [ours, ours_in_pure_python, micrograd, two_tuple, scalargrad, torch]


def available():
    """The engines that are installed; the others are named on standard error."""
    engines = []
    for load in PEERS:
        try:
            engines.append(load())
        except ImportError as error:
            print(f"skipped {load.__name__}: {error}", file=sys.stderr)
    return engines
