"""fit: what it learns, when it stops, what it leaves behind; and the worked examples."""

import math
import random
import sys

import numpy as np
import pandas
import pytest
from helpers import run_program

from autograd_lite import (
    Graph,
    Value,
    data,
    detect_anomaly,
    exp,
    fit,
    losses,
    metrics,
    minimize,
    nn,
    optim,
    plots,
    predict,
    sqrt,
    steps,
)
from autograd_lite.training.fit import DivergedError, History


def line(slope=0.0, shift=0.0):
    """A net of one neuron: slope x + shift."""
    neuron = nn.Neuron(1, None, seed=0)
    neuron.load_state_dict({"w[0]": slope, "b": shift})
    return neuron


def train(net, X, y, **options):
    settings = {"loss": losses.mse, "progress": False, "seed": 0} | options
    if "optimizer" not in settings:
        settings["optimizer"] = optim.SGD(net.parameters(), lr=settings.pop("lr", 0.1))
    return fit(net, X, y, **settings)


X_LINE = [[-1.0], [0.0], [1.0], [2.0]]
Y_LINE = [-1.0, 1.0, 3.0, 5.0]  # 2 x + 1


# --- what is computed -------------------------------------------------------------------------------------------------


def test_a_line_is_found():
    net = line()
    history = train(net, X_LINE, Y_LINE, epochs=200)
    assert [p.data for p in net.parameters()] == pytest.approx([2.0, 1.0], abs=1e-6)
    assert len(history.loss) == 200
    assert history.loss[-1] < 1e-9


def test_an_epoch_of_one_batch_is_one_step_of_gradient_descent():
    net = line()
    history = train(net, X_LINE, Y_LINE, epochs=1, batch_size=None)
    assert history.loss == [9.0]
    assert [p.data for p in net.parameters()] == pytest.approx([0.1 * 7.0, 0.1 * 4.0])


def test_every_sample_is_seen_once_an_epoch_and_the_loss_is_their_mean():
    seen = []

    def loss(prediction, target):
        seen.append(target)
        return losses.mse(prediction, target)

    net = line()
    history = train(net, X_LINE, Y_LINE, loss=loss, lr=0.0, epochs=3, batch_size=3, engine="eager")
    epochs = [seen[i : i + 4] for i in (0, 4, 8)]
    assert [sorted(epoch) for epoch in epochs] == [Y_LINE] * 3
    assert len({tuple(epoch) for epoch in epochs}) > 1
    assert history.loss == pytest.approx([9.0] * 3)


@pytest.mark.parametrize("kind", [list, np.array, pandas.DataFrame])
def test_data_may_be_lists_arrays_or_frames(kind):
    net = line()
    train(net, kind(X_LINE), kind(Y_LINE), epochs=5)
    other = line()
    train(other, X_LINE, Y_LINE, epochs=5)
    assert net.state_dict() == other.state_dict()


def test_the_same_seed_gives_the_same_result_to_the_bit():
    X, y = data.moons(30, seed=0)

    def weights(seed):
        net = nn.Sequential(nn.Layer(2, 4, seed=1), nn.Dropout(0.2, seed=2), nn.Layer(4, 1, None, seed=3))
        optimizer = optim.Adam(net.parameters(), lr=0.05)
        history = train(
            net, X, y, loss=losses.binary_cross_entropy, optimizer=optimizer, epochs=3, batch_size=7, seed=seed
        )
        return net.state_dict(), history

    assert weights(5) == weights(5)
    assert weights(5) != weights(6)


def test_any_function_of_values_can_be_trained():
    w = Value(0.0)
    train(lambda x: w * x[0], [1.0, 2.0], [3.0, 6.0], optimizer=optim.SGD([w], lr=0.1), epochs=50)
    assert w.data == pytest.approx(3.0)


def test_parameters_that_the_optimizer_does_not_hold_stay():
    net = nn.MLP(1, [2, 1], seed=0)
    first = net.layers[0].state_dict()
    train(net, X_LINE, Y_LINE, optimizer=optim.SGD(net.layers[1].parameters(), lr=0.01), epochs=2)
    assert net.layers[0].state_dict() == first


