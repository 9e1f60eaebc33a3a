"""What report.json says of an experiment's claim."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from anncore.evidence.claim import Pairs, claim_answer, claim_sentence, claimed
from anncore.evidence.sentences import with_sentence
from anncore.evidence.study import Study
from anncore.evidence.success import successes
from anncore.evidence.verdicts import Comparison


def claim_content(study: Study, scores: Pairs, over_all: Sequence[Comparison] = ()) -> dict[str, Any] | None:
    """Return the claim with what it comes to; None where the experiment states none.

    scores: the comparisons of each problem by the report's own scores. over_all: those over all data sets.
    """
    result = claimed(study, scores, successes(study), over_all)
    if result is None:
        return None
    return {
        "says": result.rule.says,
        "before": list(result.rule.before),
        "after": list(result.rule.after),
        "by": result.rule.of or result.rule.by,
        "beside": [list(pair) for pair in result.rule.beside],
        "changed": result.rule.changed,
        "outcome": result.outcome,
        "problems": result.problems,
        "sentence": claim_sentence(result, study.problem_unit),
        "answer": claim_answer(result, study.problem_unit, study.unit) if result.problems else "",
        "comparisons": {
            problem: [with_sentence(pair) for pair in (*pairs, *result.beside.get(problem, ()))]
            for problem, pairs in result.comparisons.items()
        },
    }
