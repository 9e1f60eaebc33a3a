"""The combinations of an experiment: labels first, values inside them, nothing made before it is needed.

A choice is an entry with one value per hyperparameter. A combo takes one entry of each kind; its choices
lie along slots, one slot per kind, or one for all tuned kinds together where they are drawn by a search.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import product
from typing import Any

from anncore.contract.errors import ComponentError, ExperimentError
from anncore.contract.kind_names import SECTIONS
from anncore.experiment.counting import Counts, GridWalk, RuleBits, combined, left, rows_of
from anncore.experiment.document import show
from anncore.experiment.levels import level_values, taken_apart, varied_keys
from anncore.experiment.model import Axis, Entry, Experiment, Range, Rows, Rule
from anncore.experiment.references import resolve_all
from anncore.experiment.sampling import distinct_points, draw, extent

MOST_COMBINATIONS = 100_000  # of labels; each is kept in memory

MOST_REMEMBERED = 64
"""Of the lists of one combination that say which options are left; many rules make many of them."""


class Choice:
    """One entry with one value per hyperparameter that it sets; identity is that of the object.

    extra: keys that an [[include]] sets beside those that vary in the entry.
    """

    def __init__(self, entry: Entry, given: Mapping[str, Any], extra: tuple[str, ...] = ()) -> None:
        self.entry, self.given, self.extra = entry, given, extra

    @cached_property
    def resolved(self) -> dict[str, Any]:
        """Every hyperparameter and reference with its value, at any depth; nothing for a loss of "auto"."""
        if self.entry.component is None or self.entry.registry is None:
            return {}
        return resolve_all(self.entry.component, self.given, self.entry.registry)

    @cached_property
    def values(self) -> dict[str, Any]:
        """What a rule may ask about: `resolved` and the preset."""
        return {**self.given, **self.resolved}

    def equals(self, other: Choice) -> bool:
        """Tell whether both are the same configuration of the same entry."""
        return self.entry.label == other.entry.label and repr(self.resolved) == repr(other.resolved)


Option = tuple[Choice, ...]


class Slot(ABC):
    """Alternatives for one kind, or for several that are chosen together; made when first needed."""

    def __init__(self, kinds: Sequence[str], size: int, bits: RuleBits) -> None:
        self.kinds, self.size, self._bits = tuple(kinds), size, bits

    @cached_property
    @abstractmethod
    def counts(self) -> Counts:
        """How many alternatives there are by the rules' bits."""

    @cached_property
    @abstractmethod
    def options(self) -> list[Option]:
        """All alternatives, in order."""

    @abstractmethod
    def left(self, applied: int, beside: Counts) -> Iterator[tuple[Option, int]]:
        """Yield the alternatives that rules leave, in order, each with the bits that it leaves of `applied`.

        applied: the bits of rules that exclude what passes them; beside: the counts of what an alternative is
        combined with.
        """

    def bits_of(self, option: Option) -> int:
        """Return the rules' bits of an alternative."""
        return option_bits(self._bits, option)


class GridSlot(Slot):
    """The grid of one entry. What a rule excludes by some of its axes is never made."""

    def __init__(self, entry: Entry, bits: RuleBits) -> None:
        super().__init__([entry.kind], math.prod(len(rows_of(axis)) for axis in entry.axes), bits)
        self.entry = entry
        self._made: dict[tuple[int, ...], Option] = {}

    @cached_property
    def counts(self) -> Counts:
        """How many alternatives there are by the rules' bits."""
        return combined(self._walk.factors, self._bits.every)

    @cached_property
    def options(self) -> list[Option]:
        """All alternatives, in order."""
        places = product(*(range(len(rows)) for rows in self._rows))
        if not self._bits.every:  # no rules: each is asked for here alone
            return list(map(self._make, places))
        return list(map(self._option, places))

    @cached_property
    def _walk(self) -> GridWalk:
        return GridWalk(self.entry, self._bits)

    @cached_property
    def _rows(self) -> list[tuple[tuple[Any, ...], ...]]:
        return [tuple(rows_of(axis)) for axis in self.entry.axes]

    def left(self, applied: int, beside: Counts) -> Iterator[tuple[Option, int]]:
        """Yield the alternatives that rules leave, axis by axis."""
        for place, bits in self._walk.left(applied, beside):
            yield self._option(place), bits

    def _option(self, place: tuple[int, ...]) -> Option:
        """Return the alternative at some rows of the axes, always the same object."""
        if place not in self._made:
            self._made[place] = self._make(place)
        return self._made[place]

    def _make(self, place: tuple[int, ...]) -> Option:
        rows = [rows[i] for rows, i in zip(self._rows, place, strict=True)]
        return (Choice(self.entry, _given(self.entry.axes, rows)),)


