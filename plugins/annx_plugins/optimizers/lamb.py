"""Optimizer: lamb."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import Array, Hyper, Optimizer, choice, hookimpl, hyper, log


class LAMBState(NamedTuple):
    """The state of LAMB for each weight."""

    m: Array  # first moment
    v: Array  # second moment, uncentred


@dataclass(frozen=True)
class LAMB(Optimizer):
    """Adam with a trust ratio: every array of weights moves in proportion to its own norm.

        m ← beta1 m + (1 - beta1) g         m̂ = m / (1 - beta1ᵗ)
        v ← beta2 v + (1 - beta2) g²        v̂ = v / (1 - beta2ᵗ)
        u = m̂ / (√v̂ + eps) + weight_decay θ
        θ ← θ - lr φ(|θ|) / |u| u

    |·| is the norm of one weight matrix or bias. If |θ| or |u| is 0, as for a bias at the start, the ratio is
    1. trust "identity" is φ(z) = z, "capped" φ(z) = min(z, cap). Without bias_correction m̂ = m and v̂ = v; the
    ratio removes any factor of u, so without decay the two differ only by eps.

    Choose it for very large batches, where layers differ much in the size of their weights. `lars` does the
    same with the plain gradient, `adamw` has no such ratio.

    Domain: lr > 0, beta1 and beta2 in [0, 1), eps > 0, weight_decay ≥ 0, cap > 0. The decay is part of u: it
    changes the direction of the step, not its length.

    You et al., "Large Batch Optimization for Deep Learning: Training BERT in 76 minutes", ICLR 2020,
    algorithm 2. https://arxiv.org/abs/1904.00962. eps is 1e-7 in Keras, 1e-6 in optax; both have the
    identity for φ and bias correction. The paper's weight_decay for BERT is 0.01, optax starts from 0.
    Keras's weight_decay is different: it acts outside of the ratio.
    """

    name: ClassVar[str] = "lamb"
    scope: ClassVar[str] = "array"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {
            "beta1": 0.9,
            "beta2": 0.999,
            "eps": 1e-6,
            "weight_decay": 0.01,
            "bias_correction": True,
            "trust": "identity",
        },
        "keras": {
            "lr": 1e-3,
            "beta1": 0.9,
            "beta2": 0.999,
            "eps": 1e-7,
            "weight_decay": 0.0,
            "bias_correction": True,
            "trust": "identity",
        },
        "optax": {
            "beta1": 0.9,
            "beta2": 0.999,
            "eps": 1e-6,
            "weight_decay": 0.0,
            "bias_correction": True,
            "trust": "identity",
        },
    }

    lr: Hyper = hyper(1e-3, "(0, inf)", search=log(1e-4, 0.3))
    beta1: Hyper = hyper(0.9, "[0, 1)", search=choice(0.0, 0.5, 0.9, 0.95))
    beta2: Hyper = hyper(0.999, "[0, 1)", search=choice(0.9, 0.99, 0.999))
    eps: Hyper = hyper(1e-6, "(0, inf)")
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-4, 1.0))
    bias_correction: bool = hyper(True, "bool")
    trust: str = hyper("identity", ("identity", "capped"))
    cap: Hyper = hyper(10.0, "(0, inf)")

    def init(self, weight: Array) -> LAMBState:
        return LAMBState(np.zeros_like(weight), np.zeros_like(weight))

    def step(self, weight: Array, grad: Array, state: LAMBState, t: int) -> tuple[Array, LAMBState]:
        m = self.beta1 * state.m + (1 - self.beta1) * grad
        v = self.beta2 * state.v + (1 - self.beta2) * (grad * grad)
        if self.bias_correction:
            root = (1 - self.beta2**t) ** 0.5
            direction = (root / (1 - self.beta1**t)) * m / (np.sqrt(v) + self.eps * root)
        else:
            direction = m / (np.sqrt(v) + self.eps)
        direction = direction + self.weight_decay * weight
        size, length = _norm(weight), _norm(direction)
        if self.trust == "capped":
            size = np.minimum(size, self.cap)
        still = (size == 0) | (length == 0)
        ratio = np.where(still, 1, size) / np.where(still, 1, length)
        return -self.lr * ratio * direction, LAMBState(m, v)


def _norm(array: Array) -> Array:
    """Return each trial's |array|, (T, 1, 1)."""
    # One long row per trial: the order of the sum then does not depend on the other trials.
    return np.sqrt((array * array).reshape(len(array), 1, -1).sum(axis=2, keepdims=True))


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [LAMB]
