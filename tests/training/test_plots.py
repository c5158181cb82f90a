"""Plots: what stands on the axes. How they look was looked at."""

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from autograd_lite import Value, data, fit, log, losses, nn, optim, plots
from autograd_lite.training.fit import History

mpl.use("agg")
import matplotlib.pyplot as plt

MOONS = data.moons(20, seed=0)


@pytest.fixture
def ax():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


@pytest.mark.parametrize(
    "plot",
    [
        lambda ax: plots.loss_curve(History([1.0, 0.5]), ax),
        lambda ax: plots.decision_boundary(nn.MLP(2, [1], seed=0), *MOONS, ax, resolution=5),
        lambda ax: plots.regression_fit(nn.MLP(1, [1], seed=0), *data.sine(5, seed=0), ax),
        lambda ax: plots.network(nn.MLP(2, [2, 1], seed=0), ax),
        lambda ax: plots.gradient_flow(nn.MLP(2, [2, 1], seed=0), *MOONS, losses.mse, ax),
        lambda ax: plots.tangent(lambda w: w**2, 3.0, ax=ax),
    ],
    ids=["loss_curve", "decision_boundary", "regression_fit", "network", "gradient_flow", "tangent"],
)
def test_every_plot_draws_on_the_axes_given_and_returns_it(plot, ax):
    assert plot(ax) is ax
    assert ax.has_data()
    ax.figure.canvas.draw()


def test_without_axes_a_new_figure_is_made():
    ax = plots.loss_curve(History([1.0, 0.5]))
    assert ax.figure.axes == [ax]
    plt.close(ax.figure)


def test_loss_curve_shows_training_and_validation_with_the_best_epoch(ax):
    plots.loss_curve(History([1.0, 0.5, 0.3], [1.0, 0.6, 0.7], best_epoch=2), ax)
    assert labels(ax) == ["training", "validation"]
    assert [list(line.get_ydata()) for line in ax.lines] == [
        [1.0, 0.5, 0.3],
        [1.0, 0.6, 0.7],
        [0.6],
    ]
    assert list(ax.lines[2].get_xdata()) == [2]


def test_the_loss_axis_is_logarithmic_unless_that_is_not_wanted(ax):
    assert plots.loss_curve(History([1.0, 0.1]), ax).get_yscale() == "log"
    assert plots.loss_curve(History([1.0, 0.1]), ax.figure.add_subplot(), log=False).get_yscale() == "linear"


def test_loss_curve_compares_several(ax):
    plots.loss_curve({"SGD": History([1.0]), "Adam": History([0.5], [0.6], best_epoch=1)}, ax)
    assert labels(ax) == ["SGD", "Adam", "Adam validation"]


@pytest.mark.parametrize(
    "net",
    [
        nn.MLP(2, [1], seed=0),
        nn.MLP(2, [1], output_activation="sigmoid", seed=0),
        nn.Neuron(2, None, seed=0),
        nn.Sequential(nn.Layer(2, 1, None, seed=0), "sigmoid"),
    ],
    ids=repr,
)
def test_the_boundary_lies_at_logit_zero_or_probability_one_half(net, ax):
    net.load_state_dict(dict(zip(net.state_dict(), [1.0, 0.0, -0.5])))
    plots.decision_boundary(net, *MOONS, ax, resolution=20)
    (contour,) = [c for c in ax.collections if type(c).__name__ == "QuadContourSet"]
    vertices = np.concatenate([path.vertices for path in contour.get_paths()])
    np.testing.assert_allclose(vertices[:, 0], 0.5, atol=1e-2)


def test_a_net_that_never_decides_otherwise_has_no_boundary(ax):
    never = nn.Neuron(2, None, seed=0)
    never.load_state_dict(dict(zip(never.state_dict(), [0.0, 0.0, -5.0])))
    plots.decision_boundary(never, *MOONS, ax, resolution=5)
    last = nn.Layer(2, 3, None, seed=0)
    last.load_state_dict({name: 9.0 if name.endswith("[2].b") else 0.0 for name in last.state_dict()})
    other = ax.figure.add_subplot()
    plots.decision_boundary(last, *data.blobs(30, seed=0), other, resolution=5)
    areas = [[c for c in axes.collections if type(c).__name__ == "QuadContourSet"] for axes in (ax, other)]
    assert [len(sets) for sets in areas] == [0, 1]  # one area of the class that always wins, and no line


def test_the_legend_of_the_boundary_names_the_classes(ax):
    X, y = data.blobs(30, seed=0)
    plots.decision_boundary(nn.MLP(2, [3], seed=0), X, y, ax, resolution=5)
    assert labels(ax) == ["0", "1", "2"]


