"""predict agrees with itself: 199 rows go one by one and 200 through a program, with the same outputs or exceptions."""

import math
import re
import warnings

import numpy as np
import pytest

from autograd_lite import Value, exp, log, nn, no_grad, predict, relu, sigmoid, softmax, sqrt, tanh

A, B = Value(10.0), Value(20.0)
KINDS = np.array([0, 1])
SIGNS = np.tile([[0.0, 1.0], [1.0, -1.0], [2.0, 0.5], [-1.0, 1.0]], (75, 1))
ONE_ODD = np.ones((300, 2))
ONE_ODD[10] = -1.0
LATE = np.ones((300, 2))
LATE[150] = -1.0
INNER = nn.MLP(2, [4, 1], "tanh", seed=0)
WIDE = nn.MLP(2, [4, 3], "relu", seed=0)


class Broken(Exception):
    """Of a kind that nobody expects."""


def raising(kind, when):
    def net(x):
        if when(x):
            raise kind("this sample is refused")
        return A * x[0]

    return net


def halves(x):
    h = A * x[0]
    return h + B if h.data > 0 else 0.5 * h


def stable_softmax(x):
    m = max(v.data if isinstance(v, Value) else v for v in WIDE(x))
    powers = [exp(v - m) for v in WIDE(x)]
    return [p / sum(powers) for p in powers]


def matched(x):
    match x[0]:
        case 1.0:
            return A * 1.0
    return B * 1.0


def counter():
    calls = []

    def net(x):
        calls.append(1)
        return A * x[0]

    return net


def detached(x):
    return INNER(x).detach() * A


def without_graph(x):
    with no_grad():
        h = A * x[0]
    return h * x[1]


