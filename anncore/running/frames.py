"""Data frames as data sets: written once, by what they hold, and read from there by every process."""

from __future__ import annotations

import datetime
import hashlib
import json
import numbers
import os
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anncore.contract.cache_folder import cache_folder
from anncore.contract.errors import DataError, PluginError, StoreError, tells_users
from anncore.contract.hyperparameters import build
from anncore.contract.loading import load_registry
from anncore.contract.shown import shortened
from anncore.contract.tables import TableDataset
from anncore.running.files import replace_file

if TYPE_CHECKING:
    import pandas as pd


NEEDED = ("target", "id", "group", "weight", "split_column")


@tells_users
def dataset_from_frame(
    frame: pd.DataFrame, *, folder: str | os.PathLike[str] | None = None, **keys: Any
) -> dict[str, Any]:
    """Return the section of an experiment that trains on a data frame.

        anncore.sweep({"dataset": {"mine": anncore.dataset_from_frame(frame, target="price")}, ...})

    keys: as in the section of a `csv`: target, task, drop, id, group, weight, split_column, categories,
    dates, date_format, most_categories. A column holds what its type says: numbers, truth values, dates, or
    texts, which are categories. The index is left out.

    The frame is written into `folder`, by default one among the user's caches, as a file that is named by its
    content: the same frame is the same data set in any session, and trials of it are not run again. A run
    folder does not hold it; where others are to run the experiment, give them the file.

    Raises TypeError for what is no data frame, and DataError, a line for each mistake, for what the frame or
    the keys lack.
    """
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        hint = "; give frame.to_pandas()" if hasattr(frame, "to_pandas") else ""
        raise TypeError(f"a pandas data frame is needed, got {shortened(repr(frame), 60)}{hint}")
    if isinstance(frame.columns, pd.MultiIndex):
        raise DataError("the frame's columns have several levels; name each by one text, as in a flat table")
    registry = load_registry()
    tables = [c for c in registry.of_kind("dataset") if issubclass(c.cls, TableDataset)]
    readers = [c for c in tables if c.cls.holds_frames]
    if not readers:
        raise PluginError("no data set that reads frames is installed.")
    reader: Any = readers[0].cls
    needed = {str(keys[key]) for key in NEEDED if keys.get(key)}
    columns = [
        _column(str(name), frame.iloc[:, place], _listed(keys.get("drop")), needed)
        for place, name in enumerate(frame.columns)
    ]
    text = json.dumps({"columns": columns}, ensure_ascii=False, separators=(",", ":"))
    path, is_new = _written(text.encode("utf-8", "surrogatepass"), folder)
    section = {"path": str(path), **{key: _plain(value) for key, value in keys.items()}}
    try:
        _refuse_unreadable(reader, section)
    except BaseException:
        if is_new:  # nobody asks for a frame that was refused
            path.unlink(missing_ok=True)
        raise
    return {"use": readers[0].name, **section}


def _refuse_unreadable(reader: Any, section: dict[str, Any]) -> None:
    """Read the frame once, so that mistakes are known here, and speak of it and not of its file."""
    import numpy as np

    try:
        build(reader, **section).make(np.random.default_rng(0))
    except DataError as error:
        where = f"{reader.name}: {section['path']}"
        raise DataError(*(line.replace(where, "the frame") for line in error.lines)) from None


def _listed(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ())


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, (tuple, set)) else value


def _written(content: bytes, folder: str | os.PathLike[str] | None) -> tuple[Path, bool]:
    """Write a content into the file that is called by its digest, unless it is there; say whether it was."""
    try:
        place = Path(folder) if folder is not None else cache_folder() / "frames"
        file = place.resolve() / f"{hashlib.sha256(content).hexdigest()[:32]}.json"
        is_new = not file.is_file()
        if is_new or file.read_bytes() != content:
            file.parent.mkdir(parents=True, exist_ok=True)
            replace_file(file, content)
    except (OSError, RuntimeError, StoreError) as error:
        reason = getattr(error, "strerror", None) or str(error).rstrip(".")
        raise DataError(f"the frame cannot be written: {reason}; give a folder, folder=...") from None
    return file, is_new


def _column(name: str, values: Any, dropped: tuple[str, ...], needed: Collection[str]) -> dict[str, Any]:
    """Return a column as texts, and what they are; "" is a missing value.

    needed: columns that the keys name, which cannot be left out.
    """
    import pandas as pd
    from pandas.api import types

    way_out = "convert it to one of these" if name in needed else "leave it out"
    missing = values.isna().to_numpy()
    dtype = values.dtype
    if name in dropped:
        return {"name": name, "kind": "text", "cells": [""] * len(values)}
    if isinstance(dtype, pd.CategoricalDtype):
        values, dtype = values.astype(object), values.cat.categories.dtype
        kind: str | None = "text"
    elif types.is_bool_dtype(dtype):
        kind = "bool"
    elif types.is_complex_dtype(dtype) or types.is_timedelta64_dtype(dtype):
        raise DataError(f"column {name!r} holds {dtype}, no number, truth value, date or text; {way_out}")
    elif types.is_numeric_dtype(dtype):
        kind = "number"
    elif types.is_datetime64_any_dtype(dtype):
        kind = "date"
    else:
        kind = _kind(name, [value for value, gap in zip(values, missing, strict=True) if not gap], way_out)
    cells = ["" if gap else _cell(value) for value, gap in zip(values, missing, strict=True)]
    return {"name": name, "kind": kind, "cells": cells}


def _kind(name: str, there: list[Any], way_out: str) -> str | None:
    """Return what the cells of a column of objects are; None where they are of several kinds."""
    known = ((bool, "bool"), (numbers.Real, "number"), (datetime.date, "date"), (str, "text"))
    kinds = set()
    for value in there:
        kind = next((kind for cls, kind in known if isinstance(value, cls)), None)
        if kind is None:
            raise DataError(
                f"column {name!r} holds {shortened(repr(value), 40)}, no number, truth value, date or text; "
                f"{way_out}"
            )
        kinds.add(kind)
    return kinds.pop() if len(kinds) == 1 else None if kinds else "text"


def _cell(value: Any) -> str:
    if hasattr(value, "item") and not isinstance(value, datetime.date):
        value = value.item()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime.date):
        return value.isoformat()
    return str(value)
