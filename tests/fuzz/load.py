"""Fuzz the reader of nets: whatever the bytes, it is a ValueError that names the file, or the net that the file says."""

import os
import sys
import tempfile
from pathlib import Path

from harness import HERE, Guard, in_memory, instrumented, main

sys.path.insert(0, str(HERE.parent / "torture"))

with instrumented():
    from autograd_lite import load, save
    from autograd_lite.nn import ACTIVATIONS

from test_broken_files import says

WORDS = (
    "format version structure parameters module config layers n_inputs n_neurons sizes activation output_activation"
    " bias shared_bias frozen_bias epsilon probability float dict"
)
MODULES = ["MLP", "Sequential", "Layer", "Neuron", "Dropout", "LayerNorm", "Activation"]
TOKENS = [f'"{word}": ' for word in WORDS.split()] + [f'"{word}"' for word in [*MODULES, *ACTIVATIONS]]
TOKENS += [
    "true",
    "false",
    "null",
    '"inf"',
    '"nan"',
    "NaN",
    "1e999",
    '"w[0]": ',
    '"b": ',
]
guard = Guard()
file, path = in_memory()
os.fsync = lambda file: None  # nobody waits for the disk here


def allowed(event, arguments):
    return event == "open" and arguments[0] == path and arguments[1] in ("r", "rb")


def one_input(data):
    os.ftruncate(file, 0)
    os.pwrite(file, data, 0)
    try:
        net = guard.run(load, path, allowed=allowed)
    except ValueError as error:
        assert str(error).startswith(f"cannot load {path!r}: "), error
        assert len(str(error)) < 1000
        return
    with tempfile.TemporaryDirectory() as folder:
        again = Path(folder, "again.json")
        save(net, again)
        assert says(again.read_bytes()) == says(data), again.read_text()
        assert load(again).state_dict() == net.state_dict() or "nan" in again.read_text()


if __name__ == "__main__":
    main(one_input, TOKENS)
