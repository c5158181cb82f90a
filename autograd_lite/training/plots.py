"""Pictures of training, with matplotlib: each function draws on the `Axes` it is given, or on a new one, and returns it."""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from autograd_lite._support.files import replacing, target_of
from autograd_lite.derivatives.passes import tangents
from autograd_lite.functions import mean
from autograd_lite.nn.data import as_samples, as_targets
from autograd_lite.nn.layers import Activation, Layer, Neuron
from autograd_lite.nn.module import Module
from autograd_lite.nn.predict import predict
from autograd_lite.training.fit import History
from autograd_lite.value import Value

__all__ = [
    "BLUE",
    "ORANGE",
    "BoundaryAnimation",
    "decision_boundary",
    "gradient_flow",
    "loss_curve",
    "network",
    "regression_fit",
    "tangent",
]


if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Blue for what goes forward and for the first class, orange for gradients and for the second; both tell apart for all eyes.
BLUE, ORANGE, GREY = "#1f6fb4", "#d9640f", "#6b7280"
CLASSES = (BLUE, ORANGE, "#2a8c6f", "#8a4fae", "#b8952e", "#444b55")


def loss_curve(history: History | Mapping[str, History], ax: Axes | None = None, *, log: bool = True) -> Axes:
    """The loss over the epochs, and the validation loss if there is one.

    Parameters
    ----------
    history : History or mapping of str to History
        From `fit`; of several by name, to compare them.
    ax : matplotlib.axes.Axes, optional
    log : bool
        Whether the loss has a logarithmic axis.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> ax = loss_curve(History(loss=[1.0, 0.5, 0.25]))
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('epoch', 'loss')
    """
    several = isinstance(history, Mapping)
    if not several and not isinstance(history, History):
        raise TypeError(f"loss_curve takes a History or several by name, got {type(history).__name__}")
    ax = _axes(ax)
    named: Mapping[str, History] = history if isinstance(history, Mapping) else {"": history}
    for i, (name, h) in enumerate(named.items()):
        colour = CLASSES[i % len(CLASSES)]
        epochs = range(1, len(h) + 1)
        ax.plot(epochs, h.loss, color=colour, label=name or "training")
        if h.validation_loss:
            colour = colour if several else ORANGE
            ax.plot(epochs, h.validation_loss, "--", color=colour, label=f"{name} validation".strip())
            ax.plot([h.best_epoch], [min(h.validation_loss)], "o", color=colour, markersize=5)
    if log:
        _log_scale(ax)
    ax.set(xlabel="epoch", ylabel="loss")
    if ax.lines and (several or ax.lines[1:]):
        ax.legend(frameon=False)
    return _quiet(ax)


def decision_boundary(net: Any, X: Any, y: Any, ax: Axes | None = None, *, resolution: int = 60) -> Axes:
    """The samples of two features, over the class that the net gives to each point of the plane.

    With one output the shade shows how sure the net is: the output is taken as a probability where the last layer is a
    sigmoid, else as a logit, 0 being undecided. With several, the largest one wins. The line is where the class changes.

    Parameters
    ----------
    net : Module or callable
    X : array of shape (n, 2)
    y : array of shape (n,) or (n, classes)
        The classes: 0, 1, …, or -1 and +1; or one-hot rows.
    ax : matplotlib.axes.Axes, optional
    resolution : int
        How many points a side are computed; at least 2.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If X does not have two features, X and y differ in the number of samples, or there is no grid to compute.
    """
    samples, targets = as_samples(X), as_targets(y)
    if samples.shape[1] != 2:
        raise ValueError(f"a decision boundary is drawn over two features, and X has {samples.shape[1]}")
    if len(samples) != len(targets):
        raise ValueError(f"X and y take the same number of samples, got {len(samples)} and {len(targets)}")
    if resolution < 2:
        raise ValueError(f"resolution is how many points a side are computed, at least 2, got {resolution!r}")
    if targets.ndim == 2:
        targets = targets.argmax(axis=1) if targets.shape[1] > 1 else targets[:, 0]
    ax = _axes(ax)
    _fill_boundary(ax, net, *_grid(samples, resolution))
    size = 22 if len(samples) > 20 else 80
    for c, value in enumerate(sorted(set(targets.tolist()))):
        members = samples[targets == value]
        colour = CLASSES[c % len(CLASSES)]
        style: dict[str, Any] = {"edgecolor": "white", "linewidth": 0.6, "zorder": 3}
        ax.scatter(members[:, 0], members[:, 1], s=size, color=colour, label=f"{value:g}", **style)
    ax.set(xlabel="$x_1$", ylabel="$x_2$")
    ax.set_aspect("equal")
    ax.legend(title="class", frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.02), borderaxespad=0.2)
    return ax


