"""Loss: binary_cross_entropy."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from anncore import Array, Draws, Hyper, JointLoss, Likelihood, Task, hookimpl, hyper, linear, log


@dataclass(frozen=True)
class BinaryCrossEntropy(JointLoss):
    """Cross-entropy, in nats, between probabilities and smoothed binary targets.

        y'      = (1 - smoothing) y + smoothing / 2
        ℓ(p, y) = -y' log p - (1 - y') log(1 - p)
        ∂ℓ/∂p   = (p - y') / (p (1 - p))

    The joint form with the sigmoid, p = σ(z), which training uses if `from_logits` is true:

        ℓ(z, y) = max(z, 0) - z y' + log(1 + exp(-|z|))
        ∂ℓ/∂z   = σ(z) - y'

    If the loss gets probabilities, `guard` says how it avoids log 0:
    "log": a logarithm is at least -100, and p (1 - p) in the gradient at least 1e-12 (PyTorch);
    "clip": p is clipped to [eps, 1 - eps]; outside, the gradient is 0 (Keras, eps 1e-7);
    "add": log(p + eps) and log(1 - p + eps) (Flux, with the machine epsilon).

    `pos_weight` multiplies only the first term, -y' log p; above 1 it makes up for rare positives. The mean
    is still over all outputs, as in PyTorch's BCEWithLogitsLoss.

    Domain: output p in [0, 1]; target y in [0, 1]; smoothing in [0, 1]; eps in (0, 0.5); pos_weight > 0.
    Shapes: p and y (T, N, D); value (T,), the mean over N and D; each unit is a separate prediction.

    Bishop, "Pattern Recognition and Machine Learning" (2006), section 4.3.2. Smoothing: Szegedy et al.,
    "Rethinking the Inception Architecture for Computer Vision", CVPR 2016, section 7, with two classes.
    https://arxiv.org/abs/1512.00567. With p = 0 and y = 1 PyTorch gives 100, Keras 16.118, Flux 36.04.

    The seed document's Flux example has one sigmoid unit and the loss of several classes, -Σ y log p. That
    has the first term only: negatives cost nothing, and always answering 1 is best (`one_sided_cross_entropy`
    is that loss). In its Julia example a vector y of length n against outputs (1, n) makes n x n products, a
    loss n times too large.
    """

    name: ClassVar[str] = "binary_cross_entropy"
    outputs: ClassVar[Mapping[Task, str]] = {"binary": "sigmoid", "unsupervised": "sigmoid"}
    accepts: ClassVar[str] = "[0, 1]"
    targets: ClassVar[str] = "[0, 1]"
    natural_for: ClassVar[tuple[Task, ...]] = ("binary",)
    joint: ClassVar[tuple[str, ...]] = ("sigmoid",)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "seed": {"smoothing": 0.0, "from_logits": True, "guard": "log"},
        "torch": {"smoothing": 0.0, "from_logits": True, "guard": "log"},
        "keras": {"smoothing": 0.0, "from_logits": False, "guard": "clip", "eps": 1e-7},
        "optax": {"smoothing": 0.0, "from_logits": True, "guard": "log"},
        "flux": {"smoothing": 0.0, "from_logits": False, "guard": "add", "eps": 2.220446049250313e-16},
    }

    smoothing: Hyper = hyper(0.0, "[0, 1]", search=linear(0.0, 0.2))
    from_logits: bool = hyper(True, "bool")
    guard: str = hyper("log", ("log", "clip", "add"))
    eps: Hyper = hyper(1e-7, "(0, 0.5)")
    pos_weight: Hyper = hyper(1.0, "(0, inf)", search=log(0.1, 100.0))

    @property
    def likelihood(self) -> Likelihood:
        return "" if self._weighs or np.any(np.not_equal(self.smoothing, 0)) else "output"

    def draw(self, output: Array, draws: Draws) -> Array:
        return (draws.uniform(output) < output).astype(output.dtype)

    def value(self, output: Array, target: Array) -> Array:
        y = self._smoothed(target)
        if self.guard == "log":
            with np.errstate(divide="ignore"):
                log_p = np.maximum(np.log(output), -100)
                log_q = np.maximum(np.log1p(-output), -100)
        elif self.guard == "clip":
            p = np.clip(output, self.eps, 1 - self.eps)
            log_p, log_q = np.log(p), np.log1p(-p)
        else:
            log_p, log_q = np.log(output + self.eps), np.log(1 - output + self.eps)
        return -(self._weighed(y) * log_p + (1 - y) * log_q).mean(axis=(1, 2))

    def grad(self, output: Array, target: Array) -> Array:
        # By hand for stability: p (1 - p) stays off 0, and a wrong certain probability keeps a slope.
        p, y, count = output, self._smoothed(target), output.shape[1] * output.shape[2]
        if self.guard == "log":
            return self._less(p, y) / (count * np.maximum(p * (1 - p), 1e-12))
        if self.guard == "clip":
            kept = np.clip(p, self.eps, 1 - self.eps)
            return (p == kept) * self._less(kept, y) / (count * kept * (1 - kept))
        return ((1 - y) / (1 - p + self.eps) - self._weighed(y) / (p + self.eps)) / count

    def value_from_logits(self, z: Array, target: Array, link: str) -> Array:
        if not self.from_logits:
            return self.value(_sigmoid(z), target)
        # No exp of a positive number, and no log of a sigmoid that has rounded to 0.
        y, bend = self._smoothed(target), np.log1p(np.exp(-np.abs(z)))
        loss = (np.maximum(z, 0) - z * y + bend).mean(axis=(1, 2))
        if not self._weighs:
            return loss
        positive = (y * (np.maximum(-z, 0) + bend)).mean(axis=(1, 2))  # -y' log σ(z)
        weight = np.asarray(self.pos_weight, z.dtype).ravel()
        return np.where(weight == 1, loss, loss + (weight - 1) * positive)

    def grad_from_logits(self, z: Array, target: Array, link: str) -> Array:
        # By hand because |z| and max(z, 0) have no slope at z = 0, where networks with zero weights begin.
        p, count = _sigmoid(z), z.shape[1] * z.shape[2]
        if not self.from_logits:
            return self.grad(p, target) * (p * (1 - p))
        return self._less(p, self._smoothed(target)) / count

    def _smoothed(self, target: Array) -> Array:
        return (1 - self.smoothing) * target + 0.5 * self.smoothing

    @cached_property
    def _weighs(self) -> bool:
        """Whether positives and negatives of any trial have different weights."""
        return bool(np.any(np.not_equal(self.pos_weight, 1)))

    def _weighed(self, y: Array) -> Array:
        return self.pos_weight * y if self._weighs else y

    def _less(self, p: Array, y: Array) -> Array:
        """Return p (1 - p) ∂ℓ/∂p: p - y', and where weighted p (1 - y') - pos_weight y' (1 - p)."""
        return p - y - (self.pos_weight - 1) * (y * (1 - p)) if self._weighs else p - y


def _sigmoid(z: Array) -> Array:
    e = np.exp(-np.abs(z))
    return np.maximum(e, z >= 0) / (1 + e)  # e where z < 0, else 1


@hookimpl
def annx_losses() -> list[type[JointLoss]]:
    return [BinaryCrossEntropy]