def test_several_outputs_and_classes():
    X, y = data.blobs(60, noise=0.1, seed=0)
    net = nn.MLP(2, [3], seed=0)
    history = train(net, X, y, loss=losses.cross_entropy, lr=0.5, epochs=20, metrics=["accuracy"])
    assert history.metrics["accuracy"][-1] == 1.0
    one_hot = nn.MLP(2, [3], seed=0)
    train(one_hot, X, np.eye(3)[y], loss=losses.cross_entropy, lr=0.5, epochs=20)
    assert one_hot.state_dict() == pytest.approx(net.state_dict())


def test_a_hundred_layers_train():
    net = nn.MLP(1, [4] * 99 + [1], "tanh", seed=0)
    history = train(net, X_LINE, Y_LINE, lr=0.01, epochs=5)
    assert history.loss[-1] < history.loss[0]
    assert all(p.grad != 0.0 for p in net.layers[0].parameters())


# --- validation, metrics, stopping ------------------------------------------------------------------------------------


def test_validation_and_metrics_have_one_entry_an_epoch():
    net = line()
    history = train(
        net, X_LINE, Y_LINE, epochs=4, validation=([[3.0]], [7.0]), metrics=["r2", lambda p, y: float(len(p))]
    )
    assert {len(values) for values in history.metrics.values()} == {4}
    assert list(history.metrics) == ["r2", "<lambda>", "validation_r2", "validation_<lambda>"]
    assert history.metrics["validation_<lambda>"] == [1.0] * 4
    slope, shift = (p.data for p in net.parameters())
    assert history.validation_loss[-1] == pytest.approx((3.0 * slope + shift - 7.0) ** 2)


@pytest.mark.parametrize(
    ("loss", "targets"),
    [
        (losses.mse, [0, 0, 1, 1]),
        (losses.mse, [-1, -1, 1, 1]),
        (losses.hinge, [-1, -1, 1, 1]),
        (losses.binary_cross_entropy, [0, 0, 1, 1]),
    ],
)
def test_accuracy_decides_where_the_loss_does(loss, targets):
    middle = 0.5 if loss is losses.mse and 0 in targets else 0.0
    net = line(slope=1.0, shift=middle)
    history = train(net, [-2.0, -0.1, 0.1, 2.0], targets, loss=loss, lr=0.0, epochs=1, metrics=["accuracy"])
    assert history.metrics["accuracy"] == [1.0]


def test_a_loss_of_your_own_may_use_the_methods_of_values_in_validation_too():
    net = line()
    history = train(
        net, X_LINE, Y_LINE, loss=lambda p, y: (p - y).relu(), epochs=1, lr=0.0, validation=([[1.0]], [-2.0])
    )
    assert history.validation_loss == [2.0]


def test_patience_stops_and_goes_back_to_the_best_weights():
    net = line(slope=2.0, shift=1.0)
    optimizer = optim.SGD(net.parameters(), lr=0.05)
    X, y = [[0.0], [1.0]], [5.0, 5.0]  # drives the line away from the validation data
    history = train(net, X, y, optimizer=optimizer, epochs=50, validation=([[-1.0]], [-0.9]), patience=3)
    assert history.stopped == "no improvement"
    assert len(history) == history.best_epoch + 3
    assert metrics_of(net) == pytest.approx(min(history.validation_loss))
    assert history.validation_loss[history.best_epoch - 1] == min(history.validation_loss)


def metrics_of(net):
    return (net([-1.0]).data + 0.9) ** 2


def test_tolerance_stops_when_the_loss_no_longer_falls_noticeably():
    history = train(line(), X_LINE, Y_LINE, epochs=1000, tolerance=1e-3)
    assert history.stopped == "no improvement"
    assert history.loss[-2] - history.loss[-1] < 1e-3
    assert all(a - b >= 1e-3 for a, b in zip(history.loss[:-2], history.loss[1:-1]))


