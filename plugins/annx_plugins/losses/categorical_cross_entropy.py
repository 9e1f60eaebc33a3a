"""Loss: categorical_cross_entropy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Array, ComponentError, Draws, Hyper, JointLoss, Likelihood, Task, hookimpl, hyper, linear


@dataclass(frozen=True)
class CategoricalCrossEntropy(JointLoss):
    """Cross-entropy, in nats, between a distribution over C classes and smoothed one-hot targets.

        y'      = (1 - smoothing) y + smoothing / C
        ℓ(p, y) = -Σ_c y'_c log p_c
        ∂ℓ/∂p_c = -y'_c / p_c

    The joint form with the softmax, which training uses if `from_logits` is true:

        ℓ(z, y)  = log Σ_c exp z_c - Σ_c y'_c z_c
        ∂ℓ/∂z_c  = softmax(z)_c - y'_c

    If the loss gets probabilities, `normalise` first divides those of each example by their sum (Keras), and
    `guard` says how it avoids log 0:
    "log": a logarithm is at least -100, and p_c in the gradient at least 1e-12;
    "clip": p_c is clipped to [eps, 1 - eps]; outside, the gradient is 0 (Keras, eps 1e-7);
    "add": log(p_c + eps) (Flux, with the machine epsilon).

    `class_weights`, one number per class or none, multiply the terms of the sum over c, so that rare classes
    can have more weight. `weight_reduction` says how the sum of the examples' losses is divided:
    "weighted": by the sum of the weights of their classes, Σ_n Σ_c w_c y_nc (PyTorch);
    "mean": by their number (Keras's class_weight, and PyTorch for targets that are distributions).

    Domain: output p_c in [0, 1]; target y_c ≥ 0, with sum 1; smoothing in [0, 1]; eps in (0, 0.5);
    weights > 0.
    Shapes: p and y (T, N, C); value (T,), the sum over C and the mean over N.

    Bishop, "Pattern Recognition and Machine Learning" (2006), section 4.3.4. Smoothing: Szegedy et al.,
    "Rethinking the Inception Architecture for Computer Vision", CVPR 2016, section 7.
    https://arxiv.org/abs/1512.00567. For the probabilities (.2, .3, .1) and the first class Keras gives
    1.0986, the others 1.6094. It is for two outputs or more: of one sigmoid unit, as in the seed document's
    Flux example, it would ignore the negatives (see `one_sided_cross_entropy`). Its minimum is that of the
    Kullback-Leibler divergence; that it makes estimates "unbiased", as the seed says, does not follow.
    """

    name: ClassVar[str] = "categorical_cross_entropy"
    outputs: ClassVar[Mapping[Task, str]] = {"multiclass": "softmax"}
    accepts: ClassVar[str] = "[0, 1]"
    natural_for: ClassVar[tuple[Task, ...]] = ("multiclass",)
    joint: ClassVar[tuple[str, ...]] = ("softmax",)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "seed": {"smoothing": 0.0, "from_logits": True, "normalise": False, "guard": "log"},
        "torch": {
            "smoothing": 0.0,
            "from_logits": True,
            "normalise": False,
            "guard": "log",
            "weight_reduction": "weighted",
        },
        "keras": {
            "smoothing": 0.0,
            "from_logits": False,
            "normalise": True,
            "guard": "clip",
            "eps": 1e-7,
            "weight_reduction": "mean",
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

    smoothing: Hyper = hyper(0.0, "[0, 1]", search=linear(0.0, 0.2))
    from_logits: bool = hyper(True, "bool")
    normalise: bool = hyper(False, "bool")
    guard: str = hyper("log", ("log", "clip", "add"))
    eps: Hyper = hyper(1e-7, "(0, 0.5)")
    class_weights: tuple[float, ...] = hyper((), "list (0, inf)")
    weight_reduction: str = hyper("weighted", ("weighted", "mean"))

    @property
    def likelihood(self) -> Likelihood:
        return "" if self.class_weights or np.any(np.not_equal(self.smoothing, 0)) else "example"

    def draw(self, output: Array, draws: Draws) -> Array:
        up_to = np.cumsum(output, axis=-1)
        below = draws.uniform(output[:, :, :1]) * up_to[:, :, -1:] < up_to
        first = below.astype(output.dtype)
        before = np.concatenate([np.zeros_like(first[:, :, :1]), first[:, :, :-1]], axis=-1)
        return first - before  # 1 at the first class that the number falls below

    def value(self, output: Array, target: Array) -> Array:
        p = output / output.sum(axis=-1, keepdims=True) if self.normalise else output
        if self.guard == "log":
            with np.errstate(divide="ignore"):
                log_p = np.maximum(np.log(p), -100)
        elif self.guard == "clip":
            log_p = np.log(np.clip(p, self.eps, 1 - self.eps))
        else:
            log_p = np.log(p + self.eps)
        return self._mean(-(self._weighed(target) * log_p).sum(axis=-1), target)

    def grad(self, output: Array, target: Array) -> Array:
        # By hand for stability: a wrong certain probability keeps a slope.
        y, total = self._weighed(target), output.sum(axis=-1, keepdims=True)
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
        return grad / self._count(target)

    def value_from_logits(self, z: Array, target: Array, link: str) -> Array:
        shifted = z - z.max(axis=-1, keepdims=True)
        log_total = np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
        if not self.from_logits:
            return self.value(np.exp(shifted - log_total), target)
        return self._mean((self._weighed(target) * (log_total - shifted)).sum(axis=-1), target)

    def grad_from_logits(self, z: Array, target: Array, link: str) -> Array:
        # By hand for speed: p - y' takes a third of the time of the derivative of log Σ exp.
        e = np.exp(z - z.max(axis=-1, keepdims=True))
        p = e / e.sum(axis=-1, keepdims=True)
        if not self.from_logits:
            grad = self.grad(p, target)
            return p * (grad - (grad * p).sum(axis=-1, keepdims=True))
        y = self._weighed(target)
        if self.class_weights:
            p = p * y.sum(axis=-1, keepdims=True)  # 1 without weights
        return (p - y) / self._count(target)

    def _weighed(self, target: Array) -> Array:
        """Return the smoothed targets, each times the weight of its class."""
        y = (1 - self.smoothing) * target + self.smoothing / target.shape[2]
        return y * self._weights(target) if self.class_weights else y

    def _weights(self, target: Array) -> Array:
        weights, classes = np.array(self.class_weights, target.dtype), target.shape[2]
        if len(weights) != classes:
            raise ComponentError(
                f"{self.name}: class_weights must hold one number for each of the {classes} classes, "
                f"got {len(weights)}"
            )
        return weights

    def _mean(self, losses: Array, target: Array) -> Array:
        """Return the mean of examples' losses (T, N): plain, or by the weights of their classes."""
        if not self.class_weights or self.weight_reduction == "mean":
            return losses.mean(axis=1)
        return losses.sum(axis=1) / self._count(target)[:, 0, 0]

    def _count(self, target: Array) -> Any:
        """Return the divisor of the sum of losses: the number of examples, or (T, 1, 1) sums of weights."""
        if not self.class_weights or self.weight_reduction == "mean":
            return target.shape[1]
        return (target * self._weights(target)).sum(axis=(1, 2), keepdims=True)


@hookimpl
def annx_losses() -> list[type[JointLoss]]:
    return [CategoricalCrossEntropy]
