"""A store that is damaged: what of it is sound is copied into a new one, and the old one is kept beside it.

Rows are read one range after the other, and a range that cannot be read in halves, down to the row: a page
that is lost costs its own rows. A row counts as sound where its checksum fits. Where the first page is lost,
which says where the tables lie, that of a new store takes its place, as all stores begin alike.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import sqlite3
import struct
import tempfile
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from anncore.contract.engine_version import environment_digest
from anncore.contract.errors import AnnxError, StoreError
from anncore.contract.trial import Phase, PlannedRow, TrialResult
from anncore.engine.decision_maps import unpacked
from anncore.engine.snapshots import read
from anncore.experiment.plan import Plan
from anncore.running.database import APPLICATION, SCHEMA, WRITABLE, locked
from anncore.running.files import not_written, replace_file
from anncore.running.run_folder import RunFolder
from anncore.running.shared_texts import checked_text, planned_row, text_name
from anncore.running.store import Store
from anncore.running.stored_rows import result_columns, result_of

NAME = "trials.sqlite"
MAGIC = b"SQLite format 3\0"
PHASES: tuple[Phase, ...] = ("tune", "report")
SMALLEST = 200  # bytes of the file that a row takes at least
MOST_ROWS = 4_000_000
BATCH = 500  # results in one transaction


class Salvaged(NamedTuple):
    """What became of a damaged store.

    results: how many trials were sound and are in the new store. missing: how many trials of the plan are
    not in it; None where the plan is lost too, which the next sweep makes anew. kept: where the damaged file
    is now. undescribed: results whose descriptions are lost, which `annx verify` cannot compute again.
    """

    results: int
    missing: int | None
    kept: Path
    undescribed: int


def problem_of_store(folder: Path) -> str:
    """Say what is wrong with a run folder's store, reading all of it; "" where nothing is.

    Raises StoreError for what salvage is not for: no store, a folder, one of a newer annx, another program's.
    """
    path = folder / NAME
    if not path.is_file():
        if path.is_dir():
            raise StoreError(f"{path} is a folder, where annx writes a file; move it away.")
        raise StoreError(f"{folder} has no {NAME}; 'annx sweep' with the same file runs its trials.")
    head = _head(path)
    if head.application == APPLICATION and head.schema > SCHEMA:
        raise StoreError(f"{path} was written by a newer annx (schema {head.schema}); upgrade annx.")
    try:
        with Store(path, write=False) as store:
            store.check()
    except StoreError as error:
        if "is no store of annx" in str(error) and head.sound:
            raise
        return str(error)
    return ""


def salvage(folder: Path) -> Salvaged:
    """Put a store of all that is sound in the place of a run folder's damaged one, which stays beside it.

    Raises StoreError where the folder is in use or cannot be written, and where nothing can be read, and
    leaves all as it was.
    """
    path = folder / NAME
    try:
        with locked(folder), tempfile.TemporaryDirectory(dir=folder, prefix=".annx-salvage-") as place:
            readable = _readable_copy(path, Path(place))
            salvaged = _sound_rows(readable, Path(place) / "new.sqlite", folder)
            if not salvaged.results:
                raise StoreError(f"no result can be read from {path}; move it away to run its trials anew.")
            return salvaged._replace(kept=_exchange(Path(place) / "new.sqlite", path))
    except OSError as error:
        raise not_written(path, error) from error


class _Head(NamedTuple):
    """What a database's first bytes say."""

    sound: bool
    schema: int
    application: int


def _head(path: Path) -> _Head:
    with contextlib.suppress(OSError), path.open("rb") as file:
        data = file.read(100)
        if len(data) == 100:
            schema, application = struct.unpack(">I", data[60:64])[0], struct.unpack(">I", data[68:72])[0]
            return _Head(data.startswith(MAGIC), schema, application)
    return _Head(False, 0, 0)


