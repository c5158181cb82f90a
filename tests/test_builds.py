"""The compiled engine and the plain one give the same bits, and a script written for another engine runs."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

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
from test_passes import STEPS_OF_ONE, STEPS_OF_TWO, build, plan_of
import autograd_lite
from autograd_lite import Graph, Value, functions
print(autograd_lite.COMPILED, file=sys.stderr)
for seed in range(100):
    leaves = [Value(x) for x in (0.3, -0.7, 1.1)]
    y = build(functions, plan_of(seed, 100), leaves)
    y.backward()
    y.forward()
    y.backward()
    print(*[x.hex() for node in Graph(y) for x in (node.data, node.grad, *node.partials)])
"""


@pytest.mark.skipif(not autograd_lite.COMPILED, reason="there is only the pure engine here")
def test_both_builds_give_the_same_bits(tmp_path):
    def run(code):
        return subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)

    # numpy and others stay compiled: only pure modules may come before the switch
    compiled, pure = run(GRADIENTS), run("import numpy, mpmath, pytest, hypothesis\n" + SOURCE_ONLY + GRADIENTS)
    assert (compiled.stderr.strip(), pure.stderr.strip()) == ("True", "False")
    assert compiled.stdout == pure.stdout
    assert compiled.stdout.count("0x") > 20_000


def test_a_script_for_a_two_tuple_engine_runs_with_the_same_losses(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    train = importlib.import_module("character_model").train
    other = importlib.import_module("two_tuples").Value
    ours, theirs = train(Value, steps=3), train(other, steps=3)
    assert ours == pytest.approx(theirs, rel=1e-12)
    assert ours[0] != ours[1]