def _grid(samples: Any, resolution: int) -> tuple[Any, Any]:
    import numpy as np

    low, high = samples.min(axis=0), samples.max(axis=0)
    margin = 0.12 * (high - low).max() or 1.0
    return tuple(np.meshgrid(*[np.linspace(a - margin, b + margin, resolution) for a, b in zip(low, high)]))  # type: ignore[return-value]


def _fill_boundary(ax: Axes, net: Any, x1: Any, x2: Any) -> None:
    import numpy as np
    from matplotlib.colors import LinearSegmentedColormap

    outputs = predict(net, np.stack([x1.ravel(), x2.ravel()], axis=1))
    if outputs.ndim == 1:
        is_probability = _output_activation(net) == "sigmoid"
        # 2 P - 1, from -1 to 1; 2 sigmoid(logit) - 1 is a tanh.
        shade = (2.0 * outputs - 1.0 if is_probability else np.tanh(0.5 * outputs)).reshape(x1.shape)
        colours = LinearSegmentedColormap.from_list("classes", [BLUE, "white", ORANGE])
        extent = (x1.min(), x1.max(), x2.min(), x2.max())
        picture: dict[str, Any] = {"extent": extent, "origin": "lower", "interpolation": "bilinear"}
        ax.imshow(shade, cmap=colours, vmin=-1.0, vmax=1.0, alpha=0.5, **picture)
        if shade.min() < 0.0 < shade.max():
            ax.contour(x1, x2, shade, levels=[0.0], colors="#222222", linewidths=1.4)
        return
    for c in range(outputs.shape[1]):
        lead = (outputs[:, c] - np.delete(outputs, c, axis=1).max(axis=1)).reshape(x1.shape)
        if lead.max() > 0.0:
            ax.contourf(x1, x2, lead, levels=[0.0, lead.max()], colors=[CLASSES[c % len(CLASSES)]], alpha=0.35)
        if lead.min() < 0.0 < lead.max():
            ax.contour(x1, x2, lead, levels=[0.0], colors="#222222", linewidths=0.9)


