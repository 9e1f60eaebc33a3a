"""Stopping rules: how many report seeds are enough."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

from anncore.contract.kinds.base import Component
from anncore.contract.shown import Shown

OPEN = ("undecided", "too_few")


@dataclass(frozen=True, repr=False)
class Claim(Shown):
    """One arm against another on one problem, at one look.

    verdict: "better", "equivalent", "tie", "undecided", "too_few" or "blocked". effect with low and high (a
    95 % interval that holds over all looks together): how much cheaper a is than b, on `scale`: "log" a
    difference of logarithms, "unit" of shares, "linear" in the metric's own units; NaN where there is none.
    p: adjusted for the number of claims on the problem, None where there is none. pairs: how many seeds.
    """

    problem: str
    a: str
    b: str
    verdict: str
    effect: float
    low: float
    high: float
    scale: str
    p: float | None
    pairs: int

    @property
    def open(self) -> bool:
        """Whether more seeds may settle it; failures that block a claim are not mended by seeds."""
        return self.verdict in OPEN

    def _facts(self) -> dict[str, object]:
        return {"pair": f"{self.a} against {self.b}", "on": self.problem, "verdict": self.verdict}


@dataclass(frozen=True, repr=False)
class Look(Shown):
    """All claims of a sweep at one look, and the looks before it.

    seeds: with how many report seeds each look was made, ascending; the last number is this one's. most: the
    limit. needed: with how many seeds any claim can be significant at all.
    """

    claims: tuple[Claim, ...]
    seeds: tuple[int, ...]
    most: int
    needed: int

    @property
    def now(self) -> int:
        """The number of report seeds so far."""
        return self.seeds[-1]

    def _facts(self) -> dict[str, object]:
        still_open = sum(claim.open for claim in self.claims)
        return {"seeds": self.now, "limit": self.most, "claims": f"{len(self.claims)}, {still_open} open"}


class StoppingRule(Component):
    """When a sweep in rounds has enough report seeds.

    Tests and intervals of a sweep in rounds hold however often one looks and for whatever reason one stops
    (`always_valid_p`), so a rule may look at effects, intervals and p-values. It must not ask which arm is
    ahead: exchanging two arms may not change the number of seeds, as the test over all data sets rests on
    that.
    """

    @abstractmethod
    def next_seeds(self, look: Look) -> int | None:
        """Return how many report seeds there should be at the next look, or None if there are enough.

        The number is above `look.now`; above `look.most` it is cut to that limit.
        """