def test_without_stopping_the_last_weights_stay():
    net = line()
    history = train(net, X_LINE, Y_LINE, lr=0.75, epochs=3, batch_size=None)
    assert history.loss[2] > history.loss[0]
    assert history.best_epoch == 1
    assert net.state_dict() != line().state_dict()


def test_callbacks_see_the_history_and_can_stop():
    seen = []
    history = train(line(), X_LINE, Y_LINE, epochs=10, callbacks=[lambda h: seen.append(len(h)), lambda h: len(h) == 3])
    assert seen == [1, 2, 3]
    assert (history.stopped, len(history)) == ("callback", 3)


def test_an_interrupt_keeps_the_history_and_the_best_weights():
    net = line()
    saved = []

    def callback(history):
        saved.append(net.state_dict())
        if len(history) == 4:
            raise KeyboardInterrupt

    history = train(net, X_LINE, Y_LINE, epochs=10, callbacks=[callback])
    assert (history.stopped, len(history)) == ("interrupted", 4)
    assert net.state_dict() == saved[history.best_epoch - 1]


def test_an_interrupt_within_a_step_leaves_whole_steps_only():
    class Interrupted(optim.SGD):
        def update(self, p, g, lr, *state):
            if self.steps == 2 and g == self.params[1].grad:
                raise KeyboardInterrupt
            return super().update(p, g, lr, *state)

    net, other = line(), line()
    history = train(net, X_LINE, Y_LINE, optimizer=Interrupted(net.parameters(), lr=0.1), epochs=10, engine="eager")
    train(other, X_LINE, Y_LINE, epochs=2, engine="eager")
    assert len(history) == 2
    assert net.state_dict() == other.state_dict()


# --- divergence -------------------------------------------------------------------------------------------------------


def test_a_loss_that_becomes_infinite_names_the_epoch_and_the_node():
    net = line(slope=1e200)
    with pytest.raises(DivergedError, match=r"in epoch 1: the loss became inf: mul\(1e\+200, 1e\+200\) = inf"):
        train(net, [[1.0]], [0.0])
    assert net.state_dict() == {"w[0]": 1e200, "b": 0.0}


@pytest.mark.parametrize("loss", [lambda p: p, lambda p, t, weight: p, lambda: 0.0])
def test_a_loss_of_other_arguments_is_refused(loss):
    net = nn.MLP(1, [1], seed=0)
    with pytest.raises(TypeError, match=r"loss must take two arguments, \(prediction, target\), got a function of \("):
        fit(net, [[1.0]], [1.0], loss=loss, optimizer=optim.SGD(net.parameters(), 0.1))


def test_divergence_leaves_the_last_weights_with_a_finite_loss():
    net = line()
    with pytest.raises(DivergedError, match="training diverged in epoch") as caught:
        train(net, X_LINE, Y_LINE, lr=1e30, epochs=100)
    assert all(math.isfinite(p.data) for p in net.parameters())
    assert all(math.isfinite(loss) for loss in caught.value.history.loss)
    assert math.isfinite(sum(losses.mse(net(x), y).data for x, y in zip(X_LINE, Y_LINE)))


def test_the_first_node_that_is_not_finite_is_named_by_its_labels():
    net = nn.MLP(1, [2, 1], seed=0)
    for p in net.layers[1].parameters():
        p.data = 1.7e308
    with pytest.raises(DivergedError, match=r"dot\(layers\[1\]\.neurons\[0\]\.w\[0\]=1\.7e\+308"):
        train(net, [[50.0], [-50.0]], [0.0, 0.0])


def test_arithmetic_that_raises_is_divergence_too():
    w = Value(1000.0, "w")
    with pytest.raises(DivergedError, match=r"cannot be computed: .*exp\(w=1000.0\)"):
        train(lambda x: exp(w) * x[0], [1.0], [1.0], optimizer=optim.SGD([w], lr=0.1))
    assert w.data == 1000.0


def test_a_parameter_that_is_not_finite_is_named():
    w = Value(math.inf, "w")
    with pytest.raises(DivergedError, match=r"mul\(w=inf, 1.0\) = inf .*not finite already: w"):
        train(lambda x: w * x[0], [1.0, 2.0], [3.0, 6.0], optimizer=optim.SGD([w], lr=0.1))


