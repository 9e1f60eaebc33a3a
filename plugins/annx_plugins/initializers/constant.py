"""Initializer: constant."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, Initializer, hookimpl, hyper


@dataclass(frozen=True)
class ConstantInitializer(Initializer):
    """All weights the same number.

        W = value

    All units of a layer get the same gradient and stay equal for ever, so a network with hidden layers does
    not learn more than one unit could. For linear models, and to show why weights must differ.
    `zeros` is value = 0; for constant biases see `initial_biases`.

    Domain: value real.

    Goodfellow, Bengio & Courville, "Deep Learning" (2016), section 8.4, on breaking the symmetry.
    https://www.deeplearningbook.org. PyTorch's constant_ and ones_, Keras's Constant and Ones.
    """

    name: ClassVar[str] = "constant"

    value: Hyper = hyper(1.0, "(-inf, inf)")

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        return np.full(shape, float(self.value))


@hookimpl
def annx_initializers() -> list[type[Initializer]]:
    return [ConstantInitializer]
