"""Optimizer: extragradient."""

from dataclasses import dataclass
from typing import Any, ClassVar

from anncore import Array, AskingOptimizer, Evaluate, Hyper, hookimpl, hyper, log


@dataclass(frozen=True)
class Extragradient(AskingOptimizer):
    """Extragradient method: a step by the gradient at where the gradient leads.

        θ' = θ - lr g(θ)
        θ ← θ - lr g(θ')

    Choose it for games, where plain descent circles around the equilibrium. It costs two gradients;
    `optimistic` needs one, the last one.

    Each step computes two gradients of one batch. In a game, where g is no gradient of one function, plain
    descent circles away from an equilibrium that this one finds: on p(x, y) = x y a step multiplies the
    distance by √((1 - lr²)² + lr²), which is less than 1 for lr below 1.

    Domain: lr > 0.

    Korpelevich, "The extragradient method for finding saddle points and other problems", Matecon 12 (1976),
    747-756. For adversarial training: Gidel, Berard, Vignoud, Vincent & Lacoste-Julien, "A Variational
    Inequality Perspective on Generative Adversarial Networks", ICLR 2019. https://arxiv.org/abs/1802.10551
    """

    name: ClassVar[str] = "extragradient"
    scope: ClassVar[str] = "trial"

    lr: Hyper = hyper(0.01, "(0, inf)", search=log(1e-3, 1.0))

    def init(self, weight: Array) -> tuple[()]:
        return ()

    def step(self, weight: Array, grad: Array, state: Any, t: int, evaluate: Evaluate) -> tuple[Array, Any]:
        _, ahead = evaluate(weight - self.lr * grad)
        return -self.lr * ahead, state


@hookimpl
def annx_optimizers() -> list[type[AskingOptimizer]]:
    return [Extragradient]
