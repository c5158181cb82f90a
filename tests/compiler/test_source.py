"""Programs of random layers, as they run and as text; and the names and numbers that a text must bear."""

import math
import random

import numpy as np
import pytest
from helpers import name_of
from hypothesis import example, given, settings
from hypothesis import strategies as st
from oracles import into_domain
from test_compile import assert_same, eager

from autograd_lite import (
    Value,
    clip,
    compile,
    define_op,
    dot,
    equal,
    greater,
    less,
    log_softmax,
    logsumexp,
    losses,
    maximum,
    mean,
    minimum,
    ops,
    prod,
    relu,
    sigmoid,
    sin,
    softmax,
    tanh,
    total,
    where,
)


def random_layers(seed):
    """A function made of layers that share weights in every way, and its parameters."""
    pool = [Value(random.Random(seed).gauss(0.0, 0.7)) for _ in range(random.Random(seed).randint(3, 30))]

    def f(x):
        draw = random.Random(seed + 1)
        known = [list(x)]

        def weights(count, start, step):
            return [pool[(start + i * step) % len(pool)] for i in range(count)]

        def some(count):
            other = draw.choice(known)
            if draw.random() < 0.5:
                return weights(count, draw.randrange(len(pool)), draw.choice([1, 1, 2, -1]))
            return [other[i % len(other)] for i in range(count)]

        def dense(x):
            start, step, form = draw.randrange(len(pool)), draw.choice([1, 1, 2, len(x)]), draw.randrange(5)
            made = []
            for i in range(draw.randint(1, 4)):
                w, bias = weights(len(x), start + i * len(x), step), draw.choice([0.5, pool[(start + i) % len(pool)]])
                products = [a * b for a, b in zip(w, x, strict=True)]
                made.append(
                    [dot(w, x, bias), sum(products) + bias, bias + total(products), 0.5 * dot(x, w), mean(products)][
                        form
                    ]
                )
            return made

        layers = [
            dense,
            dense,
            dense,
            lambda x: [a * b for a, b in zip(x, some(len(x)), strict=True)],
            lambda x: [maximum(a, b) for a, b in zip(x, some(len(x)), strict=True)],
            lambda x: [(a - b) ** 2 for a, b in zip(x, some(len(x)), strict=True)],
            lambda x: softmax(x),
            lambda x: [logsumexp(x[: draw.randint(1, len(x))]) for _ in range(2)],
            lambda x: [dot(some(2), x[i : i + 2]) for i in range(len(x) - 1)] or [tanh(x[0])],
            lambda x: [total(some(draw.randint(1, 8))) for _ in range(2)],
        ]
        for _ in range(draw.randint(1, 6)):
            activation = draw.choice([tanh, relu, sigmoid, lambda z: 0.3 * z])
            known.append([activation(z) for z in draw.choice(layers)(draw.choice(known))])
        return total([tanh(0.5 * z) for layer in known[draw.randrange(len(known)) :] for z in layer])

    return f, pool


def assert_text_computes_the_same(compiled, f, parameters, X, rtol=1e-10):
    outputs, gradient = eager(f, parameters, X)
    module = {}
    exec(compiled.to_source(), module)
    np.testing.assert_allclose(module["f"](module["parameters"], X), outputs, rtol=rtol, atol=1e-12)
    loss, found = module["f_and_gradient"](module["parameters"], X)
    assert loss == pytest.approx(outputs.mean(), rel=rtol, abs=1e-12)
    # Those that the function does not use are not in the text, nor those that cancel out: w * (x - x).
    used = sorted(gradient[[p in compiled.plan(X).trace.parameters for p in parameters]])
    theirs = np.concatenate([[], *map(np.ravel, found.values())])
    theirs = sorted([*theirs, *[0.0] * (len(used) - len(theirs))])
    np.testing.assert_allclose(theirs, used, rtol=1e-8, atol=1e-9 * (1.0 + np.abs(gradient).max()), strict=True)


@settings(max_examples=60, deadline=None, report_multiple_bugs=False)
@given(st.integers(0, 10**6), st.integers(1, 5), st.sampled_from([1, 3]))
@example(460293, 1, 1)  # a parameter cancels out
def test_random_layers(seed, inputs, samples):
    f, parameters = random_layers(seed)
    X = np.random.default_rng(seed).normal(size=(samples, inputs))
    compiled = assert_same(f, parameters, X, rtol=1e-9)
    assert_text_computes_the_same(compiled, f, parameters, X)


