"""`annx verify`: finished trials are computed again, a few at random; what comes out otherwise is named.

A trial is computed alone, by its description, in this process's environment. Where that is the environment
which its numbers come from (`numeric_environment`: the processor's kernels, BLAS, NumPy, SciPy, Python, the C
library), every bit must be the same. Elsewhere last digits may differ, and training can enlarge them: there
the metrics at the end must agree within a tolerance, and what lies between is not compared.
"""

from __future__ import annotations

import dataclasses
import json
import math
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from anncore.contract.engine_version import engine_version, numeric_environment
from anncore.contract.errors import AnnxError, StoreError
from anncore.contract.kinds import Executor, Lost
from anncore.contract.registry import HOME, Registry
from anncore.contract.stand_ins import StandIn
from anncore.contract.trial import Phase, PlannedRow, Status, Trial, TrialResult
from anncore.experiment.model import Experiment
from anncore.experiment.plan import Plan
from anncore.running.run_folder import RunFolder
from anncore.running.store import Store
from anncore.running.sweep import cores, find_executor
from anncore.running.trial_runs import Crew, outcomes
from anncore.running.worker import Task, Work

TOLERANCE = 0.01
SAMPLE = 50
DIGITS = 12  # of a run key, in what people read
REPEATABLE = ("ok", "diverged")
"""What a trial of the same description comes to again; others may have failed for a machine's reasons."""

Sameness = Literal["bits", "tolerance", "other"]


class Kept(NamedTuple):
    """A finished trial as it is kept somewhere, and the trial that computes it again.

    numbers: the metrics at the end, and between what was recorded ("train_loss at step 50"). engine: what
    `Trial.engine` was. environment: "" where it is unknown. trial: None where it cannot be computed here, for
    the reason in `why`. Beside a trial, `why` says that it may be another one; then other numbers prove
    nothing.
    """

    row: PlannedRow
    status: Status
    metrics: Mapping[str, float]
    curves: Mapping[str, float]
    engine: str
    environment: str
    trial: Trial | None
    why: str = ""


@dataclass(frozen=True)
class Checked:
    """A trial that was computed again.

    sameness: "bits" where every number is the same, "tolerance" where it comes from another environment and
    the metrics at the end agree, else "other". what, kept, again: the first number that differs, as it was
    kept and as it is now; of a status, the texts. more: how many other numbers differ.
    """

    row: PlannedRow
    elsewhere: bool
    sameness: Sameness
    what: str = ""
    kept: float | str = ""
    again: float | str = ""
    more: int = 0


@dataclass(frozen=True)
class Verified:
    """What came of it.

    finished: the trials that could be drawn. left: trials that have no number to compare, by status. checked:
    those that were computed again. unchecked: those that were drawn and could not be, with the reason.
    """

    finished: int
    left: Mapping[str, int]
    seed: int
    tolerance: float
    checked: tuple[Checked, ...]
    unchecked: tuple[tuple[PlannedRow, str], ...]

    def count(self, sameness: Sameness) -> int:
        """Return how many trials came out so."""
        return sum(one.sameness == sameness for one in self.checked)


class Source(NamedTuple):
    """Where finished trials are kept: their rows, how the others ended, and how drawn rows are read."""

    rows: Sequence[PlannedRow]
    left: Mapping[str, int]
    read: Callable[[Sequence[PlannedRow]], list[Kept]]
    registry: Registry


def verify(
    source: Source,
    *,
    sample: int = SAMPLE,
    seed: int | None = None,
    tolerance: float = TOLERANCE,
    jobs: int | None = None,
    executor: str | Executor | None = None,
) -> Verified:
    """Compute a random sample of finished trials again, each alone, and compare.

    sample: how many trials; where there are fewer, all. seed: which ones; by default drawn, and returned.
    tolerance: the largest relative difference of a metric at the end whose trial ran in another environment.
    jobs: worker processes, by default one per core. executor: what runs them, by default the installed
    default. Raises StoreError where nothing is finished.
    """
    if not source.rows:
        gone = ", ".join(f"{count} {status}" for status, count in source.left.items())
        error = StoreError(f"no trial is finished{f' ({gone})' if gone else ''}; there is nothing to verify.")
        error.exit_code = 5
        raise error
    seed = int(np.random.default_rng().integers(2**31)) if seed is None else seed
    count = min(sample, len(source.rows))
    places = np.random.default_rng(seed).choice(len(source.rows), size=count, replace=False)
    kept = source.read([source.rows[place] for place in sorted(places)])
    unchecked = [(one.row, one.why) for one in kept if one.trial is None]
    registry = source.registry
    crew = Crew(find_executor(executor, registry), Work(_loadable(registry.files), registry), jobs or cores())
    computed = _computed([one.trial for one in kept if one.trial is not None], crew)
    checked = []
    for one in kept:
        result = None if one.trial is None else computed[one.trial.key]
        if isinstance(result, TrialResult):
            if result.status in REPEATABLE:
                outcome = _compared(one, result, tolerance)
                if one.why and outcome.sameness == "other":
                    unchecked.append((one.row, one.why))
                else:
                    checked.append(outcome)
            else:
                unchecked.append((one.row, f"it {result.status} here: {_last_line(result.error)}"))
        elif result is not None:
            unchecked.append((one.row, f"it was lost here ({result.status}): {result.reason}"))
    return Verified(len(source.rows), source.left, seed, tolerance, tuple(checked), tuple(unchecked))


