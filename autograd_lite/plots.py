"""Pictures of training, with matplotlib: `plots.loss_curve(history)`."""

from autograd_lite.training.plots import *  # noqa: F403
from autograd_lite.training.plots import __all__ as __all__


def __dir__() -> list[str]:
    return __all__
