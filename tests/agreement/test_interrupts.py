"""An interrupt at any instant leaves everything as it was: an exception is raised after each call, and at each line of a pass."""

import contextlib
import functools
import gc
import inspect
import itertools
import linecache
import os
import sys

import numpy as np
import pytest

import autograd_lite
from autograd_lite import Value, compile, data, dot, fit, grad, jacobian, losses, nn, no_grad, optim, predict
from autograd_lite.contexts import is_recording, open_blocks
from autograd_lite.derivatives.objections import current_call
from autograd_lite.value import _passes, gradients_of, tangents_of

PACKAGE = os.path.dirname(autograd_lite.__file__) + os.sep
TRACED = not autograd_lite.NATIVE  # the native passes cannot be interrupted, only what they call


class Interrupt(KeyboardInterrupt):
    """Like Ctrl-C, but certainly ours."""


@contextlib.contextmanager
def looking_on(look, *, by_line):
    """Within this context, `look(frame, kind, result)` is called at each event in the package's code.

    The events are the lines that begin; or the calls that have returned, of Python and of C. What `look` raises is raised
    there, and ends the looking on.
    """
    kinds = ("line",) if by_line else ("c_return", "return")

    def event(frame, kind, result):
        if kind in kinds and is_ours(frame.f_code):
            look(frame, kind, result)
        return event

    setter = sys.settrace if by_line else sys.setprofile
    before = sys.gettrace() if by_line else sys.getprofile()
    try:
        setter(event)
        yield
    finally:
        setter(before)


@functools.cache
def is_ours(code):
    """Whether code belongs to the package."""
    return code.co_filename.startswith(PACKAGE)


def is_at_a_border(frame, kind, result):
    """Whether no interrupt is tried here.

    A context is being entered or left: also at its `with`, where its block has ended. Or a `try` begins: Python 3.11 would
    not leave the context around it, and a real interrupt cannot come there, because the interpreter looks for signals at
    calls and at the ends of loops. Or a generator ends: perhaps because the collector closes it, and then Python itself
    ignores what is raised.
    """
    code = frame.f_code
    if kind == "return" and result is None and code.co_flags & inspect.CO_GENERATOR:
        return True
    if linecache.getline(code.co_filename, frame.f_lineno).strip().startswith(("with ", "try:")):
        return True
    for _ in range(6):
        if frame is None:
            return False
        if (
            frame.f_code.co_name in ("__enter__", "__exit__", "__del__")
            or frame.f_globals.get("__name__") == "contextlib"
        ):
            return True
        frame = frame.f_back
    return False


