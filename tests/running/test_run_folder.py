"""The run folder: what lies in it, and that results come back from it without anything else."""

from __future__ import annotations

import gzip
import json
import logging
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import pytest
from sweep_factory import TUNED, load

import anncore
from anncore import Executor, StoreError, load_run, sweep
from anncore.evidence.csv_text import to_csv
from anncore.running.environment import environment
from anncore.running.run_folder import RunFolder

CSV = """
seeds = { report = [0, 1] }
dataset.mine = { use = "csv", path = "data.csv", target = "y" }
optimizer.sgd.lr = 0.1
"""


def swept(folder: Path, text: str = TUNED, **options: Any) -> Any:
    command = ["annx", "sweep", "my file.toml"]
    return sweep(load(folder, text, **options), out=folder / "run", executor="serial", command=command)


def test_a_run_folder_holds_what_is_documented_and_nothing_else(tmp_path: Path) -> None:
    results = swept(tmp_path, overrides=["train.eval_every=2"], only=["optimizer=*"])
    run = tmp_path / "run"
    tables = {"trials.csv", "curves.csv.gz", "trials.sqlite"}
    records = {"experiment.toml", "plan.json", "env.json", "annx.log"}
    assert {path.name for path in run.iterdir()} == tables | records
    assert (run / "experiment.toml").read_text() == (tmp_path / "small.toml").read_text()
    assert (run / "trials.csv").read_bytes() == to_csv(results.trials)
    assert gzip.decompress((run / "curves.csv.gz").read_bytes()) == to_csv(results.curves)
    plan = json.loads((run / "plan.json").read_text())
    assert plan["counts"]["total"] == len(results.trials) == 16
    assert (plan["overrides"], plan["only"]) == (["train.eval_every=2"], ["optimizer=*"])
    assert (plan["arms"], plan["problems"]) == (["sgd", "adam"], ["xor"])
    env = json.loads((run / "env.json").read_text())
    assert env["command"] == "annx sweep 'my file.toml'"
    assert env["annx"] == anncore.__version__
    assert set(env["plugins"]) == {"annx", "trouble"}
    log = (run / "annx.log").read_text()
    assert "tune: 10 trials, 0 of them done" in log
    assert "report: 6 ok" in log


class Talking(Executor):
    """Runs everything here, and tells its own logger of it."""

    name: ClassVar[str] = "talking"

    def run(self, work: Any, tasks: Any, *, jobs: int, stop: Any) -> Iterator[tuple[Any, Any]]:
        for task in tasks:
            logging.getLogger(__name__).warning("worker %s is gone", "tcp://127.0.0.1:1")
            yield task, work(task)


def test_what_an_executor_logs_stands_in_the_log(tmp_path: Path) -> None:
    sweep(load(tmp_path, TUNED, only=["optimizer=sgd"]), out=tmp_path / "run", executor=Talking())
    told = f"WARNING {__name__}: worker tcp://127.0.0.1:1 is gone"
    assert told in (tmp_path / "run" / "annx.log").read_text()
    assert logging.getLogger(__name__).handlers == []


def test_results_come_back_from_a_run_folder(tmp_path: Path) -> None:
    results = swept(tmp_path, overrides=["train.eval_every=2"])
    (tmp_path / "small.toml").unlink()
    loaded = load_run(tmp_path / "run")
    pd.testing.assert_frame_equal(loaded.trials, results.trials)
    pd.testing.assert_frame_equal(loaded.curves, results.curves)
    pd.testing.assert_frame_equal(loaded.selection, results.selection)
    assert loaded.plan == results.plan
    assert loaded.experiment.name == "small"
    assert loaded.experiment.document == results.experiment.document
    assert loaded.experiment.select == results.experiment.select
    assert len(load_run(tmp_path / "run", curves=False).curves) == 0


def test_results_come_back_when_the_data_are_gone(tmp_path: Path) -> None:
    rows = [f"{i % 7},{i % 5},{'ab'[i % 2]}" for i in range(60)]
    (tmp_path / "data.csv").write_text("\n".join(["u,v,y", *rows]) + "\n")
    experiment = load(tmp_path, CSV)
    results = sweep(experiment, out=tmp_path / "run", executor="serial")
    (tmp_path / "data.csv").unlink()
    pd.testing.assert_frame_equal(load_run(tmp_path / "run").trials, results.trials)


@pytest.mark.slow
def test_a_run_can_be_read_while_it_runs(tmp_path: Path) -> None:
    seen: list[int] = []
    sweep(
        load(tmp_path, TUNED),
        out=tmp_path / "run",
        executor="serial",
        on_event=lambda event: seen.append(len(load_run(tmp_path / "run").trials)),
    )
    assert seen[0] == 0
    assert seen[-1] == 16
    assert seen == sorted(seen)


def test_what_is_no_run_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"is no run folder: it has no plan\.json"):
        load_run(tmp_path / "nowhere")
    swept(tmp_path)
    (tmp_path / "run" / "plan.json").write_text("{")
    with pytest.raises(StoreError, match=r"plan\.json cannot be read .* run the sweep again"):
        load_run(tmp_path / "run")
    (tmp_path / "run" / "plan.json").write_text('{"schema": 99, "annx": "9.0"}')
    with pytest.raises(StoreError, match=r"newer annx \(9\.0\); upgrade annx"):
        load_run(tmp_path / "run")


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(StoreError, match=r"cannot be made a run folder: .* out="),
        RunFolder(tmp_path / "file" / "run").store(),
    ):
        pass


def test_a_store_that_cannot_be_opened_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path) -> None:
        raise StoreError("on a network")

    monkeypatch.setattr("anncore.running.database.refuse_network", refuse)
    with pytest.raises(StoreError, match="on a network"), RunFolder(tmp_path / "a" / "b").store():
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_environment_names_versions_machine_and_commit(tmp_path: Path) -> None:
    registry = anncore.load_registry()
    facts = environment(registry, tmp_path, ["annx"])
    assert json.loads(json.dumps(facts)) == facts
    assert facts["packages"]["numpy"] == __import__("numpy").__version__
    assert facts["plugins"]["annx"] == anncore.__version__
    assert "blas" in facts["blas"].lower() or facts["blas"]
    assert facts["git_commit"] is None
    quiet = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}

    def git(*arguments: str) -> str:
        who = ("-c", "user.name=n", "-c", "user.email=e@x.org")
        done = subprocess.run(
            ["git", *who, "-C", str(tmp_path), *arguments],
            check=True,
            env=quiet,
            capture_output=True,
            text=True,
            timeout=300,
        )
        return done.stdout.strip()

    (tmp_path / "file").write_text("1")
    git("init", "-q")
    git("add", "file")
    git("commit", "-q", "-m", "one")
    head = git("rev-parse", "HEAD")
    assert environment(registry, tmp_path, [])["git_commit"] == head
    (tmp_path / "file").write_text("2")
    assert environment(registry, tmp_path, [])["git_commit"] == head + "+"