def test_an_infinite_gradient_is_named_by_its_parameter():
    w = Value(0.0, "w")
    with pytest.raises(
        DivergedError, match=r"w became infinite or undefined by a step: backward through sqrt\(w=0.0\)"
    ):
        train(lambda x: sqrt(w) * x[0], [1.0], [1.0], optimizer=optim.SGD([w], lr=0.1))
    assert w.data == 0.0


def test_a_step_that_is_too_long_is_named_by_its_parameter_alone():
    w = Value(1.0, "w")
    with pytest.raises(DivergedError, match=r"w became infinite or undefined by a step; a smaller"):
        train(lambda x: w * x[0], [1e100], [0.0], optimizer=optim.SGD([w], lr=1e300), loss=losses.mae)


@pytest.mark.parametrize("engine", ["auto", "eager"])
def test_inside_detect_anomaly_training_stops_at_the_operation(engine):
    w = Value(0.0, "w")
    with detect_anomaly(), pytest.raises(DivergedError, match=r"backward through sqrt\(w=0.0\).*`lambda x: sqrt\(w\)"):
        train(
            lambda x: sqrt(w) * x[0],
            [1.0],
            [1.0],
            optimizer=optim.SGD([w], lr=0.1),
            engine=engine,
        )
    assert w.grad == 0.0


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"y": [1.0]}, ValueError, "got 4 and 1"),
        ({"X": [[1.0], ["a"], [2.0], [3.0]]}, ValueError, "X takes one number"),
        ({"epochs": 0}, ValueError, "epochs must be a positive integer"),
        ({"batch_size": 0}, ValueError, "batch_size must be a positive integer"),
        ({"tolerance": -1.0}, ValueError, "tolerance must not be negative"),
        ({"engine": "steam"}, ValueError, "got 'steam'"),
        ({"metrics": ["precision"]}, ValueError, "no metric is called 'precision'; there are accuracy, r2"),
        ({"optimizer": "adam"}, TypeError, "fit takes an optimizer"),
        ({"optimizer": optim.SGD([Value(1.0)], lr=0.1)}, ValueError, "no parameter of this net"),
        ({"X": [[1.0, 2.0]] * 4}, ValueError, "takes 1 inputs, got 2"),
    ],
)
def test_wrong_arguments_are_refused(options, error, message):
    arguments = {"X": X_LINE, "y": Y_LINE} | options
    with pytest.raises(error, match=message):
        train(line(), **arguments)


def test_the_history_has_a_short_repr():
    history = History([0.5, 0.25], [0.75, 0.625], {"accuracy": [0.5, 1.0]}, 2)
    assert (
        repr(history)
        == "History(2 epochs, loss=0.25, validation_loss=0.625, accuracy=1, best_epoch=2, stopped='epochs')"
    )


def test_the_progress_bar_shows_the_loss(capsys):
    history = train(line(), X_LINE, Y_LINE, epochs=3, progress=True)
    assert f"loss={history.loss[-1]:.4g}" in capsys.readouterr().err


# --- predict, metrics -------------------------------------------------------------------------------------------------


def test_the_progress_bar_shows_the_validation_loss_too(capsys):
    train(line(), X_LINE, Y_LINE, epochs=2, progress=True, validation=([[3.0]], [7.0]))
    assert "validation=" in capsys.readouterr().err


def test_predict_is_the_net_in_use_and_leaves_its_mode():
    net = nn.Sequential(nn.Layer(1, 4, seed=0), nn.Dropout(0.5, seed=0))
    net.layers[0].eval()
    first, second = predict(net, [1.0, 2.0]), predict(net, [1.0, 2.0])
    assert np.array_equal(first, second)
    assert first.shape == (2, 4)
    assert (net.layers[1].training, net.layers[0].training) == (True, False)


