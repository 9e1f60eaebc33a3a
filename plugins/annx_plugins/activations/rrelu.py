"""Activation: rrelu."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, RandomActivation, hookimpl, hyper


@dataclass(frozen=True)
class RReLU(RandomActivation):
    """Randomized leaky rectified linear unit: in training every number has its own random slope.

        f(z)  = z  where z > 0,  slope z  elsewhere
        f'(z) = 1  where z > 0,  slope    elsewhere

        slope ~ U(low, high)            in training, for each example and unit of each step
        slope = (low + high) / 2        in evaluation

    Choose it where a network overfits: its noise acts like a mild dropout. `leaky_relu` has a fixed slope,
    `prelu` a learned one.

    Domain: z real, low and high in [0, 1], low ≤ high. Range: (-∞, ∞). Not differentiable at 0: the
    sub-gradient there is slope, as in PyTorch.

    Xu, Wang, Chen & Li, "Empirical Evaluation of Rectified Activations in Convolutional Network", 2015,
    section 2.4. https://arxiv.org/abs/1505.00853. The paper divides z by a number from U(3, 8), in
    evaluation by the mean 5.5. Here, as in PyTorch, z is multiplied by a number from U(1/8, 1/3); the mean
    of this, 11/48, is not 1/5.5. Flux draws in evaluation too.
    """

    name: ClassVar[str] = "rrelu"
    range: ClassVar[str] = "(-inf, inf)"
    kinks: ClassVar[tuple[float, ...]] = (0.0,)

    low: Hyper = hyper(1 / 8, "[0, 1]")
    high: Hyper = hyper(1 / 3, "[0, 1]")

    def validate(self) -> None:
        """Refuse an empty range of slopes."""
        if self.low > self.high:
            raise ValueError(f"low must be at most high, {self.high:g}, got {self.low:g}")

    def draw(self, rng: np.random.Generator, shape: tuple[int, int]) -> Array:
        return rng.random(shape)  # the position of every slope between low and high, from 0 to 1

    def forward(self, z: Array, noise: Array | None) -> Array:
        return np.where(z > 0, z, self._slope(noise) * z)

    def _slope(self, noise: Array | None) -> Hyper:
        if noise is None:
            return 0.5 * (self.low + self.high)
        return self.low + (self.high - self.low) * noise


@hookimpl
def annx_activations() -> list[type[RandomActivation]]:
    return [RReLU]