def _loadable(files: Iterable[str]) -> tuple[str, ...]:
    """Return the plugin files that are there; of two with one name, the first, which has been loaded."""
    by_name: dict[str, str] = {}
    for file in files:
        if Path(file).is_file():
            by_name.setdefault(Path(file).stem, file)
    return tuple(by_name.values())


def _last_line(error: str) -> str:
    return error.strip().rpartition("\n")[2]


def _computed(trials: Sequence[Trial], crew: Crew) -> dict[str, TrialResult | Lost]:
    """Return each trial's result by key, or how it was lost."""
    results: dict[str, TrialResult | Lost] = {}
    for task, outcome in outcomes(crew, [Task((trial,)) for trial in {t.key: t for t in trials}.values()]):
        results[task.trials[0].key] = outcome if isinstance(outcome, Lost) else outcome[0]
    return results


def _compared(kept: Kept, again: TrialResult, tolerance: float) -> Checked:
    """Compare a trial as it is kept with what it comes to now."""
    here = (engine_version(), numeric_environment())
    elsewhere = (kept.engine, kept.environment) != here
    pairs = _differing(kept.metrics, {name: again.metrics.get(name) for name in kept.metrics})
    if kept.curves:
        pairs += _differing(kept.curves, flat(again))
    if kept.status != again.status:
        return Checked(kept.row, elsewhere, "other", "status", kept.status, again.status, len(pairs))
    if not pairs:
        return Checked(kept.row, elsewhere, "bits")
    if elsewhere:
        far = [pair for pair in pairs if pair[0] in kept.metrics and not _near(*pair[1:], tolerance)]
        if not far:
            return Checked(kept.row, elsewhere, "tolerance")
        pairs = far
    what, before, now = pairs[0]
    return Checked(kept.row, elsewhere, "other", what, before, now, len(pairs) - 1)


def flat(result: TrialResult) -> dict[str, float]:
    """Return what a trial recorded on its way, by name and step."""
    return {
        f"{name} at step {step}": value
        for name, values in result.curves.items()
        for step, value in zip(result.steps, values, strict=True)
    }


def _differing(
    kept: Mapping[str, float], again: Mapping[str, float | None]
) -> list[tuple[str, float, float]]:
    """Return the numbers whose bits differ; NaN stands for one that is not there."""
    pairs = []
    for name in {**kept, **again}:
        before, now = (math.nan if one is None else one for one in (kept.get(name), again.get(name)))
        if struct.pack("<d", before) != struct.pack("<d", now) and not (before != before and now != now):
            pairs.append((name, before, now))
    return pairs


def _near(before: float, now: float, tolerance: float) -> bool:
    return abs(before - now) <= tolerance * max(abs(before), abs(now))


# A run folder


def run_folder_source(folder: RunFolder, store: Store, plugins: Sequence[str | Path] = ()) -> Source:
    """Return the finished trials of a run folder, whose store is open, with the plugins of some files."""
    experiment, phases = folder.experiment(plugins=plugins), ("tune", "report")
    planned: dict[str, PlannedRow] = {}
    for phase in phases:
        for row in store.planned(phase):  # type: ignore[arg-type]
            planned.setdefault(row.key, row)
    statuses = store.statuses(planned)
    left: dict[str, int] = {}
    for key in planned:
        status = statuses.get(key, "not run")
        if status not in REPEATABLE:
            left[status] = left.get(status, 0) + 1
    rows = [row for key, row in planned.items() if statuses.get(key) in REPEATABLE]

    def read(drawn: Sequence[PlannedRow]) -> list[Kept]:
        again = Again(experiment, Plan(experiment, folder.shapes()), drawn)
        keys = [row.key for row in drawn]
        results, texts = {one.key: one for one in store.results(keys)}, store.descriptions(keys)
        return [_kept(row, results[row.key], texts[row.key], again) for row in drawn]

    return Source(rows, left, read, experiment.registry)