def test_accuracy_of_several_classes():
    scores = [[0.1, 0.9, 0.0], [0.8, 0.1, 0.1], [0.2, 0.3, 0.5]]
    assert metrics.accuracy(scores, [1, 0, 1]) == pytest.approx(2 / 3)
    assert metrics.accuracy(scores, np.eye(3)[[1, 0, 1]]) == pytest.approx(2 / 3)


def test_r2_has_the_numbers_of_scikit_learn():
    assert metrics.r2([2.5, 0.0, 2.0, 8.0], [3.0, -0.5, 2.0, 7.0]) == pytest.approx(0.9486081370449679)
    assert metrics.r2([[0, 2], [-1, 2], [8, -5]], [[0.5, 1], [-1, 1], [7, -6]]) == pytest.approx(0.9368005266622779)
    assert metrics.r2([2.0, 2.0], [2.0, 2.0]) == 1.0


# --- worked examples --------------------------------------------------------------------------------------------------


def two_two_two():
    net = nn.MLP(2, [2, 2], "sigmoid", "sigmoid", shared_bias=True, frozen_bias=True)
    weights = iter([0.15, 0.20, 0.25, 0.30, 0.40, 0.45, 0.50, 0.55])
    for p in net.parameters():
        p.data = next(weights)
    net.layers[0].b.data, net.layers[1].b.data = 0.35, 0.60
    return net


def test_worked_example_5_first_pass():
    net = two_two_two()
    hidden = net.layers[0]([0.05, 0.10])
    outputs = net.layers[1](hidden)
    error = losses.half_mse(outputs, [0.01, 0.99])
    error.backward()
    assert [round(v.data, 10) for v in hidden] == [0.5932699921, 0.5968843783]
    assert [round(v.data, 10) for v in outputs] == [0.7513650696, 0.7729284653]
    assert round(error.data, 10) == 0.2983711088
    assert [round(p.grad, 10) for p in net.parameters()] == [
        0.0004385677, 0.0008771355, 0.0004977127, 0.0009954255,
        0.0821670406, 0.0826676278, -0.0226025405, -0.0227402422,
    ]  # fmt: skip


def error_of(net, target):
    return losses.half_mse(net([0.05, 0.10]), target).data


def fit_two_two_two(target, epochs):
    net = two_two_two()
    train(net, [[0.05, 0.10]], [target], loss=losses.half_mse, lr=0.5, epochs=epochs)
    return net


def test_worked_example_5_after_one_update():
    net = fit_two_two_two([0.01, 0.99], 1)
    assert [round(p.data, 10) for p in net.parameters()] == [
        0.1497807161, 0.1995614323, 0.2497511436, 0.2995022873,
        0.3589164797, 0.4086661861, 0.5113012702, 0.5613701211,
    ]  # fmt: skip
    assert (net.layers[0].b.data, net.layers[1].b.data) == (0.35, 0.60)
    assert round(error_of(net, [0.01, 0.99]), 10) == 0.2910277737


def test_worked_example_5_after_ten_thousand_updates():
    net = fit_two_two_two([0.01, 0.99], 10_000)
    assert [round(v.data, 10) for v in net([0.05, 0.10])] == [0.0159136204, 0.9840642735]
    assert f"{error_of(net, [0.01, 0.99]):.9e}" == "3.510187783e-05"


@pytest.mark.slow
def test_worked_example_5_with_the_other_target():
    net = fit_two_two_two([0.01, 0.09], 10_000)
    assert f"{error_of(net, [0.01, 0.09]):.9e}" == "1.810244736e-05"


