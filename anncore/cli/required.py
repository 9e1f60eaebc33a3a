"""What `--require` asks of a sweep: read before it begins, decided when it has ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from anncore.cli.common import say

if TYPE_CHECKING:
    from anncore.evidence.requirement import Required, Requirement
    from anncore.evidence.results import Results
    from anncore.experiment.plan import Plan


def refuse_unfit(texts: Sequence[str], plan: Plan) -> None:
    """Refuse claims that a sweep of this plan cannot decide; raises ReportError."""
    if not texts:
        return
    import pandas as pd

    from anncore.evidence.labels import Labels
    from anncore.evidence.measures import measures_of
    from anncore.evidence.requirement import check_requirement, requirement

    experiment = plan.experiment
    kind, nothing = experiment.problem.kind, pd.DataFrame({"problem": []})
    rows = list(plan.report())  # a trial goes by the names of its row
    labels = Labels.of(cast(Any, rows), nothing, bool(experiment.tune_seeds))
    arms = labels.in_order(plan.arms)
    data_sets = {row.problem: row.labels[kind] for row in rows}
    measures = measures_of(experiment, nothing, nothing, data_sets, experiment.problem.unit)
    control = experiment.document.get("report", {}).get("control")
    for text in texts:
        check_requirement(
            requirement(text, arms, plan.problems),
            measures,
            len(set(data_sets.values())),
            control if control in arms else None,
        )


def requirements_of(results: Results, texts: Sequence[str]) -> list[Requirement]:
    """Read the required claims about results that are there; raises ReportError for what they do not have."""
    if not texts:
        return []
    from anncore.evidence.requirement import check_requirement, requirement
    from anncore.evidence.study import Study

    study = Study(results)
    read = [requirement(text, study.arms, study.problems) for text in texts]
    for one in read:
        check_requirement(one, study.measures, len(set(study.dataset_of.values())), study.control)
    return read


def outcomes_of(results: Results, texts: Sequence[str], report: Mapping[str, Any] | None) -> list[Required]:
    """Return what became of the required claims. report: the report's content, if there is any yet."""
    if not texts:
        return []
    from anncore.evidence.requirement import decided, requirement
    from anncore.evidence.study import Study

    study = Study(results)
    return decided(study, [requirement(text, study.arms, study.problems) for text in texts], report)


def say_required(outcomes: Sequence[Required], *, quiet: bool) -> None:
    """Print a line for each claim; what does not hold goes to standard error, where `quiet` too."""
    for one in outcomes:
        if one.outcome != "holds":
            say(one.line, err=True)
        elif not quiet:
            say(one.line)
