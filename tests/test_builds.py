"""The native engine and the plain one give the same bits, and a script written for another engine runs."""

import importlib
import sys
from pathlib import Path

import pytest
from helpers import run_program

import autograd_lite
from autograd_lite import Value

BENCHMARKS = str(Path(__file__).parent.parent / "benchmarks")

SOURCE_ONLY = """
import importlib.machinery, sys
sys.path_hooks.insert(0, importlib.machinery.FileFinder.path_hook((importlib.machinery.SourceFileLoader, [".py"])))
sys.path_importer_cache.clear()
"""

GRADIENTS = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import random
from test_passes import build, plan_of
import autograd_lite
from autograd_lite import Graph, Value, functions
print(autograd_lite.NATIVE, file=sys.stderr)
for seed in range(100):
    leaves = [Value(x) for x in (0.3, -0.7, 1.1)]
    y = build(functions, plan_of(seed, 100), leaves)
    y.backward()
    y.forward()
    y.backward()
    print(*[x.hex() for node in Graph(y) for x in (node.data, node.grad, *node.partials)])
"""

# Programs that do everything that can be done to Values: all numbers and all messages of every step. What one run
# pickles at the end, the next one reads.
PROGRAMS = f"""
import hashlib, os, pickle, sys
sys.path.insert(0, {str(Path(__file__).parent / "torture")!r})
import world
import autograd_lite
print(autograd_lite.NATIVE, file=sys.stderr)
seen, pickles, before = hashlib.sha256(), [], []
if os.path.exists("pickles"):
    with open("pickles", "rb") as file:
        before = pickle.load(file)
for seed in range(PROGRAMS):
    final = world.run(10_000 + seed, 200, lambda now, action: seen.update(now.bits()))
    print(*final.log, seen.hexdigest(), sep="\\n")
    values, twins = zip(*final.held)
    pickles.append(pickle.dumps(values, seed % (pickle.HIGHEST_PROTOCOL + 1)))
    if before:
        final.held = list(zip(pickle.loads(before[seed]), twins))
        final.check()
with open("pickles", "wb") as file:
    pickle.dump(pickles, file)
"""

only_where_native = pytest.mark.skipif(not autograd_lite.NATIVE, reason="there is only the plain engine here")


IN_SUBINTERPRETERS = '''
import sys
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
from autograd_lite import Value

def gradient():
    x = Value(2.0)
    y = x
    for _ in range(1000):
        y = y * 0.5 + x
    y.backward()
    return x.grad

program = f"""
import sys
sys.path[:] = {sys.path}
try:
    from autograd_lite import Value
    x = Value(3.0)
    (x * x).backward()
    print(x.grad, flush=True)
except ImportError as error:
    print("refused" if "subinterpreter" in str(error) else error, flush=True)
"""
expected = gradient()
for _ in range(2):
    other = interpreters.create()
    interpreters.run_string(other, program)
    interpreters.destroy(other)
    assert gradient() == expected
'''


def run_python(code, folder):
    return run_program(sys.executable, "-c", code, cwd=folder)


def output_of_both_builds(code, folder):
    # numpy and others stay as they are: only plain modules may come before the switch
    native = run_python(code, folder)
    plain = run_python("import numpy, mpmath, pytest, hypothesis\n" + SOURCE_ONLY + code, folder)
    assert (native.stderr.strip(), plain.stderr.strip()) == ("True", "False")
    return native.stdout, plain.stdout


@only_where_native
def test_both_builds_give_the_same_bits(tmp_path):
    native, plain = output_of_both_builds(GRADIENTS, tmp_path)
    assert native == plain
    assert native.count("0x") > 20_000


@only_where_native
@pytest.mark.parametrize("programs", [6, pytest.param(80, marks=pytest.mark.torture)])
def test_programs_have_the_same_numbers_messages_and_pickles_in_both_builds(programs, tmp_path):
    code = PROGRAMS.replace("PROGRAMS", str(programs))
    native, plain = output_of_both_builds(code, tmp_path)
    assert native.splitlines() == plain.splitlines()
    assert native.count("Error: ") > 5 * programs
    assert run_python(code, tmp_path).stdout == native


def test_a_script_for_a_two_tuple_engine_runs_with_the_same_losses(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    train = importlib.import_module("character_model").train
    other = importlib.import_module("two_tuples").Value
    ours, theirs = train(Value, steps=3), train(other, steps=3)
    assert ours == pytest.approx(theirs, rel=1e-12)
    assert ours[0] != ours[1]


def test_a_subinterpreter_computes_with_the_plain_engine_and_is_refused_by_the_native_one(tmp_path):
    pytest.importorskip("_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters")
    answers = run_python(IN_SUBINTERPRETERS, tmp_path).stdout.split()
    assert answers == ["refused" if autograd_lite.NATIVE else "6.0"] * 2