NETS = {
    # ordinary
    "MLP": INNER,
    "three outputs": WIDE,
    "in a list": lambda x: [INNER(x)],
    "in a tuple": lambda x: (INNER(x), A * x[0]),
    "in an array": lambda x: np.array([INNER(x), A * x[0]]),
    "0-d array": lambda x: np.array(A * x[0]),
    "nested": lambda x: [[INNER(x)], [A * x[0]]],
    "softmax": lambda x: softmax(WIDE(x)),
    "counter": counter(),
    "detached": detached,
    "under no_grad": without_graph,
    "with numbers": lambda x: [A * x[0], 1.0, np.float32(0.5), np.int64(3), True],
    # constants
    "constant": lambda x: 1.0,
    "constant Value": lambda x: A,
    "constant integer": lambda x: 3,
    "constants": lambda x: [1.0, 2.0],
    "input": lambda x: x[0],
    "all inputs": lambda x: x,
    # deciding on the numbers of the sample
    "==": lambda x: A * 1.0 if x[0] == 1.0 else B * 1.0,
    "== np.int64": lambda x: A * 1.0 if x[0] == KINDS[0] else B * 1.0,
    "> np.int64": lambda x: A * 1.0 if x[0] > KINDS[0] else B * 1.0,
    "in a set": lambda x: A * 1.0 if x[0] in {1.0} else B * 1.0,
    "in a list of numbers": lambda x: A * 1.0 if x[0] in [1.0, 2.0] else B * 1.0,
    "key of a dict": lambda x: {0.0: A, 1.0: B}.get(x[0], A) * 1.0,
    "type": lambda x: A * 1.0 if type(x[0]) is float else B * 1.0,
    "isinstance": lambda x: A * 1.0 if isinstance(x[0], float) else B * 1.0,
    "hasattr": lambda x: A * 1.0 if hasattr(x[0], "is_integer") else B * 1.0,
    "text": lambda x: A * 1.0 if str(x[0]) == "1.0" else B * 1.0,
    "format": lambda x: A * 1.0 if f"{x[0]:.1f}" == "1.0" else B * 1.0,
    "int": lambda x: A * int(x[0]),
    "round": lambda x: A * round(x[0]),
    "floor": lambda x: A * math.floor(x[0]),
    "bool": lambda x: A * 1.0 if x[0] else B * 1.0,
    "max": lambda x: A * max(x),
    "sorted": lambda x: A * sorted(x)[0],
    "index": lambda x: A * [1.0, 2.0, 3.0][int(x[0])],
    "match": matched,
    "len of a set": lambda x: A * len(set(x)),
    "math.sin": lambda x: A * math.sin(x[0]),
    "np.sin": lambda x: A * np.sin(x[0]),
    "np.sign": lambda x: A * np.sign(x[0]),
    "np.max": lambda x: A * np.max(np.array(x)),
    "np.where": lambda x: A * float(np.where(x[0] > 0, 1.0, 2.0)),
    "np.isclose": lambda x: A * 1.0 if np.isclose(x[0], 1.0) else B * 1.0,
    "is_integer": lambda x: A * 1.0 if x[0].is_integer() else B * 1.0,
    # deciding on what was computed
    ".data": halves,
    "comparison": lambda x: INNER(x) if INNER(x) > 0 else 2.0 * INNER(x),
    "float()": lambda x: INNER(x) if float(INNER(x)) > 0 else 2.0 * INNER(x),
    "largest .data": stable_softmax,
    "relu by hand": lambda x: [v if v > 0 else 0.0 for v in WIDE(x)],
    "ragged": lambda x: [INNER(x)] * (2 if x[0] > 0 else 1),
    "argmax": lambda x: max(range(3), key=lambda i: WIDE(x)[i].data),
    # not finite
    "inf": lambda x: A * x[0] * 1e308 * 1e308,
    "nan": lambda x: A * math.nan * x[0],
    "inf for some": lambda x: (A * x[0] * 1e200) * (1e200 * x[1]),
    "hidden by tanh": lambda x: tanh(A * x[0] * 1e308 * 1e308),
    "hidden by relu": lambda x: relu(A * x[0] * -1e308 * 1e308),
    "exp": lambda x: exp(A * 100.0 * x[0]),
    "hidden exp": lambda x: 1.0 / (1.0 + exp(A * 100.0 * x[0])),
    # raising
    "log": lambda x: log(A * x[0]),
    "sqrt": lambda x: sqrt(A * x[0]),
    "division": lambda x: A / x[0],
    "power": lambda x: (A * x[0]) ** 0.5,
    "ValueError": raising(ValueError, lambda x: x[0] < 0),
    "KeyError": raising(KeyError, lambda x: x[0] < 0),
    "own exception": raising(Broken, lambda x: x[0] < 0),
    "own exception, always": raising(Broken, lambda x: True),
    "StopIteration": raising(StopIteration, lambda x: x[0] < 0),
    "too many inputs": lambda x: INNER([*x, 1.0]),
    "IndexError": lambda x: A * x[5],
    "AttributeError": lambda x: x[0].nothing,
    "no Value": lambda x: x[0].data,
    # returning something else
    "None": lambda x: None,
    "text result": lambda x: "1.0",
    "dict result": lambda x: {"a": A},
    "set result": lambda x: {A},
    "generator": lambda x: (v for v in WIDE(x)),
    "complex": lambda x: 1j,
    "sigmoid": lambda x: sigmoid(INNER(x)),
}


def outcome(net, X):
    """The outputs of predict; or the exception."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy's, of numbers that are not finite
        try:
            return predict(net, X)
        except Exception as error:
            return re.sub("0x[0-9a-f]+", "…", f"{type(error).__name__}: {error}")


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("X", [SIGNS, ONE_ODD, LATE], ids=["signs", "one odd", "late"])
def test_the_number_of_rows_makes_no_difference(name, X):
    net = NETS[name]
    few, many = outcome(net, X[:199]), outcome(net, X[:200])
    if isinstance(few, str) or isinstance(many, str):
        assert few == many
        return
    assert many.shape[1:] == few.shape[1:]
    assert many.dtype == few.dtype
    np.testing.assert_allclose(many[:199], few, rtol=1e-12)
    each = np.concatenate([outcome(net, X[i : i + 1]) for i in range(199)])
    np.testing.assert_allclose(few, each, rtol=1e-12)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.ma.masked_array(SIGNS, SIGNS > 0.0), "masked"),
        (SIGNS + 1j, "complex"),
        (np.full(SIGNS.shape, "a"), "could not convert"),
        (np.where(SIGNS > 1.0, np.nan, SIGNS), "finite"),
    ],
)
def test_what_is_not_data_is_refused(X, message):
    for rows in (3, 199, 200):
        assert message in outcome(INNER, X[:rows])
