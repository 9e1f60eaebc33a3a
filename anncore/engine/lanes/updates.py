"""The updates of a stack in lanes: each optimizer has a kernel of its own, and lanes side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from anncore.contract.kinds import Array
from anncore.contract.registry import Registry
from anncore.contract.trial import Trial
from anncore.engine.lanes.compiling import Argument, address, table_of
from anncore.engine.lanes.facts import with_inner
from anncore.engine.lanes.made import Sources
from anncore.engine.lanes.nests import Unlowerable
from anncore.engine.lanes.places import Lanes, aligned
from anncore.engine.lanes.programs import UPDATE, Program
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

    @cached_property
    def ways(self) -> Ways:
        """Its kernels: one, or one for each way that its formula goes by the number of the step."""
        return Ways(self.run, self._part, self._registry, self._sources)

    def prepare(self, steps: int) -> list[Program]:
        """Return the programs of so many steps."""
        self.ways.kinds(1, steps)
        return [made.program for made in self.ways.made]

    def _by_way(self) -> tuple[Array, Array]:
        """Return the address of each kernel, and of its hyperparameters."""
        made = self.ways.made
        self._laid += [self._sources.laid(one.hypers, self.lanes) for one in made[len(self._laid) :]]
        functions = np.array([address(one.program.text) for one in made], np.int64)
        return functions, np.array([laid.ctypes.data for laid in self._laid], np.int64)

    def load(self) -> None:
        """Bring the optimizer's state into the lanes."""
        self._states = [self.lanes.put(_flat(state)) for state in leaves(self.run.state)]

    def unload(self) -> None:
        """Bring the state from the lanes to where all else looks for it."""
        for state, own in zip(leaves(self.run.state), self._states, strict=True):
            self.lanes.take(own, _flat(state))

    @property
    def finite(self) -> bool:
        """Whether all numbers of the state in the lanes are finite."""
        return all(bool(np.isfinite(state).all()) for state in self._states)

    def entries(self, first: int, last: int, steps: int, stack: Mapping[str, Array | int]) -> Entries:
        """Return what the updates from `first` to `last` need.

        stack: `numbers`, `theta`, `grads` and `work` of all groups of the stack.
        """
        kinds, times = self.ways.kinds(first, last), self.ways.times(first, last)
        functions, hypers = self._by_way()
        rates = self.ways.made[0].rates
        paced = aligned((self.lanes.groups, len(times), max(rates, 1), self.lanes.lanes), self.lanes.dtype)
        if rates:
            for at, t in enumerate(range(first, last + 1)):
                factors = np.concatenate([rate[:, :, 0] for rate in self.run.paced(t, steps)], axis=1)
                paced[:, at] = self.lanes.put(factors)
        own = {name: stack[name][self.group :] for name in ("theta", "grads")}  # type: ignore[index]
        more = {"steps": len(times), "rates": paced, "owned": self.lanes.owned, "hypers": hypers[kinds]}
        more |= {"times": times.astype(self.lanes.dtype), "times_apart": times.shape[1]}
        values: dict[str, Any] = {**stack, **own, **more}
        return Entries(functions[kinds], [*(values[name] for name in UPDATE), *self._states])


def _flat(state: Array) -> Array:
    """Return an array of a state as numbers of trials, (T, n), in the same memory."""
    return state.reshape(len(state), -1)


class Entries(NamedTuple):
    """What an optimizer's updates need: the kernel of each step, by address, and the entries of its table."""

    functions: Array
    table: list[Argument]


class Turns(NamedTuple):
    """Which updates each group makes, for the table of training; `kept` must live as long as it is used."""

    turns: Array
    updates: Array
    tables: Array
    sections: Array
    kept: list[Any]

    @classmethod
    def of(cls, updates: Sequence[LaneUpdate], groups: int, entries: Sequence[Entries]) -> Turns:
        """Return the updates by group; entries: what each update needs."""
        tables = [table_of(own.table) for own in entries]
        pairs = sorted(
            (update.group + section, at, section)
            for at, update in enumerate(updates)
            for section in range(update.lanes.groups)
        )
        columns = np.array(pairs, np.int64).T
        starts = np.searchsorted(columns[0], np.arange(groups + 1)).astype(np.int64)
        functions = np.array([entries[at].functions.ctypes.data for at in columns[1]], np.int64)
        places = np.array([tables[at].ctypes.data for at in columns[1]], np.int64)
        return cls(starts, functions, places, np.ascontiguousarray(columns[2]), [tables, list(entries)])
