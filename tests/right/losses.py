"""Right losses: one from logits, one with a scale of its own, one with a margin, three likelihoods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Draws, JointLoss, Likelihood, Loss
from anncore.contract.kinds import Array


@dataclass(frozen=True)
class Quartic(JointLoss):
    """Mean of the fourth power of the error.

        ℓ = (a - y)⁴

    Domain: real. From logits with the identity it is the same. Nobody, "Fourth powers", 2020.
    """

    name: ClassVar[str] = "quartic"
    outputs: ClassVar[dict[str, str]] = {"regression": "identity"}
    joint: ClassVar[tuple[str, ...]] = ("identity",)

    def value(self, output: Array, target: Array) -> Array:
        return ((output - target) ** 4).mean(axis=(1, 2))

    def grad(self, output: Array, target: Array) -> Array:
        return 4 * (output - target) ** 3 / (output.shape[1] * output.shape[2])

    def value_from_logits(self, z: Array, target: Array, link: str) -> Array:
        return self.value(z, target)

    def grad_from_logits(self, z: Array, target: Array, link: str) -> Array:
        return self.grad(z, target)


@dataclass(frozen=True)
class Scaled(Loss):
    """Squared error over a predicted scale, from the prediction and the scale's logarithm.

        ℓ = ((a - y)² exp(-s) + s) / 2

    Domain: real. Nobody, "Scales", 2020.
    """

    name: ClassVar[str] = "scaled"
    outputs: ClassVar[dict[str, str]] = {"regression": "identity"}
    outputs_per_target: ClassVar[int] = 2

    def value(self, output: Array, target: Array) -> Array:
        a, s = np.split(np.clip(output, -20, 1e9), 2, axis=2)
        return 0.5 * ((a - target) ** 2 * np.exp(-s) + s).mean(axis=(1, 2))

    def grad(self, output: Array, target: Array) -> Array:
        a, s = np.split(np.clip(output, -20, 1e9), 2, axis=2)
        error, size = a - target, target.shape[1] * target.shape[2]
        return np.concatenate([error * np.exp(-s), 0.5 * (1 - error**2 * np.exp(-s))], axis=2) / size

    def predict(self, output: Array) -> Array:
        return np.split(output, 2, axis=2)[0]


@dataclass(frozen=True)
class Sides(Loss):
    """Squared lack of a margin of 1.

        ℓ = max(0, 1 - (2y - 1) x)²

    Domain: real. Nobody, "Sides", 2020.
    """

    name: ClassVar[str] = "sides"
    outputs: ClassVar[dict[str, str]] = {"binary": "identity"}

    def value(self, output: Array, target: Array) -> Array:
        return (np.maximum(1 - (2 * target - 1) * output, 0) ** 2).mean(axis=(1, 2))

    def grad(self, output: Array, target: Array) -> Array:
        sign = 2 * target - 1
        return -2 * sign * np.maximum(1 - sign * output, 0) / (output.shape[1] * output.shape[2])

    def predict(self, output: Array) -> Array:
        return 0.5 * (1 + np.tanh(output))


@dataclass(frozen=True)
class Squares(Loss):
    """Half the squared error.

        ℓ = (a - y)² / 2

    Domain: real. Nobody, "Squares", 2020.
    """

    name: ClassVar[str] = "squares"
    outputs: ClassVar[dict[str, str]] = {"regression": "identity"}
    likelihood: ClassVar[Likelihood] = "output"

    def value(self, output: Array, target: Array) -> Array:
        return 0.5 * ((output - target) ** 2).mean(axis=(1, 2))

    def residuals(self, output: Array, target: Array) -> Array:
        return (output - target) * np.sqrt(np.asarray(0.5 / output.shape[2], output.dtype))

    def draw(self, output: Array, draws: Draws) -> Array:
        return output + draws.normal(output)


@dataclass(frozen=True)
class Tosses(Loss):
    """Cross-entropy of a coin.

        ℓ = -y log p - (1 - y) log(1 - p)

    Domain: p in (0, 1). Nobody, "Tosses", 2020.
    """

    name: ClassVar[str] = "tosses"
    outputs: ClassVar[dict[str, str]] = {"binary": "sigmoid"}
    accepts: ClassVar[str] = "[0, 1]"
    likelihood: ClassVar[Likelihood] = "output"

    def value(self, output: Array, target: Array) -> Array:
        p = np.clip(output, 1e-9, 1 - 1e-7)
        return -(target * np.log(p) + (1 - target) * np.log1p(-p)).mean(axis=(1, 2))

    def draw(self, output: Array, draws: Draws) -> Array:
        return (draws.uniform(output) < output).astype(output.dtype)


@dataclass(frozen=True)
class Faces(Loss):
    """Cross-entropy of a die.

        ℓ = -Σ y log p

    Domain: p in (0, 1). Nobody, "Faces", 2020.
    """

    name: ClassVar[str] = "faces"
    outputs: ClassVar[dict[str, str]] = {"multiclass": "softmax"}
    accepts: ClassVar[str] = "[0, 1]"
    likelihood: ClassVar[Likelihood] = "example"

    def value(self, output: Array, target: Array) -> Array:
        return -(target * np.log(np.maximum(output, 1e-9))).sum(axis=2).mean(axis=1)

    def draw(self, output: Array, draws: Draws) -> Array:
        below = (draws.uniform(output[:, :, :1]) < np.cumsum(output, axis=2)).astype(output.dtype)
        below[:, :, -1] = 1
        return np.concatenate([below[:, :, :1], below[:, :, 1:] - below[:, :, :-1]], axis=2)
