"""Data sets and the reading of lists, arrays and frames."""

import random

import numpy as np
import pandas
import pytest

from autograd_lite import data

MAKERS = [data.moons, data.circles, data.spirals, data.blobs, data.xor, data.sine]


@pytest.mark.parametrize("make", MAKERS)
def test_the_same_seed_gives_the_same_points(make):
    (X, y), (X2, y2), (X3, _) = make(40, noise=0.1, seed=1), make(40, noise=0.1, seed=1), make(40, noise=0.1, seed=2)
    assert np.array_equal(X, X2)
    assert np.array_equal(y, y2)
    assert not np.array_equal(X, X3)


@pytest.mark.parametrize("make", MAKERS)
def test_shapes(make):
    X, y = make(41, seed=0)
    assert X.shape == (41, 1 if make is data.sine else 2)
    assert y.shape == (41,)


@pytest.mark.parametrize(("make", "classes"), [(data.moons, 2), (data.circles, 2), (data.spirals, 2), (data.blobs, 3)])
def test_classes_are_even(make, classes):
    _, y = make(12 * classes, seed=0)
    assert np.bincount(y).tolist() == [12] * classes


def test_moons_lie_on_two_half_circles():
    X, y = data.moons(30, noise=0.0, seed=0)
    centre = np.where(y[:, None] == 0, [0.0, 0.0], [1.0, 0.5])
    np.testing.assert_allclose(np.hypot(*(X - centre).T), 1.0)


def test_arms_and_centers_are_the_number_of_classes():
    assert set(data.spirals(50, arms=5, seed=0)[1]) == set(range(5))
    assert set(data.blobs(50, centers=4, seed=0)[1]) == set(range(4))


def test_too_few_points_are_refused():
    with pytest.raises(ValueError, match="n must be at least 3, a point for each class, got 2"):
        data.blobs(2)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: data.moons("10"), TypeError, "n must be a positive integer, got str: '10'"),
        (lambda: data.moons(10.5), TypeError, "n must be a positive integer, got float: 10.5"),
        (lambda: data.sine(-1), ValueError, "n must be a positive integer, got -1"),
        (lambda: data.spirals(10, arms=0), ValueError, "arms must be a positive integer, got 0"),
        (lambda: data.blobs(10, centers=1.5), TypeError, "centers must be a positive integer, got float: 1.5"),
        (lambda: data.xor(4, noise=-1), ValueError, "noise must be finite and not negative, got -1"),
        (lambda: data.circles(10, noise="a"), TypeError, "noise must be a number, got str: 'a'"),
        (lambda: data.train_test_split([1, 2], [1, 2], "0.5"), TypeError, "test_size must be a number, got str"),
        (lambda: data.train_test_split(1, 2), ValueError, "a row for each sample, got a single number"),
    ],
)
def test_a_wrong_argument_is_named_with_what_it_takes(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_noise_has_the_standard_deviation_asked_for():
    X, y = data.sine(5000, noise=0.2, seed=0)
    assert np.std(y - np.sin(X[:, 0])) == pytest.approx(0.2, rel=0.05)


def test_split_keeps_samples_and_targets_together():
    X = np.arange(20).reshape(10, 2)
    X_train, X_test, y_train, y_test = data.train_test_split(X, X[:, 0], test_size=0.3, seed=0)
    assert (len(X_train), len(X_test)) == (7, 3)
    assert np.array_equal(X_train[:, 0], y_train)
    assert np.array_equal(X_test[:, 0], y_test)
    assert sorted([*y_train, *y_test]) == list(range(0, 20, 2))


def test_split_takes_lists_arrays_and_frames_alike():
    rows = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]
    y = [0, 1, 0, 1]
    from_lists = data.train_test_split(rows, y, seed=3)
    from_frames = data.train_test_split(pandas.DataFrame(rows), pandas.Series(y), seed=3)
    assert all(np.array_equal(a, b) for a, b in zip(from_lists, from_frames))


@pytest.mark.parametrize(
    ("y", "size", "message"),
    [
        ([1, 2, 3], 0.5, "got 4 and 3"),
        ([1, 2, 3, 4], 1.0, "a share between 0 and 1, got 1.0"),
        ([1, 2, 3, 4], 0.01, "empty"),
    ],
)
def test_an_impossible_split_is_refused(y, size, message):
    with pytest.raises(ValueError, match=message):
        data.train_test_split([1, 2, 3, 4], y, test_size=size)


@pytest.mark.parametrize(
    "X", [[[1, 2], [3, 4]], ((1, 2), (3, 4)), np.array([[1, 2], [3, 4]]), pandas.DataFrame({"a": [1, 3], "b": [2, 4]})]
)
def test_samples_may_be_lists_arrays_or_frames(X):
    assert data.as_samples(X).tolist() == [[1.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([[1.0], [2.0, 3.0]], "the same number of numbers"),
        ([["a"], ["b"]], "X takes one number"),
        ([[1.0], [float("nan")]], r"finite numbers, got \[nan\] in row 1"),
        ([], "got an array of shape"),
        (np.zeros((2, 2, 2)), r"shape \(2, 2, 2\)"),
    ],
)
def test_samples_that_are_none_are_refused(X, message):
    with pytest.raises(ValueError, match=message):
        data.as_samples(X)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (["a", "b"], "scikit.Classifier takes them as they are"),
        (pandas.Series(["a", "b"], dtype="category"), "numpy.unique"),
        ([1.0 + 1j, 2.0], "complex"),
        (np.array([1j, 2.0]), "complex"),
        (np.ma.masked_array([1.0, 2.0], [0, 1]), "y has masked entries"),
        (np.array(["2020-01-01"], dtype="M8[D]"), "datetime64"),
        ([[1.0], [1.0, 2.0]], "rows differ in length"),
    ],
)
def test_what_is_not_a_real_number_is_refused_with_advice(y, message):
    with pytest.raises(ValueError, match=message):
        data.as_targets(y)


@pytest.mark.parametrize("make", [data.moons, data.spirals, data.blobs, data.sine])
def test_a_seed_of_any_whole_number_type_is_the_same(make):
    for seed in (np.int64(3), np.uint8(3)):
        np.testing.assert_array_equal(make(20, seed=seed)[0], make(20, seed=3)[0])


def test_a_generator_is_a_seed():
    make = lambda: data.moons(20, seed=np.random.default_rng(5))[0]
    np.testing.assert_array_equal(make(), make())
    assert data.moons(20, seed=random.Random(1))[0].shape == (20, 2)
    with pytest.raises(TypeError, match="or a generator, got str"):
        data.moons(20, seed="a")
    with pytest.raises(ValueError, match="not negative, or a generator, got int: -1"):
        data.moons(20, seed=-1)
