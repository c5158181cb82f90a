"""Random programs: compiled they give what the function itself gives, sample by sample, and so do the gradients."""

import copy
import functools

import numpy as np
import pytest
from programs import ROWS, RandomProgram

from autograd_lite import Value, compile, grad, gradients, mean, no_grad

DEFAULT, MANY = 300, 20_000
EACH = 500  # of a test of the mark torture

# Compiled and eager take sums in another order, and so does the error of a float32: of a node the last digits differ. That
# reaches the result times the derivative of the result by that node. `_allowance` adds these up, in absolute terms, so that
# what cancels out in a result does not count as a difference. A local derivative is itself a moderate function of nodes.
RTOL, SINGLE = 1e-9, 1e-3


def to_values(nested):
    return [to_values(x) for x in nested] if isinstance(nested, list) else Value(nested)


def flat(nested):
    return [y for x in nested for y in flat(x)] if isinstance(nested, list) else [nested]


def samples(batch):
    return [[argument[i].tolist() for argument in batch] for i in range(len(batch[0]))]


def allowance(root):
    """The sum over all nodes of |their number| · |derivative of the root|, with no term cancelling another."""
    nodes = root.topological_order()
    reach = {root: 1.0}
    size = 1.0
    for node in reversed(nodes):
        own = reach.get(node, 0.0)
        size += own * max(1.0, abs(node.data))
        for parent, partial in zip(node.parents, node.partials, strict=True):
            reach[parent] = reach.get(parent, 0.0) + own * abs(partial)
    return size


class Eager:
    """What a program's function gives for a batch, one sample after the other."""

    def __init__(self, program, batch):
        results = [flat([program(*sample)]) for sample in samples(batch)]
        self.outputs = np.array([[float(y) for y in ys] for ys in results])
        of_values = flat([program(*to_values(samples(batch)[0]))])
        assert self.outputs[0].tolist() == [float(y) for y in of_values]
        sums = [program.add_up(ys) for ys in results]
        self.sizes = np.array([allowance(y) if isinstance(y, Value) else 1.0 for y in sums])
        self.mean = float(np.mean([float(y) for y in sums]))
        for p in program.parameters:
            p.grad = 0.0
        result = mean(sums)
        if isinstance(result, Value):
            result.backward()
        self.gradient = np.array([p.grad for p in program.parameters])
        for p in program.parameters:
            p.grad = 0.0
        self.result = result


def compare(program):
    """Raise an AssertionError where the compiled program differs."""
    f = compile(program)
    by_sum = compile(lambda *xs: program.add_up(flat([program(*xs)]))) if isinstance(program.outputs, tuple) else f
    for n, batch in enumerate(program.batches):
        for setting in program.settings:
            for parameter, data in zip(program.parameters, setting, strict=True):
                parameter.data = data
            eager = Eager(program, batch)
            found = f(*batch)
            assert found.dtype == np.float64
            assert_close(found, eager.outputs, RTOL * eager.sizes)
            assert by_sum.backward(*batch) == pytest.approx(eager.mean, rel=RTOL, abs=RTOL * eager.sizes.max())
            gradient = [p.grad for p in program.parameters]
            np.testing.assert_allclose(gradient, eager.gradient, rtol=RTOL, atol=RTOL * eager.sizes.max())
            if n == 1 and isinstance(eager.result, Value):  # of the smaller batch: this takes the most time
                gradient = [float(slope) for slope in gradients(eager.result, program.parameters)]
                np.testing.assert_allclose(gradient, eager.gradient, rtol=RTOL, atol=RTOL * eager.sizes.max())
            found = f(*[argument.astype(np.float32) for argument in batch])
            assert found.dtype == np.float32
            assert_close(found, eager.outputs, SINGLE * eager.sizes)


def assert_close(found, expected, atol):
    found = found.reshape(expected.shape)
    assert (abs(found - expected) <= atol[:, None]).all(), f"compiled: {found.tolist()}, eager: {expected.tolist()}"


def check(seeds):
    for seed in seeds:
        program = RandomProgram(seed, 4 + seed % 24)
        try:
            compare(program)
        except Exception as error:
            error.add_note(str(program))
            raise


@pytest.mark.parametrize("first", range(0, DEFAULT, 30))
def test_random_programs(first):
    check(range(first, first + 30))


@pytest.mark.torture
@pytest.mark.parametrize("first", range(DEFAULT, MANY, EACH))
def test_many_random_programs(first):
    check(range(first, min(first + EACH, MANY)))


def test_the_programs_use_every_row_of_the_table():
    used = {step.name for seed in range(DEFAULT) for step in RandomProgram(seed, 4 + seed % 24).steps}
    assert {op.name for op in ROWS} <= used


# --- the same program, called otherwise -------------------------------------------------------------------------------


class Holder:
    def __init__(self, program):
        self.program = program

    @compile
    def method(self, *arguments):
        return self.program(*arguments)


def inside_another(f):
    inner = compile(f)
    return compile(lambda *xs: inner(*xs))


def under_no_grad(f, arguments):
    with no_grad():
        return f(*arguments)


FORMS = {
    "keywords": lambda f, xs: compile(lambda **k: f(*k.values()))(**{f"x{i}": x for i, x in enumerate(xs)}),
    "a dict": lambda f, xs: compile(lambda d: f(*d.values()))({f"x{i}": x for i, x in enumerate(xs)}),
    "a tuple": lambda f, xs: compile(lambda t: f(*t))(tuple(xs)),
    "a dict of a tuple": lambda f, xs: compile(lambda d: f(*d["all"]))({"all": tuple(xs)}),
    "a method": lambda f, xs: Holder(f).method(*xs),
    "a partial function": lambda f, xs: compile(functools.partial(f))(*xs),
    "an option": lambda f, xs: compile(lambda *a, scale: f(*a) if scale == 1 else None)(*xs, scale=1),
    "a copy before": lambda f, xs: copy.deepcopy(compile(f))(*xs),
    "a compiled function inside": lambda f, xs: inside_another(f)(*xs),
    "lists": lambda f, xs: compile(f)(*[x.tolist() for x in xs]),
    "Fortran order": lambda f, xs: compile(f)(*[np.asfortranarray(x) for x in xs]),
    "every second row": lambda f, xs: compile(f)(*[np.repeat(x, 2, axis=0)[::2] for x in xs]),
    "a read-only view": lambda f, xs: compile(f)(*[np.broadcast_to(x, x.shape) for x in xs]),
    "inside no_grad": lambda f, xs: under_no_grad(compile(f), xs),
    "in halves": lambda f, xs: np.concatenate([compile(f)(*[x[:2] for x in xs]), compile(f)(*[x[2:] for x in xs])]),
}


@pytest.mark.parametrize("form", FORMS)
def test_however_a_program_is_called(form):
    for seed in range(12):
        program = RandomProgram(seed, 12)
        batch = program.batches[0]
        expected = np.array([[float(y) for y in flat([program(*sample)])] for sample in samples(batch)])
        found = FORMS[form](program, batch)
        np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=1e-9, atol=1e-9, err_msg=str(program))


def test_grad_of_a_compiled_program():
    for seed in range(40):
        program = RandomProgram(seed, 12)
        if isinstance(program.outputs, tuple):
            continue
        sample = samples(program.batches[0])[0]
        own = grad(program, argnums=tuple(range(len(sample))))(*sample)
        found = grad(compile(program), argnums=tuple(range(len(sample))))(*sample)
        assert [float(x) for x in flat(list(found))] == [float(x) for x in flat(list(own))], str(program)
