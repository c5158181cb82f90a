"""A net as a graph: of one sample, with invented inputs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Protocol, runtime_checkable

from autograd_lite.graph.view import Graph
from autograd_lite.value import Value

_INPUT: Final = 0.5  # where every function that nets are made of is defined


@runtime_checkable
class SupportsParameters(Protocol):
    """A net: a function of Values that knows its parameters and its parts, as every `nn.Module` does."""

    training: bool

    def __call__(self, x: Any) -> Any:
        """The output for one sample."""

    def named_parameters(self) -> list[tuple[str, Value]]:
        """The parameters, each with its name."""

    def named_modules(self) -> Iterator[tuple[str, Any]]:
        """The parts that are nets themselves, and this one, each with its name."""


def graph_of_net(net: SupportsParameters) -> Graph:
    """The graph of a net's outputs for one sample: its inputs are called x[0], x[1] …, and what they hold means nothing.

    Raises
    ------
    TypeError
        If no part of the net says how many inputs it takes, or the net does not return Values.
    """
    modules = [module for _, module in net.named_modules()]
    sizes = [module.n_inputs for module in modules if isinstance(getattr(module, "n_inputs", None), int)]
    if not sizes:
        raise TypeError(
            f"{type(net).__name__} does not say how many inputs it takes (it has no n_inputs): draw a result of it,"
            " draw(net(x))"
        )
    inputs = [Value(_INPUT, f"x[{i}]") for i in range(sizes[0])]
    modes = [module.training for module in modules]
    try:
        for module in modules:
            module.training = False
        outputs = net(inputs)
    finally:
        for module, mode in zip(modules, modes):
            module.training = mode
    return Graph(outputs, dict(net.named_parameters()))
