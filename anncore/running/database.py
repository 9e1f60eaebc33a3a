"""The store's file: one SQLite database with one writer, and every problem with it in one line.

While a sweep runs the file is in WAL mode, so that others may read along and a kill at any moment loses at
most the stack in hand; when it is closed it becomes one plain file again, which can be copied and read
anywhere.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from anncore.contract.errors import StoreError
from anncore.running.files import refuse_network

try:
    import fcntl
except ImportError:  # Windows: two sweeps would repeat each other's work, but results are equal anyway
    fcntl = None  # type: ignore[assignment]

SCHEMA = 3
OLDEST = 1  # the oldest schema that can still be read
WRITABLE = 2  # the oldest schema whose keys mean what ours do: such a file is written on, and is of ours then
APPLICATION = 0x616E6E78  # "annx"
LOG_PAGES = 4000  # of 4 KiB, that the log holds before they are copied into the file
CACHE_KIB = 16 << 10
BUSY_SECONDS = 10.0  # a reader holds the file for moments only
HELD = (errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES)  # what a lock says that somebody has
DAMAGE = ("not a database", "malformed", "no such", "decode", "corrupt", "unsupported file format")


class Database:
    """An open file; `schema` is the file's own, which is older than SCHEMA only where it is read.

    tables: the statements that make a new file's tables. write: take the folder for this process alone.
    """

    def __init__(self, path: Path, tables: str, *, write: bool) -> None:
        self.path, self.schema = path, SCHEMA
        self._lock: int | None = None
        self._identity: tuple[int, int] | None = None  # of the file that is written
        self._connection: sqlite3.Connection | None = None
        try:
            with self.guarded():
                self._open(tables, write)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Leave one plain file behind, and let the next writer in."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                if self._lock is not None:
                    connection.execute("PRAGMA busy_timeout = 0")
                    # Not while another still reads: harmless.
                    connection.execute("PRAGMA journal_mode = DELETE")
            connection.close()
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)

    def execute(self, statement: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run one statement."""
        assert self._connection is not None, "the store is closed"
        return self._connection.execute(statement, values)

    def execute_many(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement for each row."""
        assert self._connection is not None, "the store is closed"
        self._connection.executemany(statement, rows)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep all that the body writes, or nothing of it."""
        with self.guarded():
            self._put_back_deleted()
            self.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self.execute("ROLLBACK")
                raise
            self.execute("COMMIT")

    @contextlib.contextmanager
    def guarded(self) -> Iterator[None]:
        """Turn SQLite's complaints into a StoreError that says what to do."""
        try:
            yield
        except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
            text = " ".join(str(error).split())
            if "locked" in text or "busy" in text:
                raise StoreError(
                    f"{self.path} is locked by another program; close it and try again."
                ) from error
            if any(word in text for word in DAMAGE):
                raise self.damaged(text) from error
            raise StoreError(
                f"{self.path} cannot be used ({text}); check the disk's space and the folder's permissions, "
                "or give another folder by --out."
            ) from error

    def damaged(self, what: str) -> StoreError:
        """Return the error for a file whose content cannot be what was written."""
        return StoreError(f"{self.path} is damaged ({what}). {ELSEWHERE}")

    def _put_back_deleted(self) -> None:
        """Where the file was deleted meanwhile, write it anew and raise: more rows would be lost."""
        if self._identity is None or _identity(self.path) == self._identity:
            return
        assert self._connection is not None
        if self.path.exists():
            raise StoreError(
                f"{self.path} was replaced while a sweep was writing it; what that sweep did since is lost. "
                "Let one sweep at a time use a folder."
            )
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(sqlite3.connect(self.path)) as anew:
            self._connection.backup(anew)  # the system keeps a deleted file as long as it is open
            anew.execute("PRAGMA journal_mode = DELETE")
        raise StoreError(
            f"{self.path} was deleted while a sweep was writing it; what was finished is there again, "
            "and the same command resumes."
        )

    def _open(self, tables: str, write: bool) -> None:
        if not write and not self.path.is_file():
            raise StoreError(f"{self.path.parent} is no run folder: it has no {self.path.name}.")
        if write:
            refuse_network(self.path.parent)
            self._lock = _take(self.path.parent)
        mode = "rwc" if write else "ro"
        uri = f"{self.path.absolute().as_uri()}?mode={mode}"
        self._connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_SECONDS)
        (count,) = self.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (application,) = self.execute("PRAGMA application_id").fetchone()
        (self.schema,) = self.execute("PRAGMA user_version").fetchone()
        new = application != APPLICATION
        if new and (count or not write):
            raise StoreError(f"{self.path} is no store of annx. {ELSEWHERE}")
        if not new:
            self._check_schema(write)
        if write:
            self._prepare(tables if new else "")
            self._identity = _identity(self.path)

    def _check_schema(self, write: bool) -> None:
        if self.schema > SCHEMA:
            raise StoreError(
                f"{self.path} was written by a newer annx (schema {self.schema}, this one knows {SCHEMA}); "
                "upgrade annx, or give another folder by --out."
            )
        if self.schema < OLDEST:
            raise self.damaged(f"schema {self.schema}, which no annx writes")
        if write and self.schema < WRITABLE:
            raise StoreError(
                f"{self.path} was written by an older annx (schema {self.schema}, this one writes {SCHEMA}), "
                "whose trials have other keys. It can still be read (annx report, status, export); move it "
                "away to run its trials anew, or give another folder by --out."
            )

    def _prepare(self, tables: str) -> None:
        (mode,) = self.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise StoreError(
                f"{self.path.parent} lies on a file system without the shared memory that SQLite's "
                "write-ahead log needs; give a folder on a local disk by --out."
            )
        # In WAL mode a killed process loses nothing even so; only a machine's crash may take the last rows.
        self.execute("PRAGMA synchronous = NORMAL")
        # Each row touches another page of the keys' index. With SQLite's own limits of 4 MB and 2 MB these
        # pages were written again and again: a hundred thousand small trials took twice as long to keep.
        self.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}")
        self.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        if tables:
            assert self._connection is not None
            # One transaction, so that a kill leaves all of it or nothing.
            self._connection.executescript(
                f"BEGIN IMMEDIATE;{tables}PRAGMA application_id = {APPLICATION};"
                f"PRAGMA user_version = {SCHEMA};COMMIT;"
            )
        elif self.schema < SCHEMA:  # an older annx could not read what is written now
            self.execute(f"PRAGMA user_version = {SCHEMA}")
        self.schema = SCHEMA


ELSEWHERE = "Move it away to run its trials anew, or give another folder by --out."


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from another one under its name; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def is_taken(folder: Path) -> bool:
    """Tell whether a process holds a folder's lock; without locks, on Windows, nobody seems to."""
    if fcntl is None:
        return False
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in HELD
    else:
        return False
    finally:
        os.close(handle)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder's lock; raises StoreError where another sweep has it."""
    handle = _take(folder)
    try:
        yield
    finally:
        if handle is not None:
            os.close(handle)


def _take(folder: Path) -> int | None:
    """Lock the folder itself: no file to leave behind, and the lock ends with the process."""
    if fcntl is None:
        return None
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        if error.errno in HELD:
            raise StoreError(
                f"{folder} is in use by another sweep; wait for its end, or give another folder by --out."
            ) from None
        raise StoreError(
            f"{folder} cannot be locked ({error.strerror or error}), so that two sweeps might write into it; "
            "give a folder on a local disk by --out."
        ) from None
    return handle
