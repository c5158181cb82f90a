"""Modules: parameters and their names, structure, initialisation, the layers."""

import copy
import math
import pickle
import random
import statistics

import numpy as np
import pytest

from autograd_lite import Value, functions, nn, ops, predict, tanh


def set_all(net, data):
    net.load_state_dict(dict(zip(net.state_dict(), data, strict=True)))


# --- parameters -------------------------------------------------------------------------------------------------------


def test_parameters_are_named_by_their_place_and_the_names_are_the_labels():
    net = nn.MLP(2, [3, 1], seed=0)
    names = [name for name, _ in net.named_parameters()]
    assert len(names) == 13
    assert names[:4] == [
        "layers[0].neurons[0].w[0]",
        "layers[0].neurons[0].w[1]",
        "layers[0].neurons[0].b",
        "layers[0].neurons[1].w[0]",
    ]
    assert [p.label for p in net.parameters()] == names


def test_parameters_are_found_in_lists_tuples_dicts_and_inner_modules():
    class Mine(nn.Module):
        def __init__(self):
            self.scale = Value(1.0)
            self.table = {"a": (Value(2.0), [Value(3.0)])}
            self.inner = nn.Neuron(1, seed=0)
            self.size = 7

    assert [name for name, _ in Mine().named_parameters()] == [
        "scale",
        "table['a'][0]",
        "table['a'][1][0]",
        "inner.w[0]",
        "inner.b",
    ]


def test_a_parameter_used_twice_counts_once():
    neuron = nn.Neuron(2, seed=0)
    net = nn.Sequential(neuron, neuron)
    assert len(net.parameters()) == 3


def test_zero_grad_takes_pytorchs_argument():
    net = nn.MLP(2, [1], seed=0)
    for set_to_none in (True, False):
        net.parameters()[0].grad = 3.0
        net.zero_grad(set_to_none=set_to_none)
        assert net.parameters()[0].grad == 0.0


def test_zero_grad_clears_all_parameters():
    net = nn.MLP(2, [2, 1], seed=0, frozen_bias=True)
    net([1.0, 2.0]).backward()
    net.zero_grad()
    assert {value.grad for layer in net.layers for neuron in layer.neurons for value in [*neuron.w, neuron.b]} == {0.0}


def test_a_layer_may_share_one_bias():
    layer = nn.Layer(2, 3, seed=0, shared_bias=True)
    assert layer.neurons[0].b is layer.neurons[2].b
    assert [name for name, _ in layer.named_parameters()].count("b") == 1
    assert len(layer.parameters()) == 7


def test_a_shared_bias_gets_the_gradient_of_all_neurons():
    layer = nn.Layer(1, 3, None, seed=0, shared_bias=True)
    sum(layer([1.0])).backward()
    assert layer.b.grad == 3.0


def test_frozen_biases_are_in_the_state_and_are_not_parameters():
    net = nn.MLP(2, [2, 2], seed=0, shared_bias=True, frozen_bias=True)
    assert len(net.parameters()) == 8
    assert len(net.state_dict()) == 10
    assert not [name for name, _ in net.named_parameters() if name.endswith(".b")]


def test_a_layer_without_bias():
    layer = nn.Layer(2, 2, None, seed=0, bias=False)
    assert len(layer.parameters()) == 4
    assert [y.data for y in layer([0.0, 0.0])] == [0.0, 0.0]


def test_state_dict_round_trips():
    a, b = nn.MLP(2, [3, 1], seed=0), nn.MLP(2, [3, 1], seed=1)
    b.load_state_dict(a.state_dict())
    assert b.state_dict() == a.state_dict()


@pytest.mark.parametrize("change", [lambda s: s.pop("w[0]"), lambda s: s.update(z=1.0)])
def test_a_state_that_does_not_fit_is_refused(change):
    neuron = nn.Neuron(2, seed=0)
    state = neuron.state_dict()
    change(state)
    with pytest.raises(ValueError, match=r"does not fit this Neuron; (missing: w\[0\]|unexpected: z)$"):
        neuron.load_state_dict(state)


