"""One part of a plan, for the jobs of an array that share no scheduler: `annx sweep FILE --shard 2/5`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from anncore.contract.errors import ExperimentError
from anncore.contract.trial import Trial
from anncore.experiment.plan import Plan


@dataclass(frozen=True)
class Shard:
    """The shard `index` of `count`, counted from 1.

    Where configurations are tuned, an arm on a problem is the unit: what is chosen for it depends on no other
    shard. Without tuning every trial is a unit. Units are dealt out in turn, so shards differ by one at most.
    """

    index: int
    count: int

    @staticmethod
    def read(text: str) -> Shard:
        """Return the shard that "2/5" means; raises ExperimentError for what means none."""
        written = re.fullmatch(r"\s*(\d{1,7})\s*/\s*(\d{1,7})\s*", text, re.ASCII)
        index, count = (int(written[1]), int(written[2])) if written else (0, 0)
        if not 1 <= index <= count:
            raise ExperimentError(f"shard is {text!r}; write 1/5 for the first of five, 5/5 for the last.")
        return Shard(index, count)

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    @property
    def suffix(self) -> str:
        """What tells the shard's run folder from the others'."""
        return f"shard-{self.index:0{len(str(self.count))}d}-of-{self.count}"

    def refuse_unfit(self, plan: Plan) -> None:
        """Raise ExperimentError for a plan that cannot be divided, or not in so many parts."""
        experiment = plan.experiment
        reason = ""
        if experiment.widen:
            reason = "[search] widen looks at all arms before the ranges grow"
        elif experiment.in_rounds is not None or experiment.rounds is not None:
            reason = "rounds look at all results before seeds are added"
        if reason:
            raise ExperimentError(f"{experiment.file}: a part of a plan cannot run alone here: {reason}.")
        tuned = bool(experiment.tune_seeds)
        units = len(plan.configurations) if tuned else plan.counts["report"]
        if self.count > units:
            what = "pairs of arm and problem, each tuned as a whole" if tuned else "trials"
            raise ExperimentError(
                f"{experiment.file}: shard {self} divides {units} {what}; divide them by {units} at most."
            )

    def trials(self, plan: Plan, trials: Iterable[Trial]) -> Iterator[Trial]:
        """Yield the trials of a phase that belong to the shard."""
        if plan.experiment.tune_seeds:
            pairs = set(list(plan.configurations)[self.index - 1 :: self.count])
            yield from (trial for trial in trials if (trial.problem, trial.arm) in pairs)
        else:
            mine = self.index - 1
            yield from (trial for place, trial in enumerate(trials) if place % self.count == mine)
