"""Kinds varied together, analysed as the factorial they are.

For the seeds of each problem, and for the data sets over all: the best combination with what cannot be told
apart from it; the marginal effect of each level; whether the effect of one factor depends on another; the
best level of one for each level of the other; trends of ordered factors. On the whole: what share of the
variance each factor makes.

Marginal costs are averages over the levels of all other factors, on the scale of the metric. They are
compared as arms are (`anncore.evidence.verdicts`), with one Holm correction for all factors. The comparisons
inside of the levels of another factor share one as well. Tests of interactions and of trends are adjusted by
Holm over all problems. Nothing is tested where the seeds came in rounds but what is valid at every look.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from anncore.contract.kinds import Array
from anncore.evidence import stats
from anncore.evidence.factorial_parts import Analysis, Best, Factorial
from anncore.evidence.factorial_tables import Draft, averaged, axes_of, cells_of, marginals_of
from anncore.evidence.factors import Factors, Grid, complete_grid, factors_of
from anncore.evidence.levels_together import interactions_of, together_of
from anncore.evidence.measures import shared_rope
from anncore.evidence.pair_tests import FEWEST_DATA_SETS, Pair, Rule
from anncore.evidence.study import Study, blocked_arms, by_data_set
from anncore.evidence.trend import Trend, trend
from anncore.evidence.units import SEEDS
from anncore.evidence.variance_shares import Lead, Share, variance_shares
from anncore.evidence.verdicts import Comparison, compare, judge_problems, pairs_of

if TYPE_CHECKING:
    import pandas as pd


def factorial(study: Study, claims: Mapping[str, Sequence[Comparison]]) -> Factorial | None:
    """Return the analysis of a study's factors; None where it varies a single kind.

    claims: the comparisons of all arms by problem, "" for those over all data sets.
    """
    known = factors_of(study)
    if study.control is not None and known.factors:  # whose comparisons leave all other pairs out
        claims = _all_pairs(study)
    if not known.factors:
        return Factorial((), None, {}, (), None, False, Grid((), ()), known.note) if known.note else None
    drafts = {problem: _on_problem(study, known, problem) for problem in study.problems}
    whole = complete_grid(study, known, study.problems)
    analyses = _analysed(study, known, drafts, claims)
    over_all = None
    if len(set(study.dataset_of.values())) > 1:
        costs, scale = by_data_set(study)
        draft = Draft("", study.unit, scale, whole, _table(whole, costs, known.arms), costs, None)
        if not whole.note:
            rope = shared_rope(list(study.measures.values()), scale)
            draft = draft._replace(rope=rope)
        over_all = _analysed(study, known, {"": draft}, claims)[""]
    shares, lead, of_data = _shares(study, known, whole)
    return Factorial(known.factors, over_all, analyses, tuple(shares), lead, of_data, whole)


def _all_pairs(study: Study) -> dict[str, list[Comparison]]:
    """Return the comparisons of all arms, whatever the control."""
    pairs, rules = {}, {}
    for problem in study.problems:
        own = pairs_of(
            study.costs(problem),
            None,
            where=problem,
            scale=study.measures[problem].scale,
            floor=-math.inf,
            blocked=blocked_arms(study, problem),
        )
        pairs[problem] = own
        rules[problem] = Rule(SEEDS, study.measures[problem].rope, stats.ALPHA, study.sequential, len(own))
    claims = judge_problems(pairs, rules)
    costs, scale = by_data_set(study)
    if len(costs) > 1:
        claims[""] = compare(costs, unit=study.unit, scale=scale)
    return claims


def _on_problem(study: Study, known: Factors, problem: str) -> Draft:
    grid = complete_grid(study, known, [problem])
    measure, costs = study.measures[problem], study.costs(problem)
    table = _table(grid, costs, known.arms)
    return Draft(problem, SEEDS, measure.scale, grid, table, costs, measure.rope)


def _table(grid: Grid, costs: Any, arms: Mapping[tuple[str, ...], str]) -> Array:
    empty: Array = np.zeros((0, 0))
    return empty if grid.note else grid.table(costs, arms)


def _shares(study: Study, known: Factors, whole: Grid) -> tuple[list[Share], Lead | None, bool]:
    """Return the shares of variance over all problems, where each has two complete seeds."""
    if whole.note:
        return [], None, False
    scales = {measure.scale for measure in study.measures.values()}
    labels = {measure.label for measure in study.measures.values()}
    of_data = len(study.problems) > 1 and len(scales) == 1 and len(labels) == 1
    if len(study.seeds) < 2 or (len(study.problems) > 1 and not of_data):
        return [], None, of_data
    tables = [whole.table(study.costs(problem), known.arms) for problem in study.problems]
    names = [factor.name for factor in whole.factors]
    shares, lead = variance_shares(tables, names, of_data=of_data)
    return shares, lead, of_data


# ---------------------------------------------------------------- one analysis


def _analysed(
    study: Study, known: Factors, drafts: Mapping[str, Draft], claims: Mapping[str, Sequence[Comparison]]
) -> dict[str, Analysis]:
    """Analyse drafts that share their corrections: the problems, or the only one over all."""
    open_ = {name: draft for name, draft in drafts.items() if not draft.grid.note}
    marginal = _compared(study, {name: _marginal_pairs(draft) for name, draft in open_.items()}, open_)
    inside = _compared(study, {name: _inside_pairs(draft) for name, draft in open_.items()}, open_)
    tests = interactions_of(study, open_)
    trends = _trends(study, open_)
    analyses = {}
    for name, draft in drafts.items():
        if draft.grid.note:
            analyses[name] = Analysis(
                draft.where, draft.unit, 0, draft.scale, draft.grid, note=draft.grid.note
            )
            continue
        cells = cells_of(draft.table, draft.grid.factors, known.arms)
        analyses[name] = Analysis(
            draft.where,
            draft.unit,
            len(draft.table),
            draft.scale,
            draft.grid,
            math.nan if draft.rope is None else draft.rope,
            best=_best(draft.costs, claims.get(name, ())),
            cells=cells,
            marginals=marginals_of(draft),
            comparisons=_by(marginal[name], [factor.name for factor in draft.grid.factors]),
            together=together_of(draft, inside[name], tests[name], known.arms),
            trends=trends[name],
        )
    return analyses


def _compared(
    study: Study, pairs: Mapping[str, Sequence[tuple[tuple[str, ...], Pair]]], drafts: Mapping[str, Draft]
) -> dict[str, list[tuple[tuple[str, ...], Comparison]]]:
    """Decide pairs of levels, each with its place; one correction per problem, as arms have."""
    rules = {
        name: Rule(
            drafts[name].unit,
            drafts[name].rope,
            stats.ALPHA,
            study.sequential and drafts[name].unit == SEEDS,
            len(own),
        )
        for name, own in pairs.items()
    }
    judged = judge_problems({name: [pair for _, pair in own] for name, own in pairs.items()}, rules)
    return {
        name: [(place, verdict) for (place, _), verdict in zip(own, judged[name], strict=True)]
        for name, own in pairs.items()
    }


def _by(
    compared: Sequence[tuple[tuple[str, ...], Comparison]], names: Sequence[str]
) -> dict[str, list[Comparison]]:
    return {name: [verdict for place, verdict in compared if place[0] == name] for name in names}


def _marginal_pairs(draft: Draft) -> list[tuple[tuple[str, ...], Pair]]:
    if len(draft.grid.factors) < 2:  # the arms' own comparisons
        return []
    pairs: list[tuple[tuple[str, ...], Pair]] = []
    for axis, factor in enumerate(draft.grid.factors, start=1):
        costs = averaged(draft.table, [axis])
        for i, j in combinations(range(len(factor.levels)), 2):
            names = (draft.where, factor.levels[i], factor.levels[j])
            pairs.append(((factor.name,), Pair(*names, costs[:, i], costs[:, j], draft.scale)))
    return pairs


def _inside_pairs(draft: Draft) -> list[tuple[tuple[str, ...], Pair]]:
    pairs: list[tuple[tuple[str, ...], Pair]] = []
    for first, second in axes_of(draft.grid.factors):
        rows, columns = (draft.grid.factors[axis - 1] for axis in (first, second))
        costs = averaged(draft.table, [first, second])
        for place, level in enumerate(rows.levels):
            for i, j in combinations(range(len(columns.levels)), 2):
                names = (draft.where, columns.levels[i], columns.levels[j])
                pair = Pair(*names, costs[:, place, i], costs[:, place, j], draft.scale)
                pairs.append(((rows.name, columns.name, level), pair))
    return pairs


def _best(costs: pd.DataFrame, claims: Sequence[Comparison]) -> Best:
    means = {arm: float(costs[arm].mean(skipna=False)) for arm in costs.columns}
    known = sorted((arm for arm in means if not math.isnan(means[arm])), key=lambda arm: means[arm])
    best, *others = known
    won = {claim.b for claim in claims if claim.a == best and claim.verdict == "better"}
    return Best(
        best,
        tuple(arm for arm in others if arm in won),
        tuple(arm for arm in others if arm not in won),
        tuple(arm for arm in means if arm not in known),
    )


# ---------------------------------------------------------------- two factors together


# ---------------------------------------------------------------- ordered factors


def _trends(study: Study, drafts: Mapping[str, Draft]) -> dict[str, tuple[Trend, ...]]:
    """Test the trend of each ordered factor, on average and at each level of another one."""
    found: dict[str, list[Trend]] = {}
    for name, draft in drafts.items():
        own = found.setdefault(name, [])
        factors = draft.grid.factors
        if draft.unit == SEEDS and study.sequential:
            continue
        for axis, factor in enumerate(factors, start=1):
            if not factor.ordered:
                continue
            own.append(trend(averaged(draft.table, [axis]), factor, "", by_mean=draft.unit == SEEDS))
            for other_axis, other in enumerate(factors, start=1):
                if other_axis == axis:
                    continue
                costs = averaged(draft.table, [other_axis, axis])
                own += [
                    trend(costs[:, place], factor, level, by_mean=draft.unit == SEEDS)
                    for place, level in enumerate(other.levels)
                ]
    adjusted = iter(stats.holm([one.p for own in found.values() for one in own]))
    least = {name: 2 if drafts[name].unit == SEEDS else FEWEST_DATA_SETS for name in found}
    return {
        name: tuple(one.adjusted(float(next(adjusted)), least[name]) for one in own)
        for name, own in found.items()
    }
