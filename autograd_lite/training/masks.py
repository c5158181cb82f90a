"""What the Dropouts of a net let through, drawn for a whole batch at once as they draw it number by number."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from autograd_lite.nn.layers import Dropout
from autograd_lite.nn.module import Module


class Masks:
    """The masks of the active Dropouts of a net.

    They come from the Dropouts' own sources of randomness, in the order in which the net draws for one sample after the
    other: so a program drops what the net itself would drop.

    Parameters
    ----------
    net : callable
    x : list of float
        A sample.

    Attributes
    ----------
    keep : numpy.ndarray
        The probability of each number to be let through.

    Raises
    ------
    TypeError
        If a Dropout is used twice for a sample, or its source of randomness is not a plain `random.Random`.
    """

    def __init__(self, net: Any, x: Any) -> None:
        self._dropouts = _in_order_of_use(net, x)
        sizes = [n for _, n in self._dropouts]
        self._drop = np.repeat([d.probability for d, _ in self._dropouts], sizes)
        self.keep = 1.0 - self._drop
        # The masks of each source of randomness, which several Dropouts may share.
        self._sources: dict[random.Random, list[int]] = {}
        first = 0
        for dropout, n in self._dropouts:
            if type(dropout._random) is not random.Random:
                raise TypeError(
                    f"a Dropout draws from a {type(dropout._random).__name__}, which a program cannot follow"
                )
            self._sources.setdefault(dropout._random, []).extend(range(first, first + n))
            first += n
        self._streams: list[tuple[Any, list[int]]] = []

    def __len__(self) -> int:
        return len(self.keep)

    def drawn(self, samples: int) -> Any:
        """What is let through for so many samples: an array of bool of shape (len(self), samples)."""
        if not self._streams:
            self._streams = [(_stream(source), rows) for source, rows in self._sources.items()]
        kept = np.empty((len(self), samples), dtype=bool)
        for stream, rows in self._streams:
            kept[rows] = (stream.random_sample((samples, len(rows))) >= self._drop[rows]).T
        return kept

    def store(self) -> None:
        """Let the Dropouts go on from here."""
        streams, self._streams = self._streams, []
        for source, (stream, _) in zip(self._sources, streams):
            version, _, gauss = source.getstate()
            _, keys, position, *_ = stream.get_state()
            source.setstate((version, (*keys.tolist(), position), gauss))

    @contextmanager
    def given(self, masks: list[Any]) -> Iterator[None]:
        """Within this context the Dropouts multiply by these numbers."""
        given = []
        for dropout, n in self._dropouts:
            own, masks = masks[:n], masks[n:]
            given.append((dropout, lambda _, own=own: own))
        with _multipliers(given):
            yield


def _stream(source: random.Random) -> Any:
    """NumPy's generator that gives the same numbers: both are the Mersenne twister, and make a float in the same way."""
    _, state, _ = source.getstate()
    stream = np.random.RandomState()
    stream.set_state(("MT19937", np.array(state[:-1], dtype=np.uint32), state[-1], 0, 0.0))
    return stream


def _in_order_of_use(net: Any, x: Any) -> list[tuple[Dropout, int]]:
    """The active Dropouts, and how many numbers each is given for a sample."""
    modules = [module for _, module in net.named_modules()] if isinstance(net, Module) else []
    active = [m for m in modules if isinstance(m, Dropout) and m.training and m.probability > 0.0]
    sizes: dict[Dropout, int] = {}

    def count(dropout: Dropout) -> Callable[[int], list[float]]:
        def multipliers(n: int) -> list[float]:
            if dropout in sizes:
                raise TypeError("a Dropout that is used twice cannot be compiled")
            sizes[dropout] = n
            return [1.0] * n

        return multipliers

    if active:
        with _multipliers([(dropout, count(dropout)) for dropout in active]):
            net(x)
    return list(sizes.items())


@contextmanager
def _multipliers(given: list[tuple[Dropout, Any]]) -> Iterator[None]:
    try:
        for dropout, multipliers in given:
            dropout.multipliers = multipliers
        yield
    finally:
        for dropout, _ in given:
            dropout.multipliers = None
