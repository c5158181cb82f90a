"""The fuzzers of tests/fuzz, each for a fixed number of inputs; anyone can run them for as long as they like."""

import importlib.util
import os
import platform
import re
import sys
from pathlib import Path

import pytest
from helpers import run_program

FUZZERS = Path(__file__).parent.parent / "fuzz"


def has_atheris():
    if importlib.util.find_spec("atheris"):
        return True
    wheels = platform.python_implementation() == "CPython" and (sys.platform, platform.machine()) == ("linux", "x86_64")
    if os.environ.get("CI") and wheels:
        pytest.fail("the fuzzers must run in CI: pip install atheris")
    return False


@pytest.mark.torture
@pytest.mark.parametrize(("fuzzer", "runs"), [("parser", 60_000), ("load", 60_000), ("labels", 300)])
def test_a_fuzzer_finds_nothing(fuzzer, runs, tmp_path):
    if not has_atheris():
        pytest.skip('coverage-guided fuzzing needs atheris: pip install "autograd-lite[fuzz]"')
    command = [sys.executable, str(FUZZERS / f"{fuzzer}.py"), f"-runs={runs}", "-seed=1", "-timeout=60"]
    run = run_program(*command, cwd=tmp_path, check=False, timeout=500)
    assert run.returncode == 0, run.stderr[-5000:]
    assert f"Done {runs} runs" in run.stderr
    coverage = [int(number) for number in re.findall(r"cov: (\d+)", run.stderr)]
    assert coverage[-1] > coverage[0], "nothing was instrumented"
