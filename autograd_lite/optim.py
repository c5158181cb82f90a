"""Optimisers, schedules of the learning rate, and clipping: `optim.Adam(net.parameters(), lr=0.01)`."""

from autograd_lite.nn.optim import *  # noqa: F403
from autograd_lite.nn.optim import __all__ as __all__


def __dir__() -> list[str]:
    return __all__
