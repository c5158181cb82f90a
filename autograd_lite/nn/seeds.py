"""Sources of randomness from a seed, of whatever kind it is."""

from __future__ import annotations

import random
from typing import Any


def as_random(seed: Any) -> random.Random:
    """Python's source of randomness from an integer of any kind, a generator of Python or of NumPy, or None.

    Raises
    ------
    TypeError
        If it is none of these.

    Examples
    --------
    >>> as_random(3).random() == random.Random(3).random()
    True
    """
    if seed is None or isinstance(seed, random.Random):
        return seed or random.Random()
    if isinstance(seed, (str, bytes, float)):
        return random.Random(seed)
    if hasattr(seed, "__index__"):
        return random.Random(int(seed))
    draw = getattr(seed, "bytes", None)  # a Generator or RandomState of NumPy goes on, as a random.Random does
    if not callable(draw):
        raise TypeError(
            f"seed must be an integer, a random.Random or a generator of NumPy, got {type(seed).__name__}: {seed!r}"
        )
    return random.Random(draw(16))


def as_generator(seed: Any) -> Any:
    """NumPy's source of randomness from an integer of any kind, a generator of NumPy or of Python, or None.

    Raises
    ------
    TypeError, ValueError
        If it is none of these.
    """
    import numpy

    if isinstance(seed, random.Random):
        return numpy.random.default_rng(seed.getrandbits(64))
    try:
        return numpy.random.default_rng(seed)
    except (TypeError, ValueError):
        kind = ValueError if hasattr(seed, "__index__") else TypeError
        raise kind(
            f"seed must be an integer that is not negative, or a generator, got {type(seed).__name__}: {seed!r}"
        ) from None
