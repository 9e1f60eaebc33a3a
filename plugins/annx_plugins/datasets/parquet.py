"""Data set: parquet."""

import datetime
import hashlib
import importlib.util
import io
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Data, DataError, Dataset, Table, TableDataset, hookimpl, hyper, named_file


@dataclass(frozen=True)
class Parquet(TableDataset):
    """Your own table as a Parquet file: the same keys as `csv`, and columns that know what they hold.

    Numbers, truth values, dates and times, and texts are read as what the file says they are; a null or NaN
    is a missing value, and no text is, an empty one excepted. `categories` makes numbers categories. See
    `csv` for what becomes of columns, and for what `target`, `task`, `drop`, `id`, `group`, `weight` and
    `split_column` mean. A column of lists, structures, bytes or durations must be left out with `drop`.

    Needs pyarrow, which annx[parquet] brings.

    Shapes: x (rows, features); y (rows,), none for an unsupervised task.

    Apache Parquet, file format. https://parquet.apache.org/docs/file-format/
    """

    name: ClassVar[str] = "parquet"

    path: str = hyper("", "path", help="the file, relative to the experiment file")

    def fingerprint(self) -> str:
        """Return the SHA-256 of the file's bytes."""
        return hashlib.sha256(named_file("parquet", self.path, "data.parquet")).hexdigest()

    def make(self, rng: np.random.Generator) -> Data:
        return self.data_of(self._table(named_file("parquet", self.path, "data.parquet")))

    def _table(self, content: bytes) -> Table:
        if importlib.util.find_spec("pyarrow") is None:
            raise DataError(
                "parquet: reading Parquet needs pyarrow, which is not installed: pip install 'annx[parquet]'"
            )
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            read = pq.read_table(io.BytesIO(content))
        except (pa.ArrowException, OSError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            raise self.error(f"is no Parquet file that can be read: {reason}") from None
        columns: list[list[str]] = []
        kinds: dict[int, Any] = {}
        unread = []
        for i, (name, column) in enumerate(zip(read.column_names, read.columns, strict=True)):
            kind = _kind(column.type)
            if kind is None and name not in self.drop:
                unread.append(
                    f"column {name!r} holds {column.type}, no number, truth value, date or text; leave it "
                    f'out with drop = ["{name}"]'
                )
            kinds[i] = kind or "text"
            columns.append([] if kind is None else [_text(cell) for cell in column.to_pylist()])
        if unread:
            raise self.error(*unread)
        columns = [cells or [""] * read.num_rows for cells in columns]
        rows = [list(row) for row in zip(*columns, strict=True)]
        return Table(list(read.column_names), rows, list(range(1, len(rows) + 1)), unit="row", kinds=kinds)


def _kind(arrow: Any) -> Any:
    """Return what cells of an Arrow type are; None for what is no cell."""
    import pyarrow.types as types

    if types.is_dictionary(arrow):
        return _kind(arrow.value_type)
    if types.is_boolean(arrow):
        return "bool"
    if types.is_integer(arrow) or types.is_floating(arrow) or types.is_decimal(arrow):
        return "number"
    if types.is_date(arrow) or types.is_timestamp(arrow):
        return "date"
    if types.is_string(arrow) or types.is_large_string(arrow) or types.is_null(arrow):
        return "text"
    return None


def _text(cell: Any) -> str:
    """Return a cell as `Table` has it."""
    if cell is None or cell != cell:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, (datetime.date, datetime.datetime)):
        return cell.isoformat()
    return str(cell)


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [Parquet]
