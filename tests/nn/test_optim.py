"""Optimisers against PyTorch's numbers, schedules, clipping."""

import json
import math
import pickle
from pathlib import Path

import numpy as np
import pytest

from autograd_lite import Value, nn, optim

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "optimizers.json").read_text())
CASES = REFERENCE["cases"]
IDS = ["-".join([case["optimizer"], *case["options"]]) for case in CASES]


def gradient(p, target, scale):
    """Of scale (d² + 0.1 d⁴), d = p - target: what the reference numbers were made with."""
    d = p - target
    return scale * (2.0 * d + 0.4 * d**3)


def make(case, params):
    return getattr(optim, case["optimizer"])(params, **case["options"])


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_steps_on_values_equal_pytorch(case):
    params = [Value(x) for x in REFERENCE["start"]]
    optimizer = make(case, params)
    for expected in case["path"]:
        for p, target, scale in zip(params, REFERENCE["target"], REFERENCE["scale"]):
            p.grad = gradient(p.data, target, scale)
        optimizer.step()
        assert [p.data for p in params] == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_steps_on_an_array_equal_pytorch(case):
    optimizer = make(case, [Value(x) for x in REFERENCE["start"]])
    p = np.array(REFERENCE["start"])
    for expected in case["path"]:
        p = optimizer.step_array(p, gradient(p, np.array(REFERENCE["target"]), np.array(REFERENCE["scale"])))
        np.testing.assert_allclose(p, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_steps_on_values_and_on_an_array_may_alternate(case):
    params = [Value(x) for x in REFERENCE["start"]]
    optimizer = make(case, params)
    target, scale = np.array(REFERENCE["target"]), np.array(REFERENCE["scale"])
    for i in range(20):
        data = np.array([p.data for p in params])
        gradients = gradient(data, target, scale)
        if i % 2:
            for p, x in zip(params, optimizer.step_array(data, gradients)):
                p.data = x
        else:
            for p, g in zip(params, gradients):
                p.grad = g
            optimizer.step()
    assert [p.data for p in params] == pytest.approx(case["path"][19], rel=1e-12)
    assert all(type(p.data) is float for p in params)


@pytest.mark.parametrize("case", REFERENCE["clipping"], ids=lambda case: f"{case['function']}{case['limit']}")
def test_clipping_equals_pytorch(case):
    params = [Value(0.0) for _ in range(3)]
    for p, g in zip(params, [3.0, -4.0, 12.0]):
        p.grad = g
    getattr(optim, case["function"].removesuffix("_"))(params, case["limit"])
    assert [p.grad for p in params] == pytest.approx(case["gradients"], rel=1e-7)  # PyTorch scales in single precision


def test_clip_grad_norm_returns_the_norm_before():
    p = Value(0.0)
    p.grad = 7.0
    assert optim.clip_grad_norm([p], 2.0) == 7.0


@pytest.mark.parametrize(
    ("clip", "expected"), [({"clip_norm": 6.5}, [-1.5, 2.0, -6.0]), ({"clip_value": 3.5}, [-3.0, 3.5, -3.5])]
)
def test_an_optimizer_clips_what_it_steps_by_and_leaves_the_gradients(clip, expected):
    gradients = [3.0, -4.0, 12.0]
    params = [Value(0.0) for _ in gradients]
    for p, g in zip(params, gradients):
        p.grad = g
    optimizer = optim.SGD(params, lr=1.0, **clip)
    optimizer.step()
    assert [p.data for p in params] == pytest.approx(expected, rel=1e-6)
    assert [p.grad for p in params] == gradients
    assert optimizer.step_array(np.zeros(3), np.array(gradients)).tolist() == [p.data for p in params]


def test_zero_grad_clears_the_parameters_given():
    p, q = Value(0.0), Value(0.0)
    p.grad = q.grad = 1.0
    optim.SGD([p], lr=0.1).zero_grad()
    assert (p.grad, q.grad) == (0.0, 1.0)


def test_a_schedule_gives_the_rate_of_each_step():
    p = Value(0.0)
    optimizer = optim.SGD([p], lr=lambda step: 1.0 - 0.25 * step)
    p.grad = -1.0
    rates = []
    for _ in range(3):
        rates.append(optimizer.lr)
        optimizer.step()
    assert rates == [1.0, 0.75, 0.5]
    assert p.data == 2.25


def test_lr_can_be_set_between_steps():
    p = Value(0.0)
    p.grad = -1.0
    optimizer = optim.SGD([p], lr=1.0)
    optimizer.step()
    optimizer.lr = 0.25
    optimizer.step()
    assert p.data == 1.25


def test_cosine_falls_to_its_final_rate_and_stays_there():
    schedule = optim.cosine(1.0, steps=10, final=0.1)
    rates = [schedule(i) for i in range(15)]
    assert rates[:11] == sorted(rates[:11], reverse=True)
    assert rates[5] == pytest.approx(0.55)
    assert rates[10:] == pytest.approx([0.1] * 5)


def test_warm_up_rises_to_the_start_of_what_follows():
    schedule = optim.warm_up(optim.step_decay(0.8, every=2, factor=0.5), steps=4)
    assert [schedule(i) for i in range(8)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 0.8, 0.8, 0.4, 0.4])


