"""The run folder: where a sweep's store, tables and records lie, and how results come back from it.

    trials.sqlite      every result, by run key (`store.py`)
    trials.csv         one row per trial of the plan
    curves.csv.gz      long: key, step, metric, value
    experiment.toml    the experiment file as it was read
    plan.json          how it was read (overrides, files), what it came to
    env.json           versions, machine, commit, command
    costs.json         what a step of each arm costs, where the experiment asks for it
    annx.log           what happened when, and what plugins write to file descriptor 1
    looks.json         which reports were made of it, with which seeds
    running.json       how far a sweep is, only while it runs
    report.*, figures/ the report's

Each file is written aside and moved into place, so a reader never sees a part of one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anncore._version import __version__
from anncore.contract.errors import StoreError
from anncore.contract.file_names import readable
from anncore.contract.registry import HOME
from anncore.contract.shown import shortened
from anncore.contract.stand_ins import describe
from anncore.engine.datasets import Shapes
from anncore.evidence.csv_text import csv_chunks, gzip_chunks
from anncore.evidence.results import Cost, PlanSummary, Results
from anncore.experiment.model import Experiment, Rounds
from anncore.experiment.read import ReadOptions
from anncore.experiment.select_metric import resolve_select
from anncore.experiment.widening import widened
from anncore.running.collect import collect
from anncore.running.environment import environment
from anncore.running.files import remove_leftovers, replace_file, replace_files
from anncore.running.looks import remembered
from anncore.running.own_folders import sealed
from anncore.running.recheck import strangers
from anncore.running.store import Store
from anncore.running.stored_plan import (
    SCHEMA,
    damaged,
    digest,
    read_json,
    read_own_copy,
    read_plan,
    read_with_stand_ins,
    rounds_of,
    rows_of,
    selection,
    suite_of,
    widenings,
    with_recorded,
)

if TYPE_CHECKING:
    import pandas as pd

    from anncore.experiment.plan import Plan

Choices = Mapping[tuple[str, str], str]
"""By problem and arm the configuration that was chosen."""

LOGGER = "anncore"
FILES = (
    *("trials.sqlite", "trials.csv", "curves.csv.gz", "experiment.toml", "plan.json", "env.json"),
    *("costs.json", "looks.json", "running.json", "annx.log", "report.json", "report.md", "report.html"),
)


class _LogFile(logging.FileHandler):
    """A log that is lost where its file cannot be written: the results matter more."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, if that is possible."""
        with contextlib.suppress(OSError, ValueError):
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Say nothing."""


class RunFolder:
    """A run folder; nothing is written before `store` is called."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if not isinstance(path, (str, os.PathLike)):
            raise StoreError(f"a run folder is given by its path, got {shortened(repr(path), 60)}.")
        self.path = Path(path)
        self.sealed = True
        """Whether plan.json gets the user's seal; a folder joined of another's is as unknown as that."""

    @property
    def begun(self) -> bool:
        """Whether a sweep has begun here before."""
        return (self.path / "trials.sqlite").exists()

    @contextlib.contextmanager
    def store(self) -> Iterator[Store]:
        """Make the folder and open its store for writing; a store that cannot be opened leaves no folder."""
        missing: list[Path] = []
        try:
            missing = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
            self.path.mkdir(parents=True, exist_ok=True)
            _refuse_folders(self.path)
            store = Store(self.path / "trials.sqlite")
        except (OSError, StoreError) as error:
            for folder in missing:
                with contextlib.suppress(OSError):  # not empty, or never made
                    folder.rmdir()
            if isinstance(error, StoreError):
                raise
            reason = error.strerror or str(error)
            raise StoreError(
                f"{self.path} cannot be made a run folder: {reason}. Give another folder by --out."
            ) from None
        with store:
            remove_leftovers(self.path / name for name in ("", "figures", "export"))
            yield store

    @contextlib.contextmanager
    def logging(self, *others: str) -> Iterator[None]:
        """Let annx.log hear what the core logs, and what these other modules do."""
        names = (LOGGER, *(name for name in others if not f"{name}.".startswith(f"{LOGGER}.")))
        loggers = [logging.getLogger(name) for name in names]
        levels = [logger.level for logger in loggers]
        handler = _LogFile(self.path / "annx.log", encoding="utf-8", delay=True)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        for logger in loggers:
            logger.addHandler(handler)
            logger.setLevel(logging.INFO)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
                logger.removeHandler(handler)
            handler.close()

    def write_experiment(
        self,
        experiment: Experiment,
        plan: Plan,
        command: Sequence[str] | None = None,
        unchecked: Sequence[str] = (),
    ) -> None:
        """Write experiment.toml, plan.json and env.json."""
        replace_files(
            {
                self.path / "experiment.toml": experiment.text.encode(),
                self.path / "plan.json": _json(self._sealed(_planned(plan, unchecked))),
                self.path / "env.json": _json(environment(experiment.registry, experiment.base, command)),
            }
        )
        logging.getLogger(__name__).info("%s", self.environment()["command"])

    def write_plan(self, plan: Plan, unchecked: Sequence[str] = (), choices: Choices | None = None) -> None:
        """Write plan.json: how the experiment was read, what it came to, its rounds, what ran unchecked.

        choices: what a selection rule of another package chose, which stands when the package is gone.
        """
        content = _planned(plan, unchecked)
        if choices is not None and _chosen_by_a_stranger(plan.experiment):
            content["choices"] = [[*pair, config] for pair, config in choices.items()]
        replace_file(self.path / "plan.json", _json(self._sealed(content)))

    def _sealed(self, content: dict[str, Any]) -> dict[str, Any]:
        return sealed(content) if self.sealed else content

    def write_tables(self, results: Results) -> None:
        """Write trials.csv and curves.csv.gz."""
        replace_files(
            {
                self.path / "trials.csv": csv_chunks(results.trials),
                self.path / "curves.csv.gz": gzip_chunks(csv_chunks(results.curves)),
            }
        )

    def write_costs(self, costs: Sequence[Cost]) -> None:
        """Write costs.json, on the machine that env.json names."""
        content = {"schema": SCHEMA, "costs": [cost._asdict() for cost in costs]}
        replace_file(self.path / "costs.json", _json(content))

    def costs(self, trials: pd.DataFrame) -> tuple[Cost, ...]:
        """Return what costs.json says of configurations that these trials still report on."""
        try:
            costs = [_cost(fields) for fields in read_json(self.path, "costs.json")["costs"]]
        except (StoreError, TypeError, KeyError, ValueError):  # never measured, by another version, damaged
            return ()
        report = trials.loc[trials["phase"] == "report", ["problem", "arm", "config"]]
        there = set(report.itertuples(index=False, name=None))
        return tuple(cost for cost in costs if (cost.problem, cost.arm, cost.config) in there)

    def environment(self) -> dict[str, Any]:
        """Return what env.json says."""
        return read_json(self.path, "env.json")

    def summary(self) -> PlanSummary:
        """Return what plan.json says of the plan."""
        plan = read_plan(self.path)
        return PlanSummary(
            tuple(plan["arms"]),
            tuple(plan["problems"]),
            dict(plan["counts"]),
            tuple(plan.get("unchecked", ())),
            rows_of(plan),
        )

    def shapes(self) -> dict[str, Shapes]:
        """Return the shapes of the data sets in the folder's plan; none where there is no plan."""
        try:
            known = read_plan(self.path)["shapes"].items()
            # A folder of before they said what seeds have in common has its data sets made again.
            return {name: Shapes(*sizes) for name, sizes in known if len(sizes) == len(Shapes._fields)}
        except (StoreError, KeyError, TypeError, AttributeError):  # no folder yet, or another's
            return {}

    def rounds(self) -> Rounds | None:
        """Return the rounds in which the folder's sweep added seeds; None where it did not."""
        try:
            return rounds_of(read_plan(self.path))
        except StoreError:
            return None

    def looks(self, experiment: Experiment) -> tuple[int, ...]:
        """Return the looks that an earlier sweep of the very same experiment took; none for another one."""
        rounds = self.rounds()
        if rounds is None:
            return ()
        plan = read_plan(self.path)
        read_then = [plan[name] for name in ("overrides", "only", "skip", "quick")]
        read_now = [
            *(list(names) for names in (experiment.overrides, experiment.only, experiment.skip)),
            experiment.quick,
        ]
        with contextlib.suppress(OSError):
            if not (self.path / "experiment.toml").is_file():
                return ()
            if (self.path / "experiment.toml").read_bytes() == experiment.text.encode():
                return rounds.looks if read_then == read_now else ()
        return ()

    def experiment(
        self, components: Sequence[type[Any]] = (), plugins: Sequence[str | Path] = ()
    ) -> Experiment:
        """Read the experiment again as it was read for the sweep, from the folder's own copy.

        components: classes that the sweep was handed, which no file holds. plugins: plugin files to load, in
        place of the sweep's own of the same name. Those that the folder names are loaded where this user has
        made the folder, on this machine; of any other folder nothing is run. Relative paths still start from
        the original file's directory. Where a plugin or a class is gone, or takes other values than it did,
        what the folder keeps of its components stands for them. Raises ExperimentError or PluginError where
        an older folder, which keeps less, lacks a plugin, or the file no longer passes.
        """
        plan = read_plan(self.path)
        source = read_own_copy(self.path, plan)
        original = Path(plan["path"]) if plan["path"] else Path(plan["base"]) / f"{plan['name']}.toml"
        source = source._replace(path=original, typed=not plan["path"])
        overrides, only, skip = (tuple(plan[name]) for name in ("overrides", "only", "skip"))
        options = ReadOptions(overrides, only, skip, plan["quick"], tuple(plan["plugin_files"]), components)
        options = options._replace(suite=suite_of(plan))  # a later version of it may have other problems
        experiment = read_with_stand_ins(self.path, source, options, plan, plugins)
        experiment = widened(experiment, widenings(plan))
        # Folders of before it was kept are read again from the file and the data.
        select = selection(plan) or resolve_select(experiment)
        experiment = dataclasses.replace(
            experiment, selection=select, chosen=with_recorded(experiment.chosen, plan)
        )
        rounds = rounds_of(plan)
        if rounds is None:
            return experiment
        return dataclasses.replace(experiment, rounds=rounds, report_seeds=tuple(plan["report_seeds"]))

    def packages(self) -> dict[str, str]:
        """Return the versions of the other packages, and plugin files, whose components the sweep used."""
        stored = read_plan(self.path).get("components", [])
        try:
            return {plain["dist"]: plain["version"] for plain in stored}
        except (TypeError, KeyError):
            raise damaged(self.path, "plan.json", "its components is damaged") from None


