"""Schedules inside schedules: each is called the same way, whether it watches or not."""

from __future__ import annotations

from copy import copy
from typing import Any

from anncore.params import references
from anncore.types import Array


class Pace:
    """A schedule that always offers `init`, `observe` and a `factor` with a state, inside too."""

    def __init__(self, schedule: Any) -> None:
        cls: Any = type(schedule)
        inside = [key for key, each in references(cls).items() if each.kind == "schedule"]
        if inside:
            schedule = copy(schedule)
            for key in inside:
                object.__setattr__(schedule, key, tuple(map(Pace, getattr(schedule, key))))
        self._schedule = schedule
        self._watches = getattr(schedule, "watches", False)
        self.name = schedule.name
        self.constant = getattr(schedule, "constant", False)

    def init(self, ones: Array) -> Any:
        """Return the state before the first step; `ones` is (T, 1, 1)."""
        return self._schedule.init(ones) if self._watches else ()

    def observe(self, state: Any, score: Array, t: int) -> Any:
        """Return the state after validation losses (T, 1, 1) measured after step t."""
        return self._schedule.observe(state, score, t) if self._watches else state

    def factor(self, t: int, steps: int, state: Any) -> Any:
        """Return the factor of step t."""
        if self._watches:
            return self._schedule.factor(t, steps, state)
        return self._schedule.factor(t, steps)