def test_a_state_with_a_wrong_number_changes_nothing():
    neuron = nn.Neuron(2, seed=0)
    before = neuron.state_dict()
    with pytest.raises(TypeError, match="str"):
        neuron.load_state_dict({"w[0]": 1.0, "w[1]": 2.0, "b": "3"})
    assert neuron.state_dict() == before


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))], ids=["copy", "pickle"]
)
def test_a_copy_is_a_net_of_its_own_with_the_same_sharing(duplicate):
    net = nn.MLP(2, [3, 2], "tanh", seed=0, shared_bias=True, frozen_bias=True)
    other = duplicate(net)
    assert other.state_dict() == net.state_dict()
    assert len(other.parameters()) == len(net.parameters())
    assert other.layers[0].neurons[0].b is other.layers[0].neurons[1].b
    other.parameters()[0].data = 7.0
    assert net.parameters()[0].data != 7.0
    assert [y.data for y in duplicate(net)([1.0, 2.0])] == [y.data for y in net([1.0, 2.0])]


# --- structure --------------------------------------------------------------------------------------------------------


def test_repr_shows_the_structure():
    net = nn.Sequential(nn.Layer(2, 4, seed=0), nn.Dropout(0.25), nn.LayerNorm(4), nn.MLP(4, [1], seed=0), tanh)
    assert repr(net) == (
        "Sequential(\n"
        "  layers[0]: Layer(2 → 4, relu)\n"
        "  layers[1]: Dropout(0.25)\n"
        "  layers[2]: LayerNorm(4)\n"
        "  layers[3]: MLP(\n"
        "    layers[0]: Layer(4 → 1, linear)\n"
        "  )\n"
        "  layers[4]: Activation(tanh)\n"
        ")"
    )


def test_summary_counts_the_parameters():
    lines = nn.MLP(2, [16, 16, 1], seed=0, shared_bias=True, frozen_bias=True).summary().splitlines()
    assert " ".join(lines[0].split()) == "MLP(2 → 16 → 16 → 1) 307 parameters (3 of them frozen)"
    assert " ".join(lines[2].split()) == "layers[1] Layer(16 → 16, relu) 257 (1 of them frozen)"
    assert len(lines) == 4


def test_the_summary_of_a_single_neuron_is_one_line():
    assert nn.Neuron(2, "tanh").summary().split() == ["Neuron(2,", "tanh)", "3", "parameters"]


def test_train_and_eval_reach_inner_modules():
    net = nn.Sequential(nn.Sequential(nn.Dropout(0.5)))
    net.eval()
    assert [module.training for _, module in net.named_modules()] == [False] * 3
    net.train()
    assert [module.training for _, module in net.named_modules()] == [True] * 3


def test_a_module_that_computes_nothing_says_so():
    with pytest.raises(NotImplementedError, match="define __call__"):
        nn.Module()([1.0])


# --- neurons and layers -----------------------------------------------------------------------------------------------


def test_a_neuron_is_one_dot_and_one_activation():
    neuron = nn.Neuron(3, "sigmoid", seed=0)
    y = neuron([1.0, 2.0, 3.0])
    assert y.op.name == "sigmoid"
    assert y.parents[0].op.name == "dot"
    z = neuron.b.data
    for w, x in zip(neuron.w, [1.0, 2.0, 3.0]):
        z += w.data * x
    assert y.data == 1.0 / (1.0 + math.exp(-z)) or y.data == math.exp(z) / (1.0 + math.exp(z))


def test_a_layer_of_one_neuron_returns_the_value():
    assert isinstance(nn.Layer(2, 1, seed=0)([1.0, 2.0]), Value)
    assert isinstance(nn.Layer(2, 2, seed=0)([1.0, 2.0]), list)


@pytest.mark.parametrize(
    "x", [[1, 2.0], (1.0, 2.0), range(1, 3), np.array([1.0, 2.0]), [Value(1.0), 2.0], [np.float64(1.0), np.int64(2)]]
)
def test_a_sample_may_be_any_sequence(x):
    net = nn.MLP(2, [3, 1], seed=0)
    assert net(x).data == net([1.0, 2.0]).data


