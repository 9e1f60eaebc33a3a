"""The run folder: where a sweep's store, tables and records lie, and how results come back from it.

    trials.sqlite      every result, by run key (`store.py`)
    trials.csv         one row per trial of the plan
    curves.csv.gz      long: key, step, metric, value
    experiment.toml    the experiment file as it was read
    plan.json          how it was read (overrides, files), what it came to
    env.json           versions, machine, commit, command
    costs.json         what a step of each arm costs, where the experiment asks for it
    annx.log           what happened when, and what plugins write to file descriptor 1
    running.json       how far a sweep is, only while it runs
    report.*, figures/ the report's

Each file is written aside and moved into place, so a reader never sees a part of one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anncore._version import __version__
from anncore.contract.errors import AnnxError, PluginError, StoreError
from anncore.contract.file_names import readable
from anncore.contract.registry import Registry, load_registry
from anncore.contract.session_code import owner_of
from anncore.contract.shown import shortened
from anncore.contract.stand_ins import describe, with_stand_ins
from anncore.engine.datasets import Shapes
from anncore.evidence.results import Cost, PlanSummary, Results, csv_chunks, to_csv, to_gzip
from anncore.experiment.document import Source, read_document
from anncore.experiment.model import Experiment, Rounds, Select, Widening
from anncore.experiment.read import ReadOptions, read_experiment
from anncore.experiment.select_metric import resolve_select
from anncore.experiment.widening import widened
from anncore.running.collect import collect
from anncore.running.environment import environment
from anncore.running.files import remove_leftovers, replace_file, replace_files
from anncore.running.recheck import strangers
from anncore.running.store import Store

if TYPE_CHECKING:
    import pandas as pd

    from anncore.experiment.plan import Plan

SCHEMA = 1
LOGGER = "anncore"
FILES = (
    *("trials.sqlite", "trials.csv", "curves.csv.gz", "experiment.toml", "plan.json", "env.json"),
    *("costs.json", "running.json", "annx.log", "report.json", "report.md", "report.html"),
)
PLAN: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("path",), (str, type(None))),
    **dict.fromkeys(("name", "base"), (str,)),
    **dict.fromkeys(("overrides", "only", "skip", "plugin_files", "arms", "problems"), (list,)),
    "quick": (bool,),
    "counts": (dict,),
}
"""What plan.json must hold, and of which types; what else it may hold came later."""
LATER: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("unchecked", "report_seeds", "widened", "handed_over", "components"), (list,)),
    **dict.fromkeys(("shapes", "select"), (dict,)),
    "rounds": (dict, type(None)),
    "experiment_sha256": (str,),
}
COUNTS = ("tune", "report", "total")


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

    @contextlib.contextmanager
    def store(self) -> Iterator[Store]:
        """Make the folder and open its store for writing; a store that cannot be opened leaves no folder."""
        missing = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._refuse_folders()
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

    def _refuse_folders(self) -> None:
        """Raise StoreError for a folder in the place of a file, before anything is trained for nothing."""
        for name in FILES:
            if (self.path / name).is_dir():
                raise StoreError(f"{self.path / name} is a folder, where annx writes a file; move it away.")

    @contextlib.contextmanager
    def logging(self) -> Iterator[None]:
        """Let annx.log hear what the core logs."""
        logger = logging.getLogger(LOGGER)
        handler = _LogFile(self.path / "annx.log", encoding="utf-8", delay=True)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        level = logger.level
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        try:
            yield
        finally:
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
                self.path / "plan.json": _json(_planned(plan, unchecked)),
                self.path / "env.json": _json(environment(experiment.registry, experiment.base, command)),
            }
        )
        logging.getLogger(__name__).info("%s", self.environment()["command"])

    def write_plan(self, plan: Plan, unchecked: Sequence[str] = ()) -> None:
        """Write plan.json: how the experiment was read, what it came to, its rounds, what ran unchecked."""
        replace_file(self.path / "plan.json", _json(_planned(plan, unchecked)))

    def write_tables(self, results: Results) -> None:
        """Write trials.csv and curves.csv.gz."""
        replace_files(
            {
                self.path / "trials.csv": to_csv(results.trials),
                self.path / "curves.csv.gz": to_gzip(csv_chunks(results.curves)),
            }
        )

    def write_costs(self, costs: Sequence[Cost]) -> None:
        """Write costs.json, on the machine that env.json names."""
        content = {"schema": SCHEMA, "costs": [cost._asdict() for cost in costs]}
        replace_file(self.path / "costs.json", _json(content))

    def costs(self, trials: pd.DataFrame) -> tuple[Cost, ...]:
        """Return what costs.json says of configurations that these trials still report on."""
        try:
            costs = [_cost(fields) for fields in _read_json(self.path, "costs.json")["costs"]]
        except (StoreError, TypeError, KeyError, ValueError):  # never measured, by another version, damaged
            return ()
        report = trials.loc[trials["phase"] == "report", ["problem", "arm", "config"]]
        there = set(report.itertuples(index=False, name=None))
        return tuple(cost for cost in costs if (cost.problem, cost.arm, cost.config) in there)

    def environment(self) -> dict[str, Any]:
        """Return what env.json says."""
        return _read_json(self.path, "env.json")

    def summary(self) -> PlanSummary:
        """Return what plan.json says of the plan."""
        plan = self._plan()
        return PlanSummary(
            tuple(plan["arms"]),
            tuple(plan["problems"]),
            dict(plan["counts"]),
            tuple(plan.get("unchecked", ())),
        )

    def shapes(self) -> dict[str, Shapes]:
        """Return the shapes of the data sets in the folder's plan; none where there is no plan."""
        try:
            return {name: Shapes(*sizes) for name, sizes in self._plan()["shapes"].items()}
        except (StoreError, KeyError, TypeError, AttributeError):  # no folder yet, or another's
            return {}

    def rounds(self) -> Rounds | None:
        """Return the rounds in which the folder's sweep added seeds; None where it did not."""
        try:
            return _rounds(self._plan())
        except StoreError:
            return None

    def looks(self, experiment: Experiment) -> tuple[int, ...]:
        """Return the looks that an earlier sweep of the very same experiment took; none for another one."""
        rounds = self.rounds()
        if rounds is None:
            return ()
        plan = self._plan()
        read_then = [plan[name] for name in ("overrides", "only", "skip", "quick")]
        read_now = [
            *(list(names) for names in (experiment.overrides, experiment.only, experiment.skip)),
            experiment.quick,
        ]
        with contextlib.suppress(OSError):
            if (self.path / "experiment.toml").read_bytes() == experiment.text.encode():
                return rounds.looks if read_then == read_now else ()
        return ()

    def experiment(self, components: Sequence[type[Any]] = ()) -> Experiment:
        """Read the experiment again as it was read for the sweep, from the folder's own copy.

        components: classes that the sweep was handed, which no file holds; without them what the folder keeps
        of them stands for them. Relative paths still start from
        the original file's directory. Where a plugin is gone, or takes other values than it did, what the
        folder keeps of its components stands for them. Raises ExperimentError or PluginError where a folder
        of before that was kept lacks a plugin, or the file no longer passes.
        """
        plan = self._plan()
        source = read_document(self.path / "experiment.toml")
        if plan.get("experiment_sha256") not in (None, _digest(source.text)):
            raise _damaged(self.path, "experiment.toml", "it is not the one of plan.json")
        original = Path(plan["path"]) if plan["path"] else Path(plan["base"]) / f"{plan['name']}.toml"
        source = source._replace(path=original, typed=not plan["path"])
        overrides, only, skip = (tuple(plan[name]) for name in ("overrides", "only", "skip"))
        options = ReadOptions(overrides, only, skip, plan["quick"], tuple(plan["plugin_files"]), components)
        experiment = self._read(source, options, plan)
        experiment = widened(experiment, _widenings(plan))
        # Folders of before it was kept are read again from the file and the data.
        select = _selection(plan) or resolve_select(experiment)
        experiment = dataclasses.replace(experiment, selection=select)
        rounds = _rounds(plan)
        if rounds is None:
            return experiment
        return dataclasses.replace(experiment, rounds=rounds, report_seeds=tuple(plan["report_seeds"]))

    def _read(self, source: Source, options: ReadOptions, plan: dict[str, Any]) -> Experiment:
        """Read the experiment with its plugins, or with what is kept of them."""
        handed_over = {f"{owner_of(cls)}:{cls.name}" for cls in options.components}
        stored = [
            plain
            for plain in plan.get("components", [])
            if not isinstance(plain, dict) or f"{plain.get('dist')}:{plain.get('name')}" not in handed_over
        ]
        files = options.plugins
        try:
            there = load_registry(files=[file for file in files if Path(file).is_file()])
        except (PluginError, OSError):
            there = load_registry()
        if not stored:
            return read_experiment(source, options, there)
        problem: AnnxError | None = None
        for every in (False, True):
            try:
                registry = with_stand_ins(there, stored, every=every)
            except (TypeError, ValueError, KeyError, AttributeError):
                raise _damaged(self.path, "plan.json", "its components is damaged") from None
            # Files that are gone count as loaded: stand-ins stand for what they brought.
            known = tuple(dict.fromkeys([*registry.files, *map(str, files)]))
            try:
                whole = Registry(registry.components, registry.plugins, known)
                return read_experiment(source, options, whole)
            except AnnxError as error:
                problem = problem or error
        assert problem is not None
        raise problem

    def packages(self) -> dict[str, str]:
        """Return the versions of the other packages, and plugin files, whose components the sweep used."""
        stored = self._plan().get("components", [])
        try:
            return {plain["dist"]: plain["version"] for plain in stored}
        except (TypeError, KeyError):
            raise _damaged(self.path, "plan.json", "its components is damaged") from None

    def _plan(self) -> dict[str, Any]:
        plan = _read_json(self.path, "plan.json")
        schema = plan.get("schema", 0)
        if isinstance(schema, int) and schema > SCHEMA:
            raise StoreError(
                f"{self.path / 'plan.json'} was written by a newer annx ({plan.get('annx')}); upgrade annx."
            )
        problem = _plan_problem(plan)
        if problem:
            raise _damaged(self.path, "plan.json", problem)
        return plan


