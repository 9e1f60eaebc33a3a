"""What can be checked of a plan without training: every part is made once and must fit the others."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from itertools import islice
from typing import Any, cast

import numpy as np

from anncore.contract import kinds
from anncore.contract.errors import (
    RAISED_BY_PLUGINS,
    AnnxError,
    ComponentError,
    ExperimentError,
    described,
    nearest,
)
from anncore.contract.hyperparameters import declared
from anncore.contract.kind_names import UNTUNED
from anncore.contract.registry import Registered
from anncore.contract.trial import LANES, Trial
from anncore.engine.build import build_part
from anncore.engine.curvature import refuse_unanswered
from anncore.engine.decision_maps import MOST_CLASSES, has_maps
from anncore.engine.network import shows_layers
from anncore.engine.optimizing import refuse_unfit
from anncore.engine.training import total_steps
from anncore.experiment.choices import Choice, Combo, Option
from anncore.experiment.claim import check_claim
from anncore.experiment.metric_values import check_metrics
from anncore.experiment.mistakes import Mistakes
from anncore.experiment.model import Entry
from anncore.experiment.select_metric import check_select
from anncore.experiment.settings import MOST_EVALUATIONS, too_many_evaluations
from anncore.experiment.success import check_limits, check_success
from anncore.experiment.trials import TrialMaker

CLASSES = {"binary", "multiclass"}  # tasks whose targets are classes
MOST_BUILT = 20_000  # of the combinations of one problem and one arm; further ones differ in numbers alone


class PlanChecker:
    """Checks the configurations of one plan: those of its combinations, and those that are included."""

    def __init__(self, combos: Sequence[Combo], included: Sequence[Option], maker: TrialMaker) -> None:
        self.combos, self.included = combos, included
        self.trials, self.parts, self.fit = maker, maker.maker, maker.fit
        self.experiment = maker.experiment
        self._tasks: dict[str, str] = {}  # by the label of a data set
        self._maps = False  # whether a data set has a map of decisions
        self._updated: set[tuple[Any, ...]] = set()  # problems and optimizers that fit
        self._laned: set[tuple[Any, ...]] = set()  # configurations that lanes compute

    def check(self, arms: Collection[str], problems: Iterable[str]) -> None:
        """Raise an AnnxError for what does not work, ExperimentErrors for several things that do not."""
        mistakes = Mistakes()
        failed: set[tuple[str, ...]] = set()  # labels of what does not work, which is said once
        for combo in self.combos:
            if not combo.count():
                continue
            problem = tuple(combo.entries[kind].label for kind in (*UNTUNED, "loss") if kind in combo.entries)
            start = [
                combo.entries[kind].label for kind in ("initializer", "network") if kind in combo.entries
            ]
            for labels, check in (
                (("problem", *problem), self._check_problem),
                (("optimizer", combo.entries["optimizer"].label), self._check_optimizer),
                (("initializer", *start), self._check_initializer),
                (("units", *problem, _label(combo, "activation")), self._check_units),
                (("asked", *problem, combo.entries["optimizer"].label), self._check_questions),
            ):
                if ("problem", *problem) in failed or labels in failed:
                    continue
                if not mistakes.attempt(partial(check, combo), False):
                    failed.add(labels)
        for config in self.included:
            mistakes.attempt(partial(self._check_included, config), None)
        mistakes.raise_all()
        mistakes.attempt(partial(check_select, self.experiment, self._tasks), None)
        mistakes.attempt(partial(check_metrics, self.experiment, self._tasks.values()), None)
        mistakes.attempt(partial(check_success, self.experiment, self._tasks), None)
        mistakes.attempt(self._check_asked_for, None)
        if not (self.experiment.only or self.experiment.skip):  # then names may be left out on purpose
            mistakes.attempt(partial(self._check_control, arms), None)
            mistakes.attempt(partial(check_claim, self.experiment, arms), None)
            mistakes.attempt(partial(self._check_targets, {*problems, *self._tasks}), None)
            mistakes.attempt(partial(check_limits, self.experiment, {*problems, *self._tasks}), None)
        mistakes.raise_all()

    def _check_asked_for(self) -> None:
        """Refuse what the file asks for and what nothing in the plan can give."""
        experiment = self.experiment
        if experiment.report.get("maps_at") and experiment.entries["objective"]:
            raise ExperimentError(
                f"{experiment.file}: [report] maps_at asks for maps of what networks predict, and an "
                "objective has no network; leave it out (the figure of trajectories shows the path)."
            )
        if experiment.report.get("maps_at") and not (self._maps or experiment.only or experiment.skip):
            raise ExperimentError(
                f"{experiment.file}: [report] maps_at asks for maps over the plane of two features, of "
                f"{MOST_CLASSES} classes at most, and no data set here has these; leave it out."
            )
        asked = experiment.document.get("split", {})
        if asked.get("stratify") is True and self._tasks and not CLASSES & {*self._tasks.values()}:
            raise ExperimentError(
                f"{experiment.file}: [split] stratify = true keeps the shares of classes equal, and no data "
                "set here has classes; leave it out."
            )

    def _check_problem(self, combo: Combo) -> bool:
        """Refuse data, network and loss that do not fit together; return True."""
        for choices, _ in combo.options_of(UNTUNED):
            by_kind = {choice.entry.kind: choice for choice in choices}
            self._note_task(by_kind)
            self.fit.check(by_kind, combo.entries)
            self._check_evaluations(by_kind, combo.entries)
        loss = combo.entries.get("loss")
        if loss is not None and loss.component is not None:
            for choices, _ in islice(combo.options_of((*UNTUNED, "loss")), MOST_BUILT):
                self.fit.check_lists({choice.entry.kind: choice for choice in choices})
        return True

    def _check_optimizer(self, combo: Combo) -> bool:
        """Refuse an optimizer that does not fit data or weights, and what breaks a rule of its own."""
        self._check_batch(combo.entries["optimizer"].label, _inside(combo.entries["optimizer"]))
        for kind in self.experiment.parts:
            if kind not in UNTUNED:
                self._check_rules_of(combo, kind)
        self._check_updates(combo)
        self._check_lanes(combo)
        return True

    def _check_questions(self, combo: Combo) -> bool:
        """Refuse an optimizer that asks for more than gradients, where nothing answers; return True."""
        if not _asks_for_curvature(combo.entries["optimizer"]):
            return True
        for choices, _ in islice(combo.options_of((*UNTUNED, "loss", "activation", "optimizer")), MOST_BUILT):
            by_kind = {choice.entry.kind: choice for choice in choices}
            self._check_answers(by_kind)
        return True

    def _check_answers(self, choices: Mapping[str, Choice]) -> None:
        others = [choice for kind, choice in choices.items() if kind != "activation"]
        alike = ("asked", *map(_structure, others))
        if alike in self._updated:
            return
        self._updated.add(alike)
        parts = self.fit.parts(choices) | {"optimizer": self.parts.plain(choices["optimizer"])}
        try:
            refuse_unanswered(parts, self.experiment.registry)
        except ComponentError as error:
            where = f"{self.experiment.file}: [optimizer.{choices['optimizer'].entry.label}]"
            raise ExperimentError(
                f"{where}: {str(error).rstrip('.')}. Or leave the pair out by [[exclude]]."
            ) from None
        except RAISED_BY_PLUGINS as error:
            raise ExperimentError(f"{self.experiment.file}: {_pair(choices)}: {described(error)}") from error

    def _check_lanes(self, combo: Combo) -> None:
        """Refuse what asks for the engine "lanes" and cannot have it, one configuration of each structure."""
        if not any(train.engine == LANES for train in self.experiment.every_train):
            return
        kinds_ = [kind for kind in self.experiment.parts if kind in combo.entries]
        for config, _ in islice(combo.options_of(kinds_), MOST_BUILT):
            alike = tuple(_structure(choice) for choice in config)
            if alike not in self._laned:
                self._laned.add(alike)
                next(iter(self.trials.trials(config, "tune", self.experiment.report_seeds[:1])))

    def _check_initializer(self, combo: Combo) -> bool:
        """Refuse an initializer that looks at layers and a network that does not show them; return True."""
        initializer, network = (combo.entries.get(kind) for kind in ("initializer", "network"))
        if initializer is None or network is None or not initializer.component or not network.component:
            return True
        looks = kinds.overrides(initializer.component.cls, kinds.Initializer.adjust)
        if looks and not shows_layers(network.component.cls):
            raise ExperimentError(
                f"{self.experiment.file}: [initializer.{initializer.label}] {initializer.component.name} "
                f"looks at the layers of a network, and [network.{network.label}] does not show its layers; "
                "use another initializer, or leave the pair out by [[exclude]]."
            )
        if kinds.overrides(initializer.component.cls, kinds.Initializer.draw):
            self._check_draws(combo)
        return True

    def _check_units(self, combo: Combo) -> bool:
        """Refuse an activation that cannot give a layer's number of units; return True."""
        activation = combo.entries.get("activation")
        if activation is not None and activation.component and activation.component.cls.multiple > 1:
            for choices, _ in islice(combo.options_of((*UNTUNED, "loss", "activation")), MOST_BUILT):
                self.fit.parts({choice.entry.kind: choice for choice in choices})
        return True

    def _check_draws(self, combo: Combo) -> None:
        """Refuse an initializer that cannot start a network, such as one with a file of other arrays."""
        for choices, _ in islice(combo.options_of((*UNTUNED, "initializer")), MOST_BUILT):
            by_kind = {choice.entry.kind: choice for choice in choices}
            weights = self.fit.weights(by_kind, combo.entries)
            part = self.parts.plain(by_kind["initializer"])
            try:
                build_part(part, self.experiment.registry).draw(np.random.default_rng(0), weights)
            except RAISED_BY_PLUGINS as error:
                labels = {kind: by_kind[kind].entry.label for kind in ("initializer", "network")}
                reason = error if isinstance(error, AnnxError) else described(error)
                raise ExperimentError(
                    f"{self.experiment.file}: [initializer.{labels['initializer']}] on "
                    f"[network.{labels['network']}]: {reason}"
                ) from error

    def _check_updates(self, combo: Combo) -> None:
        """Refuse an optimizer, with what is inside it and its schedule, that cannot update the weights."""
        if self._is_plain(combo):
            return
        kinds = (*UNTUNED, "optimizer", "schedule")
        for choices, _ in islice(combo.options_of(kinds), MOST_BUILT):
            by_kind = {choice.entry.kind: choice for choice in choices}
            problem = tuple(by_kind[kind] for kind in UNTUNED if kind in by_kind)
            alike = (problem, *(_structure(by_kind[kind]) for kind in ("optimizer", "schedule")))
            if alike not in self._updated:
                self._updated.add(alike)
                self._check_update(by_kind, combo.entries)

    def _is_plain(self, combo: Combo) -> bool:
        """Tell whether an optimizer updates any weights: each number by itself, with a rate to schedule."""
        schedule = combo.entries["schedule"].component
        constant = schedule is not None and schedule.cls.constant is True
        return constant and all(
            component.cls.scope == "number"
            and not component.cls.asks
            and not kinds.overrides(component.cls, kinds.AnyOptimizer.route)
            for component in _inside(combo.entries["optimizer"])
            if component.kind == "optimizer"
        )

    def _check_update(self, choices: Mapping[str, Choice], entries: Mapping[str, Entry]) -> None:
        experiment = self.experiment
        weights = self.fit.weights(choices, entries)
        trial = Trial(
            parts={kind: self.parts.plain(choices[kind]) for kind in ("optimizer", "schedule")},
            train=experiment.train_on({kind: entry.label for kind, entry in entries.items()}),
            split=experiment.split_of(choices["dataset"].entry.label if "dataset" in choices else None),
            sweep_seed=experiment.sweep_seed,
            seed=experiment.report_seeds[0],
            test=False,
        )
        try:
            refuse_unfit(trial, experiment.registry, weights)
        except ComponentError as error:
            reason = str(error).rstrip(".")
            raise ExperimentError(
                f"{experiment.file}: {_pair(choices)}: {reason}. Or leave the pair out by [[exclude]]."
            ) from None
        except RAISED_BY_PLUGINS as error:
            raise ExperimentError(f"{experiment.file}: {_pair(choices)}: {described(error)}") from error

    def _check_included(self, config: Option) -> None:
        parts = self.trials.parts(config)
        label = next(choice.entry.label for choice in config if choice.entry.kind == "optimizer")
        self._check_batch(label, self.parts.components(parts["optimizer"]))
        by_kind = {choice.entry.kind: choice for choice in config}
        self._note_task(by_kind)
        if "loss" in by_kind:
            self.fit.check_lists(by_kind)
        if _asks_for_curvature(by_kind["optimizer"].entry):
            self._check_answers(by_kind)

    def _check_evaluations(self, choices: Mapping[str, Choice], entries: Mapping[str, Entry]) -> None:
        """Refuse very many evaluations, where their number follows from epochs and the data."""
        train = self.experiment.train_on({kind: entry.label for kind, entry in entries.items()})
        if train.steps is not None or "dataset" not in choices:
            return
        steps = total_steps(train, self.parts.shapes(choices["dataset"]).n_train)
        if steps > train.eval_every * MOST_EVALUATIONS:
            reason = too_many_evaluations(steps, train.eval_every)
            raise ExperimentError(f"{self.experiment.file}: [train] {reason}")

    def _note_task(self, choices: Mapping[str, Choice]) -> None:
        for label, task in self.fit.tasks(choices).items():
            self._tasks.setdefault(label, task)
            self._maps = self._maps or has_maps(self.parts.shapes(choices["dataset"]))

    def _check_rules_of(self, combo: Combo, kind: str) -> None:
        """Build every choice of components that have a rule of their own (`validate`) once."""
        if not any(
            kinds.overrides(component.cls, kinds.Component.validate)
            for component in _inside(combo.entries[kind])
        ):
            return
        for choices, _ in islice(combo.options_of((kind,)), MOST_BUILT):
            for choice in choices:
                if choice.entry.kind == kind:
                    self.parts.plain(choice)

    def _check_batch(self, label: str, components: Iterable[Registered]) -> None:
        """Refuse batches beside an optimizer that compares losses and so needs the same data at each step."""
        experiment = self.experiment
        for component in components:
            if not component.cls.full_batch:
                continue
            where = f"{experiment.file}: [optimizer.{label}] {component.name} needs the full batch"
            batches = [train.batch_size for train in experiment.every_train if train.batch_size != "full"]
            if batches:
                raise ExperimentError(f'{where}; write [train] batch_size = "full", got {batches[0]}.')
            for entry in experiment.entries["objective"]:
                if entry.component is not None and entry.component.cls.noisy:
                    raise ExperimentError(
                        f"{where}, an exact gradient, but that of [objective.{entry.label}] is noisy; leave "
                        "out one of the two."
                    )

    def _check_control(self, arms: Collection[str]) -> None:
        control = self.experiment.report.get("control")
        if control is not None and control not in arms:
            raise ExperimentError(
                f"{self.experiment.file}: [report] control must be one of the arms {', '.join(arms)}, "
                f"got {control!r}.{nearest(control, arms)}"
            )

    def _check_targets(self, known: Collection[str]) -> None:
        targets = self.experiment.report.get("target")
        for name in targets if isinstance(targets, Mapping) else ():
            if name not in known:
                raise ExperimentError(
                    f"{self.experiment.file}: [report] target names {name!r}, which is no data set; there "
                    f"are {', '.join(sorted(known))}.{nearest(name, known)}"
                )


