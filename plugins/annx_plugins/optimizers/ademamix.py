"""Optimizer: ademamix."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import DECAY_MODES, Array, Hyper, Optimizer, WeightDecay, choice, hookimpl, hyper, log


class AdEMAMixState(NamedTuple):
    """The state of AdEMAMix for each weight."""

    fast: Array  # running mean of the gradient
    slow: Array  # running mean over a much longer time
    v: Array  # second moment, uncentred


@dataclass(frozen=True)
class AdEMAMix(WeightDecay, Optimizer):
    """AdamW with a second momentum that remembers very old gradients.

        m₁ ← beta1 m₁ + (1 - beta1) g        m̂₁ = m₁ / (1 - beta1ᵗ)
        m₂ ← β m₂ + (1 - β) g
        v ← beta2 v + (1 - beta2) g²         v̂ = v / (1 - beta2ᵗ)
        θ ← θ - lr ((m̂₁ + α m₂) / (√v̂ + eps) + weight_decay θ)

    t = 1, 2, ... counts the steps. With warmup = 0, α = alpha and β = beta3. Else, over the first `warmup`
    steps, α grows in proportion to t up to alpha, and β from beta1 to beta3 so that its half-life does:
    1 / ln β = (1 - x) / ln beta1 + x / ln beta3 with x = t / warmup.

    Choose it for long trainings, of many more steps than 1 / (1 - beta3): old gradients then still help,
    while m₁ follows the new ones. For short ones set beta3 to 0.99 or 0.999; with 0.9999 m₂ stays near 0.
    `adamw` has m₁ alone.

    Domain: lr > 0, beta1 and beta2 in [0, 1), beta3 in (0, 1), alpha ≥ 0, eps > 0, warmup ≥ 0 a whole number
    of steps, weight_decay ≥ 0. alpha = 0 is AdamW. decay_mode "decoupled" is as written, "independent" decays
    without lr, "coupled" adds weight_decay θ to g.

    Pagliardini, Ablin & Grangier, "The AdEMAMix Optimizer: Better, Faster, Older", ICLR 2025, algorithm 1.
    https://arxiv.org/abs/2409.03137. m₂ has no bias correction, so that it fills slowly.
    """

    name: ClassVar[str] = "ademamix"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {
            "beta1": 0.9,
            "beta2": 0.999,
            "beta3": 0.9999,
            "alpha": 5.0,
            "eps": 1e-8,
            "decay_mode": "decoupled",
        },
        "optax": {
            "beta1": 0.9,
            "beta2": 0.999,
            "beta3": 0.9999,
            "alpha": 5.0,
            "eps": 1e-8,
            "weight_decay": 0.0,
            "decay_mode": "decoupled",
        },
    }

    lr: Hyper = hyper(1e-3, "(0, inf)", search=log(1e-4, 0.1))
    beta1: Hyper = hyper(0.9, "[0, 1)", search=choice(0.0, 0.5, 0.9, 0.95))
    beta2: Hyper = hyper(0.999, "[0, 1)", search=choice(0.9, 0.99, 0.999))
    beta3: Hyper = hyper(0.9999, "(0, 1)", search=choice(0.99, 0.999, 0.9999))
    alpha: Hyper = hyper(5.0, "[0, inf)", search=choice(2.0, 5.0, 8.0))
    eps: Hyper = hyper(1e-8, "(0, inf)")
    warmup: int = hyper(0, "int [0, inf)")
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-4, 1.0))
    decay_mode: str = hyper("decoupled", DECAY_MODES)

    def init(self, weight: Array) -> AdEMAMixState:
        return AdEMAMixState(*(np.zeros_like(weight) for _ in range(3)))

    def step(self, weight: Array, grad: Array, state: AdEMAMixState, t: int) -> tuple[Array, AdEMAMixState]:
        grad = self.decay_gradient(weight, grad)
        alpha, beta3 = self._warmed(t)
        fast = self.beta1 * state.fast + (1 - self.beta1) * grad
        slow = beta3 * state.slow + (1 - beta3) * grad
        v = self.beta2 * state.v + (1 - self.beta2) * (grad * grad)
        # As in adam.py, the correction of v is applied to lr and eps, one number per trial.
        root = (1 - self.beta2**t) ** 0.5
        direction = (root / (1 - self.beta1**t)) * fast + (root * alpha) * slow
        change = -self.lr * direction / (np.sqrt(v) + self.eps * root)
        return self.decay_change(weight, change), AdEMAMixState(fast, slow, v)

    def _warmed(self, t: int) -> tuple[Hyper, Hyper]:
        """Return α and β of step t."""
        if not self.warmup:
            return self.alpha, self.beta3
        left = (1 - t / self.warmup) * (t < self.warmup)
        # 1 / ln 0 is 0: a beta1 of 0 forgets at once.
        memory = np.where(self.beta1 > 0, 1 / np.log(np.where(self.beta1 > 0, self.beta1, 0.5)), 0)
        beta3 = np.exp(1 / (left * memory + (1 - left) / np.log(self.beta3)))
        return (1 - left) * self.alpha, beta3


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [AdEMAMix]
