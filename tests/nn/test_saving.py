"""save and load: nothing lost, nothing half-written, nothing believed."""

import copy
import json
import math
import pickle
import sys
import tracemalloc

import pytest

from autograd_lite import Value, load, nn, save, tanh

NETS = {
    "mlp": lambda: nn.MLP(2, [3, 2, 1], "tanh", "sigmoid", seed=0),
    "shared and frozen": lambda: nn.MLP(2, [3, 2], seed=0, shared_bias=True, frozen_bias=True),
    "own and frozen": lambda: nn.Layer(2, 3, "abs", seed=0, frozen_bias=True),
    "no bias": lambda: nn.Neuron(2, None, seed=0, bias=False),
    "sequential": lambda: nn.Sequential(
        nn.Layer(2, 3, seed=0),
        nn.LayerNorm(3, 1e-3),
        nn.Dropout(0.25),
        tanh,
        nn.Sequential(nn.Neuron(3, "gelu", seed=1)),
    ),
}


@pytest.mark.parametrize("make", NETS.values(), ids=NETS)
def test_a_loaded_net_is_the_saved_one(make, tmp_path):
    net = make()
    save(net, tmp_path / "net.json")
    loaded = load(tmp_path / "net.json")
    assert repr(loaded) == repr(net)
    assert loaded.state_dict() == net.state_dict()
    assert [name for name, _ in loaded.named_parameters()] == [name for name, _ in net.named_parameters()]
    net.eval()
    loaded.eval()
    assert repr(loaded([0.3, -0.7])) == repr(net([0.3, -0.7]))


@pytest.mark.parametrize("number", [0.1 + 0.2, 5e-324, 1.7976931348623157e308, math.inf, -math.inf, -0.0])
def test_every_number_survives(number, tmp_path):
    neuron = nn.Neuron(1, seed=0)
    neuron.w[0].data = number
    save(neuron, tmp_path / "net.json")
    assert repr(load(tmp_path / "net.json").state_dict()["w[0]"]) == repr(number)


def test_the_file_is_strict_json(tmp_path):
    neuron = nn.Neuron(1, seed=0)
    neuron.w[0].data = math.nan
    save(neuron, tmp_path / "net.json")
    content = json.loads((tmp_path / "net.json").read_text(), parse_constant=pytest.fail)
    assert (content["format"], content["version"]) == ("autograd-lite network", 1)
    assert math.isnan(load(tmp_path / "net.json").state_dict()["w[0]"])


def test_a_failed_save_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "net.json"
    save(nn.Neuron(1, seed=0), path)
    before = path.read_text()

    def full(fd):
        raise OSError("no space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match=r"no space"):
        save(nn.Neuron(2, seed=0), path)
    assert path.read_text() == before
    assert list(tmp_path.iterdir()) == [path]


class Mine(nn.Module):
    pass


def mixed():
    net = nn.MLP(2, [2, 1], "relu", seed=0)
    net.layers[0].neurons[1] = nn.Neuron(2, "tanh", seed=0)
    return net


def with_a_parameter_more():
    net = nn.MLP(2, [2, 1], seed=0)
    net.temperature = Value(1.0)
    return net


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (mixed(), r"layers whose neurons are all of a kind, and layers\[0\] of the net has several"),
        (with_a_parameter_more(), "uses a part twice or has other parameters"),
        (nn.Sequential(nn.Neuron(2), Mine()), r"layers\[1\] of the net is Mine"),
        (
            nn.MLP(2, [2, 1], lambda z: z * z, seed=0),
            r"activations by name, and that of layers\[0\] of the net is the function",
        ),
        (nn.Sequential(*[nn.Layer(2, 2, seed=0)] * 2), "uses a part twice"),
    ],
)
def test_what_a_file_cannot_hold_is_refused(net, message, tmp_path):
    with pytest.raises(TypeError, match=message):
        save(net, tmp_path / "net.json")
    assert not list(tmp_path.iterdir())


def broken(change):
    content = {
        "format": "autograd-lite network",
        "version": 1,
        "structure": {"type": "Neuron", "n_inputs": 1, "activation": None, "bias": "own", "frozen_bias": False},
        "parameters": {"w[0]": 1.0, "b": 0.0},
    }
    change(content)
    return json.dumps(content)


def dropouts(n):
    layers = [{"type": "Dropout", "probability": 0.5}] * n
    return broken(lambda c: c.update(structure={"type": "Sequential", "layers": layers}, parameters={}))


