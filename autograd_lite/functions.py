"""The operations table as functions, of Values or of plain numbers.

`tanh(v)` is `v.tanh()`; `tanh(0.5)` is a float, so a formula written once computes with either.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar, overload

from autograd_lite import ops
from autograd_lite.ops import is_number
from autograd_lite.value import Value, apply_dot, apply_to_sequence

FloatOrValue = Value | float
Number = TypeVar("Number", Value, float)  # what comes out is as what goes in


def exp(x: Number) -> Number:
    """e to the power of x.

    The derivative is exp(x).

    Examples
    --------
    >>> exp(0.0)
    1.0
    """
    return x.exp() if isinstance(x, Value) else ops.EXP(x)


def expm1(x: Number) -> Number:
    """exp(x) - 1, exact near 0.

    The derivative is exp(x).

    Examples
    --------
    >>> expm1(1e-20)
    1e-20
    """
    return x.expm1() if isinstance(x, Value) else ops.EXPM1(x)


def log(x: Number) -> Number:
    """The natural logarithm of x > 0.

    The derivative is 1 / x.

    Raises
    ------
    ValueError
        If x is not positive.

    Examples
    --------
    >>> log(1.0)
    0.0
    """
    return x.log() if isinstance(x, Value) else ops.LOG(x)


def exp2(x: Number) -> Number:
    """2 to the power of x.

    The derivative is log(2) exp2(x).

    Examples
    --------
    >>> exp2(3.0)
    8.0
    """
    return x.exp2() if isinstance(x, Value) else ops.EXP2(x)


def log2(x: Number) -> Number:
    """The logarithm of x > 0 to the base 2.

    The derivative is 1 / (x log(2)).

    Raises
    ------
    ValueError
        If x is not positive.

    Examples
    --------
    >>> log2(8.0)
    3.0
    """
    return x.log2() if isinstance(x, Value) else ops.LOG2(x)


def log10(x: Number) -> Number:
    """The logarithm of x > 0 to the base 10.

    The derivative is 1 / (x log(10)).

    Raises
    ------
    ValueError
        If x is not positive.

    Examples
    --------
    >>> log10(1000.0)
    3.0
    """
    return x.log10() if isinstance(x, Value) else ops.LOG10(x)


def log1p(x: Number) -> Number:
    """log(1 + x), exact near 0.

    The derivative is 1 / (1 + x).

    Raises
    ------
    ValueError
        If x is not above -1.

    Examples
    --------
    >>> log1p(1e-20)
    1e-20
    """
    return x.log1p() if isinstance(x, Value) else ops.LOG1P(x)


def sqrt(x: Number) -> Number:
    """The square root of x ≥ 0.

    The derivative is 1 / (2 sqrt(x)), infinite at 0.

    Raises
    ------
    ValueError
        If x is negative.

    Examples
    --------
    >>> sqrt(4.0)
    2.0
    """
    return x.sqrt() if isinstance(x, Value) else ops.SQRT(x)


def cbrt(x: Number) -> Number:
    """The cube root of x, of negative numbers too.

    The derivative is 1 / (3 cbrt(x)**2), infinite at 0.

    Examples
    --------
    >>> cbrt(-8.0)
    -2.0
    """
    return x.cbrt() if isinstance(x, Value) else ops.CBRT(x)


def sin(x: Number) -> Number:
    """The sine of x, in radians.

    The derivative is cos(x).

    Examples
    --------
    >>> sin(0.0)
    0.0
    """
    return x.sin() if isinstance(x, Value) else ops.SIN(x)


def cos(x: Number) -> Number:
    """The cosine of x, in radians.

    The derivative is -sin(x).

    Examples
    --------
    >>> cos(0.0)
    1.0
    """
    return x.cos() if isinstance(x, Value) else ops.COS(x)


def tan(x: Number) -> Number:
    """The tangent of x, in radians.

    The derivative is 1 + tan(x)**2.

    Examples
    --------
    >>> tan(0.0)
    0.0
    """
    return x.tan() if isinstance(x, Value) else ops.TAN(x)


def asin(x: Number) -> Number:
    """The angle in radians, -π/2 to π/2, whose sine is x.

    The derivative is 1 / sqrt(1 - x**2).

    Raises
    ------
    ValueError
        If x is outside [-1, 1].

    Examples
    --------
    >>> asin(0.0)
    0.0
    """
    return x.asin() if isinstance(x, Value) else ops.ASIN(x)


def acos(x: Number) -> Number:
    """The angle in radians, 0 to π, whose cosine is x.

    The derivative is -1 / sqrt(1 - x**2).

    Raises
    ------
    ValueError
        If x is outside [-1, 1].

    Examples
    --------
    >>> acos(1.0)
    0.0
    """
    return x.acos() if isinstance(x, Value) else ops.ACOS(x)


def atan(x: Number) -> Number:
    """The angle in radians, -π/2 to π/2, whose tangent is x.

    The derivative is 1 / (1 + x**2).

    Examples
    --------
    >>> atan(0.0)
    0.0
    """
    return x.atan() if isinstance(x, Value) else ops.ATAN(x)


def sinh(x: Number) -> Number:
    """The hyperbolic sine, (exp(x) - exp(-x)) / 2.

    The derivative is cosh(x).

    Examples
    --------
    >>> sinh(0.0)
    0.0
    """
    return x.sinh() if isinstance(x, Value) else ops.SINH(x)


def cosh(x: Number) -> Number:
    """The hyperbolic cosine, (exp(x) + exp(-x)) / 2.

    The derivative is sinh(x).

    Examples
    --------
    >>> cosh(0.0)
    1.0
    """
    return x.cosh() if isinstance(x, Value) else ops.COSH(x)


def tanh(x: Number) -> Number:
    """The hyperbolic tangent, sinh(x) / cosh(x).

    The derivative is 1 - tanh(x)**2.

    Examples
    --------
    >>> round(tanh(0.5), 6)
    0.462117
    """
    return x.tanh() if isinstance(x, Value) else ops.TANH(x)


def asinh(x: Number) -> Number:
    """The inverse of sinh.

    The derivative is 1 / sqrt(x**2 + 1).

    Examples
    --------
    >>> asinh(0.0)
    0.0
    """
    return x.asinh() if isinstance(x, Value) else ops.ASINH(x)


def acosh(x: Number) -> Number:
    """The inverse of cosh, for x ≥ 1.

    The derivative is 1 / sqrt(x**2 - 1).

    Raises
    ------
    ValueError
        If x is below 1.

    Examples
    --------
    >>> acosh(1.0)
    0.0
    """
    return x.acosh() if isinstance(x, Value) else ops.ACOSH(x)


def atanh(x: Number) -> Number:
    """The inverse of tanh, for -1 < x < 1.

    The derivative is 1 / (1 - x**2).

    Raises
    ------
    ValueError
        If x is not inside (-1, 1).

    Examples
    --------
    >>> atanh(0.0)
    0.0
    """
    return x.atanh() if isinstance(x, Value) else ops.ATANH(x)


def erf(x: Number) -> Number:
    """The error function, 2/√π ∫₀ˣ exp(-t²) dt.

    The derivative is 2/√π exp(-x**2).

    Examples
    --------
    >>> erf(0.0)
    0.0
    """
    return x.erf() if isinstance(x, Value) else ops.ERF(x)


def erfc(x: Number) -> Number:
    """The complementary error function, 1 - erf(x), exact for large x too.

    The derivative is -2/√π exp(-x**2).

    Examples
    --------
    >>> erfc(0.0)
    1.0
    """
    return x.erfc() if isinstance(x, Value) else ops.ERFC(x)


def sign(x: Number) -> Number:
    """The sign of x: 1.0, -1.0, or 0.0 at 0.

    The derivative is 0 (also at 0).

    Examples
    --------
    >>> sign(-3.0)
    -1.0
    """
    return x.sign() if isinstance(x, Value) else ops.SIGN(x)


def sigmoid(x: Number) -> Number:
    """The logistic function, 1 / (1 + exp(-x)), without overflow.

    The derivative is y (1 - y), where y = sigmoid(x).

    Examples
    --------
    >>> sigmoid(-1000.0)
    0.0
    """
    return x.sigmoid() if isinstance(x, Value) else ops.SIGMOID(x)


def softplus(x: Number) -> Number:
    """log(1 + exp(x)), without overflow.

    The derivative is sigmoid(x).

    Examples
    --------
    >>> softplus(1000.0)
    1000.0
    """
    return x.softplus() if isinstance(x, Value) else ops.SOFTPLUS(x)


def relu(x: Number) -> Number:
    """The rectified linear unit, max(x, 0).

    The derivative is 1 for x > 0, else 0 (also at 0).

    Examples
    --------
    >>> relu(-3.0)
    0.0
    """
    return x.relu() if isinstance(x, Value) else ops.RELU(x)


def leaky_relu(x: Number) -> Number:
    """x for x > 0, else 0.01 x.

    The derivative is 1 for x > 0, else 0.01.

    Examples
    --------
    >>> leaky_relu(-3.0)
    -0.03
    """
    return x.leaky_relu() if isinstance(x, Value) else ops.LEAKY_RELU(x)


def elu(x: Number) -> Number:
    """The exponential linear unit: x for x > 0, else exp(x) - 1.

    The derivative is 1 for x > 0, else exp(x).

    Examples
    --------
    >>> elu(2.0)
    2.0
    """
    return x.elu() if isinstance(x, Value) else ops.ELU(x)


def silu(x: Number) -> Number:
    """The sigmoid linear unit (swish), x sigmoid(x).

    The derivative is s (1 + x (1 - s)), where s = sigmoid(x).

    Examples
    --------
    >>> silu(0.0)
    0.0
    """
    return x.silu() if isinstance(x, Value) else ops.SILU(x)


def gelu(x: Number) -> Number:
    """The Gaussian error linear unit, x Φ(x), Φ being the normal distribution function.

    The derivative is Φ(x) + x φ(x), φ being the normal density.

    Examples
    --------
    >>> gelu(0.0)
    0.0
    """
    return x.gelu() if isinstance(x, Value) else ops.GELU(x)


@overload
def atan2(y: float, x: float) -> float: ...
@overload
def atan2(y: Value, x: Value | float) -> Value: ...
@overload
def atan2(y: float, x: Value) -> Value: ...
def atan2(y: Any, x: Any) -> Any:
    """The angle in radians, -π to π, of the point (x, y).

    The derivative: ∂/∂y = x / (x² + y²), ∂/∂x = -y / (x² + y²).

    Examples
    --------
    >>> atan2(0.0, 1.0)
    0.0
    """
    return ops.ATAN2(y, x)


@overload
def hypot(x: float, y: float) -> float: ...
@overload
def hypot(x: Value, y: Value | float) -> Value: ...
@overload
def hypot(x: float, y: Value) -> Value: ...
def hypot(x: Any, y: Any) -> Any:
    """The length of the vector (x, y), without overflow.

    The derivative: x / hypot and y / hypot.

    Examples
    --------
    >>> hypot(3.0, 4.0)
    5.0
    """
    return ops.HYPOT(x, y)


@overload
def maximum(x: float, y: float) -> float: ...
@overload
def maximum(x: Value, y: Value | float) -> Value: ...
@overload
def maximum(x: float, y: Value) -> Value: ...
def maximum(x: Any, y: Any) -> Any:
    """The larger of two numbers.

    The derivative: 1 for the larger, 0 for the other; at a tie half each.

    Examples
    --------
    >>> maximum(3.0, 4.0)
    4.0
    """
    return ops.MAXIMUM(x, y)


@overload
def minimum(x: float, y: float) -> float: ...
@overload
def minimum(x: Value, y: Value | float) -> Value: ...
@overload
def minimum(x: float, y: Value) -> Value: ...
def minimum(x: Any, y: Any) -> Any:
    """The smaller of two numbers.

    The derivative: 1 for the smaller, 0 for the other; at a tie half each.

    Examples
    --------
    >>> minimum(3.0, 4.0)
    3.0
    """
    return ops.MINIMUM(x, y)


@overload
def greater(x: float, y: float) -> float: ...
@overload
def greater(x: Value, y: Value | float) -> Value: ...
@overload
def greater(x: float, y: Value) -> Value: ...
def greater(x: Any, y: Any) -> Any:
    """1.0 if x > y, else 0.0.

    The derivative is 0. Unlike `x > y`, the choice is recorded in the graph, and `compile` follows it.

    Examples
    --------
    >>> greater(3.0, 2.0), greater(2.0, 2.0)
    (1.0, 0.0)
    """
    return ops.GREATER(x, y)


@overload
def less(x: float, y: float) -> float: ...
@overload
def less(x: Value, y: Value | float) -> Value: ...
@overload
def less(x: float, y: Value) -> Value: ...
def less(x: Any, y: Any) -> Any:
    """1.0 if x < y, else 0.0.

    The derivative is 0. Unlike `x < y`, the choice is recorded in the graph, and `compile` follows it.

    Examples
    --------
    >>> less(3.0, 2.0), less(2.0, 3.0)
    (0.0, 1.0)
    """
    return ops.LESS(x, y)


@overload
def equal(x: float, y: float) -> float: ...
@overload
def equal(x: Value, y: Value | float) -> Value: ...
@overload
def equal(x: float, y: Value) -> Value: ...
def equal(x: Any, y: Any) -> Any:
    """1.0 if x and y are equal numbers, else 0.0.

    The derivative is 0. Unlike `x == y`, the choice is recorded in the graph, and `compile` follows it.

    Examples
    --------
    >>> equal(3.0, 2.0), equal(2.0, 2.0)
    (0.0, 1.0)
    """
    return ops.EQUAL(x, y)


def where(condition: Value | float, x: Value | float, y: Value | float) -> Value | Any:
    """x where the condition holds (is not 0), else y.

    The derivative is that of the operand taken: 1 for it, 0 for the other. Both are computed: an operand that cannot be,
    such as the logarithm of a negative number, raises, taken or not.

    Parameters
    ----------
    condition : Value, float or bool
        Such as `greater(x, 0)`: recorded in the graph, so that `forward()` and `compile` choose anew.
    x, y : Value or float
        What to choose from.

    Examples
    --------
    >>> x = Value(-3.0)
    >>> y = where(greater(x, 0.0), x * x, -x)
    >>> y.backward()
    >>> y.data, x.grad
    (3.0, -1.0)
    """
    return ops.WHERE(condition, x, y)


def clip(x: Value | float, low: Value | float, high: Value | float) -> Value | Any:
    """x, limited to the interval from `low` to `high`: minimum(maximum(x, low), high).

    The derivative is 1 inside, 0 outside; on a bound it is one half, as at every tie of `maximum` and `minimum`.

    Examples
    --------
    >>> clip(5.0, -1.0, 3.0)
    3.0
    """
    return ops.CLIP(x, low, high)


def dot(a: Iterable[Value | float], b: Iterable[Value | float], bias: Value | float = 0.0) -> Value | Any:
    """The weighted sum bias + a₁b₁ + … + aₙbₙ, added left to right, as one node.

    This is a neuron's weighted sum in one step. The derivative towards aᵢ is bᵢ, towards bᵢ it is aᵢ, towards the bias 1.

    Parameters
    ----------
    a, b : sequence of Value or float
        Of the same length.
    bias : Value or float
        What the sum starts from.

    Returns
    -------
    Value or float
        A Value, unless every operand is a plain number.

    Raises
    ------
    ValueError
        If `a` and `b` differ in length.

    Examples
    --------
    >>> w = [Value(1.0), Value(2.0)]
    >>> y = dot(w, [3.0, 4.0], bias=0.5)
    >>> y.data, y.partials
    (11.5, (3.0, 4.0))
    """
    return apply_dot(a, b, bias)


def total(xs: Iterable[Value | float]) -> Value | Any:
    """The sum of a sequence, added left to right, as one node. The derivative is 1 for each.

    Examples
    --------
    >>> total([1.0, 2.0, 3.0])
    6.0
    """
    return apply_to_sequence(ops.TOTAL, tuple(xs))


def prod(xs: Iterable[Value | float]) -> Value | Any:
    """The product of a sequence, multiplied left to right, as one node; 1.0 of none.

    The derivative towards each is the product of the others, zeros among them or not.

    Examples
    --------
    >>> x = [Value(0.0), Value(3.0), Value(-4.0)]
    >>> y = prod(x)
    >>> y.data, y.partials
    (-0.0, (-12.0, 0.0, 0.0))
    """
    return apply_to_sequence(ops.PROD, tuple(xs))


def mean(xs: Iterable[Value | float]) -> Value | Any:
    """The mean of n numbers, added left to right, as one node. The derivative is 1/n for each.

    Raises
    ------
    ValueError
        If there are none.

    Examples
    --------
    >>> mean([1.0, 2.0, 3.0])
    2.0
    """
    return apply_to_sequence(ops.MEAN, _not_empty("mean", xs))


def logsumexp(xs: Iterable[Value | float]) -> Value | Any:
    """log(exp(x₁) + … + exp(xₙ)) without overflow, as one node. The derivatives are softmax(xs).

    Raises
    ------
    ValueError
        If there are no numbers.

    Examples
    --------
    >>> logsumexp([1000.0, 1000.0])
    1000.6931471805599
    """
    return apply_to_sequence(ops.LOGSUMEXP, _not_empty("logsumexp", xs))


def softmax(xs: Iterable[Value | float]) -> list[Value | Any]:
    """exp(xᵢ) / (exp(x₁) + … + exp(xₙ)) for each i, without overflow.

    Computed from the distances to the largest, so that shifting all numbers changes nothing: two equal ones give one half
    each, however large they are.

    Raises
    ------
    ValueError
        If there are no numbers.

    Examples
    --------
    >>> softmax([0.0, 0.0]), softmax([1e17, 1e17])
    ([0.5, 0.5], [0.5, 0.5])
    """
    return ops.softmax(_not_empty("softmax", xs))


def log_softmax(xs: Iterable[Value | float]) -> list[Value | Any]:
    """log(softmax(xs)), without overflow and without the log of a rounded 0.

    Raises
    ------
    ValueError
        If there are no numbers.

    Examples
    --------
    >>> log_softmax([0.0, 1000.0])
    [-1000.0, 0.0]
    """
    return ops.log_softmax(_not_empty("log_softmax", xs))


def _not_empty(name: str, xs: Iterable[Any]) -> tuple[Any, ...]:
    values = tuple([float(x) if type(x) is not float and is_number(x) else x for x in xs])
    if not values:
        raise ValueError(f"{name} takes at least one number, got none")
    return values


# Every function above: what is public of this module, and the functions among the public names of the package. Type
# checkers read only lists that are written out; without one they take every public name.
if not TYPE_CHECKING:
    __all__ = [
        name
        for name, thing in list(globals().items())
        if callable(thing) and thing.__module__ == __name__ and name[0] != "_"
    ]
