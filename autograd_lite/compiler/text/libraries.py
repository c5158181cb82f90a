"""What the array libraries call things, for programs written as text."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_lite import ops


@dataclass(frozen=True)
class Library:
    """An array library.

    Parameters
    ----------
    imports : str
        The first lines of a program.
    helpers : dict
        Definitions of functions that it does not have, or not in this form.
    array : callable
        Writes an array as text.
    add_to : str
        How something is added to a part of an array: of its name, an index and the text of what is added.
    copy : str
        How an array is copied before that, if it is changed.
    functions : dict
        What it calls rows of the table, where not by the row's name.
    """

    imports: str
    helpers: dict[str, str]
    array: Callable[[Any], str]
    functions: dict[str, str]
    add_to: str = "{0}[{1}] += {2}"
    copy: str = "{0}.copy()"


_NUMPY_NAMES = "amax, acos, acosh, asin, asinh, atan, atan2, atanh, broadcast_to, cbrt, concatenate, cos, cosh, einsum, exp, exp2, expm1, hypot, log, log10, log1p, log2, maximum, minimum, moveaxis, ones, outer, sign, sin, sinh, sqrt, stack, tan, tanh, transpose, where, zeros"

# These have a formula here, for NumPy's treatment of nan; a program's text takes the library's own.
_OWN = {"maximum": "maximum", "minimum": "minimum"}

_NUMPY = Library(
    f"import math\n\nimport numpy\nfrom numpy import array, {_NUMPY_NAMES}",
    {
        "add_at": "def add_at(target, rows, values):\n    flat = target.reshape((-1, values.shape[1])).copy()\n    numpy.add.at(flat, rows, values)\n    return flat.reshape(target.shape)",
        "detach": "def detach(x):\n    return x",
        "erf": "erf = numpy.vectorize(math.erf, otypes=[float])",
        "erfc": "erfc = numpy.vectorize(math.erfc, otypes=[float])",
    },
    lambda value: f"array({np.asarray(value).tolist()!r})",
    {"ieee_log": "log", **_OWN},
)

_JAX = Library(
    'import jax\n\njax.config.update("jax_enable_x64", True)\n'
    f"from jax.numpy import array, {_NUMPY_NAMES}\nfrom jax.scipy.special import erf, erfc",
    {
        "detach": "detach = jax.lax.stop_gradient",
        "add_at": "def add_at(target, rows, values):\n    return target.reshape((-1, values.shape[1])).at[rows].add(values).reshape(target.shape)",
    },
    lambda value: f"array({np.asarray(value).tolist()!r})",
    {"ieee_log": "log", **_OWN},
    "{0} = {0}.at[{1}].add({2})",
    "",
)

_TORCH_PAIRS = "\n".join(
    [
        f"def {name}(x, y):\n    return torch.{name}(torch.as_tensor(x, dtype=torch.float64), torch.as_tensor(y, dtype=torch.float64))\n\n"
        for name in ("atan2", "hypot", "maximum", "minimum")
    ]
)
_TORCH = Library(
    "import torch\nfrom torch import amax, acos, acosh, asin, asinh, atan, atanh, broadcast_to, cos, cosh, einsum, erf, erfc, exp, exp2, expm1, log, log10, log1p, log2, moveaxis, outer, sign, sin, sinh, sqrt, stack, tan, tanh, where\n"
    "from torch import cat as concatenate\nfrom torch import permute as transpose\n\n\n"
    "def ones(shape):\n    return torch.ones(shape, dtype=torch.float64)\n\n\n"
    "def zeros(shape):\n    return torch.zeros(shape, dtype=torch.float64)\n\n\n" + _TORCH_PAIRS.rstrip(),
    {
        "detach": "def detach(x):\n    return x.detach()",
        "cbrt": "def cbrt(x):\n    return sign(x) * abs(x) ** (1 / 3)",
        "add_at": "def add_at(target, rows, values):\n    flat = target.reshape((-1, values.shape[1]))\n    return flat.index_add(0, rows, values).reshape(target.shape)",
    },
    lambda value: (
        f"torch.tensor({np.asarray(value).tolist()!r}"
        + (", dtype=torch.float64)" if np.asarray(value).dtype.kind == "f" else ")")
    ),
    {"ieee_log": "log", **_OWN},
    copy="{0}.clone()",
)

LIBRARIES = {"numpy": _NUMPY, "torch": _TORCH, "jax": _JAX}


def _names_of(library: Library) -> list[str]:
    found = list(library.helpers)
    for node in ast.parse(library.imports).body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found += [alias.asname or alias.name for alias in node.names]
        elif isinstance(node, ast.FunctionDef):
            found.append(node.name)
    return found


# What has a meaning of its own in a program's text, so that neither the function nor an argument can be called so.
RESERVED = {"parameters", "n", "zero", "minus_infinity", "len", "float", *ops.TABLE}
RESERVED.update(*map(_names_of, LIBRARIES.values()))
