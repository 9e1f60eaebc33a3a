"""The checks of a selection rule: it chooses a configuration with a score, by its scores."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from anncore.contract.kinds import Candidates
from anncore.testing.kit import Kit, Named, Subject, must

NAN = float("nan")
SCORES: dict[str, tuple[tuple[float, ...], ...]] = {
    "three configurations": ((0.5, 0.6, 0.4), (0.3, 0.2, 0.4), (0.9, 0.8, 0.7)),
    "one configuration": ((0.5, 0.4),),
    "one seed": ((0.5,), (0.4,), (0.6,)),
    "equal scores": ((0.5, 0.4), (0.5, 0.4)),
    "a seed diverged": ((0.1, NAN, 0.1), (0.3, 0.4, 0.5), (NAN, NAN, 0.2)),
    "every configuration lost a seed": ((NAN, 0.2), (0.3, NAN), (NAN, NAN)),
    "only one has a score": ((NAN, NAN), (NAN, 0.3)),
    "negative scores": ((-1.0, -2.0), (-3.0, -1.0)),
}


class SelectorKit(Kit):
    """A valid choice, by the goal, by nothing but scores and values."""

    computes = False  # it gives a name

    def checks(self, subject: Subject) -> list[Named]:
        """Return the kind's own checks."""
        return [("choice", choice), ("goal", goal), ("labels", labels), ("repeatable", repeatable)]


def _cases() -> Iterator[tuple[str, Candidates]]:
    goals: tuple[Literal["min", "max"], ...] = ("min", "max")
    for label, rows in SCORES.items():
        for direction in goals:
            yield f"{label}, goal {direction}", candidates(rows, direction)


def candidates(
    rows: tuple[tuple[float, ...], ...], direction: Literal["min", "max"], prefix: str = "lr"
) -> Candidates:
    """Return candidates with these scores, configuration by configuration; their arrays are read-only."""
    scores, values = {}, {}
    for place, row in enumerate(rows):
        config = f"{prefix}={10.0**-place:g}"
        scores[config] = np.array(row)
        scores[config].setflags(write=False)
        values[config] = {"optimizer.lr": 10.0**-place}
    return Candidates("near", "first", "valid_loss", direction, scores, values)


def _place(component: Any, of: Candidates, where: str) -> int:
    """Return the number of the chosen configuration."""
    chosen = component.choose(of)
    names = list(of.scores)
    must(
        isinstance(chosen, str) and chosen in names,
        f"{where}: it chooses {chosen!r}, no name of a configuration",
    )
    return names.index(chosen)


def choice(subject: Subject) -> int:
    """It returns the name of a configuration with a score, whatever seeds were lost."""
    count = 0
    for variant in subject.variants():
        for label, of in _cases():
            where = f"{variant.label}, {label}"
            place = _place(subject.build(variant), of, where)
            lost = np.isnan(list(of.scores.values())[place]).all()
            must(not lost, f"{where}: it chooses configuration {place + 1}, no seed of which has a score")
            count += 1
    return count


def goal(subject: Subject) -> int:
    """A configuration that is far better on every seed is chosen, for either goal."""
    count = 0
    for variant in subject.variants():
        for direction, best in (("min", 1), ("max", 2)):
            rows = ((5.0, 5.1, 5.2), (1.0, 1.1, 1.0), (9.0, 9.2, 9.1))
            where = f"{variant.label}, goal {direction}"
            place = _place(subject.build(variant), candidates(rows, direction), where)  # type: ignore[arg-type]
            must(place == best, f"{where}: it chooses scores {rows[place]} where {rows[best]} are there")
            count += 1
    return count


def labels(subject: Subject) -> int:
    """Other names of the configurations change nothing."""
    count = 0
    for variant in subject.variants():
        for direction in ("min", "max"):
            for label, rows in SCORES.items():
                built, where = subject.build(variant), f"{variant.label}, {label}"
                places = {
                    prefix: _place(built, candidates(rows, direction, prefix), where)
                    for prefix in ("lr", "a", "z", "configuration ")
                }
                must(
                    len(set(places.values())) == 1,
                    f"{where}: the choice depends on the configurations' names",
                )
                count += 1
    return count


def repeatable(subject: Subject) -> int:
    """The same candidates give the same choice again, and none of them is changed."""
    count = 0
    for variant in subject.variants():
        for label, of in _cases():
            before = copy.deepcopy(of)
            where = f"{variant.label}, {label}"
            first = _place(subject.build(variant), of, where)
            again = {_place(subject.build(variant), of, where) for _ in range(3)}
            must(again == {first}, f"{where}: another choice the second time")
            same = repr(of.scores) == repr(before.scores) and of.values == before.values
            must(same, f"{where}: it changes the candidates")
            count += 1
    return count
