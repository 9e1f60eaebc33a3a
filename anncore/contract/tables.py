"""Tables as people have them: from texts to the data of a data set.

`TableDataset` is the base class of data sets that read a table: a text file, a Parquet file, a data frame.
One reads its table into texts, `Table`; everything after that is the same for all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore.contract import table_cells as cells
from anncore.contract.kinds import Array, Column, Data
from anncore.contract.table_cells import cells_shown
from anncore.contract.table_columns import ColumnReader, Outcome
from anncore.contract.table_roles import FEWEST_ROWS, RoleFinder, Roles, Table, TableKeys

SPLIT_WORDS: Mapping[str, int] = {
    **dict.fromkeys(("train", "training", "tr"), 0),
    **dict.fromkeys(("valid", "validation", "val", "dev"), 1),
    **dict.fromkeys(("test", "testing", "holdout"), 2),
}


@dataclass(frozen=True)
class TableDataset(TableKeys):
    """A data set that reads a table: what its columns are for, by name.

    A subclass reads its table and returns `self.data_of(table)` from `make`.
    """

    holds_frames: ClassVar[bool] = False
    """Whether it reads the files of `dataset_from_frame`."""

    def data_of(self, table: Table) -> Data:
        """Return the data of a table; raises DataError with a line for each of its mistakes."""
        reading = TableReading(self, table)
        data = reading.data()
        if data is None:
            raise self.error(*reading.mistakes)
        return data


class TableReading:
    """One table, read as a data set describes it; what is wrong gathers in `mistakes`."""

    def __init__(self, described: TableKeys, table: Table) -> None:
        self.described, self.table = described, table
        self.mistakes: list[str] = []
        self._finder = RoleFinder(described, table, self.mistakes)
        self._columns = ColumnReader(described, table, self.mistakes)

    def data(self) -> Data | None:
        """Return the data, or None where there are mistakes."""
        self._finder.check_lines()
        unsupervised = self.described.task == "unsupervised"
        roles = self._finder.roles()
        target = roles.target
        kept = [i for i in range(len(self.table.header)) if i not in roles.taken | roles.dropped]
        self._finder.check_kept(kept, roles)
        # Without a target, any column of texts may be the one that is meant.
        meant = unsupervised or target is not None
        block = self._columns.block(kept) if meant else None
        if target is not None:
            self._columns.check_missing(target)
        columns = [Column() for _ in kept]
        features = []
        if meant and block is None:
            features = [self._columns.feature(i) for i in kept]
            columns = [feature[1] for feature in features if feature is not None]
        enough = len(self.table.rows) >= FEWEST_ROWS
        outcome: Outcome | None = Outcome(None, "unsupervised") if unsupervised else None
        if target is not None and enough:
            outcome = self._columns.target(target)
        rows = self._rows(roles) if enough else {}
        if self.mistakes or outcome is None:
            return None
        x = np.column_stack([feature[0] for feature in features if feature]) if block is None else block
        plain = (
            all(column.kind == "number" and not column.how for column in columns) and not np.isnan(x).any()
        )
        return Data(
            x,
            outcome.y,
            outcome.task,
            classes=outcome.classes,
            features=tuple(self.table.header[i] for i in kept),
            test_index=rows.get("test_index"),
            valid_index=rows.get("valid_index"),
            columns=() if plain else tuple(columns),
            groups=rows.get("groups"),
            weights=rows.get("weights"),
        )

    def _rows(self, roles: Roles) -> dict[str, Array]:
        """Return groups, weights and fixed splits of the rows, by the field of `Data`."""
        rows: dict[str, Array] = {}
        if roles.id is not None:
            self._check_id(roles.id)
        if roles.group is not None and self._columns.check_missing(roles.group):
            rows["groups"] = cells.classes_of(
                [text for text, _ in self._columns.cells(roles.group)], self._columns.decimal
            ).places
        if roles.weight is not None:
            weights = self._weights(roles.weight)
            rows |= {} if weights is None else {"weights": weights}
        if roles.split is not None:
            rows |= self._fixed(roles.split)
        return rows

    def _check_id(self, i: int) -> None:
        """Note names of rows that are missing or not unique."""
        if not self._columns.check_missing(i):
            return
        first: dict[str, int] = {}
        again = [
            (text, line) for text, line in self._columns.cells(i) if first.setdefault(text, line) != line
        ]
        if again:
            self.mistakes.append(
                f"id {self.table.header[i]!r} must name each row alone, got once more "
                f"{cells_shown(again, self.table.unit)}; where rows belong together name the column by group"
            )

    def _weights(self, i: int) -> Array | None:
        """Return the weights; whatever is wrong with them is noted at once."""
        whole = self._columns.check_missing(i)
        numbers = self._columns.numbers(i, "a weight is a number of at least 0")
        negative = [cell for cell in self._columns.cells(i) if self._columns.is_negative(cell[0])]
        if negative:
            self.mistakes.append(
                f"weight {self.table.header[i]!r} must be at least 0, got "
                f"{cells_shown(negative, self.table.unit)}"
            )
        elif whole and numbers is not None and not numbers.any():
            self.mistakes.append(f"weight {self.table.header[i]!r} is 0 in every row; nothing would count")
        return numbers if whole else None

    def _fixed(self, i: int) -> dict[str, Array]:
        """Return the rows that a column puts into validation and test."""
        name, texts = self.table.header[i], list(self._columns.cells(i))
        strange = [(text, line) for text, line in texts if text.lower() not in SPLIT_WORDS]
        if strange:
            self.mistakes.append(
                f"split_column {name!r} must hold train, valid or test, got "
                f"{cells_shown(strange, self.table.unit)}"
            )
            return {}
        place = np.array([SPLIT_WORDS[text.lower()] for text, _ in texts])
        if not (place == 0).any():
            self.mistakes.append(f"split_column {name!r} has no row for training; mark some by train")
        fixed = {"test_index": np.flatnonzero(place == 2)}
        if (place == 1).any():  # else drawn from the training rows, by [split] valid
            fixed["valid_index"] = np.flatnonzero(place == 1)
        return fixed


__all__ = ["Table", "TableDataset"]
