"""Optimizer: polyak."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Array, AskingOptimizer, Evaluate, Hyper, hookimpl, hyper, log


@dataclass(frozen=True)
class Polyak(AskingOptimizer):
    """Gradient descent whose rate comes from how far the loss is above its least value: Polyak's step.

        γ = min((L(θ) - least) / (‖g‖² + eps), most)
        θ ← θ - lr γ g

    ‖g‖ is over all weights of a trial, L the loss of the step's batch, and a loss below `least` gives no
    step. On a convex function with the true least it needs no tuning and is as fast as the best fixed rate.
    Leave lr at 1, or lower it against noise: it is 1/c in the paper, as long as `most` does not bound the
    rate. Choose it where the model can fit its data, so that least is 0; with a least that is too low the
    rate is too large near the minimum, and `most` bounds it.

    Domain: lr > 0, least real, most > 0, eps ≥ 0. Each step computes the gradient a second time to see the
    loss.

    Polyak, "Introduction to Optimization", Optimization Software 1987, section 5.3. With batches and the
    bound: Loizou, Vaswani, Laradji & Lacoste-Julien, "Stochastic Polyak Step-size for SGD: An Adaptive
    Learning Rate for Fast Convergence", AISTATS 2021. https://arxiv.org/abs/2002.10542. optax's polyak_sgd
    is the same in its variant "sps+"; by default it goes up where the loss is below least, and its scaling
    divides the step, where lr multiplies it.
    """

    name: ClassVar[str] = "polyak"
    scope: ClassVar[str] = "trial"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"lr": 1.0, "least": 0.0, "eps": 0.0},
        "optax": {"lr": 1.0, "least": 0.0, "most": 1.0, "eps": 0.0},
    }

    lr: Hyper = hyper(1.0, "(0, inf)", search=log(0.1, 2.0))
    least: Hyper = hyper(0.0, "(-inf, inf)")
    most: Hyper = hyper(1.0, "(0, inf)", search=log(0.01, 100.0))
    eps: Hyper = hyper(0.0, "[0, inf)")

    def init(self, weight: Array) -> tuple[()]:
        return ()

    def step(self, weight: Array, grad: Array, state: Any, t: int, evaluate: Evaluate) -> tuple[Array, Any]:
        loss, _ = evaluate(weight)
        square = (grad * grad).sum(axis=2, keepdims=True) + self.eps
        above = np.maximum(loss - self.least, 0)
        # most, without a quotient that leaves the range of the dtype, where the square is small or 0
        rate = np.where(above >= self.most * square, self.most, above / np.where(square > 0, square, 1))
        return -self.lr * rate * grad, state


@hookimpl
def annx_optimizers() -> list[type[AskingOptimizer]]:
    return [Polyak]
