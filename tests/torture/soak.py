"""Run by the tests, in a process of its own: so many training steps, and the memory at the start, in between, at the end.

    python soak.py steps|fit NUMBER

prints the resident memory in kB: after the first hundredth of the steps, at the end, and the highest in between; and the
loss at the start and at the end.
"""

import gc
import json
import sys

from autograd_lite import Value, fit, losses, nn, optim, tanh

SAMPLES = [(-1.0, -1.0), (-0.5, 0.1), (0.5, 0.4), (1.0, 1.0)]


def resident():
    """In kB, of this moment."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def step_by_step(number):
    """The smallest net there is, by hand: two parameters, five operations a step; each graph goes without the collector."""
    gc.disable()
    w, b = Value(0.1, "w"), Value(0.0, "b")
    memory, errors = [], []
    warm = number // 100
    for k in range(number):
        x, y = SAMPLES[k % len(SAMPLES)]
        loss = (tanh(w * x + b) - y) ** 2
        w.grad = b.grad = 0.0
        loss.backward()
        w.data -= 0.01 * w.grad
        b.data -= 0.01 * b.grad
        if k % warm == warm - 1:
            memory.append(resident())
            errors.append(loss.data)
    return memory, [errors[0], errors[-1]]


def fitted(number):
    """Many calls of `fit`, a thousand steps each: what a call leaves behind would add up."""
    net = nn.MLP(1, [2, 1], "tanh", seed=0)
    X, y = [[x] for x, _ in SAMPLES], [y for _, y in SAMPLES]
    memory, errors = [], []
    for _ in range(number // 1000):
        optimizer = optim.Adam(net.parameters(), lr=0.001)
        history = fit(net, X, y, loss=losses.mse, optimizer=optimizer, epochs=250, batch_size=1, progress=False, seed=0)
        memory.append(resident())
        errors.append(history.loss[-1])
    return memory, [errors[0], errors[-1]]


if __name__ == "__main__":
    memory, errors = {"steps": step_by_step, "fit": fitted}[sys.argv[1]](int(sys.argv[2]))
    print(json.dumps({"first": memory[0], "last": memory[-1], "highest": max(memory), "loss": errors}))
