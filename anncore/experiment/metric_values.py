"""[metrics.NAME]: the hyperparameters of metrics, the same for every trial of an experiment."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

from anncore.contract.errors import ComponentError, ExperimentError
from anncore.contract.hyperparameters import build, declared, resolve
from anncore.contract.kinds import TASKS
from anncore.contract.problem_kinds import problem_in
from anncore.contract.registry import Registered, Registry
from anncore.experiment.document import Document, show
from anncore.experiment.model import Experiment


def read_metrics(document: Document, registry: Registry) -> dict[str, dict[str, Any]]:
    """Return the values that the file gives to metrics, by full name; those equal to the defaults are gone.

    Every mistake is noted, so that one message names all.
    """
    problem = problem_in(document.data)
    section = document.section("metrics")
    if section.data and not problem.scored:
        raise section.error(
            None, f"has no meaning for {problem.noun}, whose value is its only score; leave it out."
        )
    values: dict[str, dict[str, Any]] = {}
    for name in section.data:
        own = document.mistakes.attempt(partial(_read_one, document, registry, name), None)
        if own is None:
            continue
        component, resolved = own
        if component.full_name in values:
            document.mistakes.note(section.error(name, f"{name} has a second table; keep one."))
        values[component.full_name] = resolved
    defaults = {name: resolve(registry.get("metric", name).cls, {}) for name in values}
    return {name: given for name, given in values.items() if given != defaults[name]}


def _read_one(document: Document, registry: Registry, name: str) -> tuple[Registered, dict[str, Any]]:
    given = document.section("metrics").data[name]
    if not isinstance(given, Mapping):
        raise document.section("metrics").error(
            name, f"{name} must be a table with the metric's hyperparameters, got {show(given)}."
        )
    section = document.section("metrics", name)
    try:
        component = registry.get("metric", name)
    except ComponentError as error:
        raise section.error(None, f"{error}") from None
    cls: Any = component.cls
    if not declared(cls):
        raise section.error(None, f"{component.name} has no hyperparameters; leave the section out.")
    section.allow((*declared(cls), *(("preset",) if cls.presets else ())))
    own = {key: value for key, value in given.items() if key in declared(cls) or key == "preset"}
    try:
        values = resolve(cls, own)
        build(cls, **values)
    except ComponentError as error:
        raise section.error(next(iter(own), None), f"{error}.") from None
    return component, values


def check_metrics(experiment: Experiment, tasks: Collection[str]) -> None:
    """Refuse values for a metric that no trial of the experiment computes."""
    for name in experiment.train.metrics:
        component = experiment.registry.get("metric", name)
        where = f"{experiment.file}: [metrics.{component.name}]"
        if component.cls.watches and name not in experiment.train.watch:
            raise ExperimentError(
                f"{where} {component.name} looks into the network, if [train] watch names it; "
                "name it there, or leave the section out."
            )
        if not {*tasks} & {*component.cls.tasks}:
            own = ", ".join(task for task in TASKS if task in component.cls.tasks)
            raise ExperimentError(
                f"{where} {component.name} is for {own} tasks, and no data set is of such a task; "
                "leave the section out."
            )
