"""Two run folders side by side: what changed in what went in, in the scores, and in what may be said."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from anncore.contract.columns import SPLITS, parse_metric
from anncore.contract.errors import StoreError, tells_users
from anncore.contract.registry import Registry
from anncore.contract.shown import Shown, listed
from anncore.contract.trial import Phase
from anncore.evidence.measures import Measure
from anncore.evidence.results import Results
from anncore.evidence.study import Study, blocked_arms
from anncore.evidence.verdicts import Comparison, Pair, judge
from anncore.report.build import build_report
from anncore.report.json_values import plain
from anncore.report.suites import split_settings, train_settings
from anncore.running.run_folder import RunFolder, load_run

SCHEMA = 1
RESOLVED = ("train", "split", "seeds", "select")  # tables of the file that are told with their defaults
READING = ("overrides", "only", "skip", "quick", "plugin_files")
TOLD: tuple[Phase, ...] = ("tune", "report")


class Side(NamedTuple):
    """One of the two: its folder, results and study, and what env.json says."""

    folder: Path
    results: Results
    study: Study
    environment: Mapping[str, Any]


class Compared(dict[str, Any], Shown):
    """What `compare_runs` returns: plain JSON, which shows itself by what it holds."""

    __repr__ = Shown.__repr__

    def _facts(self) -> dict[str, object]:
        trials, changed = self["trials"], [row for row in self["findings"] if row["changed"]]
        return {
            "a": self["a"]["folder"],
            "b": self["b"]["folder"],
            "inputs that differ": listed(row["key"] for row in self["inputs"]) or "none",
            "trials": f"{trials['shared']} in both, {trials['same']} of them the same to the last digit",
            "findings that changed": f"{len(changed)} of {len(self['findings'])}",
        }


@tells_users
def compare_runs(
    a: str | os.PathLike[str],
    b: str | os.PathLike[str],
    *,
    on_registry: Callable[[Registry], None] | None = None,
) -> dict[str, Any]:
    """Return what changed from run folder `a` to run folder `b`, as plain JSON; either may be a `Run`.

    inputs     every setting, file option, version or machine fact that differs: where, key, a, b
    trials     how many run keys both have, how many of these came out the same to the last digit
    scores     per problem and arm that both report: either's mean with its interval, and the change from a
               to b with its interval, p-value (Holm over all rows) and verdict: better, worse, undecided,
               equal, too_few, blocked, or unlike where the two measure different things
    findings   per problem ("" over all data sets) and pair of arms: what either report says, and whether it
               is another verdict or another winner
    only_a, only_b    arms and problems that the other one lacks
    headlines  the first sentence of either report

    Trials are paired by seed where both have it, and the rest in the order of their seeds: the same seed saw
    the same data and initial weights unless these were changed, and a pairing of independent trials is as
    good as any other. The effect is the paired difference on the measure's scale, positive where b is better.
    on_registry: called with the registry that each folder is read with, whose stand-ins tell what is gone.
    Raises StoreError where a folder holds no run, or none of its report trials has a result.
    """
    runs = [_read(folder) for folder in (a, b)]
    if on_registry is not None:
        for run in runs:
            on_registry(run.results.experiment.registry)
    reports = [build_report(run.results, {}) for run in runs]
    first, second = runs
    content = plain(
        {
            "schema": SCHEMA,
            "a": _about(first),
            "b": _about(second),
            "inputs": _changed(first, second),
            "trials": _trials(first, second),
            "scores": _scores(first.study, second.study),
            "findings": _findings(*reports),
            "only_a": _lacking(first.study, second.study),
            "only_b": _lacking(second.study, first.study),
            "headlines": [report["answer"]["headline"] for report in reports],
        }
    )
    return Compared(content)


def _read(folder: str | os.PathLike[str]) -> Side:
    results = folder if isinstance(folder, Results) else load_run(folder, curves=False)
    if not (results.trials["phase"] == "report").any():
        raise StoreError(
            f"{folder} has no report trials yet; let 'annx sweep' go on, the same command resumes."
        )
    return Side(Path(folder), results, Study(results), RunFolder(folder).environment())


def _about(run: Side) -> dict[str, Any]:
    phases = run.results.trials["phase"]
    return {
        "folder": str(run.folder),
        "name": run.results.experiment.name,
        "title": run.results.experiment.title,
        "unit": run.study.unit,
        "command": run.environment.get("command", ""),
        **{phase: int((phases == phase).sum()) for phase in TOLD},
        "missing": run.results.missing,
    }


# ---------------------------------------------------------------- inputs


def _changed(first: Side, second: Side) -> list[dict[str, Any]]:
    changes = []
    for where, tell in (("experiment", _experiment), ("reading", _reading), ("environment", _environment)):
        one, other = dict(_flat(tell(first))), dict(_flat(tell(second)))
        for key in dict.fromkeys([*one, *other]):
            if one.get(key) != other.get(key):
                changes.append({"where": where, "key": key, "a": one.get(key), "b": other.get(key)})
    return changes


def _experiment(run: Side) -> dict[str, Any]:
    """Return the file's tables, those that have defaults with their defaults filled in."""
    experiment = run.results.experiment
    own = {key: value for key, value in experiment.document.items() if key not in RESOLVED}
    seeds = {"tune": experiment.tune_seeds, "report": experiment.report_seeds, "sweep": experiment.sweep_seed}
    return {
        **own,
        "train": train_settings(experiment),
        "split": split_settings(experiment),
        "seeds": seeds,
        "select": experiment.select._asdict(),
    }


