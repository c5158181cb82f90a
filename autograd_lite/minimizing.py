"""The bridge to SciPy's minimisers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from autograd_lite.calls import Call, plain
from autograd_lite.transforms import hessian, hvp
from autograd_lite.trees import Tree
from autograd_lite.value import gradients_of

_WITH_GRADIENT: Final = {"cg", "bfgs", "l-bfgs-b", "tnc", "slsqp"}
_WITH_HESSIAN_PRODUCT: Final = {"newton-cg", "trust-ncg", "trust-krylov", "trust-constr"}
_WITH_HESSIAN: Final = {"dogleg", "trust-exact"}


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
        Its `x` is an array of all numbers in order.

    Raises
    ------
    ImportError
        If SciPy is not installed.

    Examples
    --------
    >>> def rosenbrock(p):
    ...     x, y = p
    ...     return (1 - x) ** 2 + 100 * (y - x**2) ** 2
    >>> result = minimize(rosenbrock, [-1.2, 1.0])
    >>> result.success, [round(x, 5) for x in result.x.tolist()]
    (True, [1.0, 1.0])
    """
    try:
        import numpy
        import scipy.optimize
    except ImportError as error:
        raise ImportError('minimize() needs SciPy: pip install "autograd-lite[optimize]"') from error
    tree = Tree(x0, "x0")

    def value_and_slope(x: Any) -> tuple[float, Any]:
        call = Call(f, (tree.fill(x.tolist()),), {}, (0,))
        y = call.scalar("minimize")
        return y.data, numpy.array(gradients_of(y, call.leaves))

    def value(x: Any) -> float:
        return Call(f, (tree.fill(x.tolist()),), {}, (0,)).scalar("minimize").data

    def hessian_product(x: Any, v: Any) -> Any:
        return numpy.array(Tree(hvp(f, tree.fill(x.tolist()), tree.fill(v.tolist())), "hvp").numbers)

    def flat_hessian(x: Any) -> Any:
        return numpy.array(hessian(lambda flat: f(tree.fill(flat)))(x.tolist()))

    name = method.lower()
    if name in _WITH_HESSIAN:
        options.setdefault("hess", flat_hessian)
    elif name in _WITH_HESSIAN_PRODUCT:
        options.setdefault("hessp", hessian_product)
    sloped = name in _WITH_GRADIENT | _WITH_HESSIAN_PRODUCT | _WITH_HESSIAN
    start = numpy.array(plain(tree.numbers))
    return scipy.optimize.minimize(
        value_and_slope if sloped else value, start, method=method, jac=sloped or None, **options
    )
