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
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from anncore.contract.kinds import Array
from anncore.evidence import stats
from anncore.evidence.factors import Factor, Factors, Grid, complete_grid, factors_of
from anncore.evidence.interaction import Interaction, interaction
from anncore.evidence.mean_difference import mean_difference, mean_p
from anncore.evidence.measures import shared_rope
from anncore.evidence.pair_tests import FEWEST_DATA_SETS, Pair, Rule
from anncore.evidence.study import Study, blocked_arms, by_data_set
from anncore.evidence.trend import Trend, trend
from anncore.evidence.units import SEEDS
from anncore.evidence.variance_shares import Lead, Share, variance_shares
from anncore.evidence.verdicts import Comparison, compare, judge_problems, pairs_of

if TYPE_CHECKING:
    import pandas as pd

Depends = Literal["depends", "undecided", "additive", "none", "too_few", "rounds"]
MOST_CONTRASTS = 2_000  # of an interaction, that a test of equivalence looks at


class Marginal(NamedTuple):
    """A level of a factor: its cost on average over all other factors, less than that of the average level.

    effect with low and high is on the scale of the metric, positive where the level is better than average:
    over seeds the mean with `mean_difference`'s interval, over data sets the typical one.
    """

    factor: str
    level: str
    effect: float
    low: float
    high: float


class Row(NamedTuple):
    """The levels of one factor where another is at `level`: the best so far, and who is not beaten.

    best: of those that are not beaten the one with the lowest mean cost. unbeaten: the levels that no other
    one beats there, best first; beaten: all others. tested: whether any of them could be told apart.
    """

    level: str
    best: str
    unbeaten: tuple[str, ...]
    beaten: tuple[str, ...]
    tested: bool


class Cell(NamedTuple):
    """A combination of levels with its mean cost, and how much better than the average one it is.

    arm: "" where it is an average over the levels of other factors. gain with low and high as the effect of a
    `Marginal`.
    """

    levels: tuple[str, ...]
    arm: str
    cost: float
    gain: float
    low: float
    high: float


@dataclass(frozen=True)
class Together:
    """Two factors together: does the effect of `second` depend on `first`?

    verdict: "depends" (the interaction shows), "additive" (every difference of differences is smaller than
    what is worth having), "none" (nothing but rounding), "undecided", "too_few" blocks, or "rounds", where no
    test is valid. p: of `interaction`, after Holm. rows: by level of `first`. common: the levels of `second`
    that no other one beats at any level of `first`; where the verdict is "depends" and there is none, the
    best level of `second` depends on `first`. comparisons: those inside of the rows, by level of `first`.
    cells: the table of both, averaged over all other factors, row by row.
    """

    first: str
    second: str
    verdict: Depends
    test: Interaction
    p: float | None
    needed: int | None
    rows: tuple[Row, ...]
    common: tuple[str, ...]
    comparisons: Mapping[str, Sequence[Comparison]]
    cells: tuple[Cell, ...]

    @property
    def best_changes(self) -> bool:
        """Whether no level of the second factor can be the best at every level of the first."""
        return self.verdict == "depends" and not self.common


class Best(NamedTuple):
    """The combination with the lowest mean cost, which others it beats, and which it does not.

    Of all arms, those included whose levels are left out of the rest. lost: the arms without a mean cost, as
    trials failed.
    """

    arm: str
    beaten: tuple[str, ...]
    alike: tuple[str, ...]
    lost: tuple[str, ...]


@dataclass(frozen=True)
class Analysis:
    """The factorial on one problem, where the unit is the seed, or over all, where it is the data set.

    note: why there is no analysis; then all else is empty. scale: of costs. rope: the smallest difference
    worth having, on the scale; NaN where none is stated.
    """

    where: str
    unit: str
    n: int
    scale: str
    grid: Grid
    rope: float = math.nan
    note: str = ""
    best: Best | None = None
    cells: tuple[Cell, ...] = ()
    marginals: tuple[Marginal, ...] = ()
    comparisons: Mapping[str, Sequence[Comparison]] = field(default_factory=dict)
    together: tuple[Together, ...] = ()
    trends: tuple[Trend, ...] = ()


