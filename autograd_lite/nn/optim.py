"""Optimisers: how a gradient becomes a step. Learning-rate schedules and gradient clipping beside them.

Names, arguments and numbers are those of PyTorch. The rule of each optimiser is written once, in its `update`: it takes
one parameter, its gradient and what the optimiser remembers of it, as floats or as NumPy arrays of many parameters at
once, and returns the new ones.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict, Unpack

from autograd_lite import ops
from autograd_lite.nn.clipping import by_norm, by_value
from autograd_lite.nn.clipping import clip_grad_norm as clip_grad_norm
from autograd_lite.nn.clipping import clip_grad_value as clip_grad_value
from autograd_lite.nn.data import require_numpy
from autograd_lite.nn.schedules import Schedule as Schedule
from autograd_lite.nn.schedules import constant as constant
from autograd_lite.nn.schedules import cosine as cosine
from autograd_lite.nn.schedules import step_decay as step_decay
from autograd_lite.nn.schedules import warm_up as warm_up
from autograd_lite.nn.settings import (
    check_optimizer_state,
    check_parameters,
    flag,
    fraction,
    not_negative,
    pair_of_fractions,
    positive_or_none,
    real,
    step_count,
)
from autograd_lite.value import Value

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Optimizer",
    "RMSprop",
    "clip_grad_norm",
    "clip_grad_value",
    "constant",
    "cosine",
    "step_decay",
    "warm_up",
]


# What update rules compute with: a float, or a NumPy array with one element a parameter.
Numbers = Any


_NO_SETTINGS = ("params", "steps")


class _Clipping(TypedDict, total=False):
    clip_norm: float | None
    clip_value: float | None


class Optimizer:
    """What all optimisers share: the parameters, the learning rate, the number of steps, clipping.

    Parameters
    ----------
    params : iterable of Value
        The leaves to be changed.
    lr : float or callable
        The learning rate; or a schedule, which gives it for the number of steps made so far.
    weight_decay : float
        How much of each parameter is added to its gradient: the gradient of ½ weight_decay Σ p².
    clip_norm, clip_value : float, optional
        Scale the gradients down to this Euclidean norm at most; cut each off at ± this value. Done before each step, on
        copies: the `.grad` stay as they are.

    Raises
    ------
    TypeError
        If a parameter is not a Value.
    ValueError
        If there are no parameters, one is not a leaf or comes twice, or a number is out of range.

    Attributes
    ----------
    params : list of Value
    steps : int
        How many steps have been made.
    """

    # What the attributes take. Checked whenever one is set: by the constructor, by the user, by load_state_dict().
    _checks: ClassVar[dict[str, Callable[[str, Any], Any]]] = {
        "steps": step_count,
        "weight_decay": not_negative,
        "clip_norm": positive_or_none,
        "clip_value": positive_or_none,
    }

    def __init__(
        self,
        params: Iterable[Value],
        lr: float | Schedule,
        *,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        self.params = check_parameters(params)
        self.lr = lr
        self.weight_decay = weight_decay
        self.clip_norm, self.clip_value = clip_norm, clip_value
        self.steps = 0
        # By name a list of floats, or an array since step_array() was used; and the parameters that they belong to.
        self._state: dict[str, Any] = {}
        self._owners: Sequence[Value] = []

    _is_started: bool = False  # whether nothing was set since the last step on arrays

    if not TYPE_CHECKING:  # where a type checker sees it, it takes any name for an attribute

        def __setattr__(self, name: str, value: Any) -> None:
            check = self._checks.get(name)
            object.__setattr__(self, name, value if check is None else check(name, value))
            self.__dict__["_is_started"] = False

    @property
    def _initial_state(self) -> dict[str, float]:
        """What is remembered of each parameter, by name, with its value at the start."""
        return {}

    @property
    def lr(self) -> float:
        """The learning rate of the next step. May be set at any time, to a number or to a schedule."""
        if callable(self._lr):
            return not_negative("the learning rate of the schedule", self._lr(self.steps))
        return self._lr

    @lr.setter
    def lr(self, lr: float | Schedule) -> None:
        self._lr = lr if callable(lr) else not_negative("lr", lr)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Set the gradients of the parameters to zero, whatever `set_to_none` says: here a gradient is always a number."""
        for p in self.params:
            p.grad = 0.0

    def step(self) -> None:
        """Change each parameter's data by its gradient."""
        gradients: Any = [p.grad for p in self.params]
        if self.clip_norm is not None or self.clip_value is not None:
            gradients = self._clipped(gradients)
        names, state = self._as_lists()
        self._state = dict(zip(names, state))
        lr = self.lr
        for i, p in enumerate(self.params):
            data, *remembered = self.update(p.data, gradients[i], lr, *[values[i] for values in state])
            p.data = data
            for values, value in zip(state, remembered):
                values[i] = value
        self.steps += 1

    def step_array(self, parameters: Any, gradients: Any, owners: Sequence[Value] | None = None) -> Any:
        """The same step on arrays, which leaves the data and grad of the parameters alone.

        Parameters
        ----------
        parameters, gradients : numpy.ndarray of float, shape (number of parameters,)
        owners : sequence of Value, optional
            The parameters that the elements belong to, if they are in another order than in `params`. A step is quicker if
            it is the same sequence as at the last one.

        Returns
        -------
        numpy.ndarray
            The new parameters.
        """
        if self.clip_norm is not None or self.clip_value is not None:
            gradients = _to_array(self._clipped(gradients.tolist()))
        if owners is None:
            owners = self.params
        is_ready = self._is_started and self._owners is owners
        state = self._state if is_ready else self._started(owners)
        parameters, *remembered = self.update(parameters, gradients, self.lr, *map(_to_array, state.values()))
        # Past the checks of settings, which a quick step would notice: none is set here.
        own = vars(self)
        own["steps"] += 1
        if state:
            own["_state"] = dict(zip(state, remembered))
        if not is_ready:
            own["_owners"], own["_is_started"] = owners, True
        return parameters

    def update(self, p: Numbers, g: Numbers, lr: float, *state: Numbers) -> tuple[Numbers, ...]:
        """The rule: the parameter, its gradient, the learning rate and what is remembered → the new parameter and that."""
        raise NotImplementedError(f"{type(self).__name__} does not say how to step: define update")

    def _started(self, owners: Sequence[Value]) -> dict[str, Any]:
        """What is remembered, in the order of the owners. They and the settings may have changed: what is new starts."""
        initial = self._initial_state
        if self._state.keys() == initial.keys() and (self._owners is owners or list(self._owners) == list(owners)):
            return self._state
        place = {p: i for i, p in enumerate(self._owners)}
        places = [place.get(p) for p in owners]
        state = {}
        for name, start in initial.items():
            values = self._state.get(name)
            state[name] = [start if values is None or i is None else float(values[i]) for i in places]
        self._state, self._owners = state, list(owners)
        return state

    def _as_lists(self) -> tuple[list[str], list[list[float]]]:
        """The names of what is remembered, and the numbers of each."""
        state = self._started(self.params)
        return list(state), [values if isinstance(values, list) else values.tolist() for values in state.values()]

    # --- saving -------------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """What it takes to go on with the training to the bit: a dict of numbers and lists, fit for JSON.

        It holds the settings, the number of steps, and what is remembered of each parameter, in the order of `params`; of a
        schedule it holds nothing but the steps. The parameters' data are in the net's own `state_dict()`.

        Examples
        --------
        >>> w = Value(3.0)
        >>> SGD([w], lr=0.1, momentum=0.9).state_dict()["state"]
        {'velocity': [0.0]}
        """
        settings = {name: value for name, value in vars(self).items() if name[0] != "_" and name not in _NO_SETTINGS}
        if not callable(self._lr):
            settings["lr"] = self._lr
        return {
            "optimizer": type(self).__name__,
            "steps": self.steps,
            "settings": {name: list(x) if isinstance(x, tuple) else x for name, x in settings.items()},
            "state": {name: list(values) for name, values in zip(*self._as_lists())},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where another optimiser of the same kind stood. After an error nothing is changed.

        Parameters
        ----------
        state : dict
            Of its `state_dict()`. Its learning rate is taken too, unless it was a schedule: then this one's stays.

        Raises
        ------
        ValueError
            If it belongs to another kind of optimiser, or to another number of parameters, or a number is out of range.
        TypeError
            If something in it is not of the kind that it should be.

        Examples
        --------
        >>> w = Value(3.0)
        >>> first, second = Adam([w], lr=0.1), Adam([w])
        >>> second.load_state_dict(first.state_dict())
        >>> second.lr
        0.1
        """
        kind = type(self).__name__
        check_optimizer_state(state)
        if state["optimizer"] != kind:
            raise ValueError(f"the state of an optimiser of the kind {state['optimizer']!r} does not fit {kind}")
        other = copy.copy(self)
        for name, value in state["settings"].items():
            if name != "lr" and (name not in vars(self) or name[0] == "_" or name in _NO_SETTINGS):
                raise ValueError(f"{kind} has no setting {name!r}")
            setattr(other, name, tuple(value) if isinstance(value, list) else value)
        other.steps = state["steps"]
        names = list(other._initial_state)
        if set(names) != set(state["state"]):
            wanted, given = (", ".join(map(str, n)) or "nothing" for n in (names, state["state"]))
            raise ValueError(
                f"with these settings {kind} remembers {wanted} of each parameter, but the state has {given}"
            )
        other._state = {name: [real(name, x) for x in state["state"][name]] for name in names}
        for values in other._state.values():
            if len(values) != len(self.params):
                raise ValueError(f"the state is that of {len(values)} parameters, but {kind} has {len(self.params)}")
        other._owners = list(self.params)
        vars(self).update(vars(other))

    def _clipped(self, gradients: list[float]) -> list[float]:
        if self.clip_norm is not None:
            gradients = by_norm(gradients, self.clip_norm)
        if self.clip_value is not None:
            gradients = by_value(gradients, self.clip_value)
        return gradients

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.params)} parameters, lr={self.lr:g})"


