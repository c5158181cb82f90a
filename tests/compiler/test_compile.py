"""A compiled function computes what the function itself computes, and finds the matrices in it."""

import collections
import copy
import gc
import itertools
import math
import operator
import pickle
import random
import sys
import weakref
from decimal import Decimal
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from helpers import in_threads
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import JUMPS, into_domain

import autograd_lite
from autograd_lite import (
    TraceError,
    Value,
    compile,
    define_op,
    dot,
    exp,
    log,
    logsumexp,
    losses,
    maximum,
    mean,
    no_grad,
    ops,
    prod,
    relu,
    sigmoid,
    softmax,
    tanh,
    total,
)
from autograd_lite._support.callers import SourceLine
from autograd_lite.compiler import plan
from autograd_lite.compiler.check import Kinds
from autograd_lite.compiler.numpy import bind

UNARY = [op for op in ops.TABLE.values() if op.public and op.arity == 1]
BINARY = [op for op in ops.TABLE.values() if op.public and op.arity == 2]
SEQUENCES = [op for op in ops.TABLE.values() if op.public and op.arity == 0]
# In random programs a rounding error near a jump would be a whole jump.
SMOOTH_UNARY = [op for op in UNARY if op not in JUMPS]
SMOOTH_BINARY = [op for op in BINARY if op not in JUMPS and op is not ops.MOD]


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
                op = draw.choice(SMOOTH_UNARY)
                x = draw.choice(nodes)
                node = op(into_domain(op, x))
            elif kind < 0.8:
                op = draw.choice(SMOOTH_BINARY)
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
    np.testing.assert_allclose(
        [p.grad for p in parameters], gradient, rtol=rtol, atol=rtol * (np.abs(gradient).max() + 1e-300)
    )
    return compiled


def random_case(seed, size, count):
    """A random expression, its parameters and a batch of inputs."""
    f, parameters = random_expression(seed, size)
    return f, parameters, np.random.default_rng(seed).uniform(-1.5, 1.5, (count, 3))


@pytest.mark.parametrize("op", UNARY, ids=lambda op: op.name)
def test_each_operation_of_one_number(op):
    w = [Value(0.7), Value(-0.4)]
    assert_same(lambda x: op(into_domain(op, w[0] * x)) * w[1], w, np.linspace(-2.1, 2.3, 7))


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


# --- structure --------------------------------------------------------------------------------------------------------


def values(draw, *shape):
    if not shape:
        return Value(draw.gauss(0.0, 0.5))
    return [values(draw, *shape[1:]) for _ in range(shape[0])]


def flat(nested):
    return [nested] if isinstance(nested, Value) else [v for item in nested for v in flat(item)]


def weighted_sums(W, x, b=None):
    """A dense layer by hand."""
    return [sum(w * xi for w, xi in zip(row, x, strict=True)) + (b[i] if b else 0.0) for i, row in enumerate(W)]


def mlp_by_hand(draw, width):
    W1, b1, W2, b2, W3 = (
        values(draw, width, 3),
        values(draw, width),
        values(draw, width, width),
        values(draw, width),
        values(draw, width),
    )

    def f(x, y):
        hidden = [tanh(z) for z in weighted_sums(W1, x, b1)]
        hidden = [relu(z) for z in weighted_sums(W2, hidden, b2)]
        return (sum(w * h for w, h in zip(W3, hidden, strict=True)) - y) ** 2

    return f, [W1, b1, W2, b2, W3], (3,), ()


def classifier(draw, width):
    W, b = values(draw, width, width), values(draw, width)

    def f(x, y):
        z = [dot(row, x, bias) for row, bias in zip(W, b, strict=True)]
        return -sum(t * log(p) for t, p in zip(y, softmax(z), strict=True))

    return f, [W, b], (width,), (width,)


def classifier_by_hand(draw, width):
    W, b = values(draw, width, width), values(draw, width)

    def f(x, y):
        e = [exp(z) for z in weighted_sums(W, x, b)]
        norm = sum(e)
        return -sum(t * log(ei / norm) for t, ei in zip(y, e, strict=True))

    return f, [W, b], (width,), (width,)


