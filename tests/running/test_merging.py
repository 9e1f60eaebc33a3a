"""Shards and merging: parts of a plan that were run apart give the tables of one sweep, or an error."""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sweep_factory import TUNED, load, stored_maps, without_seconds

from anncore import Executor, ExperimentError, StoreError, load_run, make_plan, merge_runs
from anncore.cli.group import cli
from anncore.experiment.sharding import Shard
from anncore.running.stopping import Stopper
from anncore.running.store import Store
from anncore.running.sweep import sweep

UNTUNED = "\nseeds = { report = [100, 7, 101] }\noptimizer.sgd.lr = [0.01, 0.1]\n"
TWO_SETS = TUNED + "dataset.sine.n = 60\n"


class Idle(Executor):
    """An executor that must not be asked."""

    name = "idle"

    def run(self, work: Any, tasks: Any, **options: Any) -> Any:
        raise AssertionError("there is nothing to run")


def in_shards(experiment: Any, folder: Path, count: int) -> list[Path]:
    """Run an experiment in so many shards, the last one first, and return their folders."""
    folders = [folder / f"shard-{index}" for index in range(1, count + 1)]
    for index in range(count, 0, -1):
        sweep(experiment, out=folders[index - 1], executor="serial", shard=f"{index}/{count}")
    return folders


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, Path, list[Path]]:
    """Return a folder, an experiment in it, the folder of its whole sweep, and those of its shards."""
    folder = tmp_path_factory.mktemp("parts")
    experiment = load(folder, TWO_SETS)
    sweep(experiment, out=folder / "whole", executor="serial")
    return folder, experiment, folder / "whole", in_shards(experiment, folder, 3)


def test_shards_that_are_joined_are_one_sweep(
    parts: tuple[Path, Any, Path, list[Path]], tmp_path: Path
) -> None:
    _, experiment, whole, shards = parts
    merged = merge_runs(shards, tmp_path / "joined")
    assert sum(merged.trials) == len(without_seconds(whole))
    assert (merged.shared, merged.replaced, merged.results.missing) == (0, 0, 0)
    assert without_seconds(tmp_path / "joined") == without_seconds(whole)
    assert stored_maps(tmp_path / "joined") == stored_maps(whole)
    one, other = load_run(whole), load_run(tmp_path / "joined")
    assert one.curves.equals(other.curves)
    assert one.selection.equals(other.selection)
    assert not sweep(experiment, out=tmp_path / "joined", executor=Idle()).missing


def test_trials_without_tuning_are_dealt_out_one_by_one(tmp_path: Path) -> None:
    experiment = load(tmp_path, UNTUNED)
    whole = sweep(experiment, out=tmp_path / "whole", executor="serial")
    shards = in_shards(experiment, tmp_path, 4)
    assert [len(load_run(folder).trials) for folder in shards] == [2, 2, 1, 1]
    merge_runs(shards[::-1], tmp_path / "joined")
    assert without_seconds(tmp_path / "joined") == without_seconds(whole)


@pytest.mark.parametrize("text", [TWO_SETS, UNTUNED])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_every_trial_belongs_to_one_shard(tmp_path: Path, text: str, count: int) -> None:
    plan = make_plan(load(tmp_path, text))
    for phase in (plan.tune, plan.report):
        dealt = Counter(
            (trial.key, trial.phase)
            for index in range(1, count + 1)
            for trial in Shard(index, count).trials(plan, phase())
        )
        assert dealt == Counter((trial.key, trial.phase) for trial in phase())


@pytest.mark.parametrize("text", ["", "1", "0/3", "4/3", "-1/3", "1/0", "1.0/2", "1/2/3", "1/99999999"])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(ExperimentError, match=r"shard is .*; write 1/5 for the first of five"):
        Shard.read(text)


@pytest.mark.parametrize(
    ("more", "shard", "reason"),
    [
        (TWO_SETS, "1/5", r"shard 1/5 divides 4 pairs of arm and problem, .* by 4 at most"),
        (UNTUNED, "1/7", r"shard 1/7 divides 6 trials; divide them by 6 at most"),
        (TUNED + "search.widen = true\n", "1/2", r"widen looks at all arms"),
        (TUNED + "[rounds]\n", "1/2", r"rounds look at all results"),
    ],
)
def test_a_plan_that_cannot_be_divided_is_refused(tmp_path: Path, more: str, shard: str, reason: str) -> None:
    with pytest.raises(ExperimentError, match=reason):
        sweep(load(tmp_path, more), out=tmp_path / "out", shard=shard)
    assert not (tmp_path / "out").exists()


def changed(folder: Path, statement: str) -> Path:
    """Return the folder, whose store was changed past annx by one SQL statement without its checksums."""
    db = sqlite3.connect(folder / "trials.sqlite")
    db.execute(statement)
    db.commit()
    db.close()
    return folder


def another_result(folder: Path, to: Path, **changes: Any) -> tuple[Path, str]:
    """Return a copy of a run folder in which one sound trial ended otherwise, and that trial's key."""
    shutil.copytree(folder, to)
    with Store(to / "trials.sqlite") as store:
        key = store.keys()[0]
        (result,) = store.results([key])
        (text,) = store._file.execute("SELECT description FROM trials WHERE key = ?", (key,)).fetchone()
        trial = type("Described", (), {"text": text})()
        store.add([(trial, result._replace(**changes))])
    return to, key


