"""Two factors together: whether the effect of one depends on the other, and which levels lead where."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from anncore.contract.kinds import Array
from anncore.evidence import stats
from anncore.evidence.factorial_parts import Depends, Row, Together
from anncore.evidence.factorial_tables import Draft, averaged, axes_of, cells_of
from anncore.evidence.interaction import Interaction, interaction
from anncore.evidence.mean_difference import mean_p
from anncore.evidence.pair_tests import FEWEST_DATA_SETS
from anncore.evidence.study import Study
from anncore.evidence.units import SEEDS
from anncore.evidence.verdicts import Comparison

MOST_CONTRASTS = 2_000  # of an interaction, that a test of equivalence looks at


class Tested(NamedTuple):
    """The test of an interaction with its verdict, and how many blocks are needed where they are too few."""

    test: Interaction
    p: float | None
    verdict: Depends
    needed: int | None


def interactions_of(study: Study, drafts: Mapping[str, Draft]) -> dict[str, list[Tested]]:
    """Test the interaction of each two factors, with one Holm correction over all problems."""
    tables = {
        name: [averaged(draft.table, axes) for axes in axes_of(draft.grid.factors)]
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
    study: Study, draft: Draft, table: Array, test: Interaction, p: float, comparisons: int
) -> Tested:
    if draft.unit == SEEDS and study.sequential:
        return Tested(test, None, "rounds", None)
    if test.n > 1 and test.f == 0:
        return Tested(test, None, "none", None)
    if _is_additive(draft, table):
        return Tested(test, p, "additive", None)
    least = stats.pairs_needed(comparisons)
    least = least if draft.unit == SEEDS else max(least, FEWEST_DATA_SETS)
    if test.n < least:
        return Tested(test, None, "too_few", least)
    return Tested(test, p, "depends" if p <= stats.ALPHA else "undecided", None)


def _is_additive(draft: Draft, table: Array) -> bool:
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


def together_of(
    draft: Draft,
    inside: Sequence[tuple[tuple[str, ...], Comparison]],
    tests: Sequence[Tested],
    arms: Mapping[tuple[str, ...], str],
) -> tuple[Together, ...]:
    """Return each two factors together."""
    rows = []
    for (first, second), tested in zip(axes_of(draft.grid.factors), tests, strict=True):
        own, other = (draft.grid.factors[axis - 1] for axis in (first, second))
        table = averaged(draft.table, [first, second])
        means = table.mean(axis=0)
        by_level = {
            level: [verdict for at, verdict in inside if at == (own.name, other.name, level)]
            for level in own.levels
        }
        own_rows = tuple(
            _row(level, other.levels, means[place], by_level[level]) for place, level in enumerate(own.levels)
        )
        common = tuple(level for level in other.levels if all(level in row.unbeaten for row in own_rows))
        cells = cells_of(table, (own, other), {})
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
