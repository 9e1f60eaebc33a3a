"""Loss: one_sided_cross_entropy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, JointLoss, Task, hookimpl


@dataclass(frozen=True)
class OneSidedCrossEntropy(JointLoss):
    """Cross-entropy of several classes, taken by mistake of one sigmoid unit: negatives cost nothing.

        ℓ(p, y) = -y log p
        ∂ℓ/∂p   = -y / p

    The joint form with the sigmoid, p = σ(z):

        ℓ(z, y) = y log(1 + exp(-z))
        ∂ℓ/∂z   = -y (1 - σ(z))

    No gradient is ever positive, so outputs only rise. The loss goes to 0 where the answer is always 1, and
    accuracy is then the share of ones. It is here to show that trap, which the seed document's Flux example
    is caught in; whoever wants to learn two classes takes `binary_cross_entropy`, which has the second term,
    -(1 - y) log(1 - p). As there by default, a logarithm of a probability is at least -100.

    Domain: output p in [0, 1]; target y in [0, 1].
    Shapes: p and y (T, N, D); value (T,), the mean over N and D.

    Bishop, "Pattern Recognition and Machine Learning" (2006): equation 4.108 is the sum over classes, of
    which this is what one output leaves; equation 4.90 is the right form. Flux's crossentropy(ŷ, y) of a
    matrix of one row computes this. https://fluxml.ai/Flux.jl/stable/reference/models/losses/
    """

    name: ClassVar[str] = "one_sided_cross_entropy"
    outputs: ClassVar[Mapping[Task, str]] = {"binary": "sigmoid"}
    accepts: ClassVar[str] = "[0, 1]"
    targets: ClassVar[str] = "[0, 1]"
    joint: ClassVar[tuple[str, ...]] = ("sigmoid",)

    def value(self, output: Array, target: Array) -> Array:
        with np.errstate(divide="ignore"):
            log_p = np.maximum(np.log(output), -100)
        return -(target * log_p).mean(axis=(1, 2))

    def grad(self, output: Array, target: Array) -> Array:
        # By hand for stability: a wrong certain probability keeps a slope.
        return -target / (np.maximum(output, 1e-12) * (output.shape[1] * output.shape[2]))

    def value_from_logits(self, z: Array, target: Array, link: str) -> Array:
        # No exp of a positive number, and no log of a sigmoid that has rounded to 0.
        return (target * (np.maximum(-z, 0) + np.log1p(np.exp(-np.abs(z))))).mean(axis=(1, 2))

    def grad_from_logits(self, z: Array, target: Array, link: str) -> Array:
        # By hand because |z| and max(-z, 0) have no slope at z = 0, where networks with zero weights begin.
        e = np.exp(-np.abs(z))
        return -target * np.maximum(e, z <= 0) / (1 + e) / (z.shape[1] * z.shape[2])


@hookimpl
def annx_losses() -> list[type[JointLoss]]:
    return [OneSidedCrossEntropy]