@dataclass(frozen=True)
class Factorial:
    """All that is known of factors varied together.

    over_all: None where there is one data set only. shares: of variance, over the levels that are complete on
    all problems, with who leads. of_data: whether the data's own level counts among the shares.
    """

    factors: tuple[Factor, ...]
    over_all: Analysis | None
    problems: Mapping[str, Analysis]
    shares: tuple[Share, ...]
    lead: Lead | None
    of_data: bool
    grid: Grid
    note: str = ""

    @property
    def deciding(self) -> Analysis | None:
        """The analysis that answers: over all data sets where they are enough, else of the only problem."""
        if self.over_all is not None and self.over_all.n >= FEWEST_DATA_SETS and not self.over_all.note:
            return self.over_all
        return next(iter(self.problems.values())) if len(self.problems) == 1 else None


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
        draft = _Draft("", study.unit, scale, whole, _table(whole, costs, known.arms), costs, None)
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


class _Draft(NamedTuple):
    where: str
    unit: str
    scale: str
    grid: Grid
    table: Array  # (blocks, levels, ...)
    costs: pd.DataFrame  # by block and arm, those of levels that are left out too
    rope: float | None


def _on_problem(study: Study, known: Factors, problem: str) -> _Draft:
    grid = complete_grid(study, known, [problem])
    measure, costs = study.measures[problem], study.costs(problem)
    table = _table(grid, costs, known.arms)
    return _Draft(problem, SEEDS, measure.scale, grid, table, costs, measure.rope)


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
    study: Study, known: Factors, drafts: Mapping[str, _Draft], claims: Mapping[str, Sequence[Comparison]]
) -> dict[str, Analysis]:
    """Analyse drafts that share their corrections: the problems, or the only one over all."""
    open_ = {name: draft for name, draft in drafts.items() if not draft.grid.note}
    marginal = _compared(study, {name: _marginal_pairs(draft) for name, draft in open_.items()}, open_)
    inside = _compared(study, {name: _inside_pairs(draft) for name, draft in open_.items()}, open_)
    tests = _interactions(study, open_)
    trends = _trends(study, open_)
    analyses = {}
    for name, draft in drafts.items():
        if draft.grid.note:
            analyses[name] = Analysis(
                draft.where, draft.unit, 0, draft.scale, draft.grid, note=draft.grid.note
            )
            continue
        cells = _cells(draft, draft.table, draft.grid.factors, known.arms)
        analyses[name] = Analysis(
            draft.where,
            draft.unit,
            len(draft.table),
            draft.scale,
            draft.grid,
            math.nan if draft.rope is None else draft.rope,
            best=_best(draft.costs, claims.get(name, ())),
            cells=cells,
            marginals=_marginals(draft),
            comparisons=_by(marginal[name], [factor.name for factor in draft.grid.factors]),
            together=_together(draft, inside[name], tests[name], known.arms),
            trends=trends[name],
        )
    return analyses


