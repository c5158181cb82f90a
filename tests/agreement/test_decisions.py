"""A function that decides on its data: compiled, predicted and trained it gives eager's numbers, or is refused.

`decisions.py` has the ways to decide. Each is put at several places of a program, and the program is given ordinary
samples with one odd among them, for which the decision comes out otherwise. What counts is the function itself, called
with plain floats for one sample after the other, as eager `fit` and `predict` call it.
"""

import re
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from decisions import COMPARISONS, FOUND, NOTICED

from autograd_lite import TraceError, Value, compile, fit, no_grad, optim, predict

DECISIONS = {**COMPARISONS, **NOTICED, **FOUND}
ODD = -2.0
SHIFT = 9.0
RANDOM = np.random.default_rng(0).uniform(0.8, 1.2, 400)

# --- the places, each a function of one sample and its parameters -----------------------------------------------------


def at_the_input(decide):
    w = Value(1.0)
    return lambda x: w * x + decide(x), w


def at_an_item(decide):
    w = Value(1.0)
    return lambda x: w * x + sum(map(decide, [x])) * w, w


def at_a_result(decide):
    w = Value(1.0)

    def f(x):
        h = w * x
        return h + w * decide(h)

    return f, w


def at_what_is_detached(decide):
    w = Value(1.0)

    def f(x):
        h = w * x
        return h + w * decide(h.detach())

    return f, w


def under_no_grad(decide):
    w = Value(1.0)

    def f(x):
        with no_grad():
            h = w * x
            factor = decide(h)
        return w * x + w * factor

    return f, w


def past_a_threshold(decide):
    """The odd sample has the sign of the others: only what is watched while tracing can be noticed."""
    w = Value(1.0)

    def f(x):
        h = w * x - SHIFT
        return h + w * decide(h)

    return f, w


def past_a_threshold_of_floats(decide):
    w = Value(1.0)
    return lambda x: w * x + w * decide(x - SHIFT), w


PLACES = [
    at_the_input,
    at_an_item,
    at_a_result,
    at_what_is_detached,
    under_no_grad,
    past_a_threshold,
    past_a_threshold_of_floats,
]
SHIFTED = PLACES[-2:]

# What only a plain float is asked for, and its exact type before, is out of sight: `type(x) is float and x < 8`.
UNSEEN = {("type and sign", past_a_threshold_of_floats)}

# --- the samples ------------------------------------------------------------------------------------------------------


def samples(count, odd, equal, place):
    """Ordinary samples, all equal or all different, with an odd one among them."""
    x = np.ones(count) if equal else RANDOM[:count].copy()
    if odd is not None:
        x[odd] = ODD
    return x + SHIFT if place in SHIFTED else x


# For each number of samples: where the odd one is. In the last two it comes in a later call.
BATCHES = [(12, [0]), (12, [6]), (12, [11]), (60, [10]), (12, [None, 5]), (1, [None, 0])]


SERIES = [(count, odds, equal) for count, odds in BATCHES for equal in (True, False)]


def some(things, name, place, count=1):
    """A few of the things to try, other ones for each decision and place; the tests of the mark torture try all."""
    start = zlib.crc32(f"{name}{place.__name__}".encode())
    return [things[(start + i * 5) % len(things)] for i in range(count)]


# --- outcomes ---------------------------------------------------------------------------------------------------------


def attempt(function, *arguments):
    """What a function returns, or the exception."""
    try:
        return function(*arguments)
    except Exception as error:
        return error


def numbers(results):
    return np.array([float(x) for x in results])


def own_numbers(f, x):
    """The function's own numbers for plain floats; where it takes none, for Values."""
    results = [attempt(f, number) for number in x.tolist()]
    if any(isinstance(y, (AttributeError, TypeError)) for y in results):
        return attempt(lambda: numbers([f(Value(number)) for number in x.tolist()])), False
    failed = [y for y in results if isinstance(y, Exception)]
    return (failed[0] if failed else numbers(results)), True


def own_gradient(f, w, x):
    w.grad = 0.0
    for number in x.tolist():
        f(number).backward(1.0 / len(x))
    found, w.grad = w.grad, 0.0
    return found


