"""A million training steps: the memory after the first hundredth of them is the memory at the end."""

import json
import sys
from pathlib import Path

import pytest
from helpers import run_program

SOAK = Path(__file__).parent / "soak.py"
LONGEST = 500  # seconds


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
@pytest.mark.parametrize(
    ("kind", "number", "growth"),  # in kB; a leak of one float a step would be 8 bytes · number
    [
        ("steps", 20_000, 600),
        pytest.param("steps", 1_000_000, 600, marks=pytest.mark.torture),
        pytest.param("fit", 400_000, 3000, marks=pytest.mark.torture),
    ],
)
def test_training_for_long_takes_no_more_memory(kind, number, growth):
    command = [sys.executable, str(SOAK), kind, str(number)]
    result = json.loads(run_program(*command, timeout=LONGEST).stdout)
    assert result["highest"] - result["first"] < growth
    before, after = result["loss"]
    assert after < before