def test_sums_over_the_exponentials_of_lists_that_differ_in_length():
    w = [Value(0.1 * i) for i in range(4)]
    assert_same(lambda x: logsumexp(x) * logsumexp(x[1:]) + w[0] * logsumexp(x[:2]), w[:1], np.eye(3, 4))


@pytest.mark.parametrize("op", [op for op in ops.TABLE.values() if op.public and op.arity in (1, 2)], ids=name_of)
def test_the_text_of_each_operation(op):
    w = [Value(0.7), Value(1.4)]

    def f(x):
        y = op(into_domain(op, w[0] * x[0])) if op.arity == 1 else op(x[0] * x[0] + w[0], x[1] * x[1] + w[1])
        return -y * w[1] + y

    X = np.stack([np.linspace(-2.1, 2.3, 7), np.linspace(1.9, -2.2, 7)], axis=-1)
    assert_text_computes_the_same(assert_same(f, w, X), f, w, X)


@pytest.mark.parametrize(
    "f",
    [
        lambda w, x: where(greater(x[0], 0.0) + equal(x[1], 9.0) * w[1], w[0] * x[0], w[1] * x[1]),
        lambda w, x: where(greater(w[0] * x[0], x[1]), w[0], -1.0),
        lambda w, x: clip(w[0] * x[0], -1, w[1] * 0.5),
        lambda w, x: greater(x[0], 0.0) + greater(x[1], 1.0) * w[0] - less(x[0], 0.5) * w[1],
        lambda w, x: prod([w[0] * x[0], x[1], w[1]]),
        lambda w, x: softmax([w[0] * x[0], x[1], w[1]])[1],
        lambda w, x: log_softmax([w[0] * x[0], w[1] * x[1]])[0],
        lambda w, x: losses.cross_entropy([w[0] * x[0], w[1] * x[1], 0.5], 1),
        lambda w, x: losses.cross_entropy([w[0] * x[0], w[1] * x[1]], [sigmoid(x[0]), 1.0 - sigmoid(x[0])]),
    ],
    ids=["where", "where of constants", "clip", "steps", "prod", "softmax", "log_softmax", "cross-entropy", "weights"],
)
def test_the_text_of_choices_and_of_softmax_and_its_kin(f):
    w = [Value(0.7), Value(1.4)]
    X = np.stack([np.linspace(-2.1, 2.3, 7), np.linspace(1.9, -2.2, 7)], axis=-1)
    compiled = assert_same(lambda x: f(w, x), w, X)
    assert_text_computes_the_same(compiled, lambda x: f(w, x), w, X)


@pytest.mark.parametrize(
    ("f", "count"),
    [
        (lambda w: lambda x: total(w) * x[0], 3),
        (lambda w: lambda x: tanh(total(w)) + total(w[:2]) * x[0], 3),
        (lambda w: lambda x: logsumexp([w[0], tanh(x[0])]), 1),
        (lambda w: lambda x: w[0], 1),
    ],
    ids=["a sum of parameters", "two of them", "a parameter beside an input", "a parameter alone"],
)
def test_the_text_gives_each_parameter_its_gradient(f, count):
    parameters = [Value(0.3 * i + 0.1) for i in range(count)]
    X = np.array([[1.0], [2.0], [-1.5]])
    compiled = compile(f(parameters))
    compiled(X)
    assert_text_computes_the_same(compiled, f(parameters), parameters, X)


NAMES = "values d_values parameters d_parameters forward backward n relu tanh where add_at z s W1 d_z1 t_1 at_1 float λ"


@pytest.mark.parametrize("name", NAMES.split())
def test_an_argument_and_a_function_may_be_called_anything(name):
    w = Value(2.0)
    scope = {"w": w, "tanh_of": tanh, "relu_of": relu}
    exec(f"def f({name}, y): return tanh_of(w * {name}[0]) + relu_of({name}[1]) * y", scope)
    exec(f"def {name}(x, y): return tanh_of(w * x[0]) + relu_of(x[1]) * y", scope)
    X, y = np.array([[0.5, 1.0], [1.5, -1.0]]), np.array([1.0, 2.0])
    wanted = np.tanh(2.0 * X[:, 0]) + np.maximum(X[:, 1], 0.0) * y
    for function in (scope["f"], scope[name]):
        compiled = compile(function)
        np.testing.assert_allclose(compiled(X, y), wanted, rtol=1e-14)
        module = {}
        exec(compiled.to_source(), module)
        texts = [module[key] for key in (function.__name__, function.__name__ + "_") if callable(module.get(key))]
        np.testing.assert_allclose(texts[-1](module["parameters"], X, y), wanted, rtol=1e-14)


