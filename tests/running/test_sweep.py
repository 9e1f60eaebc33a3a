"""Sweeps: the same tables however they are run; trouble stays with who makes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from left_behind import children, no_process_stays_behind  # noqa: F401
from sweep_factory import REPORT, SLOW, TUNED, load, stored_maps, without_seconds

from anncore import (
    Executor,
    ExperimentError,
    PluginError,
    StoreError,
    load_experiment,
    load_registry,
    load_run,
)
from anncore.contract.events import PhaseDone, PhaseStarted, Progressed, StackDone
from anncore.contract.trial import TrialResult
from anncore.engine.datasets import _CACHE
from anncore.evidence.csv_text import to_csv
from anncore.running.run_folder import RunFolder
from anncore.running.store import Store
from anncore.running.sweep import sweep
from anncore.running.trial_runs import Crew, run_trials
from anncore.running.worker import Task, Work


class Idle(Executor):
    """An executor that must not be asked."""

    name = "idle"

    def run(self, work: Any, tasks: Any, **options: Any) -> Any:
        raise AssertionError("there is nothing to run")


# ---- the same tables however they are run


def test_a_sweep_tunes_selects_and_reports_on_fresh_seeds(tmp_path: Path) -> None:
    events: list[Any] = []
    results = sweep(load(tmp_path, TUNED), out=tmp_path / "run", executor="serial", on_event=events.append)
    trials = results.trials
    tune, report = trials[trials["phase"] == "tune"], trials[trials["phase"] == "report"]
    assert sorted(set(tune["seed"])) == [0, 1]
    assert sorted(set(report["seed"])) == [100, 101, 102]
    assert len(tune) == 2 * (3 + 2)
    chosen = dict(zip(results.selection["arm"], results.selection["config"], strict=True))
    assert {(row.arm, row.config) for row in report.itertuples()} == set(chosen.items())
    assert report.groupby("arm").size().to_dict() == {"sgd": 3, "adam": 3}
    # The test split is opened for the report's trials only.
    tests = [name for name in trials if name.startswith("test_")]
    assert tune[tests].isna().all(axis=None)
    assert report["test_loss"].notna().all()
    # Each arm's choice has the best mean of its configurations.
    means = tune.groupby(["arm", "config"])["valid_loss"].mean()
    assert chosen == {arm: means[arm].idxmin() for arm in ("sgd", "adam")}
    assert results.selection["fresh_score"].tolist() == [
        pytest.approx(report[report["arm"] == arm]["valid_loss"].mean()) for arm in ("sgd", "adam")
    ]
    assert (results.missing, results.failures, results.stopped) == (0, 0, "")
    started = [event for event in events if isinstance(event, PhaseStarted)]
    assert [(phase.phase, phase.total, phase.todo) for phase in started] == [
        ("tune", 10, 10),
        ("report", 6, 6),
    ]
    stacks = [event for event in events if isinstance(event, StackDone)]
    assert sum(len(event.results) for event in stacks) == 16
    assert stacks[-1].counts == {"ok": 6}
    assert events[-1] == PhaseDone("report", {"ok": 6}, "")
    curves = results.curves
    assert set(curves["key"]) == set(trials["key"])
    assert set(curves["step"]) == {0, 3, 6}


@pytest.mark.slow
def test_jobs_and_executors_make_no_difference(tmp_path: Path) -> None:
    experiment = load(tmp_path, TUNED)
    runs = {
        name: sweep(experiment, out=tmp_path / name, executor=executor, jobs=jobs)
        for name, executor, jobs in (("a", "serial", 1), ("b", "processes", 1), ("c", "processes", 2))
    }
    tables = {name: without_seconds(tmp_path / name) for name in runs}
    curves = {name: (tmp_path / name / "curves.csv.gz").read_bytes() for name in runs}
    assert tables["a"] == tables["b"] == tables["c"]
    assert curves["a"] == curves["b"] == curves["c"]
    maps = {name: stored_maps(tmp_path / name) for name in runs}
    assert len(maps["a"]) == 6, "one for each of the report's trials"
    assert maps["a"] == maps["b"] == maps["c"]


def test_a_second_run_does_nothing_but_the_tables(tmp_path: Path) -> None:
    experiment, events = load(tmp_path, TUNED), []
    first = sweep(experiment, out=tmp_path / "run", executor="serial")
    again = sweep(experiment, out=tmp_path / "run", executor=Idle(), on_event=events.append)  # type: ignore[arg-type]
    assert to_csv(again.trials) == to_csv(first.trials)  # seconds too: they are the first run's
    assert [event.todo for event in events if isinstance(event, PhaseStarted)] == [0, 0]


COUNTING = """
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
import numpy as np
from anncore import Data, hookimpl, hyper, Dataset

