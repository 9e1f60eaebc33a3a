"""The content of report.json: everything a report says, once, as plain JSON.

Schema 2, `report.schema.json` beside this file, which says of every key what it is, and when the number
changes. A number that does not exist is null, and the row's `status` says why. Every claim lies under
`comparisons` with its verdict; `answer` repeats the ones that matter as sentences.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from anncore._version import __version__
from anncore.contract.columns import parse_metric
from anncore.contract.documentation import documentation
from anncore.contract.engine_version import environment_digest
from anncore.contract.hyperparameters import Interval
from anncore.contract.trial import STATUSES, canonical
from anncore.evidence import stats
from anncore.evidence.cautions import audit, selection_gap
from anncore.evidence.levels import levels_of
from anncore.evidence.looks import Seen
from anncore.evidence.measures import Measure, shared_rope
from anncore.evidence.pair_tests import Rule
from anncore.evidence.risk import reversals
from anncore.evidence.sentences import (
    counted,
    with_sentence,
)
from anncore.evidence.study import Study, blocked_arms, by_data_set
from anncore.evidence.verdicts import Comparison, compare, seed_claims
from anncore.report import further, methods, tables
from anncore.report.claim import claim_content
from anncore.report.costs import cost_rows
from anncore.report.encoding import encodings_content
from anncore.report.factorial import factorial_content, factorial_findings
from anncore.report.findings import (
    Claims,
    findings_of,
    known_rounds,
    problem_sentence as problem_sentence,
    rounds_findings,
)
from anncore.report.first_sentence import beside, first_sentence, own_answer_of
from anncore.report.importance import importance_content
from anncore.report.json_values import jsonable, plain as plain
from anncore.report.reach import scope_content
from anncore.report.run_times import run_time_content
from anncore.report.shares import shared
from anncore.report.success import success_content, success_findings
from anncore.report.suites import split_settings, suite_used, train_settings
from anncore.report.surely import levels_content, risk_content
from anncore.report.tiers import beside_content, placed, tier_content, tiers_on

SCHEMA = 2
LONGEST = ("run_times", "answer", "speed")
"""The parts that take longest, which are begun first."""
SCHEMA_ID = f"urn:annx:report:{SCHEMA}"


def build_report(results: Any, meta: Mapping[str, Any], *, processes: int = 1) -> dict[str, Any]:
    """Return the report's content; NaN is still NaN here, `plain` makes it null.

    meta: what the caller knows of the run (command, versions, machine), shown as provenance. processes: how
    many make its parts side by side.
    """
    study = Study(results)
    parts = parts_of(study, meta)
    parts["comparisons"] = parts["comparisons"]()  # to send them takes longer
    levels_of(study), reversals(study)  # of which two parts tell
    keys = [key for key, part in parts.items() if callable(part)]
    keys.sort(key=lambda key: key not in LONGEST)
    made = shared(lambda piece: parts[keys[piece]](), len(keys), processes)
    content = parts | dict(zip(keys, made, strict=True))
    content["methods"] = methods.describe(content, study.experiment)
    return content


def parts_of(study: Study, meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return each part of the content, but for the methods, or what makes it, by its key and in order.

    What several parts share is computed here.
    """
    boards = {problem: tables.leaderboard(study, problem) for problem in study.problems}
    overall = tables.overall(study, boards)
    ranked = [row["arm"] for row in overall]
    claims = _claims(study, ranked)
    success = success_content(study)
    tiers = tier_content(study, ranked, (claims.over_all, claims.by_problem), success)
    tiers_on(boards, study, claims.by_problem)
    overall = placed(overall, tiers)
    claim = claim_content(study, claims.by_problem, claims.over_all)
    factors = factorial_content(study, {**claims.by_problem, "": claims.over_all})
    return _asked(study) | {
        "counts": partial(_counts, study),
        "answer": partial(_answer, study, claims, overall, success, claim, factors),
        "tiers": tiers,
        "beside": partial(beside_content, study, boards),
        "leaderboard": {"overall": overall, "problems": boards},
        "comparisons": partial(_comparisons, claims),
        "success": success,
        "factorial": factors,
        "claim": claim,
        "improvement": partial(further.improvement, study),
        "levels": partial(levels_content, study),
        "risk": partial(risk_content, study),
        "run_times": partial(run_time_content, study),
        "speed": partial(further.speed, study),
        "costs": partial(cost_rows, study),
        "sensitivity": partial(tables.sensitivity, study),
        "importance": partial(importance_content, study),
        "budget": partial(further.budget, study),
        "selection": partial(_selection, study),
        "shares": partial(_shares, study),
        "selection_gap": lambda: dict(zip(("gap", "scale", "n"), selection_gap(study), strict=True)),
        "failed_trials": partial(tables.failed_trials, study),
        "encodings": partial(encodings_content, study.experiment),
        "figures": [],
        "not_drawn": [],
        "sections": [],
        "rules": partial(_rules, study),
        "provenance": partial(_provenance, study, meta),
    }


