"""Reports that were made before: which seeds they showed, and what that leaves for the report at hand.

Someone runs five seeds, reads the report, adds seeds and reads again, until a claim stands. Each report alone
errs in 5 % of experiments; together they err more often. A run folder remembers its reports
(`anncore.running.looks`), and what a pair of arms had shown then is `Seen` by its tests (`pair_tests`).

A look is a report with other seeds than any before it. The same seeds again are none, be it a report that is
written again, one of a sweep that was resumed, or one with further arms. Seeds that an earlier report has
shown must stay: who leaves some of them out could choose those that please.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from anncore.contract.kinds import Array
from anncore.evidence import stats
from anncore.evidence.signed_rank import EXACT_PAIRS, midranks, sign_patterns

if TYPE_CHECKING:
    import pandas as pd

DIGITS = 8  # of a run key that are remembered
FEWEST_SETS = 2  # that a comparison over data sets needs


class PastLook(NamedTuple):
    """A report that was made: with which seeds, in their order, and of which trials.

    sequential: whether its seeds came in rounds. settings: a digest of the experiment without its seeds.
    keys: by problem and arm the first digits of its trials' run keys, one seed after the other; only of arms
    all of whose trials had a result.
    """

    seeds: tuple[int, ...]
    sequential: bool
    settings: str
    keys: Mapping[tuple[str, str], str]

    def key(self, place: tuple[str, str], seed: int) -> str:
        """Return the digits of one trial's key; "" where the report had none."""
        at = DIGITS * self.seeds.index(seed)
        return self.keys.get(place, "")[at : at + DIGITS]

    def shows(self, place: tuple[str, str], other: PastLook) -> bool:
        """Tell whether both reports have the same trials of an arm on a problem, as far as seeds agree."""
        if place not in self.keys or place not in other.keys:
            return False
        known = set(other.seeds)
        common = [seed for seed in self.seeds if seed in known]
        if not common:
            return self.settings == other.settings
        return all(self.key(place, seed) == other.key(place, seed) for seed in common)

    def same_as(self, other: PastLook) -> bool:
        """Tell whether a report with the same seeds shows nothing that this one denies."""
        common = [place for place in self.keys if place in other.keys]
        same = set(self.seeds) == set(other.seeds) and self.sequential == other.sequential
        return same and bool(common) and all(self.shows(place, other) for place in common)


class Seen(NamedTuple):
    """What earlier reports have shown of a pair of arms.

    first: the differences b - a of the first one, None where its seeds came in rounds. looks: how many there
    are with this one. rest: the share of alpha that the first one could not use up.
    """

    first: Any
    looks: int
    rest: float


def in_order(seeds: Sequence[int], past: Sequence[PastLook]) -> tuple[int, ...]:
    """Return the seeds in the order in which reports have shown them; the new ones last, in theirs."""
    there = set(seeds)
    shown = [seed for look in past for seed in look.seeds if seed in there]
    return tuple(dict.fromkeys([*shown, *seeds]))


def before(past: Sequence[PastLook], now: PastLook) -> tuple[PastLook, ...]:
    """Return the looks that came before the first one that showed the same as the report at hand."""
    for place, look in enumerate(past):
        if look.same_as(now):
            return tuple(past[:place])
    return tuple(past)


