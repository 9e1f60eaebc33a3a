"""Loss: categorical_hinge."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, Loss, Task, hookimpl, hyper, linear


@dataclass(frozen=True)
class CategoricalHinge(Loss):
    """Categorical hinge loss as in Keras: the true class must beat the best other one, and 0, by a margin.

        ℓ(x, y) = max(0, margin - x_y + max_j (1 - y_j) x_j)

    The true class takes part in the maximum with a score of 0. So its own score must exceed the margin even
    if all others are far below; with Crammer and Singer's loss, the default of `hinge`, only differences
    count. Choose it to repeat what was trained in Keras; `hinge` with form = "keras" is the same, and has
    PyTorch's MultiMarginLoss as form = "multi_margin".

    The outputs are margins, not probabilities. Metrics get their softmax. If the max is 0 so is its gradient,
    at the corner too; equal rivals share it.

    Domain: output x real; target y one-hot; margin > 0.
    Shapes: x and y (T, N, C); value (T,), the mean over N.

    Weston & Watkins, "Support Vector Machines for Multi-Class Pattern Recognition", ESANN 1999, and Crammer &
    Singer, "On the Algorithmic Implementation of Multiclass Kernel-based Vector Machines", JMLR 2 (2001),
    265-292, have it without the 0. https://www.jmlr.org/papers/v2/crammer01a.html
    """

    name: ClassVar[str] = "categorical_hinge"
    outputs: ClassVar[Mapping[Task, str]] = {"multiclass": "identity"}

    margin: Hyper = hyper(1.0, "(0, inf)", search=linear(0.2, 2.0))

    def value(self, output: Array, target: Array) -> Array:
        true = (target * output).sum(axis=2)
        rival = ((1 - target) * output).max(axis=2, keepdims=True)
        return np.maximum(self.margin + rival - true[..., None], 0).mean(axis=(1, 2))

    def predict(self, output: Array) -> Array:
        e = np.exp(output - output.max(axis=2, keepdims=True))
        return e / e.sum(axis=2, keepdims=True)


@hookimpl
def annx_losses() -> list[type[Loss]]:
    return [CategoricalHinge]
