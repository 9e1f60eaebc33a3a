"""Optimizer: sophia."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import (
    DECAY_MODES,
    Array,
    CurvatureOptimizer,
    Evaluation,
    Hyper,
    WeightDecay,
    choice,
    counted_signs,
    hookimpl,
    hyper,
    log,
)


class SophiaState(NamedTuple):
    """The state of Sophia for each weight."""

    m: Array  # first moment
    h: Array  # running mean of estimates of the Hessian's diagonal


@dataclass(frozen=True)
class Sophia(WeightDecay, CurvatureOptimizer):
    """Momentum divided by the curvature of each weight, with bounded steps: Sophia-H and Sophia-G.

        m ← beta1 m + (1 - beta1) g
        h ← beta2 h + (1 - beta2) ĥ                                       every `every` steps
        ĥ = u (∇L(θ + probe u) - ∇L(θ - probe u)) / (2 probe)             estimator "hutchinson"
        ĥ = n ĝ²                                                          estimator "gauss_newton_bartlett"
        θ ← θ - lr clip(m / max(gamma h, eps), -bound, bound)

    u has random signs, so that the mean of the estimate is the Hessian's diagonal (Hutchinson); the product
    with the Hessian is the central difference of two gradients of the step's batch, exact but for terms of
    the order of probe². ĝ is the gradient for the n inputs of the step's batch with targets drawn from what
    the network predicts (Sophia-G): the mean of n ĝ² is the diagonal of the Gauss-Newton matrix, which is
    never negative. It costs one gradient, the other two, and needs a loss that is a likelihood
    (`categorical_cross_entropy`, `binary_cross_entropy`, `mse`).

    Where the curvature is small or negative the step has the length lr bound: sign descent. Choose it where
    weights differ much in curvature; `adam` knows only the size of gradients.

    order "before" estimates h at t = 1, 1 + every, ... and uses it at once, as in the paper; "after" uses it
    from the next step on, as in optax, whose first step is by signs alone. bias_correction divides m by
    1 - beta1ᵗ. All arms of one seed get the same u, and draw targets by the same numbers.

    Domain: lr > 0, beta1 and beta2 in [0, 1), gamma > 0, eps > 0, bound > 0, every ≥ 1, probe > 0,
    weight_decay ≥ 0. Weight decay acts on θ itself (decay_mode "decoupled", "independent") or on the gradient
    ("coupled", which h does not see).

    Liu, Li, Hall, Liang & Ma, "Sophia: A Scalable Stochastic Second-order Optimizer for Language Model
    Pre-training", ICLR 2024, algorithms 1 to 3. https://arxiv.org/abs/2305.14342. There u is normal. Preset
    "paper" is Sophia-H, "paper_g" Sophia-G. The authors' code first estimates h after `every` steps of signs,
    and adds 1e-15 to gamma h in place of the maximum.
    """

    name: ClassVar[str] = "sophia"
    scope: ClassVar[str] = "trial"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {
            "beta1": 0.96,
            "beta2": 0.99,
            "gamma": 0.01,
            "eps": 1e-12,
            "bound": 1.0,
            "every": 10,
            "estimator": "hutchinson",
            "order": "before",
            "bias_correction": False,
            "weight_decay": 0.2,
            "decay_mode": "decoupled",
        },
        "paper_g": {
            "beta1": 0.96,
            "beta2": 0.99,
            "gamma": 0.05,
            "eps": 1e-12,
            "bound": 1.0,
            "every": 10,
            "estimator": "gauss_newton_bartlett",
            "order": "before",
            "bias_correction": False,
            "weight_decay": 0.2,
            "decay_mode": "decoupled",
        },
        "optax": {
            "beta1": 0.965,
            "beta2": 0.99,
            "gamma": 0.01,
            "eps": 1e-8,
            "bound": 1.0,
            "every": 10,
            "estimator": "hutchinson",
            "order": "after",
            "bias_correction": True,
            "weight_decay": 1e-4,
            "decay_mode": "decoupled",
        },
    }

    lr: Hyper = hyper(1e-3, "(0, inf)", search=log(1e-4, 0.1))
    beta1: Hyper = hyper(0.96, "[0, 1)", search=choice(0.9, 0.96, 0.98))
    beta2: Hyper = hyper(0.99, "[0, 1)", search=choice(0.9, 0.99, 0.999))
    gamma: Hyper = hyper(0.01, "(0, inf)", search=log(1e-3, 1.0))
    eps: Hyper = hyper(1e-12, "(0, inf)")
    bound: Hyper = hyper(1.0, "(0, inf)")
    every: int = hyper(10, "int [1, inf)")
    estimator: str = hyper("hutchinson", ("hutchinson", "gauss_newton_bartlett"))
    probe: Hyper = hyper(1e-3, "(0, inf)")
    order: str = hyper("before", ("before", "after"))
    bias_correction: bool = hyper(False, "bool")
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-4, 1.0))
    decay_mode: str = hyper("decoupled", DECAY_MODES)

    _seeds: ClassVar[Any] = None  # (T, 1, 1); without them all trials have the seed 0

    @property
    def needs(self) -> str:
        return "" if self.estimator == "hutchinson" else "sampled_gradient"

    def seeded(self, seeds: Array) -> Sophia:
        twin = copy(self)
        object.__setattr__(twin, "_seeds", seeds)
        return twin

    def init(self, weight: Array) -> SophiaState:
        return SophiaState(np.zeros_like(weight), np.zeros_like(weight))

    def step(
        self, weight: Array, grad: Array, state: SophiaState, t: int, evaluate: Evaluation
    ) -> tuple[Array, SophiaState]:
        grad = self.decay_gradient(weight, grad)
        m = self.beta1 * state.m + (1 - self.beta1) * grad
        known = h = state.h
        if (t - 1) % self.every == 0:
            h = self.beta2 * state.h + (1 - self.beta2) * self._curvature(weight, t, evaluate)
        if self.order == "before":
            known = h
        mean = m / (1 - self.beta1**t) if self.bias_correction else m
        ratio = mean / np.maximum(self.gamma * known, self.eps)
        change = -self.lr * np.minimum(np.maximum(ratio, -self.bound), self.bound)
        return self.decay_change(weight, change), SophiaState(m, h)

    def _curvature(self, weight: Array, t: int, evaluate: Evaluation) -> Array:
        """Return an estimate of the diagonal of the Hessian, or of its part by Gauss and Newton."""
        if self.estimator == "gauss_newton_bartlett":
            sampled = evaluate.sampled_gradient(weight)
            return sampled * sampled
        seeds = np.zeros((len(weight), 1, 1), np.uint64) if self._seeds is None else self._seeds
        signs = counted_signs(seeds, t, weight)
        ahead, behind = weight + self.probe * signs, weight - self.probe * signs
        above = evaluate(ahead)[1] + 0  # a copy, in case the next gradient overwrites it
        # By the distance that rounding has left of 2 probe; it is 0 where a weight is too large to move.
        distance = ahead - behind
        slope = (above - evaluate(behind)[1]) / np.where(distance == 0, 1, distance)
        return np.where(distance == 0, 0, slope)


@hookimpl
def annx_optimizers() -> list[type[CurvatureOptimizer]]:
    return [Sophia]
