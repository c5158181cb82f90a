"""How `fit` trains at matrix speed: the compiled loss, with all parameters in one array."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import numpy as np

from autograd_lite.compiler.front.arguments import Arguments
from autograd_lite.compiler.front.trace import compiling
from autograd_lite.compiler.function import CompiledFunction, compile
from autograd_lite.compiler.numpy.bind import Bound
from autograd_lite.compiler.plan import Plan
from autograd_lite.functions import mean, softplus
from autograd_lite.nn import losses
from autograd_lite.nn.module import Module
from autograd_lite.nn.optim import Optimizer
from autograd_lite.nn.predict import in_use, predict
from autograd_lite.training.masks import Masks
from autograd_lite.training.shards import Result, ShardProgram, cuts, shard_sizes, weighted_mean
from autograd_lite.value import Value

# Of so many different targets, one sample each is compared before the first step; fewer are compared by `Plan`.
_CLASSES: Final = range(9, 65)
# After the callbacks: a sample of each target, if there are no more than this, else four.
_FEW_CLASSES: Final = 16

# Operations that raise for no finite operand; a program of these needs no look at what lies between input and loss.
_TOTAL_OPERATIONS: Final = frozenset(
    [
        "add",
        "sub",
        "mul",
        "neg",
        "abs",
        "dot",
        "total",
        "mean",
        "tanh",
        "sigmoid",
        "relu",
        "leaky_relu",
        "elu",
        "silu",
        "gelu",
        "softplus",
        "erf",
        "atan",
        "sin",
        "cos",
        "maximum",
        "minimum",
        "softmax",
        "log_softmax",
        "logsumexp",
        "cross_entropy",
        "detach",
        "where",
        "greater",
        "less",
        "equal",
        "sign",
        "clip",
    ]
)


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
        If net or loss decide on their data, or for some sample the program gives another loss than they do.
    """

    _rest: Any  # the data of the optimiser's parameters that the program does not know

    def __init__(
        self,
        net: Callable[[Any], Any],
        loss: Callable[[Any, Any], Any],
        optimizer: Optimizer,
        X: Any,
        y: Any,
        shards: int | None = None,
    ) -> None:
        self.net, self.loss, self.optimizer, self._shards = net, loss, optimizer, shards
        self.X, self.y = X, y
        self._build()

    # --- the program --------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        """Compile net and loss as they are now, and lay out the arrays."""
        self._assumed = self._assumption()
        self._masks = Masks(self.net, self.X[0].tolist())
        self._loss_in_numbers, y = _in_numbers(self.loss, self.y, self.net, self.X)
        # The masks are inputs like X and y; where results are compared, everything is let through.
        masks = [np.ones((len(y), len(self._masks)))] if len(self._masks) else []
        self._arguments = Arguments((self.X, y, *masks), {})
        self._plan = Plan(self._sample_loss, self._arguments)
        if self._plan.trace.shape != ():
            raise TypeError("a loss is one Value for each sample")
        self._code = self._plan.code
        net = self.net
        self._program_in_use: CompiledFunction | None = compile(lambda x: net(x))
        self._lay_out_inputs()
        self._lay_out_parameters()
        _, first = np.unique(self.y, axis=0, return_index=True)
        if len(first) in _CLASSES:
            self._check(sorted(first.tolist()))
        spread = first if len(first) <= _FEW_CLASSES else first[np.linspace(0, len(first) - 1, 4).astype(int)]
        self._few = sorted({0, len(self.y) // 2, *spread.tolist()})

    def _sample_loss(self, x: Any, target: Any, masks: Any = ()) -> Any:
        with self._masks.given(list(masks)):
            return self._loss_in_numbers(self.net(x), target)

    def _lay_out_inputs(self) -> None:
        """All inputs as columns, with the rows of ones between them, as the program's array begins."""
        program = self._plan.program
        self._height = max([int(rows.max()) for rows in program.inputs if len(rows)], default=-1) + 1
        self._columns = np.ones((self._height, len(self.X)))
        for rows, array in zip(program.inputs, self._arguments.arrays, strict=True):
            self._columns[rows] = array.reshape(len(array), -1).T
        self._mask_rows = program.inputs[2] if len(self._masks) else np.zeros(0, dtype=np.intp)
        self._inputs = np.concatenate(program.inputs[:2])
        self._shard_program = ShardProgram(self._code, self._inputs, self._mask_rows, self._masks.keep)
        self._full: Bound | None = None  # the one that holds all samples
        self._is_total = all(s.op is None or s.op.name in _TOTAL_OPERATIONS for s in program.statements)

    def _lay_out_parameters(self) -> None:
        """One array for all parameters, and where those that are trained stand in it."""
        program, parameters = self._plan.program, self._plan.trace.parameters
        self._parameters = np.zeros(program.places)
        self._gradient = np.zeros(program.places)
        self._bounds: dict[int, Bound] = {}
        self._count = len(program.parameters)  # they come first in their array
        place = dict(zip(parameters, program.parameters.tolist(), strict=True))
        self._trained = sorted([p for p in self.optimizer.params if p in place], key=place.__getitem__)
        self._unused = [p for p in self.optimizer.params if p not in place]
        # With the optimiser's parameters in this order, a step copies nothing.
        self._order = [*self._trained, *self._unused]
        places = [place[p] for p in self._trained]
        contiguous = places == list(range(len(places)))
        self._at: Any = slice(0, len(places)) if contiguous else np.array(places, dtype=np.intp)
        self._views = (self._parameters[self._at], self._gradient[self._at]) if contiguous else None
        self.read()

    # --- is it right? -------------------------------------------------------------------------------------------------

    def _assumption(self) -> tuple[Any, ...]:
        """What the program and its arrays depend on, besides the data of the parameters."""
        modules = self.net._all_modules() if isinstance(self.net, Module) else []
        modes = {module: (module.training, getattr(module, "probability", None)) for module in modules}
        parameters = self.net.parameters() if isinstance(self.net, Module) else []
        return list(self.optimizer.params), modes, parameters

    def _check(self, samples: list[int]) -> None:
        """Compare the program with net and loss on plain floats, as an eager training calls them.

        Raises
        ------
        TraceError
            If they differ.
        Exception
            What net or loss raise for a sample for which the program has a finite loss.
        """
        with compiling():
            self._plan.compare(self._sample_loss, self._arguments, samples)

    def refresh(self) -> None:
        """After other code had a hand in it: take over what it did to the parameters, and to net, loss and optimiser.

        Raises
        ------
        TraceError
            If they cannot be compiled any more.
        """
        self.read()
        if self._assumed != self._assumption():
            self._build()
            return
        try:
            self._check(self._few)
        except Exception:  # a number that net or loss read from elsewhere is another one now
            self._build()

    # --- one step -----------------------------------------------------------------------------------------------------

    @contextmanager
    def running(self) -> Iterator[None]:
        """Around the steps of an epoch: the optimiser holds the parameters in the program's order.

        And arithmetic passes over what is not finite, which `fit` looks for itself.
        """
        own = self.optimizer.params
        with np.errstate(all="ignore"):
            try:
                self.optimizer.params = self._order
                yield
            finally:
                self.optimizer.params = own
                self._masks.store()

    def loss_and_gradient(self, batch: Sequence[int]) -> float:
        """Return the mean loss over the samples with these numbers, and keep its gradient."""
        sizes = shard_sizes(len(batch), self._code.rows, self._shards)
        if len(sizes) > 1:
            loss, gradient = weighted_mean(sizes, self._results(self._cut(batch, sizes)))
            self._gradient[: self._count] = gradient
            return float(loss)
        bound = self._loaded(batch)
        bound.forward()
        if not self._is_total:
            self._raise_what_is_hidden(bound, batch)
        bound.backward()
        return float(bound.mean())

    def _raise_what_is_hidden(self, bound: Bound, batch: Sequence[int]) -> None:
        """Where a number on the way to the loss is not finite, net or loss may raise: ask them.

        `1 / (1 + exp(1000))` is 0 in a program, and an OverflowError in Python.
        """
        if math.isfinite(bound.values.sum()):  # the quick way, which overflows sooner
            return
        suspects = np.flatnonzero(~np.isfinite(bound.values).all(axis=0))
        if not len(suspects):
            return
        self.write_back()
        masks = bound.values[self._mask_rows]
        for i in suspects[:8].tolist():
            (x, target, *_), _ = self._arguments.sample(int(batch[i]))
            self._sample_loss(x, target, masks[:, i].tolist())

    def _cut(self, batch: Any, sizes: tuple[int, ...]) -> list[tuple[Any, Any]]:
        """The inputs of each shard, and what dropout lets through."""
        kept = self._masks.drawn(len(batch))
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
            bound.values[self._mask_rows] = self._masks.drawn(size) / self._masks.keep[:, None]
        return bound

    def step(self) -> bool:
        """Let the optimiser use the gradient. Return whether all parameters are finite afterwards."""
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
        """Return the data of the optimiser's parameters, and whose they are."""
        return self._order, self._parameters[self._at].copy(), self._rest

    def restore(self, snapshot: Any) -> None:
        """Set the parameters' data."""
        params, trained, rest = snapshot
        self.write_back()
        for p, data in zip(params, [*trained.tolist(), *rest.tolist()], strict=True):
            p.data = data
        self.read()

    def write_back(self) -> None:
        """Bring the net's own Values up to date."""
        for p, data, grad in zip(self._trained, self._parameters[self._at].tolist(), self._gradient[self._at].tolist()):
            p.data = data
            p.grad = grad
        for p, data in zip(self._unused, self._rest.tolist()):
            p.data = data
            p.grad = 0.0

    def read(self) -> None:
        """Take the parameters' data from the net's own Values."""
        self._parameters[self._plan.program.parameters] = [p.data for p in self._plan.trace.parameters]
        self._rest = np.array([p.data for p in self._unused])

    def predict(self, X: Any) -> Any:
        """Return the net's outputs in use (not as in training)."""
        self.write_back()
        if self._program_in_use is not None:
            try:
                with in_use(self.net):
                    return self._program_in_use(X)
            except Exception:  # whatever it is: the net itself gives its outputs, or its own error
                self._program_in_use = None
        return predict(self.net, X)


def _in_numbers(loss: Any, y: Any, net: Any, X: Any) -> tuple[Any, Any]:
    """A loss and targets that a program can follow, where a loss treats the number of a target specially."""
    column = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if loss is losses.cross_entropy and column.ndim == 1:  # classes as numbers
        with in_use(net):
            output = net(X[0].tolist())
        logits = 1 if isinstance(output, Value) else len(output)
        return (loss, np.eye(logits)[column.astype(int)]) if logits > 1 or y.ndim == 1 else (loss, y)
    if loss is losses.binary_cross_entropy and np.isin(y, (0.0, 1.0)).all():
        return _cross_entropy_of_signs, 1.0 - 2.0 * y
    return loss, y


def _cross_entropy_of_signs(prediction: Any, sign: Any) -> Any:
    """`binary_cross_entropy` for the targets 0 and 1, given as 1 and -1: one softplus, as it computes with numbers."""
    logits = [prediction] if isinstance(prediction, Value) else prediction
    signs = sign if isinstance(sign, list) else [sign]
    terms = [softplus(s * p) for p, s in zip(logits, signs, strict=True)]
    return terms[0] if len(terms) == 1 else mean(terms)
