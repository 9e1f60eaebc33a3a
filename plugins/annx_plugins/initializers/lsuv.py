"""Initializer: lsuv."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Array, ComponentError, Hyper, Initializer, WeightSpec, hookimpl, hyper, linear, ref


@dataclass(frozen=True)
class LSUV(Initializer):
    """Layer-sequential unit variance: weights are scaled until each layer's output has variance 1.

        W ← W / √Var z  while |Var z - 1| ≥ tol, at most `attempts` times,  layer by layer from the first

    z are a layer's pre-activations on examples of the training split (256 at most), Var their variance over
    all examples and units together. So the effect of the activations is corrected, layer by layer, without a
    formula for it. `start` names the initializer that draws the weights, "orthogonal" by default. A layer is
    left unchanged if its z are all equal or not finite.

    Choose it where no formula fits, as with unusual activations or many layers: it looks at data and scales
    each layer until its outputs have variance 1. `orthogonal` is where it begins.

    Domain: tol > 0, attempts a whole number from 0. It needs a network that shows its layers.

    Mishkin & Matas, "All you need is a good init", ICLR 2016, algorithm 1, with tol = 0.1.
    https://arxiv.org/abs/1511.06422. The authors' code allows 10 attempts. They use a mini-batch. The last
    layer is scaled like all others.
    """

    name: ClassVar[str] = "lsuv"

    tol: Hyper = hyper(0.1, "(0, inf)", search=linear(0.01, 0.2))
    attempts: int = hyper(10, "int [0, inf)")
    start: Any = ref("initializer", "orthogonal")

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        return self.start[0].sample(rng, shape, fan_in, fan_out)

    def draw(self, rng: np.random.Generator, specs: Sequence[WeightSpec]) -> Mapping[str, Array]:
        inside = self.start[0]
        if type(inside).adjust is not Initializer.adjust:
            raise ComponentError(
                f"{self.name}: start cannot be {inside.name}, which looks at layers itself; name an "
                "initializer that draws weights, such as 'orthogonal'"
            )
        return inside.draw(rng, specs)

    def adjust(self, weight: Array, z: Array, attempt: int) -> Array | None:
        if attempt >= self.attempts:
            return None
        variance = z.var(axis=(1, 2), keepdims=True)
        off = (np.abs(variance - 1) >= self.tol) & (variance > 0) & np.isfinite(variance)
        if not off.any():
            return None
        # A trial that is done does not change while others of its stack continue.
        return np.where(off, weight / np.sqrt(np.where(off, variance, 1)), weight)


@hookimpl
def annx_initializers() -> list[type[Initializer]]:
    return [LSUV]
