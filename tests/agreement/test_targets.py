"""fit agrees with itself: every loss × coding of targets × shape × output of the net, compiled and eager."""

import itertools
import random
import re
import warnings

import numpy as np
import pandas
import pytest

from autograd_lite import Value, exp, fit, log, losses, mean, minimum, nn, no_grad, optim, softplus, sqrt

X = np.random.default_rng(0).normal(size=(12, 2))
CLASS = (X[:, 0] + X[:, 1] > 0.0).astype(float)
THREE = np.arange(12) % 3
ONE_HOT = np.eye(3)[THREE]


class Net(nn.Module):
    """A small net that returns its outputs as they are, or a single one in a list."""

    def __init__(self, outputs, in_list=False):
        self.net = nn.MLP(2, [3, outputs], "tanh", seed=0)
        self.in_list = in_list

    def __call__(self, x):
        return [self.net(x)] if self.in_list else self.net(x)


def outcome(net, y, loss, engine, **options):
    """The losses and weights of a training, or its exception; the warnings; and whether the weights moved."""
    optimizer = optim.SGD(net.parameters(), lr=0.1)
    before = [p.data for p in net.parameters()]
    common = {"epochs": 2, "batch_size": 5, "seed": 0, "progress": False}
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            history = fit(net, X, y, loss=loss, optimizer=optimizer, engine=engine, **common, **options)
            result = [*history.loss, *history.validation_loss, *[p.data for p in net.parameters()]]
        except Exception as error:
            result = f"{type(error).__name__}: {error}"
    return result, [str(w.message) for w in seen], [p.data for p in net.parameters()] != before


def assert_same(auto, eager):
    if isinstance(auto, str) or isinstance(eager, str):
        assert auto == eager
    else:
        np.testing.assert_allclose(auto, eager, rtol=1e-9, atol=1e-12)


# --- the losses of the package ----------------------------------------------------------------------------------------

ONE = {
    "0/1": CLASS,
    "-1/+1": 2 * CLASS - 1,
    "1/2": CLASS + 1,
    "0/255": 255 * CLASS,
    "soft": 0.1 + 0.8 * CLASS,
    "real": X[:, 0],
    "one bad": np.where(np.arange(12) == 11, 3.0, CLASS),
    "all 1": np.ones(12),
}
GOOD_FOR_ONE = {
    losses.binary_cross_entropy: {"0/1", "soft", "all 1"},
    losses.hinge: {"-1/+1", "all 1"},
    losses.cross_entropy: set(),
}
SHAPES = {
    "(n,)": lambda y: y,
    "(n, 1)": lambda y: y[:, None],
    "list": lambda y: y.tolist(),
    "rows": lambda y: y[:, None].tolist(),
    "frame": lambda y: pandas.DataFrame({"a": y}),
    "series": lambda y: pandas.Series(y),
}
LOSSES = [losses.mse, losses.half_mse, losses.mae, losses.huber, losses.hinge, losses.binary_cross_entropy]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("coding", ONE)
def test_one_output(loss, coding):
    is_good = coding in GOOD_FOR_ONE.get(loss, set(ONE))
    reference, _, _ = outcome(Net(1), ONE[coding], loss, "eager")
    assert isinstance(reference, str) != is_good
    for shape, in_list, engine in itertools.product(SHAPES.values(), (False, True), ("auto", "eager")):
        result, seen, moved = outcome(Net(1, in_list), shape(ONE[coding]), loss, engine)
        assert seen == []
        assert_same(result, reference)
        assert moved == is_good
        if not is_good:
            assert result.startswith(f"ValueError: {loss.__name__} takes")


@pytest.mark.parametrize("coding", ["-1/+1", "1/2", "0/255", "one bad"])
@pytest.mark.parametrize("engine", ["auto", "eager"])
def test_a_bad_target_of_the_validation_data_is_refused_before_the_first_step(coding, engine):
    for wrap in (False, True):
        loss = (lambda p, t: 2.0 * losses.binary_cross_entropy(p, t)) if wrap else losses.binary_cross_entropy
        net = Net(1)
        result, seen, moved = outcome(net, CLASS, loss, engine, validation=(X, ONE[coding]))
        assert result.startswith("ValueError: binary_cross_entropy takes targets from 0 to 1")
        assert (seen, moved) == ([], False)


