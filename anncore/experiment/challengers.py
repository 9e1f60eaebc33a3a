"""The terms on which components of a kind are compared on a suite: the same for a newcomer and its field.

An experiment file that lacks only its arms is a protocol. It fixes seeds and budgets; `arm_table` is the one
rule by which an arm is tuned, so that a trial has the same key whoever asks for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from anncore.contract.errors import AnnxError, ComponentError
from anncore.contract.hyperparameters import Search, declared, references
from anncore.contract.kind_names import PROBLEMS, SECTIONS, article
from anncore.contract.registry import Registered, Registry
from anncore.engine.datasets import Shapes
from anncore.experiment.choices import combos
from anncore.experiment.model import Experiment
from anncore.experiment.parts import PartMaker
from anncore.experiment.plan import Plan, make_plan

COMPARABLE = tuple(kind for kind in SECTIONS if kind not in PROBLEMS)
"""The kinds whose components have a field."""

RATES = 8  # of an optimizer
RATES_BESIDE = 5  # of the optimizer that trains with another kind's component
TUNE, REPORT = [0], {"start": 100, "num": 5}
DEEPEST = 4  # wrappers in each other whose inner rate is looked for


def protocol(kind: str, suite: str, registry: Registry) -> dict[str, Any]:
    """Return the experiment, without its arms, by which components of a kind are compared on a suite.

    Where another kind than the optimizer is compared, annx's first optimizer for comparisons trains, and its
    rate is tuned for each arm. Raises ComponentError for a kind of which nothing can be compared.
    """
    if kind not in COMPARABLE:
        raise ComponentError(
            f"{article(kind)} {kind} has no field to be placed in; {', '.join(COMPARABLE)} have one."
        )
    document: dict[str, Any] = {
        "title": f"{kind}s on {suite}",
        "suite": suite,
        "vary": [kind],
        "seeds": {"tune": list(TUNE), "report": dict(REPORT)},
    }
    if kind != "optimizer":
        beside = registry.companions("optimizer")
        if not beside:
            raise ComponentError("No optimizer is installed that could train with the components compared.")
        document["optimizer"] = {beside[0].name: arm_table(beside[0], registry, RATES_BESIDE)}
    return document


def arm_table(component: Registered, registry: Registry, rates: Any = RATES) -> dict[str, Any]:
    """Return the section of an arm without its `use`: an optimizer's rate over the range that it declares.

    rates: how many, or what stands in their place for every arm; None leaves the rate at its default. A
    wrapper without a rate of its own takes that of the optimizer inside it. All other hyperparameters, and
    components of other kinds, keep their defaults.
    """
    if component.kind != "optimizer" or rates is None:
        return {}
    rate = _rate(component, registry)
    if rate is None:
        return {}
    key, search = rate
    if not isinstance(rates, int):
        return {key: rates}
    how = search.how if search.how in ("log", "linear") else "log"
    return {key: {how: list(search.values), "num": rates}}


def _rate(component: Registered, registry: Registry, depth: int = 0) -> tuple[str, Search] | None:
    """Return the key of the learning rate and its range; None where there is none."""
    cls: Any = component.cls
    rate = declared(cls).get("lr")
    if rate is not None:
        return ("lr", rate.search) if rate.search is not None and len(rate.search.values) == 2 else None
    for key, reference in references(cls).items():
        if reference.kind == "optimizer" and depth < DEEPEST:
            inside = _rate(registry.get("optimizer", reference.default), registry, depth + 1)
            return None if inside is None else (f"{key}.{inside[0]}", inside[1])
    return None


def with_arms(
    document: Mapping[str, Any], kind: str, arms: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return a protocol with the tables of some arms."""
    return {**document, kind: {label: dict(table) for label, table in arms.items()}}


class Entered(NamedTuple):
    """Who takes part: the experiment with the newcomer and the others that train, and who is left out, why.

    skipped: the problems of the suite on which the newcomer cannot be trained, with the reason.
    """

    experiment: Experiment
    left_out: dict[str, str]
    skipped: dict[str, str]


