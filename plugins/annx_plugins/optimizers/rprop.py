"""Optimizer: rprop."""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import Array, Hyper, Optimizer, choice, hookimpl, hyper, log


class RpropState(NamedTuple):
    """The state of Rprop for each weight."""

    size: Array  # length of its steps
    before: Array  # the sign of the gradient of the step before, 0 where it had changed


@dataclass(frozen=True)
class Rprop(Optimizer):
    """Resilient propagation: each weight has its own length of step, which the signs of its gradients set.

        s ← s eta_plus     where g has the sign of the step before
        s ← s eta_minus    where it has the other sign; there g counts as 0, in the next step too
        s is held in [min_step, max_step] and starts at lr
        θ ← θ - η s sign(g)

    η is the schedule's factor, 1 without one.

    Choose it for full batches, where it needs hardly any tuning: a sign that changes means that a minimum was
    passed. With small batches noise changes signs and all steps shrink to min_step; `rmsprop` was made for
    those.

    Domain: lr > 0, eta_minus in (0, 1), eta_plus > 1, min_step ≥ 0, max_step > 0. If min_step is above
    max_step, all steps have the length max_step.

    Riedmiller & Braun, "A direct adaptive method for faster backpropagation learning: the RPROP algorithm",
    IEEE International Conference on Neural Networks 1993, 586-591. https://doi.org/10.1109/ICNN.1993.298623.
    They undo the step before where the sign changes. This is iRprop⁻ of Igel & Hüsken, "Empirical evaluation
    of the improved Rprop learning algorithms", Neurocomputing 50 (2003), 105-123,
    https://doi.org/10.1016/S0925-2312(01)00700-7, which only stands still, as PyTorch does. PyTorch's
    schedules do not act on it.
    """

    name: ClassVar[str] = "rprop"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"lr": 0.1, "eta_minus": 0.5, "eta_plus": 1.2, "min_step": 1e-6, "max_step": 50.0},
        "torch": {"lr": 0.01, "eta_minus": 0.5, "eta_plus": 1.2, "min_step": 1e-6, "max_step": 50.0},
    }

    lr: Hyper = hyper(0.01, "(0, inf)", search=log(1e-3, 0.3))
    eta_minus: Hyper = hyper(0.5, "(0, 1)", search=choice(0.3, 0.5, 0.7))
    eta_plus: Hyper = hyper(1.2, "(1, inf)", search=choice(1.1, 1.2, 1.5))
    min_step: Hyper = hyper(1e-6, "[0, inf)")
    max_step: Hyper = hyper(50.0, "(0, inf)")

    _first_lr: ClassVar[Any]

    def __post_init__(self) -> None:
        # A schedule multiplies lr in place; its factor acts on the steps.
        object.__setattr__(self, "_first_lr", copy(self.lr))

    def init(self, weight: Array) -> RpropState:
        return RpropState(np.zeros_like(weight) + self._first_lr, np.zeros_like(weight))

    def step(self, weight: Array, grad: Array, state: RpropState, t: int) -> tuple[Array, RpropState]:
        # Signs, because a product of two tiny gradients would be 0.
        sign = np.sign(grad)
        agreement = sign * state.before
        factor = np.where(agreement > 0, self.eta_plus, np.where(agreement < 0, self.eta_minus, 1.0))
        size = np.minimum(np.maximum(state.size * factor, self.min_step), self.max_step)
        counted = sign * (agreement >= 0)
        return -(self.lr / self._first_lr) * size * counted, RpropState(size, counted)


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [Rprop]
