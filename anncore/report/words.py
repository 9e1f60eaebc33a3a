"""How numbers of a report are written: shared by HTML, Markdown and the terminal, so that they agree."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from anncore.evidence.sentences import (
    counted,
    interval,
    joined,
    needed_pairs,
    number,
    p_value,
    pair_percent,
    percent,
    short,
    size,
    steps_words,
)
from anncore.evidence.stats import ABSOLUTE_NOISE
from anncore.evidence.units import DATA_SETS, SEEDS, metric_words, singular

MOST_IN_MATRIX = 8  # arms against arms; more make a table too wide for a page
VERDICTS = {
    "better": "better",
    "typical": "better in a typical run only",
    "undecided": "not told apart",
    "equivalent": "equivalent",
    "tie": "equal",
    "too_few": "too few pairs",
    "blocked": "blocked",
}


def number_of(value: float | None) -> float:
    """Return a number of report.json, NaN for null."""
    return math.nan if value is None else value


def named(rule: Mapping[str, Any]) -> str:
    """Return a component as a report names it: "halton (annx 0.1.0, scramble = true)"."""
    values = {
        key: short(value, 6) if isinstance(value, float) else value for key, value in rule["values"].items()
    }
    facts = [f"{rule['package']} {rule['version']}", *(f"{key} = {value}" for key, value in values.items())]
    return f"{rule['name']} ({', '.join(facts)})"


def plain_number(x: float | None) -> str:
    """Write a number or, where there is none, a dash."""
    return number(number_of(x))


def value(x: float | None, measure: Mapping[str, Any]) -> str:
    """Write a score: shares in per cent, the rest with three digits, a function's floor as such.

    At the floor the score is the floor times the share of the steps that it took to reach it.
    """
    x = number_of(x)
    if measure["scale"] == "unit":
        return percent(x)
    if measure.get("floor") and x <= measure["floor"]:
        return f"floor at {percent(x / measure['floor'], 0)}"
    return number(x)


def score(row: Mapping[str, Any], measure: Mapping[str, Any]) -> str:
    """Write a leaderboard row's score, marked where seeds diverged or lack; how many do, if it is half."""
    if row["note"]:
        return row["note"].partition(":")[0]
    if row["n"] and 2 * (row["n"] - row["ok"]) >= row["n"]:  # the median is gone; the few would flatter
        return lost_seeds(row)
    marks = f" ×{row['diverged']}" if row["diverged"] else ""
    failed = row["blocked"] - row["not_run"] - row["left_out"]
    marks += f" ?{failed}" if failed else ""
    marks += f" ({row['not_run']} not run)" if row["not_run"] else ""
    return value(row["value"], measure) + (" (median)" if row["centre"] == "median" else "") + marks


def lost_seeds(row: Mapping[str, Any]) -> str:
    """Say how many of a leaderboard row's seeds have no score, and why: "failed 4/10, not run 2/10"."""
    ended = row["n"] - row["ok"] - row["not_run"] - row["left_out"]
    counts = {
        "diverged": row["diverged"],
        "failed": ended - row["diverged"],
        "not run": row["not_run"],
        "left out": row["left_out"],
    }
    return ", ".join(f"{word} {share(count, row['n'])}" for word, count in counts.items() if count)


def rank(row: Mapping[str, Any], places: int | None = None) -> str:
    """Write a row's rank, with `places` decimals where it is a mean; a dash where trials have not run."""
    if row["not_run"] or row["left_out"]:
        return "–"
    return f"{row['rank']:g}" if places is None else f"{number_of(row['mean_rank']):.{places}f}"


def is_ranked(content: Mapping[str, Any], problem: str) -> bool:
    """Say whether all trials on a problem have run, so that its best arm may be called that."""
    return not any(row["not_run"] for row in content["leaderboard"]["problems"][problem])


def spread(row: Mapping[str, Any], measure: Mapping[str, Any]) -> str:
    """Write a score's interval."""
    low, high = number_of(row["low"]), number_of(row["high"])
    if math.isnan(low) or math.isnan(high) or 2 * row["ok"] <= row["n"]:
        return "–"  # half of the seeds are gone, and with them what the interval would be of
    if measure["scale"] == "unit":
        return f"{100 * low:.1f} to {100 * high:.1f} %"
    return f"{value(low, measure)} to {value(high, measure)}"