class SGD(Optimizer):
    """Gradient descent: p ← p - lr g; with momentum, v ← momentum v + g and p ← p - lr v.

    Parameters
    ----------
    params, lr, weight_decay, clip_norm, clip_value
        As for every `Optimizer`.
    momentum : float
        How much of the velocity v stays.
    nesterov : bool
        Step by g + momentum v instead of v.

    References
    ----------
    Sutskever et al., "On the importance of initialization and momentum in deep learning" (2013).

    Examples
    --------
    >>> w = Value(3.0)
    >>> optimizer = SGD([w], lr=0.1)
    >>> (w**2).backward()
    >>> optimizer.step()
    >>> w.data
    2.4
    """

    _checks = Optimizer._checks | {"momentum": not_negative, "nesterov": flag}

    def __init__(
        self,
        params: Iterable[Value],
        lr: float | Schedule = 1e-3,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        **clipping: Unpack[_Clipping],
    ) -> None:
        super().__init__(params, lr, weight_decay=weight_decay, **clipping)
        self.momentum, self.nesterov = momentum, nesterov
        if self.nesterov and not self.momentum:
            raise ValueError("SGD with nesterov takes a momentum above 0")

    @property
    def _initial_state(self) -> dict[str, float]:
        return {"velocity": 0.0} if self.momentum else {}

    def update(self, p: Numbers, g: Numbers, lr: float, *state: Numbers) -> tuple[Numbers, ...]:
        """The rule, on floats or arrays."""
        if self.weight_decay:
            g = g + self.weight_decay * p
        if not state:
            return (p - lr * g,)
        velocity = self.momentum * state[0] + g
        return p - lr * (g + self.momentum * velocity if self.nesterov else velocity), velocity