def _planned(plan: Plan, unchecked: Sequence[str]) -> dict[str, Any]:
    """Return what plan.json says."""
    experiment = plan.experiment
    return {
        "schema": SCHEMA,
        "annx": __version__,
        "name": experiment.name,
        "path": None if experiment.path is None else str(experiment.path),
        "base": str(experiment.base),
        "experiment_sha256": _digest(experiment.text),
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
        "rounds": None if experiment.rounds is None else experiment.rounds._asdict(),
        "report_seeds": list(experiment.report_seeds),
        "widened": [list(widening) for widening in experiment.widened],
        "select": experiment.select._asdict(),
        "unchecked": list(unchecked),
        "components": [describe(component) for component in strangers(experiment)],
    }


def _read_json(folder: Path, name: str) -> dict[str, Any]:
    try:
        content = json.loads((folder / name).read_bytes())
    except FileNotFoundError:
        if (folder / "trials.sqlite").is_file():
            raise StoreError(f"{folder} has lost its {name}; {AGAIN}") from None
        raise StoreError(f"{folder} is no run folder: it has no {name}.") from None
    except RecursionError:
        raise _damaged(folder, name, "brackets nested too deeply") from None
    except OSError as error:
        raise _damaged(folder, name, error.strerror or str(error)) from None
    except ValueError as error:
        raise _damaged(folder, name, str(error)) from None
    if not isinstance(content, dict):
        raise _damaged(folder, name, "it holds no table")
    return content


