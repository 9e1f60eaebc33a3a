"""Optimizer: gradient_noise."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Array, Hyper, OptimizerWrapper, choice, counted_normal, hookimpl, hyper, log, power, ref


@dataclass(frozen=True)
class GradientNoise(OptimizerWrapper):
    """Any optimizer, on gradients with normal noise added that dies away.

        g ← g + n,  n ~ N(0, eta / t^gamma)        a variance for each number, t = 1, 2, ...

    The noise leads away from saddles and from poor starts while it is large. Choose it for deep networks that
    train badly from their start, or to ask how much of the effect of small batches is their noise; around an
    adaptive optimizer it also shrinks the steps of weights with small gradients. gamma = 0 keeps the noise,
    eta = 0 is no noise. All arms of one seed get the same noise.

    Domain: eta ≥ 0, gamma ≥ 0. An optimizer inside that asks for gradients sees L + nᵀθ with the same n
    throughout a step.

    Neelakantan, Vilnis, Le, Sutskever, Kaiser, Kurach & Martens, "Adding Gradient Noise Improves Learning for
    Very Deep Networks", 2015, equation 1, with gamma = 0.55 and eta one of 0.01, 0.3 and 1.
    https://arxiv.org/abs/1511.06807. It counts from 0, with 1 + t. optax's add_noise is the same.
    """

    name: ClassVar[str] = "gradient_noise"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"eta": 0.01, "gamma": 0.55},
        "optax": {"eta": 0.01, "gamma": 0.55},
    }

    eta: Hyper = hyper(0.01, "[0, inf)", search=log(1e-4, 1.0))
    gamma: Hyper = hyper(0.55, "[0, inf)", search=choice(0.0, 0.55, 1.0))
    optimizer: Any = ref("optimizer", "sgd")

    _seeds: ClassVar[Any] = None  # (T, 1, 1); without them all trials have the seed 0

    @property
    def scope(self) -> str:
        """The scope: the noise of a number depends on its place among all weights."""
        return "trial"

    def seeded(self, seeds: Array) -> GradientNoise:
        twin = copy(self)
        object.__setattr__(twin, "_seeds", seeds)
        return twin

    def gradient(self, weight: Array, grad: Array, state: Any, t: int) -> Array:
        return grad + self._noise(weight, t)

    def loss(self, weight: Array, loss: Array, state: Any, t: int) -> Array:
        return loss + (self._noise(weight, t) * weight).reshape(len(weight), 1, -1).sum(axis=2, keepdims=True)

    def _noise(self, weight: Array, t: int) -> Array:
        nothing = np.zeros((len(weight), 1, 1), weight.dtype)
        seeds = nothing.astype(np.uint64) if self._seeds is None else self._seeds
        deviation = np.sqrt(self.eta * power(nothing + t, -self.gamma))
        return deviation * counted_normal(seeds, t, weight)


@hookimpl
def annx_optimizers() -> list[type[OptimizerWrapper]]:
    return [GradientNoise]
