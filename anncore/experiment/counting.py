"""How many configurations the rules leave, counted without making one.

A rule is a list of tests, each about one hyperparameter of one kind, and excludes what passes all of them. So
values matter only by which rules they pass: a bit for each rule. Values with equal bits are counted together,
and the bits of a configuration are those that all of its values have: a product of a few counts in place of a
product of all values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import product, repeat
from typing import Any

from anncore.experiment.document import is_number
from anncore.experiment.model import Axis, Comparison, Entry, Range, Rule
from anncore.experiment.points import Points
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
        """Return the counts of an entry's grid."""
        return combined(self.factors(entry), self.every)

    def factors(self, entry: Entry) -> list[Counts]:
        """Return the counts of an entry's axes, one by one; at the end what holds without any axis.

        What a test sees of a hyperparameter without an axis of its own depends on presets and references
        alone. Where there are such tests, the last axis of those counts for all of them together.
        """
        governing = Governing(entry)
        factors: list[Counts] = [
            {self.every: len(rows_of(axis))}
            if i in governing.places
            else Counter(self.of_rows(entry.kind, axis))
            for i, axis in enumerate(entry.axes)
        ]
        factors.append({self.every: 1})
        if not governing.answers(self.asked(entry.kind)):
            for i in governing.places:
                factors[i] = {self.every: 1}
            axes = [rows_of(entry.axes[i]) for i in governing.places]
            together = Counter(self.of_governing(governing, rows) for rows in product(*axes))
            factors[governing.places[-1] if governing.places else -1] = together
        return factors

    def of_rows(self, kind: str, axis: Axis) -> Iterator[int]:
        """Yield the bits of every row of an axis, by the tests about its own keys."""
        values: dict[str, Any] = {}

        def passes(name: str, tests: tuple[Comparison, ...]) -> bool:
            return name not in values or holds(tests, values[name])

        rows = rows_of(axis)
        if not self.asked(kind).intersection(axis.keys):
            yield from repeat(self.every, len(rows))
        elif isinstance(rows, Points):
            for start, stop in rows.runs(self._compared(kind, axis.keys[0])):
                values[axis.keys[0]] = rows.value(start)
                yield from repeat(self._bits(kind, passes), stop - start)
        else:
            for row in rows:
                values.update(zip(axis.keys, row, strict=True))
                yield self._bits(kind, passes)

    def of_governing(self, governing: Governing, rows: Sequence[tuple[Any, ...]]) -> int:
        """Return the bits of rows of presets and references, by the tests about what has no other axis."""
        entry = governing.entry
        values: dict[str, Any] = {}
        for i, row in zip(governing.places, rows, strict=True):
            values.update(zip(entry.axes[i].keys, row, strict=True))
        if entry.component is not None and entry.registry is not None:
            values.update(resolve_all(entry.component, dict(values), entry.registry))

        def passes(name: str, tests: tuple[Comparison, ...]) -> bool:
            return name in governing.own or (name in values and holds(tests, values[name]))

        return self._bits(entry.kind, passes)

    def _compared(self, kind: str, name: str) -> set[float]:
        """Return the numbers that rules compare a hyperparameter with."""
        others = (
            other
            for _, asked, tests in self._tests.get(kind, ())
            if asked == name
            for test in tests
            for other in (test.value if isinstance(test.value, tuple) else (test.value,))
        )
        return {other for other in others if is_number(other)}

    def _bits(self, kind: str, passes: Passes) -> int:
        bits = self.every
        for bit, name, tests in self._tests.get(kind, ()):
            if bits & bit and not passes(name, tests):
                bits &= ~bit
        return bits


