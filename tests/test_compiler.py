"""A compiled function computes what the function itself computes, and finds the matrices in it."""

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_lite import Value, define_op, dot, exp, log, logsumexp, maximum, mean, ops, relu, sigmoid, softmax, tanh, total
from autograd_lite.compiler import TraceError, compile

# Every public row of one or two numbers, with a map of any number into its domain.
DOMAIN = {
    "log": lambda x: x * x + 0.5,
    "log1p": lambda x: x * x,
    "sqrt": lambda x: x * x + 0.5,
    "asin": lambda x: 0.9 * tanh(x),
    "acos": lambda x: 0.9 * tanh(x),
    "atanh": lambda x: 0.9 * tanh(x),
    "acosh": lambda x: x * x + 1.5,
    "tan": lambda x: tanh(x),
    "exp": lambda x: tanh(x),
    "expm1": lambda x: tanh(x),
    "sinh": lambda x: tanh(x),
    "cosh": lambda x: tanh(x),
}
UNARY = [op for op in ops.TABLE.values() if op.public and op.arity == 1]
BINARY = [op for op in ops.TABLE.values() if op.public and op.arity == 2]
SEQUENCES = [op for op in ops.TABLE.values() if op.public and op.arity == 0]


def random_expression(seed, size):
    """A function of three inputs and four parameters, made of `size` random operations, and its parameters."""
    parameters = [Value(random.Random(seed + i).uniform(-1.5, 1.5), f"p{i}") for i in range(4)]

    def f(xs):
        draw = random.Random(seed)
        nodes = [*xs, *parameters]

        def pick():
            return draw.choice(nodes) if draw.random() < 0.85 else draw.choice([0.5, -2.0, 3.0])

        for _ in range(size):
            kind = draw.random()
            if kind < 0.4:
                op = draw.choice(UNARY)
                x = draw.choice(nodes)
                node = op(DOMAIN.get(op.name, lambda x: x)(x))
            elif kind < 0.8:
                op = draw.choice(BINARY)
                x, y = draw.choice(nodes), pick()
                if op is ops.DIV:
                    y = y * y + 0.5
                elif op is ops.POW:
                    x = tanh(x) * 0.5 + 1.0
                    y = tanh(y) * 2.0
                node = op(x, y)
            else:
                op = draw.choice(SEQUENCES)
                n = draw.randint(1, 5)
                node = op(*[draw.choice(nodes), *[pick() for _ in range(2 * n if op is ops.DOT else n)]])
            nodes.append(tanh(0.3 * node))
        return total(nodes[7:])

    return f, parameters


def eager(f, parameters, *arrays):
    """Outputs, mean and mean gradient, sample by sample."""
    outputs = []
    gradient = np.zeros(len(parameters))
    for sample in zip(*arrays, strict=True):
        for p in parameters:
            p.grad = 0.0
        y = f(*[to_values(np.asarray(x).tolist()) for x in sample])
        outputs.append(y.data)
        y.backward()
        gradient += [p.grad for p in parameters]
    for p in parameters:
        p.grad = 0.0
    return np.array(outputs), gradient / len(outputs)


def to_values(x):
    return [to_values(item) for item in x] if isinstance(x, list) else Value(x)


def assert_same(f, parameters, *arrays, rtol=1e-12):
    outputs, gradient = eager(f, parameters, *arrays)
    compiled = compile(f)
    scale = np.abs(outputs).max() + 1e-300
    np.testing.assert_allclose(compiled(*arrays), outputs, rtol=rtol, atol=rtol * scale)
    for p in parameters:
        p.grad = 0.0
    loss = compiled.backward(*arrays)
    assert loss == pytest.approx(outputs.mean(), rel=rtol, abs=rtol * scale)
    np.testing.assert_allclose([p.grad for p in parameters], gradient, rtol=rtol, atol=rtol * (np.abs(gradient).max() + 1e-300))
    return compiled


def random_case(seed, size, count):
    """A random expression, its parameters and a batch of inputs."""
    f, parameters = random_expression(seed, size)
    return f, parameters, np.random.default_rng(seed).uniform(-1.5, 1.5, (count, 3))


@pytest.mark.parametrize("op", UNARY, ids=lambda op: op.name)
def test_each_operation_of_one_number(op):
    w = [Value(0.7), Value(-0.4)]
    domain = DOMAIN.get(op.name, lambda x: x)
    assert_same(lambda x: op(domain(w[0] * x)) * w[1], w, np.linspace(-2.1, 2.3, 7))


@pytest.mark.parametrize("op", BINARY, ids=lambda op: op.name)
def test_each_operation_of_two_numbers(op):
    w = [Value(0.7), Value(1.4)]
    assert_same(lambda x, y: op(x * x + w[0], y * y + w[1]), w, np.linspace(-2, 2, 7), np.linspace(1, 2, 7))


@pytest.mark.parametrize("op", SEQUENCES, ids=lambda op: op.name)
@pytest.mark.parametrize("size", [1, 3, 9])
def test_each_operation_of_a_sequence(op, size):
    w = [Value(0.1 * i + 0.3) for i in range(size)]
    assert_same(lambda x: op(*[v * tanh(x) for v in w]), w, np.linspace(-2, 2.5, 5))


@settings(max_examples=60, deadline=None, report_multiple_bugs=False)
@given(st.integers(0, 10**6), st.integers(1, 25), st.sampled_from([1, 2, 5]))
def test_random_expressions(seed, size, count):
    f, parameters, X = random_case(seed, size, count)
    assert_same(lambda xs: f(xs), parameters, X)