def convolution(draw, width):
    K, b, D = values(draw, 3, 4), values(draw, 3), values(draw, 5, 3 * (width // 2))

    def f(x, y):
        maps = [
            [tanh(sum(k[i] * x[p + i] for i in range(4)) + bias) for p in range(width)]
            for k, bias in zip(K, b, strict=True)
        ]
        pooled = [0.5 * (row[2 * i] + row[2 * i + 1]) for row in maps for i in range(width // 2)]
        z = [dot(row, pooled) for row in D]
        return logsumexp(z) - sum(t * zi for t, zi in zip(y, z, strict=True))

    return f, [K, b, D], (width + 3,), (5,)


def convolution_of_images(draw, width):
    K = values(draw, 2, 3, 3)

    def f(x, y):
        maps = [
            relu(sum(k[i][j] * x[r + i][c + j] for i in range(3) for j in range(3)))
            for k in K
            for r in range(width - 2)
            for c in range(width - 2)
        ]
        return (mean(maps) - y) ** 2

    return f, [K], (width, width), ()


def attention(draw, length, causal=False):
    size = 4
    Q, K, V = values(draw, size, size), values(draw, size, size), values(draw, size, size)

    def f(x, y):
        q, k, v = [[weighted_sums(W, position) for position in x] for W in (Q, K, V)]
        loss = []
        for i in range(length):
            seen = range(i + 1) if causal else range(length)
            weights = softmax([0.5 * dot(q[i], k[j]) for j in seen])
            out = [sum(weights[j] * v[j][c] for j in seen) for c in range(size)]
            loss += [(o - t) ** 2 for o, t in zip(out, y[i], strict=True)]
        return mean(loss)

    return f, [Q, K, V], (length, size), (length, size)


def causal_attention(draw, length):
    return attention(draw, length, causal=True)


MODELS = [mlp_by_hand, classifier, classifier_by_hand, convolution, convolution_of_images, attention, causal_attention]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_programs_do_not_grow_with_the_width(model):
    lengths = set()
    for width in (6, 9):
        f, _, x_shape, y_shape = model(random.Random(0), width)
        compiled = compile(f)
        compiled(np.full((2, *x_shape), 0.3), np.full((2, *y_shape), 0.2))
        lengths.add(len(compiled.buffered_source.splitlines()))
    assert len(lengths) == 1
    assert lengths.pop() < 60


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
@pytest.mark.parametrize("samples", [1, 3])
def test_structured_programs_compute_the_same(model, samples):
    f, parameters, x_shape, y_shape = model(random.Random(1), 6)
    draw = np.random.default_rng(0)
    assert_same(f, flat(parameters), draw.normal(size=(samples, *x_shape)), draw.uniform(size=(samples, *y_shape)))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_the_program_runs_by_itself_as_numpy_text(model):
    f, parameters, x_shape, y_shape = model(random.Random(1), 6)
    draw = np.random.default_rng(0)
    X, y = draw.normal(size=(3, *x_shape)), draw.uniform(size=(3, *y_shape))
    compiled = compile(f)
    loss = compiled.backward(X, y)
    module = {}
    exec(compiled.to_source("numpy"), module)
    again, gradient = module["f_and_gradient"](module["parameters"], X, y)
    assert again == pytest.approx(loss, rel=1e-12)
    np.testing.assert_allclose(module["f"](module["parameters"], X, y), compiled(X, y), rtol=1e-12)
    ours = sorted(p.grad for p in flat(parameters))
    theirs = sorted(np.concatenate([np.ravel(g) for g in gradient.values()]))
    np.testing.assert_allclose(theirs, ours, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("namespace", ["torch", "jax"])
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_the_program_runs_by_itself_elsewhere(model, namespace):
    library = pytest.importorskip(namespace)
    f, _, x_shape, y_shape = model(random.Random(1), 6)
    draw = np.random.default_rng(0)
    X, y = draw.normal(size=(3, *x_shape)), draw.uniform(size=(3, *y_shape))
    compiled = compile(f)
    loss = compiled.backward(X, y)
    module = {}
    exec(compiled.to_source(namespace), module)
    arrays = [library.tensor(a) for a in (X, y)] if namespace == "torch" else [X, y]
    again, _ = module["f_and_gradient"](module["parameters"], *arrays)
    assert float(again) == pytest.approx(loss, rel=1e-12)


def test_the_source_reads_like_a_textbook():
    f, _, _, _ = mlp_by_hand(random.Random(0), 6)
    compiled = compile(f)
    compiled(np.ones((2, 3)), np.ones(2))
    lines = [line.strip() for line in compiled.source.splitlines()]
    assert "z1 = W1 @ x + b1[:, None]" in lines
    assert "a1 = tanh(z1)" in lines
    assert "d_a1 = W2.T @ d_z2" in lines
    assert "d_z1 = d_a1 * (1 - a1**2)" in lines
    assert "d_W1 = d_z1 @ x.T" in lines


@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 10**6),
    st.lists(st.integers(1, 5), min_size=2, max_size=4),
    st.sampled_from(SMOOTH_UNARY),
    st.sampled_from([1, 2, 100]),
)
def test_dense_nets_of_any_shape(seed, sizes, op, samples):
    draw = random.Random(seed)
    layers = [(values(draw, m, n), values(draw, m)) for n, m in itertools.pairwise(sizes)]

    def f(x):
        for W, b in layers:
            x = [op(into_domain(op, z)) for z in weighted_sums(W, x, b)]
        return total(x)

    X = np.random.default_rng(seed).uniform(-1, 1, (samples, sizes[0]))
    assert_same(f, flat(layers), X)


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


W = [Value(0.1 * i - 0.3, f"w{i}") for i in range(24)]

STRUCTURES = {
    "many_constant_factors": (lambda x: tanh(sum((0.1 + 0.2 * i) * x[i] * W[0] for i in range(8))), (8,)),
    "many_constant_weights": (lambda x: tanh(sum((0.1 + 0.2 * i) * x[i] for i in range(8)) * W[0]), (8,)),
    "what_comes_to_nothing": (lambda x: tanh(W[1] * x[0]) - 0.0 * exp(W[2] * x[1]), (2,)),
    "a_long_sum_rescaled": (lambda x: tanh(-0.5 * sum(w * v for w, v in zip(W, x, strict=True))), (24,)),
    "sums_of_the_same_weights": (lambda x: tanh(dot(W[:3], x[:3]) + dot(W[:3], x[3:])), (6,)),
    "first_and_third_powers": (lambda x: (W[3] * x[0]) ** 1 + (W[4] + x[1]) ** 3, (2,)),
    "the_same_sum_twice": (lambda x: tanh(dot(W[:3], x)) * dot(x, W[:3]) + dot(W[:3], x), (3,)),
    "layers_that_share_weights": (
        lambda x: total(
            [tanh(dot(W[3 * i : 3 * i + 3], x, W[9 + i])) * dot(W[3 * i : 3 * i + 3], x, W[12 + i]) for i in range(3)]
        ),
        (3,),
    ),
    "a_sum_of_inputs_alone": (lambda x: tanh(total(x) + W[5] * mean(x)), (9,)),
    "a_logsumexp_of_inputs_alone": (lambda x: W[6] * logsumexp(x) + logsumexp([W[6] * v for v in x]), (4,)),
    "rows_that_repeat": (lambda x: total([tanh(dot(W[:4], x)) for _ in range(3)]) * W[7], (4,)),
    "sums_without_a_pattern": (
        lambda x: total([tanh(x[i] * W[(3 * i) % 7] + x[(i * i) % 5] * W[(5 * i) % 11]) for i in range(12)]),
        (12,),
    ),
    "operations_without_a_pattern": (
        lambda x: total([maximum(x[(7 * i) % 12], W[(5 * i * i) % 24] * x[i]) for i in range(12)]),
        (12,),
    ),
    "sums_of_several_lengths": (lambda x: total([tanh(dot(W[: n + 2], x[: n + 2], W[20])) for n in range(5)]), (7,)),
    "a_weight_that_many_share": (lambda x: total([tanh(W[i % 2] * v) for i, v in enumerate(x)]), (10,)),
}


@pytest.mark.parametrize("name", STRUCTURES)
def test_a_structure_computes_the_same(name):
    f, shape = STRUCTURES[name]
    assert_same(f, W, numbers(4, *shape))


@pytest.mark.parametrize("name", STRUCTURES)
def test_the_text_of_a_structure_runs_by_itself(name):
    f, shape = STRUCTURES[name]
    X = numbers(4, *shape)
    compiled = compile(f)
    expected = compiled(X)
    module = {}
    exec(compiled.to_source("numpy"), module)
    key = next(name for name in module if name.endswith("_and_gradient")).removesuffix("_and_gradient")
    np.testing.assert_allclose(module[key](module["parameters"], X), expected, rtol=1e-12, atol=1e-14)


# --- parameters -------------------------------------------------------------------------------------------------------


def test_changed_parameters_are_seen():
    w = Value(2.0)
    f = compile(lambda x: w * x)
    assert f([1.0, 2.0]).tolist() == [2.0, 4.0]
    w.data = 3.0
    assert f([1.0, 2.0]).tolist() == [3.0, 6.0]


def test_a_value_that_is_two_parameters_gets_the_sum():
    w = Value(2.0)
    first, second = [w, Value(1.0)], [w, Value(-1.0)]
    assert_same(
        lambda x: tanh(dot(first, x)) * dot(second, x), [w, first[1], second[1]], np.array([[0.3, 0.4], [0.1, -1.0]])
    )


def test_gradients_accumulate():
    w = Value(2.0)
    f = compile(lambda x: w * x)
    f.backward([1.0, 3.0])
    f.backward([1.0, 3.0])
    assert w.grad == 4.0


def test_threads_lose_no_gradient_of_what_their_functions_share():
    w = [Value(1.0) for _ in range(300)]
    functions = [compile(lambda x: dot(w, [x] * 300)) for _ in range(3)]
    x = np.ones(1)

    def run(f):
        for _ in range(40):
            f.backward(x)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        in_threads(*[partial(run, f) for f in functions])
    finally:
        sys.setswitchinterval(interval)
    assert {p.grad for p in w} == {120.0}


def test_a_penalty_on_the_parameters_counts_once():
    W = [Value(0.1 * i - 0.2) for i in range(6)]
    assert_same(
        lambda x: tanh(dot(W, x)) + 0.01 * sum(w**2 for w in W), W, np.random.default_rng(0).normal(size=(4, 6))
    )


def test_within_no_grad():
    w = Value(2.0)
    f = compile(lambda x: sigmoid(w * x) * 2.0)
    with no_grad():
        assert f([0.0, 1000.0]).tolist() == [1.0, 2.0]
        assert "sigmoid(z1)" in f.source
        assert (w * 2.0).is_leaf


def test_a_large_batch():
    f, parameters, x_shape, _ = mlp_by_hand(random.Random(1), 6)
    draw = np.random.default_rng(0)
    X, y = draw.normal(size=(10_000, *x_shape)), draw.normal(size=10_000)
    compiled = compile(f)
    whole = compiled.backward(X, y)
    gradient = [p.grad for p in flat(parameters)]
    for p in flat(parameters):
        p.grad = 0.0
    parts = [compiled.backward(X[i : i + 100], y[i : i + 100]) for i in range(0, 10_000, 100)]
    assert whole == pytest.approx(np.mean(parts), rel=1e-12)
    np.testing.assert_allclose(gradient, [p.grad / 100 for p in flat(parameters)], rtol=1e-10, atol=1e-14)


def test_a_long_program_is_several_functions(monkeypatch):
    monkeypatch.setattr(bind, "_LONGEST", 3)
    f, parameters, x_shape, y_shape = mlp_by_hand(random.Random(1), 6)
    draw = np.random.default_rng(0)
    X, y = draw.normal(size=(5, *x_shape)), draw.uniform(size=(5, *y_shape))
    program = assert_same(f, flat(parameters), X, y)
    code = program.plan(X, y).code
    functions = program.buffered_source.split("\n\n")
    assert len(functions) == len(code.code) > 6
    assert {text.count("\n") for text in functions if text.startswith("def _")} <= {1, 2, 3}
    copy = pickle.loads(pickle.dumps(code))
    assert [function.co_code for function in copy.code] == [function.co_code for function in code.code]


@pytest.fixture
def small_parts(monkeypatch):
    """Batches are cut into parts of three samples or a little more."""
    monkeypatch.setattr(plan, "_PART_SAMPLES", 3)
    monkeypatch.setattr(plan, "_PART_NUMBERS", 1)


@pytest.mark.parametrize("samples", [1, 3, 6, 7, 20])
def test_a_batch_in_parts_computes_the_same(samples, small_parts):
    f, parameters, x_shape, y_shape = mlp_by_hand(random.Random(1), 6)
    draw = np.random.default_rng(0)
    assert_same(f, flat(parameters), draw.normal(size=(samples, *x_shape)), draw.uniform(size=(samples, *y_shape)))


def test_the_arrays_do_not_grow_with_the_batch(small_parts):
    w = Value(2.0)
    f = compile(lambda x: tanh(w * x))
    f.backward(np.linspace(-1.0, 1.0, 1000))
    assert {size for size, _ in f.plan([1.0])._bound} == {3, 4}


def test_parts_of_a_batch_are_of_about_the_same_size(small_parts):
    cuts = plan.parts(20, 5)
    assert [cut.stop - cut.start for cut in cuts] == [3, 3, 4, 3, 3, 4]
    assert np.concatenate([np.arange(20)[cut] for cut in cuts]).tolist() == list(range(20))


def test_a_sample_of_a_later_part_is_named_by_its_number_in_the_batch(small_parts):
    w = Value(2.0)
    X = np.ones(10)
    X[8] = np.inf
    with pytest.raises(FloatingPointError, match="x holds inf for sample 8"):
        compile(lambda x: w * x)(X)
    with pytest.raises(FloatingPointError, match="for sample 8, so"):
        compile(lambda x: exp(x * x) * w)(np.where(np.arange(10) == 8, 100.0, 1.0))


def test_an_exception_in_a_later_part_comes_before_the_first_result(small_parts):
    w = Value(2.0)
    X = np.where(np.arange(10) == 8, 800.0, 1.0)
    with pytest.raises(OverflowError):
        compile(lambda x: w / (1.0 + exp(x)))(X)


def test_a_batch_in_parts_that_differs_from_its_function_leaves_no_gradient(small_parts):
    w = Value(2.0)
    state = {"factor": 1.0}
    f = compile(lambda x: w * x * state["factor"])
    f.backward(np.ones(10))
    state["factor"] = 3.0
    f.backward(np.ones(10))
    assert w.grad == pytest.approx(4.0)


def test_single_precision():
    f, _parameters, x_shape, _y_shape = mlp_by_hand(random.Random(1), 6)
    X, y = np.ones((3, *x_shape), np.float32), np.zeros(3, np.float32)
    compiled = compile(f)
    assert compiled(X, y).dtype == np.float32
    np.testing.assert_allclose(compiled(X, y), compiled(X.astype(float), y), rtol=1e-5)


def test_several_outputs_keep_their_shape():
    w = Value(2.0)
    f = compile(lambda x: [[w * x[0], x[1]], [1.0, w]])
    assert f([[1.0, 2.0], [3.0, 4.0]]).tolist() == [[[2.0, 2.0], [1.0, 2.0]], [[6.0, 4.0], [1.0, 2.0]]]


def test_an_operation_of_your_own():
    cube = define_op("cube", lambda x: x**3, lambda x, y: 3 * x**2)
    w = Value(0.7)
    assert_same(lambda x: cube(w * x) + cube(x), [w], np.linspace(-1, 2, 5))


def test_an_operation_whose_derivative_needs_floats():
    clip = define_op("clip", lambda x: max(x, 0.1), lambda x, y: 1.0 if x > 0.1 else 0.0)
    w = Value(0.7)
    assert_same(lambda x: clip(w * x) * w, [w], np.linspace(-1, 2, 6))


def test_an_operation_whose_derivative_asks_what_only_floats_know():
    slope = define_op("slope", lambda x: x * x, lambda x, y: 2.0 * x + 0.0 * x.is_integer())
    w = Value(0.7)
    assert_same(lambda x: slope(w * x), [w], np.linspace(-1, 2, 4))


def test_half_of_the_gradient_at_a_tie():
    a, b = Value(1.0), Value(1.0)
    f = compile(lambda x: maximum(a * x, b * x))
    f.backward([2.0, 2.0])
    assert (a.grad, b.grad) == (1.0, 1.0)


def test_far_tails_keep_their_digits():
    w = Value(1.0)
    assert_same(lambda x: sigmoid(w * x), [w], np.array([-30.0, -700.0]))


def test_a_function_that_does_not_tell_its_arguments():
    second = operator.itemgetter(1)
    assert compile(second)([[1.0, 2.0], [3.0, 4.0]]).tolist() == [2.0, 4.0]


def test_a_derivative_that_is_zero_sends_nothing():
    step = define_op("step", lambda x: float(x > 0.0), lambda x, y: 0.0)
    w = Value(0.7)
    assert_same(lambda x: step(w * x) + w, [w], np.linspace(-1, 2, 5))


def test_many_sizes_of_batch_in_turn():
    w = Value(2.0)
    f = compile(lambda x: w * x)
    for size in [*range(1, 12), 1]:
        assert f(np.ones(size)).tolist() == [2.0] * size


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "what"),
    [
        (lambda x: x if x > 0 else -x, "comparison"),
        (lambda x: x if x == 1 else -x, "comparison"),  # with a target that is a float by hand, and a Value here
        (lambda x: max(x, 0.0 * x), "comparison"),
        (lambda x: x * math.exp(x), "float"),
        (lambda x: x and 2.0 * x, "bool"),
    ],
)
def test_a_decision_on_the_data_is_refused_with_its_line(function, what):
    with pytest.raises(TraceError, match=rf"test_compile.py, line \d+, .*{what}"):
        compile(function)([1.0, 2.0])


@pytest.mark.parametrize(
    ("function", "what"),
    [
        (lambda x: x * 2.0 if x.data > 0 else x * 3.0, r"\.data"),
        (lambda x: x * {1.0: 2.0}.get(x, 3.0), r"hash\(\)"),
        (lambda x: x * 2.0 if x in {1.0} else x * 3.0, r"hash\(\)"),
        (lambda x: x * x.grad, r"\.grad"),
    ],
)
def test_what_reads_a_number_is_refused_with_its_line(function, what):
    with pytest.raises(TraceError, match=rf"test_compile.py, line \d+, .*{what}"):
        compile(function)([1.0])


def test_a_decision_by_type_is_found_out():
    with pytest.raises(TraceError, match="itself it computes"):
        compile(lambda x: x * 2.0 if isinstance(x, float) else x * 3.0)([1.0])


def test_an_error_that_the_function_catches_is_raised_all_the_same():
    def caught(x):
        try:
            return x * 2.0 if x > 0.0 else x * 3.0
        except TypeError:
            return x * 4.0

    with pytest.raises(TraceError, match="comparison"):
        compile(caught)([1.0])


def test_digits_that_cancel_out_are_not_a_decision():
    w = Value(1.0)
    f = compile(lambda x: (w * x + 1e10) - 1e10)
    with no_grad():
        np.testing.assert_allclose(f([0.1, 0.7]), [0.1, 0.7], rtol=1e-4)


def test_decisions_are_allowed_again_after_a_failure():
    with pytest.raises(TraceError):
        compile(lambda x: x if x > 0 else -x)([1.0])
    assert Value(1.0) > 0.0


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([[1.0], [1.0, 2.0]],), ValueError, "ragged"),
        ((["a", "b"],), TypeError, "numbers"),
        (([],), ValueError, "empty"),
        ((1.0,), ValueError, "batch"),
        ((np.ma.masked_invalid([1.0, math.nan]),), ValueError, "masked entries"),
        (([1.0, 2.0], [1.0]), ValueError, "same number of samples"),
        ((), TypeError, "at least one"),
    ],
)
def test_unfit_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        compile(lambda *xs: xs[0] * 2.0)(*arguments)


