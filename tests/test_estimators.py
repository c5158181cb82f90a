"""The scikit-learn estimators: scikit-learn's own checks, and what they learn."""

import pickle
import sys

import numpy as np
import pandas
import pytest

from autograd_lite import COMPILED, data, nn

sklearn = pytest.importorskip("sklearn")

from sklearn.model_selection import GridSearchCV, cross_val_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import PolynomialFeatures  # noqa: E402
from sklearn.utils.estimator_checks import parametrize_with_checks  # noqa: E402

SMALL = {"hidden": (4,), "epochs": 10, "learning_rate": 0.1}


@parametrize_with_checks([nn.Classifier(**SMALL), nn.Regressor(**SMALL)])
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@pytest.mark.skipif(not COMPILED, reason="takes minutes with the plain engine")
@parametrize_with_checks([nn.Classifier(), nn.Regressor()])
def test_scikit_learns_own_checks_at_the_defaults(estimator, check):
    check(estimator)


def test_a_classifier_learns_labels_of_any_kind():
    X, y = data.moons(60, noise=0.05, seed=0)
    labels = np.array(["left", "right"])[y]
    classifier = nn.Classifier(hidden=(8, 8), epochs=60, random_state=0).fit(X, labels)
    assert classifier.classes_.tolist() == ["left", "right"]
    assert classifier.score(X, labels) >= 0.98
    probabilities = classifier.predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    assert (classifier.predict(X) == classifier.classes_[probabilities.argmax(axis=1)]).all()


def test_a_regressor_learns_several_targets_in_their_own_units():
    X, y = data.sine(60, noise=0.0, seed=0)
    targets = np.stack([1e6 * y, 5.0 - 1e-3 * y], axis=1)
    regressor = nn.Regressor(activation="tanh", epochs=150, random_state=0).fit(X, targets)
    assert regressor.predict(X).shape == (60, 2)
    assert regressor.score(X, targets) > 0.98


def test_the_same_random_state_gives_the_same_net():
    X, y = data.blobs(30, seed=0)
    a, b = (nn.Classifier(epochs=2, random_state=3).fit(X, y) for _ in range(2))
    assert a.net_.state_dict() == b.net_.state_dict()


def test_frames_search_and_pipeline_and_pickle():
    X, y = data.circles(60, noise=0.05, seed=0)
    frame = pandas.DataFrame(X, columns=["a", "b"])
    search = GridSearchCV(nn.Classifier(hidden=(), epochs=10, random_state=0), {"learning_rate": [0.001, 0.3]}, cv=2)
    pipeline = make_pipeline(PolynomialFeatures(2), search).fit(frame, y)
    assert search.n_features_in_ == 6
    assert pipeline[-1].best_params_ == {"learning_rate": 0.3}
    assert (pickle.loads(pickle.dumps(pipeline)).predict(frame) == pipeline.predict(frame)).all()
    assert cross_val_score(nn.Regressor(epochs=2, random_state=0), frame, y, cv=2).shape == (2,)


def test_a_missing_scikit_learn_is_named(monkeypatch):
    monkeypatch.delitem(sys.modules, "autograd_lite.estimators")
    monkeypatch.setitem(sys.modules, "sklearn.base", None)
    with pytest.raises(ImportError, match=r"nn\.Classifier and nn\.Regressor need scikit-learn"):
        _ = nn.Classifier
