"""fit agrees with itself about what callbacks do: losses and weights are the same, compiled and eager."""

import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from autograd_lite import Value, Workers, fit, losses, nn, optim, predict

X = np.random.default_rng(0).normal(size=(12, 2))
Y = (X[:, 0] + X[:, 1] > 0.0).astype(float)

OPTIMIZERS = {
    "SGD": lambda params: optim.SGD(params, lr=0.5),
    "momentum": lambda params: optim.SGD(params, lr=0.2, momentum=0.9, weight_decay=0.01),
    "Adam": lambda params: optim.Adam(params, lr=0.1),
    "reversed": lambda params: optim.Adam(reversed(params), lr=0.1),
}


class Net(nn.Module):
    """A net with all that a callback can change: parameters, a mode, a number, a Value, a function."""

    def __init__(self):
        self.first = nn.Layer(2, 4, "tanh", seed=0)
        self.dropout = nn.Dropout(0.25, seed=1)
        self.last = nn.Layer(4, 1, None, seed=2)
        self.scale = 1.0
        self.gain = Value(1.0)
        self.name_parameters()

    def __call__(self, x):
        return self.last(self.dropout(self.first(x))) * self.scale * self.gain


class Training:
    """What a callback can get hold of."""

    def __init__(self, make_optimizer):
        self.net = Net()
        self.optimizer = make_optimizer(self.net.parameters())
        self.factor = 1.0
        self.start = self.net.state_dict()

    def loss(self, prediction, target):
        return self.factor * losses.binary_cross_entropy(prediction, target)


def clip(t, history):
    for p in t.net.parameters():
        p.data = max(-0.1, min(0.1, p.data))


def prune(t, history):
    for p in t.net.parameters()[:3]:
        p.data = 0.0


def prune_last(t, history):
    if len(history) == 5:
        prune(t, history)


def load(t, history):
    t.net.load_state_dict(t.start)


def evaluate(t, history):
    t.net.eval()


def alternate(t, history):
    t.net.train(len(history) % 2 == 0)


def drop_more(t, history):
    t.net.dropout.probability = 0.5


def grow(t, history):
    t.factor *= 1.5


def grow_a_little(t, history):
    t.factor *= 1.0 + 1e-6


def grow_once(t, history):
    if len(history) == 3:
        t.factor = 10.0


def scale(t, history):
    t.net.scale += 0.25


def replace_a_parameter(t, history):
    t.net.gain = Value(2.0)


def replace_by_an_equal_one(t, history):
    t.net.gain = Value(t.net.gain.data)


def replace_a_layer(t, history):
    if len(history) == 2:
        t.net.last = nn.Layer(4, 1, None, seed=5)
        t.optimizer.params = t.net.parameters()


def fewer_parameters(t, history):
    t.optimizer.params = t.optimizer.params[:4]


def remove_in_place(t, history):
    del t.optimizer.params[6:]


def turn_round(t, history):
    t.optimizer.params = t.optimizer.params[::-1]


def another_rate(t, history):
    t.optimizer.lr = 0.5 * t.optimizer.lr


def a_schedule(t, history):
    t.optimizer.lr = optim.step_decay(0.5, 2)


def decay(t, history):
    t.optimizer.weight_decay = 0.1


def nested(t, history):
    other = optim.SGD(t.net.parameters(), lr=0.1)
    fit(t.net, X, Y, loss=losses.mse, optimizer=other, epochs=1, seed=1, progress=False)


def nested_with_the_same_optimizer(t, history):
    fit(t.net, X, Y, loss=losses.mse, optimizer=t.optimizer, epochs=1, seed=1, progress=False)


def look(t, history):
    predict(t.net, X)
    losses.mse(t.net(X[0].tolist()), 1.0).backward()


def stop(t, history):
    return len(history) == 2


def stop_in_numpy(t, history):
    return np.bool_(len(history) == 2)


def almost_true(t, history):
    return 1 if len(history) == 2 else "True"


def fail(t, history):
    if len(history) == 3:
        t.net.gain.data = 7.0
        raise LookupError("no more")


