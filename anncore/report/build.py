"""The content of report.json: everything a report says, once, as plain JSON.

Schema 1, `report.schema.json` beside this file, which says of every key what it is, and when the number
changes. A number that does not exist is null, and the row's `status` says why. Every claim lies under
`comparisons` with its verdict; `answer` repeats the ones that matter as sentences.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from anncore._version import __version__
from anncore.contract.engine_version import environment_digest
from anncore.contract.hyperparameters import Interval
from anncore.contract.trial import STATUSES, canonical
from anncore.evidence import stats
from anncore.evidence.cautions import audit, selection_gap
from anncore.evidence.sentences import SEEDS, about, counted, headline, joined, sentence, with_sentence
from anncore.evidence.study import Measure, Study
from anncore.evidence.units import singular
from anncore.evidence.verdicts import Comparison, compare, seed_claims
from anncore.report import further, methods, tables

SCHEMA = 1
SCHEMA_ID = f"urn:annx:report:{SCHEMA}"
MOST_SENTENCES, MOST_TALLIES = 10, 8


def build_report(results: Any, meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return the report's content; NaN is still NaN here, `plain` makes it null.

    meta: what the caller knows of the run (command, versions, machine), shown as provenance.
    """
    study = Study(results)
    boards = {problem: tables.leaderboard(study, problem) for problem in study.problems}
    overall = tables.overall(study, boards)
    by_problem = {problem: seed_claims(study, problem) for problem in study.problems}
    over_all, scale, test = _compare_data_sets(study, study.control)
    places = {row["arm"]: i for i, row in enumerate(overall)}
    for found in (over_all, *by_problem.values()):
        found.sort(key=lambda c: (places[c.a], places[c.b]))
    deciding = over_all or _only(by_problem)
    pairs = max((len(found) for found in by_problem.values()), default=0)
    experiment = study.experiment
    content = {
        "$schema": SCHEMA_ID,
        "schema": SCHEMA,
        "generator": f"annx {__version__}",
        "name": experiment.name,
        "title": experiment.title or experiment.name,
        "question": experiment.question,
        "vary": list(experiment.vary),
        "arms": list(study.arms),
        "problems": list(study.problems),
        "data_sets": study.dataset_of,
        "unit": study.unit,
        "problem_unit": study.problem_unit,
        "measures": {p: _measure(m) for p, m in study.measures.items()},
        "select": {"metric": experiment.select.metric, "goal": experiment.select.goal, "tuned": study.tuned},
        "widened": [each._asdict() for each in experiment.widened],
        "watched": _watched(study),
        "control": study.control,
        "waived": list(study.waived),
        "seeds": {"tune": list(experiment.tune_seeds), "report": list(experiment.report_seeds)},
        "rounds": None if experiment.rounds is None else experiment.rounds._asdict(),
        "level": study.level,
        "counts": _counts(study),
        "answer": {
            "headline": _headline(study, deciding, overall),
            "findings": [
                *_findings(over_all, by_problem, [row["arm"] for row in overall], study.problem_unit),
                *_rounds(experiment.rounds, study.unit),
            ],
            "warnings": [warning._asdict() for warning in audit(study, pairs)],
        },
        "leaderboard": {"overall": overall, "problems": boards},
        "comparisons": {
            "overall": [with_sentence(c) for c in over_all],
            "overall_scale": scale,
            "friedman": test,
            "problems": {p: [with_sentence(c) for c in found] for p, found in by_problem.items()},
            "sentences": {p: problem_sentence(found) for p, found in by_problem.items()},
        },
        "improvement": further.improvement(study),
        "speed": further.speed(study),
        "costs": further.costs(study),
        "sensitivity": tables.sensitivity(study),
        "budget": further.budget(study),
        "selection": _selection(results.selection),
        "selection_gap": dict(zip(("gap", "scale", "n"), selection_gap(study), strict=True)),
        "failed_trials": tables.failed_trials(study),
        "figures": [],
        "provenance": _provenance(study, meta),
    }
    content["methods"] = methods.describe(content, experiment)
    return content


def _measure(measure: Measure) -> dict[str, str]:
    return {name: getattr(measure, name) for name in ("column", "goal", "scale", "label")}


def _watched(study: Study) -> list[dict[str, Any]]:
    """Return the metrics that looked into the networks, with what their classes say of them."""
    found = []
    for name in study.experiment.train.watch:
        component = study.experiment.registry.get("metric", name)
        bounds = Interval.parse(getattr(component.cls, "bounds", "(-inf, inf)"))
        first = (inspect.getdoc(component.cls) or "").partition("\n\n")[0]
        told = {"metric": component.name, "goal": component.cls.goal, "low": bounds.low, "high": bounds.high}
        found.append({**told, "definition": " ".join(first.split())})
    return found


def _headline(study: Study, deciding: list[Comparison], overall: list[dict[str, Any]]) -> str:
    """Return the report's first sentence; where no trial finished there are no ranks to speak of."""
    totals = {name: sum(row[name] for row in overall) for name in ("ok", "diverged", "n")}
    if overall and not totals["ok"]:
        run = int((study.trials["status"] != "missing").sum())
        if not run:
            return "No trial of the report has run; there is nothing to compare yet."
        if totals["diverged"] == totals["n"]:
            return "Every trial of the report diverged; no arm can be ranked."
        return "No trial of the report finished; there is nothing to compare until they are run again."
    said = headline(study.arms, deciding, {row["arm"]: row["mean_rank"] for row in overall})
    if len(study.problems) > 1 and len(study.arms) > 1 and not deciding:
        return f"{said.rstrip('.')}; variants of one data set allow no claim over all of them."
    return said


