"""Activations, elementwise, gated and learned: our values and gradients beside those of the libraries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from oracles.rows import KERAS32, Row, spread
from shipped import REGISTRY

from anncore import Array, build
from anncore.engine.activations import gates

Z = np.concatenate([spread(36, -6, 6), [-100, -30, -12, 12, 30, 100]]).reshape(14, 3)
WIDE_Z = spread(84, -6, 6, turn=9).reshape(14, 6)  # for gates
UPSTREAM = spread(42, -2, 2, turn=1).reshape(14, 3)


def z_of(row: Row) -> Array:
    """Return an activation's pre-activations, (14, D)."""
    cls = REGISTRY.get("activation", row.name).cls
    return WIDE_Z if gates(cls) and cls.multiple == 1 else Z


def upstream_of(row: Row) -> Array:
    """Return the gradient from the next layer, (14, units)."""
    pairs = REGISTRY.get("activation", row.name).cls.multiple
    return UPSTREAM if pairs == 1 else spread(42 * pairs, -2, 2, turn=1).reshape(14, 3 * pairs)


def own(row: Row) -> dict[str, Array]:
    """Return an activation's own parameters, moved from where they start; none where it does not learn."""
    component = build(REGISTRY.get("activation", row.name).cls, **row.values)
    specs = component.specs(Z.shape[1]) if component.learns else ()
    return {spec.name: spec.initial + spread(spec.shape[1], -0.2, 0.2).reshape(spec.shape) for spec in specs}


def ours(component: Any, row: Row) -> Any:
    """Return our figures."""
    z, grad, weights = (
        z_of(row)[None],
        upstream_of(row)[None],
        {name: weight[None] for name, weight in own(row).items()},
    )
    if component.random:  # as in evaluation
        a = component.forward(z, None)
        return a, component.backward(grad, z, a, None)
    if not weights:
        a = component.forward(z)
        return np.concatenate([np.ravel(a), np.ravel(component.backward(grad, z, a))])
    grads = {name: np.empty_like(weight) for name, weight in weights.items()}
    a = component.forward(z, weights)
    back = component.backward(grad, z, a, weights, grads)
    return np.concatenate([np.ravel(result) for result in (a, back, *grads.values())])


def activation(library: str, name: str, theirs: Any, **values: Any) -> Row:
    """Return a row.

    theirs(torch.nn.functional, z, *its own parameters), theirs(jax.nn, z), or theirs(keras), which returns a
    function of z.
    """
    return Row(library, "activation", name, theirs, values)


torch, jax, keras = (partial(activation, library) for library in ("torch", "jax", "keras"))


def _rational(F: Any, z: Any, *coefficients: Any) -> Any:
    a0, a1, a2, a3, b1, b2 = coefficients
    return (a0 + a1 * z + a2 * z**2 + a3 * z**3) / (1 + (b1 * z + b2 * z**2).abs())


def same_name(names: str, row: Callable[[str], Row]) -> list[Row]:
    """Return a row for each activation whose name is that of the library's function."""
    return [row(name) for name in names.split()]


