"""A batch in shards: how it is cut, how one part is computed, and how the parts become the whole.

The gradient of a mean over a batch is the mean of the gradients over its parts, weighted by their rows. What is cut
where depends on the batch and the program alone, and the parts are added in their order: so it makes no difference, not
in the last bit, who computes them.
"""

from __future__ import annotations

import operator
import uuid
from functools import lru_cache, reduce
from itertools import accumulate
from typing import Any

import numpy as np

from autograd_lite.compiler.ir.rows import Index
from autograd_lite.compiler.numpy.bind import Bound, Code

# The numbers of a program's array for one part: 2 MB, and as much for their gradients, is what a cache holds. From 512 to
# 2048 samples of a 2-64-64-1 net a sample costs 0.83 to 0.90 µs, of 16384 at once 1.37; from 1024 to 2048 of a 2-16-16-1
# net 0.13, of 128 at once 0.20. A part takes half a millisecond to one; sending it elsewhere, 0.2 to 0.4 of processor time.
_PART = 2**18
_MOST_SHARDS = 8  # at 20000 samples of 2-64-64-1 (25 ms) this process spends 3 ms on 4, 4 on 8, 6 on 16, 10 on 32

Result = tuple[float, Any]  # a mean loss, and an array of its derivatives by the parameters


@lru_cache
def shard_sizes(samples: int, rows: int, shards: int | None = None) -> tuple[int, ...]:
    """How many samples of a batch go into each shard: as equal as can be, and never none.

    Parameters
    ----------
    samples : int
        The size of the batch.
    rows : int
        How many numbers the program computes for each sample.
    shards : int, optional
        How many shards; if not given, as many as the work is worth, 8 at most.

    Examples
    --------
    >>> shard_sizes(10, 100, shards=4)
    (3, 3, 2, 2)
    >>> shard_sizes(32, 100), len(shard_sizes(10_000, 100)), len(shard_sizes(1_000_000, 100))
    ((32,), 3, 8)
    """
    count = samples * rows // _PART if shards is None else shards
    return _evenly(samples, min(count, _MOST_SHARDS) if shards is None else count)


def cuts(sizes: tuple[int, ...]) -> list[slice]:
    """Where parts of these sizes lie.

    Examples
    --------
    >>> cuts((3, 2))
    [slice(0, 3, None), slice(3, 5, None)]
    """
    return [slice(end - size, end) for size, end in zip(sizes, accumulate(sizes))]


def weighted_mean(sizes: tuple[int, ...], results: list[Result]) -> Result:
    """The loss and the gradient of a whole from those of its parts, added in their order.

    Examples
    --------
    >>> weighted_mean((3, 1), [(2.0, np.array([4.0])), (6.0, np.array([8.0]))])
    (3.0, array([5.]))
    """
    weights = [size / sum(sizes) for size in sizes]
    loss = reduce(operator.add, [weight * loss for weight, (loss, _) in zip(weights, results)])
    return loss, reduce(operator.add, [weight * gradient for weight, (_, gradient) in zip(weights, results)])


class ShardProgram:
    """What computes a shard: the compiled loss, and where a shard's numbers go in its arrays. It can be pickled.

    Parameters
    ----------
    code : Code
    inputs, masks : Index
        The rows of the program's array that a shard's numbers go to, and its dropout masks.
    keep : numpy.ndarray
        The probability of each mask to let through.
    """

    def __init__(self, code: Code, inputs: Index, masks: Index, keep: Any) -> None:
        self.key = uuid.uuid4().hex
        self.code, self.inputs, self.masks, self.keep = code, inputs, masks, keep
        # The arrays that no thread is using, by the number of samples: a training has parts of a few sizes only.
        self._idle: dict[int, list[Bound]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_idle": {}}

    def run(self, parameters: Any, inputs: Any, kept: Any) -> Result:
        """Return the mean loss of a shard, and its gradient.

        Parameters
        ----------
        parameters : numpy.ndarray of shape (parameters,)
        inputs : numpy.ndarray of shape (inputs, samples)
        kept : numpy.ndarray of bool, shape (masks, samples)
            What dropout lets through.
        """
        samples = inputs.shape[1]
        sizes = _evenly(samples, samples * self.code.rows // _PART)
        return weighted_mean(sizes, [self._part(parameters, inputs[:, cut], kept[:, cut]) for cut in cuts(sizes)])

    def _part(self, parameters: Any, inputs: Any, kept: Any) -> Result:
        samples = inputs.shape[1]
        idle = self._idle.setdefault(samples, [])
        try:
            bound = idle.pop()
        except IndexError:
            bound = Bound(self.code, samples, np.float64)
        bound.parameters[: len(parameters)] = parameters
        bound.values[self.inputs] = inputs
        bound.values[self.masks] = kept / self.keep[:, None]
        with np.errstate(all="ignore"):  # `fit` looks for itself for what is not finite
            bound.forward()
            bound.backward()
        result = float(bound.mean()), bound.d_parameters[: len(parameters)].copy()
        idle.append(bound)
        return result


def _evenly(samples: int, count: int) -> tuple[int, ...]:
    count = max(1, min(count, samples))
    return tuple([samples // count + (i < samples % count) for i in range(count)])
