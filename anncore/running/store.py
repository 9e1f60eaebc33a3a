"""The store: every result of a run folder, by run key, in one SQLite file with one writer.

    meta      nothing but SQLite's own application_id and user_version (the schema)
    trials    one row per run key: description, status, metrics, curves
    planned   the rows of the tables: which trial stands where, in which phase, under which labels
    maps      by run key what a trial of the report learned of two features (`decision_maps.py`)

`trials` outlives plans: results of other overrides stay and are found again by their keys. `planned` is
the plan of the last sweep and is replaced with it.

While a sweep runs the file is in WAL mode, so that others may read along and a kill at any moment loses at
most the stack in hand; when it is closed it becomes one plain file again, which can be copied and read
anywhere. Floats are kept as their eight bytes: SQL would turn NaN into NULL, and text costs digits.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from anncore.contract.errors import StoreError
from anncore.contract.trial import Phase, PlannedRow, Status, Trial, TrialResult
from anncore.engine.decision_maps import DecisionMap, unpacked
from anncore.running.files import refuse_network
from anncore.running.float_blobs import pack_floats, unpack_floats

try:
    import fcntl
except ImportError:  # Windows: two sweeps would repeat each other's work, but results are equal anyway
    fcntl = None  # type: ignore[assignment]

SCHEMA = 1
APPLICATION = 0x616E6E78  # "annx"
BUSY_SECONDS = 10.0  # a reader holds the file for moments only
CHUNK = 500  # parameters in one statement; SQLite admits 999 everywhere

TABLES = """
CREATE TABLE trials (
    key TEXT PRIMARY KEY,
    description TEXT NOT NULL,
    status TEXT NOT NULL,
    metrics BLOB NOT NULL,
    curves BLOB NOT NULL,
    steps_done INTEGER NOT NULL,
    stopped TEXT NOT NULL,
    error TEXT NOT NULL,
    train_seconds REAL NOT NULL
);
CREATE TABLE planned (
    phase TEXT NOT NULL,
    position INTEGER NOT NULL,
    key TEXT NOT NULL,
    row TEXT NOT NULL,
    PRIMARY KEY (phase, position)
);
CREATE INDEX planned_key ON planned (key);
"""

# Stores of schema 1 may lack it. It came without a new schema, as whoever does not know it loses nothing.
MAPS = "CREATE TABLE IF NOT EXISTS maps (key TEXT PRIMARY KEY, map BLOB NOT NULL);"


class Store:
    """A run folder's results. Use as a context manager, or call `close`.

    write: take the folder for this process alone; a second writer gets a StoreError. Readers may read while
    it is written. Every problem with the file is a StoreError of one line.
    """

    def __init__(self, path: Path, *, write: bool = True) -> None:
        self.path = path
        self._lock: int | None = None
        self._db: sqlite3.Connection | None = None
        try:
            with self._guarded():
                self._open(write)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave one plain file behind, and let the next writer in."""
        db, self._db = self._db, None
        if db is not None:
            with contextlib.suppress(sqlite3.Error):
                if self._lock is not None:
                    db.execute("PRAGMA busy_timeout = 0")
                    db.execute("PRAGMA journal_mode = DELETE")  # not while another still reads: harmless
            db.close()
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)

    def _open(self, write: bool) -> None:
        if not write and not self.path.is_file():
            raise StoreError(f"{self.path.parent} is no run folder: it has no {self.path.name}.")
        if write:
            refuse_network(self.path.parent)
            self._lock = self._take()
        mode = "rwc" if write else "ro"
        uri = f"{self.path.absolute().as_uri()}?mode={mode}"
        self._db = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_SECONDS)
        (tables,) = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (application,) = self._db.execute("PRAGMA application_id").fetchone()
        (schema,) = self._db.execute("PRAGMA user_version").fetchone()
        if application != APPLICATION and (tables or not write):
            raise StoreError(f"{self.path} is no store of annx. {self._elsewhere}")
        if application == APPLICATION and schema > SCHEMA:
            raise StoreError(
                f"{self.path} was written by a newer annx (schema {schema}, this one knows {SCHEMA}); "
                "upgrade annx, or give another folder by --out."
            )
        if write:
            self._prepare(new=application != APPLICATION)

    def _prepare(self, *, new: bool) -> None:
        (mode,) = self._execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise StoreError(
                f"{self.path.parent} lies on a file system without the shared memory that SQLite's "
                "write-ahead log needs; give a folder on a local disk by --out."
            )
        # In WAL mode a killed process loses nothing even so; only a machine's crash may take the last rows.
        self._execute("PRAGMA synchronous = NORMAL")
        if new:
            # One transaction, so that a kill leaves all of it or nothing.
            self._script(f"{TABLES}PRAGMA application_id = {APPLICATION};PRAGMA user_version = {SCHEMA};")
        self._script(MAPS)

    def _script(self, script: str) -> None:
        assert self._db is not None
        self._db.executescript(f"BEGIN IMMEDIATE;{script}COMMIT;")

    def _take(self) -> int | None:
        """Lock the folder itself: no file to leave behind, and the lock ends with the process."""
        if fcntl is None:
            return None
        handle = os.open(self.path.parent, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            raise StoreError(
                f"{self.path.parent} is in use by another sweep; wait for its end, or give another folder "
                "by --out."
            ) from None
        return handle

    @property
    def _elsewhere(self) -> str:
        return "Move it away to run its trials anew, or give another folder by --out."

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """Say SQLite's complaints as a user can use them."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            text = str(error)
            if "locked" in text or "busy" in text:
                raise StoreError(
                    f"{self.path} is locked by another program; close it and try again."
                ) from error
            if "not a database" in text or "malformed" in text or "no such" in text:
                raise StoreError(f"{self.path} is damaged ({text}). {self._elsewhere}") from error
            raise StoreError(
                f"{self.path} cannot be used ({text}); check the disk's space and the folder's permissions, "
                "or give another folder by --out."
            ) from error

    def _execute(self, statement: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        assert self._db is not None, "the store is closed"
        return self._db.execute(statement, values)

    def _execute_many(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        assert self._db is not None, "the store is closed"
        self._db.executemany(statement, rows)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._guarded():
            self._execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._execute("ROLLBACK")
                raise
            self._execute("COMMIT")

    def statuses(self, keys: Iterable[str]) -> dict[str, Status]:
        """Return the status of each key that has a result."""
        found: dict[str, Status] = {}
        with self._guarded():
            for chunk in _chunks(keys):
                rows = self._execute(f"SELECT key, status FROM trials WHERE key IN ({_marks(chunk)})", chunk)
                found.update(rows.fetchall())
        return found

    def add(self, pairs: Iterable[tuple[Trial, TrialResult]]) -> None:
        """Keep the results of a stack, all or none; a key's older result is replaced."""
        pairs = list(pairs)
        rows = [
            (
                result.key,
                trial.text,
                result.status,
                pack_floats({name: (value,) for name, value in result.metrics.items()}),
                pack_floats(result.curves, result.steps),
                result.steps_done,
                result.stopped,
                result.error,
                float(result.train_seconds),
            )
            for trial, result in pairs
        ]
        maps = [(result.key, result.map) for _, result in pairs if result.map]
        with self._transaction():
            self._execute_many("INSERT OR REPLACE INTO trials VALUES (?,?,?,?,?,?,?,?,?)", rows)
            self._execute_many("INSERT OR REPLACE INTO maps VALUES (?,?)", maps)

    def delete(self, keys: Iterable[str]) -> None:
        """Forget the results of some keys; of a key without one there is nothing to forget."""
        with self._transaction():
            for chunk in _chunks(keys):
                for table in ("trials", "maps"):
                    self._execute(f"DELETE FROM {table} WHERE key IN ({_marks(chunk)})", chunk)

    def plan(self, phase: Phase, trials: Iterable[Trial]) -> None:
        """Note which trials make up a phase, in order; replaces what was noted before."""
        with self._transaction():
            self._execute("DELETE FROM planned WHERE phase = ?", (phase,))
            for position, trial in enumerate(trials):
                row = json.dumps(PlannedRow.of(trial)._asdict(), ensure_ascii=False)
                self._execute("INSERT INTO planned VALUES (?,?,?,?)", (phase, position, trial.key, row))

    def planned(self, phase: Phase) -> list[PlannedRow]:
        """Return the rows of a phase, in order."""
        with self._guarded():
            rows = self._execute("SELECT row FROM planned WHERE phase = ? ORDER BY position", (phase,))
            return [PlannedRow(**json.loads(row)) for (row,) in rows]

    def counts(self, phase: Phase) -> Counter[str]:
        """Return how many of a phase's rows have which status; "missing" counts those without a result."""
        with self._guarded():
            rows = self._execute(
                "SELECT coalesce(status, 'missing'), count(*) FROM planned LEFT JOIN trials USING (key) "
                "WHERE phase = ? GROUP BY 1",
                (phase,),
            )
            return Counter(dict(rows.fetchall()))

    def results(self, keys: Iterable[str], *, curves: bool = True) -> Iterator[TrialResult]:
        """Yield the results of the keys that have one, in no particular order."""
        with self._guarded():
            for chunk in _chunks(keys):
                columns = (
                    f"key, status, metrics, {'curves' if curves else 'NULL'}, steps_done, stopped, error"
                )
                rows = self._execute(
                    f"SELECT {columns}, train_seconds FROM trials WHERE key IN ({_marks(chunk)})", chunk
                )
                for row in rows.fetchall():
                    yield self._result(row)

    def maps(self, keys: Iterable[str]) -> dict[str, DecisionMap]:
        """Return the maps of the keys that have one and ended well; a store may be older than maps are."""
        found: dict[str, DecisionMap] = {}
        with self._guarded():
            if self._execute("SELECT 1 FROM sqlite_master WHERE name = 'maps'").fetchone() is None:
                return found
            for chunk in _chunks(keys):
                rows = self._execute(
                    "SELECT key, map FROM maps JOIN trials USING (key) "
                    f"WHERE status = 'ok' AND key IN ({_marks(chunk)})",
                    chunk,
                )
                for key, blob in rows.fetchall():
                    try:
                        found[key] = unpacked(blob)
                    except (ValueError, TypeError) as problem:
                        raise self._damaged(key, problem) from None
        return found

    def _damaged(self, key: str, problem: Exception) -> StoreError:
        return StoreError(f"{self.path} is damaged (trial {key[:12]}: {problem}). {self._elsewhere}")

    def _result(self, row: tuple[Any, ...]) -> TrialResult:
        key, status, metrics, curves, steps_done, stopped, error, seconds = row
        try:
            _, values = unpack_floats(metrics)
            steps, series = ((), {}) if curves is None else unpack_floats(curves)
        except ValueError as problem:
            raise self._damaged(key, problem) from None
        return TrialResult(
            key=key,
            status=status,
            metrics={name: value[0] for name, value in values.items()},
            steps=steps,
            curves=series,
            steps_done=steps_done,
            stopped=stopped,
            error=error,
            train_seconds=seconds,
        )


def _chunks(keys: Iterable[str]) -> Iterator[list[str]]:
    every = list(dict.fromkeys(keys))
    for start in range(0, len(every), CHUNK):
        yield every[start : start + CHUNK]


def _marks(values: Sequence[Any]) -> str:
    return ",".join("?" * len(values))