def test_xor_is_solved_by_a_2_5_1_sigmoid_net_one_pattern_at_a_time():
    X, y = data.xor()
    net = nn.MLP(2, [5, 1], "sigmoid", "sigmoid", seed=0)
    train(net, X, y, loss=losses.half_mse, lr=5.0, batch_size=1, epochs=800)
    assert np.abs(predict(net, X) - y).max() < 0.1


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
def test_worked_example_6_the_graph_gives_the_matrix_formulas(activation):
    rng = np.random.default_rng(0)
    sizes, m = [3, 4, 5, 2], 6
    net = nn.MLP(sizes[0], sizes[1:], activation, seed=0)
    X, Y = rng.normal(size=(m, 3)), rng.normal(size=(m, 2))
    g = {"sigmoid": lambda z: 1 / (1 + np.exp(-z)), "tanh": np.tanh, "relu": lambda z: np.maximum(z, 0.0)}[activation]
    slope = {"sigmoid": lambda z: g(z) * (1 - g(z)), "tanh": lambda z: 1 - np.tanh(z) ** 2, "relu": lambda z: z > 0}[
        activation
    ]

    # z(l) = W(l) a(l-1) + b(l); δ(L) = a(L) - y; δ(l) = W(l+1)ᵀ δ(l+1) ∘ g'(z(l)); one column a sample.
    W = [np.array([[w.data for w in neuron.w] for neuron in layer.neurons]) for layer in net.layers]
    b = [np.array([[neuron.b.data] for neuron in layer.neurons]) for layer in net.layers]
    a, z = [X.T], []
    for i in range(3):
        z.append(W[i] @ a[i] + b[i])
        a.append(g(z[i]) if i < 2 else z[i])
    delta = a[3] - Y.T
    dW, db = [None] * 3, [None] * 3
    for i in (2, 1, 0):
        dW[i], db[i] = delta @ a[i].T / m, delta.mean(axis=1)
        if i:
            delta = (W[i].T @ delta) * slope(z[i - 1])

    loss = sum(losses.half_mse(net(x), y) for x, y in zip(X, Y)) * (1.0 / m)
    loss.backward()
    assert loss.data == pytest.approx(((a[3] - Y.T) ** 2).sum() / (2 * m), rel=1e-12)
    for layer, expected_w, expected_b in zip(net.layers, dW, db):
        np.testing.assert_allclose(
            [[w.grad for w in neuron.w] for neuron in layer.neurons], expected_w, rtol=1e-12, atol=1e-15
        )
        np.testing.assert_allclose([neuron.b.grad for neuron in layer.neurons], expected_b, rtol=1e-12, atol=1e-15)


def test_an_auto_encoder_is_a_net_whose_target_is_its_input():
    X = np.eye(4)
    net = nn.MLP(4, [2, 4], "tanh", seed=0)
    history = train(net, X, X, optimizer=optim.Adam(net.parameters(), lr=0.05), epochs=150)
    assert history.loss[-1] < 0.2 * history.loss[0]


def demo_of_micrograd(X, y, steps, seed):
    """The loss and the training loop of micrograd's demo, with the names that its imports bind."""
    from autograd_lite.nn import MLP

    y = y * 2 - 1
    model = MLP(2, [16, 16, 1], seed=seed)

    def loss():
        inputs = [list(map(Value, xrow)) for xrow in X]
        scores = list(map(model, inputs))
        svm = [(1 + -yi * scorei).relu() for yi, scorei in zip(y, scores)]
        data_loss = sum(svm) * (1.0 / len(svm))
        reg_loss = 1e-4 * sum(p * p for p in model.parameters())
        accuracy = [(yi > 0) == (scorei.data > 0) for yi, scorei in zip(y, scores)]
        return data_loss + reg_loss, sum(accuracy) / len(accuracy)

    accuracies = []
    for k in range(steps):
        total_loss, accuracy = loss()
        model.zero_grad()
        total_loss.backward()
        learning_rate = 1.0 - 0.9 * k / 100
        for p in model.parameters():
            p.data -= learning_rate * p.grad
        accuracies.append(accuracy)
    return accuracies


def test_the_demo_of_micrograd_learns():
    accuracies = demo_of_micrograd(*data.moons(20, noise=0.1, seed=1), steps=10, seed=1)
    assert accuracies[-1] >= 0.8 > accuracies[0]


@pytest.mark.slow
def test_the_demo_of_micrograd_reaches_every_sample():
    from sklearn.datasets import make_moons

    X, y = make_moons(n_samples=100, noise=0.1, random_state=1337)
    assert demo_of_micrograd(X, y, steps=100, seed=0)[-1] == 1.0


