"""The content of report.json: everything a report says, once, as plain JSON.

Schema 2, `report.schema.json` beside this file, which says of every key what it is, and when the number
changes. A number that does not exist is null, and the row's `status` says why. Every claim lies under
`comparisons` with its verdict; `answer` repeats the ones that matter as sentences.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from anncore._version import __version__
from anncore.contract.columns import parse_metric
from anncore.contract.documentation import documentation
from anncore.contract.engine_version import environment_digest
from anncore.contract.hyperparameters import Interval
from anncore.contract.trial import STATUSES, canonical
from anncore.evidence import stats
from anncore.evidence.cautions import audit, selection_gap
from anncore.evidence.frame import LEFT_OUT, NOT_CHOSEN, NOT_RUN
from anncore.evidence.headline import BLOCKED, Asked, headline, nearest
from anncore.evidence.looks import Seen
from anncore.evidence.measures import Measure, shared_rope
from anncore.evidence.pair_tests import Rule
from anncore.evidence.sentences import (
    SEEDS,
    beyond_headline,
    counted,
    joined,
    sentence,
    with_sentence,
    would_settle,
)
from anncore.evidence.study import BLOCKING, ONE_TEST, SHOWN_BEFORE, Study, blocked_arms, by_data_set
from anncore.evidence.units import agreeing, singular
from anncore.evidence.verdicts import Comparison, compare, seed_claims
from anncore.experiment.model import Rounds
from anncore.report import further, methods, tables
from anncore.report.claim import claim_content
from anncore.report.costs import cost_rows
from anncore.report.encoding import encodings_content
from anncore.report.factorial import factorial_content, factorial_findings
from anncore.report.importance import importance_content
from anncore.report.reach import looked_before, scope_content
from anncore.report.run_times import run_time_content
from anncore.report.success import success_content, success_findings
from anncore.report.suites import split_settings, suite_used, train_settings
from anncore.report.surely import levels_content, risk_content
from anncore.report.tiers import beside_content, placed, tier_content, tiers_on

SCHEMA = 2
SCHEMA_ID = f"urn:annx:report:{SCHEMA}"
MOST_SENTENCES, MOST_TALLIES = 10, 8


def build_report(results: Any, meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return the report's content; NaN is still NaN here, `plain` makes it null.

    meta: what the caller knows of the run (command, versions, machine), shown as provenance.
    """
    study = Study(results)
    content = {key: part() for key, part in parts_of(study, meta).items()}
    content["methods"] = methods.describe(content, study.experiment)
    return content