CLASSES = {
    "classes": (THREE, True),
    "column": (THREE[:, None], True),
    "one-hot": (ONE_HOT, True),
    "even": (np.full((12, 3), 1 / 3), True),
    "one-hot frame": (pandas.DataFrame(ONE_HOT), True),
    "from 1": (THREE + 1, False),
    "from -1": (THREE - 1, False),
    "fractional": (THREE + 0.25, False),
    "one fraction": (np.where(np.arange(12) == 11, 0.5, THREE), False),
    "rows × 2": (2 * ONE_HOT, False),
    "negative": (np.tile([2.0, -1.0, 0.0], (12, 1)), False),
    "one negative row": (np.where(np.arange(12)[:, None] == 7, [2.0, -1.0, 0.0], ONE_HOT), False),
    "two columns": (ONE_HOT[:, :2], False),
}


@pytest.mark.parametrize("coding", CLASSES)
def test_several_logits(coding):
    y, is_good = CLASSES[coding]
    eager, _, _ = outcome(Net(3), y, losses.cross_entropy, "eager")
    auto, seen, moved = outcome(Net(3), y, losses.cross_entropy, "auto")
    assert seen == []
    assert_same(auto, eager)
    assert moved == is_good
    assert isinstance(eager, str) != is_good
    if not is_good:
        assert eager.startswith("ValueError: cross_entropy")


@pytest.mark.parametrize("loss", LOSSES)
def test_several_outputs(loss):
    for y in (ONE_HOT, 2 * ONE_HOT - 1, 255 * ONE_HOT, ONE_HOT[:, :2], THREE):
        eager, _, _ = outcome(Net(3), y, loss, "eager")
        auto, seen, _ = outcome(Net(3), y, loss, "auto")
        assert seen == []
        assert_same(auto, eager)


# --- losses that decide on target or prediction -----------------------------------------------------------------------

KINDS = np.unique(CLASS.astype(int))


def matched(p, t):
    match t:
        case 1.0:
            return softplus(-p)
    return 2 * softplus(p)


DECIDING = {
    "np.int64": lambda p, t: softplus(-p) if t == KINDS[1] else 2 * softplus(p),
    "float": lambda p, t: softplus(-p) if t == 1.0 else 2 * softplus(p),
    "set": lambda p, t: softplus(-p) if t in {1} else 2 * softplus(p),
    "list": lambda p, t: softplus(-p) if t in [1] else 2 * softplus(p),
    "dict": lambda p, t: {0: 1.0, 1: 5.0}.get(t, 1.0) * losses.binary_cross_entropy(p, t),
    "isinstance": lambda p, t: softplus(-p) if isinstance(t, float) else 2 * softplus(p),
    "type": lambda p, t: softplus(-p) if type(t) is float else 2 * softplus(p),
    "text": lambda p, t: softplus(-p) if str(t) == "1.0" else 2 * softplus(p),
    "int": lambda p, t: softplus(-p) if int(t) else 2 * softplus(p),
    "bool": lambda p, t: softplus(-p) if t else 2 * softplus(p),
    "match": matched,
    "np.isclose": lambda p, t: softplus(-p) if np.isclose(t, 1.0) else 2 * softplus(p),
    "prediction > 0": lambda p, t: (p - t) ** 2 if p > 0 else 3 * (p - t) ** 2,
    "prediction.data": lambda p, t: (p - t) ** 2 if p.data > 0 else 3 * (p - t) ** 2,
    "float(prediction)": lambda p, t: (p - t) ** 2 if float(p) > 0 else 3 * (p - t) ** 2,
    "a number for some": lambda p, t: 0.0 if t == 0 else softplus(-p),
    "detached": lambda p, t: (p - t) ** 2 * p.detach(),
}


@pytest.mark.parametrize("name", DECIDING)
@pytest.mark.parametrize("coding", ["0/1", "real"])
def test_a_loss_that_decides(name, coding):
    eager, seen, _ = outcome(Net(1), ONE[coding], DECIDING[name], "eager")
    assert seen == []
    auto, seen, _ = outcome(Net(1), ONE[coding], DECIDING[name], "auto")
    assert len(seen) <= 1
    assert_same(auto, eager)


@pytest.mark.parametrize("name", ["0/1", "-1/+1"])
def test_a_loss_that_uses_one_of_ours(name):
    loss = lambda p, t: 2.0 * losses.binary_cross_entropy(p, t)
    for engine in ("auto", "eager"):
        result, _, moved = outcome(Net(1), ONE[name], loss, engine)
        assert isinstance(result, str) == (name == "-1/+1") != moved


