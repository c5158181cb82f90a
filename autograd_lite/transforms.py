"""Derivatives as functions: `grad(f)` is the function that computes the gradient of `f`.

Each transform calls the function with fresh leaves in place of its arguments, looks at the graph that comes back, and
differentiates that. So a function is anything that computes with numbers: loops, branches and other functions included.

What comes out is as what went in: the derivatives have the structure of the argument, and are floats if the arguments
are. If one of them is a `Value`, the results are `Value` s that remember: differentiable again, drawable, connected to
whatever the function captured. Inside another transform they remember whatever that one is differentiating, so that
transforms nest.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from autograd_lite import ops
from autograd_lite.adjoints import Algebra, Number, Numbers, Writer, forward, gradients, reverse
from autograd_lite.calls import Call, as_value, plain
from autograd_lite.trees import Tree, to_array
from autograd_lite.value import Value, recording


def _named_after(f: Callable[..., Any], transform: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a function the name, signature and docstring of `f`."""
    if not callable(f):
        raise TypeError(f"{transform} takes a function, got {type(f).__name__}: {f!r:.80}")
    return functools.wraps(f)


def _positions(argnums: int | Sequence[int], args: Sequence[Any], transform: str) -> list[int]:
    numbers: list[Any] = list(argnums) if isinstance(argnums, (tuple, list)) else [argnums]
    positions = []
    for number in numbers:
        i = operator.index(number)  # a TypeError of its own for anything but an int
        if not -len(args) <= i < len(args):
            raise TypeError(
                f"{transform} is to differentiate by argument {i}, but there are {len(args)} positional ones"
            )
        positions.append(i % len(args))
    return positions


