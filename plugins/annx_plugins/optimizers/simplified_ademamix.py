"""Optimizer: simplified_ademamix."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import DECAY_MODES, Array, Hyper, Optimizer, WeightDecay, choice, hookimpl, hyper, log


class SimplifiedAdEMAMixState(NamedTuple):
    """The state of simplified AdEMAMix for each weight."""

    m: Array  # momentum
    v: Array  # second moment, uncentred


@dataclass(frozen=True)
class SimplifiedAdEMAMix(WeightDecay, Optimizer):
    """AdEMAMix with one momentum: the newest gradient takes the place of the fast one.

        m ← β m + g                  form "sum"
        m ← β m + (1 - β) g          form "mean"
        v ← beta2 v + (1 - beta2) g²
        v̂ = v / (1 - beta2ᵗ)
        θ ← θ - lr ((m + alpha g) / (√v̂ + eps) + weight_decay θ)

    t = 1, 2, ... counts the steps. With warmup = 0, β = beta1. Else it grows from beta_start to beta1 over
    the first `warmup` steps, so that its half-life does in equal steps. With "sum" a step is up to
    1 / (1 - beta1) times as long as Adam's: give it a smaller lr. Choose it in place of `ademamix`: it keeps
    two arrays and not three and does as well for its authors, who derive it from accelerated gradient
    descent. The larger alpha is, the more the newest gradient counts; the best one depends on the batch
    size. They advise `warmup` over the whole training. With alpha = 0, form "mean" is Adam without the first
    correction.

    Domain: lr > 0, beta1 and beta_start in (0, 1), beta2 in [0, 1), alpha ≥ 0, eps > 0, warmup ≥ 0 a whole
    number of steps, weight_decay ≥ 0, decay_mode as for all.

    Morwani, Vyas, Zhang & Kakade, "Connections between Schedule-Free Optimizers, AdEMAMix, and Accelerated
    SGD Variants", 2025. https://arxiv.org/abs/2502.02431. "sum" and the correction of v are as in
    the authors' code; pytorch_optimizer 4.1 has "mean", and divides by √(1 - beta2ᵗ) where they multiply.
    """

    name: ClassVar[str] = "simplified_ademamix"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "authors": {
            "lr": 1e-4,
            "beta1": 0.99,
            "beta2": 0.95,
            "alpha": 0.0,
            "eps": 1e-8,
            "beta_start": 0.9,
            "form": "sum",
            "weight_decay": 0.0,
            "decay_mode": "decoupled",
        },
    }

    lr: Hyper = hyper(1e-4, "(0, inf)", search=log(1e-5, 0.01))
    beta1: Hyper = hyper(0.99, "(0, 1)", search=choice(0.9, 0.99, 0.999))
    beta2: Hyper = hyper(0.95, "[0, 1)", search=choice(0.9, 0.95, 0.99, 0.999))
    alpha: Hyper = hyper(0.0, "[0, inf)", search=choice(0.0, 2.0, 10.0, 50.0))
    eps: Hyper = hyper(1e-8, "(0, inf)")
    form: str = hyper("sum", ("sum", "mean"))
    warmup: int = hyper(0, "int [0, inf)")
    beta_start: Hyper = hyper(0.9, "(0, 1)")
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-4, 1.0))
    decay_mode: str = hyper("decoupled", DECAY_MODES)

    def init(self, weight: Array) -> SimplifiedAdEMAMixState:
        return SimplifiedAdEMAMixState(np.zeros_like(weight), np.zeros_like(weight))

    def step(
        self, weight: Array, grad: Array, state: SimplifiedAdEMAMixState, t: int
    ) -> tuple[Array, SimplifiedAdEMAMixState]:
        grad = self.decay_gradient(weight, grad)
        beta = self._warmed(t)
        m = beta * state.m + (grad if self.form == "sum" else (1 - beta) * grad)
        v = self.beta2 * state.v + (1 - self.beta2) * (grad * grad)
        # As in adam.py, the correction of v is applied to lr and eps, one number per trial.
        root = (1 - self.beta2**t) ** 0.5
        change = -(self.lr * root) * (m + self.alpha * grad) / (np.sqrt(v) + self.eps * root)
        return self.decay_change(weight, change), SimplifiedAdEMAMixState(m, v)

    def _warmed(self, t: int) -> Hyper:
        """Return β of step t."""
        if t >= self.warmup:
            return self.beta1
        # Half-lives are ln ½ / ln β: these grow by equal steps, and so does 1 / ln β.
        done = t / self.warmup
        return np.exp(1 / ((1 - done) / np.log(self.beta_start) + done / np.log(self.beta1)))


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [SimplifiedAdEMAMix]
