"""What a run folder's plan.json says, checked by type; the experiment read again from the folder alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from anncore.contract.errors import AnnxError, ExperimentError, PluginError, StoreError
from anncore.contract.kinds import Candidates, SelectionRule
from anncore.contract.loading import load_registry
from anncore.contract.registry import Registry
from anncore.contract.session_code import owner_of
from anncore.contract.stand_ins import GONE, NOT_RUN, StandIn, with_stand_ins
from anncore.engine.datasets import Shapes
from anncore.experiment.document import Source, read_document
from anncore.experiment.model import Chosen, Experiment, Rounds, Select, Widening
from anncore.experiment.problem_lists import ProblemList
from anncore.experiment.read import ReadOptions, read_experiment
from anncore.running.own_folders import is_own

SCHEMA = 1
AGAIN = "run the sweep again; what is done is kept in trials.sqlite."
PLAN: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("path",), (str, type(None))),
    **dict.fromkeys(("name", "base"), (str,)),
    **dict.fromkeys(("overrides", "only", "skip", "plugin_files", "arms", "problems"), (list,)),
    "quick": (bool,),
    "counts": (dict,),
}
"""What plan.json must hold, and of which types; what else it may hold came later."""
LATER: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(
        ("unchecked", "report_seeds", "widened", "handed_over", "components", "choices"), (list,)
    ),
    **dict.fromkeys(("shapes", "select", "rows"), (dict,)),
    **dict.fromkeys(("rounds", "suite"), (dict, type(None))),
    "experiment_sha256": (str,),
}
COUNTS = ("tune", "report", "total")


def read_plan(folder: Path) -> dict[str, Any]:
    """Return what plan.json says; raises StoreError where it is damaged, or of a newer annx."""
    plan = read_json(folder, "plan.json")
    schema = plan.get("schema", 0)
    if isinstance(schema, int) and schema > SCHEMA:
        raise StoreError(
            f"{folder / 'plan.json'} was written by a newer annx ({plan.get('annx')}); upgrade annx."
        )
    problem = _plan_problem(plan)
    if problem:
        raise damaged(folder, "plan.json", problem)
    return plan


def read_own_copy(folder: Path, plan: dict[str, Any]) -> Source:
    """Return the folder's copy of the experiment file; raises StoreError where it is not what was written."""
    file = folder / "experiment.toml"
    try:
        if file.is_fifo():  # reading it would wait for ever
            raise damaged(folder, file.name, "it is a pipe")
        source = read_document(file)
    except ExperimentError as error:
        raise damaged(folder, file.name, str(error)) from None
    if plan.get("experiment_sha256") not in (None, digest(source.text)):
        raise damaged(folder, file.name, "it is not the one of plan.json")
    return source


def digest(text: str) -> str:
    """Return what tells whether a text is the one that was written."""
    return hashlib.sha256(text.encode()).hexdigest()


def read_with_stand_ins(
    folder: Path, source: Source, options: ReadOptions, plan: dict[str, Any], given: Sequence[str | Path] = ()
) -> Experiment:
    """Read the experiment with its plugins, or with what is kept of them.

    given: plugin files that the user names now. In a folder that this user has not made, the files that the
    folder names are not run, nor is anything that an experiment names by the path of another library.
    """
    handed_over = {f"{owner_of(cls)}:{cls.name}" for cls in options.components}
    stored = [
        plain
        for plain in plan.get("components", [])
        if not isinstance(plain, dict) or f"{plain.get('dist')}:{plain.get('name')}" not in handed_over
    ]
    files = options.plugins
    own = is_own(plan)
    names = {Path(file).stem for file in given}  # a file that was moved takes the place of the old one
    kept = (file for file in files if own and Path(file).is_file() and Path(file).stem not in names)
    trusted = [*kept, *given]
    try:
        there = load_registry(files=trusted)
    except (PluginError, OSError):
        if given:
            raise
        there = load_registry()
    if not own:
        there = there.changed(libraries=())
    options = options._replace(closed=not own)
    if not stored and own:
        return read_experiment(source, options, there)
    if not stored:
        return _read_without_more(folder, source, options, there)
    problem: AnnxError | None = None
    for every in (False, True):
        try:
            registry = with_stand_ins(there, stored, every=every, why=GONE if own else NOT_RUN)
        except (TypeError, ValueError, KeyError, AttributeError):
            raise damaged(folder, "plan.json", "its components is damaged") from None
        # Files that are gone count as loaded: stand-ins stand for what they brought.
        known = tuple(dict.fromkeys([*registry.files, *map(str, files)])) if own else registry.files
        try:
            whole = registry.changed(files=known)
            return read_experiment(source, options, whole)
        except AnnxError as error:
            problem = problem or error
    assert problem is not None
    raise problem


