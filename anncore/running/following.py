"""A run folder's store, followed while a sweep writes it: each look reads what is new, and no more.

A result gets a row number above all others when it is written, so what lies above the last row that was read
is new. A sweep that forgets results (`--fresh`, `--retry-failed`) may give their numbers again; then the last
row or the number of results is another one, and all is read anew. The plan of a phase is read again when its
checksum is another one.

The file is open during a look only: a sweep that ends turns it into one plain file, for which nobody else may
hold it.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from anncore.contract.errors import StoreError
from anncore.contract.trial import STATUSES, Phase, PlannedRow, TrialResult
from anncore.running.database import Database
from anncore.running.shared_texts import SharedTexts
from anncore.running.stored_rows import result_columns, result_of

PHASES: tuple[Phase, ...] = ("tune", "report")
ROWS = 64  # that are read between two looks at the clock
STORE = "trials.sqlite"
LOWEST = -(2**63)  # row numbers are signed


class Slice(NamedTuple):
    """What one look brings, in this order.

    forget: all results that were read are void. replaced: phases whose rows are void. more: whether there is
    more to read at once.
    """

    forget: bool
    replaced: tuple[Phase, ...]
    rows: tuple[PlannedRow, ...]
    results: tuple[TrialResult, ...]
    more: bool


NOTHING = Slice(False, (), (), (), False)


class Follower:
    """Follows the store of one run folder. Not for two threads at once."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / STORE
        self._signature: object = None
        self._file_number: int | None = None
        self._last: tuple[int, str, int] | None = None  # row, key and checksum of what was read last
        self._keys: set[str] = set()
        self._noted: dict[Phase, tuple[int, int]] = {}
        self._rows_read: dict[Phase, int] = {}
        self._more = False

    def look(self, enough: Callable[[], bool], *, anyway: bool = False) -> Slice:
        """Return what is new since the last look.

        enough: tells when to leave the rest for the next look. A file that did not change since is not
        opened, unless anyway. Raises StoreError where the store cannot be read; the next look then begins
        anew.
        """
        signature = self._stated()
        if signature == self._signature and not self._more and not anyway:
            return NOTHING
        try:
            brought = self._read(enough)
        except StoreError:
            self._begin_anew()
            self._signature = signature  # a damaged file is read again when it changes
            raise
        self._signature, self._more = signature, brought.more
        return brought

    def written(self) -> float:
        """Return when something was written last, in seconds since 1970; 0 where there is no file."""
        return max((stated[1] for stated in self._stated() if stated), default=0) / 1e9

    def _stated(self) -> tuple[tuple[int, int, int] | None, ...]:
        """Return what is another after every write; the newest writes lie in the log beside the file."""
        return tuple(stated(path) for path in (self.path, self.path.with_name(f"{STORE}-wal")))

    def _begin_anew(self) -> None:
        self._last, self._keys = None, set()
        self._noted, self._rows_read = {}, {}
        self._more = False

    def _read(self, enough: Callable[[], bool]) -> Slice:
        forget = False
        file = Database(self.path, "", write=False)
        try:
            number = self.path.stat().st_ino
            if number != self._file_number:  # another file in its place
                self._begin_anew()
                self._file_number, forget = number, True
            with file.guarded():
                file.execute("BEGIN")  # so that plan and results are of one moment
                if not self._stands(file):
                    self._begin_anew()
                    forget = True
                replaced, rows, more = self._plan_rows(file, enough)
                results, behind = ((), True) if more else self._results(file, enough)
                if not behind and self._count(file) != len(self._keys):  # some were taken out
                    self._begin_anew()
                    return Slice(True, PHASES, (), (), True)
        except OSError as error:
            raise StoreError(f"{self.path} cannot be read: {error.strerror or error}.") from None
        finally:
            file.close()
        return Slice(forget, replaced, rows, results, behind)

    def _stands(self, file: Database) -> bool:
        """Tell whether the last row that was read is still what it was."""
        if self._last is None:
            return True
        checksum = "checksum" if file.schema > 1 else "0"
        row = file.execute(f"SELECT rowid, key, {checksum} FROM trials WHERE rowid = ?", self._last[:1])
        return bool(row.fetchone() == self._last)

    def _count(self, file: Database) -> int:
        (count,) = file.execute("SELECT count(*) FROM trials").fetchone()
        return int(count)

    def _plan_rows(
        self, file: Database, enough: Callable[[], bool]
    ) -> tuple[tuple[Phase, ...], tuple[PlannedRow, ...], bool]:
        """Return which phases have another plan, rows of the plans, and whether there are more."""
        replaced: list[Phase] = []
        texts = SharedTexts(file)
        rows: list[PlannedRow] = []
        more = False
        for phase in PHASES:
            noted = _noted(file, phase)
            if noted != self._noted.get(phase):
                self._noted[phase], self._rows_read[phase] = noted, 0
                replaced.append(phase)
            while self._rows_read[phase] < noted[0] and not more:
                chunk = file.execute(
                    "SELECT key, row FROM planned WHERE phase = ? AND position >= ? "
                    "ORDER BY position LIMIT ?",
                    (phase, self._rows_read[phase], ROWS),
                ).fetchall()
                if not chunk:
                    raise file.damaged(f"phase {phase}: rows are lost")
                rows += (_planned(file, texts, phase, *pair) for pair in chunk)
                self._rows_read[phase] += len(chunk)
                more = enough()
            more = more or self._rows_read[phase] < noted[0]
        return tuple(replaced), tuple(rows), more

    def _results(self, file: Database, enough: Callable[[], bool]) -> tuple[tuple[TrialResult, ...], bool]:
        """Return results above the last row that was read, and whether there are more."""
        checked = file.schema > 1
        columns = result_columns(True, checked)
        statement = f"SELECT rowid, {columns} FROM trials WHERE rowid > ? ORDER BY rowid LIMIT ?"
        results: list[TrialResult] = []
        while True:
            last = LOWEST if self._last is None else self._last[0]
            chunk = file.execute(statement, (last, ROWS)).fetchall()
            for number, *row in chunk:
                results.append(_checked_result(file, row, checked))
                self._last = (number, row[0], row[9])
                self._keys.add(row[0])
            if len(chunk) < ROWS:
                return tuple(results), False
            if enough():
                return tuple(results), True