class DrawnSlot(Slot):
    """What a search draws for several entries together."""

    def __init__(
        self, kinds: Sequence[str], size: int, draw_all: Callable[[], Iterator[Option]], bits: RuleBits
    ) -> None:
        super().__init__(kinds, size, bits)
        self._draw_all = draw_all

    @cached_property
    def counts(self) -> Counts:
        """How many alternatives there are by the rules' bits."""
        if not self._bits.asks_about(self.kinds):
            return {self._bits.every: self.size}
        return Counter(self._option_bits)

    @cached_property
    def options(self) -> list[Option]:
        """All alternatives, in order."""
        return list(self._draw_all())

    @cached_property
    def _option_bits(self) -> list[int]:
        return list(map(self.bits_of, self.options))

    def left(self, applied: int, beside: Counts) -> Iterator[tuple[Option, int]]:
        """Yield the alternatives that rules leave."""
        for option, bits in zip(self.options, self._option_bits, strict=True):
            if left(beside, applied & bits):
                yield option, applied & bits


def option_bits(bits: RuleBits, option: Option) -> int:
    """Return which rules' tests some choices pass, all together."""
    passed = bits.every
    for choice in option:
        kind = choice.entry.kind
        if bits.asks_about((kind,)):  # what is given needs no resolving, which takes a hundred times as long
            values = choice.given if bits.asked(kind) <= choice.given.keys() else choice.values
            passed &= bits.of_values(kind, values)
    return passed


