"""The scikit-learn estimators: scikit-learn's own checks, and what they learn."""

import pickle
import sys

import numpy as np
import pandas
import pytest

from autograd_lite import NATIVE, data, nn, scikit

sklearn = pytest.importorskip("sklearn")

from sklearn.model_selection import GridSearchCV, cross_val_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import PolynomialFeatures  # noqa: E402
from sklearn.utils.estimator_checks import parametrize_with_checks  # noqa: E402

SMALL = {"hidden": (4,), "epochs": 10, "learning_rate": 0.1}


@parametrize_with_checks([scikit.Classifier(**SMALL), scikit.Regressor(**SMALL)])
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@pytest.mark.skipif(not NATIVE, reason="takes minutes with the plain engine")
@parametrize_with_checks([scikit.Classifier(), scikit.Regressor()])
def test_scikit_learns_own_checks_at_the_defaults(estimator, check):
    check(estimator)


def test_a_classifier_learns_labels_of_any_kind():
    X, y = data.moons(60, noise=0.05, seed=0)
    labels = np.array(["left", "right"])[y]
    classifier = scikit.Classifier(hidden=(8, 8), epochs=60, random_state=0).fit(X, labels)
    assert classifier.classes_.tolist() == ["left", "right"]
    assert classifier.score(X, labels) >= 0.98
    probabilities = classifier.predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    assert (classifier.predict(X) == classifier.classes_[probabilities.argmax(axis=1)]).all()


def test_a_regressor_learns_several_targets_in_their_own_units():
    X, y = data.sine(60, noise=0.0, seed=0)
    targets = np.stack([1e6 * y, 5.0 - 1e-3 * y], axis=1)
    regressor = scikit.Regressor(activation="tanh", epochs=150, random_state=0).fit(X, targets)
    assert regressor.predict(X).shape == (60, 2)
    assert regressor.score(X, targets) > 0.98


def test_the_same_random_state_gives_the_same_net():
    X, y = data.blobs(30, seed=0)
    a, b = (scikit.Classifier(epochs=2, random_state=3).fit(X, y) for _ in range(2))
    assert a.net_.state_dict() == b.net_.state_dict()


def test_frames_search_and_pipeline_and_pickle():
    X, y = data.circles(60, noise=0.05, seed=0)
    frame = pandas.DataFrame(X, columns=["a", "b"])
    search = GridSearchCV(
        scikit.Classifier(hidden=(), epochs=10, random_state=0), {"learning_rate": [0.001, 0.3]}, cv=2
    )
    pipeline = make_pipeline(PolynomialFeatures(2), search).fit(frame, y)
    assert search.n_features_in_ == 6
    assert pipeline[-1].best_params_ == {"learning_rate": 0.3}
    assert (pickle.loads(pickle.dumps(pipeline)).predict(frame) == pipeline.predict(frame)).all()
    assert cross_val_score(scikit.Regressor(epochs=2, random_state=0), frame, y, cv=2).shape == (2,)


def test_a_missing_scikit_learn_is_named(monkeypatch):
    monkeypatch.delitem(sys.modules, "autograd_lite.training.estimators")
    monkeypatch.setitem(sys.modules, "sklearn.base", None)
    with pytest.raises(ImportError, match=r"scikit\.Classifier and scikit\.Regressor need scikit-learn"):
        _ = scikit.Classifier


def test_scikit_shows_the_estimators_and_nothing_else():
    assert [name for name in dir(scikit) if not name.startswith("_")] == ["Classifier", "Regressor"]
    with pytest.raises(AttributeError, match=r"scikit\.Classifier"):
        _ = nn.Classifier


@pytest.mark.parametrize("number", [0.1, 1e-9, 1e9, 1 / 3])
def test_a_feature_that_is_constant_up_to_rounding_is_not_scaled(number):
    X = np.random.default_rng(0).normal(size=(80, 3))
    X[:, 2] = number
    X[::3, 2] = np.nextafter(number, 2 * number)
    labels = X[:, 0] > 0.0
    classifier = scikit.Classifier(epochs=3, random_state=0).fit(X, labels)
    assert classifier.scale_[2] == 1.0
    assert (classifier.scale_[:2] != 1.0).all()


def test_a_target_that_is_constant_up_to_rounding_is_not_scaled():
    X = np.random.default_rng(0).normal(size=(80, 2))
    regressor = scikit.Regressor(epochs=1, random_state=0).fit(X, np.full(80, 0.1))
    assert regressor._target_scale == 1.0


def test_hidden_as_a_number_is_told_what_to_write():
    with pytest.raises(TypeError, match=r"hidden is a tuple .* such as \(8,\), got int: 8"):
        scikit.Classifier(hidden=8).fit([[0.0], [1.0]], [0, 1])