class BoundaryAnimation:
    """Records the decision boundary over the epochs, and saves it as an animated GIF.

    It is a callback for `fit`.

    Parameters
    ----------
    net, X, y, resolution
        As for `decision_boundary`.
    every : int
        Of so many epochs, take one picture.

    Examples
    --------
    >>> from autograd_lite import data, fit, losses, nn, optim
    >>> X, y = data.moons(20, seed=0)
    >>> net = nn.MLP(2, [1], seed=0)
    >>> animation = BoundaryAnimation(net, X, y, every=5, resolution=10)
    >>> history = fit(net, X, y, loss=losses.binary_cross_entropy, optimizer=optim.SGD(net.parameters(), lr=0.5),
    ...     epochs=10, callbacks=[animation], progress=False)
    >>> len(animation.frames)
    3
    """

    def __init__(self, net: Module, X: Any, y: Any, *, every: int = 1, resolution: int = 50) -> None:
        self.net, self.X, self.y, self.every, self.resolution = net, X, y, every, resolution
        # The epoch, the loss, and the parameters there.
        self.frames: list[tuple[int, float | None, dict[str, float]]] = [(0, None, net.state_dict())]

    def __call__(self, history: History) -> None:
        """Take a picture, if it is time."""
        if len(history) % self.every == 0:
            self.frames.append((len(history), history.loss[-1], self.net.state_dict()))

    def save(self, path: str | os.PathLike[str], *, seconds: float = 5.0) -> None:
        """Write the GIF; it lasts this long, and rests at its end. The file appears whole, or not at all.

        Raises
        ------
        ValueError
            If the ending is another one.
        FileNotFoundError
            If the directory is not there.
        ImportError
            If matplotlib or Pillow is missing.
        """
        target = target_of(path, (".gif",))
        x1, x2 = _grid(as_samples(self.X), 2)
        figure = _new_figure(5.0, min(max(3.9 * float((x2.max() - x2.min()) / (x1.max() - x1.min())) + 0.9, 2.5), 7.0))
        try:
            import matplotlib.pyplot as plt
            from matplotlib.animation import FuncAnimation, PillowWriter
        except ImportError as error:
            raise ImportError('an animation needs Pillow: pip install "autograd-lite[viz]"') from error
        ax = figure.add_subplot()
        now = self.net.state_dict()

        def draw(frame: tuple[int, float | None, dict[str, float]]) -> list[Any]:
            epoch, loss, state = frame
            ax.clear()
            self.net.load_state_dict(state)
            decision_boundary(self.net, self.X, self.y, ax, resolution=self.resolution)
            ax.set_title(f"epoch {epoch}" + ("" if loss is None else f", loss {loss:.3g}"), loc="left", fontsize=11)
            return []

        frames_a_second = max(1.0, len(self.frames) / seconds)
        rest = [self.frames[-1]] * math.ceil(frames_a_second)
        try:
            with replacing(target) as draft:
                animation = FuncAnimation(figure, draw, frames=[*self.frames, *rest], init_func=list)
                animation.save(os.fspath(draft), writer=PillowWriter(fps=round(frames_a_second)))
        finally:
            self.net.load_state_dict(now)
            plt.close(figure)


def regression_fit(net: Any, X: Any, y: Any, ax: Axes | None = None, *, label: str = "net") -> Axes:
    """The samples of one feature, and the curve that the net draws through them.

    Parameters
    ----------
    net : Module or callable
    X : array of shape (n, 1) or (n,)
    y : array of shape (n,)
    ax : matplotlib.axes.Axes, optional
    label : str
        What the legend calls the curve.

    Returns
    -------
    matplotlib.axes.Axes
    """
    import numpy as np

    ax = _axes(ax)
    samples, targets = as_samples(X), as_targets(y)
    if samples.shape[1] != 1:
        raise ValueError(f"a regression is drawn over one feature, and X has {samples.shape[1]}")
    low, high = float(samples.min()), float(samples.max())
    margin = 0.05 * (high - low)
    x = np.linspace(low - margin, high + margin, 300)
    ax.scatter(samples[:, 0], targets, s=18, color=GREY, alpha=0.7, linewidth=0, label="data")
    ax.plot(x, predict(net, x), color=ORANGE, linewidth=2, label=label)
    ax.set(xlabel="x", ylabel="y")
    ax.legend(frameon=False)
    return _quiet(ax)


