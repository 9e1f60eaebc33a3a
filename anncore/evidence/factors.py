"""Which arms are combinations of factors: kinds varied together, and hyperparameters varied as factors.

The name of an arm holds a level of each factor, in the order in which the experiment varies them. A factorial
needs every combination; where one has no finite score, a level is left out until all have, and the reason is
kept.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from anncore.contract.kinds import Array
from anncore.evidence.frame import LEFT_OUT, NOT_RUN
from anncore.evidence.study import Study
from anncore.evidence.units import STATUS_VERBS

BETWEEN = " + "  # levels in the name of an arm; no label may hold it


class Factor(NamedTuple):
    """What is varied, with its levels as the arms' names have them.

    name: a kind, or the key of a hyperparameter. values: the numbers of an ordered factor, ascending; empty
    where its levels have no order.
    """

    name: str
    levels: tuple[str, ...]
    values: tuple[float, ...] = ()

    @property
    def ordered(self) -> bool:
        """Whether the levels are numbers in order, of which there are enough for a trend."""
        return len(self.values) > 2


class Factors(NamedTuple):
    """The factors of a study, and the arm of each combination of levels. note: why there are none."""

    factors: tuple[Factor, ...]
    arms: Mapping[tuple[str, ...], str]
    note: str = ""


class LeftOut(NamedTuple):
    """A level that is no part of an analysis, with the reason."""

    factor: str
    level: str
    reason: str


class Grid(NamedTuple):
    """Factors of which every combination is there. note: why there is no such grid, "" where there is."""

    factors: tuple[Factor, ...]
    left_out: tuple[LeftOut, ...]
    note: str = ""

    def table(self, costs: Any, arms: Mapping[tuple[str, ...], str]) -> Array:
        """Return costs, a column per arm, as (blocks, levels of the first factor, of the second, ...)."""
        combinations = list(product(*(factor.levels for factor in self.factors)))
        columns = np.stack([np.asarray(costs[arms[levels]], float) for levels in combinations], axis=1)
        return columns.reshape(len(columns), *(len(factor.levels) for factor in self.factors))


def factors_of(study: Study) -> Factors:
    """Return what a study varies together; without factors where nothing is a factorial.

    That is where a single kind varies, or a single level of the others is left, unless the only factor is an
    ordered one.
    """
    varied = study.experiment.named
    names = [name.partition(".")[2] or name for name in varied]
    names = [name if names.count(name) == 1 else full for name, full in zip(names, varied, strict=True)]
    if study.elsewhere or (len(names) < 2 and "." not in varied[0]):
        return Factors((), {})
    if study.labels.several:
        return Factors(
            (),
            {},
            "The factors are not analysed together: several configurations of an arm were not tuned "
            "and stand side by side. Add [seeds] tune, or name in vary the hyperparameter that differs.",
        )
    cells = {tuple(arm.split(BETWEEN)): arm for arm in study.arms}
    if any(len(levels) != len(names) for levels in cells):
        return Factors((), {})
    every = [
        _factor(name, tuple(dict.fromkeys(levels[i] for levels in cells))) for i, name in enumerate(names)
    ]
    kept = [i for i, factor in enumerate(every) if len(factor.levels) > 1]
    factors = tuple(every[i] for i in kept)
    if len(factors) < 2 and not any(factor.ordered for factor in factors):
        return Factors((), {})
    return Factors(factors, {tuple(levels[i] for i in kept): arm for levels, arm in cells.items()})


def _factor(name: str, levels: tuple[str, ...]) -> Factor:
    """Return a factor, its levels in the order of their numbers where all are numbers: "depth=1", ..."""
    texts = [level.partition("=") for level in levels]
    if not all(equals for _, equals, _ in texts):
        return Factor(name, levels)
    try:
        numbers = {level: float(text) for level, (_, _, text) in zip(levels, texts, strict=True)}
    except ValueError:
        return Factor(name, levels)
    if not all(map(math.isfinite, numbers.values())):
        return Factor(name, levels)
    ordered = tuple(sorted(levels, key=lambda level: numbers[level]))
    return Factor(name, ordered, tuple(numbers[level] for level in ordered))


def complete_grid(study: Study, known: Factors, problems: Sequence[str]) -> Grid:
    """Return the levels of which every combination has a finite score for every seed of some problems."""
    lacking = {
        levels: _lack(study, known.arms.get(levels), problems)
        for levels in product(*(factor.levels for factor in known.factors))
    }
    if NOT_RUN in lacking.values():
        return Grid((), (), "The factors are analysed together when all trials have run.")
    left = [list(factor.levels) for factor in known.factors]
    left_out: list[LeftOut] = []
    while True:
        bad = [levels for levels in product(*left) if lacking[levels]]
        if not bad:
            break
        counts = {
            (i, level): sum(levels[i] == level for levels in bad) * len(own)
            for i, own in enumerate(left)
            for level in own
        }
        # The level of whose combinations the largest share lacks a score; of equal ones the last.
        place, level = max(reversed(counts), key=lambda key: counts[key])
        worst = next(levels for levels in bad if levels[place] == level)
        left[place].remove(level)
        said = f"{BETWEEN.join(worst)} {lacking[worst]}"
        left_out.append(LeftOut(known.factors[place].name, level, said))
        if len(left[place]) < 2:
            names = " and ".join(factor.name for factor in known.factors)
            note = f"The factors are not analysed together: no two levels of {names} have a score in every "
            return Grid((), tuple(left_out), f"{note}combination ({left_out[0].reason}).")
    factors = tuple(_kept(factor, own) for factor, own in zip(known.factors, left, strict=True))
    return Grid(factors, tuple(left_out))


def _kept(factor: Factor, levels: Sequence[str]) -> Factor:
    values = dict(zip(factor.levels, factor.values, strict=False))
    return Factor(factor.name, tuple(levels), tuple(values[level] for level in levels if values))


def _lack(study: Study, arm: str | None, problems: Sequence[str]) -> str:
    """Say why a combination cannot be used; "" where it can, NOT_RUN where it has to be waited for."""
    if arm is None:
        return "is left out by the file's rules"
    counts: dict[str, int] = {}
    total = 0
    for problem in problems:
        statuses = study.statuses(problem)[arm].tolist()
        unscored = ~np.isfinite(study.costs(problem)[arm].to_numpy(float))
        total += len(statuses)
        for status, lacks in zip(statuses, unscored.tolist(), strict=True):
            if lacks:
                counts[status] = counts.get(status, 0) + 1
    if NOT_RUN in counts:
        return NOT_RUN
    if counts.get(LEFT_OUT):
        return "is left out by the file's rules"
    words = {**STATUS_VERBS, "ok": "had no finite score", "not chosen": "had nothing to choose from"}
    said = [f"{words.get(status, status)} in {count}" for status, count in counts.items()]
    return f"{' and '.join(said)} of {total} trials" if said else ""
