"""What report.json says of tiers, and the first table of a report: the arms with their tiers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from anncore.contract.columns import metric_column, parse_metric
from anncore.contract.errors import AnnxError
from anncore.evidence.frame import LEFT_OUT
from anncore.evidence.sentences import counted, joined, percent
from anncore.evidence.study import Study, blocked_arms
from anncore.evidence.success_sentences import rate_interval
from anncore.evidence.tiers import Tiers, deciding, tiers_of
from anncore.evidence.units import metric_words, singular
from anncore.report import words
from anncore.report.standing import change, change_interval, standings

NOT_ALL_RUN, ALL_DIVERGED = "not all trials have run", "every trial diverged"
NO_TIERS = "as every arm lacks trials"
MOST_NAMED, MOST_TIERS, MOST_BEATEN_BY = 4, 3, 3


def tier_content(
    study: Study,
    arms: Sequence[str],
    claims: tuple[Sequence[Any], Mapping[str, Sequence[Any]]],
    success: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return the tiers as report.json has them.

    arms: in the order that is kept within a tier. claims: the comparisons over all data sets and by problem;
    where the file says what success is, those of its rates decide, as they do in the first sentence.
    """
    over_all, by_problem = claims
    if success is not None:
        over_all, by_problem = (success["comparisons"][name] for name in ("overall", "problems"))
    tiers = tiers_of(arms, over_all, by_problem, study.control, _failed(study, over_all, by_problem))
    order = [*tiers.order, *(arm for arm in arms if arm in tiers.without)]
    labels = {measure.label for measure in study.measures.values()}
    label = "success rate" if success is not None else labels.pop() if len(labels) == 1 else "score"
    return {
        "basis": tiers.basis,
        "label": label,
        "control": tiers.control,
        "reference": tiers.control or (tiers.order[0] if len(tiers.order) > 1 else None),
        "decided": tiers.decided,
        "order": order,
        "tiers": [list(tier) for tier in tiers.tiers],
        "names": list(tiers.names),
        "beaten_by": {arm: list(others) for arm, others in tiers.beaten_by.items()},
        "circles": [list(circle) for circle in tiers.circles],
        "split": [list(pair) for pair in tiers.split],
        "without": dict(tiers.without),
        "sentence": _sentence(tiers, study.unit),
        "note": _note(tiers, study) if len(study.arms) > 1 else "",
    }


def _failed(study: Study, over_all: Sequence[Any], by_problem: Mapping[str, Sequence[Any]]) -> dict[str, str]:
    """Return the arms that get no tier, with the reason."""
    if "report" in study.not_run:
        return dict.fromkeys(study.arms, NOT_ALL_RUN)
    costs = [study.costs(problem).to_numpy(float) for problem in study.problems]
    if len(study.arms) > 1 and costs and all(np.isinf(table).all() for table in costs if table.size):
        return dict.fromkeys(study.arms, ALL_DIVERGED)
    apart = deciding(over_all, by_problem)[0] == "problems"
    failed: dict[str, str] = {}
    for problem in study.problems:
        for arm, reason in blocked_arms(study, problem).items():
            if not (apart and study.lost.get((problem, arm)) == LEFT_OUT):
                failed.setdefault(arm, f"{reason} on {problem}" if len(study.problems) > 1 else reason)
    return failed


def _sentence(tiers: Tiers, unit: str = "data sets") -> str:
    """Say in a few words who is in which tier, without a full stop; "" of a single arm."""
    if len(tiers.order) + len(tiers.without) < 2:
        return ""
    if not tiers.tiers:
        why = {NOT_ALL_RUN: "until all trials have run", ALL_DIVERGED: "as every trial diverged"}
        reasons = set(tiers.without.values())
        return f"No tiers {why.get(reasons.pop(), NO_TIERS) if len(reasons) == 1 else NO_TIERS}"
    if not tiers.decided:
        if len(tiers.order) == 1:
            return f"No tiers: {tiers.order[0]} alone has all its trials"
        if tiers.equal:
            over = (
                f"over all {unit} " if tiers.basis == "data sets" else ""
            )  # one by itself may tell them apart
            return f"No tiers: {over}the arms are equal or equivalent"
        return "No tiers: nothing is told apart"
    if tiers.control is not None:
        parts = []
        for name, arms in zip(tiers.names, tiers.tiers, strict=True):
            others = [arm for arm in arms if arm != tiers.control]
            if others:
                parts.append(f"{name}: {joined(others, MOST_NAMED)}")
        text = "; ".join(parts)
        return text[:1].upper() + text[1:]
    if len(tiers.tiers) == 1:
        return "No tiers: who beats whom goes round in a circle"
    parts = [f"tier {place}: {joined(arms, MOST_NAMED)}" for place, arms in enumerate(tiers.tiers, 1)]
    more = [f"{len(parts)} tiers in all"] if len(parts) > MOST_TIERS else []
    text = "; ".join([*parts[:MOST_TIERS], *more])
    return text[:1].upper() + text[1:]


