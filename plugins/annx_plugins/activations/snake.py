"""Activation: snake."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Activation, Array, Hyper, hookimpl, hyper, log


@dataclass(frozen=True)
class Snake(Activation):
    """Snake, a periodic activation with a trend.

        f(z)  = z + sin²(a z) / a
        f'(z) = 1 + sin(2 a z)

    For functions with a period, also beyond the training data, where ReLU networks can only go on as a
    line. Unlike `sine` it never falls, so it trains like a ReLU. a is the frequency; the paper uses 0.5 where
    no period is expected, 5 to 50 where there is one.

    Domain: z real, a > 0. Range: (-∞, ∞).

    Ziyin, Hartwig & Ueda, "Neural Networks Fail to Learn Periodic Functions and How to Fix It", NeurIPS 2020,
    section 4. https://arxiv.org/abs/2006.08195
    """

    name: ClassVar[str] = "snake"
    range: ClassVar[str] = "(-inf, inf)"

    a: Hyper = hyper(1.0, "(0, inf)", search=log(0.5, 50.0))

    def forward(self, z: Array) -> Array:
        return z + np.square(np.sin(self.a * z)) / self.a


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [Snake]
