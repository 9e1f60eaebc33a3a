"""Optimizer: acprop."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import DECAY_MODES, Array, Hyper, Optimizer, WeightDecay, choice, hookimpl, hyper, log


class ACPropState(NamedTuple):
    """The state of ACProp for each weight."""

    m: Array  # first moment
    s: Array  # mean square of what m did not foresee


@dataclass(frozen=True)
class ACProp(WeightDecay, Optimizer):
    """The gradient divided by how far earlier gradients were from their mean: centred and asynchronous.

        θ ← θ - lr g                                     in the first step
        θ ← θ - lr g / (√(s / (1 - beta2ᵗ⁻¹)) + eps)     from the second on, with the s before this gradient
        m ← beta1 m + (1 - beta1) g
        s ← beta2 s + (1 - beta2) (g - m)² + eps         mean "new"; with "old" m is the mean before g

    t = 1, 2, ... counts the steps.

    A large gradient does not divide itself, because s does not know it yet, so the direction of a step is
    unbiased, as in gradient descent; that is the claim of its authors, who have problems on which `adabelief`
    and `adam` do not converge and this does. Choose it to compare with these. m only centres s and is not a
    momentum. The first step has the length of the gradient, and a gradient much larger than those before
    gives a long step, so a small lr or `clip_norm` around it is in place.

    Domain: lr > 0, beta1 and beta2 in [0, 1), eps > 0, weight_decay ≥ 0. Weight decay acts on the gradient
    (decay_mode "coupled") or on θ itself, times lr ("decoupled", as in the authors' code) or not.

    Zhuang, Ding, Tang, Dvornek, Tatikonda & Duncan, "Momentum Centering and Asynchronous Update for Adaptive
    Gradient Methods", NeurIPS 2021, algorithm 1. https://arxiv.org/abs/2110.05454. The authors' code has
    the mean "new" and optax, whose s is therefore 1 / beta1² as large, "old". The correction of s and
    the first step are those of both.
    """

    name: ClassVar[str] = "acprop"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "authors": {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-16, "mean": "new"},
        "optax": {
            "beta1": 0.9,
            "beta2": 0.999,
            "eps": 1e-16,
            "mean": "old",
            "weight_decay": 0.0,
            "decay_mode": "decoupled",
        },
    }

    lr: Hyper = hyper(1e-3, "(0, inf)", search=log(1e-5, 0.01))
    beta1: Hyper = hyper(0.9, "[0, 1)", search=choice(0.5, 0.9, 0.95))
    beta2: Hyper = hyper(0.999, "[0, 1)", search=choice(0.9, 0.99, 0.999))
    eps: Hyper = hyper(1e-16, "(0, inf)", search=log(1e-16, 1e-8))
    mean: str = hyper("new", ("new", "old"))
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-5, 0.1))
    decay_mode: str = hyper("decoupled", DECAY_MODES)

    def init(self, weight: Array) -> ACPropState:
        return ACPropState(np.zeros_like(weight), np.zeros_like(weight))

    def step(self, weight: Array, grad: Array, state: ACPropState, t: int) -> tuple[Array, ACPropState]:
        grad = self.decay_gradient(weight, grad)
        first = t == 1
        before = 1 - self.beta2 ** (t - 1 + first)
        # Where s is not yet known it counts as 1, as in optax: a step of lr g, but for eps.
        size = np.sqrt(state.s / before) * (1 - first) + (self.eps + first)
        m = self.beta1 * state.m + (1 - self.beta1) * grad
        surprise = grad - (m if self.mean == "new" else state.m)
        s = self.beta2 * state.s + (1 - self.beta2) * (surprise * surprise) + self.eps
        return self.decay_change(weight, -self.lr * grad / size), ACPropState(m, s)


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [ACProp]
