"""Optimizer: adam."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import DECAY_MODES, Array, Hyper, Optimizer, WeightDecay, choice, hookimpl, hyper, log


class AdamState(NamedTuple):
    """The state of Adam for each weight."""

    m: Array  # first moment
    v: Array  # second moment, uncentred


@dataclass(frozen=True)
class Adam(WeightDecay, Optimizer):
    """Adaptive moment estimation.

        m ← beta1 m + (1 - beta1) g         m̂ = m / (1 - beta1ᵗ)
        v ← beta2 v + (1 - beta2) g²        v̂ = v / (1 - beta2ᵗ)
        θ ← θ - lr m̂ / (√v̂ + eps)                     eps_mode "outside"
        θ ← θ - lr m̂ / √(v̂ + eps)                     eps_mode "inside"
        θ ← θ - lr m̂ / ((√v + eps) / √(1 - beta2ᵗ))   eps_mode "hat"

    t = 1, 2, ... counts the steps.

    Domain: lr > 0, beta1 and beta2 in [0, 1), eps ≥ 0, weight_decay ≥ 0. With eps = 0, a weight whose
    gradients were all 0 stays where it is. Weight decay acts on the gradient
    (decay_mode "coupled", as in PyTorch), and is then divided by √v̂ too, or on θ itself, as in Keras. By
    default there is none; `adamw` has it, on θ.

    Kingma & Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, algorithm 1.
    https://arxiv.org/abs/1412.6980. That is "outside", as in PyTorch, optax and Flux. "hat" is the
    rewriting just before its section 2.1, with ε̂ = eps, as in Keras, TensorFlow and scikit-learn. The
    seed document adds eps inside the root: a lower bound of √eps for |g|, so gradients below 1e-4 give
    shorter steps. For a constant g = 1e-5 and eps = 1e-8 the first step is 0.999 lr, 0.969 lr (hat) and
    0.0995 lr (inside).
    """

    name: ClassVar[str] = "adam"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "seed": {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "eps_mode": "inside"},
        "paper": {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "eps_mode": "outside"},
        "torch": {
            "lr": 1e-3,
            "beta1": 0.9,
            "beta2": 0.999,
            "eps": 1e-8,
            "eps_mode": "outside",
            "decay_mode": "coupled",
        },
        "keras": {
            "lr": 1e-3,
            "beta1": 0.9,
            "beta2": 0.999,
            "eps": 1e-7,
            "eps_mode": "hat",
            "decay_mode": "decoupled",
        },
        "optax": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "eps_mode": "outside"},
        "flux": {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "eps_mode": "outside"},
    }

    lr: Hyper = hyper(1e-3, "(0, inf)", search=log(1e-4, 0.1))
    beta1: Hyper = hyper(0.9, "[0, 1)", search=choice(0.0, 0.5, 0.9, 0.95))
    beta2: Hyper = hyper(0.999, "[0, 1)", search=choice(0.9, 0.99, 0.999))
    eps: Hyper = hyper(1e-8, "[0, inf)")
    eps_mode: str = hyper("outside", ("outside", "inside", "hat"))
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-5, 0.1))
    decay_mode: str = hyper("coupled", DECAY_MODES)

    _bare: ClassVar[bool]

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "_bare", bool(np.any(np.equal(self.eps, 0))))  # once for all steps

    def init(self, weight: Array) -> AdamState:
        return AdamState(np.zeros_like(weight), np.zeros_like(weight))

    def step(self, weight: Array, grad: Array, state: AdamState, t: int) -> tuple[Array, AdamState]:
        grad = self.decay_gradient(weight, grad)
        m = self.beta1 * state.m + (1 - self.beta1) * grad
        v = self.beta2 * state.v + (1 - self.beta2) * (grad * grad)
        # m̂ / (√v̂ + ε) is √c₂ / c₁ · m / (√v + ε √c₂): the corrections c are one number per trial, applied
        # to lr and ε, which saves a pass over m and over v.
        c2 = 1 - self.beta2**t
        root = c2**0.5  # np.sqrt of a float would be a float64
        lr = self.lr * root / (1 - self.beta1**t)
        if self.eps_mode == "outside":
            size = np.sqrt(v) + self.eps * root
        elif self.eps_mode == "inside":
            size = np.sqrt(v + self.eps * c2)
        else:
            size = np.sqrt(v) + self.eps
        if self._bare:
            size = np.where(size == 0, 1, size)  # there m is 0 too
        return self.decay_change(weight, -lr * m / size), AdamState(m, v)


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [Adam]
