"""How `fit` trains at matrix speed: the compiled loss, with all parameters in one array."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from autograd_lite import losses
from autograd_lite.compiler.arguments import Arguments
from autograd_lite.compiler.bind import Bound
from autograd_lite.compiler.compiled import CompiledFunction, compile
from autograd_lite.compiler.plan import Plan
from autograd_lite.functions import mean, softplus
from autograd_lite.module import Module
from autograd_lite.nn import Dropout
from autograd_lite.optim import Optimizer
from autograd_lite.prediction import in_use, predict
from autograd_lite.shards import Result, ShardProgram, cuts, shard_sizes, weighted_mean
from autograd_lite.value import Value


class CompiledEngine:
    """Runs the program of a net and its loss. The net's own Values are brought up to date by `write_back`.

    Parameters
    ----------
    net, loss, optimizer
        As for `fit`.
    X, y : numpy.ndarray
        The samples and their targets.
    shards : int, optional
        See `shard_sizes`.

    Raises
    ------
    TraceError
        If net or loss decide on their data.
    """

    def __init__(
        self,
        net: Callable[[Any], Any],
        loss: Callable[[Any, Any], Any],
        optimizer: Optimizer,
        X: Any,
        y: Any,
        shards: int | None = None,
    ) -> None:
        self.net, self.optimizer, self._shards = net, optimizer, shards
        self._dropouts = _active_dropouts(net)
        sizes = self._sizes_of_masks(X[0])
        if loss is losses.cross_entropy and y.ndim == 1:  # classes as numbers
            y = _one_hot(y, len(net(X[0].tolist())))
        elif loss is losses.binary_cross_entropy and np.isin(y, (0.0, 1.0)).all():
            y, loss = 1.0 - 2.0 * y, _cross_entropy_of_signs
        self._masks = np.zeros((len(X), sum(sizes)))
        self._keep = np.repeat([1.0 - d.probability for d, _ in self._dropouts], sizes)
        self._rng = np.random.default_rng([d._random.getrandbits(64) for d, _ in self._dropouts[:1]] or None)

        def sample_loss(x: Any, target: Any, *masks: Any) -> Any:
            with self._given_masks(list(masks[0]) if masks else []):
                return loss(net(x), target)

        arrays = [X, y, *([self._masks] if sizes else [])]
        plan = Plan(sample_loss, Arguments(tuple(arrays), {}))
        if plan.trace.shape != ():
            raise TypeError("a loss is one Value for each sample")
        self._start(plan, arrays)

    def _start(self, plan: Plan, arrays: list[Any]) -> None:
        program = plan.program
        self._plan = plan
        self._code = plan.code
        self._parameters = np.zeros(program.places)
        self._gradient = np.zeros(program.places)
        self._bounds: dict[int, Bound] = {}
        # All inputs as columns, with the rows of ones between them, as the program's array begins.
        self._height = max([int(rows.max()) for rows in program.inputs if len(rows)], default=-1) + 1
        self._columns = np.ones((self._height, len(arrays[0])))
        for rows, array in zip(program.inputs, arrays, strict=True):
            self._columns[rows] = array.reshape(len(array), -1).T
        self._mask_rows = program.inputs[2] if self._dropouts else np.zeros(0, dtype=np.intp)
        self._inputs = np.concatenate(program.inputs[:2])
        self._shard_program = ShardProgram(plan.code, self._inputs, self._mask_rows, self._keep)
        self._count = len(program.parameters)  # they come first in their array
        self._full: Bound | None = None
        place = dict(zip(plan.trace.parameters, program.parameters.tolist(), strict=True))
        for parameter, at in place.items():
            self._parameters[at] = parameter.data
        trained = [p for p in self.optimizer.params if p in place]
        self._trained = sorted(trained, key=place.__getitem__)
        places = [place[p] for p in self._trained]
        contiguous = places == list(range(len(places)))
        self._at: Any = slice(0, len(places)) if contiguous else np.array(places, dtype=np.intp)
        self._views = (self._parameters[self._at], self._gradient[self._at]) if contiguous else None
        self._unused = [p for p in self.optimizer.params if p not in place]
        self._rest = np.array([p.data for p in self._unused])
        self._program_in_use: CompiledFunction | None = compile(lambda x: self.net(x))
        self._own_order = list(self.optimizer.params)
        self._entered = False

    # --- one step -----------------------------------------------------------------------------------------------------

    def loss_and_gradient(self, batch: Sequence[int]) -> float:
        """Return the mean loss over the samples with these numbers, and keep its gradient."""
        if not self._entered:
            self._enter()
        sizes = shard_sizes(len(batch), self._code.rows, self._shards)
        if len(sizes) > 1:
            loss, gradient = weighted_mean(sizes, self._results(self._cut(batch, sizes)))
            self._gradient[: self._count] = gradient
            return float(loss)
        bound = self._loaded(batch)
        bound.forward()
        bound.backward()
        return float(bound.mean())

    def _cut(self, batch: Any, sizes: tuple[int, ...]) -> list[tuple[Any, Any]]:
        """The inputs of each shard, and what dropout lets through."""
        kept = self._drawn(len(batch))
        if len(batch) == self._columns.shape[1]:
            return [(self._columns[self._inputs, cut], kept[:, cut]) for cut in cuts(sizes)]
        return [(self._columns[np.ix_(self._inputs, batch[cut])], kept[:, cut]) for cut in cuts(sizes)]

    def _results(self, shards: list[tuple[Any, Any]]) -> list[Result]:
        """The mean loss of each shard, and its gradient."""
        return [self._shard_program.run(self._parameters[: self._count], *shard) for shard in shards]

    def _loaded(self, batch: Sequence[int]) -> Bound:
        size = len(batch)
        bound = self._bounds.get(size)
        if bound is None:
            bound = self._bounds[size] = Bound(self._code, size, np.float64, self._parameters, self._gradient)
        if size == self._columns.shape[1]:  # all samples: their order does not matter
            if bound is not self._full:
                bound.values[: self._height] = self._columns
                self._full = bound
        else:
            self._columns.take(batch, 1, bound.values[: self._height], "clip")
        if len(self._mask_rows):
            bound.values[self._mask_rows] = self._drawn(size) / self._keep[:, None]
        return bound

    def _drawn(self, samples: int) -> Any:
        """What dropout lets through, for each mask and sample."""
        return self._rng.random((len(self._mask_rows), samples)) < self._keep[:, None]

    def step(self) -> bool:
        """Let the optimiser use the gradient. Return whether all parameters are finite afterwards."""
        if not self._entered:
            self._enter()
        if len(self._rest):
            data = np.concatenate([self._parameters[self._at], self._rest])
            gradient = np.concatenate([self._gradient[self._at], np.zeros(len(self._rest))])
            data = self.optimizer.step_array(data, gradient)
            self._parameters[self._at], self._rest = data[: -len(self._rest)], data[-len(self._rest) :]
        elif self._views is not None:  # all parameters, in the order of the program: nothing to gather
            parameters, gradient = self._views
            data = self.optimizer.step_array(parameters, gradient)
            parameters[...] = data
        else:
            data = self.optimizer.step_array(self._parameters[self._at], self._gradient[self._at])
            self._parameters[self._at] = data
        # Nearly always finite: one product tells, unless it overflows.
        return math.isfinite(data.dot(data)) or bool(np.isfinite(data).all())

    # --- the net's own Values -----------------------------------------------------------------------------------------

    def snapshot(self) -> Any:
        """Return the parameters' data."""
        return self._parameters.copy(), self._rest

    def restore(self, snapshot: Any) -> None:
        """Set the parameters' data."""
        self._parameters[:], self._rest = snapshot

    def write_back(self) -> None:
        """Bring the net's own Values, and the optimiser, up to date."""
        if self._entered:
            self._entered = False
            self._errors.__exit__(None, None, None)
            self._reorder(self._own_order)
        for p, data, grad in zip(self._trained, self._parameters[self._at].tolist(), self._gradient[self._at].tolist()):
            p.data = data
            p.grad = grad
        for p, data in zip(self._unused, self._rest.tolist()):
            p.data = data

    def _enter(self) -> None:
        """Let the optimiser hold the parameters in the program's order, so that a step copies nothing.

        And let arithmetic pass over what is not finite, which `fit` looks for itself. Undone by `write_back`.
        """
        self._errors = np.errstate(all="ignore")
        self._errors.__enter__()
        self._reorder([*self._trained, *self._unused])
        self._entered = True

    def _reorder(self, params: list[Value]) -> None:
        optimizer = self.optimizer
        if optimizer._state:
            number = {p: i for i, p in enumerate(optimizer.params)}
            order = [number[p] for p in params]
            optimizer._state = [np.asarray(values)[order] for values in optimizer._state]
        optimizer.params = params

    def predict(self, X: Any) -> Any:
        """Return the net's outputs in use (not as in training)."""
        self.write_back()
        if self._program_in_use is not None:
            try:
                with in_use(self.net):
                    return self._program_in_use(X)
            except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError):
                self._program_in_use = None
        return predict(self.net, X)

    # --- dropout ------------------------------------------------------------------------------------------------------

    def _sizes_of_masks(self, x: Any) -> list[int]:
        """How many numbers each active Dropout is given, for one sample."""
        if not self._dropouts:
            return []
        sizes: dict[int, int] = {}

        def count(module: Dropout) -> Callable[[int], list[float]]:
            def multipliers(n: int) -> list[float]:
                if id(module) in sizes:
                    raise TypeError("a Dropout that is used twice cannot be compiled")
                sizes[id(module)] = n
                return [1.0] * n

            return multipliers

        with _multipliers([(d, count(d)) for d, _ in self._dropouts]):
            self.net(x.tolist())
        self._dropouts = [(d, sizes.get(id(d), 0)) for d, _ in self._dropouts]
        return [n for _, n in self._dropouts]

    @contextmanager
    def _given_masks(self, masks: list[Any]) -> Iterator[None]:
        given = []
        for dropout, n in self._dropouts:
            own, masks = masks[:n], masks[n:]
            given.append((dropout, lambda _, own=own: own))
        with _multipliers(given):
            yield


@contextmanager
def _multipliers(given: list[tuple[Dropout, Any]]) -> Iterator[None]:
    for dropout, multipliers in given:
        dropout.multipliers = multipliers
    try:
        yield
    finally:
        for dropout, _ in given:
            dropout.multipliers = None


def _active_dropouts(net: Any) -> list[tuple[Dropout, int]]:
    if not isinstance(net, Module):
        return []
    modules = [module for _, module in net.named_modules()]
    return [(m, 0) for m in modules if isinstance(m, Dropout) and m.training and m.probability > 0.0]


def _cross_entropy_of_signs(prediction: Any, sign: Any) -> Any:
    """`binary_cross_entropy` for the targets 0 and 1, given as 1 and -1: one softplus, as it computes with numbers."""
    if isinstance(prediction, Value):
        return softplus(sign * prediction)
    return mean([softplus(s * p) for p, s in zip(prediction, sign, strict=True)])


def _one_hot(y: Any, classes: int) -> Any:
    whole = y.astype(int)
    if (whole != y).any() or whole.min() < 0 or whole.max() >= classes:
        raise ValueError(f"cross_entropy of {classes} logits takes classes from 0 to {classes - 1}")
    return np.eye(classes)[whole]