def test_fit_leaves_the_global_random_states_alone():
    states = random.getstate(), np.random.get_state()[1].tolist()
    train(line(), X_LINE, Y_LINE, epochs=2, batch_size=2, seed=None)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == states


@pytest.mark.parametrize(
    ("missing", "action", "extra"),
    [
        ("tqdm.auto", lambda: train(line(), X_LINE, Y_LINE, progress=True), r"needs tqdm: .*\[train\]"),
        ("numpy", lambda: train(line(), X_LINE, Y_LINE), r"needs NumPy: .*\[train\]"),
        ("numpy", lambda: data.moons(), r"needs NumPy: .*\[train\]"),
        ("matplotlib.pyplot", lambda: plots.loss_curve(History([1.0])), r"need matplotlib: .*\[viz\]"),
        (
            "matplotlib.animation",
            lambda: plots.BoundaryAnimation(nn.Neuron(2), [[0.0, 1.0]], [1]).save("a.gif"),
            r"needs Pillow: .*\[viz\]",
        ),
        ("PIL", lambda: steps(Value(1.0)).save("a.gif"), r"needs Pillow.*\[viz\]"),
        ("scipy", lambda: minimize(lambda x: x * x, 1.0), r"needs SciPy: .*\[optimize\]"),
        ("sympy", lambda: Graph(Value(1.0)).to_sympy(), r"needs SymPy: .*\[symbolic\]"),
        ("networkx", lambda: Graph(Value(1.0)).to_networkx(), r"needs networkx: .*\[graph\]"),
    ],
)
def test_a_missing_extra_is_named(missing, action, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=extra):
        action()


def test_nets_losses_and_optimizers_need_no_numpy():
    code = (
        "import sys; sys.modules['numpy'] = None\n"
        "from autograd_lite import losses, nn, optim\n"
        "net = nn.MLP(2, [3, 1], seed=0); optimizer = optim.Adam(net.parameters())\n"
        "losses.mse(net([1.0, 2.0]), 1.0).backward(); optimizer.step()"
    )
    run_program(sys.executable, "-c", code)


def test_a_metric_takes_a_target_for_each_prediction():
    with pytest.raises(ValueError, match="one target for each prediction, got 2 and 3"):
        metrics.accuracy([1.0, 0.0], [1.0, 0.0, 1.0])


# --- habits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "mse"}, "loss must be a function, got the text 'mse': write losses.mse"),
        ({"loss": "l2"}, "write losses.mse, losses.half_mse"),
        ({"loss": None}, "loss must be a function such as losses.mse, got NoneType"),
        (
            {"loss": lambda p, y: None},
            "loss must return one Value for each sample, got NoneType: None; is there a return",
        ),
        ({"loss": lambda p, y: 1.0}, "loss must return a Value, got float: 1.0"),
        ({"loss": lambda p, y: float(p) - y}, "not from its .data or float()"),
        ({"loss": lambda p, y: [p - y]}, "got list: .*return the mean of its items"),
        ({"validation": 0.2}, r"validation must be a pair \(X, y\) of data, got float: 0.2; .*train_test_split"),
        ({"validation": (X_LINE,)}, "validation must be a pair .* got 1 items"),
        ({"validation": (X_LINE, ["a"] * 4)}, "validation: y takes one number, .*scikit.Classifier"),
        ({"epochs": "3"}, "epochs must be a positive integer, got str: '3'"),
        ({"epochs": 3.0}, "epochs must be a positive integer, got float: 3.0"),
        ({"batch_size": "3"}, "batch_size must be a positive integer"),
        ({"patience": "3"}, "patience must be a positive integer"),
        ({"tolerance": "3"}, "tolerance must be a number, got str"),
        ({"callbacks": 3}, "callbacks must be functions of the history, got int: 3"),
        ({"callbacks": ["print"]}, "callbacks must be functions of the history, got str: 'print'"),
        ({"metrics": 3}, r"metrics must be names \(accuracy, r2\) or functions, got int: 3"),
        ({"metrics": "f1"}, "no metric is called 'f1'"),
        ({"metrics": "accuracy"}, "accuracy with this loss takes two labels, got -1, 5 and 1"),
        ({"seed": "a"}, "seed must be an integer"),
        ({"optimizer": "adam"}, "fit takes an optimizer such as optim.Adam"),
    ],
)
def test_a_mistake_is_told_what_to_write(engine, options, message):
    net = line()
    before = net.state_dict()
    with pytest.raises((TypeError, ValueError), match=message):
        train(net, X_LINE, Y_LINE, engine=engine, **options)
    assert net.state_dict() == before