def note(what: str) -> None:
    with Path(__file__).with_name("log").open("a") as log:
        log.write(f"{os.getpid()} {what}\\n")

note("loaded")

@dataclass(frozen=True)
class Counted(Dataset):
    "Tells whenever it is made."
    name: ClassVar[str] = "counted"
    n: int = hyper(60, "int [10, inf)")

    def make(self, rng: np.random.Generator) -> Data:
        note(f"made {self.n} {rng.bit_generator.seed_seq.entropy}")
        x = rng.standard_normal((self.n, 2))
        return Data(x, (x[:, 0] > 0).astype(int), "binary")

@hookimpl
def annx_datasets() -> list[Any]:
    return [Counted]
"""


def load_counted(folder: Path) -> Any:
    (folder / "counted.py").write_text(COUNTING)
    text = (
        "seeds = { tune = [0, 1], report = [100, 101] }\n"
        "optimizer.sgd.lr = [0.01, 0.1]\noptimizer.adam.lr = 0.01\ndataset.counted = {}\n"
    )
    hidden = "[[2], [3], [4], [5]]"  # stacks of four shapes in either phase
    return load(folder, "\n" + text, hidden=hidden, plugins=[folder / "counted.py"], only=["dataset=counted"])


@pytest.mark.slow
def test_plugins_and_data_are_paid_for_once_per_process(tmp_path: Path) -> None:
    stacks: list[StackDone] = []
    sweep(
        load_counted(tmp_path),
        out=tmp_path / "run",
        jobs=2,
        on_event=lambda event: stacks.append(event) if isinstance(event, StackDone) else None,
    )
    noted = (tmp_path / "log").read_text().splitlines()
    assert len(stacks) >= 8
    assert len({line.split()[0] for line in noted}) <= 3  # this process and two workers
    assert len(noted) == len(set(noted))


LOOKS = """
import sys
from dataclasses import dataclass
from multiprocessing import current_process
from pathlib import Path
from typing import ClassVar
from anncore import Hyper, Optimizer, hookimpl, hyper

@dataclass(frozen=True)
class Looks(Optimizer):
    '''Gradient descent that writes down what its process has imported.'''
    name: ClassVar[str] = "looks"
    lr: Hyper = hyper(0.1, "(0, inf)")
    def init(self, weight):
        if current_process().name == "annx worker":
            Path(__file__).with_suffix(".txt").write_text("\\n".join(sys.modules))
        return ()
    def step(self, weight, grad, state, t):
        return -self.lr * grad, ()

