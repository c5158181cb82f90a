"""Scores of predictions: `metrics.accuracy(predictions, targets)`."""

from autograd_lite.nn.metrics import *  # noqa: F403
from autograd_lite.nn.metrics import __all__ as __all__


def __dir__() -> list[str]:
    return __all__
