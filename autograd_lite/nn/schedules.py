"""Learning-rate schedules, for the `lr` of an optimiser; `optim` shows them too.

A schedule is a function: it takes the number of steps made so far and returns the learning rate of the next. A step is
one call of an optimiser's `step()`: one mini-batch in `fit`. A schedule can be pickled, and an optimiser with it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from autograd_lite.nn.settings import not_negative, positive_integer

# The learning rate after a number of steps.
Schedule = Callable[[int], float]


def constant(lr: float) -> Schedule:
    """The same learning rate at every step.

    Examples
    --------
    >>> constant(0.1)(1000)
    0.1
    """
    return partial(_constant, not_negative("lr", lr))


def step_decay(lr: float, every: int, factor: float = 0.1) -> Schedule:
    """A learning rate that is multiplied by a factor after every so many steps.

    Examples
    --------
    >>> schedule = step_decay(1.0, every=10, factor=0.5)
    >>> schedule(9), schedule(10), schedule(20)
    (1.0, 0.5, 0.25)
    """
    return partial(
        _step_decay, not_negative("lr", lr), positive_integer("every", every), not_negative("factor", factor)
    )


def cosine(lr: float, steps: int, final: float = 0.0) -> Schedule:
    """A learning rate that falls along half a cosine, from `lr` to `final`, and stays there.

    References
    ----------
    Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts" (2017).

    Examples
    --------
    >>> schedule = cosine(1.0, steps=100)
    >>> schedule(0), round(schedule(50), 6), schedule(100), schedule(200)
    (1.0, 0.5, 0.0, 0.0)
    """
    return partial(_cosine, not_negative("lr", lr), positive_integer("steps", steps), not_negative("final", final))


def warm_up(lr: float | Schedule, steps: int) -> Schedule:
    """A learning rate that rises evenly over the first steps, and then follows a schedule from its start.

    Examples
    --------
    >>> schedule = warm_up(cosine(1.0, steps=100), steps=4)
    >>> [schedule(i) for i in range(5)]
    [0.25, 0.5, 0.75, 1.0, 1.0]
    """
    after = lr if callable(lr) else constant(lr)
    return partial(_warm_up, after, positive_integer("steps", steps))


# --- the rules, which are functions of the module so that a schedule can be pickled -------------------------------------


def _constant(lr: float, step: int) -> float:
    return lr


def _step_decay(lr: float, every: int, factor: float, step: int) -> float:
    return float(lr * factor ** (step // every))


def _cosine(lr: float, steps: int, final: float, step: int) -> float:
    return final + (lr - final) * 0.5 * (1.0 + math.cos(math.pi * min(step / steps, 1.0)))


def _warm_up(after: Schedule, steps: int, step: int) -> float:
    return after(0) * (step + 1) / steps if step < steps else after(step - steps)
