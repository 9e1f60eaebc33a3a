"""What report.json says of levels that runs end at and of the worst tenth of runs, and how views write it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from anncore.evidence.dip import FEWEST as TESTED
from anncore.evidence.levels import Threshold, levels_of, thresholds
from anncore.evidence.risk import FEWEST, reversals, risks
from anncore.evidence.sentences import percent
from anncore.evidence.study import Study
from anncore.evidence.success_sentences import rate_interval
from anncore.evidence.surely_sentences import (
    levels_sentence,
    named_sentence,
    reversal_sentence,
    threshold_sentence,
)
from anncore.evidence.units import metric_words
from anncore.experiment.success import success_rule
from anncore.report import words

TOO_FEW = "too few seeds"
RISK_SOURCES = ("Conover (1999), Practical nonparametric statistics, 3rd ed., section 3.2.",)
LEVEL_SOURCES = ("Hartigan & Hartigan (1985), The dip test of unimodality, Annals of Statistics 13(1).",)


def levels_content(study: Study) -> dict[str, Any]:
    """Return the arms that end at several levels, and how often each arm is beyond a threshold between "
    "them."""
    noticed = levels_of(study)
    named = success_rule(study.options) is not None
    limits = {} if named else thresholds(study, noticed)
    return {
        "arms": [
            {
                "problem": levels.problem,
                "arm": levels.arm,
                "n": levels.n,
                "levels": [level._asdict() for level in levels.levels],
                "p": levels.p,
                "sentence": levels_sentence(levels, study.measures[levels.problem]),
            }
            for levels in noticed
        ],
        "thresholds": {problem: _threshold(study, problem, one) for problem, one in limits.items()},
        "named": named_sentence() if named and noticed else "",
    }


def _threshold(study: Study, problem: str, threshold: Threshold) -> dict[str, Any]:
    limit = threshold.limit
    return {
        "column": limit.column,
        "label": metric_words(limit.column, study.unit),
        "at_least": limit.at_least,
        "value": limit.value,
        "rates": [dict(vars(rate)) for rate in threshold.rates],
        "sentence": threshold_sentence(threshold, study.measures[problem]),
    }


def risk_content(study: Study) -> dict[str, Any]:
    """Return each arm's worst decile, and where it orders arms unlike the mean does."""
    return {
        "arms": [risk._asdict() for risk in risks(study)],
        "reversals": [
            {
                "problem": reversal.problem,
                "better_mean": reversal.better_mean,
                "better_decile": reversal.better_decile,
                "sentence": reversal_sentence(reversal, study.measures[reversal.problem]),
            }
            for reversal in reversals(study)
        ],
    }


def paragraphs(content: Mapping[str, Any], problem: str) -> list[str]:
    """Return what is said of levels and risk on a problem; a report of an older annx says nothing."""
    levels = content.get("levels") or {"arms": [], "thresholds": {}, "named": ""}
    own = [row["sentence"] for row in levels["arms"] if row["problem"] == problem]
    if own and problem in levels["thresholds"]:
        own.append(levels["thresholds"][problem]["sentence"])
    elif own and levels["named"]:
        own.append(levels["named"])
    risk = content.get("risk") or {"reversals": []}
    return own + [row["sentence"] for row in risk["reversals"] if row["problem"] == problem]


def rate_table(content: Mapping[str, Any], problem: str) -> tuple[str, list[str], list[list[str]]] | None:
    """Return the rates beyond the threshold between levels: caption, header and cells; None without one."""
    threshold = (content.get("levels") or {"thresholds": {}})["thresholds"].get(problem)
    if threshold is None:
        return None
    way = "at least" if threshold["at_least"] else "at most"
    value = words.plain_number(threshold["value"])
    caption = (
        f"Runs on {problem} that end with a {threshold['label']} of {way} {value}, a threshold between "
        "levels that was chosen after looking; the interval is exact, and no test is made."
    )
    rows = [
        [
            row["arm"],
            words.share(row["successes"], row["n"]),
            "–" if row["share"] is None else percent(row["share"], 0),
            "–" if row["low"] is None else rate_interval(row["low"], row["high"]),
            row["note"] or "0",
        ]
        for row in threshold["rates"]
    ]
    return caption, ["arm", "beyond", "rate", "95 % interval", "unknown"], rows


def decile(content: Mapping[str, Any], problem: str, arm: str, measure: Mapping[str, Any]) -> tuple[str, Any]:
    """Write an arm's worst decile with its interval, and the number to sort by."""
    risk = content.get("risk") or {"arms": []}
    row = next((row for row in risk["arms"] if (row["problem"], row["arm"]) == (problem, arm)), None)
    if row is None or not row["n"]:
        return "–", None
    if row["n"] < FEWEST:
        return TOO_FEW, None
    if row["diverged"]:
        return "diverged", math.inf
    text, low, high = words.value(row["value"], measure), row["low"], row["high"]
    between = f"{words.value(low, measure)} or worse"
    if high is not None and math.isfinite(high):
        between = f"{words.value(low, measure)} to {words.value(high, measure)}"
    return f"{text} ({between})", row["value"]


def references(content: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the sources of `methods_paragraphs`."""
    seeds = len(content["seeds"]["report"])
    return (*(LEVEL_SOURCES if seeds >= TESTED else ()), *(RISK_SOURCES if seeds >= FEWEST else ()))


def methods_paragraphs(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Say how levels are noticed and how the worst decile is counted, where there are seeds enough."""
    seeds = len(content["seeds"]["report"])
    levels = (
        "Each arm's scores on a problem, on the scale that differences are taken on, are tested for a single "
        "mode by Hartigan's dip test; the p-values of all arms and problems are adjusted by Benjamini and "
        "Hochberg's procedure, so that where every arm has a single mode some arm is noticed in 5 % of "
        "reports at most. Scores that are tied by rounding are spread over the step between values first. An "
        "arm is named where its runs besides fall into groups of three or more whose gaps exceed the middle "
        "half of each group and ten times the smallest difference worth having."
    )
    risk = (
        "The worst decile is the score that nine of ten runs reach or better it: an order statistic of the "
        "runs at hand, in which a diverged run is the worst. Its 95 % interval is distribution-free and has "
        "no worse end below 36 runs; below ten runs there is no worst decile. An order that differs from "
        "that of the means is named only where the arms' intervals do not meet at a level that lets those of "
        "all arms and problems hold together."
    )
    return [
        *([("Levels", levels)] if seeds >= TESTED else []),
        *([("Worst decile", risk)] if seeds >= FEWEST else []),
    ]
