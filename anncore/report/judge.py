"""`anncore.judge`: a report on results that annx did not compute, by the statistics of its own."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from anncore.contract.errors import ReportError, tells_users
from anncore.contract.kinds import Task
from anncore.contract.loading import load_registry
from anncore.contract.registry import Registered, Registry
from anncore.contract.trial import Split, Train
from anncore.evidence.csv_text import to_csv
from anncore.evidence.frame import refuse_other_frames
from anncore.evidence.results import PlanSummary
from anncore.evidence.selection import select
from anncore.experiment.model import Experiment, Limits, Select
from anncore.report.outside import Asked, Outside, outside
from anncore.report.run import Run
from anncore.report.write import write_report
from anncore.running.files import replace_file

if TYPE_CHECKING:
    import pandas as pd

LARGEST_STEP = 2.0**53
OURS = ("trials.sqlite", "plan.json")  # what only a sweep's run folder holds


@dataclass(frozen=True, repr=False)
class Judged(Run):
    """Results from elsewhere, as `anncore.judge` returns them: a `Run` without a run folder.

    meta: what the report says of where they came from.
    """

    meta: Mapping[str, Any] = field(default_factory=dict)

    @tells_users
    def report(self, folder: str | os.PathLike[str] | None = None, *, figures: bool = True) -> Path:
        """Write report.html, report.md, report.json, trials.csv and figures; return report.html's path.

        folder: by default the one that `judge` was given. Raises ReportError where it cannot hold a report.
        """
        self.written(Path(self.folder if folder is None else folder), figures=figures)
        return Path(self.folder if folder is None else folder) / "report.html"

    def written(self, folder: Path, *, figures: bool = True) -> dict[str, Any]:
        """Write the report into a folder and return report.json's content."""
        for name in OURS:
            if (folder / name).exists():
                raise ReportError(
                    f"{folder} is a sweep's run folder, which keeps its own report; give another."
                )
        try:
            folder.mkdir(parents=True, exist_ok=True)
            content = write_report(self, folder, meta=self.meta, figures=figures)
            replace_file(folder / "trials.csv", to_csv(self.trials))
        except OSError as error:
            raise ReportError(f"{folder} cannot hold a report: {error.strerror or error}.") from None
        return content

    def _environment(self) -> dict[str, Any]:
        return dict(self.meta)


@tells_users
def judge(
    frame: pd.DataFrame,
    *,
    goal: str | None = None,
    metric: str | None = None,
    bounds: str | None = None,
    columns: Mapping[str, str | Sequence[str]] | None = None,
    decimal: str | None = None,
    folder: str | os.PathLike[str] = "judged",
    name: str = "judged",
) -> Judged:
    """Return a report on anybody's results: the comparisons, cautions and figures that need no training.

    frame: a row per trial with the columns arm, problem, seed and score; phase, step, config and status may
    be there. Or wide: a column per arm, a row per problem and seed. Or what W&B and MLflow export. Without a
    column problem there is one; without seeds an arm has one row on each problem. Equal seeds of a problem
    must have seen the same data and split; a seed that not every arm has is left out, and the report says so.
    An empty score is a trial that failed, an infinite one a trial that diverged. Rows whose phase is "tune"
    and trials that are still running are left out; of several steps the last one counts, and the others are
    learning curves.

    goal: "min" or "max"; by default that of the metric, else "min". metric: the column of scores, or what the
    column `score` holds, for example "accuracy". bounds: between what scores lie: "[0, 1]" compares shares in
    points, "[0, inf)" positive scores by ratios, "(-inf, inf)" in their own units; by default those of
    the metric, else the last. columns: by role (arm, problem, seed, score, phase, step, config, status) the
    column that has it, where it is called otherwise: {"arm": "method"}; several for config. decimal: "," or
    ".", where the texts of numbers leave it open. folder: where `report()` writes. name: what the report is
    called.

    Raises TypeError for what is no data frame, and ReportError, in one line, for what the frame lacks.
    """
    refuse_other_frames(frame)
    if goal not in (None, "min", "max"):
        raise ReportError(f"goal must be 'min' or 'max', got {goal!r}.")
    if decimal not in (None, ",", "."):
        raise ReportError(f"decimal must be ',' or '.', got {decimal!r}.")
    registry = load_registry()
    read = outside(frame, Asked(metric, goal, bounds, columns, decimal), registry)
    experiment = _experiment(read, registry, name)
    trials = _trials(read)
    arms = tuple(dict.fromkeys(read.rows["arm"]))
    problems = tuple(dict.fromkeys(read.rows["problem"]))
    return Judged(
        experiment,
        PlanSummary(arms, problems, {"total": len(trials), "tune": 0, "report": len(trials)}),
        trials,
        _curves(read, trials),
        select(trials.iloc[:0], experiment.select),
        folder=Path(folder),
        meta={"judged": _origin(read)},
    )