def _claims(study: Study, ranked: list[str]) -> Claims:
    by_problem = seed_claims(study)
    claims = Claims(*_compare_data_sets(study, study.control), by_problem)
    places = {arm: place for place, arm in enumerate(ranked)}
    for comparisons in (claims.over_all, *by_problem.values()):
        comparisons.sort(key=lambda c: (places[c.a], places[c.b]))
    return claims


def _asked(study: Study) -> dict[str, Any]:
    """Return what was asked and on what: names, arms, problems, seeds."""
    experiment = study.experiment
    return {
        "$schema": SCHEMA_ID,
        "schema": SCHEMA,
        "generator": f"annx {__version__}",
        "name": experiment.name,
        "title": experiment.title or experiment.name,
        "question": experiment.question,
        "vary": list(experiment.named),
        "suite": suite_used(experiment),
        "arms": list(study.arms),
        "problems": list(study.problems),
        "data_sets": study.dataset_of,
        "unit": study.unit,
        "problem_unit": study.problem_unit,
        "measures": {problem: _measure(measure) for problem, measure in study.measures.items()},
        "select": {"metric": experiment.select.metric, "goal": experiment.select.goal, "tuned": study.tuned},
        "widened": [widening._asdict() for widening in experiment.widened],
        "watched": _watched(study),
        "control": study.control,
        "waived": list(study.waived),
        "seeds": {"tune": list(experiment.tune_seeds), "report": list(experiment.report_seeds)},
        "rounds": None if (rounds := known_rounds(study)) is None else rounds._asdict(),
        "level": study.level,
        "scope": {problem: scope_content(scope, problem) for problem, scope in study.scopes.items()},
        "looks": list(study.history.by_hand()),
    }


def _answer(
    study: Study,
    claims: Claims,
    overall: list[dict[str, Any]],
    success: dict[str, Any] | None,
    claim: dict[str, Any] | None,
    factors: dict[str, Any] | None,
) -> dict[str, Any]:
    """Return the answer box: the first sentence, the findings, and what to be careful about."""
    ranked = [row["arm"] for row in overall]
    pairs = max((len(comparisons) for comparisons in claims.by_problem.values()), default=0)
    labels = {measure.label for measure in study.measures.values()}
    own_answer = own_answer_of(success, claim, factors)
    return {
        "headline": first_sentence(study, claims, overall, own_answer) + beside(factors, success, claim),
        "findings": [
            *([{"kind": "claim", "where": "", "text": claim["sentence"]}] if claim else []),
            *factorial_findings(factors),
            *success_findings(
                success,
                findings_of(claims, ranked, study.problem_unit, answered=not own_answer),
                labels.pop() if len(labels) == 1 else "score",
            ),
            *rounds_findings(study),
        ],
        "warnings": [warning._asdict() for warning in audit(study, pairs)],
    }


def _comparisons(claims: Claims) -> dict[str, Any]:
    problems = claims.by_problem
    return {
        "overall": [with_sentence(c) for c in claims.over_all],
        "overall_scale": claims.scale,
        "friedman": claims.friedman,
        "problems": {problem: [with_sentence(c) for c in pairs] for problem, pairs in problems.items()},
        "sentences": {problem: problem_sentence(pairs) for problem, pairs in problems.items()},
    }


def _measure(measure: Measure) -> dict[str, str]:
    return {name: getattr(measure, name) for name in ("column", "goal", "scale", "label", "floor")}


def _watched(study: Study) -> list[dict[str, Any]]:
    """Return the metrics that looked into the networks, with what their classes say of them."""
    watched = []
    for name in study.experiment.train.watch:
        component = study.experiment.registry.get("metric", name)
        bounds = Interval.parse(component.cls.bounds)
        first = documentation(component.cls).partition("\n\n")[0]
        watched.append(
            {
                "metric": component.name,
                "goal": component.cls.goal,
                "low": bounds.low,
                "high": bounds.high,
                "definition": " ".join(first.split()),
            }
        )
    return watched


