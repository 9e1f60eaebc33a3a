"""What can be checked of a plan without training: every part is made once and must fit the others."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from anncore.contract import kinds
from anncore.contract.errors import ExperimentError, nearest
from anncore.contract.kind_names import UNTUNED
from anncore.contract.registry import Registered
from anncore.experiment.choices import Choice, Combo, Option
from anncore.experiment.model import Entry
from anncore.experiment.select_metric import check_select
from anncore.experiment.trials import TrialMaker


class PlanChecker:
    """Checks the configurations of one plan: those of its combinations, and those that are included."""

    def __init__(self, combos: Sequence[Combo], included: Sequence[Option], maker: TrialMaker) -> None:
        self.combos, self.included = combos, included
        self.trials, self.parts, self.fit = maker, maker.maker, maker.fit
        self.experiment = maker.experiment
        self._tasks: dict[str, str] = {}  # by the label of a data set

    def check(self, arms: Collection[str], problems: Iterable[str]) -> None:
        """Raise an AnnxError, in one line, for the first thing that does not work."""
        for combo in self.combos:
            if combo.count():
                self._check_combo(combo)
        for config in self.included:
            self._check_included(config)
        check_select(self.experiment, self._tasks)
        if not (self.experiment.only or self.experiment.skip):  # then names may be left out on purpose
            self._check_control(arms)
            self._check_targets({*problems, *self._tasks})

    def _check_combo(self, combo: Combo) -> None:
        self._check_batch(combo.entries["optimizer"].label, _inside(combo.entries["optimizer"]))
        for choices, _ in combo.options_of(UNTUNED):
            by_kind = {choice.entry.kind: choice for choice in choices}
            self._note_task(by_kind)
            self.fit.check(by_kind, combo.entries)
        for kind in self.experiment.parts:
            if kind not in UNTUNED:
                self._check_rules_of(combo, kind)

    def _check_included(self, config: Option) -> None:
        parts = self.trials.parts(config)
        label = next(choice.entry.label for choice in config if choice.entry.kind == "optimizer")
        self._check_batch(label, self.parts.components(parts["optimizer"]))
        self._note_task({choice.entry.kind: choice for choice in config})

    def _note_task(self, choices: Mapping[str, Choice]) -> None:
        for label, task in self.fit.tasks(choices).items():
            self._tasks.setdefault(label, task)

    def _check_rules_of(self, combo: Combo, kind: str) -> None:
        """Build every choice of components that have a rule of their own (`validate`) once."""
        if not any(
            kinds.overrides(component.cls, kinds.Component.validate)
            for component in _inside(combo.entries[kind])
        ):
            return
        for slot in combo.along((kind,)):
            for option in combo.slots[slot].options:
                for choice in option:
                    if choice.entry.kind == kind:
                        self.parts.plain(choice)

    def _check_batch(self, label: str, components: Iterable[Registered]) -> None:
        """Refuse batches beside an optimizer that compares losses and so needs the same data at each step."""
        experiment = self.experiment
        for component in components:
            if not component.cls.full_batch:
                continue
            where = f"{experiment.file}: [optimizer.{label}] {component.name} needs the full batch"
            if experiment.train.batch_size != "full":
                raise ExperimentError(
                    f'{where}; write [train] batch_size = "full", got {experiment.train.batch_size}.'
                )
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


def _inside(entry: Entry) -> Iterator[Registered]:
    """Yield the component of an entry and all that it may refer to."""
    for components in entry.reachable.values():
        yield from components
