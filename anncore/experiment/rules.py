"""`[[exclude]]` and `[[include]]`: which combinations to leave out, which to add."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from anncore.contract.errors import RAISED_BY_PLUGINS, ComponentError, nearest
from anncore.contract.kind_names import SECTIONS
from anncore.contract.registry import Registry
from anncore.experiment.document import Document, Section, is_number, show
from anncore.experiment.keys import checked
from anncore.experiment.model import Comparison, Entry, Rule, labels_of
from anncore.experiment.points import nearly
from anncore.experiment.references import keys

OPS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": lambda value, other: same(value, other),
    "ne": lambda value, other: not same(value, other),
    "gt": lambda value, other: value > other and not same(value, other),
    "ge": lambda value, other: value >= other or same(value, other),
    "lt": lambda value, other: value < other and not same(value, other),
    "le": lambda value, other: value <= other or same(value, other),
    "in": lambda value, others: any(same(value, other) for other in others),
}


def same(value: Any, other: Any) -> bool:
    """Tell whether two values are the same: numbers up to rounding, lists item by item."""
    if is_number(value) and is_number(other):
        return nearly(value, other)
    if isinstance(value, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(value) == len(other) and all(map(same, value, other))
    return type(value) is type(other) and bool(value == other)


def holds(tests: Iterable[Comparison], value: Any) -> bool:
    """Tell whether a value passes every test; only numbers have an order."""
    return all(
        (test.op not in ("gt", "ge", "lt", "le") or is_number(value)) and OPS[test.op](value, test.value)
        for test in tests
    )


def read_rules(
    document: Document, which: str, entries: Mapping[str, tuple[Entry, ...]], registry: Registry
) -> tuple[Rule, ...]:
    """Read the tables of [[exclude]] or [[include]].

    A table that is included must be one complete combination: one label per kind that has several
    entries, one value per hyperparameter that has several. Raises ExperimentError for unknown kinds,
    labels and hyperparameters, and for values no entry could have.
    """
    tables = document.data.get(which, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        shape = f"{which} must be tables: write [[{which}]], got {show(tables)}."
        document.mistakes.note(document.error((which,), shape))
        return ()
    rules = []
    for i in range(len(tables)):
        reader = _RuleReader(document.section(which, i), which == "include", entries, registry)
        if (rule := document.mistakes.attempt(reader.read, None)) is not None:
            rules.append(rule)
    return tuple(rules)


class _RuleReader:
    def __init__(
        self, section: Section, single: bool, entries: Mapping[str, tuple[Entry, ...]], registry: Registry
    ) -> None:
        self.section, self.single, self.entries, self.registry = section, single, entries, registry

    def read(self) -> Rule:
        labels: dict[str, tuple[str, ...]] = {}
        for key in self.section.data:
            kind, dot, _ = key.partition(".")
            if kind not in SECTIONS:
                raise self.section.error(
                    key,
                    f"unknown key {key!r} in {self.section.title}; known are kinds ({', '.join(SECTIONS)}) "
                    f'and "kind.hyperparameter".{nearest(kind, SECTIONS)}',
                )
            if not dot:
                labels[kind] = self._labels(kind)
        tests: dict[tuple[str, str], tuple[Comparison, ...]] = {}
        for key, value in self.section.data.items():
            kind, dot, name = key.partition(".")
            if dot:
                tests[kind, name] = self._tests(key, kind, name, value, labels)
            elif isinstance(value, dict):
                raise self.section.error(
                    key, f'{key} must be a label or a list of labels; write "{key}.NAME" in quotes.'
                )
        if not labels and not tests:
            raise self.section.error(None, "is empty; give at least one condition.")
        rule = Rule(labels, tests)
        if self.single:
            self._complete(rule)
        return rule

    def _labels(self, kind: str) -> tuple[str, ...]:
        value, known = self.section.data[kind], labels_of(self.entries, kind)
        wanted = value if isinstance(value, list) and not self.single else [value]
        if isinstance(value, dict):
            # [[exclude]] with optimizer.lr = 1 unquoted: TOML reads a table.
            inner = next(iter(value), "NAME")
            raise self.section.error(kind, f'{kind}.{inner} must be written in quotes: "{kind}.{inner}".')
        if not wanted or not all(isinstance(label, str) for label in wanted):
            rule = "one label" if self.single else "a label or a list of labels"
            raise self.section.wrong(kind, rule)
        for label in wanted:
            if label not in known:
                raise self.section.error(
                    kind,
                    f"there is no {kind} {label!r}; the experiment has {', '.join(known) or 'none'}."
                    + nearest(label, known),
                )
        return tuple(wanted)

    def _tests(
        self, key: str, kind: str, name: str, value: Any, labels: Mapping[str, tuple[str, ...]]
    ) -> tuple[Comparison, ...]:
        chosen = [e for e in self.entries[kind] if e.label in labels.get(kind, (e.label,))]
        known = {n for e in chosen if e.component for n in names_of(e)}
        if name not in known:
            who = ", ".join(e.label for e in chosen) or "any entry"
            shown = sorted(n for n in known if "." not in n or "." in name)
            raise self.section.error(
                key,
                f"no hyperparameter {name!r} in {kind} {who}; known are {', '.join(shown) or 'none'}."
                + nearest(name, known),
            )
        owners = [e for e in chosen if e.component and name in names_of(e)]
        if self.single:
            return (Comparison("eq", self._value(key, name, value, owners)),)
        if not isinstance(value, dict):
            many = isinstance(value, list) and not self._fits(name, value, owners)
            return (self._one(key, name, "in" if many else "eq", value, owners),)
        unknown = [op for op in value if op not in OPS]
        if unknown or not value:
            raise self.section.error(
                key,
                f"{key} = {show(value)}: comparisons are {', '.join(OPS)}."
                + (nearest(unknown[0], OPS) if unknown else ""),
            )
        return tuple(self._one(key, name, op, other, owners) for op, other in value.items())

    def _one(self, key: str, name: str, op: str, value: Any, owners: list[Entry]) -> Comparison:
        if op in ("gt", "ge", "lt", "le"):
            if not is_number(value):
                raise self.section.error(key, f"{key}: {op} must be a number, got {show(value)}.")
            return Comparison(op, value)
        if op == "in":
            if not isinstance(value, list) or not value:
                raise self.section.error(key, f"{key}: in must be a list of values, got {show(value)}.")
            return Comparison(op, tuple(self._value(key, name, item, owners) for item in value))
        return Comparison(op, self._value(key, name, value, owners))

    def _fits(self, name: str, value: Any, owners: list[Entry]) -> bool:
        try:
            self._value(name, name, value, owners)
        except RAISED_BY_PLUGINS:
            return False
        return True

    def _value(self, key: str, name: str, value: Any, owners: list[Entry]) -> Any:
        """Return the value as a configuration would hold it; some entry must be able to."""
        reason = ""
        place, dot, end = name.rpartition(".")
        for owner in owners:
            for component in owner.reachable[f"{place}{dot}"]:
                if end not in keys(component):
                    continue
                try:
                    return checked(component, end, value, self.registry)
                except ComponentError as error:
                    reason = str(error)
        raise self.section.error(key, f"{reason}." if not reason.endswith((".", "?")) else reason)

    def _complete(self, rule: Rule) -> None:
        for kind, entries in self.entries.items():
            if len(entries) > 1 and kind not in rule.labels:
                raise self.section.error(
                    None,
                    f"is not a complete combination: {kind} has several entries; give {kind} = one of "
                    f"{', '.join(labels_of(self.entries, kind))}.",
                )
            for entry in entries:
                if len(entries) > 1 and entry.label not in rule.labels[kind]:
                    continue
                for name in entry.varying:
                    if (kind, name) not in rule.tests:
                        raise self.section.error(
                            None,
                            f"is not a complete combination: {kind} {entry.label!r} has several {name}; "
                            f'give "{kind}.{name}" = one value.',
                        )


def names_of(entry: Entry) -> list[str]:
    """Return the paths of all hyperparameters and references of an entry, also inside of references."""
    paths = (
        f"{place}{key}"
        for place, components in entry.reachable.items()
        for component in components
        for key in keys(component)
    )
    return list(dict.fromkeys(paths))
