"""What another library says of each operation of the table: one line an operation, which all tests read.

A new operation takes one line here. `ORACLES["softsign"] = Oracle(lambda x: x / (1 + abs(x)))` is enough for most.
"""

from collections.abc import Callable
from typing import NamedTuple

import mpmath
from hypothesis import strategies as st

from autograd_lite import ops, tanh

EVERYWHERE = (-3.0, 3.0)


class Oracle(NamedTuple):
    """An operation in mpmath, and where it can be tested.

    Parameters
    ----------
    mpmath : callable, optional
        The same function to any number of digits; if not given, mpmath has it by the same name. A function of a sequence
        takes what the function of the package takes.
    domain : (float, float)
        An interval in which a function of one number is smooth and neither too steep nor too large.
    step : callable, optional
        `step(f, x, y)`, for operations of several numbers: maps x and y from [-2, 2] into it, smoothly, by this operation.
        `f` is the namespace of the functions: ours, or the same in mpmath.
    jumps : bool
        Whether it is constant between jumps: nothing to differentiate, and a rounding error near a jump is a whole jump.
    """

    mpmath: Callable | None = None
    domain: tuple[float, float] = EVERYWHERE
    step: Callable | None = None
    jumps: bool = False


def _softmax(xs):
    return [mpmath.exp(x) / sum(mpmath.exp(t) for t in xs) for x in xs]


# fmt: off
ORACLES = {
    # Arithmetic.
    "add":          Oracle(lambda x, y: x + y, step=lambda f, x, y: (x + y) / 2),
    "sub":          Oracle(lambda x, y: x - y, step=lambda f, x, y: (x - y) / 2),
    "mul":          Oracle(lambda x, y: x * y, step=lambda f, x, y: x * y / 2),
    "div":          Oracle(lambda x, y: x / y, step=lambda f, x, y: x / (y + 3)),
    "pow":          Oracle(lambda x, y: x**y,  step=lambda f, x, y: (x + 3) ** (y / 4) / 1.5),
    "mod":          Oracle(lambda x, y: x - y * mpmath.floor(x / y), step=lambda f, x, y: (x / 8 + 0.5) % (y + 6) / 4),
    "floor_divide": Oracle(lambda x, y: mpmath.floor(x / y), jumps=True),
    "neg":          Oracle(lambda x: -x),
    "abs":          Oracle(abs),
    # Functions of one number.
    "exp":          Oracle(domain=(-2.0, 2.0)),
    "expm1":        Oracle(domain=(-2.0, 2.0)),
    "log":          Oracle(domain=(0.1, 10.0)),
    "log1p":        Oracle(lambda x: mpmath.log(1 + x), domain=(-0.9, 10.0)),
    "exp2":         Oracle(lambda x: 2**x, domain=(-2.0, 2.0)),
    "log2":         Oracle(lambda x: mpmath.log(x, 2), domain=(0.1, 10.0)),
    "log10":        Oracle(domain=(0.1, 10.0)),
    "sqrt":         Oracle(domain=(0.1, 10.0)),
    "cbrt":         Oracle(domain=(0.1, 10.0)),
    "sin":          Oracle(),
    "cos":          Oracle(),
    "tan":          Oracle(domain=(-1.2, 1.2)),
    "asin":         Oracle(domain=(-0.9, 0.9)),
    "acos":         Oracle(domain=(-0.9, 0.9)),
    "atan":         Oracle(),
    "sinh":         Oracle(domain=(-2.0, 2.0)),
    "cosh":         Oracle(domain=(-2.0, 2.0)),
    "tanh":         Oracle(),
    "asinh":        Oracle(),
    "acosh":        Oracle(domain=(1.1, 10.0)),
    "atanh":        Oracle(domain=(-0.9, 0.9)),
    "erf":          Oracle(),
    "erfc":         Oracle(),
    "sign":         Oracle(jumps=True),
    "sigmoid":      Oracle(lambda x: 1 / (1 + mpmath.exp(-x))),
    "softplus":     Oracle(lambda x: mpmath.log(1 + mpmath.exp(x))),
    "relu":         Oracle(lambda x: max(x, mpmath.mpf(0))),
    "leaky_relu":   Oracle(lambda x: x if x > 0 else x * mpmath.mpf(0.01)),
    "elu":          Oracle(lambda x: x if x > 0 else mpmath.expm1(x)),
    "silu":         Oracle(lambda x: x / (1 + mpmath.exp(-x))),
    "gelu":         Oracle(lambda x: x * mpmath.ncdf(x)),
    # Functions of two or three numbers.
    "atan2":        Oracle(step=lambda f, x, y: f.atan2(x, y + 3)),
    "hypot":        Oracle(step=lambda f, x, y: f.hypot(x, y + 3) / 3),
    "maximum":      Oracle(max, step=lambda f, x, y: f.maximum(x, y)),
    "minimum":      Oracle(min, step=lambda f, x, y: f.minimum(x, y)),
    "greater":      Oracle(lambda x, y: x > y, jumps=True),
    "less":         Oracle(lambda x, y: x < y, jumps=True),
    "equal":        Oracle(lambda x, y: x == y, jumps=True),
    "where":        Oracle(lambda c, x, y: x if c else y, step=lambda f, x, y: f.where(f.greater(x, y), f.sin(x), x * y / 2)),
    "clip":         Oracle(lambda x, low, high: min(max(x, low), mpmath.mpf(high)), step=lambda f, x, y: f.clip(x, y, 1.5)),
    # Functions of a sequence.
    "total":        Oracle(sum, step=lambda f, x, y: f.total([x, y, 0.5]) / 3),
    "mean":         Oracle(lambda xs: sum(xs) / len(xs), step=lambda f, x, y: f.mean([x, y, x])),
    "dot":          Oracle(lambda a, b, bias: bias + sum(x * y for x, y in zip(a, b, strict=True)),
                           step=lambda f, x, y: f.dot([x, 0.5, y], [y, x, 0.25], x) / 4),
    "logsumexp":    Oracle(lambda xs: mpmath.log(sum(mpmath.exp(x) for x in xs)), step=lambda f, x, y: f.logsumexp([x, y]) / 2),
    "prod":         Oracle(mpmath.fprod, step=lambda f, x, y: f.prod([x, y, 0.5])),
    # Functions of the package that are made of several rows.
    "softmax":      Oracle(_softmax, step=lambda f, x, y: f.softmax([x, y, 0.5])[1]),
    "log_softmax":  Oracle(lambda xs: [mpmath.log(x) for x in _softmax(xs)], step=lambda f, x, y: f.log_softmax([x, y, 0.5])[1] / 5),
    # The helpers of the rules.
    "ieee_div":     Oracle(lambda x, y: x / y),
    "ieee_pow":     Oracle(lambda x, y: x**y),
    "ieee_log":     Oracle(mpmath.log, domain=(0.1, 3.0)),
    "normal_cdf":   Oracle(mpmath.ncdf),
    "normal_pdf":   Oracle(mpmath.npdf),
}
# fmt: on
JUMPS = [op for op in ops.TABLE.values() if op.name in ORACLES and ORACLES[op.name].jumps]


