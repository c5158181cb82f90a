"""Nets, losses, optimisers, data."""

from typing import NoReturn

from autograd_lite.nn.layers import (
    ACTIVATIONS,
    MLP,
    Activation,
    Dropout,
    Layer,
    LayerNorm,
    Neuron,
    Sequential,
)
from autograd_lite.nn.module import Module

__all__ = ["ACTIVATIONS", "MLP", "Activation", "Dropout", "Layer", "LayerNorm", "Module", "Neuron", "Sequential"]


def __getattr__(name: str) -> NoReturn:
    hint = f": it is scikit.{name}" if name in ("Classifier", "Regressor") else ""
    raise AttributeError(f"autograd_lite.nn has no {name!r}{hint}")


def __dir__() -> list[str]:
    return __all__
