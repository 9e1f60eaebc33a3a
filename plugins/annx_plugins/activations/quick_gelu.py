"""Activation: quick_gelu."""

from dataclasses import dataclass
from typing import ClassVar

from anncore import Activation, Array, hookimpl


@dataclass(frozen=True)
class QuickGELU(Activation):
    """Quick GELU: GELU with the logistic function in place of the normal distribution.

        f(z)  = z σ(1.702 z),  σ(x) = 1 / (1 + exp(-x))
        f'(z) = σ(1.702 z) (1 + 1.702 z (1 - σ(1.702 z)))

    It differs from `gelu` by at most 0.0203. Choose it to compare with models that were trained with it, such
    as CLIP; it is `swish` with beta = 1.702.

    Domain: z real. Range: [-0.1637, ∞).

    Hendrycks & Gimpel, "Gaussian Error Linear Units (GELUs)", 2016, section 2.
    https://arxiv.org/abs/1606.08415
    """

    name: ClassVar[str] = "quick_gelu"
    range: ClassVar[str] = "[-0.1637, inf)"

    def forward(self, z: Array) -> Array:
        from scipy.special import expit  # σ, which neither overflows nor loses the digits of small values

        return z * expit(1.702 * z)


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [QuickGELU]
