"""Activation: swish."""

from dataclasses import dataclass
from typing import ClassVar

from anncore import Activation, Array, Hyper, hookimpl, hyper, linear


@dataclass(frozen=True)
class Swish(Activation):
    """Swish: z times the logistic function of beta z.

        f(z)  = z σ(beta z),  σ(x) = 1 / (1 + exp(-x))
        f'(z) = σ(beta z) (1 + beta z (1 - σ(beta z)))

    It leads from a line to ReLU: beta = 0 is z / 2, beta = 1 is `silu`, beta = 1.702 is `quick_gelu`, and
    beta → ∞ is ReLU. Choose it to ask how sharp the bend should be; the paper found values between 0 and 1.5
    where networks learned beta. Here beta is a hyperparameter, the same in all layers.

    Domain: z real, beta ≥ 0. Range: [-0.2785 / beta, ∞).

    Ramachandran, Zoph & Le, "Searching for Activation Functions", 2017, section 4.
    https://arxiv.org/abs/1710.05941
    """

    name: ClassVar[str] = "swish"
    range: ClassVar[str] = "(-inf, inf)"

    beta: Hyper = hyper(1.0, "[0, inf)", search=linear(0.25, 4.0))

    def forward(self, z: Array) -> Array:
        from scipy.special import expit  # σ, which neither overflows nor loses the digits of small values

        return z * expit(self.beta * z)


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [Swish]
