"""Derivatives as functions: values, structure, nesting, errors."""

import itertools
import json
import math
from collections import namedtuple
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from helpers import in_threads
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_lite import (
    Value,
    define_op,
    derivative,
    dot,
    exp,
    grad,
    gradients,
    hessian,
    hvp,
    jacobian,
    jvp,
    log,
    logsumexp,
    minimize,
    nn,
    no_grad,
    sigmoid,
    sin,
    softmax,
    tangents,
    tanh,
    value_and_grad,
    vjp,
)
from autograd_lite.derivatives.trees import Tree

JAX = json.loads((Path(__file__).parents[1] / "reference" / "jax_numbers.json").read_text())


def close(expected):
    return pytest.approx(np.array(expected), rel=1e-12, abs=1e-14)


# --- JAX's examples, with JAX's numbers -------------------------------------------------------------------------------

INPUTS = [[0.52, 1.12, 0.77], [0.88, -1.08, 0.15], [0.52, 0.06, -1.30], [0.74, -2.49, 1.39]]
TARGETS = [True, True, False, True]
W = [0.25, -1.5, 0.75]
B = 0.5


def predict(w, b):
    return [sigmoid(dot(row, w, bias=b)) for row in INPUTS]


def loss(w, b):
    return -sum(log(p if target else 1 - p) for p, target in zip(predict(w, b), TARGETS, strict=True))


def polynomial(x):
    return x**3 + 2 * x**2 - 3 * x + 1


def four_outputs(x):
    return [x[0], 5 * x[2], 4 * x[1] ** 2 - 2 * x[2], x[2] * sin(x[0])]


def two_inputs(x):
    return x[0] ** 3 - 2 * x[0] * x[1] - x[1] ** 6


@pytest.mark.parametrize("order", range(5))
@pytest.mark.parametrize(("name", "f", "x"), [("tanh", tanh, 2.0), ("polynomial", polynomial, 1.0)])
def test_derivatives_of_any_order_are_jaxs(name, f, x, order):
    nested = f
    for _ in range(order):
        nested = grad(nested)
    assert derivative(f, order)(x) == pytest.approx(JAX[name][order], rel=1e-12, abs=1e-14)
    assert nested(x) == pytest.approx(JAX[name][order], rel=1e-12, abs=1e-14)


def test_gradient_of_logistic_regression_is_jaxs():
    value, slope = value_and_grad(loss)(W, B)
    assert value == pytest.approx(JAX["loss"], rel=1e-14)
    assert slope == close(JAX["loss_by_W"])


def test_gradient_by_two_arguments_is_jaxs():
    by_w, by_b = grad(loss, argnums=(0, 1))(W, B)
    assert by_w == close(JAX["loss_by_W_and_b"][0])
    assert by_b == pytest.approx(JAX["loss_by_W_and_b"][1], rel=1e-12)


def test_gradient_of_a_dict_is_jaxs():
    slope = grad(lambda p: loss(p["W"], p["b"]))({"W": W, "b": B})
    assert slope["W"] == close(JAX["loss_of_dict"]["W"])
    assert slope["b"] == pytest.approx(JAX["loss_of_dict"]["b"], rel=1e-12)


def test_jacobians_are_jaxs():
    assert np.array(jacobian(predict)(W, B)) == close(JAX["predict_jacobian"])
    assert np.array(jacobian(four_outputs)([1.0, 2.0, 3.0])) == close(JAX["four_outputs_jacobian"])


def test_hessians_are_jaxs():
    assert np.array(hessian(two_inputs)([1.0, 2.0])) == close(JAX["two_inputs_hessian"])
    assert np.array(hessian(loss)(W, B)) == close(JAX["loss_hessian"])


def test_hessian_by_two_arguments_is_jaxs():
    ours = hessian(loss, argnums=(0, 1))(np.array(W), B)
    for i, j in itertools.product(range(2), repeat=2):
        assert np.array(ours[i][j]) == close(JAX["loss_hessian_by_both"][i][j])


def test_hessian_of_a_vector_function_is_jaxs():
    assert np.array(jacobian(jacobian(predict))(W, B)) == close(JAX["predict_hessian"])


def test_products_are_jaxs():
    assert hvp(lambda w: loss(w, B), W, [1.0, -2.0, 0.5]) == close(JAX["loss_hvp"])
    _, pullback = vjp(lambda x, y: (sin(x), y.cos()), 0.5, 1.0)
    assert pullback((-0.7, 0.3)) == close(JAX["sin_cos_vjp"])