def _reading(run: Side) -> dict[str, Any]:
    return {
        name: list(option)
        if not isinstance(option := getattr(run.results.experiment, name), bool)
        else option
        for name in READING
    }


def _environment(run: Side) -> dict[str, Any]:
    return {key: value for key, value in run.environment.items() if key != "command"}


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted key, value) of nested tables; an empty table is a value, as it may name a component."""
    if isinstance(value, Mapping) and (value or not path):
        for key, item in value.items():
            yield from _flat(item, f"{path}.{key}" if path else str(key))
    else:
        yield path, list(value) if isinstance(value, tuple) else value


# ---------------------------------------------------------------- trials and scores


def _trials(first: Side, second: Side) -> dict[str, int]:
    """Count run keys; equal keys mean equal numbers, so a shared one that differs is worth a look."""
    frames = [run.results.trials.drop_duplicates("key").set_index("key") for run in (first, second)]
    shared = frames[0].index.intersection(frames[1].index)
    one, other = (frame.loc[shared] for frame in frames)
    names = [name for name in map(str, one) if parse_metric(name)[0] in SPLITS and name in other]
    names = [name for name in names if not str(name).endswith("_seconds")]
    x, y = one[names].to_numpy(float), other[names].to_numpy(float)
    same = ((x == y) | (np.isnan(x) & np.isnan(y))).all(axis=1)
    same &= (one["status"] == other["status"]).to_numpy(bool)
    return {
        "a": len(frames[0]),
        "b": len(frames[1]),
        "shared": len(shared),
        "same": int(same.sum()),
    }


def _lacking(one: Study, other: Study) -> dict[str, list[str]]:
    """Return the arms and problems of one study that the other does not have."""
    return {
        "arms": [arm for arm in one.arms if arm not in other.arms],
        "problems": [problem for problem in one.problems if problem not in other.problems],
    }


def _scores(a: Study, b: Study) -> list[dict[str, Any]]:
    shared = [
        (problem, arm)
        for problem in (problem for problem in a.problems if problem in b.problems)
        for arm in (arm for arm in a.arms if arm in b.arms)
    ]
    rows = [_row(a, b, problem, arm) for problem, arm in shared]
    pairs = {place: _pair(a, b, row) for place, row in enumerate(rows) if row["verdict"] == "too_few"}
    for place, claim in zip(pairs, judge(list(pairs.values())), strict=True):
        rows[place].update(_verdict(claim))
    return rows


def _row(a: Study, b: Study, problem: str, arm: str) -> dict[str, Any]:
    """Return a row before its pairs are judged; a verdict other than too_few stands."""
    measures = [study.measures[problem] for study in (a, b)]
    same = measures[0].scale == measures[1].scale
    row: dict[str, Any] = {
        "problem": problem,
        "arm": arm,
        "measure": measures[0].label,
        # Whether all values are positive decides between two scales of one measure; both can be linear.
        "scale": measures[0].scale if same else "linear",
        "a": _mean(a, problem, arm),
        "b": _mean(b, problem, arm),
        **dict.fromkeys(("effect", "low", "high"), math.nan),
        "n": 0,
        "at_floor": 0,
        "p": None,
        "verdict": "too_few",
        "reason": "",
    }
    if any((m.column, m.goal) != (measures[0].column, measures[0].goal) for m in measures):
        reason = f"{measures[0].label} in the first, {measures[1].label} in the second"
        return {**row, "scale": measures[0].scale, "verdict": "unlike", "reason": reason}
    reasons = [blocked_arms(study, problem)[arm] for study in (a, b) if arm in blocked_arms(study, problem)]
    if reasons:
        return {**row, "verdict": "blocked", "reason": "; ".join(reasons)}
    return row


def _pair(a: Study, b: Study, row: Mapping[str, Any]) -> Pair:
    problem, arm, measure = row["problem"], row["arm"], a.measures[row["problem"]]
    shared = replace(measure, scale=row["scale"])
    before, after = _paired(*(_costs(study, problem, arm, shared) for study in (a, b)))
    floor = math.log(measure.floor) if measure.floor and row["scale"] == "log" else -math.inf
    return Pair(problem, "a", "b", np.array(before), np.array(after), row["scale"], floor=floor)


def _mean(study: Study, problem: str, arm: str) -> dict[str, Any]:
    from anncore.evidence.arms import summary

    measure = study.measures[problem]
    of_seeds = study.values(problem)[arm], study.statuses(problem)[arm]
    one = summary(*of_seeds, measure.goal, measure.scale)
    return {name: getattr(one, name) for name in ("mean", "low", "high", "n", "ok", "diverged", "lost")}


def _costs(study: Study, problem: str, arm: str, measure: Measure) -> dict[int, float]:
    """Return costs by seed on a scale that may be coarser than the study's own."""
    values = measure.cost(study.values(problem)[arm].astype(float))
    statuses = study.statuses(problem)[arm]
    costs = np.where(statuses == "diverged", math.inf, np.where(statuses == "ok", values, math.nan))
    return dict(zip(study.seeds, costs, strict=True))


