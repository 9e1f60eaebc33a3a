"""Optimizer: sam."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Array, AskingWrapper, Evaluate, Hyper, choice, hookimpl, hyper, ref


@dataclass(frozen=True)
class SAM(AskingWrapper):
    """Any optimizer, on the gradient at the worst nearby point: sharpness-aware minimisation.

        e = rho g / (‖g‖ + eps)                     adaptive off
        e = rho θ² g / (‖θ g‖ + eps)                adaptive on
        θ by the optimizer inside, from ∇L(θ + e)

    ‖·‖ is the Euclidean norm over all weights of a trial. Each step computes two gradients of one batch.

    Choose it where a network fits its training data and flat minima should carry over better. Each step costs
    two gradients.

    Domain: rho ≥ 0, eps > 0.

    Foret, Kleiner, Mobahi & Neyshabur, "Sharpness-Aware Minimization for Efficiently Improving
    Generalization", ICLR 2021, algorithm 1 with p = 2. https://arxiv.org/abs/2010.01412. adaptive: Kwon, Kim,
    Park & Choi, "ASAM: Adaptive Sharpness-Aware Minimization for Scale-Invariant Learning of Deep Neural
    Networks", ICML 2021, https://arxiv.org/abs/2102.11600, which advise a rho about ten times as large.
    """

    name: ClassVar[str] = "sam"
    scope: ClassVar[str] = "trial"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"rho": 0.05, "adaptive": False},
        "asam": {"rho": 0.5, "adaptive": True},
    }

    rho: Hyper = hyper(0.05, "[0, inf)", search=choice(0.01, 0.02, 0.05, 0.1, 0.2, 0.5))
    adaptive: bool = hyper(False, "bool")
    eps: Hyper = hyper(1e-12, "(0, inf)")
    optimizer: Any = ref("optimizer", "sgd")

    def step(self, weight: Array, grad: Array, state: Any, t: int, evaluate: Evaluate) -> tuple[Array, Any]:
        _, worst = evaluate(weight + self._away(weight, grad))
        change, state = self.wrapped.step(weight, worst, state, t)
        return change, state

    def evaluate_inside(self, evaluate: Evaluate, state: Any, t: int) -> Evaluate:
        def worst(weight: Array) -> tuple[Array, Array]:
            _, grad = evaluate(weight)
            return evaluate(weight + self._away(weight, grad))

        return worst

    def _away(self, weight: Array, grad: Array) -> Array:
        """Return e, the way to the worst nearby point."""
        scaled = weight * grad if self.adaptive else grad
        norm = np.sqrt((scaled * scaled).sum(axis=2, keepdims=True))
        away = scaled * (self.rho / (norm + self.eps))
        return weight * away if self.adaptive else away


@hookimpl
def annx_optimizers() -> list[type[AskingWrapper]]:
    return [SAM]
