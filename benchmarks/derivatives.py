"""What derivatives as functions cost: `python benchmarks/derivatives.py`.

For functions of several sizes it prints medians of one eager build with `backward()`, of `grad(f)(x)` at floats, of one
`backward()` alone and of one `gradients()` of the same graph, and the ratios of each pair.
"""

import argparse
import gc
import itertools
import statistics
import time

from autograd_lite import Value, dot, exp, grad, gradients, sin, tanh


def polynomial(xs):
    x = xs[0]
    return 3.0 * x * x * x - 2.0 * x * x + x - 1.0


def mixture(xs):
    x, y, z = xs
    return tanh(x * y) / (1.0 + exp(-z)) + sin(x - z) * (y * y + 2.0) - x / y


def rosenbrock(xs):
    total = 0.0
    for x, y in itertools.pairwise(xs):
        total = total + (1.0 - x) ** 2 + 100.0 * (y - x * x) ** 2
    return total


def layers(xs):
    """A net of tanh neurons, 8 inputs wide, with fixed weights."""
    row = list(xs)
    for depth in range(4):
        row = [
            dot([0.1 * ((7 * i + 3 * j + depth) % 11 - 5) for j in range(len(row))], row, bias=0.1 * i)
            for i in range(len(row))
        ]
        row = [tanh(x) for x in row]
    return sum(row[1:], start=row[0] * row[0])


def arithmetic(xs):
    """Sums, products and quotients, each of two numbers."""
    a, b, c = xs
    for _ in range(400):
        a = a * b + c
        b = b - 0.001 * a
        c = c / (1.5 + b * b)
    return a + b + c


CASES = {
    "polynomial": (polynomial, [1.5]),
    "mixture": (mixture, [0.5, 1.5, -0.3]),
    "rosenbrock, 3": (rosenbrock, [0.1, 0.2, 0.3]),
    "rosenbrock, 100": (rosenbrock, [0.01 * i for i in range(100)]),
    "layers": (layers, [0.1 * i for i in range(8)]),
    "arithmetic": (arithmetic, [0.5, 0.1, 0.2]),
}


def build_and_backward(f, xs):
    leaves = [Value(x) for x in xs]
    f(leaves).backward()
    return [leaf.grad for leaf in leaves]


def seconds(work, repeat):
    gc.collect()
    begin = time.perf_counter()
    for _ in range(repeat):
        work()
    return (time.perf_counter() - begin) / repeat


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="the medians are of so many")
    rounds = parser.parse_args().rounds
    print(
        f"{'':16}{'nodes':>6}{'build+back':>13}{'grad':>11}{'ratio':>7}{'backward':>13}{'gradients':>12}{'ratio':>7}  [µs]"
    )
    for name, (f, xs) in CASES.items():
        leaves = [Value(x) for x in xs]
        y = f(leaves)
        size = len(y.topological_order())
        slope = grad(f)
        assert slope(xs) == build_and_backward(f, xs), name  # the same bits
        works = {
            "eager": lambda: build_and_backward(f, xs),  # noqa: B023
            "grad": lambda: slope(xs),  # noqa: B023
            "backward": y.backward,
            "gradients": lambda: gradients(y, leaves),  # noqa: B023
        }
        repeat = max(1, 4000 // size)
        times = {key: [] for key in works}
        for _ in range(rounds):
            for key, work in works.items():
                times[key].append(seconds(work, repeat))
        eager, by_grad, back, written = [1e6 * statistics.median(times[key]) for key in works]
        print(
            f"{name:16}{size:6}{eager:13.2f}{by_grad:11.2f}{by_grad / eager:7.2f}"
            f"{back:13.2f}{written:12.2f}{written / back:7.1f}"
        )


if __name__ == "__main__":
    main()
