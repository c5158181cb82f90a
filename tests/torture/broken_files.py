"""A thousand broken nets, each made by a rule and a seed, and therefore always the same ones."""

import codecs
import copy
import gzip
import json
import pickle
from random import Random

from autograd_lite import nn, save

STRANGERS = [
    None,
    True,
    False,
    0,
    -1,
    1,
    1.5,
    10**30,
    1e308,
    "",
    "x",
    "relu",
    [],
    [1],
    {},
    {"module": "Layer"},
    {"float": "inf"},
    {"dict": {}},
]


def whole_files(folder):
    """Files of sound nets, as text."""
    nets = [
        nn.Neuron(2, "tanh", seed=0),
        nn.MLP(1, [2, 1], "relu", seed=0, shared_bias=True),
        nn.Sequential(nn.Layer(2, 2, None, seed=0, frozen_bias=True), nn.LayerNorm(2), nn.Dropout(0.5), "gelu"),
    ]
    texts = []
    for net in nets:
        save(net, folder / "whole.json")
        texts.append((folder / "whole.json").read_text(encoding="utf-8"))
    return texts


def broken(texts, flips=600):
    """Pairs of a name and bytes; a few flips and swaps are harmless, and then still say what a net would say."""
    for length in range(len(texts[0]) - 1):
        yield f"cut at {length}", texts[0][:length].encode()
    for seed in range(flips):
        yield f"flip {seed}", flip(Random(seed), Random(seed).choice(texts).encode())
    for k, text in enumerate(texts):
        for path in paths(json.loads(text)):
            yield f"{k} without {path}", json.dumps(changed(json.loads(text), path)).encode()
            for stranger in STRANGERS:
                yield f"{k} with {path} = {stranger!r}", json.dumps(changed(json.loads(text), path, stranger)).encode()
    yield from special(texts)


def flip(random, content):
    content = bytearray(content)
    for _ in range(random.randrange(1, 4)):
        content[random.randrange(len(content))] ^= 1 << random.randrange(8)
    return bytes(content)


def paths(content, path=()):
    if path:
        yield path
    for key in content if isinstance(content, dict) else range(len(content)) if isinstance(content, list) else ():
        yield from paths(content[key], (*path, key))


def changed(content, path, *stranger):
    """The content with the part at a path replaced, or left out."""
    inner = content
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    for part in stranger:
        if isinstance(inner, list):
            inner.insert(path[-1], copy.deepcopy(part))
        else:
            inner[path[-1]] = copy.deepcopy(part)
    return content


def text_of_two_layers(text):
    """A hidden layer has three neurons in the structure, and two in the parameters."""
    content = json.loads(text)
    content["structure"]["config"]["sizes"][0] = 3
    content["parameters"]["layers[1].neurons[0].w[2]"] = 0.5
    return json.dumps(content)


def special(texts):
    text = texts[0]
    layer = '{"module": "Sequential", "config": {"layers": ['
    for name, content in {
        "nothing": "",
        "blank": " \n",
        "a number": "1",
        "null": "null",
        "brackets": "[" * 100_000,
        "braces": '{"a":' * 100_000,
        "closed brackets": "[" * 100_000 + "]" * 100_000,
        "deep structure": text.replace('"structure": {', f'"structure": {layer * 5000}{{').replace(
            '"parameters"', '"x": ' + "1" + ', "parameters"'
        ),
        "deep layers": '{"format": "autograd-lite network", "version": 2, "parameters": {}, "structure": '
        + f"{layer * 900}{']}}' * 900}}}",
        "a number of 5000 digits": text.replace('"n_inputs": 2', '"n_inputs": ' + "2" * 5000),
        "a number of 300 digits": text.replace('"n_inputs": 2', '"n_inputs": ' + "2" * 300),
        "a version of 5000 digits": text.replace('"version": 2', '"version": ' + "1" * 5000),
        "a repeated key": text.replace('"version": 2', '"version": 2, "version": 2'),
        "a repeated parameter": text.replace('"b":', '"w[0]": 1.0, "b":'),
        "a repeated key of the structure": text.replace('"bias": true', '"bias": true, "bias": false'),
        "an unknown key": text.replace('"version": 2', '"version": 2, "sender": "me"'),
        "an unknown key of a module": text.replace('"bias": true', '"bias": true, "init": "he"'),
        "a future version": text.replace('"version": 2', '"version": 3'),
        "no version yet": text.replace('"version": 2', '"version": 0'),
        "a true version": text.replace('"version": 2', '"version": true'),
        "a version with a point": text.replace('"version": 2', '"version": 2.0'),
        "a class of Python": text.replace('"module": "Neuron"', '"module": "os.system"'),
        "a dunder": text.replace('"module": "Neuron"', '"module": "__class__"'),
        "an activation of another module": text.replace('"tanh"', '"os.system"'),
        "an attribute as activation": text.replace('"tanh"', '"backward"'),
        "an operation as activation": text.replace('"tanh"', '"dot"'),
        "a helper as activation": text.replace('"tanh"', '"ieee_log"'),
        "half a character": text.replace('"tanh"', '"\\ud800"'),
        "half a character as name": text.replace('"w[0]"', '"\\ud800"'),
        "two nets": text + text,
        "a comment": "// a net\n" + text,
        "a trailing comma": text.replace('"version": 2,', '"version": 2,,'),
        "single quotes": text.replace('"', "'"),
        "a NUL": text.replace("tanh", "ta\\u0000nh"),
        "a raw NUL": text.replace("tanh", "ta\0nh"),
        "layers that do not fit": text_of_two_layers(texts[1]),
        "an infinite epsilon": texts[2].replace('"epsilon": 1e-05', '"epsilon": 1e999'),
        "an endless epsilon": texts[2].replace('"epsilon": 1e-05', f'"epsilon": {"1" * 400}'),
        "a layer more": texts[2].replace('"layers": [', '"layers": [{"module": "Neuron", "config": {"n_inputs": 2}},'),
        **{
            f"{number} as parameter": text.replace('"b": ', f'"b": {number}, "c": ')
            for number in (
                "NaN",
                "Infinity",
                "-Infinity",
                "1e999",
                "-1e999",
                "0x10",
                "1_0",
                ".5",
                "+1",
                "True",
                "1" * 400,
            )
        },
        **{
            f"{number} instead of a weight": json.dumps(changed(json.loads(text), ("parameters", "b"), "HERE")).replace(
                '"HERE"', number
            )
            for number in ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "0x10", "1_0", "True", "1" * 400, '"Inf"')
        },
    }.items():
        yield name, content.encode("utf-8", "surrogatepass")
    yield "a byte order mark", codecs.BOM_UTF8 + text.encode()
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7"):
        yield encoding, text.replace("tanh", "tänh").encode(encoding)
    yield "latin-1", text.replace("tanh", "tänh").encode("latin-1")
    yield "zipped", gzip.compress(text.encode())
    yield "pickled", pickle.dumps(json.loads(text))
    yield "a picture", b"\x89PNG\r\n\x1a\n" + bytes(100)
    for seed in range(30):
        yield f"noise {seed}", Random(seed).randbytes(200)