# --- what goes in and what comes out ----------------------------------------------------------------------------------


def test_floats_in_floats_out():
    assert grad(lambda x: x * x)(3.0) == 6.0
    assert type(grad(lambda x: x * x)(3)) is float


def test_values_in_values_out():
    x = Value(3.0)
    slope = grad(lambda x: x**3)(x)
    slope.backward()
    assert (slope.data, x.grad) == (27.0, 18.0)


def test_value_argument_gives_the_graph_that_gradients_gives():
    x = Value(3.0, "x")
    slope = grad(lambda x: sin(x) * x)(x)
    (expected,) = gradients(sin(x) * x, [x])
    assert len(slope.topological_order()) == len(expected.topological_order())
    x.data = 1.5
    assert slope.forward() == expected.forward()


def test_derivative_by_a_value_depends_on_what_the_function_captures():
    w = Value(5.0)
    slope = grad(lambda x: w * x * x)(Value(3.0))
    slope.backward()
    assert w.grad == 6.0


def test_no_grad_attribute_is_touched():
    w, x = Value(5.0), Value(3.0)
    w.grad = x.grad = 7.0
    grad(lambda x: w * x)(x)
    hessian(lambda x: w * x * x)(3.0)
    tangents(w * x, {x: 1.0})
    assert (w.grad, x.grad) == (7.0, 7.0)


Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(
    ("structure", "expected"),
    [
        (2.0, 4.0),
        ([1.0, 2.0], [2.0, 4.0]),
        ((1.0, 2), (2.0, 4.0)),
        ({"a": [1.0], "b": (2.0, {"c": 3.0})}, {"a": [2.0], "b": (4.0, {"c": 6.0})}),
        (Point(1.0, 2.0), Point(2.0, 4.0)),
        ([], []),
    ],
)
def test_gradient_has_the_structure_of_the_argument(structure, expected):
    def squares(x):
        if isinstance(x, dict):
            return sum(squares(part) for part in x.values())
        return sum(squares(part) for part in x) if isinstance(x, (list, tuple)) else x * x

    slope = grad(squares)(structure)
    assert slope == expected
    assert type(slope) is type(expected)


def test_array_in_array_out():
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    slope = grad(lambda x: (x @ x).sum())(x)
    assert slope.dtype == float
    assert slope.tolist() == [[7.0, 11.0], [9.0, 13.0]]


def test_a_function_may_return_an_array_of_one_number():
    assert grad(lambda x: np.array(x * x, dtype=object))(3.0) == 6.0


def test_object_array_of_values_gives_an_object_array():
    x = np.array([Value(1.0), Value(2.0)])
    slope = grad(lambda x: (x**2).sum())(x)
    assert slope.dtype == object
    assert [s.data for s in slope] == [2.0, 4.0]
    slope[0].backward()
    assert x[0].grad == 2.0


def test_numpy_numbers_and_integer_arrays_are_numbers():
    assert grad(lambda x: x * x)(np.float32(1.5)) == 3.0
    assert grad(lambda x: x * x)(np.array(1.5)) == 3.0
    assert grad(lambda x: (x * x).sum())(np.array([1, 2])).tolist() == [2.0, 4.0]


def test_jacobian_of_arrays_has_output_shape_then_input_shape():
    a = np.arange(6.0).reshape(2, 3)
    assert jacobian(lambda x: a @ x)(np.ones(3)).tolist() == a.tolist()
    assert jacobian(lambda x: np.outer(x, x))(np.array([1.0, 2.0])).shape == (2, 2, 2)


def test_jacobian_nests_the_structures():
    result = jacobian(lambda p: {"sum": p["x"] + p["y"][0], "product": [p["x"] * p["y"][0]]})({"x": 2.0, "y": [3.0]})
    assert result == {"sum": {"x": 1.0, "y": [1.0]}, "product": [{"x": 3.0, "y": [2.0]}]}


def test_jacobian_goes_either_way_with_the_same_result():
    def f(v):
        return [exp(v[0]) * v[1], v[1] / v[0], v[0], 7.0]

    tall = jacobian(f)([2.0, 3.0])
    rows = [grad(lambda v, i=i: f(v)[i])([2.0, 3.0]) for i in range(4)]
    assert np.array(tall) == close(rows)