def network(net: Module, ax: Axes | None = None, *, max_neurons: int = 16) -> Axes:
    """The layers of a net as columns of neurons; weights as lines: blue positive, orange negative, wide where large.

    Parameters
    ----------
    net : Module
        With `Layer` s in it; other modules are left out.
    ax : matplotlib.axes.Axes, optional
    max_neurons : int
        Of a larger layer only the first so many are shown, with the number of all.

    Returns
    -------
    matplotlib.axes.Axes
    """
    from matplotlib.collections import LineCollection
    from matplotlib.lines import Line2D

    ax = _axes(ax)
    layers = _layers(net)
    sizes = [layers[0].n_inputs, *[len(layer.neurons) for layer in layers]]
    columns = [[(float(i), y) for y in _heights(size, max_neurons)] for i, size in enumerate(sizes)]
    weights = [[w.data for neuron in layer.neurons for w in neuron.w] for layer in layers]
    largest = max(abs(w) for column in weights for w in column) or 1.0
    for layer, left, right in zip(layers, columns, columns[1:]):
        lines, widths, colours = [], [], []
        for neuron, end in zip(layer.neurons, right):
            for w, start in zip(neuron.w, left):
                strength = abs(w.data) / largest
                lines.append([start, end])
                widths.append(0.3 + 3.2 * strength)
                colours.append(((0.12, 0.44, 0.71) if w.data >= 0.0 else (0.85, 0.39, 0.06)) + (0.15 + 0.8 * strength,))
        ax.add_collection(LineCollection(lines, linewidths=widths, colors=colours, zorder=1))
    for column, size, name in zip(columns, sizes, _column_names(layers)):
        size_of_dots = 170 if len(column) <= 10 else 90
        across, up = zip(*column)
        ax.scatter(across, up, s=size_of_dots, color="white", edgecolor="#222222", linewidth=1.2, zorder=2)
        count = f"{size}" if size <= max_neurons else f"{size}, {max_neurons} shown"
        ax.text(column[0][0], -1.12, f"{name}\n{count}", ha="center", va="top", fontsize=9, color="#222222")
    signs = {"positive": BLUE, "negative": ORANGE}
    ends = [Line2D([], [], color=colour, lw=3, label=f"{sign} weight") for sign, colour in signs.items()]
    ax.legend(handles=ends, frameon=False, fontsize=9, ncols=2, loc="upper center", bbox_to_anchor=(0.5, 1.1))
    ax.set(xlim=(-0.4, len(sizes) - 0.6), ylim=(-1.5, 1.1))
    ax.axis("off")
    return ax


