"""Compute the numbers of JAX's own examples: `python jax_numbers.py > jax_numbers.json` (needs jax; the tests do not).

The functions are those of JAX's documentation: "Automatic differentiation", "The Autodiff Cookbook", and the examples
of `jax.grad`, `jax.jacfwd`, `jax.jacrev`, `jax.hessian` and `jax.vjp`. In double precision.
"""

import json

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)

inputs = jnp.array([[0.52, 1.12, 0.77], [0.88, -1.08, 0.15], [0.52, 0.06, -1.30], [0.74, -2.49, 1.39]])
targets = jnp.array([True, True, False, True])
W = jnp.array([0.25, -1.5, 0.75])
b = 0.5


def sigmoid(x):
    return 0.5 * (jnp.tanh(x / 2) + 1)


def predict(W, b, inputs):
    return sigmoid(jnp.dot(inputs, W) + b)


def loss(W, b):
    preds = predict(W, b, inputs)
    label_probs = preds * targets + (1 - preds) * (1 - targets)
    return -jnp.sum(jnp.log(label_probs))


def polynomial(x):
    return x**3 + 2 * x**2 - 3 * x + 1


def four_outputs(x):
    return jnp.array([x[0], 5 * x[2], 4 * x[1] ** 2 - 2 * x[2], x[2] * jnp.sin(x[0])])


def two_inputs(x):
    return x[0] ** 3 - 2 * x[0] * x[1] - x[1] ** 6


def sin_cos(x, y):
    return jnp.sin(x), jnp.cos(y)


def nested(f, order):
    return f if order == 0 else nested(jax.grad(f), order - 1)


_, pullback = jax.vjp(sin_cos, 0.5, 1.0)
point = jnp.array([1.0, 2.0, 3.0])
direction = jnp.array([1.0, -2.0, 0.5])
numbers = {
    "tanh": [nested(jnp.tanh, n)(2.0) for n in range(5)],
    "polynomial": [nested(polynomial, n)(1.0) for n in range(5)],
    "loss": loss(W, b),
    "loss_by_W": jax.grad(loss)(W, b),
    "loss_by_W_and_b": jax.grad(loss, argnums=(0, 1))(W, b),
    "loss_of_dict": jax.grad(lambda p: loss(p["W"], p["b"]))({"W": W, "b": b}),
    "predict_jacobian": jax.jacrev(lambda W: predict(W, b, inputs))(W),
    "predict_hessian": jax.hessian(lambda W: predict(W, b, inputs))(W),
    "four_outputs_jacobian": jax.jacfwd(four_outputs)(point),
    "two_inputs_hessian": jax.hessian(two_inputs)(jnp.array([1.0, 2.0])),
    "loss_hessian": jax.hessian(loss)(W, b),
    "loss_hessian_by_both": jax.hessian(loss, argnums=(0, 1))(W, b),
    "loss_hvp": jax.jvp(jax.grad(lambda W: loss(W, b)), (W,), (direction,))[1],
    "sin_cos_vjp": pullback((-0.7, 0.3)),
}
print(json.dumps(jax.tree.map(lambda x: np.asarray(x).tolist(), numbers), indent=1))