def names_the_line(error):
    match = re.search(r"(\S+\.py), line (\d+)", str(error))
    if "<string>, line 1:" in str(error):  # a text that was evaluated has no file
        return True
    if not match or match[1] not in ("decisions.py", "test_decisions.py"):
        return False
    return int(match[2]) <= len((Path(__file__).parent / match[1]).read_text().splitlines())


# --- compile ----------------------------------------------------------------------------------------------------------


def fault_of_compiled(name, place, series):
    """What is wrong with one decision at one place, over a series of calls; None if nothing is."""
    f, w = place(DECISIONS[name])
    by_call, by_backward = compile(f), compile(f)
    count, odds, equal = series
    for call, odd in enumerate(odds):
        x = samples(count, odd, equal, place)
        expected, on_floats = own_numbers(f, x)
        w.grad = 0.0
        found = attempt(by_call, x)
        mean = attempt(by_backward.backward, x)
        gradient, w.grad = w.grad, 0.0
        for got in (found, mean):
            if isinstance(got, TraceError):
                if name not in FOUND and not names_the_line(got):
                    return f"names no line: {got}"
                if name not in FOUND and call:
                    return f"refused after the first result: {got}"
            elif isinstance(got, Exception) and not isinstance(expected, Exception) and on_floats:
                return f"raised {got!r}, expected {expected}"
            elif isinstance(expected, Exception) and not isinstance(got, Exception):
                return f"gave {got} where the function raises {expected!r}"
        if isinstance(found, Exception) != isinstance(mean, Exception):
            return f"call and backward differ: {found!r}, {mean!r}"
        if isinstance(found, Exception):
            return None if gradient == 0.0 else f"left a gradient of {gradient} after {mean!r}"
        if not np.allclose(found, expected, rtol=1e-12, atol=0.0):
            return f"gave {found}, expected {expected}"
        if not np.isclose(mean, expected.mean(), rtol=1e-12):
            return f"backward gave {mean}, expected {expected.mean()}"
        if on_floats and not np.isclose(gradient, own_gradient(f, w, x), rtol=1e-12):
            return f"the gradient is {gradient}, expected {own_gradient(f, w, x)}"
    return None


def check_compiled(name, places, choose):
    found = {}
    for place in places:
        if (name, place) in UNSEEN:
            continue
        for series in choose(SERIES, name, place):
            if what := fault_of_compiled(name, place, series):
                found[place.__name__, str(series)] = what
    assert not found


@pytest.mark.parametrize("name", DECISIONS)
def test_compiled_with_a_decision(name):
    check_compiled(name, some(PLACES, name, check_compiled, 1 if name in COMPARISONS else 4), some)


@pytest.mark.torture
@pytest.mark.parametrize("name", DECISIONS)
def test_compiled_with_a_decision_at_every_place(name):
    check_compiled(name, PLACES, lambda things, *_: things)


@pytest.mark.parametrize("name", NOTICED)
def test_compiled_with_a_decision_on_a_parameter(name):
    decide = DECISIONS[name]
    w = Value(1.0)

    def f(x):
        return w * x + decide(w)

    compiled = compile(f)
    for data in (1.0, ODD):
        w.data = data
        expected, _ = own_numbers(f, np.array([1.0, 2.0]))
        found = attempt(compiled, [1.0, 2.0])
        if isinstance(found, Exception):
            assert isinstance(expected, Exception) or names_the_line(found)
            assert data == 1.0, "refused after the first result"
            break
        np.testing.assert_allclose(found, expected, rtol=1e-12)


# --- predict ----------------------------------------------------------------------------------------------------------


def fault_of_predict(name, place, odd, equal):
    f, _ = place(DECISIONS[name])
    X = samples(200, odd, equal, place)[:, None] * [1.0, 0.5]

    def net(x):
        return f(x[0])

    few, many = attempt(predict, net, X[:199]), attempt(predict, net, X)
    if isinstance(few, Exception) or isinstance(many, Exception):
        return None if type(few) is type(many) else f"199 samples give {few!r}, 200 give {many!r}"
    return None if np.allclose(few, many[:199], rtol=1e-12, atol=0.0) else f"199 samples give {few}, 200 give {many}"