def _shares(study: Study) -> list[str]:
    """Return the trials' columns that hold shares, which are written in per cent."""
    names = {
        known.name
        for known in study.experiment.registry.of_kind("metric")
        if (bounds := Interval.parse(known.cls.bounds)).low == 0 and bounds.high == 1
    }
    return [name for name in study.trials.columns if parse_metric(name)[0] and parse_metric(name)[1] in names]


def _compare_data_sets(
    study: Study, control: str | None
) -> tuple[list[Comparison], str, dict[str, Any] | None]:
    """Compare over data sets; nothing where there is only one."""
    costs, scale = by_data_set(study)
    if len(costs) < 2:
        return [], scale, None
    blocked: dict[str, str] = {}
    for problem in study.problems:
        for arm, reason in blocked_arms(study, problem).items():
            blocked.setdefault(arm, f"{reason} on {problem}")
    rope = shared_rope(list(study.measures.values()), scale)
    seen = partial(_seen_over_all, study, control) if study.past else None
    comparisons = compare(
        costs, unit=study.unit, scale=scale, blocked=blocked, control=control, rope=rope, seen=seen
    )
    values = costs.to_numpy(float)
    if np.isnan(values).any() or values.shape[1] < 3:
        return comparisons, scale, None
    f, df1, df2, p = stats.friedman(values)
    return comparisons, scale, {"F": f, "df1": df1, "df2": df2, "p": p}


def _seen_over_all(study: Study, control: str | None, a: str, b: str) -> Seen | None:
    """Return what earlier reports have shown of two arms over all data sets."""
    others = len(study.arms) - 1
    pairs = others if control is not None else others * len(study.arms) // 2
    rule = Rule(study.unit, None, stats.ALPHA, sequential=False, comparisons=pairs)
    return study.history.seen_over_all(
        study.dataset_of, (a, b), pairs, lambda *those: by_data_set(study, *those)[0], rule.least
    )


def _counts(study: Study) -> dict[str, Any]:
    trials = study.results.trials
    status = trials["status"]
    return {
        "trials": len(trials),
        "tune": int((trials["phase"] == "tune").sum()),
        "report": int((trials["phase"] == "report").sum()),
        "tune_not_run": study.not_run.get("tuning", (0, 0))[0],
        "report_not_run": study.not_run.get("report", (0, 0))[0],
        **{name: int((status == name).sum()) for name in STATUSES},
    }


def _selection(study: Study) -> list[dict[str, Any]]:
    """Return what tuning chose, with a note where there was nothing to choose from."""
    if study.results.selection is None:
        return []
    rows = study.results.selection.to_dict("records")
    for row in rows:
        nothing = study.unchosen.get((row["problem"], row["arm"]))
        row["note"] = nothing.text if nothing else ""
        if nothing:
            row["config"] = None
    return rows


def _rules(study: Study) -> dict[str, Any]:
    """Return which search method, selection rule and stopping rule were used; null where none was."""
    experiment = study.experiment
    used = {
        "sampler": experiment.search is not None,
        "selector": study.tuned,
        "stopper": experiment.rounds is not None,
    }
    return {
        kind: experiment.chosen[kind].to_json() if asked and kind in experiment.chosen else None
        for kind, asked in used.items()
    }


def _provenance(study: Study, meta: Mapping[str, Any]) -> dict[str, Any]:
    experiment = study.experiment
    seconds = study.all_trials["train_seconds"].sum() if "train_seconds" in study.all_trials else math.nan
    return {
        "experiment_sha256": hashlib.sha256(canonical(jsonable(experiment.document)).encode()).hexdigest(),
        "overrides": list(experiment.overrides),
        "only": list(experiment.only),
        "skip": list(experiment.skip),
        "quick": bool(experiment.quick),
        "sweep_seed": experiment.sweep_seed,
        "train": train_settings(experiment),
        "split": split_settings(experiment),
        "experiment_text": experiment.text,
        "training_seconds": float(seconds),
        "environments": {
            environment_digest(text): f"{counted(count, 'trials')}: {_spelt(text)}"
            for text, count in study.results.environments.items()
        },
        "unchecked": list(study.results.unchecked),
        **dict(meta),
    }


def _spelt(environment: str) -> str:
    return ", ".join(f"{name} {fact}" for name, fact in json.loads(environment).items() if fact)