def test_jacobian_of_values_is_differentiable_either_way():
    x, y = Value(2.0), Value(3.0)
    wide = jacobian(lambda v: [v[0] ** 2 * v[1]])([x, y])
    tall = jacobian(lambda x: [x**3, x**2, x])(x)
    assert [g.data for g in gradients(wide[0][0], [x, y])] == [6.0, 4.0]
    assert [gradients(row, [x])[0].data for row in tall] == [12.0, 2.0, 0.0]


def test_jacobian_of_a_gradient_is_the_hessian():
    def f(v):
        return v[0] ** 2 * sin(v[1])

    assert np.array(jacobian(grad(f))([2.0, 3.0])) == close(hessian(f)([2.0, 3.0]))


def test_hessian_of_an_array_has_its_shape_twice():
    assert hessian(lambda x: (x**3).sum())(np.ones((2, 2))).shape == (2, 2, 2, 2)


def test_negative_argnums_count_from_the_end():
    assert grad(lambda x, y: x * y, argnums=-1)(2.0, 3.0) == 2.0


def test_other_arguments_and_keywords_are_passed_on():
    assert grad(lambda x, power, *, scale: scale * x**power)(2.0, 3, scale=10.0) == 120.0


def test_the_transformed_function_keeps_its_name():
    assert grad(polynomial).__name__ == "polynomial"


def test_a_function_that_ignores_its_argument_has_derivative_zero():
    assert grad(lambda x: 3.0)(2.0) == 0.0
    assert hessian(lambda v: v[0])([1.0, 2.0]) == [[0.0, 0.0], [0.0, 0.0]]
    assert jacobian(lambda x: [1.0, 2.0])(2.0) == [0.0, 0.0]
    assert hvp(lambda v: v[0], [1.0, 2.0], [1.0, 1.0]) == [0.0, 0.0]


def test_a_value_argument_gives_a_value_even_where_the_derivative_is_constant():
    assert grad(lambda x: 3 * x)(Value(2.0)).data == 3.0
    assert value_and_grad(lambda x: 3.0)(Value(2.0))[1].data == 0.0


def test_derivative_of_order_zero_is_the_function():
    assert derivative(lambda x: x * x, 0)(3.0) == 9.0
    assert derivative(lambda x: x * x, 0)(Value(3.0)).data == 9.0


def test_vjp_gives_the_value_and_pulls_back_any_weights():
    value, pullback = vjp(lambda p: [p["x"] * p["y"], p["x"]], {"x": 2.0, "y": 3.0})
    assert value == [6.0, 2.0]
    assert pullback([1.0, 0.0]) == ({"x": 3.0, "y": 2.0},)
    assert pullback([0.0, 5.0]) == ({"x": 5.0, "y": 0.0},)


def test_vjp_at_values_is_differentiable():
    x = Value(2.0)
    _, pullback = vjp(lambda x: [x**3], x)
    assert gradients(pullback([1.0])[0], [x])[0].data == 12.0


def test_tangent_is_the_product_of_gradient_and_direction():
    x, y = Value(2.0), Value(3.0)
    z = exp(x * y) / y
    by_x, by_y = gradients(z, [x, y])
    assert tangents(z, {x: 2.0, y: -1.0}) == pytest.approx(2 * by_x.data - by_y.data, rel=1e-14)
    assert tangents(z, {}) == 0.0


def test_tangent_of_an_inner_node_and_of_the_result_itself():
    x = Value(2.0)
    y = x * x
    z = 3 * y
    assert tangents(z, {y: 1.0}) == 3.0
    assert tangents(z, {z: 2.0}) == 2.0


# --- what the function captured ---------------------------------------------------------------------------------------

