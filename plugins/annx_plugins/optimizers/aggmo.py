"""Optimizer: aggmo."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import DECAY_MODES, Array, Hyper, Optimizer, WeightDecay, choice, hookimpl, hyper, log


class AggMoState(NamedTuple):
    """The state of AggMo for each weight."""

    v: tuple[Array, ...]  # a running sum of gradients for each of the betas


@dataclass(frozen=True)
class AggMo(WeightDecay, Optimizer):
    """Gradient descent with several momenta at once, of different memory: aggregated momentum.

        vᵢ ← βᵢ vᵢ + g        for each of the K betas
        θ ← θ - lr (v₁ + ... + v_K) / K

    The long memory makes it fast along shallow directions, and the short ones damp its swings across steep
    ones, so that 0.99 or 0.999 can be among the betas without care. Choose it in place of `momentum` where a
    high momentum helps but oscillates. betas = [0] is gradient descent, betas = [β] `momentum` in
    its form "heavy_ball"; Nesterov's momentum mixes the two of [0, β] as well, but with the weights 1 and β.

    Domain: lr > 0, betas in [0, 1), at least one, weight_decay ≥ 0. Weight decay acts on the gradient
    (decay_mode "coupled") or on θ itself.

    Lucas, Sun, Zemel & Grosse, "Aggregated Momentum: Stability Through Passive Damping", ICLR 2019.
    https://arxiv.org/abs/1804.00325. There v has the other sign. The betas are the paper's 1 - 0.1ⁱ for
    i = 0, 1, 2.
    """

    name: ClassVar[str] = "aggmo"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"betas": (0.0, 0.9, 0.99)},
    }

    lr: Hyper = hyper(0.01, "(0, inf)", search=log(1e-4, 0.3))
    betas: tuple[float, ...] = hyper(
        (0.0, 0.9, 0.99), "list [0, 1)", search=choice((0.0, 0.9), (0.0, 0.9, 0.99), (0.0, 0.9, 0.99, 0.999))
    )
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-5, 0.1))
    decay_mode: str = hyper("coupled", DECAY_MODES)

    def validate(self) -> None:
        """Raise ValueError for an empty list."""
        if not self.betas:
            raise ValueError("betas must have at least one number, got []; [0.0] is gradient descent")

    def init(self, weight: Array) -> AggMoState:
        return AggMoState(tuple(np.zeros_like(weight) for _ in self.betas))

    def step(self, weight: Array, grad: Array, state: AggMoState, t: int) -> tuple[Array, AggMoState]:
        grad = self.decay_gradient(weight, grad)
        v = tuple(beta * sums + grad for beta, sums in zip(self.betas, state.v, strict=True))
        total = v[0]
        for sums in v[1:]:
            total = total + sums
        return self.decay_change(weight, (-self.lr / len(v)) * total), AggMoState(v)


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [AggMo]