def test_two_results_of_one_trial_are_an_error(
    parts: tuple[Path, Any, Path, list[Path]], tmp_path: Path
) -> None:
    _, _, whole, shards = parts
    other, key = another_result(whole, tmp_path / "other", metrics={"loss": 0.125})
    with pytest.raises(StoreError) as conflict:
        merge_runs([*shards, other], tmp_path / "joined")
    message = str(conflict.value)
    assert message.startswith(f"trial {key[:12]} has other bits in ")
    assert f"than in {other} (on " in message
    assert "numpy" in message.lower()
    assert "\n" not in message
    assert not (tmp_path / "joined").exists()


@pytest.mark.parametrize("failed_first", [True, False])
def test_a_sound_result_stands_for_one_that_failed(
    parts: tuple[Path, Any, Path, list[Path]], tmp_path: Path, failed_first: bool
) -> None:
    _, _, whole, _ = parts
    other, _ = another_result(whole, tmp_path / "other", status="crashed", error="it died", metrics={})
    merged = merge_runs([other, whole] if failed_first else [whole, other], tmp_path / "joined")
    assert merged.replaced == failed_first
    assert without_seconds(tmp_path / "joined") == without_seconds(whole)


def test_what_is_joined_already_stays(parts: tuple[Path, Any, Path, list[Path]], tmp_path: Path) -> None:
    _, _, whole, shards = parts
    first = merge_runs(shards[:1], tmp_path / "joined")
    assert first.results.missing > 0
    second = merge_runs([shards[0], shards[0], shards[1], tmp_path / "joined"], tmp_path / "joined")
    assert (second.trials[0], second.shared) == (0, sum(first.trials))
    assert merge_runs([whole], tmp_path / "joined").results.missing == 0
    assert without_seconds(tmp_path / "joined") == without_seconds(whole)


def test_two_sweeps_that_were_stopped_are_joined_and_resumed(
    parts: tuple[Path, Any, Path, list[Path]], tmp_path: Path
) -> None:
    _, experiment, whole, _ = parts
    folders = []
    for number, most in enumerate((1, 2)):
        stopper = Stopper()
        ended: list[Any] = []

        def stop(event: Any, stopper: Stopper = stopper, ended: list[Any] = ended, most: int = most) -> None:
            ended.extend([event] if type(event).__name__ == "StackDone" else [])
            if len(ended) >= most:
                stopper.request()

        folders.append(tmp_path / str(number))
        sweep(experiment, out=folders[-1], executor="serial", stopper=stopper, on_event=stop)
    merged = merge_runs(folders, tmp_path / "joined")
    assert merged.results.missing > 0
    sweep(experiment, out=tmp_path / "joined", executor="serial")
    assert without_seconds(tmp_path / "joined") == without_seconds(whole)


def test_folders_of_two_experiments_are_refused(
    parts: tuple[Path, Any, Path, list[Path]], tmp_path: Path
) -> None:
    _, _, whole, _ = parts
    sweep(load(tmp_path, UNTUNED), out=tmp_path / "other", executor="serial", shard="1/6")
    with pytest.raises(StoreError, match=r"other was made from another experiment file than .*whole; only"):
        merge_runs([whole, tmp_path / "other"], tmp_path / "joined")
    assert not (tmp_path / "joined").exists()


def test_a_damaged_part_is_named(parts: tuple[Path, Any, Path, list[Path]], tmp_path: Path) -> None:
    _, _, whole, shards = parts
    damaged = shutil.copytree(shards[0], tmp_path / "damaged")
    changed(damaged, "UPDATE trials SET steps_done = steps_done + 1")
    with pytest.raises(StoreError, match=r"damaged.trials.sqlite is damaged .*checksum does not fit"):
        merge_runs([whole, damaged], tmp_path / "joined")
    assert not (tmp_path / "joined").exists()


def test_the_command_says_what_came_from_where(
    parts: tuple[Path, Any, Path, list[Path]], tmp_path: Path
) -> None:
    _, _, whole, shards = parts
    arguments = ["merge", str(shards[0]), str(whole), "--out", str(tmp_path / "joined"), "--no-figures"]
    shown = CliRunner().invoke(cli, arguments)
    assert shown.exit_code == 0
    rows = len(load_run(shards[0]).trials)
    lines = shown.output.splitlines()
    assert lines[:3] == [
        f"{shards[0]}: {rows} results",
        f"{whole}: {len(load_run(whole).trials) - rows} results",
        f"{rows} results of these were there already, with the same bits.",
    ]
    assert (tmp_path / "joined" / "report.html").is_file()


def test_a_shard_runs_into_a_folder_of_its_own(
    parts: tuple[Path, Any, Path, list[Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = parts[0]
    monkeypatch.chdir(tmp_path)
    arguments = ["sweep", str(folder / "small.toml"), "--shard", "2/3", "--executor", "serial"]
    shown = CliRunner().invoke(cli, arguments)
    assert shown.exit_code == 0
    assert "annx merge reports/small.shard-* --out reports/small" in shown.output
    assert without_seconds(tmp_path / "reports" / "small.shard-2-of-3") == without_seconds(folder / "shard-2")
    assert not (tmp_path / "reports" / "small.shard-2-of-3" / "report.html").exists()
    refused = CliRunner().invoke(cli, [*arguments, "--require", "adam better than sgd"])
    assert refused.exit_code == 2
    assert "give it to 'annx merge'" in refused.output