class RMSprop(Optimizer):
    """Steps divided by the root of a running mean of squared gradients.

    s ← alpha s + (1 - alpha) g², p ← p - lr g / (√s + eps).

    Parameters
    ----------
    params, lr, weight_decay, clip_norm, clip_value
        As for every `Optimizer`.
    alpha : float
        How much of the running mean stays.
    eps : float
        Keeps the divisor above 0.
    momentum : float
        How much of the velocity stays.
    centered : bool
        Divide by the running standard deviation instead of the root mean square.

    References
    ----------
    Hinton, "Neural networks for machine learning", lecture 6e (2012).

    Examples
    --------
    >>> w = Value(3.0)
    >>> optimizer = RMSprop([w], lr=0.1)
    >>> (w**2).backward()
    >>> optimizer.step()
    >>> round(w.data, 6)
    2.0
    """

    _checks = Optimizer._checks | {
        "alpha": fraction,
        "eps": not_negative,
        "momentum": not_negative,
        "centered": flag,
    }

    def __init__(
        self,
        params: Iterable[Value],
        lr: float | Schedule = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        **clipping: Unpack[_Clipping],
    ) -> None:
        super().__init__(params, lr, weight_decay=weight_decay, **clipping)
        self.alpha, self.eps, self.momentum, self.centered = alpha, eps, momentum, centered

    @property
    def _initial_state(self) -> dict[str, float]:
        return {"square": 0.0, "mean": 0.0, "velocity": 0.0}

    def update(self, p: Numbers, g: Numbers, lr: float, *state: Numbers) -> tuple[Numbers, ...]:
        """The rule, on floats or arrays."""
        square, mean, velocity = state
        if self.weight_decay:
            g = g + self.weight_decay * p
        square = self.alpha * square + (1.0 - self.alpha) * g * g
        spread = square
        if self.centered:
            mean = self.alpha * mean + (1.0 - self.alpha) * g
            spread = square - mean * mean
        step = g / (ops.SQRT(spread) + self.eps)
        if self.momentum:
            velocity = step = self.momentum * velocity + step
        return p - lr * step, square, mean, velocity


