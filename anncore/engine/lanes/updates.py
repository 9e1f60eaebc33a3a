"""The updates of a stack in lanes: each optimizer has a kernel of its own, and lanes side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from anncore.contract.derivatives.symbols import Node
from anncore.contract.kinds import Array
from anncore.contract.registry import Registry
from anncore.contract.trial import Trial
from anncore.engine.build import structure
from anncore.engine.lanes.compiling import Argument, address, table_of
from anncore.engine.lanes.facts import signature, with_inner
from anncore.engine.lanes.graphs import hyper_inputs, leaves, update_graph
from anncore.engine.lanes.made import Made, Sources, codes_of, made
from anncore.engine.lanes.nests import Unlowerable
from anncore.engine.lanes.places import Lanes, aligned
from anncore.engine.lanes.programs import UPDATE, Program, update_program
from anncore.engine.nested import asks, nested, scope_of
from anncore.engine.optimizing import OptimizerRun


class LaneUpdate:
    """One optimizer with its schedule, on its own trials of a stack in lanes.

    Raises Unlowerable for an optimizer that is not a formula of each number by itself.
    """

    def __init__(self, run: OptimizerRun, first: Trial, registry: Registry, whole: Lanes) -> None:
        if scope_of(run.optimizer) != "number" or asks(run.optimizer):
            raise Unlowerable(f"optimizer {run.optimizer.name} is not a formula of each number by itself")
        self.run = run
        self.group, self.lanes = whole.section(run.rows)  # the first group of lanes that it has a part of
        self._part, self._registry = first.parts["optimizer"], registry
        self._components = list(with_inner(run.optimizer))
        self._sources = Sources(self._components, self.lanes.trials)
        self._states: list[Array] = []

    @cached_property
    def made(self) -> Made:
        """The kernel, which serves networks of all sizes."""
        own = structure(self._part, self._registry), codes_of(self._part)
        # A first state may have other arrays for other hyperparameters.
        state = tuple(array.shape == self.run.weight.shape for array in leaves(self.run.state))
        key = (*own, signature(self._components), self.run.scheduled, state, self.lanes.dtype)
        return made(("update", *key), self._sources, self._make)

    def _make(self) -> tuple[Program, list[Node], int]:
        run = self.run
        optimizer = run.fitted if any(nested(run.optimizer)) else run.optimizer
        update = update_graph(optimizer, run.weight, run.state, scheduled=run.scheduled)
        own = [node for node in hyper_inputs(update.graph) if node not in update.rates]
        return update_program(self.lanes.dtype.name, update), own, len(update.rates)

    @cached_property
    def function(self) -> int:
        """The address of the kernel."""
        return address(self.made.program.text)

    @cached_property
    def _fixed(self) -> dict[str, Array]:
        return {"hypers": self._sources.laid(self.made.hypers, self.lanes), "owned": self.lanes.owned}

    def load(self) -> None:
        """Bring the optimizer's state into the lanes."""
        self.run.unshare()
        self._states = [self.lanes.put(state[:, 0, :]) for state in leaves(self.run.state)]

    def unload(self) -> None:
        """Bring the state from the lanes to where all else looks for it."""
        for state, own in zip(leaves(self.run.state), self._states, strict=True):
            self.lanes.take(own, state[:, 0, :])

    @property
    def finite(self) -> bool:
        """Whether all numbers of the state in the lanes are finite."""
        return all(bool(np.isfinite(state).all()) for state in self._states)

    def table(self, first: int, last: int, steps: int, stack: Mapping[str, Array | int]) -> list[Argument]:
        """Return the entries of its table for the updates from `first` to `last`.

        stack: `numbers`, `theta`, `grads` and `work` of all groups of the stack.
        """
        times = np.arange(first, last + 1)
        rates = self.made.rates
        paced = aligned((self.lanes.groups, len(times), max(rates, 1), self.lanes.lanes), self.lanes.dtype)
        if rates:
            for at, t in enumerate(times.tolist()):
                factors = np.concatenate([rate[:, :, 0] for rate in self.run.paced(t, steps)], axis=1)
                paced[:, at] = self.lanes.put(factors)
        own = {name: stack[name][self.group :] for name in ("theta", "grads")}  # type: ignore[index]
        more = {"steps": len(times), "rates": paced, "times": times.astype(self.lanes.dtype)}
        values: dict[str, Any] = {**stack, **self._fixed, **own, **more}
        return [*(values[name] for name in UPDATE), *self._states]


class Turns(NamedTuple):
    """Which updates each group makes, for the table of training; `kept` must live as long as it is used."""

    turns: Array
    updates: Array
    tables: Array
    sections: Array
    kept: list[Any]

    @classmethod
    def of(cls, updates: Sequence[LaneUpdate], groups: int, entries: Sequence[list[Argument]]) -> Turns:
        """Return the updates by group; entries: those of each update's table."""
        tables = [table_of(own) for own in entries]
        pairs = sorted(
            (update.group + section, at, section)
            for at, update in enumerate(updates)
            for section in range(update.lanes.groups)
        )
        columns = np.array(pairs, np.int64).T
        starts = np.searchsorted(columns[0], np.arange(groups + 1)).astype(np.int64)
        functions = np.array([updates[at].function for at in columns[1]], np.int64)
        places = np.array([tables[at].ctypes.data for at in columns[1]], np.int64)
        return cls(starts, functions, places, np.ascontiguousarray(columns[2]), [tables, entries])
