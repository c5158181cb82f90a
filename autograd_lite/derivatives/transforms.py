"""Derivatives as functions: `grad(f)` is the function that computes the gradient of `f`.

Each transform calls the function with fresh leaves instead of its arguments, looks at the graph that comes back, and
differentiates that. So a function is anything that computes with numbers: loops, branches and other functions included.

What comes out is as what went in: the derivatives have the structure of the argument. They are floats if the function
computes only with floats and its own leaves. If an argument is a `Value`, or if the function depends on one
that it captured (a weight of a net, or what an outer transform differentiates by), they are `Value` s that remember:
differentiable again, drawable, connected to all of these. Inside `no_grad()` such results are leaves.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from autograd_lite import ops
from autograd_lite.contexts import recording
from autograd_lite.derivatives.call import Call, as_value, plain, total
from autograd_lite.derivatives.passes import Simplifier, forward, reverse
from autograd_lite.derivatives.trees import Tree
from autograd_lite.functions import FloatOrValue
from autograd_lite.value import Value, gradients_of, tangents_of


def _named_after(f: Callable[..., Any], transform: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a function the name, signature and docstring of `f`."""
    if not callable(f):
        raise TypeError(f"{transform} takes a function, got {type(f).__name__}: {f!r:.80}")
    return functools.wraps(f)


class _Choice:
    """Which positional arguments to differentiate by."""

    __slots__ = ("is_one", "numbers", "transform")

    def __init__(self, argnums: int | Sequence[int], transform: str) -> None:
        self.transform = transform
        self.is_one = not isinstance(argnums, (tuple, list))
        self.numbers: list[int] = []
        asked: Sequence[Any] = argnums if isinstance(argnums, (tuple, list)) else [argnums]
        for number in asked:
            if isinstance(number, bool) or not hasattr(number, "__index__"):
                raise TypeError(
                    f"argnums of {transform} is the position of an argument or a tuple of them, got {argnums!r}"
                )
            self.numbers.append(operator.index(number))

    def positions(self, args: Sequence[Any]) -> list[int]:
        """The position of each argument, counted from the front, in the order of `argnums`."""
        if self.is_one and 0 <= self.numbers[0] < len(args):
            return self.numbers
        for i in self.numbers:
            if not -len(args) <= i < len(args):
                raise TypeError(
                    f"{self.transform} is to differentiate by argument {i}, but there are {len(args)} positional ones"
                )
        return [i % len(args) for i in self.numbers]

    def answer(self, positions: Sequence[int], parts: Mapping[int, Any]) -> Any:
        """What belongs to each position, as a tuple if `argnums` is a sequence."""
        return parts[positions[0]] if self.is_one else tuple([parts[i] for i in positions])


# --- gradients --------------------------------------------------------------------------------------------------------


def value_and_grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., tuple[Any, Any]]:
    """The function that computes `f` and its gradient together.

    Parameters
    ----------
    f : callable
        Returns one number.
    argnums : int or sequence of int
        Which positional arguments to differentiate by.

    Returns
    -------
    callable
        Takes the arguments of `f`; returns `(value, gradient)`, the gradient as `grad` gives it.

    Examples
    --------
    >>> value_and_grad(lambda x: x**2)(3.0)
    (9.0, 6.0)
    """
    return _value_and_grad("value_and_grad", f, argnums, True)


def grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """The function that computes the gradient of `f`.

    Parameters
    ----------
    f : callable
        Returns one number.
    argnums : int or sequence of int
        Which positional arguments to differentiate by; negative ones count from the end. The others, and all keyword
        arguments, are given to `f` as they are.

    Returns
    -------
    callable
        Takes the arguments of `f`; returns the gradient in the structure of the argument, a tuple of them if `argnums`
        is a sequence. Numbers are floats if all that `f` computes with are, apart from leaves that it makes itself. They
        are Values if an argument is one, or if `f` depends on a Value that it captured: then the gradient can be
        differentiated by that, too.

    Raises
    ------
    TypeError
        On a call, if `f` does not return one number, or an argument holds anything but numbers.

    Examples
    --------
    >>> from autograd_lite import tanh
    >>> grad(tanh)(0.0), grad(grad(lambda x: x**3))(2.0)
    (1.0, 12.0)
    >>> w = Value(2.0)
    >>> gradient = grad(lambda y: w * y * y)(3.0)
    >>> gradient.backward()
    >>> gradient.data, w.grad
    (12.0, 6.0)
    >>> grad(lambda p: p["w"] * 3.0 + p["b"])({"w": 1.0, "b": 2.0})
    {'w': 3.0, 'b': 1.0}
    """
    return _value_and_grad("grad", f, argnums, False)


