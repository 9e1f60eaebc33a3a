"""Optimizer: l1_penalty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Array, Hyper, OptimizerWrapper, WeightSpec, hookimpl, hyper, log, ref


@dataclass(frozen=True)
class L1Penalty(OptimizerWrapper):
    """Any optimizer, on the loss with the sizes of the weights added: the lasso's penalty.

        L ← L + strength Σ|θ|,  g ← g + strength sign(θ),  sign(0) = 0

    The sum is over the weight matrices (on "weights"), or over biases and gains as well (on "all"). The
    recorded losses are without it; an optimizer inside that asks for the loss sees it.

    Choose it to push weights that do not matter towards 0; `l2_penalty` shrinks large weights most and small
    ones hardly. A step along a subgradient jumps over 0 and back, so weights become small but rarely exactly
    0; `fista` sets them to 0. Two penalties around each other are the elastic net.

    Domain: strength ≥ 0.

    Tibshirani, "Regression Shrinkage and Selection via the Lasso", Journal of the Royal Statistical Society B
    58 (1996), 267-288. https://doi.org/10.1111/j.2517-6161.1996.tb02080.x. Keras's kernel_regularizer with L1
    is "keras".
    """

    name: ClassVar[str] = "l1_penalty"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "keras": {"strength": 0.01, "on": "weights"},
    }

    strength: Hyper = hyper(1e-3, "[0, inf)", search=log(1e-5, 0.1))
    on: str = hyper("weights", ("weights", "all"))
    optimizer: Any = ref("optimizer", "sgd")

    _penalized: ClassVar[Any] = True  # which numbers, (1, 1, P), where not all are

    @property
    def scope(self) -> str:
        """The scope: all arrays where it must know which are matrices, else each number alone."""
        return "arrays" if self.on == "weights" else "number"

    def fitted_to(self, specs: Sequence[WeightSpec]) -> L1Penalty:
        if self.on == "all":
            return self
        twin = copy(self)
        sizes = [spec.shape[0] * spec.shape[1] for spec in specs]
        matrices = np.repeat([spec.role == "weight" for spec in specs], sizes)
        object.__setattr__(twin, "_penalized", matrices[None, None, :])
        return twin

    def gradient(self, weight: Array, grad: Array, state: Any, t: int) -> Array:
        more = self.strength * np.sign(weight)
        return grad + more if self.on == "all" else np.where(self._penalized, grad + more, grad)

    def loss(self, weight: Array, loss: Array, state: Any, t: int) -> Array:
        sizes = np.where(self._penalized, np.abs(weight), 0)
        return loss + self.strength * sizes.reshape(len(weight), 1, -1).sum(axis=2, keepdims=True)


@hookimpl
def annx_optimizers() -> list[type[OptimizerWrapper]]:
    return [L1Penalty]