def _kept(row: PlannedRow, result: TrialResult, description: Mapping[str, Any], again: Again) -> Kept:
    trial, why = again.trial(row, description)
    metrics, engine = dict(result.metrics), str(description.get("engine"))
    return Kept(row, result.status, metrics, flat(result), engine, result.environment, trial, why)


Place = tuple[Phase, str, str, str, int]


class Again:
    """The trials of a plan by their places in it, to be computed again; only those that are wanted."""

    def __init__(self, experiment: Experiment, plan: Plan, wanted: Iterable[PlannedRow]) -> None:
        self._registry = experiment.registry
        self._trials: dict[Place, Trial] = {}
        self._problem = ""
        places = {_place(row) for row in wanted}
        configs = {(phase, *rest[:3]) for phase, *rest in places}
        chosen = {
            (str(problem), str(arm)): str(config)
            for phase, problem, arm, config in configs
            if phase == "report"
        }
        try:
            for trial in _planned(plan, chosen):
                if _place(trial) in places:
                    self._trials[_place(trial)] = trial
        except AnnxError as error:
            self._problem = str(error)

    def trial(self, row: PlannedRow, description: Mapping[str, Any]) -> tuple[Trial | None, str]:
        """Return the trial that computes a row again; None and the reason where it is not the same trial.

        description: of the trial that was run; where only its run key is known, {}.
        """
        trial = self._trials.get(_place(row))
        if trial is None:
            return None, self._problem or "the experiment, read again, has no such trial"
        for part in _all_parts(trial):
            if issubclass(self._registry.get(part["kind"], part["name"]).cls, StandIn):
                return None, f"{part['kind']} {part['name']} is not installed any more"
        if not description:
            return trial, ""
        curves = tuple(description["train"].get("curves", ()))
        trial = dataclasses.replace(trial, train=dataclasses.replace(trial.train, curves=curves))
        why = difference(description, json.loads(trial.text))
        return (None, why) if why else (trial, "")


def _planned(plan: Plan, chosen: Mapping[tuple[str, str], str]) -> Iterator[Trial]:
    yield from plan.tune()
    yield from plan.report(chosen)


def _place(row: PlannedRow | Trial) -> Place:
    return row.phase, row.problem, row.arm, row.config, row.seed


def _all_parts(trial: Trial) -> Iterator[dict[str, Any]]:
    for part in json.loads(trial.text)["parts"].values():
        yield from _inside(part)


def _inside(part: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield part
    for inner_parts in part["refs"].values():
        for inner in inner_parts:
            yield from _inside(inner)


def difference(then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Say what of a trial's description is not what it was; "" where numbers may be compared.

    Other versions of NumPy and SciPy are another environment, no other trial. A hyperparameter that is new
    since then has its default, with which a component must give the numbers that it gave without it.
    """
    numbers = [str(one["engine"]).partition(",")[0] for one in (then, now)]
    if numbers[0] != numbers[1]:
        return f"it was computed by annx's {numbers[0]}, and here are {numbers[1]}"
    if set(then["parts"]) != set(now["parts"]):
        return f"its parts were {', '.join(then['parts'])} and are {', '.join(now['parts'])}"
    for kind, part in then["parts"].items():
        before, after = list(_inside(part)), list(_inside(now["parts"][kind]))
        reasons = [_part_difference(*pair) for pair in zip(before, after, strict=False)]
        if any(reasons):
            return next(filter(None, reasons))
        if len(before) != len(after):
            return f"its {kind} refers to {len(before) - 1} components and now to {len(after) - 1}"
    rest = [name for name in ("train", "split", "sweep_seed", "seed", "test") if then[name] != now[name]]
    return f"its {', '.join(rest)} is not what it was" if rest else ""


def _part_difference(then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Say what of one component is not what it was."""
    if (then["kind"], then["name"]) != (now["kind"], now["name"]):
        return f"its {then['kind']} was {then['name']} and is {now['name']}"
    if then["code"] != now["code"] and not then["name"].startswith(f"{HOME}:"):
        return f"{then['kind']} {then['name']} was {then['code']} and is {now['code']} here"
    before, after = then["params"], now["params"]
    names = [name for name in before if name not in after or before[name] != after[name]]
    return f"{then['kind']} {then['name']} has another {', '.join(names)} here" if names else ""
