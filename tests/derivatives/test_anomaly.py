"""detect_anomaly: the first operation that makes a nan or an inf, and where it was built."""

import math
import pickle

import pytest
from helpers import in_threads

from autograd_lite import AnomalyError, Value, derivative, detect_anomaly, dot, no_grad, sqrt, total
from autograd_lite.derivatives.anomaly import is_detecting

HUGE = 1e200


def overflow(a, b):
    return a * b  # the line that the errors name


def line_of(function):
    return function.__code__.co_firstlineno + 1


def test_a_result_names_operation_operands_and_line():
    a, b = Value(HUGE, "a"), Value(HUGE)
    with pytest.raises(AnomalyError) as caught, detect_anomaly():
        overflow(a, b)
    assert str(caught.value) == (
        "mul(a=1e+200, 1e+200) = inf is the first result that is not finite; built at test_anomaly.py,"
        f" line {line_of(overflow)}, in overflow, `return a * b  # the line that the errors name`"
    )
    assert caught.value.origin == (__file__, line_of(overflow), "overflow")


@pytest.mark.parametrize(
    "make",
    [
        lambda x: x + x,
        lambda x: x - (-x),
        lambda x: x * 2.0,
        lambda x: 2.0 * x,
        lambda x: x / 0.1,
        lambda x: dot([x, x], [1.0, 1.0]),
        lambda x: x.maximum(math.inf),
        lambda x: -x.maximum(1.0) + -math.inf,
    ],
)
def test_every_way_to_make_a_node_is_inspected(make):
    x = Value(1.5e308)
    assert not math.isfinite(make(x).data)
    with pytest.raises(AnomalyError), detect_anomaly():
        make(x)


def test_an_operand_that_was_not_finite_before_is_named():
    with pytest.raises(AnomalyError, match=r"not finite already: x\)"), detect_anomaly():
        Value(math.nan, "x") + 1.0


def test_a_constant_that_was_not_finite_before_is_named():
    with pytest.raises(AnomalyError, match=r"not finite already: inf\)"), detect_anomaly():
        Value(1.0) + math.inf


def test_a_gradient_names_operation_label_and_line():
    x = Value(0.0, "x")
    with detect_anomaly():
        root = sqrt(x)
        root.label = "root"
        y = 3.0 * root
        with pytest.raises(AnomalyError) as caught:
            y.backward()
    assert caught.value.node is root
    assert str(caught.value).startswith(
        "backward through root: sqrt(x=0.0) = 0.0 makes the gradient of x inf: the gradient 3.0 arrives, and the local"
        " derivative is inf; built at test_anomaly.py, line"
    )
    assert str(caught.value).endswith(", `root = sqrt(x)`")


def test_a_gradient_through_dot_is_inspected():
    a = Value(1.0, "a")
    with detect_anomaly(), pytest.raises(AnomalyError, match=r"gradient of a inf.*derivative is 1e\+300"):
        dot([2.0, a], [1.0, 1e300]).backward(1e300)


def test_a_pass_that_stops_keeps_the_gradients_of_the_leaves():
    x = Value(0.0)
    x.grad = 7.0
    with detect_anomaly(), pytest.raises(AnomalyError):
        sqrt(x).backward()
    assert x.grad == 7.0


def test_computing_again_names_the_line_that_built_the_node():
    x = Value(2.0, "x")
    with detect_anomaly():
        square = x * x
        y = square + 1.0
        x.data = HUGE
        with pytest.raises(AnomalyError, match=r"mul\(x=1e\+200, x=1e\+200\) = inf.*`square = x \* x`"):
            y.forward()


def test_the_result_itself_is_inspected_when_it_is_computed_again():
    x = Value(2.0, "x")
    with detect_anomaly():
        square = x * x
        x.data = HUGE
        with pytest.raises(AnomalyError, match=r"mul\(x=1e\+200, x=1e\+200\) = inf"):
            square.forward()


@pytest.mark.parametrize("use", [lambda node: node * node, lambda node: total([node] * 64)])
def test_a_pass_after_one_that_stopped_is_whole(use):
    x = Value(2.0)
    square = x * x
    stops = use(square) + sqrt(square - 4.0)
    with detect_anomaly(), pytest.raises(AnomalyError):
        stops.backward()
    (square * x + square).backward()
    assert x.grad == 16.0


def test_a_node_built_outside_says_that_its_line_is_not_known():
    x = Value(0.0)
    y = sqrt(x)
    with detect_anomaly(), pytest.raises(AnomalyError, match=r"built outside detect_anomaly\(\)") as caught:
        y.backward()
    assert caught.value.origin is None


def test_a_node_computed_again_inside_has_no_line_of_the_pass():
    x = Value(1.0)
    y = sqrt(x)
    with detect_anomaly():
        y.forward()
        x.data = 0.0
        y.forward()
        with pytest.raises(AnomalyError, match=r"built outside detect_anomaly\(\)"):
            y.backward()


def test_inside_no_grad_results_are_inspected_too():
    x = Value(HUGE)
    with detect_anomaly(), no_grad():
        assert (x + 1.0).is_leaf
        with pytest.raises(AnomalyError):
            x * x


def test_derivatives_of_any_order_are_inspected():
    def f(x):
        return sqrt(x) * x

    with detect_anomaly(), pytest.raises(AnomalyError, match=r"sqrt\(0.0\)|div\("):
        derivative(f, order=2)(0.0)


def test_finite_graphs_give_what_they_give_without():
    def gradient():
        x = Value(0.3)
        (dot([x, x * 2.0], [x, 1.0], bias=x.exp()) / (1.0 + x.tanh() ** 2)).backward()
        return x.grad

    plain = gradient()
    with detect_anomaly():
        assert gradient() == plain


def test_nothing_is_inspected_after_the_outermost_context():
    with detect_anomaly():
        with detect_anomaly():
            pass
        assert is_detecting()
    assert not is_detecting()
    assert (Value(HUGE) * HUGE).data == math.inf


def test_it_holds_for_its_own_thread():
    results = []
    with detect_anomaly():
        in_threads(lambda: results.append(overflow(Value(HUGE), HUGE).data))
    assert results == [math.inf]


def test_a_graph_built_inside_can_be_pickled():
    with detect_anomaly():
        y = sqrt(Value(4.0)) * 2.0
    assert pickle.loads(pickle.dumps(y)).data == 4.0