@pytest.mark.parametrize(
    "lr",
    [
        0.1,
        optim.constant(0.1),
        optim.step_decay(0.1, every=2),
        optim.warm_up(optim.cosine(0.1, steps=8), steps=3),
    ],
    ids=["number", "constant", "step decay", "warm-up, cosine"],
)
def test_an_optimiser_can_be_pickled_with_its_schedule_and_goes_on(lr):
    params = [Value(1.0), Value(2.0)]
    optimizer = optim.Adam(params, lr=lr)

    def step(optimizer):
        for p in optimizer.params:
            p.grad = 2.0 * p.data
        optimizer.step()

    step(optimizer)
    copy = pickle.loads(pickle.dumps(optimizer))
    for _ in range(5):
        step(optimizer)
        step(copy)
    assert [p.data for p in copy.params] == [p.data for p in params]
    assert copy.lr == optimizer.lr


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optim.SGD([], lr=0.1), "no parameters"),
        (lambda: optim.SGD([Value(1.0) + 1.0], lr=0.1), "only a leaf"),
        (lambda: optim.SGD([Value(1.0)], lr=-0.1), "lr must be finite and not negative, got -0.1"),
        (lambda: optim.SGD([Value(1.0)], lr=math.nan), "lr must be finite"),
        (lambda: optim.SGD([Value(1.0)], lr=0.1, nesterov=True), "momentum above 0"),
        (lambda: optim.Adam([Value(1.0)], betas=(0.9, 1.0)), r"betas\[1\]"),
        (lambda: optim.Adam([Value(1.0)], clip_norm=0.0), "clip_norm must be positive"),
        (lambda: optim.step_decay(1.0, every=0), "every must be a positive integer"),
    ],
)
def test_wrong_numbers_are_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_parameter_that_comes_twice_is_refused():
    p = Value(1.0)
    with pytest.raises(ValueError, match="twice"):
        optim.SGD([p, p], lr=0.1)


def test_a_parameter_that_is_not_a_value_is_refused():
    with pytest.raises(TypeError, match="parameter 1 must be a Value, got float"):
        optim.SGD([Value(1.0), 2.0], lr=0.1)


def test_an_optimizer_without_a_rule_says_what_to_define():
    class Lazy(optim.Optimizer):
        pass

    w = Value(1.0)
    with pytest.raises(NotImplementedError, match="Lazy does not say how to step: define update"):
        Lazy([w], 0.1).step()
    assert w.data == 1.0


def test_repr_tells_the_number_of_parameters_and_the_learning_rate():
    assert repr(optim.SGD([Value(1.0), Value(2.0)], lr=0.05)) == "SGD(2 parameters, lr=0.05)"


# --- what is remembered -----------------------------------------------------------------------------------------------

EVERY = [
    lambda p: optim.SGD(p, lr=0.1),
    lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    lambda p: optim.RMSprop(p, lr=0.01, momentum=0.5, centered=True),
    lambda p: optim.Adagrad(p, lr=0.1, lr_decay=0.1),
    lambda p: optim.Adam(p, lr=0.05, amsgrad=True),
    lambda p: optim.AdamW(p, lr=0.05, clip_norm=1.0),
    lambda p: optim.Adam(p, lr=optim.cosine(0.1, 10)),
]


def steps(values, optimizer, n):
    for i in range(n):
        for k, p in enumerate(values):
            p.grad = math.sin(p.data + k + i)
        optimizer.step()
    return [p.data for p in values]


@pytest.mark.parametrize("make", EVERY)
def test_training_goes_on_to_the_bit_from_a_state(make):
    values = [Value(1.0), Value(-2.0), Value(0.5)]
    first = make(values)
    steps(values, first, 3)
    copies = [Value(p.data) for p in values]
    second = make(copies)
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert steps(values, first, 3) == steps(copies, second, 3)


def test_settings_come_with_the_state():
    values = [Value(1.0)]
    first = optim.Adam(values, lr=0.25, betas=(0.5, 0.75), amsgrad=True, weight_decay=0.125)
    second = optim.Adam(values)
    second.load_state_dict(first.state_dict())
    assert (second.lr, second.betas, second.amsgrad, second.weight_decay) == (0.25, (0.5, 0.75), True, 0.125)


def changed(part, value):
    """The state of an Adam of two parameters with this part instead."""
    state = optim.Adam([Value(1.0), Value(2.0)]).state_dict()
    return state | {part: state[part] | value if isinstance(value, dict) else value}