def numbers_of_events(function, *, by_line, sample):
    """The numbers of the events to raise at, or a sample spread over them.

    Of lines, each time that one begins; of calls, at each place in the text the first and the last one.
    """
    events = itertools.count(1)
    numbers = {}

    def look(frame, kind, result):
        number = next(events)
        if not is_at_a_border(frame, kind, result):
            numbers.setdefault((kind, frame.f_code, frame.f_lasti), []).append(number)

    with looking_on(look, by_line=by_line):
        function()
    chosen = sorted({number for there in numbers.values() for number in (there if by_line else (there[0], there[-1]))})
    return chosen if sample is None else chosen[:: max(1, len(chosen) // sample)]


def interrupt(function, number, *, by_line):
    """Raise at the event with this number, if it comes; and see that nothing keeps the interrupt from the caller."""
    events = itertools.count(1)
    raised = []

    def look(frame, kind, result):
        if next(events) >= number and not is_at_a_border(frame, kind, result):
            raised.append(f"{frame.f_code.co_filename}:{frame.f_lineno}, {kind} in {frame.f_code.co_qualname}")
            raise Interrupt

    with contextlib.suppress(Interrupt), looking_on(look, by_line=by_line):
        function()
        assert raised == []


@contextlib.contextmanager
def unchanged():
    """What belongs to the process is as it was."""
    errors = np.geterr()
    yield
    v = Value(2.0)
    assert float(v) == 2.0
    assert v > 1.0
    assert is_recording()
    assert (v * 2.0).parents == (v,)
    assert np.geterr() == errors
    assert current_call.get() is None
    assert gc.isenabled()
    assert open_blocks.watching == []
    assert open_blocks.count == 0
    assert not _passes.lock._is_owned()


# How many events are interrupted, spread over a run; None: all that `numbers_of_events` gives.
SAMPLE = pytest.mark.parametrize("sample", [25, pytest.param(None, marks=pytest.mark.torture)])


# --- the passes -------------------------------------------------------------------------------------------------------


def graph():
    leaves = [Value(0.5 + i) for i in range(6)]
    y = dot(leaves[:3], leaves[3:]) + sum(leaf * leaf for leaf in leaves)
    return leaves, y * leaves[0]


@pytest.mark.skipif(not TRACED, reason="a native pass is not interrupted")
@pytest.mark.parametrize("is_replayed", [False, True])
@SAMPLE
def test_backward_loses_no_gradient(is_replayed, sample):
    leaves, y = graph()
    if is_replayed:
        y.forward()
    y.backward()
    whole = [leaf.grad for leaf in leaves]
    for number in numbers_of_events(y.backward, by_line=True, sample=sample and 60):
        for i, leaf in enumerate(leaves):
            leaf.grad = 10.0 + i
        with unchanged():
            interrupt(y.backward, number, by_line=True)
        held = [leaf.grad for leaf in leaves]
        nothing, all_of_it = [10.0 + i for i in range(6)], [w + 10.0 + i for i, w in enumerate(whole)]
        assert held in (nothing, all_of_it)
        for leaf in leaves:
            leaf.grad = 0.0
        y.backward()
        assert [leaf.grad for leaf in leaves] == whole


@pytest.mark.skipif(not TRACED, reason="a native pass is not interrupted")
@pytest.mark.parametrize("name", ["forward", "zero_grad", "topological_order"])
@SAMPLE
def test_the_next_pass_is_right(name, sample):
    leaves, y = graph()
    y.backward()
    whole, data_of_y = [leaf.grad for leaf in leaves], y.data
    for number in numbers_of_events(getattr(y, name), by_line=True, sample=sample):
        with unchanged():
            interrupt(getattr(y, name), number, by_line=True)
        assert y.forward() == data_of_y
        for leaf in leaves:
            leaf.grad = 0.0
        y.backward()
        assert [leaf.grad for leaf in leaves] == whole


@pytest.mark.skipif(not TRACED, reason="a native pass is not interrupted")
@SAMPLE
def test_derivatives_without_a_trace_leave_none(sample):
    leaves, y = graph()
    y.backward()
    held = [node.grad for node in y.topological_order()]
    for work in (lambda: gradients_of(y, leaves), lambda: tangents_of([y], leaves, [1.0] * 6)):
        expected = work()
        for number in numbers_of_events(work, by_line=True, sample=sample):
            with unchanged():
                interrupt(work, number, by_line=True)
            assert [node.grad for node in y.topological_order()] == held
            assert work() == expected


@SAMPLE
def test_derivatives_as_functions(sample):
    def f(x, y):
        with no_grad():
            scale = x.data
        return x * y * scale

    work = {
        "grad": lambda: grad(f)(2.0, 3.0),
        "jacobian": lambda: jacobian(lambda xs: [x * xs[0] for x in xs])([1.0, 2.0]),
    }
    for call in work.values():
        expected = call()
        for number in numbers_of_events(call, by_line=False, sample=sample):
            with unchanged():
                interrupt(call, number, by_line=False)
            assert call() == expected


# --- programs ---------------------------------------------------------------------------------------------------------


@SAMPLE
def test_compile(sample):
    w = Value(2.0)
    X = np.array([[1.0, 2.0], [3.0, 4.0]])

    def work():
        return compile(lambda x: (w * x[0] + x[1]).tanh())(X).tolist()

    expected = work()
    for number in numbers_of_events(work, by_line=False, sample=sample):
        with unchanged():
            interrupt(work, number, by_line=False)
        assert work() == expected


@SAMPLE
def test_a_program_that_is_interrupted_goes_on(sample):
    w = Value(2.0)
    f = compile(lambda x: (w * x).tanh())
    X = [1.0, 2.0, 3.0]
    mean = f.backward(X)
    gradient = w.grad
    for number in numbers_of_events(lambda: f.backward(X), by_line=False, sample=sample):
        w.grad = 1.0
        with unchanged():
            interrupt(lambda: f.backward(X), number, by_line=False)
        assert w.grad in (1.0, 1.0 + gradient)
        w.grad = 0.0
        assert (f.backward(X), w.grad) == (mean, gradient)


def make_net():
    return nn.Sequential(nn.Layer(2, 3, seed=1), nn.Dropout(0.2, seed=1), nn.Layer(3, 1, seed=2))


@pytest.mark.parametrize("engine", ["eager", "auto"])
@SAMPLE
def test_fit(engine, sample):
    X, y = data.xor()
    seen = []

    def train():
        net = make_net()
        optimizer = optim.Adam(net.parameters(), lr=0.01)
        seen[:] = [net, optimizer, list(optimizer.params)]
        options = {"validation": (X, y), "metrics": "accuracy", "callbacks": [lambda history: None], "engine": engine}
        loss = losses.binary_cross_entropy
        history = fit(net, X, y, loss=loss, optimizer=optimizer, epochs=2, progress=False, seed=0, **options)
        if history.stopped == "interrupted":
            raise Interrupt
        return [p.data for p in net.parameters()]

    expected = train()
    for number in numbers_of_events(train, by_line=False, sample=sample):
        with unchanged():
            interrupt(train, number, by_line=False)
        if seen:
            net, optimizer, params = seen
            assert all(module.training for _, module in net.named_modules())
            assert all(m.multipliers is None for _, m in net.named_modules() if isinstance(m, nn.Dropout))
            assert [id(p) for p in optimizer.params] == [id(p) for p in params]
    assert train() == expected


@pytest.mark.parametrize("rows", [10, 300])
@SAMPLE
def test_predict(rows, sample):
    net = make_net()
    X = np.linspace(-1.0, 1.0, 2 * rows).reshape(rows, 2)
    expected = predict(net, X).tolist()
    for number in numbers_of_events(lambda: predict(net, X), by_line=False, sample=sample and 10):
        with unchanged():
            interrupt(lambda: predict(net, X), number, by_line=False)
        assert all(module.training for _, module in net.named_modules())
    assert predict(net, X).tolist() == expected
