"""The estimators for scikit-learn: `scikit.Classifier` and `scikit.Regressor`.

scikit-learn is imported when one of them is first used.
"""

from __future__ import annotations

import importlib as _importlib
import typing as _typing

if _typing.TYPE_CHECKING:
    from autograd_lite.training.estimators import Classifier as Classifier
    from autograd_lite.training.estimators import Regressor as Regressor

__all__ = ["Classifier", "Regressor"]


def __getattr__(name: str) -> _typing.Any:
    if name not in __all__:
        raise AttributeError(f"autograd_lite.scikit has no {name!r}; there are {' and '.join(__all__)}")
    return getattr(_importlib.import_module("autograd_lite.training.estimators"), name)


def __dir__() -> list[str]:
    return __all__
