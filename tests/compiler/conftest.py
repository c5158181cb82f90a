"""Each program that these tests compile is checked for its invariants."""

import pytest
from invariants import check_backward, check_program

from autograd_lite.compiler import plan


@pytest.fixture(autouse=True)
def checked_programs(monkeypatch):
    schedule = plan.schedule

    def checked(form, arguments):
        program = schedule(form, arguments)
        check_program(program)
        if len(program.outputs) == 1:
            check_backward(program)
        return program

    monkeypatch.setattr(plan, "schedule", checked)