def _note(tiers: Tiers, study: Study) -> str:
    """Say how the tiers are to be read."""
    parts = []
    one = singular(study.problem_unit)
    if tiers.basis == "problems" and tiers.decided:
        parts.append(
            f"An arm is ahead of another that it beats on some {one} and that beats it on none, each "
            f"{one} by itself."
        )
    if tiers.decided and tiers.control is not None:
        parts.append(f"Arms are compared with {tiers.control} alone, not with one another.")
    elif tiers.decided and len(tiers.order) > 2:
        parts.append("An arm of a lower tier is beaten by at least one arm of the tier above it.")
    if len(tiers.split) == 1:
        a, b = tiers.split[0]
        parts.append(f"{a} and {b} beat each other on different {study.problem_unit}: neither is ahead.")
    elif tiers.split:
        parts.append(
            f"{len(tiers.split)} pairs of arms beat each other on different {study.problem_unit}: of these "
            "neither is ahead."
        )
    parts += [
        f"{joined(circle)} beat one another in a circle, so they share a tier." for circle in tiers.circles
    ]
    if any(len(tier) > 1 for tier in tiers.tiers):
        by = f"mean {'rank' if len(study.problems) > 1 else 'score'}"
        parts.append(
            f"{'Within a tier nobody is ahead' if tiers.decided else 'Nobody is ahead'}: order by {by}."
        )
    if tiers.tiers:
        parts += [f"No tier: {arm} ({reason})." for arm, reason in list(tiers.without.items())[:MOST_NAMED]]
        if len(tiers.without) > MOST_NAMED:
            parts.append(
                f"No tier, as they lack trials: {counted(len(tiers.without) - MOST_NAMED, 'more arms')}."
            )
    return " ".join(parts)


