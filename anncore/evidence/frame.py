"""The long frame that every function of this package takes, and where it comes from.

One row per trial, no index needed:

    problem   what the arms are compared on
    arm       the label under comparison
    seed      pairs the arms: equal seeds saw the same data, split and initial weights
    score     the number to compare; where it is infinite, the trial diverged
    status    "ok", "diverged", or why there is no score: "failed", "timeout", "crashed", "not run",
              "left out" by the file's rules, "not chosen" by tuning; without the column, read off the score
    data_set  the data set that the problem is a variant of; the problem itself without the column
    goal      "min" or "max"; "min" without the column
    scale     "linear", "log" (ratios) or "unit" (shares in [0, 1]); "linear" without the column

`goal` and `scale` may be given to any function as one word, or as a mapping from problem to word; that
comes before the columns.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from anncore.contract.columns import FLOOR_STEPS
from anncore.contract.shown import shortened
from anncore.evidence import stats
from anncore.evidence.measures import Measure

if TYPE_CHECKING:
    import pandas as pd

Words = str | Mapping[str, str] | None
NEEDED = ("problem", "arm", "seed", "score")
GOALS, SCALES = ("min", "max"), ("linear", "log", "unit")
NOT_RUN = "not run"  # a planned trial without a result: the same command runs it
LEFT_OUT = "left out"  # a trial that the file's rules exclude: it never runs
NOT_CHOSEN = "not chosen"  # tuning left no configuration to run
UNRUN = (NOT_RUN, LEFT_OUT, NOT_CHOSEN)
LONG = ("problem", "data_set", "arm", "seed", "status", "score", "goal", "scale")


class Layout(NamedTuple):
    """What every trial that belongs to a long frame is on, in order.

    lost: by problem and arm the status of trials without a result, where it is not "not run". own: by problem
    its seeds, where not all have the same.
    """

    measures: Mapping[str, Measure]
    data_sets: Mapping[str, str]
    arms: Sequence[str]
    seeds: Sequence[int]
    lost: Mapping[tuple[str, str], str]
    own: Mapping[str, Sequence[int]] = MappingProxyType({})


def long_frame(trials: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    """Return report trials with the column `label` as a prepared long frame.

    Every (problem, arm, seed) has a row; a trial without a result has the status "not run", or what
    `layout.lost` says. A score is NaN unless the trial is ok; see `Measure.scores` for those of functions.
    """
    import pandas as pd

    groups = dict(list(trials.groupby("problem", sort=False)))
    parts = []
    for problem, measure in layout.measures.items():
        mine = groups.get(problem, trials.iloc[:0]).drop_duplicates(["seed", "label"])
        part = pd.DataFrame(
            {"status": mine["status"].to_numpy(object), "score": _scores_of(mine, measure)},
            index=pd.MultiIndex.from_arrays([mine["label"], mine["seed"]], names=["arm", "seed"]),
        )
        seeds = layout.own.get(problem, layout.seeds)
        every = pd.MultiIndex.from_product([layout.arms, seeds], names=["arm", "seed"])
        part = part.reindex(every).reset_index()
        without = [layout.lost.get((problem, str(arm)), NOT_RUN) for arm in part["arm"]]
        part["status"] = np.where(part["status"].isna(), np.array(without, object), part["status"])
        part["score"] = part["score"].where(part["status"] == "ok")
        same = {"problem": problem, "data_set": layout.data_sets[problem]}
        parts.append(part.assign(**same, goal=measure.goal, scale=measure.scale))
    frame = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(LONG))
    return prepared(frame[list(LONG)])


def _scores_of(mine: pd.DataFrame, measure: Measure) -> Any:
    if measure.column not in mine:
        return np.full(len(mine), math.nan)
    steps = mine[FLOOR_STEPS] if FLOOR_STEPS in mine else np.full(len(mine), math.nan)
    return measure.scores(mine[measure.column].to_numpy(float), steps)


def refuse_other_frames(frame: object, needed: Sequence[str] = (), maker: str = "scores") -> None:
    """Raise TypeError for what is no data frame, and ValueError for one without a column that is needed.

    maker: the function that makes such a frame of a sweep's results.
    """
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        raise TypeError(
            f"a data frame is needed, such as {maker}(run) gives, got {shortened(repr(frame), 60)}"
        )
    lacking = [name for name in needed if name not in frame]
    if lacking:
        raise ValueError(f"the frame has no column {lacking[0]!r}; it needs {', '.join(needed)}")


def prepared(frame: pd.DataFrame, goal: Words = None, scale: Words = None) -> pd.DataFrame:
    """Return the frame with every column of the long frame, and `cost`: lower is better, +inf diverged.

    A cost is NaN where the trial has no score; it is on the scale that differences are taken on. Raises
    ValueError where a column is missing, a word is unknown, or a trial is there twice.
    """
    refuse_other_frames(frame, NEEDED)
    long = frame.reset_index(drop=True)
    twice = long.duplicated(["problem", "arm", "seed"])
    if twice.any():
        problem, arm, seed = (long[name][int(twice.argmax())] for name in ("problem", "arm", "seed"))
        raise ValueError(
            f"{arm} has two rows on {problem} with seed {seed}; keep one configuration per arm, as scores() "
            f"does"
        )
    values = long["score"].to_numpy(float)
    if "status" not in long:
        guessed = np.where(np.isnan(values), NOT_RUN, np.where(np.isinf(values), "diverged", "ok"))
        long["status"] = guessed
    if "data_set" not in long:
        long["data_set"] = long["problem"]
    long["goal"] = _words(long, "goal", goal, GOALS)
    long["scale"] = _words(long, "scale", scale, SCALES)
    status = long["status"].to_numpy(object)
    flat = (long["scale"] == "log").to_numpy() & (status == "ok") & (values <= 0)
    if flat.any():
        problem, value = long["problem"][flat.argmax()], values[flat.argmax()]
        raise ValueError(
            f"the log scale needs positive scores, got {value:g} on {problem}; give scale='linear'"
        )
    costs = np.full(len(long), np.nan)
    for way in dict.fromkeys(zip(long["goal"], long["scale"], strict=True)):
        here = (long["goal"] == way[0]).to_numpy() & (long["scale"] == way[1]).to_numpy()
        costs[here] = stats.to_cost(values[here], *way)
    costs[status != "ok"] = np.nan
    costs[(status == "diverged") | ((status == "ok") & np.isinf(values))] = math.inf
    long["score"], long["cost"] = values, costs
    return long


def _words(frame: pd.DataFrame, name: str, given: Words, known: Sequence[str]) -> Any:
    """Return the column of goals or scales: what is given, else the frame's own, else the first known."""
    if isinstance(given, Mapping):
        column = frame["problem"].map(lambda problem: given.get(problem, known[0]))
    elif given is None and name in frame:
        column = frame[name]
    else:
        column = frame["problem"].map(lambda _: given or known[0])
    for word in column.unique():
        if word not in known:
            raise ValueError(f"{name} must be one of {', '.join(known)}, got {word!r}")
    return column


