"""Activation: softplus."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Activation, Array, Hyper, hookimpl, hyper, log


@dataclass(frozen=True)
class Softplus(Activation):
    """Softplus, a smooth ReLU.

        f(z)  = log(1 + exp(beta z)) / beta
        f'(z) = 1 / (1 + exp(-beta z))

    If beta z is above `threshold`, f(z) = z and f'(z) = 1; a threshold of 0 turns this off. At PyTorch's
    threshold of 20, f jumps down by 2e-9.

    Domain: z real, beta > 0, threshold a whole number from 0. Range: (0, ∞); floating point
    reaches 0. For beta → ∞ it becomes ReLU.

    Dugas, Bengio, Bélisle, Nadeau & Garcia, "Incorporating Second-Order Functional Knowledge for Better
    Option Pricing", NeurIPS 2000, section 2.
    https://papers.nips.cc/paper/1920-incorporating-second-order-functional-knowledge-for-better-option-pricing.
    Keras, JAX and Flux have beta 1 and no threshold.
    """

    name: ClassVar[str] = "softplus"
    range: ClassVar[str] = "(0, inf)"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"beta": 1.0, "threshold": 0},
        "torch": {"beta": 1.0, "threshold": 20},
        "keras": {"beta": 1.0, "threshold": 0},
        "optax": {"beta": 1.0, "threshold": 0},
        "flux": {"beta": 1.0, "threshold": 0},
    }

    beta: Hyper = hyper(1.0, "(0, inf)", search=log(0.5, 10.0))
    threshold: int = hyper(0, "int [0, inf)")

    def forward(self, z: Array) -> Array:
        x = self.beta * z
        a = (x.clip(0, np.inf) + np.log1p(np.exp(-np.abs(x)))) / self.beta  # never exp of a positive number
        return np.where(x > self.threshold, z, a) if self.threshold else a

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        # By hand because |x| and clip have no slope at 0, where f has one.
        slope = -np.expm1(-self.beta * a)  # 1 - exp(-beta f(z)) is the logistic function of beta z
        return grad * (np.where(self.beta * z > self.threshold, 1, slope) if self.threshold else slope)


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [Softplus]
