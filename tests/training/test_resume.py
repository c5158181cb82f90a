"""A training that stops, is saved and goes on in another process ends at the same bits as one that never stopped."""

import json
import subprocess
import sys

import numpy as np
import pytest

from autograd_lite import Value, data, dot, fit, load, losses, nn, optim, predict, save

X, Y = data.moons(24, seed=0)

OPTIMIZERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "RMSprop": lambda p: optim.RMSprop(p, lr=0.01, momentum=0.5, centered=True),
    "Adagrad": lambda p: optim.Adagrad(p, lr=0.1, lr_decay=0.1, initial_accumulator_value=0.1),
    "Adam": lambda p: optim.Adam(p, lr=0.05, amsgrad=True, weight_decay=0.01),
    "AdamW": lambda p: optim.AdamW(p, lr=0.05, clip_norm=0.5),
    "constant": lambda p: optim.Adam(p, lr=optim.constant(0.1)),
    "cosine": lambda p: optim.Adam(p, lr=optim.cosine(0.1, 20)),
    "step_decay": lambda p: optim.SGD(p, lr=optim.step_decay(0.1, every=5)),
    "warm_up": lambda p: optim.AdamW(p, lr=optim.warm_up(optim.cosine(0.1, 20), 8), clip_value=0.1),
}


class Net(nn.Module):
    """A net of your own: parameters in dicts, tuples and arrays, and a neuron that is met twice."""

    def __init__(self, width, seed=None):
        self.width = width
        self.parts = {"hidden": (nn.Layer(2, width, "tanh", seed=seed), [nn.Neuron(width, "tanh", seed=seed)])}
        self.again = self.parts["hidden"][1][0]
        self.gains = np.array([Value(1.0), Value(-0.5)], dtype=object)
        self.name_parameters()

    def __call__(self, x):
        layer, (neuron,) = self.parts["hidden"]
        hidden = layer(x)
        return dot(self.gains.tolist(), [neuron(hidden), self.again([-h for h in hidden])])


def train(net, optimizer, engine, seed):
    fit(
        net,
        X,
        Y,
        loss=losses.binary_cross_entropy,
        optimizer=optimizer,
        epochs=3,
        batch_size=8,
        engine=engine,
        seed=seed,
        progress=False,
    )


def go_on(folder, engine):
    """Load every training from the folder, and train on. What another process runs."""
    results = {}
    for name, make in OPTIMIZERS.items():
        net = load(folder / f"{name}.json", modules=[Net])
        optimizer = make(net.parameters())
        optimizer.load_state_dict(json.loads((folder / f"{name}-optimizer.json").read_text()))
        train(net, optimizer, engine, seed=1)
        results[name] = [net.state_dict(), optimizer.state_dict(), predict(net, X).tolist()]
    return results


@pytest.mark.parametrize("engine", ["auto", "eager"])
def test_a_saved_training_goes_on_to_the_bit_in_another_process(tmp_path, engine):
    expected = {}
    for name, make in OPTIMIZERS.items():
        net = Net(4, seed=0)
        optimizer = make(net.parameters())
        train(net, optimizer, engine, seed=0)
        save(net, tmp_path / f"{name}.json")
        (tmp_path / f"{name}-optimizer.json").write_text(json.dumps(optimizer.state_dict()))
        train(net, optimizer, engine, seed=1)
        expected[name] = [net.state_dict(), optimizer.state_dict(), predict(net, X).tolist()]
    child = subprocess.run(
        [sys.executable, "-P", __file__, tmp_path, engine], capture_output=True, text=True, timeout=300, check=False
    )
    assert child.returncode == 0, child.stderr
    assert json.loads(child.stdout) == expected


if __name__ == "__main__":
    from pathlib import Path

    print(json.dumps(go_on(Path(sys.argv[1]), sys.argv[2])))