def metric(row: Mapping[str, Any], name: str, shares: Sequence[str] = ()) -> str:
    """Write a leaderboard row's further metric, marked where it is a median; per cent where it is a share."""
    x = number_of(row["metrics"].get(name))
    return (percent(x) if name in shares else number(x)) + (" (median)" if name in row["medians"] else "")


def effect(c: Mapping[str, Any]) -> str:
    """Write a comparison's effect; in steps where all pairs are at a function's floor."""
    text = size(number_of(c["effect"]), c["scale"]).removesuffix(" of the arms' range")  # the header says it
    return _in_steps(text, c)


def effect_interval(c: Mapping[str, Any]) -> str:
    """Write a comparison's interval, a dash where it is undefined."""
    return _in_steps(interval(number_of(c["low"]), number_of(c["high"]), c["scale"]), c) or "–"


def _in_steps(text: str, c: Mapping[str, Any]) -> str:
    return steps_words(text) if c["n"] and c["at_floor"] == c["n"] else text


def probability(c: Mapping[str, Any]) -> str:
    """Write a comparison's adjusted p-value without "p ="."""
    return p_value(c["p"]).removeprefix("p ").removeprefix("= ")


def verdict(c: Mapping[str, Any]) -> str:
    """Write a comparison's verdict; what is undecided says how many pairs it would take."""
    words = VERDICTS[c["verdict"]]
    if c["verdict"] not in ("too_few", "undecided") or c["needed"] is None:
        return words
    return f"{words} ({needed_pairs(c['needed'], c.get('needed_low'), c.get('needed_high'))} needed)"


def share(done: int, total: int) -> str:
    """Write a denominator: "10/10"."""
    return f"{done}/{total}"


