"""The worked examples of well-known lectures, digit for digit."""

import pytest

from autograd_lite import Value, relu


def test_forward_of_the_small_graph(lecture):
    assert [v.data for v in (lecture.c, lecture.a, lecture.d, lecture.J)] == [-4.0, 4.0, 2.0, 2.0]


def test_backward_of_the_small_graph(lecture):
    lecture.J.backward()
    names = ("d", "a", "c", "b", "w", "x", "y")
    assert [getattr(lecture, name).grad for name in names] == [2.0, 2.0, 2.0, 2.0, -4.0, 4.0, -2.0]


@pytest.mark.parametrize(("leaf", "nudged", "expected"), [("w", 2.001, 1.996002), ("b", 8.001, 2.0020005)])
def test_a_nudge_moves_the_result_by_the_gradient(lecture, leaf, nudged, expected):
    getattr(lecture, leaf).data = nudged
    assert lecture.J.forward() == pytest.approx(expected, abs=1e-12)


def test_a_bump_of_an_inner_number():
    assert (0.5 * Value(2.001) ** 2).data == pytest.approx(2.0020005, abs=1e-12)
    rise = (0.5 * (Value(-3.999) + 8 - 2) ** 2).data - 2.0
    assert rise == pytest.approx(0.002, abs=1e-6)


@pytest.fixture
def two_layers():
    x, y = Value(1.0, "x"), Value(5.0, "y")
    w1, b1, w2, b2 = Value(2.0, "w1"), Value(0.0, "b1"), Value(3.0, "w2"), Value(1.0, "b2")
    z1 = w1 * x + b1
    a1 = relu(z1)
    t2 = w2 * a1
    z2 = t2 + b2
    a2 = relu(z2)
    J = 0.5 * (a2 - y) ** 2
    return dict(x=x, y=y, w1=w1, b1=b1, w2=w2, b2=b2, z1=z1, a1=a1, t2=t2, z2=z2, a2=a2, J=J)


def test_two_layers_forward(two_layers):
    expected = dict(z1=2, a1=2, t2=6, z2=7, a2=7, J=2)
    assert {name: two_layers[name].data for name in expected} == expected


def test_two_layers_backward(two_layers):
    two_layers["J"].backward()
    expected = dict(a2=2, z2=2, b2=2, t2=2, w2=4, a1=6, z1=6, w1=6, b1=6)
    assert {name: two_layers[name].grad for name in expected} == expected


def test_two_layers_bump(two_layers):
    two_layers["w1"].data = 2.001
    assert two_layers["J"].forward() == pytest.approx(2.0060045, abs=1e-12)
    assert (two_layers["a1"].data, two_layers["a2"].data) == pytest.approx((2.001, 7.003), abs=1e-12)


@pytest.mark.parametrize(
    ("w", "epsilon", "nudged", "slope"),
    [
        (3.0, 0.001, 9.006001, 6.0),
        (3.0, 0.002, 9.012004, 6.0),
        (2.0, 0.001, 4.004001, 4.0),
        (-3.0, 0.001, 8.994001, -6.0),
    ],
)
def test_the_derivative_of_a_square(w, epsilon, nudged, slope):
    leaf = Value(w)
    J = leaf**2
    J.backward()
    assert leaf.grad == slope
    leaf.data += epsilon
    assert J.forward() == pytest.approx(nudged, abs=1e-12)


@pytest.mark.parametrize(
    ("function", "slope", "nudged"),
    [(lambda w: w**3, 12.0, 8.012006001), (lambda w: w + 0, 1.0, 2.001), (lambda w: 1 / w, -0.25, 0.49975012)],
)
def test_derivatives_at_two(function, slope, nudged):
    leaf = Value(2.0)
    J = function(leaf)
    J.backward()
    assert leaf.grad == slope
    leaf.data = 2.001
    assert J.forward() == pytest.approx(nudged, abs=1e-8)
