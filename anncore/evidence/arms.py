"""Arms on one problem and over data sets: how they score, by how much they differ, who wins how often."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict
from itertools import permutations
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from anncore.evidence import stats
from anncore.evidence.frame import Words, by_problem, prepared, wide
from anncore.evidence.sentences import DATA_SETS, SEEDS, sentence
from anncore.evidence.stats import Estimate
from anncore.evidence.study import unit_costs
from anncore.evidence.verdicts import compare

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Summary", "compare_arms", "probability_of_improvement", "summarize"]

Over = Literal["seeds", "data sets"]


class Summary(NamedTuple):
    """What is said of one arm's trials on one problem.

    n counts trials: ok, diverged, and the rest, which failed or have not run, as lost. mean, low and high
    are `stats.mean_interval` of the trials that finished. median and iqm take a diverged trial for the
    worst; they are NaN where that would make them infinite.
    """

    n: int
    ok: int
    diverged: int
    lost: int
    mean: float
    low: float
    high: float
    median: float
    iqm: float


def summary(
    values: Any, statuses: Any, goal: str = "min", scale: str = "linear", level: float = stats.LEVEL
) -> Summary:
    """Return the `Summary` of one arm's scores with their statuses, both in the order of the seeds."""
    values, statuses = np.asarray(values, dtype=float), np.asarray(statuses, dtype=object)
    ok = values[statuses == "ok"]
    ok = ok[np.isfinite(ok)]
    diverged = int((statuses == "diverged").sum())
    sign = -1 if goal == "max" else 1
    worst_last = np.concatenate([sign * ok, np.full(diverged, math.inf)])
    estimate = stats.mean_interval(ok, scale, level)
    return Summary(
        len(statuses),
        len(ok),
        diverged,
        len(statuses) - len(ok) - diverged,
        *estimate[:3],
        _finite(sign * stats.median(worst_last)),
        _finite(sign * stats.iqm(worst_last)),
    )


def _finite(value: float) -> float:
    return value if math.isfinite(value) else math.nan


def summarize(
    frame: pd.DataFrame, *, goal: Words = None, scale: Words = None, level: float = stats.LEVEL
) -> pd.DataFrame:
    """Return one row per problem and arm with the fields of `Summary`, and `note`: what went wrong, "k/n".

    frame: the long frame of `anncore.evidence.frame`. The interval is Student's, on the scale: of the
    logarithms (then the mean is the geometric one), of the logits for shares, else of the scores.
    """
    import pandas as pd

    found = prepared(frame, goal, scale)
    arms = list(dict.fromkeys(found["arm"]))
    rows = []
    for problem in dict.fromkeys(found["problem"]):
        values, statuses = wide(found, problem, "score"), wide(found, problem, "status")
        first = found[found["problem"] == problem].iloc[0]
        for arm in arms:
            got = summary(values[arm], statuses[arm], first["goal"], first["scale"], level)
            told = {"problem": problem, "arm": arm, **got._asdict(), "note": _note(got)}
            rows.append(told)
    return pd.DataFrame(rows)


def _note(got: Summary) -> str:
    parts = [f"{name} {count}/{got.n}" for name, count in (("diverged", got.diverged), ("failed", got.lost))]
    return ", ".join(part for part in parts if not part.split()[1].startswith("0/"))


def compare_arms(
    frame: pd.DataFrame,
    *,
    over: Over = "seeds",
    control: str | None = None,
    rope: float | None = None,
    alpha: float = stats.ALPHA,
    sequential: bool = False,
    goal: Words = None,
    scale: Words = None,
) -> pd.DataFrame:
    """Return every pair of arms' paired comparison: one row per pair, and per problem over seeds.

    over: "seeds" takes each problem by itself, with the seed as the unit; "data sets" averages seeds first
    and takes the data set as the unit, as ten seeds of one data set are no ten data sets. Holm's correction
    counts the pairs of one problem, or those over all. control: compare every arm with this one only.
    rope: the largest difference that does not matter, on the scale; see `findings.compare`, whose fields
    and verdicts the columns are, with `sentence` last. sequential: the p-values stay valid however often
    one looked before, and so do the intervals over seeds: see `always_valid_p`, `always_valid_interval`.
    """
    import pandas as pd

    found = prepared(frame, goal, scale)
    blocked = _blocked(found)
    if control is not None and control not in set(found["arm"]):
        raise ValueError(f"control {control!r} is no arm; arms are {', '.join(dict.fromkeys(found['arm']))}")
    options: dict[str, Any] = {"control": control, "rope": rope, "alpha": alpha, "sequential": sequential}
    rows = []
    if over == DATA_SETS:
        costs, common = unit_costs_of(found)
        reasons: dict[str, str] = {}
        for problem, lost in blocked.items():
            for arm, reason in lost.items():
                reasons.setdefault(arm, f"{reason} on {problem}")
        rows = compare(costs, unit=DATA_SETS, scale=common, blocked=reasons, **options)
    elif over == SEEDS:
        scales = dict(zip(found["problem"], found["scale"], strict=True))
        for problem, costs in by_problem(found).items():
            mine: dict[str, Any] = {"scale": scales[problem], "blocked": blocked[problem], **options}
            rows += compare(costs, where=problem, **mine)
    else:
        raise ValueError(f"over must be {SEEDS!r} or {DATA_SETS!r}, got {over!r}")
    told = [{**asdict(each), "sentence": sentence(each)} for each in rows]
    return pd.DataFrame(told, columns=None if told else ["where", "a", "b", "verdict", "p", "sentence"])


