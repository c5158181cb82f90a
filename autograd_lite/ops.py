"""The table of operations: what the engine can compute, and the derivative of each.

One operation is one row: its name, its symbol, its forward rule on floats and its local derivatives. Everything else in
the package reads this table: `Value` records rows and differentiates by them, `Graph` prints their symbols, `draw` shows
them, `compile` turns them into array code, and the tests run over them.

A derivative rule is written once. It is given the operands and the result and may use arithmetic and other rows of the
table, called like functions: given floats it computes floats, given `Value` s it builds the graph of the derivative,
given NumPy arrays it computes arrays. On floats a rule never raises: an infinite or undefined derivative is inf or nan. That
is why rules divide by `IEEE_DIV` and not by `/` wherever the divisor can be zero.
"""

from __future__ import annotations

import errno
import functools
import math
import numbers
import operator
from collections.abc import Callable
from numbers import Complex, Real
from typing import Any, Final, final

# Three kinds of number flow through a rule (float, Value, array); what holds for one holds for all, which no static type
# of ours can say without saying it three times.
Operand = Any
Forward = Callable[..., float]
Rule = Callable[..., tuple[Operand, ...]]

LEAKY_SLOPE: Final = 0.01
_SQRT_HALF: Final = math.sqrt(0.5)
_TWO_OVER_SQRT_PI: Final = 2.0 / math.sqrt(math.pi)
_LOG_2: Final = math.log(2.0)
_LOG_10: Final = math.log(10.0)
_ONE_OVER_SQRT_TWO_PI: Final = 1.0 / math.sqrt(2.0 * math.pi)


def is_number(x: Any) -> bool:
    """Whether x is a real number: Python's, NumPy's (a 0-d array too), a Fraction, a Decimal."""
    if isinstance(x, (float, int)):
        return True
    dtype = getattr(x, "dtype", None)
    if dtype is not None:
        return getattr(x, "ndim", None) == 0 and getattr(dtype, "kind", "?") in "biuf"
    # A Decimal is not a Real.
    return isinstance(x, Real) or (isinstance(x, numbers.Number) and not isinstance(x, Complex))


