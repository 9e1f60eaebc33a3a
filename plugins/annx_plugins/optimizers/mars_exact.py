"""Optimizer: mars_exact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import (
    DECAY_MODES,
    Array,
    AskingOptimizer,
    Evaluate,
    Hyper,
    WeightDecay,
    WeightSpec,
    choice,
    hookimpl,
    hyper,
    log,
)


class MARSExactState(NamedTuple):
    """The state of MARS for each weight."""

    m: Array  # first moment of the corrected gradients
    v: Array  # second moment, uncentred; 0 in the form "lion"
    before: Array  # the weights of the step before


@dataclass(frozen=True)
class MARSExact(WeightDecay, AskingOptimizer):
    """Adam or Lion on gradients with less variance, from two gradients of each batch: MARS as it is exact.

        C = ∇L(W) + gamma beta1 / (1 - beta1) (∇L(W) - ∇L(W₋₁)),  C ← C / max(1, |C|)
        M ← beta1 M + (1 - beta1) C
        V ← beta2 V + (1 - beta2) C²
        W ← W - lr (M / (1 - beta1ᵗ)) / (√(V / (1 - beta2ᵗ)) + eps)     form "adamw"
        W ← W - lr sign(M)                                              form "lion"

    Both gradients are of this step's batch; W₋₁ are the weights of the step before, W at first. |C| is the
    Frobenius norm of an array. The difference of two gradients of one batch shows the curvature alone, where
    that of two batches, which `mars` takes, holds the noise of both. Choose it to see what the approximation
    costs, or for very noisy gradients; a step costs two gradients. With gamma = 0 it is `mars` with gamma =
    0.

    Domain: lr > 0, beta1 and beta2 in [0, 1), gamma ≥ 0, eps > 0, weight_decay ≥ 0. Weight decay acts on W
    itself (decay_mode "decoupled", "independent") or on both gradients ("coupled"). All arrays are updated,
    biases too.

    Yuan, Liu, Wu, Zhou & Gu, "MARS: Unleashing the Power of Variance Reduction for Training Large Models",
    ICML 2025, algorithms 1 to 3 with the exact difference. https://arxiv.org/abs/2411.10438
    """

    name: ClassVar[str] = "mars_exact"
    scope: ClassVar[str] = "trial"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {
            "lr": 3e-3,
            "beta1": 0.95,
            "beta2": 0.99,
            "gamma": 0.025,
            "eps": 1e-8,
            "form": "adamw",
            "weight_decay": 0.0,
            "decay_mode": "decoupled",
        },
    }

    lr: Hyper = hyper(3e-3, "(0, inf)", search=log(1e-4, 0.1))
    beta1: Hyper = hyper(0.95, "[0, 1)", search=choice(0.9, 0.95, 0.98))
    beta2: Hyper = hyper(0.99, "[0, 1)", search=choice(0.95, 0.99, 0.999))
    gamma: Hyper = hyper(0.025, "[0, inf)", search=choice(0.0, 0.025, 0.1, 1.0))
    eps: Hyper = hyper(1e-8, "(0, inf)")
    form: str = hyper("adamw", ("adamw", "lion"))
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-4, 1.0))
    decay_mode: str = hyper("decoupled", DECAY_MODES)

    _sizes: ClassVar[tuple[int, ...]] = ()  # how many numbers each array has

    def fitted_to(self, specs: Sequence[WeightSpec]) -> MARSExact:
        twin = copy(self)
        object.__setattr__(twin, "_sizes", tuple(spec.shape[0] * spec.shape[1] for spec in specs))
        return twin

    def init(self, weight: Array) -> MARSExactState:
        zeros = np.zeros_like(weight)
        return MARSExactState(zeros, zeros, weight + 0)

    def step(
        self, weight: Array, grad: Array, state: MARSExactState, t: int, evaluate: Evaluate
    ) -> tuple[Array, MARSExactState]:
        grad = self.decay_gradient(weight, grad)  # a penalty has a gradient at the weights of before, too
        moved = grad - self.decay_gradient(state.before, evaluate(state.before)[1])
        corrected = grad + (self.gamma * self.beta1 / (1 - self.beta1)) * moved
        corrected = corrected / np.maximum(self._norms(corrected), 1)
        m = self.beta1 * state.m + (1 - self.beta1) * corrected
        before = weight + 0  # a copy, as the weights are moved in place
        if self.form == "lion":
            return self.decay_change(weight, -self.lr * np.sign(m)), MARSExactState(m, state.v, before)
        v = self.beta2 * state.v + (1 - self.beta2) * (corrected * corrected)
        root = (1 - self.beta2**t) ** 0.5
        # As in mars.py eps is added to √v without correction.
        lr = self.lr * root / (1 - self.beta1**t)
        change = -lr * m / (np.sqrt(v) + self.eps)
        return self.decay_change(weight, change), MARSExactState(m, v, before)

    def _norms(self, array: Array) -> Array:
        """Return the norm of each number's array, shaped as `array`, (T, 1, P)."""
        norms, start = np.empty_like(array), 0
        for size in self._sizes or (array.shape[2],):
            piece = array[:, :, start : start + size]
            norms[:, :, start : start + size] = np.sqrt((piece * piece).sum(axis=2, keepdims=True))
            start += size
        return norms


@hookimpl
def annx_optimizers() -> list[type[AskingOptimizer]]:
    return [MARSExact]
