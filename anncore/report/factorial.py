"""What report.json says of kinds varied together, and how the views write it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from anncore.evidence.factorial import factorial
from anncore.evidence.factorial_parts import Analysis, Cell, Factorial, Together
from anncore.evidence.factorial_sentences import (
    best_sentence,
    combination,
    factorial_headline,
    interaction_sentence,
    left_out_sentence,
    level_of,
    marginal_sentence,
    one_by_one,
    plural,
    shares_sentence,
    trend_sentence,
)
from anncore.evidence.sentences import (
    counted,
    interval,
    joined,
    number,
    p_value,
    percent,
    size,
    with_sentence,
)
from anncore.evidence.study import Study
from anncore.evidence.units import singular
from anncore.evidence.variance_shares import DATA, LUCK
from anncore.evidence.verdicts import Comparison

VERDICTS = {
    "depends": "depends",
    "undecided": "not decided",
    "additive": "no difference worth having",
    "none": "the same throughout",
    "too_few": "too few",
    "rounds": "not tested",
}
TRENDS = {"falls": "better", "rises": "worse", "undecided": "not shown", "too_few": "too few"}
MOST_SENTENCES = 6  # among the findings


def factorial_content(study: Study, claims: Mapping[str, Sequence[Comparison]]) -> dict[str, Any] | None:
    """Return what is said of factors varied together; None where a single kind varies.

    claims: the comparisons of all arms by problem, "" for those over all data sets.
    """
    result = factorial(study, claims)
    if result is None:
        return None
    labels = {measure.label for measure in study.measures.values()}
    label = labels.pop() if len(labels) == 1 else ""
    analyses = [*([result.over_all] if result.over_all else []), *result.problems.values()]
    deciding = result.deciding
    content = {
        "headline": factorial_headline(result),
        "beside": one_by_one(result, study.problem_unit) if deciding is None else "",
        "note": result.note,
        "factors": [_factor(factor) for factor in result.factors],
        "analyses": [_analysis(study, one, label, decides=one is deciding) for one in analyses],
        "shares": [
            {**one._asdict(), "part": list(one.part), "label": part_name(one.part, study.unit)}
            for one in result.shares
        ],
        "lead": None if result.lead is None else {**result.lead._asdict(), **_parts(result)},
        "shares_sentence": "",
    }
    if result.shares:
        said = _variance_of(study, label)
        content["shares_sentence"] = shares_sentence(
            result.shares, result.lead, study.unit, said, len(study.problems)
        )
    return content


def _parts(result: Factorial) -> dict[str, list[str]]:
    assert result.lead is not None
    return {"first": list(result.lead.first), "second": list(result.lead.second)}


def _variance_of(study: Study, label: str) -> str:
    """Say of what the variance is: of the metric, on the scale on which differences are taken."""
    logs = any(measure.scale == "log" for measure in study.measures.values())
    return f"the logarithm of {label}" if logs and label else label


def _factor(factor: Any) -> dict[str, Any]:
    return {"name": factor.name, "levels": list(factor.levels), "ordered": bool(factor.values)}


def part_name(part: Sequence[str], unit: str) -> str:
    """Return what a part of the variance is called in a table: "optimizer × data set"."""
    if tuple(part) == (LUCK,):
        return "luck (the seed)"
    names = [name for name in part if name != DATA] + ([singular(unit)] if DATA in part else [])
    return " × ".join(names)


def _analysis(study: Study, one: Analysis, label: str, *, decides: bool) -> dict[str, Any]:
    measured = study.measures[one.where].label if one.where else label
    sentences = []
    if one.best is not None and len(one.grid.factors) > 1:
        sentences.append(best_sentence(one))
    sentences += [interaction_sentence(pair, one) for pair in one.together]
    sentences += [marginal_sentence(factor, one) for factor in one.grid.factors]
    # Of the trends inside of another factor's levels the table speaks.
    sentences += [trend_sentence(trend, one, measured) for trend in one.trends if not trend.within]
    sentences.append(left_out_sentence(one))
    return {
        "where": one.where,
        "unit": one.unit,
        "decides": decides,
        "n": one.n,
        "scale": one.scale,
        "note": one.note,
        "factors": [_factor(factor) for factor in one.grid.factors],
        "left_out": [left._asdict() for left in one.grid.left_out],
        "best": None if one.best is None else {name: _plain(v) for name, v in one.best._asdict().items()},
        "cells": [_cell(cell, one) for cell in one.cells],
        "marginals": [marginal._asdict() for marginal in one.marginals],
        "comparisons": {
            name: [with_sentence(claim) for claim in claims] for name, claims in one.comparisons.items()
        },
        "together": [_pair(pair, one) for pair in one.together],
        "trends": [
            {**trend._asdict(), "sentence": trend_sentence(trend, one, measured)} for trend in one.trends
        ],
        "sentences": [text for text in sentences if text],
    }


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _cell(cell: Cell, analysis: Analysis) -> dict[str, Any]:
    """Return a cell with where it stands: "best", "alike" or "beaten"; "" where it is no arm by itself."""
    best = analysis.best
    standing = ""
    if best is not None and cell.arm:
        standing = "best" if cell.arm == best.arm else "beaten" if cell.arm in best.beaten else "alike"
    return {**cell._asdict(), "levels": list(cell.levels), "standing": standing}


def _pair(pair: Together, analysis: Analysis) -> dict[str, Any]:
    return {
        "first": pair.first,
        "second": pair.second,
        "verdict": pair.verdict,
        "best_changes": pair.best_changes,
        "f": pair.test.f,
        "df1": pair.test.df1,
        "df2": pair.test.df2,
        "p": pair.p,
        "needed": pair.needed,
        "rows": [{name: _plain(v) for name, v in row._asdict().items()} for row in pair.rows],
        "common": list(pair.common),
        "cells": [_cell(cell, analysis) for cell in pair.cells],
        "sentence": interaction_sentence(pair, analysis),
    }


def factorial_findings(content: Mapping[str, Any] | None) -> list[dict[str, str]]:
    """Return the findings on factors: what decides, what matters most, or why there is nothing."""
    if content is None:
        return []
    texts = [content["note"]] if content["note"] else []
    for one in content["analyses"]:
        if one["decides"]:
            texts += one["sentences"][1:] if len(one["factors"]) > 1 else one["sentences"]
            texts += [one["note"]] if one["note"] else []
    texts += [content["shares_sentence"]] if content["shares_sentence"] else []
    if content["analyses"] and all(one["note"] for one in content["analyses"]) and not texts:
        texts = [content["analyses"][0]["note"]]
    return [{"kind": "factorial", "where": "", "text": text} for text in texts[:MOST_SENTENCES]]


# ---------------------------------------------------------------- tables


def section_title(content: Mapping[str, Any]) -> str:
    """Return the title of the section: which factors it is about."""
    names = [factor["name"] for factor in content["factors"]]
    return f"{joined(names)[:1].upper()}{joined(names)[1:]} together" if len(names) > 1 else "Trend"


def rows_table(
    pair: Mapping[str, Any], analysis: Mapping[str, Any]
) -> tuple[str, list[str], list[list[str]]]:
    """Return caption, header and cells of the table "best schedule per optimizer"."""
    first, second = pair["first"], pair["second"]
    caption = (
        f"Best {level_of(second)} for each {level_of(first)}, {_on(analysis)}. Told apart "
        "by tests inside of each row, adjusted for all rows."
    )
    header = [
        first,
        f"best {level_of(second)} so far",
        "not told apart from it",
        "told apart: worse than the best",
    ]
    rows = [
        [
            row["level"],
            row["best"],
            joined([level for level in row["unbeaten"] if level != row["best"]], 8) or "–",
            joined(row["beaten"], 8) or "–",
        ]
        for row in pair["rows"]
    ]
    return caption, header, rows


def _on(analysis: Mapping[str, Any]) -> str:
    n = counted(analysis["n"], analysis["unit"])
    return f"on {analysis['where']} ({n})" if analysis["where"] else f"over {n}"


def marginal_table(analysis: Mapping[str, Any]) -> tuple[str, list[str], list[list[str]]]:
    """Return caption, header and cells of the marginal effects."""
    caption = (
        f"Effect of each level, averaged over all other factors, {_on(analysis)}: how much better than the "
        f"average level it is, with its own 95 % interval."
    )
    rows = []
    for one in analysis["marginals"]:
        claims = analysis["comparisons"].get(one["factor"], ())
        beaten = [c["b"] for c in claims if c["verdict"] == "better" and c["a"] == one["level"]]
        effect, low, high = (_nan(one[name]) for name in ("effect", "low", "high"))
        rows.append(
            [
                one["factor"],
                one["level"],
                size(effect, analysis["scale"]),
                _between(low, high, analysis["scale"]),
                joined(beaten, 8) or "–",
            ]
        )
    return caption, ["factor", "level", "against the average", "95 % interval", "beats"], rows


def interaction_table(content: Mapping[str, Any]) -> tuple[str, list[str], list[list[str]]]:
    """Return caption, header and cells of the tests of interactions, by problem and pair of factors."""
    caption = (
        "Does the effect of one factor depend on the other? F of the analysis of variance with repeated "
        "measures, p by turning the signs of whole blocks, after Holm."
    )
    rows = []
    for one in content["analyses"]:
        for pair in one["together"]:
            changes = "best changes" if pair["best_changes"] else VERDICTS[pair["verdict"]]
            f = _nan(pair["f"])
            rows.append(
                [
                    one["where"] or f"all {one['unit']}",
                    f"{pair['second']} by {pair['first']}",
                    "–" if math.isnan(f) else f"{number(f)} ({pair['df1']}, {pair['df2']})",
                    p_value(pair["p"]).removeprefix("p = "),
                    changes,
                    one["best"]["arm"],
                ]
            )
    what = combination(content["factors"])
    return caption, ["where", "effect of", "F (df)", "p (Holm)", "verdict", f"best {what} so far"], rows


def shares_table(content: Mapping[str, Any]) -> tuple[str, list[str], list[list[str]]]:
    """Return caption, header and cells of the shares of variance."""
    caption = (
        "What share of the variance of single trials each part makes, largest first, less what luck adds; "
        "with the jackknife's 95 % interval over seeds, and the classic sum of squares."
    )
    rows = [
        [
            one["label"],
            percent(one["share"]),
            _percents(_nan(one["low"]), _nan(one["high"])),
            str(one["df"]),
            number(_nan(one["squares"])),
        ]
        for one in sorted(content["shares"], key=lambda one: -one["share"])
    ]
    return caption, ["part", "share", "95 % interval", "df", "sum of squares"], rows


def _percents(low: float, high: float) -> str:
    return "–" if math.isnan(low) else f"{100 * low:.0f} to {100 * high:.0f} %"


def trend_table(analysis: Mapping[str, Any]) -> tuple[str, list[str], list[list[str]]]:
    """Return caption, header and cells of the trends of ordered factors."""
    caption = f"Trends, {_on(analysis)}: gain of the last level over the first one, by a fitted line."
    rows = []
    for one in analysis["trends"]:
        gain, low, high = (_nan(one[name]) for name in ("gain", "low", "high"))
        rows.append(
            [
                f"{one['first']} to {one['last']}",
                one["within"] or "averaged",
                size(gain, analysis["scale"]),
                _between(low, high, analysis["scale"]),
                p_value(one["p"]).removeprefix("p = "),
                TRENDS[one["verdict"]],
            ]
        )
    return caption, ["along", "with", "gain", "95 % interval", "p (Page, Holm)", "trend"], rows


def _between(low: float, high: float, scale: str) -> str:
    """Write the interval of a gain that may be a loss, the end nearer to 0 first."""
    ends = (high, low) if scale == "log" and high < 0 else (low, high)
    return interval(*ends, scale) or "–"


def _nan(value: float | None) -> float:
    return math.nan if value is None else value


def methods_text(content: Mapping[str, Any], unit: str) -> str:
    """Say how factors are analysed."""
    names = [plural(factor["name"]) for factor in content["factors"]]
    one = singular(unit)
    return (
        f"The {joined(names)} are analysed as a factorial, on each {one} with its seeds as blocks, and "
        f"over all {unit} with the {one} as the block. Marginal effects are averages over all other "
        "factors; by how much a level or a combination is better than the average one is a mean over the "
        "blocks, with an interval that allows for skewness. Levels are compared as arms are, with one Holm "
        "correction for all factors, and inside "
        "of each level of another factor with one for all of these. An interaction is tested on the "
        "residuals without block, row and column effects, by turning the signs of whole blocks, and the "
        "mean of the residuals along their direction, by the test that allows for skewness, must agree. "
        "The best level of a factor is said to depend on another only where an interaction shows and "
        "every level is beaten somewhere. Trends along numbers are tested by Page's test, and the slope "
        "of a fitted line must agree. Shares of variance are those of an analysis of variance of the "
        "trials' scores, less what luck adds to each, with jackknife intervals over seeds; where scores "
        "have heavy tails these are rather too narrow. A factorial needs every combination: levels of "
        "which some combination diverged, failed or is left out are left out of it."
    )


REFERENCES = (
    "Winkler, Ridgway, Webster, Smith & Nichols (2014), Permutation inference for the general linear model, "
    "NeuroImage 92.",
    "Friedrich, Konietschke & Pauly (2017), A wild bootstrap approach for nonparametric repeated "
    "measurements, Computational Statistics & Data Analysis 113.",
    "Page (1963), Ordered hypotheses for multiple treatments: a significance test for linear ranks, JASA "
    "58(301).",
    "Miller (1974), The jackknife - a review, Biometrika 61(1).",
    "Hutter, Hoos & Leyton-Brown (2014), An efficient approach for assessing hyperparameter "
    "importance, ICML.",
)