class Adagrad(Optimizer):
    """Steps divided by the root of the sum of all squared gradients so far.

    s ← s + g², p ← p - lr g / (√s + eps).

    Parameters
    ----------
    params, lr, weight_decay, clip_norm, clip_value
        As for every `Optimizer`.
    lr_decay : float
        The learning rate is divided by 1 + lr_decay times the number of steps made.
    initial_accumulator_value : float
        What the sum starts from.
    eps : float
        Keeps the divisor above 0.

    References
    ----------
    Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and stochastic optimization" (2011).

    Examples
    --------
    >>> w = Value(3.0)
    >>> optimizer = Adagrad([w], lr=0.1)
    >>> (w**2).backward()
    >>> optimizer.step()
    >>> round(w.data, 6)
    2.9
    """

    _checks = Optimizer._checks | {
        "lr_decay": not_negative,
        "initial_accumulator_value": not_negative,
        "eps": not_negative,
    }

    def __init__(
        self,
        params: Iterable[Value],
        lr: float | Schedule = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        **clipping: Unpack[_Clipping],
    ) -> None:
        super().__init__(params, lr, weight_decay=weight_decay, **clipping)
        self.lr_decay, self.eps = lr_decay, eps
        self.initial_accumulator_value = initial_accumulator_value

    @property
    def _initial_state(self) -> dict[str, float]:
        return {"sum": self.initial_accumulator_value}

    def update(self, p: Numbers, g: Numbers, lr: float, *state: Numbers) -> tuple[Numbers, ...]:
        """The rule, on floats or arrays."""
        if self.weight_decay:
            g = g + self.weight_decay * p
        squares = state[0] + g * g
        return p - lr / (1.0 + self.steps * self.lr_decay) * g / (ops.SQRT(squares) + self.eps), squares


