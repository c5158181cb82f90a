"""The bridge to SciPy's minimisers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from autograd_lite._support.text import quoted
from autograd_lite.derivatives.anomaly import AnomalyError
from autograd_lite.derivatives.call import Call, plain
from autograd_lite.derivatives.transforms import hessian, hvp
from autograd_lite.derivatives.trees import Tree
from autograd_lite.value import gradients_of

_WITH_GRADIENT: Final = {"cg", "bfgs", "l-bfgs-b", "tnc", "slsqp"}
_WITH_HESSIAN_PRODUCT: Final = {"newton-cg", "trust-ncg", "trust-krylov", "trust-constr"}
_WITH_HESSIAN: Final = {"dogleg", "trust-exact"}
_WITH_VALUES: Final = {"nelder-mead", "powell", "cobyla", "cobyqa"}
_METHODS: Final = _WITH_GRADIENT | _WITH_HESSIAN_PRODUCT | _WITH_HESSIAN | _WITH_VALUES
# Their line searches fit a polynomial through the values, where infinity would stop them.
_INTERPOLATING: Final = {"l-bfgs-b", "tnc"}


def minimize(f: Callable[..., Any], x0: Any, method: str = "BFGS", **options: Any) -> Any:
    """Minimise a function with SciPy, on exact derivatives.

    Parameters
    ----------
    f : callable
        Takes `x`, in the structure of `x0`, and returns one number.
    x0
        Where to start: a number, or nested lists, tuples, dicts and arrays of numbers.
    method : str
        A method of `scipy.optimize.minimize`. It is given what it can use: gradients, and for the Newton methods
        Hessian-vector products or the Hessian.
    **options
        Further arguments of `scipy.optimize.minimize`: `tol`, `bounds`, `callback`, `options`, …

    Returns
    -------
    scipy.optimize.OptimizeResult
        Its `x` has the structure of `x0`; what else it has, such as `jac`, is in arrays of all numbers in order.

    Raises
    ------
    ImportError
        If SciPy is not installed.
    ValueError
        If the function is not defined at `x0`. Elsewhere an ArithmeticError or ValueError of the function, or a nan,
        counts as infinity, so that the method takes a shorter step.

    Examples
    --------
    >>> def rosenbrock(p):
    ...     x, y = p
    ...     return (1 - x) ** 2 + 100 * (y - x**2) ** 2
    >>> result = minimize(rosenbrock, [-1.2, 1.0])
    >>> result.success, [round(x, 5) for x in result.x]
    (True, [1.0, 1.0])
    """
    try:
        import numpy
        import scipy.optimize
    except ImportError as error:
        raise ImportError('minimize() needs SciPy: pip install "autograd-lite[optimize]"') from error
    tree = Tree(x0, "x0")
    if not isinstance(method, str) or method.lower() not in _METHODS:
        given = quoted(method) if isinstance(method, str) else f"{type(method).__name__}: {method!r:.80}"
        raise ValueError(f"method must be one of {', '.join(sorted(_METHODS))}, in any case, got {given}")
    name = method.lower()
    highest = -math.inf  # of the values so far; at the start there is none

    def outside(x: Any, reason: str, error: Exception | None = None) -> float:
        """What counts as the function's value where it is not defined: a step too far, which a line search takes back."""
        if highest == -math.inf:
            raise ValueError(
                f"minimize starts outside the domain of the function, at {x.tolist()!r:.200}: {reason}"
            ) from error
        return highest + 1.0 + abs(highest) if name in _INTERPOLATING else math.inf

    def value_and_gradient(x: Any) -> tuple[float, Any]:
        nonlocal highest
        try:
            call = Call(f, (tree.fill(x.tolist()),), {}, (0,))
        except AnomalyError:  # that is what detect_anomaly() is for
            raise
        except (ArithmeticError, ValueError) as error:
            return outside(x, str(error), error), numpy.zeros(len(x))
        y = call.scalar("minimize")
        if math.isnan(y.data):
            return outside(x, "the result is nan"), numpy.zeros(len(x))
        if y.data < math.inf:
            highest = max(highest, y.data)
        return y.data, numpy.array(gradients_of(y, call.leaves)) if takes_gradient else None

    def hessian_product(x: Any, v: Any) -> Any:
        return numpy.array(Tree(hvp(f, tree.fill(x.tolist()), tree.fill(v.tolist())), "hvp").numbers)

    def flat_hessian(x: Any) -> Any:
        try:
            return numpy.array(hessian(lambda flat: f(tree.fill(flat)))(x.tolist()))
        except (ArithmeticError, ValueError):  # the value was infinite, so this matrix has no effect
            return numpy.zeros((len(x), len(x)))

    if name in _WITH_HESSIAN:
        options.setdefault("hess", flat_hessian)
    elif name in _WITH_HESSIAN_PRODUCT:
        options.setdefault("hessp", hessian_product)
    takes_gradient = name not in _WITH_VALUES
    start = numpy.array(plain(tree.numbers))
    with numpy.errstate(invalid="ignore"):  # the line searches compute with inf
        fun = value_and_gradient if takes_gradient else lambda x: value_and_gradient(x)[0]
        result = scipy.optimize.minimize(fun, start, method=method, jac=takes_gradient or None, **options)
    result.x = tree.fill(result.x.tolist())
    return result
