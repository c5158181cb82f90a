"""fit computes the same with the compiled trainer as with the eager one."""

import warnings

import numpy as np
import pytest

from autograd_lite import Value, data, fit, losses, nn, optim, predict
from autograd_lite.training.compiled import CompiledTrainer

X, Y = data.moons(40, 0.1, 0)


def trained(engine, make_optimizer=lambda p: optim.SGD(p, lr=0.1), make_net=None, y=Y, **options):
    net = (make_net or (lambda: nn.MLP(2, [5, 4, 1], "tanh", seed=1)))()
    options = {"loss": losses.binary_cross_entropy, "epochs": 4, "batch_size": 16, "seed": 0, **options}
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # no falling back
        history = fit(net, X, y, optimizer=make_optimizer(net.parameters()), progress=False, engine=engine, **options)
    return history, [p.data for p in net.parameters()]


def assert_trains_the_same(**options):
    compiled, eager = trained("auto", **options), trained("eager", **options)
    np.testing.assert_allclose(compiled[0].loss, eager[0].loss, rtol=1e-9)
    np.testing.assert_allclose(compiled[0].validation_loss, eager[0].validation_loss, rtol=1e-9)
    np.testing.assert_allclose(compiled[1], eager[1], rtol=1e-8, atol=1e-10)
    assert compiled[0].metrics == eager[0].metrics


@pytest.mark.parametrize(
    "make",
    [
        lambda p: optim.SGD(p, lr=0.1),
        lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
        lambda p: optim.Adam(p, lr=0.05),
        lambda p: optim.RMSprop(p, lr=0.01, clip_norm=0.1),
        lambda p: optim.SGD(reversed(p), lr=optim.step_decay(0.1, 2)),
        lambda p: optim.Adam(p[3:], lr=0.05),
        lambda p: optim.SGD([*p, Value(1.0)], lr=0.1, weight_decay=0.1),
    ],
    ids=["SGD", "momentum", "Adam", "clipped", "scheduled, reversed", "a part of the net", "one parameter more"],
)
def test_every_optimiser_steps_the_same(make):
    assert_trains_the_same(make_optimizer=make)


@pytest.mark.parametrize("batch_size", [None, 7, 40, 1])
def test_any_batch_size(batch_size):
    assert_trains_the_same(batch_size=batch_size, epochs=2)


@pytest.mark.parametrize("loss", [losses.mse, losses.half_mse, losses.mae, losses.huber, losses.binary_cross_entropy])
def test_every_loss(loss):
    assert_trains_the_same(loss=loss, validation=data.moons(20, 0.1, 1), metrics=["accuracy"])


def test_hinge_loss():
    assert_trains_the_same(loss=losses.hinge, y=2 * Y - 1)


def test_classes_as_numbers():
    make = lambda: nn.MLP(2, [6, 3], "relu", seed=1)
    assert_trains_the_same(make_net=make, loss=losses.cross_entropy, y=np.arange(40) % 3)


def test_shared_biases_and_layer_norm():
    def make():
        hidden = nn.Layer(2, 5, "sigmoid", shared_bias=True, seed=0)
        return nn.Sequential(hidden, nn.LayerNorm(5), nn.Layer(5, 1, None, seed=1))

    assert_trains_the_same(make_net=make)


def test_the_optimiser_goes_on_eagerly_where_fit_left_it():
    net = nn.MLP(2, [4, 1], "tanh", seed=1)
    optimizer = optim.Adam(net.parameters(), lr=0.05)
    again = nn.MLP(2, [4, 1], "tanh", seed=1)
    other = optim.Adam(again.parameters(), lr=0.05)
    for engines, n, o in ((("auto", "eager"), net, optimizer), (("eager", "eager"), again, other)):
        for engine in engines:
            fit(n, X, Y, loss=losses.mse, optimizer=o, epochs=2, seed=0, progress=False, engine=engine)
    np.testing.assert_allclose([p.data for p in net.parameters()], [p.data for p in again.parameters()], rtol=1e-9)
    assert optimizer.params == net.parameters()


def test_a_net_that_decides_trains_eagerly_with_one_warning():
    inner = nn.MLP(2, [3, 1], seed=0)
    net = lambda x: inner(x) if inner(x) > 0 else inner(x) * 2.0
    with pytest.warns(UserWarning, match="comparison") as seen:
        history = fit(
            net, X, Y, loss=losses.mse, optimizer=optim.SGD(inner.parameters(), lr=0.01), epochs=2, progress=False
        )
    assert len(history) == 2
    assert len(seen) == 1


def test_dropout_draws_a_mask_for_each_batch():
    net = nn.Sequential(nn.Layer(2, 50, None, seed=0), nn.Dropout(0.4, seed=1), nn.Layer(50, 1, None, seed=2))
    trainer = CompiledTrainer(net, losses.mse, optim.SGD(net.parameters(), lr=0.0), X, Y)
    first, second = (trainer._loaded(range(40)).values[trainer._samples.mask_rows].copy() for _ in range(2))
    assert set(np.unique(first)) == {0.0, 1.0 / 0.6}
    assert abs(first.mean() - 1.0) < 0.1
    assert (first != second).any()
    assert trainer.loss_and_gradient(range(40)) != trainer.loss_and_gradient(range(40))
    trainer.write_back()


def test_dropout_in_fit():
    make = lambda: nn.Sequential(nn.Layer(2, 8, "tanh", seed=0), nn.Dropout(0.2, seed=1), nn.Layer(8, 1, None, seed=2))
    history, _ = trained("auto", make_net=make, epochs=30, validation=(X, Y))
    assert history.validation_loss[-1] < history.validation_loss[0]


def test_an_interrupt_leaves_the_parameters_written():
    net = nn.MLP(2, [4, 1], "tanh", seed=1)
    before = [p.data for p in net.parameters()]

    def interrupt(history):
        if len(history) == 3:
            raise KeyboardInterrupt

    history = fit(
        net, X, Y, loss=losses.mse, optimizer=optim.SGD(net.parameters(), lr=0.1), callbacks=[interrupt], progress=False
    )
    assert history.stopped == "interrupted"
    assert [p.data for p in net.parameters()] != before
    assert np.geterr()["over"] == "warn"


def test_many_predictions_are_those_of_the_net():
    net = nn.MLP(2, [5, 3], "gelu", seed=1)
    many = np.random.default_rng(0).normal(size=(300, 2))
    few = [[z.data for z in net(x)] for x in many[:5].tolist()]
    np.testing.assert_allclose(predict(net, many)[:5], few, rtol=1e-12)


def test_predictions_of_a_net_that_decides():
    inner = nn.MLP(2, [3, 1], seed=0)
    net = lambda x: inner(x) if inner(x) > 0 else -inner(x)
    assert (predict(net, np.random.default_rng(0).normal(size=(300, 2))) >= 0).all()
