"""autograd-lite: write an expression one scalar at a time; see its graph and its gradients; train a tiny net with it.

>>> w, x, b, y = Value(2.0, "w"), Value(-2.0, "x"), Value(8.0, "b"), Value(2.0, "y")
>>> J = 0.5 * (w * x + b - y) ** 2
>>> J.backward()
>>> w.grad
-4.0
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for editors and type checkers; at run time __getattr__ loads the same names on first use
    from autograd_lite import data as data
    from autograd_lite import losses as losses
    from autograd_lite import metrics as metrics
    from autograd_lite import nn as nn
    from autograd_lite import ops as ops
    from autograd_lite import optim as optim
    from autograd_lite import plots as plots
    from autograd_lite import scikit as scikit
    from autograd_lite.compiler.front.trace import TraceError as TraceError
    from autograd_lite.compiler.function import compile as compile
    from autograd_lite.contexts import no_grad as no_grad
    from autograd_lite.define import define_op as define_op
    from autograd_lite.derivatives.anomaly import AnomalyError as AnomalyError
    from autograd_lite.derivatives.anomaly import detect_anomaly as detect_anomaly
    from autograd_lite.derivatives.minimize import minimize as minimize
    from autograd_lite.derivatives.numerical import GradientError as GradientError
    from autograd_lite.derivatives.numerical import check_gradients as check_gradients
    from autograd_lite.derivatives.numerical import numerical_gradient as numerical_gradient
    from autograd_lite.derivatives.passes import gradients as gradients
    from autograd_lite.derivatives.passes import tangents as tangents
    from autograd_lite.derivatives.transforms import derivative as derivative
    from autograd_lite.derivatives.transforms import grad as grad
    from autograd_lite.derivatives.transforms import hessian as hessian
    from autograd_lite.derivatives.transforms import hvp as hvp
    from autograd_lite.derivatives.transforms import jacobian as jacobian
    from autograd_lite.derivatives.transforms import jvp as jvp
    from autograd_lite.derivatives.transforms import value_and_grad as value_and_grad
    from autograd_lite.derivatives.transforms import vjp as vjp
    from autograd_lite.drawing.pages.explain import explain as explain
    from autograd_lite.drawing.pages.player import play as play
    from autograd_lite.drawing.pages.player import steps as steps
    from autograd_lite.drawing.svg.picture import draw as draw
    from autograd_lite.functions import *  # noqa: F403
    from autograd_lite.graph.parse import ExpressionError as ExpressionError
    from autograd_lite.graph.parse import parse as parse
    from autograd_lite.graph.view import Graph as Graph
    from autograd_lite.nn.predict import predict as predict
    from autograd_lite.nn.saving import load as load
    from autograd_lite.nn.saving import save as save
    from autograd_lite.training.fit import fit as fit
    from autograd_lite.training.history import DivergedError as DivergedError
    from autograd_lite.training.history import History as History
    from autograd_lite.training.history import WorkerError as WorkerError
    from autograd_lite.training.workers import Workers as Workers
    from autograd_lite.value import Value as Value

    NATIVE: bool  # whether the engine is the native extension

# The public names, by the module that they live in; those of `functions` stand there. A module is loaded when the first of
# its names is used, so that `import autograd_lite` is instant.
_NAMES_IN = {
    "value": "Value",
    "contexts": "no_grad",
    "define": "define_op",
    "graph.view": "Graph",
    "graph.parse": "ExpressionError parse",
    "derivatives.passes": "gradients tangents",
    "derivatives.transforms": "derivative grad hessian hvp jacobian jvp value_and_grad vjp",
    "derivatives.anomaly": "AnomalyError detect_anomaly",
    "derivatives.numerical": "GradientError check_gradients numerical_gradient",
    "derivatives.minimize": "minimize",
    "drawing.svg.picture": "draw",
    "drawing.pages.explain": "explain",
    "drawing.pages.player": "play steps",
    "compiler.function": "compile",
    "compiler.front.trace": "TraceError",
    "nn.predict": "predict",
    "nn.saving": "load save",
    "training.fit": "fit",
    "training.history": "DivergedError History WorkerError",
    "training.workers": "Workers",
}
_MODULE_OF = {name: module for module, names in _NAMES_IN.items() for name in names.split()}
# The modules that are public as such: `nn.MLP`.
_MODULES = ("data", "losses", "metrics", "nn", "ops", "optim", "plots", "scikit")

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    value: Any
    if name == "__all__":
        value = ["NATIVE", *_functions().__all__, *_MODULE_OF, *_MODULES]
    elif name == "NATIVE":
        value = not importlib.import_module("autograd_lite.value").__file__.endswith(".py")  # type: ignore[union-attr]
    elif name in _MODULE_OF:
        value = getattr(importlib.import_module(f"autograd_lite.{_MODULE_OF[name]}"), name)
    elif name in _MODULES:
        value = importlib.import_module(f"autograd_lite.{name}")
    elif not name.startswith("_") and name in _functions().__all__:
        value = getattr(_functions(), name)
    else:
        raise AttributeError(f"autograd_lite has no {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__getattr__("__all__"))


def _functions() -> Any:
    return importlib.import_module("autograd_lite.functions")


if "linecache" in sys.modules:  # tracebacks may be shown with their source
    importlib.import_module("autograd_lite._support.notebook").prepare()
if "IPython" in sys.modules:
    importlib.import_module("autograd_lite.display").register()