AGAIN = "run the sweep again; what is done is kept in trials.sqlite."


def _damaged(folder: Path, name: str, reason: str) -> StoreError:
    return StoreError(f"{folder / name} cannot be read ({reason.rstrip('.')}); {AGAIN}")


def _plan_problem(plan: dict[str, Any]) -> str:
    """Say what a plan lacks of what `write_plan` writes; "" where it is whole."""
    for name, types in {**PLAN, **LATER}.items():
        if (name in PLAN and name not in plan) or (name in plan and not isinstance(plan[name], types)):
            return f"it lacks {name}" if name not in plan else f"its {name} is damaged"
    for name in ("overrides", "only", "skip", "plugin_files", "arms", "problems", "unchecked", "handed_over"):
        if not all(isinstance(text, str) for text in plan.get(name, ())):
            return f"its {name} is damaged"
    if not all(type(plan["counts"].get(name)) is int for name in COUNTS):
        return "its counts is damaged"
    if not all(type(seed) is int for seed in plan.get("report_seeds", ())):
        return "its report_seeds is damaged"
    try:
        _rounds(plan)
        _widenings(plan)
        _selection(plan)
    except (TypeError, KeyError, ValueError):
        return "its rounds, widened or select is damaged"
    return ""


def _widenings(plan: dict[str, Any]) -> list[Widening]:
    widenings = [Widening(*fields) for fields in plan.get("widened", ())]
    if not all(isinstance(w.key, str) and type(w.down) is int and type(w.up) is int for w in widenings):
        raise TypeError
    return widenings


def _selection(plan: dict[str, Any]) -> Select | None:
    """Return the rule of selection; None in a folder of before it was kept."""
    if "select" not in plan:
        return None
    rule = Select(**plan["select"])
    if not isinstance(rule.metric, str) or rule.goal not in ("min", "max"):
        raise TypeError
    return rule


def _json(content: Any) -> bytes:
    return readable(json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()


def _cost(fields: dict[str, Any]) -> Cost:
    cost = Cost(**fields)
    seconds, median, high = map(float, (cost.seconds, cost.median, cost.high))
    return Cost(str(cost.problem), str(cost.arm), str(cost.config), seconds, median, high, int(cost.trials))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _rounds(plan: dict[str, Any]) -> Rounds | None:
    if plan.get("rounds") is None:
        return None
    rounds = Rounds(tuple(plan["rounds"]["looks"]), plan["rounds"]["most"], plan["rounds"]["open"])
    numbers = [*rounds.looks, rounds.most, rounds.open or 0]
    if not rounds.looks or not all(type(number) is int for number in numbers):
        raise TypeError
    return rounds


def load_run(
    out: str | os.PathLike[str], *, curves: bool = True, components: Sequence[type[Any]] = ()
) -> Results:
    """Return the results of a run folder, also while its sweep is running.

    Neither data nor the original experiment file are needed, only plugin files. curves=False leaves the
    curves out, for a quick look. components: classes that the sweep was handed. Raises StoreError where
    the folder holds no run.
    """
    folder = RunFolder(out)
    summary, experiment = folder.summary(), folder.experiment(components)
    with Store(folder.path / "trials.sqlite", write=False) as store:
        results = collect(summary, store, experiment, curves=curves)
    return dataclasses.replace(results, costs=folder.costs(results.trials))