# Each transform applied to w·y² (or a list of it) at y = 3 and w = 2: the result, and its derivative by w.
CAPTURED = [
    pytest.param(lambda w: grad(lambda y: w * y * y)(3.0), 12.0, 6.0, id="grad"),
    pytest.param(lambda w: value_and_grad(lambda y: w * y * y)(3.0)[0], 18.0, 9.0, id="value"),
    pytest.param(lambda w: value_and_grad(lambda y: w * y * y)(3.0)[1], 12.0, 6.0, id="value_and_grad"),
    pytest.param(lambda w: derivative(lambda y: w * y * y, 0)(3.0), 18.0, 9.0, id="derivative, order 0"),
    pytest.param(lambda w: derivative(lambda y: w * y * y)(3.0), 12.0, 6.0, id="derivative"),
    pytest.param(lambda w: derivative(lambda y: w * w * y * y, 2)(3.0), 8.0, 8.0, id="derivative, order 2"),
    pytest.param(lambda w: jacobian(lambda v: [w * v[0] * v[1], v[0]])([3.0, 1.0])[0][1], 6.0, 3.0, id="jacobian"),
    pytest.param(lambda w: jacobian(lambda y: [w * y * y, y])(3.0)[0], 12.0, 6.0, id="jacobian, forward"),
    pytest.param(lambda w: hessian(lambda v: w**2 * v[0] ** 2)([3.0])[0][0], 8.0, 8.0, id="hessian"),
    pytest.param(lambda w: vjp(lambda y: [w * y * y], 3.0)[0][0], 18.0, 9.0, id="vjp, value"),
    pytest.param(lambda w: vjp(lambda y: [w * y * y], 3.0)[1]([2.0])[0], 24.0, 12.0, id="vjp"),
    pytest.param(lambda w: jvp(lambda y: w * y * y, (3.0,), (2.0,))[0], 18.0, 9.0, id="jvp, value"),
    pytest.param(lambda w: jvp(lambda y: w * y * y, (3.0,), (2.0,))[1], 24.0, 12.0, id="jvp"),
    pytest.param(lambda w: hvp(lambda v: w**2 * v[0] ** 2, [3.0], [2.0])[0], 16.0, 16.0, id="hvp"),
]


@pytest.mark.parametrize(("call", "data", "slope"), CAPTURED)
def test_results_remember_what_the_function_captured(call, data, slope):
    w = Value(2.0)
    (w + call(w)).backward()
    assert (call(w).data, w.grad) == (data, 1.0 + slope)


@pytest.mark.parametrize(("call", "data", "slope"), CAPTURED)
def test_a_captured_inner_node_is_remembered_too(call, data, slope):
    v = Value(1.0)
    call(2.0 * v).backward()
    assert v.grad == 2.0 * slope


@pytest.mark.parametrize(("call", "data", "slope"), CAPTURED)
def test_results_of_captured_values_are_leaves_inside_no_grad(call, data, slope):
    with no_grad():
        result = call(Value(2.0))
    assert (type(result), result.is_leaf, result.data) == (Value, True, data)


@pytest.mark.parametrize(("call", "data", "slope"), CAPTURED)
def test_results_are_floats_where_nothing_is_captured(call, data, slope):
    result = call(2.0)
    assert (type(result), result) == (float, data)


@pytest.mark.parametrize("make", [lambda x: Value(2.0), lambda x: x.detach(), lambda x: Value(1.0) * 2.0])
def test_a_leaf_that_the_function_makes_is_not_captured(make):
    assert type(grad(lambda x: make(x) * x)(3.0)) is float


def test_a_net_inside_a_derivative_keeps_its_parameters():
    net = nn.MLP(1, [3, 1], "tanh", seed=0)
    (residual := derivative(lambda t: net([t]))(0.5) - 1.0).backward()
    w = net.parameters()[0]
    before, h = w.data, 1e-6
    ends = []
    for w.data in (before + h, before - h):
        ends.append(derivative(lambda t: net([t]))(0.5).data - 1.0)
    assert w.grad == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-6)
    assert residual.data == pytest.approx(sum(ends) / 2, rel=1e-6)


# --- jvp of functions -------------------------------------------------------------------------------------------------


def test_jvp_gives_value_and_tangent():
    assert jvp(lambda x, y: x * x * y, (2.0, 3.0), (1.0, 0.0)) == (12.0, 12.0)
    assert jvp(lambda x, y: x * x * y, [2.0, 3.0], [0.0, 1.0]) == (12.0, 4.0)


def test_jvp_takes_and_gives_structures():
    value, tangent = jvp(
        lambda p: {"a": p["x"] * p["y"][0], "b": 7.0}, ({"x": 2.0, "y": [3.0]},), ({"x": 1, "y": [10]},)
    )
    assert (value, tangent) == ({"a": 6.0, "b": 7.0}, {"a": 23.0, "b": 0.0})
    value, tangent = jvp(lambda x: 2.0 * x, (np.array([1.0, 2.0]),), (np.array([1.0, 0.0]),))
    assert (value.tolist(), tangent.tolist()) == ([2.0, 4.0], [2.0, 0.0])


