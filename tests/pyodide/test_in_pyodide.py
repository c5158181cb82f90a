"""What is particular to Pyodide, the Python of browsers: the plain engine, no threads, no processes, no renderer."""

import sys

import pytest

import autograd_lite
from autograd_lite import explain, losses, nn, optim

pytestmark = pytest.mark.skipif(sys.platform != "emscripten", reason="not in Pyodide: python tests/pyodide/run.py")


def test_the_installed_package_is_the_pure_wheel():
    assert not autograd_lite.COMPILED
    assert autograd_lite.__path__ == ["/site/autograd_lite"]


def test_the_lecture_comes_out(lecture):
    lecture.J.backward()
    assert (lecture.w.grad, lecture.b.grad) == (-4.0, 2.0)
    lecture.w.data += 0.001
    assert lecture.J.forward() == pytest.approx(1.996002)


def test_explain_needs_nothing_else(lecture):
    assert "2 × −2  = −4" in str(explain(lecture.J))


def train(**settings):
    fit = autograd_lite.fit
    X, y = autograd_lite.data.xor()
    net = nn.MLP(2, [4, 1], "tanh", seed=1)
    optimizer = optim.Adam(net.parameters(), lr=0.1)
    return fit(net, X, y, loss=losses.binary_cross_entropy, optimizer=optimizer, seed=0, **settings)


@pytest.mark.parametrize("engine", ["auto", "eager"])
def test_fit_learns_as_everywhere(engine):
    pytest.importorskip("numpy")
    history = train(engine=engine, progress=False)
    assert history.loss[-1] == pytest.approx(float.fromhex("0x1.19bf523b16539p-7"), rel=1e-9)


def test_the_progress_bar_starts_no_thread(capsys):
    pytest.importorskip("numpy")
    train(epochs=3)
    assert "3/3" in capsys.readouterr().err