@pytest.mark.parametrize("x", [2.0, 2, Value(2.0), np.float64(2.0), np.array(2.0)])
def test_a_single_number_is_a_sample_of_one(x):
    net = nn.MLP(1, [3, 1], seed=0)
    assert net(x).data == net([2.0]).data


def test_a_bottleneck_of_one_neuron_passes_on_its_value():
    assert len(nn.MLP(4, [1, 4], seed=0)([1.0, 2.0, 3.0, 4.0])) == 4


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (nn.MLP(3, [4, 1], seed=0), r"layers\[0\], Layer\(3 → 4, relu\), takes 3 inputs, got 2"),
        (nn.Neuron(3, seed=0), r"Neuron\(3, relu\) takes 3 inputs, got 2"),
        (
            nn.Sequential(nn.Layer(2, 4, seed=0), nn.Layer(3, 1, seed=0)),
            r"layers\[1\], Layer\(3 → 1, relu\), takes 3 inputs, got 4",
        ),
        (nn.Sequential(nn.Layer(2, 4, seed=0), nn.LayerNorm(3)), r"layers\[1\], LayerNorm\(3\), takes 3 inputs, got 4"),
    ],
)
def test_a_wrong_number_of_inputs_names_the_layer(net, message):
    with pytest.raises(ValueError, match=message):
        net([1.0, 2.0])


@pytest.mark.parametrize("name", nn.ACTIVATIONS)
def test_every_activation_of_the_table_by_name(name):
    import autograd_lite

    neuron = nn.Neuron(1, name, seed=0)
    set_all(neuron, [1.0, 0.0])
    x = 1.5 if name == "acosh" else 0.5
    function = abs if name == "abs" else getattr(autograd_lite, name)
    assert neuron([x]).data == function(x)


def test_an_activation_may_be_any_function_of_a_value():
    neuron = nn.Neuron(1, lambda z: z * z + 1.0, seed=0)
    set_all(neuron, [1.0, 0.0])
    assert neuron([3.0]).data == 10.0


def test_an_activation_given_as_a_function_of_the_table_gets_its_name():
    assert nn.Neuron(1, tanh).activation == "tanh"


def test_an_activation_given_as_a_row_of_the_table_gets_its_name():
    assert repr(nn.Neuron(2, ops.TANH)) == repr(nn.Neuron(2, "tanh"))


@pytest.mark.parametrize("layers", [1, 100])
def test_a_net_may_be_deep(layers):
    net = nn.MLP(2, [3] * layers + [1], "tanh", seed=0)
    net([0.5, -0.5]).backward()
    assert len(net.parameters()) == 9 + 12 * (layers - 1) + 4
    assert any(p.grad != 0.0 for p in net.layers[0].parameters())


# --- initialisation ---------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_weights():
    assert nn.MLP(2, [5, 1], seed=3).state_dict() == nn.MLP(2, [5, 1], seed=3).state_dict()
    assert nn.MLP(2, [5, 1], seed=3).state_dict() != nn.MLP(2, [5, 1], seed=4).state_dict()


def test_the_global_random_state_is_left_alone():
    state = random.getstate()
    nn.MLP(2, [5, 1])
    nn.Dropout(0.5)([1.0, 2.0])
    assert random.getstate() == state


def test_a_random_of_your_own_is_shared():
    rng = random.Random(0)
    first, second = nn.Neuron(2, seed=rng), nn.Neuron(2, seed=rng)
    assert first.state_dict() != second.state_dict()