@hookimpl
def annx_optimizers(): return [Looks]
"""


def test_a_worker_imports_what_it_trains_and_nothing_to_judge_or_draw_with(tmp_path: Path) -> None:
    (tmp_path / "looks.py").write_text(LOOKS)
    (tmp_path / "x.toml").write_text(
        'vary = ["optimizer"]\nplugins.files = ["looks.py"]\ntrain = { steps = 2, eval_every = 2 }\n'
        "seeds.report = [0]\ndataset.two_moons.n = 60\nnetwork.mlp.hidden = [[4]]\n[optimizer.looks]\n"
    )
    sweep(load_experiment(tmp_path / "x.toml"), out=tmp_path / "run", jobs=1)
    imported = (tmp_path / "looks.txt").read_text().splitlines()
    assert "anncore.running.worker" in imported
    assert "annx_plugins.datasets.two_moons" in imported
    dear = {"pandas", "scipy", "sklearn", "matplotlib", "seaborn", "jinja2", "rich"}
    assert dear.isdisjoint(imported)
    assert [name for name in imported if name.startswith(("anncore.report", "anncore.evidence"))] == []


def test_a_finished_sweep_makes_no_data(tmp_path: Path) -> None:
    sweep(load_counted(tmp_path), out=tmp_path / "run", executor="serial")
    _CACHE.clear()
    (tmp_path / "log").unlink()
    results = sweep(load_counted(tmp_path), out=tmp_path / "run", executor=Idle())
    assert results.missing == 0
    assert [line.split()[1] for line in (tmp_path / "log").read_text().splitlines()] == ["loaded"]


def test_a_file_whose_content_changed_is_read_again(tmp_path: Path) -> None:
    def swept(rows: int) -> int:
        lines = [f"{i % 7},{i % 5},{'ab'[i % 2]}" for i in range(rows)]
        (tmp_path / "points.csv").write_text("\n".join(["u,v,class", *lines]) + "\n")
        text = "\n" + REPORT + 'dataset.points = { use = "csv", path = "points.csv", target = "class" }\n'
        experiment = load(tmp_path, text + "optimizer.sgd.lr = 0.1\n", only=["dataset=points"])
        sweep(experiment, out=tmp_path / "run", executor="serial")
        (shapes,) = RunFolder(tmp_path / "run").shapes().values()
        return shapes.n_train + shapes.n_valid + shapes.n_test

    assert [swept(40), swept(40), swept(50)] == [40, 40, 50]


@pytest.mark.parametrize("plan", ["", "[]", '{"shapes": 3}', '{"shapes": {"a": [1]}}', '{"schema": 99}'])
def test_a_plan_that_cannot_be_read_is_made_anew(tmp_path: Path, plan: str) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "plan.json").write_text(plan)
    assert RunFolder(tmp_path / "run").shapes() == {}


def test_overrides_make_other_trials_and_keep_the_old_ones(tmp_path: Path) -> None:
    old = sweep(load(tmp_path, TUNED), out=tmp_path / "run", executor="serial")
    new = sweep(load(tmp_path, TUNED, overrides=["train.steps=3"]), out=tmp_path / "run", executor="serial")
    assert set(new.trials["key"]).isdisjoint(old.trials["key"])
    assert len(new.trials) == len(old.trials)
    back = sweep(load(tmp_path, TUNED), out=tmp_path / "run", executor=Idle())  # type: ignore[arg-type]
    assert to_csv(back.trials) == to_csv(old.trials)


def test_fresh_runs_the_plan_anew_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "run"
    other = sweep(load(tmp_path, TUNED, overrides=["train.steps=3"]), out=out, executor="serial")
    old = sweep(load(tmp_path, TUNED), out=out, executor="serial")
    events: list[Any] = []
    new = sweep(load(tmp_path, TUNED), out=out, executor="serial", fresh=True, on_event=events.append)
    assert [event.todo for event in events if isinstance(event, PhaseStarted)] == [10, 6]
    assert without_seconds(new) == without_seconds(old)
    with Store(out / "trials.sqlite", write=False) as store:
        assert len(store.statuses(other.trials["key"])) == len(other.trials)


# ---- trouble stays with who makes it

TROUBLED = 'optimizer.sgd.lr = 0.1\n[optimizer.trouble]\nhow = ["none", "raise", "exit", "leave", "nan"]\n'


@pytest.mark.slow
def test_only_the_guilty_fail_and_nothing_else_is_touched(tmp_path: Path) -> None:
    text = "\n" + REPORT + TROUBLED
    peaceful = text.replace('"raise", "exit", "leave", "nan"', "")
    peace = sweep(load(tmp_path, peaceful), out=tmp_path / "a", executor="serial")
    results = sweep(load(tmp_path, text), out=tmp_path / "b", jobs=2)
    trials = results.trials
    by_how = trials.groupby("optimizer.how")["status"]
    assert {how: (len(statuses), *set(statuses)) for how, statuses in by_how} == {
        "none": (2, "ok"),
        "raise": (2, "failed"),
        "leave": (2, "failed"),
        "exit": (2, "crashed"),
        "nan": (2, "diverged"),
    }
    innocent = trials[trials["status"] == "ok"]
    keep = [name for name in peace.trials if name not in ("config", "train_seconds")]  # a how more has a name
    assert innocent[keep].to_csv() == peace.trials.set_index(innocent.index)[keep].to_csv()
    errors = trials.groupby("optimizer.how")["error"].unique()
    (raised,) = errors["raise"]
    assert raised.startswith("Traceback")
    assert raised.endswith("ArithmeticError: I cannot go on")
    assert "trouble.py" in raised
    assert list(errors["exit"]) == ["the worker process ended with exit code 3"]
    assert set(trials[trials["optimizer.how"] == "leave"]["error"].str[-15:]) == {"SystemExit: bye"}
    assert results.failures == 6
    assert "I cannot go on" in (tmp_path / "b" / "annx.log").read_text()


@pytest.mark.slow
def test_a_crash_in_c_or_a_hoard_of_memory_is_the_guilty_trial_s_alone(tmp_path: Path) -> None:
    text = '\nseeds.report = [0]\n[optimizer.trouble]\nhow = ["none", "abort", "segfault", "allocate"]\n'
    registry = load_registry()
    executor = registry.get("executor", "processes").cls(memory=2.0)
    trials = sweep(load(tmp_path, text), out=tmp_path / "run", jobs=1, executor=executor).trials
    rows = trials.set_index("optimizer.how")[["status", "error"]]
    assert rows["status"].to_dict() == {
        "none": "ok",
        "abort": "crashed",
        "segfault": "crashed",
        "allocate": "failed",
    }
    assert rows["error"]["abort"] == "the worker process was killed by SIGABRT"
    assert rows["error"]["segfault"] == "the worker process was killed by SIGSEGV"
    assert "MemoryError" in rows["error"]["allocate"].splitlines()[-1]


def test_a_failure_is_kept_until_it_is_to_be_tried_again(tmp_path: Path) -> None:
    experiment = load(tmp_path, "\n" + REPORT + '[optimizer.trouble]\nhow = ["none", "raise", "nan"]\n')
    first = sweep(experiment, out=tmp_path / "run", executor="serial")
    assert first.trials["status"].value_counts().to_dict() == {"ok": 2, "failed": 2, "diverged": 2}
    sweep(experiment, out=tmp_path / "run", executor=Idle())  # type: ignore[arg-type]
    events: list[Any] = []
    again = sweep(
        experiment, out=tmp_path / "run", executor="serial", retry_failed=True, on_event=events.append
    )
    assert [event.todo for event in events if isinstance(event, PhaseStarted)] == [2]
    assert without_seconds(again) == without_seconds(first)


def test_the_first_failure_stops_a_sweep_that_shall_fail_fast(tmp_path: Path) -> None:
    text = "\n" + REPORT + 'optimizer.trouble.how = "raise"\n'
    experiment = load(tmp_path, text, hidden="[[2], [3], [4]]")
    results = sweep(experiment, out=tmp_path / "run", executor="serial", fail_fast=True)
    assert (results.stopped, len(results.trials), results.missing) == ("fail_fast", 2, 4)


@pytest.mark.slow
def test_a_trial_that_hangs_is_timed_out_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # It hangs while its worker warms up for it, in its stack and then alone: ten seconds more each time.
    monkeypatch.setattr("annx_plugins.executors.processes.WARM_UP", 4.0)
    text = '\nseeds.report = [0]\nlimits.timeout = "2s"\noptimizer.trouble.how = ["none", "hang"]\n'
    trials = sweep(load(tmp_path, text), out=tmp_path / "run", jobs=1).trials
    rows = trials[["optimizer.how", "status", "error"]].to_numpy().tolist()
    assert rows == [["none", "ok", ""], ["hang", "timeout", "not finished after 2 s"]]


@pytest.mark.slow
def test_a_component_that_changes_meanwhile_is_an_error(tmp_path: Path) -> None:
    experiment = load(tmp_path, SLOW)
    file = tmp_path / "trouble.py"
    file.write_text(file.read_text() + "# changed\n")
    with pytest.raises(
        PluginError, match=r"trouble was planned in version \w+, and a worker found \w+; it has"
    ):
        sweep(experiment, out=tmp_path / "run", jobs=1)
    assert len(load_run(tmp_path / "run").trials) == 0


def test_a_part_that_raises_before_it_is_run_fails_its_own_trials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a network whose `specs` raises would: trials are packed in the driver."""
    from anncore.engine import packing

    honest = packing.stack_size

    def size(trial: Any, registry: Any) -> int:
        if trial.parts["network"].params["hidden"] == [3]:
            raise ArithmeticError
        return honest(trial, registry)

    monkeypatch.setattr(packing, "stack_size", size)
    experiment = load(tmp_path, "\n" + REPORT + "optimizer.sgd.lr = [0.1, 0.2]\n", hidden="[[2], [3], [4]]")
    results = sweep(experiment, out=tmp_path / "run", executor="serial")
    assert set(results.trials["status"]) == {"ok"}
    assert results.missing == 0