def wide(
    mine: pd.DataFrame, column: str, arms: Sequence[str] | None = None, seeds: Sequence[int] | None = None
) -> pd.DataFrame:
    """Return a column of one problem's rows of a prepared frame by seed (rows) and arm.

    arms, seeds: their order, by default that of the rows. A trial that is not there is NaN, or "not run" in
    the column `status`.
    """
    import pandas as pd

    rows = list(dict.fromkeys(mine["seed"]) if seeds is None else seeds)
    names = list(dict.fromkeys(mine["arm"]) if arms is None else arms)
    # Placing the values by hand is ten times as fast as a pivot, which would sort besides.
    texts = column == "status"
    table = np.full((len(rows), len(names)), NOT_RUN if texts else np.nan, object if texts else float)
    places = [{name: place for place, name in enumerate(axis)} for axis in (rows, names)]
    table[mine["seed"].map(places[0]), mine["arm"].map(places[1])] = mine[column]
    return pd.DataFrame(table, index=rows, columns=names)


def by_problem(frame: pd.DataFrame, column: str = "cost") -> dict[str, pd.DataFrame]:
    """Return a column of a prepared frame by problem, each by seed and arm; every problem has all arms."""
    arms = list(dict.fromkeys(frame["arm"]))
    return {str(problem): wide(mine, column, arms) for problem, mine in frame.groupby("problem", sort=False)}


def unit_costs(
    costs: Mapping[str, pd.DataFrame], scales: Mapping[str, str], data_sets: Mapping[str, str]
) -> tuple[pd.DataFrame, str]:
    """Return costs by data set (rows) and arm, averaged over seeds first, and their common scale.

    costs: by problem, a row per seed, a column per arm. One diverged seed makes the mean infinite: the arm
    loses that data set to any arm that finished. Scales that differ, or plain numbers of unlike units, are
    put on "range": 0 the best arm's mean, 1 the worst finite one's. Variants of one data set are averaged
    last, as they are no independent evidence.
    """
    import pandas as pd

    known = set(scales.values())
    common = known.pop() if len(known) == 1 else "range"
    if common == "linear" and len(costs) > 1:
        common = "range"
    rows = {}
    for problem, table in costs.items():
        means = table.mean(axis=0, skipna=False)
        if common == "range":
            finite = means[np.isfinite(means.to_numpy(float))]
            low = finite.min() if len(finite) else 0.0
            width = (finite.max() - low) if len(finite) else 0.0
            means = (means - low) / (width or 1.0)
        rows[problem] = means
    frame = pd.DataFrame(rows).T
    if not len(frame):
        return frame, common
    frame = frame.reindex(columns=list(next(iter(costs.values())).columns))
    groups = np.array([data_sets[problem] for problem in frame.index], object)
    averages = {name: frame[groups == name].mean(skipna=False) for name in dict.fromkeys(groups)}
    return pd.DataFrame(averages, index=frame.columns).T, common


def unit_costs_of(frame: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Return the `unit_costs` of a prepared frame, and their scale."""
    first = frame.drop_duplicates("problem").set_index("problem")
    return unit_costs(by_problem(frame), dict(first["scale"]), dict(first["data_set"]))
