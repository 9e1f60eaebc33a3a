"""Optimizer: adamuon."""

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


class AdaMuonState(NamedTuple):
    """The state of AdaMuon for each weight."""

    m: Array  # running mean of the gradient
    v: Array  # second moment of the orthogonalized momentum


@dataclass(frozen=True)
class AdaMuon(WeightDecay, Optimizer):
    """Muon whose orthogonalized momentum is divided by the usual size of each of its entries.

        M ← momentum M + (1 - momentum) G,  U = M, or (1 - momentum) G + momentum M (nesterov)
        O = P Qᵀ for sign(U) = P Σ Qᵀ (signs), else for U, by ns_steps iterations as in `muon`
        V ← beta2 V + (1 - beta2) O²
        Ô = O / (√(V / (1 - beta2ᵗ)) + eps)
        W ← W - lr scale Ô / (|Ô| + eps),  |·| the Frobenius norm

    for W (fan_in, fan_out) with the scale 0.2 √(fan_in fan_out) ("match_rms_adamw"), so that a step is as
    long as one of AdamW, or with √min(fan_in, fan_out) √max(1, fan_out / fan_in) ("original"), as long as one
    of Muon. Choose it where muon's entries differ much in size, as with few or noisy gradients.

    where = "hidden" updates the weights between hidden layers, "matrices" all weight matrices; the optimizer
    `rest`, with its own lr, updates all other weights.

    Domain: lr > 0, momentum and beta2 in [0, 1), ns_steps ≥ 1, eps > 0, weight_decay ≥ 0. decay_mode as for
    all: "decoupled" subtracts lr weight_decay W without the scale. where = "hidden" is an error for a network
    without hidden matrices.

    Si, Zhang & Shen, "AdaMuon: Adaptive Muon Optimizer", 2025, algorithm 1.
    https://arxiv.org/abs/2507.11005. The signs came with the second version of the paper; the authors' code
    (preset "authors") and pytorch_optimizer, which has nesterov off and beta2 = 0.95, are without them.
    """

    name: ClassVar[str] = "adamuon"
    scope: ClassVar[str] = "array"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "authors": {
            "lr": 0.02,
            "momentum": 0.95,
            "beta2": 0.999,
            "nesterov": True,
            "signs": False,
            "scale": "match_rms_adamw",
            "ns_steps": 5,
            "eps": 1e-8,
            "weight_decay": 0.01,
            "decay_mode": "decoupled",
        },
    }

    lr: Hyper = hyper(0.02, "(0, inf)", search=log(1e-4, 0.3))
    momentum: Hyper = hyper(0.95, "[0, 1)", search=choice(0.8, 0.9, 0.95, 0.98))
    beta2: Hyper = hyper(0.95, "[0, 1)", search=choice(0.9, 0.95, 0.99, 0.999))
    nesterov: bool = hyper(False, "bool")
    signs: bool = hyper(True, "bool")
    scale: str = hyper("match_rms_adamw", ("match_rms_adamw", "original"))
    ns_steps: int = hyper(5, "int [1, inf)")
    eps: Hyper = hyper(1e-8, "(0, inf)")
    where: str = hyper("hidden", ("hidden", "matrices"))
    rest: Any = ref("optimizer", "adamw")
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-4, 1.0))
    decay_mode: str = hyper("decoupled", DECAY_MODES)

    def route(self, spec: WeightSpec) -> str:
        mine = spec.role == "weight" and (self.where == "matrices" or spec.place == "hidden")
        return "" if mine else "rest"

    def init(self, weight: Array) -> AdaMuonState:
        return AdaMuonState(np.zeros_like(weight), np.zeros_like(weight))

    def step(self, weight: Array, grad: Array, state: AdaMuonState, t: int) -> tuple[Array, AdaMuonState]:
        grad = self.decay_gradient(weight, grad)
        m = self.momentum * state.m + (1 - self.momentum) * grad
        direction = (1 - self.momentum) * grad + self.momentum * m if self.nesterov else m
        direction = np.sign(direction) if self.signs else direction
        orthogonal = orthogonalized(direction, self.ns_steps, QUINTIC, self.eps)
        v = self.beta2 * state.v + (1 - self.beta2) * (orthogonal * orthogonal)
        evened = orthogonal / (np.sqrt(v / (1 - self.beta2**t)) + self.eps)
        # One long row per trial: the order of the sum then does not depend on the other trials.
        size = np.sqrt((evened * evened).reshape(len(weight), 1, -1).sum(axis=2, keepdims=True))
        change = -self.lr * self._scale(*weight.shape[1:]) * evened / (size + self.eps)
        return self.decay_change(weight, change), AdaMuonState(m, v)

    def _scale(self, fan_in: int, fan_out: int) -> float:
        if self.scale == "match_rms_adamw":
            return 0.2 * (fan_in * fan_out) ** 0.5
        return (min(fan_in, fan_out) * max(1.0, fan_out / fan_in)) ** 0.5


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [AdaMuon]