def _refuse_folders(folder: Path) -> None:
    """Raise StoreError for a folder in the place of a file, before anything is trained for nothing."""
    for name in FILES:
        if (folder / name).is_dir():
            raise StoreError(f"{folder / name} is a folder, where annx writes a file; move it away.")


def _chosen_by_a_stranger(experiment: Experiment) -> bool:
    return "selector" in experiment.chosen and experiment.chosen["selector"].component.dist != HOME


def _planned(plan: Plan, unchecked: Sequence[str]) -> dict[str, Any]:
    """Return what plan.json says."""
    experiment = plan.experiment
    return {
        "schema": SCHEMA,
        "annx": __version__,
        "name": experiment.name,
        "path": None if experiment.path is None else str(experiment.path),
        "base": str(experiment.base),
        "experiment_sha256": digest(experiment.text),
        "overrides": list(experiment.overrides),
        "only": list(experiment.only),
        "skip": list(experiment.skip),
        "quick": experiment.quick,
        "plugin_files": list(experiment.plugin_files),
        "handed_over": [f"{given.kind} {given.full_name}" for given in experiment.registry.given],
        "arms": list(plan.arms),
        "problems": list(plan.problems),
        "counts": dict(plan.counts),
        "shapes": plan.shapes,
        "rows": plan.rows,
        "rounds": None if experiment.rounds is None else experiment.rounds._asdict(),
        "report_seeds": list(experiment.report_seeds),
        "suite": None if experiment.suite is None else experiment.suite.to_json(),
        "widened": [list(widening) for widening in experiment.widened],
        "select": experiment.select._asdict(),
        "unchecked": list(unchecked),
        "components": [describe(component) for component in strangers(experiment)],
    }


def _json(content: Any) -> bytes:
    return readable(json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()


def _cost(fields: dict[str, Any]) -> Cost:
    cost = Cost(**fields)
    seconds, median, high = map(float, (cost.seconds, cost.median, cost.high))
    return Cost(str(cost.problem), str(cost.arm), str(cost.config), seconds, median, high, int(cost.trials))


def load_run(
    out: str | os.PathLike[str],
    *,
    curves: bool = True,
    components: Sequence[type[Any]] = (),
    plugins: Sequence[str] = (),
) -> Results:
    """Return the results of a run folder, also while its sweep is running.

    Neither data nor the original experiment file are needed, only plugin files. curves=False leaves the
    curves out, for a quick look. components: classes that the sweep was handed. plugins: plugin files to
    load besides those of a folder that this user has made on this machine. Raises StoreError where
    the folder holds no run.
    """
    folder = RunFolder(out)
    summary, experiment = folder.summary(), folder.experiment(components, plugins)
    with Store(folder.path / "trials.sqlite", write=False) as store:
        results = collect(summary, store, experiment, curves=curves)
    return dataclasses.replace(results, costs=folder.costs(results.trials), past=remembered(folder.path))