def _value_and_grad(
    transform: str, f: Callable[..., Any], argnums: int | Sequence[int], with_value: bool
) -> Callable[..., Any]:
    choice = _Choice(argnums, transform)

    @_named_after(f, transform)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        positions = choice.positions(args)
        call = Call(f, args, kwargs, positions)
        y = call.scalar(transform)
        value: FloatOrValue = y.data
        numbers: Sequence[FloatOrValue] | None = call.float_gradient(y)
        if numbers is None:
            (value,) = call.results([y], True)
            numbers = call.gradient(y, True)
        answer = call.trees[0].fill(numbers) if choice.is_one else choice.answer(positions, call.parts(numbers))
        return (value, answer) if with_value else answer

    return gradient


def derivative(f: Callable[..., Any], order: int = 1) -> Callable[..., Any]:
    """The derivative of a function of one number, of any order.

    Parameters
    ----------
    f : callable
        Takes one number first, and returns one number.
    order : int
        How many times to differentiate; 0 is `f` itself.

    Raises
    ------
    TypeError, ValueError
        If `order` is not an int, or is negative; on a call, if the first argument is not one number.

    Examples
    --------
    >>> from autograd_lite import exp, sin
    >>> derivative(lambda x: x**4, order=3)(2.0)
    48.0
    >>> round(derivative(lambda x: exp(sin(x)), order=10)(0.0), 6)
    -2951.0
    """
    if operator.index(order) < 0:
        raise ValueError(f"the order of a derivative is 0 or more, got {order}")

    @_named_after(f, "derivative")
    def nth_derivative(x: Any, *args: Any, **kwargs: Any) -> Any:
        call = Call(f, (x, *args), kwargs, (0,))
        if not call.trees[0].is_number:
            raise TypeError(f"derivative takes a function of one number, but was given {x!r:.80}: use grad")
        y = call.scalar("derivative")
        remembers = call.remembers(y)
        for _ in range(order - 1):
            (y,) = call.gradient_as_nodes(y)
        (result,) = call.gradient(y, remembers) if order else call.results([y], remembers)
        return result

    return nth_derivative


# --- Jacobians and Hessians -------------------------------------------------------------------------------------------


