"""Optimizer: l2_penalty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Array, Hyper, OptimizerWrapper, WeightSpec, hookimpl, hyper, log, ref


@dataclass(frozen=True)
class L2Penalty(OptimizerWrapper):
    """Any optimizer, on the loss with the squares of the weights added: ridge regression, Tikhonov.

        L ← L + strength/2 Σθ²,  g ← g + strength θ          half true
        L ← L + strength Σθ²,    g ← g + 2 strength θ        half false

    The sum is over the weight matrices (on "weights"), or over biases and gains as well (on "all"). The
    recorded losses are without it; an optimizer inside that asks for the loss sees it.

    Choose it where the penalized loss itself is to be minimised. It is the decay_mode "coupled" of the
    optimizers that have one, and available around all others. An adaptive optimizer divides the penalty's
    gradient too, so weights with large gradients shrink less; weight decay in the mode "decoupled" does not.

    Domain: strength ≥ 0.

    Hoerl & Kennard, "Ridge Regression: Biased Estimation for Nonorthogonal Problems", Technometrics 12
    (1970), 55-67. https://doi.org/10.1080/00401706.1970.10488634. PyTorch's weight_decay is "torch"; Keras's
    kernel_regularizer with L2 is "keras".
    """

    name: ClassVar[str] = "l2_penalty"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "torch": {"half": True, "on": "all"},
        "keras": {"strength": 0.01, "half": False, "on": "weights"},
    }

    strength: Hyper = hyper(1e-3, "[0, inf)", search=log(1e-5, 0.1))
    half: bool = hyper(True, "bool")
    on: str = hyper("weights", ("weights", "all"))
    optimizer: Any = ref("optimizer", "sgd")

    _penalized: ClassVar[Any] = True  # which numbers, (1, 1, P), where not all are

    @property
    def scope(self) -> str:
        """The scope: all arrays where it must know which are matrices, else each number alone."""
        return "arrays" if self.on == "weights" else "number"

    def fitted_to(self, specs: Sequence[WeightSpec]) -> L2Penalty:
        if self.on == "all":
            return self
        twin = copy(self)
        sizes = [spec.shape[0] * spec.shape[1] for spec in specs]
        matrices = np.repeat([spec.role == "weight" for spec in specs], sizes)
        object.__setattr__(twin, "_penalized", matrices[None, None, :])
        return twin

    def gradient(self, weight: Array, grad: Array, state: Any, t: int) -> Array:
        more = (self.strength if self.half else 2 * self.strength) * weight
        return grad + more if self.on == "all" else np.where(self._penalized, grad + more, grad)

    def loss(self, weight: Array, loss: Array, state: Any, t: int) -> Array:
        factor = self.strength / 2 if self.half else self.strength
        squares = np.where(self._penalized, weight * weight, 0)
        return loss + factor * squares.reshape(len(weight), 1, -1).sum(axis=2, keepdims=True)


@hookimpl
def annx_optimizers() -> list[type[OptimizerWrapper]]:
    return [L2Penalty]
