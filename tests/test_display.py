"""How the package's objects show themselves in a notebook."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from autograd_lite import Graph, History, Value, compile, display, nn, tanh

IN_IPYTHON = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
import autograd_lite
shell.run_cell("from autograd_lite import Value, nn\\nw = Value(2.0)\\ny = w * 3", silent=True)
shown = shell.display_formatter.format(shell.user_ns["y"])[0]
print(sorted(shown), "gradient" in shown["text/html"], "<svg" in shell.display_formatter.format(autograd_lite.nn.MLP(2, [2, 1]))[0]["text/html"])
"""


def test_ipython_shows_values_and_nets_as_html():
    pytest.importorskip("IPython")
    run = subprocess.run([sys.executable, "-c", IN_IPYTHON], capture_output=True, text=True, timeout=120, check=False)
    assert run.stdout.splitlines()[-1:] == ["['text/html', 'text/plain'] True True"], run.stderr


def test_a_value_shows_its_formula_and_its_numbers():
    w = Value(2.0)
    loss = (w - 1.0) ** 2
    loss.backward()
    assert "loss = (w - 1)**2 = 1<" in display.value_html(loss)
    assert "gradient 1<" in display.value_html(loss)


def test_a_value_whose_leaf_changed_says_so():
    w = Value(2.0, "w")
    loss = w * w
    loss.backward()
    w.data = 3.0
    assert "changed since backward()" in display.value_html(loss)


def test_a_label_is_text_in_the_display():
    assert "&lt;b&gt;" in display.value_html(Value(1.0, "<b>"))


def test_a_small_graph_shows_its_picture_and_a_large_one_its_text():
    x = Value(2.0, "x")
    y = x
    for _ in range(70):
        y = y + x
    assert "<svg" in display.graph_html(Graph(x * 2.0))
    assert display.graph_html(Graph(y)) is None


def test_a_net_shows_its_picture_and_its_table():
    html = display.module_html(nn.MLP(2, [3, 1], seed=0))
    assert "<svg" in html
    assert "13" in html


def test_a_net_that_cannot_be_drawn_shows_its_table():
    class Line(nn.Module):
        def __init__(self):
            self.w = Value(2.0)

    assert "<svg" not in display.module_html(Line())


def test_a_history_shows_a_curve_for_each_series():
    assert display.history_html(History([3.0, 2.0, 1.0], [3.5, 2.5, 2.0])).count("<polyline") == 2
    assert "<svg" not in display.history_html(History())


def test_a_compiled_function_shows_its_program_once_it_was_called():
    program = compile(lambda x: tanh(x[0] * 2.0))
    assert display.compiled_html(program) is None
    program(np.zeros((4, 1)))
    assert "tanh" in display.compiled_html(program)
