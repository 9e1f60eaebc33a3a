"""The combinations of an experiment: labels first, values inside them, nothing made before it is needed.

A choice is an entry with one value per hyperparameter. A combo takes one entry of each kind; its choices
lie along slots, one slot per kind, or one for all tuned kinds together where they are drawn by a search.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np

from anncore.contract.errors import ComponentError, ExperimentError
from anncore.contract.kind_names import SECTIONS
from anncore.contract.kinds import Array
from anncore.experiment.model import Axis, Entry, Experiment, Range, Rule
from anncore.experiment.references import resolve_all
from anncore.experiment.rules import holds
from anncore.experiment.sampling import draw, extent


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

    def passes(self, rule: Rule) -> bool:
        """Tell whether the rule's tests about this kind hold; one about a value it lacks does not."""
        return all(
            name in self.values and holds(tests, self.values[name])
            for (kind, name), tests in rule.tests.items()
            if kind == self.entry.kind
        )

    def equals(self, other: Choice) -> bool:
        """Tell whether both are the same configuration of the same entry."""
        return self.entry.label == other.entry.label and repr(self.resolved) == repr(other.resolved)


Option = tuple[Choice, ...]


class Slot:
    """Alternatives for one kind, or for several that are chosen together; made when first needed."""

    def __init__(self, kinds: Sequence[str], size: int, make: Any) -> None:
        self.kinds, self.size, self._make = tuple(kinds), size, make
        self._passes: dict[int, Array] = {}

    @cached_property
    def options(self) -> list[Option]:
        """All alternatives, in order."""
        return list(self._make())

    def mask(self, rule: Rule) -> Array | None:
        """Tell which options pass a rule's tests, (size,); None where the rule has none about them."""
        if not any(kind in self.kinds for kind, _ in rule.tests):
            return None
        mask = self._passes.get(id(rule))
        if mask is None:
            passes = [all(choice.passes(rule) for choice in option) for option in self.options]
            mask = self._passes[id(rule)] = np.array(passes, bool)
        return mask