# --- where fit is called ----------------------------------------------------------------------------------------------


def test_inside_no_grad_it_trains_all_the_same():
    for engine in ("auto", "eager"):
        outside = outcome(Net(1), CLASS, losses.mse, engine)
        with no_grad():
            assert outcome(Net(1), CLASS, losses.mse, engine) == outside


@pytest.mark.parametrize("loss", [losses.mse, lambda p, t: softplus(-p) if t in {1} else 2 * softplus(p)])
def test_dropout_drops_the_same(loss):
    def make():
        rng = random.Random(3)
        return nn.Sequential(
            nn.Layer(2, 6, "tanh", seed=0),
            nn.Dropout(0.5, seed=rng),
            nn.Layer(6, 4, "tanh", seed=1),
            nn.Dropout(0.25, seed=rng),
            nn.Layer(4, 1, None, seed=2),
        )

    assert_same(outcome(make(), CLASS, loss, "auto")[0], outcome(make(), CLASS, loss, "eager")[0])


NOT_DATA = {
    "masked": np.ma.masked_array(X, X > 0.0),
    "complex": X + 1j,
    "text": np.full(X.shape, "a"),
    "infinite": np.where(X > 1.0, np.inf, X),
    "ragged": [[1.0], *X[1:].tolist()],
}


@pytest.mark.parametrize("kind", NOT_DATA)
def test_what_is_not_data_is_refused_the_same(kind):
    def refusal(engine, where):
        net = Net(1)
        optimizer = optim.SGD(net.parameters(), lr=0.1)
        data = (NOT_DATA[kind], CLASS) if where == "training" else (X, CLASS)
        validation = None if where == "training" else (NOT_DATA[kind], CLASS)
        with pytest.raises((ValueError, TypeError)) as caught:
            fit(net, *data, loss=losses.mse, optimizer=optimizer, engine=engine, validation=validation, progress=False)
        return str(caught.value)

    for where in ("training", "validation"):
        assert refusal("auto", where) == refusal("eager", where)


# --- trainings that cannot go on --------------------------------------------------------------------------------------


def of_one(f):
    """A net of one parameter: a function of it and of the sample."""

    def make():
        w = Value(1.0, "w")
        return (lambda x: f(w, x[0])), [w]

    return make


def mlp(activation):
    def make():
        net = nn.MLP(2, [3, 1], activation, seed=0)
        return net, net.parameters()

    return make


FAILING = {
    "exp": of_one(lambda w, x: exp(500.0 * w * x)),
    "exp, hidden": of_one(lambda w, x: 1.0 / (1.0 + exp(1000.0 * w * x))),
    "exp in minimum": of_one(lambda w, x: minimum(exp(1000.0 * w * x), 1.0)),
    "log": of_one(lambda w, x: log(w * x)),
    "log, after some steps": of_one(lambda w, x: log(w + x + 2.0)),
    "sqrt": of_one(lambda w, x: sqrt(w * x)),
    "division": of_one(lambda w, x: 1.0 / (w * x - x)),
    "power": of_one(lambda w, x: (w * x) ** 0.5),
    "square": of_one(lambda w, x: (1e200 * w * x) ** 2),
    "mean": of_one(lambda w, x: 1e-300 * mean([1e308 * w * x, 1e308 * w])),
    "tanh": mlp("tanh"),
    "relu": mlp("relu"),
}


@pytest.mark.parametrize("name", FAILING)
@pytest.mark.parametrize("lr", [0.0, 1.0, 1e5, 1e160])
def test_a_training_that_cannot_go_on_ends_the_same(name, lr):
    def end(engine):
        net, parameters = FAILING[name]()
        optimizer = optim.SGD(parameters, lr=lr)
        common = {"epochs": 4, "batch_size": 5, "seed": 0, "progress": False}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the net cannot be compiled
            try:
                result = fit(net, X, CLASS, loss=losses.mse, optimizer=optimizer, engine=engine, **common).loss
            except Exception as error:
                digits = re.compile(r"-?[\d.]+(e[+-]?\d+)?")  # the last ones may differ
                result = f"{type(error).__name__}: {digits.sub('…', str(error))}"
        return result, [p.data for p in parameters]

    (auto, weights), (eager, same_weights) = end("auto"), end("eager")
    assert_same(auto, eager)
    np.testing.assert_allclose(weights, same_weights, rtol=1e-9)
