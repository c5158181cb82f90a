"""save and load: nothing lost, nothing half-written, nothing believed."""

import copy
import json
import math
import pickle
import random
import sys
import tracemalloc

import pytest

from autograd_lite import Value, dot, load, nn, save, tanh, total

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
    assert (content["format"], content["version"]) == ("autograd-lite network", 2)
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


def mixed():
    net = nn.MLP(2, [2, 1], "relu", seed=0)
    net.layers[0].neurons[1] = nn.Neuron(2, "tanh", seed=0)
    return net


def with_a_parameter_more():
    net = nn.MLP(2, [2, 1], seed=0)
    net.temperature = Value(1.0)
    return net


def with_a_layer_replaced():
    net = nn.MLP(2, [3, 1], seed=0)
    net.layers[1] = nn.Layer(3, 1, "tanh", seed=0)
    return net


def frozen_afterwards():
    net = nn.MLP(2, [2, 1], seed=0)
    net.layers[0].neurons[0]._frozen = ("w",)
    return net


class NoAttribute(nn.Module):
    def __init__(self, width):
        self.inner = nn.Layer(2, width)


class Scaled(nn.Module):
    """Its constructor's argument is an attribute; what is set later is none."""

    def __init__(self, width):
        self.width = width
        self.inner = nn.Layer(2, width, "tanh", seed=0)
        self.scale = 1.0

    def __call__(self, x):
        return [self.scale * y for y in self.inner(x)]


def scaled_afterwards():
    net = Scaled(3)
    net.scale = 2.0
    return net


class OnlyEven(nn.Module):
    def __init__(self, n):
        if n % 2:
            raise ValueError("n must be even")
        self.n = n


def odd():
    net = OnlyEven(2)
    net.n = 3
    return net


class TakesAFunction(nn.Module):
    def __init__(self, f):
        self.f = f


def renamed(cls, name):
    return type(name, (cls,), {})


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (mixed(), r"net\.layers\[0\]\.neurons\[1\]\.activation is 'tanh', and would be 'relu'"),
        (with_a_layer_replaced(), r"net\.layers\[1\]\.activation is 'tanh', and would be None"),
        (with_a_parameter_more(), "parameters were added or removed: temperature"),
        (frozen_afterwards(), r"_frozen is \['w'\], and would be \[\]"),
        (nn.Sequential(nn.Neuron(2), NoAttribute(3)), "NoAttribute does not say how it was made: set self.width"),
        (scaled_afterwards(), r"net\.scale is 2\.0, and would be 1\.0"),
        (
            nn.MLP(2, [2, 1], lambda z: z * z, seed=0),
            r"functions by name, and net\.activation is the function",
        ),
        (TakesAFunction(math.sin), r"functions by name, and net\.f is the function"),
        (TakesAFunction(Value(2.0)), r"writes numbers, text, lists, dicts and modules, and net\.f is a Value"),
        (nn.Sequential(*[nn.Layer(2, 2, seed=0)] * 2), "a part is used twice"),
        (odd(), "net cannot be made: n must be even"),
        (renamed(Scaled, "MLP")(2), "two classes in net are called MLP, or one as in nn: rename one"),
        ([nn.Neuron(2)], "writes a Module, got list"),
    ],
)
def test_what_a_file_cannot_hold_is_refused(net, message, tmp_path):
    with pytest.raises(TypeError, match=message):
        save(net, tmp_path / "net.json")
    assert not list(tmp_path.iterdir())


# --- modules of your own ---------------------------------------------------------------------------------------------


class Residual(nn.Module):
    """A module inside a module, given to the constructor."""

    def __init__(self, inner, scale=0.5):
        self.inner, self.scale = inner, scale
        self.name_parameters()

    def __call__(self, x):
        return [a + self.scale * b for a, b in zip(x, self.inner(x))]


class Towers(nn.Module):
    """Parameters in lists, dicts, arrays; a shared one; arguments of every kind that a file can hold."""

    def __init__(self, widths, options, limit=math.inf, name="towers", seed=None):
        rng = random.Random(seed)
        self.widths, self.options, self.limit, self.name = widths, options, limit, name
        self.towers = {f"of {n}": [nn.Layer(2, n, options["activation"], seed=rng)] for n in widths}
        self.shared = (nn.Neuron(2, "tanh", seed=rng),)
        self.alias = self.shared[0].w
        self.gains = pytest.importorskip("numpy").array([Value(1.0), Value(2.0)], dtype=object)
        self.name_parameters()

    def __call__(self, x):
        outputs = [total(tower[0](x)) for tower in self.towers.values()]
        return dot(self.gains.tolist(), [total(outputs), self.shared[0](x)])


