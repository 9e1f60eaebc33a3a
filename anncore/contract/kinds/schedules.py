"""Schedules: the learning rate over the course of training."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from anncore.contract.kinds.base import Array, Component, Hyper


class Schedule(Component):
    """A factor on the optimizer's learning rate over the course of training."""

    constant: ClassVar[bool] = False
    """True if the factor is always 1; the core then does not call it."""

    def init(self, ones: Array) -> Any:
        """Return the state before the first step; `ones` is (T, 1, 1). By default it is empty."""
        return ()

    def observe(self, state: Any, score: Array, t: int) -> Any:
        """Return the state after an evaluation at step t with validation losses (T, 1, 1).

        By default the state stays the same.
        """
        return state

    @abstractmethod
    def factor(self, t: int, steps: int, state: Any) -> Hyper:
        """Return the factor for update t = 1 ... steps: a float or (T, 1, 1)."""
