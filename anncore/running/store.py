"""The store: every result of a run folder, by run key, in one SQLite file with one writer (`database.py`).

    trials        one row per run key: description, status, metrics, curves, the environment it ran in
    planned       the rows of the tables: which trial stands where, in which phase, under which labels
    phases        by phase how many rows `planned` holds, and their checksum
    environments  by their digest, what the environments of the trials are (`numeric_environment`)
    maps          by run key what a trial of the report learned of two features (`decision_maps.py`)
    snapshots     by run key what the network of a trial of the report shows of itself (`snapshots.py`)
    moments       the same by run key and step, in a store of trials that keep maps along the way
    texts         what descriptions and rows have in common, by name (`shared_texts.py`)

`trials` outlives plans: results of other overrides stay and are found again by their keys. `planned` is
the plan of the last sweep and is replaced with it.

Floats are kept as their eight bytes: SQL would turn NaN into NULL, and text costs digits. Every row has a
checksum over all its columns, the curves one of their own, so that a byte that flips on the disk is an error
and never another number. Stores of schema 1, which had neither checksums nor environments, can be read;
those of schema 2, which had every text in every row, can be written too, and are of schema 3 then.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import struct
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, TypeVar

from anncore.contract.engine_version import environment_digest
from anncore.contract.errors import StoreError
from anncore.contract.trial import STATUSES, Phase, PlannedRow, Status, Trial, TrialResult
from anncore.engine.decision_maps import DecisionMap, PackedMaps, intact, unpacked
from anncore.engine.snapshots import Snapshot, read
from anncore.running.database import Database
from anncore.running.shared_texts import TABLE as TEXTS, SharedTexts, checked_text
from anncore.running.stored_rows import result_columns, result_of, row_of

Drawn = TypeVar("Drawn")

CHUNK = 500  # parameters in one statement; SQLite admits 999 everywhere

SCANNED = 2  # times as many rows as keys are asked for may be read to find these

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
    train_seconds REAL NOT NULL,
    environment TEXT NOT NULL,
    checksum INTEGER NOT NULL,
    curves_checksum INTEGER NOT NULL
);
CREATE TABLE planned (
    phase TEXT NOT NULL,
    position INTEGER NOT NULL,
    key TEXT NOT NULL,
    row TEXT NOT NULL,
    PRIMARY KEY (phase, position)
);
CREATE TABLE phases (phase TEXT PRIMARY KEY, trials INTEGER NOT NULL, checksum INTEGER NOT NULL);
CREATE TABLE environments (digest TEXT PRIMARY KEY, what TEXT NOT NULL);
CREATE TABLE maps (key TEXT PRIMARY KEY, map BLOB NOT NULL);
"""
DRAWN = ("maps", "snapshots", "moments")
"""What figures draw of trials, by key; a store that needs none of the last has no such table."""
LATER = "CREATE TABLE IF NOT EXISTS snapshots (key TEXT PRIMARY KEY, snapshot BLOB NOT NULL)"
MOMENTS = """
CREATE TABLE IF NOT EXISTS moments (
    key TEXT NOT NULL, step INTEGER NOT NULL, map BLOB NOT NULL, PRIMARY KEY (key, step)
)
"""


class Described(Protocol):
    """A trial, or what is kept of one: the text that determines its numbers."""

    @property
    def text(self) -> str:
        """The description, as `Trial.text` is."""


