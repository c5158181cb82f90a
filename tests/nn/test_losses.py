"""Losses: their values, gradients, stability and errors."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_lite import Value, losses

numbers = st.floats(-50.0, 50.0)


def derivative(loss, prediction, target):
    p = Value(prediction)
    loss(p, target).backward()
    return p.grad


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=5))
@settings(max_examples=50)
def test_regression_losses_are_their_formulas(pairs):
    p, y = (np.array(side) for side in zip(*pairs))
    d = p - y
    predictions = [Value(x) for x in p]
    close = lambda expected: pytest.approx(expected, rel=1e-12, abs=1e-300)
    assert losses.mse(predictions, y).data == close(np.mean(d**2))
    assert losses.half_mse(predictions, y).data == close(0.5 * np.sum(d**2))
    assert losses.mae(predictions, y).data == close(np.mean(abs(d)))
    assert losses.huber(predictions, y).data == close(np.mean(np.where(abs(d) <= 1.0, 0.5 * d**2, abs(d) - 0.5)))


@pytest.mark.parametrize(
    ("loss", "prediction", "target", "expected"),
    [
        (losses.mse, 3.0, 1.0, 4.0),
        (losses.half_mse, 3.0, 1.0, 2.0),
        (losses.mae, 3.0, 5.0, -1.0),
        (losses.mae, 3.0, 3.0, 0.0),
        (losses.huber, 1.5, 1.0, 0.5),
        (losses.huber, 2.0, 1.0, 1.0),
        (losses.huber, -9.0, 1.0, -1.0),
        (losses.hinge, 0.5, 1, -1.0),
        (losses.hinge, 0.5, -1, 1.0),
        (losses.hinge, 2.0, 1, 0.0),
        (losses.binary_cross_entropy, 0.0, 1, -0.5),
        (losses.binary_cross_entropy, 0.0, 0.25, 0.25),
        (losses.binary_cross_entropy, 1000.0, 0, 1.0),
        (losses.binary_cross_entropy, -1000.0, 1, -1.0),
    ],
)
def test_derivatives(loss, prediction, target, expected):
    assert derivative(loss, prediction, target) == expected


@given(st.floats(-30.0, 30.0), st.floats(0.0, 1.0))
@settings(max_examples=50)
def test_binary_cross_entropy_is_that_of_the_probability(logit, target):
    probability = 1.0 / (1.0 + math.exp(-logit))
    expected = -target * math.log(probability) - (1.0 - target) * math.log1p(-probability)
    assert losses.binary_cross_entropy(logit, target) == pytest.approx(expected, rel=1e-3, abs=1e-12)


@pytest.mark.parametrize(
    ("logit", "target", "expected"),
    [(1000.0, 1, 0.0), (1000.0, 0, 1000.0), (-1000.0, 0, 0.0), (40.0, 1, math.exp(-40.0))],
)
def test_binary_cross_entropy_is_exact_at_large_logits(logit, target, expected):
    assert losses.binary_cross_entropy(logit, target) == pytest.approx(expected, rel=1e-15)


def test_cross_entropy_is_stable_at_large_logits():
    logits = [Value(1000.0), Value(-1000.0), Value(0.0)]
    loss = losses.cross_entropy(logits, 1)
    loss.backward()
    assert loss.data == 2000.0
    assert [x.grad for x in logits] == [1.0, -1.0, 0.0]


@given(st.lists(numbers, min_size=2, max_size=5), st.data())
@settings(max_examples=50)
def test_cross_entropy_takes_an_index_or_a_one_hot_vector(logits, data):
    index = data.draw(st.integers(0, len(logits) - 1))
    one_hot = [float(i == index) for i in range(len(logits))]
    by_index = losses.cross_entropy(logits, index)
    assert losses.cross_entropy(logits, one_hot) == by_index
    assert losses.cross_entropy(logits, np.array(one_hot)) == by_index
    assert losses.cross_entropy(np.array(logits), np.int64(index)) == by_index


def test_cross_entropy_takes_probabilities():
    assert losses.cross_entropy([0.0, 0.0], [0.25, 0.75]) == pytest.approx(math.log(2.0))


@pytest.mark.parametrize(
    "loss", [losses.mse, losses.half_mse, losses.mae, losses.huber, losses.hinge, losses.binary_cross_entropy]
)
def test_a_target_may_be_a_value(loss):
    assert loss(Value(0.5), Value(1.0)).data == pytest.approx(loss(Value(0.5), 1.0).data)


def test_a_single_prediction_takes_a_row_of_one_target():
    assert losses.mse(Value(3.0), np.array([1.0])).data == 4.0


@pytest.mark.parametrize(
    ("loss", "prediction", "target", "message"),
    [
        (losses.mse, [1.0, 2.0], [1.0], "one target for each prediction, got 2 and 1"),
        (losses.mse, [1.0, 2.0], 1.0, "got 2 and 1"),
        (losses.hinge, 1.0, 0, "takes the targets -1 and \\+1, got 0"),
        (losses.binary_cross_entropy, 1.0, -1, "targets from 0 to 1, got -1"),
        (losses.cross_entropy, [1.0, 2.0], 2, "a class from 0 to 1, got 2"),
        (losses.cross_entropy, [1.0, 2.0], 0.5, "a class from 0 to 1, got 0.5"),
        (losses.cross_entropy, [1.0, 2.0], [1, 1], "sum to 1"),
    ],
)
def test_a_target_that_does_not_fit_is_refused(loss, prediction, target, message):
    with pytest.raises(ValueError, match=message):
        loss(prediction, target)


def test_a_value_is_not_a_class_index():
    with pytest.raises(TypeError, match="class index as a plain number"):
        losses.cross_entropy([Value(0.1), Value(0.2)], Value(1.0))


def test_huber_takes_another_delta():
    assert losses.huber(4.0, 1.0, delta=2.0) == 4.0
    with pytest.raises(ValueError, match="delta must be positive"):
        losses.huber(4.0, 1.0, delta=0.0)


@pytest.mark.parametrize(
    ("loss", "prediction", "target", "message"),
    [
        (losses.binary_cross_entropy, 1.0, -1.0, r"got -1: for -1 and \+1 use \(y \+ 1\) / 2"),
        (losses.binary_cross_entropy, 1.0, 2.0, "got 2: for 1 and 2 use y - 1"),
        (losses.binary_cross_entropy, 1.0, 255.0, "got 255: use y / 255"),
        (losses.cross_entropy, [1.0, 2.0, 3.0], [2.0, -1.0, 0.0], r"not negative, got \[2, -1, 0\]"),
        (losses.cross_entropy, [1.0, 2.0, 3.0], [0.0, 2.0, 0.0], "sum to 1"),
        (losses.cross_entropy, [1.0, 2.0, 3.0], 3.0, "a class from 0 to 2, got 3"),
        (losses.cross_entropy, [1.0, 2.0, 3.0], [3.0], "a class from 0 to 2, got 3"),
    ],
)
def test_a_wrong_coding_is_told_what_to_write(loss, prediction, target, message):
    with pytest.raises(ValueError, match=message):
        loss(prediction, target)


@pytest.mark.parametrize(
    "loss", [losses.mse, losses.half_mse, losses.mae, losses.huber, losses.hinge, losses.binary_cross_entropy]
)
def test_one_output_and_one_target_fit_in_any_shape(loss):
    results = [loss(p, y) for p in (0.5, [0.5]) for y in (1.0, [1.0], np.array([1.0]), np.array(1.0))]
    assert set(results) == {loss(0.5, 1.0)}


def test_a_class_may_stand_in_a_sequence_of_one():
    logits = [0.5, -1.0, 2.0]
    assert losses.cross_entropy(logits, [2.0]) == losses.cross_entropy(logits, 2)


@pytest.mark.parametrize("wrong", ["1", None, 1j])
@pytest.mark.parametrize("name", losses.__all__)
def test_a_target_that_is_not_a_number_is_named(name, wrong):
    with pytest.raises(TypeError, match="a loss takes numbers, Values, or sequences of them, got"):
        getattr(losses, name)(0.5, wrong)


@pytest.mark.parametrize("index", [math.nan, math.inf, -math.inf])
def test_a_class_must_be_finite(index):
    with pytest.raises(ValueError, match="a class from 0 to 1, got"):
        losses.cross_entropy([0.5, -0.5], index)
