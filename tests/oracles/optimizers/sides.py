"""What an optimizer is given, and what we and the libraries make of it: θ along a path."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from oracles.objectives import rosenbrock
from oracles.rows import Row, built, spread

from anncore import Array, WeightSpec
from anncore.contract.hyperparameters import references
from anncore.engine.nested import fit, rates

STEPS, HALVED_AT = 60, 31  # an optimizer's steps; from this one on with half the learning rate
SEEN = (1, 2, 3, 5, 10, 20, 30, 31, 32, 40, 50, 60)  # the steps after which θ is compared

torch = partial(Row, "torch", "optimizer")  # theirs(torch, parameters)
po = partial(Row, "pytorch-optimizer", "optimizer")  # theirs(pytorch_optimizer, parameters)
keras = partial(Row, "keras", "optimizer")  # theirs(keras.optimizers)
optax = partial(Row, "optax", "optimizer")  # theirs(optax, learning rate)


def as_torch(name: str, theirs: Any, **values: Any) -> Row:
    """Return a row of an optimizer with the preset that is PyTorch's."""
    return torch(name, theirs, {"preset": "torch", **values})


def as_keras(name: str, theirs: Any, inputs: str = "", **values: Any) -> Row:
    """Return a row of an optimizer with the preset that is Keras's."""
    return keras(name, theirs, {"preset": "keras", **values}, inputs)


def as_optax(name: str, theirs: Any, inputs: str = "", lr: float = 0.01, **values: Any) -> Row:
    """Return a row of an optimizer with the preset that is optax's."""
    return optax(name, theirs, {"preset": "optax", "lr": lr, **values}, inputs)


START = np.array([1.0, -0.5, 0.25])
GRADS = spread(3 * STEPS, -1, 1).reshape(STEPS, 3) * np.array([1, 0.05, 1e-3])  # three scales, both signs
# By name, where an optimizer starts and the gradients it meets; matrices are (fan_in, fan_out), as ours are.
PATHS: Mapping[str, tuple[Array, Array]] = {
    "": (START, GRADS),
    "wide": (
        spread(12, -1, 1, turn=9).reshape(3, 4),
        spread(12 * STEPS, -1, 1, turn=10).reshape(STEPS, 3, 4),
    ),
    "tall": (
        spread(12, -1, 1, turn=9).reshape(4, 3),
        spread(12 * STEPS, -1, 1, turn=10).reshape(STEPS, 4, 3),
    ),
}


def given(theta: Any, grad: Any) -> Any:
    """g θ: gradients that do not depend on θ."""
    return (grad * theta).sum(-1)


def tilted(theta: Any, grad: Any) -> Any:
    """Σ θ⁴ / 4 + g θ: another function in every step."""
    return (theta**4 / 4 + grad * theta).sum(-1)


def valley(theta: Any, grad: Any) -> Any:
    """Rosenbrock's function of three numbers, the same in every step."""
    return rosenbrock(theta)


def valley_slope(theta: Array) -> Array:
    """Return the valley's gradient."""
    off = theta[..., 1:] - theta[..., :-1] ** 2
    slope = np.zeros_like(theta)
    slope[..., :-1] = -400 * theta[..., :-1] * off - 2 * (1 - theta[..., :-1])
    slope[..., 1:] += 200 * off
    return slope


def valley_residuals(theta: Array) -> tuple[Array, Array]:
    """Return the residuals of the valley, (1, 1, M), and their derivatives, (1, M, P)."""
    ahead, behind = theta[0, 0, 1:], theta[0, 0, :-1]
    count = len(behind)
    slopes = np.zeros((2 * count, count + 1))
    for i in range(count):
        slopes[i, i : i + 2] = -20 * behind[i], 10
        slopes[count + i, i] = -1
    return np.concatenate([10 * (ahead - behind**2), 1 - behind])[None, None], slopes[None]


class Answers:
    """What an optimizer that asks is answered in a step; residuals are the valley's."""

    def __init__(self, problem: str, grad: Array) -> None:
        self._problem, self._grad = problem, grad

    def __call__(self, theta: Array) -> tuple[Array, Array]:
        """Return the value and the gradient."""
        value = PROBLEMS[self._problem](theta, self._grad)
        return value[..., None], SLOPES[self._problem](theta, self._grad)

    def residuals(self, theta: Array) -> tuple[Array, Array]:
        """Return residuals and their derivatives."""
        return valley_residuals(theta)


