"""Optimizer: muon."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import (
    DECAY_MODES,
    Array,
    Hyper,
    Optimizer,
    WeightDecay,
    WeightSpec,
    choice,
    hookimpl,
    hyper,
    log,
    orthogonalized,
    ref,
)

QUINTIC = (3.4445, -4.775, 2.0315)


class MuonState(NamedTuple):
    """The state of Muon for each weight."""

    m: Array  # momentum


@dataclass(frozen=True)
class Muon(WeightDecay, Optimizer):
    """Orthogonalized momentum: every direction of a weight matrix moves by about the same amount.

        M ← momentum M + G,  U = G + momentum M  (nesterov) or M
        X ← U / (|U| + eps),  |U| the Frobenius norm
        X ← a X + (b X Xᵀ + c (X Xᵀ)²) X,  ns_steps times, with (a, b, c) = coefficients
        W ← W - lr scale X

    With U = P Σ Qᵀ, X ends near P Qᵀ: its singular values are not exactly 1 but between 0.7 and 1.2, if they
    were above about 0.01 at first. With W (fan_in, fan_out), scale is

        "original"           √max(1, fan_out / fan_in): Jordan, PyTorch, optax
        "match_rms_adamw"    0.2 √max(fan_in, fan_out), so that AdamW's lr fits: Moonlight, Keras
        "none"               1

    average "sum" is as written (the blog, Keras). "mean" has M ← momentum M + (1 - momentum) G and
    U = (1 - momentum) G + momentum M, which differs only by eps. "corrected" is that mean as in NAdam, with
    M / (1 - momentumᵗ⁺¹) and G / (1 - momentumᵗ) (optax), which gives the first gradients other weights.
    where = "hidden" updates the weights between hidden layers, as Jordan advises, "matrices" all weight
    matrices; the optimizer `rest`, with its own lr, updates all other weights.

    Choose it for the matrices of hidden layers, where all directions of a step then count the same. `shampoo`
    and `soap` also use statistics of earlier gradients, `scion` names the norm of each layer.

    Domain: lr > 0, momentum in [0, 1), ns_steps ≥ 1, eps > 0, weight_decay ≥ 0. decay_mode as for all:
    "decoupled" subtracts lr weight_decay W without the scale. where = "hidden" is an error for a network
    without hidden matrices, for instance with a single hidden layer.

    Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024.
    https://kellerjordan.github.io/posts/muon/. "match_rms_adamw": Liu et al., "Muon is Scalable for LLM
    Training", 2025, https://arxiv.org/abs/2502.16982. They and PyTorch iterate in bfloat16; here the
    dtype is that of the data. weight_decay is 0.1 in PyTorch, 0.004 in Keras.
    """

    name: ClassVar[str] = "muon"
    scope: ClassVar[str] = "array"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {
            "lr": 0.02,
            "momentum": 0.95,
            "nesterov": True,
            "average": "sum",
            "scale": "original",
            "ns_steps": 5,
            "coefficients": QUINTIC,
            "eps": 1e-7,
            "where": "hidden",
            "weight_decay": 0.0,
            "decay_mode": "decoupled",
        },
        "torch": {
            "lr": 1e-3,
            "momentum": 0.95,
            "nesterov": True,
            "average": "mean",
            "scale": "original",
            "ns_steps": 5,
            "coefficients": QUINTIC,
            "eps": 1e-7,
            "weight_decay": 0.1,
            "decay_mode": "decoupled",
        },
        "keras": {
            "lr": 1e-3,
            "momentum": 0.95,
            "nesterov": True,
            "average": "sum",
            "scale": "match_rms_adamw",
            "ns_steps": 5,
            "coefficients": QUINTIC,
            "eps": 1e-7,
            "where": "matrices",
            "weight_decay": 0.004,
            "decay_mode": "decoupled",
        },
        "optax": {
            "momentum": 0.95,
            "nesterov": True,
            "average": "corrected",
            "scale": "original",
            "ns_steps": 5,
            "coefficients": QUINTIC,
            "eps": 1e-8,
            "where": "matrices",
            "weight_decay": 0.0,
            "decay_mode": "decoupled",
        },
    }

    lr: Hyper = hyper(0.02, "(0, inf)", search=log(1e-3, 0.3))
    momentum: Hyper = hyper(0.95, "[0, 1)", search=choice(0.8, 0.9, 0.95, 0.98))
    nesterov: bool = hyper(True, "bool")
    average: str = hyper("sum", ("sum", "mean", "corrected"))
    scale: str = hyper("original", ("original", "match_rms_adamw", "none"))
    ns_steps: int = hyper(5, "int [1, inf)")
    coefficients: tuple[float, ...] = hyper(QUINTIC, "list (-inf, inf)")
    eps: Hyper = hyper(1e-7, "(0, inf)")
    where: str = hyper("hidden", ("hidden", "matrices"))
    rest: Any = ref("optimizer", "adamw")
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-4, 1.0))
    decay_mode: str = hyper("decoupled", DECAY_MODES)

    def validate(self) -> None:
        """Raise ValueError unless there are three coefficients."""
        if len(self.coefficients) != 3:
            raise ValueError(f"coefficients must be three numbers, got {len(self.coefficients)}")

    def route(self, spec: WeightSpec) -> str:
        mine = spec.role == "weight" and (self.where == "matrices" or spec.place == "hidden")
        return "" if mine else "rest"

    def init(self, weight: Array) -> MuonState:
        return MuonState(np.zeros_like(weight))

    def step(self, weight: Array, grad: Array, state: MuonState, t: int) -> tuple[Array, MuonState]:
        grad = self.decay_gradient(weight, grad)
        new = 1 if self.average == "sum" else 1 - self.momentum
        m = self.momentum * state.m + new * grad
        direction = self._direction(m, new * grad, t)
        orthogonal = orthogonalized(direction, self.ns_steps, self.coefficients, self.eps)
        change = -self.lr * self._scale(*weight.shape[1:]) * orthogonal
        return self.decay_change(weight, change), MuonState(m)

    def _direction(self, m: Array, grad: Array, t: int) -> Array:
        if self.average != "corrected":
            return grad + self.momentum * m if self.nesterov else m
        now = 1 - self.momentum**t
        if not self.nesterov:
            return m / now
        return grad / now + self.momentum * m / (1 - self.momentum ** (t + 1))

    def _scale(self, fan_in: int, fan_out: int) -> float:
        if self.scale == "original":
            return max(1.0, fan_out / fan_in) ** 0.5
        return 0.2 * max(fan_in, fan_out) ** 0.5 if self.scale == "match_rms_adamw" else 1.0


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [Muon]
