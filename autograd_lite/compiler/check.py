"""Whether a program does what its function does: both run on some samples, and the results are compared.

A program is traced on one sample, and repeats for all others what the function did for that one. What the function does
with Values is watched while it is traced. What it does with plain numbers (`isinstance`, `str()`, a counter, a parameter
that has been replaced since) shows only in its results. So it is also called on plain floats, as `predict` and an eager
`fit` call it, for the samples that can tell most: those whose inputs are of a kind that it has not been called on yet.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np

from autograd_lite import ops
from autograd_lite._support.nested import mapped
from autograd_lite._support.text import quoted
from autograd_lite.compiler.front.arguments import Arguments
from autograd_lite.compiler.front.trace import Trace, TraceError, flatten, name_of
from autograd_lite.value import Value, gradients_of

_FEW: Final = (
    8  # a column with no more different numbers is taken for a choice among them, such as the class of a target
)
_COLUMNS: Final = 64  # that are searched for such choices
_AT_ONCE: Final = 16  # samples of new kinds that one call compares
_IN_ALL: Final = 64  # and all calls together; then one sample a call is compared
_REMEMBERED: Final = 16  # batches, which are not searched again


class Kinds:
    """The kinds of numbers that were met in each column of the inputs, in the samples that were compared.

    In a column of few different numbers each number is a kind. In any other, and in these too, the negative numbers, zero,
    the positive numbers, those whose square overflows, and those that are not finite are kinds.

    Parameters
    ----------
    columns : int
        How many numbers one sample has.
    """

    def __init__(self, columns: int) -> None:
        self._numbers: list[set[float] | None] = [set() for _ in range(min(columns, _COLUMNS))]  # None: too many
        self._signs = np.zeros((5, columns), dtype=bool)
        self._batches: dict[int, None] = {}
        self._left = _IN_ALL

    @property
    def are_settled(self) -> bool:
        """Whether so many samples were compared that no more are searched for new kinds."""
        return self._left <= 0

    def new(self, columns: Any) -> list[int]:
        """Some samples of kinds that were not compared before. They count as compared from now on.

        Parameters
        ----------
        columns : array of shape (numbers of a sample, samples)
        """
        batch = hash(columns.tobytes())
        if self.are_settled or batch in self._batches:
            return []
        last = columns.shape[1] - 1
        spread = [0, last // 2, last] if self._left == _IN_ALL else []  # of the first batch, whatever their kind
        chosen = dict.fromkeys(spread)
        is_whole = True
        for sample in self._of_new_kinds(columns):
            if len(chosen) >= min(_AT_ONCE, self._left):
                is_whole = False
                break
            chosen[sample] = None
        for sample in chosen:
            self._note(columns[:, sample])
        self._left -= len(chosen)
        if is_whole:
            self._batches[batch] = None
            if len(self._batches) > _REMEMBERED:
                del self._batches[next(iter(self._batches))]
        return sorted(chosen)

    def _of_new_kinds(self, columns: Any) -> Iterator[int]:
        for i, known in enumerate(self._numbers):
            if known is None:
                continue
            if len({*columns[i, : 8 * _FEW].tolist()} | known) > _FEW:
                self._numbers[i] = None
                continue
            numbers, first = np.unique(columns[i], return_index=True)
            if len({*numbers.tolist()} | known) > _FEW:
                self._numbers[i] = None
                continue
            yield from [at for number, at in zip(numbers.tolist(), first.tolist()) if number not in known]
        for met, is_kind in zip(self._signs, _signs(columns)):
            new = np.flatnonzero(is_kind.any(axis=1) & ~met)
            yield from is_kind[new].argmax(axis=1).tolist()

    def _note(self, sample: Any) -> None:
        for known, number in zip(self._numbers, sample.tolist()):
            if known is not None:
                known.add(number)
        self._signs |= np.stack(_signs(sample))


def _signs(numbers: Any) -> tuple[Any, ...]:
    return ~np.isfinite(numbers), abs(numbers) > 1e154, numbers < 0.0, numbers == 0.0, numbers > 0.0


def compare(
    function: Callable[..., Any],
    arguments: Arguments,
    samples: list[int],
    outputs: Any,
    trace: Trace,
    is_single: bool,
    largest: float = 0.0,
) -> None:
    """ArrayCall the function on plain floats for some samples, and compare with what its program gave for them.

    Parameters
    ----------
    function : callable
    arguments : Arguments
    samples : list of int
        Which of them.
    outputs : array of shape (len(samples), *shape of the result)
        What the program gave.
    trace : Trace
    is_single : bool
        Whether the program computed with single precision.
    largest : float
        The largest number that the program met on its way: the rounding error of what cancels out is relative to it.

    Raises
    ------
    TraceError
        If the two differ.
    FloatingPointError
        If the function's own result is not finite, as where a sum overflows on the way to a mean.
    Exception
        What the function itself raises for one of the samples, where the program has a finite result.
    """
    for i, output in zip(samples, outputs):
        given = output.ravel().tolist()
        if not all(map(math.isfinite, given)):
            continue  # the caller is told what is not finite
        results: list[Value | float] = []
        shape = flatten(_itself(function, arguments, i), results, function)
        numbers = [float(x) for x in results]
        if shape == trace.shape and _agree(given, numbers, results, is_single, largest):
            continue
        if not all(map(math.isfinite, numbers)):
            raise FloatingPointError(f"{name_of(function)} gives {numbers!s:.80} for sample {i}, which is not finite")
        itself = numbers if shape else numbers[0]
        raise TraceError(
            f"{name_of(function)} gives {output.tolist()!s:.200} for sample {i} as a program, but itself it computes"
            f" {itself!s:.200}. It must do the same operations for every sample, and with Values and plain numbers alike:"
            " what it decides by the type, the text or the order of its inputs, or reads from elsewhere, is frozen into the"
            " program"
        )


def _itself(function: Callable[..., Any], arguments: Arguments, i: int) -> Any:
    """The function's result for one sample: on plain floats, or on Values if it calls methods that only these have."""
    args, kwargs = arguments.sample(i)
    try:
        return function(*args, **kwargs)
    except (AttributeError, TypeError):
        args, kwargs = arguments.sample(i, lambda numbers: mapped(Value, numbers))
        return function(*args, **kwargs)


