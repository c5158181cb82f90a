"""A random expression of 2 000 operations, compiled and run over many samples: time for an operation and a sample.

OMP_NUM_THREADS=1 python benchmarks/compile_random.py [operations] [samples]
"""

import random
import statistics
import sys
import time

import numpy as np

from autograd_lite import Value, compile, maximum, sqrt, tanh


def expression(operations, seed=0):
    """Sums, differences, products and functions of random nodes, all of them between -1 and 1."""
    parameters = [Value(random.Random(seed + i).uniform(-1.0, 1.0)) for i in range(20)]

    def f(x):
        draw = random.Random(seed)
        nodes = [*x, *parameters]
        kinds = [
            lambda a, b: 0.5 * a + 0.5 * b,
            lambda a, b: 0.9 * a - 0.1 * b,
            lambda a, b: a * b + 0.3,
            lambda a, b: tanh(a + b),
            lambda a, b: maximum(a, b),
            lambda a, b: 0.9 * sqrt(a * a + 0.2),
        ]
        while len(nodes) < operations // 1.65:
            recent = nodes[-60:]
            nodes.append(draw.choice(kinds)(draw.choice(recent), draw.choice(recent)))
        return nodes[-1] + nodes[-2] * nodes[-3]

    return f


def main(operations=2000, samples=1000):
    f = expression(operations)
    X = np.random.default_rng(0).uniform(-1, 1, (samples, 8))
    compiled = compile(f)
    start = time.perf_counter()
    plan = compiled.plan(X)
    print(f"compiled in {1e3 * (time.perf_counter() - start):.0f} ms")
    bound = plan.bound([X])
    plan.load(bound, [X])
    live = sum(node.op is not None for node in plan.trace.nodes)

    def run():
        bound.forward()
        bound.backward()

    for what, go in (("forward", bound.forward), ("forward and backward", run)):
        times = []
        for _ in range(60):
            start = time.perf_counter()
            go()
            times.append(time.perf_counter() - start)
        print(
            f"{what}: {1e9 * statistics.median(times) / live / samples:.2f} ns an operation and sample ({live} operations)"
        )


if __name__ == "__main__":
    main(*[int(a) for a in sys.argv[1:3]])