@final
class Op:
    """One row of the table.

    A row is also a function of floats, `Value` s or NumPy arrays.

    Parameters
    ----------
    name : str
        What the operation is called: `"tanh"`.
    symbol : str
        How formulas and pictures write it: `"*"`, `"tanh"`.
    arity : int
        The number of operands; 0 if it takes a sequence of any length.
    forward : callable
        `forward(*operands) -> float`, on floats. Raises what Python's own arithmetic raises.
    partials : callable
        `partials(*operands, result)`: a tuple, one local derivative ∂result/∂operand for each operand.
    formula : callable, optional
        The same function written with other rows. It serves arrays where NumPy has no function of this name.
    public : bool
        False for the helpers that only derivative rules use.

    Examples
    --------
    >>> from autograd_lite import ops
    >>> ops.TANH.name, ops.TANH.forward(0.5) == ops.TANH(0.5)
    ('tanh', True)
    >>> ops.MUL.partials(3.0, 4.0, 12.0)
    (4.0, 3.0)
    """

    __slots__ = ("arity", "formula", "forward", "is_flat", "name", "partials", "public", "symbol")

    def __init__(
        self,
        name: str,
        symbol: str,
        arity: int,
        forward: Forward,
        partials: Rule,
        formula: Callable[..., Operand] | None = None,
        public: bool = True,
    ) -> None:
        self.name: Final = name
        self.symbol: Final = symbol
        self.arity: Final = arity
        self.forward: Final = forward
        self.partials: Final = partials
        self.formula: Final = formula
        self.public: Final = public
        self.is_flat: Final = partials is flat  # no gradient flows through what is constant between its jumps

    def __call__(self, *operands: Operand) -> Operand:
        """Apply the operation to floats, Values or arrays."""
        if self.arity and len(operands) != self.arity:
            raise TypeError(f"{self.name} takes {self.arity} operands, got {len(operands)}")
        are_floats = True
        array: object = None
        strangers: list[object] = []
        for operand in operands:
            if type(operand) is float:
                continue
            are_floats = False
            record = getattr(operand, "_record", None)
            if record is not None:  # a Value knows what to do with it
                return record(self, operands)
            if is_number(operand):
                continue
            if hasattr(operand, "__array_ufunc__"):
                array = operand
            else:
                strangers.append(operand)
        if are_floats:
            return self._on_floats(operands)
        if array is not None:
            return self._on_arrays(operands)
        for stranger in strangers:
            kind = type(stranger).__name__
            raise TypeError(f"{self.name} takes numbers, Values or NumPy arrays, got {kind}: {stranger!r}")
        return self._on_floats(tuple([float(operand) for operand in operands]))  # a rule computes with floats

    def _on_floats(self, operands: tuple[Operand, ...]) -> float:
        try:
            return float(self.forward(*operands))
        except OverflowError as error:
            shown = ", ".join([repr(x) for x in operands[:8]])
            described = OverflowError(f"{in_words(error)}, in {self.name}({shown}{', …' if len(operands) > 8 else ''})")
            described.__suppress_context__ = True
            raise described  # noqa: B904

    def _on_arrays(self, operands: tuple[Operand, ...]) -> Operand:
        import numpy

        with numpy.errstate(all="ignore"):  # as on floats: a limit is inf or nan, without a word
            if self.formula is not None:
                return self.formula(*operands)
            if TABLE.get(self.name) is self and hasattr(numpy, self.name):
                function = getattr(numpy, self.name)
            else:  # erf, or a user's operation: number by number
                function = numpy.frompyfunc(self.forward, len(operands), 1)
            result = numpy.asarray(function(*operands), dtype=numpy.result_type(*operands, 0.0))
            return result[()]  # a scalar for a scalar

    def __repr__(self) -> str:
        return f"<operation {self.name}>"

    def __reduce__(self) -> tuple[Any, ...]:
        if TABLE.get(self.name) is self:
            return _row, (self.name,)
        return Op, (self.name, self.symbol, self.arity, self.forward, self.partials, self.formula, self.public)

    def __copy__(self) -> Op:
        return self

    def __deepcopy__(self, memo: object) -> Op:
        return self


def in_words(error: BaseException) -> str:
    """The message of an arithmetic error; Python says of a result that is too large "(34, 'Numerical result …')"."""
    if isinstance(error, OverflowError) and (error.args[:1] == (errno.ERANGE,) or str(error) == "math range error"):
        return "the result is too large for a float"
    return str(error)


TABLE: Final[dict[str, Op]] = {}


def _row(name: str) -> Op:
    return TABLE[name]


def _operator(name: str, symbol: str, forward: Forward, partials: Rule, arity: int = 2) -> Op:
    return _helper(arity, name, symbol, forward, partials, public=True)


def _function(arity: int, name: str, forward: Forward, partials: Rule, formula: Any = None) -> Op:
    return _helper(arity, name, name, forward, partials, formula, public=True)


def _helper(
    arity: int, name: str, symbol: str, forward: Forward, partials: Rule, formula: Any = None, public: bool = False
) -> Op:
    TABLE[name] = op = Op(name, symbol, arity, forward, partials, formula, public)
    return op


def flat(*xs: Operand) -> tuple[Operand, ...]:
    """The rule of what is constant between its jumps."""
    return (0.0,) * (len(xs) - 1)


# --- forward rules that Python's math module does not have ------------------------------------------------------------


def power(x: float, exponent: float) -> float:
    """x**exponent; a ValueError where it is not real."""
    base = abs(x)
    if (x > 0.0 or exponent == 2.0) and 0.0 < base < math.inf and abs(exponent) < math.inf:
        return math.pow(base, exponent)  # what `**` computes there, but mypyc does it without an object for each number
    result = x**exponent
    if isinstance(result, complex):
        raise ValueError("a negative number to a fractional power is not real")
    return float(result)


