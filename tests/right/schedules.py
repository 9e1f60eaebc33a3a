"""Right schedules, a plain one and one that watches, and right initializers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import Hyper, Initializer, Schedule, WeightSpec, hyper
from anncore.contract.kinds import Array


@dataclass(frozen=True)
class Fade(Schedule):
    """Falls with t.

        rate / t

    Domain: rate > 0. Nobody, "Fading", 2020.
    """

    name: ClassVar[str] = "fade"
    rate: Hyper = hyper(1.0, "(0, inf)")

    def factor(self, t: int, steps: int, state: Any) -> Hyper:
        return self.rate / t


class Watched(NamedTuple):
    best: Array
    rate: Array


@dataclass(frozen=True)
class Heedful(Schedule):
    """Falls by a factor whenever the loss is no better than the best.

        rate ← rate fall

    Domain: fall in (0, 1). Nobody, "Heed", 2020.
    """

    name: ClassVar[str] = "heedful"
    fall: Hyper = hyper(0.5, "(0, 1)")

    def init(self, ones: Array) -> Watched:
        return Watched(np.inf * ones, 1 * ones)

    def observe(self, state: Watched, score: Array, t: int) -> Watched:
        rate = np.where(score < state.best, state.rate, self.fall * state.rate)
        return Watched(np.minimum(state.best, score), rate)

    def factor(self, t: int, steps: int, state: Watched) -> Hyper:
        return state.rate


@dataclass(frozen=True)
class Spread(Initializer):
    """Weights from N(0, 1).

        W ~ N(0, 1)

    Nobody, "Spread", 2020.
    """

    name: ClassVar[str] = "spread"

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        return rng.standard_normal(shape)


@dataclass(frozen=True)
class Fitting(Spread):
    """Weights from N(0, 1), then divided once by the largest pre-activation.

        W ← W / max |z|

    Nobody, "Fits", 2020.
    """

    name: ClassVar[str] = "fitting"

    def adjust(self, weight: Array, z: Array, attempt: int) -> Array | None:
        return weight / np.abs(z).max(axis=(1, 2), keepdims=True) if attempt == 0 else None


@dataclass(frozen=True)
class Tilting(Spread):
    """Weights from N(0, 1) and biases of 1.

        W ~ N(0, 1),  b = 1

    Nobody, "Tilts", 2020.
    """

    name: ClassVar[str] = "tilting"

    def draw(self, rng: np.random.Generator, specs: Sequence[WeightSpec]) -> Mapping[str, Array]:
        biases = {spec.name: np.ones(spec.shape) for spec in specs if spec.role == "bias"}
        return {**super().draw(rng, specs), **biases}
