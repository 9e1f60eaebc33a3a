"""Arms on one problem and over data sets: how they score, by how much they differ, who wins how often."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import permutations
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from anncore.evidence import stats
from anncore.evidence.frame import UNRUN, Words, by_problem, prepared, unit_costs_of
from anncore.evidence.pair_tests import Rule
from anncore.evidence.sentences import DATA_SETS, SEEDS, sentence
from anncore.evidence.stats import Estimate
from anncore.evidence.units import of_trials
from anncore.evidence.verdicts import compare, judge_problems, pairs_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Summary", "compare_arms", "probability_of_improvement", "summarize"]

Over = Literal["seeds", "data sets"]


class Summary(NamedTuple):
    """What is said of one arm's trials on one problem.

    n counts trials: ok, diverged, and the rest, which failed or have not run, as lost. mean, low and high
    are `stats.mean_interval` of the trials that finished. median and iqm take a diverged trial for the
    worst; they are NaN where that would make them infinite. one_decides: whether a single seed decides the
    mean, so that the median describes the arm better (`stats.one_decides`).
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
    one_decides: bool = False


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
        stats.one_decides(ok, scale),
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

    long = prepared(frame, goal, scale)
    values, statuses = (by_problem(long, column) for column in ("score", "status"))
    rows = []
    for problem, first in long.drop_duplicates("problem").set_index("problem").iterrows():
        for arm in values[str(problem)]:
            columns = values[str(problem)][arm], statuses[str(problem)][arm]
            one = summary(*columns, first["goal"], first["scale"], level)
            rows.append({"problem": problem, "arm": arm, **one._asdict(), "note": _note(one, columns[1])})
    return pd.DataFrame(rows)


def _note(arm: Summary, statuses: Iterable[str]) -> str:
    unrun = Counter(status for status in statuses if status in UNRUN)
    counts = {"diverged": arm.diverged, "failed": arm.lost - unrun.total(), **unrun}
    return ", ".join(f"{name} {count}/{arm.n}" for name, count in counts.items() if count)


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
    counts the pairs of one problem, or those over all; several problems are selected as in a report, see
    `verdicts.judge_problems`. control: compare every arm with this one only.
    rope: the largest difference that does not matter, on the scale; see `verdicts.compare`, whose fields
    and verdicts the columns are, with `sentence` last. sequential: the p-values stay valid however often
    one looked before, and so do the intervals over seeds: see `always_valid_p`, `always_valid_interval`.
    """
    import pandas as pd

    long = prepared(frame, goal, scale)
    blocked = _blocked(long)
    if control is not None and control not in set(long["arm"]):
        raise ValueError(f"control {control!r} is no arm; arms are {', '.join(dict.fromkeys(long['arm']))}")
    options: dict[str, Any] = {"control": control, "rope": rope, "alpha": alpha, "sequential": sequential}
    pairs = []
    if over == DATA_SETS:
        costs, common = unit_costs_of(long)
        reasons: dict[str, str] = {}
        for problem, lost in blocked.items():
            for arm, reason in lost.items():
                reasons.setdefault(arm, f"{reason} on {problem}")
        pairs = compare(costs, unit=DATA_SETS, scale=common, blocked=reasons, **options)
    elif over == SEEDS:
        scales = dict(zip(long["problem"], long["scale"], strict=True))
        tables = {
            problem: pairs_of(
                costs,
                control,
                where=problem,
                scale=scales[problem],
                floor=-math.inf,
                blocked=blocked[problem],
            )
            for problem, costs in by_problem(long).items()
        }
        rules = {problem: Rule(SEEDS, rope, alpha, sequential, len(own)) for problem, own in tables.items()}
        pairs = [claim for claims in judge_problems(tables, rules).values() for claim in claims]
    else:
        raise ValueError(f"over must be {SEEDS!r} or {DATA_SETS!r}, got {over!r}")
    rows = [{**asdict(pair), "sentence": sentence(pair)} for pair in pairs]
    return pd.DataFrame(rows, columns=None if rows else ["where", "a", "b", "verdict", "p", "sentence"])


def _blocked(long: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Return, by problem, the arms with trials that failed or have not run, and how many."""
    blocked: dict[str, dict[str, str]] = {}
    for problem, statuses in by_problem(long, "status").items():
        blocked[problem] = {}
        for arm, column in zip(statuses, statuses.to_numpy(object).T, strict=True):
            counts = Counter(status for status in column if status not in ("ok", "diverged"))
            if counts:
                blocked[problem][str(arm)] = of_trials(counts, len(statuses))
    return blocked


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

    if over not in (SEEDS, DATA_SETS):
        raise ValueError(f"over must be {SEEDS!r} or {DATA_SETS!r}, got {over!r}")
    long = prepared(frame, goal, scale)
    rows = []
    for problem, costs in by_problem(long).items():
        # Over data sets a data set's own interval is not asked for.
        shares = _shares(costs.to_numpy(float), paired, level if over == SEEDS else None)
        arms = list(costs.columns)
        rows += [{"problem": problem, "a": arms[i], "b": arms[j], **row} for (i, j), row in shares.items()]
    if over == DATA_SETS:
        data_sets = dict(zip(long["problem"], long["data_set"], strict=True))
        rows = _over_data_sets(rows, data_sets, level)
    table = pd.DataFrame(rows, columns=["problem", "a", "b", "value", "low", "high", "n"])
    return table.rename(columns={"value": "probability"})


