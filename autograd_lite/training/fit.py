"""fit: train a net on data, with a progress bar, validation, early stopping, and a clean end whatever happens."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autograd_lite._support.text import escaped
from autograd_lite.compiler.front.trace import TraceError
from autograd_lite.contexts import no_grad, recording
from autograd_lite.derivatives.anomaly import detect_anomaly, is_detecting
from autograd_lite.nn.data import require_numpy
from autograd_lite.nn.losses import Loss
from autograd_lite.nn.optim import Optimizer
from autograd_lite.nn.predict import Net
from autograd_lite.nn.seeds import as_generator
from autograd_lite.training.arguments import (
    as_callbacks,
    as_pair,
    as_validation,
    check_engine,
    check_net_and_loss,
    check_optimizer,
    check_targets,
    named_metrics,
    not_negative,
    whole,
    whole_or_none,
)
from autograd_lite.training.history import DivergedError as DivergedError
from autograd_lite.training.history import History as History
from autograd_lite.training.history import WorkerError as WorkerError
from autograd_lite.training.history import trim
from autograd_lite.training.trainer import EagerTrainer, Trainer
from autograd_lite.training.workers import Workers, as_workers
from autograd_lite.value import Value

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, Any]

Metric = Callable[[Any, Any], float]


_WHAT_IS_LEFT = "the net has the weights of the step before, and fit goes on from them with workers that work"


def fit(
    net: Net,
    X: Any,
    y: Any,
    *,
    loss: Loss,
    optimizer: Optimizer,
    epochs: int = 100,
    batch_size: int | None = 32,
    validation: tuple[Any, Any] | None = None,
    patience: int | None = None,
    tolerance: float | None = None,
    metrics: str | Metric | Iterable[str | Metric] = (),
    callbacks: Callable[[History], object] | Iterable[Callable[[History], object]] = (),
    progress: bool = True,
    seed: Any = None,
    engine: str = "auto",
    workers: int | Executor | Workers | None = None,
) -> History:
    """Train a net on data.

    Parameters
    ----------
    net : Module or callable
        Called with one sample: a list of floats.
    X : lists, array or frame of shape (n, features), or (n,) for one feature
    y : lists, array or frame of shape (n,) or (n, outputs)
    loss : callable
        `loss(prediction, target) -> Value` for one sample; its mean over a batch is what falls.
    optimizer : Optimizer
        Holds the parameters to train, such as `optim.Adam(net.parameters())`.
    epochs : int
        How often to go through the data, at most.
    batch_size : int, optional
        How many samples make one step; None for all of them. The samples are shuffled each epoch.
    validation : (X, y), optional
        Data to watch, never trained on.
    patience : int, optional
        Stop when for so many epochs in a row the validation loss (without validation data: the loss) has not fallen, and
        go back to the best weights.
    tolerance : float, optional
        The smallest decrease that counts as progress. Without `patience`, training ends after the first epoch without it.
    metrics : str or callable, or an iterable of them
        "accuracy", "r2", or `metric(predictions, targets) -> float` on arrays. "accuracy" takes a single output as a
        logit where the loss does, else it decides halfway between the two targets.
    callbacks : callable, or an iterable of them
        Each is called with the history after each epoch, the net being up to date; one that returns True stops training.
        What it does to the net, the loss and the optimiser counts from the next step on.
    progress : bool
        Show a progress bar.
    seed : int or numpy.random.Generator, optional
        For the shuffling: the same seed gives the same result, to the bit.
    engine : str
        "eager" builds each graph one Value at a time; "auto" takes the fastest way. Both give the same losses, or the same
        exception.
    workers : int, concurrent.futures.Executor or Workers, optional
        Who computes the gradients: so many threads here, the workers of an executor, or `Workers(executor, shards=…)`. The
        result is the same for all of them.

    Returns
    -------
    History

    Raises
    ------
    ValueError
        Before the first step: if the data do not fit one another, an argument is out of range, or the loss cannot mean a
        target.
    TypeError
        If an argument is of the wrong type; or if there are workers, and the net cannot be compiled or its program cannot
        be sent to them.
    DivergedError
        If the loss or a weight becomes infinite or undefined. The message names the epoch and the first node that did. The
        net keeps the last weights with a finite loss.
    WorkerError
        If a worker dies, or the executor takes no more work. The message names the epoch and the step. The net keeps the
        weights of the last whole step.
    ImportError
        If NumPy or tqdm is missing.

    Notes
    -----
    *Interrupts.* Ctrl-C ends training. The net gets the best weights seen at the end of an epoch, and the history is
    returned.

    *Anomalies.* Inside `detect_anomaly()`, training stops at the first nan or inf, forward or backward. It builds each
    graph one Value at a time.

    *Workers.* Each batch is cut into shards. The workers compute their gradients; the optimiser steps here. The compiled
    program is sent to each worker once. Net, loss and optimiser stay here, so they may be lambdas. The result is
    bit-identical for any number of workers, including none; only `shards` changes it, by rounding. See "Train on many
    cores or machines" in the documentation.

    Examples
    --------
    >>> from autograd_lite import data, losses, nn, optim
    >>> X, y = data.xor()
    >>> net = nn.MLP(2, [4, 1], "tanh", seed=1)
    >>> optimizer = optim.Adam(net.parameters(), lr=0.1)
    >>> history = fit(net, X, y, loss=losses.binary_cross_entropy, optimizer=optimizer, seed=0, progress=False)
    >>> len(history), history.loss[-1] < 0.1
    (100, True)
    """
    check_net_and_loss(net, loss)
    sets = {"": as_pair(X, y)} | ({} if validation is None else {"validation_": as_validation(validation)})
    samples, targets = sets[""]
    epochs = whole("epochs", epochs)
    batch_size, patience = whole_or_none("batch_size", batch_size), whole_or_none("patience", patience)
    check_optimizer(net, optimizer)
    helpers = as_workers(workers)
    check_engine(engine, workers)
    tolerance = tolerance if tolerance is None else not_negative("tolerance", tolerance)
    after_epochs = as_callbacks(callbacks)
    batches = _batches(len(samples), batch_size, seed)
    runs = all(check_targets(net, loss, *pair, is_trained=not prefix) for prefix, pair in sets.items())
    eager = EagerTrainer(net, loss, optimizer, samples, targets)
    judges = named_metrics(metrics, net, loss, sets)
    with helpers.opened() as executor:
        # A compiled program does not look at each operation. If net or loss raise, training one Value at a time says so.
        trainer: Trainer = eager
        if engine == "auto" and not is_detecting() and runs:
            trainer = _fastest(eager, samples, targets, executor, helpers.shards)
        run = _Run(trainer, eager, batches, sets, judges, after_epochs)
        if patience is not None or tolerance is not None:
            run.patience, run.tolerance = patience or 1, tolerance or 0.0
        return run.train(epochs, progress)


@dataclass
class _Run:
    """One call of `fit`."""

    trainer: Trainer
    eager: EagerTrainer
    batches: Callable[[], list[Any]]
    data: dict[str, tuple[Array, Array]]
    metrics: dict[str, Metric]
    callbacks: list[Callable[[History], object]]
    patience: int | None = None
    tolerance: float = 0.0

    def train(self, epochs: int, progress: bool) -> History:
        history = History()
        self.lowest = math.inf
        self.best: Any = None
        self.last_good = self.trainer.snapshot()
        bar = _progress_bar(epochs, progress)
        try:
            for epoch in range(1, epochs + 1):
                with self.trainer.running():
                    loss = self._epoch(epoch, history)
                history.loss.append(loss)
                self._judge(history)
                if progress:
                    bar.set_postfix_str(_postfix(history), refresh=False)
                bar.update()
                if self._is_over(history):
                    break
        except KeyboardInterrupt:
            # The interrupt may have come between the parameters of one step, or in the middle of recording an epoch.
            self.trainer.restore(self.last_good if self.best is None else self.best)
            trim(history)
            history.stopped = "interrupted"
        finally:
            self.trainer.write_back()
            bar.close()
        if history.stopped != "interrupted" and self.patience is not None and self.best is not None:
            self.trainer.restore(self.best)
            self.trainer.write_back()
        return history

    def _epoch(self, epoch: int, history: History) -> float:
        total = 0.0
        n = 0
        for step, batch in enumerate(self.batches(), 1):
            try:
                loss = self.trainer.loss_and_gradient(batch)
            except ArithmeticError as error:
                raise self._diverged(epoch, history, f"the loss cannot be computed: {error}") from error
            except WorkerError as error:
                raise WorkerError(f"{error} in epoch {epoch}, step {step}; {_WHAT_IS_LEFT}", history) from error
            if not math.isfinite(loss):
                raise self._diverged(epoch, history, f"the loss became {loss}{self._culprit(batch)}")
            self.last_good = self.trainer.snapshot()
            if not self.trainer.step():
                raise self._diverged(epoch, history, self._culprit_of_step(batch))
            total += loss * len(batch)
            n += len(batch)
        return total / n

    def _judge(self, history: History) -> None:
        """Measure what was learnt in the epoch, and remember the best."""
        for prefix, (X, y) in self.data.items():
            if prefix or self.metrics:
                predictions = self.trainer.predict(X)
                if prefix:
                    history.validation_loss.append(self._loss_of(predictions, y))
                for name, metric in self.metrics.items():
                    history.metrics.setdefault(prefix + name, []).append(metric(predictions, y))
        current = (history.validation_loss or history.loss)[-1]
        if current < self.lowest - self.tolerance:
            self.lowest = current
            history.best_epoch = len(history)
            self.best = self.trainer.snapshot()

    def _loss_of(self, predictions: Array, y: Array) -> float:
        with no_grad():  # a loss may use what only Values have
            rows = [[Value(p) for p in row] if isinstance(row, list) else Value(row) for row in predictions.tolist()]
            return math.fsum(float(self.eager.loss(p, t)) for p, t in zip(rows, y.tolist())) / len(y)

    def _is_over(self, history: History) -> bool:
        stops = self._call_back(history) if self.callbacks else []
        if any(stops):
            history.stopped = "callback"
        elif self.patience is not None and len(history) - history.best_epoch >= self.patience:
            history.stopped = "no improvement"
        return history.stopped != "epochs"

    def _call_back(self, history: History) -> list[bool]:
        """Call the callbacks, and honour what they did."""
        self.trainer.write_back()
        try:
            stops = [_is_true(callback(history)) for callback in self.callbacks]
        finally:
            self.trainer.read()
        try:
            self.trainer.refresh()
        except TraceError as error:
            _warn_of_slowness(error, stacklevel=5)
            self.trainer = self.eager
        return stops

    def _diverged(self, epoch: int, history: History, what: str) -> DivergedError:
        self.trainer.restore(self.last_good)
        advice = "a smaller learning rate, scaled inputs or clipped gradients may help"
        return DivergedError(f"training diverged in epoch {epoch}: {what}; {advice}", history)

    def _culprit(self, batch: Sequence[int], backward: bool = False) -> str:
        """The first operation whose result, or whose gradient, is not finite; empty if there is none."""
        self.trainer.write_back()
        self.eager.optimizer.zero_grad()
        try:
            with recording(), detect_anomaly():
                loss = self.eager.graph(batch)
                if backward:
                    loss.backward()
        except ArithmeticError as error:
            return f": {error}"
        return ""

    def _culprit_of_step(self, batch: Sequence[int]) -> str:
        self.trainer.write_back()
        params = self.eager.optimizer.params
        i = next((i for i, p in enumerate(params) if not math.isfinite(p.data)), 0)
        self.trainer.restore(self.last_good)
        name = escaped(params[i].label) or f"parameter {i}"
        return f"{name} became infinite or undefined by a step{self._culprit(batch, backward=True)}"


# --- helpers ----------------------------------------------------------------------------------------------------------


def _fastest(eager: EagerTrainer, X: Array, y: Array, executor: Executor | None, shards: int | None) -> Trainer:
    """A trainer that runs a compiled program, in workers if there are any; the eager one if there can be no program."""
    from autograd_lite.training.compiled import CompiledTrainer

    runner = None  # the trainer's own: this thread
    if executor is not None:
        from autograd_lite.training.parallel import InWorkers

        runner = InWorkers(executor)
    try:
        return CompiledTrainer(eager.net, eager.loss, eager.optimizer, X, y, shards, runner)
    except TraceError as error:
        if executor is not None:
            raise TypeError(
                f"workers run a compiled program, but this net cannot be compiled: {error}. Change what cannot be"
                " compiled, or leave out workers to train one Value at a time"
            ) from error
        _warn_of_slowness(error, stacklevel=4)
        return eager


def _warn_of_slowness(error: Exception, stacklevel: int) -> None:
    message = f"training one Value at a time, which is slow, as the net cannot be compiled: {error}"
    warnings.warn(message, stacklevel=stacklevel)


def _is_true(answer: object) -> bool:
    """Whether a callback returned True, be it Python's or NumPy's."""
    return isinstance(answer, (bool, require_numpy().bool_)) and bool(answer)


def _batches(n: int, batch_size: int | None, seed: Any) -> Callable[[], list[Any]]:
    """A function that divides the samples' numbers anew at each call: for one epoch."""
    numpy = require_numpy()

    size = min(batch_size or n, n)
    rng = as_generator(seed)
    whole = [numpy.arange(n)]

    def batches() -> list[Any]:
        # All samples in one batch need no shuffling: only the rounding of the sum would change.
        if size == n:
            return whole
        order = rng.permutation(n)
        return [order[i : i + size] for i in range(0, n, size)]

    return batches


def _postfix(history: History) -> str:
    shown = f"loss={history.loss[-1]:.4g}"
    if history.validation_loss:
        shown += f", validation={history.validation_loss[-1]:.4g}"
    return shown


def _progress_bar(epochs: int, progress: bool) -> Any:
    if not progress:
        return _NoBar()
    try:
        with warnings.catch_warnings():
            # tqdm falls back to text, or to no monitor thread; both are harmless.
            warnings.simplefilter("ignore")
            from tqdm.auto import tqdm

            return tqdm(total=epochs, unit="epoch", leave=True)
    except ImportError as error:
        raise ImportError(
            'the progress bar needs tqdm: pip install "autograd-lite[train]", or progress=False'
        ) from error


class _NoBar:
    def set_postfix_str(self, text: str, refresh: bool) -> None: ...

    def update(self) -> None: ...

    def close(self) -> None: ...
