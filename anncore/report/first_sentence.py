"""The first sentence of a report: the question's own words answered."""

from __future__ import annotations

import math
from typing import Any

from anncore.evidence.frame import LEFT_OUT, NOT_CHOSEN
from anncore.evidence.headline import BLOCKED, Asked, headline
from anncore.evidence.sentences import counted
from anncore.evidence.study import BLOCKING, ONE_TEST, SHOWN_BEFORE, Study
from anncore.evidence.units import agreeing
from anncore.report.findings import Claims
from anncore.report.reach import looked_before


def first_sentence(
    study: Study,
    claims: Claims,
    overall: list[dict[str, Any]],
    own_answer: str = "",
) -> str:
    """Return the report's first sentence; where no trial finished there are no ranks.

    own_answer: what answers the experiment's question, where that is not which arm ranks best.
    """
    totals = {name: sum(row[name] for row in overall) for name in ("ok", "diverged", "n")}
    if overall and not totals["ok"]:
        if len(study.unchosen) == len(study.problems) * len(study.arms):
            return (
                "No tuning trial of any arm finished; there is nothing to choose from and nothing to compare."
            )
        if not len(study.trials):
            return "No trial of the report has run; there is nothing to compare yet."
        if totals["diverged"] == totals["n"]:
            return "Every trial of the report diverged; no arm can be ranked."
        if "report" not in study.not_run:
            return "No trial of the report finished; there is nothing to compare until they are run again."
    if "report" in study.not_run and len(study.arms) > 1:
        missing, planned = study.not_run["report"]
        done = f"{planned - missing} of {counted(planned, 'report trials')}"
        return f"{done} {agreeing(planned - missing, 'have')} run; no arm is ranked until all have."
    if own_answer and study.arms:
        return f"{own_answer}{looked_before(study.history.by_hand())}"
    labels = {measure.label for measure in study.measures.values()}
    ranks = {row["arm"]: row["mean_rank"] for row in overall if math.isfinite(row["mean_rank"])}
    text = headline(
        Asked(
            study.arms,
            claims.over_all,
            claims.by_problem,
            ranks,
            labels.pop() if len(labels) == 1 else "",
            study.unit,
            study.problem_unit,
            study.control,
            _blocked_words(study),
            {problem: scope.words(problem) for problem, scope in study.scopes.items()},
        )
    )
    return f"{text}{looked_before(study.history.by_hand())}"


def own_answer_of(
    success: dict[str, Any] | None, claim: dict[str, Any] | None, factors: dict[str, Any] | None
) -> str:
    """Return the sentence on rates of success, else on the claim, else on factors varied together."""
    if success is not None:
        return str(success["headline"])
    if claim is not None and claim["answer"]:
        return str(claim["answer"])
    return "" if factors is None else str(factors["headline"])


def beside(
    factors: dict[str, Any] | None, success: dict[str, Any] | None, claim: dict[str, Any] | None
) -> str:
    """Say after the first sentence what factors do on each problem, where no claim over all can be made."""
    if factors is None or success is not None or claim is not None or not factors["beside"]:
        return ""
    text: str = factors["beside"]
    return f" Each by itself, {text}."


def _blocked_words(study: Study) -> str:
    """Return what to say of blocked claims, by what blocks them."""
    status = study.trials["status"]
    if status.isin(BLOCKING).any() or NOT_CHOSEN in study.lost.values():
        return BLOCKED
    if LEFT_OUT in study.lost.values():
        return "no claim can be made where the file's rules leave arms out"
    places = [(problem, arm) for problem in study.problems for arm in study.arms]
    if study.past and any(study.history.dropped(*place) for place in places):
        return f"no claim can be made where {SHOWN_BEFORE}"
    if any(scope.unknowable for scope in study.scopes.values()):
        return f"no claim can be made: {ONE_TEST}"
    return BLOCKED