class Combo:
    """One entry of each kind, and the slots along which its configurations lie."""

    def __init__(self, entries: Mapping[str, Entry], slots: Sequence[Slot], rules: Sequence[Rule]) -> None:
        self.entries, self.slots = entries, tuple(slots)
        self._every = (1 << len(rules)) - 1
        self._left: dict[tuple[tuple[Slot, ...], int], list[tuple[Option, int]]] = {}  # by slots and bits
        # The rules whose labels are those of this combination.
        self._applied = sum(1 << i for i, rule in enumerate(rules) if self._labelled(rule))

    def _labelled(self, rule: Rule) -> bool:
        return all(
            kind in self.entries and self.entries[kind].label in rule.labels[kind] for kind in rule.labels
        )

    @property
    def product(self) -> int:
        """The number of configurations before anything is excluded."""
        return math.prod(slot.size for slot in self.slots)

    def count(self) -> int:
        """Return the number of configurations that are left."""
        if not self._applied:
            return self.product
        return left(combined((slot.counts for slot in self.slots), self._every), self._applied)

    def contains(self, config: Option) -> bool:
        """Tell whether a configuration of these labels is one of those that are left."""
        by_kind = {choice.entry.kind: choice for choice in config}
        bits = self._every
        for slot in self.slots:
            wanted = tuple(by_kind[kind] for kind in slot.kinds)
            bits &= slot.bits_of(wanted)
            if not _has(slot, wanted):
                return False
        return not bits & self._applied

    def along(self, kinds: Sequence[str]) -> tuple[Slot, ...]:
        """Return the slots that hold any of some kinds."""
        return tuple(slot for slot in self.slots if set(slot.kinds) & set(kinds))

    def _beside(self, slots: Collection[Slot]) -> Counts:
        """Return the counts of all other slots' combinations."""
        return combined((slot.counts for slot in self.slots if slot not in slots), self._every)

    def groups(self, kinds: Sequence[str]) -> int:
        """Return the number of different options of some kinds' slots that are left."""
        slots = self.along(kinds)
        if not self._applied:
            return math.prod(slot.size for slot in slots) if self.product else 0
        others = self._beside(slots)
        mine = combined((slot.counts for slot in slots), self._every)
        return sum(number for bits, number in mine.items() if left(others, self._applied & bits))

    def options_of(self, kinds: Sequence[str]) -> Iterator[tuple[Option, int]]:
        """Yield what is left of some kinds' slots, each with its number of configurations."""
        slots = self.along(kinds)
        number = math.prod(slot.size for slot in self.slots if slot not in slots)
        others = self._beside(slots) if self._applied else {}
        for options, bits in self._walk(slots):
            flat = tuple(choice for option in options for choice in option)
            yield flat, left(others, bits) if self._applied else number

    def configurations(self) -> Iterator[Option]:
        """Yield every configuration that is left, its choices in the order of the kinds."""
        order = [kind for slot in self.slots for kind in slot.kinds]
        places = sorted(range(len(order)), key=lambda i: SECTIONS.index(order[i]))
        for options, _ in self._walk(self.slots):
            flat = [choice for option in options for choice in option]
            yield tuple(flat[i] for i in places)

    def _walk(self, slots: Sequence[Slot]) -> Iterator[tuple[tuple[Option, ...], int]]:
        """Yield what is left of some slots' product, with the bits that it leaves of the rules applied."""
        if not self.product:
            return
        if not self._applied:
            yield from ((options, 0) for options in product(*(slot.options for slot in slots)))
            return
        yield from self._walk_left((), slots, self._applied)

    def _walk_left(
        self, before: tuple[Slot, ...], slots: Sequence[Slot], applied: int
    ) -> Iterator[tuple[tuple[Option, ...], int]]:
        """Walk slot by slot; nothing is made of an option that leaves nothing of those after it."""
        if not slots:
            yield (), applied
            return
        first, *rest = slots
        walked = (*before, first)
        key = (walked, applied)
        alternatives: Iterable[tuple[Option, int]] | None = self._left.get(key)
        if alternatives is None:
            alternatives = first.left(applied, self._beside(walked))
            if len(self._left) < MOST_REMEMBERED:
                alternatives = self._left[key] = list(alternatives)
        for option, bits in alternatives:
            for options, remaining in self._walk_left(walked, rest, bits):
                yield (option, *options), remaining


def _has(slot: Slot, wanted: Option) -> bool:
    """Tell whether some choices are an alternative of a slot."""
    if len(wanted) == 1 and not any(isinstance(axis, Range) for axis in wanted[0].entry.axes):
        return any(wanted[0].equals(like) for like in _alike(wanted[0]))
    return any(all(map(Choice.equals, option, wanted)) for option in slot.options)


def _alike(wanted: Choice) -> Iterator[Choice]:
    """Yield the choices of a grid that may equal one: with its values, and with any preset."""
    rows = [
        axis.rows
        if any(key.rpartition(".")[2] == "preset" for key in axis.keys)
        else _same_rows(axis, wanted)
        for axis in wanted.entry.axes
        if not isinstance(axis, Range)
    ]
    for row in product(*rows):
        yield Choice(wanted.entry, _given(wanted.entry.axes, row))


def _same_rows(axis: Rows, wanted: Choice) -> list[tuple[Any, ...]]:
    values = repr(tuple(wanted.values.get(key) for key in axis.keys))
    return [row for row in axis.rows if repr(row) == values]


