"""fit: train a net on data, with a progress bar, validation, early stopping, and a clean end whatever happens."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from autograd_lite._support.text import escaped
from autograd_lite.contexts import no_grad, recording
from autograd_lite.derivatives.anomaly import detect_anomaly, is_detecting
from autograd_lite.functions import mean
from autograd_lite.nn.data import require_numpy
from autograd_lite.nn.losses import Loss
from autograd_lite.nn.optim import Optimizer
from autograd_lite.nn.predict import Net, in_use, predict
from autograd_lite.nn.seeds import as_generator
from autograd_lite.training.arguments import (
    as_callbacks,
    as_pair,
    as_validation,
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
from autograd_lite.value import Value

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, Any]

Metric = Callable[[Any, Any], float]


_WHAT_IS_LEFT = "the net has the weights of the step before, and fit goes on from them with an executor that works"


class Engine(Protocol):
    """How `fit` computes: what it asks for at each batch and each epoch."""

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
        """Honour what callbacks did to the net, the loss and the optimiser. Raises if the engine cannot go on."""

    def predict(self, X: Array) -> Array:
        """Return the net's outputs in use (not as in training) for samples that may be new."""


class EagerEngine:
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
        """Nothing to do: this engine works on the net's own Values."""

    def read(self) -> None:
        """Nothing to do either."""

    def refresh(self) -> None:
        """Nor here: net, loss and optimiser are asked anew at each step."""

    def predict(self, X: Array) -> Array:
        """Return the net's outputs."""
        return predict(self.net, X)


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
    executor: Executor | None = None,
    shards: int | None = None,
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
        What counts as falling: to below the best so far minus this. Without `patience`, the first epoch that does not
        fall is the last.
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
        "eager" builds each graph as one would by hand; "auto" takes what is fastest.
    executor : concurrent.futures.Executor, optional
        Whose workers compute the gradients, on other cores or machines; see the notes. It stays open.
    shards : int, optional
        Into how many shards to cut each batch, if not as many as the work is worth, 8 at most. More workers than
        shards do not help.

    Returns
    -------
    History

    Raises
    ------
    ValueError
        If the data do not fit one another, an argument is out of range, or the loss cannot mean a target: before the first
        step.
    DivergedError
        If the loss or a weight becomes infinite or undefined: it names the epoch and the first node that did. The net
        keeps the last weights with a finite loss.
    WorkerError
        If a worker of the executor dies, or the executor takes no more work: it names the epoch and the step. The net
        keeps the weights of the last whole step.
    TypeError
        If an argument is of the wrong type; if there is an executor and the net cannot be compiled, or the program not be
        sent to a worker.
    ImportError
        If NumPy or tqdm is missing.

    Notes
    -----
    Ctrl-C ends training: the net gets the best weights seen at the end of an epoch, and the history is returned.

    Inside `detect_anomaly()` it trains here, one Value at a time, and stops at the first nan or inf, forward or backward.

    With an executor the workers compute the gradients: those of `ProcessPoolExecutor`, Dask, Ray, MPI, … (how is told in
    `autograd_lite.training.parallel`). Each batch is cut into shards, one for a millisecond of work or so, and a batch that is
    one shard is computed here. No bit of the result depends on the workers, nor on there being any; only on `shards`, by
    rounding. (That takes the same NumPy and type of processor everywhere, and a BLAS of one thread: the workers see to
    it, but without an executor set OMP_NUM_THREADS=1 to compare.) The compiled program goes to each worker once; net,
    loss and optimiser stay, so that lambdas are no matter. Validation and metrics are computed here.

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
    _check_executor(executor, shards, engine)
    tolerance = tolerance if tolerance is None else not_negative("tolerance", tolerance)
    after_epochs = as_callbacks(callbacks)
    batches = _batches(len(samples), batch_size, seed)
    for prefix, (inputs, wanted) in sets.items():
        check_targets(net, loss, inputs, wanted, is_trained=not prefix)
    run = _Run(
        _make_engine(engine, net, loss, optimizer, samples, targets, executor, shards),
        EagerEngine(net, loss, optimizer, samples, targets),
        batches,
        sets,
        named_metrics(metrics, net, loss, sets),
        after_epochs,
    )
    if patience is not None or tolerance is not None:
        run.patience, run.tolerance = patience or 1, tolerance or 0.0
    return run.train(epochs, progress)