PROBLEMS: Mapping[str, Callable[[Any, Any], Any]] = {"given": given, "tilted": tilted, "valley": valley}
SLOPES: Mapping[str, Callable[[Array, Array], Array]] = {
    "given": lambda theta, grad: grad + 0 * theta,
    "tilted": lambda theta, grad: theta**3 + grad,
    "valley": lambda theta, grad: valley_slope(theta),
}


def halved(t: int, row: Row) -> float:
    """Return the factor on the learning rate at step t."""
    return 0.5 if row.halves and t >= HALVED_AT else 1.0


def ours(component: Any, row: Row) -> Any:
    """Return our figures, another optimizer being in it where the row says so."""
    if row.inside[0]:
        (field,) = references(type(component))
        component = dataclasses.replace(component, **{field: (built(row.kind, *row.inside),)})
    start, grads = PATHS[row.inputs]
    shape = np.atleast_2d(start).shape
    theta, places = start.reshape(1, 1, -1), []
    bases = [(rate, rate.lr.copy()) for rate in rates(component)]
    slope = SLOPES[row.problem]

    def ask() -> Any:
        return Answers(row.problem, grad)

    driver = fit(component, [WeightSpec("W", shape, *shape, place="hidden")], ask)
    state = driver.init(theta)
    for t, grad in enumerate(grads.reshape(len(grads), 1, 1, -1), start=1):
        for rate, base in bases:
            np.multiply(base, halved(t, row), out=rate.lr)  # as the engine does
        change, state = driver.step(theta, slope(theta, grad), state, t)
        theta = theta + change
        places += [driver.evaluated(theta, state)[0].reshape(shape)] * (t in SEEN)
    return places


def _by_torch(row: Row) -> Any:
    import torch

    # What the libraries sum up besides the parameters has the default type.
    torch.set_default_dtype(torch.float64)
    try:
        return _walked(row, torch)
    finally:
        torch.set_default_dtype(torch.float32)


def _walked(row: Row, torch: Any) -> Any:
    start, grads = PATHS[row.inputs]
    theta = torch.tensor(start.T.copy(), requires_grad=True)  # PyTorch keeps weights as (fan_out, fan_in)
    if row.library == "torch":
        optimizer = row.theirs(torch, [theta])
    else:
        import pytorch_optimizer

        optimizer = row.theirs(pytorch_optimizer, [theta])
    (group,) = optimizer.param_groups
    base, seen = group["lr"], []
    for t, grad in enumerate(grads, start=1):
        slope = torch.tensor(grad.T.copy())

        def closure(slope: Any = slope) -> Any:
            theta.grad = None
            value = PROBLEMS[row.problem](theta, slope).sum()
            value.backward()
            return value

        group["lr"] = base * halved(t, row)
        closure()
        optimizer.step(*([] if row.problem == "given" else [closure]))
        at = optimizer.at() if hasattr(optimizer, "at") else theta
        seen += [at.detach().numpy().T.copy()] * (t in SEEN)
    return seen


def _by_optax(row: Row) -> Any:
    import jax.numpy as jnp
    import optax

    def lr(count: Any) -> Any:  # counts from 0
        base = {**row.inside[1], **row.values}["lr"]
        return base * jnp.where(count + 1 >= HALVED_AT, 0.5, 1.0)

    optimizer = row.theirs(optax, lr)
    start, grads = PATHS[row.inputs]
    theta, seen = jnp.array(start), []
    state = optimizer.init(theta)
    for t, grad in enumerate(grads, start=1):
        updates, state = optimizer.update(jnp.array(grad), state, theta)
        theta = optax.apply_updates(theta, updates)
        at = optimizer.at(theta, state) if hasattr(optimizer, "at") else theta
        seen += [np.asarray(at)] * (t in SEEN)
    return seen


def _by_keras(row: Row) -> Any:
    import keras

    start, grads = PATHS[row.inputs]
    theta = keras.Variable(start, dtype="float64")
    optimizer = row.theirs(keras.optimizers)
    base, seen = float(optimizer.learning_rate), []
    for t, grad in enumerate(grads, start=1):
        optimizer.learning_rate = base * halved(t, row)
        optimizer.apply([keras.ops.convert_to_tensor(grad, "float64")], [theta])
        at = optimizer._model_variables_moving_average[0] if optimizer.use_ema else theta
        seen += [np.asarray(at.value)] * (t in SEEN)
    return seen


THEIRS: Mapping[str, Callable[[Row], Any]] = {
    "torch": _by_torch,
    "pytorch-optimizer": _by_torch,
    "optax": _by_optax,
    "keras": _by_keras,
}
