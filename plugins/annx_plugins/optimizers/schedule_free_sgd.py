"""Optimizer: schedule_free_sgd."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import Array, Hyper, Optimizer, choice, hookimpl, hyper, log, power


class ScheduleFreeSGDState(NamedTuple):
    """The state of schedule-free SGD."""

    z: Array  # the point z that the gradients move, shaped as the weight
    top: Array  # (T, 1, 1): the largest learning rate so far
    total: Array  # (T, 1, 1): the sum of the weights of all steps so far


@dataclass(frozen=True)
class ScheduleFreeSGD(Optimizer):
    """Gradient descent that needs no schedule: it trains at a point y and is evaluated at an average x.

        u = g + weight_decay y                g = ∇L(y)
        z ← z - γ u                           γ = lr min(1, t / warmup)
        x ← (1 - c) x + c z                   c = w / Σ w, w = tʳ γmaxᵖ
        y = beta x + (1 - beta) z

    t = 1, 2, ... counts the steps, γmax is the largest γ so far, p is weight_lr_power and r is r. The trained
    weight θ is y; losses and metrics are those of x. The average does what a falling learning rate does
    elsewhere, so that the length of the training need not be known; choose it in place of `momentum` with a
    schedule. `schedule_free_adamw` is the same with Adam's u. beta near 0 is gradient descent, evaluated at
    the mean of its weights (Polyak & Ruppert).

    Domain: lr > 0, beta in (0, 1), weight_decay ≥ 0, warmup ≥ 0 a whole number of steps, r and
    weight_lr_power ≥ 0. Best without a schedule.

    Defazio, Yang, Mehta, Mishchenko, Khaled & Cutkosky, "The Road Less Scheduled", NeurIPS 2024.
    https://arxiv.org/abs/2405.15682. It equals the authors' code and pytorch_optimizer's, where beta is
    called momentum; in optax a warm-up begins at 0, and the weight of a step comes from the rate of the next.
    """

    name: ClassVar[str] = "schedule_free_sgd"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {
            "lr": 1.0,
            "beta": 0.9,
            "weight_decay": 0.0,
            "warmup": 0,
            "r": 0.0,
            "weight_lr_power": 2.0,
        },
        "optax": {
            "lr": 1.0,
            "beta": 0.9,
            "weight_decay": 0.0,
            "warmup": 0,
            "r": 0.0,
            "weight_lr_power": 2.0,
        },
    }

    lr: Hyper = hyper(0.1, "(0, inf)", search=log(1e-2, 10.0))
    beta: Hyper = hyper(0.9, "(0, 1)", search=choice(0.8, 0.9, 0.95, 0.98))
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-5, 0.1))
    warmup: int = hyper(0, "int [0, inf)")
    r: Hyper = hyper(0.0, "[0, inf)")
    weight_lr_power: Hyper = hyper(2.0, "[0, inf)")

    def init(self, weight: Array) -> ScheduleFreeSGDState:
        nothing = np.zeros((len(weight), 1, 1), weight.dtype)
        return ScheduleFreeSGDState(weight.copy(), nothing, nothing.copy())

    def step(
        self, weight: Array, grad: Array, state: ScheduleFreeSGDState, t: int
    ) -> tuple[Array, ScheduleFreeSGDState]:
        u = grad + self.weight_decay * weight
        lr = self.lr * min(1.0, t / self.warmup) if self.warmup else self.lr
        top = np.maximum(state.top, lr)
        share = power(top, self.weight_lr_power) * power(np.full_like(top, t), self.r)
        total = state.total + share
        c = share / np.where(total > 0, total, 1)
        # y' - y without x, because x = (y - (1 - β) z) / β follows from y and z.
        change = c * (state.z - weight) + lr * (self.beta * (1 - c) - 1) * u
        return change, ScheduleFreeSGDState(state.z - lr * u, top, total)

    def evaluated(self, weight: Array, state: ScheduleFreeSGDState) -> Array:
        return state.z + (weight - state.z) / self.beta


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [ScheduleFreeSGD]
