"""How `fit` trains at matrix speed: the compiled loss, with all parameters in one array."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final, Protocol

import numpy as np

from autograd_lite.compiler.front.arguments import Arguments
from autograd_lite.compiler.front.trace import TraceError, compiling
from autograd_lite.compiler.function import CompiledFunction, compile
from autograd_lite.compiler.numpy.bind import Bound
from autograd_lite.compiler.plan import Plan
from autograd_lite.functions import mean, softplus
from autograd_lite.nn import losses
from autograd_lite.nn.module import Module
from autograd_lite.nn.optim import Optimizer
from autograd_lite.nn.predict import in_use, predict
from autograd_lite.training.arrays import ParameterArrays, SampleArrays
from autograd_lite.training.masks import Masks
from autograd_lite.training.shards import Result, ShardProgram, shard_sizes, weighted_mean
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


class ShardRunner(Protocol):
    """Who computes the shards of a batch."""

    def running(self) -> AbstractContextManager[object]:
        """Return what the steps of an epoch run in."""

    def results(self, program: ShardProgram, parameters: Any, shards: list[tuple[Any, Any]]) -> list[Result]:
        """Return the mean loss of each shard and its gradient, in order."""


class InThisThread:
    """Computes one shard after the other."""

    def running(self) -> AbstractContextManager[object]:
        """Nothing is changed."""
        return nullcontext()

    def results(self, program: ShardProgram, parameters: Any, shards: list[tuple[Any, Any]]) -> list[Result]:
        """Compute the shards in order."""
        return [program.run(parameters, *shard) for shard in shards]


class CompiledTrainer:
    """Runs the program of a net and its loss. The net's own Values are brought up to date by `write_back`.

    Parameters
    ----------
    net, loss, optimizer
        As for `fit`.
    X, y : numpy.ndarray
        The samples and their targets.
    shards : int, optional
        See `shard_sizes`. A batch that is one shard is computed here.
    runner : ShardRunner, optional
        Who computes the shards of any other batch.

    Raises
    ------
    TraceError
        If net or loss decide on their data, raise, or for some sample the program gives another loss than they do.
    """

    def __init__(
        self,
        net: Callable[[Any], Any],
        loss: Callable[[Any, Any], Any],
        optimizer: Optimizer,
        X: Any,
        y: Any,
        shards: int | None = None,
        runner: ShardRunner | None = None,
    ) -> None:
        self.net, self.loss, self.optimizer = net, loss, optimizer
        self.X, self.y = X, y
        self._shards, self._runner = shards, runner or InThisThread()
        self._build()

    # --- the program --------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        """Compile net and loss as they are now, and lay out the arrays."""
        self._assumed = self._assumption()
        with _as_refusal():
            self._masks = Masks(self.net, self.X[0].tolist())
            self._loss_in_numbers, y = _in_numbers(self.loss, self.y, self.net, self.X)
            # The masks are inputs like X and y; where results are compared, everything is let through.
            masks = [np.ones((len(y), len(self._masks)))] if len(self._masks) else []
            self._arguments = Arguments((self.X, y, *masks), {})
            self._plan = Plan(self._sample_loss, self._arguments)
        if self._plan.trace.shape != ():
            raise TraceError("a loss is one Value for each sample")
        net = self.net
        self._program_in_use: CompiledFunction | None = compile(lambda x: net(x))
        self._samples = SampleArrays(self._plan, self._arguments, self._masks)
        self._parameters = ParameterArrays(self._plan, self.optimizer)
        self._shard_program = ShardProgram(
            self._plan.code, self._samples.rows, self._samples.mask_rows, self._masks.keep
        )
        self._bounds: dict[int, Bound] = {}
        statements = self._plan.program.statements
        self._code = self._plan.code
        self._is_total = all(s.op is None or s.op.name in _TOTAL_OPERATIONS for s in statements)
        _, first = np.unique(self.y, axis=0, return_index=True)
        if len(first) in _CLASSES:
            self._check(sorted(first.tolist()))
        spread = first if len(first) <= _FEW_CLASSES else first[np.linspace(0, len(first) - 1, 4).astype(int)]
        self._few = sorted({0, len(self.y) // 2, *spread.tolist()})

    def _sample_loss(self, x: Any, target: Any, masks: Any = ()) -> Any:
        with self._masks.given(list(masks)):
            return self._loss_in_numbers(self.net(x), target)

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
            If they differ, or if net or loss raise for a sample for which the program has a finite loss.
        """
        with _as_refusal(), compiling():
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
        except TraceError:  # a number that net or loss read from elsewhere is another one now
            self._build()

    # --- one step -----------------------------------------------------------------------------------------------------

    @contextmanager
    def running(self) -> Iterator[None]:
        """Around the steps of an epoch, arithmetic passes over what is not finite: `fit` looks for it itself."""
        with self._runner.running(), np.errstate(all="ignore"):
            try:
                yield
            finally:
                self._masks.store()

    def loss_and_gradient(self, batch: Sequence[int]) -> float:
        """Return the mean loss over the samples with these numbers, and keep its gradient."""
        sizes = shard_sizes(len(batch), self._code.rows, self._shards)
        if len(sizes) > 1:
            shards = self._samples.cut(batch, sizes)
            results = self._runner.results(self._shard_program, self._parameters.given, shards)
            loss, gradient = weighted_mean(sizes, results)
            self._parameters.take(gradient)
            return float(loss)
        bound = self._loaded(batch)
        bound.forward()
        if not self._is_total:
            self._raise_what_is_hidden(bound, batch)
        bound.backward()
        return float(bound.mean())

    def _loaded(self, batch: Sequence[int]) -> Bound:
        bound = self._bounds.get(len(batch))
        if bound is None:
            parameters = self._parameters
            bound = Bound(self._code, len(batch), np.float64, parameters.data, parameters.gradient)
            self._bounds[len(batch)] = bound
        self._samples.load(bound, batch)
        return bound

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
        masks = bound.values[self._samples.mask_rows]
        for i in suspects[:8].tolist():
            (x, target, *_), _ = self._arguments.sample(int(batch[i]))
            self._sample_loss(x, target, masks[:, i].tolist())

    def step(self) -> bool:
        """Let the optimiser use the gradient. Return whether all parameters are finite afterwards."""
        return self._parameters.step()

    # --- the net's own Values -----------------------------------------------------------------------------------------

    def snapshot(self) -> Any:
        """Return the data of the optimiser's parameters, and whose they are."""
        return self._parameters.snapshot()

    def restore(self, snapshot: Any) -> None:
        """Set the parameters' data."""
        self._parameters.restore(snapshot)

    def write_back(self) -> None:
        """Bring the net's own Values up to date."""
        self._parameters.write_back()

    def read(self) -> None:
        """Take the parameters' data from the net's own Values."""
        self._parameters.read()

    def predict(self, X: Any) -> Any:
        """Return the net's outputs in use (not as in training)."""
        self.write_back()
        if self._program_in_use is not None:
            try:
                with in_use(self.net), _as_refusal():
                    return self._program_in_use(X)
            except TraceError:  # the net itself gives its outputs, or its own error
                self._program_in_use = None
        return predict(self.net, X)


@contextmanager
def _as_refusal() -> Iterator[None]:
    """Whatever net or loss raise while they are compiled, a TraceError says it: the plain trainer can ask them itself."""
    try:
        yield
    except TraceError:
        raise
    except Exception as error:  # they are the user's, and may raise anything
        raise TraceError(str(error)) from error


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