def test_network_draws_one_line_a_weight_blue_or_orange_by_its_sign(ax):
    net = nn.MLP(2, [3, 1], seed=0)
    plots.network(net, ax)
    lines = ax.collections[0]
    assert len(lines.get_segments()) == 6
    first = net.layers[0].neurons[0].w
    for colour, w in zip(lines.get_colors(), first):
        assert (colour[2] > colour[0]) == (w.data > 0.0)


def test_network_shows_the_first_neurons_of_a_large_layer_and_says_so(ax):
    plots.network(nn.MLP(2, [40, 1], seed=0), ax, max_neurons=10)
    assert "40, 10 shown" in [text.get_text().split("\n")[1] for text in ax.texts]


def test_gradient_flow_shows_vanishing_gradients_and_changes_none(ax):
    nets = {a: nn.MLP(2, [6] * 8 + [1], a, seed=0) for a in ("sigmoid", "relu")}
    plots.gradient_flow(nets, *MOONS, losses.mse, ax)
    sigmoid, relu = (line.get_ydata() for line in ax.lines)
    assert sigmoid[0] < 1e-3 * sigmoid[-1]
    assert relu[0] > 1e-2 * relu[-1]
    assert all(p.grad == 0.0 for net in nets.values() for p in net.parameters())


def test_tangent_tells_the_slope_and_the_bump(ax):
    plots.tangent(lambda w: w**2, 3.0, 0.5, ax)
    assert labels(ax) == ["f", "tangent, slope 6", "ε = 0.5: f changes by 3.25, the tangent by 3"]


def test_the_animation_has_a_frame_for_each_picture_taken(tmp_path):
    X, y = MOONS
    net = nn.MLP(2, [1], seed=0)
    animation = plots.BoundaryAnimation(net, X, y, every=2, resolution=8)
    optimizer = optim.SGD(net.parameters(), lr=0.5)
    fit(
        net,
        X,
        y,
        loss=losses.binary_cross_entropy,
        optimizer=optimizer,
        epochs=4,
        callbacks=[animation],
        progress=False,
    )
    after = net.state_dict()
    animation.save(tmp_path / "boundary.gif", seconds=1.0)
    with Image.open(tmp_path / "boundary.gif") as image:
        assert image.n_frames == 3  # before training, after 2 and 4 epochs
    assert net.state_dict() == after


@pytest.mark.parametrize(
    ("plot", "message"),
    [
        (lambda: plots.decision_boundary(nn.MLP(1, [1]), *data.sine(5)), "two features, and X has 1"),
        (lambda: plots.regression_fit(nn.MLP(2, [1]), *MOONS), "one feature, and X has 2"),
        (lambda: plots.network(nn.LayerNorm(2)), "has none"),
    ],
)
def test_data_or_nets_that_cannot_be_shown_are_refused(plot, message):
    with pytest.raises(ValueError, match=message):
        plot()
    plt.close("all")


def test_losses_that_are_all_zero_have_a_plain_axis(ax):
    assert plots.loss_curve(History([0.0, 0.0]), ax).get_yscale() == "linear"


def test_loss_curve_takes_histories():
    with pytest.raises(TypeError, match="takes a History or several by name, got list"):
        plots.loss_curve([1.0, 0.5])


def test_decision_boundary_takes_one_hot_targets(ax):
    plots.decision_boundary(nn.MLP(2, [2], seed=0), MOONS[0], np.eye(2)[MOONS[1].astype(int)], ax, resolution=5)
    assert labels(ax) == ["0", "1"]


@pytest.mark.parametrize(
    ("y", "options", "message"), [(MOONS[1][:-1], {}, "20 and 19"), (MOONS[1], {"resolution": 1}, "at least 2, got 1")]
)
def test_decision_boundary_says_what_does_not_fit(y, options, message):
    with pytest.raises(ValueError, match=message):
        plots.decision_boundary(nn.MLP(2, [1], seed=0), MOONS[0], y, **options)


def test_gradient_flow_takes_a_target_for_each_sample(ax):
    with pytest.raises(ValueError, match="shorter"):
        plots.gradient_flow(nn.MLP(2, [1], seed=0), MOONS[0], MOONS[1][:3], losses.mse, ax)


def test_tangent_of_a_function_that_ends_within_the_picture(ax):
    plots.tangent(log, 1.0, ax=ax)
    curve = ax.lines[0].get_ydata()
    assert np.isnan(curve[0])
    assert curve[-1] == pytest.approx(np.log(3.0))


def test_tangent_leaves_other_gradients_alone(ax):
    a = Value(3.0)
    plots.tangent(lambda w: a * w, 1.0, ax=ax)
    assert a.grad == 0.0


def test_tangent_needs_a_function_of_values():
    with pytest.raises(TypeError, match=r"returned 3\.0"):
        plots.tangent(lambda w: 3.0, 1.0)
