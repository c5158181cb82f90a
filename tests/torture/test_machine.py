"""Everything that a program may do to Values, in any order, against an engine of plain floats."""

import pytest
import world
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

NUMBERS = st.floats(-3.0, 3.0) | st.sampled_from(world.NUMBERS)
OPERANDS = st.integers(0, 999) | NUMBERS
STRATEGIES = {
    **{kind: st.sampled_from(choices) for kind, choices in world.CHOICES.items()},
    "number": NUMBERS,
    "node": st.integers(0, 999),
    "operand": OPERANDS,
    "operands": st.lists(OPERANDS, max_size=5),
}


class Machine(RuleBasedStateMachine):
    """One rule for each of the world's actions."""

    @initialize(x=NUMBERS)
    def begin(self, x):
        world.armed[0] = None
        self.world = world.World()
        self.world.leaf(x, "w")

    @invariant()
    def nothing_else_has_changed(self):
        self.world.check()


def rule_of(name):
    def act(self, arguments):
        getattr(self.world, name)(*arguments)

    act.__name__ = name
    return rule(arguments=st.tuples(*[STRATEGIES[kind] for kind in world.ACTIONS[name]]))(act)


for name in world.ACTIONS:
    setattr(Machine, name, rule_of(name))


def test_any_order_of_actions_does_what_the_reference_does():
    run_state_machine_as_test(Machine, settings=settings(max_examples=25, stateful_step_count=40))


@pytest.mark.torture
def test_any_order_of_actions_does_what_the_reference_does_at_length():
    run_state_machine_as_test(Machine, settings=settings(max_examples=150, stateful_step_count=100))


def test_random_programs_do_what_the_reference_does():
    for seed in range(8):
        world.run(seed, 150)


@pytest.mark.torture
@pytest.mark.parametrize("seed", range(2))
def test_long_random_programs_do_what_the_reference_does(seed):
    for i in range(40):
        world.run(1000 * seed + i, 300)
