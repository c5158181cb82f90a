"""The losses of one sample: `losses.mse(prediction, target)`."""

from autograd_lite.nn.losses import *  # noqa: F403
from autograd_lite.nn.losses import __all__ as __all__


def __dir__() -> list[str]:
    return __all__
