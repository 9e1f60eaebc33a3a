"""Optimizer: gradient_normalization."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Array, Hyper, OptimizerWrapper, hookimpl, hyper, ref


@dataclass(frozen=True)
class GradientNormalization(OptimizerWrapper):
    """Any optimizer, on gradients that are scaled to the same length.

        g ← length g / (‖g‖ + eps)

    ‖g‖ is the Euclidean norm of the trial's whole gradient (per "trial"), or of the gradient of each array of
    weights (per "array"). Only the direction of the gradient counts then: around `sgd` every step has the
    length lr, which leaves plateaus and saddles fast but needs a falling lr to come to rest. Choose it where
    gradients vanish; where they only explode at times, `clip_norm` leaves small ones as they are. A gradient
    of 0 stays 0.

    Domain: length > 0, eps > 0.

    Nesterov, "Minimization methods for nonsmooth convex and quasiconvex functions", Matekon 29 (1984),
    519-531. Hazan, Levy & Shalev-Shwartz, "Beyond Convexity: Stochastic Quasi-Convex Optimization", NeurIPS
    2015, algorithm 1. https://arxiv.org/abs/1507.02030. optax's normalize_by_update_norm is per "trial".
    """

    name: ClassVar[str] = "gradient_normalization"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "optax": {"length": 1.0, "per": "trial", "eps": 1e-6},
    }

    length: Hyper = hyper(1.0, "(0, inf)")
    per: str = hyper("trial", ("trial", "array"))
    eps: Hyper = hyper(1e-12, "(0, inf)")
    optimizer: Any = ref("optimizer", "sgd")

    @property
    def scope(self) -> str:
        """The scope: the numbers that enter the norm."""
        return self.per

    def gradient(self, weight: Array, grad: Array, state: Any, t: int) -> Array:
        # By the largest size first, as squares of small and of large numbers leave the range of the dtype.
        flat = np.abs(grad).reshape(len(grad), 1, -1)
        largest = flat.max(axis=2, keepdims=True)
        unit = np.where(largest > 0, largest, 1)
        scaled = flat / unit
        norm = unit * np.sqrt((scaled * scaled).sum(axis=2, keepdims=True))
        return grad * (self.length / (norm + self.eps))


@hookimpl
def annx_optimizers() -> list[type[OptimizerWrapper]]:
    return [GradientNormalization]