def ieee_power(x: float, exponent: float) -> float:
    """x**exponent, inf or nan where Python raises."""
    if exponent == 1.0:
        return x
    try:
        return power(x, exponent)
    except ValueError:
        return math.nan
    except (ZeroDivisionError, OverflowError):
        # Both have an infinite limit, negative only for an odd power of a negative number (or of -0.0).
        odd = exponent.is_integer() and exponent % 2.0 == 1.0
        return math.copysign(math.inf, x) if odd else math.inf


def _ieee_log(x: float) -> float:
    return math.log(x) if x > 0.0 else -math.inf if x == 0.0 else math.nan


def ieee_divide(x: float, y: float) -> float:
    """x / y, inf or nan where Python raises."""
    if y != 0.0:
        return x / y
    if x == 0.0 or math.isnan(x):
        return math.nan
    return math.copysign(math.inf, x) * math.copysign(1.0, y)


def _sign(x: float) -> float:
    return 1.0 if x > 0.0 else -1.0 if x < 0.0 else x * 0.0


def sigmoid(x: float) -> float:
    """1 / (1 + exp(-x)), without overflow."""
    if x >= 0.0:  # exp of a negative number cannot overflow
        return 1.0 / (1.0 + math.exp(-x))
    small = math.exp(x)
    return small / (1.0 + small)


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def _relu(x: float) -> float:
    return 0.0 if x <= 0.0 else x


def _normal_cdf(x: float) -> float:
    return 0.5 * math.erfc(-_SQRT_HALF * x)  # erfc and not 1 + erf: exact in the left tail too


def _total(*xs: float) -> float:
    total = 0.0
    for x in xs:
        total += x
    return total


def _dot(*operands: float) -> float:
    n = len(operands) // 2
    total = operands[-1]
    for i in range(n):
        total += operands[i] * operands[n + i]
    return total


def _product(*xs: float) -> float:
    product = 1.0
    for x in xs:
        product *= x
    return product


def _largest(*xs: float) -> float:
    largest = xs[0]
    for x in xs:
        if x > largest or x != x:  # nan wherever it stands; nothing is larger than nan
            largest = x
    return largest


def _logsumexp(*xs: float) -> float:
    largest = _largest(*xs)
    if not math.isfinite(largest):
        return largest
    return largest + math.log(_total(*[math.exp(x - largest) for x in xs]))


def _cross_entropy(*operands: float) -> float:
    n = len(operands) // 2
    logits = operands[n:]
    largest = _largest(*logits)
    rest = 0.0 if math.isinf(largest) else math.log(_total(*[math.exp(x - largest) for x in logits]))
    loss = 0.0
    for weight, x in zip(operands[:n], logits):
        if weight != 0.0:  # a class that is impossible costs nothing where it is not the target
            loss += weight * ((largest - x) + rest)
    return loss


def _array_total(*xs: Operand) -> Operand:
    return functools.reduce(operator.add, xs)


def _array_dot(*operands: Operand) -> Operand:
    n = len(operands) // 2
    return _array_total(operands[-1], *[operands[i] * operands[n + i] for i in range(n)])


def _array_product(*xs: Operand) -> Operand:
    return functools.reduce(operator.mul, xs)


def _array_largest(*xs: Operand) -> Operand:
    largest = xs[0]
    for x in xs[1:]:
        largest = MAXIMUM(largest, x)
    return largest


def _array_logsumexp(*xs: Operand) -> Operand:
    _, _, total = _shares(xs)
    return LARGEST(*xs) + LOG(total)


