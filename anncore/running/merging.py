"""Run folders of one experiment, made on different machines or as shards, joined to one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, NamedTuple

from anncore.contract.errors import StoreError, tells_users
from anncore.contract.trial import Phase, PlannedRow, TrialResult
from anncore.evidence.results import Results
from anncore.experiment.plan import Plan
from anncore.running.collect import collect
from anncore.running.float_blobs import pack_floats
from anncore.running.looks import join, remembered
from anncore.running.own_folders import is_own
from anncore.running.run_folder import RunFolder
from anncore.running.store import Store
from anncore.running.stored_plan import read_plan

UNSOUND = ("failed", "timeout", "crashed")
PHASES: tuple[Phase, ...] = ("tune", "report")
UNKNOWN = "a machine that is not known"
CHUNK = 500  # results of two stores in memory at once
AGREED = {
    "experiment_sha256": "another experiment file",
    "overrides": "other KEY=VALUE overrides",
    "only": "another --only",
    "skip": "another --skip",
    "quick": "another --quick",
    "report_seeds": "other report seeds",
    "rounds": "other rounds of seeds",
    "widened": "ranges that were widened otherwise",
}
"""What the plans of the folders must agree on, by its name in plan.json."""


class Merged(NamedTuple):
    """The results of the joined folder, and how they came together.

    trials: how many results each folder added, in the order of the folders. shared: how many results were
    there already, with the same bits. replaced: how many that had failed, crashed or timed out in one folder
    are sound in another.
    """

    results: Results
    trials: tuple[int, ...]
    shared: int
    replaced: int


@tells_users
def merge_runs(
    folders: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    command: Sequence[str] | None = None,
) -> Merged:
    """Join run folders of one experiment into the run folder `out`, trial by trial, by run key.

    A trial that several folders have must have the same bits in all: another result is a StoreError that
    names the trial, both folders and what they ran on, and then `out` is left as it was. Where a trial
    failed, crashed or timed out in one folder and not in another, the sound result stands. What `out` has
    already is kept. What no folder has is not run; `annx sweep FILE --out OUT` runs it. Neither data nor the
    original experiment file are needed.

    command: what the user typed, for the record of the folder. Raises StoreError for folders of different
    experiments, and for one that is no run folder, or is damaged.
    """
    sources = _distinct([RunFolder(folder) for folder in folders], RunFolder(out))
    if not sources:
        raise StoreError("there is no folder to join; name at least one that is not --out itself.")
    target = RunFolder(out)
    there = [target] if (target.path / "plan.json").is_file() else []
    plans = [read_plan(folder.path) for folder in [*there, *sources]]
    _refuse_others([*there, *sources], plans)
    target.sealed = all(map(is_own, plans))
    experiment = [*there, *sources][0].experiment()
    shapes = {key: shape for folder in [*sources, *there] for key, shape in folder.shapes().items()}
    plan = Plan(experiment, shapes)
    unchecked = list(dict.fromkeys(name for stored in plans for name in stored.get("unchecked", ())))
    with ExitStack() as stack:
        stores = [
            stack.enter_context(Store(folder.path / "trials.sqlite", write=False)) for folder in sources
        ]
        names = [str(folder.path) for folder in sources]
        counts = _counted_and_equal(stores, names, target)
        joined = stack.enter_context(target.store())
        for store, keys in zip(stores, counts.taken, strict=True):
            joined.copy_from(store, keys)
        places = plan.places()
        for phase in PHASES:
            rows = [row for store in [joined, *stores] for row in store.planned(phase)]
            seeds = experiment.tune_seeds if phase == "tune" else experiment.report_seeds
            joined.plan_rows(phase, _in_order(rows, places, seeds))
        target.write_experiment(experiment, plan, command, unchecked)
        join([folder.path for folder in sources], target.path)
        results = replace(collect(target.summary(), joined, experiment), past=remembered(target.path))
        target.write_tables(results)
    return Merged(results, tuple(map(len, counts.taken)), counts.shared, counts.replaced)


def _distinct(folders: Sequence[RunFolder], out: RunFolder) -> list[RunFolder]:
    """Return the folders, each once and without the one that is written to."""
    by_place = {folder.path.resolve(): folder for folder in folders}
    by_place.pop(out.path.resolve(), None)
    return list(by_place.values())


def _refuse_others(folders: Sequence[RunFolder], plans: Sequence[dict[str, Any]]) -> None:
    """Raise StoreError where the folders are not of one experiment, read in one way."""
    for folder, plan in zip(folders[1:], plans[1:], strict=True):
        for name, what in AGREED.items():
            if plan.get(name) != plans[0].get(name):
                raise StoreError(
                    f"{folder.path} was made from {what} than {folders[0].path}; only folders of one "
                    "experiment can be joined. annx compare shows what differs."
                )


class _Taken(NamedTuple):
    """Which keys are taken from which store, and how many were there already."""

    taken: list[list[str]]
    shared: int
    replaced: int


def _counted_and_equal(stores: Sequence[Store], names: Sequence[str], target: RunFolder) -> _Taken:
    """Return which results to take from each store; raises StoreError where two sound ones differ."""
    with ExitStack() as stack:
        known = [*zip(stores, names, strict=True)]
        if (target.path / "trials.sqlite").is_file():
            own = stack.enter_context(Store(target.path / "trials.sqlite", write=False))
            known.insert(0, (own, str(target.path)))
        holders: dict[str, int] = {}
        shared = replaced = 0
        for number, (store, name) in enumerate(known):
            for result, of_holder in _beside(store, known, holders):
                if of_holder is None:
                    holders[result.key] = number
                elif result.status in UNSOUND:
                    shared += 1
                elif of_holder.status in UNSOUND:
                    holders[result.key] = number
                    replaced += 1
                elif _bits(result) == _bits(of_holder):
                    shared += 1
                else:
                    raise _conflict((of_holder, known[holders[result.key]][1]), (result, name))
    first = len(known) - len(stores)
    taken: list[list[str]] = [[] for _ in known]
    for key, holder in holders.items():
        taken[holder].append(key)
    return _Taken(taken[first:], shared, replaced)


def _beside(
    store: Store, known: Sequence[tuple[Store, str]], holders: dict[str, int]
) -> Iterator[tuple[TrialResult, TrialResult | None]]:
    """Yield each result of a store with the one that an earlier store has of the same key."""
    keys = store.keys()
    for start in range(0, len(keys), CHUNK):
        chunk = keys[start : start + CHUNK]
        by_holder: dict[int, list[str]] = {}
        for key in chunk:
            if key in holders:
                by_holder.setdefault(holders[key], []).append(key)
        held = {
            result.key: result
            for holder, its_keys in by_holder.items()
            for result in known[holder][0].results(its_keys)
        }
        for result in store.results(chunk):
            yield result, held.get(result.key)


def _bits(result: TrialResult) -> tuple[Any, ...]:
    """Return what must be equal in two results of one trial; NaN equals NaN."""
    metrics = pack_floats({name: (value,) for name, value in sorted(result.metrics.items())})
    return result.status, result.stopped, result.steps_done, metrics, pack_floats(result.curves, result.steps)


def _conflict(one: tuple[TrialResult, str], other: tuple[TrialResult, str]) -> StoreError:
    (first, its_folder), (second, other_folder) = one, other
    what = [name for name, value in first.metrics.items() if _differs(value, second.metrics.get(name))]
    numbers = f" ({what[0]} {first.metrics[what[0]]!r} and {second.metrics.get(what[0])!r})" if what else ""
    return StoreError(
        f"trial {first.key[:12]} has other bits in {its_folder} (on {first.environment or UNKNOWN}) than in "
        f"{other_folder} (on {second.environment or UNKNOWN}){numbers}; join folders of equal machines and "
        "versions, or run one of them anew."
    )


def _differs(one: float, other: float | None) -> bool:
    return other is None or pack_floats({"": (one,)}) != pack_floats({"": (other,)})


def _in_order(
    rows: Sequence[PlannedRow], places: dict[tuple[str, str, str], int], seeds: Sequence[int]
) -> list[PlannedRow]:
    """Return each row once, as one sweep of the whole plan would have noted them."""
    once = {(row.problem, row.arm, row.config, row.seed): row for row in rows}
    turns = {seed: turn for turn, seed in enumerate(seeds)}

    def place(row: PlannedRow) -> tuple[int, int]:
        config = places.get((row.problem, row.arm, row.config), len(places))
        return config, turns.get(row.seed, len(turns))

    return sorted(once.values(), key=place)