def _answer(trees: Sequence[Tree], numbers: Sequence[Number], argnums: int | Sequence[int]) -> Any:
    rest = iter(numbers)
    filled = tuple([tree.fill([next(rest) for _ in tree.numbers]) for tree in trees])
    return filled if isinstance(argnums, (tuple, list)) else filled[0]


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

    @_named_after(f, "value_and_grad")
    def value_and_gradient(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        value, gradient = _value_and_grad("value_and_grad", f, argnums, args, kwargs)
        return value, gradient

    return value_and_gradient


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
        is a sequence. Numbers are floats if the arguments are, and Values if one of those is a Value.

    Raises
    ------
    TypeError
        On a call, if `f` does not return one number, or an argument holds anything but numbers.

    Examples
    --------
    >>> from autograd_lite import tanh
    >>> grad(tanh)(0.0), grad(grad(lambda x: x**3))(2.0)
    (1.0, 12.0)
    >>> grad(lambda p: p["w"] * 3.0 + p["b"])({"w": 1.0, "b": 2.0})
    {'w': 3.0, 'b': 1.0}
    """

    @_named_after(f, "grad")
    def gradient(*args: Any, **kwargs: Any) -> Any:
        return _value_and_grad("grad", f, argnums, args, kwargs)[1]

    return gradient


def _value_and_grad(
    transform: str, f: Callable[..., Any], argnums: int | Sequence[int], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[Any, Any]:
    call = Call(f, args, kwargs, _positions(argnums, args, transform))
    y = call.scalar(transform)
    with recording():
        if call.remembers([y]):
            value, *numbers = call.results([y, *gradients(y, call.leaves)])
        else:
            value, *numbers = plain([y, *reverse(y, call.leaves, Numbers())])
    return value, _answer(call.trees, numbers, argnums)


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
        If `order` is no int, or negative; on a call, if the first argument is not one number.

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
        if len(call.leaves) != 1 or call.trees[0].blocks[0].name != "argument 0":
            raise TypeError(f"derivative takes a function of one number, but was given {x!r:.80}: use grad")
        y = call.scalar("derivative")
        with recording():
            remembers = call.remembers([y])
            for left in range(order, 0, -1):
                if left == 1 and not remembers:
                    return reverse(y, call.leaves, Numbers())[0]
                (y,) = gradients(y, call.leaves)
            return call.results([y])[0] if remembers else y.data

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

    @_named_after(f, "jacobian")
    def all_derivatives(*args: Any, **kwargs: Any) -> Any:
        call = Call(f, args, kwargs, _positions(argnums, args, "jacobian"))
        outputs = Tree(call.output, f"what {call.name} returned")
        return _jacobian(call, outputs, argnums)

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

    @_named_after(f, "hessian")
    def second_derivatives(*args: Any, **kwargs: Any) -> Any:
        call = Call(f, args, kwargs, _positions(argnums, args, "hessian"))
        with recording():
            slopes = gradients(call.scalar("hessian"), call.leaves)
        return _jacobian(call, Tree(_answer(call.trees, slopes, argnums), "the gradient"), argnums)

    return second_derivatives


def _jacobian(call: Call, outputs: Tree, argnums: int | Sequence[int]) -> Any:
    ys = outputs.numbers
    with recording():
        remembers = call.remembers(ys)
        algebra: Algebra = Writer(_nodes(ys)) if remembers else Numbers()
        if len(call.leaves) < len(ys):
            root = as_value(ops.TOTAL(*ys))
            columns = [forward(root, {x: 1.0}, algebra) for x in call.leaves]
            rows = [[column.get(y, 0.0) if isinstance(y, Value) else 0.0 for column in columns] for y in ys]
        else:
            zeros: list[Number] = [0.0] * len(call.leaves)
            rows = [reverse(y, call.leaves, algebra) if isinstance(y, Value) else zeros for y in ys]
        flat = [number for row in rows for number in row]
        if remembers:
            flat = call.results([as_value(number) for number in flat])
    width = len(call.leaves)
    blocks = []
    start = 0
    for block in outputs.blocks:
        part = [flat[width * i : width * (i + 1)] for i in range(start, start + len(block.numbers))]
        blocks.append(_answer_of_block(call, block.shape, part, argnums))
        start += len(block.numbers)
    return outputs.map_blocks(blocks)


def _nodes(ys: Sequence[Number]) -> list[Value]:
    return as_value(ops.TOTAL(*ys)).topological_order()[:-1]


def _has_value(numbers: Sequence[Number]) -> bool:
    return any([isinstance(number, Value) for number in numbers])


def _answer_of_block(
    call: Call, shape: tuple[int, ...], rows: Sequence[Sequence[Number]], argnums: int | Sequence[int]
) -> Any:
    """The derivatives of one output, a number or an array, in the structure of the arguments."""
    answers = []
    start = 0
    for tree in call.trees:
        contents = []
        for block in tree.blocks:
            stop = start + len(block.numbers)
            contents.append(to_array([x for row in rows for x in row[start:stop]], (*shape, *block.shape)))
            start = stop
        answers.append(tree.map_blocks(contents))
    return tuple(answers) if isinstance(argnums, (tuple, list)) else answers[0]


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
    call = Call(f, args, {}, range(len(args)))
    outputs = Tree(call.output, f"what {call.name} returned")
    with recording():
        remembers = call.remembers(outputs.numbers)
        value = outputs.fill(call.results(outputs.numbers) if remembers else plain(outputs.numbers))

    def pullback(weights: Any) -> tuple[Any, ...]:
        given = Tree(weights, "the weights")
        if not given.matches(outputs):
            raise TypeError(
                f"the weights must have the structure of the output: expected {value!r:.80}, got {weights!r:.80}"
            )
        with recording():
            y = _weighted_sum(outputs.numbers, given.numbers)
            if remembers or _has_value(given.numbers):
                numbers = call.results(list(gradients(y, call.leaves)))
            else:
                numbers = reverse(y, call.leaves, Numbers())
        answer: tuple[Any, ...] = _answer(call.trees, numbers, tuple(range(len(args))))
        return answer

    return value, pullback


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
    with recording():
        slope = _weighted_sum(gradients(y, call.leaves), vector.numbers)
        if call.remembers([slope]) or _has_value(vector.numbers):
            numbers = call.results(list(gradients(slope, call.leaves)))
        else:
            numbers = reverse(slope, call.leaves, Numbers())
    return call.trees[0].fill(numbers)


def _weighted_sum(numbers: Sequence[Number], weights: Sequence[Number]) -> Value:
    return as_value(ops.DOT(*numbers, *weights, 0.0))
