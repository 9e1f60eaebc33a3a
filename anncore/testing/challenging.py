"""`anncore.challenge` and `annx challenge`: who meets whom, the sweep, and the card."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from anncore.contract.component_names import find, shown_name
from anncore.contract.errors import ComponentError, StoreError, tells_users
from anncore.contract.handed_over import with_components
from anncore.contract.home import HOME
from anncore.contract.loading import load_registry
from anncore.contract.registry import Registered, Registry
from anncore.contract.shown import Shown
from anncore.evidence.results import Results
from anncore.evidence.sentences import counted
from anncore.experiment.challengers import (
    COMPARABLE,
    RATES,
    Entered,
    arm_table,
    enter,
    protocol,
    task_compared,
    tasks_of,
)
from anncore.experiment.protocols import Protocol
from anncore.experiment.read import load_experiment
from anncore.report.challenge import Challenge, card, finished_of, render_page, write_card
from anncore.report.run import Run
from anncore.running.field import Field, field_folder, protocols, read_field
from anncore.testing.before_sweep import sweep


class Asked(NamedTuple):
    """Who is placed, and among whom: see `challenge`. classes: component classes that no file holds."""

    target: str | type[Any]
    suite: str | None = None
    against: tuple[str, ...] = ()
    field: str | os.PathLike[str] | None = None
    kind: str | None = None
    plugins: tuple[str | os.PathLike[str], ...] = ()
    classes: tuple[type[Any], ...] = ()


class Prepared(NamedTuple):
    """The newcomer, the experiment in which it meets the others, and the run folder's name."""

    folder: str
    newcomer: Registered
    entered: Entered
    challenge: Challenge


@dataclass(frozen=True, repr=False)
class Challenged(Shown):
    """Where a newcomer stands, as `anncore.challenge` returns it; a notebook shows the card.

    sentence: the first line, "mine: first tier of 15 arms on core, ...". card: what card.json holds; None
    where nothing was scored. run: the trials that were run here. folder: where card.html, card.md and
    card.json lie.
    """

    sentence: str
    card: Mapping[str, Any] | None
    run: Run
    folder: Path

    def __str__(self) -> str:
        return self.sentence

    def _facts(self) -> dict[str, object]:
        return {"standing": self.sentence, "folder": self.folder if self.card is not None else None}

    def _repr_html_(self) -> str:
        return super()._repr_html_() if self.card is None else render_page(self.card)


@tells_users
def challenge(
    newcomer: str | os.PathLike[str] | type[Any],
    *,
    suite: str | None = None,
    against: Sequence[str] = (),
    field: str | os.PathLike[str] | None = None,
    kind: str | None = None,
    components: Sequence[type[Any]] = (),
    plugins: Sequence[str | os.PathLike[str]] = (),
    out: str | os.PathLike[str] | None = None,
    **options: Any,
) -> Challenged:
    """Place a component among those of its kind on a suite of problems, and write its card.

    newcomer: a component's name, the path of a Python file that brings one, or a class such as was defined in
    a notebook's cell. suite: by default annx's own for comparisons; for losses also a part of the field,
    such as "core_regression". against: the names of the others; by
    default those of the field, or annx's own where there is none. field: the folder of finished trials; by
    default reports/field, or the field beside annx. kind: where several kinds share the name. components,
    plugins: classes and files of others that are named. out: the run folder, by default
    reports/challenge_KIND_SUITE. options: those of `sweep`, such as jobs, executor, max_time, unchecked and
    progress.

    All arms are tuned over equally many configurations and scored on the same fresh seeds. What is finished,
    in the run folder or in the field, is not run again; so the same call resumes. The card lies in a folder
    of its own inside the run folder. Raises ComponentError for what has no field, ConformanceError for a
    newcomer whose numbers cannot be trusted.
    """
    names = (against,) if isinstance(against, str) else tuple(against)
    target = newcomer if isinstance(newcomer, type) else os.fspath(newcomer)
    asked = Asked(target, suite, names, field, kind, tuple(plugins), tuple(components))
    prepared = prepare(asked)
    folder = Path("reports") / prepared.folder if out is None else Path(out)
    run = sweep(prepared.entered.experiment, out=folder, allow_large=True, **options)
    content, files = carded(run, prepared, folder)
    sentence = unplaced(run, prepared.challenge.newcomer) if content is None else content["sentence"]
    return Challenged(sentence, content, run, files[0].parent.absolute() if files else run.folder)


