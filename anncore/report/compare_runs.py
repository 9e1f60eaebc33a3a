"""Two run folders side by side: what changed in what went in, in the scores, and in what may be said."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from anncore.contract.errors import StoreError
from anncore.contract.trial import Phase
from anncore.evidence import stats
from anncore.evidence.study import Measure, Study
from anncore.report.build import build_report, plain
from anncore.running.run_folder import RunFolder, load_run

if TYPE_CHECKING:
    from anncore.evidence.results import Results

SCHEMA = 1
RESOLVED = ("train", "split", "seeds", "select")  # tables of the file that are told with their defaults
READING = ("overrides", "only", "skip", "quick", "plugin_files")
TOLD: tuple[Phase, ...] = ("tune", "report")


class Run(NamedTuple):
    """One of the two: its folder, results and study, and what env.json says."""

    folder: Path
    results: Results
    study: Study
    environment: Mapping[str, Any]


def compare_runs(a: str | Path, b: str | Path) -> dict[str, Any]:
    """Return what changed from run folder `a` to run folder `b`, as plain JSON.

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
    Raises StoreError where a folder holds no run, or none of its report trials has a result.
    """
    runs = [_read(folder) for folder in (a, b)]
    reports = [build_report(run.results, {}) for run in runs]
    first, second = runs
    return plain(
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


def _read(folder: str | Path) -> Run:
    results = load_run(folder, curves=False)
    if not (results.trials["phase"] == "report").any():
        raise StoreError(
            f"{folder} has no report trials yet; let 'annx sweep' go on, the same command resumes."
        )
    return Run(Path(folder), results, Study(results), RunFolder(folder).environment())


def _about(run: Run) -> dict[str, Any]:
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


def _changed(first: Run, second: Run) -> list[dict[str, Any]]:
    found = []
    for where, tell in (("experiment", _experiment), ("reading", _reading), ("environment", _environment)):
        one, other = dict(_flat(tell(first))), dict(_flat(tell(second)))
        for key in dict.fromkeys([*one, *other]):
            if one.get(key) != other.get(key):
                found.append({"where": where, "key": key, "a": one.get(key), "b": other.get(key)})
    return found


def _experiment(run: Run) -> dict[str, Any]:
    """Return the file's tables, those that have defaults with their defaults filled in."""
    experiment = run.results.experiment
    own = {key: value for key, value in experiment.document.items() if key not in RESOLVED}
    seeds = {"tune": experiment.tune_seeds, "report": experiment.report_seeds, "sweep": experiment.sweep_seed}
    return {
        **own,
        "train": experiment.train.to_json(),
        "split": asdict(experiment.split),
        "seeds": seeds,
        "select": experiment.select._asdict(),
    }


def _reading(run: Run) -> dict[str, Any]:
    return {
        name: list(each) if not isinstance(each := getattr(run.results.experiment, name), bool) else each
        for name in READING
    }