def _array_cross_entropy(*operands: Operand) -> Operand:
    n = len(operands) // 2
    weights, logits = operands[:n], operands[n:]
    distances, _, total = _shares(logits)
    log_total = LOG(total)
    factors: list[Operand] = []
    costs: list[Operand] = []
    for weight, x, distance in zip(weights, logits, distances):
        if isinstance(weight, float) and weight == 0.0:
            continue
        cost = log_total - distance
        if isinstance(x, float) and x == -math.inf:  # a mask: 0 * inf is to be 0
            cost = WHERE(EQUAL(weight, 0.0), 0.0, cost)
        factors.append(weight)
        costs.append(cost)
    return DOT(*factors, *costs, 0.0)


# --- the table --------------------------------------------------------------------------------------------------------
# The columns: the name; the forward rule, on floats; the local derivatives, in terms of the operands and the result;
# and a formula, where NumPy has no function of that name. The formatter would break the columns.
# fmt: off

# Arithmetic, which is written with a symbol: `x` and `y` are the operands, `z` the result.
ADD:          Final[Op] = _operator("add",          "+",  lambda x, y: x + y,  lambda x, y, z: (1.0, 1.0))
SUB:          Final[Op] = _operator("sub",          "-",  lambda x, y: x - y,  lambda x, y, z: (1.0, -1.0))
MUL:          Final[Op] = _operator("mul",          "*",  lambda x, y: x * y,  lambda x, y, z: (y, x))
DIV:          Final[Op] = _operator("div",          "/",  lambda x, y: x / y,  lambda x, y, z: (IEEE_DIV(1.0, y), -IEEE_DIV(z, y)))
POW:          Final[Op] = _operator("pow",          "**", power,               lambda x, y, z: _power_partials(x, y))
MOD:          Final[Op] = _operator("mod",          "%",  lambda x, y: x % y,  lambda x, y, z: (1.0, -FLOOR_DIVIDE(x, y)))
FLOOR_DIVIDE: Final[Op] = _operator("floor_divide", "//", lambda x, y: x // y, flat)
NEG:          Final[Op] = _operator("neg",          "-",  lambda x: -x,        lambda x, z: (-1.0,), arity=1)

# Functions of one number: `x` is the operand, `y` the result.
ABS:          Final[Op] = _function(1, "abs",        abs,          lambda x, y: (SIGN(x),))
EXP:          Final[Op] = _function(1, "exp",        math.exp,     lambda x, y: (y,))
EXPM1:        Final[Op] = _function(1, "expm1",      math.expm1,   lambda x, y: (EXP(x),))
EXP2:         Final[Op] = _function(1, "exp2",       math.exp2,    lambda x, y: (_LOG_2 * y,))
LOG:          Final[Op] = _function(1, "log",        math.log,     lambda x, y: (IEEE_DIV(1.0, x),))
LOG1P:        Final[Op] = _function(1, "log1p",      math.log1p,   lambda x, y: (IEEE_DIV(1.0, 1.0 + x),))
LOG2:         Final[Op] = _function(1, "log2",       math.log2,    lambda x, y: (IEEE_DIV(1.0 / _LOG_2, x),))
LOG10:        Final[Op] = _function(1, "log10",      math.log10,   lambda x, y: (IEEE_DIV(1.0 / _LOG_10, x),))
SQRT:         Final[Op] = _function(1, "sqrt",       math.sqrt,    lambda x, y: (IEEE_DIV(0.5, y),))
CBRT:         Final[Op] = _function(1, "cbrt",       math.cbrt,    lambda x, y: (IEEE_DIV(1.0, 3.0 * (y * y)),))
SIN:          Final[Op] = _function(1, "sin",        math.sin,     lambda x, y: (COS(x),))
COS:          Final[Op] = _function(1, "cos",        math.cos,     lambda x, y: (-SIN(x),))
TAN:          Final[Op] = _function(1, "tan",        math.tan,     lambda x, y: (1.0 + y * y,))
ASIN:         Final[Op] = _function(1, "asin",       math.asin,    lambda x, y: (IEEE_DIV(1.0, SQRT((1.0 - x) * (1.0 + x))),))
ACOS:         Final[Op] = _function(1, "acos",       math.acos,    lambda x, y: (-IEEE_DIV(1.0, SQRT((1.0 - x) * (1.0 + x))),))
ATAN:         Final[Op] = _function(1, "atan",       math.atan,    lambda x, y: (IEEE_DIV(1.0, 1.0 + x * x),))
SINH:         Final[Op] = _function(1, "sinh",       math.sinh,    lambda x, y: (COSH(x),))
COSH:         Final[Op] = _function(1, "cosh",       math.cosh,    lambda x, y: (SINH(x),))
TANH:         Final[Op] = _function(1, "tanh",       math.tanh,    lambda x, y: (1.0 - y * y,))
ASINH:        Final[Op] = _function(1, "asinh",      math.asinh,   lambda x, y: (IEEE_DIV(1.0, HYPOT(x, 1.0)),))
ACOSH:        Final[Op] = _function(1, "acosh",      math.acosh,   lambda x, y: (IEEE_DIV(1.0, SQRT(x - 1.0) * SQRT(x + 1.0)),))
ATANH:        Final[Op] = _function(1, "atanh",      math.atanh,   lambda x, y: (IEEE_DIV(1.0, (1.0 - x) * (1.0 + x)),))
ERF:          Final[Op] = _function(1, "erf",        math.erf,     lambda x, y: (_TWO_OVER_SQRT_PI * EXP(-x * x),))
ERFC:         Final[Op] = _function(1, "erfc",       math.erfc,    lambda x, y: (-_TWO_OVER_SQRT_PI * EXP(-x * x),))
SIGN:         Final[Op] = _function(1, "sign",       _sign,        flat)
SIGMOID:      Final[Op] = _function(1, "sigmoid",    sigmoid,                                         lambda x, y: (y * (1.0 - y),),
                                    formula=lambda x: 1.0 / (1.0 + EXP(-x)))
SOFTPLUS:     Final[Op] = _function(1, "softplus",   _softplus,                                       lambda x, y: (SIGMOID(x),),
                                    formula=lambda x: MAXIMUM(x, 0.0) + LOG1P(EXP(-ABS(x))))
RELU:         Final[Op] = _function(1, "relu",       _relu,                                           lambda x, y: (GREATER(x, 0.0),),
                                    formula=lambda x: MAXIMUM(x, 0.0))
LEAKY_RELU:   Final[Op] = _function(1, "leaky_relu", lambda x: x if x > 0.0 else LEAKY_SLOPE * x,     lambda x, y: (WHERE(GREATER(x, 0.0), 1.0, LEAKY_SLOPE),),
                                    formula=lambda x: WHERE(GREATER(x, 0.0), x, LEAKY_SLOPE * x))
ELU:          Final[Op] = _function(1, "elu",        lambda x: x if x > 0.0 else math.expm1(x),       lambda x, y: (EXP(MINIMUM(x, 0.0)),),
                                    formula=lambda x: WHERE(GREATER(x, 0.0), x, EXPM1(MINIMUM(x, 0.0))))
SILU:         Final[Op] = _function(1, "silu",       lambda x: x * sigmoid(x),                        lambda x, y: _silu_partials(x),
                                    formula=lambda x: x * SIGMOID(x))
GELU:         Final[Op] = _function(1, "gelu",       lambda x: x * _normal_cdf(x),                    lambda x, y: (NORMAL_CDF(x) + x * NORMAL_PDF(x),),
                                    formula=lambda x: x * NORMAL_CDF(x))

# Functions of two and three numbers: `z` is the result. Where max and min tie, each operand takes half; where an operand
# is nan, the one that Python's max and min return, which is the first, takes all.
ATAN2:        Final[Op] = _function(2, "atan2",      math.atan2,                                      lambda y, x, z: _atan2_partials(y, x))
HYPOT:        Final[Op] = _function(2, "hypot",      math.hypot,                                      lambda x, y, z: (_hypot_partial(x, y, z), _hypot_partial(y, x, z)))
MAXIMUM:      Final[Op] = _function(2, "maximum",    max,                                             lambda x, y, z: _share(GREATER(y, x) + 0.5 * EQUAL(x, y)),
                                    formula=lambda x, y: WHERE(GREATER(y, x), y, x))
MINIMUM:      Final[Op] = _function(2, "minimum",    min,                                             lambda x, y, z: _share(LESS(y, x) + 0.5 * EQUAL(x, y)),
                                    formula=lambda x, y: WHERE(LESS(y, x), y, x))
GREATER:      Final[Op] = _function(2, "greater",    lambda x, y: 1.0 if x > y else 0.0,              flat)
LESS:         Final[Op] = _function(2, "less",       lambda x, y: 1.0 if x < y else 0.0,              flat)
EQUAL:        Final[Op] = _function(2, "equal",      lambda x, y: 1.0 if x == y else 0.0,             flat)
WHERE:        Final[Op] = _function(3, "where",      lambda c, x, y: x if c else y,                   lambda c, x, y, z: (0.0, WHERE(c, 1.0, 0.0), WHERE(c, 0.0, 1.0)))
CLIP:         Final[Op] = _function(3, "clip",       lambda x, low, high: min(max(x, low), high),     lambda x, low, high, z: _clip_partials(x, low, high),
                                    formula=lambda x, low, high: MINIMUM(MAXIMUM(x, low), high))

# Functions of a sequence: each rule is given all operands, then the result. `dot` takes a1 … an, b1 … bn, bias.
TOTAL:        Final[Op] = _function(0, "total",      _total,                                          lambda *xs: (1.0,) * (len(xs) - 1),
                                    formula=_array_total)
MEAN:         Final[Op] = _function(0, "mean",       lambda *xs: _total(*xs) / len(xs),               lambda *xs: (1.0 / (len(xs) - 1),) * (len(xs) - 1),
                                    formula=lambda *xs: _array_total(*xs) / len(xs))
DOT:          Final[Op] = _function(0, "dot",        _dot,                                            lambda *xs: _dot_partials(xs[:-1]),
                                    formula=_array_dot)
LOGSUMEXP:    Final[Op] = _function(0, "logsumexp",  _logsumexp,                                      lambda *xs: tuple(softmax(xs[:-1])),
                                    formula=_array_logsumexp)
PROD:         Final[Op] = _function(0, "prod",       _product,                                        lambda *xs: _product_partials(xs[:-1]),
                                    formula=_array_product)

# Helpers of the rules. None of them raises on floats, so no derivative does, of any order.
IEEE_DIV:     Final[Op] = _helper(2, "ieee_div",   "/",   ieee_divide,  lambda x, y, z: (IEEE_DIV(1.0, y), -IEEE_DIV(z, y)), formula=lambda x, y: x / y)
IEEE_POW:     Final[Op] = _helper(2, "ieee_pow",   "**",  ieee_power,   lambda x, y, z: _power_partials(x, y),                formula=lambda x, y: x**y)
IEEE_LOG:     Final[Op] = _helper(1, "ieee_log",   "log", _ieee_log,    lambda x, y: (IEEE_DIV(1.0, x),),                     formula=lambda x: LOG(x))
NORMAL_CDF:   Final[Op] = _helper(1, "normal_cdf", "Φ",   _normal_cdf,  lambda x, y: (NORMAL_PDF(x),),
                                  formula=lambda x: 0.5 * ERFC(-_SQRT_HALF * x))
NORMAL_PDF:   Final[Op] = _helper(1, "normal_pdf", "φ",   lambda x: _ONE_OVER_SQRT_TWO_PI * math.exp(-0.5 * x * x), lambda x, y: (-x * y,),
                                  formula=lambda x: _ONE_OVER_SQRT_TWO_PI * EXP(-0.5 * x * x))
POWER_DERIVATIVE: Final[Op] = _helper(4, "power_derivative", "power_derivative", lambda x, y, m, n: _power_derivative(x, y, m, n),
                                  lambda x, y, m, n, z: (POWER_DERIVATIVE(x, y, m + 1.0, n), POWER_DERIVATIVE(x, y, m, n + 1.0), 0.0, 0.0),
                                  formula=lambda x, y, m, n: _power_derivative(x, y, m, n))

# Helpers of softmax and its kin. What is computed from x - LARGEST(*xs) does not change when all xs are shifted, and does
# not depend on what exactly is subtracted: so the largest counts as a constant, of every order of derivative. SUM is
# `total` once more: `compile` keeps it as a sum along an axis, and does not take it apart. CROSS_ENTROPY takes the weights
# of the classes, then their logits.
LARGEST:       Final[Op] = _helper(0, "largest",       "max",           _largest,       flat,                              formula=_array_largest)
SUM:           Final[Op] = _helper(0, "sum",           "total",         _total,         lambda *xs: (1.0,) * (len(xs) - 1), formula=_array_total)
CROSS_ENTROPY: Final[Op] = _helper(0, "cross_entropy", "cross_entropy", _cross_entropy, lambda *xs: _cross_entropy_partials(xs[:-1]),
                                   formula=_array_cross_entropy)
# fmt: on


# --- derivative rules too long for their row --------------------------------------------------------------------------


def _dot_partials(operands: tuple[Operand, ...]) -> tuple[Operand, ...]:
    """Each factor has the other of its pair; the bias has 1."""
    n = len(operands) // 2
    return (*operands[n : 2 * n], *operands[:n], 1.0)


def _power_partials(x: Operand, y: Operand) -> tuple[Operand, ...]:
    if isinstance(y, float):  # the rule of the textbook; 0 for y = 0 even where x^(y-1) is infinite
        by_base = y * IEEE_POW(x, y - 1.0) if y != 0.0 else 0.0
    else:
        by_base = POWER_DERIVATIVE(x, y, 1.0, 0.0)
    if isinstance(x, float) and x != 0.0:
        return by_base, IEEE_POW(x, y) * IEEE_LOG(x)
    return by_base, POWER_DERIVATIVE(x, y, 0.0, 1.0)


def _power_derivative(x: Operand, y: Operand, by_base: float, by_exponent: float) -> Operand:
    """The derivative of x^y, m times by x and n times by y, with its limits at x = 0.

    It is x^(y-m) Σⱼ cⱼ (log x)ʲ, where cⱼ = n!/j! times the coefficient of tⁿ⁻ʲ in (y+t)(y+t-1) … (y+t-m+1). All
    derivatives being of this one form, none is a product of others whose limits are 0 and ∞.
    """
    m, n = int(by_base), int(by_exponent)
    falling: list[Operand] = [1.0] + [0.0] * n
    for i in range(m):
        factor = y - float(i) if i else y
        falling = [_plus(_times(falling[k], factor), falling[k - 1] if k else 0.0) for k in range(n + 1)]
    total = falling[0]
    if n:
        log_x = IEEE_LOG(x)
        for j in range(n - 1, -1, -1):  # Horner's scheme: of several infinite terms the highest power of log x decides
            c = _times(falling[n - j], float(math.factorial(n) // math.factorial(j)))
            scaled = _plus(_times(total, log_x), c)
            # 0 times an infinite logarithm is 0 here. A number is never 0: the leading coefficient is 1 if m = 0.
            total = scaled if isinstance(total, float) and total == 1.0 else WHERE(EQUAL(total, 0.0), c, scaled)
    power = IEEE_POW(x, y - float(m) if m else y)
    result = _times(total, power)
    if n:  # a power vanishes faster than a logarithm grows
        result = WHERE(EQUAL(x, 0.0) * GREATER(y, float(m)), 0.0, result)
    if m:
        result = WHERE(EQUAL(total, 0.0), 0.0, result)
    if m and n:
        result = WHERE(LESS(x, 0.0), math.nan, result)  # x^y is real at single y only
    return result


def _times(x: Operand, y: Operand) -> Operand:
    """x * y, but 0 * y is 0, and 1 * y is y."""
    if isinstance(x, float) and (x == 0.0 or x == 1.0):
        return 0.0 if x == 0.0 else y
    return x * y


def _plus(x: Operand, y: Operand) -> Operand:
    """x + y, without adding 0."""
    if isinstance(x, float) and x == 0.0:
        return y
    return x if isinstance(y, float) and y == 0.0 else x + y


def _share(by_second: Operand) -> tuple[Operand, ...]:
    return 1.0 - by_second, by_second


def _clip_partials(x: Operand, low: Operand, high: Operand) -> tuple[Operand, ...]:
    """Those of minimum(maximum(x, low), high)."""
    raised = MAXIMUM(x, low)
    by_x, by_low = MAXIMUM.partials(x, low, raised)
    by_raised, by_high = MINIMUM.partials(raised, high, raised)
    return by_x * by_raised, by_low * by_raised, by_high


def _hypot_partial(x: Operand, y: Operand, z: Operand) -> Operand:
    partial = IEEE_DIV(x, z)
    if isinstance(y, float) and y != 0.0:
        return partial
    return WHERE(EQUAL(z, 0.0), 0.0, partial)  # at the tip of the cone, the middle of what there is around it


def _product_partials(xs: tuple[Operand, ...]) -> tuple[Operand, ...]:
    """For each, the product of the others: of those before it and those after it, because there may be zeros."""
    after: list[Operand] = [1.0]
    for x in reversed(xs[1:]):
        after.append(_times(after[-1], x))
    partials: list[Operand] = []
    before: Operand = 1.0
    for x in xs:
        partials.append(_times(before, after.pop()))
        before = _times(before, x)
    return tuple(partials)


def softmax(xs: tuple[Operand, ...]) -> list[Operand]:
    """exp(xᵢ) / Σⱼ exp(xⱼ), from the distances to the largest: they are exact wherever all of the numbers lie."""
    _, shares, total = _shares(xs)
    return [share / total for share in shares]


def log_softmax(xs: tuple[Operand, ...]) -> list[Operand]:
    """The logarithm of `softmax`: the distances to the largest, less the logarithm of their exponentials' total."""
    distances, _, total = _shares(xs)
    log_total = LOG(total)
    return [distance - log_total for distance in distances]


def _shares(xs: tuple[Operand, ...]) -> tuple[list[Operand], list[Operand], Operand]:
    """The distances to the largest, their exponentials, and the total of these, which is 1 or more."""
    largest = LARGEST(*xs)
    distances = [x - largest for x in xs]
    shares = [EXP(distance) for distance in distances]
    return distances, shares, SUM(*shares)


def _cross_entropy_partials(operands: tuple[Operand, ...]) -> tuple[Operand, ...]:
    n = len(operands) // 2
    weights = operands[:n]
    distances, shares, total = _shares(operands[n:])
    log_total = LOG(total)
    weight = SUM(*weights)
    by_weights = [log_total - distance for distance in distances]
    by_logits = [_times(weight, share / total) - w for share, w in zip(shares, weights)]
    return (*by_weights, *by_logits)


def _silu_partials(x: Operand) -> tuple[Operand, ...]:
    s = SIGMOID(x)
    return (s * (1.0 + x * (1.0 - s)),)


def _atan2_partials(y: Operand, x: Operand) -> tuple[Operand, ...]:
    # (x, -y) / (x² + y²), by way of hypot, which neither overflows nor underflows.
    radius = HYPOT(x, y)
    return IEEE_DIV(IEEE_DIV(x, radius), radius), -IEEE_DIV(IEEE_DIV(y, radius), radius)