def test_jvp_nests_in_other_transforms():
    assert grad(lambda x: jvp(lambda y: x * y**3, (2.0,), (1.0,))[1])(5.0) == 12.0
    assert jvp(grad(lambda x: x**3), (2.0,), (1.0,)) == (12.0, 12.0)
    assert jvp(lambda x: x**2, (Value(3.0),), (Value(2.0),))[1].data == 12.0


def test_jvp_leaves_out_what_does_not_move_even_at_an_infinite_slope():
    assert jvp(lambda x, w: x * w**0.5, (2.0, 0.0), (1.0, 0.0)) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((Value(2.0), (1.0,), (1.0,)), r"jvp takes a function, got Value.*tangents\(y, \{x: 1.0\}\)"),
        ((sin, 1.0, (1.0,)), "jvp takes a tuple of arguments, one for each argument of the function, got float: 1.0"),
        ((sin, (1.0,), 1.0), "jvp takes a tuple of tangents, .*got float: 1.0"),
        ((sin, (1.0,), (1.0, 2.0)), "the tangents must have the structure of the arguments"),
    ],
)
def test_jvp_of_the_wrong_things(args, message):
    with pytest.raises(TypeError, match=message):
        jvp(*args)


# --- arrays without axes ----------------------------------------------------------------------------------------------


def weighted(x):
    return np.tensordot(x, [1.0, 2.0], 1)


def test_an_output_may_be_an_array_without_axes():
    x = np.array([1.0, 2.0])
    assert jacobian(weighted)(x).tolist() == [1.0, 2.0]
    value, pullback = vjp(weighted, x)
    assert (value, pullback(1.0)[0].tolist(), pullback(np.array(2.0))[0].tolist()) == (5.0, [1.0, 2.0], [2.0, 4.0])
    assert jvp(weighted, (x,), (np.array([1.0, 1.0]),)) == (5.0, 3.0)
    assert hessian(lambda x: weighted(x * x))(x).tolist() == [[2.0, 0.0], [0.0, 4.0]]
    assert hvp(lambda x: weighted(x * x), x, x).tolist() == [2.0, 8.0]
    assert jacobian(lambda x: {"a": [weighted(x)]})(x)["a"][0].tolist() == [1.0, 2.0]


def test_an_argument_may_be_an_array_without_axes():
    assert jacobian(lambda x: [x, x * x])(np.array(3.0)) == [1.0, 6.0]
    assert hessian(lambda p: p["x"] ** 2)({"x": np.array(3.0)}) == {"x": {"x": 2.0}}
    assert derivative(lambda x: x * x)(np.array(3.0)) == 6.0
    assert hvp(lambda x: x**3, np.array(2.0), np.array(1.0)) == 12.0
    assert grad(lambda x: x * x)(np.array(Value(3.0), dtype=object)).data == 6.0


# --- argnums ----------------------------------------------------------------------------------------------------------


def test_an_argument_that_is_asked_for_twice_is_given_twice():
    assert grad(lambda x, y: x * y, argnums=(0, 0))(2.0, 3.0) == (3.0, 3.0)
    assert grad(lambda x, y: x * y, argnums=(1, 0, -1))(2.0, 3.0) == (2.0, 3.0, 2.0)
    assert jacobian(lambda x, y: [x * y], argnums=(0, -2))(2.0, 3.0) == [(3.0, 3.0)]
    assert hessian(lambda x, y: x * x * y, argnums=(0, 0))(2.0, 3.0) == ((6.0, 6.0), (6.0, 6.0))


def test_argnums_may_be_numpys():
    assert grad(lambda x, y: x * y, argnums=np.int64(1))(2.0, 3.0) == 2.0
    assert grad(lambda x, y: x * y, argnums=())(2.0, 3.0) == ()


@pytest.mark.parametrize("argnums", [True, "x", 1.0, None, (0, "y"), (False,), [0.0]])
@pytest.mark.parametrize("transform", [grad, value_and_grad, jacobian, hessian])
def test_argnums_that_are_not_positions(transform, argnums):
    with pytest.raises(TypeError, match=f"argnums of {transform.__name__} is the position of an argument or a tuple"):
        transform(lambda x, y: x * y, argnums=argnums)


# --- nesting ----------------------------------------------------------------------------------------------------------


def test_inner_gradient_is_not_confused_with_a_captured_variable():
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(1.0) == 1.0
    assert grad(lambda x: x * grad(lambda y: x * y)(2.0))(3.0) == 6.0


