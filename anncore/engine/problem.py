"""What a trial is trained on: a network on data, or an objective by itself.

Packing and training ask both the same few questions. Nothing else in the engine tells them apart.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

from anncore.contract.kinds import Task, WeightSpec
from anncore.contract.problem_kinds import NETWORK_ON_DATA, OBJECTIVE, problem_in
from anncore.contract.registry import Registered, Registry
from anncore.contract.trial import LANES, Trial
from anncore.engine import objective_stack
from anncore.engine.batches import load
from anncore.engine.build import structure
from anncore.engine.datasets import Prepared, inspect
from anncore.engine.evaluation import Evaluator
from anncore.engine.network import network_specs
from anncore.engine.network_stack import Stack
from anncore.engine.objective_stack import ObjectiveEvaluator, ObjectiveStack
from anncore.engine.output_and_loss import output_structure, outputs_per_target
from anncore.engine.weighting import metric_is_mean

Known = dict[tuple[Any, ...], str]
"""Answers that many trials share, by what determines them."""


class WorkingSet(NamedTuple):
    """What one trial keeps in memory while it trains."""

    weights: Sequence[WeightSpec]
    batch: int  # examples in a step
    units: int  # of all layers and the inputs, for each example
    outputs: int  # of the network, for each example


class Problem(ABC):
    """What packing and training need to know about the problem of a trial."""

    @abstractmethod
    def shape(self, trial: Trial, registry: Registry, known: Known) -> str:
        """Return a text that is equal for two trials if all their arrays have equal shapes."""

    parts: ClassVar[tuple[str, ...]]
    """The kinds of components with which `order` ends, none of which a network's passes are made of."""

    @abstractmethod
    def order(self, trial: Trial, registry: Registry) -> tuple[str, ...]:
        """Return the key by which a stack is sorted, so that equal components lie side by side."""

    @abstractmethod
    def working_set(self, trial: Trial, registry: Registry) -> WorkingSet:
        """Return what one trial keeps in memory while it trains."""

    @abstractmethod
    def n_train(self, trial: Trial, registry: Registry) -> int:
        """Return the number of training examples that a trial will have."""

    @abstractmethod
    def load(self, trials: Sequence[Trial], registry: Registry) -> Sequence[Any]:
        """Return the data of each trial."""

    @abstractmethod
    def shapes_of(self, data: Any) -> tuple[Any, ...]:
        """Return the shapes of one trial's data; trials of equal shapes train in one stack."""

    @abstractmethod
    def stack(self, trials: Sequence[Trial], registry: Registry, data: Sequence[Any]) -> Any:
        """Return the stack of trials of equal shapes."""

    @abstractmethod
    def evaluator(self, stack: Any) -> Any:
        """Return the object that scores the trials of a stack."""

    @abstractmethod
    def examples(self, data: Any) -> int:
        """Return the number of training examples."""

    @abstractmethod
    def metrics(self, data: Any, registry: Registry, stack: Any) -> list[Registered]:
        """Return the metrics, besides the loss, that score predictions on the data or networks."""