def carded(results: Results, prepared: Prepared, folder: Path) -> tuple[dict[str, Any] | None, list[Path]]:
    """Write the card into a run folder; return its content and its files, None and none without a score."""
    if not (results.trials["phase"] == "report").any():
        return None, []
    content = card(results, prepared.challenge)
    return content, write_card(content, folder / f"card_{prepared.newcomer.name}")


def unplaced(results: Results, newcomer: str) -> str:
    """Return why nothing was scored: no configuration of any arm ended well as it was tuned."""
    if results.stopped:
        return f"{newcomer} has no place yet: its trials have not all run; the same command resumes."
    statuses = results.trials.loc[results.trials["arm"] == newcomer, "status"]
    diverged = int((statuses == "diverged").sum())
    if len(statuses) == 1:
        none = f"its only tuning trial {'diverged' if diverged else 'did not end well'}"
    else:
        none = f"none of its {counted(len(statuses), 'tuning trials')} ended well ({diverged} diverged)"
    return (
        f"{newcomer} has no place: {none}, so there is nothing to score and no card. 'annx check' tries the "
        "component."
    )


# Who meets whom


def prepare(asked: Asked) -> Prepared:
    """Find the newcomer and the others, and plan what has to be trained; raises AnnxError for mistakes."""
    registry = _registry(asked)
    newcomer = _newcomer(registry, asked)
    label = shown_name(registry, newcomer)
    field = _field(asked, newcomer, registry)
    known = finished_of(field, registry, newcomer.full_name)
    if field is not None:
        terms, rates, place = field.protocol.document, field.protocol.rates, field.protocol.suite
    else:
        suite = registry.default("suite") if asked.suite is None else registry.get("suite", asked.suite)
        terms, rates = protocol(newcomer.kind, asked.suite or suite.name, registry), RATES
        place = suite.name
    others = _others(registry, newcomer, asked.against, finished=bool(known.arms))
    named = {shown_name(registry, one): one for one in others}
    trained = {shown: one for shown, one in named.items() if one.full_name not in known.arms}
    tables = {
        shown: {"use": one.full_name, **arm_table(one, registry, rates)}
        for shown, one in {label: newcomer, **trained}.items()
    }

    def read(document: Mapping[str, Any]) -> Any:
        return load_experiment(document, registry=registry)

    entered = enter(terms, newcomer.kind, label, tables, read)
    only = {one.full_name for one in others} if asked.against else None
    finished, lacking = known.on(entered.experiment, only)
    challenge = Challenge(
        label,
        f"{newcomer.full_name} {newcomer.version}".strip(),
        newcomer.kind,
        finished,
        {**entered.left_out, **lacking},
        {**_elsewhere(entered.experiment, field), **entered.skipped},
        known.origin if len(finished) else "",
        _namesake(registry, newcomer),
        "" if field is None or place == field.protocol.suite_name else place,
    )
    return Prepared(f"challenge_{newcomer.kind}_{place}", newcomer, entered, challenge)


def _registry(asked: Asked) -> Registry:
    files = [os.fspath(file) for file in asked.plugins]
    if isinstance(asked.target, str) and _is_file(asked.target):
        files.append(asked.target)
    registry = load_registry(files)
    own = [asked.target] if isinstance(asked.target, type) else []
    classes = list(dict.fromkeys([*own, *asked.classes]))
    return with_components(registry, classes) if classes else registry


def _namesake(registry: Registry, newcomer: Registered) -> str:
    """Say which component is meant where another one of the kind has the same name; "" where none has."""
    others = [other.full_name for other in registry.namesakes(newcomer)]
    if not others:
        return ""
    what = f"annx's own {newcomer.name}" if newcomer.dist == HOME else repr(newcomer.full_name)
    return (
        f"The newcomer is {what}; another {newcomer.kind} has the same name: {', '.join(map(repr, others))}."
    )


