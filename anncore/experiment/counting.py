"""How many configurations the rules leave, counted without making one.

A rule is a list of tests, each about one hyperparameter of one kind, and excludes what passes all of them. So
values matter only by which rules they pass: a bit for each rule. Values with equal bits are counted together,
and the bits of a configuration are those that all of its values have: a product of a few counts in place of a
product of all values.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from typing import Any

from anncore.experiment.model import Axis, Comparison, Entry, Range, Rule
from anncore.experiment.references import resolve_all
from anncore.experiment.rules import holds

Counts = Mapping[int, int]
"""How many alternatives there are, by their bits."""

Passes = Callable[[str, tuple[Comparison, ...]], bool]
"""Tells whether a hyperparameter passes its tests."""


def combined(factors: Iterable[Counts], every: int) -> Counts:
    """Return the counts of all combinations of one alternative of each factor; every: all rules' bits."""
    total: Counter[int] = Counter({every: 1})
    for factor in factors:
        longer: Counter[int] = Counter()
        for bits, number in total.items():
            for other, size in factor.items():
                longer[bits & other] += number * size
        total = longer
    return total


def left(counts: Counts, applied: int) -> int:
    """Return how many are excluded by none of the rules whose bits are in `applied`."""
    return sum(number for bits, number in counts.items() if not bits & applied)


class RuleBits:
    """Which of an experiment's rules are passed, as bits: 1 for the first rule, 2 for the second, 4, ..."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.every = (1 << len(rules)) - 1
        self._tests: dict[str, list[tuple[int, str, tuple[Comparison, ...]]]] = {}
        for i, rule in enumerate(rules):
            for (kind, name), tests in rule.tests.items():
                self._tests.setdefault(kind, []).append((1 << i, name, tests))

        self._asked = {kind: frozenset(name for _, name, _ in tests) for kind, tests in self._tests.items()}

    def asks_about(self, kinds: Iterable[str]) -> bool:
        """Tell whether a rule has a test about one of some kinds."""
        return any(kind in self._tests for kind in kinds)

    def asked(self, kind: str) -> frozenset[str]:
        """Return the hyperparameters of a kind that rules have tests about."""
        return self._asked.get(kind, frozenset())

    def of_values(self, kind: str, values: Mapping[str, Any]) -> int:
        """Return the bits of a choice; a test about a hyperparameter that it lacks fails."""
        return self._bits(kind, lambda name, tests: name in values and holds(tests, values[name]))

    def count(self, entry: Entry) -> Counts:
        """Return the counts of an entry's grid.

        What a test sees of a hyperparameter without an axis of its own depends on presets and references
        alone: their axes are gone through together, all others one by one.
        """
        asked = self.asked(entry.kind)
        free = [axis for axis in entry.axes if not _governs(axis)]
        governing = [axis for axis in entry.axes if _governs(axis)]
        own = {key for axis in free for key in axis.keys}
        factors = [self._count_axis(entry.kind, axis, asked) for axis in free]
        if asked <= own:
            factors.append({self.every: math.prod(len(rows_of(axis)) for axis in governing)})
        else:
            factors.append(self._count_governing(entry, governing, own))
        return combined(factors, self.every)

    def _count_axis(self, kind: str, axis: Axis, asked: frozenset[str]) -> Counts:
        """Count the rows of an axis by the tests about its own keys."""
        if not asked.intersection(axis.keys):
            return {self.every: len(rows_of(axis))}
        counts: Counter[int] = Counter()
        values: dict[str, Any] = {}

        def passes(name: str, tests: tuple[Comparison, ...]) -> bool:
            return name not in values or holds(tests, values[name])

        for row in rows_of(axis):
            values.update(zip(axis.keys, row, strict=True))
            counts[self._bits(kind, passes)] += 1
        return counts

    def _count_governing(self, entry: Entry, governing: Sequence[Axis], own: set[str]) -> Counts:
        """Count the combinations of presets and references by the tests about what has no axis of its own."""
        counts: Counter[int] = Counter()
        values: dict[str, Any] = {}

        def passes(name: str, tests: tuple[Comparison, ...]) -> bool:
            return name in own or (name in values and holds(tests, values[name]))

        for rows in product(*map(rows_of, governing)):
            values.clear()
            for axis, row in zip(governing, rows, strict=True):
                values.update(zip(axis.keys, row, strict=True))
            if entry.component is not None and entry.registry is not None:
                values.update(resolve_all(entry.component, dict(values), entry.registry))
            counts[self._bits(entry.kind, passes)] += 1
        return counts

    def _bits(self, kind: str, passes: Passes) -> int:
        bits = self.every
        for bit, name, tests in self._tests.get(kind, ()):
            if bits & bit and not passes(name, tests):
                bits &= ~bit
        return bits


def _governs(axis: Axis) -> bool:
    """Tell whether other hyperparameters depend on an axis: presets, and references to components."""
    return not isinstance(axis, Range) and any(
        key.rpartition(".")[2] == "preset" or _is_reference(row[i])
        for i, key in enumerate(axis.keys)
        for row in axis.rows[:1]
    )


def _is_reference(value: Any) -> bool:
    return isinstance(value, tuple) and bool(value) and all(isinstance(item, str) for item in value)


def rows_of(axis: Axis) -> tuple[tuple[Any, ...], ...]:
    """Return the rows of an axis of a grid; a range has none, it is drawn from."""
    return () if isinstance(axis, Range) else axis.rows
