"""Neural networks, one neuron at a time.

A `Module` is anything with parameters: a `Neuron`, a `Layer` of neurons, an `MLP` of layers, or a class of your own. A
neuron is one weighted sum (a `dot` node) and one activation, so a small net can be drawn and read node by node.

All randomness comes from the `seed` given: a number, or a `random.Random` or NumPy generator to share among several modules.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from autograd_lite import functions, ops
from autograd_lite._support.text import quoted
from autograd_lite.functions import FloatOrValue, mean, sqrt
from autograd_lite.nn.module import Module as Module
from autograd_lite.nn.seeds import as_random
from autograd_lite.nn.settings import positive_integer
from autograd_lite.value import Value, apply_dot

ActivationLike = str | Callable[[Value], Value] | None
Seed = Any  # an integer of any kind, a random.Random, a generator of NumPy, or None

# The activations by name: every function of one number in the table of operations.
ACTIVATIONS = tuple(sorted(op.name for op in ops.TABLE.values() if op.arity == 1 and op.public and op is not ops.NEG))


class Neuron(Module):
    """One neuron: activation(w · x + b).

    Parameters
    ----------
    n_inputs : int
        How many numbers it takes.
    activation : str or callable or None
        The name of a function of one number ("relu", "tanh", "sigmoid", …), any function of a Value, or None for none.
    bias : bool or Value
        Whether there is a bias; or the bias itself, to share one among several neurons.
    frozen_bias : bool
        Keep the bias as it is: it is then no parameter.
    init : str
        How the weights start: "he" or "xavier" (normal), "he_uniform" or "xavier_uniform"; "auto" takes "he" for the relu
        family and "xavier" for all others. The bias starts within ± 1/√n_inputs, because if all started at 0, all neurons of
        the first layer would bend at the origin.
    seed : int, random.Random or numpy.random.Generator, optional
        Where the randomness comes from.
    n_neurons : int
        How many neurons stand side by side in the layer; Xavier's rule asks for it.
    nonlin : bool
        False is the same as `activation=None`, as in micrograd.

    Attributes
    ----------
    w : list of Value
        The weights.
    b : Value or float
        The bias; 0.0 if there is none.

    References
    ----------
    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010): variance
    2 / (n_inputs + n_neurons). He et al., "Delving deep into rectifiers" (2015): variance 2 / n_inputs.

    Examples
    --------
    >>> neuron = Neuron(2, "tanh", seed=0)
    >>> neuron.load_state_dict({"w[0]": 1.0, "w[1]": -1.0, "b": 0.5})
    >>> neuron([2.0, 2.5]).data
    0.0
    """

    _initial = ("seed", "init", "n_neurons", "nonlin")

    def __init__(
        self,
        n_inputs: int,
        activation: ActivationLike = "relu",
        *,
        bias: bool | Value = True,
        frozen_bias: bool = False,
        init: str = "auto",
        seed: Seed = None,
        n_neurons: int = 1,
        nonlin: bool = True,
    ) -> None:
        n_inputs = positive_integer("n_inputs of a Neuron", n_inputs)
        _count_weights(n_inputs)
        if not nonlin:
            activation = None
        self.n_inputs = n_inputs
        self.activation = activation_name(activation)
        self._function = _activation_function(self.activation)
        rng = as_random(seed)
        draw = _weights(init, self.activation, n_inputs, n_neurons, rng)
        self.w = [Value(draw()) for _ in range(n_inputs)]
        self.b: FloatOrValue = bias if isinstance(bias, Value) else _bias(n_inputs, rng) if bias else 0.0
        self.bias, self.frozen_bias = isinstance(self.b, Value), bool(frozen_bias)
        self._frozen = ("b",) if frozen_bias else ()
        self.name_parameters()

    def __call__(self, x: Any) -> Value:
        """Return the output for one sample: a sequence of `n_inputs` numbers or Values."""
        inputs = x if type(x) is tuple else _vector(x)
        if len(inputs) != len(self.w):
            raise _size_error(self, len(self.w), inputs)
        z: Value = apply_dot(self.w, inputs, self.b)
        return z if self._function is None else self._function(z)

    def _headline(self) -> str:
        return f"Neuron({len(self.w)}, {_shown(self.activation)})"


class Layer(Module):
    """Neurons side by side, each connected to all inputs.

    Parameters
    ----------
    n_inputs, n_neurons : int
        How many numbers it takes, and how many it gives.
    activation, frozen_bias, init, seed
        As for `Neuron`.
    bias : bool
        Whether the neurons have biases.
    shared_bias : bool
        One bias for all neurons, instead of one for each.

    Attributes
    ----------
    neurons : list of Neuron

    Examples
    --------
    >>> layer = Layer(3, 2, seed=0)
    >>> len(layer([1.0, 2.0, 3.0])), len(layer.parameters())
    (2, 8)
    """

    _is_atom = True  # the neurons are all alike
    _initial = ("seed", "init")

    def __init__(
        self,
        n_inputs: int,
        n_neurons: int,
        activation: ActivationLike = "relu",
        *,
        bias: bool = True,
        shared_bias: bool = False,
        frozen_bias: bool = False,
        init: str = "auto",
        seed: Seed = None,
    ) -> None:
        self.n_inputs = positive_integer("n_inputs of a Layer", n_inputs)
        self.n_neurons = positive_integer("n_neurons of a Layer", n_neurons)
        self.activation = activation_name(activation)
        self.bias, self.shared_bias, self.frozen_bias = bool(bias), bool(bias and shared_bias), bool(frozen_bias)
        rng = as_random(seed)
        common: bool | Value = bias
        if bias and shared_bias:
            self.b = common = _bias(n_inputs, rng)
            self._frozen = ("b",) if frozen_bias else ()
        self.neurons = [
            Neuron(
                n_inputs,
                self.activation,
                bias=common,
                frozen_bias=frozen_bias,
                init=init,
                seed=rng,
                n_neurons=self.n_neurons,
            )
            for _ in range(self.n_neurons)
        ]
        self.name_parameters()

    def __call__(self, x: Any) -> Any:
        """Return the outputs for one sample: a list of Values; of a layer of one neuron, the Value itself."""
        inputs = tuple(x if type(x) is list else _vector(x))  # one for all neurons, whose nodes keep it
        if len(inputs) != self.n_inputs:
            raise _size_error(self, self.n_inputs, inputs)
        outputs = [neuron(inputs) for neuron in self.neurons]
        return outputs if len(outputs) > 1 else outputs[0]

    def _headline(self) -> str:
        return f"Layer({self.n_inputs} → {len(self.neurons)}, {_shown(self.activation)})"


class MLP(Module):
    """A multi-layer perceptron: fully connected layers, one after the other.

    Parameters
    ----------
    n_inputs : int
        How many numbers it takes.
    sizes : sequence of int
        The number of neurons of each layer, the output layer last.
    activation : str or callable or None
        Of the hidden layers; see `Neuron`.
    output_activation : str or callable or None
        Of the last layer.
    bias, shared_bias, frozen_bias, init
        As for `Layer`.
    seed : int, random.Random or numpy.random.Generator, optional
        Where the randomness comes from: the same seed gives the same weights.

    Attributes
    ----------
    layers : list of Layer

    Examples
    --------
    >>> net = MLP(2, [16, 16, 1], seed=0)
    >>> net
    MLP(
      layers[0]: Layer(2 → 16, relu)
      layers[1]: Layer(16 → 16, relu)
      layers[2]: Layer(16 → 1, linear)
    )
    >>> len(net.parameters())
    337
    >>> net.layers[0].neurons[2].w[1].label
    'layers[0].neurons[2].w[1]'
    """

    _initial = ("seed", "init")

    def __init__(
        self,
        n_inputs: int,
        sizes: Sequence[int],
        activation: ActivationLike = "relu",
        output_activation: ActivationLike = None,
        seed: Seed = None,
        *,
        bias: bool = True,
        shared_bias: bool = False,
        frozen_bias: bool = False,
        init: str = "auto",
    ) -> None:
        if isinstance(sizes, str) or not isinstance(sizes, Iterable) or not (widths := list(sizes)):
            raise ValueError(f"an MLP takes the sizes of its layers, such as [16, 16, 1], got {sizes!r}")
        self.n_inputs = positive_integer("n_inputs of an MLP", n_inputs)
        self.sizes = [positive_integer("each of the sizes of an MLP", width) for width in widths]
        self.activation, self.output_activation = activation_name(activation), activation_name(output_activation)
        self.bias, self.shared_bias, self.frozen_bias = bool(bias), bool(bias and shared_bias), bool(frozen_bias)
        rng = as_random(seed)
        widths = [self.n_inputs, *self.sizes]
        self.layers = [
            Layer(
                widths[i],
                widths[i + 1],
                activation if i < len(self.sizes) - 1 else output_activation,
                bias=bias,
                shared_bias=shared_bias,
                frozen_bias=frozen_bias,
                init=init,
                seed=rng,
            )
            for i in range(len(self.sizes))
        ]
        self.name_parameters()

    def __call__(self, x: Any) -> Any:
        """Return the outputs for one sample: a list of Values; with one output neuron, the Value itself."""
        for layer in self.layers:
            x = layer(x)
        return x

    def _headline(self) -> str:
        sizes = [self.layers[0].n_inputs, *[len(layer.neurons) for layer in self.layers]]
        return f"MLP({' → '.join(map(str, sizes))})"


class Sequential(Module):
    """Modules one after the other.

    Parameters
    ----------
    *layers : Module or str or callable
        An activation, by name or as a function of the table of operations, is applied to each number; any other function
        is called with what the layer before it returns.

    Examples
    --------
    >>> net = Sequential(Layer(2, 8, None, seed=0), LayerNorm(8), "relu", Layer(8, 1, None, seed=1))
    >>> len(net.parameters())
    49
    """

    def __init__(self, *layers: str | Callable[[Any], Any]) -> None:
        self.layers: list[Any] = []
        for layer in layers:
            if isinstance(layer, (list, tuple)):
                raise TypeError(
                    "a Sequential takes its modules one by one, got a list of them: use Sequential(*layers)"
                )
            name = activation_name(layer)
            if name is None:
                raise TypeError(f"a Sequential takes modules, names and functions, got {layer!r}: leave it out")
            self.layers.append(Activation(name) if isinstance(name, str) else layer)
        self.name_parameters()

    def __call__(self, x: Any) -> Any:
        """Return what the last layer makes of one sample."""
        for layer in self.layers:
            x = layer(x)
        return x


class Activation(Module):
    """One function applied to each number of a sample.

    Parameters
    ----------
    activation : str or callable
        See `Neuron`.

    Examples
    --------
    >>> Activation("relu")([-1.0, 2.0])
    [0.0, 2.0]
    """

    def __init__(self, activation: str | Callable[[Any], Any]) -> None:
        self.activation = activation_name(activation)
        _refuse_softmax(self.activation)
        if self.activation is None:
            raise TypeError(f"an Activation applies a function, got {activation!r}: leave it out")
        self._function: Any = ops.TABLE[self.activation] if isinstance(self.activation, str) else activation

    def __call__(self, x: Any) -> Any:
        """Return a list; of a single number, a single number."""
        if isinstance(x, (Value, float, int)):
            return self._function(x)
        return [self._function(number) for number in _vector(x)]

    def _headline(self) -> str:
        return f"Activation({_shown(self.activation)})"


class Dropout(Module):
    """In training, drop each number with a given probability, and scale up the others to keep the expected sum.

    Parameters
    ----------
    probability : float
        In [0, 1).
    seed : int, random.Random or numpy.random.Generator, optional
        Where the randomness comes from.

    References
    ----------
    Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting" (2014).

    Examples
    --------
    >>> dropout = Dropout(0.5, seed=1)
    >>> dropout([1.0, 1.0, 1.0, 1.0])
    [0.0, 2.0, 2.0, 0.0]
    >>> dropout.eval()
    >>> dropout([1.0, 1.0, 1.0, 1.0])
    [1.0, 1.0, 1.0, 1.0]
    """

    def __init__(self, probability: float = 0.5, seed: Seed = None) -> None:
        if not ops.is_number(probability):
            raise TypeError(
                f"the probability of Dropout must be a number, got {type(probability).__name__}: {probability!r}"
            )
        if not 0.0 <= probability < 1.0:
            raise ValueError(f"the probability of Dropout must be in [0, 1), got {probability!r}")
        self.probability = float(probability)
        self._random = as_random(seed)
        # Gives what to multiply n numbers by, where a program draws the masks of a whole batch.
        self.multipliers: Callable[[int], list[Any]] | None = None

    def __call__(self, x: Any) -> list[Any]:
        """Return the numbers of one sample, some of them times 0 in training."""
        inputs = list(_vector(x))
        if not self.training or self.probability == 0.0:
            return inputs
        if self.multipliers is not None:
            return [x * m for x, m in zip(inputs, self.multipliers(len(inputs)))]
        scale = 1.0 / (1.0 - self.probability)
        return [x * (scale if self._random.random() >= self.probability else 0.0) for x in inputs]

    def _headline(self) -> str:
        return f"Dropout({self.probability:g})"


class LayerNorm(Module):
    """Bring the numbers of one sample to mean 0 and variance 1, then scale and shift each by what is learnt.

    Parameters
    ----------
    n_inputs : int
        How many numbers it takes, and gives.
    epsilon : float
        Added to the variance, so that equal numbers do no harm.

    Attributes
    ----------
    gain, b : list of Value
        They start at 1 and 0.

    References
    ----------
    Ba, Kiros and Hinton, "Layer normalization" (2016).

    Examples
    --------
    >>> [round(y.data, 3) for y in LayerNorm(2)([1.0, 3.0])]
    [-1.0, 1.0]
    """

    def __init__(self, n_inputs: int, epsilon: float = 1e-5) -> None:
        if not ops.is_number(epsilon):
            raise TypeError(f"the epsilon of a LayerNorm must be a number, got {type(epsilon).__name__}: {epsilon!r}")
        if not 0.0 <= epsilon < math.inf:
            raise ValueError(f"the epsilon of a LayerNorm must be finite and not negative, got {epsilon!r}")
        self.n_inputs = positive_integer("n_inputs of a LayerNorm", n_inputs)
        self.epsilon = float(epsilon)
        _count_weights(self.n_inputs)
        self.gain = [Value(1.0) for _ in range(self.n_inputs)]
        self.b = [Value(0.0) for _ in range(self.n_inputs)]
        self.name_parameters()

    def __call__(self, x: Any) -> list[Any]:
        """Return as many Values as it takes."""
        inputs = _vector(x)
        if len(inputs) != len(self.gain):
            raise _size_error(self, len(self.gain), inputs)
        centre = mean(inputs)
        centred = [x - centre for x in inputs]
        scale = 1.0 / sqrt(mean([c * c for c in centred]) + self.epsilon)
        return [gain * (c * scale) + b for gain, c, b in zip(self.gain, centred, self.b)]

    def _headline(self) -> str:
        return f"LayerNorm({len(self.gain)})"


# --- helpers ----------------------------------------------------------------------------------------------------------

# How many weights may still be made while a file is loaded: what it says must not make us build something huge.
_weights_left: ContextVar[list[int] | None] = ContextVar("weights left", default=None)


@contextmanager
def at_most_weights(n: int) -> Iterator[None]:
    """Inside, the layers that are made have `n` weights together at most; a ValueError says so before more are made."""
    token = _weights_left.set([n])
    try:
        yield
    finally:
        _weights_left.reset(token)


def _count_weights(n: int) -> None:
    left = _weights_left.get()
    if left is not None:
        left[0] -= n
        if left[0] < 0:
            raise ValueError("its layers have more parameters than the file holds")


def _vector(x: Any) -> Sequence[Any]:
    """One sample as a sequence; a single number is a sequence of one."""
    if isinstance(x, (list, tuple)):
        return x
    if isinstance(x, (Value, float, int)):
        return [x]
    if hasattr(x, "tolist"):  # a NumPy array or number, whose own elements are slow
        x = x.tolist()
        return x if isinstance(x, list) else [x]
    if isinstance(x, (str, bytes, dict, set)) or not isinstance(x, Iterable):
        raise TypeError(f"a sample must be a sequence of numbers or Values, got {type(x).__name__}: {x!r:.80}")
    return list(x)


def _size_error(module: Module, expected: int, inputs: Sequence[Any]) -> ValueError:
    advice = ""
    if isinstance(inputs[0] if inputs else None, (list, tuple)):
        advice = ". A net takes one sample at a time: use predict(net, X) for many"
    return ValueError(f"{module._where()} takes {expected} inputs, got {len(inputs)}{advice}")


def activation_name(activation: Any) -> Any:
    """A name where the table has the function, None for no activation, else the function given."""
    if activation is None or activation == "linear":
        return None
    if isinstance(activation, ops.Op) and activation.name in ACTIVATIONS:
        return activation.name
    if isinstance(activation, str):
        _refuse_softmax(activation)
        if activation not in ACTIVATIONS:
            raise ValueError(
                f"no activation is called {quoted(activation)}; there are {', '.join(ACTIVATIONS)}, and 'linear'"
            )
        return activation
    if isinstance(activation, type) and issubclass(activation, Module):
        raise TypeError(f"{activation.__name__} is a class: make a module of it, such as {activation.__name__}(…)")
    if not callable(activation):
        raise TypeError(f"expected a name, a module or a function, got {activation!r}")
    name = getattr(activation, "__name__", "")
    if name in ACTIVATIONS and activation is getattr(functions, name, None):
        return name
    return activation


def _refuse_softmax(activation: Any) -> None:
    if activation in ("softmax", "log_softmax", functions.softmax, functions.log_softmax):
        raise ValueError(
            "softmax needs all outputs of a layer, so it is not an activation: keep the output linear and train with"
            " losses.cross_entropy, which contains the softmax; for probabilities, apply softmax to what the net returns"
        )


def _activation_function(activation: Any) -> Callable[[Value], Value] | None:
    _refuse_softmax(activation)
    if not isinstance(activation, str):
        return activation  # type: ignore[no-any-return]
    return abs if activation == "abs" else getattr(Value, activation)


def _shown(activation: Any) -> str:
    if activation is None:
        return "linear"
    return activation if isinstance(activation, str) else getattr(activation, "__name__", repr(activation))


_RELU_FAMILY = ("relu", "leaky_relu", "elu", "silu", "gelu", "softplus")
_INITS = ("auto", "he", "he_uniform", "xavier", "xavier_uniform")


def _weights(init: str, activation: Any, n_inputs: int, n_neurons: int, rng: random.Random) -> Callable[[], float]:
    """A source of initial weights."""
    if init not in _INITS:
        raise ValueError(f"no initialisation is called {init!r}; there are {', '.join(_INITS)}")
    if init == "auto":
        init = "he" if activation in _RELU_FAMILY else "xavier"
    deviation = math.sqrt(2.0 / n_inputs if init.startswith("he") else 2.0 / (n_inputs + n_neurons))
    if init.endswith("uniform"):
        limit = math.sqrt(3.0) * deviation  # the uniform distribution of the same variance
        return lambda: rng.uniform(-limit, limit)
    return lambda: rng.gauss(0.0, deviation)


def _bias(n_inputs: int, rng: random.Random) -> Value:
    limit = 1.0 / math.sqrt(n_inputs)
    return Value(rng.uniform(-limit, limit))