class Store:
    """A run folder's results. Use as a context manager, or call `close`.

    write: take the folder for this process alone; a second writer gets a StoreError. Readers may read while
    it is written. Every problem with the file is a StoreError of one line.
    """

    def __init__(self, path: Path, *, write: bool = True) -> None:
        self.path = path
        self._file = Database(path, TABLES, write=write)
        self._checked = self._file.schema > 1
        self._texts = SharedTexts(self._file)
        try:
            with self._file.guarded():
                for statement in (LATER, TEXTS) if write else ():
                    self._file.execute(statement)
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
        self._file.close()

    # Results

    def statuses(self, keys: Iterable[str]) -> dict[str, Status]:
        """Return the status of each key that has a result."""
        by_key: dict[str, Status] = {}
        with self._file.guarded():
            for chunk in _chunks(keys):
                rows = self._file.execute(
                    f"SELECT key, status FROM trials WHERE key IN ({_marks(chunk)})", chunk
                )
                by_key.update(rows.fetchall())
        for key, status in by_key.items():
            if status not in STATUSES:
                raise self._file.damaged(_of_trial(key, f"status {status!r}"))
        return by_key

    def add(self, pairs: Iterable[tuple[Described, TrialResult]]) -> None:
        """Keep the results of a stack, all or none; a key's older result is replaced."""
        pairs = list(pairs)
        results = [result for _, result in pairs]
        maps = [(result.key, result.map) for result in results if result.map]
        snapshots = [(result.key, result.snapshot) for result in results if result.snapshot]
        moments = [(result.key, step, blob) for result in results for step, blob in result.moments]
        environments = {result.environment for result in results if result.environment}
        with self._transaction():
            rows = [row_of(result, self._texts.shortened(trial.text)) for trial, result in pairs]
            self._file.execute_many(
                "INSERT OR IGNORE INTO environments VALUES (?,?)",
                [(environment_digest(text), text) for text in environments],
            )
            self._file.execute_many(f"INSERT OR REPLACE INTO trials VALUES ({_marks(range(12))})", rows)
            self._file.execute_many("INSERT OR REPLACE INTO maps VALUES (?,?)", maps)
            self._file.execute_many("INSERT OR REPLACE INTO snapshots VALUES (?,?)", snapshots)
            if moments:
                self._file.execute(MOMENTS)
                self._file.execute_many("INSERT OR REPLACE INTO moments VALUES (?,?,?)", moments)

    def delete(self, keys: Iterable[str]) -> None:
        """Forget the results of some keys; of a key without one there is nothing to forget."""
        with self._file.transaction():
            tables = ("trials", *(table for table in DRAWN if self._has(table)))
            for chunk in _chunks(keys):
                for table in tables:
                    self._file.execute(f"DELETE FROM {table} WHERE key IN ({_marks(chunk)})", chunk)

    def results(self, keys: Iterable[str], *, curves: bool = True) -> Iterator[TrialResult]:
        """Yield the results of the keys that have one, in no particular order."""
        texts = self._environment_texts()
        with self._file.guarded():
            for row in self._rows(list(dict.fromkeys(keys)), result_columns(curves, self._checked)):
                try:
                    yield result_of(row, texts, self._checked)
                except (ValueError, TypeError, KeyError, struct.error) as problem:
                    raise self._file.damaged(_of_trial(str(row[0]), problem)) from None

    def _rows(self, keys: Sequence[str], columns: str) -> Iterator[tuple[Any, ...]]:
        """Yield these columns, of which the first is the key, of the rows of trials that have these keys."""
        (last,) = self._file.execute("SELECT coalesce(max(rowid), 0) FROM trials").fetchone()
        if last > SCANNED * len(keys):
            for chunk in _chunks(keys):
                marks = _marks(chunk)
                found = self._file.execute(f"SELECT {columns} FROM trials WHERE key IN ({marks})", chunk)
                yield from found.fetchall()
            return
        # Where most rows are asked for, one after the other is faster than each by its key. No statement
        # stays open between two pieces, so that others may write; what they write has higher numbers.
        wanted, first = set(keys), 0
        while first < last:
            rows = self._file.execute(
                f"SELECT {columns}, rowid FROM trials WHERE rowid > ? AND rowid <= ? ORDER BY rowid LIMIT ?",
                (first, last, CHUNK),
            ).fetchall()
            if not rows:
                return
            first = rows[-1][-1]
            yield from (row[:-1] for row in rows if row[0] in wanted)

    def descriptions(self, keys: Iterable[str]) -> dict[str, Any]:
        """Return by key what determined the trials' numbers, as `Trial.description` was then."""
        by_key: dict[str, Any] = {}
        with self._file.guarded():
            for chunk in _chunks(keys):
                rows = self._file.execute(
                    f"SELECT key, description FROM trials WHERE key IN ({_marks(chunk)})", chunk
                )
                for key, row in rows.fetchall():
                    try:
                        text = self._texts.whole(str(row))
                    except (ValueError, TypeError, KeyError):
                        text = ""
                    if hashlib.sha256(text.encode()).hexdigest() != key:
                        raise self._file.damaged(_of_trial(str(key), "its description does not fit its key"))
                    by_key[key] = json.loads(text)
        return by_key

    def maps(self, keys: Iterable[str]) -> PackedMaps:
        """Return the maps of the keys that have one and ended well; a store may be older than maps are."""
        return PackedMaps(self._drawn("maps", "map", intact, keys, always=self._checked))

    def snapshots(self, keys: Iterable[str]) -> dict[str, Snapshot]:
        """Return the snapshots of the keys that have one and ended well; a store may be older than these."""
        return self._drawn("snapshots", "snapshot", read, keys, always=False)

    def _drawn(
        self, table: str, column: str, unpack: Callable[[bytes], Drawn], keys: Iterable[str], *, always: bool
    ) -> dict[str, Drawn]:
        """Return what figures draw of trials; always: every store of this schema has the table."""
        by_key: dict[str, Drawn] = {}
        with self._file.guarded():
            if not always and not self._has(table):
                return by_key
            for chunk in _chunks(keys):
                rows = self._file.execute(
                    f"SELECT key, {column} FROM {table} JOIN trials USING (key) "
                    f"WHERE status = 'ok' AND key IN ({_marks(chunk)})",
                    chunk,
                )
                for key, blob in rows.fetchall():
                    try:
                        by_key[key] = unpack(blob)
                    except (ValueError, TypeError) as problem:
                        raise self._file.damaged(_of_trial(key, problem)) from None
        return by_key

    def moments(self, keys: Iterable[str]) -> dict[str, dict[int, DecisionMap]]:
        """Return the maps by step of the keys that kept some along the way and ended well."""
        by_key: dict[str, dict[int, DecisionMap]] = {}
        with self._file.guarded():
            if not self._has("moments"):
                return by_key
            for chunk in _chunks(keys):
                rows = self._file.execute(
                    "SELECT key, step, moments.map FROM moments JOIN trials USING (key) "
                    f"WHERE status = 'ok' AND key IN ({_marks(chunk)}) ORDER BY key, step",
                    chunk,
                )
                for key, step, blob in rows.fetchall():
                    try:
                        by_key.setdefault(key, {})[step] = unpacked(blob)
                    except (ValueError, TypeError) as problem:
                        raise self._file.damaged(_of_trial(key, problem)) from None
        return by_key

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """Keep all that the body writes, or nothing of it, shared texts included."""
        try:
            with self._file.transaction():
                yield
        except BaseException:
            self._texts.forget()
            raise

    def _has(self, table: str) -> bool:
        names = self._file.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return (table,) in names

    def keep_texts(self, texts: Iterable[str]) -> None:
        """Keep shared texts of another store, whose rows come without them."""
        with self._transaction():
            for text in texts:
                self._texts.keep(text)

    def describe(self, trial: Trial) -> None:
        """Keep the texts of a trial whose result is there and whose texts are lost."""
        with self._transaction():
            self._texts.shortened(trial.text)

    def check(self) -> None:
        """Read everything; raises StoreError where anything of it is damaged."""
        with self._file.guarded():
            for (line,) in self._file.execute("PRAGMA integrity_check").fetchall():
                if line != "ok":
                    raise self._file.damaged(line)
        phases: tuple[Phase, ...] = ("tune", "report")
        for phase in phases:
            self.planned(phase)
            self.counts(phase)
        keys = self.keys()
        for start in range(0, len(keys), CHUNK):
            chunk = keys[start : start + CHUNK]
            for read_all in (self.results, self.descriptions, self.maps, self.snapshots, self.moments):
                len(list(read_all(chunk)))
        self.environments()

    def keys(self) -> list[str]:
        """Return the keys of all results, also of trials that the last plan does not have."""
        with self._file.guarded():
            return [key for (key,) in self._file.execute("SELECT key FROM trials ORDER BY key").fetchall()]

    def copy_from(self, other: Store, keys: Iterable[str]) -> None:
        """Take over another store's results of these keys as they lie there, all or none.

        An older result of a key is replaced. Raises StoreError for a store of schema 1, whose keys mean
        something else.
        """
        if not other._checked:
            raise StoreError(f"{other.path} was written by an older annx, whose trials have other keys.")
        texts = other._environment_texts()
        with self._transaction():
            self._file.execute_many("INSERT OR IGNORE INTO environments VALUES (?,?)", texts.items())
            if other._has("texts"):
                shared = other._file.execute("SELECT name, text FROM texts")
                self._file.execute_many("INSERT OR IGNORE INTO texts VALUES (?,?)", shared)
            for table in ("trials", *DRAWN):
                if not other._has(table):
                    continue
                if table == "moments":
                    self._file.execute(MOMENTS)
                for chunk in _chunks(keys):
                    rows = other._copied(table, chunk)
                    if rows:
                        self._file.execute_many(
                            f"INSERT OR REPLACE INTO {table} VALUES ({_marks(rows[0])})", rows
                        )

    def _copied(self, table: str, keys: Sequence[str]) -> list[tuple[Any, ...]]:
        with self._file.guarded():
            return self._file.execute(f"SELECT * FROM {table} WHERE key IN ({_marks(keys)})", keys).fetchall()

    # Plans

    def plan(self, phase: Phase, trials: Iterable[Trial]) -> None:
        """Note which trials make up a phase, in order; replaces what was noted before."""
        self.plan_rows(phase, map(PlannedRow.of, trials))

    def plan_rows(self, phase: Phase, rows: Iterable[PlannedRow]) -> None:
        """Note the rows of a phase, in order; replaces what was noted before."""
        count = checksum = 0
        with self._transaction():
            self._file.execute("DELETE FROM planned WHERE phase = ?", (phase,))
            every = iter(rows)
            while chunk := [(row.key, self._texts.row(row)) for row in islice(every, CHUNK)]:
                self._file.execute_many(
                    "INSERT INTO planned VALUES (?,?,?,?)",
                    [(phase, place, *pair) for place, pair in enumerate(chunk, count)],
                )
                for pair in chunk:
                    checksum = zlib.crc32(checked_text(*pair), checksum)
                count += len(chunk)
            self._file.execute("INSERT OR REPLACE INTO phases VALUES (?,?,?)", (phase, count, checksum))

    def planned(self, phase: Phase) -> list[PlannedRow]:
        """Return the rows of a phase, in order."""
        with self._file.guarded():
            pairs = self._file.execute(
                "SELECT key, row FROM planned WHERE phase = ? ORDER BY position", (phase,)
            ).fetchall()
            noted = self._noted(phase)
            checksum = 0
            for key, row in pairs if noted is not None else ():
                checksum = zlib.crc32(checked_text(str(key), str(row)), checksum)
            if noted not in (None, (len(pairs), checksum)):
                raise self._file.damaged(f"plan of phase {phase}: its checksum does not fit")
            return [self._texts.planned(phase, key, row) for key, row in pairs]

    def counts(self, phase: Phase) -> Counter[str]:
        """Return how many of a phase's rows have which status; "missing" counts those without a result."""
        with self._file.guarded():
            rows = self._file.execute(
                "SELECT coalesce(status, 'missing'), count(*) FROM planned LEFT JOIN trials USING (key) "
                "WHERE phase = ? GROUP BY 1",
                (phase,),
            )
            counts = Counter(dict(rows.fetchall()))
            noted = self._noted(phase)
        strange = set(counts) - {"missing", *STATUSES}
        if strange or (noted is not None and noted[0] != counts.total()):
            raise self._file.damaged(f"phase {phase}: {strange or 'rows are lost'}")
        return counts

    def environments(self) -> dict[str, int]:
        """Return in how many environments, by their text, the planned trials ran, with the number of trials.

        A trial that was lost with its worker, or is of an older annx, counts for none.
        """
        if not self._checked:
            return {}
        texts = self._environment_texts()
        with self._file.guarded():
            rows = self._file.execute(
                "SELECT environment, count(*) FROM trials WHERE environment <> '' "
                "AND key IN (SELECT key FROM planned) GROUP BY 1 ORDER BY 2 DESC, 1"
            ).fetchall()
        missing = {digest for digest, _ in rows} - set(texts)
        if missing:
            raise self._file.damaged(f"environment {min(missing)} is not described")
        return {texts[digest]: count for digest, count in rows}

    def _environment_texts(self) -> dict[str, str]:
        """Return what the store's environments are, by digest."""
        if not self._checked:
            return {}
        with self._file.guarded():
            texts = dict(self._file.execute("SELECT digest, what FROM environments").fetchall())
        for digest, text in texts.items():
            if not isinstance(text, str) or environment_digest(text) != digest:
                raise self._file.damaged(f"environment {digest}: its text does not fit")
        return texts

    def _noted(self, phase: str) -> tuple[int, int] | None:
        """Return how many rows a phase has and their checksum; None where the store keeps none."""
        if not self._checked:
            return None
        noted: tuple[int, int] | None = self._file.execute(
            "SELECT trials, checksum FROM phases WHERE phase = ?", (phase,)
        ).fetchone()
        return noted or (0, 0)


def _of_trial(key: str, problem: object) -> str:
    return f"trial {key[:12]}: {problem}"


def _chunks(keys: Iterable[str]) -> Iterator[list[str]]:
    unique = list(dict.fromkeys(keys))
    for start in range(0, len(unique), CHUNK):
        yield unique[start : start + CHUNK]


def _marks(values: Sequence[Any]) -> str:
    return ",".join("?" * len(values))
