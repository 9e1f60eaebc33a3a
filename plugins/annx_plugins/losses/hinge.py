"""Loss: hinge."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Array, Hyper, Loss, Task, hookimpl, hyper, linear


@dataclass(frozen=True)
class Hinge(Loss):
    """Hinge loss: the loss of an example is the amount by which its score misses a margin.

    One output, where targets 0 and 1 count as -1 and +1:

        m = margin - (2y - 1) x,  ℓ(x, y) = max(0, m)

    Several outputs, x_y that of the true class, x_j the others; `form` says how they are combined:

        "crammer_singer"  ℓ = max(0, margin - x_y + max_j x_j)
        "multi_margin"    ℓ = Σ_j max(0, margin - x_y + x_j) / D
        "keras"           as crammer_singer, but with 0 as a further rival: max(0, max_j x_j)

    With `squared` on every max(0, ...) is squared. If a max is 0 its gradient is 0, at the corner too; of
    several equal rivals the first gets the gradient.

    The outputs are margins, not probabilities. Metrics get σ(x), or the softmax of several outputs: scores
    in [0, 1] with the same order and the same largest class, 1/2 for a margin of 0. So accuracy and AUC are
    those of the margins, but log loss and Brier score judge scores that were not trained as probabilities.

    Choose it for margins instead of probabilities: examples on the right side of the margin cost nothing.
    `squared_hinge` is smooth, `binary_cross_entropy` never stops to push.

    Domain: output x real; target y 0 or 1, one-hot with several outputs; margin > 0.
    Shapes: x and y (T, N, D); value (T,), the mean over N (with one output D = 1).

    Cortes & Vapnik, "Support-Vector Networks", Machine Learning 20 (1995), 273-297.
    https://doi.org/10.1007/BF00994018. Crammer & Singer, "On the Algorithmic Implementation of Multiclass
    Kernel-based Vector Machines", JMLR 2 (2001), 265-292. https://www.jmlr.org/papers/v2/crammer01a.html.
    PyTorch's MultiMarginLoss divides by all D classes, the true one included; its p = 2 is `squared`. Keras's
    CategoricalHinge multiplies rivals by 1 - y before it takes their maximum, which adds a rival of 0.
    """

    name: ClassVar[str] = "hinge"
    outputs: ClassVar[Mapping[Task, str]] = {"binary": "identity", "multiclass": "identity"}
    kinks: ClassVar[tuple[float, ...]] = (0.0, -1.0)  # one output, margin 1: at +1 for y = 1, at -1 for y = 0
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"form": "crammer_singer"},
        "torch": {"form": "multi_margin"},
        "keras": {"form": "keras"},
        "optax": {"form": "crammer_singer"},
        "sklearn": {"form": "crammer_singer"},
    }

    margin: Hyper = hyper(1.0, "(0, inf)", search=linear(0.2, 2.0))
    squared: bool = hyper(False, "bool")
    form: str = hyper("crammer_singer", ("crammer_singer", "multi_margin", "keras"))

    def value(self, output: Array, target: Array) -> Array:
        if output.shape[2] == 1:
            return self._cost(self.margin - (2 * target - 1) * output).mean(axis=(1, 2))
        lacks = self._lacks(output, target)
        if self.form == "multi_margin":
            return ((1 - target) * self._cost(lacks)).sum(axis=2).mean(axis=1) / output.shape[2]
        return self._cost(self._ranked(lacks, target).max(axis=2)).mean(axis=1)

    def grad(self, output: Array, target: Array) -> Array:
        # By hand for speed (twice, with several classes), and because a comparison would hide NaN.
        if output.shape[2] == 1:
            sign = 2 * target - 1
            return -sign * self._slope(self.margin - sign * output) / output.shape[1]
        lacks = self._lacks(output, target)
        blame = self._slope(lacks)
        if self.form == "multi_margin":
            blame = (1 - target) * blame / output.shape[2]
        else:
            worst = self._ranked(lacks, target).argmax(axis=2)[..., None]
            blame = np.where(np.arange(output.shape[2]) == worst, blame, 0)
        # The true class's place may hold the constant rival 0, which has no gradient.
        return ((1 - target) * blame - target * blame.sum(axis=2, keepdims=True)) / output.shape[1]

    def predict(self, output: Array) -> Array:
        if output.shape[2] == 1:
            return 0.5 * (1 + np.tanh(0.5 * output))  # tanh saturates; exp would overflow
        e = np.exp(output - output.max(axis=2, keepdims=True))
        return e / e.sum(axis=2, keepdims=True)

    def _lacks(self, output: Array, target: Array) -> Array:
        """Return margin - x_y + x_j for every class j."""
        true = (target * output).sum(axis=2, keepdims=True)
        return self.margin - true + (output if self.form != "keras" else (1 - target) * output)

    def _ranked(self, lacks: Array, target: Array) -> Array:
        """Return the misses, with that of the true class, which is not a rival, below all others."""
        return lacks if self.form == "keras" else np.where(target > 0.5, -np.inf, lacks)

    def _cost(self, lack: Array) -> Array:
        short = np.maximum(lack, 0)
        return short * short if self.squared else short

    def _slope(self, lack: Array) -> Array:
        # The sign, not a comparison: NaN must stay NaN.
        return 2 * np.maximum(lack, 0) if self.squared else np.maximum(np.sign(lack), 0)


@hookimpl
def annx_losses() -> list[type[Loss]]:
    return [Hinge]