def combos(experiment: Experiment) -> list[Combo]:
    """Return every combination of labels, in the file's order.

    Raises ExperimentError where there are very many, or a search has fewer points to draw from than samples.
    """
    kinds = [kind for kind in SECTIONS if experiment.entries[kind]]
    every = {
        kind: [
            level
            for entry in experiment.entries[kind]
            for level in taken_apart(entry, varied_keys(experiment.vary, kind))
        ]
        for kind in kinds
    }
    _refuse_many_labels(experiment, every)
    bits = RuleBits(experiment.exclude)
    singles = {id(entry): GridSlot(entry, bits) for kind in kinds for entry in every[kind]}
    joint: dict[tuple[int, ...], Slot] = {}
    tuned = [kind for kind in experiment.tuned_kinds if kind in kinds]
    result = []
    for chosen in _labelled(experiment, every):
        entries = dict(zip(kinds, chosen, strict=True))
        if experiment.search is None:
            slots: list[Slot] = [singles[id(entries[kind])] for kind in kinds]
        else:
            key = tuple(id(entries[kind]) for kind in tuned)
            if key not in joint:
                joint[key] = _search_slot(experiment, [entries[kind] for kind in tuned], bits)
            slots = [singles[id(entries[kind])] for kind in kinds if kind not in tuned]
            slots.append(joint[key])
        result.append(Combo(entries, slots, experiment.exclude))
    return result


def _labelled(experiment: Experiment, every: Mapping[str, Sequence[Entry]]) -> Iterator[tuple[Entry, ...]]:
    """Yield an entry of each kind: all combinations, or those with the problems of a suite, one by one."""
    if experiment.suite is None:
        yield from product(*every.values())
        return
    for problem in experiment.suite.problems:
        of_problem = {
            kind: [entry for entry in entries if problem.parts.get(kind, entry.label) == entry.label]
            for kind, entries in every.items()
        }
        yield from product(*of_problem.values())


def _refuse_many_labels(experiment: Experiment, entries: Mapping[str, Sequence[Entry]]) -> None:
    numbers = {kind: len(own) for kind, own in entries.items()}
    if experiment.suite is not None:
        for kind in experiment.suite.kinds:
            del numbers[kind]
        numbers["suite"] = len(experiment.suite.problems)
    if math.prod(numbers.values()) > MOST_COMBINATIONS:
        sections = " x ".join(f"{number} {kind}" for kind, number in numbers.items() if number > 1)
        raise ExperimentError(
            f"{experiment.file}: {sections} sections make {math.prod(numbers.values()):,} combinations; at "
            f"most {MOST_COMBINATIONS:,} can be planned, so leave sections out or split the experiment."
        )


