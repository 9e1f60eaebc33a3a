"""What report.json says of successes, and how the views write it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from anncore.evidence.sentences import SEEDS, counted, percent, short, with_sentence
from anncore.evidence.study import Study
from anncore.evidence.success import Rate, RatePair, Successes, mean_share, successes
from anncore.evidence.success_sentences import (
    pair_sentence,
    rate_interval,
    success_headline,
)
from anncore.evidence.units import metric_words, singular
from anncore.report import words

MOST_FINDINGS = 10


def success_content(study: Study) -> dict[str, Any] | None:
    """Return how often each arm succeeds; None where the experiment does not say what success is."""
    result = successes(study)
    if result is None or not result.rates:
        return None
    return {
        "headline": success_headline(study, result),
        "limits": {
            problem: {
                "column": limit.column,
                "label": metric_words(limit.column, study.unit),
                "at_least": limit.at_least,
                "value": limit.value,
            }
            for problem, limit in result.limits.items()
        },
        "rates": [_rate(rate) for rates in result.rates.values() for rate in rates],
        "overall": _overall(study, result),
        "comparisons": {
            "overall": [with_sentence(comparison) for comparison in result.over_all],
            "problems": {problem: [_pair(pair) for pair in pairs] for problem, pairs in result.pairs.items()},
        },
    }


def _rate(rate: Rate) -> dict[str, Any]:
    return dict(vars(rate))


def _pair(pair: RatePair) -> dict[str, Any]:
    return {**vars(pair), "sentence": pair_sentence(pair)}


def _overall(study: Study, result: Successes) -> list[dict[str, Any]]:
    """Return each arm's rate averaged over data sets, the highest first; unknown ones last."""
    rows = [
        {"arm": arm, "share": mean_share(result.rates, arm, study.dataset_of), "problems": len(result.rates)}
        for arm in study.arms
    ]
    return sorted(rows, key=lambda row: 1.0 if math.isnan(row["share"]) else -row["share"])


def success_findings(
    success: Mapping[str, Any] | None, sentences: Sequence[dict[str, str]], label: str
) -> list[dict[str, str]]:
    """Return the findings of a report that declares success: those on rates first, then those on scores.

    The latter say what they are about, as the first sentence of such a report is about rates.
    """
    if success is None:
        return list(sentences)
    problems = success["comparisons"]["problems"]
    pairs = success["comparisons"]["overall"] or [pair for pairs in problems.values() for pair in pairs]
    decided = [pair for pair in pairs if pair["verdict"] not in ("too_few", "blocked")]
    own = pairs if len(problems) == 1 else decided if success["comparisons"]["overall"] else []
    said = [pair["sentence"] if pair["where"] else f"By success rate, {pair['sentence']}" for pair in own]
    return [
        *({"kind": "success", "where": "", "text": text} for text in said[:MOST_FINDINGS]),
        *({**finding, "text": _about(label, finding["text"])} for finding in sentences),
    ]


def _about(label: str, text: str) -> str:
    """Say of a finding which score it is about."""
    first = text.partition(" ")[0]
    text = f"{text[:1].lower()}{text[1:]}" if first in ("No", "On", "Taken", "Every", "All") else text
    return f"By {label}, {text}"


def success_sentence(success: Mapping[str, Any]) -> str:
    """Say what a success is."""
    limits: dict[str, list[str]] = {}
    for problem, limit in success["limits"].items():
        way = "at least" if limit["at_least"] else "at most"
        limits.setdefault(f"{limit['label']} is {way} {short(limit['value'], 6)}", []).append(problem)
    if len(limits) == 1:
        return f"A trial succeeds where its {next(iter(limits))}."
    parts = "; ".join(f"on {problem} where its {rule}" for rule, on in limits.items() for problem in on)
    return f"A trial succeeds {parts}."


def rate_rows(content: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return the table of rates as text cells, a row per problem and arm."""
    success, several = content["success"], len(content["success"]["limits"]) > 1
    header = [*([singular(content["unit"])] if several else []), "arm", "succeeds", "rate", "95 % interval"]
    header += ["diverged", "unknown"]
    rows = []
    for row in success["rates"]:
        share, low, high = (math.nan if row[key] is None else row[key] for key in ("share", "low", "high"))
        rows.append(
            [
                *([row["problem"]] if several else []),
                row["arm"],
                words.share(row["successes"], row["n"]),
                percent(share, 0),
                rate_interval(low, high) or "–",
                str(row["diverged"]),
                row["note"] or "0",
            ]
        )
    return header, rows


def pair_rows(pairs: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Return the comparisons on one problem as text cells."""
    header = [
        "succeeds more often so far",
        "against",
        "it alone",
        "other alone",
        "both",
        "p (Holm)",
        "verdict",
    ]
    rows = [
        [
            *(pair["a"], pair["b"], str(pair["only_a"]), str(pair["only_b"]), str(pair["both"])),
            words.probability(pair),
            words.verdict(pair),
        ]
        for pair in pairs
        if pair["n"]
    ]
    return header, rows


def caption_of_pairs(problem: str, pairs: Sequence[Mapping[str, Any]]) -> str:
    """Say what the table of pairs counts."""
    n = max(pair["n"] for pair in pairs)
    return f"Seeds of {problem} on which one arm of a pair alone succeeds, of {counted(n, SEEDS)}."