@pytest.mark.parametrize(
    ("activation", "init", "variance"),
    [
        ("relu", "auto", 2 / 50),
        ("tanh", "auto", 2 / (50 + 30)),
        (None, "auto", 2 / (50 + 30)),
        ("tanh", "he", 2 / 50),
        ("relu", "xavier", 2 / (50 + 30)),
        ("relu", "he_uniform", 2 / 50),
        ("relu", "xavier_uniform", 2 / (50 + 30)),
    ],
)
def test_weights_start_with_the_variance_that_suits_the_activation(activation, init, variance):
    layer = nn.Layer(50, 30, activation, init=init, seed=0)
    weights = [w.data for neuron in layer.neurons for w in neuron.w]
    assert statistics.pvariance(weights) == pytest.approx(variance, rel=0.1)
    if init.endswith("uniform"):
        assert max(map(abs, weights)) <= math.sqrt(3.0 * variance)
    assert all(0.0 < abs(neuron.b.data) <= 1.0 / math.sqrt(50) for neuron in layer.neurons)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: nn.Neuron(0), ValueError, "n_inputs of a Neuron must be a positive integer, got 0"),
        (lambda: nn.Layer(2, 2.5), TypeError, "n_neurons of a Layer must be a positive integer, got float"),
        (lambda: nn.MLP(2, []), ValueError, "sizes of its layers"),
        (lambda: nn.MLP(2, 3), ValueError, "sizes of its layers"),
        (lambda: nn.Neuron(2, "rellu"), ValueError, "no activation is called 'rellu'; there are .*relu.*sigmoid"),
        (lambda: nn.Neuron(2, 3), TypeError, "expected a name, a module or a function, got 3"),
        (lambda: nn.Neuron(2, init="zero"), ValueError, "no initialisation is called 'zero'"),
        (lambda: nn.Sequential(nn.Neuron(2), 3), TypeError, "expected a name, a module or a function, got 3"),
        (
            lambda: nn.Sequential(nn.Neuron(2), None),
            TypeError,
            "takes modules, names and functions, got None: leave it",
        ),
        (lambda: nn.Dropout(1.0), ValueError, "got 1.0"),
        (lambda: nn.Sequential([nn.Neuron(2)]), TypeError, r"got a list of them: use Sequential\(\*layers\)"),
        (lambda: nn.Sequential(nn.Neuron(2), nn.Dropout), TypeError, "Dropout is a class: make a module of it"),
        (lambda: nn.MLP(2, [3], output_activation="softmax"), ValueError, "train with losses.cross_entropy"),
        (
            lambda: nn.MLP(2, [3], output_activation=functions.softmax),
            ValueError,
            "softmax needs all outputs of a layer",
        ),
        (lambda: nn.Activation(functions.log_softmax), ValueError, "softmax needs all outputs of a layer"),
        (lambda: nn.MLP(2, [1])([[1, 2], [3, 4], [5, 6]]), ValueError, r"use predict\(net, X\) for many"),
        (lambda: nn.MLP(2, [1])("ab"), TypeError, "a sample must be a sequence of numbers or Values, got str: 'ab'"),
        (lambda: nn.MLP(2, [1])({1: 2, 3: 4}), TypeError, "a sample must be a sequence of numbers or Values, got dict"),
        (lambda: nn.MLP(2, [1])(None), TypeError, "a sample must be a sequence of numbers or Values, got NoneType"),
        (lambda: nn.Neuron(2).load_state_dict([1, 2]), TypeError, "takes a dict of numbers by name, got list"),
    ],
)
def test_wrong_arguments_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_sequential_takes_functions_of_all_outputs():
    layer = nn.Layer(2, 3, None, seed=0)
    net = nn.Sequential(layer, functions.softmax)
    assert [p.data for p in net([1.0, 2.0])] == [p.data for p in functions.softmax(layer([1.0, 2.0]))]


# --- Dropout and LayerNorm --------------------------------------------------------------------------------------------


def test_dropout_drops_its_share_and_keeps_the_expected_sum():
    dropout = nn.Dropout(0.25, seed=0)
    outputs = dropout([1.0] * 10_000)
    assert set(outputs) == {0.0, 1.0 / 0.75}
    assert sum(outputs) == pytest.approx(10_000, rel=0.02)


def test_dropout_lets_everything_through_in_use():
    dropout = nn.Dropout(0.9, seed=0)
    dropout.eval()
    assert dropout([1.0, 2.0]) == [1.0, 2.0]