def parts_of(study: Study, meta: Mapping[str, Any]) -> dict[str, Callable[[], Any]]:
    """Return what makes each part of the content, but for the methods, by its key and in order.

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
    asked = {key: partial(_itself, value) for key, value in _asked(study).items()}
    return asked | {
        "counts": partial(_counts, study),
        "answer": partial(_answer, study, claims, overall, success, claim, factors),
        "tiers": partial(_itself, tiers),
        "beside": partial(beside_content, study, boards),
        "leaderboard": partial(_itself, {"overall": overall, "problems": boards}),
        "comparisons": partial(_comparisons, claims),
        "success": partial(_itself, success),
        "factorial": partial(_itself, factors),
        "claim": partial(_itself, claim),
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
        "figures": list,
        "not_drawn": list,
        "sections": list,
        "rules": partial(_rules, study),
        "provenance": partial(_provenance, study, meta),
    }


def _itself(value: Any) -> Any:
    return value


class _Claims(NamedTuple):
    """Every comparison: over all data sets on their common scale, and on each problem by itself."""

    over_all: list[Comparison]
    scale: str
    friedman: dict[str, Any] | None
    by_problem: dict[str, list[Comparison]]

    @property
    def deciding(self) -> list[Comparison]:
        """Those that the first sentence rests on; none of several variants speaks for the others."""
        only = next(iter(self.by_problem.values())) if len(self.by_problem) == 1 else []
        return self.over_all or only


def _claims(study: Study, ranked: list[str]) -> _Claims:
    by_problem = seed_claims(study)
    claims = _Claims(*_compare_data_sets(study, study.control), by_problem)
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
        "rounds": None if (rounds := _known_rounds(study)) is None else rounds._asdict(),
        "level": study.level,
        "scope": {problem: scope_content(scope, problem) for problem, scope in study.scopes.items()},
        "looks": list(study.history.by_hand()),
    }


def _answer(
    study: Study,
    claims: _Claims,
    overall: list[dict[str, Any]],
    success: dict[str, Any] | None,
    claim: dict[str, Any] | None,
    factors: dict[str, Any] | None,
) -> dict[str, Any]:
    """Return the answer box: the first sentence, the findings, and what to be careful about."""
    ranked = [row["arm"] for row in overall]
    pairs = max((len(comparisons) for comparisons in claims.by_problem.values()), default=0)
    labels = {measure.label for measure in study.measures.values()}
    own_answer = _own_answer(success, claim, factors)
    return {
        "headline": _headline(study, claims, overall, own_answer) + _beside(factors, success, claim),
        "findings": [
            *([{"kind": "claim", "where": "", "text": claim["sentence"]}] if claim else []),
            *factorial_findings(factors),
            *success_findings(
                success,
                _findings(claims, ranked, study.problem_unit, answered=not own_answer),
                labels.pop() if len(labels) == 1 else "score",
            ),
            *_rounds(study),
        ],
        "warnings": [warning._asdict() for warning in audit(study, pairs)],
    }


def _comparisons(claims: _Claims) -> dict[str, Any]:
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


def _headline(
    study: Study,
    claims: _Claims,
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


def _own_answer(
    success: dict[str, Any] | None, claim: dict[str, Any] | None, factors: dict[str, Any] | None
) -> str:
    """Return the sentence on rates of success, else on the claim, else on factors varied together."""
    if success is not None:
        return str(success["headline"])
    if claim is not None and claim["answer"]:
        return str(claim["answer"])
    return "" if factors is None else str(factors["headline"])


def _beside(
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


def _findings(claims: _Claims, ranked: list[str], places: str, *, answered: bool) -> list[dict[str, str]]:
    """Return the sentences of the answer box: over all, then how often an arm won on one problem alone.

    answered: whether the first sentence is about these comparisons.
    """
    deciding = claims.deciding
    undecided = [c for c in deciding if c.verdict == "undecided"]
    summed_up = undecided if len(undecided) > 2 else []
    elsewhere = [*summed_up, *(c for c in deciding if _waits(c) or c.neither_ends)]  # said once for all
    shown = [c for c in deciding if c.verdict != "too_few" and c not in elsewhere]
    if len(shown) > MOST_SENTENCES:
        shown = [c for c in shown if ranked[0] in (c.a, c.b)][:MOST_SENTENCES]
    findings: list[tuple[str, str]] = [(c.verdict, sentence(c)) for c in shown]
    if answered and len(deciding) == 1:  # the first sentence has said most of it
        findings = [(c.verdict, text) for c in shown if (text := beyond_headline(c))]
    if summed_up:
        findings.append(("undecided", _undecided(summed_up, len(deciding))))
    few = [c for c in claims.over_all if c.verdict == "too_few"]
    if few:
        findings.append(
            (
                "too_few",
                f"{few[0].n} {few[0].unit} are too few to decide {counted(len(few), 'comparisons')} over "
                f"all; {few[0].needed:.0f} would be enough to let a difference show.",
            )
        )
    if len(claims.by_problem) > 1:
        findings += [("problems", text) for text in _tally(claims.by_problem, ranked, places)]
    return [{"kind": kind, "where": "", "text": text} for kind, text in findings]


def _waits(claim: Comparison) -> bool:
    """Say whether all that blocks a claim are trials that have not run, which is said once for all."""
    return NOT_RUN in claim.reason and not any(status in claim.reason for status in (*BLOCKING, "choose"))


def _undecided(undecided: list[Comparison], total: int) -> str:
    near = nearest(undecided)
    wanted = would_settle(near)
    return (
        f"{len(undecided)} of {total} {'pair' if total == 1 else 'pairs'} of arms cannot be told apart with "
        f"{counted(near.n, near.unit)}; "
        f"nearest to a verdict are {near.a} and {near.b}"
        f"{', for which ' if wanted.endswith('needed') else ': '}{wanted}."
    )


def _known_rounds(study: Study) -> Rounds | None:
    """Return the rounds; where trials are missing, what an earlier look at all of them counted is void."""
    rounds = study.experiment.rounds
    return rounds if rounds is None or "report" not in study.not_run else rounds._replace(open=None)


def _rounds(study: Study) -> list[dict[str, str]]:
    """Say how the rounds ended, where seeds were added in rounds."""
    rounds, units, experiment = _known_rounds(study), study.unit, study.experiment
    if rounds is None or rounds.open is None:
        return []
    looks = f"{counted(len(rounds.looks), 'looks')} (at {joined([str(n) for n in rounds.looks], 10)} seeds)"
    one = singular(units)
    text = f"Every claim on a {one} is settled after {looks}."
    if rounds.open:
        open_ = f"{counted(rounds.open, 'claims')} on a {one} {agreeing(rounds.open, 'are')}"
        end = f"the limit is {counted(rounds.most, SEEDS)}"
        if rounds.looks[-1] < rounds.most and "stopper" in experiment.chosen:
            end = f"the stopping rule {experiment.chosen['stopper'].component.name} asks for no more seeds"
        text = f"{open_} still open after {looks}; {end}."
    return [{"kind": "rounds", "where": "", "text": text}]


def _tally(by_problem: dict[str, list[Comparison]], ranked: list[str], places: str) -> list[str]:
    """Say on how many problems each arm beats each other one, tested on that problem's seeds alone."""
    wins: dict[str, dict[str, int]] = {}
    decided = [c for comparisons in by_problem.values() for c in comparisons if c.verdict == "better"]
    for c in decided:
        own = wins.setdefault(c.a, {})
        own[c.b] = own.get(c.b, 0) + 1
    tested = {c.verdict for comparisons in by_problem.values() for c in comparisons}
    if not decided:
        some = tested & {"undecided", "tie", "equivalent"}
        return [f"On no {singular(places)} by itself can two arms be told apart."] if some else []
    texts = []
    for arm in [arm for arm in ranked if arm in wins][:MOST_TALLIES]:
        beaten = [f"{other} on {wins[arm][other]}" for other in ranked if other in wins[arm]]
        texts.append(f"Taken one by one, of {len(by_problem)} {places} {arm} beats {joined(beaten)}.")
    return texts


