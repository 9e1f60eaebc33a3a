"""Activation: rational."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, LearnedActivation, Weights, WeightSpec, hookimpl

START = {"a0": 0.0218, "a1": 0.5, "a2": 1.5957, "a3": 1.1915, "b1": 0.0, "b2": 2.383}  # nearly ReLU


@dataclass(frozen=True)
class Rational(LearnedActivation):
    """Rational unit: a quotient of polynomials that a layer learns (a Padé activation unit).

        f(z) = (a₀ + a₁ z + a₂ z² + a₃ z³) / (1 + |b₁ z + b₂ z²|)

    Every layer has six coefficients of its own, trained like weights, so the network finds its activation's
    shape. They start at a close approximation of ReLU on [-1, 1]. Choose it to ask whether the fixed shape of
    an activation is what limits a network; `prelu` learns a slope alone.

    Domain: z real. Range: (-∞, ∞). The denominator is at least 1, so f has no poles. Where b₁ z + b₂ z² is 0,
    f' may jump; the sub-gradient of the bars there is 0, as in PyTorch.

    Molina, Schramowski & Kersting, "Padé Activation Units: End-to-end Learning of Flexible Activation
    Functions in Deep Networks", ICLR 2020, for the safe form. https://arxiv.org/abs/1907.06732. Degrees and
    initial coefficients: Boullé, Nakatsukasa & Townsend, "Rational neural networks", NeurIPS 2020, section 3.
    https://arxiv.org/abs/2004.01902
    """

    name: ClassVar[str] = "rational"
    range: ClassVar[str] = "(-inf, inf)"
    kinks: ClassVar[tuple[float, ...]] = (0.0,)

    def specs(self, units: int) -> Sequence[WeightSpec]:
        return [WeightSpec(name, (1, 1), 1, 1, "gain", initial) for name, initial in START.items()]

    def forward(self, z: Array, weights: Weights) -> Array:
        a0, a1, a2, a3, b1, b2 = (weights[name] for name in START)
        return (a0 + z * (a1 + z * (a2 + z * a3))) / (1 + np.abs(z * (b1 + z * b2)))


@hookimpl
def annx_activations() -> list[type[LearnedActivation]]:
    return [Rational]
