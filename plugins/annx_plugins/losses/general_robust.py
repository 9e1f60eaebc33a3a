"""Loss: general_robust."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, Loss, Task, hookimpl, hyper, linear, log


@dataclass(frozen=True)
class GeneralRobust(Loss):
    """Barron's general robust loss: one formula from the squared error to losses that ignore outliers.

        ℓ(a, y) = (b / α) ((u / b + 1)^(α/2) - 1),  u = ((a - y) / scale)²,  α = shape,  b = |α - 2|
        ∂ℓ/∂a   = (a - y) / scale² (u / b + 1)^(α/2 - 1)

    with the limits u / 2 at shape = 2, log(u / 2 + 1) at shape = 0, and 1 - exp(-u / 2) as shape tends to -∞.
    shape 2 is half the squared error; 1 is √(u + 1) - 1, also called Charbonnier or pseudo-Huber loss; 0 is
    Cauchy's or the Lorentzian loss; -2 is Geman & McClure's, 2u / (u + 4); a shape of -1e6 is Welsch's to
    six digits. From shape = 1 down the influence of a large error falls to 0 instead of growing.

    Choose it to ask how robust a loss should be, with `shape` to be tuned, instead of trying one loss after
    the other. Errors below `scale` count as small. `huber` is near shape = 1, `tukey` near -∞; below 1 the
    loss is not convex. Barron's paper also learns the shape, with a likelihood; here it stays as it is set.

    Domain: output a and target y real, shape in (-∞, 2], scale > 0.
    Shapes: a and y (T, N, D); value (T,), the mean over N and D.

    Barron, "A General and Adaptive Robust Loss Function", CVPR 2019, equations 8 and 9.
    https://arxiv.org/abs/1701.03077
    """

    name: ClassVar[str] = "general_robust"
    outputs: ClassVar[Mapping[Task, str]] = {"regression": "identity", "unsupervised": "identity"}

    shape: Hyper = hyper(1.0, "(-inf, 2]", search=linear(-2.0, 2.0))
    scale: Hyper = hyper(1.0, "(0, inf)", search=log(0.1, 10.0))

    def value(self, output: Array, target: Array) -> Array:
        ratio = (output - target) / self.scale
        u, b = ratio * ratio, self._width()
        # expm1(x) / alpha has its limit, log(1 + u / b) / 2, for an alpha that is no more than tiny.
        alpha = np.where(np.abs(self.shape) < 1e-30, 1e-30, self.shape)
        general = b / alpha * np.expm1(0.5 * alpha * np.log1p(u / b))
        return np.where(self.shape == 2, 0.5 * u, general).mean(axis=(1, 2))

    def grad(self, output: Array, target: Array) -> Array:
        # By hand for speed: a single formula for every shape, with no limit at 0 or 2.
        ratio = (output - target) / self.scale
        bend = np.exp((0.5 * self.shape - 1) * np.log1p(ratio * ratio / self._width()))
        return ratio / self.scale * bend / (output.shape[1] * output.shape[2])

    def _width(self) -> Array:
        """Return b, and 1 in place of 0, where it does not matter."""
        return np.where(self.shape == 2, 1, 2 - self.shape)


@hookimpl
def annx_losses() -> list[type[Loss]]:
    return [GeneralRobust]
