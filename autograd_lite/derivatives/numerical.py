"""Derivatives by differences, to check the exact ones against."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

from autograd_lite._support.columns import in_columns
from autograd_lite._support.text import escaped
from autograd_lite.contexts import no_grad
from autograd_lite.derivatives.trees import Tree
from autograd_lite.value import Value, gradients_of

# Halves of a central difference are off by about h² (truncation) and ε/h (rounding); the cube root balances the two.
_STEP: Final = sys.float_info.epsilon ** (1.0 / 3.0)
# A step and its half that agree to this are good enough.
_AGREEMENT: Final = 1e-7


class GradientError(AssertionError):
    """Gradients differ from what differences say."""

    __module__ = "autograd_lite"


def numerical_gradient(f: Callable[..., Any], xs: Sequence[Any], epsilon: float | None = None) -> list[float]:
    """Estimate a gradient from values of the function alone: (f(x + h) - f(x - h)) / 2h for each x.

    Parameters
    ----------
    f : callable
        Called as `f(*xs)`, on Values that record nothing; returns one number.
    xs : sequence
        The arguments: numbers, or nested lists, tuples, dicts and arrays of them.
    epsilon : float, optional
        The step h. By default ∛ε · max(|x|, 1), where ε is the rounding error of a float, which balances rounding and
        truncation (Press et al., Numerical Recipes, 5.7). Where `f` is not defined as far as that, or half of that step
        gives another derivative, ∛ε · |x|.

    Returns
    -------
    list of float
        One derivative for each number in `xs`.

    Raises
    ------
    TypeError
        If `f` does not return one number, or `xs` holds anything else.
    ValueError, ArithmeticError
        If `f` is not defined around the point.

    Examples
    --------
    >>> [round(x, 6) for x in numerical_gradient(lambda x, y: x * y**2, [2.0, 3.0])]
    [9.0, 12.0]
    """
    tree = _arguments(xs, "numerical_gradient")
    point = [float(x) for x in tree.numbers]
    return [_estimate(f, tree, point, i, epsilon) for i in range(len(point))]


def check_gradients(f: Callable[..., Any], xs: Sequence[Any], rtol: float = 1e-5, atol: float = 1e-7) -> None:
    """Check that the exact gradient of `f` agrees with central differences.

    Parameters
    ----------
    f : callable
        Called as `f(*xs)`, on Values; returns one number.
    xs : sequence
        The arguments: numbers, or nested lists, tuples, dicts and arrays of them.
    rtol, atol : float
        They agree where |ours - numerical| ≤ atol + rtol · |numerical| + error. The error is that of the differences:
        how much two steps differ, and what rounding does to `f`, divided by the step. Where the usual step does not
        agree, the one with the smallest error decides.

    Raises
    ------
    GradientError
        If they do not. It prints a table: which input, ours, numerical, difference.
    TypeError
        If `f` does not return one number, or `xs` holds anything else.

    Examples
    --------
    >>> from autograd_lite import define_op
    >>> check_gradients(lambda x, y: x * y**2, [2.0, 3.0])
    >>> wrong = define_op("wrong", lambda x: x * x, lambda x, y: 3 * x)
    >>> check_gradients(wrong, [2.0])
    Traceback (most recent call last):
        ...
    autograd_lite.GradientError: the gradient differs from central differences in 1 of 1 inputs (rtol=1e-05, atol=1e-07):
      input     x   ours   numerical   difference
      xs[0]   2.0    6.0         4.0          2.0
    """
    tree = _arguments(xs, "check_gradients")
    leaves = [Value(float(x), x.label if isinstance(x, Value) else "") for x in tree.numbers]
    y = f(*tree.fill(leaves))
    if not isinstance(y, Value):
        y = Value(_result(y))
    ours = gradients_of(y, leaves)
    point = [leaf.data for leaf in leaves]
    noise = _rounding(y)
    rows = []
    for i, (name, leaf, derivative) in enumerate(zip(tree.names, leaves, ours, strict=True)):
        estimate = _estimate(f, tree, point, i, None)
        if not _agree(derivative, estimate, rtol, atol):
            estimate, error = _best_estimate(f, tree, point, i, noise, estimate)
            if _agree(derivative, estimate, rtol, atol + error):
                continue
            numbers = (leaf.data, derivative, estimate, abs(derivative - estimate))
            rows.append((escaped(leaf.label or name), *[_short(number) for number in numbers]))
    if rows:
        table = in_columns([("input", "x", "ours", "numerical", "difference"), *rows], gap="   ")
        raise GradientError(
            f"the gradient differs from central differences in {len(rows)} of {len(ours)} inputs"
            f" (rtol={rtol:g}, atol={atol:g}):\n" + "\n".join([f"  {line}" for line in table])
        )


def _arguments(xs: Any, caller: str) -> Tree:
    if isinstance(xs, (Value, str)) or not hasattr(xs, "__len__"):
        raise TypeError(f"{caller} takes a list of arguments, got {type(xs).__name__}: {xs!r:.80}")
    return Tree(list(xs), "xs")


def _estimate(f: Callable[..., Any], tree: Tree, point: Sequence[float], i: int, epsilon: float | None) -> float:
    if epsilon is not None:
        return _difference(f, tree, point, i, epsilon)
    size = abs(point[i])
    steps = (_STEP * max(size, 1.0), _STEP * size) if 0.0 < size < 1.0 else (_STEP * max(size, 1.0),)
    best, error = math.nan, math.inf
    for step in steps:
        try:
            coarse, fine = (_difference(f, tree, point, i, h) for h in (step, 0.5 * step))
        except (ValueError, ArithmeticError):
            if step is steps[-1] and math.isinf(error):
                raise
            continue
        if not abs(coarse - fine) >= error:
            best, error = fine, abs(coarse - fine)
        if error <= _AGREEMENT * abs(best):
            break
    return best


def _best_estimate(
    f: Callable[..., Any], tree: Tree, point: Sequence[float], i: int, noise: float, derivative: float
) -> tuple[float, float]:
    """The difference with the smallest error over steps of many sizes, and that error; `derivative` if there is none.

    The steps grow as long as each agrees with the one before, within their errors.
    """
    best, error = derivative, math.inf
    before, bound_before = derivative, math.inf
    for exponent in range(-4, 9):
        step = _STEP * max(abs(point[i]), 1.0) * 16.0**exponent
        try:
            coarse, fine = (_difference(f, tree, point, i, h) for h in (step, 0.5 * step))
        except (ValueError, ArithmeticError):  # it leads out of the domain
            continue
        bound = abs(coarse - fine) + 2.0 * noise / step  # truncation, and half a step's rounding
        if abs(fine - before) > bound_before + bound:
            break
        before, bound_before = fine, bound
        if bound < error:
            best, error = fine, bound
    return best, error if error < math.inf else 0.0


def _rounding(y: Value) -> float:
    """How much the rounding of every operation can move the result: each node's, times its gradient."""
    nodes = [node for node in y.topological_order() if not node.is_leaf]
    effects = [abs(node.data * derivative) for node, derivative in zip(nodes, gradients_of(y, nodes), strict=True)]
    return sys.float_info.epsilon * sum((effect for effect in effects if effect < math.inf), start=abs(y.data))


def _difference(f: Callable[..., Any], tree: Tree, point: Sequence[float], i: int, step: float) -> float:
    right, left = point[i] + step, point[i] - step
    ends = []
    for x in (right, left):
        with no_grad():
            moved = [Value(x if j == i else other) for j, other in enumerate(point)]
            ends.append(_result(f(*tree.fill(moved))))
    return (ends[0] - ends[1]) / (right - left)  # the step as it came out in floats


def _result(y: Any) -> float:
    if isinstance(y, (Value, float)):
        return float(y)
    try:
        return Value(y.item() if getattr(y, "ndim", None) == 0 else y).data
    except TypeError:
        raise TypeError(f"the function must return one number, but it returned {type(y).__name__} {y!r:.80}") from None


def _agree(x: float, y: float, rtol: float, atol: float) -> bool:
    return x == y or (math.isnan(x) and math.isnan(y)) or abs(x - y) <= atol + rtol * abs(y) < math.inf


def _short(x: float) -> str:
    text = f"{x:.8g}"
    return text if any(c in text for c in ".en") else text + ".0"
