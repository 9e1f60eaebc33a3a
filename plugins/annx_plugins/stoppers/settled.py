"""Stopper: settled."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from anncore import Look, StoppingRule, hookimpl


@dataclass(frozen=True)
class Settled(StoppingRule):
    """More seeds until every claim on a problem is settled.

        n ← max(n + ⌈n / 2⌉, needed)

    A claim is settled where one arm is better, where the two are equivalent or equal, and where failures
    block it, since more seeds would not mend that. `needed` is how many seeds it takes for any claim; another
    look below it cannot say anything.
    """

    name: ClassVar[str] = "settled"
    default: ClassVar[bool] = True

    def next_seeds(self, look: Look) -> int | None:
        if not any(claim.open for claim in look.claims):
            return None
        return max(look.now + math.ceil(look.now / 2), look.needed)


@hookimpl
def annx_stoppers() -> list[type[StoppingRule]]:
    return [Settled]
