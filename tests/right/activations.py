"""Right activations: a plain one, one by its formula alone, and the special forms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy import special

from anncore import Activation, Hyper, hyper, linear
from anncore.contract.kinds import Array
from anncore.testing.places import Drawing as Drawn, Gating, Learning


@dataclass(frozen=True)
class Bent(Activation):
    """A line with a bend at 0.

        f(z) = z where z > 0, slope z elsewhere

    Domain: slope in [0, 1]. Nobody, "Bent lines", 2020.
    """

    name: ClassVar[str] = "bent"
    kinks: ClassVar[tuple[float, ...]] = (0.0,)
    slope: Hyper = hyper(0.1, "[0, 1]", search=linear(0.1, 0.5))

    def forward(self, z: Array) -> Array:
        return np.where(z > 0, z, self.slope * z)

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        return np.where(z > 0, grad, self.slope * grad)


@dataclass(frozen=True)
class Written(Activation):
    """An activation of which only the formula is written, and which `FORMULAS` gives."""

    name: ClassVar[str] = "written"
    which: str = hyper(
        "mish",
        ("mish", "swish", "celu", "squareplus", "power", "snake", "tanhexp", "xlogy", "hypot", "halves"),
    )
    alpha: Hyper = hyper(1.5, "(0, inf)")

    def forward(self, z: Array) -> Array:
        return FORMULAS[self.which](z, self.alpha)


FORMULAS: dict[str, Callable[[Any, Any], Any]] = {
    "mish": lambda z, alpha: z * np.tanh(np.logaddexp(0, z)),
    "swish": lambda z, alpha: z * special.expit(alpha * z),
    "celu": lambda z, alpha: np.maximum(z, 0) + np.minimum(0, alpha * np.expm1(z / alpha)),
    "squareplus": lambda z, alpha: (z + np.sqrt(z**2 + alpha)) / 2,
    "power": lambda z, alpha: np.sign(z) * np.abs(z) ** alpha + np.maximum(z, 0) ** 1.7,
    "snake": lambda z, alpha: z + np.sin(alpha * z) ** 2 / alpha,
    "tanhexp": lambda z, alpha: z * np.tanh(np.exp(np.minimum(z, 30))),
    "xlogy": lambda z, alpha: special.xlogy(np.abs(z), np.abs(z) + alpha) + np.arctan2(z, alpha),
    "halves": lambda z, alpha: np.tanh(np.where(z > 20, z, np.log1p(np.exp(np.minimum(alpha * z, 20))))),
    "hypot": lambda z, alpha: np.hypot(z, alpha) + 2.0 ** -np.abs(z) + (1 + z * z) ** -1,
}


@dataclass(frozen=True)
class Tilted(Learning):
    """A bend with a tilt to learn.

        f(z) = z / √(1 + z²) + tilt z

    Domain: real. Nobody, "Tilts", 2020.
    """

    name: ClassVar[str] = "tilted"


@dataclass(frozen=True)
class Shaken(Drawn):
    """A bend of a height that is drawn.

        f(z) = (1 + u) z / √(1 + z²),  u ~ U(0, 1)

    Domain: real. Nobody, "Shaken, not bent", 2020.
    """

    name: ClassVar[str] = "shaken"


@dataclass(frozen=True)
class Gated(Gating):
    """A gate.

        f(u, v) = u v / √(1 + v²)

    Domain: real. Nobody, "Gates", 2020.
    """

    name: ClassVar[str] = "gated"
