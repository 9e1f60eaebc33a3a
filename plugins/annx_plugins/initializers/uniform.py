"""Initializer: uniform."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Array, Hyper, Initializer, hookimpl, hyper


@dataclass(frozen=True)
class Uniform(Initializer):
    """Uniform weights from the same interval in every layer.

        W ~ U(low, high)

    The interval does not know the width of a layer, so wide layers get large sums and narrow ones small: for
    comparison with older work. `lecun_uniform`, `glorot_uniform` and `he_uniform` choose it by the width.

    Domain: low and high real, low < high.

    Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS
    2010, section 4.2, on why the width must count. https://proceedings.mlr.press/v9/glorot10a.html. The
    default is Keras's RandomUniform; PyTorch's uniform_ draws from 0 to 1, JAX's uniform to 0.01.
    """

    name: ClassVar[str] = "uniform"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "torch": {"low": 0.0, "high": 1.0},
        "keras": {"low": -0.05, "high": 0.05},
        "optax": {"low": 0.0, "high": 0.01},
    }

    low: Hyper = hyper(-0.05, "(-inf, inf)")
    high: Hyper = hyper(0.05, "(-inf, inf)")

    def validate(self) -> None:
        """Refuse an empty interval."""
        if self.low >= self.high:
            raise ValueError(f"low must be below high, {self.high:g}, got {self.low:g}")
        if not math.isfinite(self.high - self.low):
            raise ValueError(f"high - low must be finite, got {self.low:g} and {self.high:g}")

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        return rng.uniform(self.low, self.high, shape)


@hookimpl
def annx_initializers() -> list[type[Initializer]]:
    return [Uniform]
