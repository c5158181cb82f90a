"""The native and the plain build do the same with every kind of operand: same values, bits and exception types."""

import json
import re
import sys
from pathlib import Path

import pytest
from helpers import run_program
from test_builds import SOURCE_ONLY, only_where_native

OPERANDS = Path(__file__).with_name("operands.py")

# Calls of a type's internals, which are Python's own: a class of Python is lax where a native type is strict (or its
# `__init__` has nothing left to do). Neither crashes.
INTERNALS = {
    "__init__(x)",
    "two __init__",
    "__new__(x)",
    "object.__new__",
    "Value.exp(x)",
    "Value.__add__(x, v)",
    "Value.data.fget(x)",
}

# The texts that differ, of exceptions of the same type. All are Python's own: about an attribute that cannot be set or
# deleted, a wrong number of arguments, an operator that no operand knows, an argument of another kind.
PYTHONS_WORDS = (
    "has no setter|has no deleter|is not writable|cannot be deleted|has no attribute"
    "|positional argument|takes at most|takes no arguments|missing|expected"
    "|unsupported operand|can't multiply sequence|can only concatenate|must be|not supported|object is not iterable"
    "|not callable|is not iterable|requires an argument|interpreted as an integer|descriptor|not allowed unless"
)

ADDRESS = re.compile(r"\d{12,}")  # in the text of the memo that deepcopy keeps


@pytest.fixture(scope="module")
def cases():
    """What happened in each case, in both builds: (what was done, native, its text, plain, its text)."""
    outputs = []
    for prefix in ("", "import numpy, decimal\n" + SOURCE_ONLY):  # these stay compiled
        code = f"{prefix}import runpy; runpy.run_path({str(OPERANDS)!r}, run_name='__main__')"
        run = run_program(sys.executable, "-P", "-c", code, check=False)
        assert run.returncode == 0, run.stderr
        outputs.append((run.stderr, [json.loads(line) for line in run.stdout.splitlines()]))
    (native_file, native), (plain_file, plain) = outputs
    assert plain_file.strip().endswith(".py") and not native_file.strip().endswith(".py")
    assert [case for case, _, _ in native] == [case for case, _, _ in plain]
    return [(case, *ours, *theirs) for (case, *ours), (_, *theirs) in zip(native, plain, strict=True)]


@only_where_native
def test_every_operand_gives_the_same_in_every_place(cases):
    differ = [
        (case, native, plain)
        for case, native, _, plain, _ in cases
        if native != plain and case.split(":")[0] not in INTERNALS
    ]
    assert differ == []
    assert len(cases) > 19_000


@only_where_native
def test_only_texts_of_python_itself_differ(cases):
    ours = [
        (case, text, other)
        for case, native, text, plain, other in cases
        if native == plain and ADDRESS.sub("", text) != ADDRESS.sub("", other) and not re.search(PYTHONS_WORDS, text)
    ]
    assert ours == []