def _agree(
    given: list[float], numbers: list[float], results: list[Value | float], is_single: bool, largest: float
) -> bool:
    relative, absolute = (1e-3, 1e-4) if is_single else (1e-7, 1e-9)
    if np.allclose(given, numbers, rtol=relative, atol=absolute, equal_nan=True):
        return True
    # Large numbers may cancel out, and the two ways to compute them then differ in the last digits.
    rounding = (1e-6 if is_single else 1e-12) * max(largest, _largest(results))
    return bool(np.allclose(given, numbers, rtol=relative, atol=rounding, equal_nan=True))


def _largest(results: list[Value | float]) -> float:
    """The largest number that they were computed from."""
    nodes = [node for x in results if isinstance(x, Value) for node in x.topological_order()]
    numbers = [x.data if isinstance(x, Value) else x for node in nodes for x in (node, *node.operands)]
    return max([abs(x) for x in numbers if math.isfinite(x)], default=0.0)


def compare_gradients(
    function: Callable[..., Any], arguments: Arguments, samples: list[int], gradient: Any, parameters: list[Value]
) -> None:
    """Compare the gradient that a program gave for some samples with that of the function itself.

    Parameters
    ----------
    function, arguments, samples
        As for `compare`.
    gradient : array of shape (number of parameters,)
        Of the mean over these samples.
    parameters : list of Value

    Raises
    ------
    TraceError
        If the two differ.
    """
    losses: list[Any] = []
    for i in samples:
        flatten(_itself(function, arguments, i), losses, function)
    roots = [loss for loss in losses if isinstance(loss, Value)]
    own = np.array(gradients_of(ops.TOTAL(*roots), parameters)) / len(samples) if roots else np.zeros(len(parameters))
    finite = np.isfinite(own) & np.isfinite(gradient)
    scale = max(1.0, float(np.abs(own[finite]).max(initial=0.0)))
    if not np.allclose(gradient[finite], own[finite], rtol=1e-6, atol=1e-8 * scale):
        at = int(np.argmax(np.abs(gradient - own) * finite))
        label = f" {quoted(parameters[at].label)}" if parameters[at].label else f" number {at}"
        raise TraceError(
            f"{name_of(function)} gives the gradient {gradient[at]} for the parameter{label} as a program, but itself"
            f" {own[at]}. It must do the same operations for every sample, and with Values and plain numbers alike"
        )
