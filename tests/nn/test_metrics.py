"""Metrics: what they count, and which labels they read."""

import math

import numpy as np
import pytest

from autograd_lite import metrics

NAN = math.nan


@pytest.mark.parametrize(
    ("predictions", "targets", "labels"),
    [
        ([1.0, 2.0, 3.0], [1, 2, 1], "got 1, 2"),
        ([1.0, -2.0], [0, 255], "got 0, 255"),
        ([1.0, -2.0], [0.1, 0.9], "got 0.1, 0.9"),
        ([1.0, -2.0, 1.0], [-1, 0, 1], "got -1, 0, 1"),
        (np.eye(3), [1, 2, 3], "got 1, 2, 3"),
        (np.eye(3), [0.5, 1, 2], "got 0.5, 1, 2"),
        ([1.0, -2.0], [0, NAN], "nan"),
        (np.eye(3), np.eye(2)[[0, 1, 1]], "3 predictions, got 2"),
        ([1.0, -2.0], ["a", "b"], "numpy.unique"),
    ],
)
def test_labels_that_accuracy_cannot_read_are_named(predictions, targets, labels):
    with pytest.raises(ValueError, match=labels):
        metrics.accuracy(predictions, targets)


@pytest.mark.parametrize("targets", [[0, 0, 1], [-1, -1, 1], [1, 1, 1]])
def test_a_prediction_that_is_nan_is_never_right(targets):
    assert metrics.accuracy([NAN] * 3, targets) == 0.0


def test_a_row_with_a_nan_is_never_right():
    assert metrics.accuracy([[NAN, 1.0], [0.0, NAN], [0.0, 1.0]], [0, 1, 1]) == pytest.approx(1 / 3)


def test_r2_takes_as_many_targets_as_predictions():
    with pytest.raises(ValueError, match="r2 takes as many targets"):
        metrics.r2(np.eye(3), [1, 2, 3])


@pytest.mark.parametrize(
    ("predictions", "targets", "message"),
    [
        ([], [], r"one sample or more, in two lists or arrays, got shapes \(0,\) and \(0,\)"),
        (1.0, 1, "one sample or more"),
        (None, None, "one sample or more"),
        ([[1, 2], [1]], [0, 1], "its rows differ in length"),
    ],
)
@pytest.mark.parametrize("metric", [metrics.accuracy, metrics.r2])
def test_predictions_of_a_wrong_shape_are_refused(metric, predictions, targets, message):
    with pytest.raises(ValueError, match=message):
        metric(predictions, targets)
