"""The passes between the normal form and the writers, each by itself: grids, index arrays, contractions, expressions."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from invariants import check_backward, check_program

from autograd_lite import Value, compile, dot, ops, tanh
from autograd_lite.compiler import plan as plan_module
from autograd_lite.compiler.ir.differentiate import differentiate
from autograd_lite.compiler.ir.expressions import Expression, calls_of, formula_of, in_order, numpy_name
from autograd_lite.compiler.ir.grids import find_grids
from autograd_lite.compiler.ir.program import Block, Part, Program
from autograd_lite.compiler.ir.rows import Rows, common_shape, partition, pieces, strides_of
from autograd_lite.compiler.numpy.contractions import Contractions
from autograd_lite.compiler.numpy.operands import SAMPLES, Operands
from autograd_lite.compiler.text.contractions import Contraction
from autograd_lite.compiler.text.names import Names
from autograd_lite.graph.rules import Symbol

# --- grids ------------------------------------------------------------------------------------------------------------

factor_lists = st.lists(st.integers(0, 5), min_size=2, max_size=2).map(tuple)


@given(st.lists(st.tuples(factor_lists, factor_lists), max_size=20))
def test_each_sum_is_one_cell_of_one_grid_or_left_over(sums):
    grids, left_over = find_grids(sums, list)
    cells = [
        (left, right)
        for grid in grids
        for lefts, rights in zip(grid.lefts, grid.rights, strict=True)
        for left in lefts
        for right in rights
        if (left, right) in grid.members
    ]
    assert sorted(cells) == sorted(set(sums))
    assert len(cells) == len(set(cells))
    assert len(left_over) == len(sums) - len(set(sums))
    for grid in grids:
        assert all(sums[number] == pair for pair, number in grid.members.items())


@given(st.integers(1, 4), st.integers(1, 4), st.randoms())
def test_a_product_of_all_left_and_all_right_lists_is_one_grid(height, width, draw):
    sums = [((i, i + 10), (j + 20, j + 30)) for i in range(height) for j in range(width)]
    draw.shuffle(sums)
    grids, left_over = find_grids(sums, list)
    assert not left_over
    assert sum(len(grid.lefts) for grid in grids) == 1
    assert {left for left, _ in sums} == set(grids[0].lefts[0])
    assert grids[0].rights[0] == sorted({right for _, right in sums})


def test_a_causal_mask_is_one_grid_with_gaps():
    sums = [((i,), (j,)) for i in range(4) for j in range(4) if j <= i]
    ((grid,), left_over) = find_grids(sums, list)
    assert not left_over
    assert (len(grid.lefts[0]), len(grid.rights[0]), len(grid.members)) == (4, 4, 10)


# --- index arrays -----------------------------------------------------------------------------------------------------

shapes = st.lists(st.integers(1, 4), min_size=1, max_size=3)


@given(shapes, st.lists(st.integers(-5, 5), min_size=3, max_size=3), st.integers(20, 30))
def test_evenly_spaced_row_numbers_are_found_along_every_axis(shape, steps, start):
    index = np.full(shape, start)
    for axis, n in enumerate(shape):
        index += (steps[axis] * np.arange(n)).reshape([-1 if a == axis else 1 for a in range(len(shape))])
    found = strides_of(index)
    assert found == tuple([step if n > 1 else 0 for step, n in zip(steps, shape, strict=False)])


@given(st.lists(st.lists(st.integers(0, 9), min_size=6, max_size=6), min_size=1, max_size=3))
def test_a_common_shape_makes_all_row_numbers_evenly_spaced(lists):
    indices = [np.array(numbers) for numbers in lists]
    shape = common_shape(indices)
    if shape is not None:
        assert all(strides_of(index.reshape(shape)) is not None for index in indices)


def test_the_pieces_of_row_numbers():
    assert [pieces(np.array(index)) for index in ([3], [1, 2, 3], [0, 2, 4, 5])] == [1, 1, 2]


@given(st.lists(st.integers(0, 20)), st.integers(1, 4))
def test_a_partition_keeps_every_item_in_order(items, count):
    parts = partition(items, lambda x: x % count)
    assert sorted(x for part in parts for x in part) == sorted(items)
    assert all(len({x % count for x in part}) == 1 for part in parts)
    assert [x for x in items if x % count == 0] in [[], *parts]


# --- contractions -----------------------------------------------------------------------------------------------------

SPECS = [
    *["glk,grkn->glrn", "glk,grkn->grln", "glk,grk->glr", "glkn,grkn->glrn", "glkn,grkn->grln"],
    *["glrn,grkn->glk", "glk,glrn->grkn", "grln,grkn->glk", "glkn,glrn->grkn", "mk,mkn->mn", "mkn,mkn->mn"],
    *["mn,mkn->mk", "mk,mn->mkn", "mkn,mn->mkn"],
]


@st.composite
def contractions(draw):
    """A part, with the number of rows and of places that its operands need."""
    spec = draw(st.sampled_from(SPECS))
    inputs, out = spec.split("->")
    sizes = {axis: draw(st.integers(1, 3)) for axis in "glrkm"}
    used = {True: 0, False: 0}
    factors = []
    for axes in inputs.split(","):
        shape = [sizes[axis] for axis in axes if axis != "n"]
        batched, count = "n" in axes, int(np.prod(shape))
        numbers = (
            np.arange(count) if draw(st.booleans()) else np.array(draw(st.permutations(range(count))), dtype=np.intp)
        )
        factors.append(Rows(batched, (used[batched] + numbers).reshape(shape)))
        used[batched] += count
    shape = tuple([sizes[axis] for axis in out if axis != "n"])
    target = Rows("n" in out, used["n" in out] + np.arange(int(np.prod(shape))).reshape(shape))
    used[target.batched] += target.index.size
    return Part(draw(st.sampled_from([1.0, -1.0, 0.5])), tuple(factors), spec), target, used


def program_of(part, target, used):
    """A program whose inputs and parameters are the operands of a contraction."""
    inputs = [rows.index.ravel() for rows in part.factors if rows.batched]
    blocks = [Block(f"x_{'ab'[i]}", True, int(rows.min()), len(rows)) for i, rows in enumerate(inputs)]
    blocks.append(Block("out", target.batched, int(target.index.min()), target.index.size))
    places = np.arange(used[False])
    return Program(
        [], blocks, inputs, [(len(x),) for x in inputs], [], {}, [], places, [], used[True], used[False], set(), set()
    )


def numbers_of(used, samples):
    draw = np.random.default_rng(0)
    return {True: draw.normal(size=(used[True], samples)), False: draw.normal(size=used[False])}


def expected(part, numbers):
    return part.coefficient * np.einsum(part.spec, *[numbers[rows.batched][rows.index] for rows in part.factors])


@settings(max_examples=150, deadline=None)
@given(contractions(), st.sampled_from([1, 4]))
def test_a_contraction_in_numpy_is_that_of_einsum(case, samples):
    part, target, used = case
    numbers = numbers_of(used, samples)
    wanted = expected(part, numbers) / part.coefficient
    operands = Operands(program_of(part, target, used))
    base = "values" if target.batched else "parameters"
    Contractions(operands).write(part, base, target.index, target.batched, target)
    arrays = {"values": numbers[True], "parameters": numbers[False]}
    for name, shape in operands.buffers.items():
        arrays[name] = np.zeros([samples if n == SAMPLES else n for n in shape])
    for name, constant in operands.constants.items():
        is_flat = isinstance(constant, tuple)
        arrays[name] = arrays[constant[1]].reshape((-1, samples) if constant[2] else -1) if is_flat else constant
    for name, view in operands.views.items():
        arrays[name] = view.make(arrays)
    exec(
        "\n".join(operands.lines),
        {"add": np.add, "multiply": np.multiply, "matmul": np.matmul, "einsum": np.einsum},
        arrays,
    )
    np.testing.assert_allclose(numbers[target.batched][target.index], wanted, rtol=1e-12, atol=1e-12)


@settings(max_examples=150, deadline=None)
@given(contractions(), st.sampled_from([1, 4]), st.booleans())
def test_a_contraction_as_text_is_that_of_einsum(case, samples, reverse):
    part, target, used = case
    numbers = numbers_of(used, samples)
    wanted = expected(part, numbers)
    program = program_of(part, target, used)
    names = Names(program, {}, "f")
    for i, rows in enumerate(rows for rows in part.factors if not rows.batched):
        names._add_array(f"W{'ab'[i]}", False, rows.index.shape, rows.index)
    contraction = Contraction(part, names)
    axes = contraction.axes[::-1] if reverse else contraction.axes
    arrays = {
        array.name: numbers[array.batched][array.addresses].reshape((*array.shape, *[samples] * array.batched))
        for array, _ in [home for homes in names.home.values() for home in homes if home is not None]
    }
    scope = {name: getattr(np, name) for name in ("einsum", "outer", "transpose", "concatenate")}
    found = eval(str(contraction.text(axes)), {**scope, "n": samples, **arrays, **names.constants})
    samples_axis = [samples] * contraction.has_samples
    wanted = wanted.reshape((*contraction.shape, *samples_axis))
    if reverse:
        order = [*reversed(range(len(contraction.shape))), *[len(contraction.shape)] * contraction.has_samples]
        wanted = wanted.transpose(order)
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)


# --- expressions ------------------------------------------------------------------------------------------------------


def test_the_symbols_of_an_expression_come_after_their_operands_and_once():
    x = Symbol(0)
    y = x * x
    assert in_order(y + y) == [x, y, y + y]
    assert in_order(2.0) == []


def test_a_deep_expression_needs_no_recursion():
    x = root = Symbol(0)
    for _ in range(5000):
        root = -root
    assert len(in_order(root)) == 5001
    assert in_order(root)[0] is x


def test_only_the_operands_that_an_expression_depends_on_are_used():
    a, b = (Rows(True, np.array([i])) for i in range(2))
    assert Expression(Symbol(1) * 2.0, (a, b)).used() == {1: b}


def test_equal_calls_are_made_once():
    calls, result = calls_of((Symbol(0) * Symbol(1)) + (Symbol(0) * Symbol(1)), {0: "a", 1: "b"}, numpy_name, None)
    assert [(call.function, call.operands) for call in calls] == [("multiply", ("a", "b")), ("add", (0, 0))]
    assert result == 1


def test_a_row_without_a_function_is_replaced_by_its_formula():
    assert formula_of(ops.TANH, (None,)) is None
    calls, _ = calls_of(ops.SIGMOID(Symbol(0)), {0: "a"}, numpy_name, None)
    assert "sigmoid" not in [call.function for call in calls]
    assert len(calls) > 1


# --- the checks of programs themselves --------------------------------------------------------------------------------


@pytest.fixture
def program():
    w, b = [[Value(0.1 * (i + j)) for j in range(3)] for i in range(2)], Value(0.3)
    f = compile(lambda x, y: (tanh(dot(w[0], x, b)) + tanh(dot(w[1], x, b)) - y) ** 2)
    return f.plan(np.ones((2, 3)), np.ones(2)).program


def test_a_sound_program_passes(program):
    check_program(program)
    check_backward(program, differentiate(program))


def test_a_backward_pass_in_another_order_is_found(program):
    backward = differentiate(program)
    backward.sends.reverse()
    with pytest.raises(AssertionError, match="before it is sent"):
        check_backward(program, backward)


def test_a_backward_pass_that_leaves_out_a_parameter_is_found(program):
    backward = differentiate(program)
    backward.sends[:] = [send for send in backward.sends if send.target.batched]
    with pytest.raises(AssertionError, match="no gradient"):
        check_backward(program, backward)


def test_a_backward_pass_prints_what_is_sent_where(program):
    lines = str(differentiate(program)).splitlines()
    assert lines[0].startswith("d_values[")
    assert any(line.startswith("d_parameters[0:") for line in lines)
    assert any(line.endswith("->glk") for line in lines)


def test_a_program_that_reads_what_is_not_yet_computed_is_found(program):
    program.statements.reverse()
    with pytest.raises(AssertionError, match="before it is computed"):
        check_program(program)


def test_a_program_that_computes_a_number_twice_is_found(program):
    program.statements.append(program.statements[-1])
    with pytest.raises(AssertionError, match="computed twice"):
        check_program(program)


def test_a_program_that_leaves_out_a_number_is_found(program):
    program.statements.pop()
    with pytest.raises(AssertionError, match="never computed"):
        check_program(program)


def test_every_program_of_these_tests_is_checked():
    assert plan_module.schedule.__name__ == "checked"
    assert plan_module.differentiate.__name__ == "checked_backward"


def test_the_page_of_the_compiler_names_what_is_in_the_code():
    root = Path(__file__).parents[2]
    page = (root / "docs" / "explanation" / "compiler.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| (?:`(\w+)`: )?.*? \| (.*) \|$", page.partition("## Where to read the code")[2], re.MULTILINE
    )
    files = [(folder, *found) for folder, cell in rows for found in re.findall(r"`(\w+\.py)` \(([^)]*)\)", cell)]
    assert len(files) > 12
    for folder, file, names in files:
        source = (root / "autograd_lite" / "compiler" / folder / file).read_text(encoding="utf-8")
        for name in re.findall(r"`(\w+)`", names):
            assert re.search(rf"^(class|def) {name}\b", source, re.MULTILINE), (file, name)