def test_a_function_without_a_value():
    with pytest.raises(TraceError, match="no Value"):
        compile(lambda x: 1.0)([1.0])
    with pytest.raises(TraceError, match="must return a Value"):
        compile(lambda x: None)([1.0])


def test_a_result_that_is_not_finite_names_its_node():
    f = compile(lambda x: log(x) * 2.0)
    with pytest.raises(FloatingPointError, match=r"log.*sample 1"):
        f([1.0, 0.0])


@pytest.mark.parametrize("unfit", [math.nan, math.inf])
def test_an_input_that_is_not_finite_is_named(unfit):
    w = Value(2.0)
    f = compile(lambda features, y: w * features[0] + features[1] - y)
    with pytest.raises(FloatingPointError, match=rf"features holds {unfit} for sample 1"):
        f([[1.0, 2.0], [1.0, unfit]], [0.0, 0.0])


def test_an_infinite_input_may_have_a_finite_result():
    assert compile(lambda x: sigmoid(x))([-math.inf, math.inf]).tolist() == [0.0, 1.0]


def test_a_mean_beyond_all_floats_is_infinite():
    w = Value(1.0)
    assert compile(lambda x: w * x).backward([1.5e308, 1.5e308]) == math.inf
    assert w.grad == 1.5e308


@pytest.mark.parametrize("unfit", [[None], [2**100]])
def test_objects_are_refused_with_a_remedy(unfit):
    with pytest.raises(TypeError, match="dtype=float"):
        compile(lambda x: x * 2.0)(unfit)


