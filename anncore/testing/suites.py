"""The checks of a suite: problems that can be planned, one value for each key, the same list every time."""

from __future__ import annotations

from typing import Any

from anncore.contract.errors import AnnxError
from anncore.contract.kind_names import SECTIONS
from anncore.contract.loading import load_registry
from anncore.experiment.model import Experiment
from anncore.experiment.plan import make_plan
from anncore.experiment.problem_lists import ProblemList, problem_list_of
from anncore.experiment.read import ReadOptions, read_experiment
from anncore.experiment.typed import read_source, to_toml
from anncore.testing.kit import Kit, Named, Subject, must


class SuiteKit(Kit):
    """Whole, single-valued, repeatable, plannable."""

    computes = False  # it gives names and numbers

    def checks(self, subject: Subject) -> list[Named]:
        """Return the kind's own checks."""
        return [("whole", whole), ("single", single), ("plans", plans), ("repeatable", repeatable)]


def _list(subject: Subject) -> ProblemList:
    built = subject.build(subject.variants()[0])
    version = subject.cls.version
    sound = isinstance(version, int) and not isinstance(version, bool) and version >= 1
    must(sound, f"version must be a whole number from 1 on, got {version!r}")
    try:
        return problem_list_of(built, subject.label, version)
    except AnnxError as error:
        raise AssertionError(str(error)) from None


def _experiment(suite: ProblemList) -> Experiment:
    """Return an experiment on a suite, with any optimizer and one seed."""
    registry = load_registry()
    optimizer = registry.companion("optimizer").name
    document = {"suite": suite.name, "optimizer": {optimizer: {}}, "seeds": {"report": [100]}}
    try:
        return read_experiment(read_source(to_toml(document)), ReadOptions(suite=suite), registry)
    except AnnxError as error:
        raise AssertionError(str(error)) from None


def whole(subject: Subject) -> int:
    """Problems have names, groups and sections that exist; no two are alike; no section is left over."""
    suite = _list(subject)
    for kind, named in suite.sections.items():
        must(kind in SECTIONS, f"sections names {kind!r}, which is no kind of sections")
        used = {problem.parts.get(kind) for problem in suite.problems}
        for label in named:
            must(label in used, f"no problem uses [{kind}.{label}]")
    return len(suite.problems)


def single(subject: Subject) -> int:
    """Each key of a section has one value, so that each problem is one problem."""
    experiment = _experiment(_list(subject))
    for entries in experiment.entries.values():
        for entry in entries:
            keys = ", ".join(entry.varying)
            must(not keys, f"[{entry.kind}.{entry.label}] {keys} takes several values; a problem has one")
    return len(experiment.suite.problems) if experiment.suite else 0


def plans(subject: Subject) -> int:
    """An experiment on the suite can be planned: components exist, their parts fit together."""
    experiment = _experiment(_list(subject))
    try:
        return len(make_plan(experiment).problems)
    except AnnxError as error:
        raise AssertionError(str(error)) from None


def repeatable(subject: Subject) -> int:
    """The same sections and problems again."""
    lists: list[Any] = [_list(subject) for _ in range(3)]
    must(len({suite.digest for suite in lists}) == 1, "other sections or problems the second time")
    return len(lists)
