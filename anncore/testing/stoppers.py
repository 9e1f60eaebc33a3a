"""The checks of a stopping rule: more seeds or none, whoever is ahead."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from anncore.contract.kinds import Claim, Look
from anncore.testing.kit import Kit, Named, Subject, must

NAN = float("nan")
SETTLED = Claim("near", "first", "second", "better", 0.4, 0.2, 0.6, "log", 0.01, 10)
OPEN = Claim("near", "first", "third", "undecided", 0.05, -0.1, 0.2, "log", 0.4, 10)
FEW = Claim("far", "first", "second", "too_few", 0.2, NAN, NAN, "unit", None, 3)
BLOCKED = Claim("far", "second", "third", "blocked", NAN, NAN, NAN, "log", None, 0)
EQUAL = Claim("beyond", "second", "third", "tie", 0.0, 0.0, 0.0, "linear", None, 10)
ENDLESS = Claim("beyond", "second", "first", "better", math.inf, 0.1, math.inf, "log", 0.02, 10)


class StopperKit(Kit):
    """A number of seeds or None, equal for exchanged arms."""

    computes = False  # it gives a number of seeds

    def checks(self, subject: Subject) -> list[Named]:
        """Return the kind's own checks."""
        return [("number", number), ("symmetric", symmetric), ("repeatable", repeatable)]


def _looks() -> Iterator[tuple[str, Look]]:
    kinds = {
        "all claims settled": (SETTLED, EQUAL),
        "claims open": (SETTLED, OPEN),
        "too few seeds": (FEW, FEW),
        "claims blocked": (BLOCKED,),
        "an infinite effect": (ENDLESS, OPEN),
        "no claim": (),
    }
    for label, claims in kinds.items():
        yield label, Look(claims, (10,), 100, 6)
        yield f"{label}, one seed", Look(claims, (1,), 10, 8)
        yield f"{label}, after four looks", Look(claims, (4, 6, 9, 14), 40, 6)
        yield f"{label}, one below the limit", Look(claims, (10, 39), 40, 6)


def _asked(component: Any, look: Look, where: str) -> int | None:
    answer = component.next_seeds(look)
    whole = isinstance(answer, (int, np.integer)) and not isinstance(answer, bool)
    must(answer is None or whole, f"{where}: it returns {answer!r}, neither None nor a whole number")
    above = answer is None or answer > look.now
    must(above, f"{where}: it returns {answer!r}, where there are {look.now} seeds already")
    return None if answer is None else int(answer)


def number(subject: Subject) -> int:
    """It returns None or a whole number of seeds above those that there are."""
    count = 0
    for variant in subject.variants():
        for label, look in _looks():
            _asked(subject.build(variant), look, f"{variant.label}, {label}")
            count += 1
    return count


def symmetric(subject: Subject) -> int:
    """Exchanging the arms of every claim, or the order of claims, changes nothing."""
    count = 0
    for variant in subject.variants():
        for label, look in _looks():
            where, built = f"{variant.label}, {label}", subject.build(variant)
            first = _asked(built, look, where)
            exchanged = dataclasses.replace(look, claims=tuple(map(_exchanged, look.claims)))
            must(
                _asked(built, exchanged, where) == first,
                f"{where}: the number of seeds depends on who is ahead",
            )
            reversed_ = dataclasses.replace(look, claims=look.claims[::-1])
            must(_asked(built, reversed_, where) == first, f"{where}: it depends on the order of the claims")
            count += 1
    return count


def _exchanged(claim: Claim) -> Claim:
    return dataclasses.replace(
        claim, a=claim.b, b=claim.a, effect=-claim.effect, low=-claim.high, high=-claim.low
    )


def repeatable(subject: Subject) -> int:
    """The same look gives the same answer again."""
    count = 0
    for variant in subject.variants():
        for label, look in _looks():
            where = f"{variant.label}, {label}"
            answers = {_asked(subject.build(variant), look, where) for _ in range(3)}
            must(len(answers) == 1, f"{where}: another answer the second time")
            count += 1
    return count