def test_arrays_for_many_batch_sizes_do_not_pile_up():
    w = Value(2.0)
    f = compile(lambda x: w * x)
    for size in range(1, 30):
        f([1.0])
        assert f(np.ones(size)).sum() == 2.0 * size
    assert len(f.plan([1.0])._bound) == 8


def test_backward_of_several_outputs():
    with pytest.raises(TypeError, match="one Value"):
        compile(lambda x: [x, 2.0 * x]).backward([1.0])


def test_no_source_before_the_first_call():
    with pytest.raises(ValueError, match="call it once"):
        compile(lambda x: x * 2.0).source  # noqa: B018


def test_weights_used_both_ways_are_one_matrix():
    draw = random.Random(0)
    W = values(draw, 4, 5)

    def f(x):
        hidden = [tanh(sum(x[i] * W[j][i] for i in range(5))) for j in range(4)]
        return logsumexp([sum(W[j][i] * hidden[j] for j in range(4)) for i in range(5)])

    compiled = assert_same(f, flat(W), np.random.default_rng(0).normal(size=(3, 5)))
    assert "z1 = W1 @ x" in compiled.source
    assert "z2 = W1.T @ a1" in compiled.source


def test_backpropagation_through_time():
    draw = random.Random(0)
    U, W, b = values(draw, 6, 2), values(draw, 6, 6), values(draw, 6)

    def f(xs):
        h = [tanh(z) for z in weighted_sums(U, xs[0], b)]
        for x in xs[1:]:
            h = [tanh(u + w) for u, w in zip(weighted_sums(U, x, b), weighted_sums(W, h), strict=True)]
        return mean(h)

    compiled = assert_same(f, flat([U, W, b]), np.random.default_rng(0).normal(size=(3, 4, 2)))
    assert "d_a2 = W2.T @ d_z3" in compiled.source


