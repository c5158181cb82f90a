"""What `fit` is asked to do, checked before its first step: each mistake gets a sentence that says what to write."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from autograd_lite import ops
from autograd_lite.contexts import recording
from autograd_lite.nn import losses
from autograd_lite.nn.data import as_samples, as_targets, require_numpy
from autograd_lite.nn.losses import Loss
from autograd_lite.nn.metrics import METRICS, accuracy
from autograd_lite.nn.module import Module
from autograd_lite.nn.optim import Optimizer
from autograd_lite.nn.predict import Net, in_use
from autograd_lite.value import Value

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, Any]

Metric = Callable[[Any, Any], float]

_REGRESSION = (losses.mse, losses.half_mse, losses.mae, losses.huber)
_MOST_TARGETS = 4096  # different ones, that a loss of the user's is asked about

# --- net, loss and optimiser ------------------------------------------------------------------------------------------


def check_net_and_loss(net: object, loss: object) -> None:
    """Raise a TypeError if one of them is not a function of a sample."""
    if isinstance(net, type):
        raise TypeError(f"net is the class {net.__name__}: give a net made from it, such as nn.MLP(2, [16, 1])")
    if not callable(net):
        raise TypeError(f"net must be a Module or a function of one sample, got {type(net).__name__}: {net!r}")
    if isinstance(loss, str):
        known = [name for name, thing in vars(losses).items() if inspect.isfunction(thing) and _is_loss(thing)]
        advice = f"losses.{loss}" if loss in known else ", ".join([f"losses.{name}" for name in known])
        raise TypeError(f"loss must be a function, got the text {loss!r}: write {advice}")
    if not callable(loss):
        raise TypeError(f"loss must be a function such as losses.mse, got {type(loss).__name__}: {loss!r}")
    try:
        signature = inspect.signature(loss)
    except (TypeError, ValueError):  # a built-in function that does not say what it takes
        return
    try:
        signature.bind(0.0, 0.0)
    except TypeError:
        raise TypeError(f"loss must take two arguments, (prediction, target), got a function of {signature}") from None


def _is_loss(function: Any) -> bool:
    return function.__module__ == losses.__name__ and not function.__name__.startswith("_")


def check_optimizer(net: Net, optimizer: object) -> None:
    """Raise if it is not an optimiser, or not one of this net."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"fit takes an optimizer such as optim.Adam(net.parameters()), got {optimizer!r}")
    if isinstance(net, Module) and not set(net.parameters()).intersection(optimizer.params):
        raise ValueError("the optimizer holds no parameter of this net: it was made for another one")


def check_engine(engine: object, workers: object) -> None:
    """Raise if there is no such engine, or it cannot have workers."""
    if engine not in ("auto", "eager"):
        raise ValueError(f"engine must be 'auto' or 'eager', got {engine!r}")
    if engine == "eager" and workers is not None:
        raise ValueError("engine='eager' builds its graphs in this thread: workers go with engine='auto'")


# --- data -------------------------------------------------------------------------------------------------------------


def as_pair(X: Any, y: Any) -> tuple[Array, Array]:
    """Samples and targets as arrays of equal length."""
    samples, targets = as_samples(X), as_targets(y)
    if len(samples) != len(targets):
        raise ValueError(f"X and y take the same number of samples, got {len(samples)} and {len(targets)}")
    return samples, targets


def as_validation(validation: Any) -> tuple[Array, Array]:
    """The pair of samples and targets to watch."""
    if ops.is_number(validation) or not isinstance(validation, Iterable):
        raise TypeError(
            f"validation must be a pair (X, y) of data, got {type(validation).__name__}: {validation!r}; divide the data with"
            " data.train_test_split(X, y, test_size=0.2)"
        )
    pair = list(validation)
    if len(pair) != 2:
        raise ValueError(f"validation must be a pair (X, y) of data, got {len(pair)} items")
    try:
        return as_pair(*pair)
    except ValueError as error:
        raise ValueError(f"validation: {error}") from None


def check_targets(net: Net, loss: Loss, X: Array, y: Array, *, is_trained: bool) -> bool:
    """Ask the loss about each different target, as an eager training would at some time.

    Parameters
    ----------
    net, loss
        As for `fit`.
    X, y : array
        The samples and their targets.
    is_trained : bool
        Whether the loss is to be differentiated, so that it must return a Value.

    Returns
    -------
    bool
        False if net or loss raise anything else: training will then raise it.

    Raises
    ------
    ValueError
        What the loss says of a target that it cannot mean.
    TypeError
        If the loss returns something that is not a number, or never a Value.
    """
    numpy = require_numpy()
    _, first = numpy.unique(y, axis=0, return_index=True)
    if len(first) > _MOST_TARGETS:
        most = 8 if loss in _REGRESSION else len(first) if _is_ours(loss) else _MOST_TARGETS
        first = first[numpy.linspace(0, len(first) - 1, most).astype(int)]
    with in_use(net), recording():
        try:
            prediction = net(X[0].tolist())
        except Exception:  # of the user's net, which may raise anything
            return False
        results = []
        for i in first.tolist():
            try:
                results.append(loss(prediction, y[i].tolist()))
            except ValueError:
                loss(net(X[i].tolist()), y[i].tolist())  # perhaps it is not the target, but the prediction
            except Exception:  # of the user's loss
                return False
    if is_trained:
        _check_results(results)
    return True