class Adam(Optimizer):
    """Running means of the gradient and of its square, freed from their bias towards 0.

    m ← β₁ m + (1 - β₁) g, v ← β₂ v + (1 - β₂) g², p ← p - lr m̂ / (√v̂ + eps),
    where m̂ = m / (1 - β₁ᵗ), v̂ = v / (1 - β₂ᵗ) at step t.

    Parameters
    ----------
    params, lr, weight_decay, clip_norm, clip_value
        As for every `Optimizer`.
    betas : (float, float)
        How much of the two running means stays.
    eps : float
        Keeps the divisor above 0.
    amsgrad : bool
        Divide by the largest v so far.

    References
    ----------
    Kingma and Ba, "Adam: a method for stochastic optimization" (2015).

    Examples
    --------
    >>> w = Value(3.0)
    >>> optimizer = Adam([w], lr=0.1)
    >>> (w**2).backward()
    >>> optimizer.step()
    >>> round(w.data, 6)
    2.9
    """

    _checks = Optimizer._checks | {"betas": pair_of_fractions, "eps": not_negative, "amsgrad": flag}

    def __init__(
        self,
        params: Iterable[Value],
        lr: float | Schedule = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        **clipping: Unpack[_Clipping],
    ) -> None:
        super().__init__(params, lr, weight_decay=weight_decay, **clipping)
        self.betas, self.eps, self.amsgrad = betas, eps, amsgrad

    @property
    def _initial_state(self) -> dict[str, float]:
        return {"mean": 0.0, "square": 0.0} | ({"largest": 0.0} if self.amsgrad else {})

    def update(self, p: Numbers, g: Numbers, lr: float, *state: Numbers) -> tuple[Numbers, ...]:
        """The rule, on floats or arrays."""
        if self.weight_decay:
            g = g + self.weight_decay * p
        mean, square, *largest = state
        beta1, beta2 = self.betas
        mean = beta1 * mean + (1.0 - beta1) * g
        square = beta2 * square + (1.0 - beta2) * g * g
        spread = square
        if largest:
            spread = ops.MAXIMUM(largest[0], square)
            largest = [spread]
        correction = 1.0 - beta1 ** (self.steps + 1)
        root = math.sqrt(1.0 - beta2 ** (self.steps + 1))
        return p - lr / correction * mean / (ops.SQRT(spread) / root + self.eps), mean, square, *largest


class AdamW(Adam):
    """Adam with the weight decay apart from the gradient: p ← p - lr weight_decay p, then Adam's step.

    Parameters
    ----------
    params, lr, betas, eps, weight_decay, amsgrad, clip_norm, clip_value
        As for `Adam`, with a weight decay of 0.01 by default.

    References
    ----------
    Loshchilov and Hutter, "Decoupled weight decay regularization" (2019).

    Examples
    --------
    >>> w = Value(3.0)
    >>> optimizer = AdamW([w], lr=0.1)
    >>> (w**2).backward()
    >>> optimizer.step()
    >>> round(w.data, 6)
    2.897
    """

    _checks = Adam._checks | {"decay": not_negative}

    def __init__(
        self,
        params: Iterable[Value],
        lr: float | Schedule = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        **clipping: Unpack[_Clipping],
    ) -> None:
        super().__init__(params, lr, betas, eps, 0.0, amsgrad, **clipping)
        self.decay = not_negative("weight_decay", weight_decay)

    def update(self, p: Numbers, g: Numbers, lr: float, *state: Numbers) -> tuple[Numbers, ...]:
        """The rule, on floats or arrays."""
        return super().update(p * (1.0 - lr * self.decay), g, lr, *state)


def _to_array(numbers: Any) -> Any:
    return require_numpy().asarray(numbers)