class History(NamedTuple):
    """The report at hand, and those that the run folder made before it with other seeds."""

    now: PastLook
    earlier: tuple[PastLook, ...]

    def __bool__(self) -> bool:
        """Whether any report was made before."""
        return bool(self.earlier)

    def looks_at(self, problem: str, arms: Sequence[str]) -> list[PastLook]:
        """Return the earlier reports that had all of these arms on a problem, by the same trials."""
        places = [(problem, arm) for arm in arms]
        return [look for look in self.earlier if all(look.shows(place, self.now) for place in places)]

    def dropped(self, problem: str, arm: str) -> list[int]:
        """Return the seeds of an arm on a problem that an earlier report has shown and this one lacks."""
        known = set(self.now.seeds)
        looks = self.looks_at(problem, (arm,))
        return list(dict.fromkeys(seed for look in looks for seed in look.seeds if seed not in known))

    def by_hand(self) -> tuple[int, ...]:
        """Return with how many seeds earlier reports were made, and with how many this one.

        Empty where none were added by hand: in rounds alone, or not at all; and where some are left out now.
        """
        shown = [look for look in self.earlier if any(look.shows(place, self.now) for place in look.keys)]
        if not shown or all(look.sequential for look in (*shown, self.now)):
            return ()
        if any(set(look.seeds) - set(self.now.seeds) for look in shown):
            return ()
        return (*dict.fromkeys(len(look.seeds) for look in shown), len(self.now.seeds))

    def seen_on(
        self, problem: str, costs: pd.DataFrame, arms: tuple[str, str], comparisons: int, problems: int
    ) -> Seen | None:
        """Return what earlier reports have shown of two arms on a problem; None where none has.

        costs: by seed and arm, as this report compares them. comparisons: how many share Holm's correction.
        problems: on how many claims are made.
        """
        looks = self.looks_at(problem, arms)
        if not looks:
            return None
        if looks[0].sequential:  # whose test goes on
            return Seen(None, len(looks) + 1, 1.0)
        rows = costs.reindex([seed for seed in looks[0].seeds if seed in costs.index])
        first = _complete(rows, arms)
        return Seen(first, len(looks) + 1, left_after(first, comparisons, problems))

    def seen_over_all(
        self,
        data_sets: Mapping[str, str],
        arms: tuple[str, str],
        comparisons: int,
        costs_of: Callable[[Sequence[str], Sequence[int]], pd.DataFrame],
        fewest: int,
    ) -> Seen | None:
        """Return what earlier reports have shown of two arms over all data sets; None where none has.

        data_sets: by problem. costs_of: called with problems and seeds, returns the costs by data set and
        arm. fewest: data sets below which no report makes a claim.
        """
        shown: dict[tuple[tuple[str, ...], tuple[int, ...]], None] = {}
        for look in self.earlier:
            problems = tuple(
                problem for problem in data_sets if all(look.shows((problem, arm), self.now) for arm in arms)
            )
            if len({data_sets[problem] for problem in problems}) >= FEWEST_SETS:
                shown[problems, look.seeds] = None
        if not shown:
            return None
        then, seeds = next(iter(shown))
        known = set(self.now.seeds)
        first = _complete(costs_of(then, [seed for seed in seeds if seed in known]), arms)
        rest = 1.0 if len(first) < fewest else left_after(first, comparisons, 1)
        return Seen(first, len(shown) + 1, rest)


def _complete(costs: pd.DataFrame, arms: tuple[str, str]) -> Any:
    gaps = stats.differences(costs[arms[0]].to_numpy(float), costs[arms[1]].to_numpy(float))
    return gaps[~np.isnan(gaps)]


def left_after(gaps: Array, comparisons: int, problems: int, alpha: float = stats.ALPHA) -> float:
    """Return the share of alpha that a first report with these differences could not have used up.

        1 - max over x of p(x) / x        x = r α / (j problems),  r ≤ problems,  j ≤ comparisons

    p(x) is the largest p-value up to x that the signed ranks of these sizes can take: so often, and no more
    often, does a test at x reject where neither arm is better. The x are all that Holm's correction and
    the selection of problems may compare a p-value with. Five seeds cannot reject at all, so they leave all
    of it; 10 leave about 2 %. For differences of -1 and 1 this is McNemar's test.
    """
    sizes = np.abs(gaps[gaps != 0])
    if not len(sizes):
        return 1.0
    if len(sizes) > EXACT_PAIRS:  # p-values lie so close together that nothing is left
        return 0.0
    counts = sign_patterns(midranks(sizes))
    possible = np.flatnonzero(counts > 0)
    attained = 2 * np.cumsum(counts)[possible]
    attained = attained[attained <= alpha]
    if not len(attained):
        return 1.0
    shares = np.divide.outer(np.arange(1, problems + 1), problems * np.arange(1, comparisons + 1))
    limits = alpha * np.unique(shares)
    places = np.searchsorted(attained, limits * (1 + 1e-12), side="right")
    used = np.where(places > 0, attained[np.maximum(places - 1, 0)], 0.0) / limits
    return float(max(0.0, 1 - used.max()))