def _paired(a: Mapping[int, float], b: Mapping[int, float]) -> tuple[list[float], list[float]]:
    shared = [seed for seed in a if seed in b]
    rest = zip([seed for seed in a if seed not in b], [seed for seed in b if seed not in a], strict=False)
    pairs = [*((a[seed], b[seed]) for seed in shared), *((a[one], b[other]) for one, other in rest)]
    return [x for x, _ in pairs], [y for _, y in pairs]


def _verdict(claim: Comparison) -> dict[str, Any]:
    """Return a claim as a row says it: effect and interval are positive where the second run is better."""
    forward = claim.a == "b"
    ends = (claim.low, claim.high) if forward else (-claim.high, -claim.low)
    words = {
        "tie": "equal",
        "better": "better" if forward else "worse",
        "typical": "typically_better" if forward else "typically_worse",
    }
    return {
        "effect": claim.effect if forward else -claim.effect,
        "low": ends[0],
        "high": ends[1],
        "n": claim.n,
        "at_floor": claim.at_floor,
        "p": claim.p,
        "verdict": words.get(claim.verdict, claim.verdict),
    }


# ---------------------------------------------------------------- findings


def _findings(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[dict[str, Any]]:
    one, other = _by_pair(a), _by_pair(b)
    findings = []
    for place in [place for place in one if place in other]:
        before, after = one[place], other[place]
        findings.append(
            {
                "where": place[0],
                "arms": list(place[1]),
                "a": _told(before),
                "b": _told(after),
                "changed": _claim(before) != _claim(after),
            }
        )
    return findings


def _by_pair(report: Mapping[str, Any]) -> dict[tuple[str, Sequence[str]], Mapping[str, Any]]:
    """Return a report's comparisons by problem and pair of arms, in the order in which it ranks them."""
    by_pair: dict[tuple[str, Sequence[str]], Mapping[str, Any]] = {}
    for comparisons in ([report["comparisons"]["overall"]], report["comparisons"]["problems"].values()):
        for table in comparisons:
            for c in table:
                by_pair[c["where"], tuple(sorted((c["a"], c["b"])))] = c
    return by_pair


def _told(c: Mapping[str, Any]) -> dict[str, Any]:
    names = (
        "a",
        "b",
        "verdict",
        "n",
        "at_floor",
        "effect",
        "low",
        "high",
        "scale",
        "p",
        "needed",
        "sentence",
    )
    return {{"a": "ahead", "b": "behind"}.get(name, name): c[name] for name in names}


def _claim(c: Mapping[str, Any]) -> tuple[str, str]:
    return c["verdict"], c["a"] if c["verdict"] == "better" else ""