def test_results_of_other_trials_are_refused(tmp_path: Path) -> None:
    from anncore.experiment.plan import make_plan

    experiment = load(tmp_path, "\n" + REPORT + "optimizer.sgd.lr = 0.1\n")
    trials = list(make_plan(experiment).report(None))
    other = TrialResult("other", "ok")
    work = Work((), experiment.registry, train=lambda trials, registry: [other] * len(trials))
    outcomes = work(Task(tuple(trials)))
    assert [result.status for result in outcomes] == ["failed", "failed"]  # type: ignore[union-attr]
    assert "the results of other trials" in outcomes[0].error  # type: ignore[union-attr]


def test_a_trial_that_stands_twice_in_the_plan_is_run_once(tmp_path: Path) -> None:
    same = '{ use = "sgd", lr = 0.1 }\n'
    text = f"\n{REPORT}optimizer.a = {same}optimizer.b = {same}"
    results = sweep(load(tmp_path, text), out=tmp_path / "run", executor="serial")
    assert results.trials["arm"].tolist() == ["a", "a", "b", "b"]
    assert results.trials["key"].nunique() == 2
    assert len(results.curves) == len(results.curves.drop_duplicates(["key", "step", "metric"]))


@pytest.mark.slow
def test_what_plugins_print_stays_off_standard_output(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    sweep(load(tmp_path, "\n" + REPORT + 'optimizer.trouble.how = "none"\n'), out=tmp_path / "run", jobs=1)
    assert capfd.readouterr().out == ""


# ---- refusals


def test_a_refused_plan_leaves_no_folder_behind(tmp_path: Path) -> None:
    experiment = load(tmp_path, TUNED + "limits.max_trials = 3\n")
    with pytest.raises(ExperimentError, match="16 trials"):
        sweep(experiment, out=tmp_path / "deep" / "run", executor="serial")
    assert not (tmp_path / "deep").exists()
    results = sweep(experiment, out=tmp_path / "deep" / "run", executor="serial", allow_large=True)
    assert len(results.trials) == 16


def test_workers_start_while_the_first_plan_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import multiprocessing

    from anncore.running import sweep as module

    seen: list[int] = []

    def planning(*arguments: Any, **options: Any) -> Any:
        seen.append(len(multiprocessing.active_children()))
        return make_plan(*arguments, **options)

    make_plan = module.make_plan
    monkeypatch.setattr(module, "make_plan", planning)
    experiment = load(tmp_path, TUNED)
    sweep(experiment, out=tmp_path / "run", executor="processes", jobs=2)
    assert seen[0] == 2
    seen.clear()
    sweep(experiment, out=tmp_path / "run", executor="processes", jobs=2)
    assert seen[0] == 0  # what is done may be all of it: a finished sweep answers at once
    refused = load(tmp_path, TUNED + "limits.max_trials = 3\n")
    with pytest.raises(ExperimentError, match="16 trials"):
        sweep(refused, out=tmp_path / "other", executor="processes", jobs=2)
    assert not (tmp_path / "other").exists()
    assert not multiprocessing.active_children()


def test_an_unknown_executor_leaves_no_folder_behind(tmp_path: Path) -> None:
    from anncore import ComponentError

    with pytest.raises(ComponentError, match="Did you mean 'serial'"):
        sweep(load(tmp_path, TUNED), out=tmp_path / "run", executor="serialy")
    assert not (tmp_path / "run").exists()


def test_two_sweeps_in_one_folder_are_refused(tmp_path: Path) -> None:
    experiment, seen = load(tmp_path, "\n" + REPORT + "optimizer.sgd.lr = 0.1\n"), []

    def again(event: Any) -> None:
        with pytest.raises(StoreError, match="in use by another sweep"):
            sweep(experiment, out=tmp_path / "run", executor="serial")
        seen.append(event)

    assert len(sweep(experiment, out=tmp_path / "run", executor="serial", on_event=again).trials) == 2
    assert len([event for event in seen if not isinstance(event, Progressed)]) == 3


def test_trials_are_run_in_stacks(tmp_path: Path) -> None:
    from anncore.experiment.plan import make_plan

    experiment = load(tmp_path, TUNED)
    sizes: list[int] = []
    with Store(tmp_path / "s.sqlite") as store:
        registry = experiment.registry
        crew = Crew(registry.get("executor", "serial").cls(), Work(registry.files, registry))
        trials = make_plan(experiment).tune()
        run_trials(trials, store, registry, crew, lambda results: sizes.append(len(results)))
    assert sum(sizes) == 10
    assert np.mean(sizes) > 2
