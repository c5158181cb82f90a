"""Nets: neurons, layers, and what stands between them."""

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


def __dir__() -> list[str]:
    return __all__