def stated(path: Path) -> tuple[int, int, int] | None:
    """Return a file's number, the nanoseconds of its last change, and its size; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _noted(file: Database, phase: Phase) -> tuple[int, int]:
    """Return how many rows a phase has, and their checksum where the store keeps one."""
    if file.schema > 1:
        noted = file.execute("SELECT trials, checksum FROM phases WHERE phase = ?", (phase,)).fetchone()
    else:
        noted = file.execute("SELECT count(*), 0 FROM planned WHERE phase = ?", (phase,)).fetchone()
    count, checksum = noted or (0, 0)
    if type(count) is not int:
        raise file.damaged(f"phase {phase}: {count!r} rows")
    return count, checksum


def _planned(file: Database, texts: SharedTexts, phase: Phase, key: str, text: str) -> PlannedRow:
    try:
        row = texts.planned(phase, key, text)
    except (ValueError, TypeError, KeyError, RecursionError) as problem:
        raise file.damaged(f"a row of the plan: {problem}") from None
    names = (row.key, row.phase, row.problem, row.arm, row.config)
    if not all(isinstance(name, str) for name in names) or type(row.seed) is not int:
        raise file.damaged("a row of the plan: its names are none")
    if row.phase not in PHASES:
        raise file.damaged(f"a row of the plan: phase {row.phase!r}")
    return row


def _checked_result(file: Database, row: list[object], checked: bool) -> TrialResult:
    try:
        result = result_of(row, defaultdict(str), checked)
    except (ValueError, TypeError, KeyError, IndexError, struct.error, RecursionError) as problem:
        raise file.damaged(f"trial {str(row[0])[:12]}: {problem}") from None
    if not isinstance(result.key, str) or result.status not in STATUSES:
        raise file.damaged(f"trial {str(result.key)[:12]}: status {result.status!r}")
    return result