def _shares(costs: Any, paired: bool, level: float | None) -> dict[tuple[int, int], dict[str, float]]:
    """Return by ordered pair of columns how often the first is better; level None leaves intervals out."""
    pairs = permutations(range(costs.shape[1]), 2)
    if not paired:
        return {(i, j): _unpaired(costs[:, i], costs[:, j])._asdict() for i, j in pairs}
    shares, counts = _paired_shares(costs)
    estimates = {}
    for i, j in pairs:
        share, n = float(shares[i, j]), int(counts[i, j])
        ends = (math.nan, math.nan) if level is None else stats.wilson_interval(share, n, level)
        estimates[i, j] = Estimate(share, *ends, n)._asdict()
    return estimates


def _over_data_sets(
    rows: Sequence[Mapping[str, Any]], data_sets: Mapping[str, str], level: float
) -> list[dict[str, Any]]:
    """Average shares over the variants of a data set, then over data sets, with the interval over these."""
    groups: dict[tuple[str, str], dict[str, list[float]]] = {}
    for row in rows:
        own = groups.setdefault((row["a"], row["b"]), {})
        own.setdefault(data_sets[row["problem"]], []).append(row["value"])
    means = {pair: np.array([_mean(values) for values in own.values()]) for pair, own in groups.items()}
    return [
        {"problem": "", "a": a, "b": b, **_share_interval(values, level)._asdict()}
        for (a, b), values in means.items()
    ]


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def _paired_shares(costs: Any) -> tuple[Any, Any]:
    """Return the shares of rows on which column i is better than column j, (arms, arms), and of how many."""
    gaps = np.stack([stats.differences(column[:, None], costs) for column in costs.T])  # (i, seed, j)
    counts = (~np.isnan(gaps)).sum(axis=1)
    won = np.nansum((1 + np.sign(gaps)) / 2, axis=1)
    return np.where(counts > 0, won / np.maximum(counts, 1), math.nan), counts


def _unpaired(a: Any, b: Any) -> Estimate:
    a, b = a[~np.isnan(a)], b[~np.isnan(b)]
    # The place in sorted b from which on b is not better than each of a, and from which on it is worse.
    ordered, places = np.sort(b), []
    for accepted in (0, 1):
        low, high = np.zeros(len(a), int), np.full(len(a), len(b))
        while (low < high).any():
            middle = np.minimum((low + high) // 2, len(b) - 1)
            beyond = np.sign(stats.differences(a, ordered[middle])) >= accepted
            open_ = low < high
            low, high = np.where(open_ & ~beyond, middle + 1, low), np.where(open_ & beyond, middle, high)
        places.append(low)
    wins, ties = len(b) - places[1], places[1] - places[0]
    share = float((wins + ties / 2).sum() / (len(a) * len(b))) if len(a) and len(b) else math.nan
    return Estimate(share, math.nan, math.nan, min(len(a), len(b)))


def _share_interval(shares: Any, level: float) -> Estimate:
    shares = shares[~np.isnan(shares)]
    estimate = stats.mean_interval(shares, "unit", level)
    always = estimate.value in (0.0, 1.0)
    return estimate._replace(low=math.nan, high=math.nan) if always else estimate
