"""The sections that plugins write into a report: each asked alone, checked, and kept as plain texts.

Whatever one of them raises or returns, the report is written: a section that fails stands in its place with
the reason, and among the warnings.
"""

from __future__ import annotations

import copy
import dataclasses
import os
import re
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from anncore.contract.kinds import FigureInput, ReportTable
from anncore.contract.kinds.sections import PLACES
from anncore.contract.registry import Registered, Registry
from anncore.contract.shown import shortened
from anncore.evidence.sentences import counted
from anncore.report import words

NOTHING_TO_SHOW = "It has nothing to show of these results."
MOST_ROWS = 1_000  # of a table on a page
LONGEST = 10_000  # characters of a text


def sections_of(registry: Registry) -> list[Registered]:
    """Return the sections that plugins bring, in the order of the report."""
    return sorted(registry.of_kind("section"), key=lambda known: (known.cls.order, known.full_name))


def add_sections(content: dict[str, Any], registry: Registry, data: FigureInput) -> None:
    """Write every section into `content["sections"]`; one that fails is named among the warnings."""
    for component in sections_of(registry):
        entry = write_section(component, data)
        content["sections"].append(entry)
        if entry["problem"]:
            owner = f"{entry['package']} {entry['version']}".rstrip()
            text = f"Section {entry['name']} ({owner}) could not be written: {entry['problem']}"
            content["answer"]["warnings"].append({"kind": "section", "text": text})


def write_section(component: Registered, data: FigureInput) -> dict[str, Any]:
    """Return what report.json says of a section: texts and tables, or the problem that it had."""
    entry: dict[str, Any] = {
        "name": component.name,
        "package": component.dist,
        "version": component.version,
        "title": component.name,
        "after": "diagnostics",
        "paragraphs": [],
        "tables": [],
        "problem": "",
    }
    try:
        cls: Any = component.cls
        entry["title"] = _text(cls.title) or component.name
        entry["after"] = cls.after if cls.after in PLACES else "diagnostics"
        paragraphs, tables = checked(cls().write(_own_copy(data)))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too: a plugin must not end its host
        if os.environ.get("ANNX_STRICT_PLUGINS") == "1":
            raise
        return {**entry, "problem": _reason(error)}
    return {**entry, "paragraphs": paragraphs, "tables": tables}


def checked(written: Any) -> tuple[list[str], list[dict[str, Any]]]:
    """Return the paragraphs and tables of what a section returned; raises TypeError for anything else."""
    if written is None:
        return [NOTHING_TO_SHOW], []
    pieces = [written] if isinstance(written, (str, ReportTable)) else written
    if not isinstance(pieces, Sequence):
        raise TypeError(f"write must return texts and tables, a text or None, got {type(written).__name__}")
    paragraphs, tables = [], []
    for piece in pieces:
        if isinstance(piece, str):
            paragraphs.append(_text(piece))
        elif isinstance(piece, ReportTable):
            table = _table(piece)
            tables.append(table)
            if len(piece.rows) > MOST_ROWS:
                paragraphs.append(
                    f"Of {len(piece.rows):,} rows of the table “{table['caption']}” the first "
                    f"{MOST_ROWS:,} are shown."
                )
        else:
            raise TypeError(
                f"write must return texts and ReportTables, got a {type(piece).__name__} among them"
            )
    return paragraphs or ([] if tables else [NOTHING_TO_SHOW]), tables


def _table(table: ReportTable) -> dict[str, Any]:
    columns = [_text(column) for column in table.columns]
    if not columns:
        raise TypeError("a ReportTable must have at least one column")
    for place, row in enumerate(table.rows):
        if isinstance(row, str) or len(row) != len(columns):
            cells = "a text" if isinstance(row, str) else counted(len(row), "cells")
            raise TypeError(
                f"row {place + 1} of a ReportTable has {cells} for {counted(len(columns), 'columns')}"
            )
    rows = [[_cell(value) for value in row] for row in table.rows[:MOST_ROWS]]
    return {"caption": _text(table.caption), "columns": columns, "rows": rows}


def _cell(value: Any) -> str:
    """Return a cell as text: numbers with three digits, a dash for what is not there."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or str(value) == "<NA>" or value != value:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return words.plain_number(value) if isinstance(value, float) else _text(value)


def _text(value: Any) -> str:
    """Return a text that every file can hold, cut where it would fill a page by itself."""
    text = re.sub("[\ud800-\udfff]", "\ufffd", str(value))
    return shortened(text, LONGEST)


def _reason(error: BaseException) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(last.filename).name}:{last.lineno}"
    return _text(" ".join(f"{type(error).__name__}: {error} ({where})".split()))


def _own_copy(data: FigureInput) -> FigureInput:
    """Return the data such that a section cannot change what the report says."""
    report: Mapping[str, Any] = copy.deepcopy(dict(data.report))
    return dataclasses.replace(data, trials=data.trials.copy(), curves=data.curves.copy(), report=report)