@pytest.mark.parametrize(
    "name", ["t", "own", "adder", "at", "z", "class", "my op!", "½", "7", "values", "where", "add"]
)
def test_an_operation_of_your_own_may_be_called_anything(name):
    cube = define_op(name, lambda x: x**3, lambda x, y: 3 * x**2)
    clip = define_op(name, lambda x: max(x, 0.1), lambda x, y: 1.0 if x > 0.1 else 0.0)
    w = [Value(0.7), Value(-0.2), Value(0.4)]
    assert_same(lambda x: total([clip(cube(p * x[i]) + x[2 - i]) * w[1] for i, p in enumerate(w)]), w, np.eye(4, 3))


@pytest.mark.parametrize("bound", [math.inf, -math.inf])
def test_infinite_constants(bound):
    w = Value(2.0)
    clip = minimum if bound > 0.0 else maximum
    compiled = assert_same(lambda x: tanh(clip(w * x, bound)), [w], np.array([0.5, -1.0]))
    assert "float('inf')" in compiled.source


def test_a_product_beside_a_grid_that_it_does_not_fit():
    w, v = [Value(0.3), Value(-0.7)], [Value(0.2), Value(0.9)]

    def f(x):
        y = [tanh(a) for a in x[2:]]
        sums = [w[i] * x[j] + v[i * j] * y[i ^ j] for i in range(2) for j in range(2)]
        return total([tanh(z) for z in sums])

    X = np.random.default_rng(0).normal(size=(3, 4))
    assert_text_computes_the_same(assert_same(f, [*w, *v], X), f, [*w, *v], X)


def test_an_operation_of_your_own_that_needs_plain_numbers_cannot_be_exported_and_says_so():
    cube = define_op("cube", lambda x: math.pow(x, 3), lambda x, y: 3 * x**2)
    compiled = compile(lambda x: cube(x) * 2.0)
    assert compiled([2.0]).tolist() == [16.0]
    with pytest.raises(NotImplementedError, match=r"cube is an operation of your own.*functions of autograd_lite"):
        compiled.to_source()


def test_a_derivative_that_needs_plain_numbers_cannot_be_exported_and_says_so():
    cube = define_op("cube", lambda x: x**3, lambda x, y: 3 * math.pow(x, 2))
    w = Value(2.0)
    compiled = compile(lambda x: cube(w * x))
    compiled([2.0])
    with pytest.raises(NotImplementedError, match="cube is an operation of your own"):
        compiled.to_source()


@pytest.mark.parametrize("name", ["cube", "f", "tanh", "w", "x", "class", "my op!", "cube3", "n"])
def test_the_text_of_an_operation_of_your_own(name):
    cube = define_op(name, lambda x: x**3, lambda x, y: 3 * x**2)
    ratio = define_op(
        name, lambda x, y: x / (1.0 + sigmoid(y)), lambda x, y, z: (z / x, -z * z / x * sigmoid(y) * (1.0 - sigmoid(y)))
    )
    w = [Value(0.7, "w"), Value(1.4, "v")]

    def f(x):
        return tanh(ratio(cube(w[0] * x), w[1] * x)) * cube(x)

    X = np.array([0.5, -0.7, 1.2])
    assert_text_computes_the_same(assert_same(f, w, X), f, w, X)


def test_sums_of_products_whose_lengths_are_exchanged():
    w = [Value(0.3 * i - 0.5) for i in range(5)]

    def f(x):
        u, h, g = ([op(a * b) for a, b in zip(w, x, strict=True)] for op in (sin, tanh, sigmoid))
        return tanh(dot(u, h[:3] + g[3:])) * tanh(dot(u, g[:3] + h[3:]))

    X = np.random.default_rng(0).normal(size=(3, 5))
    assert_text_computes_the_same(assert_same(f, w, X), f, w, X)
