"""Each program that these tests compile is checked for its invariants."""

import pytest
from invariants import check_backward, check_program

from autograd_lite.compiler import plan


@pytest.fixture(autouse=True)
def checked_programs(monkeypatch):
    schedule, differentiate = plan.schedule, plan.differentiate

    def checked(form, arguments):
        program = schedule(form, arguments)
        check_program(program)
        return program

    def checked_backward(program):
        backward = differentiate(program)
        check_backward(program, backward)
        return backward

    monkeypatch.setattr(plan, "schedule", checked)
    monkeypatch.setattr(plan, "differentiate", checked_backward)
