"""Library: statsmodels. The tables that its wheel brings along, as data sets: `statsmodels:engel`."""

from __future__ import annotations

import dataclasses
import hashlib
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, ClassVar

import numpy as np

from anncore import (
    Component,
    ComponentError,
    Data,
    Library,
    Made,
    Table,
    TableDataset,
    hookimpl,
    hyper,
    read_signature,
)

LOADER = "load_pandas"


@dataclass(frozen=True)
class StatsmodelsTable(Made, TableDataset):
    """A table of statsmodels, with the keys of `csv`."""

    def fingerprint(self) -> str:
        """Return the SHA-256 of the table as text."""
        return hashlib.sha256(self._theirs().data.to_csv().encode()).hexdigest()

    def make(self, rng: np.random.Generator) -> Data:
        return self.data_of(_table(self._theirs().data))


def _table(frame: Any) -> Table:
    """Return a data frame as texts; rows that are named keep their names in a column."""
    if frame.index.dtype.kind != "i":
        frame = frame.reset_index()
    columns, kinds = [], {}
    for i, name in enumerate(frame.columns):
        column = frame[name]
        kinds[i] = "number" if column.dtype.kind in "iuf" else "date" if column.dtype.kind == "M" else "text"
        texts = column.dt.strftime("%Y-%m-%d") if kinds[i] == "date" else column.astype(object).map(_text)
        columns.append(texts.tolist())
    rows = [list(row) for row in zip(*columns, strict=True)]
    header = [str(name) for name in frame.columns]
    return Table(header, rows, list(range(1, len(rows) + 1)), unit="row", kinds=kinds)  # type: ignore[arg-type]


def _text(cell: Any) -> str:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return "" if cell is None or cell != cell else str(cell)


class Statsmodels(Library):
    """statsmodels: the tables in its wheel, and any function of the same form that returns one."""

    prefix = "statsmodels"
    title = "statsmodels"
    packages = ("statsmodels",)
    within = ("statsmodels.datasets",)
    address = "https://www.statsmodels.org/stable/datasets/index.html"
    offers: ClassVar[Mapping[str, str]] = {"dataset": "a table in statsmodels.datasets, as statsmodels:engel"}

    def kind_of(self, thing: Any) -> str:
        return "dataset" if getattr(thing, "__name__", "") == LOADER else ""

    def inside(self, module: ModuleType) -> Any:
        return getattr(module, LOADER, None)

    def component(self, kind: str, thing: Any, path: str) -> type[Component]:
        full = f"{self.prefix}:{path}"
        if not self.kind_of(thing):
            raise ComponentError(f"{full} is no {kind}: name {self.offers[kind]}.")
        loaded, signature = thing(), read_signature(thing, 0)
        target = getattr(loaded, "endog_name", None)
        if isinstance(target, str) and target in loaded.data.columns:
            own = hyper(target, "str", help="the column to predict")
            signature = dataclasses.replace(signature, fields={"target": own})
        described = _documentation(sys.modules[thing.__module__], loaded.data, self.address)
        return self.make(StatsmodelsTable, path, thing, signature, {"__doc__": described})


def _documentation(module: ModuleType, frame: Any, address: str) -> str:
    """Return what statsmodels says of a table: its title, columns, licence and source."""

    def said(name: str) -> str:
        return " ".join(str(getattr(module, name, "") or "").split())

    title = (said("TITLE") or module.__name__.rpartition(".")[2]).rstrip(".")
    licence = said("COPYRIGHT").strip("?. ") or "it says nothing"
    source = said("SOURCE").strip(". ") or "it says nothing"
    parts = [
        f"{title}.",
        said("DESCRLONG") or said("DESCRSHORT"),
        f"{len(frame)} rows with the columns {', '.join(map(str, frame.columns))}. The target is what "
        "statsmodels calls endog, where that is one column, unless `target` names another.",
        f"The keys are those of `csv`: {', '.join(_keys())}.",
        f"Licence of the data, as statsmodels says: {licence}. Source, as it says: {source}.",
        f"statsmodels: {address}",
    ]
    return "\n\n".join(textwrap.fill(part, 106, break_long_words=False) for part in parts if part)


def _keys() -> list[str]:
    """Return the keys of a table."""
    return [field.name for field in dataclasses.fields(TableDataset)]


@hookimpl
def annx_libraries() -> list[type[Library]]:
    return [Statsmodels]
