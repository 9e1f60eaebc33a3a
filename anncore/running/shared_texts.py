"""Texts that many rows of a store have in common, each kept once under a name made from its content.

A hundred thousand trials differ in their seeds; the parts, the training and the labels of most are the same.
So a row says

    {"of":"b8Kd0wq1Xz","seed":5}

and the text of that name says the rest, with further names in the place of each part. By SQL the learning
rate of a trial is

    SELECT json_extract(part.text, '$.params.lr') FROM trials
    JOIN texts of ON of.name = json_extract(description, '$.of')
    JOIN texts part ON part.name = json_extract(of.text, '$.parts.optimizer')

A name is ten characters of the text's SHA-256, so that a text that changes on the disk is an error, and two
stores that hold one text call it by one name.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

from anncore.contract.trial import Phase, PlannedRow, canonical, encoded
from anncore.running.database import Database

TABLE = "CREATE TABLE IF NOT EXISTS texts (name TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID"
REMEMBERED = 20_000  # texts in memory; the store has all
SEED = ',"seed":'
OPEN = f"{SEED}null"  # where the seed stands in what trials share
SHORT = '{"of":"'
NAME = 10  # characters of a name
SHARED = ("split", "train")  # beside the parts
OWN = ("key", "phase", "seed")  # of a planned row, in the row itself


class SharedTexts:
    """The shared texts of an open store; the caller holds the transaction, and calls `forget` if it fails."""

    def __init__(self, file: Database) -> None:
        self._file = file
        self._names: dict[str, str] = {}
        self._texts: dict[str, str] = {}
        self._tails: dict[str, str] = {}  # by what a trial's text is without its seed, its name; "" for none
        self._rows: dict[str, dict[str, Any]] = {}
        self._last: tuple[PlannedRow, str] | None = None  # the row before, and its text's name

    def forget(self) -> None:
        """Forget what is in memory: it may not be in the file."""
        for memory in (self._names, self._texts, self._tails, self._rows):
            memory.clear()
        self._last = None

    def keep(self, text: str) -> str:
        """Keep a text and return its name."""
        name = self._names.get(text)
        if name is None:
            name = text_name(text)
            self._file.execute("INSERT OR IGNORE INTO texts VALUES (?,?)", (name, text))
            self._names[_bounded(self._names, text)] = name
        return name

    def text(self, name: str) -> str:
        """Return the text of a name; raises StoreError where it is lost or another."""
        text = self._texts.get(name)
        if text is None:
            row = self._file.execute("SELECT text FROM texts WHERE name = ?", (name,)).fetchone()
            if row is None or text_name(str(row[0])) != name:
                raise self._file.damaged(f"text {name}: it {'is lost' if row is None else 'does not fit'}")
            text = self._texts[_bounded(self._texts, name)] = str(row[0])
        return text

    # Descriptions of trials

    def shortened(self, description: str) -> str:
        """Return what a row says of a trial's description, whose parts are kept; `whole` gives it back."""
        head, mark, tail = description.rpartition(SEED)
        seed, comma, rest = tail.partition(",")
        if not (mark and comma and seed.lstrip("-").isdigit()):
            return description
        shared = f"{head}{OPEN}{comma}{rest}"
        name = self._tails.get(shared)
        if name is None:
            name = self._name_of(shared)
            self._tails[_bounded(self._tails, shared)] = name
        return f'{SHORT}{name}","seed":{seed}}}' if name else description

    def _name_of(self, shared: str) -> str:
        """Keep what trials share, part by part; "" where it would not come back as it is."""
        if shared.rpartition(OPEN)[0] != shared.rpartition(SEED)[0]:
            return ""
        try:
            plain = json.loads(shared, parse_float=_fraction)
            if encoded(plain) != shared or not isinstance(plain.get("parts"), dict):
                return ""
        except ValueError:
            return ""
        plain["parts"] = {kind: self.keep(encoded(part)) for kind, part in plain["parts"].items()}
        plain |= {what: self.keep(encoded(plain[what])) for what in SHARED if what in plain}
        return self.keep(encoded(plain))

    def whole(self, description: str) -> str:
        """Return the description that `shortened` was given."""
        if not description.startswith(SHORT):
            return description  # of an older store, or one that could not be shortened
        row = json.loads(description)
        plain = json.loads(self.text(row["of"]))
        plain["parts"] = {kind: json.loads(self.text(name)) for kind, name in plain["parts"].items()}
        plain |= {what: json.loads(self.text(plain[what])) for what in SHARED if what in plain}
        return canonical(plain | {"seed": row["seed"]})

    # Rows of plans

    def row(self, planned: PlannedRow) -> str:
        """Return what the table of plans says of a row beside its key and phase."""
        # The trials of one configuration follow each other, and hold the very same labels and values.
        last = self._last
        if last is None or not (
            last[0].labels is planned.labels
            and last[0].values is planned.values
            and last[0][2:5] == planned[2:5]  # problem, arm, config
        ):
            plain = {name: value for name, value in planned._asdict().items() if name not in OWN}
            last = self._last = planned, self.keep(json.dumps(plain, ensure_ascii=False))
        return f'{SHORT}{last[1]}","seed":{canonical(planned.seed)}}}'

    def planned(self, phase: Phase, key: str, row: str) -> PlannedRow:
        """Return the planned row that `row` was given; those of one configuration share their labels."""
        return planned_row(phase, key, row, self.text, self._rows)


def planned_row(
    phase: Phase,
    key: str,
    row: str,
    text: Callable[[str], str],
    known: dict[str, dict[str, Any]] | None = None,
) -> PlannedRow:
    """Return a planned row from its columns; text: gives the text of a name. known: what is read already."""
    name, digits = row[len(SHORT) : len(SHORT) + NAME], row[len(SHORT) + NAME + 1 + len(SEED) : -1]
    seed: Any = int(digits) if digits.isascii() and digits.isdecimal() else None
    if row != f'{SHORT}{name}"{SEED}{seed}}}':  # written by hand, or with a seed below 0
        plain = json.loads(row)
        if "of" not in plain:  # of an older store
            return PlannedRow(**plain)
        name, seed = plain["of"], plain["seed"]
    known = {} if known is None else known
    if name not in known:
        known[_bounded(known, name)] = json.loads(text(name))
    return PlannedRow(key=key, phase=phase, seed=seed, **known[name])


def checked_text(key: str, row: str) -> bytes:
    """Return what a plan's checksum covers of a row; an older store's row holds the key itself."""
    return (f"{key}{row}" if row.startswith(SHORT) else row).encode()


def text_name(text: str) -> str:
    """Return the name of a text."""
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())[:NAME].decode()


def _fraction(digits: str) -> float:
    """Return a number of a canonical text; raises ValueError for one that `canonical` writes otherwise."""
    number = float(digits)
    if number.is_integer():
        raise ValueError(digits)
    return number


def _bounded(memory: dict[str, Any], key: str) -> str:
    """Return the key, after making room for it."""
    if len(memory) >= REMEMBERED:
        memory.clear()
    return key
