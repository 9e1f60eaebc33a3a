"""Optimizer: ema."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import Array, Hyper, OptimizerWrapper, choice, hookimpl, hyper, ref


class EMAState(NamedTuple):
    """The state of EMA: the average, and the state of the optimizer inside."""

    mean: Array  # running mean, shaped as the weight
    share: Any  # (T, 1, 1): the share of weights in it so far, if it starts from 0; else ()
    inner: Any


@dataclass(frozen=True)
class EMA(OptimizerWrapper):
    """Any optimizer, evaluated at an exponential moving average of its weights.

        m ← decay m + (1 - decay) θ

    The training of θ does not change; losses and metrics are those of m. `start` says how m begins: "initial"
    with m = θ₀, "first" with m = θ₁ after the first step, "corrected" with 0, evaluated at m / (1 - decayᵗ).

    Choose it around any optimizer where noise makes the last weights jump: what is evaluated is their mean.
    `swa` gives all of them the same share, `lookahead` also goes on from the mean.

    Domain: decay in [0, 1). If the optimizer inside is itself evaluated at other weights, m averages those.

    Polyak & Juditsky, "Acceleration of Stochastic Approximation by Averaging", SIAM Journal on Control and
    Optimization 30 (1992), 838-855, https://doi.org/10.1137/0330046, with the exponential average of
    Tarvainen & Valpola, "Mean teachers are better role models", NeurIPS 2017,
    https://arxiv.org/abs/1703.01780. "first" is as in PyTorch (swa_utils, decay 0.999) and Keras (use_ema,
    ema_momentum 0.99), "corrected" is optax's ema of the weights with debias on, its default.
    """

    name: ClassVar[str] = "ema"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "torch": {"decay": 0.999, "start": "first"},
        "keras": {"decay": 0.99, "start": "first"},
        "optax": {"start": "corrected"},
    }

    decay: Hyper = hyper(0.99, "[0, 1)", search=choice(0.9, 0.99, 0.999))
    start: str = hyper("first", ("first", "initial", "corrected"))
    optimizer: Any = ref("optimizer", "adam")

    def init(self, weight: Array) -> EMAState:
        inner = self.wrapped.init(weight)
        if self.start == "corrected":
            return EMAState(np.zeros_like(weight), np.zeros((len(weight), 1, 1), weight.dtype), inner)
        return EMAState(weight.copy(), (), inner)

    def step(self, weight: Array, grad: Array, state: EMAState, t: int) -> tuple[Array, EMAState]:
        change, inner = self.wrapped.step(weight, grad, state.inner, t)
        theta = self.wrapped.evaluated(weight + change, inner)
        # Inside a wrapper that resets its optimizer, t is 1 again.
        new = 1 - self.decay * (t > 1) if self.start == "first" else 1 - self.decay
        share = state.share + new * (1 - state.share) if self.start == "corrected" else ()
        return change, EMAState(state.mean + new * (theta - state.mean), share, inner)

    def evaluated(self, weight: Array, state: EMAState) -> Array:
        if self.start != "corrected":
            return state.mean
        averaged = state.share > 0
        return np.where(averaged, state.mean / np.where(averaged, state.share, 1), weight)


@hookimpl
def annx_optimizers() -> list[type[OptimizerWrapper]]:
    return [EMA]