def test_only_a_function_is_compiled():
    with pytest.raises(TypeError, match="takes a function of Values, got float"):
        compile(2.0)


def test_a_ragged_result_is_refused():
    with pytest.raises(TraceError, match="ragged"):
        compile(lambda x: [[x, x], [x]])([1.0])


def test_an_input_that_is_not_finite_is_named_as_the_cause():
    with pytest.raises(FloatingPointError, match="x holds inf for sample 0"):
        compile(lambda x: [x])([math.inf])


def test_only_known_libraries_are_written_for():
    f = compile(lambda x: x * 2.0)
    f([1.0])
    with pytest.raises(ValueError, match="numpy, torch, jax, got 'tensorflow'"):
        f.to_source("tensorflow")


def test_an_operation_of_your_own_cannot_be_exported():
    clip = define_op("clip", lambda x: max(x, 0.1), lambda x, y: 1.0 if x > 0.1 else 0.0)
    f = compile(lambda x: clip(x) * 2.0)
    f([1.0])
    with pytest.raises(NotImplementedError, match="clip is an operation of your own"):
        f.to_source()


def test_each_stage_can_be_printed():
    w = Value(2.0, "w")
    f = compile(lambda x: tanh(w * x + 1.0))
    plan = f.plan([1.0])
    assert str(plan.trace) == "5 nodes: 1 inputs, 1 parameters, 1 outputs"
    assert str(plan.form) == "t2 = t0*t1 + 1.0\nt3 = tanh(t2)"
    assert str(plan.program).endswith("= tanh")


