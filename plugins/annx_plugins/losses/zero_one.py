"""Loss: zero_one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Loss, Task, hookimpl


@dataclass(frozen=True)
class ZeroOne(Loss):
    """Zero-one loss: the share of examples with the wrong predicted class. For evaluation only.

        ℓ(a, y) = 0  where the predicted class is that of y,  1  elsewhere
        ∂ℓ/∂a   = 0  wherever it exists

    Choose it as a score: it has no slope to descend. `binary_cross_entropy` and `hinge` stand in for it in
    training.

    Domain: output a in [0, 1]. One output predicts class 1 if a > 1/2, so 1/2 itself means class 0; several
    outputs predict the class of the largest, the first of equal ones. The gradient is 0, so the loss cannot
    train a network.
    Shapes: a and y (T, N, D); value (T,), the mean over N.

    Vapnik, "The Nature of Statistical Learning Theory" (1995), section 1.3.
    https://doi.org/10.1007/978-1-4757-2440-0
    """

    name: ClassVar[str] = "zero_one"
    outputs: ClassVar[Mapping[Task, str]] = {"binary": "sigmoid", "multiclass": "softmax"}
    accepts: ClassVar[str] = "[0, 1]"
    trainable: ClassVar[bool] = False

    def value(self, output: Array, target: Array) -> Array:
        if output.shape[2] == 1:
            wrong = ((output > 0.5) != (target > 0.5))[..., 0]
        else:
            wrong = output.argmax(axis=-1) != target.argmax(axis=-1)
        return wrong.mean(axis=1, dtype=output.dtype)

    def grad(self, output: Array, target: Array) -> Array:
        return np.zeros_like(output)  # by hand, because nothing in value has a slope


@hookimpl
def annx_losses() -> list[type[Loss]]:
    return [ZeroOne]