def _readable_copy(path: Path, place: Path) -> Path:
    """Return a copy of a store and its log that SQLite opens, with a new first page where that is lost."""
    copy = place / "old.sqlite"
    shutil.copyfile(path, copy)
    with contextlib.suppress(FileNotFoundError):
        shutil.copyfile(f"{path}-wal", f"{copy}-wal")
    if _opens(copy):
        return copy
    Store(place / "first.sqlite").close()
    first = bytearray((place / "first.sqlite").read_bytes())
    (size,) = struct.unpack(">H", first[16:18])
    pages = os.path.getsize(copy) // size
    first[28:32] = struct.pack(">I", pages)
    first[92:96] = first[24:28]  # that number of pages is the valid one
    replace_file(copy, bytes(first[:size]) + copy.read_bytes()[size:])
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{copy}-wal")  # it would bring the lost page back
    return copy


def _opens(path: Path) -> bool:
    with contextlib.closing(sqlite3.connect(path)) as file, contextlib.suppress(sqlite3.Error):
        names = {name for (name,) in file.execute("SELECT name FROM sqlite_master")}
        return "trials" in names
    return False


class _Rows:
    """The rows of a damaged database, those that can be read."""

    def __init__(self, path: Path) -> None:
        self._file = sqlite3.connect(path, isolation_level=None)
        self._most = min(MOST_ROWS, os.path.getsize(path) // SMALLEST + 1)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def of(self, table: str, columns: str = "*") -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a table that has rowids; of one that is not there, none."""
        with contextlib.suppress(sqlite3.Error):
            (there,) = self._file.execute(
                "SELECT count(*) FROM sqlite_master WHERE name = ?", (table,)
            ).fetchone()
            if there:
                yield from self._between(f"SELECT {columns} FROM {table}", 1, self._last(table))

    def from_both_ends(self, table: str, order: str) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a table up to the first that cannot be read, then from its end; some twice."""
        for way in ("ASC", "DESC"):
            with contextlib.suppress(sqlite3.Error):
                yield from self._file.execute(f"SELECT * FROM {table} ORDER BY {order} {way}")
                return

    def _last(self, table: str) -> int:
        with contextlib.suppress(sqlite3.Error):
            (last,) = self._file.execute(f"SELECT max(rowid) FROM {table}").fetchone()
            return min(int(last or 0), MOST_ROWS)
        return self._most

    def _between(self, select: str, first: int, last: int) -> Iterator[tuple[Any, ...]]:
        if first > last:
            return
        try:
            rows = self._file.execute(f"{select} WHERE rowid BETWEEN ? AND ?", (first, last)).fetchall()
        except (sqlite3.Error, UnicodeDecodeError):
            if first < last:
                middle = (first + last) // 2
                yield from self._between(select, first, middle)
                yield from self._between(select, middle + 1, last)
            return
        yield from rows


class _Described(NamedTuple):
    """What a store keeps of a trial: its description, as it lies there."""

    text: str


def _sound_rows(old: Path, new: Path, folder: Path) -> Salvaged:
    """Copy what is sound into a new store."""
    if 0 < _head(old).schema < WRITABLE:
        raise StoreError(f"{folder / NAME} was written by an older annx, whose rows have no checksums.")
    rows = _Rows(old)
    try:
        with Store(new) as store:
            texts = {
                name: text for name, text in rows.from_both_ends("texts", "name") if text_name(text) == name
            }
            store.keep_texts(texts.values())
            keys = _results(rows, store)
            missing = _plans(rows, store, texts)
            return Salvaged(len(keys), missing, folder, _described(store, keys, folder))
    finally:
        rows.close()


def _results(rows: _Rows, store: Store) -> list[str]:
    """Copy sound results with what figures draw of them; return their keys."""
    environments = {
        digest: text for digest, text in rows.of("environments") if environment_digest(text) == digest
    }
    drawn = {
        table: _drawn(rows, table, unpack) for table, unpack in (("maps", unpacked), ("snapshots", read))
    }
    moments: dict[str, list[tuple[int, bytes]]] = defaultdict(list)
    for key, step, blob in rows.of("moments"):
        with contextlib.suppress(ValueError, TypeError):
            unpacked(blob)
            moments[key].append((step, blob))
    keys: list[str] = []
    sound = _sound(rows, environments)
    while batch := list(itertools.islice(sound, BATCH)):
        store.add(
            (
                _Described(description),
                result._replace(
                    map=drawn["maps"].get(result.key, b""),
                    snapshot=drawn["snapshots"].get(result.key, b""),
                    moments=tuple(sorted(moments.get(result.key, ()))),
                ),
            )
            for result, description in batch
        )
        keys += [result.key for result, _ in batch]
    return keys


def _sound(rows: _Rows, environments: dict[str, str]) -> Iterator[tuple[TrialResult, str]]:
    """Yield the results whose checksums fit, with their descriptions."""
    for row in rows.of("trials", result_columns(curves=True, checked=True)):
        with contextlib.suppress(ValueError, TypeError, KeyError, struct.error):
            known = defaultdict(str, environments)  # a machine whose name is lost is one that is not known
            yield result_of(row, known, checked=True), row[1]


def _drawn(rows: _Rows, table: str, unpack: Callable[[bytes], Any]) -> dict[str, bytes]:
    sound = {}
    for key, blob in rows.of(table):
        with contextlib.suppress(ValueError, TypeError):
            unpack(blob)
            sound[key] = blob
    return sound


def _plans(rows: _Rows, store: Store, texts: dict[str, str]) -> int | None:
    """Copy the plans of both phases where they are whole; return how many of their trials have no result."""
    noted = {phase: (count, checksum) for phase, count, checksum in rows.of("phases")}
    lines = sorted(rows.of("planned"))
    whole: dict[Phase, list[PlannedRow]] = {}
    for phase in PHASES:
        mine = [(key, row) for of_phase, _, key, row in lines if of_phase == phase]
        checksum = 0
        for key, row in mine:
            checksum = zlib.crc32(checked_text(key, row), checksum)
        if noted.get(phase) != (len(mine), checksum):
            return None
        try:
            whole[phase] = [planned_row(phase, key, row, texts.__getitem__) for key, row in mine]
        except (KeyError, ValueError, TypeError):  # its shared text is lost
            return None
    for phase, planned in whole.items():
        store.plan_rows(phase, planned)
    return sum(store.counts(phase)["missing"] for phase in PHASES)


def _described(store: Store, keys: list[str], folder: Path) -> int:
    """Write anew what is lost of the descriptions, from the run folder's plan; return how many stay lost."""
    lost = {key for key in keys if not _is_described(store, key)}
    if lost:
        with contextlib.suppress(AnnxError):
            run = RunFolder(folder)
            plan = Plan(run.experiment(), run.shapes())
            for trial in itertools.chain(plan.tune(), plan.report()):
                if trial.key in lost:
                    store.describe(trial)
                    lost.discard(trial.key)
    return len(lost)


def _is_described(store: Store, key: str) -> bool:
    try:
        return key in store.descriptions([key])
    except StoreError:
        return False


def _exchange(new: Path, path: Path) -> Path:
    """Put the new store in the place of the old one, which gets another name; return that."""
    kept = next(
        name
        for number in itertools.count(1)
        if not (name := path.with_name(f"{path.name}.damaged-{number}")).exists()
    )
    try:
        os.link(path, kept)  # so that there is a store at any moment
    except OSError:
        shutil.copyfile(path, kept)
    for ending in ("-wal", "-shm"):  # a log that stays would be read into the new store
        with contextlib.suppress(FileNotFoundError):
            os.replace(f"{path}{ending}", f"{kept}{ending}")
    os.replace(new, path)
    return kept
