"""What is particular to Pyodide, the Python of browsers: the plain engine, no threads, no processes, no renderer."""

import re
import sys
from importlib import metadata

import pytest
from packaging.requirements import Requirement

import autograd_lite
from autograd_lite import Value, draw, explain, losses, nn, optim, steps

pytestmark = pytest.mark.skipif(sys.platform != "emscripten", reason="not in Pyodide: python tests/pyodide/run.py")


def test_the_installed_package_is_the_pure_wheel():
    assert not autograd_lite.NATIVE
    assert autograd_lite.__path__ == ["/site/autograd_lite"]


def test_what_it_requires_can_be_installed():
    requirements = [Requirement(text) for text in metadata.requires("autograd-lite")]
    needed = {r.name for r in requirements if r.marker is None or r.marker.evaluate({"extra": ""})}
    assert needed == {"graphviz"}


def test_the_example_comes_out(lecture):
    lecture.J.backward()
    assert (lecture.w.grad, lecture.b.grad) == (-4.0, 2.0)
    lecture.w.data += 0.001
    assert lecture.J.forward() == pytest.approx(1.996002)


def test_explain_needs_nothing_else(lecture):
    assert "2 × −2  = −4" in str(explain(lecture.J))


def test_a_deep_graph_is_released():
    y = Value(1.0)
    for _ in range(100_000):
        y = y + 1.0
    del y  # where Python releases by recursion, the interpreter ends here


def test_a_picture_shows_itself(lecture):
    bundle = draw(lecture.J)._repr_mimebundle_()
    assert bundle["image/svg+xml"].startswith("<svg ")
    assert len(re.findall('class="node ', bundle["text/html"])) == 9


def test_the_player_shows_itself(lecture):
    page = steps(lecture.J)._repr_html_()
    assert "<iframe " in page
    assert '<img class="still-' in page  # for where a notebook is read without its scripts
    assert "dv5/dw" in page


def test_what_needs_a_program_says_so(lecture, tmp_path):
    for ending in ("png", "pdf"):
        with pytest.raises(RuntimeError, match=r"save as \.svg"):
            draw(lecture.J).save(tmp_path / f"graph.{ending}")


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