class GridWalk:
    """The rows of an entry's axes that rules leave; what no further axis can save is left out at once."""

    def __init__(self, entry: Entry, bits: RuleBits) -> None:
        self.entry, self.bits = entry, bits
        self.factors = bits.factors(entry)
        self.governing = Governing(entry)
        together = self.governing.places and not self.governing.answers(bits.asked(entry.kind))
        self._together = self.governing.places[-1] if together else None
        self._governed: dict[tuple[int, ...], int] = {}  # the bits of rows of the governing axes

    @cached_property
    def _row_bits(self) -> list[list[int]]:
        return [
            [self.bits.every] * len(rows_of(axis))
            if i in self.governing.places
            else list(self.bits.of_rows(self.entry.kind, axis))
            for i, axis in enumerate(self.entry.axes)
        ]

    def left(self, applied: int, beside: Counts) -> Iterator[tuple[tuple[int, ...], int]]:
        """Yield the row of every axis, and the bits left of `applied`; see `Slot.left`."""
        after = [beside]
        for factor in reversed(self.factors):
            after.insert(0, combined((factor, after[0]), self.bits.every))
        alive: dict[tuple[int, int], list[tuple[int, int]]] = {}
        # The last factor belongs to no axis: it holds for every row.
        if self._together is None:
            applied &= next(iter(self.factors[-1]))

        def rows_left(axis: int, bits: int) -> list[tuple[int, int]]:
            if (axis, bits) not in alive:
                row_bits = self._row_bits[axis]
                living = {passed for passed in set(row_bits) if left(after[axis + 1], bits & passed)}
                alive[axis, bits] = [
                    (i, bits & passed) for i, passed in enumerate(row_bits) if passed in living
                ]
            return alive[axis, bits]

        def walk(chosen: tuple[int, ...], bits: int) -> Iterator[tuple[tuple[int, ...], int]]:
            axis = len(chosen)
            if axis == len(self.entry.axes):
                yield chosen, bits
            elif axis == self._together:
                for i in range(len(self._row_bits[axis])):
                    remaining = bits & self._governed_bits((*chosen, i))
                    if left(after[axis + 1], remaining):
                        yield from walk((*chosen, i), remaining)
            else:
                for i, remaining in rows_left(axis, bits):
                    yield from walk((*chosen, i), remaining)

        if left(after[0], applied):
            yield from walk((), applied)

    def _governed_bits(self, chosen: tuple[int, ...]) -> int:
        places = tuple(chosen[i] for i in self.governing.places)
        if places not in self._governed:
            axes = (rows_of(self.entry.axes[i]) for i in self.governing.places)
            rows = [rows[i] for rows, i in zip(axes, places, strict=True)]
            self._governed[places] = self.bits.of_governing(self.governing, rows)
        return self._governed[places]


class Governing:
    """The axes on which other hyperparameters depend: presets, references to components, and shorthands.

    places: which of the entry's axes they are; own: the hyperparameters that have another axis.
    """

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        cls: Any = None if entry.component is None else entry.component.cls
        short = {} if cls is None else cls.shorthands
        self.places = tuple(
            i
            for i, axis in enumerate(entry.axes)
            if _governs(axis) or (not isinstance(axis, Range) and any(key in short for key in axis.keys))
        )
        self.own = {key for i, axis in enumerate(entry.axes) if i not in self.places for key in axis.keys}

    def answers(self, asked: frozenset[str]) -> bool:
        """Tell whether all that rules ask about has an axis that governs nothing."""
        return asked <= self.own


def _governs(axis: Axis) -> bool:
    """Tell whether other hyperparameters depend on an axis: presets, and references to components."""
    return not isinstance(axis, Range) and any(
        key.rpartition(".")[2] == "preset" or _is_reference(row[i])
        for i, key in enumerate(axis.keys)
        for row in axis.rows[:1]
    )


def _is_reference(value: Any) -> bool:
    return isinstance(value, tuple) and bool(value) and all(isinstance(item, str) for item in value)


def rows_of(axis: Axis) -> Sequence[tuple[Any, ...]]:
    """Return the rows of an axis of a grid; a range has none, it is drawn from."""
    return () if isinstance(axis, Range) else axis.rows
