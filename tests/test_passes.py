"""The passes over a graph: backward, forward, zero_grad; on any graph, of any size, in threads."""

import copy
import gc
import math
import pickle
import sys
import threading
from random import Random

import mpmath
import pytest
from helpers import ANY_FLOAT, BINARY, UNARY, bits, in_threads, run_program, wait_for
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import JUMPS, STEPS, InMpmath

from autograd_lite import (
    NATIVE,
    Graph,
    Value,
    dot,
    functions,
    logsumexp,
    mean,
    no_grad,
    ops,
    softmax,
    tanh,
    total,
)
from autograd_lite.value import add_gradients


def build(f, plan, leaves):
    """A DAG with shared subexpressions: each step takes earlier nodes."""
    nodes = list(leaves)
    for name, i, j in plan:
        x, y = nodes[i % len(nodes)], nodes[j % len(nodes)]
        nodes.append(STEPS[name](f, x, y))
    result = nodes[0]
    for node in nodes[-8:]:
        result = result + node
    return result


def plan_of(seed, length):
    random = Random(seed)
    steps = list(STEPS)
    return [(random.choice(steps), random.randrange(10**6), random.randrange(10**6)) for _ in range(length)]


PLANS = st.builds(plan_of, st.integers(0, 2**32), st.integers(1, 200))


def test_the_random_graphs_use_every_operation_of_the_table():
    # `greater` is the condition of `where`; what jumps is constant almost everywhere.
    rows = {op.name for op in ops.TABLE.values() if op.public}
    assert rows - STEPS.keys() == {"neg", "abs", *[op.name for op in JUMPS]}


@given(
    plan=PLANS, data=st.lists(st.floats(-1.9, 1.9), min_size=3, max_size=3, unique=True), direction=st.integers(0, 2)
)
@settings(max_examples=60)
def test_gradients_of_random_graphs_equal_40_digit_differences(plan, data, direction):
    leaves = [Value(x) for x in data]
    y = build(functions, plan, leaves)
    y.backward()
    with mpmath.workdps(60):
        h = mpmath.mpf(10) ** -25
        points = [[mpmath.mpf(x) for x in data] for _ in range(2)]
        points[0][direction] -= h
        points[1][direction] += h
        below, above = (build(InMpmath(), plan, point) for point in points)
        exact = build(InMpmath(), plan, [mpmath.mpf(x) for x in data])
        one_sided = (exact - below) / h, (above - exact) / h
        expected = (above - below) / (2 * h)
    assert y.data == pytest.approx(float(exact), rel=1e-9, abs=1e-9)
    if abs(one_sided[0] - one_sided[1]) < 1e-12:  # not on a kink
        assert leaves[direction].grad == pytest.approx(float(expected), rel=1e-9, abs=1e-9)


@given(plan=PLANS, data=st.lists(st.floats(-1.9, 1.9), min_size=3, max_size=3))
@settings(max_examples=30)
def test_forward_after_changing_leaves_equals_a_fresh_build(plan, data):
    leaves = [Value(0.3), Value(-0.7), Value(1.1)]
    y = build(functions, plan, leaves)
    y.forward()
    for leaf, x in zip(leaves, data, strict=True):
        leaf.data = x
    fresh_leaves = [Value(x) for x in data]
    fresh = build(functions, plan, fresh_leaves)
    assert bits(y.forward()) == bits(fresh.data)
    y.backward()
    fresh.backward()
    assert [bits(leaf.grad) for leaf in leaves] == [bits(leaf.grad) for leaf in fresh_leaves]
    assert [node.partials for node in Graph(y)] == [node.partials for node in Graph(fresh)]


@given(plan=PLANS)
@settings(max_examples=30)
def test_a_second_backward_doubles_the_leaves_and_leaves_inner_nodes_alone(plan):
    leaves = [Value(0.3), Value(-0.7), Value(1.1)]
    y = build(functions, plan, leaves)
    y.backward()
    once = [leaf.grad for leaf in leaves]
    inner = [node.grad for node in Graph(y) if not node.is_leaf]
    y.backward()
    assert [leaf.grad for leaf in leaves] == [2 * g for g in once]
    assert [node.grad for node in Graph(y) if not node.is_leaf] == inner


def test_two_outputs_over_a_shared_subgraph_add_up():
    x = Value(3.0)
    shared = x * x
    a, b = 2 * shared, shared * x
    a.backward()
    b.backward()
    assert x.grad == 4 * 3.0 + 3 * 9.0


def test_backward_of_a_leaf_accumulates_into_itself():
    x = Value(3.0)
    x.backward()
    x.backward(2.0)
    assert x.grad == 3.0


