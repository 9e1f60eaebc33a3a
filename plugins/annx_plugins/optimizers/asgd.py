"""Optimizer: asgd."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import DECAY_MODES, Array, Hyper, Optimizer, WeightDecay, choice, hookimpl, hyper, log


class ASGDState(NamedTuple):
    """The state of ASGD for each weight."""

    mean: Array  # the average of θ


@dataclass(frozen=True)
class ASGD(WeightDecay, Optimizer):
    """Averaged gradient descent: the result is the mean of all weights since step t0.

        ηₜ = lr / (1 + lambd lr (t - 1))^alpha
        θ ← (1 - lambd ηₜ) θ - ηₜ g
        θ̄ ← θ̄ + (θ - θ̄) / max(1, t - 1 - t0)

    t = 1, 2, ... counts the steps. Losses and metrics are those of θ̄, which up to step t0 + 2 is θ.

    Choose it for noisy gradients near the end: θ goes on to jump around a minimum at a rate that would be too
    large for it, and the mean is inside. `ema` around an optimizer forgets old weights, which suits networks
    that still move; this suits convex problems.

    Domain: lr > 0, lambd ≥ 0, alpha ≥ 0, t0 ≥ 0 a whole number of steps, weight_decay ≥ 0. Weight decay acts
    on the gradient (decay_mode "coupled", as in PyTorch) or on θ itself; lambd decays θ as well.

    Polyak & Juditsky, "Acceleration of Stochastic Approximation by Averaging", SIAM Journal on Control and
    Optimization 30 (1992), 838-855. https://doi.org/10.1137/0330046. ηₜ and lambd: Bottou, "Stochastic
    Gradient Descent Tricks", Neural Networks: Tricks of the Trade, 2012, section 5.3. PyTorch's t0 is a
    million, so by default it averages nothing, and it trains at θ and evaluates there; a schedule acts on it
    one step late.
    """

    name: ClassVar[str] = "asgd"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "torch": {"lr": 0.01, "lambd": 1e-4, "alpha": 0.75, "t0": 1_000_000, "decay_mode": "coupled"},
    }

    lr: Hyper = hyper(0.01, "(0, inf)", search=log(1e-3, 1.0))
    lambd: Hyper = hyper(1e-4, "[0, inf)")
    alpha: Hyper = hyper(0.75, "[0, inf)", search=choice(0.5, 0.75, 1.0))
    t0: int = hyper(0, "int [0, inf)")
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-5, 0.1))
    decay_mode: str = hyper("coupled", DECAY_MODES)

    def init(self, weight: Array) -> ASGDState:
        return ASGDState(weight.copy())

    def step(self, weight: Array, grad: Array, state: ASGDState, t: int) -> tuple[Array, ASGDState]:
        grad = self.decay_gradient(weight, grad)
        # A power as an exponential: NumPy's ** is not the same everywhere.
        rate = self.lr * np.exp(-self.alpha * np.log1p(self.lambd * self.lr * (t - 1)))
        change = self.decay_change(weight, -rate * (grad + self.lambd * weight))
        mean = state.mean + (weight + change - state.mean) / max(1, t - 1 - self.t0)
        return change, ASGDState(mean)

    def evaluated(self, weight: Array, state: ASGDState) -> Array:
        return state.mean


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [ASGD]
