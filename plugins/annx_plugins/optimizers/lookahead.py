"""Optimizer: lookahead."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from anncore import Array, Hyper, OptimizerWrapper, choice, hookimpl, hyper, linear, ref


class LookaheadState(NamedTuple):
    """The state of Lookahead: the slow weights, and the state of the optimizer inside."""

    slow: Array
    inner: Any


@dataclass(frozen=True)
class Lookahead(OptimizerWrapper):
    """Any optimizer; every k steps its weights are set back to slow weights that follow them.

        θ by the optimizer inside; after each k-th step
        φ ← φ + alpha (θ - φ),  θ ← φ

    After each k-th step the state inside is kept (momentum "keep") or reset, with its count of steps
    ("reset"). Losses and metrics are those of the slow weights φ, or with evaluate_at "fast" those of θ.

    Choose it to calm an optimizer that oscillates. `ema` and `swa` average too, but do not go back to the
    mean.

    Domain: k ≥ 1 a whole number, alpha in (0, 1].

    Zhang, Lucas, Hinton & Ba, "Lookahead Optimizer: k steps forward, 1 step back", NeurIPS 2019, algorithm 1,
    which returns φ. https://arxiv.org/abs/1907.08610. optax's lookahead is the same, with reset_state for
    "reset".
    """

    name: ClassVar[str] = "lookahead"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"k": 5, "alpha": 0.5, "momentum": "keep", "evaluate_at": "slow"},
        "optax": {"momentum": "keep", "evaluate_at": "slow"},
    }

    k: int = hyper(5, "int [1, inf)", search=choice(5, 10))
    alpha: Hyper = hyper(0.5, "(0, 1]", search=linear(0.2, 0.8))
    momentum: str = hyper("keep", ("keep", "reset"))
    evaluate_at: str = hyper("slow", ("slow", "fast"))
    optimizer: Any = ref("optimizer", "adam")

    def init(self, weight: Array) -> LookaheadState:
        return LookaheadState(weight.copy(), self.wrapped.init(weight))

    def step(self, weight: Array, grad: Array, state: LookaheadState, t: int) -> tuple[Array, LookaheadState]:
        count = (t - 1) % self.k + 1 if self.momentum == "reset" else t
        change, inner = self.wrapped.step(weight, grad, state.inner, count)
        if t % self.k:
            return change, LookaheadState(state.slow, inner)
        slow = state.slow + self.alpha * (weight + change - state.slow)
        if self.momentum == "reset":
            inner = self.wrapped.init(slow)
        return slow - weight, LookaheadState(slow, inner)

    def evaluated(self, weight: Array, state: LookaheadState) -> Array:
        at = state.slow if self.evaluate_at == "slow" else weight
        return self.wrapped.evaluated(at, state.inner)


@hookimpl
def annx_optimizers() -> list[type[OptimizerWrapper]]:
    return [Lookahead]
