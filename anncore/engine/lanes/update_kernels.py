"""Which kernel makes which step: one for each way that an optimizer's formula goes by the step's number."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from anncore.contract.kinds import Array
from anncore.engine.lanes.counting import MOST_WAYS
from anncore.engine.lanes.made import Made
from anncore.engine.lanes.nests import Unlowerable


class Updates:
    """The kernels of a stack's updates, one for each way that its optimizer's formula goes.

    make: returns the kernel for the way of a step; it is called for step 1 first.
    """

    def __init__(self, make: Callable[[int | None], Made]) -> None:
        self._make = make
        self.made: list[Made] = []
        self.examples: list[int] = []  # a step of each way
        self._kinds = np.empty(0, np.int64)  # by step from 1 on, its way

    def kinds(self, first: int, last: int) -> Array:
        """Return which of `made` makes each of the steps from `first` to `last`."""
        if last > len(self._kinds):
            self._extend(last)
        return self._kinds[first - 1 : last]

    def _extend(self, last: int) -> None:
        steps = np.arange(len(self._kinds) + 1, last + 1)
        kinds = np.full(len(steps), -1, np.int64)
        for kind, made in enumerate(self.made):
            kinds[made.program.way.goes(steps) & (kinds < 0)] = kind
        while (kinds < 0).any():
            if len(self.made) == MOST_WAYS:
                raise Unlowerable(f"an optimizer whose formula goes more than {MOST_WAYS} ways by the step")
            t = int(steps[np.argmax(kinds < 0)])
            made = self._make(t)
            mine = made.program.way.goes(steps) & (kinds < 0)
            assert mine[t - steps[0]], "a formula goes another way than it went"
            kinds[mine] = len(self.made)
            self.made.append(made)
            self.examples.append(t)
        self._kinds = np.concatenate([self._kinds, kinds])

    def times(self, first: int, last: int) -> Array:
        """Return the numbers that the steps from `first` to `last` need of their counts, (steps, n)."""
        kinds, steps = self.kinds(first, last), np.arange(first, last + 1)
        values = np.zeros((len(steps), max(len(made.program.way.numbers) for made in self.made) or 1))
        for kind, made in enumerate(self.made):
            mine = kinds == kind
            numbers = made.program.way.values(steps[mine])
            values[mine, : numbers.shape[1]] = numbers
        return values
