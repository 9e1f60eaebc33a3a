"""Optimizer: cautious."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Array, OptimizerWrapper, hookimpl, hyper, ref


@dataclass(frozen=True)
class Cautious(OptimizerWrapper):
    """Any optimizer, less those of its changes that go up the gradient at hand.

        φ = 1 where Δ g < 0, else 0
        θ ← θ + Δ φ d / (Σφ + 1)              scale "count"
        θ ← θ + Δ φ / max(Σφ / d, 0.001)      scale "mean"
        θ ← θ + Δ φ                           scale "none"

    Δ is the change of the optimizer inside; the d numbers that are counted are those of one parameter array
    (per "array") or of all of the trial's (per "trial"), whose average step length is thus kept.

    Domain: an optimizer with momentum; without any, as in plain gradient descent, every change goes down.

    Liang, Chen, Liu & Liu, "Cautious Optimizers: Improving Training with One Line of Code", 2024.
    https://arxiv.org/abs/2411.16085. "count" is as in algorithm 1 and in pytorch_optimizer, "mean" as in the
    authors' code; both count by array. There the decay of weights is not masked, while here it is part of Δ;
    leave weight_decay at 0 where that matters.
    """

    name: ClassVar[str] = "cautious"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"scale": "count", "per": "array"},
        "authors": {"scale": "mean", "per": "array"},
    }

    scale: str = hyper("count", ("count", "mean", "none"))
    per: str = hyper("array", ("array", "trial"))
    optimizer: Any = ref("optimizer", "adam")

    @property
    def scope(self) -> str:
        """What a number's update depends on: all that is counted, or nothing else."""
        return "number" if self.scale == "none" else self.per

    def step(self, weight: Array, grad: Array, state: Any, t: int) -> tuple[Array, Any]:
        change, state = self.wrapped.step(weight, grad, state, t)
        # By signs, as a product of small numbers can round to 0.
        down = np.sign(change) * np.sign(grad) < 0
        kept = np.where(down, change, 0)
        if self.scale == "none":
            return kept, state
        size = weight[0].size
        count = down.reshape(len(down), 1, -1).sum(axis=2, keepdims=True).astype(weight.dtype)
        if self.scale == "count":
            return kept * (size / (count + 1)), state
        return kept / np.maximum(count / size, 1e-3), state


@hookimpl
def annx_optimizers() -> list[type[OptimizerWrapper]]:
    return [Cautious]
