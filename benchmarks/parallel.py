"""One training step without an executor, and with 1 and 2 worker processes: time, speed-up, bytes that cross.

    OMP_NUM_THREADS=1 python benchmarks/parallel.py [width] [samples] [rounds]

The net is 2-width-width-1 with tanh, the loss binary cross-entropy; a step takes all samples. All take turns in one
process; the median and the least time are printed. As a machine is seldom quiet, so is the processor time of this
process and of one worker, from which follows what more workers can bring at best: this process is one, whatever they
are. Then the same for other numbers of shards, with 2 workers.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import multiprocessing
import pickle
import statistics
import sys
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor

from autograd_lite import data, losses, nn, optim
from autograd_lite.training.compiled import CompiledTrainer
from autograd_lite.training.parallel import InWorkers
from autograd_lite.training.shards import shard_sizes

SHARDS = (1, 2, 4, 8, 16, 32, 64)


class Counting(Executor):
    """Runs each task at once, and counts the bytes that would cross."""

    sent = received = 0

    def submit(self, function, /, *arguments):
        task = pickle.dumps((function, arguments))
        self.sent += len(task)
        function, arguments = pickle.loads(task)
        answer = function(*arguments)
        self.received += len(pickle.dumps(answer))
        future = Future()
        future.set_result(answer)
        return future


def make_step(width, samples, executor=None, shards=None):
    X, y = data.moons(samples, 0.1, 0)
    net = nn.MLP(2, [width, width, 1], "tanh", seed=0)
    common = (net, losses.binary_cross_entropy, optim.SGD(net.parameters(), lr=0.1), X, y)
    trainer = CompiledTrainer(*common, shards, None if executor is None else InWorkers(executor))
    batch = range(samples)

    def step():
        loss = trainer.loss_and_gradient(batch)
        trainer.step()
        return loss

    step.trainer = trainer
    return step


def times(steps, rounds):
    """The median and the least time of each, in milliseconds, and the last loss."""
    taken = {name: [] for name in steps}
    last = {}
    for step in steps.values():
        for _ in range(3):
            step()
    for _ in range(rounds):
        for name, step in steps.items():
            start = time.perf_counter()
            last[name] = step()
            taken[name].append(1e3 * (time.perf_counter() - start))
    return {name: (statistics.median(values), min(values)) for name, values in taken.items()}, last


def processor_times(step, alone, worker, rounds):
    """Milliseconds a step: all in one process; and this process and the worker, where there is one. The least of some."""
    best = [float("inf")] * 3
    for _ in range(rounds):
        start = time.process_time()
        for _ in range(5):
            alone()
        here = time.process_time()
        there = worker.submit(time.process_time).result()
        middle = time.process_time()
        for _ in range(5):
            step()
        taken = here - start, time.process_time() - middle, worker.submit(time.process_time).result() - there
        best = [min(x, 1e3 * y / 5) for x, y in zip(best, taken)]
    return best


def main(width=64, samples=20_000, rounds=31):
    context = multiprocessing.get_context("spawn")
    counting = Counting()
    step = make_step(width, samples, counting)
    step()
    program = counting.sent
    counting.sent = counting.received = 0
    step()
    rows = step.trainer._plan.code.rows
    print(f"2-{width}-{width}-1, {samples} samples a step, {len(shard_sizes(samples, rows))} shards")
    print(
        f"  a step sends {counting.sent:,} bytes and receives {counting.received:,}; the program has {program - counting.sent:,}"
    )
    print(f"  load {os.getloadavg()[0]:.1f} of {os.cpu_count()} cores")
    with (
        ProcessPoolExecutor(1, context) as one,
        ProcessPoolExecutor(2, context) as two,
        ThreadPoolExecutor(2) as threads,
    ):
        pools = {"no executor": None, "1 process": one, "2 processes": two, "2 threads": threads}
        steps = {name: make_step(width, samples, pool) for name, pool in pools.items()}
        steps["no executor, uncut"] = make_step(width, samples, None, 1)
        taken, last = times(steps, rounds)
        for name, (median, least) in taken.items():
            ratios = [taken["no executor"][i] / taken[name][i] for i in (0, 1)]
            print(
                f"  {name:18s} median {median:8.2f} ms ({ratios[0]:4.2f}×), least {least:8.2f} ms ({ratios[1]:4.2f}×)"
            )
        del last["no executor, uncut"]
        print(f"  the losses of all after {rounds + 3} steps are equal to the bit: {len(set(last.values())) == 1}")
        alone, here, there = processor_times(steps["1 process"], steps["no executor"], one, max(rounds // 5, 1))
        print(f"  processor time: {alone:.2f} ms alone; with a worker {here:.2f} here and {there:.2f} there")
        bounds = ", ".join([f"{alone / (here + there / n):.1f} with {n}" for n in (1, 2, 4, 8, 16)])
        print(
            f"  so that the speed-up is at most {bounds} workers, or {alone / max(here, there / 16):.1f} if all overlaps"
        )
        steps = {n: make_step(width, samples, two, n) for n in SHARDS}
        for n, (median, least) in times(steps, rounds)[0].items():
            print(f"  2 processes, {n:3d} shards   median {median:8.2f} ms, least {least:8.2f} ms")
    print(f"  load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main(*[int(a) for a in sys.argv[1:4]])
