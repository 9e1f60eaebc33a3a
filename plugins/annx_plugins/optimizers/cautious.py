"""Optimizer: cautious."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Array, OptimizerWrapper, hookimpl, hyper, ref


@dataclass(frozen=True)
class Cautious(OptimizerWrapper):
    """Any optimizer, without those of its changes that go against the present gradient.

        φ = 1 where Δ g < 0, else 0
        θ ← θ + Δ φ d / (Σφ + 1)              scale "count"
        θ ← θ + Δ φ / max(Σφ / d, 0.001)      scale "mean"
        θ ← θ + Δ φ                           scale "none"

    Δ is the change from the optimizer inside. d is the number of weights in one array (per "array") or in the
    whole trial (per "trial"); the scale keeps their average step length.

    Choose it to make an optimizer with momentum faster without anything to tune; `grams` takes the direction
    from the gradient alone.

    Domain: an optimizer with momentum; in plain gradient descent every change already goes down.

    Liang, Chen, Liu & Liu, "Cautious Optimizers: Improving Training with One Line of Code", 2024.
    https://arxiv.org/abs/2411.16085. "count" is as in algorithm 1 and in pytorch_optimizer, "mean" as in the
    authors' code; both count per array. There weight decay is not masked, but here it is part of Δ; set
    weight_decay = 0 if that matters.
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
        """The scope: the numbers that are counted together, or each number alone."""
        return "number" if self.scale == "none" else self.per

    def step(self, weight: Array, grad: Array, state: Any, t: int) -> tuple[Array, Any]:
        change, state = self.wrapped.step(weight, grad, state, t)
        # Signs, because a product of small numbers can round to 0.
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
