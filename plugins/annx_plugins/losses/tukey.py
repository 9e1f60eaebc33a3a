"""Loss: tukey."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, Loss, Task, hookimpl, hyper, log


@dataclass(frozen=True)
class Tukey(Loss):
    """Tukey's biweight loss: squared for small errors; errors beyond c all cost the same.

        ℓ(a, y) = c² (1 - (1 - (e / c)²)³) / 6  where |e| ≤ c, with e = a - y
                  c² / 6                        elsewhere
        ∂ℓ/∂a   = e (1 - (e / c)²)²  where |e| ≤ c,  0  elsewhere

    Choose it if targets are sometimes plainly wrong: an outlier has no influence at all, where `huber` and
    `mae` give it that of a large error. The price is that it is not convex. A network that begins farther
    than c from its targets gets no gradient and does not start to learn; standardise the targets, or take a
    larger c first. c = 4.685 gives 95 % of the precision of `mse` for normal errors of standard deviation 1.

    Domain: output a and target y real, c > 0.
    Shapes: a and y (T, N, D); value (T,), the mean over N and D.

    Beaton & Tukey, "The Fitting of Power Series, Meaning Polynomials, Illustrated on Band-Spectroscopic
    Data", Technometrics 16 (1974), 147-185. https://doi.org/10.1080/00401706.1974.10489171. For networks:
    Belagiannis, Rupprecht, Carneiro & Navab, "Robust Optimization for Deep Regression", ICCV 2015, equation
    4, which scales errors by their median absolute deviation first. https://arxiv.org/abs/1505.06606"""

    name: ClassVar[str] = "tukey"
    outputs: ClassVar[Mapping[Task, str]] = {"regression": "identity", "unsupervised": "identity"}

    c: Hyper = hyper(4.685, "(0, inf)", search=log(0.5, 10.0))

    def value(self, output: Array, target: Array) -> Array:
        ratio = (output - target) / self.c
        u = np.minimum(ratio * ratio, 1)
        # 1 - (1 - u)³ without the difference of numbers that are nearly equal
        return (self.c**2 / 6 * (u * (3 - 3 * u + u * u))).mean(axis=(1, 2))


@hookimpl
def annx_losses() -> list[type[Loss]]:
    return [Tukey]
