"""Gradient clipping: together by their norm, or each by its value. `optim` shows these functions too."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from autograd_lite.nn.settings import check_parameters, positive
from autograd_lite.value import Value


def clip_grad_norm(params: Iterable[Value], max_norm: float) -> float:
    """Scale the gradients down together so that their Euclidean norm is `max_norm` at most.

    Returns
    -------
    float
        The norm before.

    References
    ----------
    Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks" (2013).

    Examples
    --------
    >>> a, b = Value(0.0), Value(0.0)
    >>> a.grad, b.grad = 3.0, 4.0
    >>> clip_grad_norm([a, b], 1.0)
    5.0
    >>> round(a.grad, 6), round(b.grad, 6)
    (0.6, 0.8)
    """
    values = check_parameters(params)
    gradients = [p.grad for p in values]
    for p, gradient in zip(values, by_norm(gradients, positive("max_norm", max_norm))):
        p.grad = gradient
    return math.hypot(*gradients)


def clip_grad_value(params: Iterable[Value], max_value: float) -> None:
    """Cut each gradient off at ± `max_value`.

    Examples
    --------
    >>> a = Value(0.0)
    >>> a.grad = -3.0
    >>> clip_grad_value([a], 1.0)
    >>> a.grad
    -1.0
    """
    values = check_parameters(params)
    gradients = by_value([p.grad for p in values], positive("max_value", max_value))
    for p, gradient in zip(values, gradients):
        p.grad = gradient


def by_norm(gradients: Sequence[float], max_norm: float) -> list[float]:
    """The gradients, scaled down so that their Euclidean norm is `max_norm` at most."""
    # As in PyTorch, whose 1e-6 keeps the divisor above 0.
    scale = min(1.0, max_norm / (math.hypot(*gradients) + 1e-6))
    return [gradient * scale for gradient in gradients]


def by_value(gradients: Sequence[float], limit: float) -> list[float]:
    """The gradients, cut off at ± `limit`."""
    return [limit if gradient > limit else -limit if gradient < -limit else gradient for gradient in gradients]