def sensitivity_rows(content: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return the sensitivity table as text cells, a row per problem and arm."""
    header = [
        singular(content["unit"]),
        "arm",
        "hyperparameter",
        "best",
        "at the edge",
        "width (decades)",
        "diverged",
    ]
    rows: list[list[str]] = []
    for row in content["sensitivity"]:
        rows.append(
            [
                row["problem"],
                row["arm"],
                row["hyperparameter"],
                number(number_of(row["best"])),
                "yes" if row["edge"] else "no",
                number(number_of(row["width"]), 2),
                share(row["diverged"], row["trials"]),
            ]
        )
    return header, rows


def improvement_table(
    improvement: Mapping[str, Any], ranked: Sequence[str], units: str
) -> tuple[str, list[str], list[list[str]]]:
    """Return how often arms beat each other: all against all; with many arms, the best against each."""
    pairs = {(pair["a"], pair["b"]): pair for pair in improvement["pairs"]}
    on = "a seed" if improvement["over"] == SEEDS else f"a seed, averaged over {units}"
    what = f"on {on}; ties count half, and nothing is adjusted for the number of pairs"
    if len(ranked) <= MOST_IN_MATRIX:
        cells = [[arm, *(_chance(pairs.get((arm, other))) for other in ranked)] for arm in ranked]
        return f"How often the arm of a row beats that of a column {what}.", ["arm", *ranked], cells
    first, *rest = ranked
    rows = []
    for other in rest:
        pair = pairs.get((first, other))
        ends = (number_of(pair["low"]), number_of(pair["high"])) if pair else (math.nan, math.nan)
        spread = "–" if math.isnan(ends[0]) else f"{100 * ends[0]:.0f} to {100 * ends[1]:.0f} %"
        rows.append([other, _chance(pair), spread])
    return f"How often {first} beats each other arm {what}.", ["arm", "beaten by it", "95 % interval"], rows


def _chance(pair: Mapping[str, Any] | None) -> str:
    return "–" if pair is None else pair_percent(number_of(pair["probability"]))


def profile_cells(row: Mapping[str, Any]) -> list[str]:
    """Write a performance profile's score, and its range with any one other arm left out."""
    low, high = number_of(row["low"]), number_of(row["high"])
    return [f"{number_of(row['score']):.2f}", "–" if math.isnan(low) else f"{low:.2f} to {high:.2f}"]


def finite(time: float | None) -> float:
    """Return a time, infinite for one that never comes; report.json has null for it."""
    return math.inf if time is None else time


def steps(row: Mapping[str, Any]) -> str:
    """Write an arm's steps to its target; "not run" where it has no trial there."""
    if not row["n"]:
        return "not run"
    return f"{row['steps']:.0f}" if math.isfinite(finite(row["steps"])) else "never"


def time_in_seconds(row: Mapping[str, Any]) -> str:
    """Write an arm's seconds to its target; a dash where it gets there and nobody measured its steps."""
    if not row["n"]:
        return "not run"
    if math.isfinite(finite(row["seconds"])):
        return number(row["seconds"], 2)
    return "–" if math.isfinite(finite(row["steps"])) else "never"


def speed_sentence(content: Mapping[str, Any]) -> str:
    """Say who reaches the targets soonest, on how many problems, and who misses them."""
    speed = content["speed"]
    boards = content["leaderboard"]["problems"]
    timed = dict.fromkeys(row["problem"] for row in speed["times"])
    problems = [problem for problem in timed if not any(row["not_run"] for row in boards[problem])]
    if not problems:
        one = singular(content["problem_unit"])
        return f"No {one} has all its trials yet, so no arm is said to be soonest at the target."
    wins: dict[str, int] = {}
    nobody = 0
    for problem in problems:
        times = {row["arm"]: finite(row["steps"]) for row in speed["times"] if row["problem"] == problem}
        best = min(times.values())
        nobody += math.isinf(best)
        for arm in [arm for arm, time in times.items() if time == best and math.isfinite(best)]:
            wins[arm] = wins.get(arm, 0) + 1
    if not wins:
        return "No arm reaches its target in half of its seeds."
    ranked = sorted(wins, key=lambda arm: -wins[arm])
    parts = [f"{arm} on {wins[arm]}" for arm in ranked]
    of = counted(len(problems), content["problem_unit"])
    text = f"Of {of}, soonest at the target, ties included: {joined(parts)}."
    return text + (f" On {nobody} no arm reaches it in half of its seeds." if nobody else "")


def budget_sentence(content: Mapping[str, Any]) -> str:
    """Say which arm would be best, on how many problems, with one configuration and with all."""
    sign = -1 if content["select"]["goal"] == "max" else 1
    most = min(row["n"] for row in content["budget"])
    first, last = (_best_with(content, k, sign) for k in (1, most))
    problems = len({row["problem"] for row in content["budget"]})
    where = "on validation " if content["unit"] == DATA_SETS else ""
    return (
        f"Of {counted(problems, content['problem_unit'])}, expected best {where}with one configuration each: "
        f"{first}; "
        f"with {most} each: {last}."
    )


def _best_with(content: Mapping[str, Any], k: int, sign: int) -> str:
    wins: dict[str, int] = {}
    by_problem: dict[str, dict[str, float]] = {}
    for row in content["budget"]:
        points = [point for point in row["points"] if point["k"] <= k]
        cost = sign * number_of(points[-1]["expected"])
        by_problem.setdefault(row["problem"], {})[row["arm"]] = math.inf if math.isnan(cost) else cost
    for costs in by_problem.values():
        best = min(costs.values())
        if math.isfinite(best):
            arm = min(costs, key=lambda arm_: costs[arm_])
            wins[arm] = wins.get(arm, 0) + 1
    ranked = sorted(wins, key=lambda arm: -wins[arm])
    return joined([f"{arm} on {wins[arm]}" for arm in ranked]) or "none, as some trials always diverge"


def budget_rows(content: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return the budget table as text cells, a row per problem and arm, a column per k."""
    ks = sorted({point["k"] for row in content["budget"] for point in row["points"]})
    rows = []
    for row in content["budget"]:
        by_k = {point["k"]: point for point in row["points"]}
        texts = ["–" if k not in by_k else plain_number(by_k[k]["expected"]) for k in ks]
        rows.append([row["problem"], row["arm"], *texts])
    return [singular(content["unit"]), "arm", *(f"best of {k}" for k in ks)], rows


def selection_rows(content: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return what tuning chose as text cells, a row per problem and arm."""
    scale = content["selection_gap"]["scale"]
    header = [
        *(singular(content["unit"]), "arm", "chosen", "of", "on tuning seeds", "on fresh seeds", "gap"),
        "at the edge",
    ]
    write = percent if scale == "unit" else number
    rows = [
        [
            row["problem"],
            row["arm"],
            row["note"] or row["config"] or "–",
            str(row.get("configs", "–")),
            write(number_of(row["tune_score"])),
            write(number_of(row.get("fresh_score"))),
            selection_gap(gap, scale),
            _edge(row["edge"]),
        ]
        for row, gap in zip(content["selection"], gaps_of(content), strict=True)
    ]
    return header, rows


def gaps_of(content: Mapping[str, Any]) -> list[float]:
    """Return `gap_of` every choice, in their order."""
    scale, goal = content["selection_gap"]["scale"], content["select"]["goal"]
    return [gap_of(row, scale, goal) for row in content["selection"]]


def _edge(edge: str | bool) -> str:
    return (edge or "no") if isinstance(edge, str) else "yes" if edge else "no"


def gap_of(row: Mapping[str, Any], scale: str, goal: str) -> float:
    """Return by how much a choice flattered itself, on the scale, positive where the fresh score is worse.

    See `selection.selection_gaps`; NaN where the choice lost a tuning seed or has no score.
    """
    tuned, fresh = number_of(row["tune_score"]), number_of(row.get("fresh_score"))
    if row["n_ok"] < row["n"] or math.isnan(tuned) or math.isnan(fresh):
        return math.nan
    return math.log(fresh / tuned) if scale == "log" else (fresh - tuned) * (1 if goal == "min" else -1)


def selection_gap(gap: float, scale: str) -> str:
    """Write a gap: "+12.0 %" or "16 times" on the scale "log", "+1.2 points" of shares, else as it is."""
    if math.isnan(gap):
        return "–"
    if scale == "log":
        ratio = math.exp(gap)
        return f"{number(ratio, 2)} times" if ratio >= 10 else _signed(percent(ratio - 1))
    return _signed(size(gap, scale) if scale == "unit" else number(gap))


def _signed(text: str) -> str:
    """Put a plus before a positive number, and take the minus from a zero."""
    if not text.strip("−0. %points"):
        return text.removeprefix("−")
    return text if text.startswith("−") else f"+{text}"


def selection_sentence(content: Mapping[str, Any]) -> str:
    """Say how the chosen configurations fared on fresh seeds, on average; "" where none has both scores."""
    gaps = content["selection_gap"]
    gap = number_of(gaps["gap"])
    if math.isnan(gap):
        return ""
    if abs(gap) < ABSOLUTE_NOISE:
        apart = "no different"
    elif gaps["scale"] == "log":
        apart = size(-gap, "log")  # of a cost that is lower by so much; a higher one is worse
    else:
        apart = f"{size(abs(gap), gaps['scale'])} {'worse' if gap > 0 else 'better'}"
    metric = metric_words(content["select"]["metric"], content["unit"])
    return (
        f"On fresh seeds the {metric} of the chosen configurations is on average {apart} than on the seeds "
        f"they were chosen by (mean of {counted(gaps['n'], 'choices')})."
    )


def lines_of(data: Mapping[str, Any], skip: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Flatten nested provenance to (name, text) pairs."""
    lines: list[tuple[str, str]] = []
    for key, item in data.items():
        if key in skip or item in (None, "", [], {}):
            continue
        name = str(key).replace("_", " ")
        if isinstance(item, Mapping):
            lines.extend((f"{name}: {sub}", text) for sub, text in lines_of(item))
        elif isinstance(item, (list, tuple)):
            lines.append((name, ", ".join(str(element) for element in item)))
        else:
            lines.append((name, f"{item:.6g}" if isinstance(item, float) else str(item)))
    return lines
