"""Loss: categorical_cross_entropy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Array, Hyper, Loss, Task, hookimpl, linear, param


@dataclass(frozen=True)
class CategoricalCrossEntropy:
    """Cross-entropy, in nats, between a distribution over C classes and smoothed one-hot targets.

        y'      = (1 - smoothing) y + smoothing / C
        ℓ(p, y) = -Σ_c y'_c log p_c
        ∂ℓ/∂p_c = -y'_c / p_c

    Jointly with the softmax, which is what training uses while `from_logits` is true:

        ℓ(z, y)  = log Σ_c exp z_c - Σ_c y'_c z_c
        ∂ℓ/∂z_c  = softmax(z)_c - y'_c

    Where the loss is given probabilities, `normalise` first divides each example's by their sum (Keras),
    and `guard` says what keeps log 0 away:
    "log": no logarithm counts below -100, and p_c not below 1e-12 in the gradient;
    "clip": p_c is kept within [eps, 1 - eps], where the gradient is 0 outside (Keras, eps 1e-7);
    "add": log(p_c + eps) (Flux, eps the machine's).

    Domain: output p_c in [0, 1]; target y_c ≥ 0 adding up to 1; smoothing in [0, 1]; eps in (0, 0.5).
    Shapes: p and y (T, N, C); value (T,), the sum over C and the mean over N.

    Bishop, "Pattern Recognition and Machine Learning" (2006), section 4.3.4. Smoothing: Szegedy et al.,
    "Rethinking the Inception Architecture for Computer Vision", CVPR 2016, section 7.
    https://arxiv.org/abs/1512.00567. Of probabilities (.2, .3, .1) for the first class Keras makes 1.0986,
    the others 1.6094.
    """

    name: ClassVar[str] = "categorical_cross_entropy"
    outputs: ClassVar[Mapping[Task, str]] = {"multiclass": "softmax"}
    accepts: ClassVar[str] = "[0, 1]"
    natural_for: ClassVar[tuple[Task, ...]] = ("multiclass",)
    joint: ClassVar[tuple[str, ...]] = ("softmax",)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "seed": {"smoothing": 0.0, "from_logits": True, "normalise": False, "guard": "log"},
        "torch": {"smoothing": 0.0, "from_logits": True, "normalise": False, "guard": "log"},
        "keras": {
            "smoothing": 0.0,
            "from_logits": False,
            "normalise": True,
            "guard": "clip",
            "eps": 1e-7,
        },
        "optax": {"smoothing": 0.0, "from_logits": True, "normalise": False, "guard": "log"},
        "flux": {
            "smoothing": 0.0,
            "from_logits": False,
            "normalise": False,
            "guard": "add",
            "eps": 2.220446049250313e-16,
        },
    }

    smoothing: Hyper = param(0.0, "[0, 1]", search=linear(0.0, 0.2))
    from_logits: bool = param(True, "bool")
    normalise: bool = param(False, "bool")
    guard: str = param("log", ("log", "clip", "add"))
    eps: Hyper = param(1e-7, "(0, 0.5)")

    def value(self, output: Array, target: Array) -> Array:
        p = output / output.sum(axis=-1, keepdims=True) if self.normalise else output
        if self.guard == "log":
            with np.errstate(divide="ignore"):
                log_p = np.maximum(np.log(p), -100)
        elif self.guard == "clip":
            log_p = np.log(np.clip(p, self.eps, 1 - self.eps))
        else:
            log_p = np.log(p + self.eps)
        return -(self._smoothed(target) * log_p).sum(axis=-1).mean(axis=1)

    def grad(self, output: Array, target: Array) -> Array:
        y, total = self._smoothed(target), output.sum(axis=-1, keepdims=True)
        p = output / total if self.normalise else output
        if self.guard == "log":
            grad = -y / np.maximum(p, 1e-12)
        elif self.guard == "clip":
            kept = np.clip(p, self.eps, 1 - self.eps)
            grad = (p == kept) * -y / kept
        else:
            grad = -y / (p + self.eps)
        if self.normalise:
            grad = (grad - (grad * p).sum(axis=-1, keepdims=True)) / total
        return grad / output.shape[1]

    def value_from_logits(self, z: Array, target: Array, link: str) -> Array:
        shifted = z - z.max(axis=-1, keepdims=True)
        log_total = np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
        if not self.from_logits:
            return self.value(np.exp(shifted - log_total), target)
        return (self._smoothed(target) * (log_total - shifted)).sum(axis=-1).mean(axis=1)

    def grad_from_logits(self, z: Array, target: Array, link: str) -> Array:
        e = np.exp(z - z.max(axis=-1, keepdims=True))
        p = e / e.sum(axis=-1, keepdims=True)
        if not self.from_logits:
            grad = self.grad(p, target)
            return p * (grad - (grad * p).sum(axis=-1, keepdims=True))
        return (p - self._smoothed(target)) / z.shape[1]

    def _smoothed(self, target: Array) -> Array:
        return (1 - self.smoothing) * target + self.smoothing / target.shape[2]


@hookimpl
def annx_losses() -> list[type[Loss]]:
    return [CategoricalCrossEntropy]