def _field(asked: Asked, newcomer: Registered, registry: Registry) -> Field | None:
    """Return the field of a kind on a suite; None where there is none, unless its folder is named.

    A suite may be in parts, each with a protocol of its own, as it is for losses: then it is the part on
    which the newcomer is compared, or the one that is named in the suite's place.
    """
    name = asked.suite if asked.suite is not None else registry.default("suite").name
    try:
        folder = field_folder(asked.field)
    except StoreError:
        if asked.field is not None:
            raise
        return None
    parts = protocols(folder, newcomer.kind)
    if not any(one.suite == name for one in parts):
        suite = registry.get("suite", name)
        of_suite = [one for one in parts if one.suite_name in (suite.name, suite.full_name)]
        if not of_suite and asked.field is None:
            return None
        name = _part(of_suite, newcomer, registry) if of_suite else suite.name
    return read_field(folder, newcomer.kind, name)


def _part(parts: Sequence[Protocol], newcomer: Registered, registry: Registry) -> str:
    """Return the name of the protocol on whose problems a newcomer is compared, of several on one suite."""
    if newcomer.kind != "loss":
        return parts[0].suite
    arm = {newcomer.name: newcomer}
    of_part = {one.suite: tasks_of(one.experiment(arm, registry)) for one in parts}
    task = task_compared(newcomer, {name: task for tasks in of_part.values() for name, task in tasks.items()})
    return max(of_part, key=lambda name: list(of_part[name].values()).count(str(task)))


def _elsewhere(experiment: Any, field: Field | None) -> dict[str, str]:
    """Return the problems of the suite that a field's protocol leaves out, with the reason."""
    if field is None or field.protocol.suite == field.protocol.suite_name:
        return {}
    there = field.protocol.problems
    words = f"{field.protocol.kind}/{field.protocol.path.name} leaves it out."
    return {one.name: words for one in experiment.suite.every if there and one.name not in there}


def _is_file(target: str | type[Any]) -> bool:
    return isinstance(target, str) and (target.endswith(".py") or "/" in target)


def _newcomer(registry: Registry, asked: Asked) -> Registered:
    """Return the component that a target names; raises AnnxError where it is none, or none of a field."""
    target, kind = asked.target, asked.kind
    if isinstance(target, type):
        return _with_field(next(one for one in registry.components if one.cls is target))
    if not _is_file(target):
        return _with_field(find(registry, target, kind))
    stem = Path(target).stem
    mine = [
        c for c in registry.components if c.dist == stem and c.kind in COMPARABLE and kind in (None, c.kind)
    ]
    if len(mine) == 1:
        return mine[0]
    if not mine:
        what = kind or "component that has a field"
        raise ComponentError(f"{target} brings no {what}; kinds are {', '.join(COMPARABLE)}.")
    names = ", ".join(f"{c.kind}:{c.full_name}" for c in mine)
    raise ComponentError(
        f"{target} brings {len(mine)} components ({names}); name one, with --plugin {target}."
    )


def _with_field(component: Registered) -> Registered:
    if component.kind not in COMPARABLE:
        raise ComponentError(
            f"{component.name} is a {component.kind}, and only {', '.join(COMPARABLE)} have a field."
        )
    return component


def _others(
    registry: Registry, newcomer: Registered, against: Iterable[str], *, finished: bool
) -> list[Registered]:
    """Return the components that are named; else annx's own of the kind, unless finished arms take part."""
    texts = list(against)
    names = [name.strip() for text in texts for name in text.split(",") if name.strip()]
    if texts and not names:
        raise ComponentError("--against names nothing; write for example --against adam,sgd.")
    if not names and finished:
        return []
    if not names:
        own = [one for one in registry.of_kind(newcomer.kind) if one.dist == HOME]
        return [one for one in own if one is not newcomer]
    others = list(dict.fromkeys(registry.get(newcomer.kind, name) for name in names))
    if newcomer in others:
        raise ComponentError(f"--against names the newcomer itself, {newcomer.name!r}; leave it out.")
    return others