def _origin(read: Outside) -> dict[str, Any]:
    """Return what the report says of where the numbers came from."""
    return {
        "scores": read.column,
        "goal": read.goal,
        "bounds": read.bounds,
        "rows": len(read.rows),
        "sha256": hashlib.sha256(to_csv(read.rows.drop(columns="seed_text"))).hexdigest(),
        "notes": list(read.notes),
    }


def _experiment(read: Outside, registry: Registry, name: str) -> Experiment:
    """Return the question that a table asks: which arm is best?"""
    if not read.known:
        registry = registry.changed(components=(*registry.components, _metric(read)))
    rule = Select(f"valid_{read.metric}", "max" if read.goal == "max" else "min")
    return Experiment(
        name=name,
        title=name,
        question="",
        path=None,
        base=Path(),
        text="",
        document={},
        overrides=(),
        only=(),
        skip=(),
        quick=False,
        vary=("arm",),
        train=Train(),
        split=Split(),
        sweep_seed=0,
        tune_seeds=(),
        report_seeds=tuple(dict.fromkeys(read.rows["seed"])),
        select_metric=rule.metric,
        select_goal=rule.goal,
        selection=rule,
        entries={},
        search=None,
        exclude=(),
        include=(),
        limits=Limits(),
        report={},
        plugin_files=(),
        registry=registry,
    )


def _metric(read: Outside) -> Registered:
    """Return the metric that a table's scores are, where none that is installed is the same."""

    @dataclass(frozen=True)
    class Score:
        """A score that was handed over."""

        name: ClassVar[str] = read.metric
        goal: ClassVar[str] = read.goal
        bounds: ClassVar[str] = read.bounds
        worth: ClassVar[float | None] = None
        watches: ClassVar[bool] = False
        from_network: ClassVar[bool] = False
        primary: ClassVar[bool] = False
        tasks: ClassVar[tuple[Task, ...]] = ()

    return Registered("metric", read.metric, Score, "judged", "", "judged")


def _trials(read: Outside) -> pd.DataFrame:
    """Return the rows as a sweep's trials."""
    rows = read.rows
    scores = rows["score"].where(rows["status"] == "ok")
    return (
        rows[["status", "problem", "arm", "config"]]
        .assign(phase="report", dataset=rows["data_set"], seed=rows["seed"], **{read.column: scores})
        .assign(key=[f"{place:064x}" for place in range(len(rows))])
        .assign(steps_done=_steps_done(rows), stopped="", error="", environment="", train_seconds=math.nan)
    )


def _steps_done(rows: pd.DataFrame) -> list[int]:
    """Return the last step of each trial; 0 where the table does not say."""
    return [int(step) if math.isfinite(step) and abs(step) < LARGEST_STEP else 0 for step in rows["step"]]


def _curves(read: Outside, trials: pd.DataFrame) -> pd.DataFrame:
    """Return the scores at the steps of each trial as its learning curve, called as the score is."""
    import pandas as pd

    if read.curves is None:
        return pd.DataFrame({"key": [], "step": [], "metric": [], "value": []})
    trial = ["problem", "arm", "seed_text", "config"]
    keys = read.rows[trial].assign(key=trials["key"].to_numpy())
    steps = read.curves.rename(columns={"seed": "seed_text", "score": "value"})
    curves = steps.merge(keys, on=trial).sort_values(["key", "step"], kind="stable")
    return curves.assign(metric=read.column)[["key", "step", "metric", "value"]].reset_index(drop=True)
