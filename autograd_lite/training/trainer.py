"""What computes a step of `fit`: the interface of all trainers, and the plain one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

from autograd_lite.contexts import recording
from autograd_lite.functions import mean
from autograd_lite.nn.losses import Loss
from autograd_lite.nn.optim import Optimizer
from autograd_lite.nn.predict import Net, predict
from autograd_lite.value import Value

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, Any]


class Trainer(Protocol):
    """What `fit` asks for at each batch and each epoch."""

    def running(self) -> AbstractContextManager[None]:
        """Return what the steps of an epoch run in."""

    def loss_and_gradient(self, batch: Sequence[int]) -> float:
        """Return the mean loss over the samples with these numbers, and keep its gradient."""

    def step(self) -> bool:
        """Let the optimiser use the gradient. Return whether all parameters are finite afterwards."""

    def snapshot(self) -> Any:
        """Return the parameters' data."""

    def restore(self, snapshot: Any) -> None:
        """Set the parameters' data."""

    def write_back(self) -> None:
        """Bring the net's own Values up to date."""

    def read(self) -> None:
        """Take the parameters' data from the net's own Values."""

    def refresh(self) -> None:
        """Honour what callbacks did to the net, the loss and the optimiser.

        Raises
        ------
        TraceError
            If this trainer cannot go on.
        """

    def predict(self, X: Array) -> Array:
        """Return the net's outputs in use (not as in training) for samples that may be new."""


class EagerTrainer:
    """Builds the graph of each batch, one Value at a time, as one would by hand."""

    def __init__(self, net: Net, loss: Loss, optimizer: Optimizer, X: Array, y: Array) -> None:
        self.net, self.loss, self.optimizer = net, loss, optimizer
        self.X, self.y = X.tolist(), y.tolist()  # plain floats, in which Python computes fastest

    def running(self) -> AbstractContextManager[None]:
        """Operations are recorded, even where `fit` is called inside `no_grad()`."""
        return recording()

    def graph(self, batch: Sequence[int]) -> Value:
        """Return the mean loss over some samples, with its graph."""
        result = mean([self.loss(self.net(self.X[i]), self.y[i]) for i in batch])
        return result if isinstance(result, Value) else Value(result)  # a loss may be a plain number for some samples

    def loss_and_gradient(self, batch: Sequence[int]) -> float:
        """Build the graph, and run it backward."""
        result = self.graph(batch)
        self.optimizer.zero_grad()
        result.backward()
        return result.data

    def step(self) -> bool:
        """Let the optimiser step."""
        self.optimizer.step()
        return all(math.isfinite(p.data) for p in self.optimizer.params)

    def snapshot(self) -> list[tuple[Value, float]]:
        """Return the parameters with their data."""
        return [(p, p.data) for p in self.optimizer.params]

    def restore(self, snapshot: list[tuple[Value, float]]) -> None:
        """Set the parameters' data."""
        for p, data in snapshot:
            p.data = data

    def write_back(self) -> None:
        """Nothing to do: this trainer works on the net's own Values."""

    def read(self) -> None:
        """Nothing to do either."""

    def refresh(self) -> None:
        """Nor here: net, loss and optimiser are asked anew at each step."""

    def predict(self, X: Array) -> Array:
        """Return the net's outputs."""
        return predict(self.net, X)