def jacobian(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """The function that computes all derivatives of all outputs of `f`.

    It goes backward, once for each output; where there are fewer inputs than outputs forward, once for each input.

    Parameters
    ----------
    f : callable
        Returns a number, or nested lists, tuples, dicts and arrays of numbers.
    argnums : int or sequence of int
        Which positional arguments to differentiate by.

    Returns
    -------
    callable
        Takes the arguments of `f`; returns the structure of the output, and in each of its places the structure of the
        argument. Where the output or the argument is an array, that is one array of shape (*output, *argument).

    Examples
    --------
    >>> jacobian(lambda v: [v[0] * v[1], v[0] + v[1]])([2.0, 3.0])
    [[3.0, 2.0], [1.0, 1.0]]
    """
    choice = _Choice(argnums, "jacobian")

    @_named_after(f, "jacobian")
    def all_derivatives(*args: Any, **kwargs: Any) -> Any:
        positions = choice.positions(args)
        call = Call(f, args, kwargs, positions)
        outputs = call.outputs()
        return _jacobian(call, outputs, call.remembers(*outputs.numbers), choice, positions)

    return all_derivatives


def hessian(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """The function that computes all second derivatives of `f`.

    Parameters
    ----------
    f : callable
        Returns one number.
    argnums : int or sequence of int
        Which positional arguments to differentiate by.

    Returns
    -------
    callable
        Takes the arguments of `f`; returns the structure of the argument, and in each of its places the same structure
        again. For an array of shape s that is one array of shape (*s, *s).

    Examples
    --------
    >>> hessian(lambda v: v[0] ** 2 * v[1])([2.0, 3.0])
    [[6.0, 4.0], [4.0, 0.0]]
    """
    choice = _Choice(argnums, "hessian")

    @_named_after(f, "hessian")
    def second_derivatives(*args: Any, **kwargs: Any) -> Any:
        positions = choice.positions(args)
        call = Call(f, args, kwargs, positions)
        y = call.scalar("hessian")
        first = choice.answer(positions, call.parts(call.gradient_as_nodes(y)))
        return _jacobian(call, Tree(first, "the gradient"), call.remembers(y), choice, positions)

    return second_derivatives


def _jacobian(call: Call, outputs: Tree, remembers: bool, choice: _Choice, positions: Sequence[int]) -> Any:
    width = len(call.leaves)
    numbers = _rows(call, outputs.numbers, remembers)
    answers = []
    start = 0
    for part in outputs.parts:
        stop = start + width * len(part.numbers)
        answers.append(choice.answer(positions, call.parts_of_rows(numbers[start:stop], part.shape)))
        start = stop
    return outputs.map_parts(answers)


def _rows(call: Call, ys: Sequence[FloatOrValue], remembers: bool) -> list[FloatOrValue]:
    """The derivatives of each output by all leaves, one after the other, as results."""
    leaves = call.leaves
    is_written = remembers and not call.is_quiet
    if len(leaves) >= len(ys):  # backward, once for each output
        with recording():
            derive = _writing(ys) if is_written else gradients_of
            zeros: list[FloatOrValue] = [0.0] * len(leaves)
            rows = [derive(y, leaves) if isinstance(y, Value) else zeros for y in ys]
    else:  # forward, once for each input
        columns = [_tangents(ys, [x], [1.0], is_written) for x in leaves]
        rows = [list(row) for row in zip(*columns, strict=True)] if columns else [[] for _ in ys]
    return call.results([number for row in rows for number in row], remembers)


def _writing(ys: Sequence[FloatOrValue]) -> Callable[[Value, Sequence[Value]], list[FloatOrValue]]:
    """The reverse pass that writes, with one simplifier for all outputs."""
    simplifier = Simplifier(total(ys).topological_order()[:-1])
    return lambda y, xs: reverse(y, xs, simplifier)


def _tangents(
    ys: Sequence[FloatOrValue], xs: Sequence[Value], speeds: Sequence[FloatOrValue], is_written: bool
) -> list[FloatOrValue]:
    """How fast each output moves while the leaves move."""
    with recording():
        if is_written:
            root = total(ys)
            direction = {
                x: speed for x, speed in zip(xs, speeds, strict=True) if isinstance(speed, Value) or speed != 0.0
            }
            moving = forward(root, direction, Simplifier(root.topological_order()))
            return [moving.get(y, 0.0) if isinstance(y, Value) else 0.0 for y in ys]
        values = [y for y in ys if isinstance(y, Value)]
        rest = iter(tangents_of(values, list(xs), plain(speeds)) if values else ())
        return [next(rest) if isinstance(y, Value) else 0.0 for y in ys]


# --- products with a Jacobian or a Hessian ----------------------------------------------------------------------------


def vjp(f: Callable[..., Any], *args: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """The value of `f`, and its pullback: the vector-Jacobian product in one backward pass.

    Parameters
    ----------
    f : callable
        Returns a number, or nested lists, tuples, dicts and arrays of numbers.
    *args
        Where to differentiate.

    Returns
    -------
    value
        What `f` returns.
    pullback : callable
        Takes a weight for each output, in the structure of the output; returns for each argument Σ weight · ∂output/∂argument,
        in the structure of the argument.

    Examples
    --------
    >>> value, pullback = vjp(lambda x, y: [x * y, x + y], 2.0, 3.0)
    >>> value, pullback([1.0, 10.0])
    ([6.0, 5.0], (13.0, 12.0))
    """
    positions = range(len(args))
    call = Call(f, args, {}, positions)
    outputs = call.outputs()
    remembers = call.remembers(*outputs.numbers)
    value = outputs.fill(call.results(outputs.numbers, remembers))

    def pullback(weights: Any) -> tuple[Any, ...]:
        given = Tree(weights, "the weights")
        if not given.matches(outputs):
            raise TypeError(
                f"the weights must have the structure of the output: expected {value!r:.80}, got {weights!r:.80}"
            )
        y = _weighted_sum(outputs.numbers, given.numbers)
        parts = call.parts(call.gradient(y, remembers or _has_value(given.numbers)))
        return tuple([parts[i] for i in positions])

    return value, pullback


def jvp(f: Callable[..., Any], args: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """The value of `f`, and how fast it moves when the arguments do: the Jacobian-vector product, in one forward pass.

    Parameters
    ----------
    f : callable
        Returns a number, or nested lists, tuples, dicts and arrays of numbers.
    args : tuple or list
        The arguments: where to differentiate.
    tangents : tuple or list
        How fast each argument moves, in its structure.

    Returns
    -------
    value
        What `f` returns.
    tangent
        Σ ∂value/∂argument · tangent, in the structure of the value.

    Raises
    ------
    TypeError
        If `f` is not a function, or `tangents` does not have the structure of `args`. (Of a graph at hand:
        `tangents(y, {x: 1.0})`.)

    Examples
    --------
    >>> jvp(lambda x, y: x * x * y, (2.0, 3.0), (1.0, 0.0))
    (12.0, 12.0)
    """
    if isinstance(f, Value) or not callable(f):
        raise TypeError(
            f"jvp takes a function, got {type(f).__name__}: {f!r:.80};"
            " of a graph at hand the directional derivative is tangents(y, {x: 1.0})"
        )
    for what, given in (("arguments", args), ("tangents", tangents)):
        if not isinstance(given, (tuple, list)):
            raise TypeError(
                f"jvp takes a tuple of {what}, one for each argument of the function,"
                f" got {type(given).__name__}: {given!r:.80}"
            )
    call = Call(f, args, {}, range(len(args)))
    vectors = Tree(list(tangents), "the tangents")
    if not vectors.matches(Tree(list(args), "the arguments")):
        raise TypeError(
            f"the tangents must have the structure of the arguments: expected {args!r:.80}, got {tangents!r:.80}"
        )
    outputs = call.outputs()
    remembers = call.remembers(*outputs.numbers) or _has_value(vectors.numbers)
    moving = _tangents(outputs.numbers, call.leaves, vectors.numbers, remembers and not call.is_quiet)
    value, tangent = (outputs.fill(call.results(numbers, remembers)) for numbers in (outputs.numbers, moving))
    return value, tangent


def hvp(f: Callable[..., Any], x: Any, v: Any) -> Any:
    """The Hessian-vector product of `f` at `x`, without the Hessian: in time and memory linear in the graph of `f`.

    It is the gradient of the dot product of the gradient with `v` (Pearlmutter 1994, Fast exact multiplication by the
    Hessian).

    Parameters
    ----------
    f : callable
        Takes `x`, returns one number.
    x, v
        The point and the vector, of the same structure.

    Examples
    --------
    >>> hvp(lambda x: x[0] ** 2 * x[1], [2.0, 3.0], [1.0, 0.0])
    [6.0, 4.0]
    """
    call = Call(f, (x,), {}, (0,))
    vector = Tree(v, "the vector")
    if not vector.matches(call.trees[0]):
        raise TypeError(f"the vector must have the structure of the argument: expected {x!r:.80}, got {v!r:.80}")
    y = call.scalar("hvp")
    remembers = call.remembers(y) or _has_value(vector.numbers)
    return call.trees[0].fill(call.gradient(_weighted_sum(call.gradient_as_nodes(y), vector.numbers), remembers))


def _has_value(numbers: Sequence[FloatOrValue]) -> bool:
    return any(isinstance(number, Value) for number in numbers)


def _weighted_sum(numbers: Sequence[FloatOrValue], weights: Sequence[FloatOrValue]) -> Value:
    with recording():
        return as_value(ops.DOT(*numbers, *weights, 0.0))