class Combo:
    """One entry of each kind, and the slots along which its configurations lie."""

    def __init__(self, entries: Mapping[str, Entry], slots: Sequence[Slot], rules: Sequence[Rule]) -> None:
        self.entries, self.slots = entries, tuple(slots)
        self.rules = [rule for rule in rules if self._labelled(rule)]

    def _labelled(self, rule: Rule) -> bool:
        return all(
            kind in self.entries and self.entries[kind].label in rule.labels[kind] for kind in rule.labels
        )

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of options along each slot."""
        return tuple(slot.size for slot in self.slots)

    @cached_property
    def product(self) -> int:
        """The number of configurations before anything is excluded."""
        return math.prod(self.sizes)

    @cached_property
    def kept(self) -> Array | None:
        """Tell which configurations no rule excludes, shaped `sizes`; None where that is all of them."""
        if not self.rules:
            return None
        excluded = np.zeros(self.sizes, bool)
        for rule in self.rules:
            hit = np.ones((1,) * len(self.slots), bool)
            for i, slot in enumerate(self.slots):
                mask = slot.mask(rule)
                if mask is not None:
                    hit = hit & mask.reshape([-1 if i == j else 1 for j in range(len(self.slots))])
            excluded |= hit
        return ~excluded if excluded.any() else None

    def count(self) -> int:
        """Return the number of configurations that are left."""
        return self.product if self.kept is None else int(self.kept.sum())

    def contains(self, config: Option) -> bool:
        """Tell whether a configuration of these labels is one of those that are left."""
        by_kind = {choice.entry.kind: choice for choice in config}
        place = []
        for slot in self.slots:
            for i, option in enumerate(slot.options):
                if all(choice.equals(by_kind[choice.entry.kind]) for choice in option):
                    place.append(i)
                    break
            else:
                return False
        return self.kept is None or bool(self.kept[tuple(place)])

    def along(self, kinds: Sequence[str]) -> tuple[int, ...]:
        """Return the numbers of the slots that hold any of some kinds."""
        return tuple(i for i, slot in enumerate(self.slots) if set(slot.kinds) & set(kinds))

    def project(self, slots: Sequence[int]) -> Array | None:
        """Return how many configurations are left for each option of some slots; None where all are."""
        if self.kept is None:
            return None
        others = tuple(i for i in range(len(self.slots)) if i not in slots)
        return np.asarray(self.kept.sum(axis=others))

    def groups(self, kinds: Sequence[str]) -> int:
        """Return the number of different options of some kinds' slots that are left."""
        slots = self.along(kinds)
        left = self.project(slots)
        return math.prod(self.sizes[i] for i in slots) if left is None else int((left > 0).sum())

    def options_of(self, kinds: Sequence[str]) -> Iterator[tuple[Option, int]]:
        """Yield what is left of some kinds' slots, each with its number of configurations."""
        slots = self.along(kinds)
        left = self.project(slots)
        number = math.prod(self.sizes[i] for i in slots)
        counts = [self.product // max(number, 1)] * number if left is None else left.ravel().tolist()
        for options, count in zip(product(*(self.slots[i].options for i in slots)), counts, strict=True):
            if count:
                yield tuple(choice for option in options for choice in option), count

    def configurations(self) -> Iterator[Option]:
        """Yield every configuration that is left, its choices in the order of the kinds."""
        order = [kind for slot in self.slots for kind in slot.kinds]
        places = sorted(range(len(order)), key=lambda i: SECTIONS.index(order[i]))
        every = product(*(slot.options for slot in self.slots))
        flags = iter(()) if self.kept is None else iter(self.kept.ravel().tolist())
        for options in every:
            if self.kept is not None and not next(flags):
                continue
            flat = [choice for option in options for choice in option]
            yield tuple(flat[i] for i in places)


def combos(experiment: Experiment) -> list[Combo]:
    """Return every combination of labels, in the file's order."""
    kinds = [kind for kind in SECTIONS if experiment.entries[kind]]
    singles = {(kind, entry.label): _grid_slot(entry) for kind in kinds for entry in experiment.entries[kind]}
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
                joint[key] = _search_slot(experiment, [entries[kind] for kind in tuned])
            slots = [singles[kind, entries[kind].label] for kind in kinds if kind not in tuned]
            slots.append(joint[key])
        result.append(Combo(entries, slots, experiment.exclude))
    return result


def _grid_slot(entry: Entry) -> Slot:
    def make() -> Iterator[Option]:
        for rows in product(*(_rows(axis) for axis in entry.axes)):
            yield (Choice(entry, _given(entry.axes, rows)),)

    size = math.prod(0 if isinstance(axis, Range) else len(axis.rows) for axis in entry.axes)
    return Slot([entry.kind], size, make)


def _rows(axis: Axis) -> tuple[tuple[Any, ...], ...]:
    assert not isinstance(axis, Range), "ranges are drawn by a search"
    return axis.rows


def _given(axes: Sequence[Axis], rows: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for axis, row in zip(axes, rows, strict=True):
        given.update(zip(axis.keys, row, strict=True))
    return given


def _search_slot(experiment: Experiment, entries: Sequence[Entry]) -> Slot:
    assert experiment.search is not None
    method, samples = experiment.search
    # Dimensions in alphabetical order, so that the order of a file changes no configuration.
    axes = sorted(
        ((i, axis) for i, entry in enumerate(entries) for axis in entry.axes),
        key=lambda pair: (entries[pair[0]].kind, sorted(pair[1].keys)),
    )
    free = [pair for pair in axes if isinstance(pair[1], Range) or len(pair[1].rows) > 1]
    fixed = [pair for pair in axes if pair not in free]

    def make() -> Iterator[Option]:
        for point in draw(method, samples, [axis for _, axis in free], experiment.sweep_seed):
            given: list[dict[str, Any]] = [{} for _ in entries]
            for (i, axis), row in zip(free, point, strict=True):
                given[i].update(zip(axis.keys, row, strict=True))
            for i, axis in fixed:
                given[i].update(zip(axis.keys, _rows(axis)[0], strict=True))
            yield tuple(map(Choice, entries, given))

    size = min(samples, math.prod(extent(axis) for _, axis in free))
    return Slot([entry.kind for entry in entries], int(size), make)


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