class Own(nn.Module):
    """Its attributes have other names than its arguments: it defines config()."""

    def __init__(self, how_many):
        self._neurons = [nn.Neuron(2, None, seed=i) for i in range(how_many)]
        self.calls = 0

    def config(self):
        return {"how_many": len(self._neurons)}

    def __call__(self, x):
        self.calls += 1
        return [neuron(x) for neuron in self._neurons]


class Stages(nn.Module):
    """A positional argument, then any number of modules, then one by name."""

    def __init__(self, scale, /, *stages, shift):
        self.scale, self.stages, self.shift = scale, stages, shift

    def __call__(self, x):
        for stage in self.stages:
            x = stage(x)
        return [self.scale * y + self.shift for y in x]


class NamedConfig(nn.Module):
    """An attribute that is called as the method is."""

    def __init__(self, config):
        self.config = config
        self.inner = nn.Layer(config["n_inputs"], 2, seed=0)

    def __call__(self, x):
        return self.inner(x)


OWN = {
    "inner": lambda: nn.Sequential(nn.Layer(2, 2, seed=0), Residual(nn.Sequential(Residual(nn.Layer(2, 2, "tanh"))))),
    "towers": lambda: Towers([2, 3], {"activation": "tanh", "depth": None}, seed=0),
    "config": lambda: Own(3),
    "arguments by place": lambda: Stages(2.0, nn.Layer(2, 2, seed=0), nn.Layer(2, 2, seed=1), shift=0.5),
    "a subclass": lambda: renamed(nn.MLP, "Net")(2, [2, 1], "tanh", seed=0),
    "an attribute called config": lambda: NamedConfig({"n_inputs": 2}),
}


@pytest.mark.parametrize("make", OWN.values(), ids=OWN)
def test_a_net_of_your_own_modules_is_loaded_with_their_classes(make, tmp_path):
    net = make()
    classes = {type(module) for _, module in net.named_modules()} - {nn.Layer, nn.Neuron, nn.Sequential}
    before = repr(net([0.3, -0.7]))
    save(net, tmp_path / "net.json")
    loaded = load(tmp_path / "net.json", modules=classes)
    assert repr(loaded) == repr(net)
    assert loaded.state_dict() == net.state_dict()
    assert repr(loaded([0.3, -0.7])) == before
    with pytest.raises(ValueError, match=r"is a module '\w+', which is not in nn: load\(path, modules=\[…\]\)"):
        load(tmp_path / "net.json")


def test_a_module_that_counts_its_calls_is_saved_if_it_says_its_config(tmp_path):
    net = Own(1)
    net([1.0, 2.0])
    save(net, tmp_path / "net.json")
    assert load(tmp_path / "net.json", modules=[Own]).calls == 0


def test_a_file_cannot_make_layers_of_your_modules_larger_than_it_has_parameters(tmp_path):
    save(Scaled(3), tmp_path / "net.json")
    content = json.loads((tmp_path / "net.json").read_text())
    content["structure"]["config"]["width"] = 10**12
    (tmp_path / "net.json").write_text(json.dumps(content))
    with pytest.raises(
        ValueError, match="structure cannot be made: its layers have more parameters than the file holds"
    ):
        load(tmp_path / "net.json", modules=[Scaled])


@pytest.mark.parametrize(
    ("modules", "error", "message"),
    [
        ([Scaled(3)], TypeError, r"takes classes of modules, such as \[MyNet\], got Scaled"),
        ([dict], TypeError, "takes classes of modules"),
        ([Own, renamed(Scaled, "Own")], ValueError, "two classes called Own"),
        ([renamed(Scaled, "MLP")], ValueError, "two classes called MLP, or one called as in nn"),
    ],
)
def test_classes_that_load_cannot_tell_apart_are_refused(modules, error, message, tmp_path):
    save(nn.Neuron(2), tmp_path / "net.json")
    with pytest.raises(error, match=message):
        load(tmp_path / "net.json", modules=modules)


# --- broken files -----------------------------------------------------------------------------------------------------


def broken(change):
    content = {
        "format": "autograd-lite network",
        "version": 2,
        "structure": {
            "module": "Neuron",
            "config": {"n_inputs": 1, "activation": None, "bias": True, "frozen_bias": False},
        },
        "parameters": {"w[0]": 1.0, "b": 0.0},
    }
    change(content)
    return json.dumps(content)


def dropouts(n):
    layers = [{"module": "Dropout", "config": {"probability": 0.5}}] * n
    structure = {"module": "Sequential", "config": {"layers": layers}}
    return broken(lambda c: c.update(structure=structure, parameters={}))


