"""Optimizer: stable_adamw."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import Array, Hyper, Optimizer, WeightDecay, choice, hookimpl, hyper, log


class StableAdamWState(NamedTuple):
    """The state of StableAdamW for each weight."""

    m: Array  # first moment, with its correction
    v: Array  # second moment, with its correction


@dataclass(frozen=True)
class StableAdamW(WeightDecay, Optimizer):
    """AdamW that shortens a step where its second moment has not kept up with the gradient.

        β₁ = beta1 (1 - beta1ᵗ⁻¹) / (1 - beta1ᵗ),  β₂ likewise
        m ← β₁ m + (1 - β₁) g,  v ← β₂ v + (1 - β₂) g²
        RMS = √mean(g² / max(v, eps²))                     of one array
        η = lr / max(1, RMS)
        θ ← θ - η (m / (√v + eps) + weight_decay θ)

    t = 1, 2, ... counts the steps. m and v are those of Adam after their bias correction. RMS is about 1 as
    long as gradients keep their size, and far above when they suddenly grow, as before a spike of the loss;
    then the step of this array alone is shortened. Choose it in place of `adamw` with `clip_norm` around it:
    there is no threshold to tune, and a small beta2 is not needed. `adafactor` has the same rule.

    Domain: lr > 0, beta1 and beta2 in [0, 1), eps > 0, weight_decay ≥ 0. decay_mode "decoupled" is as
    written, with the shortened rate; "coupled" adds weight_decay θ to g.

    Wortsman, Dettmers, Zettlemoyer, Morcos, Farhadi & Schmidt, "Stable and low-precision training for
    large-scale vision-language models", NeurIPS 2023, algorithm 2. https://arxiv.org/abs/2304.13013.
    pytorch_optimizer has beta2 = 0.99 and weight_decay = 0.01 by default.
    """

    name: ClassVar[str] = "stable_adamw"
    scope: ClassVar[str] = "array"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "pytorch_optimizer": {
            "lr": 1e-3,
            "beta1": 0.9,
            "beta2": 0.99,
            "eps": 1e-8,
            "weight_decay": 0.01,
            "decay_mode": "decoupled",
        },
    }

    lr: Hyper = hyper(1e-3, "(0, inf)", search=log(1e-4, 0.1))
    beta1: Hyper = hyper(0.9, "[0, 1)", search=choice(0.0, 0.5, 0.9, 0.95))
    beta2: Hyper = hyper(0.99, "[0, 1)", search=choice(0.9, 0.99, 0.999))
    eps: Hyper = hyper(1e-8, "(0, inf)")
    weight_decay: Hyper = hyper(0.01, "[0, inf)", search=log(1e-4, 1.0))
    decay_mode: str = hyper("decoupled", ("coupled", "decoupled"))

    def init(self, weight: Array) -> StableAdamWState:
        return StableAdamWState(np.zeros_like(weight), np.zeros_like(weight))

    def step(
        self, weight: Array, grad: Array, state: StableAdamWState, t: int
    ) -> tuple[Array, StableAdamWState]:
        grad = self.decay_gradient(weight, grad)
        new1 = (1 - self.beta1) / (1 - self.beta1**t)  # 1 - β₁: the share of the newest gradient
        new2 = (1 - self.beta2) / (1 - self.beta2**t)
        m = (1 - new1) * state.m + new1 * grad
        v = (1 - new2) * state.v + new2 * (grad * grad)
        # The root of each quotient before its square: a square of eps leaves the range of float32.
        root = np.sqrt(v)
        relative = grad / np.maximum(root, self.eps)
        size = relative[0].size
        mean = (relative * relative).reshape(len(grad), 1, -1).sum(axis=2, keepdims=True) / size
        share = 1 / np.maximum(np.sqrt(mean), 1)
        # The rate of the decay is shortened too, so θ is multiplied by its share.
        change = -self.lr * share * m / (root + self.eps)
        return self.decay_change(share * weight, change), StableAdamWState(m, v)


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [StableAdamW]
