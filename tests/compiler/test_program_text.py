"""The text of programs: what a textbook would print for each kind of model, and that it computes the same."""

import numpy as np
import pytest

from autograd_lite import (
    Value,
    compile,
    dot,
    exp,
    losses,
    mean,
    nn,
    relu,
    softmax,
    sqrt,
    tanh,
)
from autograd_lite.compiler.text.algebra import POWER, Factor, Product, Sum, constant, product_of
from autograd_lite.compiler.text.names import select


def matrix(rows, columns):
    return [[Value(0.1 * (i - j)) for j in range(columns)] for i in range(rows)]


def vector(size):
    return [Value(0.1 * i + 0.5) for i in range(size)]


def line():
    w, b = Value(2.0, "w"), Value(8.0, "b")
    return (lambda x, y: 0.5 * (w * x + b - y) ** 2), ((), ())


def net():
    layers = nn.MLP(2, [3, 3, 1], "tanh", seed=0)
    return (lambda x, y: losses.half_mse(layers(x), y)), ((2,), ())


def classifier():
    W, b = matrix(4, 3), vector(4)
    return (lambda x: softmax([dot(row, x, c) for row, c in zip(W, b, strict=True)])), ((3,),)


def classifier_with_loss():
    W, b = matrix(4, 3), vector(4)

    def loss(x, y):
        return losses.cross_entropy([dot(row, x, c) for row, c in zip(W, b, strict=True)], y)

    return loss, ((3,), (4,))


def convolution():
    w, b = vector(3), Value(0.1)
    return (lambda x, y: (mean([relu(dot(w, x[i : i + 3], b)) for i in range(6)]) - y) ** 2), ((8,), ())


def attention():
    weights = [matrix(4, 3) for _ in range(3)]

    def mixed(x):
        q, k, v = ([[dot(row, token) for row in W] for token in x] for W in weights)
        scores = [softmax([0.5 * dot(q[t], k[s]) for s in range(6)]) for t in range(6)]
        return [[dot(scores[t], [v[s][c] for s in range(6)]) for c in range(4)] for t in range(6)]

    return mixed, ((6, 3),)


def layer_norm():
    gain, bias = vector(4), vector(4)

    def normalised(x):
        centred = [a - mean(x) for a in x]
        scale = (mean([a * a for a in centred]) + 1e-5) ** -0.5
        return [g * a * scale + h for g, a, h in zip(gain, centred, bias, strict=True)]

    return normalised, ((4,),)


def formula():
    p, q, r = Value(0.5, "p"), Value(0.3, "q"), Value(0.7, "r")
    return (lambda x: exp(-p * x[0] * x[0]) * tanh(q * x[1] - r) / (1.0 + x[0] ** 2) + sqrt(x[1] * x[1] + p)), ((2,),)