def _read_without_more(folder: Path, source: Source, options: ReadOptions, registry: Registry) -> Experiment:
    """Read the experiment of an unknown folder that keeps nothing of any plugin."""
    try:
        return read_experiment(source, options, registry)
    except AnnxError as error:
        files = [Path(file).name for file in options.plugins]
        if not files:
            raise
        raise PluginError(
            f"{', '.join(files)} {NOT_RUN}, and it keeps nothing in its place: {error.lines[0].rstrip('.')}. "
            "--plugin FILE.py loads a file that you know."
        ) from None


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """Return the table in one of the folder's JSON files; raises StoreError where there is none."""
    try:
        if (folder / name).is_fifo():  # reading it would wait for ever
            raise damaged(folder, name, "it is a pipe")
        content = json.loads((folder / name).read_bytes())
    except FileNotFoundError:
        if (folder / "trials.sqlite").is_file():
            raise StoreError(f"{folder} has lost its {name}; {AGAIN}") from None
        raise StoreError(f"{folder} is no run folder: it has no {name}.") from None
    except NotADirectoryError:
        raise StoreError(f"{folder} is no run folder: it is a file, or lies below one.") from None
    except RecursionError:
        raise damaged(folder, name, "brackets nested too deeply") from None
    except OSError as error:
        raise damaged(folder, name, error.strerror or str(error)) from None
    except ValueError as error:
        raise damaged(folder, name, str(error)) from None
    if not isinstance(content, dict):
        raise damaged(folder, name, "it holds no table")
    return content


def damaged(folder: Path, name: str, reason: str) -> StoreError:
    """Return the error of a file that cannot be read."""
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
        rounds_of(plan)
        widenings(plan)
        selection(plan)
        choices_of(plan)
        rows_of(plan)
        suite_of(plan)
    except (TypeError, KeyError, ValueError):
        return "its rounds, widened, select, choices, rows or suite is damaged"
    return ""


def widenings(plan: dict[str, Any]) -> list[Widening]:
    """Return by how much ranges were widened; raises TypeError for what is none."""
    steps = [Widening(*fields) for fields in plan.get("widened", ())]
    if not all(isinstance(w.key, str) and type(w.down) is int and type(w.up) is int for w in steps):
        raise TypeError
    return steps


def selection(plan: dict[str, Any]) -> Select | None:
    """Return the rule of selection; None in a folder of before it was kept."""
    if "select" not in plan:
        return None
    rule = Select(**plan["select"])
    if not isinstance(rule.metric, str) or rule.goal not in ("min", "max"):
        raise TypeError
    return rule


@dataclass(frozen=True)
class Recorded(SelectionRule):
    """What a selection rule chose that is gone now, as the folder keeps it."""

    name: ClassVar[str] = "recorded"
    choices: tuple[tuple[str, str, str], ...] = ()

    def choose(self, candidates: Candidates) -> str:
        """Return the configuration that was chosen."""
        for problem, arm, config in self.choices:
            if (problem, arm) == (candidates.problem, candidates.arm):
                return config
        raise StoreError(
            f"the folder does not say what was chosen for {candidates.arm} on {candidates.problem}, and the "
            "selection rule is not installed any more."
        )


@dataclass(frozen=True)
class _Remembered(Chosen):
    """A selection rule that is gone, with what it chose."""

    choices: tuple[tuple[str, str, str], ...] = ()

    def built(self) -> Any:
        """Return what stands for it."""
        return Recorded(self.choices)


def with_recorded(chosen: Mapping[str, Chosen], plan: dict[str, Any]) -> dict[str, Chosen]:
    """Return the chosen components; for a selection rule that is gone its recorded choices."""
    held = dict(chosen)
    rule = held.get("selector")
    if rule is not None and issubclass(rule.component.cls, StandIn):
        held["selector"] = _Remembered(rule.component, rule.values, choices_of(plan))
    return held


def choices_of(plan: dict[str, Any]) -> tuple[tuple[str, str, str], ...]:
    """Return what a selection rule chose; raises TypeError or ValueError for what are no choices."""
    choices = tuple((problem, arm, config) for problem, arm, config in plan.get("choices", ()))
    if not all(isinstance(text, str) for choice in choices for text in choice):
        raise TypeError
    return choices


def suite_of(plan: dict[str, Any]) -> ProblemList | None:
    """Return the suite as it was when the sweep ran; raises TypeError, KeyError or ValueError for none."""
    return None if plan.get("suite") is None else ProblemList.from_json(plan["suite"])


def rounds_of(plan: dict[str, Any]) -> Rounds | None:
    """Return the rounds of a plan; None where seeds did not come in rounds."""
    if plan.get("rounds") is None:
        return None
    looks = Rounds(tuple(plan["rounds"]["looks"]), plan["rounds"]["most"], plan["rounds"]["open"])
    numbers = [*looks.looks, looks.most, looks.open or 0]
    if not looks.looks or not all(type(number) is int for number in numbers):
        raise TypeError
    return looks


def rows_of(plan: dict[str, Any]) -> dict[str, Shapes]:
    """Return by problem the sizes of its splits; raises TypeError for what are none."""
    rows = {problem: Shapes(*sizes) for problem, sizes in plan.get("rows", {}).items()}
    for shapes in rows.values():
        sizes = (shapes.inputs, shapes.outputs, shapes.n_train, shapes.n_valid, shapes.n_test)
        if not all(type(size) is int for size in sizes) or not isinstance(shapes.same, str):
            raise TypeError
    return rows