def _only(by_problem: dict[str, list[Comparison]]) -> list[Comparison]:
    """Return the comparisons on the only problem; none of several variants speaks for the others."""
    return next(iter(by_problem.values())) if len(by_problem) == 1 else []


def _compare_data_sets(
    study: Study, control: str | None
) -> tuple[list[Comparison], str, dict[str, Any] | None]:
    """Compare over data sets; nothing where there is only one."""
    costs, scale = study.by_data_set()
    if len(costs) < 2:
        return [], scale, None
    blocked: dict[str, str] = {}
    for problem in study.problems:
        for arm, reason in study.blocked(problem).items():
            blocked.setdefault(arm, f"{reason} on {problem}")
    found = compare(costs, unit=study.unit, scale=scale, blocked=blocked, control=control)
    values = costs.to_numpy(float)
    if np.isnan(values).any() or values.shape[1] < 3:
        return found, scale, None
    f, df1, df2, p = stats.friedman(values)
    return found, scale, {"F": f, "df1": df1, "df2": df2, "p": p}


def _findings(
    over_all: list[Comparison], by_problem: dict[str, list[Comparison]], ranked: list[str], places: str
) -> list[dict[str, str]]:
    """Return the sentences of the answer box: over all, then how often an arm won on one problem alone."""
    deciding = over_all or _only(by_problem)
    open_ = [c for c in deciding if c.verdict == "undecided"]
    said = [c for c in deciding if c.verdict != "too_few" and not (c in open_ and len(open_) > 2)]
    if len(said) > MOST_SENTENCES:
        said = [c for c in said if ranked[0] in (c.a, c.b)][:MOST_SENTENCES]
    found = [{"kind": c.verdict, "where": "", "text": sentence(c)} for c in said]
    if len(open_) > 2:
        near = min(open_, key=lambda c: c.needed or math.inf)
        text = (
            f"{len(open_)} of {len(deciding)} pairs of arms cannot be told apart with {near.n} {near.unit}; "
            f"nearest to a verdict are {near.a} and {near.b}, for which about {about(near.needed)} would "
            f"be needed."
        ).replace("about more", "more")
        found.append({"kind": "undecided", "where": "", "text": text})
    few = [c for c in over_all if c.verdict == "too_few"]
    if few:
        text = (
            f"{few[0].n} {few[0].unit} are too few to decide {counted(len(few), 'comparisons')} over all; "
            f"{few[0].needed:.0f} would be enough to let a difference show."
        )
        found.append({"kind": "too_few", "where": "", "text": text})
    if len(by_problem) > 1:
        found += [
            {"kind": "problems", "where": "", "text": text} for text in _tally(by_problem, ranked, places)
        ]
    return found


def _rounds(rounds: Any, units: str) -> list[dict[str, str]]:
    """Say how the rounds ended, where seeds were added until every claim is settled."""
    if rounds is None or rounds.open is None:
        return []
    looks = f"{counted(len(rounds.looks), 'looks')} (at {joined([str(n) for n in rounds.looks], 10)} seeds)"
    one = singular(units)
    text = f"Every claim on a {one} is settled after {looks}."
    if rounds.open:
        open_ = f"{counted(rounds.open, 'claims')} on a {one} {'is' if rounds.open == 1 else 'are'}"
        text = f"{open_} still open after {looks}; the limit is {counted(rounds.most, SEEDS)}."
    return [{"kind": "rounds", "where": "", "text": text}]


def _tally(by_problem: dict[str, list[Comparison]], ranked: list[str], places: str) -> list[str]:
    """Say on how many problems each arm beats each other one, tested on that problem's seeds alone."""
    wins: dict[str, dict[str, int]] = {}
    decided = [c for found in by_problem.values() for c in found if c.verdict == "better"]
    for c in decided:
        own = wins.setdefault(c.a, {})
        own[c.b] = own.get(c.b, 0) + 1
    tested = {c.verdict for found in by_problem.values() for c in found}
    if not decided:
        some = tested & {"undecided", "tie", "equivalent"}
        return [f"On no {singular(places)} by itself can two arms be told apart."] if some else []
    texts = []
    for arm in [arm for arm in ranked if arm in wins][:MOST_TALLIES]:
        beaten = [f"{other} on {wins[arm][other]}" for other in ranked if other in wins[arm]]
        texts.append(f"Taken one by one, of {len(by_problem)} {places} {arm} beats {joined(beaten)}.")
    return texts


def problem_sentence(comparisons: list[Comparison]) -> str:
    """Return one sentence for one problem: who beats whom, or that nobody is told apart."""
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
    if any(c.verdict == "blocked" for c in comparisons):
        return "Trials failed or are missing, so no claim is made."
    return f"No two arms can be told apart with {counted(n, SEEDS)}."


def _counts(study: Study) -> dict[str, Any]:
    trials = study.results.trials
    status = trials["status"]
    return {
        "trials": len(trials),
        "tune": int((trials["phase"] == "tune").sum()),
        "report": int((trials["phase"] == "report").sum()),
        **{name: int((status == name).sum()) for name in STATUSES},
    }


def _selection(selection: Any) -> list[dict[str, Any]]:
    return [] if selection is None else selection.to_dict("records")


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
        "train": experiment.train.to_json(),
        "split": asdict(experiment.split),
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
