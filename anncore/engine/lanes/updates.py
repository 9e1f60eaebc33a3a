"""The updates of a stack in lanes: each optimizer has a kernel of its own, and lanes side by side."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from anncore.contract.kinds import Array
from anncore.contract.registry import Registry
from anncore.contract.trial import Trial
from anncore.engine.lanes.compiling import Table, address
from anncore.engine.lanes.facts import with_inner
from anncore.engine.lanes.made import Sources
from anncore.engine.lanes.nests import Unlowerable
from anncore.engine.lanes.places import Lanes, aligned
from anncore.engine.lanes.programs import UPDATE, Program, update_names
from anncore.engine.lanes.update_graphs import leaves
from anncore.engine.lanes.update_kernels import Ways
from anncore.engine.nested import asks
from anncore.engine.optimizing import OptimizerRun


class LaneUpdate:
    """One optimizer with its schedule, on its own trials of a stack in lanes.

    Raises Unlowerable for an optimizer that asks for more than the gradient of a step.
    """

    def __init__(self, run: OptimizerRun, first: Trial, registry: Registry, whole: Lanes) -> None:
        if asks(run.optimizer):
            raise Unlowerable(f"optimizer {run.optimizer.name} asks for further gradients within a step")
        self.run = run
        self.group, self.lanes = whole.section(run.rows)  # the first group of lanes that it has a part of
        self._sources = Sources(list(with_inner(run.optimizer)), self.lanes.trials)
        self._part, self._registry = first.parts["optimizer"], registry
        self._states: list[Array] = []
        self._laid: list[Array] = []  # the hyperparameters of each kernel, in lanes
        self._kernels = self._hypers = np.empty(0, np.int64)  # their addresses, and those of hyperparameters
        self.table = Table(())

    @cached_property
    def ways(self) -> Ways:
        """Its kernels: one, or one for each way that its formula goes by the number of the step."""
        return Ways(self.run, self._part, self._registry, self._sources)

    def prepare(self, steps: int) -> list[Program]:
        """Return the programs of so many steps."""
        self.ways.kinds(1, steps)
        return [made.program for made in self.ways.made]

    def _lay(self) -> None:
        """Put the hyperparameters of kernels that are new into the lanes."""
        made = self.ways.made
        if len(made) > len(self._laid):
            self._laid += [self._sources.laid(one.hypers, self.lanes) for one in made[len(self._laid) :]]
            self._kernels = np.array([address(one.program.text) for one in made], np.int64)
            self._hypers = np.array([laid.ctypes.data for laid in self._laid], np.int64)

    def load(self, numbers: int, theta: Array, grads: Array) -> None:
        """Bring the optimizer's state into the lanes. The arguments are of all groups of the stack."""
        self._states = [self.lanes.put(_flat(state)) for state in leaves(self.run.state)]
        names, owned = update_names(len(self._states)), self.lanes.owned
        self.table = Table(names)
        self.table.fill(
            {
                "numbers": numbers,
                "theta": theta[self.group :],
                "grads": grads[self.group :],
                "owned": owned,
                "rates": owned,  # what no schedule changes has none
                **dict(zip(names[len(UPDATE) :], self._states, strict=True)),
            }
        )

    def unload(self) -> None:
        """Bring the state from the lanes to where all else looks for it."""
        for state, own in zip(leaves(self.run.state), self._states, strict=True):
            self.lanes.take(own, _flat(state))

    @property
    def finite(self) -> bool:
        """Whether all numbers of the state in the lanes are finite."""
        return all(bool(np.isfinite(state).all()) for state in self._states)

    def functions(self, first: int, last: int, steps: int, work: Array) -> Array:
        """Return the kernels of the updates from `first` to `last`, by address, and fill their table."""
        kinds, times = self.ways.kinds(first, last), self.ways.times(first, last)
        self._lay()
        self.table.fill(
            {
                "steps": len(times),
                "hypers": self._hypers[kinds],
                "times": times.astype(self.lanes.dtype),
                "times_apart": times.shape[1],
                "work": work,
            }
        )
        rates = self.ways.made[0].rates
        if rates:
            paced = aligned((self.lanes.groups, len(times), rates, self.lanes.lanes), self.lanes.dtype)
            for at, t in enumerate(range(first, last + 1)):
                factors = np.concatenate([rate[:, :, 0] for rate in self.run.paced(t, steps)], axis=1)
                paced[:, at] = self.lanes.put(factors)
            self.table.fill({"rates": paced})
        return self._kernels[kinds]


def _flat(state: Array) -> Array:
    """Return an array of a state as numbers of trials, (T, n), in the same memory."""
    return state.reshape(len(state), -1)


class Turns:
    """Which updates each group makes, for the table of training; those of group g begin at `turns[g]`."""

    def __init__(self, updates: Sequence[LaneUpdate], groups: int) -> None:
        pairs = sorted(
            (update.group + section, at, section)
            for at, update in enumerate(updates)
            for section in range(update.lanes.groups)
        )
        group, self._which, section = np.array(pairs, np.int64).T
        self.turns = np.searchsorted(group, np.arange(groups + 1)).astype(np.int64)
        self.sections = np.ascontiguousarray(section)
        self.tables = np.array([update.table.address for update in updates], np.int64)[self._which]

    def updates(self, functions: Sequence[Array]) -> Array:
        """Return for each turn the address of its kernels, one for each step; functions: by update."""
        return np.array([own.ctypes.data for own in functions], np.int64)[self._which]
