"""What report.json says of run times, and how the views write it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from anncore.evidence.run_time_claims import LABEL, WORTH, Speed, speed_headline, speeds
from anncore.evidence.run_times import TARGETS, Ladder
from anncore.evidence.sentences import counted, joined, number, percent, short, with_sentence
from anncore.evidence.study import Study
from anncore.evidence.units import SEEDS, metric_words, singular
from anncore.report import words

REFERENCES = (
    "Hansen et al. (2021), COCO: a platform for comparing continuous optimizers in a black-box setting, "
    "Optimization Methods and Software 36(1), arXiv:1603.08785.",
    "Hansen, Auger, Brockhoff & Tušar (2022), Anytime performance assessment in blackbox optimization "
    "benchmarking, IEEE Trans. Evol. Comp. 26(6).",
)


def run_time_content(study: Study) -> dict[str, Any] | None:
    """Return how fast the arms reach many targets; None where there is no learning curve of the metric."""
    speed = speeds(study)
    if not speed.ladders or not len(study.trials):
        return None
    return {
        "metric": study.experiment.select.metric,
        "headline": speed_headline(study, speed),
        "targets": TARGETS,
        "ladders": [_ladder(ladder, speed) for ladder in speed.ladders.values()],
        "arms": [row._asdict() for row in speed.arms],
        "comparisons": {
            "overall": [with_sentence(comparison) for comparison in speed.over_all],
            "problems": {
                problem: [with_sentence(comparison) for comparison in pairs]
                for problem, pairs in speed.by_problem.items()
            },
        },
    }


def _ladder(ladder: Ladder, speed: Speed) -> dict[str, Any]:
    times = speed.times.get(ladder.problem)
    note = ladder.note or ("" if times else "no trial makes more than one step")
    return {
        "problem": ladder.problem,
        "start": ladder.start,
        "best": ladder.best,
        "spacing": "log" if ladder.log else "linear",
        "origin": ladder.origin,
        "budget": times.budget if times else math.nan,
        "note": note,
    }


def _nan(value: float | None) -> float:
    return math.nan if value is None else value


def area_rows(content: Mapping[str, Any], whole: bool) -> tuple[list[str], list[list[str]]]:
    """Return the arms' speed as text cells, the fastest first: over all problems, or on each."""
    one, rows = singular(content["unit"]), []
    header = [*([] if whole else [one]), "arm", "speed", "95 % interval"]
    header += [
        *([] if whole else ["steps to a target"]),
        "targets reached",
        content["unit"] if whole else SEEDS,
    ]
    for row in content["run_times"]["arms"]:
        if whole != (row["problem"] == ""):
            continue
        score, low, high, steps = (_nan(row[name]) for name in ("score", "low", "high", "steps"))
        between = "–" if math.isnan(low) else f"{low:.2f} to {high:.2f}"
        rows.append(
            [
                *([] if whole else [row["problem"]]),
                row["arm"],
                "–" if math.isnan(score) else f"{score:.2f}",
                between,
                *([] if whole else [number(steps)]),
                percent(_nan(row["reached"]), 0),
                str(row["n"]),
            ]
        )
    return header, rows


def area_caption(content: Mapping[str, Any], whole: bool) -> str:
    """Say what the table of speeds counts."""
    said = (
        "Speed: the share of the plane below the curve of targets reached over the logarithm of steps; 1 is "
        "all at once, 0 none within the budget."
    )
    if whole:
        return f"{said} Over all {content['unit']}, of which each counts alike."
    return (
        f"{said} Steps to a target: their geometric mean, where a target that is missed counts as the whole "
        "budget."
    )


def pair_caption(where: str, pairs: Sequence[Mapping[str, Any]], unit: str) -> str:
    """Say what a table of comparisons by run times compares."""
    n = max(pair["n"] for pair in pairs)
    on = f"on {where}" if where else f"over all {unit}"
    return (
        f"The arms {on} by {LABEL}, {counted(n, pairs[0]['unit'])}: “gain” is how much lower it is, the "
        "geometric mean of the ratios."
    )