class InMpmath:
    """The functions of the package, once more, in mpmath."""

    def __getattr__(self, name):
        return ORACLES[name].mpmath or getattr(mpmath, name)


def in_mpmath(op):
    """A row as a function of mpmath's numbers."""
    return getattr(InMpmath(), op.name)


def domain(op):
    """The numbers on which a function of one number is tested."""
    return st.floats(*ORACLES[op.name].domain)


def into_domain(op, x):
    """A Value, moved smoothly to where the function is tested; as it is, if that is everywhere."""
    low, high = ORACLES[op.name].domain
    return x if (low, high) == EVERYWHERE else 0.5 * (low + high) + 0.45 * (high - low) * tanh(x)


def _step_of_one(name):
    """A function of one number on the middle of its domain, divided so that it stays within [-2, 2]."""
    low, high = ORACLES[name].domain
    middle, quarter = 0.5 * (low + high), 0.125 * (high - low)
    function = getattr(InMpmath(), name)
    largest = max(abs(function(mpmath.mpf(middle + quarter * x))) for x in (-2.0, -1.0, 0.0, 1.0, 2.0))
    scale = max(1.0, float(mpmath.ceil(largest / 2)))
    return lambda f, x, y: getattr(f, name)(x * quarter + middle) / scale


# Every operation, made safe to compose: each maps [-2, 2] into itself. Those that jump are left out, and `neg` and `abs`,
# which are not functions of the package; arithmetic with constants is added.
STEPS = {
    **{
        name: oracle.step or _step_of_one(name)
        for name, oracle in ORACLES.items()
        if not oracle.jumps and (oracle.step or (ops.TABLE[name].public and name not in ("neg", "abs")))
    },
    "constants": lambda f, x, y: 1 - (2 - x) * 0.5 + (y / 3) ** 2 / 2,
}
