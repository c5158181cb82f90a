"""Compare the engine with its peers: `python benchmarks/run.py`.

Every peer that is installed runs in this process, round by round with the others; the table shows medians, and how many
times faster the first column is. `pip install micrograd scalargrad torch autograd casadi` for all of them.
"""

import argparse
import array
import gc
import platform
import statistics
import sys
import threading
import time

import workloads
from engines import available


def measured(workload, engines, rounds):
    """Median of each quantity for each engine, the engines taking turns."""
    results = {engine.name: {} for engine in engines}
    for _ in range(rounds):
        for engine in engines:
            workload.measure(engine)  # caches hold what the engine before left there
            gc.collect()
            for quantity, seconds in workload.measure(engine).items():
                results[engine.name].setdefault(quantity, []).append(seconds)
    return {name: {q: statistics.median(times) for q, times in r.items()} for name, r in results.items()}


def quantity_of(seconds, unit):
    scale = {"ns": 1e9, "ms": 1e3, "µs": 1e6}[unit]
    return f"{seconds * scale:,.{0 if seconds * scale >= 100 else 1}f}"


def report(title, results, unit):
    """A table with a row for each engine: its quantities, and the ratio of their sum to that of the first engine."""
    quantities = list(next(iter(results.values())))
    rows = [["", *(f"{q} [{unit}]" for q in quantities), "ratio"]]
    first = sum(next(iter(results.values())).values())
    for name, result in results.items():
        ratio = sum(result.values()) / first
        rows.append([name, *(quantity_of(result[q], unit) for q in quantities), f"{ratio:.1f}×"])
    print(f"\n### {title}\n")
    print_table(rows)


def print_table(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for i, row in enumerate(rows):
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        print(f"| {' | '.join(cells)} |")
        if i == 0:
            print(f"|{'|'.join('-' * (width + 1) + (':' if k else '-') for k, width in enumerate(widths))}|")


def array_peers(operations):
    """Engines that trace or compile a whole function: autograd and CasADi, on workload (a)."""
    block, size = workloads.expression(operations)
    results = {}
    point = [0.1 + 0.02 * i for i in range(workloads.LEAVES)]
    try:
        import autograd
        import autograd.numpy as anp

        start = time.perf_counter()
        autograd.grad(lambda x: block(x[0], [x[i] for i in range(workloads.LEAVES)], None, None, None))(
            anp.array(point)
        )
        results["autograd, build and backward"] = (time.perf_counter() - start) / size
    except ImportError as error:
        print(f"skipped autograd: {error}", file=sys.stderr)
    try:
        import casadi

        start = time.perf_counter()
        x = casadi.SX.sym("x", workloads.LEAVES)
        y = block(x[0], [x[i] for i in range(workloads.LEAVES)], None, None, None)
        function = casadi.Function("f", [x], [y, casadi.gradient(y, x)])
        results["CasADi SX, build with gradient"] = (time.perf_counter() - start) / size
        buffer, replay = function.buffer()  # its fastest way: no conversion of arguments and results
        arrays = [array.array("d", point), array.array("d", [0.0]), array.array("d", [0.0] * workloads.LEAVES)]
        buffer.set_arg(0, memoryview(arrays[0]))
        buffer.set_res(0, memoryview(arrays[1]))
        buffer.set_res(1, memoryview(arrays[2]))
        start = time.perf_counter()
        for _ in range(10):
            replay()
        results["CasADi SX, replay value and gradient"] = (time.perf_counter() - start) / size / 10
    except ImportError as error:
        print(f"skipped casadi: {error}", file=sys.stderr)
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (%(default)s)")
    parser.add_argument("--only", default="abcdefg", help="the workloads, by letter (%(default)s)")
    options = parser.parse_args()
    engines = available()
    ours = engines[0]
    fast = [engine for engine in engines if engine.name.startswith("autograd-lite")]
    scripted = [e for e in engines if {"exp", "log", "relu"} <= set(e.functions) and "PyTorch" not in e.name]
    print(f"Python {platform.python_version()}, {platform.machine()}, median of {options.rounds} rounds")

    def run(letter, title, workload, candidates, unit, rounds=options.rounds):
        if letter in options.only:
            report(f"({letter}) {title}", measured(workload, candidates, rounds), unit)

    run("a", "random expression of 20 000 operations, each", workloads.RandomExpression(20_000), engines, "ns")
    run("a", "200 000 operations, each", workloads.RandomExpression(200_000), fast, "ns", min(3, options.rounds))
    run("a", "2 000 000 operations, each", workloads.RandomExpression(2_000_000), [ours], "ns", min(3, options.rounds))
    if "a" in options.only:
        print("\n### (a) engines that take a whole function, 20 000 operations, each\n")
        print_table([["", "[ns]"], *([name, quantity_of(t, "ns")] for name, t in array_peers(20_000).items())])
    with_functions = [e for e in engines if {"tanh", "exp", "log"} <= set(e.functions)]
    mixed = workloads.RandomExpression(20_000, mixed=True)
    run("b", "the same with tanh, exp and log", mixed, with_functions, "ns")
    run(
        "c",
        "eager training step, 2-16-16-1, 100 points",
        workloads.TrainingStep(),
        engines,
        "ms",
        min(3, options.rounds),
    )
    run("d", "forward and backward replayed, 20 000 operations, each", workloads.Replay(20_000), fast, "ns")
    if "e" in options.only:
        print("\n### (e) memory of a binary node\n")
        print_table(
            [
                ["", "bytes"],
                *([e.name, f"{workloads.memory_per_node(e):.0f}"] for e in engines if "Torch" not in e.name),
            ]
        )
    if "f" in options.only:
        seconds = {s: workloads.import_time(s) for s in ("import autograd_lite", "from autograd_lite import Value")}
        print("\n### (f) import, over bare Python\n")
        print_table([["", "ms"], *([f"`{s}`", quantity_of(t, "ms")] for s, t in seconds.items())])
    run("g", "training step of a character model", workloads.CharacterStep(), scripted, "ms")


if __name__ == "__main__":
    # Engines that recurse over the graph need a deep stack; ours does not.
    sys.setrecursionlimit(10**7)
    threading.stack_size(512 * 2**20)
    thread = threading.Thread(target=main)
    thread.start()
    thread.join()