def nested(depth):
    structure = {"module": "Dropout", "config": {"probability": 0.5}}
    for _ in range(depth):
        structure = {"module": "Sequential", "config": {"layers": [structure]}}
    return broken(lambda c: c.update(structure=structure, parameters={}))


# Pyodide ends where JavaScript's stack does, and nothing of Python can keep it from that.
NO_DEEP_JSON = pytest.mark.skipif(sys.platform == "emscripten", reason="Pyodide's json has no limit of depth")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Expecting value"),
        ('{"format": "autograd-lite net', "Unterminated"),
        ("[1, 2]", "does not say"),
        (broken(lambda c: c.update(version=3)), "format version 3, and this autograd-lite reads up to 2"),
        (broken(lambda c: c.update(version=1)), "format version 1, which this autograd-lite does not read any more"),
        (broken(lambda c: c.update(version=None)), "invalid format version None"),
        (broken(lambda c: c.update(parameters=[1.0, 2.0])), "it has no parameters"),
        (broken(lambda c: c["parameters"].pop("b")), "does not fit this Neuron; missing: b$"),
        (broken(lambda c: c["parameters"].update({"w[0]": "__import__('os')"})), r"parameter 'w\[0\]' is"),
        (
            broken(lambda c: c["structure"].update(module="os.system")),
            "structure is a module 'os.system', which is not in nn",
        ),
        (broken(lambda c: c["structure"]["config"].update(activation="__class__")), "no activation is called"),
        (broken(lambda c: c["structure"]["config"].update(n_inputs=10**12)), "more parameters than the file holds"),
        (broken(lambda c: c["structure"]["config"].update(n_inputs=-1)), "n_inputs of a Neuron must be a positive"),
        (broken(lambda c: c["structure"]["config"].pop("bias")), "something that save"),
        (broken(lambda c: c["structure"]["config"].pop("n_inputs")), "Neuron lacks its argument 'n_inputs'"),
        (broken(lambda c: c["structure"]["config"].update(seed=1)), "something that save"),
        (broken(lambda c: c["structure"]["config"].update(bias=1)), "something that save"),
        (broken(lambda c: c["structure"]["config"].update(size=1)), "Neuron has no argument 'size'"),
        (broken(lambda c: c["structure"].update(config=[])), r"config of structure must be \{…\}, got \[\]"),
        (broken(lambda c: c["structure"].update(seed=[])), "structure has an unknown 'seed'"),
        (
            broken(
                lambda c: c.update(
                    structure={"module": "Activation", "config": {"activation": "define_op"}},
                    parameters={},
                )
            ),
            "no activation is called",
        ),
        (broken(lambda c: c.update(structure=None)), "cannot load"),
        (broken(lambda c: c["structure"]["config"].update(n_inputs=10**400)), "more parameters than the file holds"),
        (broken(lambda c: c["parameters"].update({"\x1b[2J" + "k" * 10**6: 1.0})), r"unexpected: \\x1b\[2Jk+…"),
        (
            broken(lambda c: c.update(parameters={"\x1b[2J\u202e" + "k" * 10**6: 1.0, "b": 0.0})),
            r"missing: w\[0\]; unexpected: \\x1b\[2J\\u202ek+… \(1000005 characters\)$",
        ),
        (
            broken(lambda c: c["structure"]["config"].update(activation="\x1b" + "k" * 10**6)),
            r"no activation is called '\\x1bk+'…",
        ),
        (broken(lambda c: c["structure"].update(module="\x1b" + "k" * 10**6)), r"structure is a module '\\x1bk+"),
        (broken(lambda c: c.update({"\x1b" + "k" * 10**6: 1})), r"it has an unknown '\\x1bk+"),
        (dropouts(10_001), "more than 10000 modules"),
        ("[" + "[]," * 50_000 + "[]]", "more than 10000 modules"),
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


@pytest.mark.parametrize("modules", [nn.MLP, "MLP", 3])
def test_modules_is_a_list_of_classes(tmp_path, modules):
    save(nn.MLP(1, [1], seed=0), tmp_path / "net.json")
    with pytest.raises(TypeError, match=r"modules takes a list of classes, such as \[MyNet\], got"):
        load(tmp_path / "net.json", modules=modules)


def test_a_parameter_that_is_computed_is_refused(tmp_path):
    neuron = nn.Neuron(2, seed=0)
    neuron.w[1] = Value(3.0) * 2.0
    with pytest.raises(TypeError, match=r"net\.w\[1\] is computed by an operation, and would be a number"):
        save(neuron, tmp_path / "net.json")
