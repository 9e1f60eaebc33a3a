"""Optimizer: schedule_free_adamw."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import Array, Hyper, Optimizer, choice, hookimpl, hyper, log, power


class ScheduleFreeState(NamedTuple):
    """The state of schedule-free AdamW."""

    z: Array  # the point z that the gradients move, shaped as the weight
    v: Array  # second moment, uncentred
    top: Array  # (T, 1, 1): the largest learning rate so far
    total: Array  # (T, 1, 1): the sum of the weights of all steps so far


@dataclass(frozen=True)
class ScheduleFreeAdamW(Optimizer):
    """AdamW that needs no schedule: it trains at a point y and is evaluated at an average x.

        v ← beta2 v + (1 - beta2) g²          g = ∇L(y), v̂ = v / (1 - beta2ᵗ)
        u = g / (√v̂ + eps) + weight_decay y
        z ← z - γ u                           γ = lr min(1, t / warmup)
        x ← (1 - c) x + c z                   c = w / Σ w, w = tʳ γmaxᵖ
        y = beta1 x + (1 - beta1) z

    t = 1, 2, ... counts the steps, γmax is the largest γ so far, p is weight_lr_power and r is r. The
    trained weight θ is y; losses and metrics are those of x.

    Choose it in place of `adamw` with a schedule that falls to 0 at an end that need not be known here.
    `schedule_free_sgd` is the same around plain steps.

    Domain: lr > 0, beta1 in (0, 1), beta2 in [0, 1), eps > 0, weight_decay ≥ 0, warmup ≥ 0 a whole number of
    steps, r and weight_lr_power ≥ 0. Best without a schedule.

    Defazio, Yang, Mehta, Mishchenko, Khaled & Cutkosky, "The Road Less Scheduled", NeurIPS 2024, algorithm 1.
    https://arxiv.org/abs/2405.15682. It equals pytorch_optimizer's, with a warm-up that begins at
    lr / warmup. In optax it begins at 0, and the weight of a step comes from the rate of the next one. The
    paper has the weight γ², p = 2.
    """

    name: ClassVar[str] = "schedule_free_adamw"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {
            "lr": 2.5e-3,
            "beta1": 0.9,
            "beta2": 0.999,
            "eps": 1e-8,
            "weight_decay": 0.0,
            "warmup": 0,
            "r": 0.0,
            "weight_lr_power": 2.0,
        },
        "optax": {
            "lr": 2.5e-3,
            "beta1": 0.9,
            "beta2": 0.999,
            "eps": 1e-8,
            "weight_decay": 0.0,
            "warmup": 0,
            "r": 0.0,
            "weight_lr_power": 2.0,
        },
    }

    lr: Hyper = hyper(2.5e-3, "(0, inf)", search=log(1e-4, 0.1))
    beta1: Hyper = hyper(0.9, "(0, 1)", search=choice(0.9, 0.95, 0.98))
    beta2: Hyper = hyper(0.999, "[0, 1)", search=choice(0.9, 0.99, 0.999))
    eps: Hyper = hyper(1e-8, "(0, inf)")
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-5, 0.1))
    warmup: int = hyper(0, "int [0, inf)")
    r: Hyper = hyper(0.0, "[0, inf)")
    weight_lr_power: Hyper = hyper(2.0, "[0, inf)")

    def init(self, weight: Array) -> ScheduleFreeState:
        nothing = np.zeros((len(weight), 1, 1), weight.dtype)
        return ScheduleFreeState(weight.copy(), np.zeros_like(weight), nothing, nothing.copy())

    def step(
        self, weight: Array, grad: Array, state: ScheduleFreeState, t: int
    ) -> tuple[Array, ScheduleFreeState]:
        v = self.beta2 * state.v + (1 - self.beta2) * (grad * grad)
        u = grad / (np.sqrt(v / (1 - self.beta2**t)) + self.eps) + self.weight_decay * weight
        lr = self.lr * min(1.0, t / self.warmup) if self.warmup else self.lr
        top = np.maximum(state.top, lr)
        share = power(top, self.weight_lr_power) * power(np.full_like(top, t), self.r)
        total = state.total + share
        c = share / np.where(total > 0, total, 1)
        # y' - y without x, because x = (y - (1 - β₁) z) / β₁ follows from y and z.
        change = c * (state.z - weight) + lr * (self.beta1 * (1 - c) - 1) * u
        return change, ScheduleFreeState(state.z - lr * u, v, top, total)

    def evaluated(self, weight: Array, state: ScheduleFreeState) -> Array:
        return state.z + (weight - state.z) / self.beta1


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [ScheduleFreeAdamW]