@pytest.mark.parametrize(
    ("state", "error", "message"),
    [
        (None, TypeError, "takes the state_dict\\(\\) of an optimiser, got NoneType"),
        (changed("steps", -1), ValueError, "steps must not be negative, got -1"),
        (changed("steps", 1.5), TypeError, "steps must be an integer, got float: 1.5"),
        (changed("settings", [1]), TypeError, "the settings of an optimiser must be a dict, got list"),
        (changed("settings", {"eps": -1.0}), ValueError, "eps must be finite and not negative, got -1.0"),
        (changed("settings", {"eps": "a"}), TypeError, "eps must be a number, got str: 'a'"),
        (changed("settings", {"betas": [0.9]}), TypeError, r"betas must be two numbers, such as \(0.9, 0.999\)"),
        (changed("settings", {"clip_norm": 0.0}), ValueError, "clip_norm must be positive, got 0.0"),
        (changed("settings", {"amsgrad": True}), ValueError, "remembers mean, square, largest of each parameter"),
        (changed("state", {"foo": [0.0, 0.0]}), ValueError, "but the state has mean, square, foo"),
        (changed("state", {"mean": "ab"}), TypeError, "mean must be a list with a number for each parameter, got str"),
        (changed("state", {"mean": [0.0, "a"]}), TypeError, "mean must be a number, got str: 'a'"),
        (changed("state", {"square": [0.0]}), ValueError, "that of 1 parameters, but Adam has 2"),
    ],
)
def test_a_broken_state_is_refused_and_nothing_of_it_is_taken(state, error, message):
    optimizer = optim.Adam([Value(1.0), Value(2.0)], lr=0.125)
    before = optimizer.state_dict()
    with pytest.raises(error, match=message):
        optimizer.load_state_dict(state)
    assert optimizer.state_dict() == before


def test_a_setting_is_checked_whenever_it_is_set():
    optimizer = optim.SGD([Value(1.0)], momentum=0.5)
    with pytest.raises(ValueError, match="momentum must be finite and not negative, got -1"):
        optimizer.momentum = -1
    with pytest.raises(TypeError, match="clip_norm must be a number, got str"):
        optimizer.clip_norm = "1"
    assert (optimizer.momentum, optimizer.clip_norm) == (0.5, None)


def test_a_momentum_may_be_switched_on_between_two_steps():
    values, others = [Value(1.0)], [Value(1.0)]
    late, never = optim.SGD(values, lr=0.1), optim.SGD(others, lr=0.1)
    assert steps(values, late, 1) == steps(others, never, 1)
    late.momentum = 0.5
    assert steps(values, late, 1) == steps(others, never, 1)  # the velocity starts at 0
    assert steps(values, late, 1) != steps(others, never, 1)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({}, "not the state of an optimiser: it lacks optimizer"),
        (optim.SGD([Value(1.0)]).state_dict(), "'SGD' does not fit Adam"),
        (optim.Adam([Value(1.0)]).state_dict(), "that of 1 parameters, but Adam has 2"),
        (optim.Adam([Value(1.0)]).state_dict() | {"settings": {"params": []}}, "has no setting 'params'"),
    ],
)
def test_a_state_that_does_not_fit_is_refused(state, message):
    optimizer = optim.Adam([Value(1.0), Value(2.0)])
    before = optimizer.state_dict()
    with pytest.raises(ValueError, match=message):
        optimizer.load_state_dict(state)
    assert optimizer.state_dict() == before


def test_what_is_remembered_stays_with_its_parameter_when_the_parameters_change():
    values = [Value(1.0), Value(2.0), Value(3.0)]
    optimizer = optim.SGD(values, lr=0.1, momentum=0.9)
    steps(values, optimizer, 1)
    velocity = dict(zip(values, optimizer.state_dict()["state"]["velocity"]))
    new = Value(0.0)
    optimizer.params = [values[2], new, values[0]]
    assert optimizer.state_dict()["state"]["velocity"] == [velocity[values[2]], 0.0, velocity[values[0]]]
    optimizer.params.append(values[1])
    steps(optimizer.params, optimizer, 1)


def test_gradients_cannot_be_set_to_none():
    w = Value(1.0)
    w.grad = 3.0
    optim.Adam([w]).zero_grad(set_to_none=True)
    assert w.grad == 0.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optim.Adam(nn.MLP(2, [1])), r"give net\.parameters\(\)"),
        (lambda: optim.Adam(3), r"takes net\.parameters\(\), or a list of Values, got int"),
        (lambda: optim.Adam([Value(1.0)], lr="0.1"), "lr must be a number, got str"),
        (lambda: optim.SGD([Value(1.0)], lr=None), "lr must be a number, got NoneType"),
        (lambda: optim.SGD([Value(1.0)], momentum="a"), "momentum must be a number"),
        (lambda: optim.Adam([Value(1.0)], betas=0.9), r"betas must be two numbers, such as \(0.9, 0.999\), got 0.9"),
        (lambda: optim.cosine(0.1, "10"), "steps must be a positive integer, got str"),
        (lambda: optim.cosine("0.1", 10), "lr must be a number, got str"),
        (lambda: optim.step_decay(0.1, every=2.5), "every must be a positive integer, got float"),
        (lambda: optim.warm_up(None, 3), "lr must be a number, got NoneType"),
    ],
)
def test_an_argument_of_another_type_is_told_what_to_write(make, message):
    with pytest.raises(TypeError, match=message):
        make()