def placed(rows: Sequence[dict[str, Any]], tiers: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return rows of arms with their tier, in the order of the tiers; None is the tier of what has none."""
    by_arm = {arm: place for place, own in enumerate(tiers["tiers"], 1) for arm in own}
    places = {arm: place for place, arm in enumerate(tiers["order"])}
    return sorted(
        ({**row, "tier": by_arm.get(row["arm"])} for row in rows), key=lambda row: places[row["arm"]]
    )


def tiers_on(boards: dict[str, list[dict[str, Any]]], study: Study, claims: Mapping[str, Any]) -> None:
    """Write into each problem's rows the tier by that problem's seeds alone."""
    for problem, rows in boards.items():
        failed = blocked_arms(study, problem)
        arms = [row["arm"] for row in rows]
        own = tiers_of(arms, [], {problem: claims[problem]}, study.control, failed)
        for row in rows:
            row["tier"] = own.tier(row["arm"])


# ---------------------------------------------------------------- the metric beside a loss


def beside_content(study: Study, boards: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any] | None:
    """Return the headline metric of classification where a loss is judged; None where there is none.

    values: by arm its mean over the seeds that finished, over the variants of a data set, and over data sets.
    """
    try:
        name = study.experiment.registry.primary_metric("multiclass").name
    except (AnnxError, StopIteration):
        return None
    column = metric_column("test", name)
    problems = [
        problem
        for problem, measure in study.measures.items()
        if measure.goal == "min"
        and measure.scale != "unit"
        and parse_metric(measure.column)[1] != name
        and any(row["metrics"].get(column) is not None for row in boards[problem])
    ]
    if not problems:
        return None
    values = {}
    for arm in study.arms:
        groups: dict[str, list[float]] = {}
        for problem in problems:
            row = next(row for row in boards[problem] if row["arm"] == arm)
            value = row["metrics"].get(column, math.nan) if 2 * row["ok"] > row["n"] else math.nan
            groups.setdefault(study.dataset_of[problem], []).append(value)
        means = [sum(own) / len(own) for own in groups.values()]
        values[arm] = sum(means) / len(means)
    return {
        "column": column,
        "label": metric_words(column, study.unit),
        "problems": len(problems),
        "values": values,
    }


# ---------------------------------------------------------------- the first table


def arms_table(content: Mapping[str, Any]) -> tuple[str, list[str], list[list[str]]]:
    """Return the first table of a report: caption, header, and a row per arm in the order of the tiers."""
    several = len(content["arms"]) > 1
    board = {row["arm"]: row for row in content["leaderboard"]["overall"]}
    columns: list[tuple[str, dict[str, str]]] = []
    if several:
        columns.append(("tier", {arm: str(row["tier"] or "–") for arm, row in board.items()}))
    if content.get("success") is not None:
        columns += _rate_columns(content)
    columns += _score_columns(content) if len(content["problems"]) == 1 else _rank_columns(content, board)
    rows = [[arm, *(cells.get(arm, "–") for _, cells in columns)] for arm in board]
    return _caption(content), [" + ".join(content["vary"]), *(name for name, _ in columns)], rows


def _caption(content: Mapping[str, Any]) -> str:
    tiers = content["tiers"]
    where = content["problems"][0] if len(content["problems"]) == 1 else ""
    if not tiers["sentence"]:
        return f"On {where}." if where else "Over all."
    on = f", on {where}" if where else ""
    said = "" if tiers["decided"] else f" {tiers['sentence']}."  # else the tiers stand in the table
    text = f"By {tiers['label']}{on}.{said} {tiers['note']}".rstrip()
    if len(tiers["order"]) > 2 and any(name == "95 % interval" for name, _ in _against(content, where)):
        text += " An interval is of its pair alone; tiers are adjusted for all pairs."
    beside = content.get("beside")
    if beside is not None and tiers["label"] != "success rate":
        over = counted(beside["problems"], content["problem_unit"])
        of = f", its mean over {over}," if len(content["problems"]) > 1 else ""
        text += (
            f" {beside['label'][:1].upper()}{beside['label'][1:]}{of} is shown beside it and decides nothing."
        )
    return text


def _against(content: Mapping[str, Any], where: str) -> list[tuple[str, dict[str, str]]]:
    """Return the columns of differences from the reference; none where no number says them."""
    if content.get("success") is not None:
        return []
    rows = {
        arm: standing
        for arm, standing in standings(content, where).items()
        if standing.scale != "range" and arm not in content["tiers"]["without"]
    }
    if not any(math.isfinite(standing.value) for standing in rows.values()):
        return []
    reference = content["tiers"]["reference"]
    header = f"against {reference}"
    texts = {arm: change(standing) for arm, standing in rows.items()}
    ends = {arm: change_interval(standing) for arm, standing in rows.items()}
    columns = [(header, {reference: "–", **texts})]
    return [*columns, ("95 % interval", ends)] if set(ends.values()) - {"–"} else columns


def _score_columns(content: Mapping[str, Any]) -> list[tuple[str, dict[str, str]]]:
    """Return the columns on the only problem."""
    (problem,) = content["problems"]
    measure = content["measures"][problem]
    rows = {row["arm"]: row for row in content["leaderboard"]["problems"][problem]}
    columns = [(measure["label"], {arm: words.score(row, measure) for arm, row in rows.items()})]
    against = _against(content, problem)
    if not against and content.get("success") is None:
        columns.append(("95 % interval", {arm: words.spread(row, measure) for arm, row in rows.items()}))
    columns += against
    columns += _beside(content)
    columns.append(("ok", {arm: words.share(row["ok"], row["n"]) for arm, row in rows.items()}))
    columns += _beaten_by(content)
    columns.append(("chosen", {arm: row["config"] or "–" for arm, row in rows.items()}))
    return columns


def _rank_columns(
    content: Mapping[str, Any], board: Mapping[str, Mapping[str, Any]]
) -> list[tuple[str, dict[str, str]]]:
    """Return the columns over several problems."""
    columns = _against(content, "")
    columns += _beside(content)
    columns.append(("ok", {arm: words.share(row["ok"], row["n"]) for arm, row in board.items()}))
    failed = {arm: row["blocked"] - row["not_run"] - row["left_out"] for arm, row in board.items()}
    lost = {"failed": failed}
    lost |= {
        key.replace("_", " "): {arm: row[key] for arm, row in board.items()}
        for key in ("diverged", "not_run", "left_out")
    }
    for name, counts in lost.items():
        if any(counts.values()):
            columns.append((name, {arm: str(count) for arm, count in counts.items()}))
    columns += _beaten_by(content)
    columns.append(("mean rank", {arm: words.rank(row, 2) for arm, row in board.items()}))
    return columns


def _beside(content: Mapping[str, Any]) -> list[tuple[str, dict[str, str]]]:
    beside = content.get("beside")
    if beside is None:
        return []
    values = {arm: words.number_of(value) for arm, value in beside["values"].items()}
    return [(beside["label"], {arm: percent(value) for arm, value in values.items()})]


def _beaten_by(content: Mapping[str, Any]) -> list[tuple[str, dict[str, str]]]:
    """Return the column that keeps readers from taking a tier for more than it says."""
    tiers = content["tiers"]
    if not tiers["decided"] or tiers["control"] is not None or len(tiers["order"]) < 3:
        return []
    return [
        (
            "beaten by",
            {arm: joined(others, MOST_BEATEN_BY) or "no arm" for arm, others in tiers["beaten_by"].items()},
        )
    ]


def _rate_columns(content: Mapping[str, Any]) -> list[tuple[str, dict[str, str]]]:
    """Return the columns on how often arms succeed."""
    success = content["success"]
    if len(success["limits"]) == 1:
        rows = {row["arm"]: row for row in success["rates"]}
        ends = {
            arm: rate_interval(words.number_of(row["low"]), words.number_of(row["high"])) or "–"
            for arm, row in rows.items()
        }
        return [
            ("succeeds", {arm: words.share(row["successes"], row["n"]) for arm, row in rows.items()}),
            ("rate", {arm: percent(words.number_of(row["share"]), 0) for arm, row in rows.items()}),
            ("95 % interval", ends),
        ]
    shares = {row["arm"]: percent(words.number_of(row["share"]), 0) for row in success["overall"]}
    return [("mean success rate", shares)]
