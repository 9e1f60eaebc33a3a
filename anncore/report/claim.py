"""What report.json says of an experiment's claim."""

from __future__ import annotations

from typing import Any

from anncore.evidence.claim import Pairs, claim_answer, claim_sentence, claimed
from anncore.evidence.sentences import with_sentence
from anncore.evidence.study import Study
from anncore.evidence.success import successes


def claim_content(study: Study, scores: Pairs) -> dict[str, Any] | None:
    """Return the claim with what it comes to; None where the experiment states none.

    scores: the comparisons of each problem by the report's own scores.
    """
    result = claimed(study, scores, successes(study))
    if result is None:
        return None
    return {
        "says": result.rule.says,
        "before": list(result.rule.before),
        "after": list(result.rule.after),
        "by": result.rule.of or result.rule.by,
        "outcome": result.outcome,
        "problems": result.problems,
        "sentence": claim_sentence(result, study.problem_unit),
        "answer": claim_answer(result, study.problem_unit, study.unit) if result.problems else "",
        "comparisons": {
            problem: [with_sentence(pair) for pair in pairs] for problem, pairs in result.comparisons.items()
        },
    }