@dataclass
class _Run:
    """One call of `fit`."""

    engine: Engine
    eager: EagerEngine
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
        self.last_good = self.engine.snapshot()
        bar = _progress_bar(epochs, progress)
        try:
            for epoch in range(1, epochs + 1):
                with self.engine.running():
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
            self.engine.restore(self.last_good if self.best is None else self.best)
            trim(history)
            history.stopped = "interrupted"
        finally:
            self.engine.write_back()
            bar.close()
        if history.stopped != "interrupted" and self.patience is not None and self.best is not None:
            self.engine.restore(self.best)
            self.engine.write_back()
        return history

    def _epoch(self, epoch: int, history: History) -> float:
        total = 0.0
        n = 0
        for step, batch in enumerate(self.batches(), 1):
            try:
                loss = self.engine.loss_and_gradient(batch)
            except ArithmeticError as error:
                raise self._diverged(epoch, history, f"the loss cannot be computed: {error}") from error
            except WorkerError as error:
                raise WorkerError(f"{error} in epoch {epoch}, step {step}; {_WHAT_IS_LEFT}", history) from error
            if not math.isfinite(loss):
                raise self._diverged(epoch, history, f"the loss became {loss}{self._culprit(batch)}")
            self.last_good = self.engine.snapshot()
            if not self.engine.step():
                raise self._diverged(epoch, history, self._culprit_of_step(batch))
            total += loss * len(batch)
            n += len(batch)
        return total / n

    def _judge(self, history: History) -> None:
        """Measure what was learnt in the epoch, and remember the best."""
        for prefix, (X, y) in self.data.items():
            if prefix or self.metrics:
                predictions = self.engine.predict(X)
                if prefix:
                    history.validation_loss.append(self._loss_of(predictions, y))
                for name, metric in self.metrics.items():
                    history.metrics.setdefault(prefix + name, []).append(metric(predictions, y))
        current = (history.validation_loss or history.loss)[-1]
        if current < self.lowest - self.tolerance:
            self.lowest = current
            history.best_epoch = len(history)
            self.best = self.engine.snapshot()

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
        self.engine.write_back()
        try:
            stops = [_is_true(callback(history)) for callback in self.callbacks]
        finally:
            self.engine.read()
        try:
            self.engine.refresh()
        except Exception as error:  # of whatever kind: the eager engine asks net and loss themselves
            _warn_of_slowness(error, stacklevel=5)
            self.engine = self.eager
        return stops

    def _diverged(self, epoch: int, history: History, what: str) -> DivergedError:
        self.engine.restore(self.last_good)
        advice = "a smaller learning rate, scaled inputs or clipped gradients may help"
        return DivergedError(f"training diverged in epoch {epoch}: {what}; {advice}", history)

    def _culprit(self, batch: Sequence[int], backward: bool = False) -> str:
        """The first operation whose result, or whose gradient, is not finite; empty if there is none."""
        self.engine.write_back()
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
        self.engine.write_back()
        params = self.eager.optimizer.params
        i = next((i for i, p in enumerate(params) if not math.isfinite(p.data)), 0)
        self.engine.restore(self.last_good)
        name = escaped(params[i].label) or f"parameter {i}"
        return f"{name} became infinite or undefined by a step{self._culprit(batch, backward=True)}"


# --- helpers ----------------------------------------------------------------------------------------------------------


def _make_engine(
    name: str,
    net: Net,
    loss: Loss,
    optimizer: Optimizer,
    X: Array,
    y: Array,
    executor: Executor | None,
    shards: int | None,
) -> Engine:
    if name not in ("auto", "eager"):
        raise ValueError(f"engine is 'auto' or 'eager', got {name!r}")
    eager = EagerEngine(net, loss, optimizer, X, y)
    if name == "eager" or is_detecting():  # a compiled program does not look at each operation
        return eager
    try:
        if executor is not None:
            from autograd_lite.training.parallel import ParallelEngine

            return ParallelEngine(net, loss, optimizer, X, y, executor, shards)
        from autograd_lite.training.compiled import CompiledEngine

        return CompiledEngine(net, loss, optimizer, X, y, shards)
    except Exception as error:
        try:
            with in_use(net), recording():  # in use, so that no Dropout draws
                eager.graph([0])
        except Exception:  # the net cannot do this sample at all: training will say so
            return eager
        if executor is not None:
            raise TypeError(
                f"workers run a compiled program, but this net cannot be compiled: {error}. Change what cannot be"
                " compiled, or leave the executor away to train one Value at a time"
            ) from error
        _warn_of_slowness(error, stacklevel=4)
        return eager


def _warn_of_slowness(error: Exception, stacklevel: int) -> None:
    message = f"training one Value at a time, which is slow, as the net cannot be compiled: {error}"
    warnings.warn(message, stacklevel=stacklevel)


def _is_true(answer: object) -> bool:
    """Whether a callback returned True, be it Python's or NumPy's."""
    return isinstance(answer, (bool, require_numpy().bool_)) and bool(answer)


def _check_executor(executor: Executor | None, shards: int | None, engine: str) -> None:
    if shards is not None and shards < 1:
        raise ValueError(f"shards is at least 1, got {shards!r}")
    if executor is not None and not isinstance(executor, Executor):
        hint = " (from a Dask client: client.get_executor(pure=False))" if hasattr(executor, "get_executor") else ""
        raise TypeError(f"executor is a concurrent.futures.Executor, got {type(executor).__name__}{hint}")
    if engine == "eager" and (executor is not None or shards is not None):
        raise ValueError("engine='eager' builds its graphs here and at once: executor and shards go with engine='auto'")


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
            # In a notebook without widgets the bar is text, in a browser it has no thread; and that is well.
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