def _is_ours(loss: Any) -> bool:
    return inspect.isfunction(loss) and _is_loss(loss)


def _check_results(results: list[Any]) -> None:
    for result in results:
        if isinstance(result, Value) or ops.is_number(result):
            continue
        advice = ""
        if result is None:
            advice = "; is there a return statement missing?"
        elif isinstance(result, (list, tuple)):
            advice = "; return the mean of its items: autograd_lite.mean(…)"
        raise TypeError(
            f"loss must return one Value for each sample, got {type(result).__name__}: {result!r:.100}{advice}"
        )
    if results and not any(isinstance(result, Value) for result in results):
        raise TypeError(
            f"loss must return a Value, got {type(results[0]).__name__}: {results[0]!r}, which does not depend on the"
            " parameters; compute it from the prediction itself, not from its .data or float()"
        )


# --- numbers ----------------------------------------------------------------------------------------------------------


def whole(name: str, number: Any) -> int:
    """A positive integer of any kind."""
    if not hasattr(number, "__index__"):
        raise TypeError(f"{name} must be a positive integer, got {type(number).__name__}: {number!r}")
    if not int(number) >= 1:
        raise ValueError(f"{name} must be a positive integer, got {number!r}")
    return int(number)


def whole_or_none(name: str, number: Any) -> int | None:
    """A positive integer, or None."""
    return None if number is None else whole(name, number)


def not_negative(name: str, number: Any) -> float:
    """A number that is not negative."""
    if not ops.is_number(number):
        raise TypeError(f"{name} must be a number, got {type(number).__name__}: {number!r}")
    if math.isnan(number) or number < 0:
        raise ValueError(f"{name} must not be negative, got {number!r}")
    return float(number)


# --- callbacks and metrics --------------------------------------------------------------------------------------------


def as_callbacks(callbacks: Any) -> list[Callable[[Any], object]]:
    """The callbacks as a list; a single function is one."""
    given = [callbacks] if callable(callbacks) else callbacks
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise TypeError(f"callbacks must be functions of the history, got {type(given).__name__}: {given!r}")
    listed = list(given)
    for callback in listed:
        if not callable(callback):
            raise TypeError(f"callbacks must be functions of the history, got {type(callback).__name__}: {callback!r}")
    return listed


def named_metrics(metrics: Any, net: Net, loss: Loss, sets: dict[str, tuple[Array, Array]]) -> dict[str, Metric]:
    """The metrics by name; those of one name are numbered.

    Raises
    ------
    ValueError
        If there is no metric of a name, or "accuracy" cannot read the labels.
    """
    given = [metrics] if isinstance(metrics, str) or callable(metrics) else metrics
    if not isinstance(given, Iterable):
        raise TypeError(
            f"metrics must be names ({', '.join(METRICS)}) or functions, got {type(given).__name__}: {given!r}"
        )
    named: dict[str, Metric] = {}
    for metric in given:
        if callable(metric):
            name = getattr(metric, "__name__", None) or repr(metric)
        elif isinstance(metric, str) and metric in METRICS:
            name, metric = metric, _known(metric, net, loss, sets)
        else:
            raise ValueError(f"no metric is called {metric!r}; there are {', '.join(METRICS)}, or give a function")
        number = 2
        unique = name
        while unique in named:
            unique, number = f"{name}_{number}", number + 1
        named[unique] = metric
    return named


def _known(name: str, net: Net, loss: Loss, sets: dict[str, tuple[Array, Array]]) -> Metric:
    """A metric of the package, once it has read the targets."""
    numpy = require_numpy()
    metric: Metric = METRICS[name]
    targets = sets[""][1]
    if name == "accuracy" and loss in _REGRESSION and targets.size == len(targets):
        metric = _accuracy_of_labels(targets)
    try:
        with in_use(net), recording():
            output = net(sets[""][0][0].tolist())
        shape = () if isinstance(output, Value) or ops.is_number(output) else (len(output),)
    except Exception:  # training will say so
        return metric
    for _, wanted in sets.values():
        metric(numpy.zeros((len(wanted), *shape)), wanted)
    return metric


def _accuracy_of_labels(targets: Array) -> Metric:
    """`accuracy` for a loss that predicts the labels themselves: a prediction counts as the nearer of the two."""
    low, high = float(targets.min()), float(targets.max())
    halfway = 0.5 * (low + high)

    def accuracy_of_labels(predictions: Any, wanted: Any) -> float:
        labels = sorted({*wanted.ravel().tolist()} - {low, high})
        if labels:
            raise ValueError(
                f"accuracy with this loss takes two labels, got {low:g}, {high:g} and {labels[0]:g}: for numbers there is"
                " the metric 'r2'"
            )
        return accuracy(predictions, wanted == high, threshold=halfway)

    return accuracy_of_labels