def enter(
    document: Mapping[str, Any],
    kind: str,
    newcomer: str,
    arms: Mapping[str, Mapping[str, Any]],
    read: Callable[[Mapping[str, Any]], Experiment],
) -> Entered:
    """Return the experiment in which a newcomer meets others on equal terms.

    document: a protocol. arms: by label the tables of the newcomer and of the others that have to be trained.
    read: reads a document with the plugins at hand. Problems on which the newcomer cannot be trained are left
    out for all, as for a loss those of other tasks; and so is every other arm that cannot be trained on the
    problems that are left. Raises the newcomer's own mistake where no problem is left.
    """
    known: dict[str, Shapes] = {}
    alone = read(with_arms(document, kind, {newcomer: arms[newcomer]}))
    document, skipped = _on_one_task(document, alone, newcomer) if kind == "loss" else (document, {})
    alone = read(with_arms(document, kind, {newcomer: arms[newcomer]}))
    document, unfit = _on_what_fits(document, kind, {newcomer: arms[newcomer]}, alone, read, known)
    skipped |= unfit
    left_out: dict[str, str] = {}
    taking_part = {newcomer: arms[newcomer]}
    for label, table in arms.items():
        if label == newcomer:
            continue
        try:
            _planned(read(with_arms(document, kind, {label: table})), known)
            taking_part[label] = table
        except AnnxError as error:
            left_out[label] = _reason(error)
    return Entered(read(with_arms(document, kind, taking_part)), left_out, skipped)


def _planned(experiment: Experiment, known: dict[str, Shapes]) -> Plan:
    plan = make_plan(experiment, allow_large=True, shapes=known)
    known.update(plan.shapes)
    return plan


def _on_what_fits(
    document: Mapping[str, Any],
    kind: str,
    newcomer: Mapping[str, Mapping[str, Any]],
    alone: Experiment,
    read: Callable[[Mapping[str, Any]], Experiment],
    known: dict[str, Shapes],
) -> tuple[Mapping[str, Any], dict[str, str]]:
    """Return the protocol on the problems on which the newcomer can be trained, and why not on others."""
    try:
        _planned(alone, known)
        return document, {}
    except AnnxError as error:
        whole = error
    assert alone.suite is not None, "a protocol names a suite"
    skipped: dict[str, str] = {}
    for problem in alone.suite.problems:
        try:
            _planned(read(with_arms(_only(document, [problem.name]), kind, newcomer)), known)
        except AnnxError as error:
            skipped[problem.name] = _reason(error)
    left = [problem.name for problem in alone.suite.problems if problem.name not in skipped]
    if not left:
        raise whole
    return _only(document, left), skipped


def _on_one_task(
    document: Mapping[str, Any], experiment: Experiment, newcomer: str
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the protocol on the problems of one task, as losses of several have no common score."""
    task_of = tasks_of(experiment)
    task = task_compared(_loss(experiment, newcomer), task_of)
    if task is None:
        return dict(document), {}  # the plan says why
    others = {
        name: f"it is a {other} task, and losses are compared on one task, here {task}."
        for name, other in task_of.items()
        if other != task
    }
    return _only(document, [name for name, other in task_of.items() if other == task]), others


def _loss(experiment: Experiment, label: str) -> Registered:
    component = experiment.entry("loss", label).component
    assert component is not None, "a loss of a name"
    return component


def tasks_of(experiment: Experiment) -> dict[str, str]:
    """Return by problem of an experiment's suite the task of its data."""
    assert experiment.suite is not None, "a protocol names a suite"
    maker = PartMaker(experiment)
    task_of: dict[str, str] = {}
    for combo in combos(experiment):
        for choices, _ in combo.options_of(("dataset",)):
            labels = {kind: entry.label for kind, entry in combo.entries.items()}
            task_of[experiment.suite.at(labels).name] = maker.shapes(choices[0]).task
    return task_of


def task_compared(loss: Registered, task_of: Mapping[str, str]) -> str | None:
    """Return the task on which a loss is compared with others; None where it can train on no problem.

    It is the task for which it is the natural loss; else the one that most problems have of those that it can
    train on.
    """
    for tasks in (loss.cls.natural_for, loss.cls.outputs):
        counts = Counter(task for task in task_of.values() if task in tasks)
        if counts:
            return counts.most_common(1)[0][0]
    return None


def _reason(error: AnnxError) -> str:
    """Return the first mistake without the experiment's name."""
    first = str(error).partition("\n")[0]
    return first.partition(": ")[2] or first


def _only(document: Mapping[str, Any], problems: Sequence[str]) -> dict[str, Any]:
    suite = document["suite"]
    name = suite["name"] if isinstance(suite, Mapping) else suite
    return {**document, "suite": {"name": name, "only": list(problems)}}
