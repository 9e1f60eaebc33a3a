"""Readable coordinates of a trial: the problem, the arm, the configuration."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from anncore.contract.columns import hyperparameter_column
from anncore.contract.errors import ComponentError
from anncore.contract.hyperparameters import Reference, references
from anncore.contract.kind_names import PROBLEMS, SECTIONS
from anncore.experiment.choices import Choice
from anncore.experiment.document import is_number
from anncore.experiment.levels import level_values
from anncore.experiment.model import Experiment, Range
from anncore.experiment.references import owners

EXACT = 17  # significant digits that tell any two floats apart


class Namer:
    """Names the problems, arms and configurations of one experiment; different ones get different names."""

    def __init__(self, experiment: Experiment, included: Iterable[Choice] = ()) -> None:
        self.experiment = experiment
        self._several = {kind for kind in SECTIONS if len(experiment.entries[kind]) > 1}
        self._tuned = experiment.tuned_kinds
        self._extra: dict[tuple[str, str], list[str]] = {}
        self._included = list(included)
        for choice in self._included:
            extra = self._extra.setdefault((choice.entry.kind, choice.entry.label), [])
            extra.extend(key for key in choice.extra if key not in extra)
        varying = {
            (kind, key)
            for kind in self._tuned
            for entry in experiment.entries[kind]
            for key in (*entry.varying, *self._extra.get((kind, entry.label), ()))
        }
        self._shared = {key for key, n in Counter(key for _, key in varying).items() if n > 1}
        self._set = {
            kind: list(dict.fromkeys(key for entry in entries for key in entry.given))
            for kind, entries in experiment.entries.items()
        }
        for (kind, _), keys in self._extra.items():
            self._set[kind] = list(dict.fromkeys([*self._set[kind], *keys]))
        self._texts: dict[Choice, str] = {}
        self._values: dict[Choice, dict[str, Any]] = {}

    @cached_property
    def _digits(self) -> dict[tuple[str, str, str], int]:
        """How many digits tell each hyperparameter's values apart; needed first where one is spelled."""
        seen: dict[tuple[str, str, str], set[float]] = {}
        drawn: set[tuple[str, str, str]] = set()  # all digits: the drawn values are not known here
        for kind, entries in self.experiment.entries.items():
            for entry in entries:
                for axis in entry.axes:
                    for i, key in enumerate(axis.keys):
                        place = (kind, entry.label, key)
                        if isinstance(axis, Range):
                            drawn.add(place)
                        else:
                            seen.setdefault(place, set()).update(filter(is_number, (r[i] for r in axis.rows)))
        for choice in self._included:
            entry = choice.entry
            for key, value in choice.given.items():
                if is_number(value):
                    seen.setdefault((entry.kind, entry.label, key), set()).add(value)
        return {place: _digits(values) for place, values in seen.items() if place not in drawn}

    def arm(self, config: Sequence[Choice]) -> str:
        """Return the labels of the varied kinds, and the values of hyperparameters that are varied."""
        words = []
        for choice in config:
            if choice.entry.kind in self.experiment.named:
                words.append(choice.entry.label)
            words += self._level_words(choice)
        return " + ".join(words)

    def _level_words(self, choice: Choice) -> list[str]:
        """Return "hidden=32" for each hyperparameter that makes arms of its own."""
        entry, words = choice.entry, []
        for key, value in level_values(entry).items():
            others = [name.partition(".")[2] for name in self.experiment.vary]
            name = key if others.count(key) == 1 else hyperparameter_column(entry.kind, key)
            text = spell(self.plain(choice, key, value), self._level_digits(entry.kind, key))
            words.append(f"{name}={text}")
        return words

    def _level_digits(self, kind: str, key: str) -> int:
        """Return how many digits tell a varied hyperparameter's values apart, in all sections of its kind."""
        return max(self._digits.get((kind, entry.label, key), 3) for entry in self.experiment.entries[kind])

    def problem(self, config: Sequence[Choice]) -> str:
        """Return what arms are compared on: a data set or an objective, and what else varies."""
        words, suite = [], self.experiment.suite
        if suite is not None:
            words = [suite.at({choice.entry.kind: choice.entry.label for choice in config}).name]
        for choice in config:
            kind = choice.entry.kind
            if kind in self.experiment.vary or (suite is not None and kind in suite.kinds):
                continue
            label = [choice.entry.label] if kind in PROBLEMS or kind in self._several else []
            text = [self._text(choice)] if kind not in self._tuned else []
            words.append(" ".join(filter(None, label + text)))
        return ", ".join(filter(None, words))

    def config(self, config: Sequence[Choice]) -> str:
        """Return the tuned values, "lr=0.01, momentum=0.9"; "" where there are none."""
        return ", ".join(
            filter(None, (self._text(choice) for choice in config if choice.entry.kind in self._tuned))
        )

    def values(self, config: Sequence[Choice]) -> dict[str, Any]:
        """Return the hyperparameters that are set anywhere in the experiment, as "optimizer.lr"."""
        merged: dict[str, Any] = {}
        for choice in config:
            merged.update(self._values_of(choice))
        return merged

    def _values_of(self, choice: Choice) -> dict[str, Any]:
        values = self._values.get(choice)
        if values is None:
            kind = choice.entry.kind
            values = self._values[choice] = {
                hyperparameter_column(kind, key): self.plain(choice, key, choice.values[key])
                for key in self._set[kind]
                if key in choice.values
            }
        return values

    def plain(self, choice: Choice, key: str, value: Any) -> Any:
        """Return a value as plain JSON: a reference as its short name or a list of them."""
        reference = self._reference(choice, key) if isinstance(value, tuple) else None
        if reference is not None:
            names = [self.short(reference.kind, name) for name in value]
            return names[0] if len(names) == 1 else names
        return list(value) if isinstance(value, tuple) else value

    def _reference(self, choice: Choice, key: str) -> Reference | None:
        """Return the reference that a key is, None where it is a hyperparameter."""
        component = choice.entry.component
        if component is None:
            return None
        holders = [component]
        if "." in key:
            held = {name: (value,) for name, value in choice.given.items() if isinstance(value, tuple)}
            named = {**choice.entry.named, **held}
            try:
                holders = owners(component, key, named, self.experiment.registry)
            except ComponentError:
                return None
        cls: Any = holders[0].cls
        return references(cls).get(key.rpartition(".")[2])

    def short(self, kind: str, name: str) -> str:
        """Return a component's short name."""
        return name if name == "auto" else self.experiment.registry.get(kind, name).name

    def _text(self, choice: Choice) -> str:
        text = self._texts.get(choice)
        if text is None:
            text = self._texts[choice] = self._spell(choice)
        return text

    def _spell(self, choice: Choice) -> str:
        entry, words = choice.entry, []
        for key in (*entry.varying, *choice.extra):
            value = choice.given.get(key, choice.resolved.get(key))
            digits = self._digits.get((entry.kind, entry.label, key), EXACT)
            tuned = entry.kind in self._tuned
            name = hyperparameter_column(entry.kind, key) if tuned and key in self._shared else key
            words.append(f"{name}={spell(self.plain(choice, key, value), digits)}")
        return (", " if entry.kind in self._tuned else " ").join(words)


def _digits(values: set[float]) -> int:
    for digits in (3, 4, 6, 9, 12):
        if len({f"{value:.{digits}g}" for value in values}) == len(values):
            return digits
    return EXACT


def spell(value: Any, digits: int = EXACT) -> str:
    """Return a value for a name: a number in few digits, a list as 32x32 or relu/tanh."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        short = repr(value) if digits >= EXACT else f"{value:.{digits}g}"
        return short.removesuffix(".0")
    if isinstance(value, (list, tuple)):
        if not value:
            return "none"
        return ("/" if isinstance(value[0], str) else "x").join(spell(item, digits) for item in value)
    text = str(value)
    plain = text and text.isprintable() and not any(mark in text for mark in ",= ")
    return text if plain else repr(text)
