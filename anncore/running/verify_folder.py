"""Which finished trials a folder holds, for `annx verify`: those of a run folder, or of a field."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from anncore.contract.errors import AnnxError
from anncore.contract.kinds import Executor
from anncore.contract.loading import load_registry
from anncore.contract.registry import Registry
from anncore.contract.trial import PlannedRow, Status
from anncore.experiment.plan import Plan
from anncore.experiment.select_metric import resolve_select
from anncore.running.field import HEAD, Field, protocols, read_field
from anncore.running.run_folder import RunFolder
from anncore.running.store import Store
from anncore.running.verify import (
    REPEATABLE,
    SAMPLE,
    TOLERANCE,
    Again,
    Kept,
    Source,
    Verified,
    run_folder_source,
    verify,
)

Row = tuple[Field, Mapping[str, Any]]


def verify_folder(
    folder: str | os.PathLike[str],
    *,
    sample: int = SAMPLE,
    seed: int | None = None,
    tolerance: float = TOLERANCE,
    jobs: int | None = None,
    executor: str | Executor | None = None,
    plugins: Sequence[str | Path] = (),
) -> Verified:
    """Compute a random sample of the finished trials of a run folder, or of a field, again and compare.

    plugins: files whose components the trials are of, for a field and where files of a sweep have been moved.
    See `verify` for the rest. Raises StoreError where the folder holds no trials.
    """
    options: dict[str, Any] = {"sample": sample, "seed": seed, "tolerance": tolerance}
    options |= {"jobs": jobs, "executor": executor}
    run = RunFolder(folder)
    if not (run.path / "plan.json").exists() and any(run.path.glob("*/*.toml")):
        return verify(field_source(run.path, load_registry(files=plugins)), **options)
    run.summary()  # says what the folder lacks, before its store is looked for
    with Store(run.path / "trials.sqlite", write=False) as store:
        return verify(run_folder_source(run, store, plugins), **options)


def field_source(folder: Path, registry: Registry) -> Source:
    """Return the finished trials of all arms in a field."""
    rows: list[PlannedRow] = []
    origins: dict[int, Row] = {}  # by the identity of a row, which is no key itself
    left: dict[str, int] = {}
    for protocol in protocols(folder):
        field = read_field(folder, protocol.kind, protocol.suite)
        for record in field.trials.to_dict("records"):
            row: dict[str, Any] = dict(record)  # type: ignore[arg-type]
            if row["status"] not in REPEATABLE:
                left[row["status"]] = left.get(row["status"], 0) + 1
                continue
            rows.append(_planned(field, row))
            origins[id(rows[-1])] = field, row

    def read(drawn: Sequence[PlannedRow]) -> list[Kept]:
        mine: dict[int, list[PlannedRow]] = {}
        for row in drawn:
            mine.setdefault(id(origins[id(row)][0]), []).append(row)
        again = {name: _again(origins[id(group[0])][0], group, registry) for name, group in mine.items()}
        return [_kept(row, *origins[id(row)], again[id(origins[id(row)][0])], registry) for row in drawn]

    return Source(rows, left, read, registry)


def _planned(field: Field, row: Mapping[str, Any]) -> PlannedRow:
    labels = {"field": f"{field.protocol.kind}/{field.protocol.suite}"}
    place = (row["problem"], row["arm"], row["config"])
    return PlannedRow(row["key"], "report", *place, labels, {}, row["seed"])


def _again(field: Field, rows: Sequence[PlannedRow], registry: Registry) -> Again | str:
    """Return the trials of some arms of a field, or why none can be made."""
    there = {component.full_name for component in registry.of_kind(field.protocol.kind)}
    arms = {
        arm: registry.get(field.protocol.kind, field.meta[arm]["component"])
        for arm in dict.fromkeys(row.arm for row in rows)
        if field.meta[arm]["component"] in there
    }
    if not arms:
        return ""
    try:
        experiment = field.protocol.experiment(arms, registry)
        experiment = dataclasses.replace(experiment, selection=resolve_select(experiment))
        return Again(experiment, Plan(experiment, {}), rows)
    except AnnxError as error:
        return str(error)


def _kept(
    row: PlannedRow, field: Field, written: Mapping[str, Any], again: Again | str, registry: Registry
) -> Kept:
    """Return a row of a field with the trial that computes it again."""
    meta = field.meta[row.arm]
    names = [name for name in written if name not in (*HEAD, "arm", "phase")]
    metrics = {name: written[name] for name in names if not math.isnan(written[name])}
    place: tuple[Status, dict[str, float], dict[str, float], str, str] = (
        written["status"],
        metrics,
        {},
        meta["engine"],
        written["environment"],
    )
    stale = field.stale(registry).get(row.arm, "")
    trial, why = again.trial(row, {}) if isinstance(again, Again) else (None, again)
    if trial is None:
        return Kept(row, *place, None, stale or why)
    then = dataclasses.replace(trial, engine=meta["engine"])
    if not then.key.startswith(row.key):
        why = stale or "its description is not what it was: the component or the suite has changed"
    return Kept(row, *place, trial, why)
