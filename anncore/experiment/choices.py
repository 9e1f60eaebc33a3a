"""The combinations of an experiment: labels first, values inside them, nothing made before it is needed.

A choice is an entry with one value per hyperparameter. A combo takes one entry of each kind; its choices
lie along slots, one slot per kind, or one for all tuned kinds together where they are drawn by a search.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property, reduce
from itertools import product
from operator import and_
from typing import Any

from anncore.contract.errors import ComponentError, ExperimentError
from anncore.contract.kind_names import SECTIONS
from anncore.experiment.counting import Counts, RuleBits, combined, left, rows_of
from anncore.experiment.model import Axis, Entry, Experiment, Range, Rows, Rule
from anncore.experiment.references import resolve_all
from anncore.experiment.sampling import distinct_points, draw, extent

MOST_COMBINATIONS = 100_000  # of labels; each is kept in memory


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


class Slot:
    """Alternatives for one kind, or for several that are chosen together; made when first needed.

    make: yields them. count: returns how many there are by the rules' bits, without keeping them.
    """

    def __init__(
        self,
        kinds: Sequence[str],
        size: int,
        make: Callable[[], Iterator[Option]],
        count: Callable[[], Counts],
        bits: RuleBits,
    ) -> None:
        self.kinds, self.size, self.make = tuple(kinds), size, make
        self._count, self._bits = count, bits

    @cached_property
    def counts(self) -> Counts:
        """How many alternatives there are by the rules' bits."""
        return self._count()

    @cached_property
    def options(self) -> list[Option]:
        """All alternatives, in order."""
        return list(self.make())

    @cached_property
    def bits(self) -> list[int]:
        """The rules' bits of every alternative, in order."""
        return list(map(self.bits_of, self.options))

    def bits_of(self, option: Option) -> int:
        """Return the rules' bits of an alternative."""
        return option_bits(self._bits, option)


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
        others = None if not self._applied else self._beside(slots)
        number = math.prod(slot.size for slot in self.slots if slot not in slots)
        for options in product(*(slot.options for slot in slots)):
            if others is not None:
                bits = self._applied
                for slot, option in zip(slots, options, strict=True):
                    bits &= slot.bits_of(option)
                number = left(others, bits)
            if number:
                yield tuple(choice for option in options for choice in option), number

    def configurations(self) -> Iterator[Option]:
        """Yield every configuration that is left, its choices in the order of the kinds."""
        order = [kind for slot in self.slots for kind in slot.kinds]
        places = sorted(range(len(order)), key=lambda i: SECTIONS.index(order[i]))
        if self._applied:
            paired = product(*(list(zip(slot.options, slot.bits, strict=True)) for slot in self.slots))
            chosen: Iterator[tuple[Option, ...]] = (
                tuple(option for option, _ in pairs)
                for pairs in paired
                if not reduce(and_, (bits for _, bits in pairs), self._applied)
            )
        else:
            chosen = product(*(slot.options for slot in self.slots))
        for options in chosen:
            flat = [choice for option in options for choice in option]
            yield tuple(flat[i] for i in places)


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
    _refuse_many_labels(experiment, kinds)
    bits = RuleBits(experiment.exclude)
    singles = {
        (kind, entry.label): _grid_slot(entry, bits) for kind in kinds for entry in experiment.entries[kind]
    }
    joint: dict[tuple[str, ...], Slot] = {}
    tuned = [kind for kind in experiment.tuned_kinds if kind in kinds]
    result = []
    for chosen in product(*(experiment.entries[kind] for kind in kinds)):
        entries = dict(zip(kinds, chosen, strict=True))
        if experiment.search is None:
            slots = [singles[kind, entries[kind].label] for kind in kinds]
        else:
            key = tuple(entries[kind].label for kind in tuned)
            if key not in joint:
                joint[key] = _search_slot(experiment, [entries[kind] for kind in tuned], bits)
            slots = [singles[kind, entries[kind].label] for kind in kinds if kind not in tuned]
            slots.append(joint[key])
        result.append(Combo(entries, slots, experiment.exclude))
    return result


def _refuse_many_labels(experiment: Experiment, kinds: Sequence[str]) -> None:
    numbers = {kind: len(experiment.entries[kind]) for kind in kinds}
    if math.prod(numbers.values()) > MOST_COMBINATIONS:
        sections = " x ".join(f"{number} {kind}" for kind, number in numbers.items() if number > 1)
        raise ExperimentError(
            f"{experiment.file}: {sections} sections make {math.prod(numbers.values()):,} combinations; at "
            f"most {MOST_COMBINATIONS:,} can be planned, so leave sections out or split the experiment."
        )


def _grid_slot(entry: Entry, bits: RuleBits) -> Slot:
    def make() -> Iterator[Option]:
        for rows in product(*map(rows_of, entry.axes)):
            yield (Choice(entry, _given(entry.axes, rows)),)

    size = math.prod(len(rows_of(axis)) for axis in entry.axes)
    return Slot([entry.kind], size, make, lambda: bits.count(entry), bits)


def _given(axes: Sequence[Axis], rows: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for axis, row in zip(axes, rows, strict=True):
        given.update(zip(axis.keys, row, strict=True))
    return given


def _search_slot(experiment: Experiment, entries: Sequence[Entry], bits: RuleBits) -> Slot:
    assert experiment.search is not None
    method, samples = experiment.search
    # Dimensions in alphabetical order, so that the order of a file changes no configuration.
    axes = sorted(
        ((i, axis) for i, entry in enumerate(entries) for axis in entry.axes),
        key=lambda pair: (entries[pair[0]].kind, sorted(pair[1].keys)),
    )
    free = [pair for pair in axes if isinstance(pair[1], Range) or len(pair[1].rows) > 1]
    fixed = [pair for pair in axes if pair not in free]
    _refuse_narrow(experiment, [axis for _, axis in free], samples)

    def make() -> Iterator[Option]:
        for point in draw(method, samples, [axis for _, axis in free], experiment.sweep_seed):
            given: list[dict[str, Any]] = [{} for _ in entries]
            for (i, axis), row in zip(free, point, strict=True):
                given[i].update(zip(axis.keys, row, strict=True))
            for i, axis in fixed:
                given[i].update(zip(axis.keys, rows_of(axis)[0], strict=True))
            yield tuple(map(Choice, entries, given))

    kinds = [entry.kind for entry in entries]
    size = int(min(samples, math.prod(extent(axis) for _, axis in free)))

    def count() -> Counts:
        if not bits.asks_about(kinds):
            return {bits.every: size}
        return Counter(option_bits(bits, option) for option in make())

    return Slot(kinds, size, make, count, bits)


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
        for combo in known:
            if all(combo.entries[kind].label in labels for kind, labels in rule.labels.items()):
                config = tuple(_included(combo, kind, rule) for kind in SECTIONS if kind in combo.entries)
                _refuse_unfit(experiment, config)
                twice = any(all(map(Choice.equals, config, other)) for other in added)
                if not (twice or combo.contains(config)):
                    added.append(config)
    return added


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
