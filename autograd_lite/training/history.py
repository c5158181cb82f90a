"""What `fit` tells of a training: its history, and why it failed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from autograd_lite._support.text import escaped


@dataclass
class History:
    """What happened in training: lists with one entry an epoch.

    Attributes
    ----------
    loss : list of float
        The mean over the samples, each at the weights that its batch met: during the epoch, not at its end.
    validation_loss : list of float
        At the end of the epoch; empty without validation data.
    metrics : dict of str to list of float
        By name, at the end of the epoch, on the training data; with `validation_` before the name, on the validation
        data.
    best_epoch : int
        The epoch, from 1, with the lowest validation loss; without validation data, with the lowest loss. 0 before any.
    stopped : str
        Why training ended: "epochs", "no improvement", "callback" or "interrupted".
    """

    loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    metrics: dict[str, list[float]] = field(default_factory=dict)
    best_epoch: int = 0
    stopped: str = "epochs"

    def __len__(self) -> int:
        return len(self.loss)

    def __repr__(self) -> str:
        series = {"loss": self.loss, "validation_loss": self.validation_loss, **self.metrics}
        last = "".join(f", {escaped(name)}={values[-1]:.5g}" for name, values in series.items() if values)
        return f"History({len(self)} epochs{last}, best_epoch={self.best_epoch}, stopped={self.stopped!r})"


class _Failure(Exception):
    """The end of a training before its time, with the history up to there."""

    def __init__(self, message: str, history: History) -> None:
        super().__init__(message)
        self.history = history

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.history)


class DivergedError(_Failure, ArithmeticError):
    """The loss or a weight became infinite or undefined. The net keeps the last weights with a finite loss.

    Attributes
    ----------
    history : History
        Of the epochs before.
    """

    __module__ = "autograd_lite"


class WorkerError(_Failure, RuntimeError):
    """A worker died, or the executor took no more work. The net keeps the weights of the last whole step.

    Calling `fit` again with an executor that works goes on from there.

    Attributes
    ----------
    history : History
        Of the epochs before.
    """

    __module__ = "autograd_lite"


def trim(history: History) -> None:
    """After an interrupt: as many entries everywhere as there are whole epochs."""
    series = [history.loss, *history.metrics.values()]
    if history.validation_loss:
        series.append(history.validation_loss)
    whole = min(len(values) for values in series)
    for values in series:
        del values[whole:]