def _pair(choices: Mapping[str, Choice]) -> str:
    """Return the sections of an optimizer and of what it updates."""
    kinds = [kind for kind in ("optimizer", "network", "objective") if kind in choices]
    return " and ".join(f"[{kind}.{choices[kind].entry.label}]" for kind in kinds)


def _structure(choice: Choice) -> tuple[Any, ...]:
    """Return what a component is built of, without the numbers that may differ in a stack."""
    numbers = {key for key in choice.given if all(map(partial(_is_number, key), _at(choice.entry, key)))}
    return (choice.entry.label, *(repr(value) for key, value in choice.given.items() if key not in numbers))


def _asks_for_curvature(entry: Entry) -> bool:
    """Tell whether an optimizer, or one that it may hold, asks for more than gradients."""
    return any(
        component.kind == "optimizer" and issubclass(component.cls, kinds.CurvatureOptimizer)
        for component in _inside(entry)
    )


def _at(entry: Entry, key: str) -> Sequence[Registered]:
    place, dot, _ = key.rpartition(".")
    return entry.reachable.get(f"{place}{dot}", ())


@cache
def _is_number(key: str, component: Registered) -> bool:
    declaration = declared(cast(Any, component.cls)).get(key.rpartition(".")[2])
    return declaration is not None and declaration.stackable


def _inside(entry: Entry) -> Iterator[Registered]:
    """Yield the component of an entry and all that it may refer to."""
    for components in entry.reachable.values():
        yield from components


def _label(combo: Combo, kind: str) -> str:
    entry = combo.entries.get(kind)
    return entry.label if entry is not None else ""
