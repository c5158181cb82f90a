"""Small data sets to train tiny nets on, made from a seed, and the splitting of data.

Each returns `(X, y)` as NumPy arrays: X of shape (n, features); y of shape (n,), the class 0, 1, … or a real number.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from autograd_lite.nn.seeds import as_generator
from autograd_lite.nn.settings import not_negative, positive_integer, real

__all__ = ["as_samples", "as_targets", "blobs", "circles", "moons", "sine", "spirals", "train_test_split", "xor"]


if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, Any]


def moons(n: int = 100, noise: float = 0.1, seed: Any = None) -> tuple[Array, Array]:
    """Two half circles that reach into each other.

    Parameters
    ----------
    n : int
        How many points.
    noise : float
        The standard deviation of what is added to each coordinate; the half circles have radius 1.
    seed : int or numpy.random.Generator, optional
        The same seed gives the same points.

    Examples
    --------
    >>> X, y = moons(100, seed=0)
    >>> X.shape, y.shape, int(y.sum())
    ((100, 2), (100,), 50)
    """
    np, rng, y = _start(n, 2, seed)
    angle = np.pi * _spread(np, y, 2)
    outer = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    inner = np.stack([1.0 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)
    return _shuffled(np, rng, np.where(y[:, None] == 0, outer, inner), y, noise)


def circles(n: int = 100, noise: float = 0.1, seed: Any = None) -> tuple[Array, Array]:
    """A circle of radius 0.5 (class 1) inside a circle of radius 1 (class 0). The parameters are those of `moons`.

    Examples
    --------
    >>> X, y = circles(100, noise=0.0, seed=0)
    >>> float((X[y == 1] ** 2).sum(axis=1).max().round(6))
    0.25
    """
    np, rng, y = _start(n, 2, seed)
    angle = 2.0 * np.pi * _spread(np, y, 2, endpoint=False)
    radius = np.where(y == 0, 1.0, 0.5)
    return _shuffled(np, rng, _polar(np, radius, angle), y, noise)


def spirals(n: int = 200, noise: float = 0.05, seed: Any = None, arms: int = 2) -> tuple[Array, Array]:
    """Arms that wind around each other one and a half times, out to radius 1: hard, because no straight line helps.

    Parameters
    ----------
    n, noise, seed
        As for `moons`.
    arms : int
        How many arms, each a class.

    Examples
    --------
    >>> X, y = spirals(200, noise=0.0, seed=0)
    >>> float((X**2).sum(axis=1).max().round(6))
    1.0
    """
    np, rng, y = _start(n, positive_integer("arms", arms), seed)
    radius = 0.1 + 0.9 * _spread(np, y, arms)
    angle = 3.0 * np.pi * radius + 2.0 * np.pi * y / arms
    return _shuffled(np, rng, _polar(np, radius, angle), y, noise)


def blobs(n: int = 100, noise: float = 0.3, seed: Any = None, centers: int = 3) -> tuple[Array, Array]:
    """Round clouds, each a class, whose centres stand evenly on a circle of radius 1.

    Parameters
    ----------
    n, noise, seed
        As for `moons`.
    centers : int
        How many clouds.

    Examples
    --------
    >>> X, y = blobs(99, seed=0)
    >>> sorted(set(y.tolist()))
    [0, 1, 2]
    """
    np, rng, y = _start(n, positive_integer("centers", centers), seed)
    return _shuffled(np, rng, _polar(np, np.ones(n), 2.0 * np.pi * y / centers), y, noise)


def xor(n: int = 4, noise: float = 0.0, seed: Any = None) -> tuple[Array, Array]:
    """The corners of the unit square in turn; the class is 1 where exactly one coordinate is.

    The parameters are those of `moons`. The order is not shuffled: four points are the table of the exclusive or.

    Examples
    --------
    >>> X, y = xor()
    >>> X.tolist(), y.tolist()
    ([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0])
    """
    np, rng, corner = _start(n, 4, seed)
    X = np.stack([corner // 2, corner % 2], axis=1).astype(float)
    return X + not_negative("noise", noise) * rng.standard_normal(X.shape), (corner // 2) ^ (corner % 2)


def sine(n: int = 100, noise: float = 0.1, seed: Any = None) -> tuple[Array, Array]:
    """One period of a sine, to regress: X from -π to π, y = sin(X) and noise. The parameters are those of `moons`.

    Examples
    --------
    >>> X, y = sine(50, noise=0.0, seed=0)
    >>> X.shape, y.shape
    ((50, 1), (50,))
    """
    np, rng, _ = _start(n, 1, seed)
    x = np.sort(rng.uniform(-math.pi, math.pi, n))
    return x[:, None], np.sin(x) + not_negative("noise", noise) * rng.standard_normal(n)


def train_test_split(X: Any, y: Any, test_size: float = 0.25, seed: Any = None) -> tuple[Array, ...]:
    """Divide samples at random into those to train with and those to test with.

    Parameters
    ----------
    X, y : lists, NumPy arrays or pandas frames of the same length
    test_size : float
        The share of the samples to test with, between 0 and 1.
    seed : int or numpy.random.Generator, optional
        The same seed gives the same division.

    Returns
    -------
    X_train, X_test, y_train, y_test : numpy.ndarray

    Raises
    ------
    ValueError
        If the lengths differ, or one of the two parts would be empty.

    Examples
    --------
    >>> X_train, X_test, y_train, y_test = train_test_split([[1], [2], [3], [4]], [1, 2, 3, 4], seed=0)
    >>> len(X_train), len(X_test)
    (3, 1)
    """
    np = require_numpy()
    X, y = np.asarray(X), np.asarray(y)
    if X.ndim == 0 or y.ndim == 0:
        raise ValueError("X and y must have a row for each sample, got a single number")
    if len(X) != len(y):
        raise ValueError(f"X and y must have the same number of samples, got {len(X)} and {len(y)}")
    if not 0.0 < real("test_size", test_size) < 1.0:
        raise ValueError(f"test_size must be a share between 0 and 1, got {test_size!r}")
    n_test = round(len(X) * test_size)
    if not 0 < n_test < len(X):
        raise ValueError(f"test_size={test_size!r} of {len(X)} samples leaves one part empty")
    order = as_generator(seed).permutation(len(X))
    train, test = order[n_test:], order[:n_test]
    return X[train], X[test], y[train], y[test]


def as_samples(X: Any, name: str = "X") -> Array:
    """Lists, arrays or frames of numbers as one array of shape (samples, features); one number a sample is one feature.

    Raises
    ------
    ValueError
        If there are no samples, they differ in length, or one holds something that is not a finite number.

    Examples
    --------
    >>> as_samples([1, 2, 3]).shape
    (3, 1)
    """
    array = as_targets(X, name)
    return array.reshape(len(array), -1)


def as_targets(y: Any, name: str = "y") -> Array:
    """As `as_samples`, but one number a sample stays one number: shape (samples,) or (samples, outputs)."""
    np = require_numpy()
    if np.ma.is_masked(y):
        raise ValueError(f"{name} has masked entries: fill them or leave out their samples")
    try:
        given = np.asarray(y)
        if given.dtype.kind not in "biufOUS":
            raise TypeError(f"got {'complex numbers' if given.dtype.kind == 'c' else f'an array of {given.dtype}'}")
        array: Array = given.astype(float)
    except (TypeError, ValueError) as error:
        reason = "its rows differ in length" if "inhomogeneous" in str(error) else str(error).replace("np.str_", "")
        raise ValueError(
            f"{name} takes one number, or the same number of numbers, for each sample: {reason}{_advice(y, name)}"
        ) from None
    if array.ndim not in (1, 2) or array.size == 0:
        raise ValueError(f"{name} takes samples by features, got an array of shape {array.shape}")
    rows = np.flatnonzero(~np.isfinite(array.reshape(len(array), -1)).all(axis=1))
    if rows.size:
        raise ValueError(f"{name} takes finite numbers, got {array[rows[0]]} in row {rows[0]}")
    return array


# --- helpers ----------------------------------------------------------------------------------------------------------


def require_numpy() -> Any:
    """Return NumPy.

    Raises
    ------
    ImportError
        If it is missing, with what to install.
    """
    try:
        import numpy
    except ImportError as error:
        raise ImportError('training needs NumPy: pip install "autograd-lite[train]"') from error
    return numpy


def _advice(y: Any, name: str) -> str:
    """What to do about labels that are text."""
    numpy = require_numpy()
    try:
        is_text = name == "y" and any(isinstance(label, str) for label in numpy.asarray(y, dtype=object).flat)
    except ValueError:
        return ""
    if not is_text:
        return ""
    return (
        ". For labels, scikit.Classifier takes them as they are, or numpy.unique(labels, return_inverse=True) gives the"
        " classes 0, 1, …"
    )


def _start(n: int, n_classes: int, seed: Any) -> tuple[Any, Any, Any]:
    """NumPy, a source of randomness, and classes in turn."""
    np = require_numpy()
    if positive_integer("n", n) < n_classes:
        raise ValueError(f"n must be at least {n_classes}, a point for each class, got {n}")
    return np, as_generator(seed), np.arange(n) % n_classes


def _spread(np: Any, y: Any, n_classes: int, endpoint: bool = True) -> Any:
    """Numbers from 0 to 1, evenly within each class."""
    positions = np.empty(len(y))
    for c in range(n_classes):
        members = y == c
        positions[members] = np.linspace(0.0, 1.0, members.sum(), endpoint=endpoint)
    return positions


def _polar(np: Any, radius: Any, angle: Any) -> Any:
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _shuffled(np: Any, rng: Any, X: Any, y: Any, noise: float) -> tuple[Any, Any]:
    order = rng.permutation(len(y))
    return X[order] + not_negative("noise", noise) * rng.standard_normal(X.shape), y[order]
