"""What is measured. Each workload returns seconds, or bytes, for one engine."""

import ast
import gc
import itertools
import random
import subprocess
import sys
import time
import tracemalloc

LEAVES = 32
BLOCK = 2_000
SLOTS = 48  # values that wait for their next use

# The result replaces `a`; `b` is another value, `x` a leaf and `c` a constant. Numbers in [-1, 1] stay in [-1, 1].
KINDS = [
    "0.5 * {a} + 0.5 * {b}",
    "0.9 * {a} - 0.1 * {b}",
    "0.7 * {a} * {b} + 0.3",
    "{a} * {x}",
    "{c} * {a}",
    "0.1 - 0.9 * {a}",
]
MIXED = [*KINDS, "tanh({a} + {b})", "exp(-{a} * {a})", "0.9 * log({a} * {a} + 1.5)"]


def expression(operations, mixed=False, seed=0):
    """Straight-line code for a random expression over leaves x0…x31, as one would write it by hand.

    The result depends on every operation, because a value is only replaced by one that is computed from it; and all
    numbers stay in [-1, 1]. `mixed` adds tanh, exp and log.

    Returns
    -------
    block : callable
        `block(a, x, tanh, exp, log)`: the expression of `a` and of the leaves.
    count : int
        The number of its operations.
    """
    rng = random.Random(seed)
    slots = range(SLOTS)
    lines = [
        "def block(a, x, tanh, exp, log):",
        f"    {', '.join(f'x{i}' for i in range(LEAVES))}, = x",
        f"    t0, {', '.join(f't{i}' for i in slots[1:])} = a, {', '.join(f'x{i % LEAVES}' for i in slots[1:])}",
    ]
    total = f"{1.0 / SLOTS} * ({' + '.join(f't{i}' for i in slots)})"
    count = operations_in(total)
    while count < operations:
        a, b = rng.sample(slots, 2)
        line = rng.choice(MIXED if mixed else KINDS).format(
            a=f"t{a}", b=f"t{b}", x=f"x{rng.randrange(LEAVES)}", c=round(rng.uniform(0.7, 1.0), 3)
        )
        lines.append(f"    t{a} = {line}")
        count += operations_in(line)
    namespace = {}
    exec("\n".join([*lines, f"    return {total}"]), namespace)
    return namespace["block"], count


def operations_in(code):
    """The number of operations and calls in an expression."""
    return sum(isinstance(node, (ast.BinOp, ast.UnaryOp, ast.Call)) for node in ast.walk(ast.parse(code)))


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
    held = [engine.leaf(1.0) for _ in range(20_000)]  # for which the native engine uses the memory of dead nodes
    x = engine.leaf(1.0)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    y = x
    for _ in range(operations):
        y = y * x
    size = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    del held
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