def test_layer_norm_has_mean_zero_and_variance_one():
    outputs = [y.data for y in nn.LayerNorm(4)([1.0, 5.0, -2.0, 7.0])]
    assert statistics.fmean(outputs) == pytest.approx(0.0, abs=1e-15)
    assert statistics.pvariance(outputs) == pytest.approx(1.0, rel=1e-5)


def test_layer_norm_of_equal_numbers_is_the_shift():
    norm = nn.LayerNorm(2)
    set_all(norm, [3.0, 3.0, 0.5, -0.5])
    assert [y.data for y in norm([4.0, 4.0])] == [0.5, -0.5]


def test_an_unknown_name_of_nn_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no 'Transformer'"):
        nn.Transformer  # noqa: B018


def test_an_activation_in_a_sequence_is_applied_to_each_number():
    net = nn.Sequential(nn.LayerNorm(2), "relu", tanh, sum)
    assert net([1.0, 3.0]).data == pytest.approx(math.tanh(1.0), rel=1e-4)


# --- habits -----------------------------------------------------------------------------------------------------------


class Habits(nn.Module):
    """Values in every kind of container."""

    def __init__(self):
        self.w = np.array([Value(1.0), Value(2.0)])
        self.grid = np.array([[Value(3.0)], [Value(4.0)]])
        self.tree = {"a": (Value(5.0), [Value(6.0)])}
        self.shared = self.tree["a"]


def test_values_in_arrays_and_nested_containers_are_parameters():
    module = Habits()
    names = ["w[0]", "w[1]", "grid[0][0]", "grid[1][0]", "tree['a'][0]", "tree['a'][1][0]"]
    assert [name for name, _ in module.named_parameters()] == names
    assert [p.data for p in module.parameters()] == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    module.load_state_dict(dict.fromkeys(module.state_dict(), 7.0))
    assert set(module.state_dict().values()) == {7.0}
    module.w[0].grad = module.tree["a"][0].grad = 1.0
    module.zero_grad()
    assert {p.grad for p in module.parameters()} == {0.0}


class Child(nn.Module):
    def __init__(self, parent):
        self.parent = parent
        self.w = Value(1.0)


class Parent(nn.Module):
    def __init__(self):
        self.child = Child(self)
        self.layer = nn.Layer(1, 2, seed=0)
        self.name_parameters()


def test_a_module_that_knows_its_parent_has_each_parameter_once():
    parent = Parent()
    for module in (parent, parent.child):
        assert len(module.parameters()) == len(module.named_parameters()) == len(module.state_dict()) == 5
        module.zero_grad()
        module.eval()
        assert not parent.layer.training
        module.train()
        assert "5" in module.summary()
        assert "Child" in repr(module)
    assert [name for name, _ in parent.named_modules()][:2] == ["", "child"]


@pytest.mark.parametrize("seed", [np.int64(3), np.uint8(3)])
def test_a_seed_of_any_whole_number_type_is_the_same(seed):
    make = lambda seed: nn.Sequential(nn.Layer(2, 3, seed=seed), nn.Dropout(0.5, seed=seed))
    a, b = make(seed), make(3)
    assert a.state_dict() == b.state_dict()
    assert a([1.0, 2.0])[0].data == b([1.0, 2.0])[0].data


def test_a_generator_of_numpy_is_a_seed():
    make = lambda: nn.MLP(2, [3, 1], seed=np.random.default_rng(5)).state_dict()
    assert make() == make()
    with pytest.raises(TypeError, match="generator of NumPy, got list"):
        nn.Layer(2, 3, seed=[1])


def test_a_neuron_without_nonlinearity_as_in_micrograd():
    neuron = nn.Neuron(2, nonlin=False, seed=0)
    assert neuron.activation is None
    assert neuron.state_dict() == nn.Neuron(2, None, seed=0).state_dict()


def test_a_net_predicts():
    net = nn.MLP(2, [3, 1], seed=0)
    X = np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(net.predict(X), predict(net, X))