def gradient_flow(
    nets: Module | Mapping[str, Module],
    X: Any,
    y: Any,
    loss: Callable[[Any, Any], Any],
    ax: Axes | None = None,
) -> Axes:
    """How large the gradient of the loss is in each layer: the root mean square over the layer's weights.

    In a deep sigmoid net it vanishes towards the first layers; beside a ReLU net one sees it.

    Parameters
    ----------
    nets : Module, or mapping of str to Module
        Several by name, to compare them. Their gradients are left as they were.
    X, y : arrays
        The samples whose mean loss is differentiated.
    loss : callable
        As for `fit`.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    from matplotlib.ticker import MaxNLocator

    ax = _axes(ax)
    named = {"": nets} if isinstance(nets, Module) else nets
    for (name, net), colour in zip(named.items(), CLASSES * len(named)):
        sizes = _gradient_sizes(net, as_samples(X).tolist(), as_targets(y).tolist(), loss)
        ax.plot(range(1, len(sizes) + 1), sizes, "o-", color=colour, label=name, markersize=5)
    _log_scale(ax)
    ax.set(xlabel="layer, from the input", ylabel="root mean square of ∂loss/∂w")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(named) > 1:
        ax.legend(frameon=False)
    return _quiet(ax)


def _gradient_sizes(net: Module, X: list[Any], y: list[Any], loss: Callable[[Any, Any], Any]) -> list[float]:
    net = copy.deepcopy(net)  # so that no gradient of the net itself changes
    net.zero_grad()
    mean([loss(net(x), t) for x, t in zip(X, y, strict=True)]).backward()
    squares = [[w.grad**2 for neuron in layer.neurons for w in neuron.w] for layer in _layers(net)]
    return [math.sqrt(sum(column) / len(column)) for column in squares]


def tangent(
    function: Callable[[Any], Any],
    at: float,
    epsilon: float | None = None,
    ax: Axes | None = None,
    *,
    width: float = 2.0,
) -> Axes:
    """A function of one number, its tangent at a point, and what a nudge of ε does to it.

    Parameters
    ----------
    function : callable
        Of a Value.
    at : float
        The point.
    epsilon : float, optional
        The size of the nudge: large enough to be seen, such as 0.5. None for no nudge.
    ax : matplotlib.axes.Axes, optional
    width : float
        How far to each side the function is drawn, where it is defined.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError
        If the function does not return a Value.
    ValueError, ZeroDivisionError, OverflowError
        As the operations do, if it is not defined at the point or where the nudge leads.

    Examples
    --------
    >>> ax = tangent(lambda w: w**2, at=3.0, epsilon=0.5)
    >>> ax.get_legend_handles_labels()[1]
    ['f', 'tangent, slope 6', 'ε = 0.5: f changes by 3.25, the tangent by 3']
    """
    import numpy as np

    x = Value(at)
    y = function(x)
    if not isinstance(y, Value):
        raise TypeError(f"tangent takes a function of a Value that returns one, this one returned {y!r}")
    slope = tangents(y, {x: 1.0})  # which leaves the gradients of what else the function uses as they are

    def number_at(x: float) -> float:
        try:
            return float(function(Value(x)))
        except (ArithmeticError, ValueError):  # the function is not defined as far as here
            return math.nan

    ax = _axes(ax)
    xs = np.linspace(at - width, at + width, 200)
    ax.plot(xs, [number_at(float(x)) for x in xs], color=BLUE, linewidth=2, label="f")
    ax.plot(xs, y.data + slope * (xs - at), color=ORANGE, linewidth=1.4, label=f"tangent, slope {slope:.5g}")
    ax.plot([at], [y.data], "o", color="#222222", zorder=3)
    if epsilon is not None:
        nudged = float(function(Value(at + epsilon)))
        rise = f"f changes by {nudged - y.data:.5g}, the tangent by {slope * epsilon:.5g}"
        end, label = at + epsilon, f"ε = {epsilon:g}: {rise}"
        ax.plot([at, end, end], [y.data, y.data, nudged], ":", color="#222222", label=label)
        ax.plot([end, end], [y.data + slope * epsilon, nudged], ".", color="#222222")
    ax.set(xlabel="w", ylabel="J")
    ax.legend(frameon=False, fontsize=9)
    return _quiet(ax)


# --- helpers ----------------------------------------------------------------------------------------------------------


def _axes(ax: Axes | None) -> Axes:
    return _new_figure(6.0, 4.0).add_subplot() if ax is None else ax


def _new_figure(width: float, height: float) -> Figure:
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError('plots need matplotlib: pip install "autograd-lite[viz]"') from error
    return plt.figure(figsize=(width, height), layout="constrained")


def _log_scale(ax: Axes) -> None:
    heights: list[Any] = [line.get_ydata() for line in ax.lines]
    if any(y > 0.0 for line in heights for y in line):  # else there is nothing to show on one
        ax.set_yscale("log")


def _quiet(ax: Axes) -> Axes:
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(alpha=0.25)
    return ax


def _layers(net: Module) -> list[Layer]:
    layers = [module for _, module in net.named_modules() if isinstance(module, Layer)]
    if not layers:
        raise ValueError(f"this picture shows the layers of a net, and {net!r} has none")
    return layers


def _output_activation(net: Any) -> Any:
    modules = [module for _, module in net.named_modules()] if isinstance(net, Module) else []
    activations = [module.activation for module in modules if isinstance(module, (Layer, Neuron, Activation))]
    return activations[-1] if activations else None


def _heights(size: int, limit: int) -> list[float]:
    shown = min(size, limit)
    step = 0.4 if shown <= 4 else 2.0 / (shown - 1)
    return [step * ((shown - 1) / 2 - i) for i in range(shown)]


def _column_names(layers: Iterable[Layer]) -> list[str]:
    return ["inputs", *[str(layer.activation or "linear") for layer in layers]]
