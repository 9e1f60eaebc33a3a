"""Results from elsewhere, paired: arms are compared on seeds that all of them have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from anncore.contract.errors import ReportError
from anncore.evidence.sentences import counted, joined
from anncore.evidence.units import agreeing

if TYPE_CHECKING:
    import pandas as pd


class Pairs(NamedTuple):
    """Rows with seeds as integers that all arms share on a problem, and what was left out to get there.

    The column `seed_text` has the seeds as the table has them.
    """

    rows: pd.DataFrame
    notes: tuple[str, ...]


def paired(rows: pd.DataFrame) -> Pairs:
    """Return the rows of which every arm has the problem and the seed; raises ReportError where none are.

    An arm or a problem that lacks most of the others is left out first, whichever costs fewer rows.
    """
    several = rows.groupby(["problem", "arm"], sort=False)["config"].transform("nunique") > 1
    names = rows["arm"].where(~several, rows["arm"] + " (" + rows["config"] + ")")
    rows = rows.assign(compared=names)
    if rows["compared"].nunique() < 2:
        raise ReportError(f"there is no second arm to compare {names.iloc[0]} with.")
    whole, notes = _with_all_problems(rows)
    seeds, notes_of_seeds = _shared_seeds(whole)
    kept = whole[
        [seed in seeds[problem] for problem, seed in zip(whole["problem"], whole["seed"], strict=True)]
    ]
    if not len(kept):
        raise ReportError(_nothing_shared(rows))
    seeds = {problem: own for problem, own in seeds.items() if own}
    sizes = {problem: len(own) for problem, own in seeds.items()}
    if len(set(sizes.values())) > 1:
        few, many = min(sizes, key=lambda p: sizes[p]), max(sizes, key=lambda p: sizes[p])
        notes_of_seeds.append(
            f"Problems differ in their number of seeds: {few} has {sizes[few]}, {many} has {sizes[many]}."
        )
    kept = kept.assign(seed_text=kept["seed"], seed=_numbered(kept, seeds)).drop(columns="compared")
    return Pairs(kept, (*notes, *notes_of_seeds))


def _with_all_problems(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows of arms and problems that have each other; leaves out what costs the fewest rows."""
    notes: list[str] = []
    given = rows
    while True:
        if rows["compared"].nunique() < 2:
            raise ReportError(_nothing_shared(given))
        table = rows.groupby(["problem", "compared"], sort=False).size().unstack(fill_value=0)  # noqa: PD010
        if (table.to_numpy() > 0).all():
            return rows, notes
        lacks = table == 0
        costs = [
            ("problem", str(p), int(table.loc[p].sum()))
            for p in table.index[np.any(lacks.to_numpy(), axis=1).tolist()]
        ]
        if table.shape[1] > 2:
            costs += [
                ("compared", str(a), int(table[a].sum()))
                for a in table.columns[np.any(lacks.to_numpy(), axis=0).tolist()]
            ]
        if len(table) < 2:
            costs = [cost for cost in costs if cost[0] == "compared"]
        if not costs:
            raise ReportError(_nothing_shared(given))
        kind, name, _ = min(costs, key=lambda cost: cost[2])
        if kind == "problem":
            lacking = [str(arm) for arm in table.columns[lacks.loc[name].to_numpy()]]
            lack = agreeing(len(lacking), "lack")
            notes.append(f"Left out: the problem {name}, which {joined(lacking, most=5)} {lack}.")
        else:
            problems = [str(problem) for problem in table.index[lacks[name].to_numpy()]]
            notes.append(f"Left out: the arm {name}, which lacks {joined(problems, most=5)}.")
        rows = rows[rows[kind] != name]


def _shared_seeds(rows: pd.DataFrame) -> tuple[dict[str, list[str]], list[str]]:
    """Return by problem the seeds that every arm has, and what is said of the others."""
    shared: dict[str, list[str]] = {}
    gone, lost, where = 0, 0, []
    arms = rows["compared"].nunique()
    for problem, mine in rows.groupby("problem", sort=False):
        having = mine.groupby("seed", sort=False)["compared"].nunique()
        shared[str(problem)] = [str(seed) for seed in having.index[having == arms]]
        short = having.index[having < arms]
        if len(short):
            gone, lost = gone + len(short), lost + int(mine["seed"].isin(short).sum())
            where.append(str(problem))
    if not gone:
        return shared, []
    are = agreeing(lost, "are")
    note = (
        f"Left out: {counted(lost, 'rows')} of {len(rows)}, which {are} of {counted(gone, 'seeds')} that not "
        f"every arm has, on {joined(where, most=5)}; arms are compared on the seeds that all of them share."
    )
    return shared, [note]


def _nothing_shared(rows: pd.DataFrame) -> str:
    """Say that no seed is shared by all arms, and which trial is the first that is missing."""
    names, problems = list(dict.fromkeys(rows["compared"])), list(dict.fromkeys(rows["problem"]))
    seeds = {
        str(name): list(dict.fromkeys(mine["seed"])) for name, mine in rows.groupby("problem", sort=False)
    }
    there = set(zip(rows["problem"], rows["compared"], rows["seed"], strict=True))
    every = [(problem, arm, seed) for problem in problems for arm in names for seed in seeds[problem]]
    lacking = [trial for trial in every if trial not in there]
    problem, arm, seed = lacking[0]
    of_seed = f" with seed {seed}" if seed else ""
    return (
        f"arms are compared on equal seeds, and no seed is shared by all of them: {len(lacking)} of "
        f"{len(every)} trials {agreeing(len(lacking), 'are')} missing, the first {arm} on {problem}{of_seed};"
        " add the rows, with an empty score where a trial failed."
    )


def _numbered(rows: pd.DataFrame, seeds: Mapping[str, Sequence[str]]) -> list[int]:
    """Return seeds as integers: their own where all problems share them, else their place on the problem."""
    own = {frozenset(texts) for texts in seeds.values()}
    whole = all(text.isascii() and text.isdigit() and len(text) < 16 for text in next(iter(own)))
    if len(own) == 1 and whole and len({int(text) for text in next(iter(own))}) == len(next(iter(own))):
        return [int(text) for text in rows["seed"]]
    first = next(iter(seeds.values()))
    order = {problem: first if len(own) == 1 else texts for problem, texts in seeds.items()}
    places = {problem: {text: i for i, text in enumerate(texts)} for problem, texts in order.items()}
    return [places[problem][seed] for problem, seed in zip(rows["problem"], rows["seed"], strict=True)]