ODD_ROWS = [(odd, equal) for odd in (0, 10, 99, 197) for equal in (True, False)]


def check_predict(name, places, choose):
    found = {}
    for place in places:
        if (name, place) in UNSEEN:
            continue
        for odd, equal in choose(ODD_ROWS, name, place):
            if what := fault_of_predict(name, place, odd, equal):
                found[place.__name__, odd, equal] = what
    assert not found


@pytest.mark.parametrize("name", DECISIONS)
def test_predict_with_a_decision(name):
    check_predict(name, some(PLACES, name, check_predict, 1), some)


@pytest.mark.torture
@pytest.mark.parametrize("name", DECISIONS)
def test_predict_with_a_decision_at_every_place(name):
    check_predict(name, PLACES, lambda things, *_: things)


# --- fit --------------------------------------------------------------------------------------------------------------


def in_the_net(decide):
    w = Value(0.5)
    return lambda x: w * x[0] + decide(x[0]), lambda p, t: (p - t) ** 2, w


def in_the_net_at_a_result(decide):
    w = Value(0.5)

    def net(x):
        h = w * x[0]
        return h + w * decide(h)

    return net, lambda p, t: (p - t) ** 2, w


def at_the_target(decide):
    w = Value(0.5)
    return lambda x: w * x[1], lambda p, t: decide(t) * (p - t) ** 2, w


def past_a_threshold_of_the_target(decide):
    w = Value(0.5)
    return lambda x: w * x[1], lambda p, t: decide(t - SHIFT) * (p - t) ** 2, w


def at_the_prediction(decide):
    w = Value(0.5)
    return lambda x: w * x[0], lambda p, t: (p - t) ** 2 + p * decide(p), w


FIT_PLACES = [in_the_net, in_the_net_at_a_result, at_the_target, past_a_threshold_of_the_target, at_the_prediction]
FIT_DATA = [(odd, equal, size) for odd in (0, 6, 11) for equal in (True, False) for size in (4, 12)]


def trained(name, place, data, engine):
    """The losses, also of data held out, and what became of the parameter; and how many warnings came."""
    odd, equal, size = data
    net, loss, w = place(DECISIONS[name])
    x, held_out = samples(12, odd, equal, place), samples(5, 3, equal, place)
    is_shifted = place is past_a_threshold_of_the_target
    optimizer = optim.SGD([w], lr=0.001)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = attempt(
            lambda: fit(
                net,
                x[:, None] * [1.0, 0.5],
                x + SHIFT * is_shifted,
                validation=(held_out[:, None] * [1.0, 0.5], held_out + SHIFT * is_shifted),
                loss=loss,
                optimizer=optimizer,
                epochs=2,
                batch_size=size,
                seed=0,
                engine=engine,
                progress=False,
            )
        )
    losses = history if isinstance(history, Exception) else [*history.loss, *history.validation_loss, w.data]
    return losses, len(caught)


def fault_of_fit(name, place, data):
    expected, _ = trained(name, place, data, "eager")
    found, warned = trained(name, place, data, "auto")
    if isinstance(found, TraceError) and not isinstance(expected, Exception):
        return None
    if isinstance(expected, Exception) or isinstance(found, Exception):
        return None if type(found) is type(expected) else f"raised {found!r}, eager {expected!r}"
    if not np.allclose(found, expected, rtol=1e-9, atol=0.0):
        return f"gave {found}, eager {expected}"
    return None if warned <= 1 else f"{warned} warnings"


def check_fit(name, places, choose):
    found = {}
    for place in places:
        for data in choose(FIT_DATA, name, place):
            if what := fault_of_fit(name, place, data):
                found[place.__name__, str(data)] = what
    assert not found


@pytest.mark.parametrize("name", DECISIONS)
def test_fit_with_a_decision(name):
    check_fit(name, some(FIT_PLACES, name, check_fit, 1), some)


@pytest.mark.torture
@pytest.mark.parametrize("name", DECISIONS)
def test_fit_with_a_decision_at_every_place(name):
    check_fit(name, FIT_PLACES, lambda things, *_: things)
