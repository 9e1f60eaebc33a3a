"""The comparisons of a report without its other sections, for tests that judge many made-up results."""

from __future__ import annotations

from typing import Any

from anncore.evidence.study import Study
from anncore.report.build import _claims, _comparisons, build_report


def comparisons(results: Any) -> dict[str, Any]:
    """Return what `build_report` has under "comparisons", made by the same functions from the same study.

    A report's tables, speeds and cautions take four fifths of its time and decide nothing. The pairs come in
    the order of the arms in place of their ranks.
    """
    study = Study(results)
    return _comparisons(_claims(study, list(study.arms)))


def must_be_the_report_s(results: Any) -> None:
    """Assert that a report says the same, and claims in its headline what it has found."""
    content = build_report(results, {})
    alone, whole = comparisons(results), content["comparisons"]
    assert alone.keys() == whole.keys()
    assert _by_pair(alone["overall"]) == _by_pair(whole["overall"])
    assert alone["problems"].keys() == whole["problems"].keys()
    for problem, claims in whole["problems"].items():
        assert _by_pair(alone["problems"][problem]) == _by_pair(claims)
    deciding = whole["overall"] or next(iter(whole["problems"].values()))
    better = any(claim["verdict"] == "better" for claim in deciding)
    assert not better or any(word in content["answer"]["headline"] for word in ("beats", "beaten"))


def _by_pair(claims: list[dict[str, Any]]) -> dict[frozenset[str], str]:
    return {frozenset((claim["a"], claim["b"])): repr(claim) for claim in claims}
