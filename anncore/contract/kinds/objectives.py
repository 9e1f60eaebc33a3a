"""Objectives: functions to be minimised, in place of a network on data."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from anncore.contract.derivatives import pullback
from anncore.contract.errors import ComponentError
from anncore.contract.kinds.base import Array, Component


class AnyObjective(Component):
    """What objectives of every form have: functions to be minimised, in place of data set and network.

    Each trial trains one array "x" of shape (1, D).
    """

    noisy: ClassVar[bool] = False
    """Whether its gradient is noisy: see `NoisyObjective`."""

    floor: ClassVar[float] = 2.0**-52
    """The value at or below which values are rounding, in float64; in float32 it is 2²⁹ times as large.

    It is 2⁻⁵² times the size of the terms that cancel at the minimum; the default is that of terms of size 1.
    Values at or below it count as equal, and the steps to reach it decide.
    """

    @property
    @abstractmethod
    def dimensions(self) -> int:
        """The number D of its arguments. May be a class attribute or a hyperparameter."""

    @property
    def minimum(self) -> Array | None:
        """The minimiser of f, (D,), or (K, D) for K equally low places; None if it is not known.

        Trials record how far f lies above its value there; where it is not known, f itself.
        """
        return None

    @property
    def bounds(self) -> tuple[Any, Any] | None:
        """The lowest and the highest value of every argument, numbers or (D,); None without a limit.

        After each step the engine puts back to the edge what an optimizer moved beyond it. May be a class
        attribute.
        """
        return None

    @abstractmethod
    def start(self, rng: np.random.Generator) -> Array:
        """Return the start of one trial, (D,)."""

    @abstractmethod
    def value(self, x: Array) -> Array:
        """Return f(x), (T,), of x (T, 1, D), without noise."""


class Objective(AnyObjective):
    """A function of D numbers to be minimised."""

    def grad(self, x: Array) -> Array:
        """Return ∂f/∂x, (T, 1, D). Default: derived from value."""
        return pullback(self, _value, [x], name="value")[0]

    def residuals(self, x: Array) -> Array:
        """Return r (T, 1, M), whose squares add up to f(x).

        A function that is a sum of squares has this method; `levenberg_marquardt` needs it. The core derives
        its gradient.
        """
        raise ComponentError(f"{self.name} is no sum of squares: it gives no residuals")


class NoisyObjective(AnyObjective):
    """An objective with a noisy gradient; the noise is drawn anew for every step."""

    noisy: ClassVar[bool] = True

    @abstractmethod
    def draw(self, rng: np.random.Generator) -> Array:
        """Return one trial's noise of one step, (D,)."""

    def draw_at(self, rng: np.random.Generator, t: int) -> Array:
        """Return one trial's noise of step t = 1, 2, ..., (D,). Default: draw, the same for every step."""
        return self.draw(rng)

    @abstractmethod
    def grad(self, x: Array, noise: Array) -> Array:
        """Return ∂f/∂x, (T, 1, D), with noise (T, 1, D); a noise of 0 means none."""


class Game(AnyObjective):
    """A game of two players over one payoff: some arguments descend it, the others ascend it.

    An optimizer gets the slope that each argument is to descend. That is not the gradient of any function, so
    a step along it need not lower anything: the value is the distance to the equilibrium.
    """

    @property
    @abstractmethod
    def ascending(self) -> Sequence[bool]:
        """Which of the D arguments ascend the payoff. May be a class attribute."""

    @abstractmethod
    def payoff(self, x: Array) -> Array:
        """Return the payoff, (T,), of x (T, 1, D)."""

    def value(self, x: Array) -> Array:
        """Return half the squared distance to the nearest equilibrium, `minimum`, (T,)."""
        if self.minimum is None:
            raise ComponentError(f"{self.name}: a game must name its equilibrium as minimum, or write value")
        away = x - np.atleast_2d(np.asarray(self.minimum)).astype(x.dtype)
        return 0.5 * (away * away).sum(axis=2).min(axis=1)

    def grad(self, x: Array) -> Array:
        """Return ∂payoff/∂x, or -∂payoff/∂x for arguments that ascend, (T, 1, D). Default: derived."""
        return pullback(self, _payoff, [x], name="payoff")[0] * self.signs(x.dtype)

    def signs(self, dtype: Any) -> Array:
        """Return 1 for the arguments that descend and -1 for those that ascend, (D,)."""
        return np.where(np.asarray(self.ascending, dtype=bool), -1, 1).astype(dtype)


def _value(component: AnyObjective, x: Array) -> Array:
    return component.value(x)


def _payoff(component: Game, x: Array) -> Array:
    return component.payoff(x)
