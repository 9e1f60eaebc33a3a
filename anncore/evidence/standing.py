"""Where one arm stands among many: its place, whom it beats, and on which groups of problems it is strong."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from anncore.evidence import stats
from anncore.evidence.measures import shared_rope
from anncore.evidence.sentences import counted
from anncore.evidence.study import Study, blocked_arms, by_data_set
from anncore.evidence.verdicts import Comparison, compare

if TYPE_CHECKING:
    import pandas as pd

SHUFFLES = 1999  # of the groups' labels; the least p-value is 1 / 2000
FEWEST_OF_GROUP = 2  # data sets, below which nothing is said of a group


class GroupStanding(NamedTuple):
    """How one arm does on a group of problems.

    share: of the other arms that it is ahead of, 0 to 1, in the mean over the group's data sets. data_sets:
    how many there are.
    """

    group: str
    share: float
    data_sets: int


@dataclass(frozen=True)
class Standing:
    """Where an arm stands.

    arm: its name. place: among `of` arms that can be ranked, by mean rank over data sets; ties share the
    better place; None where the arm itself cannot be ranked. ranks: the mean rank of each arm, NaN for one
    that cannot be ranked. against: its comparison with every other arm, adjusted for their number. scale:
    that of the effects. groups: best first; apart: the p-value of the test that they differ, NaN where there
    is none. blocked: why an arm has no rank. data_sets: on how many the ranks rest. unit: what these are.
    problems: how many there are; diverged: on which of them some trial of the arm diverged, lost: on which
    all of them did.
    """

    arm: str
    place: int | None
    of: int
    ranks: Mapping[str, float]
    against: Mapping[str, Comparison]
    scale: str
    groups: tuple[GroupStanding, ...]
    apart: float
    blocked: Mapping[str, str]
    data_sets: int
    unit: str
    problems: int
    diverged: tuple[str, ...]
    lost: tuple[str, ...]

    @property
    def settled(self) -> bool:
        """Whether its place is known: it is told apart from every other arm, so that its rank is no noise."""
        return self.place is not None and len(self.others("better", "worse")) == len(self.against)

    def with_verdict(self, arm: str) -> str:
        """Return "better", "worse", "equivalent", "tie", "undecided", "too_few" or "blocked" of an arm."""
        comparison = self.against[arm]
        if comparison.verdict in ("better", "typical"):
            return "better" if comparison.a == self.arm else "worse"
        return comparison.verdict

    def others(self, *verdicts: str) -> list[str]:
        """Return the arms of which one of some verdicts holds, in the order of their ranks."""
        named = [arm for arm in self.against if self.with_verdict(arm) in verdicts]
        return sorted(named, key=lambda arm: (math.isnan(self.ranks[arm]), self.ranks[arm]))


def standing(study: Study, arm: str, group_of: Mapping[str, str]) -> Standing:
    """Return where an arm stands among the arms of a study.

    group_of: the group of each problem. Every other arm is compared with this one over all data sets, by
    exact signed ranks with Holm's correction over all of them. Arms with trials that failed or are missing
    have no rank.
    """
    costs, scale = by_data_set(study)
    blocked: dict[str, str] = {}
    for problem in study.problems:
        for other, reason in blocked_arms(study, problem).items():
            blocked.setdefault(other, f"{reason} on {problem}")
    rope = shared_rope(list(study.measures.values()), scale)
    pairs = compare(costs, unit=study.unit, scale=scale, blocked=blocked, control=arm, rope=rope)
    against = {pair.b if pair.a == arm else pair.a: pair for pair in pairs}
    ranked = [other for other in study.arms if other not in blocked]
    by_row = _ranks(costs, ranked)
    means = by_row.mean(axis=0) if len(by_row) and ranked else np.array([])
    ranks = dict.fromkeys(study.arms, math.nan) | dict(zip(ranked, map(float, means), strict=False))
    place = None
    if not math.isnan(ranks[arm]):
        place = 1 + sum(ranks[other] < ranks[arm] - 1e-9 for other in ranked)
    groups, apart = _groups(study, costs, by_row, ranked, arm, group_of)
    own = {problem: np.isinf(study.costs(problem)[arm].to_numpy(float)) for problem in study.problems}
    return Standing(
        arm,
        place,
        len(ranked),
        ranks,
        against,
        scale,
        groups,
        apart,
        blocked,
        len(costs),
        study.unit,
        len(own),
        tuple(problem for problem, infinite in own.items() if infinite.any()),
        tuple(problem for problem, infinite in own.items() if len(infinite) and infinite.all()),
    )


def _ranks(costs: pd.DataFrame, ranked: Sequence[str]) -> np.ndarray:
    """Return the ranks of some arms on each data set, from 1, ties shared."""
    values = costs[list(ranked)].to_numpy(float)
    return np.array([stats.ranks(row) for row in values]).reshape(len(costs), len(ranked))


def _groups(
    study: Study,
    costs: pd.DataFrame,
    by_row: np.ndarray,
    ranked: Sequence[str],
    arm: str,
    group_of: Mapping[str, str],
) -> tuple[tuple[GroupStanding, ...], float]:
    """Return the arm's standing by group, best first, and the p-value of the test that groups differ."""
    if arm not in ranked or len(ranked) < 2 or not len(costs):
        return (), math.nan
    group_of_set = {study.dataset_of[problem]: group for problem, group in group_of.items()}
    labels = np.array([group_of_set[str(data_set)] for data_set in costs.index], object)
    shares = (len(ranked) - by_row[:, list(ranked).index(arm)]) / (len(ranked) - 1)
    groups = [
        GroupStanding(group, float(shares[labels == group].mean()), int((labels == group).sum()))
        for group in dict.fromkeys(labels)
    ]
    groups.sort(key=lambda one: -one.share)
    return tuple(groups), groups_differ(shares, labels)