TEXTS = {
    line: """
def f_and_gradient(parameters, x, y):
    w = parameters["w"]
    b = parameters["b"]
    n = len(x)
    z1 = w * x + b - y
    s1 = 0.5 * z1**2
    d_s1 = ones((n,)) / n
    d_z1 = d_s1 * z1
    d_w = d_z1 @ x
    d_b = d_z1.sum(0)
    return s1.mean(), {"w": d_w, "b": d_b}
""",
    net: """
def f_and_gradient(parameters, x, y):
    W1 = parameters["W1"]
    b1 = parameters["b1"]
    W2 = parameters["W2"]
    b2 = parameters["b2"]
    W3 = parameters["W3"]
    b3 = parameters["b3"]
    n = len(x)
    x = x.T
    z1 = W1 @ x + b1[:, None]
    a1 = tanh(z1)
    z2 = W2 @ a1 + b2[:, None]
    a2 = tanh(z2)
    z3 = W3 @ a2 + b3 - y
    s1 = 0.5 * z3**2
    d_s1 = ones((n,)) / n
    d_z3 = d_s1 * z3
    d_W3 = a2 @ d_z3
    d_a2 = outer(W3, d_z3)
    d_b3 = d_z3.sum(0)
    d_z2 = d_a2 * (1 - a2**2)
    d_W2 = d_z2 @ a1.T
    d_a1 = W2.T @ d_z2
    d_b2 = d_z2.sum(1)
    d_z1 = d_a1 * (1 - a1**2)
    d_W1 = d_z1 @ x.T
    d_b1 = d_z1.sum(1)
    return s1.mean(), {"W1": d_W1, "b1": d_b1, "W2": d_W2, "b2": d_b2, "W3": d_W3, "b3": d_b3}
""",
    classifier: """
def f(parameters, x):
    W1 = parameters["W1"]
    b1 = parameters["b1"]
    x = x.T
    z1 = W1 @ x + b1[:, None]
    largest_1 = amax(z1, 0)
    s1 = z1 - largest_1
    exp_1 = exp(s1)
    sum_1 = exp_1.sum(0)
    div_1 = exp_1 / sum_1
    return div_1.T
""",
    classifier_with_loss: """
def loss_and_gradient(parameters, x, y):
    W1 = parameters["W1"]
    b1 = parameters["b1"]
    n = len(x)
    x = x.T
    y = y.T
    z1 = W1 @ x + b1[:, None]
    largest_1 = amax(z1, 0)
    s1 = z1 - largest_1
    exp_1 = exp(s1)
    sum_1 = exp_1.sum(0)
    log_1 = log(sum_1)
    s2 = log_1 - s1
    s3 = (y * s2).sum(0)
    d_s3 = ones((n,)) / n
    d_s2 = y * d_s3
    d_s1 = -d_s2
    d_log_1 = d_s2.sum(0)
    d_sum_1 = d_log_1 / sum_1
    d_s1 = d_s1 + d_sum_1 * exp_1
    d_z1 = d_s1
    d_W1 = d_z1 @ x.T
    d_b1 = d_z1.sum(1)
    return s3.mean(), {"W1": d_W1, "b1": d_b1}
""",
    convolution: """
at_1 = array([[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5], [4, 5, 6], [5, 6, 7]])


def f_and_gradient(parameters, x, y):
    W1 = parameters["W1"]
    b1 = parameters["b1"]
    n = len(x)
    x = x.T
    z1 = W1 @ x[at_1] + b1
    a1 = relu(z1)
    s1 = a1.sum(0)
    s2 = s1 / 6 - y
    s3 = s2**2
    d_s3 = ones((n,)) / n
    d_s2 = 2 * d_s3 * s2
    d_s1 = d_s2 / 6
    d_z1 = d_s1 * (z1 > 0)
    d_W1 = einsum("rn,rkn->k", d_z1, x[at_1])
    d_b1 = d_z1.sum((0, 1))
    return s3.mean(), {"W1": d_W1, "b1": d_b1}
""",
    attention: """
def mixed(parameters, x):
    W1 = parameters["W1"]
    x = moveaxis(x, 0, -1)
    z1 = W1 @ x
    s1 = 0.5 * einsum("lkn,rkn->lrn", z1[:, :4], z1[:, 4:8])
    largest_1 = amax(s1, 1)
    s2 = s1 - largest_1[:, None]
    exp_1 = exp(s2)
    sum_1 = exp_1.sum(1)
    div_1 = exp_1 / sum_1[:, None]
    s3 = einsum("kln,rkn->lrn", z1[:, 8:], div_1)
    return transpose(s3, (2, 1, 0))
""",
    layer_norm: """
def normalised(parameters, x):
    W1 = parameters["W1"]
    b1 = parameters["b1"]
    x = x.T
    s1 = x.sum(0)
    s2 = x - 0.25 * s1
    s3 = (s2**2).sum(0)
    z1 = W1[:, None] * s2
    s4 = 0.25 * s3 + 1e-05
    pow_1 = s4**-0.5
    s5 = z1 * pow_1 + b1[:, None]
    return s5.T
""",
    formula: """
def f_and_gradient(parameters, x):
    p = parameters["p"]
    q = parameters["q"]
    r = parameters["r"]
    n = len(x)
    x = x.T
    z1 = p * x[0]
    z2 = q * x[1] - r
    s1 = x[0]**2 + 1
    s2 = x[1]**2 + p
    s3 = -x[0] * z1
    a2 = tanh(z2)
    sqrt_1 = sqrt(s2)
    exp_1 = exp(s3)
    s4 = a2 * exp_1
    div_1 = s4 / s1
    s5 = div_1 + sqrt_1
    d_s5 = ones((n,)) / n
    d_s4 = d_s5 / s1
    d_a2 = d_s4 * exp_1
    d_exp_1 = d_s4 * a2
    d_s3 = d_exp_1 * exp_1
    d_s2 = 0.5 * d_s5 / sqrt_1
    d_z2 = d_a2 * (1 - a2**2)
    d_z1 = -d_s3 * x[0]
    d_p = d_s2.sum(0)
    d_q = d_z2 @ x[1]
    d_r = -d_z2.sum(0)
    d_p = d_p + d_z1 @ x[0]
    return s5.mean(), {"p": d_p, "q": d_q, "r": d_r}
""",
}


def compiled_of(model):
    f, shapes = model()
    draw = np.random.default_rng(0)
    arguments = [draw.uniform(0.1, 0.9, size=(5, *shape)) for shape in shapes]
    return compile(f), [x / x.sum(axis=-1, keepdims=True) if x.ndim > 1 else x for x in arguments]


@pytest.mark.parametrize("model", TEXTS, ids=lambda model: model.__name__)
def test_the_source_is_what_a_textbook_prints(model):
    program, arguments = compiled_of(model)
    program(*arguments)
    assert program.source == TEXTS[model].strip()


@pytest.mark.parametrize("model", TEXTS, ids=lambda model: model.__name__)
@pytest.mark.parametrize("namespace", ["numpy", "torch", "jax"])
def test_what_a_textbook_prints_runs(model, namespace):
    library = pytest.importorskip(namespace)
    program, arguments = compiled_of(model)
    expected = program(*arguments)
    module = {}
    exec(program.to_source(namespace), module)
    arrays = [library.tensor(a) for a in arguments] if namespace == "torch" else arguments
    (name,) = [key for key in ("f", "loss", "mixed", "normalised") if key in module]
    np.testing.assert_allclose(module[name](module["parameters"], *arrays), expected, rtol=1e-12)


