"""Optimizer: radam."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import DECAY_MODES, Array, Hyper, Optimizer, WeightDecay, choice, hookimpl, hyper, log


class RAdamState(NamedTuple):
    """The state of RAdam for each weight."""

    m: Array  # first moment
    v: Array  # second moment, uncentred


@dataclass(frozen=True)
class RAdam(WeightDecay, Optimizer):
    """Rectified Adam: Adam's division only once enough gradients are known, and then with a shorter step.

        m ← beta1 m + (1 - beta1) g         m̂ = m / (1 - beta1ᵗ)
        v ← beta2 v + (1 - beta2) g²        v̂ = v / (1 - beta2ᵗ)
        ρ∞ = 2 / (1 - beta2) - 1            ρₜ = ρ∞ - 2 t beta2ᵗ / (1 - beta2ᵗ)
        r = √((ρₜ - 4) (ρₜ - 2) ρ∞ / ((ρ∞ - 4) (ρ∞ - 2) ρₜ))
        θ ← θ - lr m̂                                            where ρₜ ≤ threshold
        θ ← θ - lr r m̂ / ((√v + eps) / √(1 - beta2ᵗ))           elsewhere, eps_mode "hat"
        θ ← θ - lr r m̂ / (√v̂ + eps)                             elsewhere, eps_mode "outside"

    t = 1, 2, ... counts the steps. ρₜ is the number of gradients of whose squares v is about the mean. For
    beta2 up to 0.6 it never exceeds 4, and the steps are those of gradient descent with momentum.

    Choose it in place of `adam` with a warm-up: its first steps are plain momentum and need no schedule.

    Domain: lr > 0, beta1 and beta2 in [0, 1), eps ≥ 0, threshold ≥ 4, weight_decay ≥ 0. With eps = 0, a
    weight whose gradients were all 0 stays where it is. Weight decay acts on the gradient (decay_mode
    "coupled") or on θ itself.

    Liu, Jiang, He, Chen, Liu, Gao & Han, "On the Variance of the Adaptive Learning Rate and Beyond", ICLR
    2020, algorithm 2. https://arxiv.org/abs/1908.03265. There the threshold is 4 and there is no eps.
    PyTorch has 5 and "hat", optax 5 and "outside"; optax counts ρₜ = threshold as above it.
    """

    name: ClassVar[str] = "radam"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 0.0, "threshold": 4.0},
        "torch": {
            "lr": 1e-3,
            "beta1": 0.9,
            "beta2": 0.999,
            "eps": 1e-8,
            "eps_mode": "hat",
            "threshold": 5.0,
            "decay_mode": "coupled",
        },
        "optax": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "eps_mode": "outside", "threshold": 5.0},
    }

    lr: Hyper = hyper(1e-3, "(0, inf)", search=log(1e-4, 0.1))
    beta1: Hyper = hyper(0.9, "[0, 1)", search=choice(0.0, 0.5, 0.9, 0.95))
    beta2: Hyper = hyper(0.999, "[0, 1)", search=choice(0.9, 0.99, 0.999))
    eps: Hyper = hyper(1e-8, "[0, inf)")
    eps_mode: str = hyper("hat", ("hat", "outside"))
    threshold: Hyper = hyper(5.0, "[4, inf)")
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-5, 0.1))
    decay_mode: str = hyper("coupled", DECAY_MODES)

    _bare: ClassVar[bool]

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "_bare", bool(np.any(np.equal(self.eps, 0))))  # once for all steps

    def init(self, weight: Array) -> RAdamState:
        return RAdamState(np.zeros_like(weight), np.zeros_like(weight))

    def step(self, weight: Array, grad: Array, state: RAdamState, t: int) -> tuple[Array, RAdamState]:
        grad = self.decay_gradient(weight, grad)
        m = self.beta1 * state.m + (1 - self.beta1) * grad
        v = self.beta2 * state.v + (1 - self.beta2) * (grad * grad)
        power = self.beta2**t
        c2 = 1 - power
        longest = 2 / (1 - self.beta2) - 1
        length = longest - 2 * t * power / c2
        enough = length > self.threshold
        # Both branches are computed: where the length is short, any positive numbers will do.
        short, long = np.where(enough, length, 5.0), np.where(enough, longest, 5.0)
        rectified = np.sqrt((short - 4) * (short - 2) * long / ((long - 4) * (long - 2) * short))
        root = c2**0.5
        size = (np.sqrt(v) + self.eps) / root if self.eps_mode == "hat" else np.sqrt(v) / root + self.eps
        if self._bare:
            size = np.where(size == 0, 1, size)  # there m is 0 too
        m_hat = m / (1 - self.beta1**t)
        change = -self.lr * np.where(enough, rectified * m_hat / size, m_hat)
        return self.decay_change(weight, change), RAdamState(m, v)


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [RAdam]