def nested(depth):
    structure = {"type": "Dropout", "probability": 0.5}
    for _ in range(depth):
        structure = {"type": "Sequential", "layers": [structure]}
    return broken(lambda c: c.update(structure=structure, parameters={}))


# Pyodide ends where JavaScript's stack does, and nothing of Python can keep it from that.
NO_DEEP_JSON = pytest.mark.skipif(sys.platform == "emscripten", reason="Pyodide's json has no limit of depth")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Expecting value"),
        ('{"format": "autograd-lite net', "Unterminated"),
        ("[1, 2]", "does not say"),
        (broken(lambda c: c.update(version=2)), "format version 2, and this autograd-lite reads up to 1"),
        (broken(lambda c: c.update(version=None)), "format version None"),
        (broken(lambda c: c.update(parameters=[1.0, 2.0])), "no parameters"),
        (broken(lambda c: c["parameters"].pop("b")), "structure has 2 parameters, and it holds 1"),
        (broken(lambda c: c["parameters"].update({"w[0]": "__import__('os')"})), r"parameter 'w\[0\]' is"),
        (
            broken(lambda c: c["structure"].update(type="os.system")),
            "structure is a module 'os.system', and there is none",
        ),
        (broken(lambda c: c["structure"].update(activation="__class__")), "no activation is called"),
        (broken(lambda c: c["structure"].update(n_inputs=10**12)), "structure has 1000000000001 parameters"),
        (broken(lambda c: c["structure"].update(n_inputs=-1)), "n_inputs of structure is -1"),
        (broken(lambda c: c["structure"].pop("bias")), "bias"),
        (
            broken(
                lambda c: c.update(
                    structure={"type": "Sequential", "layers": [{"type": "Activation", "activation": "define_op"}]},
                    parameters={},
                )
            ),
            "no activation is called",
        ),
        (broken(lambda c: c.update(structure=None)), "cannot load"),
        (broken(lambda c: c["structure"].update(n_inputs=10**400)), "n_inputs of structure is 1000"),
        (broken(lambda c: c["parameters"].update({"\x1b[2J" + "k" * 10**6: 1.0})), "structure has 2 parameters"),
        (
            broken(lambda c: c.update(parameters={"\x1b[2J\u202e" + "k" * 10**6: 1.0, "b": 0.0})),
            r"has \\x1b\[2J\\u202ek+… \(1000005 characters\) too many",
        ),
        (
            broken(lambda c: c["structure"].update(activation="\x1b" + "k" * 10**6)),
            r"no activation is called '\\x1bk+'…",
        ),
        (broken(lambda c: c["structure"].update(type="\x1b" + "k" * 10**6)), r"structure is a module '\\x1bk+"),
        (broken(lambda c: c.update({"\x1b" + "k" * 10**6: 1})), r"it has an unknown '\\x1bk+"),
        (dropouts(10_001), "more than 10000 modules"),
        ("[" + "[]," * 30_000 + "[]]", "more than 10000 modules"),
        (nested(101), "nested more than 100 deep"),
        pytest.param("[" * 100_000, "cannot load", marks=NO_DEEP_JSON),
    ],
)
def test_a_broken_foreign_or_newer_file_is_refused(text, message, tmp_path):
    path = tmp_path / "net.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        load(path)
    assert str(caught.value).startswith("cannot load ")
    assert len(str(caught.value)) < 400 + len(str(path))
    assert str(caught.value).isprintable()


def test_a_net_that_is_nested_as_deep_as_a_file_allows_works(tmp_path):
    path = tmp_path / "net.json"
    path.write_text(nested(99))
    net = load(path)
    net.eval()
    assert net([1.0]) == [1.0]
    assert repr(copy.deepcopy(net)) == repr(pickle.loads(pickle.dumps(net))) == repr(net)
    save(net, path)
    with pytest.raises(TypeError, match="nested more than 100 deep"):
        save(nn.Sequential(nn.Sequential(net)), path)


def test_a_broken_file_takes_memory_in_proportion_to_its_size(tmp_path):
    path = tmp_path / "net.json"
    for text in (dropouts(50_000), "[" + "[]," * 500_000 + "[]]", '{"a": [' + "{}," * 500_000 + "{}]}"):
        path.write_text(text)
        tracemalloc.start()
        try:
            with pytest.raises(ValueError, match="more than 10000 modules"):
                load(path)
            assert tracemalloc.get_traced_memory()[1] < 3 * len(text)
        finally:
            tracemalloc.stop()


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none.json")
