"""Where a function raises for one sample, its program raises for the batch: also where the number would be hidden again.

NumPy goes on with inf or nan where Python raises, and what follows may make a finite number of it: `1 / (1 + exp(1000))`.
"""

import itertools
import math

import numpy as np
import pytest

from autograd_lite import TraceError, Value, atan, compile, maximum, minimum, ops, sigmoid, tanh, total

ROWS = [op for op in ops.TABLE.values() if op.public]
TRIED = [0.0, -1.0, 2.0, -2.5, 800.0, -800.0, 1e200, -1e200, 1.7e308]
ORDINARY = (0.25, 0.75)

# What is done with the number afterwards.
LIDS = {
    "nothing": lambda y: y,
    "1 / (1 + y)": lambda y: 1.0 / (1.0 + y),
    "tanh": tanh,
    "sigmoid": sigmoid,
    "atan": atan,
    "minimum": lambda y: minimum(y, 3.0),
    "maximum": lambda y: maximum(y, -3.0),
    "y**0": lambda y: y**0,
    **{
        name: (lambda y, op=ops.TABLE[name]: op(y, 0.5))
        for name in ("greater", "less", "equal")
        if ops.TABLE.get(name) is not None and ops.TABLE[name].public
    },
}


def attempt(function, *arguments):
    try:
        return function(*arguments)
    except (ArithmeticError, ValueError) as error:
        return error


def bad_operands(op):
    """Numbers for which a row raises, and others for which it does not; at most three of the first."""
    arity = op.arity or 3
    ordinary = [ORDINARY, ORDINARY, ORDINARY][:arity]
    for first in itertools.product(*ordinary):
        if not isinstance(attempt(op, *first), Exception):
            break
    else:
        first = tuple(1.0 + x for x in first)  # acosh
    found = [xs for xs in itertools.product(TRIED, repeat=arity) if isinstance(attempt(op, *xs), Exception)]
    # Also where it gives what is not finite: both ways may go on with that.
    infinite = [
        xs
        for xs in itertools.product(TRIED, repeat=arity)
        if not isinstance(y := attempt(op, *xs), Exception) and not math.isfinite(y)
    ]
    return first, [*found[:: max(1, len(found) // 3)][:3], *infinite[:1]]


CASES = {op.name: bad_operands(op) for op in ROWS}
RAISING = [name for name, (_, bad) in CASES.items() if bad]


def fault(name, lid, bad, place, by_backward):
    """What is wrong with a row and what is done with its result; None if nothing is."""
    op, ordinary = ops.TABLE[name], CASES[name][0]
    w = Value(1.0)

    def f(xs):
        return total([LIDS[lid](op(*[w * x for x in xs])), w])

    X = np.array([ordinary] * 40) * np.linspace(1.0, 1.05, 40)[:, None]
    first = [X.copy()] if place is None else []
    X[place or 0] = bad
    compiled = compile(f)
    for batch in [*first, X]:
        expected = [attempt(f, xs) for xs in batch.tolist()]
        w.grad = 0.0
        found = attempt(compiled.backward if by_backward else compiled, batch)
        numbers = [float(y) for y in expected if not isinstance(y, Exception)]
        if len(numbers) < len(expected):
            if not isinstance(found, Exception):
                return f"gave {found}, the function raises {expected[place or 0]!r}"
            if w.grad != 0.0:
                return f"left the gradient {w.grad}"
        elif isinstance(found, FloatingPointError) and not np.isfinite(numbers).all():
            pass
        elif isinstance(found, Exception):
            return f"raised {found!r}, the function gives {numbers[place or 0]}"
        elif not np.allclose(found, np.mean(numbers) if by_backward else numbers, rtol=1e-9, equal_nan=True):
            return f"gave {found}, the function gives {numbers[place or 0]}"
    return None


@pytest.mark.parametrize("name", RAISING)
def test_what_raises_for_a_sample_raises_for_the_batch(name):
    _, operands = CASES[name]
    found = {}
    for i, (lid, bad) in enumerate(itertools.product(LIDS, operands)):
        place, by_backward = [0, 17, 39, None][i % 4], bool(i % 3 == 0)
        try:
            what = fault(name, lid, bad, place, by_backward)
        except TraceError as error:
            what = f"refused: {error}"
        if what:
            found[lid, bad, place, by_backward] = what
    assert not found
