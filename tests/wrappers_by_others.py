"""Wrappers as others write them, and as they must not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import Array, AskingWrapper, Evaluate, OptimizerWrapper, hyper, ref


@dataclass(frozen=True)
class L2(OptimizerWrapper):
    """Any optimizer, on the loss with a penalty.

        L + strength ‖θ‖² / 2

    Domain: strength ≥ 0. Tikhonov, 1943.
    """

    name: ClassVar[str] = "l2"
    strength: Any = hyper(0.5, "[0, inf)")
    optimizer: Any = ref("optimizer", "sgd")

    def gradient(self, weight: Array, grad: Array, state: Any, t: int) -> Array:
        return grad + self.strength * weight

    def loss(self, weight: Array, loss: Array, state: Any, t: int) -> Array:
        return loss + 0.5 * self.strength * (weight * weight).sum(axis=2, keepdims=True)


@dataclass(frozen=True)
class Noise(OptimizerWrapper):
    """Any optimizer, on gradients with the same noise for every trial, new in every step.

        g ← g + ξ, ξ ~ N(0, 0.01²)

    Neelakantan et al., 2015.
    """

    name: ClassVar[str] = "noise"
    optimizer: Any = ref("optimizer", "sgd")

    def gradient(self, weight: Array, grad: Array, state: Any, t: int) -> Array:
        return grad + 0.01 * noise_of(t, grad)


def noise_of(t: int, grad: Array) -> Array:
    return np.random.default_rng(t).normal(size=(1, *grad.shape[1:])).astype(grad.dtype)


@dataclass(frozen=True)
class Central(OptimizerWrapper):
    """Any optimizer, on gradients whose mean over each matrix's inputs is 0.

        g ← g - mean(g)

    Yong et al., "Gradient Centralization", ECCV 2020.
    """

    name: ClassVar[str] = "central"
    scope: ClassVar[str] = "array"
    optimizer: Any = ref("optimizer", "sgd")

    def gradient(self, weight: Array, grad: Array, state: Any, t: int) -> Array:
        return grad - grad.mean(axis=1, keepdims=True) if weight.shape[1] > 1 else grad


class Start(NamedTuple):
    start: Array
    inner: Any


@dataclass(frozen=True)
class NearStart(OptimizerWrapper):
    """Any optimizer, on the loss with a penalty on the way from the start.

        L + ‖θ - θ₀‖² / 2

    Li, Grandvalet & Davoine, 2018.
    """

    name: ClassVar[str] = "near_start"
    optimizer: Any = ref("optimizer", "sgd")

    def init(self, weight: Array) -> Start:
        return Start(weight.copy(), self.wrapped.init(weight))

    def gradient(self, weight: Array, grad: Array, state: Start, t: int) -> Array:
        return grad + (weight - state.start)

    def loss(self, weight: Array, loss: Array, state: Start, t: int) -> Array:
        return loss + 0.5 * ((weight - state.start) ** 2).sum(axis=2, keepdims=True)


class Mean(NamedTuple):
    mean: Array
    inner: Any


@dataclass(frozen=True)
class Smooth(OptimizerWrapper):
    """Any optimizer, on a running mean of gradients.

        m ← (m + g) / 2

    Nobody, 2020.
    """

    name: ClassVar[str] = "smooth"
    optimizer: Any = ref("optimizer", "sgd")

    def init(self, weight: Array) -> Mean:
        return Mean(np.zeros_like(weight), self.wrapped.init(weight))

    def gradient(self, weight: Array, grad: Array, state: Mean, t: int) -> Array:
        return 0.5 * (state.mean + grad)

    def step(self, weight: Array, grad: Array, state: Mean, t: int) -> tuple[Array, Mean]:
        mean = self.gradient(weight, grad, state, t)
        change, inner = self.wrapped.step(weight, mean, state.inner, t)
        return change, Mean(mean, inner)


RIGHT = (L2, Noise, Central, NearStart, Smooth)


@dataclass(frozen=True)
class NaiveL2(OptimizerWrapper):
    """Any optimizer, on gradients with weight decay that only the first of a step gets.

        g ← g + strength θ

    Nobody, 2020.
    """

    name: ClassVar[str] = "naive_l2"
    strength: Any = hyper(0.5, "[0, inf)")
    optimizer: Any = ref("optimizer", "sgd")

    def step(self, weight: Array, grad: Array, state: Any, t: int) -> tuple[Array, Any]:
        return self.wrapped.step(weight, grad + self.strength * weight, state, t)


@dataclass(frozen=True)
class NaiveClip(OptimizerWrapper):
    """Any optimizer, on clipped gradients; those that are asked for are not.

        g ← min(max(g, -limit), limit)

    Nobody, 2020.
    """

    name: ClassVar[str] = "naive_clip"
    limit: Any = hyper(100.0, "(0, inf)")
    optimizer: Any = ref("optimizer", "sgd")

    def step(self, weight: Array, grad: Array, state: Any, t: int) -> tuple[Array, Any]:
        return self.wrapped.step(weight, np.clip(grad, -self.limit, self.limit), state, t)


@dataclass(frozen=True)
class NaiveNoise(OptimizerWrapper):
    """Any optimizer, on gradients with noise from the second step on.

        g ← g + ξ

    Nobody, 2020.
    """

    name: ClassVar[str] = "naive_noise"
    optimizer: Any = ref("optimizer", "sgd")

    def step(self, weight: Array, grad: Array, state: Any, t: int) -> tuple[Array, Any]:
        return self.wrapped.step(weight, grad + (t > 1) * noise_of(t, grad), state, t)


@dataclass(frozen=True)
class NaiveAhead(OptimizerWrapper):
    """Any optimizer, at other weights than those of the gradient.

        θ ← θ + 1

    Nobody, 2020.
    """

    name: ClassVar[str] = "naive_ahead"
    optimizer: Any = ref("optimizer", "sgd")

    def step(self, weight: Array, grad: Array, state: Any, t: int) -> tuple[Array, Any]:
        return self.wrapped.step(weight + 1, grad, state, t)


@dataclass(frozen=True)
class NaiveMid(AskingWrapper):
    """Any optimizer, on the gradient half a step ahead; those that are asked for are not ahead.

        g ← ∇L(θ - g / 20)

    Nobody, 2020.
    """

    name: ClassVar[str] = "naive_mid"
    optimizer: Any = ref("optimizer", "sgd")

    def step(self, weight: Array, grad: Array, state: Any, t: int, evaluate: Evaluate) -> tuple[Array, Any]:
        _, ahead = evaluate(weight - 0.05 * grad)
        return self.wrapped.step(weight, ahead, state, t)


@dataclass(frozen=True)
class HalfL2(L2):
    __doc__ = L2.__doc__
    name: ClassVar[str] = "half_l2"

    loss = OptimizerWrapper.loss


@dataclass(frozen=True)
class WrongL2(L2):
    __doc__ = L2.__doc__
    name: ClassVar[str] = "wrong_l2"

    def loss(self, weight: Array, loss: Array, state: Any, t: int) -> Array:
        return loss + self.strength * (weight * weight).sum(axis=2, keepdims=True)


@dataclass(frozen=True)
class LossOnly(OptimizerWrapper):
    """Any optimizer, on another loss with the gradient of the old one.

        L + ‖θ‖²

    Nobody, 2020.
    """

    name: ClassVar[str] = "loss_only"
    optimizer: Any = ref("optimizer", "sgd")

    def loss(self, weight: Array, loss: Array, state: Any, t: int) -> Array:
        return loss + (weight * weight).sum(axis=2, keepdims=True)


NAIVE = (NaiveL2, NaiveClip, NaiveNoise, NaiveAhead, NaiveMid)
UNEQUAL = (HalfL2, WrongL2, LossOnly)
OF_OTHERS = [*RIGHT, *NAIVE, *UNEQUAL]
