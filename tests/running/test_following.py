"""A store is followed while it is written: what is new is read once, and nothing old stays."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
from live_factory import trial as make_trial

from anncore import StoreError
from anncore.contract.trial import Trial, TrialResult
from anncore.running.following import NOTHING, ROWS, Follower, Slice
from anncore.running.store import Store


def never() -> bool:
    return False


def result(trial: Trial, status: str = "ok", loss: float = 0.1) -> tuple[Trial, TrialResult]:
    return trial, TrialResult(trial.key, status, {"valid_loss": loss})  # type: ignore[arg-type]


class Held:
    """What a reader holds who takes in every slice."""

    def __init__(self, follower: Follower) -> None:
        self.follower = follower
        self.rows: dict[str, list[str]] = {"tune": [], "report": []}
        self.results: dict[str, TrialResult] = {}
        self.read = 0

    def look(self, *, anyway: bool = False) -> Slice:
        brought = self.follower.look(never, anyway=anyway)
        self.take(brought)
        while brought.more:
            brought = self.follower.look(never)
            self.take(brought)
        return brought

    def take(self, brought: Slice) -> None:
        if brought.forget:
            self.results.clear()
            self.rows = {"tune": [], "report": []}
        for phase in brought.replaced:
            self.rows[phase] = []
        for row in brought.rows:
            self.rows[row.phase].append(row.key)
        self.results.update((one.key, one) for one in brought.results)
        self.read += len(brought.results)


TRIALS = [make_trial("adam", "xor", seed) for seed in range(2 * ROWS + 5)]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    with Store(tmp_path / "trials.sqlite") as opened:
        opened.plan("tune", TRIALS)
        opened.add(map(result, TRIALS[:-5]))
    return tmp_path


def test_a_follower_reads_in_slices_what_is_there(store: Path) -> None:
    follower = Follower(store)
    brought, rows, keys = [], [], []
    while not brought or brought[-1].more:
        brought.append(follower.look(lambda: True))
        rows += [row.key for row in brought[-1].rows]
        keys += [one.key for one in brought[-1].results]
        assert len(brought[-1].rows) <= ROWS
        assert len(brought[-1].results) <= ROWS
    assert rows == [trial.key for trial in TRIALS]
    assert keys == [trial.key for trial in TRIALS[:-5]]
    assert follower.look(never) == NOTHING


def test_of_a_file_that_grows_only_the_new_is_read(store: Path) -> None:
    held = Held(Follower(store))
    held.look()
    with Store(store / "trials.sqlite") as writer:
        for count, trial in enumerate(TRIALS[-5:], 1):
            writer.add([result(trial)])
            brought = held.look()
            assert [one.key for one in brought.results] == [trial.key], count
            assert brought.rows == ()
    assert held.read == len(TRIALS)
    held.look(anyway=True)
    assert held.read == len(TRIALS)


def test_a_follower_does_not_keep_the_sweep_from_leaving_one_plain_file(store: Path) -> None:
    follower = Follower(store)
    with Store(store / "trials.sqlite") as writer:
        follower.look(never)
        writer.add([result(TRIALS[-1])])
        follower.look(never)
    assert [path.name for path in store.iterdir()] == ["trials.sqlite"]


@pytest.mark.parametrize("again", [0, len(TRIALS) - 6], ids=["the first", "the last"])
def test_a_result_that_is_forgotten_and_run_again_is_the_new_one(store: Path, again: int) -> None:
    held = Held(Follower(store))
    held.look()
    with Store(store / "trials.sqlite") as writer:
        writer.delete([TRIALS[again].key])
        writer.add([result(TRIALS[again], loss=7.0)])
    held.look()
    assert held.results[TRIALS[again].key].metrics == {"valid_loss": 7.0}
    assert len(held.results) == len(TRIALS) - 5


def test_a_result_that_is_forgotten_is_gone(store: Path) -> None:
    held = Held(Follower(store))
    held.look()
    with Store(store / "trials.sqlite") as writer:
        writer.delete([TRIALS[3].key])
    held.look()
    assert TRIALS[3].key not in held.results
    assert len(held.results) == len(TRIALS) - 6


def test_another_plan_of_a_phase_takes_the_old_ones_place(store: Path) -> None:
    held = Held(Follower(store))
    held.look()
    with Store(store / "trials.sqlite") as writer:
        writer.plan("tune", TRIALS[:3])
    brought = held.look()
    assert brought.replaced == ("tune",)
    assert held.rows == {"tune": [trial.key for trial in TRIALS[:3]], "report": []}
    assert held.read == len(TRIALS) - 5  # results stand


def test_another_file_in_its_place_is_read_from_its_begin(store: Path, tmp_path: Path) -> None:
    held = Held(Follower(store))
    held.look()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with Store(elsewhere / "trials.sqlite") as other:
        other.plan("tune", TRIALS[:1])
        other.add([result(TRIALS[0])])
    (elsewhere / "trials.sqlite").replace(store / "trials.sqlite")
    assert held.look().forget
    assert list(held.results) == [TRIALS[0].key]


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE trials SET status = 'fine' WHERE rowid = 2", "checksum does not fit"),
        ("UPDATE trials SET curves = x'00' WHERE rowid = 2", "curves does not fit"),
        ("UPDATE planned SET row = '{' WHERE position = 1", "a row of the plan"),
        ("UPDATE planned SET row = '[]' WHERE position = 1", "a row of the plan"),
        ("DELETE FROM planned WHERE position > 3", "rows are lost"),
        ("UPDATE phases SET trials = 'x'", "rows"),
        ("DROP TABLE planned", "no such table"),
        ("INSERT INTO trials SELECT NULL, description, status, metrics, curves, steps_done, stopped, error, "
         "train_seconds, environment, checksum, curves_checksum FROM trials LIMIT 1", "trial None"),
    ],
)  # fmt: skip
def test_damage_is_said_once_and_is_over_when_the_file_is_whole(
    store: Path, statement: str, words: str
) -> None:
    shutil.copy(store / "trials.sqlite", store / "whole")
    db = sqlite3.connect(store / "trials.sqlite")
    db.execute(statement)
    db.commit()
    db.close()
    held = Held(Follower(store))
    with pytest.raises(StoreError, match=words):
        held.look()
    assert held.follower.look(never) == NOTHING  # not again before it changes
    (store / "whole").replace(store / "trials.sqlite")
    held.look()
    assert len(held.results) == len(TRIALS) - 5


def test_what_is_no_store_is_said_to_be_none(tmp_path: Path) -> None:
    follower = Follower(tmp_path)
    with pytest.raises(StoreError, match="no run folder"):
        follower.look(never, anyway=True)
    (tmp_path / "trials.sqlite").write_text("nothing of the kind")
    with pytest.raises(StoreError, match="damaged"):
        follower.look(never)
