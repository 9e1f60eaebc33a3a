"""Loss: kl_divergence."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Array, Hyper, JointLoss, Task, hookimpl, hyper


@dataclass(frozen=True)
class KLDivergence(JointLoss):
    """Kullback-Leibler divergence, in nats, of the target distribution from the predicted one.

        ℓ(p, y) = Σ_c y_c log(y_c / p_c),  0 log 0 = 0
        ∂ℓ/∂p_c = -y_c / p_c

    One output p stands for the distribution (p, 1 - p), and y for (y, 1 - y). In the joint form with the
    sigmoid or the softmax, which training uses if `from_logits` is true, ∂ℓ/∂z = p - y: the divergence is
    the cross-entropy minus the entropy of the target, which is 0 for 0/1 targets.

    `reduction`: "batchmean" is the sum over classes and mean over examples, the definition; "mean"
    divides by the number of outputs too (PyTorch's default). If the loss gets probabilities, `guard`
    says how it avoids log 0:
    "log": a logarithm is at least -100, and p in the gradient at least 1e-12;
    "clip": y and p are clipped to [eps, 1]; outside, the gradient is 0 (Keras, eps 1e-7);
    "add": log(p + eps) (Flux, with the machine epsilon).

    Choose it where targets are distributions, as another network's outputs are; for one-hot targets it is
    `categorical_cross_entropy`.

    Domain: output p in [0, 1]; target y ≥ 0, with sum 1 over several outputs; eps in (0, 0.5).
    Shapes: p and y (T, N, D); value (T,).

    Kullback & Leibler, "On Information and Sufficiency", Annals of Mathematical Statistics 22 (1951),
    79-86. https://doi.org/10.1214/aoms/1177729694
    """

    name: ClassVar[str] = "kl_divergence"
    outputs: ClassVar[Mapping[Task, str]] = {"binary": "sigmoid", "multiclass": "softmax"}
    accepts: ClassVar[str] = "[0, 1]"
    joint: ClassVar[tuple[str, ...]] = ("sigmoid", "softmax")
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "seed": {"reduction": "batchmean", "from_logits": True, "guard": "log"},
        "paper": {"reduction": "batchmean", "from_logits": True, "guard": "log"},
        "torch": {"reduction": "mean", "from_logits": True, "guard": "log"},
        "keras": {"reduction": "batchmean", "from_logits": False, "guard": "clip", "eps": 1e-7},
        "optax": {"reduction": "batchmean", "from_logits": True, "guard": "log"},
        "flux": {
            "reduction": "batchmean",
            "from_logits": False,
            "guard": "add",
            "eps": 2.220446049250313e-16,
        },
    }

    reduction: str = hyper("batchmean", ("batchmean", "mean"))
    from_logits: bool = hyper(True, "bool")
    guard: str = hyper("log", ("log", "clip", "add"))
    eps: Hyper = hyper(1e-7, "(0, 0.5)")

    def value(self, output: Array, target: Array) -> Array:
        loss = self._terms(output, target)
        if output.shape[2] == 1:
            loss = loss + self._terms(1 - output, 1 - target)
        return loss.sum(axis=-1).sum(axis=1) / self._count(output)

    def grad(self, output: Array, target: Array) -> Array:
        # By hand for stability: a wrong certain probability keeps a slope.
        grad = self._slope(output, target)
        if output.shape[2] == 1:
            grad = grad - self._slope(1 - output, 1 - target)
        return grad / self._count(output)

    def value_from_logits(self, z: Array, target: Array, link: str) -> Array:
        if not self.from_logits:
            return self.value(_sigmoid(z) if link == "sigmoid" else _softmax(z), target)
        if link == "sigmoid":
            softplus = np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))
            loss = softplus - z * target + _xlogx(target) + _xlogx(1 - target)
        else:
            shifted = z - z.max(axis=-1, keepdims=True)
            log_total = np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
            loss = target * (log_total - shifted) + _xlogx(target)
        return loss.sum(axis=-1).sum(axis=1) / self._count(z)

    def grad_from_logits(self, z: Array, target: Array, link: str) -> Array:
        # By hand because |z| has no slope at 0, and for speed with the softmax.
        p = _sigmoid(z) if link == "sigmoid" else _softmax(z)
        if self.from_logits:
            return (p - target) / self._count(z)
        grad = self.grad(p, target)
        if link == "sigmoid":
            return grad * (p * (1 - p))
        return p * (grad - (grad * p).sum(axis=-1, keepdims=True))

    def _terms(self, p: Array, y: Array) -> Array:
        """Return y log(y / p), guarded."""
        if self.guard == "log":
            with np.errstate(divide="ignore"):
                return _xlogx(y) - y * np.maximum(np.log(p), -100)
        if self.guard == "clip":
            y = np.clip(y, self.eps, 1)
            return y * np.log(y / np.clip(p, self.eps, 1))
        return _xlogx(y) - y * np.log(p + self.eps)

    def _slope(self, p: Array, y: Array) -> Array:
        """Return ∂/∂p of y log(y / p), guarded."""
        if self.guard == "log":
            return -y / np.maximum(p, 1e-12)
        if self.guard == "clip":
            kept = np.clip(p, self.eps, 1)
            return (p == kept) * -np.clip(y, self.eps, 1) / kept
        return -y / (p + self.eps)

    def _count(self, output: Array) -> int:
        return int(output.shape[1]) * (int(output.shape[2]) if self.reduction == "mean" else 1)


def _xlogx(y: Array) -> Array:
    return y * np.log(np.where(y > 0, y, 1))


def _sigmoid(z: Array) -> Array:
    e = np.exp(-np.abs(z))
    return np.maximum(e, z >= 0) / (1 + e)  # e where z < 0, else 1


def _softmax(z: Array) -> Array:
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


@hookimpl
def annx_losses() -> list[type[JointLoss]]:
    return [KLDivergence]
