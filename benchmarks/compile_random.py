"""A random expression without structure, compiled and run over many samples: time for an operation and a sample.

    OMP_NUM_THREADS=1 python benchmarks/compile_random.py [operations] [samples]

CasADi's Function of the same expression takes part if it is installed. The passes of both take turns in one process, and
the medians are printed.
"""

import random
import resource
import statistics
import sys
import time

import numpy as np
import workloads

from autograd_lite import Value, compile, exp, log, tanh

INPUTS = 8  # of the leaves; the others are parameters


def this_package(block, X, weights):
    parameters = [Value(w) for w in weights]
    program = compile(lambda x: block(x[0], [*x, *parameters], tanh, exp, log))
    plan = program.plan(X)
    bound = plan.bound([X])
    plan.load(bound, [X])
    places = [plan.program.parameters[plan.trace.parameters.index(p)] for p in parameters]
    (_, output) = plan.program.outputs[0]

    def both():
        bound.forward()
        bound.backward()
        return bound.values[output], bound.d_parameters[places]

    return bound.forward, both


def casadi_function(block, X, weights):
    import casadi

    x = casadi.SX.sym("x", INPUTS)
    w = casadi.SX.sym("w", len(weights))
    leaves = [*casadi.vertsplit(x), *casadi.vertsplit(w)]
    y = block(x[0], leaves, casadi.tanh, casadi.exp, casadi.log)
    functions = [
        casadi.Function("value", [x, w], [y]),
        casadi.Function("value_and_gradient", [x, w], [y, casadi.gradient(y, w)]),
    ]
    inputs = [X.ravel(), np.tile(weights, len(X))]  # sample by sample
    return [_over_samples(function, inputs, len(X)) for function in functions]


def _over_samples(function, inputs, samples):
    buffer, run = function.map(samples).buffer()
    outputs = [np.zeros((samples, function.size1_out(i))) for i in range(function.n_out())]
    for i, array in enumerate(inputs):
        buffer.set_arg(i, memoryview(array))
    for i, array in enumerate(outputs):
        buffer.set_res(i, memoryview(array.reshape(-1)))

    def go(_kept=(buffer, inputs)):  # the function reads their memory
        run()
        return outputs[0][:, 0], outputs[-1].mean(axis=0)

    return go


def main(operations=2000, samples=1000):
    block, count = workloads.expression(operations, mixed=True)
    weights = np.array([random.Random(i).uniform(-1.0, 1.0) for i in range(workloads.LEAVES - INPUTS)])
    X = np.random.default_rng(0).uniform(-1, 1, (samples, INPUTS))
    peers = {}
    for make in (this_package, casadi_function):
        start = time.perf_counter()
        try:
            peers[make.__name__] = make(block, X, weights)
        except ImportError as error:
            print(f"{make.__name__}: not installed ({error})")
            continue
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{make.__name__}: compiled in {1e3 * (time.perf_counter() - start):.0f} ms; peak memory {memory:.0f} MB")
    results = [both() for _, both in peers.values()]
    for value, gradient in results[1:]:
        np.testing.assert_allclose(value, results[0][0], rtol=1e-9)
        np.testing.assert_allclose(gradient, results[0][1], rtol=1e-6, atol=1e-12)
    times = {(name, i): [] for name in peers for i in range(2)}
    for _ in range(max(3, min(60, 60_000_000 // (count * samples)))):
        for name, passes in peers.items():
            for i, go in enumerate(passes):
                start = time.perf_counter()
                go()
                times[name, i].append(time.perf_counter() - start)
    print(f"{count} operations, {samples} samples: ns an operation and sample")
    for name in peers:
        value, both = (1e9 * statistics.median(times[name, i]) / count / samples for i in range(2))
        print(f"  {name:16s} value {value:7.2f}   value and gradient {both:7.2f}")


if __name__ == "__main__":
    main(*[int(a) for a in sys.argv[1:3]])
