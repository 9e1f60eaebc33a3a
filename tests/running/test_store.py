"""The store: every bit comes back, one writer, and every problem with the file said in one line."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import textwrap
import threading
import zlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from anncore import StoreError
from anncore.contract.trial import Part, PlannedRow, Split, Train, Trial, TrialResult
from anncore.running.files import refuse_network, replace_file
from anncore.running.float_blobs import pack_floats, unpack_floats
from anncore.running.following import Follower
from anncore.running.store import Store


def make_trial(seed: int, **more: Any) -> Trial:
    part = Part("optimizer", "annx:adam", "1", {"lr": 0.1})
    return Trial({"optimizer": part}, Train(), Split(), sweep_seed=0, seed=seed, test=False, **more)


def make_result(trial: Trial, status: Any = "ok", **more: Any) -> TrialResult:
    return TrialResult(trial.key, status, {"valid_loss": 0.1}, **more)


def bits(values: Any) -> list[bytes]:
    return [struct.pack("<d", value) for value in values]


ODD = [
    math.nan,
    -math.nan,
    math.inf,
    -math.inf,
    -0.0,
    5e-324,
    1.7976931348623157e308,
    0.1,
    float(np.float32(0.1)),
]


@given(
    st.lists(st.floats(width=64), max_size=30),
    st.lists(st.text(max_size=5), min_size=1, max_size=4, unique=True),
)
@settings(max_examples=50, deadline=None)
def test_floats_come_back_bit_for_bit(values: list[float], names: list[str]) -> None:
    steps = range(0, 10 * len(values), 10)
    series = dict.fromkeys(names, values)
    found_steps, series_again = unpack_floats(pack_floats(series, list(steps)))
    assert found_steps == tuple(steps)
    assert list(series_again) == names
    assert all(bits(row) == bits(values) for row in series_again.values())


def test_no_series_and_odd_floats_come_back() -> None:
    assert unpack_floats(pack_floats({})) == ((), {})
    _, series = unpack_floats(pack_floats({"a": ODD, "b": ODD[::-1]}))
    assert bits(series["a"]) == bits(ODD)
    assert bits(series["b"]) == bits(ODD[::-1])


def test_a_blob_of_long_curves_is_smaller_than_its_floats() -> None:
    steps = range(0, 5200, 20)
    curves = {name: [float(np.float32(math.exp(-step / 200))) for step in steps] for name in ("a", "b", "c")}
    assert len(pack_floats(curves, list(steps))) < 3 * len(steps) * 8


def test_a_result_comes_back_as_it_was(tmp_path: Path) -> None:
    trial = make_trial(1)
    result = TrialResult(
        trial.key,
        "diverged",
        metrics={f"m{i}": value for i, value in enumerate(ODD)},
        steps=tuple(range(len(ODD))),
        curves={"train_loss": tuple(ODD), "ä": tuple(ODD)},
        steps_done=7,
        stopped="loss",
        error="Traceback:\n  'x'\x00\N{SNOWMAN}",
        train_seconds=0.1,
        environment='{"blas":"some"}',
    )
    with Store(tmp_path / "s.sqlite") as store:
        store.add([(trial, result)])
    with Store(tmp_path / "s.sqlite", write=False) as store:
        (result_again,) = store.results([trial.key])
        (without,) = store.results([trial.key], curves=False)
    assert bits(result_again.metrics.values()) == bits(ODD)
    assert [bits(row) for row in result_again.curves.values()] == [bits(ODD)] * 2
    assert result_again._replace(metrics={}, curves={}) == result._replace(metrics={}, curves={})
    assert without._replace(metrics={}) == result._replace(metrics={}, steps=(), curves={})


def test_statuses_deletion_and_replacement(tmp_path: Path) -> None:
    trials = [make_trial(seed) for seed in range(1200)]  # more than one statement takes
    keys = [trial.key for trial in trials]
    with Store(tmp_path / "s.sqlite") as store:
        store.add([(trial, make_result(trial)) for trial in trials])
        assert store.statuses([*keys, "unknown"]) == dict.fromkeys(keys, "ok")
        store.add([(trials[0], make_result(trials[0], "failed", error="new"))])
        assert store.statuses(keys[:2]) == {keys[0]: "failed", keys[1]: "ok"}
        store.delete(keys[1:])
        assert store.statuses(keys) == {keys[0]: "failed"}
        assert len(list(store.results(keys))) == 1


def test_done_keys_are_looked_up_by_an_index(tmp_path: Path) -> None:
    with Store(tmp_path / "s.sqlite"):
        db = sqlite3.connect(tmp_path / "s.sqlite")
        (plan,) = db.execute("EXPLAIN QUERY PLAN SELECT key, status FROM trials WHERE key IN ('a', 'b')")
        db.close()
    assert "USING INDEX" in plan[-1]


def test_results_of_a_stack_are_kept_all_or_none(tmp_path: Path) -> None:
    good, bad = make_trial(1), make_trial(2)
    with Store(tmp_path / "s.sqlite") as store:
        with pytest.raises(StoreError):
            store.add([(good, make_result(good)), (bad, make_result(bad)._replace(error=None))])  # type: ignore[arg-type]
        assert store.statuses([good.key, bad.key]) == {}
        store.add([(good, make_result(good))])
        assert store.statuses([good.key, bad.key]) == {good.key: "ok"}


def test_the_plan_comes_back_in_order_and_counts_what_is_missing(tmp_path: Path) -> None:
    names = {"labels": {"optimizer": "adam"}, "values": {"optimizer.lr": 0.1, "network.hidden": [3]}}
    trials = [make_trial(seed, phase="tune", problem="p", arm="a", config="c", **names) for seed in (3, 1, 2)]
    with Store(tmp_path / "s.sqlite") as store:
        store.plan("tune", [trials[2]])
        store.plan("tune", [*trials, trials[0]])  # one trial may stand under two labels
        store.plan("report", [])
        store.add([(trials[0], make_result(trials[0], "diverged"))])
        assert store.planned("tune") == [PlannedRow.of(trial) for trial in (*trials, trials[0])]
        assert store.planned("report") == []
        assert store.counts("tune") == {"diverged": 2, "missing": 2}


def test_the_description_can_be_read_by_sql(tmp_path: Path) -> None:
    trial = make_trial(5)
    with Store(tmp_path / "s.sqlite") as store:
        store.add([(trial, make_result(trial))])
    db = sqlite3.connect(tmp_path / "s.sqlite")
    assert db.execute("SELECT json_extract(description, '$.seed') FROM trials").fetchall() == [(5,)]
    db.close()


def test_a_reader_sees_what_is_written_while_it_is_written(tmp_path: Path) -> None:
    one, two = make_trial(1), make_trial(2)
    with Store(tmp_path / "s.sqlite") as writer:
        writer.add([(one, make_result(one))])
        with Store(tmp_path / "s.sqlite", write=False) as reader:
            assert len(reader.statuses([one.key, two.key])) == 1
            writer.add([(two, make_result(two))])
            assert len(reader.statuses([one.key, two.key])) == 2


def test_a_closed_store_is_one_plain_file(tmp_path: Path) -> None:
    trial = make_trial(1)
    with Store(tmp_path / "s.sqlite") as store:
        store.add([(trial, make_result(trial))])
        assert (tmp_path / "s.sqlite-wal").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["s.sqlite"]


def test_a_second_writer_is_told(tmp_path: Path) -> None:
    with (
        Store(tmp_path / "s.sqlite"),
        pytest.raises(StoreError, match=r"is in use by another sweep; .* out="),
    ):
        Store(tmp_path / "s.sqlite")
    Store(tmp_path / "s.sqlite").close()  # and the lock is gone with the first


def test_a_killed_writer_leaves_its_rows_and_no_lock(tmp_path: Path) -> None:
    script = """
        import sys, time
        from pathlib import Path
        sys.path.insert(0, sys.argv[2])
        from test_store import Store, make_result, make_trial
        store = Store(Path(sys.argv[1]))
        for seed in range(100_000):
            store.add([(make_trial(seed), make_result(make_trial(seed)))])
            print(seed, flush=True)
    """
    path = tmp_path / "s.sqlite"
    command = [sys.executable, "-c", textwrap.dedent(script), str(path), str(Path(__file__).parent)]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    limit = threading.Timer(120, writer.kill)
    limit.start()
    while int(writer.stdout.readline()) < 20:
        pass
    os.kill(writer.pid, signal.SIGKILL)
    said = [20, *map(int, writer.stdout.read().split())][-1]  # what the loop left in the buffer, too
    writer.wait(60)
    writer.stdout.close()
    limit.cancel()
    keys = [make_trial(seed).key for seed in range(said + 5)]
    for write in (False, True):  # to read it, recovery must not need the writer's rights
        with Store(path, write=write) as store:
            statuses = store.statuses(keys)
        # The last one may have been kept and not yet announced.
        assert set(keys[: said + 1]) <= set(statuses) <= set(keys[: said + 2])


def test_another_program_s_lock_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anncore.running.database.BUSY_SECONDS", 0.05)
    Store(tmp_path / "s.sqlite").close()
    other = sqlite3.connect(tmp_path / "s.sqlite", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    connect, waits = sqlite3.connect, []

    def noted(*args: Any, **options: Any) -> sqlite3.Connection:
        waits.append(options["timeout"])
        return connect(*args, **options)

    monkeypatch.setattr("anncore.running.database.sqlite3.connect", noted)
    with pytest.raises(StoreError, match="is locked by another program; close it and try again"):
        Store(tmp_path / "s.sqlite")
    assert set(waits) == {0.05}
    other.close()


def test_a_newer_schema_is_told(tmp_path: Path) -> None:
    Store(tmp_path / "s.sqlite").close()
    db = sqlite3.connect(tmp_path / "s.sqlite")
    db.execute("PRAGMA user_version = 99")
    db.close()
    for write in (True, False):
        with pytest.raises(StoreError, match=r"newer annx \(schema 99, this one knows 3\); upgrade annx"):
            Store(tmp_path / "s.sqlite", write=write)


def test_a_file_that_is_no_store_is_told_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    path.write_bytes(b"no database at all " * 100)
    with pytest.raises(StoreError, match=r"is damaged \(file is not a database\)\. Move it away"):
        Store(path)
    assert path.read_bytes() == b"no database at all " * 100
    path.unlink()
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE notes (text)")
    db.close()
    with pytest.raises(StoreError, match="is no store of annx"):
        Store(path)


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    trials = [make_trial(seed) for seed in range(200)]
    with Store(path) as store:
        store.add([(trial, make_result(trial)) for trial in trials])
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + bytes(len(whole) - 8192))
    with pytest.raises(StoreError, match="is damaged"), Store(path, write=False) as store:
        list(store.results(trial.key for trial in trials))


def test_a_damaged_row_is_told(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    trial = make_trial(1)
    with Store(path) as store:
        store.add([(trial, make_result(trial))])
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("UPDATE trials SET metrics = x'00'")
    db.close()
    with pytest.raises(StoreError, match=f"is damaged \\(trial {trial.key[:12]}"), Store(path) as store:
        list(store.results([trial.key]))


def small_store(path: Path) -> list[Trial]:
    """Write a store whose numbers are all known."""
    trials = [make_trial(seed, phase="report", problem="p", arm=f"a{seed}") for seed in range(6)]
    with Store(path) as store:
        store.plan("report", trials)
        curves = {"train_loss": (0.5, 0.25, 0.125), "valid_loss": (0.6, 0.3, 0.15)}
        store.add(
            (trial, make_result(trial, steps=(0, 1, 2), curves=curves, environment='{"blas":"x"}'))
            for trial in trials
        )
    return trials


def all_that_is_read(path: Path, trials: list[Trial]) -> Any:
    with Store(path, write=False) as store:
        by_key = {result.key: result for result in store.results(trial.key for trial in trials)}
        return (
            store.planned("report"),
            [by_key.get(trial.key) for trial in trials],
            store.counts("report"),
            store.environments(),
        )


def test_a_flipped_byte_is_an_error_or_a_missing_trial_and_never_another_number(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    trials = small_store(path)
    whole, truth = path.read_bytes(), all_that_is_read(path, trials)
    rng = np.random.default_rng(0)
    used = np.flatnonzero(np.frombuffer(whole, np.uint8))  # most of the file is empty pages
    said: list[str] = []
    for place in rng.choice(used, 1500, replace=False):
        spoilt = bytearray(whole)
        spoilt[place] ^= int(rng.integers(1, 256))
        path.write_bytes(spoilt)
        try:
            planned, results, counts, environments = all_that_is_read(path, trials)
        except StoreError as error:
            said.append(str(error))
            continue
        assert planned == truth[0]
        for result, true in zip(results, truth[1], strict=True):
            assert result in (true, None)
        assert (set(counts) <= {"ok", "missing"}, counts.total()) == (True, 6)  # one that is lost is missing
        assert set(environments) <= set(truth[3])
    assert len(said) > 1000
    assert not any("\n" in message for message in said)


@pytest.mark.parametrize("column", ["description", "status", "metrics", "stopped", "error", "environment"])
def test_a_changed_column_names_the_trial_and_the_way_out(tmp_path: Path, column: str) -> None:
    path = tmp_path / "s.sqlite"
    trial = small_store(path)[0]
    db = sqlite3.connect(path, isolation_level=None)
    db.execute(f"UPDATE trials SET {column} = 'ok2' WHERE key = ?", (trial.key,))
    db.close()
    message = rf"damaged \(trial {trial.key[:12]}: .*\)\. Move it away to run its trials anew"
    with pytest.raises(StoreError, match=message), Store(path, write=False) as store:
        list(store.results([trial.key], curves=False))


STRANGE = (None, "", "x", "\u202e", 0, -1, 2**62, 1e300, math.inf, b"", b"\0", b"\xff" * 9)


def columns_of(path: Path) -> list[tuple[str, str]]:
    db = sqlite3.connect(path)
    tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    columns = [(table, row[1]) for table in tables for row in db.execute(f"PRAGMA table_info({table})")]
    db.close()
    return columns


def test_a_cell_of_any_type_is_one_line(tmp_path: Path) -> None:
    """Each column of each table holds each of some values: all is read, or a line says what is wrong."""
    whole, path = tmp_path / "whole.sqlite", tmp_path / "s.sqlite"
    trials = small_store(whole)
    tried, lines = 0, []
    for table, column in columns_of(whole):
        for value in STRANGE:
            shutil.copyfile(whole, path)
            db = sqlite3.connect(path, isolation_level=None)
            with contextlib.suppress(sqlite3.IntegrityError), contextlib.closing(db):
                db.execute(f"UPDATE {table} SET {column} = ?", (value,))
            for read in (partial(all_that_is_read, path, trials), partial(checked, path)):
                tried += 1
                try:
                    read()
                except StoreError as error:
                    lines.append(str(error))
                except Exception as error:
                    raise AssertionError(f"{table}.{column} = {value!r}: {error!r}") from error
    assert 0 < len(lines) < tried
    assert not any("\n" in line for line in lines)


def checked(path: Path) -> None:
    """Read everything, as `annx doctor` does, and as a page does that follows a store."""
    with Store(path, write=False) as store:
        store.check()
    follower = Follower(path.parent)
    follower.path = path
    while follower.look(bool).more:
        pass


SCHEMA_1 = """
CREATE TABLE trials (
    key TEXT PRIMARY KEY, description TEXT NOT NULL, status TEXT NOT NULL, metrics BLOB NOT NULL,
    curves BLOB NOT NULL, steps_done INTEGER NOT NULL, stopped TEXT NOT NULL, error TEXT NOT NULL,
    train_seconds REAL NOT NULL
);
CREATE TABLE planned (
    phase TEXT NOT NULL, position INTEGER NOT NULL, key TEXT NOT NULL, row TEXT NOT NULL,
    PRIMARY KEY (phase, position)
);
PRAGMA application_id = 0x616E6E78;
PRAGMA user_version = 1;
"""


def test_a_store_of_schema_1_is_read_and_not_written(tmp_path: Path) -> None:
    path, trial = tmp_path / "s.sqlite", make_trial(1, phase="report")
    row = json.dumps(PlannedRow.of(trial)._asdict())
    db = sqlite3.connect(path, isolation_level=None)
    db.executescript(SCHEMA_1)
    metrics, curves = pack_floats({"valid_loss": (0.5,)}), pack_floats({"valid_loss": (0.75, 0.5)}, (0, 9))
    values = (trial.key, trial.text, "ok", metrics, curves, 9, "", "", 0.25)
    db.execute("INSERT INTO trials VALUES (?,?,?,?,?,?,?,?,?)", values)
    db.execute("INSERT INTO planned VALUES ('report', 0, ?, ?)", (trial.key, row))
    db.close()
    before = path.read_bytes()
    with Store(path, write=False) as store:
        (result,) = store.results([trial.key])
        assert store.planned("report") == [PlannedRow.of(trial)]
        assert (store.counts("report"), store.maps([trial.key]), store.environments()) == ({"ok": 1}, {}, {})
    assert (result.metrics, result.curves) == ({"valid_loss": 0.5}, {"valid_loss": (0.75, 0.5)})
    with pytest.raises(StoreError, match=r"older annx \(schema 1, .* other keys\. It can still be read"):
        Store(path)
    with Store(path, write=False) as old, Store(tmp_path / "new.sqlite") as new:
        with pytest.raises(StoreError, match=r"older annx, whose trials have other keys"):
            new.copy_from(old, [trial.key])
        assert new.keys() == []
    assert path.read_bytes() == before


def large_store(path: Path) -> list[Trial]:
    """Write a store of two configurations with long descriptions, and of their plan; no curves."""
    parts = {
        lr: {
            "optimizer": Part("optimizer", "annx:adam", "", {"lr": lr, "text": "o" * 300}),
            "network": Part("network", "annx:mlp", "", {"hidden": [4], "text": "n" * 1000, "seed": 3}),
        }
        for lr in (0.1, 0.2)
    }
    trials = [
        dataclasses.replace(
            make_trial(seed, phase="tune", problem="p", arm="adam", config=f"lr={lr}"),
            parts=parts[lr],
            values={"optimizer.lr": lr},
        )
        for lr in parts
        for seed in range(100)
    ]
    with Store(path) as store:
        store.plan("tune", trials)
        store.add((trial, make_result(trial, steps=(), curves={})) for trial in trials)
    return trials


def test_what_trials_share_lies_once_in_the_store_and_comes_back_whole(tmp_path: Path) -> None:
    trials = large_store(tmp_path / "s.sqlite")
    with Store(tmp_path / "s.sqlite", write=False) as store:
        assert store.descriptions(trial.key for trial in trials) == {
            trial.key: json.loads(trial.text) for trial in trials
        }
        assert store.planned("tune") == [PlannedRow.of(trial) for trial in trials]
    assert len(trials[0].text) > 1500
    assert (tmp_path / "s.sqlite").stat().st_size < 1000 * len(trials)
    db = sqlite3.connect(tmp_path / "s.sqlite")
    rates = db.execute(
        "SELECT json_extract(part.text, '$.params.lr'), count(*) FROM trials "
        "JOIN texts of ON of.name = json_extract(description, '$.of') "
        "JOIN texts part ON part.name = json_extract(of.text, '$.parts.optimizer') GROUP BY 1"
    ).fetchall()
    db.close()
    assert rates == [(0.1, 100), (0.2, 100)]


@pytest.mark.parametrize("change", ["UPDATE texts SET text = '{}'", "DELETE FROM texts"])
def test_a_shared_text_that_is_lost_or_another_is_told(tmp_path: Path, change: str) -> None:
    trials = large_store(tmp_path / "s.sqlite")
    db = sqlite3.connect(tmp_path / "s.sqlite", isolation_level=None)
    db.execute(change)
    db.close()
    with Store(tmp_path / "s.sqlite", write=False) as store:
        with pytest.raises(StoreError, match=r"is damaged .* Move it away"):
            store.descriptions([trials[0].key])
        with pytest.raises(StoreError, match=r"is damaged .* Move it away"):
            store.planned("tune")


def test_a_text_that_could_not_be_kept_is_kept_with_the_next_trial(tmp_path: Path) -> None:
    """A transaction that is taken back takes its texts along, also from memory."""
    good, bad = make_trial(1), make_trial(2)
    with Store(tmp_path / "s.sqlite") as store:
        with pytest.raises(StoreError):
            store.add([(bad, make_result(bad)._replace(error=None))])  # type: ignore[arg-type]
        store.add([(good, make_result(good))])
        assert store.descriptions([good.key]) == {good.key: json.loads(good.text)}


def test_a_store_of_schema_2_is_read_and_goes_on_as_one_of_ours(tmp_path: Path) -> None:
    path, old, new = tmp_path / "s.sqlite", make_trial(1, phase="report"), make_trial(2, phase="report")
    with Store(path) as store:
        store.add([(old, make_result(old))])
    row = json.dumps(PlannedRow.of(old)._asdict(), ensure_ascii=False)
    db = sqlite3.connect(path, isolation_level=None)
    result = make_result(old)
    head = db.execute(
        "SELECT key, description, status, metrics, steps_done, stopped, error, train_seconds, environment "
        "FROM trials"
    ).fetchone()
    texts = "\0".join(map(str, (old.key, old.text, head[2], head[5], head[6], head[8])))
    checksum = zlib.crc32(struct.pack("<qd", head[4], head[7]) + head[3] + texts.encode())
    db.execute("UPDATE trials SET description = ?, checksum = ?", (old.text, checksum))
    db.execute("INSERT INTO planned VALUES ('report', 0, ?, ?)", (old.key, row))
    db.execute("INSERT INTO phases VALUES ('report', 1, ?)", (zlib.crc32(row.encode()),))
    db.execute("DROP TABLE texts")
    db.execute("PRAGMA user_version = 2")
    db.close()
    before = path.read_bytes()
    with Store(path, write=False) as store:
        assert list(store.results([old.key])) == [result]
        assert store.planned("report") == [PlannedRow.of(old)]
        assert store.descriptions([old.key]) == {old.key: json.loads(old.text)}
    assert path.read_bytes() == before
    with Store(path) as store:
        assert store.statuses([old.key]) == {old.key: "ok"}
        store.plan("report", [old, new])
        store.add([(new, make_result(new))])
        assert set(store.descriptions([old.key, new.key])) == {old.key, new.key}
    with Store(path, write=False) as store:
        assert store.planned("report") == [PlannedRow.of(old), PlannedRow.of(new)]
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA user_version").fetchone() == (3,)
    db.close()


def test_environments_are_spelled_out_once_and_counted(tmp_path: Path) -> None:
    trials = [make_trial(seed) for seed in range(4)]
    texts = ['{"blas":"x"}', '{"blas":"y"}', '{"blas":"x"}', ""]  # the last one was lost with its worker
    with Store(tmp_path / "s.sqlite") as store:
        store.plan("tune", [*trials, trials[0]])
        store.add(
            (trial, make_result(trial, environment=text)) for trial, text in zip(trials, texts, strict=True)
        )
        assert store.environments() == {'{"blas":"x"}': 2, '{"blas":"y"}': 1}
    db = sqlite3.connect(tmp_path / "s.sqlite")
    assert db.execute("SELECT count(*) FROM environments").fetchone() == (2,)
    db.close()


@pytest.mark.parametrize("deleted", ["folder", "file"])
def test_a_store_that_is_deleted_while_it_is_written_is_there_again_with_all_that_was_finished(
    tmp_path: Path, deleted: str
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    one, two = make_trial(1), make_trial(2)
    with Store(run / "trials.sqlite") as store:
        store.add([(one, make_result(one))])
        shutil.rmtree(run) if deleted == "folder" else (run / "trials.sqlite").unlink()
        with pytest.raises(StoreError, match=r"was deleted while .* is there again, and the same command"):
            store.add([(two, make_result(two))])
    with Store(run / "trials.sqlite") as store:
        assert list(store.results([one.key, two.key])) == [make_result(one)]
        store.add([(two, make_result(two))])


def test_a_store_that_is_replaced_while_it_is_written_is_left_alone(tmp_path: Path) -> None:
    run, one = tmp_path / "run", make_trial(1)
    run.mkdir()
    with Store(run / "trials.sqlite") as store:
        shutil.rmtree(run)
        run.mkdir()
        Store(run / "trials.sqlite").close()
        before = (run / "trials.sqlite").read_bytes()
        with pytest.raises(StoreError, match="was replaced while a sweep was writing it"):
            store.add([(one, make_result(one))])
    assert (run / "trials.sqlite").read_bytes() == before


def test_a_missing_store_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"is no run folder: it has no trials\.sqlite"):
        Store(tmp_path / "trials.sqlite", write=False)
    assert list(tmp_path.iterdir()) == []


MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
/dev/sdb1 /home/local ext4 rw 0 0
//pc/share /mnt/my\\040disk cifs rw 0 0
me@host: /mnt/ssh fuse.sshfs rw 0 0
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [("/home/me/reports", "nfs4"), ("/mnt/my disk/x", "cifs"), ("/mnt/ssh", "fuse.sshfs")],
)
def test_a_network_file_system_is_refused(folder: str, kind: str) -> None:
    with pytest.raises(StoreError, match=rf"network file system \({kind} at .* local disk by out="):
        refuse_network(Path(folder), MOUNTS)


@pytest.mark.parametrize("folder", ["/tmp/x", "/home/local/x", "/homes", "/mnt"])
def test_a_local_disk_is_not_refused(folder: str) -> None:
    refuse_network(Path(folder), MOUNTS)


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    replace_file(tmp_path / "a", b"old")
    with pytest.raises(TypeError):
        replace_file(tmp_path / "a", "text")  # type: ignore[arg-type]
    assert (tmp_path / "a").read_bytes() == b"old"
    replace_file(tmp_path / "a", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"new"


@pytest.mark.parametrize("asked", [1, 7, 1200])
def test_results_are_found_by_key_and_in_passing(asked: int, tmp_path: Path) -> None:
    """A few are looked up, many are met while all are read; each comes once either way."""
    trials = [make_trial(seed) for seed in range(1200)]
    with Store(tmp_path / "s.sqlite") as store:
        store.add((trial, make_result(trial, steps_done=trial.seed)) for trial in trials)
        store.delete(trial.key for trial in trials[:3])
        wanted = {trial.key: trial.seed for trial in trials[-asked:]}
        got = [(result.key, result.steps_done) for result in store.results([*wanted, "unknown"])]
        assert sorted(got) == sorted((key, seed) for key, seed in wanted.items() if seed >= 3)


def test_results_may_be_replaced_while_they_are_read(tmp_path: Path) -> None:
    trials = [make_trial(seed) for seed in range(1100)]
    with Store(tmp_path / "s.sqlite") as store:
        store.add((trial, make_result(trial)) for trial in trials)
        met = []
        for result in store.results([trial.key for trial in trials]):
            met.append(result.key)
            if len(met) == 1:
                store.add([(trials[0], make_result(trials[0], "diverged"))])
        assert len(met) == len(set(met))
        assert set(store.statuses(met).values()) == {"ok", "diverged"}


def test_seeds_of_every_sign_and_size_are_planned(tmp_path: Path) -> None:
    seeds = [0, -7, 2**70, 5]
    with Store(tmp_path / "s.sqlite") as store:
        store.plan("report", [make_trial(seed) for seed in seeds])
        assert [row.seed for row in store.planned("report")] == seeds