ROWS = [
    *same_name(
        "sigmoid tanh relu selu rrelu silu mish elu softsign relu6 softshrink hardshrink tanhshrink",
        lambda name: torch(name, lambda F, z: getattr(F, name)(z)),
    ),
    *same_name(
        "identity sigmoid tanh relu softmax selu silu mish hard_tanh hard_swish relu6 squareplus "
        "sparse_plus log_sigmoid log_softmax",
        lambda name: jax(name, lambda nn, z: getattr(nn, name)(z)),
    ),
    *same_name(
        "sigmoid relu softmax selu silu mish elu celu softsign hard_tanh hard_swish relu6 "
        "squareplus exponential log_sigmoid log_softmax sparsemax",
        lambda name: keras(name, lambda k: getattr(k.activations, name)),
    ),
    torch("identity", lambda F, z: z * 1),
    keras("identity", lambda k: k.activations.linear),
    torch("sign", lambda F, z: z.sign()),
    Row("keras", "activation", "tanh", lambda k: k.activations.tanh, rtol=1e-6, atol=1e-6, why=KERAS32),
    torch("leaky_relu", lambda F, z: F.leaky_relu(z), preset="torch"),
    keras("leaky_relu", lambda k: k.layers.LeakyReLU(dtype="float64"), preset="keras"),
    jax("leaky_relu", lambda nn, z: nn.leaky_relu(z), preset="optax"),
    torch("softmax", lambda F, z: F.softmax(z, dim=-1)),
    torch("gelu", lambda F, z: F.gelu(z), preset="torch"),
    torch("gelu", lambda F, z: F.gelu(z, approximate="tanh"), approximate="tanh"),
    keras("gelu", lambda k: k.activations.gelu, preset="keras"),
    jax("gelu", lambda nn, z: nn.gelu(z), preset="optax"),
    jax("gelu", lambda nn, z: nn.gelu(z, approximate=False), approximate="none"),
    torch("softplus", lambda F, z: F.softplus(z), preset="torch"),
    torch("softplus", lambda F, z: F.softplus(z, beta=3, threshold=9), beta=3.0, threshold=9),
    keras("softplus", lambda k: k.activations.softplus, preset="keras"),
    jax("softplus", lambda nn, z: nn.softplus(z), preset="optax"),
    jax("squareplus", lambda nn, z: nn.squareplus(z, 0.5), b=0.5),
    torch("prelu", lambda F, z, slope: F.prelu(z, slope), preset="torch"),
    torch("prelu", lambda F, z, slope: F.prelu(z, slope), preset="paper"),
    torch("glu", lambda F, z: F.glu(z, dim=-1)),
    torch("swiglu", lambda F, z: F.silu(z[:, :3]) * z[:, 3:]),
    torch("swiglu", lambda F, z: F.silu(2 * z[:, :3]) / 2 * z[:, 3:], beta=2.0),
    torch("swish", lambda F, z: F.silu(2 * z) / 2, beta=2.0),
    torch("quick_gelu", lambda F, z: F.silu(1.702 * z) / 1.702),
    torch("elu", lambda F, z: F.elu(z, alpha=0.7), alpha=0.7),
    jax("elu", lambda nn, z: nn.elu(z, 0.7), alpha=0.7),
    torch("celu", lambda F, z: F.celu(z, alpha=0.5), alpha=0.5),  # 1 / 0.7 is taken in float32
    jax("celu", lambda nn, z: nn.celu(z, 0.7), alpha=0.7),
    jax("softsign", lambda nn, z: nn.soft_sign(z)),
    Row(
        "torch",
        "activation",
        "hard_sigmoid",
        lambda F, z: F.hardsigmoid(z),
        {"preset": "torch"},
        rtol=1e-7,
        why="its slope, 1/6, is in float32",
    ),
    keras("hard_sigmoid", lambda k: k.activations.hard_sigmoid, preset="keras"),
    jax("hard_sigmoid", lambda nn, z: nn.hard_sigmoid(z), preset="optax"),
    jax("hard_sigmoid", lambda nn, z: nn.sparse_sigmoid(z), preset="paper"),
    torch("hard_tanh", lambda F, z: F.hardtanh(z)),
    torch("hard_tanh", lambda F, z: F.hardtanh(z, -2.5, 3), low=-2.5, high=3.0),
    torch("hard_swish", lambda F, z: F.hardswish(z)),
    torch("threshold", lambda F, z: F.threshold(z, 0.5, -2), threshold=0.5, value=-2.0),
    keras("threshold", lambda k: lambda z: k.activations.threshold(z, 0.5, 0), threshold=0.5),
    torch("softshrink", lambda F, z: F.softshrink(z, 2), threshold=2.0),
    keras("softshrink", lambda k: k.activations.soft_shrink),
    torch("hardshrink", lambda F, z: F.hardshrink(z, 2), threshold=2.0),
    keras("hardshrink", lambda k: k.activations.hard_shrink),
    keras("tanhshrink", lambda k: k.activations.tanh_shrink),
    torch("exponential", lambda F, z: z.exp()),
    torch("log_sigmoid", lambda F, z: F.logsigmoid(z)),
    torch("squared_relu", lambda F, z: F.relu(z).square()),
    torch("lisht", lambda F, z: z * z.tanh()),
    torch("snake", lambda F, z: z + (3 * z).sin() ** 2 / 3, a=3.0),
    torch("gaussian", lambda F, z: (-z * z).exp()),
    torch("gaussian", lambda F, z: (-z * z / 8).exp(), sigma=2.0),
    torch("sine", lambda F, z: (30 * z).sin()),
    torch("softmin", lambda F, z: F.softmin(z, dim=-1)),
    torch("log_softmax", lambda F, z: F.log_softmax(z, dim=-1)),
    torch("reglu", lambda F, z: F.relu(z[:, :3]) * z[:, 3:]),
    torch("geglu", lambda F, z: F.gelu(z[:, :3]) * z[:, 3:]),
    torch("geglu", lambda F, z: F.gelu(z[:, :3], approximate="tanh") * z[:, 3:], approximate="tanh"),
    torch("crelu", lambda F, z: F.relu(z.new_tensor([[[1.0], [-1.0]]]) * z[:, None]).flatten(1)),
    torch("maxout", lambda F, z: z.reshape(len(z), 2, 3).amax(1)),
    torch("rational", _rational),
]


def _by_torch(row: Row) -> Any:
    import torch

    z = torch.tensor(z_of(row), requires_grad=True)
    weights = [torch.tensor(start[0], requires_grad=True) for start in own(row).values()]
    a = row.theirs(torch.nn.functional, z, *weights)
    a.backward(torch.tensor(upstream_of(row)))
    figures = [a.detach(), *(tensor.grad for tensor in (z, *weights))]
    return np.concatenate([tensor.numpy().ravel() for tensor in figures])


def _by_jax(row: Row) -> Any:
    import jax

    a, pull = jax.vjp(lambda z: row.theirs(jax.nn, z), jax.numpy.array(Z))
    return np.asarray(a), np.asarray(pull(jax.numpy.array(UPSTREAM))[0])


def _by_keras(row: Row) -> Any:
    import jax
    import keras

    a, pull = jax.vjp(row.theirs(keras), jax.numpy.array(Z))
    return np.asarray(a), np.asarray(pull(jax.numpy.array(UPSTREAM, a.dtype))[0])


THEIRS: Mapping[str, Callable[[Row], Any]] = {"torch": _by_torch, "jax": _by_jax, "keras": _by_keras}