def _compared(
    study: Study, pairs: Mapping[str, Sequence[tuple[tuple[str, ...], Pair]]], drafts: Mapping[str, _Draft]
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


def _averaged(table: Array, axes: Sequence[int]) -> Array:
    """Return a table averaged over all factors but those at some axes, which keep their order."""
    others = tuple(axis for axis in range(1, table.ndim) if axis not in axes)
    averaged: Array = table.mean(axis=others)
    return averaged if list(axes) == sorted(axes) else averaged.swapaxes(1, 2)


def _marginal_pairs(draft: _Draft) -> list[tuple[tuple[str, ...], Pair]]:
    if len(draft.grid.factors) < 2:  # the arms' own comparisons
        return []
    pairs: list[tuple[tuple[str, ...], Pair]] = []
    for axis, factor in enumerate(draft.grid.factors, start=1):
        costs = _averaged(draft.table, [axis])
        for i, j in combinations(range(len(factor.levels)), 2):
            names = (draft.where, factor.levels[i], factor.levels[j])
            pairs.append(((factor.name,), Pair(*names, costs[:, i], costs[:, j], draft.scale)))
    return pairs


def _axes(factors: Sequence[Factor]) -> list[tuple[int, int]]:
    """Return the axes of each two factors; the one with an order comes first, where one has an order."""
    pairs = []
    for i, j in combinations(range(len(factors)), 2):
        turned = bool(factors[j].values) and not factors[i].values
        pairs.append((j + 1, i + 1) if turned else (i + 1, j + 1))
    return pairs


def _inside_pairs(draft: _Draft) -> list[tuple[tuple[str, ...], Pair]]:
    pairs: list[tuple[tuple[str, ...], Pair]] = []
    for first, second in _axes(draft.grid.factors):
        rows, columns = (draft.grid.factors[axis - 1] for axis in (first, second))
        costs = _averaged(draft.table, [first, second])
        for place, level in enumerate(rows.levels):
            for i, j in combinations(range(len(columns.levels)), 2):
                names = (draft.where, columns.levels[i], columns.levels[j])
                pair = Pair(*names, costs[:, place, i], costs[:, place, j], draft.scale)
                pairs.append(((rows.name, columns.name, level), pair))
    return pairs


def _marginals(draft: _Draft) -> tuple[Marginal, ...]:
    """Return how much better than the average level each level is."""
    rows = []
    for axis, factor in enumerate(draft.grid.factors, start=1):
        costs = _averaged(draft.table, [axis])
        gaps = costs.mean(axis=1, keepdims=True) - costs
        for i, level in enumerate(factor.levels):
            rows.append(Marginal(factor.name, level, *_centre(draft, gaps[:, i])))
    return tuple(rows)


def _centre(draft: _Draft, gaps: Array) -> tuple[float, float, float]:
    estimate = mean_difference(gaps) if draft.unit == SEEDS else stats.pseudomedian(gaps)
    return estimate.value, estimate.low, estimate.high


def _cells(
    draft: _Draft, table: Array, factors: Sequence[Factor], arms: Mapping[tuple[str, ...], str]
) -> tuple[Cell, ...]:
    average = table.reshape(len(table), -1).mean(axis=1)
    cells = []
    for place in np.ndindex(*table.shape[1:]):
        levels = tuple(factor.levels[i] for factor, i in zip(factors, place, strict=True))
        costs = table[(slice(None), *place)]
        centre = _centre(draft, average - costs)
        cells.append(Cell(levels, arms.get(levels, ""), float(costs.mean()), *centre))
    return tuple(cells)


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


class _Tested(NamedTuple):
    test: Interaction
    p: float | None
    verdict: Depends
    needed: int | None


def _interactions(study: Study, drafts: Mapping[str, _Draft]) -> dict[str, list[_Tested]]:
    """Test the interaction of each two factors, with one Holm correction over all problems."""
    tables = {
        name: [_averaged(draft.table, axes) for axes in _axes(draft.grid.factors)]
        for name, draft in drafts.items()
    }
    tests = {name: [interaction(table) for table in own] for name, own in tables.items()}
    raw = [1.0 if math.isnan(test.p) else test.p for own in tests.values() for test in own]
    adjusted = iter(stats.holm(raw))
    return {
        name: [
            _decided(study, drafts[name], table, test, float(next(adjusted)), len(raw))
            for table, test in zip(tables[name], own, strict=True)
        ]
        for name, own in tests.items()
    }


def _decided(
    study: Study, draft: _Draft, table: Array, test: Interaction, p: float, comparisons: int
) -> _Tested:
    if draft.unit == SEEDS and study.sequential:
        return _Tested(test, None, "rounds", None)
    if test.n > 1 and test.f == 0:
        return _Tested(test, None, "none", None)
    if _is_additive(draft, table):
        return _Tested(test, p, "additive", None)
    least = stats.pairs_needed(comparisons)
    least = least if draft.unit == SEEDS else max(least, FEWEST_DATA_SETS)
    if test.n < least:
        return _Tested(test, None, "too_few", least)
    return _Tested(test, p, "depends" if p <= stats.ALPHA else "undecided", None)


def _is_additive(draft: _Draft, table: Array) -> bool:
    """Tell whether every difference of differences is smaller than the smallest one worth having.

    Each must be so by itself, which needs no adjustment: Berger, "Multiparameter Hypothesis Testing and
    Acceptance Sampling", Technometrics 24(4), 1982.
    """
    rope, (n, rows, columns) = draft.rope, table.shape
    number = math.comb(rows, 2) * math.comb(columns, 2)
    if rope is None or n < 2 or number > MOST_CONTRASTS or (draft.unit != SEEDS and n < FEWEST_DATA_SETS):
        return False
    test = mean_p if draft.unit == SEEDS else lambda gaps, at: stats.wilcoxon(gaps - at)
    for i, j in combinations(range(rows), 2):
        change = table[:, i] - table[:, j]
        for k, m in combinations(range(columns), 2):
            gaps = change[:, k] - change[:, m]
            centre = gaps.mean() if draft.unit == SEEDS else stats.pseudomedian(gaps).value
            if abs(float(centre)) >= rope or max(test(gaps, rope), test(gaps, -rope)) > stats.ALPHA:
                return False
    return True


def _together(
    draft: _Draft,
    inside: Sequence[tuple[tuple[str, ...], Comparison]],
    tests: Sequence[_Tested],
    arms: Mapping[tuple[str, ...], str],
) -> tuple[Together, ...]:
    rows = []
    for (first, second), tested in zip(_axes(draft.grid.factors), tests, strict=True):
        own, other = (draft.grid.factors[axis - 1] for axis in (first, second))
        table = _averaged(draft.table, [first, second])
        means = table.mean(axis=0)
        by_level = {
            level: [verdict for at, verdict in inside if at == (own.name, other.name, level)]
            for level in own.levels
        }
        own_rows = tuple(
            _row(level, other.levels, means[place], by_level[level]) for place, level in enumerate(own.levels)
        )
        common = tuple(level for level in other.levels if all(level in row.unbeaten for row in own_rows))
        cells = _cells(draft, table, (own, other), {})
        if len(draft.grid.factors) == 2:
            turned = first > second
            cells = tuple(
                cell._replace(arm=arms[cell.levels[::-1] if turned else cell.levels]) for cell in cells
            )
        rows.append(
            Together(
                own.name,
                other.name,
                tested.verdict,
                tested.test,
                tested.p,
                tested.needed,
                own_rows,
                common,
                by_level,
                cells,
            )
        )
    return tuple(rows)


def _row(level: str, levels: Sequence[str], means: Array, claims: Sequence[Comparison]) -> Row:
    beaten = {claim.b for claim in claims if claim.verdict == "better"}
    ordered = [levels[place] for place in np.argsort(means, kind="stable")]
    tested = any(claim.verdict not in ("too_few", "blocked") for claim in claims)
    return Row(
        level,
        next((name for name in ordered if name not in beaten), ordered[0]),
        tuple(name for name in ordered if name not in beaten),
        tuple(name for name in ordered if name in beaten),
        tested,
    )


# ---------------------------------------------------------------- ordered factors


def _trends(study: Study, drafts: Mapping[str, _Draft]) -> dict[str, tuple[Trend, ...]]:
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
            own.append(trend(_averaged(draft.table, [axis]), factor, "", by_mean=draft.unit == SEEDS))
            for other_axis, other in enumerate(factors, start=1):
                if other_axis == axis:
                    continue
                costs = _averaged(draft.table, [other_axis, axis])
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
