"""Activation: hard_tanh."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Activation, Array, Hyper, hookimpl, hyper


@dataclass(frozen=True)
class HardTanh(Activation):
    """Hard tanh: a line between two bounds.

        f(z)  = min(max(z, low), high)
        f'(z) = 1  where low < z < high,  0  elsewhere

    The cheapest bounded activation. It follows tanh's slope of 1 at 0, but units beyond the bounds get no
    gradient. With low = 0 and high = 6 it is `relu6`.

    Domain: z real, low < high. Range: [low, high]. Not differentiable at low and high: the sub-gradient there
    is 0, as in PyTorch; in JAX it is 1.

    Collobert, Weston, Bottou, Karlen, Kavukcuoglu & Kuksa, "Natural Language Processing (Almost) from
    Scratch", JMLR 12 (2011), 2493-2537, section 3. https://www.jmlr.org/papers/v12/collobert11a.html
    """

    name: ClassVar[str] = "hard_tanh"
    range: ClassVar[str] = "(-inf, inf)"

    low: Hyper = hyper(-1.0, "(-inf, inf)")
    high: Hyper = hyper(1.0, "(-inf, inf)")

    @property
    def kinks(self) -> tuple[float, ...]:  # type: ignore[override]
        """Where f' jumps: at both bounds."""
        return tuple(np.unique([*np.ravel(self.low), *np.ravel(self.high)]).tolist())

    def validate(self) -> None:
        """Refuse bounds that leave no line between them."""
        if self.low >= self.high:
            raise ValueError(f"low must be below high, {self.high:g}, got {self.low:g}")

    def forward(self, z: Array) -> Array:
        return np.clip(z, self.low, self.high)


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [HardTanh]
