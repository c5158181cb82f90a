"""Errors in a notebook: the cell's lines and one message, in both builds."""

import json
import linecache
import os
import subprocess
import sys
from pathlib import Path

import pytest

import autograd_lite

pytest.importorskip("IPython")
pytestmark = pytest.mark.skipif(sys.platform == "emscripten", reason="a browser has no processes")

# What each cell does, the frames that it shows, and its error's last line.
CELLS = {
    "from autograd_lite import *\nfrom autograd_lite import compile": None,
    "1 / Value(0.0)": (1, "ZeroDivisionError: float division by zero, in div(1.0, 0.0)"),
    "log(Value(-1.0, 'a'))": (1, "ValueError: math domain error, in log(a=-1.0)"),
    "Value(10.0) ** 400": (1, "OverflowError: the result is too large for a float, in pow(10.0, 400.0)"),
    "exp(1000.0)": (1, "OverflowError: the result is too large for a float, in exp(1000.0)"),
    "Value('a')": (1, "TypeError: Value takes a real number"),
    "dot([Value(1.0)], [])": (1, "ValueError: dot takes two sequences of the same length"),
    "nn.MLP(2, [3, 1])([1.0])": (1, "ValueError: layers[0], Layer(2 → 3, relu), takes 2 inputs, got 1"),
    "def f(a):\n    return a / 0\n\nf(Value(1.0))": (2, "ZeroDivisionError: float division by zero, in div(1.0, 0.0)"),
    "compile(lambda x: 1.0 / (x - x))([1.0])": (2, "ZeroDivisionError: float division by zero"),
    "grad(lambda x: log(-x))(1.0)": (2, "ValueError: math domain error, in log("),
    "parse('w^2', w=1)": (1, "autograd_lite.ExpressionError: column 2: write **"),
    "w = Value(0.0)\ny = 1.0 / (w + 1.0)\nw.data = -1.0\ny.forward()": (1, "ZeroDivisionError: float division by zero"),
    "check_gradients(define_op('q', lambda x: x, lambda x, y: 1 / 0), [1.0])": (
        1,
        "autograd_lite.GradientError:",
    ),
    (
        "net = nn.Neuron(1, None, seed=0)\n"
        "fit(net, [[1.0]], [1.0], loss=lambda p, t: exp(1000 * p * p + 1000), optimizer=optim.SGD(net.parameters(), 1.0),"
        " progress=False, engine='eager')"
    ): (
        1,
        "autograd_lite.DivergedError: training diverged in epoch 1: the loss cannot be computed: the result is too large for a float",
    ),
    "fit(nn.Neuron(1), [[1.0]], [1.0, 2.0], loss=losses.mse, optimizer=optim.SGD([w], 1.0))": (1, "ValueError:"),
    "{}['key']": (1, "KeyError: 'key'"),
    "import json\njson.loads('{')": (4, "json.decoder.JSONDecodeError: Expecting property name"),
}
# Runs the cells given on standard input, and prints what each printed.
SHELL = """
import contextlib, io, json, sys
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

shell = InteractiveShell.instance(colors="NoColor", config=Config(HistoryManager={"enabled": False}))
printed = []
for cell in json.load(sys.stdin):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        shell.run_cell(cell)
    printed.append(out.getvalue())
json.dump(printed, sys.stdout)
"""


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebook")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(Path(autograd_lite.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]),
        "IPYTHONDIR": str(folder),
    }
    run = subprocess.run(
        [sys.executable, "-c", SHELL],
        input=json.dumps(list(CELLS)),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    return dict(zip(CELLS, json.loads(run.stdout), strict=True))


@pytest.mark.parametrize("cell", [cell for cell, expected in CELLS.items() if expected])
def test_an_error_shows_the_cell_and_one_message(printed, cell):
    frames, message = CELLS[cell]
    text = printed[cell]
    last_lines = message.rpartition(".")[2] if message.startswith(("autograd_lite.", "json.")) else message
    assert text.count("Traceback (most recent call last)") == 1
    assert text.count("--> ") == frames
    assert "Could not get source" not in text
    assert os.path.join("autograd_lite", "") not in text
    assert f"\n{last_lines}" in text, text
    assert cell.splitlines()[-1] in text


def test_a_handler_of_the_user_stays(monkeypatch):
    from autograd_lite._support import notebook

    class Shell:
        custom_exceptions = (KeyError,)

    ipython = type(sys)("IPython")
    ipython.get_ipython = Shell
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    notebook.shorten_tracebacks()  # and asks for nothing that such a shell has not


def test_the_frames_of_the_native_build_have_their_source(monkeypatch, tmp_path):
    from autograd_lite._support import notebook

    monkeypatch.chdir(tmp_path)  # they name their file by a path that leads nowhere
    monkeypatch.setattr("linecache.cache", {})
    notebook.prepare()
    assert linecache.getline("autograd_lite/value.py", 1).startswith('"""Value: one node')
    linecache.checkcache()
    assert linecache.getline("autograd_lite/value.py", 1)


def test_a_traceback_of_another_library_that_we_called_is_whole():
    from autograd_lite import Value
    from autograd_lite._support.notebook import users_part

    with pytest.raises(TypeError) as caught:
        Value("a")
    frames = []
    part = users_part(caught.value.__traceback__)
    while part is not None:
        frames.append(part.tb_frame.f_globals["__name__"])
        part = part.tb_next
    assert frames == [__name__]
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads("{")
    assert users_part(caught.value.__traceback__) is caught.value.__traceback__
    assert users_part(None) is None
