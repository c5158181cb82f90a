"""One training step without an executor, and with 1 and 2 worker processes: time, speed-up, bytes that cross.

    OMP_NUM_THREADS=1 python benchmarks/parallel.py [width] [samples] [rounds]

The net is 2-width-width-1 with tanh, the loss binary cross-entropy, each step takes all samples. All take turns in one
process; the medians are printed. Then the same for other numbers of shards, with 2 workers.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import multiprocessing
import pickle
import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np

from autograd_lite import data, losses, nn, optim
from autograd_lite.engine import CompiledEngine
from autograd_lite.parallel import ParallelEngine, shard_sizes

SHARDS = (1, 2, 4, 8, 16, 32, 64)


class Stepper:
    """A training of its own that steps when told."""

    def __init__(self, width, samples, executor=None, shards=None):
        X, y = data.moons(samples, 0.1, 0)
        net = nn.MLP(2, [width, width, 1], "tanh", seed=0)
        self.batch = range(samples)
        common = (net, losses.binary_cross_entropy, optim.SGD(net.parameters(), lr=0.1), X, y)
        self.engine = CompiledEngine(*common) if executor is None else ParallelEngine(*common, executor, shards)
        self.net = net

    def __call__(self):
        loss = self.engine.loss_and_gradient(self.batch)
        self.engine.step()
        return loss


def bytes_of_a_step(stepper):
    """What crosses between the processes in one step, counted as pickled."""
    engine = stepper.engine
    sent = received = 0
    submit = engine._executor.submit

    def counting(function, *arguments):
        nonlocal sent
        sent += len(pickle.dumps((function, arguments)))
        return submit(function, *arguments)

    engine._executor.submit = counting
    answers = engine._round

    def receiving(tasks):
        nonlocal received
        result = answers(tasks)
        received += sum(len(pickle.dumps(answer)) for _, answer in result)
        return result

    engine._round = receiving
    stepper()
    del engine._round
    engine._executor.submit = submit
    return sent, received


def medians(steppers, rounds):
    times = {name: [] for name in steppers}
    for stepper in steppers.values():
        for _ in range(3):
            stepper()
    for _ in range(rounds):
        for name, stepper in steppers.items():
            start = time.perf_counter()
            stepper()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def main(width=64, samples=20_000, rounds=31):
    context = multiprocessing.get_context("spawn")
    print(f"2-{width}-{width}-1, {samples} samples a step, {len(shard_sizes(samples))} shards; load {os.getloadavg()}")
    with (
        ProcessPoolExecutor(1, context) as one,
        ProcessPoolExecutor(2, context) as two,
        ThreadPoolExecutor(2) as threads,
    ):
        pools = {"no executor": None, "1 process": one, "2 processes": two, "2 threads": threads}
        steppers = {name: Stepper(width, samples, pool) for name, pool in pools.items()}
        times = medians(steppers, rounds)
        for name, seconds in times.items():
            print(f"  {name:12s} {seconds * 1e3:9.2f} ms a step, speed-up {times['no executor'] / seconds:5.2f}")
        sent, received = bytes_of_a_step(steppers["2 processes"])
        print(f"  a step sends {sent / 1e6:.3f} MB and receives {received / 1e6:.3f} MB")
        print(f"  the program has {len(pickle.dumps(steppers['2 processes'].engine._program))} bytes, once a worker")
        weights = [
            np.array([p.data for p in s.net.parameters()]) for s in steppers.values() if s.engine.write_back() is None
        ]
        print(
            f"  weights: 1 and 2 processes and threads equal to the bit: {all((weights[1] == w).all() for w in weights[1:])};"
            f" without executor within {abs(weights[0] - weights[1]).max():.1e}"
        )
        steppers = {n: Stepper(width, samples, two, n) for n in SHARDS}
        for n, seconds in medians(steppers, rounds).items():
            print(f"  2 processes, {n:3d} shards {seconds * 1e3:9.2f} ms a step")
    print(f"load {os.getloadavg()}")


if __name__ == "__main__":
    main(*[int(a) for a in sys.argv[1:4]])
