"""Losses: how far one prediction is from its target.

Each is `loss(prediction, target) -> Value` for one sample: the prediction is a Value or a sequence of Values, as a net
returns it, and the target a number or a sequence of numbers. `fit` takes the mean over the samples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from autograd_lite import ops
from autograd_lite.functions import mean, minimum, relu, softplus, total
from autograd_lite.nn.settings import positive
from autograd_lite.value import Value, apply_to_sequence

__all__ = ["binary_cross_entropy", "cross_entropy", "half_mse", "hinge", "huber", "mae", "mse"]


Prediction = Value | float | Sequence[Value | float]
Target = Value | float | Sequence[Value | float]
Loss = Callable[[Any, Any], Any]


def mse(prediction: Prediction, target: Target) -> Value | Any:
    """The squared error (ŷ - y)², its mean over the outputs.

    Raises
    ------
    ValueError
        If there are more or fewer targets than predictions; so do all losses.

    Examples
    --------
    >>> mse(3.0, 1.0), mse([3.0, 1.0], [1.0, 1.0])
    (4.0, 2.0)
    """
    return _mean([d * d for d in _differences("mse", prediction, target)])


def half_mse(prediction: Prediction, target: Target) -> Value | Any:
    """Half the squared error, ½ Σ (ŷ - y)², its sum over the outputs: the derivative is simply ŷ - y.

    The mean over m samples is L = 1/(2m) Σ (ŷ - y)².

    Examples
    --------
    >>> half_mse(3.0, 1.0), half_mse([3.0, 1.0], [1.0, 1.0])
    (2.0, 2.0)
    """
    return _sum([0.5 * (d * d) for d in _differences("half_mse", prediction, target)])


def mae(prediction: Prediction, target: Target) -> Value | Any:
    """The absolute error |ŷ - y|, its mean over the outputs. Its derivative is 0 where the prediction is exact.

    Examples
    --------
    >>> mae(3.0, 1.0)
    2.0
    """
    return _mean([abs(d) for d in _differences("mae", prediction, target)])


def huber(prediction: Prediction, target: Target, delta: float = 1.0) -> Value | Any:
    """Quadratic for a small error and linear for a large one, its mean over the outputs.

    ½ d² for |d| ≤ delta, else delta (|d| - ½ delta), where d = ŷ - y.

    References
    ----------
    Huber, "Robust estimation of a location parameter" (1964).

    Examples
    --------
    >>> huber(1.5, 1.0), huber(4.0, 1.0)
    (0.125, 2.5)
    """
    delta = positive("delta", delta)
    return _mean([_huber(abs(d), delta) for d in _differences("huber", prediction, target)])


def _huber(distance: Any, delta: float) -> Any:
    near = minimum(distance, delta)
    return 0.5 * (near * near) + delta * (distance - near)


def hinge(prediction: Prediction, target: Target) -> Value | Any:
    """The margin loss of a support vector machine, max(0, 1 - y ŷ), its mean over the outputs.

    The target is -1 or +1.

    Examples
    --------
    >>> hinge(0.25, 1), hinge(0.25, -1), hinge(3.0, 1)
    (0.75, 1.25, 0.0)
    """
    pairs = _pairs("hinge", prediction, target)
    for _, y in pairs:
        if not isinstance(y, Value) and y not in (-1, 1):
            raise ValueError(f"hinge takes the targets -1 and +1, got {y:g}: for 0 and 1 use 2 * y - 1")
    return _mean([relu(1.0 - y * p) for p, y in pairs])


def binary_cross_entropy(prediction: Prediction, target: Target) -> Value | Any:
    """The cross-entropy -log P(y) where P(1) = sigmoid(logit), its mean over the outputs.

    The prediction is the logit: a number before the sigmoid, so the loss neither overflows nor loses digits. The target
    is 0 or 1, or a probability between them. Computed as y softplus(-logit) + (1 - y) softplus(logit).

    Examples
    --------
    >>> binary_cross_entropy(0.0, 1), binary_cross_entropy(-1000.0, 1), binary_cross_entropy(1000.0, 1)
    (0.6931471805599453, 1000.0, 0.0)
    """
    pairs = _pairs("binary_cross_entropy", prediction, target)
    for _, y in pairs:
        if not isinstance(y, Value) and not 0 <= y <= 1:
            advice = {-1: ": for -1 and +1 use (y + 1) / 2", 2: ": for 1 and 2 use y - 1", 255: ": use y / 255"}
            raise ValueError(f"binary_cross_entropy takes targets from 0 to 1, got {y:g}{advice.get(y, '')}")
    return _mean([_binary_cross_entropy(p, y) for p, y in pairs])


def _binary_cross_entropy(logit: Any, target: Any) -> Any:
    if not isinstance(target, Value) and target in (0, 1):  # the usual case needs one half of the formula only
        return softplus(-logit if target else logit)
    return target * softplus(-logit) + (1.0 - target) * softplus(logit)


def cross_entropy(prediction: Prediction, target: Target) -> Value | Any:
    """The cross-entropy -log P(class) where P = softmax(logits).

    The predictions are the logits: numbers before the softmax. The target is the index of the class, which
    may stand in a sequence of one; or one number for each class, which sum to 1: a one-hot vector, or probabilities. Computed from the distances to the largest logit, so
    that shifting all logits changes nothing; a class of weight 0 may be impossible (-inf).

    Raises
    ------
    ValueError
        If the target is not a class: neither an integer from 0 to n - 1, nor n numbers that are not negative and sum to 1.

    Examples
    --------
    >>> cross_entropy([0.0, 0.0], 1), cross_entropy([1000.0, -1000.0], 1)
    (0.6931471805599453, 2000.0)
    >>> cross_entropy([0.0, 0.0], [0, 1])
    0.6931471805599453
    """
    logits, targets = _sequence(prediction), _sequence(target)
    if _is_number(target) or len(targets) == 1 < len(logits):
        index = _class_index(targets[0], len(logits))
        one_hot = [float(i == index) for i in range(len(logits))]
        return apply_to_sequence(ops.CROSS_ENTROPY, (*one_hot, *logits))
    weights = [y for _, y in _pairs("cross_entropy", prediction, target)]
    if not any(isinstance(y, Value) for y in weights) and (min(weights) < 0.0 or abs(sum(weights) - 1.0) > 1e-6):
        given = ", ".join([f"{y:g}" for y in weights])
        raise ValueError(
            f"cross_entropy takes a class index, or targets that sum to 1 and are not negative, got [{given}]"
        )
    return apply_to_sequence(ops.CROSS_ENTROPY, (*weights, *logits))


# --- helpers ----------------------------------------------------------------------------------------------------------


def _is_number(x: Any) -> bool:
    return isinstance(x, (Value, float, int)) or getattr(x, "ndim", None) == 0


def _sequence(x: Any) -> list[Any]:
    if _is_number(x):
        return [x]
    if isinstance(x, (str, bytes)) or not hasattr(x, "__iter__"):
        raise TypeError(f"a loss takes numbers, Values, or sequences of them, got {type(x).__name__}: {x!r:.80}")
    return list(x)


def _pairs(name: str, prediction: Any, target: Any) -> list[tuple[Any, Any]]:
    predictions, targets = _sequence(prediction), _sequence(target)
    if len(predictions) != len(targets) or not predictions:
        raise ValueError(f"{name} takes one target for each prediction, got {len(predictions)} and {len(targets)}")
    return list(zip(predictions, targets))


def _differences(name: str, prediction: Any, target: Any) -> list[Any]:
    return [p - y for p, y in _pairs(name, prediction, target)]


def _mean(xs: list[Any]) -> Any:
    return xs[0] if len(xs) == 1 else mean(xs)


def _sum(xs: list[Any]) -> Any:
    return xs[0] if len(xs) == 1 else total(xs)


def _class_index(target: Any, n: int) -> int:
    if isinstance(target, Value):
        raise TypeError("cross_entropy takes a class index as a plain number; give a Value target as a one-hot vector")
    if not 0 <= target < n or int(target) != target:  # nan and inf are not below n
        raise ValueError(f"cross_entropy of {n} logits takes a class from 0 to {n - 1}, got {target:g}")
    return int(target)
