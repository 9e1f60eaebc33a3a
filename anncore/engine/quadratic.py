"""A quadratic that answers all that optimizers ask, for where there is no problem at hand."""

from __future__ import annotations

import numpy as np

from anncore.contract.kinds import Array


class Quadratic:
    """½ Σ c θ² + Σ g θ of any weights θ (T, ...), with c ≥ 0, and g = 0 where c is: an `Evaluation`.

    curvature: c, shaped as θ. g is `tilt`, 0 at first.
    """

    def __init__(self, curvature: Array) -> None:
        self.curvature, self.tilt = curvature, np.zeros_like(curvature)

    def __call__(self, weight: Array, /) -> tuple[Array, Array]:
        """Return the value (T, 1, 1) and the gradient, shaped as the weights."""
        slope = self.curvature * weight + self.tilt
        value = (0.5 * (slope + self.tilt) * weight).reshape(len(weight), 1, -1).sum(axis=2, keepdims=True)
        return value, slope

    def residuals(self, weight: Array) -> tuple[Array, Array]:
        """Return √(c / 2) (θ + g / c), one for each number, and their derivatives."""
        root = np.sqrt(self.curvature / 2)
        shift = self.tilt / np.where(self.curvature > 0, self.curvature, 1)
        slopes = root.reshape(len(root), -1, 1) * np.eye(root[0].size, dtype=root.dtype)
        return (root * (weight + shift)).reshape(len(root), 1, -1), slopes

    def sampled_gradient(self, weight: Array) -> Array:
        """Return √c, whose square is the curvature."""
        return np.sqrt(self.curvature) + np.zeros_like(weight)
