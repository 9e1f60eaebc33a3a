"""Activations that are wrong on purpose."""

from __future__ import annotations

from typing import Any

import numpy as np
from right.activations import Gated, Shaken, Tilted

from anncore.contract.kinds import Activation, Array
from wrong.base import Wrong, spoilt, wrong

# Activations


def summed(self: Any, z: Array) -> Array:
    return z.sum(axis=1)


def overflowing(self: Any, z: Array) -> Array:
    return np.log(1 + np.exp(z))


def its_slope(self: Any, grad: Array, z: Array, a: Array) -> Array:
    return grad / (1 + np.exp(-z))


def times(number: float) -> Any:
    return lambda self, grad, z, a: number * np.where(z > 0, grad, self.slope * grad)


def stable_softplus(self: Any, z: Array) -> Array:
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


def by_singular_values(self: Any, z: Array) -> Array:
    return z * np.linalg.svd(z, compute_uv=False)[:, :1, None]


ACTIVATIONS = [
    wrong(
        "activation", "documentation", "mention the hyperparameter slope", __doc__="Bent.\n\nNobody, 2020."
    ),
    wrong("activation", "documentation", "must give the source", __doc__="Bent.\n\nBy its slope."),
    wrong(
        "activation",
        "gradient",
        "; it is 0.5 times the right value everywhere; backward is inherited from Bent, whose formula it "
        "belongs to: write backward = Activation.backward in the class",
        forward=lambda self, z: 2 * np.where(z > 0, z, self.slope * z),
    ),
    wrong("activation", "gradient", "backward at z = -1", backward=lambda self, grad, z, a: grad),
    wrong("activation", "gradient", "it is wrong only at z < 0", backward=lambda self, grad, z, a: grad),
    wrong("activation", "gradient", "it is 2 times the right value everywhere", backward=times(2)),
    wrong("activation", "gradient", "the sign is wrong everywhere", backward=times(-1)),
    wrong("activation", "gradient", "sign is wrong, and it is 3 times too large", backward=times(-3)),
    wrong("activation", "gradient", "it is 0 everywhere", backward=times(0)),
    wrong(
        "activation",
        "gradient",
        "it is 2 times the right value only at z > 0",
        backward=lambda self, grad, z, a: np.where(z > 0, 2 * grad, self.slope * grad),
    ),
    wrong(
        "activation",
        "gradient",
        "it is the gradient of another formula, equal",
        backward=lambda self, grad, z, a: grad * np.cos(z),
    ),
    wrong(
        "activation",
        "gradient",
        "backward differs from the derivative of forward at z = ",
        backward=times(1 + 1e-6),
    ),
    wrong(
        "activation",
        "gradient",
        "backward at z = 0, where corners of the formula's parts cancel",
        kinks=(),
        forward=stable_softplus,
        backward=Activation.backward,
    ),
    wrong(
        "activation",
        "gradient",
        "np.linalg.svd has no known derivative (activations.py, line",
        forward=by_singular_values,
        backward=Activation.backward,
    ),
    wrong("activation", "gradient", "declare a corner there in kinks", kinks=()),
    wrong("activation", "gradient", "forward gives (3, 3) for z (3, 7, 3)", forward=summed),
    wrong("activation", "gradient", "nothing was checked", kinks=tuple(np.linspace(-9, 9, 18001))),
    wrong("activation", "range", "outside the declared range [0, inf)", range="[0, inf)"),
    wrong(
        "activation",
        "extremes_finite",
        "overflow encountered in exp; write scipy.special.expit(z)",
        forward=overflowing,
        backward=its_slope,
    ),
]


# Activations of special forms


def forgets_its_own(self: Any, grad: Array, z: Array, a: Array, weights: Any, grads: Any) -> Array:
    return grad * ((1 + z * z) ** -1.5 + weights["tilt"])


def mean_height(self: Any, z: Array, noise: Any) -> Array:
    return 1.5 * z / np.sqrt(1 + z * z)


def mean_slope(self: Any, grad: Array, z: Array, a: Array, noise: Any) -> Array:
    return 1.5 * grad * (1 + z * z) ** -1.5


def drawn_for_all(self: Any, rng: Any, shape: tuple[int, int]) -> Array:
    return rng.random((3, *shape))


OPEN_ACTIVATIONS = [
    Wrong("activation", "learns", "the gradient of tilt: nan", spoilt(Tilted, backward=forgets_its_own)),
    Wrong(
        "activation",
        "random",
        "two draws give the same values",
        spoilt(Shaken, forward=mean_height, backward=mean_slope),
    ),
    Wrong("activation", "random", "it draws for one trial", spoilt(Shaken, draw=drawn_for_all)),
    Wrong(
        "activation",
        "width",
        "must be a positive whole number, got 2.0",
        spoilt(Gated, width=lambda self, units: 2.0 * units),
    ),
]
