"""Initializer: zeros."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Initializer, hookimpl


@dataclass(frozen=True)
class Zeros(Initializer):
    """All weights zero.

        W = 0

    All units of a layer get the same gradient and stay equal for ever, so a network with hidden layers does
    not learn. Choose it for a linear model, or to see that it needs another one: `normal` breaks the
    symmetry.

    Goodfellow, Bengio & Courville, "Deep Learning" (2016), section 8.4, on breaking the symmetry.
    https://www.deeplearningbook.org
    """

    name: ClassVar[str] = "zeros"

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        return np.zeros(shape)


@hookimpl
def annx_initializers() -> list[type[Initializer]]:
    return [Zeros]