def test_backward_starts_from_the_gradient_given():
    x = Value(3.0)
    (x * x).backward(0.5)
    assert x.grad == 3.0


def test_backward_refuses_a_gradient_that_is_not_a_number_and_changes_nothing():
    x = Value(3.0)
    y = x * x
    y.backward()
    with pytest.raises(TypeError, match="gradient"):
        y.backward("1")
    assert (x.grad, y.grad) == (6.0, 1.0)


def test_gradients_from_elsewhere_are_added_to_those_that_are_there():
    leaves = [Value(1.0), Value(2.0)]
    leaves[0].grad = 5.0
    add_gradients(leaves, [0.5, -1.0])
    assert [leaf.grad for leaf in leaves] == [5.5, -1.0]


def test_zero_grad_clears_the_whole_graph():
    x = Value(3.0)
    y = tanh(x * x) + x
    y.backward()
    y.zero_grad()
    assert {node.grad for node in Graph(y)} == {0.0}


def test_forward_can_be_called_again_after_the_leaf_that_made_it_raise_is_mended():
    x = Value(2.0, "x")
    y = functions.log(x) * 3
    x.data = -1.0
    with pytest.raises(ValueError, match=r"log\(x=-1.0\)"):
        y.forward()
    x.data = 1.0
    assert y.forward() == 0.0


def test_forward_returns_the_data_of_a_leaf():
    assert Value(3.0).forward() == 3.0


def test_worked_example_of_a_neuron_as_one_dot():
    w, x, b = [Value(0.5), Value(-1.0)], [Value(2.0), Value(3.0)], Value(1.0)
    y = dot(w, x, b)
    assert len(Graph(y)) == 6
    y.backward()
    assert [v.grad for v in (*w, *x, b)] == [2.0, 3.0, 0.5, -1.0, 1.0]


def test_dot_adds_left_to_right_from_the_bias():
    a, b, bias = [0.1, 0.7, 1e16], [3.0, 0.3, 1.0], 0.2
    expected = ((bias + a[0] * b[0]) + a[1] * b[1]) + a[2] * b[2]
    assert dot([Value(x) for x in a], b, bias).data == expected == dot(a, b, bias)


def test_dot_of_a_list_with_itself():
    x = [Value(2.0), Value(3.0)]
    y = dot(x, x)
    y.backward()
    assert [v.grad for v in x] == [4.0, 6.0]


def test_functions_of_sequences_take_any_iterable():
    xs = [Value(1.0), Value(2.0)]
    assert total(x for x in xs).data == 3.0
    assert mean(iter(xs)).data == 1.5
    assert [p.data for p in softmax(tuple(xs))] == pytest.approx([1 / (1 + math.e), math.e / (1 + math.e)])
    assert total([]) == 0.0


@pytest.mark.parametrize("function", [mean, logsumexp, softmax])
def test_functions_that_need_a_number_refuse_an_empty_sequence(function):
    with pytest.raises(ValueError, match="at least one"):
        function([])


def test_dot_refuses_sequences_of_different_lengths():
    with pytest.raises(ValueError, match="1 and 2"):
        dot([Value(1.0)], [1.0, 2.0])
    with pytest.raises(ValueError, match="2 and 1"):
        dot([Value(1.0), 2.0], [1.0])


# --- size -------------------------------------------------------------------------------------------------------------

LENGTH = 1_000_000 if NATIVE else 100_000