def test_inner_gradient_at_the_outer_variable_itself_is_not_confused():
    # d/dx (x · ∂/∂y (x·y) at y = x) = d/dx x² and not d/dx 2x²
    assert grad(lambda x: x * grad(lambda y: x * y)(x))(3.0) == 6.0


def test_nested_three_deep():
    # f(x) = x³·∂/∂y[y²·∂/∂z(z·y·x)] at y=x, z=1 → ∂/∂y(x·y³) = 3x³, f = 3x⁶
    def f(x):
        return x**3 * grad(lambda y: y**2 * grad(lambda z: z * y * x)(1.0))(x)

    assert grad(f)(2.0) == pytest.approx(18 * 2.0**5, rel=1e-14)


def test_inner_result_that_the_outer_does_not_move_is_a_float():
    inner = []

    def outer(x):
        inner.append(grad(lambda y: y * y)(2.0))
        return x

    grad(outer)(1.0)
    assert inner == [4.0]


def test_inner_jacobian_and_hessian_depend_on_a_captured_variable():
    assert grad(lambda x: jacobian(lambda v: [x * v[0], v[1]])([1.0, 1.0])[0][0])(3.0) == 1.0
    assert grad(lambda x: hessian(lambda y: x**2 * y**2)(1.0))(3.0) == 12.0
    assert grad(lambda x: hvp(lambda v: x**2 * v[0] ** 2, [1.0], [1.0])[0])(3.0) == 12.0
    assert grad(lambda x: vjp(lambda y: x * y * y, 2.0)[1](1.0)[0])(3.0) == 4.0


def test_gradient_of_the_norm_of_a_gradient():
    def penalty(w):
        return sum(g * g for g in grad(lambda v: v[0] ** 2 * v[1])(w))

    # |∇|² = 4x²y² + x⁴
    assert grad(penalty)([2.0, 3.0]) == [pytest.approx(8 * 2 * 9 + 4 * 8), pytest.approx(8 * 4 * 3)]


def test_derivatives_are_right_inside_no_grad():
    with no_grad():
        assert grad(lambda x: x**3)(2.0) == 12.0
        assert hessian(lambda x: x**3)(2.0) == 12.0
        slope = grad(lambda x: x**3)(Value(2.0))
    assert slope.data == 12.0
    assert slope.is_leaf


def test_no_grad_still_holds_after_a_transform():
    with no_grad():
        grad(lambda x: x * x)(1.0)
        assert (Value(1.0) * 2).is_leaf


def test_no_grad_inside_the_function_makes_a_constant():
    def f(x):
        with no_grad():
            constant = x * x
        return constant * x

    assert grad(f)(3.0) == 9.0


def test_a_transform_whose_function_raised_leaves_no_trace():
    with pytest.raises(ValueError, match="log"):
        grad(lambda x: log(x))(-1.0)
    inner = grad(lambda y: y * y)(2.0)
    assert type(inner) is float


def test_threads_differentiate_independently():
    results = {}

    def work(i):
        results[i] = derivative(lambda x: exp(sin(x)), 3)(float(i))

    in_threads(*[partial(work, i) for i in range(4)])
    assert results == {i: derivative(lambda x: exp(sin(x)), 3)(float(i)) for i in range(4)}


# --- operations of the user -------------------------------------------------------------------------------------------

cube = define_op("cube", lambda x: x**3, lambda x, y: 3 * x**2)
blend = define_op("blend", lambda x, y: x * math.tanh(y), lambda x, y, z: (tanh(y), x * (1 - tanh(y) ** 2)))


def test_user_operations_have_derivatives_of_any_order():
    assert [derivative(cube, n)(2.0) for n in range(5)] == [8.0, 12.0, 12.0, 6.0, 0.0]


def test_user_operations_take_part_in_all_transforms():
    def plain(v):
        return v[0] * tanh(v[1])

    def ours(v):
        return blend(v[0], v[1])

    point = [2.0, 0.5]
    assert np.array(hessian(ours)(point)) == close(hessian(plain)(point))
    assert np.array(jacobian(grad(ours))(point)) == close(hessian(plain)(point))
    assert hvp(ours, point, [1.0, 2.0]) == close(hvp(plain, point, [1.0, 2.0]))


def test_user_rule_that_raises_gives_nan_as_in_backward():
    root = define_op("root", lambda x: math.sqrt(x), lambda x, y: 0.5 / y)
    x = Value(0.0)
    y = root(x)
    y.backward()
    assert math.isnan(x.grad)
    assert math.isnan(gradients(y, [x])[0].data)