def interrupt(t, history):
    if len(history) == 3:
        t.net.gain.data = 7.0
        raise KeyboardInterrupt


CALLBACKS = [
    clip,
    prune,
    prune_last,
    load,
    evaluate,
    alternate,
    drop_more,
    grow,
    grow_a_little,
    grow_once,
    scale,
    replace_a_parameter,
    replace_by_an_equal_one,
    replace_a_layer,
    fewer_parameters,
    remove_in_place,
    turn_round,
    another_rate,
    a_schedule,
    decay,
    nested,
    nested_with_the_same_optimizer,
    look,
    stop,
    stop_in_numpy,
    almost_true,
    fail,
    interrupt,
]


def outcome(callback, make_optimizer, engine, **options):
    """Losses, weights and settings at the end; or the exception, and the weights that it leaves."""
    t = Training(make_optimizer)
    error = ""
    history = None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            history = fit(
                t.net,
                X,
                Y,
                loss=t.loss,
                optimizer=t.optimizer,
                epochs=5,
                batch_size=5,
                seed=0,
                progress=False,
                engine=engine,
                callbacks=lambda history: callback(t, history),
                **options,
            )
        except Exception as caught:
            error = f"{type(caught).__name__}: {caught}"
    numbers = [*t.net.state_dict().values(), t.optimizer.lr, t.optimizer.steps]
    numbers += [x for values in t.optimizer.state_dict()["state"].values() for x in values]
    if history is not None:
        numbers += [*history.loss, *history.validation_loss, history.best_epoch]
    order = [p.label for p in t.optimizer.params]
    return numbers, (error, history and history.stopped, order)


def assert_agree(callback, make_optimizer, **options):
    compiled, said = outcome(callback, make_optimizer, "auto", **options)
    eager, wanted = outcome(callback, make_optimizer, "eager", **options)
    assert said == wanted
    np.testing.assert_allclose(compiled, eager, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("callback", CALLBACKS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_engine_honours(callback, optimizer):
    assert_agree(callback, OPTIMIZERS[optimizer])


@pytest.mark.parametrize("callback", CALLBACKS)
def test_every_engine_goes_back_to_the_same_best_weights(callback):
    assert_agree(callback, OPTIMIZERS["Adam"], validation=(X, Y), patience=2)


@pytest.mark.parametrize("callback", [clip, evaluate, grow, fewer_parameters, replace_a_layer, nested, fail, interrupt])
def test_training_through_an_executor_honours_them_too(callback):
    eager, wanted = outcome(callback, OPTIMIZERS["Adam"], "eager")
    with ThreadPoolExecutor(2) as executor:
        shared, said = outcome(callback, OPTIMIZERS["Adam"], "auto", workers=Workers(executor, shards=2))
    assert said == wanted
    np.testing.assert_allclose(shared, eager, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("engine", ["auto", "eager"])
def test_after_eval_all_losses_are_equal(engine):
    t = Training(lambda params: optim.SGD(params, lr=0.0))
    options = {"epochs": 5, "batch_size": 5, "seed": 0, "progress": False, "engine": engine}
    history = fit(t.net, X, Y, loss=t.loss, optimizer=t.optimizer, callbacks=[lambda h: t.net.eval()], **options)
    assert history.loss[0] != history.loss[1]
    assert history.loss[1:] == pytest.approx([history.loss[1]] * 4, rel=1e-12)


def test_a_loss_that_begins_to_decide_trains_on_eagerly_with_one_warning():
    def train(engine):
        t = Training(OPTIMIZERS["SGD"])
        decides = []

        def loss(p, y):
            return 3.0 * losses.mse(p, y) if decides and p.data > 0.0 else losses.mse(p, y)

        options = {"epochs": 6, "batch_size": 5, "seed": 0, "progress": False, "engine": engine}
        callback = lambda history: decides.append(1) if len(history) == 2 else None
        return fit(t.net, X, Y, loss=loss, optimizer=t.optimizer, callbacks=callback, **options).loss

    eager = train("eager")
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        compiled = train("auto")
    np.testing.assert_allclose(compiled, eager, rtol=1e-9)
    assert len(seen) <= 1
