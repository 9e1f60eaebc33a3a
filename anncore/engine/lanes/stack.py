"""A stack whose steps, forward passes, losses and predictions are kernels, each trial in its own lane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np

from anncore.contract.derivatives.symbols import Node
from anncore.contract.kinds import Array
from anncore.contract.registry import Registry
from anncore.contract.trial import Trial
from anncore.engine.batches import total_steps
from anncore.engine.build import structure
from anncore.engine.datasets import Prepared
from anncore.engine.lanes.agreement import refuse_disagreement
from anncore.engine.lanes.arithmetic import refuse_other_arithmetic
from anncore.engine.lanes.code import KINDS
from anncore.engine.lanes.compiling import Argument, Called, address
from anncore.engine.lanes.drawing import Draws
from anncore.engine.lanes.evaluator import BLOCK
from anncore.engine.lanes.facts import facts_of, has_trials, signature
from anncore.engine.lanes.graphs import forward_pass, hyper_inputs, prediction_graph, training_pass
from anncore.engine.lanes.made import Made, Source, Sources, codes_of, components_of, made
from anncore.engine.lanes.nests import Unlowerable
from anncore.engine.lanes.orders import Orders
from anncore.engine.lanes.places import Lanes, aligned, spaced
from anncore.engine.lanes.programs import (
    TRAINING,
    Layout,
    Program,
    driver_program,
    forward_program,
    pass_program,
    prediction_program,
)
from anncore.engine.lanes.updates import LaneUpdate, Turns
from anncore.engine.network_stack import Stack
from anncore.engine.optimizing import OptimizerRun
from anncore.engine.output_and_loss import output_structure, outputs_per_target

_AGREED: set[str] = set()  # kernels that this process has compared with their formulas


class LaneStack(Stack):
    """T trials of one structure in training.

    Raises Unlowerable, with the reason, for what lanes cannot do.
    """

    strides = True
    _ahead = False  # whether the lanes hold newer numbers than the arrays by trial

    def __init__(
        self,
        trials: Sequence[Trial],
        registry: Registry,
        data: Sequence[Prepared],
        *,
        agreed: bool = False,
    ) -> None:
        super().__init__(trials, registry, data)
        self._refuse()
        self._agreed = agreed  # whether its kernels need no comparison with the formulas
        self._orders = Orders(self.trials, self.data)
        self.lanes = self._lanes()
        self.layout = Layout.of(self.specs)
        self.running = Layout.of(self._state.specs)
        self._theta = self.lanes.empty(self.layout.size)
        self._grads = self.lanes.empty(self.layout.size)
        self._running = self.lanes.empty(self.running.size)
        self._x = self.lanes.addresses(self._orders.x, self._orders.group)
        self._y = self.lanes.addresses(self._orders.y, self._orders.group)
        self._w = self.lanes.addresses(self._orders.w, self._orders.group) if self._orders.w else self._y
        self._firsts = self.lanes.firsts(self._orders.group)
        self._loaded = False
        self._functions: tuple[int, ...] = ()  # passes, by address
        self._prepared = 0  # for how many steps its kernels are made

    def _lanes(self) -> Lanes:
        """Return the trials as they lie in the lanes: by optimizer, and of one those with the same data."""
        lengths = [run.rows.stop - run.rows.start for run in self.optimizers]
        runs = np.repeat(np.arange(len(lengths)), lengths)
        own = spaced(lengths, KINDS[self.dtype].lanes)
        return Lanes(np.lexsort((self._orders.group, runs)), self.dtype, own)

    def _refuse(self) -> None:
        network = self.network
        ways = {
            "learns by a rule of its own": network.learns,
            "updates its weights in turns": bool(network.turns),
            "changes its weights after each step": network.adjusts,
            "has a gradient that its author wrote": not network.is_followed,
        }
        for way, holds in ways.items():
            if holds:
                raise Unlowerable(f"network {network.component.name} {way}")
        if any(map(has_trials, facts_of(network.component).values())):
            name = network.component.name
            raise Unlowerable(f"network {name} keeps numbers per trial besides its hyperparameters")
        if len(self.output.pairs) != 1:
            raise Unlowerable("several losses in one stack")

    @property
    def when(self) -> tuple[bool, bool] | None:
        """The mode of a pass in training; None for a network that does not tell them apart."""
        return (True, True) if self.network.component.modes else None

    @property
    def network_outputs(self) -> int:
        """The number of output units."""
        return self.data[0].outputs * outputs_per_target(self.trials[0], self.registry)

    @cached_property
    def structure(self) -> tuple[Any, ...]:
        """What is equal for stacks that one kernel serves."""
        trial = self.trials[0]
        parts = (structure(trial.parts["network"], self.registry), output_structure(trial, self.registry))
        # A class that was written anew in one session has the same name and another code.
        codes = (codes_of(trial.parts["network"]), codes_of(trial.parts["loss"]))
        facts = signature(components_of(self))
        shapes = self.dtype, self._orders.widths, self.network_outputs, self.when, self.weighted
        # Which weights there are may depend on hyperparameters, as where an activation learns but one slope.
        weights = tuple((spec.name, *spec.shape, spec.role) for spec in self.network.specs)
        return (*parts, codes, facts, *shapes, weights)

    @property
    def weighted(self) -> bool:
        """Whether examples have weights."""
        return self.data[0].w_train is not None

    @cached_property
    def _made_passes(self) -> list[Made]:
        """The kernels of the passes, one for each size of batches."""
        return [
            made(("pass", *self.structure, size), self.sources, partial(self._pass, size))
            for size in self._orders.sizes
        ]

    def _pass(self, size: int) -> tuple[Program, list[Node], int]:
        inputs, targets = self._orders.widths
        count = len(self.trials)
        pass_ = training_pass(
            self.network.component,
            self.network.activations,
            self.network.specs,
            self.output.pairs[0],
            ((count, size, inputs), (count, size, targets)),
            self.network_outputs,
            self.dtype,
            self.when,
            weighted=self.weighted,
        )
        program = pass_program(self.dtype, size, pass_, self.layout, self.running)
        return program, hyper_inputs(pass_.graph), 0

    @cached_property
    def _updates(self) -> list[LaneUpdate]:
        """The optimizers. Raises Unlowerable, with the reason, for one that lanes cannot compute."""
        return [
            LaneUpdate(run, self.trials[run.rows.start], self.registry, self.lanes) for run in self.optimizers
        ]

    def write_passes(self) -> int:
        """Write the kernels of passes and predictions, and compile nothing; return the longest one's length.

        Raises ComponentError, with the reason, where lanes cannot do what a component does.
        """
        made = (*self._made_passes, self.made_forward, self.made_prediction)
        return max(one.program.length for one in made)

    def write_updates(self) -> tuple[int, frozenset[str]]:
        """Write the kernels of updates, and compile nothing; return the length of the longest one.

        The second value tells what else has other kernels: other "values" of hyperparameters that a formula
        looks at, more "steps" if it asks for their number, another "network" if it looks at arrays. Raises
        ComponentError, with the reason, where lanes cannot do what an optimizer does.
        """
        steps = total_steps(self.train, len(self.data[0].x_train))
        for update in self._updates:
            update.run.initialize()
        lengths = [program.length for update in self._updates for program in update.prepare(steps)]
        return max(lengths), frozenset().union(*(update.ways.depend_on for update in self._updates))

    def prepare(self, steps: int) -> None:
        """Make the kernels of a training of so many steps; the optimizer must have its first state."""
        if steps <= self._prepared:
            return
        refuse_other_arithmetic(self.dtype)
        self._prepared = steps
        passes = [made.program for made in self._made_passes]
        programs = list(passes)
        for update in self._updates:
            own = update.prepare(steps)
            programs += own
            texts = {program.text for program in (*passes, self.made_prediction.program, *own)}
            if not self._agreed and not texts <= _AGREED:
                refuse_disagreement(self, update.run.rows.start, update.ways.examples)
                _AGREED.update(texts)
        functions = [address(program.text) for program in passes]
        self._functions = functions[0], functions[-1]
        self._driver = Called(driver_program().text, TRAINING)
        most = max(program.work for program in programs)
        self._work = aligned((most, self.lanes.lanes), self.dtype)
        self._hypers = [self.hypers(made.hypers) for made in self._made_passes]

    @property
    def gradients(self) -> Array:
        """The gradients of the last step, (T, P)."""
        grads = np.empty_like(self._trained.all)
        self.lanes.take(self._grads, grads)
        return grads

    @property
    def theta(self) -> Array:
        """All weights, (T, P)."""
        self._settle()
        return self._trained.all

    @property
    def weights(self) -> Mapping[str, Array]:
        """The weights and the network's state by name."""
        self._settle()
        return self._weights

    @property
    def optimizers(self) -> list[OptimizerRun]:
        """The optimizers, each on its own trials."""
        self._settle()
        return self._runs

    def stuck(self) -> dict[int, str]:
        """Return the rows whose optimizer's state is not finite, each with the reason."""
        if self._loaded and all(update.finite for update in self._updates):
            return {}
        return super().stuck()

    @cached_property
    def sources(self) -> Sources:
        """The hyperparameters of network and loss."""
        return Sources(components_of(self), len(self.trials))

    def hypers(self, sources: Sequence[Source]) -> Array:
        """Return hyperparameters of network and loss in lanes, in this order."""
        return self.sources.laid(sources, self.lanes)

    def initialize(self) -> None:
        """Draw the initial weights, set the optimizers' first state, and forget what is in the lanes."""
        self._loaded = self._ahead = False
        super().initialize()

    def step(self, t: int, steps: int) -> None:
        """Make update t of `steps` on the next batch."""
        self.advance(t, t, steps)

    def advance(self, first: int, last: int, steps: int) -> None:
        """Make the updates from `first` to `last`."""
        if last < first:
            return
        self.prepare(max(last, steps))
        self._load()
        most = min(self._draws.most_steps or last, self._orders.most_steps)
        for start in range(first, last + 1, most):
            self._advance(start, min(start + most - 1, last), steps)
        self.now = (last, steps)
        self._ahead = True

    def _advance(self, first: int, last: int, steps: int) -> None:
        """Make some updates in one call."""
        count = last - first + 1
        order, starts, kinds = self._orders.next(count)
        drawn, drawn_at = self._draws.next(kinds)
        functions = [update.functions(first, last, steps, self._work) for update in self._updates]
        values: dict[str, Argument] = {
            "groups": self.lanes.groups,
            "steps": count,
            "pass": self._functions[0],
            "pass_of_the_rest": self._functions[1],
            "kinds": kinds,
            "state": self._running,
            "hypers": np.array([one.ctypes.data for one in self._hypers], np.int64)[kinds],
            "x": self._x,
            "y": self._y,
            "w": self._w,
            "order": self.lanes.addresses(order, self._orders.group),
            "starts": starts,
            "firsts": self._firsts,
            "numbers": self.layout.size,
            "theta": self._theta,
            "grads": self._grads,
            "work": self._work,
            "drawn": self.lanes.addresses(drawn, self._draws.group),
            "drawn_at": drawn_at,
            "drawn_shared": self._draws_shared,
            "turns": self._update_turns.turns,
            "updates": self._update_turns.updates(functions),
            "tables": self._update_turns.tables,
            "sections": self._update_turns.sections,
        }
        self._driver(values)

    @cached_property
    def _draws(self) -> Draws:
        """The random numbers of its steps."""
        kinds = [made.program.drawn for made in self._made_passes]
        return Draws(self.trials, self.network.noise, self.network.activations, kinds)

    @cached_property
    def _draws_shared(self) -> Array:
        return self.lanes.shared(self._draws.group)

    def _load(self) -> None:
        """Bring weights and states into the lanes, once."""
        if self._loaded:
            return
        self.lanes.put(self._trained.all, self._theta)
        if self.running.size:
            self.lanes.put(self._state.all, self._running)
        for update in self._updates:
            update.load(self.layout.size, self._theta, self._grads)
        self._update_turns = Turns(self._updates, self.lanes.groups)
        self._loaded = True

    def _settle(self) -> None:
        """Bring weights and states from the lanes to where all else looks for them, once it does."""
        if not self._ahead:
            return
        self._ahead = False
        self.lanes.take(self._theta, self._trained.all)
        if self.running.size:
            self.lanes.take(self._running, self._state.all)
        for update in self._updates:
            update.unload()

    @property
    def batch(self) -> tuple[Array, Array]:
        """Refused: the batches of a kernel are nowhere to be seen."""
        raise Unlowerable("the batch of a step")

    def narrowed(self, keep: Array) -> LaneStack:
        """Return a stack of the trials at the rows `keep`; they continue with the same numbers."""
        self._settle()
        smaller = super().narrowed(keep)
        assert isinstance(smaller, LaneStack)
        return smaller

    def _follow(self, before: Any) -> None:
        self._orders.go_on(before._orders)

    @cached_property
    def made_forward(self) -> Made:
        """The kernel of forward passes outside training."""

        def make() -> tuple[Program, list[Node], int]:
            shape = (len(self.trials), BLOCK, self._orders.widths[0])
            when = None if self.when is None else (False, True)
            pass_ = forward_pass(
                self.network.component, self.network.specs, shape, self.network_outputs, self.dtype, when
            )
            program = forward_program(self.dtype, BLOCK, pass_, self.layout, self.running)
            return program, hyper_inputs(pass_.graph), 0

        return made(("forward", *self.structure), self.sources, make)

    @cached_property
    def made_prediction(self) -> Made:
        """The kernel of predictions, without text where z is what is predicted."""

        def make() -> tuple[Program, list[Node], int]:
            shape = (len(self.trials), BLOCK, self.network_outputs)
            prediction = prediction_graph(self.output.pairs[0], shape, self.data[0].outputs, self.dtype)
            return prediction_program(self.dtype, prediction), prediction.hypers, 0

        return made(("prediction", *self.structure), self.sources, make)

    def evaluated_lanes(self) -> tuple[Array, Array]:
        """Return the weights to evaluate at, and the network's state, in lanes."""
        self._load()
        if not any(run.elsewhere for run in self._runs):
            return self._theta, self._running
        self._settle()
        theta = self._trained.all.copy()
        for turn in self._turns:
            turn.write_evaluated(theta)
        return self.lanes.put(theta), self._running
