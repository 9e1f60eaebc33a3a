"""How far the claims reach, in words: over which rows, and over how many looks at the seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from anncore.evidence.scope import Scope
from anncore.evidence.sentences import joined, short

NADEAU = "Nadeau & Bengio (2003), Inference for the generalization error, Machine Learning 52(3)."


def scope_content(scope: Scope, problem: str) -> dict[str, Any]:
    """Return what report.json says of what claims on a problem are about."""
    return {
        "words": scope.words(problem),
        "same": scope.same,
        "rows": scope.rows or None,
        "correction": scope.correction,
        "new_rows": bool(scope.correction) or scope.unknowable,
    }


def looked_before(looks: Sequence[int]) -> str:
    """Say, after a report's first sentence, that seeds were added after looking; "" where none were."""
    if not looks:
        return ""
    before = joined([str(count) for count in looks[:-1]])
    return f" Seeds were added by hand after a look at {before} of them; claims allow for that."


def scope_method(content: Mapping[str, Any]) -> str:
    """Say for the methods what claims within one data set are about; "" where nobody knows."""
    scopes = content["scope"]
    texts = []
    own = [problem for problem, scope in scopes.items() if scope["same"] in ("rows", "test")]
    drawn = [problem for problem, scope in scopes.items() if scope["same"] == ""]
    corrected = [problem for problem, scope in scopes.items() if scope["correction"]]
    plain = [problem for problem in own if problem not in corrected]
    if drawn:
        texts.append(
            f" Of {joined(drawn)} every seed draws new examples: claims are about samples of that size from "
            "the same source."
        )
    if plain:
        texts.append(
            f" Of {joined(plain)} every seed has the same rows"
            f"{', split anew' if all(scopes[p]['same'] == 'rows' for p in plain) else ''}: claims are about "
            "these rows, over all splits and initial weights. Of new rows from the same source seeds tell "
            'less; [report] scope = "new rows" asks for that.'
        )
    if corrected:
        ratios = sorted({short(scopes[problem]["correction"]) for problem in corrected})
        texts.append(
            f" Claims on {joined(corrected)} are about new rows from the same source, as the file asks. Any "
            "two splits share most of their training rows, so the variance of a mean difference over n seeds "
            f"is taken as s² (1/n + n_test/n_train), with n_test/n_train = {joined(ratios)} (Nadeau & Bengio "
            "2003), in Student's t, its interval and the number of seeds that would be needed. The signed "
            "ranks, which speak of the rows at hand, must agree."
        )
    return "".join(texts)


def looks_method(content: Mapping[str, Any]) -> str:
    """Say for the methods how looks at fewer seeds were allowed for."""
    looks = content["looks"]
    before = joined([str(count) for count in looks[:-1]])
    return (
        f"The run folder remembers reports with {before} seeds, before this one with {looks[-1]}. Who adds "
        "seeds until a claim stands errs more often than one report says. So a claim stands only where the "
        "first report made it and all seeds make it still, or where all seeds make it by a test that holds "
        "however often one looks (the always-valid signed-rank test of sweeps in rounds; over data sets the "
        "exact test, at a share of α for each look), at what the first report could not use up of α. That "
        "is α less the largest p-value up to it that the first report's signed ranks could take: all of it "
        "after five seeds, little after ten. Together all reports of the folder make a false claim in at "
        "most 5 % of experiments. The effect is the typical difference, with the interval that goes with the "
        "test. A report of the same trials again, or after a sweep was resumed, is no look."
    )
