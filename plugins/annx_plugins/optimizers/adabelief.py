"""Optimizer: adabelief."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import DECAY_MODES, Array, Hyper, Optimizer, WeightDecay, choice, hookimpl, hyper, log


class AdaBeliefState(NamedTuple):
    """The state of AdaBelief for each weight."""

    m: Array  # first moment
    s: Array  # mean square of what m did not foresee


@dataclass(frozen=True)
class AdaBelief(WeightDecay, Optimizer):
    """Adam that divides by how far gradients are from their mean, not by their size.

        m ← beta1 m + (1 - beta1) g                      m̂ = m / (1 - beta1ᵗ)
        s ← beta2 s + (1 - beta2) (g - m)² + eps         ŝ = s / (1 - beta2ᵗ)
        θ ← θ - lr m̂ / (√ŝ + eps)

    t = 1, 2, ... counts the steps.

    Choose it where gradients keep their direction, as in a long valley: there g - m is small and steps grow
    beyond lr, where Adam's stay at lr. Where gradients only change their sign both are alike. eps is added in
    every step, so it sets the longest step: a larger one, as 1e-8, brings it nearer to Adam.

    Domain: lr > 0, beta1 and beta2 in [0, 1), eps > 0, weight_decay ≥ 0. With beta1 = 0 the difference g - m
    is 0 and s is eps alone: then it is gradient descent with an enormous rate. Weight decay acts on the
    gradient (decay_mode "coupled") or on θ itself, times lr ("decoupled", as in the authors' code) or not.

    Zhuang, Tang, Ding, Tatikonda, Dvornek, Papademetris & Duncan, "AdaBelief Optimizer: Adapting Stepsizes by
    the Belief in Observed Gradients", NeurIPS 2020, algorithm 2. https://arxiv.org/abs/2010.07468. optax has
    two names for eps, eps_root inside s and eps outside, both 1e-16.
    """

    name: ClassVar[str] = "adabelief"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-16},
        "optax": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-16},
    }

    lr: Hyper = hyper(1e-3, "(0, inf)", search=log(1e-4, 0.1))
    beta1: Hyper = hyper(0.9, "[0, 1)", search=choice(0.5, 0.9, 0.95))
    beta2: Hyper = hyper(0.999, "[0, 1)", search=choice(0.9, 0.99, 0.999))
    eps: Hyper = hyper(1e-16, "(0, inf)", search=log(1e-16, 1e-8))
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-5, 0.1))
    decay_mode: str = hyper("decoupled", DECAY_MODES)

    def init(self, weight: Array) -> AdaBeliefState:
        return AdaBeliefState(np.zeros_like(weight), np.zeros_like(weight))

    def step(self, weight: Array, grad: Array, state: AdaBeliefState, t: int) -> tuple[Array, AdaBeliefState]:
        grad = self.decay_gradient(weight, grad)
        m = self.beta1 * state.m + (1 - self.beta1) * grad
        surprise = grad - m
        s = self.beta2 * state.s + (1 - self.beta2) * (surprise * surprise) + self.eps
        # As in adam.py, the corrections are applied to lr and eps, one number per trial.
        root = (1 - self.beta2**t) ** 0.5
        lr = self.lr * root / (1 - self.beta1**t)
        change = -lr * m / (np.sqrt(s) + self.eps * root)
        return self.decay_change(weight, change), AdaBeliefState(m, s)


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [AdaBelief]
