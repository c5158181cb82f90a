"""A character model in the manner of microgpt, trained on a batch of documents: compiled, and one Value at a time.

    OMP_NUM_THREADS=1 python benchmarks/compile_characters.py [documents] [length]

One-hot rows times an embedding, learnt positions, RMS norm, causal attention with several heads, a layer of ReLUs, and
the cross-entropy of the next character: all written with scalars. A program is compiled for each length of document.
"""

import random
import statistics
import sys
import time

import numpy as np

from autograd_lite import Value, compile, dot, logsumexp, mean, softmax

LETTERS, SIZE, HEADS = 27, 16, 4


class Model:
    def __init__(self, longest, seed=0):
        draw = random.Random(seed)

        def matrix(rows, columns):
            return [[Value(draw.gauss(0.0, 0.2)) for _ in range(columns)] for _ in range(rows)]

        self.embedding, self.position = matrix(SIZE, LETTERS), matrix(longest, SIZE)
        self.q, self.k, self.v, self.o = (matrix(SIZE, SIZE) for _ in range(4))
        self.up, self.down = matrix(4 * SIZE, SIZE), matrix(SIZE, 4 * SIZE)
        self.head = matrix(LETTERS, SIZE)
        self.parameters = [w for m in vars(self).values() if isinstance(m, list) for row in m for w in row]

    def loss(self, x, y):
        """The mean loss of one document: x and y are its one-hot characters, y one character later."""
        layer = lambda W, v: [dot(row, v) for row in W]
        h = [[a + b for a, b in zip(layer(self.embedding, c), p)] for c, p in zip(x, self.position)]
        h = [rms_norm(v) for v in h]
        n = [rms_norm(v) for v in h]
        q, k, v = ([layer(W, t) for t in n] for W in (self.q, self.k, self.v))
        size = SIZE // HEADS
        for t in range(len(x)):
            mixed = []
            for i in range(0, SIZE, size):
                part = slice(i, i + size)
                weights = softmax([dot(q[t][part], k[s][part]) * size**-0.5 for s in range(t + 1)])
                mixed += [dot(weights, [v[s][c] for s in range(t + 1)]) for c in range(i, i + size)]
            h[t] = [a + b for a, b in zip(h[t], layer(self.o, mixed))]
            inner = [z.relu() for z in layer(self.up, rms_norm(h[t]))]
            h[t] = [a + b for a, b in zip(h[t], layer(self.down, inner))]
        logits = [layer(self.head, v) for v in h]
        return mean([logsumexp(z) - dot(c, z) for z, c in zip(logits, y)])


def rms_norm(v):
    scale = (mean([a * a for a in v]) + 1e-5) ** -0.5
    return [a * scale for a in v]


def documents(count, length, seed=0):
    letters = np.random.default_rng(seed).integers(0, LETTERS, (count, length + 1))
    one_hot = np.eye(LETTERS)[letters]
    return one_hot[:, :-1], one_hot[:, 1:]


def main(count=64, length=8):
    model = Model(length)
    X, y = documents(count, length)
    compiled = compile(model.loss)
    start = time.perf_counter()
    plan = compiled.plan(X, y)
    print(f"{len(plan.trace.nodes)} nodes a document, compiled in {time.perf_counter() - start:.2f} s", end=" ")
    lines = compiled.buffered_source.count("\n") - 2
    print(f"into {lines} instructions")
    times = []
    for _ in range(15):
        start = time.perf_counter()
        loss = compiled.backward(X, y)
        times.append((time.perf_counter() - start) / count)
    fast = statistics.median(times)
    gradient = np.array([p.grad for p in model.parameters]) / 15
    few = min(count, 8)
    for p in model.parameters:
        p.grad = 0.0
    times, losses = [], []
    for d in range(count):
        start = time.perf_counter()
        result = model.loss(X[d].tolist(), y[d].tolist())
        result.backward(1.0 / count)
        times.append(time.perf_counter() - start)
        losses.append(result.data)
    slow = statistics.median(times[:few] if few else times)
    eager = np.array([p.grad for p in model.parameters])
    print(f"loss {loss:.12f}, eager {np.mean(losses):.12f}; gradients differ by {np.abs(gradient - eager).max():.1e}")
    print(f"compiled {1e3 * fast:.3f} ms a document, eager {1e3 * slow:.3f} ms: {slow / fast:.0f} × faster")


if __name__ == "__main__":
    main(*[int(a) for a in sys.argv[1:3]])