def chain(length):
    x = Value(1.0, "x")
    y = x
    for _ in range(length // 2):
        y = y * 0.999999 + 1e-6
    return x, y


@pytest.mark.slow
def test_a_long_chain_goes_through_every_pass():
    x, y = chain(LENGTH)
    y.backward()
    assert x.grad == pytest.approx(0.999999 ** (LENGTH // 2))
    x.data = 2.0
    assert y.forward() == pytest.approx(1.0 + 0.999999 ** (LENGTH // 2))
    y.zero_grad()
    assert x.grad == 0.0
    twin = copy.deepcopy(y)
    assert twin.data == y.data
    del y
    twin.backward()


@pytest.mark.slow
def test_a_long_chain_pickles():
    _, y = chain(LENGTH)
    assert pickle.loads(pickle.dumps(y)).forward() == y.data


def test_a_node_used_many_times_and_a_sum_of_many_terms():
    x = Value(1.0)
    y = total([x * 1.0 for _ in range(100_000)]) + dot([x] * 100_000, [1.0] * 100_000)
    y.backward()
    assert x.grad == 200_000.0


def test_an_exponential_number_of_paths_is_one_pass():
    x = Value(1.0)
    y = x
    for _ in range(200):
        y = (y + y) * 0.5
    y.backward()
    assert x.grad == 1.0


def test_a_graph_is_released_without_the_collector():
    gc.collect()
    gc.disable()
    try:
        x, y = chain(1000)
        nodes = [y]
        del y
        before = sys.getrefcount(x)
        del nodes
        assert sys.getrefcount(x) < before
        gc.set_debug(gc.DEBUG_SAVEALL)  # what other threads leave is not ours: only the graph must leave nothing
        gc.collect()
        assert not [rest for rest in gc.garbage if isinstance(rest, Value)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


RELEASE = """
import sys, threading
from autograd_lite import Value, dot, total

def chain(n, x):
    y = x
    for _ in range(n):
        y = y * 0.5 + x
    return y

def wide(n, x):
    return total([dot([x * 1.0 for _ in range(10)], [1.0] * 10) for _ in range(n)])

def sequences(n, x):
    y = x
    for _ in range(n):
        y = total([y, x])
    return y

def replayed(n, x):
    y = chain(n, x)
    y.forward()
    return y

def in_lists(make, n, x):
    nest = make(n, x)
    for _ in range(200_000):
        nest = [nest]
    return nest

def in_generators(make, n, x):
    def hold(value):
        yield value
    held = [hold(make(n, x)) for _ in range(3)]
    for generator in held:
        next(generator)
    return held

def in_traceback(make, n, x):
    def dive(depth, value):
        if not depth:
            raise KeyError
        dive(depth - 1, value)
    try:
        dive(500, make(n, x))
    except KeyError as error:
        return error

x = Value(1.0)
n = int(sys.argv[1])
for make in (chain, wide, sequences, replayed):
    kept = make(n, x)
    del kept
    for holder in (in_lists, in_generators, in_traceback):
        kept = holder(make, n // 10, x)
        del kept

def work():
    for make in (chain, wide, sequences, replayed):
        for _ in range(3):
            make(n // 10, Value(1.0))

threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
at_exit = replayed(n, x)
print("released")
"""


@pytest.mark.slow
def test_graphs_are_released_wherever_they_hang():
    run = run_program(sys.executable, "-c", RELEASE, LENGTH // 10, check=False)
    assert (run.returncode, run.stdout.strip(), run.stderr) == (0, "released", "")


# --- threads ----------------------------------------------------------------------------------------------------------


def test_threads_lose_no_update_of_shared_leaves():
    shared = [Value(1.0), Value(2.0)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        in_threads(*[lambda: [(shared[0] * shared[1] + shared[0]).backward() for _ in range(10_000)]] * 8)
    finally:
        sys.setswitchinterval(interval)
    assert [leaf.grad for leaf in shared] == [8 * 10_000 * 3.0, 8 * 10_000 * 1.0]


def test_no_grad_is_of_its_own_thread():
    inside, done = threading.Event(), threading.Event()

    def silent():
        with no_grad():
            inside.set()
            wait_for(done, "the other thread has recorded")

    def recording():
        wait_for(inside, "the other thread is inside no_grad()")
        try:
            assert not (Value(1.0) + 1).is_leaf
        finally:
            done.set()

    in_threads(silent, recording)


# --- what is written out for speed ------------------------------------------------------------------------------------


def computed(function, *arguments):
    """The bits of the numbers that a function returns, or the type of its exception."""
    try:
        return [bits(x) for x in function(*arguments)]
    except (ArithmeticError, ValueError) as error:
        return type(error)


def by_its_row(op, *numbers):
    y = op.forward(*numbers)
    return y, *op.partials(*numbers, y)


@given(st.data())
def test_a_node_has_the_numbers_of_its_row(data):
    op = data.draw(st.sampled_from([*UNARY, *BINARY]))
    numbers = data.draw(st.tuples(*[ANY_FLOAT] * op.arity))
    constants = data.draw(st.sampled_from([(), (0,), (1,)])) if op.arity == 2 else ()
    kept = [i for i in range(op.arity) if i not in constants]
    try:
        y, *partials = by_its_row(op, *numbers)
        expected = [bits(x) for x in (y, *[partials[i] for i in kept])]
    except (ArithmeticError, ValueError) as error:
        expected = type(error)
    operands = [x if i in constants else Value(x) for i, x in enumerate(numbers)]

    def build():
        node = op(*operands)
        return node.data, *node.partials

    def replay():
        leaves = [Value(0.5) if i in kept else x for i, x in enumerate(numbers)]
        try:
            node = op(*leaves)
        except (ArithmeticError, ValueError):
            node = None  # the constant allows no operation
        if node is None:
            return build()
        for i in kept:
            leaves[i].data = numbers[i]
        node.forward()
        return node.data, *node.partials

    assert computed(build) == expected
    assert computed(replay) == expected
