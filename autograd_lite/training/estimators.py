"""Classifier and Regressor: an MLP with scikit-learn's conventions, for its pipelines, searches and scores.

Both need scikit-learn; they are reached as `scikit.Classifier` and `scikit.Regressor`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autograd_lite.nn import losses, optim
from autograd_lite.nn.layers import MLP
from autograd_lite.nn.losses import Loss
from autograd_lite.nn.predict import predict
from autograd_lite.training.fit import fit

try:
    import numpy
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError("scikit.Classifier and scikit.Regressor need scikit-learn: pip install scikit-learn") from error

if TYPE_CHECKING:
    Array = numpy.ndarray[Any, Any]


class _Estimator(BaseEstimator):  # type: ignore[misc]
    """What both share: the net, its training, and scaling, which a net of small weights depends on."""

    def __init__(
        self,
        hidden: tuple[int, ...] = (8,),
        activation: str = "relu",
        *,
        learning_rate: float = 0.05,
        epochs: int = 30,
        batch_size: int = 32,
        weight_decay: float = 0.0,
        patience: int | None = None,
        progress: bool = False,
        random_state: Any = None,
    ) -> None:
        self.hidden = hidden
        self.activation = activation
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.batch_size = batch_size
        self.weight_decay = weight_decay
        self.patience = patience
        self.progress = progress
        self.random_state = random_state

    def _train(self, X: Array, y: Array, n_outputs: int, loss: Loss) -> None:
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        if isinstance(self.hidden, (str, bool)) or not hasattr(self.hidden, "__len__"):
            raise TypeError(
                "hidden is a tuple with the number of neurons of each hidden layer, such as (8,),"
                f" got {type(self.hidden).__name__}: {self.hidden!r}"
            )
        self.mean_, self.scale_ = _mean_and_scale(X)
        self.net_ = MLP(X.shape[1], [*self.hidden, n_outputs], self.activation, seed=seed)
        optimizer = optim.Adam(self.net_.parameters(), lr=self.learning_rate, weight_decay=self.weight_decay)
        self.history_ = fit(
            self.net_,
            self._scaled(X),
            y,
            loss=loss,
            optimizer=optimizer,
            epochs=self.epochs,
            batch_size=self.batch_size,
            patience=self.patience,
            progress=self.progress,
            seed=seed,
        )
        self.n_iter_ = len(self.history_)

    def _scaled(self, X: Array) -> Array:
        scaled: Array = (X - self.mean_) / self.scale_
        return scaled

    def _outputs(self, X: Any) -> Array:
        check_is_fitted(self)
        return predict(self.net_, self._scaled(validate_data(self, X, reset=False, dtype=float)))


def _mean_and_scale(columns: Array) -> tuple[Array, Array]:
    """The mean of each column, and its standard deviation: 1 where the column is constant but for rounding.

    Notes
    -----
    The bound on the variance that rounding alone can cause is that of `sklearn.preprocessing.StandardScaler`.
    """
    mean, variance = columns.mean(axis=0), columns.var(axis=0)
    rounding = len(columns) * numpy.finfo(float).eps
    is_constant = variance <= rounding * variance + (rounding * mean) ** 2
    return mean, numpy.where(is_constant, 1.0, numpy.sqrt(variance))


class Classifier(ClassifierMixin, _Estimator):  # type: ignore[misc]
    """A multi-layer perceptron that tells classes apart, as a scikit-learn estimator.

    It scales the features to mean 0 and deviation 1, and trains with Adam on the cross-entropy.

    Parameters
    ----------
    hidden : tuple of int
        The number of neurons of each hidden layer.
    activation : str
        Of the hidden layers.
    learning_rate, weight_decay : float
        Of Adam.
    epochs, batch_size, patience, progress
        As for `fit`.
    random_state : int, numpy.random.RandomState or None
        Where the initial weights and the order of the samples come from.

    Attributes
    ----------
    classes_ : numpy.ndarray
        The labels that were met.
    net_ : MLP
    history_ : History
    n_iter_ : int
        How many epochs were made.
    n_features_in_ : int

    Examples
    --------
    >>> from autograd_lite import data, scikit
    >>> X, y = data.blobs(60, seed=0)
    >>> classifier = scikit.Classifier(random_state=0).fit(X, y)
    >>> classifier.score(X, y) > 0.95
    True
    """

    def fit(self, X: Any, y: Any) -> Classifier:
        """Train on samples X of shape (n, features) and their labels y, of any kind."""
        X, y = validate_data(self, X, y, dtype=float)
        check_classification_targets(y)
        self.classes_, index = numpy.unique(y, return_inverse=True)
        n = len(self.classes_)
        if n < 2:
            raise ValueError(f"Classifier can't train when only one class is present: {self.classes_[0]!r}")
        # Two classes need one logit, more need one each.
        loss = losses.binary_cross_entropy if n == 2 else losses.cross_entropy
        self._train(X, index, 1 if n == 2 else n, loss)
        return self

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class: shape (n, classes), in the order of `classes_`."""
        logits = self._outputs(X)
        if logits.ndim == 1:
            logits = numpy.stack([numpy.zeros_like(logits), logits], axis=1)
        powers = numpy.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities: Array = powers / powers.sum(axis=1, keepdims=True)
        return probabilities

    def predict(self, X: Any) -> Array:
        """Return the most probable label of each sample."""
        probabilities = self.predict_proba(X)
        labels: Array = self.classes_[probabilities.argmax(axis=1)]
        return labels


class Regressor(RegressorMixin, _Estimator):  # type: ignore[misc]
    """A multi-layer perceptron that predicts numbers, as a scikit-learn estimator.

    It scales the features and the targets to mean 0 and deviation 1, and trains with Adam on the squared error.

    Parameters
    ----------
    hidden, activation, learning_rate, epochs, batch_size, weight_decay, patience, progress, random_state
        As for `Classifier`.

    Attributes
    ----------
    net_ : MLP
    history_ : History
    n_iter_ : int
        How many epochs were made.
    n_features_in_ : int

    Examples
    --------
    >>> from autograd_lite import data, scikit
    >>> X, y = data.sine(60, noise=0.0, seed=0)
    >>> regressor = scikit.Regressor(activation="tanh", random_state=0).fit(X, y)
    >>> regressor.score(X, y) > 0.9
    True
    """

    def fit(self, X: Any, y: Any) -> Regressor:
        """Train on samples X of shape (n, features) and targets y of shape (n,) or (n, outputs)."""
        X, y = validate_data(self, X, y, dtype=float, multi_output=True, y_numeric=True)
        y = numpy.asarray(y, dtype=float)
        self._target_mean, self._target_scale = _mean_and_scale(y)
        self._is_column = y.ndim == 2
        scaled = (y - self._target_mean) / self._target_scale
        self._train(X, scaled, y.shape[1] if y.ndim == 2 else 1, losses.mse)
        return self

    def predict(self, X: Any) -> Array:
        """Return the prediction for each sample, in the shape of the targets."""
        outputs = self._outputs(X)
        if self._is_column and outputs.ndim == 1:
            outputs = outputs[:, None]
        predictions: Array = outputs * self._target_scale + self._target_mean
        return predictions

    def __sklearn_tags__(self) -> Any:
        """Say what the estimator can do."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
