"""Which arms may be said to be ahead of which: tiers in place of ranks that are noise.

An arm is in the first tier where no other arm beats it; then the first tier is taken away, and so on. So each
arm of a lower tier is beaten by at least one arm of the tier above it, but not by every arm above it:
`beaten_by` says by which. Within a tier nobody is ahead. Who beats whom is decided in
`anncore.evidence.verdicts`, on the evidence that the first sentence rests on, and nothing is tested again.

Peeling off the arms that nobody beats is the layering of a partial order (Mirsky, "A Dual of Dilworth's
Decomposition Theorem", American Mathematical Monthly 78(8), 1971). Verdicts need not be one: a can beat b and
b beat c where a and c are not told apart, and c may even beat a. Arms that beat one another in a circle share
a tier, as no order of them would be true.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Basis = Literal["data sets", "seeds", "problems", "none"]
OPEN = ("too_few", "blocked")


class Pairing(NamedTuple):
    """What a tier needs of a comparison: arm `a` beats arm `b` where the verdict is "better"."""

    a: str
    b: str
    verdict: str

    @classmethod
    def of(cls, comparison: Any) -> Pairing:
        """Return a comparison's pairing; the comparison is an object or report.json's mapping."""
        if isinstance(comparison, Mapping):
            return cls(*(str(comparison[name]) for name in cls._fields))
        return cls(comparison.a, comparison.b, comparison.verdict)


@dataclass(frozen=True)
class Tiers:
    """The arms by tiers, best first, within a tier in the order that they were handed over.

    basis: "data sets" where the comparisons over all data sets decide, "seeds" where those on the only
    problem do; on "problems" an arm is ahead of one that it beats on some problem and that beats it on none;
    "none" where nothing may be compared yet. control: the arm that all others are compared with; then there
    are at most three tiers, `names` says what each is, and an arm has its place by the control alone.
    circles: arms that beat one another in turn. split: pairs of arms each of which beats the other on some
    problem. without: the arms that have no tier, with the reason.
    """

    basis: Basis
    tiers: tuple[tuple[str, ...], ...]
    beaten_by: Mapping[str, tuple[str, ...]]
    control: str | None = None
    names: tuple[str, ...] = ()
    circles: tuple[tuple[str, ...], ...] = ()
    split: tuple[tuple[str, str], ...] = ()
    without: Mapping[str, str] = field(default_factory=dict)
    equal: bool = False  # every pair that is compared is settled as equal or equivalent

    @property
    def decided(self) -> bool:
        """Whether anything is told apart; otherwise all share the first tier."""
        return any(self.beaten_by.values())

    @property
    def order(self) -> list[str]:
        """The arms that have a tier, the first tier first."""
        return [arm for tier in self.tiers for arm in tier]

    def tier(self, arm: str) -> int | None:
        """Return an arm's tier, from 1; None where it has none."""
        return next((place for place, tier in enumerate(self.tiers, 1) if arm in tier), None)


def deciding(over_all: Sequence[Any], by_problem: Mapping[str, Sequence[Any]]) -> tuple[Basis, list[Any]]:
    """Return the comparisons that a statement about all problems may rest on, and what they are over.

    Those over all data sets where one of them could decide something, else those of the only problem; else
    none, and every problem speaks for itself.
    """
    if any(Pairing.of(one).verdict not in OPEN for one in over_all):
        return "data sets", list(over_all)
    if len(by_problem) == 1:
        return "seeds", list(next(iter(by_problem.values())))
    return ("problems" if any(by_problem.values()) else "none"), []


def tiers_of(
    arms: Sequence[str],
    over_all: Sequence[Any],
    by_problem: Mapping[str, Sequence[Any]],
    control: str | None = None,
    failed: Mapping[str, str] | None = None,
) -> Tiers:
    """Return the arms by tiers.

    arms: in the order that is kept within a tier. over_all, by_problem: comparisons as objects or mappings
    with a, b and verdict. failed: arms that get no tier, with the reason: they might have lost where they
    failed.
    """
    basis, decisive = deciding(over_all, by_problem)
    groups = {"": decisive} if decisive else dict(by_problem)
    pairings = {name: [Pairing.of(one) for one in group] for name, group in groups.items()}
    without = {arm: reason for arm, reason in (failed or {}).items() if arm in arms}
    wins, split = _wins(pairings, without)
    placed = [arm for arm in arms if arm not in without]
    compared = [p for group in pairings.values() for p in group if not {p.a, p.b} & set(without)]
    beaten_by = {arm: tuple(other for other in placed if (other, arm) in wins) for arm in placed}
    equal = bool(compared) and all(p.verdict in ("tie", "equivalent") for p in compared)
    if control in placed:
        tiers, names = _around(str(control), placed, wins)
        return Tiers(basis, tiers, beaten_by, control, names, (), split, without, equal)
    tiers, circles = _peeled(placed, wins)
    return Tiers(basis, tiers, beaten_by, None, (), circles, split, without, equal)


def _wins(
    pairings: Mapping[str, Sequence[Pairing]], without: Mapping[str, str]
) -> tuple[set[tuple[str, str]], tuple[tuple[str, str], ...]]:
    """Return who is ahead of whom, and the pairs of which each beats the other somewhere."""
    every = {
        (pair.a, pair.b)
        for group in pairings.values()
        for pair in group
        if pair.verdict == "better" and pair.a not in without and pair.b not in without
    }
    split = {pair for pair in every if pair[::-1] in every}
    return every - split, tuple(sorted(pair for pair in split if pair[0] < pair[1]))


def _around(
    control: str, placed: Sequence[str], wins: set[tuple[str, str]]
) -> tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]:
    """Return the arms that beat the control, those that stand with it, and those that it beats."""
    better = [arm for arm in placed if (arm, control) in wins]
    worse = [arm for arm in placed if (control, arm) in wins]
    level = [arm for arm in placed if arm not in (*better, *worse)]
    groups = (
        (better, f"better than {control}"),
        (level, f"not told apart from {control}"),
        (worse, f"worse than {control}"),
    )
    there = [(tuple(group), name) for group, name in groups if group]
    return tuple(group for group, _ in there), tuple(name for _, name in there)


def _peeled(
    placed: Sequence[str], wins: set[tuple[str, str]]
) -> tuple[tuple[tuple[str, ...], ...], tuple[tuple[str, ...], ...]]:
    """Return the tiers, and the circles of arms that share one because they beat one another in turn."""
    reaches = _reaches(placed, wins)
    rest, tiers, circles = list(placed), [], []
    while rest:
        top = [
            arm for arm in rest if all(arm not in reaches[other] or other in reaches[arm] for other in rest)
        ]
        tiers.append(tuple(top))
        rest = [arm for arm in rest if arm not in top]
        seen: set[str] = set()
        for arm in top:
            circle = [other for other in top if other in reaches[arm] and arm in reaches[other]]
            if len(circle) > 1 and arm not in seen:
                circles.append(tuple(circle))
                seen.update(circle)
    return tuple(tiers), tuple(circles)


def _reaches(placed: Sequence[str], wins: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    """Return by arm all that it beats, that these beat, and so on."""
    beats: dict[str, set[str]] = {arm: set() for arm in placed}
    for a, b in wins:
        beats[a].add(b)
    reaches: dict[str, set[str]] = {}
    for arm in placed:
        seen, waiting = set(), list(beats[arm])
        while waiting:
            other = waiting.pop()
            if other not in seen:
                seen.add(other)
                waiting += beats[other]
        reaches[arm] = seen
    return reaches
