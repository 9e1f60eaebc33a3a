"""Loss: mape."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Array, Hyper, Loss, Task, hookimpl, hyper, log


@dataclass(frozen=True)
class MeanAbsolutePercentageError(Loss):
    """Mean absolute percentage error: absolute errors relative to the size of their targets.

        ℓ(a, y) = s |a - y| / max(|y|, eps),  s = 100 if `percent` is true, else 1
        ∂ℓ/∂a   = s sign(a - y) / max(|y|, eps)

    It is `mae` with the weight 1 / |y|, so it fits a median that leans to small targets. Choose it if an
    error of 10 is bad for a target of 20 and good for one of 2000. A target near 0 gets a weight of up to 1 /
    eps, which no learning rate suits: set [split] standardize = false, as standardised targets lie around 0,
    or take `msle`.

    Domain: output a and target y real, eps > 0. Not differentiable at a = y: the sub-gradient there is 0.
    Shapes: a and y (T, N, D); value (T,), the mean over N and D.

    de Myttenaere, Golden, Le Grand & Rossi, "Mean Absolute Percentage Error for regression models",
    Neurocomputing 192 (2016), 38-48. https://doi.org/10.1016/j.neucom.2015.12.114. Keras gives percent, with
    eps = 1e-7; scikit-learn's metric gives a share.
    """

    name: ClassVar[str] = "mape"
    outputs: ClassVar[Mapping[Task, str]] = {"regression": "identity"}
    kinks: ClassVar[tuple[float, ...]] = (0.0,)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"keras": {"percent": True, "eps": 1e-7}}

    percent: bool = hyper(False, "bool")
    eps: Hyper = hyper(1e-7, "(0, inf)", search=log(1e-7, 1.0))

    def value(self, output: Array, target: Array) -> Array:
        share = np.abs(output - target) / np.maximum(np.abs(target), self.eps)
        mean = share.mean(axis=(1, 2))
        return 100 * mean if self.percent else mean


@hookimpl
def annx_losses() -> list[type[Loss]]:
    return [MeanAbsolutePercentageError]