def test_user_rule_that_returns_no_number_is_a_type_error():
    odd = define_op("odd", lambda x: x, lambda x, y: "one" if isinstance(x, Value) else 1.0)
    x = Value(1.0)
    with pytest.raises(TypeError, match="the partials of odd must be Values or numbers, got str"):
        gradients(odd(x), [x])


# --- size -------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_hessian_vector_product_of_ten_thousand_variables():
    n = 10_000

    def f(x):  # Σ x[i]² x[i+1], whose Hessian has three diagonals
        return sum((x[i] * x[i] * x[i + 1] for i in range(n - 1)), start=Value(0.0))

    x = [math.sin(i) for i in range(n)]
    v = [math.cos(i) for i in range(n)]
    product = hvp(f, x, v)
    for i in (1, 4321, n - 2):
        expected = 2 * x[i - 1] * v[i - 1] + 2 * x[i + 1] * v[i] + 2 * x[i] * v[i + 1]
        assert product[i] == pytest.approx(expected, rel=1e-12, abs=1e-12)


@given(st.lists(st.floats(-2.0, 2.0), min_size=3, max_size=3), st.lists(st.floats(-2.0, 2.0), min_size=3, max_size=3))
@settings(max_examples=30)
def test_hessian_vector_product_is_the_hessian_times_the_vector(x, v):
    def f(x):
        return logsumexp(x) * sin(x[0] * x[1]) + dot(softmax(x), x)

    assert hvp(f, x, v) == pytest.approx(np.array(hessian(f)(x)) @ np.array(v), rel=1e-10, abs=1e-12)


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transform", [grad, value_and_grad, hessian, derivative])
@pytest.mark.parametrize(("result", "name"), [([1.0], "list"), (None, "None"), ("1", "str"), (np.ones(2), "ndarray")])
def test_function_that_returns_no_number(transform, result, name):
    with pytest.raises(TypeError, match=f"returns one number.*returned.*{name}"):
        transform(lambda x: result)(1.0)


def test_grad_of_a_list_points_to_jacobian():
    with pytest.raises(TypeError, match="use jacobian"):
        grad(lambda x: [x, x])(1.0)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ({1.0, 2.0}, "set, whose numbers have no order"),
        ({"w": [1.0, "2"]}, r"argument 0\['w'\]\[1\] is neither a number nor .*str '2'"),
        ([1.0, None], r"argument 0\[1\] .*NoneType"),
        (1j, "argument 0 .*complex"),
        (object(), "argument 0 .*object"),
        (np.array([[1.0, 2.0], [3.0]], dtype=object), r"argument 0 is a ragged array: argument 0\[0\] is a list"),
        (np.array(["a"]), r"argument 0\[0\] .*str"),
    ],
)
def test_argument_that_holds_no_numbers(argument, message):
    with pytest.raises(TypeError, match=message):
        grad(lambda x: 1.0)(argument)


def test_an_argument_that_contains_itself():
    argument = [1.0]
    argument.append(argument)
    with pytest.raises(TypeError, match="argument 0 is nested too deeply, or contains itself"):
        grad(lambda x: 1.0)(argument)


def test_jacobian_of_a_function_that_returns_no_numbers():
    with pytest.raises(TypeError, match=r"what f returned\['a'\] is neither"):

        def f(x):
            return {"a": "b"}

        jacobian(f)(1.0)


@pytest.mark.parametrize("transform", [grad, value_and_grad, jacobian, hessian, derivative])
def test_a_transform_takes_a_function(transform):
    with pytest.raises(TypeError, match=f"{transform.__name__} takes a function, got int: 3"):
        transform(3)


@pytest.mark.parametrize("argnums", [2, -3, (0, 5)])
def test_argnums_beyond_the_arguments(argnums):
    with pytest.raises(TypeError, match="there are 2 positional ones"):
        grad(lambda x, y: x * y, argnums=argnums)(1.0, 2.0)


def test_derivative_takes_one_number_and_a_natural_order():
    with pytest.raises(TypeError, match="one number"):
        derivative(lambda v: v[0])([1.0])
    with pytest.raises(ValueError, match="0 or more"):
        derivative(sin, -1)
    with pytest.raises(TypeError):
        derivative(sin, 1.5)


