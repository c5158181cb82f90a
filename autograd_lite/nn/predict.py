"""predict: apply a net to many samples, as in use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from autograd_lite.contexts import no_grad
from autograd_lite.nn.data import as_samples, require_numpy
from autograd_lite.value import Value

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, Any]

Net = Callable[[Any], Any]

_WORTH_COMPILING = 200  # samples: for fewer of them the net itself is as fast


@contextmanager
def in_use(net: Net) -> Iterator[None]:
    """Within this context a net computes as in use, not as in training: `Dropout` lets everything through."""
    all_modules = getattr(net, "_all_modules", None)  # of a Module; a net may be any function
    modes = [(module, module.training) for module in all_modules()] if all_modules is not None else []
    for module, _ in modes:
        module.training = False
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def _compiled_outputs(net: Net, samples: Array) -> Array | None:
    """The outputs by the net's program; None if it cannot be compiled or a result is not finite.

    Whatever goes wrong here: the net itself is asked then, and gives its outputs or its own error.
    """
    from autograd_lite.compiler.function import compile

    try:
        outputs: Array = compile(lambda x: net(x))(samples)
    except Exception:
        return None
    return outputs


def predict(net: Net, X: Any) -> Array:
    """Apply a net to many samples, as in use: without a graph, and with `Dropout` switched off.

    Parameters
    ----------
    net : Module or callable
    X : lists, array or frame of shape (n, features), or (n,) for one feature

    Returns
    -------
    numpy.ndarray of float, shape (n,) for a net that returns a Value, else (n, outputs)

    Raises
    ------
    TypeError, ValueError
        If the samples are not finite real numbers, or the net returns anything but a Value, a number or sequences of
        them of equal length. Also what the net itself raises.

    Examples
    --------
    >>> from autograd_lite import nn
    >>> predict(nn.MLP(2, [3, 1], seed=0), [[0.0, 0.0], [1.0, 1.0]]).shape
    (2,)
    """
    numpy = require_numpy()

    samples = as_samples(X)
    with in_use(net):
        if len(samples) >= _WORTH_COMPILING:
            compiled = _compiled_outputs(net, samples)
            if compiled is not None:
                return compiled
        with no_grad():
            outputs = [net(x) for x in samples.tolist()]
    rows = [_numbers(out) for out in outputs]
    try:
        predictions: Array = numpy.array(rows, dtype=float)
    except ValueError:
        raise ValueError("the net returns sequences that differ in length, for one sample or for several") from None
    return predictions


def _numbers(output: Any) -> Any:
    """What a net returned for one sample, with floats instead of Values."""
    if hasattr(output, "tolist"):  # a NumPy array or number
        output = output.tolist()
    if isinstance(output, (Value, float, int)):
        return float(output)
    if isinstance(output, Sequence) and not isinstance(output, (str, bytes)):
        return [_numbers(item) for item in output]
    raise TypeError(
        f"a net must return a Value, or a sequence of Values, for each sample, got {type(output).__name__}: {output!r}"
    )
