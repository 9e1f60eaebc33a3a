"""Exports of experiment trackers as plain tables: prefixes, columns of dicts, panels, numbers with commas."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from anncore.contract.errors import ReportError

if TYPE_CHECKING:
    import pandas as pd

SETTINGS = ("params.", "config.", "config/", "hparams.", "hparams/")
METRICS = ("metrics.", "summary.", "summary/")
IGNORED = ("tags.", "system/", "system.", "_wandb")  # what a tracker notes of its own
DICTS = {"config": "config.", "summary": "summary.", "params": "params.", "metrics": "metrics."}
COMMA = re.compile(r"[+-]?\d*,\d+(e[+-]?\d+)?", re.IGNORECASE)
POINT = re.compile(r"[+-]?\d*\.\d+(e[+-]?\d+)?", re.IGNORECASE)
THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+")
PANEL = re.compile(r"(?P<run>.+) - (?P<metric>[^-]+)")
RUN = re.compile(r"(?P<arm>.*?[^\d\s_-])[\s_-]*(?:seed|run|s)?[\s_=-]*(?P<seed>\d+)", re.IGNORECASE)


class Export(NamedTuple):
    """A table whose columns have their bare names.

    settings: those that a tracker calls a configuration. given: by the name that a column had, its own.
    """

    table: pd.DataFrame
    settings: tuple[str, ...]
    given: Mapping[str, str]


def plain_table(table: pd.DataFrame, decimal: str | None = None) -> Export:
    """Return an export as a plain table.

    Columns of W&B's public API that hold dicts (config, summary) become one column for each of their keys;
    prefixes of W&B and MLflow are taken off (params.lr, metrics.loss); a panel of W&B (Step, "run - metric",
    and its __MIN and __MAX) becomes a row per run and step; decimal commas become points.
    """
    table = table.reset_index(drop=True)
    table.columns = [str(name) for name in table.columns]
    return _named(_with_points(_long_panel(_expanded(table)), decimal))


def _expanded(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with columns of dicts as a column for each key."""
    import pandas as pd

    for name in list(table.columns):
        start = DICTS.get(name.lower())
        if start is None or list(table.columns).count(name) > 1:
            continue
        dicts = [_dict(cell) for cell in table[name]]
        if not dicts or any(cells is None for cells in dicts):
            continue
        keys = dict.fromkeys(str(key) for cells in dicts for key in cells or {})
        columns = {
            f"{start}{key}": [{str(k): v for k, v in (cells or {}).items()}.get(key) for cells in dicts]
            for key in keys
            if not key.startswith("_wandb")
        }
        inner = pd.DataFrame(columns, index=table.index, dtype=object)
        flat = inner.map(lambda cell: None if isinstance(cell, (dict, list)) else cell)
        table = pd.concat([table.drop(columns=name), flat], axis=1)
    return table


def _dict(cell: Any) -> Mapping[Any, Any] | None:
    """Return a cell as a dict: one, or the text of one; None for anything else."""
    if isinstance(cell, Mapping):
        return cell
    if not isinstance(cell, str) or not cell.lstrip().startswith("{"):
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            value = read(cell)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        return value if isinstance(value, Mapping) else None
    return None


def _long_panel(table: pd.DataFrame) -> pd.DataFrame:
    """Return a panel of W&B as a row per run and step; any other table as it is."""
    import pandas as pd

    bounds = [name for name in table.columns if name.endswith(("__MIN", "__MAX"))]
    runs = [name for name in table.columns if PANEL.fullmatch(name) and name not in bounds]
    if not bounds or not runs:
        return table
    step = next((name for name in table.columns if name.lower() in ("step", "_step", "epoch")), None)
    if step is None:
        raise ReportError(
            "the table is a panel of W&B without the column Step; set the panel's x axis to Step, or export "
            "the table of runs."
        )
    parts = []
    for name in runs:
        whole = PANEL.fullmatch(name)
        run = RUN.fullmatch(whole["run"]) if whole else None
        if whole is None or run is None:
            raise ReportError(
                f"the table is a panel of W&B, and the run of column {name!r} does not end in its seed; name "
                "runs like 'adam-1', or export the table of runs."
            )
        part = pd.DataFrame(
            {"arm": run["arm"], "seed": run["seed"], "step": table[step], "score": table[name]}
        )
        there = [str(cell).strip() not in ("", "nan", "None") for cell in part["score"]]
        parts.append(part[there])
    return pd.concat(parts, ignore_index=True)


def _with_points(table: pd.DataFrame, decimal: str | None) -> pd.DataFrame:
    """Return the table with decimal points; raises ReportError where commas may mean two things."""
    if decimal == ".":
        return table
    texts = [name for name in dict.fromkeys(table.columns) if list(table.columns).count(name) == 1]
    columns = {
        name: [cell.strip() for cell in table[name] if isinstance(cell, str) and cell.strip()]
        for name in texts
    }
    commas = {
        name: cells
        for name, cells in columns.items()
        if any(map(COMMA.fullmatch, cells)) and not any(map(POINT.fullmatch, cells))
    }
    if not commas:
        mixed = next((name for name, cells in columns.items() if _all_spelt(cells)), None)
        if mixed is not None and decimal is None:
            raise ReportError(
                f"column {mixed!r} has numbers with a comma and numbers with a point; write all with a "
                "point, or give --decimal."
            )
        return table
    for name, cells in commas.items():
        numbers = [cell for cell in cells if "," in cell]
        if decimal is None and all(map(THOUSANDS.fullmatch, numbers)):
            raise ReportError(
                f"the commas of {numbers[0]!r} in column {name!r} may be decimal ones or separate thousands; "
                "give --decimal , or write the numbers without."
            )
        table = table.assign(
            **{name: [_pointed(cell) if isinstance(cell, str) else cell for cell in table[name]]}
        )
    return table


def _all_spelt(cells: list[str]) -> bool:
    """Tell whether all cells are numbers, some of them with a comma."""
    numbers = all(COMMA.fullmatch(cell) or POINT.fullmatch(cell) or cell.isdigit() for cell in cells)
    return numbers and any(map(COMMA.fullmatch, cells))


def _pointed(cell: str) -> str:
    return cell.replace(",", ".") if COMMA.fullmatch(cell.strip()) else cell


def _named(table: pd.DataFrame) -> Export:
    """Return the table with columns called without the prefix of an export; two of a name are refused."""
    given = [str(name) for name in table.columns]
    keep = [not name.lower().startswith(IGNORED) for name in given]
    table = table.loc[:, keep]
    given = [name for name, kept in zip(given, keep, strict=True) if kept]
    names = []
    for name in given:
        prefix = next(
            (p for p in (*SETTINGS, *METRICS) if name.lower().startswith(p) and len(name) > len(p)), ""
        )
        names.append(name[len(prefix) :])
    if len(set(names)) < len(names):  # a config and a metric of one name keep their prefixes
        names = [bare if names.count(bare) == 1 else whole for bare, whole in zip(names, given, strict=True)]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ReportError(f"the table has two columns {twice!r}; keep one.")
    settings = [bare for bare, whole in zip(names, given, strict=True) if whole.lower().startswith(SETTINGS)]
    table = table.copy()
    table.columns = names
    return Export(table, tuple(settings), dict(zip(given, names, strict=True)))
