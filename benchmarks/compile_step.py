"""One training step of a small net (forward, backward, SGD update) by this package and by others, side by side.

    OMP_NUM_THREADS=1 python benchmarks/compile_step.py [width] [samples]

The net is 2-16-16-1 with ReLU, the hinge loss and 100 moons, as in micrograd's demo. All run in one process on one
thread, in turns; the medians are printed. PyTorch, JAX and micrograd take part if they are installed, micrograd also
where the environment variable MICROGRAD names a checkout.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import json
import statistics
import sys
import time

import numpy as np

from autograd_lite import data, losses, nn, optim
from autograd_lite.training.compiled import CompiledTrainer
from autograd_lite.training.fit import fit

LEARNING_RATE = 0.1


def problem(width, samples):
    X, y = data.moons(samples, 0.1, 0)
    y = 2.0 * y - 1.0
    net = nn.MLP(2, [width, width, 1], "relu", seed=0)
    weights = [np.array([[w.data for w in n.w] for n in layer.neurons]) for layer in net.layers]
    biases = [np.array([n.b.data for n in layer.neurons]) for layer in net.layers]
    return X, y, net, weights, biases


def this_package(X, y, net, weights, biases):
    trainer = CompiledTrainer(net, losses.hinge, optim.SGD(net.parameters(), lr=LEARNING_RATE), X, y)
    batch = range(len(X))

    def step():
        loss = trainer.loss_and_gradient(batch)
        trainer.step()
        return loss

    return step


def raw_program(X, y, net, weights, biases):
    """The program itself, without what `fit` does around it."""
    trainer = CompiledTrainer(net, losses.hinge, optim.SGD(net.parameters(), lr=LEARNING_RATE), X, y)
    bound = trainer._loaded(range(len(X)))
    forward, backward, p, g = bound.forward, bound.backward, bound.parameters, bound.d_parameters
    update = np.empty_like(p)

    def step():
        forward()
        loss = bound.mean()
        backward()
        np.multiply(g, LEARNING_RATE, out=update)
        np.subtract(p, update, out=p)
        return loss

    return step


def plain_numpy(X, y, net, weights, biases):
    W, b = [w.copy() for w in weights], [b.copy() for b in biases]

    def step():
        z1 = X @ W[0].T + b[0]
        a1 = np.maximum(z1, 0.0)
        z2 = a1 @ W[1].T + b[1]
        a2 = np.maximum(z2, 0.0)
        z3 = (a2 @ W[2].T + b[2])[:, 0]
        margin = 1.0 - y * z3
        loss = np.maximum(margin, 0.0).mean()
        d3 = (-y * (margin > 0.0) / len(y))[:, None]
        d2 = (d3 @ W[2]) * (z2 > 0.0)
        d1 = (d2 @ W[1]) * (z1 > 0.0)
        gradients = [(d1.T @ X, d1.sum(0)), (d2.T @ a1, d2.sum(0)), (d3.T @ a2, d3.sum(0))]
        for i, (d_W, d_b) in enumerate(gradients):
            W[i] -= LEARNING_RATE * d_W
            b[i] -= LEARNING_RATE * d_b
        return loss

    return step


def tuned_numpy(X, y, net, weights, biases):
    """By hand: samples along the last axis, biases as columns beside the weights, every result in its own buffer."""
    n, width = len(X), len(weights[0])
    sizes = [(width, 3), (width, width + 1), (1, width + 1)]
    p, g, u = [np.zeros(sum(a * b for a, b in sizes)) for _ in range(3)]
    ends = np.cumsum([a * b for a, b in sizes])
    V = [p[e - a * b : e].reshape(a, b) for e, (a, b) in zip(ends, sizes)]
    G = [g[e - a * b : e].reshape(a, b) for e, (a, b) in zip(ends, sizes)]
    for v, w, b in zip(V, weights, biases):
        v[:, :-1], v[:, -1] = w, b
    x = np.vstack([X.T, np.ones(n)])
    h1, h2 = np.ones((width + 1, n)), np.ones((width + 1, n))
    z1, z2, z3 = np.empty((width, n)), np.empty((width, n)), np.empty((1, n))
    d1, d2, d3, m1, m2 = [np.empty_like(z) for z in (z1, z2, z3, z1, z2)]
    margin, loss_row, scaled = np.empty((1, n)), np.empty((1, n)), (-y / n)[None]
    a1, a2 = h1[:-1], h2[:-1]
    W1T, W2T = V[1][:, :-1].T, V[2][:, :-1].T
    xT, h1T, h2T = x.T, h1.T, h2.T
    matmul, maximum, multiply, subtract, greater, add = (
        np.matmul,
        np.maximum,
        np.multiply,
        np.subtract,
        np.greater,
        np.add,
    )

    def step():
        matmul(V[0], x, out=z1)
        maximum(z1, 0.0, out=a1)
        matmul(V[1], h1, out=z2)
        maximum(z2, 0.0, out=a2)
        matmul(V[2], h2, out=z3)
        multiply(z3, y, out=margin)
        subtract(1.0, margin, out=margin)
        maximum(margin, 0.0, out=loss_row)
        loss = add.reduce(loss_row[0]) / n
        greater(margin, 0.0, out=d3)
        multiply(d3, scaled, out=d3)
        matmul(d3, h2T, out=G[2])
        multiply(W2T, d3, out=d2)
        greater(z2, 0.0, out=m2)
        multiply(d2, m2, out=d2)
        matmul(d2, h1T, out=G[1])
        matmul(W1T, d2, out=d1)
        greater(z1, 0.0, out=m1)
        multiply(d1, m1, out=d1)
        matmul(d1, xT, out=G[0])
        multiply(g, LEARNING_RATE, out=u)
        subtract(p, u, out=p)
        return loss

    return step


def pytorch(X, y, net, weights, biases):
    import torch

    torch.set_num_threads(1)
    W = [torch.tensor(w, requires_grad=True) for w in weights]
    b = [torch.tensor(b, requires_grad=True) for b in biases]
    optimizer = torch.optim.SGD([*W, *b], lr=LEARNING_RATE)
    x, t = torch.tensor(X), torch.tensor(y)

    def step():
        optimizer.zero_grad()
        h = x
        for i in range(3):
            h = torch.nn.functional.linear(h, W[i], b[i])
            if i < 2:
                h = torch.relu(h)
        loss = torch.relu(1.0 - t * h[:, 0]).mean()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def jax_jit(X, y, net, weights, biases):
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp

    def loss(p, x, t):
        h = x
        for i, (W, b) in enumerate(p):
            h = h @ W.T + b
            h = jnp.maximum(h, 0.0) if i < 2 else h
        return jnp.maximum(1.0 - t * h[:, 0], 0.0).mean()

    @jax.jit
    def update(p, x, t):
        value, g = jax.value_and_grad(loss)(p, x, t)
        return value, jax.tree.map(lambda a, b: a - LEARNING_RATE * b, p, g)

    state = [[(jnp.array(w), jnp.array(b)) for w, b in zip(weights, biases)]]
    x, t = jnp.array(X), jnp.array(y)

    def step():
        value, state[0] = update(state[0], x, t)
        return float(value)

    return step


def micrograd(X, y, net, weights, biases):
    if "MICROGRAD" in os.environ:
        sys.path.insert(0, os.environ["MICROGRAD"])
    from micrograd.nn import MLP

    model = MLP(2, [len(weights[0]), len(weights[0]), 1])
    for layer, w, b in zip(model.layers, weights, biases):
        for neuron, row, bias in zip(layer.neurons, w, b):
            neuron.b.data = float(bias)
            for p, number in zip(neuron.w, row):
                p.data = float(number)

    def step():
        scores = [model(x) for x in X.tolist()]
        total = sum((1 - t * s).relu() for s, t in zip(scores, y.tolist())) * (1.0 / len(y))
        model.zero_grad()
        total.backward()
        for p in model.parameters():
            p.data -= LEARNING_RATE * p.grad
        return total.data

    return step


def seconds(step, repeats):
    start = time.perf_counter()
    for _ in range(repeats):
        step()
    return (time.perf_counter() - start) / repeats


def time_of_fit(X, y, net, epochs):
    optimizer = optim.SGD(net.parameters(), lr=LEARNING_RATE)
    start = time.perf_counter()
    fit(net, X, y, loss=losses.hinge, optimizer=optimizer, epochs=epochs, batch_size=None, progress=False)
    return time.perf_counter() - start


def main(width=16, samples=100):
    peers = {}
    first_losses = {}
    for make in (raw_program, this_package, plain_numpy, tuned_numpy, pytorch, jax_jit, micrograd):
        try:
            X, y, net, weights, biases = problem(width, samples)
            peers[make.__name__] = make(X, y, net, weights, biases)
        except ImportError as error:
            print(f"{make.__name__}: not installed ({error})")
            continue
        if make is not micrograd:
            first_losses[make.__name__] = [float(peers[make.__name__]()) for _ in range(20)][-1]
    print("loss after 20 steps:", first_losses)
    rounds = {name: [] for name in peers}
    slow = peers.pop("micrograd", None)
    repeats = 200 if samples * width < 4000 else 10
    for _ in range(41):
        for name, step in peers.items():
            rounds[name].append(seconds(step, repeats))
    X, y, net, _, _ = problem(width, samples)
    rounds["fit"] = []
    ratios = []
    for _ in range(7):  # the difference of two lengths: what one epoch costs, without starting up
        short, long = time_of_fit(X, y, net, repeats), time_of_fit(X, y, net, 6 * repeats)
        rounds["fit"].append((long - short) / (5 * repeats))
        ratios.append(rounds["fit"][-1] / seconds(peers["raw_program"], 5 * repeats))
    if slow is not None and width <= 16:
        rounds["micrograd"] = [seconds(slow, 1) for _ in range(3)]
    medians = {name: statistics.median(times) for name, times in rounds.items() if times}
    ours = medians["this_package"]
    print(
        f"2-{width}-{width}-1, {samples} samples, float64, one thread; median of {len(rounds['this_package'])} rounds"
    )
    for name, median in medians.items():
        print(f"  {name:14s} {median * 1e6:12.1f} µs   {median / ours:10.2f} × this package's step in fit")
    print(f"fit over the raw program, measured in turns: {statistics.median(ratios):.2f}")
    return medians


if __name__ == "__main__":
    result = main(*[int(a) for a in sys.argv[1:3]])
    print(json.dumps({name: round(1e6 * t, 2) for name, t in result.items()}))