# --- names ------------------------------------------------------------------------------------------------------------


def source_of(f, *arguments):
    program = compile(f)
    program(*arguments)
    return program.source


def test_a_parameter_has_the_name_of_its_label():
    slope = Value(2.0, "slope")
    assert "z1 = slope * x" in source_of(lambda x: slope * x, [1.0, 2.0])


def test_weights_have_the_name_that_their_labels_begin_with():
    w = [Value(0.1 * i, f"w{i}") for i in range(3)]
    assert "z1 = w @ x" in source_of(lambda x: dot(w, x), np.eye(3))


@pytest.mark.parametrize("label", ["lambda x", "2w", "w-1", "d_z1", "t1"])
def test_a_label_that_cannot_be_a_name_is_left_out(label):
    w = Value(2.0, label)
    assert "z1 = W1 * x" in source_of(lambda x: w * x, [1.0, 2.0])


@pytest.mark.parametrize("label", ["x", "tanh", "z1", "parameters", "n"])
def test_a_label_with_another_meaning_gets_an_underscore(label):
    w = Value(2.0, label)
    assert f"z1 = {label}_ * x" in source_of(lambda x: tanh(w * x), [1.0, 2.0])


def test_two_parameters_with_one_label_have_two_names():
    u, v = Value(2.0, "w"), Value(3.0, "w")
    assert "w_ = parameters" in source_of(lambda x: tanh(u * x[0]) * v, np.eye(2))


def test_an_argument_of_shape_n_1_is_taken_as_a_number():
    assert "x = x[:, 0]" in source_of(lambda x: [v * 2.0 for v in x], np.ones((3, 1)))


# --- sums and products ------------------------------------------------------------------------------------------------

X, Y, Z = (product_of(name) for name in "xyz")
MATRICES = product_of("A @ x", 2)


@pytest.mark.parametrize(
    ("product", "text"),
    [
        (X.times(Y), "x * y"),
        (X.times(X), "x**2"),
        (-X.times(Y), "-x * y"),
        (X.times(constant(-1.0)), "-x"),
        (X.times(constant(1.0)), "x"),
        (X.times(constant(2.0)), "2 * x"),
        (X.times(constant(1.0 / 6.0)), "x / 6"),
        (X.over(Y).over(Z), "x / y / z"),
        (X.over(-Y), "-x / y"),
        (X.over(Y).times(Z), "x * z / y"),
        (X.over(Y).times(Z.over(X)), "x * (z / x) / y"),
        (X.over(Y).times(Z, regroup=False), "(x / y) * z"),
        (constant(1.0).over(X), "1 / x"),
        (-MATRICES, "-(A @ x)"),
        (MATRICES.times(Y), "(A @ x) * y"),
        (X.times(Y).summed([0]), "(x * y).sum(0)"),
        ((-X).summed([0, 1]), "-x.sum((0, 1))"),
        (Product((Factor("x**2", POWER),)).times(Y), "x**2 * y"),
        (constant(-0.0), "-0"),
    ],
)
def test_the_text_of_a_product(product, text):
    assert str(product) == text


@pytest.mark.parametrize(
    ("products", "text"),
    [
        ([-Y, X], "x - y"),
        ([-Y, constant(1.0)], "1 - y"),
        ([X, constant(-1.0), -Y], "x - y - 1"),
        ([-X, -Y], "-x - y"),
        ([X, Y.times(Z)], "y * z + x"),
        ([MATRICES, -Y, X], "A @ x + x - y"),
    ],
)
def test_the_text_of_a_sum_begins_with_what_is_added(products, text):
    assert str(Sum(tuple(products)).ordered()) == text


@pytest.mark.parametrize(
    ("shape", "positions", "expected"),
    [
        ((4,), [0, 1, 2, 3], ("", (0,))),
        ((4,), [1, 2], ("[1:3]", (0,))),
        ((6,), [0, 2, 4], ("[::2]", (0,))),
        ((4,), 2, ("[2]", ())),
        ((4,), [2, 1], None),
        ((4,), [0, 1, 3], None),
        ((2, 3), [[0, 1, 2], [3, 4, 5]], ("", (0, 1))),
        ((2, 3), [[0, 3], [1, 4], [2, 5]], ("", (1, 0))),
        ((2, 3), [1, 4], ("[:, 1]", (0,))),
        ((2, 3), [0, 4], None),
        ((2, 3), [[0, 1], [1, 2]], None),
    ],
)
def test_which_elements_slices_take(shape, positions, expected):
    positions = np.array(positions)
    assert select(shape, positions) == expected
    if expected is not None:
        text, order = expected
        taken = eval(f"array{text}", {"array": np.arange(np.prod(shape)).reshape(shape)})
        np.testing.assert_array_equal(taken, positions.transpose(order) if order else positions)
