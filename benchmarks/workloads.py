"""What is measured. Each workload returns seconds, or bytes, for one engine."""

import gc
import itertools
import random
import subprocess
import sys
import time
import tracemalloc

LEAVES = 32
BLOCK = 2_000


def expression(operations, mixed=False, seed=0):
    """Straight-line code for a random expression over leaves x0…x31, as one would write it by hand.

    A node uses the one before it and an earlier one, a leaf or a constant. `mixed` adds tanh, exp and log.
    """
    rng = random.Random(seed)
    lines = [
        f"def block(a, x, tanh, exp, log):\n    {', '.join(f'x{i}' for i in range(LEAVES))} = x\n    t0 = t1 = t2 = t3 = a"
    ]
    kinds = ["a + {t}", "a - {t}", "a * {x}", "a * {x}", "a * {c}", "a + {c}", "{c} - a", "{c} * a"]
    kinds += ["tanh(a)", "exp(-a * a)", "log(a * a + 2.0)"] if mixed else []
    count = 0
    while count < operations:
        kind = rng.choice(kinds)
        count += kind.count("(") + kind.count("*") + kind.count(" + ") + kind.count(" - ") + kind.count("(-")
        line = kind.format(t=f"t{rng.randrange(4)}", x=f"x{rng.randrange(LEAVES)}", c=round(rng.uniform(0.1, 0.9), 3))
        lines.append(f"    t{rng.randrange(4)} = a = {line}")
    lines.append("    return a")
    namespace = {}
    exec("\n".join(lines), namespace)
    return namespace["block"], count


class RandomExpression:
    """Build and run backward: seconds an operation, apart."""

    def __init__(self, operations, mixed=False):
        self.mixed = mixed
        _, self.size = expression(BLOCK, mixed)
        self.repeats = max(1, operations // BLOCK)
        # Code of its own for each engine, as a user's is: the interpreter adapts code to the types that it meets.
        self.blocks = {}

    def build(self, engine):
        rng = random.Random(1)
        leaves = [engine.leaf(rng.uniform(-0.9, 0.9)) for _ in range(LEAVES)]
        functions = [engine.functions.get(name) for name in ("tanh", "exp", "log")]
        block = self.blocks.get(engine.name)
        if block is None:
            block = self.blocks[engine.name] = expression(BLOCK, self.mixed)[0]
        y = leaves[0]
        for _ in range(self.repeats):
            y = block(y, leaves, *functions)
        return y

    def measure(self, engine):
        start = time.thread_time()
        y = self.build(engine)
        built = time.thread_time()
        engine.backward(y)
        done = time.thread_time()
        operations = self.size * self.repeats
        return {"build": (built - start) / operations, "backward": (done - built) / operations}


class Replay(RandomExpression):
    """forward() and backward() on a graph that is there already: seconds an operation."""

    def measure(self, engine):
        if not hasattr(self, "graphs"):
            self.graphs = {}
        y = self.graphs.get(engine.name)
        if y is None:
            y = self.graphs[engine.name] = self.build(engine)
            y.forward()
        start = time.thread_time()
        y.forward()
        y.backward()
        return {"replay": (time.thread_time() - start) / (self.size * self.repeats)}


class TrainingStep:
    """One full-batch step of a 2-16-16-1 ReLU net on 100 points, max-margin loss: seconds a step."""

    def __init__(self, samples=100):
        rng = random.Random(2)
        self.points = [(rng.uniform(-1, 1), rng.uniform(-1, 1)) for _ in range(samples)]
        self.labels = [1.0 if x * y > 0 else -1.0 for x, y in self.points]

    def measure(self, engine):
        rng = random.Random(3)
        shape = [2, 16, 16, 1]
        layers = [
            [([engine.leaf(rng.uniform(-1, 1)) for _ in range(m)], engine.leaf(0.0)) for _ in range(n)]
            for m, n in itertools.pairwise(shape)
        ]
        parameters = [p for layer in layers for w, b in layer for p in (*w, b)]
        relu, dot = engine.functions["relu"], engine.dot
        start = time.thread_time()
        losses = []
        for point, label in zip(self.points, self.labels, strict=True):
            x = point
            for layer in layers[:-1]:
                x = [relu(dot(w, x, b)) for w, b in layer]
            (w, b) = layers[-1][0]
            losses.append(relu(1.0 - label * dot(w, x, b)))
        loss = sum(losses) * (1.0 / len(losses))
        engine.backward(loss)
        if not hasattr(parameters[0], "detach_"):  # a tensor's data is not a float; the update is not what is measured
            for p in parameters:
                p.data -= 0.1 * p.grad
                p.grad = 0.0
        return {"step": time.thread_time() - start}


class CharacterStep:
    """A training step of the character model: seconds a step."""

    def measure(self, engine):
        from character_model import train

        start = time.thread_time()
        train(engine.leaf, steps=4)
        return {"step": (time.thread_time() - start) / 4}


def memory_per_node(engine, operations=100_000):
    """Bytes of a binary node, by tracemalloc."""
    x = engine.leaf(1.0)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    y = x
    for _ in range(operations):
        y = y * x
    size = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return size / operations


def import_time(statement, rounds=15):
    """Seconds that a statement takes over bare Python, the best of several new processes each."""

    def best(code):
        times = []
        for _ in range(rounds):
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            times.append(time.perf_counter() - start)
        return min(times)

    return best(statement) - best("pass")
