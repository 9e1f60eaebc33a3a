"""The `[kind.label]` sections: what is compared, on what, with which hyperparameters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from anncore.contract.errors import ComponentError, ExperimentError, closest, nearest
from anncore.contract.hyperparameters import given_twice, references
from anncore.contract.kind_names import REQUIRED, SECTIONS
from anncore.contract.problem_kinds import ProblemKind, problem_in
from anncore.contract.registry import Registered, Registry
from anncore.experiment.axes import depth, read_axis, read_named
from anncore.experiment.document import Document, Section, shortened, show
from anncore.experiment.model import Axis, Entry, Range
from anncore.experiment.references import resolve_all

LABEL = re.compile(r"\w(?:[\w .:+()/-]{0,58}[\w.:+()/-])?")


def read_entries(document: Document, registry: Registry) -> dict[str, tuple[Entry, ...]]:
    """Read the sections of every kind; kinds without one get their default, a wrong section is left out.

    Notes a missing kind, an unknown component, key or value, an activation section that no network uses, and
    objectives beside data or networks.
    """
    mistakes, problem = document.mistakes, problem_in(document.data)
    before = len(mistakes.errors)
    mistakes.attempt(lambda: _refuse_others(document, problem), None)
    entries = {
        kind: mistakes.attempt(partial(_read_kind, document, kind, problem, registry), ())
        for kind in SECTIONS
    }
    if len(mistakes.errors) == before:
        mistakes.attempt(lambda: _check_activations(document, entries), None)
    return entries


def _read_kind(document: Document, kind: str, problem: ProblemKind, registry: Registry) -> tuple[Entry, ...]:
    """Read the sections of one kind; raises ExperimentError where there is none, but must be one."""
    table, wanted = document.section(kind), kind in problem.parts
    if not table.data:
        if kind in document.data:
            raise document.error((kind,), f"[{kind}] is empty; add a [{kind}.NAME] section or leave it out.")
        if wanted and kind in REQUIRED:
            raise document.error((kind,), f"no [{kind}.NAME] section; name at least one {kind}.")
        return (_default(document, kind, registry),) if wanted else ()
    read = [
        document.mistakes.attempt(partial(_read_entry, document, kind, label, registry), None)
        for label in table.data
    ]
    return tuple(entry for entry in read if entry is not None)


def _refuse_others(document: Document, problem: ProblemKind) -> None:
    """Refuse sections that have no meaning for this kind of problem."""
    for kind in SECTIONS:
        if kind in document.data and kind not in problem.kinds:
            raise document.error(
                (kind,),
                f"[{kind}] and [{problem.kind}] cannot both be given: {problem.noun} is minimised in place "
                "of a network on data; leave out one of the two.",
            )
    for (section, key), lack in problem.lacks.items():
        if not key and section in document.data:
            raise document.error(
                (section,), f"[{section}] has no meaning for {problem.noun}, which has no {lack}."
            )


def _default(document: Document, kind: str, registry: Registry) -> Entry:
    if kind == "loss":
        return Entry(kind, "auto", None)
    try:
        component = registry.default(kind)
    except ComponentError as error:
        raise document.error((kind,), str(error)) from None
    return Entry(kind, component.name, component, registry=registry)


def _read_entry(document: Document, kind: str, label: str, registry: Registry) -> Entry | None:
    """Read one section; None where a key of it is wrong, which is noted."""
    if not LABEL.fullmatch(label) or " + " in label:
        raise document.error(
            (kind, label),
            f"[{kind}.{show(label)}] is not a label; use up to 60 letters, digits, spaces and _ - . : / ( ).",
        )
    section = document.section(kind, label)
    name = section.text("use", label)
    if kind == "loss" and name == "auto":
        section.allow(("use",))
        return Entry(kind, label, None)
    try:
        component = registry.get(kind, name)
    except ComponentError as error:
        missing = "" if "use" in section.data else f" {_use(kind, label, name, registry)}"
        raise section.error("use" if "use" in section.data else None, f"{error}{missing}") from None
    if kind == "loss" and not component.cls.trainable:
        fit = [other.name for other in registry.of_kind(kind) if other.cls.trainable]
        raise section.error(
            None, f"{kind} {component.name!r} is for evaluation only and cannot train; use {', '.join(fit)}."
        )
    _use_own_names(section, component)
    written = {key: value for key, value in section.data.items() if key != "use"}
    named = read_named(written)
    axes: dict[str, Axis] = {}
    given_by: dict[str, str] = {}
    wrong: set[str] = set()
    for key in sorted(written, key=depth):  # references first: what keys there are follows from them
        if any(place in wrong for place in _places_above(key)):
            continue
        axis = document.mistakes.attempt(partial(read_axis, section, key, component, registry, named), None)
        if axis is None:
            wrong.add(key)
            continue
        axes[key] = axis
        for name in axis.keys:
            if given_by.setdefault(name, key) != key:
                raise section.error(key, f"{name} is given twice, by {given_by[name]!r} and by {key!r}.")
    if wrong:
        return None
    _refuse_shorthands(section, component, given_by)
    entry = Entry(kind, label, component, tuple(axes[key] for key in written), registry)
    try:
        _ = entry.reachable
    except ComponentError as error:  # of a reference's default; what is written has been read
        raise section.error(None, str(error)) from None
    _check_presets(section, entry, registry)
    return entry


def _refuse_shorthands(section: Section, component: Registered, given: Mapping[str, str]) -> None:
    """Refuse a hyperparameter beside the keys that stand for it."""
    cls: Any = component.cls
    for key, short in cls.shorthands.items():
        if key in given and short.stands_for in given:
            raise section.error(given[key], given_twice(cls, short.stands_for, given) + ".")


def _use_own_names(section: Section, component: Registered) -> None:
    """Put the name that a hyperparameter has here in place of another one that files may use."""
    for other, own in component.cls.other_names.items():
        if other in section.data:
            if own in section.data:
                raise section.error(other, f"{own} is given twice, as {own!r} and as {other!r}.")
            assert isinstance(section.data, dict), "a table of the document"
            pairs = [(own if key == other else key, value) for key, value in section.data.items()]
            section.data.clear()
            section.data.update(pairs)


def _places_above(key: str) -> Iterator[str]:
    """Yield "a" and "a.b" for "a.b.c"."""
    steps = key.split(".")
    return (".".join(steps[:end]) for end in range(1, len(steps)))


def _use(kind: str, label: str, name: str, registry: Registry) -> str:
    """Say how a section with a label of its own names its component, with one that exists."""
    names = [component.name for component in registry.of_kind(kind)]
    likely = closest(name, names) or next(iter(names), "NAME")
    return f'A label of your own needs the component\'s name: [{kind}.{shortened(label)}] use = "{likely}".'


def _check_presets(section: Section, entry: Entry, registry: Registry) -> None:
    """Refuse two values of an axis that give the same configuration, as two presets may."""
    component = entry.component
    for axis in entry.axes:
        presets = [key for key in axis.keys if key.rpartition(".")[2] == "preset"]
        if component is None or isinstance(axis, Range) or not presets or len(axis.rows) < 2:
            continue
        others = {key for other in entry.axes if other is not axis for key in other.keys}
        held = {key: values[0] for key, values in entry.named.items() if key in others}
        seen: dict[str, tuple[Any, ...]] = {}
        for row in axis.rows:
            given = {**held, **dict(zip(axis.keys, row, strict=True))}
            resolved: Mapping[str, Any] = resolve_all(component, given, registry)
            same = repr([(key, value) for key, value in resolved.items() if key not in others])
            if same in seen:
                keys = ", ".join(axis.keys)
                twins = f"{show(seen[same])} and {show(row)}"
                raise section.error(keys, f"{twins} of {keys} are the same configuration.")
            seen[same] = row


def _check_activations(document: Document, entries: Mapping[str, tuple[Entry, ...]]) -> None:
    """Refuse [activation.*] sections beside a network that cannot take them."""
    if not entries["activation"]:
        return
    for network in entries["network"]:
        if fillable(network):
            continue
        refs = [key for key, ref in references(_cls(network)).items() if ref.kind == "activation"]
        if not refs:
            raise document.error(
                ("activation",),
                f"network {network.label!r} takes no activation; leave out the [activation.*] sections.",
            )
        raise document.error(
            ("network", network.label),
            f"[network.{network.label}] names its own {refs[0]}, so the [activation.*] sections would not "
            "be used; leave out one of the two.",
        )


def fillable(network: Entry) -> tuple[str, ...]:
    """Return the keys of a network that the [activation.*] sections fill."""
    return tuple(
        key
        for key, ref in references(_cls(network)).items()
        if ref.kind == "activation"
        and ref.default != "auto"
        and not any(given == key or given.startswith(f"{key}.") for given in network.given)
    )


def _cls(entry: Entry) -> Any:
    component: Registered | None = entry.component
    return component.cls if component is not None else object


def keep(
    entries: Mapping[str, tuple[Entry, ...]], document: Document, only: tuple[str, ...], skip: tuple[str, ...]
) -> dict[str, tuple[Entry, ...]]:
    """Return the entries that `--only kind=label` and `--skip kind=label` leave; labels may hold * and ?.

    Raises ExperimentError with exit code 5 where a label matches nothing or nothing is left of a kind.
    """
    kept = dict(entries)
    for option, choices in (("--only", only), ("--skip", skip)):
        chosen: dict[str, set[str]] = {}
        for choice in choices:
            kind, labels = _chosen(entries, document, option, choice)
            chosen.setdefault(kind, set()).update(labels)
        for kind, wanted in chosen.items():
            kept[kind] = tuple(e for e in kept[kind] if (e.label in wanted) == (option == "--only"))
            if not kept[kind]:
                raise _nothing(f"{document.name}: {option} {kind}=.. leaves no {kind}.")
    return kept


def _chosen(
    entries: Mapping[str, tuple[Entry, ...]], document: Document, option: str, choice: str
) -> tuple[str, set[str]]:
    from fnmatch import fnmatchcase

    kind, equals, pattern = (part.strip() for part in choice.partition("="))
    if not equals or kind not in SECTIONS:
        raise ExperimentError(
            f"{option} {show(choice)} must be kind=label with a kind of {', '.join(SECTIONS)}."
            + nearest(kind, SECTIONS)
        )
    known = [entry.label for entry in entries[kind]]
    labels = {label for label in known if fnmatchcase(label, pattern)}
    if not labels:
        raise _nothing(
            f"{option} {show(choice)}: {document.name} has no {kind} {pattern!r}; it has "
            f"{', '.join(known) or 'none'}.{nearest(pattern, known)}"
        )
    return kind, labels


def _nothing(message: str) -> ExperimentError:
    error = ExperimentError(message)
    error.exit_code = 5  # nothing matched
    return error