def unit_costs_of(found: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Return the `unit_costs` of a prepared frame, and their scale."""
    first = found.drop_duplicates("problem").set_index("problem")
    return unit_costs(by_problem(found), dict(first["scale"]), dict(first["data_set"]))


def _blocked(found: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Return, by problem, the arms with trials that failed or have not run, and how many."""
    lost: dict[str, dict[str, str]] = {}
    for problem in dict.fromkeys(found["problem"]):
        statuses = wide(found, problem, "status")
        lost[problem] = {}
        for arm, column in zip(statuses, statuses.to_numpy(object).T, strict=True):
            counts = Counter(status for status in column if status not in ("ok", "diverged"))
            if counts:
                parts = ", ".join(f"{n} {status}" for status, n in counts.items())
                lost[problem][str(arm)] = f"{parts} of {len(statuses)} trials"
    return lost


def probability_of_improvement(
    frame: pd.DataFrame,
    *,
    over: Over = "seeds",
    paired: bool = True,
    level: float = stats.LEVEL,
    goal: Words = None,
    scale: Words = None,
) -> pd.DataFrame:
    """Return how often arm `a` beats arm `b`, for every ordered pair: columns problem, a, b, probability, ...

        paired:     P = share of seeds on which a is better than b                     ties count half
        unpaired:   P = share of all pairs (seed of a, seed of b) in which a is better    U / (m n)

    A diverged trial loses to any that finished. Over data sets it is the mean of the data sets' own, as
    Agarwal et al. define it (NeurIPS 2021; they take it unpaired). `low` and `high` are
    Wilson's interval (JASA 22, 1927) over seeds where paired; over data sets the t-interval on the logit
    scale; they are NaN where a wins always or never, since then the data bound it on one side only, and
    where unpaired over seeds. Each interval is by itself: nothing is adjusted for their number. n counts
    complete pairs, data sets, or, unpaired, the fewer of both arms' trials.
    """
    import pandas as pd

    found = prepared(frame, goal, scale)
    data_sets = dict(zip(found["problem"], found["data_set"], strict=True))
    none = math.nan, math.nan  # over data sets a data set's own interval is not asked for
    rows = []
    for problem, costs in by_problem(found).items():
        arms, values = list(costs.columns), costs.to_numpy(float)
        shares, counts = _paired_shares(values) if paired else (None, None)
        for i, j in permutations(range(len(arms)), 2):
            if shares is None or counts is None:
                got = _unpaired(values[:, i], values[:, j])
            else:
                share, n = float(shares[i, j]), int(counts[i, j])
                got = Estimate(share, *(stats.wilson_interval(share, n, level) if over == SEEDS else none), n)
            rows.append({"problem": problem, "a": arms[i], "b": arms[j], **got._asdict()})
    table = pd.DataFrame(rows, columns=["problem", "a", "b", "value", "low", "high", "n"])
    if over == DATA_SETS:
        table["data_set"] = table["problem"].map(data_sets)
        mine = table.groupby(["a", "b", "data_set"], sort=False)["value"].mean()
        rows = [
            {"problem": "", "a": a, "b": b, **_share_interval(values.to_numpy(float), level)._asdict()}
            for (a, b), values in mine.groupby(["a", "b"], sort=False)
        ]
        table = pd.DataFrame(rows, columns=["problem", "a", "b", "value", "low", "high", "n"])
    elif over != SEEDS:
        raise ValueError(f"over must be {SEEDS!r} or {DATA_SETS!r}, got {over!r}")
    return table.rename(columns={"value": "probability"})


def _paired_shares(costs: Any) -> tuple[Any, Any]:
    """Return the shares of rows on which column i is better than column j, (arms, arms), and of how many."""
    gaps = np.stack([stats.differences(column[:, None], costs) for column in costs.T])  # (i, seed, j)
    counts = (~np.isnan(gaps)).sum(axis=1)
    won = np.nansum((1 + np.sign(gaps)) / 2, axis=1)
    return np.where(counts > 0, won / np.maximum(counts, 1), math.nan), counts


def _unpaired(a: Any, b: Any) -> Estimate:
    a, b = a[~np.isnan(a)], b[~np.isnan(b)]
    signs = [np.sign(stats.differences(np.full(len(b), each), b)) for each in a]
    share = float(np.mean((1 + np.concatenate(signs)) / 2)) if len(a) and len(b) else math.nan
    return Estimate(share, math.nan, math.nan, min(len(a), len(b)))


def _share_interval(shares: Any, level: float) -> Estimate:
    shares = shares[~np.isnan(shares)]
    got = stats.mean_interval(shares, "unit", level)
    return got._replace(low=math.nan, high=math.nan) if got.value in (0.0, 1.0) else got