def problem_sentence(comparisons: list[Comparison]) -> str:
    """Return one sentence for one problem: who beats whom, or that no two arms can be told apart."""
    if not comparisons:
        return ""
    wins: dict[str, list[str]] = {}
    for c in comparisons:
        if c.verdict == "better":
            wins.setdefault(c.a, []).append(c.b)
    n = max(c.n for c in comparisons)
    if wins:
        ordered = sorted(wins.items(), key=lambda item: -len(item[1]))
        said = "; ".join(f"{arm} beats {joined(beaten)}" for arm, beaten in ordered)
        return f"{said} ({counted(n, SEEDS)})."
    if all(c.verdict == "too_few" for c in comparisons):
        return ""  # said once for all by the warning on seeds
    if all(c.neither_ends for c in comparisons):
        return "Every trial diverged, so nothing can be compared."
    if any(c.verdict == "blocked" and not c.neither_ends for c in comparisons):
        waiting = all(_waits(c) for c in comparisons if c.verdict == "blocked" and not c.neither_ends)
        return f"Trials {'have not run' if waiting else 'failed or have not run'}, so no claim is made."
    return f"No two arms can be told apart with {counted(n, SEEDS)}."


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
        "experiment_sha256": hashlib.sha256(canonical(_jsonable(experiment.document)).encode()).hexdigest(),
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


def _jsonable(value: Any) -> Any:
    """Turn what TOML or NumPy may hold into what JSON may: dates and unknown things become text."""
    if isinstance(value, Mapping):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, np.ndarray)):
        return [_jsonable(item) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)


def plain(value: Any) -> Any:
    """Return JSON's idea of a value: NaN and infinities become null, tuples lists."""
    return _finite(_jsonable(value))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