class NetworkOnData(Problem):
    """A network, trained on the examples of a data set."""

    parts = ("optimizer", "schedule", "initializer")

    def shape(self, trial: Trial, registry: Registry, known: Known) -> str:
        """Return the shapes of data and weights, and the structure of network and loss."""
        part, network = trial.parts["dataset"], trial.parts["network"]
        dataset = (part.text, *sorted(part.paths.items()), trial.split.text)
        if dataset not in known:
            known[dataset] = repr(_seen(trial, registry))
        sizes = (known[dataset], network.text, trial.parts["loss"].name)
        if sizes not in known:
            specs = self.working_set(trial, registry).weights
            known[sizes] = repr((structure(network, registry, refs=False), specs))
        return f"{known[dataset]}\n{known[sizes]}"

    def order(self, trial: Trial, registry: Registry) -> tuple[str, ...]:
        """Return the structure of each part, the activations first.

        A step calls an activation several times and an optimizer once, so long runs of equal activations save
        more time: 20 activations x 5 optimizers x 5 seeds take 0.6 of the time of the other order.
        """
        network = structure(trial.parts["network"], registry)
        rest = (structure(trial.parts[kind], registry) for kind in self.parts)
        return (network, output_structure(trial, registry), *rest)

    def working_set(self, trial: Trial, registry: Registry) -> WorkingSet:
        """Return weights, batch and units."""
        seen = _seen(trial, registry)
        outputs = seen.outputs * outputs_per_target(trial, registry)
        weights = network_specs(trial.parts["network"], registry, seen.inputs, outputs)
        batch = seen.n_train if trial.train.batch_size == "full" else int(trial.train.batch_size)
        units = seen.inputs + sum(spec.shape[1] for spec in weights if spec.role == "weight")
        return WorkingSet(weights, batch, units, outputs)

    def n_train(self, trial: Trial, registry: Registry) -> int:
        """Return the number of training examples that a trial will have."""
        return int(_seen(trial, registry).n_train)

    def load(self, trials: Sequence[Trial], registry: Registry) -> Sequence[Prepared]:
        """Return the prepared data of each trial."""
        return load(trials, registry)

    def shapes_of(self, data: Prepared) -> tuple[Any, ...]:
        """Return the task and the shapes of all splits."""
        splits = (data.x_train, data.x_valid, data.x_test, data.y_train)
        return (data.task, *(split.shape for split in splits))

    def stack(self, trials: Sequence[Trial], registry: Registry, data: Sequence[Prepared]) -> Stack:
        """Return a stack of networks."""
        if trials[0].train.engine == LANES:
            from anncore.engine.lanes.stack import LaneStack

            return LaneStack(trials, registry, data)
        return Stack(trials, registry, data)

    def evaluator(self, stack: Stack) -> Evaluator:
        """Return the evaluator, which scores networks on the splits."""
        if stack.strides:
            from anncore.engine.lanes.stack import LaneEvaluator, LaneStack

            assert isinstance(stack, LaneStack)
            return LaneEvaluator(stack)
        return Evaluator(stack)

    def examples(self, data: Prepared) -> int:
        """Return the number of training examples."""
        return len(data.x_train)

    def metrics(self, data: Prepared, registry: Registry, stack: Stack) -> list[Registered]:
        """Return the metrics that fit the task, of those that networks give the ones that this one has."""
        offered = stack.network.component.measured
        fitting = registry.metrics(data.task)
        if data.w_train is not None:
            fitting = [metric for metric in fitting if _weighable(metric.cls, data.task)]
        return [metric for metric in fitting if not metric.cls.from_network or metric.name in offered]


class Minimisation(Problem):
    """An objective, minimised by itself; its "data" are the number of its arguments."""

    parts = ("optimizer", "schedule", "objective")

    def shape(self, trial: Trial, registry: Registry, known: Known) -> str:
        """Return the number of arguments."""
        function = ("objective", trial.parts["objective"].text)
        if function not in known:
            known[function] = f"objective {objective_stack.dimensions(trial, registry)}"
        return known[function]

    def order(self, trial: Trial, registry: Registry) -> tuple[str, ...]:
        """Return the structure of each part."""
        return tuple(structure(trial.parts[kind], registry) for kind in self.parts)

    def working_set(self, trial: Trial, registry: Registry) -> WorkingSet:
        """Return the arguments; there are neither examples nor units."""
        return WorkingSet(objective_stack.specs(objective_stack.dimensions(trial, registry)), 1, 0, 1)

    def n_train(self, trial: Trial, registry: Registry) -> int:
        """Return 1: every step uses the whole objective."""
        return 1

    def load(self, trials: Sequence[Trial], registry: Registry) -> Sequence[int]:
        """Return the number of each objective's arguments."""
        return [objective_stack.dimensions(trial, registry) for trial in trials]

    def shapes_of(self, data: int) -> tuple[Any, ...]:
        """Return the number of arguments."""
        return ("objective", data)

    def stack(self, trials: Sequence[Trial], registry: Registry, data: Sequence[int]) -> ObjectiveStack:
        """Return a stack of objectives."""
        return ObjectiveStack(trials, registry)

    def evaluator(self, stack: ObjectiveStack) -> ObjectiveEvaluator:
        """Return the evaluator, which gives the values under the names of losses."""
        return ObjectiveEvaluator(stack)

    def examples(self, data: int) -> int:
        """Return 1: every step uses the whole objective."""
        return 1

    def metrics(self, data: int, registry: Registry, stack: ObjectiveStack) -> list[Registered]:
        """Return an empty list: an objective's value is its only score."""
        return []


def _weighable(cls: Any, task: Task) -> bool:
    """Tell whether a metric has a weighted form: a score of predictions that is a mean over examples."""
    return bool(cls.watches) or (not cls.from_network and metric_is_mean(cls(), task))


ON_DATA, MINIMISATION = NetworkOnData(), Minimisation()
PROBLEMS: tuple[Problem, ...] = (ON_DATA, MINIMISATION)
BY_KIND = {NETWORK_ON_DATA.kind: ON_DATA, OBJECTIVE.kind: MINIMISATION}


def problem_of(trial: Trial) -> Problem:
    """Return the problem of a trial."""
    return BY_KIND[problem_in(trial.parts).kind]


def _seen(trial: Trial, registry: Registry) -> Any:
    return inspect(trial.parts["dataset"], trial.split, trial.sweep_seed, trial.seed, registry)