# --- arguments, methods, copies ---------------------------------------------------------------------------------------


def cube(x):
    return x**3


compiled_cube = compile(cube)


class Scale:
    def __init__(self, w):
        self.w = Value(w)

    @compile
    def apply(self, x):
        return self.w * x


def test_a_compiled_method_has_the_parameters_of_its_object():
    two, three = Scale(2.0), Scale(3.0)
    assert two.apply([1.0, 2.0]).tolist() == [2.0, 4.0]
    assert three.apply([1.0, 2.0]).tolist() == [3.0, 6.0]
    two.w.data = 5.0
    assert two.apply([1.0, 2.0]).tolist() == [5.0, 10.0]


def test_the_programs_of_a_method_go_with_its_object():
    scale = Scale(2.0)
    scale.apply([1.0])
    alive = weakref.ref(scale)
    del scale
    gc.collect()
    assert alive() is None


@pytest.mark.parametrize("call", [False, True])
@pytest.mark.parametrize("copied", [lambda f: pickle.loads(pickle.dumps(f)), copy.deepcopy])
def test_a_compiled_function_can_be_pickled_and_copied(copied, call):
    f = compile(cube)
    if call:
        f([2.0])
    assert copied(f)([3.0]).tolist() == [27.0]
    scale = Scale(2.0)
    assert copied(scale.apply)([3.0]).tolist() == [6.0]


def test_inside_another_function_it_is_the_function_itself():
    f = compile(lambda x: 2.0 * compiled_cube(x) + x)
    assert f([2.0, -1.0]).tolist() == [18.0, -3.0]
    assert autograd_lite.grad(compiled_cube)(2.0) == 12.0
    assert autograd_lite.derivative(compiled_cube, 2)(2.0) == 12.0