def groups_differ(shares: np.ndarray, labels: np.ndarray) -> float:
    """Return the p-value of the test that an arm does as well on one group of data sets as on another.

    The distance between the best and the worst group's mean, against that of shuffled labels: a permutation
    test, exact but for the number of shuffles (Phipson & Smyth, "Permutation P-values Should Never Be Zero",
    Statistical Applications in Genetics and Molecular Biology 9(1), 2010). Groups of one data set take no
    part; NaN where fewer than two groups are left.
    """
    _, places, sizes = np.unique(labels.astype(str), return_inverse=True, return_counts=True)
    kept = sizes >= FEWEST_OF_GROUP
    if kept.sum() < 2:
        return math.nan
    here = kept[places]
    places, shares = places[here], shares[here]
    used = np.flatnonzero(kept)
    shuffled = np.random.default_rng(0).permuted(np.tile(shares, (SHUFFLES, 1)), axis=1)
    every = np.vstack([shares, shuffled])
    means = np.stack([every[:, places == place].mean(axis=1) for place in used])
    distance = means.max(axis=0) - means.min(axis=0)
    return float((distance >= distance[0] - 1e-12).sum() / (SHUFFLES + 1))


def standing_sentence(one: Standing, suite: str, alpha: float = stats.ALPHA) -> str:
    """Say where an arm stands, in one line: "mine: first tier of 38 arms on core, ...".

    It is in the first tier where no other arm beats it. A place is said only where it is told apart from
    every other arm.
    """
    parts = [_place(one, suite)]
    if one.place is not None and len(one.lost) < one.problems:
        parts += [", ".join(_counts(one)), _groups_words(one, alpha), _diverged(one)]
    return f"{one.arm}: {'; '.join(filter(None, parts))}"


def _place(one: Standing, suite: str) -> str:
    if one.place is None:
        reason = one.blocked.get(one.arm, "it has no score")
        return f"no place on {suite}, because a claim needs all of its trials ({reason})"
    if len(one.lost) == one.problems:
        every = "its only problem" if one.problems == 1 else f"all {one.problems} problems"
        return f"no place on {suite}, because every trial of it diverged, on {every}"
    if one.of == 1:
        return f"alone on {suite}, since no other arm can be ranked"
    if one.settled:
        return f"place {one.place} of {one.of} on {suite}"
    if beaten_by := len(one.others("worse")):
        beat = "1 of them beats" if beaten_by == 1 else f"{beaten_by} of them beat"
        return f"below the first tier of {one.of} arms on {suite}, as {beat} it"
    if len(one.others("too_few", "blocked")) == len(one.against):
        return f"no tier on {suite}"
    if not one.others("better", "equivalent", "tie"):
        others = len(one.others("undecided"))
        none = (
            "not told apart from the only other arm" if others == 1 else f"told apart from none of {others}"
        )
        return f"{none} on {suite}"
    return f"first tier of {one.of} arms on {suite}, as no other beats it"


def _diverged(one: Standing) -> str:
    """Say on how many problems trials of the arm diverged."""
    if not one.diverged:
        return ""
    all_of_it = f", on {len(one.lost)} in every trial" if one.lost else ""
    return f"it diverged on {len(one.diverged)} of {counted(one.problems, 'problems')}{all_of_it}"


def _counts(one: Standing) -> list[str]:
    """Return whom the arm beats, who beats it where it has a place, and of whom nothing is known."""
    words = {
        "better than": one.others("better"),
        "worse than": one.others("worse") if one.settled else [],
        "equivalent to": one.others("equivalent", "tie"),
        "not told apart from": one.others("undecided") if _says_some(one) else [],
    }
    said = [f"{word} {len(arms)}" for word, arms in words.items() if arms]
    if few := one.others("too_few"):
        verb = "is" if one.data_sets == 1 else "are"
        said.append(f"{counted(one.data_sets, one.unit)} {verb} too few to compare it with {len(few)}")
    if blocked := one.others("blocked"):
        said.append(f"no claim on {len(blocked)} with failed or missing trials")
    return said


def _says_some(one: Standing) -> bool:
    """Whether the first words leave open from how many arms it is not told apart."""
    return len(one.others("undecided")) < len(one.against)


def _groups_words(one: Standing, alpha: float) -> str:
    """Say on which groups the arm is strongest and weakest, if they differ more than chance explains."""
    usable = [group for group in one.groups if group.data_sets >= FEWEST_OF_GROUP]
    if len(usable) < 2 or math.isnan(one.apart):
        return ""
    if one.apart > alpha:
        return "on no group of problems clearly stronger or weaker"
    return f"strongest on {usable[0].group}, weakest on {usable[-1].group}"
