"""Metrics: how good predictions are, in terms that people speak of.

Each is `metric(predictions, targets) -> float` for all samples at once, on NumPy arrays or lists.
"""

from __future__ import annotations

from typing import Any

from autograd_lite.nn.data import require_numpy
from autograd_lite.nn.settings import real

__all__ = ["accuracy", "r2"]


def accuracy(predictions: Any, targets: Any, threshold: float = 0.0) -> float:
    """The share of the samples that are put in the right class.

    Parameters
    ----------
    predictions : array of shape (n,) or (n, classes)
        Of one number, the class is whether it is above the threshold; of several, which one is the largest.
    targets : array of shape (n,) or (n, classes)
        With one prediction a sample: 0 and 1, or -1 and +1. With several: the class, or a one-hot row.
    threshold : float
        0 for a logit, 0.5 for a probability.

    Returns
    -------
    float
        A prediction that is nan is never right.

    Raises
    ------
    ValueError
        If the targets are other labels than these.

    Examples
    --------
    >>> accuracy([-1.0, 2.0, 3.0, 4.0], [0, 1, 1, 0])
    0.75
    """
    predicted, wanted = _arrays(predictions, targets)
    n = predicted.shape[1]
    labels = set(wanted.ravel().tolist())
    if wanted.shape[1] not in (1, n):
        raise ValueError(
            f"accuracy takes a class or {n} numbers as target, as there are {n} predictions, got {wanted.shape[1]}"
        )
    if n == 1:
        if not (labels <= {0.0, 1.0} or labels <= {-1.0, 1.0}):
            raise ValueError(f"accuracy of one prediction takes the labels 0 and 1, or -1 and +1, got {_shown(labels)}")
        right = (predicted > real("threshold", threshold)) == (wanted > 0.0)
    elif wanted.shape[1] == 1:
        if not labels <= set(range(n)):
            raise ValueError(f"accuracy of {n} predictions takes the classes 0 to {n - 1}, got {_shown(labels)}")
        right = predicted.argmax(axis=1, keepdims=True) == wanted
    else:
        right = predicted.argmax(axis=1) == wanted.argmax(axis=1)
    numpy = require_numpy()
    return float((right.reshape(len(right)) & ~numpy.isnan(predicted).any(axis=1)).mean())


def r2(predictions: Any, targets: Any) -> float:
    """The coefficient of determination R²: 1 for perfect predictions, 0 for the mean of the targets; can be negative.

    1 - Σ (y - ŷ)² / Σ (y - mean of y)²; the mean over the outputs, if there are several. Of targets that are all the
    same it is 1 if they are met, else 0.

    Examples
    --------
    >>> r2([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]), r2([2.0, 2.0, 2.0], [1.0, 2.0, 3.0])
    (1.0, 0.0)
    """
    predicted, wanted = _arrays(predictions, targets)
    if predicted.shape != wanted.shape:
        raise ValueError(
            f"r2 takes as many targets as predictions for each sample, got {wanted.shape[1]} and {predicted.shape[1]}"
        )
    left = ((wanted - predicted) ** 2).sum(axis=0)
    spread = ((wanted - wanted.mean(axis=0)) ** 2).sum(axis=0)
    scores = [1.0 - e / s if s > 0.0 else float(e == 0.0) for e, s in zip(left, spread)]
    return float(sum(scores) / len(scores))


METRICS = {"accuracy": accuracy, "r2": r2}


def _arrays(predictions: Any, targets: Any) -> tuple[Any, Any]:
    numpy = require_numpy()

    try:
        predicted, wanted = (numpy.asarray(a, dtype=float) for a in (predictions, targets))
    except (TypeError, ValueError) as error:
        reason = "its rows differ in length" if "inhomogeneous" in str(error) else str(error)
        raise ValueError(
            f"a metric takes numbers, with the classes as 0, 1, …: {reason}. For labels that are text, numpy.unique(labels,"
            " return_inverse=True) gives the classes"
        ) from None
    if predicted.ndim == 0 or wanted.ndim == 0 or not predicted.size or not wanted.size:
        raise ValueError(
            "a metric takes the predictions and the targets of one sample or more, in two lists or arrays, got shapes"
            f" {predicted.shape} and {wanted.shape}"
        )
    if len(predicted) != len(wanted):
        raise ValueError(f"a metric takes one target for each prediction, got {len(predicted)} and {len(wanted)}")
    return predicted.reshape(len(predicted), -1), wanted.reshape(len(wanted), -1)


def _shown(labels: set[float]) -> str:
    some = [f"{label:g}" for label in sorted(labels)[:5]]
    return ", ".join(some) + (f" and {len(labels) - 5} more" if len(labels) > 5 else "")