Pair = collections.namedtuple("Pair", "left right")


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "expected"),
    [
        (lambda x, k: x * k, ([1.0, 3.0],), {"k": 2.0}, [2.0, 6.0]),
        (lambda x, k: x * k, ([1.0, 3.0],), {"k": [2.0, 5.0]}, [2.0, 15.0]),
        (lambda x, name: x * len(name), ([1.0, 3.0],), {"name": "ab"}, [2.0, 6.0]),
        (lambda p: p["x"] * p["w"], ({"x": [1.0, 3.0], "w": [2.0, 5.0]},), {}, [2.0, 15.0]),
        (lambda p: p["x"][1] * p["w"][0], ({"x": [[1.0, 3.0]], "w": ([2.0], [5.0])},), {}, [6.0]),
        (lambda p: p[0] * p[1], (([1.0, 3.0], [2.0, 5.0]),), {}, [2.0, 15.0]),
        (lambda p: p.left * p.right, (Pair(np.array([1.0, 3.0]), [2.0, 5.0]),), {}, [2.0, 15.0]),
    ],
)
def test_arguments_are_structures_of_arrays_and_options(function, args, kwargs, expected):
    compiled = compile(function)
    assert compiled(*args, **kwargs).tolist() == expected
    assert compiled(*args, **kwargs).tolist() == expected


def test_another_option_has_a_program_of_its_own():
    f = compile(lambda x, k: x * k)
    assert [f([1.0], k=k).tolist() for k in (2.0, 3.0, 2.0)] == [[2.0], [3.0], [2.0]]


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x * 2,
        lambda x: 2 * x,
        lambda x: x - 1,
        lambda x: -x,
        lambda x: x / 2,
        lambda x: x**2,
        lambda x: 1 - x,
        lambda x: x + x,
    ],
)
def test_a_sequence_of_one_number_is_not_a_number(function):
    with pytest.raises(TraceError, match=r"test_compile.py, line .*a sequence of one number"):
        compile(function)([[1.0], [2.0]])


def test_sequences_of_one_number_are_joined_by_unpacking():
    assert compile(lambda x, y: [*x, *y])([[1.0], [2.0]], [[3.0], [4.0]]).tolist() == [[1.0, 3.0], [2.0, 4.0]]


def test_results_of_numpy_count_as_numbers():
    f = compile(lambda x: [x * 2.0, np.float32(0.5), np.int64(3), np.array(x * 3.0)])
    assert f([1.0]).tolist() == [[2.0, 0.5, 3.0, 3.0]]


def test_every_kind_of_real_number_may_be_a_result():
    f = compile(lambda x: [x * 2.0, Fraction(1, 4), Decimal("1.5"), True])
    assert f([1.0]).tolist() == [[2.0, 0.25, 1.5, 1.0]]


def test_it_tells_its_size():
    w = Value(2.0)
    f = compile(lambda x: w * x[0] + x[1])
    assert "not called yet" in repr(f)
    f([[1.0, 2.0]])
    assert "2 inputs and 1 parameters" in repr(f)


# --- what changes between calls ---------------------------------------------------------------------------------------


def test_a_parameter_that_is_replaced_is_seen():
    scale = Scale(2.0)
    f = compile(lambda x: scale.w * x)
    assert f([1.0, 1.0]).tolist() == [2.0, 2.0]
    scale.w = Value(5.0)
    assert f([1.0, 1.0]).tolist() == [5.0, 5.0]
    scale.w = Value(7.0)
    assert f.backward([3.0]) == 21.0
    assert scale.w.grad == 3.0


def test_a_parameter_of_a_large_function_that_is_replaced_is_seen_at_once():
    w = [Value(1.0 + i) for i in range(2000)]
    f = compile(lambda x: sum(tanh(v * x) for v in w))
    for _ in range(20):
        f([0.1])
    before = f([0.1])
    w[7] = Value(-5.0)
    assert f([0.1]).tolist() != before.tolist()


def test_digits_that_cancel_in_single_precision_are_not_a_decision():
    f = compile(lambda x: logsumexp(x) - x[0])
    assert f(np.array([[1e6, 1e6]], dtype=np.float32)) == pytest.approx(math.log(2.0), abs=0.1)


def test_what_is_detached_is_computed_anew_and_gets_no_gradient():
    w = Value(2.0)

    def stopped(x):
        with no_grad():
            t = w * 2.0 + x
        return t * w * x

    f, g = compile(lambda x: w.detach() * x + w), compile(stopped)
    assert f([1.0, 2.0]).tolist() == [4.0, 6.0]
    assert g([1.0, 2.0]).tolist() == [10.0, 24.0]
    w.data = 5.0
    assert f([1.0, 2.0]).tolist() == [10.0, 15.0]
    assert g([1.0, 2.0]).tolist() == [55.0, 120.0]
    f.backward([1.0, 2.0])
    assert w.grad == 1.0
    w.grad = 0.0
    g.backward([1.0, 2.0])
    assert w.grad == (11.0 + 24.0) / 2
    assert compile(lambda x: x * x.detach())([1.5, -2.0]).tolist() == [2.25, 4.0]


