"""Report seeds in rounds: as many as it takes to settle every claim, and no more than a limit.

A round looks at the claims, arm against arm on each problem, and a stopping rule says how many seeds the next
one has, or that there are enough. What makes that honest is `always_valid_p`, which takes the place of the
signed-rank test: however often one looks, and whatever makes one stop, a difference that is none is found in
at most 5 % of the experiments.

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

import numpy as np

from anncore.contract.errors import AnnxError, ComponentError, ExperimentError
from anncore.contract.kinds import Claim, Look, StoppingRule
from anncore.experiment.document import LARGEST
from anncore.experiment.model import Experiment, Rounds
from anncore.experiment.settings import NEW_ROWS, NO_ROUNDS

if TYPE_CHECKING:
    from anncore.experiment.plan import Plan

MOST_TIMES = 10  # the default limit: so many times the file's report seeds


def begin(
    experiment: Experiment,
    plan: Plan,
    *,
    most: int | None = None,
    looks: Sequence[int] = (),
    allow_large: bool = False,
) -> Experiment:
    """Return the experiment at its first round, or at the last one of `looks`, an earlier sweep's.

    most: the limit on report seeds, by default that of [rounds], else ten times the file's seeds, as far as
    [limits] max_trials admits.
    Raises ExperimentError for a limit below the file's own seeds, or one that may exceed max_trials without
    `allow_large`.
    """
    if experiment.report.get("scope") == NEW_ROWS:
        raise ExperimentError(f"{experiment.file}: [report] {NO_ROUNDS}.")
    first, limit = len(experiment.report_seeds), experiment.limits.max_trials
    asked = "--max-seeds"
    if most is None and experiment.in_rounds is not None and experiment.in_rounds.most is not None:
        most, asked = experiment.in_rounds.most, "[rounds] most ="
    pairs = plan.counts["report"] // first
    admitted = math.inf if allow_large else (limit - plan.counts["tune"]) // max(1, pairs)
    if most is None:
        most = max(first, int(min(MOST_TIMES * first, admitted)))
    if most < first:
        raise ExperimentError(
            f"{experiment.file}: {asked.rstrip(' =')} must be at least {first}, the number of report seeds "
            f"of the experiment, got {most}."
        )
    if most > max(first, admitted):
        raise ExperimentError(
            f"{experiment.file}: {asked} {most} may come to {plan.counts['tune'] + pairs * most} trials, "
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


def following(experiment: Experiment, look: Look) -> Experiment | None:
    """Return the experiment at its next round; None where the rule has enough, or the limit is reached.

    Raises ComponentError for a stopping rule that fails or asks for no more seeds than there are.
    """
    rounds = experiment.rounds
    if rounds is None or look.now >= rounds.most:
        return None
    number = _next_seeds(stopping_rule(experiment), look)
    if number is None:
        return None
    return _at(experiment, Rounds((*rounds.looks, min(rounds.most, number)), rounds.most))


def stopping_rule(experiment: Experiment) -> StoppingRule:
    """Return the rule of [rounds], or annx's own default."""
    if "stopper" in experiment.chosen:
        rule: StoppingRule = experiment.chosen["stopper"].built()
    else:
        rule = experiment.registry.default("stopper").cls()
    return rule


def _next_seeds(rule: StoppingRule, look: Look) -> int | None:
    try:
        number = rule.next_seeds(look)
    except AnnxError:
        raise
    except Exception as error:
        raise ComponentError(
            f"stopping rule {rule.name!r} raised {type(error).__name__}: {error}."
        ) from error
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, (int, np.integer)) or number <= look.now:
        raise ComponentError(
            f"stopping rule {rule.name!r} must return None or a whole number above {look.now}, the report "
            f"seeds so far, got {number!r}."
        )
    return int(number)


def looked(results: Any) -> tuple[Experiment, Look]:
    """Return the experiment with its number of open claims, and what a stopping rule sees.

    A claim is one comparison on one problem. It is settled where one arm is better, where the two are
    equivalent or equal, and where failures block it, since more seeds would not mend that.
    """
    from anncore.evidence.stats import pairs_needed
    from anncore.evidence.study import Study
    from anncore.evidence.verdicts import seed_claims

    study = Study(results)
    comparisons = [claim for claims in seed_claims(study).values() for claim in claims]
    claims = tuple(
        Claim(c.where, c.a, c.b, c.verdict, c.effect, c.low, c.high, c.scale, c.p, c.n) for c in comparisons
    )
    needed = max((pairs_needed(c.comparisons, sequential=True) for c in comparisons), default=0)
    experiment: Experiment = results.experiment
    assert experiment.rounds is not None, "only a sweep in rounds is looked at"
    rounds = experiment.rounds._replace(open=sum(claim.open for claim in claims))
    look = Look(claims, rounds.looks, rounds.most, needed)
    return dataclasses.replace(experiment, rounds=rounds), look
