"""Optimizers along a few gradients: shipped ones by name, where they go and where they are evaluated."""

from __future__ import annotations

from typing import Any

import numpy as np
from shipped import REGISTRY

from anncore import Array, WeightSpec, build
from anncore.contract.hyperparameters import references
from anncore.engine.nested import fit


def made(name: str, inside: Any = None, /, **values: Any) -> Any:
    """Return an optimizer, hyperparameters as plain numbers, around another or around its default one."""
    cls: Any = REGISTRY.get("optimizer", name).cls
    refs = {key: (inside or made(reference.default),) for key, reference in references(cls).items()}
    return build(cls, **(refs | values))


def specs_of(*shapes: tuple[int, int], roles: str = "") -> list[WeightSpec]:
    """Return specs of arrays; roles: a letter for each, w for weights and b for biases, w by default."""
    letters = roles.ljust(len(shapes), "w")
    return [
        WeightSpec(f"W{i}", shape, *shape, {"w": "weight", "b": "bias"}[letter], place="hidden")
        for i, (shape, letter) in enumerate(zip(shapes, letters, strict=True))
    ]


def walk(optimizer: Any, grads: Any, start: Any, specs: Any = None, loss: Any = None) -> tuple[Array, Array]:
    """Return θ after each step, and where it is evaluated, both (steps, P).

    grads: (steps, P), or a function of θ, with `loss` for those that ask.
    """
    theta = np.array(start, float).reshape(1, 1, -1)
    slope = grads if callable(grads) else None
    fitted = fit(
        optimizer,
        specs or specs_of((1, theta.size)),
        lambda: lambda at: (np.reshape(loss(at), (-1, 1, 1)), slope(at)),
    )
    state, visited, seen = fitted.init(theta), [], []
    steps = 3 if slope else len(grads)
    for t in range(1, steps + 1):
        grad = slope(theta) if slope else np.array(grads[t - 1], float).reshape(1, 1, -1)
        change, state = fitted.step(theta, grad, state, t)
        theta = theta + change
        visited.append(theta[0, 0])
        seen.append(fitted.evaluated(theta, state)[0, 0])
    return np.array(visited), np.array(seen)


_RNG = np.random.default_rng(5)
START, GRADS = _RNG.normal(size=6), _RNG.normal(size=(25, 6)) * 0.1


def bowl(curvature: Array) -> tuple[Any, Any]:
    """Return the gradient and the loss of Σ c θ² / 2."""
    return (lambda at: curvature * at), (lambda at: (curvature * at * at).sum(axis=2) / 2)