@pytest.mark.parametrize(
    ("net", "message"),
    [(nn.Neuron, "net is the class Neuron: give a net made from it"), ("net", "net must be a Module or a function")],
)
def test_a_net_that_is_none_is_told_what_to_write(net, message):
    with pytest.raises(TypeError, match=message):
        train(net, X_LINE, Y_LINE, optimizer=optim.SGD([Value(1.0)]))


def test_labels_that_are_text_are_told_of_the_classifier():
    with pytest.raises(ValueError, match=r"y takes one number.*scikit\.Classifier"):
        train(line(), X_LINE, ["a", "b", "a", "b"])


def test_whole_numbers_of_numpy_and_single_functions_are_taken():
    seen = []
    options = {"epochs": np.int64(3), "batch_size": np.int8(2), "patience": np.uint8(3), "seed": np.int64(3)}
    history = train(line(), X_LINE, Y_LINE, callbacks=seen.append, metrics=lambda p, y: 0.5, **options)
    assert len(seen) == len(history) == 3
    assert history.metrics == {"<lambda>": [0.5] * 3}
    plain = train(line(), X_LINE, Y_LINE, epochs=3, batch_size=2, seed=3)
    assert plain.loss == history.loss


def test_a_generator_of_numpy_is_a_seed():
    losses_of = lambda: train(line(), X_LINE, Y_LINE, epochs=3, batch_size=2, seed=np.random.default_rng(1)).loss
    assert losses_of() == losses_of()


def test_metrics_of_one_name_are_numbered():
    history = train(line(), X_LINE, Y_LINE, epochs=1, metrics=[lambda p, y: 1.0, lambda p, y: 2.0, "r2", "r2"])
    assert list(history.metrics) == ["<lambda>", "<lambda>_2", "r2", "r2_2"]
    assert [history.metrics[name] for name in ("<lambda>", "<lambda>_2")] == [[1.0], [2.0]]


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (1.0, 2.0), (-1.0, 1.0), (10.0, 20.0)])
def test_accuracy_of_a_regression_counts_the_nearer_label(engine, low, high):
    net = line(slope=high - low, shift=low)  # exact at 0 and 1
    y = [low, high, high, low]  # two of four are right
    history = train(net, [0.0, 1.0, 0.0, 1.0], y, lr=0.0, epochs=1, metrics="accuracy", engine=engine)
    assert history.metrics["accuracy"] == [0.5]


def test_accuracy_names_the_labels_that_it_cannot_read_before_the_first_step():
    net = line()
    with pytest.raises(ValueError, match="takes the labels 0 and 1, or -1 and \\+1, got 1, 2"):
        train(net, X_LINE, [1, 2, 1, 2], loss=lambda p, y: (p - y) ** 2, metrics="accuracy")
    assert [p.data for p in net.parameters()] == [0.0, 0.0]


@pytest.mark.parametrize("engine", ["auto", "eager"])
def test_an_exception_hidden_by_a_later_operation_is_that_of_eager_training(engine):
    w = Value(1.0)
    net = lambda x: 1.0 / (1.0 + exp(w * x[0]))  # exp overflows at 1000, where a program would go on with 0
    X = np.linspace(0.1, 1.0, 40)
    X[21] = 1000.0  # not among those that are compared before the first step
    with pytest.raises(DivergedError, match="the loss cannot be computed"):
        train(net, X, [0.0] * 40, optimizer=optim.SGD([w], lr=0.0), engine=engine, epochs=1)
