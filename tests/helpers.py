"""What several test files use: strategies over the operations table; waiting with a deadline."""

import math
import os
import struct
import subprocess
import threading
from pathlib import Path

from hypothesis import strategies as st

import autograd_lite
from autograd_lite import Value, ops

UNARY = [op for op in ops.TABLE.values() if op.arity == 1]
BINARY = [op for op in ops.TABLE.values() if op.arity == 2]
SEQUENCE = [op for op in ops.TABLE.values() if op.arity == 0]
ANY_FLOAT = st.floats() | st.sampled_from([0.0, -0.0, 1.0, -1.0, 5e-324, 1e308, -1e308, math.inf, -math.inf, math.nan])


def name_of(op):
    return op.name


def bits(x):
    """A float as its bits, so that 0.0 and -0.0 differ and nan equals nan."""
    return "nan" if math.isnan(x) else struct.pack("<d", x)


def outcome(function, *arguments):
    """The bits of a result, or the type of the exception."""
    try:
        result = function(*arguments)
    except (ArithmeticError, ValueError) as error:
        return type(error)
    return bits(result.data if isinstance(result, Value) else result)


def a_new_row(monkeypatch):
    """softsign, as CONTRIBUTING adds it, whose formula is all that there is of it here."""
    partials = lambda x, y: (ops.IEEE_DIV(1.0, (1.0 + ops.ABS(x)) * (1.0 + ops.ABS(x))),)
    formula = lambda x: x / (1.0 + ops.ABS(x))
    row = ops.Op("softsign", "softsign", 1, lambda x: x / (1.0 + abs(x)), partials, formula)
    monkeypatch.setitem(ops.TABLE, "softsign", row)
    return row


# --- waiting ----------------------------------------------------------------------------------------------------------

DEADLINE = 240  # seconds, for what a program or a thread does in a few, or in a minute on a loaded machine


def run_program(*command, **options):
    """What a program that succeeds gave; `TimeoutExpired`, with the command, if it does not end."""
    places = [
        str(Path(autograd_lite.__file__).parents[1]),
        os.environ.get("PYTHONPATH", ""),
    ]  # it need not be installed
    environment = {**(options.pop("env", None) or os.environ), "PYTHONPATH": os.pathsep.join(filter(None, places))}
    options = {"text": True, "check": True, "timeout": DEADLINE, "env": environment, **options}
    if "stdout" not in options:
        options["capture_output"] = True
    return subprocess.run([str(part) for part in command], **options)


def in_threads(*works):
    """Run each function in a thread of its own, all at once; the first error is raised here."""
    errors = []

    def guarded(work):
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(work,), daemon=True, name=repr(work)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
        assert not thread.is_alive(), f"after {DEADLINE} s this thread still runs: {thread.name}"
    for error in errors:
        raise error


def wait_for(event, what):
    assert event.wait(DEADLINE), f"after {DEADLINE} s this has not happened: {what}"
