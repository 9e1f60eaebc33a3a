"""Optimizer: mars."""

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
    ref,
)


class MARSState(NamedTuple):
    """The state of MARS for each weight."""

    m: Array  # first moment of the corrected gradients
    v: Array  # second moment, uncentred; 0 in the form "lion"
    before: Array  # the gradient of the step before


@dataclass(frozen=True)
class MARS(WeightDecay, Optimizer):
    """Adam or Lion on gradients with less variance: each is corrected by how it has changed.

        C = G + gamma beta1 / (1 - beta1) (G - G₋₁),  C ← C / max(1, |C|)
        M ← beta1 M + (1 - beta1) C
        V ← beta2 V + (1 - beta2) C²
        W ← W - lr (M / (1 - beta1ᵗ)) / (√(V / (1 - beta2ᵗ)) + eps)     form "adamw"
        W ← W - lr sign(M)                                              form "lion"

    G₋₁ is the gradient of the step before, on its own batch (MARS-approx in the paper; the exact method needs
    a second gradient of each batch), and 0 at first, as in the authors' code. |C| is the Frobenius norm of an
    array. Choose it in place of `adamw` where batches are small; with gamma = 0 it is Adam with clipping per
    array. where = "matrices" leaves biases and gains to the optimizer `rest`, with its own lr, as the authors
    do; "all" updates them too.

    Domain: lr > 0, beta1 and beta2 in [0, 1), gamma ≥ 0, eps > 0, weight_decay ≥ 0. Weight decay acts on W
    itself (decay_mode "decoupled", "independent") or on the gradient ("coupled").

    Yuan, Liu, Wu, Zhou & Gu, "MARS: Unleashing the Power of Variance Reduction for Training Large Models",
    ICML 2025, algorithms 2 and 3. https://arxiv.org/abs/2411.10438
    """

    name: ClassVar[str] = "mars"
    scope: ClassVar[str] = "array"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {
            "lr": 3e-3,
            "beta1": 0.95,
            "beta2": 0.99,
            "gamma": 0.025,
            "eps": 1e-8,
            "form": "adamw",
            "where": "matrices",
            "weight_decay": 0.0,
            "decay_mode": "decoupled",
        },
    }

    lr: Hyper = hyper(3e-3, "(0, inf)", search=log(1e-4, 0.1))
    beta1: Hyper = hyper(0.95, "[0, 1)", search=choice(0.9, 0.95, 0.98))
    beta2: Hyper = hyper(0.99, "[0, 1)", search=choice(0.95, 0.99, 0.999))
    gamma: Hyper = hyper(0.025, "[0, inf)", search=choice(0.0, 0.005, 0.025, 0.05))
    eps: Hyper = hyper(1e-8, "(0, inf)")
    form: str = hyper("adamw", ("adamw", "lion"))
    where: str = hyper("matrices", ("matrices", "all"))
    rest: Any = ref("optimizer", "adamw")
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-4, 1.0))
    decay_mode: str = hyper("decoupled", DECAY_MODES)

    def route(self, spec: WeightSpec) -> str:
        return "" if self.where == "all" or spec.role == "weight" else "rest"

    def init(self, weight: Array) -> MARSState:
        zeros = np.zeros_like(weight)
        return MARSState(zeros, zeros, zeros)

    def step(self, weight: Array, grad: Array, state: MARSState, t: int) -> tuple[Array, MARSState]:
        grad = self.decay_gradient(weight, grad)
        corrected = grad + (self.gamma * self.beta1 / (1 - self.beta1)) * (grad - state.before)
        corrected = corrected / np.maximum(_norm(corrected), 1)
        m = self.beta1 * state.m + (1 - self.beta1) * corrected
        before = grad + 0  # a copy, as the next gradient overwrites it
        if self.form == "lion":
            return self.decay_change(weight, -self.lr * np.sign(m)), MARSState(m, state.v, before)
        v = self.beta2 * state.v + (1 - self.beta2) * (corrected * corrected)
        root = (1 - self.beta2**t) ** 0.5
        # As in the authors' code eps is added to √v without correction, which adam.py calls "hat".
        lr = self.lr * root / (1 - self.beta1**t)
        change = -lr * m / (np.sqrt(v) + self.eps)
        return self.decay_change(weight, change), MARSState(m, v, before)


def _norm(array: Array) -> Array:
    """Return each trial's |array|, (T, 1, 1)."""
    # One long row per trial: the order of the sum then does not depend on the other trials.
    return np.sqrt((array * array).reshape(len(array), 1, -1).sum(axis=2, keepdims=True))


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [MARS]
