"""Optimizer: mechanic."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import Array, Hyper, OptimizerWrapper, hookimpl, hyper, ref


class MechanicState(NamedTuple):
    """The state of Mechanic; what is (T, K, 1) has a number for each of its betas."""

    start: Array  # the weights before the first step, shaped as the weight
    r: Array  # reward, (T, K, 1)
    m: Array  # the largest |h| of late, (T, K, 1)
    v: Array  # sum of h², (T, K, 1)
    s: Array  # scale of the changes, (T, K, 1)
    inner: Any


@dataclass(frozen=True)
class Mechanic(OptimizerWrapper):
    """Any optimizer, with a factor on all of its changes that is learned on the way.

        S = s₁ + ... + s_K,  Δ = (θ - θ₀) / (S + eps): the changes so far
        h = ⟨g + decay S ‖g‖ / (‖θ‖ + eps) θ, -Δ⟩
        rᵢ ← βᵢ rᵢ + clip(h, -mᵢ, mᵢ) sᵢ
        mᵢ ← max(βᵢ mᵢ, |h| + eps)
        vᵢ ← βᵢ² vᵢ + h²                               βᵢ = 1 - 0.1ⁱ, i = 1, ..., K
        sᵢ ← (first / K mᵢ + max(rᵢ, 0)) / (√vᵢ + eps)
        θ ← θ₀ + S (Δ + the change from the optimizer inside)

    ⟨·,·⟩ and ‖·‖ are over all weights of a trial. The factor grows while the changes so far go down the
    present gradient. Set the inner lr to 1 (or another number: only a schedule's shape matters) and choose it
    where nobody has tuned lr; `dog`, `prodigy` and `d_adaptation` need no search either, but are rules of
    their own.

    Domain: K = betas ≥ 1 a whole number, first > 0, decay ≥ 0, eps > 0. Not around an optimizer whose changes
    depend on the size of θ, as `lamb`'s do.

    Cutkosky, Defazio & Mehta, "Mechanic: A Learning Rate Tuner", NeurIPS 2023, algorithm 1.
    https://arxiv.org/abs/2306.00144. Clipping h is not in the paper; it is in the authors' code in optax,
    which this equals.
    """

    name: ClassVar[str] = "mechanic"
    scope: ClassVar[str] = "trial"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "optax": {"betas": 6, "first": 1e-6, "decay": 0.01, "eps": 1e-8},
    }

    betas: int = hyper(6, "int [1, inf)")
    first: Hyper = hyper(1e-6, "(0, inf)")
    decay: Hyper = hyper(0.01, "[0, inf)")
    eps: Hyper = hyper(1e-8, "(0, inf)")
    optimizer: Any = ref("optimizer", "sgd")

    def init(self, weight: Array) -> MechanicState:
        nothing = np.zeros((len(weight), self.betas, 1), weight.dtype)
        inner = self.wrapped.init(weight)
        return MechanicState(weight.copy(), nothing, nothing, nothing, nothing + self.first, inner)

    def step(self, weight: Array, grad: Array, state: MechanicState, t: int) -> tuple[Array, MechanicState]:
        change, inner = self.wrapped.step(weight, grad, state.inner, t)
        factor = state.s.sum(axis=1, keepdims=True)
        so_far = (weight - state.start) / (factor + self.eps)
        ratio = np.sqrt(_total(grad * grad)) / (np.sqrt(_total(weight * weight)) + self.eps)
        slope = grad + self.decay * factor * ratio * weight
        h = -_total(slope * so_far)
        betas = np.array([1 - 0.1**i for i in range(1, self.betas + 1)], weight.dtype)[None, :, None]
        r = betas * state.r + np.clip(h, -state.m, state.m) * state.s
        m = np.maximum(betas * state.m, np.abs(h) + self.eps)
        v = betas * betas * state.v + h * h
        s = (self.first / self.betas * m + np.maximum(r, 0)) / (np.sqrt(v) + self.eps)
        after = state.start + s.sum(axis=1, keepdims=True) * (so_far + change)
        return after - weight, MechanicState(state.start, r, m, v, s, inner)


def _total(array: Array) -> Array:
    """Return the sum over the weights of each trial, (T, 1, 1)."""
    return array.reshape(len(array), 1, -1).sum(axis=2, keepdims=True)


@hookimpl
def annx_optimizers() -> list[type[OptimizerWrapper]]:
    return [Mechanic]