def test_detached_weights_beside_a_bias_that_learns():
    W, b = values(random.Random(0), 4, 3), values(random.Random(1), 4)
    X = np.random.default_rng(0).normal(size=(5, 3))
    f = compile(lambda x: sum(tanh(z) for z in weighted_sums([[w.detach() for w in row] for row in W], x, b)))
    g = compile(lambda x: sum(tanh(z) for z in weighted_sums(W, x, [v.detach() for v in b])))
    f.backward(X)
    assert all(w.grad == 0.0 for w in flat(W))
    assert all(v.grad != 0.0 for v in b)
    for v in b:
        v.grad = 0.0
    g.backward(X)
    assert all(w.grad != 0.0 for w in flat(W))
    assert all(v.grad == 0.0 for v in b)


def test_an_exception_of_the_function_itself_comes_before_the_first_result():
    w = Value(1.0)
    f = compile(lambda x, t: losses.binary_cross_entropy(w * x, t))
    f.backward(np.ones(50), np.ones(50))
    w.grad = 0.0
    targets = np.ones(50)
    targets[31] = -1.0
    with pytest.raises(ValueError, match="got -1"):
        f.backward(np.ones(50), targets)
    assert w.grad == 0.0


@pytest.mark.parametrize(
    ("decision", "what"),
    [
        (lambda x: isinstance(x, float) and x < 8.0, "comparison"),
        (lambda x: hasattr(x, "hex") and x == 7.0, "comparison"),
        (lambda x: isinstance(x, float) and 2.0 * x + 1.0 < 8.0, "comparison"),
        (lambda x: isinstance(x, float) and x in {7.0}, "hash"),
        (lambda x: isinstance(x, float) and int(x) == 7, "float"),
        (lambda x: isinstance(x, float) and str(x) == "7.0", "the text"),
        (lambda x: f"{x:.1f}" == "7.0", "the text"),
        (lambda x: relu(x - 8.0).partials[0] == 0.0, "partials"),
        (lambda x: (x * x).forward() < 50.0, "forward"),
    ],
)
def test_a_decision_that_no_sample_shows_is_refused_with_its_line(decision, what):
    X = np.linspace(9.8, 10.2, 60)
    X[10] = 7.0
    w = Value(1.0)
    with pytest.raises(TraceError, match=rf"test_compile.py, line \d+, .*{what}"):
        compile(lambda x: w * x + (3.0 if decision(x) else 2.0))(X)


def test_a_decision_in_another_thread_is_refused():
    w = Value(1.0)

    def decides(x):
        found = []
        in_threads(lambda: found.append(w * x < 8.0))
        return w * x + (3.0 if found[0] else 2.0)

    with pytest.raises(TraceError, match="comparison"):
        compile(decides)([10.0, 10.1])


def test_what_takes_plain_numbers_only_is_refused_with_its_line():
    w = Value(1.0)
    with pytest.raises(TraceError, match=r"test_compile.py, line \d+, .*takes plain numbers"):
        compile(lambda x: w * x + (2.0 if np.isnan(x) else 3.0))([1.0])


def test_a_pass_inside_a_function_leaves_no_gradient():
    w = Value(1.0)

    def differentiates(x):
        y = w * x
        y.backward()
        return y * w

    with pytest.raises(TraceError, match=r"backward\(\)"):
        compile(differentiates).backward([1.0, 2.0])
    assert w.grad == 0.0


def test_rows_of_a_sequence_under_no_grad_send_nothing_back():
    w = Value(2.0)

    def stopped(x):
        with no_grad():
            y = prod([w, 2.0]) + logsumexp([w, 0.5])
            exp(w)  # not used
        return y * x + w

    f = compile(stopped)
    f.backward([1.0, 2.0])
    assert w.grad == 1.0


def test_a_frame_of_numpy_is_not_the_users_line():
    with pytest.raises(TraceError, match=r"test_compile.py, line \d+, .*np\.max"):
        compile(lambda x: np.max(np.array(x)))([[1.0, 2.0]])


def test_a_line_of_a_notebook_is_named_by_its_cell():
    assert str(SourceLine("<ipython-input-12-abcdef>", 3, "f")) == "cell 12, line 3, in f"


@given(st.data())
def test_each_kind_of_number_is_compared_once(data):
    columns = data.draw(st.integers(1, 4))
    choices = st.sampled_from([-1.0, 0.0, 1.0, 2.0])
    batch = np.array(
        data.draw(st.lists(st.lists(choices, min_size=columns, max_size=columns), min_size=1, max_size=30))
    )
    kinds = Kinds(columns)
    compared = [sample for _ in range(20) for sample in batch[kinds.new(batch.T)].tolist()]
    for column in range(columns):
        assert {row[column] for row in compared} == {*batch[:, column].tolist()}
    assert kinds.new(batch.T) == []


def test_a_bias_that_is_a_factor_too_keeps_its_share_of_the_gradient():
    a, b, c = parameters = [Value(2.0), Value(3.0), Value(0.5)]
    assert_same(lambda x: a * (b * (c - x[0]) + a * x[1] + b), parameters, np.array([[1.0, 2.0], [0.3, -1.0]]))


def test_products_of_parameters_alone_that_leave_gaps_in_a_matrix():
    p, q, r, s = parameters = [Value(0.1 * i) for i in range(1, 5)]
    assert_same(
        lambda x: p * s + tanh(s * r + q * r) + tanh(r * r + p * r) + tanh(p * r + q * r) + 0.0 * x,
        parameters,
        np.array([1.0, 2.0]),
    )
