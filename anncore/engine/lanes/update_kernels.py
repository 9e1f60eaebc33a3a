"""Which kernel makes which step: one for each way that an optimizer's formula goes by the step's number."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from anncore.contract.derivatives.symbols import Node
from anncore.contract.kinds import Array
from anncore.contract.registry import Registry
from anncore.contract.trial import Part
from anncore.engine.build import structure
from anncore.engine.lanes.counting import MOST_WAYS
from anncore.engine.lanes.facts import constants, signature, with_inner
from anncore.engine.lanes.graphs import hyper_inputs
from anncore.engine.lanes.made import Made, Sources, codes_of, made
from anncore.engine.lanes.nests import Unlowerable
from anncore.engine.lanes.programs import Program, update_program
from anncore.engine.lanes.update_graphs import LONG, form_of, leaves, update_graph
from anncore.engine.nested import nested, scope_of
from anncore.engine.optimizing import OptimizerRun

MOST_STEPS = 1 << 20  # of which is looked up which way each goes
Form = tuple[Any, bool, int | None]
"""A form of an update: its key, whether it is one loop over any number of weights, and the step that it is
recorded at, None where the number of the step is a number like any other."""


class Ways:
    """The kernels of the updates of one optimizer, which must have its first state."""

    def __init__(self, run: OptimizerRun, part: Part, registry: Registry, sources: Sources) -> None:
        self._run, self._sources = run, sources
        self._own = structure(part, registry), codes_of(part), signature(list(with_inner(run.optimizer)))
        self._long = False
        self.made: list[Made] = []
        self.examples: list[int] = []  # a step of each way
        self._kinds = np.empty(0, np.int64)  # by step from 1 on, its way
        self._looked = 0  # up to which step numbers made of the step's are known to be sound

    @property
    def depend_on(self) -> set[str]:
        """What else than the optimizer's structure they depend on: see `LaneStack.write_updates`."""
        return {
            *(["values"] if any(one.looks for one in self.made) else []),
            *(["steps"] if any(one.program.way.asked for one in self.made) else []),
            *([] if self._long else ["network"]),
        }

    def kinds(self, first: int, last: int) -> Array:
        """Return which of `made` makes each of the S steps from `first` to `last`, (S,)."""
        if not self.made:
            self._extend(1)
        [way, *others] = [one.program.way for one in self.made]
        if not way.asked and not others:  # all steps go one way, however many they are
            if last > self._looked:
                way.values(np.arange(1, min(last, MOST_STEPS) + 1))  # which refuses what divides by 0
                self._looked = last
            return np.zeros(last - first + 1, np.int64)
        if last > MOST_STEPS:
            name = self._run.optimizer.name
            raise Unlowerable(
                f"optimizer {name} asks for the number of the step, of more than {MOST_STEPS:,}"
            )
        if last > len(self._kinds):
            self._extend(last)
        return self._kinds[first - 1 : last]

    def _extend(self, last: int) -> None:
        steps = np.arange(len(self._kinds) + 1, last + 1)
        kinds = np.full(len(steps), -1, np.int64)
        for kind, one in enumerate(self.made):
            kinds[one.program.way.goes(steps) & (kinds < 0)] = kind
            one.program.way.values(steps[kinds == kind])
        while (kinds < 0).any():
            name = self._run.optimizer.name
            if len(self.made) == MOST_WAYS:
                raise Unlowerable(
                    f"optimizer {name} goes more than {MOST_WAYS} ways by the number of the step"
                )
            t = int(steps[np.argmax(kinds < 0)])
            one = self._made(t)
            kinds[one.program.way.goes(steps) & (kinds < 0)] = len(self.made)
            if kinds[t - steps[0]] < 0:
                raise Unlowerable(f"optimizer {name} does not go the same way at a step twice")
            one.program.way.values(steps[kinds == len(self.made)])  # which refuses what divides by 0
            self.made.append(one)
            self.examples.append(t)
        self._kinds = np.concatenate([self._kinds, kinds])

    def times(self, first: int, last: int) -> Array:
        """Return the numbers that the S steps from `first` to `last` need of their counts, (S, n)."""
        kinds, steps = self.kinds(first, last), np.arange(first, last + 1)
        if len(self.made) == 1:
            return self.made[0].program.way.values(steps)
        values = np.zeros((len(steps), max(len(one.program.way.numbers) for one in self.made) or 1))
        for kind, one in enumerate(self.made):
            mine = kinds == kind
            numbers = one.program.way.values(steps[mine])
            values[mine, : numbers.shape[1]] = numbers
        return values

    def _made(self, t: int) -> Made:
        """Return the kernel of the update that is made at step t, and at all steps of its way.

        Where each number is updated by itself, it serves networks of all sizes.
        """
        forms = self._forms(t)
        for key, long, recorded in forms:
            try:
                one = made(key, self._sources, partial(self._written, long, recorded))
            except Unlowerable:
                if key == forms[-1][0]:
                    raise
            else:
                self._long = long
                return one
        raise AssertionError("an update has a form")

    def _forms(self, t: int) -> list[Form]:
        """Return the forms to try, the first that can be lowered is taken."""
        run = self._run
        states = list(leaves(run.state))
        # A first state may have other arrays for other hyperparameters, or the same ones in other places.
        state = tuple(array.shape == run.weight.shape for array in states), repr(form_of(run.state))
        fitted = constants(run.fitted.components)
        own = *self._own, fitted, run.scheduled, state, run.weight.dtype.name
        shapes = (
            repr([array.shape[1:] for array in states]),
            repr([(*spec[:5], *spec[6:]) for spec in run.specs]),
        )
        whole: Form = (("update of arrays", *own, shapes, t), False, t)
        forms: list[Form] = [(("update", *own), True, None), (("update at", *own, t), True, t), whole]
        if scope_of(run.optimizer) != "number":
            return [whole]
        if t > 1:  # another way of the form that step 1 has
            return [form for form in forms if form[1] == self._long and form[2] is not None]
        return forms

    def _written(self, long: bool, t: int | None) -> tuple[Program, list[Node], int]:
        if not long:
            return self._recorded(None, t)
        first, *others = (self._recorded(length, t) for length in LONG)
        if any(program.text != first[0].text for program, _, _ in others):
            raise Unlowerable("the number of weights in a formula of each number by itself")
        return first

    def _recorded(self, length: int | None, t: int | None) -> tuple[Program, list[Node], int]:
        """Return the kernel of an update that is recorded with so many weights, None for those there are."""
        run = self._run
        inside = any(nested(run.optimizer)) or length is None
        update = update_graph(
            run.fitted if inside else run.optimizer,
            run.optimizer.name,
            run.weight,
            run.state,
            run.rates,
            length=length,
            t=t,
        )
        own = [node for node in hyper_inputs(update.graph) if node not in update.rates]
        return update_program(run.weight.dtype.name, update), own, len(run.rates)
