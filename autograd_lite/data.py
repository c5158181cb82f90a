"""Small data sets, and what `fit` makes of yours: `data.moons(100)`."""

from autograd_lite.nn.data import *  # noqa: F403
from autograd_lite.nn.data import __all__ as __all__


def __dir__() -> list[str]:
    return __all__