def _given(axes: Sequence[Axis], rows: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for axis, row in zip(axes, rows, strict=True):
        given.update(zip(axis.keys, row, strict=True))
    return given


def _search_slot(experiment: Experiment, entries: Sequence[Entry], bits: RuleBits) -> Slot:
    assert experiment.search is not None
    samples = experiment.search.samples
    sampler = experiment.chosen["sampler"].built()
    # Dimensions in alphabetical order, so that the order of a file changes no configuration.
    axes = sorted(
        ((i, axis) for i, entry in enumerate(entries) for axis in entry.axes),
        key=lambda pair: (entries[pair[0]].kind, sorted(pair[1].keys)),
    )
    free = [pair for pair in axes if isinstance(pair[1], Range) or len(pair[1].rows) > 1]
    fixed = [pair for pair in axes if pair not in free]
    _refuse_narrow(experiment, [axis for _, axis in free], samples)

    def make() -> Iterator[Option]:
        for point in draw(sampler, samples, [axis for _, axis in free], experiment.sweep_seed):
            given: list[dict[str, Any]] = [{} for _ in entries]
            for (i, axis), row in zip(free, point, strict=True):
                given[i].update(zip(axis.keys, row, strict=True))
            for i, axis in fixed:
                given[i].update(zip(axis.keys, rows_of(axis)[0], strict=True))
            yield tuple(map(Choice, entries, given))

    kinds = [entry.kind for entry in entries]
    size = int(min(samples, math.prod(extent(axis) for _, axis in free)))
    return DrawnSlot(kinds, size, make, bits)


def _refuse_narrow(experiment: Experiment, axes: Sequence[Axis], samples: int) -> None:
    """Refuse ranges of real numbers that hold hardly more values of six digits than are drawn."""
    points = math.prod(map(distinct_points, axes))
    if points < 2 * samples and any(isinstance(axis, Range) and not axis.integer for axis in axes):
        keys = ", ".join(key for axis in axes for key in axis.keys)
        raise ExperimentError(
            f"{experiment.file}: [search] samples = {samples} draws from {keys}, which have only about "
            f"{points:.0f} different values of six digits; widen the ranges, or lower samples."
        )


def included(experiment: Experiment, known: Sequence[Combo]) -> list[Option]:
    """Return the configurations that [[include]] adds and that the combinations do not hold yet."""
    added: list[Option] = []
    for rule in experiment.include:
        _refuse_new_levels(experiment, rule)
        seen: set[tuple[str, ...]] = set()
        for combo in known:
            labels_here = tuple(entry.label for entry in combo.entries.values())
            # Of the values that make arms of their own the rule's is taken, else the first one.
            if labels_here in seen or not _at_level(combo, rule):
                continue
            seen.add(labels_here)
            if all(combo.entries[kind].label in labels for kind, labels in rule.labels.items()):
                config = tuple(_included(combo, kind, rule) for kind in SECTIONS if kind in combo.entries)
                _refuse_unfit(experiment, config)
                twice = any(all(map(Choice.equals, config, other)) for other in added)
                if not (twice or combo.contains(config)):
                    added.append(config)
    return added


def _at_level(combo: Combo, rule: Rule) -> bool:
    """Tell whether a combination has the values of varied hyperparameters that a rule sets."""
    return all(
        repr(rule.tests[kind, key][0].value) == repr(value)
        for kind, entry in combo.entries.items()
        for key, value in level_values(entry).items()
        if (kind, key) in rule.tests
    )


def _refuse_new_levels(experiment: Experiment, rule: Rule) -> None:
    """Refuse an [[include]] with a value of a varied hyperparameter that no section lists."""
    for (kind, key), tests in rule.tests.items():
        if key not in varied_keys(experiment.vary, kind):
            continue
        values = [
            level_values(level)[key]
            for entry in experiment.entries[kind]
            if entry.label in rule.labels.get(kind, (entry.label,))
            for level in taken_apart(entry, (key,))
        ]
        if repr(tests[0].value) not in map(repr, values):
            raise ExperimentError(
                f"{experiment.file}: [[include]] sets {kind}.{key} = {show(tests[0].value)}, which is varied "
                f"and has no such value; add it to the list in [{kind}.NAME]."
            )


def _refuse_unfit(experiment: Experiment, config: Option) -> None:
    """Refuse an included reference to a component that lacks the keys its section sets inside of it."""
    for choice in config:
        try:
            _ = choice.resolved
        except ComponentError as error:
            where = f"{experiment.file}: [[include]] of {choice.entry.kind} {choice.entry.label!r}"
            raise ExperimentError(f"{where} is no configuration: {error}.") from None


def _included(combo: Combo, kind: str, rule: Rule) -> Choice:
    """Return the choice of a kind: the rule's values over the first ones of the entry."""
    entry = combo.entries[kind]
    first = {
        key: value
        for axis in entry.axes
        if not isinstance(axis, Range)
        for key, value in zip(axis.keys, axis.rows[0], strict=True)
    }
    set_here = {name: tests[0].value for (owner, name), tests in rule.tests.items() if owner == kind}
    extra = tuple(
        key for key, value in set_here.items() if key not in entry.varying and first.get(key) != value
    )
    return Choice(entry, {**first, **set_here}, extra)