def ladder_sentence(content: Mapping[str, Any]) -> str:
    """Say which problems have no targets, and why; "" where all have."""
    without: dict[str, list[str]] = {}
    for ladder in content["run_times"]["ladders"]:
        if ladder["note"]:
            without.setdefault(ladder["note"], []).append(ladder["problem"])
    known = {ladder["problem"] for ladder in content["run_times"]["ladders"]}
    lacking = [problem for problem in content["problems"] if problem not in known]
    if lacking:
        metric = metric_words(content["run_times"]["metric"], content["unit"])
        without[f"no trial has a learning curve of {metric}"] = lacking
    said = [f"On {joined(problems)} there are no targets: {note}." for note, problems in without.items()]
    return " ".join(said)


def methods_text(content: Mapping[str, Any]) -> str:
    """Say how run times are counted and compared."""
    times = content["run_times"]
    what = metric_words(times["metric"], content["unit"])
    one = singular(content["problem_unit"])
    origins = {ladder["origin"] for ladder in times["ladders"]}
    best = (
        "the median over seeds of the best value along the chosen configuration's learning curve while "
        "tuning, of the arm for which that is best; so it is known before the first trial of the report runs"
        if origins == {"tuning"}
        else "the median over seeds of the best value along the learning curve, of the arm for which that is "
        "best; nothing was tuned, so it is chosen after the fact"
    )
    spacing = {ladder["spacing"] for ladder in times["ladders"] if not ladder["note"]}
    ways = {"log": "equal ratios", "linear": "equal differences"}
    divided = " or ".join(ways[name] for name in ("log", "linear") if name in spacing) or "equal differences"
    return (
        f"Each {one} has {times['targets']} targets of {what}, which divide the way from the start to the "
        f"best by {divided}"
        f"{', ratios where scores are compared by ratios' if len(spacing) > 1 else ''}. The start is the "
        f"median over arms of the first evaluation, the best is {best}. All arms have the same targets. A "
        "run time is the number of steps at the first evaluation at or beyond a target; between evaluations "
        "nothing is interpolated, and what the initial weights meet counts as met at the first evaluation "
        "after them. A diverged trial "
        "meets no target; one that failed or has no result is not known, and blocks a claim as elsewhere. "
        "The curve is the share of all targets of all "
        f"seeds{' and ' + content['problem_unit'] if len(content['problems']) > 1 else ''} that are met "
        "within so many steps (Hansen et al. 2021, 2022). The area above it, on the logarithm of steps, is "
        "the mean log of the run times, where a target that is missed counts as the budget, the most steps "
        f"that a trial makes on that {one}. Arms are compared by this mean, paired and tested as scores are, "
        f"with a Holm correction of its own; less than {short(100 * WORTH)} % of the steps is no difference "
        "worth having."
    )


def shown_pairs(times: Mapping[str, Any]) -> dict[str, Sequence[Mapping[str, Any]]]:
    """Return the comparisons that are worth a table: those over all (""), else those of each problem."""
    comparisons = times["comparisons"]
    tables = {"": comparisons["overall"]} if comparisons["overall"] else comparisons["problems"]
    return {where: pairs for where, pairs in tables.items() if any(pair["n"] for pair in pairs)}


def fastest(times: Mapping[str, Any], where: str) -> str:
    """Return the arm that is fastest so far on a problem, or over all ("")."""
    return str(next(row["arm"] for row in times["arms"] if row["problem"] == where))


def single_target_steps(row: Mapping[str, Any]) -> str:
    """Write the steps to one target where a trial that misses it is begun anew; "never" where all miss it."""
    if not row["n"]:
        return "not run"
    restarts = words.finite(row.get("restarts"))
    return f"{restarts:.0f}" if math.isfinite(restarts) else "never"