def _environment(run: Run) -> dict[str, Any]:
    return {key: value for key, value in run.environment.items() if key != "command"}


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted key, value) of nested tables; an empty table is a value, as it may name a component."""
    if isinstance(value, Mapping) and (value or not path):
        for key, each in value.items():
            yield from _flat(each, f"{path}.{key}" if path else str(key))
    else:
        yield path, list(value) if isinstance(value, tuple) else value


# ---------------------------------------------------------------- trials and scores


def _trials(first: Run, second: Run) -> dict[str, int]:
    """Count run keys; equal keys mean equal numbers, so a shared one that differs is worth a look."""
    frames = [run.results.trials.drop_duplicates("key").set_index("key") for run in (first, second)]
    shared = frames[0].index.intersection(frames[1].index)
    one, other = (frame.loc[shared] for frame in frames)
    names = [name for name in one if str(name).startswith(("train_", "valid_", "test_")) and name in other]
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
    rows, gaps_of = [], []
    for problem in (problem for problem in a.problems if problem in b.problems):
        for arm in (arm for arm in a.arms if arm in b.arms):
            row, gaps = _score(a, b, problem, arm)
            rows.append(row)
            gaps_of.append(gaps)
    tested = [i for i, gaps in enumerate(gaps_of) if gaps is not None]
    adjusted = stats.holm([stats.wilcoxon(gaps_of[i]) for i in tested])
    fewest = stats.pairs_needed(len(tested))
    for i, p in zip(tested, adjusted, strict=True):
        rows[i].update(_verdict(gaps_of[i], float(p), fewest))
    return rows


def _score(a: Study, b: Study, problem: str, arm: str) -> tuple[dict[str, Any], Any]:
    """Return a row without its verdict, and the paired differences; None where there is nothing to test."""
    measures = [study.measures[problem] for study in (a, b)]
    row: dict[str, Any] = {
        "problem": problem,
        "arm": arm,
        "measure": measures[0].label,
        "scale": measures[0].scale,
        "a": _mean(a, problem, arm),
        "b": _mean(b, problem, arm),
        **dict.fromkeys(("effect", "low", "high"), math.nan),
        "n": 0,
        "p": None,
        "verdict": "unlike",
        "reason": "",
    }
    # Whether all values are positive decides between two scales of one measure; both can be linear.
    if any((m.column, m.goal) != (measures[0].column, measures[0].goal) for m in measures):
        row["reason"] = f"{measures[0].label} in the first, {measures[1].label} in the second"
        return row, None
    scale = measures[0].scale if measures[0].scale == measures[1].scale else "linear"
    row["scale"] = scale
    reasons = [study.blocked(problem)[arm] for study in (a, b) if arm in study.blocked(problem)]
    if reasons:
        row.update(verdict="blocked", reason="; ".join(reasons))
        return row, None
    measure = Measure(measures[0].column, measures[0].goal, scale)
    before, after = _paired(*(_costs(study, problem, arm, measure) for study in (a, b)))
    return row, stats.differences(after, before)


def _mean(study: Study, problem: str, arm: str) -> dict[str, Any]:
    from anncore.evidence.arms import summary

    measure = study.measures[problem]
    got = summary(study.values(problem)[arm], study.statuses(problem)[arm], measure.goal, measure.scale)
    return {name: getattr(got, name) for name in ("mean", "low", "high", "n", "ok", "diverged", "lost")}


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


def _verdict(gaps: Any, p: float, fewest: int) -> dict[str, Any]:
    """Return effect, interval, p and verdict of differences that are positive where b is better."""
    gaps = gaps[~np.isnan(gaps)]
    estimate = stats.pseudomedian(gaps) if np.isinf(gaps).any() else stats.mean_interval(gaps)
    if len(gaps) and not gaps.any():
        verdict = "equal"
    elif len(gaps) < fewest:
        verdict = "too_few"
    elif p > stats.ALPHA:
        verdict = "undecided"
    else:
        verdict = "better" if stats.pseudomedian(gaps).value > 0 else "worse"
    told = p if verdict in ("better", "worse", "undecided", "equal") else None
    ends = {"effect": estimate.value, "low": estimate.low, "high": estimate.high}
    return {**ends, "n": len(gaps), "p": told, "verdict": verdict}


# ---------------------------------------------------------------- findings


def _findings(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[dict[str, Any]]:
    one, other = _by_pair(a), _by_pair(b)
    found = []
    for place in [place for place in one if place in other]:
        before, after = one[place], other[place]
        found.append(
            {
                "where": place[0],
                "arms": list(place[1]),
                "a": _told(before),
                "b": _told(after),
                "changed": _claim(before) != _claim(after),
            }
        )
    return found


def _by_pair(report: Mapping[str, Any]) -> dict[tuple[str, Sequence[str]], Mapping[str, Any]]:
    """Return a report's comparisons by problem and pair of arms, in the order in which it ranks them."""
    found: dict[tuple[str, Sequence[str]], Mapping[str, Any]] = {}
    for comparisons in ([report["comparisons"]["overall"]], report["comparisons"]["problems"].values()):
        for each in comparisons:
            for c in each:
                found[c["where"], tuple(sorted((c["a"], c["b"])))] = c
    return found


def _told(c: Mapping[str, Any]) -> dict[str, Any]:
    names = ("a", "b", "verdict", "n", "effect", "low", "high", "scale", "p", "needed", "sentence")
    return {{"a": "ahead", "b": "behind"}.get(name, name): c[name] for name in names}


def _claim(c: Mapping[str, Any]) -> tuple[str, str]:
    return c["verdict"], c["a"] if c["verdict"] == "better" else ""
