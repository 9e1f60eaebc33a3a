"""Report seeds in rounds: as many as it takes to settle every claim, and no more than a limit.

A round looks at the claims, arm against arm on each problem, and the next one has half as many seeds again.
What makes that honest is `always_valid_p`, which takes the place of the signed-rank test: however often
one looks, and whatever makes one stop, a difference that is none is found in at most 5 % of the experiments.

Seeds settle claims on a problem. Claims over all data sets have the data set as their unit, whose number
does not grow; they are tested once, at the end. When that is depends on whether arms differ, never on which
one is ahead, so swapping two arms on a data set leaves the number of seeds as it is, and the signed-rank
test over data sets, which rests on such swaps alone, is not touched by the rounds. (Against a control that
is so only nearly where there are more than two arms: a swap then exchanges some claims for others.)
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from anncore.contract.errors import ExperimentError
from anncore.experiment.document import LARGEST
from anncore.experiment.model import Experiment, Rounds

if TYPE_CHECKING:
    from anncore.experiment.plan import Plan

MOST_TIMES = 10  # the default limit: so many times the file's report seeds
OPEN = ("undecided", "too_few")


def begin(
    experiment: Experiment,
    plan: Plan,
    *,
    most: int | None = None,
    looks: Sequence[int] = (),
    allow_large: bool = False,
) -> Experiment:
    """Return the experiment at its first round, or at the last one of `looks`, an earlier sweep's.

    most: the limit on report seeds, by default ten times the file's, as far as [limits] max_trials admits.
    Raises ExperimentError for a limit below the file's own seeds, or one that may exceed max_trials without
    `allow_large`.
    """
    first, limit = len(experiment.report_seeds), experiment.limits.max_trials
    pairs = plan.counts["report"] // first
    admitted = math.inf if allow_large else (limit - plan.counts["tune"]) // max(1, pairs)
    if most is None:
        most = max(first, int(min(MOST_TIMES * first, admitted)))
    if most < first:
        raise ExperimentError(
            f"{experiment.file}: --max-seeds must be at least {first}, the number of report seeds in the "
            f"file, got {most}."
        )
    if most > max(first, admitted):
        raise ExperimentError(
            f"{experiment.file}: --max-seeds {most} may come to {plan.counts['tune'] + pairs * most} trials, "
            f"more than [limits] max_trials = {limit}; give at most {max(first, int(admitted))}, run with "
            "--yes, or raise the limit."
        )
    kept = tuple(look for look in looks if look <= most)
    if not kept or kept[0] != first:
        kept = (first,)
    return _at(experiment, Rounds(kept, most))


def _at(experiment: Experiment, rounds: Rounds) -> Experiment:
    seeds = extended(experiment.report_seeds, rounds.looks[-1], experiment.tune_seeds)
    return dataclasses.replace(experiment, report_seeds=seeds, rounds=rounds)


def extended(seeds: Sequence[int], number: int, taken: Sequence[int] = ()) -> tuple[int, ...]:
    """Return so many seeds: those given, then the next ones after the greatest that are not `taken`.

    After the greatest whole number that the store can hold comes 0.

    An order that depends on nothing else, as the p-value looks at seeds one after the other.
    """
    longer, known, seed = list(seeds), {*seeds, *taken}, max(seeds)
    while len(longer) < number:
        seed = seed + 1 if seed < LARGEST else 0
        if seed not in known:
            longer.append(seed)
    return tuple(longer)


def following(experiment: Experiment, needed: int = 0) -> Experiment | None:
    """Return the experiment at its next round, half as many seeds again; None where the limit is reached.

    needed: how many seeds it takes for any claim, below which another look cannot say anything.
    """
    rounds = experiment.rounds
    if rounds is None or rounds.looks[-1] >= rounds.most:
        return None
    now = rounds.looks[-1]
    number = min(rounds.most, max(now + math.ceil(now / 2), needed))
    return _at(experiment, Rounds((*rounds.looks, number), rounds.most))


def looked(results: Any) -> tuple[Experiment, int]:
    """Return the experiment with its number of open claims, and how many seeds any claim takes.

    A claim is one comparison on one problem. It is settled where one arm is better, where the two are
    equivalent or equal, and where failures block it, since more seeds would not mend that.
    """
    from anncore.evidence.stats import pairs_needed
    from anncore.evidence.study import Study
    from anncore.evidence.verdicts import seed_claims

    study = Study(results)
    claims = [claim for problem in study.problems for claim in seed_claims(study, problem)]
    still_open = sum(claim.verdict in OPEN for claim in claims)
    needed = max((pairs_needed(claim.comparisons, sequential=True) for claim in claims), default=0)
    experiment: Experiment = results.experiment
    assert experiment.rounds is not None, "only a sweep in rounds is looked at"
    rounds = experiment.rounds._replace(open=still_open)
    return dataclasses.replace(experiment, rounds=rounds), needed
