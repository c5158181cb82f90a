"""Running out of memory is a MemoryError, at whichever allocation it happens, and leaves everything usable."""

import subprocess
import sys

import pytest

from autograd_lite import NATIVE, Value

# Every allocation in turn fails, alone or with all that follow: `set_nomemory` is CPython's own switch for that. (The
# collection empties the lists of freed floats and tuples, which would hide the failures.)
PROGRAM = """
import copy, gc, pickle, sys
import _testcapi
from autograd_lite import NATIVE, Value, define_op, dot, total

def forward(x):
    return x**3

def partials(x, y):
    return 3 * x**2

cube = define_op("cube", forward, partials)

def build():
    w = [Value(0.5 + i / 10, "w") for i in range(3)]
    return dot(w, [1.0, 2.0, 3.0], w[0]).tanh() + total(w) ** 2 - w[1].gelu() / 3 + cube(w[2]) ** w[0]

y = build()
expected = y.data
pickled = pickle.dumps(y)
tasks = {
    "build": build, "backward": y.backward, "forward": y.forward, "zero_grad": y.zero_grad, "partials": lambda: y.partials,
    "copy": lambda: copy.copy(y), "deepcopy": lambda: copy.deepcopy(y), "pickle": lambda: pickle.dumps(y),
    "unpickle": lambda: pickle.loads(pickled), "repr": lambda: repr(y),
    "numbers": lambda: (float(y), int(y), int(y * 1e9), round(y, 2), y.as_integer_ratio(), y < 2, hash(y)),
}
# All that handles the failure exists before, because it has no memory either. (PicklingError is what pickle makes of it
# where it looks for a module.)
OUT_OF_MEMORY = (MemoryError, pickle.PicklingError)
with_memory = _testcapi.remove_mem_hooks

# A function of its own, and a short one: CPython 3.11 loops for ever where it has no memory for the place of a handler.
def runs(task, *failing):
    _testcapi.set_nomemory(*failing)
    try:
        task()
        return True
    except OUT_OF_MEMORY:
        return False
    finally:
        with_memory()

gc.freeze()
for name, task in tasks.items():
    task()
    failures = 0
    # The same of CPython's own code, in functions of ours; and in 3.13, which does not survive it.
    for last in (1, 0) if NATIVE and sys.version_info < (3, 13) else (1,):
        for start in range(1, 400):
            gc.collect()
            if runs(task, start, start + 1 if last else 0):
                break
            failures += 1
    print(name, failures, flush=True)
y.forward()
y.backward()
assert y.data == expected and y.grad == 1.0
"""


def test_every_allocation_may_fail():
    pytest.importorskip("_testcapi", reason="CPython's own test module is not installed")
    run = subprocess.run([sys.executable, "-P", "-c", PROGRAM], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr
    failures = dict(line.split() for line in run.stdout.splitlines())
    least = 10 if sys.version_info < (3, 13) else 5  # where only single allocations fail
    assert all(int(failures[name]) > least for name in ("build", "deepcopy", "pickle"))


@pytest.mark.skipif(not NATIVE, reason="plain nodes have Python's own allocator")
def test_the_memory_of_dead_nodes_serves_the_next_ones():
    def addresses():
        y = x = Value(1.0)
        nodes = []
        for _ in range(100):
            y = y * x
            nodes.append(id(y))
        return set(nodes)

    addresses()
    assert addresses() == addresses()
