"""Make the pictures of this gallery: `python notebooks/gallery/make_gallery.py`."""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

from autograd_lite import Value, dot, draw, mean, relu, sigmoid, steps, tanh
from autograd_lite.drawing.svg.picture import Picture

HERE = Path(__file__).parent
Net = list[list[tuple[list[Value], Value]]]


def net(*sizes: int) -> Net:
    """A network as plain lists: for each layer, for each neuron, its weights and its bias."""
    numbers = random.Random(3)
    return [
        [
            (
                [Value(numbers.gauss(0.0, 1.0), f"layers[{k}].neurons[{j}].w[{i}]") for i in range(n)],
                Value(numbers.gauss(0.0, 0.3), f"layers[{k}].neurons[{j}].b"),
            )
            for j in range(m)
        ]
        for k, (n, m) in enumerate(itertools.pairwise(sizes))
    ]


def run(layers: Net, inputs: list[float | Value], activation: Callable[[Value], Value] = relu) -> Value:
    """The single output of a network; the last layer is linear."""
    values = inputs
    for layer in layers[:-1]:
        values = [activation(dot(weights, values, bias)) for weights, bias in layer]
    ((weights, bias),) = layers[-1]
    return dot(weights, values, bias)


def example() -> Value:
    w, x, b, y = Value(2.0, "w"), Value(-2.0, "x"), Value(8.0, "b"), Value(2.0, "y")
    c = w * x
    a = c + b
    d = a - y
    J = 0.5 * d**2
    for node, label in ((c, "c"), (a, "a"), (d, "d"), (J, "J")):
        node.label = label
    return J


def one_neuron() -> Value:
    weights, inputs = [Value(0.5, "w1"), Value(-1.5, "w2")], [Value(1.0, "x1"), Value(2.0, "x2")]
    a = tanh(dot(weights, inputs, Value(2.2, "b")))
    a.label = "a"
    return a


def error_of_small_net() -> Value:
    loss = 0.5 * (run(net(2, 3, 1), [0.5, -1.5]) - 1.0) ** 2
    loss.label = "loss"
    return loss


def error_over_100_samples() -> Value:
    numbers, layers = random.Random(1), net(2, 16, 16, 1)
    losses = []
    for _ in range(100):
        x, y = numbers.gauss(0.0, 1.0), numbers.gauss(0.0, 1.0)
        losses.append((run(layers, [x, y]) - Value(x * y, "target")) ** 2)
    loss = mean(losses)
    loss.label = "loss"
    return loss


def deep_sigmoid_net() -> Value:
    return run(net(4, 4, 4, 4, 4, 4, 1), [0.1, 0.2, 0.3, 0.4], sigmoid)


def pictures() -> Iterator[tuple[str, str, Picture]]:
    """File name, caption, picture."""
    J, a = example(), one_neuron()
    yield "1_before_backward", "Before `J.backward()`: each gradient is a dash.", draw(J)
    J.backward()
    yield (
        "2_after_backward",
        "After `J.backward()`, with `partials=True`: the local derivative on each edge.",
        draw(J, partials=True),
    )
    x = Value(3.0, "x")
    y = x * x + Value(1.0, "学习率")
    y.backward()
    yield (
        "3_top_to_bottom",
        '`direction="TB"`: a repeated operand has two edges; a label is any text.',
        draw(y, direction="TB"),
    )
    a.backward()
    yield "4_neuron", "A neuron: `dot` is one node.", draw(a)
    yield "5_neuron_expanded", "The same with `expand=True`: its products and their sum.", draw(a, expand=True)
    loss = error_of_small_net()
    loss.backward()
    yield "6_small_net", '`detail="neuron"`: each edge shows its weight.', draw(loss, detail="neuron")
    yield (
        "7_dead_relu",
        '`color_by="grad"`: neurons that learn nothing are grey.',
        draw(loss, detail="neuron", color_by="grad"),
    )
    output = run(net(2, 16, 16, 1), [Value(0.5, "x[0]"), Value(-1.5, "x[1]")])
    output.backward()
    yield "8_net_2_16_16_1", 'A 2-16-16-1 net with `detail="neuron"`.', draw(output, detail="neuron")
    batch = error_over_100_samples()
    batch.backward()
    yield "9_loss_of_100_samples", "Its loss over 100 samples, with more than 7000 nodes, by layers.", draw(batch)
    deep = deep_sigmoid_net()
    deep.backward()
    yield (
        "10_vanishing_gradients",
        'A deep sigmoid net with `detail="layer", color_by="grad"`.',
        draw(deep, detail="layer", color_by="grad"),
    )


def main() -> None:
    os.environ["PATH"] = ""  # the embedded renderer draws the same on every machine
    lines = ["# Gallery", "", "`python notebooks/gallery/make_gallery.py` makes these pictures."]
    for name, caption, picture in pictures():
        picture.save(HERE / f"{name}.svg")
        lines += ["", f"## {caption}", "", f"![{picture.title}]({name}.svg)"]
    player = steps(example())
    player.save(HERE / "11_steps.gif")
    lines += ["", "## `steps(J)`: both passes, one node at a time.", "", f"![{player.picture.title}](11_steps.gif)"]
    (HERE / "README.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