def test_vectors_of_the_wrong_structure():
    with pytest.raises(TypeError, match="structure of the argument"):
        hvp(lambda v: v[0], [1.0, 2.0], [1.0])
    with pytest.raises(TypeError, match="structure of the output"):
        vjp(lambda x: [x, x], 1.0)[1](1.0)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: gradients(3.0, [x]),
        lambda x: gradients(x, [3.0]),
        lambda x: gradients(x, x),
        lambda x: gradients(x, 3.0),
        lambda x: tangents(3.0, {x: 1.0}),
        lambda x: tangents(x, {3.0: 1.0}),
        lambda x: tangents(x, {x: "1"}),
        lambda x: tangents(x, [x]),
    ],
)
def test_a_non_value_where_a_value_is_needed(call):
    with pytest.raises(TypeError):
        call(Value(1.0))


# --- minimize ---------------------------------------------------------------------------------------------------------


def rosenbrock(p):
    x, y = p
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


@pytest.mark.parametrize("method", ["newton", "a\x1b[31m\nb", "", None])
def test_minimize_names_the_methods_where_one_is_unknown(method):
    with pytest.raises(ValueError, match="method must be one of bfgs, cg, ") as caught:
        minimize(lambda x: x * x, 1.0, method=method)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "method", ["BFGS", "L-BFGS-B", "CG", "Newton-CG", "trust-ncg", "trust-exact", "SLSQP", "TNC", "Nelder-Mead"]
)
def test_minimize_finds_the_valley_of_rosenbrock(method):
    result = minimize(rosenbrock, [-1.2, 1.0], method=method, options={"maxiter": 1000} if method != "TNC" else {})
    assert result.success
    assert result.x == pytest.approx([1.0, 1.0], abs=1e-3)


def test_minimize_passes_options_on_and_takes_any_structure():
    result = minimize(
        lambda p: (p["a"] - 3) ** 2 + p["b"] ** 2, {"a": 0.0, "b": 1.0}, "L-BFGS-B", bounds=[(0, 2), (-1, 1)]
    )
    assert result.x == pytest.approx({"a": 2.0, "b": 0.0}, abs=1e-6)


def test_minimize_of_one_number():
    assert minimize(lambda x: (x - 2) ** 2, 0.0).x == pytest.approx(2.0)


@pytest.mark.parametrize("x0", [0.0, [0.0, 1.0], (0.0, 1.0), {"a": [0.0], "b": 1.0}, np.array([[0.0], [1.0]])])
def test_the_minimum_has_the_structure_of_the_start(x0):
    def squares(x):
        return sum(((number - 2.0) ** 2 for number in Tree(x, "x").numbers), start=0.0)

    found = minimize(squares, x0).x
    assert type(found) is type(x0)
    assert Tree(found, "x").matches(Tree(x0, "x"))
    assert np.shape(found) == np.shape(x0)


SAMPLES = [3.0 + 2.0 * math.sin(7.0 * i) for i in range(30)]
STARTS = [[0.0, 1.0], [1.0, 1.0], [0.0, 5.0], [10.0, 1.0], [-5.0, 2.0], [3.0, 0.5]]


def gaussian(p):
    """Minus the log likelihood of the samples: not defined where the standard deviation p[1] is not positive."""
    return sum((log(p[1]) + 0.5 * ((x - p[0]) / p[1]) ** 2 for x in SAMPLES), start=0.0)


METHODS = [
    "BFGS",
    "CG",
    "L-BFGS-B",
    "TNC",
    "SLSQP",
    "Newton-CG",
    "trust-ncg",
    "trust-krylov",
    "trust-exact",
    "Nelder-Mead",
]


@pytest.mark.parametrize("method", METHODS)
def test_minimize_comes_back_from_a_step_outside_the_domain(method):
    for start in STARTS:
        assert minimize(gaussian, start, method).x == pytest.approx([np.mean(SAMPLES), np.std(SAMPLES)], abs=5e-3)


@pytest.mark.parametrize("method", ["BFGS", "Nelder-Mead"])
def test_minimize_that_starts_outside_the_domain_is_an_error(method):
    with pytest.raises(
        ValueError, match=r"outside the domain of the function, at \[0.0, -1.0\]: math domain error, in log"
    ):
        minimize(gaussian, [0.0, -1.0], method)
    with pytest.raises(ValueError, match=r"outside the domain .*: the result is nan"):
        minimize(lambda x: x * math.nan, 1.0, method)


def test_minimize_passes_on_errors_that_are_not_of_the_domain():
    with pytest.raises(KeyError):
        minimize(lambda x: {}[x], 1.0)
