"""Optimizer: nadam."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import DECAY_MODES, Array, Hyper, Optimizer, WeightDecay, choice, hookimpl, hyper, log


class NAdamState(NamedTuple):
    """The state of NAdam: two moments of each weight, and one number of each trial."""

    m: Array  # first moment
    v: Array  # second moment, uncentred
    product: Array  # μ₁ μ₂ ... μₜ, (T, 1, 1)


@dataclass(frozen=True)
class NAdam(WeightDecay, Optimizer):
    """Adam with Nesterov's momentum.

        m ← beta1 m + (1 - beta1) g
        v ← beta2 v + (1 - beta2) g²                               v̂ = v / (1 - beta2ᵗ)
        m̂ = μₜ₊₁ m / (1 - μ₁ ... μₜ₊₁) + (1 - μₜ) g / (1 - μ₁ ... μₜ)
        θ ← θ - lr m̂ / (√v̂ + eps)
        μₜ = beta1 (1 - 0.96^(momentum_decay t) / 2)               momentum "warming"
        μₜ = beta1                                                 momentum "constant"

    t = 1, 2, ... counts the steps.

    Choose it in place of `adam` where momentum helps; the difference is small. `nesterov` is the same step
    ahead without the division.

    Domain: lr > 0, beta1 and beta2 in [0, 1), eps ≥ 0, momentum_decay ≥ 0, weight_decay ≥ 0. With eps = 0, a
    weight whose gradients were all 0 stays where it is. Weight decay acts on the gradient (decay_mode
    "coupled") or on θ itself.

    Dozat, "Incorporating Nesterov Momentum into Adam", ICLR 2016 workshop, algorithm 2.
    https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ. There momentum_decay is 0.004, as in PyTorch; in
    Keras it is 1, so that the momentum reaches beta1 after some hundred steps. optax's is "constant".
    """

    name: ClassVar[str] = "nadam"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"lr": 2e-3, "beta1": 0.975, "beta2": 0.999, "eps": 1e-8, "momentum_decay": 0.004},
        "torch": {
            "lr": 2e-3,
            "beta1": 0.9,
            "beta2": 0.999,
            "eps": 1e-8,
            "momentum_decay": 0.004,
            "decay_mode": "coupled",
        },
        "keras": {
            "lr": 1e-3,
            "beta1": 0.9,
            "beta2": 0.999,
            "eps": 1e-7,
            "momentum_decay": 1.0,
            "decay_mode": "decoupled",
        },
        "optax": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "momentum": "constant"},
    }

    lr: Hyper = hyper(2e-3, "(0, inf)", search=log(1e-4, 0.1))
    beta1: Hyper = hyper(0.9, "[0, 1)", search=choice(0.5, 0.9, 0.95))
    beta2: Hyper = hyper(0.999, "[0, 1)", search=choice(0.9, 0.99, 0.999))
    eps: Hyper = hyper(1e-8, "[0, inf)")
    momentum: str = hyper("warming", ("warming", "constant"))
    momentum_decay: Hyper = hyper(0.004, "[0, inf)")
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-5, 0.1))
    decay_mode: str = hyper("coupled", DECAY_MODES)

    _bare: ClassVar[bool]

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "_bare", bool(np.any(np.equal(self.eps, 0))))  # once for all steps

    def init(self, weight: Array) -> NAdamState:
        return NAdamState(
            np.zeros_like(weight), np.zeros_like(weight), np.ones((len(weight), 1, 1), weight.dtype)
        )

    def step(self, weight: Array, grad: Array, state: NAdamState, t: int) -> tuple[Array, NAdamState]:
        grad = self.decay_gradient(weight, grad)
        m = self.beta1 * state.m + (1 - self.beta1) * grad
        v = self.beta2 * state.v + (1 - self.beta2) * (grad * grad)
        now, ahead = self._momentum(t), self._momentum(t + 1)
        product = state.product * now
        m_hat = ahead / (1 - product * ahead) * m + (1 - now) / (1 - product) * grad
        size = np.sqrt(v / (1 - self.beta2**t)) + self.eps
        if self._bare:
            size = np.where(size == 0, 1, size)  # there m is 0 too
        return self.decay_change(weight, -self.lr * m_hat / size), NAdamState(m, v, product)

    def _momentum(self, t: int) -> Hyper:
        if self.momentum == "constant":
            return self.beta1
        return self.beta1 * (1 - 0.5 * np.exp(self.momentum_decay * (t * LOG_96)))


LOG_96 = float(np.log(0.96))  # a power of 0.96 as an exponential: NumPy's ** is not the same everywhere


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [NAdam]
